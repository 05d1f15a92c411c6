//! The night, told from top to bottom: fetch, add to the evidence, derive, resolve, record, report.
//!
//! Nothing that fails at one host or one line stops it: that becomes a gap or a finding. What has to be there is the
//! traces and the inputs; without them nothing is published.
//!
//! A night first makes evidence of what it fetched, derives what follows from it into the ledger, and then tells the history
//! and the workbooks what is new there.

mod cite;
mod due;
mod fetch;
mod forget;
mod known;
mod marks;
mod memory;
mod person;
mod plan;
mod publish;
mod push;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::Context;
use chrono::{DateTime, Days as Span, NaiveDate, Utc};

pub use cite::{ReadLog, cite_findings, cited};
pub use fetch::{
    Fetched, NoTraces, TraceFiles, fetch_licence, fetch_lmstat, fetch_traces, newest, present, read_files,
};
pub use forget::horizon_of_imports;
pub use known::{Known, Rows, Wanted, Whence, at_hand, rows, seats, terms};
pub use memory::{Memory, Rederived, derivation, derived, rederive};
pub use person::{Person, PersonForgotten, Shown, Stay, forget_person, kept_where, note_handed_over, person};
pub use plan::{Plan, plan};
pub use publish::{KeptFigures, Material, Published, publish_night, publish_reports, workbooks};
pub use push::{Pushed, push_history};
pub use shown::{Texts, texts_of};

use crate::config::{Config, SeatCounts, TraceSettings};
use crate::derivation::of_days_to_come;
use crate::evidence::{Evidence, Kind};
use crate::finding::{Finding, Gap, Kind as Found, Place};
use crate::history;
use crate::ledger::{Changing, Ledger, Night};
use crate::model::{SessionRow, Terms};
use crate::network::{Directory, Limited, Progress, Remote, Replay, Resolution, Ssh, resolve};
use crate::output::{self, Lock};
use crate::report::FOLDER;
use crate::rights::{self, Right};
use crate::status::{self, Status};
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
    /// The month that begins with this day is being derived.
    Deriving(NaiveDate),
    /// The switches are being asked.
    Switches(Progress<'a>),
}

/// The inputs, and what was to be said of the traces that became evidence.
#[derive(Debug)]
pub struct Gathered {
    directory: Directory,
    findings: Vec<Finding>,
    gaps: Vec<Gap>,
    /// The moment of the run; of a replay, the newest moment that its traces name.
    pub now: DateTime<Utc>,
    /// Whether the licence server could not be asked now.
    is_stale: bool,
    /// The day on which the evidence begins: of what was before, it says nothing, not even that there was no use.
    pub first: Option<NaiveDate>,
    settings: TraceSettings,
    /// What the licence file says, where it could be read.
    terms: Option<Vec<Terms>>,
    /// The logs that were read just now.
    fetched: Fetched,
}

/// What a night learned beside its rows.
#[derive(Debug, Default)]
pub struct Learned {
    /// The sources that could not be had.
    pub gaps: Vec<Gap>,
    /// The days on which machines are in another department than before.
    pub moved: BTreeSet<NaiveDate>,
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
    /// Whether no log could be read, so that all is as it was known before.
    pub is_stale: bool,
    /// The files that were written.
    pub published: Published,
    /// What became of the history's way to the licence server.
    pub pushed: Pushed,
    /// Where all days lie before all that is known, so that nothing was written: the day on which the traces begin.
    pub before: Option<NaiveDate>,
}

/// The way to the hosts that a configuration names: SSH, or the folder that answers in their place.
pub fn remote(config: &Config) -> anyhow::Result<Box<dyn Remote>> {
    let remote: Box<dyn Remote> = match &config.replay {
        None => Box::new(Ssh::new(&config.ssh)),
        Some(folder) => {
            let opened = Replay::open(folder);
            Box::new(opened.with_context(|| format!("cannot open the replay folder `{}`", folder.display()))?)
        }
    };
    Ok(Box::new(Limited::new(remote, config.limits)))
}

