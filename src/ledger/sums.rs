//! Daily sums: how long each pair used each machine and held tokens, in every hour of a day. Long spans are added up from
//! them in the time of their days, not of their sessions.
//!
//! They follow the pieces and tokens of a day whenever that is marked as changed. What a place is called is no part of them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate};
use chrono_tz::Tz;
use clap::ValueEnum;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;

use super::record::set;
use super::{Ledger, LedgerError, code, forget, query, tally};
use crate::model::State;
use crate::trace::seats::by_hour;

/// What a sum is of: feature, pair, place (0 where none is known) and hour.
type Key = (i64, i64, i64, u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sum {
    use_s: i64,
    token_s: Option<i64>,
    begun: i64,
}

/// A piece of a session: when, and at which place.
struct Seat {
    start: i64,
    end: i64,
    place: i64,
}

/// What the sums are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Grouping {
    /// Civil days.
    Day,
    /// Calendar months.
    Month,
    /// Days of the week, 1 from Monday.
    Weekday,
    /// Hours of the civil day.
    Hour,
    /// Departments; empty where none is known.
    Department,
    /// Logins.
    User,
    /// The names of machines in the log.
    Machine,
    /// Licensed features.
    Feature,
}

impl Grouping {
    /// The column that it is grouped by. Day 1 is a Monday, and 1721425.5 in Julian days.
    const fn column(self) -> &'static str {
        match self {
            Self::Day => "date(1721424.5 + day)",
            Self::Month => "strftime('%Y-%m', 1721424.5 + day)",
            Self::Weekday => "(day - 1) % 7 + 1",
            Self::Hour => "hour",
            Self::Department => "department",
            Self::User => "coalesce(login, '')",
            Self::Machine => "coalesce(host, '')",
            Self::Feature => "feature.name",
        }
    }
}

/// What was used of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// The name of the group, or its number.
    pub group: String,
    /// Hours of use, in seconds.
    pub seconds: i64,
    /// Token hours, in seconds; `None` where imported histories alone speak of it.
    pub token_seconds: Option<i64>,
    /// Sessions that began.
    pub begun: i64,
    /// Distinct logins; `None` where rows are forgotten, and sums alone are known.
    pub users: Option<i64>,
    /// Distinct names of machines; `None` likewise.
    pub machines: Option<i64>,
    /// Days with any use.
    pub days: i64,
}

impl Ledger {
    /// What was used on some days, by groups, in their order; those of people and machines with the most used first.
    pub fn used(&self, first: NaiveDate, last: NaiveDate, by: Grouping) -> Result<Vec<Used>, LedgerError> {
        self.with(|db| {
            let features = query::features(db)?;
            let shown: Vec<String> =
                features.keys().filter(|id| self.shown(&features, **id).is_some()).map(ToString::to_string).collect();
            let order = match by {
                Grouping::Department | Grouping::User | Grouping::Machine | Grouping::Feature => "2 DESC, 1",
                _ => "1",
            };
            let sql = format!(
                "SELECT {column}, sum(use_s), sum(token_s), sum(begun), count(DISTINCT {login}), \
                 count(DISTINCT {host}), count(DISTINCT day), max(login IS NULL), min(day) \
                 FROM ({ROWS} UNION ALL {KEPT}) JOIN feature ON feature.id = feature_id \
                 WHERE day BETWEEN ?1 AND ?2 AND feature_id IN ({shown}) GROUP BY 1 ORDER BY {order}",
                column = by.column(),
                login = self.known_as(db, "login")?,
                host = self.known_as(db, "host")?,
                shown = shown.join(","),
            );
            let mut found = db.prepare(&sql)?;
            let found = found.query_map([code::of_day(first), code::of_day(last)], |row| {
                let is_counted = !row.get::<_, bool>(7)?;
                let group = match row.get(0)? {
                    rusqlite::types::Value::Integer(number) => number.to_string(),
                    rusqlite::types::Value::Text(text) => text,
                    _ => String::new(),
                };
                let (seconds, token_seconds, begun) = (row.get(1)?, row.get(2)?, row.get(3)?);
                let (users, machines, days) = (row.get(4)?, row.get(5)?, row.get(6)?);
                let counted = |count: i64| is_counted.then_some(count);
                let (users, machines) = (counted(users), counted(machines));
                let used = Used { group, seconds, token_seconds, begun, users, machines, days };
                let first = code::day(row.get(8)?)?;
                if is_counted { Ok(used) } else { self.with_kept_counts(db, used, first, by) }
            })?;
            found.collect()
        })
    }

