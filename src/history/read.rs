//! `Origin_history`, read: all that jeton writes, and what the scripts before it wrote, line by line.
//!
//! ```text
//! {'mac': '90b1.1ca3.3575', 'ip': '10.14.18.145', 'hostname': '"BBBAACCC"', 'departement': 'DPT4', 'vlan': 513, …}
//! Balard-PAC-2 | 513 90b1.1ca3.3575 Gi1/0/36 | BBBAACCC | DPT4 | 10.14.18.145 | RJLG07-01 | anna@pc-3 | 198.3 min
//! adresse ip | hostname | adresse mac | Socket | Vlan | Switch | Description | Connexion Time
//! 10.14.18.145 | BBBAACCC | 90b1.1ca3.3575 | 1/0/36 | 513 | Balard-PAC-2 | RJLG07-01 | 198.3 min
//! ```
//!
//! The three can follow each other in one file, as its writers did. A dictionary may have other keys and another order: what
//! a key is, its name says; keys that say nothing known are kept as they are. A header line, anywhere, says what the rows
//! below it hold; before one they are those of the header above. The time is minutes, or `not avaible, start at 9:00` for
//! those who had left. Ignored: blank lines. A line that is none of these is a finding; so is a value that is none of its
//! kind, and then the rest of its line is read.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate};

use super::entry::{Entry, Stamp, unescaped};
use super::{BAR, TABLE_HEADER, python};
use crate::config::HistoryFormat;
use crate::finding::{Finding, Kind, Parsed, excerpt};
use crate::model::{Identity, State, SwitchPort, Vlan, folded};
use crate::source::Source;

/// A line that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Its number, from 1.
    pub line: u32,
    /// Its format.
    pub format: HistoryFormat,
    /// What it tells.
    pub entry: Entry,
}

/// Reads a history in any of its formats.
///
/// ```
/// # use jeton::{history::read, source::Source};
/// let line = "Balard-PAC-2 | 513 90b1.1ca3.3575 Gi1/0/36 | BBBAACCC | DPT4 | 10.14.18.145 | RJLG07-01 | anna@pc-3 | 198.3 min";
/// let told = read(&Source::from_bytes("Origin_history", line.as_bytes())).items;
/// assert_eq!(told[0].entry.minutes, Some(198.3));
/// assert_eq!(told[0].entry.date, None);
/// ```
pub fn read(source: &Source) -> Parsed<Vec<Told>> {
    let mut header = columns(&bars(TABLE_HEADER)).unwrap_or_default();
    let mut told = Vec::new();
    let mut findings = Vec::new();
    for (line, text) in source.lines().filter(|(_, text)| !text.trim().is_empty()) {
        if let Some(columns) = columns(&bars(text)) {
            header = columns;
            continue;
        }
        let mut reading = Reading::default();
        let format = reading.line(text, &header);
        match format.filter(|_| reading.entry != Entry::default()) {
            Some(format) => {
                findings.extend(
                    reading.wrong.iter().map(|value| Finding::new(Kind::HistoryValue, source.at(line), excerpt(value))),
                );
                told.push(Told { line, format, entry: reading.dated() });
            }
            None => findings.push(Finding::unreadable(source.at(line), text)),
        }
    }
    Parsed { items: told, findings }
}

/// The same text without the lines of days after `last`, which nobody can have written down: each is named, and an empty line
/// stands in its place.
pub fn until(source: &Source, last: NaiveDate) -> Parsed<Source> {
    let late = |told: &Told| told.entry.date.filter(|date| *date > last).map(|date| (told.line, date));
    let late: BTreeMap<u32, NaiveDate> = read(source).items.iter().filter_map(late).collect();
    let findings = late.iter().map(|(line, date)| Finding::new(Kind::DateInFuture, source.at(*line), date.to_string()));
    let kept = source.lines().map(|(line, text)| if late.contains_key(&line) { "" } else { text });
    let kept = kept.collect::<Vec<_>>().join("\n");
    Parsed { findings: findings.collect(), items: Source::from_bytes(source.name(), kept.as_bytes()) }
}

/// What a column or a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Mac,
    Ip,
    Hostname,
    Department,
    Vlan,
    Switch,
    Port,
    Outlet,
    Who,
    Time,
    Date,
    Start,
    End,
    State,
}

