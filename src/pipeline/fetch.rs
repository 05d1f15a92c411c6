//! The licence server's traces into evidence: from the host, or from files named on the command line.

use std::io::Read;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Duration, NaiveDate, Utc};
use chrono_tz::Tz;

use super::cite::ReadLog;
use super::marks::Marks;
use crate::config::{Config, TraceSettings};
use crate::evidence::{BREAK, CUT, Evidence, EvidenceError, Kind, answers};
use crate::finding::{Finding, Gap, Kind as Found, Parsed, Place};
use crate::model::Terms;
use crate::network::logs::{self, News};
use crate::network::{Command, Host, Remote, RemoteError};
use crate::parse::datetime::civil_moment;
use crate::parse::flexnet;
use crate::parse::licence;
use crate::parse::lmstat::{self, Lmstat};
use crate::parse::logwatch::{Block, Reader};
use crate::source::{Source, SourceError};

/// What a fetch has to say of the traces that it made evidence of.
#[derive(Debug, Default)]
pub struct Fetched {
    /// What could not be read in them.
    pub findings: Vec<Finding>,
    /// Those that could not be had.
    pub gaps: Vec<Gap>,
    /// Whether the logs are as they were known before, as their host could not be asked now.
    pub is_stale: bool,
    /// What `lmstat` answered.
    pub lmstat: Option<Lmstat>,
    /// The licence file, and the options file that it names.
    pub licence: Option<LicenceFile>,
    /// The logs that lie on this machine.
    pub read: Vec<ReadLog>,
    /// Whether any log could be had now.
    has_log: bool,
}

/// A licence file, and the options file that it names, where that could be read.
#[derive(Debug, Clone)]
pub struct LicenceFile {
    text: Source,
    options: Option<Source>,
}

/// Traces named on the command line, in the place of all others.
#[derive(Debug, Clone, Default)]
pub struct TraceFiles {
    /// A logwatch.
    pub logwatch: Option<PathBuf>,
    /// A FlexNet debug log.
    pub debug_log: Option<PathBuf>,
}

/// Why there are no traces at all.
#[derive(Debug, thiserror::Error)]
pub enum NoTraces {
    /// Neither the logwatch nor the debug log could be had, now or before.
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
    /// Evidence could not be written or read.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
}

fn listed(gaps: &[Gap]) -> String {
    gaps.iter().map(|gap| format!("  {}: {}", gap.source, gap.reason)).collect::<Vec<_>>().join("\n")
}

/// Makes evidence of files alone.
pub fn read_files(files: &TraceFiles, settings: &TraceSettings) -> Result<(Evidence, Fetched), NoTraces> {
    let mut fetched = Fetched::default();
    let mut evidence = Evidence::in_memory();
    if let Some(path) = &files.logwatch {
        let name = path.display().to_string();
        add(&mut evidence, Kind::Logwatch, opened(path, &name)?, &name, settings.timezone)?;
        fetched.read.push(ReadLog { kind: Kind::Logwatch, name, path: path.clone() });
    }
    if let Some(path) = &files.debug_log {
        let name = path.display().to_string();
        add(&mut evidence, Kind::DebugLog, opened(path, &name)?, &name, settings.timezone)?;
        fetched.findings.extend(date(&mut evidence, &name, settings.timezone)?);
        fetched.read.push(ReadLog { kind: Kind::DebugLog, name, path: path.clone() });
    }
    Ok((evidence, fetched))
}

