//! What is known, out again.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::search::Search;
use super::{Ledger, LedgerError, code};
use crate::finding::{Finding, Gap, Kind, Place};
use crate::model::{Denial, Hold, Identity, SessionRow};

impl Ledger {
    /// Whether a night ever told it anything.
    pub fn has_nights(&self) -> Result<bool, LedgerError> {
        Ok(self.latest()?.is_some())
    }

    /// The newest moment that a night knew of.
    pub fn latest(&self) -> Result<Option<DateTime<Utc>>, LedgerError> {
        self.with(|db| number(db, "latest")?.map(code::moment).transpose())
    }

    /// The day from which on anything is known: by a logwatch, else by the first piece.
    pub fn begins(&self, zone: Tz) -> Result<Option<NaiveDate>, LedgerError> {
        let watched = self.with(|db| number(db, "begins")?.map(|first| code::day_of(first, zone)).transpose())?;
        Ok(watched.into_iter().chain(self.first_day(zone)?).min())
    }

    /// The day of the first piece.
    pub fn first_day(&self, zone: Tz) -> Result<Option<NaiveDate>, LedgerError> {
        self.with(|db| {
            let first: Option<i64> =
                db.query_row("SELECT min(start) FROM piece INDEXED BY piece_by_start", [], |row| row.get(0))?;
            first.map(|first| code::day_of(first, zone)).transpose()
        })
    }

    /// The pieces of sessions of some days, by start, with their machines.
    pub fn rows(&self, first: NaiveDate, last: NaiveDate, zone: Tz) -> Result<Vec<SessionRow>, LedgerError> {
        self.found(&Search::of_days(first, last), zone)
    }

    /// The same without what imported histories tell.
    pub fn seen_rows(&self, first: NaiveDate, last: NaiveDate, zone: Tz) -> Result<Vec<SessionRow>, LedgerError> {
        self.found(&Search { is_seen: true, ..Search::of_days(first, last) }, zone)
    }

    fn found(&self, search: &Search, zone: Tz) -> Result<Vec<SessionRow>, LedgerError> {
        let mut rows = Vec::new();
        self.search(search, zone, &mut |row| {
            rows.push(row);
            true
        })?;
        Ok(rows)
    }

    /// Each token that was out on some days, from its beginning to its end.
    pub fn holds(&self, first: NaiveDate, last: NaiveDate, zone: Tz) -> Result<Vec<Hold>, LedgerError> {
        let (from, until) = code::bounds(first, last, zone);
        self.with(|db| {
            let (pairs, features) = (pairs(db)?, features(db)?);
            // A token lies within its session, and each day of that has a piece: no token begins before these do.
            let earliest: Option<i64> = db.prepare_cached(EARLIEST)?.query_row([from, until], |row| row.get(0))?;
            let Some(earliest) = earliest else { return Ok(Vec::new()) };
            let mut found = db.prepare_cached(HOLDS)?;
            let mut found = found.query([earliest, until, from])?;
            let mut holds = Vec::new();
            while let Some(row) = found.next()? {
                let (who, feature) = (pair_of(&pairs, row.get(0)?)?, features.get(&row.get(1)?));
                holds.push(Hold {
                    who,
                    feature: feature.cloned().unwrap_or_default(),
                    start: code::moment(row.get(2)?)?,
                    end: code::moment(row.get(3)?)?,
                    licences: row.get(4)?,
                });
            }
            holds.sort_by(|a, b| (a.start, a.end, &a.who).cmp(&(b.start, b.end, &b.who)));
            Ok(holds)
        })
    }

    /// The refusals of some days, in the order of time.
    pub fn denials(&self, first: NaiveDate, last: NaiveDate, zone: Tz) -> Result<Vec<Denial>, LedgerError> {
        let (from, until) = code::bounds(first, last, zone);
        self.with(|db| {
            let (pairs, features) = (pairs(db)?, features(db)?);
            let mut found = db.prepare_cached(DENIALS)?;
            let mut found = found.query([from, until])?;
            let mut denials = Vec::new();
            while let Some(row) = found.next()? {
                denials.push(Denial {
                    at: code::moment(row.get(0)?)?,
                    who: pair_of(&pairs, row.get(1)?)?,
                    feature: features.get(&row.get(2)?).cloned().unwrap_or_default(),
                    real: row.get(3)?,
                });
            }
            denials.sort_by(|a, b| (a.at, &a.who).cmp(&(b.at, &b.who)));
            Ok(denials)
        })
    }

    /// What looked wrong on some days, and what did on the last night that is of no day.
    pub fn findings(&self, first: NaiveDate, last: NaiveDate) -> Result<Vec<Finding>, LedgerError> {
        self.with(|db| {
            let mut found = db.prepare(
                "SELECT day, kind, source, sheet, cell, line, column, detail, login, host FROM finding \
                 WHERE day IS NULL OR day BETWEEN ?1 AND ?2 ORDER BY id",
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

pub(super) const EARLIEST: &str =
    "SELECT min(initial_start) FROM piece INDEXED BY piece_by_start WHERE start >= ?1 AND start < ?2";
pub(super) const HOLDS: &str = "SELECT pair_id, feature_id, start, until, licences FROM hold INDEXED BY hold_by_start \
                                WHERE start >= ?1 AND start < ?2 AND (until > ?3 OR start >= ?3)";
pub(super) const DENIALS: &str = "SELECT at, pair_id, feature_id, cost FROM denial WHERE at >= ?1 AND at < ?2";

/// A setting, where it is known.
pub(super) fn setting(db: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    db.prepare_cached("SELECT value FROM setting WHERE name = ?1")?.query_row([name], |row| row.get(0)).optional()
}

/// A setting that is a number.
pub(super) fn number(db: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    setting(db, name)?.map(|text| code::parsed(&text)).transpose()
}

/// All pairs by their numbers.
pub(super) fn pairs(db: &Connection) -> rusqlite::Result<HashMap<i64, Identity>> {
    let mut found = db.prepare_cached("SELECT id, login, host FROM pair")?;
    let found = found
        .query_map([], |row| Ok((row.get(0)?, Identity::new(&row.get::<_, String>(1)?, &row.get::<_, String>(2)?))))?;
    found.collect()
}

pub(super) fn pair_of(pairs: &HashMap<i64, Identity>, id: i64) -> rusqlite::Result<Identity> {
    pairs.get(&id).cloned().ok_or(rusqlite::Error::QueryReturnedNoRows)
}

/// All features by their numbers.
pub(super) fn features(db: &Connection) -> rusqlite::Result<HashMap<i64, String>> {
    let mut found = db.prepare_cached("SELECT id, name FROM feature")?;
    let found = found.query_map(params![], |row| Ok((row.get(0)?, row.get(1)?)))?;
    found.collect()
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
