//! What jeton has to say of its inputs: findings (a line, a cell, a machine) and gaps (a source that could not be had).
//!
//! A finding's words come from `templates/fr.toml` and `en.toml`, under `[finding.<name of its kind>]`: terminals read
//! English, workbooks the site's language.

use std::fmt;
use std::sync::Arc;

use chrono::NaiveDate;

use crate::model::Identity;

/// Where something was found. Lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A line of a text, with a column where one is known.
    Line {
        /// The file, as it was named to jeton.
        source: Arc<str>,
        /// The line.
        line: u32,
        /// The character in the line.
        column: Option<u32>,
    },
    /// A cell of a spreadsheet, `B7`, or a whole row, `7`.
    Cell {
        /// The file.
        source: Arc<str>,
        /// The sheet's name.
        sheet: Arc<str>,
        /// The cell, as a spreadsheet names it.
        cell: String,
    },
    /// A file, a host, a machine or an outlet as a whole.
    Whole(Arc<str>),
}

impl Place {
    /// A line of a text.
    pub fn line(source: &Arc<str>, line: u32) -> Self {
        Self::Line { source: Arc::clone(source), line, column: None }
    }

    /// A file or host as a whole.
    pub fn whole(name: &str) -> Self {
        Self::Whole(name.into())
    }
}

/// The files whose lines are read one after the other as one text: which line of it is which of theirs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files(Vec<(u32, Arc<str>)>);

impl Files {
    /// One file, all of it.
    pub fn one(name: &str) -> Self {
        Self(vec![(0, name.into())])
    }

    /// Another file, whose first line comes behind `n_before` lines of those before it.
    pub fn push(&mut self, n_before: u32, name: &str) {
        self.0.push((n_before, name.into()));
    }

    /// A line of the whole, from 1, in its file. Without a file, or with line 0, it is of none in particular.
    pub fn place(&self, line: u32) -> Place {
        let before = self.0.partition_point(|(n_before, _)| *n_before < line.max(1));
        match before.checked_sub(1).and_then(|index| self.0.get(index)) {
            Some((_, name)) if line == 0 => Place::Whole(Arc::clone(name)),
            Some((n_before, name)) => Place::line(name, line - n_before),
            None => Place::whole(""),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { source, line, column: Some(column) } => write!(f, "{source}:{line}:{column}"),
            Self::Line { source, line, column: None } => write!(f, "{source}:{line}"),
            Self::Cell { source, sheet, cell } => write!(f, "{source}:{sheet}!{cell}"),
            Self::Whole(name) => f.write_str(name),
        }
    }
}

/// How much a finding matters to whoever reads the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing is missing.
    Note,
    /// Something may be missing or wrong in the rows.
    Warning,
    /// A source is missing: rows are incomplete.
    Gap,
}

impl Severity {
    /// The name under `[severity]` in the texts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Gap => "gap",
        }
    }
}

/// Declares [`Kind`] with the name of each kind in the texts and its severity.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $severity:ident;)*) => {
        /// What was found. Each kind has its words in `templates/fr.toml` and `en.toml`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($(#[$doc])* $variant,)* }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name under `[finding]` in the texts.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How much it matters.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }
        }
    };
}

