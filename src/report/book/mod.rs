//! A workbook as values, before any file format: what [`super::xlsx`] and [`super::ods`] both write.
//!
//! Whatever one of the two formats cannot hold is mended here, once, so that both show the same: control characters,
//! over-long texts, dates that Excel has no number for, negative durations, illegal names.

mod area;
mod cell;
mod chart;
mod names;
mod palette;

use std::fmt;

use chrono::NaiveDateTime;

use super::{MOST_ROWS, WriteError};
use crate::texts::Language;

pub use area::{Area, Name};
pub(super) use cell::MOST_UNITS;
pub use cell::{Cell, Kind, Role, Subtotal, SubtotalFunction, Value};
pub use chart::{Chart, ChartKind, Place, Series, SeriesLook, Unknown};
pub(super) use names::column_name;
pub use names::{range_name, sheet_name};
pub use palette::{Colour, ColourError, Palette};

/// A whole workbook.
#[derive(Debug)]
pub struct Workbook<'a> {
    /// The document's properties.
    pub properties: Properties,
    /// The colours that it is made of.
    pub palette: Palette,
    /// Ranges with a name, to jump to and to reckon with.
    pub names: Vec<Name>,
    /// The sheets, in the order of their tabs; the first one is shown first.
    pub sheets: Vec<Sheet<'a>>,
}

/// What a file manager shows of a document.
#[derive(Debug, Clone)]
pub struct Properties {
    /// The title, also at the foot of each printed page.
    pub title: String,
    /// The period.
    pub subject: String,
    /// The laboratory.
    pub company: String,
    /// The program and its version.
    pub creator: String,
    /// The language of the texts, for number formats and the spelling checker.
    pub language: Language,
    /// When it was established, in UTC.
    pub created: NaiveDateTime,
    /// How a page number is said at the foot of a page: the word before it.
    pub page: String,
}

/// One sheet: lines, then at most one table, which can grow, be filtered and be scrolled below its header; over both,
/// charts.
#[derive(Debug, Default)]
pub struct Sheet<'a> {
    /// The tab's name, legal in both formats: see [`sheet_name`].
    pub name: String,
    /// The widths of the columns, in characters of the standard font (Excel's unit).
    pub widths: Vec<f64>,
    /// The lines from the top.
    pub lines: Vec<Vec<Cell<'a>>>,
    /// The table below them.
    pub table: Option<Table<'a>>,
    /// The charts, over cells that are left empty for them.
    pub charts: Vec<Chart>,
    /// The cells whose numbers are to be seen at a glance.
    pub shades: Vec<Shade>,
}

/// Cells of one sheet with numbers, and how they show their size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shade {
    /// Which cells.
    pub area: Area,
    /// How.
    pub kind: ShadeKind,
}

/// How numbers show their size beside what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ShadeKind {
    /// The greater, the darker the cell, from white to the accent.
    Scale,
    /// The greater, the longer a bar behind the number, from nothing to the width of the cell.
    Bars,
}

/// A header and its rows. The header and the lines above it stay in sight, and the header is printed on every page.
#[derive(Debug)]
pub struct Table<'a> {
    /// The titles of the columns.
    pub header: Vec<Cell<'a>>,
    /// The rows.
    pub rows: Rows<'a>,
    /// How many columns at the left stay in sight.
    pub frozen_columns: u16,
    /// Whether the header has filter buttons.
    pub filter: bool,
}

/// The rows of a table, from few and given to many and made one at a time, so that a hundred thousand of them are never
/// in memory at once.
pub enum Rows<'a> {
    /// Few rows, as they are.
    Given(Vec<Vec<Cell<'a>>>),
    /// Many rows.
    Made {
        /// How many.
        count: usize,
        /// What makes them.
        make: Make<'a>,
    },
}

/// Puts the cells of the row with this number, from 0, into an empty buffer.
pub type Make<'a> = Box<dyn Fn(usize, &mut Vec<Cell<'a>>) + Send + Sync + 'a>;

impl<'a> Workbook<'a> {
    /// The sheet with this name.
    pub fn sheet(&self, name: &str) -> Option<&Sheet<'a>> {
        self.sheets.iter().find(|sheet| sheet.name == name)
    }

    /// The charts of a sheet that have something to show.
    pub fn charts<'s>(&'s self, sheet: &'s Sheet<'a>) -> impl Iterator<Item = &'s Chart> {
        sheet.charts.iter().filter(|chart| !chart.is_empty(self))
    }
}

