//! How jeton and the licence server are: what the last night left in the memory, and what of it should alarm somebody.
//!
//! Nothing in it names a person, a machine or an address.

mod told;

use std::path::Path;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use chrono_tz::Tz;

pub use told::{json, line, nagios, prometheus, write};

use crate::config::{Alarm, Config, TraceSettings};
use crate::evidence::{Evidence, Kind, answers};
use crate::ledger::{Lack, Ledger, LedgerError, Run};
use crate::model::{Hold, State};
use crate::parse::datetime::{civil_moment, end_of_day, start_of_day};
use crate::parse::lmstat::{self, Lmstat};
use crate::pipeline::{seats, terms};
use crate::source::Source;
use crate::trace::seats::{Known, Seats, levels, taken_in_minute};
use crate::trace::{Origin, Stretch};

/// How far back the watcher's last sign of life is looked for, in days.
const LOOK_BACK: u64 = 62;
/// How old an answer of `lmstat` may be at the end of the night that asked for it.
const ANSWERED: Duration = Duration::hours(2);
/// How many days before its end a licence that is not renewed is an emergency: a purchase takes longer.
const LAST_DAYS: i64 = 7;
/// How much of a day may be unknown before it is worth a word: a server that is started again is away for minutes.
const UNKNOWN: i64 = 900;

/// What is known of jeton and of the licence server.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// The moment of the question.
    pub now: DateTime<Utc>,
    /// The last night that reached its end.
    pub night: Run,
    /// The sources that it lacked which are switches.
    pub switches: Vec<Lack>,
    /// How many switches there are.
    pub n_switches: usize,
    /// The last moment that the logwatch vouches for.
    pub sign: Option<DateTime<Utc>>,
    /// The last day that was over before the night.
    pub day: Day,
    /// The day of the night, as far as it went.
    pub today: Day,
    /// How many tokens there are.
    pub seats: Option<u32>,
    /// How many are out, as the night left them.
    pub out: u64,
    /// Whether `lmstat` said that the licence server and the vendor daemon are up; `None` where it was not asked, or did not
    /// answer.
    pub is_up: Option<bool>,
    /// The last day of the licence, where it has one and the licence file or `lmstat` says it.
    pub expiry: Option<NaiveDate>,
    /// The room on the disk of the output directory, in bytes.
    pub free: Option<u64>,
}

/// One day in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// The day.
    pub date: NaiveDate,
    /// Its seconds that some log vouches for.
    pub known_s: i64,
    /// Its seconds, as far as it went.
    pub whole_s: i64,
    /// How long any token was out, in seconds.
    pub used_s: i64,
    /// How long all tokens were out, in seconds; `None` where their number is not known.
    pub at_limit_s: Option<i64>,
    /// Refusals that cost somebody time.
    pub refusals: usize,
}

impl Day {
    /// Which part of the time with use all tokens were out, in percent.
    pub fn limit_pct(&self) -> Option<i64> {
        self.at_limit_s.map(|limit| limit * 100 / self.used_s.max(1))
    }
}

/// How bad something is, as monitoring has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// All is well.
    Ok,
    /// Somebody should look.
    Warning,
    /// Something does not work.
    Critical,
    /// Nothing is known.
    Unknown,
}

