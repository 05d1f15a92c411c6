//! The licence server's traces: from the host, or from files named on the command line.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;

use super::logs::{self, Log};
use crate::config::{Config, TraceSettings};
use crate::finding::{Finding, Gap, Kind, Parsed, Place};
use crate::network::{Command, Host, Note, Remote, RemoteError};
use crate::parse::flexnet::{self, DebugLog};
use crate::parse::lmstat::{self, Lmstat};
use crate::parse::logwatch::{Block, Reader};
use crate::source::{Source, SourceError};
use crate::trace::{Traces, Watch, Watcher};

/// How much of a logwatch is read at a time.
const CHUNK: usize = 1 << 20;

/// The traces that could be had, and what was wrong with them.
#[derive(Debug, Default)]
pub struct Traced {
    /// The traces.
    pub traces: Traces,
    /// What could not be read in them.
    pub findings: Vec<Finding>,
    /// Those that could not be had.
    pub gaps: Vec<Gap>,
    /// Whether the logs are older copies, as their host could not be asked now.
    pub is_stale: bool,
}

/// Traces named on the command line, in the place of all others.
#[derive(Debug, Clone, Default)]
pub struct TraceFiles {
    /// A logwatch.
    pub logwatch: Option<PathBuf>,
    /// A FlexNet debug log.
    pub debug_log: Option<PathBuf>,
}

impl Traced {
    fn add(&mut self, log: Log) {
        self.findings.extend(log.findings);
        self.gaps.extend(log.gaps);
        self.is_stale |= !log.is_current;
    }
}

