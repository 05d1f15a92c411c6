//! What one stretch of time hands on to the next: the tokens that are out and what is known of them.
//!
//! Evidence is derived a calendar month (UTC) at a time. All that an analysis of one month must know of those before is in
//! its carry, so that a month can be derived alone, and comes out the same as in a derivation of everything.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::holds::{Address, Held, Holding};
use super::tokens::{List, Origin};
use super::watch::{CarriedConnection, ConnectionId, MomentId, Watch};
use crate::model::{Evidence, Identity, State};
use crate::privacy::{Veil, is_pseudonym};

/// A pair and the feature that it holds.
pub type Owner = (Identity, String);

/// What is known at a midnight.
///
/// What an older jeton did not hand on is empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Carry {
    /// The last block of the logwatch before it, and whether `jeton collect` was writing.
    pub watched: Option<(DateTime<Utc>, bool)>,
    /// The last line of the debug log before it.
    pub logged: Option<DateTime<Utc>>,
    /// The connections that were there, or were a token's that is still out.
    pub connections: Vec<CarriedConnection>,
    /// The tokens that are out.
    pub holdings: Vec<CarriedHolding>,
    /// The tokens of sessions that are not over which were given back already.
    pub shares: Vec<CarriedShare>,
    /// From where each pair took its tokens in the month before, and how many.
    pub habits: Vec<(Identity, IpAddr, u32)>,
    /// How often the collector gives a sign of life, in seconds.
    pub pulse_s: Option<u32>,
    /// The daemons that give out each feature.
    pub daemons: BTreeMap<String, BTreeSet<String>>,
    /// The difference to UTC of the debug log's clocks, in seconds, where it is not the site's.
    pub log_offset_s: Option<i32>,
}

/// A token that is out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CarriedHolding {
    /// Whose, and of which feature.
    pub owner: Owner,
    /// How many licences.
    pub licences: u32,
    /// When it was taken.
    pub start: DateTime<Utc>,
    /// What that is known from.
    pub origin: Origin,
    /// Its connection among those that are carried, and the evidence for it.
    pub connection: Option<(ConnectionId, Evidence)>,
    /// Its address, where that is not the connection's.
    pub address: Option<Address>,
    /// The last answer of `lmstat` that listed it.
    pub listed: Option<DateTime<Utc>>,
    /// Whether it is borrowed.
    #[serde(default)]
    pub borrowed: bool,
}

/// A token that was given back, in a session that goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CarriedShare {
    /// Whose, and of which feature.
    pub owner: Owner,
    /// When it was taken.
    pub start: DateTime<Utc>,
    /// When it was given back.
    pub end: DateTime<Utc>,
    /// What the end is.
    pub state: State,
    /// From where it was taken.
    pub address: Option<Address>,
}

impl Carry {
    /// Everybody whom it names.
    pub fn people(&self) -> impl Iterator<Item = &Identity> {
        let holdings = self.holdings.iter().map(|one| &one.owner.0);
        let habits = self.habits.iter().map(|one| &one.0).filter(|who| !is_veiled(who));
        holdings.chain(self.shares.iter().map(|one| &one.owner.0)).chain(habits)
    }

    /// The same at the horizon, where all that is older is forgotten: the tokens of the sessions that go on, whose owners are
    /// `known`, under their names; from where everybody else took theirs, under pseudonyms.
    #[must_use]
    pub fn at_horizon(mut self, veil: &Veil, known: &BTreeSet<Owner>) -> Self {
        self.holdings.retain(|one| known.contains(&one.owner));
        self.shares.retain(|one| known.contains(&one.owner));
        for (who, ip, _) in &mut self.habits {
            (*who, *ip) = (veil.who(who), veil.ip(*ip));
        }
        self.habits.sort();
        self
    }

    /// The same with other names.
    #[must_use]
    pub fn renamed(mut self, name: &dyn Fn(&Identity) -> Identity) -> Self {
        let holdings = self.holdings.iter_mut().map(|one| &mut one.owner.0);
        let shares = self.shares.iter_mut().map(|one| &mut one.owner.0);
        for who in holdings.chain(shares).chain(self.habits.iter_mut().map(|one| &mut one.0)) {
            *who = name(who);
        }
        self
    }

