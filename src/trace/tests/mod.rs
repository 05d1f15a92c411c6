//! Small traces that show one thing each.

mod connections;
mod servers;

use chrono_tz::Europe::Paris;

use super::*;
use crate::derivation::{Derivation, DhcpNames, derive_all};
use crate::evidence;
use crate::pipeline::newest;

const DAY: &str = "2021-12-08";

/// A logwatch in short: a line per block, `09:00:00 +1.5:51000*432 | 09:00:00 OUT anna@PC-1`. Of a block, the connections
/// (client `10.0.1.5`, its port, the bytes in flight, `!` where the server is closing) and the log lines.
fn logwatch(blocks: &str) -> String {
    let mut lines = Vec::new();
    for block in blocks.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut parts = block.split(" | ");
        let mut head = parts.next().unwrap_or_default().split(' ');
        lines.push(format!("{DAY} {}", head.next().unwrap_or_default()));
        for socket in head {
            let state = if socket.ends_with('!') { "FIN-WAIT-1" } else { "ESTAB" };
            let (peer, bytes) = socket.trim_end_matches('!').split_once('*').unwrap_or((socket, "0"));
            lines.push(format!("{state} 0 {bytes} 10.0.0.1:60213 10.0.{peer}"));
        }
        lines.extend(parts.map(log_line));
    }
    lines.join("\n") + "\n"
}

/// `09:00:00 OUT anna@PC-1` as the daemon writes it; what names its daemon, as it is.
fn log_line(line: &str) -> String {
    if line.contains(" (") {
        return line.to_owned();
    }
    match line.splitn(3, ' ').collect::<Vec<_>>()[..] {
        [clock, "jeton", word] => format!("{clock} (jeton) collect: {word}"),
        [clock, kind, who] => format!("{clock} (d) {kind}: \"f\" {who}  "),
        _ => format!("{line} (d) chatter"),
    }
}

fn debug_log(lines: &str) -> String {
    let lines: Vec<String> = lines.lines().map(|line| log_line(line.trim())).collect();
    format!("06:00:00 (d) TIMESTAMP 12/8/2021\n{}\n", lines.join("\n"))
}

/// What copies say, each of which can be empty.
#[derive(Default)]
struct Copies<'a> {
    logwatch: &'a str,
    debug_log: &'a str,
    lmstat: &'a str,
}

/// All that follows from some copies, as of the newest moment that they name.
fn analysed(copies: &Copies<'_>) -> Analysis {
    analysed_with(copies, DhcpNames::default())
}

/// The same, with the DHCP names of addresses.
fn analysed_with(copies: &Copies<'_>, names: DhcpNames) -> Analysis {
    let mut evidence = evidence::Evidence::in_memory();
    if !copies.logwatch.is_empty() {
        evidence.add_logwatch("logwatch", copies.logwatch.as_bytes()).unwrap();
    }
    if !copies.debug_log.is_empty() {
        evidence.add_debug_log("debug.log", copies.debug_log.as_bytes(), Paris).unwrap();
    }
    if !copies.lmstat.is_empty() {
        evidence.add_lmstat(copies.lmstat.as_bytes()).unwrap();
    }
    evidence.date_beside_blocks(Paris).unwrap();
    let server = Some("10.0.0.1".parse().unwrap());
    let settings = TraceSettings { timezone: Paris, server, ..TraceSettings::default() };
    let as_of = newest(&evidence, &settings).unwrap();
    derive_all(&Derivation::new(&evidence, &settings, names, as_of)).unwrap()
}

fn of_blocks(blocks: &str) -> Analysis {
    analysed(&Copies { logwatch: &logwatch(blocks), ..Copies::default() })
}

fn of_debug_log(lines: &str) -> Analysis {
    analysed(&Copies { debug_log: &debug_log(lines), ..Copies::default() })
}

/// The addresses of the days: how many tokens are for each, and how many against.
fn addresses(analysis: &Analysis) -> Vec<(String, u32, u32)> {
    let rows = days::addresses(&analysis.holds, Paris);
    rows.iter().map(|row| (row.ip.unwrap().to_string(), row.n_for, row.n_against)).collect()
}

