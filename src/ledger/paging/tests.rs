//! Pages are the search, cut; days that are added up are its rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Europe::Paris;

use super::*;
use crate::ledger::tests::{Memory, machine, short_log, whole};
use crate::ledger::{DayUse, LENGTHS, Tally};
use crate::model::folded;

fn tallies(ledger: &Ledger) -> Vec<(NaiveDate, Arc<Tally>)> {
    let days = ledger.stamps(NaiveDate::MIN, NaiveDate::MAX).unwrap();
    days.into_iter().map(|(day, _)| (day, Arc::new(ledger.tally(day, Paris).unwrap()))).collect()
}

fn all() -> Search {
    Search::of_days(NaiveDate::MIN, NaiveDate::MAX)
}

/// The fixtures, where some addresses are machines with names, outlets and departments, and others are nothing.
fn laboratory() -> Memory {
    let mut memory = whole();
    let ips = memory.rows().into_iter().filter_map(|row| row.ip).collect::<std::collections::BTreeSet<_>>();
    let machines = ips.into_iter().zip(["DPT1", "DPT2", "Dpt1"]).map(|(ip, department)| {
        let outlet = (department == "DPT2").then(|| format!("RJ-{ip}"));
        (ip, machine(department, outlet.as_deref()))
    });
    let machines: BTreeMap<_, _> = machines.collect();
    let now = memory.ledger.latest().unwrap().unwrap();
    memory.night(now, &machines);
    memory
}

/// What rows are sorted by: those without a place first.
fn key(order: Order, row: &SessionRow) -> (Option<String>, i64, i64) {
    let start = row.start.timestamp();
    let number = |number: i64| (None, number, start);
    let of_place = |text: Option<&str>| (row.ip.map(|_| folded(text.unwrap_or_default())), start, 0);
    match order {
        Order::Start => number(start),
        Order::End => number(row.start.timestamp() + row.duration_s),
        Order::Duration => number(row.duration_s),
        Order::Login => (Some(folded(row.who.login())), start, 0),
        Order::Host => (Some(folded(row.who.host())), start, 0),
        Order::State => number(code::of_state(row.state)),
        Order::Ip => (row.ip.map(|ip| ip.to_string()), start, 0),
        Order::Department => of_place(row.machine.department.as_deref()),
        Order::Hostname => of_place(row.machine.hostname.as_deref()),
        Order::Outlet => of_place(row.machine.outlet.as_deref()),
    }
}

#[test]
fn the_pages_of_a_search_are_its_rows_in_the_order_of_any_column() {
    let ledger = laboratory().ledger;
    let tallies = tallies(&ledger);
    let some = |text: &str| Some(text.to_owned());
    let days = |first, last| {
        let day = |day| NaiveDate::from_ymd_opt(2021, 12, day).unwrap();
        Search::of_days(day(first), day(last))
    };
    let searches = [
        all(),
        days(9, 9),
        Search { login: some("a"), ..all() },
        Search { machine: some("pc"), ..all() },
        Search { department: some("dpt1"), ..all() },
        Search { outlet: some("RJ"), state: Some(State::Closed), ..days(8, 10) },
        Search { state: Some(State::Open), ..all() },
        Search { within: Some(vec!["DPT2".to_owned()]), ..all() },
        Search { is_seen: true, ..all() },
        Search { login: some("nobody"), ..all() },
    ];
    let mut n_rows = 0;
    for search in searches {
        let mut expected = Vec::new();
        ledger
            .search(&search, Paris, &mut |row| {
                expected.push(format!("{row:?}"));
                true
            })
            .unwrap();
        expected.sort();
        n_rows = n_rows.max(expected.len());
        let own: Vec<_> =
            tallies.iter().filter(|(day, _)| (search.first..=search.last).contains(day)).cloned().collect();
        for (order, is_reversed, most) in
            Order::ALL.into_iter().flat_map(|order| [(order, false, 3), (order, true, 7), (order, true, 1000)])
        {
            let mut rows: Vec<SessionRow> = Vec::new();
            loop {
                let part = Part { order, is_reversed, from: rows.len(), most };
                let (page, total) = ledger.part(&search, part, &own, Paris).unwrap();
                assert_eq!(total, expected.len(), "{order:?} {search:?}");
                assert_eq!(page.len(), most.min(total - rows.len()), "{order:?} {search:?}");
                if page.is_empty() {
                    break;
                }
                rows.extend(page);
            }
            let keys: Vec<_> = rows.iter().map(|row| key(order, row)).collect();
            let is_sorted = keys.windows(2).all(|two| if is_reversed { two[0] >= two[1] } else { two[0] <= two[1] });
            assert!(is_sorted, "{order:?} {is_reversed} {search:?}: {keys:?}");
            let mut found: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
            found.sort();
            assert_eq!(found, expected, "{order:?} {search:?}");
        }
    }
    assert!(n_rows > 10, "{n_rows}");
}

