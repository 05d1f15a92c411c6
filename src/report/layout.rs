//! Where things stand on a sheet: the pixels of columns and rows, for both formats.

use super::book::{Cell, ChartKind, Kind, Place, Role, Sheet, Value, Workbook};

/// The pixels of one unit of a column's width, and of its margins (Excel's definition, at 96 dpi).
const UNIT_PIXELS: (f64, f64) = (7.0, 5.0);
/// The width of a column that says none, in the same units.
const USUAL_WIDTH: f64 = 9.0;
/// The width of a letter of a remark, on average.
const LETTER_PIXELS: f64 = 6.0;
/// The height of a plain line in points, and in pixels.
pub(super) const LINE_POINTS: f64 = 15.0;
const LINE_PIXELS: f64 = 20.0;

/// The pixels of a column of this width.
pub(super) fn column_pixels(width: f64) -> f64 {
    let (unit, margins) = UNIT_PIXELS;
    (width * unit + margins).round()
}

/// Where a chart stands, in pixels from the corner of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Anchor {
    /// The row and the column of the cell.
    pub(super) cell: (u32, u16),
    /// From its left edge.
    pub(super) offset: f64,
    /// From the left edge of the sheet.
    pub(super) left: f64,
    /// The width and the height of the chart.
    pub(super) size: (f64, f64),
}

/// The column that is so many pixels from the left edge of a sheet, and how many of them are in it.
fn column_at(sheet: &Sheet<'_>, mut pixels: f64) -> (u16, f64) {
    let widths = sheet.widths.iter().copied().chain(std::iter::repeat(USUAL_WIDTH)).map(column_pixels);
    for (column, width) in (0..u16::MAX).zip(widths) {
        if pixels < width {
            return (column, pixels);
        }
        pixels -= width;
    }
    (u16::MAX, 0.0)
}

/// Turns a place into one that files can hold.
pub(super) fn anchor(sheet: &Sheet<'_>, place: Place) -> Anchor {
    let total: f64 = sheet.widths.iter().copied().map(column_pixels).sum();
    let share = |share: f64| if share.is_finite() { share.clamp(0.0, 10.0) } else { 0.0 };
    let left = (share(place.left) * total).round();
    let (column, offset) = column_at(sheet, left);
    let width = (share(place.width) * total).round().max(100.0);
    Anchor { cell: (place.row, column), offset, left, size: (width, f64::from(place.lines.max(4)) * LINE_PIXELS) }
}

/// Whether a sheet is to be seen at one look, on one printed page: pictures, and no table that grows.
pub(super) fn is_one_page(sheet: &Sheet<'_>) -> bool {
    sheet.table.is_none() && !sheet.charts.is_empty()
}

/// The last cell of what is printed: lines, table and charts.
pub(super) fn last_cell(sheet: &Sheet<'_>) -> (u32, u16) {
    let rows = sheet.table.as_ref().map_or(0, |table| 1 + table.rows.len());
    let mut last_row = u32::try_from((sheet.lines.len() + rows).saturating_sub(1)).unwrap_or(u32::MAX);
    let mut last_column = u16::try_from(sheet.widths.len().saturating_sub(1)).unwrap_or(u16::MAX);
    // A remark that runs over the empty cells beside it is printed to its end.
    for line in &sheet.lines {
        let Some((Cell { value: Value::Text(text), role: Role::Note | Role::Subtitle }, rest)) = line.split_first()
        else {
            continue;
        };
        if rest.iter().all(|cell| cell.value == Value::Empty) {
            let wide = text.chars().count() as f64 * LETTER_PIXELS;
            last_column = last_column.max(column_at(sheet, wide).0);
        }
    }
    for chart in &sheet.charts {
        let right = Place { left: chart.place.left + chart.place.width - 0.001, ..chart.place };
        last_column = last_column.max(anchor(sheet, right).cell.1);
        last_row = last_row.max(chart.place.row.saturating_add(chart.place.lines));
    }
    (last_row, last_column)
}

