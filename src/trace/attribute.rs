//! Every token that is taken to one connection, hence to one address.
//!
//! A client opens a connection for each token: with its `OUT` one connection is new and carries the server's answer, with
//! its `IN` that connection is gone or closing. Mostly a moment has one new connection and one `OUT`, and all is said.
//! Where it has several, the scores below weigh what each connection has for and against it, as logarithms of odds:
//! bytes in flight, whether it ends with an `IN` of the same pair, how often the pair was at that address and the address
//! the pair's. The last two are counted from the answers themselves, so the whole is done several times over.
//!
//! Within one moment no connection is given to two tokens.
//!
//! Where `jeton collect` wrote the logwatch, a token's own block has its connection: no later one is looked at, and an
//! earlier one only if it went to nobody yet.

#![expect(clippy::cast_possible_truncation, reason = "indices are u32 to halve the memory: no log has 2^32 blocks")]
#![expect(clippy::cast_sign_loss, reason = "counts of tokens are never negative")]

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use foldhash::{HashMap, HashSet};

use super::tokens::{Event, EventKind, List, PairId};
use super::watch::{ConnectionId, MomentId, WATCHED, Watch};
use crate::model::Evidence;
use crate::parse::flexnet::TokenKind;
use crate::privacy::Veil;

/// What DHCP names machines at a moment.
#[derive(Clone, Copy)]
pub struct Naming<'a> {
    /// The name of an address, where one is known.
    pub name: &'a dyn Fn(IpAddr, DateTime<Utc>) -> Option<String>,
    /// The address of a [short name](short_name), where exactly one has it.
    pub address: &'a dyn Fn(&str, DateTime<Utc>) -> Option<IpAddr>,
    /// What turns names into pseudonyms, where what is handed on from before the horizon bears such.
    pub veil: Option<&'a Veil>,
}

impl Naming<'_> {
    /// Of a network without DHCP files.
    pub const NONE: Naming<'static> = Naming { name: &|_, _| None, address: &|_, _| None, veil: None };
}

/// The connection of a token, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The connection.
    pub connection: ConnectionId,
    /// What ties it to the token.
    pub evidence: Evidence,
}

/// Which token went to which connection.
#[derive(Debug, Default)]
pub struct Attribution {
    /// By the index of the event; `None` for what is no `OUT` and for those that no connection is known of.
    pub choices: Vec<Option<Choice>>,
    /// How often pairs were at addresses.
    pub habits: Habits,
    /// The same of tokens alone that were taken while somebody watched: what was guessed of others proves nothing.
    firm: Habits,
}

/// How often pairs were at addresses, counted over tokens: whole ones where each has its connection, parts of one where that
/// is still to be found out.
#[derive(Debug, Default, Clone)]
pub struct Habits {
    both: HashMap<(PairId, IpAddr), f64>,
    pairs: HashMap<PairId, f64>,
    addresses: HashMap<IpAddr, f64>,
}

impl Habits {
    /// Counts a token, or a part of one.
    pub(super) fn count(&mut self, pair: PairId, ip: IpAddr, part: f64) {
        *self.both.entry((pair, ip)).or_default() += part;
        *self.pairs.entry(pair).or_default() += part;
        *self.addresses.entry(ip).or_default() += part;
    }

    /// Whether any token of the pair has an address.
    fn knows(&self, pair: PairId) -> bool {
        self.pairs.contains_key(&pair)
    }

    /// Whether any token was taken from there.
    fn is_used(&self, ip: IpAddr) -> bool {
        self.addresses.contains_key(&ip)
    }

    /// How many of the pair's tokens were taken from there.
    pub fn tokens(&self, pair: PairId, ip: IpAddr) -> u32 {
        self.both.get(&(pair, ip)).copied().unwrap_or_default() as u32
    }

