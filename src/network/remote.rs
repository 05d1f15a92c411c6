//! Hosts that are talked to: the licence server, the tftp host, the switches.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::config::{Config, Login, Switch};

/// A way to talk to hosts: SSH, a folder that answers in their place ([`super::Replay`]), or a recorder around either.
///
/// Calls may come from several threads, never two at a time for one switch, as switches have few lines.
pub trait Remote: Sync {
    /// Opens a session for the files of a host: one connection, closed when the value is dropped.
    fn files<'a>(&'a self, host: &Host) -> Result<Box<dyn Files + 'a>, RemoteError>;

    /// What commands print, one answer for each in their order; a host that cannot be reached fails each of them. One
    /// session, opened and closed within.
    fn run(&self, host: &Host, commands: &[Command]) -> Vec<Result<Vec<u8>, RemoteError>>;

    /// Tries a host step by step, up to the first that fails: reached, its key known, logged in. The time that each step
    /// took is its own.
    fn probe(&self, host: &Host, unknown_key: UnknownKey) -> Vec<Probed>;

    /// Whether hosts change while they are asked. What a folder answers in their place is the same today and tomorrow: it
    /// needs no copy, and its newest line is its present.
    fn is_live(&self) -> bool {
        true
    }

    /// The moment of a recorded night.
    fn recorded_now(&self) -> Option<DateTime<Utc>> {
        None
    }

    /// Is told the moment of the night, for whoever records it.
    fn note_now(&self, _now: DateTime<Utc>) -> std::io::Result<()> {
        Ok(())
    }

    /// The plain files of a folder by their names, in one session.
    fn fetch_folder(&self, host: &Host, folder: &str) -> Result<BTreeMap<String, Vec<u8>>, RemoteError> {
        let mut files = self.files(host)?;
        let names = files.list(folder)?;
        let path = |name: &str| format!("{}/{name}", folder.trim_end_matches('/'));
        names.into_keys().map(|name| files.bytes(&path(&name)).map(|bytes| (name, bytes))).collect()
    }
}

/// An open session for the files of a host. A relative path is in the login's home there, and so is `~/x`; the folder ``
/// is that home.
pub trait Files {
    /// A file's size and time; `None` where nothing is there. What is no plain file is an error.
    fn stat(&mut self, path: &str) -> Result<Option<FileStat>, RemoteError>;

    /// The plain files of a folder (links are followed) by their names, without those whose name begins with a dot.
    fn list(&mut self, folder: &str) -> Result<BTreeMap<String, FileStat>, RemoteError>;

    /// Writes a file's bytes into `out`, from the offset `from` on, at most `most` of them; how many there were. Past the
    /// end there are none.
    fn read(&mut self, path: &str, from: u64, most: u64, out: &mut dyn Write) -> Result<u64, RemoteError>;

    /// Puts a whole file there: uploaded beside its place, synced, then moved into it; a file that was there keeps its
    /// permissions, a new one has 0640. Where the file is not what `seen` says just before the move ([`None`]: not
    /// there), as somebody else wrote meanwhile, nothing is changed.
    fn replace(&mut self, path: &str, content: &[u8], seen: Option<FileStat>) -> Result<Replaced, RemoteError>;

    /// Tries whether [`Files::replace`] could put a file there: one is made beside its place, and taken away.
    fn try_replace(&mut self, path: &str) -> Result<(), RemoteError>;

    /// A whole file in memory; what is longer than [`IN_MEMORY`] is an error.
    fn bytes(&mut self, path: &str) -> Result<Vec<u8>, RemoteError> {
        let mut bytes = Vec::new();
        self.read(path, 0, u64::MAX, &mut Within::new(&mut bytes, IN_MEMORY))?;
        Ok(bytes)
    }

    /// How much of one file may be read or unpacked.
    fn most(&self) -> u64 {
        u64::MAX
    }

    /// Where the file lies on this machine already; nothing needs to be copied then.
    fn local(&mut self, _path: &str) -> Option<PathBuf> {
        None
    }
}

/// How much of a file is read into memory: snooping files and histories are a hundredth of it.
pub const IN_MEMORY: u64 = 256 << 20;

/// So many bytes, and an error behind them.
pub(super) struct Within<'a> {
    out: &'a mut dyn Write,
    left: u64,
    /// How many were written.
    pub(super) n: u64,
    /// Whether there were more.
    pub(super) is_over: bool,
}

impl<'a> Within<'a> {
    pub(super) fn new(out: &'a mut dyn Write, most: u64) -> Self {
        Self { out, left: most, n: 0, is_over: false }
    }
}

