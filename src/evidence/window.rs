//! The days of a debug log around a copy: taken out, put together with it, dated anew, and put back.
//!
//! What is kept is taken as the pieces within which every line is known to follow the one before, over all days. A piece
//! that a copy shares lines with becomes one with it, which can date it, move it to another day, or close a gap.
//!
//! # Killed in between
//!
//! A day that gains lines is written first, and the undated ones last: whoever is killed leaves lines in both, and the next
//! copy finds the undated ones in what is dated. Where a day loses lines to another, the whole sequence is written among the
//! undated ones before anything else. It names its dates itself, by which the next run knows what happened and adds it as
//! a copy (`take_in_dated`); then no line is lost, and none is there twice.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::ops::RangeInclusive;

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use foldhash::HashSet;

use super::align::{Rule, Side};
use super::lines::{Base, give_days, give_times, lines};
use super::marks::{self, BREAK};
use super::store::{Slot, Store};
use super::unit::{Names, Unit, is_timeless_part, segments, write};
use super::weave::join;
use super::{EvidenceError, Kind};

/// How many days before and behind a copy's own its lines can be kept under, by dates that it got wrong.
const MARGIN: Days = Days::new(9);

/// Kept texts of days in a row, and the undated one.
#[derive(Debug)]
pub(super) struct Window {
    days: Vec<(NaiveDate, Vec<u8>)>,
    undated: Vec<u8>,
}

/// What became of a copy and all around it.
#[derive(Debug)]
pub(super) struct Spliced<'a> {
    /// The copy, with whatever is of one log with it.
    whole: Vec<Unit<'a>>,
    /// Whether it has days.
    pub(super) is_dated: bool,
    /// All other pieces.
    others: Vec<Vec<Unit<'a>>>,
}

impl Window {
    /// The days of a range with those around it; the undated lines only, where there is none.
    pub(super) fn load(store: &Store, days: Option<RangeInclusive<NaiveDate>>) -> Result<Self, EvidenceError> {
        let text = |slot| store.get(Kind::DebugLog, slot).map(Option::unwrap_or_default);
        let mut loaded = Vec::new();
        if let Some(days) = days {
            let first = days.start().checked_sub_days(MARGIN).unwrap_or(NaiveDate::MIN);
            let last = days.end().checked_add_days(MARGIN).unwrap_or(NaiveDate::MAX);
            let known = store.days(Kind::DebugLog);
            // With one more on either side: its lines follow, or are followed, from however far.
            let first = known.range(..first).next_back().map_or(first, |(day, _)| *day);
            let last = known.range((Excluded(last), Unbounded)).next().map_or(last, |(day, _)| *day);
            for day in known.range(first..=last).map(|(day, _)| *day) {
                loaded.push((day, text(Slot::Day(day))?));
            }
        }
        Ok(Self { days: loaded, undated: text(Slot::Undated)? })
    }

    /// The pieces of what is kept.
    fn pieces<'a>(&'a self, names: &mut Names<'a>) -> Vec<Vec<Unit<'a>>> {
        let mut all = Vec::new();
        for (day, text) in &self.days {
            all.extend(lines(text, names).into_iter().map(|unit| Unit { day: Some(*day), is_kept: true, ..unit }));
        }
        let undated = lines(&self.undated, names);
        let mut pieces: Vec<Vec<Unit<'a>>> = segments(&all).chain(segments(&undated)).map(<[_]>::to_vec).collect();
        for piece in &mut pieces {
            give_times(piece);
        }
        pieces
    }

    /// Puts a copy together with what is kept.
    pub(super) fn splice<'a>(&'a self, copy: Vec<Unit<'a>>, names: &mut Names<'a>, zone: Tz) -> Spliced<'a> {
        let (mut whole, mut others) = (copy, self.pieces(names));
        // A piece can be the copy's only through another piece.
        loop {
            let n_before = others.len();
            others = std::mem::take(&mut others).into_iter().filter_map(|piece| joined(&mut whole, piece)).collect();
            if others.len() == n_before {
                break;
            }
        }
        // What goes on from before the window is dated from there.
        let known = whole.first().filter(|first| first.follows && first.is_kept).and_then(|first| first.day);
        let is_dated = give_days(&mut whole, zone, known.map_or(Base::Own, Base::Known));
        give_times(&mut whole);
        Spliced { whole, is_dated, others }
    }

    /// Keeps what became of it, and says which days changed.
    pub(super) fn keep(&self, store: &mut Store, spliced: &Spliced<'_>) -> Result<BTreeSet<NaiveDate>, EvidenceError> {
        let mut texts = spliced.texts();
        if !self.is_improved_by(&texts, &spliced.undated(false)) {
            return Ok(BTreeSet::new());
        }
        let mut losing = Vec::new();
        for (day, old) in &self.days {
            let new = texts.entry(*day).or_default();
            if loses(old, new) {
                losing.push((*day, std::mem::take(new)));
                texts.remove(day);
            }
        }
        if !losing.is_empty() && spliced.is_dated {
            store.put(Kind::DebugLog, Slot::Undated, &spliced.undated(true))?;
        }
        let mut changed = BTreeSet::new();
        for (day, text) in losing.into_iter().chain(texts) {
            if store.put(Kind::DebugLog, Slot::Day(day), &text)? {
                changed.insert(day);
            }
        }
        store.put(Kind::DebugLog, Slot::Undated, &spliced.undated(false))?;
        Ok(changed)
    }
}

