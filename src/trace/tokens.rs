//! Token events, each tied to a moment of the logwatch; `align` makes one list of both logs, and `gaps` fills
//! what the debug log lost.

#![expect(clippy::cast_possible_truncation, reason = "indices are u32 to halve the memory: no log has 2^32 blocks")]

mod align;
mod gaps;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::Span;
use super::attribute::BURST;
use super::holds::Held;
use super::watch::{ConnectionId, MomentId, Watch};
use crate::finding::Files;
use crate::model::{Denial, Feature, Identity, Machine};
use crate::parse::flexnet::{TokenKind, What};

pub(super) use align::{Sources, merge};

/// An index into [`List::pairs`].
pub type PairId = u32;

/// Where a token event is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A block of the logwatch.
    Logwatch,
    /// The debug log.
    DebugLog,
    /// `lmstat -a`.
    Lmstat,
    /// No line: connections show that it must have been.
    Inferred,
}

impl Origin {
    /// The stable name in the column `source`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logwatch => "logwatch",
            Self::DebugLog => "debug_log",
            Self::Lmstat => "lmstat",
            Self::Inferred => "inferred",
        }
    }
}

/// One row of `tokens`.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub kind: TokenKind,
    /// The licensed feature.
    pub feature: Arc<str>,
    /// Whose.
    pub who: Identity,
    /// How many licences.
    pub licences: u32,
    /// Known from where.
    pub origin: Origin,
    /// Of a denial: whether it cost somebody time.
    pub verdict: Option<bool>,
}

/// Something that happened at the licence server.
#[derive(Debug, Clone)]
pub struct Event {
    /// When.
    pub at: DateTime<Utc>,
    /// The block that showed it, or the first snapshot after it.
    pub moment: Option<MomentId>,
    /// The line in its file.
    pub line: u32,
    /// Known from where.
    pub origin: Origin,
    /// What.
    pub what: EventKind,
}

/// What an [`Event`] is.
#[derive(Debug, Clone)]
pub enum EventKind {
    /// A token moved, or failed to.
    Token {
        /// How.
        kind: TokenKind,
        /// The licensed feature.
        feature: Arc<str>,
        /// Whose.
        pair: PairId,
        /// How many licences.
        licences: u32,
        /// Taken back from a silent client.
        inactive: bool,
        /// Shown before with the same clock: a token of its own only if a connection came or went with it.
        repeated: bool,
    },
    /// The daemons start: what was out is not any more. With the moment of the debug log's line before.
    Started(Option<DateTime<Utc>>),
    /// The daemons end, or this one does.
    Stopped(Option<Arc<str>>),
    /// `lmstat` lists what is out, by its index among the answers.
    Listed(usize),
}

/// All events in their order, and the pairs that they name.
#[derive(Debug, Default)]
pub struct List {
    /// The events.
    pub events: Vec<Event>,
    /// The pairs, by [`PairId`].
    pub pairs: Vec<Identity>,
    /// The moments that show a line again: while their blocks were written, another line was, and is lost.
    pub bursts: HashSet<MomentId>,
    /// The files of the debug log, as findings cite them.
    pub log_files: Files,
    /// The stretches of time of which every line is known, as the debug log has them all, but for its gaps.
    pub complete: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    /// Times in which the debug log lacks lines that the logwatch shows, in their order.
    gaps: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    index: HashMap<Identity, PairId>,
    /// The connections of tokens that were out before the list begins, with whose they are, and of which feature.
    pub carried: Vec<(ConnectionId, PairId, Arc<str>)>,
    /// The daemons that give out each feature.
    pub daemons: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// How many tokens at once a line is believed.
    most: u32,
    /// The lines that say more.
    beyond: Vec<(DateTime<Utc>, Origin, u32, u32)>,
}

impl List {
    /// How many tokens a line is believed that says so many: one, where there are not so many.
    pub(super) const fn believed(&self, licences: u32) -> u32 {
        if licences > self.most { 1 } else { licences }
    }

    /// The pair's index, a new one where it was not known.
    pub fn pair(&mut self, who: &Identity) -> PairId {
        if let Some(&known) = self.index.get(who) {
            return known;
        }
        let new = self.pairs.len() as PairId;
        self.pairs.push(who.clone());
        self.index.insert(who.clone(), new);
        new
    }

    /// The pair's index, if it was named.
    pub fn find_pair(&self, who: &Identity) -> Option<PairId> {
        self.index.get(who).copied()
    }

    /// Whether every line of that time is known.
    pub fn is_complete(&self, at: DateTime<Utc>) -> bool {
        let is_within = |(first, last): (DateTime<Utc>, DateTime<Utc>)| first <= at && at <= last;
        let before = self.gaps.partition_point(|gap| gap.0 <= at);
        self.is_covered(at) && !self.gaps[..before].last().copied().is_some_and(is_within)
    }

