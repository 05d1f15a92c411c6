//! The search: any part of a name, all conditions together.
//!
//! The tables of names and machines are small, and hold what is compared, folded: they are searched first. Pieces are then
//! had by the index of whichever condition leaves fewest of them; where each leaves many, they are read in the order of
//! time, and the first ones are there at once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

use chrono::{Duration, NaiveDate};
use chrono_tz::Tz;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::names::{MACHINE, machine_of};
use super::paging::{Order, Part};
use super::query::{features, pair_of, pairs};
use super::tally::{MOST, UseKey};
use super::{Ledger, LedgerError, code};
use crate::model::{Feature, Identity, Machine, SessionRow, State, folded};

/// The conditions of a search; what is `None` is no condition.
#[derive(Debug, Clone)]
pub struct Search {
    /// The first day.
    pub first: NaiveDate,
    /// The last day, included.
    pub last: NaiveDate,
    /// Names, addresses and outlets must be these to the letter: a part of them is not enough.
    pub is_exact: bool,
    /// A part of the host in the log, or of the machine's name in the DHCP files.
    pub machine: Option<String>,
    /// A part of the login.
    pub login: Option<String>,
    /// A part of the department.
    pub department: Option<String>,
    /// Departments that will do as well.
    pub also_departments: Vec<String>,
    /// A part of the address.
    pub ip: Option<String>,
    /// The state.
    pub state: Option<State>,
    /// A part of the outlet.
    pub outlet: Option<String>,
    /// A part of what Ordinateurs.ods says of the machine.
    pub information: Option<String>,
    /// Only what a night saw, not what an imported history tells.
    pub is_seen: bool,
    /// Only rows of machines in these departments, by their exact names: what a reader may see.
    pub within: Option<Vec<String>>,
}

/// The most pieces that are fetched one by one and sorted; more are read in the order of time.
const FEW: i64 = 50_000;

impl Search {
    /// Everything that is known of some days.
    pub const fn of_days(first: NaiveDate, last: NaiveDate) -> Self {
        Self {
            first,
            last,
            is_exact: false,
            machine: None,
            login: None,
            department: None,
            also_departments: Vec::new(),
            ip: None,
            state: None,
            outlet: None,
            information: None,
            is_seen: false,
            within: None,
        }
    }
}

impl Ledger {
    /// Gives the pieces that meet all conditions to `take`, in the order of their starts, until that says false.
    pub fn search(
        &self,
        search: &Search,
        zone: Tz,
        take: &mut dyn FnMut(SessionRow) -> bool,
    ) -> Result<(), LedgerError> {
        self.with(|db| {
            // One state of the ledger, whatever a night does meanwhile.
            let tx = db.unchecked_transaction()?;
            let features = features(&tx)?;
            let Some(conditions) = self.conditions(&tx, &features, search, zone)? else { return Ok(()) };
            let mut query = Query::new(&tx, &conditions)?;
            query.sql += " ORDER BY start";
            query.run(&tx, &features, zone, take)
        })
    }

    /// What meets a search, of the features that are shown; `None` where nothing does.
    pub(super) fn conditions(
        &self,
        db: &Connection,
        features: &HashMap<i64, Feature>,
        search: &Search,
        zone: Tz,
    ) -> rusqlite::Result<Option<Conditions>> {
        let shown: Vec<i64> = features.keys().copied().filter(|id| self.shown(features, *id).is_some()).collect();
        let shown = (shown.len() < features.len()).then_some(shown);
        Conditions::of(db, search, shown, zone)
    }
}

/// Numbers that many others are looked up in.
struct Numbers(Vec<bool>);

impl Numbers {
    fn of(ids: &[i64]) -> Self {
        let ids = || ids.iter().filter_map(|id| u32::try_from(*id).ok()).filter(|id| *id < MOST).map(|id| id as usize);
        let mut numbers = vec![false; ids().max().map_or(0, |most| most + 1)];
        ids().for_each(|id| numbers[id] = true);
        Self(numbers)
    }

