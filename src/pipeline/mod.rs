//! The night, told from top to bottom: fetch, read, attribute, join, resolve, record, report.
//!
//! Nothing that fails at one host or one line stops it: that becomes a gap or a finding. What has to be there is the
//! traces and the inputs; without them nothing is published.

mod fetch;
mod logs;
mod publish;
mod push;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::Context;
use chrono::{DateTime, NaiveDate, Utc};

pub use fetch::{NoTraces, TraceFiles, Traced, fetch_lmstat, fetch_traces, present, read_traces, read_watch};
pub use publish::{Material, Published, publish_reports};
pub use push::{Pushed, push_history};

use crate::config::{Config, HistoryFormat, TraceSettings};
use crate::finding::{Finding, Gap};
use crate::history;
use crate::model::{Machine, SessionRow};
use crate::network::{Directory, Progress, Remote, Replay, Ssh, resolve};
use crate::output::{self, Lock};
use crate::report::{FOLDER, Period};
use crate::trace::{self, Analysis, Session, Traces};

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

/// Everything that is known of a span of days.
#[derive(Debug)]
pub struct Gathered {
    /// The tokens, holds, denials and sessions of all days.
    pub analysis: Analysis,
    /// The pieces of sessions of the span, by start, with their machines.
    pub rows: Vec<SessionRow>,
    /// What looks wrong in any input.
    pub findings: Vec<Finding>,
    /// The sources that could not be had.
    pub gaps: Vec<Gap>,
    /// The moment of the run; of a replay, the newest moment that its traces name.
    pub now: DateTime<Utc>,
    /// Where the whole span lies before the traces: the day on which these begin. Nothing is known of such a span, not
    /// even that there was no use.
    pub before: Option<NaiveDate>,
}

impl Gathered {
    /// What reports are made of.
    pub fn material(&self) -> Material<'_> {
        Material {
            rows: &self.rows,
            holds: &self.analysis.holds,
            denials: &self.analysis.denials,
            findings: &self.findings,
            gaps: &self.gaps,
            now: self.now,
        }
    }
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
    /// What became of the history's way to the licence server.
    pub pushed: Pushed,
    /// Where all days lie before the traces, so that nothing was written: the day on which these begin.
    pub before: Option<NaiveDate>,
}

/// The way to the hosts that a configuration names: SSH, or the folder that answers in their place.
pub fn remote(config: &Config) -> anyhow::Result<Box<dyn Remote>> {
    let Some(folder) = &config.replay else { return Ok(Box::new(Ssh::new(&config.ssh))) };
    let replay =
        Replay::open(folder).with_context(|| format!("cannot open the replay folder `{}`", folder.display()))?;
    Ok(Box::new(replay))
}

/// Reads, attributes, joins and resolves: steps 1 to 5 of the design's night, for the days that `span` names once the
/// moment of the run is known.
pub fn gather(
    config: &Config,
    remote: &dyn Remote,
    span: impl FnOnce(DateTime<Utc>) -> anyhow::Result<Days>,
    listener: Listener<'_>,
) -> anyhow::Result<Gathered> {
    listener(Step::Doing("reading the DHCP files and Ordinateurs.ods"));
    let (directory, mut findings) = Directory::read(config).context("nothing can be done without the inputs")?;
    listener(Step::Doing("fetching the licence server's traces"));
    let traced = fetch_traces(config, remote)?;
    let settings = TraceSettings::from(config);
    let now = present(remote, &traced, settings.timezone);
    let Traced { traces, findings: found, mut gaps, is_stale } = traced;
    findings.extend(found);

    listener(Step::Doing("working out who sat where"));
    let mut analysis = trace::analyse(&traces, &settings, now, &|ip| directory.name_at(ip).map(str::to_owned));
    findings.append(&mut analysis.findings);

    // The calendar goes on where the licence server is silent.
    let days = span(if is_stale { Utc::now() } else { now })?;
    let addresses = addresses(&analysis.sessions, days, &settings);
    let resolution = resolve(config, &directory, remote, &addresses, &|progress| listener(Step::Switches(progress)));
    findings.extend(resolution.findings);
    gaps.extend(resolution.gaps);
    let rows = rows(&analysis.sessions, &resolution.machines, days, &settings);
    let before = first_day(&traces, &settings).filter(|first| days.last < *first && rows.is_empty());
    Ok(Gathered { analysis, rows, findings, gaps, now, before })
}

