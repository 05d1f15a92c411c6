//! The TCP connections of one local port, asked of the kernel and written as `ss -n -t` prints them.
//!
//! ```text
//! ESTAB      0      432    10.14.14.20:60213  10.14.18.116:55450
//! ```
//!
//! `netlink` is the kernel's short way: asked for one port, it answers with nothing else. `table` is the long one, for a
//! kernel or a sandbox without the short: all sockets of the machine as text. Either way no process is started. Left out is
//! what `ss` leaves out: those that only listen or only wait (TIME-WAIT, SYN-RECV).

mod netlink;
mod table;

use std::io::{self, Write};
use std::net::SocketAddr;

use netlink_packet_sock_diag::constants::{
    TCP_CLOSE_WAIT, TCP_CLOSING, TCP_ESTABLISHED, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_LAST_ACK, TCP_SYN_SENT,
};

/// Asks the kernel for the connections of a port.
#[derive(Debug)]
pub(super) struct Sockets {
    port: u16,
    /// Whether the short way was open at the start. Where it was not, asking again could start a program each time that
    /// looks for a kernel module.
    has_netlink: bool,
    /// What the kernel's answer is read into.
    buffer: Vec<u8>,
}

impl Sockets {
    pub(super) fn new(port: u16) -> Self {
        let mut buffer = Vec::new();
        let has_netlink = netlink::each(port, &mut buffer, |_| {}).is_ok();
        Self { port, has_netlink, buffer }
    }

    /// Appends a line for each connection of this moment.
    pub(super) fn append_to(&mut self, text: &mut Vec<u8>) -> io::Result<()> {
        let start = text.len();
        if self.has_netlink && netlink::each(self.port, &mut self.buffer, |socket| socket.append_to(text)).is_ok() {
            return Ok(());
        }
        text.truncate(start);
        table::each(self.port, &mut self.buffer, |socket| socket.append_to(text))
    }
}

/// A connection.
#[derive(Debug, PartialEq, Eq)]
struct Socket {
    state: &'static str,
    recv_q: u32,
    send_q: u32,
    local: SocketAddr,
    peer: SocketAddr,
}

impl Socket {
    fn append_to(&self, text: &mut Vec<u8>) {
        let Self { state, recv_q, send_q, local, peer } = self;
        // Writing to memory does not fail.
        let _ = writeln!(text, "{state:<10} {recv_q:<6} {send_q:<6} {local}  {peer}       ");
    }
}

/// The states of a connection: the kernel's number (`include/net/tcp_states.h`), and the name that `ss` has for it.
const STATES: [(u8, &str); 7] = [
    (TCP_ESTABLISHED, "ESTAB"),
    (TCP_SYN_SENT, "SYN-SENT"),
    (TCP_FIN_WAIT1, "FIN-WAIT-1"),
    (TCP_FIN_WAIT2, "FIN-WAIT-2"),
    (TCP_CLOSE_WAIT, "CLOSE-WAIT"),
    (TCP_LAST_ACK, "LAST-ACK"),
    (TCP_CLOSING, "CLOSING"),
];

/// The name of a state; `None` where the socket is no connection.
fn state_name(number: u8) -> Option<&'static str> {
    STATES.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;

    /// The ways to the connections of a port, and the two together.
    type Way = fn(u16, &mut Vec<u8>) -> io::Result<()>;
    const WAYS: [(&str, Way); 4] = [
        ("netlink", |port, text| netlink::each(port, &mut Vec::new(), |socket| socket.append_to(text))),
        ("table", |port, text| table::each(port, &mut Vec::new(), |socket| socket.append_to(text))),
        ("both", |port, text| Sockets::new(port).append_to(text)),
        ("without the first", |port, text| Sockets { has_netlink: false, ..Sockets::new(port) }.append_to(text)),
    ];

    fn lines(port: u16, way: Way) -> BTreeSet<String> {
        let mut text = Vec::new();
        way(port, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let lines: BTreeSet<_> = text.lines().map(|line| line.trim_end().to_owned()).collect();
        assert_eq!(lines.len(), text.lines().count(), "each once");
        lines
    }

    /// Each way must tell the same of each kind of address, each state and each queue, and nothing of another port.
    #[test]
    fn connections_of_this_process_are_seen_either_way() {
        for address in ["127.0.0.1:0", "[::1]:0", "[::]:0"] {
            let Ok(listener) = TcpListener::bind(address) else {
                assert!(address.starts_with('['), "a machine without IPv6 has nothing to see of it");
                continue;
            };
            let port = listener.local_addr().unwrap().port();
            let host = if address == "[::1]:0" { "::1" } else { "127.0.0.1" };
            let pairs: Vec<_> = (0..300)
                .map(|_| {
                    let client = TcpStream::connect((host, port)).unwrap();
                    (client, listener.accept().unwrap().0)
                })
                .collect();
            (&pairs[0].0).write_all(b"seven b").unwrap();
            pairs[1].0.shutdown(Shutdown::Write).unwrap();
            pairs[2].1.shutdown(Shutdown::Write).unwrap();
            let shown = |at: SocketAddr| match (host, address) {
                ("127.0.0.1", "[::]:0") => format!("[::ffff:127.0.0.1]:{}", at.port()),
                _ => at.to_string(),
            };
            let expected: BTreeSet<_> = pairs
                .iter()
                .enumerate()
                .map(|(n, (client, _))| {
                    let client = client.local_addr().unwrap();
                    let local = shown(SocketAddr::new(client.ip(), port));
                    let (state, recv_q) = match n {
                        0 => ("ESTAB", 7),
                        1 => ("CLOSE-WAIT", 1),
                        2 => ("FIN-WAIT-2", 0),
                        _ => ("ESTAB", 0),
                    };
                    format!("{state:<10} {recv_q:<6} 0      {local}  {}", shown(client))
                })
                .collect();
            for (name, way) in WAYS {
                let mut seen = lines(port, way);
                // The acknowledgement of an end may be on its way for a moment.
                for _ in 0..500 {
                    if !seen.iter().any(|line| line.starts_with("FIN-WAIT-1")) {
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(10));
                    seen = lines(port, way);
                }
                let differing: Vec<_> = seen.symmetric_difference(&expected).collect();
                assert!(differing.is_empty(), "{name}, {address}: {differing:?}");
            }
        }
    }
}
