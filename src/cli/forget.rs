//! `jeton forget`.

use chrono::Utc;

use super::arguments::{Common, ForgetOptions};
use super::progress::Line;
use super::{Exit, Stop, complain, messages, say, way_to_hosts};
use crate::pipeline::{self, PersonForgotten};

pub(super) fn run(options: &ForgetOptions, common: &Common) -> Result<Exit, Stop> {
    if options.login.trim().is_empty() {
        return Err(Stop::Usage(
            "error: expected a login, found nothing\nhint: as the logs have it, `jeton sessions` shows it".to_owned(),
        ));
    }
    let (config, remote) = way_to_hosts(common)?;
    let today = Utc::now().with_timezone(&config.site.timezone).date_naive();
    let until = options.until.map(|day| day.last_on(today));
    let line = Line::new();
    let done = pipeline::forget_person(&config, remote, &options.login, until, &|step| line.show(step))?;
    drop(line);
    let PersonForgotten { forgot, last, files, gaps, pushed } = done;
    complain(&messages::findings(&[], &gaps, common.voice()));
    let pushed = pushed.to.map(|to| format!("\npushed: {to}")).unwrap_or_default();
    say(&format!(
        "forgotten until: {last}\nsessions: {}\nrefusals: {}\nlines of histories: {}\nworkbooks written again: {}{pushed}",
        forgot.sessions,
        forgot.refusals,
        forgot.lines,
        files.len(),
    ));
    Ok(if gaps.is_empty() { Exit::Complete } else { Exit::Gaps })
}
