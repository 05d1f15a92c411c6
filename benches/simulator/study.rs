//! jeton's analysis of what a laboratory wrote.

use std::collections::HashSet;
use std::io::{self, BufRead, Read};
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use jeton::config::TraceSettings;
use jeton::derivation::{Derivation, DhcpNames, derive_all};
use jeton::evidence::{Evidence, EvidenceError};
use jeton::finding::Files;
use jeton::parse::logwatch;
use jeton::pipeline::newest;
use jeton::source::SourceError;
use jeton::trace::{self, Analysis, Carry, Naming, Span, Traces, Watcher};

use super::random::Random;
use super::{FEATURE, Laboratory, PORT, Recorded, SERVER};

/// What `jeton.toml` would say.
pub(crate) fn settings(lab: &Laboratory) -> TraceSettings {
    TraceSettings {
        timezone: lab.zone,
        server: Some(IpAddr::V4(SERVER)),
        port: PORT,
        feature: Some(FEATURE.to_owned()),
        ..TraceSettings::default()
    }
}

/// The evidence that a laboratory leaves. The truth is not in it.
pub(crate) fn evidence(
    logwatch: impl Read,
    debug_log: Option<&[u8]>,
    lmstat: Option<&str>,
    lab: &Laboratory,
) -> Result<Evidence, EvidenceError> {
    let mut evidence = Evidence::in_memory();
    match evidence.add_logwatch("logwatch", logwatch) {
        // A day on which nothing happened.
        Err(EvidenceError::NotText(SourceError::Empty(_))) => {}
        added => drop(added?),
    }
    match debug_log.map(|log| evidence.add_debug_log("debug.log", log, lab.zone)) {
        None | Some(Err(EvidenceError::NotText(SourceError::Empty(_)))) => {}
        Some(added) => drop(added?),
    }
    if let Some(lmstat) = lmstat {
        evidence.add_lmstat(lmstat.as_bytes())?;
    }
    evidence.date_beside_blocks(lab.zone)?;
    Ok(evidence)
}

/// Who sat where, and how long, month by month, at the moment of the newest trace.
pub(crate) fn analyse(evidence: &Evidence, lab: &Laboratory) -> Result<Analysis, EvidenceError> {
    let settings = settings(lab);
    let as_of = newest(evidence, &settings).unwrap_or(DateTime::<Utc>::MIN_UTC);
    derive_all(&Derivation::new(evidence, &settings, DhcpNames::default(), as_of))
}

/// The same of a logwatch as a stream, all at once: for the speed of the analysis alone.
pub(crate) fn stream(logwatch: impl BufRead, lab: &Laboratory) -> Result<Analysis, SourceError> {
    let mut reader = logwatch::Reader::new(logwatch, "logwatch", lab.zone, Some(PORT))?;
    let mut watcher = Watcher::new(Files::one("logwatch"), vec![IpAddr::V4(SERVER)]);
    let mut block = logwatch::Block::default();
    while reader.read(&mut block)? {
        watcher.see(&block);
    }
    let traces = Traces { watch: Some(watcher.finish()), ..Traces::default() };
    let as_of = traces.newest(lab.zone).unwrap_or(DateTime::<Utc>::MIN_UTC);
    Ok(trace::analyse(&traces, &Carry::default(), &Span::all(as_of), &settings(lab), Naming::NONE))
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
    let evidence = evidence(&logwatch[..], recorded.debug_log.as_deref(), recorded.lmstat.as_deref(), lab);
    let analysis = evidence.and_then(|evidence| analyse(&evidence, lab)).map_err(io::Error::other)?;
    Ok((logwatch, recorded, analysis))
}
