//! Each trap of a logwatch, as a small one.

use super::*;
use chrono_tz::Europe::Paris;

fn blocks(log: &[u8]) -> (Vec<Block>, Vec<Finding>) {
    let mut reader = Reader::new(log, "logwatch", Paris, Some(60213)).unwrap();
    let (mut blocks, mut block) = (Vec::new(), Block::default());
    while reader.read(&mut block).unwrap() {
        blocks.push(block.clone());
    }
    (blocks, reader.take_findings())
}

fn places(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|f| format!("{} {}", f.kind.name(), f.place)).collect()
}

const SAMPLE: &str = "mer. déc.  8 14:00:20 CET 2021\n\
    ESTAB 0      0      [::ffff:10.14.14.20]:60213 [::ffff:10.14.18.116]:55450       \n\
    ESTAB 0      432    10.14.14.20:60213 10.14.18.116:58033\n\
    ESTAB      0      0      [2001:db8::20]:60213  [2001:db8::85]:56756       \n\
    ESTAB 0 0 10.14.14.20:22 10.14.18.1:60213\n\
    14:00:20 (orglab) OUT: \"OriginPro\" Camille@CRISTAL-PC.univ.example  \n\
    mer. déc.  8 15:40:53 CET 2021\n\
    FIN-WAIT-1 0      1      [::ffff:10.14.14.20]:60213  [::ffff:10.14.19.85]:56756       \n\
    15:40:53 (orglab) IN: \"OriginPro\" etudiant@DESKTOP-7QX2K9A  \n";

#[test]
fn sockets_of_every_spelling_and_no_foreign_port() {
    let (blocks, findings) = blocks(SAMPLE.as_bytes());
    assert_eq!(findings, []);
    let peers: Vec<_> =
        blocks[0].sockets.iter().map(|s| (s.line, s.send_q, s.peer.ip.to_string(), s.peer.port)).collect();
    assert_eq!(
        peers,
        [
            (2, 0, "10.14.18.116".to_owned(), 55450),
            (3, 432, "10.14.18.116".to_owned(), 58033),
            (4, 0, "2001:db8::85".to_owned(), 56756)
        ]
    );
    assert!(blocks[1].sockets[0].fin_wait_1);
    assert_eq!(blocks[1].at.to_rfc3339(), "2021-12-08T14:40:53+00:00");
    assert_eq!((blocks[0].line, blocks[1].line, blocks[1].entries[0].line), (1, 7, 9));
}

#[test]
fn whatever_columns_ss_prints_its_connections_are_read() {
    let head = "2021-12-08 14:00:20\n";
    for line in [
        "ESTAB 0 432 10.0.0.1:60213 10.0.1.5:51000",
        "tcp   ESTAB      0      432    [::ffff:10.0.0.1]:60213 [::ffff:10.0.1.5]:51000       ",
        "mptcp ESTAB 0 432 10.0.0.1:60213 10.0.1.5:51000",
        "ESTAB 0 432 10.0.0.1%eth0:60213 10.0.1.5:51000",
        "ESTAB 0 432 [::ffff:10.0.0.1]%eth0:60213 [::ffff:10.0.1.5]:51000",
        "ESTAB 0 432 [::ffff:10.0.0.1%eth0]:60213 ::ffff:10.0.1.5:51000",
        "ESTAB 0 432 10.0.0.1:60213 10.0.1.5:51000 users:((\"orglab\",pid=7,fd=9))",
        "ESTAB 0 432 10.0.0.1:60213 10.0.1.5:51000 users:((\"vendor daemon\",pid=7,fd=9)) timer:(on,200ms,0)",
        "tcp ESTAB 0 432 10.0.0.1:60213 10.0.1.5:51000 timer:(keepalive,119min,0) uid:1000 ino:26 sk:2 <->",
    ] {
        let (blocks, findings) = blocks(format!("{head}{line}\n14:00:20 (d) x\n").as_bytes());
        assert_eq!(findings, [], "{line}");
        let sockets: Vec<_> =
            blocks[0].sockets.iter().map(|s| (s.send_q, s.peer.ip.to_string(), s.peer.port)).collect();
        assert_eq!(sockets, [(432, "10.0.1.5".to_owned(), 51000)], "{line}");
    }
    for header in [
        "State Recv-Q Send-Q Local Address:Port Peer Address:Port",
        "Netid State Recv-Q Send-Q Local Address:Port Peer",
    ] {
        assert_eq!(blocks(format!("{head}{header}\n14:00:20 (d) x\n").as_bytes()).1, [], "{header}");
    }
    // Another line that was written into this one is no detail of it.
    let (_, findings) =
        blocks(format!("{head}ESTAB 0 432 10.0.0.1:60213 10.0.1.5:51000 ESTAB 0 0\n14:00:20 (d) x\n").as_bytes());
    assert_eq!(findings.len(), 1);
}