impl Write for Within<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if bytes.len() as u64 > self.left {
            self.is_over = true;
            let why = format!("it goes on behind {} MB, which no such file does", (self.n + self.left) >> 20);
            return Err(std::io::Error::other(why));
        }
        let n = self.out.write(bytes)?;
        self.left -= n as u64;
        self.n += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// A remote file's size and time: enough to see that somebody wrote to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    /// In bytes.
    pub size: u64,
    /// When it was last written, in Unix seconds.
    pub modified: i64,
}

/// What became of [`Files::replace`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// The new content is in place.
    Yes,
    /// Somebody wrote to the file meanwhile: it is as they left it.
    ChangedMeanwhile,
    /// A replay that nobody may write to: it is there to be looked at, and needs no push.
    ReadOnly,
}

/// What is done with the key of a host that `known_hosts` does not name. A key that differs from a known one is refused
/// always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownKey {
    /// The host is not talked to.
    Refuse,
    /// The key is added to `known_hosts` (`jeton check --accept-new`).
    Accept,
}

/// A step of [`Remote::probe`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProbeStep {
    /// Its name resolves, its port answers, and both sides agree on algorithms.
    Reach,
    /// Its key is known.
    HostKey,
    /// It lets the login in.
    Login,
}

/// How one step of a probe ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// Which.
    pub step: ProbeStep,
    /// What was found, in a few words (`ed25519 SHA256:…`), or why it failed.
    pub outcome: Result<String, RemoteError>,
    /// How long it took.
    pub took: Duration,
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
    /// How long a connection may take, where not `[ssh]`'s.
    pub connect_timeout: Option<Duration>,
    /// How long a command may take, where not `[ssh]`'s.
    pub command_timeout: Option<Duration>,
}

impl Host {
    /// The licence server.
    pub fn origin(config: &Config) -> Self {
        Self::named(config, &config.origin.host).with(&config.origin.login)
    }

    /// The tftp host.
    pub fn tftp(config: &Config) -> Self {
        Self::named(config, &config.tftp.host).with(&config.tftp.login)
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
            connect_timeout: switch.connect_timeout,
            command_timeout: switch.command_timeout,
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
            connect_timeout: None,
            command_timeout: None,
        }
    }

    /// The same with what its own section says.
    fn with(self, login: &Login) -> Self {
        Self {
            user: login.user.clone().or(self.user),
            key: login.key.clone().or(self.key),
            port: login.port.unwrap_or(self.port),
            ..self
        }
    }
}

/// A command for a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    name: String,
    line: String,
    is_typed: bool,
}

impl Command {
    /// `lmstat -a`, as `jeton.toml` writes it.
    pub fn lmstat(line: &str) -> Self {
        Self { name: "lmstat".to_owned(), line: line.to_owned(), is_typed: false }
    }

    /// The TCP connections of this moment, `ss -n -t`.
    pub fn sockets() -> Self {
        Self { name: "ss".to_owned(), line: "ss -n -t".to_owned(), is_typed: false }
    }

    /// A command of a switch, `show interfaces description`.
    pub fn show(line: &str) -> Self {
        Self { name: line.replace(' ', "_"), line: line.to_owned(), is_typed: true }
    }

    /// Its name in a replay: `commands/<name>.txt`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is typed.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// Whether it may be typed into a shell, where a host runs no commands otherwise: a switch's may.
    pub fn is_typed(&self) -> bool {
        self.is_typed
    }
}

/// Why a host did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host}: {}", self.reason())]
pub struct RemoteError {
    /// The host's name.
    pub host: String,
    /// What was being done: `connect`, `read /var/log/x`, `show interfaces description`.
    pub step: String,
    /// What went wrong.
    pub cause: String,
    /// What to do about it, where that is known: a command to type, a key of `jeton.toml`.
    pub remedy: Option<String>,
}

impl RemoteError {
    /// A failure of this host in this step.
    pub fn new(host: &Host, step: impl Into<String>, cause: impl std::fmt::Display) -> Self {
        Self { host: host.name.clone(), step: step.into(), cause: cause.to_string(), remedy: None }
    }

    /// The failure with what to do about it.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// The failure without the host, on one line, for a gap that names it already.
    pub fn reason(&self) -> String {
        let remedy = self.remedy.as_ref().map(|remedy| format!("; {remedy}")).unwrap_or_default();
        format!("{}: {}{remedy}", self.step, self.cause)
    }
}