    /// For each pair, the address of nearly all of its tokens, if it has enough of them for a habit.
    pub fn homes(&self) -> HashMap<PairId, IpAddr> {
        const ENOUGH: f64 = 3.0;
        const NEARLY_ALL: f64 = 0.9;
        let is_home = |pair: &PairId, n: f64| {
            let all = self.pairs.get(pair).copied().unwrap_or_default();
            all >= ENOUGH && n >= NEARLY_ALL * all
        };
        // Nearly all are more than half: there is one such address at most.
        self.both.iter().filter(|((pair, _), n)| is_home(pair, **n)).map(|((pair, ip), _)| (*pair, *ip)).collect()
    }

    /// The odds that a token of this pair comes from this address rather than from any: negative where neither is used to
    /// the other. `own` is the token's own contribution to the counts, 0 or 1.
    pub fn odds(&self, pair: PairId, ip: IpAddr, own: u32) -> f64 {
        let count = |n: Option<&f64>| (n.copied().unwrap_or_default() - f64::from(own)).max(0.0);
        let both = count(self.both.get(&(pair, ip)));
        let of_pair = (both + 0.1) / (count(self.pairs.get(&pair)) + 1.0);
        let of_address = (both + 0.1) / (count(self.addresses.get(&ip)) + 1.0);
        of_pair.ln() + 0.5 * of_address.ln()
    }
}

/// The only connection with bytes in flight, or one among several that have none of its kind beside it.
const CARRIES: f64 = 2.5;
/// Another connection of the moment has bytes in flight, this one has not.
const ANOTHER_CARRIES: f64 = -1.5;
/// It ended with an `IN` of the same pair.
const ENDS_WITH_PAIR: f64 = 2.0;
/// It ended with an `IN`, of another pair.
const ENDS_WITH_ANOTHER: f64 = -1.5;
/// It was there a few seconds before the token's moment, or came in the next: `ss` runs before `tail`, so that a block can
/// show a line whose connection is not there yet.
const NOT_ITS_MOMENT: f64 = -2.0;
/// The same in a collected block: a connection that a block shows before its token's line was there a moment too early to be
/// new in its own.
const JUST_BEFORE: f64 = -0.5;
/// The most that habits can say against a connection with bytes in flight: people move.
const STRANGE: f64 = -4.0;
/// It came in the next moment, and that shows the same line again: the line was new only then.
const ITS_LINE_AGAIN: f64 = -0.5;
/// The address's DHCP name is the host of the token.
const NAMED: f64 = 3.0;
/// There is no connection of this token: worse than any connection that a habit does not speak against.
const NONE: f64 = -6.5;
/// It was first seen after a time in which nobody watched, with nothing but that to tie it to a token of that time: anybody's.
/// Just more than `NONE`, so that nothing is chosen; not fitted.
const UNWATCHED: f64 = -7.0;
/// How long before its token a connection may have been seen.
const RECENT: Duration = Duration::seconds(5);
/// How far moments of one burst are apart: the watcher takes some 50 ms a block, and the clock shows seconds.
pub(super) const BURST: Duration = Duration::seconds(2);
/// How many collected blocks before its own a connection is looked for in: at a thousand blocks a second, few are enough.
const MOST_BEFORE: usize = 64;
/// The same where nobody's choice is known yet, and the connections of other tokens are in them all.
const LIKELY_BEFORE: usize = 2;
/// The tokens of a burst that are weighed together; in a longer one, the next are weighed after them.
const MOST_TOGETHER: usize = 6;
/// How often the whole is done over; the counts are at rest after two or three.
const ROUNDS: usize = 4;
/// How often likely habits are counted before, where blocks have several tokens; they are at rest after five or six.
const CROWDED_ROUNDS: usize = 6;

/// An `OUT` that looks for its connection.
struct Taken {
    event: usize,
    pair: PairId,
    feature: Arc<str>,
    moment: MomentId,
    /// Whether its moment is the first after a time in which nobody watched.
    is_late: bool,
}

/// Whose a connection is: of a token that was taken before.
#[derive(Debug, Clone)]
struct Claim {
    pair: PairId,
    feature: Arc<str>,
    /// When it was taken; `None` before the list begins.
    since: Option<MomentId>,
}

