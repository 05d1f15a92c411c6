//! Histories put into another one: each line once, and nothing lost.
//!
//! When is a line known? Where both say their day: by day, user and address, of which a history has one line; a file that
//! has several has their sum. Else by what they say: an older line is one that is there where the address, the time and all
//! else that both tell agree. In `line` and `table`, where two days can be the same text, each line of a file stands for
//! one: a copy of a history that is already there adds nothing, and a file that has a line once more than the history adds
//! it once. What a known line does not tell and the other does is put in.

use std::collections::hash_map::Entry as Slot;
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;

use chrono::NaiveDate;

use super::entry::{Entry, Stamp};
use super::read::{Told, read};
use super::{TABLE_HEADER, shown};
use crate::config::HistoryFormat;
use crate::finding::{Finding, Kind};
use crate::model::{Identity, State};
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
    /// All that the history tells now; what it told before with its line, from 1.
    pub entries: Vec<(Option<u32>, Entry)>,
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
        // A line that is there to the address, or word for word, is no other line's, whichever comes first.
        let mut alike = shelf.by_word();
        let mut word_for_word = |told: &Told| alike.get_mut(&told.entry.text(HistoryFormat::Record))?.pop_front();
        let exact: Vec<Option<usize>> =
            items.iter().map(|told| shelf.find_day(&told.entry).or_else(|| word_for_word(told))).collect();
        let lines = items.iter().zip(&exact).filter_map(|(told, at)| Some(((*at)?, told.format))).collect();
        let mut claimed = Claimed { lines, ..Claimed::default() };
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
        entries: shelf.known.iter().map(Known::entry).collect(),
    }
}

/// The lines of a file with those of one day, user and address as one, as jeton writes them.
fn summed(items: Vec<Told>) -> Vec<Told> {
    let mut days: HashMap<(Day, Option<IpAddr>), (usize, Pieces)> = HashMap::new();
    let mut kept: Vec<Told> = Vec::with_capacity(items.len());
    for told in items {
        let piece = piece_of(&told.entry);
        match day_of(&told.entry).map(|day| days.entry((day, told.entry.ip))) {
            Some(Slot::Occupied(mut day)) => {
                let (at, pieces) = day.get_mut();
                add_up(&mut kept[*at].entry, pieces, piece, told.entry);
            }
            Some(Slot::Vacant(day)) => {
                day.insert((kept.len(), Pieces::from([(piece, told.entry.minutes)])));
                kept.push(told);
            }
            None => kept.push(told),
        }
    }
    kept
}

/// What a piece of a day is known by: its start, else its length in minutes.
type Piece = (Option<Stamp>, Option<u64>);
/// The lengths of a day's pieces, in minutes.
type Pieces = HashMap<Piece, Option<f64>>;

fn piece_of(entry: &Entry) -> Piece {
    let length = entry.minutes.filter(|_| entry.start.is_none());
    (entry.start.clone(), length.map(f64::to_bits))
}

/// Adds a line of the same day, user and address: another piece of it, or one of those, said again after it went on.
fn add_up(known: &mut Entry, pieces: &mut Pieces, piece: Piece, other: Entry) {
    let before = pieces.get(&piece).copied();
    let more = other.minutes.unwrap_or(0.0) - before.flatten().unwrap_or(0.0);
    if before.is_some() && more <= 0.0 {
        return;
    }
    if other.minutes.is_some() {
        known.minutes = Some(known.minutes.unwrap_or(0.0) + more);
    }
    pieces.insert(piece, other.minutes);
    known.end = other.end.or_else(|| known.end.take());
    known.state = other.state.or(known.state);
}

/// The lines that a file has stood for, by the format in which it did.
#[derive(Default)]
struct Claimed {
    lines: HashSet<(usize, HistoryFormat)>,
    /// How many lines at the beginning of a list are claimed: it is looked through from there.
    passed: HashMap<(Key, HistoryFormat), usize>,
}

impl Claimed {
    fn has(&self, at: usize, format: HistoryFormat) -> bool {
        self.lines.contains(&(at, format))
    }

    /// The lines of a list that are not claimed, but for some in its middle.
    fn left<'l>(&mut self, key: &Key, list: &'l [usize], format: HistoryFormat) -> &'l [usize] {
        let known = self.passed.get(&(key.clone(), format)).copied().unwrap_or_default();
        let more = list[known..].iter().take_while(|&&at| self.has(at, format)).count();
        if more > 0 {
            self.passed.insert((key.clone(), format), known + more);
        }
        &list[known + more..]
    }
}

