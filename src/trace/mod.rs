//! Who used which address when, and on what evidence: pure, from parsed traces to sessions.
//!
//! In the order in which a stretch of time passes through them:
//!
//! - [`watch`]: blocks of the logwatch into moments and connections with their lives;
//! - [`tokens`]: the logwatch's lines and the debug log's into one list of tokens, each tied to a moment;
//! - [`attribute`]: every token that is taken to one connection, hence to one address;
//! - [`holds`]: every token that is given back to one that was taken; what was lost is inferred from connections;
//! - [`sessions`]: overlapping holds of one pair into sessions, sessions into days;
//! - [`carry`]: what the next stretch must know of this one;
//! - [`coverage`]: the times that the logs vouch for;
//! - [`days`]: the addresses of each pair and day; [`explain`]: the lines that speak for and against each;
//! - [`seats`]: how many tokens were out at once;
//! - [`refusals`]: how long people waited; [`replay`]: how they would have with more tokens, or fewer;
//! - [`live`]: where those sit that hold a token now.

pub mod attribute;
pub mod carry;
pub mod coverage;
pub mod days;
pub mod explain;
pub mod holds;
pub mod live;
pub mod refusals;
pub mod replay;
pub mod seats;
pub mod sessions;
#[cfg(test)]
mod tests;
pub mod tokens;
pub mod watch;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::config::TraceSettings;
use crate::finding::Finding;
use crate::model::{Denial, Hold};
use crate::parse::datetime::civil_moment;
use crate::parse::flexnet::DebugLog;
use crate::parse::lmstat::Lmstat;

pub use attribute::Naming;
pub use carry::Carry;
pub use coverage::Stretch;
pub use days::UserDay;
pub use sessions::{Piece, Session};
pub use tokens::{Origin, Token};
pub use watch::{Watch, Watcher};

/// The traces of one licence server in a stretch of time and a little beyond it.
#[derive(Debug, Default)]
pub struct Traces {
    /// What the logwatch showed.
    pub watch: Option<Watch>,
    /// The debug log.
    pub debug_log: Option<DebugLog>,
    /// The answers of `lmstat`, in the order of time.
    pub lmstat: Vec<Lmstat>,
}

/// A stretch of time that is derived at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its beginning.
    pub from: DateTime<Utc>,
    /// Its end, excluded: what is later is only looked at.
    pub until: DateTime<Utc>,
    /// The moment as of which the evidence ends, where it ends in this stretch.
    pub as_of: Option<DateTime<Utc>>,
}

impl Span {
    /// All that there is, as of a moment.
    pub const fn all(as_of: DateTime<Utc>) -> Self {
        Self { from: DateTime::<Utc>::MIN_UTC, until: DateTime::<Utc>::MAX_UTC, as_of: Some(as_of) }
    }

    /// Whether a moment is in it.
    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && at < self.until
    }
}

impl Traces {
    /// The newest moment that any trace names: the `now` of a night that is played again.
    pub fn newest(&self, zone: Tz) -> Option<DateTime<Utc>> {
        let watch = self.watch.as_ref().and_then(Watch::last_moment);
        let log = self.debug_log.as_ref().and_then(|log| log.last);
        let lmstat = self.lmstat.iter().filter_map(|lmstat| lmstat.at).max();
        let lmstat = lmstat.map(|at| civil_moment(at, zone, watch.or(log)));
        watch.into_iter().chain(log).chain(lmstat).max()
    }
}

/// A number of licences of a feature, at the moment of an answer of `lmstat`.
pub type Counted = (DateTime<Utc>, Arc<str>, u32);

/// What the traces say of a stretch of time. Of every feature: which one is shown is a question for later.
#[derive(Debug, Default)]
pub struct Analysis {
    /// Every token event, in the order of time.
    pub tokens: Vec<Token>,
    /// The tokens that were given back or ended otherwise, from their `OUT` to their end; and, at the end of all evidence,
    /// those that are out. In the order of their starts.
    pub holds: Vec<Hold>,
    /// The refusals.
    pub denials: Vec<Denial>,
    /// The sessions that are over; and, at the end of all evidence, those that are open. In the order of their starts.
    pub sessions: Vec<Session>,
    /// The features that any line or any answer of `lmstat` names, in the order of their names.
    pub features: Vec<Arc<str>>,
    /// How many licences of each feature there are, by each answer of `lmstat`.
    pub issued: Vec<Counted>,
    /// How many of them are in use, by each answer of `lmstat` whose list is whole.
    pub in_use: Vec<Counted>,
    /// The times that the logs vouch for, and those that they do not.
    pub coverage: Vec<Stretch>,
    /// What looks wrong in the traces.
    pub findings: Vec<Finding>,
    /// What the next stretch must know.
    pub carry: Carry,
    /// The events and what became of them, for explanations.
    pub list: tokens::List,
    /// Every token from its beginning to its end, for explanations.
    pub held: holds::Held,
}

