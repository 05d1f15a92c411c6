//! Copies of a debug log, whose lines have clocks and no dates.
//!
//! The lines are dated over all that is of one log with a copy, never by when a file was written: of two copies, the one
//! with the date in it dates the other. What nothing dates waits among the undated lines.

use std::borrow::Cow;
use std::io::Read;
use std::ops::{Range, RangeInclusive};

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use foldhash::{HashMap, HashSet};

use super::lines::{Base, give_days, give_times, lines, name_a_date};
use super::store::{Slot, Store};
use super::unit::{Names, Unit, segments, write};
use super::window::Window;
use super::{Added, EvidenceError, Kind, frame, marks};
use crate::source;

/// So many of the newest days are searched for a copy without a date.
const MOST_SEARCHED: usize = 400;
/// So many different lines of a day that such a copy shows are no chance.
const SURE: usize = 3;

/// Adds a copy of a server in `zone`.
pub(super) fn add(store: &mut Store, name: &str, mut copy: impl Read, zone: Tz) -> Result<Added, EvidenceError> {
    store.settle();
    let mut bytes = Vec::new();
    copy.read_to_end(&mut bytes)?;
    source::check_is_text(name, &bytes)?;
    let text = marks::clean_all(&bytes);
    drop(bytes);
    take_in_dated(store, zone)?;
    add_text(store, &text, zone, Base::Own)
}

/// Adds what a run that was killed left among the undated lines though it names its dates.
fn take_in_dated(store: &mut Store, zone: Tz) -> Result<(), EvidenceError> {
    for text in undated(store)? {
        if name_a_date(&lines(&text, &mut Names::new())) {
            add_text(store, &text, zone, Base::Own)?;
        }
    }
    Ok(())
}

/// The pieces of the undated text, each with its own text.
fn undated(store: &Store) -> Result<Vec<Vec<u8>>, EvidenceError> {
    let text = store.get(Kind::DebugLog, Slot::Undated)?.unwrap_or_default();
    let units = lines(&text, &mut Names::new());
    Ok(segments(&units).map(write).collect())
}

/// Gives undated pieces the day of their first line, where `by` can tell it from their lines.
pub(super) fn date_undated(
    store: &mut Store,
    zone: Tz,
    by: &dyn Fn(&[&str]) -> Option<NaiveDate>,
) -> Result<Added, EvidenceError> {
    store.settle();
    let mut added = Added::default();
    for text in undated(store)? {
        let units = lines(&text, &mut Names::new());
        let texts: Vec<_> = units.iter().map(Unit::first_line).collect();
        let Some(day) = by(&texts.iter().map(|text| &**text).collect::<Vec<_>>()) else { continue };
        let Added { days, n_units, n_undated } = add_text(store, &text, zone, Base::Known(day))?;
        added.days.extend(days);
        added.n_units += n_units;
        added.n_undated += n_undated;
    }
    Ok(added)
}

/// A text with pseudonyms in the place of those who are forgotten: by the days of its lines; of one that does not say them, by
/// those that show it.
fn replaced<'t>(store: &Store, text: &'t [u8], zone: Tz, base: Base) -> Result<Cow<'t, [u8]>, EvidenceError> {
    if store.forgotten.is_none() {
        return Ok(Cow::Borrowed(text));
    }
    let mut own = lines(text, &mut Names::new());
    if let Some(first) = own.first_mut() {
        first.follows = false;
    }
    if !give_days(&mut own, zone, base) {
        // What is kept has pseudonyms already.
        let all = store.replaced(text, NaiveDate::MIN);
        let mut own = lines(&all, &mut Names::new());
        give_times(&mut own);
        let days = days_that_show(store, &own)?;
        return Ok(days.map_or(Cow::Borrowed(text), |days| store.replaced(text, *days.end())));
    }
    let mut new = Vec::new();
    for section in own.chunk_by(|one, next| one.day == next.day) {
        let text = write(section);
        match section[0].day {
            Some(day) => new.extend_from_slice(&store.replaced(&text, day)),
            None => new.extend_from_slice(&text),
        }
    }
    Ok(Cow::Owned(new))
}

