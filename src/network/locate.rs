//! From a machine to the switch port that it is on. Pure.
//!
//! A wrong outlet is worse than none: wherever two ports are equally likely, none is chosen.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::TimeDelta;

use super::survey::{Answers, Leases, SwitchLease};
use crate::finding::Kind;
use crate::model::{MacAddr, SwitchPort, Vlan, folded};
use crate::parse::mac_table::EntryKind;

/// How many addresses an access port may show: a phone and its PC make two, a small switch on a desk a few more. A port
/// with more leads to another switch.
const MOST_MACS: usize = 4;
/// The same where the switch knows its neighbours: what is behind the port and does not name itself is a small switch, of 16
/// ports at most, or one of another maker that says nothing.
const MOST_UNNAMED_MACS: usize = 16;
/// How many VLANs an access port may show: the machines' and the phones'. A port with more is a trunk.
const MOST_VLANS: usize = 2;

/// How far apart the clocks of two switches put the end of one lease.
const SAME_LEASE: TimeDelta = TimeDelta::minutes(1);

/// A port of a switch.
pub(super) type Port<'a> = (&'a str, &'a SwitchPort);

/// What a search gave: a port, and what is to be said of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Located<'a> {
    pub(super) port: Option<Port<'a>>,
    pub(super) said: Option<(Kind, String)>,
    /// Whether the machine may be elsewhere now.
    pub(super) is_doubtful: bool,
}

/// The port in the leases of an address: that of the machine's own lease, the one that ends last where there are several.
pub(super) fn by_leases<'a>(mac: MacAddr, leases: &'a [SwitchLease], tables: &Tables<'_>) -> Located<'a> {
    let all: Vec<&SwitchLease> =
        leases.iter().filter(|seen| seen.lease.mac == mac && !seen.lease.port.is_aggregate()).collect();
    // What names a switch that is none is believed of nothing that others tell.
    let known: Vec<&SwitchLease> = all.iter().copied().filter(|seen| seen.is_known).collect();
    let all = if known.is_empty() { all } else { known };
    let own = dated(&all);
    let Some(last) = own.iter().map(|seen| seen.lease.expiry).max() else { return Located::default() };
    // A switch further up sees the same lease on its way through: not a move, and not the machine's port.
    let passes_through =
        |seen: &SwitchLease| last - seen.lease.expiry <= SAME_LEASE && tables.is_uplink(port(seen), Some(mac));
    let access: Vec<&SwitchLease> = own.iter().copied().filter(|seen| !passes_through(seen)).collect();
    let is_recent = |seen: &&SwitchLease| last - seen.lease.expiry <= SAME_LEASE;
    let own = if access.iter().any(is_recent) { access } else { own };
    let Some(last) = own.iter().map(|seen| seen.lease.expiry).max() else { return Located::default() };
    let undated = || all.iter().filter(|seen| !seen.lease.is_dated() && !tables.is_uplink(port(seen), Some(mac)));
    let ports: BTreeSet<Port<'_>> = own.iter().copied().chain(undated().copied()).map(port).collect();
    let latest: BTreeSet<Port<'_>> =
        own.iter().filter(|seen| seen.lease.expiry == last).map(|seen| port(seen)).collect();
    let shown = |ports: &BTreeSet<Port<'_>>| {
        ports.iter().map(|(switch, port)| format!("{switch} {port}")).collect::<Vec<_>>().join(" / ")
    };
    if latest.len() > 1 {
        let said = Some((Kind::MachineAmbiguous, shown(&latest)));
        return Located { said, ..Located::default() };
    }
    let moved = (ports.len() > 1).then(|| (Kind::MachineMoved, shown(&ports)));
    let is_sure = own.iter().all(|seen| seen.lease.is_dated());
    Located { port: latest.first().copied(), said: moved, is_doubtful: !is_sure }
}

/// Those leases whose end says when they were; all, where none's does.
fn dated<'a>(all: &[&'a SwitchLease]) -> Vec<&'a SwitchLease> {
    let dated: Vec<&SwitchLease> = all.iter().copied().filter(|seen| seen.lease.is_dated()).collect();
    if dated.is_empty() { all.to_vec() } else { dated }
}

