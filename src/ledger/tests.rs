//! The ledger's promises: what is known depends on what was seen, not on how often, in which order, or in which parts.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Europe::Paris;
use proptest::prelude::*;

use super::search::Query;
use super::*;
use crate::config::TraceSettings;
use crate::model::{Machine, State};
use crate::parse::flexnet;
use crate::source::Source;
use crate::trace::observed::observe;
use crate::trace::union::union;
use crate::trace::{Observed, Traces, analyse};

const LOGWATCH: &str = include_str!("../../fixtures/replay/origin.labo.example/files/logwatch");
const DEBUG_LOG: &str =
    include_str!("../../fixtures/replay/origin.labo.example/files/usr/local/flexlm/orglabdebug.log");

fn settings() -> TraceSettings {
    let server = Some("10.20.0.20".parse().unwrap());
    TraceSettings { timezone: Paris, server, feature: Some("OriginPro".to_owned()), ..TraceSettings::default() }
}

/// What is seen in a logwatch, or in a part of one, with the debug log or without.
fn seen(logwatch: &str, debug_log: Option<&str>) -> Observed {
    let watch = crate::pipeline::read_watch(logwatch.as_bytes(), "logwatch", &settings()).ok();
    let debug_log = debug_log
        .map(|text| flexnet::parse(&Source::from_bytes("debug.log", text.as_bytes()), Paris, NaiveDate::MIN).items);
    let traces = Traces { watch: watch.map(|watch| watch.items), debug_log, ..Traces::default() };
    let Some(now) = traces.newest(Paris) else { return Observed::default() };
    let analysis = analyse(&traces, &settings(), now, &|_| None);
    observe(&traces, &analysis, Paris, &|feature| feature == "OriginPro")
}

fn machines(all: &[(&str, Machine)]) -> BTreeMap<IpAddr, Machine> {
    all.iter().map(|(ip, machine)| (ip.parse().unwrap(), machine.clone())).collect()
}

fn record(ledger: &mut Ledger, observed: &Observed, machines: &BTreeMap<IpAddr, Machine>, now: DateTime<Utc>) {
    let night = Night { observed, log: None, machines, findings: &[], gaps: &[], now, settings: &settings() };
    ledger.record(&night).unwrap();
}

/// The last moment of the fixtures: the same for all that are compared, as time passes for open sessions.
fn end() -> DateTime<Utc> {
    seen(LOGWATCH, Some(DEBUG_LOG)).as_of.unwrap()
}

fn ledger_of(nights: &[&Observed], now: DateTime<Utc>) -> Ledger {
    let mut ledger = Ledger::in_memory().unwrap();
    for observed in nights {
        record(&mut ledger, observed, &BTreeMap::new(), observed.as_of.unwrap_or(now));
    }
    record(&mut ledger, &Observed::default(), &BTreeMap::new(), now);
    ledger
}

/// A night over a part of a log, which is read together with those that it overlaps.
fn record_part(ledger: &mut Ledger, mut text: Vec<u8>, debug_log: Option<&str>) {
    let observed = loop {
        let observed = seen(std::str::from_utf8(&text).unwrap(), debug_log);
        let across = observed.watched.map(|span| ledger.logs_across(span).unwrap()).unwrap_or_default();
        if across.is_empty() {
            break observed;
        }
        text = across.iter().fold(text, |text, part| union(&text, part, Paris).unwrap());
    };
    let night = Night {
        observed: &observed,
        log: Some(&text),
        machines: &BTreeMap::new(),
        findings: &[],
        gaps: &[],
        now: observed.as_of.unwrap(),
        settings: &settings(),
    };
    ledger.record(&night).unwrap();
}

/// Everything that reports are made of, a line each.
fn told(ledger: &Ledger) -> Vec<String> {
    let (first, last) = (NaiveDate::MIN, NaiveDate::MAX);
    let rows = ledger.rows(first, last, Paris).unwrap().into_iter().map(|row| format!("{row:?}"));
    let holds = ledger.holds(first, last, Paris).unwrap().into_iter().map(|hold| format!("{hold:?}"));
    let denials = ledger.denials(first, last, Paris).unwrap().into_iter().map(|denial| format!("{denial:?}"));
    rows.chain(holds).chain(denials).collect()
}