    /// Whether the debug log covers that time, with gaps or without.
    pub fn is_covered(&self, at: DateTime<Utc>) -> bool {
        let before = self.complete.partition_point(|stretch| stretch.0 <= at);
        before.checked_sub(1).is_some_and(|index| at <= self.complete[index].1)
    }

    /// Whether a line was lost while a moment's block was written, or one just before or after it.
    pub(super) fn is_in_burst(&self, watch: &Watch, moment: MomentId) -> bool {
        let at = watch.moment(moment).at;
        let near = |m: &MomentId| watch.moments.get(*m as usize).is_some_and(|m| (m.at - at).abs() <= BURST);
        (moment.saturating_sub(1)..=moment + 1).filter(near).any(|m| self.bursts.contains(&m))
    }

    fn push(
        &mut self,
        at: DateTime<Utc>,
        moment: Option<MomentId>,
        line: u32,
        origin: Origin,
        what: &What,
        repeated: bool,
    ) {
        let what = match what {
            What::Started(before) => EventKind::Started(*before),
            What::Stopped(daemon) => EventKind::Stopped(daemon.clone()),
            What::Token { kind, feature, who, licences, inactive, daemon } => {
                if !self.daemons.get(feature).is_some_and(|known| known.contains(daemon)) {
                    self.daemons.entry(Arc::clone(feature)).or_default().insert(Arc::clone(daemon));
                }
                if *licences > self.most {
                    self.beyond.push((at, origin, line, *licences));
                }
                EventKind::Token {
                    kind: *kind,
                    feature: Arc::clone(feature),
                    pair: self.pair(who),
                    licences: self.believed(*licences),
                    inactive: *inactive,
                    repeated,
                }
            }
        };
        self.events.push(Event { at, moment, line, origin, what });
    }
}

/// How soon after its refusal a token must come for the refusal to be false.
const SECOND_THOUGHT: Duration = Duration::seconds(2);

/// Whether each event is a denial that cost somebody time: false where the same pair got its token within a second or two.
fn verdicts(list: &List) -> impl Iterator<Item = (&Event, Option<bool>)> {
    list.events.iter().enumerate().map(|(index, event)| {
        let EventKind::Token { kind: TokenKind::Denied, feature, pair, repeated: false, .. } = &event.what else {
            return (event, None);
        };
        let granted = list.events[index + 1..].iter().take_while(|later| later.at - event.at <= SECOND_THOUGHT).any(|later| {
            matches!(&later.what, EventKind::Token { kind: TokenKind::Out, feature: f, pair: p, .. } if f == feature && p == pair)
        });
        // The clock has seconds: an OUT of the same second can stand before the line in a list sorted by time.
        let before = list.events[..index].iter().rev().take_while(|earlier| earlier.at == event.at).any(|earlier| {
            earlier.origin == event.origin
                && earlier.line > event.line
                && matches!(&earlier.what, EventKind::Token { kind: TokenKind::Out, feature: f, pair: p, .. } if f == feature && p == pair)
        });
        (event, Some(!(granted || before)))
    })
}

/// The rows of `tokens`: the lines that are tokens of their own, and what was inferred, in the order of time.
pub(super) fn events(list: &List, held: &Held, span: &Span) -> Vec<Token> {
    let from_lines = verdicts(list).enumerate().filter_map(|(index, (event, verdict))| match &event.what {
        EventKind::Token { kind, feature, pair, licences, repeated, .. }
            if span.contains(event.at) && (!repeated || held.counted_repeats.contains(&index)) =>
        {
            Some(Token {
                at: event.at,
                kind: *kind,
                feature: Arc::clone(feature),
                who: list.pairs[*pair as usize].clone(),
                licences: *licences,
                origin: event.origin,
                verdict,
            })
        }
        _ => None,
    });
    let mut tokens: Vec<Token> = from_lines.chain(held.inferred_tokens(list)).collect();
    tokens.sort_by_key(|token| token.at);
    tokens
}

/// The refusals of a stretch.
pub(super) fn denials(list: &List, span: &Span, licence: &str) -> Vec<Denial> {
    verdicts(list)
        .filter_map(|(event, verdict)| match &event.what {
            EventKind::Token { feature, pair, .. } if span.contains(event.at) => Some(Denial {
                at: event.at,
                who: list.pairs[*pair as usize].clone(),
                feature: Feature::new(licence, feature),
                real: verdict?,
                ip: None,
                machine: Machine::default(),
            }),
            _ => None,
        })
        .collect()
}
