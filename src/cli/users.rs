//! `jeton users`: who used which address each day, and on what evidence.

use super::arguments::{Common, TraceOptions};
use super::rows::{self, Cell};
use super::traced::analyse;
use super::{Exit, Stop};
use crate::trace::UserDay;

const COLUMNS: [&str; 7] = ["date", "login", "host", "ip", "evidence", "for", "against"];

pub(super) fn run(options: &TraceOptions, common: &Common) -> Result<Exit, Stop> {
    let analysed = analyse(options, common)?;
    let wanted = analysed.analysis.days.iter().filter(|day| analysed.days.contains(day.date));
    rows::print(&mut std::io::stdout().lock(), options.format, &COLUMNS, wanted.map(row))?;
    Ok(analysed.exit)
}

fn row(day: &UserDay) -> Vec<Cell> {
    vec![
        Cell::text(&day.date),
        day.who.login().into(),
        day.who.host().into(),
        day.ip.map(|ip| ip.to_string()).into(),
        day.evidence.name().into(),
        day.n_for.into(),
        day.n_against.into(),
    ]
}
