//! A table as its plan wants it: which of the known columns, in which order, how wide, added up and shaded.

use super::{Cell, Context, Kind, Role, Rows, Sheet, SheetKind, SheetPlan, Table, Value, narrow};
use crate::report::Scope;
use crate::report::book::{Area, Shade, Subtotal, SubtotalFunction};
use crate::report::template::{ColumnPlan, Total};

/// Rows before any choice of columns.
pub(super) trait Records<'a>: Send + Sync {
    /// How many rows there are.
    fn count(&self) -> usize;

    /// What a row has in one of the known columns of its kind of sheet.
    fn value(&self, row: usize, column: usize) -> Value<'a>;
}

/// Few rows, each with all known columns in their order.
impl<'a, const N: usize> Records<'a> for Vec<[Value<'a>; N]> {
    fn count(&self) -> usize {
        self.len()
    }

    fn value(&self, row: usize, column: usize) -> Value<'a> {
        self.get(row).and_then(|values| values.get(column)).cloned().unwrap_or(Value::Empty)
    }
}

/// A sheet of a heading, these notes, the totals where there are any, and the table.
pub(super) fn sheet<'a>(
    context: &Context<'a>,
    plan: &'a SheetPlan,
    notes: Vec<Cell<'a>>,
    records: impl Records<'a> + 'a,
) -> Sheet<'a> {
    let header: Vec<Cell<'a>> = plan.columns.iter().map(|column| header(context, plan.kind, column)).collect();
    let (mut widths, sums) = measure(plan, &header, &records);
    let mut lines = vec![context.heading(plan)];
    lines.extend(notes.into_iter().map(|note| vec![note]));
    let totals = totals(context, plan, &sums, records.count());
    if let Some(line) = totals {
        for ((width, column), cell) in widths.iter_mut().zip(&plan.columns).zip(&line) {
            if column.width.is_none() || matches!(cell.value, Value::Subtotal(_)) {
                *width = width.max(wide(shown_length(&cell.value), HEADER).min(MOST_WIDTH));
            }
        }
        lines.push(line);
    }
    let filter = plan.filter && records.count() > 0;
    let rows = rows(plan, records);
    let table = Table { header, rows, frozen_columns: plan.freeze.min(narrow(plan.columns.len())), filter };
    let mut sheet = Sheet { name: context.name(plan), widths, lines, table: Some(table), ..Sheet::default() };
    sheet.shades = shades(plan, &sheet);
    sheet
}

/// The title of a column in this workbook.
pub(super) fn title<'a>(context: &Context<'a>, kind: SheetKind, column: &'a ColumnPlan) -> &'a str {
    column.title.as_deref().unwrap_or_else(|| usual_title(context, kind.columns()[column.column].name))
}

/// The title of a known column in the texts.
pub(super) fn usual_title<'a>(context: &Context<'a>, name: &str) -> &'a str {
    let name = match (name, context.input.scope) {
        ("share", Scope::Site) => "share_of_site",
        ("share", Scope::Unresolved) => "share_of_these",
        _ => name,
    };
    context.words_of("column", name)
}

fn header<'a>(context: &Context<'a>, kind: SheetKind, column: &'a ColumnPlan) -> Cell<'a> {
    let role = if matches!(column.kind, Kind::Text | Kind::Date) { Role::Header } else { Role::HeaderRight };
    Cell::text(role, title(context, kind, column))
}

/// The rows, made one by one where they can be many.
fn rows<'a>(plan: &'a SheetPlan, records: impl Records<'a> + 'a) -> Rows<'a> {
    let role = if plan.kind == SheetKind::Anomalies { Role::Prose } else { Role::Body };
    let make = move |row: usize, cells: &mut Vec<Cell<'a>>, records: &dyn Records<'a>| {
        cells.extend(plan.columns.iter().map(|column| {
            let value = shown(records.value(row, column.column), column.kind);
            Cell::new(role, value)
        }));
    };
    if plan.kind == SheetKind::Sessions {
        let count = records.count();
        return Rows::Made { count, make: Box::new(move |row, cells| make(row, cells, &records)) };
    }
    let given = (0..records.count()).map(|row| {
        let mut cells = Vec::with_capacity(plan.columns.len());
        make(row, &mut cells, &records);
        cells
    });
    Rows::Given(given.collect())
}

/// A value in another of the ways in which its kind can be written.
fn shown(value: Value<'_>, kind: Kind) -> Value<'_> {
    match (value, kind) {
        (Value::Hours(seconds), Kind::Duration) => Value::Duration(seconds),
        (Value::Duration(seconds), Kind::Hours) => Value::Hours(seconds),
        (Value::DateTime(at) | Value::Clock(at), Kind::Date) => Value::date(at.date()),
        (Value::DateTime(at), Kind::Clock) => Value::Clock(at),
        (Value::Clock(at), Kind::DateTime) => Value::DateTime(at),
        (value, _) => value,
    }
}

/// What is said of a column as a whole.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    count: i64,
    total: i64,
    most: i64,
}