/// `anna 09:00:00-10:00:00 closed 10.0.1.5`.
fn sessions(analysis: &Analysis) -> Vec<String> {
    let clock = |at: DateTime<Utc>| at.with_timezone(&Paris).format("%T").to_string();
    let line = |session: &Session| {
        let ip = session.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
        let (start, end) = (clock(session.start), clock(session.end));
        format!("{} {start}-{end} {} {ip}", session.who.login(), session.state)
    };
    analysis.sessions.iter().map(line).collect()
}

fn kinds(analysis: &Analysis) -> Vec<&'static str> {
    analysis.findings.iter().map(|finding| finding.kind.name()).collect()
}

#[test]
fn the_only_connection_with_bytes_in_flight_is_the_tokens() {
    let analysis = of_blocks(
        "09:00:00 1.5:51000*432 1.6:51001 | 09:00:00 OUT anna@PC-1
         10:00:00 1.6:51001 | 10:00:00 IN anna@PC-1",
    );
    assert_eq!(sessions(&analysis), ["anna 09:00:00-10:00:00 closed 10.0.1.5"]);
    assert_eq!(days::addresses(&analysis.holds, Paris)[0].evidence, crate::model::Evidence::Carrying);
}

#[test]
fn two_users_of_one_block_do_not_share_its_one_new_connection() {
    let analysis = of_blocks(
        "08:00:00 1.5:50000*432 | 08:00:00 OUT anna@PC-1
         08:30:00 | 08:30:00 IN anna@PC-1
         09:00:00 1.5:51000 | 09:00:00 OUT anna@PC-1 | 09:00:00 OUT bob@PC-2
         10:00:00 | 10:00:00 IN anna@PC-1
         11:00:00 | 11:00:00 IN bob@PC-2",
    );
    assert!(sessions(&analysis).contains(&"bob 09:00:00-11:00:00 closed -".to_owned()), "{:?}", sessions(&analysis));
    assert_eq!(kinds(&analysis), ["unknown-address"]);
}

#[test]
fn a_line_shown_again_is_a_token_only_with_a_connection_of_its_own() {
    let analysis = of_blocks(
        "09:00:00 1.5:51000*432 | 09:00:00 OUT anna@PC-1
         09:10:00 1.5:51000 | 09:00:00 OUT anna@PC-1
         10:00:00 | 10:00:00 IN anna@PC-1",
    );
    assert_eq!(sessions(&analysis), ["anna 09:00:00-10:00:00 closed 10.0.1.5"]);
    assert_eq!(analysis.tokens.len(), 2);
}

#[test]
fn a_lost_out_is_inferred_from_the_connection_that_ends_with_the_in() {
    // Two lines within the 50 ms of one block: bob's is shown, twice; anna's is lost.
    let analysis = of_blocks(
        "08:00:00 1.5:50000*432 | 08:00:00 OUT anna@PC-1
         08:30:00 | 08:30:00 IN anna@PC-1
         09:00:00 1.5:51000 1.6:51001*432 | 09:00:00 OUT bob@PC-2
         09:00:00 1.5:51000 1.6:51001 | 09:00:00 OUT bob@PC-2
         10:00:00 1.6:51001 | 10:00:00 IN anna@PC-1
         11:00:00 | 11:00:00 IN bob@PC-2",
    );
    assert!(
        sessions(&analysis).contains(&"anna 09:00:00-10:00:00 closed 10.0.1.5".to_owned()),
        "{:?}",
        sessions(&analysis)
    );
    assert_eq!(analysis.tokens.iter().filter(|token| token.origin == Origin::Inferred).count(), 1);
}

#[test]
fn a_session_whose_connection_is_gone_without_a_word_is_presumed() {
    let analysis = of_blocks(
        "09:00:00 1.5:51000*432 | 09:00:00 OUT anna@PC-1
         09:30:00 1.5:51000 | 09:30:00
         10:00:00 | 10:00:00",
    );
    assert_eq!(sessions(&analysis), ["anna 09:00:00-09:30:00 presumed 10.0.1.5"]);
    assert_eq!(kinds(&analysis), ["lost-in"]);
}

#[test]
fn a_silent_client_expires_and_a_live_one_is_open() {
    let analysis = of_blocks(
        "09:00:00 1.5:51000*432 | 09:00:00 OUT anna@PC-1
         09:05:00 1.5:51000 1.6:51001*432 | 09:05:00 OUT bob@PC-2
         10:00:00 1.5:51000*1! 1.6:51001 | 10:00:00 IN anna@PC-1
         10:30:00 1.6:51001 | 10:30:00",
    );
    assert_eq!(sessions(&analysis), ["anna 09:00:00-10:00:00 expired 10.0.1.5", "bob 09:05:00-10:30:00 open 10.0.1.6"]);
}

