//! `jeton inventory`: the DHCP files and Ordinateurs.ods side by side. Asks no host.

use std::io::Cursor;
use std::path::Path;

use chrono::Utc;

use super::arguments::{Common, InventoryOptions};
use super::rows::{self, Cell};
use super::{Exit, Stop, complain, configured_alone, messages, say};
use crate::config::Config;
use crate::model::Vlan;
use crate::network::inventory::Entry;
use crate::network::{Directory, Inventory, inventory};
use crate::output;
use crate::report::{self, InventoryInput, WriteError, ods, xlsx};
use crate::texts::Language;

const COLUMNS: [&str; 8] = ["hostname", "mac", "ip", "vlan", "department", "in_dhcp", "in_ods", "finding"];

pub(super) fn run(options: &InventoryOptions, common: &Common) -> Result<Exit, Stop> {
    let target = options.output.as_deref().map(|path| Ok::<_, Stop>((path, Kind::of(path)?))).transpose()?;
    let config = configured_alone(common)?;
    let (directory, findings) = Directory::read(&config).map_err(anyhow::Error::from)?;
    let inventory = inventory(&directory, findings);
    complain(&messages::findings(&inventory.rest, &[], common.verbose));
    if let Some((path, kind)) = target {
        let bytes = workbook(&config, &inventory, kind).map_err(anyhow::Error::from)?;
        output::write_file(path, |out| out.write_all(&bytes))?;
    }
    match (target, options.format) {
        (Some((path, _)), None) => say(&path.display().to_string()),
        (_, format) => {
            let rows = inventory.machines.iter().map(row);
            rows::print(&mut std::io::stdout().lock(), format.unwrap_or_default(), &COLUMNS, rows)?;
        }
    }
    Ok(Exit::Complete)
}

/// The format of a workbook.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Ods,
    Xlsx,
}

impl Kind {
    /// By the end of the file's name.
    fn of(path: &Path) -> Result<Self, Stop> {
        match path.extension().map(|end| end.to_string_lossy().to_lowercase()).as_deref() {
            Some("ods") => Ok(Self::Ods),
            Some("xlsx") => Ok(Self::Xlsx),
            _ => {
                let path = path.display();
                Err(Stop::Usage(format!("error: expected a file that ends in `.ods` or `.xlsx`, found `{path}`")))
            }
        }
    }
}

fn workbook(config: &Config, inventory: &Inventory, kind: Kind) -> Result<Vec<u8>, WriteError> {
    let input = InventoryInput {
        site: &config.site.name,
        language: config.site.language,
        established: Utc::now().with_timezone(&config.site.timezone).naive_local(),
        inventory,
        version: env!("CARGO_PKG_VERSION"),
    };
    let book = report::inventory(&input);
    let mut bytes = Cursor::new(Vec::new());
    match kind {
        Kind::Ods => ods::write(&book, &mut bytes)?,
        Kind::Xlsx => xlsx::write(&book, &mut bytes)?,
    }
    Ok(bytes.into_inner())
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
