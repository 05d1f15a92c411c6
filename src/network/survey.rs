//! What the tftp host and the switches say.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use rayon::prelude::*;

use super::remote::{Command, Host, Remote, RemoteError};
use crate::config::{Config, Switch};
use crate::finding::{Finding, Gap, Kind, Parsed, Place, excerpt};
use crate::parse::interfaces::{self, Interface, NoTable};
use crate::parse::mac_table::{self, MacEntry};
use crate::parse::neighbours::{self, Neighbour};
use crate::parse::snooping::{self, Lease};
use crate::source::Source;

/// How far the switches are asked, for whoever shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// So many switches will be asked.
    Asking(usize),
    /// This one has answered, or failed to.
    Answered(&'a str),
}

/// A lease and the switch that saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchLease {
    /// The switch, by its name in `jeton.toml`; by its file's where `jeton.toml` does not name it.
    pub switch: String,
    /// Whether `jeton.toml` names it.
    pub is_known: bool,
    /// The lease.
    pub lease: Lease,
}

/// The leases of all switches by address, each list in the order of switches and lines.
pub type Leases = BTreeMap<IpAddr, Vec<SwitchLease>>;

/// What one switch answered; `None` where it did not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SwitchAnswer {
    /// `show interfaces description`.
    pub interfaces: Option<Vec<Interface>>,
    /// `show mac address-table`.
    pub macs: Option<Vec<MacEntry>>,
    /// What is plugged into it, by LLDP and CDP; `None` where it speaks neither.
    pub neighbours: Option<Vec<Neighbour>>,
}

/// The answers of the switches that were asked, by name.
pub type Answers = BTreeMap<String, SwitchAnswer>;

/// Something that was asked of hosts: what they said, what was wrong in it, and who did not say anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard<T> {
    /// What they said.
    pub items: T,
    /// What was wrong in it.
    pub findings: Vec<Finding>,
    /// Who did not answer.
    pub gaps: Vec<Gap>,
}

/// Reads all snooping files of the tftp host in one session. Without that host there are no leases, and a gap.
pub fn leases(config: &Config, remote: &dyn Remote) -> Heard<Leases> {
    let mut heard = Heard::<Leases>::default();
    let files = match remote.fetch_folder(&Host::tftp(config), &config.tftp.snooping) {
        Ok(files) => files,
        Err(error) => {
            heard.gaps.push(Gap::new(&config.tftp.host, error.reason()));
            return heard;
        }
    };
    let mut seen = BTreeSet::new();
    for (name, bytes) in &files {
        let source = Source::from_bytes(&format!("{}/{name}", config.tftp.snooping.trim_end_matches('/')), bytes);
        let known = switch_of(&config.switches, name);
        if known.is_none() && !source.text().contains("DHCP-SNOOPING") {
            // A tftp folder also holds firmware and notes; one finding for such a file, not one for each of its lines.
            let first = source.text().lines().next().unwrap_or_default();
            heard.findings.push(Finding::new(Kind::SwitchUnknown, Place::whole(source.name()), excerpt(first)));
            continue;
        }
        let switch = known.map_or_else(|| excerpt(name), |switch| switch.name.clone());
        if known.is_none() {
            heard.findings.push(Finding::new(Kind::SwitchUnknown, Place::whole(source.name()), switch.clone()));
        }
        let parsed = snooping::parse(&source);
        heard.findings.extend(parsed.findings);
        for lease in parsed.items {
            heard.items.entry(lease.ip).or_default().push(SwitchLease {
                switch: switch.clone(),
                is_known: known.is_some(),
                lease,
            });
        }
        seen.insert(switch);
    }
    let missing = config.switches.iter().filter(|switch| !seen.contains(&switch.name));
    let folder = &config.tftp.snooping;
    heard
        .findings
        .extend(missing.map(|switch| Finding::new(Kind::SnoopingMissing, Place::whole(&switch.name), folder.clone())));
    heard
}

/// The switch whose snooping file has this name: its own with the first letter in lower case, else in any case.
fn switch_of<'a>(switches: &'a [Switch], file: &str) -> Option<&'a Switch> {
    let lowered = |name: &str| {
        let mut chars = name.chars();
        chars.next().map(|first| first.to_lowercase().chain(chars).collect::<String>())
    };
    switches
        .iter()
        .find(|switch| lowered(&switch.name).as_deref() == Some(file))
        .or_else(|| switches.iter().find(|switch| switch.name.eq_ignore_ascii_case(file)))
}

