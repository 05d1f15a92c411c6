//! Workbooks: whose rows, in which files.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, Utc};
use rayon::prelude::*;

use crate::config::{Config, CsvStyle, ReportFormat};
use crate::finding::{Finding, Gap, Place};
use crate::model::{Denial, Hold, LastUse, SessionRow};
use crate::output;
use crate::pipeline::forget;
use crate::privacy::Veil;
use crate::report::scope::{Owners, findings_for, scope_of};
use crate::report::{
    Figures, MOST_ROWS, MonthUse, Period, ReportInput, Scope, Usage, WriteError, check_size, csv, ods, relative_path,
    sheets, xlsx,
};
use crate::trace::refusals::Refusal;
use crate::trace::seats::{Known as Watched, Seats};

/// The files that were written, and those that could not be.
#[derive(Debug, Default)]
pub struct Published {
    /// Their paths, in the order of scopes and formats.
    pub files: Vec<PathBuf>,
    /// A gap for each that failed.
    pub failures: Vec<Gap>,
    /// The periods that were over and written before.
    pub left_alone: Vec<Period>,
}

impl Published {
    /// Adds another's.
    pub fn extend(&mut self, other: Self) {
        self.files.extend(other.files);
        self.failures.extend(other.failures);
        self.left_alone.extend(other.left_alone);
    }
}

/// What is known of the days that reports can be asked for, wherever it comes from.
#[derive(Debug, Clone, Copy)]
pub struct Material<'a> {
    /// The pieces of sessions, by start; those of the period before a report's too, where they are known.
    pub rows: &'a [SessionRow],
    /// Each token in somebody's hands, of the same days.
    pub holds: &'a [Hold],
    /// Each refusal, of the same days.
    pub denials: &'a [Denial],
    /// Those of them that cost time, with what became of them.
    pub refusals: &'a [Refusal],
    /// What was used in each of the months up to the reports', two years back.
    pub months: &'a [(NaiveDate, MonthUse)],
    /// Who has not used anything for months.
    pub unused: &'a [LastUse],
    /// What looks wrong, of any day.
    pub findings: &'a [Finding],
    /// The sources that could not be had.
    pub gaps: &'a [Gap],
    /// The times that logs vouch for.
    pub known: &'a Watched,
    /// How many tokens the laboratory has, day by day.
    pub seats: &'a Seats,
    /// The names that departments had before they were renamed.
    pub former: &'a [String],
    /// The figures that were kept of rows that are forgotten, by the first day of their period and their scope.
    pub kept: &'a KeptFigures,
    /// The first day whose rows bear names, where older ones are forgotten.
    pub first_named: Option<NaiveDate>,
    /// The first day that has rows, where older ones are forgotten.
    pub first_kept: Option<NaiveDate>,
    /// What turns names into pseudonyms, where departments see these.
    pub veil: Option<&'a Veil>,
    /// When the reports are established.
    pub now: DateTime<Utc>,
    /// The day from which on anything is known, where that is known itself.
    pub begins: Option<NaiveDate>,
}

impl Material<'_> {
    /// The findings that a period's reports tell: not those of other days, nor of machines that were used on others alone.
    fn concerning(&self, period: Period) -> Vec<Finding> {
        let within = |row: &&SessionRow| (period.first()..=period.last()).contains(&row.date);
        let address = |row: &SessionRow| row.ip.map(|ip| ip.to_string());
        let used: BTreeSet<String> = self.rows.iter().filter(within).filter_map(address).collect();
        let at_other_times: BTreeSet<String> =
            self.rows.iter().filter_map(address).filter(|ip| !used.contains(ip)).collect();
        let concerns = |finding: &&Finding| {
            let of_another_time = matches!(&finding.place, Place::Whole(name) if at_other_times.contains(&**name));
            finding.concerns(period.first(), period.last()) && !of_another_time
        };
        self.findings.iter().filter(concerns).cloned().collect()
    }
}

