//! *Lisez-moi*: what the sheets, columns, states and evidence mean, and how far the figures can be trusted.

use super::{Cell, Context, Role, Sheet, SheetKind, table};
use crate::model::{Evidence, State};

const WIDTHS: [f64; 2] = [30.0, 118.0];
/// What is to be known once.
const REMARKS: [&str; 7] = ["sources", "overlap", "midnight", "end", "previous", "unresolved", "zone"];

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
    lines.extend(section("readme.sheets"));
    lines.extend(context.plans.iter().zip(&context.names).map(|(plan, name)| {
        let about = context.words_of("about", plan.kind.name());
        vec![Cell::text(Role::Term, name.clone()), Cell::text(Role::Prose, about)]
    }));
    lines.extend(section("readme.columns"));
    lines.extend(
        columns(context).into_iter().map(|(title, name)| explained(title, context.words_of("readme.column", name))),
    );
    lines.push(Vec::new());
    let version = context.texts.fill("readme.version", &[("version", context.input.version)]);
    lines.push(vec![Cell::text(Role::Note, version)]);
    let name = context.name_of(SheetKind::Readme).unwrap_or_default().to_owned();
    Sheet { name, widths: WIDTHS.to_vec(), lines, ..Sheet::default() }
}

/// The columns that this workbook shows, under their titles, each title and meaning once: those of *Sessions* first.
fn columns<'a>(context: &Context<'a>) -> Vec<(&'a str, &'static str)> {
    let mut plans = context.plans.clone();
    plans.sort_by_key(|plan| plan.kind != SheetKind::Sessions);
    let mut columns: Vec<(&'a str, &'static str)> = Vec::new();
    for plan in plans {
        for column in &plan.columns {
            let one = (table::title(context, plan.kind, column), plan.kind.columns()[column.column].name);
            if !columns.contains(&one) {
                columns.push(one);
            }
        }
    }
    columns
}
