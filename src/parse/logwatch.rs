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
//! Read over, as they mean nothing: sockets of another local port (`grep` lets some through), the header of `ss`, blank
//! lines. Everything else that is none of the three kinds of line is a finding.

use std::collections::HashMap;
use std::io::{self, BufRead};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use chrono::{DateTime, Duration, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;

use super::datetime::{self, Stamp};
use super::flexnet::{self, Clock, Interner, Message, What};
use crate::finding::{Finding, Kind, Parsed, Place};
use crate::model::Identity;
use crate::source::{self, Source, SourceError};

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
    /// How many lines of the debug log it holds, chatter included. None: the block was cut off, or two writers' lines
    /// are mixed, and its sockets may be too few.
    pub n_log_lines: u32,
    /// Whether `jeton collect` wrote it: it has all lines of its time, each once, and their connections.
    pub collected: bool,
}

/// A TCP connection as `ss` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket {
    /// The line, from 1.
    pub line: u32,
    /// Whether the server is closing on a peer that has not acknowledged (`FIN-WAIT-1`).
    pub fin_wait_1: bool,
    /// Bytes that the peer has not acknowledged.
    pub send_q: u32,
    /// The other end.
    pub peer: Peer,
}

/// The client's end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer {
    /// Its address; IPv4-mapped ones as IPv4.
    pub ip: IpAddr,
    /// Its port.
    pub port: u16,
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
pub struct Reader<R> {
    input: Lines<R>,
    name: Arc<str>,
    zone: Tz,
    port: Option<u16>,
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
    features: Interner,
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
        Ok(Self {
            input: Lines { input, buffer: Vec::with_capacity(256), line: 0, terminated: true },
            name: name.into(),
            zone,
            port,
            next: None,
            carried: None,
            had_log_line: false,
            last: None,
            latest: None,
            findings: Vec::new(),
            n_more_findings: 0,
            is_cut_off: false,
            collected: false,
            features: Interner::default(),
            identities: HashMap::new(),
            n_sockets: 0,
            local: LastEndpoint::default(),
            padding: flexnet::Padding::default(),
        })
    }

    /// The same reader, to which a block after this moment is a fault: it is named, and left out.
    #[must_use]
    pub fn until(self, latest: DateTime<Utc>) -> Self {
        Self { latest: Some(latest), ..self }
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
        block.collected = self.collected;
        block.sockets.clear();
        block.sockets.extend(self.carried.take());
        block.entries.clear();
        while self.input.advance()? {
            let next = match self.input.kind() {
                LineKind::Blank => continue,
                LineKind::Socket if self.take_socket(block) => {
                    if block.n_log_lines > 0 && self.is_of_the_next(block) {
                        self.carried = block.sockets.pop();
                        Some(DateLine { line: self.input.line, is_lost: true, ..date })
                    } else {
                        continue;
                    }
                }
                LineKind::Socket => self.take_no_socket(),
                LineKind::Text => self.take_text(block, date),
            };
            if next.is_some() {
                self.next = next;
                return Ok(true);
            }
        }
        // A last line that was cut off has said so itself.
        if block.n_log_lines == 0 && !self.is_cut_off {
            self.find(Kind::TruncatedFile, date.line, String::new());
        }
        Ok(true)
    }

    /// What was found so far, and nothing of it again. Call it when the file is read.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        if self.n_more_findings > 0 {
            let place = Place::Whole(Arc::clone(&self.name));
            self.findings.push(Finding::new(Kind::UnreadableLine, place, format!("+ {}", self.n_more_findings)));
            self.n_more_findings = 0;
        }
        std::mem::take(&mut self.findings)
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
        let mut n_lost: u32 = 0;
        while self.input.advance()? {
            if self.input.kind() == LineKind::Text
                && let Some(stamp) = datetime::parse(&source::decode(&self.input.buffer))
            {
                return Ok(Some(self.date_line(stamp)));
            }
            // A file that was rotated begins in the middle of a block.
            if n_lost == 0 && self.input.kind() != LineKind::Blank {
                let line = source::decode(&self.input.buffer).into_owned();
                self.unreadable(&line);
            }
            n_lost += 1;
        }
        Ok(None)
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
        let Some(socket) = parse_socket(&self.input.buffer, &mut self.local) else {
            return self.input.buffer.starts_with(b"State");
        };
        let ours = self.port.is_none_or(|port| socket.local_port == port);
        // A client on the server itself has the server's address at both ends.
        if ours && socket.local != socket.peer.ip {
            let SocketLine { fin_wait_1, send_q, peer, .. } = socket;
            block.sockets.push(Socket { line: self.input.line, fin_wait_1, send_q, peer });
            self.n_sockets += 1;
        }
        true
    }

    /// Whether the connection that was read last is of another block, whose date was lost: connections come before log
    /// lines. But two writers' lines are mixed where the block before was left without any.
    fn is_of_the_next(&self, block: &Block) -> bool {
        let is_new = block.sockets.last().is_some_and(|last| last.line == self.input.line);
        is_new && self.had_log_line && !block.collected
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
        }
        if let Some(what) = self.what(line.message) {
            block.entries.push(Entry { line: self.input.line, at: moment_of(line.clock, date), what });
        }
    }

    fn what(&mut self, message: Message<'_>) -> Option<What> {
        match message {
            Message::Token(token) => {
                let who = if let Some(known) = self.identities.get(token.who) {
                    known.clone()
                } else {
                    let new = token.identity()?;
                    self.identities.insert(token.who.to_owned(), new.clone());
                    new
                };
                let feature = self.features.intern(token.feature);
                Some(What::Token { kind: token.kind, feature, who, licences: token.licences, inactive: token.inactive })
            }
            Message::Started(_) => Some(What::Started(None)),
            Message::Stopped => Some(What::Stopped),
            Message::Date(_) | Message::DateTime(_) | Message::Chatter | Message::Unreadable => None,
        }
    }

    /// A line that is none; where it has no end, the file was cut off in it.
    fn unreadable(&mut self, text: &str) {
        self.is_cut_off = !self.input.terminated;
        let kind = if self.is_cut_off { Kind::TruncatedFile } else { Kind::UnreadableLine };
        self.find(kind, self.input.line, crate::finding::excerpt(text));
    }

    fn find(&mut self, kind: Kind, line: u32, detail: String) {
        if self.findings.len() < MOST_FINDINGS {
            let finding = Finding::new(kind, Place::line(&self.name, line), detail);
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
        Self { at: DateTime::<Utc>::MIN_UTC, line: 0, sockets, entries, n_log_lines: 0, collected: false }
    }
}

