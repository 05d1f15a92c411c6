//! The ledger: what follows from the evidence, an SQLite file in the output directory. The only SQL.
//!
//! A night [changes](Ledger::change) it: it puts in what was derived of the months that have new evidence, and what the
//! network says of addresses. Reports, searches and the history [read](Ledger::rows) it. One night is one transaction: killed
//! at any moment, it has happened whole or not at all. Readers never wait for it (SQLite's write-ahead log).
//!
//! - `schema`: the tables, as numbered migrations;
//! - `month`: what was derived, month by month; `record`: a night's changes; `findings`: what looked wrong;
//! - `places`: what an address was, and on which days;
//! - `sums`: how long who used what, by day and hour;
//! - `query`, `search`: pieces, holds, refusals and coverage, out again; `paging`: a page of a long search;
//! - `tally`: days added up, to be kept in memory;
//! - `told`: imported histories; `publish`: which days the files do not tell yet;
//! - `seal`: whether the file is what was written;
//! - `facts`: what no log holds, to be kept beside the evidence;
//! - `old`: what a ledger of version 1 kept of the logs.

mod code;
mod facts;
mod findings;
mod forget;
mod month;
mod names;
mod old;
mod paging;
mod places;
mod publish;
mod query;
mod record;
mod refused;
mod run;
mod schema;
mod seal;
mod search;
mod sums;
mod tally;
#[cfg(test)]
mod tests;
mod told;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;

use crate::rights::{Right, denied};
use rusqlite::{Connection, ErrorCode, OpenFlags};

pub use forget::Forgot;
pub use month::{Chapter, Month};
pub use paging::{Order, Part};
pub use query::Stay;
pub use record::{Changing, Night};
pub use run::{Clock, Lack, Run};
pub use search::Search;
pub use sums::{Grouping, Used};
pub use tally::{DayUse, LENGTHS, SessionPart, Tallies, Tally, Use, length_of};
pub use told::TakenIn;

use crate::output::{self, FILE_MODE};
use crate::privacy::Veil;

/// The number of the licence that `[origin]` describes.
const ORIGIN: i64 = 1;

/// jeton's memory.
#[derive(Debug)]
pub struct Ledger {
    db: Connection,
    path: PathBuf,
    /// The feature that is shown; all, where absent.
    feature: Option<String>,
    /// What turns names into pseudonyms, where older rows bear such.
    veil: Option<Veil>,
    /// Whether it was opened for writing, and is sealed when it is closed.
    is_written: bool,
    /// The seal that it had then.
    seal: Option<Vec<u8>>,
}

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It is of a later version.
    #[error(
        "the ledger `{path}` was written by a newer jeton (its version is {found}, this one knows {known}): install that \
         jeton, or name another file in `[output] ledger`"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its version.
        found: usize,
        /// The newest that is known.
        known: usize,
    },
    /// It is a database, but no ledger.
    #[error("`{0}` is the database of another program: name another file in `[output] ledger`")]
    Foreign(String),
    /// It is no file.
    #[error("`{0}` is no file: expected jeton's ledger; move it away, or name another file in `[output] ledger`")]
    NoFile(String),
    /// Its content is not what was written.
    #[error(
        "the ledger `{path}` is damaged ({reason}): `jeton nightly` sets it aside and makes a new one from the evidence"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What SQLite says.
        reason: String,
    },
    /// Whoever asks may not read or write it.
    #[error("permission denied: {why}")]
    Denied {
        /// Whose it is, and what to do.
        why: String,
    },
    /// It cannot be written to.
    #[error("the ledger `{path}` cannot be written: {reason}; nothing in it was changed")]
    Unwritable {
        /// The file.
        path: String,
        /// Why: no space, read-only.
        reason: String,
    },
    /// No line names the feature that the configuration does.
    #[error(
        "no line of the licence server's logs names the feature `{wanted}`: `[origin] feature` must be one of {known}"
    )]
    UnknownFeature {
        /// The feature of the configuration.
        wanted: String,
        /// Those that there are.
        known: String,
    },
    /// It is another laboratory's.
    #[error(
        "the ledger `{path}` is of the site `{known}`, and this configuration is of `{wanted}` with another licence server: name \
         another `[output] directory`"
    )]
    AnotherSite {
        /// The file.
        path: String,
        /// Whose it is.
        known: String,
        /// Whose the configuration is.
        wanted: String,
    },
    /// Another program holds it.
    #[error("the ledger `{0}` is held by another program")]
    Busy(String),
    /// Anything else.
    #[error("the ledger `{path}` cannot be used")]
    Other {
        /// The file.
        path: String,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

impl LedgerError {
    fn new(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.display().to_string();
        let reason = match &error {
            rusqlite::Error::SqliteFailure(_, Some(text)) => text.clone(),
            other => other.to_string(),
        };
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { path, reason },
            _ if is_of_damage(&error) => Self::Damaged { path, reason },
            Some(ErrorCode::SystemIoFailure)
                if error.sqlite_error().is_some_and(|error| error.extended_code == SHM_SIZE) =>
            {
                Self::Unwritable { path, reason: "no space is left on its disk".to_owned() }
            }
            Some(ErrorCode::DiskFull) => Self::Unwritable { path, reason: "no space is left on its disk".to_owned() },
            Some(ErrorCode::ReadOnly) => Self::Unwritable { path, reason: "it is read-only".to_owned() },
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => Self::Unwritable { path, reason },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(path),
            _ => Self::Other { path, source: error },
        }
    }
}

