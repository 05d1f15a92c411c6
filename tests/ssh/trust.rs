//! Host keys: nothing is sent to a host that is not known, and only one command makes it known.

use std::sync::atomic::Ordering;

use fs_err as fs;
use jeton::network::{ProbeStep, UnknownKey};

use crate::client::{Client, host, plugged, server};
use crate::sshd::Sshd;
use crate::switch::{Manner, Switch, make_key};

/// A known_hosts line for a switch with a key that is not its.
fn other_key(client: &Client, switch: &Switch, kind: &str) -> String {
    let path = client.append("unused", "").with_file_name(format!("other-{kind}"));
    make_key(&path, kind, "");
    format!("[127.0.0.1]:{} {}\n", switch.port, crate::sshd::public_key(&path))
}

#[test]
fn nothing_is_sent_to_a_host_whose_key_is_not_the_known_one() {
    let switch = Switch::new(Manner { password: Some("tr0ub4dor"), ..Manner::default() });
    let mut host = host(&switch);
    for (name, known, cause, remedy) in [
        ("unknown", None, "host key: the key is not known: ssh-ed25519 SHA256:", "`jeton check --accept-new`"),
        ("changed", Some("ed25519"), "host key: the key is not the known one: ssh-ed25519 SHA256:", "`ssh-keygen -R "),
        (
            "of another type",
            Some("rsa"),
            "host key: the key is not the known one: ssh-ed25519 SHA256:",
            "`ssh-keygen -R ",
        ),
    ] {
        let client = Client::knowing("");
        if let Some(kind) = known {
            client.append("known_hosts", &other_key(&client, &switch, kind));
        }
        let before = client.known_hosts();
        let asked = client.append("asked", "");
        host.password_command = Some(format!("echo asked > '{}'; echo tr0ub4dor", asked.display()));
        for error in client.show(&host).map(Result::unwrap_err) {
            assert!(error.contains(cause) && error.contains(remedy) && !error.contains('\n'), "{name}: {error}");
        }
        assert_eq!(fs::read_to_string(&asked).unwrap(), "", "{name}: the password was looked up");
        assert_eq!(client.known_hosts(), before, "{name}");
    }
    assert_eq!(switch.seen.logins.load(Ordering::SeqCst), 0);
}

#[test]
fn a_revoked_key_is_refused_though_it_is_known() {
    let (switch, host, client) = plugged(Manner::default());
    let key = switch.known.split_once(' ').unwrap().1;
    client.append("known_hosts", &format!("@revoked * {key}"));
    let [error, _] = client.show(&host).map(Result::unwrap_err);
    assert!(
        error.contains("host key: the key is revoked: ssh-ed25519 SHA256:") && error.contains("known_hosts:2"),
        "{error}"
    );
    let steps = client.probe(&host, UnknownKey::Accept);
    assert!(steps[1].1.is_err());
    assert_eq!(switch.seen.logins.load(Ordering::SeqCst), 0);
}

#[test]
fn a_new_key_is_accepted_when_asked_for_and_a_changed_one_never() {
    let (switch, host, mut client) = plugged(Manner::default());
    client.settings.known_hosts = client.append("unused", "").with_file_name("new").join("known_hosts");
    let refused = client.probe(&host, UnknownKey::Refuse);
    assert_eq!(refused.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [ProbeStep::Reach, ProbeStep::HostKey]);
    assert!(!client.settings.known_hosts.exists());

    let accepted = client.probe(&host, UnknownKey::Accept);
    assert_eq!(
        accepted.iter().map(|(step, _)| *step).collect::<Vec<_>>(),
        [ProbeStep::Reach, ProbeStep::HostKey, ProbeStep::Login]
    );
    let found = accepted[1].1.as_ref().unwrap();
    assert!(found.starts_with("ssh-ed25519 SHA256:") && found.ends_with(" (accepted)"), "{found}");
    assert_eq!(client.known_hosts(), switch.known);
    assert!(client.show(&host).iter().all(Result::is_ok));
    assert!(!client.probe(&host, UnknownKey::Accept)[1].1.as_ref().unwrap().contains("accepted"));
    assert_eq!(client.known_hosts(), switch.known, "once is enough");

    let changed = Client::knowing("");
    changed.append("known_hosts", &other_key(&changed, &switch, "ed25519"));
    let before = changed.known_hosts();
    let steps = changed.probe(&host, UnknownKey::Accept);
    assert!(steps[1].1.as_ref().unwrap_err().contains("the key is not the known one"));
    assert_eq!((steps.len(), changed.known_hosts()), (2, before));
}

#[test]
fn a_line_that_is_added_to_a_file_without_an_end_begins_a_line() {
    let (switch, host, mut client) = plugged(Manner::default());
    client.settings.known_hosts = client.append("mine", "other.example ssh-ed25519 AAAA\r\n# no end");
    client.probe(&host, UnknownKey::Accept);
    assert_eq!(client.known_hosts(), format!("other.example ssh-ed25519 AAAA\r\n# no end\n{}", switch.known));
}

#[test]
fn a_server_is_known_by_any_of_its_keys_and_by_its_hashed_name() {
    let sshd = Sshd::new("");
    let host = server(&sshd);
    for kind in ["ed25519", "rsa", "ecdsa"] {
        let client = Client::knowing(&format!("garbage\r\n{}", sshd.known(kind).replace('\n', "\r\n")));
        let steps = client.probe(&host, UnknownKey::Refuse);
        assert!(steps.len() == 3 && steps.iter().all(|(_, found)| found.is_ok()), "{kind}: {steps:?}\n{}", sshd.log());
        let client = Client::knowing(&sshd.known(kind));
        let hashing = std::process::Command::new("ssh-keygen").arg("-Hf").arg(&client.settings.known_hosts).output();
        assert!(hashing.unwrap().status.success() && client.known_hosts().contains("|1|"), "{}", client.known_hosts());
        let steps = client.probe(&host, UnknownKey::Refuse);
        assert!(steps.len() == 3 && steps.iter().all(|(_, found)| found.is_ok()), "{kind}, hashed: {steps:?}");
    }
}
