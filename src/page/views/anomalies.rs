//! *Anomalies*: what is missing or wrong, and what to do.

use super::span_fields;
use crate::page::desk::Desk;
use crate::page::view::{Block, Cell, Column, Form, Table, View};

/// How many days are shown, where none are asked for.
const USUAL_DAYS: u64 = 31;
/// The most lines of a page.
const MOST: usize = 500;

pub(in crate::page) fn view(desk: &Desk<'_>) -> anyhow::Result<View> {
    let days = desk.days(USUAL_DAYS);
    let fields = span_fields(desk, days);
    let mut blocks =
        vec![Block::Form(Form { action: "/anomalies", fields, hidden: Vec::new(), submit: desk.said("show") })];
    if desk.sees_all() {
        let gaps = desk.gaps()?;
        let rows = gaps.iter().map(|gap| vec![Cell::text(gap.source.clone()), Cell::text(gap.reason.clone())]);
        let rows: Vec<_> = rows.collect();
        let columns = vec![Column::text(&desk.column("where")), Column::text(&desk.column("detail"))];
        if rows.is_empty() {
            blocks.push(Block::Note(desk.said("no_gaps")));
        } else {
            blocks.push(Block::Table(Table { caption: desk.said("gaps"), columns, rows, is_folded: false }));
        }
    }
    let (findings, total) = desk.worst_findings(days, MOST)?;
    let rows = findings.iter().map(|finding| {
        vec![
            Cell::text(desk.texts.get(&format!("severity.{}", finding.kind.severity().name()))),
            Cell::text(finding.day.map(|day| day.to_string()).unwrap_or_default()),
            Cell::text(desk.texts.what(finding.kind)),
            Cell::text(finding.place.to_string()),
            Cell::text(finding.detail.clone()),
            Cell::text(desk.texts.remedy(finding.kind)),
        ]
    });
    let columns =
        ["severity", "date", "what", "where", "detail", "remedy"].map(|name| Column::text(&desk.column(name)));
    let caption = desk.texts.fill("page.found", &[("count", &total.to_string())]);
    if total == 0 {
        blocks.push(Block::Note(desk.said("no_findings")));
    } else {
        blocks.push(Block::Table(Table { caption, columns: columns.into(), rows: rows.collect(), is_folded: false }));
    }
    Ok(View { title: desk.said("anomalies"), tab: "/anomalies", blocks })
}
