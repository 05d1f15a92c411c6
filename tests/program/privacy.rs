//! What is forgotten by rule and on demand: names, then rows, everywhere, and never the totals.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use chrono::{Datelike, NaiveDate, Weekday};
use fs_err as fs;
use rayon::prelude::*;

use crate::simulator::random::Random;
use crate::support::disk::{self, Fault};
use crate::support::outcome::Outcome;
use crate::support::workbook::Workbook;
use crate::support::{DEBUG_LOG, HISTORY, LOGWATCH, Lab, Row, command, rows_of, truth};

const NOW: &str = "replay/now.txt";
/// Each person uses a machine of their own for some months, then another does.
const PEOPLE: usize = 12;
const MONTHS_EACH: u32 = 3;
/// Machines of the fixtures, by their addresses.
const MACHINES: [&str; 5] = ["10.20.11.11", "10.20.11.12", "10.20.12.16", "10.20.12.17", "10.20.12.15"];
/// What else is known of the last of them.
const LAST_MACHINE: [&str; 4] = ["10.20.12.15", "024c.4200.1215", "PHYS-TP-05", "P2B05-01"];

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn login(person: usize) -> String {
    format!("zz{person:02}quidam")
}

fn host(person: usize) -> String {
    format!("qh{person:02}poste")
}

/// Somebody at a machine for some hours of a day.
struct Visit {
    person: usize,
    machine: usize,
    from: u32,
    /// The hour at which they go; of the next day, where `stays`.
    until: u32,
    stays: bool,
}

/// Who comes on a day: two at a time, of whom the second stays until the next morning on Wednesdays.
fn visits(date: NaiveDate) -> Vec<Visit> {
    if matches!(date.weekday(), Weekday::Sat | Weekday::Sun) {
        return Vec::new();
    }
    let months = u32::try_from(date.year() - 2020).unwrap() * 12 + date.month0();
    let generation = usize::try_from(months / MONTHS_EACH).unwrap();
    let visit = |place: usize| {
        let person = (generation + place) % PEOPLE;
        let stays = place == 1 && date.weekday() == Weekday::Wed;
        let from = 9 + u32::try_from(place).unwrap();
        // The last machine is used by the first person alone.
        let machine = if person == 0 { MACHINES.len() - 1 } else { (person + place) % (MACHINES.len() - 1) };
        Visit { person, machine, from, until: if stays { 7 } else { from + 2 }, stays }
    };
    [0, 1].map(visit).into()
}

/// Both logs of some days in a row, as a server has them that never lost any.
fn logs(first: &str, last: &str) -> (String, String) {
    let (mut watch, mut debug) = (String::new(), String::new());
    let mut alive: BTreeMap<usize, String> = BTreeMap::new();
    for date in day(first).iter_days().take_while(|date| *date <= day(last)) {
        let mut events: Vec<(u32, bool, Visit)> = Vec::new();
        let before = date.pred_opt().unwrap();
        if before >= day(first) {
            events.extend(visits(before).into_iter().filter(|one| one.stays).map(|one| (one.until, false, one)));
        }
        for visit in visits(date) {
            let gone = Visit { ..visit };
            events.extend((!visit.stays).then_some((visit.until, false, gone)));
            events.push((visit.from, true, visit));
        }
        events.sort_by_key(|(hour, comes, _)| (*hour, *comes));
        let english = |hour: u32, minute: u32| {
            let at = date
                .and_hms_opt(hour, minute, 0)
                .unwrap()
                .and_local_timezone(chrono_tz::Europe::Paris)
                .earliest()
                .unwrap();
            at.format("%a %b %e %H:%M:%S %Z %Y")
        };
        for hour in 0..24 {
            if hour % 5 == 0 {
                let line = format!("{hour}:00:00 (lmgrd) TIMESTAMP {}/{}/{}", date.month(), date.day(), date.year());
                writeln!(watch, "{}", english(hour, 0)).unwrap();
                for pair in alive.values() {
                    writeln!(watch, "ESTAB 0 0 {pair}").unwrap();
                }
                writeln!(watch, "{line}").unwrap();
                writeln!(debug, "{line}").unwrap();
            }
            for (nth, (_, comes, visit)) in (1..).zip(events.iter().filter(|(at, ..)| *at == hour)) {
                let what = if *comes { "OUT" } else { "IN" };
                let who = format!("{}@{}", login(visit.person), host(visit.person));
                let line = format!("{hour}:0{nth}:00 (orglab) {what}: \"OriginPro\" {who}  ");
                let ip = MACHINES[visit.machine];
                if *comes {
                    let port = 40_000 + date.ordinal() * 50 + hour;
                    alive.insert(visit.person, format!("[::ffff:10.20.0.20]:60213 [::ffff:{ip}]:{port}"));
                } else {
                    alive.remove(&visit.person);
                }
                writeln!(watch, "{}", english(hour, nth)).unwrap();
                for (person, pair) in &alive {
                    let sent = if *comes && *person == visit.person { 432 } else { 0 };
                    writeln!(watch, "ESTAB 0 {sent} {pair}").unwrap();
                }
                writeln!(watch, "{line}").unwrap();
                writeln!(debug, "{line}").unwrap();
            }
        }
    }
    (watch, debug)
}

