//! A chart as a document of its own inside the package (ODF 1.3 part 3, chapter 11), which LibreOffice draws and edits.

use super::locale;
use super::skeleton::document;
use super::xml::Element;
use crate::report::book::{Area, Cell, Chart, ChartKind, Colour, Kind, Series, SeriesLook, Unknown, Value, Workbook};
use crate::report::layout::{axis_step, has_labels};
use crate::report::style::{FAINT, FONT, HATCH, INK, Stroke, THIN_LINE, bar_colour, stroke};

/// The parts of the document by name.
pub(super) fn documents(chart: &Chart, book: &Workbook<'_>, size: (&str, &str)) -> [(&'static str, String); 2] {
    let content = [styles(chart, book), Element::new("office:body").child(body(chart, book, size))];
    [("content.xml", document("content", content)), ("styles.xml", document("styles", [patterns()]))]
}

/// The ranges that the chart reads, which tell LibreOffice when to draw it again.
pub(super) fn ranges(chart: &Chart) -> String {
    let areas = std::iter::once(&chart.categories).chain(values(chart));
    areas.map(Area::in_odf).collect::<Vec<_>>().join(" ")
}

/// The cells of all series, those of what is unknown last.
fn values(chart: &Chart) -> impl Iterator<Item = &Area> {
    let measured = chart.series.iter().map(|series| &series.values);
    measured.chain(chart.unknown.as_ref().map(|unknown| &unknown.values))
}

/// The patterns of dashed lines and of what is hatched, which only a part for styles can hold.
fn patterns() -> Element {
    let hatch = Element::new("draw:hatch")
        .attributes([
            ("draw:name", "hatch"),
            ("draw:style", "single"),
            ("draw:distance", "1.5mm"),
            ("draw:rotation", "450"),
        ])
        .attribute("draw:color", HATCH.to_string());
    let dash = Element::new("draw:stroke-dash")
        .attributes([("draw:name", "dash"), ("draw:style", "rect"), ("draw:dots1", "1")])
        .attributes([("draw:dots1-length", "2mm"), ("draw:distance", "1.2mm")]);
    Element::new("office:styles").child(hatch).child(dash)
}

fn body(chart: &Chart, book: &Workbook<'_>, (width, height): (&str, &str)) -> Element {
    let mut whole = Element::new("chart:chart")
        .attributes([("svg:width", width), ("svg:height", height)])
        .attributes([("xlink:href", ".."), ("xlink:type", "simple")])
        .attribute("chart:class", class(chart.kind))
        .attribute("chart:style-name", "whole")
        .child(title("title", &chart.title));
    if chart.series.len() > 1 || chart.unknown.is_some() {
        let legend = Element::new("chart:legend")
            .attributes([("chart:legend-position", "bottom"), ("style:legend-expansion", "wide")])
            .attribute("chart:style-name", "legend");
        whole = whole.child(legend);
    }
    whole = whole.child(plot(chart)).child(local_table(chart, book));
    Element::new("office:chart").child(whole)
}

const fn class(kind: ChartKind) -> &'static str {
    match kind {
        ChartKind::Columns | ChartKind::Bars => "chart:bar",
        ChartKind::Lines => "chart:line",
    }
}

fn title(style: &'static str, text: &str) -> Element {
    let words = Element::new("text:p").text(text);
    Element::new("chart:title").attribute("chart:style-name", style).child(words)
}

