//! Daemons that stop, die and start again, and logs of other zones.

use super::*;

/// The sessions by a debug log of lines as they are.
fn sessions_of(lines: &[&str]) -> Vec<String> {
    sessions(&of_debug_log(&lines.join("\n")))
}

#[test]
fn a_daemon_that_stops_in_good_order_gives_its_tokens_back_one_by_one() {
    let lines = [
        "08:00:00 OUT anna@PC-1",
        "08:10:00 OUT bob@PC-2",
        "08:20:00 OUT cleo@PC-3",
        "09:14:44 (lmgrd) SHUTDOWN request from root at node origin",
        "09:14:44 (lmgrd) Shutting down d pid=496 because of signal 15",
        "09:14:44 (lmgrd) daemon shutdown requested - shutting down",
        "09:14:45 (d) IN: \"f\" anna@PC-1  (SHUTDOWN)",
        "09:14:45 (lmgrd) EXITING DUE TO SIGNAL 15",
        "09:14:46 (d) IN: \"f\" bob@PC-2  (SHUTDOWN)",
        "09:14:50 (lmgrd) FlexNet Licensing (v11.16.5.1) started on origin (linux) (12/8/2021)",
        "09:17:00 OUT anna@PC-1",
        "10:00:00 IN anna@PC-1",
    ];
    let analysis = of_debug_log(&lines.join("\n"));
    let expected = [
        "anna 08:00:00-09:14:45 closed -",
        "bob 08:10:00-09:14:46 closed -",
        "cleo 08:20:00-09:14:44 presumed -",
        "anna 09:17:00-10:00:00 closed -",
    ];
    assert_eq!(sessions(&analysis), expected);
    let n_in = analysis.tokens.iter().filter(|token| token.kind == crate::parse::flexnet::TokenKind::In).count();
    assert_eq!(n_in, 4, "each token is given back once");
}

#[test]
fn a_give_back_long_after_a_stop_is_none_of_it() {
    let lines = ["08:00:00 OUT anna@PC-1", "09:00:00 (d) EXITING DUE TO SIGNAL 11", "09:02:00 IN anna@PC-1"];
    assert_eq!(sessions_of(&lines), ["anna 08:00:00-09:00:00 presumed -"]);
}

#[test]
fn what_ends_another_vendors_daemon_ends_nothing_here() {
    for line in [
        "09:00:00 (lmgrd) adskflex exited with status 58 (Killed)",
        "09:00:00 (lmgrd) Shutting down adskflex pid=77 because of signal 15",
        "09:00:00 (lmgrd) REStarted adskflex (internet tcp_port 2080 pid 77)",
        "09:00:00 (adskflex) EXITING DUE TO SIGNAL 15 Exit reason 5",
        "09:00:00 (adskflex) EXITING WITH CODE 44",
        "09:00:00 (adskflex) daemon shutdown requested - shutting down",
    ] {
        let both = ["08:00:00 OUT anna@PC-1", line, "10:00:00 IN anna@PC-1"];
        assert_eq!(sessions_of(&both), ["anna 08:00:00-10:00:00 closed -"], "{line}");
        let open = ["08:00:00 OUT anna@PC-1", line, "10:00:00"];
        assert_eq!(sessions_of(&open), ["anna 08:00:00-10:00:00 open -"], "{line}");
    }
}

#[test]
fn a_daemon_that_dies_alone_ends_its_tokens_then() {
    for line in [
        "09:00:00 (lmgrd) d exited with status 58 (Killed)",
        "09:00:00 (lmgrd) Vendor daemon died with status 11",
        "09:00:00 (lmgrd) MASTER SERVER died due to signal 9",
        "09:00:00 (lmgrd) REStarted d (internet tcp_port 2080 pid 77)",
        "09:00:00 (d) EXITING DUE TO SIGNAL 11 Exit reason 5",
        "09:00:00 (d) EXITING WITH CODE 44",
    ] {
        let lines = ["08:00:00 OUT anna@PC-1", line, "10:00:00 OUT anna@PC-1", "11:00:00 IN anna@PC-1"];
        let expected = ["anna 08:00:00-09:00:00 presumed -", "anna 10:00:00-11:00:00 closed -"];
        assert_eq!(sessions_of(&lines), expected, "{line}");
    }
}

#[test]
fn features_of_two_daemons_end_with_their_own() {
    let lines = [
        "08:00:00 OUT anna@PC-1",
        "08:00:00 (e) OUT: \"g\" bob@PC-2  ",
        "09:00:00 (lmgrd) e exited with status 58 (Killed)",
        "10:00:00",
    ];
    assert_eq!(sessions_of(&lines), ["anna 08:00:00-10:00:00 open -", "bob 08:00:00-09:00:00 presumed -"]);
}

