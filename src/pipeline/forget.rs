//! What a laboratory forgets, and how it stays forgotten.
//!
//! One horizon for all that is kept: the rows of the ledger, the evidence, the history here and on the licence server, the
//! workbooks, files that were exported beside them, and what was set aside as damaged. A night moves the horizon first and
//! then makes all of these follow; whatever it is killed in, the next night does the rest, as each of them is looked at each
//! night.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use calamine::{Data, Reader as _};
use chrono::{DateTime, Duration, NaiveDate, SecondsFormat, Utc};
use fs_err as fs;
use fs_err::PathExt;
use fs_err::os::unix::fs::OpenOptionsExt;
use serde::{Deserialize, Serialize};

use super::fetch::newest;
use super::publish::{self, KeptFigures};
use super::{HISTORY, Known, Listener, Memory, Published, Step};
use crate::config::{Config, ORIGIN, OldWorkbooks, PeriodKind, TraceSettings};
use crate::evidence::Evidence;
use crate::finding::{Finding, Gap, Kind, Place};
use crate::history;
use crate::ledger::{Clock, Forgot, Grouping, Ledger, LedgerError, Month};
use crate::model::SessionRow;
use crate::output::{self, FILE_MODE};
use crate::parse::datetime::start_of_day;
use crate::report::{FOLDER, Figures, Period, Scope};
use crate::source::Source;
use crate::trace::Carry;

/// The journal of what was forgotten and handed over, in the output directory.
pub(super) const JOURNAL: &str = "privacy.log";
/// The mark in a period's folder of the horizon that its workbooks honour.
const MARK: &str = ".horizon";
/// Nights that are further apart than this are not believed on the word of this machine's clock alone.
const JUMP: Duration = Duration::days(35);

/// What a night forgot.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// Of the ledger.
    pub(super) forgot: Forgot,
    /// What is to be said of it.
    pub(super) findings: Vec<Finding>,
}

/// From which days on names, and rows, are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Horizon {
    first_named: Option<NaiveDate>,
    first_kept: Option<NaiveDate>,
}

impl Horizon {
    fn of(ledger: &Ledger) -> Result<Self, LedgerError> {
        Ok(Self { first_named: ledger.first_named()?, first_kept: ledger.first_kept()? })
    }

    /// As far as it concerns the days of a period.
    fn within(self, period: Period) -> Self {
        let end = period.last().succ_opt().unwrap_or(NaiveDate::MAX);
        let part = |first: Option<NaiveDate>| first.filter(|first| *first > period.first()).map(|first| first.min(end));
        Self { first_named: part(self.first_named), first_kept: part(self.first_kept) }
    }
}

