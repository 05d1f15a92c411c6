//! Copies of remote logs on this machine: of a log that only grew, only what is new is fetched; of one that was rotated or
//! overwritten, nothing is lost.
//!
//! A copy is one file, to which the lives of the log are put one after the other: what `logwatch` held until it was rotated
//! away, then what the next `logwatch` holds. Where each life lies is in an index beside the copy. Every time,
//!
//! - the parts that `logrotate` left beside the log are looked at ([`rotated`]), from the newest to the oldest;
//! - a remote file is known for a life in the copy by its head, and by its bytes just before the end of what both have:
//!   a hash of the head would say the same with less certainty, as the copy is at hand;
//! - what it has beyond that is appended, and a file that is no life in the copy becomes one, in the order of rotation.
//!
//! So no line is read twice, and a rest that was rotated away before it was fetched is found in the rotated part. What was
//! appended is a beginning of what the remote file holds, whenever the connection breaks: the next time goes on from there.

mod rotated;

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use serde::{Deserialize, Serialize};

use super::remote::{Files, Host, RemoteError};
use crate::finding::{Finding, Gap};
use crate::output;

pub use rotated::is_rotated;
use rotated::{RemoteLog, remote_logs};

/// How many bytes at its beginning tell a log from others: its first line names a moment already.
const HEAD: u64 = 16 * 1024;
/// How many bytes before the end of what two files have in common are compared.
const SEAM: u64 = 4 * 1024;

/// What an update has to say.
#[derive(Debug, Default)]
pub struct Updated {
    /// What could not be read, and is of no use any more or was kept before.
    pub findings: Vec<Finding>,
    /// Rotated parts that could not be had.
    pub gaps: Vec<Gap>,
}

/// Where the copy of a remote file is kept in a folder: below its host, as it lies there.
pub fn copy_in(folder: &Path, host: &Host, path: &str) -> PathBuf {
    let path = path.strip_prefix("~/").unwrap_or(path);
    let names = path.split('/').filter(|name| !matches!(*name, "" | "."));
    let mut copy = folder.join(host.name.replace('/', "_"));
    copy.extend(names.map(|name| if name == ".." { "__" } else { name }));
    copy
}

/// The folder of a remote path, empty where it is the login's home, and the name in it.
pub fn folder_and_name(path: &str) -> (&str, &str) {
    match path.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((folder, name)) => (folder, name),
        None => ("", path),
    }
}

/// Copies a copy with its index and its time.
pub fn duplicate(copy: &Path, to: &Path) -> io::Result<()> {
    fs::copy(copy, to)?;
    let modified = fs::metadata(copy)?.modified()?;
    fs::OpenOptions::new().append(true).open(to)?.file().set_modified(modified)?;
    if index_of(copy).is_file() {
        fs::copy(index_of(copy), index_of(to))?;
    }
    Ok(())
}

/// Brings the copy of a remote log up to date. A failure leaves the copy with what it has, which is readable.
pub fn update(files: &mut dyn Files, host: &Host, path: &str, copy: &Path) -> Result<Updated, RemoteError> {
    let failed = |error: io::Error| RemoteError::new(host, format!("keep a copy of {path}"), error);
    let mut updated = Updated::default();
    let logs = remote_logs(files, host, path, &mut updated)?;
    let modified = logs.first().map(|log| log.modified);
    let mut copy = Copy::open(copy).map_err(failed)?;
    let plan = Plan::new(&copy, files, host, logs, &mut updated)?;
    let written = copy.carry_out(plan, files, &failed);
    // What came before a connection broke is a gain, and the index must know it.
    copy.save(modified.filter(|_| written.is_ok())).map_err(failed)?;
    written.map(|()| updated)
}

/// One life of a log in a copy, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Life {
    start: u64,
    length: u64,
}

impl Life {
    fn end(self) -> u64 {
        self.start.saturating_add(self.length)
    }
}

/// The index of a copy.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Index {
    lives: Vec<Life>,
}

/// A copy with its index.
#[derive(Debug)]
struct Copy {
    path: PathBuf,
    lives: Vec<Life>,
}

