//! `Origin_history`: a line per day, login, host and address, in one of the three formats that its readers know.
//!
//! [`lines`] is pure, and so is [`merge`], which puts lines into what the file holds, each once, whoever runs it how often.
//! What a line is known by:
//!
//! - `record` lines bear their date: (date, login, host, address) is one line. A later run that learned more (an open
//!   session moves on, an address is found) replaces it where it stands.
//! - `line` and `table` lines bear no date, so that two days of one user on one machine can be the same text. There the
//!   *ledger* counts the days: of the lines of one user and address (for `table`, of one address), the first is the
//!   ledger's first day, and so on. So [`merge`] must be given the lines of **all** of the ledger's rows for these two
//!   formats. Lines from before the ledger stand first and are left alone; see [`merge`].
//!
//! Lines that others wrote, and such as cannot be read, stay as they are where they are.
//!
//! [`read()`] reads all three formats and what the scripts before jeton wrote, and [`import()`] puts such a history into
//! another one.

mod entry;
mod forget;
mod import;
mod python;
mod read;
mod shared;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::Path;

use chrono::NaiveDate;

pub use entry::{Entry, Stamp};
pub use forget::Horizon;
pub use import::{Imported, import};
pub use read::{Told, read, until};
pub use shared::adopt;

use crate::config::HistoryFormat;
use crate::finding::Finding;
use crate::model::{Identity, Machine, SessionRow};
use crate::source::Source;

/// The first line of a `table`.
pub const TABLE_HEADER: &str =
    "adresse ip | hostname | adresse mac | Socket | Vlan | Switch | Description | Connexion Time";
/// What parts the fields of `line` and `table`.
const BAR: &str = " | ";

/// A line of the history with what it is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The day.
    pub date: NaiveDate,
    /// The login and host.
    pub who: Identity,
    /// The address, where the traces tell.
    pub ip: Option<IpAddr>,
    /// The line, without its end.
    pub text: String,
}

/// The lines of these pieces of sessions, by date, then by start: one per day, login, host and address.
///
/// The time is the sum of the day's pieces; start is the first piece's, end and state are the last one's. What is unknown
/// is empty, the VLAN too.
pub fn lines(rows: &[SessionRow], format: HistoryFormat) -> Vec<Line> {
    let mut days: BTreeMap<_, Vec<&SessionRow>> = BTreeMap::new();
    for row in rows {
        days.entry((row.date, &row.who, row.ip)).or_default().push(row);
    }
    let mut days: Vec<_> = days
        .into_values()
        .filter_map(|mut pieces| {
            pieces.sort_by_key(|piece| piece.start);
            Some(Day { first: pieces.first()?, last: pieces.last()?, seconds: pieces.iter().map(|p| p.use_s()).sum() })
        })
        .collect();
    // Stable: days that start together stay in the order of their names.
    days.sort_by_key(|day| (day.first.date, day.first.start));
    days.iter().map(|day| day.line(format)).collect()
}

/// What one line tells.
struct Day<'a> {
    first: &'a SessionRow,
    last: &'a SessionRow,
    seconds: i64,
}

impl Day<'_> {
    fn line(&self, format: HistoryFormat) -> Line {
        Line { date: self.first.date, who: self.first.who.clone(), ip: self.first.ip, text: self.entry().text(format) }
    }

    fn entry(&self) -> Entry {
        Entry {
            who: Some(self.first.who.clone()),
            minutes: Some(self.seconds as f64 / 60.0),
            date: Some(self.first.date),
            start: Some(Stamp::At(self.first.start.fixed_offset())),
            end: Some(Stamp::At(self.last.end.fixed_offset())),
            state: Some(self.last.state),
            // The resolution of the day's last piece: the latest knowledge.
            ..Entry::of_machine(self.first.ip, &self.last.machine)
        }
    }
}

/// What the network knows of one address, as the dictionary that `Get_User_Info_From_IP_v3.py` made of it: the first eight
/// keys of a record.
pub fn machine_record(ip: Option<IpAddr>, machine: &Machine) -> String {
    Entry::of_machine(ip, machine).machine_record()
}

