//! `jeton coverage`: the times that the logs vouch for, and those that they do not.

use chrono::SecondsFormat;

use super::arguments::{Common, TraceOptions};
use super::rows::{self, Cell};
use super::traced::traced;
use super::{Exit, Stop};
use crate::pipeline::Wanted;
use crate::trace::coverage::Hole;

const COLUMNS: [&str; 6] = ["licence", "source", "since", "until", "state", "reason"];

pub(super) fn run(options: &TraceOptions, common: &Common) -> Result<Exit, Stop> {
    let traced = traced(options, Wanted::Traces, common)?;
    let (days, zone) = (traced.days, traced.settings.timezone);
    let coverage = traced.ledger.coverage(days.first, days.last, zone).map_err(anyhow::Error::from)?;
    let rows = coverage.iter().map(|(licence, stretch)| {
        let at = |at: chrono::DateTime<chrono::Utc>| {
            Cell::Text(at.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Secs, false))
        };
        vec![
            licence.as_str().into(),
            stretch.source.name().into(),
            at(stretch.since),
            at(stretch.until),
            if stretch.hole.is_none() { "known" } else { "unknown" }.into(),
            stretch.hole.map(Hole::name).into(),
        ]
    });
    options.printing.print(&COLUMNS, &rows::nothing_in(days), rows)?;
    Ok(traced.exit)
}
