//! From whatever is known of a machine (an address, a MAC, a name, an outlet) to all that the network knows.
//!
//! [`resolve`](super::resolve()) goes one way, from the addresses of a night's sessions; this goes the ways back as well. A
//! question is tried as an address, a MAC, the name of a host, and an outlet, in this order; the first that anybody knows
//! is meant. The tftp host is asked once, and each switch at most once, whatever the questions.

mod question;

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::directory::{Directory, HostEntry};
use super::identify::{Identified, identify, identify_mac};
use super::locate::Tables;
use super::remote::Remote;
use super::resolve::{KnownBy, is_any_doubtful, is_server, is_shared, leases_of, place, switch_names, switches_to_ask};
use super::survey::{self, Answers, Leases, Progress, SwitchLease};
use crate::config::Config;
use crate::finding::{Finding, Gap, Kind};
use crate::model::{MacAddr, Machine, SwitchPort, folded};
use crate::parse::interfaces::{default_outlet_pattern, outlet};
use crate::parse::mac_table::MacEntry;

pub use question::{Mistyped, Question};

/// What the network knows in answer to a question: one machine, or why there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The address; `None` for a machine of which none is known.
    pub ip: Option<IpAddr>,
    /// The machine.
    pub machine: Machine,
    /// What it is known by; nothing for what no source knows.
    pub sources: BTreeSet<KnownBy>,
    /// What is wrong or missing about it.
    pub findings: Vec<Finding>,
    /// What else is to be said of the answer.
    pub remark: Option<Remark>,
}

/// What is to be said of an answer beside its findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remark {
    /// No source knows what was asked.
    Unknown,
    /// The licence server's own address.
    LicenceServer,
    /// An address that many machines share.
    SharedAddress,
    /// So many machines are behind the outlet that was asked for.
    Together(usize),
    /// The outlet is known, and nothing was seen behind it.
    Vacant,
    /// So many machines were seen behind the outlet, and none of them is at home there: it leads on to others.
    Passing(usize),
    /// The switch is known, but did not answer in full: what it would have told is missing.
    Silent,
}

/// What was asked and nothing else, in the place where it belongs by its spelling.
fn unanswered(question: &Question, remark: Remark) -> Answer {
    let mut machine = Machine { mac: question.mac, ..Machine::default() };
    if question.address.is_none() && question.mac.is_none() {
        let pattern = default_outlet_pattern();
        let is_outlet = pattern.find(&question.text).is_some_and(|found| found.len() == question.text.len());
        let field = if is_outlet { &mut machine.outlet } else { &mut machine.hostname };
        *field = Some(question.text.clone());
    }
    Answer { ip: question.address, machine, remark: Some(remark), ..Answer::default() }
}

/// The answers to some questions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lookup {
    /// For each question, in their order, one answer or more.
    pub answers: Vec<Vec<Answer>>,
    /// What is wrong in what the hosts said, about no answer in particular.
    pub findings: Vec<Finding>,
    /// The hosts that did not answer.
    pub gaps: Vec<Gap>,
}

impl Lookup {
    fn keep<T>(&mut self, heard: survey::Heard<T>) -> T {
        self.findings.extend(heard.findings);
        self.gaps.extend(heard.gaps);
        heard.items
    }
}

