//! What is longer than the screen, a screen at a time.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Shows a text: by `$PAGER`, else by `less`, where standard output is a terminal, the text is longer than its screen, and
/// `wanted` says so; everywhere else as it is.
pub(super) fn show(text: &[u8], wanted: bool) -> io::Result<()> {
    let lines = memchr::memchr_iter(b'\n', text).count();
    let is_paged = wanted && screen().is_some_and(|height| lines >= height);
    if is_paged && paged(text)? {
        return Ok(());
    }
    match io::stdout().lock().write_all(text) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// How many lines the terminal shows; nothing where standard output is none.
fn screen() -> Option<usize> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    terminal_size::terminal_size_of(&stdout).map(|(_, height)| usize::from(height.0)).filter(|height| *height > 0)
}

/// Whether a pager has shown the text. One that cannot be started has not; one that is left early has.
fn paged(text: &[u8]) -> io::Result<bool> {
    let Ok(mut pager) = start(std::env::var("PAGER").ok().as_deref()) else { return Ok(false) };
    if let Some(mut input) = pager.stdin.take() {
        match input.write_all(text) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    Ok(was_found(pager.wait()?))
}

/// `$PAGER` as the shell understands it: it may have options.
fn start(pager: Option<&str>) -> io::Result<Child> {
    let mut command = if let Some(pager) = pager.filter(|pager| !pager.trim().is_empty()) {
        let mut shell = Command::new("sh");
        shell.args(["-c", pager]);
        shell
    } else {
        // -F: what fits is shown and left; -R: bold letters; -X: what was shown stays; -K: an interrupt ends it, as it ends
        // jeton.
        let mut less = Command::new("less");
        less.arg("-FRXK");
        less
    };
    command.stdin(Stdio::piped()).spawn()
}

/// The shell's way to say that there is no such program, or that it cannot be run.
fn was_found(status: ExitStatus) -> bool {
    !matches!(status.code(), Some(126 | 127))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pager_that_is_not_there_has_shown_nothing() {
        for (pager, found) in [("cat >/dev/null", true), ("true", true), ("no-such-pager-anywhere -x", false)] {
            let mut child = start(Some(pager)).unwrap();
            drop(child.stdin.take());
            assert_eq!(was_found(child.wait().unwrap()), found, "{pager}");
        }
    }
}