    /// From where each pair took its tokens before, and how many. Those under pseudonyms are told by the pairs and the
    /// addresses that are known now.
    pub(super) fn known_habits(&self, list: &List, watch: &Watch, veil: Option<&Veil>) -> Vec<(Identity, IpAddr, u32)> {
        let (veiled, plain): (Vec<_>, Vec<_>) = self.habits.iter().partition(|(who, ..)| is_veiled(who));
        let mut known: Vec<(Identity, IpAddr, u32)> = plain.into_iter().cloned().collect();
        let Some(veil) = veil.filter(|_| !veiled.is_empty()) else { return known };
        let pairs: BTreeMap<Identity, &Identity> = list.pairs.iter().map(|who| (veil.who(who), who)).collect();
        let addresses: BTreeSet<IpAddr> = watch.connections.iter().map(|life| life.peer.ip).collect();
        let addresses: BTreeMap<IpAddr, IpAddr> = addresses.into_iter().map(|ip| (veil.ip(ip), ip)).collect();
        known.extend(
            veiled.into_iter().filter_map(|(who, ip, n)| Some(((*pairs.get(who)?).clone(), *addresses.get(ip)?, *n))),
        );
        known
    }

    /// The addresses of the tokens that it knows.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let own = self.holdings.iter().filter_map(|one| Some(one.address?.0));
        let connected = self.holdings.iter().filter_map(|one| {
            let (connection, _) = one.connection?;
            Some(self.connections.get(connection as usize)?.peer.ip)
        });
        own.chain(connected).chain(self.shares.iter().filter_map(|one| Some(one.address?.0)))
    }
}

fn is_veiled(who: &Identity) -> bool {
    is_pseudonym(who.login()) && is_pseudonym(who.host())
}

/// The connections and tokens that an analysis hands on at a moment.
pub(super) fn carried(watch: &Watch, list: &List, held: &Held, until: DateTime<Utc>) -> Carry {
    let last = watch.moments.iter().rposition(|moment| moment.at < until);
    let last = last.and_then(|index| MomentId::try_from(index).ok());
    let open: Vec<(&Holding, Option<Address>)> =
        held.holdings.iter().zip(&held.addresses).filter(|(one, _)| one.is_out()).map(|(one, at)| (one, *at)).collect();
    let mut connections: Vec<ConnectionId> = last.into_iter().flat_map(|last| watch.alive(last)).collect();
    connections.extend(open.iter().filter_map(|(holding, _)| Some(holding.choice?.connection)));
    connections.sort_unstable();
    connections.dedup();
    let place: BTreeMap<ConnectionId, ConnectionId> = connections.iter().copied().zip(0..).collect();
    let holdings = open.into_iter().map(|(holding, address)| CarriedHolding {
        owner: (list.pairs[holding.pair as usize].clone(), holding.feature.to_string()),
        licences: holding.licences,
        start: holding.start,
        origin: holding.origin,
        connection: holding.choice.and_then(|choice| Some((*place.get(&choice.connection)?, choice.evidence))),
        address: if holding.choice.is_some() { None } else { address },
        listed: holding.listed,
        borrowed: holding.borrowed,
    });
    Carry {
        watched: last.map(|last| watch.moment(last)).map(|moment| (moment.at, moment.collecting)),
        logged: list.complete.iter().map(|(_, end)| *end).filter(|end| *end < until).max(),
        holdings: holdings.collect(),
        pulse_s: watch.pulse_s,
        daemons: list
            .daemons
            .iter()
            .map(|(feature, daemons)| (feature.to_string(), daemons.iter().map(ToString::to_string).collect()))
            .collect(),
        connections: connections.iter().map(|&id| carried_connection(watch, list, id, last)).collect(),
        ..Carry::default()
    }
}

fn carried_connection(watch: &Watch, list: &List, id: ConnectionId, last: Option<MomentId>) -> CarriedConnection {
    let life = watch.connection(id);
    let is_gone = life.gone.is_some_and(|gone| last.is_some_and(|last| gone <= last));
    // Where a line was lost as it went, that was its token's end.
    let in_burst = life.ended.is_none() && life.gone.is_some_and(|gone| list.is_in_burst(watch, gone));
    let last_seen = |gone| if in_burst { gone } else { watch.last_seen(id) };
    let ended = watch.gone_at(id).filter(|_| is_gone).map(|gone| (last_seen(gone), gone));
    let initial = life.initial || list.is_in_burst(watch, life.first);
    CarriedConnection { peer: life.peer, since: life.since, initial, ended }
}