/// The widths that show every title with its filter button and every cell of up to [`MOST_WIDTH`], and what the columns add
/// up to. Only columns that ask for it are looked at: there can be a hundred thousand rows.
fn measure<'a>(plan: &SheetPlan, header: &[Cell<'a>], records: &impl Records<'a>) -> (Vec<f64>, Vec<Sum>) {
    let columns = plan.columns.iter().zip(header).map(|(column, title)| {
        let mut sum = Sum::default();
        let title = wide(shown_length(&title.value), HEADER);
        if column.width.is_some() && column.total.is_none() {
            return (column.width.unwrap_or(title), sum);
        }
        let mut longest = 0;
        for row in 0..records.count() {
            let value = shown(records.value(row, column.column), column.kind);
            longest = longest.max(shown_length(&value));
            sum.add(&value);
        }
        (column.width.unwrap_or_else(|| title.max(wide(longest, BODY)).min(MOST_WIDTH)), sum)
    });
    columns.unzip()
}

impl Sum {
    fn add(&mut self, value: &Value<'_>) {
        self.count += i64::from(*value != Value::Empty);
        if let Value::Integer(number) | Value::Hours(number) | Value::Duration(number) = value {
            self.total = self.total.saturating_add(*number);
            self.most = self.most.max(*number);
        }
    }
}

/// The line above the header: what the filter leaves of each column that is added up.
fn totals<'a>(context: &Context<'a>, plan: &SheetPlan, sums: &[Sum], count: usize) -> Option<Vec<Cell<'a>>> {
    plan.columns.iter().find(|column| column.total.is_some())?;
    let mut line = vec![Cell::new(Role::Total, Value::Empty); plan.columns.len()];
    for (index, (column, sum)) in plan.columns.iter().zip(sums).enumerate() {
        let Some(total) = column.total else { continue };
        line[index].value = subtotal(narrow(index), column.kind, total, *sum, count > 0);
        // What is counted is said in the next column, where nothing else stands.
        if total == Total::Count
            && let (Some(next), Some(cell)) = (plan.columns.get(index + 1), line.get_mut(index + 1))
            && next.total.is_none()
        {
            cell.value = Value::text(context.words("sessions.rows"));
        }
    }
    if line[0].value == Value::Empty {
        line[0].value = Value::text(context.words("sessions.total_shown"));
    }
    Some(line)
}

fn subtotal<'a>(column: u16, kind: Kind, total: Total, sum: Sum, has_rows: bool) -> Value<'a> {
    let (function, cached) = match (total, kind) {
        (Total::Count, _) => (SubtotalFunction::Count, sum.count),
        (Total::Most, _) => (SubtotalFunction::Most, sum.most),
        (Total::Sum, Kind::Hours) => (SubtotalFunction::Hours, sum.total),
        (Total::Sum, Kind::Duration) => (SubtotalFunction::Duration, sum.total),
        (Total::Sum, _) => (SubtotalFunction::Sum, sum.total),
    };
    match (has_rows, cached, kind) {
        // Without rows there is no range to reckon over.
        (false, ..) => Value::Integer(0),
        // Neither format has negative times.
        (true, ..0, Kind::Hours | Kind::Duration) => Value::duration(cached),
        _ => Value::Subtotal(Subtotal { function, column, cached }),
    }
}

fn shades(plan: &SheetPlan, sheet: &Sheet<'_>) -> Vec<Shade> {
    let shaded = plan.columns.iter().enumerate().filter_map(|(index, column)| Some((narrow(index), column.shade?)));
    shaded
        .filter_map(|(column, kind)| {
            let area: Area = sheet.rows_of(column, column)?;
            Some(Shade { area, kind })
        })
        .collect()
}

/// The widest that a column gets for its content; what is longer is read in the cell's own line.
const MOST_WIDTH: f64 = 46.0;
/// Bold letters, and the button.
const HEADER: (f64, f64) = (1.1, 4.0);
/// Letters of proportional width against Excel's unit, which is a digit; the margins of a cell.
const BODY: (f64, f64) = (1.0, 2.6);

fn wide(characters: usize, (factor, margin): (f64, f64)) -> f64 {
    (characters as f64 * factor + margin).min(MOST_WIDTH)
}

/// Widths that show every title with its filter button, and every cell of up to [`MOST_WIDTH`].
pub(super) fn fitting(header: &[Cell<'_>], rows: &Rows<'_>) -> Vec<f64> {
    let mut widths: Vec<f64> = header.iter().map(|cell| wide(shown_length(&cell.value), HEADER)).collect();
    let _ = rows.for_each(|_, row| {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = width.max(wide(shown_length(&cell.value), BODY));
        }
        Ok::<_, std::convert::Infallible>(())
    });
    widths
}

/// How many characters a value takes in its cell.
fn shown_length(value: &Value<'_>) -> usize {
    let time = |seconds: i64, rest: usize| (seconds / 3600).to_string().len().max(2) + rest;
    match (value, value.kind()) {
        (Value::Text(text) | Value::Link { text, .. }, _) => text.chars().count(),
        (Value::Integer(number), _) => number.to_string().len(),
        (Value::Decimal(number), _) => format!("{number:.1}").len(),
        (Value::Hours(seconds), _) => time(*seconds, 3),
        (Value::Duration(seconds), _) => time(*seconds, 6),
        (Value::Subtotal(total), Kind::Hours) => time(total.cached, 3),
        (Value::Subtotal(total), Kind::Duration) => time(total.cached, 6),
        (Value::Subtotal(total), _) => total.cached.to_string().len(),
        (_, Kind::Date) => 10,
        (_, Kind::DateTime) => 16,
        (_, Kind::Clock | Kind::Percent) => 8,
        _ => 0,
    }
}
