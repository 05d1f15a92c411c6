//! Workbooks: whose rows, in which files.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::net::IpAddr;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use rayon::prelude::*;

use crate::config::{Config, ReportFormat};
use crate::finding::{Finding, Gap, Kind, Place};
use crate::model::{Denial, Hold, Identity, SessionRow};
use crate::output;
use crate::report::{Period, ReportInput, Scope, WriteError, csv, ods, relative_path, sheets, xlsx};

/// The files that were written, and those that could not be.
#[derive(Debug, Default)]
pub struct Published {
    /// Their paths, in the order of scopes and formats.
    pub files: Vec<PathBuf>,
    /// A gap for each that failed.
    pub failures: Vec<Gap>,
}

impl Published {
    /// Adds another's.
    pub fn extend(&mut self, other: Self) {
        self.files.extend(other.files);
        self.failures.extend(other.failures);
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
    /// What looks wrong, of any day.
    pub findings: &'a [Finding],
    /// The sources that could not be had.
    pub gaps: &'a [Gap],
    /// When the reports are established.
    pub now: DateTime<Utc>,
}

/// What one workbook is made of.
#[derive(Debug, Default)]
struct Share {
    rows: Vec<SessionRow>,
    holds: Vec<Hold>,
    denials: Vec<Denial>,
    findings: Vec<Finding>,
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
    let folder = config.output.directory.join(relative_path(&config.site.name, Scope::Site, period, "ods"));
    output::remove_leftovers(folder.parent().unwrap_or(&folder));
    let written: Vec<Result<PathBuf, Gap>> = jobs
        .par_iter()
        .map(|(scope, share, format)| write(config, material, period, **scope, share, *format))
        .collect();
    let mut published = Published::default();
    for one in written {
        match one {
            Ok(path) => published.files.push(path),
            Err(gap) => published.failures.push(gap),
        }
    }
    published
}

fn write(
    config: &Config,
    material: &Material<'_>,
    period: Period,
    scope: Scope<'_>,
    share: &Share,
    format: ReportFormat,
) -> Result<PathBuf, Gap> {
    let extension = match format {
        ReportFormat::Ods => "ods",
        ReportFormat::Xlsx => "xlsx",
        ReportFormat::Csv => "csv",
    };
    let path = config.output.directory.join(relative_path(&config.site.name, scope, period, extension));
    let input = ReportInput {
        site: &config.site.name,
        language: config.site.language,
        timezone: config.site.timezone,
        seats: config.origin.seats,
        period,
        established: material.now.with_timezone(&config.site.timezone),
        scope,
        rows: &share.rows,
        holds: &share.holds,
        denials: &share.denials,
        findings: &share.findings,
        gaps: material.gaps,
        previous: None,
        version: env!("CARGO_PKG_VERSION"),
    };
    let failed = |error: &dyn std::fmt::Display| Gap::new(path.display().to_string(), error);
    let bytes = render(&input, format).map_err(|error| failed(&format!("{:#}", anyhow::Error::from(error))))?;
    output::write_file(&path, |out| out.write_all(&bytes)).map_err(|error| failed(&error))?;
    Ok(path)
}

fn render(input: &ReportInput<'_>, format: ReportFormat) -> Result<Vec<u8>, WriteError> {
    let mut bytes = Cursor::new(Vec::new());
    match format {
        ReportFormat::Ods => ods::write(&sheets(input), &mut bytes)?,
        ReportFormat::Xlsx => xlsx::write(&sheets(input), &mut bytes)?,
        ReportFormat::Csv => {
            csv::write(input.rows, input.language.texts(), &mut bytes).map_err(std::io::Error::from)?;
        }
    }
    Ok(bytes.into_inner())
}

/// The scope of a row: its machine's department.
fn scope_of(row: &SessionRow) -> Scope<'_> {
    row.machine.department.as_deref().map_or(Scope::Unresolved, Scope::Department)
}

/// Rows, holds, denials and findings of a period by whose they are; the site has all of them.
fn shares<'a>(config: &Config, material: &Material<'a>, period: Period) -> BTreeMap<Scope<'a>, Share> {
    let mut shares: BTreeMap<Scope<'a>, Share> = BTreeMap::new();
    shares.insert(Scope::Site, Share::default());
    let within = |row: &&SessionRow| (period.first()..=period.last()).contains(&row.date);
    for row in material.rows.iter().filter(within) {
        for scope in [scope_of(row), Scope::Site] {
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
        for scope in [owners.of(&denial.who, denial.at), Scope::Site] {
            shares.entry(scope).or_default().denials.push(denial.clone());
        }
    }
    let concerns = |finding: &&Finding| finding.concerns(period.first(), period.last());
    let concerned: Vec<Finding> = material.findings.iter().filter(concerns).cloned().collect();
    for (scope, share) in &mut shares {
        share.findings = findings_for(*scope, &share.rows, &concerned);
    }
    shares
}

/// Whose scope a pair was in at a moment: that of its session then, or of the one nearest to it.
struct Owners<'a> {
    rows: BTreeMap<&'a Identity, Vec<&'a SessionRow>>,
}

impl<'a> Owners<'a> {
    fn new(all: &'a [SessionRow]) -> Self {
        let mut rows: BTreeMap<&Identity, Vec<&SessionRow>> = BTreeMap::new();
        for row in all {
            rows.entry(&row.who).or_default().push(row);
        }
        Self { rows }
    }

    fn of(&self, who: &Identity, at: DateTime<Utc>) -> Scope<'a> {
        let rows = self.rows.get(who).map_or(&[][..], Vec::as_slice);
        // Rows are in the order of their starts: the nearest begins just before the moment, or just after it.
        let behind = rows.partition_point(|row| row.start.to_utc() <= at);
        let around = [behind.checked_sub(1), Some(behind)].into_iter().flatten().filter_map(|index| rows.get(index));
        let distance = |row: &&&SessionRow| {
            let (start, end) = (row.start.to_utc(), row.end.to_utc());
            (start - at).max(at - end).max(chrono::Duration::zero())
        };
        around.min_by_key(distance).map_or(Scope::Unresolved, |row| scope_of(row))
    }
}

/// The findings of a scope. The site has all. A department has those about its own machines, and those about the traces
/// without what they quote: a line that cannot be read can name anybody.
fn findings_for(scope: Scope<'_>, rows: &[SessionRow], all: &[Finding]) -> Vec<Finding> {
    if scope == Scope::Site {
        return all.to_vec();
    }
    let addresses: BTreeSet<String> = rows.iter().filter_map(|row| row.ip).map(|ip: IpAddr| ip.to_string()).collect();
    let pairs: BTreeSet<&Identity> = rows.iter().map(|row| &row.who).collect();
    all.iter()
        .filter_map(|finding| {
            let about_machine = matches!(&finding.place, Place::Whole(name) if addresses.contains(&**name));
            let about_pair = finding.who.as_ref().is_some_and(|who| pairs.contains(who));
            if about_machine || about_pair {
                Some(finding.clone())
            } else if matches!(finding.kind, Kind::UnreadableLine | Kind::TruncatedFile | Kind::ClockWentBack) {
                Some(Finding { detail: String::new(), ..finding.clone() })
            } else {
                None
            }
        })
        .collect()
}
