//! How a workbook looks, in one place for both formats: one quiet accent, thin lines, nothing that needs colour to be
//! understood.

use super::book::{Cell, Colour, Kind, Palette, Role, SeriesLook, Value};

/// A font that Windows and macOS have, and of whose metrics Linux has a free one (Liberation Sans).
pub(super) const FONT: &str = "Arial";

/// The letters of what is read.
pub(super) const INK: Colour = Colour::new(0x22_2222);
/// The letters of what is less important.
pub(super) const FAINT: Colour = Colour::new(0x60_6870);
/// The lines of what is hatched: no colour, as it is no measure.
pub(super) const HATCH: Colour = Colour::new(0xA0_A8B0);
/// Thin lines.
pub(super) const THIN_LINE: Colour = Colour::new(0xDD_E2E7);
/// How much of the accent is behind a header, and at the dark end of a colour scale: ink is read on both.
const HEADER_TINT: f64 = 0.1;
pub(super) const SCALE_TINT: f64 = 0.6;
/// How much of it is in a data bar.
pub(super) const BAR_TINT: f64 = 0.35;

/// The look of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    /// The font's size in points.
    pub(super) size: f64,
    /// Bold or not.
    pub(super) bold: bool,
    /// The colour of the letters.
    pub(super) colour: Colour,
    /// The colour behind them.
    pub(super) fill: Option<Colour>,
    /// A thin line below.
    pub(super) line: Option<Colour>,
    /// Where the text stands between left and right.
    pub(super) side: Side,
    /// How it fills the height of its line.
    pub(super) fit: Fit,
}

/// Where a text stands between left and right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// At the left.
    Left,
    /// A little away from the left, where a number may end.
    Indented,
    /// At the right.
    Right,
}

/// How a text fills the height of its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// One line in the middle.
    Middle,
    /// One line at the top.
    Top,
    /// From the top, over as many lines as it takes.
    Wrapped,
}

const PLAIN: Look =
    Look { size: 10.0, bold: false, colour: INK, fill: None, line: None, side: Side::Left, fit: Fit::Middle };

/// The look of a role, for a kind of value: numbers stand at the right, words and days at the left.
pub(super) fn look(role: Role, kind: Kind, palette: &Palette) -> Look {
    let accent = palette.accent;
    let fill = Some(accent.tint(HEADER_TINT));
    let side = if matches!(kind, Kind::Text | Kind::Date) { Side::Indented } else { Side::Right };
    let table = Look { line: Some(THIN_LINE), side, ..PLAIN };
    let header = Look { bold: true, colour: accent, fill, line: Some(accent), ..table };
    let right = |look: Look| Look { side: Side::Right, ..look };
    match role {
        Role::Title => Look { size: 18.0, bold: true, colour: accent, ..PLAIN },
        Role::Subtitle => Look { size: 11.0, bold: true, ..PLAIN },
        Role::Corner => right(Look { size: 11.0, bold: true, colour: FAINT, ..PLAIN }),
        Role::Header => header,
        Role::HeaderRight => right(header),
        Role::Body => table,
        Role::Prose => Look { fit: Fit::Wrapped, ..table },
        Role::Label => Look { bold: true, ..table },
        Role::Term => Look { bold: true, fit: Fit::Top, ..table },
        Role::Figure => right(Look { size: 12.0, bold: true, ..table }),
        Role::Quiet => right(Look { colour: FAINT, ..table }),
        Role::Total => Look { bold: true, fill, line: None, ..table },
        Role::Note => Look { colour: FAINT, ..PLAIN },
        Role::Good => Look { bold: true, colour: palette.good, ..PLAIN },
        Role::Alert => Look { bold: true, colour: palette.alert, ..PLAIN },
        Role::Link => Look { colour: accent, ..PLAIN },
    }
}

/// How the line of a series of a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stroke {
    /// Its colour.
    pub(super) colour: Colour,
    /// Its width in points.
    pub(super) width: f64,
    /// Dashes without marks, or a line with a mark at every point.
    pub(super) dashed: bool,
    /// Whether the marks are squares, or else discs.
    pub(super) square: bool,
}

/// The line of the series with this number, from 0. Two of them differ in their marks too, so that a print in black and
/// white tells them apart.
pub(super) fn stroke(look: SeriesLook, number: usize, palette: &Palette) -> Stroke {
    match look {
        SeriesLook::Limit => Stroke { colour: palette.limit, width: 1.75, dashed: true, square: false },
        SeriesLook::Measure => {
            Stroke { colour: bar_colour(number, palette), width: 2.0, dashed: false, square: number % 2 == 1 }
        }
    }
}

/// The colour of the series with this number, from 0. They differ in lightness, which is what black and white leaves.
pub(super) fn bar_colour(number: usize, palette: &Palette) -> Colour {
    [palette.accent, palette.second, palette.third][number % 3]
}

/// The height of a line in points, where it is not that of one line of plain text: for larger letters, and for texts over
/// several lines, which not every program makes room for by itself.
pub(super) fn line_height(cells: &[Cell<'_>], widths: &[f64]) -> Option<f64> {
    /// One line of [`PLAIN`], and what is around it.
    const LINE: (f64, f64) = (12.6, 2.4);
    let heights = cells.iter().zip(widths).filter_map(|(cell, width)| match (cell.role, &cell.value) {
        (Role::Title, _) => Some(30.0),
        (Role::Subtitle | Role::Figure | Role::Header | Role::HeaderRight, _) => Some(18.0),
        (Role::Prose, Value::Text(text)) => {
            // A unit of width is a digit; letters are narrower on average, and lines break between words.
            let lines = (text.chars().count() as f64 / (1.05 * width).max(1.0)).ceil().clamp(1.0, MOST_LINES);
            Some(lines * LINE.0 + LINE.1)
        }
        _ => None,
    });
    heights.reduce(f64::max)
}

/// Excel's rows are at most 409 points high.
const MOST_LINES: f64 = 32.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_over_several_lines_gets_their_height() {
        let prose = |length: usize| [Cell::text(Role::Prose, "a".repeat(length))];
        assert_eq!(line_height(&prose(50), &[50.0]), Some(15.0));
        assert!(line_height(&prose(53), &[50.0]).unwrap() > 27.0);
        assert!(line_height(&prose(30_000), &[50.0]).unwrap() < 409.0);
        assert_eq!(line_height(&[Cell::text(Role::Body, "a")], &[50.0]), None);
    }
}
