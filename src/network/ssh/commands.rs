//! The commands of one host: each asked once, in as few connections as the host allows.

use super::connection::Connection;
use super::exec::{Exec, exec};
use super::failure::{Failure, Outlook};
use super::shell::Shell;
use super::{Attempts, Ssh};
use crate::network::{Command, Host, RemoteError};

/// Asks a host for all of them. Where it fails as a host, it fails each that is left, as waiting for it again would take as
/// long again.
pub(super) fn run(ssh: &Ssh, host: &Host, commands: &[Command]) -> Vec<Result<Vec<u8>, RemoteError>> {
    let n_commands = u32::try_from(commands.len()).unwrap_or(u32::MAX);
    let mut talk = Talk {
        ssh,
        host,
        attempts: ssh.attempts(host, n_commands),
        line: None,
        way: Way::Exec,
        can_type: commands.iter().all(Command::is_typed),
    };
    let mut over: Option<Failure> = None;
    let mut ask = |command: &Command| {
        if let Some(failure) = &over {
            return Err(failure.clone());
        }
        talk.ask(command.line()).inspect_err(|failure| {
            if failure.outlook() != Outlook::Alone {
                over = Some(failure.clone());
            }
        })
    };
    commands.iter().map(|command| ask(command).map_err(|failure| failure.of(host))).collect()
}

struct Talk<'a> {
    ssh: &'a Ssh,
    host: &'a Host,
    attempts: Attempts,
    line: Option<Line>,
    way: Way,
    /// Whether commands may be typed into a shell.
    can_type: bool,
}

/// How commands are given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Exec,
    Shell,
}

/// An open connection.
struct Line {
    /// Gone before its connection.
    shell: Option<Shell>,
    connection: Connection,
    /// Whether it has run a command.
    is_used: bool,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.connection.let_go();
    }
}

impl Talk<'_> {
    /// A command's answer; where another attempt can help, after a second one.
    fn ask(&mut self, line: &str) -> Result<Vec<u8>, Failure> {
        loop {
            let failure = match self.attempt(line) {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if failure.outlook() == Outlook::Alone {
                return Err(failure);
            }
            self.line = None;
            self.attempts.again(failure)?;
        }
    }

    fn attempt(&mut self, line: &str) -> Result<Vec<u8>, Failure> {
        let allowed = self.ssh.command_timeout(self.host);
        while self.way == Way::Exec {
            let open = self.open()?;
            let was_used = std::mem::replace(&mut open.is_used, true);
            let failure = match exec(&open.connection, line, allowed)? {
                Exec::Answered(answer) => return Ok(answer),
                Exec::NoChannel(failure) | Exec::Refused(failure) => failure,
            };
            // Some devices serve only a connection's first channel, for whatever comes through it.
            self.line = None;
            if !was_used {
                if !self.can_type {
                    return Err(failure);
                }
                self.way = Way::Shell;
            }
        }
        let Line { shell, connection, .. } = self.open()?;
        if shell.is_none() {
            *shell = Some(Shell::open(connection, allowed)?);
        }
        shell.as_mut().map_or_else(|| Err(Failure::lost()), |shell| shell.ask(connection, line, allowed))
    }

    fn open(&mut self) -> Result<&mut Line, Failure> {
        let line = if let Some(line) = self.line.take() {
            line
        } else {
            let connection = self.ssh.connect(self.host, self.attempts.ends)?;
            Line { shell: None, connection, is_used: false }
        };
        Ok(self.line.insert(line))
    }
}
