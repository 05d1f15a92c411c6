//! The lines of a debug log: when each was written, as far as its clock and the log's own dates tell.

use std::borrow::Cow;

use chrono::{Duration, NaiveDate, NaiveTime, Timelike};
use chrono_tz::Tz;

use super::marks::{self, BREAK};
use super::unit::{Names, Timed, Unit};
use crate::parse::flexnet::{self, Clock, Dating, FirstDay, Message};

/// The lines of a kept text, without their days.
pub(super) fn lines<'a>(text: &'a [u8], names: &mut Names<'a>) -> Vec<Unit<'a>> {
    let (mut units, mut at, mut follows) = (Vec::new(), 0, true);
    for (line, has_end) in marks::lines(text) {
        let end = (at + line.len() + usize::from(has_end)).min(text.len());
        if line == [BREAK] {
            follows = false;
        } else {
            units.push(Unit::new(&text[at..end], follows, names));
            follows = true;
        }
        at = (end + if has_end { 0 } else { marks::CUT_END.len() }).min(text.len());
    }
    units
}

/// The clock of a line, and whether it tells of a token.
fn clock_of(unit: &Unit<'_>) -> Option<(NaiveTime, bool)> {
    let text = unit.first_line();
    let line = flexnet::parse_line(&text)?;
    let is_token = matches!(line.message, Message::Token(_));
    match line.clock {
        Clock::Time(time) => Some((time, is_token)),
        Clock::Dated(stamp) => Some((stamp.civil.time(), is_token)),
        Clock::Corrupt => None,
    }
}

/// Whether some line names its date.
pub(super) fn name_a_date(units: &[Unit<'_>]) -> bool {
    units.iter().any(|unit| flexnet::parse_line(&unit.first_line()).is_some_and(|line| line.day().is_some()))
}

/// Gives lines of one sequence their times, by their clocks and days. Where there are no days they count from the first,
/// which is as good for the order beside others.
pub(super) fn give_times(units: &mut [Unit<'_>]) {
    let mut day = NaiveDate::default();
    let mut last: Option<NaiveTime> = None;
    let first = units.iter().find_map(clock_of).map(|(clock, _)| clock);
    for unit in units {
        let clock = clock_of(unit);
        unit.timed = clock.map_or(Timed::No, |(_, is_token)| if is_token { Timed::Once } else { Timed::Daily });
        if let Some((clock, _)) = clock {
            let is_next = last.is_some_and(|last| flexnet::is_new_day(last, clock));
            day = day.succ_opt().filter(|_| is_next).unwrap_or(day);
            last = Some(clock);
        }
        let time = last.or(first).unwrap_or_default();
        let day = unit.day.unwrap_or(day);
        let seconds = day.signed_duration_since(NaiveDate::default()).num_seconds();
        unit.at = (seconds + i64::from(time.num_seconds_from_midnight())) * 2;
    }
}

/// What the first line of a sequence is dated by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// By the dates that the lines name.
    Own,
    /// It is of this day, which somebody knows.
    Known(NaiveDate),
}

/// Gives the lines of one sequence their days, and says whether they have any. Where no line names a date, they keep the
/// days under which some of them are kept.
pub(super) fn give_days(units: &mut [Unit<'_>], zone: Tz, base: Base) -> bool {
    let texts: Vec<Cow<'_, str>> = units.iter().map(Unit::first_line).collect();
    let first = match base {
        Base::Known(day) => Some(day),
        Base::Own => match Dating::first_day(texts.iter().filter_map(|text| flexnet::parse_line(text))) {
            FirstDay::Known(day) => Some(day),
            FirstDay::Unnamed { .. } => first_by_kept(units, &texts),
        },
    };
    let Some(first) = first else {
        for unit in units {
            unit.day = None;
        }
        return false;
    };
    let (mut dating, mut day) = (Dating::new(zone, first), first);
    for (unit, text) in units.iter_mut().zip(&texts) {
        // A line without a clock goes with the one before.
        if let Some(line) = flexnet::parse_line(text) {
            day = dating.next(&line).with_timezone(&zone).date_naive();
        }
        unit.day = Some(day);
    }
    true
}

/// The first day by that of the first line that is kept under one.
fn first_by_kept(units: &[Unit<'_>], texts: &[Cow<'_, str>]) -> Option<NaiveDate> {
    let at = units.iter().position(|unit| unit.is_kept && unit.day.is_some())?;
    let lines = texts[..=at].iter().filter_map(|text| flexnet::parse_line(text));
    match Dating::first_day(lines) {
        FirstDay::Unnamed { midnights } => units[at].day?.checked_sub_signed(Duration::days(midnights)),
        FirstDay::Known(day) => Some(day),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Europe::Paris;

    /// The days of lines, and the hours of their times.
    fn dated(text: &str, base: Base, kept: Option<(usize, &str)>) -> (Vec<String>, Vec<i64>) {
        let mut units = lines(text.as_bytes(), &mut Names::new());
        if let Some((at, day)) = kept {
            (units[at].day, units[at].is_kept) = (Some(day.parse().unwrap()), true);
        }
        give_days(&mut units, Paris, base);
        give_times(&mut units);
        let days = units.iter().map(|unit| unit.day.map_or("-".to_owned(), |day| day.to_string())).collect();
        let origin = units.first().map_or(0, |first| first.at);
        (days, units.iter().map(|unit| (unit.at - origin) / 7200).collect())
    }

    #[test]
    fn days_come_from_dates_from_somebody_or_from_what_is_kept() {
        let log = "23:00:00 (d) a\nno clock\n 1:00:00 (d) b\n";
        let (seventh, eighth) = ("2021-12-07", "2021-12-08");
        let hours = vec![0, 0, 2];
        assert_eq!(dated(log, Base::Own, None), (vec!["-".to_owned(); 3], hours.clone()));
        let days = [seventh, seventh, eighth].map(str::to_owned).to_vec();
        assert_eq!(dated(log, Base::Known(seventh.parse().unwrap()), None), (days.clone(), hours.clone()));
        assert_eq!(dated(log, Base::Own, Some((2, eighth))), (days.clone(), hours));
        let named = format!("{log} 2:00:00 (d) TIMESTAMP 12/8/2021\n");
        assert_eq!(
            dated(&named, Base::Own, Some((0, "2021-01-01"))).0[..3],
            days,
            "a date of the log's own counts more"
        );
    }

    #[test]
    fn marks_are_no_lines() {
        let mut names = Names::new();
        let units = lines(b"a\n\x1e\nb\x1f\n\x1e\n\nc", &mut names);
        let shown: Vec<_> = units.iter().map(|unit| (unit.text, unit.has_end(), unit.follows)).collect();
        let expected: [(&[u8], bool, bool); 4] =
            [(b"a\n", true, true), (b"b", false, false), (b"\n", true, false), (b"c", false, true)];
        assert_eq!(shown, expected);
    }
}
