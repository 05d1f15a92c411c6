//! Cards: a user, a machine, an outlet, an address, with their history and what they lead to.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;

use super::now::{address, machine, outlet, user};
use super::sessions::cells;
use super::{hours, length};
use crate::ledger::{Order, Part, Search};
use crate::model::State;
use crate::page::desk::Desk;
use crate::page::query::Query;
use crate::page::view::{Answer, Block, Cell, Column, Link, Table, View};
use crate::pipeline::Days;

/// What a card is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::page) enum Of {
    User,
    Machine,
    Outlet,
    Address,
}

/// How many of the latest rows a card shows.
const LATEST: usize = 50;

pub(in crate::page) fn view(desk: &Desk<'_>, of: Of, name: &str) -> anyhow::Result<Answer> {
    // A search finds parts of words: a card is of the whole.
    let mut search = Search { is_exact: true, ..desk.search(Days::ALL) };
    let asked = Some(name.to_owned());
    match of {
        Of::User => search.login = asked,
        Of::Machine => search.machine = asked,
        Of::Outlet => search.outlet = asked,
        Of::Address => search.ip = asked,
    }
    let mut begun = 0;
    let mut seen: HashMap<(u32, u32), (Links, Span)> = HashMap::new();
    desk.uses(&search, &mut |used| {
        begun += usize::from(used.sums.begun);
        let (_, span) = seen.entry(used.key()).or_insert_with(|| {
            let outlet = used.place.and_then(|(_, machine)| machine.outlet.clone());
            let links = [
                (Of::User, Some(used.who.login().to_owned())),
                (Of::Machine, Some(used.who.host().to_owned())),
                (Of::Outlet, outlet),
                (Of::Address, used.place.map(|(ip, _)| ip.to_string())),
            ];
            (links, Span::default())
        });
        span.add(Span { days: Some((used.date, used.date)), seconds: used.sums.use_s() });
    })?;
    let mut all = Span::default();
    let mut linked: BTreeMap<(Of, String), Span> = BTreeMap::new();
    for (links, span) in seen.into_values() {
        all.add(span);
        for (other, name) in links {
            if let Some(name) = name.filter(|_| other != of) {
                linked.entry((other, name)).or_default().add(span);
            }
        }
    }
    let Some((first, last)) = all.days else { return Ok(Answer::NotFound) };
    let mut facts = vec![
        (desk.column("first"), Cell::text(first.to_string())),
        (desk.column("last"), Cell::text(last.to_string())),
        (desk.column("hours"), Cell::text(hours(desk, all.seconds))),
        (desk.column("sessions"), Cell::text(begun.to_string())),
    ];
    let newest = Part { order: Order::Start, is_reversed: true, from: 0, most: 1 };
    let (open, _) = desk.part(&Search { state: Some(State::Open), ..search.clone() }, newest)?;
    if let Some(open) = open.first() {
        facts.push((desk.said("holds_now"), Cell::text(super::moment(desk, &open.initial_start))));
    }
    let path = match of {
        Of::User => "login",
        Of::Machine => "machine",
        Of::Outlet => "outlet",
        Of::Address => "ip",
    };
    let to = Query::default().with(path, name).with("since", &first.to_string());
    let link = Link { text: desk.said("all_sessions"), to: to.address("/sessions"), is_here: false };
    let mut blocks = vec![Block::Facts(facts), Block::Links(vec![link])];
    for other in [Of::User, Of::Machine, Of::Outlet, Of::Address] {
        let group: Vec<(&str, Span)> =
            linked.iter().filter(|((of, _), _)| *of == other).map(|((_, name), span)| (name.as_str(), *span)).collect();
        if !group.is_empty() {
            blocks.push(Block::Table(links(desk, other, group)));
        }
    }
    let (rows, _) = desk.part(&search, Part { most: LATEST, ..newest })?;
    let titles = ["login", "host", "start", "end", "duration_s", "state", "department", "outlet", "ip", "evidence"];
    blocks.push(Block::Table(Table {
        caption: desk.said("latest_sessions"),
        columns: titles
            .iter()
            .map(|name| {
                // Sorted, they are a search.
                let is_sorted = Order::ALL.iter().any(|order| order.name() == *name);
                let sort = is_sorted.then(|| to.clone().with("sort", name).address("/sessions"));
                Column { is_number: *name == "duration_s", sort, ..Column::text(&desk.column(name)) }
            })
            .collect(),
        rows: rows.iter().map(|row| cells(desk, row)).collect(),
        is_folded: false,
    }));
    Ok(Answer::View(View { title: format!("{} {name}", of.title(desk)), tab: "/sessions", blocks }))
}

impl Of {
    fn title(self, desk: &Desk<'_>) -> String {
        desk.column(match self {
            Self::User => "login",
            Self::Machine => "host",
            Self::Outlet => "outlet",
            Self::Address => "ip",
        })
    }

    fn link(self, name: &str) -> Cell {
        match self {
            Self::User => user(name),
            Self::Machine => machine(name),
            Self::Outlet => outlet(Some(name)),
            Self::Address => address(Some(name)),
        }
    }
}

/// What a use leads to.
type Links = [(Of, Option<String>); 4];

/// The first and the last day of something, and how long it was used.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    days: Option<(NaiveDate, NaiveDate)>,
    seconds: i64,
}

impl Span {
    fn add(&mut self, other: Self) {
        let both = self.days.into_iter().chain(other.days);
        self.days = both.reduce(|(first, last), (from, until)| (first.min(from), last.max(until)));
        self.seconds += other.seconds;
    }
}

/// What a card leads to, with the first and the last day and the hours; the most used first.
fn links(desk: &Desk<'_>, of: Of, mut group: Vec<(&str, Span)>) -> Table {
    let last = |span: &Span| span.days.map(|(_, last)| last);
    group.sort_by_key(|(_, span)| (std::cmp::Reverse(span.seconds), std::cmp::Reverse(last(span))));
    let rows = group.into_iter().map(|(name, span)| {
        let day = |day: Option<NaiveDate>| Cell::text(day.map(|day| day.to_string()).unwrap_or_default());
        vec![of.link(name), day(span.days.map(|(first, _)| first)), day(last(&span)), Cell::text(length(span.seconds))]
    });
    let columns = [of.title(desk), desk.column("first"), desk.column("last")].map(|title| Column::text(&title));
    let columns = columns.into_iter().chain([Column::number(&desk.column("hours"))]).collect();
    Table { caption: of.title(desk), columns, rows: rows.collect(), is_folded: false }
}
