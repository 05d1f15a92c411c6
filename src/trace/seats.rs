//! How many tokens were out at once.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, NaiveDate, Timelike, Utc};
use chrono_tz::Tz;

use crate::model::{Denial, Hold};
use crate::parse::datetime::civil_moment;

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

/// The changes between two moments, in their order.
fn steps(holds: &[Hold], from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::with_capacity(2 * holds.len());
    for hold in holds.iter().filter(|hold| hold.start < to && (hold.end > from || hold.start >= from)) {
        let (start, end) = (hold.start.max(from), hold.end.min(to));
        let seats = i64::from(hold.licences);
        let back = if end > start { StepKind::Back } else { StepKind::BackAtOnce };
        steps.push(Step { at: start, kind: StepKind::Out, change: seats });
        steps.push(Step { at: end.max(start), kind: back, change: -seats });
    }
    steps.sort_unstable();
    steps
}

/// The most seats taken at one instant between two.
pub fn peak(holds: &[Hold], from: DateTime<Utc>, to: DateTime<Utc>) -> u64 {
    let taken = steps(holds, from, to).into_iter().scan(0_i64, |taken, step| {
        *taken += step.change;
        Some(*taken)
    });
    taken.max().and_then(|most| u64::try_from(most).ok()).unwrap_or(0)
}

/// How long exactly so many seats were taken between two moments, in seconds, by their number from 0 on, as far as they went.
pub fn levels(holds: &[Hold], from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<i64> {
    let mut levels = vec![0];
    let (mut taken, mut since) = (0_i64, from);
    let end = Step { at: to, kind: StepKind::BackAtOnce, change: 0 };
    for step in steps(holds, from, to).into_iter().chain([end]) {
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

/// How many tokens there are, with the days from which on there are so many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seats(Vec<(NaiveDate, u32)>);

impl Seats {
    /// So many, on all days.
    pub fn always(count: u32) -> Self {
        Self(vec![(NaiveDate::MIN, count)])
    }

    /// So many from each day on.
    pub fn dated(mut counts: Vec<(NaiveDate, u32)>) -> Self {
        counts.sort_unstable();
        Self(counts)
    }

    /// How many there are on a day: before the first that is known, as many as then. `None` where nothing is known.
    pub fn on(&self, day: NaiveDate) -> Option<u32> {
        let known = self.0.partition_point(|(since, _)| *since <= day);
        self.0.get(known.saturating_sub(1)).map(|(_, count)| *count)
    }
}

impl Seats {
    /// The runs of days of a span in which there are equally many, with their number; none where it is not known.
    pub fn between(&self, first: NaiveDate, last: NaiveDate) -> Vec<(NaiveDate, NaiveDate, u32)> {
        let changes = self.0.iter().map(|(since, _)| *since).filter(|since| first < *since && *since <= last);
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

#[derive(Debug, Default)]
struct Hour {
    peak: i64,
    token_seconds: i64,
    at_limit: i64,
    denied_true: u32,
    denied_false: u32,
}

/// The hours with use, and those of which something is not known, in their order.
pub fn hours(holds: &[Hold], denials: &[Denial], seats: &Seats, known: &Known, zone: Tz) -> Vec<SeatHour> {
    let mut hours: BTreeMap<(NaiveDate, u32), Hour> = BTreeMap::new();
    let (mut taken, mut since) = (0, None);
    for step in steps(holds, DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC) {
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
    hours.retain(|_, hour| hour.peak > 0 || hour.denied_true + hour.denied_false > 0);
    for (since, until) in known.holes() {
        let mut at = since;
        while at < until {
            hours.entry(hour_of(at, zone)).or_default();
            at = next_hour(at, zone);
        }
    }
    let row = |((date, hour), count): ((NaiveDate, u32), Hour)| {
        let length = length_of(date, hour, zone);
        let begin = start_of_hour(date, hour, zone);
        let seats = seats.on(date);
        SeatHour {
            date,
            hour,
            peak: count.peak,
            token_s: count.token_seconds,
            mean: count.token_seconds as f64 / length as f64,
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

/// The first moment of an hour of the civil day.
fn start_of_hour(date: NaiveDate, hour: u32, zone: Tz) -> DateTime<Utc> {
    civil_moment(date.and_hms_opt(hour, 0, 0).unwrap_or_default(), zone, None)
}

/// Counts a stretch of time during which so many seats are taken, hour by hour.
fn spend(
    hours: &mut BTreeMap<(NaiveDate, u32), Hour>,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    taken: i64,
    seats: &Seats,
    zone: Tz,
) {
    let mut from = from;
    while from < until {
        let end = next_hour(from, zone).min(until);
        let seconds = (end - from).num_seconds();
        let hour = hours.entry(hour_of(from, zone)).or_default();
        hour.peak = hour.peak.max(taken);
        hour.token_seconds += taken * seconds;
        if seats.on(hour_of(from, zone).0).is_some_and(|seats| taken >= i64::from(seats)) {
            hour.at_limit += seconds;
        }
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
    fn a_seat_that_is_taken_over_is_one_seat() {
        let holds = [
            hold("2021-12-08T08:00:00Z", "2021-12-08T09:00:00Z"),
            hold("2021-12-08T09:00:00Z", "2021-12-08T09:00:00Z"),
            hold("2021-12-08T09:00:00Z", "2021-12-08T10:00:00Z"),
        ];
        assert_eq!(peak(&holds[..1], DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC), 1);
        assert_eq!(peak(&[holds[0].clone(), holds[2].clone()], DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC), 1);
        assert_eq!(peak(&holds, DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC), 2);
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
        let levels = levels(&holds, at("2021-12-08T00:00:00Z"), at("2021-12-09T00:00:00Z"));
        assert_eq!(levels, [86_400 - 11_400, 9_600, 1_800]);
        assert_eq!(super::levels(&[], at("2021-12-08T00:00:00Z"), at("2021-12-09T00:00:00Z")), [86_400]);
    }

    #[test]
    fn token_seconds_are_kept_over_all_hours() {
        let holds = [hold("2022-03-26T10:10:10+01:00", "2022-03-28T11:11:11+02:00")];
        let sum: i64 = hours(&holds, &[], &Seats::default(), &Known::default(), Paris).iter().map(|h| h.token_s).sum();
        assert_eq!(sum, (holds[0].end - holds[0].start).num_seconds());
    }
}
