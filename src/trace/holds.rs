//! Every token that is given back to one that was taken, and what became of the others.
//!
//! An `IN` says whose token ends, not which: the connection that is gone or closing in its moment does. A connection that
//! ends with an `IN` of a pair but whose `OUT` no log kept was a token all the same, since it appeared. A token that
//! nobody gave back ended when its connection was gone, when the server restarted, or when `lmstat` lists it no longer;
//! else it is still out.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use chrono_tz::Tz;

use super::attribute::{Attribution, BURST, Choice, moments_of};
use super::tokens::{EventKind, List, Origin, PairId, Token};
use super::watch::{ConnectionId, MomentId, Watch};
use crate::config::TraceSettings;
use crate::finding::{Finding, Kind, Place};
use crate::model::{Evidence, Hold, State};
use crate::parse::datetime::civil_moment;
use crate::parse::flexnet::TokenKind;
use crate::parse::lmstat::{Lmstat, Use};

/// One token from its beginning to its end.
#[derive(Debug, Clone)]
pub struct Holding {
    /// Whose.
    pub pair: PairId,
    /// The licensed feature.
    pub feature: Arc<str>,
    /// How many licences.
    pub licences: u32,
    /// Its beginning.
    pub start: DateTime<Utc>,
    /// What the beginning is known from.
    pub origin: Origin,
    /// The event of its `OUT`, where there is one.
    pub out: Option<usize>,
    /// Its connection, where one is known.
    pub choice: Option<Choice>,
    /// Its end.
    pub end: DateTime<Utc>,
    /// What the end is.
    pub state: State,
    /// The last sign of life: of one that is still out, that of its connection or of `lmstat`; without either, that of its
    /// pair. Its end, for every other.
    pub sign: DateTime<Utc>,
    /// The event of its `IN`, where there is one.
    pub back: Option<usize>,
}

/// An address, and what ties it to a token.
pub type Address = (IpAddr, Evidence);

/// All tokens that were held.
#[derive(Debug, Default)]
pub struct Held {
    /// In the order of their beginnings as they became known.
    pub holdings: Vec<Holding>,
    /// The addresses of the holdings.
    pub addresses: Vec<Option<Address>>,
    /// Repeated lines that were tokens of their own, as a connection came or went with them.
    pub counted_repeats: HashSet<usize>,
}

impl Held {
    /// The events that no line told: the other end of what the lines tell.
    pub fn inferred_tokens<'a>(&'a self, list: &'a List) -> impl Iterator<Item = Token> + 'a {
        self.holdings.iter().flat_map(|held| {
            let token = |at, kind, origin| Token {
                at,
                kind,
                feature: Arc::clone(&held.feature),
                who: list.pairs[held.pair as usize].clone(),
                licences: held.licences,
                origin,
                verdict: None,
            };
            let out = held.out.is_none().then(|| token(held.start, TokenKind::Out, held.origin));
            let back = (held.back.is_none() && held.state == State::Presumed)
                .then(|| token(held.end, TokenKind::In, Origin::Inferred));
            out.into_iter().chain(back)
        })
    }
}

/// The holdings of the wanted features, as reports count them.
pub fn records(list: &List, held: &Held, wanted: &dyn Fn(&str) -> bool) -> Vec<Hold> {
    let mut records: Vec<Hold> = held
        .holdings
        .iter()
        .filter(|holding| wanted(&holding.feature))
        .map(|holding| Hold {
            who: list.pairs[holding.pair as usize].clone(),
            feature: holding.feature.to_string(),
            start: holding.start,
            end: holding.end,
            licences: holding.licences,
        })
        .collect();
    records.sort_by(|a, b| (a.start, a.end, &a.who).cmp(&(b.start, b.end, &b.who)));
    records
}

