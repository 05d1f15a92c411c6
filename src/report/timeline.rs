//! How use went over a period: by hours of a day, by days, weeks or months, as many as an eye can take in.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};

use super::Period;
use super::figures::{SessionKey, session_of};
use crate::config::PeriodKind;
use crate::model::{SessionRow, State};
use crate::trace::seats::{SeatHour, by_hour};

/// How a period is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A day, into its hours.
    Hours,
    /// Up to two months, into days.
    Days,
    /// Up to half a year, into ISO weeks.
    Weeks,
    /// What is longer, into months.
    Months,
}

impl Step {
    /// The step for a period: that of its kind, so that a month on its third day already looks like a month.
    pub(super) fn of(period: Period) -> Self {
        let days = (period.last() - period.first()).num_days() + 1;
        match (period.kind(), days) {
            (Some(PeriodKind::Day), _) | (None, 1) => Self::Hours,
            (Some(PeriodKind::Week | PeriodKind::Month), _) | (None, ..=62) => Self::Days,
            (None, ..=190) => Self::Weeks,
            (Some(PeriodKind::Year) | None, _) => Self::Months,
        }
    }

    /// The name under `[step]` in the texts.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Hours => "hours",
            Self::Days => "days",
            Self::Weeks => "weeks",
            Self::Months => "months",
        }
    }

    /// How long a step is at most, in seconds; the hour that autumn adds aside.
    pub(super) const fn most_s(self) -> f64 {
        match self {
            Self::Hours => 3_600.0,
            Self::Days => 86_400.0,
            Self::Weeks => 7.0 * 86_400.0,
            Self::Months => 31.0 * 86_400.0,
        }
    }

    /// The first day of the step that a day is in, and the hour.
    fn start(self, date: NaiveDate, hour: u32) -> (NaiveDate, u32) {
        match self {
            Self::Hours => (date, hour),
            Self::Days => (date, 0),
            Self::Weeks => (Period::of(PeriodKind::Week, date).first(), 0),
            Self::Months => (date.with_day(1).unwrap_or(date), 0),
        }
    }
}

/// What was used in one step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Span {
    /// Its first day, in the period.
    pub(super) date: NaiveDate,
    /// Its hour, where steps are hours.
    pub(super) hour: u32,
    /// Hours of use, in seconds.
    pub(super) seconds: i64,
    /// Token hours, in seconds.
    pub(super) token_s: i64,
    /// Different sessions that were in it.
    pub(super) sessions: usize,
    /// Different logins.
    pub(super) users: usize,
    /// The most tokens out at once.
    pub(super) peak: i64,
    /// How long all seats were taken, in seconds.
    pub(super) at_limit_s: i64,
    /// Refusals that cost time.
    pub(super) denied_true: u32,
    /// Refusals that cost none.
    pub(super) denied_false: u32,
}

/// The sessions and logins of a step.
type Seen<'a> = (BTreeSet<SessionKey<'a>>, BTreeSet<&'a str>);

/// Every step of the period, those without use too, from the rows and the seats by hour.
pub(super) fn timeline(rows: &[SessionRow], hours: &[SeatHour], period: Period) -> Vec<Span> {
    let step = Step::of(period);
    let mut spans = empty(step, period);
    let mut seen: BTreeMap<(NaiveDate, u32), Seen<'_>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.state != State::Borrowed) {
        for (hour, seconds) in by_hour(row.start, row.use_s()) {
            let start = step.start(row.date, hour);
            if let Some(span) = spans.get_mut(&start) {
                span.seconds = span.seconds.saturating_add(seconds);
                let (sessions, users) = seen.entry(start).or_default();
                sessions.insert(session_of(row));
                users.insert(row.who.login());
            }
        }
    }
    for hour in hours {
        if let Some(span) = spans.get_mut(&step.start(hour.date, hour.hour)) {
            span.token_s = span.token_s.saturating_add(hour.token_s);
            span.peak = span.peak.max(hour.peak);
            span.at_limit_s += hour.at_limit_s.unwrap_or(0);
            span.denied_true += hour.denied_true;
            span.denied_false += hour.denied_false;
        }
    }
    for (start, (sessions, users)) in seen {
        if let Some(span) = spans.get_mut(&start) {
            (span.sessions, span.users) = (sessions.len(), users.len());
        }
    }
    spans.into_values().collect()
}