kinds! {
    // Any text.
    /// A line that is none of the lines its format knows.
    UnreadableLine = "unreadable-line", Warning;
    /// The file ends in the middle of something.
    TruncatedFile = "truncated-file", Note;
    /// A source that could not be had or read at all.
    MissingSource = "missing-source", Gap;

    // Traces: logwatch, debug log, lmstat.
    /// A debug log in which no line names a date.
    UndatedLog = "undated-log", Warning;
    /// A block or a line of a day that has not come yet.
    DateInFuture = "date-in-future", Warning;
    /// The logwatch's clock and the debug log's differ by this much.
    ClocksDisagree = "clocks-disagree", Warning;
    /// A line of the logwatch that the debug log lacks, though it covers that time, and that may be damaged itself.
    LogsDisagree = "logs-disagree", Note;
    /// Lines that the debug log lost, and the logwatch shows.
    LogGap = "log-gap", Note;
    /// A token was given back of which no log says that it was taken.
    LostOut = "lost-out", Note;
    /// A token was taken of which no log says that it was given back.
    LostIn = "lost-in", Note;
    /// A stretch of time of which a log says nothing: use, refusals or addresses of it are not known.
    Unwatched = "unwatched", Warning;
    /// No connection shows from where a pair took its tokens.
    UnknownAddress = "unknown-address", Warning;
    /// `lmstat` says that its list is not whole.
    LicenceServerTrouble = "licence-server-trouble", Warning;
    /// A line says that more tokens were taken at once than there are.
    CountBeyond = "count-beyond", Warning;
    /// No connection of the logwatch is of the port that `[origin]` names.
    WrongPort = "wrong-port", Warning;
    /// No connection of the logwatch is of the address that `[origin]` names: it is another server's.
    WrongAddress = "wrong-address", Warning;
    /// `[origin] seats` says another number of tokens than `lmstat` or the licence file.
    SeatsDisagree = "seats-disagree", Warning;
    /// `lmstat` counts another number of tokens in use than is known of that minute.
    CountedOtherwise = "counted-otherwise", Warning;
    /// This machine's clock is far ahead of all that is known, so that nothing more is forgotten on its word.
    ClockAhead = "clock-ahead", Warning;
    /// A date line in the logwatch goes back in time.
    ClockWentBack = "clock-went-back", Warning;

    /// A rotated part of a log that is packed in a format that is not read here.
    RotatedUnread = "rotated-unread", Note;

    // DHCP files and Ordinateurs.ods.
    /// A statement of a DHCP file without its `;`.
    DhcpSemicolon = "dhcp-missing-semicolon", Warning;
    /// A block of a DHCP file that is not opened or not closed.
    DhcpBrace = "dhcp-unbalanced-brace", Warning;
    /// A quoted text of a DHCP file that does not end on its line.
    DhcpQuote = "dhcp-unclosed-quote", Warning;
    /// A MAC address that dhcpd does not accept, or that no card has.
    DhcpMac = "dhcp-mac", Warning;
    /// A `fixed-address` that is a name: its address is not known here.
    DhcpNamedAddress = "dhcp-named-address", Note;
    /// A file that a DHCP file includes and that could not be read.
    DhcpInclude = "dhcp-missing-include", Warning;
    /// One MAC address under two names in the DHCP files.
    DhcpDuplicateMac = "dhcp-duplicate-mac", Warning;
    /// One IP address under two names in the DHCP files.
    DhcpDuplicateAddress = "dhcp-duplicate-address", Warning;
    /// One name for two MAC addresses in the DHCP files.
    DhcpDuplicateName = "dhcp-duplicate-name", Warning;
    /// A cell of Ordinateurs.ods that should hold a MAC address and does not.
    ComputerMac = "computer-mac", Warning;
    /// A row of Ordinateurs.ods without a name or without a MAC address.
    ComputerIncomplete = "computer-incomplete", Note;
    /// A row of Ordinateurs.ods that says again what one above says.
    ComputerRepeated = "computer-repeated-row", Note;
    /// One MAC address in two rows of Ordinateurs.ods.
    ComputerDuplicateMac = "computer-duplicate-mac", Warning;
    /// One name for two MAC addresses in Ordinateurs.ods.
    ComputerDuplicateName = "computer-duplicate-name", Note;
    /// A machine of the DHCP files that Ordinateurs.ods does not list.
    ComputerUnlisted = "computer-unlisted", Note;
    /// A machine whose VLAN differs between the DHCP files and Ordinateurs.ods.
    VlanDisagreement = "vlan-disagreement", Warning;
    /// A VLAN that `jeton.toml` does not describe: its department is not known.
    VlanUnknown = "vlan-unknown", Warning;
    /// A machine of Ordinateurs.ods that no DHCP file declares.
    DhcpUnlisted = "dhcp-unlisted", Note;
    /// An address of a DHCP file that is in no subnet, or not in the one around it.
    DhcpOutside = "dhcp-outside-subnet", Warning;
    /// A host that is declared twice in one DHCP file.
    DhcpRepeated = "dhcp-repeated-host", Warning;
    /// A machine whose name differs between the DHCP files and Ordinateurs.ods.
    NameDisagreement = "name-disagreement", Note;
    /// A machine whose MAC address differs between the DHCP files and Ordinateurs.ods.
    MacDisagreement = "mac-disagreement", Warning;

    // Switches and the tftp host.
    /// A snooping file of a switch that `jeton.toml` does not name.
    SwitchUnknown = "switch-unknown", Warning;
    /// A switch of `jeton.toml` that has no snooping file on the tftp host.
    SnoopingMissing = "snooping-missing", Note;
    /// A machine that the snooping files show on two ports: the later lease was followed.
    MachineMoved = "machine-moved", Note;
    /// An address whose MAC differs between the DHCP files and the snooping files.
    MachineDisputed = "machine-disputed", Warning;
    /// A snooping file names a port that its switch does not have: the outlet behind it is not known.
    PortUnknown = "port-unknown", Warning;
    /// A machine that could be on several ports or be several machines: none was chosen.
    MachineAmbiguous = "machine-ambiguous", Warning;
    /// A machine that no snooping file and no switch that answered shows on an access port.
    MachineUnlocated = "machine-unlocated", Note;
    /// An address that no source knows.
    MachineUnknown = "machine-unknown", Warning;
    /// A machine found by the name in the log alone.
    MachineByName = "machine-by-name", Note;
    /// A port without a description: the outlet behind it is not known.
    OutletMissing = "outlet-missing", Note;

    // Origin_history.
    /// A value in a line of a history that is none of its kind; the rest of the line was read.
    HistoryValue = "history-value", Warning;
    /// A line of a history that does not say its day.
    HistoryUndated = "history-undated", Note;
}

