//! This machine: its key, its known_hosts, and how it asks.

use std::path::PathBuf;
use std::time::Duration;

use fs_err as fs;
use jeton::config;
use jeton::network::{Command, Host, ProbeStep, Remote, Ssh, UnknownKey};
use tempfile::TempDir;

use crate::sshd::Sshd;
use crate::switch::{Manner, Switch, kept_key};

pub(crate) const SHOW: [&str; 2] = ["show interfaces description", "show mac address-table"];

/// A user of SSH with a folder of its own.
pub(crate) struct Client {
    pub(crate) settings: config::Ssh,
    folder: TempDir,
}

impl Client {
    /// Somebody who knows these hosts, and may take long: no test waits for a deadline but those about deadlines.
    pub(crate) fn knowing(known: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = config::Ssh {
            user: Some("jeton".to_owned()),
            key: Some(key()),
            known_hosts: folder.path().join("known_hosts"),
            port: 22,
            connect_timeout: Duration::from_secs(60),
            command_timeout: Duration::from_secs(60),
            parallel: 20,
        };
        let client = Self { settings, folder };
        client.append("known_hosts", known);
        client
    }

    /// The same, but with so many seconds only for a connection, and for a command.
    pub(crate) fn within(mut self, connect_s: u64, command_s: u64) -> Self {
        self.settings.connect_timeout = Duration::from_secs(connect_s);
        self.settings.command_timeout = Duration::from_secs(command_s);
        self
    }

    /// Adds to a file of this user; where it is.
    pub(crate) fn append(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        path
    }

    pub(crate) fn known_hosts(&self) -> String {
        fs::read_to_string(&self.settings.known_hosts).unwrap()
    }

    pub(crate) fn ssh(&self) -> Ssh {
        Ssh::new(&self.settings)
    }

    /// What a host answers to both commands, each as text or as the message of its failure.
    pub(crate) fn show(&self, host: &Host) -> [Result<String, String>; 2] {
        let commands = SHOW.map(Command::show);
        let answers = self.ssh().run(host, &commands).into_iter();
        let told = answers
            .map(|answer| answer.map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|error| error.to_string()));
        told.collect::<Vec<_>>().try_into().unwrap()
    }

    /// The steps of a probe with what was found, or the message of the failure.
    pub(crate) fn probe(&self, host: &Host, unknown: UnknownKey) -> Vec<(ProbeStep, Result<String, String>)> {
        let steps = self.ssh().probe(host, unknown).into_iter();
        steps.map(|probed| (probed.step, probed.outcome.map_err(|error| error.to_string()))).collect()
    }
}

/// A switch on this machine.
pub(crate) fn host(switch: &Switch) -> Host {
    Host {
        name: "Labo-A-1".to_owned(),
        address: "127.0.0.1".to_owned(),
        user: Some("jeton".to_owned()),
        key: Some(key()),
        port: switch.port,
        password_command: None,
        legacy: false,
        connect_timeout: None,
        command_timeout: None,
    }
}

/// A server on this machine.
pub(crate) fn server(sshd: &Sshd) -> Host {
    Host {
        name: "origin.labo.example".to_owned(),
        address: "127.0.0.1".to_owned(),
        user: Some(sshd.user.clone()),
        key: Some(sshd.key()),
        port: sshd.port,
        password_command: None,
        legacy: false,
        connect_timeout: None,
        command_timeout: None,
    }
}

/// A switch, its host, and somebody who knows it.
pub(crate) fn plugged(manner: Manner) -> (Switch, Host, Client) {
    let switch = Switch::new(manner);
    let (host, client) = (host(&switch), Client::knowing(&switch.known));
    (switch, host, client)
}

/// A key that every switch takes, unless it wants a password.
fn key() -> PathBuf {
    kept_key("login", "ed25519")
}
