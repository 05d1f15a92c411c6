//! The logwatch: what a loop of `inotifywait` around `date; ss -n -t | grep PORT; tail -n 1 debug.log` appends on the
//! licence server, and what `jeton collect` writes in its place.
//!
//! ```text
//! mer. déc.  8 14:00:20 CET 2021
//! ESTAB 0      432    [::ffff:10.14.14.20]:60213 [::ffff:10.14.18.116]:55450
//! 14:00:20 (orglab) OUT: "OriginPro" Camille@CRISTAL-PC.univ.example
//! ```
//!
//! A block is a date line ([`datetime`]), any number of socket lines of `ss` (state, Recv-Q, Send-Q, local, peer), and
//! lines of the debug log ([`flexnet`]): one from the loop, all new ones from the collector. A file can hold a gigabyte,
//! so it is read as a stream of blocks into one [`Block`] that is used again, at the speed of its socket lines.
//!
//! The collector has lines of its own, in the form of a log line of the daemon `jeton`: `14:00:20 (jeton) collect: begins`,
//! `goes on`, `3 out` (a sign of life), `ends`. From the first of them to an `ends`, blocks are *collected*: no line is
//! missing, none comes twice, and each stands with its connections of that moment.
//!
//! Evidence ([`crate::evidence`]) has two marks of its own: a line that is just [`BREAK`] says that what follows is not known
//! to follow what stands before it, and a line that ends in [`CUT`] had no line end in the copy that it is from.
//!
//! Read over, as they mean nothing: sockets of another local port (`grep` lets some through), the header of `ss`, blank
//! lines. Everything else that is none of the three kinds of line is a finding.

mod socket;

use std::collections::{BTreeSet, HashMap};
use std::io::{self, BufRead};
use std::net::IpAddr;

use chrono::{DateTime, Duration, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;

use super::datetime::{self, Stamp};
use super::flexnet::{self, Clock, Interner, Message, What};
use crate::finding::{Files, Finding, Kind};
use crate::model::Identity;
use crate::source::{self, SourceError};

use socket::{LastEndpoint, Row};
pub use socket::{Peer, Socket, sockets};

/// A line of this byte alone: the block behind it is not known to follow the one before (ASCII record separator).
pub const BREAK: u8 = 0x1e;
/// The last byte of a line that its copy ended in (ASCII unit separator).
pub const CUT: u8 = 0x1f;

/// One block: the licence server at one moment.
#[derive(Debug, Clone)]
pub struct Block {
    /// The moment that the date line names.
    pub at: DateTime<Utc>,
    /// The line of the date, from 1.
    pub line: u32,
    /// The connections to the application's port.
    pub sockets: Vec<Socket>,
    /// What the log lines say of tokens and of the daemons.
    pub entries: Vec<Entry>,
    /// How many lines of the debug log it holds, chatter included. None: its line was lost, or it was cut off, or two
    /// writers' lines are mixed; then its sockets may be too few.
    pub n_log_lines: u32,
    /// Whether `jeton collect` wrote it: it has all lines of its time, each once, and their connections.
    pub collected: bool,
    /// Whether `jeton collect` goes on writing behind it.
    pub collecting: bool,
    /// How often the collector gives a sign of life while tokens are out, in seconds, where the block says so.
    pub pulse_s: Option<u32>,
    /// Whether it is known to follow the block before it: no copy begins with it, nothing between them can be lost.
    pub follows: bool,
}

/// A log line that matters.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The line, from 1.
    pub line: u32,
    /// When it was written, by its own clock: it can be hours older than its block.
    pub at: DateTime<Utc>,
    /// What it says.
    pub what: What,
}

/// Reads blocks one after the other.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that was seen, and no two make a state together")]
pub struct Reader<R> {
    input: Lines<R>,
    files: Files,
    zone: Tz,
    ports: Vec<u16>,
    /// The date line that ended the block before.
    next: Option<DateLine>,
    /// The connection that was found to be the first of the next block.
    carried: Option<Socket>,
    /// Whether the block before had a log line.
    had_log_line: bool,
    last: Option<DateTime<Utc>>,
    /// The last moment that a block can be of.
    latest: Option<DateTime<Utc>>,
    findings: Vec<Finding>,
    n_more_findings: u64,
    /// Whether the last line was found to be cut off.
    is_cut_off: bool,
    /// Whether `jeton collect` writes here.
    collected: bool,
    /// Whether the next block is not known to follow the last.
    is_broken: bool,
    /// Findings are of these moments alone, the second excluded.
    own: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The log lines of the block that is being read: when each was written, and its entry.
    moments: Vec<(DateTime<Utc>, Option<usize>)>,
    names: Interner,
    identities: HashMap<String, Identity>,
    n_sockets: u64,
    local: LastEndpoint,
    padding: flexnet::Padding,
}

