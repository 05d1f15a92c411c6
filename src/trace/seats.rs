//! How many tokens were out at once.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Duration, NaiveDate, Timelike, Utc};
use chrono_tz::Tz;

use crate::model::{Denial, Duplicates, Feature, Hold};
use crate::parse::datetime::{civil_moment, end_of_day, start_of_day};

/// A change of the number of seats taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    at: DateTime<Utc>,
    kind: StepKind,
    change: i64,
}

/// At one instant tokens are given back before others are taken, or whoever takes over a seat would count twice; but one
/// that is taken and given back in the same second was out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum StepKind {
    Back,
    Out,
    BackAtOnce,
}

/// The changes between two moments, in their order. Checkouts that share a token are one.
fn steps(holds: &[Hold], seats: &Seats, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::with_capacity(2 * holds.len());
    let mut groups: BTreeMap<(&Feature, (&str, &str)), Vec<Step>> = BTreeMap::new();
    for hold in holds.iter().filter(|hold| hold.start < to && (hold.end > from || hold.start >= from)) {
        let (start, end) = (hold.start.max(from), hold.end.min(to));
        let licences = i64::from(hold.licences);
        let back = if end > start { StepKind::Back } else { StepKind::BackAtOnce };
        let own = [
            Step { at: start, kind: StepKind::Out, change: licences },
            Step { at: end.max(start), kind: back, change: -licences },
        ];
        match seats.duplicates_on(hold.start.date_naive()).key(&hold.who) {
            Some(key) => groups.entry((&hold.feature, key)).or_default().extend(own),
            None => steps.extend(own),
        }
    }
    for group in groups.into_values() {
        steps.extend(shared(group));
    }
    steps.sort_unstable();
    steps
}

/// The changes of checkouts that share a token: as many are taken as the largest of them takes.
fn shared(mut steps: Vec<Step>) -> impl Iterator<Item = Step> {
    steps.sort_unstable();
    let mut out: BTreeMap<i64, usize> = BTreeMap::new();
    let mut taken = 0;
    steps.into_iter().filter_map(move |step| {
        if step.change > 0 {
            *out.entry(step.change).or_default() += 1;
        } else if let Some(n) = out.get_mut(&-step.change) {
            *n -= 1;
            if *n == 0 {
                out.remove(&-step.change);
            }
        }
        let most = out.keys().next_back().copied().unwrap_or(0);
        let change = most - std::mem::replace(&mut taken, most);
        (change != 0).then_some(Step { change, ..step })
    })
}

/// The most seats taken at one instant between two.
pub fn peak(holds: &[Hold], seats: &Seats, from: DateTime<Utc>, to: DateTime<Utc>) -> u64 {
    let taken = steps(holds, seats, from, to).into_iter().scan(0_i64, |taken, step| {
        *taken += step.change;
        Some(*taken)
    });
    taken.max().and_then(|most| u64::try_from(most).ok()).unwrap_or(0)
}

/// How many seats are taken at a moment, by tokens that are out then: the fewest and the most of the minute that begins there.
pub fn taken_in_minute(holds: &[Hold], seats: &Seats, at: DateTime<Utc>) -> (u64, u64) {
    let until = at + Duration::minutes(1);
    let near: Vec<Hold> = holds.iter().filter(|hold| hold.start <= until && hold.end >= at).cloned().collect();
    let (early, late) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
    let (mut taken, mut fewest, mut most) = (0_i64, None, 0);
    for step in steps(&near, seats, early, late).into_iter().take_while(|step| step.at <= until) {
        if step.at >= at {
            fewest = Some(fewest.unwrap_or(taken).min(taken));
            most = most.max(taken);
        }
        taken += step.change;
    }
    let count = |taken: i64| u64::try_from(taken).unwrap_or(0);
    (count(fewest.unwrap_or(taken).min(taken)), count(most.max(taken)))
}

