//! The blocks of a logwatch: cut out of a copy as it streams by, a civil day at a time, and out of a kept text.
//!
//! A block goes from one date line to the next. A gigabyte is nearly all connections, which are told by their first bytes;
//! of every other line the date parser says whether it is one.

use std::io::{self, Read};

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;

use super::marks::{self, BREAK, CUT_END};
use super::unit::{Names, Timed, Unit};
use crate::parse::datetime::{self, Stamp};
use crate::source::{self, SourceError};

/// A clock that is further back than this, and comes back, was that of a machine whose battery had run out.
pub(super) const FAR_BACK: Days = Days::new(60);
/// How much of a copy is read at once.
const CHUNK: usize = 1 << 20;

/// The blocks of one civil day that stand in a row in a copy.
#[derive(Debug)]
pub(super) struct Section<'s> {
    pub(super) day: NaiveDate,
    /// As it is kept, but for a break before it.
    pub(super) text: &'s [u8],
    /// Whether it is the first of its copy.
    pub(super) is_first: bool,
    /// How many blocks it has.
    pub(super) n_blocks: u64,
    /// The last of them.
    pub(super) last: &'s [u8],
    /// The date line behind it; empty at the end of the copy.
    pub(super) next: &'s [u8],
}

/// Reads a copy section by section.
#[derive(Debug)]
pub(super) struct Sections<R> {
    input: R,
    buffer: Vec<u8>,
    /// Of `buffer`: where the section begins, where what is kept of it ends, where the next raw line begins, and where what
    /// was read ends. Most copies need no cleaning; then the second is the third, and no byte is moved.
    start: usize,
    clean: usize,
    raw: usize,
    filled: usize,
    is_at_end: bool,
    /// How many sections were read.
    n_read: u64,
    /// Whether nothing of the copy was looked at.
    is_at_beginning: bool,
}

/// What a section has so far.
#[derive(Debug, Default)]
struct Growing {
    day: Option<NaiveDate>,
    n_blocks: u64,
    /// Where the last block begins.
    last: usize,
    /// How many words the first line of the copy has, if that is a date and no other was seen since.
    n_first_words: Option<usize>,
}

impl<R: Read> Sections<R> {
    /// A reader of the copy `name`; what is no text at all, by its first bytes, is an error.
    pub(super) fn new(name: &str, input: R) -> Result<Self, SourceError> {
        let mut sections = Self {
            input,
            buffer: Vec::new(),
            start: 0,
            clean: 0,
            raw: 0,
            filled: 0,
            is_at_end: false,
            n_read: 0,
            is_at_beginning: true,
        };
        while sections.filled < 16 && sections.fill()? {}
        let head = &sections.buffer[..sections.filled];
        source::check_is_text(name, head)?;
        let bom = head.len() - source::without_bom(head).len();
        (sections.start, sections.clean, sections.raw) = (bom, bom, bom);
        Ok(sections)
    }

