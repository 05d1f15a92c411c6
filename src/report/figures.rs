//! What is counted: of a whole scope, of each user, machine, department and hour of the week.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::Period;
use crate::config::WorkingHours;
use crate::model::{Denial, Hold, MacAddr, SessionRow, State};
use crate::trace::seats::{Known, Seats, by_hour, levels, peak};

/// What was used: the rows, tokens and refusals of one scope.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage<'a> {
    /// The pieces of sessions, a row each.
    pub rows: &'a [SessionRow],
    /// The tokens that made them.
    pub holds: &'a [Hold],
    /// The tokens that were refused.
    pub denials: &'a [Denial],
    /// The times that logs vouch for; all, where absent.
    pub known: Option<&'a Known>,
    /// The hours in which people work, where the site says them.
    pub working: Option<WorkingHours>,
}

impl Usage<'_> {
    /// Whether some log vouches for a part of a stretch. What an imported history tells is no log: it names sessions alone.
    pub fn is_vouched(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> bool {
        self.known.is_none_or(|known| known.vouched(from, until) > 0)
    }

    /// How many seconds of a stretch are not known, though they should be.
    pub fn missing(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> i64 {
        self.known.map_or(0, |known| known.missing(from, until))
    }

    /// Whether the tokens are known: there are some, or nothing was used at all.
    pub fn knows_tokens(&self) -> bool {
        !self.holds.is_empty() || self.rows.is_empty()
    }
}

/// The key figures of a scope and a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Whether nothing is known: no log vouches for any part of the period, and there are no sessions all the same.
    pub is_unknown: bool,
    /// How much of the period is not known, in seconds.
    pub missing_s: i64,
    /// Hours of use, in seconds: the sum of all sessions, those that overlap each on its own.
    pub seconds: i64,
    /// How much of the hours of use lies in working hours, in seconds. None where these are not said.
    pub working_s: Option<i64>,
    /// Token hours, in seconds: every token's time times its seats. None where there are sessions but no token is known.
    pub token_seconds: Option<i64>,
    /// Sessions: distinct (login, host, initial start).
    pub sessions: usize,
    /// Users: distinct logins. None where sums alone are kept.
    pub users: Option<usize>,
    /// Machines: hosts, told apart by MAC address or DHCP name where two have one name. None likewise.
    pub machines: Option<usize>,
    /// The most seats that were taken at once. None where there are sessions but no token is known.
    pub peak: Option<u64>,
    /// How many seats sufficed for 95 % of the time in which any was taken. None where the tokens are not known, or none was.
    pub level_95: Option<u64>,
    /// How many sufficed for 99 % of it. None likewise.
    pub level_99: Option<u64>,
    /// Tokens that were refused to somebody who did not get one right after. None where no log vouches for the period.
    pub denials: Option<usize>,
    /// Tokens that were refused to somebody who got one right after. None likewise.
    pub false_denials: Option<usize>,
    /// How long all seats were taken, in seconds. None where their number or the tokens are not known.
    pub at_limit_s: Option<i64>,
    /// The end of the last piece; not kept with figures of rows that are forgotten.
    #[serde(skip)]
    pub last: Option<DateTime<Tz>>,
}

impl Figures {
    /// Counts what one scope used, as far as it is in the period. `seats` is how many tokens the laboratory has.
    pub fn of(usage: Usage<'_>, seats: &Seats, period: Period, zone: Tz) -> Self {
        let Usage { rows, holds, denials, .. } = usage;
        let all: Tally<'_> = rows.iter().collect();
        let (from, to) = period.bounds(zone);
        let is_vouched = usage.is_vouched(from, to);
        let known = usage.knows_tokens() && is_vouched;
        let at_limit = || {
            let parts = seats.between(period.first(), period.last());
            let of_part = |(first, last, count): (NaiveDate, NaiveDate, u32)| -> i64 {
                let (from, to) = Period::range(first, last).bounds(zone);
                levels(holds, seats, from, to).iter().skip(count as usize).sum()
            };
            parts.into_iter().map(of_part).sum()
        };
        let sufficed = known.then(|| levels(holds, seats, from, to));
        let within = |denial: &&Denial| (from..to).contains(&denial.at);
        let refused = |real: bool| denials.iter().filter(within).filter(|denial| denial.real == real).count();
        Self {
            is_unknown: !is_vouched && rows.is_empty(),
            missing_s: usage.missing(from, to),
            seconds: all.seconds,
            working_s: usage.working.map(|working| working_seconds(rows, working)),
            token_seconds: known.then(|| holds.iter().map(|hold| token_seconds(hold, from, to)).sum()),
            sessions: all.sessions.len(),
            users: Some(all.users.len()),
            machines: Some(machines(rows).len()),
            peak: known.then(|| peak(holds, seats, from, to)),
            level_95: sufficed.as_deref().and_then(|levels| level(levels, 95)),
            level_99: sufficed.as_deref().and_then(|levels| level(levels, 99)),
            denials: is_vouched.then(|| refused(true)),
            false_denials: is_vouched.then(|| refused(false)),
            at_limit_s: seats.on(period.last()).filter(|_| known).map(|_| at_limit()),
            last: all.last,
        }
    }
}

