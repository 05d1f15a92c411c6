//! The DHCP snooping database of a switch (Cisco IOS `ip dhcp snooping database tftp://…`), version 1.
//!
//! ```text
//! 3ebe1518
//! TYPE DHCP-SNOOPING
//! VERSION 1
//! BEGIN
//! 10.14.18.145 513 90b1.1ca3.3575 61B8E2A0 Gi1/0/36 e5e1e733
//! END
//! ```
//!
//! Between `BEGIN` and `END` a lease per line: address, VLAN, MAC, expiry (hexadecimal Unix seconds), interface, checksum;
//! padded with spaces or not. Ignored: the checksums, as the switch alone can say what they are over, and the expiry as
//! a reason to drop a lease, as a switch whose clock was never set writes expiries of 1993.

use std::net::IpAddr;

use chrono::{DateTime, Utc};

use crate::finding::{Finding, Kind, Parsed, excerpt};
use crate::model::{MacAddr, SwitchPort, Vlan};
use crate::source::Source;

/// A lease that a switch saw, and the port that it saw it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The address that was leased.
    pub ip: IpAddr,
    /// The VLAN of the port.
    pub vlan: Vlan,
    /// The machine.
    pub mac: MacAddr,
    /// When the lease ends, by the switch's own clock.
    pub expiry: DateTime<Utc>,
    /// The switch's port.
    pub port: SwitchPort,
    /// The line in the file, from 1.
    pub line: u32,
}

impl Lease {
    /// Whether its end says when the machine was there: one without an end, or of a switch whose clock was never set (it counts
    /// from 1993), does not.
    pub fn is_dated(&self) -> bool {
        self.expiry.timestamp() >= CLOCK_SET && !self.is_endless()
    }

    /// Whether it has no end.
    pub fn is_endless(&self) -> bool {
        self.expiry.timestamp() >= NO_END
    }
}

/// 1 January 2000: no clock that was set is before it.
const CLOCK_SET: i64 = 946_684_800;
/// What a lease without an end has, eight `F`.
const NO_END: i64 = 0xFFFF_FFFF;

/// Reads one switch's file; an empty one is a switch that has no leases.
pub fn parse(source: &Source) -> Parsed<Vec<Lease>> {
    let mut leases = Vec::new();
    let mut findings = Vec::new();
    let last = source.lines().filter(|(_, line)| !line.trim().is_empty()).last();
    let whole = last.is_none_or(|(_, line)| line.trim() == "END");
    for (number, line) in source.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if is_frame(&fields) {
            continue;
        }
        // The last line of a file without END may be cut anywhere: `Gi1/0/3` may have been `Gi1/0/36`.
        let is_cut = !whole && fields.len() < 6 && last.is_some_and(|(last, _)| last == number);
        match lease(&fields, number) {
            Some(lease) if !is_cut => leases.push(lease),
            _ if is_cut => {}
            _ => findings.push(Finding::unreadable(source.at(number), line)),
        }
    }
    if let Some((number, line)) = last.filter(|_| !whole) {
        findings.push(Finding::new(Kind::TruncatedFile, source.at(number), excerpt(line)));
    }
    Parsed { items: leases, findings }
}

/// A line of the file's frame: nothing, a checksum, `TYPE …`, `VERSION …`, `BEGIN`, `END`.
fn is_frame(fields: &[&str]) -> bool {
    match fields {
        [] | ["BEGIN" | "END"] | ["TYPE" | "VERSION", _] => true,
        [sum] => sum.bytes().all(|b| b.is_ascii_hexdigit()),
        _ => false,
    }
}