    fn has(&self, id: u32) -> bool {
        self.0.get(id as usize).copied().unwrap_or_default()
    }
}

/// A statement with its values.
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

/// Pieces by one index: the rest of a `SELECT … FROM piece`, with its values.
struct Road {
    from: String,
    values: Vec<Value>,
}

const COLUMNS: &str = "initial_start, start, until, cut, state, evidence, pair_id, place_id, feature_id";

/// What a search is met by, as numbers of the small tables.
#[derive(Debug, Clone)]
pub(super) struct Conditions {
    /// The first second, and the first behind the last.
    pub(super) span: (i64, i64),
    /// Pairs by their logins.
    pub(super) pairs: Option<Vec<i64>>,
    pub(super) places: Option<Vec<i64>>,
    /// Only pieces that are at no place.
    pub(super) is_without_place: bool,
    /// Pairs by their hosts, and places by their names: either will do.
    machine: Option<(Vec<i64>, Vec<i64>)>,
    pub(super) state: Option<i64>,
    is_seen: bool,
    features: Option<Vec<i64>>,
}

impl Conditions {
    /// `None` where some condition is met by nothing.
    pub(super) fn of(
        db: &Connection,
        search: &Search,
        features: Option<Vec<i64>>,
        zone: Tz,
    ) -> rusqlite::Result<Option<Self>> {
        let pairs = search.login.as_ref().map(|login| pairs_like(db, "login", login, search.is_exact)).transpose()?;
        let places = Places::of(search).map(|places| places.ids(db)).transpose()?;
        let machine = match &search.machine {
            Some(name) => Some((
                pairs_like(db, "host", name, search.is_exact)?,
                Places::default().with("m.hostname", name, search.is_exact).ids(db)?,
            )),
            None => None,
        };
        let is_empty = |ids: &Option<Vec<i64>>| ids.as_ref().is_some_and(Vec::is_empty);
        let is_nowhere = machine.as_ref().is_some_and(|(pairs, places)| pairs.is_empty() && places.is_empty());
        if is_empty(&pairs) || is_empty(&places) || is_empty(&features) || is_nowhere {
            return Ok(None);
        }
        let span = code::bounds(search.first, search.last, zone);
        let state = search.state.map(code::of_state);
        let is_seen = search.is_seen;
        Ok(Some(Self { span, pairs, places, is_without_place: false, machine, state, is_seen, features }))
    }

    /// What takes those uses of a day that meet them.
    pub(super) fn filter(&self) -> impl Fn(&UseKey) -> bool + use<> {
        let set = |ids: &Option<Vec<i64>>| ids.as_deref().map(Numbers::of);
        let (pairs, places, features) = (set(&self.pairs), set(&self.places), set(&self.features));
        let machine = self.machine.as_ref().map(|(pairs, places)| (Numbers::of(pairs), Numbers::of(places)));
        let (state, is_seen) = (self.state, self.is_seen);
        let holds = |numbers: &Option<Numbers>, id: u32| numbers.as_ref().is_none_or(|numbers| numbers.has(id));
        move |used| {
            holds(&pairs, used.pair)
                && holds(&places, used.place)
                && holds(&features, used.feature)
                && state.is_none_or(|state| state == i64::from(used.state))
                && !(is_seen && used.is_imported)
                && machine.as_ref().is_none_or(|(hosts, names)| hosts.has(used.pair) || names.has(used.place))
        }
    }

    /// The conditions beside the span, with their values.
    fn written(&self) -> (Vec<String>, Vec<Value>) {
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        let mut also = |condition: String, more: Vec<Value>| {
            conditions.push(condition);
            values.extend(more);
        };
        if let Some(ids) = &self.pairs {
            also(format!("+pair_id IN {LIST}"), vec![list(ids)]);
        }
        if let Some(ids) = &self.places {
            also(format!("+place_id IN {LIST}"), vec![list(ids)]);
        }
        if self.is_without_place {
            also("+place_id IS NULL".to_owned(), Vec::new());
        }
        if let Some((pairs, places)) = &self.machine {
            also(format!("(+pair_id IN {LIST} OR +place_id IN {LIST})"), vec![list(pairs), list(places)]);
        }
        if let Some(state) = self.state {
            also("+state = ?".to_owned(), vec![state.into()]);
        }
        if self.is_seen {
            also("told = 0".to_owned(), Vec::new());
        }
        if let Some(features) = &self.features {
            also(format!("+feature_id IN {LIST}"), vec![list(features)]);
        }
        (conditions, values)
    }

