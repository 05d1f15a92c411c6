//! Which `jeton.toml` is meant, and what the traces need where there is none.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;

use super::read::{Wanted, must_be};
use super::{Config, ConfigErrors, Origin, SeatCounts, Site};
use crate::model::Duplicates;
use crate::rights::{Right, denied};
use crate::texts::Language;

/// The variable that names a configuration file.
pub const VARIABLE: &str = "JETON_CONFIG";
/// Where a configuration is looked for when nothing names one.
const PLACES: [&str; 2] = ["jeton.toml", "/etc/jeton/jeton.toml"];
const HINT: &str = "`jeton init` writes a commented one; `--config FILE` or `$JETON_CONFIG` names another";

impl Config {
    /// The configuration file: the one named by `--config`, else by `$JETON_CONFIG`, else `./jeton.toml`, else
    /// `/etc/jeton/jeton.toml`. One that is named must be there; the error says where was looked.
    pub fn find(explicit: Option<&Path>) -> Result<PathBuf, ConfigErrors> {
        find_among(explicit, std::env::var_os(VARIABLE), &PLACES)
    }

    /// Lets a replay folder named on the command line answer for the network; it must be there.
    pub fn replay_from(&mut self, folder: &Path) -> Result<(), ConfigErrors> {
        must_be(folder, Wanted::Folder).map_err(|(message, _)| {
            let hint =
                "name a folder with a folder per host: `DIR/<host name>/files/…` and `DIR/<host name>/commands/…`";
            ConfigErrors::whole(folder.display().to_string(), format!("`--replay`: {message}"), Some(hint))
        })?;
        self.replay = Some(folder.to_owned());
        Ok(())
    }
}

fn find_among(explicit: Option<&Path>, variable: Option<OsString>, places: &[&str]) -> Result<PathBuf, ConfigErrors> {
    let variable = variable.filter(|path| !path.is_empty()).map(PathBuf::from);
    let named = explicit.map(|path| (path.to_owned(), "`--config`")).or(variable.map(|path| (path, "`$JETON_CONFIG`")));
    if let Some((path, by)) = named {
        if let Some(denied) = closed(&path) {
            return Err(denied);
        }
        if path.exists() {
            return Ok(path);
        }
        let message = format!("no such file, though {by} names it");
        return Err(ConfigErrors::whole(path.display().to_string(), message, Some(HINT)));
    }
    let found = places.iter().map(PathBuf::from).find_map(|path| match closed(&path) {
        Some(denied) => Some(Err(denied)),
        None => path.exists().then_some(Ok(path)),
    });
    found.unwrap_or_else(|| {
        let looked = places.iter().map(|place| format!("`{place}`")).collect::<Vec<_>>().join(" and ");
        Err(ConfigErrors::whole("jeton.toml", format!("no configuration: looked for {looked}"), Some(HINT)))
    })
}

/// That a configuration lies where whoever asks may not read.
fn closed(path: &Path) -> Option<ConfigErrors> {
    let why = denied(path, Right::Read)?;
    Some(ConfigErrors::whole(path.display().to_string(), format!("permission denied: {why}"), None))
}

/// What reading traces needs of a configuration. With [`Default`] a log can be looked at on a machine that has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceSettings {
    /// The zone whose midnights cut sessions.
    pub timezone: Tz,
    /// The language of weekdays.
    pub language: Language,
    /// The licence's name.
    pub licence: Arc<str>,
    /// The licence server's own address, never a candidate of attribution, where it is known.
    pub server: Option<IpAddr>,
    /// The vendor daemon's TCP port.
    pub port: u16,
    /// The licensed feature whose tokens make sessions; all where absent.
    pub feature: Option<String>,
    /// How many tokens there are, where it is known.
    pub seats: Option<SeatCounts>,
    /// Which checkouts share a token, where no licence file says it.
    pub duplicates: Option<Duplicates>,
    /// Addresses that many machines share: attributed, but no machine.
    pub shared_addresses: Vec<IpAddr>,
    /// An open session unseen for longer is presumed ended.
    pub stale_after: Duration,
}

/// The name of the licence that `[origin]` describes.
pub const ORIGIN: &str = "origin";

/// The zone that `$TZ` names, else the machine's own, where it says.
pub fn own_zone() -> Option<Tz> {
    let asked = std::env::var("TZ").ok().and_then(|name| name.trim_start_matches(':').parse().ok());
    asked.or_else(|| iana_time_zone::get_timezone().ok().and_then(|name| name.parse().ok()))
}

impl Default for TraceSettings {
    /// The zone of `$TZ`, else the machine's own (UTC where it does not say), and the design's port and patience.
    fn default() -> Self {
        Self {
            timezone: own_zone().unwrap_or(Tz::UTC),
            language: Language::default(),
            licence: ORIGIN.into(),
            server: None,
            port: 60213,
            feature: None,
            seats: None,
            duplicates: None,
            shared_addresses: Vec::new(),
            stale_after: Duration::from_secs(21_600),
        }
    }
}

impl From<&Config> for TraceSettings {
    fn from(config: &Config) -> Self {
        Self::of(&config.site, &config.origin, config.output.stale_after)
    }
}

impl TraceSettings {
    /// The most tokens that the configuration ever gives the laboratory.
    pub fn most_seats(&self) -> Option<u32> {
        match self.seats.as_ref()? {
            SeatCounts::Now(count) => Some(*count),
            SeatCounts::Dated(counts) => counts.iter().map(|(_, count)| *count).max(),
        }
    }

    pub(super) fn of(site: &Site, origin: &Origin, stale_after: Duration) -> Self {
        Self {
            timezone: site.timezone,
            language: site.language,
            licence: ORIGIN.into(),
            server: Some(origin.address),
            port: origin.port,
            feature: origin.feature.clone(),
            seats: origin.seats.clone(),
            duplicates: origin.duplicates,
            shared_addresses: origin.shared_addresses.clone(),
            stale_after,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_comes_before_the_variable_before_the_places() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two, three] = ["1.toml", "2.toml", "3.toml"].map(|name| folder.path().join(name));
        for path in [&one, &two, &three] {
            fs_err::write(path, "").unwrap();
        }
        let place = three.to_str().unwrap();
        let found = |explicit, variable: Option<&Path>| {
            find_among(explicit, variable.map(|path| path.as_os_str().to_owned()), &["/nowhere/jeton.toml", place])
                .unwrap()
        };
        assert_eq!(found(Some(&one), Some(&two)), one);
        assert_eq!(found(None, Some(&two)), two);
        assert_eq!(found(None, Some(Path::new(""))), three);
        assert_eq!(found(None, None), three);
    }

    #[test]
    fn a_named_file_that_is_not_there_is_never_replaced_by_another() {
        let error = find_among(Some(Path::new("/nowhere/x.toml")), None, &["Cargo.toml"]).unwrap_err();
        assert!(error.to_string().contains("/nowhere/x.toml"), "{error}");
        let error = find_among(None, Some("/nowhere/y.toml".into()), &["Cargo.toml"]).unwrap_err();
        assert!(error.to_string().contains("$JETON_CONFIG"), "{error}");
    }

    #[test]
    fn where_there_is_none_the_error_says_where_it_looked_and_what_writes_one() {
        let error = find_among(None, None, &["/nowhere/a", "/nowhere/b"]).unwrap_err().to_string();
        for part in ["`/nowhere/a`", "`/nowhere/b`", "jeton init", "--config"] {
            assert!(error.contains(part), "{error}");
        }
    }
}
