//! What was derived of a month, in the place of what was there of it before.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use chrono::{Datelike, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, Row, params};

use super::forget::veiled_place;
use super::names::Names;
use super::{code, findings, places, publish, tally, told};
use crate::finding::Finding;
use crate::model::{Denial, Hold, Identity};
use crate::privacy::{Veil, is_pseudonym};
use crate::trace::{Analysis, Carry, Counted, Session, Span, Stretch};

/// A calendar month of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(i64);

impl Month {
    /// That of a day.
    pub fn of(day: NaiveDate) -> Self {
        Self(i64::from(day.year()) * 12 + i64::from(day.month0()))
    }

    /// The month before.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0 - 1)
    }

    /// The next month.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Its first day.
    pub fn first(self) -> NaiveDate {
        let (year, month) = (self.0.div_euclid(12), self.0.rem_euclid(12) + 1);
        let day = i32::try_from(year).ok().zip(u32::try_from(month).ok());
        day.and_then(|(year, month)| NaiveDate::from_ymd_opt(year, month, 1)).unwrap_or(NaiveDate::MIN)
    }

    /// Its stretch of time, as part of more evidence.
    pub fn span(self) -> Span {
        let midnight = |day: NaiveDate| Utc.from_utc_datetime(&day.and_hms_opt(0, 0, 0).unwrap_or_default());
        Span { from: midnight(self.first()), until: midnight(self.next().first()), as_of: None }
    }

    pub(super) const fn number(self) -> i64 {
        self.0
    }
}

/// A month that was derived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chapter {
    /// A hash of all that it was derived from.
    pub inputs: String,
    /// A hash of what it hands on.
    pub hands_on: String,
    /// Whether it stands for all that is older than the evidence.
    pub is_given: bool,
}

/// The months that are there, by their licence.
pub(super) fn chapters(db: &Connection, licence: i64) -> rusqlite::Result<BTreeMap<Month, Chapter>> {
    let mut found = db.prepare_cached("SELECT month, inputs, hands_on, given FROM chapter WHERE licence_id = ?1")?;
    let read = |row: &Row<'_>| {
        Ok((Month(row.get(0)?), Chapter { inputs: row.get(1)?, hands_on: row.get(2)?, is_given: row.get(3)? }))
    };
    let found = found.query_map([licence], read)?;
    found.collect()
}

/// What a month hands on.
pub(super) fn carry(db: &Connection, licence: i64, month: Month) -> rusqlite::Result<Carry> {
    db.prepare_cached("SELECT carry FROM chapter WHERE licence_id = ?1 AND month = ?2")?
        .query_row([licence, month.number()], |row| code::unpacked(&row.get::<_, Vec<u8>>(0)?))
}

/// What is written of one month.
pub(super) struct Writing<'a> {
    pub(super) db: &'a Connection,
    pub(super) names: &'a mut Names,
    pub(super) licence: i64,
    pub(super) zone: Tz,
    /// The moment before which rows stand on their own: what ended by then is not written again.
    pub(super) edge: i64,
    /// What turns all else of people into pseudonyms whom the evidence names by such.
    pub(super) veil: Option<&'a Veil>,
    /// The days of which something is known otherwise than before.
    pub(super) days: BTreeSet<NaiveDate>,
}

type HoldKey = (i64, i64, i64, i64, i64, i64, Option<i64>, i64);
type PieceKey = (i64, i64, i64, i64);
type RefusalKey = (i64, i64, i64, i64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    until: i64,
    cut: bool,
    state: i64,
    evidence: i64,
    place: Option<i64>,
}

