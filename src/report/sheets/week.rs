//! *Semaine*: how many tokens are out in the mean, hour by hour of the week.
//!
//! Sums would say that Tuesday is busier than Friday wherever a period has two Tuesdays: these are means over the time that is
//! known. Of what imported histories alone tell, no token is known: there, they are means of the sessions under way.

use super::{Cell, Context, Role, Rows, Sheet, SheetPlan, Table, Value};
use crate::report::book::{Shade, ShadeKind};
use crate::report::figures;
use crate::trace::seats::{self, Known, MeanHour, SeatHour};

const DAY_WIDTH: f64 = 13.0;
const HOUR_WIDTH: f64 = 6.0;
const MEAN_WIDTH: f64 = 10.5;
/// The columns and the rows of hours.
const HOURS: (u16, u16) = (1, 24);
const DAYS: usize = 7;

pub(super) fn sheet<'a>(context: &Context<'a>, plan: &SheetPlan) -> Sheet<'a> {
    let (week, about) = week(context);
    let mean = context.words("week.total");
    let mut header = vec![Cell::text(Role::Header, context.words("column.weekday"))];
    header.extend((0..24).map(|hour: u8| {
        Cell::text(Role::HeaderRight, context.texts.fill("week.hour", &[("hour", &hour.to_string())]))
    }));
    header.push(Cell::text(Role::HeaderRight, mean));
    let unknown = context.words("week.unknown");
    let mut rows: Vec<Vec<Cell<'a>>> = (1..)
        .zip(&week)
        .map(|(day, hours)| line(Role::Body, (context.words_of("weekday", &format!("{day}")), unknown), hours))
        .collect();
    let all: Vec<MeanHour> = (0..24).map(|hour| sum(week.iter().map(|hours| hours[hour]))).collect();
    rows.push(line(Role::Total, (mean, unknown), &all));
    let mut widths = vec![HOUR_WIDTH; header.len()];
    widths[0] = DAY_WIDTH;
    widths[header.len() - 1] = MEAN_WIDTH;
    let about = Cell::text(Role::Note, context.words(about));
    let table = Table { header, rows: Rows::Given(rows), frozen_columns: 1, filter: false };
    let lines = vec![context.heading(plan), vec![about]];
    let mut sheet = Sheet { name: context.name(plan), widths, lines, table: Some(table), ..Sheet::default() };
    if plan.scale {
        let hours = sheet.first_rows_of(HOURS.0, HOURS.1, DAYS);
        sheet.shades = hours.map(|area| Shade { area, kind: ShadeKind::Scale }).into_iter().collect();
    }
    sheet
}

/// The hours of the week, and the text that says what they are.
fn week(context: &Context<'_>) -> ([[MeanHour; 24]; 7], &'static str) {
    let input = &context.input;
    let period = input.period;
    let first = input.begins.map_or(period.first(), |begins| begins.max(period.first()));
    let week = |hours: &[SeatHour], known: Option<&Known>| {
        seats::week(hours, known, (first, period.last()), input.established.to_utc(), input.timezone)
    };
    if input.usage().knows_tokens() {
        return (week(&super::seats::hours_of(context), input.known), "week.about");
    }
    let mut means = week(&[], None);
    for (hours, seconds) in means.iter_mut().zip(figures::week(input.rows)) {
        for (hour, seconds) in hours.iter_mut().zip(seconds) {
            hour.taken_s = seconds as f64;
        }
    }
    (means, "week.about_sessions")
}

fn sum(hours: impl Iterator<Item = MeanHour>) -> MeanHour {
    hours.fold(MeanHour::default(), MeanHour::and)
}

/// A name, the means, and that of all of them. An hour without use is left empty, as the pattern is what is to be seen; one of
/// which nothing is known is said.
fn line<'a>(role: Role, (name, unknown): (&'a str, &'a str), hours: &[MeanHour]) -> Vec<Cell<'a>> {
    let value = |hour: MeanHour| match hour.mean() {
        None => Value::text(unknown),
        Some(mean) if mean < 0.05 => Value::Empty,
        Some(mean) => Value::decimal(mean),
    };
    let mut line = vec![Cell::text(role, name)];
    line.extend(hours.iter().map(|hour| Cell::new(role, value(*hour))));
    line.push(Cell::new(Role::Total, value(sum(hours.iter().copied()))));
    line
}