/// Moves the horizon to where the configuration wants it on the day of a night, in the ledger and in the evidence.
pub(super) fn pass(
    config: &Config,
    memory: &mut Memory,
    now: DateTime<Utc>,
    is_live: bool,
    listener: Listener<'_>,
) -> anyhow::Result<Passed> {
    let mut passed = Passed::default();
    let (zone, settings) = (config.site.timezone, TraceSettings::from(config));
    let (today, doubt) = believed_today(memory, &settings, now, is_live)?;
    let known = Horizon::of(&memory.ledger)?;
    let (Some(wanted), Some(veil)) = (config.privacy.first_named(today), memory.ledger.veil().cloned()) else {
        return Ok(passed);
    };
    passed.findings.extend(doubt);
    // What is forgotten does not come back.
    let first_named = known.first_named.map_or(wanted, |known| known.max(wanted));
    let first_kept = config.privacy.first_kept(today).max(known.first_kept);
    listener(Step::Doing("forgetting what is older than the horizon"));
    let mut figures = figures_of_periods(config, &memory.ledger, (known.first_named, first_named), today)?;
    if let Some(first_kept) = first_kept {
        // Of a ledger that was put back from a backup, these are not kept yet.
        figures.extend(figures_of_periods(config, &memory.ledger, (known.first_kept, first_kept), today)?);
    }
    let handed_on = if known.first_named.is_none_or(|known| known < first_named) {
        let (month, carry) = at_edge(&memory.evidence, &memory.ledger, &settings, first_named)?;
        Some((month, carry))
    } else {
        None
    };
    let mut change = memory.ledger.change(&settings.licence)?;
    for (kind, first, scope, text) in figures {
        change.keep_figures((kind.name(), first), settings.feature.as_deref(), &scope, &text)?;
    }
    if let Some((month, carry)) = handed_on {
        let crossing = change.crossing(first_named, zone)?;
        change.settle_before(first_named, month, &carry.at_horizon(&veil, &crossing), zone)?;
    }
    passed.forgot = change.forget_names(&veil, first_named, zone)?;
    if let Some(first_kept) = first_kept {
        passed.forgot += change.forget_rows(first_kept, zone)?;
    }
    change.forget_unused_names(zone)?;
    if !passed.forgot.is_nothing() {
        change.note_unscrubbed()?;
    }
    change.commit()?;
    memory.keep_facts()?;
    memory.evidence.forget_before(first_named, today)?;
    scrub(&memory.ledger)?;
    let n_files = forget_files(config, first_named)?;
    if !passed.forgot.is_nothing() || n_files > 0 {
        let rows = first_kept.map(|first| format!(", rows before {first}")).unwrap_or_default();
        note(config, now, &format!("names before {first_named}{rows}: {}; files {n_files}", told(&passed.forgot)))?;
    }
    Ok(passed)
}

/// Writes the ledger anew, where something was deleted in it since that was done last.
pub(super) fn scrub(ledger: &Ledger) -> Result<(), LedgerError> {
    if ledger.is_unscrubbed()? { ledger.scrub() } else { Ok(()) }
}

/// `sessions 12, refusals 3, lines 0, findings 2`.
pub(super) fn told(forgot: &Forgot) -> String {
    let Forgot { sessions, refusals, lines, findings, .. } = forgot;
    format!("sessions {sessions}, refusals {refusals}, lines of histories {lines}, findings {findings}")
}

/// Adds a line without names to the journal.
pub(super) fn note(config: &Config, at: DateTime<Utc>, what: &str) -> std::io::Result<()> {
    let path = config.output.directory.join(JOURNAL);
    let mut file = fs::OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path)?;
    let at = at.with_timezone(&config.site.timezone).to_rfc3339_opts(SecondsFormat::Secs, false);
    writeln!(file, "{at} {what}")?;
    file.sync_all()
}

/// The day that ages are counted from. One night's clock is not believed where it is far ahead of all that is known: then the
/// day is the last that is, and a finding says so.
fn believed_today(
    memory: &Memory,
    settings: &TraceSettings,
    now: DateTime<Utc>,
    is_live: bool,
) -> anyhow::Result<(NaiveDate, Option<Finding>)> {
    let day = |at: DateTime<Utc>| at.with_timezone(&settings.timezone).date_naive();
    if !is_live {
        // What is looked at again says its own moment, which has come by this machine's clock too.
        return Ok((day(now.min(Utc::now())), None));
    }
    let clock = Clock { at: Utc::now(), newest: newest(&memory.evidence, settings) };
    let known = memory.ledger.clock()?.map_or(clock.newest, |before| before.reaches(&clock));
    memory.ledger.note_clock(&clock)?;
    match known {
        Some(known) if clock.at - known > JUMP => {
            let detail = format!("{} ≠ {}", day(clock.at), day(known));
            Ok((day(known), Some(Finding::new(Kind::ClockAhead, Place::whole("clock"), detail))))
        }
        _ => Ok((day(clock.at), None)),
    }
}

