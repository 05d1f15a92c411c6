//! Histories put into another one: each line once, and nothing lost.
//!
//! When is a line known? Where both say their day: by day, user and address, of which a history has one line; a file that
//! has several has their sum. Else by what they say: an older line is one that is there where the address, the time and all
//! else that both tell agree. In `line` and `table`, where two days can be the same text, each line of a file stands for
//! one: a copy of a history that is already there adds nothing, and a file that has a line once more than the history adds
//! it once. What a known line does not tell and the other does is put in.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use chrono::NaiveDate;

use super::entry::Entry;
use super::read::{Told, read};
use super::{TABLE_HEADER, shown};
use crate::config::HistoryFormat;
use crate::finding::{Finding, Kind};
use crate::model::State;
use crate::source::Source;

/// What an import did.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The history with all of it.
    pub text: String,
    /// How many lines were read.
    pub n_read: usize,
    /// How many of them the history did not have.
    pub n_new: usize,
    /// How many of the new ones do not say their day.
    pub n_undated: usize,
    /// How many lines could not be read.
    pub n_unreadable: usize,
    /// What looks wrong in the files.
    pub findings: Vec<Finding>,
}

/// Puts the lines of files into a history, new ones in a format, in the order of their days; those without a day stand
/// first, as they are older than all that jeton wrote. What the history holds stays where it is, as it is.
pub fn import(history: &Source, files: &[Source], format: HistoryFormat) -> Imported {
    let mut shelf = Shelf::new(history);
    let n_old = shelf.known.len();
    let (mut n_read, mut n_unreadable) = (0, 0);
    let mut findings = Vec::new();
    for file in files {
        let parsed = read(file);
        n_read += parsed.items.len();
        n_unreadable += parsed.findings.iter().filter(|finding| finding.kind == Kind::UnreadableLine).count();
        findings.extend(parsed.findings);
        let items = summed(parsed.items);
        // A line that is there to the address is no other line's, whichever comes first.
        let exact: Vec<Option<usize>> = items.iter().map(|told| shelf.find_day(&told.entry)).collect();
        let mut claimed: Claimed =
            items.iter().zip(&exact).filter_map(|(told, at)| Some(((*at)?, told.format))).collect();
        for (told, at) in items.into_iter().zip(exact) {
            let place = file.at(told.line);
            if let Some(entry) = shelf.put(told, at, &mut claimed)
                && entry.date.is_none()
            {
                findings.push(Finding::new(Kind::HistoryUndated, place, entry.user()));
            }
        }
    }
    let new = &shelf.known[n_old..];
    Imported {
        text: shelf.text(history, format),
        n_read,
        n_new: new.len(),
        n_undated: new.iter().filter(|known| known.told.entry.date.is_none()).count(),
        n_unreadable,
        findings,
    }
}

/// The lines of a file with those of one day, user and address as one, as jeton writes them.
fn summed(items: Vec<Told>) -> Vec<Told> {
    let mut days: HashMap<(Day, Option<IpAddr>), usize> = HashMap::new();
    let mut kept: Vec<Told> = Vec::with_capacity(items.len());
    for told in items {
        let day = day_of(&told.entry).map(|day| (day, told.entry.ip));
        let at = day.map(|day| *days.entry(day).or_insert(kept.len())).filter(|at| *at < kept.len());
        match at.map(|at| &mut kept[at]) {
            Some(known) => add_up(&mut known.entry, told.entry),
            None => kept.push(told),
        }
    }
    kept
}

/// Adds a line of the same day, user and address: another piece of it, or the same one, said again.
fn add_up(known: &mut Entry, other: Entry) {
    if known.start == other.start && (known.start.is_some() || known.minutes == other.minutes) {
        // It has gone on since.
        if other.minutes > known.minutes {
            *known = other;
        }
        return;
    }
    if let Some(minutes) = other.minutes {
        known.minutes = Some(known.minutes.unwrap_or(0.0) + minutes);
    }
    known.end = other.end.or_else(|| known.end.take());
    known.state = other.state.or(known.state);
}

/// The lines that a file has stood for, by the format in which it did.
type Claimed = HashSet<(usize, HistoryFormat)>;

