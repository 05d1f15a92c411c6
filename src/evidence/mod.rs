//! The evidence of one licence: the text of all copies of its logs that were ever fetched, each line once.
//!
//! A session is a conclusion, and a log line is a fact. Facts merge by themselves: copies of one log are put together where
//! they share a run of text, whatever their cuts, their order and their number. What is kept depends on the set of
//! copies alone.
//!
//! ```text
//! evidence/<licence>/logwatch/2021-12-08.zst     a text per civil day, as the log itself writes it
//!                    debug_log/2021-12-08.zst    of each line the day that was worked out
//!                    debug_log/undated.zst       lines that nothing dates, yet
//!                    lmstat/2021-12-08.zst
//!                    as-of                       the newest moment that a fetch vouches for
//!                    horizon.json                the first day that is kept, where older ones are forgotten
//! ```
//!
//! - `frame`: a text as a file that `zstdcat` reads and whose header tells of it;
//! - `store`: the files, or the same in memory;
//! - `marks`: what stands in a text for what is not known to follow, and for what was cut off;
//! - `unit`, `align`, `weave`: two sequences of blocks or lines into one;
//! - `blocks`, `logwatch`; `lines`, `window`, `debug_log`, `beside`; `answers`: the three kinds.
//!
//! # Texts
//!
//! The day is an index, never the identity of a text. Two marks stand in it: a line that is [`BREAK`] alone before what is
//! not known to follow, and [`CUT`] at the end of a line whose copy ended there.
//!
//! # Killed anywhere
//!
//! Each file is whole at any moment, and adding is a union: the next night adds the same copies and ends with the same
//! texts. So there is no transaction over several files; where lines move from one file to another, they are in both for
//! a moment, and never in none (`window`).

mod align;
mod answers;
mod beside;
mod blocks;
mod debug_log;
mod frame;
mod lines;
mod logwatch;
mod marks;
mod reading;
mod store;
mod unit;
mod weave;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use chrono_tz::Tz;
use fs_err as fs;

use crate::output;
use crate::privacy::Forgotten;
use crate::source::SourceError;
pub use answers::answers;
pub use marks::{BREAK, CUT};
pub use reading::Reading;
use store::{Slot, Store};

/// A kind of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Blocks of connections and log lines, each with its date.
    Logwatch,
    /// Lines of FlexNet's debug log, each with a clock.
    DebugLog,
    /// Answers of `lmstat -a`.
    Lmstat,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Logwatch, Self::DebugLog, Self::Lmstat];

    /// The stable name, which is that of its folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logwatch => "logwatch",
            Self::DebugLog => "debug_log",
            Self::Lmstat => "lmstat",
        }
    }
}

/// What is known of a text without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayInfo {
    /// Its hash (XXH3, 128 bits): the same where the text is the same.
    pub hash: u128,
    /// How many lines it has, marks included.
    pub lines: u32,
    /// How many bytes.
    pub bytes: u64,
}

/// A text that is lost, as its file is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file, by the name that it had; it has `.damaged` behind it now.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// What a copy was to the evidence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Added {
    /// The days whose text is another one now.
    pub days: BTreeSet<NaiveDate>,
    /// How many blocks, lines or answers of a known day the copy held, new or not.
    pub n_units: u64,
    /// How many of no known day.
    pub n_undated: u64,
}