    /// Reads more, and moves what is still needed to the front where there is no room; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.start > 0 && self.filled + CHUNK > self.buffer.len() {
            self.buffer.copy_within(self.start..self.filled, 0);
            let start = std::mem::take(&mut self.start);
            (self.clean, self.raw, self.filled) = (self.clean - start, self.raw - start, self.filled - start);
        }
        if self.filled + CHUNK > self.buffer.len() {
            self.buffer.resize((self.filled + CHUNK).max(self.buffer.len() * 2), 0);
        }
        loop {
            match self.input.read(&mut self.buffer[self.filled..]) {
                Ok(n) => {
                    self.filled += n;
                    self.is_at_end = n == 0;
                    return Ok(n > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The end of the next raw line, without its line end; `None` at the end of the copy.
    fn line_end(&mut self) -> io::Result<Option<usize>> {
        let mut searched = 0;
        loop {
            // Moved to the front or not, the line is as far from `raw`.
            let from = self.raw + searched;
            if let Some(found) = memchr::memchr(b'\n', &self.buffer[from..self.filled]) {
                return Ok(Some(from + found));
            }
            searched = self.filled - self.raw;
            if self.is_at_end || !self.fill()? {
                return Ok((searched > 0).then_some(self.filled));
            }
        }
    }

    /// The next section; `None` at the end of the copy. What has no date at all is in none.
    pub(super) fn next(&mut self) -> io::Result<Option<Section<'_>>> {
        (self.start, self.clean) = (self.raw, self.raw);
        let mut growing = Growing::default();
        // Offsets from `start`, which moves.
        let next = loop {
            let Some(end) = self.line_end()? else { break None };
            let line = &self.buffer[self.raw..end];
            let stamp = date_of(line);
            let is_first_line = std::mem::take(&mut self.is_at_beginning);
            if let Some(stamp) = stamp {
                let n_words = n_words(line);
                if growing.n_first_words.take().is_some_and(|first| first != n_words) {
                    // The copy begins within a date line, and what is left of it reads as another date: `8 déc.` of
                    // `18 déc.`.
                    (growing.day, growing.n_blocks) = (None, 0);
                }
                if is_first_line {
                    growing.n_first_words = Some(n_words);
                }
                let day = stamp.civil.date();
                if growing.day.is_some_and(|own| own != day) {
                    break Some(end);
                }
                growing.day = Some(day);
                growing.n_blocks += 1;
                growing.last = self.clean - self.start;
            }
            self.keep_line(end);
        };
        let Some(day) = growing.day else { return Ok(None) };
        self.n_read += 1;
        let text = &self.buffer[self.start..self.clean];
        Ok(Some(Section {
            day,
            text,
            is_first: self.n_read == 1,
            n_blocks: growing.n_blocks,
            last: &text[growing.last..],
            next: next.map_or(&[], |end| &self.buffer[self.raw..end]),
        }))
    }

    /// Takes the raw line that ends at `end` into the section.
    fn keep_line(&mut self, end: usize) {
        let has_end = end < self.filled;
        let line = &self.buffer[self.raw..end];
        // What is cleaned off is control characters.
        let length = if line.last().is_none_or(|last| *last >= b' ') && line != [BREAK] {
            line.len()
        } else {
            marks::clean(line).len()
        };
        if self.clean != self.raw {
            self.buffer.copy_within(self.raw..self.raw + length, self.clean);
        }
        self.clean += length;
        self.raw = end + usize::from(has_end);
        if has_end {
            self.buffer[self.clean] = b'\n';
            self.clean += 1;
        } else {
            self.buffer.truncate(self.clean);
            self.buffer.extend_from_slice(CUT_END);
            self.clean = self.buffer.len();
            (self.raw, self.filled) = (self.clean, self.clean);
        }
    }
}

/// The date that a line is, if it is one. TCP states are upper case; `ss` with its column of protocols begins with `tcp`.
fn date_of(line: &[u8]) -> Option<Stamp> {
    let is_socket = matches!(line, [b'A'..=b'Z', b'A'..=b'Z', ..]) || line.starts_with(b"tcp");
    if is_socket || line.is_empty() {
        return None;
    }
    datetime::parse(&source::decode(line.strip_suffix(b"\r").unwrap_or(line)))
}

fn n_words(line: &[u8]) -> usize {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count()
}

/// The blocks of a kept text. What stands before the first date line behind a break is the end of a block that was cut.
pub(super) fn blocks<'a>(text: &'a [u8], names: &mut Names<'a>) -> Vec<Unit<'a>> {
    let mut units: Vec<(Unit<'a>, Option<Stamp>)> = Vec::new();
    let (mut start, mut at, mut follows, mut stamp) = (0, 0, true, None);
    let mut add = |range: std::ops::Range<usize>, follows, stamp, names: &mut Names<'a>| {
        if !range.is_empty() {
            units.push((Unit::new(&text[range], follows, names), stamp));
        }
    };
    for (line, has_end) in marks::lines(text) {
        let date = date_of(line);
        if line == [BREAK] || date.is_some() {
            add(start..at, follows, stamp, names);
            follows = line != [BREAK] && (follows || start < at);
            start = if line == [BREAK] { at + line.len() + 1 } else { at };
            stamp = date;
        }
        let line_end = at + line.len();
        at = (line_end + usize::from(!has_end) + 1).min(text.len());
        if !has_end {
            add(start..line_end, follows, stamp, names);
            (start, stamp) = (at, None);
        }
    }
    add(start..at, follows, stamp, names);
    timed(&units)
}

/// The blocks with their times. A block without its date is of the time of the next one, and behind all that are of it.
fn timed<'a>(units: &[(Unit<'a>, Option<Stamp>)]) -> Vec<Unit<'a>> {
    let n_words = |unit: &Unit<'a>| n_words(unit.first_line().as_bytes());
    // A date line that lacks its beginning, as above.
    let is_cut = |at: usize| {
        let behind = units.get(at + 1).filter(|(next, stamp)| next.follows && stamp.is_some());
        !units[at].0.follows && behind.is_some_and(|(next, _)| n_words(next) != n_words(&units[at].0))
    };
    // One of a clock that was years back, which the log has come back from.
    let last = units.iter().rev().find_map(|(_, stamp)| *stamp);
    let far = last.and_then(|last| last.civil.date().checked_sub_days(FAR_BACK));
    let is_back = |stamp: Stamp| far.is_some_and(|far| stamp.civil.date() < far);
    let stamp_of = |at: usize| units[at].1.filter(|stamp| !is_cut(at) && !is_back(*stamp));
    let stamps: Vec<Option<Stamp>> = (0..units.len()).map(stamp_of).collect();
    let mut next = i64::MAX;
    let mut timed: Vec<Unit<'a>> = units.iter().map(|(unit, _)| *unit).collect();
    for (unit, stamp) in timed.iter_mut().zip(stamps).rev() {
        // The zone's own name tells the two 02:30 of an October night apart; where there is none, any zone orders as well.
        let moment = stamp.map(|stamp| stamp.moment(Tz::UTC, None).timestamp() * 2);
        unit.timed = if moment.is_some() { Timed::Once } else { Timed::No };
        unit.at = moment.unwrap_or(next.saturating_add(1));
        next = moment.unwrap_or(next);
    }
    timed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<String> {
        let mut names = Names::new();
        let units = blocks(text.as_bytes(), &mut names);
        let show = |unit: &Unit<'_>| {
            let marks = [(!unit.follows, "/"), (!unit.is_timed(), "?"), (!unit.has_end(), "…")];
            let marks: String = marks.into_iter().filter(|mark| mark.0).map(|mark| mark.1).collect();
            format!("{marks}{}", String::from_utf8_lossy(unit.text).replace('\n', "|"))
        };
        units.iter().map(show).collect()
    }

    #[test]
    fn a_text_is_cut_at_its_date_lines_and_marks() {
        for (text, expected) in [
            ("2021-12-08 10:00:00\nx\n2021-12-08 10:00:01\n", &["2021-12-08 10:00:00|x|", "2021-12-08 10:00:01|"][..]),
            ("\x1e\nx\n2021-12-08 10:00:01\n", &["/?x|", "2021-12-08 10:00:01|"]),
            ("\x1e\n2021-12-08 10:00:00\nx\x1f\n\x1e\ny\n", &["/…2021-12-08 10:00:00|x", "/?y|"]),
            // A clock, a socket and `ss` with its column of protocols are no date.
            ("10:00:00 (d) x\nESTAB 0 0\ntcp ESTAB\n", &["?10:00:00 (d) x|ESTAB 0 0|tcp ESTAB|"]),
            // Behind a break, a date line unlike the next one lacks its beginning.
            (
                "\x1e\n8 déc. 2021 1:00:00\nWed 8 déc. 2021 1:00:01\n",
                &["/?8 déc. 2021 1:00:00|", "Wed 8 déc. 2021 1:00:01|"],
            ),
            ("", &[]),
            ("\x1e\n", &[]),
            ("x", &["?…x"]),
            ("x\x1f", &["?…x"]),
        ] {
            assert_eq!(cut(text), expected, "{text:?}");
        }
    }

    #[test]
    fn sections_come_in_the_order_of_the_copy_however_it_is_read() {
        /// A reader of a byte at a time.
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read(&mut buffer[..1])
            }
        }
        let copy = "x\r\n2021-12-08 10:00:00\r\na\x1f\r\n2021-12-09 10:00:00\r\nb\r\n2021-12-08 11:00:00\r\n\x1e\r\nc";
        let mut sections = Sections::new("x", Slow(copy.as_bytes())).unwrap();
        let mut all = Vec::new();
        while let Some(section) = sections.next().unwrap() {
            let text = String::from_utf8_lossy(section.text).replace('\n', "|");
            let (last, next) = (section.last.len(), String::from_utf8_lossy(section.next).into_owned());
            all.push((section.day.to_string(), text, last, next, section.is_first));
        }
        let expected = [
            ("2021-12-08", "x|2021-12-08 10:00:00|a|", 22, "2021-12-09 10:00:00\r", true),
            ("2021-12-09", "2021-12-09 10:00:00|b|", 22, "2021-12-08 11:00:00\r", false),
            ("2021-12-08", "2021-12-08 11:00:00||c\x1f|", 24, "", false),
        ];
        let expected = expected
            .map(|(day, text, last, next, first)| (day.to_owned(), text.to_owned(), last, next.to_owned(), first));
        assert_eq!(all, expected);
    }

    #[test]
    fn a_large_section_is_whole() {
        let block = format!("2021-12-08 10:00:00\n{}", "ESTAB 0 0 a b\n".repeat(5));
        let copy = block.repeat(40_000) + "2021-12-09 10:00:00\n";
        let mut sections = Sections::new("x", copy.as_bytes()).unwrap();
        let first = sections.next().unwrap().unwrap();
        assert_eq!((first.text.len(), first.n_blocks, first.last.len()), (block.len() * 40_000, 40_000, block.len()));
        assert_eq!(sections.next().unwrap().unwrap().text, b"2021-12-09 10:00:00\n");
        assert!(sections.next().unwrap().is_none());
    }
}
