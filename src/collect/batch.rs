//! The complete lines that a log gained since it was last looked at.

use super::notice::{Notices, Topic};
use crate::parse::flexnet::{self, Message, TokenKind};
use crate::source::decode;

/// A block holds no more than this; what is left goes into the next.
const MOST: usize = 1 << 20;
/// Readers keep no more of a line.
const LONG: usize = 64 * 1024;

/// Whole lines, as the log has them, but without NUL bytes.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) text: Vec<u8>,
    /// Tokens that are out.
    pub(super) n_out: u32,
}

impl Batch {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        // What a line of a megabyte needed is given back.
        self.text.shrink_to(MOST / 4);
    }

    pub(super) fn is_full(&self) -> bool {
        self.text.len() >= MOST
    }

    /// Takes the complete lines at the beginning of `data`, and says how many bytes they are. `goes_on`: the log has more
    /// than `data`.
    pub(super) fn take(&mut self, data: &[u8], goes_on: bool, notices: &mut Notices) -> usize {
        let n_nul = data.iter().take_while(|byte| **byte == 0).count();
        if n_nul > 0 && (n_nul < data.len() || goes_on) {
            // An emptied log whose writer went on at its old place begins with a hole.
            notices.say(Topic::Nul, "the log holds NUL bytes: they are left out");
            return n_nul;
        }
        let mut taken = 0;
        while let Some(end) = memchr::memchr(b'\n', &data[taken..]) {
            self.push(&data[taken..taken + end], notices);
            taken += end + 1;
            if self.is_full() {
                break;
            }
        }
        taken
    }

    /// Takes all of `data` as a line, though its end is not there.
    pub(super) fn take_piece(&mut self, data: &[u8], notices: &mut Notices) {
        notices.say(Topic::LongLine, "the log holds a line of more than 2 MiB: it is written in pieces");
        self.push(data, notices);
    }

    fn push(&mut self, line: &[u8], notices: &mut Notices) {
        if line.len() > LONG {
            notices.say(Topic::LongLine, "the log holds a line of more than 64 KiB: jeton reads its beginning only");
        }
        let start = self.text.len();
        if memchr::memchr(0, line).is_some() {
            notices.say(Topic::Nul, "the log holds NUL bytes: they are left out");
            self.text.extend(line.iter().filter(|byte| **byte != 0));
        } else {
            self.text.extend_from_slice(line);
        }
        self.n_out = count(&self.text[start..], self.n_out, notices);
        self.text.push(b'\n');
    }
}

/// How many tokens are out after a line, of those that were before it.
pub(super) fn count(line: &[u8], n_out: u32, notices: &mut Notices) -> u32 {
    // No token's line is long.
    let line = &line[..line.len().min(LONG)];
    if std::str::from_utf8(line).is_err() && line.len() < LONG {
        notices.say(Topic::Encoding, "the log is not UTF-8: its lines are kept as they are, and read as Latin-1");
    }
    match flexnet::parse_line(&decode(line)).map(|line| line.message) {
        Some(Message::Token(token)) => match token.kind {
            TokenKind::Out => n_out.saturating_add(token.licences),
            TokenKind::In => n_out.saturating_sub(token.licences),
            _ => n_out,
        },
        // The daemon keeps no token over a restart. What another vendor's does is none of Origin's; and a sign of life too
        // many costs nothing.
        Some(Message::Started(_) | Message::Stopped(None)) => 0,
        _ => n_out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is taken of a text, and what it becomes.
    fn taken(data: &[u8], goes_on: bool) -> (usize, String) {
        let mut batch = Batch::default();
        let n = batch.take(data, goes_on, &mut Notices::silent());
        (n, String::from_utf8_lossy(&batch.text).into_owned())
    }

    #[test]
    fn a_line_is_taken_when_its_end_is_there() {
        let cases: [(&[u8], bool, usize, &str); 8] = [
            (b"", false, 0, ""),
            (b"half", false, 0, ""),
            (b"one\nha", false, 4, "one\n"),
            (b"one\r\n\ntwo\n", false, 10, "one\r\n\ntwo\n"),
            (b"o\0ne\n", false, 5, "one\n"),
            // NULs at the end may be a line that is not written yet; before a line or in a long hole they are nothing.
            (b"\0\0", false, 0, ""),
            (b"\0\0", true, 2, ""),
            (b"\0\0one\n", false, 2, ""),
        ];
        for (data, goes_on, n, text) in cases {
            assert_eq!(taken(data, goes_on), (n, text.to_owned()), "{data:?}");
        }
    }

    #[test]
    fn tokens_are_counted_until_the_daemons_end() {
        let lines = [
            (r#"14:00:20 (orglab) OUT: "OriginPro" a@b"#, 1),
            (r#"14:00:20 (orglab) OUT: "OriginPro" a@c  (2 licenses)"#, 3),
            (r#"14:00:20 (orglab) DENIED: "OriginPro" a@d  (x)"#, 3),
            (r#"14:00:21 (orglab) IN: "OriginPro" a@b"#, 2),
            ("14:00:22 (lmgrd) adskflex exited with status 58 (Killed)", 2),
            ("14:00:22 (lmgrd) EXITING DUE TO SIGNAL 15", 0),
            (r#"14:00:23 (orglab) IN: "OriginPro" a@b"#, 0),
        ];
        let mut n_out = 0;
        for (line, expected) in lines {
            n_out = count(line.as_bytes(), n_out, &mut Notices::silent());
            assert_eq!(n_out, expected, "{line}");
        }
    }
}
