use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::config::{
    Alarm, CsvStyle, HistoryFormat, Inputs, Limits, Login, Origin, Output, PeriodKind, Report, Site, Ssh, Switch, Tftp,
    VlanEntry,
};
use crate::network::inputs::ReadFile;
use crate::network::{Command, Files, Host, Probed, RemoteError, UnknownKey};
use crate::parse::computers::Sheet;
use crate::parse::dhcpd;
use crate::source::Source;

/// A laboratory of invented machines: MAC `0200.0000.00NN` is machine NN at 10.0.0.NN in VLAN 513.
pub(in crate::network) struct Lab {
    pub(in crate::network) config: Config,
    pub(in crate::network) dhcp: String,
    pub(in crate::network) computers: Vec<[String; 4]>,
    leases: BTreeMap<String, String>,
    tables: BTreeMap<String, (String, String)>,
    dead: BTreeSet<String>,
    /// What switches answer of their neighbours, by LLDP and by CDP.
    neighbours: BTreeMap<String, [String; 2]>,
    /// Whether switches know only the old spelling of the second command.
    old: bool,
    pub(in crate::network) asked: Mutex<Vec<String>>,
}

impl Lab {
    pub(in crate::network) fn new(switches: &[&str]) -> Self {
        let mut lab = Self {
            config: config(switches),
            dhcp: String::new(),
            computers: Vec::new(),
            leases: BTreeMap::new(),
            tables: BTreeMap::new(),
            dead: BTreeSet::new(),
            neighbours: BTreeMap::new(),
            old: false,
            asked: Mutex::default(),
        };
        for switch in switches {
            let interfaces = "Interface                      Status         Protocol Description\n\
                              Po1                            up             up       vers le coeur\n";
            let macs = "Vlan    Mac Address       Type        Ports\n All    0100.0ccc.cccc    STATIC      CPU\n";
            lab.tables.insert((*switch).to_owned(), (interfaces.to_owned(), macs.to_owned()));
            lab.leases.insert((*switch).to_owned(), String::new());
        }
        lab
    }

    /// Declares machines in the DHCP files and in Ordinateurs.ods.
    pub(in crate::network) fn machines(mut self, numbers: &[u8]) -> Self {
        for n in numbers {
            writeln!(self.dhcp, "host pc{n} {{ hardware ethernet 2:0:0:0:0:{n:x}; fixed-address 10.0.0.{n}; }}")
                .unwrap();
            self = self.listed(*n);
        }
        self
    }

    pub(in crate::network) fn listed(mut self, n: u8) -> Self {
        self.computers.push([format!("PC{n}"), mac(n), "ICGM-DPT4-CMNME".to_owned(), format!("bureau {n}")]);
        self
    }

    /// A lease of machine `n` at its address, seen by a switch; `expiry` in seconds after an instant of 2021.
    pub(in crate::network) fn lease(mut self, switch: &str, n: u8, at: u8, port: &str, expiry: u32) -> Self {
        let line = format!("10.0.0.{at} 513 {} {:X} {port} e5e1e733\n", mac(n), 1_639_506_592 + expiry);
        *self.leases.entry(switch.to_owned()).or_default() += &line;
        self
    }

    /// Machines behind a port, in VLAN 513.
    pub(in crate::network) fn seen(mut self, switch: &str, port: &str, numbers: &[u8]) -> Self {
        let (_, macs) = self.tables.get_mut(switch).unwrap();
        for n in numbers {
            writeln!(macs, " 513    {}    DYNAMIC     {port}", mac(*n)).unwrap();
        }
        self
    }

    pub(in crate::network) fn described(mut self, switch: &str, port: &str, description: &str) -> Self {
        let (interfaces, _) = self.tables.get_mut(switch).unwrap();
        writeln!(interfaces, "{port:<30} up             up       {description}").unwrap();
        self
    }

    /// A machine that port security keeps on a port with nothing plugged in.
    fn kept(mut self, switch: &str, port: &str, n: u8) -> Self {
        let (interfaces, macs) = self.tables.get_mut(switch).unwrap();
        writeln!(interfaces, "{port:<30} down           down     OLD-{n}").unwrap();
        writeln!(macs, " 513    {}    STATIC      {port}", mac(n)).unwrap();
        self
    }