/// Reads the inputs, fetches the traces, and adds them to the evidence: steps 1 and 2 of the design's night.
pub fn gather(
    config: &Config,
    remote: &dyn Remote,
    evidence: &mut Evidence,
    listener: Listener<'_>,
) -> anyhow::Result<Gathered> {
    listener(Step::Doing("reading the DHCP files and Ordinateurs.ods"));
    let (directory, mut findings) = Directory::read(config).context("nothing can be done without the inputs")?;
    listener(Step::Doing("fetching the licence server's traces"));
    let fetched = fetch_traces(config, remote, evidence)?;
    let settings = TraceSettings::from(config);
    let now = present(remote, &fetched, evidence, &settings);
    if !fetched.is_stale {
        evidence.vouch(now)?;
    }
    let mut fetched = fetched;
    let today = now.with_timezone(&settings.timezone).date_naive();
    let terms = match fetched.licence.as_ref().map(|file| file.terms_or_gap(today)) {
        Some(Ok(parsed)) => {
            findings.extend(parsed.findings);
            Some(parsed.items)
        }
        Some(Err(gap)) => {
            fetched.gaps.push(gap);
            None
        }
        None => None,
    };
    findings.append(&mut fetched.findings);
    findings.extend(of_days_to_come(evidence, now));
    let first = [Kind::Logwatch, Kind::DebugLog].into_iter().filter_map(|kind| evidence.days(kind).keys().next());
    let first = first.min().copied();
    let (gaps, is_stale) = (std::mem::take(&mut fetched.gaps), fetched.is_stale);
    Ok(Gathered { directory, findings, gaps, now, is_stale, first, settings, terms, fetched })
}

/// How far back the machines of addresses are asked for anew, in days: those that were used lately.
const LATELY: u64 = 62;

/// The addresses whose machines the network is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// None: rows of traces alone are wanted.
    Nothing,
    /// Those of some days.
    Of(Days),
    /// Those that were used lately, and those of months that were derived anew.
    Lately,
}

/// Derives, resolves and records: steps 3 to 6 of the design's night, all at once or not at all.
pub fn learn(
    config: &Config,
    remote: &dyn Remote,
    gathered: &Gathered,
    evidence: &Evidence,
    ledger: &mut Ledger,
    ask: Ask,
    listener: Listener<'_>,
) -> anyhow::Result<Learned> {
    let Gathered { directory, settings, now, .. } = gathered;
    let (zone, now) = (settings.timezone, *now);
    let today = now.with_timezone(&zone).date_naive();
    let as_of = evidence.as_of().unwrap_or(now);
    listener(Step::Doing("working out who sat where"));
    let mut change = ledger.change(&settings.licence)?;
    change.note_names(today, directory.names())?;
    change.note("site", today, &config.site.name)?;
    change.note("port", today, &config.origin.port.to_string())?;
    change.note("address", today, &config.origin.address.to_string())?;
    if let Some(SeatCounts::Now(seats)) = &config.origin.seats {
        change.note("seats", today, &seats.to_string())?;
    }
    if let Some(terms) = &gathered.terms {
        // Plain values are always JSON.
        change.note(known::TERMS, today, &serde_json::to_string(terms).unwrap_or_default())?;
    }
    let derived = memory::derive(evidence, &mut change, settings, as_of, listener)?;
    let newest = as_of.with_timezone(&zone).date_naive();
    let lately = Days { first: newest.checked_sub_days(Span::new(LATELY)).unwrap_or(newest), last: NaiveDate::MAX };
    let of_months = derived.months.iter().map(|month| Days { first: month.first(), last: month.next().first() });
    let spans: Vec<Days> = match ask {
        Ask::Nothing => Vec::new(),
        Ask::Of(days) => vec![days],
        Ask::Lately => of_months.chain([lately]).collect(),
    };
    let mut addresses: BTreeMap<IpAddr, BTreeSet<String>> = BTreeMap::new();
    for span in spans {
        for (ip, host) in change.addresses(span.first, span.last, zone)? {
            addresses.entry(ip).or_default().insert(host);
        }
    }
    let resolution = if ask == Ask::Nothing {
        Resolution::default()
    } else {
        resolve(config, directory, remote, &addresses, &|progress| listener(Step::Switches(progress)))
    };
    let findings: Vec<Finding> = gathered.findings.iter().cloned().chain(resolution.findings).collect();
    let gaps: Vec<Gap> = gathered.gaps.iter().cloned().chain(resolution.gaps).collect();
    listener(Step::Doing("recording in the ledger"));
    let mut findings = findings;
    findings.extend(seats_disagree(config, gathered.terms.as_deref(), &mut change)?);
    change.night(&Night { machines: &resolution.machines, findings: &findings, gaps: &gaps, now, settings })?;
    let moved = change.departments(config.vlans.iter().map(|vlan| (vlan.id, vlan.department.as_str())), zone)?;
    if config.privacy.named.is_some() {
        // Nothing is kept of machines that nobody uses: the inputs have them.
        change.forget_unused_names(zone)?;
    }
    change.commit()?;
    Ok(Learned { gaps, moved })
}

