//! Every token that is given back to one that was taken, and what became of the others.
//!
//! An `IN` says whose token ends, not which: the connection that is gone or closing in its moment does. A connection that
//! ends with an `IN` of a pair but whose `OUT` no log kept was a token all the same, since it appeared. A token that
//! nobody gave back ended when its connection was gone, when the server restarted, or when `lmstat` lists it no longer;
//! else it is still out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use chrono_tz::Tz;

use super::Span;
use super::attribute::{Attribution, BURST, Choice, Naming, moments_of, short_name};
use super::carry::Carry;
use super::tokens::{Event, EventKind, List, Origin, PairId, Token};
use super::watch::{ConnectionId, MomentId, Watch};
use crate::config::TraceSettings;
use crate::finding::{Finding, Kind, Place};
use crate::model::{Evidence, Feature, Hold, Identity, State};
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
    /// The last answer of `lmstat` that listed it.
    pub listed: Option<DateTime<Utc>>,
    /// Whether it is borrowed: lent to a machine that need not be connected.
    pub borrowed: bool,
    /// Whether it was out already when the analysis begins.
    pub carried: bool,
    /// Whether nothing ended it yet.
    out_still: bool,
}

impl Holding {
    /// Whether it is out where the analysis ends.
    pub const fn is_out(&self) -> bool {
        self.out_still
    }
}

/// An answer of `lmstat`.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'a> {
    /// The minute in which it was given, by its beginning.
    pub at: DateTime<Utc>,
    /// What it says.
    pub lmstat: &'a Lmstat,
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
    /// The tokens that ended in a stretch, in the order of their starts; at the end of all evidence those that are out, too.
    pub(super) fn records(&self, list: &List, span: &Span, licence: &str) -> Vec<Hold> {
        let both = self.holdings.iter().zip(&self.addresses);
        let told = both.filter(|(holding, _)| !holding.is_out() || span.as_of.is_some());
        let mut records: Vec<Hold> = told
            .map(|(holding, address)| Hold {
                who: list.pairs[holding.pair as usize].clone(),
                feature: Feature::new(licence, &holding.feature),
                start: holding.start,
                end: holding.end,
                licences: holding.licences,
                state: holding.state,
                address: *address,
            })
            .collect();
        records.sort();
        records
    }

    /// Whether any token was out just after a moment.
    pub(super) fn is_any_out(&self, at: DateTime<Utc>) -> bool {
        self.holdings.iter().any(|holding| holding.start <= at && (holding.is_out() || holding.end > at))
    }

    /// From where each pair took its tokens of a stretch.
    pub(super) fn habits(&self, list: &List, span: &Span) -> Vec<(Identity, IpAddr, u32)> {
        let mut habits: BTreeMap<(&Identity, IpAddr), u32> = BTreeMap::new();
        for (holding, address) in self.holdings.iter().zip(&self.addresses) {
            if let Some((ip, _)) = address.filter(|_| holding.choice.is_some() && span.contains(holding.start)) {
                *habits.entry((&list.pairs[holding.pair as usize], ip)).or_default() += 1;
            }
        }
        habits.into_iter().map(|((who, ip), n)| (who.clone(), ip, n)).collect()
    }

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
            let is_new = held.out.is_none() && !held.carried;
            let out = is_new.then(|| token(held.start, TokenKind::Out, held.origin));
            let back = (held.back.is_none() && held.state == State::Presumed)
                .then(|| token(held.end, TokenKind::In, Origin::Inferred));
            out.into_iter().chain(back)
        })
    }
}

/// All that tokens are followed by.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The logwatch.
    pub watch: &'a Watch,
    /// What happened.
    pub list: &'a List,
    /// Which token went to which connection.
    pub attribution: &'a Attribution,
    /// The answers of `lmstat`, by their index.
    pub listings: &'a [Listing<'a>],
    /// The zone, and how long a session may be unseen.
    pub settings: &'a TraceSettings,
    /// The stretch that is derived.
    pub span: &'a Span,
    /// What DHCP names machines.
    pub naming: Naming<'a>,
}

