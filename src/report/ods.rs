//! A workbook as ODS (OpenDocument 1.3), by `spreadsheet-ods`.
//!
//! What that crate does not write comes from a skeleton document that it reads first: the filter buttons, the language
//! of the document, and the namespace `dc` of `meta.xml`, without which strict readers refuse the file.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Cursor, Seek, Write};

use chrono::{Duration, NaiveTime};
use spreadsheet_ods::color::Rgb;
use spreadsheet_ods::format::ValueFormatTrait;
use spreadsheet_ods::style::units::{Border, CellAlignVertical, Margin, TextAlign, TextAlignSource, WrapOption};
use spreadsheet_ods::style::{HeaderFooter, MasterPage, PageStyle, TableStyle, TableStyleRef};
use spreadsheet_ods::text::{MetaPageCount, MetaPageNumber, TextA, TextP, TextS, TextTag};
use spreadsheet_ods::{
    CellRange, CellStyle, CellStyleRef, Value as OdsValue, ValueFormatDateTime, ValueFormatNumber,
    ValueFormatPercentage, ValueFormatRef, ValueFormatTimeDuration, WorkBook, cm, mm, pt,
};

use super::WriteError;
use super::book::{Cell, Colour, Kind, Palette, Properties, Role, Sheet, Subtotal, Value, Workbook, column_name};
use super::style::{FONT, Fit, Side, UNIT_PIXELS, line_height, look};
use crate::texts::Language;

const MILLIMETRES_PER_PIXEL: f64 = 25.4 / 96.0;

/// Writes a workbook; the file begins where `out` stands.
pub fn write(book: &Workbook<'_>, out: impl Write + Seek) -> Result<(), WriteError> {
    let mut file = spreadsheet_ods::read_ods_buf(&skeleton(book)?)?;
    let given = &book.properties;
    let metadata = file.metadata_mut();
    metadata.title.clone_from(&given.title);
    metadata.subject.clone_from(&given.subject);
    metadata.initial_creator.clone_from(&given.creator);
    metadata.creator.clone_from(&given.creator);
    metadata.creation_date = Some(given.created);
    metadata.date = Some(given.created);
    locale(given.language).clone_into(&mut metadata.language);
    let page = page(&mut file, given);
    let mut styles = Styles { language: given.language, palette: book.palette, known: HashMap::new() };
    for (number, sheet) in book.sheets.iter().enumerate() {
        // Detached, because styles are added to the file while the sheet is filled.
        let mut target = file.detach_sheet(number);
        target.set_style(&page);
        fill(&mut target, sheet, &mut styles, &mut file);
        file.attach_sheet(target);
    }
    spreadsheet_ods::write_ods_to(&mut file, out)?;
    Ok(())
}

