//! What an address was, and on which days.
//!
//! A place says that an address was this machine from one day to another. Each night that resolves an address makes its
//! place last until that day, and fills what was not known of it; where what is known disagrees (another department, port or
//! outlet), a new place begins. A day that lies in no place belongs to the next one, the last days to the last: a machine
//! that moves leaves what was before as it was.

use chrono::NaiveDate;
use chrono_tz::Tz;
use rusqlite::{Connection, OptionalExtension, params};

use super::code;
use super::names::{MACHINE, machine, machine_of};
use crate::model::{Machine, Vlan};

/// What a look at an address changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing that any row shows.
    Nothing,
    /// A place knows more: all its rows do.
    Filled(i64),
    /// The days of the address are parted otherwise.
    Parted,
}

struct Place {
    id: i64,
    since: i64,
    until: i64,
    machine: Machine,
}

/// Takes in that an address was a machine on a day.
pub(super) fn see(db: &Connection, address: i64, day: NaiveDate, seen: &Machine) -> rusqlite::Result<Change> {
    let day = code::of_day(day);
    let next = place(db, "until >= ?2 ORDER BY until LIMIT 1", address, day)?;
    let before = place(db, "until < ?2 ORDER BY until DESC LIMIT 1", address, day)?;
    if let Some(place) = next.as_ref().filter(|place| place.since <= day) {
        // On the same day, what was seen first stays; it may be completed.
        return if agree(&place.machine, seen) { extend(db, place, day, seen) } else { Ok(Change::Nothing) };
    }
    if let Some(place) = [&before, &next].into_iter().flatten().find(|place| agree(&place.machine, seen)) {
        let change = extend(db, place, day, seen)?;
        return Ok(if before.is_some() && next.is_some() { Change::Parted } else { change });
    }
    db.prepare_cached("INSERT INTO place (address_id, since, until, machine_id) VALUES (?1, ?2, ?2, ?3)")?
        .execute(params![address, day, machine(db, seen)?])?;
    Ok(if before.is_some() || next.is_some() { Change::Parted } else { Change::Nothing })
}

fn place(db: &Connection, which: &str, address: i64, day: i64) -> rusqlite::Result<Option<Place>> {
    let sql = format!(
        "SELECT p.id, p.since, p.until, {MACHINE} FROM place p JOIN machine m ON m.id = p.machine_id \
         WHERE address_id = ?1 AND {which}"
    );
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Place { id: row.get(0)?, since: row.get(1)?, until: row.get(2)?, machine: machine_of(row, 3)? })
    };
    db.prepare_cached(&sql)?.query_row([address, day], read).optional()
}

/// Whether nothing that both know differs. What Ordinateurs.ods says in words may change any day.
fn agree(a: &Machine, b: &Machine) -> bool {
    fn same<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
        a.is_none() || b.is_none() || a == b
    }
    same(a.hostname.as_ref(), b.hostname.as_ref())
        && same(a.mac.as_ref(), b.mac.as_ref())
        && same(a.vlan.as_ref(), b.vlan.as_ref())
        && same(a.department.as_ref(), b.department.as_ref())
        && same(a.switch.as_ref(), b.switch.as_ref())
        && same(a.port.as_ref(), b.port.as_ref())
        && same(a.outlet.as_ref(), b.outlet.as_ref())
}

/// Makes a place reach a day, with what is known by then.
fn extend(db: &Connection, place: &Place, day: i64, seen: &Machine) -> rusqlite::Result<Change> {
    let old = place.machine.clone();
    let newer = day >= place.until;
    let filled = Machine {
        hostname: old.hostname.or_else(|| seen.hostname.clone()),
        mac: old.mac.or(seen.mac),
        vlan: old.vlan.or(seen.vlan),
        department: old.department.or_else(|| seen.department.clone()),
        switch: old.switch.or_else(|| seen.switch.clone()),
        port: old.port.or_else(|| seen.port.clone()),
        outlet: old.outlet.or_else(|| seen.outlet.clone()),
        information: if newer { seen.information.clone().or(old.information) } else { old.information },
    };
    let (since, until) = (place.since.min(day), place.until.max(day));
    if filled == place.machine && (since, until) == (place.since, place.until) {
        return Ok(Change::Nothing);
    }
    db.prepare_cached("UPDATE place SET since = ?2, until = ?3, machine_id = ?4 WHERE id = ?1")?.execute(params![
        place.id,
        since,
        until,
        machine(db, &filled)?
    ])?;
    let shows = |machine: &Machine| Machine { information: None, ..machine.clone() };
    Ok(if shows(&filled) == shows(&place.machine) { Change::Nothing } else { Change::Filled(place.id) })
}

