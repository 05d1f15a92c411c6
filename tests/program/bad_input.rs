//! Inputs and outputs that are missing, broken or something else: a gap where the night can do without, one clear error
//! where it cannot, and never a file half-overwritten.

use std::fmt::Write as _;

use chrono::{DateTime, FixedOffset};

use crate::support::workbook::Workbook;
use crate::support::{DEBUG_LOG, HISTORY, LMSTAT, LOGWATCH, Lab, REPORTS, SNOOPING, names_in, truth};

const PDF: &str = "%PDF-1.7\n1 0 obj\n";

/// What is done to a laboratory.
type Change = fn(Lab) -> Lab;

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("the fixtures' letters are of Latin-1")).collect()
}

fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

fn bom(text: &str) -> String {
    format!("\u{feff}{text}")
}

#[test]
fn encodings_and_line_ends_give_the_same_sessions() {
    let cases: [(&str, Change); 11] = [
        ("Latin-1 logwatch", |lab| lab.edit(LOGWATCH, latin1)),
        ("Latin-1 debug log", |lab| lab.edit(DEBUG_LOG, latin1)),
        ("both in Latin-1", |lab| lab.edit(LOGWATCH, latin1).edit(DEBUG_LOG, latin1)),
        ("CRLF logwatch", |lab| lab.edit(LOGWATCH, crlf)),
        ("CRLF debug log", |lab| lab.edit(DEBUG_LOG, crlf)),
        ("BOM before both", |lab| lab.edit(LOGWATCH, bom).edit(DEBUG_LOG, bom)),
        ("BOM and CRLF", |lab| lab.edit(LOGWATCH, |text| bom(&crlf(text))).edit(DEBUG_LOG, |text| bom(&crlf(text)))),
        ("CRLF DHCP files", |lab| lab.edit("dhcpd-511.conf", crlf).edit("dhcpd-512.conf", crlf)),
        ("Latin-1 DHCP file with a BOM-less comment", |lab| lab.edit("dhcpd-511.conf", latin1)),
        ("CRLF lmstat", |lab| lab.edit(LMSTAT, crlf)),
        ("CRLF configuration", |lab| lab.edit("jeton.toml", crlf)),
    ];
    for (name, change) in cases {
        same_sessions(name, &change(Lab::new()));
    }
}

#[track_caller]
fn same_sessions(name: &str, lab: &Lab) {
    let ran = lab.jeton("sessions --format csv").exits(3);
    assert_eq!(ran.out, lab.text("expected/sessions.csv"), "{name}\n{}", ran.err);
}

#[test]
fn dates_in_any_locale_give_the_same_sessions() {
    for (name, format) in [
        ("French, the day first", "%a %d %b %Y %H:%M:%S CET"),
        ("English, 24 hours", "%a %b %e %H:%M:%S CET %Y"),
        ("English, 12 hours", "%a %b %e %I:%M:%S %p CET %Y"),
        ("ISO 8601", "%Y-%m-%dT%H:%M:%S%:z"),
        ("RFC 3339 with a space", "%Y-%m-%d %H:%M:%S%:z"),
    ] {
        let lab = Lab::new().edit(LOGWATCH, |text| with_dates(text, format));
        assert!(!lab.text(LOGWATCH).contains("mer. déc.  8"), "{name}");
        same_sessions(name, &lab);
    }
}

/// The logwatch with its date lines, `mer. déc.  8 06:59:59 CET 2021`, in another spelling.
fn with_dates(text: &str, format: &str) -> String {
    let mut changed = String::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [_, "déc.", day, clock, "CET", "2021"] => {
                let at = format!("2021-12-{day:0>2}T{clock}+01:00");
                let at: DateTime<FixedOffset> = DateTime::parse_from_rfc3339(&at).unwrap();
                let mut spelt = at.format(format).to_string();
                if format.starts_with("%a %d") {
                    for (english, french) in [("Wed", "mer."), ("Thu", "jeu."), ("Fri", "ven."), ("Dec", "déc.")] {
                        spelt = spelt.replace(english, french);
                    }
                }
                writeln!(changed, "{spelt}").unwrap();
            }
            _ => writeln!(changed, "{line}").unwrap(),
        }
    }
    changed
}