impl<'a> Writing<'a> {
    /// Puts a month into the ledger.
    pub(super) fn put(
        &mut self,
        month: Month,
        chapter: &Chapter,
        carry: &Carry,
        analysis: &Analysis,
    ) -> rusqlite::Result<()> {
        for feature in &analysis.features {
            self.names.feature(self.db, self.licence, feature)?;
        }
        self.issued(month, analysis)?;
        self.holds(month, &analysis.holds)?;
        self.pieces(month, &analysis.sessions)?;
        self.refusals(month, &analysis.denials)?;
        self.coverage(month, &analysis.coverage)?;
        self.findings(month, &analysis.findings)?;
        self.chapter(month, chapter, carry)
    }

    /// Takes away all that was derived of a month.
    pub(super) fn forget(&mut self, month: Month) -> rusqlite::Result<()> {
        let nothing = Chapter { inputs: String::new(), hands_on: String::new(), is_given: false };
        self.put(month, &nothing, &Carry::default(), &Analysis::default())?;
        self.db
            .prepare_cached("DELETE FROM chapter WHERE licence_id = ?1 AND month = ?2")?
            .execute([self.licence, month.number()])?;
        Ok(())
    }

    /// Writes what a month was derived from and hands on.
    pub(super) fn chapter(&self, month: Month, chapter: &Chapter, carry: &Carry) -> rusqlite::Result<()> {
        let Chapter { inputs, hands_on, is_given } = chapter;
        self.db
            .prepare_cached(
                "INSERT OR REPLACE INTO chapter (licence_id, month, inputs, hands_on, carry, given) \
                 VALUES (?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![self.licence, month.number(), inputs, hands_on, code::packed(carry)?, is_given])?;
        Ok(())
    }

    /// What turns the address of somebody into a pseudonym who is forgotten.
    fn veil_of(&self, who: &Identity) -> Option<&'a Veil> {
        self.veil.filter(|_| is_pseudonym(who.login()))
    }

    fn pair(&mut self, who: &Identity) -> rusqlite::Result<i64> {
        match self.veil_of(who) {
            None => self.names.pair(self.db, who),
            Some(veil) => self.names.pair(self.db, &veil.who(who)),
        }
    }

