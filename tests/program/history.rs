//! `jeton history export` and `import`: out, in again, and what other programs wrote before.

use crate::support::{HISTORY, Lab, names_in, truth};

/// What the scripts before jeton left behind, with what nobody can read.
const OLD: &str = "\
{'mac': '024c.4200.1111', 'ip': '10.20.11.11', 'hostname': '\"LABO-PC-01\"', 'departement': 'DPT1', 'vlan': 511, 'cisco': 'Labo-A-1', 'socket': '1/0/1', 'Description': 'RJ1A01-01', 'origin_name': 'ancienne@LABO-PC-01', 'connexion time': '12.25 min'}
{'origin_name': 'ancien@LABO-PC-02', 'ip': '10.20.11.12', 'connexion time': 'not avaible, start at 9:00', 'mac': '02:4C:42:00:11:12'}
Labo-A-2 | 512 024c.4200.1215 Gi1/0/5 | PHYS-TP-05 | DPT2 | 10.20.12.15 | P2B05-01 | vieux@SALLE-TP | 61.5 min
adresse ip | hostname | adresse mac | Socket | Vlan | Switch | Description | Connexion Time
10.20.12.17 | PHYS-PC-07 | 024c.4200.1217 | 1/0/7 | 512 | Labo-A-1 | A1A07-01 | 7.5 min
# a remark of someone's
{'ip': '10.20.11.13', 'origin_name': 'jadis@LABO-PC-03', 'connexion time': '1.0 min', 'date': '2020-03-01'}
{'ip': '10.20.11.999', 'origin_name': 'jadis@LABO-PC-03', 'connexion time': '2.0 min', 'date': '2020-03-02'}
";

fn with_format(lab: Lab, format: &str) -> Lab {
    lab.edit("jeton.toml", |text| {
        text.replace("directory = \"out\"", &format!("directory = \"out\"\nhistory_format = \"{format}\""))
    })
}

#[test]
fn an_export_is_what_a_night_writes() {
    for format in ["record", "line", "table"] {
        let lab = with_format(Lab::complete(), format);
        lab.jeton("nightly --no-push").exits(0);
        let written = lab.text(HISTORY);
        lab.jeton("history export").exits(0).says_only(&written);
        Lab::complete().jeton(&format!("history export --format {format}")).exits(0).says_only(&written);
    }
    let lab = Lab::complete();
    let day = lab.jeton("history export --since 2021-12-09 --until 2021-12-09").exits(0).out;
    assert_eq!(day.lines().count(), 7);
    assert!(day.lines().all(|line| line.contains("'date': '2021-12-09'")), "{day}");
    lab.jeton("history export --until 2001-01-01").exits(0).says_only("");
    Lab::new().jeton("history export").exits(3);
}

#[test]
fn what_is_exported_and_imported_is_the_same_and_a_night_after_it_adds_nothing() {
    for format in ["record", "line", "table"] {
        let lab = with_format(Lab::complete(), format);
        let exported = lab.jeton("history export").exits(0).out;
        let lab = lab.with("exported", &exported);
        let ran = lab.jeton("history import exported").exits(0);
        ran.says("read: 16\nnew: 16,").says("known: 0\nunreadable: 0\n").says("file: out/Origin_history\n");
        assert_eq!(lab.text(HISTORY), exported, "{format}");
        lab.jeton("history import exported exported").exits(0).says("read: 32\nnew: 0,").says("known: 32\n");
        lab.jeton("nightly --no-push").exits(0);
        assert_eq!(lab.text(HISTORY), exported, "{format}");
        assert_eq!(lab.modes("out")[0], ["640".to_owned()].into());
    }
}

