//! A command in a channel of its own: `exec`.

use std::time::Duration;

use ssh2::{Channel, Session};

use super::connection::Connection;
use super::failure::{Failure, Outlook};
use super::reading::Reading;
use super::screen;
use crate::finding::excerpt;

/// How long a command's status may take after its last word: a host that works hard sends it later, some devices never.
const STATUS: Duration = Duration::from_secs(2);

/// What became of a command.
pub(super) enum Exec {
    /// It ran, and this is what it printed.
    Answered(Vec<u8>),
    /// The host opens no further channel: IOS takes one command per connection.
    NoChannel(Failure),
    /// The host runs no commands, or not so.
    Refused(Failure),
}

/// Runs a command.
pub(super) fn exec(connection: &Connection, line: &str, allowed: Duration) -> Result<Exec, Failure> {
    connection.step(line, allowed, |session| {
        let refused = |error: ssh2::Error, what: fn(Failure) -> Exec| {
            let failure = Failure::from(error);
            if connection.is_cut() { Err(failure) } else { Ok(what(failure.at(line))) }
        };
        let mut channel = match session.channel_session() {
            Ok(channel) => channel,
            Err(error) => return refused(error, Exec::NoChannel),
        };
        if let Err(error) = channel.exec(line) {
            return refused(error, Exec::Refused);
        }
        let mut reading = Reading::new(connection, session, &mut channel);
        match reading.read_all() {
            Ok(()) => {}
            // Some devices refuse so, and others are gone before their answer is: a shell stays open.
            Err(failure) if failure.outlook() == Outlook::Again && !connection.is_cut() => {
                return Ok(Exec::Refused(failure.at(line)));
            }
            Err(failure) => return Err(failure),
        }
        let (printed, complaint) = (std::mem::take(&mut reading.bytes), text(&reading.complaint));
        drop(reading);
        if has_no_exec(&printed) {
            return Ok(Exec::Refused(Failure::new(format!("the device said `{}`", excerpt(&text(&printed))))));
        }
        judge(session, &mut channel, printed, &complaint).map(Exec::Answered)
    })
}

/// Tells an answer from a complaint.
fn judge(session: &Session, channel: &mut Channel, printed: Vec<u8>, complaint: &str) -> Result<Vec<u8>, Failure> {
    if let Some(failure) = not_allowed(&printed) {
        return Err(failure);
    }
    let is_silent = printed.iter().all(u8::is_ascii_whitespace);
    let status = if is_silent { status(session, channel) } else { 0 };
    if status == 0 {
        // Pages leave their marks; anything else is the command's own.
        return Ok(if printed.contains(&0x08) || printed.contains(&0x1b) { screen::shown(&printed) } else { printed });
    }
    let first = excerpt(complaint.lines().next().unwrap_or_default());
    Err(match status {
        126 | 127 => Failure::alone(format!("the host cannot run it: {first}")).remedy("mend its path in jeton.toml"),
        _ => Failure::alone(format!("it ended with {status} and printed nothing: {first}")),
    })
}

/// With what the command ended, 0 where the host does not say. The status comes on its own behind the end of what was
/// printed, and before the end of the channel.
fn status(session: &Session, channel: &mut Channel) -> i32 {
    session.set_timeout(u32::try_from(STATUS.as_millis()).unwrap_or(u32::MAX));
    // A host that only goes away has told all it would tell.
    let _ = channel.wait_close();
    session.set_timeout(0);
    channel.exit_status().unwrap_or(0)
}

/// What devices say that were given a command they take in a shell only.
fn has_no_exec(printed: &[u8]) -> bool {
    let said = text(&printed[..printed.len().min(200)]).to_lowercase();
    ["invalid autocommand", "exec is not supported", "exec request is not supported"]
        .iter()
        .any(|word| said.contains(word))
}

/// The device knows the command, but not for this login.
pub(super) fn not_allowed(printed: &[u8]) -> Option<Failure> {
    const WORDS: [&str; 4] = ["authorization failed", "not authorized", "permission denied", "insufficient privilege"];
    let said = text(&printed[..printed.len().min(500)]);
    let line = said.lines().map(str::trim).find(|line| !line.is_empty())?.to_lowercase();
    // It says so and nothing else; in a table these would be somebody's words.
    let complains = ["%", "error", "command"].iter().any(|start| line.starts_with(start));
    (complains && WORDS.iter().any(|word| line.contains(word)))
        .then(|| Failure::alone(format!("the login may not ask that: `{}`", excerpt(&line))).remedy(super::ENABLE))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_of_the_device_is_told_from_an_answer() {
        for (printed, denied, no_exec) in [
            ("% Authorization failed.\r\n", true, false),
            ("\r\nCommand authorization failed.\r\n", true, false),
            ("Line has invalid autocommand \"show version\"", false, true),
            ("% Invalid input detected at '^' marker.\r\n", false, false),
            ("Interface  Status  Protocol Description\r\nGi1/0/1  up  up  not authorized\r\n", false, false),
            ("", false, false),
        ] {
            assert_eq!(not_allowed(printed.as_bytes()).is_some(), denied, "{printed}");
            assert_eq!(has_no_exec(printed.as_bytes()), no_exec, "{printed}");
        }
    }
}
