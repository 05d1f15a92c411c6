//! Workbooks read again by calamine, which has no part in their writing.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use calamine::{Data, Ods, Range, Reader, Xlsx};
use chrono::{NaiveDate, NaiveDateTime};
use fs_err as fs;

/// A workbook as texts that are the same for both formats.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Workbook {
    /// The sheets in order, each by its name with its rows.
    pub(crate) sheets: Vec<(String, Vec<Vec<String>>)>,
    /// The formulas, empty cells left out.
    pub(crate) formulas: Vec<String>,
    /// What the file says each formula gives, by sheet, row and column, from 0.
    pub(crate) cached: BTreeMap<(String, u32, u32), String>,
}

impl Workbook {
    /// Reads an ODS or XLSX file.
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = Cursor::new(fs::read(path).unwrap());
        match path.extension().and_then(|end| end.to_str()) {
            Some("ods") => Self::of(Ods::new(bytes).unwrap()),
            _ => Self::of(Xlsx::new(bytes).unwrap()),
        }
    }

    fn of<R: Reader<Cursor<Vec<u8>>>>(mut book: R) -> Self
    where
        R::Error: std::fmt::Debug,
    {
        let mut this = Self { sheets: Vec::new(), formulas: Vec::new(), cached: BTreeMap::new() };
        for name in book.sheet_names() {
            let formulas = book.worksheet_formula(&name).unwrap();
            let range = book.worksheet_range(&name).unwrap();
            let (top, left) = formulas.start().unwrap_or_default();
            for (row, column, formula) in formulas.used_cells().filter(|(.., formula)| !formula.is_empty()) {
                let at = (top + u32::try_from(row).unwrap(), left + u32::try_from(column).unwrap());
                let value = range.get_value(at).map(plain).unwrap_or_default();
                this.formulas.push(formula.clone());
                this.cached.insert((name.clone(), at.0, at.1), value);
            }
            let rows = rows(&range);
            this.sheets.push((name, rows));
        }
        this
    }

    /// The rows of a sheet.
    pub(crate) fn sheet(&self, name: &str) -> &[Vec<String>] {
        &self.sheets.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no sheet {name}")).1
    }

    /// The rows below the header of *Sessions*.
    pub(crate) fn sessions(&self) -> &[Vec<String>] {
        let rows = self.sheet("Sessions");
        let header = rows.iter().position(|row| row[0] == "Date").expect("the sheet has a header");
        &rows[header + 1..]
    }

    /// Every cell of every sheet.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &str> {
        self.sheets.iter().flat_map(|(_, rows)| rows.iter().flatten()).map(String::as_str)
    }
}

/// Rows of equal length, without the empty ones at the end.
fn rows(range: &Range<Data>) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = range.rows().map(|row| row.iter().map(plain).collect()).collect();
    while rows.last().is_some_and(|row| row.iter().all(String::is_empty)) {
        rows.pop();
    }
    rows
}

/// A cell: dates as `2021-12-08 08:30:00`, durations in seconds, numbers without a fraction that is not there.
fn plain(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::String(text) => text.clone(),
        Data::Int(number) => number.to_string(),
        // The two formats hold a share with a different last digit.
        Data::Float(number) => format!("{number:.9}").trim_end_matches('0').trim_end_matches('.').to_owned(),
        Data::DateTime(at) if at.is_duration() => whole(at.as_f64() * 86_400.0).to_string(),
        Data::DateTime(at) => {
            let epoch = NaiveDate::from_ymd_opt(1899, 12, 30).unwrap().and_hms_opt(0, 0, 0).unwrap();
            (epoch + chrono::Duration::seconds(whole(at.as_f64() * 86_400.0))).to_string()
        }
        Data::DateTimeIso(text) => {
            let day = || text.parse::<NaiveDate>().unwrap().and_hms_opt(0, 0, 0).unwrap();
            text.parse::<NaiveDateTime>().unwrap_or_else(|_| day()).to_string()
        }
        Data::DurationIso(text) => iso_seconds(text).to_string(),
        other => panic!("jeton writes no such cell: {other:?}"),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the seconds of a test's dates")]
fn whole(seconds: f64) -> i64 {
    seconds.round() as i64
}

/// `PT2H0M30.0S` in seconds.
fn iso_seconds(text: &str) -> i64 {
    let (hours, rest) = text.strip_prefix("PT").unwrap().split_once('H').unwrap();
    let (minutes, rest) = rest.split_once('M').unwrap();
    let parts = [hours, minutes, rest.strip_suffix('S').unwrap()].map(|part| part.parse::<f64>().unwrap());
    whole(parts[0] * 3600.0 + parts[1] * 60.0 + parts[2])
}
