//! `jeton init`: a commented `jeton.toml` to begin with.

use super::arguments::{Common, InitOptions};
use super::{Exit, Stop, say};
use crate::config::TEMPLATE;
use crate::output;

pub(super) fn run(options: &InitOptions, _common: &Common) -> Result<Exit, Stop> {
    let file = &options.file;
    if file.exists() {
        let file = file.display();
        return Err(Stop::Usage(format!("error: `{file}` is already there\nhint: name another, `jeton init FILE`")));
    }
    output::write_file(file, |out| out.write_all(TEMPLATE.as_bytes()))?;
    say(&format!("wrote {}\nhint: edit it, then `jeton --config {0} nightly --no-push`", file.display()));
    Ok(Exit::Complete)
}
