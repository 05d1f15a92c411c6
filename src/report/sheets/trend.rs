//! *Tendance*: the last twelve months, each beside the same month of the year before.

use std::collections::BTreeMap;

use chrono::{Datelike, Months, NaiveDate};

use super::{Context, Known as Column, Sheet, SheetPlan, Value, table};
use crate::report::MonthUse;

pub(super) const COLUMNS: [Column; 9] = [
    Column::day("date"),
    Column::text("month"),
    Column::time("hours"),
    Column::time("hours_before"),
    Column::text("change"),
    Column::time("token_hours"),
    Column::count("sessions"),
    Column::count("users"),
    Column::count("machines"),
];

/// How many months are shown.
const SHOWN: u32 = 12;

/// A line per month, the last one that of the period's end. A month before the data is empty; one without use is not.
pub(super) fn sheet<'a>(context: &Context<'a>, plan: &'a SheetPlan) -> Sheet<'a> {
    let input = &context.input;
    let used: BTreeMap<NaiveDate, MonthUse> = input.months.iter().copied().collect();
    let last = input.period.last().with_day(1).unwrap_or_default();
    let after = input.period.last().succ_opt().unwrap_or(NaiveDate::MAX);
    let begins = input.begins.and_then(|begins| begins.with_day(1));
    // Nothing used is nothing, from the month on in which anything is known.
    let of = |month: NaiveDate| {
        let none = MonthUse { seconds: 0, token_seconds: Some(0), sessions: 0, users: Some(0), machines: Some(0) };
        used.get(&month).copied().or_else(|| begins.is_some_and(|begins| begins <= month).then_some(none))
    };
    let months = (0..SHOWN).rev().filter_map(|back| last.checked_sub_months(Months::new(back)));
    let rows: Vec<_> = months
        .map(|month| {
            let now = of(month);
            let before = month.checked_sub_months(Months::new(12)).and_then(of);
            let figure = |value: fn(MonthUse) -> Value<'a>| now.map_or(Value::Empty, value);
            // A month that is not over is no match for a whole one.
            let is_over = month.checked_add_months(Months::new(1)).is_some_and(|next| next <= after);
            let change = now
                .zip(before)
                .filter(|_| is_over)
                .and_then(|(now, before)| change(context, now.seconds, before.seconds));
            [
                Value::date(month),
                Value::text(label(context, month)),
                figure(|used| Value::hours(used.seconds)),
                before.map_or(Value::Empty, |used| Value::hours(used.seconds)),
                change.map_or(Value::Empty, Value::text),
                figure(|used| used.token_seconds.map_or(Value::Empty, Value::hours)),
                figure(|used| Value::Integer(used.sessions)),
                figure(|used| used.users.map_or(Value::Empty, Value::Integer)),
                figure(|used| used.machines.map_or(Value::Empty, Value::Integer)),
            ]
        })
        .collect();
    table::sheet(context, plan, Vec::new(), rows)
}

/// `déc. 2021`.
fn label(context: &Context<'_>, month: NaiveDate) -> String {
    let name = context.words_of("month_short", &month.month().to_string());
    format!("{name} {}", month.year())
}

/// `+34 %`; from nothing there is no percentage.
fn change(context: &Context<'_>, now: i64, before: i64) -> Option<String> {
    let percent = 100.0 * (now.saturating_sub(before)) as f64 / before as f64;
    let sign = if percent < 0.0 { '\u{2212}' } else { '+' };
    let number = format!("{sign}{:.0}", percent.abs());
    (before > 0).then(|| context.texts.fill("summary.percent", &[("number", &number)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{ReportInput, sample};

    #[test]
    fn twelve_months_stand_beside_those_of_the_year_before() {
        let data = sample::Data::new();
        let begins = Some("2021-06-10".parse().unwrap());
        let period = crate::report::Period::of(crate::config::PeriodKind::Month, "2021-12-31".parse().unwrap());
        let input = ReportInput { begins, period, scope: crate::report::Scope::Site, ..data.input() };
        let context = Context::new(&input);
        let plan = context.plans.iter().find(|plan| plan.kind == super::super::SheetKind::Trend).unwrap();
        let sheet = sheet(&context, plan);
        let table = sheet.table.unwrap();
        assert_eq!(table.rows.len(), 12);
        let mut rows = Vec::new();
        let _ = table.rows.for_each(|_, row| {
            rows.push(row.iter().map(|cell| cell.value.clone()).collect::<Vec<_>>());
            Ok::<_, std::convert::Infallible>(())
        });
        let [january, june, july, december] = [&rows[0], &rows[5], &rows[6], &rows[11]];
        let percent = Value::text("+25\u{202f}%");
        assert_eq!(december[..4], [Value::text("déc. 2021"), Value::hours(360_000), Value::hours(288_000), percent]);
        assert_eq!(june[..3], [Value::text("juin 2021"), Value::hours(216_000), Value::Empty]);
        assert_eq!((&july[1], &january[1]), (&Value::hours(0), &Value::Empty), "no use is known, or nothing is");
    }
}
