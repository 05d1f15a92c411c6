//! One session row as the stable columns of `sessions`: what CSV, JSON and the sheet *Sessions* agree on.

use chrono::{DateTime, SecondsFormat};
use chrono_tz::Tz;

use super::period::weekday;
use crate::model::SessionRow;
use crate::texts::Texts;

/// The stable names of the columns, in order.
pub const COLUMNS: [&str; 20] = [
    "date",
    "weekday",
    "login",
    "host",
    "start",
    "end",
    "duration_s",
    "state",
    "initial_start",
    "ip",
    "evidence",
    "mac",
    "vlan",
    "department",
    "hostname",
    "switch",
    "port",
    "outlet",
    "licence",
    "feature",
];

/// The cells of a row under [`COLUMNS`]: times in RFC 3339 with their offset, the weekday in the language of `texts`,
/// stable names for state and evidence, and nothing for what is unknown.
pub fn cells(row: &SessionRow, texts: &Texts) -> [String; 20] {
    let machine = &row.machine;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    [
        row.date.to_string(),
        weekday(texts, row.date).to_owned(),
        row.who.login().to_owned(),
        row.who.host().to_owned(),
        instant(row.start),
        instant(row.end),
        row.duration_s.to_string(),
        row.state.name().to_owned(),
        instant(row.initial_start),
        row.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        row.evidence.name().to_owned(),
        machine.mac.map(|mac| mac.to_string()).unwrap_or_default(),
        machine.vlan.map(|vlan| vlan.to_string()).unwrap_or_default(),
        text(&machine.department),
        text(&machine.hostname),
        text(&machine.switch),
        machine.port.as_ref().map(crate::model::SwitchPort::socket).unwrap_or_default(),
        text(&machine.outlet),
        row.feature.licence.to_string(),
        row.feature.name.to_string(),
    ]
}

fn instant(at: DateTime<Tz>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::texts::Language;

    #[test]
    fn a_row_has_the_stable_columns() {
        let row = &sample::rows()[0];
        let named: Vec<String> = COLUMNS
            .iter()
            .zip(cells(row, Language::French.texts()))
            .map(|(name, cell)| format!("{name}={cell}"))
            .collect();
        insta::assert_snapshot!(named.join("\n"), @r"
        date=2021-12-13
        weekday=lundi
        login=Éloïse Martin
        host=LaboFixe
        start=2021-12-13T22:00:00+01:00
        end=2021-12-13T23:59:59+01:00
        duration_s=7200
        state=closed
        initial_start=2021-12-13T22:00:00+01:00
        ip=10.14.18.7
        evidence=carrying
        mac=02aa.bbcc.dd07
        vlan=513
        department=DPT4
        hostname=LABO-07
        switch=Balard-PAC-2
        port=1/0/7
        outlet=RJLG07-07
        licence=origin
        feature=OriginPro
        ");
    }

    #[test]
    fn what_is_unknown_is_empty() {
        let row = SessionRow { ip: None, machine: crate::model::Machine::default(), ..sample::rows().remove(0) };
        let cells = cells(&row, Language::English.texts());
        assert!([9, 11, 12, 13, 14, 15, 16, 17].into_iter().all(|column| cells[column].is_empty()), "{cells:?}");
    }
}
