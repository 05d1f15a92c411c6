//! Copies of a logwatch.

use std::fmt::Write;

use super::*;

const LOGWATCH: &[u8] = include_bytes!("../../../fixtures/replay/origin.labo.example/files/logwatch");

/// Blocks of a logwatch that runs over midnights: of any number in a second, some of them twice; from a step of 2 on, one
/// in a second.
fn log(first_step: usize) -> impl Strategy<Value = Vec<String>> {
    let block = (first_step..8_usize, 0..3_usize, 0..4_u8, any::<bool>());
    (proptest::collection::vec(block, 14..60), 0..86_400_i64).prop_map(|(blocks, start)| {
        let first = day("2021-12-08").and_hms_opt(0, 0, 0).unwrap() + chrono::Duration::seconds(start);
        let mut at = first;
        let mut all: Vec<String> = Vec::new();
        for (n, (step, n_sockets, who, is_twice)) in blocks.into_iter().enumerate() {
            at += chrono::Duration::seconds([0, 0, 1, 1, 30, 3600, 20_000, 90_000][step]);
            let mut text = at.format("%a %b %e %H:%M:%S CET %Y\n").to_string();
            for socket in 0..n_sockets {
                let _ =
                    writeln!(text, "ESTAB 0      0      [::ffff:10.0.0.1]:60213 [::ffff:10.0.0.{socket}]:50001       ");
            }
            // Every block is another one, or the same as the one before.
            let _ = writeln!(text, "{} (orglab) OUT: \"OriginPro\" user{who}@PC-{n}  ", at.format("%k:%M:%S"));
            all.push(text.clone());
            if is_twice && step == 0 {
                all.push(text);
            }
        }
        all
    })
}

fn block(clock: &str, line: &str) -> String {
    format!("mer. déc.  8 {clock} CET 2021\nESTAB 0 0 10.0.0.1:60213 10.0.0.2:50000\n{clock} (d) {line}\n")
}

#[test]
fn a_few_blocks_of_a_clock_that_was_years_back_stand_where_the_log_has_them() {
    let wrong =
        block("00:01:10", "OUT: \"f\" bob@PC-2").replace("déc.  8 00:01:10 CET 2021", "janv.  1 00:01:10 CET 2015");
    let (morning, noon) = (block("09:00:00", "OUT: \"f\" anna@PC-1"), block("12:00:00", "IN: \"f\" anna@PC-1"));
    let whole = [morning.as_str(), &wrong, &noon].concat();
    let kept = of_logwatches(&[whole.as_bytes()]);
    assert_eq!(only(&kept), format!("RS\n{whole}"));
    assert_eq!(of_logwatches(&[whole.as_bytes(), whole.as_bytes()]), kept);
    // A copy that ends there waits for what comes behind.
    let cut = [morning.as_str(), &wrong].concat();
    assert_eq!(only(&of_logwatches(&[cut.as_bytes()])), format!("RS\n{morning}"));
    assert_eq!(of_logwatches(&[cut.as_bytes(), whole.as_bytes()]), kept);
    // It is the block far ahead that is wrong where the log goes on behind it.
    let ahead = block("10:00:00", "x").replace("2021", "2099");
    let kept = of_logwatches(&[[morning.as_str(), &ahead, &noon].concat().as_bytes()]);
    assert_eq!(kept.len(), 2);
    assert!(kept["logwatch 2021-12-08"].contains(&noon), "{kept:?}");
    // A log that goes on there, or a second one of years before, is of its own time.
    let many: String = (0..60).map(|minute| wrong.replace("00:01:10", &format!("00:{minute:02}:10"))).collect();
    assert_eq!(of_logwatches(&[[morning.as_str(), &many].concat().as_bytes()]).len(), 2);
}

