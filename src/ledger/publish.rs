//! Which days the history and the workbooks do not tell yet.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use chrono_tz::Tz;
use rusqlite::Connection;

use super::record::set;
use super::{Ledger, LedgerError, code, query, sums, tally};

/// Notes that days are to be told anew.
pub(super) fn mark(db: &Connection, days: impl IntoIterator<Item = NaiveDate>) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached("INSERT OR IGNORE INTO unpublished (day) VALUES (?1)")?;
    days.into_iter().try_for_each(|day| {
        tally::stamp(db, day)?;
        insert.execute([code::of_day(day)]).map(drop)
    })
}

/// The same of days that have other pieces, or the same at other places: they are added up too.
pub(super) fn mark_parted(
    db: &Connection,
    days: impl IntoIterator<Item = NaiveDate>,
    zone: Tz,
) -> rusqlite::Result<()> {
    let days: BTreeSet<NaiveDate> = days.into_iter().collect();
    days.iter().try_for_each(|day| sums::add_up(db, *day, zone).map(drop))?;
    mark(db, days)
}

impl Ledger {
    /// The days up to one of which the ledger knows what the files do not tell, in their order.
    pub fn unpublished(&self, last: NaiveDate) -> Result<Vec<NaiveDate>, LedgerError> {
        self.with(|db| {
            let mut days = db.prepare("SELECT day FROM unpublished WHERE day <= ?1 ORDER BY day")?;
            let days = days.query_map([code::of_day(last)], |row| code::day(row.get(0)?))?;
            days.collect()
        })
    }

    /// The last day of the last night that did all it had to.
    pub fn last_night(&self) -> Result<Option<NaiveDate>, LedgerError> {
        self.with(|db| query::number(db, "night")?.map(code::day).transpose())
    }

    /// Notes that these days are told, by a night whose last day was `last`.
    pub fn published(&mut self, days: &[NaiveDate], last: NaiveDate) -> Result<(), LedgerError> {
        let path = self.path.clone();
        let mut work = || {
            let tx = self.db.transaction()?;
            for day in days {
                tx.prepare_cached("DELETE FROM unpublished WHERE day = ?1")?.execute([code::of_day(*day)])?;
            }
            let night = query::number(&tx, "night")?.unwrap_or(i64::MIN).max(code::of_day(last));
            set(&tx, "night", &night.to_string())?;
            tx.commit()
        };
        work().map_err(|error| LedgerError::new(&path, error))
    }
}