#[test]
fn a_line_behind_a_date_that_was_lost_is_of_its_own_time() {
    let token = |clock: &str, kind: &str| format!("{clock} (d) {kind}: \"f\" a@b  ");
    for lost in ["2021-12-08 09:0", "", "date: write error: No space left on device"] {
        let log = format!(
            "2021-12-08 08:00:00\n08:00:00 (d) x\n{lost}\n{}\n2021-12-08 10:00:00\n{}\n",
            token("09:00:00", "OUT"),
            token("10:00:00", "IN"),
        );
        let (blocks, _) = blocks(log.as_bytes());
        let moments: Vec<_> =
            blocks.iter().map(|block| block.at.with_timezone(&Paris).format("%F %T").to_string()).collect();
        assert_eq!(moments, ["2021-12-08 08:00:00", "2021-12-08 09:00:00", "2021-12-08 10:00:00"], "{lost}");
        let entries = blocks.iter().flat_map(|block| &block.entries);
        let days: Vec<_> = entries.map(|entry| entry.at.with_timezone(&Paris).format("%F %T").to_string()).collect();
        assert_eq!(days, ["2021-12-08 09:00:00", "2021-12-08 10:00:00"], "{lost}");
    }
    // Yesterday's line that is shown again in the morning stays yesterday's, and one of the block's own time is the block's.
    for (clock, day) in [("23:50:00", "2021-12-07 23:50:00"), ("08:00:01", "2021-12-08 08:00:01")] {
        let (blocks, _) =
            blocks(format!("2021-12-08 08:00:00\n08:00:00 (d) x\n\n{}\n", token(clock, "OUT")).as_bytes());
        assert_eq!(blocks.len(), 1);
        assert_eq!(blocks[0].entries[0].at.with_timezone(&Paris).format("%F %T").to_string(), day);
    }
}

#[test]
fn latin1_crlf_and_bom_change_nothing() {
    let plain = blocks(SAMPLE.as_bytes());
    let latin1: Vec<u8> = SAMPLE.chars().map(|c| c as u8).collect();
    let crlf = SAMPLE.replace('\n', "\r\n").into_bytes();
    let bom = [b"\xef\xbb\xbf", SAMPLE.as_bytes()].concat();
    for other in [latin1, crlf, bom] {
        let other = blocks(&other);
        assert_eq!(format!("{other:?}"), format!("{plain:?}"));
    }
}

#[test]
fn the_collector_says_which_blocks_are_its_own() {
    let line = |text: &str| format!("2021-12-08 14:00:20\n14:00:20 {text}\n");
    let log = [
        ("(orglab) x", false),
        ("(jeton) collect: begins", true),
        ("(orglab) OUT: \"f\" a@h  ", true),
        ("(jeton) collect: 1 out", true),
        ("(jeton) collect: ends", true),
        ("(orglab) x", false),
        ("(jeton) collect: goes on", true),
    ];
    let (blocks, findings) = blocks(log.map(|(text, _)| line(text)).concat().as_bytes());
    assert_eq!(findings, []);
    assert_eq!(blocks.iter().map(|block| block.collected).collect::<Vec<_>>(), log.map(|(_, collected)| collected));
    assert!(blocks.iter().all(|block| block.n_log_lines == 1), "each is a snapshot");
}