/// That `lmstat` or the licence file knows of another number of tokens than the configuration.
fn seats_disagree(
    config: &Config,
    terms: Option<&[Terms]>,
    change: &mut Changing<'_>,
) -> anyhow::Result<Option<Finding>> {
    let (Some(feature), Some(counts)) = (&config.origin.feature, &config.origin.seats) else { return Ok(None) };
    let of_file = terms.into_iter().flatten().find(|terms| terms.feature == *feature);
    let issued = of_file.and_then(|terms| terms.count).or(change.issued(feature)?);
    let seats = match counts {
        SeatCounts::Now(seats) => Some(*seats),
        SeatCounts::Dated(counts) => counts.last().map(|(_, seats)| *seats),
    };
    let (Some(issued), Some(seats)) = (issued, seats) else { return Ok(None) };
    let place = Place::whole(&config.file.display().to_string());
    Ok((issued != seats).then(|| Finding::new(Found::SeatsDisagree, place, format!("{seats} ≠ {issued}"))))
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
    let mut memory = Memory::open(config)?;
    let gathered = gather(config, remote, &mut memory.evidence, listener).and_then(|gathered| {
        // The calendar goes on where the licence server is silent.
        let asked = asked(if gathered.is_stale { Utc::now() } else { gathered.now })?;
        Ok((gathered, asked))
    });
    let (gathered, asked) = match gathered {
        Ok(gathered) => gathered,
        Err(error) => {
            memory.undo(config);
            return Err(error);
        }
    };
    let nothing_yet = memory.ledger.latest()?.is_none();
    if let Some(first) = gathered.first.filter(|first| asked.last < *first && nothing_yet) {
        let days = Days { first: asked.since.unwrap_or(asked.last), last: asked.last };
        let Gathered { mut findings, gaps, .. } = gathered;
        findings.retain(|finding| finding.concerns(days.first, days.last));
        memory.undo(config);
        let (published, pushed) = (Published::default(), Pushed::default());
        let (rows, before) = (Vec::new(), Some(first));
        return Ok(Summary { days, rows, findings, gaps, is_stale: false, published, pushed, before });
    }
    let zone = config.site.timezone;
    let holes_before = known::holes(&memory.ledger, Days::ALL.first, Days::ALL.last, zone)?;
    let learned =
        memory.learn(|evidence, ledger| learn(config, remote, &gathered, evidence, ledger, Ask::Lately, listener))?;
    memory.keep_facts()?;
    memory.ledger.check_feature()?;
    memory.verify_part(gathered.now.date_naive())?;
    let mut passed = forget::pass(config, &mut memory, gathered.now, remote.is_live(), listener)?;
    publish::reopen(config, &learned.moved);
    let lost = memory.lost(config);
    let gaps: Vec<Gap> = learned.gaps.into_iter().chain(lost).collect();
    listener(Step::Doing("writing Origin_history and the workbooks"));
    let mut summary = tell(config, remote, &mut memory, gathered.now, (asked, gaps))?;
    match forget::workbooks(config, &memory.ledger, gathered.now, None) {
        Ok(published) => {
            summary.gaps.extend(published.failures);
            let told: BTreeSet<PathBuf> = summary.published.files.iter().cloned().collect();
            summary.published.files.extend(published.files.into_iter().filter(|file| !told.contains(file)));
        }
        Err(error) => summary.gaps.push(forget::gap(config, &error)),
    }
    summary.findings.append(&mut passed.findings);
    let holes = known::holes(&memory.ledger, Days::ALL.first, summary.days.last, zone)?;
    summary.gaps.extend(known::new_holes(&holes_before, holes, zone));
    let at = if remote.is_live() { Utc::now() } else { gathered.now };
    memory.ledger.note_run(at, gathered.is_stale, &summary.gaps)?;
    if let Some(folder) = &config.alarm.textfile {
        let found = Status::of(config, &memory.ledger, &memory.evidence, at)?;
        let written = status::write(found.as_ref(), folder, &config.alarm);
        summary.gaps.extend(written.err().map(|error| Gap::new(folder.display().to_string(), error.to_string())));
    }
    cite_findings(&gathered.fetched.read, &memory.evidence, &mut summary.findings);
    summary.is_stale = gathered.is_stale;
    Ok(summary)
}