/// A copy that begins with the end of one line, which an earlier block ends with too.
#[test]
fn the_end_of_a_line_is_not_that_of_another_block() {
    let log = [block("07:00:00", "TIMESTAMP 12/8/2021"), block("08:30:00", "OUT: \"OriginPro\" anna@PC-1")];
    let log =
        [log, [block("08:45:00", "TIMESTAMP 12/9/2021"), block("09:05:00", "IN: \"OriginPro\" anna@PC-1")]].concat();
    let whole = log.concat();
    let noon = [block("12:00:00", "TIMESTAMP 12/8/2021"), block("13:00:00", "OUT: \"OriginPro\" bob@PC-2")];
    let evening = format!("{}{}", noon.concat(), block("18:00:00", "IN: \"OriginPro\" bob@PC-2"));
    let copies = [&whole[..whole.len() - 8], &evening[noon[0].len() - 12..], &whole[log[0].len() + 20..]];
    let bridge = format!("{}{}", &whole[log[0].len() + log[1].len() + 20..], noon.concat());
    let copies = copies.map(str::as_bytes);
    let all = [copies[0], copies[1], bridge.as_bytes(), copies[2]];
    assert_eq!(of_logwatches(&all), of_logwatches(&[format!("{whole}{evening}").as_bytes()]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_cuts_in_any_order_are_the_whole(log in log(0), cuts in cuts()) {
        let copies = cuts.copies(&log, 3);
        let copies: Vec<&[u8]> = copies.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(of_logwatches(&copies), of_logwatches(&[log.concat().as_bytes()]));
    }

    #[test]
    fn any_cuts_of_the_fixture_are_the_whole(first in 0.1..0.8_f64, shared in 0.15..0.3_f64) {
        let (start, end) = (part(LOGWATCH.len(), first), part(LOGWATCH.len(), first + shared));
        let (one, other) = (&LOGWATCH[..end.min(LOGWATCH.len())], &LOGWATCH[start..]);
        let whole = of_logwatches(&[LOGWATCH]);
        prop_assert_eq!(of_logwatches(&[one, other]), whole.clone());
        prop_assert_eq!(of_logwatches(&[other, one, other]), whole);
    }

    #[test]
    fn cuts_that_share_nothing_cost_a_mark_each(log in log(2), cuts in proptest::collection::vec(0..1000_usize, 1..4), reversed: bool) {
        let whole = log.concat().into_bytes();
        // At the ends of lines.
        let ends: Vec<usize> = memchr::memchr_iter(b'\n', &whole).map(|end| end + 1).collect();
        let mut at: Vec<usize> = cuts.iter().map(|cut| ends[cut % ends.len()]).collect();
        at.extend([0, whole.len()]);
        at.sort_unstable();
        let mut copies: Vec<&[u8]> = at.windows(2).map(|pair| &whole[pair[0]..pair[1]]).collect();
        // What has no date is kept nowhere.
        copies.retain(|copy| copy.windows(9).any(|part| part == b" CET 2021"));
        let without_marks = |copies: &[&[u8]]| -> Vec<(String, String)> {
            of_logwatches(copies).into_iter().map(|(name, text)| (name, text.replace("RS\n", ""))).collect()
        };
        let whole = without_marks(&[&copies.concat()]);
        let shown: Vec<_> = whole.iter().map(|(_, text)| text.clone()).collect();
        if reversed {
            copies.reverse();
        }
        let cut: Vec<_> = without_marks(&copies).into_iter().map(|(_, text)| text).collect();
        prop_assert_eq!(cut.concat(), shown.concat());
    }

    #[test]
    fn no_copy_panics(copies in proptest::collection::vec(any_text(), 1..4)) {
        let mut evidence = Evidence::in_memory();
        for copy in &copies {
            let _ = evidence.add_logwatch("logwatch", &copy[..]);
        }
        let before = texts(&evidence);
        for copy in &copies {
            if let Ok(added) = evidence.add_logwatch("logwatch", &copy[..]) {
                prop_assert!(added.days.iter().all(|day| evidence.days(Kind::Logwatch).contains_key(day)));
            }
        }
        prop_assert!(before.values().all(|text| text.ends_with('\n')));
        prop_assert!(settles(&mut evidence, |evidence| drop(evidence.add_logwatch("x", &copies[0][..]))));
    }
}

fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let words = proptest::sample::select(vec![
        "mer. déc.  8 14:00:20 CET 2021",
        "jeu. déc.  9 00:00:01 CET 2021",
        "2021-12-08T14:00:20",
        "ESTAB 0 0 a b",
        "14:00:20 (d) x",
        "\n",
        "\n",
        "\n",
        "\r\n",
        "\x1e",
        "\x1f",
        "déc.",
    ]);
    proptest::collection::vec(words, 0..30).prop_map(|words| words.concat().into_bytes())
}

#[test]
fn a_copy_is_kept_by_its_days() {
    let log =
        [block("23:59:58", "a"), block("23:59:59", "b")].concat() + "jeu. déc.  9 00:00:01 CET 2021\n00:00:01 (d) c\n";
    let mut evidence = Evidence::in_memory();
    let added = evidence.add_logwatch("logwatch", log.as_bytes()).unwrap();
    assert_eq!(added, Added { days: [day("2021-12-08"), day("2021-12-09")].into(), n_units: 3, n_undated: 0 });
    let texts = texts(&evidence);
    assert_eq!(texts["logwatch 2021-12-08"], format!("RS\n{}{}", block("23:59:58", "a"), block("23:59:59", "b")));
    assert_eq!(texts["logwatch 2021-12-09"], "jeu. déc.  9 00:00:01 CET 2021\n00:00:01 (d) c\n");
    let again = evidence.add_logwatch("logwatch", log.as_bytes()).unwrap();
    assert_eq!(again, Added { days: BTreeSet::new(), n_units: 3, n_undated: 0 });
}

#[test]
fn line_ends_and_the_byte_order_mark_are_no_text() {
    let log = block("10:00:00", "a") + &block("10:00:01", "b");
    let windows = format!("\u{feff}{}", log.replace('\n', "\r\n"));
    assert_eq!(of_logwatches(&[windows.as_bytes()]), of_logwatches(&[log.as_bytes()]));
    // Cut between the two bytes of a line end, too.
    let at = windows.len() - 1;
    assert_eq!(of_logwatches(&[&windows.as_bytes()[..at]]), of_logwatches(&[&log.as_bytes()[..log.len() - 1]]));
    let latin = b"mer. d\xe9c.  8 10:00:00 CET 2021\n10:00:00 (d) OUT: \"f\" \xc9lo\xefse@h\n";
    let mut evidence = Evidence::in_memory();
    evidence.add_logwatch("logwatch", &latin[..]).unwrap();
    let kept = evidence.text(Kind::Logwatch, day("2021-12-08")).unwrap().unwrap();
    assert_eq!(kept, [b"\x1e\n", &latin[..]].concat());
}

#[test]
fn a_lost_line_comes_from_the_other_copy() {
    let blocks: Vec<String> = (0..6).map(|n| block(&format!("10:00:0{n}"), "x")).collect();
    let without = |lost: usize| -> String {
        let kept = blocks.iter().enumerate().filter(|(n, _)| *n != lost);
        kept.map(|(_, block)| block.as_str()).collect()
    };
    let whole = of_logwatches(&[blocks.concat().as_bytes()]);
    for copies in [[without(1), without(4)], [without(4), without(1)]] {
        assert_eq!(of_logwatches(&copies.each_ref().map(String::as_bytes)), whole);
    }
    // Both lack something at one place: what each has goes by its time, and nothing is known to follow.
    let (a, b) = ([0, 1, 4].map(|n| blocks[n].as_str()).concat(), [0, 3, 4].map(|n| blocks[n].as_str()).concat());
    let both = of_logwatches(&[a.as_bytes(), b.as_bytes()]);
    assert_eq!(only(&both), format!("RS\n{}{}RS\n{}{}", blocks[0], blocks[1], blocks[3], blocks[4]));
    assert_eq!(of_logwatches(&[b.as_bytes(), a.as_bytes()]), both);
}

#[test]
fn a_block_that_was_cut_gives_way_to_the_whole_one() {
    let log = [block("10:00:00", "a"), block("10:00:01", "b"), block("10:00:02", "c")].concat();
    let whole = of_logwatches(&[log.as_bytes()]);
    for at in 1..log.len() {
        let (head, tail) = log.as_bytes().split_at(at);
        for copies in [[head, log.as_bytes()], [tail, log.as_bytes()], [log.as_bytes(), head], [log.as_bytes(), tail]] {
            assert_eq!(of_logwatches(&copies), whole, "cut at {at}");
        }
    }
}

#[test]
fn a_block_that_was_cut_waits_for_the_whole_one() {
    let log = [block("10:00:00", "a"), block("10:00:01", "b")].concat();
    let at = log.rfind("ESTAB").unwrap() + 10;
    let kept = of_logwatches(&[&log.as_bytes()[..at]]);
    assert_eq!(only(&kept), format!("RS\n{}US\n", &log[..at]));
    // The rest of it alone says nothing of its day.
    let mut evidence = Evidence::in_memory();
    let added = evidence.add_logwatch("logwatch", &log.as_bytes()[at..]).unwrap();
    assert_eq!((added.n_units, added.n_undated, evidence.is_empty()), (0, 1, true));
}

#[test]
fn a_cut_at_midnight_is_healed_over_two_days() {
    let log = [
        block("23:59:50", "a"),
        block("23:59:59", "b"),
        block("00:00:01", "c").replace("mer. déc.  8", "jeu. déc.  9"),
        block("00:00:02", "d").replace("mer. déc.  8", "jeu. déc.  9"),
    ]
    .concat();
    let whole = of_logwatches(&[log.as_bytes()]);
    for at in 1..log.len() {
        let (head, tail) = log.as_bytes().split_at(at);
        for copies in [[head, log.as_bytes()], [tail, log.as_bytes()], [log.as_bytes(), head], [log.as_bytes(), tail]] {
            assert_eq!(of_logwatches(&copies), whole, "cut at {at}: {}", copies.map(String::from_utf8_lossy).join("|"));
        }
        assert_eq!(of_logwatches(&[head, tail, log.as_bytes()]), whole, "cut at {at}");
        assert_eq!(of_logwatches(&[tail, head, log.as_bytes()]), whole, "cut at {at}");
    }
}

#[test]
fn what_is_left_of_a_date_line_is_no_other_date() {
    let line = |day: u32, n: u32| format!("mer. {day} déc. 2021 10:00:0{n} CET\n10:00:0{n} (d) x\n");
    let log = [line(18, 0), line(18, 1), line(18, 2)].concat();
    let cut = &log.as_bytes()["mer. 1".len()..];
    let kept = of_logwatches(&[cut]);
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["logwatch 2021-12-18"], "not the 8th");
    assert_eq!(of_logwatches(&[cut, log.as_bytes()]), of_logwatches(&[log.as_bytes()]));
}

