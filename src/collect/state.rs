//! `logwatch.state`, beside the logwatch: up to where the log is in it.
//!
//! Before each block is written, the state says so: where the logwatch ends, how long the block is, and the places in the
//! log before and after it. A collector that is killed at any moment, and started again, sees by the length of the logwatch
//! which of the two places holds: no line comes twice, none is lost. The file has two slots that are written in turn, each
//! a line of JSON behind its checksum, so that a half-written one leaves the other.
//!
//! ```text
//! 5d3f09a1 {"sequence":42,"end":{"file":{"device":2049,"inode":131},"length":8120},"block":312,"before":[…],"after":[…],…}
//! ```

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::os::unix::fs::{FileExt, OpenOptionsExt};
use serde::{Deserialize, Serialize};

use super::logwatch::End;
use super::place::Place;
use crate::output::{create_folder, folder_of};

/// Bytes of a slot: room for seven places, twice.
const SLOT: usize = 4096;
const MODE: u32 = 0o640;

/// What a block changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Counts the blocks: the newer of the two slots has the greater one.
    pub(super) sequence: u64,
    /// The logwatch before the block.
    pub(super) end: End,
    /// Bytes of the block.
    pub(super) block: u64,
    /// The places in the log without the block.
    pub(super) before: Standing,
    /// The places in the log with it.
    pub(super) after: Standing,
}

/// What is known of the log at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// Up to where its files are read.
    pub(super) places: Vec<Place>,
    /// Tokens that are out.
    pub(super) n_out: u32,
}

/// What an earlier run left.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing: there was none.
    Nothing,
    /// The last block.
    Entry(Box<Entry>),
    /// A file that cannot be read: empty, torn, or of another version of jeton.
    Unusable,
}

/// The state file, which only one collector has.
#[derive(Debug)]
pub(super) struct State {
    file: fs::File,
    sequence: u64,
}

/// `logwatch.state`.
pub(super) fn path_of(logwatch: &Path) -> PathBuf {
    let mut name = logwatch.as_os_str().to_owned();
    name.push(".state");
    name.into()
}

impl State {
    /// Opens the state of a logwatch, and reads what an earlier run left. Another collector that has it is an error.
    pub(super) fn open(logwatch: &Path) -> io::Result<(Self, Left)> {
        create_folder(folder_of(logwatch))?;
        let path = path_of(logwatch);
        let was_there = path.exists();
        let mut options = fs::OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(MODE).open(&path)?;
        if file.file().try_lock().is_err() {
            let why = format!("another `jeton collect` writes `{}`", logwatch.display());
            return Err(io::Error::new(io::ErrorKind::WouldBlock, why));
        }
        let last = (0..2).filter_map(|slot| read_slot(&file, slot)).max_by_key(|entry| entry.sequence);
        let sequence = last.as_ref().map_or(0, |entry| entry.sequence);
        let left = match last {
            Some(entry) => Left::Entry(Box::new(entry)),
            // The room for both was taken, and then there was no block yet.
            None if !was_there || is_blank(&file) => Left::Nothing,
            None => Left::Unusable,
        };
        // The room for both is taken now: a disk that is full later does not keep the state from being written.
        let length = file.metadata()?.len();
        if length < 2 * SLOT as u64 {
            let blank = vec![b' '; 2 * SLOT - usize::try_from(length).unwrap_or_default()];
            file.write_all_at(&blank, length)?;
        }
        Ok((Self { file, sequence }, left))
    }

    /// Writes what a block is about to change.
    pub(super) fn write(&mut self, mut entry: Entry) -> io::Result<()> {
        entry.sequence = self.sequence + 1;
        let mut slot = slot_of(&entry)?;
        if slot.len() >= SLOT {
            return Err(io::Error::other("the state is too long"));
        }
        slot.resize(SLOT - 1, b' ');
        slot.push(b'\n');
        self.file.write_all_at(&slot, (entry.sequence % 2) * SLOT as u64)?;
        self.sequence = entry.sequence;
        Ok(())
    }
}

/// Whether a state file holds blanks alone.
fn is_blank(file: &fs::File) -> bool {
    let mut bytes = vec![0; 2 * SLOT];
    let read = file.read_at(&mut bytes, 0).unwrap_or_default();
    read == bytes.len() && bytes.iter().all(|byte| *byte == b' ')
}