    /// What is plugged into a switch by LLDP: ports with the letters of what each can do.
    fn lldp(mut self, switch: &str, plugged: &[(&str, &str)]) -> Self {
        let record = |(port, letters): &(&str, &str)| {
            format!("----------------------------------------\nLocal Intf: {port}\nEnabled Capabilities: {letters}\n")
        };
        let text = plugged.iter().map(record).collect::<String>() + "\nTotal entries displayed: 9\n";
        self.neighbours.insert(switch.to_owned(), [text, "% CDP is not enabled\n".to_owned()]);
        self
    }

    pub(in crate::network) fn dead(mut self, host: &str) -> Self {
        self.dead.insert(host.to_owned());
        self
    }

    pub(in crate::network) fn directory(&self) -> Directory {
        let text = format!("#vlan: 513 (ICGM-DPT4-CMNME)\nsubnet 10.0.0.0 netmask 255.255.255.0 {{\n{}}}\n", self.dhcp);
        let source = Source::from_bytes("dhcpd-513.conf", text.as_bytes());
        let files = if self.dhcp.is_empty() {
            vec![]
        } else {
            vec![ReadFile { name: source.name().clone(), file: dhcpd::parse(&source).items }]
        };
        let rows = self.computers.iter().map(|row| row.to_vec()).collect();
        let sheet = Sheet { source: "Ordinateurs.ods".into(), name: "F".into(), start: (0, 0), rows };
        Directory::new(files, &sheet, &self.config.vlans).0
    }

    fn resolve(&self, addresses: &[(&str, &[&str])]) -> Resolution {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let wanted = addresses.iter().map(|(ip, given)| (ip.parse().unwrap(), names(given))).collect();
        resolve(&self.config, &self.directory(), self, &wanted, &|_| {})
    }

    /// One machine as a line, and the kinds of all findings with their details.
    fn told(&self, address: &str) -> (String, Vec<String>) {
        self.told_of(address, &[])
    }

    fn told_of(&self, address: &str, names: &[&str]) -> (String, Vec<String>) {
        let resolution = self.resolve(&[(address, names)]);
        let findings = resolution.findings.iter().map(|f| format!("{} {}", f.kind.name(), f.detail)).collect();
        (shown(&resolution.machines[&address.parse().unwrap()]), findings)
    }
}

impl Remote for Lab {
    fn files<'a>(&'a self, host: &Host) -> Result<Box<dyn Files + 'a>, RemoteError> {
        Err(RemoteError::new(host, "files", "not asked for"))
    }

    fn fetch_folder(&self, host: &Host, path: &str) -> Result<BTreeMap<String, Vec<u8>>, RemoteError> {
        assert_eq!((host.name.as_str(), path), ("tftp", "/snoop"));
        if self.dead.contains(&host.name) {
            return Err(RemoteError::new(host, "connect", "connection refused"));
        }
        let file = |(name, lines): (&String, &String)| {
            let text = format!("3ebe1518\nTYPE DHCP-SNOOPING\nVERSION 1\nBEGIN\n{lines}END\n");
            (format!("{}{}", name[..1].to_lowercase(), &name[1..]), text.into_bytes())
        };
        Ok(self.leases.iter().map(file).collect())
    }

    fn run(&self, host: &Host, commands: &[Command]) -> Vec<Result<Vec<u8>, RemoteError>> {
        self.asked.lock().unwrap().extend(commands.iter().map(|command| format!("{}: {}", host.name, command.line())));
        let answer = |command: &Command| match (self.tables.get(&host.name), command.name()) {
            _ if self.dead.contains(&host.name) => Err(RemoteError::new(host, "connect", "timed out after 5 s")),
            (Some((interfaces, _)), "show_interfaces_description") => Ok(interfaces.clone().into_bytes()),
            (Some((_, macs)), "show_mac_address-table") if !self.old => Ok(macs.clone().into_bytes()),
            (Some((_, macs)), "show_mac-address-table") if self.old => Ok(macs.clone().into_bytes()),
            (_, "show_lldp_neighbors_detail") if self.neighbours.contains_key(&host.name) => {
                Ok(self.neighbours[&host.name][0].clone().into_bytes())
            }
            (_, "show_cdp_neighbors_detail") if self.neighbours.contains_key(&host.name) => {
                Ok(self.neighbours[&host.name][1].clone().into_bytes())
            }
            _ => Ok(b"% Invalid input detected at '^' marker.\n".to_vec()),
        };
        commands.iter().map(answer).collect()
    }

    fn probe(&self, _: &Host, _: UnknownKey) -> Vec<Probed> {
        Vec::new()
    }
}