#[test]
fn two_watchers_blocks_stand_by_time() {
    let own = |who: &str, clocks: &[&str]| clocks.iter().map(|clock| block(clock, who)).collect::<String>();
    let (a, b) = (own("a", &["10:00:00", "10:00:05", "10:00:06"]), own("b", &["10:00:01", "10:00:05"]));
    let both = of_logwatches(&[a.as_bytes(), b.as_bytes()]);
    let clocks: Vec<&str> = only(&both).lines().filter(|line| line.contains("(d)")).collect();
    assert_eq!(
        clocks,
        ["10:00:00 (d) a", "10:00:01 (d) b", "10:00:05 (d) b", "10:00:05 (d) a", "10:00:06 (d) a"],
        "at one second, what is known to follow stays together"
    );
    assert_eq!(of_logwatches(&[b.as_bytes(), a.as_bytes()]), both);
    assert_eq!(of_logwatches(&[b.as_bytes(), a.as_bytes(), b.as_bytes(), a.as_bytes()]), both);
    let grown = own("a", &["10:00:00", "10:00:05", "10:00:06", "10:00:09"]);
    assert_eq!(
        of_logwatches(&[a.as_bytes(), b.as_bytes(), grown.as_bytes()]),
        of_logwatches(&[grown.as_bytes(), b.as_bytes()])
    );
}

