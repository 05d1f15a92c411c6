//! What looked wrong: of a month, as it was derived, or of the last night.

use std::cmp::Reverse;
use std::collections::HashMap;
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

    /// The worst of them, at most so many, those of one severity by their days; and how many there are.
    pub fn worst_findings(
        &self,
        first: NaiveDate,
        last: NaiveDate,
        most: usize,
    ) -> Result<(Vec<Finding>, usize), LedgerError> {
        self.with(|db| {
            let tx = db.unchecked_transaction()?;
            let (first, last) = (code::of_day(first), code::of_day(last));
            let mut counts = tx.prepare_cached(COUNTS)?;
            let counts: HashMap<String, usize> =
                counts.query_map([first, last], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
            let mut kinds: Vec<Kind> =
                Kind::ALL.iter().copied().filter(|kind| counts.contains_key(kind.name())).collect();
            kinds.sort_by_key(|kind| Reverse(kind.severity()));
            let total = kinds.iter().filter_map(|kind| counts.get(kind.name())).sum();
            let mut worst = Vec::new();
            for alike in kinds.chunk_by(|a, b| a.severity() == b.severity()) {
                let names: Vec<&str> = alike.iter().map(|kind| kind.name()).collect();
                // A list of texts is always JSON.
                let names = serde_json::to_string(&names).unwrap_or_default();
                let left = i64::try_from(most.saturating_sub(worst.len())).unwrap_or(i64::MAX);
                let mut found = tx.prepare_cached(WORST)?;
                for finding in found.query_map(params![first, last, names, left], finding_of)? {
                    worst.extend(finding?);
                }
            }
            Ok((worst, total))
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

const COUNTS: &str = "SELECT kind, count(*) FROM (SELECT kind FROM finding WHERE day IS NULL \
                      UNION ALL SELECT kind FROM finding WHERE day BETWEEN ?1 AND ?2) GROUP BY kind";
const WORST: &str = "SELECT day, kind, source, sheet, cell, line, column, detail, login, host FROM finding \
                     WHERE (day IS NULL OR day BETWEEN ?1 AND ?2) AND kind IN (SELECT value FROM json_each(?3)) \
                     ORDER BY day, month IS NULL DESC, id LIMIT ?4";

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
