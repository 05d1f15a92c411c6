//! `jeton sessions`: search, all conditions together.

mod order;

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;

use super::arguments::{Common, Conditions, SessionsOptions};
use super::export::{Kind, Target};
use super::gathered::{Known, known};
use super::rows::{self, Cell, Format, Printing};
use super::{Exit, Stop, say};
use crate::config::{Config, TraceSettings};
use crate::ledger::Search;
use crate::model::{SessionRow, State};
use crate::pipeline::{Days, Rows, seats};
use crate::report::book::Workbook;
use crate::report::rows::{COLUMNS, cells};
use crate::report::{self, Period, ReportInput, Scope};
use crate::texts::Texts;
use crate::trace::seats::Seats;

pub(super) fn run(options: &SessionsOptions, common: &Common) -> Result<Exit, Stop> {
    let target = options.output.as_deref().map(|path| Target::of(path, &Kind::ALL)).transpose()?;
    let Known { config, rows: known, exit } = known(options.span, common)?;
    let mut found = Vec::new();
    let take = &mut |row| {
        found.push(row);
        true
    };
    let search = search(&options.conditions, &config, known.days);
    known.ledger.search(&search, config.site.timezone, take).map_err(anyhow::Error::from)?;
    order::sort(&mut found, &options.sort, options.reverse);
    if let Some(target) = target {
        write(target, &found, &options.conditions, &known, &config)?;
    }
    match (target, options.printing.format) {
        (Some(target), None) => say(&target.path.display().to_string()),
        _ => print(&found, &options.printing, known.days, config.site.language.texts())?,
    }
    Ok(exit)
}

/// The conditions as the ledger takes them. An empty text, which a script's unset variable gives, is no condition.
fn search(conditions: &Conditions, config: &Config, days: Days) -> Search {
    let some = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    Search {
        machine: some(&conditions.machine),
        login: some(&conditions.login),
        also_departments: conditions.department.as_deref().map_or(Vec::new(), |part| config.departments_like(part)),
        department: some(&conditions.department),
        ip: some(&conditions.ip),
        state: conditions.state.map(State::from),
        outlet: some(&conditions.outlet),
        information: some(&conditions.info),
        ..Search::of_days(days.first, days.last)
    }
}

fn print(found: &[SessionRow], printing: &Printing, days: Days, texts: &Texts) -> Result<(), Stop> {
    let nothing = rows::nothing_in(days);
    if printing.is_glance() {
        return printing.print(&GLANCE, &nothing, found.iter().map(at_a_glance));
    }
    printing.print(&COLUMNS, &nothing, found.iter().map(|row| row_of(row, texts)))
}

/// The columns on a terminal, where all eighteen would be a few letters wide each.
const GLANCE: [&str; 10] = ["date", "login", "host", "start", "end", "state", "ip", "department", "hostname", "outlet"];

/// The cells under [`GLANCE`]: the day is told once, and the clock is that of the site.
fn at_a_glance(row: &SessionRow) -> Vec<Cell> {
    let clock = |at: DateTime<Tz>| Cell::Text(at.format("%H:%M:%S").to_string());
    let machine = &row.machine;
    vec![
        Cell::text(&row.date),
        row.who.login().into(),
        row.who.host().into(),
        clock(row.start),
        clock(row.end),
        Cell::text(&row.state),
        row.ip.map(|ip| ip.to_string()).into(),
        machine.department.clone().into(),
        machine.hostname.clone().into(),
        machine.outlet.clone().into(),
    ]
}

fn write(
    target: Target<'_>,
    found: &[SessionRow],
    conditions: &Conditions,
    known: &Rows,
    config: &Config,
) -> Result<(), Stop> {
    let texts = config.site.language.texts();
    let rows = found.iter().map(|row| row_of(row, texts));
    match target.kind {
        Kind::Csv => target.write(|out| rows::print(out, Format::Csv, &COLUMNS, rows)),
        Kind::Json => target.write(|out| rows::print(out, Format::Json, &COLUMNS, rows)),
        Kind::Ods | Kind::Xlsx => {
            let seats = seats(&TraceSettings::from(config), &known.ledger).map_err(anyhow::Error::from)?;
            target.write_book(&workbook(found, &told(conditions, texts), (known.days, known.now), (config, &seats)))
        }
    }
}

