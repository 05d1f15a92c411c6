//! A run that is interrupted while it waits.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::support::{HISTORY, Lab, command};
use crate::switch::{Manner, Switch, Trouble};

#[test]
fn a_run_that_waits_for_a_host_ends_at_once_on_ctrl_c_and_on_sigterm() {
    for (name, signal) in [("INT", 2), ("TERM", 15)] {
        let host = Switch::new(Manner { trouble: Trouble::Hangs, ..Manner::default() });
        // Whoever waited for the host would wait longer than any test may take.
        let ssh = format!("[ssh]\nport = {}\nconnect_timeout_s = 86400\n", host.port);
        let lab = Lab::new().edit("jeton.toml", |text| {
            text.replace("origin.labo.example", "127.0.0.1").replace("[remote]\nreplay = \"replay\"\n", &ssh)
        });
        let mut nightly = command(&lab.path(""));
        let running = nightly.args(["nightly"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        while host.seen.connections.load(Ordering::SeqCst) == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(Command::new("kill").args(["-s", name, &running.id().to_string()]).status().unwrap().success());
        let ended = running.wait_with_output().unwrap();
        assert_eq!(ended.status.signal(), Some(signal), "{name}");
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(said, "interrupted: what was published before stands, and the next run does the rest\n", "{name}");
        assert!(!lab.path(HISTORY).exists());
    }
}