/// The seconds of use in working hours.
fn working_seconds(rows: &[SessionRow], working: WorkingHours) -> i64 {
    let of_row = |row: &SessionRow| -> i64 {
        let hours = by_hour(row.start, row.use_s()).into_iter();
        hours.filter(|(hour, _)| working.contain(row.date, *hour)).map(|(_, seconds)| seconds).sum()
    };
    rows.iter().map(of_row).fold(0, i64::saturating_add)
}

/// How many seats sufficed for this part of the time with any, in percent, of the seconds with so many seats taken.
fn level(levels: &[i64], percent: i64) -> Option<u64> {
    let used: i64 = levels.iter().skip(1).sum();
    let mut so_far = 0_i64;
    (1_u64..).zip(levels.get(1..)?).find_map(|(seats, seconds)| {
        so_far += seconds;
        (used > 0 && so_far.saturating_mul(100) >= used.saturating_mul(percent)).then_some(seats)
    })
}

/// What tells one session from another: login, host, and the second of its initial start.
pub(super) type SessionKey<'a> = (&'a str, &'a str, i64);

/// The session that a row is a piece of.
pub(super) fn session_of(row: &SessionRow) -> SessionKey<'_> {
    (row.who.login(), row.who.host(), row.initial_start.timestamp())
}

/// What a group of rows adds up to.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally<'a> {
    pub(super) users: BTreeSet<&'a str>,
    pub(super) hosts: BTreeSet<&'a str>,
    pub(super) days: BTreeSet<NaiveDate>,
    /// The seconds of each session.
    pub(super) sessions: HashMap<SessionKey<'a>, i64>,
    pub(super) seconds: i64,
    pub(super) first: Option<DateTime<Tz>>,
    pub(super) last: Option<DateTime<Tz>>,
}

impl<'a> Tally<'a> {
    fn add(&mut self, row: &'a SessionRow) {
        let (login, host) = (row.who.login(), row.who.host());
        self.users.insert(login);
        self.hosts.insert(host);
        self.days.insert(row.date);
        if row.state != State::Borrowed {
            let session = self.sessions.entry(session_of(row)).or_default();
            *session = session.saturating_add(row.use_s());
        }
        self.seconds = self.seconds.saturating_add(row.use_s());
        self.first = Some(self.first.map_or(row.start, |first| first.min(row.start)));
        self.last = Some(self.last.map_or(row.end, |last| last.max(row.end)));
    }

    /// The median length of the sessions, in seconds; the mean of the two middle ones where their number is even.
    pub(super) fn median(&self) -> Option<i64> {
        let mut lengths: Vec<i64> = self.sessions.values().copied().collect();
        lengths.sort_unstable();
        let upper = *lengths.get(lengths.len() / 2)?;
        let lower = *lengths.get(lengths.len().wrapping_sub(1) / 2)?;
        Some(lower + (upper - lower) / 2)
    }
}

impl<'a> FromIterator<&'a SessionRow> for Tally<'a> {
    fn from_iter<T: IntoIterator<Item = &'a SessionRow>>(rows: T) -> Self {
        let mut tally = Self::default();
        rows.into_iter().for_each(|row| tally.add(row));
        tally
    }
}

/// The tallies of groups of rows, each under the key that `key` gives its rows.
pub(super) fn grouped<'a, K: Ord>(rows: &'a [SessionRow], key: impl Fn(&'a SessionRow) -> K) -> BTreeMap<K, Tally<'a>> {
    let mut groups: BTreeMap<K, Tally<'a>> = BTreeMap::new();
    for row in rows {
        groups.entry(key(row)).or_default().add(row);
    }
    groups
}

/// What tells one machine from another: the host that the log names, and what the network knows behind it. Two machines
/// can have one name (`PC-1`, `DESKTOP`), and one machine moves between addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MachineKey<'a> {
    pub(super) host: &'a str,
    mac: Option<MacAddr>,
    hostname: Option<&'a str>,
}