#[test]
fn bytes_in_flight_tell_which_of_two_tokens_ends() {
    // The first connection outlives its token; the second is closed on a silent client.
    let analysis = of_blocks(
        "09:00:00 1.5:51000*432 | 09:00:00 OUT anna@PC-1
         09:30:00 1.5:51000 1.5:52000*432 | 09:30:00 OUT anna@PC-1
         10:00:00 1.5:51000*168 1.5:52000 | 10:00:00 IN anna@PC-1
         10:20:00 1.5:52000 | 10:20:00
         12:00:00 1.5:52000*1! | 12:00:00 IN anna@PC-1
         13:00:00 | 13:00:00",
    );
    assert_eq!(sessions(&analysis), ["anna 09:00:00-12:00:00 expired 10.0.1.5"]);
}

#[test]
fn whoever_moves_is_where_the_bytes_are() {
    let analysis = of_blocks(
        "08:00:00 1.5:50000*432 | 08:00:00 OUT anna@PC-1
         08:10:00 | 08:10:00 IN anna@PC-1
         08:20:00 1.5:50001*432 | 08:20:00 OUT anna@PC-1
         08:30:00 | 08:30:00 IN anna@PC-1
         09:00:00 2.9:51000*432 | 09:00:00 OUT anna@PC-1
         10:00:00 | 10:00:00 IN anna@PC-1",
    );
    assert_eq!(addresses(&analysis), [("10.0.1.5".to_owned(), 2, 1), ("10.0.2.9".to_owned(), 1, 2)]);
}

#[test]
fn two_writers_at_once_are_one_watch() {
    let one = "09:00:00 1.5:51000*432 1.6:50000 | 09:00:00 OUT anna@PC-1\n10:00:00 1.6:50000 | 10:00:00 IN anna@PC-1";
    let text = format!(
        "{}{}",
        // The second writer's date and sockets come between the first one's sockets and line.
        logwatch(
            "09:00:00 1.5:51000*432\n09:00:00 1.5:51000 1.6:50000 | 09:00:00 OUT anna@PC-1 | 09:00:00 OUT anna@PC-1"
        ),
        logwatch("10:00:00\n10:00:00 1.6:50000 | 10:00:00 IN anna@PC-1 | 10:00:00 IN anna@PC-1"),
    );
    let mixed = analysed(&Copies { logwatch: &text, ..Copies::default() });
    assert_eq!(sessions(&mixed), sessions(&of_blocks(one)));
}

#[test]
fn a_connection_that_a_block_leaves_out_was_there() {
    let with = |between: &str| {
        sessions(&of_blocks(&format!(
            "09:00:00 1.5:51000*432 | 09:00:00 OUT anna@PC-1
             {between}
             13:00:00 1.5:51000 | 13:00:00
             15:00:00 | 15:00:00 IN anna@PC-1",
        )))
    };
    let whole = ["anna 09:00:00-15:00:00 closed 10.0.1.5"];
    assert_eq!(with("10:00:00 | 10:00:00"), whole);
    assert_eq!(with("10:00:00 | 10:00:00\n11:00:00 | 11:00:00\n12:00:00 | 12:00:00"), whole);
    let closed = "10:00:00 | 10:00:00\n".repeat(4) + "12:00:00 | 12:00:00";
    assert_ne!(with(&closed), whole, "what is not there again and again is gone");
}

#[test]
fn a_block_that_lost_its_line_shows_what_came_and_went() {
    let analysis = of_blocks(
        "09:00:00 1.5:51000*432 | 09:00:00 OUT anna@PC-1
         10:00:00 1.5:51000 1.6:51001*432
         11:00:00 1.5:51000 1.6:51001 | 11:00:00
         12:00:00 1.5:51000 | 12:00:00 IN bob@PC-2
         13:00:00",
    );
    // The last block was cut off: it says nothing of who is gone.
    assert_eq!(sessions(&analysis), ["anna 09:00:00-13:00:00 open 10.0.1.5", "bob 10:00:00-12:00:00 closed 10.0.1.6"]);
}