/// Reads what `ss -n -t` printed: the connections to a local port. Other connections are read over.
pub fn sockets(source: &Source, port: u16) -> Parsed<Vec<Socket>> {
    let mut parsed = Parsed { items: Vec::new(), findings: Vec::new() };
    let mut local = LastEndpoint::default();
    for (number, line) in source.lines().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with("State")) {
        match parse_socket(line.as_bytes(), &mut local) {
            Some(socket) if socket.local_port == port && socket.local != socket.peer.ip => {
                let SocketLine { fin_wait_1, send_q, peer, .. } = socket;
                parsed.items.push(Socket { line: number, fin_wait_1, send_q, peer });
            }
            Some(_) => {}
            None => parsed.findings.push(Finding::unreadable(source.at(number), line)),
        }
    }
    parsed
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineKind {
    Blank,
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
}

impl<R: BufRead> Lines<R> {
    const LONGEST: usize = 64 * 1024;

    fn advance(&mut self) -> io::Result<bool> {
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
                if self.buffer.last() == Some(&b'\r') {
                    self.buffer.pop();
                }
                self.line = self.line.saturating_add(1);
                self.terminated = true;
                return Ok(true);
            }
        }
    }

    /// The kind of the line, by its first bytes. TCP states are upper case; no date and no clock begins with two capitals.
    fn kind(&self) -> LineKind {
        match self.buffer.as_slice() {
            [b'A'..=b'Z', b'A'..=b'Z', ..] => LineKind::Socket,
            line if line.starts_with(b"State") => LineKind::Socket,
            line if line.iter().all(u8::is_ascii_whitespace) => LineKind::Blank,
            _ => LineKind::Text,
        }
    }
}

struct SocketLine {
    fin_wait_1: bool,
    send_q: u32,
    local: IpAddr,
    local_port: u16,
    peer: Peer,
}

