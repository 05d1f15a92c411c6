//! What a ledger of version 1 kept of the logs: their texts, and the tokens that were out where one of them ended.

use std::io::Read;

use chrono::{DateTime, Utc};
use flate2::read::DeflateDecoder;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Ledger, LedgerError, code, query};
use crate::model::Identity;
use crate::parse::logwatch::Peer;
use crate::trace::carry::CarriedHolding;
use crate::trace::watch::CarriedConnection;
use crate::trace::{Carry, Origin};

impl Ledger {
    /// The texts of logwatches that version 1 kept, in the order of their times.
    pub fn old_logs(&self) -> Result<Vec<Vec<u8>>, LedgerError> {
        self.with(|db| {
            if !is_old(db)? {
                return Ok(Vec::new());
            }
            let mut found = db.prepare("SELECT id FROM reading ORDER BY watch_first, watch_last")?;
            let ids: Vec<i64> = found.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            let texts = ids.into_iter().map(|id| text(db, id));
            texts.filter(|text| text.as_ref().map_or(true, |text| !text.is_empty())).collect()
        })
    }
}

/// Lets go of what version 1 kept.
pub(super) fn forget(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch("DROP TABLE IF EXISTS old_token; DROP TABLE IF EXISTS log; DROP TABLE IF EXISTS reading;")
}

fn is_old(db: &Connection) -> rusqlite::Result<bool> {
    let found = db.query_row("SELECT 1 FROM sqlite_schema WHERE name = 'old_token'", [], |_| Ok(())).optional()?;
    Ok(found.is_some())
}

fn text(db: &Connection, reading: i64) -> rusqlite::Result<Vec<u8>> {
    let mut pieces = db.prepare_cached("SELECT data FROM log WHERE reading_id = ?1 ORDER BY piece")?;
    let pieces = pieces.query_map([reading], |row| row.get::<_, Vec<u8>>(0))?;
    let mut text = Vec::new();
    for piece in pieces {
        let done = DeflateDecoder::new(piece?.as_slice()).read_to_end(&mut text);
        done.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    }
    Ok(text)
}

/// What version 1 knew to be out at a moment, as what a month hands on: each token once, as the reading that looked last saw it.
/// `None` of a ledger that is not older.
pub(super) fn carry(db: &Connection, at: DateTime<Utc>) -> rusqlite::Result<Option<Carry>> {
    if !is_old(db)? {
        return Ok(None);
    }
    let (pairs, features) = (query::pairs(db)?, query::features(db)?);
    let mut found = db.prepare(
        "SELECT pair_id, feature_id, t.start, t.licences, p.ip, peer_port, a.ip, t.evidence, max(as_of), max(t.until) \
         FROM old_token t LEFT JOIN address p ON p.id = peer_id LEFT JOIN address a ON a.id = address_id \
         WHERE t.start < ?1 AND (t.until >= ?1 OR t.state = 0) \
         GROUP BY pair_id, feature_id, t.start, ordinal ORDER BY t.start, pair_id, ordinal",
    )?;
    let mut found = found.query(params![at.timestamp()])?;
    let mut carry = Carry::default();
    while let Some(row) = found.next()? {
        let who: Identity = query::pair_of(&pairs, row.get(0)?)?;
        let feature = features.get(&row.get(1)?).map(|feature| feature.name.to_string()).unwrap_or_default();
        let since = code::moment(row.get(2)?)?;
        let evidence = code::evidence(row.get(7)?)?;
        let ip = |index| row.get::<_, Option<String>>(index)?.map(|text| code::ip(&text)).transpose();
        let peer = ip(4)?.zip(row.get::<_, Option<u16>>(5)?).map(|(ip, port)| Peer { ip, port });
        let connection = peer.map(|peer| {
            let id = u32::try_from(carry.connections.len()).unwrap_or(u32::MAX);
            carry.connections.push(CarriedConnection { peer, since, initial: false, ended: None });
            (id, evidence)
        });
        let address = ip(6)?.filter(|_| connection.is_none()).map(|ip| (ip, evidence));
        let (licences, origin) = (row.get(3)?, Origin::Logwatch);
        let owner = (who, feature);
        carry.holdings.push(CarriedHolding {
            owner,
            licences,
            start: since,
            origin,
            connection,
            address,
            listed: None,
            borrowed: false,
        });
    }
    // The block that showed them; what it is called matters to nobody.
    carry.watched = Some((at, false)).filter(|_| !carry.connections.is_empty());
    Ok(Some(carry))
}