#[test]
fn blocks_out_of_order_make_no_time_run_backwards() {
    let analysis = of_blocks(
        "10:00:00 1.5:51000*432 | 10:00:00 OUT anna@PC-1
         09:00:00 1.5:51000 1.6:51001*432 | 09:00:00 OUT bob@PC-2
         09:30:00 1.6:51001 | 09:30:00 IN anna@PC-1
         09:40:00 | 09:40:00 IN bob@PC-2",
    );
    assert!(analysis.sessions.iter().all(|session| session.start <= session.end), "{:?}", sessions(&analysis));
    assert!(sessions(&analysis).contains(&"bob 09:00:00-09:40:00 closed 10.0.1.6".to_owned()));
}

#[test]
fn clocks_that_disagree_by_minutes_are_set_by_the_logwatch_and_named() {
    let blocks = "09:00:00 1.5:51000*432 | 09:00:00 OUT anna@PC-1
         09:30:00 1.5:51000 1.6:51001*432 | 09:30:00 OUT bob@PC-2
         10:00:00 1.6:51001 | 10:00:00 IN anna@PC-1
         10:30:00 | 10:30:00 IN bob@PC-2";
    let late = "09:07:00 OUT anna@PC-1\n09:37:00 OUT bob@PC-2\n10:07:00 IN anna@PC-1\n10:37:00 IN bob@PC-2";
    let analysis = analysed(&Copies { logwatch: &logwatch(blocks), debug_log: &debug_log(late), ..Copies::default() });
    assert_eq!(
        sessions(&analysis),
        ["anna 09:00:00-10:00:00 closed 10.0.1.5", "bob 09:30:00-10:30:00 closed 10.0.1.6"]
    );
    assert_eq!(kinds(&analysis), ["clocks-disagree"]);
}

/// The debug log is overwritten at a restart, or damaged: what it lacks and the logwatch shows was there. But a damaged
/// line of the logwatch is none of its own.
#[test]
fn what_the_debug_log_lost_is_taken_from_the_logwatch() {
    let shown = logwatch(
        "09:00:00 1.5:51000*432 | 09:00:00 OUT anna@PC-1
         10:00:00 1.5:51000 1.6:51001*432 | 10:00:00 OUT bob@PC-2
         11:00:00 1.6:51001 | 11:00:00 IN anna@PC-1
         12:00:00 | 12:00:00 IN bob@PC-2
         13:00:00 | 13:00:00",
    );
    let with = |lines: &str| {
        let log = debug_log(&format!("09:00:00 OUT anna@PC-1\n{lines}\n13:00:00"));
        analysed(&Copies { logwatch: &shown, debug_log: &log, ..Copies::default() })
    };
    let anna = "anna 09:00:00-11:00:00 closed 10.0.1.5";
    let both = [anna, "bob 10:00:00-12:00:00 closed 10.0.1.6"];
    for (lines, findings) in [
        ("10:00:00 OUT bob@PC-2\n11:00:00 IN anna@PC-1\n12:00:00 IN bob@PC-2", &[][..]),
        ("10:00:00 OUT bob@PC-2\n11:00:00 IN anna@PC-1", &["log-gap"]),
        ("11:00:00 IN anna@PC-1\n12:00:00 IN bob@PC-2", &["log-gap"]),
        ("10:00:00 OUT bob@PC-2", &["log-gap"]),
        ("", &["log-gap"]),
    ] {
        let analysis = with(lines);
        assert_eq!(sessions(&analysis), both, "{lines}");
        assert_eq!(kinds(&analysis), findings, "{lines}");
    }
    // The clock of one of the two lines is damaged: it is one token.
    let analysis = with("10:00:05 OUT bob@PC-2\n11:00:00 IN anna@PC-1\n12:00:00 IN bob@PC-2");
    assert_eq!(sessions(&analysis), [anna, "bob 10:00:05-12:00:00 closed -"]);
    assert_eq!(kinds(&analysis), ["logs-disagree", "unknown-address"]);
    // The name in one of the two lines is damaged: the debug log's is taken for the right one.
    let analysis = with("10:00:00 OUT b?b@PC-2\n11:00:00 IN anna@PC-1\n12:00:00 IN b?b@PC-2");
    assert_eq!(sessions(&analysis), [anna, "b?b 10:00:00-12:00:00 closed 10.0.1.6"]);
    // Nobody else names bob, who only gives back: half a name is nobody's.
    let log = debug_log("09:00:00 OUT anna@PC-1\n11:00:00 IN anna@PC-1\n13:00:00");
    let shown = logwatch(
        "09:00:00 1.5:51000*432 | 09:00:00 OUT anna@PC-1
         10:00:00 1.5:51000 1.6:51001*432 | 10:00:00 OUT bob@PC
         11:00:00 1.6:51001 | 11:00:00 IN anna@PC-1
         13:00:00 1.6:51001 | 13:00:00",
    );
    let analysis = analysed(&Copies { logwatch: &shown, debug_log: &log, ..Copies::default() });
    assert_eq!((sessions(&analysis), kinds(&analysis)), (vec![anna.to_owned()], vec!["logs-disagree"]));
}

