//! Cells, line by line.

use std::borrow::Cow;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use rust_xlsxwriter::{Formula, Url, Worksheet, XlsxError};

use super::format::Formats;
use crate::report::book::{Cell, Kind, MOST_UNITS, Sheet, Subtotal, Value, column_name};
use crate::report::style::line_height;

const SECONDS_PER_DAY: f64 = 86_400.0;

/// Writes the cells of a line from the first column on.
pub(super) fn put_line(
    target: &mut Worksheet,
    row: u32,
    cells: &[Cell<'_>],
    sheet: &Sheet<'_>,
    formats: &mut Formats,
) -> Result<(), XlsxError> {
    for (column, cell) in (0..).zip(cells) {
        put(target, row, column, cell, sheet, formats)?;
    }
    if let Some(height) = line_height(cells, &sheet.widths) {
        target.set_row_height(row, height)?;
    }
    Ok(())
}

fn put(
    target: &mut Worksheet,
    row: u32,
    column: u16,
    cell: &Cell<'_>,
    sheet: &Sheet<'_>,
    formats: &mut Formats,
) -> Result<(), XlsxError> {
    let format = formats.get(cell.role, cell.value.kind());
    match &cell.value {
        Value::Empty => target.write_blank(row, column, format),
        Value::Text(text) => target.write_string_with_format(row, column, escaped(text), format),
        Value::Integer(number) => target.write_number_with_format(row, column, *number as f64, format),
        Value::Decimal(number) => target.write_number_with_format(row, column, *number, format),
        Value::Percent(share) => target.write_number_with_format(row, column, *share, format),
        Value::Date(date) => {
            target.write_number_with_format(row, column, serial(date.and_time(NaiveTime::MIN)), format)
        }
        Value::Clock(at) | Value::DateTime(at) => target.write_number_with_format(row, column, serial(*at), format),
        Value::Hours(seconds) | Value::Duration(seconds) => {
            target.write_number_with_format(row, column, days(*seconds as f64), format)
        }
        Value::Link { sheet, text } => {
            let url = Url::new(format!("internal:'{}'!A1", sheet.replace('\'', "''")));
            target.write_url_with_options(row, column, url, escaped(text), "", Some(format))
        }
        Value::Subtotal(subtotal) => target.write_formula_with_format(row, column, formula(*subtotal, sheet), format),
    }?;
    Ok(())
}

/// `=SUBTOTAL(109,G4:G99)` over the rows of the table, with the value that is shown until it is recalculated.
fn formula(subtotal: Subtotal, sheet: &Sheet<'_>) -> Formula {
    let rows = sheet.table.as_ref().map_or(1, |table| table.rows.len());
    let first = sheet.header_row() as usize + 2;
    let column = column_name(subtotal.column);
    let text = format!("=SUBTOTAL({},{column}{first}:{column}{})", subtotal.function.number(), first + rows - 1);
    let cached = match subtotal.function.kind() {
        Kind::Hours | Kind::Duration => days(subtotal.cached as f64).to_string(),
        _ => subtotal.cached.to_string(),
    };
    Formula::new(text).set_result(cached)
}

/// Seconds as Excel counts time.
pub(super) fn days(seconds: f64) -> f64 {
    seconds / SECONDS_PER_DAY
}

/// Excel's number of a civil time: days since 30 December 1899.
fn serial(at: NaiveDateTime) -> f64 {
    let epoch = NaiveDate::from_ymd_opt(1899, 12, 30).unwrap_or_default().and_time(NaiveTime::MIN);
    days((at - epoch).num_seconds() as f64)
}

/// A text in which Excel sees no `_x0041_` for a character (ECMA-376 part 1, 22.9.2.19, `ST_Xstring`).
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    let looks_escaped = |rest: &str| {
        let bytes = rest.as_bytes();
        bytes.len() >= 7 && bytes[1] == b'x' && bytes[6] == b'_' && bytes[2..6].iter().all(u8::is_ascii_hexdigit)
    };
    if !text.contains("_x") {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        safe.push_str(if c == '_' && looks_escaped(&text[at..]) { "_x005F" } else { "" });
        safe.push(c);
    }
    // A text of nothing but such sequences could become too long for a cell: then it stays as it is.
    if safe.encode_utf16().count() > MOST_UNITS { text.into() } else { safe.into() }
}