/// Works out who sat where, and how long, in a stretch of time.
///
/// `carry` is what was handed on to it, and what the watch was resumed with; `naming` knows the DHCP names of addresses.
pub fn analyse(traces: &Traces, carry: &Carry, span: &Span, settings: &TraceSettings, naming: Naming<'_>) -> Analysis {
    let empty = Watch::default();
    let watch = traces.watch.as_ref().unwrap_or(&empty);
    let mut findings = Vec::new();
    let listings = listings(traces, settings.timezone);
    let listed: Vec<DateTime<Utc>> = listings.iter().map(|one| one.at).collect();
    let sources =
        tokens::Sources { watch, log: traces.debug_log.as_ref(), listed: &listed, most: most(settings, &listings) };
    let mut list = tokens::merge(&sources, (span.from, span.until), &mut findings);
    for one in &carry.holdings {
        if let Some((connection, _)) = one.connection {
            let pair = list.pair(&one.owner.0);
            list.carried.push((connection, pair, one.owner.1.as_str().into()));
        }
    }
    for who in carry.people().chain(listings.iter().flat_map(|one| one.lmstat.uses.iter().map(|used| &used.who))) {
        list.pair(who);
    }
    for (feature, daemons) in &carry.daemons {
        let known = list.daemons.entry(feature.as_str().into()).or_default();
        known.extend(daemons.iter().map(|daemon| daemon.as_str().into()));
    }
    let mut habits = attribute::Habits::default();
    for (who, ip, n) in carry.known_habits(&list, watch, naming.veil) {
        habits.count(list.pair(&who), ip, f64::from(n));
    }
    let attribution = attribute::attribute(watch, &list, naming, &habits);
    let scene =
        holds::Scene { watch, list: &list, attribution: &attribution, listings: &listings, settings, span, naming };
    let held = holds::follow(&scene, carry, &mut findings);
    let (sessions, shares) = sessions::join(&list, &held, carry, span, &settings.licence);
    let log_offset_s = match &traces.debug_log {
        Some(log) => log.offset.map(|offset| offset.local_minus_utc()),
        None => carry.log_offset_s,
    };
    let habits = held.habits(&list, span);
    let handed_on = Carry { shares, habits, log_offset_s, ..carry::carried(watch, &list, &held, span.until) };
    Analysis {
        tokens: tokens::events(&list, &held, span),
        holds: held.records(&list, span, &settings.licence),
        denials: tokens::denials(&list, span, &settings.licence),
        sessions,
        features: features(&list, &listings),
        issued: counted(&listings, span, |lmstat| lmstat.issued.clone()),
        in_use: counted(&listings, span, Lmstat::in_use_of_whole),
        coverage: coverage::coverage(traces, carry, &list, &held, span),
        findings,
        carry: handed_on,
        list,
        held,
    }
}

fn features(list: &tokens::List, listings: &[holds::Listing<'_>]) -> Vec<Arc<str>> {
    let of_lines = list.events.iter().filter_map(|event| match &event.what {
        tokens::EventKind::Token { feature, .. } => Some(feature),
        _ => None,
    });
    let listed = listings.iter().flat_map(|one| &one.lmstat.features);
    let features: BTreeSet<&Arc<str>> = of_lines.chain(listed).collect();
    features.into_iter().cloned().collect()
}

/// How many tokens at once a line is believed: all that there are, by the configuration and by `lmstat`.
fn most(settings: &TraceSettings, listings: &[holds::Listing<'_>]) -> u32 {
    let issued = listings.iter().flat_map(|one| one.lmstat.issued.iter().map(|(_, count)| *count));
    let known = issued.filter(|count| *count <= MOST_LICENCES).chain(settings.most_seats()).max();
    known.unwrap_or(MOST_LICENCES)
}

/// No laboratory has more tokens.
const MOST_LICENCES: u32 = 10_000;

/// What the answers of a stretch count.
fn counted(listings: &[holds::Listing<'_>], span: &Span, of: impl Fn(&Lmstat) -> Vec<(Arc<str>, u32)>) -> Vec<Counted> {
    let own = listings.iter().filter(|one| span.contains(one.at));
    own.flat_map(|one| of(one.lmstat).into_iter().map(|(feature, count)| (one.at, feature, count))).collect()
}

/// The answers of `lmstat` with their moments, in the order of time.
fn listings(traces: &Traces, zone: Tz) -> Vec<holds::Listing<'_>> {
    let dated = traces.lmstat.iter().filter_map(|lmstat| {
        let at = civil_moment(lmstat.at?, zone, None);
        Some(holds::Listing { at, lmstat })
    });
    let mut listings: Vec<_> = dated.collect();
    listings.sort_by_key(|one| one.at);
    listings
}
