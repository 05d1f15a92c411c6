//! `show interfaces description` (Cisco IOS, IOS XE; `show interface description` of NX-OS).
//!
//! ```text
//! Interface                      Status         Protocol Description
//! Vl1                            admin down     down
//! Gi1/0/36                       up             up       RJLG07-01
//! ```
//!
//! A row is an interface, its status, its line protocol and the rest of the line. IOS knows four statuses, so that a row is
//! read by its words, which holds when a long name pushes the columns to the right; a row with any other status is read by
//! the columns of the header. Ignored: what a terminal puts around the answer (banner, echo of the command, prompt,
//! `--More--`), and interfaces of kinds that no machine is plugged into.

use regex::Regex;
use std::sync::LazyLock;

use crate::finding::{Finding, Parsed, excerpt};
use crate::model::SwitchPort;
use crate::source::Source;

/// What a switch says of one of its interfaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The interface.
    pub port: SwitchPort,
    /// `up`, `down`, `admin down` or `deleted`, in lower case.
    pub status: String,
    /// The line protocol, `up` or `down`; empty where the device shows none.
    pub protocol: String,
    /// What the administrator wrote, without white space around it; empty where there is nothing.
    pub description: String,
}

/// An answer that holds no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected the table of `{command}`, found {}", .error.as_deref().unwrap_or("something else"))]
pub struct NoTable {
    /// The command.
    pub command: &'static str,
    /// The device's own error, between backticks: `% Invalid input detected at '^' marker.`
    pub error: Option<String>,
    /// How its answer begins. It can hold anybody's name or address.
    pub found: String,
}

impl NoTable {
    pub(super) fn new(command: &'static str, source: &Source) -> Self {
        let lines = || source.text().lines().map(str::trim).filter(|line| !line.is_empty());
        let error = lines().find(|line| line.starts_with('%')).map(|error| format!("`{}`", excerpt(error)));
        let found = lines().find(|line| line.starts_with('%')).or(lines().next());
        Self { command, error, found: excerpt(found.unwrap_or_default()) }
    }

    /// Whether the device did not know the command: an older one may know another spelling.
    pub fn is_unknown_command(&self) -> bool {
        self.error.is_some()
    }
}

/// Reads a switch's answer; one without a single interface is an error, as every switch has some.
pub fn parse(source: &Source) -> Result<Parsed<Vec<Interface>>, NoTable> {
    let mut interfaces = Vec::new();
    let mut findings = Vec::new();
    let mut columns: Option<Columns> = None;
    for (number, raw) in source.lines() {
        let line = terminal_line(raw);
        if let Some(header) = Columns::of(line) {
            columns = Some(header);
            continue;
        }
        if log_message_in(line).is_some() {
            // A row that it was written into lacks its end.
            if line.split_whitespace().next().is_some_and(|word| word.parse::<SwitchPort>().is_ok()) {
                findings.push(Finding::unreadable(source.at(number), raw));
            }
            continue;
        }
        let Some(port) = line.split_whitespace().next().and_then(|word| word.parse().ok()) else {
            // Before the table there are banners; in it, what is neither an interface nor a prompt is a broken row.
            if columns.is_some() && !is_around_a_table(line) {
                findings.push(Finding::unreadable(source.at(number), raw));
            }
            continue;
        };
        match row(line, port, columns.as_ref()) {
            Some(interface) => interfaces.push(interface),
            None => findings.push(Finding::unreadable(source.at(number), raw)),
        }
    }
    if interfaces.is_empty() {
        return Err(NoTable::new("show interfaces description", source));
    }
    Ok(Parsed { items: interfaces, findings })
}

/// Where a message of the device's own log begins, which it writes into any answer: `%SW_MATM-4-MACFLAP_NOTIF: Host … is
/// flapping between port Gi1/0/1 and port Gi1/0/9`. It names addresses and ports, and is no row; a row that it breaks in two
/// is none either, as what follows may be of another.
pub(super) fn log_message_in(line: &str) -> Option<usize> {
    static MESSAGE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"%[A-Z][A-Z0-9_]*(?:-[A-Z0-9_]+)*-[0-7]-[A-Z0-9_]+:").expect("a constant pattern")
    });
    memchr::memchr(b'%', line.as_bytes()).and_then(|_| Some(MESSAGE.find(line)?.start()))
}

/// The outlet that a description names: the first match of the site's pattern, else the whole description, else none.
///
/// ```
/// # use jeton::parse::interfaces::{outlet, default_outlet_pattern};
/// assert_eq!(outlet("N1E14-07, vlan 513", default_outlet_pattern()).as_deref(), Some("N1E14-07"));
/// assert_eq!(outlet(" salle 12 ", default_outlet_pattern()).as_deref(), Some("salle 12"));
/// assert_eq!(outlet("  ", default_outlet_pattern()), None);
/// ```
pub fn outlet(description: &str, pattern: &Regex) -> Option<String> {
    let whole = description.trim();
    let outlet = pattern.find(whole).map_or(whole, |found| found.as_str());
    (!outlet.is_empty()).then(|| outlet.to_owned())
}

