//! Switches with all their manners.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jeton::network::{Command, Remote};

use crate::client::{SHOW, plugged};
use crate::switch::{Exec, Manner, Trouble, interfaces, mac_table};

/// As the answer is read: a shell's newlines are those of a terminal.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim_end).collect()
}

#[test]
fn each_command_is_asked_once_whatever_the_switch_makes_of_exec() {
    let shell = Manner {
        banner: "\r\n# Defense d'entrer #\r\nLabo-A-1> est un commutateur\r\n>>> #1 <<<\r\n# ",
        ..Manner::default()
    };
    let old = Manner { is_old: true, password: Some("tr0ub4dor"), ..Manner::default() };
    for (name, n_connections, manner) in [
        ("one command per connection", 2, Manner::default()),
        ("any number", 1, Manner { exec: Exec::Always, ..Manner::default() }),
        ("gone before its answer", 2, Manner { exec: Exec::TakesLeave, ..Manner::default() }),
        ("typed only", 2, Manner { exec: Exec::Refused, ..Manner::default() }),
        (
            "typed only, slow over each line",
            2,
            Manner { exec: Exec::Refused, delay: Duration::from_millis(900), ..Manner::default() },
        ),
        ("typed only, says so", 2, Manner { exec: Exec::SaysNo, ..Manner::default() }),
        ("a banner like a prompt", 2, Manner { exec: Exec::Refused, ..shell.clone() }),
        ("it pages", 2, Manner { exec: Exec::Refused, page: Some(10), ..shell }),
        ("a prompt of two words", 2, Manner { exec: Exec::Refused, prompt: "Labo A-1 # ", ..Manner::default() }),
        ("old", 2, old.clone()),
        ("it asks for the password", 2, Manner { password: Some("tr0ub4dor"), asks: true, ..Manner::default() }),
        ("old, typed only", 2, Manner { exec: Exec::Refused, ..old }),
    ] {
        let (switch, mut host, client) = plugged(manner.clone());
        host.legacy = manner.is_old;
        host.password_command = manner.password.map(|password| format!("echo {password}"));
        let [first, second] = client.show(&host);
        assert_eq!(lines(&first.expect(name)), lines(&interfaces()), "{name}");
        assert_eq!(lines(&second.expect(name)), lines(&mac_table()), "{name}");
        let mut commands = switch.seen.commands();
        commands.retain(|command| command != "terminal length 0");
        if manner.exec == Exec::TakesLeave {
            // What was asked and not heard is asked once more.
            assert_eq!(commands.remove(0), SHOW[0]);
        }
        assert_eq!(commands, SHOW, "{name}");
        assert_eq!(switch.seen.connections.load(Ordering::SeqCst), n_connections, "{name}");
    }
}

#[test]
fn old_algorithms_are_spoken_with_hosts_marked_old_alone() {
    let (switch, host, client) = plugged(Manner { is_old: true, ..Manner::default() });
    let [first, second] = client.show(&host);
    let expected = "Labo-A-1: handshake: no algorithm in common with `SSH-2.0-Cisco-1.25`; an old switch needs `legacy = true` \
                    in its [[switches]] entry";
    assert_eq!((first.unwrap_err().as_str(), second.unwrap_err().as_str()), (expected, expected));
    assert_eq!(switch.seen.logins.load(Ordering::SeqCst), 0);
    assert_eq!(switch.seen.connections.load(Ordering::SeqCst), 1, "trying again does not help");
}

#[test]
fn a_wrong_password_is_tried_once_and_never_told() {
    for asks in [false, true] {
        let (switch, mut host, client) = plugged(Manner { password: Some("tr0ub4dor"), asks, ..Manner::default() });
        host.password_command = Some("echo hunter2".to_owned());
        let [first, second] = client.show(&host);
        let expected = "Labo-A-1: login: the host does not let `jeton` in with the password; mend `user`, or what \
                        `password_command` prints";
        assert_eq!((first.unwrap_err().as_str(), second.unwrap_err().as_str()), (expected, expected));
        // The question for the ways to log in, and the password.
        assert_eq!(switch.seen.logins.load(Ordering::SeqCst), 2);
        host.password_command = Some("echo hunter2 >&2; exit 1".to_owned());
        let [first, _] = client.show(&host);
        assert_eq!(
            first.unwrap_err(),
            "Labo-A-1: login: `password_command` failed (exit status: 1); try it by hand, as the user that runs jeton"
        );
    }
}

