//! The ledger's promises: what it knows follows from the set of copies that were ever seen, not from their order, their cuts,
//! their number, or the nights that brought them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Europe::Paris;
use proptest::prelude::*;

use super::search::{Conditions, Query};
use super::*;
use crate::config::TraceSettings;
use crate::derivation::{Derivation, update};
use crate::evidence::{Evidence, Kind};
use crate::model::{Denial, Machine, SessionRow, State};
use crate::pipeline::newest;
use crate::source::Source;

const LOGWATCH: &str = include_str!("../../fixtures/replay/origin.labo.example/files/logwatch");
const DEBUG_LOG: &str =
    include_str!("../../fixtures/replay/origin.labo.example/files/usr/local/flexlm/orglabdebug.log");

fn settings() -> TraceSettings {
    let server = Some("10.20.0.20".parse().unwrap());
    TraceSettings { timezone: Paris, server, feature: Some("OriginPro".to_owned()), ..TraceSettings::default() }
}

/// Evidence and the ledger of it, as a site has them.
pub(super) struct Memory {
    pub(super) evidence: Evidence,
    pub(super) ledger: Ledger,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self { evidence: Evidence::in_memory(), ledger: Ledger::in_memory().unwrap() }
    }

    /// Adds a copy, and no more: so far a night comes that is killed then.
    fn add(&mut self, kind: Kind, copy: &[u8]) {
        if copy.is_empty() {
            return;
        }
        match kind {
            Kind::Logwatch => drop(self.evidence.add_logwatch("logwatch", copy).unwrap()),
            Kind::DebugLog => drop(self.evidence.add_debug_log("debug.log", copy, Paris).unwrap()),
            Kind::Lmstat => drop(self.evidence.add_lmstat(copy).unwrap()),
        }
    }

    pub(super) fn with(mut self, kind: Kind, copy: &str) -> Self {
        self.add(kind, copy.as_bytes());
        self
    }

    /// A night that fetched everything until `now`.
    pub(super) fn night(&mut self, now: DateTime<Utc>, machines: &BTreeMap<IpAddr, Machine>) {
        let before = days(&self.ledger);
        self.evidence.vouch(now).unwrap();
        let settings = settings();
        let mut change = self.ledger.change(&settings.licence).unwrap();
        let names = change.dhcp_names().unwrap();
        let derivation = Derivation::new(&self.evidence, &settings, names, self.evidence.as_of().unwrap());
        update(&derivation, &mut change, &|_| ()).unwrap();
        change.night(&Night { machines, findings: &[], gaps: &[], now, settings: &settings }).unwrap();
        change.commit().unwrap();
        assert_stamped(&before, &days(&self.ledger));
    }

    /// A night as of the newest line that is there, where there is any.
    fn any_night(&mut self) {
        if let Some(now) = newest(&self.evidence, &settings()) {
            self.night(now, &BTreeMap::new());
        }
    }

    fn after_night(mut self, now: DateTime<Utc>) -> Self {
        self.night(now, &BTreeMap::new());
        self
    }

    /// A ledger made anew of the same evidence.
    fn rebuilt(self) -> Self {
        let now = self.evidence.as_of().unwrap();
        Self { ledger: Ledger::in_memory().unwrap(), ..self }.after_night(now)
    }

    pub(super) fn rows(&self) -> Vec<SessionRow> {
        self.ledger.rows(NaiveDate::MIN, NaiveDate::MAX, Paris).unwrap()
    }

    /// `anna 09:00:00-10:00:00 closed`.
    fn short(&self) -> Vec<String> {
        let line = |row: &SessionRow| {
            format!("{} {}-{} {}", row.who.login(), row.start.format("%T"), row.end.format("%T"), row.state)
        };
        self.rows().iter().map(line).collect()
    }
}

/// What is known of each day, with its stamp.
pub(super) fn days(ledger: &Ledger) -> BTreeMap<NaiveDate, (Option<i64>, Vec<String>)> {
    let (first, last) = (NaiveDate::MIN, NaiveDate::MAX);
    let mut days: BTreeMap<NaiveDate, (Option<i64>, Vec<String>)> = BTreeMap::new();
    for row in ledger.rows(first, last, Paris).unwrap() {
        days.entry(row.date).or_default().1.push(format!("{row:?}"));
    }
    for hold in ledger.holds(first, last, Paris).unwrap() {
        for day in code::days_between(hold.start, hold.end, Paris) {
            days.entry(day).or_default().1.push(format!("{hold:?}"));
        }
    }
    for Denial { at, who, real, .. } in ledger.denials(first, last, Paris).unwrap() {
        days.entry(at.with_timezone(&Paris).date_naive()).or_default().1.push(format!("{at} {who} {real}"));
    }
    for (day, stamp) in ledger.stamps(first, last).unwrap() {
        days.entry(day).or_default().0 = Some(stamp);
    }
    days
}

