//! Ten years of a hundred people in the ledger: what a night, a search and a month's report cost then. The goals are 2 s for
//! a night, 100 ms for a search, and a report that reads no more than its months.
//!
//! `JETON_BENCH_YEARS` sets the years, 10 by default. The ledger is made by nights that each read a month's log, as a
//! rotated one is.

#[path = "simulator/mod.rs"]
mod simulator;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use chrono::{DateTime, Datelike, Days, Duration, NaiveDate, TimeZone, Utc};
use chrono_tz::Europe::Paris;
use criterion::Criterion;

use jeton::config::TraceSettings;
use jeton::ledger::{Ledger, Night, Search};
use jeton::model::{Evidence, Identity, Machine, State};
use jeton::parse::logwatch::Peer;
use jeton::trace::Observed;
use jeton::trace::observed::{Beginning, TokenSeen, View};

use simulator::bulk;

const PEOPLE: u32 = 100;
/// Tokens that each takes on a working day, one after the other: a session each.
const TOKENS: u32 = 11;

fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2012, 1, 1).expect("a day")
}

fn at(day: NaiveDate, seconds: u32) -> DateTime<Utc> {
    let midnight = day.and_hms_opt(0, 0, 0).expect("midnight");
    Paris.from_local_datetime(&midnight).earliest().expect("Paris has it").to_utc() + Duration::seconds(seconds.into())
}

fn ip(person: u32) -> IpAddr {
    Ipv4Addr::from(0x0a0e_1000 + person * 7 % 1024).into()
}

/// What the log of a month shows up to a day.
fn seen(first: NaiveDate, last: NaiveDate) -> Observed {
    let mut tokens = Vec::new();
    for day in first.iter_days().take_while(|day| *day <= last).filter(|day| day.weekday().number_from_monday() < 6) {
        for person in 0..PEOPLE {
            let who =
                Identity::new(&format!("personne{person:03}"), &format!("salle-{:03}-pc-{person:03}", person % 9));
            for token in 0..TOKENS {
                let start = at(day, 28_800 + token * 3000 + person * 13 + day.day() * 7);
                let end = start + Duration::seconds(i64::from(1200 + (person * 37 + token * 91) % 1500));
                tokens.push(TokenSeen {
                    who: who.clone(),
                    feature: "OriginPro".to_owned(),
                    start,
                    beginning: Beginning::Told,
                    ordinal: 0,
                    licences: 1,
                    view: View { end, state: State::Closed, sign: end, as_of: at(last, 86_000) },
                    peer: Some(Peer { ip: ip(person), port: 40_000 + u16::try_from(token).unwrap_or(0) }),
                    address: Some((ip(person), Evidence::Carrying)),
                });
            }
        }
    }
    let covered = Some((at(first, 0), at(last, 86_000)));
    Observed { tokens, watched: covered, logged: covered, as_of: covered.map(|span| span.1), ..Observed::default() }
}

fn machines() -> BTreeMap<IpAddr, Machine> {
    let machine = |person: u32| Machine {
        hostname: Some(format!("CHIMIE-{person:03}")),
        department: Some(format!("DPT{}", person % 5 + 1)),
        outlet: Some(format!("RJ{}-{person:03}", person % 7)),
        information: Some(if person.is_multiple_of(3) { "Linux, thèse" } else { "Windows" }.to_owned()),
        ..Machine::default()
    };
    (0..PEOPLE).map(|person| (ip(person), machine(person))).collect()
}

fn record(ledger: &mut Ledger, observed: &Observed, machines: &BTreeMap<IpAddr, Machine>) {
    let settings = TraceSettings { timezone: Paris, ..TraceSettings::default() };
    let now = observed.as_of.expect("a night reads something");
    let night = Night { observed, log: None, machines, findings: &[], gaps: &[], now, settings: &settings };
    ledger.record(&night).expect("room for the ledger");
}

fn months(n: u32) -> impl Iterator<Item = (NaiveDate, NaiveDate)> {
    (0..n).map(|month| {
        let first = first_day() + chrono::Months::new(month);
        (first, first + chrono::Months::new(1) - Days::new(1))
    })
}

fn main() {
    let years = if bulk::is_test() {
        1
    } else {
        std::env::var("JETON_BENCH_YEARS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_u32)
    };
    let n_months = if bulk::is_test() { 3 } else { years * 12 };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("jeton.db");
    let mut ledger = Ledger::open(&path).expect("a ledger");
    let machines = machines();
    let all: Vec<_> = months(n_months).collect();
    let (last_month, before) = all.split_last().expect("a month");
    for (first, last) in before {
        record(&mut ledger, &seen(*first, *last), &machines);
    }
    // The current month, up to its last day but one; then the night of the last.
    record(&mut ledger, &seen(last_month.0, last_month.1 - Days::new(1)), &machines);
    let tonight = seen(last_month.0, last_month.1);
    let began = Instant::now();
    record(&mut ledger, &tonight, &machines);
    let night = began.elapsed();
    let began = Instant::now();
    drop(ledger);
    let mut ledger = Ledger::open(&path).expect("a ledger");
    record(&mut ledger, &tonight, &machines);
    let again = began.elapsed();
    let bytes = path.metadata().map_or(0, |found| found.len());
    let all_days = (first_day(), last_month.1);
    let n_pieces = count(&ledger, &Search::of_days(all_days.0, all_days.1));
    let _ = writeln!(
        std::io::stderr(),
        "{n_pieces} pieces, {:.0} MB: a night adds its day in {night:.2?}; opened anew, the same night again takes {again:.2?}",
        bytes as f64 / 1e6,
    );
    measure(&ledger, all_days, *last_month);
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