#[test]
fn pieces_by_their_lengths_come_from_the_index_as_they_come_from_sorting() {
    let ledger = laboratory().ledger;
    let features = features(&ledger.db).unwrap();
    for search in [all(), Search { department: Some("dpt".to_owned()), ..all() }] {
        let conditions = ledger.conditions(&ledger.db, &features, &search, Paris).unwrap().unwrap();
        for is_reversed in [false, true] {
            let part = Part { order: Order::Duration, is_reversed, from: 1, most: 4 };
            let [sorted, walked] = [Query::new(&ledger.db, &conditions).unwrap(), Query::by_length(&conditions)]
                .map(|query| query.part(&ledger.db, &features, part, Paris).unwrap());
            assert_eq!(walked.len(), 4);
            assert_eq!(walked, sorted);
        }
    }
}

#[test]
fn a_name_to_the_letter_is_no_part_of_another() {
    let log = short_log(&["9:00 1.5:51000* OUT anna@PC-1", "9:10 1.6:51000* OUT Anna@PC-11", "9:40 IN anna@PC-1"]);
    let mut memory = Memory::new().with(crate::evidence::Kind::Logwatch, &log);
    memory.night(crate::ledger::tests::at("9:50"), &BTreeMap::new());
    let count = |search: Search| memory.ledger.part(&search, PART, &tallies(&memory.ledger), Paris).unwrap().1;
    let some = |text: &str| Some(text.to_owned());
    for (is_exact, counts) in [(false, [2, 2, 2]), (true, [1, 1, 0])] {
        let search = Search { is_exact, ..all() };
        let found = [
            Search { login: some("anna"), ..search.clone() },
            Search { machine: some("PC-1"), ..search.clone() },
            Search { ip: some("10.0.1"), ..search },
        ]
        .map(count);
        assert_eq!(found, counts, "{is_exact}");
    }
}

const PART: Part = Part { order: Order::Start, is_reversed: false, from: 0, most: 10 };

/// What is added up of some uses, by person, place and day.
type Sums = BTreeMap<(NaiveDate, String, Option<String>), (i64, usize)>;

