//! *Suivi des connexions*: the search, its downloads, and the evidence of a row.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::sync::Arc;

use chrono_tz::Tz;

use super::now::{address, machine, outlet, user};
use super::{length, moment, span_fields, text_field};
use crate::config::TraceSettings;
use crate::derivation::analyses;
use crate::finding::Place;
use crate::ledger::{Order, Part, Search};
use crate::model::{SessionRow, State};
use crate::page::desk::Desk;
use crate::page::view::{Answer, Block, Cell, Column, Field, Form, Input, Link, Table, View};
use crate::pipeline::{Days, texts_of};
use crate::trace::Watch;
use crate::trace::days::addresses;
use crate::trace::explain::explain;

/// The path of the page.
const PATH: &str = "/sessions";
/// How many rows a page has, where nothing else is asked; and at most.
const ROWS: usize = 50;
const MOST_ROWS: usize = 500;
/// How many days are shown, where none are asked for.
const USUAL_DAYS: u64 = 31;
/// The most rows of a download: what a sheet holds.
const MOST_OF_FILE: usize = 1_000_000;

/// The search that a query asks for. An empty field is no condition, and all conditions hold at once.
fn search(desk: &Desk<'_>, days: Days) -> Search {
    let text = |name| desk.query.text(name).map(str::to_owned);
    let department = text("department");
    Search {
        machine: text("machine"),
        login: text("login"),
        also_departments: department.as_deref().map_or(Vec::new(), |part| desk.config.departments_like(part)),
        department,
        ip: text("ip"),
        outlet: text("outlet"),
        information: text("info"),
        state: desk.query.text("state").and_then(|name| State::ALL.into_iter().find(|state| state.name() == name)),
        ..desk.search(days)
    }
}

fn order(desk: &Desk<'_>) -> (Order, bool) {
    let name = desk.query.text("sort").unwrap_or_default();
    match Order::ALL.into_iter().find(|order| order.name() == name) {
        Some(order) => (order, desk.query.text("reverse").is_some()),
        // The newest first.
        None => (Order::Start, true),
    }
}

pub(in crate::page) fn view(desk: &Desk<'_>) -> anyhow::Result<View> {
    let days = desk.days(USUAL_DAYS);
    let size = desk.query.number("size", 1..=MOST_ROWS).unwrap_or(ROWS);
    let page = desk.query.number("page", 1..=10_000_000).unwrap_or(1);
    let (order, is_reversed) = order(desk);
    let part = Part { order, is_reversed, from: (page - 1).saturating_mul(size), most: size };
    let (rows, total) = desk.part(&search(desk, days), part)?;
    let mut blocks = vec![Block::Form(form(desk, days, size)), Block::Note(desk.said("what_an_end_means"))];
    if let Some(first) = desk.first_named()?.filter(|first| days.first < *first) {
        blocks.push(Block::Note(desk.texts.fill("page.pseudonyms_before", &[("date", &first.to_string())])));
    }
    if rows.is_empty() {
        blocks.push(Block::Note(desk.said("nothing_found")));
    } else {
        blocks.push(Block::Table(table(desk, &rows, total, (order, is_reversed))));
    }
    blocks.push(Block::Links(pager(desk, page, size, total)));
    blocks.push(Block::Heading(desk.said("download")));
    let downloads = ["csv", "ods", "xlsx", "json"].map(|end| Link {
        text: end.to_uppercase(),
        to: desk.query.without(&["page", "size", "lang"]).address(&format!("{PATH}.{end}")),
        is_here: false,
    });
    blocks.push(Block::Links(downloads.into()));
    Ok(View { title: desk.said("sessions"), tab: PATH, blocks })
}

