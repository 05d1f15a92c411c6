use chrono::TimeZone;
use chrono_tz::Europe::Paris;
use proptest::prelude::*;

use super::HistoryFormat::{Line as Bars, Record, Table};
use super::*;
use crate::model::{Evidence, Feature, State};

/// A piece on a day of December 2021, from an hour for some seconds, on an address known as a whole or not at all.
fn piece(day: u32, hour: u32, seconds: i64, who: &str, ip: &str) -> SessionRow {
    let start = Paris.with_ymd_and_hms(2021, 12, day, hour, 0, 0).unwrap();
    let machine = Machine {
        hostname: Some("BBBAACCC".into()),
        mac: "90b1.1ca3.3575".parse().ok(),
        vlan: "513".parse().ok(),
        department: Some("DPT4".into()),
        switch: Some("Balard-PAC-2".into()),
        port: "Gi1/0/36".parse().ok(),
        outlet: Some("RJLG07-01".into()),
        information: None,
    };
    SessionRow {
        date: start.date_naive(),
        who: who.rsplit_once('@').map(|(login, host)| Identity::new(login, host)).unwrap(),
        feature: Feature::new("origin", "OriginPro"),
        start,
        end: start + chrono::TimeDelta::seconds(seconds),
        duration_s: seconds,
        state: State::Closed,
        initial_start: start,
        ip: ip.parse().ok(),
        evidence: Evidence::Carrying,
        machine: if ip.is_empty() { Machine::default() } else { machine },
    }
}

fn texts(rows: &[SessionRow], format: HistoryFormat) -> Vec<String> {
    lines(rows, format).into_iter().map(|line| line.text).collect()
}

#[test]
fn a_record_is_the_dictionary_of_the_scripts_and_ours() {
    let rows = [
        piece(14, 9, 11_000, "c2mstud@c2mstud3-pc", "10.14.18.145"),
        piece(14, 14, 898, "c2mstud@c2mstud3-pc", "10.14.18.145"),
    ];
    let expected = "{'mac': '90b1.1ca3.3575', 'ip': '10.14.18.145', 'hostname': '\"BBBAACCC\"', 'departement': 'DPT4', \
                    'vlan': 513, 'cisco': 'Balard-PAC-2', 'socket': '1/0/36', 'Description': 'RJLG07-01', \
                    'origin_name': 'c2mstud@c2mstud3-pc', 'connexion time': '198.3 min', 'date': '2021-12-14', \
                    'start': '2021-12-14T09:00:00+01:00', 'end': '2021-12-14T14:14:58+01:00', 'state': 'closed'}";
    assert_eq!(texts(&rows, Record), [expected]);
}

#[test]
fn what_is_unknown_is_empty() {
    let rows = [piece(14, 9, 60, "d'Alembert@PC", "")];
    let expected = "{'mac': '', 'ip': '', 'hostname': '', 'departement': '', 'vlan': '', 'cisco': '', 'socket': '', \
                    'Description': '', 'origin_name': \"d'Alembert@PC\", 'connexion time': '1.0 min', \
                    'date': '2021-12-14', 'start': '2021-12-14T09:00:00+01:00', 'end': '2021-12-14T09:01:00+01:00', \
                    'state': 'closed'}";
    assert_eq!(texts(&rows, Record), [expected]);
    assert_eq!(texts(&rows, Bars), [" |    |  |  |  |  | d'Alembert@PC | 1.0 min"]);
    assert_eq!(texts(&rows, Table), [" |  |  |  |  |  |  | 1.0 min"]);
}

#[test]
fn minutes_are_spelt_as_python_spells_a_float() {
    // python3 -c 'for s in (0, 1, 7, 11898, 11899, 86400): print(s / 60)'
    let cases = [
        (0, "0.0"),
        (1, "0.016666666666666666"),
        (7, "0.11666666666666667"),
        (11_898, "198.3"),
        (11_899, "198.31666666666666"),
        (86_400, "1440.0"),
    ];
    for (seconds, minutes) in cases {
        let text = texts(&[piece(14, 0, seconds, "a@b", "")], Record).remove(0);
        assert!(text.contains(&format!("'connexion time': '{minutes} min'")), "{text}");
    }
}

