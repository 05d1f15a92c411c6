//! The small questions: what Treat_tokens.sh printed, who is connected, who is behind an address.

use std::collections::BTreeSet;

use crate::support::{DEBUG_LOG, LMSTAT, LOGWATCH, Lab, rows_of};

const CONNECTED: &str = "login,host,since,minutes,licences,server,handle,licence,feature\n";
const RESOLVE: &str = "ip,hostname,mac,vlan,department,switch,port,outlet,source,note\n";
const HEADER: &str = "Flexible License Manager status on Fri 12/10/2021 17:30\n";
const USERS: &str = "Users of OriginPro:  (Total of 3 licenses issued;  Total of 1 license in use)\n";

#[test]
fn the_six_modes_print_what_the_script_printed_of_today() {
    let lab = Lab::new();
    for (mode, lines) in [
        (1, "9:00:00 - IN: =cmd@PORTABLE-4\n10:30:00 - IN: invite@SALLE-TP\n"),
        (2, "8:15:00 - OUT: =cmd@PORTABLE-4\n9:30:00 - OUT: omar@PHYS-PC-07\n10:00:00 - OUT: invite@SALLE-TP\n"),
        (3, "=cmd@PORTABLE-4\ninvite@SALLE-TP\n"),
        (4, "=cmd@PORTABLE-4\nomar@PHYS-PC-07\ninvite@SALLE-TP\n"),
        (5, "1639123200\n1639128600\n"),
        (6, "1639120500\n1639125000\n1639126800\n"),
    ] {
        lab.jeton(&format!("tokens {mode}")).exits(0).says_only(lines);
        lab.jeton(&format!("tokens --date 2021-12-10 {mode} --format table")).exits(0).says_only(lines);
    }
}

#[test]
fn a_mode_takes_days_and_files_and_keeps_the_spaces_of_a_login() {
    let lab = Lab::new().with_folder("empty");
    lab.jeton("tokens 4 --date 2021-12-08").exits(0).says("Jean Petit@SALLE-TP\n").says("Éloïse Martin@LABO-PC-02\n");
    lab.jeton("tokens 2 --date 2021-12-08").exits(0).says("22:00:00 - OUT: Éloïse Martin@LABO-PC-02\n");
    lab.jeton("tokens 1 --date yesterday").exits(0).says("1:30:00 - IN: Éloïse Martin@LABO-PC-02\n");
    lab.jeton("tokens 1 --date 2001-01-01").exits(0).says_only("");
    let all = lab.jeton("tokens 6 --since 2021-12-01").exits(0).out;
    let seconds: Vec<i64> = all.lines().map(|line| line.parse().unwrap()).collect();
    assert!(seconds.is_sorted(), "{seconds:?}");
    let tokens = rows_of(&lab.jeton("tokens --format csv").out);
    assert_eq!(seconds.len(), tokens.iter().filter(|row| row["kind"] == "out").count());
    for (option, file) in [("--logwatch", LOGWATCH), ("--debug-log", DEBUG_LOG)] {
        // Today is the file's last day.
        lab.jeton_in("empty", &format!("tokens 4 {option} ../{file}"))
            .exits(0)
            .says_only("=cmd@PORTABLE-4\nomar@PHYS-PC-07\ninvite@SALLE-TP\n");
    }
}

#[test]
fn a_mode_prints_every_feature_and_nothing_that_acts_on_a_terminal() {
    let log = " 7:00:00 (x) TIMESTAMP 12/8/2021\n 8:00:00 (x) OUT: \"Other\" a\u{1b}[31m@PC-1\n 8:01:00 (x) OUT: \"OriginPro\" b@PC-2\n";
    Lab::new()
        .with("log", log)
        .jeton("tokens 2 --debug-log log")
        .exits(0)
        .says_only("8:00:00 - OUT: a\\u{1b}[31m@PC-1\n8:01:00 - OUT: b@PC-2\n");
}

