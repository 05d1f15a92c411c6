//! What the commands share that ask about traces: of the memory of the nights, or of files named on the command line.

use chrono::{DateTime, Utc};

use super::arguments::{Common, TraceOptions};
use super::gathered::{Known, known_of};
use super::{Exit, Stop, complain, messages};
use crate::config::{Config, TraceSettings};
use crate::derivation::{Derivation, analyses};
use crate::evidence::Evidence;
use crate::ledger::Ledger;
use crate::pipeline::{Days, Fetched, Rows, TraceFiles, Wanted, cite_findings, derived, newest, read_files, seats};
use crate::trace::seats::Seats;
use crate::trace::{Analysis, Traces};

/// What is known of the traces, and the days that are asked for.
pub(super) struct Traced {
    pub(super) evidence: Evidence,
    pub(super) ledger: Ledger,
    pub(super) settings: TraceSettings,
    pub(super) days: Days,
    pub(super) exit: Exit,
    pub(super) seats: Seats,
    pub(super) fetched: Fetched,
    as_of: DateTime<Utc>,
}

/// Finds what is known of the traces. Files named on the command line replace everything else: no network, no inputs, no
/// ledger, and no configuration but the site's zone, address and port, where there is one.
pub(super) fn traced(options: &TraceOptions, wanted: Wanted, common: &Common) -> Result<Traced, Stop> {
    let files = TraceFiles { logwatch: options.logwatch.clone(), debug_log: options.debug_log.clone() };
    if files.logwatch.is_none() && files.debug_log.is_none() {
        let Known { config, rows, exit } = known_of(|today| options.span.days(today), wanted, common)?;
        let Rows { evidence, ledger, days, now, fetched, .. } = rows;
        let as_of = evidence.as_of().unwrap_or(now);
        let settings = TraceSettings::from(&config);
        let seats = seats(&settings, &ledger).map_err(anyhow::Error::from)?;
        return Ok(Traced { evidence, ledger, settings, days, exit, seats, fetched, as_of });
    }
    let settings = settings_of(common)?;
    let (evidence, fetched) = read_files(&files, &settings).map_err(anyhow::Error::from)?;
    let mut findings = fetched.findings.clone();
    let as_of = newest(&evidence, &settings).unwrap_or_else(Utc::now);
    let days = options.span.days(as_of.with_timezone(&settings.timezone).date_naive())?;
    let ledger = derived(&evidence, &settings, as_of, std::iter::empty())?;
    let all = Days::ALL;
    findings.extend(ledger.findings(all.first, all.last).map_err(anyhow::Error::from)?);
    cite_findings(&fetched.read, &evidence, &mut findings);
    complain(&messages::findings(&findings, &[], common.voice()));
    let seats = seats(&settings, &ledger).map_err(anyhow::Error::from)?;
    Ok(Traced { evidence, ledger, settings, days, exit: Exit::Complete, seats, fetched, as_of })
}

impl Traced {
    /// What the traces of the days say, a month at a time: more than rows keep of it.
    pub(super) fn analyses(&self, take: &mut dyn FnMut(&Analysis, &Traces)) -> Result<(), Stop> {
        let names = self.ledger.dhcp_names().map_err(anyhow::Error::from)?;
        let derivation = Derivation::new(&self.evidence, &self.settings, names, self.as_of);
        let Days { first, last } = self.days;
        Ok(analyses(&derivation, &self.ledger, first..=last, take).map_err(anyhow::Error::from)?)
    }
}

/// The site's settings where a configuration is named or lies at hand, else the machine's own.
fn settings_of(common: &Common) -> Result<TraceSettings, Stop> {
    match Config::find(common.config.as_deref()) {
        Ok(file) => Ok(TraceSettings::load(&file)?),
        Err(errors) if common.config.is_some() => Err(errors.into()),
        Err(_) => {
            let settings = TraceSettings::default();
            if !common.quiet {
                complain(&format!(
                    "note: no jeton.toml: times are those of `{}`, this machine's zone",
                    settings.timezone
                ));
            }
            Ok(settings)
        }
    }
}
