//! `show lldp neighbors detail` and `show cdp neighbors detail` (Cisco IOS, IOS XE, NX-OS): what is plugged into a switch.
//!
//! ```text
//! ------------------------------------------------
//! Local Intf: Gi1/0/48
//! Chassis id: 0200.5e00.0101
//! System Name: balard-core
//! System Capabilities: B,R
//! Enabled Capabilities: B,R
//! -------------------------
//! Device ID: SEP02005E000102
//! Platform: Cisco IP Phone 7942,  Capabilities: Host Phone Two-port Mac Relay
//! Interface: GigabitEthernet1/0/7,  Port ID (outgoing port): Port 1
//! ```
//!
//! A record per neighbour, each behind a line of dashes, or begun by its first field. Of it, its port on this switch and what it
//! can do count. LLDP names that by letters (IEEE 802.1AB: B bridge, R router, W access point, T telephone, S station, …), those
//! that are enabled before those that it could; CDP by words. What bridges, routes or repeats and is no telephone is another
//! switch; so is an access point, as there is no outlet behind it.
//!
//! A switch on which the protocol is off, or which refuses the command, tells nothing. A record that a message of the switch's own
//! log breaks is of a switch: a doubtful outlet is worse than none.

use std::sync::LazyLock;

use regex::Regex;

use super::interfaces::{log_message_in, terminal_line};
use crate::model::SwitchPort;
use crate::source::Source;

/// What is plugged into a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// The port of the switch that was asked.
    pub port: SwitchPort,
    /// Whether it leads on, to other machines at other outlets: a switch, a router, an access point.
    pub leads_on: bool,
}

/// A record that is being read.
#[derive(Default)]
struct Record {
    port: Option<SwitchPort>,
    name: bool,
    /// What it could do, then what it does.
    can: Option<bool>,
    does: Option<bool>,
    is_broken: bool,
}

impl Record {
    fn finish(self) -> Option<Neighbour> {
        let leads_on = self.is_broken || self.does.or(self.can).unwrap_or(false);
        Some(Neighbour { port: self.port?, leads_on })
    }
}

/// Reads a switch's answer; `None` where it is no list of neighbours, so that nothing is known of any.
pub fn parse(source: &Source) -> Option<Vec<Neighbour>> {
    let mut neighbours = Vec::new();
    let mut record = Record::default();
    let mut is_list = false;
    for (_, raw) in source.lines() {
        let whole = terminal_line(raw).trim();
        let line = log_message_in(whole).map_or(whole, |at| without_stamp(&whole[..at]));
        let is_broken = line.len() < whole.len() && !line.is_empty();
        if line.starts_with('%') {
            continue;
        }
        is_list |= line.starts_with("Total entries displayed") || line.starts_with("Total cdp entries displayed");
        let is_rule = line.len() >= 8 && line.bytes().all(|byte| byte == b'-');
        // The field that a record begins with, where no rule parts them.
        let begins = (line.starts_with("Local Intf:") || line.starts_with("Device ID:"))
            && (record.port.is_some() || record.name);
        if is_rule || begins {
            neighbours.extend(std::mem::take(&mut record).finish());
        }
        record.is_broken |= is_broken;
        for (field, value) in fields(line) {
            match field {
                "Local Intf" | "Local Port id" | "Interface" => {
                    is_list = true;
                    // A message may have cut it: `Gi1/0/3` of `Gi1/0/36`.
                    record.port = value.parse().ok().filter(|_| !is_broken).or(record.port);
                }
                "Device ID" => record.name = true,
                "System Capabilities" => record.can = capabilities(value),
                "Enabled Capabilities" => record.does = capabilities(value),
                "Capabilities" => record.does = Some(abilities(value)),
                _ => {}
            }
        }
    }
    neighbours.extend(record.finish());
    is_list.then_some(neighbours)
}

/// What stands before a message of the switch's log, without the message's own number and time.
fn without_stamp(text: &str) -> &str {
    static STAMP: LazyLock<Regex> = LazyLock::new(|| {
        let date = r"[*.]?[A-Z][a-z]{2} +\d{1,2} (?:\d{4} )?\d{1,2}:\d\d:\d\d(?:\.\d+)?(?: [A-Z]{2,5})?";
        let since_start = r"\d{2}:\d\d:\d\d|\d+[dwy]\d+[hdw]";
        Regex::new(&format!(r"(?:\d+: ?)?(?:{date}|{since_start}): ?$")).expect("a constant pattern")
    });
    STAMP.find(text).map_or(text, |stamp| &text[..stamp.start()]).trim_end()
}

/// The fields of a line, `Platform: …,  Capabilities: …` among them.
fn fields(line: &str) -> impl Iterator<Item = (&str, &str)> {
    // A comma parts two fields only where another name and a colon follow it: capabilities are parted by commas too.
    let second =
        [", Capabilities:", ",  Capabilities:", ",  Port ID", ", Port ID"].into_iter().find_map(|mark| line.find(mark));
    let (first, rest) = second.map_or((line, ""), |at| (&line[..at], line[at + 1..].trim_start()));
    [first, rest].into_iter().filter_map(|part| {
        let (name, value) = part.split_once(':')?;
        Some((name.trim(), value.trim()))
    })
}

/// Whether letters of LLDP are those of what leads on; `None` where there are none.
fn capabilities(letters: &str) -> Option<bool> {
    let letters: Vec<&str> = letters.split([',', ' ']).filter(|letter| !letter.is_empty()).collect();
    if letters.is_empty() || letters.iter().any(|letter| letter.len() != 1) {
        return None;
    }
    let has = |letter| letters.contains(&letter);
    Some(!has("T") && (has("B") || has("R") || has("W") || has("P")))
}