/// Axes and series.
fn plot(chart: &Chart) -> Element {
    let axis = |dimension: &'static str, name: &'static str, style: &'static str| {
        Element::new("chart:axis")
            .attributes([("chart:dimension", dimension), ("chart:name", name)])
            .attribute("chart:style-name", style)
    };
    let lies = chart.kind == ChartKind::Bars;
    let mut categories = axis("x", "primary-x", "categories");
    if !chart.category_title.is_empty() {
        categories = categories.child(title(if lies { "turned-title" } else { "axis-title" }, &chart.category_title));
    }
    let cells = Element::new("chart:categories").attribute("table:cell-range-address", chart.categories.in_odf());
    let mut values = axis("y", "primary-y", "values");
    if !chart.value_title.is_empty() {
        values = values.child(title(if lies { "axis-title" } else { "turned-title" }, &chart.value_title));
    }
    if !has_labels(chart.kind) {
        let grid = Element::new("chart:grid").attributes([("chart:class", "major"), ("chart:style-name", "grid")]);
        values = values.child(grid);
    }
    let series = chart.series.iter().enumerate().map(|(number, series)| {
        let is_line = chart.kind == ChartKind::Lines || series.look == SeriesLook::Limit;
        Element::new("chart:series")
            .attribute("chart:style-name", format!("series{number}"))
            .attribute("chart:values-cell-range-address", series.values.in_odf())
            .attribute("chart:label-cell-address", series.title().in_odf())
            .attribute("chart:class", if is_line { "chart:line" } else { "chart:bar" })
            .attribute("chart:attached-axis", "primary-y")
            .child(Element::new("chart:data-point").attribute("chart:repeated", length(&series.values).to_string()))
    });
    let hatched = chart.unknown.as_ref().map(|unknown| {
        Element::new("chart:series")
            .attribute("chart:style-name", "unknown")
            .attribute("chart:values-cell-range-address", unknown.values.in_odf())
            .attribute("chart:label-cell-address", unknown.title().in_odf())
            .attributes([("chart:class", "chart:bar"), ("chart:attached-axis", "secondary-y")])
            .child(Element::new("chart:data-point").attribute("chart:repeated", length(&unknown.values).to_string()))
    });
    let second = chart.unknown.as_ref().map(|_| axis("y", "secondary-y", "unknown-values"));
    Element::new("chart:plot-area")
        .attribute("chart:style-name", "plot")
        .attribute("table:cell-range-address", ranges(chart))
        .attribute("chart:data-source-has-labels", "both")
        .child(categories.child(cells))
        .child(values)
        .children(second)
        .children(series)
        .children(hatched)
        .child(Element::new("chart:wall").attribute("chart:style-name", "wall"))
}

/// How many cells an area of one row or one column has.
fn length(area: &Area) -> u32 {
    (area.last.0 - area.first.0 + 1).max(u32::from(area.last.1 - area.first.1) + 1)
}

/// A copy of the numbers, for programs that do not look into the sheets.
fn local_table(chart: &Chart, book: &Workbook<'_>) -> Element {
    let columns: Vec<Vec<Element>> =
        std::iter::once(&chart.categories).chain(values(chart)).map(|area| copies(area, book)).collect();
    let titles = chart.series.iter().map(Series::title).chain(chart.unknown.as_ref().map(Unknown::title));
    let titles =
        titles.map(|title| copies(&title, book).into_iter().next().unwrap_or_else(|| Element::new("table:table-cell")));
    let row = |cells: Vec<Element>| Element::new("table:table-row").children(cells);
    let head = row(std::iter::once(Element::new("table:table-cell")).chain(titles).collect());
    let longest = columns.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |column: &Vec<Element>, number: usize| {
        column.get(number).cloned().unwrap_or_else(|| Element::new("table:table-cell"))
    };
    let rows = (0..longest).map(|number| row(columns.iter().map(|column| cell(column, number)).collect()));
    let column = Element::new("table:table-column");
    let others = column.clone().attribute("table:number-columns-repeated", values(chart).count().to_string());
    Element::new("table:table")
        .attribute("table:name", "local-table")
        .child(Element::new("table:table-header-columns").child(column))
        .child(Element::new("table:table-columns").child(others))
        .child(Element::new("table:table-header-rows").child(head))
        .child(Element::new("table:table-rows").children(rows))
}

/// The cells of an area as those of a table.
fn copies(area: &Area, book: &Workbook<'_>) -> Vec<Element> {
    let mut cells = Vec::new();
    if let Some(sheet) = book.sheet(&area.sheet) {
        sheet.for_each_in(area, |_, cell| cells.push(copy(cell)));
    }
    cells
}

