//! `jeton nightly`.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::arguments::{Common, NightlyOptions};
use super::progress::Line;
use super::{Exit, Stop, complain, configured, messages, say};
use crate::config::Config;
use crate::finding::{Gap, Severity};
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
    let count = Count::of(&summary, &config);
    match summary.before {
        _ if options.json => say(&serde_json::to_string_pretty(&count.json(&summary)).map_err(anyhow::Error::from)?),
        Some(begin) => say(&before_the_traces(summary.days.last, begin)),
        None => say(&count.told(&summary)),
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

/// What a night came to, in figures.
struct Count {
    /// How it ended, for scripts, and in words.
    outcome: (&'static str, String),
    sessions: usize,
    users: usize,
    departments: usize,
    warnings: usize,
    notes: usize,
}

impl Count {
    fn of(summary: &Summary, config: &Config) -> Self {
        let rows = &summary.rows;
        let sessions: BTreeSet<_> = rows.iter().map(|row| (&row.who, row.initial_start)).collect();
        let users: BTreeSet<_> = rows.iter().map(|row| row.who.login()).collect();
        let departments: BTreeSet<_> = rows.iter().filter_map(|row| row.machine.department.as_deref()).collect();
        let warnings = summary.findings.iter().filter(|finding| finding.kind.severity() >= Severity::Warning).count();
        Self {
            outcome: outcome(summary, config),
            sessions: sessions.len(),
            users: users.len(),
            departments: departments.len(),
            warnings,
            notes: summary.findings.len() - warnings,
        }
    }

    /// The lines for people: how it ended, days, sessions, users, departments, gaps, files.
    fn told(&self, summary: &Summary) -> String {
        let Self { outcome: (_, outcome), sessions, users, departments, warnings, notes } = self;
        let files: Vec<String> = summary.published.files.iter().map(|file| format!("  {}", file.display())).collect();
        let left_alone: Vec<String> = summary.published.left_alone.iter().map(Period::part).collect();
        let left_alone = match left_alone.as_slice() {
            [] => String::new(),
            periods => format!("over, and left as they were written: {}\n", periods.join(", ")),
        };
        format!(
            "night: {outcome}\ndays: {} to {}\nsessions: {sessions}\nusers: {users}\ndepartments: {departments}\ngaps: {}\n\
             findings: {warnings} to check, {notes} notes\n{left_alone}files: {}\n{}{}",
            summary.days.first,
            summary.days.last,
            summary.gaps.len(),
            files.len(),
            files.join("\n"),
            summary.pushed.to.as_ref().map(|to| format!("\npushed: {to}")).unwrap_or_default(),
        )
    }

    fn json(&self, summary: &Summary) -> serde_json::Value {
        let Self { outcome: (outcome, text), sessions, users, departments, warnings, notes } = self;
        let gap = |gap: &Gap| serde_json::json!({ "source": gap.source, "reason": gap.reason });
        serde_json::json!({
            "outcome": outcome, "text": text, "first": summary.days.first, "last": summary.days.last,
            "sessions": sessions, "users": users, "departments": departments,
            "gaps": summary.gaps.iter().map(gap).collect::<Vec<_>>(), "to_check": warnings, "notes": notes,
            "files": summary.published.files, "pushed": summary.pushed.to,
        })
    }
}

/// How a night ended: what it lacks most comes first.
fn outcome(summary: &Summary, config: &Config) -> (&'static str, String) {
    let names = |gap: &&Gap| config.switches.iter().any(|switch| switch.name == gap.source);
    let dead: BTreeSet<&str> = summary.gaps.iter().filter(names).map(|gap| gap.source.as_str()).collect();
    let (n_dead, all) = (dead.len(), config.switches.len());
    let n_other = summary.gaps.iter().filter(|gap| !names(gap)).count();
    match (summary.is_stale, n_dead, n_other) {
        (true, ..) => ("stale", "the licence server could not be read: all is as it was known before".to_owned()),
        (false, 0, 0) => ("complete", "complete".to_owned()),
        (false, _, 0) => ("switches", format!("{n_dead} of {all} switches did not answer; all else is complete")),
        (false, 0, 1) => ("gaps", "complete but for 1 gap".to_owned()),
        (false, 0, _) => ("gaps", format!("complete but for {n_other} gaps")),
        (false, ..) => ("gaps", format!("{n_dead} of {all} switches did not answer; other gaps: {n_other}")),
    }
}
