//! The memory of a hundred people: what a night costs on 60 days in which something is always out, what a night, a search and
//! a month's report cost with ten years behind them, and what a rebuild of everything costs. The goals are 2 s for a night,
//! 100 ms for a search, and a report that reads no more than its months.
//!
//! `JETON_BENCH_YEARS` sets the years, 10 by default; `JETON_BENCH_MB` the logwatch that is derived whole, 200 MB by default: a
//! gigabyte is four years of a hundred people as the simulator draws them.

mod decade;
#[path = "simulator/mod.rs"]
mod simulator;

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::net::IpAddr;
use std::path::Path;
use std::time::Instant;

use chrono::{Days, NaiveDate};
use chrono_tz::Europe::Paris;
use criterion::Criterion;

use jeton::config::TraceSettings;
use jeton::ledger::{Ledger, Search};
use jeton::model::State;
use jeton::parse::datetime;

use decade::{Memory, first_day, last_working_day, log_of, machines, months};
use simulator::{Laboratory, PORT, SERVER, bulk, study};

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn memory_in(folder: &Path, settings: TraceSettings) -> Memory {
    Memory::open(&folder.join("evidence"), folder, settings)
}

/// The bytes of the files in a folder and below.
fn size_of(folder: &Path) -> u64 {
    let entries = fs_err::read_dir(folder).expect("a folder").map(|entry| entry.expect("a folder"));
    entries
        .map(|entry| {
            let about = entry.metadata().expect("a file");
            if about.is_dir() { size_of(&entry.path()) } else { about.len() }
        })
        .sum()
}

/// Where the blocks of a day begin in a logwatch.
fn beginning_of(day: NaiveDate, logwatch: &[u8]) -> usize {
    let mut at = logwatch.len();
    let mut first = at;
    for line in logwatch.split_inclusive(|byte| *byte == b'\n').rev() {
        at -= line.len();
        if line[0].is_ascii_lowercase()
            && let Some(stamp) = datetime::parse(String::from_utf8_lossy(line).trim_end())
        {
            if stamp.civil.date() < day {
                break;
            }
            first = at;
        }
    }
    first
}

/// A night on 60 days of a laboratory in which something is always out: the copy has grown by a day.
fn night_on_sixty_days() {
    let days = if bulk::is_test() { 3 } else { 61 };
    let start = NaiveDate::from_ymd_opt(2021, 11, 1).expect("a day");
    let users = if bulk::is_test() { 10 } else { 100 };
    let lab = Laboratory { users, seats: 60, zeal: 2.0, start, days, ..bulk::laboratory() };
    let mut logwatch = Vec::new();
    lab.run(&mut logwatch).expect("memory takes every byte");
    let last = beginning_of(start + Days::new(u64::from(days) - 1), &logwatch);
    let folder = tempfile::tempdir().expect("a folder");
    let mut memory = memory_in(folder.path(), study::settings(&lab));
    let nobody = BTreeMap::new();
    memory.add(&logwatch[..last]);
    let (first, _) = memory.derive(&nobody);
    let (added, (derived, n_months)) = (memory.add(&logwatch[..]), memory.derive(&nobody));
    let (again, (same, _)) = (memory.add(&logwatch[..]), memory.derive(&nobody));
    say(&format!(
        "{days} days, {:.0} MB, derived in {first:.2?}: a night adds its day in {:.2?} (evidence {added:.2?}, {n_months} months \
         derived and recorded in {derived:.2?}); the same night again takes {:.2?}",
        logwatch.len() as f64 / 1e6,
        added + derived,
        again + same,
    ));
}

/// Everything derived from a logwatch at once, into an empty ledger.
fn rebuild() {
    let lab = bulk::laboratory();
    let n_megabytes = if bulk::is_test() { 1 } else { bulk::megabytes(200) };
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("logwatch");
    let file = BufWriter::new(fs_err::File::create(&log).expect("a file"));
    let n_bytes = bulk::generate(&lab, n_megabytes, file).expect("room for the log");
    let mut memory = memory_in(folder.path(), study::settings(&lab));
    bulk::forget_most_memory();
    let added = memory.add(fs_err::File::open(&log).expect("the file was just written"));
    let (derived, n_months) = memory.derive(&BTreeMap::new());
    let most = bulk::most_memory_kb().map_or_else(|| "unknown".to_owned(), |kb| format!("{} MB", kb / 1024));
    let evidence = size_of(&folder.path().join("evidence"));
    say(&format!(
        "{:.0} MB of logwatch: evidence in {added:.2?}, {:.1} MB of it; all {n_months} months derived in {derived:.2?}, most \
         memory {most}",
        n_bytes as f64 / 1e6,
        evidence as f64 / 1e6,
    ));
}

