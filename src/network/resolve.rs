//! From addresses to machines, ports and outlets.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::directory::Directory;
use super::identify::{Identified, identify};
use super::locate::{self, Tables};
use super::remote::Remote;
use super::survey::{self, Answers, Heard, Leases, Progress, SwitchLease};
use crate::config::Config;
use crate::finding::{Finding, Gap, Kind, Place};
use crate::model::{MacAddr, Machine};
use crate::parse::interfaces::{default_outlet_pattern, outlet};

/// What the network knows of some addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolution {
    /// A machine for each address that was asked for; an empty one where nothing is known.
    pub machines: BTreeMap<IpAddr, Machine>,
    /// What each machine is known by; nothing for an address that no source knows.
    pub sources: BTreeMap<IpAddr, BTreeSet<KnownBy>>,
    /// What is wrong or missing; what concerns a machine has its address as its place.
    pub findings: Vec<Finding>,
    /// The hosts that did not answer.
    pub gaps: Vec<Gap>,
}

/// A source that knows a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KnownBy {
    /// The DHCP files.
    Dhcp,
    /// Ordinateurs.ods.
    Computers,
    /// The snooping files: its MAC or its port.
    Snooping,
    /// The MAC tables of the switches: its port.
    MacTable,
}

impl KnownBy {
    /// Its name in the `source` column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dhcp => "dhcp",
            Self::Computers => "computers",
            Self::Snooping => "snooping",
            Self::MacTable => "mac-table",
        }
    }
}