/// The claims of all connections.
type Claims = Vec<Option<Claim>>;

/// Gives the tokens of `list` their connections. `naming` knows the DHCP names of addresses;
/// `before` is from where pairs took their tokens before the watch.
pub fn attribute(watch: &Watch, list: &List, naming: Naming<'_>, before: &Habits) -> Attribution {
    let exits = Exits::new(watch, list);
    let mut attribution =
        Attribution { choices: vec![None; list.events.len()], habits: Habits::default(), firm: Habits::default() };
    let groups = groups(watch, list);
    let again = moments_of(list, |kind, repeated| kind == TokenKind::Out && repeated);
    let announced = moments_of(list, |kind, _| !matches!(kind, TokenKind::Out | TokenKind::In));
    let names = Names::new(list, naming);
    let silenced = silenced(list);
    let stage =
        Stage { watch, exits: &exits, names: &names, again: &again, announced: &announced, silenced: &silenced };
    let mut carried: Claims = vec![None; watch.connections.len()];
    for (connection, pair, feature) in &list.carried {
        carried[*connection as usize] = Some(Claim { pair: *pair, feature: Arc::clone(feature), since: None });
    }
    let is_crowded = |group: &&Vec<Taken>| group.len() > 1 && watch.moment(group[0].moment).collected;
    let crowded: Vec<&Vec<Taken>> = groups.iter().filter(is_crowded).collect();
    for round in 0..CROWDED_ROUNDS {
        if !crowded.is_empty() {
            attribution.habits = stage.scene(&attribution, round == 0).likely_habits(&groups, before);
        }
    }
    for round in 0..ROUNDS {
        let mut claimed = carried.clone();
        let (mut habits, mut firm) = (before.clone(), before.clone());
        let mut choices = vec![None; list.events.len()];
        for group in &groups {
            let scene = stage.scene(&attribution, round == 0 && crowded.is_empty());
            for (taken, choice) in group.iter().zip(scene.assign(group, &mut claimed)) {
                if let Some(choice) = choice {
                    let ip = watch.ip(choice.connection);
                    habits.count(taken.pair, ip, 1.0);
                    if !taken.is_late {
                        firm.count(taken.pair, ip, 1.0);
                    }
                }
                choices[taken.event] = choice;
            }
        }
        let settled = choices == attribution.choices;
        attribution = Attribution { choices, habits, firm };
        if settled && round > 0 {
            break;
        }
    }
    attribution
}

/// The `OUT`s of each burst together, in the order of the moments.
fn groups(watch: &Watch, list: &List) -> Vec<Vec<Taken>> {
    let turns = Turns::new(list);
    let mut taken: Vec<Taken> = list
        .events
        .iter()
        .enumerate()
        .filter_map(|(event, Event { at, moment, what, .. })| match what {
            EventKind::Token { kind: TokenKind::Out, pair, feature, repeated: false, .. } => {
                let moment = (*moment)?;
                let is_late = watch.moment(moment).at - *at > WATCHED;
                Some(Taken { event, pair: *pair, feature: Arc::clone(feature), moment, is_late })
            }
            _ => None,
        })
        .filter(|taken| !taken.is_late || !turns.is_over(watch, list, taken))
        .collect();
    taken.sort_by_key(|taken| taken.moment);
    let mut groups: Vec<Vec<Taken>> = Vec::new();
    for one in taken {
        let joins = |group: &Vec<Taken>| {
            let last = group[group.len() - 1].moment;
            let collected = watch.moment(one.moment).collected;
            let is_near = || watch.moment(one.moment).at - watch.moment(last).at <= BURST;
            last == one.moment || !collected && group.len() < MOST_TOGETHER && is_near()
        };
        match groups.last_mut() {
            Some(group) if joins(group) => group.push(one),
            _ => groups.push(vec![one]),
        }
    }
    groups
}

/// Where each pair takes a feature and gives it back, by the events.
#[derive(Default)]
struct Turns<'a> {
    of: HashMap<(PairId, &'a str), [Vec<usize>; 2]>,
}