/// Whether words of CDP are those of what leads on.
fn abilities(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    let has = |word: &str| words.contains(word);
    !has("phone") && (has("switch") || has("router") || has("bridge") || has("repeater"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<String>> {
        let neighbours = parse(&Source::from_bytes("sw", text.as_bytes()))?;
        let line = |one: &Neighbour| format!("{} {}", one.port, if one.leads_on { "on" } else { "end" });
        Some(neighbours.iter().map(line).collect())
    }

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn lldp_tells_switches_from_phones_and_stations() {
        let record = |port: &str, can: &str, does: &str| {
            format!(
                "------------------------------------------------\nLocal Intf: {port}\nChassis id: 0200.5e00.0101\nPort id: Gi0/1\nPort Description: a, Capabilities\nSystem Name: x\n\nTime remaining: 107 seconds\nSystem Capabilities: {can}\nEnabled Capabilities: {does}\nManagement Addresses:\n    IP: 10.0.0.1\n"
            )
        };
        let text = [
            record("Gi1/0/1", "B,T", "B,T"),
            record("Gi1/0/2", "B,R", "B"),
            record("Gi1/0/3", "B,R", "R"),
            record("Gi1/0/4", "B,W,R", "W"),
            record("Gi1/0/5", "S", "S"),
            record("Gi1/0/6", "B,S", "S"),
            record("Gi1/0/7", "B", "not advertised"),
            record("Gi1/0/8", "not advertised", "not advertised"),
        ]
        .concat()
            + "\nTotal entries displayed: 8\nsw#";
        assert_eq!(
            read(&text),
            Some(lines(&[
                "Gi1/0/1 end",
                "Gi1/0/2 on",
                "Gi1/0/3 on",
                "Gi1/0/4 on",
                "Gi1/0/5 end",
                "Gi1/0/6 end",
                "Gi1/0/7 on",
                "Gi1/0/8 end"
            ]))
        );
    }

    #[test]
    fn cdp_tells_them_by_words() {
        let record = |name: &str, abilities: &str, port: &str| {
            format!(
                "-------------------------\nDevice ID: {name}\nEntry address(es): \n  IP address: 10.0.0.1\nPlatform: cisco WS-C2960X,  Capabilities: {abilities} \nInterface: {port},  Port ID (outgoing port): GigabitEthernet1/0/1\nHoldtime : 143 sec\n\nVersion :\nCisco IOS\n"
            )
        };
        let text = record("core.lab", "Switch IGMP", "TenGigabitEthernet1/1/1")
            + &record("SEP0011", "Host Phone Two-port Mac Relay", "GigabitEthernet1/0/7")
            + &record("ap-3", "Trans-Bridge Source-Route-Bridge IGMP", "GigabitEthernet1/0/8")
            + &record("gw", "Router", "GigabitEthernet1/0/9")
            + &record("printer", "Host", "GigabitEthernet1/0/10")
            + &record("nx(ABC)", "Router, Switch, Supports-STP-Dispute", "Ethernet1/12");
        assert_eq!(
            read(&text),
            Some(lines(&["Te1/1/1 on", "Gi1/0/7 end", "Gi1/0/8 on", "Gi1/0/9 on", "Gi1/0/10 end", "Eth1/12 on"]))
        );
    }

    #[test]
    fn a_switch_that_does_not_tell_is_not_one_without_neighbours() {
        for text in [
            "",
            "% LLDP is not enabled\n",
            "% CDP is not enabled",
            "          ^\n% Invalid input detected at '^' marker.\n",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert_eq!(read("\nTotal entries displayed: 0\n"), Some(lines(&[])));
    }

    #[test]
    fn a_record_that_the_switchs_log_breaks_is_of_a_switch_or_of_no_port() {
        let log = "%SW_MATM-4-MACFLAP_NOTIF: Host 0200.5e00.0001 in vlan 513 is flapping between port Gi1/0/1 and port Gi1/0/9";
        let rule = "----------------------------------------\n";
        let text = format!(
            "{rule}Local Intf: Gi1/0/3{log}\n6\nEnabled Capabilities: S\n{rule}Local Intf: Gi1/0/4\nEnabled Cap{log}\nabilities: S\n{rule}Local Intf: Gi1/0/5\n{log}\nEnabled Capabilities: S\n"
        );
        assert_eq!(read(&text), Some(lines(&["Gi1/0/4 on", "Gi1/0/5 end"])));
    }

    #[test]
    fn a_message_on_a_line_of_its_own_breaks_nothing() {
        let log = "%SW_MATM-4-MACFLAP_NOTIF: Host 0200.5e00.0001 in vlan 513 is flapping between port Gi1/0/1 and port Gi1/0/9";
        for stamp in [
            "",
            "*Mar  1 00:12:03: ",
            "Mar  1 2022 00:12:03.123 CET: ",
            "000123: .Mar 12 10:12:03.1: ",
            "00:12:03: ",
            "1w2d: ",
        ] {
            let text = format!("Local Intf: Gi1/0/5\n{stamp}{log}\nEnabled Capabilities: S\n");
            assert_eq!(read(&text), Some(lines(&["Gi1/0/5 end"])), "{stamp}");
        }
    }

    #[test]
    fn records_without_rules_begin_with_their_first_field() {
        let text = "Local Intf: Gi1/0/1\nEnabled Capabilities: B\nLocal Intf: Gi1/0/2\nEnabled Capabilities: S\n";
        assert_eq!(read(text), Some(lines(&["Gi1/0/1 on", "Gi1/0/2 end"])));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "(Local Intf: |Interface: |Capabilities: |%A-1-B: |-{8}|\n|,|Gi1/0/1|B|é){0,30}") {
            let _ = read(&text);
        }
    }
}
