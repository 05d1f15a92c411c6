//! What looked wrong: of a month, as it was derived, or of the last night.

use std::sync::Arc;

use chrono::NaiveDate;
use rusqlite::{Connection, Row, params};

use super::{Ledger, LedgerError, code};
use crate::finding::{Finding, Gap, Kind, Place};
use crate::model::Identity;

impl Ledger {
    /// What is to be said of some days: what was found in them, and what the last night said of no day in particular.
    pub fn findings(&self, first: NaiveDate, last: NaiveDate) -> Result<Vec<Finding>, LedgerError> {
        self.with(|db| {
            let mut found = db.prepare(
                "SELECT day, kind, source, sheet, cell, line, column, detail, login, host FROM finding \
                 WHERE day IS NULL OR day BETWEEN ?1 AND ?2 ORDER BY month IS NULL DESC, day, id",
            )?;
            let found = found.query_map([code::of_day(first), code::of_day(last)], finding_of)?;
            // A kind that a later jeton brought would be in a newer ledger.
            found.filter_map(Result::transpose).collect()
        })
    }

    /// The sources that the last night could not have.
    pub fn gaps(&self) -> Result<Vec<Gap>, LedgerError> {
        self.with(|db| {
            let mut found = db.prepare("SELECT source, reason FROM gap")?;
            let found = found.query_map([], |row| Ok(Gap { source: row.get(0)?, reason: row.get(1)? }))?;
            found.collect()
        })
    }
}

/// What a night found beside the logs, in the place of what the last one did.
pub(super) fn put_all(db: &Connection, findings: &[Finding], gaps: &[Gap]) -> rusqlite::Result<()> {
    db.execute("DELETE FROM finding WHERE month IS NULL AND day IS NULL", [])?;
    db.execute("DELETE FROM gap", [])?;
    findings.iter().try_for_each(|finding| put(db, finding, None))?;
    let mut insert = db.prepare("INSERT INTO gap (source, reason) VALUES (?1, ?2)")?;
    gaps.iter().try_for_each(|gap| insert.execute([&gap.source, &gap.reason]).map(drop))
}

/// Writes one, of a month or of a night.
pub(super) fn put(db: &Connection, finding: &Finding, month: Option<i64>) -> rusqlite::Result<()> {
    let (source, sheet, cell, line, column) = match &finding.place {
        Place::Line { source, line, column } => (source, None, None, Some(*line), *column),
        Place::Cell { source, sheet, cell } => (source, Some(sheet), Some(cell), None, None),
        Place::Whole(source) => (source, None, None, None, None),
    };
    let mut insert = db.prepare_cached(
        "INSERT INTO finding (month, day, kind, source, sheet, cell, line, column, detail, login, host) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    insert.execute(params![
        month,
        finding.day.map(code::of_day),
        finding.kind.name(),
        source,
        sheet,
        cell,
        line,
        column,
        finding.detail,
        finding.who.as_ref().map(Identity::login),
        finding.who.as_ref().map(Identity::host),
    ])?;
    Ok(())
}

fn finding_of(row: &Row<'_>) -> rusqlite::Result<Option<Finding>> {
    let text = |index| row.get::<_, Option<String>>(index);
    let name = text(1)?.unwrap_or_default();
    let Some(&kind) = Kind::ALL.iter().find(|kind| kind.name() == name) else { return Ok(None) };
    let source: Arc<str> = text(2)?.unwrap_or_default().into();
    let place = match (text(3)?, text(4)?, row.get(5)?) {
        (Some(sheet), Some(cell), _) => Place::Cell { source, sheet: sheet.into(), cell },
        (_, _, Some(line)) => Place::Line { source, line, column: row.get(6)? },
        _ => Place::Whole(source),
    };
    let who = text(8)?.zip(text(9)?).map(|(login, host)| Identity::new(&login, &host));
    let day = row.get::<_, Option<i64>>(0)?.map(code::day).transpose()?;
    Ok(Some(Finding { kind, place, detail: text(7)?.unwrap_or_default(), who, day }))
}