impl Copy {
    /// The copy at a path, where it is. What an interrupted run appended and the index does not know is taken off; a copy
    /// without an index that fits is one life.
    fn open(path: &Path) -> io::Result<Self> {
        let path = path.to_owned();
        let size = match fs::metadata(&path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self { path, lives: Vec::new() }),
            Err(error) => return Err(error),
        };
        let index = fs::read(index_of(&path)).ok().and_then(|bytes| serde_json::from_slice::<Index>(&bytes).ok());
        let lives = index.map(|index| index.lives).unwrap_or_default();
        let end = lives.last().map_or(0, |life| life.end());
        if lives.is_empty() || !lives.is_sorted_by(|a, b| a.end() <= b.start) || end > size {
            return Ok(Self { path, lives: vec![Life { start: 0, length: size }] });
        }
        if end < size {
            fs::OpenOptions::new().write(true).open(&path)?.set_len(end)?;
        }
        Ok(Self { path, lives })
    }

    /// Bytes of a life, from an offset in it on.
    fn bytes(&self, life: Life, from: u64, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let most = most.min(life.length.saturating_sub(from));
        self.part(Life { start: life.start + from, length: most })?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn part(&self, part: Life) -> io::Result<impl Read + use<>> {
        let mut file = fs::File::open(&self.path)?;
        file.seek(SeekFrom::Start(part.start))?;
        Ok(file.take(part.length))
    }

    /// Writes the index, and gives the copy the time of the remote log: a debug log without dates is dated by it.
    fn save(&self, modified: Option<i64>) -> io::Result<()> {
        if self.lives.is_empty() {
            return Ok(());
        }
        if let Some(seconds) = modified.and_then(|modified| u64::try_from(modified).ok()) {
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            fs::OpenOptions::new().append(true).open(&self.path)?.file().set_modified(at)?;
        }
        let index = serde_json::to_vec(&Index { lives: self.lives.clone() })?;
        output::write_file(&index_of(&self.path), |out| out.write_all(&index))
    }

    /// Does what a plan says: at the end of the copy where that is enough, else in a new copy that takes its place.
    fn carry_out(
        &mut self,
        mut plan: Plan,
        files: &mut dyn Files,
        failed: &dyn Fn(io::Error) -> RemoteError,
    ) -> Result<(), RemoteError> {
        if plan.segments.iter().all(|segment| segment.more.is_none()) {
            return Ok(());
        }
        if !plan.only_appends(&self.lives) {
            let mut lives = Vec::new();
            let mut broken = None;
            let written = output::write_file(&self.path, |out| {
                let mut tail = Tail { inner: out, position: 0, last: None };
                self.write(&mut plan, 0, files, &mut tail, &mut lives).map_err(|failure| match failure {
                    Failure::Here(error) => error,
                    Failure::There(error) => io::Error::other(broken.insert(error).reason()),
                })
            });
            // Whatever failed, the old copy is in place.
            broken.map_or(Ok(()), Err)?;
            written.map_err(failed)?;
            self.lives = lives;
            return Ok(());
        }
        let mut tail = self.tail().map_err(failed)?;
        let n_done = self.lives.len().saturating_sub(1);
        let mut lives = self.lives[..n_done].to_vec();
        let written = self.write(&mut plan, n_done, files, &mut tail, &mut lives);
        let synced = tail.inner.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all());
        synced.map_err(failed)?;
        self.lives = lives;
        written.map_err(|failure| match failure {
            Failure::Here(error) => failed(error),
            Failure::There(error) => error,
        })
    }

    /// The end of the copy, to be appended to.
    fn tail(&self) -> io::Result<Tail<io::BufWriter<fs::File>>> {
        output::create_folder(self.path.parent().unwrap_or(Path::new(".")))?;
        let file = fs::OpenOptions::new().create(true).append(true).mode(0o640).open(&self.path)?;
        let last = self.lives.last().map(|life| self.bytes(*life, life.length.saturating_sub(1), 1)).transpose()?;
        let position = self.lives.last().map_or(0, |life| life.end());
        Ok(Tail { inner: io::BufWriter::new(file), position, last: last.and_then(|mut last| last.pop()) })
    }

    /// Writes the segments from one on, and notes their lives. What the copy has of them is there already where `out` ends
    /// with it.
    fn write<W: Write>(
        &self,
        plan: &mut Plan,
        from: usize,
        files: &mut dyn Files,
        out: &mut Tail<W>,
        lives: &mut Vec<Life>,
    ) -> Result<(), Failure> {
        for segment in plan.segments.iter().skip(from) {
            let mut life = match segment.life {
                Some(old) if old.end() == out.position => old,
                Some(old) => {
                    let start = out.begin().map_err(Failure::Here)?;
                    io::copy(&mut self.part(old).map_err(Failure::Here)?, out).map_err(Failure::Here)?;
                    Life { start, ..old }
                }
                None => Life { start: out.begin().map_err(Failure::Here)?, length: 0 },
            };
            let more = segment.more.and_then(|more| plan.logs.get_mut(more));
            let copied = more.map_or(Ok(()), |log| log.copy(files, life.length, out));
            life.length = out.position - life.start;
            lives.extend(Some(life).filter(|life| life.length > 0));
            copied.map_err(Failure::There)?;
        }
        Ok(())
    }
}