#[test]
fn what_a_night_can_do_without_is_a_named_gap_and_everything_else_is_written() {
    let cases: [(Change, &str); 15] = [
        (|lab| lab.without(LMSTAT), "no such file: `replay/origin.labo.example/commands/lmstat.txt`"),
        (
            |lab| lab.with(LMSTAT, "lmgrd is not running: (-15,570)\n"),
            "gap: origin.labo.example: lmstat: expected a list",
        ),
        (|lab| lab.with(LMSTAT, ""), "gap: origin.labo.example: lmstat: expected a list"),
        (|lab| lab.without(DEBUG_LOG), "gap: origin.labo.example: debug log: "),
        (|lab| lab.with(DEBUG_LOG, [0x9d, 0, 0xff, 0xfe, 7, 10].repeat(99)), "is no FlexNet debug log"),
        (|lab| lab.with(DEBUG_LOG, PDF), "is a PDF document"),
        (|lab| lab.without(SNOOPING), "gap: tftp.labo.example: read /var/lib/tftpboot/snoop: "),
        (|lab| lab.without("replay/tftp.labo.example"), "gap: tftp.labo.example: connect: unreachable"),
        (|lab| lab.without("replay/Labo-A-2"), "gap: Labo-A-2: connect: unreachable"),
        (
            |lab| lab.with("replay/Labo-A-1/commands/show_interfaces_description.txt", "% Authorization failed\n"),
            "gap: Labo-A-1: expected the table of `show interfaces description`",
        ),
        (
            |lab| lab.with("replay/Labo-A-2/commands/show_mac_address-table.txt", [0x1b, b'[', 0xc3, 0].repeat(500)),
            "gap: Labo-A-2: expected the table of `show mac address-table`",
        ),
        (|lab| lab.without(LOGWATCH), "gap: origin.labo.example: logwatch: read logwatch: no such file: `"),
        (|lab| lab.with(LOGWATCH, PDF), "is a PDF document, expected plain text"),
        (|lab| lab.with(LOGWATCH, ""), "logwatch` is empty"),
        (|lab| lab.with_folder(LOGWATCH), "expected a file, found a directory"),
    ];
    let names = names_in(&truth());
    for (change, said) in cases {
        let lab = change(Lab::complete());
        let ran = lab.jeton("nightly --no-push").exits(3).complains(said).says("sessions: 15\n").says("gaps: 1\n");
        let ran = ran.names_none_of(&names);
        assert!(!ran.err.contains('\u{1b}'), "{}", ran.err);
        assert_eq!(lab.text(HISTORY).lines().count(), 16, "{said}");
        let book = Workbook::read(&lab.path(REPORTS).join("LABO-2021-12.xlsx"));
        assert_eq!(book.sessions().len(), 16, "{said}");
        assert!(book.cells().any(|cell| cell == "source manquante"), "{said}: the gap is in the anomalies");
        assert!(book.cells().any(|cell| cell.starts_with("1 lacune")), "{said}: the gap is on the first page");
    }
}

#[test]
fn what_a_line_lacks_is_a_finding_and_no_gap() {
    let cases: [(Change, &str); 5] = [
        (|lab| lab, "warning: unreadable line\n --> replay/origin.labo.example/files/logwatch:52\n"),
        (
            |lab| {
                lab.edit(LOGWATCH, |text| {
                    text.replacen("ESTAB 0      432    [::ffff:10.20.0.20]", "ESTAB \u{0}\u{7}", 1)
                })
            },
            "warning: unreadable line (2 times)\n --> replay/origin.labo.example/files/logwatch:4\n",
        ),
        (|lab| lab.edit(LOGWATCH, |text| text[..text.len() - 30].to_owned()), "note: truncated file"),
        (
            |lab| lab.append("dhcpd-511.conf", "host HALF {\n  hardware ethernet 02:4c:42:00:11:zz;\n"),
            "warning: unbalanced brace (DHCP)\n --> dhcpd-511.conf:23\n",
        ),
        (
            |lab| lab.edit(&format!("{SNOOPING}/labo-A-1"), |text| text.replace("10.20.11.12 ", "10.20.11.999 ")),
            " --> /var/lib/tftpboot/snoop/labo-A-1:6\n",
        ),
    ];
    for (change, said) in cases {
        let lab = change(Lab::complete());
        lab.jeton("nightly --no-push").exits(0).complains(said).says("gaps: 0\n").names_none_of(&names_in(&truth()));
        assert_eq!(lab.published().len(), 10, "{said}");
    }
}