fn lease(fields: &[&str], line: u32) -> Option<Lease> {
    let [ip, vlan, mac, expiry, port, ref sum @ ..] = *fields else { return None };
    (sum.len() <= 1).then_some(())?;
    let seconds = i64::from_str_radix(expiry, 16).ok()?;
    Some(Lease {
        ip: ip.parse().ok()?,
        vlan: vlan.parse().ok()?,
        mac: mac.parse().ok()?,
        expiry: DateTime::from_timestamp(seconds, 0)?,
        port: port.parse().ok()?,
        line,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "3ebe1518\nTYPE DHCP-SNOOPING\nVERSION 1\nBEGIN\n";

    fn read(text: &str) -> Parsed<Vec<Lease>> {
        parse(&Source::from_bytes("balard-1D-1", text.as_bytes()))
    }

    fn shown(lease: &Lease) -> String {
        format!("{} {} {} {} {}", lease.ip, lease.vlan, lease.mac, lease.expiry.timestamp(), lease.port)
    }

    #[test]
    fn a_lease_is_read_padded_or_not_and_whatever_its_expiry() {
        for (line, expected) in [
            (
                "10.14.18.145 513 0200.5e00.0001 61B8E2A0 Gi1/0/36 e5e1e733",
                "10.14.18.145 513 0200.5e00.0001 1639506592 Gi1/0/36",
            ),
            (
                "  10.14.18.145    1   0200.5e00.0001   2BB6488E   Te1/0/1   21ae5fbb ",
                "10.14.18.145 1 0200.5e00.0001 733366414 Te1/0/1",
            ),
            (
                "10.14.18.145\t4094\t02:00:5e:00:00:01\tFFFFFFFF\tPo1\te5e1e733",
                "10.14.18.145 4094 0200.5e00.0001 4294967295 Po1",
            ),
            ("10.14.18.145 513 0200.5e00.0001 61B8E2A0 Gi1/1", "10.14.18.145 513 0200.5e00.0001 1639506592 Gi1/1"),
        ] {
            for text in [format!("{HEAD}{line}\nEND\n"), format!("{HEAD}{line}\nEND").replace('\n', "\r\n")] {
                let file = read(&text);
                assert_eq!(file.items.iter().map(shown).collect::<Vec<_>>(), [expected], "{line}");
                assert_eq!((file.items[0].line, file.findings.len()), (5, 0), "{line}");
            }
        }
    }

    #[test]
    fn an_empty_file_is_a_switch_without_leases() {
        for text in ["", "\n", &format!("{HEAD}END\n")] {
            assert_eq!(read(text), Parsed { items: vec![], findings: vec![] }, "{text}");
        }
    }

    #[test]
    fn a_file_without_end_is_named_and_its_cut_line_gives_no_wrong_port() {
        let first = "10.14.18.1 513 0200.5e00.0001 61B8E2A0 Gi1/0/1 e5e1e733\n";
        for (last, leases) in [
            ("10.14.18.2 513 0200.5e00.0002 61B8E2A0 Gi1/0/3", 1),
            ("10.14.18.2 513 0200.5e", 1),
            ("10.14.18.2 513 0200.5e00.0002 61B8E2A0 Gi1/0/36 e5", 2),
            ("E", 1),
            ("", 1),
        ] {
            let file = read(&format!("{HEAD}{first}{last}"));
            assert_eq!(file.items.len(), leases, "{last}");
            let kinds: Vec<_> = file.findings.iter().map(|f| f.kind).collect();
            assert_eq!(kinds, [Kind::TruncatedFile], "{last}");
        }
    }

    #[test]
    fn a_line_that_is_no_lease_is_named_and_the_others_stay() {
        for bad in [
            "10.14.18.300 513 0200.5e00.0001 61B8E2A0 Gi1/0/36 e5e1e733",
            "10.14.18.145 5130 0200.5e00.0001 61B8E2A0 Gi1/0/36 e5e1e733",
            "10.14.18.145 513 0200.5e00 61B8E2A0 Gi1/0/36 e5e1e733",
            "10.14.18.145 513 0200.5e00.0001 xyz Gi1/0/36 e5e1e733",
            "10.14.18.145 513 0200.5e00.0001 FFFFFFFFFFFFFFFFF Gi1/0/36 e5e1e733",
            "10.14.18.145 513 0200.5e00.0001 61B8E2A0 1/0/36 e5e1e733",
            "10.14.18.145 513 0200.5e00.0001 61B8E2A0 Gi1/0/36 e5e1e733 and more",
            "<html>not found</html>",
        ] {
            let good = "10.14.18.2 513 0200.5e00.0002 61B8E2A0 Gi1/0/2 e5e1e733";
            let file = read(&format!("{HEAD}{bad}\n{good}\nEND\n"));
            assert_eq!(file.items.len(), 1, "{bad}");
            assert_eq!(
                file.findings,
                [Finding::unreadable(Source::from_bytes("balard-1D-1", b"").at(5), bad)],
                "{bad}"
            );
        }
    }

    proptest! {
        #[test]
        fn never_panics_on_any_text(text in "[\\x00-\\x7fé]{0,200}") {
            read(&text);
            read(&format!("{HEAD}{text}"));
        }
    }
}
