//! `jeton refusals`: who was refused a token, where they sat, and how long they waited.

use chrono::{Days as CalendarDays, NaiveDate, SecondsFormat};

use super::arguments::{Common, TraceOptions};
use super::rows::{self, Cell};
use super::traced::traced;
use super::{Exit, Stop};
use crate::pipeline::Wanted;
use crate::trace::refusals::refusals;

const COLUMNS: [&str; 11] =
    ["at", "login", "host", "ip", "department", "outlet", "waited_s", "holding", "episode", "licence", "feature"];

pub(super) fn run(options: &TraceOptions, common: &Common) -> Result<Exit, Stop> {
    let traced = traced(options, Wanted::Machines, common)?;
    let (days, zone, ledger) = (traced.days, traced.settings.timezone, &traced.ledger);
    // An occasion can begin before the first day, and be answered after the last.
    let first = days.first.checked_sub_days(CalendarDays::new(1)).unwrap_or(days.first);
    let last = days.last.checked_add_days(CalendarDays::new(1)).unwrap_or(days.last);
    let denials = ledger.denials(first, last, zone).map_err(anyhow::Error::from)?;
    let holds = ledger.holds(first, last, zone).map_err(anyhow::Error::from)?;
    let day = |at: chrono::DateTime<chrono::Utc>| -> NaiveDate { at.with_timezone(&zone).date_naive() };
    let found = refusals(&denials, &holds);
    let rows = found.iter().filter(|one| days.contains(day(one.denial.at))).map(|one| {
        let denial = &one.denial;
        vec![
            denial.at.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Secs, false).into(),
            denial.who.login().into(),
            denial.who.host().into(),
            denial.ip.map(|ip| ip.to_string()).into(),
            denial.machine.department.clone().into(),
            denial.machine.outlet.clone().into(),
            one.served.map(|served| (served - denial.at).num_seconds()).into(),
            one.is_holding.into(),
            i64::try_from(one.episode).unwrap_or(i64::MAX).into(),
            Cell::text(&denial.feature.licence),
            Cell::text(&denial.feature.name),
        ]
    });
    options.printing.print(&COLUMNS, &rows::nothing_in(days), rows)?;
    Ok(traced.exit)
}