/// What one workbook is made of.
#[derive(Debug, Default)]
struct Share {
    rows: Vec<SessionRow>,
    holds: Vec<Hold>,
    denials: Vec<Denial>,
    refusals: Vec<Refusal>,
    findings: Vec<Finding>,
}

/// Figures that were kept, by the first day of their period and the name of their scope.
pub type KeptFigures = BTreeMap<(NaiveDate, String), Figures>;

/// The name of a scope that figures are kept under.
pub(super) fn name_of(scope: Scope<'_>) -> String {
    match scope {
        Scope::Site => "site".to_owned(),
        Scope::Unresolved => "unresolved".to_owned(),
        Scope::Department(name) => format!("department {name}"),
    }
}

/// The figures of a period that is over, by the names of the scopes: JSON, as they are kept when its rows are forgotten.
pub(super) fn kept_figures(
    config: &Config,
    material: &Material<'_>,
    period: Period,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut kept = BTreeMap::new();
    for (scope, share) in shares(config, material, period) {
        let mut figures = serde_json::to_value(share.figures(config, material, period, scope))?;
        let hosts: BTreeSet<&str> = share.rows.iter().map(|row| row.who.host()).collect();
        if let Some(figures) = figures.as_object_mut() {
            figures.insert("hosts".to_owned(), hosts.len().into());
        }
        kept.insert(name_of(scope), figures.to_string());
    }
    Ok(kept)
}

impl Share {
    fn figures(&self, config: &Config, material: &Material<'_>, period: Period, scope: Scope<'_>) -> Figures {
        if let Some(kept) = material.kept.get(&(period.first(), name_of(scope))).filter(|_| period.is_whole()) {
            return *kept;
        }
        let usage = Usage {
            rows: &self.rows,
            holds: &self.holds,
            denials: &self.denials,
            known: Some(material.known),
            working: config.report.hours,
        };
        Figures::of(usage, material.seats, period, config.site.timezone)
    }
}

impl Share {
    /// The same under pseudonyms.
    fn under(&self, veil: &Veil) -> Self {
        Self {
            rows: forget::veiled_rows(&self.rows, veil),
            holds: self.holds.iter().map(|hold| veil.hold(hold)).collect(),
            denials: self.denials.iter().map(|denial| veil.denial(denial)).collect(),
            refusals: self.refusals.iter().map(|refusal| veil.refusal(refusal)).collect(),
            findings: forget::veiled_findings(&self.findings),
        }
    }
}

/// The mark in a period's folder that its workbooks were written after its end: nights leave them alone.
const FINAL: &str = ".final";

/// Writes the workbooks of a period, of every scope, as a night does: again and again until it is over, once more when it
/// is, and then never again, so that what a department was told of a finished month does not change under its hands.
pub fn publish_night(config: &Config, material: &Material<'_>, period: Period) -> Published {
    let mark = folder(config, period).join(FINAL);
    if is_final(config, period) {
        return Published { left_alone: vec![period], ..Published::default() };
    }
    let mut published = publish_reports(config, material, period, None);
    let (_, end) = period.bounds(config.site.timezone);
    if let Some(kind) = period.kind()
        && period.is_whole()
        && end <= material.now
        && published.failures.is_empty()
    {
        let again = format!("jeton report --period {} --date {}", kind.name(), period.first());
        let said = format!("This period is over, and nights leave its workbooks alone. To write them again: {again}\n");
        if let Err(error) = output::write_file(&mark, |out| out.write_all(said.as_bytes())) {
            published.failures.push(Gap::new(mark.display().to_string(), error));
        }
    }
    published
}

/// Lets nights write the workbooks of finished periods again: machines of these days are in another department now.
pub(super) fn reopen(config: &Config, days: &BTreeSet<NaiveDate>) {
    for day in days {
        // What is not there need not go.
        let _ = fs_err::remove_file(folder(config, Period::of(config.report.period, *day)).join(FINAL));
    }
}