/// The day of the first thing that the logs tell.
fn first_day(traces: &Traces, settings: &TraceSettings) -> Option<NaiveDate> {
    let watch = traces.watch.as_ref().and_then(|watch| watch.moments.first()).map(|moment| moment.at);
    let log = traces.debug_log.as_ref().and_then(|log| log.events.first()).map(|event| event.at);
    watch.into_iter().chain(log).min().map(|at| at.with_timezone(&settings.timezone).date_naive())
}

/// The whole night: gathers what the periods of `span` need, appends the history of the span, writes the periods' reports.
pub fn nightly(
    config: &Config,
    remote: &dyn Remote,
    span: impl FnOnce(DateTime<Utc>) -> anyhow::Result<Days>,
    listener: Listener<'_>,
) -> anyhow::Result<Summary> {
    let _lock = prepare_output(config, listener)?;
    let mut days = Days::ALL;
    let gathered = gather(
        config,
        remote,
        |now| {
            days = span(now)?;
            Ok(Days { first: NaiveDate::MIN, last: days.last })
        },
        listener,
    )?;
    if gathered.before.is_some() {
        let Gathered { rows, mut findings, gaps, before, .. } = gathered;
        findings.retain(|finding| finding.concerns(days.first, days.last));
        return Ok(Summary {
            days,
            rows,
            findings,
            gaps,
            published: Published::default(),
            pushed: Pushed::default(),
            before,
        });
    }
    days.first = days.first.max(gathered.rows.first().map_or(days.last, |row| row.date));

    listener(Step::Doing("writing Origin_history and the workbooks"));
    let path = config.output.directory.join(HISTORY);
    let format = config.output.history_format;
    let of_span = |row: &&SessionRow| days.contains(row.date);
    let rows: Vec<SessionRow> = gathered.rows.iter().filter(of_span).cloned().collect();
    // Lines that bear no date are told apart by counting days: that takes all of them.
    let told = if format == HistoryFormat::Record { &rows } else { &gathered.rows };
    let mut findings =
        history::write(&path, &history::lines(told, format), format).context("the history could not be written")?;
    findings.extend(gathered.findings.iter().filter(|finding| finding.concerns(days.first, days.last)).cloned());
    let pushed = push_history(config, remote, &path);
    let mut published = Published { files: vec![path], failures: Vec::new() };
    for period in periods(config, days) {
        published.extend(publish_reports(config, &gathered.material(), period, None));
    }
    let mut gaps = gathered.gaps;
    gaps.append(&mut published.failures);
    gaps.extend(pushed.gap.clone());
    Ok(Summary { days, rows, findings, gaps, published, pushed, before: None })
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

/// The reports' periods that a span of days touches, the last one up to the last day.
fn periods(config: &Config, days: Days) -> Vec<Period> {
    let mut periods = Vec::new();
    let mut day = days.first;
    while day <= days.last {
        let whole = Period::of(config.report.period, day);
        let Some(next) = whole.last().succ_opt() else { break };
        periods.push(whole.until(days.last.min(whole.last())));
        day = next;
    }
    periods
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

/// The pieces of the sessions that lie in the days, in the order of their starts, with their machines.
fn rows(
    sessions: &[Session],
    machines: &BTreeMap<IpAddr, Machine>,
    days: Days,
    settings: &TraceSettings,
) -> Vec<SessionRow> {
    let zone = settings.timezone;
    let mut rows: Vec<SessionRow> = sessions
        .iter()
        .flat_map(|session| session.pieces(zone).into_iter().map(move |piece| (session, piece)))
        .filter(|(_, piece)| days.contains(piece.date))
        .map(|(session, piece)| SessionRow {
            date: piece.date,
            who: session.who.clone(),
            start: piece.start.with_timezone(&zone),
            end: piece.shown_end().with_timezone(&zone),
            duration_s: piece.seconds(),
            state: session.state,
            initial_start: session.start.with_timezone(&zone),
            ip: session.ip,
            evidence: session.evidence,
            machine: session.ip.and_then(|ip| machines.get(&ip).cloned()).unwrap_or_default(),
        })
        .collect();
    rows.sort_by(|a, b| (a.start, &a.who).cmp(&(b.start, &b.who)));
    rows
}