/// Widths, cells, what stays in sight.
fn fill(target: &mut spreadsheet_ods::Sheet, sheet: &Sheet<'_>, styles: &mut Styles, file: &mut WorkBook) {
    for (column, width) in (0..).zip(&sheet.widths) {
        let (unit, margins) = UNIT_PIXELS;
        target.set_col_width(column, mm!((width * unit + margins) * MILLIMETRES_PER_PIXEL));
    }
    target.config_mut().show_grid = false;
    for (row, line) in (0..).zip(&sheet.lines) {
        put_line(target, row, line, sheet, styles, file);
    }
    let last_column = u32::try_from(sheet.widths.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let header = sheet.header_row();
    let mut last_row = header.saturating_sub(1);
    if let Some(table) = &sheet.table {
        put_line(target, header, &table.header, sheet, styles, file);
        let _ = table.rows.for_each(|number, row| {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            put_line(target, (header + 1).saturating_add(number), row, sheet, styles, file);
            Ok::<_, std::convert::Infallible>(())
        });
        last_row = header.saturating_add(u32::try_from(table.rows.len()).unwrap_or(u32::MAX));
        target.set_header_rows(header, header);
        target.split_row_header(header);
        if let Some(column) = table.frozen_columns.checked_sub(1) {
            target.split_col_header(column.into());
        }
    }
    // Without it, the titles that run over the columns beside them widen the page.
    target.add_print_range(CellRange::local(0, 0, last_row, last_column));
}

fn put_line(
    target: &mut spreadsheet_ods::Sheet,
    row: u32,
    cells: &[Cell<'_>],
    sheet: &Sheet<'_>,
    styles: &mut Styles,
    file: &mut WorkBook,
) {
    for (column, cell) in (0..).zip(cells) {
        let style = styles.get(cell.role, cell.value.kind(), file);
        target.set_styled_value(row, column, value(&cell.value), style);
        if let Value::Subtotal(subtotal) = cell.value {
            target.set_formula(row, column, formula(subtotal, sheet));
        }
    }
    if let Some(height) = line_height(cells, &sheet.widths) {
        target.set_row_height(row, pt!(height));
    }
}

/// The value as the crate holds it. A formula's is its cached value.
fn value(value: &Value<'_>) -> OdsValue {
    match value {
        Value::Empty => OdsValue::Empty,
        Value::Text(text) => words(text),
        Value::Integer(number) => OdsValue::Number(*number as f64),
        Value::Decimal(number) => OdsValue::Number(*number),
        Value::Percent(share) => OdsValue::Percentage(*share),
        Value::Date(date) => OdsValue::DateTime(date.and_time(NaiveTime::MIN)),
        Value::Clock(at) | Value::DateTime(at) => OdsValue::DateTime(*at),
        Value::Hours(seconds) | Value::Duration(seconds) => length(*seconds),
        Value::Link { sheet, text } => {
            let target = format!("#'{}'.A1", sheet.replace('\'', "''"));
            let link = TextA::new().href(target).text(text.as_ref());
            OdsValue::TextXml(vec![TextP::new().tag(link).into_xmltag()])
        }
        Value::Subtotal(subtotal) => match subtotal.function.kind() {
            Kind::Hours | Kind::Duration => length(subtotal.cached),
            _ => OdsValue::Number(subtotal.cached as f64),
        },
    }
}

/// Whole seconds: the crate writes 5 ms as half a second.
fn length(seconds: i64) -> OdsValue {
    OdsValue::TimeDuration(Duration::try_seconds(seconds).unwrap_or(Duration::MAX))
}

/// A text whose spaces all come back: XML readers join them, `text:s` stands for those behind the first one, and for
/// those at the ends (ODF 1.3 part 3, 6.1.3).
fn words(text: &str) -> OdsValue {
    let plain = !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ");
    if plain {
        return OdsValue::Text(text.to_owned());
    }
    let mut paragraph = TextP::new();
    let mut rest = text;
    while let Some(start) = rest.find(' ') {
        let spaces = rest[start..].len() - rest[start..].trim_start_matches(' ').len();
        // One plain space between words; the others, and all at the ends, by their number.
        let inner = start > 0 && start + spaces < rest.len();
        let (before, after) = rest.split_at(start + usize::from(inner));
        paragraph = paragraph.text(before);
        let counted = spaces - usize::from(inner);
        if let Some(count) = u32::try_from(counted).ok().filter(|count| *count > 0) {
            paragraph = paragraph.tag(TextS::new().count(count));
        }
        rest = &after[counted..];
    }
    OdsValue::TextXml(vec![paragraph.text(rest).into_xmltag()])
}

/// `of:=SUBTOTAL(109;[.G4:.G99])` over the rows of the table.
fn formula(subtotal: Subtotal, sheet: &Sheet<'_>) -> String {
    let rows = sheet.table.as_ref().map_or(1, |table| table.rows.len());
    let first = sheet.header_row() as usize + 2;
    let column = column_name(subtotal.column);
    format!("of:=SUBTOTAL({};[.{column}{first}:.{column}{}])", subtotal.function.number(), first + rows - 1)
}

/// A4 landscape, one page wide, page numbers at its foot.
fn page(file: &mut WorkBook, given: &Properties) -> TableStyleRef {
    let mut style = PageStyle::new("a4");
    style.set_page_width(cm!(29.7));
    style.set_page_height(cm!(21));
    // Margins and the foot's height must be said, or pages break in the middle of nothing.
    style.set_margin(Margin::Length(cm!(1)));
    let raw = style.style_mut();
    raw.set_attr("style:print-orientation", "landscape".to_owned());
    raw.set_attr("style:scale-to-X", "1".to_owned());
    raw.set_attr("style:scale-to-Y", "0".to_owned());
    raw.set_attr("style:print", "charts drawings objects zero-values".to_owned());
    let foot = style.footerstyle_mut();
    foot.set_min_height(cm!(0.7));
    foot.set_margin_top(Margin::Length(cm!(0.2)));
    foot.set_margin_left(Margin::Length(cm!(0)));
    foot.set_margin_right(Margin::Length(cm!(0)));
    let style = file.add_pagestyle(style);

    let mut foot = HeaderFooter::new();
    foot.add_left(TextP::new().text(format!("{} · {}", given.title, given.subject)).into_xmltag());
    foot.add_right(page_number(&given.page));
    let mut master = MasterPage::new("pages");
    master.set_pagestyle(&style);
    master.set_footer(foot);
    let master = file.add_masterpage(master);
    let mut table = TableStyle::new("sheet");
    table.set_master_page(&master);
    file.add_tablestyle(table)
}

/// `page 1 / 3`.
fn page_number(word: &str) -> TextTag {
    TextP::new().text(format!("{word} ")).tag(MetaPageNumber::new()).text(" / ").tag(MetaPageCount::new()).into_xmltag()
}

/// The styles in use, added to the file when first needed.
struct Styles {
    language: Language,
    palette: Palette,
    known: HashMap<(Role, Kind), CellStyleRef>,
}

impl Styles {
    fn get(&mut self, role: Role, kind: Kind, file: &mut WorkBook) -> &CellStyleRef {
        let Self { language, palette, .. } = *self;
        self.known.entry((role, kind)).or_insert_with(|| {
            let format = value_format(kind, language, file);
            file.add_cellstyle(style(role, kind, &palette, &format))
        })
    }
}

fn style(role: Role, kind: Kind, palette: &Palette, format: &ValueFormatRef) -> CellStyle {
    let look = look(role, kind, palette);
    let mut style = CellStyle::new(format!("{role:?}-{kind:?}"), format);
    style.set_font_name(FONT);
    style.set_font_size(pt!(look.size));
    style.set_color(rgb(look.colour));
    style.set_text_align_source(TextAlignSource::Fix);
    style.set_text_align(if look.side == Side::Right { TextAlign::End } else { TextAlign::Start });
    let middle = look.fit == Fit::Middle;
    style.set_vertical_align(if middle { CellAlignVertical::Middle } else { CellAlignVertical::Top });
    if look.bold {
        style.set_font_bold();
    }
    if look.side == Side::Indented {
        style.set_margin_left(Margin::Length(mm!(1.8)));
    }
    if look.fit == Fit::Wrapped {
        style.set_wrap_option(WrapOption::Wrap);
    }
    if let Some(fill) = look.fill {
        style.set_background_color(rgb(fill));
    }
    if let Some(line) = look.line {
        style.set_border_bottom(pt!(0.5), Border::Solid, rgb(line));
    }
    style
}

fn rgb(colour: Colour) -> Rgb<u8> {
    let [red, green, blue] = colour.parts();
    Rgb::new(red, green, blue)
}

/// The number format of a kind, put together from its parts: the crate knows no French ones.
fn value_format(kind: Kind, language: Language, file: &mut WorkBook) -> ValueFormatRef {
    let name = format!("format-{kind:?}");
    match kind {
        Kind::Text => ValueFormatRef::from(""),
        Kind::Integer => {
            let mut format = ValueFormatNumber::new_named(name);
            format.part_number().min_integer_digits(1).fixed_decimal_places(0).build();
            file.add_number_format(format)
        }
        Kind::Decimal => {
            let mut format = ValueFormatNumber::new_named(name);
            format.part_number().min_integer_digits(1).fixed_decimal_places(1).build();
            speak(&mut format, language);
            file.add_number_format(format)
        }
        Kind::Percent => {
            let mut format = ValueFormatPercentage::new_named(name);
            format.part_number().min_integer_digits(1).fixed_decimal_places(1).build();
            format.part_text("\u{202f}%").build();
            speak(&mut format, language);
            file.add_percentage_format(format)
        }
        Kind::Date | Kind::Clock | Kind::DateTime => file.add_datetime_format(date_format(name, kind)),
        Kind::Hours | Kind::Duration => {
            let mut format = ValueFormatTimeDuration::new_named(name);
            // More than 24 hours are more hours, not a day and a rest.
            format.set_truncate_on_overflow(false);
            if kind == Kind::Hours {
                format.part_hours().build();
            } else {
                format.part_hours().long_style().build();
            }
            format.part_text(":").build();
            format.part_minutes().long_style().build();
            if kind == Kind::Duration {
                format.part_text(":").build();
                format.part_seconds().long_style().build();
            }
            file.add_timeduration_format(format)
        }
    }
}

/// A comma or a point by the workbook's language, not by that of whoever opens it.
fn speak(format: &mut impl ValueFormatTrait, language: Language) {
    let (language, country) = locale(language).split_once('-').unwrap_or_default();
    format.attrmap_mut().set_attr("number:language", language.to_owned());
    format.attrmap_mut().set_attr("number:country", country.to_owned());
}

/// `14/12/2021`, `09:30:00` or `14/12/2021 09:30`.
fn date_format(name: String, kind: Kind) -> ValueFormatDateTime {
    let mut format = ValueFormatDateTime::new_named(name);
    if kind != Kind::Clock {
        format.part_day().long_style().build();
        format.part_text("/").build();
        format.part_month().long_style().build();
        format.part_text("/").build();
        format.part_year().long_style().build();
    }
    if kind == Kind::DateTime {
        format.part_text(" ").build();
    }
    if kind != Kind::Date {
        format.part_hours().long_style().build();
        format.part_text(":").build();
        format.part_minutes().long_style().build();
    }
    if kind == Kind::Clock {
        format.part_text(":").build();
        format.part_seconds().long_style().build();
    }
    format
}

const fn locale(language: Language) -> &'static str {
    match language {
        Language::French => "fr-FR",
        Language::English => "en-GB",
    }
}

/// A document with the sheets' names and filters, and nothing in it.
fn skeleton(book: &Workbook<'_>) -> Result<Vec<u8>, WriteError> {
    const MIMETYPE: &str = "application/vnd.oasis.opendocument.spreadsheet";
    let mut packed = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, text) in [
        ("mimetype", MIMETYPE.to_owned()),
        ("meta.xml", document("meta", "<office:meta></office:meta>")),
        ("styles.xml", document("styles", &default_style(book.properties.language))),
        ("content.xml", document("content", &body(book))),
    ] {
        packed.start_file(name, stored)?;
        packed.write_all(text.as_bytes())?;
    }
    Ok(packed.finish()?.into_inner())
}