impl Window {
    /// Whether texts tell more than what is kept: a line that is not there yet; or more lines with a day, fewer gaps, more of
    /// equal lines. Copies that contradict each other can be put together in several ways: one of them stays.
    fn is_improved_by(&self, texts: &BTreeMap<NaiveDate, Vec<u8>>, undated: &[u8]) -> bool {
        let old = || self.days.iter().map(|(_, text)| text.as_slice()).chain([self.undated.as_slice()]);
        let new = || texts.values().map(Vec::as_slice).chain([undated]);
        let known: HashSet<(&[u8], bool)> = old().flat_map(marks::lines).collect();
        if new().flat_map(marks::lines).any(|line| !known.contains(&line)) {
            return true;
        }
        let worth = |undated: &[u8], all: Vec<&[u8]>| {
            let lines = all.iter().flat_map(|text| marks::lines(text));
            let (breaks, lines): (Vec<_>, Vec<_>) = lines.partition(|(line, _)| *line == [BREAK]);
            let n_undated = marks::lines(undated).count();
            (Reverse(n_undated), Reverse(breaks.len()), lines.len(), all.concat())
        };
        worth(undated, new().collect()) > worth(&self.undated, old().collect())
    }
}

/// Takes a piece into a sequence where both are of one log; gives it back where they are not.
fn joined<'a>(whole: &mut Vec<Unit<'a>>, piece: Vec<Unit<'a>>) -> Option<Vec<Unit<'a>>> {
    if is_timeless_part(&piece, whole) {
        return None;
    }
    match join(&Side::new(whole), &Side::new(&piece), Rule::Lines) {
        Some(both) => {
            *whole = both;
            None
        }
        None => Some(piece),
    }
}

/// Whether a text has a line that another has not.
fn loses(old: &[u8], new: &[u8]) -> bool {
    let kept: HashSet<(&[u8], bool)> = marks::lines(new).collect();
    marks::lines(old).any(|line| !kept.contains(&line))
}

impl Spliced<'_> {
    fn is_undated(piece: &[Unit<'_>]) -> bool {
        piece.first().is_none_or(|first| first.day.is_none())
    }

    /// The texts of the days. What is known to follow stands together, by its first line of the day, as it will when it is
    /// taken out again.
    fn texts(&self) -> BTreeMap<NaiveDate, Vec<u8>> {
        let dated = self.others.iter().chain([&self.whole]).filter(|piece| !Self::is_undated(piece));
        let mut runs = Vec::new();
        for (number, piece) in dated.flat_map(|piece| segments(piece)).enumerate() {
            let mut start = 0;
            for run in piece.chunk_by(|one, next| one.day == next.day) {
                runs.push((run[0].day.unwrap_or_default(), run[0].at, number, start, run));
                start += run.len();
            }
        }
        runs.sort_by(|a, b| {
            let texts =
                |run: &[Unit<'_>], other: &[Unit<'_>]| run.iter().map(|u| u.text).cmp(other.iter().map(|u| u.text));
            (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| texts(a.4, b.4))
        });
        let mut texts: BTreeMap<NaiveDate, Vec<u8>> = BTreeMap::new();
        let mut last = None;
        for (day, .., number, start, run) in runs {
            // The first line of a window can follow what is not in it.
            let is_next = last == Some((number, start)) || last.is_none() && start == 0;
            let first = Unit { follows: run[0].follows && is_next, ..run[0] };
            let text = texts.entry(day).or_default();
            text.extend(write(&[first]));
            text.extend(write(&run[1..]));
            last = Some((number, start + run.len()));
        }
        texts
    }

    /// The text of what has no day; `with_whole`: with the copy, whether it has days or not.
    fn undated(&self, with_whole: bool) -> Vec<u8> {
        let whole = Some(&self.whole).filter(|_| with_whole || !self.is_dated);
        let pieces = self.others.iter().filter(|piece| Self::is_undated(piece)).chain(whole);
        // In an order that says nothing of which came first.
        let texts: BTreeSet<Vec<u8>> = pieces.flat_map(|piece| segments(piece)).map(begun).collect();
        texts.into_iter().collect::<Vec<_>>().concat()
    }
}

/// The text of a piece that nothing is known to stand before.
fn begun(piece: &[Unit<'_>]) -> Vec<u8> {
    let mut units = piece.to_vec();
    units.iter_mut().take(1).for_each(|first| first.follows = false);
    write(&units)
}
