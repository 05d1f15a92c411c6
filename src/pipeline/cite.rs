//! Lines of the evidence as lines of the files that were read just now: what people have before them.
//!
//! Evidence is cited by its own files. Where a log was read whole, and holds the same line at the place where the evidence has
//! it, the log itself is cited.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::NaiveDate;

use crate::evidence::{BREAK, CUT, Evidence, Kind};
use crate::finding::{Finding, Place};
use crate::source::without_bom;

/// Beyond so much text, evidence is cited by its own files: looking for every line would cost more than the answer.
const MOST: u64 = 64 << 20;

/// A log that was read as a whole.
#[derive(Debug, Clone)]
pub struct ReadLog {
    /// What it is.
    pub kind: Kind,
    /// What findings cite it by.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
}

/// Cites findings by the logs that were read, where these hold the lines.
pub fn cite_findings(logs: &[ReadLog], evidence: &Evidence, findings: &mut [Finding]) {
    let places = findings.iter().map(|finding| finding.place.clone()).collect::<Vec<_>>();
    let cited = cited(logs, evidence, places.iter());
    for finding in findings {
        if let Some(place) = cited.get(&finding.place) {
            finding.place = place.clone();
        }
    }
}

/// The places in the logs that were read of places in the evidence, as far as there are any.
pub fn cited<'p>(
    logs: &[ReadLog],
    evidence: &Evidence,
    places: impl Iterator<Item = &'p Place>,
) -> HashMap<Place, Place> {
    let mut wanted: BTreeMap<Arc<str>, Vec<u32>> = BTreeMap::new();
    for place in places {
        if let Place::Line { source, line, .. } = place {
            wanted.entry(Arc::clone(source)).or_default().push(*line);
        }
    }
    let mut cited = HashMap::new();
    for log in logs {
        let size: u64 = evidence.days(log.kind).values().map(|info| info.bytes).sum();
        if size <= MOST {
            let lines = lines_of(evidence, log.kind, &wanted);
            cited.extend(found_in(log, &lines).unwrap_or_default());
        }
    }
    cited
}

/// Lines of the evidence by their number in all of a kind, from 1, with their place and their text: those that are wanted,
/// and the first.
type Lines = BTreeMap<usize, (Place, Vec<u8>)>;

fn lines_of(evidence: &Evidence, kind: Kind, wanted: &BTreeMap<Arc<str>, Vec<u32>>) -> Lines {
    let mut lines = Lines::new();
    let mut n_before = 0;
    let days: Vec<NaiveDate> = evidence.days(kind).keys().copied().collect();
    let named = |day: &NaiveDate| wanted.get_key_value(evidence.name_of_file(kind, *day).as_str());
    let Some(last) = days.iter().rposition(|day| named(day).is_some()) else { return lines };
    for day in &days[..=last] {
        let text = evidence.text(kind, *day).ok().flatten().unwrap_or_default();
        for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            if line == [BREAK] {
                continue;
            }
            n_before += 1;
            let is_wanted = named(day).is_some_and(|(_, numbers)| numbers.contains(&number));
            if is_wanted || n_before == 1 {
                let line = line.strip_suffix(&[CUT]).unwrap_or(line);
                let name = evidence.name_of_file(kind, *day).into();
                lines.insert(n_before, (Place::line(&name, number), line.to_vec()));
            }
        }
        // What is behind the last line end is no line.
        n_before -= usize::from(text.is_empty() || text.ends_with(b"\n"));
    }
    lines
}

/// Finds lines in a log: at their place, where it begins with the same line as the evidence; else where it has such a line
/// once only.
fn found_in(log: &ReadLog, lines: &Lines) -> std::io::Result<Vec<(Place, Place)>> {
    let Some((_, (_, first))) = lines.first_key_value() else { return Ok(Vec::new()) };
    let mut texts: HashMap<&[u8], Vec<usize>> = HashMap::new();
    texts.extend(lines.values().map(|(_, text)| (text.trim_ascii_end(), Vec::new())));
    let (mut input, mut line) = (BufReader::with_capacity(1 << 16, fs_err::File::open(&log.path)?), Vec::new());
    let mut is_aligned = false;
    for number in 1.. {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let own = without_bom(&line).trim_ascii_end();
        is_aligned |= number == 1 && own == first.trim_ascii_end();
        if let Some(numbers) = texts.get_mut(own) {
            numbers.push(number);
        }
    }
    let name: Arc<str> = log.name.as_str().into();
    let found = lines.iter().filter_map(|(at, (place, text))| {
        let numbers = texts.get(text.trim_ascii_end())?;
        let number = match numbers[..] {
            [only] => only,
            _ => *numbers.iter().find(|number| is_aligned && *number == at)?,
        };
        Some((place.clone(), Place::line(&name, u32::try_from(number).ok()?)))
    });
    Ok(found.collect())
}