impl Status {
    /// What the memory says, as of a moment; `None` before the first night.
    pub fn of(
        config: &Config,
        ledger: &Ledger,
        evidence: &Evidence,
        now: DateTime<Utc>,
    ) -> Result<Option<Self>, LedgerError> {
        let Some(night) = ledger.last_run()? else { return Ok(None) };
        let zone = config.site.timezone;
        let date = night.at.with_timezone(&zone).date_naive();
        let before = date.pred_opt().unwrap_or(date);
        let first = date.checked_sub_days(chrono::Days::new(LOOK_BACK)).unwrap_or(date);
        let is_sign = |stretch: &Stretch| stretch.source == Origin::Logwatch && stretch.hole.is_none();
        let coverage = ledger.coverage(first, date, zone)?;
        let sign = coverage.iter().filter(|(_, stretch)| is_sign(stretch)).map(|(_, stretch)| stretch.until).max();
        let seats = seats(&TraceSettings::from(config), ledger)?;
        let (_, out) = taken_in_minute(&out_still(ledger.holds(date, date, zone)?), &seats, night.at);
        let is_switch = |lack: &&Lack| config.switches.iter().any(|switch| switch.name == lack.source);
        let feature = config.origin.feature.as_deref();
        let answer = last_answer(evidence, night.at, zone);
        let told = terms(ledger, feature)?.pop();
        let listed = || answer.as_ref().and_then(|answer| expiry_of(answer, feature));
        Ok(Some(Self {
            now,
            switches: night.lacks.iter().filter(is_switch).cloned().collect(),
            n_switches: config.switches.len(),
            sign,
            day: day(ledger, before, end_of_day(before, zone), &seats, zone)?,
            today: day(ledger, date, night.at, &seats, zone)?,
            seats: seats.on(date),
            out,
            is_up: answer.as_ref().map(|answer| is_up(answer, feature)),
            expiry: told.map_or_else(listed, |(_, terms)| terms.expiry),
            free: free(&config.output.directory),
            night,
        }))
    }

    /// What is wrong, the worst first.
    pub fn alarms(&self, alarm: &Alarm) -> Vec<(Level, String)> {
        let mut alarms = Vec::new();
        let mut tell = |level, text: String| alarms.push((level, text));
        let age = self.now - self.night.at;
        if age > alarm.night * 2 {
            tell(Level::Critical, format!("the last night was {} ago", told::hours(age)));
        } else if age > alarm.night {
            tell(Level::Warning, format!("the last night was {} ago", told::hours(age)));
        }
        match self.sign.map(|sign| self.night.at - sign) {
            Some(silence) if silence > alarm.sign => {
                let text = format!("the watcher gave no sign of life for {} before it", told::hours(silence));
                tell(Level::Critical, text);
            }
            None => tell(Level::Critical, "the watcher gave no sign of life for weeks".to_owned()),
            Some(_) => {}
        }
        if self.is_up == Some(false) {
            tell(Level::Critical, "the licence server or its vendor daemon is down".to_owned());
        }
        if self.night.is_stale {
            tell(Level::Warning, "the licence server could not be read: all is as it was known before".to_owned());
        }
        for switch in &self.switches {
            tell(Level::Warning, format!("{} is unreachable since {}", switch.source, switch.since.date_naive()));
        }
        let n_other = self.night.lacks.len().saturating_sub(self.switches.len());
        if n_other > 0 && !(self.night.is_stale && n_other == 1) {
            let things = if n_other == 1 { "thing" } else { "things" };
            tell(Level::Warning, format!("the last night lacked {n_other} {things} (its messages name them)"));
        }
        let unknown = self.day.whole_s - self.day.known_s;
        if unknown > UNKNOWN {
            let text = format!("{} of {} are unknown", told::hours(Duration::seconds(unknown)), self.day.date);
            tell(Level::Warning, text);
        }
        for day in [self.day, self.today] {
            if day.limit_pct().is_some_and(|pct| pct >= alarm.limit_pct) {
                let limit = told::hours(Duration::seconds(day.at_limit_s.unwrap_or_default()));
                tell(Level::Warning, format!("on {} all tokens were out for {limit}", day.date));
            }
        }
        if let Some(expiry) = self.expiry {
            match (expiry - self.now.date_naive()).num_days() {
                left @ ..0 => tell(Level::Critical, format!("the licence ended {} days ago, on {expiry}", -left)),
                left if left <= alarm.expiry_days => {
                    let level = if left <= LAST_DAYS { Level::Critical } else { Level::Warning };
                    tell(level, format!("the licence ends in {left} days, on {expiry}"));
                }
                _ => {}
            }
        }
        if let Some(free) = self.free.filter(|free| *free < alarm.disk) {
            let level = if free < alarm.disk / 8 { Level::Critical } else { Level::Warning };
            tell(level, format!("{} MB are free on the disk of the output directory", free >> 20));
        }
        alarms.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
        alarms
    }
}

