//! *Graphes*: a day, hours of use, a year, tokens, the week, lengths. Each chart stands beside the table of its numbers.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{Datelike, Duration, NaiveDate};

use super::{
    graph_links, hours, is_on, length, span_fields, text_field, weekday_field, weekdays, window, window_fields,
};
use crate::ledger::{DayUse, LENGTHS, Search, length_of};
use crate::page::chart::{Bar, Row, bars, grid};
use crate::page::desk::Desk;
use crate::page::view::{Block, Cell, Column, Field, Form, Input, Table, View};
use crate::parse::datetime::{end_of_day, start_of_day};
use crate::pipeline::Days;
use crate::trace::seats::{SeatHour, week};

/// The graph of a name; `None` where there is none.
pub(in crate::page) fn view(desk: &Desk<'_>, name: &str) -> Option<anyhow::Result<View>> {
    let make = match name {
        "day" => a_day,
        "hours" => used_hours,
        "year" => a_year,
        "seats" => tokens,
        "week" => a_week,
        "lengths" => lengths,
        _ => return None,
    };
    let made = make(desk).map(|blocks| {
        let mut all = vec![Block::Links(graph_links(desk, name)), Block::Note(desk.said("warning"))];
        all.extend(blocks);
        View { title: desk.said(&format!("graph_{name}")), tab: "/graphs/day", blocks: all }
    });
    Some(made)
}

fn form(desk: &Desk<'_>, action: &'static str, fields: Vec<Field>) -> Block {
    let mut asked: Vec<&str> = fields.iter().map(|field| field.name).collect();
    asked.push("weekdays");
    Block::Form(Form { action, hidden: desk.query.others(&asked), fields, submit: desk.said("show") })
}

fn numbers(desk: &Desk<'_>, columns: Vec<Column>, rows: Vec<Vec<Cell>>) -> Block {
    Block::Table(Table { caption: desk.said("numbers"), columns, rows, is_folded: true })
}

/// The rows of some days, by a part of a machine's name and of a department's.
fn search(desk: &Desk<'_>, days: Days) -> Search {
    let text = |name| desk.query.text(name).map(str::to_owned);
    Search { machine: text("machine"), department: text("department"), ..desk.search(days) }
}

/// A day as machines and times: who was where, for those who may see it.
fn a_day(desk: &Desk<'_>) -> anyhow::Result<Vec<Block>> {
    /// The steps that can be asked for, in minutes.
    const STEPS: [usize; 5] = [5, 10, 15, 30, 60];
    let date = desk.query.day("date").unwrap_or_else(|| desk.today());
    let step = desk.query.number("step", 1..=240).unwrap_or(15);
    let rows = desk.rows(&search(desk, Days { first: date, last: date }))?;
    let (zone, begin) = (desk.zone(), start_of_day(date, desk.zone()));
    let length_s = (end_of_day(date, zone) - begin).num_seconds();
    let step_s = i64::try_from(step * 60).unwrap_or(900);
    let count = usize::try_from(length_s.div_euclid(step_s) + i64::from(length_s.rem_euclid(step_s) > 0)).unwrap_or(96);
    let at = |index: usize| begin + Duration::seconds(step_s * i64::try_from(index).unwrap_or_default());
    let columns: Vec<String> =
        (0..count).map(|index| at(index).with_timezone(&zone).format("%H:%M").to_string()).collect();
    let mut machines: BTreeMap<&str, Vec<(i64, BTreeSet<&str>)>> = BTreeMap::new();
    for row in &rows {
        let places = machines.entry(row.who.host()).or_insert_with(|| vec![(0, BTreeSet::new()); count]);
        let (start, end) = (row.start.to_utc(), row.start.to_utc() + Duration::seconds(row.use_s()));
        for (index, place) in places.iter_mut().enumerate() {
            let (from, until) = (at(index), at(index + 1));
            let seconds = (end.min(until) - start.max(from)).num_seconds().max(0);
            if seconds > 0 {
                place.0 += seconds;
                place.1.insert(row.who.login());
            }
        }
    }
    let title = format!("{}, {}", desk.said("graph_day"), super::day(desk, date));
    let shown: Vec<Row> = machines
        .iter()
        .map(|(host, places)| {
            let places = places.iter().zip(&columns).map(|((seconds, who), time)| {
                let who = who.iter().copied().collect::<Vec<_>>().join(", ");
                (*seconds > 0).then(|| (*seconds as f64 / step_s as f64, format!("{time} {host}: {who}")))
            });
            ((*host).to_owned(), places.collect())
        })
        .collect();
    let fields = vec![
        Field {
            name: "date",
            label: desk.column("date"),
            input: Input::Text { kind: "date", value: date.to_string() },
        },
        Field {
            name: "step",
            label: desk.said("step"),
            input: Input::Choice(STEPS.map(|n| (n.to_string(), n.to_string(), n == step)).into()),
        },
        text_field(desk, "machine", desk.column("host")),
    ];
    let mut blocks = vec![form(desk, "/graphs/day", fields)];
    if shown.is_empty() {
        blocks.push(Block::Note(desk.said("nothing_found")));
        return Ok(blocks);
    }
    let said = desk.texts.fill("page.chart_of_machines", &[("count", &shown.len().to_string())]);
    blocks.push(Block::Chart(grid("day", &title, said, &columns, &shown)));
    let titles = ["host", "login", "start", "end", "duration_s"].map(|name| desk.column(name));
    let columns = titles.iter().map(|title| Column::text(title)).collect();
    let clock = |at: chrono::DateTime<chrono_tz::Tz>| Cell::text(at.format("%H:%M:%S").to_string());
    let rows = rows.iter().map(|row| {
        vec![
            super::now::machine(row.who.host()),
            super::now::user(row.who.login()),
            clock(row.start),
            clock(row.end),
            Cell::text(length(row.use_s())),
        ]
    });
    blocks.push(numbers(desk, columns, rows.collect()));
    Ok(blocks)
}

