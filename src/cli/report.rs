//! `jeton report`: the workbooks of a period.

use super::arguments::{Common, ReportOptions};
use super::gathered::told;
use super::nightly::before_the_traces;
use super::progress::Line;
use super::{Exit, Stop, complain, configured_to_read, messages, say};
use crate::config::Config;
use crate::pipeline::{self, Days, Known, Published, Wanted, Whence, publish_reports};

pub(super) fn run(options: &ReportOptions, common: &Common) -> Result<Exit, Stop> {
    let config = configured_to_read(common)?;
    let department = options.department.as_deref().map(|name| known_department(&config, name)).transpose()?;
    let kind = options.period.map_or(config.report.period, Into::into);
    let mut period = None;
    let line = Line::new();
    let _lock = pipeline::prepare_output(&config, &|step| line.show(step))?;
    let span = |now: chrono::DateTime<chrono::Utc>| {
        let today = now.with_timezone(&config.site.timezone).date_naive();
        let asked = options.period(kind, today)?;
        period = Some(asked);
        Ok(Days { first: asked.previous().first(), last: asked.last() })
    };
    let rows = pipeline::rows(&config, || pipeline::remote(&config), span, Wanted::Machines, &|step| line.show(step))?;
    let period = period.ok_or_else(|| anyhow::anyhow!("no period was asked for"))?;
    let known = Known::of(&rows.ledger, period, &config, rows.now).map_err(anyhow::Error::from)?;
    let (missing, first) = match &rows.whence {
        Whence::Ledger => {
            let first = rows.ledger.first_day(config.site.timezone).map_err(anyhow::Error::from)?;
            (rows.ledger.gaps().map_err(anyhow::Error::from)?, first)
        }
        Whence::Inputs { gaps, first, .. } => (gaps.clone(), *first),
    };
    let before = first.filter(|first| period.last() < *first && known.is_empty(period));
    let published = match before {
        Some(_) => Published::default(),
        None => publish_reports(&config, &known.material(&missing, rows.now), period, department),
    };
    drop(line);
    let exit = told(&rows.whence, common);
    let files: Vec<String> = published.files.iter().map(|file| file.display().to_string()).collect();
    complain(&messages::findings(&[], &published.failures, common.voice()));
    say(&match before {
        Some(begin) => before_the_traces(period.last(), begin),
        None if files.is_empty() => "no use in this period: no workbook was written".to_owned(),
        None => files.join("\n"),
    });
    Ok(if published.failures.is_empty() { exit } else { Exit::Gaps })
}

/// The department of that name, case and accents aside, or of that old name; the error lists those that there are.
fn known_department<'a>(config: &'a Config, name: &str) -> Result<&'a str, Stop> {
    config.department_called(name).ok_or_else(|| {
        let known = config.department_names().iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        Stop::Usage(format!("error: unknown department `{name}`\nhint: expected one of {known}"))
    })
}