/// Behind a gap that holds a midnight nothing in the debug log names the new date.
#[test]
fn lines_behind_a_gap_are_of_the_day_on_which_the_logwatch_shows_them() {
    let before = "06:10:00 1.5:51000*432 | 06:10:00 OUT anna@PC-1
         06:20:00 | 06:20:00 IN anna@PC-1
         07:00:00 1.5:51001*432 | 07:00:00 OUT anna@PC-1
         08:00:00 | 08:00:00 IN anna@PC-1";
    let after = "11:00:00 1.5:51002*432 | 11:00:00 OUT anna@PC-1
         12:00:00 | 12:00:00 IN anna@PC-1
         13:00:00 1.6:51003*432 | 13:00:00 OUT bob@PC-2
         14:00:00 | 14:00:00 IN bob@PC-2";
    let text = logwatch(before) + &logwatch(after).replace(DAY, "2021-12-10");
    let lines = |blocks: &'static str| blocks.lines().filter_map(|line| Some(line.split_once(" | ")?.1));
    let more = ["15:00:00 OUT bob@PC-2", "15:00:01 IN bob@PC-2"];
    let log = lines(before).chain(lines(after)).chain(more).collect::<Vec<_>>().join("\n");
    let analysis = analysed(&Copies { logwatch: &text, debug_log: &debug_log(&log), ..Copies::default() });
    let dates: Vec<_> = analysis.sessions.iter().map(|session| session.start.date_naive().to_string()).collect();
    assert_eq!(dates, [DAY, DAY, "2021-12-10", "2021-12-10", "2021-12-10"]);
    assert_eq!(analysis.holds.len(), 5, "each token once, though both logs have it");
    assert_eq!(kinds(&analysis), [""; 0], "no line is one of one log only");
}

#[test]
fn a_server_in_another_zone_has_another_summer_time() {
    // Paris goes back to its winter time in between.
    let days = [
        (
            "2021-10-30",
            "07:10:05 1.5:51000*432 | 07:10:05 OUT anna@PC-1
             08:21:19 | 08:21:19 IN anna@PC-1
             09:02:41 1.5:51001*432 | 09:02:41 OUT anna@PC-1
             10:17:02 | 10:17:02 IN anna@PC-1
             11:33:33 1.6:51002*432 | 11:33:33 OUT bob@PC-2
             13:01:58 | 13:01:58 IN bob@PC-2",
        ),
        (
            "2021-11-02",
            "08:07:26 1.5:51003*432 | 08:07:26 OUT anna@PC-1
             09:44:12 | 09:44:12 IN anna@PC-1
             10:29:50 1.6:51004*432 | 10:29:50 OUT bob@PC-2
             11:08:37 | 11:08:37 IN bob@PC-2",
        ),
    ];
    let (mut text, mut log) = (String::new(), String::new());
    for (date, blocks) in days {
        for line in logwatch(blocks).lines() {
            let line = line.replace(DAY, date);
            text += &if line.starts_with("20") { line + " UTC\n" } else { line + "\n" };
        }
        let (year, day) = date.split_once('-').unwrap();
        log.extend(["06:00:00 (d) TIMESTAMP ", &day.replace('-', "/"), "/", year, "\n"]);
        log.extend(blocks.lines().map(|line| log_line(line.split_once(" | ").unwrap().1) + "\n"));
    }
    let analysis = analysed(&Copies { logwatch: &text, debug_log: &log, ..Copies::default() });
    let starts: Vec<_> = analysis.sessions.iter().map(|session| session.start.format("%m-%d %T").to_string()).collect();
    assert_eq!(starts, ["10-30 07:10:05", "10-30 09:02:41", "10-30 11:33:33", "11-02 08:07:26", "11-02 10:29:50"]);
    // Each month says so.
    assert_eq!(kinds(&analysis), ["clocks-disagree"; 2]);
}

