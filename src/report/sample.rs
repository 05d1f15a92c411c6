//! Invented people and machines for the tests of this module.

use chrono::{DateTime, Duration, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;

use super::{Figures, MonthUse, Period, ReportInput, Scope, Template, Usage};
use crate::config::PeriodKind;
use crate::finding::{Finding, Gap, Kind, Place};
use crate::model::{Denial, Evidence, Feature, Hold, Identity, LastUse, Machine, SessionRow, State};
use crate::texts::Language;
use crate::trace::refusals::{Refusal, refusals};
use crate::trace::seats::Seats;

const ZONE: Tz = Tz::Europe__Paris;

/// The feature that all of them use.
pub(crate) fn feature() -> Feature {
    Feature::new("origin", "OriginPro")
}

/// A session of one piece in December 2021, on an unknown machine.
pub(crate) fn row(login: &str, host: &str, day: u32, hour: u32, seconds: i64) -> SessionRow {
    let start = ZONE.with_ymd_and_hms(2021, 12, day, hour, 0, 0).unwrap();
    SessionRow {
        date: start.date_naive(),
        who: Identity::new(login, host),
        feature: feature(),
        start,
        end: start + Duration::seconds(seconds),
        duration_s: seconds,
        state: State::Closed,
        initial_start: start,
        ip: None,
        evidence: Evidence::Unknown,
        machine: Machine::default(),
    }
}

fn machine(number: u8, department: &str) -> Machine {
    Machine {
        hostname: Some(format!("LABO-{number:02}")),
        mac: format!("02aa.bbcc.dd{number:02x}").parse().ok(),
        vlan: "513".parse().ok(),
        department: Some(department.to_owned()),
        switch: Some("Balard-PAC-2".to_owned()),
        port: format!("Gi1/0/{number}").parse().ok(),
        outlet: Some(format!("RJLG07-{number:02}")),
        information: Some("salle de mesures, paillasse du fond".to_owned()),
    }
}

/// Two weeks of a small department: a session over midnight, an open one, logins that look like formulas.
pub(crate) fn rows() -> Vec<SessionRow> {
    let known = |number: u8, row: SessionRow| SessionRow {
        ip: format!("10.14.18.{number}").parse().ok(),
        evidence: Evidence::Carrying,
        machine: machine(number, "DPT4"),
        ..row
    };
    let evening = known(7, row("Éloïse Martin", "LaboFixe", 13, 22, 7_200));
    let first = SessionRow { end: evening.start + Duration::seconds(7_199), ..evening.clone() };
    let second =
        SessionRow { initial_start: evening.start, ..known(7, row("Éloïse Martin", "LaboFixe", 14, 0, 1_830)) };
    let open = known(8, SessionRow { state: State::Open, ..row("camille.durand", "ZBOOK-3", 14, 9, 51_600) });
    let silent = known(9, SessionRow { state: State::Expired, ..row("=1+1", "PC-1", 10, 14, 5_400) });
    let presumed = SessionRow { state: State::Presumed, ..row("@x  y", "'x", 9, 8, 600) };
    let short =
        known(9, SessionRow { evidence: Evidence::Majority, ..row("camille.durand", "PC-1", 10, 14, 90_061 % 86_400) });
    vec![first, second, open, silent, presumed, short]
}

/// The tokens of [`rows`].
pub(crate) fn holds() -> Vec<Hold> {
    let hold = |row: SessionRow, licences| Hold {
        who: row.who,
        feature: row.feature,
        start: row.start.to_utc(),
        end: row.end.to_utc(),
        licences,
        state: row.state,
        address: row.ip.map(|ip| (ip, row.evidence)),
    };
    let mut holds: Vec<Hold> = rows().into_iter().map(|row| hold(row, 1)).collect();
    holds.push(hold(row("camille.durand", "ZBOOK-3", 14, 10, 3_600), 2));
    holds
}

/// One refusal that cost time, one that did not.
pub(crate) fn denials() -> Vec<Denial> {
    let at = |hour| -> DateTime<Utc> { ZONE.with_ymd_and_hms(2021, 12, 14, hour, 0, 0).unwrap().to_utc() };
    let denial = |hour, real| Denial {
        ip: None,
        machine: Machine::default(),
        at: at(hour),
        who: Identity::new("camille.durand", "ZBOOK-3"),
        feature: feature(),
        real,
    };
    vec![denial(11, true), denial(12, false)]
}

/// What a [`ReportInput`] borrows from.
pub(crate) struct Data {
    pub(crate) rows: Vec<SessionRow>,
    holds: Vec<Hold>,
    denials: Vec<Denial>,
    refusals: Vec<Refusal>,
    findings: Vec<Finding>,
    gaps: Vec<Gap>,
    seats: Seats,
    departments: Vec<(Option<&'static str>, Figures)>,
    months: Vec<(NaiveDate, MonthUse)>,
    unused: Vec<LastUse>,
}

impl Data {
    pub(crate) fn new() -> Self {
        let log = "logwatch".into();
        let findings = vec![
            Finding::unreadable(Place::line(&log, 418), "14:00:20 (orglab) OUT: \"Origi"),
            Finding::new(Kind::TruncatedFile, Place::whole("logwatch"), "14:00:20"),
        ];
        let gaps =
            vec![Gap::new("Balard-4D-1", "connection timed out"), Gap::new("tftp.example", "connection refused")];
        let (rows, holds, denials) = (rows(), holds(), denials());
        let period = Period::of(PeriodKind::Month, "2021-12-14".parse().unwrap());
        let usage = Usage { rows: &rows[..5], holds: &holds, denials: &denials, ..Usage::default() };
        let seats = Seats::always(20);
        let own = Figures::of(usage, &seats, period, ZONE);
        let rest = Figures::of(Usage { rows: &rows[5..], ..Usage::default() }, &seats, period, ZONE);
        let departments = vec![(Some("DPT4"), own), (Some("DPT9"), Figures::default()), (None, rest)];
        let refusals = refusals(&denials, &holds);
        let month = |text: &str, hours: i64| {
            let day: NaiveDate = text.parse().unwrap();
            let used = MonthUse {
                seconds: hours * 3600,
                token_seconds: Some(hours * 3700),
                sessions: hours / 3,
                users: Some(4),
                machines: Some(5),
            };
            (day, used)
        };
        let unused = vec![LastUse {
            who: Identity::new("parti", "PC-9"),
            machine: Machine { department: Some("DPT4".to_owned()), ..Machine::default() },
            last: "2021-06-01T08:00:00Z".parse().unwrap(),
        }];
        let months = vec![month("2020-12-01", 80), month("2021-06-01", 60), month("2021-12-01", 100)];
        Self { rows, holds, denials, refusals, findings, gaps, seats, departments, months, unused }
    }

    pub(crate) fn input(&self) -> ReportInput<'_> {
        let last = "2021-12-14".parse().unwrap();
        ReportInput {
            site: "Labo",
            language: Language::French,
            timezone: ZONE,
            seats: &self.seats,
            period: Period::of(PeriodKind::Month, last).until(last),
            established: ZONE.with_ymd_and_hms(2021, 12, 15, 0, 15, 0).unwrap(),
            scope: Scope::Department("DPT4"),
            full: None,
            rows: &self.rows,
            holds: &self.holds,
            denials: &self.denials,
            refusals: &self.refusals,
            known: None,
            findings: &self.findings,
            gaps: &self.gaps,
            kept: None,
            first_named: None,
            first_kept: None,
            previous: None,
            begins: None,
            departments: &self.departments,
            months: &self.months,
            unused: &self.unused,
            working: None,
            token_price: Some(350),
            template: Template::built_in(),
            version: "0.1.0",
        }
    }
}
