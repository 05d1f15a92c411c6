//! Imported histories: what an older `Origin_history` tells, of days that nobody saw.
//!
//! Its lines are kept whole, as records. Those that say their day and their user are pieces as well, so that searches and
//! reports have them, until a night sees that day itself. A line that says no time of day begins at midnight; one that says
//! no state is `presumed`.

use std::collections::hash_map::Entry as Slot;
use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Duration, NaiveDate, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, Transaction, params};

use super::names::Names;
use super::{Ledger, LedgerError, ORIGIN, code, places, sums};
use crate::config::HistoryFormat;
use crate::history::{self, Entry, Stamp};
use crate::model::{Machine, State};
use crate::source::Source;

/// What taking in histories did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenIn {
    /// How many lines tell what the ledger did not know.
    pub n_new: usize,
}

impl Ledger {
    /// Takes in what histories tell of what the ledger does not know, each line once, however often.
    pub fn take_in(&mut self, files: &[Source], zone: Tz) -> Result<TakenIn, LedgerError> {
        let own = self.own_lines(zone)?;
        let n_own = own.lines().count();
        let told = self.with(lines)?;
        let base = Source::from_bytes("ledger", (own + &told.concat()).as_bytes());
        let imported = history::import(&base, files, HistoryFormat::Record);
        let kept: Vec<&Entry> = imported
            .entries
            .iter()
            .filter(|(line, _)| line.is_none_or(|line| line as usize > n_own))
            .map(|(_, entry)| entry)
            .collect();
        let path = self.path.clone();
        let mut work = || {
            let tx = self.db.transaction()?;
            replace(&tx, &kept, zone)?;
            tx.commit()
        };
        work().map_err(|error| LedgerError::new(&path, error))?;
        Ok(TakenIn { n_new: kept.len() - told.len().min(kept.len()) })
    }

    /// The lines that were taken in, as a history of records.
    pub fn told_text(&self) -> Result<String, LedgerError> {
        Ok(self.with(lines)?.concat())
    }

    /// What imported histories tell of some days that nobody saw; what says no day, if `with_undated`.
    pub fn told(
        &self,
        first: NaiveDate,
        last: NaiveDate,
        with_undated: bool,
        zone: Tz,
    ) -> Result<Vec<Entry>, LedgerError> {
        let text = self.with(|db| {
            let mut found = db.prepare(
                "SELECT day, pair_id, line FROM told WHERE day BETWEEN ?1 AND ?2 OR (day IS NULL AND ?3) \
                 ORDER BY day, id",
            )?;
            let mut found = found.query(params![code::of_day(first), code::of_day(last), with_undated])?;
            let mut text = String::new();
            while let Some(row) = found.next()? {
                let (day, pair): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
                let day = day.map(code::day).transpose()?;
                let seen = day.zip(pair).map(|(day, pair)| is_seen(db, pair, day, zone)).transpose()?;
                if seen != Some(true) {
                    text.extend([row.get::<_, String>(2)?.as_str(), "\n"]);
                }
            }
            Ok(text)
        })?;
        let told = history::read(&Source::from_bytes("ledger", text.as_bytes()));
        Ok(told.items.into_iter().map(|told| told.entry).collect())
    }

    /// What the ledger itself would write into a history.
    fn own_lines(&self, zone: Tz) -> Result<String, LedgerError> {
        let rows = self.seen_rows(NaiveDate::MIN, NaiveDate::MAX, zone)?;
        let lines = history::lines(&rows, HistoryFormat::Record);
        Ok(lines.into_iter().flat_map(|line| [line.text, "\n".to_owned()]).collect())
    }
}

/// The lines that were taken in, each with its end.
fn lines(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut found = db.prepare("SELECT line FROM told ORDER BY id")?;
    let found = found.query_map([], |row| Ok(row.get::<_, String>(0)? + "\n"))?;
    found.collect()
}

fn replace(tx: &Transaction<'_>, entries: &[&Entry], zone: Tz) -> rusqlite::Result<()> {
    let imported = || -> rusqlite::Result<BTreeSet<NaiveDate>> {
        let mut starts = tx.prepare("SELECT start FROM piece WHERE told = 1")?;
        starts.query_map([], |row| code::day_of(row.get(0)?, zone))?.collect()
    };
    let mut days = imported()?;
    tx.execute("DELETE FROM told", [])?;
    tx.execute("DELETE FROM piece WHERE told = 1", [])?;
    let (mut names, mut free, mut seen) = (Names::default(), Free::new(), HashMap::new());
    for entry in entries {
        let pair = entry.who.as_ref().map(|who| names.pair(tx, who)).transpose()?;
        let line = entry.text(HistoryFormat::Record);
        tx.prepare_cached("INSERT INTO told (day, pair_id, line) VALUES (?1, ?2, ?3)")?.execute(params![
            entry.date.map(code::of_day),
            pair,
            line
        ])?;
        if let (Some(pair), Some(day)) = (pair, entry.date)
            && !match seen.entry((pair, day)) {
                Slot::Occupied(known) => *known.get(),
                Slot::Vacant(new) => *new.insert(is_seen(tx, pair, day, zone)?),
            }
        {
            put_piece(tx, (&mut names, &mut free), pair, day, entry, zone)?;
        }
    }
    days.extend(imported()?);
    days.into_iter().try_for_each(|day| sums::follow(tx, day, zone))
}

