//! Charts, native ones of Excel's (ECMA-376 part 1, 21.2).

use rust_xlsxwriter::{
    Chart as ExcelChart, ChartAxisLabelPosition, ChartAxisTickType, ChartDataLabel, ChartDataLabelPosition, ChartFont,
    ChartFormat, ChartLegendPosition, ChartLine, ChartLineDashType, ChartMarker, ChartMarkerType, ChartPatternFill,
    ChartPatternFillType, ChartPoint, ChartRange, ChartSeries, ChartSolidFill, ChartType, ObjectMovement, Worksheet,
    XlsxError,
};

use super::format::{colour, number_format};
use super::put::days;
use crate::report::book::{Area, Chart, ChartKind, Colour, Kind, Series, SeriesLook, Sheet, Unknown, Workbook};
use crate::report::layout::{anchor, axis_step, has_labels};
use crate::report::style::{FAINT, FONT, HATCH, INK, Stroke, THIN_LINE, bar_colour, stroke};

/// Puts a chart on its sheet.
pub(super) fn insert(
    target: &mut Worksheet,
    sheet: &Sheet<'_>,
    chart: &Chart,
    book: &Workbook<'_>,
) -> Result<(), XlsxError> {
    let kind = match chart.kind {
        ChartKind::Columns => ChartType::Column,
        ChartKind::Bars => ChartType::Bar,
        ChartKind::Lines => ChartType::Line,
    };
    let mut drawn = ExcelChart::new(kind);
    let mut limits = ExcelChart::new(ChartType::Line);
    let mut n_limits = 0;
    for (number, series) in chart.series.iter().enumerate() {
        let as_line = chart.kind == ChartKind::Columns && series.look == SeriesLook::Limit;
        n_limits += usize::from(as_line);
        let mut one = one_series(chart, series);
        look(&mut one, chart.kind, stroke(series.look, number, &book.palette), bar_colour(number, &book.palette));
        // Pushed, it would lose its marks.
        *if as_line { &mut limits } else { &mut drawn }.add_series() = one;
    }
    if n_limits > 0 && n_limits < chart.series.len() {
        drawn.combine(&limits);
    }
    if let Some(unknown) = &chart.unknown {
        hatch(&mut drawn, chart, unknown, book);
    }
    dress(&mut drawn, chart, book);
    let at = anchor(sheet, chart.place);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole pixels of a sheet")]
    let [width, height, offset] = [at.size.0, at.size.1, at.offset].map(|pixels| pixels as u32);
    drawn
        .set_width(width)
        .set_height(height)
        .set_alt_text(&chart.description)
        .set_name(&chart.title)
        .set_object_movement(ObjectMovement::MoveButDontSizeWithCells);
    target.insert_chart_with_offset(at.cell.0, at.cell.1, &drawn, offset, 0)?;
    Ok(())
}

fn one_series(chart: &Chart, series: &Series) -> ChartSeries {
    let mut one = named(chart, &series.values, &series.title());
    if has_labels(chart.kind) {
        let mut label = ChartDataLabel::new();
        label.show_value().set_position(ChartDataLabelPosition::OutsideEnd).set_font(&font(9.0, INK, false));
        if let Some(format) = number_format(chart.value_kind) {
            label.set_num_format(format);
        }
        one.set_data_label(&label);
    }
    one
}

/// A series with its cells.
fn named(chart: &Chart, values: &Area, title: &Area) -> ChartSeries {
    let range =
        |area: &Area| ChartRange::new_from_range(&area.sheet, area.first.0, area.first.1, area.last.0, area.last.1);
    let mut one = ChartSeries::new();
    one.set_values(&range(values)).set_categories(&range(&chart.categories)).set_name(&range(title));
    one
}

/// What is not known, on an axis that is as high as the chart and not to be seen.
fn hatch(drawn: &mut ExcelChart, chart: &Chart, unknown: &Unknown, book: &Workbook<'_>) {
    let mut pattern = ChartPatternFill::new();
    pattern
        .set_pattern(ChartPatternFillType::DiagonalStripesWideUpwards)
        .set_foreground_color(colour(HATCH))
        .set_background_color(colour(Colour::new(0xFF_FFFF)));
    let mut one = named(chart, &unknown.values, &unknown.title());
    one.set_format(ChartFormat::new().set_pattern_fill(&pattern)).set_gap(0).set_secondary_axis(true);
    // A pattern covers what is behind it: where something was measured, the column is a shade.
    let mut shade = ChartSolidFill::new();
    shade.set_color(colour(HATCH)).set_transparency(70);
    let mut points = Vec::new();
    if let Some(sheet) = book.sheet(&unknown.values.sheet) {
        sheet.for_each_in(&unknown.values, |_, cell| {
            let is_part = cell.value.number().is_some_and(|seconds| seconds < unknown.whole_s);
            let point = ChartPoint::new();
            let shaded = || point.clone().set_format(ChartFormat::new().set_solid_fill(&shade));
            points.push(if is_part { shaded() } else { point });
        });
    }
    one.set_points(&points);
    let axis = |drawn: &mut ExcelChart| {
        // One that is hidden is none for LibreOffice, which would take the other one.
        drawn
            .y2_axis()
            .set_min(0)
            .set_max(days(unknown.whole_s))
            .set_label_position(ChartAxisLabelPosition::None)
            .set_major_tick_type(ChartAxisTickType::None)
            .set_format(ChartFormat::new().set_no_line())
            .set_major_gridlines(false);
    };
    if chart.kind == ChartKind::Columns {
        *drawn.add_series() = one;
        axis(drawn);
    } else {
        let mut columns = ExcelChart::new(ChartType::Column);
        *columns.add_series() = one;
        axis(&mut columns);
        axis(drawn);
        drawn.combine(&columns);
    }
}