/// A failure on this machine or on the other.
enum Failure {
    Here(io::Error),
    There(RemoteError),
}

/// Where the index of a copy is.
fn index_of(copy: &Path) -> PathBuf {
    let name = copy.file_name().unwrap_or_default().to_string_lossy();
    copy.with_file_name(format!(".{name}.index.json"))
}

/// A file that is written, with how far it is and the last byte in it.
struct Tail<W> {
    inner: W,
    position: u64,
    last: Option<u8>,
}

impl<W: Write> Tail<W> {
    /// Where a life begins: on a line of its own.
    fn begin(&mut self) -> io::Result<u64> {
        if self.last.is_some_and(|last| last != b'\n') {
            self.write_all(b"\n")?;
        }
        Ok(self.position)
    }
}

impl<W: Write> Write for Tail<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.position += n as u64;
        self.last = bytes[..n].last().copied().or(self.last);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// What a copy will consist of.
struct Plan {
    segments: Vec<Segment>,
    /// The log itself, then its rotated parts from the newest to the oldest.
    logs: Vec<RemoteLog>,
}

/// A life of the log: what the copy has of it, and the remote file that has it from its beginning, or more of it.
#[derive(Debug, Clone, Copy)]
struct Segment {
    life: Option<Life>,
    more: Option<usize>,
}

impl Plan {
    /// Finds for each remote file the life that it is.
    fn new(
        copy: &Copy,
        files: &mut dyn Files,
        host: &Host,
        logs: Vec<RemoteLog>,
        updated: &mut Updated,
    ) -> Result<Self, RemoteError> {
        let segments = copy.lives.iter().map(|life| Segment { life: Some(*life), more: None }).collect();
        let mut plan = Self { segments, logs };
        // Where an older file would be put: before the one that was placed last.
        let mut newer = plan.segments.len();
        for index in 0..plan.logs.len() {
            match plan.place(copy, files, index) {
                Ok(Some(place)) => newer = place,
                Ok(None) if plan.logs[index].size == 0 => {}
                Ok(None) => plan.segments.insert(newer, Segment { life: None, more: Some(index) }),
                // A rotated part is one of many; the log itself is what was asked for.
                Err(error) if plan.logs[index].is_rotated => updated.gaps.push(Gap::new(&host.name, error.reason())),
                Err(error) => return Err(error),
            }
        }
        Ok(plan)
    }

    /// The life that a remote file is, from the newest on; where the file has more of it, that is noted.
    fn place(&mut self, copy: &Copy, files: &mut dyn Files, index: usize) -> Result<Option<usize>, RemoteError> {
        for place in (0..self.segments.len()).rev() {
            let segment = self.segments[place];
            let known = match (segment.more, segment.life) {
                (Some(more), _) => self.logs[more].size,
                (None, Some(life)) => life.length,
                (None, None) => continue,
            };
            let log = &self.logs[index];
            // A packed file that is as long as the life tells its end only when it is fetched whole.
            let common = known.min(log.size);
            let ends = if log.is_packed() && log.size == known { 0..0 } else { common.saturating_sub(SEAM)..common };
            let mut same = common > 0;
            for range in [0..common.min(HEAD), ends] {
                same = same && {
                    let (from, most) = (range.start, range.end - range.start);
                    let there = self.logs[index].bytes(files, from, most)?;
                    let here = match (segment.more, segment.life) {
                        (None, Some(life)) => {
                            copy.bytes(life, from, most).map_err(|error| self.logs[index].error(error))?
                        }
                        (Some(more), _) => self.logs[more].bytes(files, from, most)?,
                        (None, None) => Vec::new(),
                    };
                    there == here
                };
            }
            if same {
                if self.logs[index].size > known {
                    self.segments[place].more = Some(index);
                }
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Whether every life stays where it is, and only the last one grows.
    fn only_appends(&self, lives: &[Life]) -> bool {
        let is_as_before = |(index, life): (usize, &Life)| {
            self.segments.get(index).is_some_and(|segment| {
                segment.life == Some(*life) && (segment.more.is_none() || index + 1 == lives.len())
            })
        };
        lives.iter().enumerate().all(is_as_before)
    }
}

#[cfg(test)]
mod tests;
