//! Days added up: what each pair used of each place on a day, small enough that years of days can be kept in memory.
//!
//! A day has a stamp, another one whenever anything of it changes: what was made of a day is right for as long as it has that.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use rusqlite::{Connection, params};

use super::query::{features, pairs};
use super::{Ledger, LedgerError, Search, code, search};
use crate::model::{Feature, Identity, Machine, State};
use crate::trace::seats::by_hour;

/// The lengths of sessions that are counted apart: up to so many minutes each; the last is longer.
pub const LENGTHS: [i64; 9] = [5, 15, 30, 60, 120, 240, 480, 1440, i64::MAX];

/// A day, added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// By pair, place, feature and state; several of the same, where one cannot count them all.
    uses: Vec<Use>,
    /// Pieces that are no whole sessions, in the order of the uses that they are of.
    parts: Vec<SessionPart>,
}

/// What a pair used of a place, by the pieces of one feature that are in one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    pub(super) pair: u32,
    /// 0 where none is known.
    pub(super) place: u32,
    pub(super) feature: u16,
    pub(super) state: u8,
    pub(super) is_imported: bool,
    /// How many pieces.
    pub rows: u16,
    /// How many sessions began.
    pub begun: u16,
    /// The seconds of use in each hour of the civil day.
    pub hours: [u16; 24],
    /// How many whole sessions were of each of the [`LENGTHS`].
    pub lengths: [u8; LENGTHS.len()],
}

impl Use {
    /// The seconds of use from one hour of the civil day until another.
    pub fn within(&self, (from, to): (u32, u32)) -> i64 {
        let hours = (0..24).zip(self.hours).filter(|(hour, _)| (from..to).contains(hour));
        hours.map(|(_, seconds)| i64::from(seconds)).sum()
    }

    /// The seconds of use.
    pub fn use_s(&self) -> i64 {
        self.hours.iter().map(|seconds| i64::from(*seconds)).sum()
    }

    /// What is counted of both is counted of one; `None` where it cannot be.
    fn and(&self, other: &Self) -> Option<Self> {
        let mut sum = *self;
        sum.rows = self.rows.checked_add(other.rows)?;
        sum.begun = self.begun.checked_add(other.begun)?;
        for (hour, more) in sum.hours.iter_mut().zip(other.hours) {
            *hour = hour.checked_add(more)?;
        }
        for (length, more) in sum.lengths.iter_mut().zip(other.lengths) {
            *length = length.checked_add(more)?;
        }
        Some(sum)
    }
}

/// A piece of a session that has other pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionPart {
    /// The place of its use in the tally.
    of: u32,
    /// When the session began, in Unix seconds.
    pub initial_start: i64,
    /// The seconds of use.
    pub use_s: i64,
}

/// What was used on a day, by whom and where.
#[derive(Debug, Clone, Copy)]
pub struct DayUse<'a> {
    /// The day.
    pub date: NaiveDate,
    /// Who it was.
    pub who: &'a Identity,
    /// The address that they were at, and what it was then, where it is known.
    pub place: Option<&'a (IpAddr, Machine)>,
    /// The feature.
    pub feature: &'a Feature,
    /// How much.
    pub sums: &'a Use,
    /// Pieces of it that are no whole sessions.
    pub parts: &'a [SessionPart],
}

/// Days in their order, each added up.
pub type Tallies = [(NaiveDate, Arc<Tally>)];

impl DayUse<'_> {
    /// What is the same for all uses of one person at one place.
    pub const fn key(&self) -> (u32, u32) {
        (self.sums.pair, self.sums.place)
    }
}

impl Tally {
    /// How many uses it has: what it weighs.
    pub const fn len(&self) -> usize {
        self.uses.len()
    }

    /// Whether nobody used anything.
    pub const fn is_empty(&self) -> bool {
        self.uses.is_empty()
    }

    pub(super) fn uses(&self) -> &[Use] {
        &self.uses
    }

    fn parts(&self, of: usize) -> &[SessionPart] {
        let of = u32::try_from(of).unwrap_or(u32::MAX);
        let from = self.parts.partition_point(|part| part.of < of);
        let until = self.parts.partition_point(|part| part.of <= of);
        &self.parts[from..until]
    }

