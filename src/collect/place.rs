//! A place in a log that is known again after the log was renamed, copied, emptied or overwritten.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::os::unix::fs::FileExt;
use serde::{Deserialize, Serialize};

use crate::output::folder_of;

/// How much of a log's beginning makes its fingerprint.
const HEAD: u64 = 1024;
/// How much before a place must be as it was. FlexNet's lines bear a clock: two logs that agree in so much at one offset
/// are one.
pub(super) const TAIL: usize = 64;

/// Which file a path or a handle means, whatever its name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn of(found: &std::fs::Metadata) -> Self {
        Self { device: found.dev(), inode: found.ino() }
    }
}

/// The end of the last line that was read of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) file: Identity,
    /// Bytes from the file's beginning.
    pub(super) offset: u64,
    /// CRC-32 of the file's beginning, up to [`HEAD`] bytes of what was read.
    head: u32,
    /// CRC-32 of the [`TAIL`] bytes before the offset, or of all of them.
    tail: u32,
}

impl Place {
    /// The place behind `offset` bytes of a file, the last of which are `tail`; `before` is an earlier one in it.
    pub(super) fn new(file: &fs::File, identity: Identity, offset: u64, tail: &[u8], before: Option<&Self>) -> Self {
        let head = match before {
            Some(before) if before.offset >= HEAD => before.head,
            // One that was overwritten since is never found again, which is right.
            _ => crc_of(file, 0, offset.min(HEAD)).unwrap_or_default(),
        };
        Self { file: identity, offset, head, tail: crc32fast::hash(tail) }
    }

    /// Opens a file if it holds what was read up to here: the log itself under any name, or a copy of it.
    pub(super) fn open(&self, path: &Path) -> Option<Opened> {
        let found = fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        let identity = Identity::of(&found);
        // Of a log that nothing was read of, any file would be a copy.
        if found.len() < self.offset || (self.offset == 0 && identity != self.file) {
            return None;
        }
        let file = fs::File::open(path).ok()?;
        let mut tail = vec![0; TAIL.min(usize::try_from(self.offset).unwrap_or(TAIL))];
        let from = self.offset - tail.len() as u64;
        file.read_exact_at(&mut tail, from).ok()?;
        let is_it = crc32fast::hash(&tail) == self.tail && crc_of(&file, 0, self.offset.min(HEAD)).ok()? == self.head;
        is_it.then_some(Opened { file, identity, tail })
    }

    /// Opens the log where it is now: under its own name, or, where a rotation renamed or copied it, under one beside it
    /// that begins with its name.
    pub(super) fn find(&self, log: &Path) -> Option<Opened> {
        let itself = self.open(log);
        if itself.as_ref().is_some_and(|opened| opened.identity == self.file) {
            return itself;
        }
        let others: Vec<Opened> = beside(log).iter().filter_map(|path| self.open(path)).collect();
        let renamed = |opened: &Opened| opened.identity == self.file;
        let best = others.iter().position(renamed).unwrap_or(0);
        itself.or_else(|| others.into_iter().nth(best))
    }
}

/// A log that was found again.
pub(super) struct Opened {
    pub(super) file: fs::File,
    pub(super) identity: Identity,
    /// The bytes before the place.
    pub(super) tail: Vec<u8>,
}

/// The files beside one whose names begin with its name, without itself: `log.1`, `log-20211208`.
pub(super) fn beside(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default();
    let is_part = |other: &OsStr| other != name && other.as_encoded_bytes().starts_with(name.as_encoded_bytes());
    let Ok(entries) = fs::read_dir(folder_of(path)) else { return Vec::new() };
    let mut found: Vec<PathBuf> =
        entries.flatten().filter(|entry| is_part(&entry.file_name())).map(|entry| entry.path()).collect();
    found.sort();
    found
}

fn crc_of(file: &fs::File, from: u64, length: u64) -> io::Result<u32> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    file.read_exact_at(&mut bytes, from)?;
    Ok(crc32fast::hash(&bytes))
}
