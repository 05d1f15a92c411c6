//! Rows of any command as a table, as CSV or as JSON.
//!
//! CSV and JSON are stable: columns keep their names and their order, unknown is an empty field in CSV and `null` in
//! JSON. The table is for eyes only.

use std::borrow::Cow;
use std::io::{self, ErrorKind, IsTerminal, Write};

use clap::{Args, ValueEnum};
use comfy_table::Table;
use serde_json::{Map, Value};

use super::table::table;
use super::{Stop, pager};
use crate::config::nearest;
use crate::finding::visible;
use crate::pipeline::Days;
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

    pub(super) fn to_plain(&self) -> Cow<'_, str> {
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

/// How a command prints its rows.
#[derive(Debug, Clone, Default, Args)]
pub struct Printing {
    /// How rows are printed: table, csv or json [default: table]
    #[arg(long, value_enum, value_name = "FORMAT", hide_possible_values = true)]
    pub(super) format: Option<Format>,
    /// Only these columns, in this order, by their names in the CSV: `--columns login,start,end`
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Vec<String>,
    /// Only so many rows
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Do not show a table that is longer than the screen by $PAGER or less
    #[arg(long)]
    no_pager: bool,
}

impl Printing {
    /// The format; a table where none is named.
    pub(super) fn format(&self) -> Format {
        self.format.unwrap_or_default()
    }

    /// Whether rows go to a terminal, without a choice of columns: there is room for those alone that one looks for first.
    pub(super) fn is_glance(&self) -> bool {
        self.format() == Format::Table && self.columns.is_empty() && io::stdout().is_terminal()
    }

    /// Prints rows, each with a cell per column. CSV and JSON are written row by row, so that no command needs the memory
    /// for all of them. Without rows a table says `nothing`.
    ///
    /// Whoever reads a pipe may stop reading (`| head`): that ends the printing, and is no error.
    pub(super) fn print(
        &self,
        columns: &[&str],
        nothing: &str,
        rows: impl Iterator<Item = Vec<Cell>>,
    ) -> Result<(), Stop> {
        let chosen = self.chosen(columns)?;
        let names: Vec<&str> = chosen.iter().map(|at| columns[*at]).collect();
        let rows = rows.take(self.limit.unwrap_or(usize::MAX)).map(|row| pick(&row, &chosen));
        if self.format() != Format::Table {
            return Ok(print(&mut io::stdout().lock(), self.format(), &names, rows)?);
        }
        let rows: Vec<Vec<Cell>> = rows.collect();
        let text =
            if rows.is_empty() { nothing.to_owned() } else { table(&names, &rows, Table::new().width(), is_plain()) };
        Ok(pager::show(format!("{text}\n").as_bytes(), !self.no_pager)?)
    }

    /// The numbers of the columns that are wanted.
    fn chosen(&self, columns: &[&str]) -> Result<Vec<usize>, Stop> {
        if self.columns.is_empty() {
            return Ok((0..columns.len()).collect());
        }
        let find = |name: &String| {
            columns.iter().position(|column| *column == name.trim()).ok_or_else(|| {
                let near = nearest(name, columns.iter().copied());
                let hint = near.map_or_else(
                    || format!("expected some of {}", columns.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                Stop::Usage(format!("error: unknown column `{name}`\nhint: {hint}"))
            })
        };
        self.columns.iter().map(find).collect()
    }
}

/// The wanted cells of a row.
fn pick(row: &[Cell], chosen: &[usize]) -> Vec<Cell> {
    chosen.iter().map(|at| row.get(*at).cloned().unwrap_or(Cell::Empty)).collect()
}

/// Whether letters are to be plain: somebody said so (<https://no-color.org>), or the terminal knows no others.
pub(super) fn is_plain() -> bool {
    let says = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    says("NO_COLOR") || std::env::var_os("TERM").is_some_and(|term| term == "dumb") || !io::stdout().is_terminal()
}

/// What is said where nothing was found in some days, of those that are known.
pub(super) fn nothing_in(days: Days) -> String {
    match (days.first == Days::ALL.first, days.last == Days::ALL.last) {
        (true, true) => "nothing was found in all days that are known".to_owned(),
        (true, false) => format!("nothing was found up to {}", days.last),
        (false, true) => format!("nothing was found since {}", days.first),
        (false, false) if days.first == days.last => format!("nothing was found on {}", days.first),
        (false, false) => format!("nothing was found from {} to {}", days.first, days.last),
    }
}

/// Writes rows as CSV or JSON.
pub(super) fn print(
    out: &mut dyn Write,
    format: Format,
    columns: &[&str],
    rows: impl Iterator<Item = Vec<Cell>>,
) -> io::Result<()> {
    let printed = match format {
        Format::Table => write!(out, "{}", table(columns, &rows.collect::<Vec<_>>(), None, true)),
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

/// Prints plain lines, one for each text, harmless to a terminal. A pipe that is closed ends them quietly, as with rows.
pub(super) fn print_lines(out: &mut dyn Write, mut lines: impl Iterator<Item = String>) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    let printed = lines.try_for_each(|line| writeln!(out, "{}", visible(&line)));
    match printed.and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
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
    }

    #[test]
    fn columns_are_chosen_by_their_names() {
        let columns =
            |names: &str| Printing { columns: names.split(',').map(str::to_owned).collect(), ..Printing::default() };
        let known = ["login", "vlan", "mean", "ok"];
        assert_eq!(Printing::default().chosen(&known).ok(), Some(vec![0, 1, 2, 3]));
        assert_eq!(columns("ok, login,ok").chosen(&known).ok(), Some(vec![3, 0, 3]));
        let told = |names: &str| match columns(names).chosen(&known) {
            Err(Stop::Usage(text)) => text,
            _ => String::new(),
        };
        assert_eq!(told("logni"), "error: unknown column `logni`\nhint: did you mean `login`?");
        assert_eq!(told("x"), "error: unknown column `x`\nhint: expected some of login, vlan, mean, ok");
    }

    #[test]
    fn that_nothing_was_found_says_in_which_days() {
        let day = |day| NaiveDate::from_ymd_opt(2021, 12, day).unwrap();
        let told = |first, last| nothing_in(Days { first, last });
        assert_eq!(told(day(8), day(9)), "nothing was found from 2021-12-08 to 2021-12-09");
        assert_eq!(told(day(8), day(8)), "nothing was found on 2021-12-08");
        assert_eq!(told(day(8), NaiveDate::MAX), "nothing was found since 2021-12-08");
        assert_eq!(told(NaiveDate::MIN, day(8)), "nothing was found up to 2021-12-08");
        assert_eq!(nothing_in(Days::ALL), "nothing was found in all days that are known");
    }

    #[test]
    fn the_table_escapes_what_a_terminal_would_obey() {
        let table = printed(Format::Table, vec![vec!["a\u{1b}[31m\u{202e}b\u{9b}".into()]]);
        assert!(table.contains("a\\u{1b}[31m\\u{202e}b\\u{9b}"), "{table}");
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
