//! Numbers for words, and times for seconds: how values stand in the tables.

use std::net::IpAddr;

use chrono::{DateTime, Datelike, Duration, NaiveDate, Utc};
use chrono_tz::Tz;
use rusqlite::types::Type;

use crate::model::{Evidence, State};
use crate::parse::datetime::{end_of_day, start_of_day};
use crate::trace::observed::Beginning;

const STATES: [State; 4] = [State::Open, State::Presumed, State::Closed, State::Expired];

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

pub(super) fn of_beginning(beginning: Beginning) -> i64 {
    Beginning::ALL.iter().zip(0..).find(|(known, _)| **known == beginning).map_or(0, |(_, code)| code)
}

pub(super) fn beginning(code: i64) -> rusqlite::Result<Beginning> {
    nth(&Beginning::ALL, code)
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
