//! All that is known of one person, as a workbook or as JSON: what is handed over to whoever asks for their own data.

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use serde_json::Value as Json;

use super::table::fitting;
use super::{Cell, Palette, Properties, Role, Rows, Sheet, Table, Value, Workbook, sheet_name};
use crate::config::HistoryFormat;
use crate::pipeline::{Person, Stay};
use crate::report::day;
use crate::report::rows::{COLUMNS, cells};
use crate::texts::{Language, Texts};

/// What is handed over, and about whom.
#[derive(Debug, Clone, Copy)]
pub struct PersonInput<'a> {
    /// The laboratory's name.
    pub site: &'a str,
    /// The language of the workbook.
    pub language: Language,
    /// When it is made.
    pub established: DateTime<Tz>,
    /// What is known.
    pub person: &'a Person,
    /// jeton's version.
    pub version: &'a str,
}

/// A list of one kind, by the name of its sheet.
struct Part {
    name: &'static str,
    columns: Vec<&'static str>,
    rows: Vec<Vec<Json>>,
}

/// The same as JSON: who it is about, and an array of objects per kind.
pub fn person_json(input: &PersonInput<'_>) -> Json {
    let mut all = serde_json::Map::new();
    all.insert("site".to_owned(), input.site.into());
    all.insert("login".to_owned(), input.person.login.as_str().into());
    all.insert("pseudonym".to_owned(), input.person.pseudonym.clone().into());
    all.insert("established".to_owned(), input.established.to_rfc3339_opts(SecondsFormat::Secs, false).into());
    for Part { name, columns, rows } in parts(input) {
        let object = |row: Vec<Json>| -> Json {
            columns.iter().map(|column| (*column).to_owned()).zip(row).collect::<serde_json::Map<_, _>>().into()
        };
        all.insert(name.to_owned(), rows.into_iter().map(object).collect::<Vec<_>>().into());
    }
    all.into()
}

/// The workbook: a page that says what it is, then a sheet per kind.
pub fn person<'a>(input: &PersonInput<'a>) -> Workbook<'a> {
    let texts = input.language.texts();
    let properties = Properties {
        title: texts.fill("person.title", &[("login", &input.person.login)]),
        subject: texts.fill("person.established", &[("date", &day(texts, input.established.date_naive()))]),
        company: input.site.to_owned(),
        creator: format!("jeton {}", input.version),
        language: input.language,
        created: input.established.naive_utc(),
        page: texts.get("summary.page").to_owned(),
    };
    let parts = parts(input);
    let mut sheets = vec![about(input, texts, &properties, &parts)];
    sheets.extend(parts.into_iter().map(|part| sheet(part, texts)));
    Workbook { properties, palette: Palette::default(), names: Vec::new(), sheets }
}

/// What it is, how much of what there is, and what is not in it.
fn about<'a>(input: &PersonInput<'_>, texts: &'static Texts, given: &Properties, parts: &[Part]) -> Sheet<'a> {
    let mut lines = vec![
        vec![Cell::text(Role::Title, given.title.clone())],
        vec![Cell::text(Role::Subtitle, format!("{} · {}", input.site, given.subject))],
        Vec::new(),
    ];
    if let Some(pseudonym) = &input.person.pseudonym {
        lines.push(vec![Cell::text(Role::Note, texts.fill("person.pseudonym", &[("pseudonym", pseudonym)]))]);
    }
    lines.push(vec![Cell::text(Role::Note, texts.get("person.not_here"))]);
    lines.push(Vec::new());
    for part in parts {
        let name = texts.get(&format!("person.{}", part.name)).to_owned();
        lines.push(vec![Cell::text(Role::Label, name), Cell::new(Role::Figure, Value::count(part.rows.len()))]);
    }
    Sheet { name: sheet_name(texts.get("person.sheet")), widths: vec![44.0, 14.0], lines, ..Sheet::default() }
}

fn sheet<'a>(part: Part, texts: &'static Texts) -> Sheet<'a> {
    let Part { name, columns, rows } = part;
    let title = |column: &&str| texts.find(&format!("column.{column}")).unwrap_or_default();
    let header: Vec<Cell<'a>> = columns.iter().map(|column| Cell::text(Role::Header, title(column))).collect();
    let value = |cell: Json| match cell {
        Json::Number(number) => number.as_i64().map_or(Value::Empty, Value::Integer),
        Json::String(text) if !text.is_empty() => Value::text(text),
        _ => Value::Empty,
    };
    let rows: Vec<_> =
        rows.into_iter().map(|row| row.into_iter().map(|cell| Cell::body(value(cell))).collect()).collect();
    let filter = !rows.is_empty();
    let rows = Rows::Given(rows);
    let widths = fitting(&header, &rows);
    let table = Table { header, rows, frozen_columns: 0, filter };
    let name = sheet_name(texts.get(&format!("person.{name}")));
    Sheet { name, widths, table: Some(table), ..Sheet::default() }
}

