//! A log and the parts of it that `logrotate` left beside it: `logwatch.1`, `logwatch-20211208`, `orglabdebug-20211208.log`,
//! each perhaps packed by gzip.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::{HEAD, Mark, News, SEAM};
use crate::finding::{Finding, Gap, Kind, Place};
use crate::network::remote::{FileStat, Files, Host, RemoteError};

/// A remote log, or a rotated part of one.
pub(super) struct RemoteLog {
    host: Host,
    pub(super) path: String,
    /// How much text it holds.
    pub(super) size: u64,
    pub(super) is_rotated: bool,
    /// The text at its beginning.
    head: Vec<u8>,
    packed: Option<Packed>,
}

/// What is known of a packed file.
struct Packed {
    /// All of its text, once it was fetched.
    whole: Option<File>,
    /// How long it is as it lies there.
    size: u64,
}

impl RemoteLog {
    fn plain(host: &Host, path: String, stat: FileStat, is_rotated: bool) -> Self {
        Self { host: host.clone(), path, size: stat.size, is_rotated, head: Vec::new(), packed: None }
    }

    /// A packed part: its first block tells what it is, its last bytes how much it holds (RFC 1952, `ISIZE`).
    fn packed(host: &Host, files: &mut dyn Files, path: String, stat: FileStat) -> Result<Self, RemoteError> {
        let mut log = Self::plain(host, path, stat, true);
        let (mut first, mut last) = (Vec::new(), Vec::new());
        files.read(&log.path, 0, HEAD, &mut first)?;
        files.read(&log.path, stat.size.saturating_sub(4), 4, &mut last)?;
        // The block ends somewhere; what was unpacked until then is the head.
        let _ = MultiGzDecoder::new(first.as_slice()).take(HEAD).read_to_end(&mut log.head);
        log.size = <[u8; 4]>::try_from(last).map_or(0, |size| u32::from_le_bytes(size).into());
        log.packed = Some(Packed { whole: None, size: stat.size });
        // A part of more than 4 GiB, or of several packed in a row, holds more than it says.
        if (stat.size > log.size && stat.size > 1024) || stat.size >= u64::from(u32::MAX) / 1024 {
            log.unpack(files)?;
        }
        Ok(log)
    }

    fn error(&self, error: impl std::fmt::Display) -> RemoteError {
        RemoteError::new(&self.host, format!("read {}", self.path), error)
    }

    /// Reads its beginning, by which it is told from others.
    pub(super) fn read_head(&mut self, files: &mut dyn Files) -> Result<(), RemoteError> {
        let most = HEAD.min(self.size);
        if (self.head.len() as u64) < most {
            let mut head = Vec::new();
            self.read(files, 0, most, &mut head)?;
            self.head = head;
        }
        Ok(())
    }

    /// Its first `HEAD` bytes.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Whether it holds what another file held when that was read.
    pub(super) fn begins_with(&mut self, files: &mut dyn Files, mark: &Mark) -> Result<bool, RemoteError> {
        if mark.bytes > self.size || head_sum(&self.head, mark.bytes) != mark.head {
            return Ok(false);
        }
        // A packed file that is as long would tell its end only when it is fetched whole.
        let is_same = self.packed.is_some() && mark.bytes == self.size;
        Ok(is_same || self.seam(files, mark.bytes)? == mark.seam)
    }

    /// Whether another file begins with all that this one holds.
    pub(super) fn is_beginning_of(&mut self, files: &mut dyn Files, other: &mut Self) -> Result<bool, RemoteError> {
        let (bytes, head) = (self.size, head_sum(&self.head, self.size));
        if bytes > other.size || head_sum(&other.head, bytes) != head {
            return Ok(false);
        }
        if bytes == other.size && (self.packed.is_some() || other.packed.is_some()) {
            return Ok(true);
        }
        Ok(self.seam(files, bytes)? == other.seam(files, bytes)?)
    }

    /// The checksum of the last bytes before an offset.
    fn seam(&mut self, files: &mut dyn Files, until: u64) -> Result<u32, RemoteError> {
        let (from, mut seam) = (until.saturating_sub(SEAM), Vec::new());
        self.read(files, from, until - from, &mut seam)?;
        Ok(crc32fast::hash(&seam))
    }

    /// Its text from an offset on, as far as it was when it was looked at; with what ended the reading before.
    pub(super) fn text(
        &mut self,
        files: &mut dyn Files,
        from: u64,
        room: &Path,
    ) -> Result<(Text, Option<RemoteError>), RemoteError> {
        if let Some(local) = files.local(&self.path).filter(|_| self.packed.is_none()) {
            let (file, _) = fs_err::File::open(local).map_err(|error| self.error(error))?.into_parts();
            return Ok((Text { file, start: from, length: self.size.saturating_sub(from) }, None));
        }
        let spool = tempfile::tempfile_in(room).or_else(|_| tempfile::tempfile());
        let mut file = spool.map_err(|error| self.error(error))?;
        let read = self.read(files, from, self.size.saturating_sub(from), &mut file);
        let length = file.stream_position().map_err(|error| self.error(error))?;
        Ok((Text { file, start: 0, length }, read.err()))
    }