fn add_text(store: &mut Store, text: &[u8], zone: Tz, base: Base) -> Result<Added, EvidenceError> {
    let text = &*replaced(store, text, zone, base)?;
    let mut names = Names::new();
    let mut own = lines(text, &mut names);
    let n_lines = own.len() as u64;
    if let Some(first) = own.first_mut() {
        first.follows = false;
    }
    let mut is_dated = give_days(&mut own, zone, base);
    give_times(&mut own);
    let mut days = None;
    if is_dated {
        let Some(part) = new_part(store, &own) else { return Ok(Added { n_units: n_lines, ..Added::default() }) };
        own.truncate(part.end);
        own.drain(..part.start);
        // What somebody knows is as good as what is kept.
        for unit in &mut own {
            unit.is_kept = base != Base::Own;
        }
        let known = || own.iter().filter_map(|unit| unit.day);
        days = known().min().zip(known().max()).map(|(first, last)| first..=last);
    } else if let Some(found) = days_that_show(store, &own)? {
        days = Some(found);
    }
    let window = Window::load(store, days)?;
    let spliced = window.splice(own, &mut names, zone);
    is_dated = spliced.is_dated;
    let days = window.keep(store, &spliced)?;
    let (n_units, n_undated) = if is_dated { (n_lines, 0) } else { (0, n_lines) };
    Ok(Added { days, n_units, n_undated })
}

/// The part of a dated copy that is not kept as it is, with a day on either side; `None` where all of it is.
fn new_part(store: &Store, own: &[Unit<'_>]) -> Option<Range<usize>> {
    let mut sections: Vec<(Range<usize>, bool)> = Vec::new();
    let mut start = 0;
    for section in own.chunk_by(|one, next| one.day == next.day) {
        let kept = section[0].day.and_then(|day| store.info(Kind::DebugLog, Slot::Day(day)));
        // What is forgotten is never new.
        let is_kept = section[0].day.is_some_and(|day| store.is_forgotten(day))
            || kept.is_some_and(|kept| *kept == frame::info_of(&write(section)));
        sections.push((start..start + section.len(), is_kept));
        start += section.len();
    }
    let first = sections.iter().position(|(_, is_kept)| !is_kept)?;
    let last = sections.iter().rposition(|(_, is_kept)| !is_kept)?;
    let end = sections.get(last + 1).unwrap_or(&sections[last]).0.end;
    Some(sections[first.saturating_sub(1)].0.start..end)
}

/// The days under which lines of a copy without a date can be kept: around the newest that show enough of them.
fn days_that_show(store: &Store, own: &[Unit<'_>]) -> Result<Option<RangeInclusive<NaiveDate>>, EvidenceError> {
    let texts: HashSet<&[u8]> =
        own.iter().filter(|unit| unit.is_timed() && unit.has_end()).map(|unit| unit.text).collect();
    let enough = texts.len().min(SURE);
    // Times of a copy without a date count from its first day.
    let seconds = own.last().map_or(0, |last| last.at / 2);
    let reach = Days::new(u64::try_from(seconds / 86_400).unwrap_or_default());
    let mut shown: HashMap<&[u8], NaiveDate> = HashMap::default();
    for day in store.days(Kind::DebugLog).keys().rev().take(MOST_SEARCHED).filter(|_| enough > 0) {
        let text = store.get(Kind::DebugLog, Slot::Day(*day))?.unwrap_or_default();
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        shown.extend(lines.filter_map(|line| Some((*texts.get(line)?, *day))));
        let last = day.checked_add_days(reach).unwrap_or(*day);
        if shown.values().filter(|shown| **shown <= last).count() >= enough {
            return Ok(Some(day.checked_sub_days(reach).unwrap_or(*day)..=last));
        }
    }
    Ok(None)
}
