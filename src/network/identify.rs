//! From an address to a machine: name, MAC, VLAN, department. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::directory::{Directory, HostEntry, Zone, machine_name};
use super::resolve::KnownBy;
use super::survey::SwitchLease;
use crate::finding::{Finding, Kind, Place};
use crate::model::{MacAddr, Machine};

/// What is known of an address before its port is looked for.
pub(super) struct Identified {
    pub(super) machine: Machine,
    pub(super) sources: BTreeSet<KnownBy>,
    pub(super) findings: Vec<Finding>,
}

/// Identifies the machine at an address; `names` are the host names that the log gave it, `leases` those of this address.
pub(super) fn identify(
    address: IpAddr,
    names: &BTreeSet<String>,
    directory: &Directory,
    leases: &[SwitchLease],
) -> Identified {
    let mut work = Work { address, names, directory, leases, findings: Vec::new(), sources: BTreeSet::new() };
    let declared = directory.hosts_at(address);
    let host = work.declared_host(&declared);
    let mac = work.mac(host, declared.is_empty());
    // A machine declared without an address, or with others, is known by its MAC.
    let by_mac = host.or_else(|| mac.and_then(|mac| only_name(&directory.hosts_of(mac))));
    let hostname = by_mac.map(|entry| entry.host.name.clone());
    let computer = directory.computer(mac, hostname.as_deref());
    if by_mac.is_some() || !declared.is_empty() {
        work.sources.insert(KnownBy::Dhcp);
    }
    if computer.is_some() {
        work.sources.insert(KnownBy::Computers);
    }
    if let Some(host) = host {
        work.findings.extend(directory.disagreements(host));
    }
    let listed = computer.as_ref().map(|(_, zone)| zone.clone());
    let zone = work.zone(host, &declared, by_mac, listed, mac);
    let machine = Machine {
        hostname: hostname.or_else(|| computer.as_ref().and_then(|(computer, _)| computer.name.clone())),
        mac,
        vlan: zone.vlan,
        department: zone.department,
        information: computer.and_then(|(computer, _)| computer.information.clone()),
        ..Machine::default()
    };
    if work.sources.is_empty() {
        let names = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        work.say(Kind::MachineUnknown, names);
    }
    Identified { machine, sources: work.sources, findings: work.findings }
}

/// Identifies a machine of which only the MAC is known; `leases` are its own.
pub(super) fn identify_mac(mac: MacAddr, directory: &Directory, leases: &[SwitchLease]) -> Identified {
    let declared = directory.hosts_of(mac);
    let host = only_name(&declared);
    let computer = directory.computer(Some(mac), host.map(|entry| entry.host.name.as_str()));
    let mut sources = BTreeSet::new();
    let mut findings = Vec::new();
    if !declared.is_empty() {
        sources.insert(KnownBy::Dhcp);
    }
    if computer.is_some() {
        sources.insert(KnownBy::Computers);
    }
    match host {
        Some(host) => findings.extend(directory.disagreements(host)),
        None if declared.is_empty() => {}
        None => {
            let names: Vec<_> = declared.iter().map(|entry| entry.host.name.as_str()).collect();
            findings.push(Finding::new(Kind::MachineAmbiguous, Place::whole(&mac.to_string()), names.join(" / ")));
        }
    }
    let leased = leases.iter().max_by_key(|seen| seen.lease.expiry);
    let zones = [
        host.map(|entry| entry.zone.clone()),
        computer.as_ref().map(|(_, zone)| zone.clone()),
        leased.map(|seen| directory.zone_of_vlan(seen.lease.vlan)),
    ];
    let zone = zones.into_iter().flatten().find(|zone| zone.vlan.is_some()).unwrap_or_default();
    let hostname = host.map(|entry| entry.host.name.clone());
    let machine = Machine {
        hostname: hostname.or_else(|| computer.as_ref().and_then(|(computer, _)| computer.name.clone())),
        mac: Some(mac),
        vlan: zone.vlan,
        department: zone.department,
        information: computer.and_then(|(computer, _)| computer.information.clone()),
        ..Machine::default()
    };
    Identified { machine, sources, findings }
}