/// Most days that are looked at one by one: what has more (`0001-01-01` to `9999-12-31`) shows those that it begins with.
const MOST_DAYS: usize = 20_000;

fn empty(step: Step, period: Period) -> BTreeMap<(NaiveDate, u32), Span> {
    let mut spans = BTreeMap::new();
    for date in period.first().iter_days().take_while(|date| *date <= period.last()).take(MOST_DAYS) {
        for hour in 0..if step == Step::Hours { 24 } else { 1 } {
            spans.entry(step.start(date, hour)).or_insert(Span { date, hour, ..Span::default() });
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{self, row};
    use crate::trace::seats::{Known, Seats, hours};
    use chrono_tz::Europe::Paris;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn steps_are_as_long_as_an_eye_can_take_in() {
        let on = date("2021-12-14");
        for (period, step, count) in [
            (Period::of(PeriodKind::Day, on), Step::Hours, 24),
            (Period::range(on, on), Step::Hours, 24),
            (Period::of(PeriodKind::Week, on), Step::Days, 7),
            (Period::of(PeriodKind::Month, on).until(on), Step::Days, 14),
            (Period::range(date("2021-11-20"), on), Step::Days, 25),
            (Period::range(date("2021-10-01"), on), Step::Weeks, 12),
            (Period::of(PeriodKind::Year, on), Step::Months, 12),
            (Period::range(date("2020-12-31"), on), Step::Months, 13),
        ] {
            assert_eq!((Step::of(period), timeline(&[], &[], period).len()), (step, count), "{period:?}");
        }
        assert!(timeline(&[], &[], Period::range(NaiveDate::MIN, NaiveDate::MAX)).len() <= MOST_DAYS);
    }

    #[test]
    fn a_step_begins_in_the_period() {
        let spans = timeline(&[], &[], Period::range(date("2021-10-01"), date("2021-12-14")));
        assert_eq!(spans[0].date, date("2021-10-01"), "a Friday, and not the Monday before");
        assert_eq!(spans[1].date, date("2021-10-04"));
    }

    #[test]
    fn steps_add_up_to_the_period_in_every_way_to_cut_it() {
        let (rows, holds) = (sample::rows(), sample::holds());
        let seats = hours(&holds, &sample::denials(), &Seats::always(3), &Known::default(), Paris);
        for period in [
            Period::of(PeriodKind::Month, date("2021-12-14")),
            Period::of(PeriodKind::Year, date("2021-12-14")),
            Period::range(date("2021-10-01"), date("2021-12-31")),
        ] {
            let spans = timeline(&rows, &seats, period);
            let sum = |of: fn(&Span) -> i64| spans.iter().map(of).sum::<i64>();
            assert_eq!(sum(|span| span.seconds), rows.iter().map(|row| row.duration_s).sum::<i64>());
            assert_eq!(sum(|span| span.token_s), seats.iter().map(|hour| hour.token_s).sum::<i64>());
            assert_eq!(sum(|span| span.denied_true.into()), 1);
            assert_eq!(spans.iter().map(|span| span.peak).max(), Some(3));
        }
        let day = timeline(&rows, &seats, Period::of(PeriodKind::Day, date("2021-12-10")));
        let used: Vec<_> = day.iter().filter(|span| span.seconds > 0).map(|s| (s.hour, s.seconds, s.users)).collect();
        assert_eq!(used, [(14, 7_200, 2), (15, 1_861, 2)]);
    }

    #[test]
    fn the_hours_of_a_row_are_its_length() {
        let of = |length| {
            let row = row("anna", "PC-1", 14, 9, length);
            by_hour(row.start, row.duration_s)
        };
        assert_eq!(of(5_400), [(9, 3_600), (10, 1_800)]);
        assert_eq!(of(0), [(9, 0)], "a session of no second was there");
        assert_eq!(of(-5), [(9, 0)]);
    }
}
