//! The whole program over SSH: Debian's OpenSSH server is the licence server and the tftp host, and the switches are played.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::atomic::Ordering;

use fs_err as fs;

use crate::sshd::Sshd;
use crate::support::workbook::Workbook;
use crate::support::{HISTORY, Lab, Row, rows_of};
use crate::switch::{Manner, Switch};

const NIGHT: &str = "nightly --since 2021-12-08 --date 2021-12-10";
/// The history beside the logwatch.
const PUSHED: &str = "Origin_history";

/// The fixtures' laboratory, and its hosts.
struct Park {
    lab: Lab,
    sshd: Sshd,
    switches: Vec<Switch>,
}

impl Park {
    /// Both hosts are one here, as both are on this machine. The replay in the folder `replay` says the same as they do.
    fn new() -> Self {
        Self::with(Lab::complete(), played)
    }

    /// Those of another laboratory, and other switches.
    fn with(lab: Lab, played: impl Fn(&Lab, &str) -> Switch) -> Self {
        let sshd = Sshd::new("");
        for host in ["origin.labo.example", "tftp.labo.example"] {
            let files = format!("replay/{host}/files");
            for (name, bytes) in lab.files(&files) {
                for path in [sshd.home().join(&name), lab.path("replay/127.0.0.1/files").join(&name)] {
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, &bytes).unwrap();
                }
            }
        }
        let lmstat = fs::read(lab.path("replay/origin.labo.example/commands/lmstat.txt")).unwrap();
        fs::write(sshd.home().join("lmstat.txt"), &lmstat).unwrap();
        let lab = lab.with("replay/127.0.0.1/commands/lmstat.txt", lmstat);
        let switches: Vec<Switch> =
            ["Labo-A-1", "Labo-A-2", "Labo-B-1"].iter().map(|name| played(&lab, name)).collect();
        let known: String = switches.iter().map(|switch| switch.known.clone()).chain([sshd.known("ed25519")]).collect();
        let mut lab = lab.with("known_hosts", known).edit("jeton.toml", |text| {
            let text = text
                .replace("origin.labo.example", "127.0.0.1")
                .replace("tftp.labo.example", "127.0.0.1")
                .replace("\"/usr/local", "\"usr/local")
                .replace("\"/var/lib", "\"var/lib")
                .replace("seats = 3", &format!("seats = 3\nhistory = \"{PUSHED}\""))
                .replace("[remote]\nreplay = \"replay\"\n", "");
            let lmstat = text.lines().find(|line| line.starts_with("lmstat")).unwrap();
            let by_cat = format!("lmstat = \"cat {}\"", sshd.home().join("lmstat.txt").display());
            let ssh = format!(
                "\n[ssh]\nuser = \"{}\"\nkey = \"{}\"\nknown_hosts = \"known_hosts\"\nport = {}\nconnect_timeout_s = 60\n\
                 command_timeout_s = 60\n",
                sshd.user,
                sshd.key().display(),
                sshd.port
            );
            text.replace(lmstat, &by_cat) + &ssh
        });
        for (switch, address) in switches.iter().zip(["10.20.1.1", "10.20.1.2", "10.20.1.3"]) {
            let here = format!("address = \"127.0.0.1\"\nport = {}", switch.port);
            lab = lab.edit("jeton.toml", |text| text.replace(&format!("address = \"{address}\""), &here));
        }
        Self { lab, sshd, switches }
    }

    fn home(&self, name: &str) -> String {
        fs::read_to_string(self.sshd.home().join(name)).unwrap()
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.sshd.home().join(name), text).unwrap();
    }

    /// The same with another known_hosts.
    fn knowing(self, change: impl FnOnce(&Self) -> String) -> Self {
        let known = change(&self);
        Self { lab: self.lab.with("known_hosts", known), ..self }
    }

    fn check(&self, line: &str, code: i32) -> Vec<Row> {
        rows_of(&self.lab.jeton(&format!("check --format csv {line}")).exits(code).out)
    }
}

fn played(lab: &Lab, name: &str) -> Switch {
    let answer = |command: &str| lab.text(&format!("replay/{name}/commands/{command}.txt")).replace('\n', "\r\n");
    Switch::new(Manner {
        answers: BTreeMap::from([
            ("show interfaces description", answer("show_interfaces_description")),
            ("show mac address-table", answer("show_mac_address-table")),
        ]),
        ..Manner::default()
    })
}

