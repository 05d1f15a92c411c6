//! What a night brings, into the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::month::{Chapter, Month, Writing, cut_given};
use super::names::Names;
use super::places::{self, Change};
use super::{Ledger, LedgerError, code, findings, forget, month, old, publish, query, refused, sums};
use crate::config::TraceSettings;
use crate::derivation::DhcpNames;
use crate::finding::{Finding, Gap};
use crate::model::{Machine, Vlan};
use crate::privacy::{Veil, is_pseudonymous_address};
use crate::trace::{Analysis, Carry};

/// What one night has to tell beside the logs.
#[derive(Debug, Clone, Copy)]
pub struct Night<'a> {
    /// What the network says of each address on the day of the night.
    pub machines: &'a BTreeMap<IpAddr, Machine>,
    /// What looks wrong.
    pub findings: &'a [Finding],
    /// The sources that could not be had.
    pub gaps: &'a [Gap],
    /// The moment of the night.
    pub now: DateTime<Utc>,
    /// The site's zone.
    pub settings: &'a TraceSettings,
}

/// Changes of the ledger on their way: all of them are made, or none.
#[derive(Debug)]
pub struct Changing<'a> {
    pub(super) tx: Transaction<'a>,
    pub(super) names: Names,
    pub(super) licence: i64,
    path: PathBuf,
    days: BTreeSet<NaiveDate>,
    /// What turns the addresses of people who are forgotten into pseudonyms.
    veil: Option<Veil>,
}

impl Ledger {
    /// Begins to change the ledger; nothing of it is seen or kept before it is [committed](Changing::commit).
    pub fn change(&mut self, licence: &str) -> Result<Changing<'_>, LedgerError> {
        let (path, veil) = (self.path.clone(), self.veil.clone());
        let begin = |db| {
            let tx = Transaction::new(db, TransactionBehavior::Immediate)?;
            let names = Names::default();
            let licence = Names::licence(&tx, licence)?;
            Ok(Changing { tx, names, licence, path: path.clone(), days: BTreeSet::new(), veil: veil.clone() })
        };
        begin(&mut self.db).map_err(|error| LedgerError::new(&path, error))
    }
}

