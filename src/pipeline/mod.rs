//! The night, told from top to bottom: fetch, read, attribute, join, resolve, record, report.
//!
//! Nothing that fails at one host or one line stops it: that becomes a gap or a finding. What has to be there is the
//! traces and the inputs; without them nothing is published.
//!
//! A night first records what it saw in the ledger, and then tells the history and the workbooks what is new there.

mod due;
mod fetch;
mod joined;
mod known;
mod memory;
mod publish;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::Context;
use chrono::{DateTime, NaiveDate, Utc};

pub use fetch::{NoTraces, TraceFiles, Traced, fetch_lmstat, fetch_traces, read_traces, read_watch};
pub use known::{Known, Rows, Whence, at_hand, rows};
pub use memory::Memory;
pub use publish::{Material, Published, publish_reports};

use crate::config::{Config, TraceSettings};
use crate::finding::{Finding, Gap};
use crate::history;
use crate::ledger::{Ledger, LedgerError, Night};
use crate::model::{Machine, SessionRow};
use crate::network::{Directory, Progress, Remote, Replay, resolve};
use crate::output::{self, Lock};
use crate::report::FOLDER;
use crate::trace::observed::{Observed, observe};
use crate::trace::{self, Session, Traces};
use due::Due;

/// The name of the history file in the output directory.
pub const HISTORY: &str = "Origin_history";

/// A span of days, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub first: NaiveDate,
    /// The last.
    pub last: NaiveDate,
}

impl Days {
    /// Every day there is.
    pub const ALL: Self = Self { first: NaiveDate::MIN, last: NaiveDate::MAX };

    /// Whether a day is one of them.
    pub fn contains(&self, day: NaiveDate) -> bool {
        (self.first..=self.last).contains(&day)
    }
}

