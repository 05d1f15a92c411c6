//! jeton against hundreds of simulated laboratories whose truth is known: invariants that hold whatever the logs say, and
//! floors under what is found out. The truth is looked at after the analysis only.

#[path = "../benches/simulator/mod.rs"]
mod simulator;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Duration, NaiveDate};
use jeton::derivation::{Derivation, update};
use jeton::evidence::Evidence;
use jeton::ledger::Ledger;
use jeton::model::State;
use jeton::pipeline::newest;
use jeton::trace::refusals::{episodes, refusals};
use jeton::trace::replay::Replay;
use jeton::trace::seats::Seats;
use jeton::trace::{Analysis, days};

use simulator::random::Random;
use simulator::score::Score;
use simulator::{DateStyle, Laboratory, study};

/// Small laboratories of every kind, by lot.
fn any(seed: u64) -> Laboratory {
    let mut random = Random::new(seed ^ 0x5eed);
    let starts = ["2021-12-06", "2021-10-30", "2022-03-26", "2021-12-31", "2024-02-28"];
    let share = |random: &mut Random, most: f64| if random.chance(0.5) { 0.0 } else { most * random.unit() };
    Laboratory {
        seed,
        start: random.pick(&starts).parse().expect("a date"),
        days: *random.pick(&[1, 2, 3]),
        days_before: *random.pick(&[0, 1, 2]),
        users: 1 + random.index(12),
        zeal: 0.5 + 2.0 * random.unit(),
        seats: 1 + random.index(20),
        bursts: share(&mut random, 0.5),
        drained: share(&mut random, 1.0),
        garbled: share(&mut random, 0.02),
        idle_per_day: share(&mut random, 30.0),
        lingering: share(&mut random, 0.3),
        silent: share(&mut random, 0.4),
        ghosts: share(&mut random, 0.2),
        restarts_per_day: share(&mut random, 2.0),
        overwritten: random.chance(0.5),
        shared: share(&mut random, 1.0),
        vpn: share(&mut random, 0.5),
        movers: share(&mut random, 0.5),
        dates: *random.pick(&DateStyle::ALL),
        debug_log: random.chance(0.5),
        log_lost: share(&mut random, 0.5),
        lmstat: random.chance(0.5),
        truncated: random.chance(0.3),
        second_feature: share(&mut random, 0.5),
        sharing: random.chance(0.3),
        cut_list: random.chance(0.3),
        ..Laboratory::default()
    }
}

/// What must hold of every analysis, right or wrong.
fn check(analysis: &Analysis, lab: &Laboratory, what: &str) {
    let mut last = BTreeMap::new();
    for session in &analysis.sessions {
        let who = &session.who;
        assert!(session.start <= session.end, "{what}: {who} ends before it begins: {session:?}");
        let pieces = session.pieces(lab.zone);
        let total: i64 = pieces.iter().map(jeton::trace::Piece::seconds).sum();
        assert_eq!(total, (session.end - session.start).num_seconds(), "{what}: {who} {pieces:?}");
        assert!(pieces.windows(2).all(|two| two[0].end == two[1].start && two[0].cut), "{what}: {who} {pieces:?}");
        // One pair has one session of a feature at a time, and two that touch are one.
        if let Some(end) = last.insert((who, &session.feature), (session.end, session.state)) {
            assert!(session.start > end.0 + Duration::seconds(1), "{what}: {who} {end:?} and then {session:?}");
            assert!(end.1 != State::Open, "{what}: {who} began again before its session ended");
        }
    }
    let holds_within_sessions = analysis.holds.iter().all(|hold| {
        analysis
            .sessions
            .iter()
            .any(|s| (&s.who, &s.feature) == (&hold.who, &hold.feature) && s.start <= hold.start && hold.end <= s.end)
    });
    assert!(holds_within_sessions, "{what}: a token outside all sessions of its pair");
    check_days(analysis, lab, what);
    assert!(analysis.tokens.is_sorted_by_key(|token| token.at), "{what}: tokens are not in order");
    assert!(analysis.tokens.iter().all(|t| t.verdict.is_some() == (t.kind.name() == "denied")), "{what}");
}

