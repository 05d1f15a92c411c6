//! People whom `jeton forget` forgot: known by the pseudonyms of their logins alone, with the last day that is meant.
//!
//! What a log still says of them is replaced on its way in, so that nothing brings a name back.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use chrono::NaiveDate;
use foldhash::{HashMap, HashMapExt};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use super::Veil;
use crate::output;

/// The name of the file, beside the evidence.
const FILE: &str = "forgotten.json";
/// Its form.
const FORMAT: u32 = 1;
/// A login has so many words at most.
const WORDS: usize = 4;

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    jeton: u32,
    people: BTreeMap<String, NaiveDate>,
}

/// The people who are forgotten, and what turns their names into pseudonyms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    veil: Veil,
    /// The last day that is meant, by the pseudonym of a login.
    people: BTreeMap<String, NaiveDate>,
}

impl Forgotten {
    /// Those that a folder knows of.
    pub fn open(folder: &Path, veil: Veil) -> io::Result<Self> {
        let people = match fs::read(folder.join(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
            Ok(text) => match serde_json::from_slice::<Kept>(&text) {
                Ok(kept) if kept.jeton <= FORMAT => kept.people,
                _ => {
                    let why =
                        format!("`{}` is not what jeton wrote: put it back from a backup", folder.join(FILE).display());
                    return Err(io::Error::new(io::ErrorKind::InvalidData, why));
                }
            },
        };
        Ok(Self { veil, people })
    }

    /// Whether a folder knows of any.
    pub fn is_any(folder: &Path) -> bool {
        folder.join(FILE).exists()
    }

    /// Adds somebody, up to a day, and keeps it.
    pub fn add(&mut self, folder: &Path, login: &str, until: NaiveDate) -> io::Result<()> {
        let last = self.people.entry(self.veil.login(login)).or_insert(until);
        *last = until.max(*last);
        let text = serde_json::to_vec(&Kept { jeton: FORMAT, people: self.people.clone() })?;
        output::write_file(&folder.join(FILE), |out| out.write_all(&text))
    }

    /// What turns names into pseudonyms.
    pub const fn veil(&self) -> &Veil {
        &self.veil
    }

    /// The last day that is meant, by the pseudonym of a login.
    pub const fn people(&self) -> &BTreeMap<String, NaiveDate> {
        &self.people
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Whether somebody is, on a day.
    pub fn covers(&self, login: &str, day: NaiveDate) -> bool {
        !self.people.is_empty() && self.people.get(&self.veil.login(login)).is_some_and(|until| day <= *until)
    }

    /// The last day on which anybody is.
    pub fn last(&self) -> Option<NaiveDate> {
        self.people.values().max().copied()
    }

    /// A text of a day, as a log or an answer of `lmstat` has it, with pseudonyms in the place of the logins.
    pub fn replaced<'t>(&self, text: &'t [u8], day: NaiveDate) -> Cow<'t, [u8]> {
        if self.last().is_none_or(|last| last < day) {
            return Cow::Borrowed(text);
        }
        let mut known: HashMap<&[u8], Option<String>> = HashMap::new();
        let mut new: Option<Vec<u8>> = None;
        let mut done = 0;
        let mut start = 0;
        while start < text.len() {
            let end = memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |at| start + at + 1);
            let line = &text[start..end];
            for (from, to) in candidates(line) {
                let name = &line[from..to];
                let pseudonym = known.entry(name).or_insert_with(|| {
                    let login = self.veil.login(&crate::source::decode(name));
                    self.people.get(&login).is_some_and(|until| day <= *until).then_some(login)
                });
                if let Some(pseudonym) = pseudonym
                    && start + from >= done
                {
                    let new = new.get_or_insert_with(Vec::new);
                    new.extend_from_slice(&text[done..start + from]);
                    new.extend_from_slice(pseudonym.as_bytes());
                    done = start + to;
                }
            }
            start = end;
        }
        match new {
            None => Cow::Borrowed(text),
            Some(mut new) => {
                new.extend_from_slice(&text[done..]);
                Cow::Owned(new)
            }
        }
    }
}

