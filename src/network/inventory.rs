//! The DHCP files and Ordinateurs.ods side by side: a row per machine, and each fault once, where it stands.
//!
//! A declaration and a row of the table are one machine by their MAC; where that is not enough, by a name that only one of
//! each has. Two declarations are one machine where MAC and name are the same: a laptop with an address in each VLAN.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::directory::{Directory, HostEntry, Zone, machine_name};
use crate::finding::{Finding, Kind, Place};
use crate::model::{MacAddr, Vlan};
use crate::parse::computers::Computer;

/// Both inputs, compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The machines: those of the DHCP files in their order, then those that Ordinateurs.ods alone has.
    pub machines: Vec<Entry>,
    /// What is wrong with no machine of them: a brace, a file that is missing.
    pub rest: Vec<Finding>,
}

/// A machine as both inputs know it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// The name in the DHCP files, else the one in Ordinateurs.ods.
    pub hostname: Option<String>,
    /// Likewise.
    pub mac: Option<MacAddr>,
    /// The addresses that the DHCP files give it.
    pub addresses: Vec<IpAddr>,
    /// The VLAN and the department that the DHCP files put it in, else Ordinateurs.ods.
    pub zone: Zone,
    /// Whether a DHCP file declares it.
    pub in_dhcp: bool,
    /// Whether Ordinateurs.ods lists it.
    pub in_ods: bool,
    /// What is wrong with it, by kind and place.
    pub findings: Vec<Finding>,
}

/// Compares the inputs. `findings` are those that reading them gave ([`Directory::read`]): each goes to its machine.
pub fn inventory(directory: &Directory, findings: Vec<Finding>) -> Inventory {
    let machines = machines(directory);
    let places = Places::new(&machines);
    let mut unknown_vlans = HashSet::new();
    let mut entries: Vec<Entry> =
        machines.iter().map(|machine| entry(directory, machine, &mut unknown_vlans)).collect();
    let mut rest = Vec::new();
    for finding in findings {
        match places.machine_of(&finding) {
            Some(index) => entries[index].findings.push(finding),
            None => rest.push(finding),
        }
    }
    for entry in &mut entries {
        entry.findings.sort();
    }
    Inventory { machines: entries, rest }
}

/// The declarations and rows that are one machine.
#[derive(Default)]
struct Machine<'a> {
    hosts: Vec<&'a HostEntry>,
    computers: Vec<(&'a Computer, Zone)>,
}

impl Machine<'_> {
    fn mac(&self) -> Option<MacAddr> {
        self.hosts.first().and_then(|entry| entry.host.mac)
    }

    fn name(&self) -> String {
        self.hosts.first().map(|entry| machine_name(&entry.host.name)).unwrap_or_default()
    }
}

fn machines(directory: &Directory) -> Vec<Machine<'_>> {
    let mut machines: Vec<Machine<'_>> = Vec::new();
    let mut known: HashMap<(Option<MacAddr>, String), usize> = HashMap::new();
    for entry in directory.hosts() {
        let at = *known.entry((entry.host.mac, machine_name(&entry.host.name))).or_insert(machines.len());
        if at == machines.len() {
            machines.push(Machine::default());
        }
        machines[at].hosts.push(entry);
    }
    let computers = directory.computers().iter().enumerate();
    let mut left: Vec<(&Computer, Zone)> =
        computers.map(|(index, computer)| (computer, directory.computer_zone(index))).collect();
    // The surest first: by MAC and name, by MAC, by name.
    for join in [by_both, by_mac, by_name] {
        let index = Joined::new(&machines, &left);
        let (joined, others): (Vec<_>, Vec<_>) =
            left.into_iter().map(|row| (join(&index, row.0), row)).partition(|(at, _)| at.is_some());
        for (at, row) in joined.into_iter().filter_map(|(at, row)| Some((at?, row))) {
            machines[at].computers.push(row);
        }
        left = others.into_iter().map(|(_, row)| row).collect();
    }
    machines.extend(left.into_iter().map(|row| Machine { computers: vec![row], ..Machine::default() }));
    machines
}

/// The machines of the DHCP files by what a row of the table can be joined by.
#[derive(Default)]
struct Joined {
    by_both: HashMap<(MacAddr, String), usize>,
    /// The first one that no row has been joined to.
    by_mac: HashMap<MacAddr, usize>,
    by_name: HashMap<String, Vec<usize>>,
    /// The names, and whether rows without a machine have them more than once.
    names: HashMap<String, usize>,
    /// For each machine, whether no row has been joined to it.
    is_free: Vec<bool>,
}