    fn roads(&self) -> Vec<Vec<Road>> {
        let by_pair = |ids| Road::by_pair(ids, self.span);
        let by_place = |ids| Road::by_place(ids, self.span);
        let state = self.state.filter(|state| *state != code::of_state(State::Closed));
        let roads = [
            self.pairs.as_deref().map(|ids| vec![by_pair(ids)]),
            self.places.as_deref().map(|ids| vec![by_place(ids)]),
            self.machine.as_ref().map(|(pairs, places)| vec![by_pair(pairs), by_place(places)]),
            state.map(|state| vec![Road::by_state(state, self.span)]),
        ];
        roads.into_iter().flatten().collect()
    }
}

impl Query {
    /// The best way to what is searched.
    pub(super) fn new(db: &Connection, conditions: &Conditions) -> rusqlite::Result<Self> {
        let road = best_road(db, conditions.roads())?;
        Ok(Self::along(
            road.map_or_else(|| Road::by_time(conditions.span), |(_, roads)| Road::of_any(roads)),
            conditions,
        ))
    }

    /// The pieces on a road that meet the conditions, in no order.
    fn along(Road { from, mut values }: Road, conditions: &Conditions) -> Self {
        let (also, more) = conditions.written();
        values.extend(more);
        let all = std::iter::once(from.as_str()).chain(also.iter().map(String::as_str));
        let all = all.collect::<Vec<_>>().join(" AND ");
        Self { sql: format!("SELECT {COLUMNS} {all}"), values }
    }

    /// The same in the order of their lengths.
    pub(super) fn by_length(conditions: &Conditions) -> Self {
        Self::along(Road::by_length(conditions.span), conditions)
    }

    /// A part of them in an order.
    pub(super) fn part(
        &self,
        db: &Connection,
        features: &HashMap<i64, Feature>,
        part: Part,
        zone: Tz,
    ) -> rusqlite::Result<Vec<SessionRow>> {
        let way = if part.is_reversed { "DESC" } else { "ASC" };
        let first = match part.order {
            Order::End => format!("s.until {way}, "),
            Order::Duration => format!("s.until - s.start {way}, "),
            _ => String::new(),
        };
        let sql =
            format!("SELECT * FROM ({}) s ORDER BY {first}s.start {way}, s.pair_id {way} LIMIT ? OFFSET ?", self.sql);
        let number = |count: usize| Value::from(i64::try_from(count).unwrap_or(i64::MAX));
        let values = self.values.iter().cloned().chain([number(part.most), number(part.from)]);
        let (pairs, mut places) = (pairs(db)?, HashMap::new());
        let mut statement = db.prepare(&sql)?;
        let mut found = statement.query(params_from_iter(values))?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            rows.push(read(db, row, (&pairs, features), &mut places, zone)?);
        }
        Ok(rows)
    }

    fn run(
        &self,
        db: &Connection,
        features: &HashMap<i64, Feature>,
        zone: Tz,
        take: &mut dyn FnMut(SessionRow) -> bool,
    ) -> rusqlite::Result<()> {
        let pairs = pairs(db)?;
        let mut places = HashMap::new();
        let mut statement = db.prepare(&self.sql)?;
        let mut found = statement.query(params_from_iter(&self.values))?;
        // Those of one second are in the order of their names.
        let mut together: Vec<SessionRow> = Vec::new();
        while let Some(row) = found.next()? {
            let read = read(db, row, (&pairs, features), &mut places, zone)?;
            if together.last().is_some_and(|last| last.start != read.start) && !give(&mut together, take) {
                return Ok(());
            }
            together.push(read);
        }
        give(&mut together, take);
        Ok(())
    }
}