impl Field {
    /// By the name of a key or the title of a column, case, accents and underscores aside.
    fn of(name: &str) -> Option<Self> {
        Some(match folded(&name.replace('_', " ")).as_str() {
            "mac" | "adresse mac" | "mac address" => Self::Mac,
            "ip" | "adresse ip" | "ip address" => Self::Ip,
            "hostname" | "host name" | "nom d'hote" => Self::Hostname,
            "departement" | "department" => Self::Department,
            "vlan" => Self::Vlan,
            "cisco" | "switch" | "commutateur" => Self::Switch,
            "socket" | "port" => Self::Port,
            "description" | "outlet" | "prise" => Self::Outlet,
            "origin name" | "login" | "user" | "user login" | "utilisateur" => Self::Who,
            "connexion time" | "connection time" | "time elapsed" | "duree" => Self::Time,
            "date" | "jour" => Self::Date,
            "start" | "debut" => Self::Start,
            "end" | "fin" => Self::End,
            "state" | "etat" => Self::State,
            _ => return None,
        })
    }
}

/// The columns that a header line names; `None` for every other line. It names the address or the MAC, and two more.
fn columns(fields: &[String]) -> Option<Vec<Option<Field>>> {
    let columns: Vec<Option<Field>> = fields.iter().map(|field| Field::of(field)).collect();
    let is_header = columns.iter().any(|column| matches!(column, Some(Field::Ip | Field::Mac)))
        && columns.iter().flatten().count() >= 3;
    is_header.then_some(columns)
}

/// The fields of a line of bars: between bars with a space at each side, as they are written; of a line that was edited by
/// hand, between any bars.
fn bars(line: &str) -> Vec<String> {
    let exact: Vec<&str> = line.split(BAR).collect();
    let is_exact = exact.iter().all(|field| !has_bar(field));
    if is_exact {
        return exact.into_iter().map(unescaped).collect();
    }
    let mut fields = vec![String::new()];
    let mut before = ' ';
    for c in line.chars() {
        if c == '|' && before != '\\' {
            fields.push(String::new());
        } else if let Some(last) = fields.last_mut() {
            last.push(c);
        }
        before = c;
    }
    fields.iter().map(|field| unescaped(field.trim())).collect()
}

/// Whether a bar in a field is not escaped.
fn has_bar(field: &str) -> bool {
    field.match_indices('|').any(|(at, _)| !field[..at].ends_with('\\'))
}

/// A line that is being read.
#[derive(Default)]
struct Reading {
    entry: Entry,
    /// Values that are none of their kind, with their keys.
    wrong: Vec<String>,
}

impl Reading {
    /// Reads a line by what it looks like.
    fn line(&mut self, text: &str, header: &[Option<Field>]) -> Option<HistoryFormat> {
        let trimmed = text.trim();
        // A line of bars may begin with a brace too.
        if let Some(pairs) =
            Some(trimmed.trim_end_matches(',')).filter(|text| text.starts_with('{')).and_then(python::pairs)
        {
            for (key, value) in pairs {
                match Field::of(&key) {
                    Some(field) => self.set(field, &key, &value),
                    None => self.entry.more.push((key, value)),
                }
            }
            let is_known = Entry { more: Vec::new(), ..self.entry.clone() } != Entry::default();
            return is_known.then_some(HistoryFormat::Record);
        }
        let fields = bars(text);
        if is_line(&fields) {
            self.fields_of_line(&fields);
            return Some(HistoryFormat::Line);
        }
        if fields.len() != header.len() {
            return None;
        }
        for (column, text) in header.iter().zip(&fields) {
            if let Some(field) = column {
                self.set(*field, &format!("{field:?}"), text);
            }
        }
        // Any prose with as many bars is no row.
        (self.wrong.len() < 3).then_some(HistoryFormat::Table)
    }

    fn fields_of_line(&mut self, fields: &[String]) {
        let order =
            [(0, Field::Switch), (2, Field::Hostname), (3, Field::Department), (4, Field::Ip), (5, Field::Outlet)];
        for (index, field) in order.into_iter().chain([(6, Field::Who), (7, Field::Time)]) {
            self.set(field, &format!("{field:?}"), &fields[index]);
        }
        for word in fields[1].split_whitespace() {
            if let Some(field) = plug(word) {
                self.set(field, "plug", word);
            } else {
                self.wrong.push(format!("plug: {word}"));
            }
        }
    }

    /// Takes a value; an empty one and Python's `None` are unknown.
    fn set(&mut self, field: Field, key: &str, text: &str) {
        let is_unknown = text.is_empty() || (text == "None" && field != Field::Who);
        if !is_unknown && !self.take(field, text) {
            self.wrong.push(format!("{key}: {text}"));
        }
    }

