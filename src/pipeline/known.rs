//! What commands that write nothing know: the memory of all nights, or the inputs at hand where no night has made one yet.

use chrono::{DateTime, Datelike, Days as DaysOff, Duration, Months, NaiveDate, Utc};
use chrono_tz::Tz;

use super::forget;
use super::publish::KeptFigures;
use super::{Ask, Days, Fetched, Gathered, Listener, Material, Memory, cite_findings, gather, learn};
use crate::config::{Config, ORIGIN, SeatCounts, TraceSettings};
use crate::evidence::Evidence;
use crate::finding::{Finding, Gap, Kind, Place};
use crate::ledger::{Grouping, Ledger, LedgerError, Used};
use crate::model::{Denial, Duplicates, Hold, LastUse, SessionRow, State, Terms};
use crate::network::Remote;
use crate::parse::datetime::{end_of_day, start_of_day};
use crate::privacy::Veil;
use crate::report::{MonthUse, Period};
use crate::source::Source;
use crate::trace::coverage::Hole;
use crate::trace::refusals::{Refusal, refusals};
use crate::trace::seats::{Known as Watched, Seats, taken_in_minute};
use crate::trace::{Origin, Stretch};

/// Everything that is known, to be asked.
#[derive(Debug)]
pub struct Rows {
    /// What was seen.
    pub evidence: Evidence,
    /// What follows from it.
    pub ledger: Ledger,
    /// Where it comes from.
    pub whence: Whence,
    /// The days that were asked for.
    pub days: Days,
    /// The moment that it is known at.
    pub now: DateTime<Utc>,
    /// The logs that were read just now, where any were.
    pub fetched: Fetched,
}

/// What a command wants of what is at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// What the traces say: no switch is asked.
    Traces,
    /// The machines of sessions too.
    Machines,
}

/// Where rows come from.
#[derive(Debug)]
pub enum Whence {
    /// From the nights that the ledger remembers.
    Ledger,
    /// From the inputs at hand, as no night has been yet.
    Inputs {
        /// What looks wrong in them.
        findings: Vec<Finding>,
        /// The sources that could not be had.
        gaps: Vec<Gap>,
        /// The day on which the traces begin.
        first: Option<NaiveDate>,
    },
}

/// What is known for the days that `span` names: from the memory of the nights; before the first, from the inputs at hand, of
/// which nothing is kept. `remote` is asked for only then.
pub fn rows(
    config: &Config,
    remote: impl FnOnce() -> anyhow::Result<Box<dyn Remote>>,
    mut span: impl FnMut(DateTime<Utc>) -> anyhow::Result<Days>,
    wanted: Wanted,
    listener: Listener<'_>,
) -> anyhow::Result<Rows> {
    let kept = Ledger::open_to_read(&Memory::path(config))?;
    let veil = || Veil::open(&config.output.directory).ok().flatten();
    let Some(ledger) = kept.map(|ledger| ledger.showing(config.origin.feature.as_deref()).under(veil())) else {
        return at_hand(config, remote()?.as_ref(), span, wanted, listener);
    };
    ledger.check_site(&config.site.name, &config.origin.address.to_string())?;
    if let Some(latest) = ledger.latest()? {
        let now = if config.replay.is_some() { latest } else { Utc::now() };
        ledger.check_feature()?;
        let evidence = Evidence::open_to_read(&Memory::evidence_path(config))?;
        let fetched = Fetched::default();
        return Ok(Rows { days: span(now)?, evidence, ledger, whence: Whence::Ledger, now, fetched });
    }
    // An imported history alone: beside the inputs, where these can be had.
    let mut asked = false;
    let days = |now| {
        asked = true;
        span(now)
    };
    match remote().and_then(|remote| at_hand(config, remote.as_ref(), days, wanted, listener)) {
        Ok(mut rows) => {
            let told = Source::from_bytes("ledger", ledger.told_text()?.as_bytes());
            rows.ledger.take_in(&[told], config.site.timezone)?;
            Ok(rows)
        }
        Err(error) if asked => Err(error),
        Err(_) => {
            let now = Utc::now();
            let (evidence, fetched) = (Evidence::in_memory(), Fetched::default());
            Ok(Rows { days: span(now)?, evidence, ledger, whence: Whence::Ledger, now, fetched })
        }
    }
}