pub(in crate::network) fn mac(n: u8) -> String {
    format!("0200.0000.00{n:02x}")
}

pub(in crate::network) fn shown(machine: &Machine) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    format!(
        "{} {} {} {} {} {} {}",
        text(&machine.hostname),
        machine.mac.map_or_else(|| "-".to_owned(), |mac| mac.to_string()),
        machine.vlan.map_or_else(|| "-".to_owned(), |vlan| vlan.to_string()),
        text(&machine.department),
        text(&machine.switch),
        machine.port.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
        text(&machine.outlet),
    )
}

fn config(switches: &[&str]) -> Config {
    let switch = |name: &&str| Switch {
        name: (*name).to_owned(),
        address: "192.0.2.1".to_owned(),
        user: None,
        key: None,
        port: None,
        password_command: None,
        legacy: false,
        connect_timeout: None,
        command_timeout: None,
    };
    let second = Duration::from_secs(1);
    Config {
        file: "jeton.toml".into(),
        site: Site {
            name: "ICGM".into(),
            timezone: chrono_tz::Europe::Paris,
            language: crate::texts::Language::French,
        },
        inputs: Inputs { computers: "Ordinateurs.ods".into(), dhcp: vec![] },
        origin: Origin {
            host: "origin".into(),
            address: IpAddr::from([10, 0, 0, 200]),
            port: 60213,
            logwatch: "logwatch".into(),
            debug_log: None,
            lmstat: None,
            history: None,
            feature: None,
            licence_file: None,
            duplicates: None,
            seats: None,
            shared_addresses: vec![IpAddr::from([10, 0, 0, 201])],
            login: Login::default(),
        },
        tftp: Tftp { host: "tftp".into(), snooping: "/snoop".into(), login: Login::default() },
        ssh: Ssh {
            user: None,
            key: None,
            known_hosts: "known_hosts".into(),
            port: 22,
            connect_timeout: second,
            command_timeout: second,
            parallel: 4,
        },
        switches: switches.iter().map(switch).collect(),
        vlans: vec![VlanEntry {
            id: "513".parse().unwrap(),
            name: "ICGM-DPT4-CMNME".into(),
            department: "DPT4".into(),
        }],
        departments: vec![],
        output: Output {
            directory: "out".into(),
            history_format: HistoryFormat::Record,
            ledger: "jeton.db".into(),
            stale_after: second,
        },
        report: Report {
            formats: vec![],
            hours: None,
            token_price: None,
            csv: CsvStyle::default(),
            period: PeriodKind::Month,
            template: Arc::default(),
        },
        limits: Limits::default(),
        alarm: Alarm::default(),
        privacy: crate::config::Privacy::default(),
        page: crate::config::Page::default(),
        collect: None,
        replay: None,
    }
}

const NONE: [String; 0] = [];

#[test]
fn a_declared_machine_with_a_lease_is_known_down_to_its_outlet() {
    let lab = Lab::new(&["Sw-1", "Sw-2"]).machines(&[1]).lease("Sw-1", 1, 1, "Gi1/0/36", 0);
    let lab = lab.described("Sw-1", "Gi1/0/36", "N1E14-07, vlan 513");
    assert_eq!(lab.told("10.0.0.1"), ("pc1 0200.0000.0001 513 DPT4 Sw-1 Gi1/0/36 N1E14-07".to_owned(), NONE.to_vec()));
    let expected = [
        "Sw-1: show interfaces description",
        "Sw-1: show mac address-table",
        "Sw-1: show lldp neighbors detail",
        "Sw-1: show cdp neighbors detail",
    ];
    assert_eq!(*lab.asked.lock().unwrap(), expected, "the one switch, once");
    let resolution = lab.resolve(&[("10.0.0.1", &[])]);
    let known: Vec<_> = resolution.sources[&IpAddr::from([10, 0, 0, 1])].iter().map(|by| by.name()).collect();
    assert_eq!(known, ["dhcp", "computers", "snooping"]);
    assert_eq!(resolution.machines[&IpAddr::from([10, 0, 0, 1])].information.as_deref(), Some("bureau 1"));
}