impl Changing<'_> {
    /// Makes the changes.
    pub fn commit(self) -> Result<(), LedgerError> {
        let path = self.path;
        self.tx.commit().map_err(|error| LedgerError::new(&path, error))
    }

    /// What turns names into pseudonyms, where older rows bear such.
    pub const fn veil(&self) -> Option<&Veil> {
        self.veil.as_ref()
    }

    pub(super) fn with<T>(&mut self, work: impl FnOnce(&mut Self) -> rusqlite::Result<T>) -> Result<T, LedgerError> {
        work(self).map_err(|error| LedgerError::new(&self.path, error))
    }

    /// The months that were derived, and what is given of all before.
    pub fn chapters(&mut self) -> Result<BTreeMap<Month, Chapter>, LedgerError> {
        self.with(|this| month::chapters(&this.tx, this.licence))
    }

    /// Puts what was derived of a month in the place of what was there.
    pub fn put(
        &mut self,
        month: Month,
        chapter: &Chapter,
        carry: &Carry,
        analysis: &Analysis,
        zone: Tz,
    ) -> Result<(), LedgerError> {
        self.write(zone, |writing| writing.put(month, chapter, carry, analysis))
    }

    /// What a month that was derived hands on.
    pub fn carry(&mut self, month: Month) -> Result<Carry, LedgerError> {
        self.with(|this| month::carry(&this.tx, this.licence, month))
    }

    /// Takes away what was derived of a month, as there is no evidence of it any more.
    pub fn forget(&mut self, month: Month, zone: Tz) -> Result<(), LedgerError> {
        self.write(zone, |writing| writing.forget(month))
    }

    /// Writes what is given of all that is older than the evidence, which begins at `edge`: a month before the first of it.
    pub fn give(&mut self, month: Month, carry: &Carry, edge: DateTime<Utc>, zone: Tz) -> Result<(), LedgerError> {
        self.with(|this| cut_given(&this.tx, edge.timestamp(), zone))?;
        let chapter =
            Chapter { inputs: String::new(), hands_on: format!("given {}", edge.timestamp()), is_given: true };
        self.write(zone, |writing| writing.chapter(month, &chapter, carry))
    }

    pub(super) fn write(
        &mut self,
        zone: Tz,
        work: impl FnOnce(&mut Writing<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), LedgerError> {
        self.with(|this| {
            let (db, licence) = (&*this.tx, this.licence);
            let (edge, veil) = (forget::edge(db, zone)?.unwrap_or(i64::MIN), this.veil.as_ref());
            let mut writing = Writing { db, names: &mut this.names, licence, zone, edge, veil, days: BTreeSet::new() };
            work(&mut writing)?;
            let days = writing.days;
            publish::mark_parted(db, days.iter().copied(), zone)?;
            this.days.extend(days);
            Ok(())
        })
    }

    /// Forgets what each month was derived from, so that all are derived anew.
    pub fn doubt(&mut self) -> Result<(), LedgerError> {
        self.with(|this| {
            let sql = "UPDATE chapter SET inputs = '' WHERE licence_id = ?1 AND given = 0";
            this.tx.execute(sql, [this.licence]).map(drop)
        })
    }

    /// Adds up all days anew.
    pub fn add_up(&mut self, zone: Tz) -> Result<(), LedgerError> {
        self.with(|this| {
            let changed = sums::follow_all(&this.tx, zone)?;
            this.days.extend(changed);
            Ok(())
        })
    }

    /// The days of which derived rows came out otherwise than before.
    pub const fn changed_days(&self) -> &BTreeSet<NaiveDate> {
        &self.days
    }

    /// The newest moment that is known of.
    pub fn latest(&mut self, now: DateTime<Utc>) -> Result<(), LedgerError> {
        self.with(|this| later(&this.tx, "latest", now.timestamp()))
    }

    /// Takes in what a night has to tell beside the logs. A later night can complete what an earlier one knew, and takes
    /// nothing back.
    pub fn night(&mut self, night: &Night<'_>) -> Result<(), LedgerError> {
        self.with(|this| {
            later(&this.tx, "latest", night.now.timestamp())?;
            sums::follow_zone(&this.tx, night.settings.timezone)?;
            this.machines(night)?;
            findings::put_all(&this.tx, night.findings, night.gaps)
        })
    }

    /// What each address was on the day of the night.
    fn machines(&mut self, night: &Night<'_>) -> rusqlite::Result<()> {
        let (db, zone) = (&*self.tx, night.settings.timezone);
        let today = night.now.with_timezone(&zone).date_naive();
        let (mut told_anew, mut parted) = (BTreeSet::new(), BTreeSet::new());
        for (ip, machine) in night.machines {
            let address = self.names.address(db, *ip)?;
            match places::see(db, address, today, machine)? {
                Change::Nothing => {}
                Change::Filled(place) => told_anew.extend(places::days(db, place, zone)?),
                Change::Parted => parted.extend(places::part(db, address, zone)?),
            }
        }
        publish::mark(db, told_anew)?;
        publish::mark_parted(db, parted, zone)
    }

    /// The addresses that sessions of some days were at, with the hosts that the log names there; and those that are called as
    /// the host of somebody who was refused a token, and has no session.
    pub fn addresses(
        &mut self,
        first: NaiveDate,
        last: NaiveDate,
        zone: Tz,
    ) -> Result<Vec<(IpAddr, String)>, LedgerError> {
        let (from, until) = code::bounds(first, last, zone);
        self.with(|this| {
            let mut found = this.tx.prepare_cached(
                "SELECT DISTINCT a.ip, pair.host FROM piece INDEXED BY piece_by_start \
                 JOIN place ON place.id = place_id JOIN address a ON a.id = address_id JOIN pair ON pair.id = pair_id \
                 WHERE start >= ?1 AND start < ?2 AND told = 0",
            )?;
            let found =
                found.query_map([from, until], |row| Ok((code::ip(&row.get::<_, String>(0)?)?, row.get(1)?)))?;
            let mut found: Vec<(IpAddr, String)> = found.collect::<Result<_, _>>()?;
            found.extend(refused::unseated(&this.tx, (from, until))?);
            found.retain(|(ip, _)| !is_pseudonymous_address(*ip));
            Ok(found)
        })
    }

    /// The DHCP names of addresses with the days from which on they had them, in the order of the days.
    pub fn dhcp_names(&mut self) -> Result<DhcpNames, LedgerError> {
        self.with(|this| query::dhcp_names(&this.tx))
    }

    /// What version 1 knew to be out at a moment; `None` of a ledger that is not older.
    pub fn old_carry(&mut self, at: DateTime<Utc>) -> Result<Option<Carry>, LedgerError> {
        self.with(|this| old::carry(&this.tx, at))
    }

    /// Lets go of what version 1 kept, as it is evidence now.
    pub fn forget_old(&mut self) -> Result<(), LedgerError> {
        self.with(|this| old::forget(&this.tx))
    }

    /// Notes the DHCP names of the day of a night: those that differ from what was known.
    pub fn note_names<'n>(
        &mut self,
        day: NaiveDate,
        names: impl Iterator<Item = (IpAddr, &'n str)>,
    ) -> Result<(), LedgerError> {
        self.with(|this| {
            let db = &*this.tx;
            let mut known = latest_names(db)?;
            for (ip, name) in names {
                let address = this.names.address(db, ip)?;
                if known.remove(&address).as_deref() != Some(name) {
                    put_name(db, address, day, name)?;
                }
            }
            known
                .into_iter()
                .filter(|(_, name)| !name.is_empty())
                .try_for_each(|(address, _)| put_name(db, address, day, ""))
        })
    }

    /// How many licences of a feature `lmstat` said last that there are.
    pub fn issued(&mut self, feature: &str) -> Result<Option<u32>, LedgerError> {
        self.with(|this| Ok(query::issued(&this.tx, Some(feature))?.last().map(|(_, count)| *count)))
    }

    /// Puts machines into the departments of their VLANs as the configuration names them today, on all days. The days whose
    /// rows that changes.
    pub fn departments<'v>(
        &mut self,
        vlans: impl Iterator<Item = (Vlan, &'v str)>,
        zone: Tz,
    ) -> Result<BTreeSet<NaiveDate>, LedgerError> {
        self.with(|this| {
            let db = &*this.tx;
            let mut days = BTreeSet::new();
            for (vlan, department) in vlans {
                days.extend(places::rename_department(db, vlan, department, zone)?);
            }
            publish::mark(db, days.iter().copied())?;
            Ok(days)
        })
    }

    /// The values that a setting had, with the days from which on it had them.
    pub fn dated_values(&mut self, name: &str) -> Result<Vec<(NaiveDate, String)>, LedgerError> {
        self.with(|this| query::dated(&this.tx, this.licence, name))
    }

    /// Notes the value of a setting on a day, where it differs from what was known.
    pub fn note(&mut self, name: &str, day: NaiveDate, value: &str) -> Result<(), LedgerError> {
        self.with(|this| {
            let known: Option<String> = this
                .tx
                .prepare_cached(
                    "SELECT value FROM dated WHERE licence_id = ?1 AND name = ?2 AND since <= ?3 ORDER BY since DESC",
                )?
                .query_row(params![this.licence, name, code::of_day(day)], |row| row.get(0))
                .optional()?;
            if known.as_deref() != Some(value) {
                this.tx
                    .prepare_cached(
                        "INSERT OR REPLACE INTO dated (licence_id, name, since, value) VALUES (?, ?, ?, ?)",
                    )?
                    .execute(params![this.licence, name, code::of_day(day), value])?;
            }
            Ok(())
        })
    }
}

fn latest_names(db: &Connection) -> rusqlite::Result<BTreeMap<i64, String>> {
    let mut found = db.prepare_cached("SELECT address_id, name FROM dhcp_name ORDER BY since")?;
    let found = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    found.collect()
}

fn put_name(db: &Connection, address: i64, day: NaiveDate, name: &str) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO dhcp_name (address_id, since, name) VALUES (?1, ?2, ?3)")?
        .execute(params![address, code::of_day(day), name])?;
    Ok(())
}

pub(super) fn set(db: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO setting (name, value) VALUES (?1, ?2)")?.execute([name, value])?;
    Ok(())
}

/// Sets a moment, unless a later one is known.
fn later(db: &Connection, name: &str, seconds: i64) -> rusqlite::Result<()> {
    let known = query::number(db, name)?;
    if known.is_none_or(|known| known < seconds) { set(db, name, &seconds.to_string()) } else { Ok(()) }
}