    fn of(db: &Connection, day: NaiveDate, zone: Tz) -> rusqlite::Result<Self> {
        let (from, until) = code::bounds(day, day, zone);
        let mut found = db.prepare_cached(PIECES)?;
        let mut found = found.query([from, until])?;
        let mut tally = Self::default();
        let mut known: HashMap<(u32, u32, u16, u8, bool), usize> = HashMap::new();
        while let Some(row) = found.next()? {
            let (initial_start, start, end): (i64, i64, i64) = (row.get(3)?, row.get(4)?, row.get(5)?);
            let state: u8 = row.get(6)?;
            let is_borrowed = code::state(state.into())? == State::Borrowed;
            let use_s = if is_borrowed { 0 } else { end - start };
            let mut used = Use {
                pair: row.get(0)?,
                place: row.get(1)?,
                feature: row.get(2)?,
                state,
                is_imported: row.get(7)?,
                rows: 1,
                begun: u16::from(initial_start == start),
                hours: [0; 24],
                lengths: [0; LENGTHS.len()],
            };
            for (hour, seconds) in by_hour(code::moment(start)?.with_timezone(&zone), use_s) {
                if let Some(sum) = usize::try_from(hour).ok().and_then(|hour| used.hours.get_mut(hour)) {
                    *sum = u16::try_from(seconds).unwrap_or(u16::MAX);
                }
            }
            let is_whole = initial_start == start && end < until;
            if is_whole {
                let place = LENGTHS.iter().position(|most| use_s <= most.saturating_mul(60));
                used.lengths[place.unwrap_or(LENGTHS.len() - 1)] = 1;
            }
            let key = (used.pair, used.place, used.feature, used.state, used.is_imported);
            let next = tally.uses.len();
            let of = *known.entry(key).or_insert(next);
            let of = if let Some(sum) = tally.uses.get(of).and_then(|sum| sum.and(&used)) {
                tally.uses[of] = sum;
                of
            } else {
                // It is the first, or those before are full.
                tally.uses.push(used);
                known.insert(key, next);
                next
            };
            if !is_whole {
                tally.parts.push(SessionPart { of: u32::try_from(of).unwrap_or(u32::MAX), initial_start, use_s });
            }
        }
        tally.parts.sort_by_key(|part| part.of);
        tally.uses.shrink_to_fit();
        tally.parts.shrink_to_fit();
        Ok(tally)
    }
}

const PIECES: &str = "SELECT pair_id, coalesce(place_id, 0), feature_id, initial_start, start, until, state, told \
                      FROM piece INDEXED BY piece_by_start WHERE start >= ?1 AND start < ?2 ORDER BY start";

/// Notes that something of a day changed.
pub(super) fn stamp(db: &Connection, day: NaiveDate) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached("INSERT OR REPLACE INTO day_stamp (day, stamp) VALUES (?1, random())")?;
    insert.execute([code::of_day(day)]).map(drop)
}

/// The same of all days that are known of.
pub(super) fn stamp_all(db: &Connection) -> rusqlite::Result<()> {
    // A refusal is of its day in the site's zone: one of these three.
    db.execute_batch(
        "UPDATE day_stamp SET stamp = random();
         INSERT OR IGNORE INTO day_stamp (day, stamp) SELECT DISTINCT at / 86400 + 719163 + shift, random() FROM refusal, \
             (SELECT -1 AS shift UNION SELECT 0 UNION SELECT 1);",
    )
}

impl Ledger {
    /// The days of a span of which anything is known, in their order, each with what changes when they do.
    pub fn stamps(&self, first: NaiveDate, last: NaiveDate) -> Result<Vec<(NaiveDate, i64)>, LedgerError> {
        self.with(|db| {
            let mut found =
                db.prepare_cached("SELECT day, stamp FROM day_stamp WHERE day BETWEEN ?1 AND ?2 ORDER BY day")?;
            let found = found.query_map(params![code::of_day(first), code::of_day(last)], |row| {
                Ok((code::day(row.get(0)?)?, row.get(1)?))
            })?;
            found.collect()
        })
    }

    /// A day, added up.
    pub fn tally(&self, day: NaiveDate, zone: Tz) -> Result<Tally, LedgerError> {
        self.with(|db| Tally::of(db, day, zone))
    }

    /// Gives what of the days meets all conditions of a search, day by day.
    pub fn uses(
        &self,
        search: &Search,
        tallies: &Tallies,
        zone: Tz,
        take: &mut dyn FnMut(&DayUse<'_>),
    ) -> Result<(), LedgerError> {
        self.with(|db| {
            let tx = db.unchecked_transaction()?;
            let features = features(&tx)?;
            let Some(conditions) = self.conditions(&tx, &features, search, zone)? else { return Ok(()) };
            let (is_met, pairs) = (conditions.filter(), pairs(&tx)?);
            let pairs: HashMap<u32, Identity> =
                pairs.into_iter().filter_map(|(id, who)| Some((u32::try_from(id).ok()?, who))).collect();
            let mut places: HashMap<u32, (IpAddr, Machine)> = HashMap::new();
            for (date, tally) in tallies {
                for (index, sums) in tally.uses.iter().enumerate().filter(|(_, used)| is_met(used)) {
                    // A night may have changed the names of a day since it was added up: there it is asked for anew.
                    let Some(who) = pairs.get(&sums.pair) else { continue };
                    let Some(feature) = features.get(&i64::from(sums.feature)) else { continue };
                    let place = match places.entry(sums.place) {
                        _ if sums.place == 0 => None,
                        Entry::Occupied(known) => Some(&*known.into_mut()),
                        Entry::Vacant(new) => Some(&*new.insert(search::at_place(&tx, sums.place.into())?)),
                    };
                    take(&DayUse { date: *date, who, place, feature, sums, parts: tally.parts(index) });
                }
            }
            Ok(())
        })
    }
}
