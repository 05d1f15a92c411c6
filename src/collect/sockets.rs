//! The TCP connections of one local port, read from the kernel and written as `ss -n -t` prints them.
//!
//! ```text
//!   1: 14140E0A:EB35 74120E0A:D89A 01 000001B0:00000000 01:00000017 …       /proc/net/tcp (proc(5))
//! ESTAB      0      432    10.14.14.20:60213  10.14.18.116:55450
//! ```
//!
//! A row of `/proc/net/tcp` and `tcp6` is `sl local remote state tx_queue:rx_queue …`, all in hexadecimal, addresses as
//! 32-bit words in the machine's byte order. Left out is what `ss` leaves out: those that only listen or only wait
//! (TIME-WAIT, SYN-RECV). No process is started, so that the kernel is asked within a fraction of a millisecond.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use fs_err as fs;

/// Where the kernel lists TCP sockets over IPv4, and over IPv6 with those over IPv4 that a listener for both accepts.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// Asks the kernel for the connections of a port.
#[derive(Debug)]
pub(super) struct Sockets {
    /// The end of the local address in a row: `:EB35`.
    port: [u8; 5],
    /// The table of the only listener on the port, whose connections are nowhere else. The kernel walks its whole hash table
    /// for each of the two: on a machine with much memory that is a millisecond or two.
    only: Option<usize>,
    table: Vec<u8>,
}

impl Sockets {
    pub(super) fn new(port: u16) -> Self {
        let mut digits = [0; 5];
        digits.copy_from_slice(format!(":{port:04X}").as_bytes());
        Self { port: digits, only: None, table: Vec::new() }
    }

    /// Looks into both tables the next time: another listener may have begun.
    pub(super) fn look_everywhere(&mut self) {
        self.only = None;
    }

    /// Appends a line for each connection of this moment.
    pub(super) fn append_to(&mut self, text: &mut Vec<u8>) -> io::Result<()> {
        let start = text.len();
        if let Some(only) = self.only {
            if self.append_table(only, text)? {
                return Ok(());
            }
            // The listener is gone.
            text.truncate(start);
        }
        let listens = [self.append_table(0, text)?, self.append_table(1, text)?];
        self.only = match listens {
            [true, false] => Some(0),
            [false, true] => Some(1),
            _ => None,
        };
        Ok(())
    }

    /// Appends the connections of one table; whether a listener is in it. A machine without IPv6 has one table.
    fn append_table(&mut self, index: usize, text: &mut Vec<u8>) -> io::Result<bool> {
        self.table.clear();
        match fs::File::open(TABLES[index]) {
            Ok(mut file) => file.read_to_end(&mut self.table)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && index > 0 => return Ok(false),
            Err(error) => return Err(error),
        };
        Ok(append_lines(&self.table, self.port, text))
    }
}

/// Appends a line for each row of a connection; whether a row is that of a listener.
fn append_lines(table: &[u8], port: [u8; 5], text: &mut Vec<u8>) -> bool {
    let mut listens = false;
    for row in table.split(|byte| *byte == b'\n') {
        match parse_row(row, port) {
            // Writing to memory does not fail.
            Some(Row::Connection(socket)) => drop(writeln!(text, "{socket}")),
            Some(Row::Listener) => listens = true,
            None => {}
        }
    }
    listens
}

enum Row {
    Connection(Socket),
    Listener,
}

struct Socket {
    state: &'static str,
    recv_q: u32,
    send_q: u32,
    local: SocketAddr,
    peer: SocketAddr,
}

impl std::fmt::Display for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { state, recv_q, send_q, local, peer } = self;
        write!(f, "{state:<10} {recv_q:<6} {send_q:<6} {local}  {peer}       ")
    }
}