#[test]
fn a_mode_that_is_none_and_one_with_rows_are_wrong_usage() {
    let lab = Lab::new();
    for mode in ["0", "7", "x", "12", "1.5"] {
        lab.jeton(&format!("tokens {mode}"))
            .exits(2)
            .complains("expected a mode from 1 to 6")
            .complains(mode)
            .says_only("");
    }
    for format in ["csv", "json"] {
        let ran = lab.jeton(&format!("tokens 1 --format {format}")).exits(2).errors(1).says_only("");
        ran.complains("hint: leave out `--format`, or the mode");
    }
}

#[test]
fn whoever_is_connected_is_a_row_in_three_formats() {
    let lab = Lab::new();
    let row = "omar,PHYS-PC-07,2021-12-10T09:30:00+01:00,480,1,origin.labo.example,201,origin,OriginPro\n";
    lab.jeton("connected --format csv").exits(0).says_only(&format!("{CONNECTED}{row}"));
    let json = lab.jeton("connected --format json").exits(0).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["minutes"], 480);
    assert_eq!((&json[0]["login"], &json[0]["licences"]), (&"omar".into(), &1.into()));
    lab.jeton("connected").exits(0).says("│ omar  ┆ PHYS-PC-07 ┆ 2021-12-10\u{a0}09:30:00 ┆   8\u{a0}h\u{a0}00 ┆");
}

#[test]
fn every_line_of_use_is_read_and_nothing_else_is_a_use() {
    let body = "    Jean  Petit SALLE-TP SALLE-TP (v9.4) (origin.labo.example/27000 262), start Fri 12/10 7:40, 2 licenses\n\
                \x20   anna PC-1 PC-1:0.0 (v9.4) (origin.labo.example/27000 7), start Thu 12/9 23:59, 1 license (linger: 600 / 1800)\n\
                \x20   lea PC-2 PC-2 (v9.4) (origin.labo.example/27000 9) queued for 1 license\n\
                \x20   1 RESERVATION for GROUP TP (origin.labo.example/27000)\n\
                Users of Viewer:  (Total of 1 license issued;  Total of 1 license in use)\n\
                \x20   hugo PC-3 PC-3 (v1) (origin.labo.example/27000 5), start Fri 12/10 17:00\n";
    let lab = Lab::new().with(LMSTAT, format!("{HEADER}{USERS}{body}"));
    let rows = "anna,PC-1,2021-12-09T23:59:00+01:00,1051,1,origin.labo.example,7,origin,OriginPro\n\
                Jean  Petit,SALLE-TP,2021-12-10T07:40:00+01:00,590,2,origin.labo.example,262,origin,OriginPro\n";
    lab.jeton("connected --format csv").exits(0).says_only(&format!("{CONNECTED}{rows}"));
    let lab = lab.edit("jeton.toml", |text| text.replace("feature = \"OriginPro\"\n", ""));
    let hugo = "hugo,PC-3,2021-12-10T17:00:00+01:00,30,1,origin.labo.example,5,origin,Viewer\n";
    lab.jeton("connected --format csv").exits(0).says_only(&format!("{CONNECTED}{rows}{hugo}"));
}

#[test]
fn minutes_count_the_autumn_hour_twice() {
    let list = |at: &str, since: &str| {
        let header = format!("Flexible License Manager status on Sun 10/31/2021 {at}\n");
        let line = format!("    anna PC-1 PC-1 (v9.4) (s/27000 7), start {since}\n");
        let lab = Lab::new().with(LMSTAT, format!("{header}{USERS}{line}"));
        let row = rows_of(&lab.jeton("connected --format csv").exits(0).out).remove(0);
        (row["since"].clone(), row["minutes"].clone())
    };
    assert_eq!(list("4:00", "Sun 10/31 1:00"), ("2021-10-31T01:00:00+02:00".to_owned(), "240".to_owned()));
    assert_eq!(list("2:10", "Sun 10/31 2:50"), ("2021-10-31T02:50:00+02:00".to_owned(), "20".to_owned()));
}

