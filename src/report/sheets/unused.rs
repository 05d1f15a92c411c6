//! *Inutilisés*: people and machines that used the application before, and have not for months.

use super::{Cell, Context, Known as Column, Role, Sheet, SheetPlan, Value, table};

pub(super) const COLUMNS: [Column; 6] = [
    Column::text("login"),
    Column::text("host"),
    Column::text("department"),
    Column::text("outlet"),
    Column::moment("last"),
    Column::count("days_unused"),
];

/// A line per person and machine, those that have not used it for longest first.
pub(super) fn sheet<'a>(context: &Context<'a>, plan: &'a SheetPlan) -> Sheet<'a> {
    let input = &context.input;
    let note = if input.unused.is_empty() {
        Cell::text(Role::Good, context.words("unused.none"))
    } else {
        Cell::text(Role::Note, context.words("unused.about"))
    };
    let rows = input.unused.iter().map(|one| {
        let last = one.last.with_timezone(&input.timezone);
        [
            Value::text(one.who.login()),
            Value::text(one.who.host()),
            Value::optional(one.machine.department.as_deref()),
            Value::optional(one.machine.outlet.as_deref()),
            Value::DateTime(context.civil(last)),
            Value::Integer((input.period.last() - last.date_naive()).num_days()),
        ]
    });
    table::sheet(context, plan, vec![note], rows.collect::<Vec<_>>())
}