fn parts(input: &PersonInput<'_>) -> Vec<Part> {
    let (person, texts) = (input.person, input.language.texts());
    let zone = input.established.timezone();
    let at = |at: DateTime<Utc>| at.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Secs, false);
    let number = |name: &str, text: String| match (name, text.parse::<i64>()) {
        ("duration_s" | "vlan", Ok(number)) => Json::from(number),
        _ => Json::from(text),
    };
    let sessions = person
        .sessions
        .iter()
        .map(|row| COLUMNS.iter().zip(cells(row, texts)).map(|(name, text)| number(name, text)).collect());
    let tokens = person.tokens.iter().map(|hold| {
        let ip = hold.address.map(|(ip, _)| ip.to_string());
        vec![
            at(hold.start).into(),
            at(hold.end).into(),
            hold.who.login().into(),
            hold.who.host().into(),
            hold.licences.into(),
            hold.state.name().into(),
            ip.into(),
            (&*hold.feature.name).into(),
        ]
    });
    let refusals = person.refusals.iter().map(|refusal| {
        let denial = &refusal.denial;
        let waited = refusal.served.map(|served| (served - denial.at).num_seconds());
        vec![
            at(denial.at).into(),
            denial.who.login().into(),
            denial.who.host().into(),
            denial.ip.map(|ip| ip.to_string()).into(),
            denial.machine.department.clone().into(),
            waited.into(),
            (&*denial.feature.name).into(),
        ]
    });
    let workbooks = person.workbooks.iter().map(|shown| {
        vec![shown.file.clone().into(), shown.period.clone().into(), shown.use_s.into(), shown.sessions.into()]
    });
    let findings = person.findings.iter().map(|finding| {
        let day = finding.day.map(|day| day.to_string());
        vec![
            day.into(),
            texts.what(finding.kind).into(),
            finding.place.to_string().into(),
            finding.detail.clone().into(),
        ]
    });
    let imported = person.imported.iter().map(|entry| vec![entry.text(HistoryFormat::Record).into()]);
    let history = person.history.iter().map(|line| vec![line.clone().into()]);
    let lines = person.lines.iter().map(|(file, line)| vec![file.clone().into(), line.clone().into()]);
    vec![
        Part { name: "sessions", columns: COLUMNS.to_vec(), rows: sessions.collect() },
        Part {
            name: "tokens",
            columns: vec!["start", "end", "login", "host", "tokens", "state", "ip", "feature"],
            rows: tokens.collect(),
        },
        Part {
            name: "refusals",
            columns: vec!["refused_at", "login", "host", "ip", "department", "waited_s", "feature"],
            rows: refusals.collect(),
        },
        Part {
            name: "machines",
            columns: vec![
                "first",
                "last",
                "ip",
                "hostname",
                "mac",
                "department",
                "switch",
                "port",
                "outlet",
                "information",
            ],
            rows: person.machines.iter().map(machine).collect(),
        },
        Part { name: "workbooks", columns: vec!["file", "period", "use_s", "sessions"], rows: workbooks.collect() },
        Part { name: "findings", columns: vec!["date", "what", "where", "detail"], rows: findings.collect() },
        Part { name: "imported", columns: vec!["line"], rows: imported.collect() },
        Part { name: "history", columns: vec!["line"], rows: history.collect() },
        Part { name: "lines", columns: vec!["file", "line"], rows: lines.collect() },
    ]
}

fn machine(stay: &Stay) -> Vec<Json> {
    let machine = &stay.machine;
    vec![
        stay.first.to_string().into(),
        stay.last.to_string().into(),
        stay.ip.map(|ip| ip.to_string()).into(),
        machine.hostname.clone().into(),
        machine.mac.map(|mac| mac.to_string()).into(),
        machine.department.clone().into(),
        machine.switch.clone().into(),
        machine.port.as_ref().map(ToString::to_string).into(),
        machine.outlet.clone().into(),
        machine.information.clone().into(),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::sample;

    #[test]
    fn what_is_handed_over_names_its_columns_in_both_languages() {
        let person = Person {
            login: "camille".to_owned(),
            sessions: sample::rows(),
            tokens: sample::holds(),
            ..Person::default()
        };
        let established = sample::rows()[0].start;
        for language in [Language::French, Language::English] {
            let input = PersonInput { site: "LABO", language, established, person: &person, version: "1" };
            let book = super::person(&input);
            assert_eq!(book.sheets.len(), 10);
            for sheet in book.sheets.iter().skip(1) {
                let header = &sheet.table.as_ref().unwrap().header;
                assert!(header.iter().all(|cell| cell.value != Value::text("")), "{}: {header:?}", sheet.name);
            }
            let json = person_json(&input);
            assert_eq!(json["sessions"].as_array().unwrap().len(), 6);
            assert_eq!(json["sessions"][0]["login"], json!(sample::rows()[0].who.login()));
            assert!(json["sessions"][0]["duration_s"].is_i64());
        }
    }
}
