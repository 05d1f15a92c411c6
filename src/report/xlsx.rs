//! A workbook as XLSX (ECMA-376), by `rust_xlsxwriter`.

use std::collections::HashMap;
use std::io::{Seek, Write};

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use rust_xlsxwriter::{
    Color, DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Formula, Url, Worksheet, XlsxError,
};

use super::WriteError;
use super::book::{Cell, Colour, Kind, MOST_UNITS, Palette, Properties, Role, Sheet, Subtotal, Value, Workbook};
use super::style::{FONT, Fit, Side, line_height, look};

/// A4 (ECMA-376 part 1, 18.3.1.64, paperSize).
const A4: u8 = 9;
const SECONDS_PER_DAY: f64 = 86_400.0;
/// The most characters of the foot of a page are 255, marks included; two names share them.
const MOST_FOOTER: usize = 90;

/// Writes a workbook; the file begins where `out` stands.
pub fn write(book: &Workbook<'_>, out: impl Write + Seek + Send) -> Result<(), WriteError> {
    let mut file = rust_xlsxwriter::Workbook::new();
    file.set_properties(&properties(&book.properties)?);
    let mut formats = Formats { palette: book.palette, known: HashMap::new() };
    for sheet in &book.sheets {
        fill(file.add_worksheet(), sheet, &mut formats)?;
        page(file.worksheet_from_name(&sheet.name)?, sheet, &book.properties)?;
    }
    file.save_to_writer(out)?;
    Ok(())
}

fn properties(given: &Properties) -> Result<DocProperties, XlsxError> {
    let at = given.created;
    let year = u16::try_from(at.year()).unwrap_or(1900);
    let clock = |part: u32| u8::try_from(part).unwrap_or_default();
    let created = ExcelDateTime::from_ymd(year, clock(at.month()), clock(at.day()))?.and_hms(
        u16::from(clock(at.hour())),
        clock(at.minute()),
        f64::from(at.second()),
    )?;
    Ok(DocProperties::new()
        .set_title(&given.title)
        .set_subject(&given.subject)
        .set_company(&given.company)
        .set_author(&given.creator)
        .set_creation_datetime(&created))
}

/// Widths, cells, what stays in sight, filter.
fn fill(target: &mut Worksheet, sheet: &Sheet<'_>, formats: &mut Formats) -> Result<(), XlsxError> {
    target.set_name(&sheet.name)?.set_screen_gridlines(false);
    for (column, width) in (0..).zip(&sheet.widths) {
        target.set_column_width(column, *width)?;
    }
    for (row, line) in (0..).zip(&sheet.lines) {
        put_line(target, row, line, sheet, formats)?;
    }
    let Some(table) = &sheet.table else { return Ok(()) };
    let header = sheet.header_row();
    put_line(target, header, &table.header, sheet, formats)?;
    table.rows.for_each(|number, row| {
        // A row beyond the sheet is an error of the writer's, as it should be.
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        put_line(target, (header + 1).saturating_add(number), row, sheet, formats)
    })?;
    target.set_freeze_panes(header + 1, table.frozen_columns)?;
    target.set_repeat_rows(header, header)?;
    if let (true, Some(last_column)) = (table.filter, table.header.len().checked_sub(1)) {
        let last_row = header.saturating_add(u32::try_from(table.rows.len()).unwrap_or(u32::MAX));
        target.autofilter(header, 0, last_row, u16::try_from(last_column).unwrap_or(u16::MAX))?;
    }
    Ok(())
}

/// A4 landscape, one page wide, page numbers at its foot.
fn page(target: &mut Worksheet, sheet: &Sheet<'_>, given: &Properties) -> Result<(), XlsxError> {
    // `&` begins a code at the foot of a page.
    let plain = |text: &str| text.chars().take(MOST_FOOTER).collect::<String>().replace('&', "&&");
    // The space behind the size keeps a name that begins with a digit from becoming part of it.
    let footer = format!("&L&8 {} · {}&R&8 {} &P / &N", plain(&given.title), plain(&given.subject), given.page);
    target
        .set_paper_size(A4)
        .set_landscape()
        .set_print_fit_to_pages(1, 0)
        .set_margins(0.4, 0.4, 0.5, 0.6, 0.3, 0.3)
        .set_footer(footer);
    let last_column = u16::try_from(sheet.widths.len().saturating_sub(1)).unwrap_or(u16::MAX);
    let rows = sheet.table.as_ref().map_or(0, |table| 1 + table.rows.len());
    let last_row = (sheet.lines.len() + rows).saturating_sub(1);
    // Without it, the titles that run over the columns beside them widen the page.
    target.set_print_area(0, 0, u32::try_from(last_row).unwrap_or(u32::MAX), last_column)?;
    Ok(())
}

