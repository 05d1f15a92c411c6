//! A [`ReportInput`] as sheets: one module per kind of sheet, no file format.
//!
//! The description ([`Template`]) says which sheets there are and what of each is shown; a module here says what a sheet
//! can show, and reckons it.

mod anomalies;
mod charts;
mod idle;
mod inventory;
mod people;
mod person;
mod readme;
mod refusals;
mod seats;
mod sentence;
mod sessions;
mod summary;
mod table;
mod timeline;
mod trend;
mod unused;
mod week;

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;

use super::book::{
    Cell, Kind, Name, Palette, Properties, Role, Rows, Sheet, Table, Value, Workbook, range_name, sheet_name,
};
use super::template::{Book, Known, SheetKind, SheetPlan};
use super::timeline::Step;
use super::{ReportInput, Scope, Template, day};
use crate::parse::datetime::{end_of_day, start_of_day};
use crate::texts::Texts;

pub use inventory::{InventoryInput, inventory, told};
pub use person::{PersonInput, person, person_json};

/// The sheets of a workbook, as the template describes them.
pub fn sheets<'a>(input: &ReportInput<'a>) -> Workbook<'a> {
    let context = Context::new(input);
    let mut sheets: Vec<Sheet<'a>> = context.plans.iter().map(|plan| sheet(&context, plan)).collect();
    let drawn: Vec<_> =
        context.plans.iter().zip(&sheets).map(|(plan, own)| charts::of(&context, plan, own, &sheets)).collect();
    for (sheet, charts) in sheets.iter_mut().zip(drawn) {
        sheet.charts = charts;
    }
    let all = context.plans.iter().zip(&sheets).flat_map(|(plan, sheet)| names(&context, plan, sheet));
    let mut taken = BTreeSet::new();
    let names = all.filter(|name| taken.insert(name.name.to_lowercase())).collect();
    Workbook { properties: context.properties(), palette: input.template.palette, names, sheets }
}

/// The workbook of a search: its rows alone, below what was searched, a column's stable name with the text for each condition.
pub fn found<'a>(input: &ReportInput<'a>, conditions: &[(&str, &str)]) -> Workbook<'a> {
    let context = Context::new(input);
    let told = |(column, text): &(&str, &str)| {
        let column = context.words_of("column", column);
        context.texts.fill("search.condition", &[("column", column), ("text", text)])
    };
    let told: Vec<String> = conditions.iter().map(told).collect();
    let line = match told.as_slice() {
        [] => context.words("search.all").to_owned(),
        told => context.texts.fill("search.conditions", &[("conditions", &told.join(", "))]),
    };
    // A site's own description may leave out the sheet that a search is all about.
    let described = input.template.sheets.iter().chain(&Template::built_in().sheets);
    let plan = described.into_iter().find(|plan| plan.kind == SheetKind::Sessions);
    let sheets = plan.map(|plan| Sheet {
        name: context.tab(plan),
        ..sessions::sheet(&context, plan, vec![Cell::text(Role::Note, line)])
    });
    let palette = input.template.palette;
    Workbook { properties: context.properties(), palette, names: Vec::new(), sheets: sheets.into_iter().collect() }
}

fn sheet<'a>(context: &Context<'a>, plan: &'a SheetPlan) -> Sheet<'a> {
    match plan.kind {
        SheetKind::Summary => summary::sheet(context, plan),
        SheetKind::Departments => people::departments(context, plan),
        SheetKind::Timeline => timeline::sheet(context, plan),
        SheetKind::Tokens => seats::tokens(context, plan),
        SheetKind::Need => seats::need(context, plan),
        SheetKind::Saturated => seats::saturated(context, plan),
        SheetKind::Refusals => refusals::sheet(context, plan),
        SheetKind::Idle => idle::sheet(context, plan),
        SheetKind::Trend => trend::sheet(context, plan),
        SheetKind::Unused => unused::sheet(context, plan),
        SheetKind::Sessions => sessions::sheet(context, plan, Vec::new()),
        SheetKind::Users => people::users(context, plan),
        SheetKind::Machines => people::machines(context, plan),
        SheetKind::Week => week::sheet(context, plan),
        SheetKind::Anomalies => anomalies::sheet(context, plan),
        SheetKind::Readme => readme::sheet(context),
    }
}