#[test]
fn a_stale_line_is_dated_by_its_own_clock() {
    for (date, clock, expected) in [
        ("2021-12-08 14:00:20", "14:00:20", "2021-12-08T13:00:20"),
        ("2021-12-08 14:00:21", "14:00:20", "2021-12-08T13:00:20"),
        ("2021-12-08 14:00:20", " 9:00:00", "2021-12-08T08:00:00"),
        ("2021-12-08 00:10:11", "23:50:00", "2021-12-07T22:50:00"),
        ("2021-12-08 14:00:20", "20:51:07", "2021-12-07T19:51:07"),
        ("2021-12-08 14:00:20", "14:05:00", "2021-12-08T13:05:00"),
        ("2021-12-07 23:59:59", " 0:00:00", "2021-12-07T23:00:00"),
    ] {
        let (blocks, _) = blocks(format!("{date}\n{clock} (d) OUT: \"f\" a@h  \n").as_bytes());
        assert_eq!(blocks[0].entries[0].at.format("%FT%T").to_string(), expected, "{date} {clock}");
    }
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_goes_on() {
    let log = "half a line\n2021-12-08 14:00:20\nESTAB 0 x 1.2.3.4:60213 1.2.3.5:1\nESTAB 0 0 1.2.3.4:60213 1.2.3.5:1\n\
        garbage\n14:00:20 (d) OUT: \"f\" nobody\n14:00:20 (d) OUT: \"f\" a@h  \n\n";
    let (blocks, findings) = blocks(log.as_bytes());
    assert_eq!(
        places(&findings),
        [
            "unreadable-line logwatch:1",
            "unreadable-line logwatch:3",
            "unreadable-line logwatch:5",
            "unreadable-line logwatch:6"
        ]
    );
    assert_eq!((blocks.len(), blocks[0].sockets.len(), blocks[0].entries.len()), (1, 1, 1));
}

#[test]
fn a_file_that_ends_in_the_middle_of_a_block_says_so() {
    let (cut_sockets, findings) = blocks(b"2021-12-08 14:00:20\nESTAB 0 0 1.2.3.4:60213 1.2.3.5:1\n");
    assert_eq!((cut_sockets[0].n_log_lines, places(&findings)), (0, vec!["truncated-file logwatch:1".to_owned()]));
    let (cut_name, findings) = blocks(b"2021-12-08 14:00:20\n14:00:20 (d) IN: \"f\" etudiant@DESK");
    assert_eq!(cut_name[0].entries, []);
    assert_eq!(places(&findings), ["truncated-file logwatch:2"]);
    for cut in ["ESTAB 0 0 1.2.3", "14:0", "2021-12-"] {
        let (_, findings) = blocks(format!("2021-12-08 14:00:20\n{cut}").as_bytes());
        assert_eq!(places(&findings), ["truncated-file logwatch:2"], "{cut}: one truncation, once told");
    }
    let (whole, findings) = blocks(b"2021-12-08 14:00:20\n14:00:20 (d) IN: \"f\" etudiant@DESKTOP  ");
    assert_eq!((whole[0].entries.len(), findings.len()), (1, 0));
}

/// Half a name is another machine's: what the next date follows without a line end may be cut, and what lacks the
/// two spaces that all others of its file have is.
#[test]
fn a_line_without_its_end_gives_no_name_and_the_date_behind_it_is_read() {
    let after = "14:00:30 (d) IN: \"f\" a@b  \n";
    for (line, n_entries, n_log_lines) in [
        ("14:00:20 (d) OUT: \"f\" a@DESK", 0, 1),
        ("14:00:20 (d) OUT: \"f\" a@DESKTOP  ", 1, 1),
        ("14:00:20 (d) OUT: \"f\" a@b (2 licenses)", 1, 1),
        ("14:00:20 (d) OUT: \"f\" a", 0, 1),
        ("14:00:2", 0, 0),
        ("ESTAB 0 0 1.2.3.4:60213 1.2.3", 0, 0),
        ("W?d ", 0, 0),
    ] {
        let (blocks, findings) =
            blocks(format!("2021-12-08 14:00:20\n{line}Wed Dec  8 14:00:30 CET 2021\n{after}").as_bytes());
        assert_eq!(blocks.len(), 2, "{line}");
        assert_eq!((blocks[0].entries.len(), blocks[0].n_log_lines), (n_entries, n_log_lines), "{line}");
        assert_eq!(blocks[1].entries[0].at.to_rfc3339(), "2021-12-08T13:00:30+00:00", "{line}");
        assert_eq!(findings.len(), 1 - n_entries, "{line}");
    }
    let chatter = "14:00:20 (d) Server's System Date and Time: Wed Dec 08 2021 17:17:45 CET\n";
    assert_eq!(blocks(format!("2021-12-08 14:00:20\n{chatter}").as_bytes()).0.len(), 1, "a date of its own");

    let mut log = "2021-12-08 14:00:20\n".to_owned() + &"14:00:20 (d) OUT: \"f\" a@DESKTOP  \n".repeat(20);
    log += "14:00:20 (d) OUT: \"f\" a@DESK\n14:00:20 (d) OUT: \"f\" a@DESKTOP (2 licenses)\n";
    let (padded, findings) = blocks(log.as_bytes());
    assert_eq!((padded[0].entries.len(), places(&findings)), (21, vec!["unreadable-line logwatch:22".to_owned()]));
    let (bare, findings) = blocks(log.replace("  \n", "\n").as_bytes());
    assert_eq!((bare[0].entries.len(), findings), (22, vec![]), "a file without them says nothing by it");
}

#[test]
fn a_block_whose_date_is_lost_is_a_block() {
    let socket = |port: u16| format!("ESTAB 0 0 1.2.3.4:60213 1.2.3.5:{port}\n");
    let line = |clock: &str| format!("{clock} (d) OUT: \"f\" a@b  \n");
    let whole = |date: &str, port, clock: &str| format!("{date}\n{}{}", socket(port), line(clock));
    let first = whole("2021-12-08 13:00:00", 1, "13:00:00") + &whole("2021-12-08 14:00:20", 1, "14:00:20");
    let last = whole("2021-12-09 16:00:00", 3, "16:00:00");
    for (date, clock, at) in [
        ("", "15:10:00", "2021-12-08T14:10:00"),
        ("W?d De", "15:10:00", "2021-12-08T14:10:00"),
        ("", " 0:30:00", "2021-12-08T23:30:00"),
        // Shown again: when, nothing says.
        ("", "13:00:00", "2021-12-08T13:00:20"),
    ] {
        let (blocks, _) = blocks((first.clone() + &whole(date, 2, clock) + &last).as_bytes());
        let ports: Vec<Vec<u16>> =
            blocks.iter().map(|block| block.sockets.iter().map(|socket| socket.peer.port).collect()).collect();
        assert_eq!(ports, [[1], [1], [2], [3]], "{date} {clock}");
        assert_eq!(blocks[2].at.format("%FT%T").to_string(), at, "{date} {clock}");
    }
    // Two writers: the second one's date comes before the first one's connections.
    let mixed =
        format!("2021-12-08 14:00:20\n{date}\n{0}{1}{0}{1}", socket(1), line("14:00:20"), date = "2021-12-08 14:00:20");
    assert_eq!(blocks(mixed.as_bytes()).0.len(), 2);
}

#[test]
fn a_clock_that_goes_back_is_named() {
    let log = "2021-12-08 14:00:20\n14:00:20 (d) x\n2021-12-08 13:00:20\n13:00:20 (d) x\n";
    assert_eq!(places(&blocks(log.as_bytes()).1), ["clock-went-back logwatch:3"]);
}

#[test]
fn a_block_of_the_future_is_named_and_left_out() {
    let log = "2021-12-08 14:00:20\n14:00:20 (d) x\n2099-12-08 14:00:30\n14:00:30 (d) OUT: \"f\" a@h  \n\
               2021-12-08 14:00:40\n14:00:40 (d) x\n";
    let mut reader = Reader::new(log.as_bytes(), "logwatch", Paris, None).unwrap();
    reader = reader.until("2026-01-01T00:00:00Z".parse().unwrap());
    let (mut block, mut lines) = (Block::default(), Vec::new());
    while reader.read(&mut block).unwrap() {
        lines.push(block.line);
    }
    assert_eq!((lines, places(&reader.take_findings())), (vec![1, 5], vec!["date-in-future logwatch:3".to_owned()]));
}

#[test]
fn documents_and_nothing_are_errors() {
    for bytes in [&b""[..], b"%PDF-1.4\n", b"PK\x03\x04"] {
        assert!(Reader::new(bytes, "logwatch", Paris, None).is_err());
    }
}

#[test]
fn a_line_of_megabytes_is_one_finding() {
    let mut log = b"2021-12-08 14:00:20\n".to_vec();
    log.extend(std::iter::repeat_n(b'x', 3_000_000));
    log.extend(b"\n14:00:20 (d) OUT: \"f\" a@h  \n");
    let (blocks, findings) = blocks(&log);
    assert_eq!((blocks[0].entries.len(), places(&findings)), (1, vec!["unreadable-line logwatch:2".to_owned()]));
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 1..300)) {
        if let Ok(mut reader) = Reader::new(&bytes[..], "x", Paris, None) {
            let mut block = Block::default();
            while reader.read(&mut block).unwrap() {}
        }
    }

    #[test]
    fn no_mangled_sample_panics(cut in 0..SAMPLE.len(), byte: u8, at in 0..SAMPLE.len()) {
        let mut bytes = SAMPLE.as_bytes().to_vec();
        bytes[at] = byte;
        bytes.truncate(cut.max(1));
        if let Ok(mut reader) = Reader::new(&bytes[..], "x", Paris, Some(60213)) {
            let mut block = Block::default();
            while reader.read(&mut block).unwrap() {}
        }
    }
}