#[test]
fn the_uses_of_days_are_those_of_their_rows() {
    let ledger = laboratory().ledger;
    let search = Search { login: Some("a".to_owned()), ..all() };
    let mut expected = Sums::new();
    let (mut whole, mut parts) = (0, 0);
    ledger
        .search(&search, Paris, &mut |row| {
            let sum = expected.entry((row.date, row.who.to_string(), row.ip.map(|ip| ip.to_string()))).or_default();
            sum.0 += row.use_s();
            sum.1 += usize::from(row.start == row.initial_start);
            let is_cut = row.start.timestamp() + row.duration_s >= code::bounds(row.date, row.date, Paris).1;
            *(if row.start == row.initial_start && !is_cut { &mut whole } else { &mut parts }) += 1;
            true
        })
        .unwrap();
    let mut sums = Sums::new();
    let (mut lengths, mut n_parts) = (0, 0);
    ledger
        .uses(&search, &tallies(&ledger), Paris, &mut |used: &DayUse<'_>| {
            let key = (used.date, used.who.to_string(), used.place.map(|(ip, _)| ip.to_string()));
            let sum = sums.entry(key).or_default();
            sum.0 += used.sums.use_s();
            sum.1 += usize::from(used.sums.begun);
            assert_eq!(used.sums.within((0, 24)), used.sums.use_s());
            assert_eq!(used.sums.within((0, 9)) + used.sums.within((9, 24)), used.sums.use_s());
            lengths += used.sums.lengths.iter().map(|n| usize::from(*n)).sum::<usize>();
            n_parts += used.parts.len();
        })
        .unwrap();
    assert_eq!(sums, expected);
    assert_eq!((lengths, n_parts), (whole, parts));
    assert!(whole > 0 && parts > 0);
    assert!(LENGTHS.is_sorted());
}

#[test]
fn more_pieces_than_one_use_can_count_are_counted_by_two() {
    let minute = |n: usize| format!("{}:{:02}", 8 + n / 60, n % 60);
    let out_and_in = |n: usize| {
        [format!("{} 1.5:51000* OUT anna@PC-1", minute(2 * n)), format!("{} IN anna@PC-1", minute(2 * n + 1))]
    };
    let blocks: Vec<String> = (0..300).flat_map(out_and_in).collect();
    let blocks: Vec<&str> = blocks.iter().map(String::as_str).collect();
    let mut memory = Memory::new().with(crate::evidence::Kind::Logwatch, &short_log(&blocks));
    memory.night(crate::ledger::tests::at("19:00"), &BTreeMap::new());
    let n_rows = memory.rows().len();
    assert!(n_rows > 255, "{n_rows}");
    let (mut lengths, tallies) = (0, tallies(&memory.ledger));
    let add = &mut |used: &DayUse<'_>| lengths += used.sums.lengths.iter().map(|n| usize::from(*n)).sum::<usize>();
    memory.ledger.uses(&all(), &tallies, Paris, add).unwrap();
    let (_, total) = memory.ledger.part(&all(), PART, &tallies, Paris).unwrap();
    assert_eq!((lengths, total), (n_rows, n_rows));
}

#[test]
fn the_worst_findings_are_the_first_of_all_by_severity_and_day() {
    let ledger = laboratory().ledger;
    let (first, last) = (NaiveDate::from_ymd_opt(2021, 12, 1).unwrap(), NaiveDate::from_ymd_opt(2021, 12, 31).unwrap());
    let mut all = ledger.findings(first, last).unwrap();
    all.sort_by_key(|finding| (std::cmp::Reverse(finding.kind.severity()), finding.day));
    assert!(all.len() > 1, "{all:?}");
    for most in [0, 1, 2, 3, 1000] {
        let (worst, total) = ledger.worst_findings(first, last, most).unwrap();
        assert_eq!(total, all.len());
        let keys = |findings: &[crate::finding::Finding]| -> Vec<_> {
            findings.iter().map(|finding| (finding.kind.severity(), finding.day)).collect()
        };
        assert_eq!(keys(&worst), keys(&all[..most.min(all.len())]), "{most}");
    }
}

#[test]
fn tokens_that_are_out_now_are_those_of_today_and_older_ones_that_are_still_out() {
    let ledger = laboratory().ledger;
    let day = |day| NaiveDate::from_ymd_opt(2021, 12, day).unwrap();
    let (from, _) = code::bounds(day(10), day(10), Paris);
    let mut expected = ledger.holds(day(8), day(10), Paris).unwrap();
    expected.retain(|hold| hold.end.timestamp() > from || [State::Open, State::Borrowed].contains(&hold.state));
    assert_eq!(ledger.holds_out(day(8), day(10), Paris).unwrap(), expected);
    assert!(!expected.is_empty() && expected.len() < ledger.holds(day(8), day(10), Paris).unwrap().len());
}
