//! Rows on standard output: the stable columns, the three formats, the conditions, files in the place of the network.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use chrono::DateTime;

use crate::support::{self, DEBUG_LOG, LOGWATCH, Lab, Row, names_in, rows_of, truth};

const SESSIONS: &str = "date,weekday,login,host,start,end,duration_s,state,initial_start,ip,evidence,mac,vlan,\
                        department,hostname,switch,port,outlet,licence,feature";
const USERS: &str = "date,login,host,ip,evidence,for,against,licence,feature";
const TOKENS: &str = "at,kind,feature,login,host,licences,source,verdict,licence,feature";

#[test]
fn sessions_are_the_truth_byte_for_byte() {
    let lab = Lab::new();
    lab.jeton("sessions --format csv").exits(3).says_only(&lab.text("expected/sessions.csv"));
    Lab::complete().jeton("sessions --format csv").exits(0).says_only(&lab.text("expected/sessions.csv"));
}

#[test]
fn every_csv_has_its_stable_columns_with_and_without_rows() {
    let lab = Lab::new();
    for (command, columns) in [("sessions", SESSIONS), ("users", USERS), ("tokens", TOKENS)] {
        let all = lab.jeton(&format!("{command} --format csv")).out;
        assert_eq!(all.lines().next(), Some(columns), "{command}");
        assert!(all.lines().count() > 10, "{all}");
        let none = format!("{command} --format csv --since 2001-01-01 --until 2001-01-02");
        lab.jeton(&none).exits(0).says_only(&format!("{columns}\n"));
    }
}