#[test]
fn the_servers_address_and_shared_ones_are_no_machines() {
    let lab = Lab::new(&["Sw-1"]).machines(&[200, 201]);
    let resolution = lab.resolve(&[("10.0.0.200", &[]), ("10.0.0.201", &[]), ("::ffff:10.0.0.201", &[])]);
    assert!(resolution.machines.values().all(|machine| *machine == Machine::default()));
    assert_eq!((resolution.machines.len(), resolution.findings.len(), resolution.gaps.len()), (3, 0, 0));
    assert_eq!(*lab.asked.lock().unwrap(), NONE);
}

#[test]
fn an_address_that_no_source_knows_keeps_its_subnets_department() {
    let lab = Lab::new(&["Sw-1"]).machines(&[1]);
    let (machine, findings) = lab.told_of("10.0.0.77", &["ghost"]);
    assert_eq!((machine.as_str(), findings), ("- - 513 DPT4 - - -", vec!["machine-unknown ghost".to_owned()]));
    assert_eq!(lab.told("192.0.2.9"), ("- - - - - - -".to_owned(), vec!["machine-unknown ".to_owned()]));
}

#[test]
fn the_later_lease_of_a_moved_machine_wins() {
    let lab = Lab::new(&["Sw-1", "Sw-2"]).machines(&[1]).described("Sw-2", "Gi1/0/2", "N2A01-02");
    let lab = lab.lease("Sw-1", 1, 1, "Gi1/0/1", 0).lease("Sw-2", 1, 1, "Gi1/0/2", 4000);
    assert_eq!(
        lab.told("10.0.0.1"),
        (
            "pc1 0200.0000.0001 513 DPT4 Sw-2 Gi1/0/2 N2A01-02".to_owned(),
            vec!["machine-moved 0200.0000.0001: Sw-1 Gi1/0/1 / Sw-2 Gi1/0/2".to_owned()]
        )
    );
}

#[test]
fn a_lease_seen_again_on_an_uplink_is_no_move() {
    let lab = Lab::new(&["Sw-1", "Sw-2"]).machines(&[1]).described("Sw-1", "Gi1/0/1", "N1A01-01");
    let lab = lab.lease("Sw-1", 1, 1, "Gi1/0/1", 0).lease("Sw-2", 1, 1, "Gi1/0/24", 1).lease("Sw-2", 1, 1, "Po3", 2);
    let lab = lab.seen("Sw-1", "Gi1/0/1", &[1]).seen("Sw-2", "Gi1/0/24", &[1, 2, 3, 4, 5]);
    assert_eq!(lab.told("10.0.0.1"), ("pc1 0200.0000.0001 513 DPT4 Sw-1 Gi1/0/1 N1A01-01".to_owned(), NONE.to_vec()));
}

#[test]
fn leases_that_tie_are_settled_by_the_tables_or_not_at_all() {
    let lab = || {
        let lab = Lab::new(&["Sw-1", "Sw-2"]).machines(&[1]).described("Sw-2", "Gi1/0/2", "N2A01-02");
        lab.lease("Sw-1", 1, 1, "Gi1/0/1", 0).lease("Sw-2", 1, 1, "Gi1/0/2", 0)
    };
    let (machine, findings) = lab().told("10.0.0.1");
    assert_eq!(machine, "pc1 0200.0000.0001 513 DPT4 - - -");
    assert_eq!(findings, ["machine-ambiguous 0200.0000.0001: Sw-1 Gi1/0/1 / Sw-2 Gi1/0/2"]);
    let (machine, findings) = lab().seen("Sw-2", "Gi1/0/2", &[1]).told("10.0.0.1");
    assert_eq!((machine.as_str(), findings.len()), ("pc1 0200.0000.0001 513 DPT4 Sw-2 Gi1/0/2 N2A01-02", 0));
}

#[test]
fn a_lease_of_another_machine_disputes_the_address_and_lends_no_port() {
    let lab = Lab::new(&["Sw-1"]).machines(&[1]).lease("Sw-1", 9, 1, "Gi1/0/9", 0);
    let (machine, findings) = lab.told("10.0.0.1");
    assert_eq!(machine, "pc1 0200.0000.0001 513 DPT4 - - -");
    assert_eq!(
        findings,
        ["machine-disputed 0200.0000.0001 / 0200.0000.0009 (Sw-1)", "machine-unlocated 0200.0000.0001"]
    );
}