    fn read(&mut self, files: &mut dyn Files, from: u64, most: u64, out: &mut dyn Write) -> Result<(), RemoteError> {
        if self.packed.is_none() {
            return files.read(&self.path, from, most, out).map(drop);
        }
        self.unpack(files)?;
        let whole = self.packed.as_mut().and_then(|packed| packed.whole.as_mut());
        let copied = whole.map_or(Ok(0), |whole| {
            whole.seek(SeekFrom::Start(from))?;
            io::copy(&mut whole.take(most), out)
        });
        copied.map(drop).map_err(|error| self.error(error))
    }

    /// Fetches a packed part whole and unpacks it, once.
    fn unpack(&mut self, files: &mut dyn Files) -> Result<(), RemoteError> {
        let Some(size) = self.packed.as_ref().filter(|packed| packed.whole.is_none()).map(|packed| packed.size) else {
            return Ok(());
        };
        let mut fetched = tempfile::tempfile().map_err(|error| self.error(error))?;
        files.read(&self.path, 0, size, &mut fetched)?;
        let unpacked = (|| {
            fetched.rewind()?;
            let mut whole = tempfile::tempfile()?;
            let most = files.most();
            let mut text = MultiGzDecoder::new(io::BufReader::new(fetched)).take(most.saturating_add(1));
            let size = io::copy(&mut text, &mut whole)?;
            if size > most {
                let why = format!("it is longer than `[limits] file_mb` = {}", most >> 20);
                return Err(io::Error::other(why));
            }
            Ok::<_, io::Error>((whole, size))
        })();
        let (whole, unpacked) = unpacked.map_err(|error| {
            self.error(format!("cannot unpack it: {error}"))
                .remedy(format!("look at it there with `zcat {}`", self.path))
        })?;
        self.packed = Some(Packed { whole: Some(whole), size });
        self.size = unpacked;
        Ok(())
    }
}

/// The checksum of the beginning of a text that is so long at least.
fn head_sum(head: &[u8], bytes: u64) -> u32 {
    let length = usize::try_from(bytes.min(HEAD)).map_or(head.len(), |length| length.min(head.len()));
    crc32fast::hash(&head[..length])
}

/// A part of a file on this machine.
pub(super) struct Text {
    file: File,
    start: u64,
    length: u64,
}

impl Text {
    /// How far the log is read with this text, which begins at an offset in it; `None` where that is no further than its
    /// beginning is known.
    pub(super) fn mark(&mut self, head: &[u8], from: u64) -> io::Result<Option<Mark>> {
        if from > 0 && self.length < SEAM {
            return Ok(None);
        }
        let bytes = from + self.length;
        let seam = crc32fast::hash(&self.end(SEAM)?);
        Ok(Some(Mark { bytes, head: head_sum(head, bytes), seam }))
    }

    /// Its last byte.
    pub(super) fn last(&mut self) -> io::Result<Option<u8>> {
        Ok(self.end(1)?.pop())
    }

    fn end(&mut self, most: u64) -> io::Result<Vec<u8>> {
        let (length, mut end) = (most.min(self.length), Vec::new());
        self.file.seek(SeekFrom::Start(self.start + self.length - length))?;
        (&self.file).take(length).read_to_end(&mut end)?;
        Ok(end)
    }

    /// Its lines; the first one, of a text that begins within a log, may be the end of one, and goes.
    pub(super) fn lines(mut self, from: u64) -> io::Result<impl Read + Send> {
        self.file.seek(SeekFrom::Start(self.start))?;
        let mut lines = BufReader::with_capacity(1 << 20, self.file).take(self.length);
        if from > 0 {
            lines.skip_until(b'\n')?;
        }
        Ok(lines)
    }
}

/// The log, then the rotated parts of it that lie beside it, from the newest to the oldest, with `None` for one that could not
/// be had. Where its folder may not be listed there are none.
pub(super) fn remote_logs(
    files: &mut dyn Files,
    host: &Host,
    path: &str,
    news: &mut News,
) -> Result<Vec<Option<RemoteLog>>, RemoteError> {
    let (folder, name) = folder_and_name(path);
    let beside = |other: &str| path.strip_suffix(name).map(|folder| format!("{folder}{other}")).unwrap_or_default();
    let log = files.stat(path)?;
    let listed = files.list(folder).unwrap_or_default();
    let mut parts: Vec<(Rotation, &String, FileStat)> =
        listed.iter().filter_map(|(other, stat)| Some((rotation(name, other)?, other, *stat))).collect();
    if log.is_none() && parts.is_empty() {
        let mut nothing = Vec::new();
        // The host's own words for what is not there.
        files.read(path, 0, 1, &mut nothing)?;
        return Err(RemoteError::new(host, format!("read {path}"), "no such file"));
    }
    parts.sort_by(|(a, a_name, _), (b, b_name, _)| (b.rank(), b_name).cmp(&(a.rank(), a_name)));
    let mut logs: Vec<Option<RemoteLog>> =
        log.map(|stat| Some(RemoteLog::plain(host, path.to_owned(), stat, false))).into_iter().collect();
    for (rotation, other, stat) in parts {
        let part = match rotation.packing {
            Packing::None => Some(RemoteLog::plain(host, beside(other), stat, true)),
            // While gzip packs a part, both are there.
            Packing::Gzip if listed.contains_key(other.trim_end_matches(".gz")) => continue,
            Packing::Gzip => RemoteLog::packed(host, files, beside(other), stat)
                .inspect_err(|error| news.gaps.push(Gap::new(&host.name, error.reason())))
                .ok(),
            Packing::Foreign => {
                let place = Place::whole(&format!("{}:{}", host.name, beside(other)));
                news.findings.push(Finding::new(Kind::RotatedUnread, place, String::new()));
                None
            }
        };
        logs.push(part);
    }
    Ok(logs)
}

