//! How cells look, as OpenDocument says it.

use std::collections::HashMap;

use spreadsheet_ods::color::Rgb;
use spreadsheet_ods::format::ValueFormatTrait;
use spreadsheet_ods::style::units::{Border, CellAlignVertical, Margin, TextAlign, TextAlignSource, WrapOption};
use spreadsheet_ods::style::{RowStyle, RowStyleRef};
use spreadsheet_ods::{
    CellStyle, CellStyleRef, ValueFormatDateTime, ValueFormatNumber, ValueFormatPercentage, ValueFormatRef,
    ValueFormatTimeDuration, WorkBook, mm, pt,
};

use super::locale;
use crate::report::book::{Colour, Kind, Palette, Role, ShadeKind};
use crate::report::style::{BAR_TINT, FONT, Fit, SCALE_TINT, Side, look};
use crate::texts::Language;

/// The styles in use, added to the file when first needed.
pub(super) struct Styles {
    language: Language,
    palette: Palette,
    known: HashMap<(Role, Kind, Shade), CellStyleRef>,
    /// By hundredths of a point.
    heights: HashMap<u32, RowStyleRef>,
}

/// How a cell's number colours it, where it does: the kind of shade, and how strong it is, up to [`STEPS`].
type Shade = Option<(ShadeKind, u8)>;

/// How many shades there are beside white: few enough for few styles, more than an eye can tell apart.
pub(super) const STEPS: u8 = 20;

impl Styles {
    /// None yet, in this language and these colours.
    pub(super) fn new(language: Language, palette: Palette) -> Self {
        Self { language, palette, known: HashMap::new(), heights: HashMap::new() }
    }

    /// The style of rows of this height in points.
    pub(super) fn height(&mut self, points: f64, file: &mut WorkBook) -> &RowStyleRef {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rows are at most 409 points high")]
        let hundredths = (points * 100.0).round() as u32;
        let make = || file.add_rowstyle(RowStyle::new(format!("row-{hundredths}")));
        self.heights.entry(hundredths).or_insert_with(make)
    }

    /// The style of a role, for a kind of value, with a shade or without.
    pub(super) fn get(&mut self, role: Role, kind: Kind, shade: Shade, file: &mut WorkBook) -> &CellStyleRef {
        let Self { language, palette, .. } = *self;
        self.known.entry((role, kind, shade)).or_insert_with(|| {
            let format = value_format(kind, language, file);
            let mut style = style(role, kind, &palette, &format);
            if let Some((how, step)) = shade {
                let most = if how == ShadeKind::Bars { BAR_TINT } else { SCALE_TINT };
                style.set_name(format!("{}-{how:?}{step}", style.name()));
                style.set_background_color(rgb(palette.accent.tint(most * f64::from(step) / f64::from(STEPS))));
            }
            file.add_cellstyle(style)
        })
    }
}

/// Takes away the styles that the crate begins with: no cell has them, two refer to formats that are not there, and one
/// name is used twice.
pub(super) fn forget_defaults(file: &mut WorkBook) {
    for name in ["bool", "num", "percent", "currency", "date", "datetime", "time", "interval"] {
        file.remove_cellstyle(format!("default-{name}"));
    }
    file.remove_boolean_format("bool1");
    file.remove_number_format("num1");
    file.remove_percentage_format("percent1");
    file.remove_currency_format("currency1");
    file.remove_datetime_format("date1");
    file.remove_datetime_format("datetime1");
    file.remove_timeduration_format("datetime1");
}

fn style(role: Role, kind: Kind, palette: &Palette, format: &ValueFormatRef) -> CellStyle {
    let look = look(role, kind, palette);
    let mut style = CellStyle::new(format!("{role:?}-{kind:?}"), format);
    style.set_font_name(FONT);
    style.set_font_size(pt!(look.size));
    style.set_color(rgb(look.colour));
    style.set_text_align_source(TextAlignSource::Fix);
    style.set_text_align(if look.side == Side::Right { TextAlign::End } else { TextAlign::Start });
    let middle = look.fit == Fit::Middle;
    style.set_vertical_align(if middle { CellAlignVertical::Middle } else { CellAlignVertical::Top });
    if look.bold {
        style.set_font_bold();
    }
    if look.side == Side::Indented {
        style.set_margin_left(Margin::Length(mm!(1.8)));
    }
    if look.fit == Fit::Wrapped {
        style.set_wrap_option(WrapOption::Wrap);
    }
    if let Some(fill) = look.fill {
        style.set_background_color(rgb(fill));
    }
    if let Some(line) = look.line {
        style.set_border_bottom(pt!(0.5), Border::Solid, rgb(line));
    }
    style
}

fn rgb(colour: Colour) -> Rgb<u8> {
    let [red, green, blue] = colour.parts();
    Rgb::new(red, green, blue)
}

/// The number format of a kind, put together from its parts: the crate knows no French ones.
fn value_format(kind: Kind, language: Language, file: &mut WorkBook) -> ValueFormatRef {
    let name = format!("format-{kind:?}");
    match kind {
        Kind::Text => ValueFormatRef::from(""),
        Kind::Integer => {
            let mut format = ValueFormatNumber::new_named(name);
            format.part_number().min_integer_digits(1).fixed_decimal_places(0).build();
            file.add_number_format(format)
        }
        Kind::Decimal => {
            let mut format = ValueFormatNumber::new_named(name);
            format.part_number().min_integer_digits(1).fixed_decimal_places(1).build();
            speak(&mut format, language);
            file.add_number_format(format)
        }
        Kind::Percent => {
            let mut format = ValueFormatPercentage::new_named(name);
            format.part_number().min_integer_digits(1).fixed_decimal_places(1).build();
            format.part_text("\u{202f}%").build();
            speak(&mut format, language);
            file.add_percentage_format(format)
        }
        Kind::Date | Kind::Clock | Kind::DateTime => file.add_datetime_format(date_format(name, kind)),
        Kind::Hours | Kind::Duration => {
            let mut format = ValueFormatTimeDuration::new_named(name);
            // More than 24 hours are more hours, not a day and a rest.
            format.set_truncate_on_overflow(false);
            if kind == Kind::Hours {
                format.part_hours().build();
            } else {
                format.part_hours().long_style().build();
            }
            format.part_text(":").build();
            format.part_minutes().long_style().build();
            if kind == Kind::Duration {
                format.part_text(":").build();
                format.part_seconds().long_style().build();
            }
            file.add_timeduration_format(format)
        }
    }
}

/// A comma or a point by the workbook's language, not by that of whoever opens it.
fn speak(format: &mut impl ValueFormatTrait, language: Language) {
    let (language, country) = locale(language).split_once('-').unwrap_or_default();
    format.attrmap_mut().set_attr("number:language", language.to_owned());
    format.attrmap_mut().set_attr("number:country", country.to_owned());
}

/// `14/12/2021`, `09:30:00` or `14/12/2021 09:30`.
fn date_format(name: String, kind: Kind) -> ValueFormatDateTime {
    let mut format = ValueFormatDateTime::new_named(name);
    if kind != Kind::Clock {
        format.part_day().long_style().build();
        format.part_text("/").build();
        format.part_month().long_style().build();
        format.part_text("/").build();
        format.part_year().long_style().build();
    }
    if kind == Kind::DateTime {
        format.part_text(" ").build();
    }
    if kind != Kind::Date {
        format.part_hours().long_style().build();
        format.part_text(":").build();
        format.part_minutes().long_style().build();
    }
    if kind == Kind::Clock {
        format.part_text(":").build();
        format.part_seconds().long_style().build();
    }
    format
}