/// The pattern of outlets where a site says nothing else: `[NRJPASEP]+[0-9A-Z.]+-[0-9]+`.
pub fn default_outlet_pattern() -> &'static Regex {
    static PATTERN: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("[NRJPASEP]+[0-9A-Z.]+-[0-9]+").expect("a constant pattern"));
    &PATTERN
}

/// Where columns begin, in characters.
struct Columns {
    status: usize,
    protocol: Option<usize>,
    description: usize,
}

impl Columns {
    /// The columns of a header: `Interface Status Protocol Description`, or NX-OS's `Port Type Speed Description`.
    fn of(line: &str) -> Option<Self> {
        let lower = line.trim_end().to_ascii_lowercase();
        let is_header = lower.trim_start().starts_with("interface ") || lower.trim_start().starts_with("port ");
        let column = |name: &str| lower.find(name).map(|at| lower[..at].chars().count());
        let description = column("description").filter(|_| is_header && lower.ends_with("description"))?;
        let status = column("status").or_else(|| column("type")).unwrap_or(description);
        Some(Self { status, protocol: column("protocol").or_else(|| column("speed")), description })
    }
}

fn row(line: &str, port: SwitchPort, columns: Option<&Columns>) -> Option<Interface> {
    let rest = line.trim_start().split_once(char::is_whitespace).map_or("", |(_, rest)| rest);
    row_by_words(rest, &port).or_else(|| row_by_columns(line, port, columns?))
}

fn row_by_words(rest: &str, port: &SwitchPort) -> Option<Interface> {
    static ROW: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)^\s*(up|down|admin down|deleted)\s+(up|down)(?:\s+(.*?))?\s*$").expect("a constant pattern")
    });
    let found = ROW.captures(rest)?;
    let group = |index| found.get(index).map(|group| group.as_str());
    Some(Interface {
        port: port.clone(),
        status: group(1)?.to_ascii_lowercase(),
        protocol: group(2)?.to_ascii_lowercase(),
        description: group(3).unwrap_or_default().to_owned(),
    })
}

fn row_by_columns(line: &str, port: SwitchPort, columns: &Columns) -> Option<Interface> {
    let cut = |from: usize, to: usize| -> String { line.chars().skip(from).take(to.saturating_sub(from)).collect() };
    let name_end = line.trim_start().find(char::is_whitespace).unwrap_or(line.len());
    // A name that runs into the next column would be read as a status.
    (name_end < columns.status || columns.status == columns.description).then_some(())?;
    let protocol = columns.protocol.unwrap_or(columns.description);
    let description = cut(columns.description, usize::MAX).trim().to_owned();
    Some(Interface {
        port,
        status: cut(columns.status, protocol).trim().to_ascii_lowercase(),
        protocol: cut(protocol, columns.description).trim().to_ascii_lowercase(),
        description: if description.bytes().all(|b| b == b'-') { String::new() } else { description },
    })
}

/// Whether a line in or behind a table is the terminal's and not the table's: nothing, a rule, a prompt, an echo, an
/// error, an interface of another kind (`NV0`, `Async1`).
pub(super) fn is_around_a_table(line: &str) -> bool {
    static OTHER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?i)^(\S+[#>]|%|[-+= ]*$|\S*[a-z]\S*\d\S*\s+(up|down|admin down|deleted)\s|(load for|time source)\b)",
        )
        .expect("a constant pattern")
    });
    OTHER.is_match(line.trim())
}

