//! Rows as a table that fits its terminal: no word is cut in two, and columns that find no room are left out and named.

use std::borrow::Cow;
use std::fmt::Write;

use chrono::DateTime;
use comfy_table::{Attribute, CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};

use super::rows::Cell;
use crate::finding::shortened;

/// The columns that are looked at least, the least first: the others find room before them.
const LEAST: [&str; 19] = [
    "feature",
    "licence",
    "handle",
    "server",
    "weekday",
    "initial_start",
    "against",
    "for",
    "source",
    "licences",
    "evidence",
    "mac",
    "vlan",
    "known_s",
    "seats",
    "switch",
    "port",
    "hostname",
    "state",
];

/// How many characters of a text are shown: a login of 40,000 must not make every row as wide.
const MOST: usize = 200;

/// What a column costs beside its text: a blank on both sides, and a line.
const FRAME: usize = 3;

/// The text of a table, without a line end behind it; `width` in characters, `None` for as wide as it is. `is_plain`: without
/// bold letters.
pub(super) fn table(columns: &[&str], rows: &[Vec<Cell>], width: Option<u16>, is_plain: bool) -> String {
    let shown: Vec<Vec<String>> = rows
        .iter()
        .map(|row| columns.iter().zip(row).map(|(column, cell)| shortened(&for_eyes(column, cell), MOST)).collect())
        .collect();
    let least: Vec<usize> = (0..columns.len())
        .map(|at| {
            let words = shown.iter().filter_map(|row| row.get(at)).flat_map(|text| text.split(' ')).map(width_of);
            words.chain([width_of(&header(columns[at]))]).max().unwrap_or_default()
        })
        .collect();
    let kept = kept(columns, &least, width.map_or(usize::MAX, usize::from));
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    if let Some(width) = width {
        table.set_width(width);
    }
    let bold = |cell: comfy_table::Cell| if is_plain { cell } else { cell.add_attribute(Attribute::Bold) };
    table.set_header(kept.iter().map(|at| bold(comfy_table::Cell::new(header(columns[*at])))));
    for (row, texts) in rows.iter().zip(&shown) {
        table.add_row(kept.iter().filter_map(|at| {
            let cell = comfy_table::Cell::new(texts.get(*at)?);
            let is_number = matches!(row[*at], Cell::Integer(_) | Cell::Real(_));
            Some(if is_number { cell.set_alignment(CellAlignment::Right) } else { cell })
        }));
    }
    for (column, at) in table.column_iter_mut().zip(&kept) {
        // With the blanks around it.
        let least = u16::try_from(least[*at] + 2).unwrap_or(u16::MAX);
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
    }
    let mut text = table.trim_fmt();
    let left_out: Vec<&str> = (0..columns.len()).filter(|at| !kept.contains(at)).map(|at| columns[at]).collect();
    if !left_out.is_empty() {
        let _ = write!(text, "\nno room for: {}\n(--columns chooses, --format csv has all)", left_out.join(", "));
    }
    text
}

/// The columns that find room, by their numbers: those that are looked at most first.
fn kept(columns: &[&str], least: &[usize], width: usize) -> Vec<usize> {
    let rank = |at: &usize| LEAST.iter().position(|name| columns[*at] == *name).map_or(0, |place| LEAST.len() - place);
    let mut wanted: Vec<usize> = (0..columns.len()).collect();
    wanted.sort_by_key(rank);
    let mut room = width.saturating_sub(1);
    let mut kept = Vec::new();
    for at in wanted {
        if let Some(rest) = room.checked_sub(least[at] + FRAME) {
            room = rest;
            kept.push(at);
        }
    }
    if kept.is_empty() {
        kept.extend((!columns.is_empty()).then_some(0));
    }
    kept.sort_unstable();
    kept
}

/// A cell for people: times without `T` and zone, durations in hours.
fn for_eyes<'a>(column: &str, cell: &'a Cell) -> Cow<'a, str> {
    match cell {
        Cell::Integer(seconds) if column.ends_with("_s") => duration(*seconds).into(),
        Cell::Integer(minutes) if column == "minutes" => duration(minutes * 60).into(),
        Cell::Text(text) => match DateTime::parse_from_rfc3339(text) {
            Ok(at) => at.format("%Y-%m-%d\u{a0}%H:%M:%S").to_string().into(),
            Err(_) => cell.to_plain(),
        },
        _ => cell.to_plain(),
    }
}

