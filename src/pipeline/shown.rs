//! Lines of the evidence by their place, to be shown to those who check an answer by eye.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::evidence::{Evidence, EvidenceError, Kind};
use crate::finding::shortened;
use crate::source::decode;

/// The texts of lines, by their file and number.
pub type Texts = BTreeMap<(Arc<str>, u32), String>;

/// How many characters of a line are shown.
const MOST: usize = 400;

/// Some lines of the evidence, as they stand there.
pub fn texts_of(evidence: &Evidence, wanted: &BTreeMap<Arc<str>, BTreeSet<u32>>) -> Result<Texts, EvidenceError> {
    let mut lines = Texts::new();
    for kind in Kind::ALL {
        for day in evidence.days(kind).keys() {
            let name: Arc<str> = evidence.name_of_file(kind, *day).into();
            let Some(numbers) = wanted.get(&name) else { continue };
            let text = evidence.text(kind, *day)?.unwrap_or_default();
            for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
                if numbers.contains(&number) {
                    // Spaced as it is.
                    let line = shortened(decode(line).trim(), MOST);
                    lines.insert((Arc::clone(&name), number), line);
                }
            }
        }
    }
    Ok(lines)
}
