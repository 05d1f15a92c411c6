//! All sockets of the machine, as the kernel writes them into a file (proc(5)):
//!
//! ```text
//!   1: 14140E0A:EB35 74120E0A:D89A 01 000001B0:00000000 01:00000017 …       /proc/net/tcp
//! ```
//!
//! A row is `sl local remote state tx_queue:rx_queue …`, all in hexadecimal, addresses as 32-bit words in the machine's
//! byte order. On a machine with much memory the kernel takes some milliseconds for it, however few there are.

use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use fs_err as fs;

use super::{Socket, state_name};

/// Where the kernel lists TCP sockets over IPv4, and over IPv6 with those over IPv4 that a listener for both accepts.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// Tells of each connection of a port.
pub(super) fn each(port: u16, buffer: &mut Vec<u8>, mut found: impl FnMut(Socket)) -> io::Result<()> {
    for (index, path) in TABLES.iter().enumerate() {
        buffer.clear();
        match fs::File::open(path) {
            Ok(mut file) => file.read_to_end(buffer)?,
            // A machine without IPv6 has one table.
            Err(error) if error.kind() == io::ErrorKind::NotFound && index > 0 => continue,
            Err(error) => return Err(error),
        };
        buffer.split(|byte| *byte == b'\n').filter_map(|row| parse_row(row, port)).for_each(&mut found);
    }
    Ok(())
}

/// A row of the table; `None` where it is of another port, or of no connection.
fn parse_row(row: &[u8], port: u16) -> Option<Socket> {
    let mut words = std::str::from_utf8(row).ok()?.split_ascii_whitespace().skip(1);
    let local = endpoint(words.next()?)?;
    if local.port() != port {
        return None;
    }
    let peer = endpoint(words.next()?)?;
    let state = state_name(u8::from_str_radix(words.next()?, 16).ok()?)?;
    let (send_q, recv_q) = words.next()?.split_once(':')?;
    let number = |digits| u32::from_str_radix(digits, 16).ok();
    Some(Socket { state, recv_q: number(recv_q)?, send_q: number(send_q)?, local, peer })
}

fn endpoint(word: &str) -> Option<SocketAddr> {
    let (address, port) = word.split_once(':')?;
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

    /// The kernel writes words in the machine's byte order; these rows are of a little-endian one.
    #[cfg(target_endian = "little")]
    #[test]
    fn rows_of_the_kernel_become_lines_of_ss() {
        let tail = "00:00000000 00000000     0        0 637 1 000000005cc96171 100 0 0 10 0";
        let cases = [
            (
                "14140E0A:EB35 74120E0A:D89A 01 000001B0:00000000",
                "ESTAB      0      432    10.14.20.20:60213  10.14.18.116:55450       \n",
            ),
            (
                "0000000000000000FFFF0000140E0E0A:EB35 0000000000000000FFFF00005513130A:DDB4 04 00000001:00000007",
                "FIN-WAIT-1 7      1      [::ffff:10.14.14.20]:60213  [::ffff:10.19.19.85]:56756       \n",
            ),
            (
                "B80D0120000000000000000001000000:EB35 B80D0120000000000000000002000000:8235 08 00000000:00000000",
                "CLOSE-WAIT 0      0      [2001:db8::1]:60213  [2001:db8::2]:33333       \n",
            ),
            // Listening, waiting, another port, the peer's port, half a row, no row.
            ("00000000:EB35 00000000:0000 0A 00000000:00000000", ""),
            ("14140E0A:EB35 74120E0A:D89A 06 00000000:00000000", ""),
            ("14140E0A:EB36 74120E0A:D89A 01 00000000:00000000", ""),
            ("14140E0A:D89A 74120E0A:EB35 01 00000000:00000000", ""),
            ("14140E0A:EB35 74120E0A", ""),
            ("local_address rem_address   st tx_queue", ""),
        ];
        for (row, expected) in cases {
            let mut text = Vec::new();
            if let Some(socket) = parse_row(format!("   0: {row} {tail}").as_bytes(), 60213) {
                socket.append_to(&mut text);
            }
            assert_eq!(String::from_utf8(text).unwrap(), expected, "{row}");
        }
    }
}
