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
use super::query::{features, pair_of, pairs};
use super::{Ledger, LedgerError, code};
use crate::model::{Feature, Identity, Machine, SessionRow, State, folded};

/// The conditions of a search; what is `None` is no condition.
#[derive(Debug, Clone)]
pub struct Search {
    /// The first day.
    pub first: NaiveDate,
    /// The last day, included.
    pub last: NaiveDate,
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

    const fn column(self) -> &'static str {
        match self {
            Self::Start => "s.start",
            Self::End => "s.until",
            Self::Duration => "s.until - s.start",
            Self::Login => "pair.login_folded",
            Self::Host => "pair.host_folded",
            Self::State => "s.state",
            Self::Ip => "a.ip",
            Self::Department => "m.department_folded",
            Self::Hostname => "m.hostname_folded",
            Self::Outlet => "m.outlet_folded",
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

/// The most pieces that are fetched one by one and sorted; more are read in the order of time.
const FEW: i64 = 50_000;

impl Search {
    /// Everything that is known of some days.
    pub const fn of_days(first: NaiveDate, last: NaiveDate) -> Self {
        Self {
            first,
            last,
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
            let shown: Vec<i64> = features.keys().copied().filter(|id| self.shown(&features, *id).is_some()).collect();
            let shown = (shown.len() < features.len()).then_some(shown);
            let Some(query) = Query::new(&tx, search, shown.as_deref(), zone)? else { return Ok(()) };
            query.run(&tx, &features, zone, take)
        })
    }
}

impl Ledger {
    /// A part of the pieces that meet all conditions, and how many there are.
    pub fn part(&self, search: &Search, part: Part, zone: Tz) -> Result<(Vec<SessionRow>, usize), LedgerError> {
        self.with(|db| {
            let tx = db.unchecked_transaction()?;
            let features = features(&tx)?;
            let shown: Vec<i64> = features.keys().copied().filter(|id| self.shown(&features, *id).is_some()).collect();
            let shown = (shown.len() < features.len()).then_some(shown);
            let Some(query) = Query::new(&tx, search, shown.as_deref(), zone)? else { return Ok((Vec::new(), 0)) };
            query.part(&tx, &features, part, zone)
        })
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

/// The order of a whole search.
const BY_START: &str = " ORDER BY start";
const COLUMNS: &str = "initial_start, start, until, cut, state, evidence, pair_id, place_id, feature_id";

impl Query {
    /// The best way to what is searched; `None` where some condition is met by nothing.
    pub(super) fn new(
        db: &Connection,
        search: &Search,
        features: Option<&[i64]>,
        zone: Tz,
    ) -> rusqlite::Result<Option<Self>> {
        let span = code::bounds(search.first, search.last, zone);
        let mut roads = Vec::new();
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        let mut also = |condition: String, more: Vec<Value>| {
            conditions.push(condition);
            values.extend(more);
        };
        if let Some(login) = &search.login {
            let Some(ids) = pairs_like(db, "login_folded", login)? else { return Ok(None) };
            roads.push(vec![Road::by_pair(&ids, span)]);
            also(format!("+pair_id IN {LIST}"), vec![ids]);
        }
        if let Some(places) = Places::of(search) {
            let Some(ids) = places.ids(db)? else { return Ok(None) };
            roads.push(vec![Road::by_place(&ids, span)]);
            also(format!("+place_id IN {LIST}"), vec![ids]);
        }
        if let Some(machine) = &search.machine {
            let by_host = pairs_like(db, "host_folded", machine)?;
            let by_name = Places::default().with("m.hostname_folded", machine).ids(db)?;
            let (mut either, mut own) = (Vec::new(), Vec::new());
            if let Some(ids) = by_host {
                own.push(Road::by_pair(&ids, span));
                either.push((format!("+pair_id IN {LIST}"), ids));
            }
            if let Some(ids) = by_name {
                own.push(Road::by_place(&ids, span));
                either.push((format!("+place_id IN {LIST}"), ids));
            }
            let (parts, ids): (Vec<_>, Vec<_>) = either.into_iter().unzip();
            if parts.is_empty() {
                return Ok(None);
            }
            roads.push(own);
            also(format!("({})", parts.join(" OR ")), ids);
        }
        if let Some(state) = search.state {
            let wanted = Value::from(code::of_state(state));
            if state != State::Closed {
                roads.push(vec![Road::by_state(wanted.clone(), span)]);
            }
            also("+state = ?".to_owned(), vec![wanted]);
        }
        if search.is_seen {
            also("told = 0".to_owned(), Vec::new());
        }
        if let Some(features) = features {
            let Some(ids) = list(features) else { return Ok(None) };
            also(format!("+feature_id IN {LIST}"), vec![ids]);
        }
        Self::along(db, roads, span, &conditions, values).map(Some)
    }

    /// Along the road with the fewest pieces, if any has few.
    fn along(
        db: &Connection,
        roads: Vec<Vec<Road>>,
        span: (i64, i64),
        conditions: &[String],
        values: Vec<Value>,
    ) -> rusqlite::Result<Self> {
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
        let Road { from, values: mut own } = best.map_or_else(|| Road::by_time(span), |(_, roads)| Road::of_any(roads));
        own.extend(values);
        let all = std::iter::once(from.as_str()).chain(conditions.iter().map(String::as_str));
        let all = all.collect::<Vec<_>>().join(" AND ");
        Ok(Self { sql: format!("SELECT {COLUMNS} {all}{BY_START}"), values: own })
    }

    fn part(
        &self,
        db: &Connection,
        features: &HashMap<i64, Feature>,
        part: Part,
        zone: Tz,
    ) -> rusqlite::Result<(Vec<SessionRow>, usize)> {
        let all = self.sql.trim_end_matches(BY_START);
        let count = format!("SELECT count(*) FROM ({all})");
        let total: i64 = db.prepare(&count)?.query_row(params_from_iter(&self.values), |row| row.get(0))?;
        let way = if part.is_reversed { "DESC" } else { "ASC" };
        let sql = if part.order == Order::Start {
            format!("SELECT * FROM ({all}) s ORDER BY s.start {way}, s.pair_id {way}")
        } else {
            format!(
                "SELECT s.* FROM ({all}) s JOIN pair ON pair.id = s.pair_id LEFT JOIN place ON place.id = s.place_id \
                 LEFT JOIN machine m ON m.id = place.machine_id LEFT JOIN address a ON a.id = place.address_id \
                 ORDER BY {} {way}, s.start {way}, s.pair_id {way}",
                part.order.column()
            )
        };
        let number = |count: usize| Value::from(i64::try_from(count).unwrap_or(i64::MAX));
        let values = self.values.iter().cloned().chain([number(part.most), number(part.from)]);
        let (pairs, mut places) = (pairs(db)?, HashMap::new());
        let mut statement = db.prepare(&format!("{sql} LIMIT ? OFFSET ?"))?;
        let mut found = statement.query(params_from_iter(values))?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            rows.push(read(db, row, (&pairs, features), &mut places, zone)?);
        }
        Ok((rows, usize::try_from(total).unwrap_or_default()))
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

/// A list of numbers as one value, `[1,2]`.
const LIST: &str = "(SELECT value FROM json_each(?))";

/// A list, unless it is empty.
fn list(ids: &[i64]) -> Option<Value> {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    (!ids.is_empty()).then(|| Value::from(format!("[{}]", ids.join(","))))
}

impl Road {
    fn by_pair(ids: &Value, span: (i64, i64)) -> Self {
        Self::by("INDEXED BY piece_of_pair", &format!("pair_id IN {LIST}"), ids.clone(), span)
    }

    fn by_place(ids: &Value, span: (i64, i64)) -> Self {
        Self::by("INDEXED BY piece_at_place", &format!("place_id IN {LIST}"), ids.clone(), span)
    }

    fn by_state(state: Value, span: (i64, i64)) -> Self {
        Self::by("INDEXED BY piece_by_state", "state <> 2 AND state = ?", state, span)
    }

    fn by(index: &str, condition: &str, value: Value, span: (i64, i64)) -> Self {
        let from = format!("FROM piece {index} WHERE {condition} AND start >= ? AND start < ?");
        Self { from, values: vec![value, span.0.into(), span.1.into()] }
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

/// The pairs of which a name holds a text.
fn pairs_like(db: &Connection, column: &str, text: &str) -> rusqlite::Result<Option<Value>> {
    let sql = format!("SELECT id FROM pair WHERE instr({column}, ?1) > 0");
    let mut found = db.prepare_cached(&sql)?;
    let found = found.query_map([folded(text)], |row| row.get(0))?;
    Ok(list(&found.collect::<Result<Vec<_>, _>>()?))
}

/// Conditions on what an address was.
#[derive(Debug, Default)]
struct Places {
    conditions: Vec<String>,
    texts: Vec<String>,
}

impl Places {
    fn of(search: &Search) -> Option<Self> {
        let wanted =
            [("a.ip", &search.ip), ("m.outlet_folded", &search.outlet), ("m.information_folded", &search.information)];
        let mut places = Self::default();
        for (column, text) in wanted {
            if let Some(text) = text {
                places = places.with(column, text);
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

    fn with(mut self, column: &str, text: &str) -> Self {
        self.conditions.push(format!("instr({column}, ?) > 0"));
        self.texts.push(folded(text));
        self
    }

    fn ids(&self, db: &Connection) -> rusqlite::Result<Option<Value>> {
        let sql = format!(
            "SELECT p.id FROM place p JOIN machine m ON m.id = p.machine_id JOIN address a ON a.id = p.address_id \
             WHERE {}",
            self.conditions.join(" AND ")
        );
        let mut found = db.prepare_cached(&sql)?;
        let found = found.query_map(params_from_iter(&self.texts), |row| row.get(0))?;
        Ok(list(&found.collect::<Result<Vec<_>, _>>()?))
    }
}
