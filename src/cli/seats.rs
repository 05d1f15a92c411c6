//! `jeton seats`: how many tokens were out at once, hour by hour.

use super::arguments::{Common, TraceOptions};
use super::rows::{self, Cell};
use super::traced::analyse;
use super::{Exit, Stop};
use crate::trace::seats::{SeatHour, hours};

const COLUMNS: [&str; 7] = ["date", "hour", "peak", "mean", "at_limit_s", "denied_true", "denied_false"];

pub(super) fn run(options: &TraceOptions, common: &Common) -> Result<Exit, Stop> {
    let analysed = analyse(options, common)?;
    let (analysis, settings) = (&analysed.analysis, &analysed.settings);
    let hours = hours(&analysis.holds, &analysis.denials, settings.seats, settings.timezone);
    let wanted = hours.iter().filter(|hour| analysed.days.contains(hour.date)).map(row);
    rows::print(&mut std::io::stdout().lock(), options.format, &COLUMNS, wanted)?;
    Ok(analysed.exit)
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
