//! What one line of a history tells, and how each format writes it.

use std::fmt;
use std::net::IpAddr;

use chrono::{DateTime, FixedOffset, NaiveDate, SecondsFormat};

use super::{BAR, python};
use crate::config::HistoryFormat;
use crate::model::{Identity, MacAddr, Machine, State, SwitchPort, Vlan};

/// What one line of a history tells: all that is unknown, or that its format does not hold, is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entry {
    /// The machine's MAC address.
    pub mac: Option<MacAddr>,
    /// Its address.
    pub ip: Option<IpAddr>,
    /// Its name in the DHCP files.
    pub hostname: Option<String>,
    /// Its department.
    pub department: Option<String>,
    /// Its VLAN.
    pub vlan: Option<Vlan>,
    /// The switch that it is plugged into.
    pub switch: Option<String>,
    /// The switch's port.
    pub port: Option<SwitchPort>,
    /// The wall outlet.
    pub outlet: Option<String>,
    /// Who used it. The host is empty where an old line names the login alone.
    pub who: Option<Identity>,
    /// For how long, in minutes.
    pub minutes: Option<f64>,
    /// The day.
    pub date: Option<NaiveDate>,
    /// The first start of the day.
    pub start: Option<Stamp>,
    /// The last end of the day.
    pub end: Option<Stamp>,
    /// How sure that end is.
    pub state: Option<State>,
    /// What else a dictionary holds, by its keys.
    pub more: Vec<(String, String)>,
}

/// A moment as a history tells it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Stamp {
    /// With its offset from UTC.
    At(DateTime<FixedOffset>),
    /// As an old line says it, `9:00`: without its day or its zone it is no moment, but it is kept.
    Said(String),
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => f.write_str(&at.to_rfc3339_opts(SecondsFormat::Secs, false)),
            Self::Said(text) => f.write_str(text),
        }
    }
}

/// What the oldest script wrote in the place of a time, before the start; its spelling.
pub(super) const NOT_AVAILABLE: &str = "not avaible, start at ";

impl Entry {
    /// What is known of the machine at an address, and nothing of its use.
    pub fn of_machine(ip: Option<IpAddr>, machine: &Machine) -> Self {
        let Machine { hostname, mac, vlan, department, switch, port, outlet, .. } = machine.clone();
        Self { mac, ip, hostname, department, vlan, switch, port, outlet, ..Self::default() }
    }

    /// Its line in a format, without the line's end.
    pub fn text(&self, format: HistoryFormat) -> String {
        match format {
            HistoryFormat::Record => self.record(),
            HistoryFormat::Line => self.bars(),
            HistoryFormat::Table => self.table(),
        }
    }

    /// A Python dictionary: the ten keys that `Get_User_Info_From_IP_v3.py` wrote, in its order, then ours. A line that did
    /// not say its day has an empty date: that marks it.
    fn record(&self) -> String {
        // Rust's Debug of a float is Python's repr between 1e-4 and 1e16, and no day is outside.
        let time = self.time(|minutes| format!("{minutes:?} min"));
        let of_use = [
            ("origin_name", python::repr(&self.user())),
            ("connexion time", python::repr(&time)),
            ("date", python::repr(&shown(self.date.as_ref()))),
            ("start", python::repr(&shown(self.start.as_ref()))),
            ("end", python::repr(&shown(self.end.as_ref()))),
            ("state", python::repr(&shown(self.state.as_ref()))),
        ];
        let more = self.more.iter().map(|(key, value)| format!("{}: {}", python::repr(key), python::repr(value)));
        dictionary(self.machine_pairs().into_iter().chain(of_use), more)
    }

    /// The first eight keys of a record: the machine alone.
    pub(super) fn machine_record(&self) -> String {
        dictionary(self.machine_pairs(), std::iter::empty())
    }