/// The steps of an axis of values: whole tokens, hours that people count in. In the unit of the values, seconds for
/// times; nothing where the program that draws knows better.
pub(super) fn axis_step(book: &Workbook<'_>, chart: &super::book::Chart) -> Option<f64> {
    /// About so many lines across a chart.
    const STEPS: f64 = 6.0;
    let mut most: f64 = 0.0;
    for series in &chart.series {
        if let Some(sheet) = book.sheet(&series.values.sheet) {
            sheet.for_each_in(&series.values, |_, cell| most = most.max(cell.value.number().unwrap_or(0.0)));
        }
    }
    let unit = match chart.value_kind {
        Kind::Hours | Kind::Duration => 3600.0,
        Kind::Integer => 1.0,
        _ => return None,
    };
    let least = most / unit / STEPS;
    // Parts of an hour first; of a token there are none.
    let parts: &[f64] = if chart.value_kind == Kind::Integer { &[] } else { &[1.0 / 60.0, 1.0 / 12.0, 0.25, 0.5] };
    let whole = (0..15).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
    parts.iter().copied().chain(whole).find(|step| *step >= least).map(|step| step * unit)
}

/// Whether a chart's values are written beside what is drawn: where there are few, long bars.
pub(super) fn has_labels(kind: ChartKind) -> bool {
    kind == ChartKind::Bars
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::book::{Area, Chart, Palette, Series, SeriesLook};
    use crate::report::sample;

    fn sheet() -> Sheet<'static> {
        Sheet { name: "S".into(), widths: vec![20.0, 10.0, 10.0], ..Sheet::default() }
    }

    #[test]
    fn a_share_of_the_width_is_a_cell_and_pixels() {
        let place = |left, width| Place { row: 12, lines: 10, left, width };
        // Columns of 145, 75 and 75 pixels.
        for (given, cell, (left, offset), width) in [
            (place(0.0, 0.5), (12, 0), (0.0, 0.0), 148.0),
            (place(0.5, 0.5), (12, 1), (148.0, 3.0), 148.0),
            (place(1.0, 1.0), (12, 3), (295.0, 0.0), 295.0),
            (place(f64::NAN, 1.0), (12, 0), (0.0, 0.0), 295.0),
        ] {
            assert_eq!(anchor(&sheet(), given), Anchor { cell, offset, left, size: (width, 200.0) }, "{given:?}");
        }
    }

    #[test]
    fn an_axis_has_steps_that_people_count_in() {
        for (kind, most, expected) in [
            (Kind::Integer, 3, Some(1.0)),
            (Kind::Integer, 20, Some(5.0)),
            (Kind::Integer, 0, Some(1.0)),
            (Kind::Hours, 600, Some(300.0)),
            (Kind::Hours, 9 * 3600, Some(2.0 * 3600.0)),
            (Kind::Hours, 130 * 3600, Some(50.0 * 3600.0)),
            (Kind::Percent, 1, None),
        ] {
            let value = if kind == Kind::Hours { Value::hours(most) } else { Value::Integer(most) };
            let sheet = Sheet { lines: vec![vec![Cell::new(Role::Figure, value)]], ..sheet() };
            let area = Area::cell("S", 0, 0);
            let chart = Chart {
                kind: ChartKind::Columns,
                title: String::new(),
                description: String::new(),
                categories: area.clone(),
                category_title: String::new(),
                value_title: String::new(),
                value_kind: kind,
                series: vec![Series { values: area, look: SeriesLook::Measure }],
                unknown: None,
                place: Place { row: 1, lines: 10, left: 0.0, width: 1.0 },
            };
            let properties = crate::report::sheets(&sample::Data::new().input()).properties;
            let book = Workbook { properties, palette: Palette::default(), names: Vec::new(), sheets: vec![sheet] };
            assert_eq!(axis_step(&book, &chart), expected, "{kind:?} {most}");
        }
    }
}