/// That each day has a stamp, and another one where it changed.
pub(super) fn assert_stamped(
    before: &BTreeMap<NaiveDate, (Option<i64>, Vec<String>)>,
    after: &BTreeMap<NaiveDate, (Option<i64>, Vec<String>)>,
) {
    let nothing = (None, Vec::new());
    for (day, (stamp, known)) in after {
        let (old, was) = before.get(day).unwrap_or(&nothing);
        assert!(stamp.is_some() || known.is_empty(), "{day} has no stamp: {known:?}");
        assert!(stamp != old || known == was, "{day} has its old stamp: {:?}", differences(known, was));
    }
    let gone = before.iter().filter(|(day, (_, known))| !known.is_empty() && !after.contains_key(day));
    assert_eq!(gone.count(), 0, "days without any stamp");
}

/// Both logs whole, in one night.
pub(super) fn whole() -> Memory {
    let both = Memory::new().with(Kind::Logwatch, LOGWATCH).with(Kind::DebugLog, DEBUG_LOG);
    let now = newest(&both.evidence, &settings()).unwrap();
    both.after_night(now)
}

/// The last moment of the fixtures: the same for all that are compared, as time passes for open sessions.
fn end() -> DateTime<Utc> {
    whole().evidence.as_of().unwrap()
}

/// Everything that is told of the use, a line each.
fn told(ledger: &Ledger) -> Vec<String> {
    let (first, last) = (NaiveDate::MIN, NaiveDate::MAX);
    let rows = ledger.rows(first, last, Paris).unwrap().into_iter().map(|row| format!("{row:?}"));
    let holds = ledger.holds(first, last, Paris).unwrap().into_iter().map(|hold| format!("{hold:?}"));
    let denials = ledger.denials(first, last, Paris).unwrap().into_iter().map(|denial| format!("{denial:?}"));
    let sums =
        [Grouping::Day, Grouping::Hour, Grouping::User, Grouping::Machine, Grouping::Department, Grouping::Feature];
    let sums = sums.into_iter().flat_map(|by| ledger.used(first, last, by).unwrap()).map(|used| format!("{used:?}"));
    rows.chain(holds).chain(denials).chain(sums).collect()
}

/// What is said of the evidence itself: which times it vouches for, and what looks wrong in it.
fn vouched(ledger: &Ledger) -> Vec<String> {
    let (first, last) = (NaiveDate::MIN, NaiveDate::MAX);
    let coverage = ledger.coverage(first, last, Paris).unwrap().into_iter().map(|stretch| format!("{stretch:?}"));
    let mut findings: Vec<String> =
        ledger.findings(first, last).unwrap().into_iter().map(|finding| format!("{finding:?}")).collect();
    findings.sort();
    coverage.chain(findings).collect()
}

/// What only one of two lists has.
fn differences(a: &[String], b: &[String]) -> Vec<String> {
    let only = |these: &[String], those: &[String], mark: &str| {
        let only = these.iter().filter(|line| !those.contains(line)).map(|line| format!("{mark} {line}"));
        only.collect::<Vec<_>>()
    };
    let mut found = [only(a, b, "-"), only(b, a, "+")].concat();
    if a.len() != b.len() {
        found.push(format!("{} lines and {}", a.len(), b.len()));
    }
    found
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

/// A copy that is part of a log: of which kind, and its bytes.
type Part = (Kind, std::ops::Range<usize>);

fn text_of(copy: &Part) -> &'static [u8] {
    let text = if copy.0 == Kind::Logwatch { LOGWATCH } else { DEBUG_LOG };
    &text.as_bytes()[copy.1.clone()]
}

