//! Commands that write what was asked for, wrong usage, wrong configurations.

use crate::support::workbook::Workbook;
use crate::support::{Lab, REPORTS};

#[test]
fn init_writes_a_configuration_that_is_named_fault_by_fault() {
    let lab = Lab::new().with_folder("new");
    lab.jeton_in("new", "init").exits(0).says("wrote jeton.toml");
    assert_eq!(lab.modes("new"), [["640".to_owned()].into(), ["755".to_owned()].into()]);
    let written = lab.text("new/jeton.toml");
    // Nothing is wrong with it but that its inputs are not there yet.
    let ran = lab.jeton_in("new", "nightly --no-push").exits(2).errors(2);
    ran.complains("error: no such file: `Ordinateurs.ods`\n --> jeton.toml:")
        .complains("no file matches `dhcpd-*.conf`");
    assert_eq!(lab.files("new").into_keys().collect::<Vec<_>>(), ["jeton.toml"]);
    lab.jeton_in("new", "init").exits(2).errors(1).complains("`jeton.toml` is already there");
    assert_eq!(lab.text("new/jeton.toml"), written);
    lab.jeton_in("new", "init sub/other.toml").exits(0);
    assert_eq!(lab.text("new/sub/other.toml"), written);
}

#[test]
fn the_configuration_of_init_is_whole_once_its_inputs_are_there() {
    let lab = Lab::new().without("jeton.toml");
    lab.jeton("init").exits(0);
    // The hosts of the template are no hosts of this replay: that is found out by asking them.
    lab.jeton("--replay replay nightly --no-push").exits(1).errors(1).complains("origin.lab.example");
}

#[test]
fn a_report_covers_the_period_that_is_asked_for() {
    for (options, folder, n) in [
        ("--period day", "2021-12-10", 4),
        ("--period day --date yesterday", "2021-12-09", 8),
        ("--period week", "2021-W49", 8),
        ("--period month", "2021-12", 8),
        ("--period year", "2021", 8),
        ("", "2021-12", 8),
        ("--period year --department DPT2", "2021", 2),
        ("--department DPT1", "2021-12", 2),
        ("--since 2021-12-08 --until 2021-12-09 --department DPT1", "2021-12-08_2021-12-09", 2),
        ("--since 2021-12-09 --department DPT2", "2021-12-09_2021-12-10", 2),
    ] {
        let lab = Lab::new();
        let ran = lab.jeton(&format!("report {options}")).exits(3);
        let files: Vec<String> = lab.files("out").into_keys().map(|name| format!("out/{name}")).collect();
        assert_eq!(files.len(), n, "{options}: {files:?}");
        assert!(files.iter().all(|name| name.starts_with(&format!("out/reports/{folder}/"))), "{options}: {files:?}");
        let mut said: Vec<&str> = ran.out.lines().collect();
        said.sort_unstable();
        assert_eq!(said, files, "{options}");
    }
}

#[test]
fn a_department_without_use_gets_no_workbook() {
    let more = "\n[[vlans]]\nid = 513\nname = \"LABO-DPT3-BIO\"\ndepartment = \"DPT3\"\n";
    let lab = Lab::new().edit("jeton.toml", |text| text.replace("[output]", &format!("{more}\n[output]")));
    lab.jeton("nightly --no-push").exits(3);
    assert!(lab.files(REPORTS).into_keys().all(|name| !name.starts_with("DPT3")));
    lab.jeton("report --department DPT3").exits(0).says_only("no use in this period: no workbook was written\n");
    lab.jeton("report --period day --department DPT1").exits(0).says("no workbook was written");
    // The site's workbook says so.
    let site = Workbook::read(&lab.path(REPORTS).join("LABO-2021-12.xlsx"));
    assert!(site.sheet("Synthèse").concat().iter().any(|cell| cell.ends_with("sans classeur\u{202f}: DPT3")));
    let unused = site.sheet("Départements").iter().find(|row| row[0] == "DPT3").unwrap();
    assert_eq!(unused[1..6], ["0", "0", "0", "0", "0"], "{unused:?}");
}

