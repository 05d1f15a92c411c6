//! What a night would do, told without doing any of it.

use chrono::{DateTime, Utc};

use super::due::Due;
use super::publish::{folder, is_final};
use super::{Asked, Days, HISTORY, Memory};
use crate::config::Config;
use crate::ledger::Ledger;

/// What a night would read, ask, write and send.
#[derive(Debug, Default)]
pub struct Plan {
    /// The days that are not done yet; `None` before the first night, which does all that the logs hold.
    pub days: Option<Days>,
    /// Each step, with its kind: `read`, `ask`, `write`, `leave`, `send`.
    pub steps: Vec<(&'static str, String)>,
}

/// The plan of a night at a moment. Nothing is asked and nothing written, not even a folder.
pub fn plan(
    config: &Config,
    asked: impl FnOnce(DateTime<Utc>) -> anyhow::Result<Asked>,
    now: impl FnOnce(Option<DateTime<Utc>>) -> DateTime<Utc>,
) -> anyhow::Result<Plan> {
    let ledger = Ledger::open_to_read(&Memory::path(config))?;
    let latest = ledger.as_ref().map(Ledger::latest).transpose()?.flatten();
    let now = now(latest);
    let asked = asked(now)?;
    let mut plan = Plan::default();
    let mut step = |kind, what: String| plan.steps.push((kind, what));
    step("read", config.inputs.computers.display().to_string());
    for file in &config.inputs.dhcp {
        step("read", file.display().to_string());
    }
    let origin = &config.origin;
    for log in std::iter::once(&origin.logwatch).chain(&origin.debug_log) {
        step("ask", format!("{}: {log}, and what was rotated away of it", origin.host));
    }
    if let Some(path) = &origin.licence_file {
        step("ask", format!("{}: {path}, where it is not on this machine", origin.host));
    }
    if let Some(command) = &origin.lmstat {
        step("ask", format!("{}: {command}", origin.host));
    }
    step("ask", format!("{}: {}", config.tftp.host, config.tftp.snooping));
    for switch in &config.switches {
        step("ask", format!("{}: its interfaces, addresses and neighbours", switch.name));
    }
    step("write", config.output.directory.join(HISTORY).display().to_string());
    step("write", Memory::path(config).display().to_string());
    step("write", Memory::evidence_path(config).display().to_string());
    if let Some(ledger) = ledger.filter(|_| latest.is_some()) {
        let due = Due::of(&ledger, asked)?;
        for period in due.periods(config) {
            let kind = if is_final(config, period) { "leave" } else { "write" };
            step(kind, folder(config, period).display().to_string());
        }
        plan.days = due.days.first().map(|first| Days { first: *first, last: asked.last });
    }
    let mut step = |kind, what: String| plan.steps.push((kind, what));
    if let Some(folder) = &config.alarm.textfile {
        step("write", folder.display().to_string());
    }
    if let Some(history) = &origin.history {
        step("send", format!("{HISTORY} to {}:{history}", origin.host));
    }
    Ok(plan)
}
