//! The memory through the whole program: evidence and the ledger that follows from it, lost, damaged, copied, and taken over
//! from version 1.

use std::os::unix::fs::PermissionsExt;

use fs_err as fs;

use crate::support::workbook::Workbook;
use crate::support::{DEBUG_LOG, LMSTAT, LOGWATCH, Lab, REPORTS};

const LEDGER: &str = "out/jeton.db";
const EVIDENCE: &str = "out/evidence/origin";

/// The laboratory with all its switches and quick reports.
fn quick() -> Lab {
    Lab::complete().edit("jeton.toml", |text| text.replace("formats = [\"ods\", \"xlsx\"]", "formats = [\"csv\"]"))
}

/// The laboratory after a night.
fn after_a_night() -> Lab {
    let lab = quick();
    lab.jeton("nightly --no-push").exits(0);
    lab
}

/// The laboratory whose licence server is gone for good, with all logs.
fn without_server(lab: Lab) -> Lab {
    lab.without("replay/origin.labo.example")
}

fn sessions(lab: &Lab) -> String {
    lab.jeton("sessions --format csv").exits(0).out
}

#[test]
fn a_ledger_of_version_1_is_taken_over_with_the_logs_that_only_it_had() {
    // Two nights of version 1 over the first two days; since then the logs were rotated, and hold the third alone.
    let packed = include_bytes!("old/ledger-1.db.zst");
    let old = zstd::decode_all(&packed[..]).unwrap();
    let since = |text: &str, begin: &str| text[text.find(begin).unwrap()..].to_owned();
    let lab = quick().without(LMSTAT).with(LEDGER, &old);
    let lab = lab.edit("jeton.toml", |text| {
        text.lines().filter(|line| !line.starts_with("lmstat")).collect::<Vec<_>>().join("\n")
    });
    let lab = lab.edit(LOGWATCH, |text| since(text, "ven. déc. 10 "));
    let lab = lab.edit(DEBUG_LOG, |text| since(text, " 0:59:58 (orglab) TIMESTAMP 12/10/2021"));
    // The logs of before end in the evening, and those of today begin after midnight.
    lab.jeton("nightly --no-push")
        .exits(3)
        .says("gaps: 1\n")
        .complains("gap: logwatch: no data: 2021-12-09 18:59:58 – ");
    assert_eq!(sessions(&lab), lab.text("expected/sessions.csv"));
    let days: Vec<String> = lab.files(&format!("{EVIDENCE}/logwatch")).into_keys().collect();
    assert_eq!(days, ["2021-12-08.zst", "2021-12-09.zst", "2021-12-10.zst"]);
    lab.jeton("ledger verify").exits(0).says("days whose rows differ from the evidence: none\ndamaged files: 0\n");
    lab.jeton("nightly --no-push").exits(0).says("gaps: 0\n");
    assert_eq!(sessions(&lab), lab.text("expected/sessions.csv"));
}

#[test]
fn a_lost_ledger_comes_back_from_the_evidence_when_the_server_is_gone() {
    let lab = without_server(after_a_night());
    let expected = lab.text("expected/sessions.csv");
    assert_eq!(sessions(&lab), expected);
    let lab = lab.without(LEDGER);
    lab.jeton("ledger rebuild").exits(0).says("months derived: 1\n").says("damaged files: 0\n");
    assert_eq!(sessions(&lab), expected);
    lab.jeton("ledger rebuild").exits(0).says("days with other rows than before: none\n");
    lab.jeton("ledger verify").exits(0);
}

#[test]
fn rows_that_do_not_follow_from_the_evidence_are_found_and_made_anew() {
    let lab = after_a_night();
    let db = rusqlite::Connection::open(lab.path(LEDGER)).unwrap();
    assert!(db.execute("UPDATE piece SET until = until + 60 WHERE cut = 0", []).unwrap() > 0);
    drop(db);
    let ran = lab.jeton("ledger verify").exits(1);
    assert!(!ran.out.contains("differ from the evidence: none"), "{}", ran.out);
    lab.jeton("ledger rebuild").exits(0);
    lab.jeton("ledger verify").exits(0);
    assert_eq!(sessions(&lab), lab.text("expected/sessions.csv"));
}

