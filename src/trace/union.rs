//! Two copies of parts of one logwatch, put together as it was.
//!
//! What a log says of a token can depend on all of it: on which addresses its pair is used to, on a line lost hours before.
//! Where two parts overlap, both are had as one log, and read as that; that is better than putting together what each of
//! them made one believe.
//!
//! Blocks of one second go together. A copy that begins or ends in the midst of them has fewer: the longer text is the
//! whole one.

use std::borrow::Cow;
use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::parse::datetime;
use crate::source::{decode, without_bom};

/// Both as one text; `None` of texts whose clocks go back, which nothing puts in order.
pub fn union(a: &[u8], b: &[u8], zone: Tz) -> Option<Vec<u8>> {
    let (a, b) = (groups(a, zone)?, groups(b, zone)?);
    let mut joined = Vec::new();
    let (mut left, mut right) = (a.iter().peekable(), b.iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) => a.0.cmp(&b.0),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return Some(joined),
        };
        let text = match order {
            Ordering::Less => left.next().map(|group| group.1),
            Ordering::Greater => right.next().map(|group| group.1),
            Ordering::Equal => {
                let both = left.next().zip(right.next());
                both.map(|(a, b)| if (a.1.len(), a.1) >= (b.1.len(), b.1) { a.1 } else { b.1 })
            }
        };
        joined.extend_from_slice(text.unwrap_or_default());
    }
}

/// The blocks of each second, in the order of time; what stands before the first date belongs to none.
fn groups(text: &[u8], zone: Tz) -> Option<Vec<(DateTime<Utc>, &[u8])>> {
    let text = without_bom(text);
    // A copy that ends in the midst of a line has nothing of that line that the other has not.
    let text = &text[..text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)];
    let mut starts: Vec<(DateTime<Utc>, usize)> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if let Some(stamp) = may_be_date(line).then(|| datetime::parse(&text_of(line))).flatten() {
            let last = starts.last().map(|start| start.0);
            let moment = stamp.moment(zone, last);
            match last.map_or(Ordering::Greater, |last| moment.cmp(&last)) {
                Ordering::Greater => starts.push((moment, at)),
                Ordering::Equal => {}
                Ordering::Less => return None,
            }
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).map(|start| start.1).chain([text.len()]);
    Some(starts.iter().zip(ends).map(|((moment, start), end)| (*moment, &text[*start..end])).collect())
}

/// Most lines are sockets or the daemon's: they name their state first, or a daemon in brackets.
fn may_be_date(line: &[u8]) -> bool {
    const STATES: [&[u8]; 6] = [b"ESTAB", b"FIN-", b"CLOS", b"LAST", b"SYN-", b"TIME"];
    !STATES.iter().any(|state| line.starts_with(state)) && line.len() < 80
}

fn text_of(line: &[u8]) -> Cow<'_, str> {
    decode(line.trim_ascii_end())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOGWATCH: &str = include_str!("../../fixtures/replay/origin.labo.example/files/logwatch");

    proptest! {
        #[test]
        fn parts_that_overlap_are_the_whole(cut in 0.2_f64..0.8, overlap in 0.1_f64..0.3) {
            let at = |share: f64| (LOGWATCH.len() as f64 * share.clamp(0.0, 1.0)).floor();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
            let (first, second) = (&LOGWATCH.as_bytes()[..at(cut + overlap / 2.0) as usize], &LOGWATCH.as_bytes()[at(cut - overlap / 2.0) as usize..]);
            let zone = chrono_tz::Europe::Paris;
            let whole = union(LOGWATCH.as_bytes(), b"", zone).unwrap();
            for joined in [union(first, second, zone), union(second, first, zone)] {
                let joined = joined.unwrap();
                prop_assert_eq!(String::from_utf8_lossy(&joined), String::from_utf8_lossy(&whole));
            }
        }
    }

    #[test]
    fn clocks_that_go_back_are_not_put_in_order() {
        let block =
            |clock: &str| format!("2021-12-08 {clock}\nESTAB 0 0 10.0.0.1:60213 10.0.0.2:50000\n{clock} (d) x\n");
        let (forth, back) = (block("09:00:00") + &block("10:00:00"), block("10:00:00") + &block("09:00:00"));
        assert!(union(forth.as_bytes(), forth.as_bytes(), chrono_tz::UTC).is_some());
        assert!(union(forth.as_bytes(), back.as_bytes(), chrono_tz::UTC).is_none());
    }
}