#[test]
fn a_debug_log_alone_gives_sessions_without_addresses() {
    let analysis =
        of_debug_log("09:00:00 OUT anna@PC-1\n09:10:00 OUT anna@PC-1\n09:20:00 IN anna@PC-1\n10:00:00 IN anna@PC-1");
    assert_eq!(sessions(&analysis), ["anna 09:00:00-10:00:00 closed -"]);
    assert_eq!(kinds(&analysis), [""; 0]);
}

#[test]
fn a_ghost_ends_with_the_other_tokens_of_its_pair() {
    let analysis = of_debug_log(
        "09:00:00 OUT anna@PC-1\n09:30:00 OUT anna@PC-1\n10:00:00 IN anna@PC-1\n14:00:00 OUT anna@PC-1\n15:00:00 IN anna@PC-1",
    );
    assert_eq!(sessions(&analysis), ["anna 09:00:00-10:00:00 presumed -", "anna 14:00:00-15:00:00 closed -"]);
}

#[test]
fn a_restart_ends_every_token() {
    let text = "06:00:00 (d) TIMESTAMP 12/8/2021\n09:00:00 (d) OUT: \"f\" anna@PC-1  \n11:00:00 (d) chatter\n\
                12:00:00 (lmgrd) FlexNet Licensing (v11.16.5.1 build 1) started on origin (linux) (12/8/2021)\n\
                13:00:00 (d) OUT: \"f\" anna@PC-1  \n14:00:00 (lmgrd) EXITING DUE TO SIGNAL 15 Exit reason 1\n";
    let analysis = analysed(&Copies { debug_log: text, ..Copies::default() });
    assert_eq!(sessions(&analysis), ["anna 09:00:00-11:00:00 presumed -", "anna 13:00:00-14:00:00 presumed -"]);
}

#[test]
fn lmstat_opens_what_the_logs_missed_and_closes_what_it_does_not_list() {
    let blocks = "09:00:00 1.5:51000*432 | 09:00:00 OUT anna@PC-1
         10:00:00 1.5:51000 1.6:51001*432 | 10:00:00 OUT bob@PC-2
         11:00:00 1.5:51000 1.6:51001 | 11:00:00";
    let list = "Flexible License Manager status on Wed 12/8/2021 11:00\nUsers of f:  (Total of 3 licenses issued;  Total of 2 licenses in use)\n    \
        bob PC-2 PC-2 (v1) (s/27000 1), start Wed 12/8 10:00\n    carl PC-3 PC-3 (v1) (s/27000 2), start Wed 12/8 8:15\n";
    assert_eq!(
        sessions(&analysed(&Copies { logwatch: &logwatch(blocks), lmstat: list, ..Copies::default() })),
        [
            "carl 08:15:00-11:00:00 open -",
            "anna 09:00:00-09:00:00 presumed 10.0.1.5",
            "bob 10:00:00-11:00:00 open 10.0.1.6"
        ]
    );
}

#[test]
fn a_refusal_is_false_where_the_token_comes_at_once() {
    let analysis = of_debug_log(
        "09:00:00 DENIED anna@PC-1\n09:00:01 OUT anna@PC-1\n09:30:00 DENIED bob@PC-2\n09:40:00 OUT bob@PC-2",
    );
    assert_eq!(analysis.denials.iter().map(|denial| denial.real).collect::<Vec<_>>(), [false, true]);
}

/// The same blocks as the loop writes them and as the collector does: `begins` tells which.
fn of_both(blocks: &str) -> [Analysis; 2] {
    [of_blocks(blocks), of_blocks(&format!("08:00:00 | 08:00:00 jeton begins\n{blocks}"))]
}

