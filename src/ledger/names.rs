//! The numbers of pairs, features, addresses and machines, given when they are first met.

use std::collections::HashMap;
use std::net::IpAddr;

use rusqlite::{Connection, OptionalExtension, params};

use super::code;
use crate::model::{Identity, Machine, folded};

/// The numbers that were asked for in one transaction.
#[derive(Debug, Default)]
pub(super) struct Names {
    pairs: HashMap<Identity, i64>,
    features: HashMap<(i64, String), i64>,
    addresses: HashMap<IpAddr, i64>,
}

impl Names {
    pub(super) fn pair(&mut self, db: &Connection, who: &Identity) -> rusqlite::Result<i64> {
        if let Some(&id) = self.pairs.get(who) {
            return Ok(id);
        }
        db.prepare_cached(
            "INSERT INTO pair (login, host, login_folded, host_folded) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        )?
        .execute(params![who.login(), who.host(), folded(who.login()), folded(who.host())])?;
        let id = db
            .prepare_cached("SELECT id FROM pair WHERE login = ?1 AND host = ?2")?
            .query_row(params![who.login(), who.host()], |row| row.get(0))?;
        self.pairs.insert(who.clone(), id);
        Ok(id)
    }

    /// The number of a licence.
    pub(super) fn licence(db: &Connection, name: &str) -> rusqlite::Result<i64> {
        db.prepare_cached("INSERT INTO licence (name) VALUES (?1) ON CONFLICT DO NOTHING")?.execute([name])?;
        db.prepare_cached("SELECT id FROM licence WHERE name = ?1")?.query_row([name], |row| row.get(0))
    }

    /// The number of a licence's feature.
    pub(super) fn feature(&mut self, db: &Connection, licence: i64, name: &str) -> rusqlite::Result<i64> {
        if let Some(&id) = self.features.get(&(licence, name.to_owned())) {
            return Ok(id);
        }
        let key = params![licence, name];
        db.prepare_cached("INSERT INTO feature (licence_id, name) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(key)?;
        let id = db
            .prepare_cached("SELECT id FROM feature WHERE licence_id = ?1 AND name = ?2")?
            .query_row(key, |row| row.get(0))?;
        self.features.insert((licence, name.to_owned()), id);
        Ok(id)
    }

    pub(super) fn address(&mut self, db: &Connection, ip: IpAddr) -> rusqlite::Result<i64> {
        if let Some(&id) = self.addresses.get(&ip) {
            return Ok(id);
        }
        let text = ip.to_string();
        db.prepare_cached("INSERT INTO address (ip) VALUES (?1) ON CONFLICT DO NOTHING")?.execute([&text])?;
        let id = db.prepare_cached("SELECT id FROM address WHERE ip = ?1")?.query_row([&text], |row| row.get(0))?;
        self.addresses.insert(ip, id);
        Ok(id)
    }
}

fn shown<T: ToString>(value: Option<&T>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

/// The number of a machine as it is.
pub(super) fn machine(db: &Connection, machine: &Machine) -> rusqlite::Result<i64> {
    let Machine { hostname, mac, vlan, department, switch, port, outlet, information } = machine;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let values = [
        text(hostname),
        shown(mac.as_ref()),
        shown(vlan.as_ref()),
        text(department),
        text(switch),
        shown(port.as_ref()),
        text(outlet),
        text(information),
    ];
    let known = db
        .prepare_cached(
            "SELECT id FROM machine WHERE hostname = ?1 AND mac = ?2 AND vlan = ?3 AND department = ?4 AND switch = ?5 \
             AND port = ?6 AND outlet = ?7 AND information = ?8",
        )?
        .query_row(rusqlite::params_from_iter(&values), |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let folds = [hostname, department, outlet, information].map(|field| folded(field.as_deref().unwrap_or_default()));
    db.prepare_cached(
        "INSERT INTO machine (hostname, mac, vlan, department, switch, port, outlet, information, hostname_folded, \
         department_folded, outlet_folded, information_folded) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(rusqlite::params_from_iter(values.iter().chain(&folds)))?;
    Ok(db.last_insert_rowid())
}

/// The columns of a machine, for [`machine_of`], with the table's short name `m`.
pub(super) const MACHINE: &str = "m.hostname, m.mac, m.vlan, m.department, m.switch, m.port, m.outlet, m.information";

/// The machine that a row holds from a column on.
pub(super) fn machine_of(row: &rusqlite::Row<'_>, from: usize) -> rusqlite::Result<Machine> {
    let text = |index: usize| row.get::<_, String>(from + index);
    let name = |index| Ok::<_, rusqlite::Error>(Some(text(index)?).filter(|text| !text.is_empty()));
    Ok(Machine {
        hostname: name(0)?,
        mac: code::known(&text(1)?)?,
        vlan: code::known(&text(2)?)?,
        department: name(3)?,
        switch: name(4)?,
        port: code::known(&text(5)?)?,
        outlet: name(6)?,
        information: name(7)?,
    })
}
