//! The seal of a ledger: a hash of the whole file, in a file of its own, from when it is closed until it is opened for writing again.
//!
//! SQLite notices a page whose structure is broken, not a bit that changed within a text or a number. The seal notices both.
//! It bears a number that the ledger holds too, so that a ledger that was put in its place (a backup) is not judged by it.

use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err as fs;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::query;
use super::record::set;
use crate::output;

/// The setting that holds the number of the seal.
const NUMBER: &str = "seal";
/// The form of a seal that this jeton writes and reads.
const FORMAT: u32 = 1;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seal {
    /// The form.
    jeton: u32,
    /// What the ledger holds in `NUMBER`.
    number: u64,
    /// XXH3, 128 bits, of all bytes of the file.
    hash: String,
}

/// What a seal says of a ledger.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The file is what was written.
    Whole,
    /// It is not.
    Broken,
    /// No seal is of this ledger: a night was killed, or an older jeton or a backup wrote the file.
    Unsealed,
}

/// Where the seal of a ledger is: with the evidence beside it, out of the way of those who come for the workbooks.
pub(super) fn path_of(ledger: &Path) -> PathBuf {
    let name = ledger.file_name().unwrap_or_default().to_string_lossy();
    ledger.with_file_name("evidence").join(format!("{name}.seal"))
}

/// Judges a ledger by its seal.
pub(super) fn judge(db: &Connection, ledger: &Path) -> Verdict {
    let seal = read(ledger).and_then(|bytes| serde_json::from_slice::<Seal>(&bytes).ok());
    let Some(seal) = seal.filter(|seal| seal.jeton == FORMAT) else { return Verdict::Unsealed };
    match number(db) {
        // Where the number cannot be read, the hash tells why.
        Ok(found) if found != seal.number => Verdict::Unsealed,
        _ => match hash(ledger) {
            Ok(hash) if hash == seal.hash => Verdict::Whole,
            Ok(_) => Verdict::Broken,
            Err(_) => Verdict::Unsealed,
        },
    }
}

/// The seal that is there.
pub(super) fn read(ledger: &Path) -> Option<Vec<u8>> {
    fs::read(path_of(ledger)).ok()
}

/// Puts back the seal of a ledger that nothing was written to.
pub(super) fn put_back(ledger: &Path, seal: &[u8]) {
    let _ = output::write_file(&path_of(ledger), |out| out.write_all(seal));
}

/// Takes the seal off, before anything is written. One that cannot go is worse than none.
pub(super) fn take_off(ledger: &Path) -> io::Result<()> {
    match fs::remove_file(path_of(ledger)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Seals a ledger that nothing is written to any more. Without a seal it is as good, so nothing is told of a failure.
pub(super) fn put_on(db: &Connection, ledger: &Path) {
    let sealed = || -> Option<()> {
        // A night does not wait for whoever reads: the next one checks without a seal.
        db.busy_timeout(Duration::ZERO).ok()?;
        let number = number(db).ok()?.wrapping_add(1);
        set(db, NUMBER, &number.to_string()).ok()?;
        // All of it is in the file itself then; where somebody still reads what was before, it is not.
        let is_busy = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)).ok()?;
        if is_busy != 0 {
            return None;
        }
        let seal = Seal { jeton: FORMAT, number, hash: hash(ledger).ok()? };
        let line = serde_json::to_string(&seal).ok()?;
        output::write_file(&path_of(ledger), |out| writeln!(out, "{line}")).ok()
    };
    let _ = sealed();
}

/// Makes a copy of a ledger one that no seal is of.
pub(super) fn forget_number(copy: &Path) -> rusqlite::Result<()> {
    Connection::open(copy)?.execute("DELETE FROM setting WHERE name = ?1", [NUMBER]).map(drop)
}

fn number(db: &Connection) -> rusqlite::Result<u64> {
    Ok(query::setting(db, NUMBER)?.and_then(|text| text.parse().ok()).unwrap_or_default())
}

fn hash(ledger: &Path) -> io::Result<String> {
    let mut file = BufReader::with_capacity(1 << 20, fs::File::open(ledger)?);
    let (mut hash, mut buffer) = (Xxh3::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(format!("{:032x}", hash.digest128())),
            read => hash.update(&buffer[..read]),
        }
    }
}