/// Whether nights leave the workbooks of a period alone, as it is over and they were written.
pub(super) fn is_final(config: &Config, period: Period) -> bool {
    folder(config, period).join(FINAL).exists()
}

/// The folder of a period's workbooks.
pub(super) fn folder(config: &Config, period: Period) -> PathBuf {
    let site = config.output.directory.join(relative_path(&config.site.name, Scope::Site, period, "ods"));
    site.parent().map(PathBuf::from).unwrap_or_default()
}

/// Writes the workbooks of a period, of every scope or of one department alone, all files in parallel. A scope without
/// use gets none; the site always does.
pub fn publish_reports(config: &Config, material: &Material<'_>, period: Period, only: Option<&str>) -> Published {
    let shares = shares(config, material, period);
    let jobs: Vec<(&Scope<'_>, &Share, ReportFormat)> = shares
        .iter()
        .filter(|(scope, share)| !share.rows.is_empty() || matches!(scope, Scope::Site))
        .filter(|(scope, _)| only.is_none_or(|only| matches!(scope, Scope::Department(name) if *name == only)))
        .flat_map(|(scope, share)| config.report.formats.iter().map(move |format| (scope, share, *format)))
        .collect();
    output::remove_leftovers(&folder(config, period));
    if !jobs.is_empty() {
        // Once, and not by each of those who write at the same time; where it cannot be made, each of them says so.
        let _ = output::create_folder(&folder(config, period));
    }
    let edition = Edition::of(config, material, period, &shares);
    let written: Vec<Result<PathBuf, Gap>> = jobs
        .par_iter()
        .map(|(scope, share, format)| write(config, material, &edition, (**scope, share), *format))
        .collect();
    let mut published = Published::default();
    for one in written {
        match one {
            Ok(path) => published.files.push(path),
            Err(gap) => published.failures.push(gap),
        }
    }
    if only.is_none() && published.failures.is_empty() {
        remove_stale(config, material, period, &published.files);
    }
    published
}

/// The workbooks that are there, with their periods, of the scopes that `sees` says. One of a department that is not there any
/// more is the site's.
pub fn workbooks(config: &Config, sees: impl Fn(Scope<'_>) -> bool) -> Vec<(Period, String)> {
    let mut all = Vec::new();
    for (folder, period) in forget::folders(config) {
        let own = config.department_names();
        let mut scopes: BTreeMap<PathBuf, Scope<'_>> = BTreeMap::new();
        for scope in own.iter().map(|name| Scope::Department(name)).chain([Scope::Unresolved]) {
            scopes.extend(files_of(config, scope, period).into_iter().map(|file| (file, scope)));
        }
        let Ok(entries) = fs_err::read_dir(&folder) else { continue };
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| PathBuf::from(entry.file_name())).collect();
        files.sort();
        for file in files {
            let is_book = file.extension().is_some_and(|end| ["ods", "xlsx", "csv"].iter().any(|known| end == *known));
            let scope = scopes.get(&file).copied().unwrap_or(Scope::Site);
            if let Some(name) = file.to_str().filter(|name| is_book && !name.starts_with('.') && sees(scope)) {
                all.push((period, name.to_owned()));
            }
        }
    }
    all
}

/// The names of the files of a scope in the folder of a period.
pub(super) fn files_of(config: &Config, scope: Scope<'_>, period: Period) -> Vec<PathBuf> {
    let path = |format| relative_path(&config.site.name, scope, period, extension(format));
    let formats = [ReportFormat::Ods, ReportFormat::Xlsx, ReportFormat::Csv];
    formats.into_iter().filter_map(|format| path(format).file_name().map(PathBuf::from)).collect()
}

/// Removes the workbooks of departments that have no row in the period any more, as their machines are in another one now.
fn remove_stale(config: &Config, material: &Material<'_>, period: Period, written: &[PathBuf]) {
    let named = config.vlans.iter().map(|vlan| vlan.department.as_str());
    let scopes = named.chain(material.former.iter().map(String::as_str)).map(Scope::Department);
    for scope in scopes.chain([Scope::Unresolved]) {
        for format in &config.report.formats {
            let path = relative_path(&config.site.name, scope, period, extension(*format));
            let path = config.output.directory.join(path);
            if !written.contains(&path) {
                // What is not there need not go.
                let _ = fs_err::remove_file(&path);
            }
        }
    }
}

/// What the workbooks of one period share.
struct Edition<'a> {
    period: Period,
    /// The figures of the period before by scope; none where the data do not reach back that far.
    before: Option<BTreeMap<Scope<'a>, Figures>>,
    /// The figures of every department that there is, those without use too, then of the rows without one.
    departments: Vec<(Option<&'a str>, Figures)>,
}

impl<'a> Edition<'a> {
    fn of(config: &'a Config, material: &Material<'a>, period: Period, shares: &BTreeMap<Scope<'a>, Share>) -> Self {
        let earlier = period.previous();
        let reached = material.begins.is_some_and(|begins| begins <= earlier.first());
        let before = reached.then(|| {
            let shares = self::shares(config, material, earlier);
            shares.iter().map(|(scope, share)| (*scope, share.figures(config, material, earlier, *scope))).collect()
        });
        let mut scopes: BTreeSet<Scope<'a>> =
            config.vlans.iter().map(|vlan| Scope::Department(&vlan.department)).collect();
        scopes.extend(shares.keys().filter(|scope| **scope != Scope::Site));
        let kept = material.kept.keys().any(|key| *key == (period.first(), name_of(Scope::Unresolved)));
        scopes.extend(kept.then_some(Scope::Unresolved));
        let figures = |scope: &Scope<'_>| {
            shares.get(scope).unwrap_or(&Share::default()).figures(config, material, period, *scope)
        };
        let departments = scopes.iter().filter_map(|scope| match scope {
            Scope::Department(name) => Some((Some(*name), figures(scope))),
            Scope::Unresolved => Some((None, figures(scope))),
            Scope::Site => None,
        });
        Self { period, before, departments: departments.collect() }
    }

    /// The figures of a scope in the period before; those of no use at all where the scope had none.
    fn before(&self, config: &Config, material: &Material<'_>, scope: Scope<'_>) -> Option<Figures> {
        let none = || Share::default().figures(config, material, self.period.previous(), scope);
        self.before.as_ref().map(|before| before.get(&scope).copied().unwrap_or_else(none))
    }
}