    /// Whether the value is one of its kind.
    fn take(&mut self, field: Field, text: &str) -> bool {
        let entry = &mut self.entry;
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        match field {
            Field::Mac => put(&mut entry.mac, text.parse().ok()),
            Field::Ip => put(&mut entry.ip, text.trim().parse().ok()),
            Field::Hostname => {
                let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
                entry.hostname = some(bare.unwrap_or(text));
                true
            }
            Field::Department => put(&mut entry.department, some(text)),
            Field::Vlan => put(&mut entry.vlan, vlan(text)),
            Field::Switch => put(&mut entry.switch, some(text)),
            Field::Port => put(&mut entry.port, port(text)),
            Field::Outlet => put(&mut entry.outlet, some(text)),
            // The oldest lines name the login alone.
            Field::Who => put(&mut entry.who, Some(text.parse().unwrap_or_else(|_| Identity::new(text, "")))),
            Field::Time => match start_in(text) {
                Some("") => true,
                Some(start) => {
                    // The key `start` says it better.
                    entry.start.get_or_insert_with(|| stamp(start));
                    true
                }
                None => put(&mut entry.minutes, minutes(text)),
            },
            Field::Date => put(&mut entry.date, date(text)),
            Field::Start => put(&mut entry.start, Some(stamp(text))),
            Field::End => put(&mut entry.end, Some(stamp(text))),
            Field::State => put(&mut entry.state, State::ALL.into_iter().find(|state| state.name() == text.trim())),
        }
    }

    /// The entry, with the day that its start names where it has no other.
    fn dated(self) -> Entry {
        let by_start = match &self.entry.start {
            Some(Stamp::At(at)) => Some(at.date_naive()),
            Some(Stamp::Said(text)) => text.get(..10).and_then(|day| day.parse().ok()),
            None => None,
        };
        Entry { date: self.entry.date.or(by_start), ..self.entry }
    }
}

/// Puts a value there; without one, nothing.
fn put<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    let is_there = value.is_some();
    if is_there {
        *place = value;
    }
    is_there
}

/// Whether fields are those of the format `line`, and not of a row.
fn is_line(fields: &[String]) -> bool {
    let [_, plugged, .., who, _] = fields else { return false };
    let is_plug = plugged.contains(' ') && plugged.split_whitespace().all(|word| plug(word).is_some());
    let is_address = |text: &String| text.trim().parse::<std::net::IpAddr>().is_ok();
    fields.len() == 8 && (is_plug || (!is_address(&fields[0]) && (is_address(&fields[4]) || who.contains('@'))))
}

/// What a word between the switch and the name is: VLAN, MAC or port.
fn plug(word: &str) -> Option<Field> {
    if word.parse::<crate::model::MacAddr>().is_ok() {
        Some(Field::Mac)
    } else if vlan(word).is_some() {
        Some(Field::Vlan)
    } else {
        // A number alone is a VLAN, or nothing.
        port(word).filter(|_| !word.bytes().all(|b| b.is_ascii_digit())).map(|_| Field::Port)
    }
}

/// `513`, `Vlan 513`.
fn vlan(text: &str) -> Option<Vlan> {
    let folded = folded(text);
    folded.strip_prefix("vlan").unwrap_or(&folded).parse().ok()
}

/// `Gi1/0/36`; a number alone is a gigabit port's.
fn port(text: &str) -> Option<SwitchPort> {
    let text = text.trim();
    if text.starts_with(|c: char| c.is_ascii_digit()) { format!("Gi{text}").parse().ok() } else { text.parse().ok() }
}

/// `198.3088238040606 min`, `198,3`.
fn minutes(text: &str) -> Option<f64> {
    let text = text.trim();
    let number = ["minutes", "mins", "min", "mn"].iter().find_map(|unit| text.strip_suffix(unit)).unwrap_or(text);
    number.trim().replace(',', ".").parse().ok().filter(|minutes: &f64| minutes.is_finite())
}

/// The start in a text that says that there is no time; it can be empty.
fn start_in(text: &str) -> Option<&str> {
    let lower = text.to_ascii_lowercase();
    let says_none = ["not avaible", "not available"].iter().any(|words| lower.trim_start().starts_with(words));
    // Lower case of ASCII alone leaves every byte where it was.
    says_none.then(|| lower.find("start at").map_or("", |at| text[at + "start at".len()..].trim()))
}

