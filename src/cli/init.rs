//! `jeton init`: a commented `jeton.toml` to begin with, or the description of the workbooks to change.

use std::path::Path;

use super::arguments::{Common, InitOptions};
use super::{Exit, Stop, say};
use crate::config::TEMPLATE;
use crate::output;
use crate::report::template;

pub(super) fn run(options: &InitOptions, _common: &Common) -> Result<Exit, Stop> {
    let (usual, text) = if options.template { ("report.toml", template::TEMPLATE) } else { ("jeton.toml", TEMPLATE) };
    let file = options.file.as_deref().unwrap_or(Path::new(usual));
    let shown = file.display();
    if file.exists() {
        let command = if options.template { "jeton init --template FILE" } else { "jeton init FILE" };
        return Err(Stop::Usage(format!("error: `{shown}` is already there\nhint: name another, `{command}`")));
    }
    output::write_file(file, |out| out.write_all(text.as_bytes()))?;
    let hint = if options.template {
        format!("edit it, and name it in jeton.toml: `template = \"{shown}\"` under `[report]`")
    } else {
        format!("edit it, then `jeton --config {shown} nightly --no-push`")
    };
    say(&format!("wrote {shown}\nhint: {hint}"));
    Ok(Exit::Complete)
}