    /// How a name is compared: as its pseudonym, where one person can be there under both.
    fn known_as(&self, db: &Connection, name: &str) -> rusqlite::Result<String> {
        let Some(veil) = self.veil.as_ref().filter(|_| forget::edge(db, Tz::UTC).is_ok_and(|edge| edge.is_some()))
        else {
            return Ok(name.to_owned());
        };
        let (veil, kind) = (veil.clone(), name.to_owned());
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        db.create_scalar_function(&*format!("veiled_{name}"), 1, flags, move |context| {
            let name = context.get::<Option<String>>(0)?;
            Ok(name.map(|name| if kind == "login" { veil.login(&name) } else { veil.host(&name) }))
        })?;
        Ok(format!("veiled_{name}({name})"))
    }

    /// With the numbers of people and machines that were kept of a day or a month when it was over.
    fn with_kept_counts(&self, db: &Connection, used: Used, day: NaiveDate, by: Grouping) -> rusqlite::Result<Used> {
        let (kind, first) = match by {
            Grouping::Day => ("day", day),
            Grouping::Month => ("month", day.with_day(1).unwrap_or(day)),
            _ => return Ok(used),
        };
        let feature = self.shown_feature().unwrap_or_default();
        let kept: Option<String> = db
            .prepare_cached(
                "SELECT figures FROM kept_figures WHERE kind = ?1 AND first = ?2 AND feature = ?3 AND scope = 'site'",
            )?
            .query_row(params![kind, code::of_day(first), feature], |row| row.get(0))
            .optional()?;
        let kept = kept.and_then(|text| serde_json::from_str::<Kept>(&text).ok());
        Ok(Used { users: kept.as_ref().map(|kept| kept.users), machines: kept.map(|kept| kept.hosts), ..used })
    }
}

/// What of kept figures is asked for here.
#[derive(Deserialize)]
struct Kept {
    users: i64,
    hosts: i64,
}

/// Sums with who it was where.
const ROWS: &str = "SELECT day, feature_id, hour, use_s, token_s, begun, login, host, \
                    coalesce(m.department, '') AS department FROM day_sum JOIN pair ON pair.id = pair_id \
                    LEFT JOIN place ON place.id = place_id LEFT JOIN machine m ON m.id = place.machine_id";
/// Those of days whose rows are forgotten.
const KEPT: &str = "SELECT day, feature_id, hour, use_s, token_s, begun, NULL, NULL, department FROM kept_sum";

/// Adds up a day anew of which something changed.
pub(super) fn follow(db: &Connection, day: NaiveDate, zone: Tz) -> rusqlite::Result<()> {
    tally::stamp(db, day)?;
    add_up(db, day, zone).map(drop)
}

/// Adds up a day anew, and says whether that changed anything.
pub(super) fn add_up(db: &Connection, day: NaiveDate, zone: Tz) -> rusqlite::Result<bool> {
    let new = added_up(db, day, zone)?;
    if new == sums_of(db, day)? {
        return Ok(false);
    }
    db.prepare_cached("DELETE FROM day_sum WHERE day = ?1")?.execute([code::of_day(day)])?;
    let mut insert = db.prepare_cached(
        "INSERT INTO day_sum (day, feature_id, pair_id, place_id, hour, use_s, token_s, begun) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    for ((feature, pair, place, hour), Sum { use_s, token_s, begun }) in new {
        insert.execute(params![code::of_day(day), feature, pair, place, hour, use_s, token_s, begun])?;
    }
    Ok(true)
}

fn sums_of(db: &Connection, day: NaiveDate) -> rusqlite::Result<BTreeMap<Key, Sum>> {
    let mut found = db.prepare_cached(
        "SELECT feature_id, pair_id, place_id, hour, use_s, token_s, begun FROM day_sum WHERE day = ?1",
    )?;
    let found = found.query_map([code::of_day(day)], |row| {
        let key = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok((key, Sum { use_s: row.get(4)?, token_s: row.get(5)?, begun: row.get(6)? }))
    })?;
    found.collect()
}

