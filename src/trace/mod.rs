//! Who used which address when, and on what evidence: pure, from parsed traces to sessions.
//!
//! In the order in which a night passes through them:
//!
//! - [`watch`]: blocks of the logwatch into moments and connections with their lives;
//! - [`tokens`]: the logwatch's lines and the debug log's into one list of tokens, each tied to a moment;
//! - [`attribute`]: every token that is taken to one connection, hence to one address;
//! - [`holds`]: every token that is given back to one that was taken; what was lost is inferred from connections;
//! - [`sessions`]: overlapping holds of one pair into sessions, sessions into days;
//! - [`days`]: the addresses of each pair and day; [`explain`]: the lines that speak for and against each;
//! - [`seats`]: how many tokens were out at once;
//! - [`observed`]: what a memory keeps of all this; [`merge`]: several readings put together; [`union`]: several parts of
//!   one log.

pub mod attribute;
pub mod days;
pub mod explain;
pub mod holds;
pub mod merge;
pub mod observed;
pub mod seats;
pub mod sessions;
#[cfg(test)]
mod tests;
pub mod tokens;
pub mod union;
pub mod watch;

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::config::TraceSettings;
use crate::finding::Finding;
use crate::model::{Denial, Hold};
use crate::parse::flexnet::DebugLog;
use crate::parse::lmstat::Lmstat;

pub use days::UserDay;
pub use observed::Observed;
pub use sessions::{Piece, Session};
pub use tokens::{Origin, Token};
pub use watch::{Watch, Watcher};

/// The traces of one licence server.
#[derive(Debug, Default)]
pub struct Traces {
    /// What the logwatch showed.
    pub watch: Option<Watch>,
    /// The debug log.
    pub debug_log: Option<DebugLog>,
    /// The tokens that are out now.
    pub lmstat: Option<Lmstat>,
}

impl Traces {
    /// The newest moment that any trace names: the `now` of a night that is played again.
    pub fn newest(&self, zone: Tz) -> Option<DateTime<Utc>> {
        let watch = self.watch.as_ref().and_then(Watch::last_moment);
        let log = self.debug_log.as_ref().and_then(|log| log.last);
        let lmstat = self.lmstat.as_ref().and_then(|lmstat| lmstat.at);
        let lmstat = lmstat.map(|at| crate::parse::datetime::civil_moment(at, zone, watch.or(log)));
        watch.into_iter().chain(log).chain(lmstat).max()
    }
}

/// What the traces say.
#[derive(Debug, Default)]
pub struct Analysis {
    /// Every token event, of every feature, in the order of time.
    pub tokens: Vec<Token>,
    /// The tokens of the site's feature from their `OUT` to their end.
    pub holds: Vec<Hold>,
    /// The refusals of the site's feature.
    pub denials: Vec<Denial>,
    /// The sessions in the order of their start.
    pub sessions: Vec<Session>,
    /// The addresses of each pair and day, in the order of day, login, host and address.
    pub days: Vec<UserDay>,
    /// What looks wrong in the traces.
    pub findings: Vec<Finding>,
    /// The events and what became of them, for explanations.
    pub list: tokens::List,
    /// Every token from its beginning to its end, for explanations.
    pub held: holds::Held,
}

/// Works out who sat where, and how long.
///
/// `name_of` gives the DHCP name of an address, where the DHCP files are at hand; `now` is the moment of the run.
pub fn analyse(
    traces: &Traces,
    settings: &TraceSettings,
    now: DateTime<Utc>,
    name_of: &dyn Fn(IpAddr) -> Option<String>,
) -> Analysis {
    let empty = Watch::default();
    let watch = traces.watch.as_ref().unwrap_or(&empty);
    let mut findings = Vec::new();
    let mut list = tokens::merge(watch, traces.debug_log.as_ref(), &mut findings);
    for one in traces.lmstat.iter().flat_map(|lmstat| &lmstat.uses) {
        list.pair(&one.who);
    }
    let attribution = attribute::attribute(watch, &list, name_of);
    let lmstat = traces.lmstat.as_ref();
    let held = holds::follow(watch, &list, &attribution, lmstat, settings, now, &mut findings);
    let wanted = |feature: &str| settings.feature.as_deref().is_none_or(|only| only == feature);
    let sessions = sessions::join(&list, &held, &wanted);
    let days = days::addresses(&list, &held, settings.timezone, &wanted);
    Analysis {
        tokens: tokens::events(&list, &held),
        holds: holds::records(&list, &held, &wanted),
        denials: tokens::denials(&list, &wanted),
        sessions,
        days,
        findings,
        list,
        held,
    }
}