/// Puts what an imported history says of a pair and a day in the place of what was derived of it, and is not any more.
pub(super) fn restore(db: &Connection, names: &mut Names, pair: i64, day: NaiveDate, zone: Tz) -> rusqlite::Result<()> {
    if is_seen(db, pair, day, zone)? {
        return Ok(());
    }
    let (from, until) = code::bounds(day, day, zone);
    db.prepare_cached("DELETE FROM piece WHERE pair_id = ?1 AND start >= ?2 AND start < ?3 AND told = 1")?
        .execute([pair, from, until])?;
    let mut found = db.prepare_cached("SELECT line FROM told WHERE day = ?1 AND pair_id = ?2 ORDER BY id")?;
    let found = found.query_map([code::of_day(day), pair], |row| row.get::<_, String>(0))?;
    let lines: Vec<String> = found.collect::<Result<_, _>>()?;
    let told = history::read(&Source::from_bytes("ledger", lines.join("\n").as_bytes()));
    let mut free = Free::new();
    told.items.iter().try_for_each(|told| put_piece(db, (names, &mut free), pair, day, &told.entry, zone))
}

/// For a pair and a start that lines said, the next second at which no piece of them begins.
type Free = HashMap<(i64, i64), i64>;

/// Whether a night saw a pair on a day.
fn is_seen(db: &Connection, pair: i64, day: NaiveDate, zone: Tz) -> rusqlite::Result<bool> {
    let (from, until) = code::bounds(day, day, zone);
    db.prepare_cached("SELECT 1 FROM piece WHERE pair_id = ?1 AND start >= ?2 AND start < ?3 AND told = 0")?
        .exists([pair, from, until])
}

fn put_piece(
    db: &Connection,
    (names, free): (&mut Names, &mut Free),
    pair: i64,
    day: NaiveDate,
    entry: &Entry,
    zone: Tz,
) -> rusqlite::Result<()> {
    let (from, to) = code::bounds(day, day, zone);
    let moment = |stamp: &Option<Stamp>| match stamp {
        Some(Stamp::At(at)) => Some(at.with_timezone(&Utc)).map(|at: DateTime<Utc>| at.timestamp()),
        _ => None,
    };
    let start = moment(&entry.start).filter(|start| (from..to).contains(start)).unwrap_or(from);
    #[expect(clippy::cast_possible_truncation, reason = "minutes of one day")]
    let seconds = entry.minutes.map(|minutes| (minutes * 60.0).round() as i64);
    let length = seconds.or_else(|| Some(moment(&entry.end)? - start));
    let length = length.unwrap_or(0).clamp(0, Duration::days(2).num_seconds());
    let until = start.saturating_add(length).min(to);
    let place = match entry.ip {
        Some(ip) => {
            let address = names.address(db, ip)?;
            places::see(db, address, day, &machine(entry))?;
            Some(places::at(db, address, day)?)
        }
        None => None,
    };
    let state = code::of_state(entry.state.unwrap_or(State::Presumed));
    // A history says neither licence nor feature.
    let feature = names.feature(db, ORIGIN, "")?;
    // Two lines of one user and day that say no time would begin alike.
    let next = free.entry((pair, start)).or_insert(start);
    for start in *next..to {
        *next = start + 1;
        let n_new = db
            .prepare_cached(
                "INSERT INTO piece (pair_id, feature_id, initial_start, start, until, cut, state, evidence, place_id, told) \
                 VALUES (?1, ?7, ?2, ?2, ?3, ?4, ?5, 0, ?6, 1) ON CONFLICT DO NOTHING",
            )?
            .execute(params![pair, start, until.max(start), until == to, state, place, feature])?;
        if n_new > 0 {
            break;
        }
    }
    Ok(())
}

fn machine(entry: &Entry) -> Machine {
    let Entry { mac, hostname, department, vlan, switch, port, outlet, .. } = entry.clone();
    Machine { hostname, mac, vlan, department, switch, port, outlet, information: None }
}