#[test]
fn damaged_evidence_is_set_aside_named_and_found_again_in_the_logs() {
    let day = format!("{EVIDENCE}/logwatch/2021-12-09.zst");
    for (damage, by_verify) in [(0, false), (1, false), (2, false), (1, true)] {
        let lab = after_a_night();
        let mut bytes = fs::read(lab.path(&day)).unwrap();
        match damage {
            0 => bytes.truncate(bytes.len() / 2),
            1 => bytes.iter_mut().rev().take(40).for_each(|byte| *byte ^= 0x55),
            _ => bytes.clear(),
        }
        let lab = lab.with(&day, &bytes);
        if by_verify {
            lab.jeton("ledger verify").exits(1).says("damaged files: 1\n").complains(&format!("gap: {day}: "));
            lab.jeton("nightly --no-push").exits(0);
        } else {
            // What no command needs to read is found when all is read.
            let ran = lab.jeton("nightly --no-push");
            if ran.err.contains("gap: ") {
                ran.exits(3).complains(&format!("gap: {day}: "));
            } else {
                lab.jeton("ledger verify").exits(1).complains(&format!("gap: {day}: "));
            }
            lab.jeton("nightly --no-push").exits(0);
        }
        assert_eq!(fs::read(lab.path(&format!("{day}.damaged"))).unwrap(), bytes, "nothing is lost");
        lab.jeton("nightly --no-push").exits(0);
        assert_eq!(sessions(&lab), lab.text("expected/sessions.csv"));
        lab.jeton("ledger verify").exits(0);
    }
}

#[test]
fn evidence_that_no_night_reads_any_more_is_checked_within_thirty() {
    // A month's evidence is known by its hashes; the text itself is read on one day in thirty.
    let night = |lab: &Lab, now: &str| {
        fs::write(lab.path("replay/now.txt"), now).unwrap();
        lab.jeton("nightly --no-push")
    };
    let lab = after_a_night();
    night(&lab, "2022-03-01T22:00:00+01:00");
    let day = format!("{EVIDENCE}/logwatch/2021-12-09.zst");
    let mut bytes = fs::read(lab.path(&day)).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let lab = lab.with(&day, &bytes);
    let named = (2..32).filter(|add| {
        let date = chrono::NaiveDate::from_ymd_opt(2022, 3, 1).unwrap() + chrono::Days::new(*add);
        night(&lab, &format!("{date}T22:00:00+01:00")).err.contains(&format!("gap: {day}: "))
    });
    assert_eq!(named.count(), 1);
}

