//! The order of rows: by any column, as what it holds is ordered.

use std::cmp::Ordering;
use std::net::IpAddr;

use chrono::{DateTime, Datelike, NaiveDate};
use chrono_tz::Tz;

use crate::model::{MacAddr, SessionRow, SwitchPort, folded};

/// What rows are compared by; of one column, all are of one kind.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(i64),
    Day(NaiveDate),
    Instant(DateTime<Tz>),
    Text(String),
    Address(IpAddr),
    Mac(MacAddr),
    Port(SwitchPort),
}

/// Sorts rows by a column, the greatest first where `reverse` says so. What is unknown comes last either way, and equal ones
/// stay in the order that they are in.
pub(super) fn sort(rows: &mut Vec<SessionRow>, column: &str, reverse: bool) {
    let mut keyed: Vec<(Option<Key>, SessionRow)> = rows.drain(..).map(|row| (key(&row, column), row)).collect();
    keyed.sort_by(|(a, _), (b, _)| match (a, b) {
        (Some(a), Some(b)) if reverse => b.cmp(a),
        (Some(a), Some(b)) => a.cmp(b),
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (None, None) => Ordering::Equal,
    });
    rows.extend(keyed.into_iter().map(|(_, row)| row));
}

fn key(row: &SessionRow, column: &str) -> Option<Key> {
    let machine = &row.machine;
    let text = |text: &Option<String>| text.as_deref().map(|text| Key::Text(folded(text)));
    Some(match column {
        "date" => Key::Day(row.date),
        "weekday" => Key::Number(row.date.weekday().num_days_from_monday().into()),
        "login" => Key::Text(folded(row.who.login())),
        "host" => Key::Text(folded(row.who.host())),
        "end" => Key::Instant(row.end),
        "duration_s" => Key::Number(row.duration_s),
        "state" => Key::Number(row.state as i64),
        "initial_start" => Key::Instant(row.initial_start),
        "ip" => Key::Address(row.ip?),
        "evidence" => Key::Number(row.evidence as i64),
        "mac" => Key::Mac(machine.mac?),
        "vlan" => Key::Number(machine.vlan?.number().into()),
        "department" => text(&machine.department)?,
        "hostname" => text(&machine.hostname)?,
        "switch" => text(&machine.switch)?,
        "port" => Key::Port(machine.port.clone()?),
        "outlet" => text(&machine.outlet)?,
        "licence" => Key::Text(folded(&row.feature.licence)),
        "feature" => Key::Text(folded(&row.feature.name)),
        _ => Key::Instant(row.start),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Identity, Machine};
    use crate::report::rows::COLUMNS;
    use crate::report::sample;

    fn row(login: &str, ip: Option<&str>, port: &str, seconds: i64) -> SessionRow {
        let machine = Machine { port: port.parse().ok(), ..Machine::default() };
        let ip = ip.map(|ip| ip.parse().unwrap());
        SessionRow { who: Identity::new(login, "PC"), ip, machine, duration_s: seconds, ..sample::rows().remove(0) }
    }

    #[test]
    fn each_column_is_sorted_as_what_it_holds() {
        let rows = || {
            vec![
                row("Zoé", Some("10.0.0.9"), "Gi1/0/10", 100_000),
                row("anna", Some("10.0.0.10"), "Gi1/0/9", 7),
                row("Éloïse", None, "", 40),
            ]
        };
        for (column, reverse, expected) in [
            ("login", false, ["anna", "Éloïse", "Zoé"]),
            ("login", true, ["Zoé", "Éloïse", "anna"]),
            ("ip", false, ["Zoé", "anna", "Éloïse"]),
            ("ip", true, ["anna", "Zoé", "Éloïse"]),
            ("port", false, ["anna", "Zoé", "Éloïse"]),
            ("duration_s", false, ["anna", "Éloïse", "Zoé"]),
            ("duration_s", true, ["Zoé", "Éloïse", "anna"]),
            ("start", false, ["Zoé", "anna", "Éloïse"]),
        ] {
            let mut rows = rows();
            sort(&mut rows, column, reverse);
            let logins: Vec<&str> = rows.iter().map(|row| row.who.login()).collect();
            assert_eq!(logins, expected, "{column} {reverse}");
        }
    }

    #[test]
    fn every_column_has_an_order_of_its_own() {
        let row = &sample::rows()[0];
        let starts: Vec<&str> =
            COLUMNS.into_iter().filter(|column| key(row, column) == Some(Key::Instant(row.start))).collect();
        assert_eq!(starts, ["start", "initial_start"], "the sample's session begins with its first piece");
    }
}
