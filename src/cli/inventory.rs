//! `jeton inventory`: the DHCP files and Ordinateurs.ods side by side. Asks no host.

use chrono::Utc;

use super::arguments::{Common, InventoryOptions};
use super::export::{Kind, Target};
use super::rows::Cell;
use super::{Exit, Stop, complain, configured_alone, messages, say};
use crate::config::Config;
use crate::model::Vlan;
use crate::network::inventory::Entry;
use crate::network::{Directory, Inventory, inventory};
use crate::report::book::Workbook;
use crate::report::{self, InventoryInput};
use crate::texts::Language;

const COLUMNS: [&str; 8] = ["hostname", "mac", "ip", "vlan", "department", "in_dhcp", "in_ods", "finding"];

pub(super) fn run(options: &InventoryOptions, common: &Common) -> Result<Exit, Stop> {
    let target = options.output.as_deref().map(|path| Target::of(path, &Kind::BOOKS)).transpose()?;
    let config = configured_alone(common)?;
    let (directory, findings) = Directory::read(&config).map_err(anyhow::Error::from)?;
    let inventory = inventory(&directory, findings);
    complain(&messages::findings(&inventory.rest, &[], common.voice()));
    if let Some(target) = target {
        target.write_book(&workbook(&config, &inventory))?;
    }
    match (target, options.printing.format) {
        (Some(target), None) => say(&target.path.display().to_string()),
        _ => options.printing.print(&COLUMNS, "no machine is in the inputs", inventory.machines.iter().map(row))?,
    }
    Ok(Exit::Complete)
}

fn workbook<'a>(config: &'a Config, inventory: &'a Inventory) -> Workbook<'a> {
    report::inventory(&InventoryInput {
        site: &config.site.name,
        language: config.site.language,
        established: Utc::now().with_timezone(&config.site.timezone),
        inventory,
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// The stable cells. Several addresses, and several findings, are one text.
fn row(entry: &Entry) -> Vec<Cell> {
    let texts = Language::English.texts();
    let findings: Vec<String> = entry.findings.iter().map(|finding| report::told(finding, texts)).collect();
    let addresses: Vec<String> = entry.addresses.iter().map(ToString::to_string).collect();
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    vec![
        entry.hostname.clone().into(),
        entry.mac.map(|mac| mac.to_string()).into(),
        some(addresses.join(", ")).into(),
        entry.zone.vlan.map(Vlan::number).into(),
        entry.zone.department.clone().into(),
        entry.in_dhcp.into(),
        entry.in_ods.into(),
        some(findings.join("; ")).into(),
    ]
}
