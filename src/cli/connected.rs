//! `jeton connected`: who holds a token now, as `lmstat` lists them.

mod live;

use chrono::{DateTime, SecondsFormat};
use chrono_tz::Tz;

use super::arguments::{Common, ConnectedOptions};
use super::rows::Cell;
use super::{Exit, Stop, complain, configured, messages};
use crate::config::{Config, ORIGIN};
use crate::finding::Gap;
use crate::parse::datetime::civil_moment;
use crate::parse::lmstat::{Lmstat, Use};
use crate::pipeline::fetch_lmstat;

const COLUMNS: [&str; 7] = ["login", "host", "since", "minutes", "licences", "server", "handle"];

pub(super) fn run(options: &ConnectedOptions, common: &Common) -> Result<Exit, Stop> {
    let (config, remote) = configured(common)?;
    if options.live {
        return live::run(options, common, &config, remote.as_ref());
    }
    let Some(line) = &config.origin.lmstat else {
        return Err(no_lmstat(&config));
    };
    let mut heard = fetch_lmstat(&config, remote.as_ref(), line);
    let feature = config.origin.feature.as_deref();
    if let (Some(lmstat), Some(feature)) = (&heard.lmstat, feature)
        && !lmstat.covers(feature)
    {
        heard.gaps.push(Gap::new(&config.origin.host, unlisted(feature, lmstat)));
    }
    complain(&messages::findings(&heard.findings, &heard.gaps, common.voice()));
    let lmstat = heard.lmstat.unwrap_or_default();
    let held = held(&lmstat, feature, config.site.timezone);
    let columns = [&COLUMNS[..], &KEYS].concat();
    let rows = held.iter().map(|held| row(held).into_iter().chain(keys(held)).collect());
    options.printing.print(&columns, NOBODY, rows)?;
    Ok(if heard.gaps.is_empty() { Exit::Complete } else { Exit::Gaps })
}

/// Nobody can be asked who holds a token.
fn no_lmstat(config: &Config) -> Stop {
    let file = config.file.display();
    Stop::Usage(format!(
        "error: `[origin] lmstat` is not in `{file}`: nothing tells who holds a token now\n\
         hint: add the command that prints `lmstat -a` on the licence server"
    ))
}

/// A feature that the list does not speak for: that nobody holds a token cannot be said.
fn unlisted(feature: &str, lmstat: &Lmstat) -> String {
    let listed: Vec<String> = lmstat.features.iter().map(|known| format!("`{known}`")).collect();
    let listed = if listed.is_empty() { "none".to_owned() } else { listed.join(", ") };
    format!("lmstat: expected the users of `{feature}` (`[origin] feature`), found those of {listed}")
}

/// A token that is out.
struct Held<'a> {
    found: &'a Use,
    since: DateTime<Tz>,
    minutes: i64,
}

/// The tokens of the feature (of all, where none is named), from the one that has been out for longest.
fn held<'a>(lmstat: &'a Lmstat, feature: Option<&str>, zone: Tz) -> Vec<Held<'a>> {
    let uses = lmstat.uses.iter().filter(|found| feature.is_none_or(|feature| *found.feature == *feature));
    let starts: Vec<_> = uses.map(|found| (found, civil_moment(found.since, zone, None))).collect();
    // In the autumn's repeated hour: it was asked after all that it lists.
    let last = starts.iter().map(|(_, since)| *since).max();
    let asked = lmstat.at.map(|at| civil_moment(at, zone, last));
    let mut held: Vec<Held<'_>> = starts
        .into_iter()
        .map(|(found, since)| Held {
            found,
            since: since.with_timezone(&zone),
            // A client whose clock is ahead has had its token for no time at all.
            minutes: asked.map_or(0, |asked| (asked - since).num_minutes().max(0)),
        })
        .collect();
    held.sort_by(|a, b| (a.since, &a.found.who, a.found.line).cmp(&(b.since, &b.found.who, b.found.line)));
    held
}

/// What is said where no token is out.
const NOBODY: &str = "nobody holds a token";

/// The columns in which every row ends.
const KEYS: [&str; 2] = ["licence", "feature"];

fn keys(held: &Held<'_>) -> [Cell; 2] {
    [ORIGIN.into(), Cell::text(&held.found.feature)]
}

fn row(held: &Held<'_>) -> Vec<Cell> {
    let Held { found, since, minutes } = held;
    vec![
        found.who.login().into(),
        found.who.host().into(),
        since.to_rfc3339_opts(SecondsFormat::Secs, false).into(),
        (*minutes).into(),
        found.licences.into(),
        found.server.as_str().into(),
        found.handle.as_str().into(),
    ]
}
