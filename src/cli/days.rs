//! Days as people name them, and the days that cannot be asked for: the wrong way round, or not begun.
//!
//! What today is, is known once the traces are read: that of a replay is the day of its newest trace.

use std::str::FromStr;

use chrono::{Datelike, Days as CalendarDays, NaiveDate, Weekday};

use super::arguments::{NightlyOptions, ReportOptions, SpanOptions};
use crate::config::PeriodKind;
use crate::pipeline::{Asked, Days};
use crate::report::Period;

/// A day as people name it; or a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    Today,
    /// So many days ago.
    Ago(u32),
    /// The last such day, today included.
    Last(Weekday),
    On(NaiveDate),
    /// The month that begins with this day.
    Month(NaiveDate),
}

/// What days are called, beside dates and `-7`.
const NAMES: [(&str, Day); 19] = [
    ("today", Day::Today),
    ("yesterday", Day::Ago(1)),
    ("aujourd'hui", Day::Today),
    ("aujourd’hui", Day::Today),
    ("hier", Day::Ago(1)),
    ("monday", Day::Last(Weekday::Mon)),
    ("tuesday", Day::Last(Weekday::Tue)),
    ("wednesday", Day::Last(Weekday::Wed)),
    ("thursday", Day::Last(Weekday::Thu)),
    ("friday", Day::Last(Weekday::Fri)),
    ("saturday", Day::Last(Weekday::Sat)),
    ("sunday", Day::Last(Weekday::Sun)),
    ("lundi", Day::Last(Weekday::Mon)),
    ("mardi", Day::Last(Weekday::Tue)),
    ("mercredi", Day::Last(Weekday::Wed)),
    ("jeudi", Day::Last(Weekday::Thu)),
    ("vendredi", Day::Last(Weekday::Fri)),
    ("samedi", Day::Last(Weekday::Sat)),
    ("dimanche", Day::Last(Weekday::Sun)),
];

/// Days that cannot be asked for: wrong usage, found out when today is known.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct WrongDays(String);

impl Day {
    /// The day itself, where today is `today`; the first one of a month.
    pub(super) fn on(self, today: NaiveDate) -> NaiveDate {
        match self {
            Self::Today => today,
            Self::Ago(days) => today.checked_sub_days(CalendarDays::new(days.into())).unwrap_or(NaiveDate::MIN),
            Self::Last(weekday) => Self::Ago(today.weekday().days_since(weekday)).on(today),
            Self::On(date) | Self::Month(date) => date,
        }
    }

    /// The same; of a month the last day.
    pub(super) fn last_on(self, today: NaiveDate) -> NaiveDate {
        match self {
            Self::Month(first) => Period::of(PeriodKind::Month, first).last(),
            day => day.on(today),
        }
    }

    /// An option with its day, as it was given: `--until yesterday` (2021-12-09).
    fn shown(self, option: &str, today: NaiveDate) -> String {
        let name = NAMES.iter().find(|(_, day)| *day == self).map(|(name, _)| (*name).to_owned());
        match (self, name) {
            (Self::On(date), _) => format!("`{option} {date}`"),
            (Self::Month(first), _) => format!("`{option} {}`", first.format("%Y-%m")),
            (Self::Ago(days), None) => format!("`{option} -{days}` ({})", self.on(today)),
            (_, name) => format!("`{option} {}` ({})", name.unwrap_or_default(), self.on(today)),
        }
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = text.trim().to_lowercase();
        let named = NAMES.iter().find(|(name, _)| *name == wanted).map(|(_, day)| *day);
        let ago = || wanted.strip_prefix('-')?.parse().ok().map(Self::Ago);
        let month = || format!("{wanted}-01").parse().ok().map(Self::Month);
        named.or_else(ago).or_else(|| wanted.parse().ok().map(Self::On)).or_else(month).ok_or_else(|| {
            format!(
                "expected `today`, `yesterday`, a weekday, `-7` for a week ago, a date such as `2021-12-31` or a month \
                 such as `2021-12`, found `{text}`"
            )
        })
    }
}

