//! *Semaine*: when in the week the tokens are used, hour by hour.

use super::{Cell, Context, Role, Rows, Sheet, SheetPlan, Table, Value};
use crate::report::book::{Shade, ShadeKind};
use crate::report::figures;

const DAY_WIDTH: f64 = 13.0;
const HOUR_WIDTH: f64 = 7.3;
const TOTAL_WIDTH: f64 = 9.5;
/// The columns and the rows of hours.
const HOURS: (u16, u16) = (1, 24);
const DAYS: usize = 7;

pub(super) fn sheet<'a>(context: &Context<'a>, plan: &SheetPlan) -> Sheet<'a> {
    let week = figures::week(context.input.rows);
    let total = context.words("week.total");
    let mut header = vec![Cell::text(Role::Header, context.words("column.weekday"))];
    header.extend((0..24).map(|hour: u8| {
        Cell::text(Role::HeaderRight, context.texts.fill("week.hour", &[("hour", &hour.to_string())]))
    }));
    header.push(Cell::text(Role::HeaderRight, total));
    let mut rows: Vec<Vec<Cell<'a>>> = (1..)
        .zip(&week)
        .map(|(day, hours)| line(Role::Body, context.words_of("weekday", &format!("{day}")), hours))
        .collect();
    let sums: Vec<i64> = (0..24).map(|hour| week.iter().map(|hours| hours[hour]).sum()).collect();
    rows.push(line(Role::Total, total, &sums));
    let mut widths = vec![HOUR_WIDTH; header.len()];
    widths[0] = DAY_WIDTH;
    widths[header.len() - 1] = TOTAL_WIDTH;
    let about = Cell::text(Role::Note, context.words("week.about"));
    let table = Table { header, rows: Rows::Given(rows), frozen_columns: 1, filter: false };
    let lines = vec![context.heading(plan), vec![about]];
    let mut sheet = Sheet { name: context.name(plan), widths, lines, table: Some(table), ..Sheet::default() };
    if plan.scale {
        let hours = sheet.first_rows_of(HOURS.0, HOURS.1, DAYS);
        sheet.shades = hours.map(|area| Shade { area, kind: ShadeKind::Scale }).into_iter().collect();
    }
    sheet
}

/// A name, the hours, and their sum. An hour without use is left empty: the pattern is what is to be seen.
fn line<'a>(role: Role, name: &'a str, hours: &[i64]) -> Vec<Cell<'a>> {
    let used = |seconds: i64| if seconds == 0 { Value::Empty } else { Value::hours(seconds) };
    let mut line = vec![Cell::text(role, name)];
    line.extend(hours.iter().map(|seconds| Cell::new(role, used(*seconds))));
    line.push(Cell::new(Role::Total, Value::hours(hours.iter().sum())));
    line
}
