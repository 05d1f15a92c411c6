//! Python's spelling of strings and of a flat dictionary, as `repr()` prints it and `ast.literal_eval` reads it.

use std::fmt::Write;

/// A string as Python's `repr()` prints it.
///
/// Between apostrophes, or between quotes where it holds apostrophes and no quotes; what Python does not print
/// (`str.isprintable`) is escaped: <https://docs.python.org/3/library/functions.html#repr>.
pub(super) fn repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if is_printable(c) => out.push(c),
            c => push_escape(&mut out, u32::from(c)),
        }
    }
    out.push(quote);
    out
}

fn push_escape(out: &mut String, code: u32) {
    let written = match code {
        0..=0xff => write!(out, "\\x{code:02x}"),
        0x100..=0xffff => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
    written.expect("writing to a string cannot fail");
}

/// Python's `str.isprintable` for one character: no control, format, private, unassigned or separating one but the space.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // Rust's escaping is built from the same categories; only at the start of a text does it also escape combining marks.
    format!("a{c}").escape_debug().nth(1) == Some(c)
}

/// The pairs of a flat Python dictionary on one line: strings and numbers, both as text. `None` for anything else.
pub(super) fn pairs(line: &str) -> Option<Vec<(String, String)>> {
    let mut rest = line.trim().strip_prefix('{')?.trim_start();
    let mut pairs = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return after.is_empty().then_some(pairs);
        }
        let (key, after) = string(rest)?;
        let after = after.trim_start().strip_prefix(':')?.trim_start();
        let (value, after) = string(after).or_else(|| bare(after))?;
        pairs.push((key, value));
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after.trim_start(),
            None if rest.starts_with('}') => {}
            None => return None,
        }
    }
}

/// A number or `None`, as it stands.
fn bare(text: &str) -> Option<(String, &str)> {
    let end = text.find([',', '}'])?;
    let word = text[..end].trim();
    let is_bare = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c));
    is_bare.then(|| (word.to_owned(), &text[end..]))
}

/// The string literal that a text begins with, and what follows it.
fn string(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| ['\'', '"'].contains(c))?;
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((index, c)) = chars.next() {
        match c {
            c if c == quote => return Some((value, &text[index + 1..])),
            '\\' => {
                let digits = match chars.next()?.1 {
                    'n' => Err('\n'),
                    'r' => Err('\r'),
                    't' => Err('\t'),
                    'x' => Ok(2),
                    'u' => Ok(4),
                    'U' => Ok(8),
                    other @ ('\\' | '\'' | '"') => Err(other),
                    _ => return None,
                };
                value.push(match digits {
                    Err(c) => c,
                    Ok(n) => {
                        let hex: String = chars.by_ref().take(n).map(|(_, c)| c).collect();
                        u32::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == n).and_then(char::from_u32)?
                    }
                });
            }
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strings_are_spelt_as_python_spells_them() {
        // Each right side is what `python3 -c 'print(repr(…))'` printed.
        for (text, expected) in [
            ("", "''"),
            ("BBBAACCC", "'BBBAACCC'"),
            ("\"BBBAACCC\"", "'\"BBBAACCC\"'"),
            ("d'Alembert", "\"d'Alembert\""),
            ("\"d'A\"", "'\"d\\'A\"'"),
            ("a\\b", "'a\\\\b'"),
            ("Éloïse Martin", "'Éloïse Martin'"),
            ("e\u{301}", "'e\u{301}'"),
            ("\u{301}", "'\u{301}'"),
            ("a\nb\tc\r", "'a\\nb\\tc\\r'"),
            ("\0\u{1b}\u{7f}", "'\\x00\\x1b\\x7f'"),
            ("\u{85}\u{a0}\u{ad}", "'\\x85\\xa0\\xad'"),
            ("\u{2028}\u{200b}\u{feff}", "'\\u2028\\u200b\\ufeff'"),
            ("\u{1f600}\u{f0000}", "'\u{1f600}\\U000f0000'"),
        ] {
            assert_eq!(repr(text), expected, "{text:?}");
        }
    }

    #[test]
    fn only_a_flat_dictionary_is_read() {
        assert_eq!(pairs("{}"), Some(vec![]));
        assert_eq!(
            pairs(" {'a': 1, \"b\" : 'x\\'y' ,}\r"),
            Some(vec![("a".into(), "1".into()), ("b".into(), "x'y".into())])
        );
        for text in [
            "",
            "{",
            "{'a'}",
            "{'a': }",
            "{'a': 'b}",
            "{'a': 1} x",
            "[1]",
            "{'a': [1]}",
            "{'a': '\\xg0'}",
            "{'a': 1 'b': 2}",
        ] {
            assert_eq!(pairs(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in any::<String>()) {
            let spelt = repr(&text);
            prop_assert!(!spelt.contains(['\n', '\r']));
            prop_assert_eq!(pairs(&format!("{{'k': {spelt}}}")), Some(vec![("k".to_owned(), text)]));
        }

        #[test]
        fn any_line_is_read_or_refused(line in "[{}'\",:\\\\xuU0-9a ]{0,40}|\\PC*") {
            let _ = pairs(&line);
        }
    }
}