/// How long exactly so many seats were taken between two moments, in seconds, by their number from 0 on, as far as they went.
pub fn levels(holds: &[Hold], seats: &Seats, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<i64> {
    let mut levels = vec![0];
    let (mut taken, mut since) = (0_i64, from);
    let end = Step { at: to, kind: StepKind::BackAtOnce, change: 0 };
    for step in steps(holds, seats, from, to).into_iter().chain([end]) {
        let level = usize::try_from(taken).unwrap_or(0);
        if step.at > since {
            if levels.len() <= level {
                levels.resize(level + 1, 0);
            }
            levels[level] += (step.at - since).num_seconds();
            since = step.at;
        }
        taken += step.change;
    }
    levels
}

/// How many tokens there are, and which checkouts share one, with the days from which on it is so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seats {
    counts: Vec<(NaiveDate, u32)>,
    duplicates: Vec<(NaiveDate, Duplicates)>,
}

impl Seats {
    /// So many, on all days.
    pub fn always(count: u32) -> Self {
        Self::dated(vec![(NaiveDate::MIN, count)])
    }

    /// So many from each day on.
    pub fn dated(mut counts: Vec<(NaiveDate, u32)>) -> Self {
        counts.sort_unstable();
        Self { counts, duplicates: Vec::new() }
    }

    /// The same, where checkouts share tokens in these ways, each from its day on, in the order of the days.
    #[must_use]
    pub fn sharing(self, duplicates: Vec<(NaiveDate, Duplicates)>) -> Self {
        Self { duplicates, ..self }
    }

    /// How many there are on a day: before the first that is known, as many as then. `None` where nothing is known.
    pub fn on(&self, day: NaiveDate) -> Option<u32> {
        on(&self.counts, day)
    }

    /// Which checkouts share a token on a day: before the first that is known, those of then.
    pub fn duplicates_on(&self, day: NaiveDate) -> Duplicates {
        on(&self.duplicates, day).unwrap_or_default()
    }

    /// Whether any checkouts share a token.
    fn is_sharing(&self) -> bool {
        self.duplicates.iter().any(|(_, duplicates)| *duplicates != Duplicates::Never)
    }
}

/// The value of a day, of values from days on, in their order.
fn on<T: Copy>(values: &[(NaiveDate, T)], day: NaiveDate) -> Option<T> {
    let known = values.partition_point(|(since, _)| *since <= day);
    values.get(known.saturating_sub(1)).map(|(_, value)| *value)
}

impl Seats {
    /// The runs of days of a span in which there are equally many, with their number; none where it is not known.
    pub fn between(&self, first: NaiveDate, last: NaiveDate) -> Vec<(NaiveDate, NaiveDate, u32)> {
        let changes = self.counts.iter().map(|(since, _)| *since).filter(|since| first < *since && *since <= last);
        let starts: Vec<NaiveDate> = std::iter::once(first).chain(changes).collect();
        let ends = starts.iter().skip(1).filter_map(NaiveDate::pred_opt).chain([last]);
        starts.iter().zip(ends).filter_map(|(start, end)| Some((*start, end, self.on(*start)?))).collect()
    }
}