#[test]
fn nobody_connected_is_a_header_and_an_unknown_list_a_gap() {
    let empty = format!("{HEADER}{USERS}\n");
    let lab = Lab::new().with(LMSTAT, empty);
    lab.jeton("connected --format csv").exits(0).says_only(CONNECTED);
    lab.jeton("connected --format json").exits(0).says_only("[]\n");
    for (answer, said) in [
        (
            "Error getting status: Cannot connect to license server system. (-15,570:115)\n".to_owned(),
            "expected a list",
        ),
        (String::new(), "expected a list"),
        (format!("{HEADER}orglab: The desired vendor daemon is down. (-97,121)\n"), "vendor daemon is down"),
        (format!("{HEADER}Users of OriginPro: Cannot get users of OriginPro: No such feature exists.\n"), "is down"),
        (
            format!("{HEADER}Users of Viewer:  (Total of 1 license issued;  Total of 0 licenses in use)\n"),
            "expected the users of `OriginPro` (`[origin] feature`), found those of `Viewer`",
        ),
    ] {
        let ran = Lab::new().with(LMSTAT, &answer).jeton("connected --format csv").exits(3).says_only(CONNECTED);
        ran.complains("gap: origin.labo.example: lmstat: ").complains(said);
    }
    for (path, said) in [(LMSTAT, "lmutil lmstat -a"), ("replay/origin.labo.example", "connect: unreachable")] {
        let ran = Lab::new().without(path).jeton("connected --format csv").exits(3).says_only(CONNECTED);
        ran.complains("gap: origin.labo.example: ").complains(said);
    }
}

#[test]
fn without_the_key_lmstat_connected_is_wrong_usage_that_names_it() {
    let lab = Lab::new().edit("jeton.toml", |text| text.replace("lmstat = ", "# lmstat = "));
    lab.jeton("connected").exits(2).errors(1).complains("`[origin] lmstat`").says_only("");
}

#[test]
fn an_address_is_a_row_and_so_are_the_ways_back_to_it() {
    let lab = Lab::complete();
    let row = "10.20.11.12,LABO-PC-02,024c.4200.1112,511,DPT1,Labo-A-1,1/0/2,N1A02-03,dhcp+computers+snooping,\n";
    for asked in
        ["10.20.11.12", "02:4C:42:00:11:12", "2-4c-42-0-11-12", "labo-pc-02", "LABO-PC-02.labo.example", "n1a02-03"]
    {
        lab.jeton(&format!("resolve {asked} --format csv")).exits(0).says_only(&format!("{RESOLVE}{row}"));
    }
    let json = lab.jeton("resolve 10.20.11.12 --format json").exits(0).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json[0]["vlan"], &json[0]["note"]), (&511.into(), &serde_json::Value::Null));
    lab.jeton("resolve 10.20.11.12").exits(0).says("N1A02-03");
}

#[test]
fn a_note_says_what_is_odd_about_each_and_unknown_is_a_finding() {
    let lab = Lab::complete();
    let ran = lab.jeton(
        "resolve --format csv 10.20.12.14 10.20.12.17 10.20.99.50 10.20.0.9 10.20.0.20 024c.4200.9999 GHOST N1Z99-99",
    );
    let ran = ran.exits(0).complains("note: nothing is known of `10.20.99.50`").complains("`N1Z99-99`");
    let rows = rows_of(&ran.out);
    let of = |column: &str| rows.iter().map(|row| row[column].clone()).collect::<Vec<_>>();
    assert_eq!(
        of("note"),
        [
            "machine moved (Labo-A-1 Gi1/0/14 / Labo-A-2 Gi1/0/4)",
            "machine not in Ordinateurs",
            "unknown",
            "shared by many machines",
            "the licence server's own address",
            "unknown",
            "unknown",
            "unknown",
        ]
    );
    assert_eq!(of("ip")[2..5], ["10.20.99.50", "10.20.0.9", "10.20.0.20"]);
    let asked = [&rows[5]["mac"], &rows[6]["hostname"], &rows[7]["outlet"]];
    assert_eq!(asked, ["024c.4200.9999", "GHOST", "N1Z99-99"]);
    for row in rows.iter().filter(|row| row["note"] == "unknown") {
        assert_eq!(row.values().filter(|value| !value.is_empty()).count(), 2, "only what was asked: {row:?}");
    }
}