fn copy(cell: &Cell<'_>) -> Element {
    let (number, text) = match (&cell.value, cell.value.kind()) {
        (Value::Text(text) | Value::Link { text, .. }, _) => (None, text.clone().into_owned()),
        (Value::Date(date), _) => (None, date.format("%d/%m/%Y").to_string()),
        (value, Kind::Hours | Kind::Duration) => (value.number().map(|seconds| seconds / 86_400.0), String::new()),
        (value, _) => (value.number(), String::new()),
    };
    let element = Element::new("table:table-cell");
    let Some(number) = number else {
        let kind = if text.is_empty() { element } else { element.attribute("office:value-type", "string") };
        return kind.child(Element::new("text:p").text(text));
    };
    let shown = number.to_string();
    element
        .attributes([("office:value-type", "float"), ("office:value", &shown)])
        .child(Element::new("text:p").text(shown))
}

/// How all of it looks.
fn styles(chart: &Chart, book: &Workbook<'_>) -> Element {
    let step = axis_step(book, chart);
    let is_time = matches!(chart.value_kind, Kind::Hours | Kind::Duration);
    let step = step.map(|step| (if is_time { step / 86_400.0 } else { step }, is_time && step >= 3600.0));
    let plain = || text(9.0, FAINT, false);
    let no_line = || Element::new("style:graphic-properties").attribute("draw:stroke", "none");
    let thin = |colour: Colour| line(Stroke { colour, width: 0.75, dashed: false, square: false });
    let plot = Element::new("style:chart-properties")
        .attribute("chart:vertical", (chart.kind == ChartKind::Bars).to_string())
        .attributes([("chart:include-hidden-cells", "true"), ("chart:treat-empty-cells", "leave-gap")])
        .attribute("chart:symbol-type", if chart.kind == ChartKind::Lines { "automatic" } else { "none" });
    let white = Element::new("style:graphic-properties").attributes([
        ("draw:stroke", "none"),
        ("draw:fill", "solid"),
        ("draw:fill-color", "#FFFFFF"),
    ]);
    let turned = Element::new("style:chart-properties").attribute("style:rotation-angle", "90");
    let number = |name| number_style(name, chart.value_kind, locale(book.properties.language));
    let axis_number = match step {
        Some((_, true)) => whole_hours("axis-number"),
        _ => number("axis-number"),
    };
    let mut all = vec![axis_number, number("label-number")];
    all.extend([
        style("whole", [white.clone()]),
        style("title", [text(12.0, INK, true)]),
        style("axis-title", [plain()]),
        style("turned-title", [turned, plain()]),
        style("legend", [no_line(), plain()]),
        style("plot", [plot]),
        style("wall", [no_line().attribute("draw:fill", "none")]),
        style("grid", [thin(THIN_LINE)]),
        style("categories", [category_axis(chart), thin(FAINT), plain()]),
        style("values", [value_axis(chart, step.map(|(step, _)| step)), no_line(), plain()])
            .attribute("style:data-style-name", "axis-number"),
    ]);
    if let Some(unknown) = &chart.unknown {
        let axis = Element::new("style:chart-properties")
            .attributes([("chart:display-label", "false"), ("chart:tick-marks-major-outer", "false")])
            .attributes([
                ("chart:minimum", "0"),
                ("chart:gap-width", "0"),
                ("chart:link-data-style-to-source", "false"),
            ])
            .attribute("chart:maximum", (unknown.whole_s / 86_400.0).to_string());
        let hatched = Element::new("style:graphic-properties").attributes([
            ("draw:stroke", "none"),
            ("draw:fill", "hatch"),
            ("draw:fill-hatch-name", "hatch"),
        ]);
        all.extend([style("unknown-values", [axis, no_line()]), style("unknown", [hatched])]);
    }
    all.extend((0..).zip(&chart.series).map(|(number, series)| series_style(chart, book, number, series)));
    Element::new("office:automatic-styles").children(all)
}

fn style(name: impl Into<String>, properties: impl IntoIterator<Item = Element>) -> Element {
    Element::new("style:style").attribute("style:name", name).attribute("style:family", "chart").children(properties)
}

fn category_axis(chart: &Chart) -> Element {
    Element::new("style:chart-properties")
        .attributes([("chart:display-label", "true"), ("chart:tick-marks-major-outer", "false")])
        // Lying bars are read from the top, as a table is.
        .attribute("chart:reverse-direction", (chart.kind == ChartKind::Bars).to_string())
        .attribute("chart:link-data-style-to-source", "true")
}

