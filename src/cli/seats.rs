//! `jeton seats`: how many tokens were out at once, hour by hour.

use super::arguments::{Common, TraceOptions};
use super::gathered::{Known, known_of};
use super::rows::{self, Cell};
use super::traced::analyse;
use super::{Exit, Stop};
use crate::pipeline::Days;
use crate::trace::seats::{SeatHour, hours};

const COLUMNS: [&str; 7] = ["date", "hour", "peak", "mean", "at_limit_s", "denied_true", "denied_false"];

pub(super) fn run(options: &TraceOptions, common: &Common) -> Result<Exit, Stop> {
    let (hours, days, exit) = match (&options.logwatch, &options.debug_log) {
        (None, None) => of_all(options, common)?,
        _ => of_files(options, common)?,
    };
    let wanted = hours.iter().filter(|hour| days.contains(hour.date)).map(row);
    rows::print(&mut std::io::stdout().lock(), options.format, &COLUMNS, wanted)?;
    Ok(exit)
}

/// Of what is known.
fn of_all(options: &TraceOptions, common: &Common) -> Result<(Vec<SeatHour>, Days, Exit), Stop> {
    let Known { config, rows, exit } = known_of(|today| options.days(today), common)?;
    let (Days { first, last }, zone) = (rows.days, config.site.timezone);
    let holds = rows.ledger.holds(first, last, zone).map_err(anyhow::Error::from)?;
    let denials = rows.ledger.denials(first, last, zone).map_err(anyhow::Error::from)?;
    Ok((hours(&holds, &denials, config.origin.seats, zone), rows.days, exit))
}

/// Of the files that the options name, and of nothing else.
fn of_files(options: &TraceOptions, common: &Common) -> Result<(Vec<SeatHour>, Days, Exit), Stop> {
    let analysed = analyse(options, common)?;
    let (analysis, settings) = (&analysed.analysis, &analysed.settings);
    let hours = hours(&analysis.holds, &analysis.denials, settings.seats, settings.timezone);
    Ok((hours, analysed.days, analysed.exit))
}

fn row(hour: &SeatHour) -> Vec<Cell> {
    vec![
        Cell::text(&hour.date),
        hour.hour.into(),
        hour.peak.into(),
        // Three decimals: a token's seconds in an hour.
        ((hour.mean * 1000.0).round() / 1000.0).into(),
        hour.at_limit_s.into(),
        hour.denied_true.into(),
        hour.denied_false.into(),
    ]
}
