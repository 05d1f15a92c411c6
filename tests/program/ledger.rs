//! The ledger through the whole program: nights that were missed, what is known without logs, and ledgers that are none.
//! Nights that are killed, crossed or cannot write are in `faults.rs`.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use fs_err as fs;
use jeton::ledger::Ledger;

use crate::support::workbook::Workbook;
use crate::support::{HISTORY, LOGWATCH, Lab, rows_of, truth};

const LEDGER: &str = "out/jeton.db";

/// The laboratory with all its switches and quick reports.
fn quick() -> Lab {
    Lab::complete().edit("jeton.toml", |text| text.replace("formats = [\"ods\", \"xlsx\"]", "formats = [\"csv\"]"))
}

/// Everything that a night leaves: the ledger's content, the history, and each workbook's cells.
#[derive(Debug, PartialEq)]
struct Left {
    ledger: Vec<String>,
    files: BTreeMap<String, String>,
}

impl Left {
    fn by(lab: &Lab) -> Self {
        let ledger = Ledger::open_to_read(&lab.path(LEDGER)).unwrap().expect("a ledger");
        let (first, last, zone) = (NaiveDate::MIN, NaiveDate::MAX, chrono_tz::Europe::Paris);
        let mut lines: Vec<String> =
            ledger.rows(first, last, zone).unwrap().iter().map(|row| format!("{row:?}")).collect();
        lines.extend(ledger.holds(first, last, zone).unwrap().iter().map(|hold| format!("{hold:?}")));
        lines.extend(ledger.denials(first, last, zone).unwrap().iter().map(|denial| format!("{denial:?}")));
        lines.extend(ledger.findings(first, last).unwrap().iter().map(|finding| format!("{finding:?}")));
        lines.push(format!("{:?} {:?}", ledger.last_night().unwrap(), ledger.unpublished(last).unwrap()));
        let is_database = |name: &String| name.starts_with("jeton.db");
        let files = lab.published().into_iter().filter(|(name, _)| !is_database(name)).map(|(name, bytes)| {
            let path = lab.path("out").join(&name);
            let is_book = path.extension().is_some_and(|end| end == "ods" || end == "xlsx");
            let text = if is_book { format!("{:?}", Workbook::read(&path)) } else { String::from_utf8(bytes).unwrap() };
            (name, text)
        });
        Self { ledger: lines, files: files.collect() }
    }
}

/// The logwatch up to some share of its blocks.
fn up_to(logwatch: &str, share: f64) -> String {
    let starts: Vec<usize> =
        logwatch.match_indices(". déc.").map(|(at, _)| logwatch[..at].rfind('\n').map_or(0, |n| n + 1)).collect();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let n = (starts.len() as f64 * share) as usize;
    logwatch[..starts.get(n).copied().unwrap_or(logwatch.len())].to_owned()
}

/// Nights that read a log as it was then. Without the debug log and `lmstat`, which would tell what is to come.
fn nights(shares: &[f64]) -> Left {
    let mut lab = Lab::complete().without(crate::support::DEBUG_LOG).without(crate::support::LMSTAT);
    lab = lab.edit("jeton.toml", |text| {
        let kept = |line: &&str| !line.starts_with("debug_log") && !line.starts_with("lmstat");
        text.lines().filter(kept).collect::<Vec<_>>().join("\n")
    });
    let whole = lab.text(LOGWATCH);
    for share in shares {
        lab = lab.with(LOGWATCH, up_to(&whole, *share));
        lab.jeton("nightly --no-push").exits(0);
    }
    Left::by(&lab)
}

#[test]
fn one_night_after_missed_ones_leaves_what_every_night_would_have() {
    let week: Vec<f64> = (1..=7).map(|night| f64::from(night) / 7.0).collect();
    let undisturbed = nights(&week);
    assert_eq!(nights(&[week[0], week[1], week[2], week[6]]), undisturbed, "three nights were missed");
    assert_eq!(nights(&week[6..]), undisturbed, "all but the last were missed");
    // An hourly pulse is as good, and so is an old copy in between.
    assert_eq!(nights(&[0.1, 0.15, 0.6, 0.3, 0.9, 1.0, 1.0]), undisturbed);
}

