//! The DHCP files and Ordinateurs.ods, by address, MAC and name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::inputs::{InputError, ReadFile, read_dhcp};
use super::spreadsheet::read_sheet;
use crate::config::{Config, VlanEntry};
use crate::finding::{Finding, Kind, Place};
use crate::model::{MacAddr, Vlan, folded};
use crate::parse::computers::{self, Computer, Sheet, VlanRef};
use crate::parse::dhcpd::{DhcpHost, Prefix, VlanTag};

/// A host of a DHCP file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostEntry {
    /// Its declaration.
    pub host: DhcpHost,
    /// The file that declares it.
    pub source: Arc<str>,
    /// Its VLAN, by the comment above it.
    pub zone: Zone,
}

impl HostEntry {
    /// Where it is declared.
    pub fn place(&self) -> Place {
        Place::line(&self.source, self.host.line)
    }
}

/// A VLAN and its department, as far as `[[vlans]]` tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zone {
    /// The number.
    pub vlan: Option<Vlan>,
    /// The department.
    pub department: Option<String>,
}

/// Both inputs. Reading them is the edge; the lookups are pure.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    hosts: Vec<HostEntry>,
    subnets: Vec<(Prefix, Zone)>,
    computers: Vec<Computer>,
    computer_zones: Vec<Zone>,
    vlans: Vec<VlanEntry>,
    hosts_by_address: BTreeMap<IpAddr, Vec<usize>>,
    hosts_by_mac: BTreeMap<MacAddr, Vec<usize>>,
    computers_by_mac: BTreeMap<MacAddr, Vec<usize>>,
    computers_by_name: BTreeMap<String, Vec<usize>>,
}

impl Directory {
    /// Reads both inputs with all that is wrong in them.
    pub fn read(config: &Config) -> Result<(Self, Vec<Finding>), InputError> {
        let (files, mut findings) = read_dhcp(&config.inputs.dhcp)?;
        let sheet = read_sheet(&config.inputs.computers)?;
        let (directory, more) = Self::new(files, &sheet, &config.vlans);
        findings.extend(more);
        Ok((directory, findings))
    }

    /// The directory of these files, and what is doubled in them.
    pub fn new(files: Vec<ReadFile>, sheet: &Sheet, vlans: &[VlanEntry]) -> (Self, Vec<Finding>) {
        let parsed = computers::parse(sheet);
        let mut directory = Self { vlans: vlans.to_vec(), ..Self::default() };
        for ReadFile { name, file } in files {
            for subnet in file.subnets {
                directory.subnets.push((subnet.prefix, directory.zone_of_tag(subnet.vlan.as_ref())));
            }
            for host in file.hosts {
                let zone = directory.zone_of_tag(host.vlan.as_ref());
                directory.hosts.push(HostEntry { host, source: Arc::clone(&name), zone });
            }
        }
        directory.computer_zones = parsed.items.iter().map(|c| directory.zone_of_ref(c.vlan.as_ref())).collect();
        directory.computers = parsed.items;
        directory.index();
        let mut findings = parsed.findings;
        findings.extend(directory.doubles());
        (directory, findings)
    }

    fn index(&mut self) {
        for (index, entry) in self.hosts.iter().enumerate() {
            for address in entry.host.addresses.iter().collect::<BTreeSet<_>>() {
                self.hosts_by_address.entry(*address).or_default().push(index);
            }
            if let Some(mac) = entry.host.mac {
                self.hosts_by_mac.entry(mac).or_default().push(index);
            }
        }
        for (index, computer) in self.computers.iter().enumerate() {
            if let Some(mac) = computer.mac {
                self.computers_by_mac.entry(mac).or_default().push(index);
            }
            if let Some(name) = &computer.name {
                self.computers_by_name.entry(machine_name(name)).or_default().push(index);
            }
        }
    }

    /// All hosts of the DHCP files, in the order of files and lines.
    pub fn hosts(&self) -> &[HostEntry] {
        &self.hosts
    }

    /// All machines of Ordinateurs.ods, in the order of rows.
    pub fn computers(&self) -> &[Computer] {
        &self.computers
    }

    /// The VLAN of a machine of Ordinateurs.ods, by its index among [`Self::computers`].
    pub fn computer_zone(&self, index: usize) -> Zone {
        self.computer_zones.get(index).cloned().unwrap_or_default()
    }

    /// The hosts with this address.
    pub fn hosts_at(&self, address: IpAddr) -> Vec<&HostEntry> {
        self.pick_hosts(self.hosts_by_address.get(&address))
    }