fn added_up(db: &Connection, day: NaiveDate, zone: Tz) -> rusqlite::Result<BTreeMap<Key, Sum>> {
    let (from, until) = code::bounds(day, day, zone);
    let mut sums: BTreeMap<Key, Sum> = BTreeMap::new();
    // Of each feature and pair: when it was where.
    let mut seats: BTreeMap<(i64, i64), Vec<Seat>> = BTreeMap::new();
    let mut found = db.prepare_cached(
        "SELECT feature_id, pair_id, coalesce(place_id, 0), initial_start, start, until, told, state \
         FROM piece INDEXED BY piece_by_start WHERE start >= ?1 AND start < ?2 ORDER BY start",
    )?;
    let mut found = found.query([from, until])?;
    while let Some(row) = found.next()? {
        let (feature, pair, place) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (initial, start, end): (i64, i64, i64) = (row.get(3)?, row.get(4)?, row.get(5)?);
        let is_imported: bool = row.get(6)?;
        // Of a token that is borrowed, nobody knows a use.
        if code::state(row.get(7)?)? == State::Borrowed {
            seats.entry((feature, pair)).or_default().push(Seat { start, end, place });
            continue;
        }
        for (hour, seconds) in hours(start, end.min(until), zone)? {
            let sum = sums.entry((feature, pair, place, hour)).or_default();
            sum.use_s += seconds;
            sum.token_s = sum.token_s.or((!is_imported).then_some(0));
        }
        if initial == start {
            sums.entry((feature, pair, place, local(start, zone)?)).or_default().begun += 1;
        }
        seats.entry((feature, pair)).or_default().push(Seat { start, end, place });
    }
    let earliest: Option<i64> = db.prepare_cached(query::EARLIEST)?.query_row([from, until], |row| row.get(0))?;
    let mut found = db.prepare_cached(query::HOLDS)?;
    let mut found = found.query([earliest.unwrap_or(from), until, from])?;
    while let Some(row) = found.next()? {
        let (pair, feature): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (start, end): (i64, i64) = (row.get::<_, i64>(2)?.max(from), row.get::<_, i64>(3)?.min(until));
        let licences: i64 = row.get(4)?;
        // A token lies within a session of its pair, which says where.
        let of_pair = seats.get(&(feature, pair)).map(Vec::as_slice).unwrap_or_default();
        let begun = of_pair.partition_point(|seat| seat.start <= start);
        // Sessions of a pair follow each other: one that ends where the next begins has the token, as it was there first.
        let near = &of_pair[begun.saturating_sub(2)..begun];
        let seat = near.iter().find(|seat| start <= seat.end);
        let place = seat.map_or(0, |seat| seat.place);
        for (hour, seconds) in hours(start, end, zone)? {
            let sum = sums.entry((feature, pair, place, hour)).or_default();
            sum.token_s = Some(sum.token_s.unwrap_or(0).saturating_add(seconds.saturating_mul(licences)));
        }
    }
    Ok(sums)
}

/// Adds up all days, where they were added up in another zone, or never. The name of the zone is the setting `sums`.
pub(super) fn follow_zone(db: &Connection, zone: Tz) -> rusqlite::Result<()> {
    let known = query::setting(db, "sums")?;
    if known.as_deref().is_some_and(|known| known != zone.name()) {
        db.execute("DELETE FROM day_sum", [])?;
        follow_all(db, zone)?;
        tally::stamp_all(db)?;
    }
    set(db, "sums", zone.name())
}

/// Adds up all days; those whose sums were others.
pub(super) fn follow_all(db: &Connection, zone: Tz) -> rusqlite::Result<Vec<NaiveDate>> {
    let mut days = db.prepare("SELECT DISTINCT day FROM day_sum")?;
    let days = days.query_map([], |row| code::day(row.get(0)?))?;
    let mut starts = db.prepare("SELECT start FROM piece")?;
    let starts = starts.query_map([], |row| code::day_of(row.get(0)?, zone))?;
    let days: BTreeSet<NaiveDate> = days.chain(starts).collect::<Result<_, _>>()?;
    let mut changed = Vec::new();
    for day in days {
        if add_up(db, day, zone)? {
            tally::stamp(db, day)?;
            changed.push(day);
        }
    }
    Ok(changed)
}

/// The seconds between two moments of a day in each of its civil hours.
fn hours(start: i64, end: i64, zone: Tz) -> rusqlite::Result<Vec<(u32, i64)>> {
    let start: DateTime<Tz> = code::moment(start)?.with_timezone(&zone);
    Ok(by_hour(start, end - start.timestamp()))
}

fn local(seconds: i64, zone: Tz) -> rusqlite::Result<u32> {
    Ok(chrono::Timelike::hour(&code::moment(seconds)?.with_timezone(&zone)))
}