fn check_days(analysis: &Analysis, lab: &Laboratory, what: &str) {
    let user_days = days::addresses(&analysis.holds, lab.zone);
    let mut days: BTreeMap<(NaiveDate, _), Vec<_>> = BTreeMap::new();
    for row in &user_days {
        days.entry((row.date, (row.who.clone(), row.feature.clone()))).or_default().push(row);
    }
    for (day, rows) in &days {
        let addresses: BTreeSet<_> = rows.iter().map(|row| row.ip).collect();
        assert_eq!(addresses.len(), rows.len(), "{what}: an address twice on {day:?}");
        assert!(rows.len() == 1 || !addresses.contains(&None), "{what}: no address beside one on {day:?}");
        let n_tokens = rows[0].n_for + rows[0].n_against;
        assert!(rows.iter().all(|row| row.n_for + row.n_against == n_tokens), "{what}: {rows:?}");
        assert!(rows.iter().all(|row| row.ip.is_none() == (row.n_for == 0)), "{what}: {rows:?}");
        assert!(rows.iter().map(|row| row.n_for).sum::<u32>() <= n_tokens, "{what}: {rows:?}");
    }
    for hold in &analysis.holds {
        let date = hold.start.with_timezone(&lab.zone).date_naive();
        assert!(
            days.contains_key(&(date, (hold.who.clone(), hold.feature.clone()))),
            "{what}: no row of {} on {date}",
            hold.who
        );
    }
}

fn check_any(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let lab = any(seed);
        let (_, recorded, analysis) = study::study(&lab).expect("memory takes every byte");
        let what = format!("{lab:?}");
        check(&analysis, &lab, &what);
        let score = Score::of(&analysis, &recorded.truth, &lab);
        // However much is lost, most is known.
        let judged = lab.days_before == 0 && recorded.truth.sessions.len() >= 8;
        assert!(!judged || score.sessions_f1() > 0.4, "{what}: {:?}", score.mistakes);
    }
}

// Several tests, as each has a thread of its own.
#[test]
fn invariants_hold_in_any_laboratory() {
    check_any(0..100);
}

#[test]
fn invariants_hold_in_any_other_laboratory() {
    check_any(100..200);
}

#[test]
fn mangled_logs_neither_panic_nor_break_an_invariant() {
    for seed in 0..80 {
        let lab = Laboratory { days: 1, users: 6, ..any(seed) };
        let (mut logwatch, recorded, _) = study::study(&lab).expect("memory takes every byte");
        let mut debug_log = recorded.debug_log.unwrap_or_default();
        let mut random = Random::new(seed);
        for text in [&mut logwatch, &mut debug_log] {
            for _ in 0..random.index(40).min(text.len()) {
                let at = random.index(text.len());
                match random.index(4) {
                    0 => text[at] = random.next().to_le_bytes()[0],
                    1 => text[at] = b'\n',
                    2 => drop(text.remove(at)),
                    _ => {
                        let end = (at + random.index(200)).min(text.len());
                        let again = text[at..end].to_vec();
                        text.splice(at..at, again);
                    }
                }
            }
            let end = text.len() - random.index(text.len() / 2 + 1);
            text.truncate(end);
        }
        let evidence = study::evidence(&logwatch[..], Some(&debug_log), recorded.lmstat.as_deref(), &lab);
        // A log that begins with the signature of a document is none.
        let Ok(evidence) = evidence else { continue };
        check(&study::analyse(&evidence, &lab).expect("memory can be read"), &lab, &format!("{lab:?}"));
    }
}

#[test]
fn the_spelling_of_dates_changes_nothing() {
    for seed in 0..6 {
        // Over the autumn night, in which the zone alone tells the hours apart.
        let start = NaiveDate::from_ymd_opt(2021, 10, 29).expect("a date");
        let of = |dates| {
            let lab = Laboratory { seed, start, days: 3, users: 8, debug_log: false, dates, ..Laboratory::default() };
            study::study(&lab).expect("memory takes every byte").2
        };
        let french = of(DateStyle::French);
        for style in DateStyle::ALL {
            let other = of(style);
            assert_eq!((&french.sessions, &french.holds), (&other.sessions, &other.holds), "seed {seed} {style:?}");
        }
    }
}