#[test]
fn a_log_that_names_its_zone_is_read_in_it() {
    let tokens = "22:30:00 OUT anna@PC-1\n22:45:00 IN anna@PC-1";
    for (zone, expected) in [
        ("UTC", "anna 23:30:00-23:45:00 closed -"),
        ("Coordinated Universal Time", "anna 23:30:00-23:45:00 closed -"),
        ("CET", "anna 22:30:00-22:45:00 closed -"),
        ("W. Europe Standard Time", "anna 22:30:00-22:45:00 closed -"),
        ("", "anna 22:30:00-22:45:00 closed -"),
    ] {
        let said = format!("(lmgrd) Server's System Date and Time: Wed Dec 08 2021 22:00:00 {zone}");
        assert_eq!(sessions_of(&[&format!("22:00:00 {said}"), tokens]), [expected], "{zone}");
        // What stands before the line is of the same clock.
        assert_eq!(
            sessions_of(&[tokens, &format!("22:50:00 {}", said.replace("22:00", "22:50"))]),
            [expected],
            "{zone}"
        );
    }
}

#[test]
fn a_list_that_lacks_somebody_ends_nobody() {
    let blocks = logwatch(
        "09:00:00 1.5:51000*432 | 09:00:00 OUT anna@PC-1
         10:00:00 1.5:51000 1.6:52000*432 | 10:00:00 OUT bob@PC-2
         17:29:00 1.5:51000 1.6:52000 | 17:29:00",
    );
    let list = |in_use: u32| {
        let lmstat = format!(
            "Flexible License Manager status on Wed 12/8/2021 17:29\nUsers of f:  (Total of 9 licenses issued;  Total of {in_use} licenses in use)\n    anna PC-1 PC-1 (v1) (s/1 2), start Wed 12/8 9:00\n"
        );
        sessions(&analysed(&Copies { logwatch: &blocks, lmstat: &lmstat, ..Copies::default() }))
    };
    assert_eq!(list(2), ["anna 09:00:00-17:29:00 open 10.0.1.5", "bob 10:00:00-17:29:00 open 10.0.1.6"]);
    assert!(list(1)[1].ends_with("presumed 10.0.1.6"), "{:?}", list(1));
}

#[test]
fn a_line_that_says_more_tokens_than_there_are_is_one() {
    let with = |count: &str, lmstat: &str| {
        let log = debug_log(&format!(
            "09:00:00 (d) OUT: \"f\" anna@PC-1  ({count} licenses)\n10:00:00 (d) IN: \"f\" anna@PC-1  ({count} licenses)"
        ));
        let analysis = analysed(&Copies { debug_log: &log, lmstat, ..Copies::default() });
        (analysis.holds[0].licences, kinds(&analysis))
    };
    let twenty = "Flexible License Manager status on Wed 12/8/2021 11:00\n\
                  Users of f:  (Total of 20 licenses issued;  Total of 0 licenses in use)\n";
    assert_eq!(with("2", ""), (2, vec![]));
    assert_eq!(with("4294967295", ""), (1, vec!["count-beyond"; 2]));
    assert_eq!(with("20", twenty), (20, vec![]));
    assert_eq!(with("21", twenty), (1, vec!["count-beyond"; 2]));
}

/// What `lmstat` answered on the evening of 8 December.
fn listed(clock: &str, in_use: u32, lines: &str) -> String {
    format!(
        "Flexible License Manager status on Wed 12/8/2021 {clock}\nUsers of f:  (Total of 9 licenses issued;  Total of {in_use} licenses in use)\n{lines}"
    )
}

#[test]
fn a_token_that_lingers_for_days_is_borrowed_and_no_use() {
    let blocks = logwatch(
        "09:00:00 1.5:51000*432 | 09:00:00 OUT anna@PC-1
         09:10:00 | 09:10:00 chatter
         10:00:00 1.5:51001*432 | 10:00:00 OUT anna@PC-1
         11:00:00 | 11:00:00 IN anna@PC-1
         17:29:00 | 17:29:00",
    );
    let with = |linger: &str| {
        let lmstat = listed("17:29", 1, &format!("    anna PC-1 PC-1 (v1) (s/1 2), start Wed 12/8 9:00{linger}\n"));
        let analysis = analysed(&Copies { logwatch: &blocks, lmstat: &lmstat, ..Copies::default() });
        (sessions(&analysis), analysis.holds.len())
    };
    let borrowed = "anna 09:00:00-17:29:00 borrowed 10.0.1.5".to_owned();
    let used = "anna 10:00:00-11:00:00 closed 10.0.1.5".to_owned();
    let both = (vec![borrowed, used], 2);
    assert_eq!(with(" (linger: 590000 / 604800)"), both);
    // Lingering for a while, without its connection.
    assert_eq!(with(" (linger: 600 / 1800)"), both);
    assert_eq!(with("").0, ["anna 09:00:00-17:29:00 open 10.0.1.5"], "it is there, and no more is known");
}

