//! What holds of the evidence as a whole. Rules of one step are tested beside it.

mod debug_log;
mod files;
mod forgetting;
mod logwatch;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;
use proptest::prelude::*;

use super::*;

const ZONE: Tz = chrono_tz::Europe::Paris;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// All texts, as they can be compared and printed.
fn texts(evidence: &Evidence) -> BTreeMap<String, String> {
    let show = |text: Vec<u8>| String::from_utf8_lossy(&text).replace('\x1e', "RS").replace('\x1f', "US");
    let mut all = BTreeMap::new();
    for kind in Kind::ALL {
        for day in evidence.days(kind).keys() {
            all.insert(format!("{} {day}", kind.name()), show(evidence.text(kind, *day).unwrap().unwrap()));
        }
    }
    all.extend(evidence.undated().unwrap().map(|text| ("undated".to_owned(), show(text))));
    all
}

fn of_logwatches(copies: &[&[u8]]) -> BTreeMap<String, String> {
    let mut evidence = Evidence::in_memory();
    for copy in copies {
        evidence.add_logwatch("logwatch", *copy).unwrap();
    }
    texts(&evidence)
}

fn of_debug_logs(copies: &[&[u8]]) -> BTreeMap<String, String> {
    let mut evidence = Evidence::in_memory();
    for copy in copies {
        evidence.add_debug_log("debug.log", *copy, ZONE).unwrap();
    }
    texts(&evidence)
}

/// Whether one copy, night after night, changes nothing any more after a few. Of logs it changes nothing after the first;
/// this is for copies that contradict themselves.
fn settles(evidence: &mut Evidence, add: impl Fn(&mut Evidence)) -> bool {
    // Each time, one more of the pieces that contradict each other can become one with the copy.
    (0..16).any(|_| {
        let before = texts(evidence);
        add(evidence);
        texts(evidence) == before
    })
}

/// The one text of a kind.
fn only(texts: &BTreeMap<String, String>) -> &str {
    assert_eq!(texts.len(), 1, "{texts:?}");
    texts.values().next().unwrap()
}

/// Where a log was cut: copies of it that share some units with the next one, in an order, some of them again.
#[derive(Debug, Clone)]
struct Cuts {
    /// Of each copy but the last, where it ends, and how far back the next one begins, in shares of what there is.
    ends: Vec<(f64, f64, f64, f64)>,
    order: Vec<usize>,
}

/// `n_shared`: how many whole units two neighbours share at least.
fn cuts() -> impl Strategy<Value = Cuts> {
    let share = || 0.0..1.0_f64;
    (
        proptest::collection::vec((share(), share(), share(), share()), 1..5),
        proptest::collection::vec(0..100_usize, 5..12),
    )
        .prop_map(|(ends, order)| Cuts { ends, order })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
fn part(length: usize, share: f64) -> usize {
    (length as f64 * share) as usize
}

impl Cuts {
    /// The copies, each of any bytes of `units`; neighbours share `n_shared` whole units or more.
    fn copies(&self, units: &[String], n_shared: usize) -> Vec<Vec<u8>> {
        let offsets: Vec<usize> = units
            .iter()
            .scan(0, |at, unit| {
                *at += unit.len();
                Some(*at - unit.len())
            })
            .collect();
        let whole = units.concat().into_bytes();
        let least = n_shared + 2;
        // Which of two equal units a part of one is of, nobody can tell.
        let is_double = |at: usize| units[at - 1] == units[at] || units.get(at + 1) == Some(&units[at]);
        let mut ends: Vec<usize> =
            self.ends.iter().map(|end| least + part(units.len().saturating_sub(2 * least), end.0)).collect();
        ends.sort_unstable();
        let mut copies = Vec::new();
        let mut start = 0;
        for (end, (_, back, in_end, in_start)) in ends.iter().zip(&self.ends) {
            let end = (*end..units.len() - 1).find(|end| !is_double(*end)).unwrap_or(units.len() - 1);
            copies.push(whole[start..offsets[end] + part(units[end].len(), *in_end)].to_vec());
            let begin = (end - least.min(end)) - part(end - least.min(end), back * 0.3);
            let begin = (1..=begin).rev().find(|begin| !is_double(*begin)).unwrap_or_default();
            start = offsets[begin] + if begin > 0 { part(units[begin].len(), *in_start) } else { 0 };
        }
        copies.push(whole[start..].to_vec());
        let mut ordered: Vec<Vec<u8>> = self.order.iter().map(|n| copies[n % copies.len()].clone()).collect();
        ordered.extend(copies);
        ordered
    }
}
