//! Follows a log by its name through everything that becomes of it.
//!
//! - **It grows**: the complete lines are taken; a last line without its end stays in the file until it has one.
//! - **It is overwritten** (FlexNet does at each start) or emptied after it was copied (`copytruncate`): it is shorter than
//!   what was read of it, or does not hold the same before that place. What the copy holds that was not read comes first.
//! - **It is renamed**, and another file has its name: the old one is read to its end before the new one is begun, and
//!   followed on while its writer has not moved to the new one.
//! - **It is not there**, cannot be read, is no file, or its folder was replaced: what was open stays open, and its name is
//!   looked at again. So is what was known of it by an earlier run.
//! - **It is another file with the same content**: a copy that an editor or a restore left, a log that was moved to another
//!   disk, or its end after it was cut. It is known by the bytes before the last place, else by the last lines that the logwatch
//!   holds, and read on behind them.

use std::io::{self, BufRead, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs_err as fs;
use fs_err::os::unix::fs::FileExt;

use super::batch::{Batch, count};
use super::logwatch::last_lines;
use super::notice::{Notices, Topic};
use super::place::{Identity, Opened, Place, TAIL, beside};

/// How much is read at a time.
const CHUNK: usize = 64 * 1024;
/// A line may be as long as this before it is cut.
const LONGEST: usize = 2 << 20;
/// How long a log that was renamed is followed after it last grew.
const QUIET: Duration = Duration::from_secs(60);
/// How many of those are followed at a time; the state has room for them.
const MOST_OLD: usize = 6;

/// A log and the places up to which its files were read.
#[derive(Debug)]
pub(super) struct Follower {
    path: PathBuf,
    /// What the lines go into: it tells which were taken last.
    logwatch: PathBuf,
    /// Places of an earlier run in files that are not there now.
    pending: Vec<Place>,
    /// Whether the log is to be followed from its end once it can be read, as nobody watched before.
    from_its_end: bool,
    /// The file that has the name, or had it last.
    current: Option<Followed>,
    /// Files that had the name before, oldest first.
    old: Vec<Followed>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Followed {
    file: fs::File,
    identity: Identity,
    /// The end of the last line that was taken.
    offset: u64,
    /// The bytes before it, at most [`TAIL`].
    tail: Vec<u8>,
    /// The last place that was asked for.
    place: Option<Place>,
    grew: Instant,
    /// Whether another file holds the same, which is followed too: a place in this one would be found in that.
    is_copied: bool,
}

/// How a look at a file ended.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// All its complete lines are taken.
    AtEnd,
    /// The batch is full.
    Full,
    /// It does not hold any more what was read of it.
    Rewritten,
}

impl Follower {
    /// One that has nothing to follow yet.
    pub(super) fn new(path: &Path, logwatch: &Path) -> Self {
        Self {
            path: path.to_owned(),
            logwatch: logwatch.to_owned(),
            pending: Vec::new(),
            from_its_end: false,
            current: None,
            old: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// Follows a log without a state: behind the last lines that the logwatch holds; without any, from its end, as nobody
    /// watched before. One that is not there is followed from the beginning that it will have.
    pub(super) fn behind_logwatch(mut self, batch: &mut Batch, notices: &mut Notices) -> io::Result<Self> {
        let lines = last_lines(&self.logwatch);
        // The logwatch may be called like a part of the log: `log`, `logwatch`.
        let own = [vec![self.logwatch.clone()], beside(&self.logwatch)].concat();
        let parts = beside(&self.path).into_iter().filter(|part| !own.contains(part)).rev();
        let files = std::iter::once(self.path.clone()).chain(parts);
        let found = files.filter(|_| !lines.is_empty()).find_map(|path| Some((found_in(&path, &lines)?, path)));
        if let Some((log, path)) = found {
            notices.note(&format!("`{}` is read on behind the last line that the logwatch holds", path.display()));
            batch.n_out = counted(&log, notices)?;
            if path == self.path {
                self.current = Some(log);
            } else {
                self.old.push(log);
            }
            return Ok(self);
        }
        if !lines.is_empty() {
            let why = "does not hold the last lines of the logwatch: lines between them may be missing";
            notices.say(Topic::Log, &format!("`{}` {why}", self.path.display()));
        }
        self.from_its_end = match fs::metadata(&self.path) {
            Ok(found) => found.is_file(),
            Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
        };
        self.begin_at_end(batch, notices)?;
        Ok(self)
    }

    /// Follows the log from its end, where it can be read.
    fn begin_at_end(&mut self, batch: &mut Batch, notices: &mut Notices) -> io::Result<()> {
        let Some(found) = is_file(&self.path, notices) else { return Ok(()) };
        let Some(file) = opened(&self.path, notices) else { return Ok(()) };
        let mut log = Followed::new(file, Identity::of(&found));
        // What is there was not watched, but it says how many tokens are out.
        while log.take(batch, &mut self.buffer, notices)? == Look::Full {
            batch.clear();
        }
        batch.clear();
        self.current = Some(log);
        self.from_its_end = false;
        Ok(())
    }

    /// Follows a log from the places of an earlier run. Those whose files are not there now are kept until they are.
    pub(super) fn at_places(mut self, places: &[Place], notices: &mut Notices) -> Self {
        let own = fs::metadata(&self.path).ok().map(|found| Identity::of(&found));
        for place in places {
            match place.find(&self.path) {
                Some(opened) => {
                    let is_own = own == Some(opened.identity);
                    let log = Followed::at(opened, place.offset);
                    if is_own { self.current = Some(log) } else { self.old.push(log) }
                }
                None if place.offset > 0 => self.pending.push(place.clone()),
                None => {}
            }
        }
        if self.current.is_some() {
            self.pending.clear();
        } else if !self.pending.is_empty() && own.is_none() {
            notices.say(Topic::Log, &format!("`{}` is not there: waiting for it", self.path.display()));
        }
        self
    }

    /// Takes the complete lines that were not taken yet, in the order in which they were written; whether there are more.
    pub(super) fn look(&mut self, batch: &mut Batch, notices: &mut Notices) -> io::Result<bool> {
        for log in &mut self.old {
            if log.take(batch, &mut self.buffer, notices)? == Look::Full {
                return Ok(true);
            }
        }
        if let Some(log) = &mut self.current {
            match log.take(batch, &mut self.buffer, notices)? {
                Look::AtEnd => {}
                Look::Full => return Ok(true),
                Look::Rewritten => {
                    self.begin_anew(batch, notices);
                    return Ok(true);
                }
            }
        }
        if self.from_its_end {
            self.begin_at_end(batch, notices)?;
            return Ok(false);
        }
        let changed = self.follow_name(batch, notices)?;
        self.old.drain(..self.old.len().saturating_sub(MOST_OLD));
        self.old.retain(|log| log.grew.elapsed() < QUIET || self.current.as_ref().is_none_or(|new| new.offset == 0));
        Ok(changed)
    }

    /// Up to where the logs are read, for [`Self::at_places`].
    pub(super) fn places(&mut self) -> Vec<Place> {
        let files = self.old.iter_mut().filter(|log| !log.is_copied).chain(&mut self.current);
        let followed: Vec<Place> = files.map(Followed::place).collect();
        let room = (MOST_OLD + 1).saturating_sub(followed.len());
        let pending = self.pending.iter().skip(self.pending.len().saturating_sub(room)).cloned();
        pending.chain(followed).collect()
    }

    /// The last lines that were taken: those of the logwatch, and those that are on their way into it.
    fn last_taken(&self, batch: &Batch) -> Vec<Vec<u8>> {
        let mut lines = last_lines(&self.logwatch);
        lines.extend(batch.text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec));
        lines
    }

    /// Opens the file that has the name now, where it is another one. The one before is looked at once more first: what was
    /// written to it before anything was to the new one is there by now.
    fn follow_name(&mut self, batch: &Batch, notices: &mut Notices) -> io::Result<bool> {
        let Some(found) = is_file(&self.path, notices) else { return Ok(false) };
        if self.current.as_ref().is_some_and(|log| log.identity == Identity::of(&found)) {
            return Ok(false);
        }
        let Some(file) = opened(&self.path, notices) else { return Ok(false) };
        let identity = Identity::of(&file.metadata()?);
        let shown = self.path.display();
        let places = self.pending.iter().chain(self.current.as_ref().and_then(|log| log.place.as_ref()));
        let same = places
            .rev()
            .filter(|place| place.offset > 0)
            .find_map(|place| Some((place.open(&self.path)?, place.offset)));
        let known = same.map(|(opened, offset)| Followed::at(opened, offset));
        let is_copy = known.is_some() && self.current.is_some();
        let found = known.or_else(|| found_in(&self.path, &self.last_taken(batch)));
        let is_known = found.is_some();
        if is_copy {
            notices
                .note(&format!("`{shown}` is another file that holds the same: it is read on where the old one ended"));
        } else if is_known && self.current.is_some() {
            notices.note(&format!(
                "`{shown}` is another file: it is read on behind the last line that the logwatch holds"
            ));
        } else if !is_known && !self.pending.is_empty() {
            notices.note("the log was replaced while nobody watched, and what it held before is not beside it");
        }
        self.pending.clear();
        if let Some(old) = self.current.replace(found.unwrap_or_else(|| Followed::new(file, identity))) {
            if !is_known {
                notices.note(&format!("`{shown}` is a new file: what the old one holds comes first"));
            }
            self.old.push(Followed { is_copied: is_known, ..old });
        }
        Ok(true)
    }

    /// The log was overwritten: back to its beginning, after what a copy of it holds.
    fn begin_anew(&mut self, batch: &Batch, notices: &mut Notices) {
        let Some(log) = self.current.take() else { return };
        let copy =
            log.place.as_ref().filter(|place| place.offset == log.offset && place.offset > 0).and_then(|place| {
                let copies = beside(&self.path);
                copies.iter().find_map(|path| place.open(path)).map(|opened| Followed::at(opened, log.offset))
            });
        let cut = found_in(&self.path, &self.last_taken(batch)).filter(|found| found.identity == log.identity);
        let (which, from) = match (&copy, &cut) {
            (_, Some(_)) => ("cut", "on behind the last line that the logwatch holds"),
            (Some(_), None) => ("emptied, and a copy of it is beside it", "from its beginning"),
            (None, None) => ("overwritten", "from its beginning"),
        };
        notices.note(&format!("`{}` was {which}: it is read {from}", self.path.display()));
        self.old.extend(copy);
        self.current = Some(cut.unwrap_or_else(|| Followed::new(log.file, log.identity)));
    }
}

/// Opens the log; says why it cannot be.
fn opened(path: &Path, notices: &mut Notices) -> Option<fs::File> {
    fs::File::open(path).inspect_err(|error| notices.say(Topic::Log, &format!("{error}: waiting"))).ok()
}

/// How many lines in a row must be the same to know a place again.
const RUN: usize = 3;
/// How much of the end of a file is searched for them.
const SEARCHED: u64 = 64 << 20;

/// A file from behind the last of some lines, where it holds that one behind those before it.
fn found_in(path: &Path, lines: &[Vec<u8>]) -> Option<Followed> {
    let wanted: Vec<&[u8]> = lines.iter().rev().take(RUN).map(|line| bare(line)).collect();
    let newest = *wanted.first()?;
    let file = fs::File::open(path).ok()?;
    let found = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let from = found.len().saturating_sub(SEARCHED);
    let mut bytes = vec![0; usize::try_from(found.len() - from).ok()?];
    let n = read_at(&file, &mut bytes, from).ok()?;
    bytes.truncate(n);
    // The last line may have no end yet.
    let ends: Vec<usize> = memchr::memchr_iter(b'\n', &bytes).collect();
    let line = |index: usize| {
        let start = index.checked_sub(1).map_or(0, |before| ends[before] + 1);
        bare(&bytes[start..ends[index]])
    };
    let is_place = |index: &usize| {
        line(*index) == newest
            && wanted
                .iter()
                .enumerate()
                .skip(1)
                .all(|(back, wanted)| index.checked_sub(back).is_none_or(|at| line(at) == *wanted))
    };
    let end = ends[(0..ends.len()).rev().find(is_place)?] + 1;
    let tail = bytes[end.saturating_sub(TAIL)..end].to_vec();
    Some(Followed { offset: from + end as u64, tail, ..Followed::new(file, Identity::of(&found)) })
}

/// A line without what does not get into the logwatch, or may be lost on the way.
fn bare(line: &[u8]) -> &[u8] {
    let start = line.iter().take_while(|byte| **byte == 0).count();
    line[start..].trim_ascii_end()
}

/// How many tokens are out at a place.
fn counted(log: &Followed, notices: &mut Notices) -> io::Result<u32> {
    let mut lines = io::BufReader::new(log.file.try_clone()?);
    lines.rewind()?;
    let mut lines = lines.take(log.offset);
    let (mut line, mut n_out) = (Vec::new(), 0);
    while lines.read_until(b'\n', &mut line)? > 0 {
        n_out = count(line.trim_ascii_end(), n_out, notices);
        line.clear();
    }
    Ok(n_out)
}

impl Followed {
    /// A file from its beginning.
    fn new(file: fs::File, identity: Identity) -> Self {
        Self { file, identity, offset: 0, tail: Vec::new(), place: None, grew: Instant::now(), is_copied: false }
    }

    /// A file from where it was read to before.
    fn at(opened: Opened, offset: u64) -> Self {
        Self { offset, tail: opened.tail, ..Self::new(opened.file, opened.identity) }
    }

    fn take(&mut self, batch: &mut Batch, buffer: &mut Vec<u8>, notices: &mut Notices) -> io::Result<Look> {
        let mut size = CHUNK;
        while !batch.is_full() {
            buffer.resize(self.tail.len() + size, 0);
            let n = read_at(&self.file, buffer, self.offset - self.tail.len() as u64)?;
            let goes_on = n == buffer.len();
            let Some(data) = buffer[..n].strip_prefix(self.tail.as_slice()) else { return Ok(Look::Rewritten) };
            let mut taken = batch.take(data, goes_on, notices);
            if taken == 0 && goes_on && size >= LONGEST {
                batch.take_piece(data, notices);
                taken = data.len();
            }
            if taken > 0 {
                self.advance(&buffer[..self.tail.len() + taken], taken);
                size = CHUNK;
            } else if goes_on {
                size *= 4;
            } else {
                // What a long line needed is given back.
                buffer.truncate(CHUNK);
                buffer.shrink_to(2 * CHUNK);
                return Ok(Look::AtEnd);
            }
        }
        Ok(Look::Full)
    }

    /// `read` is what was before the place and what was taken after it.
    fn advance(&mut self, read: &[u8], taken: usize) {
        self.tail = read[read.len().saturating_sub(TAIL)..].to_vec();
        self.offset += taken as u64;
        self.grew = Instant::now();
    }

    fn place(&mut self) -> Place {
        if let Some(place) = &self.place
            && place.offset == self.offset
        {
            return place.clone();
        }
        let place = Place::new(&self.file, self.identity, self.offset, &self.tail, self.place.as_ref());
        self.place = Some(place.clone());
        place
    }
}

/// Fills the buffer as far as the file goes.
fn read_at(file: &fs::File, buffer: &mut [u8], from: u64) -> io::Result<usize> {
    let mut n = 0;
    while n < buffer.len() {
        match file.read_at(&mut buffer[n..], from + n as u64) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(n)
}

/// What the log's name means, where it is a file; else says what is there in its place.
fn is_file(path: &Path, notices: &mut Notices) -> Option<std::fs::Metadata> {
    let shown = path.display();
    let trouble = match fs::metadata(path) {
        Ok(found) if found.is_file() => {
            notices.over(Topic::Log, &format!("`{shown}` is there"));
            return Some(found);
        }
        Ok(found) if found.is_dir() => format!("`{shown}` is a directory, expected a file: waiting for one"),
        Ok(_) => format!("`{shown}` is a pipe or a device, expected a file: waiting for one"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => format!("`{shown}` is not there: waiting for it"),
        Err(error) => format!("{error}: waiting"),
    };
    notices.say(Topic::Log, &trouble);
    None
}

#[cfg(test)]
mod tests;
