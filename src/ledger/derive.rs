//! What follows from all that was seen of a stretch of time: each token once, and the pieces of sessions.
//!
//! Only what a night touched is worked out anew. A stretch is widened until it cuts neither a token nor a session, so that
//! what is outside cannot depend on what is inside.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Duration, NaiveDate, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, Row, params};

use super::names::Names;
use super::record::{Night, Touched};
use super::{code, places, publish, query};
use crate::model::{Identity, SessionRow, State};
use crate::parse::logwatch::Peer;
use crate::trace::merge::{self, Context};
use crate::trace::observed::{Beginning, LifeSeen, ReturnSeen, TokenSeen, View};
use crate::trace::sessions::{SEAM, of_pair};

/// A stretch of time in Unix seconds, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch(pub(super) i64, pub(super) i64);

impl Stretch {
    pub(super) const ALL: Self = Self(i64::MIN, i64::MAX);

    pub(super) fn of(start: DateTime<Utc>, end: DateTime<Utc>) -> Self {
        Self(start.timestamp(), end.timestamp())
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0.min(other.0), self.1.max(other.1))
    }
}

/// Works out anew what the night touched.
pub(super) fn derive(db: &Connection, night: &Night<'_>, names: &mut Names, touched: Touched) -> rusqlite::Result<()> {
    let latest = query::number(db, "latest")?.unwrap_or_else(|| night.now.timestamp());
    let watched_until = query::number(db, "watched")?.map(code::moment).transpose()?;
    let stale_after = Duration::from_std(night.settings.stale_after).unwrap_or(Duration::MAX);
    let zone = night.settings.timezone;
    let latest = code::moment(latest)?;
    for (pair, mut stretch) in touched {
        let (seen, tokens) = loop {
            let seen = Seen::read(db, pair, stretch)?;
            let lives = lives(db, names, &seen.tokens)?;
            let context = Context { lives: &lives, watched_until, latest, stale_after };
            let tokens = merge::tokens(&seen.tokens, &seen.returns, &context);
            // A connection can reach beyond what was touched, to tokens that were not.
            let reached = tokens.iter().map(|token| Stretch::of(token.share.start, token.share.end));
            stretch = reached.fold(seen.stretch, Stretch::with);
            if stretch == seen.stretch {
                break (seen, tokens);
            }
        };
        let sessions = of_pair(&seen.who, tokens.iter().map(|token| token.share).collect());
        let mut days = put_holds(db, names, pair, seen.stretch, &tokens, zone)?;
        let mut pieces = BTreeMap::new();
        for session in &sessions {
            let (initial, state, evidence) =
                (session.start.timestamp(), code::of_state(session.state), code::of_evidence(session.evidence));
            let address = session.ip.map(|ip| names.address(db, ip)).transpose()?;
            for piece in session.pieces(zone) {
                let place = address.map(|address| places::at(db, address, piece.date)).transpose()?;
                let (start, until, cut) = (piece.start.timestamp(), piece.end.timestamp(), piece.cut);
                pieces.insert((initial, start), Piece { until, cut, state, evidence, place });
            }
        }
        days.extend(put_pieces(db, pair, seen.stretch, pieces, zone)?);
        publish::mark(db, days)?;
    }
    Ok(())
}

/// All that was seen of a pair in a stretch that cuts nothing.
struct Seen {
    who: Identity,
    stretch: Stretch,
    tokens: Vec<(i64, TokenSeen)>,
    returns: Vec<ReturnSeen>,
}

impl Seen {
    fn read(db: &Connection, pair: i64, touched: Stretch) -> rusqlite::Result<Self> {
        let who = db
            .prepare_cached("SELECT login, host FROM pair WHERE id = ?1")?
            .query_row([pair], |row| Ok(Identity::new(&row.get::<_, String>(0)?, &row.get::<_, String>(1)?)))?;
        let features = query::features(db)?;
        let mut stretch = touched;
        loop {
            let wider = widened(db, pair, stretch)?;
            if wider == stretch {
                break;
            }
            stretch = wider;
        }
        let mut tokens = db.prepare_cached(
            "SELECT t.*, peer.ip AS peer_ip, address.ip AS address_ip FROM token t \
             LEFT JOIN address peer ON peer.id = t.peer_id LEFT JOIN address ON address.id = t.address_id \
             WHERE pair_id = ?1 AND start BETWEEN ?2 AND ?3",
        )?;
        let unnamed = String::new();
        let tokens = tokens.query_map([pair, stretch.0, stretch.1], |row| {
            let feature: i64 = row.get("feature_id")?;
            Ok((row.get("reading_id")?, read_token(row, &who, features.get(&feature).unwrap_or(&unnamed))?))
        })?;
        let tokens: Vec<(i64, TokenSeen)> = tokens.collect::<Result<_, _>>()?;
        let mut returns = Vec::new();
        let mut found = db.prepare_cached(
            "SELECT at, feature_id, max(times) FROM give_back WHERE pair_id = ?1 AND at BETWEEN ?2 AND ?3 \
             GROUP BY at, feature_id",
        )?;
        let mut found = found.query([pair, stretch.0, stretch.1])?;
        while let Some(row) = found.next()? {
            let (at, feature) = (code::moment(row.get(0)?)?, features.get(&row.get(1)?).unwrap_or(&unnamed).clone());
            for _ in 0..row.get::<_, i64>(2)? {
                returns.push(ReturnSeen { who: who.clone(), feature: feature.clone(), at });
            }
        }
        Ok(Self { who, stretch, tokens, returns })
    }
}