/// The states that `ss` prints (iproute2, `misc/ss.c`).
const STATES: [&[u8]; 11] = [
    b"ESTAB",
    b"FIN-WAIT-1",
    b"FIN-WAIT-2",
    b"CLOSE-WAIT",
    b"LAST-ACK",
    b"CLOSING",
    b"SYN-RECV",
    b"SYN-SENT",
    b"TIME-WAIT",
    b"CLOSED",
    b"LISTEN",
];

/// `ESTAB 0      432    [::ffff:10.14.14.20]:60213 [::ffff:10.14.18.116]:55450`, with any spacing.
fn parse_socket(line: &[u8], last: &mut LastEndpoint) -> Option<SocketLine> {
    let mut words = Words(line);
    let state = words.next()?;
    STATES.contains(&state).then_some(())?;
    let _recv_q = number(words.next()?)?;
    let send_q = number(words.next()?)?;
    let (local, local_port) = last.read(words.next()?)?;
    let (ip, port) = endpoint(words.next()?)?;
    words.next().is_none().then_some(SocketLine {
        fin_wait_1: state == b"FIN-WAIT-1",
        send_q,
        local,
        local_port,
        peer: Peer { ip, port },
    })
}

/// The local end of the line before, which is nearly always that of this one.
#[derive(Debug, Default)]
struct LastEndpoint {
    word: Vec<u8>,
    value: Option<(IpAddr, u16)>,
}

impl LastEndpoint {
    fn read(&mut self, word: &[u8]) -> Option<(IpAddr, u16)> {
        if self.word != word {
            self.value = endpoint(word);
            self.word.clear();
            self.word.extend_from_slice(word);
        }
        self.value
    }
}

/// The words of a line, parted by spaces and tabs.
struct Words<'a>(&'a [u8]);

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.0.iter().position(|b| !matches!(b, b' ' | b'\t'))?;
        let rest = &self.0[start..];
        let end = rest.iter().position(|b| matches!(b, b' ' | b'\t')).unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        self.0 = rest;
        Some(word)
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 10 {
        return None;
    }
    let mut value: u32 = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u32::from(digit))?;
    }
    Some(value)
}

/// `10.14.14.20:60213`, `[::ffff:10.14.14.20]:60213`, `::ffff:10.14.14.20:60213` (old `ss`), `[fe80::1%eth0]:60213`.
fn endpoint(word: &[u8]) -> Option<(IpAddr, u16)> {
    let colon = memchr::memrchr(b':', word)?;
    let port = u16::try_from(number(&word[colon + 1..])?).ok()?;
    let address = &word[..colon];
    let address = address.strip_prefix(b"[").and_then(|inner| inner.strip_suffix(b"]")).unwrap_or(address);
    let v4 = address.strip_prefix(b"::ffff:").unwrap_or(address);
    if let Some(ip) = ipv4(v4) {
        return Some((IpAddr::V4(ip), port));
    }
    let text = std::str::from_utf8(address).ok()?;
    let without_zone = text.split_once('%').map_or(text, |(address, _)| address);
    let ip: Ipv6Addr = without_zone.parse().ok()?;
    Some((ip.to_canonical(), port))
}