/// Parts of a log, cut at any byte; neighbours share so many bytes, which are some blocks or lines.
fn parts(kind: Kind, length: usize, shared: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Part>> {
    proptest::collection::vec((1..length, shared), 0..4).prop_map(move |mut cuts| {
        cuts.sort_unstable();
        let mut parts = Vec::new();
        let mut from = 0;
        for (cut, shared) in cuts {
            parts.push((kind, from..(cut + shared / 2).min(length)));
            from = cut.saturating_sub(shared - shared / 2);
        }
        parts.push((kind, from..length));
        parts
    })
}

/// Parts of both logs, in any order, some of them again; and behind which of them there is a night.
fn nights() -> impl Strategy<Value = Vec<(Part, bool)>> {
    let both = (parts(Kind::Logwatch, LOGWATCH.len(), 900..1800), parts(Kind::DebugLog, DEBUG_LOG.len(), 500..900));
    (both, proptest::collection::vec(any::<prop::sample::Index>(), 0..3)).prop_flat_map(|((mut all, logs), again)| {
        all.extend(logs);
        let again: Vec<Part> = again.iter().map(|index| all[index.index(all.len())].clone()).collect();
        all.extend(again);
        let n = all.len();
        (Just(all).prop_shuffle(), proptest::collection::vec(any::<bool>(), n))
            .prop_map(|(all, nights)| all.into_iter().zip(nights).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_the_cuts_the_order_and_the_nights_all_is_known_as_of_one_copy(nights in nights()) {
        let whole = whole();
        let mut memory = Memory::new();
        for (copy, is_night) in &nights {
            memory.add(copy.0, text_of(copy));
            // Without: killed before it derived anything.
            if *is_night {
                memory.any_night();
            }
        }
        let memory = memory.after_night(end());
        prop_assert_eq!(differences(&told(&memory.ledger), &told(&whole.ledger)), Vec::<String>::new());
        prop_assert_eq!(differences(&vouched(&memory.ledger), &vouched(&whole.ledger)), Vec::<String>::new());
        // And a rebuild changes nothing.
        let before = (told(&memory.ledger), vouched(&memory.ledger));
        let rebuilt = memory.rebuilt();
        prop_assert_eq!((told(&rebuilt.ledger), vouched(&rebuilt.ledger)), before);
    }

    #[test]
    fn whatever_was_seen_a_rebuild_changes_no_row_and_the_order_leaves_no_trace(
        spans in proptest::collection::vec((0_usize..60, 1_usize..60), 1..6)
    ) {
        let blocks = blocks(LOGWATCH);
        let copy = |&(from, n): &(usize, usize)| blocks[from.min(blocks.len() - 1)..(from + n).min(blocks.len())].concat();
        let of = |spans: &mut dyn Iterator<Item = &(usize, usize)>| {
            let mut memory = Memory::new();
            for span in spans {
                memory.add(Kind::Logwatch, copy(span).as_bytes());
                memory.any_night();
            }
            memory.after_night(end())
        };
        let there = of(&mut spans.iter());
        let back = of(&mut spans.iter().rev().chain(&spans));
        prop_assert_eq!(differences(&told(&there.ledger), &told(&back.ledger)), Vec::<String>::new());
        let before = told(&there.ledger);
        prop_assert_eq!(told(&there.rebuilt().ledger), before);
    }

    /// Nothing is shared where the copies join: their order is their time.
    #[test]
    fn copies_that_share_no_line_give_the_rows_of_the_whole(
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 1..4), order in any::<u64>()
    ) {
        let blocks = blocks(LOGWATCH);
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(blocks.len())).chain([0, blocks.len()]).collect();
        at.sort_unstable();
        let mut copies: Vec<String> = at.windows(2).map(|two| blocks[two[0]..two[1]].concat()).collect();
        let n = copies.len();
        copies.rotate_left(usize::try_from(order % 7).unwrap() % n);
        if order % 2 == 0 {
            copies.reverse();
        }
        let mut memory = Memory::new();
        for copy in &copies {
            memory.add(Kind::Logwatch, copy.as_bytes());
            memory.any_night();
        }
        let memory = memory.after_night(end());
        let whole = Memory::new().with(Kind::Logwatch, LOGWATCH).after_night(end());
        prop_assert_eq!(differences(&told(&memory.ledger), &told(&whole.ledger)), Vec::<String>::new());
    }

    /// A copy that grew, and older ones of it, cut anywhere: known is what the longest says.
    #[test]
    fn copies_that_grew_and_older_ones_in_any_order_are_the_last_one(ends in proptest::collection::vec(1_usize..LOGWATCH.len(), 1..5)) {
        let whole = whole();
        let mut memory = Memory::new().with(Kind::DebugLog, DEBUG_LOG);
        for (index, end) in ends.iter().enumerate() {
            memory.add(Kind::Logwatch, &LOGWATCH.as_bytes()[..*end]);
            memory.any_night();
            if index == ends.len() / 2 {
                memory.add(Kind::Logwatch, LOGWATCH.as_bytes());
                memory.any_night();
            }
        }
        let memory = memory.after_night(end());
        prop_assert_eq!(differences(&told(&memory.ledger), &told(&whole.ledger)), Vec::<String>::new());
    }
}

/// A logwatch in short: `9:00 1.5:51000* OUT anna@PC-1` is a block with the connection of 10.0.1.5, bytes in flight.
pub(super) fn short_log(blocks: &[&str]) -> String {
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

pub(super) fn at(clock: &str) -> DateTime<Utc> {
    format!("2021-12-08T{clock}:00+01:00").parse().unwrap()
}

/// Nights that each bring a copy, as of the newest moment by then; the last as of `now`.
fn after_nights(copies: &[&str], kind: Kind, now: DateTime<Utc>) -> Memory {
    let mut memory = Memory::new();
    for copy in copies {
        memory.add(kind, copy.as_bytes());
        memory.any_night();
    }
    memory.after_night(now)
}

const MORNING: [&str; 3] =
    ["9:00 1.5:51000* OUT anna@PC-1", "9:30 1.5:51000 1.6:52000* OUT bob@PC-2", "10:00 1.5:51000 1.6:52000"];
const NOON: [&str; 3] = ["10:00 1.5:51000 1.6:52000", "11:00 1.6:52000 IN anna@PC-1", "12:00 1.6:52000"];
const EVENING: [&str; 2] = ["12:00 1.6:52000", "18:00 IN bob@PC-2"];

#[test]
fn a_rotated_log_goes_on_with_the_sessions_of_the_one_before() {
    let [morning, noon, evening] = [&MORNING[..], &NOON[..], &EVENING[..]].map(short_log);
    let at_noon = ["anna 09:00:00-11:00:00 closed", "bob 09:30:00-12:00:00 open"];
    let at_night = ["anna 09:00:00-11:00:00 closed", "bob 09:30:00-18:00:00 closed"];
    let nights = |copies: &[&str], now: &str| after_nights(copies, Kind::Logwatch, at(now));
    assert_eq!(nights(&[&morning, &noon], "12:00").short(), at_noon);
    assert_eq!(nights(&[&noon, &morning], "12:00").short(), at_noon);
    for copies in [[&morning, &noon, &evening], [&evening, &noon, &morning], [&noon, &evening, &morning]] {
        assert_eq!(nights(&copies.map(String::as_str), "18:00").short(), at_night);
    }
    // Alone, it knows them from its own beginning on.
    assert_eq!(nights(&[&evening], "18:00").short(), ["bob 12:00:00-18:00:00 closed"]);
    let held = nights(&[&morning, &noon, &evening], "18:00").ledger;
    assert_eq!(held.holds(NaiveDate::MIN, NaiveDate::MAX, Paris).unwrap().len(), 2, "no token is counted twice");
}

#[test]
fn a_rotated_debug_log_without_any_logwatch_does_so_too() {
    let log = |lines: &str| format!("06:00:00 (d) TIMESTAMP 12/8/2021\n{lines}");
    let morning = log("09:00:00 (d) OUT: \"OriginPro\" anna@PC-1\n10:00:00 (d) chatter\n");
    let noon = "11:00:00 (d) TIMESTAMP 12/8/2021\n12:00:00 (d) IN: \"OriginPro\" anna@PC-1\n";
    for copies in [[morning.as_str(), noon], [noon, morning.as_str()]] {
        let memory = after_nights(&copies, Kind::DebugLog, at("12:00"));
        assert_eq!(memory.short(), ["anna 09:00:00-12:00:00 closed"]);
    }
}

#[test]
fn the_dead_mans_handle() {
    let [early, late] = [2, 3].map(|n| short_log(&MORNING[..n]));
    let nobody = BTreeMap::new();
    let mut memory = Memory::new().with(Kind::Logwatch, &early).after_night(at("09:30"));
    assert_eq!(memory.short()[0], "anna 09:00:00-09:30:00 open");
    memory.add(Kind::Logwatch, late.as_bytes());
    memory.night(at("10:00"), &nobody);
    assert_eq!(memory.short()[0], "anna 09:00:00-10:00:00 open");
    // Six hours unseen are not too long, one second more is.
    memory.night(at("16:00"), &nobody);
    assert_eq!(memory.short()[0], "anna 09:00:00-10:00:00 open");
    memory.night(at("16:00") + chrono::Duration::seconds(1), &nobody);
    assert_eq!(memory.short()[0], "anna 09:00:00-10:00:00 presumed");
    // An older moment does not bring it back; a later sign of life does.
    memory.add(Kind::Logwatch, early.as_bytes());
    memory.night(at("09:30"), &nobody);
    assert_eq!(memory.short()[0], "anna 09:00:00-10:00:00 presumed");
    let blocks = [&MORNING[..], &["17:00 1.5:51000"]].concat();
    memory.add(Kind::Logwatch, short_log(&blocks).as_bytes());
    memory.night(at("17:00"), &nobody);
    assert_eq!(memory.short()[0], "anna 09:00:00-17:00:00 open");
    // A rebuild next year knows no later moment than the evidence does: what was open is open.
    assert_eq!(memory.rebuilt().short()[0], "anna 09:00:00-17:00:00 open");
}

#[test]
fn a_night_derives_the_months_that_have_new_evidence_and_no_other() {
    let month = |month: u32, blocks: &[&str]| short_log(blocks).replace("2021-12-08", &format!("2021-{month:02}-08"));
    let day = ["9:00 1.5:51000* OUT anna@PC-1", "10:00 IN anna@PC-1"];
    let mut memory = Memory::new();
    let derived = |copy: &str, memory: &mut Memory| -> Vec<String> {
        memory.add(Kind::Logwatch, copy.as_bytes());
        let (settings, now) = (settings(), newest(&memory.evidence, &settings()).unwrap());
        memory.evidence.vouch(now).unwrap();
        let mut change = memory.ledger.change(&settings.licence).unwrap();
        let derivation = Derivation::new(&memory.evidence, &settings, change.dhcp_names().unwrap(), now);
        let months = update(&derivation, &mut change, &|_| ()).unwrap().months;
        change.commit().unwrap();
        months.iter().map(|month| month.first().format("%m").to_string()).collect()
    };
    assert_eq!(derived(&month(9, &day), &mut memory), ["09"]);
    assert_eq!(derived(&month(10, &day), &mut memory), ["09", "10"], "September is not the last any more");
    assert_eq!(derived(&month(12, &day), &mut memory), ["10", "12"], "nothing is handed on over November");
    assert_eq!(derived(&month(12, &day), &mut memory), [""; 0]);
    let quiet = [day[0], "9:30 1.5:51000", day[1]];
    assert_eq!(derived(&month(12, &quiet), &mut memory), ["12"]);
    assert_eq!(derived(&month(9, &quiet), &mut memory), ["09"], "October is told nothing else than before");
    let more = [&quiet[..], &["11:00 1.6:52000* OUT bob@PC-2", "12:00 IN bob@PC-2"]].concat();
    assert_eq!(derived(&month(9, &more), &mut memory), ["09", "10"], "of where bob takes his tokens");
}

#[test]
fn the_sums_are_those_of_the_rows_and_tokens() {
    let memory = whole();
    let (first, last) = (NaiveDate::MIN, NaiveDate::MAX);
    let (rows, holds) = (memory.rows(), memory.ledger.holds(first, last, Paris).unwrap());
    let used = |by| memory.ledger.used(first, last, by).unwrap();
    let seconds: i64 = rows.iter().map(|row| row.duration_s).sum();
    let token_seconds: i64 =
        holds.iter().map(|hold| (hold.end - hold.start).num_seconds() * i64::from(hold.licences)).sum();
    let begun = rows.iter().filter(|row| row.initial_start == row.start).count();
    for by in [Grouping::Day, Grouping::Month, Grouping::Weekday, Grouping::Hour, Grouping::User, Grouping::Machine] {
        let used = used(by);
        let sums = used.iter().fold((0, 0, 0), |sums, one| {
            (sums.0 + one.seconds, sums.1 + one.token_seconds.unwrap(), sums.2 + one.begun)
        });
        assert_eq!(sums, (seconds, token_seconds, i64::try_from(begun).unwrap()), "{by:?}");
    }
    assert_eq!(used(Grouping::Month)[0].days, 3);
    for used in used(Grouping::User) {
        let own = rows.iter().filter(|row| row.who.login() == used.group);
        assert_eq!(own.map(|row| row.duration_s).sum::<i64>(), used.seconds, "{}", used.group);
    }
    for (day, weekday) in used(Grouping::Day).iter().zip(used(Grouping::Weekday)) {
        assert_eq!(weekday.seconds, day.seconds, "Wednesday to Friday");
        let date: NaiveDate = day.group.parse().unwrap();
        assert_eq!(weekday.group, chrono::Datelike::weekday(&date).number_from_monday().to_string());
    }
    let hours: Vec<String> = used(Grouping::Hour).into_iter().map(|used| used.group).collect();
    assert!(hours.iter().map(|hour| hour.parse::<u8>().unwrap()).is_sorted());
    assert_eq!(used(Grouping::Month)[0].group, "2021-12");
    let by_machine: Vec<i64> = used(Grouping::Machine).iter().map(|used| used.seconds).collect();
    assert!(by_machine.is_sorted_by(|a, b| a >= b), "the most used first");
}

#[test]
fn sums_follow_names_imports_and_the_zone() {
    let ip: IpAddr = "10.0.1.5".parse().unwrap();
    let log = short_log(&["23:00 1.5:51000* OUT anna@PC-1", "23:40 IN anna@PC-1"]);
    let mut memory = Memory::new().with(Kind::Logwatch, &log);
    memory.night(at("23:50"), &BTreeMap::from([(ip, machine("DPT4", None))]));
    let (first, last) = (NaiveDate::MIN, NaiveDate::MAX);
    let used = |ledger: &Ledger, by| -> Vec<String> {
        let used = ledger.used(first, last, by).unwrap().into_iter();
        used.map(|used| format!("{} {} {:?}", used.group, used.seconds, used.token_seconds)).collect()
    };
    assert_eq!(used(&memory.ledger, Grouping::Department), ["DPT4 2400 Some(2400)"]);
    let vlan = "4".parse().unwrap();
    let of_vlan = Machine { vlan: Some(vlan), ..machine("DPT4", None) };
    memory.night(at("23:51"), &BTreeMap::from([(ip, of_vlan)]));
    let before = days(&memory.ledger);
    let mut change = memory.ledger.change("origin").unwrap();
    change.departments([(vlan, "Physics")].into_iter(), Paris).unwrap();
    change.commit().unwrap();
    let renamed = days(&memory.ledger);
    assert_stamped(&before, &renamed);
    assert_eq!(used(&memory.ledger, Grouping::Department), ["Physics 2400 Some(2400)"]);
    let history = "{'origin_name': 'bob@PC-2', 'ip': '10.0.1.6', 'departement': 'DPT1', 'connexion time': '30.0 min', \
                   'date': '2021-12-07', 'start': '2021-12-07T09:00:00+01:00', 'end': '2021-12-07T09:30:00+01:00'}\n";
    memory.ledger.take_in(&[Source::from_bytes("history", history.as_bytes())], Paris).unwrap();
    assert_eq!(used(&memory.ledger, Grouping::User), ["anna 2400 Some(2400)", "bob 1800 None"]);
    assert_stamped(&renamed, &days(&memory.ledger));
    // Another zone: other days.
    let settings = TraceSettings { timezone: chrono_tz::Asia::Tokyo, ..settings() };
    let mut change = memory.ledger.change("origin").unwrap();
    let machines = BTreeMap::new();
    let night = Night { machines: &machines, findings: &[], gaps: &[], now: at("23:52"), settings: &settings };
    change.night(&night).unwrap();
    change.commit().unwrap();
    assert_eq!(used(&memory.ledger, Grouping::Day), ["2021-12-07 1800 None", "2021-12-09 2400 Some(2400)"]);
}

pub(super) fn machine(department: &str, outlet: Option<&str>) -> Machine {
    Machine {
        hostname: Some("PC-1".to_owned()),
        department: Some(department.to_owned()),
        outlet: outlet.map(str::to_owned),
        ..Machine::default()
    }
}

/// Department and outlet of each piece of anna's, who keeps her token for days.
fn whereabouts(memory: &Memory) -> Vec<String> {
    let text = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let anna = memory.rows().into_iter().filter(|row| row.who.login() == "anna");
    anna.map(|row| format!("{} {} {}", row.date.format("%d"), text(row.machine.department), text(row.machine.outlet)))
        .collect()
}

#[test]
fn a_machine_that_moves_does_not_rewrite_what_was_and_an_outlet_learned_later_fills_an_empty_one() {
    let day = |n: i64| at("10:00") + chrono::Duration::days(n);
    let until = |n: i64| {
        let log = short_log(&["9:00 1.5:51000* OUT anna@PC-1"]);
        let last = day(n).with_timezone(&Paris).format("%F %T");
        format!("{log}{last}\nESTAB 0 0 10.20.0.20:60213 10.0.1.5:51000\n10:00:00 (d) chatter\n")
    };
    let mut memory = Memory::new();
    let mut night = |n: i64, machine: Machine| {
        memory.add(Kind::Logwatch, until(n).as_bytes());
        memory.night(day(n), &BTreeMap::from([("10.0.1.5".parse().unwrap(), machine)]));
        whereabouts(&memory)
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
fn pieces_are_unique_by_feature_initial_start_start_host_and_login() {
    let ledger = whole().ledger;
    let again = |feature: &str| {
        ledger.db.execute(
            &format!(
                "INSERT INTO piece (month, pair_id, feature_id, initial_start, start, until, cut, state, evidence, told) \
                 SELECT month, pair_id, {feature}, initial_start, start, until + 1, cut, state, evidence, told FROM piece"
            ),
            [],
        )
    };
    assert!(again("feature_id").unwrap_err().to_string().contains("UNIQUE"));
    // The same feature of two licences are two.
    ledger.db.execute_batch("INSERT INTO licence (id, name) VALUES (9, 'other')").unwrap();
    ledger.db.execute_batch("INSERT INTO feature (id, licence_id, name) VALUES (99, 9, 'OriginPro')").unwrap();
    assert!(again("99").unwrap() > 0);
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
    let ledger = whole().ledger;
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
    let statement = |search: &Search, shown: Option<&[i64]>| {
        let conditions = Conditions::of(&ledger.db, search, shown.map(<[i64]>::to_vec), Paris).unwrap().unwrap();
        Query::new(&ledger.db, &conditions).unwrap().sql
    };
    let mut statements: Vec<(String, &str)> = searches
        .into_iter()
        .flat_map(|(search, index)| {
            // Of all features, or of one.
            [None, Some(&[1][..])].map(|shown| (statement(&search, shown), index))
        })
        .collect();
    let of_month = |table: &str| {
        format!("SELECT 1 FROM {table} t JOIN feature f ON f.id = t.feature_id WHERE month = ?1 AND f.licence_id = ?2")
    };
    statements.extend([
        (query::HOLDS.to_owned(), "hold_by_start"),
        (query::HOLDS_OUT.to_owned(), "hold_by_start"),
        (query::EARLIEST.to_owned(), "piece_by_start"),
        (query::DENIALS.to_owned(), "PRIMARY KEY"),
        // What a night compares with what it derived.
        (of_month("hold"), "hold_of_month"),
        (of_month("piece"), "piece_of_month"),
        (of_month("refusal"), "refusal_of_month"),
        ("SELECT 1 FROM coverage WHERE month = ?1 AND licence_id = ?2".to_owned(), "coverage_of_month"),
        ("DELETE FROM finding WHERE month = ?1".to_owned(), "finding_of_month"),
        (
            "DELETE FROM piece WHERE pair_id = ?1 AND start >= ?2 AND start < ?3 AND told = 1".to_owned(),
            "piece_of_pair",
        ),
        (
            "DELETE FROM piece WHERE pair_id = ?1 AND start BETWEEN ?2 - 172800 AND ?3 AND until >= ?2 \
             AND month IS NULL AND told = 0"
                .to_owned(),
            "piece_of_pair",
        ),
    ]);
    for (sql, index) in statements {
        let plan = plan(&ledger, &sql);
        assert!(plan.iter().any(|step| step.contains(index)), "{sql}\n{plan:#?}");
        assert!(!plan.iter().any(|step| step.starts_with("SCAN") && !step.contains("json_each")), "{sql}\n{plan:#?}");
    }
    // People are few: all are looked at, and each one's last piece is found by the index.
    let last_uses = plan(&ledger, query::LAST_USES);
    assert!(
        last_uses.iter().any(|step| step.starts_with("SEARCH piece USING COVERING INDEX piece_of_pair")),
        "{last_uses:?}"
    );
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
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.contains(".damaged")).collect();
    names.sort();
    assert_eq!(names.len(), 2, "one beside the other: {names:?}");
}

#[test]
fn a_refusal_is_where_the_pair_sat_nearest_to_it_whatever_days_are_asked_for() {
    // Served on the 1st and the 20th, at two addresses; refused on the 2nd, the 18th, and long after. Bob is never served.
    let logwatch = "\
        2021-12-01 09:00:00\nESTAB 0 432 10.20.0.20:60213 10.20.1.5:51000\n 9:00:00 (d) OUT: \"OriginPro\" anna@PC-1\n\
        2021-12-01 10:00:00\n10:00:00 (d) IN: \"OriginPro\" anna@PC-1\n\
        2021-12-02 09:00:00\n 9:00:00 (d) DENIED: \"OriginPro\" anna@PC-1  (Licensed number of users already reached.)\n\
        2021-12-02 09:10:00\n 9:10:00 (d) DENIED: \"OriginPro\" bob@PC-2  (Licensed number of users already reached.)\n\
        2021-12-18 09:00:00\n 9:00:00 (d) DENIED: \"OriginPro\" anna@PC-1  (Licensed number of users already reached.)\n\
        2021-12-20 09:00:00\nESTAB 0 432 10.20.0.20:60213 10.20.1.6:51000\n 9:00:00 (d) OUT: \"OriginPro\" anna@PC-1\n\
        2021-12-20 10:00:00\n10:00:00 (d) IN: \"OriginPro\" anna@PC-1\n\
        2022-02-20 10:00:00\n10:00:00 (d) DENIED: \"OriginPro\" anna@PC-1  (Licensed number of users already reached.)\n";
    let mut memory = Memory::new().with(Kind::Logwatch, logwatch);
    let machine = |name: &str, department: &str| Machine {
        hostname: Some(name.to_owned()),
        department: Some(department.to_owned()),
        ..Machine::default()
    };
    let machines = [("10.20.1.5", "one", "DPT1"), ("10.20.1.6", "two", "DPT2"), ("10.20.1.7", "pc-2", "DPT3")];
    let machines: BTreeMap<IpAddr, Machine> =
        machines.map(|(ip, name, department)| (ip.parse().unwrap(), machine(name, department))).into();
    let mut change = memory.ledger.change(&settings().licence).unwrap();
    let names = machines.iter().map(|(ip, machine)| (*ip, machine.hostname.as_deref().unwrap()));
    change.note_names("2021-12-01".parse().unwrap(), names).unwrap();
    change.commit().unwrap();
    let now = "2022-02-20T10:00:00Z".parse().unwrap();
    memory.night(now, &machines);
    let mut change = memory.ledger.change(&settings().licence).unwrap();
    let asked = change.addresses("2021-12-02".parse().unwrap(), "2021-12-02".parse().unwrap(), Paris).unwrap();
    assert_eq!(asked, [("10.20.1.7".parse().unwrap(), "PC-2".to_owned())], "nobody else asks for bob's machine");
    drop(change);
    let told = |first: &str, last: &str| -> Vec<String> {
        let denials = memory.ledger.denials(first.parse().unwrap(), last.parse().unwrap(), Paris).unwrap();
        let line = |denial: &crate::model::Denial| {
            let day = denial.at.with_timezone(&Paris).format("%m-%d");
            format!("{day} {} {}", denial.who.login(), denial.machine.department.as_deref().unwrap_or("-"))
        };
        denials.iter().map(line).collect()
    };
    let all = told("2021-12-01", "2022-03-01");
    assert_eq!(all, ["12-02 anna DPT1", "12-02 bob DPT3", "12-18 anna DPT2", "02-20 anna -"]);
    for (first, last, expected) in [("2021-12-02", "2021-12-02", &all[..2]), ("2021-12-18", "2021-12-19", &all[2..3])] {
        assert_eq!(told(first, last), expected);
    }
}

#[test]
fn a_ledger_that_is_read_while_it_is_closed_is_not_waited_for_and_has_no_seal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jeton.db");
    let seal = Ledger::seal_of(&path);
    let written = |reader: Option<&rusqlite::Connection>| {
        let mut ledger = Ledger::open(&path).unwrap();
        if let Some(reader) = reader {
            // What it saw first, it sees until it is done.
            reader.execute_batch("BEGIN; SELECT count(*) FROM setting;").unwrap();
        }
        ledger.change("origin").unwrap().commit().unwrap();
        ledger.note_run(DateTime::<Utc>::MIN_UTC, false, &[]).unwrap();
    };
    written(None);
    assert!(seal.exists(), "nobody reads");
    let reader = rusqlite::Connection::open(&path).unwrap();
    written(Some(&reader));
    assert!(!seal.exists(), "what is in the log beside the file is not in its hash");
    reader.execute_batch("COMMIT").unwrap();
    written(None);
    assert!(seal.exists());
    assert!(Ledger::open(&path).is_ok());
}
