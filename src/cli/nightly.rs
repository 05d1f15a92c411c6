//! `jeton nightly`.

use std::collections::BTreeSet;

use super::arguments::{Common, NightlyOptions};
use super::progress::Line;
use super::{Exit, Stop, complain, configured, messages, say};
use crate::finding::Severity;
use crate::pipeline::{self, Days, Summary};

pub(super) fn run(options: &NightlyOptions, common: &Common) -> Result<Exit, Stop> {
    let (config, remote) = configured(common)?;
    if let Some((since, date)) = backwards(options) {
        return Err(Stop::Usage(format!("error: `--since {since}` is after `--date {date}`")));
    }
    let span = |now: chrono::DateTime<chrono::Utc>| {
        let today = now.with_timezone(&config.site.timezone).date_naive();
        Days { first: options.since.map_or(chrono::NaiveDate::MIN, |day| day.on(today)), last: options.date.on(today) }
    };
    let line = Line::new();
    let summary = pipeline::nightly(&config, remote.as_ref(), span, &|step| line.show(step))?;
    drop(line);
    complain(&messages::findings(&summary.findings, &summary.gaps, common.verbose));
    say(&told(&summary));
    Ok(if summary.gaps.is_empty() { Exit::Complete } else { Exit::Gaps })
}

/// Two dates that are the wrong way round.
fn backwards(options: &NightlyOptions) -> Option<(chrono::NaiveDate, chrono::NaiveDate)> {
    use super::arguments::Day::On;
    match (options.since, options.date) {
        (Some(On(since)), On(date)) if since > date => Some((since, date)),
        _ => None,
    }
}

/// The summary: days, sessions, users, departments, gaps, files.
fn told(summary: &Summary) -> String {
    let rows = &summary.rows;
    let sessions: BTreeSet<_> = rows.iter().map(|row| (&row.who, row.initial_start)).collect();
    let users: BTreeSet<_> = rows.iter().map(|row| row.who.login()).collect();
    let departments: BTreeSet<_> = rows.iter().filter_map(|row| row.machine.department.as_deref()).collect();
    let warnings = summary.findings.iter().filter(|finding| finding.kind.severity() >= Severity::Warning).count();
    let notes = summary.findings.len() - warnings;
    let files: Vec<String> = summary.published.files.iter().map(|file| format!("  {}", file.display())).collect();
    format!(
        "days: {} to {}\nsessions: {}\nusers: {}\ndepartments: {}\ngaps: {}\nfindings: {warnings} to check, {notes} notes\n\
         files: {}\n{}",
        summary.days.first,
        summary.days.last,
        sessions.len(),
        users.len(),
        departments.len(),
        summary.gaps.len(),
        files.len(),
        files.join("\n"),
    )
}
