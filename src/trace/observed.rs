//! What one reading of the traces saw, token by token: what a memory keeps of it.
//!
//! A log is seldom whole. A copy ends while tokens are out; a rotated one begins while they are. So an observation says not
//! only what it saw, but how it knows: a beginning that a line tells, or a connection that was there when the log began. Two
//! readings of the same token can then be told to be one, and each can complete the other; [`merge`](super::merge) does.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::holds::{Address, Holding};
use super::tokens::{EventKind, Origin};
use super::watch::Watch;
use super::{Analysis, Traces};
use crate::model::{Denial, Identity, State};
use crate::parse::flexnet::TokenKind;
use crate::parse::logwatch::Peer;

/// How the beginning of a token is known, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Beginning {
    /// A line tells it.
    Told,
    /// Its line is lost; its connection appeared then.
    Appeared,
    /// `lmstat` lists it, to the minute.
    Listed,
    /// Its connection was there when the log began: it is no later than that.
    Before,
}

impl Beginning {
    /// All of them, best first.
    pub const ALL: [Self; 4] = [Self::Told, Self::Appeared, Self::Listed, Self::Before];
}

/// A token as one reading saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenSeen {
    /// Whose.
    pub who: Identity,
    /// The licensed feature.
    pub feature: String,
    /// Its beginning.
    pub start: DateTime<Utc>,
    /// What the beginning is known from.
    pub beginning: Beginning,
    /// Which of those of one pair, feature and second it is, from 0.
    pub ordinal: u32,
    /// How many licences.
    pub licences: u32,
    /// How far it was seen.
    pub view: View,
    /// Its connection, where one is known.
    pub peer: Option<Peer>,
    /// Its address, and what ties it to the token.
    pub address: Option<Address>,
}

/// How far a token was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Its end.
    pub end: DateTime<Utc>,
    /// What the end is.
    pub state: State,
    /// Its last sign of life, where it was still out.
    pub sign: DateTime<Utc>,
    /// The end of the traces that were read.
    pub as_of: DateTime<Utc>,
}

impl View {
    /// Whether a line told the end: nothing that is read later makes that untrue.
    pub const fn is_final(&self) -> bool {
        matches!(self.state, State::Closed | State::Expired)
    }
}

/// A token that was given back, of which the reading did not see that it was taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReturnSeen {
    /// Whose.
    pub who: Identity,
    /// The licensed feature.
    pub feature: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A connection that no token of the reading has, and that the edge of the log cuts: it may be that of a token which
/// another log tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifeSeen {
    /// The client's end.
    pub peer: Peer,
    /// The first block that shows it.
    pub first: DateTime<Utc>,
    /// The last one.
    pub last: DateTime<Utc>,
    /// Whether a later block shows it no more.
    pub is_gone: bool,
    /// When the server began to close it on a silent client, where it did.
    pub silent: Option<DateTime<Utc>>,
}

/// What one reading of the traces saw.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// The tokens of the wanted feature.
    pub tokens: Vec<TokenSeen>,
    /// Those given back of which no more is known.
    pub returns: Vec<ReturnSeen>,
    /// The connections that the log's edges cut.
    pub lives: Vec<LifeSeen>,
    /// The refusals.
    pub denials: Vec<Denial>,
    /// The time that the logwatch covers: between its first and its last block every connection was seen.
    pub watched: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The time that the debug log covers.
    pub logged: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The end of the traces.
    pub as_of: Option<DateTime<Utc>>,
}

/// What an analysis saw, of the features that are wanted.
pub fn observe(traces: &Traces, analysis: &Analysis, zone: Tz, wanted: &dyn Fn(&str) -> bool) -> Observed {
    let empty = Watch::default();
    let watch = traces.watch.as_ref().unwrap_or(&empty);
    let Some(as_of) = traces.newest(zone) else { return Observed::default() };
    let covered = watch.moments.first().zip(watch.final_moment());
    Observed {
        tokens: tokens(watch, analysis, as_of, wanted),
        returns: returns(analysis, wanted),
        lives: lives(watch, analysis),
        denials: analysis.denials.clone(),
        watched: covered.map(|(first, last)| (first.at, watch.moment(last).at)),
        logged: analysis.list.complete,
        as_of: Some(as_of),
    }
}

fn tokens(watch: &Watch, analysis: &Analysis, as_of: DateTime<Utc>, wanted: &dyn Fn(&str) -> bool) -> Vec<TokenSeen> {
    let mut ordinals: HashMap<(u32, &str, DateTime<Utc>, Beginning), u32> = HashMap::new();
    let held = &analysis.held;
    let both = held.holdings.iter().zip(&held.addresses).filter(|(holding, _)| wanted(&holding.feature));
    both.map(|(holding, address)| {
        let beginning = beginning(watch, holding);
        let ordinal = ordinals.entry((holding.pair, &holding.feature, holding.start, beginning)).or_default();
        *ordinal += 1;
        TokenSeen {
            who: analysis.list.pairs[holding.pair as usize].clone(),
            feature: holding.feature.to_string(),
            start: holding.start,
            beginning,
            ordinal: *ordinal - 1,
            licences: holding.licences,
            view: View { end: holding.end, state: holding.state, sign: holding.sign, as_of },
            peer: holding.choice.map(|choice| watch.connection(choice.connection).peer),
            address: *address,
        }
    })
    .collect()
}

fn beginning(watch: &Watch, holding: &Holding) -> Beginning {
    match (holding.origin, holding.choice) {
        (Origin::Logwatch | Origin::DebugLog, _) => Beginning::Told,
        (Origin::Lmstat, _) => Beginning::Listed,
        (Origin::Inferred, Some(choice)) if !watch.connection(choice.connection).initial => Beginning::Appeared,
        (Origin::Inferred, _) => Beginning::Before,
    }
}

fn returns(analysis: &Analysis, wanted: &dyn Fn(&str) -> bool) -> Vec<ReturnSeen> {
    let used: HashSet<usize> = analysis.held.holdings.iter().filter_map(|holding| holding.back).collect();
    let events = analysis.list.events.iter().enumerate();
    events
        .filter_map(|(index, event)| match &event.what {
            EventKind::Token { kind: TokenKind::In, feature, pair, repeated: false, .. }
                if !used.contains(&index) && wanted(feature) =>
            {
                let who = analysis.list.pairs[*pair as usize].clone();
                Some(ReturnSeen { who, feature: feature.to_string(), at: event.at })
            }
            _ => None,
        })
        .collect()
}

fn lives(watch: &Watch, analysis: &Analysis) -> Vec<LifeSeen> {
    let owned: HashSet<u32> =
        analysis.held.holdings.iter().filter_map(|holding| holding.choice).map(|choice| choice.connection).collect();
    let mut silent = HashMap::new();
    for signal in watch.signals.iter().filter(|signal| signal.fin_wait) {
        silent.entry(signal.connection).or_insert(watch.moment(signal.moment).at);
    }
    (0..)
        .zip(&watch.connections)
        .filter(|(id, life)| (life.initial || life.gone.is_none()) && !owned.contains(id))
        .map(|(id, life)| LifeSeen {
            peer: life.peer,
            first: watch.moment(life.first).at,
            last: watch.moment(life.last).at,
            is_gone: life.gone.is_some(),
            silent: silent.get(&id).copied(),
        })
        .collect()
}