/// An XML document of the skeleton, with all the namespaces that the crate forgets one of.
fn document(part: &str, inside: &str) -> String {
    const OASIS: &str = "urn:oasis:names:tc:opendocument:xmlns:";
    let namespaces = [
        ("office", "office:1.0"),
        ("meta", "meta:1.0"),
        ("style", "style:1.0"),
        ("table", "table:1.0"),
        ("text", "text:1.0"),
        ("fo", "xsl-fo-compatible:1.0"),
        ("number", "datastyle:1.0"),
    ];
    let mut xml = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<office:document-{part}");
    for (prefix, name) in namespaces {
        let _ = write!(xml, " xmlns:{prefix}=\"{OASIS}{name}\"");
    }
    let _ = write!(
        xml,
        " xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
         office:version=\"1.3\">{inside}</office:document-{part}>"
    );
    xml
}

/// The language of every cell: decimal commas, and no red waves under French words.
fn default_style(language: Language) -> String {
    let (language, country) = locale(language).split_once('-').unwrap_or_default();
    format!(
        "<office:styles><style:default-style style:family=\"table-cell\"><style:text-properties \
         fo:language=\"{language}\" fo:country=\"{country}\" style:font-name=\"{FONT}\" fo:font-size=\"10pt\"/>\
         </style:default-style></office:styles>"
    )
}

