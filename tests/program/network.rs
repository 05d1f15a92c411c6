//! The network: what is kept, recorded, pushed and checked, on a replay; `over_ssh` does it with real peers.

use std::os::unix::fs::PermissionsExt;

use crate::support::{DEBUG_LOG, HISTORY, LMSTAT, LOGWATCH, Lab, Row, names_in, rows_of, truth};

/// Where the history is pushed to in a replay.
const PUSHED: &str = "replay/origin.labo.example/files/Origin_history";
const SS: &str = "replay/origin.labo.example/commands/ss.txt";

/// A laboratory whose history is pushed.
fn pushing(lab: Lab) -> Lab {
    lab.edit("jeton.toml", |text| text.replace("seats = 3", "seats = 3\nhistory = \"Origin_history\""))
}

#[test]
fn the_history_is_pushed_unless_it_shall_not_be() {
    let lab = pushing(Lab::complete());
    lab.jeton("nightly --no-push").exits(0);
    assert!(!lab.path(PUSHED).exists());
    lab.jeton("nightly").exits(0).says("\npushed: origin.labo.example:Origin_history\n");
    assert_eq!(lab.text(PUSHED), lab.text(HISTORY));
    let before = std::fs::metadata(lab.path(PUSHED)).unwrap().modified().unwrap();
    lab.jeton("nightly").exits(0);
    assert_eq!(std::fs::metadata(lab.path(PUSHED)).unwrap().modified().unwrap(), before, "nothing new, nothing pushed");
}

#[test]
fn a_failed_push_is_a_gap_and_the_next_night_pushes_the_whole() {
    let lab = pushing(Lab::complete()).with_folder(PUSHED);
    lab.jeton("nightly --since 2021-12-08 --date 2021-12-08")
        .exits(3)
        .complains("gap: origin.labo.example: push Origin_history: ")
        .complains("the next night pushes the whole");
    let lab = lab.without(PUSHED);
    lab.jeton("nightly --since 2021-12-10 --date 2021-12-10").exits(0);
    let pushed = lab.text(PUSHED);
    assert!(pushed.contains("2021-12-08") && pushed.contains("2021-12-10"), "{pushed}");
    assert_eq!(pushed, lab.text(HISTORY));
}

#[test]
fn what_others_append_to_the_pushed_history_is_kept_in_both() {
    let old = "Balard-PAC-2 | 513 90b1.1ca3.3575 Gi1/0/36 | XX | DPT4 | 10.20.14.99 | RJLG07-01 | old@XX | 198.3 min\n";
    let lab = pushing(Lab::complete()).with(PUSHED, old);
    lab.jeton("nightly --since 2021-12-08 --date 2021-12-08").exits(0);
    assert!(lab.text(PUSHED).starts_with(old));
    let lab = lab.append(PUSHED, "ajouté à la main\n");
    lab.jeton("nightly").exits(0);
    for file in [PUSHED, HISTORY] {
        let text = lab.text(file);
        assert!(text.starts_with(old), "{text}");
        assert_eq!(text.matches("ajouté à la main\n").count(), 1, "{text}");
        assert_eq!(text.lines().count(), 16 + 2, "{text}");
    }
    assert_eq!(lab.text(PUSHED), lab.text(HISTORY));
}

#[test]
fn rotated_parts_beside_a_log_are_read_once() {
    let lab = Lab::new();
    lab.jeton("nightly --no-push").exits(3);
    let whole = lab.text(HISTORY);
    let logwatch = lab.text(LOGWATCH);
    let half = logwatch.match_indices("jeu. déc.  9").next().unwrap().0;
    let debug_log = lab.text(DEBUG_LOG);
    let lab = lab
        .with(&format!("{LOGWATCH}.1"), &logwatch[..half])
        .with(LOGWATCH, &logwatch[half..])
        .with(&format!("{DEBUG_LOG}-20211210"), &debug_log)
        .without("out");
    lab.jeton("nightly --no-push").exits(3);
    assert_eq!(lab.text(HISTORY), whole);
}

