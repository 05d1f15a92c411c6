//! A workbook with one of everything that files can hold.

use crate::report::book::{
    Area, Cell, Chart, ChartKind, Kind, Name, Palette, Place, Role, Rows, Series, SeriesLook, Shade, ShadeKind, Sheet,
    Subtotal, SubtotalFunction, Table, Unknown, Value, Workbook,
};
use crate::report::{sample, sheets};

/// The name of the sheet of numbers: with what needs quotes in both formats.
pub(super) const DAYS: &str = "L'été & co";
/// Hours of use, tokens and seats of nine days.
const NUMBERS: [(i64, i64); 9] =
    [(0, 0), (46_800, 5), (52_200, 7), (12_345, 3), (90_000, 12), (86_400, 20), (3_600, 1), (0, 0), (43_200, 9)];
const SEATS: i64 = 20;

/// Charts of every kind on the first sheet, a table of days with shades and totals on the second, many rows on the third.
pub(super) fn gallery() -> Workbook<'static> {
    let data = sample::Data::new();
    let properties = sheets(&data.input()).properties;
    let days = days();
    let column = |number| days.rows_of(number, number).unwrap();
    let names =
        vec![Name::new("Heures", column(1)), Name::new("R1", column(2)), Name::new("A1", Area::cell(DAYS, 0, 0))];
    let mut shown = Sheet {
        name: "Graphiques".into(),
        widths: vec![30.0; 4],
        lines: vec![vec![Cell::text(Role::Title, "Graphiques & <images>")]],
        ..Sheet::default()
    };
    shown.lines.extend(std::iter::repeat_n(Vec::new(), 34));
    let chart = |kind, title: &str, value_kind, series: &[(u16, SeriesLook)], place| Chart {
        kind,
        title: title.into(),
        description: format!("{title}, décrit en mots & <signes>"),
        categories: column(0),
        category_title: "Jour".into(),
        value_title: "Mesure".into(),
        value_kind,
        series: series.iter().map(|(number, look)| Series { values: column(*number), look: *look }).collect(),
        unknown: None,
        place,
    };
    let hatched = |chart: Chart| {
        let unknown = Some(Unknown { values: column(1), whole_s: 86_400.0 });
        Chart { unknown, ..chart }
    };
    let at = |row, left| Place { row, lines: 16, left, width: 0.49 };
    let (measure, limit) = (SeriesLook::Measure, SeriesLook::Limit);
    shown.charts = vec![
        hatched(chart(ChartKind::Columns, "Heures d'utilisation par jour", Kind::Hours, &[(1, measure)], at(2, 0.0))),
        chart(ChartKind::Bars, "Les plus longs jours", Kind::Hours, &[(1, measure)], at(2, 0.51)),
        hatched(chart(ChartKind::Lines, "Jetons & limite", Kind::Integer, &[(2, measure), (3, limit)], at(19, 0.0))),
        hatched(chart(
            ChartKind::Columns,
            "Colonnes et limite",
            Kind::Integer,
            &[(2, measure), (3, limit)],
            at(19, 0.51),
        )),
        chart(ChartKind::Columns, "Rien à voir", Kind::Integer, &[(4, measure), (3, limit)], at(2, 0.0)),
    ];
    Workbook { properties, palette: Palette::default(), names, sheets: vec![shown, days, many()] }
}

fn days() -> Sheet<'static> {
    let words = |text: &'static str| Cell::text(Role::Header, text);
    let header = ["Jour", "Heures", "Pic", "Limite", "Refus", "Part", "Moyenne"].map(words).into();
    let first: chrono::NaiveDate = "2021-12-06".parse().unwrap();
    let rows = NUMBERS.iter().zip(first.iter_days()).map(|((seconds, peak), day)| {
        let values = [
            Value::text(day.format("%d/%m").to_string()),
            Value::hours(*seconds),
            Value::Integer(*peak),
            Value::Integer(SEATS),
            Value::Integer(0),
            Value::share(*peak, SEATS),
            Value::decimal(*peak as f64 / 3.0),
        ];
        values.map(Cell::body).into()
    });
    let rows = Rows::Given(rows.collect());
    let total =
        |function, column, cached| Cell::new(Role::Total, Value::Subtotal(Subtotal { function, column, cached }));
    let seconds: i64 = NUMBERS.iter().map(|(seconds, _)| seconds).sum();
    let totals = vec![
        total(SubtotalFunction::Count, 0, 9),
        total(SubtotalFunction::Hours, 1, seconds),
        total(SubtotalFunction::Most, 2, 20),
        total(SubtotalFunction::Sum, 3, 9 * SEATS),
    ];
    let mut sheet = Sheet {
        name: DAYS.into(),
        widths: vec![14.0; 7],
        lines: vec![vec![Cell::text(Role::Subtitle, "Jours")], totals],
        table: Some(Table { header, rows, frozen_columns: 1, filter: true }),
        ..Sheet::default()
    };
    let shade = |kind, column| Shade { area: sheet.rows_of(column, column).unwrap(), kind };
    sheet.shades = vec![shade(ShadeKind::Bars, 1), shade(ShadeKind::Scale, 2)];
    sheet
}

/// Rows that are made one at a time.
fn many() -> Sheet<'static> {
    let make = |number: usize, cells: &mut Vec<Cell<'static>>| {
        cells.push(Cell::body(Value::text(format!("=ligne {number}"))));
        cells.push(Cell::body(Value::count(number)));
    };
    let rows = Rows::Made { count: 1_000, make: Box::new(make) };
    let header = vec![Cell::text(Role::Header, "Nom"), Cell::text(Role::HeaderRight, "Nombre")];
    let sum = Value::Subtotal(Subtotal { function: SubtotalFunction::Sum, column: 1, cached: 499_500 });
    Sheet {
        name: "Beaucoup".into(),
        widths: vec![20.0, 12.0],
        lines: vec![vec![Cell::EMPTY, Cell::new(Role::Total, sum)]],
        table: Some(Table { header, rows, frozen_columns: 1, filter: true }),
        ..Sheet::default()
    }
}