#[test]
fn without_a_lease_the_port_with_the_fewest_addresses_is_the_machines() {
    let lab = || {
        let lab = Lab::new(&["Sw-1", "Sw-2", "Sw-3"]).machines(&[1]).described("Sw-2", "Gi1/0/2", "N2A01-02");
        // Its own port with a phone, a port channel, and the far side of a cascade with a few more machines.
        let lab =
            lab.seen("Sw-2", "Gi1/0/2", &[1, 50]).seen("Sw-1", "Po1", &[1]).seen("Sw-3", "Gi1/0/24", &[1, 50, 2, 3]);
        lab.seen("Sw-1", "Gi1/0/23", &[1, 50, 2, 3, 4])
    };
    let expected = "pc1 0200.0000.0001 513 DPT4 Sw-2 Gi1/0/2 N2A01-02";
    assert_eq!(lab().told("10.0.0.1"), (expected.to_owned(), NONE.to_vec()));
    let (machine, findings) = lab().seen("Sw-3", "Gi1/0/7", &[1, 51]).told("10.0.0.1");
    assert_eq!(machine, "pc1 0200.0000.0001 513 DPT4 - - -");
    assert_eq!(findings, ["machine-ambiguous 0200.0000.0001: Sw-2 Gi1/0/2 / Sw-3 Gi1/0/7"]);
}

#[test]
fn an_address_that_port_security_keeps_on_a_dead_port_gives_way_to_a_live_one() {
    let lab = |live: &str, kept: &str| {
        let lab = Lab::new(&["Sw-1", "Sw-2"]).machines(&[1]).described(live, "Gi1/0/2", "N2A01-02");
        lab.seen(live, "Gi1/0/2", &[1, 50]).kept(kept, "Gi1/0/7", 1)
    };
    for (live, kept) in [("Sw-1", "Sw-2"), ("Sw-2", "Sw-1")] {
        let (machine, findings) = lab(live, kept).told("10.0.0.1");
        assert_eq!(machine, format!("pc1 0200.0000.0001 513 DPT4 {live} Gi1/0/2 N2A01-02"));
        assert_eq!(findings, [format!("machine-moved 0200.0000.0001: {live} Gi1/0/2 / {kept} Gi1/0/7")]);
    }
    // It is all that is known of a machine that is off.
    let off = Lab::new(&["Sw-1", "Sw-2"]).machines(&[1]).kept("Sw-2", "Gi1/0/7", 1);
    assert_eq!(off.told("10.0.0.1").0, "pc1 0200.0000.0001 513 DPT4 Sw-2 Gi1/0/7 OLD-1");
}

#[test]
fn an_uplink_with_few_machines_on_it_is_still_no_outlet() {
    let lab = || Lab::new(&["Sw-1", "Sw-2"]).machines(&[1, 2]).seen("Sw-1", "Gi1/0/24", &[1, 2]).dead("Sw-2");
    // A lease says where the other machine is; else the description can tell.
    for lab in [
        lab().lease("Sw-2", 2, 2, "Gi1/0/5", 0),
        lab().described("Sw-1", "Gi1/0/24", "vers sw-2"),
        lab().described("Sw-1", "Gi1/0/24", "UPLINK"),
    ] {
        let resolution = lab.resolve(&[("10.0.0.1", &[])]);
        assert_eq!(shown(&resolution.machines[&IpAddr::from([10, 0, 0, 1])]), "pc1 0200.0000.0001 513 DPT4 - - -");
        let details: Vec<_> = resolution.findings.iter().map(|f| f.detail.as_str()).collect();
        assert_eq!(details, ["0200.0000.0001 (Sw-2)"], "unreachable is never shown as absent");
    }
}

#[test]
fn a_dead_switch_is_one_gap_and_its_machines_keep_their_port() {
    let lab = Lab::new(&["Sw-1", "Sw-2"]).machines(&[1]).lease("Sw-1", 1, 1, "Gi1/0/1", 0).dead("Sw-1");
    let resolution = lab.resolve(&[("10.0.0.1", &[])]);
    let machine = &resolution.machines[&IpAddr::from([10, 0, 0, 1])];
    assert_eq!(shown(machine), "pc1 0200.0000.0001 513 DPT4 Sw-1 Gi1/0/1 -");
    assert_eq!(resolution.gaps, [Gap::new("Sw-1", "connect: timed out after 5 s")]);
    assert_eq!(resolution.findings, []);
}

