//! A history in which names are forgotten: its older lines under pseudonyms, those that are older still left out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;

use super::{Entry, Line, TABLE_HEADER, key_of_bars, read};
use crate::config::HistoryFormat;
use crate::model::Identity;
use crate::privacy::{Veil, is_pseudonym};
use crate::source::Source;

/// From which day on a history bears names.
#[derive(Debug, Clone)]
pub struct Horizon {
    /// What turns names into pseudonyms.
    pub veil: Veil,
    /// The first day with names; all, where absent.
    pub first_named: Option<NaiveDate>,
    /// The first day that is there at all; all, where absent.
    pub first_kept: Option<NaiveDate>,
    /// Who keeps a name on an earlier day, as the session went on across the horizon.
    pub named: BTreeSet<(NaiveDate, Identity)>,
    /// Of the lines that bear no date, how many of each user and address are younger than the horizon.
    pub undated: HashMap<String, usize>,
    /// Who is forgotten whatever the horizon is: the pseudonyms of logins, with the last day that is meant.
    pub people: BTreeMap<String, NaiveDate>,
    /// The login of somebody who is forgotten right now: no line that cannot be read names them.
    pub login: Option<String>,
}

/// What becomes of a line.
enum Fate {
    Stays,
    Veiled,
    Goes,
}