/// Fetches what the configuration names, all at once, and adds it to the evidence. Every failure is a gap; where there is no
/// log, now or before, it is an error.
pub fn fetch_traces(config: &Config, remote: &dyn Remote, evidence: &mut Evidence) -> Result<Fetched, NoTraces> {
    let host = Host::origin(config);
    let mut marks = Marks::open(evidence.folder());
    let fetch = |path: &str| {
        let mut files = remote.files(&host)?;
        logs::fetch(files.as_mut(), &host, path, marks.of(path), &config.output.directory)
    };
    let (watch, (debug_log, lmstat)) = rayon::join(
        || fetch(&config.origin.logwatch),
        || {
            rayon::join(
                || config.origin.debug_log.as_deref().map(fetch),
                || config.origin.lmstat.as_deref().map(|line| ask_lmstat(remote, &host, line)),
            )
        },
    );
    let mut fetched = Fetched::default();
    let paths = [Some(&config.origin.logwatch), config.origin.debug_log.as_ref()];
    let news = [(Kind::Logwatch, "logwatch", Some(watch)), (Kind::DebugLog, "debug log", debug_log)];
    for (path, (kind, what, news)) in paths.into_iter().zip(news) {
        let (Some(path), Some(news)) = (path, news) else { continue };
        let taken = news.map_err(NoTraces::from).and_then(|news| {
            let name =
                news.local.as_ref().map_or_else(|| format!("{}:{path}", host.name), |at| at.display().to_string());
            let log = [host.name.as_str(), path, name.as_str()];
            fetched.take(evidence, kind, log, news, &mut marks, config.site.timezone)
        });
        match taken {
            // A disk that is full is no gap of a source.
            Err(NoTraces::Evidence(error)) => return Err(error.into()),
            Err(error) => {
                let known = if evidence.days(kind).is_empty() { "" } else { " (what was read before is used)" };
                fetched.is_stale |= !known.is_empty();
                fetched.gaps.push(Gap::new(&host.name, format!("{what}: {error}{known}")));
            }
            Ok(()) => fetched.has_log = true,
        }
    }
    match lmstat {
        Some(Ok(answer)) => {
            evidence.add_lmstat(&answer.text)?;
            fetched.lmstat = Some(answer.lmstat);
            fetched.findings.extend(answer.findings);
        }
        Some(Err((gap, found))) => {
            fetched.gaps.push(gap);
            fetched.findings.extend(found);
        }
        None => {}
    }
    if let Some(path) = &config.origin.licence_file {
        match fetch_licence(config, remote, path) {
            Ok(licence) => fetched.licence = Some(licence),
            Err(reason) => fetched.gaps.push(Gap::new(&host.name, format!("licence file: {reason}"))),
        }
    }
    if let Some(name) = &config.origin.debug_log {
        fetched.findings.extend(date(evidence, name, config.site.timezone)?);
    }
    // What is looked at again is all there is; a server that is silent now is known by what it said before.
    let is_known = !evidence.days(Kind::Logwatch).is_empty() || !evidence.days(Kind::DebugLog).is_empty();
    if !(fetched.has_log || remote.is_live() && is_known) {
        return Err(NoTraces::Unreachable(fetched.gaps));
    }
    fetched.is_stale |= !fetched.has_log;
    Ok(fetched)
}

/// The licence file that `[origin] licence_file` names, on this machine or on the licence server, and its options file, where it
/// names one that can be read.
pub fn fetch_licence(config: &Config, remote: &dyn Remote, path: &str) -> Result<LicenceFile, RemoteError> {
    let host = Host::origin(config);
    let here = config.file.parent().unwrap_or(Path::new("")).join(path);
    let is_here = here.is_file();
    let mut files = if is_here { None } else { Some(remote.files(&host)?) };
    let mut read = |path: &str| match &mut files {
        Some(files) => files.bytes(path),
        None => fs_err::read(path).map_err(|error| RemoteError::new(&host, format!("read {path}"), error)),
    };
    let (place, name) = if is_here {
        (here.display().to_string(), here.display().to_string())
    } else {
        (path.to_owned(), format!("{}:{path}", host.name))
    };
    let text = Source::from_bytes(&name, &read(&place)?);
    let options = licence::parse(&text, NaiveDate::MIN).items.options.map(|options| match place.rsplit_once('/') {
        Some((folder, _)) if !options.starts_with('/') => format!("{folder}/{options}"),
        _ => options,
    });
    let options = options.and_then(|path| Some(Source::from_bytes(&path, &read(&path).ok()?)));
    Ok(LicenceFile { text, options })
}

impl LicenceFile {
    /// What it says of the features as of a day; nothing where it is no licence file.
    pub fn terms(&self, day: NaiveDate) -> Parsed<Vec<Terms>> {
        let Parsed { items, findings } = licence::parse(&self.text, day);
        let mut terms = items.terms;
        if let Some(options) = &self.options {
            licence::apply_options(&mut terms, options);
        }
        Parsed { items: terms, findings }
    }

    /// The same; a file that is none is a gap.
    pub(super) fn terms_or_gap(&self, day: NaiveDate) -> Result<Parsed<Vec<Terms>>, Gap> {
        let parsed = self.terms(day);
        if parsed.items.is_empty() {
            let reason = "expected a licence file, found no line that begins with INCREMENT or FEATURE";
            return Err(Gap::new(self.text.name().as_ref(), reason));
        }
        Ok(parsed)
    }
}