/// Follows every token of `list` from its `OUT` to its end.
pub fn follow(
    watch: &Watch,
    list: &List,
    attribution: &Attribution,
    lmstat: Option<&Lmstat>,
    settings: &TraceSettings,
    now: DateTime<Utc>,
    findings: &mut Vec<Finding>,
) -> Held {
    let mut follower = Follower {
        watch,
        list,
        attribution,
        held: Held::default(),
        open: HashMap::new(),
        owner: vec![None; watch.connections.len()],
        findings,
        zone: settings.timezone,
        returns: moments_of(list, |kind, repeated| kind == TokenKind::In && !repeated),
    };
    // Connections that are some OUT's are nobody else's, also before that OUT is reached.
    for choice in attribution.choices.iter().flatten() {
        follower.owner[choice.connection as usize] = Some(usize::MAX);
    }
    for index in 0..list.events.len() {
        follower.take(index);
    }
    follower.finish(lmstat, settings, now);
    let addresses = addresses(watch, list, attribution, &follower.held);
    follower.name_unknown(&addresses);
    Held { addresses, ..follower.held }
}

/// What is held of one feature by one pair.
type Key = (PairId, Arc<str>);

struct Follower<'a> {
    watch: &'a Watch,
    list: &'a List,
    attribution: &'a Attribution,
    held: Held,
    /// The holdings without an end, oldest first.
    open: HashMap<Key, Vec<usize>>,
    /// The holding of each connection; `usize::MAX` where it is that of an `OUT` not yet reached.
    owner: Vec<Option<usize>>,
    findings: &'a mut Vec<Finding>,
    zone: Tz,
    /// The moments that show an `IN`, by the pair.
    returns: foldhash::HashSet<(MomentId, PairId)>,
}

/// What an `IN` closes.
enum Closing {
    Holding(usize),
    /// A connection whose `OUT` was lost.
    Connection(ConnectionId),
}

/// How soon after a token that a reconnection leaves behind the next one is taken, by somebody who works on.
const RECONNECTION: Duration = Duration::hours(1);
/// How long after its `IN` a closing connection may still be seen.
const SOON: Duration = Duration::seconds(60);

/// How well a connection's end fits an `IN`'s moment.
mod fit {
    /// Gone in the moment, or closing in it.
    pub(super) const EXACT: f64 = 3.5;
    /// Gone in the next snapshot.
    pub(super) const NEXT: f64 = 2.5;
    /// Gone soon after, or just before.
    pub(super) const NEAR: f64 = 1.0;
    /// Nothing is known of the connection.
    pub(super) const UNKNOWN: f64 = 0.0;
    /// There for long after, or gone long before with no line that could have been lost: perhaps not its connection.
    pub(super) const POOR: f64 = -2.5;
    /// The same, and gone with another `IN` of the pair.
    pub(super) const WORST: f64 = -3.5;
    /// Gone long before, in a burst: its own `IN` is lost.
    pub(super) const OVER: f64 = -7.0;
    /// What it costs to believe that an `OUT` was lost with the connection's appearance in a burst, or before the watch.
    pub(super) const LOST_IN_BURST: f64 = -1.5;
    /// The same, where nothing shows that a line was lost: more likely, the connection never had a token.
    pub(super) const LOST_OUT: f64 = -4.5;
    /// A connection that is nobody's ends at the pair's own address in just this moment: what it costs to believe that by
    /// chance.
    pub(super) const COINCIDENCE: f64 = -4.5;
    /// Where there is no other: an `IN` must have had an `OUT`, so that only the address can speak against a connection.
    pub(super) const MOST_UNLIKELY: f64 = LOST_OUT - 1.5;
}

