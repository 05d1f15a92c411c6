//! The query of an address: what was asked, and how to ask a little otherwise.

use std::ops::RangeInclusive;

use chrono::{Datelike, NaiveDate};
use form_urlencoded::Serializer;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Names with their values, in the order of the address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

/// So much of a query is read: no form has more.
const MOST: usize = 64;
/// The years that can be asked for.
const YEARS: RangeInclusive<i32> = 1970..=2400;
/// What is escaped in a path: all but the unreserved characters (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Query {
    /// Of the text behind the question mark.
    pub(super) fn of(text: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(text.unwrap_or_default().as_bytes()).take(MOST);
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The value of a name, where it says something; the first one, where there are several.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// All values of a name, also such as are parted by commas.
    pub(super) fn texts(&self, name: &str) -> Vec<&str> {
        let found = self.0.iter().filter(|(known, _)| known == name);
        found.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|value| !value.is_empty()).collect()
    }

    /// A number within bounds; what is none is none.
    pub(super) fn number(&self, name: &str, bounds: RangeInclusive<usize>) -> Option<usize> {
        self.text(name)?.parse().ok().filter(|number| bounds.contains(number))
    }

    /// A day as `2021-12-08`, of a year that a log can be of: others have no midnight in every zone.
    pub(super) fn day(&self, name: &str) -> Option<NaiveDate> {
        self.text(name)?.parse().ok().filter(|day: &NaiveDate| YEARS.contains(&day.year()))
    }

    /// The same without some names.
    pub(super) fn without(&self, names: &[&str]) -> Self {
        Self(self.0.iter().filter(|(name, _)| !names.contains(&name.as_str())).cloned().collect())
    }

    /// The same with another value of a name.
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let mut other = self.without(&[name]);
        other.0.push((name.to_owned(), value.to_owned()));
        other
    }

    /// All names and values that say something, but for some.
    pub(super) fn others(&self, names: &[&str]) -> Vec<(String, String)> {
        self.0.iter().filter(|(name, value)| !names.contains(&name.as_str()) && !value.is_empty()).cloned().collect()
    }

    /// An address: a path with this query. A path that could be another host's is none.
    pub(super) fn address(&self, path: &str) -> String {
        let path = format!("/{}", path.trim_start_matches(['/', '\\']));
        let said = self.0.iter().filter(|(_, value)| !value.is_empty());
        let query = Serializer::new(String::new()).extend_pairs(said).finish();
        if query.is_empty() { path } else { format!("{path}?{query}") }
    }
}

/// A part of a path, as it stands in an address.
pub(super) fn escaped(part: &str) -> String {
    utf8_percent_encode(part, RESERVED).to_string()
}

/// A part of a path as it was meant; `None` where it is not UTF-8.
pub(super) fn unescaped(part: &str) -> Option<String> {
    Some(percent_decode_str(part).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_is_read_and_can_be_asked_otherwise() {
        let query = Query::of(Some("login=na&machine=&page=2&weekdays=1,2&weekdays=3&since=2021-12-08&x=%C3%A9"));
        assert_eq!((query.text("login"), query.text("machine"), query.text("x")), (Some("na"), None, Some("é")));
        assert_eq!(
            (query.number("page", 1..=9), query.number("page", 3..=9), query.number("login", 0..=9)),
            (Some(2), None, None)
        );
        assert_eq!(query.texts("weekdays"), ["1", "2", "3"]);
        assert_eq!(query.day("since"), "2021-12-08".parse().ok());
        for day in ["-262143-01-01", "+262142-12-31", "0001-01-01", "2021-02-30"] {
            assert_eq!(Query::default().with("since", day).day("since"), None, "{day}");
        }
        assert_eq!(
            query.without(&["weekdays", "since", "x"]).with("page", "3").address("/sessions"),
            "/sessions?login=na&page=3"
        );
        assert_eq!(Query::default().address("//evil.example/x"), "/evil.example/x");
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_the_same_behind_an_address(name in "\\PC*") {
            let path = escaped(&name);
            proptest::prop_assert!(!path.contains(['/', '?', '#', ' ', '"', '<']));
            proptest::prop_assert_eq!(unescaped(&path), Some(name));
        }
    }
}
