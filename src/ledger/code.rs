//! Numbers for words, and times for seconds: how values stand in the tables.

use std::net::IpAddr;

use chrono::{DateTime, Datelike, Duration, NaiveDate, Utc};
use chrono_tz::Tz;
use rusqlite::types::Type;

use crate::model::{Evidence, State};
use crate::parse::datetime::{end_of_day, start_of_day};
use crate::trace::coverage::Hole;
use crate::trace::{Carry, Origin};

const STATES: [State; 5] = [State::Open, State::Presumed, State::Closed, State::Expired, State::Borrowed];

pub(super) fn of_state(state: State) -> i64 {
    STATES.iter().zip(0..).find(|(known, _)| **known == state).map_or(0, |(_, code)| code)
}

pub(super) fn state(code: i64) -> rusqlite::Result<State> {
    nth(&STATES, code)
}

pub(super) fn of_evidence(evidence: Evidence) -> i64 {
    Evidence::ALL.iter().rev().zip(0..).find(|(known, _)| **known == evidence).map_or(0, |(_, code)| code)
}

pub(super) fn evidence(code: i64) -> rusqlite::Result<Evidence> {
    let mut weakest_first = Evidence::ALL;
    weakest_first.reverse();
    nth(&weakest_first, code)
}

/// The sources that vouch for times.
const SOURCES: [Origin; 2] = [Origin::Logwatch, Origin::DebugLog];

pub(super) fn of_source(source: Origin) -> i64 {
    SOURCES.iter().zip(0..).find(|(known, _)| **known == source).map_or(0, |(_, code)| code)
}

pub(super) fn source(code: i64) -> rusqlite::Result<Origin> {
    nth(&SOURCES, code)
}

/// 0 where there is no hole.
pub(super) fn of_hole(hole: Option<Hole>) -> i64 {
    let place = |hole| Hole::ALL.iter().zip(1..).find(|(known, _)| **known == hole);
    hole.and_then(place).map_or(0, |(_, code)| code)
}

pub(super) fn hole(code: i64) -> rusqlite::Result<Option<Hole>> {
    if code == 0 { Ok(None) } else { nth(&Hole::ALL, code - 1).map(Some) }
}

/// What the next month must know, as JSON, compressed.
pub(super) fn packed(carry: &Carry) -> rusqlite::Result<Vec<u8>> {
    let other = |error: Box<dyn std::error::Error + Send + Sync>| rusqlite::Error::ToSqlConversionFailure(error);
    let text = serde_json::to_vec(carry).map_err(|error| other(error.into()))?;
    zstd::encode_all(text.as_slice(), 3).map_err(|error| other(error.into()))
}

pub(super) fn unpacked(bytes: &[u8]) -> rusqlite::Result<Carry> {
    let other = |error: Box<dyn std::error::Error + Send + Sync>| {
        rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, error)
    };
    let text = zstd::decode_all(bytes).map_err(|error| other(error.into()))?;
    serde_json::from_slice(&text).map_err(|error| other(error.into()))
}

/// The bounds in seconds of the day that a moment is in.
pub(super) fn day_bounds(seconds: i64, zone: Tz) -> rusqlite::Result<(i64, i64)> {
    let day = day_of(seconds, zone)?;
    Ok(bounds(day, day, zone))
}

fn nth<T: Copy>(all: &[T], code: i64) -> rusqlite::Result<T> {
    let found = usize::try_from(code).ok().and_then(|index| all.get(index)).copied();
    found.ok_or(rusqlite::Error::IntegralValueOutOfRange(0, code))
}

pub(super) fn moment(seconds: i64) -> rusqlite::Result<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0).ok_or(rusqlite::Error::IntegralValueOutOfRange(0, seconds))
}

pub(super) fn of_day(day: NaiveDate) -> i64 {
    i64::from(day.num_days_from_ce())
}

pub(super) fn day(number: i64) -> rusqlite::Result<NaiveDate> {
    let found = i32::try_from(number).ok().and_then(NaiveDate::from_num_days_from_ce_opt);
    found.ok_or(rusqlite::Error::IntegralValueOutOfRange(0, number))
}

/// The civil day of a moment in Unix seconds.
pub(super) fn day_of(seconds: i64, zone: Tz) -> rusqlite::Result<NaiveDate> {
    Ok(moment(seconds)?.with_timezone(&zone).date_naive())
}

/// The Unix seconds of a span of days: its first, and the first behind it. Days at the ends of the calendar are open ends.
pub(super) fn bounds(first: NaiveDate, last: NaiveDate, zone: Tz) -> (i64, i64) {
    let far = |day: NaiveDate| day.year().abs() > 9_000;
    let from = if far(first) { i64::MIN } else { start_of_day(first, zone).timestamp() };
    let until = if far(last) { i64::MAX } else { end_of_day(last, zone).timestamp() };
    (from, until)
}

/// The days that a span of time touches.
pub(super) fn days_between(start: DateTime<Utc>, end: DateTime<Utc>, zone: Tz) -> Vec<NaiveDate> {
    let day = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive();
    // What ends at midnight does not touch the next day.
    let last = day((end - Duration::seconds(1)).max(start));
    day(start).iter_days().take_while(|day| *day <= last).collect()
}

/// A value that is stored as its text.
pub(super) fn parsed<T: std::str::FromStr>(text: &str) -> rusqlite::Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
}

pub(super) fn ip(text: &str) -> rusqlite::Result<IpAddr> {
    parsed(text)
}

/// A value that is stored as its text, and empty where it is unknown.
pub(super) fn known<T: std::str::FromStr>(text: &str) -> rusqlite::Result<Option<T>>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    if text.is_empty() { Ok(None) } else { parsed(text).map(Some) }
}