/// A row of the table; `None` where it is of another port, or in a state that `ss` does not show.
fn parse_row(row: &[u8], port: [u8; 5]) -> Option<Row> {
    let mut words = row.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let local = words.nth(1)?;
    if !local.ends_with(&port) {
        return None;
    }
    let peer = words.next()?;
    let state = words.next()?;
    if state == b"0A" {
        return Some(Row::Listener);
    }
    let state = state_name(state)?;
    let queues = std::str::from_utf8(words.next()?).ok()?;
    let (send_q, recv_q) = queues.split_once(':')?;
    Some(Row::Connection(Socket {
        state,
        recv_q: u32::from_str_radix(recv_q, 16).ok()?,
        send_q: u32::from_str_radix(send_q, 16).ok()?,
        local: endpoint(local)?,
        peer: endpoint(peer)?,
    }))
}

/// The names of `ss` for the kernel's states (`include/net/tcp_states.h`).
fn state_name(code: &[u8]) -> Option<&'static str> {
    Some(match code {
        b"01" => "ESTAB",
        b"02" => "SYN-SENT",
        b"04" => "FIN-WAIT-1",
        b"05" => "FIN-WAIT-2",
        b"08" => "CLOSE-WAIT",
        b"09" => "LAST-ACK",
        b"0B" => "CLOSING",
        _ => return None,
    })
}

fn endpoint(word: &[u8]) -> Option<SocketAddr> {
    let (address, port) = std::str::from_utf8(word).ok()?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |index: usize| {
        let digits = address.get(index * 8..index * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    let ip: IpAddr = match address.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let mut bytes = [0; 16];
            for (index, four) in bytes.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&word(index)?);
            }
            Ipv6Addr::from(bytes).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(table: &str, port: u16) -> Vec<String> {
        let mut text = Vec::new();
        append_lines(table.as_bytes(), Sockets::new(port).port, &mut text);
        String::from_utf8(text).unwrap().lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// The kernel writes words in the machine's byte order; these rows are of a little-endian one.
    #[cfg(target_endian = "little")]
    #[test]
    fn rows_of_the_kernel_become_lines_of_ss() {
        let tail = "00:00000000 00000000     0        0 637 1 000000005cc96171 100 0 0 10 0";
        let cases = [
            (
                "14140E0A:EB35 74120E0A:D89A 01 000001B0:00000000",
                "ESTAB      0      432    10.14.20.20:60213  10.14.18.116:55450",
            ),
            (
                "0000000000000000FFFF0000140E0E0A:EB35 0000000000000000FFFF00005513130A:DDB4 04 00000001:00000007",
                "FIN-WAIT-1 7      1      [::ffff:10.14.14.20]:60213  [::ffff:10.19.19.85]:56756",
            ),
            (
                "B80D0120000000000000000001000000:EB35 B80D0120000000000000000002000000:8235 08 00000000:00000000",
                "CLOSE-WAIT 0      0      [2001:db8::1]:60213  [2001:db8::2]:33333",
            ),
            // Listening, waiting, another port, the peer's port, half a row.
            ("00000000:EB35 00000000:0000 0A 00000000:00000000", ""),
            ("14140E0A:EB35 74120E0A:D89A 06 00000000:00000000", ""),
            ("14140E0A:EB36 74120E0A:D89A 01 00000000:00000000", ""),
            ("14140E0A:D89A 74120E0A:EB35 01 00000000:00000000", ""),
            ("14140E0A:EB35 74120E0A", ""),
        ];
        for (row, expected) in cases {
            let table = format!("  sl  local_address rem_address   st tx_queue\n   0: {row} {tail}\n");
            assert_eq!(lines(&table, 60213).join("\n"), expected, "{row}");
        }
    }

    #[test]
    fn a_connection_of_this_process_is_seen() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let _server = listener.accept().unwrap();
        let mut sockets = Sockets::new(listener.local_addr().unwrap().port());
        let mut seen = |only| {
            let mut text = Vec::new();
            sockets.append_to(&mut text).unwrap();
            let text = String::from_utf8(text).unwrap();
            assert_eq!(text.lines().count(), 1, "{text}");
            assert!(text.contains(&format!("  {} ", client.local_addr().unwrap())), "{text}");
            assert_eq!(sockets.only, only);
        };
        seen(Some(0));
        seen(Some(0));
        drop(listener);
        seen(None);
    }
}
