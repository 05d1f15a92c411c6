//! `jeton ledger`: made anew from the evidence, compared with it, or copied.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use anyhow::Context;
use chrono::Utc;

use super::arguments::{BackupOptions, Common, LedgerCommand, LedgerOptions};
use super::progress::Line;
use super::{Exit, Stop, complain, configured_to_read, messages, say};
use crate::config::{Config, TraceSettings};
use crate::output::FILE_MODE;
use crate::pipeline::{self, Memory, Rederived, rederive};

pub(super) fn run(options: &LedgerOptions, common: &Common) -> Result<Exit, Stop> {
    let config = configured_to_read(common)?;
    match &options.command {
        LedgerCommand::Rebuild => again(&config, true, common),
        LedgerCommand::Verify => again(&config, false, common),
        LedgerCommand::Backup(options) => backup(&config, options),
    }
}

/// Derives everything anew, and keeps what comes out, or only says what differs.
fn again(config: &Config, keep: bool, common: &Common) -> Result<Exit, Stop> {
    if !Memory::path(config).exists() && !Memory::evidence_path(config).exists() {
        let path = Memory::path(config);
        let why = format!("there is no ledger `{}` yet: `jeton nightly` makes it", path.display());
        return Err(anyhow::anyhow!(why).into());
    }
    let line = Line::new();
    let _lock = pipeline::prepare_output(config, &|step| line.show(step))?;
    let mut memory = Memory::open(config)?;
    memory.verify(config)?;
    let settings = TraceSettings::from(config);
    let as_of = memory.evidence.as_of().unwrap_or_else(Utc::now);
    let Rederived { n_months, days } =
        memory.learn(|evidence, ledger| rederive(evidence, ledger, &settings, as_of, keep, &|step| line.show(step)))?;
    drop(line);
    let lost = memory.lost(config);
    complain(&messages::findings(&[], &lost, common.voice()));
    let changed = days.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let changed = if changed.is_empty() { "none".to_owned() } else { changed };
    let what = if keep { "days with other rows than before" } else { "days whose rows differ from the evidence" };
    say(&format!("months derived: {n_months}\n{what}: {changed}\ndamaged files: {}", lost.len()));
    let is_well = lost.is_empty() && (keep || days.is_empty());
    Ok(if is_well { Exit::Complete } else { Exit::Failed })
}

fn backup(config: &Config, options: &BackupOptions) -> Result<Exit, Stop> {
    let path = Memory::path(config);
    let ledger = crate::ledger::Ledger::open_to_read(&path).map_err(anyhow::Error::from)?;
    let ledger = ledger.with_context(|| format!("there is no ledger `{}` yet", path.display()))?;
    // Others may not read it, from its first byte on.
    match OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&options.file) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Stop::Usage(format!(
                "error: `{}` is there already\nhint: name a new file, or move that one away",
                options.file.display()
            )));
        }
        created => drop(created.with_context(|| format!("cannot write `{}`", options.file.display()))?),
    }
    ledger.copy_to(&options.file).map_err(anyhow::Error::from)?;
    let evidence = Memory::evidence_path(config);
    say(&format!("{}\nthe evidence is in `{}`: copy that folder too", options.file.display(), evidence.display()));
    Ok(Exit::Complete)
}