fn write(
    config: &Config,
    material: &Material<'_>,
    edition: &Edition<'_>,
    (scope, share): (Scope<'_>, &Share),
    format: ReportFormat,
) -> Result<PathBuf, Gap> {
    let period = edition.period;
    let path = config.output.directory.join(relative_path(&config.site.name, scope, period, extension(format)));
    let is_own = |one: &&LastUse| match scope {
        Scope::Site => true,
        Scope::Department(name) => one.machine.department.as_deref() == Some(name),
        Scope::Unresolved => one.machine.department.is_none(),
    };
    let unused: Vec<LastUse> = material.unused.iter().filter(is_own).cloned().collect();
    let veiled = material.veil.filter(|_| scope != Scope::Site).map(|veil| share.under(veil));
    let unused = match material.veil.filter(|_| scope != Scope::Site) {
        Some(veil) => unused.iter().map(|one| veil.last_use(one)).collect(),
        None => unused,
    };
    let share = veiled.as_ref().unwrap_or(share);
    let is_older = |first: &NaiveDate| *first > period.first();
    let input = ReportInput {
        site: &config.site.name,
        language: config.site.language,
        timezone: config.site.timezone,
        seats: material.seats,
        period,
        established: material.now.with_timezone(&config.site.timezone),
        scope,
        full: match scope {
            Scope::Department(name) => config.department(name).and_then(|department| department.full.as_deref()),
            Scope::Unresolved | Scope::Site => None,
        },
        rows: &share.rows,
        holds: &share.holds,
        denials: &share.denials,
        refusals: &share.refusals,
        known: Some(material.known),
        findings: &share.findings,
        gaps: material.gaps,
        kept: material.kept.get(&(period.first(), name_of(scope))).copied().filter(|_| period.is_whole()),
        first_named: material.first_named.filter(is_older),
        first_kept: material.first_kept.filter(is_older),
        previous: edition.before(config, material, scope),
        begins: material.begins,
        departments: if scope == Scope::Site { &edition.departments } else { &[] },
        unused: &unused,
        months: if scope == Scope::Site { material.months } else { &[] },
        working: config.report.hours,
        token_price: config.report.token_price,
        template: &config.report.template,
        version: env!("CARGO_PKG_VERSION"),
    };
    let failed = |error: &dyn std::fmt::Display| Gap::new(path.display().to_string(), error);
    let bytes = render(&input, format, config.report.csv)
        .map_err(|error| failed(&format!("{:#}", anyhow::Error::from(error))))?;
    output::write_file(&path, |out| out.write_all(&bytes)).map_err(|error| failed(&error))?;
    Ok(path)
}

const fn extension(format: ReportFormat) -> &'static str {
    match format {
        ReportFormat::Ods => "ods",
        ReportFormat::Xlsx => "xlsx",
        ReportFormat::Csv => "csv",
    }
}