const RULES: &str = "\n[privacy]\nnamed = \"12 months\"\npseudonyms = \"18 months\"\n";

/// A laboratory of two years, whose nights forget nothing yet, as of the last day of 2021.
fn two_years(formats: &str) -> Lab {
    let (watch, debug) = logs("2020-01-01", "2021-12-31");
    let lab = Lab::in_memory().edit("jeton.toml", |text| {
        let text =
            text.replace(r#"["ods", "xlsx"]"#, formats).replace("seats = 3", "seats = 3\nhistory = \"Origin_history\"");
        text.lines().filter(|line| !line.starts_with("lmstat")).collect::<Vec<_>>().join("\n")
    });
    lab.with(LOGWATCH, watch).with(DEBUG_LOG, debug).with(NOW, "2021-12-31T20:00:00Z")
}

/// The same, with the night over, and with what people put beside what it wrote.
fn after_its_nights(formats: &str) -> Lab {
    let lab = two_years(formats);
    lab.jeton("nightly").exits(0);
    for file in ["export.csv", "export.json", "export.ods", "deep/export.xlsx"] {
        fs::create_dir_all(lab.path("out/deep")).unwrap();
        lab.jeton(&format!("sessions --since 2020-01-01 -o out/{file}")).exits(0);
    }
    lab.jeton("sessions --since 2021-06-01 -o out/young.csv").exits(0);
    lab.jeton("report --since 2020-03-01 --until 2020-03-10").exits(0);
    lab.jeton("report --period week --date 2020-03-10").exits(0);
    fs::copy(lab.path("out/jeton.db"), lab.path("out/jeton.db.damaged")).unwrap();
    fs::copy(lab.path("out/evidence/origin/facts.zst"), lab.path("out/evidence/origin/facts.zst.damaged-2")).unwrap();
    fs::write(lab.path("out/notes.csv"), "a list of 2019-01-01 that is none of jeton's\n").unwrap();
    lab
}

/// All bytes of a file, and of what is packed in it.
fn unpacked(name: &str, bytes: Vec<u8>) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    if [".ods", ".xlsx"].iter().any(|end| name.ends_with(end)) {
        let mut package = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).unwrap();
        for index in 0..package.len() {
            let mut part = Vec::new();
            package.by_index(index).unwrap().read_to_end(&mut part).unwrap();
            all.push(part);
        }
    } else if name.contains(".zst") {
        all.push(zstd::decode_all(bytes.as_slice()).unwrap());
    }
    all.push(bytes);
    all
}