impl<'a> Sheet<'a> {
    /// The row of the table's header, from 0: the first one below the lines.
    pub fn header_row(&self) -> u32 {
        u32::try_from(self.lines.len()).unwrap_or(u32::MAX)
    }

    /// The rows of the table in these columns, header left out; nothing where there is no row.
    pub fn rows_of(&self, first_column: u16, last_column: u16) -> Option<Area> {
        self.first_rows_of(first_column, last_column, usize::MAX)
    }

    /// At most this many rows of the table, from the first on, in these columns; nothing where there is no row.
    pub fn first_rows_of(&self, first_column: u16, last_column: u16, most: usize) -> Option<Area> {
        let count = u32::try_from(self.table.as_ref()?.rows.len().min(most)).ok()?;
        let header = self.header_row();
        (count > 0).then(|| Area {
            sheet: self.name.clone(),
            first: (header + 1, first_column),
            last: (header.saturating_add(count), last_column),
        })
    }

    /// Shows `look` every cell of a rectangle, by its row and column, whose row is there: lines, header and rows.
    pub(super) fn for_each_in(&self, area: &Area, mut look: impl FnMut((u32, u16), &Cell<'a>)) {
        let mut row_of = |row: u32, cells: &[Cell<'a>]| {
            for (column, cell) in (0..).zip(cells) {
                if (area.first.1..=area.last.1).contains(&column) {
                    look((row, column), cell);
                }
            }
        };
        let header = self.header_row();
        let wanted = |row: &u32| (area.first.0..=area.last.0).contains(row);
        for (row, line) in (0..header).zip(&self.lines).filter(|(row, _)| wanted(row)) {
            row_of(row, line);
        }
        let Some(table) = &self.table else { return };
        if wanted(&header) {
            row_of(header, &table.header);
        }
        let first = area.first.0.saturating_sub(header + 1) as usize;
        let Some(last) = area.last.0.checked_sub(header + 1) else { return };
        let mut made = Vec::new();
        for number in first..table.rows.len().min(last as usize + 1) {
            let row = header.saturating_add(1).saturating_add(u32::try_from(number).unwrap_or(u32::MAX));
            row_of(row, table.rows.get(number, &mut made));
        }
    }
}

impl Table<'_> {
    /// The number of its last column, from 0.
    pub(super) fn last_column(&self) -> u16 {
        u16::try_from(self.header.len().saturating_sub(1)).unwrap_or(u16::MAX)
    }
}

/// Refuses a workbook one of whose sheets has more rows than a sheet holds.
pub(super) fn check_rows(book: &Workbook<'_>) -> Result<(), WriteError> {
    for sheet in &book.sheets {
        let count = sheet.lines.len() + sheet.table.as_ref().map_or(0, |table| 1 + table.rows.len());
        if count > MOST_ROWS {
            return Err(WriteError::SheetTooLong { sheet: sheet.name.clone(), count, most: MOST_ROWS });
        }
    }
    Ok(())
}

impl<'a> Rows<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Given(rows) => rows.len(),
            Self::Made { count, .. } => *count,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row with this number; `made` is room for one that has to be made.
    pub fn get<'s>(&'s self, number: usize, made: &'s mut Vec<Cell<'a>>) -> &'s [Cell<'a>] {
        match self {
            Self::Given(rows) => rows.get(number).map_or(&[], Vec::as_slice),
            Self::Made { make, .. } => {
                made.clear();
                make(number, made);
                made
            }
        }
    }

    /// Shows every row with its number, from 0, to `look`, until one fails.
    pub fn for_each<E>(&self, mut look: impl FnMut(usize, &[Cell<'a>]) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::Given(rows) => rows.iter().enumerate().try_for_each(|(number, row)| look(number, row)),
            Self::Made { count, make } => {
                let mut row = Vec::new();
                (0..*count).try_for_each(|number| {
                    row.clear();
                    make(number, &mut row);
                    look(number, &row)
                })
            }
        }
    }
}

impl fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        let _ = self.for_each(|_, row| {
            list.entry(&row);
            Ok::<_, fmt::Error>(())
        });
        list.finish()
    }
}
