//! What a cell holds, and what it is there for.

use std::borrow::Cow;

use chrono::{Datelike, NaiveDate, NaiveDateTime};

use super::names::sheet_name;

/// A value in a place, and what it is there for.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell<'a> {
    /// What it holds.
    pub value: Value<'a>,
    /// How it looks.
    pub role: Role,
}

/// What a cell holds. Each kind has its own number format, so that it can be sorted, added up and filtered.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Nothing.
    Empty,
    /// Text, never a formula whatever it begins with.
    Text(Cow<'a, str>),
    /// A count.
    Integer(i64),
    /// A number with one decimal: means.
    Decimal(f64),
    /// A share; 1 is 100 %.
    Percent(f64),
    /// A day, `14/12/2021`.
    Date(NaiveDate),
    /// A civil time, of which the clock is shown: `09:30:00`.
    Clock(NaiveDateTime),
    /// A civil time, `14/12/2021 09:30`.
    DateTime(NaiveDateTime),
    /// Seconds, shown as `[h]:mm`, for sums.
    Hours(i64),
    /// Seconds, shown as `[hh]:mm:ss`, for single sessions.
    Duration(i64),
    /// A link to the top of another sheet.
    Link {
        /// The name of that sheet.
        sheet: Cow<'a, str>,
        /// What is shown.
        text: Cow<'a, str>,
    },
    /// What the filter leaves of a column of this sheet's table.
    Subtotal(Subtotal),
}

/// A `SUBTOTAL` over one column of the table, which leaves out what the filter hides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subtotal {
    /// How it is reckoned.
    pub function: SubtotalFunction,
    /// The column, from 0.
    pub column: u16,
    /// The value over all rows: what is shown until something recalculates.
    pub cached: i64,
}

/// The functions of `SUBTOTAL` that leave out hidden rows (ODF 1.3 part 4, 6.16.63; Excel has the same numbers).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubtotalFunction {
    /// How many cells are not empty.
    Count,
    /// The sum of counts.
    Sum,
    /// The greatest count.
    Most,
    /// The sum of times, in seconds, shown as [`Kind::Hours`].
    Hours,
    /// The sum of times, in seconds, shown as [`Kind::Duration`].
    Duration,
}

impl SubtotalFunction {
    /// The first argument of `SUBTOTAL`.
    pub const fn number(self) -> u8 {
        match self {
            Self::Count => 103,
            Self::Most => 104,
            Self::Sum | Self::Hours | Self::Duration => 109,
        }
    }

    /// How its value is written.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Count | Self::Sum | Self::Most => Kind::Integer,
            Self::Hours => Kind::Hours,
            Self::Duration => Kind::Duration,
        }
    }
}

/// How the value of a cell is written: one number format each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Texts, links, nothing.
    Text,
    /// Counts.
    Integer,
    /// Means.
    Decimal,
    /// Shares.
    Percent,
    /// Days.
    Date,
    /// Times of day.
    Clock,
    /// Days with a time.
    DateTime,
    /// Sums of time.
    Hours,
    /// Lengths of time.
    Duration,
}

/// What a cell is there for; the writers share one table of how that looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The workbook's title.
    Title,
    /// The line under it, and the titles of single sheets.
    Subtitle,
    /// The site's name in the corner.
    Corner,
    /// The title of a column of words.
    Header,
    /// The title of a column of numbers.
    HeaderRight,
    /// A cell of a table.
    Body,
    /// A cell of a table whose text runs over several lines.
    Prose,
    /// The name of a figure.
    Label,
    /// A word that the cell beside it explains.
    Term,
    /// A figure.
    Figure,
    /// A figure to compare with.
    Quiet,
    /// Totals.
    Total,
    /// A plain remark.
    Note,
    /// A remark that all is well.
    Good,
    /// A remark that something is missing.
    Alert,
    /// A link.
    Link,
}

impl<'a> Cell<'a> {
    /// Nothing.
    pub const EMPTY: Self = Self { value: Value::Empty, role: Role::Note };

    /// A cell of a table.
    pub const fn body(value: Value<'a>) -> Self {
        Self { value, role: Role::Body }
    }

    /// A cell of this role.
    pub const fn new(role: Role, value: Value<'a>) -> Self {
        Self { value, role }
    }

    /// A text of this role.
    pub fn text(role: Role, text: impl Into<Cow<'a, str>>) -> Self {
        Self { value: Value::text(text), role }
    }
}