/// The sum of the scores of laboratories that differ in their seed alone.
fn score(laboratories: u64, lab: &Laboratory) -> Score {
    let mut sum = Score::default();
    for seed in 0..laboratories {
        let lab = Laboratory { seed, ..lab.clone() };
        let (_, recorded, analysis) = study::study(&lab).expect("memory takes every byte");
        sum += Score::of(&analysis, &recorded.truth, &lab);
    }
    sum
}

fn small() -> Laboratory {
    Laboratory { days: 3, users: 15, seats: 12, ..Laboratory::default() }
}

/// (users, sessions, expired, hours), in thousandths: at least, at least, at least, at most.
fn assert_floor(what: &str, score: &Score, (users, sessions, expired, hours): (u32, u32, u32, u32)) {
    let share = |thousandths: u32| f64::from(thousandths) / 1000.0;
    let found = [score.users_share(), score.sessions_f1(), score.expired_f1()];
    let first = &score.mistakes[..score.mistakes.len().min(10)];
    let least = [users, sessions, expired].map(share);
    assert!(found.iter().zip(least).all(|(found, least)| *found >= least), "{what}: {found:?}, {first:#?}");
    assert!(score.hours_error() <= share(hours) + 1e-9, "{what}: hours {}, {first:#?}", score.hours_error());
    assert!(score.denials_f1() >= 0.999, "{what}: denials {:?}, {first:#?}", score.denials);
}

#[test]
fn with_a_debug_log_every_user_and_nearly_every_session_is_right() {
    for (what, lab, floor) in [
        ("everything kept", small(), (1000, 1000, 1000, 0)),
        ("lost lines", Laboratory { bursts: 0.2, ..small() }, (1000, 998, 970, 1)),
        ("acknowledged at once", Laboratory { drained: 0.9, ..small() }, (996, 998, 990, 1)),
        ("idle connections", Laboratory { idle_per_day: 20.0, lingering: 0.05, ..small() }, (1000, 998, 985, 1)),
        ("garbled lines", Laboratory { garbled: 0.02, ..small() }, (990, 1000, 985, 0)),
        ("a debug log that lost lines", Laboratory { log_lost: 0.3, ..small() }, (1000, 997, 985, 2)),
        ("nobody watches for hours", Laboratory { unwatched_per_day: 1.0, ..small() }, (995, 1000, 970, 0)),
        ("the daemon dies", Laboratory { deaths_per_day: 1.0, ..small() }, (1000, 1000, 985, 0)),
        ("orderly restarts", Laboratory { restarts_per_day: 1.0, orderly: 1.0, ..small() }, (1000, 1000, 985, 0)),
        ("another vendor's daemon", Laboratory { strangers_per_day: 5.0, ..small() }, (1000, 1000, 985, 0)),
        ("a queue", Laboratory { seats: 4, queued: 0.7, ..small() }, (1000, 998, 970, 2)),
        ("windows over one connection", Laboratory { reused: 0.5, ..small() }, (998, 995, 985, 10)),
        ("ports taken again", Laboratory { same_port: 0.5, ..small() }, (995, 998, 970, 2)),
    ] {
        assert_floor(what, &score(12, &lab), floor);
    }
}

#[test]
fn without_a_debug_log_the_connections_make_up_for_much_of_what_is_lost() {
    let without = || Laboratory { debug_log: false, ..small() };
    for (what, lab, floor) in [
        ("everything kept", without(), (1000, 1000, 1000, 0)),
        ("lost lines", Laboratory { bursts: 0.2, ..without() }, (1000, 975, 975, 25)),
        ("restarts", Laboratory { restarts_per_day: 0.5, ..without() }, (1000, 998, 990, 5)),
        ("garbled lines", Laboratory { garbled: 0.005, ..without() }, (1000, 990, 985, 10)),
        ("no lmstat", Laboratory { lmstat: false, bursts: 0.1, ..without() }, (1000, 978, 985, 12)),
        ("orderly restarts", Laboratory { restarts_per_day: 1.0, orderly: 1.0, ..without() }, (1000, 1000, 985, 0)),
        ("another vendor's daemon", Laboratory { strangers_per_day: 5.0, ..without() }, (1000, 995, 985, 2)),
        ("windows over one connection", Laboratory { reused: 0.5, ..without() }, (998, 985, 970, 20)),
    ] {
        assert_floor(what, &score(12, &lab), floor);
    }
}