#[test]
fn json_has_the_names_and_values_of_the_csv() {
    let lab = Lab::new();
    for command in ["sessions", "users", "tokens"] {
        let csv = rows_of(&lab.jeton(&format!("{command} --format csv")).out);
        let json = lab.jeton(&format!("{command} --format json")).out;
        let json: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(&json).unwrap();
        let plain = |value: &serde_json::Value| match value {
            serde_json::Value::Null => String::new(),
            // CSV alone has to keep spreadsheets from calculating.
            serde_json::Value::String(text) if text.starts_with('=') => format!("'{text}"),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let json: Vec<Row> =
            json.iter().map(|row| row.iter().map(|(name, value)| (name.clone(), plain(value))).collect()).collect();
        assert_eq!(json, csv, "{command}");
    }
    lab.jeton("sessions --login nobody --format json").exits(3).says_only("[]\n");
}

#[test]
fn the_table_shows_every_row() {
    let table = Lab::new().jeton("sessions").exits(3).out;
    for row in truth() {
        let login = row["login"].trim_start_matches('\'');
        // Times without their zone, on one line.
        let shown = |time: &str| time[..19].replace('T', "\u{a0}");
        let times = format!("{} ┆ {} ", shown(&row["start"]), shown(&row["end"]));
        let shown = |line: &&str| line.contains(login) && line.contains(&times) && line.contains(&row["ip"]);
        assert_eq!(table.lines().filter(shown).count(), 1, "{row:?}\n{table}");
    }
}

#[test]
fn the_pieces_of_a_session_add_up_to_it() {
    let mut sessions: BTreeMap<[String; 3], (i64, Vec<Row>)> = BTreeMap::new();
    for row in rows_of(&Lab::new().jeton("sessions --format csv").out) {
        let key = ["login", "host", "initial_start"].map(|column| row[column].clone());
        let session = sessions.entry(key).or_default();
        session.0 += row["duration_s"].parse::<i64>().unwrap();
        session.1.push(row);
    }
    assert_eq!(sessions.len(), 15);
    for ([.., start], (seconds, pieces)) in sessions {
        let instant = |text: &str| DateTime::parse_from_rfc3339(text).unwrap();
        let last = pieces.last().unwrap();
        assert_eq!((instant(&last["end"]) - instant(&start)).num_seconds(), seconds, "{pieces:?}");
        assert_eq!(pieces[0]["start"], start);
        for piece in &pieces[..pieces.len() - 1] {
            assert!(piece["end"].contains("T23:59:59"), "{piece:?}");
        }
    }
}

#[test]
fn conditions_hold_together_and_fold_case_and_accents() {
    let lab = Lab::complete();
    for (conditions, n) in [
        ("--login eloise", 2),
        ("--login ELOISE --machine pc-02", 2),
        ("--login ELOISE --machine pc-01", 0),
        ("--machine phys-tp", 3),
        ("--machine salle-tp --login invite", 2),
        ("--state open", 1),
        ("--state expired", 1),
        ("--state presumed", 1),
        ("--state closed", 13),
        ("--ip 10.20.0.9", 2),
        ("--department dpt1", 6),
        ("--department dpt --state open", 1),
        ("--since 2021-12-09", 10),
        ("--until 2021-12-08", 6),
        ("--since yesterday", 10),
        ("--since today --until today", 3),
        ("--since 2021-12-09 --until 2021-12-09 --login camille", 1),
    ] {
        let ran = lab.jeton(&format!("sessions --format csv {conditions}")).exits(0);
        assert_eq!(rows_of(&ran.out).len(), n, "{conditions}\n{}", ran.out);
    }
}

#[test]
fn denials_have_their_verdict_and_days_are_of_the_site() {
    let lab = Lab::new();
    let tokens = rows_of(&lab.jeton("tokens --format csv --date 2021-12-08").exits(0).out);
    let denials: Vec<[&str; 3]> = tokens
        .iter()
        .filter(|row| row["kind"] == "denied")
        .map(|row| [&*row["at"], &*row["login"], &*row["verdict"]])
        .collect();
    assert_eq!(
        denials,
        [["2021-12-08T09:10:00+01:00", "nadia", "true"], ["2021-12-08T13:00:00+01:00", "Jean Petit", "false"]]
    );
    assert!(tokens.iter().all(|row| row["at"].starts_with("2021-12-08T")));
    let users = rows_of(&lab.jeton("users --format csv --date yesterday").exits(0).out);
    assert_eq!(users.iter().map(|row| &*row["date"]).collect::<BTreeSet<_>>(), ["2021-12-09"].into());
    assert_eq!(users.len(), 6, "a token held over midnight adds no row");
}

#[test]
fn files_on_the_command_line_need_no_configuration_and_no_network() {
    let lab = Lab::new().with_folder("empty");
    let people: BTreeSet<String> = truth().iter().map(|row| row["login"].clone()).collect();
    for (command, columns) in [("users", USERS), ("tokens", TOKENS)] {
        for (option, file) in [("--logwatch", LOGWATCH), ("--debug-log", DEBUG_LOG)] {
            let ran = lab.jeton_in("empty", &format!("{command} {option} ../{file} --format csv")).exits(0);
            let ran = ran.names_none_of(&names_in(&truth()));
            assert_eq!(ran.out.lines().next(), Some(columns));
            let logins: BTreeSet<String> = rows_of(&ran.out).iter().map(|row| row["login"].clone()).collect();
            assert_eq!(logins, people, "{command} {option}");
        }
    }
    let ran = lab.jeton_in("empty", &format!("users --logwatch ../{LOGWATCH} --format csv")).exits(0);
    let addresses: BTreeSet<String> = rows_of(&ran.out).iter().map(|row| row["ip"].clone()).collect();
    assert_eq!(addresses, truth().iter().map(|row| row["ip"].clone()).collect());
    assert!(lab.files("empty").is_empty());
}

#[test]
fn files_on_the_command_line_replace_every_other_trace() {
    // Without the hosts, and with inputs that nobody could read: nothing but the file is looked at.
    let lab =
        Lab::new().without("replay/Labo-A-1").without("replay/tftp.labo.example").with("Ordinateurs.ods", "%PDF-1.7");
    let lab = lab.with("log", "mer. déc.  8 08:30:00 CET 2021\nESTAB 0 432 10.20.0.20:60213 10.20.11.11:50001\n 8:30:00 (x) OUT: \"OriginPro\" zoe@PC-Z\n");
    let ran = lab.jeton("users --logwatch log --format csv").exits(0);
    assert_eq!(ran.out, format!("{USERS}\n2021-12-08,zoe,PC-Z,10.20.11.11,carrying,1,0,origin,OriginPro\n"));
}

#[test]
fn files_on_the_command_line_do_not_need_the_inputs_of_the_configuration_at_hand() {
    let lab = Lab::new().without("Ordinateurs.ods");
    lab.jeton(&format!("tokens --logwatch {LOGWATCH} --format csv")).exits(0);
}

#[test]
fn a_file_on_the_command_line_that_is_none_is_one_clear_error() {
    let lab = Lab::new().with("p", "%PDF-1.7\n").with("e", "").with("words", "hello\nworld\n");
    for (line, said) in [
        ("users --logwatch nowhere", "`nowhere`: No such file"),
        ("users --logwatch replay", "`replay` is a directory, expected a file"),
        ("tokens --logwatch p", "`p` is a PDF document, expected plain text"),
        ("tokens --debug-log p", "`p` is a PDF document, expected plain text"),
        ("tokens --logwatch e", "`e` is empty"),
        ("tokens --debug-log e", "`e` is empty"),
        ("tokens --logwatch words", "`words` is no logwatch"),
        ("tokens --debug-log words", "`words` is no FlexNet debug log"),
    ] {
        lab.jeton(line).exits(1).errors(1).complains(said).says_only("");
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    // More than any pipe holds.
    let mut log = String::from(" 7:00:00 (x) TIMESTAMP 12/8/2021\n");
    for second in 0..20_000 {
        let (hour, minute, second) = (8 + second / 3600, second / 60 % 60, second % 60);
        writeln!(log, "{hour:2}:{minute:02}:{second:02} (x) OUT: \"OriginPro\" u{second}@PC-{minute}").unwrap();
    }
    let lab = Lab::new().with("log", log);
    for format in ["csv", "json", "table"] {
        let mut child = support::command(&lab.path(""))
            .args(["tokens", "--debug-log", "log", "--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut complaints = String::new();
        child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{format}: {complaints}");
        assert!(!complaints.contains("panicked") && !complaints.contains("error"), "{format}: {complaints}");
    }
}

#[test]
fn dates_the_wrong_way_round_are_wrong_usage() {
    let lab = Lab::new();
    for line in [
        "sessions --since 2021-12-10 --until 2021-12-09",
        "users --since 2021-12-10 --until 2021-12-09",
        "tokens --since today --until yesterday",
        "nightly --since 2021-12-12",
    ] {
        lab.jeton(line).exits(2).errors(1);
    }
    // An end that has not come is an open one.
    let all = lab.jeton("tokens --format csv").exits(0).out;
    lab.jeton("tokens --until 2030-01-01 --format csv").exits(0).says_only(&all);
}

/// What `--explain` cites stands on the line that it names, and shows what it is cited for: an administrator checks it by
/// eye.
#[test]
fn every_cited_line_shows_what_it_is_cited_for() {
    let lab = Lab::new();
    let explained = lab.jeton("users --explain").exits(0).out;
    let (mut pair, mut address, mut n_cited) = ("", "", 0);
    for line in explained.lines() {
        if !line.starts_with(' ') {
            // `2021-12-08 camille@LABO-PC-01: 10.20.11.11, carrying, 2 for, 0 against`
            let (answer, rest) = line.rsplit_once(": ").unwrap();
            pair = answer.split_once(' ').unwrap().1;
            address = rest.split(',').next().unwrap();
        } else if let Some(citation) = line.strip_prefix("    ") {
            let (cited, shows) = citation.rsplit_once("  [").unwrap();
            let (file, rest) = cited.split_once(".log:").map_or_else(
                || cited.split_once("logwatch:").map(|(folder, rest)| (format!("{folder}logwatch"), rest)).unwrap(),
                |(folder, rest)| (format!("{folder}.log"), rest),
            );
            let (number, text) = rest.split_once(": ").unwrap();
            let number: usize = number.parse().unwrap();
            let there =
                fs_err::read_to_string(lab.path(&file)).unwrap().lines().nth(number - 1).unwrap().trim().to_owned();
            assert_eq!(text, there);
            if shows.starts_with("the token") {
                assert!(there.contains(pair), "{line}");
            } else if shows.contains("its connection") && !shows.contains("block") {
                assert!(there.contains(&format!("{address}]")), "{line}");
            } else if shows.contains("bytes in flight") {
                assert!(there.split_whitespace().nth(2).unwrap().parse::<u32>().unwrap() > 0, "{line}");
            }
            n_cited += 1;
        }
    }
    assert!(n_cited > 50, "{explained}");
    assert!(explained.contains("[the server closes on its silent client"), "{explained}");
}