#[test]
fn a_recorded_night_gives_the_same_again() {
    let lab = pushing(Lab::new());
    lab.jeton("--record recorded nightly").exits(3);
    let (history, sessions) = (lab.text(HISTORY), lab.jeton("sessions --format csv").out);
    let mode = std::fs::metadata(lab.path("recorded/origin.labo.example/files/logwatch")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert!(!lab.path("recorded/Labo-B-1").exists(), "an unreachable host is one in the replay, too");
    let lab = lab.without("out");
    lab.jeton("nightly --replay recorded").exits(3).complains("gap: Labo-B-1: connect: unreachable");
    assert_eq!(lab.text(HISTORY), history);
    assert_eq!(lab.jeton("sessions --replay recorded --format csv").out, sessions);
    // A folder with something in it, and both at once.
    lab.jeton("users --record recorded").exits(2).complains("is not empty");
    lab.jeton("sessions --record new --replay replay").exits(2);
}

#[test]
fn check_names_every_step_and_what_to_mend() {
    let check = |lab: &Lab, code| rows_of(&lab.jeton("check --format csv").exits(code).out);
    let rows = check(&Lab::complete(), 0);
    // How long names are kept, a laboratory must decide.
    let is_well = |row: &Row| row["ok"] == "true" && (row["remedy"].is_empty() || row["step"] == "privacy");
    assert!(rows.iter().all(is_well), "{rows:#?}");
    let steps: Vec<(&str, &str)> = rows.iter().map(|row| (row["step"].as_str(), row["target"].as_str())).collect();
    for step in [
        ("configuration", "jeton.toml"),
        ("output", "out"),
        ("reach", "origin.labo.example"),
        ("logwatch", "origin.labo.example"),
        ("debug_log", "origin.labo.example"),
        ("lmstat", "origin.labo.example"),
        ("snooping", "tftp.labo.example"),
        ("command", "Labo-A-1"),
        ("command", "Labo-B-1"),
    ] {
        assert!(steps.contains(&step), "{step:?} in {steps:?}");
    }
    let ill = |rows: &[Row]| -> Vec<String> {
        let ill = rows.iter().filter(|row| row["ok"] == "false");
        ill.inspect(|row| assert!(!row["remedy"].is_empty(), "{row:?}"))
            .map(|row| format!("{} {}", row["step"], row["target"]))
            .collect()
    };
    assert_eq!(ill(&check(&Lab::new(), 3)), ["reach Labo-B-1"]);
    assert_eq!(ill(&check(&Lab::complete().without(LMSTAT), 3)), ["lmstat origin.labo.example"]);
    assert_eq!(ill(&check(&Lab::complete().without(LOGWATCH), 3)), ["logwatch origin.labo.example"]);
    assert_eq!(ill(&check(&Lab::complete().with("Ordinateurs.ods", "x"), 1)).len(), 1);
    let lab = Lab::complete().edit("jeton.toml", |text| text.replace("port = 60213", "port = 602130"));
    let found = ill(&check(&lab, 2));
    assert!(found.len() == 1 && found[0].starts_with("configuration jeton.toml:"), "{found:?}");
    let lab = Lab::complete();
    lab.jeton("check").exits(0).names_none_of(&names_in(&truth()));
    assert!(!lab.path("out").exists(), "a check leaves nothing");
}

#[test]
fn connected_live_tells_who_sits_where() {
    let ss = "State      Recv-Q Send-Q Local Address:Port               Peer Address:Port\n\
              ESTAB      0      0      [::ffff:10.20.0.20]:60213  [::ffff:10.20.12.17]:50701\n\
              ESTAB      0      0      10.20.0.20:22  10.20.11.11:50001\n";
    let lab = Lab::complete();
    let omar = truth().into_iter().rfind(|row| row["login"] == "omar").unwrap();
    let lab = lab.with(SS, ss.replace("10.20.12.17", &omar["ip"]));
    let ran = lab.jeton("connected --live --format csv").exits(0);
    let rows = rows_of(&ran.out);
    assert_eq!(rows.len(), 1);
    for column in
        ["login", "host", "ip", "evidence", "mac", "vlan", "department", "hostname", "switch", "port", "outlet"]
    {
        assert_eq!(rows[0][column], omar[column], "{column}");
    }
    assert_eq!(rows[0]["minutes"], "480");
    let column = |name: &str| omar[name].as_str();
    let line = format!(
        "{} | {} {} Gi{} | {} | {} | {} | {} | omar@PHYS-PC-07 | 480.0 min\n",
        column("switch"),
        column("vlan"),
        column("mac"),
        column("port"),
        column("hostname"),
        column("department"),
        column("ip"),
        column("outlet")
    );
    lab.jeton("connected --live").exits(0).says_only(&line);
    // His connection is gone, and of two others none is known for his: an empty cell is better than a wrong one.
    let lab = lab.with(SS, ss.replace("10.20.12.17", "10.20.11.11") + &ss.replace("10.20.12.17", "10.20.11.13"));
    let rows = rows_of(&lab.jeton("connected --live --format csv").exits(0).out);
    assert_eq!((rows[0]["ip"].as_str(), rows[0]["outlet"].as_str()), ("", ""));
    let ran = lab.without(SS).jeton("connected --live --format csv").exits(0).complains("note: the replay holds no");
    assert_eq!(rows_of(&ran.out)[0]["ip"], omar["ip"]);
}

#[test]
fn a_wrong_site_is_noticed_by_a_night_and_by_check() {
    for (from, to, said) in [
        ("port = 60213", "port = 60214", "no connection to this port"),
        ("address = \"10.20.0.20\"", "address = \"10.20.0.21\"", "logwatch of another server"),
    ] {
        let lab = Lab::complete().edit("jeton.toml", |text| text.replace(from, to));
        assert!(lab.text("jeton.toml").contains(to), "{from}");
        lab.jeton("nightly --no-push").exits(0).complains(&format!("warning: {said}\n"));
        lab.jeton("check").exits(3).says(said);
    }
    let lab = Lab::complete();
    lab.jeton("check --format csv")
        .exits(0)
        .says("logwatch_content,origin.labo.example,true,its newest line is of 2021-12-10");
    let lab = lab.with(LOGWATCH, "");
    lab.jeton("check --format csv").exits(3).says("logwatch_content,origin.labo.example,false,it is empty,");
}
