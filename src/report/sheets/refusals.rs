//! *Refus*: who was refused a token, where they sat, and how long they waited.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::Timelike;

use super::{Cell, Context, Known as Column, Role, Sheet, SheetPlan, Value, table};
use crate::report::weekday;
use crate::trace::refusals::{Episode, episodes};

pub(super) const COLUMNS: [Column; 12] = [
    Column::day("date"),
    Column::text("weekday"),
    Column::moment("refused_at"),
    Column::text("login"),
    Column::text("host"),
    Column::text("department"),
    Column::text("outlet"),
    Column::count("attempts"),
    Column::time("waited"),
    Column::text("outcome"),
    Column::text("second_window"),
    Column::text("hostname"),
];

/// How many people and hours are named above the table.
const MOST_NAMED: usize = 8;

/// A line per occasion: refusals of one person that follow each other within minutes are one.
pub(super) fn sheet<'a>(context: &Context<'a>, plan: &'a SheetPlan) -> Sheet<'a> {
    let all = episodes(context.input.refusals);
    let rows: Vec<_> = all.iter().map(|episode| row(context, episode)).collect();
    table::sheet(context, plan, notes(context, &all), rows)
}

fn row<'a>(context: &Context<'a>, episode: &Episode<'a>) -> [Value<'a>; COLUMNS.len()] {
    let denial = &episode.first.denial;
    let at = denial.at.with_timezone(&context.input.timezone);
    let waited = episode.waited_s();
    let outcome = if waited.is_some() { "refusals.served" } else { "refusals.never" };
    let second = if episode.first.is_holding { context.words("refusals.second_window") } else { "" };
    [
        Value::date(at.date_naive()),
        Value::text(weekday(context.texts, at.date_naive())),
        Value::DateTime(context.civil(at)),
        Value::text(denial.who.login()),
        Value::text(denial.who.host()),
        Value::optional(denial.machine.department.as_deref()),
        Value::optional(denial.machine.outlet.as_deref()),
        Value::count(episode.attempts),
        waited.map_or(Value::Empty, Value::duration),
        Value::text(context.words(outcome)),
        Value::optional(Some(second).filter(|second| !second.is_empty())),
        Value::optional(denial.machine.hostname.as_deref()),
    ]
}

/// Whom it struck most, and at which hours; or that it struck nobody.
fn notes<'a>(context: &Context<'a>, all: &[Episode<'a>]) -> Vec<Cell<'a>> {
    let note = |text: String| Cell::text(Role::Note, text);
    if all.is_empty() {
        let (from, to) = context.input.period.bounds(context.input.timezone);
        let is_whole = context.unknown().is_none() && context.input.usage().is_vouched(from, to);
        return vec![if is_whole {
            Cell::text(Role::Good, context.words("refusals.none"))
        } else {
            note(context.words("refusals.none_known").to_owned())
        }];
    }
    let mut people: BTreeMap<&str, usize> = BTreeMap::new();
    let mut hours: BTreeMap<u32, usize> = BTreeMap::new();
    for episode in all {
        let denial = &episode.first.denial;
        *people.entry(denial.who.login()).or_default() += 1;
        *hours.entry(denial.at.with_timezone(&context.input.timezone).hour()).or_default() += 1;
    }
    let mut people: Vec<(&str, usize)> = people.into_iter().collect();
    people.sort_by_key(|(_, count)| Reverse(*count));
    let more = if people.len() > MOST_NAMED { ", …" } else { "" };
    let people: Vec<String> =
        people.iter().take(MOST_NAMED).map(|(login, count)| format!("{login} ({count})")).collect();
    let hours: Vec<String> = hours
        .iter()
        .map(|(hour, count)| format!("{} ({count})", context.texts.fill("week.hour", &[("hour", &hour.to_string())])))
        .collect();
    let about = context.words("refusals.about").lines().map(|line| note(line.to_owned()));
    let by_person = context.texts.fill("refusals.people", &[("people", &format!("{}{more}", people.join(", ")))]);
    let by_hour = context.texts.fill("refusals.hours", &[("hours", &hours.join(", "))]);
    about.chain([note(by_person), note(by_hour)]).collect()
}