/// Hours of use per machine, user or department.
fn used_hours(desk: &Desk<'_>) -> anyhow::Result<Vec<Block>> {
    const MOST: usize = 40;
    let days = desk.drawn_days(31);
    let (weekdays, window) = (weekdays(desk), window(desk));
    let by = desk.query.text("by").filter(|by| ["user", "department"].contains(by)).unwrap_or("machine").to_owned();
    let name = |used: &DayUse<'_>| match by.as_str() {
        "user" => used.who.login().to_owned(),
        "department" => used.place.and_then(|(_, machine)| machine.department.clone()).unwrap_or_default(),
        _ => used.who.host().to_owned(),
    };
    let mut sums: HashMap<(u32, u32), (String, i64)> = HashMap::new();
    desk.uses(&search(desk, days), &mut |used| {
        if is_on(weekdays, used.date) {
            sums.entry(used.key()).or_insert_with(|| (name(used), 0)).1 += used.sums.within(window);
        }
    })?;
    let mut groups: BTreeMap<String, i64> = BTreeMap::new();
    for (name, seconds) in sums.into_values() {
        *groups.entry(name).or_default() += seconds;
    }
    let mut groups: Vec<(String, i64)> = groups.into_iter().filter(|(_, seconds)| *seconds > 0).collect();
    groups.sort_by(|(name, seconds), (other, theirs)| theirs.cmp(seconds).then_with(|| name.cmp(other)));
    let choices = [("machine", "host"), ("user", "login"), ("department", "department")];
    let choices = choices.map(|(value, name)| (value.to_owned(), desk.column(name), value == by));
    let mut fields = span_fields(desk, days);
    fields.push(Field { name: "by", label: desk.said("by"), input: Input::Choice(choices.into()) });
    fields.extend(window_fields(desk));
    fields.push(text_field(desk, "machine", desk.column("host")));
    fields.push(weekday_field(desk));
    let mut blocks = vec![form(desk, "/graphs/hours", fields)];
    if groups.is_empty() {
        blocks.push(Block::Note(desk.said("nothing_found")));
        return Ok(blocks);
    }
    let shown: Vec<Bar> = groups
        .iter()
        .take(MOST)
        .map(|(name, seconds)| {
            let label: String = name.chars().take(8).collect();
            Bar { label, value: Some(*seconds as f64 / 3600.0), title: format!("{name}: {}", length(*seconds)) }
        })
        .collect();
    let said = desk.texts.fill("page.chart_of_groups", &[("count", &groups.len().to_string())]);
    blocks.push(Block::Chart(bars("hours", &desk.said("graph_hours"), said, &shown, None, &desk.said("unit_hours"))));
    let title = match by.as_str() {
        "user" => desk.column("login"),
        "department" => desk.column("department"),
        _ => desk.column("host"),
    };
    let columns = vec![Column::text(&title), Column::number(&desk.column("hours"))];
    let rows = groups.iter().map(|(name, seconds)| vec![Cell::text(name.as_str()), Cell::text(hours(desk, *seconds))]);
    blocks.push(numbers(desk, columns, rows.collect()));
    Ok(blocks)
}

