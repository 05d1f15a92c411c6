//! What is wrong with a `jeton.toml`, and how it is told.

use std::fmt;
use std::ops::Range;

use crate::finding::excerpt;

/// One thing that is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What was expected and what was found, or what is missing.
    pub message: String,
    /// Where, unless the file as a whole is meant.
    pub place: Option<FaultPlace>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A stretch of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultPlace {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// How many characters are meant, at least 1.
    pub width: usize,
    /// The line itself, fit for a terminal.
    text: String,
}

impl FaultPlace {
    /// Where these bytes of a text are; what goes on in the next line is cut at the end of this one.
    pub(super) fn of(text: &str, bytes: &Range<usize>) -> Self {
        let start = floor_char_boundary(text, bytes.start);
        let end = floor_char_boundary(text, bytes.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |end| end + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |end| start + end);
        Self {
            line: 1 + text[..start].matches('\n').count(),
            column: 1 + text[line_start..start].chars().count(),
            width: text[start..end.min(line_end)].chars().count().max(1),
            // A tab or an escape sequence would move the caret away from what it points at.
            text: text[line_start..line_end].trim_end().replace(|c: char| c.is_control(), " "),
        }
    }

    /// The line with a caret below what is meant; nothing where the line is too long to be looked at.
    fn write_excerpt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WIDEST: usize = 160;
        if self.text.is_empty() || self.text.chars().count() > WIDEST {
            return Ok(());
        }
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        write!(f, "\n{gutter} |\n{number} | {}", self.text)?;
        write!(f, "\n{gutter} | {}{}", " ".repeat(self.column - 1), "^".repeat(self.width))
    }
}

fn floor_char_boundary(text: &str, index: usize) -> usize {
    (0..=index.min(text.len())).rev().find(|&index| text.is_char_boundary(index)).unwrap_or(0)
}

/// Everything that is wrong with a configuration file, in the order of its lines.
///
/// Its `Display` is the whole message, each fault with an `error:` of its own, without a line end at its end:
///
/// ```text
/// error: unknown key `adress` in `[origin]`
///  --> jeton.toml:15:1
///    |
/// 15 | adress = "10.14.14.20"
///    | ^^^^^^
/// hint: did you mean `address`?
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    file: String,
    faults: Vec<Fault>,
    /// Those of another file that this one names.
    also: Option<Box<Self>>,
}

impl std::error::Error for ConfigErrors {}

impl ConfigErrors {
    pub(super) fn new(file: impl Into<String>, mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.place.as_ref().map_or((0, 0), |place| (place.line, place.column)));
        Self { file: file.into(), faults, also: None }
    }

    /// These, and those of another file that this one names.
    pub(super) fn and(self, also: Option<Self>) -> Self {
        Self { also: also.map(Box::new), ..self }
    }

    /// One fault of the file as a whole.
    pub(super) fn whole(file: impl Into<String>, message: impl fmt::Display, hint: Option<&str>) -> Self {
        let fault = Fault { message: message.to_string(), place: None, hint: hint.map(str::to_owned) };
        Self { file: file.into(), faults: vec![fault], also: None }
    }

    /// The faults, in the order of their lines; at least one.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The file, as it was named to jeton.
    pub fn file(&self) -> &str {
        &self.file
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "error: {}\n --> {}", fault.message, self.file)?;
            if let Some(place) = &fault.place {
                write!(f, ":{}:{}", place.line, place.column)?;
                place.write_excerpt(f)?;
            }
            if let Some(hint) = &fault.hint {
                write!(f, "\nhint: {hint}")?;
            }
        }
        if self.faults.len() > 1 {
            write!(f, "\n\n{} faults in `{}`; nothing was done", self.faults.len(), self.file)?;
        }
        if let Some(also) = &self.also {
            write!(f, "\n\n{also}")?;
        }
        Ok(())
    }
}

/// A name from the file inside a message: short, harmless, in backticks.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", excerpt(text))
}

/// The known name nearest to an unknown one, where one is near enough to be meant.
pub(crate) fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE: f64 = 0.8;
    let unknown = unknown.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&unknown, &name.to_lowercase()), name))
        .filter(|&(alike, _)| alike >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_points_at_characters_not_bytes() {
        let text = "a = 1\r\n\"é\tü\" = 7\r\n";
        let start = text.find('7').unwrap();
        let place = FaultPlace::of(text, &(start..start + 1));
        assert_eq!((place.line, place.column, place.width), (2, 9, 1));
        let errors = ConfigErrors::new(
            "x",
            vec![Fault { message: "expected a string".into(), place: Some(place), hint: Some("quote it".into()) }],
        );
        assert_eq!(
            errors.to_string(),
            "error: expected a string\n --> x:2:9\n  |\n2 | \"é ü\" = 7\n  |         ^\nhint: quote it"
        );
    }

    #[test]
    fn any_range_of_any_text_is_a_place() {
        for (text, range) in [("", 0..0), ("é", 1..2), ("a\nb", 0..3), ("a", 7..9), ("a\n", 2..2)] {
            let place = FaultPlace::of(text, &range);
            assert!(place.line >= 1 && place.column >= 1 && place.width >= 1, "{text:?}");
        }
    }

    #[test]
    fn only_what_is_alike_is_suggested() {
        let keys = ["address", "host", "port", "logwatch"];
        for (unknown, expected) in
            [("adress", Some("address")), ("Port", Some("port")), ("log_watch", Some("logwatch")), ("colour", None)]
        {
            assert_eq!(nearest(unknown, keys), expected, "{unknown}");
        }
    }
}
