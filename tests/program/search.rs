//! `jeton sessions`: what is found, in which order, on a terminal, and in files; by the ledger, and before there is one.

use std::process::{Command, Stdio};

use crate::support::workbook::Workbook;
use crate::support::{Lab, PROGRAM, Row, rows_of};

/// Who is found, each piece by its login and its day.
fn found(lab: &Lab, conditions: &str) -> Vec<Row> {
    rows_of(&lab.jeton(&format!("sessions --format csv {conditions}")).exits(0).out)
}

fn column(rows: &[Row], name: &str) -> Vec<String> {
    rows.iter().map(|row| row[name].clone()).collect()
}

fn sorted(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<String> = texts.collect();
    texts.sort_unstable();
    texts
}

#[test]
fn any_part_of_a_name_finds_and_all_conditions_hold_together() {
    let (before, after) = (Lab::complete(), Lab::complete());
    after.jeton("nightly --no-push").exits(0);
    for (conditions, logins) in [
        ("--login na", &["nadia"][..]),
        ("--login A --machine pc-07", &["omar"]),
        ("--outlet rj1a", &["camille", "camille"]),
        ("--outlet B0 --login IN", &["invite", "invite"]),
        ("--outlet nowhere", &[]),
        ("--info THESE", &["camille", "camille"]),
        ("--info partage --login petit", &["Jean Petit"]),
        ("--info partage --login petit --state open", &[]),
        ("--info éloïse --since 2021-12-09", &["Éloïse Martin"]),
        ("--info bureau --department dpt1", &[]),
        ("--machine phys-tp --outlet p2b --ip 10.20.12. --until 2021-12-08", &["Jean Petit", "invite"]),
        ("--department dpt1 --state expired", &["hugo"]),
    ] {
        for lab in [&before, &after] {
            assert_eq!(column(&found(lab, conditions), "login"), logins, "{conditions}");
        }
    }
    // A script whose variable is not set asks for nothing in particular.
    assert_eq!(found(&after, "--login= --outlet= --info= --machine= --ip= --department=").len(), 16);
}

#[test]
fn rows_are_sorted_by_what_a_column_holds() {
    let lab = Lab::complete();
    let times = column(&found(&lab, ""), "start");
    assert!(times.is_sorted(), "{times:?}");
    let newest = column(&found(&lab, "--reverse"), "start");
    assert!(newest.iter().rev().is_sorted() && newest.len() == 16, "{newest:?}");
    let seconds: Vec<i64> =
        column(&found(&lab, "--sort duration_s --reverse"), "duration_s").iter().map(|s| s.parse().unwrap()).collect();
    assert!(seconds.iter().rev().is_sorted() && seconds[0] == 28_800, "{seconds:?}");
    let outlets = column(&found(&lab, "--sort outlet"), "outlet");
    let unknown = outlets.iter().position(String::is_empty).unwrap();
    assert!(outlets[..unknown].is_sorted() && outlets[unknown..].iter().all(String::is_empty), "{outlets:?}");
    assert_eq!(column(&found(&lab, "--sort login"), "login").last().unwrap(), "teo");
    lab.jeton("sessions --sort duration").exits(2).complains("invalid value 'duration'").complains("duration_s");
}

#[test]
fn a_search_is_exported_in_four_formats() {
    let lab = Lab::complete();
    let search = "sessions --machine pc --department dpt1 --sort login";
    for format in ["csv", "json"] {
        let shown = lab.jeton(&format!("{search} --format {format}")).exits(0).out;
        lab.jeton(&format!("{search} -o found.{format}")).exits(0).says_only(&format!("found.{format}\n"));
        assert_eq!(lab.text(&format!("found.{format}")), shown);
    }
    let logins = column(&rows_of(&lab.text("found.csv")), "login");
    let [ods, xlsx] = ["ods", "xlsx"].map(|format| {
        lab.jeton(&format!("{search} -o books/found.{format}")).exits(0).says(&format!("books/found.{format}"));
        Workbook::read(&lab.path(&format!("books/found.{format}")))
    });
    assert_eq!(ods.sheets, xlsx.sheets);
    assert_eq!(ods.sheets.len(), 1);
    let sheet = ods.sheet("Sessions");
    assert_eq!(sheet[1][0], "Recherche\u{202f}: Poste «\u{202f}pc\u{202f}», Département «\u{202f}dpt1\u{202f}»");
    let header = sheet.iter().position(|row| row[0] == "Date").unwrap();
    let shown = sheet[header + 1..].iter().map(|row| row[2].clone());
    assert_eq!(sorted(shown), sorted(logins.into_iter()), "the sheet has an order of its own, that of time");
    assert_eq!(lab.modes("books"), [["640".to_owned()].into(), ["750".to_owned()].into()]);
}

#[test]
fn an_export_without_rows_and_with_a_wrong_name() {
    let lab = Lab::complete();
    lab.jeton("sessions --login nobody --state open -o none.xlsx").exits(0);
    let book = Workbook::read(&lab.path("none.xlsx"));
    assert!(book.cells().any(|cell| cell.contains("Utilisateur «\u{202f}nobody\u{202f}», État")), "{book:?}");
    assert!(book.sessions().is_empty());
    lab.jeton("sessions -o all.ods --format csv").exits(0).says("date,weekday,login");
    let all = Workbook::read(&lab.path("all.ods"));
    assert_eq!(all.sessions().len(), 16);
    assert!(all.cells().any(|cell| cell.starts_with("Recherche sans condition")), "{all:?}");
    lab.jeton("sessions -o found.pdf").exits(2).complains("`.csv`, `.json`, `.ods` or `.xlsx`, found `found.pdf`");
    lab.with_folder("found.csv").jeton("sessions -o found.csv").exits(1).complains("found.csv");
}

