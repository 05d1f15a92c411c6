//! dhcpd.conf as tokens, after `common/conflex.c` of ISC DHCP.

use crate::finding::{Finding, Kind, excerpt};
use crate::source::Source;

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) lexeme: Lexeme,
    /// From 1.
    pub(super) line: u32,
    /// Whether it is the first of its line.
    pub(super) first: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lexeme {
    /// A word, an address, an operator: whatever white space, punctuation and quotes part.
    Word(String),
    /// A quoted text, its escapes replaced.
    Text(String),
    Open,
    Close,
    End,
    Comma,
    /// With its `#`.
    Comment(String),
}

impl Token {
    /// The token as it would be shown.
    pub(super) fn text(&self) -> String {
        match &self.lexeme {
            Lexeme::Word(text) | Lexeme::Text(text) | Lexeme::Comment(text) => text.clone(),
            Lexeme::Open => "{".to_owned(),
            Lexeme::Close => "}".to_owned(),
            Lexeme::End => ";".to_owned(),
            Lexeme::Comma => ",".to_owned(),
        }
    }
}

/// The tokens of a file.
///
/// A quoted text that does not end on its line goes on to the next quote for dhcpd, and one forgotten quote would swallow
/// every host up to there. So it ends with its line, unless what lies between holds no statement and no block.
pub(super) fn tokens(source: &Source, findings: &mut Vec<Finding>) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut lines = source.lines().peekable();
    while let Some((line, text)) = lines.next() {
        let mut rest = text.trim_start();
        let mut first = true;
        while let Some(start) = rest.chars().next() {
            let (lexeme, length) = match start {
                '#' => (Lexeme::Comment(rest.to_owned()), rest.len()),
                '{' => (Lexeme::Open, 1),
                '}' => (Lexeme::Close, 1),
                ';' => (Lexeme::End, 1),
                ',' => (Lexeme::Comma, 1),
                '"' => {
                    let (value, length, closed) = quoted(&rest[1..]);
                    if !closed && let Some((more, behind)) = continued(&rest[1..], &mut lines) {
                        tokens.push(Token { lexeme: Lexeme::Text(format!("{value}\n{more}")), line, first });
                        first = false;
                        rest = behind.trim_start();
                        continue;
                    }
                    if !closed {
                        findings.push(Finding::new(Kind::DhcpQuote, source.at(line), excerpt(rest)));
                    }
                    (Lexeme::Text(value), length + 1)
                }
                _ => {
                    let ends = |c: char| c.is_whitespace() || matches!(c, '#' | '{' | '}' | ';' | ',' | '"');
                    let length = rest.find(ends).unwrap_or(rest.len());
                    (Lexeme::Word(rest[..length].to_owned()), length)
                }
            };
            tokens.push(Token { lexeme, line, first });
            first = false;
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

/// The rest of a quoted text that ends on the next line, and what stands behind it there. A text that holds punctuation
/// of the language, or that is not the end of a statement, is rather one whose quote was forgotten.
fn continued<'a>(
    begun: &str,
    lines: &mut std::iter::Peekable<impl Iterator<Item = (u32, &'a str)>>,
) -> Option<(String, &'a str)> {
    const PUNCTUATION: [char; 4] = ['{', '}', ';', '#'];
    let &(_, next) = lines.peek()?;
    let (value, length, closed) = quoted(next);
    let behind = &next[length..];
    let is_text = closed && !begun.contains(PUNCTUATION) && !next[..length].contains(PUNCTUATION);
    if !is_text || !behind.trim_start().starts_with([';', ',', ')']) {
        return None;
    }
    lines.next();
    Some((value, behind))
}

/// A quoted text from behind its quote: its value, its length in bytes with the closing quote, whether there is one.
fn quoted(text: &str) -> (String, usize, bool) {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, at + 1, true),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 'b')) => value.push('\u{8}'),
                Some((_, 'x')) => value.extend(numeric(&mut chars, 0, 16, 2)),
                Some((_, digit @ '0'..='3')) => value.extend(numeric(&mut chars, digit.to_digit(8).unwrap_or(0), 8, 2)),
                Some((_, other)) => value.push(other),
                None => {}
            },
            _ => value.push(c),
        }
    }
    (value, text.len(), false)
}

/// `\ooo` and `\xhh`: at most `most` further digits.
fn numeric(
    chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>,
    start: u32,
    radix: u32,
    most: usize,
) -> Option<char> {
    let mut value = start;
    for _ in 0..most {
        let Some(digit) = chars.peek().and_then(|(_, c)| c.to_digit(radix)) else { break };
        value = value * radix + digit;
        chars.next();
    }
    char::from_u32(value)
}
