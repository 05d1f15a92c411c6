//! The rows of *Sessions* as CSV (RFC 4180), for those who read reports with their own tools.

use std::io::Write;

use super::rows::{self, COLUMNS};
use crate::model::SessionRow;
use crate::texts::Texts;

/// Writes the rows with the stable columns of `sessions`, lines ended by CRLF.
///
/// A spreadsheet that opens CSV takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a
/// formula (OWASP, "CSV Injection"): such a cell gets an apostrophe before it. The logins come from anybody's machine.
pub fn write<'a>(
    rows: impl IntoIterator<Item = &'a SessionRow>,
    texts: &Texts,
    out: impl Write,
) -> Result<(), csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    writer.write_record(COLUMNS)?;
    for row in rows {
        writer.write_record(rows::cells(row, texts).map(defused))?;
    }
    writer.flush()?;
    Ok(())
}

fn defused(mut cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        cell.insert(0, '\'');
    }
    cell
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