/// A line that is known.
struct Known {
    told: Told,
    /// Whether it is in the history already, and by now tells more than its line there.
    is_old: bool,
    is_changed: bool,
}

/// What a dated line is known by.
type Day = (NaiveDate, String);
/// What lines that may be the same have in common: address and minutes, to the one decimal that all formats have.
type Likeness = (Option<IpAddr>, String);

#[derive(Default)]
struct Shelf {
    known: Vec<Known>,
    by_day: HashMap<Day, Vec<usize>>,
    by_likeness: HashMap<Likeness, Vec<usize>>,
}

impl Shelf {
    fn new(history: &Source) -> Self {
        let mut this = Self::default();
        for told in read(history).items {
            this.add(told, true);
        }
        this
    }

    fn add(&mut self, told: Told, is_old: bool) -> &Entry {
        let at = self.known.len();
        self.index(at, &told.entry);
        self.known.push(Known { told, is_old, is_changed: false });
        &self.known[at].told.entry
    }

    fn index(&mut self, at: usize, entry: &Entry) {
        if let Some(day) = day_of(entry) {
            self.by_day.entry(day).or_default().push(at);
        }
        self.by_likeness.entry(likeness(entry)).or_default().push(at);
    }

    /// Takes a line in, `exact` being the one of its day and address; what it became, where it is new.
    fn put(&mut self, told: Told, exact: Option<usize>, claimed: &mut Claimed) -> Option<&Entry> {
        let at = exact.or_else(|| self.find(&told, claimed));
        claimed.insert((at.unwrap_or(self.known.len()), told.format));
        let Some(at) = at else { return Some(self.add(told, false)) };
        let known = &mut self.known[at];
        if complete(&mut known.told, told) {
            known.is_changed = true;
            let entry = known.told.entry.clone();
            self.index(at, &entry);
        }
        None
    }

    /// The line of the same day, user and address.
    fn find_day(&self, entry: &Entry) -> Option<usize> {
        let of_day = self.by_day.get(&day_of(entry)?)?;
        of_day.iter().copied().find(|&at| self.known[at].told.entry.ip == entry.ip)
    }

    fn find(&self, told: &Told, claimed: &Claimed) -> Option<usize> {
        let entry = &told.entry;
        let is_claimed = |at: usize| claimed.contains(&(at, told.format));
        let of_day = day_of(entry).and_then(|day| self.by_day.get(&day)).map(Vec::as_slice).unwrap_or_default();
        // An address where none was known, or none where one is known.
        let is_one_unknown = |at: usize| self.known[at].told.entry.ip.is_none() || entry.ip.is_none();
        let dated = of_day.iter().copied().find(|&at| is_one_unknown(at) && !is_claimed(at));
        dated.or_else(|| {
            let alike = self.by_likeness.get(&likeness(entry))?;
            alike.iter().copied().find(|&at| {
                // A dictionary has the time to the last digit: one that says it again is the same line.
                let is_free = told.format == HistoryFormat::Record || !is_claimed(at);
                is_free && agree(&self.known[at].told, told)
            })
        })
    }

