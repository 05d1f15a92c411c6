//! Rows that lose their names, and rows that go.
//!
//! What is older than the horizon stands on its own: its evidence is gone, and nothing derives it again. Sessions count as
//! a whole, so that one that goes on across the horizon keeps its names until it ended before it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use chrono_tz::Tz;
use rusqlite::{Connection, params};

use super::month::{Chapter, Month, Writing};
use super::names::Names;
use super::record::set;
use super::{Changing, Ledger, LedgerError, code, month, places, query, search, sums, tally};
use crate::config::HistoryFormat;
use crate::history;
use crate::model::{Identity, Machine};
use crate::privacy::{Veil, is_pseudonym, is_pseudonymous_address};
use crate::source::Source;
use crate::trace::Carry;
use crate::trace::carry::Owner;

/// The setting that holds the first day whose sessions bear names.
const NAMED: &str = "named_from";
/// The setting that holds the first day of which more than sums is kept.
const KEPT: &str = "kept_from";

/// The setting that says that something was deleted since the file was written anew.
const UNSCRUBBED: &str = "unscrubbed";

/// What was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgot {
    /// Sessions that lost their names, or were deleted.
    pub sessions: usize,
    /// Refusals likewise.
    pub refusals: usize,
    /// Lines of imported histories likewise.
    pub lines: usize,
    /// What looked wrong, and is not told any more.
    pub findings: usize,
    /// Machines, addresses and names of machines that nothing is known of any more.
    pub machines: usize,
}

impl Forgot {
    /// Whether it is nothing.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl std::ops::AddAssign for Forgot {
    fn add_assign(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.refusals += other.refusals;
        self.lines += other.lines;
        self.findings += other.findings;
        self.machines += other.machines;
    }
}

/// A session: pair, feature and initial start; and its end.
type Whole = (i64, i64, i64, i64);

/// Which rows are meant.
#[derive(Debug, Clone, Copy)]
enum Which<'a> {
    /// Those that bear names.
    Named,
    /// Those of one login.
    Login(&'a str),
    /// Those under pseudonyms too.
    All,
}

impl Which<'_> {
    fn holds(self, who: &Identity) -> bool {
        let is_named = !(is_pseudonym(who.login()) && is_pseudonym(who.host()));
        match self {
            Self::Named => is_named,
            Self::Login(login) => who.login() == login,
            Self::All => true,
        }
    }
}

impl Ledger {
    /// The first day whose sessions bear names, where older ones were forgotten.
    pub fn first_named(&self) -> Result<Option<NaiveDate>, LedgerError> {
        self.with(|db| day_of(db, NAMED))
    }

    /// The first day of which more than sums is kept, where older ones were forgotten.
    pub fn first_kept(&self) -> Result<Option<NaiveDate>, LedgerError> {
        self.with(|db| day_of(db, KEPT))
    }

    /// The figures (JSON) that were kept of a calendar period, by their scopes.
    pub fn kept_figures(&self, kind: &str, first: NaiveDate) -> Result<BTreeMap<String, String>, LedgerError> {
        let feature = self.feature.as_deref().unwrap_or_default();
        self.with(|db| {
            let mut found = db.prepare_cached(
                "SELECT scope, figures FROM kept_figures WHERE kind = ?1 AND first = ?2 AND feature = ?3",
            )?;
            let found =
                found.query_map(params![kind, code::of_day(first), feature], |row| Ok((row.get(0)?, row.get(1)?)))?;
            found.collect()
        })
    }

    /// Who has sessions of some days, by day: those that keep their names though the days are before the horizon, as they went
    /// on across it.
    pub fn named_before(&self, day: NaiveDate, zone: Tz) -> Result<BTreeSet<(NaiveDate, Identity)>, LedgerError> {
        self.with(|db| {
            let (until, _) = code::bounds(day, day, zone);
            let mut named = BTreeSet::new();
            for (pair, who) in query::pairs(db)?.iter().filter(|(_, who)| Which::Named.holds(who)) {
                let mut starts = db.prepare_cached("SELECT start FROM piece WHERE pair_id = ?1 AND start < ?2")?;
                for start in starts.query_map([*pair, until], |row| row.get::<_, i64>(0))? {
                    named.insert((code::day_of(start?, zone)?, who.clone()));
                }
            }
            Ok(named)
        })
    }