// By their ends, as most that begin before a stretch ended long before it, and nothing tells the planner.
pub(super) const TOUCHING_TOKENS: &str = "SELECT min(start), max(until) FROM token INDEXED BY token_by_end \
                                          WHERE pair_id = ?1 AND until >= ?2 AND start <= ?3";
pub(super) const TOUCHING_HOLDS: &str = "SELECT min(start), max(until) FROM hold INDEXED BY hold_by_end \
                                         WHERE pair_id = ?1 AND until >= ?2 AND start <= ?3";

/// A stretch with all tokens, holds and sessions that touch it.
fn widened(db: &Connection, pair: i64, stretch: Stretch) -> rusqlite::Result<Stretch> {
    let seam = SEAM.num_seconds();
    let (from, until) = (stretch.0.saturating_sub(seam), stretch.1.saturating_add(seam));
    let mut wide = stretch;
    for sql in [TOUCHING_TOKENS, TOUCHING_HOLDS] {
        let found: (Option<i64>, Option<i64>) =
            db.prepare_cached(sql)?.query_row([pair, from, until], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if let (Some(start), Some(end)) = found {
            wide = wide.with(Stretch(start, end));
        }
    }
    Ok(wide)
}

/// A row of `token` with the addresses as `peer_ip` and `address_ip`.
pub(super) fn read_token(row: &Row<'_>, who: &Identity, feature: &str) -> rusqlite::Result<TokenSeen> {
    let ip = |name| row.get::<_, Option<String>>(name)?.map(|text| code::ip(&text)).transpose();
    let port: Option<u16> = row.get("peer_port")?;
    let evidence = code::evidence(row.get("evidence")?)?;
    Ok(TokenSeen {
        who: who.clone(),
        feature: feature.to_owned(),
        start: code::moment(row.get("start")?)?,
        beginning: code::beginning(row.get("beginning")?)?,
        ordinal: row.get("ordinal")?,
        licences: row.get("licences")?,
        view: View {
            end: code::moment(row.get("until")?)?,
            state: code::state(row.get("state")?)?,
            sign: code::moment(row.get("sign")?)?,
            as_of: code::moment(row.get("as_of")?)?,
        },
        peer: ip("peer_ip")?.zip(port).map(|(ip, port)| Peer { ip, port }),
        address: ip("address_ip")?.map(|ip| (ip, evidence)),
    })
}

/// The connections that edges of logs cut, of the tokens whose beginning or end is not wholly known.
fn lives(
    db: &Connection,
    names: &mut Names,
    tokens: &[(i64, TokenSeen)],
) -> rusqlite::Result<BTreeMap<Peer, Vec<LifeSeen>>> {
    let is_told =
        |(_, token): &&(i64, TokenSeen)| token.view.state != State::Expired || token.beginning == Beginning::Before;
    let peers: BTreeSet<Peer> = tokens.iter().filter(is_told).filter_map(|(_, token)| token.peer).collect();
    let mut lives = BTreeMap::new();
    for peer in peers {
        let address = names.address(db, peer.ip)?;
        let mut found = db.prepare_cached(
            "SELECT first, last, gone, silent FROM life WHERE peer_id = ?1 AND peer_port = ?2 ORDER BY first",
        )?;
        let found = found.query_map(params![address, peer.port], |row| read_life(row, peer, 0))?;
        lives.insert(peer, found.collect::<Result<Vec<_>, _>>()?);
    }
    Ok(lives)
}

/// The life of a connection from the column `first` on: first, last, gone, silent.
pub(super) fn read_life(row: &Row<'_>, peer: Peer, from: usize) -> rusqlite::Result<LifeSeen> {
    let moment = |index: usize| code::moment(row.get(from + index)?);
    let silent = row.get::<_, Option<i64>>(from + 3)?.map(code::moment).transpose()?;
    Ok(LifeSeen { peer, first: moment(0)?, last: moment(1)?, is_gone: row.get(from + 2)?, silent })
}

/// Puts the holds of a stretch in the place of those that were there; the days of those that changed.
fn put_holds(
    db: &Connection,
    names: &mut Names,
    pair: i64,
    stretch: Stretch,
    tokens: &[merge::Token],
    zone: Tz,
) -> rusqlite::Result<Vec<NaiveDate>> {
    let mut old: HashMap<[i64; 4], Vec<i64>> = HashMap::new();
    let mut found = db.prepare_cached(
        "SELECT id, feature_id, start, until, licences FROM hold WHERE pair_id = ?1 AND start BETWEEN ?2 AND ?3",
    )?;
    let mut found = found.query([pair, stretch.0, stretch.1])?;
    while let Some(row) = found.next()? {
        let key = [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?];
        old.entry(key).or_default().push(row.get(0)?);
    }
    let mut days = Vec::new();
    for token in tokens {
        let feature = names.feature(db, &token.feature)?;
        let (start, end) = (token.share.start, token.share.end);
        let key = [feature, start.timestamp(), end.timestamp(), i64::from(token.licences)];
        if old.get_mut(&key).and_then(Vec::pop).is_none() {
            db.prepare_cached("INSERT INTO hold (pair_id, feature_id, start, until, licences) VALUES (?, ?, ?, ?, ?)")?
                .execute([pair, key[0], key[1], key[2], key[3]])?;
            days.extend(code::days_between(start, end, zone));
        }
    }
    for ([_, start, end, _], ids) in old {
        for id in ids {
            db.prepare_cached("DELETE FROM hold WHERE id = ?1")?.execute([id])?;
            days.extend(code::days_between(code::moment(start)?, code::moment(end)?, zone));
        }
    }
    Ok(days)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    until: i64,
    cut: bool,
    state: i64,
    evidence: i64,
    place: Option<i64>,
}

/// Puts the pieces of a stretch in the place of those that were there; the days of those that changed.
fn put_pieces(
    db: &Connection,
    pair: i64,
    stretch: Stretch,
    mut new: BTreeMap<(i64, i64), Piece>,
    zone: Tz,
) -> rusqlite::Result<Vec<NaiveDate>> {
    let mut found = db.prepare_cached(
        "SELECT id, initial_start, start, until, cut, state, evidence, place_id FROM piece \
         WHERE pair_id = ?1 AND initial_start BETWEEN ?2 AND ?3 AND told = 0",
    )?;
    let found = found.query_map([pair, stretch.0, stretch.1], |row| {
        let piece = Piece {
            until: row.get(3)?,
            cut: row.get(4)?,
            state: row.get(5)?,
            evidence: row.get(6)?,
            place: row.get(7)?,
        };
        Ok((row.get::<_, i64>(0)?, (row.get(1)?, row.get(2)?), piece))
    })?;
    let found: Vec<(i64, (i64, i64), Piece)> = found.collect::<Result<_, _>>()?;
    let mut changed = Vec::new();
    for (id, key, old) in found {
        if new.get(&key) == Some(&old) {
            new.remove(&key);
        } else {
            db.prepare_cached("DELETE FROM piece WHERE id = ?1")?.execute([id])?;
            changed.push(key.1);
        }
    }
    for ((initial, start), piece) in new {
        let Piece { until, cut, state, evidence, place } = piece;
        // What an old history said of that day gives way to what was seen.
        let (from, to) = day_bounds(start, zone)?;
        db.prepare_cached("DELETE FROM piece WHERE pair_id = ?1 AND start >= ?2 AND start < ?3 AND told = 1")?
            .execute([pair, from, to])?;
        db.prepare_cached(
            "INSERT INTO piece (pair_id, initial_start, start, until, cut, state, evidence, place_id, told) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
        )?
        .execute(params![pair, initial, start, until, cut, state, evidence, place])?;
        changed.push(start);
    }
    changed.into_iter().map(|start| code::day_of(start, zone)).collect()
}

pub(super) fn day_bounds(start: i64, zone: Tz) -> rusqlite::Result<(i64, i64)> {
    let day = code::day_of(start, zone)?;
    Ok(code::bounds(day, day, zone))
}

/// A row of a piece, as everybody reads it.
pub(super) fn row_of(
    times: [i64; 3],
    cut: bool,
    codes: [i64; 2],
    zone: Tz,
    who: Identity,
) -> rusqlite::Result<SessionRow> {
    let [initial_start, start, until] = times;
    let at = |seconds| Ok::<_, rusqlite::Error>(code::moment(seconds)?.with_timezone(&zone));
    let state: State = code::state(codes[0])?;
    Ok(SessionRow {
        date: at(start)?.date_naive(),
        who,
        start: at(start)?,
        end: at(if cut { until - 1 } else { until })?,
        duration_s: until - start,
        state,
        initial_start: at(initial_start)?,
        ip: None,
        evidence: code::evidence(codes[1])?,
        machine: crate::model::Machine::default(),
    })
}
