//! What is known, out again.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::month::{self, Chapter, Month};
use super::search::Search;
use super::{Ledger, LedgerError, code, refused, search};
use crate::config::ORIGIN;
use crate::derivation::DhcpNames;
use crate::model::{Denial, Feature, Hold, Identity, LastUse, MacAddr, SessionRow};
use crate::trace::seats::Known;
use crate::trace::{Carry, Stretch};

/// Where a machine was, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// Its switch and port: `Balard-1D-1 Gi1/0/36`.
    pub port: String,
    /// The outlet, where it was known.
    pub outlet: Option<String>,
    /// The first day on which a night found it there.
    pub first: NaiveDate,
    /// The last.
    pub last: NaiveDate,
}

impl Ledger {
    /// The newest moment that a night knew of.
    pub fn latest(&self) -> Result<Option<DateTime<Utc>>, LedgerError> {
        self.with(|db| number(db, "latest")?.map(code::moment).transpose())
    }

    /// The day from which on anything is known: by a logwatch, else by the first piece.
    pub fn begins(&self, zone: Tz) -> Result<Option<NaiveDate>, LedgerError> {
        let watched = self.with(|db| {
            let covered: Option<i64> = db.query_row("SELECT min(since) FROM coverage", [], |row| row.get(0))?;
            let first = number(db, "begins")?.into_iter().chain(covered).min();
            first.map(|first| code::day_of(first, zone)).transpose()
        })?;
        Ok(watched.into_iter().chain(self.first_day(zone)?).min())
    }

    /// The day of the first piece.
    pub fn first_day(&self, zone: Tz) -> Result<Option<NaiveDate>, LedgerError> {
        self.with(|db| {
            let first: Option<i64> =
                db.query_row("SELECT min(start) FROM piece INDEXED BY piece_by_start", [], |row| row.get(0))?;
            first.map(|first| code::day_of(first, zone)).transpose()
        })
    }

    /// The pieces of sessions of some days, by start, with their machines.
    pub fn rows(&self, first: NaiveDate, last: NaiveDate, zone: Tz) -> Result<Vec<SessionRow>, LedgerError> {
        self.found(&Search::of_days(first, last), zone)
    }

    /// The same without what imported histories tell.
    pub fn seen_rows(&self, first: NaiveDate, last: NaiveDate, zone: Tz) -> Result<Vec<SessionRow>, LedgerError> {
        self.found(&Search { is_seen: true, ..Search::of_days(first, last) }, zone)
    }

    fn found(&self, search: &Search, zone: Tz) -> Result<Vec<SessionRow>, LedgerError> {
        let mut rows = Vec::new();
        self.search(search, zone, &mut |row| {
            rows.push(row);
            true
        })?;
        Ok(rows)
    }