/// Rows as a file whose name ends so, for those who found them otherwise; its type.
#[cfg(feature = "page")]
pub(crate) fn found_file(
    found: &[SessionRow],
    end: &str,
    (config, seats): (&Config, &Seats),
    (days, now): (Days, DateTime<chrono::Utc>),
    out: &mut (impl std::io::Write + std::io::Seek + Send),
) -> anyhow::Result<&'static str> {
    let texts = config.site.language.texts();
    let rows = found.iter().map(|row| row_of(row, texts));
    let book = || workbook(found, &[], (days, now), (config, seats));
    Ok(match end {
        "csv" => {
            rows::print(out, Format::Csv, &COLUMNS, rows)?;
            "text/csv; charset=utf-8"
        }
        "json" => {
            rows::print(out, Format::Json, &COLUMNS, rows)?;
            "application/json"
        }
        "ods" => {
            report::ods::write(&book(), out)?;
            "application/vnd.oasis.opendocument.spreadsheet"
        }
        _ => {
            report::xlsx::write(&book(), out)?;
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        }
    })
}

/// The workbook of a search: its rows, and what was searched.
fn workbook<'a>(
    found: &'a [SessionRow],
    told: &[(&'static str, &str)],
    (days, now): (Days, DateTime<chrono::Utc>),
    (config, seats): (&'a Config, &'a Seats),
) -> Workbook<'a> {
    let now = now.with_timezone(&config.site.timezone);
    let input = ReportInput {
        site: &config.site.name,
        language: config.site.language,
        timezone: config.site.timezone,
        seats,
        period: period(found, days, now.date_naive()),
        established: now,
        scope: Scope::Site,
        full: None,
        rows: found,
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
        template: &config.report.template,
        version: env!("CARGO_PKG_VERSION"),
    };
    report::found(&input, told)
}

/// The days that were asked for; where they have no end, those of the rows.
fn period(found: &[SessionRow], asked: Days, today: NaiveDate) -> Period {
    let days = found.iter().map(|row| row.date);
    let (first, last) = (days.clone().min().unwrap_or(today), days.max().unwrap_or(today));
    let given = |day: NaiveDate| day != Days::ALL.first && day != Days::ALL.last;
    Period::range(
        if given(asked.first) { asked.first } else { first.min(asked.last) },
        if given(asked.last) { asked.last } else { last.max(asked.first) },
    )
}

/// The conditions in words: the columns that they are about, and what was to be found there.
fn told<'a>(conditions: &'a Conditions, texts: &'a Texts) -> Vec<(&'static str, &'a str)> {
    let state = conditions.state.map(State::from).map(State::name);
    let state = state.map(|name| texts.find(&format!("state.{name}")).unwrap_or(name));
    [
        ("host", conditions.machine.as_deref()),
        ("login", conditions.login.as_deref()),
        ("department", conditions.department.as_deref()),
        ("ip", conditions.ip.as_deref()),
        ("outlet", conditions.outlet.as_deref()),
        ("information", conditions.info.as_deref()),
        ("state", state),
    ]
    .into_iter()
    .filter_map(|(column, text)| Some((column, text?.trim())))
    .filter(|(_, text)| !text.is_empty())
    .collect()
}

/// The stable cells; counts are numbers in JSON.
fn row_of(row: &SessionRow, texts: &Texts) -> Vec<Cell> {
    COLUMNS
        .iter()
        .zip(cells(row, texts))
        .map(|(column, text)| match (*column, text.parse::<i64>()) {
            ("duration_s" | "vlan", Ok(number)) => Cell::Integer(number),
            _ if text.is_empty() => Cell::Empty,
            _ => Cell::Text(text),
        })
        .collect()
}
