//! *Anomalies*: what is missing or looks wrong, and what to do about it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::{Cell, Context, Known, Role, Sheet, SheetPlan, Value, table};
use crate::finding::Finding;
use crate::texts::Texts;

/// What is said of each.
pub(super) const COLUMNS: [Known; 5] =
    [Known::text("severity"), Known::text("what"), Known::text("where"), Known::text("detail"), Known::text("remedy")];

/// One finding.
pub(super) fn row(texts: &Texts, finding: Finding) -> [Value<'_>; 5] {
    let severity = texts.find(&format!("severity.{}", finding.kind.severity().name())).unwrap_or_default();
    [
        Value::text(severity),
        Value::text(texts.what(finding.kind)),
        Value::text(finding.place.to_string()),
        Value::text(finding.detail),
        Value::text(texts.remedy(finding.kind)),
    ]
}

pub(super) fn sheet<'a>(context: &Context<'a>, plan: &'a SheetPlan) -> Sheet<'a> {
    // A gap can be told as a finding too: once is enough.
    let gaps = context.input.gaps.iter().map(Finding::from);
    let all: BTreeSet<Finding> = gaps.chain(context.input.findings.iter().cloned()).collect();
    let mut all: Vec<Finding> = all.into_iter().collect();
    all.sort_by_key(|finding| Reverse(finding.kind.severity()));
    let rows: Vec<_> = all.into_iter().map(|finding| row(context.texts, finding)).collect();
    let said = if rows.is_empty() {
        Cell::text(Role::Good, context.words("anomalies.none"))
    } else {
        Cell::text(Role::Note, context.words("anomalies.about"))
    };
    table::sheet(context, plan, vec![said], rows)
}
