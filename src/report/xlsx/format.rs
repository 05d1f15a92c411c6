//! How cells look, as Excel says it.

use std::collections::HashMap;

use rust_xlsxwriter::{Color, Format, FormatAlign, FormatBorder};

use crate::report::book::{Colour, Kind, Palette, Role};
use crate::report::style::{FONT, Fit, Side, look};

/// The formats in use: Excel wants one object each, and a workbook has a few dozen.
pub(super) struct Formats {
    palette: Palette,
    known: HashMap<(Role, Kind), Format>,
}

impl Formats {
    /// None yet, in these colours.
    pub(super) fn new(palette: Palette) -> Self {
        Self { palette, known: HashMap::new() }
    }

    /// The format of a role, for a kind of value.
    pub(super) fn get(&mut self, role: Role, kind: Kind) -> &Format {
        self.known.entry((role, kind)).or_insert_with(|| format(role, kind, &self.palette))
    }
}

fn format(role: Role, kind: Kind, palette: &Palette) -> Format {
    let look = look(role, kind, palette);
    let mut format = Format::new()
        .set_font_name(FONT)
        .set_font_size(look.size)
        .set_font_color(colour(look.colour))
        .set_align(if look.side == Side::Right { FormatAlign::Right } else { FormatAlign::Left })
        .set_align(if look.fit == Fit::Middle { FormatAlign::VerticalCenter } else { FormatAlign::Top });
    if look.bold {
        format = format.set_bold();
    }
    if look.side == Side::Indented {
        format = format.set_indent(1);
    }
    if look.fit == Fit::Wrapped {
        format = format.set_text_wrap();
    }
    if let Some(fill) = look.fill {
        format = format.set_background_color(colour(fill));
    }
    if let Some(line) = look.line {
        format = format.set_border_bottom(FormatBorder::Thin).set_border_bottom_color(colour(line));
    }
    match number_format(kind) {
        Some(number_format) => format.set_num_format(number_format),
        None => format,
    }
}

/// The number format of a kind, as ECMA-376 writes them: Excel shows its own language's separators.
pub(super) const fn number_format(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Text => None,
        Kind::Integer => Some("0"),
        Kind::Decimal => Some("0.0"),
        Kind::Percent => Some("0.0\"\u{202f}\"%"),
        Kind::Date => Some("dd/mm/yyyy"),
        Kind::Clock => Some("hh:mm:ss"),
        Kind::DateTime => Some("dd/mm/yyyy hh:mm"),
        Kind::Hours => Some("[h]:mm"),
        Kind::Duration => Some("[hh]:mm:ss"),
    }
}

/// A colour as the writer has it.
pub(super) fn colour(colour: Colour) -> Color {
    Color::RGB(colour.rgb())
}