    /// The history with what is new in it.
    fn text(&self, history: &Source, format: HistoryFormat) -> String {
        let old: HashMap<u32, &Known> =
            self.known.iter().filter(|known| known.is_old).map(|known| (known.told.line, known)).collect();
        let mut new: Vec<&Entry> = self.known.iter().filter(|k| !k.is_old).map(|k| &k.told.entry).collect();
        new.sort_by_key(|entry| entry.date);
        let mut new = new.into_iter().peekable();
        let mut text = String::with_capacity(history.text().len());
        let push = |text: &mut String, line: &str| text.extend([line, "\n"]);
        let is_header = |line: &str| line.trim() == TABLE_HEADER;
        if format == HistoryFormat::Table && !history.lines().any(|(_, line)| is_header(line)) {
            push(&mut text, TABLE_HEADER);
        }
        // With their ends, which are not always jeton's.
        for (number, line) in (1..).zip(history.text().split_inclusive('\n')) {
            let known = old.get(&number);
            let date = known.and_then(|known| known.told.entry.date);
            // Those without a day stand before all but the header.
            while let Some(entry) = new.next_if(|entry| !is_header(line) && (entry.date.is_none() || entry.date < date))
            {
                push(&mut text, &entry.text(format));
            }
            match known.filter(|known| known.is_changed) {
                // A dictionary tells more than the other two: it stays one.
                Some(Known { told: Told { format: HistoryFormat::Record, entry, .. }, .. }) => {
                    push(&mut text, &entry.text(HistoryFormat::Record));
                }
                Some(known) => push(&mut text, &known.told.entry.text(format)),
                None => text.push_str(line),
            }
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        new.for_each(|entry| push(&mut text, &entry.text(format)));
        text
    }
}

fn day_of(entry: &Entry) -> Option<Day> {
    entry.who.as_ref()?;
    Some((entry.date?, entry.user()))
}

fn likeness(entry: &Entry) -> Likeness {
    let time = entry.minutes.map(|minutes| format!("{minutes:.1}"));
    (entry.ip, time.unwrap_or_else(|| shown(entry.start.as_ref())))
}

/// Whether two lines agree in all that both tell.
fn agree(a: &Told, b: &Told) -> bool {
    fn same<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
        a.is_none() || b.is_none() || a == b
    }
    let (is_exact, a, b) = (a.format == HistoryFormat::Record && b.format == HistoryFormat::Record, &a.entry, &b.entry);
    same(a.mac.as_ref(), b.mac.as_ref())
        && same(a.hostname.as_ref(), b.hostname.as_ref())
        && same(a.department.as_ref(), b.department.as_ref())
        && same(a.vlan.as_ref(), b.vlan.as_ref())
        && same(a.switch.as_ref(), b.switch.as_ref())
        && same(a.port.as_ref(), b.port.as_ref())
        && same(a.outlet.as_ref(), b.outlet.as_ref())
        && same(a.who.as_ref(), b.who.as_ref())
        && same(a.date.as_ref(), b.date.as_ref())
        && same(a.start.as_ref(), b.start.as_ref())
        && same(a.end.as_ref(), b.end.as_ref())
        && (!is_exact || same(a.minutes.as_ref(), b.minutes.as_ref()))
}

/// Puts into a known line what another one of the same tells beyond it; whether that was anything.
fn complete(known: &mut Told, other: Told) -> bool {
    fn fill<T>(known: &mut Option<T>, other: Option<T>) -> bool {
        let fills = known.is_none() && other.is_some();
        if fills {
            *known = other;
        }
        fills
    }
    let (entry, new) = (&mut known.entry, other.entry);
    // A session that was open then has gone on since; a time with one decimal gives way to the whole one.
    let has_gone_on = entry.state == Some(State::Open) && new.minutes > entry.minutes;
    let is_finer = known.format != HistoryFormat::Record && other.format == HistoryFormat::Record;
    let mut is_changed = (has_gone_on || is_finer) && new.minutes.is_some() && new.minutes != entry.minutes;
    if is_changed {
        entry.minutes = new.minutes;
    }
    if has_gone_on {
        entry.end.clone_from(&new.end);
        entry.state = new.state;
    }
    is_changed |= fill(&mut entry.mac, new.mac);
    is_changed |= fill(&mut entry.ip, new.ip);
    is_changed |= fill(&mut entry.hostname, new.hostname);
    is_changed |= fill(&mut entry.department, new.department);
    is_changed |= fill(&mut entry.vlan, new.vlan);
    is_changed |= fill(&mut entry.switch, new.switch);
    is_changed |= fill(&mut entry.port, new.port);
    is_changed |= fill(&mut entry.outlet, new.outlet);
    is_changed |= fill(&mut entry.who, new.who);
    is_changed |= fill(&mut entry.minutes, new.minutes);
    is_changed |= fill(&mut entry.date, new.date);
    is_changed |= fill(&mut entry.start, new.start);
    is_changed |= fill(&mut entry.end, new.end);
    is_changed |= fill(&mut entry.state, new.state);
    for (key, value) in new.more {
        if !entry.more.iter().any(|(known, _)| *known == key) {
            entry.more.push((key, value));
            is_changed = true;
        }
    }
    is_changed
}