/// The files that hold one of these names, anywhere.
fn files_with(lab: &Lab, names: &BTreeSet<String>) -> BTreeSet<String> {
    let pushed =
        lab.files("replay/origin.labo.example/files").into_iter().filter(|(name, _)| name.contains("Origin_history"));
    let files = lab.files("out").into_iter().chain(pushed);
    let holds = |bytes: &[u8]| names.iter().any(|name| memchr::memmem::find(bytes, name.as_bytes()).is_some());
    files
        .filter(|(name, bytes)| unpacked(name, bytes.clone()).iter().any(|part| holds(part)))
        .map(|(name, _)| name)
        .collect()
}

/// Who was there last before a day, and a machine that nobody used since.
fn gone_before(first: &str) -> BTreeSet<String> {
    let all = |from: &str, to: &str| -> BTreeSet<usize> {
        day(from).iter_days().take_while(|date| *date <= day(to)).flat_map(visits).map(|visit| visit.person).collect()
    };
    let before = day(first).pred_opt().unwrap().to_string();
    let gone: BTreeSet<usize> = all("2020-01-01", &before).difference(&all(first, "2021-12-31")).copied().collect();
    assert!(gone.len() > 2, "{gone:?}");
    let people = gone.into_iter().flat_map(|person| [login(person), host(person)]);
    people.chain(LAST_MACHINE.map(str::to_owned)).collect()
}

const GROUPS: [&str; 5] = ["day", "month", "weekday", "hour", "department"];

/// What was used, by all groups; without distinct people and machines, where these cannot be had of what is forgotten.
fn totals(lab: &Lab) -> BTreeMap<&'static str, Vec<BTreeMap<String, String>>> {
    let of = |by: &'static str| {
        let mut rows = rows_of(
            &lab.jeton(&format!("usage --since 2020-01-01 --until 2021-12-31 --by {by} --format csv")).exits(0).out,
        );
        if !["day", "month"].contains(&by) {
            for row in &mut rows {
                row.retain(|name, _| name != "users" && name != "machines");
            }
        }
        (by, rows)
    };
    GROUPS.map(of).into()
}

/// Expects two lists of rows to be one, and shows those that differ alone.
#[track_caller]
fn same(a: &[BTreeMap<String, String>], b: &[BTreeMap<String, String>]) {
    assert_eq!(a.len(), b.len());
    let differ: Vec<_> = a.iter().zip(b).filter(|(a, b)| a != b).collect();
    assert!(differ.is_empty(), "{differ:#?}");
}

/// The figures of the first page of a workbook of the site.
fn first_page(lab: &Lab, path: &str) -> Vec<(String, String)> {
    let book = Workbook::read(&lab.path(path));
    let sheet = book.sheet("Synthèse");
    let figures = ["Heures d’utilisation", "Heures-jetons", "Sessions", "Utilisateurs", "Postes"];
    let line = |name: &str| {
        sheet
            .iter()
            .find(|row| row.first().is_some_and(|cell| cell == name))
            .map(|row| (name.to_owned(), row[1].clone()))
    };
    let found: Vec<_> = figures.into_iter().filter_map(line).collect();
    assert_eq!(found.len(), figures.len(), "{sheet:?}");
    found
}

