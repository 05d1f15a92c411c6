//! jeton's analysis of what a laboratory wrote.

use std::collections::HashSet;
use std::io::{self, BufRead};
use std::net::IpAddr;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use jeton::config::TraceSettings;
use jeton::parse::{flexnet, lmstat, logwatch};
use jeton::source::{Source, SourceError};
use jeton::trace::{self, Analysis, Traces, Watch, Watcher};

use super::random::Random;
use super::{FEATURE, Laboratory, PORT, Recorded, SERVER};

/// What `jeton.toml` would say.
pub(crate) fn settings(lab: &Laboratory) -> TraceSettings {
    TraceSettings { timezone: lab.zone, feature: Some(FEATURE.to_owned()), ..TraceSettings::default() }
}

/// Reads a logwatch to its end.
pub(crate) fn watch(logwatch: impl BufRead, lab: &Laboratory) -> Result<Watch, SourceError> {
    let mut reader = logwatch::Reader::new(logwatch, "logwatch", lab.zone, Some(PORT))?;
    let mut watcher = Watcher::new("logwatch", Some(IpAddr::V4(SERVER)));
    let mut block = logwatch::Block::default();
    while reader.read(&mut block)? {
        watcher.see(&block);
    }
    Ok(watcher.finish())
}

/// The traces of a laboratory. The truth is not among them.
pub(crate) fn traces(
    logwatch: impl BufRead,
    debug_log: Option<&[u8]>,
    lmstat: Option<&str>,
    lab: &Laboratory,
) -> io::Result<Traces> {
    let watch = match watch(logwatch, lab) {
        Ok(watch) => Some(watch),
        Err(SourceError::Empty(_)) => None,
        Err(error) => return Err(io::Error::other(error)),
    };
    let last_day: NaiveDate = lab.start + Duration::days(i64::from(lab.days) - 1);
    let debug_log =
        debug_log.map(|bytes| flexnet::parse(&Source::from_bytes("debug.log", bytes), lab.zone, last_day).items);
    let lmstat = lmstat.map(|text| lmstat::parse(&Source::from_bytes("lmstat", text.as_bytes())).items);
    Ok(Traces { watch, debug_log, lmstat })
}

/// Who sat where, and how long, at the moment of the newest trace.
pub(crate) fn analyse(traces: &Traces, lab: &Laboratory) -> Analysis {
    let now = traces.newest(lab.zone).unwrap_or(DateTime::<Utc>::MIN_UTC);
    trace::analyse(traces, &settings(lab), now, &|_| None)
}

/// Takes lines out of the debug log that the logwatch shows, so that nothing is lost to both.
fn lose(log: &mut Vec<u8>, logwatch: &[u8], lab: &Laboratory) {
    if lab.log_lost == 0.0 {
        return;
    }
    let mut random = Random::new(lab.seed);
    let shown: HashSet<&[u8]> = logwatch.split_inclusive(|byte| *byte == b'\n').collect();
    let lines = log.split_inclusive(|byte| *byte == b'\n');
    *log = lines.filter(|line| !(shown.contains(line) && random.chance(lab.log_lost))).collect::<Vec<_>>().concat();
}

/// All at once, for a laboratory that fits in memory.
pub(crate) fn study(lab: &Laboratory) -> io::Result<(Vec<u8>, Recorded, Analysis)> {
    let mut logwatch = Vec::new();
    let mut recorded = lab.run(&mut logwatch)?;
    if let Some(log) = &mut recorded.debug_log {
        lose(log, &logwatch, lab);
    }
    let traces = traces(&logwatch[..], recorded.debug_log.as_deref(), recorded.lmstat.as_deref(), lab)?;
    let analysis = analyse(&traces, lab);
    Ok((logwatch, recorded, analysis))
}