/// The last month before all evidence that is left, and what is known at the edge.
fn at_edge(
    evidence: &Evidence,
    ledger: &Ledger,
    settings: &TraceSettings,
    first: NaiveDate,
) -> anyhow::Result<(Month, Carry)> {
    let edge = start_of_day(first, settings.timezone);
    let month = Month::of(edge.date_naive());
    let next = crate::evidence::Kind::ALL.iter().filter_map(|kind| evidence.days(*kind).range(first..).next());
    let next = next.map(|(day, _)| Month::of(*day)).min();
    // Behind a whole month without evidence, nothing is known of what was out before.
    if next.is_none_or(|next| next > month.next()) {
        return Ok((month.previous(), Carry::default()));
    }
    let chapters = ledger.chapters(ORIGIN)?;
    let given = chapters.iter().find(|(_, chapter)| chapter.is_given).map(|(month, _)| *month);
    let before = match chapters.get(&month.previous()) {
        Some(_) => ledger.carry(ORIGIN, month.previous())?,
        None => given.map(|given| ledger.carry(ORIGIN, given)).transpose()?.unwrap_or_default(),
    };
    if edge <= month.span().from {
        return Ok((month.previous(), before));
    }
    let derivation = super::memory::derivation(evidence, ledger, settings, edge)?;
    Ok((month.previous(), derivation.carry_at(edge, month, &before)?))
}

/// The figures of the calendar periods that are over and of which days are forgotten now, as JSON, by scope.
fn figures_of_periods(
    config: &Config,
    ledger: &Ledger,
    (from, until): (Option<NaiveDate>, NaiveDate),
    today: NaiveDate,
) -> anyhow::Result<Vec<(PeriodKind, NaiveDate, String, String)>> {
    let zone = config.site.timezone;
    let begin = ledger.first_day(zone)?.max(from);
    let mut kept = Vec::new();
    let Some(begin) = begin.filter(|begin| *begin < until) else { return Ok(kept) };
    // A year at a time is had from the ledger, and looked at in all its parts.
    let mut year = Period::of(PeriodKind::Year, begin);
    while year.first() < until {
        let wide = Period::range(
            Period::of(PeriodKind::Week, year.first()).first(),
            Period::of(PeriodKind::Week, year.last()).last(),
        );
        let known = Known::of(ledger, wide, config, Utc::now())?;
        let material = known.material(&[], Utc::now());
        let mut seen = BTreeSet::new();
        for day in year.first().max(begin).iter_days().take_while(|day| *day <= year.last() && *day < until) {
            for kind in [PeriodKind::Day, PeriodKind::Week, PeriodKind::Month, PeriodKind::Year] {
                let period = Period::of(kind, day);
                if period.last() < today && seen.insert((kind.name(), period.first())) {
                    let figures = publish::kept_figures(config, &material, period)?;
                    kept.extend(figures.into_iter().map(|(scope, text)| (kind, period.first(), scope, text)));
                }
            }
        }
        year = Period::of(PeriodKind::Year, year.last().succ_opt().unwrap_or(NaiveDate::MAX));
    }
    Ok(kept)
}

/// The horizon of the history, where anything of it is forgotten; `lines` are those of the ledger's rows.
pub(super) fn of_history(
    config: &Config,
    ledger: &Ledger,
    evidence: &Evidence,
    lines: &[history::Line],
) -> Result<Option<history::Horizon>, LedgerError> {
    let Horizon { first_named, first_kept } = Horizon::of(ledger)?;
    let people = evidence.forgotten().map(|forgotten| forgotten.people().clone()).unwrap_or_default();
    let Some(veil) = ledger.veil().filter(|_| first_named.is_some() || !people.is_empty()) else { return Ok(None) };
    let named = match first_named {
        Some(first) => ledger.named_before(first, config.site.timezone)?,
        None => BTreeSet::new(),
    };
    let undated = history::Horizon::count_undated(lines, config.output.history_format, first_named, &named);
    Ok(Some(history::Horizon { veil: veil.clone(), first_named, first_kept, named, undated, people, login: None }))
}