/// The rate of use of a group of machines, month by month over a year: hours used of all hours in which they could be.
fn a_year(desk: &Desk<'_>) -> anyhow::Result<Vec<Block>> {
    let year = desk.query.number("year", 1990..=9999).and_then(|year| i32::try_from(year).ok());
    let year = year.unwrap_or_else(|| desk.today().year());
    let (weekdays, window) = (weekdays(desk), window(desk));
    let day = |month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default();
    let days = Days { first: day(1, 1), last: day(12, 31) };
    let known = desk.known(days)?;
    let (mut machines, mut seen) = (BTreeSet::new(), HashSet::new());
    let mut used = [0_i64; 12];
    desk.uses(&search(desk, days), &mut |of_day| {
        if seen.insert(of_day.key()) {
            machines.insert(of_day.who.host().to_owned());
        }
        if is_on(weekdays, of_day.date) {
            used[of_day.date.month0() as usize] += of_day.sums.within(window);
        }
    })?;
    let zone = desk.zone();
    // Only days that are over, and that logs vouch for, could be used.
    let mut possible = [0_i64; 12];
    for date in days.first.iter_days().take_while(|date| *date <= days.last && *date <= desk.today()) {
        let is_known = known.vouched(start_of_day(date, zone), end_of_day(date, zone)) > 0;
        if is_on(weekdays, date) && is_known {
            possible[date.month0() as usize] += i64::from(window.1 - window.0) * 3600;
        }
    }
    let n_machines = i64::try_from(machines.len()).unwrap_or_default();
    let rate = |month: usize| {
        let all = possible[month] * n_machines;
        (all > 0).then(|| 100.0 * used[month] as f64 / all as f64)
    };
    let name = |month: usize| desk.texts.get(&format!("month_short.{}", month + 1)).to_owned();
    let percent = |rate: Option<f64>| rate.map_or_else(|| "–".to_owned(), |rate| format!("{rate:.1}\u{202f}%"));
    let shown: Vec<Bar> = (0..12)
        .map(|month| Bar {
            label: name(month),
            value: rate(month),
            title: format!("{} {year}: {}", name(month), percent(rate(month))),
        })
        .collect();
    let mut fields = vec![Field {
        name: "year",
        label: desk.said("year"),
        input: Input::Text { kind: "number", value: year.to_string() },
    }];
    fields.push(text_field(desk, "machine", desk.said("group_of_machines")));
    fields.push(text_field(desk, "department", desk.column("department")));
    fields.extend(window_fields(desk));
    fields.push(weekday_field(desk));
    let said = desk.texts.fill("page.chart_of_machines", &[("count", &machines.len().to_string())]);
    let columns = vec![
        Column::text(&desk.column("month")),
        Column::number(&desk.said("rate")),
        Column::number(&desk.column("hours")),
    ];
    let rows = (0..12).map(|month| {
        vec![Cell::text(name(month)), Cell::text(percent(rate(month))), Cell::text(hours(desk, used[month]))]
    });
    Ok(vec![
        form(desk, "/graphs/year", fields),
        Block::Chart(bars("year", &format!("{} {year}", desk.said("graph_year")), said.clone(), &shown, None, "%")),
        Block::Note(said),
        numbers(desk, columns, rows.collect()),
    ])
}

