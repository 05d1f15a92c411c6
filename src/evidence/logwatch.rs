//! Copies of a logwatch, added day by day.
//!
//! A section of a copy that is all there is of its day, as it is in every night but the first, is known by its hash; nothing
//! is read or written for it. Any other is put together with what is kept of the day.

use std::io::Read;

use chrono::NaiveDate;
use foldhash::HashMap;

use super::align::{Rule, Side};
use super::blocks::{FAR_BACK, Section, Sections, blocks};
use super::marks::BREAK_LINE;
use super::store::{Slot, Store};
use super::unit::{Names, Unit, is_timeless_part, segments, write};
use super::weave::{beside, join};
use super::{Added, EvidenceError, Kind, frame};

/// How many blocks a server writes with such a clock, until it is set right.
const MOST_BACK: u64 = 50;

/// Blocks of a wrong clock, as long as it is not known whether the log comes back to its time.
struct Back {
    text: Vec<u8>,
    day: NaiveDate,
    n_blocks: u64,
    last: Vec<u8>,
}

/// What stands before a section in its copy.
#[derive(Default)]
struct Before {
    /// The last block.
    last: Vec<u8>,
    /// The day that the copy had come to.
    day: Option<NaiveDate>,
    /// The day of a few blocks that are far ahead of that: of a clock that is wrong, or of a server that was away.
    ahead: Option<NaiveDate>,
}

impl Before {
    fn is_far_back(&self, day: NaiveDate) -> bool {
        self.day.is_some_and(|before| is_far(day, before))
    }

    fn pass(&mut self, section: &Section<'_>) {
        self.last.clear();
        self.last.extend_from_slice(section.last);
        let day = section.day;
        let is_ahead = self.day.is_some_and(|before| is_far(before, day));
        let goes_on = section.n_blocks > MOST_BACK || self.ahead.is_some_and(|ahead| !is_far(ahead, day));
        if is_ahead && !goes_on {
            self.ahead = Some(day);
        } else {
            (self.day, self.ahead) = (Some(day), None);
        }
    }
}

/// Whether a day is further before another than a log is ever silent.
fn is_far(day: NaiveDate, before: NaiveDate) -> bool {
    before.checked_sub_days(FAR_BACK).is_some_and(|far| day < far)
}

/// Adds a copy. A few blocks whose dates are years back stand where the log has them, on the day around them; those at the end
/// of a copy wait until it has grown.
pub(super) fn add(store: &mut Store, name: &str, copy: impl Read) -> Result<Added, EvidenceError> {
    store.settle();
    let mut sections = Sections::new(name, copy)?;
    let mut added = Added::default();
    let mut before = Before::default();
    let mut back: Option<Back> = None;
    while let Some(section) = sections.next()? {
        added.n_units += section.n_blocks;
        let is_back = before.is_far_back(section.day);
        match back.take() {
            None if is_back && section.n_blocks <= MOST_BACK => {
                let (text, last) = (section.text.to_vec(), section.last.to_vec());
                back = Some(Back { text, day: section.day, n_blocks: section.n_blocks, last });
            }
            Some(back) if !is_back => {
                let text = [&back.text, section.text].concat();
                let joined = Section { text: &text, n_blocks: section.n_blocks + back.n_blocks, ..section };
                take(store, &joined, &mut before, &mut added)?;
            }
            Some(back) => {
                let Back { text, day, n_blocks, last } = back;
                let own = Section { day, text: &text, is_first: false, n_blocks, last: &last, next: &[] };
                take(store, &own, &mut before, &mut added)?;
                take(store, &section, &mut before, &mut added)?;
            }
            None => take(store, &section, &mut before, &mut added)?,
        }
    }
    // Part of one block: no day is known for it.
    added.n_undated = u64::from(added.n_units == 0);
    Ok(added)
}

/// Takes a section in.
fn take(store: &mut Store, section: &Section<'_>, before: &mut Before, added: &mut Added) -> Result<(), EvidenceError> {
    if store.is_forgotten(section.day) {
        before.pass(section);
        return Ok(());
    }
    let (text, last) = (store.replaced(section.text, section.day), store.replaced(section.last, section.day));
    let section = &Section { text: &text, last: &last, ..*section };
    let text = if section.is_first { [BREAK_LINE, section.text].concat() } else { Vec::new() };
    let text = if section.is_first { &text } else { section.text };
    if !is_kept(store, section.day, text) && add_section(store, section, text, &before.last)? {
        added.days.insert(section.day);
    }
    before.pass(section);
    Ok(())
}

/// Whether a text is all that is kept of its day.
fn is_kept(store: &Store, day: NaiveDate, text: &[u8]) -> bool {
    let known = store.info(Kind::Logwatch, Slot::Day(day));
    known.is_some_and(|known| known.bytes == text.len() as u64 && *known == frame::info_of(text))
}