/// Why evidence could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// There is no room for it; the cause names the file.
    #[error("the disk is full: {0}")]
    Full(#[source] io::Error),
    /// The cause names the file.
    #[error(transparent)]
    Io(io::Error),
    /// A copy is no text; nothing of it was added.
    #[error(transparent)]
    NotText(#[from] SourceError),
}

/// The evidence of one licence.
#[derive(Debug)]
pub struct Evidence {
    /// The folder; none in memory.
    folder: Option<PathBuf>,
    store: Store,
    as_of: Option<DateTime<Utc>>,
    /// What is wrong with the file of `as_of`, until it is told.
    as_of_damage: Option<Damage>,
}

/// The file of the newest moment that a fetch vouches for.
const AS_OF: &str = "as-of";

impl Evidence {
    /// The evidence in a folder, which need not be there yet. The headers of its files are read, and no more.
    ///
    /// One writer at a time: the caller holds the lock of the output directory. A file that is damaged is set aside
    /// ([`Self::take_damage`]).
    pub fn open(folder: &Path) -> Result<Self, EvidenceError> {
        let mut evidence = Self { folder: Some(folder.to_owned()), store: Store::open(folder)?, ..Self::in_memory() };
        evidence.read_as_of(&folder.join(AS_OF), true)?;
        Ok(evidence)
    }

    /// The same for a reader beside a night, which holds no lock: nothing is written or renamed, and what is damaged counts
    /// as not there.
    pub fn open_to_read(folder: &Path) -> Result<Self, EvidenceError> {
        let store = Store::open_to_read(folder)?;
        let mut evidence = Self { folder: Some(folder.to_owned()), store, ..Self::in_memory() };
        evidence.read_as_of(&folder.join(AS_OF), false)?;
        Ok(evidence)
    }

    /// No evidence yet, and none that outlives the program: for one look at some copies.
    pub fn in_memory() -> Self {
        Self { folder: None, store: Store::in_memory(), as_of: None, as_of_damage: None }
    }

    fn read_as_of(&mut self, path: &Path, tends: bool) -> Result<(), EvidenceError> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            read => read?,
        };
        let text = String::from_utf8_lossy(&bytes);
        match DateTime::parse_from_rfc3339(text.trim()) {
            Ok(moment) => self.as_of = Some(moment.to_utc()),
            Err(error) => {
                let renamed = if tends { output::set_aside(path).map(drop) } else { Ok(()) };
                let aside = renamed.err().map(|error| format!("; {error}"));
                let reason = format!("it holds no moment: {error}{}", aside.unwrap_or_default());
                self.as_of_damage = Some(Damage { file: path.display().to_string(), reason });
            }
        }
        Ok(())
    }

    /// Adds a copy of a logwatch, read as a stream; `name` is what an error calls it. Its days are those of its date
    /// lines. Text before the first date line goes with that; a copy without any is counted as one undated block.
    pub fn add_logwatch(&mut self, name: &str, copy: impl Read) -> Result<Added, EvidenceError> {
        logwatch::add(&mut self.store, name, copy)
    }

    /// Adds a copy of a debug log of a server in `zone`; `name` is what an error calls it. Where neither the copy nor what
    /// is kept dates it, it waits ([`Self::undated`]).
    pub fn add_debug_log(&mut self, name: &str, copy: impl Read, zone: Tz) -> Result<Added, EvidenceError> {
        debug_log::add(&mut self.store, name, copy, zone)
    }

    /// Adds an answer of `lmstat -a`. One that does not say when it was given is counted as undated, and not kept.
    pub fn add_lmstat(&mut self, answer: &[u8]) -> Result<Added, EvidenceError> {
        answers::add(&mut self.store, answer)
    }

    /// Dates undated lines of the debug log that stand in blocks of the logwatch: two different token lines at least, on
    /// days in a row that fit. The newest 62 days of the logwatch are looked at.
    pub fn date_beside_blocks(&mut self, zone: Tz) -> Result<Added, EvidenceError> {
        beside::date(&mut self.store, zone)
    }

    /// Dates undated lines by whatever else is known: `by` is shown the lines of each piece, and names the day of the
    /// first of them, or none.
    pub fn date_undated(
        &mut self,
        zone: Tz,
        by: &dyn Fn(&[&str]) -> Option<NaiveDate>,
    ) -> Result<Added, EvidenceError> {
        debug_log::date_undated(&mut self.store, zone, by)
    }

    /// The days of a kind, with what is known of each.
    pub fn days(&self, kind: Kind) -> &BTreeMap<NaiveDate, DayInfo> {
        self.store.days(kind)
    }

    /// The text of a day, marks included; `None` where there is none, or its file turns out damaged.
    pub fn text(&self, kind: Kind, day: NaiveDate) -> Result<Option<Vec<u8>>, EvidenceError> {
        Ok(self.store.get(kind, Slot::Day(day))?)
    }

    /// The texts of the days of a range, one after the other. What turns out damaged is passed over.
    pub fn read(&self, kind: Kind, days: RangeInclusive<NaiveDate>) -> Reading<'_> {
        Reading::new(&self.store, kind, days)
    }

    /// The lines of the debug log that nothing dates, in pieces with a mark before each; `None` where there are none.
    pub fn undated(&self) -> Result<Option<Vec<u8>>, EvidenceError> {
        Ok(self.store.get(Kind::DebugLog, Slot::Undated)?)
    }

    /// Whether there is none of any kind.
    pub fn is_empty(&self) -> bool {
        self.store.is_empty()
    }

    /// The newest moment that a fetch vouches for: what is not here did not happen until then.
    pub fn as_of(&self) -> Option<DateTime<Utc>> {
        self.as_of
    }

    /// Notes that a fetch vouches for all until `at`. An earlier moment than the one that is known changes nothing.
    pub fn vouch(&mut self, at: DateTime<Utc>) -> Result<(), EvidenceError> {
        if self.as_of.is_some_and(|known| known >= at) {
            return Ok(());
        }
        if let Some(folder) = &self.folder {
            write_as_of(folder, at)?;
        }
        self.as_of = Some(at);
        Ok(())
    }

    /// The first day that is kept, where older ones are forgotten.
    pub fn first_kept(&self) -> Option<NaiveDate> {
        self.store.first_kept()
    }

    /// Forgets all that is of days before one, and takes nothing of them in any more, wherever it still is. What nothing
    /// dates is forgotten as long after it was first kept; `today` is the day of the night.
    pub fn forget_before(&mut self, first: NaiveDate, today: NaiveDate) -> Result<(), EvidenceError> {
        Ok(self.store.forget_before(first, today)?)
    }

    /// Replaces the names of people by pseudonyms, in what comes in from now on.
    pub fn replace_names(&mut self, forgotten: Forgotten) {
        self.store.forgotten = Some(forgotten);
    }

    /// Whose names are replaced.
    pub const fn forgotten(&self) -> Option<&Forgotten> {
        self.store.forgotten.as_ref()
    }

    /// Replaces their names in all that is kept too.
    pub fn replace_kept_names(&mut self) -> Result<(), EvidenceError> {
        Ok(self.store.replace_forgotten()?)
    }

    /// The folder that it is in; none in memory.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// What findings cite a text by: its file, or `logwatch 2021-12-08` in memory.
    pub fn name_of_file(&self, kind: Kind, day: NaiveDate) -> String {
        self.store.name(kind, Slot::Day(day))
    }

    /// What was found damaged since the last call.
    pub fn take_damage(&mut self) -> Vec<Damage> {
        let as_of = self.as_of_damage.take();
        as_of.into_iter().chain(self.store.take_damage()).collect()
    }

    /// Reads every file and compares it with its checksum and its hash; what is damaged is set aside and given back.
    pub fn verify(&mut self) -> Result<Vec<Damage>, EvidenceError> {
        self.store.verify()?;
        Ok(self.take_damage())
    }

    /// Reads one part in thirty, that of a night by its number, so that what is damaged is [set aside](Self::take_damage).
    pub fn verify_part(&mut self, night: i32) -> Result<(), EvidenceError> {
        Ok(self.store.verify_part(night)?)
    }

    /// Writes all of it into another folder, for a backup. What else is there stays.
    pub fn copy_to(&self, folder: &Path) -> Result<(), EvidenceError> {
        self.store.copy_to(folder)?;
        self.as_of.map_or(Ok(()), |at| Ok(write_as_of(folder, at)?))
    }
}

fn write_as_of(folder: &Path, at: DateTime<Utc>) -> io::Result<()> {
    let line = at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    output::write_file(&folder.join(AS_OF), |out| writeln!(out, "{line}"))
}

#[cfg(test)]
mod tests;