/// A line that is known.
struct Known {
    told: Told,
    /// Whether it is in the history already, and by now tells more than its line there.
    is_old: bool,
    is_changed: bool,
}

impl Known {
    fn entry(&self) -> (Option<u32>, Entry) {
        (self.is_old.then_some(self.told.line), self.told.entry.clone())
    }
}

/// What a dated line is known by.
type Day = (NaiveDate, String);

/// A part that a line may tell or not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Part<T> {
    /// Whatever the line tells.
    Any,
    /// What it tells, or that it tells nothing.
    Is(Option<T>),
}

impl<T> Part<T> {
    /// What lines that may be the same tell: the same or nothing; anything, where nothing is told.
    fn like(told: Option<T>) -> Vec<Self> {
        told.map_or_else(|| vec![Self::Any], |told| vec![Self::Is(Some(told)), Self::Is(None)])
    }
}

/// What the lines of a list have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// All of a day and a user.
    Day(Day),
    /// Those of it at one address, or at none that is known.
    At(Day, Option<IpAddr>),
    /// Those that may be the same: address and minutes, to the one decimal that all formats have; then user and day.
    Alike(Option<IpAddr>, String, Part<Identity>, Part<NaiveDate>),
}

#[derive(Default)]
struct Shelf {
    known: Vec<Known>,
    lists: HashMap<Key, Vec<usize>>,
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
        let (ip, time) = likeness(entry);
        let parts = |who, date| Key::Alike(ip, time.clone(), who, date);
        let (who, date) = (Part::Is(entry.who.clone()), Part::Is(entry.date));
        let of_day = day_of(entry).into_iter().flat_map(|day| [Key::Day(day.clone()), Key::At(day, entry.ip)]);
        let alike = [
            parts(who.clone(), date.clone()),
            parts(who, Part::Any),
            parts(Part::Any, date),
            parts(Part::Any, Part::Any),
        ];
        for key in of_day.chain(alike) {
            self.lists.entry(key).or_default().push(at);
        }
    }

    fn list(&self, key: &Key) -> &[usize] {
        self.lists.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Takes a line in, `exact` being the one of its day and address; what it became, where it is new.
    fn put(&mut self, told: Told, exact: Option<usize>, claimed: &mut Claimed) -> Option<&Entry> {
        let at = exact.or_else(|| self.find(&told, claimed));
        claimed.lines.insert((at.unwrap_or(self.known.len()), told.format));
        let Some(at) = at else { return Some(self.add(told, false)) };
        let known = &mut self.known[at];
        if complete(&mut known.told, told) {
            known.is_changed = true;
            let entry = known.told.entry.clone();
            self.index(at, &entry);
        }
        None
    }

    /// The lines that do not say their day, by all that they tell, in their order.
    fn by_word(&self) -> HashMap<String, VecDeque<usize>> {
        let mut lines: HashMap<String, VecDeque<usize>> = HashMap::new();
        for (at, known) in self.known.iter().enumerate().filter(|(_, known)| day_of(&known.told.entry).is_none()) {
            lines.entry(known.told.entry.text(HistoryFormat::Record)).or_default().push_back(at);
        }
        lines
    }

    /// The line of the same day, user and address.
    fn find_day(&self, entry: &Entry) -> Option<usize> {
        let at_address = self.list(&Key::At(day_of(entry)?, entry.ip));
        at_address.iter().copied().find(|&at| self.known[at].told.entry.ip == entry.ip)
    }

    fn find(&self, told: &Told, claimed: &mut Claimed) -> Option<usize> {
        let entry = &told.entry;
        // An address where none was known, or none where one is known.
        let of_day = day_of(entry).map(|day| if entry.ip.is_none() { Key::Day(day) } else { Key::At(day, None) });
        let dated = of_day.and_then(|key| {
            let left = claimed.left(&key, self.list(&key), told.format);
            let is_one_unknown = |at: usize| self.known[at].told.entry.ip.is_none() || entry.ip.is_none();
            left.iter().copied().find(|&at| is_one_unknown(at) && !claimed.has(at, told.format))
        });
        dated.or_else(|| Self::alike(entry).iter().filter_map(|key| self.first_alike(key, told, claimed)).min())
    }

    /// The lists of those that a line may be, each of them in one or more: who is told, or a day, is the same or not told.
    fn alike(entry: &Entry) -> Vec<Key> {
        let (ip, time) = likeness(entry);
        let dates = Part::like(entry.date);
        let whos = Part::like(entry.who.clone()).into_iter();
        let keys = whos.flat_map(|who| dates.iter().map(move |date| (who.clone(), date.clone())));
        keys.map(|(who, date)| Key::Alike(ip, time.clone(), who, date)).collect()
    }

    fn first_alike(&self, key: &Key, told: &Told, claimed: &mut Claimed) -> Option<usize> {
        // A dictionary has the time to the last digit: one that says it again is the same line.
        let is_record = told.format == HistoryFormat::Record;
        let list = self.list(key);
        let left = if is_record { list } else { claimed.left(key, list, told.format) };
        let mut left = left.iter().copied().filter(|&at| is_record || !claimed.has(at, told.format));
        left.find(|&at| agree(&self.known[at].told, told))
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

fn likeness(entry: &Entry) -> (Option<IpAddr>, String) {
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
    // Of a line that does not say its end, a longer time may be no more than its one decimal.
    let has_gone_on = entry.state == Some(State::Open) && new.end.is_some() && new.minutes > entry.minutes;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::HistoryFormat::{Line, Record, Table};
    use super::*;
    use crate::history::read::tests::{entries, held};

    const FORMATS: [HistoryFormat; 3] = [Record, Line, Table];

    fn source(text: &str) -> Source {
        Source::from_bytes("Origin_history", text.as_bytes())
    }

    fn into(history: &str, files: &[&str], format: HistoryFormat) -> Imported {
        import(&source(history), &files.iter().map(|text| source(text)).collect::<Vec<_>>(), format)
    }

    fn text_of(entries: &[Entry], format: HistoryFormat) -> String {
        let header = (format == Table).then(|| format!("{TABLE_HEADER}\n"));
        let lines = entries.iter().map(|entry| format!("{}\n", entry.text(format)));
        header.into_iter().chain(lines).collect()
    }

    /// A short dictionary with a date.
    fn dated(day: u32, who: &str, ip: &str, more: &str) -> String {
        format!("{{'ip': '{ip}', 'origin_name': '{who}', 'date': '2021-12-{day:02}'{more}}}\n")
    }

    fn days(text: &str) -> Vec<String> {
        let told = read(&source(text)).items;
        told.iter().map(|t| t.entry.date.map(|date| date.format("%d").to_string()).unwrap_or_default()).collect()
    }

    #[test]
    fn new_days_stand_in_their_order_and_those_without_one_first() {
        let history = format!("{}# a remark\n{}", dated(10, "a@x", "10.0.0.1", ""), dated(20, "a@x", "10.0.0.1", ""));
        let file = format!(
            "{}{}{}{{'ip': '10.0.0.1', 'origin_name': 'a@x', 'connexion time': '7.25 min'}}\n",
            dated(25, "a@x", "10.0.0.1", ""),
            dated(15, "a@x", "10.0.0.1", ""),
            dated(10, "b@x", "10.0.0.1", "")
        );
        let imported = into(&history, &[&file], Record);
        assert_eq!(days(&imported.text), ["", "10", "10", "15", "20", "25"]);
        assert!(imported.text.contains("# a remark\n"), "{}", imported.text);
        assert!(imported.text.lines().next().unwrap().contains("'date': ''"), "it is marked");
        assert_eq!((imported.n_read, imported.n_new, imported.n_undated, imported.n_unreadable), (4, 4, 1, 0));
        assert_eq!(imported.findings.iter().map(|f| f.kind).collect::<Vec<_>>(), [Kind::HistoryUndated]);
    }

    #[test]
    fn of_lines_that_tell_little_the_first_that_agrees_is_meant() {
        let line = |more: &str| format!("{{'ip': '10.0.0.1'{more}}}\n");
        let (who, day) = (", 'origin_name': 'a@x'", ", 'date': '2021-12-10'");
        for (old, new, n_new) in [
            // Neither tells what the other does.
            (line(who), line(""), 0),
            (line(""), line(who), 0),
            (line(""), line(&format!("{who}{day}")), 0),
            (line(&format!("{who}{day}")), line(who), 0),
            (line(&format!("{who}{day}")), line(""), 0),
            // They tell otherwise.
            (line(who), line(", 'origin_name': 'b@x'"), 1),
            (line(&format!("{who}{day}")), line(&format!("{who}, 'date': '2021-12-11'")), 1),
        ] {
            assert_eq!(into(&old, &[&new], Record).n_new, n_new, "{old}{new}");
        }
    }

    #[test]
    fn a_day_that_is_there_is_not_doubled_but_completed() {
        for (old, new, expected) in [
            // An address that was not known, and one that is not known this time.
            (dated(10, "a@x", "", ""), dated(10, "a@x", "10.0.0.1", ""), "'ip': '10.0.0.1'"),
            (dated(10, "a@x", "10.0.0.1", ""), dated(10, "a@x", "", ""), "'ip': '10.0.0.1'"),
            (dated(10, "a@x", "10.0.0.1", ""), dated(10, "a@x", "10.0.0.1", ", 'vlan': 513, 'n': 1"), "'vlan': 513"),
            // What is known stays.
            (
                dated(10, "a@x", "10.0.0.1", ", 'vlan': 513"),
                dated(10, "a@x", "10.0.0.1", ", 'vlan': 514"),
                "'vlan': 513",
            ),
            // A session that was open then.
            (
                dated(
                    10,
                    "a@x",
                    "10.0.0.1",
                    ", 'connexion time': '5.0 min', 'end': '2021-12-10T10:00:00+01:00', 'state': 'open'",
                ),
                dated(
                    10,
                    "a@x",
                    "10.0.0.1",
                    ", 'connexion time': '9.0 min', 'end': '2021-12-10T10:04:00+01:00', 'state': 'closed'",
                ),
                "'connexion time': '9.0 min'",
            ),
        ] {
            let imported = into(&old, &[&new], Record);
            assert_eq!((imported.n_new, imported.text.lines().count()), (0, 1), "{}", imported.text);
            assert!(imported.text.contains(expected), "{expected}: {}", imported.text);
        }
    }

    #[test]
    fn a_time_with_one_decimal_is_no_sign_that_an_open_session_has_gone_on() {
        let more = ", 'connexion time': '485.78333333333336 min', 'date': '2022-03-26', 'start': \
                    '2022-03-26T09:00:00+01:00', 'end': '2022-03-26T17:05:47+01:00', 'state': 'open'}";
        let history = format!("{{'ip': '10.0.0.1', 'origin_name': 'a@x'{more}\n");
        for file in [" |    |  |  | 10.0.0.1 |  | a@x | 485.8 min\n", "10.0.0.1 |  |  |  |  |  |  | 485.8 min\n"] {
            let imported = into(&history, &[file], Record);
            assert_eq!((imported.n_new, imported.text.as_str()), (0, history.as_str()), "{file}");
        }
    }

    #[test]
    fn two_addresses_of_one_day_are_two_lines_also_where_one_is_unknown() {
        let file = format!(
            "{}{}{}",
            dated(10, "a@x", "", ""),
            dated(10, "a@x", "10.0.0.1", ""),
            dated(10, "a@x", "10.0.0.2", "")
        );
        let once = into("", &[&file], Record);
        assert_eq!(once.n_new, 3);
        assert_eq!(into(&once.text, &[&file], Record).text, once.text);
    }

    #[test]
    fn several_lines_of_one_day_become_their_sum_once() {
        let piece = |start: &str, minutes: &str| {
            dated(
                10,
                "a@x",
                "10.0.0.1",
                &format!(", 'start': '2021-12-10T{start}:00+01:00', 'connexion time': '{minutes} min'"),
            )
        };
        // The second piece is said again, and again after it went on.
        let pieces = [piece("09:00", "10.0"), piece("14:00", "20.5"), piece("14:00", "20.5"), piece("14:00", "30.5")];
        let once = into("", &[&pieces.concat()], Record);
        assert!(once.text.contains("'connexion time': '40.5 min'"), "{}", once.text);
        assert_eq!((once.n_read, once.n_new), (4, 1));
        assert_eq!(into(&once.text, &[&pieces.concat()], Record).text, once.text);
    }

    #[test]
    fn one_session_in_three_formats_is_one_line_with_all_that_they_tell() {
        let lines = [
            "10.14.18.145 | BBBAACCC | 90b1.1ca3.3575 | 1/0/36 | 513 | Balard-PAC-2 | RJLG07-01 | 198.3 min\n",
            "Balard-PAC-2 | 513 90b1.1ca3.3575 Gi1/0/36 | BBBAACCC | DPT4 | 10.14.18.145 | RJLG07-01 | anna@pc-3 | 198.3 min\n",
            "{'ip': '10.14.18.145', 'origin_name': 'anna@pc-3', 'connexion time': '198.3088238040606 min'}\n",
        ];
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let file: String = order.map(|index| lines[index]).concat();
            let imported = into("", &[&file], Record);
            assert_eq!((imported.n_read, imported.n_new), (3, 1), "{}", imported.text);
            for expected in ["'departement': 'DPT4'", "anna@pc-3", "198.3088238040606", "'vlan': 513"] {
                assert!(imported.text.contains(expected), "{expected}: {}", imported.text);
            }
        }
    }

    #[test]
    fn days_alike_are_as_many_lines_as_a_file_has() {
        let line = "S | 513 90b1.1ca3.3575 Gi1/0/36 | H | DPT4 | 10.0.0.1 | O | a@x | 1440.0 min\n";
        let history = line.repeat(2);
        for (n, expected) in [(1, 2), (2, 2), (3, 3)] {
            let file = line.repeat(n);
            let imported = into(&history, &[&file, &file], Line);
            assert_eq!(imported.text.lines().count(), expected, "{n}");
        }
        // A dictionary that says the same to the last digit is the same.
        let record = "{'ip': '10.0.0.1', 'origin_name': 'a@x', 'connexion time': '198.3088238040606 min'}\n";
        assert_eq!(into("", &[&record.repeat(3)], Record).n_new, 1);
    }

    #[test]
    fn what_the_history_holds_stays_byte_for_byte() {
        let history = "adresse ip | hostname | adresse mac | Socket | Vlan | Switch | Description | Connexion Time\r\nnonsense\r\n\n  {'ip': '10.0.0.9'}  \n10.0.0.1 | H |  |  |  |  |  | 1.0 min";
        let file = "10.0.0.2 | H |  |  |  |  |  | 1.0 min\n";
        let imported = into(history, &[file], Table);
        let (header, rest) = history.split_once('\n').unwrap();
        assert_eq!(imported.text, format!("{header}\n{file}{rest}\n"));
    }

    #[test]
    fn a_line_of_bars_that_begins_with_a_brace_is_one_line_however_often() {
        let file = "| |  |  |  | { |  | min\n";
        for format in FORMATS {
            let once = into("", &[file], format);
            let twice = into(&once.text, &[file], format);
            assert_eq!((once.n_new, twice.n_new, into(&twice.text, &[file], format).n_new), (1, 0, 0), "{}", once.text);
        }
    }

    proptest! {
        #[test]
        fn a_history_that_is_exported_and_imported_is_the_same(mut given in proptest::collection::vec(entries(), 0..8)) {
            // As jeton writes them: by day, one of each user and address.
            given.sort_by_key(|entry| entry.date);
            let mut seen = HashSet::new();
            given.retain(|entry| seen.insert((day_of(entry), entry.ip)));
            for format in FORMATS {
                let text = text_of(&given, format);
                let once = into("", &[&text], format);
                prop_assert_eq!(&once.text, &text, "{:?}", format);
                prop_assert_eq!((once.n_read, once.n_new, once.n_unreadable), (given.len(), given.len(), 0));
                for other in FORMATS {
                    let again = into(&text, &[&text_of(&given, other)], format);
                    prop_assert_eq!(again.n_new, 0, "{:?} into {:?}: {}", other, format, again.text);
                    prop_assert_eq!(&again.text, &text, "{:?} into {:?}", other, format);
                }
            }
        }

        #[test]
        fn nothing_is_lost_and_nothing_is_there_twice(
            given in proptest::collection::vec(entries(), 0..8),
            split in 0_usize..8,
            old in 0_usize..3,
            new in 0_usize..3,
        ) {
            let (old, new) = (FORMATS[old], FORMATS[new]);
            let (before, after) = given.split_at(split.min(given.len()));
            let (history, file) = (text_of(before, old), text_of(after, new));
            let once = into(&history, &[&file], Record);
            let told = read(&source(&once.text)).items;
            for (entry, format) in before.iter().map(|entry| (entry, old)).chain(after.iter().map(|entry| (entry, new))) {
                let held = Told { line: 0, format, entry: held(entry, format) };
                prop_assert!(told.iter().any(|told| agree(told, &held) || day_of(&held.entry) == day_of(&told.entry)), "{}", once.text);
            }
            let again = into(&once.text, &[&file, &history], Record);
            prop_assert_eq!(&again.text, &once.text);
            prop_assert_eq!(again.n_new, 0);
        }

        #[test]
        fn any_text_can_be_imported_twice(history in "([{}'\",:|\\\\ .u0-9a@\n]|'ip': |10.0.0.1| \\| |min){0,40}", file in "([{}'\",:|\\\\ .u0-9a@\n]|'ip': '10.0.0.1'|'date': '2021-12-01'| \\| |min|\n){0,40}|(.|\n)*") {
            for format in FORMATS {
                let once = into(&history, &[&file], format);
                let again = into(&once.text, &[&file], format);
                prop_assert_eq!(again.n_new, 0, "{}", once.text);
            }
        }
    }
}
