//! How far each log was made evidence of: of one that only grew, the next night looks at what is new.
//!
//! A mark is a hint, and may be lost: what is added again changes nothing.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::output;

/// The file of the marks in the folder of the evidence.
const MARKS: &str = "marks.json";
/// The version of the file. Marks of another one are none.
const VERSION: u32 = 1;
/// How much of what is known already is looked at again, so that copies meet in more than a line.
const OVERLAP: u64 = 256 * 1024;
/// How many bytes at the beginning and before the mark tell whether a file is the same one, grown.
const SAMPLE: u64 = 4096;

/// How far a log was read, and what it held there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    bytes: u64,
    head: u32,
    seam: u32,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct File {
    version: u32,
    marks: BTreeMap<String, Mark>,
}

/// The marks of one licence's logs.
#[derive(Debug)]
pub(super) struct Marks {
    path: Option<PathBuf>,
    marks: BTreeMap<String, Mark>,
}

impl Marks {
    /// Those beside the evidence in a folder; none without a folder.
    pub(super) fn open(folder: Option<&Path>) -> Self {
        let path = folder.map(|folder| folder.join(MARKS));
        let text = path.as_ref().and_then(|path| fs::read(path).ok());
        let file: Option<File> = text.and_then(|text| serde_json::from_slice(&text).ok());
        let marks = file.filter(|file| file.version == VERSION).map(|file| file.marks).unwrap_or_default();
        Self { path, marks }
    }

    /// Lets go of all: evidence is lost, and every log is looked at as a whole again.
    pub(super) fn forget(folder: &Path) {
        // What is not there need not go.
        let _ = fs::remove_file(folder.join(MARKS));
    }

    /// Opens a log at a line before what is new in it; at its beginning, where it is not known. With the offset.
    pub(super) fn open_new(&self, name: &str, path: &Path) -> io::Result<(BufReader<fs::File>, u64)> {
        let mut file = fs::File::open(path)?;
        let known = self.marks.get(name).copied();
        let from = match known {
            Some(mark) if mark_at(&mut file, mark.bytes)? == Some(mark) => mark.bytes.saturating_sub(OVERLAP),
            _ => 0,
        };
        file.seek(SeekFrom::Start(from))?;
        let mut input = BufReader::with_capacity(1 << 20, file);
        if from > 0 {
            input.skip_until(b'\n')?;
        }
        Ok((input, from))
    }

    /// Notes that all of a log is evidence, as long as it is.
    pub(super) fn done(&mut self, name: &str, path: &Path) -> io::Result<()> {
        let Some(own) = &self.path else { return Ok(()) };
        let mut file = fs::File::open(path)?;
        let bytes = file.metadata()?.len();
        if let Some(mark) = mark_at(&mut file, bytes)?.filter(|mark| self.marks.get(name) != Some(mark)) {
            self.marks.insert(name.to_owned(), mark);
            let text = serde_json::to_vec(&File { version: VERSION, marks: self.marks.clone() })?;
            output::write_file(own, |out| out.write_all(&text))?;
        }
        Ok(())
    }
}

/// The mark of a file at an offset; none behind its end.
fn mark_at(file: &mut fs::File, bytes: u64) -> io::Result<Option<Mark>> {
    if file.metadata()?.len() < bytes {
        return Ok(None);
    }
    let mut sum = |from: u64, until: u64| {
        file.seek(SeekFrom::Start(from))?;
        let mut text = Vec::new();
        file.by_ref().take(until - from).read_to_end(&mut text)?;
        Ok::<_, io::Error>(crc32fast::hash(&text))
    };
    let head = sum(0, SAMPLE.min(bytes))?;
    let seam = sum(bytes.saturating_sub(SAMPLE), bytes)?;
    Ok(Some(Mark { bytes, head, seam }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_from(marks: &Marks, path: &Path) -> String {
        let mut text = String::new();
        marks.open_new("log", path).unwrap().0.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn of_a_log_that_grew_the_end_is_looked_at_and_of_another_one_all() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let lines = |range: std::ops::Range<u32>| range.map(|n| format!("line {n:07}\n")).collect::<Vec<_>>().concat();
        let whole = lines(0..100_000);
        fs::write(&log, &whole).unwrap();
        let mut marks = Marks::open(Some(folder.path()));
        assert_eq!(text_from(&marks, &log), whole);
        marks.done("log", &log).unwrap();
        let grown = whole.clone() + &lines(100_000..100_010);
        fs::write(&log, &grown).unwrap();
        let marks = Marks::open(Some(folder.path()));
        let end = text_from(&marks, &log);
        assert!(grown.ends_with(&end) && end.starts_with("line "), "{} bytes", end.len());
        assert!(end.len() as u64 > OVERLAP && end.len() as u64 <= OVERLAP + 200, "{} bytes", end.len());
        // Another text before the mark, a shorter one, or another beginning: it is another log.
        for other in [whole.replace("line 0099999", "line 9999999") + "x\n", lines(0..10), lines(5..100_020)] {
            fs::write(&log, &other).unwrap();
            assert_eq!(text_from(&marks, &log), other);
        }
        Marks::forget(folder.path());
        fs::write(&log, &grown).unwrap();
        assert_eq!(text_from(&Marks::open(Some(folder.path())), &log), grown);
    }
}
