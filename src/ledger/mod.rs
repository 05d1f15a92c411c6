//! The ledger: jeton's memory, an SQLite file in the output directory. The only SQL.
//!
//! A night [records](Ledger::record) what it saw; reports, searches and the history [read](Ledger::rows) what follows from
//! all nights together. One night is one transaction: killed at any moment, it has happened whole or not at all. The result
//! depends on what was seen, not on the order or the number of the nights that saw it.
//!
//! - `schema`: the tables, as numbered migrations;
//! - `reading`: which logs were read; `logs`: their text, for a while; `record`: what was seen, and what follows from it; `derive`: of which stretch of time;
//! - `places`: what an address was, and on which days;
//! - `query`, `search`: pieces, holds, refusals and findings, out again;
//! - `told`: imported histories; `publish`: which days the files do not tell yet.

mod code;
mod derive;
mod logs;
mod names;
mod places;
mod publish;
mod query;
mod reading;
mod record;
mod schema;
mod search;
#[cfg(test)]
mod tests;
mod told;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use rusqlite::{Connection, ErrorCode, OpenFlags};

pub use record::Night;
pub use search::Search;
pub use told::TakenIn;

use crate::output::FILE_MODE;

/// jeton's memory.
#[derive(Debug)]
pub struct Ledger {
    db: Connection,
    path: PathBuf,
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
        "the ledger `{path}` is damaged ({reason}): `jeton nightly` sets it aside and makes a new one from the logs"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What SQLite says.
        reason: String,
    },
    /// It cannot be written to.
    #[error("the ledger `{path}` cannot be written: {reason}; nothing in it was changed")]
    Unwritable {
        /// The file.
        path: String,
        /// Why: no space, read-only.
        reason: String,
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
            Some(ErrorCode::DiskFull) => Self::Unwritable { path, reason: "no space is left on its disk".to_owned() },
            Some(ErrorCode::ReadOnly) => Self::Unwritable { path, reason: "it is read-only".to_owned() },
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => Self::Unwritable { path, reason },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(path),
            _ => Self::Other { path, source: error },
        }
    }
}

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
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut ledger = Self::connect(path, flags)?;
        ledger.check()?;
        let version = ledger.version()?;
        schema::migrate(&mut ledger.db, version).map_err(|error| LedgerError::new(path, error))?;
        Ok(ledger)
    }

    /// The ledger for reading; `None` where there is none, or none that anything was ever written to.
    pub fn open_to_read(path: &Path) -> Result<Option<Self>, LedgerError> {
        if path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return Ok(None);
        }
        expect_file(path)?;
        let open = |flags| {
            let ledger = Self::connect(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
            let version = ledger.version()?;
            Ok::<_, LedgerError>((ledger, version))
        };
        // What a killed night left half done is taken back by whoever opens it next, and that takes writing.
        let (mut ledger, version) = open(OpenFlags::SQLITE_OPEN_READ_WRITE).or_else(|error| match error {
            LedgerError::Unwritable { .. } => open(OpenFlags::SQLITE_OPEN_READ_ONLY),
            other => Err(other),
        })?;
        if version == 0 {
            return Ok(None);
        }
        schema::migrate(&mut ledger.db, version).map_err(|error| LedgerError::new(path, error))?;
        Ok(Some(ledger))
    }

    /// A ledger that nothing is kept in: for what is at hand alone.
    pub fn in_memory() -> Result<Self, LedgerError> {
        let path = Path::new(":memory:");
        let failed = |error| LedgerError::new(path, error);
        let mut db = Connection::open_in_memory().map_err(failed)?;
        schema::migrate(&mut db, 0).map_err(failed)?;
        Ok(Self { db, path: path.to_owned() })
    }

    /// Sets a damaged ledger aside, under a name that says so; where it is now.
    pub fn set_aside(path: &Path) -> std::io::Result<PathBuf> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut number = 1_u32;
        let mut aside = path.with_file_name(format!("{name}.damaged"));
        while aside.symlink_metadata().is_ok() {
            number += 1;
            aside = path.with_file_name(format!("{name}.damaged-{number}"));
        }
        // What SQLite would undo belongs to the file as it was.
        let journal = path.with_file_name(format!("{name}-journal"));
        if journal.exists() {
            fs::rename(&journal, aside.with_file_name(format!("{}-journal", file_name(&aside))))?;
        }
        fs::rename(path, &aside)?;
        Ok(aside)
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Self, LedgerError> {
        let failed = |error| LedgerError::new(path, error);
        let db = Connection::open_with_flags(path, flags).map_err(failed)?;
        db.busy_timeout(PATIENCE).map_err(failed)?;
        // FULL: what is committed survives a power cut. No WAL: readers would need to write beside the file.
        db.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
            .map_err(failed)?;
        db.pragma_update(None, "cache_size", -64_000).map_err(failed)?;
        db.set_prepared_statement_cache_capacity(64);
        Ok(Self { db, path: path.to_owned() })
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

    /// Whether the file is what was written to it.
    fn check(&self) -> Result<(), LedgerError> {
        let failed = |error| LedgerError::new(&self.path, error);
        if self.path.metadata().is_ok_and(|found| found.len() > CHECKED_WHOLE) {
            return Ok(());
        }
        let said: String = self.db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
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

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn expect_file(path: &Path) -> Result<(), LedgerError> {
    match path.metadata() {
        Ok(found) if !found.is_file() => Err(LedgerError::NoFile(path.display().to_string())),
        _ => Ok(()),
    }
}