#[test]
fn without_the_tftp_host_the_tables_locate() {
    let lab = Lab::new(&["Sw-1"]).machines(&[1]).seen("Sw-1", "Gi1/0/1", &[1]).described("Sw-1", "Gi1/0/1", "N1A01-01");
    let resolution = lab.dead("tftp").resolve(&[("10.0.0.1", &[])]);
    let machine = &resolution.machines[&IpAddr::from([10, 0, 0, 1])];
    assert_eq!(shown(machine), "pc1 0200.0000.0001 513 DPT4 Sw-1 Gi1/0/1 N1A01-01");
    assert_eq!(resolution.gaps, [Gap::new("tftp", "connect: connection refused")]);
}

#[test]
fn a_machine_of_a_missing_dhcp_file_is_known_by_its_lease_or_its_name() {
    let lab = Lab::new(&["Sw-1"]).listed(1).listed(2).lease("Sw-1", 1, 1, "Gi1/0/1", 0);
    let lab = lab
        .described("Sw-1", "Gi1/0/1", "N1A01-01")
        .seen("Sw-1", "Gi1/0/2", &[2])
        .described("Sw-1", "Gi1/0/2", "N1A01-02");
    assert_eq!(lab.told("10.0.0.1").0, "PC1 0200.0000.0001 513 DPT4 Sw-1 Gi1/0/1 N1A01-01");
    let (machine, findings) = lab.told_of("10.0.0.2", &["pc2.univ.example"]);
    assert_eq!(machine, "PC2 0200.0000.0002 513 DPT4 Sw-1 Gi1/0/2 N1A01-02");
    assert_eq!(findings, ["machine-by-name pc2.univ.example 0200.0000.0002"]);
}

#[test]
fn a_name_alone_does_not_place_a_machine_that_has_an_address_elsewhere() {
    let lab = Lab::new(&["Sw-1"]).machines(&[1]);
    let (machine, findings) = lab.told_of("10.0.0.99", &["PC1"]);
    assert_eq!((machine.as_str(), findings), ("- - 513 DPT4 - - -", vec!["machine-unknown PC1".to_owned()]));
}

#[test]
fn a_lease_without_any_declaration_still_gives_vlan_and_port() {
    let lab = Lab::new(&["Sw-1"]).lease("Sw-1", 7, 7, "Gi1/0/7", 0).described("Sw-1", "Gi1/0/7", "");
    let (machine, findings) = lab.told("10.0.0.7");
    assert_eq!(machine, "- 0200.0000.0007 513 DPT4 Sw-1 Gi1/0/7 -");
    assert_eq!(findings, ["outlet-missing 0200.0000.0007"]);
}

#[test]
fn an_address_under_two_names_is_settled_by_a_lease_or_a_name_or_left_empty() {
    let lab = || {
        let mut lab = Lab::new(&["Sw-1"]).machines(&[1]).listed(2);
        lab.dhcp += "host other { hardware ethernet 2:0:0:0:0:2; fixed-address 10.0.0.1; }\n";
        lab
    };
    let (machine, findings) = lab().told("10.0.0.1");
    assert_eq!((machine.as_str(), findings), ("- - 513 DPT4 - - -", vec!["machine-ambiguous pc1 / other".to_owned()]));
    let (machine, _) = lab().told_of("10.0.0.1", &["OTHER"]);
    assert_eq!(machine, "other 0200.0000.0002 513 DPT4 - - -");
    let (machine, _) = lab().lease("Sw-1", 2, 1, "Gi1/0/2", 0).told_of("10.0.0.1", &["pc1"]);
    assert_eq!(machine, "other 0200.0000.0002 513 DPT4 Sw-1 Gi1/0/2 -");
}

#[test]
fn a_mac_that_dhcpd_refuses_is_found_by_its_lease() {
    let mut lab = Lab::new(&["Sw-1"]).listed(1).lease("Sw-1", 1, 1, "Gi1/0/1", 0);
    lab.dhcp = "host pc1 { hardware ethernet 02-00-00-00-00-01; fixed-address 10.0.0.1; }\n".to_owned();
    assert_eq!(lab.told("10.0.0.1").0, "pc1 0200.0000.0001 513 DPT4 Sw-1 Gi1/0/1 -");
}

#[test]
fn a_snooping_file_of_an_unknown_switch_keeps_its_name_and_is_named() {
    let lab = Lab::new(&["Sw-1"]).machines(&[1]).lease("Xw-9", 1, 1, "Gi1/0/1", 0);
    let (machine, findings) = lab.told("10.0.0.1");
    assert_eq!(machine, "pc1 0200.0000.0001 513 DPT4 xw-9 Gi1/0/1 -");
    assert_eq!(findings, ["switch-unknown xw-9"]);
}