/// The port of a machine: by its leases, and where these are doubtful (without a date, of a port that is down or not there) by the
/// switches' tables, if they see it elsewhere now. Whether the leases tell it is the second.
pub(super) fn locate<'a>(mac: MacAddr, leases: &'a [SwitchLease], tables: &Tables<'a>) -> (Located<'a>, bool) {
    let leased = by_leases(mac, leases, tables);
    if let Some(there) = leased.port {
        let found = if is_doubtful(&leased, tables) { tables.find_live(mac) } else { None };
        let Some(live) = found.filter(|live| *live != there) else { return (leased, true) };
        let said = format!("{} {} / {} {}", live.0, live.1, there.0, there.1);
        return (Located { port: Some(live), said: Some((Kind::MachineMoved, said)), is_doubtful: false }, false);
    }
    let found = tables.find(mac);
    // A tie between leases is worth saying only where the tables do not settle it.
    let said = if found.port.is_some() { found.said } else { leased.said.or(found.said) };
    (Located { said, ..found }, false)
}

/// Whether a machine may be elsewhere than at the port that its leases name.
pub(super) fn is_doubtful(leased: &Located<'_>, tables: &Tables<'_>) -> bool {
    leased.is_doubtful || leased.port.is_some_and(|port| tables.down.contains(&port) || !tables.has(port))
}

fn port(seen: &SwitchLease) -> Port<'_> {
    (&seen.switch, &seen.lease.port)
}

/// The MAC tables of the switches that answered, and how much is behind each port.
pub(super) struct Tables<'a> {
    load: BTreeMap<Port<'a>, Load>,
    /// The ports that list each machine.
    of_mac: HashMap<MacAddr, BTreeSet<Port<'a>>>,
    /// Ports with a switch behind them: by LLDP or CDP, or as their description says so.
    links: BTreeSet<Port<'a>>,
    /// Ports with nothing plugged in, or shut down.
    down: BTreeSet<Port<'a>>,
    /// The ports of the switches that told them.
    ports: BTreeMap<&'a str, BTreeSet<&'a SwitchPort>>,
    /// The switches that know their neighbours.
    knowing: BTreeSet<&'a str>,
    /// Where leases place each machine.
    homes: BTreeMap<MacAddr, Port<'a>>,
}

#[derive(Default)]
struct Load {
    learned: BTreeSet<MacAddr>,
    /// Configured there, by hand or by port security.
    fixed: BTreeSet<MacAddr>,
    vlans: BTreeSet<Vlan>,
}

impl<'a> Tables<'a> {
    /// The tables of these answers; `switches` are the names of all of them.
    pub(super) fn new(answers: &'a Answers, leases: &'a Leases, switches: &[&str]) -> Self {
        let mut tables = Self {
            load: BTreeMap::new(),
            of_mac: HashMap::new(),
            links: BTreeSet::new(),
            down: BTreeSet::new(),
            ports: BTreeMap::new(),
            knowing: BTreeSet::new(),
            homes: homes(leases),
        };
        for (switch, answer) in answers {
            if let Some(neighbours) = &answer.neighbours {
                tables.knowing.insert(switch);
                let on = neighbours.iter().filter(|neighbour| neighbour.leads_on);
                tables.links.extend(on.map(|neighbour| (switch.as_str(), &neighbour.port)));
            }
            for entry in answer.macs.iter().flatten() {
                let port = (switch.as_str(), &entry.port);
                tables.of_mac.entry(entry.mac).or_default().insert(port);
                let load = tables.load.entry(port).or_default();
                match entry.kind {
                    EntryKind::Dynamic => {
                        load.learned.insert(entry.mac);
                        load.vlans.extend(entry.vlan);
                    }
                    EntryKind::Static => {
                        load.fixed.insert(entry.mac);
                    }
                }
            }
            for interface in answer.interfaces.iter().flatten() {
                let port = (switch.as_str(), &interface.port);
                tables.ports.entry(switch).or_default().insert(&interface.port);
                if names_a_link(&interface.description, switches) {
                    tables.links.insert(port);
                }
                if interface.status.contains("down") {
                    tables.down.insert(port);
                }
            }
        }
        tables
    }