#[test]
fn two_lines_of_one_second_are_two_tokens_where_every_line_is_collected() {
    let [seen_twice, collected] = of_both(
        "09:00:00 1.5:51000 | 09:00:00 OUT anna@PC-1
         09:00:00 1.5:51000 | 09:00:00 OUT anna@PC-1
         10:00:00 | 10:00:00 IN anna@PC-1",
    );
    let n_out = |analysis: &Analysis| analysis.tokens.iter().filter(|token| token.kind.name() == "out").count();
    assert_eq!((n_out(&seen_twice), n_out(&collected)), (1, 2));
}

#[test]
fn several_tokens_of_one_collected_block_go_to_the_connections_that_end_with_them() {
    let collected = of_blocks(
        "08:00:00 | 08:00:00 jeton begins
         09:00:00 1.5:51000 1.6:52000 1.7:53000 | 09:00:00 OUT anna@PC-1 | 09:00:00 OUT bob@PC-2 | 09:00:00 OUT carl@PC-3
         10:00:00 1.5:51000 1.7:53000 | 10:00:00 IN bob@PC-2
         11:00:00 1.7:53000 | 11:00:00 IN anna@PC-1
         12:00:00 | 12:00:00 IN carl@PC-3",
    );
    let expected = [
        "anna 09:00:00-11:00:00 closed 10.0.1.5",
        "bob 09:00:00-10:00:00 closed 10.0.1.6",
        "carl 09:00:00-12:00:00 closed 10.0.1.7",
    ];
    assert_eq!(sessions(&collected), expected);
}

#[test]
fn a_connection_that_a_collected_block_shows_before_its_line_is_its_own_and_none_that_comes_later() {
    let collected = of_blocks(
        "08:00:00 | 08:00:00 jeton begins
         09:00:00 1.5:51000 | 09:00:00 chatter
         09:00:00 1.5:51000 | 09:00:00 OUT anna@PC-1
         09:00:01 1.5:51000 1.6:52000*432 | 09:00:01 OUT bob@PC-2
         10:00:00 | 10:00:00 IN bob@PC-2 | 10:00:00 IN anna@PC-1",
    );
    assert_eq!(
        sessions(&collected),
        ["anna 09:00:00-10:00:00 closed 10.0.1.5", "bob 09:00:01-10:00:00 closed 10.0.1.6"]
    );
}

#[test]
fn a_sign_of_life_dates_the_end_of_a_token_whose_return_was_lost() {
    let collected = of_blocks(
        "08:00:00 | 08:00:00 jeton begins
         09:00:00 1.5:51000 | 09:00:00 OUT anna@PC-1
         09:05:00 1.5:51000 | 09:05:00 jeton 1 out
         09:10:00 | 09:10:00 jeton 1 out
         12:00:00 | 12:00:00 jeton 1 out",
    );
    assert_eq!(sessions(&collected), ["anna 09:00:00-09:05:00 presumed 10.0.1.5"]);
}

proptest::proptest! {
    /// Lines in any order, with clocks that go to and fro, each in one of the logs or in both.
    #[test]
    fn no_two_logs_panic_or_lose_a_line_of_the_debug_log(
        lines in proptest::collection::vec((0..600_u32, 0..4_usize, proptest::bool::ANY, 0..3_u8), 1..40)
    ) {
        let (mut blocks, mut log) = (String::new(), String::new());
        let mut n_logged = 0;
        for (second, pair, is_out, copy) in lines {
            let clock = format!("10:{:02}:{:02}", second / 60, second % 60);
            let line = format!("{clock} {} {}", if is_out { "OUT" } else { "IN" }, ["a@b", "c@d", "e@f", "g@h"][pair]);
            if copy != 0 {
                let socket = if is_out { format!(" 1.5:{}*432", 51000 + pair) } else { String::new() };
                blocks.extend([clock.as_str(), &socket, " | ", &line, "\n"]);
            }
            if copy != 1 {
                n_logged += 1;
                log.extend([line.as_str(), "\n"]);
            }
        }
        let shown = if blocks.is_empty() { String::new() } else { logwatch(&blocks) };
        let analysis = analysed(&Copies { logwatch: &shown, debug_log: &debug_log(&log), ..Copies::default() });
        let n_events = analysis.list.events.iter().filter(|event| event.origin == Origin::DebugLog).count();
        proptest::prop_assert_eq!(n_events, n_logged);
        proptest::prop_assert!(analysis.sessions.iter().all(|session| session.start <= session.end));
    }
}