impl<'a> Turns<'a> {
    fn new(list: &'a List) -> Self {
        let mut turns = Self::default();
        for (index, event) in list.events.iter().enumerate() {
            let EventKind::Token { kind, pair, feature, .. } = &event.what else { continue };
            let side = match kind {
                TokenKind::Out => 0,
                TokenKind::In => 1,
                _ => continue,
            };
            turns.of.entry((*pair, &**feature)).or_default()[side].push(index);
        }
        turns
    }

    /// Whether a token was given back before its moment: of each pair and feature, the last ones taken are out then.
    fn is_over(&self, watch: &Watch, list: &List, taken: &Taken) -> bool {
        let until = watch.moment(taken.moment).at - BURST;
        let end = list.events.partition_point(|event| event.at < until);
        let between = |indices: &[usize]| {
            indices.partition_point(|index| *index < end) - indices.partition_point(|index| *index <= taken.event)
        };
        let turns = self.of.get(&(taken.pair, &*taken.feature));
        turns.is_some_and(|[out, back]| end > taken.event && between(back) > between(out))
    }
}

/// The moments that show some kinds of lines, by the pair.
pub(super) fn moments_of(list: &List, wanted: impl Fn(TokenKind, bool) -> bool) -> HashSet<(MomentId, PairId)> {
    let moments = list.events.iter().filter_map(|event| match event.what {
        EventKind::Token { kind, pair, repeated, .. } if wanted(kind, repeated) => Some((event.moment?, pair)),
        _ => None,
    });
    moments.collect()
}

/// Tokens that the server took back from silent clients, whose connections stay, by pair.
type Silenced = HashMap<PairId, Vec<(MomentId, Arc<str>)>>;

fn silenced(list: &List) -> Silenced {
    let mut silenced = Silenced::default();
    for event in &list.events {
        if let EventKind::Token { kind: TokenKind::In, pair, feature, inactive: true, .. } = &event.what
            && let Some(moment) = event.moment
        {
            silenced.entry(*pair).or_default().push((moment, Arc::clone(feature)));
        }
    }
    silenced
}

/// Which pairs gave a token back, and with which connections.
pub struct Exits {
    by_moment: HashMap<MomentId, Vec<PairId>>,
    /// The connections that were closing in the block of an `IN`.
    closing: HashSet<(ConnectionId, PairId)>,
}

impl Exits {
    /// Of all the `IN`s of a list.
    pub fn new(watch: &Watch, list: &List) -> Self {
        let mut exits = Self { by_moment: HashMap::default(), closing: HashSet::default() };
        for event in &list.events {
            if let EventKind::Token { kind: TokenKind::In, pair, .. } = &event.what
                && let Some(moment) = event.moment
            {
                exits.by_moment.entry(moment).or_default().push(*pair);
                let signals = watch.signals(moment).iter().map(|signal| signal.connection);
                let closing = signals.filter(|&connection| watch.is_closing(connection, moment));
                exits.closing.extend(closing.map(|connection| (connection, *pair)));
            }
        }
        exits
    }

    fn at(&self, moment: MomentId) -> &[PairId] {
        self.by_moment.get(&moment).map_or(&[], Vec::as_slice)
    }

    /// What a connection's end says of its owner: that it ended with an `IN` of the pair, or of another, or nothing.
    fn score(&self, watch: &Watch, connection: ConnectionId, pair: PairId) -> f64 {
        if self.closing.contains(&(connection, pair)) {
            return ENDS_WITH_PAIR;
        }
        let life = watch.connection(connection);
        let Some(gone) = life.gone else { return 0.0 };
        if watch.moment(gone).collected {
            return self.collected_score(life.last, gone, pair);
        }
        // Gone with the IN, or still closing in the IN's own block and gone in the next.
        if self.at(gone).contains(&pair) || self.at(life.last).contains(&pair) {
            ENDS_WITH_PAIR
        } else if self.at(gone).is_empty() {
            0.0
        } else {
            ENDS_WITH_ANOTHER
        }
    }