/// The columns that a kind of sheet can have.
pub(super) fn known(kind: SheetKind) -> &'static [Known] {
    match kind {
        SheetKind::Departments => &people::DEPARTMENT_COLUMNS,
        SheetKind::Timeline => &timeline::COLUMNS,
        SheetKind::Tokens => &seats::TOKEN_COLUMNS,
        SheetKind::Need => &seats::NEED_COLUMNS,
        SheetKind::Saturated => &seats::SATURATED_COLUMNS,
        SheetKind::Refusals => &refusals::COLUMNS,
        SheetKind::Idle => &idle::COLUMNS,
        SheetKind::Trend => &trend::COLUMNS,
        SheetKind::Unused => &unused::COLUMNS,
        SheetKind::Sessions => &sessions::COLUMNS,
        SheetKind::Users => &people::USER_COLUMNS,
        SheetKind::Machines => &people::MACHINE_COLUMNS,
        SheetKind::Anomalies => &anomalies::COLUMNS,
        SheetKind::Summary | SheetKind::Week | SheetKind::Readme => &[],
    }
}

/// The table of a sheet by its name, and each column that is added up.
fn names(context: &Context<'_>, plan: &SheetPlan, sheet: &Sheet<'_>) -> Vec<Name> {
    let Some(mut whole) = plan.columns.len().checked_sub(1).and_then(|last| sheet.rows_of(0, narrow(last))) else {
        return Vec::new();
    };
    whole.first.0 = sheet.header_row();
    let added = plan.columns.iter().enumerate().filter(|(_, column)| column.total.is_some());
    let added = added.filter_map(|(index, column)| {
        let area = sheet.rows_of(narrow(index), narrow(index))?;
        let name = format!("{}_{}", sheet.name, table::title(context, plan.kind, column));
        Some(Name { name: range_name(&name), area })
    });
    let mut names = vec![Name { name: range_name(&sheet.name), area: whole }];
    names.extend(added);
    names
}

/// Holes of a day that are shorter together, in seconds, are no word on the first page: a collector that is started anew.
const SHORT: i64 = 300;
/// How many days without data are named.
const MOST_DAYS: usize = 5;

/// The number of a column as books have it.
fn narrow(column: usize) -> u16 {
    u16::try_from(column).unwrap_or(u16::MAX)
}

/// What every sheet needs: the input, the words, and what sheets there are.
struct Context<'a> {
    input: ReportInput<'a>,
    texts: &'a Texts,
    /// The sheets of this workbook, in their order.
    plans: Vec<&'a SheetPlan>,
    /// Their names, all different.
    names: Vec<String>,
}

impl<'a> Context<'a> {
    fn new(input: &ReportInput<'a>) -> Self {
        let template: &'a Template = input.template;
        let book = if input.scope == Scope::Site { Book::Site } else { Book::Department };
        let wanted = |plan: &&SheetPlan| plan.books.contains(&book);
        let plans: Vec<&'a SheetPlan> = template.sheets.iter().filter(wanted).collect();
        let mut this = Self { input: *input, texts: template.texts(input.language), plans, names: Vec::new() };
        for index in 0..this.plans.len() {
            let name = this.tab(this.plans[index]);
            let taken = |name: &str| this.names.iter().any(|known| known.to_lowercase() == name.to_lowercase());
            let short: String = name.chars().take(26).collect();
            // There are fewer sheets than numbers to try.
            let numbered = (2..=99).map(|number| format!("{short} {number}"));
            let free = std::iter::once(name).chain(numbered).find(|name| !taken(name));
            this.names.push(free.unwrap_or_default());
        }
        this
    }

    /// The title of a tab.
    fn tab(&self, plan: &SheetPlan) -> String {
        let title = match (&plan.title, plan.kind) {
            (Some(title), _) => title,
            (None, SheetKind::Timeline) => self.words_of("sheet.timeline", Step::of(self.input.period).name()),
            (None, kind) => self.words_of("sheet", kind.name()),
        };
        sheet_name(title)
    }

