//! `jeton sessions`: search, all conditions together.

use super::arguments::{Common, SessionsOptions};
use super::gathered::{Known, known};
use super::rows::{self, Cell};
use super::{Exit, Stop};
use crate::ledger::Search;
use crate::model::{SessionRow, State};
use crate::pipeline::Days;
use crate::report::rows::{COLUMNS, cells};
use crate::texts::Texts;

pub(super) fn run(options: &SessionsOptions, common: &Common) -> Result<Exit, Stop> {
    let Known { config, rows: known, exit } = known(options.span, common)?;
    let texts = config.site.language.texts();
    let mut found = Vec::new();
    let search = search(options, known.days);
    known
        .ledger
        .search(&search, config.site.timezone, &mut |row| {
            found.push(row);
            true
        })
        .map_err(anyhow::Error::from)?;
    let rows = found.iter().map(|row| row_of(row, texts));
    rows::print(&mut std::io::stdout().lock(), options.format, &COLUMNS, rows)?;
    Ok(exit)
}

fn search(options: &SessionsOptions, days: Days) -> Search {
    Search {
        machine: options.machine.clone(),
        login: options.login.clone(),
        department: options.department.clone(),
        ip: options.ip.clone(),
        state: options.state.map(State::from),
        outlet: options.outlet.clone(),
        information: options.info.clone(),
        ..Search::of_days(days.first, days.last)
    }
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
