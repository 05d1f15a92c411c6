//! Invented pieces of sessions, as many as are asked for.

use std::path::Path;

use chrono::{Duration, TimeZone};
use chrono_tz::Tz;
use jeton::config::PeriodKind;
use jeton::model::{Evidence, Feature, Identity, Machine, SessionRow, State};
use jeton::report::template::SheetKind;
use jeton::report::{Period, ReportInput, Scope, Template, rows};
use jeton::texts::Language;
use jeton::trace::seats::Seats;

const ZONE: Tz = Tz::Europe__Paris;
const USERS: usize = 300;
const MACHINES: usize = 250;

/// A year of them, in the order of time.
pub(super) fn pieces(count: usize) -> Vec<SessionRow> {
    let machines: Vec<Machine> = (0..MACHINES).map(machine).collect();
    (0..count).map(|number| piece(number, count, &machines)).collect()
}

fn piece(number: usize, count: usize, machines: &[Machine]) -> SessionRow {
    // Steps without a common divisor: every user is on many machines.
    let (user, machine) = (number * 7 % USERS, number * 11 % MACHINES);
    let day = i64::try_from(number * 365 / count).unwrap_or(0);
    let seconds = i64::try_from(60 + number * 7_919 % 20_000).unwrap_or(60);
    let noon = ZONE.with_ymd_and_hms(2021, 1, 1, 8, 0, 0).unwrap() + Duration::days(day);
    let start = noon + Duration::seconds(i64::try_from(number * 31 % 28_000).unwrap_or(0));
    SessionRow {
        date: start.date_naive(),
        who: Identity::new(&format!("prenom.nom{user}"), &format!("POSTE-{machine:03}")),
        feature: Feature::new("origin", "OriginPro"),
        start,
        end: start + Duration::seconds(seconds),
        duration_s: seconds,
        state: State::ALL[number % State::ALL.len()],
        initial_start: start,
        ip: format!("10.14.{}.{}", 16 + machine / 100, 1 + machine % 100).parse().ok(),
        evidence: Evidence::ALL[number % 5],
        machine: machines[machine].clone(),
    }
}

fn machine(number: usize) -> Machine {
    Machine {
        hostname: Some(format!("LABO-{number:03}")),
        mac: format!("02aa.bbcc.{number:04x}").parse().ok(),
        vlan: (510 + number % 6).to_string().parse().ok(),
        department: Some(format!("DPT{}", 1 + number % 6)),
        switch: Some(format!("Balard-{}", number % 12)),
        port: format!("Gi1/0/{}", 1 + number % 48).parse().ok(),
        outlet: Some(format!("RJLG{:02}-{:02}", number % 20, number % 48)),
        information: None,
    }
}

/// A description of a workbook that has no sheet but *Sessions*.
pub(super) fn sessions_alone() -> Template {
    let mut template = Template::built_in().clone();
    template.sheets.retain(|sheet| sheet.kind == SheetKind::Sessions);
    template
}

/// What a workbook of them is made of.
pub(super) fn input<'a>(rows: &'a [SessionRow], seats: &'a Seats, template: &'a Template) -> ReportInput<'a> {
    let last = chrono::NaiveDate::from_ymd_opt(2021, 12, 31).unwrap_or_default();
    ReportInput {
        site: "Labo",
        language: Language::French,
        timezone: ZONE,
        seats,
        period: Period::of(PeriodKind::Year, last),
        established: ZONE.with_ymd_and_hms(2022, 1, 1, 0, 15, 0).unwrap(),
        scope: Scope::Department("DPT1"),
        full: None,
        rows,
        holds: &[],
        denials: &[],
        refusals: &[],
        known: None,
        findings: &[],
        gaps: &[],
        kept: None,
        first_named: None,
        first_kept: None,
        previous: None,
        begins: None,
        departments: &[],
        months: &[],
        unused: &[],
        working: None,
        token_price: None,
        template,
        version: "0",
    }
}

/// The same as CSV, for others to read.
pub(super) fn write_csv(count: usize, path: &Path) {
    let mut out = csv::Writer::from_path(path).expect("a file");
    out.write_record(rows::COLUMNS).expect("room for the file");
    for row in pieces(count) {
        out.write_record(rows::cells(&row, Language::French.texts())).expect("room for the file");
    }
    out.flush().expect("room for the file");
}
