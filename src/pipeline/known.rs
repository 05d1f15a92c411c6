//! What commands that write nothing know: the ledger, or the inputs at hand where no night has made one yet.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::{Days, Listener, Material, Memory, gather};
use crate::config::Config;
use crate::finding::{Finding, Gap};
use crate::ledger::{Ledger, LedgerError};
use crate::model::{Denial, Hold, SessionRow};
use crate::network::Remote;
use crate::report::Period;
use crate::source::Source;

/// Everything that is known, to be asked.
#[derive(Debug)]
pub struct Rows {
    /// What is known.
    pub ledger: Ledger,
    /// Where it comes from.
    pub whence: Whence,
    /// The days that were asked for.
    pub days: Days,
    /// The moment that it is known at.
    pub now: DateTime<Utc>,
}

/// Where rows come from.
#[derive(Debug)]
pub enum Whence {
    /// From the nights that the ledger remembers.
    Ledger,
    /// From the inputs at hand, as no night has been yet.
    Inputs {
        /// What looks wrong in them.
        findings: Vec<Finding>,
        /// The sources that could not be had.
        gaps: Vec<Gap>,
        /// The day on which the traces begin.
        first: Option<NaiveDate>,
    },
}

/// What is known for the days that `span` names: from the ledger; before the first night, from the inputs at hand, of which
/// nothing is kept. `remote` is asked for only then.
pub fn rows(
    config: &Config,
    remote: impl FnOnce() -> anyhow::Result<Box<dyn Remote>>,
    span: impl FnOnce(DateTime<Utc>) -> anyhow::Result<Days>,
    listener: Listener<'_>,
) -> anyhow::Result<Rows> {
    let kept = Ledger::open_to_read(&Memory::path(config))?;
    if let Some(ledger) = kept {
        if let Some(latest) = ledger.latest()? {
            let now = if config.replay.is_some() { latest } else { Utc::now() };
            return Ok(Rows { days: span(now)?, ledger, whence: Whence::Ledger, now });
        }
        let mut rows = at_hand(config, remote()?.as_ref(), span, listener)?;
        let told = Source::from_bytes("ledger", ledger.told_text()?.as_bytes());
        rows.ledger.take_in(&[told], config.site.timezone)?;
        return Ok(rows);
    }
    at_hand(config, remote()?.as_ref(), span, listener)
}

/// What the inputs at hand say for the days that `span` names. Nothing is kept of it.
pub fn at_hand(
    config: &Config,
    remote: &dyn Remote,
    span: impl FnOnce(DateTime<Utc>) -> anyhow::Result<Days>,
    listener: Listener<'_>,
) -> anyhow::Result<Rows> {
    let mut days = Days::ALL;
    let wanted = |now| {
        days = span(now)?;
        Ok(days)
    };
    let gathered = gather(config, remote, None, wanted, listener)?;
    let mut ledger = Ledger::in_memory()?;
    ledger.record(&gathered.night())?;
    let whence = Whence::Inputs { findings: gathered.findings, gaps: gathered.gaps, first: gathered.first };
    Ok(Rows { ledger, whence, days, now: gathered.now })
}

/// What a period's reports need of the ledger: its days, and those of the period before, to compare with.
#[derive(Debug)]
pub struct Known {
    rows: Vec<SessionRow>,
    holds: Vec<Hold>,
    denials: Vec<Denial>,
    findings: Vec<Finding>,
}

impl Known {
    /// Of a period and the one before it.
    pub fn of(ledger: &Ledger, period: Period, zone: Tz) -> Result<Self, LedgerError> {
        let (first, last) = (period.previous().first(), period.last());
        Ok(Self {
            rows: ledger.rows(first, last, zone)?,
            holds: ledger.holds(first, last, zone)?,
            denials: ledger.denials(first, last, zone)?,
            findings: ledger.findings(first, last)?,
        })
    }

    /// What reports are made of.
    pub fn material<'a>(&'a self, gaps: &'a [Gap], now: DateTime<Utc>) -> Material<'a> {
        Material { rows: &self.rows, holds: &self.holds, denials: &self.denials, findings: &self.findings, gaps, now }
    }

    /// Whether there is any use in the period.
    pub fn is_empty(&self, period: Period) -> bool {
        !self.rows.iter().any(|row| (period.first()..=period.last()).contains(&row.date))
    }
}