#[test]
fn a_night_does_the_days_that_were_missed_and_no_other_twice() {
    let lab = quick();
    lab.jeton("nightly --no-push --date 2021-12-08").exits(0).says("days: 2021-12-08 to 2021-12-08\nsessions: 6\n");
    assert!(!lab.text(HISTORY).contains("2021-12-09"));
    lab.jeton("nightly --no-push").exits(0).says("days: 2021-12-08 to 2021-12-10\nsessions: 15\n");
    lab.jeton("nightly --no-push").exits(0).says("days: 2021-12-10 to 2021-12-10\n");
    let other = quick();
    other.jeton("nightly --no-push").exits(0);
    assert_eq!(Left::by(&lab), Left::by(&other));
}

#[test]
fn what_the_ledger_knows_is_known_when_the_logs_are_gone() {
    let lab = quick();
    lab.jeton("nightly --no-push").exits(0);
    let sessions = lab.jeton("sessions --format csv").exits(0).out;
    assert_eq!(sessions, lab.text("expected/sessions.csv"));
    let history = lab.text(HISTORY);
    let books = Left::by(&lab).files;
    // Neither hosts nor a way to them are needed, and what is written is the same.
    let lab =
        lab.without("replay").without("out/reports").edit("jeton.toml", |text| text.replace("replay = \"replay\"", ""));
    lab.jeton("sessions --format csv").exits(0).says_only(&sessions);
    lab.jeton("history export").exits(0).says_only(&history);
    lab.jeton("report --date 2021-12-10").exits(0);
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&Left::by(&lab).files), names(&books));
}

#[test]
fn sessions_are_known_without_a_place_to_write_and_before_the_first_night() {
    let lab = quick().edit("jeton.toml", |text| text.replace("\"out\"", "\"/proc/nowhere\""));
    lab.jeton("sessions --format csv").exits(0).says_only(&lab.text("expected/sessions.csv"));
    let lab = quick();
    lab.jeton("sessions --format csv").exits(0);
    assert!(lab.files("out").is_empty(), "a search writes nothing");
}

#[test]
fn an_imported_history_is_searched_reported_and_exported() {
    let old = "{'origin_name': 'ancienne@VIEUX-PC', 'ip': '10.20.11.77', 'mac': '024c.4200.1177', 'departement': 'DPT1', \
               'vlan': 511, 'connexion time': '30.0 min', 'date': '2019-05-06', 'start': '2019-05-06T09:00:00+02:00', \
               'end': '2019-05-06T09:30:00+02:00', 'state': 'closed'}\n\
               Labo-A-2 | 512 024c.4200.1215 Gi1/0/5 | PHYS-TP-05 | DPT2 | 10.20.12.15 | P2B05-01 | vieux@SALLE-TP | 61.5 min\n";
    let lab = quick().with("old", old);
    lab.jeton("history import old").exits(0).says("new in the ledger: 2\n");
    let found = "2019-05-06,lundi,ancienne,VIEUX-PC,2019-05-06T09:00:00+02:00,2019-05-06T09:30:00+02:00,1800,closed,\
                 2019-05-06T09:00:00+02:00,10.20.11.77,unknown,024c.4200.1177,511,DPT1,,,,";
    for _ in 0..2 {
        // Before the first night and behind it.
        let all = lab.jeton("sessions --format csv").exits(0).out;
        assert_eq!(rows_of(&all).len(), truth().len() + 1, "{all}");
        lab.jeton("sessions --login ancienne --format csv").exits(0).says(found);
        let exported = lab.jeton("history export").exits(0).out;
        assert_eq!(exported.lines().count(), 16 + 2);
        assert!(exported.lines().next().unwrap().contains("vieux@SALLE-TP"), "the undated first: {exported}");
        lab.jeton("history export --since 2019-01-01 --until 2020-01-01").says("ancienne@VIEUX-PC");
        lab.jeton("report --date 2019-05-01").exits(0).says("out/reports/2019-05/DPT1-2019-05.csv");
        lab.jeton("history import old old").exits(0).says("new in the ledger: 0\n");
        lab.jeton("nightly --no-push").exits(0);
    }
}