/// The times of which it is known what was out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The stretch that evidence speaks of; what is before it was told by others, and counts as known.
    pub span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// What is known of it: stretches that neither touch nor overlap, in the order of time.
    pub stretches: Vec<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Known {
    /// How many seconds of a stretch are known.
    pub fn seconds(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> i64 {
        let Some((since, _)) = self.span else { return (until - from).num_seconds() };
        let given = (since.min(until) - from).num_seconds().max(0);
        let first = self.stretches.partition_point(|(_, end)| *end <= from);
        let within = self.stretches[first..].iter().take_while(|(start, _)| *start < until);
        given
            + within
                .map(|(start, end)| ((*end).min(until) - (*start).max(from).max(since)).num_seconds().max(0))
                .sum::<i64>()
    }

    /// How many seconds of a stretch a source vouches for.
    pub fn vouched(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> i64 {
        let Some((since, end)) = self.span else { return 0 };
        let (from, until) = (from.max(since), until.min(end));
        if from < until { self.seconds(from, until) } else { 0 }
    }

    /// How many seconds of a stretch evidence should speak of, and does not.
    pub fn missing(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> i64 {
        let Some((since, end)) = self.span else { return 0 };
        let (from, until) = (from.max(since), until.min(end));
        (until - from).num_seconds().max(0) - self.vouched(from, until)
    }

    /// The same, of evidence that should speak of all until a moment.
    #[must_use]
    pub fn until(self, moment: DateTime<Utc>) -> Self {
        Self { span: self.span.map(|(since, end)| (since, end.max(moment))), ..self }
    }

    /// The stretches of the evidence's time of which nothing is known.
    pub fn holes(&self) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let Some((mut at, end)) = self.span else { return Vec::new() };
        let mut holes = Vec::new();
        for (since, until) in self.stretches.iter().chain([&(end, end)]) {
            if *since > at {
                holes.push((at, *since));
            }
            at = at.max(*until);
        }
        holes
    }
}

/// One row of `seats`: an hour of the civil day with use or refusals, or of which something is not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeatHour {
    /// The day.
    pub date: NaiveDate,
    /// The hour, 0 to 23. The repeated hour of an autumn night is one row of two hours.
    pub hour: u32,
    /// The most tokens out at once.
    pub peak: i64,
    /// The mean number of tokens out.
    pub mean: f64,
    /// The time of all tokens together, in seconds.
    pub token_s: i64,
    /// The same, where those that share a token are one.
    pub shared_s: i64,
    /// How long all seats were taken, in seconds; `None` where their number is not known.
    pub at_limit_s: Option<i64>,
    /// Refusals that cost somebody time.
    pub denied_true: u32,
    /// Refusals after which the same pair got its token at once.
    pub denied_false: u32,
    /// How many of its seconds are known.
    pub known_s: i64,
    /// How many tokens there are.
    pub seats: Option<u32>,
}

/// What of an hour follows from tokens and refusals alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HourCount {
    peak: i64,
    /// The time of all seats that were taken.
    seat_seconds: i64,
    /// The time of all tokens.
    token_seconds: i64,
    at_limit: i64,
    denied_true: u32,
    denied_false: u32,
}

/// What a weekday's hour adds up to over some weeks: the time of all tokens, and how much time it was, both in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MeanHour {
    /// The time of all tokens together.
    pub taken_s: f64,
    /// How much time is known.
    pub known_s: i64,
}

impl MeanHour {
    /// The mean number of tokens out; `None` where nothing is known.
    #[must_use]
    pub fn mean(self) -> Option<f64> {
        (self.known_s > 0).then(|| self.taken_s / self.known_s as f64)
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { taken_s: self.taken_s + other.taken_s, known_s: self.known_s + other.known_s }
    }
}

/// The tokens out by weekday, from Monday, and hour of the civil day, over the days from one to another. `hours` are those of
/// [`hours`]. Only hours that are over by `until` and known as a whole count: what is out in a hole is a guess.
pub fn week(
    hours: &[SeatHour],
    known: Option<&Known>,
    (first, last): (NaiveDate, NaiveDate),
    until: DateTime<Utc>,
    zone: Tz,
) -> [[MeanHour; 24]; 7] {
    let mut week = [[MeanHour::default(); 24]; 7];
    let last = last.min(until.with_timezone(&zone).date_naive());
    let taken: BTreeMap<(NaiveDate, u32), f64> = hours.iter().map(|hour| ((hour.date, hour.hour), hour.mean)).collect();
    for date in first.iter_days().take_while(|date| *date <= last) {
        let day = CivilDay::of(date, zone);
        for (hour, mean) in (0..24).zip(&mut week[date.weekday().num_days_from_monday() as usize]) {
            let (begin, length) = day.hour(hour);
            let end = begin + Duration::seconds(length);
            if day.has(hour) && end <= until && known.is_none_or(|known| known.vouched(begin, end) == length) {
                mean.known_s += length;
                mean.taken_s += taken.get(&(date, hour)).map_or(0.0, |mean| mean * length as f64);
            }
        }
    }
    week
}

/// The hours with use, and those of which something is not known, in their order.
pub fn hours(holds: &[Hold], denials: &[Denial], seats: &Seats, known: &Known, zone: Tz) -> Vec<SeatHour> {
    known_hours(counted_hours(holds, denials, seats, zone), seats, known, zone)
}

/// The days and hours with use or refusals.
pub type HourCounts = BTreeMap<(NaiveDate, u32), HourCount>;

