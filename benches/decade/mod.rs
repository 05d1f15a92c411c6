//! The memory of a hundred people over years, for the benchmarks of what is asked of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{Duration as Took, Instant};

use chrono::{Datelike, Days, NaiveDate, NaiveTime};

use jeton::config::TraceSettings;
use jeton::derivation::{Derivation, update};
use jeton::evidence::Evidence;
use jeton::ledger::{Ledger, Night};
use jeton::model::Machine;
use jeton::pipeline::newest;

use crate::simulator::{PORT, SERVER};

pub(crate) const PEOPLE: u32 = 100;
/// Tokens that each takes on a working day, one after the other: a session each.
pub(crate) const TOKENS: u32 = 4;

pub(crate) fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2012, 1, 1).expect("a day")
}

/// Evidence and the ledger of it, in a folder.
pub(crate) struct Memory {
    pub(crate) evidence: Evidence,
    pub(crate) ledger: Ledger,
    pub(crate) settings: TraceSettings,
}

impl Memory {
    pub(crate) fn open(evidence: &Path, folder: &Path, settings: TraceSettings) -> Self {
        let evidence = Evidence::open(evidence).expect("a folder");
        Self { evidence, ledger: Ledger::open(&folder.join("jeton.db")).expect("a ledger"), settings }
    }

    /// Adds a copy of the logwatch; how long it took.
    pub(crate) fn add(&mut self, copy: impl std::io::Read) -> Took {
        let began = Instant::now();
        self.evidence.add_logwatch("logwatch", copy).expect("room for the evidence");
        began.elapsed()
    }

    /// Derives what is new, and records it with what the network says; how long it took, and how many months were derived.
    pub(crate) fn derive(&mut self, machines: &BTreeMap<IpAddr, Machine>) -> (Took, usize) {
        let began = Instant::now();
        let now = newest(&self.evidence, &self.settings).expect("a night reads something");
        self.evidence.vouch(now).expect("room for the evidence");
        let mut change = self.ledger.change(&self.settings.licence).expect("a sound ledger");
        let names = change.dhcp_names().expect("a sound ledger");
        let derivation = Derivation::new(&self.evidence, &self.settings, names, now);
        let updated = update(&derivation, &mut change, &|_| ()).expect("room for the ledger");
        let night = Night { machines, findings: &[], gaps: &[], now, settings: &self.settings };
        change.night(&night).expect("room for the ledger");
        change.commit().expect("room for the ledger");
        (began.elapsed(), updated.months.len())
    }
}

pub(crate) fn ip(person: u32) -> IpAddr {
    Ipv4Addr::from(0x0a0e_1000 + person * 7 % 1024).into()
}

/// The logwatch of some days: a block as each token is taken and as it is given back, each with all connections that there are.
pub(crate) fn log_of(first: NaiveDate, last: NaiveDate) -> String {
    let mut log = String::new();
    for day in first.iter_days().take_while(|day| *day <= last).filter(|day| day.weekday().number_from_monday() < 6) {
        let mut lines = Vec::new();
        for person in 0..PEOPLE {
            for token in 0..TOKENS {
                let start = 28_800 + token * 8_000 + person * 61 + day.day() * 7;
                let end = start + 600 + (person * 37 + token * 911 + day.ordinal() * 7) % 3_600;
                lines.extend([(start, person, token, true), (end, person, token, false)]);
            }
        }
        lines.sort_unstable();
        let mut connected: BTreeMap<u32, u32> = BTreeMap::new();
        for (second, person, token, is_out) in lines {
            let clock = NaiveTime::from_num_seconds_from_midnight_opt(second, 0).unwrap_or_default();
            let _ = writeln!(log, "{day} {clock}");
            if is_out {
                connected.insert(person, token);
            }
            for (other, token) in &connected {
                let bytes = if is_out && *other == person { 432 } else { 0 };
                let _ = writeln!(log, "ESTAB 0 {bytes} {SERVER}:{PORT} {}:{}", ip(*other), 40_000 + token);
            }
            if !is_out {
                connected.remove(&person);
            }
            let (kind, room) = (if is_out { "OUT" } else { "IN" }, person % 9);
            let _ = writeln!(
                log,
                "{clock} (orglab) {kind}: \"OriginPro\" personne{person:03}@salle-{room:03}-pc-{person:03}  "
            );
        }
    }
    log
}

pub(crate) fn machines() -> BTreeMap<IpAddr, Machine> {
    let machine = |person: u32| Machine {
        hostname: Some(format!("CHIMIE-{person:03}")),
        department: Some(format!("DPT{}", person % 5 + 1)),
        outlet: Some(format!("RJ{}-{person:03}", person % 7)),
        information: Some(if person.is_multiple_of(3) { "Linux, thèse" } else { "Windows" }.to_owned()),
        ..Machine::default()
    };
    (0..PEOPLE).map(|person| (ip(person), machine(person))).collect()
}

pub(crate) fn months(n: u32) -> impl Iterator<Item = (NaiveDate, NaiveDate)> {
    (0..n).map(|month| {
        let first = first_day() + chrono::Months::new(month);
        (first, first + chrono::Months::new(1) - Days::new(1))
    })
}

pub(crate) fn last_working_day(mut day: NaiveDate) -> NaiveDate {
    while day.weekday().number_from_monday() > 5 {
        day = day - Days::new(1);
    }
    day
}