#[test]
fn names_go_from_every_file_and_the_totals_stay() {
    let lab = after_its_nights("[\"ods\", \"xlsx\", \"csv\"]");
    let before = totals(&lab);
    let books =
        ["2020-03", "2020-06", "2020-09", "2021-03"].map(|month| format!("out/reports/{month}/LABO-{month}.xlsx"));
    let pages: Vec<_> = books.iter().map(|path| first_page(&lab, path)).collect();
    // The horizon is the last day of 2020; rows are kept since the end of June.
    let names = gone_before("2020-12-31");
    assert!(files_with(&lab, &names).len() > 50, "they were everywhere");
    let lab = lab.edit("jeton.toml", |text| text.to_owned() + RULES);
    lab.jeton("nightly").exits(0);
    assert_eq!(files_with(&lab, &names), BTreeSet::new());
    let kept = ["out/young.csv", "out/notes.csv", HISTORY, "out/privacy.log", "out/jeton.key"];
    assert_eq!(kept.map(|file| lab.path(file).exists()), [true; 5]);
    assert!(!lab.path("out/export.csv").exists() && !lab.path("out/jeton.db.damaged").exists());
    assert!(lab.path("out/reports/2020-03-01_2020-03-10/LABO-2020-03-01_2020-03-10.ods").exists());
    assert_eq!(totals(&lab), before);
    for (path, page) in books.iter().zip(pages) {
        assert_eq!(first_page(&lab, path), page, "{path}");
    }
    let pseudonymous = lab.jeton("sessions --since 2020-08-01 --until 2020-08-31 --format csv").exits(0).out;
    let rows = rows_of(&pseudonymous);
    assert!(
        rows.len() > 30 && rows.iter().all(|row| row["login"].starts_with('~') && row["ip"].starts_with("2001:db8:"))
    );
    assert!(rows.iter().all(|row| row["outlet"].starts_with('~') && row["department"].starts_with("DPT")));
    let older = lab.jeton("sessions --since 2020-01-01 --until 2020-06-29 --format csv").exits(0).out;
    assert_eq!(rows_of(&older).len(), 0);
    // Nights go on, each a day further; a rebuild finds the same.
    let journal = lab.text("out/privacy.log");
    assert_eq!(journal.lines().count(), 1, "{journal}");
    lab.jeton("nightly").exits(0);
    assert_eq!(lab.text("out/privacy.log"), journal, "there was nothing to forget");
    lab.jeton("ledger verify").exits(0);
    lab.jeton("ledger rebuild").exits(0);
    // The server has been silent since, and that is a gap.
    let lab = lab.with(NOW, "2022-01-03T20:00:00Z");
    lab.jeton("nightly").exits(3);
    assert_eq!(files_with(&lab, &gone_before("2021-01-03")), BTreeSet::new());
    same(&totals(&lab)["month"][..23], &before["month"][..23]);
    // A report of what is gone says so, and has the totals.
    lab.jeton("report --period month --date 2020-03-01").exits(0);
    // Of any days, people can be counted no more; hours can.
    let of_days = |rows: &[Row]| -> i64 {
        let wanted = |row: &&Row| ("2020-03-01".."2020-03-11").contains(&row["day"].as_str());
        rows.iter().filter(wanted).map(|row| row["use_s"].parse::<i64>().unwrap()).sum()
    };
    let page = first_page(&lab, "out/reports/2020-03-01_2020-03-10/LABO-2020-03-01_2020-03-10.xlsx");
    let [hours, _, sessions, users, machines] = page.as_slice() else { panic!("{page:?}") };
    assert_eq!(hours.1, of_days(&before["day"]).to_string());
    assert_eq!((sessions.1.as_str(), users.1.as_str(), machines.1.as_str()), ("14", "–", "–"));
    let book = Workbook::read(&lab.path(&books[0]));
    assert!(book.cells().any(|cell| cell.starts_with("Les sessions d’avant le ")), "{book:?}");
    let lab = lab.without("out/notes.csv");
    assert_eq!(lab.modes("out")[0], ["600".to_owned(), "640".to_owned()].into());
}

#[test]
fn lines_of_a_history_without_dates_lose_their_names_too() {
    for format in ["line", "table"] {
        let lab = two_years("[\"csv\"]").edit("jeton.toml", |text| {
            text.replace("[output]\n", &format!("[output]\nhistory_format = \"{format}\"\n"))
        });
        lab.jeton("nightly").exits(0);
        let n_lines = lab.text(HISTORY).lines().count();
        // Of half of the days, everything goes.
        let rules = RULES.replace("pseudonyms = \"18 months\"\n", "");
        let lab = lab.edit("jeton.toml", |text| text.to_owned() + &rules);
        lab.jeton("nightly").exits(0);
        assert_eq!(files_with(&lab, &gone_before("2020-12-31")), BTreeSet::new(), "{format}");
        let history = lab.text(HISTORY);
        assert_eq!(history.lines().count(), n_lines, "{format}");
        let young = |text: &str| text.lines().filter(|line| line.contains("LABO-PC-01 | ")).count();
        assert!(young(&history) > 50, "{format}: those of the year that is not over keep their names");
        lab.jeton("nightly").exits(0);
        assert_eq!(lab.text(HISTORY), history, "{format}");
        let lab = lab.edit("jeton.toml", |text| text.replace(&rules, RULES));
        lab.jeton("nightly").exits(0);
        let left = lab.text(HISTORY).lines().count();
        assert!(left < n_lines * 4 / 5 && left > n_lines / 2, "{format}: {left} of {n_lines}");
    }
}

