//! The document that the crate reads first, for what it does not write by itself: filter buttons, named ranges, frames of
//! charts, the language.

use std::io::{Cursor, Write};

use super::xml::Element;
use super::{Placed, chart, locale};
use crate::report::WriteError;
use crate::report::book::{Area, Workbook};
use crate::report::style::FONT;
use crate::texts::Language;

/// The namespaces of OpenDocument, by their usual prefixes. The crate forgets `dc` in `meta.xml`.
const NAMESPACES: [(&str, &str); 13] = [
    ("xmlns:office", "urn:oasis:names:tc:opendocument:xmlns:office:1.0"),
    ("xmlns:meta", "urn:oasis:names:tc:opendocument:xmlns:meta:1.0"),
    ("xmlns:style", "urn:oasis:names:tc:opendocument:xmlns:style:1.0"),
    ("xmlns:table", "urn:oasis:names:tc:opendocument:xmlns:table:1.0"),
    ("xmlns:text", "urn:oasis:names:tc:opendocument:xmlns:text:1.0"),
    ("xmlns:draw", "urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"),
    ("xmlns:chart", "urn:oasis:names:tc:opendocument:xmlns:chart:1.0"),
    ("xmlns:svg", "urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0"),
    ("xmlns:fo", "urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"),
    ("xmlns:number", "urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0"),
    ("xmlns:dc", "http://purl.org/dc/elements/1.1/"),
    ("xmlns:xlink", "http://www.w3.org/1999/xlink"),
    ("office:version", "1.3"),
];

/// A document with the sheets' names, filters and named ranges, and nothing in it.
pub(super) fn skeleton(book: &Workbook<'_>, charts: &[Placed<'_>]) -> Result<Vec<u8>, WriteError> {
    const MIMETYPE: &str = "application/vnd.oasis.opendocument.spreadsheet";
    let mut packed = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    // An element that closes itself would be skipped.
    let meta = Element::new("office:meta").text("");
    for (name, text) in [
        ("mimetype", MIMETYPE.to_owned()),
        ("meta.xml", document("meta", [meta])),
        ("styles.xml", document("styles", [default_style(book.properties.language)])),
        ("content.xml", document("content", [frame_style(), body(book, charts)])),
    ] {
        packed.start_file(name, stored)?;
        packed.write_all(text.as_bytes())?;
    }
    Ok(packed.finish()?.into_inner())
}

/// A whole XML document of a package: `content`, `styles` or `meta`.
pub(super) fn document(part: &str, inside: impl IntoIterator<Item = Element>) -> String {
    let root = Element::new(format!("office:document-{part}")).attributes(NAMESPACES).children(inside);
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{root}")
}

/// The language of every cell: decimal commas, and no red waves under French words.
fn default_style(language: Language) -> Element {
    let (language, country) = locale(language).split_once('-').unwrap_or_default();
    let text = Element::new("style:text-properties")
        .attributes([("fo:language", language), ("fo:country", country)])
        .attributes([("style:font-name", FONT), ("fo:font-size", "10pt")]);
    let style = Element::new("style:default-style").attribute("style:family", "table-cell").child(text);
    Element::new("office:styles").child(style)
}

/// The sheets by name, a database range with filter buttons for each table that has them, and the named ranges.
fn body(book: &Workbook<'_>, charts: &[Placed<'_>]) -> Element {
    let sheets = book.sheets.iter().enumerate().map(|(number, sheet)| {
        let frames = charts.iter().filter(|placed| placed.sheet == number).map(frame);
        let shapes = Element::new("table:shapes").children(frames);
        let table = Element::new("table:table").attribute("table:name", &*sheet.name);
        if shapes.is_empty() { table.text("") } else { table.child(shapes) }
    });
    let mut names = Element::new("table:named-expressions");
    for name in &book.names {
        names = names.child(
            Element::new("table:named-range")
                .attribute("table:name", &*name.name)
                .attribute("table:base-cell-address", name.area.first_cell().in_odf())
                .attribute("table:cell-range-address", name.area.in_odf()),
        );
    }
    let mut filters = Element::new("table:database-ranges");
    for (number, sheet) in book.sheets.iter().enumerate() {
        let Some(table) = sheet.table.as_ref().filter(|table| table.filter) else { continue };
        let header = sheet.header_row();
        let last_row = header.saturating_add(u32::try_from(table.rows.len()).unwrap_or(u32::MAX));
        let area = Area { sheet: sheet.name.clone(), first: (header, 0), last: (last_row, table.last_column()) };
        filters = filters.child(
            Element::new("table:database-range")
                .attribute("table:name", format!("filter{number}"))
                .attribute("table:target-range-address", area.in_odf())
                .attribute("table:display-filter-buttons", "true"),
        );
    }
    let found = [names, filters].into_iter().filter(|element| !element.is_empty());
    let spreadsheet = Element::new("office:spreadsheet").children(sheets).children(found);
    Element::new("office:body").child(spreadsheet)
}

/// No line around charts: LibreOffice draws one where nothing is said.
fn frame_style() -> Element {
    let nothing = Element::new("style:graphic-properties").attributes([("draw:stroke", "none"), ("draw:fill", "none")]);
    let style = Element::new("style:style").attributes([("style:name", "frame"), ("style:family", "graphic")]);
    Element::new("office:automatic-styles").child(style.child(nothing))
}

/// Where a chart is shown, and what it says to those who cannot see it. The frame lies over the sheet: in a cell, some
/// readers would take its words for the cell's.
fn frame(placed: &Placed<'_>) -> Element {
    let object = Element::new("draw:object")
        .attribute("draw:notify-on-update-of-ranges", chart::ranges(placed.chart))
        .attribute("xlink:href", format!("./{}", placed.folder))
        .attributes([("xlink:type", "simple"), ("xlink:show", "embed"), ("xlink:actuate", "onLoad")]);
    Element::new("draw:frame")
        .attributes([("draw:name", &*placed.chart.title), ("draw:style-name", "frame")])
        .attributes([("svg:x", &*placed.x), ("svg:y", &*placed.y)])
        .attributes([("svg:width", &*placed.width), ("svg:height", &*placed.height)])
        .child(object)
        .child(Element::new("svg:title").text(&*placed.chart.title))
        .child(Element::new("svg:desc").text(&*placed.chart.description))
}
