//! A password, as a local command prints it; it is in no file and in no message.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::failure::Failure;
use super::wire::in_time;

/// A password. It cannot be printed.
pub(super) struct Password(String);

impl Password {
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// Runs a `password_command` through `sh`, without a terminal, and takes the first line that it prints.
pub(super) fn printed_by(command: &str, allowed: Duration) -> Result<Password, Failure> {
    let failed = |cause: String| {
        Failure::new(format!("`password_command` {cause}")).remedy("try it by hand, as the user that runs jeton")
    };
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // What it complains of may hold what it was asked for.
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    let mut output = child.stdout.take();
    let printed = in_time(Instant::now() + allowed, move || {
        let mut bytes = Vec::new();
        output.as_mut().map(|out| out.read_to_end(&mut bytes)).transpose().map(|_| bytes)
    });
    if printed.is_none() {
        // Its own children may live on; nobody waits for them.
        let _ = child.kill();
    }
    let ended = child.wait().map_err(|error| failed(error.to_string()))?;
    let bytes = printed
        .ok_or_else(|| failed(format!("is not done after {} s", allowed.as_secs_f32())))?
        .map_err(|error| failed(error.to_string()))?;
    if !ended.success() {
        return Err(failed(format!("failed ({ended})")));
    }
    let text = String::from_utf8(bytes).map_err(|_| failed("printed what is no text".to_owned()))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Password(line.to_owned())),
        _ => Err(failed("printed nothing".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_password_and_no_failure_tells_it() {
        for (command, expected) in [
            ("echo secret", Ok("secret")),
            ("printf 'se cret \\r\\nsecond\\n'", Ok("se cret ")),
            ("printf ' é'", Ok(" é")),
            ("echo secret; exit 3", Err("failed (exit status: 3)")),
            ("true", Err("printed nothing")),
            ("printf '\\n'", Err("printed nothing")),
            ("printf '\\377'", Err("printed what is no text")),
            ("secret-tool-that-is-not-there", Err("failed (exit status: 127)")),
        ] {
            let printed = printed_by(command, Duration::from_secs(60));
            match (printed, expected) {
                (Ok(password), Ok(expected)) => assert_eq!(password.text(), expected),
                (Err(failure), Err(expected)) => {
                    let text = format!("{failure:?}");
                    assert!(text.contains(expected) && !text.contains("secret"), "{text}");
                }
                (printed, _) => panic!("`{command}`: {:?}", printed.map(|password| password.0)),
            }
        }
    }

    #[test]
    fn a_command_that_waits_for_somebody_is_ended() {
        let failure = printed_by("exec sleep 600", Duration::from_millis(50)).err().unwrap();
        assert!(format!("{failure:?}").contains("not done after 0.05 s"));
    }
}
