//! `-o FILE`: rows into a file of their own, in the format that the end of its name says.

use std::io::{Cursor, Write};
use std::path::Path;

use super::Stop;
use crate::output;
use crate::report::book::Workbook;
use crate::report::{WriteError, ods, xlsx};

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Csv,
    Json,
    Ods,
    Xlsx,
}

impl Kind {
    /// Those of workbooks alone.
    pub(super) const BOOKS: [Self; 2] = [Self::Ods, Self::Xlsx];
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Csv, Self::Json, Self::Ods, Self::Xlsx];

    const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Ods => "ods",
            Self::Xlsx => "xlsx",
        }
    }
}

/// The file that `-o` names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) path: &'a Path,
    pub(super) kind: Kind,
}

impl<'a> Target<'a> {
    /// The format by the end of the name, where it is one of these.
    pub(super) fn of(path: &'a Path, kinds: &[Kind]) -> Result<Self, Stop> {
        let end = path.extension().map(|end| end.to_string_lossy().to_lowercase()).unwrap_or_default();
        if let Some(kind) = kinds.iter().find(|kind| kind.extension() == end) {
            return Ok(Self { path, kind: *kind });
        }
        let mut ends: Vec<String> = kinds.iter().map(|kind| format!("`.{}`", kind.extension())).collect();
        let last = ends.pop().unwrap_or_default();
        let (ends, path) = (ends.join(", "), path.display());
        Err(Stop::Usage(format!("error: expected a file that ends in {ends} or {last}, found `{path}`")))
    }

    /// Writes the file whole, or leaves what was there.
    pub(super) fn write(self, fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<(), Stop> {
        Ok(output::write_file(self.path, fill)?)
    }

    /// Writes a workbook.
    pub(super) fn write_book(self, book: &Workbook<'_>) -> Result<(), Stop> {
        let bytes = self.bytes(book).map_err(anyhow::Error::from)?;
        self.write(|out| out.write_all(&bytes))
    }

    fn bytes(self, book: &Workbook<'_>) -> Result<Vec<u8>, WriteError> {
        let mut bytes = Cursor::new(Vec::new());
        match self.kind {
            Kind::Xlsx => xlsx::write(book, &mut bytes)?,
            _ => ods::write(book, &mut bytes)?,
        }
        Ok(bytes.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_name_says_the_format() {
        let of = |name: &'static str, kinds: &[Kind]| Target::of(Path::new(name), kinds).map(|target| target.kind);
        for (name, kind) in [
            ("a.csv", Kind::Csv),
            ("a.b/c.JSON", Kind::Json),
            ("/tmp/na, \"open\".Ods", Kind::Ods),
            ("a.csv.xlsx", Kind::Xlsx),
        ] {
            assert!(matches!(of(name, &Kind::ALL), Ok(found) if found == kind), "{name}");
        }
        for (name, kinds, expected) in [
            ("a.pdf", &Kind::ALL[..], "`.csv`, `.json`, `.ods` or `.xlsx`, found `a.pdf`"),
            ("csv", &Kind::ALL, "`.csv`, `.json`, `.ods` or `.xlsx`, found `csv`"),
            ("a.csv", &Kind::BOOKS, "expected a file that ends in `.ods` or `.xlsx`, found `a.csv`"),
        ] {
            assert!(matches!(of(name, kinds), Err(Stop::Usage(text)) if text.ends_with(expected)), "{name}");
        }
    }
}
