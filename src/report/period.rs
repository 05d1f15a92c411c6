//! The days that a workbook covers: arithmetic, words, and the part of a file's name.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Days, Duration, Months, NaiveDate, Utc};
use chrono_tz::Tz;

use crate::config::PeriodKind;
use crate::parse::datetime::{end_of_day, start_of_day};
use crate::texts::Texts;

/// The calendar days that a workbook covers, both ends included.
///
/// ```
/// # use jeton::{config::PeriodKind, report::Period, texts::Language};
/// let today = chrono::NaiveDate::from_ymd_opt(2021, 12, 14).unwrap();
/// let month = Period::of(PeriodKind::Month, today).until(today);
/// assert_eq!(month.part(), "2021-12");
/// assert_eq!(month.label(Language::French.texts()), "décembre 2021, du 1er au 14");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The calendar unit; none for a range of days.
    kind: Option<PeriodKind>,
    first: NaiveDate,
    last: NaiveDate,
}

impl Period {
    /// The day, ISO week (Monday to Sunday), month or year in which this date is.
    pub fn of(kind: PeriodKind, date: NaiveDate) -> Self {
        let (first, last) = match kind {
            PeriodKind::Day => (date, date),
            PeriodKind::Week => {
                let monday = later(date, -i64::from(date.weekday().num_days_from_monday()));
                (monday, later(monday, 6))
            }
            PeriodKind::Month => {
                let first = date.with_day(1).unwrap_or(date);
                (first, last_before(first.checked_add_months(Months::new(1))))
            }
            PeriodKind::Year => {
                let first = date.with_ordinal(1).unwrap_or(date);
                (first, last_before(first.checked_add_months(Months::new(12))))
            }
        };
        Self { kind: Some(kind), first, last }
    }

    /// The days from `first` to `last`, in whichever order they are given.
    pub fn range(first: NaiveDate, last: NaiveDate) -> Self {
        Self { kind: None, first: first.min(last), last: first.max(last) }
    }

    /// This period without the days after `last`, which are not over yet; its first day always stays.
    #[must_use]
    pub fn until(self, last: NaiveDate) -> Self {
        Self { last: self.last.min(last).max(self.first), ..self }
    }

    /// Whether it is a whole calendar unit, as far as its days go; a range of days is what it is.
    pub fn is_whole(&self) -> bool {
        self.kind.is_none_or(|kind| *self == Self::of(kind, self.first))
    }

    /// The first day.
    pub const fn first(&self) -> NaiveDate {
        self.first
    }

    /// The last day, included.
    pub const fn last(&self) -> NaiveDate {
        self.last
    }

    /// The calendar unit; none for a range of days.
    pub const fn kind(&self) -> Option<PeriodKind> {
        self.kind
    }

    /// The period before, to compare with: of a period that is not over, as many of the first days of the one before,
    /// so that half a month is not measured against a whole one.
    #[must_use]
    pub fn previous(&self) -> Self {
        let day_before = later(self.first, -1);
        let days = (self.last - self.first).num_days();
        let Some(kind) = self.kind else {
            return Self { kind: None, first: later(day_before, -days), last: day_before };
        };
        let whole = Self::of(kind, day_before);
        if self.is_whole() { whole } else { whole.until(later(whole.first, days)) }
    }

    /// The longest calendar unit that is shorter than this period and of which none has more than `most` of these days' rows.
    pub fn shorter(&self, days: impl IntoIterator<Item = NaiveDate>, most: usize) -> Option<PeriodKind> {
        let mut rows: BTreeMap<NaiveDate, usize> = BTreeMap::new();
        for day in days {
            *rows.entry(day).or_default() += 1;
        }
        let length = self.last - self.first;
        [PeriodKind::Year, PeriodKind::Month, PeriodKind::Week, PeriodKind::Day].into_iter().find(|kind| {
            let unit = |day: NaiveDate| Self::of(*kind, day);
            let mut units: BTreeMap<NaiveDate, usize> = BTreeMap::new();
            for (day, count) in &rows {
                *units.entry(unit(*day).first).or_default() += count;
            }
            let whole = unit(self.first);
            whole.last - whole.first < length && units.values().all(|count| *count <= most)
        })
    }

    /// The first instant of the period and the first one after it: midnights of the zone.
    pub fn bounds(&self, zone: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
        (start_of_day(self.first, zone), end_of_day(self.last, zone))
    }