/// The horizon of histories that are to be imported; `None` where nothing of them is forgotten.
pub fn horizon_of_imports(config: &Config, memory: &Memory) -> Result<Option<history::Horizon>, LedgerError> {
    of_history(config, &memory.ledger, &memory.evidence, &[])
}

/// Takes the names out of the history in the output directory, and out of the copy of what was pushed.
pub(super) fn history(config: &Config, horizon: &history::Horizon) -> std::io::Result<()> {
    for path in [HISTORY, super::push::LEFT].map(|name| config.output.directory.join(name)) {
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            read => read?,
        };
        let name = path.display().to_string();
        let text = Source::from_bytes(&name, &bytes);
        let (new, n) = horizon.applied(&name, text.text(), config.output.history_format);
        if n > 0 {
            output::write_file(&path, |out| out.write_all(new.as_bytes()))?;
        }
    }
    Ok(())
}

/// Writes the workbooks of all periods again whose names are forgotten now, or deletes them; of `always`, whatever the horizon is.
pub(super) fn workbooks(
    config: &Config,
    ledger: &Ledger,
    now: DateTime<Utc>,
    always: Option<NaiveDate>,
) -> anyhow::Result<Published> {
    let mut published = Published::default();
    let horizon = Horizon::of(ledger)?;
    if horizon.first_named.is_none() && always.is_none() {
        return Ok(published);
    }
    let today = now.with_timezone(&config.site.timezone).date_naive();
    for (folder, period) in folders(config) {
        // Workbooks of before the first horizon name those whom nobody has seen for long, whatever their period is.
        let within = horizon.within(period);
        let is_meant = always.is_some_and(|last| period.first() <= last);
        let is_written_each_night = period.last() >= today;
        if !is_meant && (is_written_each_night && within.first_named.is_none() || Some(within) == mark_of(&folder)) {
            continue;
        }
        let is_over = horizon.first_named.is_some_and(|first| period.last() < first);
        if config.privacy.workbooks == OldWorkbooks::Delete && (is_over || is_meant && period.last() < today) {
            fs::remove_dir_all(&folder)?;
            continue;
        }
        let period = period.until(today);
        let known = Known::of(ledger, period, config, now)?;
        let gaps = ledger.gaps()?;
        let own = publish::publish_reports(config, &known.material(&gaps, now), period, None);
        let is_done = own.failures.is_empty();
        for path in files_below(&folder).into_iter().filter(|path| is_done && !own.files.contains(path)) {
            // A workbook of another format, or of a scope that is not there any more.
            if extension_of(&path).is_some_and(|end| ["ods", "xlsx", "csv"].contains(&end.as_str())) {
                fs::remove_file(path)?;
            }
        }
        if is_done && horizon.first_named.is_some() {
            let text = serde_json::to_string(&within)?;
            output::write_file(&folder.join(MARK), |out| writeln!(out, "{text}"))?;
        }
        published.extend(own);
    }
    Ok(published)
}

fn mark_of(folder: &Path) -> Option<Horizon> {
    serde_json::from_slice(&fs::read(folder.join(MARK)).ok()?).ok()
}

/// The folders of workbooks, with their periods.
pub(super) fn folders(config: &Config) -> Vec<(PathBuf, Period)> {
    let Ok(entries) = config.output.directory.join(FOLDER).fs_err_read_dir() else { return Vec::new() };
    let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut folders: Vec<(PathBuf, Period)> = folders
        .filter_map(|entry| Some((entry.path(), Period::of_part(&entry.file_name().to_string_lossy())?)))
        .collect();
    folders.sort_by_key(|(_, period)| period.first());
    folders
}