    /// Whether something was deleted since the file was written anew.
    pub fn is_unscrubbed(&self) -> Result<bool, LedgerError> {
        self.with(|db| Ok(query::setting(db, UNSCRUBBED)?.is_some()))
    }

    /// Writes the file anew, so that nothing of what was deleted is left in it, nor in what SQLite keeps beside it.
    pub fn scrub(&self) -> Result<(), LedgerError> {
        self.with(|db| {
            db.execute_batch("VACUUM")?;
            db.execute("DELETE FROM setting WHERE name = ?1", [UNSCRUBBED])?;
            // Whoever reads what was before is not waited for: the log is emptied when nobody does.
            db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        })
    }
}

impl Changing<'_> {
    /// The first day whose sessions bear names, where older ones were forgotten.
    pub fn first_named(&mut self) -> Result<Option<NaiveDate>, LedgerError> {
        self.with(|this| day_of(&this.tx, NAMED))
    }

    /// Notes that something was deleted, so that the file is written anew behind it, by another night if need be.
    pub fn note_unscrubbed(&mut self) -> Result<(), LedgerError> {
        self.with(|this| set(&this.tx, UNSCRUBBED, "1"))
    }

    /// Keeps the figures (JSON) of a calendar period that is over, unless some are kept already.
    pub fn keep_figures(
        &mut self,
        (kind, first): (&str, NaiveDate),
        feature: Option<&str>,
        scope: &str,
        figures: &str,
    ) -> Result<(), LedgerError> {
        self.with(|this| {
            this.tx
                .prepare_cached(
                    "INSERT OR IGNORE INTO kept_figures (kind, first, feature, scope, figures) VALUES (?, ?, ?, ?, ?)",
                )?
                .execute(params![kind, code::of_day(first), feature.unwrap_or_default(), scope, figures])
                .map(drop)
        })
    }

    /// Whose sessions go on across the beginning of a day, and of which feature.
    pub fn crossing(&mut self, day: NaiveDate, zone: Tz) -> Result<BTreeSet<Owner>, LedgerError> {
        self.with(|this| {
            let db = &*this.tx;
            let (edge, _) = code::bounds(day, day, zone);
            let (pairs, features) = (query::pairs(db)?, query::features(db)?);
            let mut found = db.prepare(
                "SELECT DISTINCT pair_id, feature_id FROM piece INDEXED BY piece_by_start \
                 WHERE start >= ?1 AND initial_start < ?1",
            )?;
            let found = found.query_map([edge], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let found: Vec<(i64, i64)> = found.collect::<Result<_, _>>()?;
            let owner = |(pair, feature): (i64, i64)| {
                let name = features.get(&feature).map(|feature| feature.name.to_string()).unwrap_or_default();
                Ok((query::pair_of(&pairs, pair)?, name))
            };
            found.into_iter().map(owner).collect()
        })
    }

    /// Makes all that is older than a day stand on its own: its evidence is forgotten. `month` is one before all evidence
    /// that is left; `carry` is what is known at the beginning of the day.
    pub fn settle_before(&mut self, day: NaiveDate, month: Month, carry: &Carry, zone: Tz) -> Result<(), LedgerError> {
        self.with(|this| {
            let db = &*this.tx;
            let (edge, _) = code::bounds(day, day, zone);
            let (given, licence) = (month.number(), this.licence);
            // The month of the day is derived again, from the carry; what it has from before the day, it has no more.
            db.execute("DELETE FROM chapter WHERE licence_id = ?1 AND (given = 1 OR month <= ?2)", [licence, given])?;
            db.execute("UPDATE piece SET month = NULL WHERE month <= ?1", [given])?;
            for (pair, feature, initial, _) in ended(db, Which::All, edge, true)? {
                db.prepare_cached(
                    "UPDATE piece SET month = NULL WHERE pair_id = ?1 AND feature_id = ?2 AND initial_start = ?3",
                )?
                .execute([pair, feature, initial])?;
            }
            db.execute(
                "UPDATE hold SET month = NULL WHERE month IS NOT NULL AND (month <= ?1 OR until <= ?2)",
                [given, edge],
            )?;
            db.execute(
                "UPDATE refusal SET month = NULL WHERE month IS NOT NULL AND (month <= ?1 OR at < ?2)",
                [given, edge],
            )?;
            db.execute(
                "INSERT OR REPLACE INTO coverage (licence_id, month, source, since, until, hole) \
                 SELECT licence_id, month, source, ?2, until, hole FROM coverage \
                 WHERE licence_id = ?1 AND since < ?2 AND until > ?2",
                [licence, edge],
            )?;
            db.execute("UPDATE coverage SET until = ?1 WHERE since < ?1 AND until > ?1", [edge])?;
            db.execute("UPDATE coverage SET month = ?2 WHERE month > ?2 AND until <= ?1", [edge, given])?;
            for table in ["issued", "in_use"] {
                db.execute(&format!("UPDATE {table} SET month = ?2 WHERE month > ?2 AND at < ?1"), [edge, given])?;
            }
            set(db, NAMED, &code::of_day(day).to_string())
        })?;
        let chapter = Chapter { inputs: String::new(), hands_on: hands_on(day, zone), is_given: true };
        self.write(zone, |writing: &mut Writing<'_>| writing.chapter(month, &chapter, carry))
    }

    /// Puts pseudonyms in the place of names, in all that is older than the horizon, and lets go of what looked wrong then and
    /// of machines that are not there any more.
    pub fn forget_names(&mut self, veil: &Veil, first_named: NaiveDate, zone: Tz) -> Result<Forgot, LedgerError> {
        let (edge, _) = code::bounds(first_named, first_named, zone);
        self.with(|this| {
            let mut forgot = this.veil_rows(veil, Which::Named, edge, zone)?;
            let db = &*this.tx;
            forgot.lines += veil_lines(db, veil, &|entry| entry.date.is_none_or(|date| date < first_named))?;
            forgot.findings += db.execute("DELETE FROM finding WHERE day < ?1", [code::of_day(first_named)])?;
            forgot.machines += forget_machines(db, code::of_day(first_named))?;
            Ok(forgot)
        })
    }

    /// Deletes all that is older than a day, but for the sums of its hours.
    pub fn forget_rows(&mut self, first_kept: NaiveDate, zone: Tz) -> Result<Forgot, LedgerError> {
        let (edge, _) = code::bounds(first_kept, first_kept, zone);
        self.with(|this| {
            let db = &*this.tx;
            let mut forgot = Forgot::default();
            let mut days = BTreeSet::new();
            let sessions = ended(db, Which::All, edge, false)?;
            for (_, _, initial, until) in &sessions {
                days.extend(code::days_between(code::moment(*initial)?, code::moment(*until)?, zone));
            }
            let before = sums_of(db, &days)?;
            for (pair, feature, initial, until) in &sessions {
                db.prepare_cached("DELETE FROM piece WHERE pair_id = ?1 AND feature_id = ?2 AND initial_start = ?3")?
                    .execute([pair, feature, initial])?;
                db.prepare_cached(
                    "DELETE FROM hold WHERE pair_id = ?1 AND feature_id = ?2 AND start >= ?3 AND until <= ?4",
                )?
                .execute([pair, feature, initial, until])?;
            }
            // Tokens that no session is of any more.
            db.execute(
                "DELETE FROM hold WHERE until <= ?1 AND NOT EXISTS (SELECT 1 FROM piece WHERE piece.pair_id = hold.pair_id \
                 AND piece.feature_id = hold.feature_id AND piece.start < ?1)",
                [edge],
            )?;
            forgot.sessions += sessions.len();
            forgot.refusals += db.execute("DELETE FROM refusal WHERE at < ?1", [edge])?;
            for day in &days {
                sums::follow(db, *day, zone)?;
            }
            // Refusals are of other days too.
            tally::stamp_all(db)?;
            keep(db, &before, &sums_of(db, &days)?)?;
            db.execute("DELETE FROM in_use WHERE at < ?1", [edge])?;
            let number = code::of_day(first_kept);
            forgot.lines += db.execute("DELETE FROM told WHERE day IS NULL OR day < ?1", [number])?;
            forgot.findings += db.execute("DELETE FROM finding WHERE day < ?1", [number])?;
            forgot.machines += forget_machines(db, number)?;
            set(db, KEPT, &number.to_string())?;
            Ok(forgot)
        })
    }

    /// Lets go of the DHCP names of addresses that nobody used since the horizon: they are in the inputs, and need not be here.
    pub fn forget_unused_names(&mut self, zone: Tz) -> Result<(), LedgerError> {
        self.with(|this| {
            let db = &*this.tx;
            let from = edge(db, zone)?.unwrap_or(i64::MIN);
            db.execute(
                "DELETE FROM dhcp_name WHERE address_id NOT IN (SELECT address_id FROM place WHERE id IN \
                 (SELECT place_id FROM piece INDEXED BY piece_by_start WHERE start >= ?1 AND place_id IS NOT NULL)) \
                 AND address_id NOT IN (SELECT address_id FROM hold WHERE until >= ?1 AND address_id IS NOT NULL) \
                 AND lower(name) NOT IN (SELECT lower(host) FROM pair)",
                [from],
            )?;
            db.execute(UNUSED_ADDRESSES, [])?;
            this.names = Names::default();
            Ok(())
        })
    }

    /// Puts a pseudonym in the place of one person, up to a day.
    pub fn forget_person(
        &mut self,
        veil: &Veil,
        login: &str,
        last: NaiveDate,
        zone: Tz,
    ) -> Result<Forgot, LedgerError> {
        let (_, edge) = code::bounds(last, last, zone);
        self.with(|this| {
            let mut forgot = this.veil_rows(veil, Which::Login(login), edge, zone)?;
            let db = &*this.tx;
            // As the evidence that is left names them.
            let named = |who: &Identity| {
                if who.login() == login { Identity::new(&veil.login(login), who.host()) } else { who.clone() }
            };
            for (month, _) in month::chapters(db, this.licence)?.into_iter().filter(|(_, chapter)| chapter.is_given) {
                let carry = code::packed(&month::carry(db, this.licence, month)?.renamed(&named))?;
                db.prepare_cached("UPDATE chapter SET carry = ?3 WHERE licence_id = ?1 AND month = ?2")?
                    .execute(params![this.licence, month.number(), carry])?;
            }
            let is_theirs = |entry: &history::Entry| {
                entry.who.as_ref().is_some_and(|who| who.login() == login) && entry.date.is_none_or(|date| date <= last)
            };
            forgot.lines += veil_lines(db, veil, &is_theirs)?;
            forgot.findings += db.execute("DELETE FROM finding WHERE login = ?1 OR instr(detail, ?1) > 0", [login])?;
            forgot.machines += forget_machines(db, i64::MIN)?;
            Ok(forgot)
        })
    }

    /// Puts pseudonyms in the place of names in the sessions that ended by a moment, and in the refusals before it.
    fn veil_rows(&mut self, veil: &Veil, which: Which<'_>, edge: i64, zone: Tz) -> rusqlite::Result<Forgot> {
        let db = &*self.tx;
        let mut forgot = Forgot::default();
        let pairs = query::pairs(db)?;
        let mut veiling = Veiling { db, veil, names: &mut self.names, zone, places: HashMap::new() };
        let mut days = BTreeSet::new();
        for (pair, feature, initial, until) in ended(db, which, edge, false)? {
            let new = veiling.pair(&query::pair_of(&pairs, pair)?)?;
            days.extend(veiling.session((pair, new), feature, initial)?);
            veiling.holds((pair, new), feature, (initial, until))?;
            forgot.sessions += 1;
        }
        for (&pair, who) in pairs.iter().filter(|(_, who)| which.holds(who)) {
            let new = veiling.pair(who)?;
            // Tokens of no session that is left.
            let mut loose = db.prepare_cached(
                "SELECT DISTINCT feature_id, start, until FROM hold WHERE pair_id = ?1 AND until <= ?2 AND NOT EXISTS \
                 (SELECT 1 FROM piece WHERE piece.pair_id = ?1 AND piece.feature_id = hold.feature_id \
                  AND piece.initial_start <= hold.start AND piece.until >= hold.start)",
            )?;
            let loose = loose.query_map([pair, edge], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            let loose: Vec<(i64, i64, i64)> = loose.collect::<Result<_, _>>()?;
            for (feature, start, until) in loose {
                veiling.holds((pair, new), feature, (start, until))?;
            }
            let refused: Vec<i64> = db
                .prepare_cached("SELECT at FROM refusal WHERE pair_id = ?1 AND at < ?2")?
                .query_map([pair, edge], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            if !refused.is_empty() {
                forgot.refusals += refused.len();
                days.extend(refused.into_iter().map(|at| code::day_of(at, zone)).collect::<Result<Vec<_>, _>>()?);
                db.prepare_cached("UPDATE OR REPLACE refusal SET pair_id = ?2 WHERE pair_id = ?1 AND at < ?3")?
                    .execute([pair, new, edge])?;
            }
        }
        days.into_iter().try_for_each(|day| sums::follow(db, day, zone))?;
        // What was given a number for this transaction may be gone now.
        self.names = Names::default();
        Ok(forgot)
    }
}

/// What is done for each of many sessions.
struct Veiling<'a> {
    db: &'a Connection,
    veil: &'a Veil,
    names: &'a mut Names,
    zone: Tz,
    places: HashMap<i64, (i64, Machine)>,
}

impl Veiling<'_> {
    fn pair(&mut self, who: &Identity) -> rusqlite::Result<i64> {
        self.names.pair(self.db, &self.veil.who(who))
    }

    /// A session's pieces; their days.
    fn session(&mut self, (old, new): (i64, i64), feature: i64, initial: i64) -> rusqlite::Result<Vec<NaiveDate>> {
        let mut pieces = self.db.prepare_cached(
            "SELECT id, start, place_id FROM piece WHERE pair_id = ?1 AND feature_id = ?2 AND initial_start = ?3",
        )?;
        let pieces = pieces.query_map([old, feature, initial], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let pieces: Vec<(i64, i64, Option<i64>)> = pieces.collect::<Result<_, _>>()?;
        let mut days = Vec::new();
        for (id, start, place) in pieces {
            let day = code::day_of(start, self.zone)?;
            let place = place.map(|place| self.place(place, day)).transpose()?;
            self.db
                .prepare_cached("UPDATE OR REPLACE piece SET pair_id = ?2, place_id = ?3 WHERE id = ?1")?
                .execute(params![id, new, place])?;
            days.push(day);
        }
        Ok(days)
    }

    /// The tokens of a session.
    fn holds(&mut self, (old, new): (i64, i64), feature: i64, (from, until): (i64, i64)) -> rusqlite::Result<()> {
        let mut holds = self.db.prepare_cached(
            "SELECT h.id, a.ip FROM hold h LEFT JOIN address a ON a.id = h.address_id \
             WHERE pair_id = ?1 AND feature_id = ?2 AND start >= ?3 AND until <= ?4",
        )?;
        let holds = holds.query_map([old, feature, from, until], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let holds: Vec<(i64, Option<String>)> = holds.collect::<Result<_, _>>()?;
        for (id, ip) in holds {
            let address = ip.map(|ip| self.names.address(self.db, self.veil.ip(code::ip(&ip)?))).transpose()?;
            self.db
                .prepare_cached("UPDATE hold SET pair_id = ?2, address_id = ?3 WHERE id = ?1")?
                .execute(params![id, new, address])?;
        }
        Ok(())
    }

    /// The place that stands for another one on a day.
    fn place(&mut self, place: i64, day: NaiveDate) -> rusqlite::Result<i64> {
        if let Some((address, machine)) = self.places.get(&place) {
            places::see(self.db, *address, day, machine)?;
            return places::at(self.db, *address, day);
        }
        let (ip, machine) = search::at_place(self.db, place)?;
        if is_pseudonymous_address(ip) {
            return Ok(place);
        }
        let (address, machine) = (self.names.address(self.db, self.veil.ip(ip))?, self.veil.machine(&machine));
        places::see(self.db, address, day, &machine)?;
        self.places.insert(place, (address, machine));
        places::at(self.db, address, day)
    }
}

/// The place that stands for an address on a day, where somebody is forgotten.
pub(super) fn veiled_place(
    db: &Connection,
    names: &mut Names,
    veil: &Veil,
    (address, day): (i64, NaiveDate),
    zone: Tz,
) -> rusqlite::Result<i64> {
    let place = places::at(db, address, day)?;
    Veiling { db, veil, names, zone, places: HashMap::new() }.place(place, day)
}

/// The sessions that ended by a moment, with their ends; of a `derived` one, not those that stand on their own already.
fn ended(db: &Connection, which: Which<'_>, edge: i64, derived: bool) -> rusqlite::Result<Vec<Whole>> {
    let mut found = db.prepare_cached(
        "SELECT feature_id, initial_start, max(until), max(start), min(month IS NULL) FROM piece INDEXED BY piece_of_pair \
         WHERE pair_id = ?1 AND initial_start < ?2 GROUP BY 1, 2 HAVING max(until) <= ?2 AND max(start) < ?2",
    )?;
    let mut sessions = Vec::new();
    for (pair, _) in query::pairs(db)?.into_iter().filter(|(_, who)| which.holds(who)) {
        let mut rows = found.query([pair, edge])?;
        while let Some(row) = rows.next()? {
            if !(derived && row.get::<_, bool>(4)?) {
                sessions.push((pair, row.get(0)?, row.get(1)?, row.get(2)?));
            }
        }
    }
    Ok(sessions)
}

/// Puts pseudonyms into the lines of imported histories that are meant.
fn veil_lines(db: &Connection, veil: &Veil, is_meant: &dyn Fn(&history::Entry) -> bool) -> rusqlite::Result<usize> {
    let mut names = Names::default();
    let mut found = db.prepare("SELECT id, line FROM told")?;
    let found = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let found: Vec<(i64, String)> = found.collect::<Result<_, _>>()?;
    let mut n = 0;
    for (id, line) in found {
        let told = history::read(&Source::from_bytes("ledger", line.as_bytes()));
        let Some(entry) = told.items.into_iter().next().map(|told| told.entry).filter(|entry| is_meant(entry)) else {
            continue;
        };
        let veiled = veil.entry(&entry);
        let text = veiled.text(HistoryFormat::Record);
        if text == line {
            continue;
        }
        let pair = veiled.who.as_ref().map(|who| names.pair(db, who)).transpose()?;
        db.prepare_cached("UPDATE told SET pair_id = ?2, line = ?3 WHERE id = ?1")?.execute(params![id, pair, text])?;
        n += 1;
    }
    Ok(n)
}

const UNUSED_ADDRESSES: &str = "DELETE FROM address WHERE id NOT IN (SELECT address_id FROM place) \
                                AND id NOT IN (SELECT address_id FROM dhcp_name) \
                                AND id NOT IN (SELECT address_id FROM hold WHERE address_id IS NOT NULL)";

/// Lets go of places that nothing is at any more (but for those of whoever was refused a token, and has no session), of the
/// names that addresses had before a day, and of people, machines and addresses that nothing names.
fn forget_machines(db: &Connection, before: i64) -> rusqlite::Result<usize> {
    let mut n = db.execute(
        "DELETE FROM place WHERE id NOT IN (SELECT place_id FROM piece WHERE place_id IS NOT NULL) \
         AND id NOT IN (SELECT place_id FROM day_sum) AND (until < ?1 OR machine_id NOT IN \
         (SELECT m.id FROM machine m JOIN pair ON m.hostname_folded = host_folded OR m.hostname_folded LIKE host_folded || '.%'))",
        [before],
    )?;
    // The last name by then is still its name.
    n += db.execute(
        "DELETE FROM dhcp_name WHERE since < ?1 AND EXISTS (SELECT 1 FROM dhcp_name o \
         WHERE o.address_id = dhcp_name.address_id AND o.since > dhcp_name.since AND o.since <= ?1)",
        [before],
    )?;
    n += db.execute(
        "DELETE FROM dhcp_name WHERE since < ?1 AND name = '' AND NOT EXISTS (SELECT 1 FROM dhcp_name o \
         WHERE o.address_id = dhcp_name.address_id AND o.since <> dhcp_name.since)",
        [before],
    )?;
    n += db.execute("DELETE FROM machine WHERE id NOT IN (SELECT machine_id FROM place)", [])?;
    db.execute(UNUSED_ADDRESSES, [])?;
    db.execute(
        "DELETE FROM pair WHERE id NOT IN (SELECT pair_id FROM piece) AND id NOT IN (SELECT pair_id FROM hold) \
         AND id NOT IN (SELECT pair_id FROM refusal) AND id NOT IN (SELECT pair_id FROM day_sum) \
         AND id NOT IN (SELECT pair_id FROM told WHERE pair_id IS NOT NULL)",
        [],
    )?;
    Ok(n)
}

/// What a sum of days whose rows go is kept by: day, feature, department and hour.
type SumKey = (i64, i64, String, i64);
/// Seconds of use and of tokens, and how many sessions began.
type Sum = (i64, Option<i64>, i64);

/// The sums of some days, without people and machines.
fn sums_of(db: &Connection, days: &BTreeSet<NaiveDate>) -> rusqlite::Result<BTreeMap<SumKey, Sum>> {
    let mut all = BTreeMap::new();
    let mut found = db.prepare_cached(
        "SELECT day, feature_id, coalesce(m.department, ''), hour, sum(use_s), sum(token_s), sum(begun) FROM day_sum \
         LEFT JOIN place ON place.id = place_id LEFT JOIN machine m ON m.id = place.machine_id \
         WHERE day = ?1 GROUP BY 1, 2, 3, 4",
    )?;
    for day in days {
        let rows = found.query_map([code::of_day(*day)], |row| {
            Ok(((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?), (row.get(4)?, row.get(5)?, row.get(6)?)))
        })?;
        for row in rows {
            let (key, sum) = row?;
            all.insert(key, sum);
        }
    }
    Ok(all)
}

/// Keeps what sums were and are not any more.
fn keep(db: &Connection, before: &BTreeMap<SumKey, Sum>, after: &BTreeMap<SumKey, Sum>) -> rusqlite::Result<()> {
    for (key @ (day, feature, department, hour), (use_s, token_s, begun)) in before {
        let (left_use, left_token, left_begun) = after.get(key).copied().unwrap_or_default();
        let token_s = token_s.map(|token_s| token_s - left_token.unwrap_or(0));
        let gone = (use_s - left_use, token_s, begun - left_begun);
        if matches!(gone, (0, None | Some(0), 0)) && after.contains_key(key) {
            continue;
        }
        db.prepare_cached(
            "INSERT INTO kept_sum (day, feature_id, department, hour, use_s, token_s, begun) VALUES (?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT DO UPDATE SET use_s = use_s + excluded.use_s, begun = begun + excluded.begun, \
             token_s = CASE WHEN token_s IS NULL THEN excluded.token_s ELSE token_s + coalesce(excluded.token_s, 0) END",
        )?
        .execute(params![day, feature, department, hour, gone.0, gone.1, gone.2])?;
    }
    Ok(())
}

fn day_of(db: &Connection, name: &str) -> rusqlite::Result<Option<NaiveDate>> {
    query::number(db, name)?.map(code::day).transpose()
}

/// What a month is known by that stands for all that is forgotten before a day.
pub(super) fn hands_on(day: NaiveDate, zone: Tz) -> String {
    format!("forgotten before {}", code::bounds(day, day, zone).0)
}

/// The moment before which rows stand on their own, where there is one.
pub(super) fn edge(db: &Connection, zone: Tz) -> rusqlite::Result<Option<i64>> {
    Ok(day_of(db, NAMED)?.map(|day| code::bounds(day, day, zone).0))
}

#[cfg(test)]
mod tests;