/// The tokens that were out where the evidence ends, as if they were out for ever.
fn out_still(mut holds: Vec<Hold>) -> Vec<Hold> {
    let last = holds.iter().filter(|hold| hold.state == State::Open).map(|hold| hold.end).max();
    let is_out = |hold: &Hold| match hold.state {
        State::Open => true,
        State::Borrowed => last.is_none_or(|last| hold.end >= last),
        State::Closed | State::Expired | State::Presumed => false,
    };
    holds.retain(is_out);
    holds.into_iter().map(|hold| Hold { end: DateTime::<Utc>::MAX_UTC, ..hold }).collect()
}

fn day(ledger: &Ledger, date: NaiveDate, until: DateTime<Utc>, seats: &Seats, zone: Tz) -> Result<Day, LedgerError> {
    let from = start_of_day(date, zone);
    let until = until.max(from);
    let known: Known = ledger.known(date, date, zone)?;
    let levels = levels(&ledger.holds(date, date, zone)?, seats, from, until);
    let at_least = |count: u32| levels.iter().skip(count as usize).sum();
    let denials = ledger.denials(date, date, zone)?;
    Ok(Day {
        date,
        known_s: known.seconds(from, until),
        whole_s: (until - from).num_seconds(),
        used_s: at_least(1),
        at_limit_s: seats.on(date).map(at_least),
        refusals: denials.iter().filter(|denial| denial.real).count(),
    })
}

/// The last answer of `lmstat`, where it is of about this moment.
fn last_answer(evidence: &Evidence, at: DateTime<Utc>, zone: Tz) -> Option<Lmstat> {
    let (day, _) = evidence.days(Kind::Lmstat).last_key_value()?;
    let text = evidence.text(Kind::Lmstat, *day).ok()??;
    let answer = lmstat::parse(&Source::from_bytes("lmstat", answers(&text).last()?)).items;
    let asked = civil_moment(answer.at?, zone, None);
    ((at - asked).abs() < ANSWERED).then_some(answer)
}

/// Whether an answer lists users: without its vendor daemon it lists none.
fn is_up(answer: &Lmstat, feature: Option<&str>) -> bool {
    feature.map_or(!answer.features.is_empty(), |feature| answer.covers(feature))
}

/// The day on which the first of a feature's licences ends, by an answer.
fn expiry_of(answer: &Lmstat, feature: Option<&str>) -> Option<NaiveDate> {
    let own = answer.expiries.iter().filter(|(name, _)| feature.is_none_or(|feature| **name == *feature));
    own.map(|(_, expiry)| *expiry).min()
}

