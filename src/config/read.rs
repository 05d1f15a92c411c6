//! TOML with the place of every value: a small layer that reads keys, records every fault instead of stopping at the
//! first one, and at the end of a table names the keys that nobody asked for.
//!
//! A reading gives `None` after it has recorded a fault. A section reads all of its keys first and uses `?` only when it
//! puts them together, so that no fault hides another.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{ConfigErrors, Fault, FaultPlace, nearest, quoted};
use crate::source::Source;

/// A text of TOML, the folder that its relative paths start from, and the faults found in it so far.
pub(super) struct Document<'a> {
    source: &'a Source,
    folder: &'a Path,
    home: Option<&'a Path>,
    faults: RefCell<Vec<Fault>>,
}

impl<'a> Document<'a> {
    pub(super) fn new(source: &'a Source, folder: &'a Path, home: Option<&'a Path>) -> Self {
        Self { source, folder, home, faults: RefCell::default() }
    }

    /// Reads the whole text with `read`: its value where nothing at all is wrong, else every fault.
    pub(super) fn read<T>(self, read: impl FnOnce(&Table<'_>) -> Option<T>) -> Result<T, ConfigErrors> {
        let value = match DeTable::parse(self.source.text()) {
            Ok(tree) => {
                let end = self.source.text().trim_end().len();
                let root = Table::new(&self, "", end..end, Some(tree.get_ref()));
                let value = read(&root);
                root.finish();
                value
            }
            Err(error) => {
                let message = format!("this is not TOML: {}", error.message());
                let end = self.source.text().len();
                self.fault(&error.span().unwrap_or(end..end), message, None);
                None
            }
        };
        let faults = self.faults.into_inner();
        match value {
            Some(value) if faults.is_empty() => Ok(value),
            _ => Err(ConfigErrors::new(&**self.source.name(), faults)),
        }
    }

    fn fault(&self, bytes: &Range<usize>, message: String, hint: Option<String>) {
        let place = Some(FaultPlace::of(self.source.text(), bytes));
        self.faults.borrow_mut().push(Fault { message, place, hint });
    }

    /// A path as the file writes it: `~/` is the home directory, what is relative starts from the file's folder.
    fn path(&self, text: &str) -> Option<PathBuf> {
        match text.strip_prefix("~/") {
            Some(below) => self.home.map(|home| home.join(below)),
            None => Some(self.folder.join(text)),
        }
    }
}

/// A table that remembers which keys it was asked for.
pub(super) struct Table<'a> {
    document: &'a Document<'a>,
    /// `[origin]`, or nothing for the file itself.
    name: &'a str,
    /// Where a missing key is told: the table's header.
    place: Range<usize>,
    entries: Option<&'a DeTable<'a>>,
    asked: RefCell<Vec<&'static str>>,
    /// Required keys that are not there, with the fault of each.
    missing: RefCell<Vec<(&'static str, String, String)>>,
}

impl<'a> Table<'a> {
    fn new(document: &'a Document<'a>, name: &'a str, place: Range<usize>, entries: Option<&'a DeTable<'a>>) -> Self {
        Self { document, name, place, entries, asked: RefCell::default(), missing: RefCell::default() }
    }

    fn find(&self, key: &'static str) -> Option<Value<'a>> {
        self.asked.borrow_mut().push(key);
        let value = self.entries?.get(key)?;
        Some(Value { document: self.document, value })
    }

    fn missing(&self, key: &'static str, what: &str, hint: String) {
        self.missing.borrow_mut().push((key, format!("missing {what}"), hint));
    }

    /// The value of a key that must be there.
    pub(super) fn required<T>(
        &self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(Value<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = self.find(key);
        if value.is_none() {
            self.missing(key, &format!("key `{key}` in `{}`", self.name), format!("add `{key} = {example}`"));
        }
        value.and_then(read)
    }

    /// The value of a key that may be absent: `Some(None)` where it is.
    #[expect(clippy::option_option, reason = "the outer one is a fault, as for every reading; the inner one absence")]
    pub(super) fn optional<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(Value<'a>) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.find(key) {
            Some(value) => read(value).map(Some),
            None => Some(None),
        }
    }

    /// The value of a key, or this where it is absent.
    pub(super) fn or<T>(&self, key: &'static str, default: T, read: impl FnOnce(Value<'a>) -> Option<T>) -> Option<T> {
        self.find(key).map_or(Some(default), read)
    }

