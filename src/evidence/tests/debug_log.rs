//! Copies of a debug log.

use super::*;

const DEBUG_LOG: &[u8] =
    include_bytes!("../../../fixtures/replay/origin.labo.example/files/usr/local/flexlm/orglabdebug.log");

/// Lines of a debug log that runs over midnights, with lines that come daily, lines without a clock, equal ones, and a
/// date at least every few lines; of so many lines each.
fn log(n_between_dates: usize) -> impl Strategy<Value = Vec<String>> {
    let line = (0..9_usize, 0..4_u8, 0..10_u8);
    (proptest::collection::vec(line, 40..120), 0..86_400_i64).prop_map(move |(lines, start)| {
        let mut at = day("2021-12-08").and_hms_opt(0, 0, 0).unwrap() + chrono::Duration::seconds(start);
        let mut all: Vec<String> = Vec::new();
        for (n, (step, who, what)) in lines.into_iter().enumerate() {
            // Never so long that a midnight could pass unseen.
            let before = at;
            at += chrono::Duration::seconds([0, 0, 1, 1, 7, 60, 3600, 9_000, 20_000][step]);
            if at.date() > before.date() && who > 1 {
                // What cron does at midnight.
                for text in ["(lmgrd) lmgrd re-reading license file", "(lmgrd) done", "(orglab) reread", "(orglab) ok"]
                {
                    all.push(format!(" 0:00:00 {text}\n"));
                }
            }
            let clock = at.format("%k:%M:%S");
            if n % n_between_dates == 0 {
                all.push(format!("{clock} (orglab) TIMESTAMP {}\n", at.format("%-m/%-d/%Y")));
            }
            all.push(match what {
                9 => "a line without a clock\n".to_owned(),
                1 => format!("{clock} (@orglab-SLOG@) chatter\n"),
                _ => format!("{clock} (orglab) OUT: \"OriginPro\" user{who}@PC-{n}  \n"),
            });
        }
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_cuts_in_any_order_are_the_whole(log in log(8), cuts in cuts()) {
        let copies = cuts.copies(&log, 14);
        let copies: Vec<&[u8]> = copies.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(of_debug_logs(&copies), of_debug_logs(&[log.concat().as_bytes()]));
    }

    #[test]
    fn any_cuts_of_the_fixture_are_the_whole(first in 0.1..0.6_f64, shared in 0.3..0.4_f64) {
        let (start, end) = (part(DEBUG_LOG.len(), first), part(DEBUG_LOG.len(), first + shared));
        let (one, other) = (&DEBUG_LOG[..end], &DEBUG_LOG[start..]);
        let whole = of_debug_logs(&[DEBUG_LOG]);
        prop_assert_eq!(of_debug_logs(&[one, other]), whole.clone());
        prop_assert_eq!(of_debug_logs(&[other, one, other]), whole);
    }

    #[test]
    fn a_copy_without_a_date_finds_its_days(log in log(1000), cuts in cuts()) {
        // Only its first line but one names a date.
        let copies = cuts.copies(&log, 14);
        let copies: Vec<&[u8]> = copies.iter().map(Vec::as_slice).collect();
        let whole = of_debug_logs(&[log.concat().as_bytes()]);
        prop_assert!(!whole.contains_key("undated"));
        prop_assert_eq!(of_debug_logs(&copies), whole);
    }

    #[test]
    fn lost_lines_come_from_other_copies(log in log(8), lost in proptest::collection::vec(1..1000_usize, 2..6), reversed: bool) {
        // What has no clock behind the last that has one is of no time.
        let mut log = log;
        log.push("23:59:59 (orglab) the end\n".to_owned());
        // Each copy lacks one line, and none the line or its neighbours that another one lacks.
        let mut lost: Vec<usize> = lost.iter().map(|lost| lost % (log.len() - 2) / 4 * 4 + 1).collect();
        // How many equal lines there were, only a copy that has all can tell.
        lost.retain(|lost| log.iter().filter(|line| **line == log[*lost]).count() == 1);
        lost.sort_unstable();
        lost.dedup();
        prop_assume!(lost.len() > 1);
        let without = |lost: &usize| -> String {
            log.iter().enumerate().filter(|(at, _)| at != lost).map(|(_, line)| line.as_str()).collect()
        };
        let mut copies: Vec<String> = lost.iter().map(without).collect();
        if reversed {
            copies.reverse();
        }
        let copies: Vec<&[u8]> = copies.iter().map(String::as_bytes).collect();
        prop_assert_eq!(of_debug_logs(&copies), of_debug_logs(&[log.concat().as_bytes()]));
    }

    #[test]
    fn no_copy_panics(copies in proptest::collection::vec(any_text(), 1..5)) {
        let mut evidence = Evidence::in_memory();
        for copy in &copies {
            let _ = evidence.add_debug_log("debug.log", &copy[..], ZONE);
            let _ = evidence.date_beside_blocks(ZONE);
        }
        for text in texts(&evidence).values() {
            prop_assert!(text.ends_with('\n'));
        }
        prop_assert!(settles(&mut evidence, |evidence| drop(evidence.add_debug_log("x", &copies[0][..], ZONE))));
    }
}

fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let words = proptest::sample::select(vec![
        "14:00:20 (d) x\n",
        " 0:00:01 (d) x\n",
        "23:00:00 (d) OUT: \"f\" a@b  \n",
        "10:00:00 (d) TIMESTAMP 12/8/2021\n",
        "11:00:00 (d) TIMESTAMP 12/9/2021\n",
        "2021-12-08T14:00:20Z (d) x\n",
        "x\n",
        "12:49:3a9 (d) x\n",
        "\n",
        "\r\n",
        "\x1e\n",
        "\x1f\n",
        "1",
    ]);
    proptest::collection::vec(words, 0..25).prop_map(|words| words.concat().into_bytes())
}

const DATED: &str = "23:50:00 (d) OUT: \"f\" a@h  \n23:59:00 (d) IN: \"f\" a@h  \n 0:10:00 (d) OUT: \"f\" b@h  \n \
                     6:00:00 (d) TIMESTAMP 12/8/2021\n 7:00:00 (d) IN: \"f\" b@h  \n";

#[test]
fn each_line_is_kept_under_its_day() {
    let kept = of_debug_logs(&[DATED.as_bytes()]);
    let midnight = DATED.find(" 0:10:00").unwrap();
    assert_eq!(kept["debug_log 2021-12-07"], format!("RS\n{}", &DATED[..midnight]));
    assert_eq!(kept["debug_log 2021-12-08"], &DATED[midnight..]);
    let mut evidence = Evidence::in_memory();
    let added = evidence.add_debug_log("x", DATED.as_bytes(), ZONE).unwrap();
    assert_eq!(added, Added { days: [day("2021-12-07"), day("2021-12-08")].into(), n_units: 5, n_undated: 0 });
    let again = evidence.add_debug_log("x", DATED.as_bytes(), ZONE).unwrap();
    assert_eq!(again, Added { days: BTreeSet::new(), n_units: 5, n_undated: 0 });
}

#[test]
fn a_copy_without_a_date_waits_for_one_that_has_it() {
    let at = DATED.find(" 6:00:00").unwrap();
    let mut evidence = Evidence::in_memory();
    let added = evidence.add_debug_log("x", &DATED.as_bytes()[..at], ZONE).unwrap();
    assert_eq!(added, Added { days: BTreeSet::new(), n_units: 0, n_undated: 3 });
    assert_eq!(texts(&evidence)["undated"], format!("RS\n{}", &DATED[..at]));
    let added = evidence.add_debug_log("x", DATED.as_bytes(), ZONE).unwrap();
    assert_eq!((added.n_units, added.days.len()), (5, 2));
    assert_eq!(texts(&evidence), of_debug_logs(&[DATED.as_bytes()]));
    // And the other way round.
    assert_eq!(of_debug_logs(&[DATED.as_bytes(), &DATED.as_bytes()[..at]]), of_debug_logs(&[DATED.as_bytes()]));
}

#[test]
fn the_same_lines_are_of_one_day_whatever_copy_showed_them() {
    // Nothing was written for days, so that no midnight is seen: of which day the second line is, its own copy gets
    // wrong, or the grown one does; it is one line of one day.
    let (first, gap) = (
        "10:00:00 (d) TIMESTAMP 12/1/2021\n11:00:00 (d) a\n",
        "12:00:00 (d) IN: \"f\" b@h\n12:00:01 (d) c\n12:00:02 (d) e\n",
    );
    let last = "13:00:00 (d) TIMESTAMP 12/4/2021\n";
    let (short, grown) = ([gap, last].concat(), [first, gap, last].concat());
    let whole = of_debug_logs(&[grown.as_bytes()]);
    assert_eq!(whole["debug_log 2021-12-04"], last);
    for copies in [[&short, &grown], [&grown, &short]] {
        assert_eq!(of_debug_logs(&copies.map(String::as_bytes)), whole);
    }
    assert_eq!(of_debug_logs(&[short.as_bytes(), [first, gap].concat().as_bytes()]), whole);
}

#[test]
fn what_comes_daily_joins_no_days() {
    let daily = " 6:00:01 (lmgrd) lmgrd re-reading license file\n 6:00:01 (orglab) a\n 6:00:01 (orglab) b\n 6:00:02 (orglab) c\n";
    let of = |day: u32| -> String {
        let line = |minute: u32| format!(" 5:{minute:02}:00 (d) OUT: \"f\" u{day}@h  \n");
        let before: String = (1..8).map(line).collect();
        format!(" 5:00:00 (d) TIMESTAMP 12/{day}/2021\n{before}{daily} 7:00:00 (d) OUT: \"f\" u{day}@h  \n")
    };
    let (a, b) = (of(8), of(12));
    let both = of_debug_logs(&[a.as_bytes(), b.as_bytes()]);
    assert_eq!(both["debug_log 2021-12-08"], format!("RS\n{a}"));
    assert_eq!(both["debug_log 2021-12-12"], format!("RS\n{b}"));
    // Nor does a copy without a date, that shows as much of other things.
    let other = format!(
        " 5:30:00 (d) x\n 5:30:01 (d) y\n 5:40:00 (d) z\n 5:50:00 (d) z\n 5:55:00 (d) z\n{daily} 8:00:00 (d) w\n"
    );
    let three = of_debug_logs(&[a.as_bytes(), b.as_bytes(), other.as_bytes()]);
    assert_eq!(three["undated"], format!("RS\n{other}"));
    assert_eq!(three["debug_log 2021-12-08"], both["debug_log 2021-12-08"]);
}

#[test]
fn what_two_copies_lost_at_one_place_goes_by_its_clock() {
    let line = |minute: u32| format!("10:{minute:02}:00 (d) OUT: \"f\" u{minute}@h  \n");
    let lines = |left_out: u32| -> String {
        let kept = (0..10).filter(|minute| *minute != left_out).map(line);
        std::iter::once("10:00:00 (d) TIMESTAMP 12/8/2021\n".to_owned()).chain(kept).collect()
    };
    // Neither copy knows whether the one line followed the other.
    let (a, b) = (lines(5), lines(4));
    let both = of_debug_logs(&[a.as_bytes(), b.as_bytes()]);
    assert_eq!(only(&both), format!("RS\n{}", lines(10)).replace(&line(5), &format!("RS\n{}", line(5))));
    for copies in [&[&b, &a][..], &[&a, &b, &a, &b, &a], &[&b, &b, &a, &a]] {
        let copies: Vec<&[u8]> = copies.iter().map(|copy| copy.as_bytes()).collect();
        assert_eq!(of_debug_logs(&copies), both);
    }
}

#[test]
fn a_line_that_was_cut_gives_way_to_the_whole_one() {
    let whole = of_debug_logs(&[DATED.as_bytes()]);
    let start = DATED.find(" 0:10:00").unwrap();
    for at in 1..DATED.len() {
        let (head, tail) = (&DATED.as_bytes()[..at], &DATED.as_bytes()[at..]);
        if at > "23:50:00 (d) OUT: \"f\" a@h  \n".len() {
            assert_eq!(of_debug_logs(&[DATED.as_bytes(), head]), whole, "{at}");
            assert_eq!(of_debug_logs(&[head, DATED.as_bytes()]), whole, "{at}");
        }
        if at < start {
            assert_eq!(of_debug_logs(&[DATED.as_bytes(), tail]), whole, "{at}");
            assert_eq!(of_debug_logs(&[tail, DATED.as_bytes()]), whole, "{at}");
        }
    }
}

#[test]
fn undated_lines_are_dated_beside_the_blocks() {
    let log = "23:50:00 (d) OUT: \"f\" a@h  \n 0:10:00 (d) IN: \"f\" a@h  \n 0:20:00 (d) chatter\n";
    let blocks = "Tue Dec  7 23:50:00 CET 2021\n23:50:00 (d) OUT: \"f\" a@h  \nWed Dec  8 00:10:00 CET 2021\n 0:10:00 (d) IN: \"f\" a@h  \n";
    let mut evidence = Evidence::in_memory();
    evidence.add_debug_log("x", log.as_bytes(), ZONE).unwrap();
    assert_eq!(evidence.date_beside_blocks(ZONE).unwrap(), Added::default(), "there are none");
    // One line is not enough.
    evidence.add_logwatch("x", &blocks.as_bytes()[..blocks.find("Wed").unwrap()]).unwrap();
    assert_eq!(evidence.date_beside_blocks(ZONE).unwrap(), Added::default());
    evidence.add_logwatch("x", blocks.as_bytes()).unwrap();
    let added = evidence.date_beside_blocks(ZONE).unwrap();
    assert_eq!(added, Added { days: [day("2021-12-07"), day("2021-12-08")].into(), n_units: 3, n_undated: 0 });
    let kept = texts(&evidence);
    assert_eq!(kept["debug_log 2021-12-07"], "RS\n23:50:00 (d) OUT: \"f\" a@h  \n");
    assert!(!kept.contains_key("undated"));
    // They keep their days where the same copy comes again, grown, with no date yet.
    let grown = format!("{log} 0:30:00 (d) OUT: \"f\" c@h  \n");
    let added = evidence.add_debug_log("x", grown.as_bytes(), ZONE).unwrap();
    assert_eq!(added, Added { days: [day("2021-12-08")].into(), n_units: 4, n_undated: 0 });
    // And lose them to a date of the log's own.
    let dated = format!("{grown} 0:40:00 (d) TIMESTAMP 12/9/2021\n");
    evidence.add_debug_log("x", dated.as_bytes(), ZONE).unwrap();
    assert_eq!(
        evidence.days(Kind::DebugLog).keys().copied().collect::<Vec<_>>(),
        [day("2021-12-08"), day("2021-12-09")]
    );
    assert!(evidence.undated().unwrap().is_none());
}

#[test]
fn whoever_knows_it_names_the_day() {
    let mut evidence = Evidence::in_memory();
    evidence.add_debug_log("x", &b"10:00:00 (d) a\n"[..], ZONE).unwrap();
    evidence.add_debug_log("y", &b"11:00:00 (d) b\n12:00:00 (d) c"[..], ZONE).unwrap();
    let by = |lines: &[&str]| (lines == ["11:00:00 (d) b", "12:00:00 (d) c"]).then(|| day("2021-12-08"));
    evidence.date_undated(ZONE, &by).unwrap();
    let kept = texts(&evidence);
    assert_eq!(kept["debug_log 2021-12-08"], "RS\n11:00:00 (d) b\n12:00:00 (d) cUS\n");
    assert_eq!(kept["undated"], "RS\n10:00:00 (d) a\n");
}

#[test]
fn a_run_that_was_killed_while_lines_moved_is_mended() {
    let whole = of_debug_logs(&[DATED.as_bytes()]);
    let mut evidence = Evidence::in_memory();
    evidence.add_debug_log("x", DATED.as_bytes(), ZONE).unwrap();
    // The sequence is among the undated lines, and the day that loses lines has lost them.
    let undated = [b"\x1e\n", DATED.as_bytes()].concat();
    evidence.store.put(Kind::DebugLog, Slot::Undated, &undated).unwrap();
    evidence.store.put(Kind::DebugLog, Slot::Day(day("2021-12-07")), b"").unwrap();
    evidence.add_debug_log("y", &b" 8:00:00 (d) TIMESTAMP 1/8/2022\n"[..], ZONE).unwrap();
    let mut mended = texts(&evidence);
    assert!(mended.remove("debug_log 2022-01-08").is_some());
    assert_eq!(mended, whole);
}