/// What is in the workbooks, but for where a finding is: the copy of a log lies elsewhere than the replay's.
fn books(lab: &Lab) -> BTreeMap<String, Workbook> {
    lab.workbooks()
        .iter()
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), Workbook::read(path)))
        .collect()
}

#[test]
fn who_sits_where_now_is_asked_of_all_hosts() {
    const HERE: &str = "127.0.7.17";
    let park = Park::new();
    let told = |lab: &Lab| -> Vec<[String; 6]> {
        let rows = rows_of(&lab.jeton("connected --live --format csv").exits(0).out);
        let cells = ["login", "host", "minutes", "evidence", "switch", "outlet"];
        rows.iter().map(|row| cells.map(|name| row[name].clone())).collect()
    };
    // Nobody is connected to this machine on that port: what the logs say of addresses is not believed any more.
    assert_eq!(told(&park.lab), [["omar", "PHYS-PC-07", "480", "unknown", "", ""].map(str::to_owned)]);

    // A machine on this network, with a real connection.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap();
    let client = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    client.bind(&std::net::SocketAddr::new(HERE.parse().unwrap(), 0).into()).unwrap();
    client.connect(&port.into()).unwrap();
    let lab = park
        .lab
        .edit("dhcpd-512.conf", |text| text.replace("10.20.12.17", HERE))
        .edit("jeton.toml", |text| text.replace("port = 60213", &format!("port = {}", port.port())));
    assert_eq!(told(&lab), [["omar", "PHYS-PC-07", "480", "hostname", "Labo-A-1", "A1A07-01"].map(str::to_owned)]);
}

#[test]
fn a_night_over_ssh_gives_what_the_replay_of_the_same_data_gives() {
    let park = Park::new();
    // Years later, the log says nothing of the evening of its last day.
    park.lab
        .jeton(&format!("{NIGHT} --record recorded"))
        .exits(3)
        .complains("gap: logwatch: no data: ")
        .says("pushed: 127.0.0.1:Origin_history");
    let (history, sessions) = (park.lab.text(HISTORY), books(&park.lab));
    assert_eq!(park.home(PUSHED), history);
    assert_eq!(history.lines().count(), 16);
    for switch in &park.switches {
        let mut commands = switch.seen.commands();
        commands.dedup();
        let expected = ["interfaces description", "mac address-table", "lldp neighbors detail", "cdp neighbors detail"];
        assert_eq!(commands, expected.map(|what| format!("show {what}")), "each once");
    }
    // The replay of a night is at the moment of that night.
    let now = park.lab.text("recorded/now.txt");
    let lab = park.lab.with("replay/now.txt", now).without("out");
    for replay in ["recorded", "replay"] {
        lab.jeton(&format!("{NIGHT} --replay {replay}")).exits(3).says("gaps: 1\n");
        assert_eq!(lab.text(HISTORY), history, "{replay}");
        assert_eq!(books(&lab).keys().collect::<Vec<_>>(), sessions.keys().collect::<Vec<_>>(), "{replay}");
        for (name, book) in books(&lab) {
            for sheet in ["Sessions", "Synthèse"] {
                assert_eq!(book.sheet(sheet), sessions[&name].sheet(sheet), "{replay}: {name}: {sheet}");
            }
        }
        fs::remove_dir_all(lab.path("out")).unwrap();
    }
}

#[test]
fn a_log_that_was_rotated_away_is_read_all_the_same() {
    let park = Park::new();
    let whole = park.home("logwatch");
    let days: Vec<usize> =
        ["jeu. déc.  9", "ven. déc. 10"].iter().map(|day| whole.match_indices(day).next().unwrap().0).collect();
    park.put("logwatch", &whole[..days[0]]);
    park.lab.jeton(NIGHT).exits(3);
    // Grown, rotated, begun anew; and then the rotated part goes, too.
    park.put("logwatch.1", &whole[..days[1]]);
    park.put("logwatch", &whole[days[1]..]);
    park.lab.jeton(NIGHT).exits(0);
    fs::remove_file(park.sshd.home().join("logwatch.1")).unwrap();
    park.lab.jeton(&format!("{NIGHT} --record recorded")).exits(0);
    // Years later, what was open then is no longer known to be.
    let expected = park.lab.text("expected/sessions.csv").replace(",open,", ",presumed,");
    assert_eq!(park.lab.jeton("sessions --format csv").exits(0).out, expected);
    assert_eq!(park.lab.text("recorded/127.0.0.1/files/logwatch"), whole[days[1]..], "what the host holds now");
    let modes = park.lab.modes("out");
    assert_eq!(modes, [["640".to_owned()].into(), ["750".to_owned()].into()]);
    // Without the licence server, what is kept tells what it knows.
    let history = park.lab.text(HISTORY);
    let Park { lab, sshd, switches } = park;
    drop(sshd);
    let lab = lab.edit("jeton.toml", |text| text.replace("connect_timeout_s = 60", "connect_timeout_s = 2"));
    lab.jeton(NIGHT)
        .exits(3)
        .complains("gap: 127.0.0.1: ")
        .complains("(what was read before is used)")
        .says("night: the licence server could not be read: all is");
    assert_eq!(lab.text(HISTORY).lines().count(), history.lines().count());
    drop(switches);
}

