//! *Maintenant*: who holds a token, since when, and where they sit.

use std::collections::BTreeMap;

use chrono::{Days as Off, Duration};

use super::{length, moment};
use crate::ledger::Search;
use crate::model::{SessionRow, State};
use crate::page::desk::Desk;
use crate::page::query::escaped;
use crate::page::view::{Block, Cell, Column, Table, View};
use crate::pipeline::Days;
use crate::trace::refusals::refusals;
use crate::trace::seats::taken_in_minute;

/// How many days back a token may have been taken that is still out.
const BACK: u64 = 31;
/// Whoever was refused a token so long ago at most, and has none yet, waits.
const WAITING: Duration = Duration::minutes(15);

pub(in crate::page) fn view(desk: &Desk<'_>) -> anyhow::Result<View> {
    let today = desk.today();
    let days = Days { first: today.checked_sub_days(Off::new(BACK)).unwrap_or(today), last: today };
    let mut rows = Vec::new();
    for state in [State::Open, State::Borrowed] {
        rows.extend(desk.rows(&Search { state: Some(state), ..desk.search(days) })?);
    }
    // The last piece of each session that reaches the last night: a borrowed token may be back.
    let mut sessions: BTreeMap<_, SessionRow> = BTreeMap::new();
    for row in rows.into_iter().filter(|row| row.state == State::Open || row.end.to_utc() >= desk.latest) {
        let key = (row.initial_start, row.who.clone(), row.feature.clone());
        let is_later = sessions.get(&key).is_none_or(|known| known.start < row.start);
        if is_later {
            sessions.insert(key, row);
        }
    }
    let said = |name: &str| desk.said(name);
    let age = desk.texts.fill("page.as_of", &[("time", &moment(desk, &desk.latest))]);
    let mut blocks = vec![Block::Note(age)];
    let day = Days { first: today, last: today };
    let denials = desk.denials(day)?;
    if desk.sees_all() {
        let seats = desk.seats()?;
        let mut out = desk.holds_now(days)?;
        // What is out was not given back in that minute.
        for hold in out.iter_mut().filter(|hold| matches!(hold.state, State::Open | State::Borrowed)) {
            hold.end = hold.end.max(desk.latest) + Duration::minutes(1);
        }
        let (_, taken) = taken_in_minute(&out, &seats, desk.latest);
        let number = |count: u64| Cell::text(count.to_string());
        let mut facts = vec![(said("tokens_out"), number(taken))];
        if let Some(all) = seats.on(today) {
            facts.push((said("tokens_left"), number(u64::from(all).saturating_sub(taken))));
            facts.push((said("tokens_all"), number(all.into())));
        }
        blocks.push(Block::Facts(facts));
    }
    let titles = ["login", "host"].map(|name| Column::text(&desk.column(name)));
    let more = ["department", "outlet", "ip"].map(|name| Column::text(&desk.column(name)));
    let columns = titles.into_iter().chain([Column::text(&said("since_when")), Column::number(&said("for_how_long"))]);
    let table = Table {
        caption: desk.texts.fill("page.holders", &[("count", &sessions.len().to_string())]),
        columns: columns.chain(more).chain([Column::text(&desk.column("state"))]).collect(),
        rows: sessions.values().map(|row| cells(desk, row)).collect(),
        is_folded: false,
    };
    blocks.push(if sessions.is_empty() { Block::Note(said("nobody")) } else { Block::Table(table) });
    let all_holds = desk.holds(day)?;
    let waiting: Vec<_> = refusals(&denials, &all_holds)
        .into_iter()
        .filter(|refusal| refusal.served.is_none() && desk.latest - refusal.denial.at <= WAITING)
        .collect();
    if !waiting.is_empty() {
        let columns = ["refused_at", "login", "host", "department"].map(|name| Column::text(&desk.column(name)));
        let rows = waiting.iter().map(|refusal| {
            let denial = &refusal.denial;
            vec![
                Cell::text(moment(desk, &denial.at)),
                user(denial.who.login()),
                machine(denial.who.host()),
                Cell::text(denial.machine.department.clone().unwrap_or_default()),
            ]
        });
        let rows = rows.collect();
        blocks.push(Block::Table(Table { caption: said("waiting"), columns: columns.into(), rows, is_folded: false }));
    }
    Ok(View { title: said("now"), tab: "/now", blocks })
}

fn cells(desk: &Desk<'_>, row: &SessionRow) -> Vec<Cell> {
    let since = row.initial_start;
    let held = (desk.latest.max(row.end.to_utc()) - since.to_utc()).num_seconds();
    vec![
        user(row.who.login()),
        machine(row.who.host()),
        Cell::text(moment(desk, &since)),
        Cell::text(length(held)),
        Cell::text(row.machine.department.clone().unwrap_or_default()),
        outlet(row.machine.outlet.as_deref()),
        address(row.ip.map(|ip| ip.to_string()).as_deref()),
        Cell::text(desk.texts.get(&format!("state.{}", row.state.name()))),
    ]
}

/// A login, leading to its card.
pub(super) fn user(login: &str) -> Cell {
    Cell::link(login, format!("/users/{}", escaped(login)))
}

/// A host, leading to its card.
pub(super) fn machine(host: &str) -> Cell {
    Cell::link(host, format!("/machines/{}", escaped(host)))
}

/// An outlet, leading to its card.
pub(super) fn outlet(outlet: Option<&str>) -> Cell {
    outlet.map_or_else(Cell::default, |outlet| Cell::link(outlet, format!("/outlets/{}", escaped(outlet))))
}

/// An address, leading to its card.
pub(super) fn address(ip: Option<&str>) -> Cell {
    ip.map_or_else(Cell::default, |ip| Cell::link(ip, format!("/addresses/{}", escaped(ip))))
}