#[test]
fn a_ledger_that_is_none_is_told_and_a_damaged_one_is_kept_and_made_anew() {
    let lab = quick().with_folder(LEDGER);
    for line in ["nightly --no-push", "sessions", "report", "history export"] {
        lab.jeton(line).exits(1).errors(1).complains("`out/jeton.db` is no file: expected jeton's ledger");
    }
    let sound = quick();
    sound.jeton("nightly --no-push").exits(0);
    let undisturbed = Left::by(&sound);
    let bytes = fs::read(sound.path(LEDGER)).unwrap();
    let mut holed = bytes.clone();
    holed[4096..40960].fill(0x5a);
    let damages: [&[u8]; 3] =
        [b"only a text that somebody wrote into the file of the ledger\n", &bytes[..bytes.len() / 2], &holed];
    for damaged in damages {
        let lab = quick().with(LEDGER, damaged);
        lab.jeton("sessions").exits(1).errors(1).complains("the ledger `out/jeton.db` is damaged (");
        let ran = lab.jeton("nightly --no-push").exits(3);
        ran.complains("gap: out/jeton.db: damaged (").complains("it is kept as `out/jeton.db.damaged`");
        assert_eq!(fs::read(lab.path("out/jeton.db.damaged")).unwrap(), damaged, "nothing is lost");
        lab.jeton("nightly --no-push").exits(0);
        let left = Left::by(&lab);
        assert_eq!(
            (left.ledger, &left.files[&HISTORY[4..]]),
            (undisturbed.ledger.clone(), &undisturbed.files[&HISTORY[4..]])
        );
    }
}

#[test]
fn a_bit_that_flipped_in_a_text_a_number_or_the_schema_is_damage() {
    let sound = quick();
    sound.jeton("nightly --no-push").exits(0);
    let undisturbed = Left::by(&sound);
    let (bytes, seal) =
        (fs::read(sound.path(LEDGER)).unwrap(), fs::read(sound.path("out/evidence/jeton.db.seal")).unwrap());
    let find = |text: &[u8]| bytes.windows(text.len()).position(|found| found == text).unwrap();
    let (login, table) = (find(b"camille"), find(b"CREATE TABLE pair"));
    // By lot too, but for the two numbers of the header that say whose file it is.
    let by_lot = (1..12_usize).map(|n| 100 + n * 7919 * 31 % (bytes.len() - 100));
    for at in [login + 3, table + 14].into_iter().chain(by_lot) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 4;
        let lab = quick().with(LEDGER, &flipped).with("out/evidence/jeton.db.seal", &seal);
        let ran = lab.jeton("nightly --no-push").exits(3);
        ran.complains("gap: out/jeton.db: damaged (").complains("it is kept as `out/jeton.db.damaged`");
        lab.jeton("nightly --no-push").exits(0);
        assert_eq!(Left::by(&lab).ledger, undisturbed.ledger, "byte {at}");
    }
    // What an older night, an editor or a backup wrote has no seal of its own, and is no damage.
    sound.jeton("ledger backup copy.db").exits(0);
    sound.jeton("nightly --no-push").exits(0);
    let copy = fs::read(sound.path("copy.db")).unwrap();
    let restored = sound.with(LEDGER, &copy);
    restored.jeton("nightly --no-push").exits(0);
    assert_eq!(Left::by(&restored).ledger, undisturbed.ledger);
    // Neither is what somebody has a look at with another program.
    rusqlite::Connection::open(restored.path(LEDGER)).unwrap().query_row("SELECT 1", [], |_| Ok(())).unwrap();
    restored.jeton("nightly --no-push").exits(0);
}

#[test]
fn a_ledger_of_a_newer_jeton_and_one_of_another_program_are_refused_and_stay_as_they_are() {
    let lab = quick();
    lab.jeton("nightly --no-push").exits(0);
    for (change, said) in [
        (
            "PRAGMA user_version = 99",
            "was written by a newer jeton (its version is 99, this one knows 5): install that",
        ),
        ("PRAGMA application_id = 7; PRAGMA user_version = 1", "`out/jeton.db` is the database of another program"),
    ] {
        rusqlite::Connection::open(lab.path(LEDGER)).unwrap().execute_batch(change).unwrap();
        let before = lab.files("out");
        for line in ["nightly --no-push", "sessions", "report", "history export"] {
            lab.jeton(line).exits(1).errors(1).complains(said);
        }
        assert_eq!(lab.files("out"), before);
    }
}

