//! The rows of *Sessions* as CSV, for those who read reports with their own tools: by RFC 4180, or as an Excel in French opens
//! it.

use std::borrow::Cow;
use std::io::Write;

use super::rows::{self, COLUMNS};
use crate::config::CsvStyle;
use crate::model::SessionRow;
use crate::texts::Texts;

/// Writes the rows with the stable columns of `sessions`, lines ended by CRLF, names [`guarded`].
pub fn write<'a>(
    rows: impl IntoIterator<Item = &'a SessionRow>,
    style: CsvStyle,
    texts: &Texts,
    mut out: impl Write,
) -> Result<(), csv::Error> {
    let is_excel = style == CsvStyle::Excel;
    if is_excel {
        out.write_all(BYTE_ORDER_MARK.as_bytes())?;
    }
    let delimiter = if is_excel { b';' } else { b',' };
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).terminator(csv::Terminator::CRLF).from_writer(out);
    writer.write_record(COLUMNS)?;
    for row in rows {
        let cells = rows::cells(row, texts);
        let civil = |(cell, column): (String, &str)| {
            if is_excel && MOMENTS.contains(&column) { civil_time(&cell) } else { cell }
        };
        let cells = cells.into_iter().zip(COLUMNS).map(civil);
        writer.write_record(cells.map(|cell| guarded(&cell).into_owned()))?;
    }
    writer.flush()?;
    Ok(())
}

/// What tells Excel that a text is UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";
/// The columns that hold moments.
const MOMENTS: [&str; 3] = ["start", "end", "initial_start"];

/// `2021-12-08 09:05:00` of `2021-12-08T09:05:00+01:00`: every Excel takes it for a date and a time.
fn civil_time(moment: &str) -> String {
    moment.get(..19).map_or_else(|| moment.to_owned(), |civil| civil.replace('T', " "))
}

/// A text that no spreadsheet takes for a formula, as CSV holds it.
///
/// A login may be `=cmd|' /C calc'!A0`, and a spreadsheet that opens the CSV would calculate it, quoted or not. So a text
/// that begins with `=`, `+`, `-`, `@`, a tab or a line end (or with apostrophes before one of them) gets an apostrophe
/// before it, as a spreadsheet's user would type it (OWASP, "CSV Injection"). Numbers never pass here, and no date,
/// address or port begins so: only names change, and only those few. A program that compares names exactly takes the JSON,
/// or takes one apostrophe off ([`unguarded`]): no two texts become the same.
///
/// ```
/// # use jeton::report::csv::{guarded, unguarded};
/// assert_eq!(guarded("=1+1"), "'=1+1");
/// assert_eq!(guarded("d'Alembert"), "d'Alembert");
/// assert_eq!(unguarded("'=1+1"), "=1+1");
/// ```
pub fn guarded(text: &str) -> Cow<'_, str> {
    if is_formula_like(text) { format!("'{text}").into() } else { text.into() }
}

/// The text that [`guarded`] wrote.
pub fn unguarded(field: &str) -> &str {
    field.strip_prefix('\'').filter(|text| is_formula_like(text)).unwrap_or(field)
}

fn is_formula_like(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Identity;
    use crate::report::sample;
    use crate::texts::Language;

    #[test]
    fn no_cell_is_a_formula() {
        for (login, cell) in [
            ("=1+1", "'=1+1"),
            ("+33", "'+33"),
            ("-2", "'-2"),
            ("@x", "'@x"),
            ("\tx", "'\tx"),
            ("a=b", "a=b"),
            ("Jean, dit \"J\"", "\"Jean, dit \"\"J\"\"\""),
        ] {
            let row = SessionRow { who: Identity::new(login, "PC-1"), ..sample::rows().remove(0) };
            let mut bytes = Vec::new();
            write([&row], CsvStyle::Rfc4180, Language::French.texts(), &mut bytes).unwrap();
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.lines().nth(1).unwrap().starts_with(&format!("2021-12-13,lundi,{cell},PC-1,")), "{text}");
        }
    }

    #[test]
    fn excel_in_french_finds_its_fields_its_letters_and_its_times() {
        let mut bytes = Vec::new();
        write(&sample::rows()[..1], CsvStyle::Excel, Language::French.texts(), &mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("\u{feff}date;weekday;login;host;start;"), "{text}");
        let row = "2021-12-13;lundi;Éloïse Martin;LaboFixe;2021-12-13 22:00:00;2021-12-13 23:59:59;7200;";
        assert!(text.lines().nth(1).unwrap().starts_with(row), "{text}");
    }

    #[test]
    fn lines_end_in_crlf_and_begin_with_the_columns() {
        let mut bytes = Vec::new();
        write(&[], CsvStyle::Rfc4180, Language::French.texts(), &mut bytes).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), format!("{}\r\n", COLUMNS.join(",")));
    }
}