/// What only one of two ledgers says.
fn differences(a: &Ledger, b: &Ledger) -> Vec<String> {
    let (a, b) = (told(a), told(b));
    let only = |these: &[String], those: &[String], mark: &str| {
        let only = these.iter().filter(|line| !those.contains(line)).map(|line| format!("{mark} {line}"));
        only.collect::<Vec<_>>()
    };
    let mut found = [only(&a, &b, "-"), only(&b, &a, "+")].concat();
    if a.len() != b.len() {
        found.push(format!("{} lines and {}", a.len(), b.len()));
    }
    found
}

/// `anna 09:00:00-10:00:00 closed`.
fn short(ledger: &Ledger) -> Vec<String> {
    let rows = ledger.rows(NaiveDate::MIN, NaiveDate::MAX, Paris).unwrap();
    let line = |row: &crate::model::SessionRow| {
        format!("{} {}-{} {}", row.who.login(), row.start.format("%T"), row.end.format("%T"), row.state)
    };
    rows.iter().map(line).collect()
}

/// The blocks of a logwatch, each with its date line.
fn blocks(logwatch: &str) -> Vec<String> {
    let is_date = |line: &str| crate::parse::datetime::parse(line).is_some();
    let mut blocks: Vec<String> = Vec::new();
    for line in logwatch.split_inclusive('\n') {
        match blocks.last_mut() {
            Some(block) if !is_date(line.trim_end()) => block.push_str(line),
            _ => blocks.push(line.to_owned()),
        }
    }
    blocks
}

