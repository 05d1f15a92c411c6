//! `jeton history`: Origin_history out, and older ones in.

use std::io::{ErrorKind, Write};

use anyhow::Context;

use super::arguments::{Common, ExportOptions, HistoryCommand, HistoryOptions, ImportOptions};
use super::gathered::{Known, gather};
use super::progress::Line;
use super::{Exit, Stop, complain, configured_alone, messages, say};
use crate::history::{self, Imported};
use crate::output;
use crate::pipeline::{self, HISTORY};
use crate::source::{Source, SourceError};

pub(super) fn run(options: &HistoryOptions, common: &Common) -> Result<Exit, Stop> {
    match &options.command {
        HistoryCommand::Export(options) => export(options, common),
        HistoryCommand::Import(options) => import(options, common),
    }
}

/// Prints the sessions at hand as a history.
fn export(options: &ExportOptions, common: &Common) -> Result<Exit, Stop> {
    let Known { config, gathered, exit } = gather(options.span, common)?;
    let format = options.format.map_or(config.output.history_format, Into::into);
    let text = history::merge("", &history::lines(&gathered.rows, format), format);
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever reads a pipe may stop reading.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        printed => printed?,
    }
    Ok(exit)
}

/// Puts older histories into the site's own.
fn import(options: &ImportOptions, common: &Common) -> Result<Exit, Stop> {
    let config = configured_alone(common)?;
    // All are read before anything is written.
    let read = options.files.iter().map(|file| Source::read(file)).collect::<Result<Vec<Source>, SourceError>>();
    let files = read.context("cannot read a history")?;
    let line = Line::new();
    let _lock = pipeline::prepare_output(&config, &|step| line.show(step))?;
    drop(line);
    let path = config.output.directory.join(HISTORY);
    let existing = match Source::read(&path) {
        Ok(existing) => existing,
        Err(SourceError::Empty(name)) => Source::from_bytes(&name, b""),
        Err(SourceError::Io(error)) if error.kind() == ErrorKind::NotFound => {
            Source::from_bytes(&path.display().to_string(), b"")
        }
        Err(error) => return Err(anyhow::Error::from(error).context("cannot read the history to add to").into()),
    };
    let imported = history::import(&existing, &files, config.output.history_format);
    if imported.n_read == 0 {
        let names: Vec<String> = files.iter().map(|file| format!("`{}`", file.name())).collect();
        let why = format!("expected a history, found none of its lines in {}", names.join(", "));
        return Err(anyhow::anyhow!(why).into());
    }
    complain(&messages::findings(&imported.findings, &[], common.verbose));
    if imported.text != existing.text() {
        output::write_file(&path, |out| out.write_all(imported.text.as_bytes()))?;
    }
    let Imported { n_read, n_new, n_undated, n_unreadable, .. } = imported;
    say(&format!(
        "read: {n_read}\nnew: {n_new}, of them without a date: {n_undated}\nknown: {}\nunreadable: {n_unreadable}\n\
         file: {}",
        n_read - n_new,
        path.display()
    ));
    Ok(Exit::Complete)
}
