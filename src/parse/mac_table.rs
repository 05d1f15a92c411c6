//! `show mac address-table`, `show mac-address-table` (Cisco IOS, IOS XE, NX-OS).
//!
//! One reader for all layouts, as each row says by itself what it is: it holds one MAC address; the VLAN is the word before
//! it (or, where the address comes first, the number behind it); a word with `dynamic` in it says that it was learned; what
//! reads as an interface is the port.
//!
//! ```text
//!  513    90b1.1ca3.3575    DYNAMIC     Gi1/0/36                           2960, 3560, 3750, 9200: Vlan Mac Type Ports
//! *  513  90b1.1ca3.3575   dynamic  Yes        190   Gi9/16                6500, also per line card; R: the router's own
//!  513      90b1.1ca3.3575   dynamic ip,ipx,assigned,other Port-channel1   4500: protocols, then a multicast section
//! 90b1.1ca3.3575       Dynamic        513  FastEthernet0/12               2900XL, 3500XL, 2950 and router modules
//! * 513      90b1.1ca3.3575   dynamic  0         F      F    Eth1/12        Nexus
//!    1       90:b1:1c:a3:35:75   gi1     dynamic                            Small Business
//! ```
//!
//! Ignored: rows whose port is no interface (`CPU`, `Router`, `Switch`, `Drop`), multicast sections, headers, legends, counts.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::interfaces::{NoTable, is_around_a_table, log_message_in, terminal_line};
use crate::finding::{Finding, Parsed};
use crate::model::{MacAddr, SwitchPort, Vlan};
use crate::source::Source;

/// A MAC address on a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MacEntry {
    /// The VLAN; `None` for `All` and where the switch names none.
    pub vlan: Option<Vlan>,
    /// The machine.
    pub mac: MacAddr,
    /// The port that it is behind.
    pub port: SwitchPort,
    /// How the switch knows.
    pub kind: EntryKind,
}

/// How a switch knows that an address is on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// It saw a frame from there within the last minutes.
    Dynamic,
    /// It was told, by an administrator or by port security.
    Static,
}

/// Reads a switch's answer; one with neither a row nor a header is an error. A row that names several ports gives an entry
/// for each; rows that several line cards repeat give one.
pub fn parse(source: &Source) -> Result<Parsed<Vec<MacEntry>>, NoTable> {
    let mut reader = Reader::default();
    let mut findings = Vec::new();
    for (number, raw) in source.lines() {
        if !reader.read(terminal_line(raw)) {
            findings.push(Finding::unreadable(source.at(number), raw));
        }
    }
    if !reader.seen_table {
        return Err(NoTable::new("show mac address-table", source));
    }
    Ok(Parsed { items: reader.entries, findings })
}

#[derive(Default)]
struct Reader {
    entries: Vec<MacEntry>,
    known: HashSet<MacEntry>,
    /// The row that a line of further ports continues.
    row: Option<(Option<Vlan>, MacAddr, EntryKind)>,
    in_multicast: bool,
    seen_table: bool,
}

impl Reader {
    /// Whether the line is understood.
    fn read(&mut self, line: &str) -> bool {
        if let Some(at) = log_message_in(line) {
            self.row = None;
            // A row that it was written into lacks its end.
            return !line[..at].split_whitespace().any(is_mac);
        }
        let lower = line.trim().to_ascii_lowercase();
        if lower.starts_with("multicast entries") {
            self.in_multicast = true;
        } else if lower.starts_with("unicast entries") || lower.starts_with("displaying entries") {
            self.in_multicast = false;
        }
        if lower.contains("vlan") && lower.contains("address") && !lower.contains("show ") {
            self.seen_table = true;
            self.row = None;
            return true;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(at) = words.iter().position(|word| is_mac(word)) else { return self.read_other(line, &words) };
        let Ok(mac) = words[at].parse() else { return false };
        self.seen_table = true;
        let (before, behind) = (&words[..at], &words[at + 1..]);
        let is_learned = behind.iter().any(|word| word.to_ascii_lowercase().contains("dynamic"));
        let kind = if is_learned { EntryKind::Dynamic } else { EntryKind::Static };
        let vlan_word = if before.is_empty() { behind.get(1) } else { before.last() };
        self.row = Some((vlan_word.and_then(|word| word.parse().ok()), mac, kind));
        self.keep(behind);
        true
    }

    /// A line without an address.
    fn read_other(&mut self, line: &str, words: &[&str]) -> bool {
        if self.row.is_some() && is_port_list(words) {
            self.keep(words);
            return true;
        }
        self.row = None;
        is_around_a_table(line) || line.contains(':') || !self.seen_table || !is_broken_row(line)
    }

    fn keep(&mut self, words: &[&str]) {
        let Some((vlan, mac, kind)) = self.row.filter(|_| !self.in_multicast) else { return };
        for port in words.iter().flat_map(|word| word.split(',')).filter_map(|word| word.parse().ok()) {
            let entry = MacEntry { vlan, mac, port, kind };
            if self.known.insert(entry.clone()) {
                self.entries.push(entry);
            }
        }
    }
}

/// A row whose address cannot be read still begins with a VLAN, or says how it was learned.
fn is_broken_row(line: &str) -> bool {
    static BROKEN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)^[*+RSDGO\s]*(\d{1,4}|All)\s+\S|\s(dynamic|static)\s").expect("a constant pattern")
    });
    BROKEN.is_match(line)
}

