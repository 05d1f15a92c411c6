//! One page of a search, however long that is, in the order of any column.
//!
//! The days are added up already: how many pieces each pair has at each place on each day. So it is known how many pieces
//! come before those of the page, and on which days and of which people or places these are: they alone are read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use chrono_tz::Tz;
use rusqlite::Connection;

use super::query::features;
use super::search::{Conditions, Query};
use super::tally::{Tallies, UseKey};
use super::{Ledger, LedgerError, Search, code};
use crate::model::{SessionRow, State};

/// What the rows of a page are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The start of the piece.
    #[default]
    Start,
    /// Its end.
    End,
    /// Its length.
    Duration,
    /// The login.
    Login,
    /// The host in the log.
    Host,
    /// The state.
    State,
    /// The address.
    Ip,
    /// The department.
    Department,
    /// The name in the DHCP files.
    Hostname,
    /// The outlet.
    Outlet,
}

impl Order {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Start,
        Self::End,
        Self::Duration,
        Self::Login,
        Self::Host,
        Self::State,
        Self::Ip,
        Self::Department,
        Self::Hostname,
        Self::Outlet,
    ];

    /// The name of its column in the CSV.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Duration => "duration_s",
            Self::Login => "login",
            Self::Host => "host",
            Self::State => "state",
            Self::Ip => "ip",
            Self::Department => "department",
            Self::Hostname => "hostname",
            Self::Outlet => "outlet",
        }
    }
}

/// Which rows of a search are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// What they are sorted by; those that are alike, by their starts.
    pub order: Order,
    /// Whether the greatest comes first.
    pub is_reversed: bool,
    /// How many are passed over.
    pub from: usize,
    /// How many are wanted at most.
    pub most: usize,
}

/// So many pieces at most are sorted by their lengths; more are read in the order of their lengths.
const FEW: usize = 20_000;

impl Ledger {
    /// A part of the pieces that meet all conditions, and how many there are. All days of the search must be among those that are
    /// added up.
    pub fn part(
        &self,
        search: &Search,
        part: Part,
        tallies: &Tallies,
        zone: Tz,
    ) -> Result<(Vec<SessionRow>, usize), LedgerError> {
        self.with(|db| {
            let tx = db.unchecked_transaction()?;
            let features = features(&tx)?;
            let Some(conditions) = self.conditions(&tx, &features, search, zone)? else { return Ok((Vec::new(), 0)) };
            let (is_met, groups) = (conditions.filter(), Groups::of(&tx, part.order)?);
            let mut counts = vec![0; groups.len()];
            for used in tallies.iter().flat_map(|(_, tally)| tally.keys()).filter(|used| is_met(used)) {
                counts[groups.of_use(used)] += usize::from(used.rows);
            }
            let total: usize = counts.iter().sum();
            if part.order == Order::Duration {
                let query = if total > FEW { Query::by_length(&conditions) } else { Query::new(&tx, &conditions)? };
                return Ok((query.part(&tx, &features, part, zone)?, total));
            }
            let mut rows = Vec::new();
            for (conditions, part) in narrowed(&conditions, (&groups, &counts), part, (tallies, &is_met), zone) {
                rows.extend(Query::new(&tx, &conditions)?.part(&tx, &features, part, zone)?);
            }
            Ok((rows, total))
        })
    }
}

/// What comes before what: groups of pieces in the order of a column. Within each they are in the order of time.
enum Groups {
    /// All are one.
    One,
    /// By pairs, each with the number of its group; and how many groups there are.
    Pairs(HashMap<u32, usize>, usize),
    /// By places, likewise. The first is of no place.
    Places(HashMap<u32, usize>, usize),
    States,
}

impl Groups {
    fn of(db: &Connection, order: Order) -> rusqlite::Result<Self> {
        let of_places = |column: &str| {
            let sql = format!(
                "SELECT p.id, {column} FROM place p JOIN machine m ON m.id = p.machine_id \
                 JOIN address a ON a.id = p.address_id ORDER BY 2"
            );
            let (ranks, n) = ranks(db, &sql, 1)?;
            Ok(Self::Places(ranks, n))
        };
        let of_pairs = |column: &str| {
            let (ranks, n) = ranks(db, &format!("SELECT id, {column} FROM pair ORDER BY 2"), 0)?;
            Ok(Self::Pairs(ranks, n))
        };
        match order {
            Order::Start | Order::End | Order::Duration => Ok(Self::One),
            Order::State => Ok(Self::States),
            Order::Login => of_pairs("login_folded"),
            Order::Host => of_pairs("host_folded"),
            Order::Ip => of_places("a.ip"),
            Order::Department => of_places("m.department_folded"),
            Order::Hostname => of_places("m.hostname_folded"),
            Order::Outlet => of_places("m.outlet_folded"),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::One => 1,
            Self::Pairs(_, n) | Self::Places(_, n) => (*n).max(1),
            Self::States => State::ALL.len(),
        }
    }

