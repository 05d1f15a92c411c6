//! From where somebody asked for a token and was refused: no connection of it lasts, so that the log cannot say.

use std::net::IpAddr;

use chrono::Duration;
use chrono_tz::Tz;
use rusqlite::{Connection, OptionalExtension, params};

use super::{code, places, search};
use crate::model::{Identity, Machine, folded};
use crate::trace::attribute::short_name;

/// How far in time a session may be that says where its pair sits: people move.
const NEAR: Duration = Duration::days(31);

/// The address and the machine of a pair that was refused a token, as they are known for that day: those of its session then,
/// else of the one nearest to it; of a pair without any, those of the only machine that is called as its host.
pub(super) fn seat(
    db: &Connection,
    (pair, who): (i64, &Identity),
    at: i64,
    zone: Tz,
) -> rusqlite::Result<Option<(IpAddr, Machine)>> {
    let address = match nearest(db, pair, at)? {
        Some(address) => Some(address),
        None => called(db, who.host())?,
    };
    let Some(address) = address else { return Ok(None) };
    search::at_place(db, places::at(db, address, code::day_of(at, zone)?)?).map(Some)
}

/// The address of the pair's session at a moment, or of the one nearest to it.
fn nearest(db: &Connection, pair: i64, at: i64) -> rusqlite::Result<Option<i64>> {
    let find = |which: &str| {
        let sql = format!(
            "SELECT start, piece.until, address_id FROM piece INDEXED BY piece_of_pair \
             JOIN place ON place.id = place_id WHERE pair_id = ?1 AND {which} LIMIT 1"
        );
        let read = |row: &rusqlite::Row<'_>| {
            let (start, until): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok(((start - at).max(at - until).max(0), row.get(2)?))
        };
        db.prepare_cached(&sql)?.query_row([pair, at], read).optional()
    };
    let around = [find("start <= ?2 ORDER BY start DESC")?, find("start > ?2 ORDER BY start")?];
    let near = around.into_iter().flatten().filter(|(apart, _)| *apart <= NEAR.num_seconds());
    Ok(near.min_by_key(|(apart, _)| *apart).map(|(_, address)| address))
}

/// The only address of a machine that is called so.
fn called(db: &Connection, host: &str) -> rusqlite::Result<Option<i64>> {
    let host = folded(&short_name(host));
    let mut found = db.prepare_cached(
        "SELECT DISTINCT address_id FROM place JOIN machine m ON m.id = machine_id \
         WHERE m.hostname_folded = ?1 OR m.hostname_folded LIKE ?2 ESCAPE '\\' LIMIT 2",
    )?;
    let like = format!("{}.%", host.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
    let found: Vec<i64> = found.query_map(params![host, like], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(<[i64; 1]>::try_from(found).ok().map(|[only]| only))
}

/// The addresses that are called as the host of a pair which was refused a token between two moments and never had one there,
/// with that host: nobody else asks what machines they are.
pub(super) fn unseated(db: &Connection, (from, until): (i64, i64)) -> rusqlite::Result<Vec<(IpAddr, String)>> {
    let mut hosts = db.prepare_cached(
        "SELECT DISTINCT pair.host FROM refusal JOIN pair ON pair.id = pair_id WHERE at >= ?1 AND at < ?2 \
         AND NOT EXISTS (SELECT 1 FROM piece WHERE piece.pair_id = refusal.pair_id AND place_id IS NOT NULL)",
    )?;
    let hosts: Vec<String> = hosts.query_map([from, until], |row| row.get(0))?.collect::<Result<_, _>>()?;
    if hosts.is_empty() {
        return Ok(Vec::new());
    }
    let names = super::query::dhcp_names(db)?;
    let latest = names.iter().filter_map(|(ip, names)| Some((*ip, short_name(&names.last()?.1))));
    let mut by_name: std::collections::HashMap<String, Vec<IpAddr>> = std::collections::HashMap::new();
    for (ip, name) in latest {
        by_name.entry(name).or_default().push(ip);
    }
    let only = |host: String| match by_name.get(&short_name(&host)).map(Vec::as_slice) {
        Some([ip]) => Some((*ip, host)),
        _ => None,
    };
    Ok(hosts.into_iter().filter_map(only).collect())
}