/// Asks switches for their interfaces, their MAC tables and their neighbours, `[ssh] parallel` at a time, each in one session. The answers do
/// not depend on who is first.
pub fn ask_switches(
    config: &Config,
    remote: &dyn Remote,
    names: &BTreeSet<String>,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Heard<Answers> {
    let is_asked = |switch: &&Switch| !config.privacy.without_outlets && names.contains(&switch.name);
    let switches: Vec<&Switch> = config.switches.iter().filter(is_asked).collect();
    progress(Progress::Asking(switches.len()));
    let ask = |switch: &&Switch| {
        let heard = ask_switch(config, remote, switch);
        progress(Progress::Answered(&switch.name));
        heard
    };
    // A pool of its own: waiting for switches must not take the threads that others compute with.
    let threads = config.ssh.parallel.clamp(1, switches.len().max(1));
    let heard: Vec<Heard<SwitchAnswer>> = match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.install(|| switches.par_iter().map(ask).collect()),
        Err(_) => switches.iter().map(ask).collect(),
    };
    let mut all = Heard::<Answers>::default();
    for (switch, heard) in switches.iter().zip(heard) {
        all.items.insert(switch.name.clone(), heard.items);
        all.findings.extend(heard.findings);
        all.gaps.extend(heard.gaps);
    }
    all
}

/// The same, and those of the other switches where a machine is doubted to be at the port that its lease names: whether it is
/// elsewhere, only they know. `is_doubtful` looks at the first answers.
pub fn ask_switches_and_others(
    config: &Config,
    remote: &dyn Remote,
    names: &BTreeSet<String>,
    is_doubtful: impl Fn(&Answers) -> bool,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Heard<Answers> {
    let mut heard = ask_switches(config, remote, names, progress);
    let others = config.switches.iter().map(|switch| &switch.name).filter(|name| !names.contains(*name));
    let others: BTreeSet<String> = others.cloned().collect();
    if !others.is_empty() && is_doubtful(&heard.items) {
        let more = ask_switches(config, remote, &others, progress);
        heard.items.extend(more.items);
        heard.findings.extend(more.findings);
        heard.gaps.extend(more.gaps);
    }
    heard
}

const INTERFACES: &str = "show interfaces description";
const MACS: &str = "show mac address-table";
const LLDP: &str = "show lldp neighbors detail";
const CDP: &str = "show cdp neighbors detail";
/// The same as [`MACS`] on IOS before 12.2.
const OLD_MACS: &str = "show mac-address-table";

/// A switch does not tell a command that it does not know from one that the login may not give.
const UNPRIVILEGED: &str = "does the login need a higher privilege level for it (`enable`)?";

fn ask_switch(config: &Config, remote: &dyn Remote, switch: &Switch) -> Heard<SwitchAnswer> {
    let host = Host::switch(config, switch);
    let mut heard = Heard::<SwitchAnswer>::default();
    let mut answers = remote.run(&host, &[INTERFACES, MACS, LLDP, CDP].map(Command::show)).into_iter();
    let mut next = || answers.next().unwrap_or_else(|| Err(RemoteError::new(&host, MACS, "no answer")));
    let (interfaces, macs, neighbours) = (next(), next(), [(LLDP, next()), (CDP, next())]);
    heard.items.interfaces = read(&mut heard, switch, INTERFACES, interfaces, interfaces::parse);
    let macs = match macs {
        Ok(bytes) if mac_table::parse(&source(switch, MACS, &bytes)).is_err_and(|error| error.is_unknown_command()) => {
            let old = remote.run(&host, &[Command::show(OLD_MACS)]).into_iter().next();
            // The first answer says more of a switch that knows neither.
            old.and_then(Result::ok).map_or(Ok(bytes), Ok)
        }
        other => other,
    };
    heard.items.macs = read(&mut heard, switch, MACS, macs, mac_table::parse);
    // Many switches speak neither, or do not let everybody ask: nothing is missing then.
    for (command, answer) in neighbours {
        let found = answer.ok().and_then(|bytes| neighbours::parse(&source(switch, command, &bytes)));
        if let Some(found) = found {
            heard.items.neighbours.get_or_insert_default().extend(found);
        }
    }
    heard
}

fn source(switch: &Switch, command: &str, bytes: &[u8]) -> Source {
    Source::from_bytes(&format!("{}: {command}", switch.name), bytes)
}

fn read<T>(
    heard: &mut Heard<SwitchAnswer>,
    switch: &Switch,
    command: &str,
    answer: Result<Vec<u8>, RemoteError>,
    parse: impl Fn(&Source) -> Result<Parsed<T>, NoTable>,
) -> Option<T> {
    let parsed = match answer {
        Ok(bytes) => {
            let source = source(switch, command, &bytes);
            parse(&source).map_err(|error| {
                // What it answered is for -v alone: it can hold anybody's name.
                heard.findings.push(Finding::unreadable(Place::Whole(source.name().clone()), &error.found));
                if error.is_unknown_command() { format!("{error}; {UNPRIVILEGED}") } else { error.to_string() }
            })
        }
        Err(error) => Err(error.reason()),
    };
    match parsed {
        Ok(parsed) => {
            heard.findings.extend(parsed.findings);
            Some(parsed.items)
        }
        Err(reason) => {
            let gap = Gap::new(&switch.name, reason);
            // An unreachable switch fails both commands for one reason.
            if !heard.gaps.contains(&gap) {
                heard.gaps.push(gap);
            }
            None
        }
    }
}
