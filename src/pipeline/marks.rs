//! How far the logs of a licence were read, beside their evidence. A mark is a hint, and may be lost.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::network::logs::Mark;
use crate::output;

/// The file of the marks in the folder of the evidence.
const MARKS: &str = "marks.json";
/// The version of the file. Marks of another one are none.
const VERSION: u32 = 2;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    version: u32,
    logs: BTreeMap<String, Vec<Mark>>,
}

/// The marks of one licence's logs, by their paths there.
#[derive(Debug)]
pub(super) struct Marks {
    path: Option<PathBuf>,
    kept: Kept,
}

impl Marks {
    /// Those beside the evidence in a folder; none without a folder.
    pub(super) fn open(folder: Option<&Path>) -> Self {
        let path = folder.map(|folder| folder.join(MARKS));
        let text = path.as_ref().and_then(|path| fs::read(path).ok());
        let kept: Option<Kept> = text.and_then(|text| serde_json::from_slice(&text).ok());
        let kept = kept.filter(|kept| kept.version == VERSION).unwrap_or_default();
        Self { path, kept }
    }

    /// Lets go of all: evidence is lost, and every log is read as a whole again.
    pub(super) fn forget(folder: &Path) {
        // What is not there need not go.
        let _ = fs::remove_file(folder.join(MARKS));
    }

    /// Those of a log and its rotated parts.
    pub(super) fn of(&self, log: &str) -> &[Mark] {
        self.kept.logs.get(log).map_or(&[], Vec::as_slice)
    }

    /// Notes how far a log is evidence now.
    pub(super) fn note(&mut self, log: &str, marks: Vec<Mark>) -> io::Result<()> {
        if self.of(log) == marks {
            return Ok(());
        }
        self.kept.logs.insert(log.to_owned(), marks);
        self.kept.version = VERSION;
        let Some(path) = &self.path else { return Ok(()) };
        let text = serde_json::to_vec(&self.kept)?;
        output::write_file(path, |out| out.write_all(&text))
    }
}