    /// The words under a dotted path.
    fn words(&self, path: &'a str) -> &'a str {
        self.texts.get(path)
    }

    /// The words under a path that is put together.
    fn words_of(&self, group: &str, name: &str) -> &'a str {
        self.texts.find(&format!("{group}.{name}")).unwrap_or_default()
    }

    /// The name of a sheet, where there is such a one.
    fn name_of(&self, kind: SheetKind) -> Option<&str> {
        let index = self.plans.iter().position(|plan| plan.kind == kind)?;
        self.names.get(index).map(String::as_str)
    }

    /// The name of the sheet of this plan.
    fn name(&self, plan: &SheetPlan) -> String {
        self.name_of(plan.kind).unwrap_or_default().to_owned()
    }

    /// What of the period is not known, though it should be: whole days, and parts of days; `None` where all is known.
    fn unknown(&self) -> Option<String> {
        let input = &self.input;
        let usage = input.usage();
        let (mut whole, mut parts, mut hours) = (Vec::new(), Vec::new(), 0);
        let (first, last) = (input.period.first(), input.period.last());
        let span = input.known?.span?;
        let of_evidence = [span.0, span.1].map(|at| at.with_timezone(&input.timezone).date_naive());
        let first = first.max(of_evidence[0]);
        for date in first.iter_days().take_while(|date| *date <= last.min(of_evidence[1])) {
            let (from, to) = (start_of_day(date, input.timezone), end_of_day(date, input.timezone));
            match usage.missing(from, to) {
                missing if missing < SHORT => {}
                _ if !usage.is_vouched(from, to) => whole.push(date),
                missing => {
                    parts.push(date);
                    hours += missing;
                }
            }
        }
        let days = |dates: &[NaiveDate]| {
            let more = if dates.len() > MOST_DAYS { ", …" } else { "" };
            let names: Vec<String> = dates.iter().take(MOST_DAYS).map(|date| day(self.texts, *date)).collect();
            format!("{}{more}", names.join(", "))
        };
        let mut said = Vec::new();
        if !whole.is_empty() {
            let path = if whole.len() == 1 { "summary.unknown_day" } else { "summary.unknown_days" };
            said.push(self.texts.fill(path, &[("count", &whole.len().to_string()), ("days", &days(&whole))]));
        }
        if !parts.is_empty() {
            let hours = sentence::wait(self.texts, hours);
            said.push(self.texts.fill("summary.unknown_hours", &[("hours", &hours), ("days", &days(&parts))]));
        }
        (!said.is_empty()).then(|| said.join(" · "))
    }

    /// The scope in words.
    fn scope(&self) -> &'a str {
        match self.input.scope {
            Scope::Department(name) => name,
            Scope::Unresolved => self.texts.get("scope.unresolved"),
            Scope::Site => self.input.site,
        }
    }

    fn title(&self) -> String {
        let full = self.input.full.map(|full| format!(" – {full}")).unwrap_or_default();
        self.texts.fill("summary.title", &[("scope", &format!("{}{full}", self.scope()))])
    }

    fn period(&self) -> String {
        self.input.period.label(self.texts)
    }

    /// Civil time of the site: spreadsheets know no zones.
    fn civil(&self, at: DateTime<Tz>) -> NaiveDateTime {
        at.with_timezone(&self.input.timezone).naive_local()
    }

    fn properties(&self) -> Properties {
        Properties {
            title: self.title(),
            subject: self.period(),
            company: self.input.site.to_owned(),
            creator: format!("jeton {}", self.input.version),
            language: self.input.language,
            created: self.input.established.naive_utc(),
            page: self.words("summary.page").to_owned(),
        }
    }

    /// The line above a sheet's table: whose rows, and of when.
    fn heading(&self, plan: &SheetPlan) -> Vec<Cell<'a>> {
        let name = self.name(plan);
        vec![Cell::text(Role::Subtitle, format!("{name} · {} · {}", self.scope(), self.period()))]
    }
}