/// Finds the machine, the port and the outlet of each address, with the host names that the log gave it.
///
/// The address of the licence server and those that many machines share are no machine's. Switches are asked where located
/// machines are; all of them, where some machine is not in the snooping files. A host that does not answer is a gap: what
/// it would have told stays empty, what others know stays.
pub fn resolve(
    config: &Config,
    directory: &Directory,
    remote: &dyn Remote,
    addresses: &BTreeMap<IpAddr, BTreeSet<String>>,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Resolution {
    let mut resolution = Resolution::default();
    let is_machine = |address: &IpAddr| !is_server(config, *address) && !is_shared(config, *address);
    for address in addresses.keys().filter(|address| !is_machine(address)) {
        resolution.machines.insert(*address, Machine::default());
        resolution.sources.insert(*address, BTreeSet::new());
    }
    let wanted: BTreeMap<_, _> = addresses.iter().filter(|(address, _)| is_machine(address)).collect();
    if wanted.is_empty() {
        return resolution;
    }

    let leases = keep(&mut resolution, survey::leases(config, remote));
    let identified: BTreeMap<IpAddr, Identified> = wanted
        .iter()
        .map(|(address, names)| {
            let key = address.to_canonical();
            (**address, identify(key, names, directory, leases_of(&leases, key)))
        })
        .collect();

    if config.privacy.without_outlets {
        for (address, Identified { machine, sources, findings }) in identified {
            resolution.machines.insert(address, machine);
            resolution.sources.insert(address, sources);
            resolution.findings.extend(findings);
        }
        return resolution;
    }
    let own_leases = |address: &IpAddr| leases_of(&leases, address.to_canonical());
    let subjects = || identified.iter().map(|(address, known)| (known.machine.mac, own_leases(address)));
    let names = switches_to_ask(config, subjects(), &leases);
    let is_doubtful = |answers: &Answers| is_any_doubtful(config, subjects(), &leases, answers);
    let heard = survey::ask_switches_and_others(config, remote, &names, is_doubtful, progress);
    let answers = keep(&mut resolution, heard);
    let tables = Tables::new(&answers, &leases, &switch_names(config));
    for (address, identified) in identified {
        let key = address.to_canonical();
        let Identified { machine, sources, findings } =
            place(&key.to_string(), identified, leases_of(&leases, key), &tables, &answers);
        resolution.machines.insert(address, machine);
        resolution.sources.insert(address, sources);
        resolution.findings.extend(findings);
    }
    resolution.findings.sort();
    resolution.findings.dedup();
    resolution
}

/// Whether an address is the licence server's own.
pub(super) fn is_server(config: &Config, address: IpAddr) -> bool {
    address.to_canonical() == config.origin.address.to_canonical()
}

/// Whether many machines share an address, as behind a VPN gateway.
pub(super) fn is_shared(config: &Config, address: IpAddr) -> bool {
    config.origin.shared_addresses.iter().any(|shared| shared.to_canonical() == address.to_canonical())
}

/// The names of all switches.
pub(super) fn switch_names(config: &Config) -> Vec<&str> {
    config.switches.iter().map(|switch| switch.name.as_str()).collect()
}

fn keep<T>(resolution: &mut Resolution, heard: Heard<T>) -> T {
    resolution.findings.extend(heard.findings);
    resolution.gaps.extend(heard.gaps);
    heard.items
}

/// The leases of an address.
pub(super) fn leases_of(leases: &Leases, address: IpAddr) -> &[SwitchLease] {
    leases.get(&address).map(Vec::as_slice).unwrap_or_default()
}

/// The switches of the located machines; all of them, where a machine with a MAC is on no port yet. Of each machine, its MAC
/// and its own leases.
pub(super) fn switches_to_ask<'a>(
    config: &Config,
    machines: impl Iterator<Item = (Option<MacAddr>, &'a [SwitchLease])>,
    leases: &Leases,
) -> BTreeSet<String> {
    let nothing = Answers::new();
    let unasked = Tables::new(&nothing, leases, &[]);
    let mut names = BTreeSet::new();
    for (mac, leases) in machines {
        let Some(mac) = mac else { continue };
        let leased = locate::by_leases(mac, leases, &unasked);
        if leased.port.is_none() || leased.is_doubtful {
            return config.switches.iter().map(|switch| switch.name.clone()).collect();
        }
        // All that saw it: which of them it is on may show only when their tables tell uplinks from access ports.
        names.extend(leases.iter().filter(|seen| seen.lease.mac == mac).map(|seen| seen.switch.clone()));
    }
    names
}

/// Whether any machine may be elsewhere than its leases say, by the answers of their switches.
pub(super) fn is_any_doubtful<'a>(
    config: &Config,
    mut machines: impl Iterator<Item = (Option<MacAddr>, &'a [SwitchLease])>,
    leases: &Leases,
    answers: &Answers,
) -> bool {
    let tables = Tables::new(answers, leases, &switch_names(config));
    machines.any(|(mac, leases)| {
        mac.is_some_and(|mac| locate::is_doubtful(&locate::by_leases(mac, leases, &tables), &tables))
    })
}

/// Completes a machine with its port and outlet; `name` is what findings call it by, `leases` are its own.
pub(super) fn place(
    name: &str,
    identified: Identified,
    leases: &[SwitchLease],
    tables: &Tables<'_>,
    answers: &Answers,
) -> Identified {
    let mut placed = identified;
    let Some(mac) = placed.machine.mac else { return placed };
    let (located, is_leased) = locate::locate(mac, leases, tables);
    let source = if is_leased { KnownBy::Snooping } else { KnownBy::MacTable };
    let mut said = located.said.map(|(kind, detail)| (kind, format!("{mac}: {detail}")));
    if let Some((switch, port)) = located.port {
        placed.sources.insert(source);
        let interfaces = answers.get(switch).and_then(|answer| answer.interfaces.as_ref());
        let interface = interfaces.and_then(|all| all.iter().find(|interface| interface.port == *port));
        placed.machine.outlet = interface.and_then(|i| outlet(&i.description, default_outlet_pattern()));
        if interfaces.is_some() && placed.machine.outlet.is_none() {
            let kind = if interface.is_none() && is_leased { Kind::PortUnknown } else { Kind::OutletMissing };
            placed.findings.push(Finding::new(kind, Place::whole(&format!("{switch} {port}")), mac.to_string()));
        }
        placed.machine.switch = Some(switch.to_owned());
        placed.machine.port = Some(port.clone());
    } else if said.is_none() {
        said = Some((Kind::MachineUnlocated, unlocated(mac, answers)));
    }
    placed.findings.extend(said.map(|(kind, detail)| Finding::new(kind, Place::whole(name), detail)));
    placed
}

/// A machine on no port, with the switches that did not answer: it may be on one of them.
fn unlocated(mac: MacAddr, answers: &Answers) -> String {
    let silent = answers.iter().filter(|(_, answer)| answer.macs.is_none());
    let silent: Vec<_> = silent.map(|(name, _)| name.as_str()).collect();
    if silent.is_empty() { mac.to_string() } else { format!("{mac} ({})", silent.join(", ")) }
}

#[cfg(test)]
pub(super) mod tests;