/// A dotted quad; written out, as it is most of a gigabyte.
fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let mut octets = [0_u8; 4];
    let mut parts = text.split(|b| *b == b'.');
    for octet in &mut octets {
        let part = parts.next()?;
        if part.len() > 3 {
            return None;
        }
        *octet = u8::try_from(number(part)?).ok()?;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Europe::Paris;

    fn blocks(log: &[u8]) -> (Vec<Block>, Vec<Finding>) {
        let mut reader = Reader::new(log, "logwatch", Paris, Some(60213)).unwrap();
        let (mut blocks, mut block) = (Vec::new(), Block::default());
        while reader.read(&mut block).unwrap() {
            blocks.push(block.clone());
        }
        (blocks, reader.take_findings())
    }

    fn places(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(|f| format!("{} {}", f.kind.name(), f.place)).collect()
    }

    const SAMPLE: &str = "mer. déc.  8 14:00:20 CET 2021\n\
        ESTAB 0      0      [::ffff:10.14.14.20]:60213 [::ffff:10.14.18.116]:55450       \n\
        ESTAB 0      432    10.14.14.20:60213 10.14.18.116:58033\n\
        ESTAB      0      0      [2001:db8::20]:60213  [2001:db8::85]:56756       \n\
        ESTAB 0 0 10.14.14.20:22 10.14.18.1:60213\n\
        14:00:20 (orglab) OUT: \"OriginPro\" Camille@CRISTAL-PC.univ.example  \n\
        mer. déc.  8 15:40:53 CET 2021\n\
        FIN-WAIT-1 0      1      [::ffff:10.14.14.20]:60213  [::ffff:10.14.19.85]:56756       \n\
        15:40:53 (orglab) IN: \"OriginPro\" etudiant@DESKTOP-7QX2K9A  \n";

    #[test]
    fn sockets_of_every_spelling_and_no_foreign_port() {
        let (blocks, findings) = blocks(SAMPLE.as_bytes());
        assert_eq!(findings, []);
        let peers: Vec<_> =
            blocks[0].sockets.iter().map(|s| (s.line, s.send_q, s.peer.ip.to_string(), s.peer.port)).collect();
        assert_eq!(
            peers,
            [
                (2, 0, "10.14.18.116".to_owned(), 55450),
                (3, 432, "10.14.18.116".to_owned(), 58033),
                (4, 0, "2001:db8::85".to_owned(), 56756)
            ]
        );
        assert!(blocks[1].sockets[0].fin_wait_1);
        assert_eq!(blocks[1].at.to_rfc3339(), "2021-12-08T14:40:53+00:00");
        assert_eq!((blocks[0].line, blocks[1].line, blocks[1].entries[0].line), (1, 7, 9));
    }

    #[test]
    fn latin1_crlf_and_bom_change_nothing() {
        let plain = blocks(SAMPLE.as_bytes());
        let latin1: Vec<u8> = SAMPLE.chars().map(|c| c as u8).collect();
        let crlf = SAMPLE.replace('\n', "\r\n").into_bytes();
        let bom = [b"\xef\xbb\xbf", SAMPLE.as_bytes()].concat();
        for other in [latin1, crlf, bom] {
            let other = blocks(&other);
            assert_eq!(format!("{other:?}"), format!("{plain:?}"));
        }
    }

    #[test]
    fn the_collector_says_which_blocks_are_its_own() {
        let line = |text: &str| format!("2021-12-08 14:00:20\n14:00:20 {text}\n");
        let log = [
            ("(orglab) x", false),
            ("(jeton) collect: begins", true),
            ("(orglab) OUT: \"f\" a@h  ", true),
            ("(jeton) collect: 1 out", true),
            ("(jeton) collect: ends", true),
            ("(orglab) x", false),
            ("(jeton) collect: goes on", true),
        ];
        let (blocks, findings) = blocks(log.map(|(text, _)| line(text)).concat().as_bytes());
        assert_eq!(findings, []);
        assert_eq!(blocks.iter().map(|block| block.collected).collect::<Vec<_>>(), log.map(|(_, collected)| collected));
        assert!(blocks.iter().all(|block| block.n_log_lines == 1), "each is a snapshot");
    }

    #[test]
    fn a_stale_line_is_dated_by_its_own_clock() {
        for (date, clock, expected) in [
            ("2021-12-08 14:00:20", "14:00:20", "2021-12-08T13:00:20"),
            ("2021-12-08 14:00:21", "14:00:20", "2021-12-08T13:00:20"),
            ("2021-12-08 14:00:20", " 9:00:00", "2021-12-08T08:00:00"),
            ("2021-12-08 00:10:11", "23:50:00", "2021-12-07T22:50:00"),
            ("2021-12-08 14:00:20", "20:51:07", "2021-12-07T19:51:07"),
            ("2021-12-08 14:00:20", "14:05:00", "2021-12-08T13:05:00"),
            ("2021-12-07 23:59:59", " 0:00:00", "2021-12-07T23:00:00"),
        ] {
            let (blocks, _) = blocks(format!("{date}\n{clock} (d) OUT: \"f\" a@h  \n").as_bytes());
            assert_eq!(blocks[0].entries[0].at.format("%FT%T").to_string(), expected, "{date} {clock}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_and_the_rest_goes_on() {
        let log = "half a line\n2021-12-08 14:00:20\nESTAB 0 x 1.2.3.4:60213 1.2.3.5:1\nESTAB 0 0 1.2.3.4:60213 1.2.3.5:1\n\
            garbage\n14:00:20 (d) OUT: \"f\" nobody\n14:00:20 (d) OUT: \"f\" a@h  \n\n";
        let (blocks, findings) = blocks(log.as_bytes());
        assert_eq!(
            places(&findings),
            [
                "unreadable-line logwatch:1",
                "unreadable-line logwatch:3",
                "unreadable-line logwatch:5",
                "unreadable-line logwatch:6"
            ]
        );
        assert_eq!((blocks.len(), blocks[0].sockets.len(), blocks[0].entries.len()), (1, 1, 1));
    }

    #[test]
    fn a_file_that_ends_in_the_middle_of_a_block_says_so() {
        let (cut_sockets, findings) = blocks(b"2021-12-08 14:00:20\nESTAB 0 0 1.2.3.4:60213 1.2.3.5:1\n");
        assert_eq!((cut_sockets[0].n_log_lines, places(&findings)), (0, vec!["truncated-file logwatch:1".to_owned()]));
        let (cut_name, findings) = blocks(b"2021-12-08 14:00:20\n14:00:20 (d) IN: \"f\" etudiant@DESK");
        assert_eq!(cut_name[0].entries, []);
        assert_eq!(places(&findings), ["truncated-file logwatch:2"]);
        for cut in ["ESTAB 0 0 1.2.3", "14:0", "2021-12-"] {
            let (_, findings) = blocks(format!("2021-12-08 14:00:20\n{cut}").as_bytes());
            assert_eq!(places(&findings), ["truncated-file logwatch:2"], "{cut}: one truncation, once told");
        }
        let (whole, findings) = blocks(b"2021-12-08 14:00:20\n14:00:20 (d) IN: \"f\" etudiant@DESKTOP  ");
        assert_eq!((whole[0].entries.len(), findings.len()), (1, 0));
    }

    /// Half a name is another machine's: what the next date follows without a line end may be cut, and what lacks the
    /// two spaces that all others of its file have is.
    #[test]
    fn a_line_without_its_end_gives_no_name_and_the_date_behind_it_is_read() {
        let after = "14:00:30 (d) IN: \"f\" a@b  \n";
        for (line, n_entries, n_log_lines) in [
            ("14:00:20 (d) OUT: \"f\" a@DESK", 0, 1),
            ("14:00:20 (d) OUT: \"f\" a@DESKTOP  ", 1, 1),
            ("14:00:20 (d) OUT: \"f\" a@b (2 licenses)", 1, 1),
            ("14:00:20 (d) OUT: \"f\" a", 0, 1),
            ("14:00:2", 0, 0),
            ("ESTAB 0 0 1.2.3.4:60213 1.2.3", 0, 0),
            ("W?d ", 0, 0),
        ] {
            let (blocks, findings) =
                blocks(format!("2021-12-08 14:00:20\n{line}Wed Dec  8 14:00:30 CET 2021\n{after}").as_bytes());
            assert_eq!(blocks.len(), 2, "{line}");
            assert_eq!((blocks[0].entries.len(), blocks[0].n_log_lines), (n_entries, n_log_lines), "{line}");
            assert_eq!(blocks[1].entries[0].at.to_rfc3339(), "2021-12-08T13:00:30+00:00", "{line}");
            assert_eq!(findings.len(), 1 - n_entries, "{line}");
        }
        let chatter = "14:00:20 (d) Server's System Date and Time: Wed Dec 08 2021 17:17:45 CET\n";
        assert_eq!(blocks(format!("2021-12-08 14:00:20\n{chatter}").as_bytes()).0.len(), 1, "a date of its own");

        let mut log = "2021-12-08 14:00:20\n".to_owned() + &"14:00:20 (d) OUT: \"f\" a@DESKTOP  \n".repeat(20);
        log += "14:00:20 (d) OUT: \"f\" a@DESK\n14:00:20 (d) OUT: \"f\" a@DESKTOP (2 licenses)\n";
        let (padded, findings) = blocks(log.as_bytes());
        assert_eq!((padded[0].entries.len(), places(&findings)), (21, vec!["unreadable-line logwatch:22".to_owned()]));
        let (bare, findings) = blocks(log.replace("  \n", "\n").as_bytes());
        assert_eq!((bare[0].entries.len(), findings), (22, vec![]), "a file without them says nothing by it");
    }

    #[test]
    fn a_block_whose_date_is_lost_is_a_block() {
        let socket = |port: u16| format!("ESTAB 0 0 1.2.3.4:60213 1.2.3.5:{port}\n");
        let line = |clock: &str| format!("{clock} (d) OUT: \"f\" a@b  \n");
        let whole = |date: &str, port, clock: &str| format!("{date}\n{}{}", socket(port), line(clock));
        let first = whole("2021-12-08 13:00:00", 1, "13:00:00") + &whole("2021-12-08 14:00:20", 1, "14:00:20");
        let last = whole("2021-12-09 16:00:00", 3, "16:00:00");
        for (date, clock, at) in [
            ("", "15:10:00", "2021-12-08T14:10:00"),
            ("W?d De", "15:10:00", "2021-12-08T14:10:00"),
            ("", " 0:30:00", "2021-12-08T23:30:00"),
            // Shown again: when, nothing says.
            ("", "13:00:00", "2021-12-08T13:00:20"),
        ] {
            let (blocks, _) = blocks((first.clone() + &whole(date, 2, clock) + &last).as_bytes());
            let ports: Vec<Vec<u16>> =
                blocks.iter().map(|block| block.sockets.iter().map(|socket| socket.peer.port).collect()).collect();
            assert_eq!(ports, [[1], [1], [2], [3]], "{date} {clock}");
            assert_eq!(blocks[2].at.format("%FT%T").to_string(), at, "{date} {clock}");
        }
        // Two writers: the second one's date comes before the first one's connections.
        let mixed = format!(
            "2021-12-08 14:00:20\n{date}\n{0}{1}{0}{1}",
            socket(1),
            line("14:00:20"),
            date = "2021-12-08 14:00:20"
        );
        assert_eq!(blocks(mixed.as_bytes()).0.len(), 2);
    }

    #[test]
    fn a_clock_that_goes_back_is_named() {
        let log = "2021-12-08 14:00:20\n14:00:20 (d) x\n2021-12-08 13:00:20\n13:00:20 (d) x\n";
        assert_eq!(places(&blocks(log.as_bytes()).1), ["clock-went-back logwatch:3"]);
    }

    #[test]
    fn a_block_of_the_future_is_named_and_left_out() {
        let log = "2021-12-08 14:00:20\n14:00:20 (d) x\n2099-12-08 14:00:30\n14:00:30 (d) OUT: \"f\" a@h  \n\
                   2021-12-08 14:00:40\n14:00:40 (d) x\n";
        let mut reader = Reader::new(log.as_bytes(), "logwatch", Paris, None).unwrap();
        reader = reader.until("2026-01-01T00:00:00Z".parse().unwrap());
        let (mut block, mut lines) = (Block::default(), Vec::new());
        while reader.read(&mut block).unwrap() {
            lines.push(block.line);
        }
        assert_eq!(
            (lines, places(&reader.take_findings())),
            (vec![1, 5], vec!["date-in-future logwatch:3".to_owned()])
        );
    }

    #[test]
    fn documents_and_nothing_are_errors() {
        for bytes in [&b""[..], b"%PDF-1.4\n", b"PK\x03\x04"] {
            assert!(Reader::new(bytes, "logwatch", Paris, None).is_err());
        }
    }

    #[test]
    fn a_line_of_megabytes_is_one_finding() {
        let mut log = b"2021-12-08 14:00:20\n".to_vec();
        log.extend(std::iter::repeat_n(b'x', 3_000_000));
        log.extend(b"\n14:00:20 (d) OUT: \"f\" a@h  \n");
        let (blocks, findings) = blocks(&log);
        assert_eq!((blocks[0].entries.len(), places(&findings)), (1, vec!["unreadable-line logwatch:2".to_owned()]));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 1..300)) {
            if let Ok(mut reader) = Reader::new(&bytes[..], "x", Paris, None) {
                let mut block = Block::default();
                while reader.read(&mut block).unwrap() {}
            }
        }

        #[test]
        fn no_mangled_sample_panics(cut in 0..SAMPLE.len(), byte: u8, at in 0..SAMPLE.len()) {
            let mut bytes = SAMPLE.as_bytes().to_vec();
            bytes[at] = byte;
            bytes.truncate(cut.max(1));
            if let Ok(mut reader) = Reader::new(&bytes[..], "x", Paris, Some(60213)) {
                let mut block = Block::default();
                while reader.read(&mut block).unwrap() {}
            }
        }
    }
}