/// What is counted of tokens and refusals, by hours of the civil day. Of a day it is the same, whatever other days the tokens
/// are of.
pub fn counted_hours(holds: &[Hold], denials: &[Denial], seats: &Seats, zone: Tz) -> HourCounts {
    let mut hours: BTreeMap<(NaiveDate, u32), HourCount> = BTreeMap::new();
    let (mut taken, mut since) = (0, None);
    let (early, late) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
    for step in steps(holds, seats, early, late) {
        if let Some(since) = since
            && taken > 0
        {
            spend(&mut hours, since, step.at, taken, seats, zone);
        }
        taken += step.change;
        since = Some(step.at);
        // What ends with the hour before is not of this one.
        if step.change > 0 {
            let hour = hours.entry(hour_of(step.at, zone)).or_default();
            hour.peak = hour.peak.max(taken);
        }
    }
    for denial in denials {
        let hour = hours.entry(hour_of(denial.at, zone)).or_default();
        *(if denial.real { &mut hour.denied_true } else { &mut hour.denied_false }) += 1;
    }
    if seats.is_sharing() {
        // The time of every token, though some of them were one for the licence.
        let mut alone: BTreeMap<(NaiveDate, u32), i64> = BTreeMap::new();
        for hold in holds {
            each_hour(hold.start, hold.end, zone, |hour, seconds| {
                let all = alone.entry(hour).or_default();
                *all = all.saturating_add(seconds.saturating_mul(i64::from(hold.licences)));
            });
        }
        for (hour, seconds) in alone {
            hours.entry(hour).or_default().token_seconds = seconds;
        }
    }
    hours.retain(|_, hour| hour.peak > 0 || hour.denied_true + hour.denied_false > 0);
    hours
}

/// These hours with those of which something is not known.
pub fn known_hours(mut hours: HourCounts, seats: &Seats, known: &Known, zone: Tz) -> Vec<SeatHour> {
    for (since, until) in known.holes() {
        let mut at = since;
        while at < until {
            hours.entry(hour_of(at, zone)).or_default();
            at = next_hour(at, zone);
        }
    }
    let mut day = CivilDay::of(NaiveDate::default(), zone);
    let row = |((date, hour), count): ((NaiveDate, u32), HourCount)| {
        if day.date != date {
            day = CivilDay::of(date, zone);
        }
        let (begin, length) = day.hour(hour);
        let seats = seats.on(date);
        SeatHour {
            date,
            hour,
            peak: count.peak,
            token_s: count.token_seconds,
            shared_s: count.seat_seconds,
            mean: count.seat_seconds as f64 / length as f64,
            at_limit_s: seats.map(|_| count.at_limit),
            denied_true: count.denied_true,
            denied_false: count.denied_false,
            known_s: known.seconds(begin, begin + Duration::seconds(length)),
            seats,
        }
    };
    hours.into_iter().map(row).collect()
}

/// The seconds of a piece of a session, or of a token, in each hour of its civil day that it touches. What follows midnight
/// is of the next piece.
pub fn by_hour(start: DateTime<Tz>, seconds: i64) -> Vec<(u32, i64)> {
    // No piece is longer than a day of 25 hours.
    let end = start.checked_add_signed(Duration::seconds(seconds.clamp(0, 90_000)));
    let (mut at, Some(end)) = (start, end) else { return Vec::new() };
    let mut parts = Vec::new();
    while at < end {
        let rest_of_hour = 3600 - i64::from(at.minute() * 60 + at.second());
        let next = end.min(at + Duration::seconds(rest_of_hour));
        parts.push((at.hour(), (next - at).num_seconds()));
        at = next;
    }
    if parts.is_empty() {
        parts.push((start.hour(), 0));
    }
    parts
}

/// A civil day. The clock is changed on few of them: the hours of all others follow from their first.
struct CivilDay {
    date: NaiveDate,
    zone: Tz,
    /// Its first moment, where its clock is not changed.
    regular: Option<DateTime<Utc>>,
}

impl CivilDay {
    fn of(date: NaiveDate, zone: Tz) -> Self {
        let begin = start_of_day(date, zone);
        let is_regular = end_of_day(date, zone) - begin == Duration::days(1) && start_of_hour(date, 0, zone) == begin;
        Self { date, zone, regular: is_regular.then_some(begin) }
    }

    /// The first moment of an hour, and its seconds.
    fn hour(&self, hour: u32) -> (DateTime<Utc>, i64) {
        match self.regular {
            Some(begin) => (begin + Duration::hours(hour.into()), 3600),
            None => (start_of_hour(self.date, hour, self.zone), length_of(self.date, hour, self.zone)),
        }
    }