impl SpanOptions {
    /// The days: one, or a span that is open at the ends that nothing was said of. An end that is not over yet is an open one.
    pub(super) fn days(self, today: NaiveDate) -> Result<Days, WrongDays> {
        if let Some(day) = self.date {
            return Ok(Days { first: day.on(today), last: day.last_on(today) });
        }
        if let (Some(since), Some(until)) = (self.since, self.until) {
            in_order(("--since", since), ("--until", until), today)?;
        }
        Ok(Days {
            first: self.since.map_or(NaiveDate::MIN, |day| day.on(today)),
            last: self.until.map_or(NaiveDate::MAX, |day| day.last_on(today)),
        })
    }
}

impl NightlyOptions {
    /// The days to do, none of them after today: what is written must be known.
    pub(super) fn days(&self, today: NaiveDate) -> Result<Asked, WrongDays> {
        let last = self.date.last_on(today);
        if last > today {
            return Err(not_begun(&self.date.shown("--date", today), "is", today));
        }
        if let Some(since) = self.since {
            in_order(("--since", since), ("--date", self.date), today)?;
        }
        Ok(Asked { since: self.since.map(|day| day.on(today)), last })
    }
}

impl ReportOptions {
    /// The period, or the days in its place, up to today where it is not over.
    pub(super) fn period(&self, kind: PeriodKind, today: NaiveDate) -> Result<Period, WrongDays> {
        if let Some(since) = self.since {
            if since.on(today) > today {
                return Err(not_begun(&since.shown("--since", today), "is", today));
            }
            if let Some(until) = self.until {
                in_order(("--since", since), ("--until", until), today)?;
            }
            let last = self.until.map_or(today, |until| until.last_on(today).min(today));
            return Ok(Period::range(since.on(today), last));
        }
        let whole = Period::of(kind, self.date.on(today));
        if whole.first() > today {
            return Err(not_begun(&self.date.shown("--date", today), "names a period that begins", today));
        }
        Ok(whole.until(today.min(whole.last())))
    }
}

fn in_order(first: (&str, Day), last: (&str, Day), today: NaiveDate) -> Result<(), WrongDays> {
    if first.1.on(today) <= last.1.last_on(today) {
        return Ok(());
    }
    let [first, last] = [first, last].map(|(option, day)| day.shown(option, today));
    Err(WrongDays(format!("{first} is after {last}")))
}