/// A column's name for people: what is in seconds is shown in hours.
fn header(column: &str) -> String {
    match column {
        "minutes" => "duration".to_owned(),
        _ => column.strip_suffix("_s").unwrap_or(column).to_owned(),
    }
}

/// `3 h 05`, with blanks that do not break.
fn duration(seconds: i64) -> String {
    let (sign, seconds) = (if seconds < 0 { "-" } else { "" }, seconds.unsigned_abs());
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{sign}{seconds}\u{a0}s"),
        (0, minutes) => format!("{sign}{minutes}\u{a0}min"),
        (hours, minutes) => format!("{sign}{hours}\u{a0}h\u{a0}{minutes:02}"),
    }
}

fn width_of(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [&str; 12] = [
        "ip",
        "hostname",
        "mac",
        "vlan",
        "department",
        "switch",
        "port",
        "outlet",
        "since",
        "use_s",
        "licence",
        "note",
    ];

    fn rows() -> Vec<Vec<Cell>> {
        let row = |cells: [&str; 9], used: i64, note: &str| {
            let texts = cells.iter().map(|text| if text.is_empty() { Cell::Empty } else { (*text).into() });
            texts.chain([used.into(), "origin".into(), note.into()]).collect()
        };
        vec![
            row(
                [
                    "10.14.18.145",
                    "BBBAACCC",
                    "90b1.1ca3.3575",
                    "513",
                    "DPT4",
                    "Balard-PAC-2",
                    "1/0/36",
                    "RJLG07-01",
                    "2021-12-08T08:30:00+01:00",
                ],
                11_100,
                "2 machines behind this outlet",
            ),
            row(["10.14.18.7", "", "", "", "", "", "", "", "2021-12-09T09:00:00+01:00"], 59, "unknown"),
        ]
    }

    fn width(text: &str) -> usize {
        text.lines().take_while(|line| !line.starts_with("no room")).map(|line| line.chars().count()).max().unwrap()
    }

    #[test]
    fn a_table_fits_its_terminal() {
        for columns in [60, 80, 100, 200] {
            let text = table(&COLUMNS, &rows(), Some(columns), true);
            assert!(width(&text) <= usize::from(columns), "{text}");
            insta::assert_snapshot!(format!("table_{columns}"), text);
        }
    }

    #[test]
    fn a_text_without_end_makes_no_row_wider_than_a_long_one() {
        let rows = vec![vec![Cell::from("a".repeat(40_000).as_str()), Cell::from("x\u{202e}\u{200b}")]];
        let text = table(&["login", "note"], &rows, None, true);
        assert!(text.lines().all(|line| line.chars().count() < 300), "{text}");
        assert!(text.contains("aaa…") && text.contains("x\\u{202e}\\u{200b}"), "{text}");
    }

    #[test]
    fn no_word_is_cut_while_there_is_room_for_it() {
        for columns in 40..220 {
            let text = table(&COLUMNS, &rows(), Some(columns), true);
            let left_out = text.split("no room for: ").nth(1).unwrap_or_default();
            for (word, column) in [
                ("10.14.18.145", "ip"),
                ("RJLG07-01", "outlet"),
                ("90b1.1ca3.3575", "mac"),
                ("08:30:00", "since"),
                ("machines", "note"),
            ] {
                assert!(text.contains(word) || left_out.contains(column), "{columns}: {word}\n{text}");
            }
            assert!(width(&text) <= usize::from(columns), "{text}");
        }
    }

    #[test]
    fn durations_and_times_are_for_people() {
        for (seconds, told) in
            [(0_i64, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (11_100, "3 h 05"), (-60, "-1 min")]
        {
            assert_eq!(for_eyes("use_s", &seconds.into()).replace('\u{a0}', " "), told);
        }
        assert_eq!(for_eyes("minutes", &185_i64.into()).replace('\u{a0}', " "), "3 h 05");
        assert_eq!(for_eyes("for", &185_i64.into()), "185");
        assert_eq!(for_eyes("at", &"2021-12-08T08:30:00+01:00".into()), "2021-12-08\u{a0}08:30:00");
        assert_eq!((header("use_s"), header("minutes"), header("ip")), ("use".into(), "duration".into(), "ip".into()));
    }
}
