//! What a night saw, into the ledger.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::derive::{Stretch, derive, read_token};
use super::names::Names;
use super::places::{self, Change};
use super::{Ledger, LedgerError, code, publish};
use crate::config::TraceSettings;
use crate::finding::{Finding, Gap, Place};
use crate::model::{Identity, Machine};
use crate::parse::logwatch::Peer;
use crate::trace::Observed;
use crate::trace::merge::learn;
use crate::trace::observed::{Beginning, TokenSeen};

/// Everything that one night has to tell.
#[derive(Debug, Clone, Copy)]
pub struct Night<'a> {
    /// What the traces show.
    pub observed: &'a Observed,
    /// What the network says of each address on the day of the night.
    pub machines: &'a BTreeMap<IpAddr, Machine>,
    /// What looks wrong.
    pub findings: &'a [Finding],
    /// The sources that could not be had.
    pub gaps: &'a [Gap],
    /// The moment of the night.
    pub now: DateTime<Utc>,
    /// The site's zone, feature and patience.
    pub settings: &'a TraceSettings,
}

impl Ledger {
    /// Takes in what a night saw, and works out anew what follows from it: all of it, or nothing.
    ///
    /// A later night can complete what an earlier one knew, and takes nothing back. Which nights there were, in which order
    /// and how often, leaves no trace in the rows.
    pub fn record(&mut self, night: &Night<'_>) -> Result<(), LedgerError> {
        let path = self.path.clone();
        let failed = |error| LedgerError::new(&path, error);
        let tx = Transaction::new(&mut self.db, TransactionBehavior::Immediate).map_err(failed)?;
        Recording { db: &tx, night, names: Names::default(), touched: BTreeMap::new() }.run().map_err(failed)?;
        tx.commit().map_err(failed)
    }
}

/// The stretches of time, by pair, in which something is known anew.
pub(super) type Touched = BTreeMap<i64, Stretch>;

struct Recording<'a> {
    db: &'a Connection,
    night: &'a Night<'a>,
    names: Names,
    touched: Touched,
}