impl Joined {
    fn new(machines: &[Machine<'_>], left: &[(&Computer, Zone)]) -> Self {
        let mut this = Self::default();
        for (index, machine) in machines.iter().enumerate() {
            let is_free = machine.computers.is_empty();
            if let Some(mac) = machine.mac() {
                this.by_both.entry((mac, machine.name())).or_insert(index);
                if is_free {
                    this.by_mac.entry(mac).or_insert(index);
                }
            }
            this.by_name.entry(machine.name()).or_default().push(index);
            this.is_free.push(is_free);
        }
        for (computer, _) in left {
            *this.names.entry(name_of(computer)).or_default() += 1;
        }
        this
    }
}

fn name_of(computer: &Computer) -> String {
    computer.name.as_deref().map(machine_name).unwrap_or_default()
}

fn by_both(index: &Joined, computer: &Computer) -> Option<usize> {
    index.by_both.get(&(computer.mac?, name_of(computer))).copied()
}

fn by_mac(index: &Joined, computer: &Computer) -> Option<usize> {
    index.by_mac.get(&computer.mac?).copied()
}

/// By a name that one row and one machine have. A row with another MAC than a machine that has its row is another machine.
fn by_name(index: &Joined, computer: &Computer) -> Option<usize> {
    let name = name_of(computer);
    let &[at] = index.by_name.get(&name)?.as_slice() else { return None };
    let is_free = index.is_free[at] || computer.mac.is_none();
    (!name.is_empty() && index.names.get(&name) == Some(&1) && is_free).then_some(at)
}

fn entry(directory: &Directory, machine: &Machine<'_>, unknown_vlans: &mut HashSet<String>) -> Entry {
    let host = machine.hosts.first();
    let computer = machine.computers.first().map(|(computer, _)| *computer);
    let zones = machine.hosts.iter().map(|entry| zone_of(directory, entry));
    let zones: Vec<Zone> = zones.chain(machine.computers.iter().map(|(_, zone)| zone.clone())).collect();
    let zone = zones.iter().find(|zone| zone.vlan.is_some()).or(zones.first()).cloned().unwrap_or_default();
    let addresses: BTreeSet<IpAddr> = machine.hosts.iter().flat_map(|entry| entry.host.addresses.clone()).collect();
    let mut findings: Vec<Finding> = presence(machine).into_iter().collect();
    findings.extend(machine.hosts.iter().filter_map(|entry| outside(directory, entry)));
    findings.extend(disagreements(directory, machine));
    findings.extend(undescribed(directory, machine).into_iter().filter(|f| unknown_vlans.insert(f.detail.clone())));
    Entry {
        hostname: host.map(|entry| entry.host.name.clone()).or_else(|| computer?.name.clone()),
        mac: machine.mac().or_else(|| computer?.mac),
        addresses: addresses.into_iter().collect(),
        zone,
        in_dhcp: host.is_some(),
        in_ods: computer.is_some(),
        findings,
    }
}

/// The VLAN of a declaration: by the comment above it, else by the subnet around its address.
fn zone_of(directory: &Directory, entry: &HostEntry) -> Zone {
    let by_address = || entry.host.addresses.iter().find_map(|address| directory.subnet_zone(*address)).cloned();
    if entry.zone.vlan.is_some() { entry.zone.clone() } else { by_address().unwrap_or_else(|| entry.zone.clone()) }
}

fn shown(mac: Option<MacAddr>) -> String {
    mac.map_or_else(|| "-".to_owned(), |mac| mac.to_string())
}

/// A machine that only one of the inputs has.
fn presence(machine: &Machine<'_>) -> Option<Finding> {
    match (machine.hosts.first(), machine.computers.first()) {
        (Some(entry), None) => {
            let detail = format!("{} {}", entry.host.name, shown(entry.host.mac));
            Some(Finding::new(Kind::ComputerUnlisted, entry.place(), detail))
        }
        (None, Some((computer, _))) => {
            let detail = format!("{} {}", computer.name.as_deref().unwrap_or("-"), shown(computer.mac));
            Some(Finding::new(Kind::DhcpUnlisted, computer.place.clone(), detail))
        }
        _ => None,
    }
}

fn outside(directory: &Directory, entry: &HostEntry) -> Option<Finding> {
    let addresses = directory.outside(&entry.host);
    let around = entry.host.subnet.map(|prefix| format!(" / {prefix}")).unwrap_or_default();
    let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let detail = format!("{}: {}{around}", entry.host.name, shown.join(", "));
    (!addresses.is_empty()).then(|| Finding::new(Kind::DhcpOutside, entry.place(), detail))
}

/// What the two inputs say of one machine otherwise.
fn disagreements(directory: &Directory, machine: &Machine<'_>) -> Vec<Finding> {
    let (Some(entry), Some((computer, listed))) = (machine.hosts.first(), machine.computers.first()) else {
        return Vec::new();
    };
    let host = &entry.host;
    let mut findings = Vec::new();
    let mut say = |kind, detail| findings.push(Finding::new(kind, entry.place(), detail));
    if let Some(name) = computer.name.as_deref().filter(|name| machine_name(name) != machine_name(&host.name)) {
        say(Kind::NameDisagreement, format!("{} / {name} ({})", host.name, cell(computer)));
    }
    if computer.mac.is_some() && host.mac.is_some() && computer.mac != host.mac {
        let detail = format!("{}: {} / {} ({})", host.name, shown(host.mac), shown(computer.mac), cell(computer));
        say(Kind::MacDisagreement, detail);
    }
    let declared: BTreeSet<Vlan> = machine.hosts.iter().filter_map(|entry| zone_of(directory, entry).vlan).collect();
    if let Some(listed) = listed.vlan.filter(|listed| !declared.is_empty() && !declared.contains(listed)) {
        let declared: Vec<String> = declared.iter().map(Vlan::to_string).collect();
        let detail = format!("{}: {} / {listed} ({})", host.name, declared.join(", "), cell(computer));
        say(Kind::VlanDisagreement, detail);
    }
    findings
}

/// The sheet and the cell of a computer.
fn cell(computer: &Computer) -> String {
    match &computer.place {
        Place::Cell { sheet, cell, .. } => format!("{sheet}!{cell}"),
        other => other.to_string(),
    }
}

/// The VLANs that the inputs name and `jeton.toml` does not describe.
fn undescribed(directory: &Directory, machine: &Machine<'_>) -> Vec<Finding> {
    let hosts = machine.hosts.iter().filter_map(|entry| {
        let tag = entry.host.vlan.as_ref().filter(|_| zone_of(directory, entry).department.is_none())?;
        let detail = tag.number.map(|number| number.to_string()).or_else(|| tag.name.clone())?;
        Some(Finding::new(Kind::VlanUnknown, entry.place(), detail))
    });
    let computers = machine.computers.iter().filter_map(|(computer, zone)| {
        let vlan = computer.vlan.as_ref().filter(|_| zone.department.is_none())?;
        Some(Finding::new(Kind::VlanUnknown, computer.place.clone(), vlan.to_string()))
    });
    hosts.chain(computers).collect()
}

/// Where a machine is declared.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Declaration {
    first_line: u32,
    last_line: u32,
    machine: usize,
    name: String,
}