/// Parts of a logwatch that overlap by some blocks, in any order, some of them twice.
fn parts(n_blocks: usize) -> impl Strategy<Value = Vec<(usize, usize)>> {
    let cuts = proptest::collection::vec(1..n_blocks, 0..4);
    (cuts, 4_usize..12, any::<prop::sample::Index>()).prop_flat_map(move |(mut cuts, overlap, again)| {
        cuts.extend([0, n_blocks]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut parts: Vec<(usize, usize)> =
            cuts.windows(2).map(|two| (two[0].saturating_sub(overlap), (two[1] + overlap).min(n_blocks))).collect();
        parts.push(parts[again.index(parts.len())]);
        Just(parts).prop_shuffle()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_same_log_in_parts_in_any_order_is_the_same_ledger(parts in parts(blocks(LOGWATCH).len()), with_log in any::<bool>()) {
        let blocks = blocks(LOGWATCH);
        let log = with_log.then_some(DEBUG_LOG);
        let whole = ledger_of(&[&seen(LOGWATCH, log)], end());
        let mut in_parts = Ledger::in_memory().unwrap();
        for (from, to) in parts {
            record_part(&mut in_parts, blocks[from..to].concat().into_bytes(), log);
        }
        record(&mut in_parts, &Observed::default(), &BTreeMap::new(), end());
        prop_assert_eq!(differences(&in_parts, &whole), Vec::<String>::new());
    }

    #[test]
    fn copies_that_grew_and_older_ones_in_any_order_are_the_last_one(ends in proptest::collection::vec(1_usize..LOGWATCH.len(), 1..5)) {
        // Cut anywhere, also in the midst of a line.
        let cut = |mut end: usize| {
            while !LOGWATCH.is_char_boundary(end) { end -= 1; }
            &LOGWATCH[..end]
        };
        let whole = seen(LOGWATCH, Some(DEBUG_LOG));
        let mut nights: Vec<Observed> = ends.iter().map(|&end| seen(cut(end), Some(DEBUG_LOG))).collect();
        nights.insert(nights.len() / 2, whole.clone());
        let all = ledger_of(&nights.iter().collect::<Vec<_>>(), end());
        prop_assert_eq!(differences(&all, &ledger_of(&[&whole], end())), Vec::<String>::new());
    }

    #[test]
    fn whatever_was_read_its_order_leaves_no_trace(spans in proptest::collection::vec((0_usize..60, 1_usize..60), 1..6)) {
        let blocks = blocks(LOGWATCH);
        let nights: Vec<Observed> = spans
            .iter()
            .map(|&(from, n)| seen(&blocks[from.min(blocks.len() - 1)..(from + n).min(blocks.len())].concat(), None))
            .collect();
        let there: Vec<&Observed> = nights.iter().collect();
        let back: Vec<&Observed> = nights.iter().rev().chain(&nights).collect();
        prop_assert_eq!(differences(&ledger_of(&there, end()), &ledger_of(&back, end())), Vec::<String>::new());
    }
}

/// A logwatch in short: `9:00 1.5:51000* OUT anna@PC-1` is a block with the connection of 10.0.1.5, bytes in flight.
fn short_log(blocks: &[&str]) -> String {
    blocks.iter().map(|block| short_block(block)).collect()
}

fn short_block(block: &str) -> String {
    let (clock, rest) = block.split_once(' ').unwrap_or((block, ""));
    let mut lines = vec![format!("2021-12-08 {clock:0>5}:00")];
    let mut words = rest.split(' ').filter(|word| !word.is_empty()).peekable();
    while let Some(peer) = words.next_if(|word| word.contains(':')) {
        let bytes = if peer.ends_with('*') { 432 } else { 0 };
        lines.push(format!("ESTAB 0 {bytes} 10.20.0.20:60213 10.0.{}", peer.trim_end_matches('*')));
    }
    let line = match (words.next(), words.next()) {
        (Some(kind), Some(who)) => format!("{kind}: \"OriginPro\" {who}"),
        _ => "chatter".to_owned(),
    };
    lines.push(format!("{clock:0>5}:00 (d) {line}\n"));
    lines.join("\n")
}

fn at(clock: &str) -> DateTime<Utc> {
    format!("2021-12-08T{clock}:00+01:00").parse().unwrap()
}

const MORNING: [&str; 3] =
    ["9:00 1.5:51000* OUT anna@PC-1", "9:30 1.5:51000 1.6:52000* OUT bob@PC-2", "10:00 1.5:51000 1.6:52000"];
const NOON: [&str; 3] = ["10:00 1.5:51000 1.6:52000", "11:00 1.6:52000 IN anna@PC-1", "12:00 1.6:52000"];
const EVENING: [&str; 2] = ["12:00 1.6:52000", "18:00 IN bob@PC-2"];

#[test]
fn a_rotated_log_goes_on_with_the_sessions_of_the_one_before() {
    let [morning, noon, evening] = [&MORNING[..], &NOON[..], &EVENING[..]].map(|blocks| seen(&short_log(blocks), None));
    let at_noon = ["anna 09:00:00-11:00:00 closed", "bob 09:30:00-12:00:00 open"];
    let at_night = ["anna 09:00:00-11:00:00 closed", "bob 09:30:00-18:00:00 closed"];
    assert_eq!(short(&ledger_of(&[&morning, &noon], at("12:00"))), at_noon);
    assert_eq!(short(&ledger_of(&[&noon, &morning], at("12:00"))), at_noon);
    for nights in [[&morning, &noon, &evening], [&evening, &noon, &morning], [&noon, &evening, &morning]] {
        assert_eq!(short(&ledger_of(&nights, at("18:00"))), at_night);
    }
    // Alone, it knows them from its own beginning on.
    assert_eq!(short(&ledger_of(&[&evening], at("18:00"))), ["bob 12:00:00-18:00:00 closed"]);
    let held = ledger_of(&[&morning, &noon, &evening], at("18:00"));
    assert_eq!(held.holds(NaiveDate::MIN, NaiveDate::MAX, Paris).unwrap().len(), 2, "no token is counted twice");
}

#[test]
fn a_rotated_debug_log_without_any_logwatch_does_so_too() {
    let log = |lines: &str| format!("06:00:00 (d) TIMESTAMP 12/8/2021\n{lines}");
    let morning = seen("", Some(&log("09:00:00 (d) OUT: \"OriginPro\" anna@PC-1\n10:00:00 (d) chatter\n")));
    let noon = seen("", Some("11:00:00 (d) TIMESTAMP 12/8/2021\n12:00:00 (d) IN: \"OriginPro\" anna@PC-1\n"));
    assert_eq!((morning.tokens.len(), noon.returns.len()), (1, 1), "{noon:?}");
    for nights in [[&morning, &noon], [&noon, &morning]] {
        assert_eq!(short(&ledger_of(&nights, at("12:00"))), ["anna 09:00:00-12:00:00 closed"]);
    }
}

#[test]
fn the_dead_mans_handle() {
    let [early, late] = [2, 3].map(|n| seen(&short_log(&MORNING[..n]), None));
    let mut ledger = ledger_of(&[&early], at("09:30"));
    assert_eq!(short(&ledger)[0], "anna 09:00:00-09:30:00 open");
    record(&mut ledger, &late, &BTreeMap::new(), at("10:00"));
    assert_eq!(short(&ledger)[0], "anna 09:00:00-10:00:00 open");
    // Six hours unseen are not too long, one second more is.
    record(&mut ledger, &late, &BTreeMap::new(), at("16:00"));
    assert_eq!(short(&ledger)[0], "anna 09:00:00-10:00:00 open");
    let nothing = Observed::default();
    record(&mut ledger, &nothing, &BTreeMap::new(), at("16:00") + chrono::Duration::seconds(1));
    assert_eq!(short(&ledger)[0], "anna 09:00:00-10:00:00 presumed");
    // An older moment does not bring it back; a later sign of life does.
    record(&mut ledger, &early, &BTreeMap::new(), at("09:30"));
    assert_eq!(short(&ledger)[0], "anna 09:00:00-10:00:00 presumed");
    let blocks = [&MORNING[..], &["17:00 1.5:51000"]].concat();
    record(&mut ledger, &seen(&short_log(&blocks), None), &BTreeMap::new(), at("17:00"));
    assert_eq!(short(&ledger)[0], "anna 09:00:00-17:00:00 open");
}

fn machine(department: &str, outlet: Option<&str>) -> Machine {
    Machine {
        hostname: Some("PC-1".to_owned()),
        department: Some(department.to_owned()),
        outlet: outlet.map(str::to_owned),
        ..Machine::default()
    }
}

/// Department and outlet of each piece of anna's, who keeps her token for days.
fn whereabouts(ledger: &Ledger) -> Vec<String> {
    let rows = ledger.rows(NaiveDate::MIN, NaiveDate::MAX, Paris).unwrap();
    let text = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let anna = rows.into_iter().filter(|row| row.who.login() == "anna");
    anna.map(|row| format!("{} {} {}", row.date.format("%d"), text(row.machine.department), text(row.machine.outlet)))
        .collect()
}

#[test]
fn a_machine_that_moves_does_not_rewrite_what_was_and_an_outlet_learned_later_fills_an_empty_one() {
    let day = |n: i64| at("10:00") + chrono::Duration::days(n);
    let until = |n: i64| {
        let log = short_log(&["9:00 1.5:51000* OUT anna@PC-1"]);
        let last = day(n).with_timezone(&Paris).format("%F %T");
        seen(&format!("{log}{last}\nESTAB 0 0 10.20.0.20:60213 10.0.1.5:51000\n10:00:00 (d) chatter\n"), None)
    };
    let mut ledger = Ledger::in_memory().unwrap();
    let mut night = |n: i64, machine: Machine| {
        record(&mut ledger, &until(n), &machines(&[("10.0.1.5", machine)]), day(n));
        whereabouts(&ledger)
    };
    assert_eq!(night(0, machine("DPT1", None)), ["08 DPT1 -"]);
    assert_eq!(night(1, machine("DPT1", Some("RJ-1"))), ["08 DPT1 RJ-1", "09 DPT1 RJ-1"]);
    // A switch that is silent takes nothing away.
    assert_eq!(night(1, machine("DPT1", None)), ["08 DPT1 RJ-1", "09 DPT1 RJ-1"]);
    // What is seen otherwise on the same day does not rewrite it; from the next one on it is what it is.
    assert_eq!(night(1, machine("DPT2", Some("RJ-2")))[1], "09 DPT1 RJ-1");
    // A night was missed between: the machine may have moved on any of its days.
    assert_eq!(
        night(3, machine("DPT2", Some("RJ-2"))),
        ["08 DPT1 RJ-1", "09 DPT1 RJ-1", "10 DPT2 RJ-2", "11 DPT2 RJ-2"]
    );
    // An older replay, read again, changes nothing either.
    assert_eq!(night(0, machine("DPT3", None))[0], "08 DPT1 RJ-1");
}

#[test]
fn pieces_are_unique_by_initial_start_start_host_and_login() {
    let ledger = ledger_of(&[&seen(LOGWATCH, Some(DEBUG_LOG))], end());
    let twice = ledger.db.execute(
        "INSERT INTO piece (pair_id, initial_start, start, until, cut, state, evidence, told) \
         SELECT pair_id, initial_start, start, until + 1, cut, state, evidence, told FROM piece",
        [],
    );
    assert!(twice.unwrap_err().to_string().contains("UNIQUE"));
}

/// The steps of a query plan.
fn plan(ledger: &Ledger, sql: &str) -> Vec<String> {
    let mut statement = ledger.db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let n = statement.parameter_count();
    let nothing = vec![rusqlite::types::Value::Null; n];
    let steps = statement.query_map(rusqlite::params_from_iter(nothing), |row| row.get(3)).unwrap();
    steps.map(Result::unwrap).collect()
}

/// A search over ten years must not read ten years: every way to a table with a row for each session is by an index.
#[test]
fn whatever_is_asked_the_great_tables_are_read_by_their_indexes() {
    let ledger = ledger_of(&[&seen(LOGWATCH, Some(DEBUG_LOG))], end());
    let some = |text: &str| Some(text.to_owned());
    let (first, last) = (NaiveDate::from_ymd_opt(2021, 12, 1).unwrap(), NaiveDate::from_ymd_opt(2021, 12, 31).unwrap());
    let all = Search::of_days(first, last);
    let searches = [
        (all.clone(), "piece_by_start"),
        (Search { login: some("camille"), ..all.clone() }, "piece_of_pair"),
        (Search { machine: some("labo"), ..all.clone() }, "piece_of_pair"),
        (Search { ip: some("10.20.11"), ..all.clone() }, "piece_at_place"),
        (Search { state: Some(State::Open), ..all.clone() }, "piece_by_state"),
    ];
    let mut statements: Vec<(String, &str)> = searches
        .into_iter()
        .map(|(search, index)| (Query::new(&ledger.db, &search, Paris).unwrap().unwrap().sql, index))
        .collect();
    statements.extend([
        (query::HOLDS.to_owned(), "hold_by_start"),
        (query::EARLIEST.to_owned(), "piece_by_start"),
        (query::DENIALS.to_owned(), "PRIMARY KEY"),
        (derive::TOUCHING_TOKENS.to_owned(), "token_by_end"),
        (derive::TOUCHING_HOLDS.to_owned(), "hold_by_end"),
        ("SELECT id FROM token WHERE peer_id = ? AND peer_port = ? AND state < 2".to_owned(), "token_by_peer"),
    ]);
    for (sql, index) in statements {
        let plan = plan(&ledger, &sql);
        assert!(plan.iter().any(|step| step.contains(index)), "{sql}\n{plan:#?}");
        assert!(!plan.iter().any(|step| step.starts_with("SCAN") && !step.contains("json_each")), "{sql}\n{plan:#?}");
    }
}

#[test]
fn a_ledger_of_a_newer_jeton_or_of_nobody_is_refused_and_a_damaged_one_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jeton.db");
    drop(Ledger::open(&path).unwrap());
    let change = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    change("PRAGMA user_version = 99");
    assert!(matches!(Ledger::open(&path), Err(LedgerError::Newer { found: 99, .. })));
    assert!(matches!(Ledger::open_to_read(&path), Err(LedgerError::Newer { .. })));
    change(&format!("PRAGMA user_version = {}; PRAGMA application_id = 7", schema::VERSION));
    assert!(matches!(Ledger::open(&path), Err(LedgerError::Foreign(_))));
    for content in [
        &b"a text, and not a short one: a hundred bytes are what a header of a database has at the least, and more"[..],
        &[0xff; 4096],
    ] {
        fs::write(&path, content).unwrap();
        assert!(matches!(Ledger::open(&path), Err(LedgerError::Damaged { .. })));
        let aside = Ledger::set_aside(&path).unwrap();
        assert_eq!(fs::read(&aside).unwrap(), content);
        assert!(!path.exists());
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "one beside the other");
}