    /// The same in collected blocks, which follow each other within milliseconds: the `IN` can be a block before the last
    /// that shows the connection, and the more pairs end there together, the less it says that one of them does.
    fn collected_score(&self, last: MomentId, gone: MomentId, pair: PairId) -> f64 {
        let around: Vec<PairId> = (last.saturating_sub(1)..=gone).flat_map(|moment| self.at(moment)).copied().collect();
        if around.contains(&pair) {
            ENDS_WITH_PAIR - (around.len() as f64).ln()
        } else if around.is_empty() {
            0.0
        } else {
            ENDS_WITH_ANOTHER
        }
    }
}

/// The pairs whose host is an address's DHCP name.
struct Names<'a> {
    naming: Naming<'a>,
    hosts: Vec<String>,
}

impl<'a> Names<'a> {
    fn new(list: &List, naming: Naming<'a>) -> Self {
        Self { naming, hosts: list.pairs.iter().map(|pair| short_name(pair.host())).collect() }
    }

    fn agree(&self, pair: PairId, ip: IpAddr, at: DateTime<Utc>) -> bool {
        (self.naming.name)(ip, at).is_some_and(|name| short_name(&name) == self.hosts[pair as usize])
    }
}

/// A host's name without its domain, for comparing.
pub fn short_name(host: &str) -> String {
    host.split('.').next().unwrap_or(host).to_lowercase()
}

/// What stays the same over all rounds.
struct Stage<'a> {
    watch: &'a Watch,
    exits: &'a Exits,
    names: &'a Names<'a>,
    again: &'a HashSet<(MomentId, PairId)>,
    announced: &'a HashSet<(MomentId, PairId)>,
    silenced: &'a Silenced,
}

impl Stage<'_> {
    fn scene<'b>(&'b self, attribution: &'b Attribution, first_round: bool) -> Scene<'b> {
        let Self { watch, exits, names, again, announced, silenced } = *self;
        Scene { watch, exits, names, attribution, again, announced, silenced, first_round }
    }
}

/// All that the choice of one moment depends on.
struct Scene<'a> {
    watch: &'a Watch,
    exits: &'a Exits,
    names: &'a Names<'a>,
    attribution: &'a Attribution,
    again: &'a HashSet<(MomentId, PairId)>,
    announced: &'a HashSet<(MomentId, PairId)>,
    silenced: &'a Silenced,
    first_round: bool,
}

struct Candidate {
    connection: ConnectionId,
    /// The moments of the burst in which it has bytes in flight.
    carries: Vec<MomentId>,
    /// Whose it is already.
    claim: Option<Claim>,
}

/// The moments in which any of the candidates has bytes in flight.
fn carried(candidates: &[Candidate]) -> Vec<MomentId> {
    candidates.iter().flat_map(|candidate| candidate.carries.iter().copied()).collect()
}