#[test]
fn line_and_table_are_as_the_scripts_wrote_them() {
    let rows = [piece(14, 9, 11_898, "c2mstud@c2mstud3-pc", "10.14.18.145")];
    let line = "Balard-PAC-2 | 513 90b1.1ca3.3575 Gi1/0/36 | BBBAACCC | DPT4 | 10.14.18.145 | RJLG07-01 | c2mstud@c2mstud3-pc | 198.3 min";
    assert_eq!(texts(&rows, Bars), [line]);
    let row = "10.14.18.145 | BBBAACCC | 90b1.1ca3.3575 | 1/0/36 | 513 | Balard-PAC-2 | RJLG07-01 | 198.3 min";
    assert_eq!(merge("", &lines(&rows, Table), Table), format!("{TABLE_HEADER}\n{row}\n"));
}

#[test]
fn a_name_with_bars_and_line_ends_stays_one_field_of_one_line() {
    for format in [Bars, Table, Record] {
        let text = texts(&[piece(14, 9, 60, "a | b\nc@d", "10.0.0.1")], format).remove(0);
        assert_eq!(text.lines().count(), 1, "{text}");
        if format != Record {
            assert_eq!(text.split(BAR).count(), 8, "{text}");
        }
    }
}

#[test]
fn lines_are_by_date_then_start_one_per_day_user_and_address() {
    let mut open = piece(15, 8, 60, "a@x", "10.0.0.1");
    open.state = State::Open;
    let rows = [
        open,
        piece(15, 7, 60, "a@x", "10.0.0.1"),
        piece(15, 7, 60, "b@x", "10.0.0.1"),
        piece(14, 9, 60, "z@x", "10.0.0.1"),
        piece(14, 10, 60, "a@x", "10.0.0.2"),
        piece(14, 11, 60, "a@x", "10.0.0.1"),
    ];
    let told: Vec<_> = lines(&rows, Record)
        .iter()
        .map(|line| format!("{} {} {}", line.date.format("%d"), line.who, line.ip.unwrap()))
        .collect();
    assert_eq!(told, ["14 z@x 10.0.0.1", "14 a@x 10.0.0.2", "14 a@x 10.0.0.1", "15 a@x 10.0.0.1", "15 b@x 10.0.0.1"]);
    assert!(texts(&rows, Record)[3].ends_with("'state': 'open'}"));
}

#[test]
fn a_night_again_changes_nothing() {
    let rows = [piece(14, 9, 60, "a@x", "10.0.0.1"), piece(14, 9, 60, "b@x", ""), piece(15, 9, 60, "a@x", "10.0.0.1")];
    for format in [Record, Bars, Table] {
        let lines = lines(&rows, format);
        let once = merge("", &lines, format);
        assert_eq!(merge(&once, &lines, format), once, "{format:?}");
        assert_eq!(once.lines().filter(|line| *line != TABLE_HEADER).count(), 3, "{once}");
    }
}

#[test]
fn a_session_that_moved_on_replaces_its_line_where_it_stands() {
    for format in [Record, Bars, Table] {
        let before = [piece(14, 9, 60, "a@x", "10.0.0.1"), piece(14, 10, 60, "b@x", "10.0.0.2")];
        let after = [
            piece(14, 9, 3_600, "a@x", "10.0.0.1"),
            piece(14, 10, 60, "b@x", "10.0.0.2"),
            piece(15, 8, 60, "a@x", "10.0.0.1"),
        ];
        let first = merge("", &lines(&before, format), format);
        let second = merge(&first, &lines(&after, format), format);
        assert_eq!(second, merge("", &lines(&after, format), format), "{format:?}");
    }
}