fn slot_of(entry: &Entry) -> io::Result<Vec<u8>> {
    let json = serde_json::to_string(entry)?;
    Ok(format!("{:08x} {json}", crc32fast::hash(json.as_bytes())).into_bytes())
}

fn read_slot(file: &fs::File, slot: u64) -> Option<Entry> {
    let mut bytes = vec![0; SLOT];
    file.read_exact_at(&mut bytes, slot * SLOT as u64).ok()?;
    let (crc, json) = std::str::from_utf8(&bytes).ok()?.trim_end().split_once(' ')?;
    let is_whole = u32::from_str_radix(crc, 16) == Ok(crc32fast::hash(json.as_bytes()));
    is_whole.then(|| serde_json::from_str(json).ok())?
}

#[cfg(test)]
mod tests {
    use super::super::logwatch::{Logwatch, was_written};
    use super::*;

    fn entry(end: End, block: u64) -> Entry {
        let after = Standing { places: Vec::new(), n_out: 3 };
        Entry { sequence: 0, end, block, before: Standing::default(), after }
    }

    #[test]
    fn the_newest_whole_slot_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logwatch");
        let end = Logwatch::new(&path).end().unwrap();
        let (mut state, last) = State::open(&path).unwrap();
        assert_eq!(last, Left::Nothing);
        for block in 1..=5 {
            state.write(entry(end, block)).unwrap();
        }
        assert!(State::open(&path).is_err(), "another collector has it");
        drop(state);
        let sequence = |left: Left| match left {
            Left::Entry(entry) => Some((entry.sequence, entry.block, entry.after.n_out)),
            _ => None,
        };
        let (state, last) = State::open(&path).unwrap();
        assert_eq!(sequence(last), Some((5, 5, 3)));
        // A power cut in the middle of the sixth: it went where the fourth was. Or of the fifth itself.
        drop(state);
        for (slot, expected) in [(0, Some(5)), (1, Some(4))] {
            let whole = fs::read(path_of(&path)).unwrap();
            let mut torn = whole.clone();
            torn[slot * SLOT + 40..slot * SLOT + 60].fill(b'?');
            fs::write(path_of(&path), torn).unwrap();
            assert_eq!(sequence(State::open(&path).unwrap().1).map(|last| last.0), expected);
            fs::write(path_of(&path), whole).unwrap();
        }
    }

    #[test]
    fn a_state_that_cannot_be_read_is_told_from_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logwatch");
        for (text, left) in [
            (Some(&b""[..]), Left::Unusable),
            (Some(&[0; 2 * SLOT]), Left::Unusable),
            (Some(b"5d3f09a1 {\"sequence\":42,"), Left::Unusable),
            (Some(&[b' '; 2 * SLOT]), Left::Nothing),
            (None, Left::Nothing),
        ] {
            let _ = fs::remove_file(path_of(&path));
            if let Some(text) = text {
                fs::write(path_of(&path), text).unwrap();
            }
            assert_eq!(State::open(&path).unwrap().1, left, "{text:?}");
        }
    }

    #[test]
    fn a_kill_at_any_byte_of_a_block_leaves_it_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logwatch");
        let mut logwatch = Logwatch::new(&path);
        let start = logwatch.end().unwrap();
        logwatch.append(start, b"before\n").unwrap();
        let end = logwatch.end().unwrap();
        for written in 0..=6 {
            logwatch.append(end, &b"block\n"[..written]).unwrap();
            assert_eq!(was_written(&path, end, 6).unwrap(), written == 6, "{written} bytes");
            let left = fs::read(&path).unwrap();
            assert_eq!(left, if written == 6 { &b"before\nblock\n"[..] } else { b"before\n" });
        }
        // Rotated since: by name, by copy, and away.
        fs::rename(&path, folder.path().join("logwatch.1")).unwrap();
        assert!(was_written(&path, end, 6).unwrap());
        fs::write(folder.path().join("logwatch.1"), "").unwrap();
        assert!(was_written(&path, end, 6).unwrap());
        fs::remove_file(folder.path().join("logwatch.1")).unwrap();
        assert!(was_written(&path, end, 6).unwrap());
    }
}