/// Where logins can stand in a line: the words before each `@`, the longest first; in a line of `lmstat`, the first words.
fn candidates(line: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let is_blank = |byte: u8| byte == b' ' || byte == b'\t';
    for at in memchr::memchr_iter(b'@', line) {
        let starts = (0..at).rev().filter(|&start| {
            start == 0 || is_blank(line[start - 1]) || matches!(line[start - 1], b'"' | b'\'' | b':' | b'(')
        });
        let mut own: Vec<(usize, usize)> =
            starts.filter(|&start| !is_blank(line[start])).take(WORDS).map(|start| (start, at)).collect();
        own.reverse();
        found.extend(own);
    }
    if found.is_empty() && memchr::memmem::find(line, b", start ").is_some() {
        let first = line.iter().position(|byte| !is_blank(*byte)).unwrap_or(0);
        let ends =
            (first..line.len()).filter(|&end| is_blank(line[end]) && !is_blank(line[end - usize::from(end > first)]));
        let mut own: Vec<(usize, usize)> =
            ends.take(WORDS).filter(|end| *end > first).map(|end| (first, end)).collect();
        own.reverse();
        found.extend(own);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forgotten(people: &[(&str, &str)]) -> Forgotten {
        let veil = Veil::new([3; 32]);
        let people = people.iter().map(|(login, until)| (veil.login(login), until.parse().unwrap())).collect();
        Forgotten { veil, people }
    }

    fn day() -> NaiveDate {
        "2021-12-08".parse().unwrap()
    }

    #[test]
    fn a_login_is_replaced_wherever_a_log_names_it_and_nobody_else_is() {
        let forgotten =
            forgotten(&[("camille", "2021-12-08"), ("Jean Dupont", "2021-12-31"), ("anna@lab.fr", "2022-01-01")]);
        let (camille, jean) = (forgotten.veil.login("camille"), forgotten.veil.login("Jean Dupont"));
        let anna = forgotten.veil.login("anna@lab.fr");
        for (line, expected) in [
            (
                "14:00:20 (orglab) OUT: \"OriginPro\" camille@PC-01  (3 licenses)\n",
                format!("14:00:20 (orglab) OUT: \"OriginPro\" {camille}@PC-01  (3 licenses)\n"),
            ),
            (
                "9:00:01 (orglab) DENIED: \"OriginPro\" Jean Dupont@PC-2  (Licensed number reached)",
                format!("9:00:01 (orglab) DENIED: \"OriginPro\" {jean}@PC-2  (Licensed number reached)"),
            ),
            (
                "9:00:01 (orglab) IN: \"OriginPro\" anna@lab.fr@PC-2\n",
                format!("9:00:01 (orglab) IN: \"OriginPro\" {anna}@PC-2\n"),
            ),
            ("9:00:01 (lmgrd) REMOVING \"camille@PC-01\"\n", format!("9:00:01 (lmgrd) REMOVING \"{camille}@PC-01\"\n")),
            (
                "    camille PC-01 PC-01 (v9.85) (origin/60213 102), start Wed 12/8 9:00\n",
                format!("    {camille} PC-01 PC-01 (v9.85) (origin/60213 102), start Wed 12/8 9:00\n"),
            ),
            (
                "    Jean Dupont PC-2 PC-2 (v9.85) (origin/60213 103), start Wed 12/8 9:00\n",
                format!("    {jean} PC-2 PC-2 (v9.85) (origin/60213 103), start Wed 12/8 9:00\n"),
            ),
        ] {
            let once = forgotten.replaced(line.as_bytes(), day());
            assert_eq!(String::from_utf8_lossy(&once), expected);
            assert_eq!(forgotten.replaced(&once, day()), once, "what is replaced stays");
        }
        for line in [
            "9:00:01 (orglab) OUT: \"OriginPro\" camille2@camille\n",
            "ESTAB 0 0 10.0.0.1:60213 10.0.0.2:1\n",
            "camille was here\n",
            "@\n",
            ", start \n",
        ] {
            assert!(matches!(forgotten.replaced(line.as_bytes(), day()), Cow::Borrowed(_)), "{line}");
        }
    }

    #[test]
    fn what_is_later_than_the_day_that_was_named_stays() {
        let forgotten = forgotten(&[("camille", "2021-12-07")]);
        let line = b"14:00:20 (orglab) OUT: \"OriginPro\" camille@PC-01\n";
        assert!(matches!(forgotten.replaced(line, day()), Cow::Borrowed(_)));
        assert!(!forgotten.covers("camille", day()) && forgotten.covers("camille", "2021-12-07".parse().unwrap()));
    }

    #[test]
    fn people_are_kept_by_pseudonym_alone_and_a_later_day_wins() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = Forgotten::open(folder.path(), Veil::new([3; 32])).unwrap();
        assert!(one.is_empty() && !Forgotten::is_any(folder.path()));
        one.add(folder.path(), "camille", day()).unwrap();
        one.add(folder.path(), "camille", "2021-01-01".parse().unwrap()).unwrap();
        let again = Forgotten::open(folder.path(), Veil::new([3; 32])).unwrap();
        assert_eq!(again, one);
        assert!(again.covers("camille", day()));
        assert!(!fs::read_to_string(folder.path().join(FILE)).unwrap().contains("camille"));
        fs::write(folder.path().join(FILE), "{}").unwrap();
        assert!(Forgotten::open(folder.path(), Veil::new([3; 32])).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_or_loses_a_line(text in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let forgotten = forgotten(&[("a", "2021-12-08")]);
            let new = forgotten.replaced(&text, day());
            proptest::prop_assert_eq!(memchr::memchr_iter(b'\n', &new).count(), memchr::memchr_iter(b'\n', &text).count());
        }
    }
}