#[test]
fn clocks_that_go_back_keep_the_order_of_the_log() {
    let log: String =
        ["10:00:00", "10:59:59", "10:30:00", "10:30:01", "10:31:00"].map(|clock| block(clock, "x")).concat();
    let whole = of_logwatches(&[log.as_bytes()]);
    assert_eq!(only(&whole), format!("RS\n{log}"));
    let ends: Vec<usize> = log.match_indices("mer.").map(|(at, _)| at).collect();
    let (first, second) = (&log.as_bytes()[..ends[4] + 9], &log.as_bytes()[ends[2] + 7..]);
    for copies in [[first, second], [second, first]] {
        assert_eq!(of_logwatches(&copies), whole);
    }
    // Back over midnight: two parts of the earlier day, not known to follow each other.
    let later = block("00:00:01", "y").replace("mer. déc.  8", "jeu. déc.  9");
    let over =
        [block("23:59:58", "x"), later.clone(), block("23:59:59", "x"), later.replace("00:01", "00:02")].concat();
    let kept = of_logwatches(&[over.as_bytes()]);
    let earlier = format!("RS\n{}RS\n{}", block("23:59:58", "x"), block("23:59:59", "x"));
    assert_eq!(kept["logwatch 2021-12-08"], earlier);
    assert_eq!(kept["logwatch 2021-12-09"], format!("{later}RS\n{}", later.replace("00:01", "00:02")));
    assert_eq!(of_logwatches(&[over.as_bytes(), over.as_bytes()]), kept);
}