/// What is listened to while a night works.
pub type Listener<'a> = &'a (dyn Fn(Step<'_>) + Sync);

/// How far a night is.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// Another run holds the output directory.
    Waiting,
    /// This is being done now: `reading traces`.
    Doing(&'a str),
    /// The switches are being asked.
    Switches(Progress<'a>),
}

/// What the traces and the network say, as a night finds it.
#[derive(Debug)]
pub struct Gathered {
    /// The tokens, as far as the traces show them.
    pub observed: Observed,
    /// The text of the logwatch, with the parts that earlier nights read; to be kept.
    pub log: Option<Vec<u8>>,
    /// What the network says of the addresses that were asked for.
    pub machines: BTreeMap<IpAddr, Machine>,
    /// What looks wrong in any input.
    pub findings: Vec<Finding>,
    /// The sources that could not be had.
    pub gaps: Vec<Gap>,
    /// The moment of the run; of a replay, the newest moment that its traces name.
    pub now: DateTime<Utc>,
    /// The day on which the traces begin: of what was before, they say nothing, not even that there was no use.
    pub first: Option<NaiveDate>,
    /// What the traces were read with.
    pub settings: TraceSettings,
}

impl Gathered {
    /// What the ledger takes in.
    pub fn night(&self) -> Night<'_> {
        Night {
            observed: &self.observed,
            log: self.log.as_deref(),
            machines: &self.machines,
            findings: &self.findings,
            gaps: &self.gaps,
            now: self.now,
            settings: &self.settings,
        }
    }
}

/// The days that a night is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The first; without one, the last day of the last night, and whatever is known anew of days before.
    pub since: Option<NaiveDate>,
    /// The last.
    pub last: NaiveDate,
}

/// What a night did.
#[derive(Debug)]
pub struct Summary {
    /// The days that were done.
    pub days: Days,
    /// The rows of those days.
    pub rows: Vec<SessionRow>,
    /// What looks wrong in any input.
    pub findings: Vec<Finding>,
    /// The sources, workbooks and pushes that failed.
    pub gaps: Vec<Gap>,
    /// The files that were written.
    pub published: Published,
    /// Where all days lie before all that is known, so that nothing was written: the day on which the traces begin.
    pub before: Option<NaiveDate>,
}

/// The way to the hosts that a configuration names.
pub fn remote(config: &Config) -> anyhow::Result<Box<dyn Remote>> {
    let folder = config.replay.as_ref().context(
        "no way to the hosts: this version reads a replay folder only; name one with `--replay DIR` or `[remote] replay`",
    )?;
    let replay =
        Replay::open(folder).with_context(|| format!("cannot open the replay folder `{}`", folder.display()))?;
    Ok(Box::new(replay))
}

/// Reads, attributes and resolves: steps 1 to 5 of the design's night. The network is asked for the addresses of the days
/// that `span` names once the moment of the run is known. A log that is a part of what `past` nights read is read together
/// with it.
pub fn gather(
    config: &Config,
    remote: &dyn Remote,
    past: Option<&Ledger>,
    span: impl FnOnce(DateTime<Utc>) -> anyhow::Result<Days>,
    listener: Listener<'_>,
) -> anyhow::Result<Gathered> {
    listener(Step::Doing("reading the DHCP files and Ordinateurs.ods"));
    let (directory, mut findings) = Directory::read(config).context("nothing can be done without the inputs")?;
    listener(Step::Doing("fetching the licence server's traces"));
    let Traced { mut traces, findings: found, mut gaps } = fetch_traces(config, remote)?;
    findings.extend(found);

    listener(Step::Doing("working out who sat where"));
    let settings = TraceSettings::from(config);
    let log = match (&mut traces.watch, past) {
        (Some(watch), Some(past)) => match joined::join(watch, past, &settings) {
            // It is set aside when the night is to be recorded.
            Err(LedgerError::Damaged { .. }) => None,
            joined => joined?,
        },
        _ => None,
    };
    let newest = traces.newest(settings.timezone);
    let now = newest.filter(|_| config.replay.is_some()).unwrap_or_else(Utc::now);
    // As of the end of the traces: what became of those who were there then, the ledger says.
    let as_of = newest.unwrap_or(now);
    let mut analysis = trace::analyse(&traces, &settings, as_of, &|ip| directory.name_at(ip).map(str::to_owned));
    findings.append(&mut analysis.findings);
    let wanted = |feature: &str| settings.feature.as_deref().is_none_or(|only| only == feature);
    let observed = observe(&traces, &analysis, settings.timezone, &wanted);

    let addresses = addresses(&analysis.sessions, span(now)?, &settings);
    let resolution = resolve(config, &directory, remote, &addresses, &|progress| listener(Step::Switches(progress)));
    findings.extend(resolution.findings);
    gaps.extend(resolution.gaps);
    let first = first_day(&traces, &settings);
    Ok(Gathered { observed, log, machines: resolution.machines, findings, gaps, now, first, settings })
}

/// The day of the first thing that the logs tell.
fn first_day(traces: &Traces, settings: &TraceSettings) -> Option<NaiveDate> {
    let watch = traces.watch.as_ref().and_then(|watch| watch.moments.first()).map(|moment| moment.at);
    let log = traces.debug_log.as_ref().and_then(|log| log.events.first()).map(|event| event.at);
    watch.into_iter().chain(log).min().map(|at| at.with_timezone(&settings.timezone).date_naive())
}

/// The whole night: gathers, records, and tells what is new in the history and in the workbooks.
///
/// Whatever the ledger knows and the files do not say yet is told, also of days that earlier nights missed or did not
/// bring to their end. Interrupted at any moment, the next night completes it.
pub fn nightly(
    config: &Config,
    remote: &dyn Remote,
    asked: impl FnOnce(DateTime<Utc>) -> anyhow::Result<Asked>,
    listener: Listener<'_>,
) -> anyhow::Result<Summary> {
    let _lock = prepare_output(config, listener)?;
    // Before the hosts are asked: a ledger that cannot be used is known at once.
    let mut memory = Memory::find(config)?;
    let mut asked_for = None;
    let all = |now| {
        asked_for = Some(asked(now)?);
        Ok(Days::ALL)
    };
    let gathered = gather(config, remote, Some(memory.past()?), all, listener)?;
    let asked = asked_for.context("no days were asked for")?;
    if let Some(first) = gathered.first.filter(|first| asked.last < *first && !memory.is_there()) {
        let days = Days { first: asked.since.unwrap_or(asked.last), last: asked.last };
        let Gathered { mut findings, gaps, .. } = gathered;
        findings.retain(|finding| finding.concerns(days.first, days.last));
        let published = Published::default();
        return Ok(Summary { days, rows: Vec::new(), findings, gaps, published, before: Some(first) });
    }
    listener(Step::Doing("recording in the ledger"));
    let (mut ledger, lost) = memory.record(&gathered.night())?;
    let gaps: Vec<Gap> = gathered.gaps.iter().cloned().chain(lost).collect();
    listener(Step::Doing("writing Origin_history and the workbooks"));
    tell(config, &mut ledger, &gathered, asked, gaps)
}

/// Tells the files what the ledger knows and they do not.
fn tell(
    config: &Config,
    ledger: &mut Ledger,
    gathered: &Gathered,
    asked: Asked,
    mut gaps: Vec<Gap>,
) -> anyhow::Result<Summary> {
    let zone = config.site.timezone;
    let due = Due::of(ledger, asked)?;
    let path = config.output.directory.join(HISTORY);
    let told = history::lines(&due.history_rows(ledger, config)?, config.output.history_format);
    let mut findings =
        history::write(&path, &told, config.output.history_format).context("the history could not be written")?;
    let mut published = Published { files: vec![path], failures: Vec::new() };
    for period in due.periods(config) {
        let known = Known::of(ledger, period, zone)?;
        published.extend(publish_reports(config, &known.material(&gaps, gathered.now), period, None));
    }
    if published.failures.is_empty() {
        ledger.published(&due.days, asked.last)?;
    }
    let rows = ledger.rows(due.first, asked.last, zone)?;
    let first = asked.since.map_or(due.first, |since| rows.first().map_or(asked.last, |row| row.date.max(since)));
    let days = Days { first, last: asked.last };
    findings.extend(gathered.findings.iter().filter(|finding| finding.concerns(first, asked.last)).cloned());
    gaps.append(&mut published.failures);
    Ok(Summary { days, rows, findings, gaps, published, before: None })
}

/// Makes the output directory, waits until no other run writes there, and takes away what an interrupted one left.
pub fn prepare_output(config: &Config, listener: Listener<'_>) -> anyhow::Result<Lock> {
    let folder = &config.output.directory;
    output::create_folder(folder)?;
    output::close_folder(folder);
    output::close_folders(&folder.join(FOLDER));
    let lock = Lock::take(folder, || listener(Step::Waiting))
        .with_context(|| format!("cannot lock the output directory `{}`", folder.display()))?;
    output::remove_leftovers(folder);
    Ok(lock)
}

/// The addresses of the sessions that touch the days, with the host names that the log gave to each.
fn addresses(sessions: &[Session], days: Days, settings: &TraceSettings) -> BTreeMap<IpAddr, BTreeSet<String>> {
    let mut addresses: BTreeMap<IpAddr, BTreeSet<String>> = BTreeMap::new();
    for session in sessions {
        let day = |at: DateTime<Utc>| at.with_timezone(&settings.timezone).date_naive();
        if let Some(ip) = session.ip
            && day(session.end) >= days.first
            && day(session.start) <= days.last
        {
            addresses.entry(ip).or_default().insert(session.who.host().to_owned());
        }
    }
    addresses
}