    /// A section that must be there.
    pub(super) fn section<T>(&self, key: &'static str, read: impl FnOnce(&Table<'_>) -> Option<T>) -> Option<T> {
        let value = self.find(key);
        if value.is_none() {
            self.missing(key, &format!("section `[{key}]`"), "`jeton init` writes a commented example".to_owned());
        }
        value.and_then(|value| value.table(&format!("[{key}]"), read))
    }

    /// A section whose keys all have defaults: read as an empty one where it is absent.
    pub(super) fn section_or_empty<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&Table<'_>) -> Option<T>,
    ) -> Option<T> {
        match self.find(key) {
            Some(value) => value.table(&format!("[{key}]"), read),
            None => read(&Table::new(self.document, "", self.place.clone(), None)),
        }
    }

    /// The entries of `[[key]]`, which must be there; `key = []` says that there are none.
    pub(super) fn entries<T>(
        &self,
        key: &'static str,
        mut read: impl FnMut(&Table<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let value = self.find(key);
        if value.is_none() {
            let hint = format!("write one for each, or `{key} = []` above all sections for none");
            self.missing(key, &format!("section `[[{key}]]`"), hint);
        }
        value?.list("an array of tables", |entry| entry.table(&format!("[[{key}]]"), &mut read))
    }

    /// Records a fault of the table as a whole.
    pub(super) fn fault(&self, message: &str, hint: &str) {
        self.document.fault(&self.place, message.to_owned(), Some(hint.to_owned()));
    }

    /// Marks a key as known without reading it.
    pub(super) fn pass_over(&self, key: &'static str) {
        self.asked.borrow_mut().push(key);
    }

    /// Names the keys that nobody asked for, then those that are missing; one that is there misspelt is one fault.
    fn finish(&self) {
        let asked = self.asked.borrow();
        let mut missing = self.missing.borrow_mut();
        let unknown = self.entries.into_iter().flat_map(DeTable::iter);
        for (key, value) in unknown.filter(|(key, _)| !asked.contains(&key.get_ref().as_ref())) {
            // What is there already was not meant.
            let absent = asked.iter().copied().filter(|key| self.entries.is_some_and(|all| !all.contains_key(*key)));
            let hint = match nearest(key.get_ref(), absent) {
                Some(name) => {
                    missing.retain(|(key, ..)| *key != name);
                    format!("did you mean `{name}`?")
                }
                None => format!("known here: {}", list_of(asked.iter().copied())),
            };
            self.document.fault(&key.span(), self.unknown(key.get_ref(), value.get_ref()), Some(hint));
        }
        for (_, message, hint) in missing.drain(..) {
            self.document.fault(&self.place, message, Some(hint));
        }
    }

    fn unknown(&self, key: &str, value: &DeValue<'_>) -> String {
        let is_section = self.name.is_empty() && (value.is_table() || value.is_array());
        match (is_section, self.name) {
            (true, _) => format!("unknown section {}", quoted(&format!("[{key}]"))),
            (false, "") => format!("unknown key {} before the first section", quoted(key)),
            (false, name) => format!("unknown key {} in `{name}`", quoted(key)),
        }
    }
}

