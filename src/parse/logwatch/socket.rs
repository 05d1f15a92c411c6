//! A TCP connection as `ss -n -t` prints it: most of a gigabyte, and so written for speed.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Parsed};
use crate::source::Source;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Peer {
    /// Its address; IPv4-mapped ones as IPv4.
    pub ip: IpAddr,
    /// Its port.
    pub port: u16,
}

/// A line of `ss`.
pub(super) enum Row {
    /// A connection to the port that is wanted.
    Ours(Socket),
    /// One to another port, one of the server with itself, or the header.
    Other,
    /// None of these.
    Unreadable,
}

impl Row {
    /// Reads a line by its number. `ports`: the local ones of the connections that are wanted, any where there is none.
    pub(super) fn read(text: &[u8], line: u32, ports: &[u16], last: &mut LastEndpoint) -> Self {
        let Some(SocketLine { fin_wait_1, send_q, local, local_port, peer }) = parse_socket(text, last) else {
            let is_header = text.starts_with(b"State") || text.starts_with(b"Netid");
            return if is_header { Self::Other } else { Self::Unreadable };
        };
        let is_wanted = ports.is_empty() || ports.contains(&local_port);
        // A client on the server itself has the server's address at both ends.
        if is_wanted && local != peer.ip { Self::Ours(Socket { line, fin_wait_1, send_q, peer }) } else { Self::Other }
    }
}

/// Reads what `ss -n -t` printed: the connections to a local port. Other connections are read over.
pub fn sockets(source: &Source, port: u16) -> Parsed<Vec<Socket>> {
    let mut parsed = Parsed { items: Vec::new(), findings: Vec::new() };
    let mut local = LastEndpoint::default();
    for (number, line) in source.lines().filter(|(_, line)| !line.trim().is_empty()) {
        match Row::read(line.as_bytes(), number, &[port], &mut local) {
            Row::Ours(socket) => parsed.items.push(socket),
            Row::Other => {}
            Row::Unreadable => parsed.findings.push(Finding::unreadable(source.at(number), line)),
        }
    }
    parsed
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

/// `ESTAB 0      432    [::ffff:10.14.14.20]:60213 [::ffff:10.14.18.116]:55450`, with any spacing; with a column of protocols
/// before it, where `ss` was asked for more than TCP, and what its options -e, -o and -p add behind it.
fn parse_socket(line: &[u8], last: &mut LastEndpoint) -> Option<SocketLine> {
    let mut words = Words(line);
    let mut state = words.next()?;
    if matches!(state, b"tcp" | b"mptcp") {
        state = words.next()?;
    }
    STATES.contains(&state).then_some(())?;
    let _recv_q = number(words.next()?)?;
    let send_q = number(words.next()?)?;
    let (local, local_port) = last.read(words.next()?)?;
    let (ip, port) = endpoint(words.next()?)?;
    are_details(words).then_some(SocketLine {
        fin_wait_1: state == b"FIN-WAIT-1",
        send_q,
        local,
        local_port,
        peer: Peer { ip, port },
    })
}

/// Whether the words behind a connection are details of it: `users:(("orglab",pid=7,fd=9))`, `timer:(keepalive,9sec,0)`,
/// `uid:1000 ino:26 sk:2 <->`. Anything else is another line, written into this one.
fn are_details(words: Words<'_>) -> bool {
    let is_detail = |word: &[u8]| {
        word == b"<->" || word.first().is_some_and(u8::is_ascii_lowercase) && memchr::memchr(b':', word).is_some()
    };
    for word in words {
        // The name of a process can have spaces.
        if word.starts_with(b"users:((") {
            return true;
        }
        if !is_detail(word) {
            return false;
        }
    }
    true
}

/// The local end of the line before, which is nearly always that of this one.
#[derive(Debug, Default)]
pub(super) struct LastEndpoint {
    word: Vec<u8>,
    value: Option<(IpAddr, u16)>,
    /// All that there were, up to [`MOST_ENDS`].
    seen: BTreeSet<(IpAddr, u16)>,
}

/// A server has a few ports; what has more tells nothing.
const MOST_ENDS: usize = 64;

impl LastEndpoint {
    fn read(&mut self, word: &[u8]) -> Option<(IpAddr, u16)> {
        if self.word != word {
            self.value = endpoint(word);
            self.word.clear();
            self.word.extend_from_slice(word);
            if self.seen.len() < MOST_ENDS {
                self.seen.extend(self.value);
            }
        }
        self.value
    }

    pub(super) fn seen(&self) -> &BTreeSet<(IpAddr, u16)> {
        &self.seen
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
    let v4 = |address: &[u8]| ipv4(address.strip_prefix(b"::ffff:").unwrap_or(address));
    if let Some(ip) = v4(address) {
        return Some((IpAddr::V4(ip), port));
    }
    // The interface: `10.20.0.20%eth0`, `[fe80::1%eth0]`, `[fe80::1]%eth0`.
    let address = &address[..memchr::memchr(b'%', address).unwrap_or(address.len())];
    let address = address.strip_prefix(b"[").unwrap_or(address);
    let address = address.strip_suffix(b"]").unwrap_or(address);
    if let Some(ip) = v4(address) {
        return Some((IpAddr::V4(ip), port));
    }
    let ip: Ipv6Addr = std::str::from_utf8(address).ok()?.parse().ok()?;
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