    fn holds(&mut self, month: Month, holds: &[Hold]) -> rusqlite::Result<()> {
        let mut new = Vec::with_capacity(holds.len());
        let edge = self.edge;
        for hold in holds.iter().filter(|hold| hold.end.timestamp() > edge) {
            let veil = self.veil_of(&hold.who);
            let ip = hold.address.map(|(ip, _)| veil.map_or(ip, |veil| veil.ip(ip)));
            let address = ip.map(|ip| self.names.address(self.db, ip)).transpose()?;
            let key: HoldKey = (
                self.pair(&hold.who)?,
                self.names.feature(self.db, self.licence, &hold.feature.name)?,
                hold.start.timestamp(),
                hold.end.timestamp(),
                hold.licences.into(),
                code::of_state(hold.state),
                address,
                code::of_evidence(hold.address.map(|(_, evidence)| evidence).unwrap_or_default()),
            );
            new.push(key);
        }
        let mut old: HashMap<HoldKey, Vec<i64>> = HashMap::new();
        let mut found = self.db.prepare_cached(
            "SELECT pair_id, feature_id, start, until, licences, state, address_id, evidence, h.id \
             FROM hold h JOIN feature f ON f.id = h.feature_id WHERE month = ?1 AND f.licence_id = ?2",
        )?;
        let mut found = found.query([month.number(), self.licence])?;
        while let Some(row) = found.next()? {
            let key = (
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
                row.get(6)?,
                row.get(7)?,
            );
            old.entry(key).or_default().push(row.get(8)?);
        }
        for key in new {
            if old.get_mut(&key).and_then(Vec::pop).is_none() {
                let (pair, feature, start, until, licences, state, address, evidence) = key;
                self.db
                    .prepare_cached(
                        "INSERT INTO hold (month, pair_id, feature_id, start, until, licences, state, address_id, \
                         evidence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    )?
                    .execute(params![
                        month.number(),
                        pair,
                        feature,
                        start,
                        until,
                        licences,
                        state,
                        address,
                        evidence
                    ])?;
                self.changed(start, until)?;
            }
        }
        for (key, ids) in old {
            for id in ids {
                self.db.prepare_cached("DELETE FROM hold WHERE id = ?1")?.execute([id])?;
                self.changed(key.2, key.3)?;
            }
        }
        Ok(())
    }

    fn changed(&mut self, start: i64, until: i64) -> rusqlite::Result<()> {
        self.days.extend(code::days_between(code::moment(start)?, code::moment(until)?, self.zone));
        Ok(())
    }

    fn pieces(&mut self, month: Month, sessions: &[Session]) -> rusqlite::Result<()> {
        let mut new: BTreeMap<PieceKey, Piece> = BTreeMap::new();
        let edge = self.edge;
        for session in sessions.iter().filter(|session| session.end.timestamp() > edge) {
            let pair = self.pair(&session.who)?;
            let veil = self.veil_of(&session.who);
            let feature = self.names.feature(self.db, self.licence, &session.feature.name)?;
            let address = session.ip.map(|ip| self.names.address(self.db, ip)).transpose()?;
            let (state, evidence) = (code::of_state(session.state), code::of_evidence(session.evidence));
            for piece in session.pieces(self.zone) {
                let place = address.map(|address| match veil {
                    None => places::at(self.db, address, piece.date),
                    Some(veil) => veiled_place(self.db, self.names, veil, (address, piece.date), self.zone),
                });
                let place = place.transpose()?;
                let key = (pair, feature, session.start.timestamp(), piece.start.timestamp());
                let (until, cut) = (piece.end.timestamp(), piece.cut);
                new.insert(key, Piece { until, cut, state, evidence, place });
            }
        }
        let old = self.pieces_of(month)?;
        // First what goes: what comes may have its key.
        let mut gone = Vec::new();
        for (key, (id, piece)) in &old {
            if new.get(key) != Some(piece) {
                self.db.prepare_cached("DELETE FROM piece WHERE id = ?1")?.execute([id])?;
                gone.push(*key);
            }
        }
        let any_given = self.db.prepare_cached("SELECT 1 FROM piece WHERE month IS NULL LIMIT 1")?.exists([])?;
        for (key, piece) in &new {
            if old.get(key).map(|(_, known)| known) != Some(piece) {
                if any_given {
                    self.displace(*key, piece)?;
                }
                self.put_piece(month, *key, piece)?;
                self.days.insert(code::day_of(key.3, self.zone)?);
            }
        }
        for (pair, _, _, start) in gone {
            let day = code::day_of(start, self.zone)?;
            told::restore(self.db, self.names, pair, day, self.zone)?;
            self.days.insert(day);
        }
        Ok(())
    }

    fn pieces_of(&self, month: Month) -> rusqlite::Result<BTreeMap<PieceKey, (i64, Piece)>> {
        let mut found = self.db.prepare_cached(
            "SELECT p.id, pair_id, feature_id, initial_start, start, until, cut, state, evidence, place_id \
             FROM piece p JOIN feature f ON f.id = p.feature_id WHERE month = ?1 AND f.licence_id = ?2",
        )?;
        let found = found.query_map([month.number(), self.licence], |row| {
            let piece = Piece {
                until: row.get(5)?,
                cut: row.get(6)?,
                state: row.get(7)?,
                evidence: row.get(8)?,
                place: row.get(9)?,
            };
            Ok(((row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?), (row.get(0)?, piece)))
        })?;
        found.collect()
    }

    /// What an old history said of a day gives way to what was seen; and so does what was given of this session.
    fn displace(&self, (pair, _, _, start): PieceKey, piece: &Piece) -> rusqlite::Result<()> {
        let (from, to) = code::day_bounds(start, self.zone)?;
        self.db
            .prepare_cached("DELETE FROM piece WHERE pair_id = ?1 AND start >= ?2 AND start < ?3 AND told = 1")?
            .execute([pair, from, to])?;
        self.db
            .prepare_cached(
                // A piece is no longer than a day: those of the pair of all years before need not be looked at.
                "DELETE FROM piece WHERE pair_id = ?1 AND start BETWEEN ?2 - 172800 AND ?3 AND until >= ?2 \
                 AND month IS NULL AND told = 0",
            )?
            .execute([pair, start, piece.until])?;
        Ok(())
    }

    fn put_piece(&self, month: Month, key: PieceKey, piece: &Piece) -> rusqlite::Result<()> {
        let (pair, feature, initial, start) = key;
        let Piece { until, cut, state, evidence, place } = *piece;
        self.db
            .prepare_cached(
                "INSERT OR REPLACE INTO piece (month, pair_id, feature_id, initial_start, start, until, cut, state, \
                 evidence, place_id, told) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
            )?
            .execute(params![month.number(), pair, feature, initial, start, until, cut, state, evidence, place])?;
        Ok(())
    }

    fn refusals(&mut self, month: Month, denials: &[Denial]) -> rusqlite::Result<()> {
        let mut new: BTreeMap<RefusalKey, bool> = BTreeMap::new();
        let edge = self.edge;
        for denial in denials.iter().filter(|denial| denial.at.timestamp() >= edge) {
            let pair = self.pair(&denial.who)?;
            let feature = self.names.feature(self.db, self.licence, &denial.feature.name)?;
            let mut ordinal = 0;
            while new.contains_key(&(denial.at.timestamp(), pair, feature, ordinal)) {
                ordinal += 1;
            }
            new.insert((denial.at.timestamp(), pair, feature, ordinal), denial.real);
        }
        let mut found = self.db.prepare_cached(
            "SELECT at, pair_id, feature_id, ordinal, cost FROM refusal r JOIN feature f ON f.id = r.feature_id \
             WHERE month = ?1 AND f.licence_id = ?2",
        )?;
        let found = found.query_map([month.number(), self.licence], |row| {
            Ok(((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?), row.get(4)?))
        })?;
        let old: BTreeMap<RefusalKey, bool> = found.collect::<Result<_, _>>()?;
        for key in differing(&old, &new) {
            let (at, pair, feature, ordinal) = key;
            self.db
                .prepare_cached(
                    "DELETE FROM refusal WHERE at = ?1 AND pair_id = ?2 AND feature_id = ?3 AND ordinal = ?4",
                )?
                .execute([at, pair, feature, ordinal])?;
            if let Some(cost) = new.get(&key) {
                self.db
                    .prepare_cached(
                        "INSERT INTO refusal (at, pair_id, feature_id, ordinal, month, cost) VALUES (?, ?, ?, ?, ?, ?)",
                    )?
                    .execute(params![at, pair, feature, ordinal, month.number(), cost])?;
            }
            self.days.insert(code::day_of(at, self.zone)?);
        }
        Ok(())
    }

    /// How many licences there were, where the number is another one than before; and how many of them were in use.
    fn issued(&mut self, month: Month, analysis: &Analysis) -> rusqlite::Result<()> {
        let mut last: BTreeMap<&str, u32> = BTreeMap::new();
        let mut issued: Vec<&Counted> = Vec::new();
        for counted @ (_, feature, count) in &analysis.issued {
            if last.insert(feature, *count) != Some(*count) {
                issued.push(counted);
            }
        }
        for (table, counts) in [("issued", issued), ("in_use", analysis.in_use.iter().collect())] {
            self.db
                .prepare_cached(&format!(
                    "DELETE FROM {table} WHERE month = ?1 AND feature_id IN (SELECT id FROM feature WHERE licence_id = ?2)",
                ))?
                .execute([month.number(), self.licence])?;
            let edge = self.edge;
            for (at, feature, count) in counts.into_iter().filter(|(at, ..)| at.timestamp() >= edge) {
                let feature = self.names.feature(self.db, self.licence, feature)?;
                self.db
                    .prepare_cached(&format!(
                        "INSERT OR REPLACE INTO {table} (feature_id, at, month, count) VALUES (?, ?, ?, ?)",
                    ))?
                    .execute([feature, at.timestamp(), month.number(), i64::from(*count)])?;
            }
        }
        Ok(())
    }

    fn coverage(&mut self, month: Month, coverage: &[Stretch]) -> rusqlite::Result<()> {
        let mut new: BTreeMap<(i64, i64), (i64, i64)> = BTreeMap::new();
        for stretch in coverage.iter().filter(|stretch| stretch.until.timestamp() > self.edge) {
            let key = (code::of_source(stretch.source), stretch.since.timestamp().max(self.edge));
            new.insert(key, (stretch.until.timestamp(), code::of_hole(stretch.hole)));
        }
        let mut found = self
            .db
            .prepare_cached("SELECT source, since, until, hole FROM coverage WHERE month = ?1 AND licence_id = ?2")?;
        let found = found.query_map([month.number(), self.licence], |row| {
            Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?)))
        })?;
        let old: BTreeMap<(i64, i64), (i64, i64)> = found.collect::<Result<_, _>>()?;
        for key in differing(&old, &new) {
            self.db
                .prepare_cached("DELETE FROM coverage WHERE licence_id = ?1 AND source = ?2 AND since = ?3")?
                .execute([self.licence, key.0, key.1])?;
            if let Some((until, hole)) = new.get(&key) {
                self.db
                    .prepare_cached(
                        "INSERT INTO coverage (licence_id, month, source, since, until, hole) VALUES (?, ?, ?, ?, ?, ?)",
                    )?
                    .execute([self.licence, month.number(), key.0, key.1, *until, *hole])?;
            }
        }
        Ok(())
    }

    fn findings(&self, month: Month, found: &[Finding]) -> rusqlite::Result<()> {
        self.db.prepare_cached("DELETE FROM finding WHERE month = ?1")?.execute([month.number()])?;
        // Those of version 1 that are of days of this month.
        let (first, last) = (month.first(), month.next().first());
        self.db
            .prepare_cached("DELETE FROM finding WHERE month IS NULL AND day >= ?1 AND day < ?2")?
            .execute([code::of_day(first), code::of_day(last)])?;
        let is_kept = |finding: &&Finding| match finding.day.and_then(|day| day.and_hms_opt(23, 59, 59)) {
            Some(end) => end.and_utc().timestamp() >= self.edge,
            None => true,
        };
        found.iter().filter(is_kept).try_for_each(|finding| findings::put(self.db, finding, Some(month.number())))
    }
}