    /// The DHCP name of an address, where one machine alone has it.
    pub fn name_at(&self, address: IpAddr) -> Option<&str> {
        match self.hosts_at(address).as_slice() {
            [only] => Some(&only.host.name),
            _ => None,
        }
    }

    /// The addresses that one machine alone has, with their DHCP names.
    pub fn names(&self) -> impl Iterator<Item = (IpAddr, &str)> {
        self.hosts_by_address.keys().filter_map(|ip| Some((*ip, self.name_at(*ip)?)))
    }

    /// The hosts with this MAC.
    pub fn hosts_of(&self, mac: MacAddr) -> Vec<&HostEntry> {
        self.pick_hosts(self.hosts_by_mac.get(&mac))
    }

    /// The hosts that are declared or told that they have this name, case and accents folded: the whole name with its domain
    /// where one has it, else the name without.
    pub fn hosts_named(&self, name: &str) -> Vec<&HostEntry> {
        let of = |spell: &dyn Fn(&str) -> String| -> Vec<&HostEntry> {
            let wanted = spell(name);
            let has = |entry: &&HostEntry| {
                [Some(&entry.host.name), entry.host.host_name.as_ref()]
                    .into_iter()
                    .flatten()
                    .any(|own| spell(own) == wanted)
            };
            if wanted.is_empty() { Vec::new() } else { self.hosts.iter().filter(has).collect() }
        };
        let whole = of(&|name| folded(name));
        if whole.is_empty() { of(&|name| machine_name(name)) } else { whole }
    }

    fn pick_hosts(&self, indices: Option<&Vec<usize>>) -> Vec<&HostEntry> {
        indices.into_iter().flatten().map(|&index| &self.hosts[index]).collect()
    }

    /// The row of Ordinateurs.ods that is this machine: by its MAC, else by its name where one row alone has it.
    pub fn computer(&self, mac: Option<MacAddr>, name: Option<&str>) -> Option<(&Computer, Zone)> {
        let by_mac = mac.and_then(|mac| self.computers_by_mac.get(&mac)).map(Vec::as_slice).unwrap_or_default();
        let by_name = name.map(machine_name).and_then(|name| self.computers_by_name.get(&name));
        let by_name = by_name.map(Vec::as_slice).unwrap_or_default();
        let index = match (by_mac, by_name) {
            ([only], _) => *only,
            // One MAC in several rows: the one with the name too, else none is better than another.
            ([_, ..], _) => *by_mac.iter().find(|index| by_name.contains(index))?,
            // A row of that name with another MAC is another machine.
            ([], [only]) if mac.is_none() || self.computers[*only].mac.is_none_or(|m| Some(m) == mac) => *only,
            _ => return None,
        };
        Some((&self.computers[index], self.computer_zone(index)))
    }

    /// The machines of Ordinateurs.ods with this name.
    pub fn computers_named(&self, name: &str) -> Vec<&Computer> {
        let indices = self.computers_by_name.get(&machine_name(name));
        indices.into_iter().flatten().map(|&index| &self.computers[index]).collect()
    }

    /// The VLAN of the smallest subnet of the DHCP files around an address, where its VLAN is known.
    pub fn subnet_zone(&self, address: IpAddr) -> Option<&Zone> {
        let around = self.subnets.iter().filter(|(prefix, zone)| zone.vlan.is_some() && prefix.contains(address));
        around.max_by_key(|(prefix, _)| prefix.length()).map(|(_, zone)| zone)
    }

    /// The addresses of a host that are outside the subnet that it stands in; where it stands in none, outside all of them.
    pub fn outside(&self, host: &DhcpHost) -> Vec<IpAddr> {
        let is_outside = |address: &IpAddr| {
            let mut subnets =
                self.subnets.iter().map(|(prefix, _)| *prefix).filter(|p| p.is_ipv4() == address.is_ipv4());
            match host.subnet.filter(|around| around.is_ipv4() == address.is_ipv4()) {
                Some(around) => !around.contains(*address),
                // Without any subnet in the files there is nothing to be outside of.
                None => subnets.clone().next().is_some() && !subnets.any(|prefix| prefix.contains(*address)),
            }
        };
        host.addresses.iter().copied().filter(is_outside).collect()
    }

    /// The VLAN with this number.
    pub fn zone_of_vlan(&self, vlan: Vlan) -> Zone {
        let entry = self.vlans.iter().find(|entry| entry.id == vlan);
        Zone { vlan: Some(vlan), department: entry.map(|entry| entry.department.clone()) }
    }

    fn zone_of_name(&self, name: &str) -> Zone {
        let name = folded(name);
        let entry = self.vlans.iter().find(|entry| folded(&entry.name) == name);
        entry.map_or_else(Zone::default, |entry| self.zone_of_vlan(entry.id))
    }

