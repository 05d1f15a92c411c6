//! Which days a night tells, and which workbooks that makes.

use chrono::NaiveDate;

use super::Asked;
use crate::config::{Config, HistoryFormat};
use crate::ledger::{Ledger, LedgerError};
use crate::model::SessionRow;
use crate::report::Period;

/// The days to be told: those that were asked for, and those before of which the ledger has learned.
#[derive(Debug)]
pub(super) struct Due {
    /// All of them, in their order.
    pub(super) days: Vec<NaiveDate>,
    /// The first of those that were asked for.
    pub(super) first: NaiveDate,
    last: NaiveDate,
}

impl Due {
    /// What is due by the last day that is asked for.
    pub(super) fn of(ledger: &Ledger, asked: Asked) -> Result<Self, LedgerError> {
        let mut days = ledger.unpublished(asked.last)?;
        // The day of the last night was not over then.
        let since = asked.since.or(ledger.last_night()?).or(days.first().copied());
        let first = since.map_or(asked.last, |since| since.min(asked.last));
        days.extend(first.iter_days().take_while(|day| *day <= asked.last));
        days.sort_unstable();
        days.dedup();
        Ok(Self { days, first, last: asked.last })
    }

    /// The rows that the history is told. Lines that bear no date are told apart by counting days: that takes all of them.
    pub(super) fn history_rows(&self, ledger: &Ledger, config: &Config) -> Result<Vec<SessionRow>, LedgerError> {
        let zone = config.site.timezone;
        if config.output.history_format != HistoryFormat::Record {
            return ledger.seen_rows(NaiveDate::MIN, self.last, zone);
        }
        let follow = |a: &NaiveDate, b: &NaiveDate| a.succ_opt() == Some(*b);
        let mut rows = Vec::new();
        for run in self.days.chunk_by(follow) {
            if let [first, .., last] | [first @ last] = run {
                rows.extend(ledger.seen_rows(*first, *last, zone)?);
            }
        }
        Ok(rows)
    }

    /// The periods of the days, the last one up to the last day.
    pub(super) fn periods(&self, config: &Config) -> Vec<Period> {
        let mut periods: Vec<Period> = Vec::new();
        for day in &self.days {
            if periods.last().is_none_or(|period| period.last() < *day) {
                let whole = Period::of(config.report.period, *day);
                periods.push(whole.until(self.last.min(whole.last())));
            }
        }
        periods
    }
}