/// Something to know about an input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Finding {
    /// What.
    pub kind: Kind,
    /// Where.
    pub place: Place,
    /// The values that make it checkable, in no language: the text found, addresses, names. It can hold personal data:
    /// the terminal shows it with `-v` only; workbooks show it.
    pub detail: String,
    /// The pair that it is about, where it is about one: it concerns the department of that pair's machine.
    pub who: Option<Identity>,
    /// The day that it is of, where it is of one: it concerns the reports of that day alone.
    pub day: Option<NaiveDate>,
}

impl Finding {
    /// A finding of this kind.
    pub fn new(kind: Kind, place: Place, detail: impl Into<String>) -> Self {
        Self { kind, place, detail: detail.into(), who: None, day: None }
    }

    /// A finding about a pair, which its detail names.
    pub fn about(kind: Kind, place: Place, who: &Identity) -> Self {
        Self { who: Some(who.clone()), ..Self::new(kind, place, who.to_string()) }
    }

    /// The same finding, of this day.
    #[must_use]
    pub fn of(self, day: NaiveDate) -> Self {
        Self { day: Some(day), ..self }
    }

    /// Whether it concerns any of the days from `first` to `last`.
    pub fn concerns(&self, first: NaiveDate, last: NaiveDate) -> bool {
        self.day.is_none_or(|day| (first..=last).contains(&day))
    }

    /// A line that could not be read, with a short excerpt of it.
    pub fn unreadable(place: Place, line: &str) -> Self {
        Self::new(Kind::UnreadableLine, place, excerpt(line))
    }
}

/// The beginning of a text on one line, [visible]: at most 80 characters of it.
pub fn excerpt(text: &str) -> String {
    shortened(text.trim(), 80)
}

/// A text, [visible], of which at most so many characters are shown.
pub fn shortened(text: &str, most: usize) -> String {
    let mut short: String = text.chars().take(most).flat_map(visible_char).collect();
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    short
}

/// A text that does nothing to a terminal and hides nothing: control characters, those that turn the writing around, and those
/// that take no room, are escaped.
pub fn visible(text: &str) -> String {
    text.chars().flat_map(visible_char).collect()
}

fn visible_char(c: char) -> impl Iterator<Item = char> {
    let is_hidden = c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{e0000}'..='\u{e007f}'
        );
    is_hidden.then(|| c.escape_default()).into_iter().flatten().chain((!is_hidden).then_some(c))
}

/// What a parser of foreign text gives back: what it read, and what it could not.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed<T> {
    /// What was read.
    pub items: T,
    /// What could not be, and what looks wrong.
    pub findings: Vec<Finding>,
}

/// A source that could not be had or read at all: the night goes on without it, and its exit code says so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gap {
    /// The file or host.
    pub source: String,
    /// Why, as a sentence fragment in English with its cause: "connection refused".
    pub reason: String,
}

impl Gap {
    /// A gap for this source.
    pub fn new(source: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { source: source.into(), reason: reason.to_string() }
    }
}

impl From<&Gap> for Finding {
    /// A gap as a line of the anomalies sheet.
    fn from(gap: &Gap) -> Self {
        Self::new(Kind::MissingSource, Place::whole(&gap.source), gap.reason.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_and_harmless() {
        assert_eq!(excerpt("  a\u{1b}[31mb\0\t"), "a\\u{1b}[31mb\\u{0}");
        assert_eq!(excerpt(&"é".repeat(100)).chars().count(), 81);
    }
}