    /// Whether it has an hour: that of a spring night is left out.
    fn has(&self, hour: u32) -> bool {
        self.regular.is_some() || has_hour(self.date, hour, self.zone)
    }
}

/// The first moment of an hour of the civil day.
fn start_of_hour(date: NaiveDate, hour: u32, zone: Tz) -> DateTime<Utc> {
    civil_moment(date.and_hms_opt(hour, 0, 0).unwrap_or_default(), zone, None)
}

/// Counts a stretch of time during which so many seats are taken, hour by hour.
fn spend(
    hours: &mut BTreeMap<(NaiveDate, u32), HourCount>,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    taken: i64,
    seats: &Seats,
    zone: Tz,
) {
    each_hour(from, until, zone, |key, seconds| {
        let hour = hours.entry(key).or_default();
        hour.peak = hour.peak.max(taken);
        hour.seat_seconds += taken * seconds;
        hour.token_seconds += taken * seconds;
        if seats.on(key.0).is_some_and(|seats| taken >= i64::from(seats)) {
            hour.at_limit += seconds;
        }
    });
}

/// A stretch of time by the hours of the civil days, with their seconds of it.
fn each_hour(from: DateTime<Utc>, until: DateTime<Utc>, zone: Tz, mut take: impl FnMut((NaiveDate, u32), i64)) {
    let mut from = from;
    while from < until {
        let end = next_hour(from, zone).min(until);
        take(hour_of(from, zone), (end - from).num_seconds());
        from = end;
    }
}

fn hour_of(at: DateTime<Utc>, zone: Tz) -> (NaiveDate, u32) {
    let civil = at.with_timezone(&zone);
    (civil.date_naive(), civil.hour())
}

/// The next moment at which the civil clock shows a full hour. Offsets are whole minutes, so that the seconds of the civil
/// clock and of UTC agree.
fn next_hour(at: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    let civil = at.with_timezone(&zone);
    let past = i64::from(civil.minute()) * 60 + i64::from(civil.second());
    at + Duration::seconds(3600 - past)
}

/// Whether a day has an hour: that of a spring night is left out.
fn has_hour(date: NaiveDate, hour: u32, zone: Tz) -> bool {
    use chrono::TimeZone;
    date.and_hms_opt(hour, 30, 0).is_some_and(|civil| zone.from_local_datetime(&civil).earliest().is_some())
}

