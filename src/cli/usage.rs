//! `jeton usage`: how much was used, by day, month, department, user and so on.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use clap::ValueEnum;

use super::arguments::{Common, UsageOptions};
use super::rows::{self, Cell};
use super::traced::{Traced, traced};
use super::{Exit, Stop};
use crate::ledger::{Grouping, LedgerError, Used};
use crate::parse::datetime::start_of_day;
use crate::pipeline::Wanted;

/// Behind the column that rows are grouped by.
const FIGURES: [&str; 7] = ["use_s", "token_s", "sessions_begun", "users", "machines", "days", "known_s"];

pub(super) fn run(options: &UsageOptions, common: &Common) -> Result<Exit, Stop> {
    let traced = traced(&options.traces, Wanted::Machines, common)?;
    let rows = rows_of(&traced, options.by).map_err(anyhow::Error::from)?;
    let name = options.by.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let columns: Vec<&str> = std::iter::once(name.as_str()).chain(FIGURES).collect();
    options.traces.printing.print(&columns, &rows::nothing_in(traced.days), rows.into_iter())?;
    Ok(traced.exit)
}

fn rows_of(traced: &Traced, by: Grouping) -> Result<Vec<Vec<Cell>>, LedgerError> {
    let (ledger, days) = (&traced.ledger, traced.days);
    let used = ledger.used(days.first, days.last, by)?;
    if !matches!(by, Grouping::Day | Grouping::Month) {
        return Ok(used.iter().map(|used| row(used, Cell::Empty)).collect());
    }
    // A quiet day has a row with zeros, a day of which nothing is known one without figures.
    let mut known = known_seconds(traced, by)?;
    let mut rows: BTreeMap<String, Vec<Cell>> = BTreeMap::new();
    for used in &used {
        let known_s = known.remove(&used.group);
        rows.insert(used.group.clone(), row(used, known_s.into()));
    }
    for (group, known_s) in known {
        let figure = |figure: i64| if known_s > 0 { figure.into() } else { Cell::Empty };
        let figures = (0..FIGURES.len() - 1).map(|_| figure(0));
        let row = std::iter::once(Cell::text(&group)).chain(figures).chain([known_s.into()]).collect();
        rows.insert(group, row);
    }
    Ok(rows.into_values().collect())
}

/// The seconds of each day or month that some source vouches for.
fn known_seconds(traced: &Traced, by: Grouping) -> Result<BTreeMap<String, i64>, LedgerError> {
    let (days, zone) = (traced.days, traced.settings.timezone);
    let known = traced.ledger.once_known(days.first, days.last, zone)?;
    let mut seconds: BTreeMap<String, i64> = BTreeMap::new();
    let Some((from, until)) = known.span else { return Ok(seconds) };
    let mut day: NaiveDate = from.with_timezone(&zone).date_naive().max(days.first);
    while let Some(next) = day.succ_opt().filter(|_| day <= days.last) {
        let (begin, end) = (start_of_day(day, zone), start_of_day(next, zone));
        if begin >= until {
            break;
        }
        let group = if by == Grouping::Day { day.to_string() } else { day.format("%Y-%m").to_string() };
        *seconds.entry(group).or_default() += known.seconds(begin, end);
        day = next;
    }
    Ok(seconds)
}

fn row(used: &Used, known_s: Cell) -> Vec<Cell> {
    vec![
        Cell::text(&used.group),
        used.seconds.into(),
        used.token_seconds.into(),
        used.begun.into(),
        used.users.into(),
        used.machines.into(),
        used.days.into(),
        known_s,
    ]
}