impl Horizon {
    /// How many undated lines of each user and address may bear names, of the lines of all rows.
    pub fn count_undated(
        lines: &[Line],
        format: HistoryFormat,
        first_named: Option<NaiveDate>,
        named: &BTreeSet<(NaiveDate, Identity)>,
    ) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        let is_named = |line: &&Line| {
            first_named.is_none_or(|first| line.date >= first || named.contains(&(line.date, line.who.clone())))
        };
        for line in lines.iter().filter(is_named) {
            if let Some(key) = key_of_bars(&line.text, format) {
                *counts.entry(key).or_default() += 1;
            }
        }
        counts
    }

    /// The text of a history without the names that are forgotten, and how many lines that changed. A line that is none of a
    /// history can name anybody, and goes.
    ///
    /// A line without a date is as old as can be, unless it is one of those that are counted as younger.
    pub fn applied(&self, name: &str, text: &str, format: HistoryFormat) -> (String, usize) {
        let source = Source::from_bytes(name, text.as_bytes());
        let told: HashMap<u32, Entry> = read(&source).items.into_iter().map(|told| (told.line, told.entry)).collect();
        // Of equal lines without a date, the last ones are the youngest.
        let mut left = self.undated.clone();
        let mut young = BTreeSet::new();
        let lines: Vec<(u32, &str)> = source.lines().collect();
        for (number, line) in lines.iter().rev() {
            let key = key_of_bars(line, format);
            if let Some(count) = key.and_then(|key| left.get_mut(&key)).filter(|count| **count > 0) {
                *count -= 1;
                young.insert(*number);
            }
        }
        let (mut new, mut n) = (String::with_capacity(text.len()), 0);
        for (number, line) in lines {
            let fate = match told.get(&number) {
                Some(entry) => self.fate(entry, young.contains(&number)),
                // Only a horizon makes others' lines go: without one there is but a person to forget.
                None if line.trim().is_empty() || line.trim() == TABLE_HEADER => Fate::Stays,
                None if self.first_named.is_none() && !self.is_named_in(line) => Fate::Stays,
                None => Fate::Goes,
            };
            match (fate, told.get(&number)) {
                (Fate::Veiled, Some(entry)) => {
                    let veiled = self.veil.entry(entry);
                    if veiled == *entry {
                        new.extend([line, "\n"]);
                    } else {
                        n += 1;
                        new.extend([veiled.text(format).as_str(), "\n"]);
                    }
                }
                (Fate::Goes, _) => n += 1,
                _ => new.extend([line, "\n"]),
            }
        }
        if n == 0 { (text.to_owned(), 0) } else { (new, n) }
    }

    fn fate(&self, entry: &Entry, is_young: bool) -> Fate {
        let is_before = |first: Option<NaiveDate>| match (first, entry.date) {
            (None, _) => false,
            (Some(first), Some(date)) => date < first,
            (Some(_), None) => !is_young,
        };
        if is_before(self.first_kept) {
            return Fate::Goes;
        }
        let is_kept = || entry.date.zip(entry.who.clone()).is_some_and(|key| self.named.contains(&key));
        if is_before(self.first_named) && !is_kept() || self.is_forgotten(entry) { Fate::Veiled } else { Fate::Stays }
    }

    fn is_forgotten(&self, entry: &Entry) -> bool {
        let named = entry.who.as_ref().filter(|who| !self.people.is_empty() && !is_pseudonym(who.login()));
        let last = named.and_then(|who| self.people.get(&self.veil.login(who.login())));
        last.is_some_and(|last| entry.date.is_none_or(|date| date <= *last))
    }

    fn is_named_in(&self, line: &str) -> bool {
        self.login.as_ref().is_some_and(|login| line.contains(login))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn horizon() -> Horizon {
        Horizon {
            veil: Veil::new([9; 32]),
            first_named: Some("2021-12-08".parse().unwrap()),
            first_kept: Some("2021-12-01".parse().unwrap()),
            named: BTreeSet::new(),
            undated: HashMap::new(),
            people: BTreeMap::new(),
            login: None,
        }
    }

    fn record(day: &str, who: &str) -> String {
        format!(
            "{{'mac': '024c.4200.1177', 'ip': '10.0.0.1', 'hostname': '\"PC-ANNA\"', 'departement': 'DPT1', 'vlan': 511, 'cisco': 'S-1', \
             'socket': 'Gi1/0/3', 'Description': 'RJLG07-01', 'origin_name': '{who}', 'connexion time': '5.0 min', 'date': '{day}', \
             'start': '{day}T09:00:00+01:00', 'end': '{day}T09:05:00+01:00', 'state': 'closed'}}\n"
        )
    }

    #[test]
    fn lines_lose_their_names_and_then_go() {
        let text =
            [record("2021-11-30", "anna@PC-1"), record("2021-12-07", "anna@PC-1"), record("2021-12-08", "anna@PC-1")]
                .concat();
        let (new, n) = horizon().applied("h", &text, HistoryFormat::Record);
        assert_eq!(n, 2);
        let lines: Vec<&str> = new.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1], record("2021-12-08", "anna@PC-1").trim_end());
        for name in ["anna", "PC-1", "PC-ANNA", "10.0.0.1", "024c", "RJLG07", "Gi1", "S-1"] {
            assert!(!lines[0].contains(name), "{name}: {}", lines[0]);
        }
        assert!(lines[0].contains("'DPT1'") && lines[0].contains("2021-12-07T09:05:00+01:00"), "{}", lines[0]);
        assert_eq!(horizon().applied("h", &new, HistoryFormat::Record), (new, 0), "once is enough");
    }

    #[test]
    fn who_went_on_across_the_horizon_keeps_the_name() {
        let text = record("2021-12-07", "anna@PC-1");
        let named = [("2021-12-07".parse().unwrap(), Identity::new("anna", "PC-1"))].into();
        assert_eq!(Horizon { named, ..horizon() }.applied("h", &text, HistoryFormat::Record).1, 0);
    }

    #[test]
    fn what_says_no_date_or_nothing_that_can_be_read_has_no_age_and_is_not_kept_by_name() {
        let line = "Balard-PAC-2 | 513 90b1.1ca3.3575 Gi1/0/36 | BBBAACCC | DPT4 | 10.14.18.145 | RJLG07-01 | anna@pc-3 | 198.3 min\n";
        let text = format!("{line}{line}{line}anna was here\n\n{TABLE_HEADER}\n");
        // All of them are older; none is; the last one is not.
        let with = |n: usize| Horizon {
            undated: [("10.14.18.145 | anna@pc-3".to_owned(), n)].into(),
            first_kept: None,
            ..horizon()
        };
        for (n, named) in [(0, 0), (3, 3), (1, 1)] {
            let (new, changed) = with(n).applied("h", &text, HistoryFormat::Line);
            assert_eq!((new.matches("anna@pc-3").count(), changed), (named, 3 - named + 1), "{new}");
            assert_eq!(new.lines().filter(|line| line.contains("198.3 min")).count(), 3);
            assert!(!new.contains("was here") && new.contains(TABLE_HEADER));
            if n == 1 {
                assert!(new.lines().nth(2).unwrap().contains("anna@pc-3"), "the last one is the youngest");
            }
        }
    }

    #[test]
    fn one_person_is_forgotten_and_nobody_else() {
        let text = [
            record("2021-12-07", "anna@PC-1"),
            record("2021-12-07", "bob@PC-1"),
            record("2021-12-09", "anna@PC-1"),
            "anna\n".to_owned(),
            "other\n".to_owned(),
        ]
        .concat();
        let veil = Veil::new([9; 32]);
        let people = [(veil.login("anna"), "2021-12-08".parse().unwrap())].into();
        let now = Horizon { first_named: None, first_kept: None, people, login: Some("anna".to_owned()), ..horizon() };
        let (new, n) = now.applied("h", &text, HistoryFormat::Record);
        assert_eq!((n, new.matches("anna@PC-1").count(), new.matches("bob@PC-1").count()), (2, 1, 1), "{new}");
        assert!(new.ends_with("other\n"));
        // The same by the pseudonym alone, as later nights know it.
        let later = Horizon { login: None, ..now };
        assert_eq!(later.applied("h", &record("2021-12-07", "anna@PC-1"), HistoryFormat::Record).1, 1);
    }
}