/// Why there are no traces at all.
#[derive(Debug, thiserror::Error)]
pub enum NoTraces {
    /// Neither the logwatch nor the debug log could be had.
    #[error("no trace of the licence server could be had:\n{}", listed(.0))]
    Unreachable(Vec<Gap>),
    /// A file named on the command line could not be read.
    #[error(transparent)]
    File(#[from] SourceError),
    /// A file is text, but none of its lines begins a block.
    #[error("`{0}` is no logwatch: no line of it is a date")]
    NoBlock(String),
    /// A file is text, but none of its lines is one of a debug log.
    #[error("`{0}` is no FlexNet debug log: no line of it begins with a clock and a daemon's name")]
    NoLine(String),
    /// All that a file tells is of days that have not come yet.
    #[error("all of `{0}` is dated in the future: check the clock of the licence server, and of this machine")]
    Future(String),
    /// A host did not give a file.
    #[error("{}", .0.reason())]
    Remote(#[from] RemoteError),
}

fn listed(gaps: &[Gap]) -> String {
    gaps.iter().map(|gap| format!("  {}: {}", gap.source, gap.reason)).collect::<Vec<_>>().join("\n")
}

/// Reads the files alone.
pub fn read_traces(files: &TraceFiles, settings: &TraceSettings) -> Result<Traced, NoTraces> {
    let mut traced = Traced::default();
    if let Some(path) = &files.logwatch {
        let watch = read_logwatch(path, &path.display().to_string(), settings, &mut traced.findings)?;
        traced.traces.watch = Some(watch);
    }
    if let Some(path) = &files.debug_log {
        traced.traces.debug_log =
            Some(read_debug_log(path, &path.display().to_string(), settings, &mut traced.findings)?);
    }
    Ok(traced)
}

/// Fetches what the configuration names, all at once. One of logwatch and debug log must be had; every other failure is a
/// gap.
pub fn fetch_traces(config: &Config, remote: &dyn Remote) -> Result<Traced, NoTraces> {
    let settings = TraceSettings::from(config);
    let host = Host::origin(config);
    let watch = || {
        let mut log = logs::fetch(config, remote, &host, &config.origin.logwatch)?;
        let watch = read_logwatch(&log.path, &log.name, &settings, &mut log.findings)?;
        Ok::<_, NoTraces>((watch, log))
    };
    let debug_log = |path: &str| {
        let mut log = logs::fetch(config, remote, &host, path)?;
        let read = read_debug_log(&log.path, &log.name, &settings, &mut log.findings)?;
        Ok::<_, NoTraces>((read, log))
    };
    let (watch, (debug_log, lmstat)) = rayon::join(watch, || {
        rayon::join(
            || config.origin.debug_log.as_deref().map(debug_log),
            || config.origin.lmstat.as_deref().map(|line| run_lmstat(remote, &host, line)),
        )
    });

    let mut traced = Traced::default();
    let gap = |error: NoTraces, what: &str| Gap::new(&host.name, format!("{what}: {error}"));
    match watch {
        Ok((watch, log)) => {
            traced.traces.watch = Some(watch);
            traced.add(log);
        }
        Err(error) => traced.gaps.push(gap(error, "logwatch")),
    }
    match debug_log.transpose() {
        Ok(Some((read, log))) => {
            traced.traces.debug_log = Some(read);
            traced.add(log);
        }
        Ok(None) => {}
        Err(error) => traced.gaps.push(gap(error, "debug log")),
    }
    match lmstat.transpose() {
        Ok(lmstat) => {
            let (lmstat, findings) = lmstat.unzip();
            traced.traces.lmstat = lmstat;
            traced.findings.extend(findings.into_iter().flatten());
        }
        Err((gap, found)) => {
            traced.gaps.push(gap);
            traced.findings.extend(found);
        }
    }
    if traced.traces.watch.is_none() && traced.traces.debug_log.is_none() {
        return Err(NoTraces::Unreachable(traced.gaps));
    }
    Ok(traced)
}

/// The moment of a run: the clock's, where hosts were asked now; a recorded night's own; else the newest that the traces
/// name, as what is looked at again is as old as its newest line.
pub fn present(remote: &dyn Remote, traced: &Traced, zone: Tz) -> DateTime<Utc> {
    let newest = || traced.traces.newest(zone).unwrap_or_else(Utc::now);
    let now = if !remote.is_live() {
        remote.recorded_now().unwrap_or_else(newest)
    } else if traced.is_stale {
        newest()
    } else {
        Utc::now()
    };
    // Where it cannot be noted, what is recorded is as old as its newest line.
    let _ = remote.note(&Note::Now(now));
    now
}

/// Reads a logwatch of any size as a stream; `name` is what findings cite it by.
///
/// The crate's front page has an example. What is no text, or holds no block, is an error.
pub fn read_watch(input: impl Read, name: &str, settings: &TraceSettings) -> Result<Parsed<Watch>, NoTraces> {
    let input = BufReader::with_capacity(CHUNK, input);
    let mut reader = Reader::new(input, name, settings.timezone, Some(settings.port))?.until(latest());
    let mut watcher = Watcher::new(name, settings.server);
    let mut block = Block::default();
    let mut n_blocks = 0_u64;
    while reader.read(&mut block).map_err(SourceError::Io)? {
        watcher.see(&block);
        n_blocks += 1;
    }
    let findings = reader.take_findings();
    match findings.iter().any(|finding| finding.kind == Kind::DateInFuture) {
        _ if n_blocks > 0 => Ok(Parsed { items: watcher.finish(), findings }),
        true => Err(NoTraces::Future(name.to_owned())),
        false => Err(NoTraces::NoBlock(name.to_owned())),
    }
}

/// The last moment that a trace can be of; clocks may disagree by a day. What is later was not written then: a session
/// would last until it, for years.
fn latest() -> DateTime<Utc> {
    Utc::now() + Duration::days(1)
}

/// Takes the events of days that have not come yet out of a debug log, and names the first of them.
fn without_future(log: &mut DebugLog, latest: DateTime<Utc>, zone: Tz) -> Option<Finding> {
    let first = log.events.iter().find(|event| event.at > latest)?;
    let at = first.at.with_timezone(&zone).naive_local().to_string();
    let found = Finding::new(Kind::DateInFuture, Place::line(&log.name, first.line), at);
    log.events.retain(|event| event.at <= latest);
    Some(found)
}

fn read_logwatch(
    path: &Path,
    name: &str,
    settings: &TraceSettings,
    findings: &mut Vec<Finding>,
) -> Result<Watch, NoTraces> {
    if path.is_dir() {
        return Err(SourceError::Directory(name.to_owned()).into());
    }
    let file = fs_err::File::open(path).map_err(SourceError::Io)?;
    let parsed = read_watch(file, name, settings)?;
    findings.extend(parsed.findings);
    Ok(parsed.items)
}

fn read_debug_log(
    path: &Path,
    name: &str,
    settings: &TraceSettings,
    findings: &mut Vec<Finding>,
) -> Result<DebugLog, NoTraces> {
    let source = Source::read(path)?.named(name);
    let written = fs_err::metadata(path).and_then(|data| data.modified()).map_err(SourceError::Io)?;
    let last_day = DateTime::<Utc>::from(written).with_timezone(&settings.timezone).date_naive();
    let Parsed { items: mut log, findings: found } = flexnet::parse(&source, settings.timezone, last_day);
    let Some(last) = log.last else { return Err(NoTraces::NoLine(source.name().to_string())) };
    findings.extend(found);
    let latest = latest();
    findings.extend(without_future(&mut log, latest, settings.timezone));
    if last > latest {
        log.last = log.events.last().map(|event| event.at);
    }
    if log.last.is_none() {
        return Err(NoTraces::Future(source.name().to_string()));
    }
    Ok(log)
}

/// The tokens that are out now, by the command `line` (`[origin] lmstat`) alone; without an answer there is a gap.
pub fn fetch_lmstat(config: &Config, remote: &dyn Remote, line: &str) -> Traced {
    match run_lmstat(remote, &Host::origin(config), line) {
        Ok((lmstat, findings)) => {
            let traces = Traces { lmstat: Some(lmstat), ..Traces::default() };
            Traced { traces, findings, ..Traced::default() }
        }
        Err((gap, findings)) => Traced { findings, gaps: vec![gap], ..Traced::default() },
    }
}

/// Runs `lmstat`; an answer that lists nothing, as the server is down, is a gap.
fn run_lmstat(remote: &dyn Remote, host: &Host, line: &str) -> Result<(Lmstat, Vec<Finding>), (Gap, Vec<Finding>)> {
    let answer = remote.run(host, &[Command::lmstat(line)]).pop();
    let answer = answer.unwrap_or_else(|| Err(RemoteError::new(host, "lmstat", "no answer")));
    let bytes = answer.map_err(|error| (Gap::new(&host.name, error.reason()), Vec::new()))?;
    let source = Source::from_bytes(&format!("{} (lmstat)", host.name), &bytes);
    let parsed = lmstat::parse(&source);
    if parsed.items.at.is_none() {
        // What it answered is for -v alone: it can hold anybody's name.
        let found = Finding::unreadable(Place::Whole(source.name().clone()), source.text());
        return Err((Gap::new(&host.name, "lmstat: expected a list of licences, found something else"), vec![found]));
    }
    let is_trouble = |finding: &Finding| finding.kind == Kind::LicenceServerTrouble;
    if parsed.items.features.is_empty() && parsed.findings.iter().any(is_trouble) {
        let gap = Gap::new(&host.name, "lmstat: the licence server or its vendor daemon is down: nothing is listed");
        return Err((gap, parsed.findings));
    }
    Ok((parsed.items, parsed.findings))
}