fn is_mac(word: &str) -> bool {
    static MAC: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)^([0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}|([0-9a-f]{2}[:-]){5}[0-9a-f]{2})$")
            .expect("a constant pattern")
    });
    MAC.is_match(word)
}

/// A line of further ports: `Gi7/15,Te5/1`, `Stby-Switch`.
fn is_port_list(words: &[&str]) -> bool {
    let mut names = words.iter().flat_map(|word| word.split(',')).filter(|name| !name.is_empty()).peekable();
    names.peek().is_some()
        && names.all(|name| {
            name.parse::<SwitchPort>().is_ok() || matches!(name, "Switch" | "Stby-Switch" | "Router" | "CPU" | "Drop")
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Parsed<Vec<MacEntry>>, NoTable> {
        parse(&Source::from_bytes("Balard-1D-1", text.as_bytes()))
    }

    fn rows(text: &str) -> Vec<String> {
        let answer = read(text).unwrap();
        assert_eq!(answer.findings, [], "{text}");
        let shown = |e: &MacEntry| {
            let vlan = e.vlan.map_or_else(|| "-".to_owned(), |v| v.to_string());
            format!("{vlan} {} {} {:?}", e.mac, e.port, e.kind)
        };
        answer.items.iter().map(shown).collect()
    }

    #[test]
    fn access_switches_of_the_2960_to_9200_families() {
        let text = "          Mac Address Table\n-------------------------------------------\n\n\
                    Vlan    Mac Address       Type        Ports\n----    -----------       --------    -----\n \
                    All    0100.0ccc.cccc    STATIC      CPU\n All    ffff.ffff.ffff    STATIC      CPU\n \
                    513    0200.5e00.0001    DYNAMIC     Gi1/0/36\n   1    0200.5e00.0002    DYNAMIC     Po1\n\
                    1999    0200.5e00.0003    STATIC      Gi1/0/7 \n   1    0200.5e00.0004    STATIC      Vl1 \n\
                    Total Mac Addresses for this criterion: 6\n 513    0200.5e00.0005    DYNAMIC     Te1/1/1";
        let expected = [
            "513 0200.5e00.0001 Gi1/0/36 Dynamic",
            "1 0200.5e00.0002 Po1 Dynamic",
            "1999 0200.5e00.0003 Gi1/0/7 Static",
            "1 0200.5e00.0004 Vl1 Static",
            "513 0200.5e00.0005 Te1/1/1 Dynamic",
        ];
        assert_eq!(rows(text), expected);
        assert_eq!(rows(&text.replace('\n', "\r\n")), expected);
    }

    #[test]
    fn a_message_of_the_switchs_own_log_is_no_row_and_a_row_that_it_breaks_is_none() {
        const HEAD: &str = "Vlan    Mac Address       Type        Ports\n";
        let (first, second) =
            ("  71    0207.0000.000a    DYNAMIC     Gi1/0/1\n", "  71    0207.0000.000c    DYNAMIC     Gi1/0/3\n");
        for message in [
            "*Mar  7 09:01:02.003: %SW_MATM-4-MACFLAP_NOTIF: Host 0207.0000.000a in vlan 71 is flapping between port Gi1/0/1 and port Gi1/0/9",
            "Mar  7 09:01:02: %C4K_EBM-4-HOSTFLAPPING: Host 02:07:00:00:00:0A in vlan 71 is flapping between port Gi1/0/9 and port Gi1/0/1",
            "2023 Mar  7 09:01:02 Sw-1 %L2FM-4-L2FM_MAC_MOVE: Mac 0207.0000.000a in vlan 71 has moved from Gi1/0/9 to Gi1/0/1",
            "000123: Mar  7 09:01:02: %MAB-5-FAIL: Authentication failed for client 0207.0000.000a on Interface Gi1/0/9",
            "%PORT_SECURITY-2-PSECURE_VIOLATION: caused by MAC address 0207.0000.000a on port GigabitEthernet1/0/9",
        ] {
            let expected = ["71 0207.0000.000a Gi1/0/1 Dynamic", "71 0207.0000.000c Gi1/0/3 Dynamic"];
            assert_eq!(rows(&format!("{HEAD}{first}{message}\n{second}")), expected, "{message}");
            assert_eq!(rows(&format!("{HEAD}{first}{second}{message}\n")), expected, "{message}");
            // Written into a row: neither its own port, nor that of the message, nor what follows on the next line.
            let broken = format!("{HEAD}  71    0207.0000.000a    DYNAMIC   {message}\n  Gi1/0/1\n{second}");
            let answer = read(&broken).unwrap();
            assert_eq!(answer.items.len(), 1, "{message}");
            assert_eq!(answer.findings.len(), 1, "{message}");
        }
    }

    #[test]
    fn core_switches_of_the_6500_family_with_port_lists_over_lines() {
        let text = "Legend: * - primary entry\n        age - seconds since last seen\n        n/a - not available\n\n  \
                    vlan   mac address     type    learn     age              ports\n\
                    ------+----------------+--------+-----+----------+--------------------------\n   \
                    666  0200.5e00.0001   dynamic  Yes       1200   Te1/30\n\
                    *  777  0200.5e00.0002    static  No           -   Router\n\
                    *  345  3333.0000.000d    static  Yes          -   Gi1/3,Gi1/6\n\
                    \x20                                                  Gi1/48,Router,Switch\n\
                    \x20                                                  Stby-Switch\n\
                    *  ---  0000.0000.0000    static  No           -   Router\n\
                    *  800  0100.5e7f.4653    static  Yes          -   \n\
                    *  300  0200.5e00.0003   dynamic  Yes        190   Gi9/16\n";
        assert_eq!(
            rows(text),
            [
                "666 0200.5e00.0001 Te1/30 Dynamic",
                "345 3333.0000.000d Gi1/3 Static",
                "345 3333.0000.000d Gi1/6 Static",
                "345 3333.0000.000d Gi1/48 Static",
                "300 0200.5e00.0003 Gi9/16 Dynamic",
            ]
        );
    }

    #[test]
    fn a_table_per_line_card_gives_each_entry_once() {
        let text = "Displaying entries from DFC switch [1] linecard [1]:\n\n     vlan   mac address    type   learn    age                 ports\n\
                    ----+----+---------------+-------+-----+----------+-----------------------------\n      \
                    420 0200.5e00.0001  dynamic  Yes      160     Gi1/4/2\n\n\n\
                    Displaying entries from active supervisor: Earl [2]:\n\n      vlan   mac address    type   learn    age                 ports\n\
                    -----+----+---------------+-------+-----+----------+-----------------------------\n\
                    *     420 0200.5e00.0001  dynamic  Yes        5     Gi1/4/2\n * R     51 0200.5e00.0002   static   No       -      Router\n   \
                    S     67 0200.5e00.0003   static   No       -      Te1/5/11\n";
        assert_eq!(rows(text), ["420 0200.5e00.0001 Gi1/4/2 Dynamic", "67 0200.5e00.0003 Te1/5/11 Static"]);
    }

    #[test]
    fn the_4500_family_with_protocols_and_a_multicast_section() {
        let text = "Unicast Entries\n vlan     mac address     type        protocols               port\n\
                    ---------+---------------+--------+---------------------+-------------------------\n  \
                    46      0200.5e00.0001   dynamic ip,ipx,assigned,other GigabitEthernet7/13        \n  \
                    48      0200.5e00.0002    static ip,ipx,assigned,other Switch\n\
                    2062      0200.5e00.0003   dynamic ip,ipx,assigned,other Port-channel6\n\n\
                    Multicast Entries\n vlan     mac address     type    ports\n\
                    ---------+---------------+-------+--------------------------------------------\n  \
                    46      ffff.ffff.ffff   system Gi1/13,Gi1/14\n                                  Gi7/15,Te5/1\n\
                    Gi1/48    ffff.ffff.ffff   system Gi1/48,Switch\n";
        assert_eq!(rows(text), ["46 0200.5e00.0001 Gi7/13 Dynamic", "2062 0200.5e00.0003 Po6 Dynamic"]);
    }

    #[test]
    fn old_switches_that_write_the_address_first() {
        let text = "Dynamic Address Count:                 2\nSecure Address Count:                  0\n\
                    Maximum MAC addresses:              8192\nNon-static Address Table:\n\
                    Destination Address  Address Type  VLAN  Destination Port\n\
                    -------------------  ------------  ----  --------------------\n\
                    0200.5e00.0001       Dynamic        12  FastEthernet0/12\n\
                    0200.5e00.0002       Secure        513  GigabitEthernet0/1\n0200.5e00.0003\t\tSelf\t      1\t    Vlan1\n";
        assert_eq!(
            rows(text),
            ["12 0200.5e00.0001 Fa0/12 Dynamic", "513 0200.5e00.0002 Gi0/1 Static", "1 0200.5e00.0003 Vl1 Static",]
        );
    }

    #[test]
    fn nexus_and_small_business_switches() {
        let text = "Legend: \n        * - primary entry, G - Gateway MAC, (R) - Routed MAC, O - Overlay MAC\n        \
                    age - seconds since last seen,+ - primary entry using vPC Peer-Link,\n        (T) - True, (F) - False\n     \
                    VLAN       MAC Address       Type     age    Secure  NTFY     Ports\n\
                    ------------+-----------------+----------+-------+------+------+------------------\n\
                    G    100      0200.5e00.0009     static     -        F      F    sup-eth1(R)\n\
                    *    513      0200.5e00.0001     dynamic    0        F      F    Eth1/12\n\
                    +    513      0200.5e00.0002     dynamic    ~~~      F      F    vPC Peer-Link\n";
        assert_eq!(rows(text), ["513 0200.5e00.0001 Eth1/12 Dynamic"]);
        let small = "Flags: I - Internal usage VLAN\nAging time is 300 sec\n\n    Vlan        Mac Address         Port       Type    \n\
                     ------------ --------------------- ---------- ---------- \n     1       02:00:5e:00:00:01    gi1      dynamic  \n";
        assert_eq!(rows(small), ["1 0200.5e00.0001 Gi1 Dynamic"]);
    }

    #[test]
    fn a_pager_an_echo_and_a_prompt_are_no_rows() {
        let text = "Balard-1D-1#show mac address-table\nVlan    Mac Address       Type        Ports\n \
                    513    0200.5e00.0001    DYNAMIC     Gi1/0/36\n --More-- \u{8}\u{8}\u{8}         \u{8}\u{8}\u{8} \
                    513    0200.5e00.0002    DYNAMIC     Gi1/0/37\n\nBalard-1D-1#";
        assert_eq!(rows(text), ["513 0200.5e00.0001 Gi1/0/36 Dynamic", "513 0200.5e00.0002 Gi1/0/37 Dynamic"]);
    }

    #[test]
    fn a_broken_row_is_named_and_the_others_stay() {
        let text = "Vlan    Mac Address       Type        Ports\n 513    0200.5e00         DYNAMIC     Gi1/0/36\n \
                    513    0200.5e00.0002    DYNAMIC     Gi1/0/37\n";
        let answer = read(text).unwrap();
        assert_eq!((answer.items.len(), answer.findings[0].place.to_string().as_str()), (1, "Balard-1D-1:2"));
    }

    #[test]
    fn an_empty_table_is_no_error_and_a_refused_command_is() {
        assert_eq!(rows("Vlan    Mac Address       Type        Ports\n"), Vec::<String>::new());
        for text in ["", "          ^\n% Invalid input detected at '^' marker.\n", "Permission denied"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_on_any_text(text in ".{0,200}") {
            let _ = read(&text);
            let _ = read(&format!(" 1 0200.5e00.0001 {text}\n{text}"));
        }
    }
}
