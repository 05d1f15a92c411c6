//! Overlapping holds of one pair into sessions, sessions into days.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chrono::{DateTime, Datelike, Duration, NaiveDate, Utc};
use chrono_tz::Tz;

use super::Span;
use super::carry::{CarriedShare, Carry};
use super::holds::{Address, Held, Holding};
use super::tokens::List;
use crate::model::{Evidence, Feature, Identity, State};
use crate::parse::datetime::end_of_day;

/// From the moment a pair first holds a token until it holds none.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Who.
    pub who: Identity,
    /// The licensed feature.
    pub feature: Feature,
    /// When it began.
    pub start: DateTime<Utc>,
    /// When it ended, as far as `state` says.
    pub end: DateTime<Utc>,
    /// What the end is.
    pub state: State,
    /// The address of most of its tokens.
    pub ip: Option<IpAddr>,
    /// What ties the address to the session.
    pub evidence: Evidence,
}

/// The part of a session inside one calendar day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// The day.
    pub date: NaiveDate,
    /// Its beginning.
    pub start: DateTime<Utc>,
    /// Its end; the next midnight for one that is cut there.
    pub end: DateTime<Utc>,
    /// Whether it is cut at its end.
    pub cut: bool,
}

impl Session {
    /// The session by days of `zone`. The pieces add up to the session exactly; none is empty, unless the session is.
    pub fn pieces(&self, zone: Tz) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut start = self.start;
        loop {
            let date = start.with_timezone(&zone).date_naive();
            let midnight = end_of_day(date, zone);
            let cut = midnight < self.end;
            pieces.push(Piece { date, start, end: if cut { midnight } else { self.end }, cut });
            if !cut {
                return pieces;
            }
            start = midnight;
        }
    }
}

impl Piece {
    /// Its length in seconds, to midnight where it is cut.
    pub fn seconds(&self) -> i64 {
        (self.end - self.start).num_seconds()
    }

    /// The last second that is shown: 23:59:59 where it is cut.
    pub fn shown_end(&self) -> DateTime<Utc> {
        if self.cut { self.end - Duration::seconds(1) } else { self.end }
    }

    /// The day of the week, 1 for Monday to 7.
    pub fn weekday(&self) -> u32 {
        self.date.weekday().number_from_monday()
    }
}

/// A session that starts within a second of the end of the pair's last one continues it.
pub const SEAM: Duration = Duration::seconds(1);

/// One token as far as a session depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Share {
    /// Its beginning.
    start: DateTime<Utc>,
    /// Its end.
    end: DateTime<Utc>,
    /// What the end is.
    state: State,
    /// The address that it was taken from, where one is known.
    address: Option<Address>,
    /// Whether it is still out where its stretch ends.
    is_out: bool,
}

/// The sessions that are over or, at the end of all evidence, were seen last; and the tokens of those that go on.
pub(super) fn join(
    list: &List,
    held: &Held,
    carry: &Carry,
    span: &Span,
    licence: &str,
) -> (Vec<Session>, Vec<CarriedShare>) {
    // What is borrowed is no use: a session of its own beside those of its pair.
    let mut by_owner: BTreeMap<(&Identity, &str, bool), Vec<Share>> = BTreeMap::new();
    for CarriedShare { owner, start, end, state, address } in &carry.shares {
        let share = Share { start: *start, end: *end, state: *state, address: *address, is_out: false };
        by_owner.entry((&owner.0, &owner.1, *state == State::Borrowed)).or_default().push(share);
    }
    for (holding, address) in held.holdings.iter().zip(&held.addresses) {
        let Holding { start, end, state, .. } = *holding;
        let is_out = holding.is_out() && span.as_of.is_none();
        let end = if is_out { span.until.max(start) } else { end };
        let share = Share { start, end, state, address: *address, is_out };
        let owner = (&list.pairs[holding.pair as usize], &*holding.feature, holding.borrowed);
        by_owner.entry(owner).or_default().push(share);
    }
    let (mut sessions, mut going_on) = (Vec::new(), Vec::new());
    for ((who, feature, is_borrowed), mut shares) in by_owner {
        shares.sort_by_key(|share| (share.start, share.end));
        for (shares, end) in together(&shares) {
            if span.as_of.is_none() && (shares.iter().any(|share| share.is_out) || end + SEAM >= span.until) {
                let over = shares.iter().filter(|share| !share.is_out);
                going_on.extend(over.map(|&Share { start, end, state, address, .. }| {
                    let owner = (who.clone(), feature.to_owned());
                    CarriedShare { owner, start, end, state, address }
                }));
            } else {
                let mut session = session(who, Feature::new(licence, feature), shares, end);
                // Two sessions of a pair that begin in one second are told apart by it.
                let is_start = |other: &Session| (&other.who, other.start) == (who, session.start);
                if is_borrowed && session.start < end && sessions.iter().any(is_start) {
                    session.start += SEAM;
                }
                sessions.push(session);
            }
        }
    }
    sessions.sort_by(|a, b| (a.start, &a.who, &a.feature).cmp(&(b.start, &b.who, &b.feature)));
    (sessions, going_on)
}

