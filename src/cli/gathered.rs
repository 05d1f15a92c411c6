//! What the commands share that need the sessions: of the ledger, or of the inputs at hand.

use chrono::{DateTime, NaiveDate, Utc};

use super::arguments::{Common, SpanOptions};
use super::days::WrongDays;
use super::progress::Line;
use super::{Exit, Stop, complain, configured_to_read, messages};
use crate::config::Config;
use crate::pipeline::{self, Days, Rows, Wanted, Whence};

/// The sessions of a span of days with their machines, after what looks wrong has been told.
pub(super) struct Known {
    pub(super) config: Config,
    pub(super) rows: Rows,
    pub(super) exit: Exit,
}

/// Finds what is known of these days.
pub(super) fn known(span: SpanOptions, common: &Common) -> Result<Known, Stop> {
    known_of(|today| span.days(today), Wanted::Machines, common)
}

/// Finds what is known of the days that `span` names once today is known.
pub(super) fn known_of(
    span: impl Fn(NaiveDate) -> Result<Days, WrongDays>,
    wanted: Wanted,
    common: &Common,
) -> Result<Known, Stop> {
    let config = configured_to_read(common)?;
    let days = |now: DateTime<Utc>| Ok(span(now.with_timezone(&config.site.timezone).date_naive())?);
    // Whoever records wants hosts to be asked, or to be told why they cannot be.
    let mut recorder = match &common.record {
        Some(_) => Some(super::recorded(pipeline::remote(&config)?, common)?),
        None => None,
    };
    let remote = || recorder.take().map_or_else(|| pipeline::remote(&config), Ok);
    let line = Line::new();
    let rows = pipeline::rows(&config, remote, days, wanted, &|step| line.show(step))?;
    drop(line);
    let exit = told(&rows.whence, common);
    Ok(Known { config, rows, exit })
}

/// Says what is wrong with the inputs, where they were read; the night has said what it found.
pub(super) fn told(whence: &Whence, common: &Common) -> Exit {
    match whence {
        Whence::Ledger => Exit::Complete,
        Whence::Inputs { findings, gaps, .. } => {
            complain(&messages::findings(findings, gaps, common.voice()));
            if gaps.is_empty() { Exit::Complete } else { Exit::Gaps }
        }
    }
}
