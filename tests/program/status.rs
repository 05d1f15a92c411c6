//! `jeton status`.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::{Lab, names_in, truth};

#[test]
fn before_the_first_night_nothing_is_known() {
    let lab = Lab::new();
    lab.jeton("status").exits(3).says_only("UNKNOWN: no night reached its end yet\n");
    lab.jeton("status --nagios").exits(3).says_only("JETON UNKNOWN - no night reached its end yet\n");
    lab.jeton("status --prometheus").exits(3).says("\njeton_status 3\n");
    // Monitoring reads the exit code of a wrong option as it reads all others.
    lab.jeton("status --nagois").exits(3);
    lab.jeton("status --nagios --json").exits(3);
    Lab::new().with("jeton.toml", "[site]\n").jeton("status").exits(3).says("JETON UNKNOWN - ");
}

#[test]
fn a_night_that_had_all_it_needed_is_well() {
    let lab = Lab::complete();
    lab.jeton("nightly --no-push").exits(0);
    lab.jeton("status").exits(0).says("OK: the last night was 0 min ago and complete; ");
    let names = names_in(&truth());
    for form in ["", "--nagios", "--json", "--prometheus"] {
        lab.jeton(&format!("status {form}")).exits(0).names_none_of(&names);
    }
}

#[test]
fn what_is_wrong_is_told_at_the_next_run() {
    let lab = Lab::new();
    lab.jeton("nightly --no-push").exits(3);
    let unreachable = "Labo-B-1 is unreachable since 2021-12-10";
    lab.jeton("status").exits(1).says_only(&format!("WARNING: {unreachable}\n"));
    let nagios = lab.jeton("status --nagios").exits(1).out;
    assert!(nagios.starts_with(&format!("JETON WARNING - {unreachable} | night_age=0s;93600;187200 night_gaps=1;0 ")));
    // A switch is back, a night is missed.
    let lab = lab.with("replay/now.txt", "2021-12-12T03:00:00+01:00\n");
    lab.jeton("status").exits(1).says("the last night was ");
    // The watcher has died: the next night finds nothing new in its log.
    let lab = lab.with("replay/now.txt", "2021-12-11T13:00:00+01:00\n");
    lab.jeton("nightly --no-push --date 2021-12-10").exits(3);
    lab.jeton("status").exits(2).says("the watcher gave no sign of life for ").says(unreachable);
    let json = lab.jeton("status --json").exits(2).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["level"], &json["gaps"]), (&"CRITICAL".into(), &2.into()));
}

#[test]
fn the_thresholds_are_those_of_the_configuration() {
    let alarm = |keys: &str| {
        let keys = format!("[alarm]\n{keys}\n\n[output]");
        let lab = Lab::complete().edit("jeton.toml", |text| text.replace("[output]", &keys));
        lab.jeton("nightly --no-push").exits(0);
        lab
    };
    alarm("disk_mb = 1000000000").jeton("status").exits(2).says("are free on the disk");
    alarm("limit_pct = 1\n").edit("jeton.toml", |text| text.replace("seats = 3", "seats = 1")).jeton("status").exits(1);
    Lab::complete()
        .edit("jeton.toml", |text| text.replace("[output]", "[alarm]\nnight_h = 0\n\n[output]"))
        .jeton("nightly")
        .exits(2)
        .complains("whole hours");
}

#[test]
fn prometheus_reads_the_metrics_that_each_night_writes() {
    let lab =
        Lab::new().edit("jeton.toml", |text| text.replace("[output]", "[alarm]\ntextfile = \"node\"\n\n[output]"));
    lab.jeton("nightly --no-push").exits(3);
    let written = lab.text("node/jeton.prom");
    lab.jeton("status --textfile other").exits(1).says_only("");
    // The room on the disk is that of the moment.
    let figures =
        |text: &str| text.lines().filter(|line| !line.contains("disk_free")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(figures(&lab.text("other/jeton.prom")), figures(&written));
    assert_eq!(lab.modes("node")[0], ["644".to_owned()].into(), "node_exporter is another user");
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.spawn().expect("promtool (Debian package prometheus)");
    promtool.stdin.take().unwrap().write_all(written.as_bytes()).unwrap();
    let checked = promtool.wait_with_output().unwrap();
    assert!(checked.status.success() && checked.stderr.is_empty(), "{}", String::from_utf8_lossy(&checked.stderr));
}