impl Scene<'_> {
    /// How often pairs were at addresses, where a block with several tokens does not tell which is whose: each token counts
    /// for all its candidates, by how likely they are. A pair's own address is among them each time, another one now and
    /// then, so that a few rounds tell them apart (expectation maximisation); choices of one by lot would be believed.
    fn likely_habits(&self, groups: &[Vec<Taken>], before: &Habits) -> Habits {
        let nobody: Claims = vec![None; self.watch.connections.len()];
        let mut habits = before.clone();
        for group in groups {
            let candidates = self.candidates(group, &nobody, LIKELY_BEFORE);
            let carried = carried(&candidates);
            for taken in group {
                let scores: Vec<f64> = candidates.iter().map(|one| self.score(taken, one, &carried)).collect();
                let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let odds: Vec<f64> = scores.iter().map(|score| (score - best).exp()).collect();
                let all: f64 = odds.iter().sum();
                for (candidate, odds) in candidates.iter().zip(odds) {
                    habits.count(taken.pair, self.watch.ip(candidate.connection), odds / all);
                }
            }
        }
        habits
    }

    /// The choices of the tokens of one burst, best together.
    fn assign(&self, group: &[Taken], claimed: &mut Claims) -> Vec<Option<Choice>> {
        let candidates = self.candidates(group, claimed, MOST_BEFORE);
        let carried = carried(&candidates);
        let scores: Vec<Vec<f64>> =
            group.iter().map(|taken| candidates.iter().map(|c| self.score(taken, c, &carried)).collect()).collect();
        let mut chosen = best_together(&scores);
        // Two features are often asked for within a second, over one connection: the answer to each says so.
        for own in 0..group.len() {
            if chosen[own].is_none() {
                chosen[own] = Self::with_another(group, own, &chosen, &candidates);
            }
        }
        group
            .iter()
            .zip(chosen)
            .map(|(taken, chosen)| {
                let candidate = &candidates[chosen?];
                let (pair, feature, since) = (taken.pair, Arc::clone(&taken.feature), Some(taken.moment));
                claimed[candidate.connection as usize] = Some(Claim { pair, feature, since });
                let evidence = self.evidence(taken, candidate, &candidates, group);
                Some(Choice { connection: candidate.connection, evidence })
            })
            .collect()
    }

    /// The connection that went to a token of the pair's for another feature in the same burst, and that has bytes in flight in
    /// the moment of one that went without; none, where several do.
    fn with_another(group: &[Taken], own: usize, chosen: &[Option<usize>], candidates: &[Candidate]) -> Option<usize> {
        let taken = &group[own];
        let of_pair =
            group.iter().zip(chosen).filter(|(other, _)| other.pair == taken.pair && other.feature != taken.feature);
        let mut shared: Vec<usize> = of_pair.filter_map(|(_, chosen)| *chosen).collect();
        shared.retain(|&index| candidates[index].carries.contains(&taken.moment));
        shared.dedup();
        match shared[..] {
            [index] => Some(index),
            _ => None,
        }
    }

    /// The connections that a token of this burst can have gone to: those that are new in it or just after it, those with
    /// bytes in flight, and those that came a few seconds before and went to nobody.
    fn candidates(&self, group: &[Taken], claimed: &Claims, most_before: usize) -> Vec<Candidate> {
        let watch = self.watch;
        let (first, last) = (group[0].moment, group[group.len() - 1].moment);
        let (begin, end) = (watch.moment(first).at, watch.moment(last).at);
        let collected = watch.moment(last).collected;
        let most_before = if collected { most_before } else { usize::MAX };
        let before = (0..first).rev().take_while(|&m| (begin - watch.moment(m).at).abs() <= RECENT).take(most_before);
        let n_moments = if collected { last + 1 } else { watch.moments.len() as MomentId };
        let after = (last + 1..n_moments).take_while(|&m| (watch.moment(m).at - end).abs() <= BURST);
        let burst = first..=last.max(after.last().unwrap_or(last));

        // Bytes that were in flight long before, to a client that sleeps, are not this token's; but for the answer to a token
        // that was taken then.
        let earlier = watch.moment_at(begin - RECENT).unwrap_or(first).min(first).checked_sub(1);
        let is_old = |connection: ConnectionId| {
            let answers = claimed[connection as usize].as_ref().and_then(|claim| claim.since);
            let own = [answers, Some(watch.connection(connection).first)];
            let mut before = earlier.into_iter().filter(|m| !own.contains(&Some(*m))).flat_map(|m| watch.signals(m));
            before.any(|signal| signal.connection == connection && !signal.fin_wait)
        };
        let signals = burst.clone().flat_map(|m| watch.signals(m)).filter(|signal| !signal.fin_wait);
        let signals: Vec<_> = signals.filter(|signal| !is_old(signal.connection)).copied().collect();
        let new = burst.flat_map(|m| watch.appeared(m));
        let old = before.flat_map(|m| watch.appeared(m)).filter(|&c| watch.connection(c).last >= first);
        let mut connections: Vec<ConnectionId> =
            new.chain(old).chain(signals.iter().map(|signal| signal.connection)).collect();
        connections.sort_unstable();
        connections.dedup();
        let candidate = |connection: ConnectionId| Candidate {
            connection,
            carries: signals.iter().filter(|s| s.connection == connection).map(|s| s.moment).collect(),
            claim: claimed[connection as usize].clone(),
        };
        connections
            .into_iter()
            .map(candidate)
            .filter(|candidate| {
                let claim = candidate.claim.as_ref();
                claim.is_none_or(|claim| group.iter().any(|taken| self.is_shared(taken, candidate, claim)))
            })
            // Of a connection that was there before the watch, only bytes in flight say anything.
            .filter(|candidate| !watch.connection(candidate.connection).initial || !candidate.carries.is_empty())
            .collect()
    }

    /// Whether anything but its time ties a connection to a token that was taken while nobody watched: its name, or tokens of
    /// the pair that were watched; of a pair that never was, that the connection alone is gone with its `IN`.
    fn is_its(&self, taken: &Taken, candidate: &Candidate) -> bool {
        let ip = self.watch.ip(candidate.connection);
        let firm = &self.attribution.firm;
        let is_gone_alone = || {
            let gone = self.watch.connection(candidate.connection).gone;
            let alone = gone.is_none_or(|gone| self.watch.gone(gone).count() == 1 && self.exits.at(gone).len() == 1);
            alone && self.exits.score(self.watch, candidate.connection, taken.pair) > 0.0
        };
        self.names.agree(taken.pair, ip, self.watch.moment(taken.moment).at)
            || firm.tokens(taken.pair, ip) > 0
            || !firm.knows(taken.pair) && !firm.is_used(ip) && is_gone_alone()
    }

    /// Whether a token can have come over a connection that is its pair's already: for another feature, or for one that the
    /// server took back from the silent client before. Only the answer in flight can say so.
    fn is_shared(&self, taken: &Taken, candidate: &Candidate, claim: &Claim) -> bool {
        let was_silenced = || {
            let of_pair = self.silenced.get(&taken.pair).into_iter().flatten();
            let mut since = of_pair.filter(|(at, _)| claim.since.is_none_or(|since| since < *at) && *at < taken.moment);
            since.any(|(_, feature)| *feature == claim.feature)
        };
        claim.pair == taken.pair
            && candidate.carries.contains(&taken.moment)
            && (claim.feature != taken.feature || was_silenced())
    }

    fn score(&self, taken: &Taken, candidate: &Candidate, carried: &[MomentId]) -> f64 {
        if candidate.claim.as_ref().is_some_and(|claim| !self.is_shared(taken, candidate, claim)) {
            return f64::NEG_INFINITY;
        }
        let life = self.watch.connection(candidate.connection);
        let ip = life.peer.ip;
        let mut score = self.exits.score(self.watch, candidate.connection, taken.pair);
        let comes_next = life.first > taken.moment;
        let line_again = comes_next && self.again.contains(&(life.first, taken.pair));
        // A refusal or a question of the same pair, a moment before, came with the same connection.
        let announced = self.announced.contains(&(life.first, taken.pair));
        if life.first != taken.moment && !announced {
            score += match (line_again, self.watch.moment(taken.moment).collected) {
                (true, _) => ITS_LINE_AGAIN,
                (false, true) => JUST_BEFORE,
                (false, false) => NOT_ITS_MOMENT,
            };
        }
        if taken.is_late && !self.is_its(taken, candidate) {
            score += UNWATCHED;
        }
        let own = if comes_next { life.first } else { taken.moment };
        let carries = candidate.carries.contains(&own);
        if carries {
            score += CARRIES;
        } else if carried.contains(&own) {
            score += ANOTHER_CARRIES;
        }
        if self.names.agree(taken.pair, ip, self.watch.moment(taken.moment).at) {
            score += NAMED;
        }
        if !self.first_round {
            let own =
                self.attribution.choices[taken.event].is_some_and(|choice| self.watch.ip(choice.connection) == ip);
            let odds = self.attribution.habits.odds(taken.pair, ip, u32::from(own));
            score += if carries { odds.max(STRANGE) } else { odds };
        }
        score - NONE
    }

    /// The strongest word for why this connection and no other.
    fn evidence(&self, taken: &Taken, candidate: &Candidate, all: &[Candidate], group: &[Taken]) -> Evidence {
        let shares_moment = group.iter().filter(|other| other.moment == taken.moment).count() > 1;
        let alone = |kind: &dyn Fn(&Candidate) -> bool| {
            !shares_moment && kind(candidate) && all.iter().filter(|c| kind(c)).count() == 1
        };
        if alone(&|c| c.carries.contains(&taken.moment)) {
            Evidence::Carrying
        } else if alone(&|c| self.watch.connection(c.connection).first == taken.moment) {
            Evidence::Appeared
        } else if self.exits.score(self.watch, candidate.connection, taken.pair) > 0.0 {
            Evidence::Vanished
        } else if self.names.agree(taken.pair, self.watch.ip(candidate.connection), self.watch.moment(taken.moment).at)
        {
            Evidence::Hostname
        } else {
            Evidence::Majority
        }
    }
}

