//! Follows a log by its name through everything that becomes of it.
//!
//! - **It grows**: the complete lines are taken; a last line without its end stays in the file until it has one.
//! - **It is overwritten** (FlexNet does at each start) or emptied after it was copied (`copytruncate`): it is shorter than
//!   what was read of it, or does not hold the same before that place. What the copy holds that was not read comes first.
//! - **It is renamed**, and another file has its name: the old one is read to its end before the new one is begun, and
//!   followed on while its writer has not moved to the new one.
//! - **It is not there**, is no file, or its folder was replaced: what was open stays open, and its name is looked at again.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs_err as fs;
use fs_err::os::unix::fs::FileExt;

use super::batch::Batch;
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
    /// Follows a log from its end, as nobody watched before; one that is not there, from the beginning that it will have.
    pub(super) fn from_end(path: &Path, batch: &mut Batch, notices: &mut Notices) -> io::Result<Self> {
        let mut follower = Self { path: path.to_owned(), current: None, old: Vec::new(), buffer: Vec::new() };
        if let Some(found) = is_file(path, notices) {
            let mut log = Followed::new(fs::File::open(path)?, Identity::of(&found));
            // What is there was not watched, but it says how many tokens are out.
            while log.take(batch, &mut follower.buffer, notices)? == Look::Full {
                batch.clear();
            }
            batch.clear();
            follower.current = Some(log);
        }
        Ok(follower)
    }

    /// Follows a log from the places of an earlier run.
    pub(super) fn from_places(path: &Path, places: &[Place], notices: &mut Notices) -> Self {
        let mut follower = Self { path: path.to_owned(), current: None, old: Vec::new(), buffer: Vec::new() };
        let own = fs::metadata(path).ok().map(|found| Identity::of(&found));
        for (index, place) in places.iter().enumerate() {
            match place.find(path) {
                Some(opened) => {
                    let is_own = own == Some(opened.identity);
                    let log = Followed::at(opened, place.offset);
                    if is_own { follower.current = Some(log) } else { follower.old.push(log) }
                }
                None if index + 1 == places.len() && place.offset > 0 => {
                    notices.note("the log was replaced while nobody watched, and what it held before is not beside it");
                }
                None => {}
            }
        }
        follower
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
                    self.begin_anew(notices);
                    return Ok(true);
                }
            }
        }
        let changed = self.follow_name(notices)?;
        self.old.drain(..self.old.len().saturating_sub(MOST_OLD));
        self.old.retain(|log| log.grew.elapsed() < QUIET || self.current.as_ref().is_none_or(|new| new.offset == 0));
        Ok(changed)
    }

    /// Up to where the logs are read, for [`Self::from_places`].
    pub(super) fn places(&mut self) -> Vec<Place> {
        self.old.iter_mut().chain(&mut self.current).map(Followed::place).collect()
    }

    /// Opens the file that has the name now, where it is another one. The one before is looked at once more first: what was
    /// written to it before anything was to the new one is there by now.
    fn follow_name(&mut self, notices: &mut Notices) -> io::Result<bool> {
        let Some(found) = is_file(&self.path, notices) else { return Ok(false) };
        if self.current.as_ref().is_some_and(|log| log.identity == Identity::of(&found)) {
            return Ok(false);
        }
        let file = fs::File::open(&self.path).inspect_err(|error| notices.say(Topic::Log, &error.to_string()));
        let Ok(file) = file else { return Ok(false) };
        let identity = Identity::of(&file.metadata()?);
        if let Some(old) = self.current.replace(Followed::new(file, identity)) {
            notices.note(&format!("`{}` is a new file: what the old one holds comes first", self.path.display()));
            self.old.push(old);
        }
        Ok(true)
    }

    /// The log was overwritten: back to its beginning, after what a copy of it holds.
    fn begin_anew(&mut self, notices: &mut Notices) {
        let Some(log) = self.current.take() else { return };
        let copy =
            log.place.as_ref().filter(|place| place.offset == log.offset && place.offset > 0).and_then(|place| {
                let copies = beside(&self.path);
                copies.iter().find_map(|path| place.open(path)).map(|opened| Followed::at(opened, log.offset))
            });
        let which = if copy.is_some() { "emptied, and a copy of it is beside it" } else { "overwritten" };
        notices.note(&format!("`{}` was {which}: it is read from its beginning", self.path.display()));
        self.old.extend(copy);
        self.current = Some(Followed::new(log.file, log.identity));
    }
}

impl Followed {
    /// A file from its beginning.
    fn new(file: fs::File, identity: Identity) -> Self {
        Self { file, identity, offset: 0, tail: Vec::new(), place: None, grew: Instant::now() }
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