#[test]
fn wrong_usage_exits_with_2_and_says_what_was_expected() {
    let lab = Lab::new();
    for (line, said) in [
        ("", "Usage: jeton"),
        ("frobnicate", "unrecognized subcommand 'frobnicate'"),
        ("nightly --no-psuh", "a similar argument exists: '--no-push'"),
        ("nightly --date tomorrow", "expected `today`, `yesterday`, a weekday"),
        ("nightly --date 31/12/2021", "such as `2021-12-31`"),
        ("nightly --since 2021-12-09 --date 2021-12-08", "`--since 2021-12-09` is after `--date 2021-12-08`"),
        ("users --date today --since today", "cannot be used with"),
        ("sessions --state gone", "[possible values: closed, expired, presumed, open, borrowed]"),
        ("sessions --format xml", "[possible values: table, csv, json]"),
        ("report --period fortnight", "[possible values: day, week, month, year]"),
        ("report --department DPT9", "unknown department `DPT9`\nhint: expected one of `DPT1`, `DPT2`"),
        ("--config nowhere.toml nightly", "no such file, though `--config` names it"),
        ("--replay nowhere nightly", "`--replay`: no such folder"),
        ("--config replay nightly", "`replay` is a directory, expected a file"),
    ] {
        lab.jeton(line).exits(2).complains(said).says_only("");
    }
    assert!(lab.files("out").is_empty());
    lab.jeton("--version").exits(0).says(concat!("jeton ", env!("CARGO_PKG_VERSION")));
    lab.jeton("nightly --help").exits(0).says("--no-push").says("Example: jeton nightly");
}

#[test]
fn every_fault_of_a_configuration_is_named_at_once() {
    const WRONG: &str = r#"[site]
name = "LA/BO"
timezone = "Europe/Pariss"
language = "de"
colour = 1

[inputs]
computers = "nowhere.ods"
dhcp = ["nothing-*.conf"]

[origin]
host = "origin"
address = "10.20.0.300"
port = 99999
logwatch = 7

[tftp]
host = "t"
snooping = "/s"

[[switches]]
name = "A"
address = "10.0.0.1"

[[vlans]]
id = 5000
name = "V"
department = "D"

[output]
directory = "out"
"#;
    let ran = Lab::new().with("wrong.toml", WRONG).jeton("--config wrong.toml nightly").exits(2).errors(10);
    let mut ran = ran.complains("10 faults in `wrong.toml`; nothing was done");
    for line in [2, 3, 4, 5, 8, 9, 13, 14, 15, 26] {
        ran = ran.complains(&format!(" --> wrong.toml:{line}:"));
    }
    ran.complains("did you mean `Europe/Paris`?");
}

#[test]
fn what_is_no_configuration_is_one_error() {
    for (content, said) in [
        ("", "`x.toml` is empty"),
        ("%PDF-1.7\n", "`x.toml` is a PDF document, expected plain text"),
        ("site = [\n", "this is not TOML"),
        ("\u{0}\u{1}", "this is not TOML"),
    ] {
        Lab::new().with("x.toml", content).jeton("--config x.toml nightly").exits(2).errors(1).complains(said);
    }
}

#[test]
fn where_was_looked_for_the_dhcp_files_is_said() {
    Lab::new()
        .without("dhcpd-511.conf")
        .without("dhcpd-512.conf")
        .jeton("users")
        .exits(2)
        .complains_not("looked in ``");
}

#[test]
fn a_period_that_has_not_begun_gets_no_workbook() {
    let lab = Lab::complete();
    lab.jeton("report --date 2022-03-01");
    assert!(lab.files("out").is_empty(), "{:?}", lab.files("out").keys());
    for (line, said) in [
        ("report --date 2022-03-01", "`--date 2022-03-01` names a period that begins after today, 2021-12-10"),
        ("report --period day --date 2021-12-11", "begins after today, 2021-12-10"),
        ("nightly --date 2021-12-11", "`--date 2021-12-11` is after today, 2021-12-10"),
        (
            "nightly --since today --date yesterday",
            "`--since today` (2021-12-10) is after `--date yesterday` (2021-12-09)",
        ),
    ] {
        lab.jeton(line).exits(2).errors(1).complains(said).says_only("");
    }
    assert!(lab.files("out").is_empty(), "{:?}", lab.files("out").keys());
}

#[test]
fn a_period_before_the_traces_gets_no_workbook() {
    let lab = Lab::complete();
    for (line, last) in [
        ("nightly --date 2021-12-07", "2021-12-07"),
        ("report --date 2021-11-03", "2021-11-30"),
        ("report --period day --date 2021-12-01", "2021-12-01"),
    ] {
        lab.jeton(line).exits(0).says_only(&format!(
            "nothing is known of {last} and before: the traces begin on 2021-12-08; nothing was written\n"
        ));
        assert!(lab.files("out").is_empty(), "{line}: {:?}", lab.files("out").keys());
    }
    lab.jeton("nightly --since 2021-11-01 --date 2021-12-08").exits(0).says("days: 2021-12-08 to 2021-12-08\n");
}
