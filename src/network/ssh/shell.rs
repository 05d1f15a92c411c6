//! A device's shell, for those that run no commands otherwise: its prompt is learned, paging is turned off, and commands are
//! typed.

use std::time::{Duration, Instant};

use ssh2::{Channel, Session};

use super::connection::Connection;
use super::failure::Failure;
use super::reading::{Came, Reading};
use super::{exec, screen};
use crate::finding::excerpt;

/// Nothing comes for so long: the device is waiting, or thinking.
const QUIET: Duration = Duration::from_millis(300);
/// What looks like the prompt, and is followed by nothing for so long, is the prompt.
const SURE: Duration = Duration::from_millis(60);
/// How long a device may think about an empty line before another is typed.
const PATIENCE: Duration = Duration::from_secs(6);
/// How often an empty line is typed before a device is said to have no prompt.
const MOST_TRIES: usize = 8;

/// A shell at its prompt.
pub(super) struct Shell {
    channel: Channel,
    prompt: Vec<u8>,
}

impl Shell {
    /// Opens the shell of a fresh connection, learns the prompt and turns paging off.
    pub(super) fn open(connection: &Connection, allowed: Duration) -> Result<Self, Failure> {
        let mut shell = connection.step("shell", allowed, |session| {
            let mut channel = session.channel_session()?;
            // Wide, so that no row is wrapped. Who gives no terminal may give a shell without one.
            let _ = channel.request_pty("vt100", None, Some((511, 1000, 0, 0)));
            channel.shell().map_err(|error| {
                let failure = Failure::from(error);
                if connection.is_cut() { failure } else { Failure::new("the host runs no commands and gives no shell") }
            })?;
            let prompt = learn_prompt(&mut Reading::new(connection, session, &mut channel))?;
            Ok(Self { channel, prompt })
        })?;
        // A device that does not know it pages, and pages are turned.
        shell.ask(connection, "terminal length 0", allowed)?;
        Ok(shell)
    }

    /// Types a command; what the device printed until its next prompt.
    pub(super) fn ask(&mut self, connection: &Connection, line: &str, allowed: Duration) -> Result<Vec<u8>, Failure> {
        let prompt = self.prompt.clone();
        connection.step(line, allowed, |session: &Session| {
            let mut reading = Reading::new(connection, session, &mut self.channel);
            reading.send(format!("{line}\n").as_bytes())?;
            loop {
                let is_done =
                    reading.bytes.contains(&b'\n') && screen::last_line(&reading.bytes).trim_ascii_end() == prompt;
                match reading.more(if is_done { SURE } else { QUIET })? {
                    Came::Bytes => {}
                    Came::Nothing if is_done => break,
                    Came::Nothing => drop(reading.turn_page()?),
                    Came::End => return Err(Failure::lost()),
                }
            }
            let answer = answer(&reading.bytes, line);
            exec::not_allowed(&answer).map_or(Ok(answer), Err)
        })
    }
}

/// Learns the prompt: what stands on the last line, and again after an empty line. A banner can end in `#` or `>` too, but
/// it is not said twice.
fn learn_prompt(reading: &mut Reading<'_>) -> Result<Vec<u8>, Failure> {
    let mut n_silent = 0;
    // Some devices say nothing before a key is pressed.
    while n_silent < 5 {
        match reading.more(QUIET)? {
            Came::Bytes => {}
            Came::Nothing if reading.turn_page()? => {}
            Came::Nothing if !screen::last_line(&reading.bytes).trim_ascii().is_empty() => break,
            Came::Nothing => n_silent += 1,
            Came::End => return Err(Failure::lost()),
        }
    }
    let mut candidate = screen::last_line(&reading.bytes).trim_ascii_end().to_vec();
    let mut slowest = Duration::ZERO;
    for _ in 0..MOST_TRIES {
        let (start, typed) = (reading.bytes.len(), Instant::now());
        reading.send(b"\n")?;
        loop {
            let came = reading.more(QUIET)?;
            let last = screen::last_line(&reading.bytes[start..]).trim_ascii_end().to_vec();
            match came {
                Came::Bytes if !candidate.is_empty() && last == candidate => {
                    drain(reading, slowest.max(typed.elapsed()))?;
                    return Ok(candidate).and_then(no_question);
                }
                Came::Bytes => {}
                // A slow one has not come to this line yet.
                Came::Nothing if last.is_empty() && typed.elapsed() < PATIENCE => {}
                Came::Nothing => break,
                Came::End => return Err(Failure::lost()),
            }
        }
        slowest = slowest.max(typed.elapsed().saturating_sub(QUIET));
        candidate = screen::last_line(&reading.bytes[start..]).trim_ascii_end().to_vec();
    }
    Err(Failure::new(format!("its shell shows no prompt, but `{}`", excerpt(&String::from_utf8_lossy(&candidate)))))
}

/// Reads over the answers to empty lines that a slow device still owes: they would be taken for those to commands.
fn drain(reading: &mut Reading<'_>, slowest: Duration) -> Result<(), Failure> {
    if slowest < QUIET {
        return Ok(());
    }
    while reading.more(slowest * 2)? == Came::Bytes {}
    Ok(())
}

/// A prompt that is no question for a further login.
fn no_question(prompt: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let text = String::from_utf8_lossy(&prompt).trim().to_lowercase();
    if ["password:", "username:", "login:"].iter().any(|end| text.ends_with(end)) {
        return Err(Failure::new(format!("its shell asks `{}` once more", excerpt(&text))).remedy(super::ENABLE));
    }
    Ok(prompt)
}

/// What lies between the echo of a command and the next prompt.
fn answer(bytes: &[u8], line: &str) -> Vec<u8> {
    let shown = screen::shown(bytes);
    let end = shown.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let whole = &shown[..end];
    let first = whole.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let is_echo = String::from_utf8_lossy(&whole[..first]).trim_end().ends_with(line);
    whole[if is_echo { first } else { 0 }..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_neither_echo_nor_prompt() {
        for (sent, expected) in [
            ("show x\r\nrow\r\nsw#", "row\n"),
            ("row\r\nsw#", "row\n"),
            ("show x\r\nsw#", ""),
            ("sw#show x\r\nrow\r\n\r\nsw#", "row\n\n"),
            ("show x\r\none\r\n --More-- \x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x1b[Ktwo\r\nsw#", "one\ntwo\n"),
            ("sw#", ""),
        ] {
            assert_eq!(String::from_utf8(answer(sent.as_bytes(), "show x")).unwrap(), expected, "{sent:?}");
        }
    }
}