impl Fetched {
    /// Makes evidence of what is new in a log, which has a path there and a name in messages.
    fn take(
        &mut self,
        evidence: &mut Evidence,
        kind: Kind,
        [host, path, name]: [&str; 3],
        news: News,
        marks: &mut Marks,
        zone: Tz,
    ) -> Result<(), NoTraces> {
        let News { copies, local, is_empty, findings, gaps, marks: read, broken } = news;
        self.findings.extend(findings);
        self.gaps.extend(gaps);
        self.read.extend(local.map(|path| ReadLog { kind, name: name.to_owned(), path }));
        if is_empty {
            return Err(SourceError::Empty(name.to_owned()).into());
        }
        let (mut is_any, mut failed) = (copies.is_empty(), None);
        for copy in copies {
            match add(evidence, kind, copy.text, name, zone) {
                Ok(()) => is_any = true,
                Err(NoTraces::Evidence(error)) => return Err(error.into()),
                Err(NoTraces::NoBlock(_) | NoTraces::NoLine(_)) if !copy.is_whole => is_any = true,
                Err(error) => failed = Some(error),
            }
        }
        match (failed, &broken) {
            (Some(error), None) if !is_any => return Err(error),
            (Some(error), None) => self.gaps.push(Gap::new(host, error.to_string())),
            _ => {}
        }
        marks.note(path, read).map_err(EvidenceError::from)?;
        broken.map_or(Ok(()), |error| Err(error.into()))
    }
}

fn opened(path: &Path, name: &str) -> Result<fs_err::File, NoTraces> {
    if path.is_dir() {
        return Err(SourceError::Directory(name.to_owned()).into());
    }
    Ok(fs_err::File::open(path).map_err(SourceError::Io)?)
}

/// How much of a file is looked at for a line of a debug log: binaries have none, and banners are shorter.
const HEAD: usize = 1 << 20;

/// The same input, if its beginning holds any line of a debug log.
fn as_debug_log(mut input: impl Read, name: &str) -> Result<impl Read, NoTraces> {
    let mut head = Vec::new();
    input.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(SourceError::Io)?;
    crate::source::check_is_text(name, &head)?;
    let is_line = |line: &[u8]| flexnet::parse_line(&crate::source::decode(line)).is_some();
    if !head.split(|byte| *byte == b'\n').any(is_line) {
        return Err(NoTraces::NoLine(name.to_owned()));
    }
    Ok(std::io::Cursor::new(head).chain(input))
}

/// Adds a log to the evidence.
fn add(evidence: &mut Evidence, kind: Kind, input: impl Read, name: &str, zone: Tz) -> Result<(), NoTraces> {
    let added = match kind {
        Kind::Logwatch => evidence.add_logwatch(name, input),
        Kind::DebugLog | Kind::Lmstat => evidence.add_debug_log(name, as_debug_log(input, name)?, zone),
    };
    let added = added.map_err(|error| match error {
        EvidenceError::NotText(error) => NoTraces::File(error),
        error => error.into(),
    })?;
    let last = (Utc::now() + Duration::days(1)).date_naive();
    let is_past = evidence.days(kind).range(..=last).next().is_some();
    match (kind, added.n_units, added.n_undated) {
        (Kind::Logwatch, 0, _) => Err(NoTraces::NoBlock(name.to_owned())),
        (_, 0, 0) => Err(NoTraces::NoLine(name.to_owned())),
        (_, 1.., _) if !is_past => Err(NoTraces::Future(name.to_owned())),
        _ => Ok(()),
    }
}

/// Dates lines of a debug log that no line dates, as far as the logwatch shows some of them. What waits on is told.
fn date(evidence: &mut Evidence, name: &str, zone: Tz) -> Result<Option<Finding>, NoTraces> {
    evidence.date_beside_blocks(zone)?;
    let is_line = |line: &&[u8]| line.first().is_some_and(|first| ![BREAK, CUT].contains(first));
    let n_waiting = evidence.undated()?.map_or(0, |text| text.split(|byte| *byte == b'\n').filter(is_line).count());
    Ok((n_waiting > 0).then(|| Finding::new(Found::UndatedLog, Place::whole(name), format!("× {n_waiting}"))))
}