fn not_begun(option: &str, verb: &str, today: NaiveDate) -> WrongDays {
    let hint = "give today or a day before it; today is in a replay the day of its newest trace";
    WrongDays(format!("{option} {verb} after today, {today}\nhint: {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: NaiveDate = NaiveDate::from_ymd_opt(2021, 12, 10).unwrap();

    fn on(day: &str) -> Day {
        day.parse().unwrap()
    }

    fn told<T>(days: Result<T, WrongDays>) -> String {
        days.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn days_are_called_as_people_call_them() {
        // A Wednesday.
        let today = NaiveDate::from_ymd_opt(2022, 3, 2).unwrap();
        for (text, first, last) in [
            ("today", "2022-03-02", "2022-03-02"),
            ("Aujourd'hui", "2022-03-02", "2022-03-02"),
            ("yesterday", "2022-03-01", "2022-03-01"),
            ("hier", "2022-03-01", "2022-03-01"),
            ("-0", "2022-03-02", "2022-03-02"),
            ("-7", "2022-02-23", "2022-02-23"),
            ("wednesday", "2022-03-02", "2022-03-02"),
            ("Thursday", "2022-02-24", "2022-02-24"),
            ("lundi", "2022-02-28", "2022-02-28"),
            ("dimanche", "2022-02-27", "2022-02-27"),
            ("2021-12-08", "2021-12-08", "2021-12-08"),
            ("2022-02", "2022-02-01", "2022-02-28"),
        ] {
            let day = on(text);
            assert_eq!(
                (day.on(today).to_string(), day.last_on(today).to_string()),
                (first.into(), last.into()),
                "{text}"
            );
        }
        for text in ["8/12/2021", "tomorrow", "2021-13-01", "2021-13", "2021", "", "7", "-", "--7", "-9999999999"] {
            text.parse::<Day>().unwrap_err();
        }
    }

    #[test]
    fn a_month_is_all_of_its_days() {
        let december = SpanOptions { date: Some(on("2021-12")), ..SpanOptions::default() };
        let day = |month, day| NaiveDate::from_ymd_opt(2021, month, day).unwrap();
        assert_eq!(december.days(TODAY), Ok(Days { first: day(12, 1), last: day(12, 31) }));
        let both = SpanOptions { since: Some(on("2021-11")), until: Some(on("2021-11")), date: None };
        assert_eq!(both.days(TODAY), Ok(Days { first: day(11, 1), last: day(11, 30) }));
    }

    #[test]
    fn a_span_is_in_order_and_its_end_may_lie_ahead() {
        for (since, until, error) in [
            ("2021-12-09", "2021-12-09", ""),
            ("yesterday", "2030-01-01", ""),
            ("2021-12-10", "2021-12-09", "`--since 2021-12-10` is after `--until 2021-12-09`"),
            ("today", "yesterday", "`--since today` (2021-12-10) is after `--until yesterday` (2021-12-09)"),
            ("today", "2021-12-09", "`--since today` (2021-12-10) is after `--until 2021-12-09`"),
        ] {
            let span = SpanOptions { date: None, since: Some(on(since)), until: Some(on(until)) };
            assert_eq!(told(span.days(TODAY)), error, "{since} {until}");
        }
        assert_eq!(SpanOptions::default().days(TODAY), Ok(Days::ALL));
    }

    #[test]
    fn a_night_ends_today_at_the_latest() {
        for (since, date, error) in [
            (None, "today", ""),
            (Some("2021-12-10"), "2021-12-10", ""),
            (None, "2021-12-11", "`--date 2021-12-11` is after today, 2021-12-10\n"),
            (Some("2021-12-12"), "today", "`--since 2021-12-12` is after `--date today` (2021-12-10)"),
            (Some("2021-12-12"), "2021-12-13", "`--date 2021-12-13` is after today, 2021-12-10\n"),
        ] {
            let options =
                NightlyOptions { date: on(date), since: since.map(on), no_push: true, dry_run: false, json: false };
            let told = told(options.days(TODAY));
            assert!(told.starts_with(error) && told.is_empty() == error.is_empty(), "{since:?} {date}: {told}");
        }
    }

    #[test]
    fn a_period_has_begun() {
        for (kind, date, last) in [
            (PeriodKind::Month, "2021-12-31", Some("2021-12-10")),
            (PeriodKind::Month, "2021-11-02", Some("2021-11-30")),
            (PeriodKind::Month, "2022-01-01", None),
            (PeriodKind::Day, "2021-12-11", None),
            (PeriodKind::Week, "2021-12-12", Some("2021-12-10")),
        ] {
            let options = ReportOptions { period: None, date: on(date), since: None, until: None, department: None };
            let period = options.period(kind, TODAY);
            assert_eq!(period.as_ref().ok().map(|period| period.last().to_string()).as_deref(), last, "{date}");
            assert_eq!(told(period).contains("names a period that begins after today, 2021-12-10"), last.is_none());
        }
    }
    #[test]
    fn any_days_are_a_period() {
        for (since, until, expected) in [
            ("2021-12-01", Some("2021-12-05"), Ok("2021-12-01_2021-12-05")),
            ("2021-12-01", None, Ok("2021-12-01_2021-12-10")),
            ("2021-12-01", Some("2021-12-31"), Ok("2021-12-01_2021-12-10")),
            ("today", None, Ok("2021-12-10_2021-12-10")),
            ("2021-12-11", None, Err("`--since 2021-12-11` is after today")),
            ("2021-12-05", Some("2021-12-01"), Err("`--since 2021-12-05` is after `--until 2021-12-01`")),
        ] {
            let (since, until) = (Some(on(since)), until.map(on));
            let options = ReportOptions { period: None, date: on("today"), since, until, department: None };
            match (options.period(PeriodKind::Month, TODAY), expected) {
                (Ok(period), Ok(expected)) => assert_eq!(period.part(), expected),
                (Err(error), Err(expected)) => assert!(error.to_string().starts_with(expected), "{error}"),
                (other, _) => panic!("{expected:?}: {other:?}"),
            }
        }
    }
}
