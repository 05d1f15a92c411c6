//! The pages, one file each.

mod anomalies;
mod cards;
mod graphs;
mod now;
mod sessions;
mod workbooks;

use chrono::{DateTime, Datelike, NaiveDate, TimeZone};

use super::desk::Desk;
use super::query::unescaped;
use super::view::{Answer, Field, Input, Link};

/// Answers what is asked of a path.
pub(super) fn answer(desk: &Desk<'_>, path: &str) -> Answer {
    let parts: Option<Vec<String>> = path.split('/').skip(1).map(unescaped).collect();
    let Some(parts) = parts else { return Answer::NotFound };
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let made = match parts.as_slice() {
        ["" | "now"] => now::view(desk).map(Answer::View),
        ["sessions"] => sessions::view(desk).map(Answer::View),
        [file @ ("sessions.csv" | "sessions.json" | "sessions.ods" | "sessions.xlsx")] => {
            sessions::file(desk, file.trim_start_matches("sessions."))
        }
        ["evidence"] if desk.sees_all() => sessions::evidence(desk).map(Answer::View),
        ["evidence"] => Ok(Answer::NotYours),
        ["graphs", name] => match graphs::view(desk, name) {
            Some(made) => made.map(Answer::View),
            None => return Answer::NotFound,
        },
        ["users", name] => cards::view(desk, cards::Of::User, name),
        ["machines", name] => cards::view(desk, cards::Of::Machine, name),
        ["outlets", name] => cards::view(desk, cards::Of::Outlet, name),
        ["addresses", name] => cards::view(desk, cards::Of::Address, name),
        ["workbooks"] => Ok(Answer::View(workbooks::view(desk))),
        ["workbooks", period, file] => Ok(workbooks::file(desk, period, file)),
        ["anomalies"] => anomalies::view(desk).map(Answer::View),
        _ => return Answer::NotFound,
    };
    made.unwrap_or_else(|error| Answer::Unready(format!("{error:#}")))
}

/// `mercredi 8 décembre 2021`.
fn day(desk: &Desk<'_>, date: NaiveDate) -> String {
    crate::report::day(desk.texts, date)
}

/// `08/12/2021 14:00`, in the site's zone.
fn moment<Z: TimeZone>(desk: &Desk<'_>, at: &DateTime<Z>) -> String {
    at.with_timezone(&desk.zone()).format("%Y-%m-%d %H:%M").to_string()
}

/// `12 h 05`, `7 min`.
fn length(seconds: i64) -> String {
    let minutes = (seconds + 30).div_euclid(60);
    if minutes < 60 {
        format!("{minutes}\u{202f}min")
    } else {
        format!("{}\u{202f}h\u{202f}{:02}", minutes / 60, minutes % 60)
    }
}

/// Hours with one decimal, as the language writes it.
fn hours(desk: &Desk<'_>, seconds: i64) -> String {
    let text = format!("{:.1}", seconds as f64 / 3600.0);
    if desk.texts.get("page.decimal") == "," { text.replace('.', ",") } else { text }
}

/// The fields of a span of days.
fn span_fields(desk: &Desk<'_>, days: crate::pipeline::Days) -> Vec<Field> {
    let date = |name: &'static str, label: &str, day: NaiveDate| Field {
        name,
        label: desk.said(label),
        input: Input::Text { kind: "date", value: day.to_string() },
    };
    vec![date("since", "since", days.first), date("until", "until", days.last)]
}

/// A field for text, with what was asked.
fn text_field(desk: &Desk<'_>, name: &'static str, label: String) -> Field {
    let value = desk.query.text(name).unwrap_or_default().to_owned();
    Field { name, label, input: Input::Text { kind: "search", value } }
}

/// The days of the week, from Monday, that are asked for; Monday to Friday, where none are.
fn weekdays(desk: &Desk<'_>) -> [bool; 7] {
    let asked: Vec<usize> = desk.query.texts("weekdays").iter().filter_map(|day| day.parse().ok()).collect();
    let is_usual = asked.iter().all(|day| !(1..=7).contains(day));
    std::array::from_fn(|at| if is_usual { at < 5 } else { asked.contains(&(at + 1)) })
}

/// The field of the days of the week.
fn weekday_field(desk: &Desk<'_>) -> Field {
    let chosen = weekdays(desk);
    let all = (1..=7).map(|number: usize| {
        let name = desk.texts.get(&format!("weekday.{number}")).to_owned();
        (number.to_string(), name, chosen[number - 1])
    });
    Field { name: "weekdays", label: desk.said("weekdays"), input: Input::Any(all.collect()) }
}

/// The hours of the day that are asked for: from the first on, until the second.
fn window(desk: &Desk<'_>) -> (u32, u32) {
    let number = |name| desk.query.number(name, 0..=24).and_then(|hour| u32::try_from(hour).ok());
    let (from, to) = (number("from").unwrap_or(0), number("to").unwrap_or(24));
    if from < to { (from, to) } else { (0, 24) }
}

/// The fields of the hours of the day.
fn window_fields(desk: &Desk<'_>) -> Vec<Field> {
    let (from, to) = window(desk);
    let number = |name: &'static str, label: &str, value: u32| Field {
        name,
        label: desk.said(label),
        input: Input::Text { kind: "number", value: value.to_string() },
    };
    vec![number("from", "from_hour", from), number("to", "to_hour", to)]
}

/// Whether a day is one of those of the week that are asked for.
fn is_on(weekdays: [bool; 7], date: NaiveDate) -> bool {
    weekdays[date.weekday().num_days_from_monday() as usize]
}

/// The graphs, one of which is here.
fn graph_links(desk: &Desk<'_>, here: &str) -> Vec<Link> {
    let all = ["day", "hours", "year", "seats", "week", "lengths"].into_iter();
    all.map(|name| Link {
        text: desk.said(&format!("graph_{name}")),
        to: format!("/graphs/{name}"),
        is_here: name == here,
    })
    .collect()
}
