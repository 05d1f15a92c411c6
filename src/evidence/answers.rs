//! Answers of `lmstat`: each whole, those of a day in the order of their times.

use super::marks::{self, BREAK_LINE};
use super::store::{Slot, Store};
use super::{Added, EvidenceError, Kind};
use crate::parse::lmstat;
use crate::source::{self, Source};

/// Adds an answer, if it says when it was given; otherwise it is counted as undated, and not kept.
pub(super) fn add(store: &mut Store, answer: &[u8]) -> Result<Added, EvidenceError> {
    store.settle();
    source::check_is_text("lmstat", answer)?;
    let own = marks::clean_all(answer);
    let Some(at) = time_of(&own) else { return Ok(Added { n_undated: 1, ..Added::default() }) };
    let (day, mut added) = (at.date(), Added { n_units: 1, ..Added::default() });
    let own = store.replaced(&own, day).into_owned();
    let kept = store.get(Kind::Lmstat, Slot::Day(day))?.unwrap_or_default();
    let mut answers: Vec<_> = answers(&kept).chain([&own[..]]).map(|answer| (time_of(answer), answer)).collect();
    answers.sort_unstable();
    answers.dedup();
    let text: Vec<&[u8]> = answers.iter().flat_map(|(_, answer)| [BREAK_LINE, answer]).collect();
    if store.put(Kind::Lmstat, Slot::Day(day), &text.concat())? {
        added.days.insert(day);
    }
    Ok(added)
}

/// The answers that the text of a day of `lmstat` holds, in the order of time.
pub fn answers(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.strip_prefix(BREAK_LINE).unwrap_or(rest);
        // A mark is a line of its own.
        let end = memchr::memmem::find(rest, b"\n\x1e\n").map_or(rest.len(), |end| end + 1);
        let (answer, behind) = rest.split_at(end);
        rest = behind;
        (!answer.is_empty()).then_some(answer)
    })
}

fn time_of(answer: &[u8]) -> Option<chrono::NaiveDateTime> {
    lmstat::parse(&Source::from_bytes("lmstat", answer)).items.at
}