/// Adds a section, and says whether its day is another one now. `before`: the block before it in its copy.
fn add_section(store: &mut Store, section: &Section<'_>, text: &[u8], before: &[u8]) -> Result<bool, EvidenceError> {
    let slot = Slot::Day(section.day);
    let kept = store.get(Kind::Logwatch, slot)?;
    if kept.is_none() && !section.is_first {
        return Ok(store.put(Kind::Logwatch, slot, text)?);
    }
    // A copy that comes back to a day goes on where it left it.
    if let Some(kept) = kept.as_ref().filter(|kept| !section.is_first && !before.is_empty() && kept.ends_with(before)) {
        return Ok(store.put(Kind::Logwatch, slot, &[kept, text].concat())?);
    }
    let mut names = Names::new();
    let mut own = blocks(text, &mut names);
    if let [first, behind, ..] = own.as_slice()
        && !first.follows
        && !first.is_timed()
        && behind.is_timed()
        && last_block_before(store, section.day)?.is_some_and(|last| last.ends_with(first.text))
    {
        without_first(&mut own);
    }
    let Some(kept) = kept else { return Ok(store.put(Kind::Logwatch, slot, &write(&own))?) };
    let mut kept = blocks(&kept, &mut names);
    if kept.first().is_some_and(|first| !first.follows && !first.is_timed() && before.ends_with(first.text)) {
        without_first(&mut kept);
    }
    let is_cut = own.last().is_some_and(|last| !last.has_end());
    let behind = if is_cut { first_line_behind(store, section.day)? } else { Vec::new() };
    let merged = merged(Side { units: &own, next: section.next }, Side { units: &kept, next: &behind });
    Ok(store.put(Kind::Logwatch, slot, &write(&merged))?)
}

/// Takes away the end of a block of the day before, which is there whole.
fn without_first(units: &mut Vec<Unit<'_>>) {
    units.remove(0);
    if let Some(first) = units.first_mut() {
        first.follows = false;
    }
}

/// The last block that is kept of any day before.
fn last_block_before(store: &Store, day: NaiveDate) -> Result<Option<Vec<u8>>, EvidenceError> {
    let Some((before, _)) = store.days(Kind::Logwatch).range(..day).next_back() else { return Ok(None) };
    let text = store.get(Kind::Logwatch, Slot::Day(*before))?.unwrap_or_default();
    Ok(blocks(&text, &mut Names::new()).last().map(|last| last.text.to_vec()))
}

/// The first date line that is kept of any day behind.
fn first_line_behind(store: &Store, day: NaiveDate) -> Result<Vec<u8>, EvidenceError> {
    use std::ops::Bound::{Excluded, Unbounded};
    let mut behind = store.days(Kind::Logwatch).range((Excluded(day), Unbounded));
    let Some((behind, _)) = behind.next() else { return Ok(Vec::new()) };
    let text = store.get(Kind::Logwatch, Slot::Day(*behind))?.unwrap_or_default();
    let blocks = blocks(&text, &mut Names::new());
    Ok(blocks.first().map(|first| first.first_line().into_owned().into_bytes()).unwrap_or_default())
}

/// A section with what is kept of its day. Each piece that is kept is put where the section has it; what the section has
/// nothing of stands beside it, by time.
fn merged<'a>(own: Side<'_, 'a>, kept: Side<'_, 'a>) -> Vec<Unit<'a>> {
    let mut whole = own.units.to_vec();
    let mut places = places_of(&whole);
    let mut rest: Vec<Unit<'a>> = Vec::new();
    for segment in segments(kept.units) {
        let is_last = segment.as_ptr_range().end == kept.units.as_ptr_range().end;
        let piece = Side { units: segment, next: if is_last { kept.next } else { &[] } };
        let Some(first) = segment.iter().position(|unit| unit.is_timed() && places.contains_key(&unit.id)) else {
            if !is_timeless_part(segment, &whole) {
                rest.extend(segment);
            }
            continue;
        };
        if places[&segment[first].id].checked_sub(first).is_some_and(|at| is_within(segment, &whole, at)) {
            continue;
        }
        match join(&Side { units: &whole, next: own.next }, &piece, Rule::Blocks) {
            Some(joined) => {
                whole = joined;
                places = places_of(&whole);
            }
            None => rest.extend(segment),
        }
    }
    if rest.is_empty() {
        return whole;
    }
    beside(&Side { units: &whole, next: own.next }, &Side { units: &rest, next: kept.next })
}

fn places_of(units: &[Unit<'_>]) -> HashMap<u32, usize> {
    units.iter().enumerate().rev().map(|(at, unit)| (unit.id, at)).collect()
}

/// Whether a piece tells nothing new of a place in a sequence: most of what is kept, on most nights.
fn is_within(piece: &[Unit<'_>], whole: &[Unit<'_>], at: usize) -> bool {
    let Some(same) = whole.get(at..at + piece.len()) else { return false };
    let begins = same[0].follows || at > 0 || !piece[0].follows;
    let goes_on = same.iter().zip(piece).skip(1).all(|(unit, _)| unit.follows);
    begins && goes_on && same.iter().zip(piece).all(|(unit, own)| unit.id == own.id)
}
