//! The night: what it writes, what it says, and that a second one changes nothing.

use std::collections::BTreeMap;

use crate::support::workbook::Workbook;
use crate::support::{HISTORY, Lab, REPORTS, names_in, truth};

const FILES: [&str; 10] = [
    "Origin_history",
    "jeton.db",
    "reports/2021-12/DPT1-2021-12.ods",
    "reports/2021-12/DPT1-2021-12.xlsx",
    "reports/2021-12/DPT2-2021-12.ods",
    "reports/2021-12/DPT2-2021-12.xlsx",
    "reports/2021-12/LABO-2021-12.ods",
    "reports/2021-12/LABO-2021-12.xlsx",
    "reports/2021-12/non-resolus-2021-12.ods",
    "reports/2021-12/non-resolus-2021-12.xlsx",
];

#[test]
fn a_night_writes_the_history_and_a_workbook_per_department_closed_to_strangers() {
    let lab = Lab::new();
    let ran = lab.jeton("nightly --no-push").exits(3).complains("gap: Labo-B-1: connect: unreachable");
    let ran = ran.says("days: 2021-12-08 to 2021-12-10\nsessions: 15\nusers: 11\ndepartments: 2\ngaps: 1\n");
    assert_eq!(lab.published().into_keys().collect::<Vec<_>>(), FILES);
    assert_eq!(lab.modes("out"), [["640".to_owned()].into(), ["750".to_owned()].into()]);
    for file in FILES.into_iter().filter(|file| *file != "jeton.db") {
        assert!(
            ran.out.contains(&format!("  out/{file}\n")) || ran.out.ends_with(&format!("  out/{file}\n")),
            "{file}"
        );
    }
    insta::assert_snapshot!(lab.text(HISTORY));
}

#[test]
fn without_a_gap_the_exit_is_0_and_the_rows_are_the_same() {
    let lab = Lab::complete();
    lab.jeton("nightly --no-push").exits(0).says("gaps: 0\n").complains_not("gap:");
    let other = Lab::new();
    other.jeton("nightly --no-push").exits(3);
    assert_eq!(lab.text(HISTORY), other.text(HISTORY));
}

#[test]
fn the_first_run_of_the_readme_is_complete_and_its_second_one_has_a_gap() {
    const NIGHT: &str = "--config fixtures/jeton.toml nightly --since 2021-12-08 --date 2021-12-10 --no-push";
    let readme = include_str!("../../README.md");
    let lab = Lab::complete();
    std::os::unix::fs::symlink(".", lab.path("fixtures")).unwrap();
    let shown = |text: &str| assert!(readme.contains(&format!("\n{text}```\n")), "not in the README:\n{text}");
    shown(&format!("```sh\ncargo run --release -- {NIGHT}\n"));
    let first = lab.jeton(NIGHT).exits(0).says("gaps: 0\n");
    shown(&format!("```text\n{}", first.err));
    shown(&format!("```text\n{}\n", first.out.trim_end()));
    let line = format!("{NIGHT} --replay fixtures/replay-dead-switch");
    shown(&format!("```sh\ncargo run --release -- {line}\n"));
    let second = lab.jeton(&line).exits(3).says("gaps: 1\n");
    shown(&format!("```text\n{}\n", second.err.lines().next().unwrap()));
}

#[test]
fn the_same_night_twice_changes_nothing() {
    let lab = Lab::new();
    lab.jeton("nightly --no-push").exits(3);
    let (history, books) = (lab.text(HISTORY), books(&lab));
    lab.jeton("nightly --no-push").exits(3);
    assert_eq!(lab.text(HISTORY), history);
    assert_eq!(self::books(&lab), books);
    assert_eq!(lab.published().len(), FILES.len());
}

#[test]
fn nights_day_by_day_give_the_history_of_one_night() {
    let (daily, once) = (Lab::new(), Lab::new());
    for day in ["2021-12-08", "2021-12-09", "2021-12-10"] {
        daily.jeton(&format!("nightly --no-push --since {day} --date {day}")).exits(3).says(&format!("days: {day} to"));
    }
    once.jeton("nightly --no-push").exits(3);
    assert_eq!(daily.text(HISTORY), once.text(HISTORY));
    assert_eq!(books(&daily), books(&once));
}

fn books(lab: &Lab) -> BTreeMap<String, Workbook> {
    lab.workbooks()
        .iter()
        .map(|path| (path.file_name().unwrap().to_str().unwrap().into(), Workbook::read(path)))
        .collect()
}

