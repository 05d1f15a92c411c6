//! The last night: when it was, and what it lacked.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::record::set;
use super::{Ledger, LedgerError, query};
use crate::finding::Gap;

/// The setting that holds it, as JSON.
const RUN: &str = "run";

/// A night that reached its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When it was, by this machine's clock; of a replay, its own moment.
    pub at: DateTime<Utc>,
    /// Whether no log could be read, so that all it told was known before.
    pub is_stale: bool,
    /// What could not be had, written or pushed.
    pub lacks: Vec<Lack>,
}

/// A source that nights lack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lack {
    /// The host, or the file.
    pub source: String,
    /// The first night of those in a row that lack it.
    pub since: DateTime<Utc>,
}

/// The setting that holds the clock of the last night, as JSON.
const CLOCK: &str = "clock";

/// What a night's clock said, and the newest moment that any log named then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// This machine's clock.
    pub at: DateTime<Utc>,
    /// The logs' newest moment.
    pub newest: Option<DateTime<Utc>>,
}

impl Clock {
    /// Up to when time is known to have passed, by the night before and by one that follows it. Logs that go on say it; where
    /// they do not, the clock of the night before does.
    pub fn reaches(&self, next: &Self) -> Option<DateTime<Utc>> {
        if next.newest > self.newest { next.newest } else { Some(self.at).max(next.newest) }
    }
}

impl Ledger {
    /// The clock of the last night.
    pub fn clock(&self) -> Result<Option<Clock>, LedgerError> {
        let text = self.with(|db| query::setting(db, CLOCK))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Notes the clock of a night.
    pub fn note_clock(&self, clock: &Clock) -> Result<(), LedgerError> {
        // A struct of plain values is always JSON.
        self.with(|db| set(db, CLOCK, &serde_json::to_string(clock).unwrap_or_default()))
    }

    /// The last night; `None` before the first one.
    pub fn last_run(&self) -> Result<Option<Run>, LedgerError> {
        let text = self.with(|db| query::setting(db, RUN))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Notes that a night reached its end, and what it lacked.
    pub fn note_run(&mut self, at: DateTime<Utc>, is_stale: bool, gaps: &[Gap]) -> Result<(), LedgerError> {
        let before = self.last_run()?.map(|run| run.lacks).unwrap_or_default();
        let mut lacks: Vec<Lack> = Vec::new();
        for gap in gaps {
            if lacks.iter().all(|lack| lack.source != gap.source) {
                let known = before.iter().find(|lack| lack.source == gap.source);
                lacks.push(Lack { source: gap.source.clone(), since: known.map_or(at, |lack| lack.since) });
            }
        }
        // A struct of plain values is always JSON.
        let text = serde_json::to_string(&Run { at, is_stale, lacks }).unwrap_or_default();
        self.with(|db| set(db, RUN, &text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_has_passed_as_far_as_the_logs_say_or_as_two_nights_do() {
        let at = |day: &str| format!("{day}T02:00:00Z").parse::<DateTime<Utc>>().unwrap();
        let clock = |now: &str, newest: &str| Clock { at: at(now), newest: Some(at(newest)) };
        let before = clock("2026-11-26", "2026-11-25");
        assert_eq!(before.reaches(&clock("2026-11-27", "2026-11-26")), Some(at("2026-11-26")));
        assert_eq!(before.reaches(&clock("2031-11-27", "2026-11-26")), Some(at("2026-11-26")), "the logs know better");
        assert_eq!(before.reaches(&clock("2026-11-27", "2026-11-25")), Some(at("2026-11-26")), "the server is silent");
        let ahead = clock("2031-11-27", "2026-11-25");
        assert_eq!(ahead.reaches(&clock("2031-11-28", "2026-11-25")), Some(at("2031-11-27")), "two nights say so");
        assert_eq!(ahead.reaches(&clock("2031-11-28", "2026-11-27")), Some(at("2026-11-27")), "the logs go on");
    }
}