#[test]
fn an_outlet_with_two_machines_is_two_rows_with_a_note() {
    let phone = " 512    024c.4200.5555    DYNAMIC     Gi1/0/5\nTotal";
    let macs = "replay/Labo-A-2/commands/show_mac_address-table.txt";
    let lab = Lab::complete().edit(macs, |text| text.replace("Total", phone));
    let rows = rows_of(&lab.jeton("resolve P2B05-01 --format csv").exits(0).out);
    assert_eq!(rows.iter().map(|row| &*row["mac"]).collect::<Vec<_>>(), ["024c.4200.1215", "024c.4200.5555"]);
    for row in &rows {
        assert_eq!(
            [&*row["port"], &*row["outlet"], &*row["note"]],
            ["1/0/5", "P2B05-01", "2 machines behind this outlet"]
        );
    }
    assert_eq!([&*rows[1]["ip"], &*rows[1]["vlan"], &*rows[1]["source"]], ["", "512", "mac-table"]);
    let vacant = rows_of(&lab.jeton("resolve N1A14-01 --format csv").exits(0).out);
    assert_eq!(vacant[0]["note"], "no machine seen behind this outlet");
}

#[test]
fn a_mistyped_question_is_wrong_usage_before_any_host_is_asked() {
    let lab = Lab::new().without("replay/tftp.labo.example");
    for (asked, errors, said) in [
        ("90-b1-1c-a3-35-7g", 1, "expected a MAC address such as `90b1.1ca3.3575`, found `90-b1-1c-a3-35-7g`"),
        ("10.20.11.300", 1, "expected an address such as `10.14.18.145`, found `10.20.11.300`"),
        ("10.20.11.11 10.20.11 024c.4200.111x", 2, "found `024c.4200.111x`"),
    ] {
        lab.jeton(&format!("resolve {asked}")).exits(2).errors(errors).complains(said).says_only("");
    }
    lab.jeton("resolve").exits(2).complains("<IP>...").says_only("");
}

#[test]
fn what_does_not_answer_is_a_gap_and_the_rest_is_there() {
    let lab = Lab::new();
    let ran = lab
        .jeton("resolve LABO-PC-03 LABO-PC-01 --format csv")
        .exits(3)
        .complains("gap: Labo-B-1: connect: unreachable");
    let rows = rows_of(&ran.out);
    assert_eq!([&*rows[0]["port"], &*rows[0]["outlet"], &*rows[0]["note"]], ["1/0/3", "", "the switch did not answer"]);
    assert_eq!(rows[1]["outlet"], "RJ1A01-01");
    let without = Lab::complete().without("replay/tftp.labo.example");
    let ran = without.jeton("resolve 10.20.11.11 --format csv").exits(3).complains("gap: tftp.labo.example: ");
    let row = rows_of(&ran.out).remove(0);
    assert_eq!([&*row["outlet"], &*row["source"]], ["RJ1A01-01", "dhcp+computers+mac-table"]);
    let dead = Lab::new().without("replay/Labo-A-1").without("replay/Labo-A-2").without("replay/tftp.labo.example");
    dead.jeton("resolve 10.20.11.11 --format csv").exits(3).says("10.20.11.11,LABO-PC-01,024c.4200.1111,511,DPT1,,,,");
}

#[test]
fn the_licence_server_is_not_needed_to_resolve() {
    let lab = Lab::complete().without("replay/origin.labo.example");
    let rows = rows_of(&lab.jeton("resolve 10.20.11.11 10.20.12.16 --format csv").exits(0).out);
    let outlets: BTreeSet<&str> = rows.iter().map(|row| &*row["outlet"]).collect();
    assert_eq!(outlets, ["J2B06-01", "RJ1A01-01"].into());
}