#[test]
fn dates_in_the_future_are_wrong_usage_and_leave_nothing() {
    let lab = quick();
    lab.jeton("nightly --no-push --date 2031-01-01").exits(2).complains("is after today, 2021-12-10");
    assert!(lab.files("out").is_empty());
    lab.jeton("nightly --no-push").exits(0);
    let left = Left::by(&lab);
    lab.jeton("nightly --no-push --date 2031-01-01").exits(2).errors(1).complains("is after today, 2021-12-10");
    lab.jeton("report --date 2031-01-01").exits(2).errors(1).complains("begins after today, 2021-12-10");
    lab.jeton("sessions --since 2031-01-01 --format json").exits(0).says_only("[]\n");
    assert_eq!(Left::by(&lab), left);
}

#[test]
fn outlets_and_what_is_said_of_a_machine_are_searched_too() {
    let lab = quick();
    for when in ["before", "behind"] {
        for (conditions, n) in [
            ("--outlet rj1a01", 2),
            ("--outlet RJ1A01-01 --login camille", 2),
            ("--outlet nowhere", 0),
            ("--info PARTAGE", 3),
            ("--info partagé --login camille", 0),
            ("--state open --department dpt", 1),
        ] {
            let ran = lab.jeton(&format!("sessions --format csv {conditions}")).exits(0);
            assert_eq!(rows_of(&ran.out).len(), n, "{when} the first night: {conditions}\n{}", ran.out);
        }
        lab.jeton("nightly --no-push").exits(0);
    }
}

#[test]
fn seats_are_known_when_the_logs_are_gone_and_files_still_replace_everything() {
    let lab = quick();
    let before = lab.jeton("seats --format csv").exits(0).out;
    lab.jeton("nightly --no-push").exits(0);
    let of_file = lab.jeton(&format!("seats --format csv --logwatch {LOGWATCH}")).exits(0).out;
    let copy = lab.text(LOGWATCH);
    let lab =
        lab.without("replay").edit("jeton.toml", |text| text.replace("replay = \"replay\"", "")).with("copy", copy);
    lab.jeton("seats --format csv").exits(0).says_only(&before);
    lab.jeton("seats --format csv --logwatch copy").exits(0).says_only(&of_file);
}

#[test]
fn a_period_before_all_that_is_known_gets_no_workbook() {
    let lab = quick();
    lab.jeton("nightly --no-push").exits(0);
    let before = lab.files("out/reports");
    let said = "nothing is known of 2021-11-30 and before: the traces begin on 2021-12-08; nothing was written\n";
    lab.jeton("report --date 2021-11-03").exits(0).says_only(said);
    assert_eq!(lab.files("out/reports"), before);
}

#[test]
fn parts_of_a_log_in_any_order_are_the_whole_log() {
    let whole = nights(&[1.0]);
    let lab = Lab::complete().without(crate::support::DEBUG_LOG).without(crate::support::LMSTAT);
    let mut lab = lab.edit("jeton.toml", |text| {
        let kept = |line: &&str| !line.starts_with("debug_log") && !line.starts_with("lmstat");
        text.lines().filter(kept).collect::<Vec<_>>().join("\n")
    });
    let log = lab.text(LOGWATCH);
    // The last third first: a part that begins in the midst of sessions, then one that ends in the midst of some.
    for (from, to, code) in [(0.6, 1.0, 0), (0.0, 0.4, 3), (0.3, 0.7, 0), (0.3, 0.7, 0)] {
        let (start, end) = (up_to(&log, from).len(), up_to(&log, to).len());
        lab = lab.with(LOGWATCH, &log[start..end]);
        // What is missing between two parts is a gap of the night that learns of it.
        lab.jeton("nightly --no-push").exits(code);
    }
    let parts = Left::by(&lab);
    let is_row = |line: &&String| !line.starts_with("Finding");
    assert_eq!(
        parts.ledger.iter().filter(is_row).collect::<Vec<_>>(),
        whole.ledger.iter().filter(is_row).collect::<Vec<_>>()
    );
    let lines = |left: &Left| {
        left.files["Origin_history"].lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(lines(&parts), lines(&whole));
}