fn give(rows: &mut Vec<SessionRow>, take: &mut dyn FnMut(SessionRow) -> bool) -> bool {
    rows.sort_by(|a, b| (&a.who, &a.feature).cmp(&(&b.who, &b.feature)));
    rows.drain(..).all(take)
}

type Known = HashMap<i64, (IpAddr, Machine)>;

fn read(
    db: &Connection,
    row: &rusqlite::Row<'_>,
    (pairs, features): (&HashMap<i64, Identity>, &HashMap<i64, Feature>),
    places: &mut Known,
    zone: Tz,
) -> rusqlite::Result<SessionRow> {
    let at = |index: usize| Ok::<_, rusqlite::Error>(code::moment(row.get(index)?)?.with_timezone(&zone));
    let (initial_start, start, until, cut) = (at(0)?, at(1)?, at(2)?, row.get::<_, bool>(3)?);
    let feature = features.get(&row.get(8)?).cloned().ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let read = SessionRow {
        date: start.date_naive(),
        who: pair_of(pairs, row.get(6)?)?,
        feature,
        start,
        end: if cut { until - Duration::seconds(1) } else { until },
        duration_s: (until - start).num_seconds(),
        state: code::state(row.get(4)?)?,
        initial_start,
        ip: None,
        evidence: code::evidence(row.get(5)?)?,
        machine: Machine::default(),
    };
    let Some(place) = row.get::<_, Option<i64>>(7)? else { return Ok(read) };
    let (ip, machine) = match places.entry(place) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(new) => new.insert(at_place(db, place)?),
    }
    .clone();
    Ok(SessionRow { ip: Some(ip), machine, ..read })
}

/// The address of a place, and what it was there.
pub(super) fn at_place(db: &Connection, place: i64) -> rusqlite::Result<(IpAddr, Machine)> {
    let sql = format!(
        "SELECT a.ip, {MACHINE} FROM place p JOIN address a ON a.id = p.address_id \
         JOIN machine m ON m.id = p.machine_id WHERE p.id = ?1"
    );
    let read = |row: &rusqlite::Row<'_>| Ok((code::ip(&row.get::<_, String>(0)?)?, machine_of(row, 1)?));
    db.prepare_cached(&sql)?.query_row([place], read)
}

/// The road with the fewest pieces, and how many these are, if any has few.
fn best_road(db: &Connection, roads: Vec<Vec<Road>>) -> rusqlite::Result<Option<(i64, Vec<Road>)>> {
    let mut best: Option<(i64, Vec<Road>)> = None;
    for road in roads {
        let mut n = 0;
        for part in &road {
            n += part.count(db)?;
        }
        if n <= FEW && best.as_ref().is_none_or(|(least, _)| n < *least) {
            best = Some((n, road));
        }
    }
    Ok(best)
}

/// A list of numbers as one value, `[1,2]`.
const LIST: &str = "(SELECT value FROM json_each(?))";

fn list(ids: &[i64]) -> Value {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    Value::from(format!("[{}]", ids.join(",")))
}

impl Road {
    fn by_pair(ids: &[i64], span: (i64, i64)) -> Self {
        Self::by("INDEXED BY piece_of_pair", &format!("pair_id IN {LIST}"), list(ids), span)
    }

    fn by_place(ids: &[i64], span: (i64, i64)) -> Self {
        Self::by("INDEXED BY piece_at_place", &format!("place_id IN {LIST}"), list(ids), span)
    }

    fn by_state(state: i64, span: (i64, i64)) -> Self {
        Self::by("INDEXED BY piece_by_state", "state <> 2 AND state = ?", state.into(), span)
    }

    fn by(index: &str, condition: &str, value: Value, span: (i64, i64)) -> Self {
        let from = format!("FROM piece {index} WHERE {condition} AND start >= ? AND start < ?");
        Self { from, values: vec![value, span.0.into(), span.1.into()] }
    }

