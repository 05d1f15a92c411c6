//! `jeton nightly`.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::arguments::{Common, NightlyOptions};
use super::progress::Line;
use super::{Exit, Stop, complain, configured, messages, say};
use crate::finding::Severity;
use crate::pipeline::{self, Days, Plan, Summary};
use crate::report::Period;

pub(super) fn run(options: &NightlyOptions, common: &Common) -> Result<Exit, Stop> {
    let (mut config, remote) = configured(common)?;
    if options.no_push {
        config.origin.history = None;
    }
    let span = |now: chrono::DateTime<chrono::Utc>| {
        let today = now.with_timezone(&config.site.timezone).date_naive();
        Ok(options.days(today)?)
    };
    if options.dry_run {
        let now = |latest: Option<chrono::DateTime<chrono::Utc>>| {
            let replayed = || remote.recorded_now().or(latest);
            if remote.is_live() { None } else { replayed() }.unwrap_or_else(chrono::Utc::now)
        };
        say(&planned(&pipeline::plan(&config, span, now)?));
        return Ok(Exit::Complete);
    }
    let line = Line::new();
    let summary = pipeline::nightly(&config, remote.as_ref(), span, &|step| line.show(step))?;
    drop(line);
    complain(&messages::findings(&summary.findings, &summary.gaps, common.voice()));
    match summary.before {
        Some(begin) => say(&before_the_traces(summary.days.last, begin)),
        None => say(&told(&summary)),
    }
    if let Some(note) = &summary.pushed.note {
        complain(&format!("note: {note}"));
    }
    Ok(if summary.gaps.is_empty() { Exit::Complete } else { Exit::Gaps })
}

/// A plan, a line a step.
fn planned(plan: &Plan) -> String {
    let days = match plan.days {
        Some(Days { first, last }) => {
            format!("{first} to {last}, and earlier ones of which the logs tell something new")
        }
        None => "all that the logs hold".to_owned(),
    };
    let steps: Vec<String> = plan.steps.iter().map(|(kind, what)| format!("{kind}: {what}")).collect();
    format!("this is a dry run: nothing is done\ndays: {days}\n{}", steps.join("\n"))
}

/// What is said of days before the traces begin.
pub(super) fn before_the_traces(last: NaiveDate, begin: NaiveDate) -> String {
    format!("nothing is known of {last} and before: the traces begin on {begin}; nothing was written")
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
    let left_alone: Vec<String> = summary.published.left_alone.iter().map(Period::part).collect();
    let left_alone = match left_alone.as_slice() {
        [] => String::new(),
        periods => format!("over, and left as they were written: {}\n", periods.join(", ")),
    };
    format!(
        "days: {} to {}\nsessions: {}\nusers: {}\ndepartments: {}\ngaps: {}\nfindings: {warnings} to check, {notes} notes\n\
         {left_alone}files: {}\n{}{}",
        summary.days.first,
        summary.days.last,
        sessions.len(),
        users.len(),
        departments.len(),
        summary.gaps.len(),
        files.len(),
        files.join("\n"),
        summary.pushed.to.as_ref().map(|to| format!("\npushed: {to}")).unwrap_or_default(),
    )
}