impl<'a> MachineKey<'a> {
    fn of(row: &'a SessionRow) -> Self {
        let mac = row.machine.mac;
        // A MAC says it all; the DHCP name is the next best.
        let hostname = row.machine.hostname.as_deref().filter(|_| mac.is_none());
        Self { host: row.who.host(), mac, hostname }
    }

    fn is_unknown(&self) -> bool {
        self.mac.is_none() && self.hostname.is_none()
    }
}

/// A machine: its rows' tally, and the last row that knows most of it.
#[derive(Debug)]
pub(super) struct MachineUse<'a> {
    pub(super) tally: Tally<'a>,
    pub(super) latest: &'a SessionRow,
}

/// The machines of these rows. A row of which the network knows nothing belongs to the one known machine of its host,
/// where there is exactly one.
pub(super) fn machines(rows: &[SessionRow]) -> BTreeMap<MachineKey<'_>, MachineUse<'_>> {
    let mut known: BTreeMap<&str, BTreeSet<MachineKey<'_>>> = BTreeMap::new();
    for key in rows.iter().map(MachineKey::of).filter(|key| !key.is_unknown()) {
        known.entry(key.host).or_default().insert(key);
    }
    let only = |host| known.get(host).filter(|keys| keys.len() == 1).and_then(|keys| keys.first().copied());
    let mut machines: BTreeMap<MachineKey<'_>, MachineUse<'_>> = BTreeMap::new();
    for row in rows {
        let own = MachineKey::of(row);
        let key = if own.is_unknown() { only(own.host).unwrap_or(own) } else { own };
        let machine = machines.entry(key).or_insert_with(|| MachineUse { tally: Tally::default(), latest: row });
        machine.tally.add(row);
        let rank = |row: &SessionRow| (!MachineKey::of(row).is_unknown(), row.ip.is_some(), row.start);
        if rank(row) > rank(machine.latest) {
            machine.latest = row;
        }
    }
    machines
}

/// The seconds that a token was out between two instants, times its seats.
pub(super) fn token_seconds(hold: &Hold, from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
    let length = (hold.end.min(to) - hold.start.max(from)).num_seconds();
    length.max(0).saturating_mul(i64::from(hold.licences))
}