/// Follows every token from its `OUT`, or from the carry, to its end.
pub fn follow(scene: &Scene<'_>, carry: &Carry, findings: &mut Vec<Finding>) -> Held {
    let Scene { watch, list, attribution, settings, .. } = *scene;
    let mut follower = Follower {
        scene,
        watch,
        list,
        attribution,
        held: Held::default(),
        open: HashMap::new(),
        owner: vec![None; watch.connections.len()],
        findings,
        zone: settings.timezone,
        stops: Vec::new(),
        returns: moments_of(list, |kind, repeated| kind == TokenKind::In && !repeated),
    };
    // Connections that are some OUT's are nobody else's, also before that OUT is reached.
    for choice in attribution.choices.iter().flatten() {
        follower.owner[choice.connection as usize] = Some(usize::MAX);
    }
    let given = follower.resume(carry);
    for index in 0..list.events.len() {
        if list.events[index].at < scene.span.until {
            follower.take(index);
        }
    }
    follower.end_stopped();
    if let Some(as_of) = scene.span.as_of {
        follower.finish(as_of);
    } else {
        follower.look_ahead();
        follower.settle();
    }
    let mut addresses = addresses(scene, &follower.held);
    addresses.iter_mut().zip(given).for_each(|(address, given)| *address = given.or(*address));
    follower.name_unknown(&addresses);
    Held { addresses, ..follower.held }
}

/// A token that `lmstat` lists, and when it was taken.
type Used<'a> = (&'a Use, DateTime<Utc>);

/// How far apart the beginnings of one token are in the log and in `lmstat`, which has minutes.
const SAME_MINUTE: Duration = Duration::seconds(90);
/// An answer that is older than the end of the logs by more than this says nothing of their end.
const OUTDATED: Duration = Duration::minutes(2);
/// A token whose connection was gone for so long when a month ended was given back unseen.
const LONG_GONE: Duration = Duration::days(1);
/// The same of one without a connection, of whose pair nothing was heard for so long.
const LONG_SILENT: Duration = Duration::days(31);

/// What is held of one feature by one pair.
type Key = (PairId, Arc<str>);

struct Follower<'a> {
    scene: &'a Scene<'a>,
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
    /// The stops of daemons that are going on, by their events.
    stops: Vec<usize>,
    /// The moments that show an `IN`, by the pair.
    returns: foldhash::HashSet<(MomentId, PairId)>,
}

/// What an `IN` closes.
enum Closing {
    Holding(usize),
    /// A connection whose `OUT` was lost.
    Connection(ConnectionId),
}

/// How long the daemons take to give back all tokens as they stop.
const ORDERLY_STOP: Duration = Duration::minutes(1);
/// The longest that a second window, or a reconnection, is after the first.
const HALF_A_DAY: Duration = Duration::hours(12);
/// How long a token lingers at least, in seconds, that is borrowed: FlexNet borrows by hours and days, what lingers does so for
/// seconds or minutes.
const LENT_S: u32 = 3600;
/// How long a token outlives its connection at least that is borrowed: a client that fell silent is given up within some two
/// hours (tcp(7), tcp_keepalive_time), and a machine that sleeps wakes on the next day.
const OUTLIVED: Duration = Duration::hours(24);
/// For how long at a stretch its pair then holds no other: whoever has a window open all the time may have this one there too.
const ALONE: Duration = Duration::hours(6);
/// How soon after a token that a reconnection leaves behind the next one is taken, by somebody who works on.
const RECONNECTION: Duration = Duration::hours(1);
/// How long after its `IN` a closing connection may still be seen.
const SOON: Duration = Duration::seconds(60);
/// The same of a client that takes its time.
const LATE: Duration = Duration::minutes(10);