    /// The part of a file's name: `2021-12-14`, `2021-W50`, `2021-12`, `2021`, `2021-12-01_2021-12-14`.
    pub fn part(&self) -> String {
        match self.kind {
            Some(PeriodKind::Day) => self.first.to_string(),
            Some(PeriodKind::Week) => {
                let week = self.first.iso_week();
                format!("{}-W{:02}", week.year(), week.week())
            }
            Some(PeriodKind::Month) => format!("{:04}-{:02}", self.first.year(), self.first.month()),
            Some(PeriodKind::Year) => format!("{:04}", self.first.year()),
            None => format!("{}_{}", self.first, self.last),
        }
    }

    /// The period whose part of a file's name this is.
    pub fn of_part(text: &str) -> Option<Self> {
        let day = |text: &str| text.parse::<NaiveDate>().ok();
        let period = match (text.split_once('_'), text.split_once("-W")) {
            (Some((first, last)), _) => Self::range(day(first)?, day(last)?),
            (_, Some((year, week))) => {
                let monday = NaiveDate::from_isoywd_opt(year.parse().ok()?, week.parse().ok()?, chrono::Weekday::Mon)?;
                Self::of(PeriodKind::Week, monday)
            }
            _ => match text.len() {
                10 => Self::of(PeriodKind::Day, day(text)?),
                7 => Self::of(PeriodKind::Month, day(&format!("{text}-01"))?),
                4 => Self::of(PeriodKind::Year, day(&format!("{text}-01-01"))?),
                _ => return None,
            },
        };
        (period.part() == text).then_some(period)
    }

    /// The period in words: `décembre 2021, du 1er au 14`.
    pub fn label(&self, texts: &Texts) -> String {
        let whole = self.is_whole();
        let year = self.first.year().to_string();
        match self.kind {
            Some(PeriodKind::Day) => day(texts, self.first),
            None if self.first == self.last => day(texts, self.first),
            None => self.days("range", texts),
            Some(PeriodKind::Week) => {
                let week = self.first.iso_week().week().to_string();
                texts.fill("period.week", &[("week", &week), ("days", &self.days("range", texts))])
            }
            Some(kind) => {
                let unit = if kind == PeriodKind::Month { "period.month" } else { "period.year" };
                let unit = texts.fill(unit, &[("month", month(texts, self.first)), ("year", &year)]);
                if whole { unit } else { format!("{unit}, {}", self.days("part", texts)) }
            }
        }
    }

    /// The days from first to last with as few words as tell them: `style` is `range`, with the year, or `part`, within
    /// a unit that was named before.
    fn days(&self, style: &str, texts: &Texts) -> String {
        let (first, last) = (self.first, self.last);
        let form = match (first.year() == last.year(), first.month() == last.month()) {
            _ if first == last => "day",
            (true, true) if style == "range" || self.kind == Some(PeriodKind::Month) => "month",
            (true, _) => "year",
            (false, _) => "years",
        };
        texts.fill(
            &format!("period.{style}_{form}"),
            &[
                ("first", &day_number(texts, first)),
                ("last", &day_number(texts, last)),
                ("first_month", month(texts, first)),
                ("last_month", month(texts, last)),
                ("first_year", &first.year().to_string()),
                ("last_year", &last.year().to_string()),
            ],
        )
    }
}

/// A day in words: `mardi 14 décembre 2021`.
pub fn day(texts: &Texts, date: NaiveDate) -> String {
    texts.fill(
        "period.day",
        &[
            ("weekday", weekday(texts, date)),
            ("day", &day_number(texts, date)),
            ("month", month(texts, date)),
            ("year", &date.year().to_string()),
        ],
    )
}

/// The name of a day's weekday: `mardi`.
pub fn weekday(texts: &Texts, date: NaiveDate) -> &str {
    const PATHS: [&str; 7] =
        ["weekday.1", "weekday.2", "weekday.3", "weekday.4", "weekday.5", "weekday.6", "weekday.7"];
    texts.get(PATHS[date.weekday().num_days_from_monday() as usize])
}

fn month(texts: &Texts, date: NaiveDate) -> &str {
    texts.find(&format!("month.{}", date.month())).unwrap_or_default()
}