/// The seconds of an hour of the civil day: two hours' where it is repeated.
fn length_of(date: NaiveDate, hour: u32, zone: Tz) -> i64 {
    use chrono::{MappedLocalTime, TimeZone};
    let civil = date.and_hms_opt(hour, 30, 0).map(|civil| zone.from_local_datetime(&civil));
    if matches!(civil, Some(MappedLocalTime::Ambiguous(..))) { 7200 } else { 3600 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Feature, Identity, State};
    use chrono_tz::Europe::Paris;

    fn hold(start: &str, end: &str) -> Hold {
        Hold {
            who: Identity::new("anna", "PC-1"),
            feature: Feature::new("origin", "OriginPro"),
            start: start.parse().unwrap(),
            end: end.parse().unwrap(),
            licences: 1,
            state: State::Closed,
            address: None,
        }
    }

    #[test]
    fn hours_are_parted_at_the_civil_clock() {
        let holds = [
            hold("2021-12-08T08:30:00+01:00", "2021-12-08T10:15:00+01:00"),
            hold("2021-12-08T09:00:00+01:00", "2021-12-08T09:30:00+01:00"),
        ];
        let hours = hours(&holds, &[], &Seats::always(2), &Known::default(), Paris);
        let rows: Vec<_> = hours.iter().map(|h| (h.hour, h.peak, h.mean, h.at_limit_s)).collect();
        assert_eq!(rows, [(8, 1, 0.5, Some(0)), (9, 2, 1.5, Some(1800)), (10, 1, 0.25, Some(0))]);
    }

    #[test]
    fn the_repeated_hour_of_autumn_is_one_row_of_two_hours() {
        let holds = [hold("2021-10-31T02:00:00+02:00", "2021-10-31T03:00:00+01:00")];
        let hours = hours(&holds, &[], &Seats::default(), &Known::default(), Paris);
        assert_eq!(hours.iter().map(|h| (h.hour, h.peak, h.mean)).collect::<Vec<_>>(), [(2, 1, 1.0)]);
    }

    #[test]
    fn days_that_are_counted_one_by_one_add_up_to_their_span() {
        let holds = [
            hold("2021-12-07T22:30:00+01:00", "2021-12-09T10:15:00+01:00"),
            hold("2021-12-08T09:00:00+01:00", "2021-12-09T00:00:00+01:00"),
            hold("2021-12-09T00:00:00+01:00", "2021-12-09T00:00:00+01:00"),
            hold("2021-12-09T00:00:00+01:00", "2021-12-09T08:00:00+01:00"),
            Hold { licences: 2, ..hold("2021-12-08T23:59:59+01:00", "2021-12-09T00:00:01+01:00") },
        ];
        for seats in [Seats::always(2), Seats::always(3).sharing(vec![(NaiveDate::MIN, "UH".parse().unwrap())])] {
            let whole = counted_hours(&holds, &[], &seats, Paris);
            let mut days = HourCounts::new();
            for day in NaiveDate::from_ymd_opt(2021, 12, 6).unwrap().iter_days().take(5) {
                let (from, until) = (start_of_hour(day, 0, Paris), start_of_hour(day.succ_opt().unwrap(), 0, Paris));
                // As the ledger gives those of a day.
                let is_its = |hold: &&Hold| hold.start < until && (hold.end > from || hold.start >= from);
                let own: Vec<Hold> = holds.iter().filter(is_its).cloned().collect();
                let counts = counted_hours(&own, &[], &seats, Paris);
                days.extend(counts.into_iter().filter(|((date, _), _)| *date == day));
            }
            assert_eq!(days, whole);
        }
    }

    #[test]
    fn a_seat_that_is_taken_over_is_one_seat() {
        let holds = [
            hold("2021-12-08T08:00:00Z", "2021-12-08T09:00:00Z"),
            hold("2021-12-08T09:00:00Z", "2021-12-08T09:00:00Z"),
            hold("2021-12-08T09:00:00Z", "2021-12-08T10:00:00Z"),
        ];
        let peak = |holds: &[Hold]| peak(holds, &Seats::default(), DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
        assert_eq!(peak(&holds[..1]), 1);
        assert_eq!(peak(&[holds[0].clone(), holds[2].clone()]), 1);
        assert_eq!(peak(&holds), 2);
    }

    #[test]
    fn checkouts_that_share_a_token_are_one_seat_for_as_long_as_any_of_them() {
        let on = |login: &str, host: &str, start: &str, end: &str| Hold {
            who: Identity::new(login, host),
            ..hold(&format!("2021-12-08T{start}:00Z"), &format!("2021-12-08T{end}:00Z"))
        };
        let holds = [
            on("anna", "PC-1", "08:00", "10:00"),
            on("anna", "PC-1", "09:00", "11:00"),
            Hold { licences: 2, ..on("anna", "PC-1", "09:30", "09:45") },
            on("anna", "PC-2", "09:00", "09:30"),
            on("bob", "PC-1", "08:00", "11:00"),
            // Handed over within the group: never none, never two.
            on("anna", "PC-1", "11:00", "12:00"),
        ];
        let (from, to) = ("2021-12-08T00:00:00Z".parse().unwrap(), "2021-12-09T00:00:00Z".parse().unwrap());
        for (group, expected) in [("NONE", 5), ("UH", 3), ("U", 3), ("H", 2), ("SITE", 2)] {
            let seats = Seats::always(3).sharing(vec![(NaiveDate::MIN, group.parse().unwrap())]);
            assert_eq!(peak(&holds, &seats, from, to), expected, "{group}");
            // Each token's time is its own, whatever the licence counts.
            let token_s: i64 =
                hours(&holds, &[], &seats, &Known::default(), chrono_tz::UTC).iter().map(|h| h.token_s).sum();
            assert_eq!(
                token_s,
                holds.iter().map(|h| (h.end - h.start).num_seconds() * i64::from(h.licences)).sum::<i64>()
            );
        }
        let seats = Seats::always(3).sharing(vec![(NaiveDate::MIN, "UH".parse().unwrap())]);
        let minutes: Vec<i64> = levels(&holds, &seats, from, to).iter().map(|seconds| seconds / 60).collect();
        assert_eq!(minutes, [20 * 60, 60, 135, 45]);
        let rows: Vec<_> = hours(&holds, &[], &seats, &Known::default(), chrono_tz::UTC)
            .iter()
            .map(|h| (h.hour, h.peak, h.at_limit_s))
            .collect();
        assert_eq!(rows, [(8, 2, Some(0)), (9, 3, Some(45 * 60)), (10, 2, Some(0)), (11, 1, Some(0))]);
        // From a day on: a token that was taken before stays what it was.
        let later = Seats::always(3)
            .sharing(vec![(NaiveDate::MIN, Duplicates::Never), ("2021-12-09".parse().unwrap(), "UH".parse().unwrap())]);
        assert_eq!(peak(&holds, &later, from, to), 5);
    }

    #[test]
    fn the_minute_of_an_answer_has_a_fewest_and_a_most() {
        let holds = [
            hold("2021-12-08T08:00:00Z", "2021-12-08T09:00:30Z"),
            hold("2021-12-08T09:00:40Z", "2021-12-08T10:00:00Z"),
            hold("2021-12-08T08:30:00Z", "2021-12-08T11:00:00Z"),
        ];
        let at = |text: &str| taken_in_minute(&holds, &Seats::default(), text.parse().unwrap());
        assert_eq!(at("2021-12-08T09:00:00Z"), (1, 2));
        assert_eq!(at("2021-12-08T09:30:00Z"), (2, 2));
        assert_eq!(at("2021-12-08T12:00:00Z"), (0, 0));
        assert_eq!(at("2021-12-08T07:00:00Z"), (0, 0));
    }

    #[test]
    fn tokens_that_end_with_an_hour_are_not_of_the_next() {
        let holds = [
            hold("2021-12-08T09:00:00Z", "2021-12-08T10:00:00Z"),
            hold("2021-12-08T09:30:00Z", "2021-12-08T10:00:00Z"),
        ];
        let hours = hours(&holds, &[], &Seats::default(), &Known::default(), chrono_tz::UTC);
        assert_eq!(hours.iter().map(|hour| (hour.hour, hour.peak)).collect::<Vec<_>>(), [(9, 2)]);
    }

    #[test]
    fn levels_share_out_the_time_and_hold_every_token_second() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let holds = [
            hold("2021-12-08T08:00:00Z", "2021-12-08T10:00:00Z"),
            hold("2021-12-08T09:00:00Z", "2021-12-08T09:30:00Z"),
            hold("2021-12-07T09:00:00Z", "2021-12-08T00:10:00Z"),
            hold("2021-12-08T23:00:00Z", "2021-12-09T05:00:00Z"),
            hold("2021-12-08T12:00:00Z", "2021-12-08T12:00:00Z"),
        ];
        let of =
            |holds: &[Hold]| levels(holds, &Seats::default(), at("2021-12-08T00:00:00Z"), at("2021-12-09T00:00:00Z"));
        let levels = of(&holds);
        assert_eq!(levels, [86_400 - 11_400, 9_600, 1_800]);
        assert_eq!(of(&[]), [86_400]);
    }

    #[test]
    fn the_hours_of_a_day_are_those_of_the_zone_on_any_day() {
        for zone in [Paris, chrono_tz::America::Sao_Paulo, chrono_tz::Australia::Lord_Howe, chrono_tz::Asia::Kolkata] {
            for date in NaiveDate::from_ymd_opt(2018, 1, 1).unwrap().iter_days().take(400) {
                let day = CivilDay::of(date, zone);
                for hour in 0..24 {
                    let expected = (start_of_hour(date, hour, zone), length_of(date, hour, zone));
                    assert_eq!(
                        (day.hour(hour), day.has(hour)),
                        (expected, has_hour(date, hour, zone)),
                        "{zone} {date} {hour}"
                    );
                }
            }
        }
    }

    #[test]
    fn token_seconds_are_kept_over_all_hours() {
        let holds = [hold("2022-03-26T10:10:10+01:00", "2022-03-28T11:11:11+02:00")];
        let sum: i64 = hours(&holds, &[], &Seats::default(), &Known::default(), Paris).iter().map(|h| h.token_s).sum();
        assert_eq!(sum, (holds[0].end - holds[0].start).num_seconds());
    }
}