/// Which machine stands at a place.
struct Places {
    /// By file, in the order of their lines.
    declarations: HashMap<Arc<str>, Vec<Declaration>>,
    /// By row of the table, with the MAC: a row with several is several machines.
    rows: HashMap<u32, Vec<(String, usize)>>,
}

impl Places {
    fn new(machines: &[Machine<'_>]) -> Self {
        let mut this = Self { declarations: HashMap::new(), rows: HashMap::new() };
        for (index, machine) in machines.iter().enumerate() {
            for entry in &machine.hosts {
                let declarations = this.declarations.entry(Arc::clone(&entry.source)).or_default();
                declarations.push(Declaration {
                    first_line: entry.host.line,
                    last_line: entry.host.last_line,
                    machine: index,
                    name: entry.host.name.clone(),
                });
            }
            for (computer, _) in &machine.computers {
                for row in computer.repeats.iter().chain([&computer.row]) {
                    this.rows.entry(*row).or_default().push((shown(computer.mac), index));
                }
            }
        }
        for declarations in this.declarations.values_mut() {
            declarations.sort_unstable();
        }
        this
    }

    fn machine_of(&self, finding: &Finding) -> Option<usize> {
        match &finding.place {
            Place::Line { source, line, .. } => {
                let declarations = self.declarations.get(source)?.iter();
                let around = declarations.take_while(|d| d.first_line <= *line).filter(|d| *line <= d.last_line);
                // Of several declarations on one line, the one that the finding names; of two that it names, the second.
                let named = around.clone().filter(|d| finding.detail.contains(&d.name));
                named.last().or(around.last()).map(|declaration| declaration.machine)
            }
            Place::Cell { cell, .. } => {
                let row: u32 = cell.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().ok()?;
                let machines = self.rows.get(&row)?;
                let named = machines.iter().find(|(mac, _)| finding.detail.contains(mac.as_str()));
                named.or(machines.first()).map(|(_, index)| *index)
            }
            Place::Whole(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::inputs::ReadFile;
    use crate::parse::computers::Sheet;
    use crate::parse::dhcpd;
    use crate::source::Source;

    /// The machines, each with the name of either input and the kinds of its findings.
    fn compared(dhcp: &str, rows: &[[&str; 3]]) -> Vec<String> {
        let source = Source::from_bytes("d.conf", dhcp.as_bytes());
        let file = ReadFile { name: Arc::clone(source.name()), file: dhcpd::parse(&source).items };
        let rows = rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect();
        let sheet = Sheet { source: "O.ods".into(), name: "F".into(), start: (0, 0), rows };
        let (directory, findings) = Directory::new(vec![file], &sheet, &[]);
        let Inventory { machines, rest } = inventory(&directory, findings);
        assert_eq!(rest, []);
        let shown = |entry: &Entry| {
            let kinds: Vec<&str> = entry.findings.iter().map(|finding| finding.kind.name()).collect();
            let sources = [("dhcp", entry.in_dhcp), ("ods", entry.in_ods)];
            let sources: Vec<&str> = sources.into_iter().filter(|(_, is_in)| *is_in).map(|(name, _)| name).collect();
            format!("{} {} {}", entry.hostname.as_deref().unwrap_or("-"), sources.join("+"), kinds.join(" "))
        };
        machines.iter().map(shown).collect()
    }

    #[test]
    fn a_row_is_joined_by_the_surest_that_it_has() {
        const A: &str = "host A { hardware ethernet 2:0:0:0:0:1; }\n";
        let both = format!("{A}host B {{ hardware ethernet 2:0:0:0:0:1; }}");
        for (what, dhcp, rows, expected) in [
            ("MAC and name", A, vec![["a.univ.example", "02:00:00:00:00:01", ""]], vec!["A dhcp+ods "]),
            ("MAC alone", A, vec![["Z", "02:00:00:00:00:01", ""]], vec!["A dhcp+ods name-disagreement"]),
            ("name alone, another card", A, vec![["A", "02:00:00:00:00:02", ""]], vec!["A dhcp+ods mac-disagreement"]),
            ("name alone, no MAC", A, vec![["A", "", ""]], vec!["A dhcp+ods computer-incomplete"]),
            ("no name", A, vec![["", "02:00:00:00:00:01", ""]], vec!["A dhcp+ods computer-incomplete"]),
            (
                "the MAC before the name",
                A,
                vec![["A", "02:00:00:00:00:02", ""], ["Z", "02:00:00:00:00:01", ""]],
                vec!["A dhcp+ods name-disagreement", "A ods dhcp-unlisted"],
            ),
            (
                "a name of two rows",
                A,
                vec![["A", "02:00:00:00:00:02", ""], ["A", "02:00:00:00:00:03", ""]],
                vec!["A dhcp computer-unlisted", "A ods dhcp-unlisted", "A ods computer-duplicate-name dhcp-unlisted"],
            ),
            (
                "a MAC of two names, each with its row",
                both.as_str(),
                vec![["B", "02:00:00:00:00:01", ""], ["A", "", ""]],
                vec!["A dhcp+ods computer-incomplete", "B dhcp+ods dhcp-duplicate-mac"],
            ),
        ] {
            assert_eq!(compared(dhcp, &rows), expected, "{what}");
        }
    }

    #[test]
    fn an_address_is_outside_the_subnet_around_it_or_all_of_them() {
        const SUBNETS: &str = "subnet 10.0.0.0 netmask 255.255.255.0 { host A { fixed-address 10.0.1.1; } }\n\
                               subnet 10.0.1.0 netmask 255.255.255.0 { }\n";
        let of =
            |text: &str| compared(text, &[]).iter().map(|row| row.contains("dhcp-outside-subnet")).collect::<Vec<_>>();
        assert_eq!(of(SUBNETS), [true]);
        let hosts = "host B { fixed-address 10.0.1.2; } \nhost C { fixed-address 10.0.2.2; }\nhost D { fixed-address6 2001:db8::1; }";
        assert_eq!(of(&format!("{SUBNETS}{hosts}")), [true, false, true, false]);
        assert_eq!(of(hosts), [false, false, false], "without subnets there is nothing to be outside of");
    }

    #[test]
    fn of_several_declarations_on_one_line_the_named_one_has_the_finding() {
        let line = "host A { hardware ethernet 2:0:0:0:0:1; } host B { hardware ethernet 2:0:0:0:0:1; } host C { }";
        let rows = [["A", "02:00:00:00:00:01", ""], ["B", "", ""], ["C", "02:00:00:00:00:03", ""]];
        assert_eq!(compared(line, &rows)[1], "B dhcp+ods dhcp-duplicate-mac computer-incomplete");
    }
}
