//! What `Get_User_Info_From_IP.py` did, with jeton as a library: a Python dictionary on one line for each address, with its
//! machine, its outlet, and who used a token there today for how long.
//!
//! ```text
//! cargo run --example get_user_info_from_ip -- fixtures/jeton.toml 10.20.11.11 10.20.12.15
//! ```

use std::collections::BTreeSet;
use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;

use jeton::config::{Config, HistoryFormat};
use jeton::history;
use jeton::model::SessionRow;
use jeton::network::{self, Directory};
use jeton::pipeline::{self, Days, Rows, Wanted, Whence};

/// Prints a Python dictionary for each address.
#[derive(Debug, Parser)]
struct Arguments {
    /// The site's configuration
    config: PathBuf,
    /// Addresses of machines
    #[arg(required = true)]
    addresses: Vec<IpAddr>,
}

fn main() -> anyhow::Result<()> {
    let Arguments { config, addresses } = Arguments::parse();
    // A configuration tells all its faults at once, with their lines.
    let config = Config::load(&config)?;
    let remote = pipeline::remote(&config)?;

    // Cut the log at today, attribute its tokens, resolve the addresses: the night without what it writes.
    let zone = config.site.timezone;
    let today = |now: chrono::DateTime<chrono::Utc>| {
        let today = now.with_timezone(&zone).date_naive();
        Ok(Days { first: today, last: today })
    };
    let Rows { ledger, days, whence, .. } =
        pipeline::at_hand(&config, remote.as_ref(), today, Wanted::Machines, &|_| {})?;
    let rows = ledger.rows(days.first, days.last, zone)?;
    let mut gaps = match whence {
        Whence::Inputs { gaps, .. } => gaps,
        Whence::Ledger => Vec::new(),
    };

    // Those that nobody used today are machines all the same.
    let used: BTreeSet<IpAddr> = rows.iter().filter_map(|row| row.ip).collect();
    let unused = addresses.iter().filter(|ip| !used.contains(ip)).map(|ip| (*ip, BTreeSet::new())).collect();
    let (directory, _) = Directory::read(&config).context("the inputs could not be read again")?;
    let resolved = network::resolve(&config, &directory, remote.as_ref(), &unused, &|_| {});
    gaps.extend(resolved.gaps);

    let mut out = std::io::stdout().lock();
    for ip in addresses {
        if let Some(machine) = resolved.machines.get(&ip) {
            writeln!(out, "{}", history::machine_record(Some(ip), machine))?;
        }
        let of_address: Vec<SessionRow> = rows.iter().filter(|row| row.ip == Some(ip)).cloned().collect();
        for line in history::lines(&of_address, HistoryFormat::Record) {
            writeln!(out, "{}", line.text)?;
        }
    }
    gaps.sort();
    gaps.dedup();
    let mut err = std::io::stderr().lock();
    gaps.iter().try_for_each(|gap| writeln!(err, "gap: {}: {}", gap.source, gap.reason))?;
    Ok(())
}
