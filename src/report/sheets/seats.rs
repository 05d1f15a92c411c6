//! *Jetons*, *Besoin* and *Jours saturés*: how far the laboratory's tokens go.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};

use super::{Cell, Context, Known as Column, Role, Sheet, SheetPlan, Value, table};
use crate::report::weekday;
use crate::trace::replay::{Replay, Replayed};
use crate::trace::seats::{Known, SeatHour, hours, levels};

pub(super) const TOKEN_COLUMNS: [Column; 10] = [
    Column::day("date"),
    Column::text("weekday"),
    Column::count("hour"),
    Column::count("peak"),
    Column::mean("mean"),
    Column::count("seats"),
    Column::time("at_limit"),
    Column::count("denials"),
    Column::count("false_denials"),
    Column::text("label"),
];

/// The hours with use or refusals that lie in the period, and those of which nothing is known.
pub(super) fn hours_of(context: &Context<'_>) -> Vec<SeatHour> {
    let input = &context.input;
    let every = Known::default();
    let known = input.known.unwrap_or(&every);
    let mut all = hours(input.holds, input.denials, input.seats, known, input.timezone);
    all.retain(|hour| (input.period.first()..=input.period.last()).contains(&hour.date));
    all
}

/// What is said where the number of seats, and so the limit, is not known.
fn without_limit<'a>(context: &Context<'a>) -> Option<Cell<'a>> {
    context.input.seats_at_last().is_none().then(|| Cell::text(Role::Alert, context.words("seats.unknown")))
}

/// A remark, a line for each of its own: what is wider than the table is cut on paper.
fn remarks<'a>(context: &Context<'a>, path: &'a str) -> Vec<Cell<'a>> {
    context.words(path).lines().map(|line| Cell::text(Role::Note, line)).collect()
}

/// A line per hour with use: the rows of `jeton seats`.
pub(super) fn tokens<'a>(context: &Context<'a>, plan: &'a SheetPlan) -> Sheet<'a> {
    let rows = hours_of(context).into_iter().map(|hour| {
        let clock = context.texts.fill("week.hour", &[("hour", &hour.hour.to_string())]);
        let figure = |value: Value<'a>| if hour.known_s == 0 { Value::Empty } else { value };
        [
            Value::date(hour.date),
            Value::text(weekday(context.texts, hour.date)),
            Value::Integer(hour.hour.into()),
            figure(Value::Integer(hour.peak)),
            figure(Value::decimal(hour.mean)),
            hour.seats.map_or(Value::Empty, |seats| Value::Integer(seats.into())),
            figure(hour.at_limit_s.map_or(Value::Empty, Value::hours)),
            figure(Value::Integer(hour.denied_true.into())),
            figure(Value::Integer(hour.denied_false.into())),
            Value::text(format!("{}/{:02} {clock}", hour.date.day(), hour.date.month())),
        ]
    });
    let mut notes = remarks(context, "seats.tokens");
    notes.extend(without_limit(context));
    table::sheet(context, plan, notes, rows.collect::<Vec<_>>())
}

pub(super) const NEED_COLUMNS: [Column; 9] = [
    Column::count("tokens"),
    Column::time("at_least"),
    Column::share("share_of_use"),
    Column::count("days_at_least"),
    Column::time("exactly"),
    Column::time("limit_with"),
    Column::count("refused_with"),
    Column::count("people_with"),
    Column::count("cost"),
];

/// How many tokens fewer and more than there are the period is played again with.
const FEWER: u32 = 5;
const MORE: u32 = 10;

/// A line per number of tokens: how long at least so many were out; and, for some fewer and more than there are, how the period
/// would have been with so many.
pub(super) fn need<'a>(context: &Context<'a>, plan: &'a SheetPlan) -> Sheet<'a> {
    let input = &context.input;
    let (from, to) = input.period.bounds(input.timezone);
    let exactly = levels(input.holds, input.seats, from, to);
    let mut peaks: BTreeMap<NaiveDate, i64> = BTreeMap::new();
    for hour in hours_of(context) {
        let peak = peaks.entry(hour.date).or_default();
        *peak = hour.peak.max(*peak);
    }
    let replayed = replayed(context);
    let highest = peaks.values().copied().max().and_then(|peak| usize::try_from(peak).ok()).unwrap_or(0);
    let last = replayed.last_key_value().map_or(0, |(tokens, _)| *tokens as usize);
    let most = highest.max(input.seats_at_last().map_or(0, |seats| seats as usize)).max(last).min(MOST_LEVELS);
    let at_least = |tokens: usize| exactly.iter().skip(tokens).sum::<i64>();
    let in_use = at_least(1);
    let rows = (1..=most).map(|tokens| {
        let days = peaks.values().filter(|peak| usize::try_from(**peak).is_ok_and(|peak| peak >= tokens)).count();
        let replay = u32::try_from(tokens).ok().and_then(|tokens| replayed.get(&tokens));
        let with = |value: fn(&Replayed) -> Value<'a>| replay.map_or(Value::Empty, value);
        let cost = input.token_price.and_then(|price| i64::from(price).checked_mul(i64::try_from(tokens).ok()?));
        [
            Value::count(tokens),
            Value::hours(at_least(tokens)),
            Value::share(at_least(tokens), in_use),
            Value::count(days),
            Value::hours(exactly.get(tokens).copied().unwrap_or(0)),
            with(|replay| Value::hours(replay.at_limit_s)),
            with(|replay| Value::count(replay.episodes)),
            with(|replay| Value::count(replay.people)),
            cost.map_or(Value::Empty, Value::Integer),
        ]
    });
    table::sheet(context, plan, remarks(context, "seats.need"), rows.collect::<Vec<_>>())
}