    /// The access port behind which the switches see a machine: the one with the fewest addresses. Port security keeps an
    /// address where the machine was: on a port that is down, it gives way to where the machine is seen now.
    pub(super) fn find(&self, mac: MacAddr) -> Located<'a> {
        let seen = self.of_mac.get(&mac).into_iter().flatten().filter_map(|port| self.load.get_key_value(port));
        let is_left = |port: &Port<'a>, load: &Load| self.down.contains(port) && !load.learned.contains(&mac);
        let mut ports: Vec<(bool, usize, Port<'a>)> = seen
            .filter(|(port, _)| !self.is_uplink(**port, Some(mac)))
            .map(|(port, load)| (is_left(port, load), load.learned.len(), *port))
            .collect();
        ports.sort_unstable();
        let shown = |ports: &[(bool, usize, Port<'_>)]| {
            ports.iter().map(|(.., (switch, port))| format!("{switch} {port}")).collect::<Vec<_>>().join(" / ")
        };
        match ports[..] {
            [] => Located::default(),
            [(left, first, _), (also_left, second, _), ..] if (left, first) == (also_left, second) => {
                let n_tied = ports.iter().take_while(|(is_left, n, _)| (*is_left, *n) == (left, first)).count();
                Located { said: Some((Kind::MachineAmbiguous, shown(&ports[..n_tied]))), ..Located::default() }
            }
            [(false, _, port), ..] if ports.iter().any(|(is_left, ..)| *is_left) => {
                let said =
                    ports.iter().filter(|(is_left, _, own)| *is_left || *own == port).copied().collect::<Vec<_>>();
                Located { port: Some(port), said: Some((Kind::MachineMoved, shown(&said))), ..Located::default() }
            }
            [(.., port), ..] => Located { port: Some(port), ..Located::default() },
        }
    }

    /// Whether a port may be there: its switch did not tell its ports, or names this one.
    fn has(&self, port: Port<'_>) -> bool {
        self.ports.get(port.0).is_none_or(|ports| ports.contains(port.1)) || self.load.contains_key(&port)
    }

    /// The one access port on which a switch has just seen a machine, where it is up.
    fn find_live(&self, mac: MacAddr) -> Option<Port<'a>> {
        let found = self.find(mac).port?;
        let is_live = self.load.get(&found).is_some_and(|load| load.learned.contains(&mac));
        (is_live && !self.down.contains(&found)).then_some(found)
    }

    /// Whether a port leads to another switch: by its kind, by what LLDP and CDP say of it, its description, by how many addresses and VLANs are behind it,
    /// or because leases place a machine seen there on another port. `besides` is the machine that is looked for.
    fn is_uplink(&self, port: (&str, &SwitchPort), besides: Option<MacAddr>) -> bool {
        let Some((port, load)) = self.load.get_key_value(&port) else {
            return port.1.is_aggregate() || self.links.contains(&port);
        };
        let leads_elsewhere =
            |mac: &MacAddr| Some(*mac) != besides && self.homes.get(mac).is_some_and(|home| home != port);
        port.1.is_aggregate()
            || self.links.contains(port)
            || load.learned.len() > if self.knowing.contains(port.0) { MOST_UNNAMED_MACS } else { MOST_MACS }
            || load.vlans.len() > MOST_VLANS
            || load.learned.iter().any(leads_elsewhere)
    }
}

/// Where the latest lease of each machine places it; machines with two latest ones have no place.
fn homes(leases: &Leases) -> BTreeMap<MacAddr, Port<'_>> {
    let mut latest: BTreeMap<MacAddr, Vec<&SwitchLease>> = BTreeMap::new();
    // What has no end says nothing of when the machine was there.
    let own = leases.values().flatten().filter(|seen| !seen.lease.port.is_aggregate() && !seen.lease.is_endless());
    for seen in own {
        let known = latest.entry(seen.lease.mac).or_default();
        match known.first().map(|first| first.lease.expiry.cmp(&seen.lease.expiry)) {
            Some(std::cmp::Ordering::Greater) => {}
            Some(std::cmp::Ordering::Equal) => known.push(seen),
            Some(std::cmp::Ordering::Less) | None => *known = vec![seen],
        }
    }
    let mut homes = BTreeMap::new();
    for (mac, seen) in latest {
        let ports: BTreeSet<Port<'_>> = seen.into_iter().map(port).collect();
        if let (Some(port), 1) = (ports.first(), ports.len()) {
            homes.insert(mac, *port);
        }
    }
    homes
}

/// Whether a description says that a switch is behind the port: it names one, or says uplink or trunk.
fn names_a_link(description: &str, switches: &[&str]) -> bool {
    let description = folded(description);
    ["uplink", "trunk"].iter().any(|word| description.contains(word))
        || switches.iter().any(|switch| description.contains(&folded(switch)))
}