#[test]
fn a_line_that_is_taken_is_waited_for_once() {
    for (name, manner) in [
        (
            "the last session's line is not free yet",
            Manner { most_sessions: 1, linger: Duration::from_millis(150), ..Manner::default() },
        ),
        ("closed at once", Manner { trouble: Trouble::ClosesFirst(1), ..Manner::default() }),
    ] {
        let (_switch, host, client) = plugged(manner);
        let [first, second] = client.show(&host);
        assert!(first.is_ok() && second.is_ok(), "{name}: {first:?} {second:?}");
    }
    let (switch, host, client) = plugged(Manner { most_sessions: 0, ..Manner::default() });
    let [first, second] = client.show(&host);
    assert_eq!(first, second);
    assert_eq!(
        first.unwrap_err(),
        "Labo-A-1: handshake: the host closed the connection, or speaks no SSH; is this the port of its SSH, and is one of its \
         lines free?"
    );
    assert_eq!(switch.seen.connections.load(Ordering::SeqCst), 2, "one more attempt for both commands, and no third");
}

#[test]
fn what_is_no_answer_is_told_with_its_cause() {
    for (trouble, exec, expected) in [
        (Trouble::IsAWebServer, Exec::Once, "handshake: the host closed the connection, or speaks no SSH"),
        (Trouble::ClosesInTheMiddle, Exec::Once, "show interfaces description: the host closed the connection"),
        (Trouble::ClosesInTheMiddle, Exec::Refused, "show interfaces description: the host closed the connection"),
    ] {
        let (_switch, host, client) = plugged(Manner { exec, trouble, ..Manner::default() });
        let [first, second] = client.show(&host);
        assert_eq!(first, second);
        let error = first.unwrap_err();
        assert!(error.starts_with(&format!("Labo-A-1: {expected}")) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn a_device_that_says_what_no_switch_says_is_heard_and_left_to_the_reader() {
    for exec in [Exec::Once, Exec::Refused] {
        let (_switch, host, client) = plugged(Manner { trouble: Trouble::AnswersGarbage, exec, ..Manner::default() });
        let [first, second] = client.show(&host);
        assert!(first.is_ok() && second.is_ok());
    }
}

#[test]
fn a_host_that_is_slow_without_end_is_cut_in_each_step() {
    for (trouble, connect_s, command_s, expected) in [
        (Trouble::Hangs, 1, 60, "handshake: not done after 1 s"),
        (Trouble::DripsItsName, 1, 60, "handshake: not done after 1 s"),
        // Time enough to log in, on a machine with much else to do.
        (Trouble::DripsItsAnswer, 60, 5, "show interfaces description: not done after 5 s"),
    ] {
        let (switch, host, client) = plugged(Manner { trouble, ..Manner::default() });
        let [first, second] = client.within(connect_s, command_s).show(&host);
        assert_eq!(first, second);
        assert_eq!(first.unwrap_err(), format!("Labo-A-1: {expected}"));
        assert_eq!(switch.seen.connections.load(Ordering::SeqCst), 1, "whoever is slow is slow again");
    }
}

#[test]
fn a_login_without_the_right_to_ask_is_told_what_it_needs() {
    let mut manner = Manner { prompt: "Labo-A-1>", ..Manner::default() };
    manner.answers.insert("show interfaces description", "% Authorization failed.\r\n".to_owned());
    for exec in [Exec::Once, Exec::Refused] {
        let (_switch, host, client) = plugged(Manner { exec, ..manner.clone() });
        let [first, second] = client.show(&host);
        let error = first.unwrap_err();
        assert!(error.contains("the login may not ask that") && error.contains("privilege"), "{error}");
        assert!(second.is_ok(), "the other command is none the worse");
    }
    let (_switch, host, client) = plugged(Manner { exec: Exec::Refused, prompt: "Password: ", ..Manner::default() });
    let [first, _] = client.show(&host);
    let error = first.unwrap_err();
    assert!(error.contains("asks `password:` once more"), "{error}");
}

#[test]
fn nobody_there_is_no_empty_answer() {
    let (switch, host, client) = plugged(Manner::default());
    let port = switch.port;
    drop(switch);
    let [first, _] = client.show(&host);
    let error = first.unwrap_err();
    let expected =
        format!("Labo-A-1: connect: 127.0.0.1:{port} refused the connection; is SSH on there, at this port?");
    assert_eq!(error, expected);
    let mut nowhere = host;
    nowhere.address = "switch.invalid".to_owned();
    let [first, _] = client.show(&nowhere);
    let error = first.unwrap_err();
    assert!(error.starts_with("Labo-A-1: resolve: `switch.invalid` does not resolve"), "{error}");
}

#[test]
fn no_commands_are_no_connection() {
    let (switch, host, client) = plugged(Manner::default());
    assert!(client.ssh().run(&host, &[] as &[Command]).is_empty());
    assert_eq!(switch.seen.connections.load(Ordering::SeqCst), 0);
}
