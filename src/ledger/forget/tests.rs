//! What is forgotten in a ledger, and what stays.

use chrono_tz::Europe::Paris;

use super::*;
use crate::ledger::Grouping;
use crate::ledger::tests::{assert_stamped, days};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// A ledger that an old history filled: a line per day, each a session of 30 minutes from 9 o'clock on.
fn ledger(lines: &[(&str, &str, &str)]) -> Ledger {
    let mut ledger = Ledger::in_memory().unwrap();
    let line = |(date, who, ip): &(&str, &str, &str)| {
        format!(
            "{{'origin_name': '{who}', 'ip': '{ip}', 'mac': '024c.4200.1177', 'departement': 'DPT1', 'vlan': 511, 'Description': 'RJ-1', \
             'connexion time': '30.0 min', 'date': '{date}', 'start': '{date}T09:00:00+01:00', 'end': '{date}T09:30:00+01:00', \
             'state': 'closed'}}\n"
        )
    };
    let text: String = lines.iter().map(line).collect();
    ledger.take_in(&[Source::from_bytes("old", text.as_bytes())], Paris).unwrap();
    ledger
}

fn forget(ledger: &mut Ledger, named: &str, kept: Option<&str>) -> Forgot {
    let before = days(ledger);
    let mut change = ledger.change("origin").unwrap();
    change.settle_before(day(named), Month::of(day("2021-11-08")), &Carry::default(), Paris).unwrap();
    let mut forgot = change.forget_names(&Veil::new([1; 32]), day(named), Paris).unwrap();
    if let Some(kept) = kept {
        forgot += change.forget_rows(day(kept), Paris).unwrap();
    }
    change.commit().unwrap();
    assert_stamped(&before, &days(ledger));
    forgot
}

/// Day, login, address and outlet of each row, pseudonyms as `~`.
fn rows(ledger: &Ledger) -> Vec<String> {
    let hidden = |text: &str| if is_pseudonym(text) { "~".to_owned() } else { text.to_owned() };
    let rows = ledger.rows(NaiveDate::MIN, NaiveDate::MAX, Paris).unwrap();
    let told = rows.iter().map(|row| {
        let ip = row.ip.map(|ip| if is_pseudonymous_address(ip) { "~".to_owned() } else { ip.to_string() });
        let outlet = hidden(row.machine.outlet.as_deref().unwrap_or_default());
        let department = row.machine.department.as_deref().unwrap_or_default();
        format!(
            "{} {} {} {outlet} {department}",
            row.date.format("%d"),
            hidden(row.who.login()),
            ip.unwrap_or_default()
        )
    });
    told.collect()
}

fn used(ledger: &Ledger, by: Grouping) -> Vec<(String, i64, i64, Option<i64>)> {
    let used = ledger.used(day("2021-12-01"), day("2021-12-31"), by).unwrap();
    used.into_iter().map(|used| (used.group, used.seconds, used.begun, used.users)).collect()
}

const LINES: [(&str, &str, &str); 4] = [
    ("2021-12-06", "anna@PC-1", "10.0.0.1"),
    ("2021-12-07", "bob@PC-2", "10.0.0.2"),
    ("2021-12-08", "anna@PC-1", "10.0.0.1"),
    ("2021-12-09", "bob@PC-2", "10.0.0.2"),
];

#[test]
fn rows_before_the_horizon_lose_their_names_and_keep_department_and_sums() {
    let mut ledger = ledger(&LINES).under(Some(Veil::new([1; 32])));
    let before = [Grouping::Day, Grouping::Month, Grouping::Department].map(|by| used(&ledger, by));
    let forgot = forget(&mut ledger, "2021-12-08", None);
    assert_eq!((forgot.sessions, forgot.lines), (2, 2));
    let named = ["08 anna 10.0.0.1 RJ-1 DPT1", "09 bob 10.0.0.2 RJ-1 DPT1"];
    assert_eq!(rows(&ledger), ["06 ~ ~ ~ DPT1", "07 ~ ~ ~ DPT1", named[0], named[1]]);
    assert_eq!([Grouping::Day, Grouping::Month, Grouping::Department].map(|by| used(&ledger, by)), before);
    assert!(ledger.told_text().unwrap().matches("anna").count() == 1);
    assert!(forget(&mut ledger, "2021-12-08", None).is_nothing(), "once is enough");
    // Whoever is there under a name and under a pseudonym is one person; without the key nobody can tell.
    assert_eq!(used(&ledger.under(None), Grouping::Month)[0].3, Some(4));
}