#[test]
fn an_old_history_is_put_in_line_by_line_each_once() {
    let lab = Lab::complete().with("old", OLD);
    lab.jeton("nightly --no-push").exits(0);
    let before = lab.text(HISTORY);
    let ran = lab.jeton("history import old").exits(0);
    let ran = ran
        .says_only("read: 6\nnew: 6, of them without a date: 4\nknown: 0\nunreadable: 1\nnew in the ledger: 6\nfile: out/Origin_history\n");
    let ran = ran.complains("warning: unreadable line\n --> old:6\n").complains(" --> old:8\n");
    ran.complains("note: history line without a date (4 times)\n --> old:1\n --> old:2\n --> old:3\n --> …")
        .names_none_of(&["ancienne".to_owned(), "jadis".to_owned(), "10.20.11.999".to_owned()].into());
    let after = lab.text(HISTORY);
    // The undated first, marked by an empty date; then by day; then what was there, as it was.
    let rest = after.strip_suffix(&before).expect("what was there stays");
    let lines: Vec<&str> = rest.lines().collect();
    let dates =
        ["'date': ''", "'date': ''", "'date': ''", "'date': ''", "'date': '2020-03-01'", "'date': '2020-03-02'"];
    assert_eq!(lines.len(), dates.len());
    for (line, date) in lines.iter().zip(dates) {
        assert!(line.contains(date), "{line}");
    }
    assert!(
        lines[1].contains("'mac': '024c.4200.1112'") && lines[1].contains("not avaible, start at 9:00"),
        "{}",
        lines[1]
    );
    assert!(lines[3].contains("'origin_name': ''") && lines[3].contains("'7.5 min'"), "{}", lines[3]);
    // Again, alone or with itself, or the history itself, it changes nothing; a night neither.
    for files in ["old", "old old", "out/Origin_history", "out/Origin_history old"] {
        lab.jeton(&format!("history import {files}")).exits(0).says("new: 0,");
        assert_eq!(lab.text(HISTORY), after, "{files}");
    }
    lab.jeton("nightly --no-push").exits(0);
    assert_eq!(lab.text(HISTORY), after);
}

#[test]
fn a_history_in_another_format_of_days_that_are_there_is_not_doubled() {
    let lab = Lab::complete();
    lab.jeton("nightly --no-push").exits(0);
    let before = lab.text(HISTORY);
    let mut lab = lab;
    for format in ["record", "line", "table"] {
        let exported = lab.jeton(&format!("history export --format {format}")).out;
        lab = lab.with(format, exported);
    }
    lab.jeton("history import record line table").exits(0).says("read: 48\nnew: 0,").complains_not("warning");
    assert_eq!(lab.text(HISTORY), before);
}

#[test]
fn what_is_no_history_is_one_clear_error_and_changes_nothing() {
    let lab = Lab::complete().with("good", OLD).with_folder("folder").with("prose", "one\ntwo\n").with("empty", "");
    let lab = lab.with("paper", "%PDF-1.7").with("out/Origin_history", "as it was\n");
    for (file, said) in [
        ("Ordinateurs.ods", "`Ordinateurs.ods` is a ZIP archive or a spreadsheet, expected plain text"),
        ("paper", "`paper` is a PDF document"),
        ("folder", "`folder` is a directory, expected a file"),
        ("none", "`none`"),
        ("empty", "`empty` is empty"),
        ("prose", "found none of its lines in `prose`"),
    ] {
        lab.jeton(&format!("history import {file}")).exits(1).errors(1).complains(said).says_only("");
        assert_eq!(lab.text(HISTORY), "as it was\n", "{file}");
    }
    lab.jeton("history import good paper").exits(1).errors(1);
    assert_eq!(lab.text(HISTORY), "as it was\n", "all or nothing");
    lab.jeton("history import good").exits(0).says("new: 6,").names_none_of(&names_in(&truth()));
    assert_eq!(lab.text(HISTORY).lines().filter(|line| *line == "as it was").count(), 1, "nothing is lost");
    for (line, said) in [
        ("history", "Usage: jeton history"),
        ("history import", "<FILE>..."),
        ("history export --format csv", "[possible values: record, line, table]"),
    ] {
        lab.jeton(line).exits(2).complains(said);
    }
    let lab = Lab::complete().with("good", OLD).with_folder(HISTORY);
    lab.jeton("history import good").exits(1).errors(1).complains("out/Origin_history` is a directory");
}

#[test]
fn an_import_asks_no_host() {
    let lab = Lab::new().with("old", OLD).without("replay");
    let lab = lab.edit("jeton.toml", |text| text.replace("[remote]\nreplay = \"replay\"", ""));
    lab.jeton("history import old").exits(0).says("new: 6,");
    assert_eq!(lab.text(HISTORY).lines().count(), 6);
}