    fn of_use(&self, used: &UseKey) -> usize {
        match self {
            Self::One => 0,
            Self::Pairs(ranks, _) => ranks.get(&used.pair).copied().unwrap_or_default(),
            Self::Places(ranks, _) => ranks.get(&used.place).copied().unwrap_or_default(),
            Self::States => usize::from(used.state).min(State::ALL.len() - 1),
        }
    }
}

/// The place of each number in the order of its text, from a first one on; those of one text have one. And how many places.
fn ranks(db: &Connection, sql: &str, first: usize) -> rusqlite::Result<(HashMap<u32, usize>, usize)> {
    let (mut ranks, mut next) = (HashMap::new(), first);
    let mut last: Option<String> = None;
    let mut found = db.prepare_cached(sql)?;
    let mut found = found.query([])?;
    while let Some(row) = found.next()? {
        let text: String = row.get(1)?;
        if last.as_ref() != Some(&text) {
            next += 1;
            last = Some(text);
        }
        ranks.insert(row.get(0)?, next - 1);
    }
    Ok((ranks, next))
}

/// Where the pieces of a group are.
#[derive(Default)]
struct Group {
    days: BTreeMap<NaiveDate, usize>,
    pairs: BTreeSet<i64>,
    places: BTreeSet<i64>,
    state: i64,
}

/// The days and groups that the rows of a part are of, in its order, each with the part of it.
fn narrowed(
    conditions: &Conditions,
    (groups, counts): (&Groups, &[usize]),
    part: Part,
    (tallies, is_met): (&Tallies, &dyn Fn(&UseKey) -> bool),
    zone: Tz,
) -> Vec<(Conditions, Part)> {
    let wanted = parts_of(counts.iter().copied().enumerate(), part);
    let mut found: HashMap<usize, Group> = wanted.iter().map(|(rank, _)| (*rank, Group::default())).collect();
    for (day, tally) in tallies {
        for used in tally.keys().iter().filter(|used| is_met(used)) {
            if let Some(group) = found.get_mut(&groups.of_use(used)) {
                *group.days.entry(*day).or_default() += usize::from(used.rows);
                group.pairs.insert(used.pair.into());
                group.places.insert(used.place.into());
                group.state = used.state.into();
            }
        }
    }
    let of_group = |(rank, part): (usize, Part)| {
        let group = found.remove(&rank)?;
        // Pieces that begin on a day end before those of the next do: their days are in the order of both.
        let days = parts_of(group.days.into_iter(), part);
        let ((one, within), (other, _)) = (days.first()?, days.last()?);
        let most = days.iter().map(|(_, part)| part.most).sum();
        let mut narrowed = conditions.clone();
        narrowed.span = code::bounds(*one.min(other), *one.max(other), zone);
        match groups {
            Groups::One => {}
            Groups::Pairs(..) => narrowed.pairs = Some(group.pairs.into_iter().collect()),
            Groups::Places(..) if group.places.contains(&0) => narrowed.is_without_place = true,
            Groups::Places(..) => narrowed.places = Some(group.places.into_iter().collect()),
            Groups::States => narrowed.state = Some(group.state),
        }
        Some((narrowed, Part { most, ..*within }))
    };
    wanted.into_iter().filter_map(of_group).collect()
}

/// Which of some heaps of rows, in their order, a part is of, and what of each.
fn parts_of<K>(heaps: impl DoubleEndedIterator<Item = (K, usize)>, part: Part) -> Vec<(K, Part)> {
    let heaps: Box<dyn Iterator<Item = (K, usize)>> =
        if part.is_reversed { Box::new(heaps.rev()) } else { Box::new(heaps) };
    let (mut from, mut left) = (part.from, part.most);
    let mut parts = Vec::new();
    for (key, count) in heaps {
        if from >= count {
            from -= count;
            continue;
        }
        if left == 0 {
            break;
        }
        let most = left.min(count - from);
        parts.push((key, Part { from, most, ..part }));
        left -= most;
        from = 0;
    }
    parts
}

#[cfg(test)]
mod tests;
