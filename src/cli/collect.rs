//! `jeton collect`: the logwatch, written on the licence server.

use std::path::Path;

use chrono_tz::Tz;

use super::arguments::{CollectOptions, Common};
use super::{Exit, Stop, complain};
use crate::collect::{self, Settings};
use crate::config::{Collect, CollectFile, Config, DEFAULT_PULSE, DateLocale, own_zone};
use crate::output::folder_of;

pub(super) fn run(options: &CollectOptions, common: &Common) -> Result<Exit, Stop> {
    let settings = settings_of(options, common)?;
    check(&settings)?;
    complain(&format!(
        "note: from `{}` into `{}`, connections of port {}, clock of {}",
        settings.debug_log.display(),
        settings.logwatch.display(),
        settings.port,
        settings.zone
    ));
    collect::run(&settings, complain)?;
    Ok(Exit::Complete)
}

/// The options, and the configuration for what they leave out. Where they leave out nothing, none is needed.
fn settings_of(options: &CollectOptions, common: &Common) -> Result<Settings, Stop> {
    let told = match (&options.debug_log, &options.logwatch, options.port) {
        (Some(debug_log), Some(logwatch), Some(port)) => Some(Collect {
            debug_log: debug_log.clone(),
            logwatch: logwatch.clone(),
            port,
            pulse: DEFAULT_PULSE,
            locale: DateLocale::C,
        }),
        _ => None,
    };
    let file = match Config::find(common.config.as_deref()) {
        Ok(path) => CollectFile::load(&path, told.is_none())?,
        Err(_) if told.is_some() && common.config.is_none() => CollectFile { collect: None, timezone: None },
        Err(errors) if common.config.is_none() => {
            let why = "or tell all with `--debug-log FILE --logwatch FILE --port PORT`";
            return Err(Stop::Usage(format!("{errors}; {why}")));
        }
        Err(errors) => return Err(errors.into()),
    };
    let zone = file.timezone.or_else(own_zone).unwrap_or_else(|| {
        complain("warning: this machine does not say which time zone it is in: dates are in UTC");
        complain("hint: set `timezone` in `[site]`, or `$TZ`");
        Tz::UTC
    });
    // Either the options tell all that has no default, or the section is there.
    let Some(collect) = file.collect.or_else(|| told.clone()) else {
        return Err(Stop::Usage("error: missing section `[collect]`".to_owned()));
    };
    Ok(Settings {
        debug_log: options.debug_log.clone().unwrap_or(collect.debug_log),
        logwatch: options.logwatch.clone().unwrap_or(collect.logwatch),
        port: options.port.unwrap_or(collect.port),
        pulse: options.pulse.map_or(collect.pulse, std::time::Duration::from_secs),
        zone,
        locale: options.locale.map_or(collect.locale, DateLocale::from),
    })
}

/// What would feed the collector with its own words.
fn check(settings: &Settings) -> Result<(), Stop> {
    // One that is not there yet is known by its folder.
    let real = |path: &Path| {
        let folder = fs_err::canonicalize(folder_of(path)).unwrap_or_else(|_| folder_of(path).to_owned());
        fs_err::canonicalize(path).unwrap_or_else(|_| folder.join(path.file_name().unwrap_or_default()))
    };
    if real(&settings.debug_log) == real(&settings.logwatch) {
        let why = format!("error: `{}` is both the debug log and the logwatch", settings.logwatch.display());
        return Err(Stop::Usage(format!("{why}\nhint: the logwatch is a file of its own")));
    }
    Ok(())
}
