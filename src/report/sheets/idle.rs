//! *À libérer*: tokens that were held through nights or for more than a day. The cheapest token is one that somebody forgot.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::{Cell, Context, Known as Column, Role, Sheet, SheetPlan, Value, table};
use crate::model::{Hold, Identity, SessionRow, State};
use crate::parse::datetime::civil_moment;

pub(super) const COLUMNS: [Column; 10] = [
    Column::text("login"),
    Column::text("host"),
    Column::text("department"),
    Column::text("outlet"),
    Column::count("nights"),
    Column::count("tokens_held"),
    Column::time("held"),
    Column::time("longest"),
    Column::moment("held_since"),
    Column::text("still_out"),
];

/// The night, by the civil clock: whoever holds a token all through it is hardly at work.
const NIGHT: (u32, u32) = (0, 6);
/// A token that is held for so long is kept, whatever the clock says, in seconds.
const DAY_S: i64 = 86_400;

/// What one pair kept.
#[derive(Default)]
struct Kept {
    nights: usize,
    tokens: usize,
    seconds: i64,
    longest: i64,
    since: Option<DateTime<Utc>>,
    is_out: bool,
}

/// A line per person and machine, the most nights first.
pub(super) fn sheet<'a>(context: &Context<'a>, plan: &'a SheetPlan) -> Sheet<'a> {
    let input = &context.input;
    let (from, to) = input.period.bounds(input.timezone);
    let mut latest: BTreeMap<&Identity, &SessionRow> = BTreeMap::new();
    for row in input.rows {
        latest.insert(&row.who, row);
    }
    let mut kept: BTreeMap<&Identity, Kept> = BTreeMap::new();
    for hold in input.holds {
        let (start, end) = (hold.start.max(from), hold.end.min(to));
        let nights = nights(context, hold, (from, to));
        let whole = (hold.end - hold.start).num_seconds();
        if nights == 0 && whole < DAY_S || start >= end {
            continue;
        }
        let of_pair = kept.entry(&hold.who).or_default();
        of_pair.nights += nights;
        of_pair.tokens += 1;
        of_pair.seconds += (end - start).num_seconds();
        of_pair.is_out |= hold.state == State::Open;
        if whole > of_pair.longest {
            (of_pair.longest, of_pair.since) = (whole, Some(hold.start));
        }
    }
    let mut all: Vec<(&Identity, Kept)> = kept.into_iter().collect();
    all.sort_by_key(|(_, kept)| (Reverse(kept.nights), Reverse(kept.seconds)));
    let note = if all.is_empty() {
        Cell::text(Role::Good, context.words("idle.none"))
    } else {
        Cell::text(Role::Note, context.words("idle.about"))
    };
    let rows: Vec<_> = all
        .into_iter()
        .map(|(who, kept)| {
            let machine = latest.get(who).map(|row| &row.machine);
            let since = kept.since.map(|since| context.civil(since.with_timezone(&input.timezone)));
            [
                Value::text(who.login()),
                Value::text(who.host()),
                Value::optional(machine.and_then(|machine| machine.department.as_deref())),
                Value::optional(machine.and_then(|machine| machine.outlet.as_deref())),
                Value::count(kept.nights),
                Value::count(kept.tokens),
                Value::hours(kept.seconds),
                Value::hours(kept.longest),
                since.map_or(Value::Empty, Value::DateTime),
                Value::optional(kept.is_out.then(|| context.words("idle.still_out"))),
            ]
        })
        .collect();
    table::sheet(context, plan, vec![note], rows)
}

/// How many whole nights of the period a token was held through.
fn nights(context: &Context<'_>, hold: &Hold, (from, to): (DateTime<Utc>, DateTime<Utc>)) -> usize {
    let zone = context.input.timezone;
    let at = |day: NaiveDate, hour: u32| civil_moment(day.and_hms_opt(hour, 0, 0).unwrap_or_default(), zone, None);
    let first = hold.start.max(from).with_timezone(&zone).date_naive();
    let last = hold.end.min(to).with_timezone(&zone).date_naive();
    let is_kept = |day: &NaiveDate| hold.start <= at(*day, NIGHT.0) && hold.end >= at(*day, NIGHT.1);
    let is_within = |day: &NaiveDate| from <= at(*day, NIGHT.0) && at(*day, NIGHT.1) <= to;
    first.iter_days().take_while(|day| *day <= last).filter(is_within).filter(is_kept).count()
}