/// Answers questions. Switches are asked where the machines are; all of them for a machine whose port no lease tells, and for
/// what neither the inputs nor the leases know: an outlet is known to its switch alone.
pub fn look_up(
    config: &Config,
    directory: &Directory,
    remote: &dyn Remote,
    questions: &[Question],
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Lookup {
    let mut lookup = Lookup::default();
    let leases = lookup.keep(survey::leases(config, remote));
    let index = Index { config, directory, leases: &leases };
    let found: Vec<Found> = questions.iter().map(|question| index.find(question)).collect();
    let subjects = || {
        let all = found.iter().flat_map(Found::subjects);
        all.map(|it| (it.identified.machine.mac, it.leases.as_slice()))
    };
    let names: BTreeSet<String> = if found.iter().any(|found| matches!(found, Found::Nowhere)) {
        switch_names(config).into_iter().map(str::to_owned).collect()
    } else {
        switches_to_ask(config, subjects(), &leases)
    };
    let is_doubtful = |answers: &Answers| is_any_doubtful(config, subjects(), &leases, answers);
    let answers = lookup.keep(survey::ask_switches_and_others(config, remote, &names, is_doubtful, progress));
    let tables = Tables::new(&answers, &leases, &switch_names(config));
    let network = Network { index, tables, answers: &answers };
    lookup.answers = questions.iter().zip(found).map(|(question, found)| network.answer(question, found)).collect();
    lookup.findings.sort();
    lookup.findings.dedup();
    lookup
}

/// A machine before its port is looked for.
struct Subject {
    ip: Option<IpAddr>,
    identified: Identified,
    /// Those of its address; of its MAC, where no address is known.
    leases: Vec<SwitchLease>,
}

/// What is known of a question before any switch is asked.
enum Found {
    Machines(Vec<Subject>),
    NoMachine(Remark),
    /// Only the switches can know it.
    Nowhere,
}

impl Found {
    fn subjects(&self) -> &[Subject] {
        if let Self::Machines(subjects) = self { subjects } else { &[] }
    }
}

/// The inputs and the leases, to be searched by anything.
#[derive(Clone, Copy)]
struct Index<'a> {
    config: &'a Config,
    directory: &'a Directory,
    leases: &'a Leases,
}

impl Index<'_> {
    fn find(&self, question: &Question) -> Found {
        if let Some(address) = question.address {
            return if is_server(self.config, address) {
                Found::NoMachine(Remark::LicenceServer)
            } else if is_shared(self.config, address) {
                Found::NoMachine(Remark::SharedAddress)
            } else {
                Found::Machines(vec![self.at(address, &BTreeSet::new())])
            };
        }
        let by_mac = question.mac.map(|mac| self.with_mac(mac, &BTreeSet::new())).unwrap_or_default();
        let found = if by_mac.is_empty() { self.named(&question.text) } else { by_mac };
        if found.is_empty() { Found::Nowhere } else { Found::Machines(found) }
    }

    /// The machine at an address, which has one of these names if several could be there.
    fn at(&self, address: IpAddr, names: &BTreeSet<String>) -> Subject {
        let leases = leases_of(self.leases, address);
        let identified = identify(address, names, self.directory, leases);
        Subject { ip: Some(address), identified, leases: leases.to_vec() }
    }

    /// A machine at each of its addresses, declared or leased; without one, the machine alone, if anybody knows it.
    fn with_mac(&self, mac: MacAddr, names: &BTreeSet<String>) -> Vec<Subject> {
        let declared = self.directory.hosts_of(mac).into_iter().flat_map(|entry| &entry.host.addresses);
        let own: Vec<&SwitchLease> = self.leases.values().flatten().filter(|seen| seen.lease.mac == mac).collect();
        let addresses: BTreeSet<IpAddr> =
            declared.copied().chain(own.iter().map(|seen| seen.lease.ip)).map(|ip| ip.to_canonical()).collect();
        let subjects: Vec<Subject> = addresses
            .into_iter()
            .filter(|address| !is_server(self.config, *address) && !is_shared(self.config, *address))
            .map(|address| self.at(address, names))
            // An address that another machine has by now is no answer.
            .filter(|subject| subject.identified.machine.mac.is_none_or(|there| there == mac))
            .collect();
        if !subjects.is_empty() {
            return subjects;
        }
        let leases: Vec<SwitchLease> = own.into_iter().cloned().collect();
        let subject = self.alone(mac, leases);
        let is_known = !subject.identified.sources.is_empty() || !subject.leases.is_empty();
        if is_known { vec![subject] } else { Vec::new() }
    }

    /// A machine of which no address is known.
    fn alone(&self, mac: MacAddr, leases: Vec<SwitchLease>) -> Subject {
        Subject { ip: None, identified: identify_mac(mac, self.directory, &leases), leases }
    }

    /// The machines with a name, in the DHCP files or in Ordinateurs.ods.
    fn named(&self, name: &str) -> Vec<Subject> {
        let mut subjects = Vec::new();
        for entry in self.directory.hosts_named(name) {
            let names = BTreeSet::from([entry.host.name.clone()]);
            match entry.host.mac {
                Some(mac) => subjects.extend(self.with_mac(mac, &names)),
                None if entry.host.addresses.is_empty() => subjects.push(nameless(entry)),
                None => subjects.extend(entry.host.addresses.iter().map(|ip| self.at(ip.to_canonical(), &names))),
            }
        }
        for computer in self.directory.computers_named(name) {
            match (computer.mac, &computer.name) {
                (Some(mac), _) => subjects.extend(self.with_mac(mac, &BTreeSet::from([name.to_owned()]))),
                (None, Some(own)) if subjects.is_empty() => subjects.push(self.listed(own)),
                (None, _) => {}
            }
        }
        // One machine is found by each of its declarations, and in Ordinateurs.ods.
        let mut seen = BTreeSet::new();
        subjects.retain(|subject| seen.insert((subject.ip, subject.identified.machine.mac)));
        subjects
    }

    /// A row of Ordinateurs.ods without a MAC.
    fn listed(&self, name: &str) -> Subject {
        let (computer, zone) = self.directory.computer(None, Some(name)).unzip();
        let zone = zone.unwrap_or_default();
        let machine = Machine {
            hostname: Some(name.to_owned()),
            vlan: zone.vlan,
            department: zone.department,
            information: computer.and_then(|computer| computer.information.clone()),
            ..Machine::default()
        };
        known_by_name(machine, KnownBy::Computers)
    }
}