/// The period with some tokens fewer, and some more; none where it is not known how many there are, or what was refused.
fn replayed(context: &Context<'_>) -> BTreeMap<u32, Replayed> {
    let input = &context.input;
    let (from, to) = input.period.bounds(input.timezone);
    let to = to.min(input.established.to_utc()).max(from);
    let Some(seats) = input.seats_at_last().filter(|_| input.usage().is_vouched(from, to)) else {
        return BTreeMap::new();
    };
    let replay = Replay::new(input.holds, input.refusals, input.seats, from, to);
    let tokens = seats.saturating_sub(FEWER).max(1)..=seats.saturating_add(MORE);
    tokens.map(|tokens| (tokens, replay.with(tokens))).collect()
}

/// No laboratory has more tokens than this, and no reader wants more lines.
const MOST_LEVELS: usize = 1000;

pub(super) const SATURATED_COLUMNS: [Column; 8] = [
    Column::day("date"),
    Column::text("weekday"),
    Column::count("peak"),
    Column::count("seats"),
    Column::time("at_limit"),
    Column::text("hours_at_limit"),
    Column::count("denials"),
    Column::count("false_denials"),
];

/// A line per day on which all tokens were out, or somebody was refused one that he needed.
pub(super) fn saturated<'a>(context: &Context<'a>, plan: &'a SheetPlan) -> Sheet<'a> {
    let mut days: BTreeMap<NaiveDate, Vec<SeatHour>> = BTreeMap::new();
    for hour in hours_of(context) {
        days.entry(hour.date).or_default().push(hour);
    }
    let at_limit = |hour: &SeatHour| hour.at_limit_s.unwrap_or(0) > 0;
    days.retain(|_, hours| hours.iter().any(|hour| at_limit(hour) || hour.denied_true > 0));
    let rows: Vec<_> = days
        .into_iter()
        .map(|(date, hours)| {
            let clocks = hours.iter().filter(|hour| at_limit(hour)).map(|hour| hour.hour.to_string());
            let clocks = clocks.map(|hour| context.texts.fill("week.hour", &[("hour", &hour)])).collect::<Vec<_>>();
            let sum = |of: fn(&SeatHour) -> u32| Value::Integer(hours.iter().map(|hour| i64::from(of(hour))).sum());
            let of_day = context.input.seats.on(date);
            let limit: i64 = hours.iter().filter_map(|hour| hour.at_limit_s).sum();
            [
                Value::date(date),
                Value::text(weekday(context.texts, date)),
                Value::Integer(hours.iter().map(|hour| hour.peak).max().unwrap_or(0)),
                of_day.map_or(Value::Empty, |seats| Value::Integer(seats.into())),
                of_day.map_or(Value::Empty, |_| Value::hours(limit)),
                Value::text(clocks.join(", ")),
                sum(|hour| hour.denied_true),
                sum(|hour| hour.denied_false),
            ]
        })
        .collect();
    let unknown = context.unknown();
    let (from, to) = context.input.period.bounds(context.input.timezone);
    let said = match (rows.is_empty(), unknown.is_some() || !context.input.usage().is_vouched(from, to)) {
        (true, false) => Cell::text(Role::Good, context.words("seats.none_saturated")),
        (true, true) => Cell::text(Role::Note, context.words("seats.none_known_saturated")),
        (false, _) => Cell::text(Role::Note, context.words("seats.saturated")),
    };
    let unknown = unknown.map(|said| Cell::text(Role::Alert, said));
    table::sheet(context, plan, [Some(said), unknown, without_limit(context)].into_iter().flatten().collect(), rows)
}