impl<'a> Value<'a> {
    /// A text that both formats can hold; nothing for an empty one.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Empty } else { Self::Text(clean(text)) }
    }

    /// A text, or nothing.
    pub fn optional(text: Option<&'a str>) -> Self {
        text.map_or(Self::Empty, Self::text)
    }

    /// A count.
    pub fn count(count: usize) -> Self {
        Self::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// A share of a whole; nothing where the whole is nothing.
    pub fn share(part: i64, whole: i64) -> Self {
        let share = part as f64 / whole as f64;
        if share.is_finite() { Self::Percent(share) } else { Self::Empty }
    }

    /// A day.
    pub fn date(date: NaiveDate) -> Self {
        if has_serial(date) { Self::Date(date) } else { Self::text(date.to_string()) }
    }

    /// A civil time of which the clock is shown.
    pub fn clock(at: NaiveDateTime) -> Self {
        if has_serial(at.date()) { Self::Clock(at) } else { Self::text(at.to_string()) }
    }

    /// A civil time.
    pub fn date_time(at: NaiveDateTime) -> Self {
        if has_serial(at.date()) { Self::DateTime(at) } else { Self::text(at.to_string()) }
    }

    /// A sum of time.
    pub fn hours(seconds: i64) -> Self {
        if seconds < 0 { Self::text(negative(seconds)) } else { Self::Hours(seconds) }
    }

    /// A length of time.
    pub fn duration(seconds: i64) -> Self {
        if seconds < 0 { Self::text(negative(seconds)) } else { Self::Duration(seconds) }
    }

    /// A link to another sheet.
    pub fn link(sheet: &str, text: impl Into<Cow<'a, str>>) -> Self {
        Self::Link { sheet: sheet_name(sheet).into(), text: clean(text.into()) }
    }

    /// A mean; nothing where there is none.
    pub fn decimal(number: f64) -> Self {
        if number.is_finite() { Self::Decimal(number) } else { Self::Empty }
    }

    /// Its number, where it has one: seconds for times, 1 for 100 %.
    pub const fn number(&self) -> Option<f64> {
        match self {
            Self::Empty | Self::Text(_) | Self::Link { .. } | Self::Date(_) | Self::Clock(_) | Self::DateTime(_) => {
                None
            }
            Self::Integer(number) | Self::Hours(number) | Self::Duration(number) => Some(*number as f64),
            Self::Decimal(number) | Self::Percent(number) => Some(*number),
            Self::Subtotal(subtotal) => Some(subtotal.cached as f64),
        }
    }

    /// How it is written.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Empty | Self::Text(_) | Self::Link { .. } => Kind::Text,
            Self::Integer(_) => Kind::Integer,
            Self::Decimal(_) => Kind::Decimal,
            Self::Percent(_) => Kind::Percent,
            Self::Date(_) => Kind::Date,
            Self::Clock(_) => Kind::Clock,
            Self::DateTime(_) => Kind::DateTime,
            Self::Hours(_) => Kind::Hours,
            Self::Duration(_) => Kind::Duration,
            Self::Subtotal(subtotal) => subtotal.function.kind(),
        }
    }
}

/// The most UTF-16 units of a cell in XLSX (Excel specifications and limits).
pub(in crate::report) const MOST_UNITS: usize = 32_767;

/// A text that XML can hold and Excel takes: white space of every kind as a space, what no eye can see as `�`, cut with
/// an ellipsis.
fn clean(text: Cow<'_, str>) -> Cow<'_, str> {
    let unfit = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    // A text never has more UTF-16 units than bytes.
    if text.len() <= MOST_UNITS && !text.contains(unfit) {
        return text;
    }
    let mend = |c: char| match c {
        '\t' | '\n' | '\r' => ' ',
        c if unfit(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    let units: usize = text.chars().map(char::len_utf16).sum();
    if units <= MOST_UNITS {
        return text.chars().map(mend).collect();
    }
    let mut room = MOST_UNITS - 1;
    let kept = text.chars().take_while(|c| {
        let fits = c.len_utf16() <= room;
        room = room.saturating_sub(c.len_utf16());
        fits
    });
    kept.map(mend).chain(['…']).collect()
}

/// Whether Excel's calendar has this day: it begins in 1900, counts a 29 February 1900 that never was, and ends with
/// the year 9999.
fn has_serial(date: NaiveDate) -> bool {
    (1901..=9999).contains(&date.year())
}

/// A negative length of time in words: neither format has one (Excel shows `####`, ODF's `-PT` is not read back).
fn negative(seconds: i64) -> String {
    let length = seconds.unsigned_abs();
    format!("\u{2212}{:02}:{:02}:{:02}", length / 3600, length / 60 % 60, length % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_lose_what_a_file_cannot_hold() {
        for (text, expected) in [
            ("Éloïse  Martin", "Éloïse  Martin"),
            ("a\0b\u{1b}c\u{7f}\u{85}", "a�b�c��"),
            ("a\tb\r\nc", "a b  c"),
            ("\u{ffff}", "�"),
            ("=1+1", "=1+1"),
        ] {
            assert_eq!(Value::text(text), Value::Text(expected.into()));
        }
        assert!(matches!(clean(Cow::Borrowed("plain")), Cow::Borrowed(_)), "a clean text is not copied");
    }

    #[test]
    fn an_over_long_text_ends_in_an_ellipsis_within_excels_limit() {
        for text in ["a".repeat(40_000), "é".repeat(40_000), "😀".repeat(20_000)] {
            let cut = clean(Cow::Borrowed(&text));
            let units = cut.encode_utf16().count();
            assert!((MOST_UNITS - 1..=MOST_UNITS).contains(&units), "{units}");
            assert!(cut.ends_with('…'));
        }
        let most = "é".repeat(MOST_UNITS);
        assert_eq!(clean(Cow::Borrowed(&most)), most);
    }

    #[test]
    fn what_one_format_has_no_number_for_is_text_in_both() {
        let day = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
        assert_eq!(Value::date(day(1899)), Value::text("1899-01-01"));
        assert_eq!(Value::date(day(10_000)), Value::text("+10000-01-01"));
        assert_eq!(Value::date(day(2021)), Value::Date(day(2021)));
        assert_eq!(Value::duration(-3_661), Value::text("\u{2212}01:01:01"));
        assert_eq!(Value::duration(i64::MIN).kind(), Kind::Text);
        assert_eq!(Value::share(1, 0), Value::Empty);
        assert_eq!(Value::share(0, 0), Value::Empty);
    }
}