#[test]
fn without_what_it_needs_a_night_fails_with_one_error_and_touches_nothing() {
    let no_trace: Change = |lab| lab.without(LOGWATCH).without(DEBUG_LOG);
    let cases: [(Change, i32, &str); 12] = [
        (no_trace, 1, "no trace of the licence server could be had"),
        (|lab| lab.with(LOGWATCH, PDF).with(DEBUG_LOG, ""), 1, "no trace of the licence server could be had"),
        (|lab| lab.without("replay/origin.labo.example"), 1, "origin.labo.example: logwatch: connect: unreachable"),
        (
            |lab| lab.with("Ordinateurs.ods", ""),
            1,
            "cannot read `Ordinateurs.ods` as a spreadsheet (ODS or XLSX): it is empty",
        ),
        (|lab| lab.with("Ordinateurs.ods", PDF), 1, "cannot read `Ordinateurs.ods` as a spreadsheet"),
        (|lab| lab.with("Ordinateurs.ods", "PK\u{3}\u{4} broken"), 1, "cannot read `Ordinateurs.ods` as a spreadsheet"),
        (|lab| lab.without("Ordinateurs.ods"), 2, "no such file: `Ordinateurs.ods`"),
        (|lab| lab.with_folder("Ordinateurs.ods"), 2, "`Ordinateurs.ods`"),
        (|lab| lab.with("dhcpd-511.conf", PDF), 1, "`dhcpd-511.conf` is a PDF document, expected plain text"),
        (|lab| lab.with("dhcpd-511.conf", ""), 1, "`dhcpd-511.conf` is empty"),
        (|lab| lab.without("dhcpd-511.conf").without("dhcpd-512.conf"), 2, "no file matches `dhcpd-*.conf`"),
        (|lab| lab.with("jeton.toml", PDF), 2, "`jeton.toml` is a PDF document"),
    ];
    for (change, code, said) in cases {
        let lab = Lab::new();
        lab.jeton("nightly --no-push").exits(3);
        let before = lab.files("out");
        let lab = change(lab);
        lab.jeton("nightly --no-push").exits(code).errors(1).complains(said).says_only("");
        assert!(lab.files("out") == before, "{said}: what was there is untouched");
    }
}

#[test]
fn an_output_that_cannot_be_written_fails_or_is_named() {
    let full = "out/reports/2021-12/";
    Lab::complete()
        .with("out", "a file")
        .jeton("nightly --no-push")
        .exits(1)
        .errors(1)
        .complains("cannot create `out`");
    let lab = Lab::complete().with_folder(HISTORY);
    lab.jeton("nightly --no-push").exits(1).errors(1).complains("out/Origin_history").complains("directory");
    assert_eq!(
        lab.published().into_keys().collect::<Vec<_>>(),
        ["jeton.db"],
        "nothing is published without the history"
    );
    let lab = Lab::complete().with_folder("out");
    fs_err::os::unix::fs::symlink("/dev/full", lab.path(HISTORY)).unwrap();
    lab.jeton("nightly --no-push").exits(1).errors(1).complains("out/Origin_history`: expected a file");
    let lab = Lab::complete().with("out/reports", "a file");
    let ran = lab.jeton("nightly --no-push").exits(3).says("gaps: 8\n").says("files: 1\n");
    ran.complains(&format!("gap: {full}DPT1-2021-12.ods: ")).complains(&format!("gap: {full}LABO-2021-12.xlsx: "));
    assert_eq!(lab.text(HISTORY).lines().count(), 16);
    assert_eq!(lab.text("out/reports"), "a file");
    let lab = Lab::complete().with_folder("out/reports/2021-12/DPT1-2021-12.ods");
    lab.jeton("nightly --no-push").exits(3).says("gaps: 1\n").complains("gap: out/reports/2021-12/DPT1-2021-12.ods: ");
    assert_eq!(lab.published().len(), 9, "the others are written, and no leftover stays");
}

#[test]
fn a_dhcp_file_that_is_a_directory_is_named() {
    Lab::complete().with_folder("dhcpd-511.conf").jeton("nightly --no-push").exits(1).complains("dhcpd-511.conf");
}

#[test]
fn a_computers_file_that_is_a_directory_is_named_so() {
    Lab::complete().with_folder("Ordinateurs.ods").jeton("nightly --no-push").complains("is a directory");
}

#[test]
fn a_computers_file_that_is_a_pdf_is_named_so() {
    Lab::complete().with("Ordinateurs.ods", PDF).jeton("nightly --no-push").exits(1).complains("a PDF document");
}

#[test]
fn a_truncated_logwatch_is_told_once() {
    let lab = Lab::complete().edit(LOGWATCH, |text| text[..text.len() - 30].to_owned());
    lab.jeton("nightly --no-push").exits(0).complains("note: truncated file\n");
}

#[test]
fn a_packed_log_that_unpacks_to_more_than_the_limit_is_a_gap() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packed, &"08:00:00 (orglab) ====\n".repeat(1 << 17).into_bytes()).unwrap();
    let lab = Lab::complete()
        .with(&format!("{LOGWATCH}-20211201.gz"), packed.finish().unwrap())
        .edit("jeton.toml", |text| text.replace("[output]", "[limits]\nfile_mb = 1\n\n[output]"));
    let night = lab.jeton("nightly --no-push").exits(3).says("sessions: 15\n").says("gaps: 1\n");
    night.complains("it is longer than `[limits] file_mb` = 1");
}

#[test]
fn a_pipe_in_the_place_of_a_dhcp_file_is_not_waited_for() {
    let lab = Lab::complete();
    let made = std::process::Command::new("mkfifo").arg(lab.path("dhcpd-513.conf")).status().unwrap();
    assert!(made.success());
    lab.jeton("nightly --no-push").exits(1).errors(1).complains("`dhcpd-513.conf` is a pipe, expected a file");
}
