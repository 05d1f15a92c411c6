//! A workbook as XLSX (ECMA-376), by `rust_xlsxwriter`.

mod chart;
mod format;
mod put;

use std::io::{Seek, Write};

use chrono::{Datelike, Timelike};
use rust_xlsxwriter::{
    ConditionalFormat2ColorScale, ConditionalFormatDataBar, DocProperties, ExcelDateTime, Table as ExcelTable,
    TableColumn, TableStyle, Worksheet, XlsxError,
};

use super::WriteError;
use super::book::{Palette, Properties, Rows, Shade, ShadeKind, Sheet, Table, Value, Workbook, check_rows, range_name};
use super::layout::{is_one_page, last_cell};
use super::style::{BAR_TINT, SCALE_TINT};
use format::{Formats, colour};
use put::{escaped, put_line};

/// A4 (ECMA-376 part 1, 18.3.1.64, paperSize).
const A4: u8 = 9;
/// The most rows of a table that has more than filter buttons.
const MOST_TABLE_ROWS: usize = 10_000;
/// The most characters of the foot of a page are 255, marks included; two names share them.
const MOST_FOOTER: usize = 90;

/// Writes a workbook; the file begins where `out` stands.
pub fn write(book: &Workbook<'_>, out: impl Write + Seek + Send) -> Result<(), WriteError> {
    check_rows(book)?;
    let mut file = rust_xlsxwriter::Workbook::new();
    file.set_properties(&properties(&book.properties)?);
    let mut formats = Formats::new(book.palette);
    for sheet in &book.sheets {
        // Many rows go through a file on disk, one at a time. Charts, whose numbers the writer looks up in memory, take
        // them from sheets of few rows.
        let many = matches!(sheet.table, Some(Table { rows: Rows::Made { .. }, .. }));
        let target = if many { file.add_worksheet_with_low_memory()? } else { file.add_worksheet() };
        fill(target, sheet, &mut formats)?;
        shade(target, &sheet.shades, &book.palette)?;
        page(target, sheet, &book.properties)?;
        for chart in book.charts(sheet) {
            chart::insert(target, sheet, chart, book)?;
        }
    }
    for name in &book.names {
        file.define_name(&name.name, &format!("={}", name.area.in_excel()))?;
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
    target.set_freeze_panes(header + 1, table.frozen_columns)?;
    target.set_repeat_rows(header, header)?;
    // Before the rows: what is behind the writer in a sheet of many rows cannot be written any more.
    filter(target, sheet, table, formats)?;
    put_line(target, header, &table.header, sheet, formats)?;
    table.rows.for_each(|number, row| {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        put_line(target, (header + 1).saturating_add(number), row, sheet, formats)
    })
}

/// A table of Excel's, with filter buttons, a name and a description. Its style is in its cells, because LibreOffice shows
/// no other. Titles that are not unique, which a table cannot have, get buttons without one, and so do many rows: the
/// crate remembers every cell of a table.
fn filter(
    target: &mut Worksheet,
    sheet: &Sheet<'_>,
    table: &Table<'_>,
    formats: &mut Formats,
) -> Result<(), XlsxError> {
    let (Some(area), true) = (sheet.rows_of(0, table.last_column()), table.filter) else { return Ok(()) };
    let header = sheet.header_row();
    let mut titles = Vec::new();
    for cell in &table.header {
        let Value::Text(title) = &cell.value else { break };
        let folded = title.to_lowercase();
        if titles.iter().any(|(known, _)| *known == folded) {
            break;
        }
        let format = formats.get(cell.role, cell.value.kind()).clone();
        titles.push((folded, TableColumn::new().set_header(escaped(title)).set_header_format(format)));
    }
    if titles.len() < table.header.len() || table.rows.len() > MOST_TABLE_ROWS {
        target.autofilter(header, 0, area.last.0, area.last.1)?;
        return Ok(());
    }
    let columns: Vec<TableColumn> = titles.into_iter().map(|(_, column)| column).collect();
    let named = ExcelTable::new()
        .set_name(range_name(&format!("Table_{}", sheet.name)))
        .set_style(TableStyle::None)
        .set_alt_text_title(&sheet.name)
        .set_columns(&columns);
    target.add_table(header, 0, area.last.0, area.last.1, &named)?;
    Ok(())
}

/// Colour scales and data bars, which Excel reckons itself.
fn shade(target: &mut Worksheet, shades: &[Shade], palette: &Palette) -> Result<(), XlsxError> {
    for Shade { area, kind } in shades {
        let (top, left, bottom, right) = (area.first.0, area.first.1, area.last.0, area.last.1);
        match kind {
            ShadeKind::Scale => {
                let scale = ConditionalFormat2ColorScale::new()
                    .set_minimum_color(colour(super::book::Colour::WHITE))
                    .set_maximum_color(colour(palette.accent.tint(SCALE_TINT)));
                target.add_conditional_format(top, left, bottom, right, &scale)?;
            }
            ShadeKind::Bars => {
                let bars = ConditionalFormatDataBar::new()
                    .set_fill_color(colour(palette.accent.tint(BAR_TINT)))
                    .set_solid_fill(true)
                    .set_border_off(true)
                    .set_minimum(rust_xlsxwriter::ConditionalFormatType::Number, 0);
                target.add_conditional_format(top, left, bottom, right, &bars)?;
            }
        }
    }
    Ok(())
}

/// A4 landscape, one page wide (and high, where it is to be seen at one look), page numbers at its foot.
fn page(target: &mut Worksheet, sheet: &Sheet<'_>, given: &Properties) -> Result<(), XlsxError> {
    // `&` begins a code at the foot of a page.
    let plain = |text: &str| text.chars().take(MOST_FOOTER).collect::<String>().replace('&', "&&");
    // The space behind the size keeps a name that begins with a digit from becoming part of it.
    let footer = format!("&L&8 {} · {}&R&8 {} &P / &N", plain(&given.title), plain(&given.subject), given.page);
    target
        .set_paper_size(A4)
        .set_landscape()
        .set_print_fit_to_pages(1, u16::from(is_one_page(sheet)))
        .set_margins(0.4, 0.4, 0.5, 0.6, 0.3, 0.3)
        .set_footer(footer);
    // Without it, the titles that run over the columns beside them widen the page.
    let (row, column) = last_cell(sheet);
    target.set_print_area(0, 0, row, column)?;
    Ok(())
}
