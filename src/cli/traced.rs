//! What the commands share that need the traces alone.

use chrono::{DateTime, Utc};

use super::arguments::{Common, TraceOptions};
use super::{Exit, Stop, complain, configured, messages};
use crate::config::{Config, TraceSettings};
use crate::network::Directory;
use crate::pipeline::{Days, TraceFiles, Traced, fetch_traces, present, read_traces};
use crate::trace::{self, Analysis, Traces};

/// The analysis of the traces that the options name, and the days that are asked for.
pub(super) struct Analysed {
    pub(super) traces: Traces,
    pub(super) analysis: Analysis,
    pub(super) settings: TraceSettings,
    pub(super) days: Days,
    pub(super) exit: Exit,
}

/// Reads the traces and analyses them. Files named on the command line replace everything else: no network, no inputs, and
/// no configuration but the site's zone, address and port, where there is one.
pub(super) fn analyse(options: &TraceOptions, common: &Common) -> Result<Analysed, Stop> {
    let files = TraceFiles { logwatch: options.logwatch.clone(), debug_log: options.debug_log.clone() };
    let from_files = files.logwatch.is_some() || files.debug_log.is_some();
    let (traced, now, settings, directory) = if from_files {
        let settings = settings_of(common)?;
        let traced = read_traces(&files, &settings).map_err(anyhow::Error::from)?;
        let now = traced.traces.newest(settings.timezone).unwrap_or_else(Utc::now);
        (traced, now, settings, None)
    } else {
        let (config, remote) = configured(common)?;
        let (directory, mut findings) = Directory::read(&config).map_err(anyhow::Error::from)?;
        let mut traced = fetch_traces(&config, remote.as_ref()).map_err(anyhow::Error::from)?;
        let now = present(remote.as_ref(), &traced, config.site.timezone);
        findings.append(&mut traced.findings);
        (Traced { findings, ..traced }, now, TraceSettings::from(&config), Some(directory))
    };
    let Traced { traces, mut findings, gaps, .. } = traced;
    let days = options.days(today(now, &settings))?;
    let name_of = |ip| directory.as_ref().and_then(|directory| directory.name_at(ip).map(str::to_owned));
    let mut analysis = trace::analyse(&traces, &settings, now, &name_of);
    findings.append(&mut analysis.findings);
    complain(&messages::findings(&findings, &gaps, common.verbose));
    let exit = if gaps.is_empty() { Exit::Complete } else { Exit::Gaps };
    Ok(Analysed { traces, analysis, settings, days, exit })
}

fn today(now: DateTime<Utc>, settings: &TraceSettings) -> chrono::NaiveDate {
    now.with_timezone(&settings.timezone).date_naive()
}

/// The site's settings where a configuration is named or lies at hand, else the machine's own.
fn settings_of(common: &Common) -> Result<TraceSettings, Stop> {
    match Config::find(common.config.as_deref()) {
        Ok(file) => Ok(TraceSettings::load(&file)?),
        Err(errors) if common.config.is_some() => Err(errors.into()),
        Err(_) => Ok(TraceSettings::default()),
    }
}