#[test]
fn facts_that_are_damaged_with_the_ledger_gone_are_named_and_kept() {
    let lab = after_a_night();
    let facts = format!("{EVIDENCE}/facts.zst");
    let mut bytes = fs::read(lab.path(&facts)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let lab = lab.with(&facts, &bytes).without(LEDGER).without("out/evidence/jeton.db.seal");
    lab.jeton("nightly --no-push").exits(3).complains("gap: out/evidence/origin/facts.zst: damaged (");
    assert_eq!(fs::read(lab.path(&format!("{facts}.damaged"))).unwrap(), bytes);
    lab.jeton("nightly --no-push").exits(0);
    assert_eq!(sessions(&lab), lab.text("expected/sessions.csv"));
}

#[test]
fn readers_beside_a_night_touch_no_file() {
    let day = format!("{EVIDENCE}/logwatch/2021-12-09.zst");
    let left = format!("{EVIDENCE}/logwatch/.2021-12-10.zst.tmp1");
    let lab = after_a_night().with(&day, "no evidence").with(&left, "half a day");
    let before = lab.files("out");
    for line in ["sessions", "users", "tokens", "seats", "refusals", "coverage", "users --explain"] {
        lab.jeton(line).exits(0);
    }
    let after = lab.files("out");
    let changed: Vec<_> = after.keys().filter(|name| before.get(*name) != after.get(*name)).collect();
    assert!(changed.is_empty() && after.len() == before.len(), "{changed:?}");
}

#[test]
fn a_backup_is_a_whole_ledger_that_others_may_not_read() {
    let lab = after_a_night();
    lab.jeton("ledger backup copy.db").exits(0).says("copy.db\nthe evidence is in `out/evidence/origin`");
    assert_eq!(fs::metadata(lab.path("copy.db")).unwrap().permissions().mode() & 0o777, 0o640);
    lab.jeton("ledger backup copy.db").exits(2).complains("`copy.db` is there already");
    let copy = fs::read(lab.path("copy.db")).unwrap();
    let lab = without_server(lab.without("out").with(LEDGER, &copy));
    assert_eq!(sessions(&lab), lab.text("expected/sessions.csv"));
    quick().jeton("ledger backup copy.db").exits(1).complains("there is no ledger `out/jeton.db` yet");
}

#[test]
fn all_rows_are_known_when_the_server_is_gone() {
    let lab = after_a_night();
    let lines = ["users", "tokens", "seats", "sessions", "refusals", "coverage", "users --explain"];
    let known = lines.map(|line| lab.jeton(&format!("{line} --since 2021-12-08 --until 2021-12-10")).exits(0).out);
    let lab = without_server(lab);
    for (line, known) in lines.iter().zip(known) {
        assert!(known.lines().count() > 1, "{line}: {known}");
        let now = lab.jeton(&format!("{line} --since 2021-12-08 --until 2021-12-10")).exits(0).out;
        // Evidence is cited by its own files when the logs are gone.
        if !line.contains("explain") {
            assert_eq!(now, known, "{line}");
        }
    }
}

#[test]
fn an_imported_history_alone_is_searched_and_reported_without_a_server() {
    let old = "{'origin_name': 'ancienne@VIEUX-PC', 'ip': '10.20.11.77', 'mac': '024c.4200.1177', 'departement': 'DPT1', \
               'vlan': 511, 'connexion time': '30.0 min', 'date': '2019-05-06', 'start': '2019-05-06T09:00:00+02:00', \
               'end': '2019-05-06T09:30:00+02:00', 'state': 'closed'}\n";
    let lab = without_server(quick()).with("old", old);
    lab.jeton("history import old").exits(0).says("new in the ledger: 1\n");
    let found = sessions(&lab);
    assert!(found.contains("ancienne,VIEUX-PC,2019-05-06T09:00:00+02:00"), "{found}");
    lab.jeton("report --date 2019-05-01").exits(0).says("out/reports/2019-05/DPT1-2019-05.csv");
}

#[test]
fn hours_of_which_nothing_is_known_are_no_quiet_hours() {
    // The server's log ends in the morning of the second day, and begins again on the third.
    let lab = quick().without(DEBUG_LOG).without(LMSTAT).edit("jeton.toml", |text| {
        let kept = |line: &&str| !line.starts_with("debug_log") && !line.starts_with("lmstat");
        text.lines().filter(kept).collect::<Vec<_>>().join("\n")
    });
    let whole = lab.text(LOGWATCH);
    let [second, third] = ["jeu. déc.  9 ", "ven. déc. 10 "].map(|day| whole.find(day).unwrap());
    let lab = lab.with(LOGWATCH, &whole[..second]);
    lab.jeton("nightly --no-push").exits(0);
    let lab = lab.with(LOGWATCH, &whole[third..]);
    let hole = "2021-12-08 22:00:00 – 2021-12-10 00:59:58 (cut)";
    lab.jeton("nightly --no-push").exits(3).complains(&format!("gap: logwatch: no data: {hole}; use, refusals or"));
    // Known since: later nights find it, and have all they need.
    let again = lab.jeton("nightly --no-push --since 2021-12-08 -v").exits(0).says("gaps: 0\n");
    again.complains("warning: stretch without data\n").complains(hole);
    let coverage = lab.jeton("coverage --date 2021-12-09 --format csv").exits(0).out;
    assert!(coverage.lines().any(|line| line.ends_with(",unknown,cut")), "{coverage}");
    let seats = lab.jeton("seats --date 2021-12-09 --format csv").exits(0).out;
    let noon =
        seats.lines().find(|line| line.starts_with("2021-12-09,12,")).unwrap_or_else(|| panic!("{coverage}{seats}"));
    assert_eq!(noon, "2021-12-09,12,,,,,,0,3,origin,OriginPro");
}

#[test]
fn use_is_added_up_by_whatever_is_asked_and_days_of_which_nothing_is_known_have_no_figures() {
    let lab = after_a_night();
    let lines = |by: &str| format!("usage --since 2021-12-08 --by {by} --format csv");
    let usage = |by: &str| lab.jeton(&lines(by)).exits(0).out;
    let all = "use_s,token_s,sessions_begun,users,machines,days,known_s";
    let by_day = usage("day");
    assert!(by_day.starts_with(&format!("day,{all}\n2021-12-08,")), "{by_day}");
    assert_eq!(by_day.lines().count(), 4, "{by_day}");
    let sum = |rows: &str| -> i64 {
        rows.lines().skip(1).map(|row| row.split(',').nth(1).unwrap().parse::<i64>().unwrap()).sum()
    };
    for by in ["month", "weekday", "hour", "department", "user", "machine", "feature"] {
        let rows = usage(by);
        assert!(rows.starts_with(&format!("{by},{all}\n")), "{rows}");
        assert_eq!(sum(&rows), sum(&by_day), "{rows}");
    }
    assert!(usage("department").contains("\nDPT1,"), "{}", usage("department"));
    // The log of the second day is lost: it is there, and nothing is said of it.
    let cut = |text: String| {
        let (from, to) = (text.find("jeu. déc.  9").unwrap(), text.find("ven. déc. 10").unwrap());
        format!("{}{}", &text[..from], &text[to..])
    };
    let log = cut(lab.text(LOGWATCH));
    let lab = lab.with("cut", &log);
    let rows = lab.jeton("usage --logwatch cut --since 2021-12-08 --format csv").exits(0).out;
    assert!(rows.contains("\n2021-12-09,,,,,,,0\n"), "{rows}");
    lab.jeton("usage --by week").exits(2).complains("day, month, weekday, hour, department, user, machine, feature");
}

#[test]
fn a_feature_that_no_line_names_is_an_error_and_another_is_shown_at_once() {
    let lab = after_a_night();
    let expected = sessions(&lab);
    let named = |lab: Lab, from: &str, to: &str| {
        lab.edit("jeton.toml", |text| text.replace(&format!("feature = \"{from}\""), &format!("feature = \"{to}\"")))
    };
    let lab = named(lab, "OriginPro", "Orijin");
    for line in ["nightly --no-push", "sessions", "seats", "report"] {
        lab.jeton(line).exits(2).complains("`[origin] feature` must be one of `OriginPro`");
    }
    let lab = named(lab, "Orijin", "OriginPro");
    assert_eq!(sessions(&lab), expected);
}

#[test]
fn tokens_that_are_bought_change_no_past_day() {
    let lab = after_a_night();
    let past = lab.jeton("seats --format csv").exits(0).out;
    let lab = lab.edit("jeton.toml", |text| text.replace("seats = 3", "seats = 5"));
    assert_eq!(lab.jeton("seats --format csv").exits(0).out, past);
    let list = "seats = [{ since = 2021-01-01, count = 3 }, { since = \"2021-12-10\", count = 4 }]";
    let lab = lab.edit("jeton.toml", |text| text.replace("seats = 5", list));
    let dated = lab.jeton("seats --format csv").exits(0).out;
    let seats = |day: &str| {
        let row = dated.lines().find(|line| line.starts_with(day)).unwrap();
        row.split(',').nth(8).unwrap().to_owned()
    };
    assert_eq!([seats("2021-12-09"), seats("2021-12-10")], ["3", "4"]);
}

#[test]
fn a_renamed_department_is_renamed_for_all_its_days() {
    let lab = after_a_night().edit("jeton.toml", |text| text.replace("\"DPT1\"", "\"CHIMIE\""));
    lab.jeton("nightly --no-push").exits(0);
    let found = sessions(&lab);
    assert!(found.contains(",CHIMIE,") && !found.contains(",DPT1,"), "{found}");
    let books: Vec<String> = lab.files("out/reports").into_keys().collect();
    assert!(
        books.iter().any(|name| name.contains("CHIMIE")) && !books.iter().any(|name| name.contains("DPT1")),
        "{books:?}"
    );
}

#[test]
fn a_department_is_found_by_any_name_that_it_has_or_had() {
    let known = "[[departments]]\nname = \"CHIMIE\"\nfull = \"Chimie moléculaire\"\nwas = [\"DPT1\"]\n\n[output]";
    let lab = Lab::complete()
        .edit("jeton.toml", |text| text.replace("\"DPT1\"", "\"CHIMIE\"").replacen("[output]", known, 1));
    lab.jeton("nightly --no-push").exits(0);
    let found = |name: &str| lab.jeton(&format!("sessions --format csv --department {name}")).exits(0).out;
    let own = found("chimie");
    assert!(own.lines().count() > 1, "{own}");
    for name in ["CHIMIE", "dpt1", "moleculaire"] {
        assert_eq!(found(name), own, "{name}");
    }
    assert_eq!(found("dpt3").lines().count(), 1);
    for name in ["chimie", "dpt1"] {
        lab.jeton(&format!("report --department {name}")).exits(0).says("CHIMIE-2021-12.xlsx");
    }
    lab.jeton("report --department dpt3").exits(2).complains("hint: expected one of `CHIMIE`, `DPT2`");
    let book = Workbook::read(&lab.path(REPORTS).join("CHIMIE-2021-12.xlsx"));
    assert!(book.sheet("Synthèse")[0][0].ends_with("CHIMIE – Chimie moléculaire"), "{:?}", book.sheet("Synthèse")[0]);
}

#[test]
fn another_laboratory_gets_no_place_in_the_same_folder() {
    let lab = after_a_night();
    let before = lab.files("out");
    let renamed = |text: &str| text.replace("name = \"LABO\"", "name = \"AUTRE\"");
    let moved = |text: &str| text.replace("address = \"10.20.0.20\"", "address = \"10.20.0.21\"");
    let other = lab.edit("jeton.toml", |text| moved(&renamed(text)));
    let said = "is of the site `LABO`, and this configuration is of `AUTRE` with another licence server";
    for command in ["nightly --no-push", "sessions", "report", "ledger rebuild"] {
        other.jeton(command).exits(2).errors(1).complains(said);
    }
    assert!(other.files("out") == before, "nothing is touched");
    // A site that is renamed is the same; so is one whose server moved.
    let back = other.edit("jeton.toml", |text| text.replace("10.20.0.21", "10.20.0.20"));
    back.jeton("nightly --no-push").exits(0);
    let elsewhere = back.edit("jeton.toml", moved);
    elsewhere.jeton("sessions").exits(0);
}