#[test]
fn an_old_switch_is_asked_again_in_its_own_spelling() {
    let mut lab = Lab::new(&["Sw-1"]).machines(&[1]).seen("Sw-1", "Gi1/0/1", &[1]);
    lab.old = true;
    let resolution = lab.resolve(&[("10.0.0.1", &[])]);
    assert_eq!(shown(&resolution.machines[&IpAddr::from([10, 0, 0, 1])]), "pc1 0200.0000.0001 513 DPT4 Sw-1 Gi1/0/1 -");
    assert_eq!(resolution.gaps, []);
}

#[test]
fn a_switch_that_refuses_a_command_is_a_gap_that_says_what_it_answered() {
    let mut lab = Lab::new(&["Sw-1"]).machines(&[1]).seen("Sw-1", "Gi1/0/1", &[1]);
    lab.tables.get_mut("Sw-1").unwrap().0 = "% Authorization failed.\n".to_owned();
    let resolution = lab.resolve(&[("10.0.0.1", &[])]);
    let reason = "expected the table of `show interfaces description`, found `% Authorization failed.`; \
                  does the login need a higher privilege level for it (`enable`)?";
    assert_eq!(resolution.gaps, [Gap::new("Sw-1", reason)]);
    assert_eq!(resolution.machines[&IpAddr::from([10, 0, 0, 1])].switch.as_deref(), Some("Sw-1"));
}

