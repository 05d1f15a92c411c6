//! Cells as the crate holds them.

use chrono::{Duration, NaiveTime};
use spreadsheet_ods::Value as OdsValue;
use spreadsheet_ods::text::{TextP, TextS};
use spreadsheet_ods::xmltree::XmlTag;

use crate::report::book::{Kind, Sheet, Subtotal, Value, column_name};

/// The value as the crate holds it. A formula's is its cached value.
pub(super) fn value(value: &Value<'_>) -> OdsValue {
    match value {
        Value::Empty => OdsValue::Empty,
        Value::Text(text) => words(text),
        Value::Integer(number) => OdsValue::Number(*number as f64),
        Value::Decimal(number) => OdsValue::Number(*number),
        Value::Percent(share) => OdsValue::Percentage(*share),
        Value::Date(date) => OdsValue::DateTime(date.and_time(NaiveTime::MIN)),
        Value::Clock(at) | Value::DateTime(at) => OdsValue::DateTime(*at),
        Value::Hours(seconds) | Value::Duration(seconds) => length(*seconds),
        Value::Link { sheet, text } => {
            let target = format!("#'{}'.A1", sheet.replace('\'', "''"));
            // The crate's own links have no type, which the standard wants.
            let link =
                XmlTag::new("text:a").attr("xlink:type", "simple").attr("xlink:href", target).text(text.as_ref());
            OdsValue::TextXml(vec![TextP::new().tag(link).into_xmltag()])
        }
        Value::Subtotal(subtotal) => match subtotal.function.kind() {
            Kind::Hours | Kind::Duration => length(subtotal.cached),
            _ => OdsValue::Number(subtotal.cached as f64),
        },
    }
}

/// Whole seconds: the crate writes 5 ms as half a second.
fn length(seconds: i64) -> OdsValue {
    OdsValue::TimeDuration(Duration::try_seconds(seconds).unwrap_or(Duration::MAX))
}

/// A text whose spaces all come back: XML readers join them, `text:s` stands for those behind the first one, and for
/// those at the ends (ODF 1.3 part 3, 6.1.3).
fn words(text: &str) -> OdsValue {
    let plain = !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ");
    if plain {
        return OdsValue::Text(text.to_owned());
    }
    let mut paragraph = TextP::new();
    let mut rest = text;
    while let Some(start) = rest.find(' ') {
        let spaces = rest[start..].len() - rest[start..].trim_start_matches(' ').len();
        // One plain space between words; the others, and all at the ends, by their number.
        let inner = start > 0 && start + spaces < rest.len();
        let (before, after) = rest.split_at(start + usize::from(inner));
        paragraph = paragraph.text(before);
        let counted = spaces - usize::from(inner);
        if let Some(count) = u32::try_from(counted).ok().filter(|count| *count > 0) {
            paragraph = paragraph.tag(TextS::new().count(count));
        }
        rest = &after[counted..];
    }
    OdsValue::TextXml(vec![paragraph.text(rest).into_xmltag()])
}

/// `of:=SUBTOTAL(109;[.G4:.G99])` over the rows of the table.
pub(super) fn formula(subtotal: Subtotal, sheet: &Sheet<'_>) -> String {
    let rows = sheet.table.as_ref().map_or(1, |table| table.rows.len());
    let first = sheet.header_row() as usize + 2;
    let column = column_name(subtotal.column);
    format!("of:=SUBTOTAL({};[.{column}{first}:.{column}{}])", subtotal.function.number(), first + rows - 1)
}