/// Tokens out against those that there are, the time at the limit, and refusals.
fn tokens(desk: &Desk<'_>) -> anyhow::Result<Vec<Block>> {
    let days = desk.drawn_days(7);
    let (known, seats) = (desk.known(days)?, desk.seats()?);
    let all = desk.hours(days, &seats, &known)?;
    let fields = span_fields(desk, days);
    let mut blocks = vec![form(desk, "/graphs/seats", fields)];
    if all.is_empty() {
        blocks.push(Block::Note(desk.said("nothing_found")));
        return Ok(blocks);
    }
    // A part's tokens are no measure of the limit.
    let limit = seats.on(days.last).filter(|_| desk.sees_all());
    let is_short = (days.last - days.first).num_days() <= 7;
    // What no log vouches for is unknown, and no quiet hour.
    let mut peaks: BTreeMap<(NaiveDate, u32), Option<i64>> = BTreeMap::new();
    let zone = desk.zone();
    for date in days.first.iter_days().take_while(|date| *date <= days.last) {
        let (begin, end) = (start_of_day(date, zone), end_of_day(date, zone));
        for hour in 0..if is_short { 24 } else { 1 } {
            let from = if is_short { begin + Duration::hours(hour.into()) } else { begin };
            let until = if is_short { from + Duration::hours(1) } else { end };
            peaks.insert((date, hour), (known.vouched(from, until) > 0).then_some(0));
        }
    }
    for hour in &all {
        let key = (hour.date, if is_short { hour.hour } else { 0 });
        let peak = (hour.known_s > 0).then_some(hour.peak);
        let known = peaks.entry(key).or_insert(None);
        *known = if is_short { peak } else { peak.max(*known) };
    }
    let shown: Vec<Bar> = peaks
        .iter()
        .map(|((date, hour), peak)| {
            let label =
                if is_short { format!("{} {hour}h", date.format("%d/%m")) } else { date.format("%d/%m").to_string() };
            let told = peak.map_or_else(|| "–".to_owned(), |peak| peak.to_string());
            Bar { title: format!("{label}: {told}"), label, value: peak.map(|peak| peak as f64) }
        })
        .collect();
    let said = desk.said("chart_of_tokens");
    blocks.push(Block::Chart(bars(
        "seats",
        &desk.said("graph_seats"),
        said,
        &shown,
        limit.map(f64::from),
        &desk.said("unit_tokens"),
    )));
    let mut columns: Vec<Column> = vec![Column::text(&desk.column("date"))];
    if is_short {
        columns.push(Column::number(&desk.column("hour")));
    }
    columns.extend(["peak", "mean"].map(|name| Column::number(&desk.column(name))));
    if desk.sees_all() {
        columns.push(Column::number(&desk.column("at_limit")));
    }
    columns.push(Column::number(&desk.column("denials")));
    let figures: Vec<TokenFigures> = if is_short {
        all.iter().map(|hour| TokenFigures::of(std::slice::from_ref(hour), None)).collect()
    } else {
        let known_s = |date| known.seconds(start_of_day(date, zone), end_of_day(date, zone));
        all.chunk_by(|a, b| a.date == b.date).map(|day| TokenFigures::of(day, Some(known_s(day[0].date)))).collect()
    };
    let rows = figures.iter().map(|of| {
        let figure = |text: String| Cell::text(if of.known_s > 0 { text } else { "–".to_owned() });
        let mut row = vec![Cell::text(of.date.to_string())];
        if is_short {
            row.push(Cell::text(of.hour.to_string()));
        }
        row.extend([figure(of.peak.to_string()), figure(format!("{:.2}", of.mean))]);
        if desk.sees_all() {
            row.push(figure(of.at_limit_s.map(length).unwrap_or_default()));
        }
        row.push(figure(of.denied.to_string()));
        row
    });
    let rows = rows.collect();
    blocks.push(numbers(desk, columns, rows));
    Ok(blocks)
}

/// What is told of the tokens of an hour, or of a day.
struct TokenFigures {
    date: NaiveDate,
    hour: u32,
    peak: i64,
    mean: f64,
    at_limit_s: Option<i64>,
    denied: u32,
    known_s: i64,
}

impl TokenFigures {
    /// Of an hour, or of the hours of a day of which so many seconds are known: all hours that are not here were quiet.
    fn of(hours: &[SeatHour], of_day: Option<i64>) -> Self {
        let known = || hours.iter().filter(|hour| hour.known_s > 0);
        let known_s = of_day.unwrap_or_else(|| known().map(|hour| hour.known_s).sum());
        let mean = match (of_day, hours) {
            (None, [hour]) => hour.mean,
            // The hours of which nothing is known are a guess.
            _ if known_s > 0 => known().map(|hour| hour.shared_s as f64).sum::<f64>() / known_s as f64,
            _ => 0.0,
        };
        Self {
            date: hours[0].date,
            hour: hours[0].hour,
            peak: known().map(|hour| hour.peak).max().unwrap_or_default(),
            mean,
            at_limit_s: known().filter_map(|hour| hour.at_limit_s).reduce(|a, b| a + b),
            denied: known().map(|hour| hour.denied_true).sum(),
            known_s,
        }
    }
}