/// Tells the files what the ledger knows and they do not.
fn tell(
    config: &Config,
    remote: &dyn Remote,
    memory: &mut Memory,
    now: DateTime<Utc>,
    (asked, mut gaps): (Asked, Vec<Gap>),
) -> anyhow::Result<Summary> {
    let zone = config.site.timezone;
    let ledger = &mut memory.ledger;
    let due = Due::of(ledger, asked)?;
    let path = config.output.directory.join(HISTORY);
    let told = history::lines(&due.history_rows(ledger, config)?, config.output.history_format);
    let horizon = forget::of_history(config, ledger, &memory.evidence, &told)?;
    if let Some(horizon) = &horizon {
        forget::history(config, horizon).context("the history could not be written")?;
    }
    let mut findings =
        history::write(&path, &told, config.output.history_format).context("the history could not be written")?;
    let pushed = push_history(config, remote, &path, horizon.as_ref());
    let mut published = Published { files: vec![path], ..Published::default() };
    for period in due.periods(config) {
        let known = Known::of(ledger, period, config, now)?;
        published.extend(publish_night(config, &known.material(&gaps, now), period));
    }
    if published.failures.is_empty() {
        ledger.published(&due.days, asked.last)?;
    }
    let rows = ledger.rows(due.first, asked.last, zone)?;
    let first = asked.since.map_or(due.first, |since| rows.first().map_or(asked.last, |row| row.date.max(since)));
    let days = Days { first, last: asked.last };
    findings.extend(ledger.findings(first, asked.last)?);
    findings.extend(known::unwatched(ledger, first, asked.last, zone)?);
    let settings = TraceSettings::from(config);
    let (seats, feature) = (seats(&settings, ledger)?, settings.feature.as_deref());
    findings.extend(known::counted_otherwise(ledger, (first, asked.last), &seats, feature, zone)?);
    gaps.append(&mut published.failures);
    gaps.extend(pushed.gap.clone());
    Ok(Summary { days, rows, findings, gaps, is_stale: false, published, pushed, before: None })
}

/// Makes the output directory, waits until no other run writes there, and takes away what an interrupted one left.
pub fn prepare_output(config: &Config, listener: Listener<'_>) -> anyhow::Result<Lock> {
    let folder = &config.output.directory;
    if let Some(why) = rights::of_another(folder) {
        anyhow::bail!("nothing was done as root: {why}");
    }
    let within = [memory::EVIDENCE, &config.output.ledger, HISTORY, FOLDER].map(|name| folder.join(name));
    if let Some(why) = std::iter::once(folder).chain(&within).find_map(|path| rights::denied(path, Right::Write)) {
        anyhow::bail!("permission denied: {why}");
    }
    output::create_folder(folder)?;
    output::close_folder(folder);
    output::close_folders(&folder.join(FOLDER));
    let lock = Lock::take(folder, || listener(Step::Waiting))
        .with_context(|| format!("cannot lock the output directory `{}`", folder.display()))?;
    output::remove_leftovers(folder);
    output::remove_leftovers(&folder.join(memory::EVIDENCE));
    Ok(lock)
}