fn put_line(
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
            target.write_number_with_format(row, column, days(*seconds), format)
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
    let column = super::book::column_name(subtotal.column);
    let text = format!("=SUBTOTAL({},{column}{first}:{column}{})", subtotal.function.number(), first + rows - 1);
    let cached = match subtotal.function.kind() {
        Kind::Hours | Kind::Duration => days(subtotal.cached).to_string(),
        _ => subtotal.cached.to_string(),
    };
    Formula::new(text).set_result(cached)
}

fn colour(colour: Colour) -> Color {
    Color::RGB(colour.rgb())
}

fn days(seconds: i64) -> f64 {
    seconds as f64 / SECONDS_PER_DAY
}

/// Excel's number of a civil time: days since 30 December 1899.
fn serial(at: NaiveDateTime) -> f64 {
    let epoch = NaiveDate::from_ymd_opt(1899, 12, 30).unwrap_or_default().and_time(NaiveTime::MIN);
    days((at - epoch).num_seconds())
}

/// A text in which Excel sees no `_x0041_` for a character (ECMA-376 part 1, 22.9.2.19, `ST_Xstring`).
fn escaped(text: &str) -> String {
    let looks_escaped = |rest: &str| {
        let bytes = rest.as_bytes();
        bytes.len() >= 7 && bytes[1] == b'x' && bytes[6] == b'_' && bytes[2..6].iter().all(u8::is_ascii_hexdigit)
    };
    let mut safe = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        safe.push_str(if c == '_' && looks_escaped(&text[at..]) { "_x005F" } else { "" });
        safe.push(c);
    }
    // A text of nothing but such sequences could become too long for a cell: then it stays as it is.
    if safe.encode_utf16().count() > MOST_UNITS { text.to_owned() } else { safe }
}

/// The formats in use: Excel wants one object each, and a workbook has a few dozen.
struct Formats {
    palette: Palette,
    known: HashMap<(Role, Kind), Format>,
}

impl Formats {
    fn get(&mut self, role: Role, kind: Kind) -> &Format {
        self.known.entry((role, kind)).or_insert_with(|| format(role, kind, &self.palette))
    }
}

fn format(role: Role, kind: Kind, palette: &Palette) -> Format {
    let look = look(role, kind, palette);
    let mut format = Format::new()
        .set_font_name(FONT)
        .set_font_size(look.size)
        .set_font_color(colour(look.colour))
        .set_align(if look.side == Side::Right { FormatAlign::Right } else { FormatAlign::Left })
        .set_align(if look.fit == Fit::Middle { FormatAlign::VerticalCenter } else { FormatAlign::Top });
    if look.bold {
        format = format.set_bold();
    }
    if look.side == Side::Indented {
        format = format.set_indent(1);
    }
    if look.fit == Fit::Wrapped {
        format = format.set_text_wrap();
    }
    if let Some(fill) = look.fill {
        format = format.set_background_color(colour(fill));
    }
    if let Some(line) = look.line {
        format = format.set_border_bottom(FormatBorder::Thin).set_border_bottom_color(colour(line));
    }
    match number_format(kind) {
        Some(number_format) => format.set_num_format(number_format),
        None => format,
    }
}

/// The number format of a kind, as ECMA-376 writes them: Excel shows its own language's separators.
const fn number_format(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Text => None,
        Kind::Integer => Some("0"),
        Kind::Decimal => Some("0.0"),
        Kind::Percent => Some("0.0\"\u{202f}\"%"),
        Kind::Date => Some("dd/mm/yyyy"),
        Kind::Clock => Some("hh:mm:ss"),
        Kind::DateTime => Some("dd/mm/yyyy hh:mm"),
        Kind::Hours => Some("[h]:mm"),
        Kind::Duration => Some("[hh]:mm:ss"),
    }
}
