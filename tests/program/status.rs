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

/// How many weeks nights are watched for false alarms; more of them, with `JETON_WEEKS=100`, before a release.
fn weeks() -> u32 {
    std::env::var("JETON_WEEKS").ok().and_then(|weeks| weeks.parse().ok()).unwrap_or(2)
}

#[test]
fn week_after_week_there_is_no_false_alarm_and_each_true_one_is_raised_at_the_next_run() {
    use crate::simulator::{DateStyle, Laboratory, SERVER};
    const LOGWATCH: &str = "replay/origin.labo.example/files/logwatch";
    // One year each, so that no log is longer than a night reads in a moment.
    for (seed, left) in (1..).zip((0..weeks()).step_by(10)) {
        let n_weeks = (weeks() - left).min(10);
        let simulated = Laboratory {
            seed,
            users: 12,
            seats: 40,
            days: n_weeks * 7,
            dates: DateStyle::Iso,
            restarts_per_day: 0.05,
            ..Laboratory::default()
        };
        let mut logwatch = Vec::new();
        simulated.run(&mut logwatch).unwrap();
        let logwatch = String::from_utf8(logwatch).unwrap();
        let before = |moment: &str| {
            let is_later =
                |line: &&str| line.starts_with("202") && line.as_bytes().get(4) == Some(&b'-') && **line >= *moment;
            let end = logwatch.split_inclusive('\n').find(is_later).map(|line| line.as_ptr() as usize);
            &logwatch[..end.map_or(logwatch.len(), |end| end - logwatch.as_ptr() as usize)]
        };
        let keys = ["debug_log", "lmstat"];
        let mut lab = Lab::complete().edit("jeton.toml", |text| {
            let kept = |line: &&str| !keys.iter().any(|key| line.starts_with(key));
            let text = text.lines().filter(kept).collect::<Vec<_>>().join("\n");
            text.replace("10.20.0.20", &SERVER.to_string()).replace("seats = 3", "seats = 40")
        });
        let at = |day: i64| format!("{}T00:15:00", simulated.start + chrono::Duration::days(day));
        let last = i64::from(simulated.days);
        for day in 1..=last {
            lab = lab.with(LOGWATCH, before(&at(day))).with("replay/now.txt", format!("{}+01:00\n", at(day)));
            lab.jeton("-q nightly --no-push --date yesterday").exits(0);
            lab.jeton("status").exits(0).says("OK: ");
        }
        // A night is missed, then the watcher is dead at the next; a licence that ends, and a day at the limit.
        let lab = lab.with("replay/now.txt", format!("{}+01:00\n", at(last + 2)));
        lab.jeton("status").exits(1).says("WARNING: the last night was ");
        lab.jeton("-q nightly --no-push --date yesterday").exits(3);
        lab.jeton("status").exits(2).says("CRITICAL: the watcher gave no sign of life");
        let lab = lab.edit("jeton.toml", |text| text.replace("seats = 40", "seats = 1"));
        let saturated = lab.like().with("replay/now.txt", format!("{}+01:00\n", at(2))).without("out");
        let saturated = saturated.with(LOGWATCH, before(&at(2)));
        saturated.jeton("-q nightly --no-push --date yesterday").exits(0);
        saturated.jeton("status").exits(1).says(" all tokens were out for ");
    }
}