#[test]
fn leftovers_of_an_interrupted_night_go() {
    let lab = Lab::new().with("out/.Origin_history.x1.tmp", "half").with(&format!("{REPORTS}/.LABO.x2.tmp"), "half");
    lab.jeton("nightly --no-push").exits(3);
    assert_eq!(lab.published().into_keys().collect::<Vec<_>>(), FILES);
}

#[test]
fn what_others_wrote_into_the_history_stays() {
    let foreign = "Balard-1 | une vieille ligne\nété\r\n\n{'mac': '024c\nsans fin de ligne";
    for bytes in [foreign.as_bytes().to_vec(), foreign.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()] {
        let lab = Lab::new().with(HISTORY, bytes);
        lab.jeton("nightly --no-push").exits(3);
        let history = lab.text(HISTORY);
        assert!(history.starts_with(&format!("{foreign}\n{{'mac': '")), "{history}");
        assert_eq!(history.lines().count(), 5 + 16, "{history}");
    }
}

#[test]
fn the_three_formats_of_the_history() {
    for (format, first) in [
        (
            "record",
            "{'mac': '024c.4200.1111', 'ip': '10.20.11.11', 'hostname': '\"LABO-PC-01\"', 'departement': 'DPT1', ",
        ),
        (
            "line",
            "Labo-A-1 | 511 024c.4200.1111 Gi1/0/1 | LABO-PC-01 | DPT1 | 10.20.11.11 | RJ1A01-01 | camille@LABO-PC-01 | 90.0 min\n",
        ),
        ("table", "adresse ip | hostname | adresse mac | Socket | Vlan | Switch | Description | Connexion Time\n"),
    ] {
        let lab = Lab::new().edit("jeton.toml", |text| {
            text.replace("directory = \"out\"", &format!("directory = \"out\"\nhistory_format = \"{format}\""))
        });
        lab.jeton("nightly --no-push").exits(3);
        let once = lab.text(HISTORY);
        assert!(once.starts_with(first), "{once}");
        assert_eq!(once.lines().count(), 16 + usize::from(format == "table"), "{once}");
        lab.jeton("nightly --no-push").exits(3);
        assert_eq!(lab.text(HISTORY), once, "{format}");
    }
}

#[test]
fn common_options_are_taken_before_and_after_the_command() {
    let lab = Lab::new().with_folder("elsewhere");
    let usual = lab.jeton("nightly --no-push").exits(3);
    let quiet = usual.err.lines().count();
    for line in [
        "--config ../jeton.toml --replay ../replay -v nightly --since 2021-12-08 --no-push",
        "nightly --since 2021-12-08 --no-push --config ../jeton.toml --replay ../replay -v",
        "--config ../jeton.toml nightly --since 2021-12-08 --replay ../replay --no-push --verbose",
    ] {
        let ran = lab.jeton_in("elsewhere", line).exits(3).says("sessions: 15\n").complains("10.20.99.50");
        assert!(ran.err.lines().count() > quiet, "{}", ran.err);
    }
    assert!(lab.files("elsewhere").is_empty(), "relative paths start from the configuration's folder");
}

#[test]
fn nobody_is_named_on_standard_error_without_v() {
    let lab = Lab::new();
    let names = names_in(&truth());
    for command in
        ["sessions", "report", "nightly --no-push", "report", "sessions", "users", "tokens", "sessions --login camille"]
    {
        lab.jeton(command).names_none_of(&names);
    }
    let summary = lab.jeton("nightly --no-push").exits(3).out;
    assert!(names.iter().all(|name| !crate::support::has_word(&summary, name)), "{summary}");
    lab.jeton("nightly --since 2021-12-08 --no-push -v").exits(3).complains("presse@VISITEUR").complains("10.20.99.50");
}

#[test]
fn nobody_is_named_by_a_gap() {
    let lab = Lab::new().edit(crate::support::LMSTAT, |text| {
        text.lines().filter(|line| line.contains("omar")).collect::<Vec<_>>().join("\n")
    });
    let lab = lab.with("replay/Labo-A-1/commands/show_mac_address-table.txt", "10.20.11.12 Éloïse Martin@LABO-PC-02\n");
    let all = names_in(&truth());
    lab.jeton("nightly --no-push").exits(3).complains("gap: origin.labo.example").names_none_of(&all);
    let book = Workbook::read(&lab.path(REPORTS).join("DPT1-2021-12.ods"));
    assert!(!book.cells().any(|cell| cell.contains("omar")), "{book:?}");
}

