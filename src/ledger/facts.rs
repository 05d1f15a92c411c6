//! What the ledger knows that no log holds: what addresses were, DHCP names, settings with their days, imported histories. A
//! night writes it beside the evidence, so that a ledger that is lost comes back whole.

use base64::prelude::*;
use chrono::NaiveDate;
use chrono_tz::Tz;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Transaction, TransactionBehavior, params_from_iter};
use serde::{Deserialize, Serialize};

use super::record::set;
use super::{Ledger, LedgerError, code, forget, schema};
use crate::trace::Carry;

/// The tables that hold facts, those that others refer to first.
const TABLES: [&str; 9] =
    ["pair", "licence", "feature", "address", "machine", "place", "dhcp_name", "dated", "former_department"];
/// Those of which no evidence is left: imported histories, with the pieces that these make, and all that is older than the
/// evidence.
const GIVEN: [(&str, &str); 9] = [
    ("told", "1"),
    ("piece", "month IS NULL"),
    ("hold", "month IS NULL"),
    ("refusal", "month IS NULL"),
    ("coverage", BEFORE),
    ("issued", BEFORE),
    ("in_use", BEFORE),
    ("kept_sum", "1"),
    ("kept_figures", "1"),
];
/// Of the months up to the one that stands for everything before the evidence.
const BEFORE: &str = "month <= (SELECT max(month) FROM chapter WHERE given = 1)";
/// What is handed on from there.
const HANDED_ON: (&str, &str) = ("chapter", "given = 1");
/// The settings that are facts: the last night that all was told of.
const SETTINGS: (&str, &str) = ("setting", "name IN ('latest', 'night', 'named_from', 'kept_from', 'clock')");

/// The oldest version whose tables of facts are those of today.
const OLDEST: usize = 2;

/// All facts, table by table.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Facts {
    /// The version of the tables.
    version: usize,
    tables: Vec<Table>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Table {
    name: String,
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Cell {
    Nothing,
    Number(i64),
    Text(String),
    /// Bytes, in base 64.
    Bytes {
        /// The digits.
        base64: String,
    },
}

impl Ledger {
    /// Whether nothing was ever put in.
    pub fn is_empty(&self) -> Result<bool, LedgerError> {
        self.with(|db| {
            db.query_row("SELECT NOT EXISTS (SELECT 1 FROM pair) AND NOT EXISTS (SELECT 1 FROM told)", [], |row| {
                row.get(0)
            })
        })
    }

    /// The facts, as a text (JSON) that [`Ledger::restore`] reads.
    pub fn facts(&self) -> Result<Vec<u8>, LedgerError> {
        let tables = self.with(|db| {
            let whole = TABLES.into_iter().map(|table| (table, "1"));
            whole
                .chain(GIVEN)
                .chain([HANDED_ON, SETTINGS])
                .map(|(table, condition)| read(db, table, condition))
                .collect()
        })?;
        // Plain values are always JSON.
        Ok(serde_json::to_vec(&Facts { version: schema::VERSION, tables }).unwrap_or_default())
    }

    /// What facts say is handed on from before a day that all evidence begins with, as bytes; `None` where they do not say it.
    pub fn handed_on(facts: &[u8], day: NaiveDate, zone: Tz) -> Option<Carry> {
        let facts = serde_json::from_slice::<Facts>(facts).ok()?;
        let chapter = facts.tables.into_iter().find(|table| table.name == HANDED_ON.0)?;
        let column = |name: &str| chapter.columns.iter().position(|column| column == name);
        let (hands_on, carry) = (column("hands_on")?, column("carry")?);
        let wanted = Cell::Text(forget::hands_on(day, zone));
        let row = chapter.rows.iter().find(|row| row.get(hands_on) == Some(&wanted))?;
        let Some(Cell::Bytes { base64 }) = row.get(carry) else { return None };
        code::unpacked(&BASE64_STANDARD.decode(base64).ok()?).ok()
    }

    /// Takes facts into a ledger that holds nothing yet; whether it could: those of a newer version, or of the
    /// first, wait for nothing.
    pub fn restore(&mut self, facts: &[u8]) -> Result<bool, LedgerError> {
        let Ok(facts) = serde_json::from_slice::<Facts>(facts) else { return Ok(false) };
        if !(OLDEST..=schema::VERSION).contains(&facts.version) {
            return Ok(false);
        }
        let path = self.path.clone();
        let mut work = || {
            let tx = Transaction::new(&mut self.db, TransactionBehavior::Immediate)?;
            facts.tables.iter().try_for_each(|table| write(&tx, table))?;
            // The next night adds up the days of which no evidence is left.
            set(&tx, "sums", "")?;
            tx.commit()
        };
        work().map_err(|error| LedgerError::new(&path, error))?;
        Ok(true)
    }
}

fn read(db: &Connection, table: &str, condition: &str) -> rusqlite::Result<Table> {
    let mut found = db.prepare(&format!("SELECT * FROM {table} WHERE {condition} ORDER BY 1"))?;
    let columns: Vec<String> = found.column_names().into_iter().map(str::to_owned).collect();
    let n_columns = columns.len();
    let mut found = found.query([])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let cell = |index| {
            Ok::<_, rusqlite::Error>(match row.get_ref(index)? {
                ValueRef::Integer(number) => Cell::Number(number),
                ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
                ValueRef::Blob(bytes) => Cell::Bytes { base64: BASE64_STANDARD.encode(bytes) },
                ValueRef::Null | ValueRef::Real(_) => Cell::Nothing,
            })
        };
        rows.push((0..n_columns).map(cell).collect::<Result<_, _>>()?);
    }
    Ok(Table { name: table.to_owned(), columns, rows })
}

fn write(db: &Connection, table: &Table) -> rusqlite::Result<()> {
    let known = TABLES.into_iter().chain(GIVEN.map(|(table, _)| table)).chain([HANDED_ON.0, SETTINGS.0]);
    let is_name = |text: &String| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if !known.clone().any(|known| known == table.name) || !table.columns.iter().all(is_name) {
        return Ok(());
    }
    let marks = vec!["?"; table.columns.len()].join(", ");
    let sql = format!("INSERT OR REPLACE INTO {} ({}) VALUES ({marks})", table.name, table.columns.join(", "));
    let mut insert = db.prepare(&sql)?;
    for row in table.rows.iter().filter(|row| row.len() == table.columns.len()) {
        let values = row.iter().map(|cell| match cell {
            Cell::Nothing => Value::Null,
            Cell::Number(number) => Value::Integer(*number),
            Cell::Text(text) => Value::Text(text.clone()),
            Cell::Bytes { base64 } => Value::Blob(BASE64_STANDARD.decode(base64).unwrap_or_default()),
        });
        insert.execute(params_from_iter(values))?;
    }
    Ok(())
}
