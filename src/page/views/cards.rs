//! Cards: a user, a machine, an outlet, an address, with their history and what they lead to.

use std::collections::BTreeMap;
use std::fmt::Display;

use chrono::NaiveDate;

use super::now::{address, machine, outlet, user};
use super::sessions::cells;
use super::{hours, length};
use crate::model::{SessionRow, State};
use crate::page::desk::Desk;
use crate::page::query::Query;
use crate::page::view::{Answer, Block, Cell, Column, Link, Table, View};
use crate::pipeline::Days;

/// What a card is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::page) enum Of {
    User,
    Machine,
    Outlet,
    Address,
}

/// What a row leads to.
type ToCell = fn(&SessionRow) -> Cell;

/// How many of the latest rows a card shows.
const LATEST: usize = 50;

pub(in crate::page) fn view(desk: &Desk<'_>, of: Of, name: &str) -> anyhow::Result<Answer> {
    let mut search = desk.search(Days::ALL);
    let asked = Some(name.to_owned());
    match of {
        Of::User => search.login = asked,
        Of::Machine => search.machine = asked,
        Of::Outlet => search.outlet = asked,
        Of::Address => search.ip = asked,
    }
    // A search finds parts of words: a card is of the whole.
    let is_its = |row: &SessionRow| match of {
        Of::User => row.who.login() == name,
        Of::Machine => row.who.host() == name || row.machine.hostname.as_deref() == Some(name),
        Of::Outlet => row.machine.outlet.as_deref() == Some(name),
        Of::Address => row.ip.is_some_and(|ip| ip.to_string() == name),
    };
    let rows: Vec<SessionRow> = desk.rows(&search)?.into_iter().filter(is_its).collect();
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(Answer::NotFound) };
    let seconds: i64 = rows.iter().map(SessionRow::use_s).sum();
    let begun = rows.iter().filter(|row| row.start == row.initial_start).count();
    let mut facts = vec![
        (desk.column("first"), Cell::text(first.date.to_string())),
        (desk.column("last"), Cell::text(last.date.to_string())),
        (desk.column("hours"), Cell::text(hours(desk, seconds))),
        (desk.column("sessions"), Cell::text(begun.to_string())),
    ];
    let open = rows.iter().rev().find(|row| row.state == State::Open);
    if let Some(open) = open {
        facts.push((desk.said("holds_now"), Cell::text(super::moment(desk, &open.initial_start))));
    }
    let path = match of {
        Of::User => "login",
        Of::Machine => "machine",
        Of::Outlet => "outlet",
        Of::Address => "ip",
    };
    let to = Query::default().with(path, name).with("since", &first.date.to_string()).address("/sessions");
    let mut blocks =
        vec![Block::Facts(facts), Block::Links(vec![Link { text: desk.said("all_sessions"), to, is_here: false }])];
    let groups: [(Of, &str, ToCell); 4] = [
        (Of::User, "login", |row| user(row.who.login())),
        (Of::Machine, "host", |row| machine(row.who.host())),
        (Of::Outlet, "outlet", outlet),
        (Of::Address, "ip", address),
    ];
    for (_, column, cell) in groups.into_iter().filter(|(other, ..)| *other != of) {
        let table = group(desk, &rows, &desk.column(column), cell);
        if !table.rows.is_empty() {
            blocks.push(Block::Table(table));
        }
    }
    let titles = ["login", "host", "start", "end", "duration_s", "state", "department", "outlet", "ip", "evidence"];
    let newest = rows.iter().rev().take(LATEST).map(|row| cells(desk, row)).collect();
    blocks.push(Block::Table(Table {
        caption: desk.said("latest_sessions"),
        columns: titles
            .iter()
            .map(|name| Column { is_number: *name == "duration_s", ..Column::text(&desk.column(name)) })
            .collect(),
        rows: newest,
        is_folded: false,
    }));
    let kind = match of {
        Of::User => desk.column("login"),
        Of::Machine => desk.column("host"),
        Of::Outlet => desk.column("outlet"),
        Of::Address => desk.column("ip"),
    };
    Ok(Answer::View(View { title: format!("{kind} {name}"), tab: "/sessions", blocks }))
}

/// What these rows lead to, with the first and the last day and the hours; the most used first.
fn group(desk: &Desk<'_>, rows: &[SessionRow], title: &str, cell: impl Fn(&SessionRow) -> Cell) -> Table {
    let mut groups: BTreeMap<String, (Cell, NaiveDate, NaiveDate, i64)> = BTreeMap::new();
    for row in rows {
        let cell = cell(row);
        if cell.text.is_empty() {
            continue;
        }
        let group = groups.entry(cell.text.clone()).or_insert((cell, row.date, row.date, 0));
        group.2 = group.2.max(row.date);
        group.3 += row.use_s();
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|(_, _, last, seconds)| (std::cmp::Reverse(*seconds), std::cmp::Reverse(*last)));
    let text = |value: &dyn Display| Cell::text(value.to_string());
    let rows = groups
        .into_iter()
        .map(|(cell, first, last, seconds)| vec![cell, text(&first), text(&last), Cell::text(length(seconds))]);
    let columns = [title.to_owned(), desk.column("first"), desk.column("last")].map(|title| Column::text(&title));
    let columns = columns.into_iter().chain([Column::number(&desk.column("hours"))]).collect();
    Table { caption: title.to_owned(), columns, rows: rows.collect(), is_folded: false }
}