    /// Who used anything on some days, and nothing from then up to another one, with when and where they did so last.
    pub fn last_uses(
        &self,
        days: (NaiveDate, NaiveDate),
        until: NaiveDate,
        zone: Tz,
    ) -> Result<Vec<LastUse>, LedgerError> {
        let (from, to) = code::bounds(days.0, days.1, zone);
        let (_, end) = code::bounds(until, until, zone);
        self.with(|db| {
            let pairs = pairs(db)?;
            let mut found = db.prepare_cached(LAST_USES)?;
            let found = found.query_map([from, to, end], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let found: Vec<(i64, i64)> = found.collect::<Result<_, _>>()?;
            let mut place = db.prepare_cached(
                "SELECT place_id FROM piece INDEXED BY piece_of_pair WHERE pair_id = ?1 AND start = ?2 AND place_id IS NOT NULL",
            )?;
            let use_of = |(pair, last): (i64, i64)| {
                let place: Option<i64> = place.query_row([pair, last], |row| row.get(0)).optional()?;
                let machine = place.map(|place| search::at_place(db, place)).transpose()?;
                let machine = machine.map(|(_, machine)| machine).unwrap_or_default();
                Ok(LastUse { who: pair_of(&pairs, pair)?, machine, last: code::moment(last)? })
            };
            found.into_iter().map(use_of).collect()
        })
    }

    /// Each token that was out on some days, from its beginning to its end.
    pub fn holds(&self, first: NaiveDate, last: NaiveDate, zone: Tz) -> Result<Vec<Hold>, LedgerError> {
        let (from, until) = code::bounds(first, last, zone);
        self.with(|db| {
            let (pairs, features) = (pairs(db)?, features(db)?);
            // A token lies within its session, and each day of that has a piece: no token begins before these do.
            let earliest: Option<i64> = db.prepare_cached(EARLIEST)?.query_row([from, until], |row| row.get(0))?;
            let Some(earliest) = earliest else { return Ok(Vec::new()) };
            self.read_holds(db, HOLDS, params![earliest, until, from], (&pairs, &features))
        })
    }

    /// The tokens that are out at the end of the last of some days, and those that were out on it at all; of those that were
    /// taken on these days.
    pub fn holds_out(&self, first: NaiveDate, last: NaiveDate, zone: Tz) -> Result<Vec<Hold>, LedgerError> {
        let (earliest, _) = code::bounds(first, first, zone);
        let (from, until) = code::bounds(last, last, zone);
        self.with(|db| {
            let (pairs, features) = (pairs(db)?, features(db)?);
            self.read_holds(db, HOLDS_OUT, params![earliest, until, from], (&pairs, &features))
        })
    }

    fn read_holds(
        &self,
        db: &Connection,
        sql: &str,
        values: &[&dyn rusqlite::ToSql],
        (pairs, features): (&HashMap<i64, Identity>, &HashMap<i64, Feature>),
    ) -> rusqlite::Result<Vec<Hold>> {
        let mut found = db.prepare_cached(sql)?;
        let mut found = found.query(values)?;
        let mut holds = Vec::new();
        while let Some(row) = found.next()? {
            let Some(feature) = self.shown(features, row.get(1)?) else { continue };
            let ip = row.get::<_, Option<String>>(6)?.map(|text| code::ip(&text)).transpose()?;
            let evidence = code::evidence(row.get(7)?)?;
            holds.push(Hold {
                who: pair_of(pairs, row.get(0)?)?,
                feature: feature.clone(),
                start: code::moment(row.get(2)?)?,
                end: code::moment(row.get(3)?)?,
                licences: row.get(4)?,
                state: code::state(row.get(5)?)?,
                address: ip.map(|ip| (ip, evidence)),
            });
        }
        holds.sort();
        Ok(holds)
    }

    /// The refusals of some days, in the order of time, each with the machine that it was at as far as that is known.
    pub fn denials(&self, first: NaiveDate, last: NaiveDate, zone: Tz) -> Result<Vec<Denial>, LedgerError> {
        let (from, until) = code::bounds(first, last, zone);
        self.with(|db| {
            let (pairs, features) = (pairs(db)?, features(db)?);
            let mut found = db.prepare_cached(DENIALS)?;
            let mut found = found.query([from, until])?;
            let mut denials = Vec::new();
            while let Some(row) = found.next()? {
                let Some(feature) = self.shown(&features, row.get(2)?) else { continue };
                let (at, pair) = (row.get(0)?, row.get(1)?);
                let who = pair_of(&pairs, pair)?;
                let seat = refused::seat(db, (pair, &who), at, zone)?;
                let ip = seat.as_ref().map(|(ip, _)| *ip);
                let machine = seat.map(|(_, machine)| machine).unwrap_or_default();
                let at = code::moment(at)?;
                denials.push(Denial { at, who, feature: feature.clone(), real: row.get(3)?, ip, machine });
            }
            denials.sort_by(|a, b| (a.at, &a.who, &a.feature).cmp(&(b.at, &b.who, &b.feature)));
            Ok(denials)
        })
    }

    /// The features that any token or refusal was of, in the order of their names.
    pub fn features(&self) -> Result<Vec<Feature>, LedgerError> {
        let mut features: Vec<Feature> = self.with(features)?.into_values().collect();
        features.retain(|feature| !feature.name.is_empty());
        features.sort();
        Ok(features)
    }

    /// Those of them that are to be shown.
    pub fn shown_features(&self) -> Result<Vec<Feature>, LedgerError> {
        let is_shown = |feature: &Feature| self.shown_feature().is_none_or(|only| *feature.name == *only);
        Ok(self.features()?.into_iter().filter(is_shown).collect())
    }

    /// The ports at which nights found a machine, with the first and the last of their days, in the order of the last.
    pub fn stays(&self, mac: MacAddr) -> Result<Vec<Stay>, LedgerError> {
        self.with(|db| {
            let mut found = db.prepare_cached(
                "SELECT switch, port, outlet, min(since), max(until) FROM place JOIN machine m ON m.id = machine_id \
                 WHERE mac = ?1 AND switch <> '' GROUP BY 1, 2, 3 ORDER BY 5, 4",
            )?;
            let read = |row: &Row<'_>| {
                let port = format!("{} {}", row.get::<_, String>(0)?, row.get::<_, String>(1)?);
                let outlet = Some(row.get::<_, String>(2)?).filter(|outlet| !outlet.is_empty());
                Ok(Stay { port, outlet, first: code::day(row.get(3)?)?, last: code::day(row.get(4)?)? })
            };
            let found = found.query_map([mac.to_string()], read)?;
            found.collect()
        })
    }

