//! Keys that an agent holds.

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fs_err as fs;
use tempfile::TempDir;

use crate::sshd::Sshd;
use crate::support::{Lab, command};
use crate::switch::make_key;

/// An agent of its own, until it is dropped.
struct Agent {
    folder: TempDir,
    running: Child,
}

impl Agent {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent");
        let mut agent = Command::new("ssh-agent");
        let running = agent.arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
        while !socket.exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { folder, running }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("agent")
    }

    fn holding(self, key: &Path) -> Self {
        let mut add = Command::new("ssh-add");
        assert!(add.arg("-q").arg(key).env("SSH_AUTH_SOCK", self.socket()).status().unwrap().success());
        self
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.running.kill();
        let _ = self.running.wait();
    }
}

/// What `jeton connected` says on standard output and on standard error, with this `key` and this agent.
fn connected(sshd: &Sshd, key: Option<&Path>, agent: &Path) -> (String, String) {
    let key = key.map(|key| format!("key = \"{}\"\n", key.display())).unwrap_or_default();
    let lab = Lab::new().with("known_hosts", sshd.known("ed25519"));
    let list = lab.path("replay/origin.labo.example/commands/lmstat.txt");
    let lab = lab.edit("jeton.toml", |text| {
        let lmstat = text.lines().find(|line| line.starts_with("lmstat")).unwrap();
        text.replace("origin.labo.example", "127.0.0.1")
            .replace(lmstat, &format!("lmstat = \"cat '{}'\"", list.display()))
            .replace("[remote]\nreplay = \"replay\"\n", "")
            + &format!(
                "\n[ssh]\nuser = \"{}\"\n{key}port = {}\nknown_hosts = \"known_hosts\"\nconnect_timeout_s = 60\n\
                 command_timeout_s = 5\n",
                sshd.user, sshd.port
            )
    });
    let mut jeton = command(&lab.path(""));
    let done = jeton.args(["connected", "--format", "csv"]).env("SSH_AUTH_SOCK", agent).output().unwrap();
    (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap())
}

#[test]
fn a_key_with_a_passphrase_is_used_through_the_agent_that_holds_it() {
    let sshd = Sshd::new("");
    let agent = Agent::new();
    let (socket, none) = (agent.socket(), agent.folder.path().join("no-agent"));
    let (_, said) = connected(&sshd, None, &socket);
    assert!(said.contains("login: no key: the agent holds none; name a key file"), "{said}");
    let (_, said) = connected(&sshd, None, &none);
    assert!(said.contains("login: no key: `key` names none, and no agent answers; "), "{said}");

    let agent = agent.holding(&sshd.key());
    let (rows, said) = connected(&sshd, None, &socket);
    assert!(rows.lines().count() > 1, "the agent's key alone: {said}");
    let mut locking = Command::new("ssh-keygen");
    locking.args(["-q", "-p", "-P", "", "-N", "secret phrase", "-f"]).arg(sshd.key()).stdout(Stdio::null());
    assert!(locking.status().unwrap().success());
    let (rows, said) = connected(&sshd, Some(&sshd.key()), &socket);
    assert!(rows.lines().count() > 1, "a key file that the agent holds: {said}");
    let (_, said) = connected(&sshd, Some(&sshd.key()), &none);
    assert!(said.contains("has a passphrase, and no agent holds it; `ssh-add '"), "{said}");
    // Another key of the same agent does not do for the one that was named.
    let other = agent.folder.path().join("other");
    make_key(&other, "ed25519", "secret phrase");
    let (_, said) = connected(&sshd, Some(&other), &socket);
    assert!(said.contains("has a passphrase, and no agent holds it"), "{said}");
}

#[test]
fn an_agent_that_waits_for_somebody_is_left_behind() {
    let sshd = Sshd::new("");
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent");
    let _silent = UnixListener::bind(&socket).unwrap();
    let (_, said) = connected(&sshd, None, &socket);
    assert!(said.contains("login: not done after 5 s"), "{said}");
    fs::remove_file(socket).unwrap();
}