#[derive(Debug, Clone, Copy)]
struct DateLine {
    at: DateTime<Utc>,
    civil: NaiveDateTime,
    line: u32,
    /// Whether the line is not there: it is that of the block before, until a log line says more.
    is_lost: bool,
}

impl DateLine {
    /// The lost date of a block that shows a line of this clock: the same where the line is older, or may be of yesterday.
    fn moved_to(self, clock: Clock) -> Self {
        let Clock::Time(time) = clock else { return self };
        let half_a_day = Duration::hours(12);
        let same_day = self.civil.date().and_time(time) - self.civil;
        let apart = if same_day < -half_a_day { same_day + Duration::days(1) } else { same_day };
        let apart = if apart > half_a_day { Duration::zero() } else { apart.max(Duration::zero()) };
        Self { at: self.at + apart, civil: self.civil + apart, ..self }
    }
}

/// More findings of one file than anybody reads are counted only.
const MOST_FINDINGS: usize = 1000;
/// How far a line's clock may be ahead of its block's date, by clocks that disagree, before it is yesterday's.
const MOST_AHEAD: Duration = Duration::minutes(15);

impl<R: BufRead> Reader<R> {
    /// A reader of the logwatch `name` of a server in `zone`, for connections to its local `port` (to any, if `None`).
    /// What is no text at all, by its first bytes, is an error.
    pub fn new(mut input: R, name: &str, zone: Tz, port: Option<u16>) -> Result<Self, SourceError> {
        let head = input.fill_buf()?;
        source::check_is_text(name, head)?;
        let bom = head.len() - source::without_bom(head).len();
        input.consume(bom);
        Ok(Self { files: Files::one(name), ..Self::empty(input, zone, port) })
    }

    fn empty(input: R, zone: Tz, port: Option<u16>) -> Self {
        Self {
            input: Lines { input, buffer: Vec::with_capacity(256), line: 0, terminated: true, is_again: false },
            files: Files::default(),
            zone,
            ports: port.into_iter().collect(),
            next: None,
            carried: None,
            had_log_line: false,
            last: None,
            latest: None,
            findings: Vec::new(),
            n_more_findings: 0,
            is_cut_off: false,
            collected: false,
            is_broken: false,
            own: None,
            moments: Vec::new(),
            names: Interner::default(),
            identities: HashMap::new(),
            n_sockets: 0,
            local: LastEndpoint::default(),
            padding: flexnet::Padding::default(),
        }
    }

    /// A reader of evidence that lies in these files, one behind the other: it is text, as it was when it was added.
    /// `ports` are the local ones of the connections that are wanted, any where there is none.
    pub fn of_evidence(input: R, files: Files, zone: Tz, ports: &[u16]) -> Self {
        Self { files, ports: ports.to_vec(), ..Self::empty(input, zone, None) }
    }

    /// The same reader, to which a block after this moment is a fault: it is named, and left out.
    #[must_use]
    pub fn until(self, latest: DateTime<Utc>) -> Self {
        Self { latest: Some(latest), ..self }
    }

    /// The same reader, for evidence of which a stretch is looked at: what it finds is of moments from the first on and
    /// before the second. `collected` is whether `jeton collect` was writing when it begins.
    #[must_use]
    pub fn within(self, from: DateTime<Utc>, until: DateTime<Utc>, collected: bool) -> Self {
        Self { own: Some((from, until)), collected, ..self }
    }

