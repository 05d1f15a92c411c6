//! *Par jour*: how use went over the period, in steps that an eye can take in; what charts over time are drawn from.

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Tz;

use super::{Context, Known, Sheet, SheetPlan, Value, table};
use crate::parse::datetime::{civil_moment, start_of_day};
use crate::report::timeline::{Span, Step, timeline};
use crate::report::weekday;
use crate::trace::seats::{Known as Unknown, hours};

/// The place of the unknown time among them.
pub(super) const UNKNOWN: usize = 12;
pub(super) const COLUMNS: [Known; 14] = [
    Known::day("date"),
    Known::text("weekday"),
    Known::text("label"),
    Known::time("hours"),
    Known::time("token_hours"),
    Known::count("sessions"),
    Known::count("users"),
    Known::count("peak"),
    Known::count("seats"),
    Known::time("at_limit"),
    Known::count("denials"),
    Known::count("false_denials"),
    Known::time("unknown"),
    Known::mean("limit_hours"),
];

pub(super) fn sheet<'a>(context: &Context<'a>, plan: &'a SheetPlan) -> Sheet<'a> {
    let input = &context.input;
    let seats = hours(input.holds, input.denials, input.seats, &Unknown::default(), input.timezone);
    let known = input.usage().knows_tokens();
    let spans = timeline(input.rows, &seats, input.period);
    let rows = spans.iter().enumerate().map(|(index, span)| {
        // What is not known is not nothing: before the data, in a hole of the logs, in days that only a history tells.
        let next = spans.get(index + 1).map(|next| moment_of(next, input.timezone));
        let (from, to) =
            (moment_of(span, input.timezone), next.unwrap_or_else(|| input.period.bounds(input.timezone).1));
        let is_vouched = input.usage().is_vouched(from, to);
        let last = spans.get(index + 1).filter(|next| next.date > span.date).and_then(|next| next.date.pred_opt());
        let begun = input.begins.is_none_or(|begins| last.unwrap_or(input.period.last()) >= begins);
        let count = |value: Value<'a>| if begun && (is_vouched || span.sessions > 0) { value } else { Value::Empty };
        let refusals = |value: Value<'a>| if begun && is_vouched { value } else { Value::Empty };
        let tokens = |value: Value<'a>| if known { refusals(value) } else { Value::Empty };
        // What is before the data, and what is missing in it.
        let before =
            input.begins.map_or(0, |begins| (start_of_day(begins, input.timezone).min(to) - from).num_seconds());
        let missing = input.usage().missing(from, to) + before.max(0);
        [
            Value::date(span.date),
            Value::text(day_of_week(context, span)),
            Value::text(label(context, span)),
            count(Value::hours(span.seconds)),
            tokens(Value::hours(span.token_s)),
            count(Value::count(span.sessions)),
            count(Value::count(span.users)),
            tokens(Value::Integer(span.peak)),
            input.seats_at_last().map_or(Value::Empty, |seats| Value::Integer(seats.into())),
            tokens(input.seats_at_last().map_or(Value::Empty, |_| Value::hours(span.at_limit_s))),
            refusals(Value::Integer(span.denied_true.into())),
            refusals(Value::Integer(span.denied_false.into())),
            if missing > 0 { Value::hours(missing) } else { Value::Empty },
            // A number as the refusals are, so that one chart shows both.
            tokens(input.seats_at_last().map_or(Value::Empty, |_| Value::decimal(span.at_limit_s as f64 / 3600.0))),
        ]
    });
    table::sheet(context, plan, Vec::new(), rows.collect::<Vec<_>>())
}

/// When a span begins.
fn moment_of(span: &Span, zone: Tz) -> DateTime<Utc> {
    let hour = span.date.and_hms_opt(span.hour, 0, 0).unwrap_or_default();
    if span.hour == 0 { start_of_day(span.date, zone) } else { civil_moment(hour, zone, None) }
}

/// The weekday of a span that is in one day.
fn day_of_week<'a>(context: &Context<'a>, span: &Span) -> &'a str {
    match Step::of(context.input.period) {
        Step::Hours | Step::Days => weekday(context.texts, span.date),
        Step::Weeks | Step::Months => "",
    }
}

/// What a chart writes below a span, in few letters: `9`, `14`, `28/11`, `S50`, `déc.`.
fn label(context: &Context<'_>, span: &Span) -> String {
    let (first, last) = (context.input.period.first(), context.input.period.last());
    let one_year = first.year() == last.year();
    let one_month = one_year && first.month() == last.month();
    match Step::of(context.input.period) {
        Step::Hours => span.hour.to_string(),
        Step::Days if one_month => span.date.day().to_string(),
        Step::Days => format!("{}/{:02}", span.date.day(), span.date.month()),
        Step::Weeks => context.texts.fill("step.week", &[("week", &format!("{:02}", span.date.iso_week().week()))]),
        Step::Months => {
            let month = context.words_of("month_short", &span.date.month().to_string());
            if one_year { month.to_owned() } else { format!("{month} {}", span.date.year()) }
        }
    }
}
