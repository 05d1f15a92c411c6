//! A copy of a log on this machine, and its index.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use serde::{Deserialize, Serialize};

use super::plan::Plan;
use crate::network::remote::{Files, RemoteError};
use crate::output;

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

/// One life of a log in a copy, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Life {
    pub(super) start: u64,
    pub(super) length: u64,
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
pub(super) struct Copy {
    path: PathBuf,
    pub(super) lives: Vec<Life>,
}

impl Copy {
    /// The copy at a path, where it is. What an interrupted run appended and the index does not know is taken off; a copy
    /// without an index that fits is one life.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
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
    pub(super) fn bytes(&self, life: Life, from: u64, most: u64) -> io::Result<Vec<u8>> {
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
    pub(super) fn save(&self, modified: Option<i64>) -> io::Result<()> {
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
    pub(super) fn carry_out(
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
pub(super) fn index_of(copy: &Path) -> PathBuf {
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