/// What the inputs at hand say for the days that `span` names. Nothing is kept of it.
pub fn at_hand(
    config: &Config,
    remote: &dyn Remote,
    mut span: impl FnMut(DateTime<Utc>) -> anyhow::Result<Days>,
    wanted: Wanted,
    listener: Listener<'_>,
) -> anyhow::Result<Rows> {
    let mut evidence = Evidence::in_memory();
    let gathered = gather(config, remote, &mut evidence, listener)?;
    let days = span(gathered.now)?;
    let mut ledger = Ledger::in_memory()?.showing(config.origin.feature.as_deref());
    let asked = if wanted == Wanted::Machines { Ask::Of(days) } else { Ask::Nothing };
    let learned = learn(config, remote, &gathered, &evidence, &mut ledger, asked, listener)?;
    ledger.check_feature()?;
    let Gathered { now, first, fetched, .. } = gathered;
    let mut findings = ledger.findings(NaiveDate::MIN, NaiveDate::MAX)?;
    cite_findings(&fetched.read, &evidence, &mut findings);
    let whence = Whence::Inputs { findings, gaps: learned.gaps, first };
    Ok(Rows { evidence, ledger, whence, days, now, fetched })
}

/// What a period's reports need of the ledger: its days, and those of the period before, to compare with.
#[derive(Debug)]
pub struct Known {
    rows: Vec<SessionRow>,
    holds: Vec<Hold>,
    denials: Vec<Denial>,
    refusals: Vec<Refusal>,
    months: Vec<(NaiveDate, MonthUse)>,
    unused: Vec<LastUse>,
    findings: Vec<Finding>,
    watched: Watched,
    seats: Seats,
    former: Vec<String>,
    begins: Option<NaiveDate>,
    kept: KeptFigures,
    first_named: Option<NaiveDate>,
    first_kept: Option<NaiveDate>,
    /// What departments see names through.
    veil: Option<Veil>,
}

/// How many tokens the laboratory has, day by day: as the configuration says it for all days, else as the nights knew it; where
/// it does not say, as the licence file does, else `lmstat`. Which of them are shared, the licence file says, else the
/// configuration.
pub fn seats(settings: &TraceSettings, ledger: &Ledger) -> Result<Seats, LedgerError> {
    let feature = settings.feature.as_deref();
    let terms = terms(ledger, feature)?;
    let counts = match &settings.seats {
        Some(SeatCounts::Dated(counts)) => counts.clone(),
        Some(SeatCounts::Now(now)) => {
            let known = ledger.dated(ORIGIN, "seats")?;
            let mut counts: Vec<(NaiveDate, u32)> =
                known.into_iter().filter_map(|(since, value)| Some((since, value.parse().ok()?))).collect();
            if counts.last().is_none_or(|(_, last)| last != now) {
                // Bought since the last night.
                let night = ledger.latest()?.and_then(|night| night.date_naive().succ_opt());
                counts.push((night.unwrap_or(NaiveDate::MIN), *now));
            }
            counts
        }
        None => {
            let counted = terms.iter().filter_map(|(since, terms)| Some((*since, terms.count?)));
            let counts: Vec<(NaiveDate, u32)> = counted.collect();
            if counts.is_empty() { ledger.issued(feature, settings.timezone)? } else { counts }
        }
    };
    let said = terms.iter().filter_map(|(since, terms)| Some((*since, terms.duplicates.parse().ok()?)));
    let mut duplicates: Vec<(NaiveDate, Duplicates)> = said.collect();
    if duplicates.is_empty() {
        duplicates.extend(settings.duplicates.map(|all| (NaiveDate::MIN, all)));
    }
    Ok(Seats::dated(counts).sharing(duplicates))
}

/// The name of the dated setting that holds what the licence file says.
pub(super) const TERMS: &str = "terms";

/// What the licence file said of a feature, each with the day from which on it said so; without a feature, of the only one.
pub fn terms(ledger: &Ledger, feature: Option<&str>) -> Result<Vec<(NaiveDate, Terms)>, LedgerError> {
    let of_feature = |all: Vec<Terms>| match feature {
        Some(feature) => all.into_iter().find(|terms| terms.feature == feature),
        None => <[Terms; 1]>::try_from(all).ok().map(|[only]| only),
    };
    let known = ledger.dated(ORIGIN, TERMS)?.into_iter();
    Ok(known.filter_map(|(since, text)| Some((since, of_feature(serde_json::from_str(&text).ok()?)?))).collect())
}