/// Ten years, and what is asked of them.
fn ten_years() {
    let years = std::env::var("JETON_BENCH_YEARS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_u32);
    let n_months = if bulk::is_test() { 2 } else { years * 12 };
    let folder = tempfile::tempdir().expect("a folder");
    let settings =
        TraceSettings { timezone: Paris, server: Some(IpAddr::V4(SERVER)), port: PORT, ..TraceSettings::default() };
    let mut memory = memory_in(folder.path(), settings.clone());
    let machines = machines();
    let all: Vec<_> = months(n_months).collect();
    let (last_month, before) = all.split_last().expect("a month");
    for (first, last) in before {
        memory.add(log_of(*first, *last).as_bytes());
    }
    // The current month, up to its last day but one; then the night of the last.
    let last_day = last_working_day(last_month.1);
    memory.add(log_of(last_month.0, last_day - Days::new(1)).as_bytes());
    let (first, _) = memory.derive(&machines);
    let tonight = log_of(last_month.0, last_day);
    let (added, (derived, _)) = (memory.add(tonight.as_bytes()), memory.derive(&machines));
    drop(memory);
    let began = Instant::now();
    let mut memory = memory_in(folder.path(), settings);
    memory.add(tonight.as_bytes());
    memory.derive(&machines);
    let again = began.elapsed();
    let bytes = folder.path().join("jeton.db").metadata().map_or(0, |found| found.len());
    let all_days = (first_day(), last_month.1);
    let n_pieces = count(&memory.ledger, &Search::of_days(all_days.0, all_days.1));
    say(&format!(
        "{n_pieces} pieces of {n_months} months, {:.0} MB, derived in {first:.2?}: a night adds its day in {:.2?} (evidence \
         {added:.2?}); opened anew, the same night again takes {again:.2?}",
        bytes as f64 / 1e6,
        added + derived,
    ));
    measure(&memory.ledger, all_days, *last_month);
}

fn main() {
    night_on_sixty_days();
    rebuild();
    ten_years();
}

fn count(ledger: &Ledger, search: &Search) -> usize {
    let mut n = 0;
    let counted = ledger.search(search, Paris, &mut |_| {
        n += 1;
        true
    });
    counted.expect("a sound ledger");
    n
}

fn measure(ledger: &Ledger, all_days: (NaiveDate, NaiveDate), month: (NaiveDate, NaiveDate)) {
    let text = |text: &str| Some(text.to_owned());
    let (ever, of_month) = (Search::of_days(all_days.0, all_days.1), Search::of_days(month.0, month.1));
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group("ledger");
    // A screen of what is found: a person of ten years, nobody, everybody of a department, one month of a room.
    for (name, search) in [
        ("a login, of all years", Search { login: text("personne042"), ..ever.clone() }),
        ("an outlet, of all years", Search { outlet: text("rj3-042"), ..ever.clone() }),
        ("a state that nobody is in", Search { state: Some(State::Open), ..ever.clone() }),
        ("a third of all, by what is said of them", Search { information: text("linux"), ..ever.clone() }),
        (
            "a machine and a department, of a month",
            Search { machine: text("SALLE-004"), department: text("dpt2"), ..of_month.clone() },
        ),
        ("nobody", Search { login: text("x"), ..ever }),
    ] {
        group.bench_function(format!("search: {name}"), |bencher| {
            bencher.iter(|| {
                let mut n = 0;
                ledger
                    .search(&search, Paris, &mut |_| {
                        n += 1;
                        n < 100
                    })
                    .expect("a sound ledger");
                n
            });
        });
    }
    group.bench_function("a month and the one before: rows, holds, refusals", |bencher| {
        let first = month.0 - chrono::Months::new(1);
        bencher.iter(|| {
            let rows = ledger.rows(first, month.1, Paris).expect("a sound ledger");
            let holds = ledger.holds(first, month.1, Paris).expect("a sound ledger");
            (rows.len(), holds.len(), ledger.denials(first, month.1, Paris).expect("a sound ledger").len())
        });
    });
    group.finish();
    criterion.final_summary();
}