/// Deletes what was set aside as damaged, and what was exported into the output directory and shows days before the horizon; how
/// many files.
fn forget_files(config: &Config, first_named: NaiveDate) -> std::io::Result<usize> {
    let reports = config.output.directory.join(FOLDER);
    let evidence = config.output.directory.join(super::memory::EVIDENCE);
    let of_periods: BTreeSet<PathBuf> = folders(config).into_iter().map(|(folder, _)| folder).collect();
    let is_ours = |path: &Path| {
        path.starts_with(&evidence)
            || of_periods.iter().any(|folder| path.starts_with(folder) && path.starts_with(&reports))
    };
    let mut n = 0;
    for path in files_below(&config.output.directory) {
        if !is_ours(&path) && shows_days_before(&path, first_named) {
            fs::remove_file(path)?;
            n += 1;
        }
    }
    Ok(n)
}

/// Deletes what was exported into the output directory and names a login; how many files.
pub(super) fn forget_files_that_name(config: &Config, login: &str) -> std::io::Result<usize> {
    let evidence = config.output.directory.join(super::memory::EVIDENCE);
    let mut n = 0;
    for path in files_below(&config.output.directory).into_iter().filter(|path| !path.starts_with(&evidence)) {
        let is_theirs = match extension_of(&path).as_deref() {
            Some("csv" | "json") => fs::read(&path).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(login)),
            Some("ods" | "xlsx") => is_our_book(&path) && texts_of_book(&path).iter().any(|text| text.contains(login)),
            _ => false,
        };
        // Those of periods are written again.
        if is_theirs && !folders(config).iter().any(|(folder, _)| path.starts_with(folder)) {
            fs::remove_file(path)?;
            n += 1;
        }
    }
    Ok(n)
}

fn texts_of_book(path: &Path) -> Vec<String> {
    let Ok(mut book) = calamine::open_workbook_auto(path) else { return Vec::new() };
    let mut texts = Vec::new();
    for (_, range) in book.worksheets() {
        texts.extend(range.used_cells().filter_map(|(_, _, cell)| match cell {
            Data::String(text) => Some(text.clone()),
            _ => None,
        }));
    }
    texts
}

/// Deletes ledgers and facts that were set aside as damaged by earlier nights: they hold names of any age.
pub(super) fn forget_set_aside(config: &Config) -> std::io::Result<()> {
    for folder in [config.output.directory.clone(), Memory::evidence_path(config)] {
        output::set_aside_in(&folder).into_iter().try_for_each(fs::remove_file)?;
    }
    Ok(())
}

/// All files below a folder; links are not followed.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = folder.fs_err_read_dir() else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files.extend(files_below(&entry.path())),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
    files.sort();
    files
}

fn extension_of(path: &Path) -> Option<String> {
    path.extension().map(|end| end.to_string_lossy().to_lowercase())
}

/// Whether a file is one that jeton exported, and shows a day before another.
fn shows_days_before(path: &Path, first: NaiveDate) -> bool {
    match extension_of(path).as_deref() {
        Some("csv" | "json") => fs::read(path).is_ok_and(|bytes| {
            let text = String::from_utf8_lossy(&bytes);
            let head: String = text.chars().take(400).collect();
            head.contains("login") && days_in(&text).any(|day| day < first)
        }),
        Some("ods" | "xlsx") => is_our_book(path) && days_of_book(path).iter().any(|day| *day < first),
        _ => false,
    }
}

/// Whether jeton made a workbook.
fn is_our_book(path: &Path) -> bool {
    let Ok(file) = fs::File::open(path) else { return false };
    let Ok(mut package) = zip::ZipArchive::new(file) else { return false };
    ["docProps/core.xml", "meta.xml"].iter().any(|name| {
        let Ok(mut part) = package.by_name(name) else { return false };
        let mut text = String::new();
        std::io::Read::read_to_string(&mut part, &mut text).is_ok() && text.contains(">jeton ")
    })
}

