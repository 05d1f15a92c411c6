//! The logwatch itself: blocks are appended whole or not at all, to whatever file has its name.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::os::unix::fs::{FileExt, OpenOptionsExt};
use serde::{Deserialize, Serialize};

use super::place::Identity;
use crate::output::{create_folder, folder_of};

/// Its owner writes, its group reads.
const MODE: u32 = 0o640;

/// The file that blocks are appended to.
#[derive(Debug)]
pub(super) struct Logwatch {
    path: PathBuf,
    file: Option<(fs::File, Identity)>,
}

/// The end of the logwatch before a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) file: Identity,
    /// Bytes.
    pub(super) length: u64,
}

impl Logwatch {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None }
    }

    /// The end of the file that has the name now. Where `logrotate` renamed the last one, it is a new one.
    pub(super) fn end(&mut self) -> io::Result<End> {
        let named = fs::metadata(&self.path).ok().map(|found| Identity::of(&found));
        let (file, identity) = match self.file.take() {
            Some((file, identity)) if named == Some(identity) => (file, identity),
            _ => self.open()?,
        };
        let length = file.metadata()?.len();
        self.file = Some((file, identity));
        Ok(End { file: identity, length })
    }

    /// Appends a block behind `end`. Where that fails, nothing of it stays.
    pub(super) fn append(&mut self, end: End, block: &[u8]) -> io::Result<()> {
        let Some((file, _)) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        file.write_all(block).inspect_err(|_| {
            // The disk is full: half a block would be a lie about the connections.
            let _ = file.set_len(end.length);
        })
    }

    /// Puts what was written on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), |(file, _)| file.sync_data())
    }

    fn open(&self) -> io::Result<(fs::File, Identity)> {
        create_folder(folder_of(&self.path))?;
        let mut file = fs::OpenOptions::new().read(true).append(true).create(true).mode(MODE).open(&self.path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other(format!("`{}` is not a file", self.path.display())));
        }
        // Another writer's last line may have been cut off.
        let mut last = [b'\n'];
        if found.len() > 0 {
            file.read_exact_at(&mut last, found.len() - 1)?;
        }
        if last != [b'\n'] {
            file.write_all(b"\n")?;
        }
        Ok((file, Identity::of(&found)))
    }
}

/// How much of the end of a logwatch is looked at for lines of the log.
const LOOKED_AT: u64 = 256 * 1024;

/// The last lines of the log that a logwatch holds, oldest first: of the file, else of one that was rotated away.
pub(super) fn last_lines(path: &Path) -> Vec<Vec<u8>> {
    let rotated = super::place::beside(path).into_iter().filter(|part| *part != super::state::path_of(path)).rev();
    std::iter::once(path.to_owned())
        .chain(rotated)
        .find_map(|part| {
            let file = fs::File::open(part).ok()?;
            let length = file.metadata().ok()?.len();
            let from = length.saturating_sub(LOOKED_AT);
            let mut bytes = vec![0; usize::try_from(length - from).ok()?];
            file.read_exact_at(&mut bytes, from).ok()?;
            let lines = bytes.split(|byte| *byte == b'\n').filter(|line| is_of_log(line));
            let lines: Vec<Vec<u8>> = lines.map(<[u8]>::to_vec).collect();
            (!lines.is_empty()).then_some(lines)
        })
        .unwrap_or_default()
}

/// Whether a line is one of the log: it begins with a clock and a daemon, and is no word of the collector.
fn is_of_log(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let Some(daemon) = memchr::memmem::find(line, b" (") else { return false };
    let is_clock = line[..daemon].iter().all(|byte| byte.is_ascii_digit() || *byte == b':') && daemon >= 7;
    is_clock && !line[daemon..].starts_with(b" (jeton) ")
}

/// Whether a block of so many bytes was written behind `end`, as far as the file that had the name can tell. What there is
/// of an unfinished one is cut off.
pub(super) fn was_written(path: &Path, end: End, block: u64) -> io::Result<bool> {
    let parts = std::iter::once(path.to_owned()).chain(super::place::beside(path));
    for part in parts {
        let Ok(found) = fs::metadata(&part) else { continue };
        if Identity::of(&found) != end.file {
            continue;
        }
        // Shorter than before the block: it was emptied since, after a copy was taken.
        if found.len() < end.length || found.len() >= end.length + block {
            return Ok(true);
        }
        fs::OpenOptions::new().write(true).open(&part)?.set_len(end.length)?;
        return Ok(false);
    }
    // It was rotated away since.
    Ok(true)
}
