//! Hosts over SSH: current servers and the switches of twenty years.
//!
//! - `connection`: resolved, connected, agreed (`algorithms`), the key checked (`known_hosts`), logged in (`login`,
//!   `key_file`, `password`);
//! - `wire`: the socket that is cut when time is up;
//! - `commands`: by `exec`, or typed into a `shell`; `reading` and `screen` are how answers are heard;
//! - `files`: by SFTP;
//! - `failure`: what went wrong, what to do, and whether trying again can help.

mod algorithms;
mod bytes;
mod commands;
mod connection;
mod exec;
mod failure;
mod files;
mod key_file;
mod known_hosts;
mod login;
mod password;
mod reading;
mod screen;
mod shell;
mod wire;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fs_err::os::unix::fs::OpenOptionsExt;

use super::remote::{Command, Files, Host, ProbeStep, Probed, Remote, RemoteError, UnknownKey};
use crate::config;
use connection::Connection;
use failure::{Failure, Outlook};
use files::SshFiles;
use known_hosts::KnownHosts;

/// What a login needs that may not ask a switch.
const ENABLE: &str = "give the login the privilege level of these commands (15, or `privilege exec level`); jeton types no \
                      `enable`";
/// The largest file of a folder: a snooping file of the most leases that a switch can hold has a third of that.
const MOST_OF_A_FILE: u64 = 16 << 20;

/// The hosts, over SSH.
#[derive(Debug)]
pub struct Ssh {
    settings: config::Ssh,
    /// Held while `known_hosts` is written to: hosts are probed in parallel.
    accepting: Mutex<()>,
}

impl Ssh {
    /// A way to all hosts, with what `[ssh]` says. Nothing is read or opened yet.
    pub fn new(settings: &config::Ssh) -> Self {
        Self { settings: settings.clone(), accepting: Mutex::default() }
    }

    /// A session with a host, logged in.
    fn connect(&self, host: &Host, whole: Instant) -> Result<Connection, Failure> {
        let known = self.known_hosts()?;
        let connection = connection::reach(self, host, &known, whole)?;
        connection::check_key(self, host, &known, &connection, UnknownKey::Refuse)?;
        connection::log_in(self, host, &connection)?;
        Ok(connection)
    }

    fn known_hosts(&self) -> Result<KnownHosts, Failure> {
        match fs_err::read(&self.settings.known_hosts) {
            Ok(bytes) => Ok(KnownHosts::parse(&String::from_utf8_lossy(&bytes))),
            // Then no host is known, and each of them is told so.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(KnownHosts::default()),
            Err(error) => Err(Failure::new(error).at("host key").remedy("mend `known_hosts` in jeton.toml")),
        }
    }

    /// Adds a line to `known_hosts`, unless it is there.
    fn accept(&self, line: &str) -> std::io::Result<()> {
        let _alone = self.accepting.lock().unwrap_or_else(PoisonError::into_inner);
        let path = &self.settings.known_hosts;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut file = fs_err::OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        if text.lines().any(|known| known == line.trim_end()) {
            return Ok(());
        }
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        file.write_all(format!("{gap}{line}").as_bytes())
    }

    /// How long a connection to a host may take.
    fn connect_timeout(&self, host: &Host) -> Duration {
        host.connect_timeout.unwrap_or(self.settings.connect_timeout)
    }

    /// How long a command on a host may take.
    fn command_timeout(&self, host: &Host) -> Duration {
        host.command_timeout.unwrap_or(self.settings.command_timeout)
    }

    /// The attempts at a host of which so much is asked: each step has its time, and all of them together no more than that,
    /// a second attempt included.
    fn attempts(&self, host: &Host, n_commands: u32) -> Attempts {
        let whole =
            self.connect_timeout(host) * 2 + self.command_timeout(host).saturating_mul(n_commands.saturating_add(1));
        Attempts { ends: Instant::now() + whole, is_second: false }
    }
}

/// Up to two attempts at a host, within its time.
struct Attempts {
    ends: Instant,
    is_second: bool,
}

impl Attempts {
    /// Waits a little, so that not all come again at the same time; or gives the failure back, where a second attempt cannot
    /// help, or was made.
    fn again(&mut self, failure: Failure) -> Result<(), Failure> {
        let pause = Duration::from_millis(500 + fastrand::u64(..1000));
        if self.is_second || failure.outlook() != Outlook::Again || Instant::now() + pause >= self.ends {
            return Err(failure);
        }
        self.is_second = true;
        thread::sleep(pause);
        Ok(())
    }
}

impl Remote for Ssh {
    fn files<'a>(&'a self, host: &Host) -> Result<Box<dyn Files + 'a>, RemoteError> {
        Ok(Box::new(SshFiles::open(self, host)?))
    }

    fn run(&self, host: &Host, commands: &[Command]) -> Vec<Result<Vec<u8>, RemoteError>> {
        commands::run(self, host, commands)
    }

    fn probe(&self, host: &Host, unknown_key: UnknownKey) -> Vec<Probed> {
        let mut probe = Probe { host, done: Vec::new() };
        let whole = self.attempts(host, 0).ends;
        let known = match self.known_hosts() {
            Ok(known) => known,
            Err(failure) => {
                probe.note(ProbeStep::HostKey, Instant::now(), Err(failure));
                return probe.done;
            }
        };
        let began = Instant::now();
        let reached = connection::reach(self, host, &known, whole);
        let said = reached.as_ref().map(|_| format!("{} answers", host.address)).map_err(Clone::clone);
        probe.note(ProbeStep::Reach, began, said);
        let Ok(connection) = reached else { return probe.done };
        let checked = connection::check_key(self, host, &known, &connection, unknown_key);
        if probe.note(ProbeStep::HostKey, Instant::now(), checked) {
            probe.note(ProbeStep::Login, Instant::now(), connection::log_in(self, host, &connection));
        }
        probe.done
    }

    fn fetch_folder(&self, host: &Host, folder: &str) -> Result<BTreeMap<String, Vec<u8>>, RemoteError> {
        SshFiles::open(self, host)?.folder(folder, MOST_OF_A_FILE)
    }
}

/// The steps of a probe so far.
struct Probe<'a> {
    host: &'a Host,
    done: Vec<Probed>,
}

impl Probe<'_> {
    /// Adds how a step ended; whether it succeeded.
    fn note(&mut self, step: ProbeStep, began: Instant, outcome: Result<String, Failure>) -> bool {
        let outcome = outcome.map_err(|failure| failure.of(self.host));
        let is_well = outcome.is_ok();
        self.done.push(Probed { step, outcome, took: began.elapsed() });
        is_well
    }
}