/// For each row the column of a one-to-one choice with the greatest sum; a row may go without (score 0). Tried in full
/// where that is little work, which it nearly always is, else row by row from the best score down.
fn best_together(scores: &[Vec<f64>]) -> Vec<Option<usize>> {
    let n_columns = scores.first().map_or(0, Vec::len);
    if scores.len() == 1 {
        let best =
            (0..n_columns).filter(|&c| scores[0][c] > 0.0).max_by(|&a, &b| scores[0][a].total_cmp(&scores[0][b]));
        return vec![best];
    }
    if scores.len() <= 5 && n_columns <= 7 {
        let mut best = (f64::NEG_INFINITY, Vec::new());
        try_all(scores, &mut Vec::new(), 0.0, &mut best);
        return best.1;
    }
    let mut cells: Vec<(usize, usize)> =
        (0..scores.len()).flat_map(|row| (0..n_columns).map(move |c| (row, c))).collect();
    cells.sort_by(|a, b| scores[b.0][b.1].total_cmp(&scores[a.0][a.1]));
    let (mut chosen, mut used) = (vec![None; scores.len()], vec![false; n_columns]);
    for (row, column) in cells {
        if scores[row][column] > 0.0 && chosen[row].is_none() && !used[column] {
            (chosen[row], used[column]) = (Some(column), true);
        }
    }
    chosen
}