#[test]
fn whoever_deletes_the_workbooks_has_none_that_is_older() {
    let lab = after_its_nights("[\"csv\"]");
    let rules = RULES.to_owned() + "workbooks = \"delete\"\n";
    let lab = lab.edit("jeton.toml", |text| text.to_owned() + &rules);
    lab.jeton("nightly").exits(0);
    assert_eq!(files_with(&lab, &gone_before("2020-12-31")), BTreeSet::new());
    let months: BTreeSet<String> = lab
        .files("out/reports")
        .into_keys()
        .filter_map(|name| name.split_once('/').map(|(month, _)| month.to_owned()))
        .collect();
    assert_eq!(months.first().map(String::as_str), Some("2020-12"), "the month of the horizon is written again");
    assert_eq!(months.len(), 13);
}

#[test]
fn nothing_brings_a_name_back() {
    let lab = after_its_nights("[\"csv\"]");
    let old = lab.text(HISTORY);
    let database = fs::read(lab.path("out/jeton.db")).unwrap();
    let names = gone_before("2020-12-31");
    let lab = lab.edit("jeton.toml", |text| text.to_owned() + RULES);
    lab.jeton("nightly").exits(0);
    let before = totals(&lab);
    // The logs as a whole again, as the server still has them; an older history, whole and in parts.
    let lab = lab.without("out/evidence/origin/marks.json").with("old", &old);
    lab.jeton("nightly").exits(0);
    lab.jeton("history import old").exits(0);
    assert_eq!(files_with(&lab, &names), BTreeSet::new());
    assert_eq!(totals(&lab), before);
    // Lines that others pushed to the server, also such as say no date or nothing that can be read.
    let pushed = lab
        .files("replay/origin.labo.example/files")
        .into_keys()
        .find(|name| name.ends_with("Origin_history"))
        .unwrap();
    let pushed = format!("replay/origin.labo.example/files/{pushed}");
    let theirs = old.lines().take(3).map(|line| line.replace("closed", "presumed")).collect::<Vec<_>>().join("\n");
    let (who, machine) = (login(0), host(0));
    let bars = format!("S | 1 024c.4200.0001 Gi1/0/5 | N | D | 10.0.0.1 | P | {who}@{machine} | 61.5 min");
    let lab = lab.edit(&pushed, |text| format!("{text}{theirs}\n{bars}\n{} was here\n", login(1)));
    lab.jeton("nightly").exits(0);
    assert_eq!(files_with(&lab, &names), BTreeSet::new());
    assert_eq!(totals(&lab), before);
    // A ledger from before, put back; and one that is lost.
    for ledger in [database, b"no ledger".repeat(1000)] {
        let lab = lab.like().with("out/jeton.db", ledger).without("out/evidence/jeton.db.seal");
        lab.jeton("nightly");
        lab.jeton("nightly").exits(0);
        assert_eq!(files_with(&lab, &names), BTreeSet::new());
        same(&totals(&lab)["month"], &before["month"]);
    }
    // A key that is gone: what is forgotten stays so, and nights go on.
    let lab = lab.without("out/jeton.key");
    lab.jeton("check").says("it is gone, and older names bear pseudonyms of it");
    let lab = lab.with(NOW, "2022-01-03T20:00:00Z");
    lab.jeton("nightly").exits(3);
    assert_eq!(files_with(&lab, &gone_before("2021-01-03")), BTreeSet::new());
    // And one that is none stops the night before it does anything.
    let lab = lab.with("out/jeton.key", "not a key");
    lab.jeton("nightly").exits(1).complains("holds no key");
}

