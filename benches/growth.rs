//! How time and memory grow with each kind of input: the program itself, on 1, 2, 4 and 8 times as much of it.
//!
//! ```text
//! cargo bench --bench growth > docs/growth.md
//! ```
//!
//! Without `--bench` (as `cargo test` runs it) each kind is tried once, on little.

#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

#[path = "simulator/mod.rs"]
mod simulator;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fs_err as fs;
use simulator::Laboratory;
use simulator::bulk::is_test;

/// What a run took: the time, and the most memory in MB.
#[derive(Clone, Copy)]
struct Cost {
    time: Duration,
    memory_mb: f64,
}

/// A kind of input.
struct Kind {
    name: &'static str,
    /// How much of it is one time.
    unit: usize,
    of: &'static str,
    /// Writes so much of it into a folder.
    write: fn(&Path, usize),
    /// What reads it there.
    command: &'static str,
}

const KINDS: [Kind; 11] = [
    Kind {
        name: "days",
        unit: 30,
        of: "days of 60 people",
        write: days,
        command: "users --logwatch logwatch --since 2000-01-01 --format csv",
    },
    Kind {
        name: "blocks",
        unit: 5_000,
        of: "blocks of one day",
        write: blocks,
        command: "users --logwatch logwatch --since 2000-01-01 --format csv",
    },
    Kind {
        name: "sockets per block",
        unit: 100,
        of: "sockets in each of 2,000 blocks",
        write: sockets,
        command: "users --logwatch logwatch --since 2000-01-01 --format csv",
    },
    Kind {
        name: "identities",
        unit: 10_000,
        of: "people with a token each",
        write: identities,
        command: "users --logwatch logwatch --since 2000-01-01 --format csv",
    },
    Kind {
        name: "open tokens",
        unit: 5_000,
        of: "tokens that never come back",
        write: open_tokens,
        command: "users --logwatch logwatch --since 2000-01-01 --format csv",
    },
    Kind {
        name: "tokens in lmstat",
        unit: 6_000,
        of: "tokens in one answer",
        write: lmstat,
        command: "nightly --no-push",
    },
    Kind { name: "hosts", unit: 5_000, of: "declarations", write: hosts, command: "inventory --format csv" },
    Kind {
        name: "hosts of one MAC address",
        unit: 2_500,
        of: "declarations",
        write: hosts_of_one,
        command: "inventory --format csv",
    },
    Kind { name: "switches", unit: 25, of: "switches of 50 ports", write: switches, command: "nightly --no-push" },
    Kind {
        name: "imported lines, with a day",
        unit: 10_000,
        of: "lines",
        write: dated_lines,
        command: "history import old",
    },
    Kind {
        name: "imported lines, without one",
        unit: 10_000,
        of: "lines",
        write: undated_lines,
        command: "history import old",
    },
];

const CONFIG: &str = r#"
[site]
name = "LABO"
timezone = "Europe/Paris"
[inputs]
computers = "computers.xlsx"
dhcp = ["dhcpd-*.conf"]
[origin]
host = "origin"
address = "10.14.14.20"
port = 60213
logwatch = "logwatch"
lmstat = "lmstat -a"
seats = 100000
[tftp]
host = "tftp"
snooping = "snoop"
[[vlans]]
id = 511
name = "LABO-DPT1-CHIM"
department = "DPT1"
[[switches]]
name = "SW"
address = "10.1.255.255"
[output]
directory = "out"
[report]
formats = ["csv"]
[remote]
replay = "replay"
"#;

fn main() {
    let times: &[usize] = if is_test() { &[1] } else { &[1, 2, 4, 8] };
    print!(
        "# Growth\n\nTime and most memory of the program on 1, 2, 4 and 8 times as much input of each kind, by\n\
         `cargo bench --bench growth > docs/growth.md`. The last column is the power of the input with which the time grows,\n\
         between the two greatest: 1 is linear, and what is sorted is a little above it.\n\n\
         | input | 1 × | 2 × | 4 × | 8 × | power |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for kind in &KINDS {
        let costs: Vec<Cost> = times
            .iter()
            .map(|times| {
                let amount = if is_test() { (kind.unit / 50).max(2) } else { kind.unit * times };
                cost(kind, amount)
            })
            .collect();
        print!("| {}: {} {}", kind.name, kind.unit, kind.of);
        for cost in &costs {
            print!(" | {:.2} s, {:.0} MB", cost.time.as_secs_f64(), cost.memory_mb);
        }
        let power = match costs.as_slice() {
            [.., before, last] => (last.time.as_secs_f64() / before.time.as_secs_f64()).log2(),
            _ => f64::NAN,
        };
        println!(" | {power:.2} |");
    }
}

