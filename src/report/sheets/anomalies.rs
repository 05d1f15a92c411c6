//! *Anomalies*: what is missing or looks wrong, and what to do about it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::{Cell, Column, Context, Role, Rows, Sheet, Table, Value, words};
use crate::finding::Finding;
use crate::texts::Texts;

/// What is said of each.
pub(super) const COLUMNS: [Column; 5] =
    [words("severity"), words("what"), words("where"), words("detail"), words("remedy")];

/// One finding.
pub(super) fn row<'a>(texts: &'static Texts, finding: Finding) -> Vec<Cell<'a>> {
    let severity = texts.find(&format!("severity.{}", finding.kind.severity().name())).unwrap_or_default();
    let cells = [
        Value::text(severity),
        Value::text(texts.what(finding.kind)),
        Value::text(finding.place.to_string()),
        Value::text(finding.detail),
        Value::text(texts.remedy(finding.kind)),
    ];
    cells.into_iter().map(|value| Cell::new(Role::Prose, value)).collect()
}

/// Severity, what, where, detail, what to do.
pub(super) const WIDTHS: [f64; 5] = [14.0, 26.0, 34.0, 52.0, 52.0];

pub(super) fn sheet<'a>(context: &Context<'a>) -> Sheet<'a> {
    // A gap can be told as a finding too: once is enough.
    let gaps = context.input.gaps.iter().map(Finding::from);
    let all: BTreeSet<Finding> = gaps.chain(context.input.findings.iter().cloned()).collect();
    let mut all: Vec<Finding> = all.into_iter().collect();
    all.sort_by_key(|finding| Reverse(finding.kind.severity()));
    let rows: Vec<Vec<Cell<'a>>> = all.into_iter().map(|finding| row(context.texts, finding)).collect();
    let said = if rows.is_empty() {
        Cell::text(Role::Good, context.words("anomalies.none"))
    } else {
        Cell::text(Role::Note, context.words("anomalies.about"))
    };
    let header = context.header(&COLUMNS);
    let table = Table { header, filter: !rows.is_empty(), rows: Rows::Given(rows), frozen_columns: 0 };
    let lines = vec![context.heading("anomalies"), vec![said]];
    Sheet {
        name: context.sheet_name("anomalies"),
        widths: WIDTHS.to_vec(),
        lines,
        table: Some(table),
        ..Sheet::default()
    }
}
