//! `jeton status`: whether all is well, for people and for monitoring.

use chrono::Utc;

use super::arguments::{Common, StatusOptions};
use super::{Exit, Stop, configured_to_read, messages, say};
use crate::config::Config;
use crate::evidence::Evidence;
use crate::ledger::Ledger;
use crate::pipeline::{self, Memory};
use crate::status::{self, Level, Status};

pub(super) fn run(options: &StatusOptions, common: &Common) -> Exit {
    match told(options, common) {
        Ok(level) => Exit::Status(level),
        Err(stop) => {
            let text = match stop {
                Stop::Usage(text) => text,
                Stop::Failure(error) => messages::failure(&error),
            };
            say(&format!("JETON UNKNOWN - {}", text.trim_start_matches("error: ").replace('\n', " ")));
            Exit::Status(Level::Unknown)
        }
    }
}

fn told(options: &StatusOptions, common: &Common) -> Result<Level, Stop> {
    let config = configured_to_read(common)?;
    let found = found(&config)?;
    let (found, alarm) = (found.as_ref(), &config.alarm);
    if let Some(folder) = &options.textfile {
        status::write(found, folder, alarm)?;
    }
    let (level, line) = status::line(found, alarm);
    if options.nagios {
        say(&status::nagios(found, alarm));
    } else if options.prometheus {
        say(&status::prometheus(found, alarm));
    } else if options.json {
        say(&serde_json::to_string_pretty(&status::json(found, alarm)).map_err(anyhow::Error::from)?);
    } else if options.textfile.is_none() {
        say(&format!("{}: {line}", level.name()));
    }
    Ok(level)
}

/// The status as of now; of a replay, as of its own moment.
fn found(config: &Config) -> Result<Option<Status>, Stop> {
    let ledger = Ledger::open_to_read(&Memory::path(config));
    let Some(ledger) = ledger.map_err(anyhow::Error::from)? else { return Ok(None) };
    let ledger = ledger.showing(config.origin.feature.as_deref());
    let evidence = Evidence::open_to_read(&Memory::evidence_path(config)).map_err(anyhow::Error::from)?;
    let remote = pipeline::remote(config)?;
    let run = ledger.last_run().map_err(anyhow::Error::from)?;
    let now = if remote.is_live() { Some(Utc::now()) } else { remote.recorded_now().or(run.map(|run| run.at)) };
    let now = now.unwrap_or_else(Utc::now);
    Ok(Status::of(config, &ledger, &evidence, now).map_err(anyhow::Error::from)?)
}