#[test]
fn a_token_that_may_linger_is_in_use_while_its_connection_is_there() {
    let blocks = logwatch("09:00:00 1.5:51000*432 | 09:00:00 OUT anna@PC-1\n17:29:00 1.5:51000 | 17:29:00");
    let lmstat = listed("17:29", 1, "    anna PC-1 PC-1 (v1) (s/1 2), start Wed 12/8 9:00 (linger: 0 / 1800)\n");
    let analysis = analysed(&Copies { logwatch: &blocks, lmstat: &lmstat, ..Copies::default() });
    assert_eq!(sessions(&analysis), ["anna 09:00:00-17:29:00 open 10.0.1.5"]);
}

#[test]
fn a_token_that_outlives_its_connection_by_a_day_while_its_pair_takes_others_is_borrowed() {
    let on = |day: u32, blocks: &str| logwatch(blocks).replace(DAY, &format!("2021-12-{day:02}"));
    let taken =
        "07:00:00 1.5:51000*432 | 07:00:00 jeton begins | 07:00:00 OUT anna@PC-1\n07:10:00 | 07:10:00 jeton pulse";
    let given = |clock: &str| format!("{clock} | {clock} IN anna@PC-1");
    let other = "10:00:00 1.5:51001*432 | 10:00:00 OUT anna@PC-1\n11:00:00 | 11:00:00 IN anna@PC-1";
    let with = |blocks: &[String]| sessions(&analysed(&Copies { logwatch: &blocks.concat(), ..Copies::default() }));
    assert_eq!(
        with(&[on(8, taken), on(9, other), on(10, &given("17:10:00"))]),
        ["anna 07:00:00-17:10:00 borrowed 10.0.1.5", "anna 10:00:00-11:00:00 closed 10.0.1.5"]
    );
    // A machine that sleeps for less than a day, and one whose user took no other.
    assert_eq!(
        with(&[on(8, taken), on(8, other), on(9, &given("07:00:00"))]),
        ["anna 07:00:00-07:00:00 closed 10.0.1.5"]
    );
    assert_eq!(with(&[on(8, taken), on(10, &given("17:10:00"))]), ["anna 07:00:00-17:10:00 closed 10.0.1.5"]);
    // Somebody who has a window open all the time may have this one there, too.
    let always = "08:00:00 1.5:51001*432 | 08:00:00 OUT anna@PC-1";
    let both = "17:10:00 1.5:51001 | 17:10:00 IN anna@PC-1\n17:20:00 | 17:20:00 IN anna@PC-1";
    assert_eq!(with(&[on(8, taken), on(8, always), on(10, both)]), ["anna 07:00:00-17:20:00 closed 10.0.1.5"]);
}

#[test]
fn a_borrowed_token_outlives_its_daemon() {
    let log = debug_log(
        "09:00:00 (d) OUT: \"f\" anna@PC-1  \n10:00:00 (d) OUT: \"f\" bob@PC-2  \n12:00:00 (d) EXITING DUE TO SIGNAL 15\n12:01:00 (lmgrd) FlexNet Licensing (v11.16) started on srv (12/8/2021)\n17:00:00 (d) IN: \"f\" anna@PC-1  ",
    );
    let line = "    anna PC-1 PC-1 (v1) (s/1 2), start Wed 12/8 9:00 (linger: 590000 / 604800)\n    bob PC-2 PC-2 (v1) (s/1 2), start Wed 12/8 10:00\n";
    let lmstat = listed("11:00", 2, line);
    let analysis = analysed(&Copies { debug_log: &log, lmstat: &lmstat, ..Copies::default() });
    assert_eq!(sessions(&analysis), ["anna 09:00:00-17:00:00 borrowed -", "bob 10:00:00-12:00:00 presumed -"]);
}

#[test]
fn what_lmstat_counts_is_kept_where_its_list_is_whole() {
    let anna = "    anna PC-1 PC-1 (v1) (s/1 2), start Wed 12/8 9:00\n";
    let log = debug_log("09:00:00 (d) OUT: \"f\" anna@PC-1  ");
    let counted = |in_use: u32, lines: &str| {
        let analysis =
            analysed(&Copies { debug_log: &log, lmstat: &listed("11:00", in_use, lines), ..Copies::default() });
        analysis.in_use.iter().map(|(_, _, count)| *count).collect::<Vec<_>>()
    };
    assert_eq!(counted(1, anna), [1]);
    assert_eq!(counted(1, &anna.repeat(3)), [1], "three windows that share a token");
    assert_eq!(counted(2, anna), [0_u32; 0], "somebody is missing");
    // What is reserved for somebody is in use for FlexNet, and in nobody's hands.
    assert_eq!(counted(3, &format!("    2 RESERVATIONs for GROUP X (s/27000)\n{anna}")), [1]);
}
