//! A logwatch together with the parts of it that earlier nights read.

use chrono::{DateTime, Utc};
use fs_err as fs;

use super::read_watch;
use crate::config::TraceSettings;
use crate::ledger::{Ledger, LedgerError};
use crate::trace::Watch;
use crate::trace::union::union;

/// Beyond this size a log is read as a stream, and neither kept nor joined: what it says is, token by token.
const MOST: u64 = 256 << 20;

/// The text of a logwatch that was read, with whatever overlapping parts the ledger keeps; where there are any, the watch
/// becomes that of all of them. `None` where the text cannot be had again, or is too much.
pub(super) fn join(watch: &mut Watch, past: &Ledger, settings: &TraceSettings) -> Result<Option<Vec<u8>>, LedgerError> {
    let Some(name) = watch.name.clone() else { return Ok(None) };
    let Some(span) = span(watch) else { return Ok(None) };
    if fs::metadata(&*name).is_ok_and(|found| !found.is_file() || found.len() > MOST) {
        return Ok(None);
    }
    let Ok(mut text) = fs::read(&*name) else { return Ok(None) };
    let mut is_joined = false;
    // What is joined may reach another part.
    let mut reached = span;
    loop {
        let parts = past.logs_across(reached)?;
        for part in &parts {
            if let Some(both) = union(&text, part, settings.timezone) {
                (text, is_joined) = (both, true);
            }
        }
        let read = is_joined
            .then(|| read_watch(text.as_slice(), &format!("{name} (joined with what was read before)"), settings));
        let Some(Ok(read)) = read else { break };
        *watch = read.items;
        let now = self::span(watch).unwrap_or(reached);
        if now == reached || parts.is_empty() {
            break;
        }
        reached = now;
    }
    Ok(Some(text))
}

fn span(watch: &Watch) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    Some((watch.moments.first()?.at, watch.moment(watch.final_moment()?).at))
}