#[test]
fn a_push_that_failed_is_made_good_by_the_next_night() {
    let park = Park::new();
    fs::create_dir(park.sshd.home().join(PUSHED)).unwrap();
    park.lab
        .jeton("nightly --since 2021-12-08 --date 2021-12-08")
        .exits(3)
        .complains("gap: 127.0.0.1: push Origin_history");
    fs::remove_dir(park.sshd.home().join(PUSHED)).unwrap();
    park.lab.jeton("nightly --since 2021-12-09 --date 2021-12-09").exits(0);
    let pushed = park.home(PUSHED);
    assert!(pushed.contains("2021-12-08") && pushed.contains("2021-12-09"), "{pushed}");
    park.put(PUSHED, &format!("{pushed}ajouté à la main\n"));
    park.lab.jeton(NIGHT).exits(0);
    assert_eq!(park.home(PUSHED).matches("ajouté à la main\n").count(), 1);
    assert_eq!(park.home(PUSHED), park.lab.text(HISTORY));
    let beside: Vec<String> = fs::read_dir(park.sshd.home())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned())
        .filter(|name| name.contains("tmp"))
        .collect();
    assert!(beside.is_empty(), "{beside:?}");
}

#[test]
fn to_a_host_whose_key_changed_nothing_is_sent_and_the_night_goes_on_without_it() {
    // The key of another: as after an impostor took the address.
    let park = Park::new().knowing(|park| {
        let own = &park.switches[0].known;
        let other = park.sshd.known("ed25519");
        let changed = format!("{} {}", own.split(' ').next().unwrap(), other.split_once(' ').unwrap().1);
        let others = park.switches[1..].iter().map(|switch| switch.known.clone());
        changed + &others.collect::<String>() + &other
    });
    park.lab.jeton(NIGHT).exits(3).complains("gap: Labo-A-1: host key: ");
    let seen = &park.switches[0].seen;
    assert!(seen.connections.load(Ordering::SeqCst) > 0);
    assert_eq!((seen.logins.load(Ordering::SeqCst), seen.commands()), (0, Vec::new()), "nothing was sent");
    assert_eq!(park.lab.text(HISTORY).lines().count(), 16);
    assert!(!park.switches[1].seen.commands().is_empty());
    let rows = park.check("--accept-new", 3);
    let ill: Vec<&Row> = rows.iter().filter(|row| row["ok"] == "false").collect();
    assert_eq!((ill.len(), ill[0]["step"].as_str(), ill[0]["target"].as_str()), (1, "host_key", "Labo-A-1"));
    assert!(!ill[0]["remedy"].is_empty());
    // The licence server, too: without its traces there is no night.
    let park = park.knowing(|park| park.sshd.known("rsa").replace("ssh-rsa", "ssh-ed25519"));
    let lab = park.lab.without("out");
    lab.jeton(NIGHT).exits(1).complains("host key");
    assert!(!lab.path(HISTORY).exists());
}