    fn zone_of_tag(&self, tag: Option<&VlanTag>) -> Zone {
        let Some(tag) = tag else { return Zone::default() };
        let by_name = tag.name.as_deref().map(|name| self.zone_of_name(name)).unwrap_or_default();
        match tag.number {
            // A number that `[[vlans]]` lacks keeps the department of its name.
            Some(number) => {
                let zone = self.zone_of_vlan(number);
                Zone { department: zone.department.or(by_name.department), ..zone }
            }
            None => by_name,
        }
    }

    fn zone_of_ref(&self, vlan: Option<&VlanRef>) -> Zone {
        match vlan {
            Some(VlanRef::Number(vlan)) => self.zone_of_vlan(*vlan),
            Some(VlanRef::Name(name)) => self.zone_of_name(name),
            None => Zone::default(),
        }
    }

    /// What Ordinateurs.ods says otherwise than this host's declaration: not listed, or another VLAN.
    pub fn disagreements(&self, entry: &HostEntry) -> Vec<Finding> {
        let host = &entry.host;
        let mac = host.mac.map_or_else(|| "-".to_owned(), |mac| mac.to_string());
        match self.computer(host.mac, Some(&host.name)) {
            None => {
                let detail = format!("{} {mac}", host.name);
                vec![Finding::new(Kind::ComputerUnlisted, entry.place(), detail)]
            }
            Some((computer, zone)) => match (entry.zone.vlan, zone.vlan) {
                (Some(dhcp), Some(listed)) if dhcp != listed => {
                    let detail = format!("{} {mac}: {dhcp} / {listed} ({})", host.name, computer.row);
                    vec![Finding::new(Kind::VlanDisagreement, entry.place(), detail)]
                }
                _ => Vec::new(),
            },
        }
    }

    /// What is declared twice in the DHCP files, at the second place.
    fn doubles(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (mac, hosts) in &self.hosts_by_mac {
            findings.extend(self.second_names(Kind::DhcpDuplicateMac, &mac.to_string(), hosts));
        }
        for (address, hosts) in &self.hosts_by_address {
            findings.extend(self.second_names(Kind::DhcpDuplicateAddress, &address.to_string(), hosts));
        }
        let mut by_name: BTreeMap<String, &HostEntry> = BTreeMap::new();
        for entry in self.hosts.iter().filter(|entry| entry.host.mac.is_some()) {
            let first = *by_name.entry(folded(&entry.host.name)).or_insert(entry);
            if first.host.mac == entry.host.mac {
                // In a file of its own it is a machine that may be plugged in elsewhere; in one file dhcpd refuses it.
                if !std::ptr::eq(first, entry) && first.source == entry.source && first.host.name == entry.host.name {
                    let detail = format!("{} ({})", entry.host.name, first.place());
                    findings.push(Finding::new(Kind::DhcpRepeated, entry.place(), detail));
                }
            } else {
                let mac = |entry: &HostEntry| entry.host.mac.map_or_else(String::new, |mac| mac.to_string());
                let detail = format!("{}: {} / {}", entry.host.name, mac(first), mac(entry));
                findings.push(Finding::new(Kind::DhcpDuplicateName, entry.place(), detail));
            }
        }
        findings
    }

    fn second_names(&self, kind: Kind, value: &str, hosts: &[usize]) -> Vec<Finding> {
        let Some((first, others)) = hosts.split_first() else { return Vec::new() };
        let first = &self.hosts[*first];
        let others = others.iter().map(|&index| &self.hosts[index]);
        let others = others.filter(|other| folded(&other.host.name) != folded(&first.host.name));
        let detail =
            |other: &HostEntry| format!("{value}: {} ({}) / {}", first.host.name, first.place(), other.host.name);
        others.map(|other| Finding::new(kind, other.place(), detail(other))).collect()
    }
}