fn try_all(scores: &[Vec<f64>], chosen: &mut Vec<Option<usize>>, sum: f64, best: &mut (f64, Vec<Option<usize>>)) {
    let Some(row) = scores.get(chosen.len()) else {
        if sum > best.0 {
            *best = (sum, chosen.clone());
        }
        return;
    };
    for (column, score) in row.iter().enumerate() {
        if *score > 0.0 && !chosen.contains(&Some(column)) {
            chosen.push(Some(column));
            try_all(scores, chosen, sum + score, best);
            chosen.pop();
        }
    }
    chosen.push(None);
    try_all(scores, chosen, sum, best);
    chosen.pop();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tokens_of_a_moment_share_a_connection() {
        assert_eq!(best_together(&[vec![3.0, 2.0], vec![3.0, 1.0]]), [Some(1), Some(0)]);
        assert_eq!(best_together(&[vec![3.0], vec![2.0]]), [Some(0), None]);
        assert_eq!(best_together(&[vec![-1.0, 0.5]]), [Some(1)]);
        assert_eq!(best_together(&[vec![]]), [None]);
        let many: Vec<Vec<f64>> =
            (0..9).map(|row| (0..9).map(|c| f64::from(u8::from(row == c)) + 0.5).collect()).collect();
        assert_eq!(best_together(&many), (0..9).map(Some).collect::<Vec<_>>());
    }
}