/// A value or a table that jeton never wrote, as SQLite itself finds nothing wrong with it.
fn is_of_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::InvalidColumnType(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::Utf8Error(..) => true,
        Error::SqliteFailure(_, Some(text)) | Error::SqlInputError { msg: text, .. } => {
            text.starts_with("no such table") || text.starts_with("no such column")
        }
        _ => false,
    }
}

/// There is no room for the index of the write-ahead log (`SQLITE_IOERR_SHMSIZE`).
const SHM_SIZE: i32 = 4874;
/// How long a ledger that another process holds is waited for.
const PATIENCE: Duration = Duration::from_secs(120);
/// Up to this size a ledger is checked whole before each night; a greater one where it is read alone, for a check of some
/// gigabytes takes longer than the night.
const CHECKED_WHOLE: u64 = 64 << 20;

impl Ledger {
    /// The ledger for writing; a new one where there is none.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        expect_file(path)?;
        match fs::OpenOptions::new().create_new(true).write(true).mode(FILE_MODE).open(path) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                let reason = error.to_string();
                return Err(LedgerError::Unwritable { path: path.display().to_string(), reason });
            }
        }
        if let Some(why) = denied(path, Right::Write) {
            return Err(LedgerError::Denied { why });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut ledger = Self::connect(path, flags)?;
        if ledger.version()? > 0 {
            ledger.check()?;
        }
        let seal = seal::read(path);
        seal::take_off(path)
            .map_err(|error| LedgerError::Unwritable { path: path.display().to_string(), reason: error.to_string() })?;
        // Readers and a night do not wait for each other. It is a property of the file.
        let mode = ledger.db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        mode.map_err(|error| LedgerError::new(path, error))?;
        let version = ledger.version()?;
        schema::migrate(&mut ledger.db, version).map_err(|error| LedgerError::new(path, error))?;
        ledger.is_written = true;
        ledger.seal = seal.filter(|_| version == schema::VERSION);
        Ok(ledger)
    }

    /// The ledger for reading; `None` where there is none, or none that anything was ever written to.
    pub fn open_to_read(path: &Path) -> Result<Option<Self>, LedgerError> {
        if path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return Ok(None);
        }
        if let Some(why) = denied(path, Right::Read) {
            return Err(LedgerError::Denied { why });
        }
        expect_file(path)?;
        let open = |flags| {
            let ledger = Self::connect(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
            let version = ledger.version()?;
            Ok::<_, LedgerError>((ledger, version))
        };
        // What a killed night left half done is taken back by whoever opens it next, and that takes writing.
        let is_closed = |error: &LedgerError| matches!(error, LedgerError::Unwritable { .. });
        let opened = open(OpenFlags::SQLITE_OPEN_READ_WRITE).or_else(|error| match error {
            error if is_closed(&error) => open(OpenFlags::SQLITE_OPEN_READ_ONLY),
            other => Err(other),
        });
        // Whoever may write nowhere beside it reads what the last night left: nobody writes to it now, or its log was there.
        let (mut ledger, version) = opened.or_else(|error| match error {
            error if is_closed(&error) => {
                let ledger =
                    Self::connect(&immutable(path), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)?;
                let version = ledger.version()?;
                Ok((ledger, version))
            }
            other => Err(other),
        })?;
        if version == 0 {
            return Ok(None);
        }
        schema::migrate(&mut ledger.db, version).map_err(|error| LedgerError::new(path, error))?;
        Ok(Some(ledger))
    }

    /// The version of a ledger that is there, and the one that this jeton writes; nothing is changed.
    pub fn versions(path: &Path) -> Result<(usize, usize), LedgerError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let ledger = Self::connect(path, flags)?;
        Ok((ledger.version()?, schema::VERSION))
    }

    /// A ledger that nothing is kept in: for what is at hand alone.
    pub fn in_memory() -> Result<Self, LedgerError> {
        let path = Path::new(":memory:");
        let failed = |error| LedgerError::new(path, error);
        let mut db = Connection::open_in_memory().map_err(failed)?;
        schema::migrate(&mut db, 0).map_err(failed)?;
        Ok(Self { db, path: path.to_owned(), feature: None, veil: None, is_written: false, seal: None })
    }

    /// The same ledger, of which rows of one feature alone are shown; of all, if `None`. All are kept.
    #[must_use]
    pub fn showing(mut self, feature: Option<&str>) -> Self {
        self.feature = feature.map(str::to_owned);
        self
    }

    /// The same ledger, in which a person is counted once who is there under a name and under a pseudonym.
    #[must_use]
    pub fn under(mut self, veil: Option<Veil>) -> Self {
        if veil.is_some() {
            // What is deleted is written over at once. Where it cannot be, the file is written anew all the same.
            let _ = self.db.pragma_update(None, "secure_delete", "ON");
        }
        self.veil = veil;
        self
    }

    /// The same ledger, with little memory for what was read: what asks a little, and often, leaves that to the system.
    #[must_use]
    pub fn lean(self) -> Self {
        // What cannot be set costs memory, and nothing else.
        let _ = self.db.pragma_update(None, "cache_size", -4_000);
        self
    }

    /// What turns names into pseudonyms, where older rows bear such.
    pub const fn veil(&self) -> Option<&Veil> {
        self.veil.as_ref()
    }

    /// The feature that is shown; all, where absent.
    pub fn shown_feature(&self) -> Option<&str> {
        self.feature.as_deref()
    }

    /// Writes a whole copy of the ledger into a file, which must be empty or not there.
    pub fn copy_to(&self, file: &Path) -> Result<(), LedgerError> {
        self.with(|db| {
            db.execute("VACUUM INTO ?1", [file.to_string_lossy()])?;
            seal::forget_number(file)
        })
    }

    /// Where the hash of a ledger's whole file lies, by which the next night knows that nothing in it changed.
    pub fn seal_of(path: &Path) -> PathBuf {
        seal::path_of(path)
    }

    /// Sets a damaged ledger aside, under a name that says so; where it is now.
    pub fn set_aside(path: &Path) -> std::io::Result<PathBuf> {
        let (name, aside) = (file_name(path), output::aside(path));
        // What SQLite would undo or complete belongs to the file as it was.
        for beside in ["-journal", "-wal", "-shm"] {
            let file = path.with_file_name(format!("{name}{beside}"));
            if file.exists() {
                fs::rename(&file, aside.with_file_name(format!("{}{beside}", file_name(&aside))))?;
            }
        }
        fs::rename(path, &aside)?;
        seal::take_off(path)?;
        Ok(aside)
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Self, LedgerError> {
        let failed = |error| LedgerError::new(path, error);
        let db = Connection::open_with_flags(path, flags).map_err(failed)?;
        db.busy_timeout(PATIENCE).map_err(failed)?;
        // FULL: what is committed survives a power cut.
        db.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;").map_err(failed)?;
        db.pragma_update(None, "cache_size", -64_000).map_err(failed)?;
        db.set_prepared_statement_cache_capacity(64);
        Ok(Self { db, path: path.to_owned(), feature: None, veil: None, is_written: false, seal: None })
    }

    /// The version of the file, 0 of a new one; an error for one that is none of ours.
    fn version(&self) -> Result<usize, LedgerError> {
        let number = |name| self.db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let read = || Ok((number("user_version")?, number("application_id")?, number("schema_version")?));
        let (version, application, schema) = read().map_err(|error| LedgerError::new(&self.path, error))?;
        let path = self.path.display().to_string();
        if application != i64::from(schema::APPLICATION) && (schema != 0 || version != 0) {
            return Err(LedgerError::Foreign(path));
        }
        let version = usize::try_from(version).unwrap_or(usize::MAX);
        if version > schema::VERSION {
            return Err(LedgerError::Newer { path, found: version, known: schema::VERSION });
        }
        Ok(version)
    }

    /// Checks the whole file, however large.
    pub fn check_whole(&self) -> Result<(), LedgerError> {
        self.ask("PRAGMA integrity_check(1)")
    }

    /// Whether the file is what was written to it: by its seal, else by its structure, as far as that takes no longer than a
    /// night.
    fn check(&self) -> Result<(), LedgerError> {
        match seal::judge(&self.db, &self.path) {
            seal::Verdict::Whole => Ok(()),
            seal::Verdict::Broken => self.ask("PRAGMA integrity_check(1)").and_then(|()| {
                let reason = "its bytes are not those that were written".to_owned();
                Err(LedgerError::Damaged { path: self.path.display().to_string(), reason })
            }),
            seal::Verdict::Unsealed if self.path.metadata().is_ok_and(|found| found.len() > CHECKED_WHOLE) => Ok(()),
            seal::Verdict::Unsealed => self.ask("PRAGMA quick_check(1)"),
        }
    }

    fn ask(&self, check: &str) -> Result<(), LedgerError> {
        let failed = |error| LedgerError::new(&self.path, error);
        let said: String = self.db.query_row(check, [], |row| row.get(0)).map_err(failed)?;
        if said == "ok" {
            return Ok(());
        }
        Err(LedgerError::Damaged { path: self.path.display().to_string(), reason: said })
    }

    /// Runs a reading or a writing part with its errors as those of this file.
    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, LedgerError> {
        work(&self.db).map_err(|error| LedgerError::new(&self.path, error))
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        match &self.seal {
            _ if !self.is_written => {}
            Some(seal) if self.db.total_changes() == 0 => seal::put_back(&self.path, seal),
            _ if self.path.exists() => seal::put_on(&self.db, &self.path),
            _ => {}
        }
    }
}

/// A database that SQLite is told to take as it is (<https://www.sqlite.org/uri.html>), as it needs files beside any other.
fn immutable(path: &Path) -> PathBuf {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            other => uri.extend(["%", &format!("{other:02X}")]),
        }
    }
    PathBuf::from(uri + "?immutable=1")
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn expect_file(path: &Path) -> Result<(), LedgerError> {
    match path.metadata() {
        Ok(found) if !found.is_file() => Err(LedgerError::NoFile(path.display().to_string())),
        _ => Ok(()),
    }
}