/// A value with its place.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    document: &'a Document<'a>,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Value<'a> {
    /// Records a fault of this value.
    pub(super) fn fault<T>(self, message: String, hint: Option<String>) -> Option<T> {
        self.document.fault(&self.value.span(), message, hint);
        None
    }

    /// Records that something else was expected.
    pub(super) fn refuse<T>(self, expected: &str, hint: Option<String>) -> Option<T> {
        self.fault(format!("expected {expected}, found {}", self.shown()), hint)
    }

    /// The value as messages show it.
    fn shown(self) -> String {
        match self.value.get_ref() {
            DeValue::Integer(number) => format!("integer {}", quoted(&number.to_string())),
            DeValue::Float(number) => format!("float {}", quoted(&number.to_string())),
            DeValue::Boolean(flag) => format!("`{flag}`"),
            DeValue::String(text) if text.trim().is_empty() => "an empty string".to_owned(),
            DeValue::String(text) => quoted(text),
            DeValue::Array(items) if items.is_empty() => "an empty list".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            other => format!("a {}", other.type_str()),
        }
    }

    /// A string that says something, without control characters.
    pub(super) fn text(self) -> Option<&'a str> {
        self.text_as("a string")
    }

    fn text_as(self, expected: &str) -> Option<&'a str> {
        match self.value.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() && !text.contains(char::is_control) => Some(text),
            Some(text) if text.contains(char::is_control) => {
                self.refuse(&format!("{expected} without control characters"), None)
            }
            _ => self.refuse(expected, None),
        }
    }

    /// A string, owned.
    pub(super) fn string(self) -> Option<String> {
        self.text().map(str::to_owned)
    }

    /// A name that files can be named after.
    pub(super) fn file_word(self) -> Option<String> {
        let expected = "a name that a file can be named after";
        let name = self.text_as(expected)?.trim();
        if name.contains(['/', '\\']) || name.starts_with('.') {
            return self.refuse(expected, Some("without `/`, `\\` and a leading `.`".to_owned()));
        }
        Some(name.to_owned())
    }

    /// An IP address.
    pub(super) fn address(self) -> Option<IpAddr> {
        let expected = "an IP address such as `10.14.14.20`";
        self.text_as(expected)?.trim().parse().ok().or_else(|| self.refuse(expected, None))
    }

    /// Whether it is a list.
    pub(super) fn is_list(self) -> bool {
        self.value.get_ref().is_array()
    }

    /// A day: `2021-12-08`, with quotes or without.
    pub(super) fn day(self) -> Option<NaiveDate> {
        let written = match self.value.get_ref() {
            DeValue::Datetime(moment) => Some(moment.to_string()),
            other => other.as_str().map(str::to_owned),
        };
        let day = written.and_then(|text| text.parse().ok());
        day.or_else(|| self.refuse("a day such as `2021-12-08`", None))
    }

    /// An integer in this range; `what` names it with its article and unit.
    pub(super) fn integer<N>(self, what: &str, range: RangeInclusive<N>) -> Option<N>
    where
        N: TryFrom<i64> + PartialOrd + std::fmt::Display,
    {
        let expected = format!("{what} from {} to {}", range.start(), range.end());
        let number = self.value.get_ref().as_integer();
        number
            .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok())
            .and_then(|number| N::try_from(number).ok())
            .filter(|number| range.contains(number))
            .or_else(|| self.refuse(&expected, None))
    }

    /// A number in this range, with or without a fraction; `what` names it with its article and unit.
    pub(super) fn number(self, what: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let value = self.value.get_ref();
        let whole = value.as_integer().and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok());
        let number = whole.map(|number| number as f64);
        number
            .or_else(|| value.as_float().and_then(|number| number.as_str().parse().ok()))
            .filter(|number| range.contains(number))
            .or_else(|| self.refuse(&format!("{what} from {} to {}", range.start(), range.end()), None))
    }

    /// `true` or `false`.
    pub(super) fn flag(self) -> Option<bool> {
        self.value.get_ref().as_bool().or_else(|| self.refuse("`true` or `false`", None))
    }

    /// One of these names, for what it stands for.
    pub(super) fn one_of<T: Copy>(self, names: &[(&str, T)]) -> Option<T> {
        let expected = format!("one of {}", list_of(names.iter().map(|(name, _)| *name)));
        let found = self.value.get_ref().as_str();
        names.iter().find(|(name, _)| Some(*name) == found).map(|&(_, value)| value).or_else(|| {
            let near = found.and_then(|found| nearest(found, names.iter().map(|(name, _)| *name)));
            self.refuse(&expected, near.map(|name| format!("did you mean `{name}`?")))
        })
    }

    /// A list, each of whose items `read` reads: all of them, so that every faulty one is told.
    pub(super) fn list<T>(self, expected: &str, read: impl FnMut(Value<'a>) -> Option<T>) -> Option<Vec<T>> {
        let Some(items) = self.value.get_ref().as_array() else { return self.refuse(expected, None) };
        let read: Vec<_> = items.iter().map(|value| Value { document: self.document, value }).map(read).collect();
        read.into_iter().collect()
    }

    /// A table, each of whose keys `read` asks for.
    pub(super) fn table<T>(self, name: &str, read: impl FnOnce(&Table<'_>) -> Option<T>) -> Option<T> {
        let Some(entries) = self.value.get_ref().as_table() else {
            return self.refuse(&format!("a table `{name}`"), None);
        };
        let table = Table::new(self.document, name, self.value.span(), Some(entries));
        let value = read(&table);
        table.finish();
        value
    }

    /// A table of texts, each of whose keys `read` reads with its text.
    pub(super) fn texts<T>(self, name: &str, mut read: impl FnMut(&'a str, Value<'a>) -> Option<T>) -> Option<Vec<T>> {
        let Some(entries) = self.value.get_ref().as_table() else {
            return self.refuse(&format!("a table `{name}`"), None);
        };
        let document = self.document;
        let read: Vec<_> = entries.iter().map(|(key, value)| read(key.get_ref(), Value { document, value })).collect();
        read.into_iter().collect()
    }

    /// A path on this machine, which need not exist.
    pub(super) fn path(self) -> Option<PathBuf> {
        let text = self.text_as("a path")?;
        let path = self.document.path(text);
        path.or_else(|| self.fault(format!("{} needs a home directory, and there is none", quoted(text)), None))
    }

    /// A file on this machine that is there.
    pub(super) fn file(self) -> Option<PathBuf> {
        let path = self.path()?;
        match must_be(&path, Wanted::File) {
            Ok(()) => Some(path),
            Err((message, hint)) => self.fault(message, Some(hint.to_owned())),
        }
    }

    /// A folder on this machine that is there.
    pub(super) fn folder(self) -> Option<PathBuf> {
        let path = self.path()?;
        match must_be(&path, Wanted::Folder) {
            Ok(()) => Some(path),
            Err((message, hint)) => self.fault(message, Some(hint.to_owned())),
        }
    }

    /// What a pattern matches, at least one. A folder among it is no file, but that is told where it is read: passed over,
    /// it would take its machines away without a word.
    pub(super) fn matching_files(self) -> Option<Vec<PathBuf>> {
        let pattern = self.text_as("a path or a pattern such as `dhcpd-*.conf`")?;
        let Some(path) = self.document.path(pattern) else { return self.path().map(|_| Vec::new()) };
        // The folder's own name is no pattern, whatever it holds.
        let base = self.document.path(if pattern.starts_with("~/") { "~/" } else { "" }).unwrap_or_default();
        let below = path.strip_prefix(&base).unwrap_or(&path);
        let whole = Path::new(&glob::Pattern::escape(&base.to_string_lossy())).join(below);
        let paths = match glob::glob(&whole.to_string_lossy()) {
            Ok(paths) => paths,
            Err(error) => return self.fault(format!("{} is no pattern: {}", quoted(pattern), error.msg), None),
        };
        let files: Vec<PathBuf> = match paths.collect() {
            Ok(files) => files,
            Err(error) => {
                let message = format!("cannot look into `{}`: {}", error.path().display(), error.error());
                return self.fault(message, Some("let jeton's user read it".to_owned()));
            }
        };
        if files.is_empty() {
            let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
            let hint = format!("looked in `{}`", folder.display());
            return self.fault(format!("no file matches {}", quoted(pattern)), Some(hint));
        }
        Some(files)
    }

    fn line(self) -> usize {
        FaultPlace::of(self.document.source.text(), &self.value.span()).line
    }
}

/// What a path must lead to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    File,
    Folder,
}