#[test]
fn two_days_alike_are_two_lines_without_a_date_too() {
    for format in [Bars, Table] {
        let mut rows = vec![piece(14, 9, 60, "a@x", "10.0.0.1")];
        let first = merge("", &lines(&rows, format), format);
        rows.push(piece(15, 9, 60, "a@x", "10.0.0.1"));
        let second = merge(&first, &lines(&rows, format), format);
        assert_eq!(second.matches("1.0 min").count(), 2, "{second}");
        assert_eq!(merge(&second, &lines(&rows, format), format), second);
    }
}

#[test]
fn an_address_found_later_takes_the_place_of_the_line_without_one() {
    let first = merge("", &lines(&[piece(14, 9, 60, "a@x", "")], Record), Record);
    let second = merge(&first, &lines(&[piece(14, 9, 60, "a@x", "10.0.0.1")], Record), Record);
    assert_eq!(second.lines().count(), 1);
    assert!(second.contains("10.0.0.1"));
}

#[test]
fn lines_of_others_stay_as_they_are_where_they_are() {
    let old_record = "{'mac': '90b1.1ca3.3575', 'ip': '10.0.0.1', 'origin_name': 'a@x', 'connexion time': '198.3088238040606 min'}\r\n";
    let old_line = "S | 513 m Gi1/0/1 | H | DPT4 | 10.0.0.1 | O | a@x | 198.3088238040606 min\n";
    let old_time = "S | 513 m Gi1/0/1 | H | DPT4 | 10.0.0.1 | O | a@x | not avaible, start at 9:00\n";
    let existing = format!("# since 2019\n\n{old_record}{old_line}{old_time}{{'half': \nlast");
    for format in [Record, Bars, Table] {
        let lines = lines(&[piece(14, 9, 60, "a@x", "10.0.0.1")], format);
        let merged = merge(&existing, &lines, format);
        assert!(merged.starts_with(&format!("{existing}\n")), "{merged}");
        assert_eq!(merge(&merged, &lines, format), merged);
    }
}

#[test]
fn lines_from_before_the_ledger_stay_before_its_days() {
    let rows: Vec<_> = (1..=4).map(|day| piece(day, 9, 60 * i64::from(day), "a@x", "10.0.0.1")).collect();
    let all = lines(&rows, Bars);
    let existing: String = all[..3].iter().flat_map(|line| [line.text.as_str(), "\n"]).collect();
    // The ledger knows the days from the third on only.
    let merged = merge(&existing, &all[2..], Bars);
    assert_eq!(merged, all.iter().flat_map(|line| [line.text.as_str(), "\n"]).collect::<String>());
}

#[test]
fn a_doubled_record_is_taken_away() {
    let lines = lines(&[piece(14, 9, 60, "a@x", "10.0.0.1")], Record);
    let once = merge("", &lines, Record);
    assert_eq!(merge(&format!("{once}x\n{once}"), &lines, Record), format!("{once}x\n"));
}

#[test]
fn the_file_is_written_once_and_old_bytes_are_understood() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Origin_history");
    fs_err::write(&path, b"\xe9t\xe9\n").unwrap();
    let lines = lines(&[piece(14, 9, 60, "a@x", "10.0.0.1")], Record);
    write(&path, &lines, Record).unwrap();
    let text = fs_err::read_to_string(&path).unwrap();
    assert!(text.starts_with("été\n{'mac'"), "{text}");
    let modified = fs_err::metadata(&path).unwrap().modified().unwrap();
    write(&path, &lines, Record).unwrap();
    assert_eq!(fs_err::metadata(&path).unwrap().modified().unwrap(), modified);
}

proptest! {
    #[test]
    fn any_names_make_a_history_that_stays_as_it_is(
        names in prop::collection::vec("[^@]{0,6}@.{0,4}", 1..5),
        existing in "[{}'\",:|. min0-9\n]{0,60}|\\PC*",
    ) {
        let rows: Vec<_> = names.iter().map(|name| piece(14, 9, 60, name, "10.0.0.1")).collect();
        for format in [Record, Bars, Table] {
            let lines = lines(&rows, format);
            let once = merge(&existing, &lines, format);
            for line in &lines {
                prop_assert!(once.contains(&line.text));
            }
            prop_assert_eq!(merge(&once, &lines, format), once);
        }
    }
}
