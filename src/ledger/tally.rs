//! Days added up: what each pair used of each place on a day, small enough that years of days can be kept in memory.
//!
//! A day has a stamp, another one whenever anything of it changes: what was made of a day is right for as long as it has that.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::query::{features, pairs};
use super::{Ledger, LedgerError, Search, code, search};
use crate::model::{Feature, Identity, Machine, State};
use crate::trace::seats::by_hour;

/// The lengths of sessions that are counted apart: up to so many minutes each; the last is longer.
pub const LENGTHS: [i64; 9] = [5, 15, 30, 60, 120, 240, 480, 1440, i64::MAX];

/// The place among the [`LENGTHS`] of a session of so many seconds.
pub fn length_of(seconds: i64) -> usize {
    let place = LENGTHS.iter().position(|most| seconds <= most.saturating_mul(60));
    place.unwrap_or(LENGTHS.len() - 1)
}

/// Numbers of people, places and features are below this one: in a list by numbers, a damaged one must not fill the memory.
pub(super) const MOST: u32 = 1 << 24;

/// A day, added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Pairs, places, features and states; several of the same, where one sum cannot count them all. They stand apart from the
    /// sums, as those who search look at all of them.
    keys: Vec<UseKey>,
    /// What was used, of each of these.
    sums: Vec<Use>,
    /// Pieces that are no whole sessions, in the order of the uses that they are of.
    parts: Vec<SessionPart>,
}

/// Whose use it is, and where: of one feature, in one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct UseKey {
    pub(super) pair: u32,
    /// 0 where none is known.
    pub(super) place: u32,
    pub(super) feature: u32,
    /// How many pieces.
    pub(super) rows: u16,
    pub(super) state: u8,
    pub(super) is_imported: bool,
}

/// How much that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
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
    pair: u32,
    place_number: u32,
    /// How much.
    pub sums: &'a Use,
    /// Pieces of it that are no whole sessions.
    pub parts: &'a [SessionPart],
}

/// Days in their order, each added up.
pub type Tallies = [(NaiveDate, Arc<Tally>)];

impl<'a> DayUse<'a> {
    /// The same by somebody else: by a pseudonym.
    #[must_use]
    pub const fn seen_as<'b>(&self, who: &'b Identity, place: Option<&'b (IpAddr, Machine)>) -> DayUse<'b>
    where
        'a: 'b,
    {
        DayUse { who, place, ..*self }
    }

    /// What is the same for all uses of one person at one place.
    pub const fn key(&self) -> (u32, u32) {
        (self.pair, self.place_number)
    }
}

impl Tally {
    /// How many uses it has: what it weighs.
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether nobody used anything.
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn keys(&self) -> &[UseKey] {
        &self.keys
    }

    fn parts(&self, of: usize) -> &[SessionPart] {
        let of = u32::try_from(of).unwrap_or(u32::MAX);
        let from = self.parts.partition_point(|part| part.of < of);
        let until = self.parts.partition_point(|part| part.of <= of);
        &self.parts[from..until]
    }

    /// Adds a piece to a use, where that can count it.
    fn add(&mut self, of: usize, used: &Use) -> bool {
        let sum = self.sums[of].and(used).zip(self.keys[of].rows.checked_add(1));
        let Some((sum, rows)) = sum else { return false };
        self.sums[of] = sum;
        self.keys[of].rows = rows;
        true
    }

    fn of(db: &Connection, day: NaiveDate, zone: Tz) -> rusqlite::Result<Self> {
        let (from, until) = code::bounds(day, day, zone);
        let mut found = db.prepare_cached(PIECES)?;
        let mut found = found.query([from, until])?;
        let mut tally = Self::default();
        let mut known: HashMap<UseKey, usize> = HashMap::new();
        while let Some(row) = found.next()? {
            let (initial_start, start, end): (i64, i64, i64) = (row.get(3)?, row.get(4)?, row.get(5)?);
            let state: u8 = row.get(6)?;
            let is_borrowed = code::state(state.into())? == State::Borrowed;
            let (begins, ends) = (code::moment(start)?, code::moment(end)?);
            let use_s = if is_borrowed { 0 } else { (ends - begins).num_seconds() };
            let (pair, place, feature) = (number(row, 0)?, number(row, 1)?, number(row, 2)?);
            let key = UseKey { pair, place, feature, rows: 0, state, is_imported: row.get(7)? };
            let mut used =
                Use { begun: u16::from(initial_start == start), hours: [0; 24], lengths: [0; LENGTHS.len()] };
            for (hour, seconds) in by_hour(begins.with_timezone(&zone), use_s) {
                if let Some(sum) = usize::try_from(hour).ok().and_then(|hour| used.hours.get_mut(hour)) {
                    *sum = u16::try_from(seconds).unwrap_or(u16::MAX);
                }
            }
            let is_whole = initial_start == start && end < until;
            if is_whole {
                used.lengths[length_of(use_s)] = 1;
            }
            let of = known.get(&key).copied().and_then(|of| tally.add(of, &used).then_some(of));
            let of = of.unwrap_or_else(|| {
                // It is the first, or those before are full.
                tally.keys.push(UseKey { rows: 1, ..key });
                tally.sums.push(used);
                known.insert(key, tally.keys.len() - 1);
                tally.keys.len() - 1
            });
            if !is_whole {
                tally.parts.push(SessionPart { of: u32::try_from(of).unwrap_or(u32::MAX), initial_start, use_s });
            }
        }
        tally.parts.sort_by_key(|part| part.of);
        tally.keys.shrink_to_fit();
        tally.sums.shrink_to_fit();
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
            let mut people: Vec<Option<Identity>> = Vec::new();
            for (id, who) in pairs {
                put(&mut people, u32::try_from(id).unwrap_or_default(), who);
            }
            let mut places: Vec<Option<(IpAddr, Machine)>> = Vec::new();
            for (date, tally) in tallies {
                for (index, key) in tally.keys.iter().enumerate().filter(|(_, key)| is_met(key)) {
                    // Whoever a night has taken away since the day was added up is nobody, and was nowhere.
                    let Some(Some(who)) = people.get(key.pair as usize) else { continue };
                    let Some(feature) = features.get(&i64::from(key.feature)) else { continue };
                    if key.place > 0 && !matches!(places.get(key.place as usize), Some(Some(_))) {
                        let Some(place) = search::at_place(&tx, key.place.into()).optional()? else { continue };
                        put(&mut places, key.place, place);
                    }
                    let place = places.get(key.place as usize).and_then(Option::as_ref).filter(|_| key.place > 0);
                    let (pair, place_number) = (key.pair, key.place);
                    let (sums, parts) = (&tally.sums[index], tally.parts(index));
                    take(&DayUse { date: *date, who, place, feature, pair, place_number, sums, parts });
                }
            }
            Ok(())
        })
    }
}

/// The number of a person, a place or a feature.
fn number(row: &Row<'_>, index: usize) -> rusqlite::Result<u32> {
    let number: u32 = row.get(index)?;
    if number < MOST { Ok(number) } else { Err(rusqlite::Error::IntegralValueOutOfRange(index, number.into())) }
}

fn put<T>(all: &mut Vec<Option<T>>, id: u32, value: T) {
    if id >= MOST {
        return;
    }
    let id = id as usize;
    if all.len() <= id {
        all.resize_with(id + 1, || None);
    }
    all[id] = Some(value);
}
