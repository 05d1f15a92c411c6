//! Hosts that are talked to: the licence server, the tftp host, the switches.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::{Config, Switch};

/// A way to talk to hosts: SSH, or a folder that answers in their place ([`super::Replay`]).
///
/// Each call is one session with one host, opened and closed within; calls may come from several threads, never two at
/// a time for one switch, as switches have few lines.
pub trait Remote: Sync {
    /// A file of any size, as a file on this machine. A relative path is in the login's home there.
    fn fetch(&self, host: &Host, path: &str) -> Result<Fetched, RemoteError>;

    /// The plain files of a folder by their names, without those whose name begins with a dot.
    fn fetch_folder(&self, host: &Host, path: &str) -> Result<BTreeMap<String, Vec<u8>>, RemoteError>;

    /// What commands print, one answer for each in their order; a host that cannot be reached fails each of them.
    fn run(&self, host: &Host, commands: &[Command]) -> Vec<Result<Vec<u8>, RemoteError>>;

    /// Writes a whole file there, beside its place first and then renamed.
    fn push(&self, host: &Host, path: &str, content: &[u8]) -> Result<(), RemoteError>;
}

/// A host, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name in `jeton.toml`: the folder of a replay, and what gaps name.
    pub name: String,
    /// An address or a name that resolves.
    pub address: String,
    /// The login; the local user's where absent.
    pub user: Option<String>,
    /// A private key file; the agent where absent.
    pub key: Option<PathBuf>,
    /// The TCP port.
    pub port: u16,
    /// A local command that prints the password.
    pub password_command: Option<String>,
    /// Whether old algorithms are allowed.
    pub legacy: bool,
}

impl Host {
    /// The licence server.
    pub fn origin(config: &Config) -> Self {
        Self::named(config, &config.origin.host)
    }

    /// The tftp host.
    pub fn tftp(config: &Config) -> Self {
        Self::named(config, &config.tftp.host)
    }

    /// One of `[[switches]]`, whose own settings go before `[ssh]`'s.
    pub fn switch(config: &Config, switch: &Switch) -> Self {
        let host = Self::named(config, &switch.name);
        Self {
            address: switch.address.clone(),
            user: switch.user.clone().or(host.user),
            key: switch.key.clone().or(host.key),
            port: switch.port.unwrap_or(host.port),
            password_command: switch.password_command.clone(),
            legacy: switch.legacy,
            name: host.name,
        }
    }

    fn named(config: &Config, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            address: name.to_owned(),
            user: config.ssh.user.clone(),
            key: config.ssh.key.clone(),
            port: config.ssh.port,
            password_command: None,
            legacy: false,
        }
    }
}

/// A command for a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    name: String,
    line: String,
}

impl Command {
    /// `lmstat -a`, as `jeton.toml` writes it.
    pub fn lmstat(line: &str) -> Self {
        Self { name: "lmstat".to_owned(), line: line.to_owned() }
    }

    /// A command of a switch, `show interfaces description`.
    pub fn show(line: &str) -> Self {
        Self { name: line.replace(' ', "_"), line: line.to_owned() }
    }

    /// Its name in a replay: `commands/<name>.txt`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is typed.
    pub fn line(&self) -> &str {
        &self.line
    }
}

/// A fetched file on this machine; a temporary one goes when this is dropped.
#[derive(Debug)]
pub enum Fetched {
    /// A file that stays.
    Kept(PathBuf),
    /// A download.
    Temporary(tempfile::NamedTempFile),
}

impl Fetched {
    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(file) => file.path(),
        }
    }
}

/// Why a host did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host}: {step}: {cause}")]
pub struct RemoteError {
    /// The host's name.
    pub host: String,
    /// What was being done: `connect`, `read /var/log/x`, `show interfaces description`.
    pub step: String,
    /// What went wrong.
    pub cause: String,
}

impl RemoteError {
    /// A failure of this host in this step.
    pub fn new(host: &Host, step: impl Into<String>, cause: impl std::fmt::Display) -> Self {
        Self { host: host.name.clone(), step: step.into(), cause: cause.to_string() }
    }

    /// The failure without the host, for a gap that names it already.
    pub fn reason(&self) -> String {
        format!("{}: {}", self.step, self.cause)
    }
}
