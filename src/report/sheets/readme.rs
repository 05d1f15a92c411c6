//! *Lisez-moi*: what the columns, states and evidence mean, and how far the figures can be trusted.

use super::{Cell, Context, Role, Scope, Sheet};
use crate::model::{Evidence, State};
use crate::report::rows;

const WIDTHS: [f64; 2] = [30.0, 118.0];
/// The columns of the other sheets, behind those of *Sessions*.
const SUMS: [&str; 12] = [
    "hosts",
    "days",
    "sessions",
    "hours",
    "token_hours",
    "median",
    "first",
    "last",
    "share",
    "users",
    "machines",
    "information",
];
/// What is to be known once.
const REMARKS: [&str; 6] = ["sources", "overlap", "midnight", "end", "unresolved", "zone"];

pub(super) fn sheet<'a>(context: &Context<'a>) -> Sheet<'a> {
    let mut lines = vec![vec![Cell::text(Role::Title, context.words("readme.title"))]];
    lines.push(vec![Cell::text(Role::Note, context.words("readme.purpose"))]);
    let section = |title: &'static str| [Vec::new(), vec![Cell::text(Role::Subtitle, context.words(title))]];
    let explained = |name: &'a str, text: &'a str| vec![Cell::text(Role::Term, name), Cell::text(Role::Prose, text)];

    lines.extend(section("readme.remarks"));
    lines
        .extend(REMARKS.map(|name| explained(context.words_of("remark", name), context.words_of("remark.text", name))));
    lines.extend(section("readme.states"));
    lines.extend(State::ALL.map(|state| {
        explained(context.words_of("state", state.name()), context.words_of("readme.state", state.name()))
    }));
    lines.extend(section("readme.evidence_title"));
    lines.extend(Evidence::ALL.map(|kind| {
        explained(context.words_of("evidence", kind.name()), context.words_of("readme.evidence", kind.name()))
    }));
    lines.extend(section("readme.columns"));
    lines.extend(rows::COLUMNS.iter().chain(&SUMS).map(|name| column(context, name)));
    lines.push(Vec::new());
    let version = context.texts.fill("readme.version", &[("version", context.input.version)]);
    lines.push(vec![Cell::text(Role::Note, version)]);
    Sheet { name: context.sheet_name("readme"), widths: WIDTHS.to_vec(), lines, ..Sheet::default() }
}

/// A column as this workbook names it, and what it holds.
fn column<'a>(context: &Context<'a>, name: &str) -> Vec<Cell<'a>> {
    let shown = match (name, context.input.scope) {
        ("share", Scope::Site) => "share_of_site",
        ("share", Scope::Unresolved) => "share_of_these",
        _ => name,
    };
    let text = context.words_of("readme.column", name);
    vec![Cell::text(Role::Term, context.words_of("column", shown)), Cell::text(Role::Prose, text)]
}