struct Work<'a> {
    address: IpAddr,
    names: &'a BTreeSet<String>,
    directory: &'a Directory,
    leases: &'a [SwitchLease],
    findings: Vec<Finding>,
    sources: BTreeSet<KnownBy>,
}

impl<'a> Work<'a> {
    fn say(&mut self, kind: Kind, detail: impl Into<String>) {
        self.findings.push(Finding::new(kind, Place::whole(&self.address.to_string()), detail));
    }

    /// Which of the hosts declared with this address is there: the only one; else the only one whose MAC holds a lease of
    /// the address; else the only one with a name that the log gave.
    fn declared_host(&mut self, declared: &[&'a HostEntry]) -> Option<&'a HostEntry> {
        let leased =
            |entry: &HostEntry| entry.host.mac.is_some_and(|mac| self.leases.iter().any(|seen| seen.lease.mac == mac));
        let named = |entry: &HostEntry| {
            let own = [Some(&entry.host.name), entry.host.host_name.as_ref()].into_iter().flatten();
            own.map(|name| machine_name(name)).any(|own| self.names.iter().any(|name| machine_name(name) == own))
        };
        let of = |keep: &dyn Fn(&HostEntry) -> bool| {
            let kept: Vec<&'a HostEntry> = declared.iter().copied().filter(|entry| keep(entry)).collect();
            only_machine(&kept)
        };
        let found = only_machine(declared).or_else(|| of(&leased)).or_else(|| of(&named));
        if found.is_none() && !declared.is_empty() {
            let names: Vec<_> = declared.iter().map(|entry| entry.host.name.as_str()).collect();
            self.say(Kind::MachineAmbiguous, names.join(" / "));
            return None;
        }
        // One MAC under several names: the name that the log gave, if it gave one.
        let found = found?;
        let same = declared.iter().copied().filter(|entry| entry.host.mac == found.host.mac);
        Some(same.clone().find(|entry| named(entry)).unwrap_or(found))
    }

    /// The MAC: the DHCP files', else that of the latest lease of the address, else, by the name, Ordinateurs.ods's.
    fn mac(&mut self, host: Option<&HostEntry>, undeclared: bool) -> Option<MacAddr> {
        if let Some(mac) = host.and_then(|entry| entry.host.mac) {
            self.check_leases(mac);
            return Some(mac);
        }
        if host.is_none() && !undeclared {
            return None; // several machines are declared here, and a lease named none of them
        }
        let latest = self.leases.iter().map(|seen| seen.lease.expiry).max();
        let latest = self.leases.iter().filter(|seen| Some(seen.lease.expiry) == latest);
        let macs: BTreeSet<MacAddr> = latest.map(|seen| seen.lease.mac).collect();
        match macs.len() {
            0 => self.mac_by_name(host),
            1 => {
                self.sources.insert(KnownBy::Snooping);
                macs.first().copied()
            }
            _ => {
                let macs: Vec<_> = macs.iter().map(ToString::to_string).collect();
                self.say(Kind::MachineAmbiguous, macs.join(" / "));
                None
            }
        }
    }

    /// Names a lease of the address by another MAC than the declared one: the declaration is followed, as dhcpd gives the
    /// address to no other, and a lease that outlived a replaced machine is common. The other's port is not used.
    fn check_leases(&mut self, mac: MacAddr) {
        let others: BTreeMap<MacAddr, &str> = self
            .leases
            .iter()
            .filter(|seen| seen.lease.mac != mac)
            .map(|seen| (seen.lease.mac, seen.switch.as_str()))
            .collect();
        for (other, switch) in others {
            self.say(Kind::MachineDisputed, format!("{mac} / {other} ({switch})"));
        }
    }

    /// The MAC of the only machine that has a name of this address, if nothing speaks against its being here: another
    /// address of its own in the DHCP files, or another VLAN.
    fn mac_by_name(&mut self, host: Option<&HostEntry>) -> Option<MacAddr> {
        let names: BTreeSet<String> = match host {
            Some(entry) => BTreeSet::from([entry.host.name.clone()]),
            None => self.names.clone(),
        };
        let here = self.directory.subnet_zone(self.address).and_then(|zone| zone.vlan);
        let mut macs = BTreeSet::new();
        for name in &names {
            for computer in self.directory.computers_named(name) {
                let Some(mac) = computer.mac else { continue };
                let zone = self.directory.computer(Some(mac), Some(name)).map(|(_, zone)| zone).unwrap_or_default();
                let elsewhere = self.directory.hosts_of(mac).iter().any(|entry| !entry.host.addresses.is_empty());
                let other_vlan = matches!((here, zone.vlan), (Some(here), Some(listed)) if here != listed);
                if !elsewhere && !other_vlan {
                    macs.insert(mac);
                }
            }
        }
        let mac = macs.first().copied().filter(|_| macs.len() == 1)?;
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        self.say(Kind::MachineByName, format!("{} {mac}", names.join(", ")));
        Some(mac)
    }

    /// The VLAN: the DHCP file's, else Ordinateurs.ods's, else that of the declared subnet around the address, else the
    /// lease's.
    fn zone(
        &mut self,
        host: Option<&HostEntry>,
        declared: &[&HostEntry],
        by_mac: Option<&HostEntry>,
        listed: Option<Zone>,
        mac: Option<MacAddr>,
    ) -> Zone {
        let subnet = self.directory.subnet_zone(self.address).cloned();
        // Machines that dispute an address can still agree on its VLAN.
        let agreed = declared.first().filter(|first| declared.iter().all(|entry| entry.zone == first.zone));
        // A declaration with another address says where the machine is at home, not where it is.
        let at_home = by_mac.filter(|entry| {
            entry.host.addresses.is_empty() && entry.host.subnet.is_none_or(|subnet| subnet.contains(self.address))
        });
        let dhcp = host.or(agreed.copied()).or(at_home).map(|entry| entry.zone.clone());
        let leased = self.leases.iter().filter(|seen| mac.is_none_or(|mac| seen.lease.mac == mac));
        let leased =
            leased.max_by_key(|seen| seen.lease.expiry).map(|seen| self.directory.zone_of_vlan(seen.lease.vlan));
        let known = [dhcp.clone(), listed.clone(), subnet.clone(), leased];
        let zone = known.into_iter().flatten().find(|zone| zone.vlan.is_some()).unwrap_or_default();
        if let (None, Some(listed), Some(subnet)) =
            (dhcp.and_then(|zone| zone.vlan), listed.and_then(|zone| zone.vlan), subnet.and_then(|zone| zone.vlan))
            && listed != subnet
        {
            self.say(Kind::VlanDisagreement, format!("{subnet} / {listed}"));
        }
        if let (Some(vlan), None) = (zone.vlan, &zone.department) {
            self.say(Kind::VlanUnknown, vlan.to_string());
        }
        zone
    }
}

/// The entry, where all of them are one machine by their MAC (or the only one, with or without one).
fn only_machine<'a>(entries: &[&'a HostEntry]) -> Option<&'a HostEntry> {
    let (first, others) = entries.split_first()?;
    let is_one = others.iter().all(|other| other.host.mac.is_some() && other.host.mac == first.host.mac);
    is_one.then_some(*first)
}

/// The entry, where all of them have one name.
fn only_name<'a>(entries: &[&'a HostEntry]) -> Option<&'a HostEntry> {
    let (first, others) = entries.split_first()?;
    let name = machine_name(&first.host.name);
    others.iter().all(|other| machine_name(&other.host.name) == name).then_some(*first)
}
