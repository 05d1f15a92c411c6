//! The words that users of a report read, in French and English, from `templates/fr.toml` and `templates/en.toml`.

use std::sync::LazyLock;

use crate::finding::Kind;

/// A language of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// French, the default.
    #[default]
    French,
    /// English.
    English,
}

impl Language {
    /// The name in `jeton.toml`: `fr` or `en`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::French => "fr",
            Self::English => "en",
        }
    }

    /// The texts in this language.
    pub fn texts(self) -> &'static Texts {
        match self {
            Self::French => &FRENCH,
            Self::English => &ENGLISH,
        }
    }
}

/// The texts of one language: a tree of strings, addressed by dotted paths (`weekday.1`, `state.closed`).
#[derive(Debug, Clone)]
pub struct Texts {
    tree: toml::Table,
}

static FRENCH: LazyLock<Texts> = LazyLock::new(|| Texts::built_in(include_str!("../templates/fr.toml")));
static ENGLISH: LazyLock<Texts> = LazyLock::new(|| Texts::built_in(include_str!("../templates/en.toml")));

impl Texts {
    fn built_in(text: &str) -> Self {
        // The file is part of the program; `every_text_is_there_in_both_languages` reads it in the tests.
        Self { tree: text.parse().expect("a built-in template is valid TOML") }
    }

    /// The text at this dotted path; the path itself where there is none, so that a missing word is seen, not fatal.
    pub fn get<'a>(&'a self, path: &'a str) -> &'a str {
        self.find(path).unwrap_or(path)
    }

    /// The text at this dotted path, if there is one.
    pub fn find(&self, path: &str) -> Option<&str> {
        let (last, above) = path.rsplit_once('.').map_or((path, None), |(above, last)| (last, Some(above)));
        let mut table = &self.tree;
        for key in above.into_iter().flat_map(|above| above.split('.')) {
            table = table.get(key)?.as_table()?;
        }
        table.get(last)?.as_str()
    }

    /// The text at this dotted path with `{name}` replaced by the value given for it.
    pub fn fill(&self, path: &str, values: &[(&str, &str)]) -> String {
        values.iter().fold(self.get(path).to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    /// These texts with some of them said otherwise, by their dotted paths; a path that leads to no text changes nothing.
    #[must_use]
    pub fn but<'a>(&self, others: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut texts = self.clone();
        for (path, text) in others {
            if let Some(said) = texts.find_mut(path) {
                text.clone_into(said);
            }
        }
        texts
    }

    fn find_mut(&mut self, path: &str) -> Option<&mut String> {
        let mut keys = path.split('.');
        let mut value = self.tree.get_mut(keys.next()?)?;
        for key in keys {
            value = value.get_mut(key)?;
        }
        match value {
            toml::Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// What a kind of finding is, in words.
    pub fn what(&self, kind: Kind) -> &str {
        self.find(&format!("finding.{}.what", kind.name())).unwrap_or(kind.name())
    }

    /// What to do about a kind of finding.
    pub fn remedy(&self, kind: Kind) -> &str {
        self.find(&format!("finding.{}.remedy", kind.name())).unwrap_or_default()
    }

    /// All dotted paths that lead to a text, sorted.
    pub fn paths(&self) -> Vec<String> {
        fn walk(table: &toml::Table, above: &str, paths: &mut Vec<String>) {
            for (key, value) in table {
                let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
                match value.as_table() {
                    Some(table) => walk(table, &path, paths),
                    None => paths.push(path),
                }
            }
        }
        let mut paths = Vec::new();
        walk(&self.tree, "", &mut paths);
        paths.sort();
        paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_in_both_languages() {
        assert_eq!(Language::French.texts().paths(), Language::English.texts().paths());
        for path in Language::French.texts().paths() {
            assert!(Language::French.texts().find(&path).is_some(), "{path} is no string");
        }
    }

    #[test]
    fn a_text_can_be_said_otherwise() {
        let texts = Language::French.texts().but([("sheet.users", "Personnes"), ("sheet", "x"), ("gone.away", "x")]);
        assert_eq!((texts.get("sheet.users"), texts.get("sheet.week")), ("Personnes", "Semaine"));
        assert_eq!(texts.paths(), Language::French.texts().paths());
    }

    #[test]
    fn every_kind_of_finding_has_its_words() {
        for kind in Kind::ALL {
            for text in [Language::French.texts(), Language::English.texts()] {
                for part in ["what", "remedy"] {
                    let path = format!("finding.{}.{part}", kind.name());
                    assert!(text.find(&path).is_some(), "no {path}");
                }
            }
        }
    }
}
