//! How long a night waits for its switches: 20 of them, each of which takes 500 ms to answer a command, all asked at the same
//! time. The goal is 1.5 times what one of them takes.
//!
//! The switches are played on this machine, so their side of the work is measured too.

#[path = "../tests/support/switch.rs"]
#[expect(dead_code, reason = "the tests know more of its manners")]
mod switch;

use std::collections::BTreeSet;
use std::io::Write;
use std::time::{Duration, Instant};

use jeton::config::Config;
use jeton::network::Ssh;
use jeton::network::survey::ask_switches;

use switch::{Manner, Switch, make_key};

const N: usize = 20;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let switches: Vec<Switch> =
        (0..N).map(|_| Switch::new(Manner { delay: Duration::from_millis(500), ..Manner::default() })).collect();
    make_key(&folder.path().join("id"), "ed25519", "");
    let config = config(folder.path(), &switches);
    let remote = Ssh::new(&config.ssh);
    let all: BTreeSet<String> = config.switches.iter().map(|switch| switch.name.clone()).collect();
    let time = |names: &BTreeSet<String>| {
        let began = Instant::now();
        let heard = ask_switches(&config, &remote, names, &|_| {});
        assert!(heard.gaps.is_empty(), "{:?}", heard.gaps);
        began.elapsed().as_secs_f64()
    };
    let one_at_a_time: Vec<f64> = all.iter().map(|name| time(&BTreeSet::from([name.clone()]))).collect();
    let slowest = one_at_a_time.iter().copied().fold(0.0, f64::max);
    let together = time(&all);
    let _ = writeln!(
        std::io::stderr(),
        "{N} switches: {together:.2} s together, {slowest:.2} s for the slowest alone, {:.1} s one after the other: \
         {:.2} times the slowest",
        one_at_a_time.iter().sum::<f64>(),
        together / slowest,
    );
}

fn config(folder: &std::path::Path, switches: &[Switch]) -> Config {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        let mut file = fs_err::OpenOptions::new().create(true).append(true).open(&path).expect("a writable folder");
        file.write_all(text.as_bytes()).expect("room");
        path
    };
    write("dhcpd-1.conf", "");
    write("Ordinateurs.ods", "");
    write("known_hosts", &switches.iter().map(|switch| switch.known.as_str()).collect::<String>());
    let entries = switches.iter().enumerate().map(|(index, switch)| {
        format!("[[switches]]\nname = \"S-{index}\"\naddress = \"127.0.0.1\"\nport = {}\n", switch.port)
    });
    let text = format!(
        "vlans = []\n[site]\nname = \"LABO\"\ntimezone = \"Europe/Paris\"\n[inputs]\ncomputers = \"Ordinateurs.ods\"\ndhcp = \
         [\"dhcpd-1.conf\"]\n[origin]\nhost = \"o.example\"\naddress = \"10.0.0.1\"\nport = 1\nlogwatch = \"l\"\n[tftp]\nhost = \
         \"t.example\"\nsnooping = \"/s\"\n[ssh]\nkey = \"id\"\nknown_hosts = \"known_hosts\"\nparallel = {N}\n{}[output]\n\
         directory = \"out\"\n",
        entries.collect::<String>()
    );
    Config::load(&write("jeton.toml", &text)).expect("a whole configuration")
}