    /// Reads the next block into `block`; false at the end of the file.
    pub fn read(&mut self, block: &mut Block) -> io::Result<bool> {
        while self.read_any(block)? {
            self.had_log_line = block.n_log_lines > 0;
            if !self.is_too_late(block.at) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_too_late(&self, at: DateTime<Utc>) -> bool {
        self.latest.is_some_and(|latest| at > latest)
    }

    fn read_any(&mut self, block: &mut Block) -> io::Result<bool> {
        let Some(date) = self.begin()? else { return Ok(false) };
        (block.at, block.line, block.n_log_lines) = (date.at, date.line, 0);
        (block.collected, block.pulse_s) = (self.collected, None);
        block.follows = !std::mem::take(&mut self.is_broken);
        block.sockets.clear();
        block.sockets.extend(self.carried.take());
        block.entries.clear();
        self.moments.clear();
        let is_more = self.read_rest(block, date)?;
        // A last line that was cut off has said so itself.
        if !is_more && block.n_log_lines == 0 && !self.is_cut_off {
            self.find(Kind::TruncatedFile, date.line, String::new());
        }
        block.collecting = self.collected;
        self.date_backwards(block);
        Ok(true)
    }

    /// Reads the lines of a block behind its date; false where the copy that it is from ends with it.
    fn read_rest(&mut self, block: &mut Block, date: DateLine) -> io::Result<bool> {
        // Whether something that is no log line stood behind one: what is left of a date line, or of the complaint of `date`.
        let mut is_parted = false;
        while self.input.advance()? {
            let next = match self.input.kind() {
                LineKind::Blank => {
                    is_parted |= block.n_log_lines > 0;
                    continue;
                }
                LineKind::Break => {
                    self.is_broken = true;
                    return Ok(false);
                }
                LineKind::Socket if self.take_socket(block) => {
                    if block.n_log_lines > 0 && self.is_of_the_next(block) {
                        self.carried = block.sockets.pop();
                        Some(DateLine { line: self.input.line, is_lost: true, ..date })
                    } else {
                        continue;
                    }
                }
                LineKind::Socket => self.take_no_socket(),
                LineKind::Text if is_parted && self.is_of_a_lost_date(date) => {
                    self.input.is_again = true;
                    Some(DateLine { line: self.input.line, is_lost: true, ..date })
                }
                LineKind::Text => {
                    let n_log_lines = block.n_log_lines;
                    let next = self.take_text(block, date);
                    is_parted |= n_log_lines > 0 && block.n_log_lines == n_log_lines;
                    next
                }
            };
            if next.is_some() {
                self.next = next;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The lines of one block stand in the order in which they were written: one that its clock makes younger than the line
    /// behind it is of the day before. A collector that lost its place tells yesterday's lines again in the morning.
    fn date_backwards(&self, block: &mut Block) {
        let mut next: Option<DateTime<Utc>> = None;
        for &(at, entry) in self.moments.iter().rev() {
            let at = if next.is_some_and(|next| at > next + MOST_AHEAD) { at - Duration::days(1) } else { at };
            if let Some(entry) = entry.and_then(|index| block.entries.get_mut(index)) {
                entry.at = at;
            }
            next = Some(at);
        }
    }

    /// What was found so far, and nothing of it again. Call it when the file is read.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        if self.n_more_findings > 0 {
            let place = self.files.place(0);
            self.findings.push(Finding::new(Kind::UnreadableLine, place, format!("+ {}", self.n_more_findings)));
            self.n_more_findings = 0;
        }
        std::mem::take(&mut self.findings)
    }

    /// The server's ends of all connections, also of those that were not wanted.
    pub fn local_ends(&self) -> &BTreeSet<(IpAddr, u16)> {
        self.local.seen()
    }

    /// How many socket lines were kept.
    pub fn n_sockets(&self) -> u64 {
        self.n_sockets
    }

    /// The date line that begins the next block: the one that ended the last, or the first of the file.
    fn begin(&mut self) -> io::Result<Option<DateLine>> {
        if let Some(date) = self.next.take() {
            return Ok(Some(date));
        }
        let mut lost: Option<(Kind, u32, String)> = None;
        let mut date = None;
        while date.is_none() && self.input.advance()? {
            let kind = self.input.kind();
            let line = source::decode(&self.input.buffer).into_owned();
            match (kind, (kind == LineKind::Text).then(|| datetime::parse(&line)).flatten()) {
                (LineKind::Blank, _) => {}
                (LineKind::Break, _) => self.is_broken = true,
                (_, Some(stamp)) => date = Some(self.date_line(stamp)),
                // A file that was rotated begins in the middle of a block.
                _ if lost.is_none() => {
                    lost = Some((self.kind_of_loss(), self.input.line, crate::finding::excerpt(&line)));
                }
                _ => {}
            }
        }
        // Of the day that the first date names.
        if let Some((kind, line, detail)) = lost {
            self.find(kind, line, detail);
        }
        Ok(date)
    }

    fn date_line(&mut self, stamp: Stamp) -> DateLine {
        let at = stamp.moment(self.zone, self.last);
        if self.is_too_late(at) {
            self.find(Kind::DateInFuture, self.input.line, stamp.civil.to_string());
            return DateLine { at, civil: stamp.civil, line: self.input.line, is_lost: false };
        }
        if self.last.is_some_and(|last| at + Duration::seconds(2) < last) {
            self.find(Kind::ClockWentBack, self.input.line, stamp.civil.to_string());
        }
        self.last = Some(at);
        DateLine { at, civil: stamp.civil, line: self.input.line, is_lost: false }
    }

    /// A connection, kept in the block; whether it could be read. Most of a gigabyte is such lines.
    fn take_socket(&mut self, block: &mut Block) -> bool {
        match Row::read(&self.input.buffer, self.input.line, &self.ports, &mut self.local) {
            Row::Ours(socket) => {
                block.sockets.push(socket);
                self.n_sockets += 1;
            }
            Row::Other => {}
            Row::Unreadable => return false,
        }
        true
    }

    /// Whether the connection that was read last is of another block, whose date was lost: connections come before log
    /// lines. But two writers' lines are mixed where the block before was left without any.
    fn is_of_the_next(&self, block: &Block) -> bool {
        let is_new = block.sockets.last().is_some_and(|last| last.line == self.input.line);
        is_new && self.had_log_line && !block.collected
    }

    /// Whether a line's clock is so far ahead of its block's date, behind what may be left of another, that it is of that.
    fn is_of_a_lost_date(&self, date: DateLine) -> bool {
        let text = source::decode(&self.input.buffer);
        let line = flexnet::parse_line(&text).filter(|_| datetime::parse(&text).is_none());
        line.is_some_and(|line| date.moved_to(line.clock).civil - date.civil > MOST_AHEAD)
    }

    /// A line that began as a connection; the date that begins the next block, where it was written onto the line's end.
    fn take_no_socket(&mut self) -> Option<DateLine> {
        let line = source::decode(&self.input.buffer).into_owned();
        self.unreadable(&line);
        datetime::parse_end(&line).map(|(_, stamp)| self.date_line(stamp))
    }

    /// A line that is no socket: of the debug log, kept in the block, or the date that begins the next, or both, where
    /// the first lacks its end.
    fn take_text(&mut self, block: &mut Block, date: DateLine) -> Option<DateLine> {
        let text = source::decode(&self.input.buffer).into_owned();
        if let Some(stamp) = datetime::parse(&text) {
            return Some(self.date_line(stamp));
        }
        let line = flexnet::parse_line(&text);
        // What the daemon says of itself may end in a date.
        let is_chatter = |line: &flexnet::Line<'_>| !matches!(line.message, Message::Token(_) | Message::Unreadable);
        let glued = if line.as_ref().is_some_and(is_chatter) { None } else { datetime::parse_end(&text) };
        if let Some((end, stamp)) = glued {
            self.take_log_line(&text[..end], flexnet::parse_line(&text[..end]), false, block, date);
            return Some(self.date_line(stamp));
        }
        self.take_log_line(&text, line, self.input.terminated, block, date);
        None
    }

    fn take_log_line(
        &mut self,
        text: &str,
        line: Option<flexnet::Line<'_>>,
        has_end: bool,
        block: &mut Block,
        date: DateLine,
    ) {
        let Some(line) = line else {
            self.unreadable(text);
            return;
        };
        let date = if date.is_lost { date.moved_to(line.clock) } else { date };
        // That of its date line, unless that was lost.
        block.at = date.at;
        let is_cut_off = self.padding.is_missing_in(text, &line.message)
            || !has_end && !text.ends_with("  ") && !text.trim_end().ends_with(')');
        if line.clock == Clock::Corrupt || line.message == Message::Unreadable || is_cut_off {
            self.unreadable(text);
        }
        // What another line follows was the last of the block's: its connections are all there.
        block.n_log_lines += u32::from(!is_cut_off || self.input.terminated);
        if is_cut_off {
            return;
        }
        if line.daemon == "jeton" {
            self.collected = !text.trim_end().ends_with("collect: ends");
            block.collected = true;
            block.pulse_s = pulse_of(text).or(block.pulse_s);
        }
        let at = moment_of(line.clock, date);
        let what = self.what(line.daemon, line.message);
        self.moments.push((at, what.as_ref().map(|_| block.entries.len())));
        if let Some(what) = what {
            block.entries.push(Entry { line: self.input.line, at, what });
        }
    }

    fn what(&mut self, daemon: &str, message: Message<'_>) -> Option<What> {
        match message {
            Message::Token(token) => {
                let who = if let Some(known) = self.identities.get(token.who) {
                    known.clone()
                } else {
                    let new = token.identity()?;
                    self.identities.insert(token.who.to_owned(), new.clone());
                    new
                };
                let (feature, daemon) = (self.names.intern(token.feature), self.names.intern(daemon));
                let flexnet::Token { kind, licences, inactive, .. } = token;
                Some(What::Token { kind, feature, who, licences, inactive, daemon })
            }
            Message::Started(_) => Some(What::Started(None)),
            Message::Stopped(daemon) => Some(What::Stopped(daemon.map(|daemon| self.names.intern(daemon)))),
            Message::Date(_) | Message::DateTime(_) | Message::Chatter | Message::Unreadable => None,
        }
    }

    /// A line that is none; where it has no end, the file was cut off in it.
    fn unreadable(&mut self, text: &str) {
        let kind = self.kind_of_loss();
        self.find(kind, self.input.line, crate::finding::excerpt(text));
    }

    /// What a line is that cannot be read: damaged, or cut off with its copy.
    fn kind_of_loss(&mut self) -> Kind {
        self.is_cut_off = !self.input.terminated;
        if self.is_cut_off { Kind::TruncatedFile } else { Kind::UnreadableLine }
    }

    fn find(&mut self, kind: Kind, line: u32, detail: String) {
        let is_own = |(from, until)| self.last.is_none_or(|last| from <= last && last < until);
        if !self.own.is_none_or(is_own) {
            return;
        }
        if self.findings.len() < MOST_FINDINGS {
            let finding = Finding::new(kind, self.files.place(line), detail);
            let day = self.last.map(|last| last.with_timezone(&self.zone).date_naive());
            self.findings.push(Finding { day, ..finding });
        } else {
            self.n_more_findings += 1;
        }
    }
}

impl Default for Block {
    fn default() -> Self {
        let (sockets, entries) = (Vec::new(), Vec::new());
        Self {
            at: DateTime::<Utc>::MIN_UTC,
            line: 0,
            sockets,
            entries,
            n_log_lines: 0,
            collected: false,
            collecting: false,
            pulse_s: None,
            follows: true,
        }
    }
}

/// When a log line was written: the clock is the server's, as the block's date is, so that both have one offset.
fn moment_of(clock: Clock, date: DateLine) -> DateTime<Utc> {
    let time: NaiveTime = match clock {
        Clock::Time(time) => time,
        Clock::Dated(stamp) => stamp.civil.time(),
        Clock::Corrupt => return date.at,
    };
    let same_day = date.civil.date().and_time(time) - date.civil;
    // Stale lines are older than their block, never younger; only across midnight can the log be a second ahead.
    let apart = if same_day > MOST_AHEAD {
        same_day - Duration::days(1)
    } else if same_day < MOST_AHEAD - Duration::days(1) {
        same_day + Duration::days(1)
    } else {
        same_day
    };
    date.at + apart
}

/// How often the collector gives a sign of life, as it says when it begins: `collect: begins, pulse 300 s`.
fn pulse_of(text: &str) -> Option<u32> {
    text.split_once("pulse ")?.1.split(' ').next()?.parse().ok().filter(|seconds| *seconds > 0)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineKind {
    Blank,
    Break,
    Socket,
    Text,
}

/// Lines of bytes without their ends; of a monstrous one the beginning alone is kept.
#[derive(Debug)]
struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    line: u32,
    /// Whether the line ended with a line end rather than with the file.
    terminated: bool,
    /// Whether the line is to be read once more.
    is_again: bool,
}

impl<R: BufRead> Lines<R> {
    const LONGEST: usize = 64 * 1024;

    fn advance(&mut self) -> io::Result<bool> {
        if std::mem::take(&mut self.is_again) {
            return Ok(true);
        }
        self.buffer.clear();
        let mut any = false;
        loop {
            let available = match self.input.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                self.terminated = false;
                self.line += u32::from(any);
                return Ok(any);
            }
            any = true;
            let end = memchr::memchr(b'\n', available);
            let taken = end.unwrap_or(available.len());
            let room = Self::LONGEST - self.buffer.len();
            self.buffer.extend_from_slice(&available[..taken.min(room)]);
            self.input.consume(end.map_or(taken, |end| end + 1));
            if end.is_some() {
                self.terminated = self.buffer.last() != Some(&CUT);
                if matches!(self.buffer.last(), Some(&(b'\r' | CUT))) {
                    self.buffer.pop();
                }
                self.line = self.line.saturating_add(1);
                return Ok(true);
            }
        }
    }

    /// The kind of the line, by its first bytes. TCP states are upper case; no date and no clock begins with two capitals.
    fn kind(&self) -> LineKind {
        match self.buffer.as_slice() {
            [b'A'..=b'Z', b'A'..=b'Z', ..] => LineKind::Socket,
            line if [&b"State"[..], b"Netid", b"tcp ", b"mptcp "].iter().any(|begin| line.starts_with(begin)) => {
                LineKind::Socket
            }
            [BREAK] => LineKind::Break,
            line if line.iter().all(u8::is_ascii_whitespace) => LineKind::Blank,
            _ => LineKind::Text,
        }
    }
}

#[cfg(test)]
mod tests;