/// The mean number of tokens out by weekday and hour.
fn a_week(desk: &Desk<'_>) -> anyhow::Result<Vec<Block>> {
    let days = desk.drawn_days(31);
    let (known, seats) = (desk.known(days)?, desk.seats()?);
    let all = desk.hours(days, &seats, &known)?;
    let means = week(&all, Some(&known), (days.first, days.last), desk.latest, desk.zone());
    let most = means.iter().flatten().filter_map(|hour| hour.mean()).fold(0.0, f64::max);
    let name = |at: usize| desk.texts.get(&format!("weekday.{}", at + 1)).to_owned();
    let told = |mean: Option<f64>| mean.map_or_else(|| "–".to_owned(), |mean| format!("{mean:.2}"));
    let shown: Vec<Row> = means
        .iter()
        .enumerate()
        .map(|(at, hours)| {
            let places = hours.iter().enumerate().map(|(hour, mean)| {
                let mean = mean.mean()?;
                Some((if most > 0.0 { mean / most } else { 0.0 }, format!("{} {hour}h: {mean:.2}", name(at))))
            });
            (name(at), places.collect())
        })
        .collect();
    let columns: Vec<String> = (0..24).map(|hour| format!("{hour}h")).collect();
    let said = desk.said("chart_of_week");
    let chart = Block::Chart(grid("week", &desk.said("graph_week"), said, &columns, &shown));
    let titles =
        std::iter::once(Column::text(&desk.column("weekday"))).chain(columns.iter().map(|hour| Column::number(hour)));
    let rows = means.iter().enumerate().map(|(at, hours)| {
        std::iter::once(Cell::text(name(at))).chain(hours.iter().map(|mean| Cell::text(told(mean.mean())))).collect()
    });
    Ok(vec![
        form(desk, "/graphs/week", span_fields(desk, days)),
        chart,
        numbers(desk, titles.collect(), rows.collect()),
    ])
}

/// How long sessions last.
fn lengths(desk: &Desk<'_>) -> anyhow::Result<Vec<Block>> {
    let days = desk.drawn_days(31);
    let mut counts = [0_usize; LENGTHS.len()];
    // Pieces that are no whole sessions: few, and their sessions end at some later one.
    let mut parts: BTreeMap<_, i64> = BTreeMap::new();
    desk.uses(&search(desk, days), &mut |used| {
        for (sum, count) in counts.iter_mut().zip(used.sums.lengths) {
            *sum += usize::from(count);
        }
        for part in used.parts {
            *parts.entry((used.who.clone(), used.feature.clone(), part.initial_start)).or_default() += part.use_s;
        }
    })?;
    for seconds in parts.values() {
        counts[length_of(*seconds)] += 1;
    }
    let n_sessions: usize = counts.iter().sum();
    let name = |at: usize| match LENGTHS[at] {
        i64::MAX => format!("> {}", length(LENGTHS[at - 1] * 60)),
        minutes => format!("≤ {}", length(minutes * 60)),
    };
    let shown: Vec<Bar> = counts
        .iter()
        .enumerate()
        .map(|(at, count)| Bar { label: name(at), value: Some(*count as f64), title: format!("{}: {count}", name(at)) })
        .collect();
    let mut fields = span_fields(desk, days);
    fields.push(text_field(desk, "machine", desk.column("host")));
    let said = desk.texts.fill("page.chart_of_sessions", &[("count", &n_sessions.to_string())]);
    let columns = vec![Column::text(&desk.column("duration_s")), Column::number(&desk.column("sessions"))];
    let rows = counts.iter().enumerate().map(|(at, count)| vec![Cell::text(name(at)), Cell::text(count.to_string())]);
    Ok(vec![
        form(desk, "/graphs/lengths", fields),
        Block::Chart(bars("lengths", &desk.said("graph_lengths"), said, &shown, None, &desk.column("sessions"))),
        numbers(desk, columns, rows.collect()),
    ])
}