fn days_of_book(path: &Path) -> Vec<NaiveDate> {
    let mut days = Vec::new();
    let Ok(mut book) = calamine::open_workbook_auto(path) else { return days };
    for (_, range) in book.worksheets() {
        for (_, _, cell) in range.used_cells() {
            match cell {
                Data::DateTime(at) => days.extend(of_serial(at.as_f64())),
                Data::DateTimeIso(text) | Data::String(text) => days.extend(days_in(text)),
                _ => {}
            }
        }
    }
    days
}

/// The day of a spreadsheet's number: days are counted from 1899-12-30.
fn of_serial(number: f64) -> Option<NaiveDate> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is out of range is no day")]
    let days = (0.0..2_958_466.0).contains(&number).then_some(number as u64)?;
    NaiveDate::from_ymd_opt(1899, 12, 30)?.checked_add_days(chrono::Days::new(days))
}

/// The days that a text names as `2021-12-08`.
fn days_in(text: &str) -> impl Iterator<Item = NaiveDate> {
    let hyphens = memchr::memchr_iter(b'-', text.as_bytes());
    hyphens.filter_map(|at| text.get(at.checked_sub(4)?..at + 6)?.parse().ok())
}

/// The figures that were kept of a period and of the one before, by scope. Of days of which no figures were kept as a whole,
/// as of a range of days, those that sums tell.
pub(super) fn kept_figures(ledger: &Ledger, period: Period) -> Result<KeptFigures, LedgerError> {
    let mut all = BTreeMap::new();
    let first_kept = ledger.first_kept()?;
    for period in [period, period.previous()] {
        let kind = period.kind().filter(|_| period.is_whole());
        let kept = kind.map(|kind| ledger.kept_figures(kind.name(), period.first())).transpose()?.unwrap_or_default();
        for (scope, text) in &kept {
            if let Ok(figures) = serde_json::from_str(text) {
                all.insert((period.first(), scope.clone()), figures);
            }
        }
        if kept.is_empty() && first_kept.is_some_and(|first| period.first() < first) {
            for used in ledger.used(period.first(), period.last(), Grouping::Department)? {
                let scope = if used.group.is_empty() { Scope::Unresolved } else { Scope::Department(&used.group) };
                for scope in [scope, Scope::Site] {
                    let sum = all.entry((period.first(), publish::name_of(scope))).or_insert_with(Figures::default);
                    sum.seconds += used.seconds;
                    sum.sessions += usize::try_from(used.begun).unwrap_or_default();
                    let tokens = sum.token_seconds.into_iter().chain(used.token_seconds).reduce(|a, b| a + b);
                    sum.token_seconds = tokens;
                }
            }
        }
    }
    Ok(all)
}

/// Whether rows of a period are shown under pseudonyms: some of its days are before the horizon, and nobody is to be there twice.
pub(super) fn is_veiled(ledger: &Ledger, period: Period) -> Result<bool, LedgerError> {
    Ok(ledger.first_named()?.is_some_and(|first| period.first() < first))
}

/// What is left of findings where their readers see pseudonyms: that there is one, not whom or what it is about.
pub(super) fn veiled_findings(findings: &[Finding]) -> Vec<Finding> {
    let veiled = |finding: &Finding| {
        let place = match &finding.place {
            Place::Whole(_) => Place::whole(""),
            place => place.clone(),
        };
        Finding { place, detail: String::new(), who: None, ..finding.clone() }
    };
    findings.iter().map(veiled).collect()
}

/// A gap for a workbook that could not be forgotten in.
pub(super) fn gap(config: &Config, error: &anyhow::Error) -> Gap {
    Gap::new(config.output.directory.join(FOLDER).display().to_string(), format!("older names: {error:#}"))
}

/// Rows under pseudonyms, where a veil is given.
pub(super) fn veiled_rows(rows: &[SessionRow], veil: &crate::privacy::Veil) -> Vec<SessionRow> {
    rows.iter().map(|row| veil.row(row)).collect()
}
