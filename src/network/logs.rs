//! What is new in a remote log, and in the parts of it that `logrotate` left beside it.
//!
//! No copy is kept: what is new becomes evidence at once. A [`Mark`] per file says how far it was read, with checksums of its
//! beginning and of the bytes before the mark. A file that has both is the same file, grown or renamed; so what was rotated
//! away before it was read is found in the rotated part. A little before the mark is read again, so that the evidence sees
//! what the new text goes on from.
//!
//! A mark is a hint. Without it more is read, and evidence that is added twice changes nothing.

mod rotated;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::remote::{Files, Host, RemoteError};
use crate::finding::{Finding, Gap};

use rotated::{RemoteLog, remote_logs};

/// How many bytes at its beginning tell a log from others: its first line names a moment already.
const HEAD: u64 = 16 * 1024;
/// How many bytes before a mark are compared.
const SEAM: u64 = 4 * 1024;
/// How much of what is known is read again, so that it meets the evidence in more than a line.
const OVERLAP: u64 = 256 * 1024;

/// How far a file was read, and what it held there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    bytes: u64,
    /// Of the first `HEAD` bytes before the mark (CRC-32).
    head: u32,
    /// Of the last `SEAM` bytes before it.
    seam: u32,
}

/// Text of a log.
pub struct Copy {
    /// Its lines.
    pub text: Box<dyn Read + Send>,
    /// Whether it begins where a file begins. What is read on may be any part of a block.
    pub is_whole: bool,
}

/// What is new in a log.
#[derive(Default)]
pub struct News {
    /// Copies of text, from the oldest to the newest. The files in one of them follow each other without a gap.
    pub copies: Vec<Copy>,
    /// The log itself, where it lies on this machine.
    pub local: Option<PathBuf>,
    /// Whether neither the log nor any part of it holds a byte.
    pub is_empty: bool,
    /// Rotated parts that were passed over.
    pub findings: Vec<Finding>,
    /// Rotated parts that could not be had.
    pub gaps: Vec<Gap>,
    /// How far the files are read, once the copies are evidence.
    pub marks: Vec<Mark>,
    /// Why the end of the log could not be read.
    pub broken: Option<RemoteError>,
}

/// A file that holds what no other one does, and how far it is known.
struct Life {
    log: RemoteLog,
    known: Option<Mark>,
}

/// Reads what is new since `marks` in a log and in its rotated parts. What does not lie on this machine goes through a
/// nameless file in the folder `room`, else among the temporary files.
pub fn fetch(files: &mut dyn Files, host: &Host, path: &str, marks: &[Mark], room: &Path) -> Result<News, RemoteError> {
    let mut news = News { local: files.local(path), ..News::default() };
    let logs = remote_logs(files, host, path, &mut news)?;
    let lives = lives(files, host, logs, marks, &mut news)?;
    news.is_empty = lives.is_empty();
    let mut lives = lives.into_iter().rev().peekable();
    // What the file before ended with, where it was read; and whether it was not known at all.
    let mut before: Option<Option<u8>> = None;
    let mut is_after_new = false;
    while let Some(life) = lives.next() {
        let Some(Life { mut log, known }) = life else {
            before = None;
            continue;
        };
        // A file that follows one that is new is read from its beginning: it shows where that one belongs.
        let is_new = known.is_none();
        let known = known.filter(|_| !is_after_new);
        is_after_new = is_new;
        let is_followed = lives.peek().is_some_and(|newer| newer.as_ref().is_some_and(|newer| newer.known.is_none()));
        if let Some(known) = known.filter(|known| known.bytes >= log.size && !is_followed) {
            news.marks.push(known);
            before = None;
            continue;
        }
        let from = known.map_or(0, |known| known.bytes.saturating_sub(OVERLAP));
        let (mut text, broken) = log.text(files, from, room)?;
        let failed = |error| RemoteError::new(host, format!("read {}", log.path), error);
        news.marks.extend(text.mark(log.head(), from).map_err(failed)?.or(known));
        let last = text.last().map_err(failed)?;
        let text = text.lines(from).map_err(failed)?;
        match before.filter(|_| from == 0) {
            Some(end) => {
                let line_end: &[u8] = if end.is_none_or(|end| end == b'\n') { b"" } else { b"\n" };
                if let Some(Copy { text: before, is_whole }) = news.copies.pop() {
                    news.copies.push(Copy { text: Box::new(before.chain(line_end).chain(text)), is_whole });
                }
            }
            None => news.copies.push(Copy { text: Box::new(text), is_whole: from == 0 }),
        }
        before = Some(last);
        if broken.is_some() {
            news.broken = broken;
            break;
        }
    }
    Ok(news)
}

/// The files that hold what no other one does, from the newest to the oldest, with `None` for one that could not be had.
fn lives(
    files: &mut dyn Files,
    host: &Host,
    logs: Vec<Option<RemoteLog>>,
    marks: &[Mark],
    news: &mut News,
) -> Result<Vec<Option<Life>>, RemoteError> {
    let mut lives = Vec::new();
    for log in logs {
        let Some(log) = log else {
            lives.push(None);
            continue;
        };
        let is_rotated = log.is_rotated;
        match add_life(files, &mut lives, log, marks) {
            // A rotated part is one of many; the log itself is what was asked for.
            Err(error) if is_rotated => {
                news.gaps.push(Gap::new(&host.name, error.reason()));
                lives.push(None);
            }
            added => added?,
        }
    }
    Ok(lives)
}

fn add_life(
    files: &mut dyn Files,
    lives: &mut Vec<Option<Life>>,
    mut log: RemoteLog,
    marks: &[Mark],
) -> Result<(), RemoteError> {
    log.read_head(files)?;
    let mut known = None;
    for mark in marks {
        if known.is_none_or(|known: Mark| known.bytes < mark.bytes) && log.begins_with(files, mark)? {
            known = Some(*mark);
        }
    }
    for life in lives.iter_mut().flatten() {
        if log.is_beginning_of(files, &mut life.log)? {
            return Ok(());
        }
        if life.log.is_beginning_of(files, &mut log)? {
            *life = Life { log, known };
            return Ok(());
        }
    }
    lives.extend((log.size > 0).then_some(Some(Life { log, known })));
    Ok(())
}