/// A machine's name for comparing: folded, without its domain.
pub(super) fn machine_name(name: &str) -> String {
    let folded = folded(name);
    folded.split_once('.').map_or(folded.as_str(), |(label, _)| label).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::dhcpd;
    use crate::source::Source;

    fn directory(dhcp: &[&str], rows: &[[&str; 3]]) -> (Directory, Vec<Finding>) {
        let file = |(index, text): (usize, &&str)| {
            let source = Source::from_bytes(&format!("{index}.conf"), text.as_bytes());
            ReadFile { name: Arc::clone(source.name()), file: dhcpd::parse(&source).items }
        };
        let files = dhcp.iter().enumerate().map(file).collect();
        let rows = rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect();
        let sheet = Sheet { source: "Ordinateurs.ods".into(), name: "F".into(), start: (0, 0), rows };
        let vlan = |id: i64, name: &str, department: &str| VlanEntry {
            id: id.try_into().unwrap(),
            name: name.to_owned(),
            department: department.to_owned(),
        };
        Directory::new(files, &sheet, &[vlan(513, "ICGM-DPT4-CMNME", "DPT4"), vlan(514, "ICGM-DPT5-CPTM", "DPT5")])
    }

    fn mac(last: u8) -> MacAddr {
        MacAddr::new([2, 0, 0, 0, 0, last])
    }

    #[test]
    fn doubles_over_files_are_named_at_the_second_with_both_names() {
        let (_, findings) = directory(
            &[
                "host A { hardware ethernet 2:0:0:0:0:1; fixed-address 10.0.0.1; }",
                "\nhost B { hardware ethernet 2:0:0:0:0:1; fixed-address 10.0.0.2; }\n\
                 host C { hardware ethernet 2:0:0:0:0:3; fixed-address 10.0.0.1; }\n\
                 host a { hardware ethernet 2:0:0:0:0:1; fixed-address 10.0.1.1; }\n\
                 host c { hardware ethernet 2:0:0:0:0:4; }",
            ],
            &[],
        );
        let shown: Vec<_> = findings.iter().map(|f| format!("{} {} {}", f.kind.name(), f.place, f.detail)).collect();
        assert_eq!(
            shown,
            [
                "dhcp-duplicate-mac 1.conf:2 0200.0000.0001: A (0.conf:1) / B",
                "dhcp-duplicate-address 1.conf:3 10.0.0.1: A (0.conf:1) / C",
                "dhcp-duplicate-name 1.conf:5 c: 0200.0000.0003 / 0200.0000.0004",
            ]
        );
    }

    #[test]
    fn a_computer_is_found_by_mac_then_by_a_name_that_is_its_alone() {
        let rows = [
            ["A", "02:00:00:00:00:01", "513"],
            ["B.univ.example", "", "ICGM-DPT5-CPTM"],
            ["TWICE", "02:00:00:00:00:03", "513"],
            ["TWICE", "02:00:00:00:00:04", "513"],
        ];
        let (directory, _) = directory(&[], &rows);
        let row = |mac, name| directory.computer(mac, name).map(|(c, zone)| (c.row, zone.department.unwrap()));
        assert_eq!(row(Some(mac(1)), Some("other")), Some((1, "DPT4".to_owned())));
        assert_eq!(row(Some(mac(9)), Some("b")), Some((2, "DPT5".to_owned())));
        assert_eq!(row(None, Some("twice")), None);
        assert_eq!(row(Some(mac(4)), Some("TWICE")), Some((4, "DPT4".to_owned())));
        assert_eq!(row(Some(mac(9)), Some("A")), None, "the same name with another MAC is another machine");
    }

    #[test]
    fn a_vlan_is_known_by_number_or_name_and_an_address_by_its_smallest_subnet() {
        let (directory, _) = directory(
            &[
                "#vlan: 513 (whatever)\nsubnet 10.0.0.0 netmask 255.255.0.0 { }",
                "#vlan: (icgm-dpt5-cptm)\nsubnet 10.0.1.0 netmask 255.255.255.0 { }",
                "#vlan: 600 (ICGM-DPT5-CPTM)\nhost A { }",
            ],
            &[],
        );
        let department = |ip: &str| directory.subnet_zone(ip.parse().unwrap()).and_then(|z| z.department.clone());
        assert_eq!(department("10.0.0.1").as_deref(), Some("DPT4"));
        assert_eq!(department("10.0.1.1").as_deref(), Some("DPT5"));
        assert_eq!(department("192.168.0.1"), None);
        let zone = &directory.hosts()[0].zone;
        assert_eq!((zone.vlan.unwrap().number(), zone.department.as_deref()), (600, Some("DPT5")));
    }

    #[test]
    fn what_ordinateurs_says_otherwise_is_a_finding() {
        let dhcp =
            "#vlan: 513 (X)\nhost A { hardware ethernet 2:0:0:0:0:1; }\nhost B { hardware ethernet 2:0:0:0:0:2; }";
        let (directory, _) = directory(&[dhcp], &[["A", "02:00:00:00:00:01", "514"]]);
        let kinds: Vec<_> =
            directory.hosts().iter().flat_map(|entry| directory.disagreements(entry)).map(|f| f.kind).collect();
        assert_eq!(kinds, [Kind::VlanDisagreement, Kind::ComputerUnlisted]);
    }
}