#[test]
fn the_answer_does_not_depend_on_the_number_of_threads() {
    let names: Vec<String> = (1..=20).map(|n| format!("Sw-{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut lab = Lab::new(&names).machines(&(1..=20).collect::<Vec<_>>()).dead("Sw-03").dead("Sw-11");
    for n in 1..=20 {
        lab = lab.seen(&format!("Sw-{n:02}"), "Gi1/0/1", &[n]);
    }
    let addresses: Vec<String> = (1..=20).map(|n| format!("10.0.0.{n}")).collect();
    let addresses: Vec<(&str, &[&str])> = addresses.iter().map(|a| (a.as_str(), &[][..])).collect();
    let results: Vec<_> = [0, 1, 7, 64]
        .map(|parallel| {
            lab.config.ssh.parallel = parallel;
            lab.resolve(&addresses)
        })
        .into();
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(results[0].gaps.iter().map(|gap| gap.source.as_str()).collect::<Vec<_>>(), ["Sw-03", "Sw-11"]);
    let mut asked = lab.asked.lock().unwrap().clone();
    asked.sort();
    assert!(asked.chunk_by(|a, b| a == b).all(|same| same.len() == results.len()), "each once per run");
}

#[test]
fn what_the_switches_know_of_their_neighbours_tells_outlets_from_uplinks() {
    // Machine 1 alone behind an uplink to a switch that is not asked, and with a phone at its own outlet.
    let lab = || Lab::new(&["Sw-1", "Sw-2"]).machines(&[1]).described("Sw-1", "Gi1/0/1", "N1A01-01");
    let seen = |lab: Lab| lab.seen("Sw-2", "Gi1/0/24", &[1]).seen("Sw-1", "Gi1/0/1", &[1, 50]);
    let own = "pc1 0200.0000.0001 513 DPT4 Sw-1 Gi1/0/1 N1A01-01";
    assert_eq!(seen(lab()).told("10.0.0.1").0, "pc1 0200.0000.0001 513 DPT4 Sw-2 Gi1/0/24 -", "the fewest are a guess");
    let known = seen(lab()).lldp("Sw-2", &[("Gi1/0/24", "B,R")]).lldp("Sw-1", &[("Gi1/0/1", "B,T"), ("Gi1/0/1", "S")]);
    assert_eq!(known.told("10.0.0.1"), (own.to_owned(), NONE.to_vec()));
    // A small switch on a desk that names itself nowhere, with seven machines: an outlet all the same.
    let desk = || lab().seen("Sw-1", "Gi1/0/1", &[1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(desk().told("10.0.0.1").0, "pc1 0200.0000.0001 513 DPT4 - - -", "more than a guess can tell");
    assert_eq!(desk().lldp("Sw-1", &[("Gi1/0/48", "B")]).told("10.0.0.1").0, own);
    assert_eq!(desk().lldp("Sw-1", &[("Gi1/0/1", "B")]).told("10.0.0.1").0, "pc1 0200.0000.0001 513 DPT4 - - -");
    // More than any small switch has.
    let crowd = lab().seen("Sw-1", "Gi1/0/1", &(1..=17).collect::<Vec<_>>()).lldp("Sw-1", &[]);
    assert_eq!(crowd.told("10.0.0.1").0, "pc1 0200.0000.0001 513 DPT4 - - -");
}

#[test]
fn a_lease_that_cannot_be_trusted_gives_way_to_where_the_machine_is_seen() {
    const NO_END: u32 = u32::MAX - 1_639_506_592;
    let lab = || Lab::new(&["Sw-1", "Sw-2"]).machines(&[1]).described("Sw-2", "Gi1/0/2", "N2A01-02");
    let live = |lab: Lab| lab.seen("Sw-2", "Gi1/0/2", &[1, 50]);
    let there = "pc1 0200.0000.0001 513 DPT4 Sw-2 Gi1/0/2 N2A01-02";
    let moved = ["machine-moved 0200.0000.0001: Sw-2 Gi1/0/2 / Sw-1 Gi1/0/1"];
    let mut clockless = lab();
    clockless.leases.insert("Sw-1".to_owned(), format!("10.0.0.1 513 {} 2BB6488E Gi1/0/1 0\n", mac(1)));
    let mut down = lab().lease("Sw-1", 1, 1, "Gi1/0/1", 0);
    down.tables.get_mut("Sw-1").unwrap().0 += "Gi1/0/1                        down           down     N1A01-01\n";
    for (what, lab) in
        [("no end", lab().lease("Sw-1", 1, 1, "Gi1/0/1", NO_END)), ("no clock", clockless), ("down", down)]
    {
        assert_eq!(live(lab).told("10.0.0.1"), (there.to_owned(), moved.map(str::to_owned).to_vec()), "{what}");
    }
    // Nobody sees the machine: what the lease says is all that is known.
    let off = lab().lease("Sw-1", 1, 1, "Gi1/0/1", NO_END);
    assert_eq!(off.told("10.0.0.1").0, "pc1 0200.0000.0001 513 DPT4 Sw-1 Gi1/0/1 -");
    // A lease that can be trusted needs no table, and of two, the one with a date is believed.
    let sure = live(lab().described("Sw-1", "Gi1/0/1", "N1A01-01").lease("Sw-1", 1, 1, "Gi1/0/1", 0));
    assert_eq!(sure.told("10.0.0.1").0, "pc1 0200.0000.0001 513 DPT4 Sw-1 Gi1/0/1 N1A01-01");
    let both = lab().lease("Sw-1", 1, 1, "Gi1/0/1", NO_END).lease("Sw-2", 1, 1, "Gi1/0/2", 0);
    let (machine, findings) = both.told("10.0.0.1");
    assert_eq!(machine, there);
    assert_eq!(findings, ["machine-moved 0200.0000.0001: Sw-1 Gi1/0/1 / Sw-2 Gi1/0/2"]);
}

#[test]
fn a_file_of_no_switch_and_a_port_that_a_switch_does_not_have_place_nobody() {
    let lab = || Lab::new(&["Sw-1"]).machines(&[1]).described("Sw-1", "Gi1/0/1", "N1A01-01");
    let evil = lab().lease("Sw-1", 1, 1, "Gi1/0/1", 0).lease("e\u{1b}[31mvil", 1, 1, "Gi1/0/9", 9000);
    let (machine, findings) = evil.told("10.0.0.1");
    assert_eq!(machine, "pc1 0200.0000.0001 513 DPT4 Sw-1 Gi1/0/1 N1A01-01");
    assert_eq!(findings, ["switch-unknown e\\u{1b}[31mvil"]);
    let (machine, findings) = lab().lease("Sw-1", 1, 1, "Gi7/0/1", 0).told("10.0.0.1");
    assert_eq!(machine, "pc1 0200.0000.0001 513 DPT4 Sw-1 Gi7/0/1 -");
    assert_eq!(findings, ["port-unknown 0200.0000.0001"]);
    let seen = lab().lease("Sw-1", 1, 1, "Gi7/0/1", 0).seen("Sw-1", "Gi1/0/1", &[1]);
    assert_eq!(seen.told("10.0.0.1").0, "pc1 0200.0000.0001 513 DPT4 Sw-1 Gi1/0/1 N1A01-01");
}
