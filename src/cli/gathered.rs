//! What the commands share that need the sessions at hand.

use super::arguments::{Common, SpanOptions};
use super::progress::Line;
use super::{Exit, Stop, complain, configured, messages};
use crate::config::Config;
use crate::pipeline::{self, Gathered};

/// The sessions of a span of days with their machines, after what looks wrong has been told.
pub(super) struct Known {
    pub(super) config: Config,
    pub(super) gathered: Gathered,
    pub(super) exit: Exit,
}

/// Reads, attributes and resolves what the traces hold of these days.
pub(super) fn gather(span: SpanOptions, common: &Common) -> Result<Known, Stop> {
    let (config, remote) = configured(common)?;
    let days =
        |now: chrono::DateTime<chrono::Utc>| Ok(span.days(now.with_timezone(&config.site.timezone).date_naive())?);
    let line = Line::new();
    let gathered = pipeline::gather(&config, remote.as_ref(), days, &|step| line.show(step))?;
    drop(line);
    complain(&messages::findings(&gathered.findings, &gathered.gaps, common.verbose));
    let exit = if gathered.gaps.is_empty() { Exit::Complete } else { Exit::Gaps };
    Ok(Known { config, gathered, exit })
}