/// A host of the DHCP files without an address and a MAC.
fn nameless(entry: &HostEntry) -> Subject {
    let machine = Machine {
        hostname: Some(entry.host.name.clone()),
        vlan: entry.zone.vlan,
        department: entry.zone.department.clone(),
        ..Machine::default()
    };
    known_by_name(machine, KnownBy::Dhcp)
}

fn known_by_name(machine: Machine, source: KnownBy) -> Subject {
    let identified = Identified { machine, sources: BTreeSet::from([source]), findings: Vec::new() };
    Subject { ip: None, identified, leases: Vec::new() }
}

/// The index with what the switches said.
struct Network<'a> {
    index: Index<'a>,
    tables: Tables<'a>,
    answers: &'a Answers,
}

impl Network<'_> {
    fn answer(&self, question: &Question, found: Found) -> Vec<Answer> {
        match found {
            Found::NoMachine(remark) => vec![unanswered(question, remark)],
            Found::Machines(subjects) => subjects.into_iter().map(|subject| self.place(subject)).collect(),
            Found::Nowhere => {
                let is_seen = |mac: &MacAddr| self.entries().any(|(_, entry)| entry.mac == *mac);
                let answers = match question.mac.filter(is_seen) {
                    Some(mac) => vec![self.place(self.index.alone(mac, Vec::new()))],
                    None => self.behind(&question.text),
                };
                if answers.is_empty() { vec![unanswered(question, Remark::Unknown)] } else { answers }
            }
        }
    }

    /// Everything in the MAC tables, with the switch.
    fn entries(&self) -> impl Iterator<Item = (&str, &MacEntry)> {
        let all = self.answers.iter();
        all.flat_map(|(switch, answer)| answer.macs.iter().flatten().map(move |entry| (switch.as_str(), entry)))
    }

    /// A machine with its port and outlet.
    fn place(&self, subject: Subject) -> Answer {
        let machine = &subject.identified.machine;
        let name = subject.ip.map(|ip| ip.to_string()).or_else(|| machine.mac.map(|mac| mac.to_string()));
        let name = name.or_else(|| machine.hostname.clone()).unwrap_or_default();
        let placed = place(&name, subject.identified, &subject.leases, &self.tables, self.answers);
        let Identified { mut machine, sources, mut findings } = placed;
        if machine.vlan.is_none() && subject.ip.is_none() {
            // No address, no declaration, no lease: only the table that shows it names a VLAN.
            let here = |(switch, entry): &(&str, &MacEntry)| {
                Some(entry.mac) == machine.mac
                    && Some(*switch) == machine.switch.as_deref()
                    && Some(&entry.port) == machine.port.as_ref()
            };
            let vlan = self.entries().filter(here).find_map(|(_, entry)| entry.vlan);
            let zone = vlan.map(|vlan| self.index.directory.zone_of_vlan(vlan)).unwrap_or_default();
            (machine.vlan, machine.department) = (zone.vlan, zone.department);
        }
        let silent = |switch: &String| {
            self.answers.get(switch).is_some_and(|answer| answer.interfaces.is_none() || answer.macs.is_none())
        };
        let remark = if sources.is_empty() {
            Some(Remark::Unknown)
        } else {
            machine.switch.as_ref().is_some_and(silent).then_some(Remark::Silent)
        };
        if remark == Some(Remark::Unknown) {
            // The remark says it.
            findings.retain(|finding| finding.kind != Kind::MachineUnknown);
        }
        Answer { ip: subject.ip, machine, sources, findings, remark }
    }

    /// The machines behind an outlet, case and accents folded.
    fn behind(&self, name: &str) -> Vec<Answer> {
        let wanted = folded(name);
        let mut machines = BTreeSet::new();
        let mut answers = Vec::new();
        for (switch, answer) in self.answers {
            for interface in answer.interfaces.iter().flatten() {
                let Some(outlet) = outlet(&interface.description, default_outlet_pattern()) else { continue };
                if folded(&outlet) != wanted {
                    continue;
                }
                let there = self.at_port(switch, &interface.port);
                machines.extend(there.iter().map(|answer| answer.machine.mac));
                if there.is_empty() {
                    answers.push(self.empty(switch, &interface.port, outlet));
                }
                answers.extend(there);
            }
        }
        if machines.len() > 1 {
            for answer in answers.iter_mut().filter(|answer| answer.remark.is_none()) {
                answer.remark = Some(Remark::Together(machines.len()));
            }
        }
        answers
    }

    /// The machines that are on a port: of those that its switch sees there, or saw taking a lease there, the ones that
    /// nothing places elsewhere.
    fn at_port(&self, switch: &str, port: &SwitchPort) -> Vec<Answer> {
        let seen = self.seen_at(switch, port);
        let leased = self.index.leases.values().flatten();
        let leased = leased.filter(|seen| seen.switch == switch && seen.lease.port == *port).map(|seen| seen.lease.mac);
        let macs: BTreeSet<MacAddr> = seen.into_iter().chain(leased).collect();
        let mut answers = Vec::new();
        for mac in macs {
            let mut subjects = self.index.with_mac(mac, &BTreeSet::new());
            if subjects.is_empty() {
                subjects.push(self.index.alone(mac, Vec::new()));
            }
            let placed = subjects.into_iter().map(|subject| self.place(subject));
            answers.extend(placed.filter(|answer| {
                answer.machine.switch.as_deref() == Some(switch) && answer.machine.port.as_ref() == Some(port)
            }));
        }
        answers
    }

    fn seen_at(&self, switch: &str, port: &SwitchPort) -> BTreeSet<MacAddr> {
        let here = self.entries().filter(|(on, entry)| *on == switch && entry.port == *port);
        here.map(|(_, entry)| entry.mac).collect()
    }

    /// An outlet behind which no machine is.
    fn empty(&self, switch: &str, port: &SwitchPort, outlet: String) -> Answer {
        let is_told = self.answers.get(switch).is_some_and(|answer| answer.macs.is_some());
        let remark = match self.seen_at(switch, port).len() {
            _ if !is_told => Remark::Silent,
            0 => Remark::Vacant,
            n => Remark::Passing(n),
        };
        let machine = Machine {
            switch: Some(switch.to_owned()),
            port: Some(port.clone()),
            outlet: Some(outlet),
            ..Machine::default()
        };
        Answer { machine, remark: Some(remark), ..Answer::default() }
    }
}

#[cfg(test)]
mod tests;