fn shown<T: ToString>(value: Option<&T>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

/// Puts lines into the text of a history: each once, whoever does it how often.
///
/// A line that is already there is replaced where it stands, others are put at the end in the order given, and whatever
/// else the text holds stays as it is. For `line` and `table` the lines must be those of the whole ledger (see the
/// module): of the lines of one user and address that have jeton's own form (one decimal), the last ones are taken for the
/// ledger's, as many as agree best; those before them are from before the ledger, and stay.
pub fn merge(existing: &str, lines: &[Line], format: HistoryFormat) -> String {
    let mut held: Vec<Option<&str>> = existing.split_inclusive('\n').map(Some).collect();
    let places = match format {
        HistoryFormat::Record => places_of_records(&mut held, lines),
        HistoryFormat::Line | HistoryFormat::Table => places_by_count(&held, lines, format),
    };
    let mut text = String::with_capacity(existing.len());
    let new: HashMap<usize, &Line> =
        places.iter().zip(lines).filter_map(|(place, line)| Some(((*place)?, line))).collect();
    for (index, old) in held.iter().enumerate() {
        match (new.get(&index), old) {
            (Some(line), Some(old)) if format == HistoryFormat::Record => {
                text.extend([completed(&line.text, old).as_str(), "\n"]);
            }
            (Some(line), _) => text.extend([line.text.as_str(), "\n"]),
            (None, Some(old)) => text.push_str(old),
            (None, None) => {}
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    if format == HistoryFormat::Table && !text.lines().any(|line| line.trim() == TABLE_HEADER) {
        text.extend([TABLE_HEADER, "\n"]);
    }
    for (line, _) in lines.iter().zip(&places).filter(|(_, place)| place.is_none()) {
        text.extend([line.text.as_str(), "\n"]);
    }
    text
}

/// Where each line stands, by date, name and address. A doubled one is taken away: it is once. The lines must be all of
/// their days.
fn places_of_records(held: &mut [Option<&str>], lines: &[Line]) -> Vec<Option<usize>> {
    let mut known: HashMap<(String, String, String), usize> = HashMap::new();
    for (index, old) in held.iter_mut().enumerate() {
        if let Some(key) = old.and_then(record_key)
            && *known.entry(key).or_insert(index) != index
        {
            *old = None;
        }
    }
    let key = |line: &Line, ip: &str| (line.date.to_string(), entry::user(&line.who), ip.to_owned());
    let mut places: Vec<_> = lines.iter().map(|line| known.remove(&key(line, &shown(line.ip.as_ref())))).collect();
    for (place, line) in places.iter_mut().zip(lines).filter(|(place, _)| place.is_none()) {
        // An address that was found since takes the place of the line without one; a line whose address is not known this
        // time, as the logwatch could not be had, that of the one whose address is.
        *place = if line.ip.is_some() {
            known.remove(&key(line, ""))
        } else {
            let (date, who, _) = key(line, "");
            let same = |(d, w, _): &&(String, String, String)| *d == date && *w == who;
            let first = known.iter().filter(|(key, _)| same(key)).min_by_key(|(_, index)| **index);
            first.map(|(key, _)| key.clone()).and_then(|key| known.remove(&key))
        };
    }
    // Of a user and day that is told, whatever else jeton itself once said is said otherwise now: at another address.
    let told: HashSet<(String, String)> =
        lines.iter().map(|line| (line.date.to_string(), entry::user(&line.who))).collect();
    for ((date, who, _), index) in known {
        let is_own = |line: &str| python::pairs(line).is_some_and(|pairs| pairs.iter().any(|(key, _)| key == "state"));
        if told.contains(&(date, who)) && held[index].is_some_and(is_own) {
            held[index] = None;
        }
    }
    places
}

/// A new record with what the old one knows beyond it: a night on which a switch was silent must not empty what an
/// earlier one has learned.
fn completed(new: &str, old_line: &str) -> String {
    const LEARNED: [&str; 8] = ["mac", "ip", "hostname", "departement", "vlan", "cisco", "socket", "Description"];
    let (Some(pairs), Some(old)) = (python::pairs(new), python::pairs(old_line)) else { return new.to_owned() };
    let known: HashMap<String, String> = old.into_iter().collect();
    let is = |key: &str, value: &str| known.get(key).is_some_and(|known| known == value);
    let has_address = pairs.iter().any(|(key, value)| key == "ip" && !value.is_empty());
    if !has_address && !is("ip", "") && !is("state", "open") {
        // Without connections the end is known less well, too.
        return old_line.trim_end().to_owned();
    }
    let pairs = pairs.into_iter().map(|(key, value)| {
        let learned = LEARNED.contains(&key.as_str()) && value.is_empty();
        let value = known.get(&key).filter(|_| learned).cloned().unwrap_or(value);
        let is_number = key == "vlan" && value.bytes().all(|b| b.is_ascii_digit()) && !value.is_empty();
        format!("'{key}': {}", if is_number { value } else { python::repr(&value) })
    });
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
}

/// The lines of a history that are in none of its formats, nor blank.
fn unreadable(existing: &Source) -> Vec<Finding> {
    let readable = |line: &str| {
        let line = line.trim();
        line.is_empty() || python::pairs(line).is_some() || line.split(BAR).count() == 8
    };
    let strange = existing.lines().filter(|(_, line)| !readable(line));
    strange.map(|(number, line)| Finding::unreadable(existing.at(number), line)).collect()
}

/// Date, name and address of a record that bears all three.
fn record_key(line: &str) -> Option<(String, String, String)> {
    let mut pairs: HashMap<String, String> = python::pairs(line)?.into_iter().collect();
    let mut take = |key| pairs.remove(key);
    Some((take("date")?, take("origin_name")?, take("ip")?))
}

/// Where each line stands, by counting those of one user and address.
fn places_by_count(held: &[Option<&str>], lines: &[Line], format: HistoryFormat) -> Vec<Option<usize>> {
    let mut own: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, old) in held.iter().enumerate() {
        if let Some(key) = old.and_then(|old| key_of_bars(old, format)) {
            own.entry(key).or_default().push(index);
        }
    }
    let mut days: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, line) in lines.iter().enumerate() {
        days.entry(key_of_bars(&line.text, format).unwrap_or_default()).or_default().push(index);
    }
    let mut places = vec![None; lines.len()];
    for (key, days) in &days {
        let olds = own.get(key).map_or(&[][..], Vec::as_slice);
        let agree = |old: usize, day: usize| held[old].is_some_and(|old| old.trim_end() == lines[day].text);
        let count = common(olds, days, agree);
        for (old, day) in olds[olds.len() - count..].iter().zip(days) {
            places[*day] = Some(*old);
        }
    }
    places
}

/// How many of the last `olds` are the first `days`: the number at which most agree, the greatest where several do, as
/// the day of an open session agrees with nothing.
fn common(olds: &[usize], days: &[usize], agree: impl Fn(usize, usize) -> bool) -> usize {
    let agreeing =
        |count: usize| olds[olds.len() - count..].iter().zip(days).filter(|&(&old, &day)| agree(old, day)).count();
    let most = olds.len().min(days.len());
    // Every night but the first: all but the last day or two agree, and no other number can do better.
    if agreeing(most) * 2 > most {
        return most;
    }
    (0..=most).max_by_key(|&count| (agreeing(count), count)).unwrap_or(0)
}

/// What a line of bars is known by, where it has jeton's own form: the address, and for `line` the user.
fn key_of_bars(line: &str, format: HistoryFormat) -> Option<String> {
    let line = line.trim_end_matches(['\n', '\r']);
    let fields: Vec<_> = line.split(BAR).collect();
    let &[first, .., ip, _, who, time] = fields.as_slice() else { return None };
    let minutes = time.strip_suffix(" min")?;
    let (_, decimals) = minutes.split_once('.')?;
    let is_own = fields.len() == 8 && decimals.len() == 1 && minutes.parse::<f64>().is_ok();
    is_own.then(|| if format == HistoryFormat::Line { format!("{ip}{BAR}{who}") } else { first.to_owned() })
}

/// Merges lines into the history file; a file that holds them all already is not touched. What it holds that is in no
/// format of a history is kept, and named.
pub fn write(path: &Path, lines: &[Line], format: HistoryFormat) -> std::io::Result<Vec<Finding>> {
    // A device or a pipe may never end.
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(std::io::Error::other(format!(
            "cannot read `{}`: expected a file, found a directory or a device",
            path.display()
        )));
    }
    let existing = match fs_err::read(path) {
        Ok(bytes) => Some(Source::from_bytes(&path.display().to_string(), &bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let merged = merge(existing.as_ref().map(Source::text).unwrap_or_default(), lines, format);
    if existing.as_ref().map(Source::text) != Some(merged.as_str()) {
        crate::output::write_file(path, |out| out.write_all(merged.as_bytes()))?;
    }
    Ok(existing.as_ref().map(unreadable).unwrap_or_default())
}

#[cfg(test)]
mod tests;
