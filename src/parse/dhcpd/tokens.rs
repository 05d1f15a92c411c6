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

/// The tokens of a file. A quoted text ends with its line at the latest: dhcpd would read on to the next quote, and one
/// forgotten quote would then swallow every host behind it.
pub(super) fn tokens(source: &Source, findings: &mut Vec<Finding>) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (line, text) in source.lines() {
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
                    let (quoted, length, closed) = quoted(&rest[1..]);
                    if !closed {
                        findings.push(Finding::new(Kind::DhcpQuote, source.at(line), excerpt(rest)));
                    }
                    (Lexeme::Text(quoted), length + 1)
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
