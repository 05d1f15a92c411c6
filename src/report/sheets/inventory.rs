//! The workbook of `jeton inventory`: the machines of the DHCP files and of Ordinateurs.ods, a line each.

use chrono::DateTime;
use chrono_tz::Tz;

use super::table::fitting;
use super::{Cell, Palette, Properties, Role, Rows, Sheet, Table, Value, Workbook, anomalies, sheet_name};
use crate::finding::Finding;
use crate::network::Inventory;
use crate::network::inventory::Entry;
use crate::report::day;
use crate::texts::{Language, Texts};

/// What the workbook is made of.
#[derive(Debug, Clone, Copy)]
pub struct InventoryInput<'a> {
    /// The laboratory's name.
    pub site: &'a str,
    /// The language of the workbook.
    pub language: Language,
    /// When it is made.
    pub established: DateTime<Tz>,
    /// The machines.
    pub inventory: &'a Inventory,
    /// jeton's version.
    pub version: &'a str,
}

/// The workbook: MAC, address, name, department and VLAN first, as the laboratory's own dictionary has them; then which
/// source has the machine, and what is wrong with it. What is wrong with no machine is on a sheet of its own.
pub fn inventory<'a>(input: &InventoryInput<'a>) -> Workbook<'a> {
    let texts = input.language.texts();
    let mut sheets = vec![machines(input, texts)];
    if !input.inventory.rest.is_empty() {
        sheets.push(elsewhere(&input.inventory.rest, texts));
    }
    Workbook { properties: properties(input, texts), palette: Palette::default(), names: Vec::new(), sheets }
}

fn properties(input: &InventoryInput<'_>, texts: &Texts) -> Properties {
    Properties {
        title: texts.fill("inventory.title", &[("site", input.site)]),
        subject: texts.fill("inventory.established", &[("date", &day(texts, input.established.date_naive()))]),
        company: input.site.to_owned(),
        creator: format!("jeton {}", input.version),
        language: input.language,
        created: input.established.naive_utc(),
        page: texts.get("summary.page").to_owned(),
    }
}

fn machines<'a>(input: &InventoryInput<'a>, texts: &'static Texts) -> Sheet<'a> {
    const COLUMNS: [(&str, Role); 8] = [
        ("column.mac", Role::Header),
        ("column.ip", Role::Header),
        ("inventory.name", Role::Header),
        ("column.department", Role::Header),
        ("column.vlan", Role::HeaderRight),
        ("inventory.in_dhcp", Role::Header),
        ("inventory.in_ods", Role::Header),
        ("inventory.finding", Role::Header),
    ];
    /// Findings are sentences: they run over several lines.
    const FINDINGS: f64 = 80.0;
    let header: Vec<Cell<'a>> = COLUMNS.iter().map(|(path, role)| Cell::text(*role, texts.get(path))).collect();
    let rows = Rows::Given(input.inventory.machines.iter().map(|entry| row(entry, texts)).collect());
    let mut widths = fitting(&header, &rows);
    if let Some(last) = widths.last_mut() {
        *last = FINDINGS;
    }
    let given = properties(input, texts);
    let lines = vec![
        vec![Cell::text(Role::Subtitle, format!("{} · {}", given.title, given.subject))],
        vec![Cell::text(Role::Note, counts(input.inventory, texts))],
    ];
    let filter = !rows.is_empty();
    // MAC, address and name stay in sight beside what is wrong.
    let table = Table { header, rows, frozen_columns: 3, filter };
    Sheet { name: sheet_name(texts.get("inventory.sheet")), widths, lines, table: Some(table), ..Sheet::default() }
}

fn counts(inventory: &Inventory, texts: &Texts) -> String {
    let machines = &inventory.machines;
    let count = |wanted: fn(&Entry) -> bool| machines.iter().filter(|entry| wanted(entry)).count().to_string();
    let findings = inventory.rest.len() + machines.iter().map(|entry| entry.findings.len()).sum::<usize>();
    let values = [
        ("machines", count(|_| true)),
        ("both", count(|entry| entry.in_dhcp && entry.in_ods)),
        ("dhcp", count(|entry| !entry.in_ods)),
        ("ods", count(|entry| !entry.in_dhcp)),
        ("findings", findings.to_string()),
    ];
    texts.fill("inventory.counts", &values.each_ref().map(|(name, value)| (*name, value.as_str())))
}

fn row<'a>(entry: &'a Entry, texts: &'static Texts) -> Vec<Cell<'a>> {
    let said = |flag: bool| Value::text(texts.get(if flag { "inventory.yes" } else { "inventory.no" }));
    let findings: Vec<String> = entry.findings.iter().map(|finding| told(finding, texts)).collect();
    let addresses: Vec<String> = entry.addresses.iter().map(ToString::to_string).collect();
    let values = [
        entry.mac.map_or(Value::Empty, |mac| Value::text(mac.to_string())),
        Value::text(addresses.join(", ")),
        Value::optional(entry.hostname.as_deref()),
        Value::optional(entry.zone.department.as_deref()),
        entry.zone.vlan.map_or(Value::Empty, |vlan| Value::Integer(vlan.number().into())),
        said(entry.in_dhcp),
        said(entry.in_ods),
    ];
    let finding = Cell::new(Role::Prose, Value::text(findings.join(" ; ")));
    values.into_iter().map(Cell::body).chain([finding]).collect()
}

/// A finding as a machine's line tells it: where, what, and the values.
pub fn told(finding: &Finding, texts: &Texts) -> String {
    let detail = if finding.detail.is_empty() { String::new() } else { format!(" ({})", finding.detail) };
    format!("{}: {}{detail}", finding.place, texts.what(finding.kind))
}

fn elsewhere<'a>(findings: &[Finding], texts: &'static Texts) -> Sheet<'a> {
    /// Severity, what, where, detail, what to do.
    const WIDTHS: [f64; 5] = [14.0, 26.0, 34.0, 52.0, 52.0];
    let title = |name: &str| texts.find(&format!("column.{name}")).unwrap_or_default();
    let header = anomalies::COLUMNS.map(|known| Cell::text(Role::Header, title(known.name))).into();
    let prose = |finding: &Finding| anomalies::row(texts, finding.clone()).map(|value| Cell::new(Role::Prose, value));
    let rows = Rows::Given(findings.iter().map(|finding| prose(finding).into()).collect());
    let table = Table { header, rows, frozen_columns: 0, filter: true };
    let lines = vec![vec![Cell::text(Role::Note, texts.get("inventory.elsewhere"))]];
    let name = sheet_name(texts.get("sheet.anomalies"));
    Sheet { name, widths: WIDTHS.to_vec(), lines, table: Some(table), ..Sheet::default() }
}
