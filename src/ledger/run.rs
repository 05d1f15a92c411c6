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

impl Ledger {
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
