//! The rows of *Sessions* as CSV (RFC 4180), for those who read reports with their own tools.

use std::borrow::Cow;
use std::io::Write;

use super::rows::{self, COLUMNS};
use crate::model::SessionRow;
use crate::texts::Texts;

/// Writes the rows with the stable columns of `sessions`, lines ended by CRLF, names [`guarded`].
pub fn write<'a>(
    rows: impl IntoIterator<Item = &'a SessionRow>,
    texts: &Texts,
    out: impl Write,
) -> Result<(), csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    writer.write_record(COLUMNS)?;
    for row in rows {
        writer.write_record(rows::cells(row, texts).map(|cell| guarded(&cell).into_owned()))?;
    }
    writer.flush()?;
    Ok(())
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
            write([&row], Language::French.texts(), &mut bytes).unwrap();
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.lines().nth(1).unwrap().starts_with(&format!("2021-12-13,lundi,{cell},PC-1,")), "{text}");
        }
    }

    #[test]
    fn lines_end_in_crlf_and_begin_with_the_columns() {
        let mut bytes = Vec::new();
        write(&[], Language::French.texts(), &mut bytes).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), format!("{}\r\n", COLUMNS.join(",")));
    }
}
