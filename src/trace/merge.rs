//! What several readings saw of one pair, put together: each token once, as well as it is known.
//!
//! The result depends on the set of observations alone, not on the order in which they were made. A line that tells an end
//! is not taken back by a reading that did not see it; what nobody saw the end of is as the reading that looked last says.
//! Observations of one token meet in its connection: a copy of the log that ends while a token is out, and one that begins
//! while it is, show the same client's port.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

use super::observed::{Beginning, LifeSeen, ReturnSeen, TokenSeen, View};
use super::sessions::Share;
use crate::model::State;
use crate::parse::logwatch::Peer;

/// What is known beside the tokens of a pair.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The connections that the edges of logs cut, by their peer.
    pub lives: &'a BTreeMap<Peer, Vec<LifeSeen>>,
    /// The last moment of which every connection is known.
    pub watched_until: Option<DateTime<Utc>>,
    /// The newest moment that jeton knows of.
    pub latest: DateTime<Utc>,
    /// How long an open token may be unseen.
    pub stale_after: Duration,
}

/// A token as well as it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// The licensed feature.
    pub feature: String,
    /// How many licences.
    pub licences: u32,
    /// What a session depends on.
    pub share: Share,
}

/// How far apart a token's line and the block that first shows its connection can be.
const AT_ONCE: Duration = Duration::seconds(60);
/// How far apart a line and the block that shows it are.
const SAME_MOMENT: Duration = Duration::seconds(2);
/// `lmstat` has minutes, and logs have seconds.
const MINUTE: Duration = Duration::seconds(90);

/// The better of two views of one token.
fn better(a: View, a_has_peer: bool, b: View, b_has_peer: bool) -> View {
    let rank = |view: &View, has_peer: bool| {
        let as_of = if view.is_final() { DateTime::<Utc>::MAX_UTC } else { view.as_of };
        let state = match view.state {
            State::Open => 0,
            State::Presumed | State::Closed => 1,
            State::Expired => 2,
        };
        (view.is_final(), view.is_final() && has_peer, as_of, view.end, state, view.sign, view.as_of)
    };
    if rank(&b, b_has_peer) > rank(&a, a_has_peer) { b } else { a }
}

/// Takes in what another reading saw of a token: the same pair, feature, beginning and ordinal.
fn learn(known: &mut TokenSeen, other: &TokenSeen) {
    known.view = better(known.view, known.peer.is_some(), other.view, other.peer.is_some());
    known.licences = known.licences.max(other.licences);
    let strength =
        |token: &TokenSeen| token.address.map(|(ip, evidence)| (evidence, token.peer.is_some(), Reverse(ip)));
    if strength(other) > strength(known) {
        known.address = other.address;
    }
    // A connection that two readings name otherwise is settled by its number, for want of anything better.
    known.peer = match (known.peer, other.peer) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
}

/// What several readings saw of the same beginning, put together.
fn by_beginning(mut seen: Vec<TokenSeen>) -> Vec<TokenSeen> {
    let key = |token: &TokenSeen| (token.start, token.beginning, token.ordinal);
    seen.sort_by_key(|token| (key(token), token.peer));
    seen.dedup_by(|other, known| {
        // Of those that no line tells, the connection is what they are known by.
        let is_same = key(other) == key(known) && (known.beginning == Beginning::Told || other.peer == known.peer);
        if is_same {
            learn(known, other);
        }
        is_same
    });
    seen
}

/// The tokens of one pair from all that was seen of them, with the number of the reading that saw each.
pub fn tokens(seen: &[(i64, TokenSeen)], returns: &[ReturnSeen], context: &Context<'_>) -> Vec<Token> {
    let mut by_feature: BTreeMap<&str, Vec<TokenSeen>> = BTreeMap::new();
    for (_, token) in seen {
        by_feature.entry(&token.feature).or_default().push(token.clone());
    }
    let mut tokens = Vec::new();
    for (feature, own) in by_feature {
        let mut merging = Merging { context, tokens: Vec::new() };
        merging.take(by_beginning(own));
        merging.drop_doubled(&lines(seen.iter().filter(|(_, token)| token.feature == feature)));
        merging.give_back(returns.iter().filter(|back| back.feature == feature).map(|back| back.at));
        merging.follow();
        tokens.extend(merging.tokens.into_iter().map(TokenSeen::into));
    }
    tokens
}

