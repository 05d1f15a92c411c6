//! `jeton seats`: how many tokens were out at once, hour by hour.

use std::collections::BTreeSet;

use super::arguments::{Common, TraceOptions};
use super::rows::{self, Cell};
use super::traced::traced;
use super::{Exit, Stop};
use crate::model::{Denial, Feature, Hold};
use crate::pipeline::Wanted;
use crate::trace::seats::{SeatHour, hours};

const COLUMNS: [&str; 11] = [
    "date",
    "hour",
    "peak",
    "mean",
    "at_limit_s",
    "denied_true",
    "denied_false",
    "known_s",
    "seats",
    "licence",
    "feature",
];

pub(super) fn run(options: &TraceOptions, common: &Common) -> Result<Exit, Stop> {
    let traced = traced(options, Wanted::Traces, common)?;
    let (days, zone) = (traced.days, traced.settings.timezone);
    let holds = traced.ledger.holds(days.first, days.last, zone).map_err(anyhow::Error::from)?;
    let denials = traced.ledger.denials(days.first, days.last, zone).map_err(anyhow::Error::from)?;
    let known = traced.ledger.known(days.first, days.last, zone).map_err(anyhow::Error::from)?;
    // Of those without any use in these days too: hours may be unknown.
    let shown = traced.ledger.shown_features().map_err(anyhow::Error::from)?;
    let used = holds.iter().map(|hold| &hold.feature).chain(denials.iter().map(|denial| &denial.feature));
    let features: BTreeSet<&Feature> = used.chain(&shown).collect();
    let mut all: Vec<(SeatHour, &Feature)> = Vec::new();
    for feature in features {
        let holds: Vec<Hold> = holds.iter().filter(|hold| hold.feature == *feature).cloned().collect();
        let denials: Vec<Denial> = denials.iter().filter(|denial| denial.feature == *feature).cloned().collect();
        let hours = hours(&holds, &denials, &traced.seats, &known, zone);
        all.extend(hours.into_iter().filter(|hour| days.contains(hour.date)).map(|hour| (hour, feature)));
    }
    all.sort_by_key(|(hour, _)| (hour.date, hour.hour));
    let rows = all.iter().map(|(hour, feature)| row(hour, feature));
    options.printing.print(&COLUMNS, &rows::nothing_in(days), rows)?;
    Ok(traced.exit)
}

fn row(hour: &SeatHour, feature: &Feature) -> Vec<Cell> {
    let figure = |cell: Cell| if hour.known_s == 0 { Cell::Empty } else { cell };
    vec![
        Cell::text(&hour.date),
        hour.hour.into(),
        figure(hour.peak.into()),
        // Three decimals: a token's seconds in an hour.
        figure(((hour.mean * 1000.0).round() / 1000.0).into()),
        figure(hour.at_limit_s.into()),
        figure(hour.denied_true.into()),
        figure(hour.denied_false.into()),
        hour.known_s.into(),
        hour.seats.into(),
        Cell::text(&feature.licence),
        Cell::text(&feature.name),
    ]
}
