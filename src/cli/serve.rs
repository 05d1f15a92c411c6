//! `jeton serve`.

use std::process::{Command, Stdio};

use super::arguments::{Common, ServeOptions};
use super::{Exit, Stop, complain, configured_to_read, say};
use crate::page::{self, Served};

pub(super) fn run(options: &ServeOptions, common: &Common) -> Result<Exit, Stop> {
    let config = configured_to_read(common)?;
    let tell = |served: &Served| {
        say(&served.address);
        if options.open && served.address.starts_with("http:") && !open(&served.address) {
            complain("note: no browser could be started: open the address by hand");
        }
    };
    page::serve(config, &tell)?;
    Ok(Exit::Complete)
}

/// Starts a browser; whether that could be tried.
fn open(address: &str) -> bool {
    let browser = std::env::var_os("BROWSER").filter(|name| !name.is_empty()).unwrap_or_else(|| "xdg-open".into());
    let mut command = Command::new(browser);
    command.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().is_ok()
}