/// Looks for a file or a folder on this machine; the error is what is there in its place, and what to do about it.
pub(super) fn must_be(path: &Path, wanted: Wanted) -> Result<(), (String, &'static str)> {
    let shown = path.display();
    match (fs_err::metadata(path), wanted) {
        (Ok(found), Wanted::File) if found.is_file() => Ok(()),
        (Ok(found), Wanted::Folder) if found.is_dir() => Ok(()),
        (Ok(found), Wanted::File) if found.is_dir() => {
            Err((format!("`{shown}` is a directory, expected a file"), "name the file in it"))
        }
        (Ok(_), Wanted::File) => {
            Err((format!("`{shown}` is a device or a pipe, expected a file"), "name a file on a disk"))
        }
        (Ok(_), Wanted::Folder) => {
            Err((format!("`{shown}` is a file, expected a directory"), "name the directory that it is in"))
        }
        (Err(error), _) if error.kind() != ErrorKind::NotFound => {
            // The path is in the message of `fs_err` already.
            Err((error.to_string(), "let jeton's user read it"))
        }
        (Err(_), Wanted::File) => Err((format!("no such file: `{shown}`"), HINT_OF_PATHS)),
        (Err(_), Wanted::Folder) => Err((format!("no such folder: `{shown}`"), HINT_OF_PATHS)),
    }
}

const HINT_OF_PATHS: &str = "relative paths start from this file's folder";

/// What must be there once only: names, numbers, addresses.
pub(super) struct Unique {
    what: &'static str,
    first: BTreeMap<String, usize>,
}

impl Unique {
    /// `what` is said of a doubled one: `VLAN name`.
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, first: BTreeMap::new() }
    }

    /// Records a fault of `value` where its `key` was there before, and says whether it was not.
    pub(super) fn check(&mut self, value: Value<'_>, key: String) -> bool {
        let line = value.line();
        if let Some(first) = self.first.get(&key) {
            let hint = format!("the first one is in line {first}");
            value.fault::<()>(format!("duplicate {}: {}", self.what, value.shown()), Some(hint));
            return false;
        }
        self.first.insert(key, line);
        true
    }
}

/// "`a`, `b`, `c`".
fn list_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