/// The room on the disk of a folder, in bytes.
pub(crate) fn free(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail * found.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2021-12-{text}:00Z").parse().unwrap()
    }

    fn day(date: u32, whole_s: i64) -> Day {
        let date = NaiveDate::from_ymd_opt(2021, 12, date).unwrap();
        Day { date, known_s: whole_s, whole_s, used_s: 36_000, at_limit_s: Some(0), refusals: 0 }
    }

    /// At 8:00, after a night at 2:00 that had all it needed.
    fn well() -> Status {
        Status {
            now: at("09T08:00"),
            night: Run { at: at("09T02:00"), is_stale: false, lacks: Vec::new() },
            switches: Vec::new(),
            n_switches: 2,
            sign: Some(at("09T01:55")),
            day: day(8, 86_400),
            today: day(9, 3600),
            seats: Some(20),
            out: 3,
            is_up: Some(true),
            expiry: Some("2022-12-31".parse().unwrap()),
            free: Some(50 << 30),
        }
    }

    fn lacks(status: &mut Status, source: &str) {
        status.night.lacks.push(Lack { source: source.to_owned(), since: at("07T02:00") });
    }

    #[test]
    fn a_quiet_status_is_one_line() {
        let (level, text) = line(Some(&well()), &Alarm::default());
        assert_eq!(
            (level, text.as_str()),
            (Level::Ok, "the last night was 6 h 00 ago and complete; 3 of 20 tokens were out")
        );
        assert_eq!(line(None, &Alarm::default()).0, Level::Unknown);
    }

    #[test]
    fn each_thing_that_is_wrong_is_an_alarm() {
        type Change = fn(&mut Status);
        let cases: [(Change, Level, &str); 21] = [
            (|status| status.expiry = Some("2022-01-09".parse().unwrap()), Level::Ok, "complete"),
            (
                |status| status.expiry = Some("2022-01-08".parse().unwrap()),
                Level::Warning,
                "ends in 30 days, on 2022-01-08",
            ),
            (|status| status.expiry = Some("2021-12-16".parse().unwrap()), Level::Critical, "ends in 7 days"),
            (|status| status.expiry = Some("2021-12-07".parse().unwrap()), Level::Critical, "ended 2 days ago"),
            (|status| status.expiry = None, Level::Ok, "complete"),
            (|status| status.now = at("10T04:00"), Level::Ok, "26 h 00 ago"),
            (|status| status.now = at("10T04:01"), Level::Warning, "the last night was 26 h 01 ago"),
            (|status| status.now = at("11T06:01"), Level::Critical, "52 h 01 ago"),
            (|status| status.sign = Some(at("08T14:00")), Level::Ok, "complete"),
            (|status| status.sign = Some(at("08T13:59")), Level::Critical, "no sign of life for 12 h 01"),
            (|status| status.sign = None, Level::Critical, "no sign of life for weeks"),
            (|status| status.is_up = Some(false), Level::Critical, "is down"),
            (|status| status.is_up = None, Level::Ok, "complete"),
            (
                |status| {
                    lacks(status, "origin");
                    status.night.is_stale = true;
                },
                Level::Warning,
                "the licence server could not be read: all is as it was known before",
            ),
            (|status| lacks(status, "out/reports"), Level::Warning, "the last night lacked 1 thing (its"),
            (
                |status| {
                    lacks(status, "Labo-A-1");
                    status.switches.clone_from(&status.night.lacks);
                },
                Level::Warning,
                "Labo-A-1 is unreachable since 2021-12-07",
            ),
            (|status| status.day.known_s -= 900, Level::Ok, "complete"),
            (|status| status.day.known_s -= 3600, Level::Warning, "1 h 00 of 2021-12-08 are unknown"),
            (|status| status.day.at_limit_s = Some(8999), Level::Ok, "complete"),
            (
                |status| status.day.at_limit_s = Some(9000),
                Level::Warning,
                "on 2021-12-08 all tokens were out for 2 h 30",
            ),
            (|status| status.free = Some(1023 << 20), Level::Warning, "1023 MB are free"),
        ];
        for (change, level, said) in cases {
            let mut status = well();
            change(&mut status);
            let (found, text) = line(Some(&status), &Alarm::default());
            assert_eq!(found, level, "{said}: {text}");
            assert!(text.contains(said), "{said}: {text}");
            assert!(text.matches("; ").count() <= usize::from(level == Level::Ok), "one alarm: {text}");
        }
    }

    #[test]
    fn the_worst_alarm_comes_first_and_gives_the_level() {
        let mut status = well();
        status.free = Some(100 << 20);
        lacks(&mut status, "out/reports");
        status.today.at_limit_s = Some(20_000);
        let (level, text) = line(Some(&status), &Alarm::default());
        assert_eq!(level, Level::Critical);
        assert!(text.starts_with("100 MB are free"), "{text}");
        assert!(nagios(Some(&status), &Alarm::default()).starts_with("JETON CRITICAL - 100 MB are free"));
    }

    #[test]
    fn what_is_not_known_is_no_metric_and_labels_are_quoted() {
        let mut status = well();
        (status.seats, status.is_up, status.day.at_limit_s) = (None, None, None);
        status.switches.push(Lack { source: "a\"b\\c\nd".to_owned(), since: at("07T02:00") });
        let text = prometheus(Some(&status), &Alarm::default());
        assert!(
            !text.contains("jeton_tokens ") && !text.contains("_up") && !text.contains("last_whole\"} 0\njeton_day_at")
        );
        assert!(text.contains("{switch=\"a\\\"b\\\\c\\nd\"} 1638842400\n"), "{text}");
        assert!(text.contains("jeton_day_known_seconds{day=\"last_whole\"} 86400\n"), "{text}");
        assert_eq!(prometheus(None, &Alarm::default()).lines().last(), Some("jeton_status 3"));
    }
}