fn form(desk: &Desk<'_>, days: Days, size: usize) -> Form {
    let mut fields = span_fields(desk, days);
    fields.extend([
        text_field(desk, "machine", desk.column("host")),
        text_field(desk, "login", desk.column("login")),
        text_field(desk, "department", desk.column("department")),
        text_field(desk, "outlet", desk.column("outlet")),
        text_field(desk, "ip", desk.column("ip")),
        text_field(desk, "info", desk.column("information")),
    ]);
    let asked = desk.query.text("state").unwrap_or_default();
    let states = State::ALL.map(|state| {
        (state.name().to_owned(), desk.texts.get(&format!("state.{}", state.name())).to_owned(), asked == state.name())
    });
    let any = (String::new(), desk.said("any"), asked.is_empty());
    let choice = std::iter::once(any).chain(states).collect();
    fields.push(Field { name: "state", label: desk.column("state"), input: Input::Choice(choice) });
    let sizes = [20, 50, 100, 500].map(|n| (n.to_string(), n.to_string(), n == size));
    fields.push(Field { name: "size", label: desk.said("rows_per_page"), input: Input::Choice(sizes.into()) });
    let asked: Vec<&str> = fields.iter().map(|field| field.name).chain(["page"]).collect();
    Form { action: PATH, hidden: desk.query.others(&asked), fields, submit: desk.said("search") }
}

fn table(desk: &Desk<'_>, rows: &[SessionRow], total: usize, (order, is_reversed): (Order, bool)) -> Table {
    let sorted = |by: Order, title: String, is_number: bool| {
        let is_by = by == order;
        let query = desk.query.without(&["page", "sort", "reverse"]).with("sort", by.name());
        // The same column once more turns it round.
        let query = if is_by && !is_reversed { query.with("reverse", "1") } else { query };
        let way = if is_reversed { "descending" } else { "ascending" };
        Column { title, sort: Some(query.address(PATH)), sorted: if is_by { way } else { "" }, is_number }
    };
    let columns = vec![
        sorted(Order::Login, desk.column("login"), false),
        sorted(Order::Host, desk.column("host"), false),
        sorted(Order::Start, desk.column("start"), false),
        sorted(Order::End, desk.column("end"), false),
        sorted(Order::Duration, desk.column("duration_s"), true),
        sorted(Order::State, desk.column("state"), false),
        sorted(Order::Department, desk.column("department"), false),
        sorted(Order::Outlet, desk.column("outlet"), false),
        sorted(Order::Ip, desk.column("ip"), false),
        Column::text(&desk.column("evidence")),
    ];
    let rows: Vec<_> = rows.iter().map(|row| cells(desk, row)).collect();
    let caption = desk.texts.fill("page.found", &[("count", &total.to_string())]);
    Table { caption, columns, rows, is_folded: false }
}

/// The cells of a row under the titles of the search.
pub(super) fn cells(desk: &Desk<'_>, row: &SessionRow) -> Vec<Cell> {
    let evidence = desk.texts.get(&format!("evidence.{}", row.evidence.name())).to_owned();
    let query = crate::page::query::Query::default()
        .with("login", row.who.login())
        .with("host", row.who.host())
        .with("date", &row.date.to_string());
    let evidence =
        if desk.sees_all() { Cell::link(evidence, query.address("/evidence")) } else { Cell::text(evidence) };
    vec![
        user(row.who.login()),
        machine(row.who.host()),
        Cell::text(moment(desk, &row.start)),
        Cell::text(moment(desk, &row.end)),
        Cell::text(length(row.duration_s)),
        Cell::text(desk.texts.get(&format!("state.{}", row.state.name()))),
        Cell::text(row.machine.department.clone().unwrap_or_default()),
        outlet(row.machine.outlet.as_deref()),
        address(row.ip.map(|ip| ip.to_string()).as_deref()),
        evidence,
    ]
}

fn pager(desk: &Desk<'_>, page: usize, size: usize, total: usize) -> Vec<Link> {
    let last = total.div_ceil(size).max(1);
    let link = |text: String, to: usize| Link {
        text,
        to: desk.query.with("page", &to.to_string()).address(PATH),
        is_here: to == page,
    };
    let mut links = Vec::new();
    if page > 1 {
        links.push(link(desk.said("previous_page"), page - 1));
    }
    let near = page.saturating_sub(2).max(1)..=(page + 2).min(last);
    let shown: BTreeSet<usize> = near.chain([1, last]).collect();
    links.extend(shown.into_iter().filter(|_| last > 1).map(|number| link(number.to_string(), number)));
    if page < last {
        links.push(link(desk.said("next_page"), page + 1));
    }
    links
}