fn day_number(texts: &Texts, date: NaiveDate) -> String {
    // French says « le 1er décembre », and plain numbers for all the other days.
    if date.day() == 1 { texts.get("period.first_of_month").to_owned() } else { date.day().to_string() }
}

/// A date some days later; the same one at the ends of the calendar (year 262,143).
fn later(date: NaiveDate, days: i64) -> NaiveDate {
    date.checked_add_signed(Duration::days(days)).unwrap_or(date)
}

fn last_before(first: Option<NaiveDate>) -> NaiveDate {
    first.and_then(|first| first.checked_sub_days(Days::new(1))).unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_of_a_name_says_the_period() {
        let date = "2021-12-31".parse().unwrap();
        let kinds = [PeriodKind::Day, PeriodKind::Week, PeriodKind::Month, PeriodKind::Year];
        for period in kinds.map(|kind| Period::of(kind, date)).into_iter().chain([Period::range(date, date)]) {
            assert_eq!(Period::of_part(&period.part()), Some(period), "{}", period.part());
        }
        for text in ["", "reports", "2021-13", "2021-W54", "21", "2021-12-08_", "2021-12-09_2021-12-08", "20211208"] {
            assert_eq!(Period::of_part(text), None, "{text}");
        }
    }
    use crate::texts::Language;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn periods_know_their_days_their_file_name_and_their_words() {
        use PeriodKind::{Day, Month, Week, Year};
        for (kind, on, first, last, part, french, english) in [
            (
                Day,
                "2021-12-14",
                "2021-12-14",
                "2021-12-14",
                "2021-12-14",
                "mardi 14 décembre 2021",
                "Tuesday 14 December 2021",
            ),
            (
                Day,
                "2021-12-01",
                "2021-12-01",
                "2021-12-01",
                "2021-12-01",
                "mercredi 1er décembre 2021",
                "Wednesday 1 December 2021",
            ),
            (
                Week,
                "2021-12-14",
                "2021-12-13",
                "2021-12-19",
                "2021-W50",
                "semaine 50, du 13 au 19 décembre 2021",
                "week 50, 13 to 19 December 2021",
            ),
            (
                Week,
                "2022-01-01",
                "2021-12-27",
                "2022-01-02",
                "2021-W52",
                "semaine 52, du 27 décembre 2021 au 2 janvier 2022",
                "week 52, 27 December 2021 to 2 January 2022",
            ),
            (
                Week,
                "2022-03-01",
                "2022-02-28",
                "2022-03-06",
                "2022-W09",
                "semaine 9, du 28 février au 6 mars 2022",
                "week 9, 28 February to 6 March 2022",
            ),
            (Month, "2024-02-10", "2024-02-01", "2024-02-29", "2024-02", "février 2024", "February 2024"),
            (Month, "2021-12-31", "2021-12-01", "2021-12-31", "2021-12", "décembre 2021", "December 2021"),
            (Year, "2021-12-14", "2021-01-01", "2021-12-31", "2021", "année 2021", "year 2021"),
        ] {
            let period = Period::of(kind, date(on));
            assert_eq!((period.first(), period.last()), (date(first), date(last)), "{on}");
            assert_eq!(period.part(), part);
            assert_eq!(period.label(Language::French.texts()), french);
            assert_eq!(period.label(Language::English.texts()), english);
        }
    }

    #[test]
    fn a_period_that_is_not_over_says_which_days_it_has() {
        for (kind, on, until, french) in [
            (PeriodKind::Month, "2021-12-14", "2021-12-14", "décembre 2021, du 1er au 14"),
            (PeriodKind::Month, "2021-12-14", "2021-12-01", "décembre 2021, le 1er"),
            (PeriodKind::Month, "2021-12-14", "2022-01-05", "décembre 2021"),
            (PeriodKind::Year, "2021-12-14", "2021-12-14", "année 2021, du 1er janvier au 14 décembre"),
            (PeriodKind::Year, "2021-12-14", "2021-01-14", "année 2021, du 1er janvier au 14 janvier"),
            (PeriodKind::Week, "2021-12-14", "2021-12-14", "semaine 50, du 13 au 14 décembre 2021"),
            (PeriodKind::Week, "2021-12-14", "2021-12-13", "semaine 50, le 13 décembre 2021"),
        ] {
            assert_eq!(Period::of(kind, date(on)).until(date(until)).label(Language::French.texts()), french);
        }
    }

    #[test]
    fn ranges_name_each_month_and_year_once() {
        for (first, last, french) in [
            ("2021-12-01", "2021-12-14", "du 1er au 14 décembre 2021"),
            ("2021-12-14", "2021-12-01", "du 1er au 14 décembre 2021"),
            ("2021-11-28", "2021-12-03", "du 28 novembre au 3 décembre 2021"),
            ("2021-12-28", "2022-01-03", "du 28 décembre 2021 au 3 janvier 2022"),
            ("2021-12-28", "2021-12-28", "mardi 28 décembre 2021"),
        ] {
            assert_eq!(Period::range(date(first), date(last)).label(Language::French.texts()), french);
        }
        assert_eq!(Period::range(date("2021-12-14"), date("2021-12-01")).part(), "2021-12-01_2021-12-14");
    }

    #[test]
    fn the_period_before_is_as_long_as_far_as_the_calendar_lets_it() {
        let days = |period: Period| (period.first().to_string(), period.last().to_string());
        for (period, first, last) in [
            (Period::of(PeriodKind::Day, date("2022-01-01")), "2021-12-31", "2021-12-31"),
            (Period::of(PeriodKind::Week, date("2022-01-05")), "2021-12-27", "2022-01-02"),
            (Period::of(PeriodKind::Month, date("2022-03-05")), "2022-02-01", "2022-02-28"),
            (Period::of(PeriodKind::Month, date("2022-03-05")).until(date("2022-03-14")), "2022-02-01", "2022-02-14"),
            (Period::of(PeriodKind::Month, date("2022-03-05")).until(date("2022-03-30")), "2022-02-01", "2022-02-28"),
            (Period::of(PeriodKind::Year, date("2022-03-05")), "2021-01-01", "2021-12-31"),
            (Period::range(date("2021-12-11"), date("2021-12-20")), "2021-12-01", "2021-12-10"),
        ] {
            assert_eq!(days(period.previous()), (first.to_owned(), last.to_owned()));
        }
    }

    #[test]
    fn the_shorter_period_is_the_longest_that_fits() {
        let year = Period::of(PeriodKind::Year, date("2021-12-14"));
        let days = |count: usize, on: &[&str]| -> Vec<NaiveDate> {
            on.iter().flat_map(|on| std::iter::repeat_n(date(on), count)).collect()
        };
        let spread = days(10, &["2021-01-04", "2021-03-01", "2021-03-31", "2021-11-05"]);
        for (period, most, expected) in [
            (year, 20, Some(PeriodKind::Month)),
            (year, 19, Some(PeriodKind::Week)),
            (year, 9, None),
            (Period::of(PeriodKind::Month, date("2021-03-05")), 20, Some(PeriodKind::Week)),
            (Period::of(PeriodKind::Day, date("2021-03-01")), 20, None),
            (Period::range(date("2020-01-01"), date("2021-12-31")), 40, Some(PeriodKind::Year)),
        ] {
            assert_eq!(period.shorter(spread.iter().copied(), most), expected, "{period:?}, {most}");
        }
        let one_week = days(10, &["2021-03-01", "2021-03-02"]);
        assert_eq!(year.shorter(one_week, 10), Some(PeriodKind::Day));
    }

    #[test]
    fn bounds_are_the_midnights_of_the_zone_even_where_clocks_skip_them() {
        let bounds = |day: &str, zone: Tz| Period::of(PeriodKind::Day, date(day)).bounds(zone);
        let (from, to) = bounds("2021-10-31", Tz::Europe__Paris);
        assert_eq!((to - from).num_hours(), 25);
        let (from, to) = bounds("2021-03-28", Tz::Asia__Beirut);
        assert_eq!((to - from).num_hours(), 23);
    }

    #[test]
    fn the_ends_of_the_calendar_do_not_panic() {
        for on in [NaiveDate::MIN, NaiveDate::MAX] {
            for kind in [PeriodKind::Day, PeriodKind::Week, PeriodKind::Month, PeriodKind::Year] {
                let period = Period::of(kind, on);
                period.previous().bounds(Tz::Europe__Paris);
                period.bounds(Tz::Pacific__Apia);
                period.label(Language::French.texts());
            }
        }
    }
}
