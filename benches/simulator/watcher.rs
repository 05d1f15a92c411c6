//! The loop on the licence server: each change of the debug log is a block of `date`, `ss` and `tail -n 1`.
//!
//! A block takes some tens of milliseconds. Lines that are written meanwhile queue up as further changes: their blocks
//! show the last line then, so that the first ones are never seen and the last one is seen twice.

use std::io::{self, Write};

use super::random::Random;
use super::server::Connection;
use super::{DateStyle, Laboratory, PORT, SERVER};

/// A line that somebody wants to know the fate of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    /// The `OUT` of this token.
    Out(usize),
    /// The `IN` of this token.
    In(usize),
    /// This denial.
    Denied(usize),
    /// None.
    Chatter,
}

/// What the loop does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// `date`.
    Date,
    /// `ss`.
    Look,
    /// `tail`.
    Tail,
    /// Back to waiting.
    Done,
}

/// The loop and its file.
#[derive(Debug)]
pub(crate) struct Watcher<W> {
    logwatch: W,
    style: DateStyle,
    zone: chrono_tz::Tz,
    /// The share of lines that come out wrong.
    garbled: f64,
    /// The block that is being written.
    block: Vec<u8>,
    /// The last whole block and its line: kept back, as the copy of the file may end in it.
    last_block: (Vec<u8>, Option<Tag>),
    /// The date of the block.
    date: i64,
    /// The date of the last block that has looked.
    pub(crate) looked: Option<i64>,
    busy: bool,
    pending: u32,
}

impl<W: Write> Watcher<W> {
    /// A loop that waits.
    pub(crate) fn new(logwatch: W, lab: &Laboratory) -> Self {
        Self {
            logwatch,
            style: lab.dates,
            zone: lab.zone,
            garbled: lab.garbled,
            block: Vec::new(),
            last_block: (Vec::new(), None),
            date: 0,
            looked: None,
            busy: false,
            pending: 0,
        }
    }

    /// The log changed. Gives the loop's next step where it was waiting.
    pub(crate) fn changed(&mut self, random: &mut Random) -> Option<(i64, Step)> {
        if self.busy {
            // The kernel makes one event of two equal ones that nobody has read yet.
            if self.pending == 0 || random.chance(0.5) {
                self.pending += 1;
            }
            return None;
        }
        self.busy = true;
        Some((random.between(1, 4), Step::Date))
    }

    /// `date`.
    pub(crate) fn date(&mut self, now: i64, random: &mut Random) -> (i64, Step) {
        self.date = now;
        self.block.clear();
        self.block.extend_from_slice(self.style.format(now, self.zone).as_bytes());
        self.block.push(b'\n');
        (random.between(6, 20), Step::Look)
    }

    /// `ss -n -t | grep PORT`: forgets the connections that are gone, and marks when each was seen.
    pub(crate) fn look<'c>(
        &mut self,
        now: i64,
        connections: impl Iterator<Item = &'c mut Connection>,
        random: &mut Random,
    ) -> (i64, Step) {
        for connection in connections {
            if self.is_garbled(random) {
                let (start, closing_seen) = (self.block.len(), connection.closing_seen);
                connection.write(now, &mut self.block);
                connection.closing_seen = closing_seen;
                garble(&mut self.block, start, random);
                continue;
            }
            connection.first_seen.get_or_insert(self.date);
            connection.last_seen = Some(self.date);
            connection.write(now, &mut self.block);
        }
        self.looked = Some(self.date);
        (random.between(4, 18), Step::Tail)
    }

    /// The date of the block that is being written.
    pub(crate) fn block_date(&self) -> i64 {
        self.date
    }

    /// `tail -n 1`. Gives the line of the block before, which is in the file for good now.
    pub(crate) fn tail(&mut self, line: &str, tag: Tag, random: &mut Random) -> io::Result<(Option<Tag>, (i64, Step))> {
        let start = self.block.len();
        self.block.extend_from_slice(line.as_bytes());
        let tag = if self.is_garbled(random) {
            garble(&mut self.block, start, random);
            Tag::Chatter
        } else {
            tag
        };
        self.logwatch.write_all(&self.last_block.0)?;
        std::mem::swap(&mut self.last_block.0, &mut self.block);
        let before = self.last_block.1.replace(tag);
        Ok((before, (random.between(1, 8), Step::Done)))
    }

    fn is_garbled(&self, random: &mut Random) -> bool {
        self.garbled > 0.0 && random.chance(self.garbled)
    }

    /// Back to waiting, or to the next change.
    pub(crate) fn done(&mut self) -> Option<(i64, Step)> {
        if self.pending > 0 {
            self.pending -= 1;
            return Some((1, Step::Date));
        }
        self.busy = false;
        None
    }

    /// The copy of the file is taken. Gives the line of the last block, if it is in it.
    pub(crate) fn finish(mut self, truncated: bool) -> io::Result<Option<Tag>> {
        let (block, tag) = self.last_block;
        let end = if truncated { block.len() * 2 / 3 } else { block.len() };
        self.logwatch.write_all(&block[..end])?;
        self.logwatch.flush()?;
        Ok(tag.filter(|_| !truncated))
    }
}

/// The last line, from `start`, is cut short, begins with what is none of its own, or is not there.
fn garble(block: &mut Vec<u8>, start: usize, random: &mut Random) {
    match random.index(3) {
        0 => {
            block.truncate(start + random.index(block.len() - start));
            block.push(b'\n');
        }
        1 => block[start..start + 4].copy_from_slice(b"#?!\x7f"),
        _ => block.truncate(start),
    }
}

/// The line of `ss` for a connection, but for its state and its queue.
pub(crate) fn socket_tail(ip: std::net::Ipv4Addr, port: u16) -> Box<[u8]> {
    format!("[::ffff:{SERVER}]:{PORT} [::ffff:{ip}]:{port}       \n").into_bytes().into()
}

/// The line of `ss` for a connection to another of the server's ports, which `grep` lets through for its peer's port.
pub(crate) fn foreign_tail(ip: std::net::Ipv4Addr) -> Box<[u8]> {
    format!("[::ffff:{SERVER}]:27000 [::ffff:{ip}]:{PORT}       \n").into_bytes().into()
}
