//! Named text: where a line came from, and how its bytes became characters.

use std::borrow::Cow;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;

use crate::finding::Place;

/// A text with the name that findings cite it by.
#[derive(Debug, Clone)]
pub struct Source {
    name: Arc<str>,
    text: String,
}

/// Why a file cannot be a text of jeton's at all.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It could not be read; the cause names the path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is a folder.
    #[error("`{0}` is a directory, expected a file")]
    Directory(String),
    /// It is a device, which may never end. A pipe is welcome: `--debug-log <(zcat old.log.gz)`.
    #[error("`{0}` is a device, expected a file")]
    Device(String),
    /// It is a pipe or a socket, which may never be written to.
    #[error("`{0}` is a pipe, expected a file")]
    Pipe(String),
    /// It has no content.
    #[error("`{0}` is empty")]
    Empty(String),
    /// It is a document or a binary, by its first bytes.
    #[error("`{name}` is {kind}, expected plain text")]
    NotText {
        /// The file.
        name: String,
        /// What it looks like, with its article: "a PDF document".
        kind: &'static str,
    },
}

impl Source {
    /// The text of `bytes`, decoded by [`decode`] line by line, without its BOM.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Self {
        let bytes = without_bom(bytes);
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            // Line by line: two writers of one log can differ in their encoding.
            Err(_) => bytes.split_inclusive(|b| *b == b'\n').map(decode).collect(),
        };
        Self { name: name.into(), text }
    }

    /// Reads a text file; what is no text at all (a directory, nothing, a PDF, a ZIP) is an error.
    pub fn read(path: &Path) -> Result<Self, SourceError> {
        let name = path.display().to_string();
        if path.is_dir() {
            return Err(SourceError::Directory(name));
        }
        let is_device = |kind: std::fs::FileType| kind.is_char_device() || kind.is_block_device();
        if path.metadata().is_ok_and(|found| is_device(found.file_type())) {
            return Err(SourceError::Device(name));
        }
        let bytes = fs_err::read(path)?;
        check_is_text(&name, &bytes)?;
        Ok(Self::from_bytes(&name, &bytes))
    }

    /// The same text under another name.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: name.into(), ..self }
    }

    /// The name that findings cite.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The lines with their numbers, from 1, without their ends (`\n` or `\r\n`).
    pub fn lines(&self) -> impl Iterator<Item = (u32, &str)> {
        (1..).zip(self.text.lines())
    }

    /// A place in this text; lines and columns count from 1.
    pub fn at(&self, line: u32) -> Place {
        Place::line(&self.name, line)
    }
}

/// One line's bytes as text: UTF-8 where it is, else Latin-1 (ISO 8859-1), in which every byte is a character.
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|&b| char::from(b)).collect()),
    }
}

/// `bytes` without a leading UTF-8 byte order mark.
pub fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// What a file is by its first bytes, with its article, where these are of no text: "a PDF document".
pub fn kind_of(head: &[u8]) -> Option<&'static str> {
    const SIGNATURES: &[(&[u8], &str)] = &[
        (b"%PDF-", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive or a spreadsheet"),
        (b"\xd0\xcf\x11\xe0", "an old Office document"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"\xfd7zXZ", "an xz archive"),
        (b"BZh", "a bzip2 archive"),
        (b"\x7fELF", "a program"),
        (b"\x89PNG", "a picture"),
        (b"\xff\xd8\xff", "a picture"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"\xff\xfe", "a UTF-16 text"),
        (b"\xfe\xff", "a UTF-16 text"),
    ];
    SIGNATURES.iter().find(|(signature, _)| head.starts_with(signature)).map(|&(_, kind)| kind)
}

/// Refuses what is no text at all by its first bytes: nothing, documents, archives, programs.
pub fn check_is_text(name: &str, head: &[u8]) -> Result<(), SourceError> {
    if head.is_empty() {
        return Err(SourceError::Empty(name.to_owned()));
    }
    match kind_of(head) {
        Some(kind) => Err(SourceError::NotText { name: name.to_owned(), kind }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_latin1_bom_and_crlf_are_one_text() {
        for bytes in [&b"d\xc3\xa9c.\nx"[..], b"d\xe9c.\nx", b"\xef\xbb\xbfd\xc3\xa9c.\r\nx"] {
            let source = Source::from_bytes("log", bytes);
            assert_eq!(source.lines().collect::<Vec<_>>(), [(1, "déc."), (2, "x")], "{bytes:?}");
        }
    }

    #[test]
    fn one_latin1_line_does_not_spoil_the_others() {
        let source = Source::from_bytes("log", b"\xc3\xa9\n\xe9\n");
        assert_eq!(source.text(), "é\né\n");
    }

    #[test]
    fn documents_are_named_for_what_they_are() {
        let error = check_is_text("x.conf", b"%PDF-1.7").unwrap_err();
        assert_eq!(error.to_string(), "`x.conf` is a PDF document, expected plain text");
        assert!(check_is_text("x", b"").is_err());
        assert!(check_is_text("x", b"host a {}").is_ok());
    }
}
