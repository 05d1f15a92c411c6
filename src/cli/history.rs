//! `jeton history`: Origin_history out, and older ones in.

use std::io::{ErrorKind, Write};

use anyhow::Context;
use chrono::{Duration, NaiveDate, Utc};

use super::arguments::{Common, ExportOptions, HistoryCommand, HistoryOptions, ImportOptions};
use super::gathered::{Known, known};
use super::progress::Line;
use super::{Exit, Stop, complain, configured_alone, messages, say};
use crate::config::HistoryFormat;
use crate::history::{self, Imported, TABLE_HEADER};
use crate::output;
use crate::pipeline::{self, HISTORY, Memory, Rows};
use crate::source::{Source, SourceError};

pub(super) fn run(options: &HistoryOptions, common: &Common) -> Result<Exit, Stop> {
    match &options.command {
        HistoryCommand::Export(options) => export(options, common),
        HistoryCommand::Import(options) => import(options, common),
    }
}

/// Prints what is known as a history: what old histories tell, and behind it, day by day, what nights saw.
fn export(options: &ExportOptions, common: &Common) -> Result<Exit, Stop> {
    let Known { config, rows: Rows { ledger, days, .. }, exit } = known(options.span, common)?;
    let format = options.format.map_or(config.output.history_format, Into::into);
    let zone = config.site.timezone;
    // What says no day is of none that could be asked for.
    let told = ledger.told(days.first, days.last, days.first == NaiveDate::MIN, zone).map_err(anyhow::Error::from)?;
    let seen = ledger.seen_rows(days.first, days.last, zone).map_err(anyhow::Error::from)?;
    let mut lines: Vec<(Option<NaiveDate>, String)> =
        told.iter().map(|entry| (entry.date, entry.text(format))).collect();
    lines.extend(history::lines(&seen, format).into_iter().map(|line| (Some(line.date), line.text)));
    lines.sort_by_key(|(date, _)| *date);
    let header = (format == HistoryFormat::Table).then(|| TABLE_HEADER.to_owned());
    let mut text = String::new();
    for line in header.into_iter().chain(lines.into_iter().map(|(_, line)| line)) {
        text.extend([line.as_str(), "\n"]);
    }
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever reads a pipe may stop reading.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        printed => printed?,
    }
    Ok(exit)
}

/// Puts older histories into the ledger, and into the site's own.
fn import(options: &ImportOptions, common: &Common) -> Result<Exit, Stop> {
    let config = configured_alone(common)?;
    // All are read before anything is written.
    let read = options.files.iter().map(|file| Source::read(file)).collect::<Result<Vec<Source>, SourceError>>();
    let files = read.context("cannot read a history")?;
    // Clocks may disagree by a day.
    let tomorrow = (Utc::now() + Duration::days(1)).with_timezone(&config.site.timezone).date_naive();
    let (files, late): (Vec<Source>, Vec<_>) =
        files.iter().map(|file| history::until(file, tomorrow)).map(|parsed| (parsed.items, parsed.findings)).unzip();
    complain(&messages::findings(&late.concat(), &[], common.voice()));
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
    let mut memory = Memory::open(&config)?;
    // What is forgotten does not come back by an older history.
    let horizon = pipeline::horizon_of_imports(&config, &memory).map_err(anyhow::Error::from)?;
    let files: Vec<Source> = match &horizon {
        Some(horizon) => {
            let without_names = |file: Source| {
                let (text, _) = horizon.applied(file.name(), file.text(), config.output.history_format);
                Source::from_bytes(file.name(), text.as_bytes())
            };
            files.into_iter().map(without_names).collect()
        }
        None => files,
    };
    let imported = history::import(&existing, &files, config.output.history_format);
    if imported.n_read == 0 {
        let names: Vec<String> = files.iter().map(|file| format!("`{}`", file.name())).collect();
        let why = format!("expected a history, found none of its lines in {}", names.join(", "));
        return Err(anyhow::anyhow!(why).into());
    }
    let lost = memory.lost(&config);
    complain(&messages::findings(&imported.findings, &lost, common.voice()));
    let taken = memory.ledger.take_in(&files, config.site.timezone).map_err(anyhow::Error::from)?;
    memory.keep_facts()?;
    if imported.text != existing.text() {
        output::write_file(&path, |out| out.write_all(imported.text.as_bytes()))?;
    }
    let Imported { n_read, n_new, n_undated, n_unreadable, .. } = imported;
    say(&format!(
        "read: {n_read}\nnew: {n_new}, of them without a date: {n_undated}\nknown: {}\nunreadable: {n_unreadable}\n\
         new in the ledger: {}\nfile: {}",
        n_read - n_new,
        taken.n_new,
        path.display()
    ));
    Ok(if lost.is_empty() { Exit::Complete } else { Exit::Gaps })
}
