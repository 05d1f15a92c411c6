//! What a night saw, into the ledger.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::derive::{Stretch, derive, read_life, read_token};
use super::names::Names;
use super::places::{self, Change};
use super::reading::Reading;
use super::{Ledger, LedgerError, code, logs, publish};
use crate::config::TraceSettings;
use crate::finding::{Finding, Gap, Place};
use crate::model::{Identity, Machine};
use crate::parse::logwatch::Peer;
use crate::trace::Observed;
use crate::trace::observed::{Beginning, LifeSeen, TokenSeen};

/// Everything that one night has to tell.
#[derive(Debug, Clone, Copy)]
pub struct Night<'a> {
    /// What the traces show.
    pub observed: &'a Observed,
    /// The text of the logwatch, where it is to be kept.
    pub log: Option<&'a [u8]>,
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

/// What a token of a reading is known by.
type TokenKey = (Identity, String, DateTime<Utc>, Beginning, u32);

fn key_of(token: &TokenSeen) -> TokenKey {
    (token.who.clone(), token.feature.clone(), token.start, token.beginning, token.ordinal)
}

/// The cut connections of a reading.
type Lives = BTreeMap<(Peer, DateTime<Utc>), LifeSeen>;

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
        self.traces()?;
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
        if let Some((_, last)) = self.night.observed.watched {
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

    /// What the logs show, in the place of what shorter readings of them did.
    fn traces(&mut self) -> rusqlite::Result<()> {
        let Some(reading) = Reading::of(self.night.observed) else { return Ok(()) };
        let known = Reading::all(self.db)?;
        if known.iter().any(|(_, known)| known.contains(&reading) && *known != reading) {
            // An older copy, or a part: all of it is known.
            return Ok(());
        }
        let contained = || known.iter().filter(|(_, known)| reading.contains(known)).map(|(id, _)| *id);
        // The same log, grown: most of it is as it was.
        let grown = known.iter().filter(|(_, known)| known.grows_to(&reading)).map(|(id, _)| *id).min();
        let own = reading.write(self.db, grown)?;
        for other in contained().filter(|other| *other != own) {
            self.forget(other, own)?;
        }
        self.tokens(own)?;
        self.returns(own)?;
        self.lives(own)?;
        logs::keep(self.db, own, self.night.log)
    }

    /// Takes away what a reading saw, as another one saw all of it.
    fn forget(&mut self, reading: i64, heir: i64) -> rusqlite::Result<()> {
        let old = self.tokens_of(reading)?;
        self.take_away(old)?;
        self.db
            .prepare_cached("UPDATE OR REPLACE token SET reading_id = ?2 WHERE reading_id = ?1")?
            .execute([reading, heir])?;
        self.put_returns(reading, &BTreeMap::new())?;
        self.put_lives(reading, &BTreeMap::new())?;
        logs::forget(self.db, reading, 0..i64::MAX)?;
        self.db.prepare_cached("DELETE FROM reading WHERE id = ?1")?.execute([reading])?;
        Ok(())
    }

    fn tokens(&mut self, reading: i64) -> rusqlite::Result<()> {
        let mut old = self.tokens_of(reading)?;
        for token in &self.night.observed.tokens {
            let pair = self.names.pair(self.db, &token.who)?;
            let feature = self.names.feature(self.db, &token.feature)?;
            let known = old.remove(&key_of(token));
            if known.as_ref().is_none_or(|(_, known)| known != token) {
                self.write([known.as_ref().map(|(id, _)| *id), Some(reading)], pair, feature, token)?;
                let shows = |token: &TokenSeen| {
                    (token.view.end, token.view.state, token.view.sign, token.address, token.peer, token.licences)
                };
                // That a later log shows the same changes no row.
                let is_new = known.as_ref().map(|(_, known)| shows(known)) != Some(shows(token));
                if is_new || !token.view.is_final() {
                    self.touch_token(token)?;
                }
                if let Some((_, known)) = known.filter(|_| is_new) {
                    self.touch_token(&known)?;
                }
            }
        }
        self.take_away(old)
    }

    /// Takes tokens away that a better reading does not show. What `lmstat` told stays: it is not asked again of that day.
    fn take_away(&mut self, old: HashMap<TokenKey, (i64, TokenSeen)>) -> rusqlite::Result<()> {
        for (id, token) in old.into_values().filter(|(_, token)| token.beginning != Beginning::Listed) {
            self.db.prepare_cached("DELETE FROM token WHERE id = ?1")?.execute([id])?;
            self.touch_token(&token)?;
        }
        Ok(())
    }

    /// The tokens of a reading, by what they are known by.
    fn tokens_of(&self, reading: i64) -> rusqlite::Result<HashMap<TokenKey, (i64, TokenSeen)>> {
        let (pairs, features) = (super::query::pairs(self.db)?, super::query::features(self.db)?);
        let mut found = self.db.prepare_cached(
            "SELECT t.*, peer.ip AS peer_ip, address.ip AS address_ip FROM token t \
             LEFT JOIN address peer ON peer.id = t.peer_id LEFT JOIN address ON address.id = t.address_id \
             WHERE reading_id = ?1",
        )?;
        let mut found = found.query([reading])?;
        let mut tokens = HashMap::new();
        while let Some(row) = found.next()? {
            let who = super::query::pair_of(&pairs, row.get("pair_id")?)?;
            let feature = features.get(&row.get("feature_id")?).cloned().unwrap_or_default();
            let token = read_token(row, &who, &feature)?;
            tokens.insert(key_of(&token), (row.get("id")?, token));
        }
        Ok(tokens)
    }

    fn touch_token(&mut self, token: &TokenSeen) -> rusqlite::Result<()> {
        let pair = self.names.pair(self.db, &token.who)?;
        self.touch(pair, Stretch::of(token.start, token.view.end));
        if token.peer.is_none() && !token.view.is_final() {
            self.touch_return(pair, token.view.end)?;
        }
        match token.peer {
            Some(peer) if !token.view.is_final() || token.beginning == Beginning::Before => self.touch_peer(peer, None),
            _ => Ok(()),
        }
    }

    fn write(&mut self, ids: [Option<i64>; 2], pair: i64, feature: i64, token: &TokenSeen) -> rusqlite::Result<()> {
        let peer = token.peer.map(|peer| self.names.address(self.db, peer.ip)).transpose()?;
        let address = token.address.map(|(ip, _)| self.names.address(self.db, ip)).transpose()?;
        self.db
            .prepare_cached(
                "INSERT OR REPLACE INTO token (id, reading_id, pair_id, feature_id, start, beginning, ordinal, peer_id, \
                 peer_port, licences, until, state, sign, as_of, address_id, evidence) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                ids[0],
                ids[1],
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
    /// And the one that ended when the connection fell silent.
    fn touch_peer(&mut self, peer: Peer, silent: Option<DateTime<Utc>>) -> rusqlite::Result<()> {
        let address = self.names.address(self.db, peer.ip)?;
        if let Some(at) = silent.map(|at| at.timestamp()) {
            let mut ended = self.db.prepare_cached(
                "SELECT pair_id, until FROM token WHERE peer_id = ?1 AND peer_port = ?2 AND state = 2 \
                 AND until BETWEEN ?3 AND ?4",
            )?;
            let ended: Vec<(i64, i64)> = ended
                .query_map(params![address, peer.port, at - 2, at + 2], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            for (pair, until) in ended {
                self.touch(pair, Stretch(until, until));
            }
        }
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

    fn returns(&mut self, reading: i64) -> rusqlite::Result<()> {
        let mut new: BTreeMap<[i64; 3], i64> = BTreeMap::new();
        for back in &self.night.observed.returns {
            let pair = self.names.pair(self.db, &back.who)?;
            let feature = self.names.feature(self.db, &back.feature)?;
            *new.entry([pair, back.at.timestamp(), feature]).or_default() += 1;
        }
        self.put_returns(reading, &new)
    }

    /// Puts the returns of a reading, with their number, in the place of those that it had.
    fn put_returns(&mut self, reading: i64, new: &BTreeMap<[i64; 3], i64>) -> rusqlite::Result<()> {
        let mut found =
            self.db.prepare_cached("SELECT pair_id, at, feature_id, times FROM give_back WHERE reading_id = ?1")?;
        let old: BTreeMap<[i64; 3], i64> = found
            .query_map([reading], |row| Ok(([row.get(0)?, row.get(1)?, row.get(2)?], row.get(3)?)))?
            .collect::<Result<_, _>>()?;
        let is_changed = |key: &&[i64; 3]| old.get(*key) != new.get(*key);
        let changed: BTreeSet<[i64; 3]> = old.keys().chain(new.keys()).filter(is_changed).copied().collect();
        for [pair, at, feature] in changed {
            self.db
                .prepare_cached(
                    "DELETE FROM give_back WHERE pair_id = ?1 AND at = ?2 AND feature_id = ?3 AND reading_id = ?4",
                )?
                .execute([pair, at, feature, reading])?;
            if let Some(times) = new.get(&[pair, at, feature]) {
                self.db
                    .prepare_cached(
                        "INSERT INTO give_back (pair_id, at, feature_id, reading_id, times) VALUES (?, ?, ?, ?, ?)",
                    )?
                    .execute([pair, at, feature, reading, *times])?;
            }
            self.touch(pair, Stretch(at, at));
            self.touch_out(pair)?;
        }
        Ok(())
    }

    /// The next token of a pair that was given back without being known to be taken.
    fn touch_return(&mut self, pair: i64, after: DateTime<Utc>) -> rusqlite::Result<()> {
        let next: Option<i64> = self
            .db
            .prepare_cached("SELECT min(at) FROM give_back WHERE pair_id = ?1 AND at >= ?2")?
            .query_row([pair, after.timestamp()], |row| row.get(0))?;
        if let Some(at) = next {
            self.touch(pair, Stretch(at, at));
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

    fn lives(&mut self, reading: i64) -> rusqlite::Result<()> {
        let key = |life: &LifeSeen| (life.peer, life.first);
        let new = self.night.observed.lives.iter().map(|life| (key(life), *life)).collect();
        self.put_lives(reading, &new)
    }

    /// Puts the cut connections of a reading in the place of those that it had.
    fn put_lives(&mut self, reading: i64, new: &Lives) -> rusqlite::Result<()> {
        let mut found = self.db.prepare_cached(
            "SELECT a.ip, peer_port, first, last, gone, silent FROM life JOIN address a ON a.id = peer_id \
             WHERE reading_id = ?1",
        )?;
        let mut found = found.query([reading])?;
        let mut old = Lives::new();
        while let Some(row) = found.next()? {
            let peer = Peer { ip: code::ip(&row.get::<_, String>(0)?)?, port: row.get(1)? };
            let life = read_life(row, peer, 2)?;
            old.insert((peer, life.first), life);
        }
        let is_changed = |key: &&(Peer, DateTime<Utc>)| old.get(*key) != new.get(*key);
        let changed: BTreeSet<_> = old.keys().chain(new.keys()).filter(is_changed).copied().collect();
        for (peer, first) in changed {
            let address = self.names.address(self.db, peer.ip)?;
            let known = params![address, peer.port, first.timestamp(), reading];
            self.db
                .prepare_cached(
                    "DELETE FROM life WHERE peer_id = ?1 AND peer_port = ?2 AND first = ?3 AND reading_id = ?4",
                )?
                .execute(known)?;
            let (before, after) = (old.get(&(peer, first)), new.get(&(peer, first)));
            if let Some(life) = after {
                let (last, silent) = (life.last.timestamp(), life.silent.map(|at| at.timestamp()));
                self.db
                    .prepare_cached(
                        "INSERT INTO life (peer_id, peer_port, first, reading_id, last, gone, silent) \
                         VALUES (?, ?, ?, ?, ?, ?, ?)",
                    )?
                    .execute(params![address, peer.port, first.timestamp(), reading, last, life.is_gone, silent])?;
            }
            for life in [before, after].into_iter().flatten() {
                self.touch_peer(peer, life.silent)?;
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
