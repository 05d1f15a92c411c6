//! Rows of any command as a table, as CSV or as JSON.
//!
//! CSV and JSON are stable: columns keep their names and their order, unknown is an empty field in CSV and `null` in
//! JSON. The table is for eyes only.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Write};

use clap::ValueEnum;
use comfy_table::{Attribute, CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Map, Value};

use crate::report::csv::guarded;

/// How rows are printed: `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Columns fitted to the terminal.
    #[default]
    Table,
    /// RFC 4180 with a header, lines ended by `\n`.
    Csv,
    /// An array of objects.
    Json,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Unknown.
    Empty,
    /// A name, a date, an address, a word.
    Text(String),
    /// A count, seconds, a VLAN.
    Integer(i64),
    /// A mean, minutes.
    Real(f64),
    /// Yes or no: `true`, `false`.
    Flag(bool),
}

impl Cell {
    /// What prints itself as text: an address, a state, a port.
    pub fn text(value: &impl ToString) -> Self {
        Self::Text(value.to_string())
    }

    fn to_plain(&self) -> Cow<'_, str> {
        match self {
            Self::Empty => "".into(),
            Self::Text(text) => text.into(),
            Self::Integer(number) => number.to_string().into(),
            Self::Real(number) if !number.is_finite() => "".into(),
            Self::Real(number) => number.to_string().into(),
            Self::Flag(flag) => flag.to_string().into(),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Empty => Value::Null,
            Self::Text(text) => text.as_str().into(),
            Self::Integer(number) => (*number).into(),
            Self::Real(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for Cell {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<u16> for Cell {
    fn from(number: u16) -> Self {
        Self::Integer(number.into())
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<bool> for Cell {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

/// Prints rows, each with a cell per column. CSV and JSON are written row by row, so that no command needs the memory
/// for all of them.
///
/// Whoever reads a pipe may stop reading (`| head`): that ends the printing, and is no error.
pub fn print(
    out: &mut dyn Write,
    format: Format,
    columns: &[&str],
    rows: impl Iterator<Item = Vec<Cell>>,
) -> io::Result<()> {
    let printed = match format {
        Format::Table => print_table(out, columns, rows, Table::new().width()),
        Format::Csv => print_csv(out, columns, rows),
        Format::Json => print_json(out, columns, rows),
    };
    match printed.and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

fn print_csv(out: &mut dyn Write, columns: &[&str], rows: impl Iterator<Item = Vec<Cell>>) -> io::Result<()> {
    // The error as the pipe or the disk gave it; csv's own conversion hides its kind.
    let plain = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    };
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(out);
    writer.write_record(columns).map_err(plain)?;
    for row in rows {
        let fields = row.iter().map(|cell| match cell {
            Cell::Text(text) => guarded(text),
            other => other.to_plain(),
        });
        writer.write_record(fields.map(Cow::into_owned)).map_err(plain)?;
    }
    writer.flush()
}

fn print_json(out: &mut dyn Write, columns: &[&str], rows: impl Iterator<Item = Vec<Cell>>) -> io::Result<()> {
    let mut separator = "[";
    for row in rows {
        let object: Map<String, Value> =
            columns.iter().zip(&row).map(|(name, cell)| ((*name).to_owned(), cell.to_json())).collect();
        write!(out, "{separator}\n  ")?;
        serde_json::to_writer(&mut *out, &object)?;
        separator = ",";
    }
    // Without rows nothing has opened the array yet.
    out.write_all(if separator == "[" { b"[]\n" } else { b"\n]\n" })
}

fn print_table(
    out: &mut dyn Write,
    columns: &[&str],
    rows: impl Iterator<Item = Vec<Cell>>,
    width: Option<u16>,
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    if let Some(width) = width {
        table.set_width(width);
    }
    table.set_header(columns.iter().map(|name| comfy_table::Cell::new(name).add_attribute(Attribute::Bold)));
    for row in rows {
        table.add_row(row.iter().map(|cell| {
            let shown = comfy_table::Cell::new(harmless(&cell.to_plain()));
            let is_number = matches!(cell, Cell::Integer(_) | Cell::Real(_));
            if is_number { shown.set_alignment(CellAlignment::Right) } else { shown }
        }));
    }
    writeln!(out, "{}", table.trim_fmt())
}

/// Prints plain lines, one for each text, harmless to a terminal. A pipe that is closed ends them quietly, as with rows.
pub(super) fn print_lines(out: &mut dyn Write, mut lines: impl Iterator<Item = String>) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    let printed = lines.try_for_each(|line| writeln!(out, "{}", harmless(&line)));
    match printed.and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// A text that does nothing to a terminal: control characters, and those that turn the writing around, are escaped.
fn harmless(text: &str) -> String {
    let acts = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if acts(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::csv::unguarded;

    fn rows() -> Vec<Vec<Cell>> {
        vec![
            vec!["Éloïse \"Lo\" Martin".into(), 510_u32.into(), 1.5.into(), true.into()],
            vec!["=cmd".into(), Cell::Empty, f64::NAN.into(), Cell::from(None::<bool>)],
        ]
    }

    fn printed(format: Format, rows: Vec<Vec<Cell>>) -> String {
        let mut out = Vec::new();
        print(&mut out, format, &["login", "vlan", "mean", "ok"], rows.into_iter()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn csv_is_stable_and_harmless() {
        let expected = "login,vlan,mean,ok\n\"Éloïse \"\"Lo\"\" Martin\",510,1.5,true\n'=cmd,,,\n";
        assert_eq!(printed(Format::Csv, rows()), expected);
    }

    #[test]
    fn json_keeps_names_types_and_order() {
        let json = printed(Format::Json, rows());
        let expected = "[\n  {\"login\":\"Éloïse \\\"Lo\\\" Martin\",\"vlan\":510,\"mean\":1.5,\"ok\":true},\n  \
                        {\"login\":\"=cmd\",\"vlan\":null,\"mean\":null,\"ok\":null}\n]\n";
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<Vec<Value>>(&json).unwrap().len(), 2);
    }

    #[test]
    fn without_rows_the_columns_are_still_named() {
        assert_eq!(printed(Format::Csv, vec![]), "login,vlan,mean,ok\n");
        assert_eq!(printed(Format::Json, vec![]), "[]\n");
        assert!(printed(Format::Table, vec![]).contains("login"));
    }

    #[test]
    fn the_table_escapes_what_a_terminal_would_obey() {
        let table = printed(Format::Table, vec![vec!["a\u{1b}[31m\u{202e}b\u{9b}".into()]]);
        assert!(table.contains("a\\u{1b}[31m\\u{202e}b\\u{9b}"), "{table}");
    }

    #[test]
    fn the_table_fits_its_terminal() {
        let mut out = Vec::new();
        let wide = vec![vec!["x ".repeat(80).into(), "y".repeat(80).into()]];
        print_table(&mut out, &["one", "two"], wide.into_iter(), Some(60)).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.lines().all(|line| line.chars().count() <= 60), "{out}");
    }

    #[test]
    fn a_name_of_two_lines_stays_one_field() {
        let csv = printed(Format::Csv, vec![vec!["a\nb,c".into()]]);
        assert!(csv.contains("\"a\nb,c\"\n"), "{csv}");
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn a_closed_pipe_ends_the_printing_quietly() {
        for format in [Format::Table, Format::Csv, Format::Json] {
            let endless = rows().into_iter().cycle().take(10_000);
            print(&mut Closed, format, &["a", "b", "c", "d"], endless).unwrap();
        }
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_told() {
        for format in [Format::Table, Format::Csv, Format::Json] {
            print(&mut Full, format, &["a"], rows().into_iter()).unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn a_guarded_name_is_no_formula_and_can_be_had_back(name in "[='+@\t\r\n a-]{0,5}|.*") {
            let field = guarded(&name).into_owned();
            prop_assert!(!field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']));
            prop_assert_eq!(unguarded(&field), name);
        }

        #[test]
        fn csv_holds_any_text(name in ".*") {
            let csv = printed(Format::Csv, vec![vec![name.as_str().into(), "x".into()]]);
            let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(csv.as_bytes());
            let record = reader.records().next().unwrap().unwrap();
            prop_assert_eq!(unguarded(&record[0]), name);
        }
    }
}