fn cost(kind: &Kind, amount: usize) -> Cost {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    fs::write(path.join("jeton.toml"), CONFIG).expect("a file");
    fs::create_dir_all(path.join("replay")).expect("a folder");
    declarations(path, 10, |host| host);
    (kind.write)(path, amount);
    let begin = Instant::now();
    let mut run = Command::new(env!("CARGO_BIN_EXE_jeton"));
    let errors = fs::File::create(path.join("errors")).expect("a file").into_parts().0;
    run.current_dir(path).args(kind.command.split(' ')).stdout(Stdio::null()).stderr(errors);
    let mut child = run.spawn().expect("jeton");
    let status = path_of_status(child.id());
    let mut memory_kb = 0;
    let code = loop {
        memory_kb = most_memory_kb(&status).unwrap_or(0).max(memory_kb);
        match child.try_wait().expect("a child") {
            Some(code) => break code,
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let time = begin.elapsed();
    let said = fs::read_to_string(path.join("errors")).unwrap_or_default();
    assert!(matches!(code.code(), Some(0 | 3)), "{}: {amount}: {code}: {said}", kind.name);
    Cost { time, memory_mb: memory_kb as f64 / 1024.0 }
}

fn path_of_status(process: u32) -> String {
    format!("/proc/{process}/status")
}

fn most_memory_kb(status: &str) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    text.lines().find(|line| line.starts_with("VmHWM:"))?.split_whitespace().nth(1)?.parse().ok()
}

fn days(folder: &Path, amount: usize) {
    let days = u32::try_from(amount).expect("few");
    let lab = Laboratory { days, users: 60, seats: 40, debug_log: false, lmstat: false, ..Laboratory::default() };
    lab.run(std::io::BufWriter::new(fs::File::create(folder.join("logwatch")).expect("a file"))).expect("a logwatch");
}

/// A clock of a day by seconds.
fn clock(second: usize) -> String {
    let second = second % 86_400;
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// The date line of a block.
fn date(second: usize) -> String {
    let day = 6 + second / 86_400;
    let date = chrono::NaiveDate::from_ymd_opt(2021, 12, 1).expect("a day") + chrono::Days::new(day as u64 - 1);
    format!("{} CET {}\n", date.format("%a %b %e").to_string() + " " + &clock(second), date.format("%Y"))
}

fn socket(host: usize, port: usize, waiting: usize) -> String {
    let ip = format!("10.{}.{}.{}", 20 + host / 62_500, host / 250 % 250, host % 250 + 1);
    format!("ESTAB 0 {waiting} [::ffff:10.14.14.20]:60213 [::ffff:{ip}]:{port}\n")
}

fn token(second: usize, verb: &str, who: usize) -> String {
    format!("{} (orglab) {verb}: \"OriginPro\" user{who}@PC-{who}\n", clock(second))
}

/// One block after the other, each with a token that is taken or given back.
fn tokens(folder: &Path, n: usize, step: usize, line: impl Fn(usize) -> (&'static str, usize), sockets: usize) {
    let mut text = String::new();
    for block in 0..n {
        let (verb, who) = line(block);
        text += &date(block * step);
        for other in 0..sockets {
            text += &socket(100_000 + other, 50_000 + other % 9_000, 0);
        }
        text += &socket(who, 50_000 + who % 9_000, if verb == "OUT" { 432 } else { 0 });
        text += &token(block * step, verb, who);
    }
    fs::write(folder.join("logwatch"), text).expect("a file");
}

fn taken_and_given_back(block: usize, people: usize) -> (&'static str, usize) {
    (if block.is_multiple_of(2) { "OUT" } else { "IN" }, block / 2 % people)
}

fn blocks(folder: &Path, amount: usize) {
    tokens(folder, amount, 1, |block| taken_and_given_back(block, 50), 0);
}

fn sockets(folder: &Path, amount: usize) {
    tokens(folder, 2_000, 30, |block| taken_and_given_back(block, 50), amount);
}

fn identities(folder: &Path, amount: usize) {
    tokens(folder, 2 * amount, 10, |block| taken_and_given_back(block, usize::MAX), 0);
}

fn open_tokens(folder: &Path, amount: usize) {
    // All of one day: each token has a piece for each day that it is out.
    tokens(folder, amount, 1, |block| ("OUT", block), 0);
}

fn lmstat(folder: &Path, amount: usize) {
    let host = folder.join("replay/origin");
    fs::create_dir_all(host.join("files")).expect("a folder");
    fs::create_dir_all(host.join("commands")).expect("a folder");
    blocks(&host.join("files"), 1_000);
    let mut text = format!(
        "lmutil - Copyright (c) 1989-2021 Flexera.\nFlexible License Manager status on Mon 12/6/2021 12:00\n\n\
         Users of OriginPro:  (Total of 100000 licenses issued;  Total of {amount} licenses in use)\n\n\
         \x20 \"OriginPro\" v10.0, vendor: orglab\n  floating license\n\n"
    );
    for who in 0..amount {
        let _ = writeln!(text, "    user{who} PC-{who} PC-{who} (v10.0) (origin/27000 {who}), start Mon 12/6 11:00");
    }
    fs::write(host.join("commands/lmstat.txt"), text).expect("a file");
}

fn declarations(folder: &Path, n: usize, mac: impl Fn(usize) -> usize) {
    let mut conf = String::from("#vlan: 511 (LABO-DPT1-CHIM)\nsubnet 10.20.0.0 netmask 255.255.0.0 {\n");
    let mut book = rust_xlsxwriter::Workbook::new();
    let table = book.add_worksheet();
    let mut row = |row: usize, cells: [&str; 3]| {
        for (column, cell) in (0..).zip(cells) {
            table.write_string(u32::try_from(row).expect("few"), column, cell).expect("a cell");
        }
    };
    row(0, ["Nom de la machine", "Adresse Mac", "Sous-réseau"]);
    for host in 0..n {
        let m = mac(host);
        let mac = format!("02:00:00:{:02x}:{:02x}:{:02x}", m / 65_536, m / 256 % 256, m % 256);
        let ip = format!("10.20.{}.{}", host / 250 % 250, host % 250 + 1);
        let _ = writeln!(conf, "host PC-{host} {{ hardware ethernet {mac}; fixed-address {ip}; }}");
        row(host + 1, [&format!("PC-{host}"), &mac, "511"]);
    }
    fs::write(folder.join("dhcpd-1.conf"), conf + "}\n").expect("a file");
    book.save(folder.join("computers.xlsx")).expect("a file");
}

fn hosts(folder: &Path, amount: usize) {
    declarations(folder, amount, |host| host);
}

fn hosts_of_one(folder: &Path, amount: usize) {
    declarations(folder, amount, |_| 7);
}

/// Each switch knows the machines of its ports, by their MAC addresses alone.
fn switches(folder: &Path, amount: usize) {
    const PORTS: usize = 50;
    declarations(folder, amount * PORTS, |host| host);
    fs::create_dir_all(folder.join("replay/origin/files")).expect("a folder");
    tokens(
        &folder.join("replay/origin/files"),
        2 * amount * PORTS,
        20,
        |block| taken_and_given_back(block, usize::MAX),
        0,
    );
    let mut config = CONFIG.to_owned();
    for switch in 0..amount {
        let _ = write!(
            config,
            "\n[[switches]]\nname = \"SW-{switch}\"\naddress = \"10.1.{}.{}\"\n",
            switch / 250,
            switch % 250 + 1
        );
        let commands = folder.join(format!("replay/SW-{switch}/commands"));
        fs::create_dir_all(&commands).expect("a folder");
        let (mut ports, mut table) =
            (String::from("Interface                      Status         Protocol Description\n"), String::new());
        for port in 0..PORTS {
            let m = switch * PORTS + port;
            let _ = writeln!(ports, "Gi1/0/{port:<4}   up             up       P-{m}");
            let _ = writeln!(table, " 511    0200.00{:02x}.{:04x}    DYNAMIC     Gi1/0/{port}", m / 65_536, m % 65_536);
        }
        fs::write(commands.join("show_interfaces_description.txt"), ports).expect("a file");
        fs::write(commands.join("show_mac_address-table.txt"), table).expect("a file");
    }
    fs::write(folder.join("jeton.toml"), config).expect("a file");
}

fn history(folder: &Path, n: usize, line: impl Fn(usize) -> String) {
    fs::write(folder.join("old"), (0..n).map(line).collect::<String>()).expect("a file");
}

fn dated_lines(folder: &Path, amount: usize) {
    history(folder, amount, |line| {
        let (day, who) = (line / 50, line % 50);
        let day = chrono::NaiveDate::from_ymd_opt(2001, 1, 1).expect("a day") + chrono::Days::new(day as u64);
        format!(
            "{{'ip': '10.20.1.{who}', 'origin_name': 'user{who}@PC-{who}', 'connexion time': '7.5 min', 'date': '{day}'}}\n"
        )
    });
}

fn undated_lines(folder: &Path, amount: usize) {
    history(folder, amount, |line| {
        let who = line % 200;
        format!("{{'ip': '10.20.1.{who}', 'origin_name': 'user{who}@PC-{who}', 'hostname': 'PC-{}'}}\n", line / 200)
    });
}