/// Tokens in the order of their starts, by those that overlap or touch, with the end of each such run.
fn together(shares: &[Share]) -> Vec<(&[Share], DateTime<Utc>)> {
    let mut runs = Vec::new();
    let mut rest = shares;
    while let Some(first) = rest.first() {
        let mut end = first.end;
        let mut n = 1;
        while let Some(next) = rest.get(n).filter(|next| next.start <= end + SEAM) {
            end = end.max(next.end);
            n += 1;
        }
        runs.push((&rest[..n], end));
        rest = &rest[n..];
    }
    runs
}

fn session(who: &Identity, feature: Feature, shares: &[Share], end: DateTime<Utc>) -> Session {
    // Of those that end last, an open one is the surest sign that the session is.
    let state = shares.iter().filter(|share| share.end == end).map(|share| share.state).max();
    let mut votes: BTreeMap<IpAddr, (u32, Evidence)> = BTreeMap::new();
    for (ip, evidence) in shares.iter().filter_map(|share| share.address) {
        let vote = votes.entry(ip).or_default();
        *vote = (vote.0 + 1, vote.1.max(evidence));
    }
    let best = votes.iter().max_by_key(|(ip, (n, evidence))| (*n, *evidence, std::cmp::Reverse(**ip)));
    Session {
        who: who.clone(),
        feature,
        start: shares.first().map_or(end, |share| share.start),
        end,
        state: state.unwrap_or(State::Closed),
        ip: best.map(|(ip, _)| *ip),
        evidence: best.map_or(Evidence::Unknown, |(_, (_, evidence))| *evidence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Europe::Paris;

    fn session_of(start: &str, end: &str) -> Session {
        Session {
            who: Identity::new("anna", "PC-1"),
            feature: Feature::new("origin", "OriginPro"),
            start: start.parse().unwrap(),
            end: end.parse().unwrap(),
            state: State::Closed,
            ip: None,
            evidence: Evidence::Unknown,
        }
    }

    #[test]
    fn three_days_are_three_pieces_as_the_seeds_show() {
        let session = session_of("2012-01-03T02:17:00+01:00", "2012-01-05T18:03:00+01:00");
        let pieces: Vec<_> = session
            .pieces(Paris)
            .iter()
            .map(|p| (p.date.to_string(), p.shown_end().with_timezone(&Paris).format("%T").to_string(), p.weekday()))
            .collect();
        assert_eq!(
            pieces,
            [
                ("2012-01-03".to_owned(), "23:59:59".to_owned(), 2),
                ("2012-01-04".to_owned(), "23:59:59".to_owned(), 3),
                ("2012-01-05".to_owned(), "18:03:00".to_owned(), 4)
            ]
        );
    }

    #[test]
    fn days_of_23_and_25_hours_count_what_they_have() {
        for (start, end, middle) in [
            ("2022-03-26T12:00:00+01:00", "2022-03-28T12:00:00+02:00", 23),
            ("2021-10-30T12:00:00+02:00", "2021-11-01T12:00:00+01:00", 25),
        ] {
            let pieces = session_of(start, end).pieces(Paris);
            assert_eq!(pieces[1].seconds(), middle * 3600);
        }
    }

    #[test]
    fn a_session_that_ends_at_midnight_has_no_piece_of_the_next_day() {
        let pieces = session_of("2021-12-08T22:00:00+01:00", "2021-12-09T00:00:00+01:00").pieces(Paris);
        assert_eq!((pieces.len(), pieces[0].seconds(), pieces[0].cut), (1, 7200, false));
    }

    #[test]
    fn a_midnight_that_comes_twice_or_never_cuts_once() {
        for (zone, start, end, seconds) in [
            // 24:00 becomes 23:00.
            (chrono_tz::America::Santiago, "2022-04-02T12:00:00-03:00", "2022-04-03T12:00:00-04:00", [46_800, 43_200]),
            // 1:00 becomes 0:00.
            (chrono_tz::America::Havana, "2021-11-06T12:00:00-04:00", "2021-11-07T12:00:00-05:00", [43_200, 46_800]),
            // 0:00 becomes 1:00.
            (chrono_tz::Asia::Tehran, "2021-03-21T12:00:00+03:30", "2021-03-22T12:00:00+04:30", [43_200, 39_600]),
        ] {
            let pieces = session_of(start, end).pieces(zone);
            assert_eq!(pieces.iter().map(Piece::seconds).collect::<Vec<_>>(), seconds, "{zone}");
        }
    }

    proptest::proptest! {
        #[test]
        fn pieces_add_up_to_the_session(start in 0_i64..4_000_000_000, length in 0_i64..2_000_000) {
            let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
            let session = Session { start: at(start), end: at(start + length), ..session_of("2021-12-08T22:00:00Z", "2021-12-08T22:00:00Z") };
            for zone in [Paris, chrono_tz::America::Santiago, chrono_tz::Asia::Kathmandu, chrono_tz::America::Havana] {
                let pieces = session.pieces(zone);
                proptest::prop_assert_eq!(pieces.iter().map(Piece::seconds).sum::<i64>(), length);
                proptest::prop_assert!(pieces.windows(2).all(|two| two[0].end == two[1].start && two[0].date < two[1].date));
            }
        }
    }
}