fn render(input: &ReportInput<'_>, format: ReportFormat, style: CsvStyle) -> Result<Vec<u8>, WriteError> {
    if format != ReportFormat::Csv {
        check_size(input.rows, input.period, MOST_ROWS)?;
    }
    let mut bytes = Cursor::new(Vec::new());
    match format {
        ReportFormat::Ods => ods::write(&sheets(input), &mut bytes)?,
        ReportFormat::Xlsx => xlsx::write(&sheets(input), &mut bytes)?,
        ReportFormat::Csv => {
            csv::write(input.rows, style, input.language.texts(), &mut bytes).map_err(std::io::Error::from)?;
        }
    }
    Ok(bytes.into_inner())
}

/// Rows, holds, denials and findings of a period by whose they are; the site has all of them.
fn shares<'a>(config: &Config, material: &Material<'a>, period: Period) -> BTreeMap<Scope<'a>, Share> {
    let mut shares: BTreeMap<Scope<'a>, Share> = BTreeMap::new();
    shares.insert(Scope::Site, Share::default());
    let within = |row: &&SessionRow| (period.first()..=period.last()).contains(&row.date);
    for row in material.rows.iter().filter(within) {
        for scope in [scope_of(&row.machine), Scope::Site] {
            shares.entry(scope).or_default().rows.push(row.clone());
        }
    }
    let owners = Owners::new(material.rows);
    let (from, until) = period.bounds(config.site.timezone);
    for hold in material.holds.iter().filter(|hold| hold.end > from && hold.start < until) {
        for scope in [owners.of(&hold.who, hold.start), Scope::Site] {
            shares.entry(scope).or_default().holds.push(hold.clone());
        }
    }
    for denial in material.denials.iter().filter(|denial| (from..until).contains(&denial.at)) {
        for scope in [scope_of(&denial.machine), Scope::Site] {
            shares.entry(scope).or_default().denials.push(denial.clone());
        }
    }
    for refusal in material.refusals.iter().filter(|refusal| (from..until).contains(&refusal.denial.at)) {
        for scope in [scope_of(&refusal.denial.machine), Scope::Site] {
            shares.entry(scope).or_default().refusals.push(refusal.clone());
        }
    }
    let concerned = material.concerning(period);
    for (scope, share) in &mut shares {
        share.findings = findings_for(*scope, &share.rows, &concerned);
    }
    shares
}
