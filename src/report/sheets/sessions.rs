//! *Sessions*: a row per piece, with totals that follow the filter.

use chrono::{DateTime, NaiveDateTime};
use chrono_tz::Tz;

use super::table::{self, Records};
use super::{Cell, Context, Kind, Known, Sheet, SheetPlan, Value};
use crate::model::{Evidence, SessionRow, State, SwitchPort};
use crate::report::weekday;
use crate::texts::Texts;

/// What reads one column off a row.
type Read = for<'a> fn(&Words<'a>, &'a SessionRow) -> Value<'a>;

/// The columns of `sessions --format csv`, in their order, and what the network knows beside them.
const READ: [(Known, Read); 19] = [
    (Known::day("date"), |_, row| Value::date(row.date)),
    (Known::text("weekday"), |words, row| Value::text(weekday(words.texts, row.date))),
    (Known::text("login"), |_, row| Value::text(row.who.login())),
    (Known::text("host"), |_, row| Value::text(row.who.host())),
    (CLOCK_START, |words, row| Value::clock(words.civil(row.start))),
    (CLOCK_END, |words, row| Value::clock(words.civil(row.end))),
    (LENGTH, |_, row| Value::duration(row.duration_s)),
    (Known::text("state"), |words, row| Value::text(words.states[row.state as usize])),
    (Known::moment("initial_start"), |words, row| Value::date_time(words.civil(row.initial_start))),
    (Known::text("ip"), |_, row| optional(row.ip.as_ref())),
    (Known::text("evidence"), |words, row| Value::text(words.evidence[row.evidence as usize])),
    (Known::text("mac"), |_, row| optional(row.machine.mac.as_ref())),
    (Known::count("vlan"), |_, row| row.machine.vlan.map_or(Value::Empty, |vlan| Value::Integer(vlan.number().into()))),
    (Known::text("department"), |_, row| Value::optional(row.machine.department.as_deref())),
    (Known::text("hostname"), |_, row| Value::optional(row.machine.hostname.as_deref())),
    (Known::text("switch"), |_, row| Value::optional(row.machine.switch.as_deref())),
    (Known::text("port"), |_, row| optional(row.machine.port.as_ref().map(SwitchPort::socket).as_ref())),
    (Known::text("outlet"), |_, row| Value::optional(row.machine.outlet.as_deref())),
    (Known::text("information"), |_, row| Value::optional(row.machine.information.as_deref())),
];
const CLOCK_START: Known = Known { name: "start", kinds: &[Kind::Clock, Kind::DateTime, Kind::Date] };
const CLOCK_END: Known = Known { name: "end", kinds: &[Kind::Clock, Kind::DateTime, Kind::Date] };
const LENGTH: Known = Known { name: "duration_s", kinds: &[Kind::Duration, Kind::Hours] };

pub(super) const COLUMNS: [Known; 19] = {
    let mut columns = [READ[0].0; 19];
    let mut index = 1;
    while index < columns.len() {
        columns[index] = READ[index].0;
        index += 1;
    }
    columns
};

fn optional<'a>(value: Option<&impl ToString>) -> Value<'a> {
    value.map_or(Value::Empty, |value| Value::text(value.to_string()))
}

pub(super) fn sheet<'a>(context: &Context<'a>, plan: &'a SheetPlan, notes: Vec<Cell<'a>>) -> Sheet<'a> {
    let mut rows: Vec<&'a SessionRow> = context.input.rows.iter().collect();
    rows.sort_by(|a, b| (a.start, a.initial_start, &a.who).cmp(&(b.start, b.initial_start, &b.who)));
    table::sheet(context, plan, notes, Pieces { rows, words: Words::of(context) })
}

/// The rows in their order, and their words.
struct Pieces<'a> {
    rows: Vec<&'a SessionRow>,
    words: Words<'a>,
}

impl<'a> Records<'a> for Pieces<'a> {
    fn count(&self) -> usize {
        self.rows.len()
    }

    fn value(&self, row: usize, column: usize) -> Value<'a> {
        match (self.rows.get(row), READ.get(column)) {
            (Some(row), Some((_, read))) => read(&self.words, row),
            _ => Value::Empty,
        }
    }
}

/// The words of rows, looked up once.
struct Words<'a> {
    zone: Tz,
    texts: &'a Texts,
    states: [&'a str; State::ALL.len()],
    evidence: [&'a str; 6],
}

impl<'a> Words<'a> {
    fn of(context: &Context<'a>) -> Self {
        let mut evidence = [""; 6];
        for kind in Evidence::ALL {
            evidence[kind as usize] = context.words_of("evidence", kind.name());
        }
        let mut states = [""; State::ALL.len()];
        for state in State::ALL {
            states[state as usize] = context.words_of("state", state.name());
        }
        Self { zone: context.input.timezone, texts: context.texts, states, evidence }
    }

    fn civil(&self, at: DateTime<Tz>) -> NaiveDateTime {
        at.with_timezone(&self.zone).naive_local()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_begin_with_those_of_the_csv() {
        assert_eq!(COLUMNS.map(|column| column.name)[..18], crate::report::rows::COLUMNS[..18]);
    }
}
