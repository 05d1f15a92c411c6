//! Charts, as both formats have them: native ones, that read their numbers from cells.

use super::{Area, Kind, Workbook};

/// A chart. Its numbers and categories are cells of the workbook, so that it changes with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// How it is drawn.
    pub kind: ChartKind,
    /// What it shows, above it.
    pub title: String,
    /// What it says, in a sentence or two, for those who cannot see it.
    pub description: String,
    /// The cells with the names of the points: one row or one column of a sheet.
    pub categories: Area,
    /// The title of the axis of categories; none where it is empty.
    pub category_title: String,
    /// The title of the axis of values; none where it is empty.
    pub value_title: String,
    /// How the values are written beside their axis: [`Kind::Hours`] for times.
    pub value_kind: Kind,
    /// What is drawn: from the first on, in colours that the colour-blind can tell apart.
    pub series: Vec<Series>,
    /// Of which points nothing is known.
    pub unknown: Option<Unknown>,
    /// Where it stands on its sheet.
    pub place: Place,
}

/// How a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChartKind {
    /// Columns that stand, for what is in the order of time.
    Columns,
    /// Bars that lie, the first one on top, for what has long names.
    Bars,
    /// Lines.
    Lines,
}

/// One row of numbers of a chart. It is called as the cell before its first one says, which is the title of a column of
/// a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Its cells: one column of a sheet.
    pub values: Area,
    /// What it is.
    pub look: SeriesLook,
}

/// What a series is, which says how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeriesLook {
    /// What was measured.
    Measure,
    /// What may not be passed: a dashed line, in a chart of columns too.
    Limit,
}

/// How much of each point is unknown: hatched columns behind what was measured, on an axis of their own.
#[derive(Debug, Clone, PartialEq)]
pub struct Unknown {
    /// Its cells: one column of a sheet, with times. It is called as the cell before its first one says.
    pub values: Area,
    /// The time of a point of which nothing at all is known, in seconds: its column is as high as the chart.
    pub whole_s: f64,
}

/// Where a chart stands on its sheet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// The row at whose top it begins, from 0.
    pub row: u32,
    /// How many plain lines it is high. Those lines are left empty by whoever makes the sheet.
    pub lines: u32,
    /// Where it begins, as a share of the width of all the sheet's columns together; from 1 on, beside them.
    pub left: f64,
    /// How wide it is, as a share of the same.
    pub width: f64,
}

impl Series {
    /// The cell that names it.
    pub fn title(&self) -> Area {
        above(&self.values)
    }
}

impl Unknown {
    /// The cell that names it.
    pub fn title(&self) -> Area {
        above(&self.values)
    }
}

fn above(values: &Area) -> Area {
    let (row, column) = values.first;
    Area::cell(values.sheet.clone(), row.saturating_sub(1), column)
}

impl Chart {
    /// Whether there is nothing to be seen: no number but zero in what was measured.
    pub fn is_empty(&self, book: &Workbook<'_>) -> bool {
        let measured = self.series.iter().filter(|series| series.look == SeriesLook::Measure);
        !measured.map(|series| &series.values).any(|area| {
            let mut found = false;
            if let Some(sheet) = book.sheet(&area.sheet) {
                sheet.for_each_in(area, |_, cell| {
                    found |= cell.value.number().is_some_and(|number| number != 0.0);
                });
            }
            found
        })
    }
}
