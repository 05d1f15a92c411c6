//! A log and the parts of it that `logrotate` left beside it: `logwatch.1`, `logwatch-20211208`, `orglabdebug-20211208.log`,
//! each perhaps packed by gzip.

use std::cell::OnceCell;
use std::io::{self, Read, Seek, SeekFrom, Write};

use flate2::read::MultiGzDecoder;

use super::{HEAD, Updated, folder_and_name};
use crate::finding::{Finding, Gap, Kind, Place};
use crate::network::remote::{FileStat, Files, Host, RemoteError};

/// A remote log, or a rotated part of one.
pub(super) struct RemoteLog {
    host: Host,
    path: String,
    /// How much text it holds.
    pub(super) size: u64,
    pub(super) modified: i64,
    pub(super) is_rotated: bool,
    /// The text at its beginning, read once: it is compared with that of every life.
    head: Vec<u8>,
    packed: Option<Packed>,
}

/// What is known of a packed file.
#[derive(Default)]
struct Packed {
    /// All of its text, once it was fetched.
    whole: OnceCell<std::fs::File>,
    /// How long it is as it lies there.
    size: u64,
}

impl RemoteLog {
    fn plain(host: &Host, path: String, stat: FileStat, is_rotated: bool) -> Self {
        let FileStat { size, modified } = stat;
        Self { host: host.clone(), path, size, modified, is_rotated, head: Vec::new(), packed: None }
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
        log.packed = Some(Packed { whole: OnceCell::new(), size: stat.size });
        // A part of more than 4 GiB, or of several packed in a row, holds more than it says.
        if (stat.size > log.size && stat.size > 1024) || stat.size >= u64::from(u32::MAX) / 1024 {
            log.unpack(files)?;
        }
        Ok(log)
    }

    pub(super) fn is_packed(&self) -> bool {
        self.packed.is_some()
    }

    /// A failure of this file on this machine.
    pub(super) fn error(&self, error: impl std::fmt::Display) -> RemoteError {
        RemoteError::new(&self.host, format!("read {}", self.path), error)
    }

    /// Bytes of its text.
    pub(super) fn bytes(&mut self, files: &mut dyn Files, from: u64, most: u64) -> Result<Vec<u8>, RemoteError> {
        if most == 0 {
            return Ok(Vec::new());
        }
        let mut bytes = Vec::new();
        if from == 0 && most <= HEAD {
            if (self.head.len() as u64) < most {
                self.read(files, 0, HEAD.min(self.size), &mut bytes)?;
                self.head = std::mem::take(&mut bytes);
            }
            let most = usize::try_from(most).map_or(self.head.len(), |most| most.min(self.head.len()));
            return Ok(self.head[..most].to_vec());
        }
        self.read(files, from, most, &mut bytes)?;
        Ok(bytes)
    }

    /// Copies its text, from an offset on, as far as it was when it was looked at.
    pub(super) fn copy(&mut self, files: &mut dyn Files, from: u64, out: &mut dyn Write) -> Result<(), RemoteError> {
        if let Some(most) = self.size.checked_sub(from).filter(|most| *most > 0) {
            self.read(files, from, most, out)?;
        }
        Ok(())
    }

    fn read(&mut self, files: &mut dyn Files, from: u64, most: u64, out: &mut dyn Write) -> Result<(), RemoteError> {
        if self.packed.is_none() {
            return files.read(&self.path, from, most, out).map(drop);
        }
        self.unpack(files)?;
        let whole = self.packed.as_ref().and_then(|packed| packed.whole.get());
        let copied = whole.map_or(Ok(0), |mut whole| {
            whole.seek(SeekFrom::Start(from))?;
            io::copy(&mut whole.take(most), out)
        });
        copied.map(drop).map_err(|error| self.error(error))
    }

    /// Fetches a packed part whole and unpacks it, once.
    fn unpack(&mut self, files: &mut dyn Files) -> Result<(), RemoteError> {
        let Some(packed) = self.packed.as_ref().filter(|packed| packed.whole.get().is_none()) else { return Ok(()) };
        let mut fetched = tempfile::tempfile().map_err(|error| self.error(error))?;
        files.read(&self.path, 0, packed.size, &mut fetched)?;
        let unpacked = (|| {
            fetched.rewind()?;
            let mut whole = tempfile::tempfile()?;
            let size = io::copy(&mut MultiGzDecoder::new(io::BufReader::new(fetched)), &mut whole)?;
            Ok::<_, io::Error>((whole, size))
        })();
        let (whole, size) = unpacked.map_err(|error| {
            self.error(format!("cannot unpack it: {error}"))
                .remedy(format!("look at it there with `zcat {}`", self.path))
        })?;
        let _ = packed.whole.set(whole);
        self.size = size;
        Ok(())
    }
}

/// The log, then the rotated parts of it that lie beside it, from the newest to the oldest. Where its folder may not be
/// listed there are none.
pub(super) fn remote_logs(
    files: &mut dyn Files,
    host: &Host,
    path: &str,
    updated: &mut Updated,
) -> Result<Vec<RemoteLog>, RemoteError> {
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
    let mut logs: Vec<RemoteLog> =
        log.map(|stat| RemoteLog::plain(host, path.to_owned(), stat, false)).into_iter().collect();
    for (rotation, other, stat) in parts {
        match rotation.packing {
            Packing::None => logs.push(RemoteLog::plain(host, beside(other), stat, true)),
            // While gzip packs a part, both are there.
            Packing::Gzip if listed.contains_key(other.trim_end_matches(".gz")) => {}
            Packing::Gzip => match RemoteLog::packed(host, files, beside(other), stat) {
                Ok(log) => logs.push(log),
                Err(error) => updated.gaps.push(Gap::new(&host.name, error.reason())),
            },
            Packing::Foreign => {
                let place = Place::whole(&format!("{}:{}", host.name, beside(other)));
                updated.findings.push(Finding::new(Kind::RotatedUnread, place, String::new()));
            }
        }
    }
    Ok(logs)
}

/// Whether a file beside a log is a rotated part of it.
pub fn is_rotated(log: &str, other: &str) -> bool {
    rotation(log, other).is_some()
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
