//! What is forgotten does not come back, whatever shows it again.

use fs_err as fs;

use super::*;
use crate::privacy::{Forgotten, Veil};

const LOGWATCH: &str = "\
Tue Dec  7 14:00:20 CET 2021
14:00:20 (orglab) OUT: \"OriginPro\" camille@PC-01
Wed Dec  8 15:40:53 CET 2021
15:40:53 (orglab) IN: \"OriginPro\" camille@PC-01
Thu Dec  9 08:00:00 CET 2021
8:00:00 (orglab) OUT: \"OriginPro\" camille@PC-01
";
const DEBUG_LOG: &str = "\
10:00:00 (lmgrd) TIMESTAMP 12/7/2021
14:00:20 (orglab) OUT: \"OriginPro\" camille@PC-01
10:00:00 (lmgrd) TIMESTAMP 12/8/2021
15:40:53 (orglab) IN: \"OriginPro\" camille@PC-01
10:00:00 (lmgrd) TIMESTAMP 12/9/2021
11:00:00 (orglab) OUT: \"OriginPro\" camille@PC-01
";
const UNDATED: &str = "9:00:00 (orglab) OUT: \"OriginPro\" anna@PC-02\n";

fn answer(day: usize) -> String {
    let weekday = ["Tue", "Wed", "Thu"][day - 7];
    format!(
        "lmutil - Copyright (c) 1989-2021 Flexera. All Rights Reserved.\nFlexible License Manager status on {weekday} 12/{day}/2021 9:00\n\
         Users of OriginPro:  (Total of 3 licenses issued;  Total of 1 license in use)\n\
         \x20   camille PC-01 PC-01 (v9.85) (origin/60213 102), start Tue 12/7 8:00\n"
    )
}

fn add_all(evidence: &mut Evidence) {
    evidence.add_logwatch("logwatch", LOGWATCH.as_bytes()).unwrap();
    evidence.add_debug_log("debug.log", DEBUG_LOG.as_bytes(), ZONE).unwrap();
    for day in [7, 8, 9] {
        evidence.add_lmstat(answer(day).as_bytes()).unwrap();
    }
}

#[test]
fn days_before_the_horizon_go_and_do_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut evidence = Evidence::open(folder.path()).unwrap();
    add_all(&mut evidence);
    let whole = texts(&evidence);
    assert_eq!(whole.len(), 9, "{whole:#?}");
    let aside = ["2021-12-07.zst.damaged", "2021-12-09.zst.damaged", "undated.zst.damaged-2"]
        .map(|name| folder.path().join("logwatch").join(name));
    for path in &aside {
        fs::write(path, "camille").unwrap();
    }
    evidence.forget_before(day("2021-12-08"), day("2022-12-08")).unwrap();
    assert_eq!(aside.map(|path| path.exists()), [false, true, false]);
    let kept = texts(&evidence);
    let expected: BTreeMap<_, _> = whole.into_iter().filter(|(name, _)| !name.ends_with("2021-12-07")).collect();
    assert_eq!(kept, expected);
    // What a run that was killed left of it goes with the next one, and no reader sees it.
    let left = folder.path().join("debug_log/2021-12-07.zst");
    fs::copy(folder.path().join("debug_log/2021-12-08.zst"), &left).unwrap();
    assert_eq!(texts(&Evidence::open_to_read(folder.path()).unwrap()), kept);
    assert!(left.exists());
    assert_eq!(texts(&Evidence::open(folder.path()).unwrap()), kept);
    assert!(!left.exists());
    // Neither now nor by another run, and an earlier horizon brings nothing back.
    add_all(&mut evidence);
    evidence.forget_before(day("2021-12-01"), day("2022-12-08")).unwrap();
    let mut again = Evidence::open(folder.path()).unwrap();
    add_all(&mut again);
    assert_eq!((texts(&evidence), texts(&again)), (kept.clone(), kept));
    assert_eq!(again.first_kept(), Some(day("2021-12-08")));
}

#[test]
fn what_nothing_dates_is_forgotten_as_long_after_it_was_first_seen() {
    let mut evidence = Evidence::in_memory();
    evidence.add_debug_log("debug.log", UNDATED.as_bytes(), ZONE).unwrap();
    evidence.forget_before(day("2020-12-08"), day("2021-12-08")).unwrap();
    evidence.forget_before(day("2021-12-08"), day("2022-12-08")).unwrap();
    assert!(evidence.undated().unwrap().is_some());
    evidence.forget_before(day("2021-12-09"), day("2022-12-09")).unwrap();
    assert!(evidence.undated().unwrap().is_none());
}

#[test]
fn somebody_who_is_forgotten_has_a_pseudonym_in_what_is_kept_and_in_what_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let veil = Veil::new([5; 32]);
    let mut forgotten = Forgotten::open(folder.path(), veil.clone()).unwrap();
    forgotten.add(folder.path(), "camille", day("2021-12-08")).unwrap();
    let mut evidence = Evidence::open(folder.path()).unwrap();
    add_all(&mut evidence);
    let before = texts(&evidence);
    evidence.replace_names(forgotten.clone());
    evidence.replace_kept_names().unwrap();
    let expected: BTreeMap<String, String> = before
        .into_iter()
        .map(|(name, text)| {
            let text =
                if name.ends_with("2021-12-09") { text } else { text.replace("camille", &veil.login("camille")) };
            (name, text)
        })
        .collect();
    assert_eq!(texts(&evidence), expected);
    // The server still has it: neither whole copies nor parts of one bring it back, or double it.
    let mut other = Evidence::in_memory();
    other.replace_names(forgotten);
    for _ in 0..2 {
        add_all(&mut evidence);
        add_all(&mut other);
        let part = DEBUG_LOG.split_inclusive('\n').skip(2).take(2).collect::<String>();
        other.add_debug_log("part", part.as_bytes(), ZONE).unwrap();
        // Lines without a date of their own, too.
        evidence.add_debug_log("part", DEBUG_LOG.split_inclusive('\n').nth(3).unwrap().as_bytes(), ZONE).unwrap();
    }
    assert_eq!(texts(&evidence), expected);
    assert_eq!(texts(&other), expected);
}