    /// The names that departments had before they were renamed.
    pub fn former_departments(&self) -> Result<Vec<String>, LedgerError> {
        self.with(|db| {
            let mut found = db.prepare_cached("SELECT name FROM former_department ORDER BY name")?;
            let found = found.query_map([], |row| row.get(0))?;
            found.collect()
        })
    }

    /// That the feature that is to be shown is one of those that are known, where any is.
    pub fn check_feature(&self) -> Result<(), LedgerError> {
        let (Some(wanted), known) = (&self.feature, self.features()?) else { return Ok(()) };
        if known.is_empty() || known.iter().any(|feature| *feature.name == **wanted) {
            return Ok(());
        }
        let known = known.iter().map(|feature| format!("`{}`", feature.name)).collect::<Vec<_>>().join(", ");
        Err(LedgerError::UnknownFeature { wanted: wanted.clone(), known })
    }

    /// That the ledger is this site's: by its name, or by the address of its licence server, as a site may be renamed and a server
    /// moved.
    pub fn check_site(&self, site: &str, address: &str) -> Result<(), LedgerError> {
        let [names, addresses] = ["site", "address"].map(|name| self.dated(ORIGIN, name));
        let (names, addresses) = (names?, addresses?);
        let is_known = |values: &[(NaiveDate, String)], wanted: &str| values.iter().any(|(_, value)| value == wanted);
        match names.last() {
            Some((_, known)) if !is_known(&names, site) && !is_known(&addresses, address) => {
                let path = self.path.display().to_string();
                Err(LedgerError::AnotherSite { path, known: known.clone(), wanted: site.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// A feature by its number, where it is one of those that are shown.
    pub(super) fn shown<'f>(&self, features: &'f HashMap<i64, Feature>, id: i64) -> Option<&'f Feature> {
        let is_shown = |feature: &&Feature| {
            feature.name.is_empty() || self.feature.as_deref().is_none_or(|only| *feature.name == *only)
        };
        features.get(&id).filter(is_shown)
    }

    /// What each source vouches for and what it does not, of some days, by source and time.
    pub fn coverage(&self, first: NaiveDate, last: NaiveDate, zone: Tz) -> Result<Vec<(String, Stretch)>, LedgerError> {
        let (from, until) = code::bounds(first, last, zone);
        self.with(|db| {
            let mut found = db.prepare_cached(
                "SELECT l.name, source, since, until, hole FROM coverage c JOIN licence l ON l.id = c.licence_id \
                 WHERE since < ?2 AND until > ?1 ORDER BY l.name, source, since",
            )?;
            let found = found.query_map([from, until], |row| {
                let stretch = Stretch {
                    source: code::source(row.get(1)?)?,
                    since: code::moment(row.get::<_, i64>(2)?.max(from))?,
                    until: code::moment(row.get::<_, i64>(3)?.min(until))?,
                    hole: code::hole(row.get(4)?)?,
                };
                Ok((row.get(0)?, stretch))
            })?;
            // A month ends no stretch.
            let mut joined: Vec<(String, Stretch)> = Vec::new();
            for stretch in found {
                let (licence, stretch) = stretch?;
                match joined.last_mut() {
                    Some((name, last))
                        if *name == licence
                            && (last.source, last.until, last.hole)
                                == (stretch.source, stretch.since, stretch.hole) =>
                    {
                        last.until = stretch.until;
                    }
                    _ => joined.push((licence, stretch)),
                }
            }
            Ok(joined)
        })
    }

    /// The times of some days that any source vouches for, of those that evidence speaks of. Days whose rows are forgotten are
    /// not known any more.
    pub fn known(&self, first: NaiveDate, last: NaiveDate, zone: Tz) -> Result<Known, LedgerError> {
        let kept = self.first_kept()?.unwrap_or(NaiveDate::MIN);
        if kept > last { Ok(Known::default()) } else { self.once_known(first.max(kept), last, zone) }
    }

    /// The same, with the days whose rows are forgotten: what is known of their sums.
    pub fn once_known(&self, first: NaiveDate, last: NaiveDate, zone: Tz) -> Result<Known, LedgerError> {
        let (from, until) = code::bounds(first, last, zone);
        self.with(|db| {
            let ends = |row: &Row<'_>| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?));
            let (since, end) = db.prepare_cached("SELECT min(since), max(until) FROM coverage")?.query_row([], ends)?;
            let Some((since, end)) = since.zip(end) else { return Ok(Known::default()) };
            let mut found = db.prepare_cached(
                "SELECT since, until FROM coverage WHERE hole = 0 AND since < ?2 AND until > ?1 ORDER BY since",
            )?;
            let mut found = found.query([from, until])?;
            let mut stretches: Vec<(DateTime<Utc>, DateTime<Utc>)> = Vec::new();
            while let Some(row) = found.next()? {
                let (since, until) = (code::moment(row.get(0)?)?, code::moment(row.get(1)?)?);
                match stretches.last_mut() {
                    Some((_, end)) if since <= *end => *end = until.max(*end),
                    _ => stretches.push((since, until)),
                }
            }
            let span = (code::moment(since.max(from))?, code::moment(end.min(until).max(since.max(from)))?);
            Ok(Known { span: Some(span), stretches })
        })
    }

    /// The months of a licence that were derived, and what is given of all before.
    pub fn chapters(&self, licence: &str) -> Result<BTreeMap<Month, Chapter>, LedgerError> {
        self.with(|db| match licence_id(db, licence)? {
            Some(licence) => month::chapters(db, licence),
            None => Ok(BTreeMap::new()),
        })
    }

    /// What a month of a licence hands on.
    pub fn carry(&self, licence: &str, month: Month) -> Result<Carry, LedgerError> {
        self.with(|db| match licence_id(db, licence)? {
            Some(licence) => month::carry(db, licence, month),
            None => Ok(Carry::default()),
        })
    }

    /// The DHCP names of addresses with the days from which on they had them, in the order of the days.
    pub fn dhcp_names(&self) -> Result<DhcpNames, LedgerError> {
        self.with(dhcp_names)
    }

    /// How many licences of a feature there were, by `lmstat`, each number with the day from which on it said so; without a
    /// feature, of the only one.
    pub fn issued(&self, feature: Option<&str>, zone: Tz) -> Result<Vec<(NaiveDate, u32)>, LedgerError> {
        self.with(|db| {
            issued(db, feature)?.into_iter().map(|(at, count)| Ok((code::day_of(at, zone)?, count))).collect()
        })
    }

    /// How many licences of a feature were in use, by each answer of `lmstat` of some days; without a feature, of the only one.
    pub fn in_use(
        &self,
        feature: Option<&str>,
        first: NaiveDate,
        last: NaiveDate,
        zone: Tz,
    ) -> Result<Vec<(DateTime<Utc>, u32)>, LedgerError> {
        let counts = self.with(|db| counted(db, "in_use", feature, code::bounds(first, last, zone)))?;
        self.with(|_| counts.iter().map(|(at, count)| Ok((code::moment(*at)?, *count))).collect())
    }

    /// The values that a setting of a licence had, with the days from which on it had them.
    pub fn dated(&self, licence: &str, name: &str) -> Result<Vec<(NaiveDate, String)>, LedgerError> {
        self.with(|db| licence_id(db, licence)?.map_or(Ok(Vec::new()), |licence| dated(db, licence, name)))
    }
}

/// How many licences of a feature there were, by each answer of `lmstat` that said another number than the one before; without
/// a feature, of the only one.
pub(super) fn issued(db: &Connection, feature: Option<&str>) -> rusqlite::Result<Vec<(i64, u32)>> {
    counted(db, "issued", feature, (i64::MIN, i64::MAX))
}

/// The counts of a feature that `lmstat` gave between two moments, in their order; without a feature, those of the only one.
fn counted(
    db: &Connection,
    table: &str,
    feature: Option<&str>,
    (from, until): (i64, i64),
) -> rusqlite::Result<Vec<(i64, u32)>> {
    let mut found = db.prepare_cached(&format!(
        "SELECT at, count FROM {table} i JOIN feature f ON f.id = i.feature_id WHERE at >= ?2 AND at < ?3 \
         AND (f.name = ?1 OR ?1 IS NULL AND (SELECT count(DISTINCT feature_id) FROM {table}) = 1) ORDER BY at",
    ))?;
    let found = found.query_map(params![feature, from, until], |row| Ok((row.get(0)?, row.get(1)?)))?;
    found.collect()
}

/// The values that a setting had, with the days from which on it had them.
pub(super) fn dated(db: &Connection, licence: i64, name: &str) -> rusqlite::Result<Vec<(NaiveDate, String)>> {
    let mut found =
        db.prepare_cached("SELECT since, value FROM dated WHERE licence_id = ?1 AND name = ?2 ORDER BY since")?;
    let found = found.query_map(params![licence, name], |row| Ok((code::day(row.get(0)?)?, row.get(1)?)))?;
    found.collect()
}

fn licence_id(db: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT id FROM licence WHERE name = ?1")?.query_row([name], |row| row.get(0)).optional()
}

/// The DHCP names of addresses with the days from which on they had them, in the order of the days.
pub(super) fn dhcp_names(db: &Connection) -> rusqlite::Result<DhcpNames> {
    let mut found = db.prepare_cached(
        "SELECT a.ip, since, name FROM dhcp_name n JOIN address a ON a.id = n.address_id ORDER BY since",
    )?;
    let mut found = found.query([])?;
    let mut names = DhcpNames::new();
    while let Some(row) = found.next()? {
        let ip = code::ip(&row.get::<_, String>(0)?)?;
        names.entry(ip).or_default().push((code::day(row.get(1)?)?, row.get(2)?));
    }
    Ok(names)
}

pub(super) const LAST_USES: &str = "SELECT id, (SELECT max(start) FROM piece INDEXED BY piece_of_pair \
                                    WHERE pair_id = pair.id AND start < ?3) AS last FROM pair \
                                    WHERE last >= ?1 AND last < ?2 ORDER BY last, id";
pub(super) const EARLIEST: &str =
    "SELECT min(initial_start) FROM piece INDEXED BY piece_by_start WHERE start >= ?1 AND start < ?2";
pub(super) const HOLDS: &str = "SELECT pair_id, feature_id, start, until, licences, state, a.ip, evidence \
                                FROM hold INDEXED BY hold_by_start LEFT JOIN address a ON a.id = address_id \
                                WHERE start >= ?1 AND start < ?2 AND (until > ?3 OR start >= ?3)";
pub(super) const HOLDS_OUT: &str = "SELECT pair_id, feature_id, start, until, licences, state, a.ip, evidence \
                                    FROM hold INDEXED BY hold_by_start LEFT JOIN address a ON a.id = address_id \
                                    WHERE start >= ?1 AND start < ?2 AND (until > ?3 OR start >= ?3 OR state IN (0, 4))";
pub(super) const DENIALS: &str = "SELECT at, pair_id, feature_id, cost FROM refusal WHERE at >= ?1 AND at < ?2";

/// A setting, where it is known.
pub(super) fn setting(db: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    db.prepare_cached("SELECT value FROM setting WHERE name = ?1")?.query_row([name], |row| row.get(0)).optional()
}

/// A setting that is a number.
pub(super) fn number(db: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    setting(db, name)?.map(|text| code::parsed(&text)).transpose()
}

/// All pairs by their numbers.
pub(super) fn pairs(db: &Connection) -> rusqlite::Result<HashMap<i64, Identity>> {
    let mut found = db.prepare_cached("SELECT id, login, host FROM pair")?;
    let found = found
        .query_map([], |row| Ok((row.get(0)?, Identity::new(&row.get::<_, String>(1)?, &row.get::<_, String>(2)?))))?;
    found.collect()
}

pub(super) fn pair_of(pairs: &HashMap<i64, Identity>, id: i64) -> rusqlite::Result<Identity> {
    pairs.get(&id).cloned().ok_or(rusqlite::Error::QueryReturnedNoRows)
}

/// All features by their numbers.
pub(super) fn features(db: &Connection) -> rusqlite::Result<HashMap<i64, Feature>> {
    let mut found =
        db.prepare_cached("SELECT f.id, l.name, f.name FROM feature f JOIN licence l ON l.id = f.licence_id")?;
    let found = found
        .query_map([], |row| Ok((row.get(0)?, Feature::new(&row.get::<_, String>(1)?, &row.get::<_, String>(2)?))))?;
    found.collect()
}