/// What a terminal of so many lines shows of a command, and what its pager was given.
fn on_terminal(lab: &Lab, size: (u32, u32), command: &str) -> (String, Option<String>) {
    on_terminal_with(lab, "TERM=xterm", size, command)
}

fn on_terminal_with(lab: &Lab, setting: &str, (lines, columns): (u32, u32), command: &str) -> (String, Option<String>) {
    let lab_folder = lab.path("");
    let line = format!("stty rows {lines} cols {columns}; exec env {setting} {PROGRAM} {command}");
    let done = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .current_dir(&lab_folder)
        .env("PAGER", "cat >paged")
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .env_remove("JETON_CONFIG")
        .stdin(Stdio::null())
        .output()
        .expect("`script` is in Debian's package bsdutils");
    assert!(done.status.success(), "{done:?}");
    let paged = fs_err::read_to_string(lab.path("paged")).ok();
    (String::from_utf8(done.stdout).unwrap(), paged)
}

#[test]
fn a_table_that_is_longer_than_the_screen_is_paged_on_a_terminal_alone() {
    let lab = Lab::complete();
    let (shown, paged) = on_terminal(&lab, (12, 150), "sessions");
    let paged = paged.expect("sixteen rows do not fit");
    assert!(!shown.contains("camille") && paged.contains("camille"), "{shown}\n{paged}");
    let line = paged.lines().find(|line| line.contains("omar")).unwrap();
    for cell in ["2021-12-10", "PHYS-PC-07", "09:30:00", "17:30:00", "open", "10.20.12.17", "DPT2", "A1A07-01"] {
        assert!(line.contains(cell), "{cell} is not in {line}");
    }
    let lab = lab.without("paged");
    for (lines, command) in
        [(60, "sessions"), (12, "sessions --no-pager"), (12, "sessions --format csv"), (12, "sessions --limit 3")]
    {
        let (shown, paged) = on_terminal(&lab, (lines, 150), command);
        assert!(shown.contains("camille") && paged.is_none(), "{command}: {shown}");
    }
    for command in ["tokens", "users", "seats", "usage --by user", "inventory"] {
        let (_, paged) = on_terminal(&lab, (6, 150), command);
        assert!(paged.is_some(), "{command}");
        fs_err::remove_file(lab.path("paged")).unwrap();
    }
    let ran = lab.jeton("sessions").exits(0).says("duration");
    assert!(!lab.path("paged").exists() && ran.out.lines().count() > 12, "no terminal, no pager");
}

#[test]
fn every_table_fits_its_terminal() {
    let lab = Lab::complete();
    lab.jeton("nightly --no-push").exits(0);
    for columns in [80, 100, 200] {
        for command in
            ["sessions", "tokens", "users", "seats", "refusals", "usage", "coverage", "connected", "inventory"]
        {
            let (shown, _) = on_terminal(&lab, (500, columns), &format!("{command} 2>/dev/null"));
            // Bold letters take no room.
            let shown = shown.replace("\u{1b}[1m", "").replace("\u{1b}[0m", "");
            let widest = shown.lines().map(|line| line.trim_end().chars().count()).max().unwrap();
            assert!(widest <= columns as usize, "{command} in {columns}: {widest}\n{shown}");
            for cut in ["LABO-PC\u{a0}", "2021-12-\u{a0}"] {
                assert!(!shown.contains(cut), "{command}: {shown}");
            }
        }
    }
    for columns in [80, 100, 200] {
        let tables =
            ["sessions", "seats --date 2021-12-08", "refusals", "usage --by user", "connected"].map(|command| {
                let (shown, _) = on_terminal(&lab, (500, columns), &format!("{command} 2>/dev/null"));
                let lines = shown.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
                format!("$ jeton {command}\n{lines}")
            });
        let plain = tables.join("\n\n").replace("\u{1b}[1m", "").replace("\u{1b}[0m", "");
        insta::assert_snapshot!(format!("tables_in_{columns}_columns"), plain);
    }
}

#[test]
fn an_answer_is_chosen_cut_short_or_nothing() {
    let lab = Lab::complete();
    lab.jeton("nightly --no-push").exits(0);
    let chosen = lab.jeton("sessions --format csv --columns login,date --limit 2").exits(0);
    chosen.says_only("login,date\ncamille,2021-12-08\nhugo,2021-12-08\n");
    lab.jeton("tokens --columns at,what").exits(2).complains("unknown column `what`");
    lab.jeton("sessions --login nobody --date 2021-12")
        .exits(0)
        .says_only("nothing was found from 2021-12-01 to 2021-12-31\n");
    lab.jeton("refusals --date monday").exits(0).says_only("nothing was found on 2021-12-06\n");
    // A Friday.
    let days = |day: &str| {
        let found = lab.jeton(&format!("sessions --format csv --columns date --date {day}")).exits(0).out;
        found.lines().skip(1).map(str::to_owned).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(days("-1"), ["2021-12-09".to_owned()].into());
    assert_eq!(days("mercredi"), ["2021-12-08".to_owned()].into());
    assert_eq!(days("2021-12").len(), 3);
    lab.jeton("sessions --date today --since today").exits(2);
}

#[test]
fn whoever_wants_no_escape_sequences_gets_none() {
    let lab = Lab::complete();
    let plain = |setting: &str| on_terminal_with(&lab, setting, (500, 100), "sessions 2>/dev/null").0;
    for setting in ["NO_COLOR=1", "TERM=dumb"] {
        let shown = plain(setting);
        assert!(shown.contains("camille") && !shown.contains('\u{1b}'), "{setting}: {shown}");
    }
    assert!(plain("NO_COLOR=").contains('\u{1b}'), "an empty one says nothing");
}