fn value_axis(chart: &Chart, step: Option<f64>) -> Element {
    let axis = Element::new("style:chart-properties")
        .attribute("chart:display-label", (!has_labels(chart.kind)).to_string())
        .attributes([("chart:tick-marks-major-outer", "false"), ("chart:minimum", "0")])
        .attribute("chart:gap-width", if chart.kind == ChartKind::Bars { "40" } else { "30" })
        .attribute("chart:link-data-style-to-source", "false");
    match step {
        Some(step) => axis.attribute("chart:interval-major", step.to_string()),
        None => axis,
    }
}

fn series_style(chart: &Chart, book: &Workbook<'_>, number: usize, series: &Series) -> Element {
    let name = format!("series{number}");
    let drawn = stroke(series.look, number, &book.palette);
    if chart.kind == ChartKind::Lines || series.look == SeriesLook::Limit {
        let marks = Element::new("style:chart-properties");
        let marks = if drawn.dashed {
            marks.attribute("chart:symbol-type", "none")
        } else {
            marks
                .attributes([("chart:symbol-type", "named-symbol"), ("chart:symbol-width", "1.8mm")])
                .attribute("chart:symbol-name", if drawn.square { "square" } else { "circle" })
                .attribute("chart:symbol-height", "1.8mm")
        };
        let filled = line(drawn).attribute("draw:fill-color", drawn.colour.to_string());
        return style(name, [marks, filled]);
    }
    let fill = Element::new("style:graphic-properties")
        .attributes([("draw:stroke", "none"), ("draw:fill", "solid")])
        .attribute("draw:fill-color", bar_colour(number, &book.palette).to_string());
    if !has_labels(chart.kind) {
        return style(name, [fill]);
    }
    let labels = Element::new("style:chart-properties")
        .attributes([("chart:data-label-number", "value"), ("chart:label-position", "outside")])
        .attribute("chart:link-data-style-to-source", "false");
    style(name, [labels, fill, text(9.0, INK, false)]).attribute("style:data-style-name", "label-number")
}

fn line(stroke: Stroke) -> Element {
    let properties = Element::new("style:graphic-properties")
        .attribute("draw:stroke", if stroke.dashed { "dash" } else { "solid" })
        .attribute("svg:stroke-width", format!("{}pt", stroke.width))
        .attribute("svg:stroke-color", stroke.colour.to_string());
    if stroke.dashed { properties.attribute("draw:stroke-dash", "dash") } else { properties }
}

fn text(size: f64, colour: Colour, bold: bool) -> Element {
    Element::new("style:text-properties")
        .attribute("fo:color", colour.to_string())
        .attribute("fo:font-family", FONT)
        .attribute("fo:font-size", format!("{size}pt"))
        .attribute("fo:font-weight", if bold { "bold" } else { "normal" })
}

/// `[h]" h"`.
fn whole_hours(name: &'static str) -> Element {
    time(name).child(Element::new("number:hours")).child(Element::new("number:text").text(" h"))
}

fn time(name: &'static str) -> Element {
    Element::new("number:time-style")
        .attribute("style:name", name)
        // More than 24 hours are more hours, not a day and a rest.
        .attribute("number:truncate-on-overflow", "false")
}

/// The number format of a kind beside an axis or a bar.
fn number_style(name: &'static str, kind: Kind, locale: &str) -> Element {
    if matches!(kind, Kind::Hours | Kind::Duration) {
        let minutes = Element::new("number:minutes").attribute("number:style", "long");
        return time(name)
            .child(Element::new("number:hours"))
            .child(Element::new("number:text").text(":"))
            .child(minutes);
    }
    let places = if kind == Kind::Integer { "0" } else { "1" };
    let number = Element::new("number:number")
        .attributes([("number:decimal-places", places), ("number:min-integer-digits", "1")]);
    let (language, country) = locale.split_once('-').unwrap_or_default();
    let is_share = kind == Kind::Percent;
    let style = Element::new(if is_share { "number:percentage-style" } else { "number:number-style" })
        .attribute("style:name", name)
        .attributes([("number:language", language), ("number:country", country)])
        .child(number);
    if is_share { style.child(Element::new("number:text").text("\u{202f}%")) } else { style }
}