#[test]
fn rows_that_go_leave_sums_and_the_counts_that_were_kept() {
    let mut ledger = ledger(&LINES);
    let before = used(&ledger, Grouping::Department);
    let mut change = ledger.change("origin").unwrap();
    change.keep_figures(("day", day("2021-12-06")), None, "site", "{\"users\":1,\"hosts\":1}").unwrap();
    change.keep_figures(("day", day("2021-12-06")), None, "site", "{\"users\":7,\"hosts\":7}").unwrap();
    change.commit().unwrap();
    forget(&mut ledger, "2021-12-08", Some("2021-12-08"));
    assert_eq!(rows(&ledger).len(), 2);
    let days = used(&ledger, Grouping::Day);
    assert_eq!(days[0], ("2021-12-06".to_owned(), 1_800, 1, Some(1)), "what was kept first stays");
    assert_eq!(days[1], ("2021-12-07".to_owned(), 1_800, 1, None), "unknown is not nobody");
    assert_eq!(days[2].3, Some(1));
    let after = used(&ledger, Grouping::Department);
    assert_eq!((after[0].1, after[0].2, after[0].3), (before[0].1, before[0].2, None));
    assert_eq!(ledger.first_kept().unwrap(), Some(day("2021-12-08")));
    // Nobody is called anything there any more.
    let people: i64 = ledger.db.query_row("SELECT count(*) FROM pair", [], |row| row.get(0)).unwrap();
    let machines: i64 = ledger.db.query_row("SELECT count(*) FROM address", [], |row| row.get(0)).unwrap();
    assert_eq!((people, machines), (2, 2));
}

#[test]
fn one_person_is_forgotten_up_to_a_day() {
    let mut ledger = ledger(&LINES);
    let mut change = ledger.change("origin").unwrap();
    let forgot = change.forget_person(&Veil::new([1; 32]), "bob", day("2021-12-08"), Paris).unwrap();
    change.commit().unwrap();
    assert_eq!((forgot.sessions, forgot.lines), (1, 1));
    let login: Vec<String> = rows(&ledger).iter().map(|row| row.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(login, ["anna", "~", "anna", "bob"]);
}

#[test]
fn a_ledger_that_was_written_anew_holds_nothing_of_what_was_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jeton.db");
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.take_in(&[Source::from_bytes("old", ledger_text().as_bytes())], Paris).unwrap();
    let mut change = ledger.change("origin").unwrap();
    change.forget_names(&Veil::new([1; 32]), day("2022-01-01"), Paris).unwrap();
    change.note_unscrubbed().unwrap();
    change.commit().unwrap();
    let holds = || {
        ["jeton.db", "jeton.db-wal"].iter().any(|name| {
            let bytes = fs_err::read(folder.path().join(name)).unwrap_or_default();
            memchr::memmem::find(&bytes, b"anna").is_some()
        })
    };
    assert!(ledger.is_unscrubbed().unwrap() && holds());
    ledger.scrub().unwrap();
    assert!(!ledger.is_unscrubbed().unwrap() && !holds());
}

fn ledger_text() -> String {
    let line = |day: u32| {
        format!(
            "{{'origin_name': 'anna@PC-{day}', 'ip': '10.0.0.{day}', 'connexion time': '30.0 min', 'date': '2021-12-{day:02}'}}\n"
        )
    };
    (1..30).map(line).collect()
}
