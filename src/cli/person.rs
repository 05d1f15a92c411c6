//! `jeton person`.

use std::io::{ErrorKind, Write};

use chrono::Utc;

use super::arguments::SpanOptions;
use super::arguments::{Common, PersonOptions};
use super::export::{Kind, Target};
use super::gathered::{Known, known};
use super::{Exit, Stop, say};
use crate::pipeline;
use crate::report::{self, PersonInput};

pub(super) fn run(options: &PersonOptions, common: &Common) -> Result<Exit, Stop> {
    let target = options.output.as_deref().map(|path| Target::of(path, &[Kind::Ods, Kind::Json])).transpose()?;
    let Known { config, rows, exit } = known(SpanOptions::default(), common)?;
    let person = pipeline::person(&config, &rows, &options.login, options.host.as_deref())?;
    if person.is_nothing() {
        let why = format!("nothing is known of `{}`: `jeton sessions --login` searches parts of logins", options.login);
        return Err(anyhow::anyhow!(why).into());
    }
    let input = PersonInput {
        site: &config.site.name,
        language: config.site.language,
        established: Utc::now().with_timezone(&config.site.timezone),
        person: &person,
        version: env!("CARGO_PKG_VERSION"),
    };
    match target {
        Some(target) if target.kind == Kind::Ods => target.write_book(&report::person(&input))?,
        Some(target) => {
            let text = json(&input)?;
            target.write(|out| out.write_all(text.as_bytes()))?;
        }
        None => match std::io::stdout().lock().write_all(json(&input)?.as_bytes()) {
            // Whoever reads a pipe may stop reading.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            printed => printed?,
        },
    }
    if config.output.directory.is_dir() {
        pipeline::note_handed_over(&config, &person)?;
    }
    if let Some(target) = target {
        say(&target.path.display().to_string());
    }
    Ok(exit)
}

fn json(input: &PersonInput<'_>) -> Result<String, Stop> {
    let text = serde_json::to_string_pretty(&report::person_json(input)).map_err(anyhow::Error::from)?;
    Ok(text + "\n")
}