/// Over the end of a month, and of a year.
const ENDS: [&str; 3] = ["2021-10-30", "2021-11-29", "2021-12-30"];

#[test]
fn a_session_over_the_end_of_a_month_is_whole() {
    for start in ENDS {
        let lab = Laboratory { start: start.parse().expect("a date"), days: 4, ..small() };
        for (what, lab, floor) in [
            ("everything kept", lab.clone(), (1000, 1000, 1000, 0)),
            ("no debug log", Laboratory { debug_log: false, ..lab.clone() }, (1000, 1000, 1000, 0)),
            ("lost lines", Laboratory { bursts: 0.2, ..lab.clone() }, (1000, 998, 970, 1)),
        ] {
            assert_floor(&format!("{what}, over the end of a month from {start}"), &score(8, &lab), floor);
        }
    }
}

#[test]
fn what_is_derived_month_by_month_is_what_is_derived_at_once() {
    for (seed, start) in (0..8).flat_map(|seed| ENDS.map(|start| (seed, start))) {
        let start = start.parse().expect("a date");
        let lab = Laboratory { seed, start, days: 4, debug_log: false, lmstat: false, bursts: 0.2, ..small() };
        let (logwatch, _, by_month) = study::study(&lab).expect("memory takes every byte");
        let at_once = study::stream(&logwatch[..], &lab).expect("memory can be read");
        assert_eq!(by_month.sessions, at_once.sessions, "{lab:?}");
        assert_eq!((by_month.holds, by_month.denials), (at_once.holds, at_once.denials), "{lab:?}");
    }
}

/// Evidence and the ledger of it.
struct Memory<'a> {
    lab: &'a Laboratory,
    evidence: Evidence,
    ledger: Ledger,
}

impl<'a> Memory<'a> {
    fn new(lab: &'a Laboratory) -> Self {
        Self { lab, evidence: Evidence::in_memory(), ledger: Ledger::in_memory().expect("memory") }
    }

    fn add(&mut self, logwatch: &[u8], debug_log: &[u8]) {
        // A copy can be of no byte yet.
        let _ = self.evidence.add_logwatch("logwatch", logwatch);
        let _ = self.evidence.add_debug_log("debug.log", debug_log, self.lab.zone);
    }

    fn night(&mut self) {
        let settings = study::settings(self.lab);
        let Some(now) = newest(&self.evidence, &settings) else { return };
        self.evidence.vouch(now).expect("memory");
        let mut change = self.ledger.change(&settings.licence).expect("memory");
        let names = change.dhcp_names().expect("memory");
        let as_of = self.evidence.as_of().expect("was just said");
        update(&Derivation::new(&self.evidence, &settings, names, as_of), &mut change, &|_| ()).expect("memory");
        change.commit().expect("memory");
    }

    /// All that is known, a line each.
    fn told(&self) -> Vec<String> {
        let (first, last, zone) = (NaiveDate::MIN, NaiveDate::MAX, self.lab.zone);
        let rows = self.ledger.rows(first, last, zone).expect("memory").into_iter().map(|row| format!("{row:?}"));
        let holds = self.ledger.holds(first, last, zone).expect("memory").into_iter().map(|hold| format!("{hold:?}"));
        let denials = self.ledger.denials(first, last, zone).expect("memory").into_iter().map(|one| format!("{one:?}"));
        let coverage =
            self.ledger.coverage(first, last, zone).expect("memory").into_iter().map(|one| format!("{one:?}"));
        let findings = self.ledger.findings(first, last).expect("memory").into_iter().map(|one| format!("{one:?}"));
        let mut findings: Vec<String> = findings.collect();
        findings.sort();
        rows.chain(holds).chain(denials).chain(coverage).chain(findings).collect()
    }
}