#[test]
fn check_accepts_new_keys_only_when_told_to() {
    let park = Park::new().knowing(|_| String::new());
    let rows = park.check("", 3);
    let ill = rows.iter().filter(|row| row["ok"] == "false");
    assert!(ill.clone().count() >= 4 && ill.clone().all(|row| row["step"] == "host_key"), "{rows:#?}");
    assert!(ill.clone().all(|row| row["detail"].contains("SHA256:") || row["remedy"].contains("SHA256:")), "{rows:#?}");
    assert_eq!(park.lab.text("known_hosts"), "");
    park.check("--accept-new", 0);
    let rows = park.check("", 0);
    for step in ["reach", "host_key", "login", "logwatch", "debug_log", "history", "lmstat", "snooping", "command"] {
        assert!(rows.iter().any(|row| row["step"] == step && row["ok"] == "true"), "{step}");
    }
    // A closed port.
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let port_of = |switch: &Switch| format!("port = {}\n", switch.port);
    let lab =
        park.lab.edit("jeton.toml", |text| text.replace(&port_of(&park.switches[2]), &format!("port = {port}\n")));
    let rows = rows_of(&lab.jeton("check --format csv").exits(3).out);
    let ill: Vec<String> = rows.iter().filter(|row| row["ok"] == "false").map(|row| row["step"].clone()).collect();
    assert_eq!(ill, ["reach"]);
}

#[test]
fn a_log_without_end_is_a_gap_and_fills_no_disk() {
    let park = Park::new();
    let whole = park.home("logwatch");
    let line = "08:00:00 (orglab) (@orglab-SLOG@) ====\n";
    park.put("logwatch", &format!("{whole}{}", line.repeat(2 << 20 >> 5)));
    let Park { lab, sshd: _sshd, switches: _switches } = park;
    let lab = lab.edit("jeton.toml", |text| text.replace("[output]", "[limits]\nfile_mb = 1\n\n[output]"));
    let night = lab.jeton(NIGHT).exits(3);
    night.complains("there is more of it than `[limits] file_mb` = 1").says("sessions: 15\n");
    // What came before the limit is evidence.
    assert!(lab.files("out/evidence/origin/logwatch").len() >= 3);
}

#[test]
fn each_host_may_be_logged_into_in_its_own_way() {
    // What [ssh] says is right for nobody: the licence server, the tftp host and each switch say their own.
    let park = Park::new();
    let text = park.lab.text("jeton.toml");
    let of = |key: &str| {
        let section = text.split("[ssh]").nth(1).unwrap();
        let line = section.lines().find(|line| line.trim_start().starts_with(&format!("{key} ="))).unwrap();
        line.split_once('=').unwrap().1.trim().to_owned()
    };
    let (user, key, port) = (of("user"), of("key"), of("port"));
    let own = format!("user = {user}\nkey = {key}\nssh_port = {port}\n");
    let Park { lab, sshd: _sshd, switches: _switches } = park;
    let lab = lab.edit("jeton.toml", |text| {
        let text = text.replacen(&format!("user = {user}"), "user = \"nobody-here\"", 1);
        let text = text.replacen("[origin]\n", &format!("[origin]\n{own}"), 1);
        let text = text.replacen("[tftp]\n", &format!("[tftp]\n{own}"), 1);
        let switch = format!("[[switches]]\nuser = {user}\nconnect_timeout_s = 30\ncommand_timeout_s = 30\n");
        text.replace("[[switches]]\n", &switch)
    });
    lab.jeton("check --format csv").exits(0);
}