/// The answers of `lmstat` whose number of tokens in use differs from what is known of that minute, as findings of their days.
pub(super) fn counted_otherwise(
    ledger: &Ledger,
    (first, last): (NaiveDate, NaiveDate),
    seats: &Seats,
    feature: Option<&str>,
    zone: Tz,
) -> Result<Vec<Finding>, LedgerError> {
    let answers = ledger.in_use(feature, first, last, zone)?;
    if answers.is_empty() {
        return Ok(Vec::new());
    }
    let mut holds = ledger.holds(first, last, zone)?;
    // What is out where the evidence ends was not given back in that minute.
    for hold in holds.iter_mut().filter(|hold| matches!(hold.state, State::Open | State::Borrowed)) {
        hold.end += SHORT;
    }
    let differs = |&(at, in_use): &(DateTime<Utc>, u32)| {
        let (fewest, most) = taken_in_minute(&holds, seats, at);
        let told = at.with_timezone(&zone);
        let ours = if fewest == most { most.to_string() } else { format!("{fewest}–{most}") };
        (!(fewest..=most).contains(&u64::from(in_use))).then(|| {
            let detail = format!("{}: lmstat {in_use} ≠ {ours}", told.format("%Y-%m-%d %H:%M"));
            Finding::new(Kind::CountedOtherwise, Place::whole("lmstat"), detail).of(told.date_naive())
        })
    };
    Ok(answers.iter().filter_map(differs).collect())
}

/// The end of what has passed of some days: of the last one, what was before a moment in it. Where the moment is before the last
/// day, as the licence server was not heard since, the days before the last have passed all the same.
fn elapsed(last: NaiveDate, now: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    if now < start_of_day(last, zone) { start_of_day(last, zone) } else { now.min(end_of_day(last, zone)) }
}

/// The holes of some days: those of the logwatch, which knows machines; without a logwatch, those of the debug log. What is
/// shorter than a few minutes is none: a collector that is started anew.
pub(super) fn holes(ledger: &Ledger, first: NaiveDate, last: NaiveDate, zone: Tz) -> Result<Vec<Stretch>, LedgerError> {
    let mut coverage: Vec<Stretch> = ledger.coverage(first, last, zone)?.into_iter().map(|(_, one)| one).collect();
    let has_logwatch = coverage.iter().any(|stretch| stretch.source == Origin::Logwatch);
    coverage.retain(|stretch| {
        let is_told = stretch.source == Origin::Logwatch || !has_logwatch;
        is_told && stretch.hole.is_some() && stretch.until - stretch.since >= SHORT
    });
    Ok(coverage)
}

/// `2021-12-08 10:00:00 – 2021-12-09 08:00:00 (silent)`.
fn told(hole: &Stretch, zone: Tz) -> String {
    let [since, until] =
        [hole.since, hole.until].map(|at| at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string());
    format!("{since} – {until} ({})", hole.hole.map_or("", Hole::name))
}

/// The holes of some days as findings.
pub(super) fn unwatched(
    ledger: &Ledger,
    first: NaiveDate,
    last: NaiveDate,
    zone: Tz,
) -> Result<Vec<Finding>, LedgerError> {
    let holes = holes(ledger, first, last, zone)?;
    let finding = |hole: &Stretch| {
        let day = hole.since.with_timezone(&zone).date_naive();
        Finding::new(Kind::Unwatched, Place::whole(hole.source.name()), told(hole, zone)).of(day)
    };
    Ok(holes.iter().map(finding).collect())
}

/// The holes that were not there before, each as a gap of the night that learns of it.
pub(super) fn new_holes(before: &[Stretch], after: Vec<Stretch>, zone: Tz) -> Vec<Gap> {
    let rest = |mut hole: Stretch| {
        // Of a hole that was there and has grown, what is new.
        for known in before.iter().filter(|known| known.source == hole.source) {
            if known.since <= hole.since {
                hole.since = hole.since.max(known.until.min(hole.until));
            }
        }
        (hole.until - hole.since >= SHORT).then_some(hole)
    };
    let gap = |hole: Stretch| {
        let reason = format!("no data: {}; use, refusals or addresses of that time are not known", told(&hole, zone));
        Gap::new(hole.source.name(), reason)
    };
    after.into_iter().filter_map(rest).map(gap).collect()
}

/// Holes that are shorter are not told.
const SHORT: Duration = Duration::minutes(5);

/// How many months *Tendance* looks back: a year, and the one before to compare with.
const MONTHS_BACK: u32 = 23;

/// What was used in each month up to that of a day.
fn months(ledger: &Ledger, last: NaiveDate) -> Result<Vec<(NaiveDate, MonthUse)>, LedgerError> {
    let first = last.with_day(1).and_then(|first| first.checked_sub_months(Months::new(MONTHS_BACK)));
    let used = ledger.used(first.unwrap_or(last), last, Grouping::Month)?;
    let month = |used: Used| {
        let day = format!("{}-01", used.group).parse().ok()?;
        let Used { seconds, token_seconds, begun: sessions, users, machines, .. } = used;
        Some((day, MonthUse { seconds, token_seconds, sessions, users, machines }))
    };
    Ok(used.into_iter().filter_map(month).collect())
}