impl Recording<'_> {
    fn run(mut self) -> rusqlite::Result<()> {
        self.settings()?;
        let resolved = self.machines()?;
        for token in &self.night.observed.tokens {
            self.token(token)?;
        }
        self.returns()?;
        self.lives()?;
        self.denials()?;
        self.out_until_now()?;
        derive(self.db, self.night, &mut self.names, std::mem::take(&mut self.touched))?;
        // After the pieces: those that are new have their places already.
        self.part(resolved)?;
        findings(self.db, self.night)
    }

    /// Another zone or feature cuts and joins everything anew.
    fn settings(&mut self) -> rusqlite::Result<()> {
        let settings = self.night.settings;
        let zone = settings.timezone.name().to_owned();
        let old = super::query::setting(self.db, "zone")?;
        set(self.db, "zone", &zone)?;
        later(self.db, "latest", self.night.now.timestamp())?;
        if let Some((first, last)) = self.night.observed.watched {
            earlier(self.db, "begins", first.timestamp())?;
            later(self.db, "watched", last.timestamp())?;
        }
        if old.is_some_and(|old| old != zone) {
            let mut pairs = self.db.prepare("SELECT DISTINCT pair_id FROM token")?;
            for pair in pairs.query_map([], |row| row.get(0))? {
                self.touched.insert(pair?, Stretch::ALL);
            }
        }
        Ok(())
    }

    /// What each address was on the day of the night; the addresses whose days are parted otherwise since.
    fn machines(&mut self) -> rusqlite::Result<BTreeSet<i64>> {
        let zone = self.night.settings.timezone;
        let today = self.night.now.with_timezone(&zone).date_naive();
        let mut parted = BTreeSet::new();
        for (ip, machine) in self.night.machines {
            let address = self.names.address(self.db, *ip)?;
            match places::see(self.db, address, today, machine)? {
                Change::Nothing => {}
                Change::Filled(place) => publish::mark(self.db, places::days(self.db, place, zone)?)?,
                Change::Parted => {
                    parted.insert(address);
                }
            }
        }
        Ok(parted)
    }

    fn part(&self, addresses: BTreeSet<i64>) -> rusqlite::Result<()> {
        for address in addresses {
            publish::mark(self.db, places::part(self.db, address, self.night.settings.timezone)?)?;
        }
        Ok(())
    }

    fn touch(&mut self, pair: i64, stretch: Stretch) {
        let known = self.touched.entry(pair).or_insert(stretch);
        *known = known.with(stretch);
    }

    fn token(&mut self, token: &TokenSeen) -> rusqlite::Result<()> {
        let pair = self.names.pair(self.db, &token.who)?;
        let feature = self.names.feature(self.db, &token.feature)?;
        let key = params![pair, token.start.timestamp(), feature, code::of_beginning(token.beginning), token.ordinal];
        let known = self
            .db
            .prepare_cached(
                "SELECT t.*, peer.ip AS peer_ip, address.ip AS address_ip FROM token t \
                 LEFT JOIN address peer ON peer.id = t.peer_id LEFT JOIN address ON address.id = t.address_id \
                 WHERE pair_id = ?1 AND start = ?2 AND feature_id = ?3 AND beginning = ?4 AND ordinal = ?5",
            )?
            .query_row(key, |row| Ok((row.get::<_, i64>("id")?, read_token(row, &token.who, &token.feature)?)))
            .optional()?;
        let (id, token, before) = match known {
            Some((id, mut known)) => {
                let before = known.clone();
                if !learn(&mut known, token) {
                    return Ok(());
                }
                (Some(id), known, Some(before))
            }
            None => (None, token.clone(), None),
        };
        self.write(id, pair, feature, &token)?;
        // That a later log shows the same is worth knowing, and changes no row.
        let shows = |token: &TokenSeen| (token.view.end, token.view.state, token.view.sign, token.address, token.peer);
        if before.as_ref().map(shows) != Some(shows(&token)) {
            let known_end = before.map_or(token.view.end, |before| before.view.end);
            self.touch(pair, Stretch::of(token.start, token.view.end.max(known_end)));
            if let Some(peer) = token.peer
                && (!token.view.is_final() || token.beginning == Beginning::Before)
            {
                self.touch_peer(peer)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, id: Option<i64>, pair: i64, feature: i64, token: &TokenSeen) -> rusqlite::Result<()> {
        let peer = token.peer.map(|peer| self.names.address(self.db, peer.ip)).transpose()?;
        let address = token.address.map(|(ip, _)| self.names.address(self.db, ip)).transpose()?;
        self.db
            .prepare_cached(
                "INSERT OR REPLACE INTO token (id, pair_id, feature_id, start, beginning, ordinal, peer_id, peer_port, \
                 licences, until, state, sign, as_of, address_id, evidence) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                id,
                pair,
                feature,
                token.start.timestamp(),
                code::of_beginning(token.beginning),
                token.ordinal,
                peer,
                token.peer.map(|peer| peer.port),
                token.licences,
                token.view.end.timestamp(),
                code::of_state(token.view.state),
                token.view.sign.timestamp(),
                token.view.as_of.timestamp(),
                address,
                code::of_evidence(token.address.map(|address| address.1).unwrap_or_default()),
            ])?;
        Ok(())
    }

    /// The tokens that this connection may be: those that were out when their log ended, or before it began.
    fn touch_peer(&mut self, peer: Peer) -> rusqlite::Result<()> {
        let address = self.names.address(self.db, peer.ip)?;
        for class in ["state < 2", "beginning = 3"] {
            let sql =
                format!("SELECT pair_id, start, until FROM token WHERE peer_id = ?1 AND peer_port = ?2 AND {class}");
            let mut found = self.db.prepare_cached(&sql)?;
            let found: Vec<(i64, Stretch)> = found
                .query_map(params![address, peer.port], |row| Ok((row.get(0)?, Stretch(row.get(1)?, row.get(2)?))))?
                .collect::<Result<_, _>>()?;
            for (pair, stretch) in found {
                self.touch(pair, stretch);
            }
        }
        Ok(())
    }

    fn returns(&mut self) -> rusqlite::Result<()> {
        let mut times: BTreeMap<_, i64> = BTreeMap::new();
        for back in &self.night.observed.returns {
            *times.entry(back).or_default() += 1;
        }
        for (back, times) in times {
            let pair = self.names.pair(self.db, &back.who)?;
            let feature = self.names.feature(self.db, &back.feature)?;
            let at = back.at.timestamp();
            let n_changed = self
                .db
                .prepare_cached(
                    "INSERT INTO give_back (pair_id, at, feature_id, times) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT DO UPDATE SET times = excluded.times WHERE excluded.times > times",
                )?
                .execute([pair, at, feature, times])?;
            if n_changed > 0 {
                self.touch(pair, Stretch(at, at));
                self.touch_out(pair)?;
            }
        }
        Ok(())
    }

    /// The tokens of a pair that were out when last seen.
    fn touch_out(&mut self, pair: i64) -> rusqlite::Result<()> {
        let mut out = self.db.prepare_cached(
            "SELECT start, until FROM token WHERE pair_id = ?1 AND state < 2 ORDER BY start DESC LIMIT 8",
        )?;
        let out: Vec<Stretch> =
            out.query_map([pair], |row| Ok(Stretch(row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        for stretch in out {
            self.touch(pair, stretch);
        }
        Ok(())
    }

    fn lives(&mut self) -> rusqlite::Result<()> {
        for life in &self.night.observed.lives {
            let peer = self.names.address(self.db, life.peer.ip)?;
            let (first, last) = (life.first.timestamp(), life.last.timestamp());
            let n_changed = self
                .db
                .prepare_cached(
                    "INSERT INTO life (peer_id, peer_port, first, last, gone) VALUES (?1, ?2, ?3, ?4, ?5) \
                     ON CONFLICT DO UPDATE SET last = excluded.last, gone = excluded.gone \
                     WHERE (excluded.last, excluded.gone) > (last, gone)",
                )?
                .execute(params![peer, life.peer.port, first, last, life.is_gone])?;
            if n_changed > 0 {
                self.touch_peer(life.peer)?;
            }
        }
        Ok(())
    }

    fn denials(&mut self) -> rusqlite::Result<()> {
        let zone = self.night.settings.timezone;
        let mut ordinals: HashMap<_, i64> = HashMap::new();
        for denial in &self.night.observed.denials {
            let pair = self.names.pair(self.db, &denial.who)?;
            let feature = self.names.feature(self.db, &denial.feature)?;
            let ordinal = ordinals.entry((denial.at, pair, feature)).or_default();
            let n_changed = self
                .db
                .prepare_cached(
                    "INSERT INTO denial (at, pair_id, feature_id, ordinal, cost) VALUES (?1, ?2, ?3, ?4, ?5) \
                     ON CONFLICT DO UPDATE SET cost = excluded.cost WHERE excluded.cost < cost",
                )?
                .execute(params![denial.at.timestamp(), pair, feature, *ordinal, denial.real])?;
            *ordinal += 1;
            if n_changed > 0 {
                publish::mark(self.db, [denial.at.with_timezone(&zone).date_naive()])?;
            }
        }
        Ok(())
    }

    /// The sessions that are open: time passes for them whether a night saw them or not.
    fn out_until_now(&mut self) -> rusqlite::Result<()> {
        let open: Vec<(i64, Stretch)> = self
            .db
            .prepare_cached("SELECT pair_id, initial_start, until FROM piece WHERE state = 0 AND told = 0")?
            .query_map([], |row| Ok((row.get(0)?, Stretch(row.get(1)?, row.get(2)?))))?
            .collect::<Result<_, _>>()?;
        for (pair, stretch) in open {
            self.touch(pair, stretch);
        }
        Ok(())
    }
}

pub(super) fn set(db: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO setting (name, value) VALUES (?1, ?2)")?.execute([name, value])?;
    Ok(())
}

/// Sets a moment, unless a later one is known.
fn later(db: &Connection, name: &str, seconds: i64) -> rusqlite::Result<()> {
    let known = super::query::number(db, name)?;
    if known.is_none_or(|known| known < seconds) { set(db, name, &seconds.to_string()) } else { Ok(()) }
}

/// Sets a moment, unless an earlier one is known.
fn earlier(db: &Connection, name: &str, seconds: i64) -> rusqlite::Result<()> {
    let known = super::query::number(db, name)?;
    if known.is_none_or(|known| known > seconds) { set(db, name, &seconds.to_string()) } else { Ok(()) }
}

/// Findings of days replace those of the days that the night looked at; those of no day are the last night's.
fn findings(db: &Connection, night: &Night<'_>) -> rusqlite::Result<()> {
    let zone = night.settings.timezone;
    db.execute("DELETE FROM finding WHERE day IS NULL", [])?;
    db.execute("DELETE FROM gap", [])?;
    let day = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive();
    let of_days: Vec<NaiveDate> = night.findings.iter().filter_map(|finding| finding.day).collect();
    let looked = night.observed.watched.map(|(first, last)| (day(first), day(last)));
    let first = of_days.iter().copied().chain(looked.map(|(first, _)| first)).min();
    let last = of_days.iter().copied().chain(looked.map(|(_, last)| last)).max();
    if let Some((first, last)) = first.zip(last) {
        db.execute("DELETE FROM finding WHERE day BETWEEN ?1 AND ?2", [code::of_day(first), code::of_day(last)])?;
    }
    let mut insert = db.prepare(
        "INSERT INTO finding (day, kind, source, sheet, cell, line, column, detail, login, host) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    for finding in night.findings {
        let (source, sheet, cell, line, column) = match &finding.place {
            Place::Line { source, line, column } => (source, None, None, Some(*line), *column),
            Place::Cell { source, sheet, cell } => (source, Some(sheet), Some(cell), None, None),
            Place::Whole(source) => (source, None, None, None, None),
        };
        insert.execute(params![
            finding.day.map(code::of_day),
            finding.kind.name(),
            source,
            sheet,
            cell,
            line,
            column,
            finding.detail,
            finding.who.as_ref().map(Identity::login),
            finding.who.as_ref().map(Identity::host),
        ])?;
    }
    let mut insert = db.prepare("INSERT INTO gap (source, reason) VALUES (?1, ?2)")?;
    night.gaps.iter().try_for_each(|gap| insert.execute([&gap.source, &gap.reason]).map(drop))
}