fn stamp(text: &str) -> Stamp {
    DateTime::parse_from_rfc3339(text).map_or_else(|_| Stamp::Said(text.to_owned()), Stamp::At)
}

/// `2021-12-14`, `14/12/2021`.
fn date(text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    text.parse().ok().or_else(|| NaiveDate::parse_from_str(text, "%d/%m/%Y").ok())
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Parsed<Vec<Told>> {
        read(&Source::from_bytes("Origin_history", text.as_bytes()))
    }

    /// The only entry of a text, as a record.
    fn record(text: &str) -> String {
        let parsed = of(text);
        assert_eq!((parsed.items.len(), parsed.findings.as_slice()), (1, &[][..]), "{text}");
        parsed.items[0].entry.text(HistoryFormat::Record)
    }

    const FULL: &str = "{'mac': '90b1.1ca3.3575', 'ip': '10.14.18.145', 'hostname': '\"BBBAACCC\"', 'departement': 'DPT4', \
                        'vlan': 513, 'cisco': 'Balard-PAC-2', 'socket': '1/0/36', 'Description': 'RJLG07-01', \
                        'origin_name': 'anna@pc-3', 'connexion time': '198.3088238040606 min', 'date': '', 'start': '', \
                        'end': '', 'state': ''}";

    #[test]
    fn a_dictionary_is_read_with_its_keys_in_any_order_and_spelling() {
        for text in [
            // What Get_User_Info_From_IP_v3.py wrote: no date.
            "{'mac': '90b1.1ca3.3575', 'ip': '10.14.18.145', 'hostname': '\"BBBAACCC\"', 'departement': 'DPT4', 'vlan': 513, \
             'cisco': 'Balard-PAC-2', 'socket': '1/0/36', 'Description': 'RJLG07-01', 'origin_name': 'anna@pc-3', \
             'connexion time': '198.3088238040606 min'}",
            "{'origin_name': 'anna@pc-3', 'connexion time': 198.3088238040606, 'vlan': '513', 'ip': '10.14.18.145', 'mac': \
             '90:B1:1C:A3:35:75', 'hostname': 'BBBAACCC', 'department': 'DPT4', 'switch': 'Balard-PAC-2', 'port': 'Gi1/0/36', \
             'outlet': 'RJLG07-01'},",
            "{\"login\": \"anna@pc-3\", \"connexion_time\": \"198,3088238040606 min\", \"Vlan\": \"Vlan 513\", \"Adresse IP\": \
             \"10.14.18.145\", \"MAC\": \"90b11ca33575\", \"Hostname\": \"BBBAACCC\", \"Département\": \"DPT4\", \"Switch\": \
             \"Balard-PAC-2\", \"Socket\": \"GigabitEthernet1/0/36\", \"Prise\": \"RJLG07-01\", \"state\": None}",
            FULL,
        ] {
            assert_eq!(record(text), FULL);
        }
    }

    #[test]
    fn unknown_values_and_unknown_keys_are_kept_as_they_are() {
        let entry = &of("{'ip': '', 'vlan': None, 'hostname': '', 'origin_name': 'anna', 'netmask': '/24', 'n': 3}")
            .items[0]
            .entry;
        assert_eq!((entry.ip, entry.vlan, entry.hostname.as_ref(), entry.minutes), (None, None, None, None));
        assert_eq!(entry.user(), "anna");
        let more: Vec<_> = entry.more.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(more, [("netmask", "/24"), ("n", "3")]);
        assert!(entry.text(HistoryFormat::Record).ends_with("'state': '', 'netmask': '/24', 'n': '3'}"));
    }

    #[test]
    fn lines_are_told_from_rows_and_headers_anywhere_say_what_rows_hold() {
        let text = "Balard-PAC-2 | 513 90b1.1ca3.3575 Gi1/0/36 | BBBAACCC | DPT4 | 10.14.18.145 | RJLG07-01 | anna@pc-3 | 198.3 min\n\
                    10.14.18.145 | BBBAACCC | 90b1.1ca3.3575 | 1/0/36 | 513 | Balard-PAC-2 | RJLG07-01 | 198.3 min\n\
                    {'ip': '10.14.18.1', 'connexion time': '1.5 min'}\n\
                    adresse ip | hostname | adresse mac | Socket | Vlan | Switch | Description | Connexion Time\n\
                    10.14.18.146 | PC |  |  |  |  |  | 2.0 min\n\
                    Utilisateur | Adresse IP | Durée | Date | Hostname\n\
                    \n\
                    anna@pc-3 | 10.14.18.147 | 3.0 min | 14/12/2021 | PC-3\n";
        let parsed = of(text);
        assert_eq!(parsed.findings, []);
        let shown: Vec<_> = parsed
            .items
            .iter()
            .map(|Told { line, format, entry }| {
                let ip = entry.ip.map(|ip| ip.to_string()).unwrap_or_default();
                format!("{line} {format:?} {ip} {} {:?} {:?}", entry.user(), entry.minutes, entry.date)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "1 Line 10.14.18.145 anna@pc-3 Some(198.3) None",
                "2 Table 10.14.18.145  Some(198.3) None",
                "3 Record 10.14.18.1  Some(1.5) None",
                "5 Table 10.14.18.146  Some(2.0) None",
                "8 Table 10.14.18.147 anna@pc-3 Some(3.0) Some(2021-12-14)",
            ]
        );
        let [line, row] = [0, 1].map(|index| parsed.items[index].entry.text(HistoryFormat::Table));
        assert_eq!(line, row, "what both hold is the same");
    }

    #[test]
    fn a_line_that_was_edited_by_hand_or_cut_short_of_spaces_is_read() {
        for text in [
            "|513 90b1.1ca3.3575 Gi1/0/36|BBBAACCC|DPT4|10.14.18.145|RJLG07-01|anna@pc-3|198.3 min",
            " |  513   90b1.1ca3.3575  Gi1/0/36 | BBBAACCC | DPT4 | 10.14.18.145 | RJLG07-01 | anna@pc-3 | 198.3 min  ",
            " | Gi1/0/36 513 90b1.1ca3.3575 | BBBAACCC | DPT4 | 10.14.18.145 | RJLG07-01 | anna@pc-3 | 198.3",
        ] {
            let parsed = of(text);
            assert_eq!(parsed.findings, [], "{text}");
            let expected =
                " | 513 90b1.1ca3.3575 Gi1/0/36 | BBBAACCC | DPT4 | 10.14.18.145 | RJLG07-01 | anna@pc-3 | 198.3 min";
            assert_eq!(parsed.items[0].entry.text(HistoryFormat::Line), expected, "{text}");
        }
    }

    #[test]
    fn one_who_has_left_has_a_start_in_the_place_of_a_time() {
        let at = |text: &str| Some(stamp(text));
        for (time, start, date) in [
            ("not avaible, start at 9:00", at("9:00"), None),
            (
                "Not available, start at 2021-12-14T09:00:00+01:00",
                at("2021-12-14T09:00:00+01:00"),
                "2021-12-14".parse().ok(),
            ),
            ("not avaible, start at 2021-12-14 09:00:00", at("2021-12-14 09:00:00"), "2021-12-14".parse().ok()),
            ("not avaible", None, None),
        ] {
            for text in [
                format!("{{'origin_name': 'anna@pc-3', 'connexion time': '{time}'}}"),
                format!("S | 513 90b1.1ca3.3575 Gi1/0/1 | H | DPT4 | 10.0.0.1 | O | anna@pc-3 | {time}"),
                format!("10.0.0.1 | H | 90b1.1ca3.3575 | 1/0/1 | 513 | S | O | {time}"),
            ] {
                let parsed = of(&text);
                assert_eq!(parsed.findings, [], "{text}");
                let entry = &parsed.items[0].entry;
                assert_eq!((entry.minutes, &entry.start, entry.date), (None, &start, date), "{text}");
                // And it is written so again.
                let format = parsed.items[0].format;
                assert_eq!(of(&entry.text(format)).items[0].entry, *entry, "{text}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_by_line_and_nothing_else_is_lost() {
        let text = "{'ip': '10.0.0.1', 'connexion time': '1.0 min'}\n# a remark\n{'half': \n{'a': 1}\n{}\na | b | c\n\
                    one | two | three | four | five | six | seven | eight\n\
                    {'ip': '10.0.0.999', 'mac': 'x', 'origin_name': 'anna@pc-3', 'connexion time': 'long'}\n\u{0}\u{7}\n";
        let parsed = of(text);
        let lines: Vec<_> = parsed.items.iter().map(|told| told.line).collect();
        assert_eq!(lines, [1, 8]);
        let found: Vec<_> = parsed.findings.iter().map(|f| format!("{} {}", f.kind.name(), f.place)).collect();
        let bad = |line| format!("unreadable-line Origin_history:{line}");
        let value = "history-value Origin_history:8".to_owned();
        assert_eq!(
            found,
            [bad(2), bad(3), bad(4), bad(5), bad(6), bad(7), value.clone(), value.clone(), value, bad(9)]
        );
        assert_eq!(parsed.findings[6].detail, "ip: 10.0.0.999");
    }

    /// An entry with anything that jeton writes.
    pub(in crate::history) fn entries() -> impl Strategy<Value = Entry> {
        let name = || proptest::option::of("[A-Za-zé0-9._-]{1,8}|[a-z]{1,3} ?[|\\\\'\"u{}a-z]{1,4}z");
        let stamps = (1_600_000_000_i64..1_700_000_000, -12_i32..=14);
        let moment = stamps.prop_map(|(at, hours)| {
            DateTime::from_timestamp(at, 0)
                .unwrap()
                .with_timezone(&chrono::FixedOffset::east_opt(hours * 3600).unwrap())
        });
        let machine = (
            proptest::option::of(any::<[u8; 6]>().prop_map(crate::model::MacAddr::new)),
            proptest::option::of(any::<std::net::IpAddr>()),
            proptest::option::of((1_i64..4095).prop_map(|id| id.try_into().unwrap())),
            proptest::option::of("(Gi|Te|Fa|Po)[0-9]{1,2}(/[0-9]{1,2}){0,2}".prop_map(|port| port.parse().unwrap())),
        );
        let who = ("[^@]{1,9}", "[^@]{1,9}").prop_map(|(login, host)| Identity::new(&login, &host));
        let time = (0..90_000_i32, moment, 0..90_000_i64, proptest::sample::select(&State::ALL[..]));
        (machine, (name(), name(), name(), name()), who, time).prop_map(
            |(machine, names, who, (seconds, start, length, state))| {
                let (mac, ip, vlan, port) = machine;
                let (hostname, department, switch, outlet) = names;
                Entry {
                    mac,
                    ip,
                    hostname,
                    department,
                    vlan,
                    switch,
                    port,
                    outlet,
                    who: Some(who),
                    minutes: Some(f64::from(seconds) / 60.0),
                    date: Some(start.date_naive()),
                    start: Some(Stamp::At(start)),
                    end: Some(Stamp::At(start + chrono::TimeDelta::seconds(length))),
                    state: Some(state),
                    more: Vec::new(),
                }
            },
        )
    }

    /// What a format holds of an entry.
    pub(in crate::history) fn held(entry: &Entry, format: HistoryFormat) -> Entry {
        let entry = entry.clone();
        if format == HistoryFormat::Record {
            return entry;
        }
        let minutes = entry.minutes.map(|minutes| format!("{minutes:.1}").parse().unwrap());
        let undated = Entry { minutes, date: None, start: None, end: None, state: None, ..entry };
        if format == HistoryFormat::Table { Entry { who: None, department: None, ..undated } } else { undated }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(entries in proptest::collection::vec(entries(), 1..5)) {
            for format in [HistoryFormat::Record, HistoryFormat::Line, HistoryFormat::Table] {
                let text: String = entries.iter().flat_map(|entry| [entry.text(format), "\n".to_owned()]).collect();
                let parsed = of(&text);
                prop_assert_eq!(&parsed.findings, &[], "{}", text);
                let told: Vec<_> = parsed.items.into_iter().map(|told| (told.format, told.entry)).collect();
                let expected: Vec<_> = entries.iter().map(|entry| (format, held(entry, format))).collect();
                prop_assert_eq!(told, expected, "{}", text);
            }
        }

        #[test]
        fn any_text_is_read_or_named_line_by_line(text in "([{}'\",:|\\\\ .u0-9a@\n]|adresse ip \\| mac \\| vlan|'ip': |10.0.0.1| \\| |min|not avaible, start at){0,40}|(.|\n)*") {
            let source = Source::from_bytes("x", text.as_bytes());
            let parsed = read(&source);
            let n_unreadable = parsed.findings.iter().filter(|f| f.kind == Kind::UnreadableLine).count();
            let n_headers = source.lines().filter(|(_, line)| columns(&bars(line)).is_some()).count();
            let n_lines = source.lines().filter(|(_, line)| !line.trim().is_empty()).count();
            prop_assert_eq!(parsed.items.len() + n_unreadable + n_headers, n_lines);
        }
    }
}