/// A line as it would stand on a terminal: without the `--More--` that a pager wrote and rubbed out before it.
pub(super) fn terminal_line(line: &str) -> &str {
    let behind_rubout = line.rfind('\u{8}').map_or(line, |at| &line[at + 1..]);
    let behind_pager = behind_rubout.rfind("--More--").map_or(behind_rubout, |at| &behind_rubout[at + 8..]);
    // Columns are kept for a line that no pager touched.
    if behind_pager.len() == line.len() { line } else { behind_pager.trim_start_matches(['\r', ' ']) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "Interface                      Status         Protocol Description\n";

    fn read(text: &str) -> Result<Parsed<Vec<Interface>>, NoTable> {
        parse(&Source::from_bytes("Balard-1D-1", text.as_bytes()))
    }

    fn shown(interface: &Interface) -> String {
        format!("{}|{}|{}|{}", interface.port, interface.status, interface.protocol, interface.description)
    }

    fn rows(text: &str) -> Vec<String> {
        read(text).unwrap().items.iter().map(shown).collect()
    }

    #[test]
    fn a_message_of_the_switchs_own_log_is_no_row() {
        let message = "*Mar  7 09:01:02.003: %LINK-3-UPDOWN: Interface Gi1/0/9, changed state to up";
        let row = "Gi1/0/36                       up             up       ";
        let answer = read(&format!("{HEAD}{row}RJLG07-01\n{message}\n")).unwrap();
        assert_eq!(answer.items.iter().map(shown).collect::<Vec<_>>(), ["Gi1/0/36|up|up|RJLG07-01"]);
        assert_eq!(answer.findings, []);
        let broken = read(&format!("{HEAD}{row}RJLG07-01\n{row}{message}\n")).unwrap();
        assert_eq!((broken.items.len(), broken.findings.len()), (1, 1));
    }

    #[test]
    fn a_row_is_read_with_and_without_a_header() {
        for (row, expected) in [
            ("Gi1/0/36                       up             up       RJLG07-01", "Gi1/0/36|up|up|RJLG07-01"),
            ("Vl1                            admin down     down     ", "Vl1|admin down|down|"),
            ("Gi1/0/2                        down           down", "Gi1/0/2|down|down|"),
            (
                "Gi1/0/3                        up             up       salle 12, à côté",
                "Gi1/0/3|up|up|salle 12, à côté",
            ),
            ("Gi1/0/4                        up             up       up link down", "Gi1/0/4|up|up|up link down"),
            ("Gi0/10.10                      deleted        down", "Gi0/10/10|deleted|down|"),
            (
                "TwentyFiveGigE1/0/1            up             up       N1E14-07, vlan 513",
                "Twe1/0/1|up|up|N1E14-07, vlan 513",
            ),
        ] {
            let both = [format!("{HEAD}{row}\n"), row.to_owned(), format!("{HEAD}{row}\n").replace('\n', "\r\n")];
            for text in &both {
                let file = read(text).unwrap();
                assert_eq!(file.items.iter().map(shown).collect::<Vec<_>>(), [expected], "{text}");
                assert_eq!(file.findings, [], "{text}");
            }
        }
    }

    #[test]
    fn a_status_of_no_known_word_is_read_by_the_headers_columns() {
        let row = "Gi1/0/5                        err-disabled   down (x) N2A01-1 bureau\n";
        assert_eq!(rows(&format!("{HEAD}{row}")), ["Gi1/0/5|err-disabled|down (x)|N2A01-1 bureau"]);
        assert_eq!(read(row).unwrap_err().found, row.trim());
        let nexus = "-----------\nPort          Type   Speed   Description\n-----------\n\
                     Eth1/12       eth    10G     N1E14-07\nEth1/13       eth    10G     --\n";
        assert_eq!(rows(nexus), ["Eth1/12|eth|10g|N1E14-07", "Eth1/13|eth|10g|"]);
    }

    #[test]
    fn what_a_terminal_adds_is_no_row_and_no_finding() {
        let text = format!(
            "*** Acces reserve #1 > ***\nBalard-1D-1#show interfaces description\n{HEAD}\
             Gi1/0/1                        up             up       N1A01-01\n \
             --More-- \u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}        \u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\
             Gi1/0/2                        up             up       N1A01-02\n \
             --More-- \r        \rGi1/0/3                        up             up       N1A01-03\n\
             NV0                            up             up       \n\nBalard-1D-1#"
        );
        let file = read(&text).unwrap();
        let outlets: Vec<_> = file.items.iter().map(|i| i.description.as_str()).collect();
        assert_eq!(outlets, ["N1A01-01", "N1A01-02", "N1A01-03"]);
        assert_eq!(file.findings, []);
    }

    #[test]
    fn a_broken_row_is_named_with_its_line() {
        let file = read(&format!("{HEAD}Gi1/0/1  up  up  N1A01-01\n0/2 up up\nGi1/0/3\n")).unwrap();
        let places: Vec<_> = file.findings.iter().map(|f| f.place.to_string()).collect();
        assert_eq!((file.items.len(), places), (2, vec!["Balard-1D-1:3".to_owned()]));
    }

    #[test]
    fn an_answer_without_an_interface_is_an_error_that_says_what_came() {
        for (text, found, unknown) in [
            ("", "", false),
            (HEAD, HEAD.trim(), false),
            (
                "show interfaces description\n        ^\n% Invalid input detected at '^' marker.\n",
                "% Invalid input detected at '^' marker.",
                true,
            ),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!((error.found.as_str(), error.is_unknown_command()), (found, unknown));
        }
    }

    #[test]
    fn an_outlet_is_the_pattern_else_the_whole_description() {
        for (description, expected) in [
            ("RJLG07-01", Some("RJLG07-01")),
            ("N1E14-07, vlan 513", Some("N1E14-07")),
            ("bureau RJ2G14-10", Some("RJ2G14-10")),
            ("P4.E18-9", Some("P4.E18-9")),
            ("  salle de réunion ", Some("salle de réunion")),
            ("", None),
            ("   ", None),
        ] {
            assert_eq!(outlet(description, default_outlet_pattern()).as_deref(), expected, "{description}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_on_any_text(text in ".{0,200}") {
            let _ = read(&text);
            let _ = read(&format!("{HEAD}Gi1/0/1 {text}\n{text}"));
        }
    }
}