/// The moment of a run: the clock's, where hosts were asked now; a recorded night's own; else the newest that the traces
/// name, as what is looked at again is as old as its newest line.
pub fn present(remote: &dyn Remote, fetched: &Fetched, evidence: &Evidence, settings: &TraceSettings) -> DateTime<Utc> {
    let newest = || newest(evidence, settings).unwrap_or_else(Utc::now);
    let now = if !remote.is_live() {
        remote.recorded_now().unwrap_or_else(newest)
    } else if fetched.is_stale {
        newest()
    } else {
        Utc::now()
    };
    // Where it cannot be noted, what is recorded is as old as its newest line.
    let _ = remote.note_now(now);
    now
}

/// The newest moment that evidence names, of those that have come.
pub fn newest(evidence: &Evidence, settings: &TraceSettings) -> Option<DateTime<Utc>> {
    let latest = Utc::now() + Duration::days(1);
    let (zone, last) = (settings.timezone, latest.date_naive());
    let day = |kind| evidence.days(kind).range(..=last).next_back().map(|(day, _)| *day);
    let read = |kind, day| evidence.text(kind, day).ok().flatten();
    let watch = day(Kind::Logwatch).and_then(|day| last_block(&read(Kind::Logwatch, day)?, settings, latest));
    let log = day(Kind::DebugLog).and_then(|day| {
        let source = Source::from_bytes("", &read(Kind::DebugLog, day)?);
        let own = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MIN_UTC);
        flexnet::parse([(day, &source)], zone, own, None).items.last
    });
    let known = watch.max(log);
    let lmstat = day(Kind::Lmstat).and_then(|day| {
        let text = read(Kind::Lmstat, day)?;
        let moments = answers(&text).filter_map(|text| lmstat::parse(&Source::from_bytes("", text)).items.at);
        moments.max().map(|at| civil_moment(at, zone, known))
    });
    known.max(lmstat).filter(|newest| *newest <= latest)
}

fn last_block(text: &[u8], settings: &TraceSettings, latest: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let reader = Reader::of_evidence(text, crate::finding::Files::default(), settings.timezone, &[]);
    let (mut reader, mut block, mut last) = (reader.until(latest), Block::default(), None);
    while reader.read(&mut block).is_ok_and(|is_there| is_there) {
        last = last.max(Some(block.at));
    }
    last
}

/// The tokens that are out now, by the command `line` (`[origin] lmstat`) alone; without an answer there is a gap.
pub fn fetch_lmstat(config: &Config, remote: &dyn Remote, line: &str) -> Fetched {
    match ask_lmstat(remote, &Host::origin(config), line) {
        Ok(answer) => Fetched { lmstat: Some(answer.lmstat), findings: answer.findings, ..Fetched::default() },
        Err((gap, findings)) => Fetched { findings, gaps: vec![gap], ..Fetched::default() },
    }
}

/// What `lmstat` answered, as text and read.
struct Answer {
    text: Vec<u8>,
    lmstat: Lmstat,
    findings: Vec<Finding>,
}

/// Runs `lmstat`; an answer that lists nothing, as the server is down, is a gap.
fn ask_lmstat(remote: &dyn Remote, host: &Host, line: &str) -> Result<Answer, (Gap, Vec<Finding>)> {
    let answer = remote.run(host, &[Command::lmstat(line)]).pop();
    let answer = answer.unwrap_or_else(|| Err(RemoteError::new(host, "lmstat", "no answer")));
    let text = answer.map_err(|error| (Gap::new(&host.name, error.reason()), Vec::new()))?;
    let source = Source::from_bytes(&format!("{} (lmstat)", host.name), &text);
    let parsed = lmstat::parse(&source);
    if parsed.items.at.is_none() {
        // What it answered is for -v alone: it can hold anybody's name.
        let found = Finding::unreadable(Place::Whole(source.name().clone()), source.text());
        return Err((Gap::new(&host.name, "lmstat: expected a list of licences, found something else"), vec![found]));
    }
    let is_trouble = |finding: &Finding| finding.kind == Found::LicenceServerTrouble;
    if parsed.items.features.is_empty() && parsed.findings.iter().any(is_trouble) {
        let gap = Gap::new(&host.name, "lmstat: the licence server or its vendor daemon is down: nothing is listed");
        return Err((gap, parsed.findings));
    }
    Ok(Answer { text, lmstat: parsed.items, findings: parsed.findings })
}