impl Follower<'_> {
    fn take(&mut self, index: usize) {
        let event = &self.list.events[index];
        match &event.what {
            EventKind::Token { kind: TokenKind::Out, feature, pair, licences, repeated, .. } => {
                let choice = match repeated {
                    false => self.attribution.choices[index],
                    true => match self.unexplained_newcomer(event.moment, *pair) {
                        Some(choice) => Some(choice),
                        None => return,
                    },
                };
                if *repeated {
                    self.held.counted_repeats.insert(index);
                }
                self.begin(Holding {
                    pair: *pair,
                    feature: Arc::clone(feature),
                    licences: *licences,
                    start: event.at,
                    origin: event.origin,
                    out: Some(index),
                    choice,
                    end: event.at,
                    state: State::Open,
                    sign: event.at,
                    back: None,
                });
            }
            EventKind::Token { kind: TokenKind::In, feature, pair, licences, inactive, repeated } => {
                let key = (*pair, Arc::clone(feature));
                self.give_back(index, &key, *licences, *inactive, *repeated);
            }
            EventKind::Started(_) | EventKind::Stopped => self.restart(index),
            EventKind::Token { .. } => {}
        }
    }

    fn begin(&mut self, holding: Holding) -> usize {
        let id = self.held.holdings.len();
        if let Some(choice) = holding.choice {
            self.owner[choice.connection as usize] = Some(id);
        }
        self.open.entry((holding.pair, Arc::clone(&holding.feature))).or_default().push(id);
        self.held.holdings.push(holding);
        id
    }

    fn end(&mut self, id: usize, at: DateTime<Utc>, state: State, back: Option<usize>) {
        let holding = &mut self.held.holdings[id];
        // A clock that is set back must not make a token end before it began.
        (holding.end, holding.state, holding.back) = (at.max(holding.start), state, back);
        holding.sign = holding.end;
        let key = (holding.pair, Arc::clone(&holding.feature));
        if let Some(open) = self.open.get_mut(&key) {
            open.retain(|other| *other != id);
        }
    }

    /// A connection that nobody has, at an address of the pair, new in the moment that shows an `OUT` line again, or new
    /// in the same burst with bytes in flight: the line was a token of its own.
    fn unexplained_newcomer(&self, moment: Option<MomentId>, pair: PairId) -> Option<Choice> {
        let moment = moment?;
        let at = self.watch.moment(moment).at;
        let burst = (0..=moment).rev().take_while(|&m| (at - self.watch.moment(m).at).abs() <= BURST);
        let carries = |connection, m: MomentId| self.watch.signals(m).iter().any(|s| s.connection == connection);
        let mut newcomers = burst.flat_map(|m| self.watch.appeared(m).map(move |connection| (m, connection)));
        let (_, connection) = newcomers.find(|&(m, connection)| {
            let at_home = self.attribution.habits.tokens(pair, self.watch.ip(connection)) > 0;
            let in_flight = || (m..=moment).any(|m| carries(connection, m));
            at_home
                && self.owner[connection as usize].is_none()
                && !self.watch.connection(connection).initial
                && (m == moment || in_flight())
        })?;
        Some(Choice { connection, evidence: Evidence::Appeared })
    }

    fn give_back(&mut self, index: usize, key: &Key, licences: u32, inactive: bool, repeated: bool) {
        let event = &self.list.events[index];
        if repeated {
            // Only if a connection of the pair is gone with it that no other line explains.
            let Some(moment) = event.moment else { return };
            let id = match self.gone_without_word(key, moment) {
                Some(id) => id,
                None => match self.orphan_gone(key.0, moment) {
                    Some(connection) => self.infer_out(connection, key, licences, event.at),
                    None => return,
                },
            };
            self.held.counted_repeats.insert(index);
            self.end(id, event.at, State::Closed, Some(index));
            return;
        }
        let closing = self.closing(index, key);
        let id = match closing {
            Some(Closing::Holding(id)) => id,
            Some(Closing::Connection(connection)) => self.infer_out(connection, key, licences, event.at),
            None => {
                let who = &self.list.pairs[key.0 as usize];
                self.findings.push(Finding::about(Kind::LostOut, self.place(index), who).of(self.day(event.at)));
                return;
            }
        };
        let expired = inactive || event.moment.is_some_and(|moment| self.is_expiring(id, moment));
        self.end(id, event.at, if expired { State::Expired } else { State::Closed }, Some(index));
    }

    /// An open holding of the pair whose connection was gone in just this moment.
    fn gone_without_word(&self, key: &Key, moment: MomentId) -> Option<usize> {
        let open = self.open.get(key)?;
        open.iter().copied().find(|&id| {
            let choice = self.held.holdings[id].choice;
            choice.is_some_and(|choice| self.watch.connection(choice.connection).gone == Some(moment))
        })
    }

    /// A connection at an address of the pair that appeared in a burst, went to nobody, and is gone in just this moment.
    fn orphan_gone(&self, pair: PairId, moment: MomentId) -> Option<ConnectionId> {
        self.watch.gone(moment).find(|&connection| {
            let life = self.watch.connection(connection);
            let at_home = self.attribution.habits.tokens(pair, life.peer.ip) > 0;
            at_home && self.owner[connection as usize].is_none() && (life.initial || self.in_burst(life.first))
        })
    }

    fn closing(&self, index: usize, key: &Key) -> Option<Closing> {
        let event = &self.list.events[index];
        let open = self.open.get(key).map_or(&[][..], Vec::as_slice);
        let Some(moment) = event.moment else { return open.last().map(|&id| Closing::Holding(id)) };
        // The newest of equals: an old one without an end can be the ghost of a lost connection.
        let best = open
            .iter()
            .map(|&id| (self.fit_of_holding(id, moment), id))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let is_complete = self.list.is_complete(event.at) || self.watch.moment(moment).collected;
        if is_complete && best.is_some() {
            return best.map(|(_, id)| Closing::Holding(id));
        }
        let inferred = self.lost_candidate(key.0, moment);
        match (best, inferred) {
            (Some((fit, id)), Some((score, connection))) => {
                let ends_now = self.fit(connection, moment) >= fit::EXACT && fit < fit::EXACT;
                let at_home = self.attribution.habits.tokens(key.0, self.watch.ip(connection)) > 0;
                let fit = fit + if ends_now && at_home { fit::COINCIDENCE } else { 0.0 };
                Some(if score > fit { Closing::Connection(connection) } else { Closing::Holding(id) })
            }
            (Some((fit, id)), None) => (fit > fit::OVER).then_some(Closing::Holding(id)),
            (None, Some((score, connection))) => {
                (score > fit::MOST_UNLIKELY).then_some(Closing::Connection(connection))
            }
            (None, None) => None,
        }
    }

    fn fit_of_holding(&self, id: usize, moment: MomentId) -> f64 {
        self.held.holdings[id].choice.map_or(fit::UNKNOWN, |choice| self.fit(choice.connection, moment))
    }

    /// How well the end of a connection fits an `IN` that a moment shows.
    fn fit(&self, connection: ConnectionId, moment: MomentId) -> f64 {
        let life = self.watch.connection(connection);
        if life.gone == Some(moment) || self.closes(connection, moment) {
            return fit::EXACT;
        }
        let Some(gone) = life.gone else { return fit::POOR };
        let apart = self.watch.moment(gone).at - self.watch.moment(moment).at;
        if gone == moment + 1 {
            fit::NEXT
        } else if apart.abs() <= SOON {
            fit::NEAR
        } else if gone < moment && self.in_burst(gone) {
            fit::OVER
        } else if self.ends_elsewhere(connection, gone) {
            fit::WORST
        } else {
            fit::POOR
        }
    }

    /// Whether a connection is closing in a moment, or in the next block of the same burst.
    fn closes(&self, connection: ConnectionId, moment: MomentId) -> bool {
        let next = moment + 1;
        let again = self.list.bursts.contains(&next)
            && self.watch.moments.get(next as usize).is_some_and(|m| m.at - self.watch.moment(moment).at <= BURST);
        let alive = |m| self.watch.connection(connection).first <= m;
        (alive(moment) && self.watch.is_closing(connection, moment))
            || (again && alive(moment) && self.watch.is_closing(connection, next))
    }

    /// Whether a connection is gone with another `IN` of its own pair: that one's, most likely.
    fn ends_elsewhere(&self, connection: ConnectionId, gone: MomentId) -> bool {
        let owner = self.owner[connection as usize].and_then(|id| self.held.holdings.get(id));
        owner.is_some_and(|holding| self.returns.contains(&(gone, holding.pair)))
    }

    /// The nobody's connection that most likely was this pair's, as it ends in the moment of the pair's `IN`.
    fn lost_candidate(&self, pair: PairId, moment: MomentId) -> Option<(f64, ConnectionId)> {
        let at = self.watch.moment(moment).at;
        let soon = (moment..).take(self.watch.moments.len() - moment as usize);
        let soon = soon.take_while(|&m| m <= moment + 1 || (self.watch.moment(m).at - at).abs() <= SOON);
        let ending = soon.flat_map(|m| self.watch.gone(m));
        let closing = self.watch.signals(moment).iter().map(|signal| signal.connection);
        ending
            .chain(closing)
            .filter(|&connection| self.owner[connection as usize].is_none())
            .map(|connection| {
                let odds = self.attribution.habits.odds(pair, self.watch.ip(connection), 0);
                let life = self.watch.connection(connection);
                let was_lost = life.initial || self.in_burst(life.first);
                let lost = if was_lost { fit::LOST_IN_BURST } else { fit::LOST_OUT };
                (lost + self.fit(connection, moment) + odds, connection)
            })
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
    }

    /// A token whose `OUT` no log kept, from its connection: it began when that appeared.
    fn infer_out(&mut self, connection: ConnectionId, key: &Key, licences: u32, at: DateTime<Utc>) -> usize {
        let first = self.watch.connection(connection).first;
        let start = self.watch.moment(first).at.min(at);
        self.begin(Holding {
            pair: key.0,
            feature: Arc::clone(&key.1),
            licences,
            start,
            origin: Origin::Inferred,
            out: None,
            choice: Some(Choice { connection, evidence: Evidence::Vanished }),
            end: start,
            state: State::Open,
            sign: start,
            back: None,
        })
    }

    /// Whether the server was giving up on the holding's client in a moment: closing, with bytes unacknowledged.
    fn is_expiring(&self, id: usize, moment: MomentId) -> bool {
        let Some(choice) = self.held.holdings[id].choice else { return false };
        self.watch.signals(moment).iter().any(|signal| signal.connection == choice.connection && signal.fin_wait)
    }

    /// The daemons keep no state: every token ends with them, when its last sign of life says.
    fn restart(&mut self, index: usize) {
        let event = &self.list.events[index];
        let last_alive = match event.what {
            // Not seen to stop: the last of all lines before is the last sign of life.
            EventKind::Started(line) => {
                let token = index.checked_sub(1).map(|before| self.list.events[before].at);
                let block = event.moment.and_then(|moment| moment.checked_sub(1)).map(|m| self.watch.moment(m).at);
                token.max(line).max(block).unwrap_or(event.at).min(event.at)
            }
            _ => event.at,
        };
        let open: Vec<usize> = self.open.values().flatten().copied().collect();
        for id in open {
            let known_end = self.last_seen(id, event.moment).or_else(|| self.is_ghost(id).then(|| self.last_word(id)));
            let at = known_end.map_or(last_alive, |seen| seen.min(last_alive));
            self.end(id, at, State::Presumed, None);
        }
    }

    /// The end of a holding whose connection was gone before a moment (or by the end of the watch): its last sign of life;
    /// but where it was gone in the midst of a burst, which is where lines are lost, the burst.
    fn last_seen(&self, id: usize, before: Option<MomentId>) -> Option<DateTime<Utc>> {
        let life = self.watch.connection(self.held.holdings[id].choice?.connection);
        let gone = life.gone.filter(|gone| before.is_none_or(|before| *gone < before))?;
        let at = self.watch.moment(gone).at;
        Some(if self.in_burst(gone) { at } else { self.watch.moment(life.last).at })
    }

    /// Whether a line was lost while a moment's block was written, or one just before or after it.
    fn in_burst(&self, moment: MomentId) -> bool {
        let at = self.watch.moment(moment).at;
        let near = |m: &MomentId| self.watch.moments.get(*m as usize).is_some_and(|m| (m.at - at).abs() <= BURST);
        (moment.saturating_sub(1)..=moment + 1).filter(near).any(|m| self.list.bursts.contains(&m))
    }

    /// Names each pair and day of which connections say nothing, though somebody watched.
    fn name_unknown(&mut self, addresses: &[Option<Address>]) {
        let mut named = HashSet::new();
        for (holding, address) in self.held.holdings.iter().zip(addresses) {
            let day = self.day(holding.start);
            if let Some(out) = holding.out
                && address.is_none()
                && self.watch.covers(holding.start)
                && named.insert((holding.pair, day))
            {
                let who = &self.list.pairs[holding.pair as usize];
                self.findings.push(Finding::about(Kind::UnknownAddress, self.place(out), who).of(day));
            }
        }
    }

    fn day(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.zone).date_naive()
    }

    fn place(&self, index: usize) -> Place {
        let event = &self.list.events[index];
        let name = match event.origin {
            Origin::DebugLog => self.list.log_name.as_deref(),
            Origin::Logwatch | Origin::Lmstat | Origin::Inferred => self.watch.name.as_deref(),
        };
        Place::line(&name.unwrap_or(event.origin.name()).into(), event.line)
    }

    /// What became of those without an `IN`.
    fn finish(&mut self, lmstat: Option<&Lmstat>, settings: &TraceSettings, now: DateTime<Utc>) {
        let seen = self.seen_last(lmstat, settings).unwrap_or(now);
        let stale = longer(now - seen, settings);
        let mut keys: Vec<Key> =
            self.open.iter().filter(|(_, open)| !open.is_empty()).map(|(key, _)| key.clone()).collect();
        let listed = self.listed(lmstat, settings, seen);
        keys.extend(listed.keys().filter(|key| !self.open.contains_key(*key)).cloned());
        keys.sort();
        keys.dedup();
        for key in keys {
            let mut open = self.open.get(&key).cloned().unwrap_or_default();
            // Those most likely still out first.
            open.sort_by_key(|&id| std::cmp::Reverse((self.life(id), self.held.holdings[id].start)));
            let known =
                lmstat.is_some_and(|lmstat| lmstat.covers(&key.1)) && !Self::is_outdated(lmstat, settings, seen);
            let uses = listed.get(&key).map_or(&[][..], Vec::as_slice);
            let n_alive =
                if known { uses.len() } else { open.iter().filter(|&&id| self.is_alive(id, seen, settings)).count() };
            for (rank, &id) in open.iter().enumerate() {
                // Only for those who may be out: it looks through all holdings.
                let sign = (rank < n_alive).then(|| {
                    let shows = known || self.life(id) == 2;
                    if shows { seen } else { self.last_word(id).min(seen) }
                });
                match sign {
                    Some(sign) if !stale => {
                        let holding = &mut self.held.holdings[id];
                        (holding.end, holding.sign) = (seen.max(holding.start), sign.max(holding.start));
                    }
                    _ => self.presume(id, seen, sign),
                }
            }
            if known && !stale {
                self.add_missed(&key, uses, &open, seen, settings);
            }
        }
    }

    /// The last time that anything showed the server alive.
    fn seen_last(&self, lmstat: Option<&Lmstat>, settings: &TraceSettings) -> Option<DateTime<Utc>> {
        let log = self.list.complete.map(|(_, last)| last);
        let traces = self.watch.last.max(log);
        traces.max(lmstat.and_then(|lmstat| lmstat.at).map(|at| civil_moment(at, settings.timezone, traces)))
    }

    /// Whether `lmstat` was asked well before the traces end: it says nothing of their end then.
    fn is_outdated(lmstat: Option<&Lmstat>, settings: &TraceSettings, seen: DateTime<Utc>) -> bool {
        let at = lmstat.and_then(|lmstat| lmstat.at).map(|at| civil_moment(at, settings.timezone, Some(seen)));
        at.is_none_or(|at| seen - at > Duration::minutes(2))
    }

    fn listed<'l>(
        &self,
        lmstat: Option<&'l Lmstat>,
        settings: &TraceSettings,
        seen: DateTime<Utc>,
    ) -> HashMap<Key, Vec<&'l Use>> {
        let mut listed: HashMap<Key, Vec<&Use>> = HashMap::new();
        if Self::is_outdated(lmstat, settings, seen) {
            return listed;
        }
        for one in lmstat.map_or(&[][..], |lmstat| lmstat.uses.as_slice()) {
            if let Some(pair) = self.list.find_pair(&one.who) {
                listed.entry((pair, Arc::clone(&one.feature))).or_default().push(one);
            }
        }
        listed
    }

    /// How much speaks for a holding being still out: its connection is there, is unknown, or is gone.
    fn life(&self, id: usize) -> u8 {
        match self.held.holdings[id].choice.map(|choice| self.watch.connection(choice.connection).gone) {
            Some(None) => 2,
            None => 1,
            Some(Some(_)) => 0,
        }
    }

    /// Without `lmstat`: whether a holding is still out. A connection that is there says so; where no connections are
    /// known, the debug log does, unless the pair has fallen silent for longer than a live session can be unseen.
    fn is_alive(&self, id: usize, seen: DateTime<Utc>, settings: &TraceSettings) -> bool {
        match self.life(id) {
            2 => true,
            1 => !self.is_ghost(id) && !longer(seen - self.last_word(id), settings),
            _ => false,
        }
    }

    /// Whether a holding of which no connection is known is one that a reconnection left behind: after all that its pair
    /// held at the time was given back, the pair took others.
    fn is_ghost(&self, id: usize) -> bool {
        let own = &self.held.holdings[id];
        let over = self.last_word(id);
        own.choice.is_none() && self.held.holdings.iter().any(|other| other.pair == own.pair && other.start > over)
    }

    /// The end of the run of tokens that a holding is one of, which overlap or follow soon: its pair's last sign of life.
    /// Alone, its own beginning.
    fn last_word(&self, id: usize) -> DateTime<Utc> {
        let own = &self.held.holdings[id];
        let ended = self.held.holdings.iter().filter(|other| other.pair == own.pair && other.back.is_some());
        let mut others: Vec<_> = ended.map(|other| (other.start, other.end)).collect();
        others.sort_unstable();
        others
            .into_iter()
            .fold(own.start, |end, other| if other.0 <= end + RECONNECTION { end.max(other.1) } else { end })
    }

    /// `sign` is the last sign of life of one that was there at the last look, and that nobody has looked for since.
    fn presume(&mut self, id: usize, seen: DateTime<Utc>, sign: Option<DateTime<Utc>>) {
        let at = sign.or_else(|| self.last_seen(id, None)).unwrap_or_else(|| self.last_word(id)).min(seen);
        if let Some(out) = self.held.holdings[id].out {
            let who = &self.list.pairs[self.held.holdings[id].pair as usize];
            let day = self.day(self.list.events[out].at);
            self.findings.push(Finding::about(Kind::LostIn, self.place(out), who).of(day));
        }
        self.end(id, at, State::Presumed, None);
    }

    /// What `lmstat` lists beyond what the logs know: taken before they began, or while nobody watched.
    fn add_missed(&mut self, key: &Key, uses: &[&Use], open: &[usize], seen: DateTime<Utc>, settings: &TraceSettings) {
        let starts: Vec<DateTime<Utc>> = open.iter().map(|&id| self.held.holdings[id].start).collect();
        let mut missed: Vec<(&Use, DateTime<Utc>)> = uses
            .iter()
            .map(|one| (*one, civil_moment(one.since, settings.timezone, None)))
            .filter(|(_, since)| !starts.iter().any(|start| (*start - *since).abs() <= Duration::seconds(90)))
            .collect();
        missed.truncate(uses.len().saturating_sub(open.len()));
        for (one, since) in missed {
            let id = self.begin(Holding {
                pair: key.0,
                feature: Arc::clone(&key.1),
                licences: one.licences,
                start: since.min(seen),
                origin: Origin::Lmstat,
                out: None,
                choice: None,
                end: seen,
                state: State::Open,
                sign: seen,
                back: None,
            });
            self.held.holdings[id].end = seen.max(since);
        }
    }
}

/// Whether nobody can be presumed there after so long a silence.
fn longer(silence: Duration, settings: &TraceSettings) -> bool {
    silence.to_std().is_ok_and(|silence| silence > settings.stale_after)
}

/// The address of each holding: its connection's, or its pair's own where the pair is always there.
fn addresses(watch: &Watch, list: &List, attribution: &Attribution, held: &Held) -> Vec<Option<Address>> {
    let homes: Vec<Option<IpAddr>> = (0..).take(list.pairs.len()).map(|pair| attribution.habits.home(pair)).collect();
    held.holdings
        .iter()
        .map(|holding| match holding.choice {
            Some(choice) => Some((watch.ip(choice.connection), choice.evidence)),
            None => homes[holding.pair as usize]
                .filter(|_| watch.covers(holding.start))
                .map(|home| (home, Evidence::Majority)),
        })
        .collect()
}
