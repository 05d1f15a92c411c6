//! What holds of the evidence as a whole. Rules of one step are tested beside it.

use std::collections::BTreeMap;

use super::*;

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

/// The one text of a kind.
fn only(texts: &BTreeMap<String, String>) -> &str {
    assert_eq!(texts.len(), 1, "{texts:?}");
    texts.values().next().unwrap()
}

#[test]
fn answers_of_lmstat_are_in_order_and_each_once() {
    let answer =
        |clock: &str, rest: &str| format!("Flexible License Manager status on Wed 12/8/2021 {clock}\n{rest}\n");
    let (early, late) = (answer("9:26", "a"), answer("11:26", "b\n\nc"));
    let mut evidence = Evidence::in_memory();
    for answer in [&late, &early, &late.replace('\n', "\r\n"), &early] {
        let added = evidence.add_lmstat(answer.as_bytes()).unwrap();
        assert_eq!((added.n_units, added.n_undated), (1, 0));
    }
    assert_eq!(only(&texts(&evidence)), format!("RS\n{early}RS\n{late}"));
    let added = evidence.add_lmstat(b"lmutil: command not found\n").unwrap();
    assert_eq!(added, Added { n_undated: 1, ..Added::default() });
    // Its end is missing, and it is one answer all the same.
    evidence.add_lmstat(answer("12:00", "d").trim_end().as_bytes()).unwrap();
    assert!(only(&texts(&evidence)).ends_with("12:00\ndUS\n"));
}

#[test]
fn a_full_disk_is_told_as_such() {
    let full = EvidenceError::from(io::Error::new(io::ErrorKind::StorageFull, "cannot write `x`: no space"));
    assert_eq!(full.to_string(), "the disk is full: cannot write `x`: no space");
    let other = EvidenceError::from(io::Error::other("cannot write `x`: no"));
    assert_eq!(other.to_string(), "cannot write `x`: no");
}
