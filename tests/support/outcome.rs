//! All that nights leave behind, to be compared.

use std::collections::BTreeMap;

use fs_err as fs;
use rusqlite::{Connection, OpenFlags, Row};

use super::workbook::Workbook;
use super::{HISTORY, Lab};

/// The ledger's rows, the history and the workbooks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    history: String,
    ledger: BTreeMap<&'static str, Vec<String>>,
    books: BTreeMap<String, Book>,
}

#[derive(Debug, PartialEq, Eq)]
enum Book {
    Sheets(Workbook),
    Text(String),
}

/// What the ledger tells, with names in the place of numbers that depend on the order of the nights.
const TABLES: [(&str, &str); 7] = [
    (
        "piece",
        "SELECT login, host, feature_id, initial_start, piece.start, piece.until, cut, state, evidence, told, ip, mac, hostname, \
         department, switch, port, outlet, information FROM piece JOIN pair ON pair.id = pair_id LEFT JOIN place ON \
         place.id = place_id LEFT JOIN address ON address.id = address_id LEFT JOIN machine ON machine.id = machine_id",
    ),
    (
        "hold",
        "SELECT login, host, start, until, licences, state, ip, evidence FROM hold JOIN pair ON pair.id = pair_id \
         LEFT JOIN address ON address.id = address_id",
    ),
    ("refusal", "SELECT at, login, host, cost FROM refusal JOIN pair ON pair.id = pair_id"),
    ("coverage", "SELECT source, since, until, hole FROM coverage"),
    ("finding", "SELECT day, kind, source, line, detail, login, host FROM finding WHERE day IS NOT NULL"),
    ("unpublished", "SELECT day FROM unpublished"),
    ("night", "SELECT value FROM setting WHERE name = 'night'"),
];

impl Outcome {
    /// What is there now; everything must be whole, and nothing else there.
    pub(crate) fn of(lab: &Lab) -> Self {
        let names: Vec<String> = lab.files("out").into_keys().collect();
        let half = names.iter().find(|name| name.contains(".tmp") || name.contains("jeton.db-"));
        assert_eq!(half, None, "a leftover");
        let books = names.iter().filter(|name| name.starts_with("reports/"));
        let books = books.map(|name| (name.clone(), Book::of(lab, name))).collect();
        Self { history: lab.text(HISTORY), ledger: ledger(lab), books }
    }

    /// What is different, to be shown where something is.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        let [ours, theirs] = [self, other].map(|outcome| lines(&outcome.history));
        if ours != theirs {
            return Some(format!("history: {}", first_difference(&ours, &theirs)));
        }
        for (table, ours) in &self.ledger {
            if Some(ours) != other.ledger.get(table) {
                return Some(format!("{table}: {}", first_difference(ours, &other.ledger[table])));
            }
        }
        let names = |outcome: &Self| outcome.books.keys().cloned().collect::<Vec<_>>();
        if names(self) != names(other) {
            return Some(format!("{:?} and {:?}", names(self), names(other)));
        }
        let book = self.books.iter().find(|(name, book)| other.books.get(*name) != Some(book));
        book.map(|(name, book)| format!("{name}: {book:?}\nand {:?}", other.books[name]))
    }
}

impl Book {
    fn of(lab: &Lab, name: &str) -> Self {
        let path = lab.path("out").join(name);
        match path.extension().and_then(|end| end.to_str()) {
            Some("ods" | "xlsx") => Self::Sheets(Workbook::read(&path)),
            // CSV, and the marks in the folders of periods.
            _ => Self::Text(fs::read_to_string(path).unwrap()),
        }
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn first_difference(ours: &[String], theirs: &[String]) -> String {
    let only = |a: &[String], b: &[String]| a.iter().find(|line| !b.contains(line)).cloned();
    format!(
        "{} and {} lines; here alone: {:?}; there alone: {:?}",
        ours.len(),
        theirs.len(),
        only(ours, theirs),
        only(theirs, ours)
    )
}

fn ledger(lab: &Lab) -> BTreeMap<&'static str, Vec<String>> {
    let db = Connection::open_with_flags(lab.path("out/jeton.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    TABLES.into_iter().map(|(table, sql)| (table, rows(&db, sql))).collect()
}

fn rows(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(sql).unwrap();
    let n_columns = statement.column_count();
    let cells = |row: &Row<'_>| {
        let cell = |column| row.get::<_, rusqlite::types::Value>(column).map(|value| format!("{value:?}"));
        (0..n_columns).map(cell).collect::<Result<Vec<_>, _>>()
    };
    let rows = statement.query_map([], cells).unwrap();
    let mut rows: Vec<String> = rows.map(|row| row.unwrap().join(" ")).collect();
    rows.sort_unstable();
    rows
}