/// For how many days nobody has used what *Inutilisés* names, and how many it looks back.
const UNUSED_DAYS: (u64, u64) = (90, 730);

/// Who has not used anything for months, up to a day.
fn unused(ledger: &Ledger, last: NaiveDate, zone: Tz) -> Result<Vec<LastUse>, LedgerError> {
    let (least, most) = UNUSED_DAYS;
    let back = |days: u64| last.checked_sub_days(DaysOff::new(days)).unwrap_or(NaiveDate::MIN);
    ledger.last_uses((back(most), back(least)), last, zone)
}

impl Known {
    /// Of a period and the one before it.
    pub fn of(ledger: &Ledger, period: Period, config: &Config, now: DateTime<Utc>) -> Result<Self, LedgerError> {
        let zone = config.site.timezone;
        let (first, last) = (period.previous().first(), period.last());
        let settings = TraceSettings::from(config);
        let seats = seats(&settings, ledger)?;
        let of_period = (period.first(), last);
        let counted = counted_otherwise(ledger, of_period, &seats, settings.feature.as_deref(), zone)?;
        let denials = ledger.denials(first, last, zone)?;
        // Who was refused a token late may be served on the day after.
        let mut holds = ledger.holds(first, last.succ_opt().unwrap_or(last), zone)?;
        let refusals = refusals(&denials, &holds);
        let end = end_of_day(last, zone);
        holds.retain(|hold| hold.start < end);
        let known = Self {
            rows: ledger.rows(first, last, zone)?,
            holds,
            denials,
            refusals,
            months: months(ledger, last)?,
            unused: unused(ledger, last, zone)?,
            findings: [ledger.findings(first, last)?, unwatched(ledger, period.first(), last, zone)?, counted].concat(),
            watched: ledger.known(first, last, zone)?.until(elapsed(last, now, zone)),
            seats,
            former: ledger.former_departments()?,
            begins: ledger.begins(zone)?,
            kept: forget::kept_figures(ledger, period)?,
            first_named: ledger.first_named()?,
            first_kept: ledger.first_kept()?,
            veil: ledger.veil().filter(|_| config.privacy.heads_see_pseudonyms).cloned(),
        };
        let mut known = known;
        if let Some(veil) = ledger.veil() {
            // A workbook that is not written again names nobody of longer ago than its own period.
            if config.privacy.named.is_some() && period.last() < now.with_timezone(&zone).date_naive() {
                for one in &mut known.unused {
                    *one = veil.last_use(one);
                }
            }
            for part in [period.previous(), period] {
                if forget::is_veiled(ledger, part)? {
                    known.veil(part, zone, veil);
                }
            }
        }
        Ok(known)
    }

    /// Puts all that is of a period under pseudonyms: where names of a part of it are forgotten, nobody is to be there under a
    /// name and under a pseudonym.
    fn veil(&mut self, period: Period, zone: Tz, veil: &Veil) {
        let (from, until) = period.bounds(zone);
        let is_in = |at: DateTime<Utc>| from <= at && at < until;
        for row in self.rows.iter_mut().filter(|row| is_in(row.start.to_utc())) {
            *row = veil.row(row);
        }
        for hold in self.holds.iter_mut().filter(|hold| hold.start < until && hold.end >= from) {
            *hold = veil.hold(hold);
        }
        for denial in self.denials.iter_mut().filter(|denial| is_in(denial.at)) {
            *denial = veil.denial(denial);
        }
        for refusal in self.refusals.iter_mut().filter(|refusal| is_in(refusal.denial.at)) {
            *refusal = veil.refusal(refusal);
        }
    }

    /// What reports are made of.
    pub fn material<'a>(&'a self, gaps: &'a [Gap], now: DateTime<Utc>) -> Material<'a> {
        let Self { rows, holds, denials, refusals, months, unused, findings, watched, seats, former, .. } = self;
        let (begins, kept) = (self.begins, &self.kept);
        let (first_named, first_kept, veil) = (self.first_named, self.first_kept, self.veil.as_ref());
        Material {
            rows,
            holds,
            denials,
            refusals,
            months,
            unused,
            findings,
            known: watched,
            gaps,
            seats,
            former,
            kept,
            first_named,
            first_kept,
            veil,
            now,
            begins,
        }
    }

    /// Whether there is any use in the period.
    pub fn is_empty(&self, period: Period) -> bool {
        !self.rows.iter().any(|row| (period.first()..=period.last()).contains(&row.date))
    }
}