    fn machine_pairs(&self) -> [(&'static str, String); 8] {
        // The name stands between quotes in the name itself, as dhcpd.conf writes it.
        let hostname = self.hostname.as_ref().map(|name| format!("\"{name}\"")).unwrap_or_default();
        [
            ("mac", python::repr(&shown(self.mac.as_ref()))),
            ("ip", python::repr(&shown(self.ip.as_ref()))),
            ("hostname", python::repr(&hostname)),
            ("departement", python::repr(&shown(self.department.as_ref()))),
            ("vlan", self.vlan.map_or_else(|| python::repr(""), |vlan| vlan.to_string())),
            ("cisco", python::repr(&shown(self.switch.as_ref()))),
            ("socket", python::repr(&self.socket())),
            ("Description", python::repr(&shown(self.outlet.as_ref()))),
        ]
    }

    /// As `Origin_Users.py` wrote it.
    fn bars(&self) -> String {
        let plug = format!("{} {} {}", shown(self.vlan.as_ref()), shown(self.mac.as_ref()), shown(self.port.as_ref()));
        joined(&[
            shown(self.switch.as_ref()),
            plug,
            shown(self.hostname.as_ref()),
            shown(self.department.as_ref()),
            shown(self.ip.as_ref()),
            shown(self.outlet.as_ref()),
            self.user(),
            self.time(|minutes| format!("{minutes:.1} min")),
        ])
    }

    /// A row below [`TABLE_HEADER`](super::TABLE_HEADER).
    fn table(&self) -> String {
        joined(&[
            shown(self.ip.as_ref()),
            shown(self.hostname.as_ref()),
            shown(self.mac.as_ref()),
            self.socket(),
            shown(self.vlan.as_ref()),
            shown(self.switch.as_ref()),
            shown(self.outlet.as_ref()),
            self.time(|minutes| format!("{minutes:.1} min")),
        ])
    }

    fn socket(&self) -> String {
        shown(self.port.as_ref().map(SwitchPort::socket).as_ref())
    }

    pub(super) fn user(&self) -> String {
        self.who.as_ref().map(user).unwrap_or_default()
    }

    fn time(&self, spelt: impl Fn(f64) -> String) -> String {
        match (self.minutes, &self.start) {
            (Some(minutes), _) => spelt(minutes),
            (None, Some(start)) => format!("{NOT_AVAILABLE}{start}"),
            (None, None) => String::new(),
        }
    }
}

/// `login@host`, or the login alone.
pub(super) fn user(who: &Identity) -> String {
    if who.host().is_empty() { who.login().to_owned() } else { who.to_string() }
}

/// A Python dictionary of these pairs, their values as Python prints them, and of others already written.
fn dictionary<'a>(
    pairs: impl IntoIterator<Item = (&'a str, String)>,
    more: impl IntoIterator<Item = String>,
) -> String {
    let pairs = pairs.into_iter().map(|(key, value)| format!("'{key}': {value}"));
    format!("{{{}}}", pairs.chain(more).collect::<Vec<_>>().join(", "))
}

fn shown<T: ToString>(value: Option<&T>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

/// Fields between bars. A bar or a control character inside a field is escaped, so that a line has as many fields as its
/// header; so is a backslash that would look like the beginning of such an escape. Others, as in `LAB\anna`, stay.
fn joined(fields: &[String]) -> String {
    fields.iter().map(|field| escaped(field)).collect::<Vec<_>>().join(BAR)
}

fn escaped(field: &str) -> String {
    let mut out = String::with_capacity(field.len());
    for (at, c) in field.char_indices() {
        match c {
            '|' => out.push_str("\\|"),
            '\\' if field[at + 1..].starts_with(['|', 'u']) => out.extend(c.escape_unicode()),
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// A field as it was before [`escaped`].
pub(super) fn unescaped(field: &str) -> String {
    let mut out = String::with_capacity(field.len());
    let mut rest = field;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        let (c, length) = match (behind.strip_prefix('|'), escape(behind)) {
            (Some(_), _) => ('|', 1),
            (None, Some((c, length))) => (c, length),
            (None, None) => ('\\', 0),
        };
        out.push(c);
        rest = &behind[length..];
    }
    out.push_str(rest);
    out
}

/// The character of a `u{1f}`, and its length.
fn escape(text: &str) -> Option<(char, usize)> {
    let digits = text.strip_prefix("u{")?;
    let end = digits.find('}')?;
    Some((char::from_u32(u32::from_str_radix(&digits[..end], 16).ok()?)?, end + 3))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_escaped_field_can_be_had_back(field in "[\\\\|u{}5ca \n]{0,12}|.*") {
            let escaped = escaped(&field);
            prop_assert!(!escaped.contains('\n') && !escaped.contains(BAR));
            prop_assert_eq!(unescaped(&escaped), field);
        }
    }

    #[test]
    fn a_domain_before_a_login_stays_as_it_is() {
        assert_eq!(escaped("LAB\\nadia"), "LAB\\nadia");
    }
}