/// The keys that one of both has alone, or of which they say another thing.
fn differing<K: Ord + Copy + Hash, V: PartialEq>(old: &BTreeMap<K, V>, new: &BTreeMap<K, V>) -> Vec<K> {
    let mut keys: Vec<K> = old.keys().chain(new.keys()).copied().filter(|key| old.get(key) != new.get(key)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Takes away what is given from a moment on: there, evidence begins.
pub(super) fn cut_given(db: &Connection, edge: i64, zone: Tz) -> rusqlite::Result<()> {
    let mut found = db.prepare("SELECT start FROM piece WHERE month IS NULL AND told = 0 AND start >= ?1")?;
    let days: Vec<NaiveDate> =
        found.query_map([edge], |row| code::day_of(row.get(0)?, zone))?.collect::<Result<_, _>>()?;
    db.execute("DELETE FROM piece WHERE month IS NULL AND told = 0 AND start >= ?1", [edge])?;
    db.execute("DELETE FROM hold WHERE month IS NULL AND (start >= ?1 OR until > ?1 OR state = 0)", [edge])?;
    db.execute("DELETE FROM refusal WHERE month IS NULL AND at >= ?1", [edge])?;
    // Tokens and refusals are of other days too.
    tally::stamp_all(db)?;
    publish::mark_parted(db, days, zone)
}
