//! The logs that were read, by the time that they cover.
//!
//! A night mostly reads a log that an earlier one read already, and that has grown since. What it says stands in the place
//! of what the earlier ones said; and an older copy, read again, says nothing new. Only logs of which neither contains the
//! other are put together token by token.

use rusqlite::{Connection, Row, params};

use crate::trace::Observed;

/// A span of time in Unix seconds; `None` where there was no such log.
type Span = Option<(i64, i64)>;

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    watch: Span,
    log: Span,
    as_of: i64,
}

impl Reading {
    /// What a night read; `None` of nothing.
    pub(super) fn of(observed: &Observed) -> Option<Self> {
        let seconds =
            |(first, last): (chrono::DateTime<_>, chrono::DateTime<chrono::Utc>)| (first.timestamp(), last.timestamp());
        let as_of = observed.as_of?.timestamp();
        Some(Self { watch: observed.watched.map(seconds), log: observed.logged.map(seconds), as_of })
    }

    /// All that were read, with their numbers.
    pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<(i64, Self)>> {
        let mut found = db.prepare_cached(
            "SELECT id, watch_first, watch_last, log_first, log_last, as_of FROM reading ORDER BY id",
        )?;
        let span = |row: &Row<'_>, from: usize| {
            let (first, last): (Option<i64>, Option<i64>) = (row.get(from)?, row.get(from + 1)?);
            Ok::<_, rusqlite::Error>(first.zip(last))
        };
        let found = found.query_map([], |row| {
            Ok((row.get(0)?, Self { watch: span(row, 1)?, log: span(row, 3)?, as_of: row.get(5)? }))
        })?;
        found.collect()
    }

    /// Writes it under a number, or a new one; the number.
    pub(super) fn write(&self, db: &Connection, id: Option<i64>) -> rusqlite::Result<i64> {
        let (watch, log) = (self.watch.unzip(), self.log.unzip());
        // Rows refer to it: no REPLACE, which would take it away first.
        db.prepare_cached(
            "INSERT INTO reading (id, watch_first, watch_last, log_first, log_last, as_of) VALUES (?, ?, ?, ?, ?, ?) \
             ON CONFLICT (id) DO UPDATE SET watch_first = excluded.watch_first, watch_last = excluded.watch_last, \
             log_first = excluded.log_first, log_last = excluded.log_last, as_of = excluded.as_of",
        )?
        .execute(params![id, watch.0, watch.1, log.0, log.1, self.as_of])?;
        Ok(id.unwrap_or_else(|| db.last_insert_rowid()))
    }

    /// Whether all that another one read was read here too.
    pub(super) fn contains(&self, other: &Self) -> bool {
        let within = |outer: Span, inner: Span| match (outer, inner) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(outer), Some(inner)) => outer.0 <= inner.0 && inner.1 <= outer.1,
        };
        within(self.watch, other.watch) && within(self.log, other.log) && self.as_of >= other.as_of
    }

    /// Whether it is the same logs, read again or grown.
    pub(super) fn grows_to(&self, other: &Self) -> bool {
        let begins = |reading: &Self| (reading.watch.map(|span| span.0), reading.log.map(|span| span.0));
        other.contains(self) && begins(self) == begins(other)
    }
}