#[test]
fn the_hour_that_comes_twice_is_in_order() {
    let hour = |zone: &str, minute: u32| format!("Sun Oct 31 02:{minute:02}:00 {zone} 2021\n 2:{minute:02}:00 (d) x\n");
    let (first, second) = ([hour("CEST", 30), hour("CEST", 50)].concat(), [hour("CET", 10), hour("CET", 40)].concat());
    let kept = of_logwatches(&[second.as_bytes(), first.as_bytes()]);
    assert_eq!(only(&kept), format!("RS\n{first}RS\n{second}"));
}

#[test]
fn equal_blocks_of_one_second_are_as_many_as_a_copy_shows() {
    let (a, x, b) = (block("10:00:00", "a"), block("10:00:01", "x"), block("10:00:02", "b"));
    let log = [a.clone(), x.clone(), x.clone(), x.clone(), b.clone()].concat();
    let whole = of_logwatches(&[log.as_bytes()]);
    let (early, late) = ([a, x.clone()].concat(), [x.clone(), x, b].concat());
    for copies in [[&log, &early, &late], [&early, &late, &log], [&late, &log, &early]] {
        assert_eq!(of_logwatches(&copies.map(String::as_bytes)), whole);
    }
}

#[test]
fn what_is_no_text_is_refused_by_name() {
    let mut evidence = Evidence::in_memory();
    let refused = evidence.add_logwatch("/var/log/x.pdf", &b"%PDF-1.7"[..]).unwrap_err();
    assert_eq!(refused.to_string(), "`/var/log/x.pdf` is a PDF document, expected plain text");
    assert!(evidence.add_logwatch("empty", &b""[..]).is_err());
    assert!(evidence.is_empty());
}