impl From<TokenSeen> for Token {
    fn from(seen: TokenSeen) -> Self {
        let TokenSeen { feature, licences, start, view, address, .. } = seen;
        Self { feature, licences, share: Share { start, end: view.end.max(start), state: view.state, address } }
    }
}

/// How many tokens were given back at each moment: as many as the reading that knows most of them saw.
fn lines<'a>(seen: impl Iterator<Item = &'a (i64, TokenSeen)>) -> BTreeMap<DateTime<Utc>, usize> {
    let mut by_reading: BTreeMap<(DateTime<Utc>, i64), usize> = BTreeMap::new();
    for (reading, token) in seen.filter(|(_, token)| token.view.is_final()) {
        *by_reading.entry((token.view.end, *reading)).or_default() += 1;
    }
    let mut lines = BTreeMap::new();
    for ((end, _), n) in by_reading {
        let most: &mut usize = lines.entry(end).or_default();
        *most = n.max(*most);
    }
    lines
}

struct Merging<'a> {
    context: &'a Context<'a>,
    tokens: Vec<TokenSeen>,
}

impl Merging<'_> {
    /// Best beginnings first: what is known less well is a token of its own only if none of them is it.
    fn take(&mut self, seen: Vec<TokenSeen>) {
        let (told, other): (Vec<_>, Vec<_>) = seen.into_iter().partition(|one| one.beginning == Beginning::Told);
        self.tokens = told;
        let (listed, cut): (Vec<_>, Vec<_>) = other.into_iter().partition(|one| one.beginning == Beginning::Listed);
        let mut taken = vec![false; self.tokens.len()];
        for mut one in cut {
            self.reach_back(&mut one);
            if let Some(own) = self.tokens.iter_mut().find(|own| is_same_connection(own, &one)) {
                own.view = better(own.view, own.peer.is_some(), one.view, one.peer.is_some());
                // Its end can say more surely whose the connection was than its beginning.
                let strength = |token: &TokenSeen| token.address.map(|(_, evidence)| evidence);
                if strength(&one) > strength(own) {
                    own.address = one.address;
                }
                own.start = own.start.min(if own.beginning == Beginning::Told { own.start } else { one.start });
            } else if let Some(at) = self.same_end(&one, &taken) {
                taken[at] |= one.start < one.view.end;
                if one.address.map(|address| address.1) > self.tokens[at].address.map(|address| address.1) {
                    self.tokens[at].address = one.address;
                }
            } else {
                self.tokens.push(one);
                taken.push(true);
            }
        }
        let mut completed = vec![false; self.tokens.len()];
        for one in listed {
            let view = one.view;
            let same = |own: &TokenSeen| (own.start - one.start).abs() <= MINUTE && own.view.end >= view.end;
            if self.tokens.iter().any(same) {
                continue;
            }
            let older = |own: &TokenSeen| {
                own.beginning == Beginning::Before
                    && (one.start..=view.as_of).contains(&own.start)
                    && own.view.end >= view.end
            };
            let at = (0..completed.len()).find(|&at| !completed[at] && older(&self.tokens[at]));
            match at {
                Some(at) => {
                    completed[at] = true;
                    self.tokens[at].start = one.start;
                }
                None => self.tokens.push(one),
            }
        }
    }

    /// The beginning of a token whose connection an earlier log shows from before its own log began.
    fn reach_back(&self, one: &mut TokenSeen) {
        let lives = one.peer.and_then(|peer| self.context.lives.get(&peer));
        if one.beginning != Beginning::Before {
            return;
        }
        for life in lives.into_iter().flatten().rev() {
            if life.first < one.start && life.last >= one.start - self.context.stale_after {
                one.start = life.first;
            }
        }
    }

    /// A token that ended with the same line, and of which no connection is known that would tell it from this one; nor is
    /// there any of one whose log began with that line.
    fn same_end(&self, one: &TokenSeen, taken: &[bool]) -> Option<usize> {
        let is_end_alone = one.start == one.view.end;
        let fits = |at: usize| {
            let own = &self.tokens[at];
            let is_same = own.view.is_final() && own.view.end == one.view.end && own.start <= one.start;
            is_same && (is_end_alone || own.peer.is_none() && !taken[at])
        };
        (0..self.tokens.len()).find(|&at| one.view.is_final() && fits(at))
    }

    /// Two readings can take one line that gives a token back for the end of different connections: whoever saw the token
    /// taken is right.
    fn drop_doubled(&mut self, lines: &BTreeMap<DateTime<Utc>, usize>) {
        let mut left = lines.clone();
        self.tokens.sort_by_key(|own| (own.beginning, own.start, own.ordinal, own.peer));
        self.tokens.retain(|own| {
            let n_left = left.get_mut(&own.view.end).filter(|_| own.view.is_final());
            let is_one = n_left.as_ref().is_none_or(|n| **n > 0) || own.beginning == Beginning::Told;
            if let Some(n) = n_left {
                *n = n.saturating_sub(1);
            }
            is_one
        });
    }

    /// A token given back in a log that did not show it taken ends the newest that was still out when an earlier log ended.
    fn give_back(&mut self, returns: impl Iterator<Item = DateTime<Utc>>) {
        let mut returns: Vec<_> = returns.collect();
        returns.sort_unstable();
        for at in returns {
            let is_out = |own: &&mut TokenSeen| {
                own.peer.is_none() && !own.view.is_final() && own.view.as_of < at && own.start <= at
            };
            if let Some(own) = self.tokens.iter_mut().filter(is_out).max_by_key(|own| (own.start, own.ordinal)) {
                own.view = View { end: at, state: State::Closed, sign: at, as_of: at };
            }
        }
    }

    /// What became of those that nobody saw given back.
    fn follow(&mut self) {
        let Context { lives, watched_until, latest, stale_after } = *self.context;
        for own in self.tokens.iter_mut().filter(|own| own.view.state == State::Closed) {
            let lives = own.peer.and_then(|peer| lives.get(&peer)).into_iter().flatten();
            let mut silent = lives.filter_map(|life| life.silent);
            // Another log shows that it was taken back from a silent client.
            if silent.any(|at| (at - own.view.end).abs() <= SAME_MOMENT) {
                own.view.state = State::Expired;
            }
        }
        for own in self.tokens.iter_mut().filter(|own| !own.view.is_final()) {
            for life in own.peer.and_then(|peer| lives.get(&peer)).into_iter().flatten() {
                let view = own.view;
                if life.first <= view.as_of + stale_after && life.first >= own.start && life.last > view.as_of {
                    let state = if life.is_gone { State::Presumed } else { State::Open };
                    own.view = View { end: life.last, state, sign: life.last, as_of: life.last };
                }
            }
            let view = &mut own.view;
            if view.state != State::Open {
                continue;
            }
            if own.peer.is_some() && watched_until.is_some_and(|until| until > view.as_of) {
                // Whoever watched since did not see its connection.
                view.state = State::Presumed;
            } else if latest - view.sign > stale_after {
                (view.end, view.state) = (view.sign, State::Presumed);
            }
        }
    }
}

/// Whether two observations are of one connection's token: the same client's port, at times that touch.
fn is_same_connection(own: &TokenSeen, cut: &TokenSeen) -> bool {
    if own.peer.is_none() || own.peer != cut.peer || own.beginning == Beginning::Listed {
        return false;
    }
    let touches = own.start <= cut.view.end + AT_ONCE && own.view.end >= cut.start - AT_ONCE;
    // One log ended while it was out, and another began while it was.
    let goes_on = cut.beginning == Beginning::Before && !own.view.is_final() && own.start <= cut.view.end;
    let begins_before = own.start <= cut.start + AT_ONCE || cut.beginning == Beginning::Before;
    begins_before && (touches || goes_on)
}
