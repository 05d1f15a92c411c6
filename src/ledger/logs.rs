//! The logwatches that were read lately, as they are: a part that overlaps them is read together with them.
//!
//! They are kept compressed, in pieces, of which a log that has grown changes the last one alone; and only as long as a
//! part of the same log can still come.

use std::io::{Read, Write};
use std::ops::Range;

use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Ledger, LedgerError, query};

/// How much of a log is one piece.
const PIECE: usize = 1 << 20;
/// How long a log is kept after its end, in seconds: 62 days.
const KEPT: i64 = 62 * 86_400;

impl Ledger {
    /// The logs that overlap a span of time without lying in it or around it.
    pub fn logs_across(&self, span: (DateTime<Utc>, DateTime<Utc>)) -> Result<Vec<Vec<u8>>, LedgerError> {
        let (first, last) = (span.0.timestamp(), span.1.timestamp());
        self.with(|db| {
            let mut found = db.prepare(
                "SELECT id FROM reading WHERE watch_first <= ?2 AND watch_last >= ?1 \
                 AND NOT (watch_first <= ?1 AND watch_last >= ?2) AND NOT (watch_first >= ?1 AND watch_last <= ?2) \
                 ORDER BY watch_first, watch_last",
            )?;
            let ids: Vec<i64> = found.query_map([first, last], |row| row.get(0))?.collect::<Result<_, _>>()?;
            ids.into_iter()
                .map(|id| read(db, id))
                .filter(|log| log.as_ref().map_or(true, |log| !log.is_empty()))
                .collect()
        })
    }
}

fn read(db: &Connection, reading: i64) -> rusqlite::Result<Vec<u8>> {
    let mut pieces = db.prepare_cached("SELECT data FROM log WHERE reading_id = ?1 ORDER BY piece")?;
    let pieces = pieces.query_map([reading], |row| row.get::<_, Vec<u8>>(0))?;
    let mut text = Vec::new();
    for piece in pieces {
        let done = DeflateDecoder::new(piece?.as_slice()).read_to_end(&mut text);
        done.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    }
    Ok(text)
}

/// Keeps the log of a reading, and lets go of those that ended long ago.
pub(super) fn keep(db: &Connection, reading: i64, log: Option<&[u8]>) -> rusqlite::Result<()> {
    let log = log.unwrap_or_default();
    let n_pieces = log.len().div_ceil(PIECE);
    for (number, piece) in (0_i64..).zip(log.chunks(PIECE)) {
        let mut sum = flate2::Crc::new();
        sum.update(piece);
        let known: Option<(i64, i64)> = db
            .prepare_cached("SELECT size, sum FROM log WHERE reading_id = ?1 AND piece = ?2")?
            .query_row([reading, number], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let own = (i64::try_from(piece.len()).unwrap_or(i64::MAX), i64::from(sum.sum()));
        if known != Some(own) {
            db.prepare_cached(
                "INSERT OR REPLACE INTO log (reading_id, piece, size, sum, data) VALUES (?, ?, ?, ?, ?)",
            )?
            .execute(params![reading, number, own.0, own.1, compressed(piece)?])?;
        }
    }
    forget(db, reading, i64::try_from(n_pieces).unwrap_or(i64::MAX)..i64::MAX)?;
    let latest = query::number(db, "latest")?.unwrap_or(i64::MIN);
    db.prepare_cached("DELETE FROM log WHERE reading_id IN (SELECT id FROM reading WHERE watch_last < ?1)")?
        .execute([latest.saturating_sub(KEPT)])?;
    Ok(())
}

/// Takes pieces of a reading's log away.
pub(super) fn forget(db: &Connection, reading: i64, pieces: Range<i64>) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM log WHERE reading_id = ?1 AND piece >= ?2 AND piece < ?3")?.execute([
        reading,
        pieces.start,
        pieces.end,
    ])?;
    Ok(())
}

fn compressed(piece: &[u8]) -> rusqlite::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    let done = encoder.write_all(piece).and_then(|()| encoder.finish());
    done.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