/// The seconds of use by weekday, from Monday, and hour of the civil day.
pub(super) fn week(rows: &[SessionRow]) -> [[i64; 24]; 7] {
    let mut week = [[0; 24]; 7];
    for row in rows {
        let day = row.date.weekday().num_days_from_monday() as usize;
        for (hour, seconds) in by_hour(row.start, row.use_s()) {
            week[day][hour as usize] += seconds;
        }
    }
    week
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PeriodKind;
    use crate::model::Identity;
    use crate::report::sample::{self, row};
    use chrono::Duration;

    fn month() -> Period {
        Period::of(PeriodKind::Month, "2021-12-14".parse().unwrap())
    }

    fn hold(start: &str, end: &str, licences: u32) -> Hold {
        let at = |text: &str| format!("2021-12-{text}Z").parse().unwrap();
        Hold {
            who: Identity::new("camille", "PC-1"),
            feature: sample::feature(),
            start: at(start),
            end: at(end),
            licences,
            state: State::Closed,
            address: None,
        }
    }

    #[test]
    fn the_figures_of_the_sample() {
        let rows = sample::rows();
        let (holds, denials) = (sample::holds(), sample::denials());
        let weekdays = [true, true, true, true, true, false, false];
        let working = WorkingHours { from: 8, to: 19, weekdays };
        let of = |usage, seats: Seats| Figures::of(usage, &seats, month(), Tz::Europe__Paris);
        let figures = of(
            Usage { rows: &rows, holds: &holds, denials: &denials, known: None, working: Some(working) },
            Seats::always(3),
        );
        let expected = Figures {
            is_unknown: false,
            missing_s: 0,
            seconds: 7_200 + 1_830 + 51_600 + 5_400 + 600 + 3_661,
            // The evening, the night and what goes on after 19 o'clock aside.
            working_s: Some(10 * 3_600 + 5_400 + 600 + 3_661),
            token_seconds: Some(7_199 + 1_830 + 51_600 + 5_400 + 600 + 3_661 + 2 * 3_600),
            sessions: 5,
            users: Some(4),
            machines: Some(4),
            peak: Some(3),
            level_95: Some(3),
            level_99: Some(3),
            denials: Some(1),
            false_denials: Some(1),
            // One of a session, and a token of two seats beside it from 10 to 11 o'clock.
            at_limit_s: Some(3_600),
            last: rows.iter().map(|row| row.end).max(),
        };
        assert_eq!(figures, expected);
        let without_tokens = of(Usage { rows: &rows, ..Usage::default() }, Seats::always(3));
        let tokens = (without_tokens.token_seconds, without_tokens.peak, without_tokens.at_limit_s);
        assert_eq!(tokens, (None, None, None), "unknown is not nothing");
        let nothing = of(Usage::default(), Seats::default());
        assert_eq!((nothing.token_seconds, nothing.peak, nothing.at_limit_s), (Some(0), Some(0), None));
    }

    #[test]
    fn the_peak_counts_seats_and_not_handovers() {
        let (from, to) = month().bounds(Tz::UTC);
        for (name, holds, expected) in [
            ("none", vec![], 0),
            ("two at once", vec![hold("08T09:00:00", "08T11:00:00", 1), hold("08T10:00:00", "08T12:00:00", 2)], 3),
            ("handed over", vec![hold("08T09:00:00", "08T10:00:00", 1), hold("08T10:00:00", "08T12:00:00", 1)], 1),
            ("out for no second", vec![hold("08T09:00:00", "08T09:00:00", 1)], 1),
            ("ends before it starts", vec![hold("08T09:00:00", "08T08:00:00", 1)], 1),
        ] {
            assert_eq!(peak(&holds, &Seats::default(), from, to), expected, "{name}");
        }
        let later = month().bounds(Tz::UTC).1;
        assert_eq!(
            peak(&[hold("08T09:00:00", "08T10:00:00", 1)], &Seats::default(), later, later + Duration::days(1)),
            0
        );
    }

    #[test]
    fn a_level_is_what_suffices_for_most_of_the_time_with_use() {
        // A day of which nobody used 50 000 s; 9 500 s with one token, 400 s with two, 100 s with five.
        let levels = [50_000, 9_500, 400, 0, 0, 100];
        assert_eq!([50, 95, 96, 99, 100].map(|percent| level(&levels, percent)), [1, 1, 2, 2, 5].map(Some));
        assert_eq!((level(&[86_400], 95), level(&[], 95)), (None, None));
    }

    #[test]
    fn a_token_counts_within_the_period_only() {
        let day = Period::of(PeriodKind::Day, "2021-12-08".parse().unwrap());
        let (from, to) = day.bounds(Tz::UTC);
        assert_eq!(token_seconds(&hold("07T23:00:00", "08T01:00:00", 2), from, to), 7200);
        assert_eq!(token_seconds(&hold("05T23:00:00", "06T01:00:00", 1), from, to), 0);
    }

    #[test]
    fn medians() {
        let tally = |lengths: &[i64]| {
            let rows: Vec<_> =
                (1..).zip(lengths).map(|(hour, &length)| row("anna", "PC-1", 13, hour, length)).collect();
            rows.iter().collect::<Tally<'_>>().median()
        };
        assert_eq!(tally(&[]), None);
        assert_eq!(tally(&[60]), Some(60));
        assert_eq!(tally(&[60, 10, 600]), Some(60));
        assert_eq!(tally(&[60, 20]), Some(40));
    }

    #[test]
    fn a_row_without_an_address_joins_the_only_machine_of_its_host() {
        let mut rows = sample::rows();
        let unknown = SessionRow { ip: None, machine: crate::model::Machine::default(), ..rows[0].clone() };
        let before = machines(&rows).len();
        rows.push(unknown);
        assert_eq!(machines(&rows).len(), before);
        let twin = SessionRow {
            machine: crate::model::Machine { mac: "0000.0000.0001".parse().ok(), ..crate::model::Machine::default() },
            ..rows[0].clone()
        };
        rows.push(twin);
        assert_eq!(machines(&rows).len(), before + 2, "two machines of one name, and one row that could be either");
    }

    #[test]
    fn hours_of_the_week_add_up_to_the_hours_of_use() {
        let rows = sample::rows();
        let sum: i64 = week(&rows).iter().flatten().sum();
        assert_eq!(sum, rows.iter().map(|row| row.duration_s).sum::<i64>());
        let one = [row("anna", "PC-1", 14, 9, 5400)];
        assert_eq!(week(&one)[1][8..12], [0, 3600, 1800, 0]);
    }
}