/// The place of an address on a day; one of which nothing is known, where nobody ever looked.
pub(super) fn at(db: &Connection, address: i64, day: NaiveDate) -> rusqlite::Result<i64> {
    let number = code::of_day(day);
    let find = |which: &str| {
        let sql = format!("SELECT id FROM place WHERE address_id = ?1 AND {which}");
        db.prepare_cached(&sql)?.query_row([address, number], |row| row.get(0)).optional()
    };
    let known: Option<i64> = match find("until >= ?2 ORDER BY until LIMIT 1")? {
        Some(id) => Some(id),
        None => find("until < ?2 ORDER BY until DESC LIMIT 1")?,
    };
    if let Some(id) = known {
        return Ok(id);
    }
    db.prepare_cached("INSERT INTO place (address_id, since, until, machine_id) VALUES (?1, ?2, ?2, ?3)")?
        .execute(params![address, number, machine(db, &Machine::default())?])?;
    Ok(db.last_insert_rowid())
}

/// Gives the pieces at an address the places of their days; the days that changed.
pub(super) fn part(db: &Connection, address: i64, zone: Tz) -> rusqlite::Result<Vec<NaiveDate>> {
    let mut pieces = db.prepare_cached(
        "SELECT piece.id, piece.start, piece.place_id FROM place CROSS JOIN piece ON piece.place_id = place.id \
         WHERE place.address_id = ?1",
    )?;
    let pieces: Vec<(i64, i64, i64)> =
        pieces.query_map([address], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect::<Result<_, _>>()?;
    let mut changed = Vec::new();
    for (id, start, old) in pieces {
        let day = code::day_of(start, zone)?;
        let new = at(db, address, day)?;
        if new != old {
            db.prepare_cached("UPDATE piece SET place_id = ?2 WHERE id = ?1")?.execute([id, new])?;
            changed.push(day);
        }
    }
    Ok(changed)
}

/// Puts the machines of a VLAN into a department, on all days; the days on which one was used that was in another.
pub(super) fn rename_department(
    db: &Connection,
    vlan: Vlan,
    department: &str,
    zone: Tz,
) -> rusqlite::Result<Vec<NaiveDate>> {
    let sql = format!("SELECT m.id, {MACHINE} FROM machine m WHERE vlan = ?1 AND department <> ?2");
    let mut found = db.prepare_cached(&sql)?;
    let found = found.query_map(params![vlan.to_string(), department], |row| Ok((row.get(0)?, machine_of(row, 1)?)))?;
    let found: Vec<(i64, Machine)> = found.collect::<Result<_, _>>()?;
    let mut changed = Vec::new();
    for (id, old) in found {
        if let Some(former) = &old.department {
            // Its workbooks go, whenever they are looked at next.
            db.prepare_cached("INSERT OR IGNORE INTO former_department (name) VALUES (?1)")?.execute([former])?;
        }
        let new = machine(db, &Machine { department: Some(department.to_owned()), ..old })?;
        let mut places = db.prepare_cached("SELECT id FROM place WHERE machine_id = ?1")?;
        let places: Vec<i64> = places.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for place in places {
            db.prepare_cached("UPDATE place SET machine_id = ?2 WHERE id = ?1")?.execute([place, new])?;
            changed.extend(days(db, place, zone)?);
        }
        db.prepare_cached("DELETE FROM machine WHERE id = ?1")?.execute([id])?;
    }
    Ok(changed)
}

/// The days of the pieces at a place.
pub(super) fn days(db: &Connection, place: i64, zone: Tz) -> rusqlite::Result<Vec<NaiveDate>> {
    let mut starts = db.prepare_cached("SELECT start FROM piece WHERE place_id = ?1")?;
    let starts = starts.query_map([place], |row| row.get::<_, i64>(0))?;
    starts.map(|start| code::day_of(start?, zone)).collect()
}
