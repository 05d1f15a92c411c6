//! *Classeurs*: what the nights wrote, to be downloaded.

use std::collections::BTreeMap;

use fs_err as fs;

use crate::page::desk::Desk;
use crate::page::query::escaped;
use crate::page::view::{Answer, Block, Cell, Column, Table, View};
use crate::pipeline::workbooks;
use crate::report::Period;

pub(in crate::page) fn view(desk: &Desk<'_>) -> View {
    let mut periods: BTreeMap<(chrono::NaiveDate, String), Vec<(String, String)>> = BTreeMap::new();
    for (period, file) in workbooks(desk.config, |scope| desk.audience.sees(scope)) {
        let part = period.part();
        periods.entry((period.first(), part.clone())).or_default().push((file, part));
    }
    let rows = periods.iter().rev().flat_map(|((_, part), files)| {
        let label = Period::of_part(part).map_or_else(|| part.clone(), |period| period.label(desk.texts));
        files.iter().map(move |(file, part)| {
            vec![
                Cell::text(label.clone()),
                Cell::link(file.clone(), format!("/workbooks/{}/{}", escaped(part), escaped(file))),
            ]
        })
    });
    let rows: Vec<_> = rows.collect();
    let columns = vec![Column::text(&desk.column("period")), Column::text(&desk.column("file"))];
    let caption = desk.said("workbooks");
    let block = if rows.is_empty() {
        Block::Note(desk.said("no_workbooks"))
    } else {
        Block::Table(Table { caption, columns, rows, is_folded: false })
    };
    View { title: desk.said("workbooks"), tab: "/workbooks", blocks: vec![block] }
}

/// One of them: what is not in the list is not there, wherever it lies.
pub(in crate::page) fn file(desk: &Desk<'_>, period: &str, name: &str) -> Answer {
    let all = workbooks(desk.config, |scope| desk.audience.sees(scope));
    let is_it = |(known, file): &&(Period, String)| known.part() == period && file == name;
    let Some((known, file)) = all.iter().find(is_it) else { return Answer::NotFound };
    let path = desk.config.output.directory.join(crate::report::FOLDER).join(known.part()).join(file);
    let mime = match path.extension().and_then(|end| end.to_str()) {
        Some("ods") => "application/vnd.oasis.opendocument.spreadsheet",
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => "text/csv; charset=utf-8",
    };
    match fs::read(path) {
        Ok(bytes) => Answer::File { name: file.clone(), mime, bytes },
        Err(_) => Answer::NotFound,
    }
}