/// The folder of a remote path, empty where it is the login's home, and the name in it.
fn folder_and_name(path: &str) -> (&str, &str) {
    match path.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((folder, name)) => (folder, name),
        None => ("", path),
    }
}

/// What the name of a rotated part tells.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rotation {
    /// `20211208`, or the count of `logwatch.3`.
    digits: String,
    packing: Packing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    /// By a program whose format is not read here.
    Foreign,
}

impl Rotation {
    /// Greater is newer: dates by themselves, counts the other way round.
    fn rank(&self) -> (bool, std::cmp::Reverse<u64>, &str) {
        const LONGEST_COUNT: usize = 5;
        if self.digits.len() <= LONGEST_COUNT {
            return (false, std::cmp::Reverse(self.digits.parse().unwrap_or(u64::MAX)), "");
        }
        (true, std::cmp::Reverse(0), &self.digits)
    }
}

/// Reads the name of a file beside a log: `NAME.1`, `NAME-20211208`, and with `extension` in logrotate's configuration
/// `STEM-20211208.EXT`. Other names, `logwatch.old` or `logwatch.bak`, are anybody's copies.
fn rotation(log: &str, other: &str) -> Option<Rotation> {
    const PACKED: [(&str, Packing); 6] = [
        (".gz", Packing::Gzip),
        (".xz", Packing::Foreign),
        (".bz2", Packing::Foreign),
        (".zst", Packing::Foreign),
        (".lz4", Packing::Foreign),
        (".Z", Packing::Foreign),
    ];
    let packed = PACKED.iter().find_map(|(end, packing)| Some((other.strip_suffix(end)?, *packing)));
    let (other, packing) = packed.unwrap_or((other, Packing::None));
    let by_extension = log
        .rsplit_once('.')
        .and_then(|(stem, extension)| other.strip_prefix(stem)?.strip_suffix(extension)?.strip_suffix('.'));
    let mark =
        other.strip_prefix(log).filter(|mark| is_mark(mark)).or_else(|| by_extension.filter(|mark| is_mark(mark)))?;
    let digits = mark.chars().filter(char::is_ascii_digit).collect();
    Some(Rotation { digits, packing })
}

/// `.1`, `-20211208`, `-2021-12-08_03:15`, `-1638928800`.
fn is_mark(mark: &str) -> bool {
    mark.strip_prefix(['.', '-', '_']).is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_digit())
            && rest.ends_with(|c: char| c.is_ascii_digit())
            && rest.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '_' | ':' | 'T' | '.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rotated_parts() {
        for (log, other, expected) in [
            ("logwatch", "logwatch.1", Some(("1", Packing::None))),
            ("logwatch", "logwatch.12.gz", Some(("12", Packing::Gzip))),
            ("logwatch", "logwatch-20211208", Some(("20211208", Packing::None))),
            ("logwatch", "logwatch-2021-12-08_03:15.xz", Some(("202112080315", Packing::Foreign))),
            ("orglabdebug.log", "orglabdebug.log.1", Some(("1", Packing::None))),
            ("orglabdebug.log", "orglabdebug-20211208.log.gz", Some(("20211208", Packing::Gzip))),
            ("orglabdebug.log", "orglabdebug.1.log", Some(("1", Packing::None))),
            ("logwatch", "logwatch", None),
            ("logwatch", "logwatch.gz", None),
            ("logwatch", "logwatch.old", None),
            ("logwatch", "logwatch2", None),
            ("logwatch", "logwatch.1.tmp", None),
            ("logwatch", "mylogwatch.1", None),
            ("a.log", "b-1.log", None),
        ] {
            let expected = expected.map(|(digits, packing)| Rotation { digits: digits.to_owned(), packing });
            assert_eq!(rotation(log, other), expected, "{other}");
        }
    }

    #[test]
    fn the_newest_part_ranks_highest() {
        for (newer, older) in [("x.1", "x.2"), ("x.9", "x.10"), ("x-20211208", "x-20211207"), ("x-20211208", "x.1")] {
            let rank = |name| rotation("x", name).unwrap();
            assert!(rank(newer).rank() > rank(older).rank(), "{newer}, {older}");
        }
    }
}