#[test]
fn a_night_that_is_killed_while_it_forgets_is_completed_by_the_next() {
    let base = after_its_nights("[\"csv\"]").edit("jeton.toml", |text| text.to_owned() + RULES);
    let names = gone_before("2020-12-31");
    let whole = base.like();
    let begin = Instant::now();
    whole.jeton("nightly").exits(0);
    let (usual, expected) = (begin.elapsed(), totals(&whole));
    let history = whole.text(HISTORY).lines().count();
    let mut random = Random::new(7);
    for round in 0..12 {
        let lab = base.like();
        for _ in 0..3 {
            let mut night = command(&lab.path(""))
                .arg("nightly")
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(usual.mul_f64(random.unit()).max(Duration::from_millis(5)));
            night.kill().unwrap();
            night.wait().unwrap();
        }
        lab.jeton("nightly").exits(0);
        assert_eq!(files_with(&lab, &names), BTreeSet::new(), "round {round}");
        assert_eq!(totals(&lab), expected, "round {round}");
        assert_eq!(lab.text(HISTORY).lines().count(), history, "round {round}");
        lab.jeton("ledger verify").exits(0);
    }
}

#[test]
fn a_night_that_is_killed_at_any_write_has_forgotten_by_the_end_of_the_next() {
    // A year behind the three days of the fixtures: the first of them is forgotten.
    let base = Lab::in_memory().with(NOW, "2022-12-09T02:00:00Z").edit("jeton.toml", |text| {
        let text = text.replace(r#"["ods", "xlsx"]"#, "[\"csv\"]");
        text.lines().filter(|line| !line.starts_with("lmstat")).collect::<Vec<_>>().join("\n")
    });
    base.jeton("nightly --no-push").exits(3);
    let base = base.edit("jeton.toml", |text| text.to_owned() + RULES).with("out/jeton.key", "5a".repeat(32));
    let (first, later): (Vec<_>, Vec<_>) = truth().into_iter().partition(|row| row["date"] == "2021-12-08");
    let of = |rows: &[Row]| -> BTreeSet<String> { rows.iter().map(|row| row["login"].clone()).collect() };
    let names: BTreeSet<String> = of(&first).difference(&of(&later)).cloned().collect();
    assert!(!names.is_empty());
    let night = base.like();
    let calls = disk::calls(&night);
    let expected = Outcome::of(&night);
    assert_eq!(files_with(&night, &names), BTreeSet::new());
    assert!(calls > 50, "{calls}");
    (1..=calls).into_par_iter().for_each(|call| {
        let lab = base.like();
        let done = disk::night_with(&lab, Fault::Kill, call);
        assert_eq!(done.status.signal(), Some(9), "call {call}: {done:?}");
        lab.jeton("nightly --no-push").exits(0);
        assert_eq!(files_with(&lab, &names), BTreeSet::new(), "call {call} of {calls}");
        let difference = expected.difference(&Outcome::of(&lab));
        assert_eq!(difference, None, "call {call} of {calls}");
    });
}

#[test]
fn heads_see_pseudonyms_and_the_site_names() {
    let lab = Lab::complete().edit("jeton.toml", |text| text.to_owned() + "\n[privacy]\nheads = \"pseudonyms\"\n");
    lab.jeton("nightly --no-push").exits(0);
    let of = |name: &str| {
        Workbook::read(&lab.path(&format!("out/reports/2021-12/{name}-2021-12.ods")))
            .cells()
            .collect::<Vec<_>>()
            .join("\n")
    };
    let names = ["camille", "LABO-PC-01", "10.20.11.11", "RJ1A01-01", "024c.4200.1111"];
    assert!(names.iter().all(|name| of("LABO").contains(name)));
    assert_eq!(names.map(|name| of("DPT1").contains(name)), [false; 5]);
    assert!(of("DPT1").contains('~') && of("DPT1").contains("DPT1"));
}

#[test]
fn no_switch_is_asked_where_outlets_are_not_to_be_known() {
    let lab = Lab::new().edit("jeton.toml", |text| text.to_owned() + "\n[privacy]\ncollect = \"no outlets\"\n");
    // One of the switches is dead, and nobody notices.
    lab.jeton("nightly --no-push").exits(0);
    let rows = rows_of(&lab.jeton("sessions --format csv").exits(0).out);
    assert!(rows.iter().all(|row| row["outlet"].is_empty() && row["switch"].is_empty() && row["port"].is_empty()));
    assert!(rows.iter().any(|row| !row["mac"].is_empty() && !row["department"].is_empty()));
}

#[test]
fn a_person_is_told_all_and_forgotten_everywhere() {
    let lab = after_its_nights("[\"ods\", \"csv\"]");
    let who = login(7);
    let before = totals(&lab);
    let told: serde_json::Value = serde_json::from_str(&lab.jeton(&format!("person {who}")).exits(0).out).unwrap();
    let sessions =
        rows_of(&lab.jeton(&format!("sessions --since 2020-01-01 --login {who} --format csv")).exits(0).out).len();
    let n = |part: &str| told[part].as_array().unwrap().len();
    assert!(sessions > 50 && n("sessions") == sessions && n("tokens") > 50 && n("lines") > 200);
    assert!(n("history") > 50 && n("machines") == 2 && n("workbooks") > 10, "{told}");
    lab.jeton(&format!("person {who} -o a.ods")).exits(0);
    assert!(Workbook::read(&lab.path("a.ods")).sheet("Sessions").len() > sessions);
    lab.jeton("person nobody").exits(1).complains("nothing is known of `nobody`");
    let names: BTreeSet<String> = [who.clone()].into();
    assert!(files_with(&lab, &names).len() > 30);
    // Up to a day first, then all.
    lab.jeton(&format!("forget {who} --until 2021-10-01")).exits(0).says("forgotten until: 2021-10-01\nsessions: ");
    let rows = rows_of(&lab.jeton(&format!("sessions --since 2020-01-01 --login {who} --format csv")).exits(0).out);
    assert!(rows.iter().all(|row| row["date"].as_str() > "2021-09-30") && !rows.is_empty());
    lab.jeton(&format!("forget {who}")).exits(0);
    assert_eq!(files_with(&lab, &names), BTreeSet::new());
    assert_eq!(totals(&lab), before);
    // The server still has the logs, whole, and an older history is there.
    let lab = lab.without("out/evidence/origin/marks.json");
    lab.jeton("nightly").exits(0);
    lab.jeton("ledger rebuild").exits(0);
    assert_eq!(files_with(&lab, &names), BTreeSet::new());
    assert_eq!(totals(&lab), before);
    // They may still ask what is kept of them.
    let later: serde_json::Value = serde_json::from_str(&lab.jeton(&format!("person {who}")).exits(0).out).unwrap();
    assert_eq!(later["sessions"].as_array().unwrap().len(), sessions);
    let journal = lab.text("out/privacy.log");
    assert!(!journal.contains(&who) && journal.lines().count() == 5, "{journal}");
}

#[test]
fn what_is_kept_and_where_is_told_and_that_it_is_to_be_decided() {
    let lab = Lab::complete();
    lab.jeton("check").says("names are kept without limit").says("docs/rgpd.md");
    let lab = lab.edit("jeton.toml", |text| text.to_owned() + RULES);
    lab.jeton("check")
        .says("names are kept for 12 months, pseudonyms for 18 months")
        .says("will be made by the first night");
    let told = lab.jeton("check --privacy --format csv").exits(0).out;
    for part in ["Origin_history", "jeton.key", "12 months (since ", "18 months (since ", "logrotate", "--record"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}