/// The sheets by name, and a database range with filter buttons for each table that has them.
fn body(book: &Workbook<'_>) -> String {
    let mut sheets = String::new();
    let mut filters = String::new();
    for (number, sheet) in book.sheets.iter().enumerate() {
        // A table that closes itself would be skipped.
        let _ = write!(sheets, "<table:table table:name=\"{}\"></table:table>", attribute(&sheet.name));
        let Some(table) = sheet.table.as_ref().filter(|table| table.filter) else { continue };
        let last_column = column_name(u16::try_from(table.header.len().saturating_sub(1)).unwrap_or(u16::MAX));
        let first_row = sheet.header_row() as usize + 1;
        let name = format!("'{}'", sheet.name.replace('\'', "''"));
        let range = format!("{name}.A{first_row}:{name}.{last_column}{}", first_row + table.rows.len());
        let _ = write!(
            filters,
            "<table:database-range table:name=\"filter{number}\" table:target-range-address=\"{}\" \
             table:display-filter-buttons=\"true\"/>",
            attribute(&range)
        );
    }
    let ranges =
        if filters.is_empty() { filters } else { format!("<table:database-ranges>{filters}</table:database-ranges>") };
    format!("<office:body><office:spreadsheet>{sheets}{ranges}</office:spreadsheet></office:body>")
}

/// A text between the quotes of an attribute.
fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&apos;")
}
