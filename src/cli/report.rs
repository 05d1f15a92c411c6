//! `jeton report`: the workbooks of a period.

use std::collections::BTreeSet;

use super::arguments::{Common, ReportOptions};
use super::nightly::before_the_traces;
use super::progress::Line;
use super::{Exit, Stop, complain, configured, messages, say};
use crate::config::Config;
use crate::pipeline::{self, Days, gather, publish_reports};

pub(super) fn run(options: &ReportOptions, common: &Common) -> Result<Exit, Stop> {
    let (config, remote) = configured(common)?;
    let department = options.department.as_deref().map(|name| known_department(&config, name)).transpose()?;
    let kind = options.period.map_or(config.report.period, Into::into);
    let mut period = None;
    let line = Line::new();
    let _lock = pipeline::prepare_output(&config, &|step| line.show(step))?;
    let span = |now: chrono::DateTime<chrono::Utc>| {
        let today = now.with_timezone(&config.site.timezone).date_naive();
        let asked = options.period(kind, today)?;
        period = Some(asked);
        // What it is compared with, too.
        Ok(Days { first: asked.previous().first(), last: asked.last() })
    };
    let gathered = gather(&config, remote.as_ref(), span, &|step| line.show(step))?;
    let published = period
        .filter(|_| gathered.before.is_none())
        .map(|period| publish_reports(&config, &gathered.material(), period, department))
        .unwrap_or_default();
    drop(line);
    let gaps: Vec<_> = gathered.gaps.iter().chain(&published.failures).cloned().collect();
    let files: Vec<String> = published.files.iter().map(|file| file.display().to_string()).collect();
    let findings = period.map_or_else(Vec::new, |period| gathered.material().concerning(period));
    complain(&messages::findings(&findings, &gaps, common.verbose));
    say(&match (gathered.before, period) {
        (Some(begin), Some(period)) => before_the_traces(period.last(), begin),
        _ if files.is_empty() => "no use in this period: no workbook was written".to_owned(),
        _ => files.join("\n"),
    });
    Ok(if gaps.is_empty() { Exit::Complete } else { Exit::Gaps })
}

/// The department of that name; the error lists those that there are.
fn known_department<'a>(config: &'a Config, name: &str) -> Result<&'a str, Stop> {
    let known: BTreeSet<&str> = config.vlans.iter().map(|vlan| vlan.department.as_str()).collect();
    known.iter().copied().find(|known| *known == name).ok_or_else(|| {
        let known = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        Stop::Usage(format!("error: unknown department `{name}`\nhint: expected one of {known}"))
    })
}