/// The same search as a file whose name ends so.
pub(in crate::page) fn file(desk: &Desk<'_>, end: &str) -> anyhow::Result<Answer> {
    let days = desk.days(USUAL_DAYS);
    let (order, is_reversed) = order(desk);
    let is_usual = desk.query.text("sort").is_none();
    let part = Part { order, is_reversed: is_reversed && !is_usual, from: 0, most: MOST_OF_FILE };
    let (rows, _) = desk.part(&search(desk, days), part)?;
    let mut bytes = Cursor::new(Vec::new());
    let seats = desk.seats()?;
    let mime = crate::cli::found_file(&rows, end, (desk.config, &seats), (days, desk.latest), &mut bytes)?;
    let name = format!("sessions-{}_{}.{end}", days.first, days.last);
    Ok(Answer::File { name, mime, bytes: bytes.into_inner() })
}

/// The lines of the logs that speak for and against the address of a pair on a day.
pub(in crate::page) fn evidence(desk: &Desk<'_>) -> anyhow::Result<View> {
    let title = desk.said("evidence");
    let asked = desk.query.text("login").zip(desk.query.text("host")).zip(desk.query.day("date"));
    let Some(((login, host), date)) = asked else {
        return Ok(View { title, tab: PATH, blocks: vec![Block::Note(desk.said("nothing_found"))] });
    };
    let zone: Tz = desk.zone();
    let (evidence, ledger) = desk.evidence()?;
    let holds = ledger.holds(date, date, zone)?;
    let mut users = addresses(&holds, zone);
    users.retain(|user| user.date == date && user.who.login() == login && user.who.host() == host);
    let settings = TraceSettings::from(desk.config);
    let as_of = evidence.as_of().unwrap_or(desk.latest);
    let derivation = crate::pipeline::derivation(&evidence, ledger, &settings, as_of)?;
    let mut found = Vec::new();
    analyses(&derivation, ledger, date..=date, &mut |analysis, traces| {
        let empty = Watch::default();
        let watch = traces.watch.as_ref().unwrap_or(&empty);
        for user in &users {
            found.extend(explain(watch, analysis, user, zone));
        }
    })?;
    let mut wanted: BTreeMap<Arc<str>, BTreeSet<u32>> = BTreeMap::new();
    for citation in found.iter().flat_map(|argument| &argument.citations) {
        if let Place::Line { source, line, .. } = &citation.place {
            wanted.entry(Arc::clone(source)).or_default().insert(*line);
        }
    }
    let lines = texts_of(&evidence, &wanted)?;
    let mut blocks = vec![Block::Facts(vec![
        (desk.column("login"), user(login)),
        (desk.column("host"), machine(host)),
        (desk.column("date"), Cell::text(super::day(desk, date))),
    ])];
    for argument in &found {
        let way = desk.said(if argument.is_for { "speaks_for" } else { "speaks_against" });
        let rows = argument.citations.iter().map(|citation| {
            let text = match &citation.place {
                Place::Line { source, line, .. } => lines.get(&(Arc::clone(source), *line)).cloned(),
                _ => None,
            };
            vec![
                Cell::text(text.unwrap_or_default()),
                Cell::text(citation.shows.join(", ")),
                Cell::text(citation.place.to_string()),
            ]
        });
        let columns = [desk.said("line"), desk.said("shows"), desk.column("where")];
        blocks.push(Block::Table(Table {
            caption: format!("{way} {}", argument.says),
            columns: columns.iter().map(|title| Column::text(title)).collect(),
            rows: rows.collect(),
            is_folded: false,
        }));
    }
    if found.is_empty() {
        blocks.push(Block::Note(desk.said("no_evidence")));
    }
    Ok(View { title, tab: PATH, blocks })
}