/// The fixtures' switches, as no lease and no port channel tells where their machines are: each is joined to the others by a port
/// that looks like any other; there are phones, a small switch on a desk, and a stack.
fn neighbourly(lab: &Lab, name: &str) -> Switch {
    let is_stack = name == "Labo-B-1";
    let (uplink, stack) = if is_stack { ("Gi1/0/4", "Gi2/0/3") } else { ("Gi1/0/16", "Gi1/0/3") };
    let answer = |command: &str| {
        let text = lab.text(&format!("replay/{name}/commands/{command}.txt"));
        let is_old =
            |line: &&str| ["Po1 ", "Gi2/0/3 ", &format!("{uplink} ")].iter().any(|port| line.starts_with(port));
        let text = text.replace("Gi1/0/3 ", &format!("{stack} "));
        let text = text.lines().filter(|line| !is_old(line));
        let text = text.map(|line| line.replace("Po1", uplink).replace("Gi1/0/3", stack)).collect::<Vec<_>>();
        text.join("\r\n") + "\r\n"
    };
    let interfaces = answer("show_interfaces_description")
        + &format!("{uplink:<30} up             up       baie 2\r\n")
        + if name == "Labo-B-1" { "Gi2/0/3                        up             up       N2C03-01\r\n" } else { "" };
    // A phone in front of a PC; five more machines on the small switch.
    let more: String = match name {
        "Labo-A-1" => " 511    024c.4200.9001    DYNAMIC     Gi1/0/1\r\n".to_owned(),
        "Labo-A-2" => ["11", "12", "13", "14", "15"]
            .map(|n| format!(" 512    024c.4200.90{n}    DYNAMIC     Gi1/0/5\r\n"))
            .concat(),
        _ => String::new(),
    };
    let macs = answer("show_mac_address-table").replace("Total Mac", &format!("{more}Total Mac"));
    let lldp = |port: &str, letters: &str| {
        format!(
            "------------------------------------------------\r\nLocal Intf: {port}\r\nChassis id: 0200.5e00.0101\r\nSystem Capabilities: B,R,T\r\nEnabled Capabilities: {letters}\r\n"
        )
    };
    let log = "*Mar  1 00:12:03: %SW_MATM-4-MACFLAP_NOTIF: Host 024c.4200.9001 in vlan 511 is flapping between port Gi1/0/1 and port Gi1/0/9\r\n";
    let cdp = format!(
        "-------------------------\r\nDevice ID: core\r\nPlatform: cisco WS-C3850,  Capabilities: Router Switch IGMP \r\nInterface: GigabitEthernet{},  Port ID (outgoing port): GigabitEthernet1/0/2\r\n",
        &uplink[2..]
    );
    let mut answers = BTreeMap::from([("show interfaces description", interfaces), ("show mac address-table", macs)]);
    match name {
        "Labo-A-1" => {
            let all = lldp(uplink, "B,R") + &lldp("Gi1/0/1", "B,T") + log + &lldp("Gi1/0/2", "S");
            answers.insert("show lldp neighbors detail", all + "\r\nTotal entries displayed: 3\r\n");
        }
        "Labo-A-2" => {
            answers.insert("show lldp neighbors detail", "% LLDP is not enabled\r\n".to_owned());
            answers.insert("show cdp neighbors detail", cdp);
        }
        _ => {
            answers.insert("show cdp neighbors detail", cdp);
        }
    }
    Switch::new(Manner { answers, ..Manner::default() })
}

#[test]
fn neighbours_tell_outlets_from_uplinks_where_no_lease_does() {
    let snoop = |name: &str| format!("replay/tftp.labo.example/files/var/lib/tftpboot/snoop/{name}");
    let none = "2c0ffee1\nTYPE DHCP-SNOOPING\nVERSION 1\nBEGIN\nEND\n";
    let lab =
        ["labo-A-1", "labo-A-2", "labo-B-1"].iter().fold(Lab::complete(), |lab, name| lab.with(&snoop(name), none));
    let park = Park::with(lab, neighbourly);
    // The logs end years ago.
    park.lab.jeton(&format!("{NIGHT} --no-push")).exits(3);
    let seat = |row: &Row| (row["hostname"].clone(), row["port"].clone(), row["outlet"].clone());
    let found: BTreeSet<_> = rows_of(&park.lab.jeton("sessions --format csv").exits(0).out).iter().map(seat).collect();
    let mut truth: BTreeSet<_> = crate::support::truth().iter().map(seat).collect();
    truth.retain(|(hostname, ..)| hostname != "LABO-PC-03");
    truth.insert(("LABO-PC-03".to_owned(), "2/0/3".to_owned(), "N2C03-01".to_owned()));
    assert_eq!(found, truth);
    // Where a machine was found, and when, is told beside where it is.
    park.lab.jeton("resolve 10.20.11.11 --format csv").exits(0).says("RJ1A01-01 from 2021-12-08 to 20");
}

#[test]
fn one_nights_clock_that_is_years_ahead_of_the_logs_forgets_nothing() {
    let park = Park::new();
    let lab = park.lab.edit("jeton.toml", |text| text.to_owned() + "\n[privacy]\nnamed = \"12 months\"\n");
    let named = |lab: &Lab| lab.text(HISTORY).contains("camille");
    // The logs end years before this machine's clock: it may be wrong.
    lab.jeton("nightly --since 2021-12-08 -v").complains("clock ahead");
    assert!(named(&lab) && !lab.path("out/privacy.log").exists());
    // Two nights say so, and the logs say nothing else: then it is right.
    lab.jeton("nightly -v").complains_not("clock ahead");
    assert!(!named(&lab));
    assert!(lab.text("out/privacy.log").contains("names before "));
    // What others can read on the server is forgotten too.
    let pushed = fs::read_to_string(park.sshd.home().join(PUSHED)).unwrap();
    assert!(pushed.lines().count() > 10 && !pushed.contains("camille"), "{pushed}");
}