/// How well a connection's end fits an `IN`'s moment.
mod fit {
    /// Gone in the moment, or closing in it.
    pub(super) const EXACT: f64 = 3.5;
    /// Gone in the next snapshot.
    pub(super) const NEXT: f64 = 2.5;
    /// Gone soon after, or just before.
    pub(super) const NEAR: f64 = 1.0;
    /// Gone within minutes after: a client can take its time. Between its neighbours; not fitted.
    pub(super) const LATE: f64 = -0.5;
    /// Nothing is known of the connection.
    pub(super) const UNKNOWN: f64 = 0.0;
    /// There for long after, or gone long before with no line that could have been lost: perhaps not its connection.
    pub(super) const POOR: f64 = -2.5;
    /// The same, and gone with another `IN` of the pair.
    pub(super) const WORST: f64 = -3.5;
    /// Gone long before, in a burst or as more than one block showed: its own `IN` is lost.
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
        if !self.is_of_stop(event) {
            self.end_stopped();
        }
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
                    listed: None,
                    borrowed: false,
                    carried: false,
                    out_still: true,
                });
            }
            EventKind::Token { kind: TokenKind::In, feature, pair, licences, inactive, repeated } => {
                let key = (*pair, Arc::clone(feature));
                self.give_back(index, &key, *licences, *inactive, *repeated);
            }
            EventKind::Started(_) => self.restart(index),
            EventKind::Stopped(_) => self.stops.push(index),
            EventKind::Listed(answer) => self.reconcile(*answer),
            EventKind::Token { .. } => {}
        }
    }

    /// Takes the tokens that are out already; the addresses of those that have no connection.
    fn resume(&mut self, carry: &Carry) -> Vec<Option<Address>> {
        let mut given = Vec::with_capacity(carry.holdings.len());
        for one in &carry.holdings {
            let Some(pair) = self.list.find_pair(&one.owner.0) else { continue };
            let choice = one.connection.map(|(connection, evidence)| Choice { connection, evidence });
            self.begin(Holding {
                pair,
                feature: one.owner.1.as_str().into(),
                licences: one.licences,
                start: one.start,
                origin: one.origin,
                out: None,
                choice,
                end: one.start,
                state: State::Open,
                sign: one.start,
                back: None,
                listed: one.listed,
                borrowed: one.borrowed,
                carried: true,
                out_still: true,
            });
            given.push(one.address);
        }
        given
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
        let state = if holding.borrowed { State::Borrowed } else { state };
        (holding.end, holding.state, holding.back) = (at.max(holding.start), state, back);
        (holding.sign, holding.out_still) = (holding.end, false);
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
        self.held.holdings[id].borrowed |= self.outlived(id, index);
        let expired = inactive || event.moment.is_some_and(|moment| self.is_expiring(id, moment));
        self.end(id, event.at, if expired { State::Expired } else { State::Closed }, Some(index));
    }

    /// Whether a token that an `IN` gives back was out for hours without its connection, while its pair took others: it was
    /// borrowed. Only where every line between is known.
    fn outlived(&self, id: usize, back: usize) -> bool {
        let own = &self.held.holdings[id];
        let at = self.list.events[back].at;
        let Some(gone) = own.choice.and_then(|choice| self.watch.gone_at(choice.connection)) else { return false };
        let is_known = |at: DateTime<Utc>| {
            let moment = self.watch.moment_at(at);
            self.list.is_complete(at) || moment.is_some_and(|moment| self.watch.moment(moment).collected)
        };
        if at - gone < OUTLIVED || !is_known(gone) || !is_known(at) {
            return false;
        }
        let is_other = |&(other_id, other): &(usize, &Holding)| {
            other_id != id && other.pair == own.pair && other.feature == own.feature
        };
        let others = || self.held.holdings.iter().enumerate().filter(is_other).map(|(_, other)| other);
        let mut held: Vec<(DateTime<Utc>, DateTime<Utc>)> =
            others().map(|other| (other.start, if other.is_out() { at } else { other.end })).collect();
        held.sort_unstable();
        let mut free_since = gone;
        let mut longest = Duration::zero();
        for (start, end) in held.into_iter().chain([(at, at)]) {
            longest = longest.max(start.min(at) - free_since);
            free_since = free_since.max(end);
        }
        longest >= ALONE && others().any(|other| other.out.is_some() && gone < other.start && other.start < at)
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
        // A borrowed token needs no connection.
        if self.held.holdings[id].borrowed {
            return fit::UNKNOWN;
        }
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
        } else if Duration::zero() < apart && apart <= LATE && !self.ends_elsewhere(connection, gone) {
            fit::LATE
        } else if gone < moment && (self.in_burst(gone) || gone + 2 <= moment) {
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
        let start = self.watch.connection(connection).since.min(at);
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
            listed: None,
            borrowed: false,
            carried: false,
            out_still: true,
        })
    }

    /// Whether the server was giving up on the holding's client in a moment: closing, with bytes unacknowledged.
    fn is_expiring(&self, id: usize, moment: MomentId) -> bool {
        let Some(choice) = self.held.holdings[id].choice else { return false };
        self.watch.signals(moment).iter().any(|signal| signal.connection == choice.connection && signal.fin_wait)
    }

    /// Whether an event is part of a stop that is going on: a daemon that ends in good order gives its tokens back, one
    /// `IN … (SHUTDOWN)` each.
    fn is_of_stop(&self, event: &Event) -> bool {
        let is_soon = |stop: &usize| event.at - self.list.events[*stop].at <= ORDERLY_STOP;
        match event.what {
            EventKind::Stopped(_) => true,
            EventKind::Token { kind, .. } => kind != TokenKind::Out && self.stops.last().is_some_and(is_soon),
            EventKind::Started(_) | EventKind::Listed(_) => false,
        }
    }

    /// Ends what is left of the daemons that stopped.
    fn end_stopped(&mut self) {
        for stop in std::mem::take(&mut self.stops) {
            self.restart(stop);
        }
    }

    /// Whether a holding is of a daemon; of one whose feature no line ever showed, nobody knows.
    fn is_of(&self, id: usize, daemon: Option<&str>) -> bool {
        let known = self.list.daemons.get(&self.held.holdings[id].feature);
        daemon.is_none_or(|daemon| known.is_some_and(|known| known.contains(daemon)))
    }

    /// The daemons keep no state: every token ends with its own, when its last sign of life says.
    fn restart(&mut self, index: usize) {
        let event = &self.list.events[index];
        let daemon = match &event.what {
            EventKind::Stopped(daemon) => daemon.as_deref(),
            _ => None,
        };
        let last_alive = match event.what {
            // Not seen to stop: the last of all lines before is the last sign of life.
            EventKind::Started(line) => {
                let token = index.checked_sub(1).map(|before| self.list.events[before].at);
                let block = event.moment.and_then(|moment| moment.checked_sub(1)).map(|m| self.watch.moment(m).at);
                token.max(line).max(block).unwrap_or(event.at).min(event.at)
            }
            _ => event.at,
        };
        // What is borrowed outlives the daemon, which keeps a record of it alone.
        let ends = |id: &usize| self.is_of(*id, daemon) && !self.held.holdings[*id].borrowed;
        let open: Vec<usize> = self.open.values().flatten().copied().filter(ends).collect();
        for id in open {
            let known_end = self.last_seen(id, event.moment).or_else(|| self.is_ghost(id).then(|| self.last_word(id)));
            let at = known_end.map_or(last_alive, |seen| seen.min(last_alive));
            self.end(id, at, State::Presumed, None);
        }
    }

    /// The end of a holding whose connection was gone before a moment (or by the end of the watch): its last sign of life;
    /// but where it was gone in the midst of a burst, which is where lines are lost, the burst.
    fn last_seen(&self, id: usize, before: Option<MomentId>) -> Option<DateTime<Utc>> {
        let connection = self.held.holdings[id].choice?.connection;
        let gone = self.watch.connection(connection).gone.filter(|gone| before.is_none_or(|before| *gone < before))?;
        let at = self.watch.gone_at(connection)?;
        Some(if self.in_burst(gone) { at } else { self.watch.last_seen(connection) })
    }

    fn in_burst(&self, moment: MomentId) -> bool {
        self.list.is_in_burst(self.watch, moment)
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
        match event.origin {
            Origin::DebugLog => self.list.log_files.place(event.line),
            Origin::Logwatch | Origin::Lmstat | Origin::Inferred => self.watch.files.place(event.line),
        }
    }

    /// Holds what is out against an answer of `lmstat`: whom it does not list has given the token back unseen, and whom only
    /// it lists took one unseen.
    fn reconcile(&mut self, answer: usize) {
        let Listing { at, lmstat } = self.scene.listings[answer];
        let mut listed: BTreeMap<Key, Vec<&Use>> = BTreeMap::new();
        for (key, open) in &self.open {
            if lmstat.covers(&key.1) && !open.is_empty() {
                listed.entry(key.clone()).or_default();
            }
        }
        for one in &lmstat.uses {
            if let Some(pair) = self.list.find_pair(&one.who) {
                listed.entry((pair, Arc::clone(&one.feature))).or_default().push(one);
            }
        }
        // One that was given back in the minute of the answer was listed, and is not out any more.
        let mut given_back: HashMap<Key, usize> = HashMap::new();
        for holding in self.held.holdings.iter().filter(|one| is_given_back(one, at)) {
            *given_back.entry((holding.pair, Arc::clone(&holding.feature))).or_default() += 1;
        }
        for (key, uses) in listed {
            let uses: Vec<Used<'_>> = uses.into_iter().map(|one| (one, self.since(one))).collect();
            let given_back = given_back.get(&key).copied().unwrap_or_default();
            self.reconcile_pair(&key, (uses, given_back), at, lmstat.lists_all(&key.1));
        }
    }

    /// When a listed token was taken, to the minute.
    fn since(&self, one: &Use) -> DateTime<Utc> {
        civil_moment(one.since, self.scene.settings.timezone, None)
    }

    /// Notes that an answer lists a token; and that it is borrowed, where it stays out for hours though nobody is connected, or
    /// for less and is out without its connection.
    fn note_listed(&mut self, id: usize, one: &Use, at: DateTime<Utc>) {
        let holding = &self.held.holdings[id];
        let gone = holding.choice.and_then(|choice| self.watch.gone_at(choice.connection));
        let is_gone = gone.is_some_and(|gone| gone <= at);
        let lingers = one.linger_s.is_some_and(|linger| linger >= LENT_S || is_gone && linger > 0);
        let holding = &mut self.held.holdings[id];
        holding.listed = Some(at);
        holding.borrowed |= lingers;
    }

    /// `is_whole`: whoever is not listed holds none. Of the uses, `given_back` are no longer out.
    fn reconcile_pair(
        &mut self,
        key: &Key,
        (mut uses, given_back): (Vec<Used<'_>>, usize),
        at: DateTime<Utc>,
        is_whole: bool,
    ) {
        let mut open = self.open.get(key).cloned().unwrap_or_default();
        let were_open = open.clone();
        // Those most likely still out first.
        open.sort_by_key(|&id| std::cmp::Reverse((self.life(id), self.held.holdings[id].start)));
        // Which token is which, where the beginnings agree.
        let mut left = Vec::new();
        for id in open {
            let start = self.held.holdings[id].start;
            match uses.iter().position(|(_, since)| (start - *since).abs() <= SAME_MINUTE) {
                Some(index) => {
                    let (one, _) = uses.remove(index);
                    self.note_listed(id, one, at);
                }
                None => left.push(id),
            }
        }
        for id in left {
            let start = self.held.holdings[id].start;
            // A token that was taken later than this one is another.
            match uses.iter().position(|(_, since)| *since <= start + SAME_MINUTE) {
                Some(index) => {
                    let (one, _) = uses.remove(index);
                    self.note_listed(id, one, at);
                }
                // What was taken in the minute of the answer is too young to be missed in it.
                None if is_whole && start < at => self.presume(id, at, self.watch.moment_at(at), None),
                None => {}
            }
        }
        let ended = were_open.iter().filter(|id| is_given_back(&self.held.holdings[**id], at)).count();
        for (one, since) in uses.into_iter().skip(given_back + ended) {
            self.begin(Holding {
                pair: key.0,
                feature: Arc::clone(&key.1),
                licences: self.list.believed(one.licences),
                start: since.min(at),
                origin: Origin::Lmstat,
                out: None,
                choice: None,
                end: at,
                state: State::Open,
                sign: at,
                back: None,
                listed: Some(at),
                borrowed: one.linger_s.is_some_and(|linger| linger >= LENT_S),
                carried: false,
                out_still: true,
            });
        }
    }

    /// What became of those without an `IN`, by the end of all evidence.
    fn finish(&mut self, as_of: DateTime<Utc>) {
        let seen = self.seen_last().unwrap_or(as_of);
        let stale_after = Duration::from_std(self.scene.settings.stale_after).unwrap_or(Duration::MAX);
        let mut open: Vec<usize> = self.open.values().flatten().copied().collect();
        open.sort_unstable();
        for id in open {
            let sign = self.sign_of_life(id, seen);
            match sign {
                Some(sign) if as_of - sign <= stale_after => {
                    let holding = &mut self.held.holdings[id];
                    (holding.end, holding.sign) = (seen.max(holding.start), sign.max(holding.start));
                    if holding.borrowed {
                        holding.state = State::Borrowed;
                    }
                }
                _ => self.presume(id, seen, None, sign),
            }
        }
    }

    /// The last sign of life of a token that may still be out; `None` where it cannot be.
    fn sign_of_life(&self, id: usize, seen: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let holding = &self.held.holdings[id];
        let last = self.scene.listings.last();
        if holding.borrowed && holding.listed.is_some() && holding.listed == last.map(|answer| answer.at) {
            return Some(seen);
        }
        let answers = self.scene.listings.iter().rev();
        let mut current = answers.take_while(|answer| seen - answer.at <= OUTDATED);
        if current.any(|answer| holding.listed == Some(answer.at)) {
            return Some(seen);
        }
        match self.life(id) {
            2 => Some(seen),
            1 => {
                Some(self.last_word(id)).filter(|word| !self.is_ghost(id) && !longer(seen - *word, self.scene.settings))
            }
            _ => None,
        }
    }

    /// Takes what is still out by what the days behind the stretch show: a token whose beginning was lost is known by its end,
    /// or by an answer of `lmstat`, and its session is one with those that overlap it here.
    fn look_ahead(&mut self) {
        let until = self.scene.span.until;
        let Held { holdings, counted_repeats, .. } = &self.held;
        let (holdings, counted_repeats) = (holdings.clone(), counted_repeats.clone());
        let (open, owner, n_findings) = (self.open.clone(), self.owner.clone(), self.findings.len());
        for index in 0..self.list.events.len() {
            if self.list.events[index].at >= until {
                self.take(index);
            }
        }
        self.stops.clear();
        let later = self.held.holdings.split_off(holdings.len());
        (self.held.holdings, self.held.counted_repeats) = (holdings, counted_repeats);
        (self.open, self.owner) = (open, owner);
        self.findings.truncate(n_findings);
        for one in later.into_iter().filter(|one| one.out.is_none() && one.start < until) {
            let at = one.start;
            self.begin(Holding {
                end: at,
                state: State::Open,
                sign: at,
                back: None,
                listed: None,
                out_still: true,
                ..one
            });
        }
    }

    /// Ends the tokens of which no more can become known, where the next stretch begins.
    fn settle(&mut self) {
        let until = self.scene.span.until;
        let mut open: Vec<usize> = self.open.values().flatten().copied().collect();
        open.sort_unstable();
        for id in open {
            let gone = self.held.holdings[id].choice.and_then(|choice| self.watch.gone_at(choice.connection));
            let over = gone.or_else(|| self.held.holdings[id].choice.is_none().then(|| self.last_word(id)));
            let is_borrowed = self.held.holdings[id].borrowed;
            let over = if is_borrowed { self.held.holdings[id].listed.or(over) } else { over };
            let most = if gone.is_some() && !is_borrowed { LONG_GONE } else { LONG_SILENT };
            if over.is_some_and(|over| until - over > most) {
                self.presume(id, until, None, None);
            }
        }
    }

    /// The last time that anything showed the server alive.
    fn seen_last(&self) -> Option<DateTime<Utc>> {
        let log = self.list.complete.last().map(|(_, last)| *last);
        let traces = self.watch.last.max(log);
        traces.max(self.scene.listings.last().map(|answer| answer.at))
    }

    /// How much speaks for a holding being still out: its connection is there, is unknown, or is gone.
    fn life(&self, id: usize) -> u8 {
        match self.held.holdings[id].choice.map(|choice| self.watch.connection(choice.connection).gone) {
            Some(None) => 2,
            None => 1,
            Some(Some(_)) => 0,
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
        let begin = self.next_window(own).unwrap_or(own.start);
        others.into_iter().fold(begin, |end, other| if other.0 <= end + RECONNECTION { end.max(other.1) } else { end })
    }

    /// When a pair took its next token after one of a time in which nobody watched and every line is known: as it was not given
    /// back by then, it was out until then at least, be that next one a second window or a reconnection.
    fn next_window(&self, own: &Holding) -> Option<DateTime<Utc>> {
        let is_known = |at: DateTime<Utc>| self.list.is_complete(own.start) && self.list.is_complete(at);
        let others = self.held.holdings.iter().filter(|other| other.pair == own.pair && other.feature == own.feature);
        let next = others.map(|other| other.start).filter(|start| *start > own.start).min();
        let is_unwatched = own.choice.is_none() && !self.watch.covers(own.start);
        next.filter(|next| is_unwatched && *next - own.start <= HALF_A_DAY && is_known(*next))
    }

    /// Ends a token that nobody saw given back. `sign` is the last sign of life of one that was there at the last look, and that
    /// nobody has looked for since; `before` is the moment by which it must have been gone.
    fn presume(&mut self, id: usize, seen: DateTime<Utc>, before: Option<MomentId>, sign: Option<DateTime<Utc>>) {
        let at = sign.or_else(|| self.last_seen(id, before)).unwrap_or_else(|| self.last_word(id));
        let at = Some(at).max(self.held.holdings[id].listed).unwrap_or(at).min(seen);
        if let Some(out) = self.held.holdings[id].out {
            let who = &self.list.pairs[self.held.holdings[id].pair as usize];
            let day = self.day(self.list.events[out].at);
            self.findings.push(Finding::about(Kind::LostIn, self.place(out), who).of(day));
        }
        self.end(id, at, State::Presumed, None);
    }
}

/// Whether a token was out at a moment, and is not any more.
fn is_given_back(holding: &Holding, at: DateTime<Utc>) -> bool {
    !holding.is_out() && holding.end >= at
}

/// Whether nobody can be presumed there after so long a silence.
fn longer(silence: Duration, settings: &TraceSettings) -> bool {
    silence.to_std().is_ok_and(|silence| silence > settings.stale_after)
}

/// The address of each holding: its connection's, or its pair's own where the pair is always there; where nobody watched, that
/// of the machine which DHCP knows by the very name of the host.
fn addresses(scene: &Scene<'_>, held: &Held) -> Vec<Option<Address>> {
    let Scene { watch, list, attribution, naming, .. } = *scene;
    let homes = attribution.habits.homes();
    let mut of_pair: HashMap<PairId, Vec<ConnectionId>> = HashMap::new();
    for holding in &held.holdings {
        of_pair.entry(holding.pair).or_default().extend(holding.choice.map(|choice| choice.connection));
    }
    // A further window of an application that is connected needs no connection of its own.
    let connected = |holding: &Holding| {
        let moment = watch.moment_at(holding.start)?;
        let is_there = |id: &&ConnectionId| {
            let life = watch.connection(**id);
            life.first <= moment && life.gone.is_none_or(|gone| gone > moment)
        };
        let mut addresses = of_pair.get(&holding.pair)?.iter().filter(is_there).map(|id| watch.ip(*id));
        let first = addresses.next()?;
        addresses.all(|ip| ip == first).then_some(first)
    };
    let of = |holding: &Holding| match holding.choice {
        Some(choice) => Some((watch.ip(choice.connection), choice.evidence)),
        // Where nobody watched, the pair's usual place is a guess: people move.
        None if watch.saw(holding.start) => {
            connected(holding).or(homes.get(&holding.pair).copied()).map(|ip| (ip, Evidence::Majority))
        }
        None => {
            let host = short_name(list.pairs[holding.pair as usize].host());
            (naming.address)(&host, holding.start).map(|named| (named, Evidence::Hostname))
        }
    };
    held.holdings.iter().map(of).collect()
}
