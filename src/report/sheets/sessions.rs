//! *Sessions*: a row per piece, with totals that follow the filter.

use super::{Cell, Column, Context, Role, Rows, Sheet, Table, Value, fitting, numbers, words};
use crate::model::SessionRow;
use crate::report::book::{Subtotal, SubtotalFunction};
use crate::report::weekday;

/// The columns of `sessions --format csv`, in their order.
const COLUMNS: [Column; 18] = [
    words("date"),
    words("weekday"),
    words("login"),
    words("host"),
    numbers("start"),
    numbers("end"),
    numbers("duration_s"),
    words("state"),
    numbers("initial_start"),
    words("ip"),
    words("evidence"),
    words("mac"),
    numbers("vlan"),
    words("department"),
    words("hostname"),
    words("switch"),
    words("port"),
    words("outlet"),
];
/// Where the names end: these columns stay in sight.
const NAMED: u16 = 4;
/// The columns that the line of totals is about.
const LOGIN: usize = 2;
const DURATION: usize = 6;

pub(super) fn sheet<'a>(context: &Context<'a>) -> Sheet<'a> {
    let header = context.header(&COLUMNS);
    let all = context.input.rows;
    let mut ordered: Vec<&'a SessionRow> = all.iter().collect();
    ordered.sort_by(|a, b| (a.start, a.initial_start, &a.who).cmp(&(b.start, b.initial_start, &b.who)));
    let words = Words::of(context);
    let rows = Rows::Made { count: all.len(), make: Box::new(move |row, cells| words.row(ordered[row], cells)) };
    let mut widths = fitting(&header, &rows);
    // `Total affiché` is in the first column, and the sum of all durations is wider than any of them.
    widths[0] = widths[0].max(16.0);
    widths[DURATION] = widths[DURATION].max(13.0);
    Sheet {
        name: context.sheet_name("sessions"),
        widths,
        lines: vec![context.heading("sessions"), totals(context)],
        table: Some(Table { header, rows, frozen_columns: NAMED, filter: true }),
        ..Sheet::default()
    }
}

/// How many rows the filter leaves, and how long they are together.
fn totals<'a>(context: &Context<'a>) -> Vec<Cell<'a>> {
    let rows = context.input.rows;
    let seconds = rows.iter().fold(0_i64, |sum, row| sum.saturating_add(row.duration_s));
    let mut line = vec![Cell::new(Role::Total, Value::Empty); COLUMNS.len()];
    line[0].value = Value::text(context.words("sessions.total_shown"));
    // Without rows there is no range to reckon over.
    let total = |function, column: usize, cached| match u16::try_from(column) {
        Ok(column) if !rows.is_empty() => Value::Subtotal(Subtotal { function, column, cached }),
        _ => Value::Integer(0),
    };
    line[LOGIN].value = total(SubtotalFunction::Count, LOGIN, i64::try_from(rows.len()).unwrap_or(i64::MAX));
    line[LOGIN + 1].value = Value::text(context.words("sessions.rows"));
    line[DURATION].value = match seconds {
        0.. => total(SubtotalFunction::Duration, DURATION, seconds),
        _ => Value::duration(seconds),
    };
    line
}

/// The words of rows, looked up once.
struct Words {
    zone: chrono_tz::Tz,
    texts: &'static crate::texts::Texts,
    states: [&'static str; 4],
    evidence: [&'static str; 6],
}

impl Words {
    fn of(context: &Context<'_>) -> Self {
        use crate::model::{Evidence, State};
        let mut evidence = [""; 6];
        for kind in Evidence::ALL {
            evidence[kind as usize] = context.words_of("evidence", kind.name());
        }
        let mut states = [""; 4];
        for state in State::ALL {
            states[state as usize] = context.words_of("state", state.name());
        }
        Self { zone: context.input.timezone, texts: context.texts, states, evidence }
    }

    fn row<'a>(&self, row: &'a SessionRow, cells: &mut Vec<Cell<'a>>) {
        let machine = &row.machine;
        let civil = |at: chrono::DateTime<chrono_tz::Tz>| at.with_timezone(&self.zone).naive_local();
        let values = [
            Value::date(row.date),
            Value::text(weekday(self.texts, row.date)),
            Value::text(row.who.login()),
            Value::text(row.who.host()),
            Value::clock(civil(row.start)),
            Value::clock(civil(row.end)),
            Value::duration(row.duration_s),
            Value::text(self.states[row.state as usize]),
            Value::date_time(civil(row.initial_start)),
            row.ip.map_or(Value::Empty, |ip| Value::text(ip.to_string())),
            Value::text(self.evidence[row.evidence as usize]),
            machine.mac.map_or(Value::Empty, |mac| Value::text(mac.to_string())),
            machine.vlan.map_or(Value::Empty, |vlan| Value::Integer(vlan.number().into())),
            Value::optional(machine.department.as_deref()),
            Value::optional(machine.hostname.as_deref()),
            Value::optional(machine.switch.as_deref()),
            machine.port.as_ref().map_or(Value::Empty, |port| Value::text(port.socket())),
            Value::optional(machine.outlet.as_deref()),
        ];
        cells.extend(values.into_iter().map(Cell::body));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_those_of_the_csv() {
        assert_eq!(COLUMNS.map(|column| column.name), crate::report::rows::COLUMNS);
        assert_eq!((COLUMNS[LOGIN].name, COLUMNS[DURATION].name), ("login", "duration_s"));
    }
}