/// A series as a line where it is one, else as filled bars.
fn look(series: &mut ChartSeries, kind: ChartKind, stroke: Stroke, fill: Colour) {
    let is_line = kind == ChartKind::Lines || stroke.dashed;
    if !is_line {
        series.set_format(ChartFormat::new().set_solid_fill(ChartSolidFill::new().set_color(colour(fill))));
        series.set_gap(if kind == ChartKind::Bars { 40 } else { 30 });
        return;
    }
    let mut line = ChartLine::new();
    line.set_color(colour(stroke.colour)).set_width(stroke.width);
    if stroke.dashed {
        line.set_dash_type(ChartLineDashType::Dash);
    }
    series.set_format(ChartFormat::new().set_line(&line));
    let mut marker = ChartMarker::new();
    if stroke.dashed {
        marker.set_none();
    } else {
        let filled = ChartSolidFill::new().set_color(colour(stroke.colour)).clone();
        marker.set_type(if stroke.square { ChartMarkerType::Square } else { ChartMarkerType::Circle }).set_size(5);
        marker.set_format(
            ChartFormat::new()
                .set_solid_fill(&filled)
                .set_border(ChartLine::new().set_color(colour(stroke.colour)).set_width(0.75)),
        );
    }
    series.set_marker(&marker);
}

/// Titles, axes, legend, no frame.
fn dress(drawn: &mut ExcelChart, chart: &Chart, book: &Workbook<'_>) {
    let plain = font(9.0, FAINT, false);
    let thin = |colour_of: Colour| {
        let mut line = ChartLine::new();
        line.set_color(colour(colour_of)).set_width(0.75);
        line
    };
    drawn.title().set_name(chart.title.as_str()).set_font(&font(12.0, INK, true)).set_overlay(false);
    let category = book.sheet(&chart.categories.sheet).and_then(|sheet| {
        let mut kind = None;
        sheet.for_each_in(&chart.categories, |_, cell| kind = kind.or(Some(cell.value.kind())));
        kind
    });
    // What lies is the x axis for the writer, whatever is on it.
    let axis = if chart.kind == ChartKind::Bars { drawn.y_axis() } else { drawn.x_axis() };
    axis.set_font(&plain)
        .set_format(ChartFormat::new().set_line(&thin(FAINT)))
        .set_text_axis(true)
        .set_major_tick_type(ChartAxisTickType::None);
    if category == Some(Kind::Date) {
        axis.set_num_format("dd/mm");
    }
    if !chart.category_title.is_empty() {
        axis.set_name(chart.category_title.as_str()).set_name_font(&plain);
    }
    match chart.kind {
        // The categories of lying bars are read from the top, as a table is.
        ChartKind::Bars => axis.set_reverse(),
        ChartKind::Lines => axis.set_position_between_ticks(false),
        ChartKind::Columns => axis,
    };
    let axis = if chart.kind == ChartKind::Bars { drawn.x_axis() } else { drawn.y_axis() };
    axis.set_font(&plain)
        .set_min(0)
        .set_format(ChartFormat::new().set_no_line())
        .set_major_gridlines(!has_labels(chart.kind));
    if !has_labels(chart.kind) {
        axis.set_major_gridlines_line(&thin(THIN_LINE));
    }
    if !chart.value_title.is_empty() {
        axis.set_name(chart.value_title.as_str()).set_name_font(&plain);
    }
    if has_labels(chart.kind) {
        axis.set_hidden(true);
    }
    let is_time = matches!(chart.value_kind, Kind::Hours | Kind::Duration);
    if let Some(step) = axis_step(book, chart) {
        let in_hours = is_time && step >= 3600.0;
        axis.set_major_unit(if is_time { days(step) } else { step });
        axis.set_num_format(if in_hours { "[h]\" h\"" } else { number_format(chart.value_kind).unwrap_or("0") });
    } else if let Some(format) = number_format(chart.value_kind) {
        axis.set_num_format(format);
    }
    if chart.series.len() > 1 || chart.unknown.is_some() {
        drawn.legend().set_position(ChartLegendPosition::Bottom).set_font(&plain);
    } else {
        drawn.legend().set_hidden();
    }
    drawn.show_hidden_data();
    drawn.chart_area().set_format(ChartFormat::new().set_no_border());
}

fn font(size: f64, colour_of: Colour, bold: bool) -> ChartFont {
    let mut font = ChartFont::new();
    font.set_name(FONT).set_size(size).set_color(colour(colour_of));
    if bold {
        font.set_bold();
    } else {
        font.unset_bold();
    }
    font
}
