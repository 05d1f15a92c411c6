//! What a terminal would show of the bytes that a device sends: it wipes its `--More--` away with backspaces or returns,
//! colours its prompt, and waits for a key at the end of a page.

/// The lines as a terminal shows them: backspace, return and the erasing of a line move and wipe, all other escapes are
/// dropped, and so are the lines that only said that there is more.
pub(super) fn shown(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut lines = bytes.split(|byte| *byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        let shown = shown_line(line);
        let is_last = lines.peek().is_none();
        if !is_last && is_page_end(&shown) {
            continue;
        }
        out.extend_from_slice(&shown);
        if !is_last {
            out.push(b'\n');
        }
    }
    out
}

/// The last line as a terminal shows it, where the cursor stands.
pub(super) fn last_line(bytes: &[u8]) -> Vec<u8> {
    // A prompt is short; the rest of a line without end is not worth a look.
    const MOST: usize = 4096;
    let start = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    shown_line(&bytes[start.max(bytes.len().saturating_sub(MOST))..])
}

/// Whether a device waits for a key before it shows the next page.
pub(super) fn waits_at_page(bytes: &[u8]) -> bool {
    is_page_end(&last_line(bytes))
}

fn is_page_end(line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line).trim().to_lowercase();
    let framed = line.trim_matches(|c: char| ['-', '<', '>', '=', '*', ' '].contains(&c));
    let is_framed = framed.len() < line.len() && (framed == "more" || framed.starts_with("more "));
    is_framed
        || line.starts_with("press any key")
        || line.starts_with("press <space>")
        || line.starts_with("more: <space>")
}

fn shown_line(line: &[u8]) -> Vec<u8> {
    let mut shown: Vec<u8> = Vec::with_capacity(line.len());
    let mut column: usize = 0;
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => column = 0,
            0x08 => column = column.saturating_sub(1),
            0x1b => {
                if escape(&mut bytes) == Some(b'K') {
                    shown.truncate(column);
                }
            }
            0x07 | 0x00 => {}
            _ => {
                if column < shown.len() {
                    shown[column] = byte;
                } else {
                    shown.push(byte);
                }
                column += 1;
            }
        }
    }
    shown
}

/// Reads an escape sequence (ECMA-48: `ESC [ parameters letter`, or `ESC letter`) to its end; the letter.
fn escape(bytes: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let first = bytes.next()?;
    if first != b'[' {
        return None;
    }
    bytes.find(|byte| (0x40..=0x7e).contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_what_a_terminal_shows() {
        for (sent, expected) in [
            ("Gi1/0/1  up\r\nGi1/0/2  up\r\n", "Gi1/0/1  up\nGi1/0/2  up\n"),
            (
                " --More-- \x08\x08\x08\x08\x08\x08\x08\x08\x08        \x08\x08\x08\x08\x08\x08\x08\x08\x08Gi1/0/2\r\n",
                "Gi1/0/2   \n",
            ),
            (" --More-- \r          \rGi1/0/2\r\n", "Gi1/0/2   \n"),
            (" --More-- \r\x1b[KGi1/0/2\r\n", "Gi1/0/2\n"),
            ("a\r\n--More--\r\nb\r\n", "a\nb\n"),
            ("<--- More --->\r\r\nb", "b"),
            ("\x1b[1;32msw#\x1b[0m show\x07", "sw# show"),
            ("\x1b7x\x1b8", "x"),
            ("abc\x08\x08\x08\x08x", "xbc"),
            ("\x1b[", ""),
            ("\x1b", ""),
            ("", ""),
        ] {
            assert_eq!(String::from_utf8(shown(sent.as_bytes())).unwrap(), expected, "{sent:?}");
        }
    }

    #[test]
    fn the_end_of_a_page_is_no_row() {
        for (text, waits) in [
            ("a\r\n --More-- ", true),
            ("--More--", true),
            ("<--- More --->", true),
            ("---- More ----", true),
            ("-- MORE -- (12%)", true),
            ("Press any key to continue (Q to quit)", true),
            ("a\r\n--More--\r\n", false),
            ("Gi1/0/1  up  up  one --More-- of these", false),
            ("Gi1/0/1  up  up  More--", false),
            ("more", false),
            ("sw#", false),
            ("", false),
        ] {
            assert_eq!(waits_at_page(text.as_bytes()), waits, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_plain_text_is_shown_as_it_is(text in "([ a-zé#/0-9]{0,12}\n){0,4}[ a-zé#/0-9]{0,12}") {
            proptest::prop_assert_eq!(shown(text.as_bytes()), text.as_bytes());
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            shown(&bytes);
            waits_at_page(&bytes);
        }
    }
}