    fn by_length(span: (i64, i64)) -> Self {
        let from = "FROM piece INDEXED BY piece_by_length WHERE start >= ? AND start < ?".to_owned();
        Self { from, values: vec![span.0.into(), span.1.into()] }
    }

    fn by_time(span: (i64, i64)) -> Self {
        let from = "FROM piece INDEXED BY piece_by_start WHERE start >= ? AND start < ?".to_owned();
        Self { from, values: vec![span.0.into(), span.1.into()] }
    }

    /// The pieces that are on any of several, each once.
    fn of_any(roads: Vec<Self>) -> Self {
        let ids: Vec<String> = roads.iter().map(|road| format!("SELECT id {}", road.from)).collect();
        let values = roads.into_iter().flat_map(|road| road.values).collect();
        Self { from: format!("FROM piece WHERE id IN ({})", ids.join(" UNION ")), values }
    }

    /// How many pieces are on it, up to a few more than [`FEW`].
    fn count(&self, db: &Connection) -> rusqlite::Result<i64> {
        let sql = format!("SELECT count(*) FROM (SELECT 1 {} LIMIT {})", self.from, FEW + 1);
        db.prepare_cached(&sql)?.query_row(params_from_iter(&self.values), |row| row.get(0))
    }
}

/// The pairs of which a name holds a text, or is it.
fn pairs_like(db: &Connection, column: &str, text: &str, is_exact: bool) -> rusqlite::Result<Vec<i64>> {
    let (condition, text) = alike(column, text, is_exact);
    let mut found = db.prepare_cached(&format!("SELECT id FROM pair WHERE {condition}"))?;
    let found = found.query_map([text], |row| row.get(0))?;
    found.collect()
}

/// That a column holds a text, case and accents folded, or is it to the letter.
fn alike(column: &str, text: &str, is_exact: bool) -> (String, String) {
    if is_exact {
        (format!("{column} = ?"), text.to_owned())
    } else {
        (format!("instr({column}_folded, ?) > 0"), folded(text))
    }
}

/// Conditions on what an address was.
#[derive(Debug, Default)]
struct Places {
    conditions: Vec<String>,
    texts: Vec<String>,
}

impl Places {
    fn of(search: &Search) -> Option<Self> {
        let mut places = Self::default();
        if let Some(ip) = &search.ip {
            places.conditions.push(if search.is_exact { "a.ip = ?" } else { "instr(a.ip, ?) > 0" }.to_owned());
            places.texts.push(folded(ip));
        }
        for (column, text) in [("m.outlet", &search.outlet), ("m.information", &search.information)] {
            if let Some(text) = text {
                places = places.with(column, text, search.is_exact);
            }
        }
        if let Some(department) = &search.department {
            let also = ["m.department_folded = ?"].repeat(search.also_departments.len());
            let any = [&["instr(m.department_folded, ?) > 0"], also.as_slice()].concat();
            places.conditions.push(format!("({})", any.join(" OR ")));
            places.texts.extend(std::iter::once(department).chain(&search.also_departments).map(|text| folded(text)));
        }
        if let Some(departments) = &search.within {
            places.conditions.push("m.department IN (SELECT value FROM json_each(?))".to_owned());
            // A list of texts is always JSON.
            places.texts.push(serde_json::to_string(departments).unwrap_or_default());
        }
        (!places.conditions.is_empty()).then_some(places)
    }

    fn with(mut self, column: &str, text: &str, is_exact: bool) -> Self {
        let (condition, text) = alike(column, text, is_exact);
        self.conditions.push(condition);
        self.texts.push(text);
        self
    }

    fn ids(&self, db: &Connection) -> rusqlite::Result<Vec<i64>> {
        let sql = format!(
            "SELECT p.id FROM place p JOIN machine m ON m.id = p.machine_id JOIN address a ON a.id = p.address_id \
             WHERE {}",
            self.conditions.join(" AND ")
        );
        let mut found = db.prepare_cached(&sql)?;
        let found = found.query_map(params_from_iter(&self.texts), |row| row.get(0))?;
        found.collect()
    }
}