fn check_nights(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let mut random = Random::new(seed ^ 0x0a11);
        let start = random.pick(&["2021-10-30", "2021-11-28", "2021-12-31", "2022-02-27"]).parse().expect("a date");
        let lab = Laboratory { start, days: 4, days_before: 1, ..any(seed) };
        let mut logwatch = Vec::new();
        let recorded = lab.run(&mut logwatch).expect("memory takes every byte");
        let (debug_log, lmstat) = (recorded.debug_log.unwrap_or_default(), recorded.lmstat.unwrap_or_default());
        let mut whole = Memory::new(&lab);
        whole.add(&logwatch, &debug_log);
        let _ = whole.evidence.add_lmstat(lmstat.as_bytes());
        whole.night();
        // Copies that grew, cut anywhere, in their order or in any other; behind some of them the night was killed.
        let mut shares: Vec<f64> = (0..6).map(|_| random.unit()).chain([1.0]).collect();
        shares.sort_by(f64::total_cmp);
        if random.chance(0.5) {
            for at in (1..shares.len()).rev() {
                shares.swap(at, random.index(at + 1));
            }
        }
        let mut nights = Memory::new(&lab);
        for share in shares {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
            let part = |log: &[u8]| (log.len() as f64 * share) as usize;
            nights.add(&logwatch[..part(&logwatch)], &debug_log[..part(&debug_log)]);
            if random.chance(0.7) {
                nights.night();
            }
        }
        let _ = nights.evidence.add_lmstat(lmstat.as_bytes());
        nights.night();
        let (nights_told, whole_told) = (nights.told(), whole.told());
        let only = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|line| !those.contains(line)).take(5).cloned().collect()
        };
        let differing = (only(&nights_told, &whole_told), only(&whole_told, &nights_told));
        assert!(
            nights_told == whole_told,
            "{lab:?}: nights alone know {:#?}, one night alone {:#?}",
            differing.0,
            differing.1
        );
        // Made anew of the same evidence, it is the same.
        let mut rebuilt = Memory { ledger: Ledger::in_memory().expect("memory"), ..nights };
        rebuilt.night();
        assert!(rebuilt.told() == whole_told, "{lab:?}: a rebuild changed a row");
    }
}

#[test]
fn nights_that_bring_a_log_in_parts_are_one_night_over_the_whole() {
    check_nights(0..25);
}

#[test]
fn nights_that_bring_any_other_log_in_parts_are_so_too() {
    check_nights(25..50);
}

/// The refused occasions of laboratories with so many tokens, and what playing each again says of other numbers.
fn refused(seats: usize, seeds: std::ops::Range<u64>, others: &[u32]) -> (usize, Vec<usize>) {
    let mut own = 0;
    let mut replayed = vec![0; others.len()];
    for seed in seeds {
        let lab = Laboratory { seed, users: 60, seats, days: 14, ..Laboratory::default() };
        let (_, _, analysis) = study::study(&lab).expect("memory takes every byte");
        let refusals = refusals(&analysis.denials, &analysis.holds);
        own += episodes(&refusals).len();
        let ends = [chrono::DateTime::<chrono::Utc>::MIN_UTC, chrono::DateTime::<chrono::Utc>::MAX_UTC];
        let replay = Replay::new(&analysis.holds, &refusals, &Seats::default(), ends[0], ends[1]);
        for (sum, tokens) in replayed.iter_mut().zip(others) {
            *sum += replay.with(*tokens).episodes;
        }
    }
    (own, replayed)
}

#[test]
fn a_replay_tells_how_many_would_be_refused_with_other_tokens() {
    const SEEDS: std::ops::Range<u64> = 0..20;
    let numbers = [19_u32, 20, 21];
    let (_, replayed) = refused(20, SEEDS, &numbers);
    for (tokens, replayed) in numbers.iter().zip(replayed) {
        let (simulated, _) = refused(*tokens as usize, SEEDS, &[]);
        let ratio = replayed as f64 / simulated as f64;
        // Laboratories that are simulated anew draw other lots: of 80, not 20, it is 0.97 to 1.05.
        assert!((0.85..1.15).contains(&ratio), "{tokens} tokens: {simulated} refused, {replayed} replayed");
    }
}