#[test]
fn nights_day_by_day_give_the_history_of_one_night_in_formats_without_a_date() {
    for format in ["line", "table"] {
        let [daily, once] = [Lab::new(), Lab::new()].map(|lab| {
            lab.edit("jeton.toml", |text| {
                text.replace("directory = \"out\"", &format!("directory = \"out\"\nhistory_format = \"{format}\""))
            })
        });
        for day in ["2021-12-08", "2021-12-09", "2021-12-10"] {
            daily.jeton(&format!("nightly --no-push --since {day} --date {day}")).exits(3);
        }
        once.jeton("nightly --no-push").exits(3);
        assert_eq!(daily.text(HISTORY), once.text(HISTORY), "{format}");
    }
}

#[test]
fn a_night_without_the_logwatch_adds_no_second_line_for_what_is_known() {
    let lab = Lab::new();
    lab.jeton("nightly --no-push").exits(3);
    let history = lab.text(HISTORY);
    let lab = lab.without(crate::support::LOGWATCH);
    lab.jeton("nightly --no-push").exits(3).complains("logwatch");
    assert_eq!(lab.text(HISTORY), history);
}

#[test]
fn a_history_line_that_cannot_be_read_is_named() {
    let lab = Lab::new().with(HISTORY, "{'mac': '024c\n");
    lab.jeton("nightly --no-push").exits(3).complains("Origin_history:1");
}

#[test]
fn nights_at_the_same_time_do_not_disturb_each_other() {
    for _ in 0..10 {
        let lab = Lab::complete();
        let nights: Vec<_> = (0..4)
            .map(|_| {
                let mut night = crate::support::command(&lab.path(""));
                night
                    .args(["nightly", "--no-push"])
                    .stdout(std::process::Stdio::piped())
                    .stderr(std::process::Stdio::piped());
                night.spawn().unwrap()
            })
            .collect();
        for night in nights {
            let done = night.wait_with_output().unwrap();
            assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
        }
        assert_eq!(lab.published().len(), FILES.len());
        assert_eq!(lab.text(HISTORY).lines().count(), 16);
    }
}

#[test]
fn a_night_without_the_network_takes_nothing_from_the_history() {
    let lab = Lab::new();
    lab.jeton("nightly --no-push").exits(3);
    let history = lab.text(HISTORY);
    let lab = lab.without("replay/tftp.labo.example").without("replay/Labo-A-1").without("replay/Labo-A-2");
    lab.jeton("nightly --no-push").exits(3);
    assert_eq!(lab.text(HISTORY), history);
}

#[test]
fn an_output_that_was_open_to_all_is_closed() {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::new().with_folder("out/reports");
    fs_err::set_permissions(lab.path("out/reports"), std::fs::Permissions::from_mode(0o777)).unwrap();
    lab.jeton("nightly --no-push").exits(3);
    assert_eq!(lab.modes("out/reports")[1], ["750".to_owned()].into());
}

#[test]
fn a_dry_run_says_what_a_night_would_do_and_does_nothing() {
    let lab =
        Lab::complete().edit("jeton.toml", |text| text.replace("[tftp]", "history = \"Origin_history\"\n\n[tftp]"));
    let all = lab.jeton("nightly --dry-run").exits(0);
    assert!(!lab.path("out").exists(), "not even a folder is made");
    let all = all.says("days: all that the logs hold\n").says("read: Ordinateurs.ods\n").says("ask: Labo-B-1: ");
    all.says("write: out/Origin_history\n").says("send: Origin_history to origin.labo.example:Origin_history");
    lab.jeton("nightly --no-push").exits(0);
    let before = lab.files("out");
    let again =
        lab.jeton("nightly --dry-run --no-push").exits(0).says("days: 2021-12-10 to 2021-12-10, and earlier ones");
    assert!(!again.says("write: out/reports/2021-12\n").out.contains("send: "));
    assert!(lab.files("out") == before);
    lab.jeton("nightly --dry-run --date 2021-12-11").exits(2).complains("is after today");
}

#[test]
fn the_summary_says_first_how_the_night_ended() {
    let lab = Lab::new();
    lab.jeton("nightly --no-push").exits(3).says("night: 1 of 3 switches did not answer; all else is complete\ndays: ");
    let json = lab.jeton("nightly --no-push --json").exits(3).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["outcome"], &json["gaps"][0]["source"]), (&"switches".into(), &"Labo-B-1".into()));
    Lab::complete().jeton("nightly --no-push").exits(0).says("night: complete\n");
    let gone = Lab::complete().without("replay/tftp.labo.example");
    gone.jeton("nightly --no-push").exits(3).says("night: complete but for 1 gap\n");
}
