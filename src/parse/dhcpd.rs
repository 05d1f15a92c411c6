//! dhcpd.conf (ISC DHCP server 4.x, `man 5 dhcpd.conf`).
//!
//! ```text
//! #vlan: 513 (ICGM-DPT4-CMNME)
//! subnet 10.14.18.0 netmask 255.255.255.0 {
//!     host BBBAACCC { hardware ethernet 90:b1:1c:a3:35:75; fixed-address 10.14.18.145; }
//! }
//! ```
//!
//! Grammar: a file is statements ended by `;` and blocks `head { … }`, nested. Words are parted by white space, `;`, `{`,
//! `}`, `,` and quotes; `#` begins a comment outside quotes. A comment `#vlan: NUMBER (NAME)` that stands alone on its line
//! says in which VLAN is what follows it, to the next such comment; behind a `subnet` or an `include` on the same line, or
//! first in a subnet's braces, it speaks of that one.
//!
//! Read: `host`, `subnet`, `subnet6`, `include` wherever they stand. Ignored: all that configures the server (options, pools,
//! classes, conditions, `on commit`), as it names no machine. Broken syntax is a finding and is mended where dhcpd would
//! refuse the file: a `;` or `{` is put where the next keyword shows that it is missing, a block is closed where what
//! follows cannot be inside it.

use std::net::IpAddr;
use std::sync::LazyLock;

use regex::Regex;

use crate::finding::{Finding, Kind, Parsed, excerpt};
use crate::model::{MacAddr, Vlan};
use crate::source::Source;

mod prefix;
mod tokens;

pub use prefix::Prefix;
use prefix::{address, mac, prefix};
use tokens::{Lexeme, Token, tokens};

/// What a DHCP file declares, in the order of its lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DhcpFile {
    /// The machines.
    pub hosts: Vec<DhcpHost>,
    /// The networks.
    pub subnets: Vec<Subnet>,
    /// The files that it includes.
    pub includes: Vec<Include>,
}

/// A `host` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhcpHost {
    /// The name in the declaration.
    pub name: String,
    /// `hardware ethernet`.
    pub mac: Option<MacAddr>,
    /// `fixed-address` and `fixed-address6`; names among them are findings.
    pub addresses: Vec<IpAddr>,
    /// `option host-name`: what the server tells the machine it is called.
    pub host_name: Option<String>,
    /// The subnet block around it.
    pub subnet: Option<Prefix>,
    /// The VLAN comment above it.
    pub vlan: Option<VlanTag>,
    /// The line of its declaration, from 1.
    pub line: u32,
    /// The line on which its block ends.
    pub last_line: u32,
}

/// A `subnet` or `subnet6` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its addresses.
    pub prefix: Prefix,
    /// The VLAN comment above it or on its line.
    pub vlan: Option<VlanTag>,
    /// The line of its declaration, from 1.
    pub line: u32,
}

/// An `include` statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// The path as written.
    pub path: String,
    /// The subnet block around it.
    pub subnet: Option<Prefix>,
    /// The VLAN comment above it or on its line.
    pub vlan: Option<VlanTag>,
    /// Its line, from 1.
    pub line: u32,
}

/// What a VLAN comment says: `#vlan: 513 (ICGM-DPT4-CMNME)`. At least one of the two is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VlanTag {
    /// The number.
    pub number: Option<Vlan>,
    /// The name.
    pub name: Option<String>,
}

/// Reads one file; `include` is named, not followed.
pub fn parse(source: &Source) -> Parsed<DhcpFile> {
    let mut reader = Reader {
        source,
        file: DhcpFile::default(),
        findings: Vec::new(),
        stack: Vec::new(),
        statement: Vec::new(),
        vlan: None,
    };
    for token in tokens(source, &mut reader.findings) {
        reader.take(token);
    }
    reader.finish()
}

/// A block that is open.
struct Frame {
    block: Block,
    line: u32,
    /// Whether a comment names this subnet alone; then, the VLAN of what stands around it.
    has_own_vlan: bool,
    outer_vlan: Option<VlanTag>,
}

enum Block {
    Host(DhcpHost),
    Subnet(Prefix),
    SharedNetwork,
    /// `group`, `pool`, `class`, `if`, `on commit` and whatever else has braces; the word that begins it.
    Other(String),
}

/// Words that begin a statement or a block: one in the middle of a statement shows that its end is missing.
const KEYWORDS: &[&str] = &[
    "hardware",
    "fixed-address",
    "fixed-address6",
    "option",
    "host",
    "subnet",
    "subnet6",
    "shared-network",
    "group",
    "pool",
    "pool6",
    "class",
    "subclass",
    "include",
    "range",
    "filename",
    "next-server",
    "server-name",
    "allow",
    "deny",
    "ignore",
    "authoritative",
    "default-lease-time",
    "max-lease-time",
    "if",
    "on",
];
/// Words that begin a block, never a statement.
const BLOCKS: &[&str] = &["host", "subnet", "subnet6", "shared-network", "group", "pool", "pool6"];
/// Statements in which no keyword can stand, not even on the same line.
const PLAIN: &[&str] = &["hardware", "fixed-address", "fixed-address6"];
/// Statements that hold expressions, in which keywords are ordinary words.
const EXPRESSIONS: &[&str] = &[
    "if", "elsif", "else", "on", "match", "set", "log", "execute", "return", "define", "eval", "switch", "case",
    "spawn",
];

struct Reader<'a> {
    source: &'a Source,
    file: DhcpFile,
    findings: Vec<Finding>,
    stack: Vec<Frame>,
    /// The tokens since the last `;`, `{` or `}`.
    statement: Vec<Token>,
    vlan: Option<VlanTag>,
}

impl Reader<'_> {
    fn take(&mut self, token: Token) {
        match token.lexeme {
            Lexeme::Comment(ref text) => self.comment(text, token.line, token.first),
            Lexeme::End => {
                let statement = self.settled();
                self.run(&statement, token.line);
            }
            Lexeme::Open => {
                let statement = self.settled();
                self.open(&statement, token.line);
            }
            Lexeme::Close => self.close(token.line),
            Lexeme::Word(_) | Lexeme::Text(_) | Lexeme::Comma => self.statement.push(token),
        }
    }

    /// The statement that ends here, after those before it whose end is missing are dealt with.
    fn settled(&mut self) -> Vec<Token> {
        let mut tokens = std::mem::take(&mut self.statement);
        let mut start = 0;
        while let Some(middle) = missing_end(&tokens[start..]) {
            let statement = &tokens[start..start + middle];
            let line = statement.last().map_or(0, |token| token.line);
            if keyword(statement).is_some_and(|word| BLOCKS.contains(&word.as_str())) {
                self.findings.push(self.finding(Kind::DhcpBrace, line, &format!("{{ {}", text_of(statement))));
                self.open(statement, line);
            } else {
                self.findings.push(self.finding(Kind::DhcpSemicolon, line, &text_of(statement)));
                self.run(statement, line);
            }
            start += middle;
        }
        tokens.drain(..start);
        tokens
    }

    fn open(&mut self, head: &[Token], brace: u32) {
        let line = head.first().map_or(brace, |token| token.line);
        let word = keyword(head).unwrap_or_default();
        while self.stack.last().is_some_and(|frame| !can_hold(&frame.block, &word)) {
            self.close_missing();
        }
        let block = match word.as_str() {
            "host" => Block::Host(DhcpHost {
                name: head.get(1).map(Token::text).unwrap_or_default(),
                mac: None,
                addresses: Vec::new(),
                host_name: None,
                subnet: self.subnet(),
                vlan: self.vlan.clone(),
                line,
                last_line: line,
            }),
            "subnet" | "subnet6" => {
                if let Some(prefix) = prefix(head) {
                    self.file.subnets.push(Subnet { prefix, vlan: self.vlan.clone(), line });
                    Block::Subnet(prefix)
                } else {
                    self.findings.push(Finding::unreadable(self.source.at(line), &text_of(head)));
                    Block::Other(word)
                }
            }
            "shared-network" => Block::SharedNetwork,
            _ => Block::Other(word),
        };
        self.stack.push(Frame { block, line, has_own_vlan: false, outer_vlan: None });
    }

    fn close(&mut self, line: u32) {
        let statement = self.settled();
        // `option x.y code 3 = { ip-address, text };` has types in its braces, and no statement.
        let is_type = matches!(self.stack.last(), Some(Frame { block: Block::Other(word), .. }) if word == "option");
        if let Some(last) = statement.last().filter(|_| !is_type) {
            self.findings.push(self.finding(Kind::DhcpSemicolon, last.line, &text_of(&statement)));
            self.run(&statement, last.line);
        }
        match self.stack.pop() {
            Some(frame) => self.keep(frame, line),
            None => self.findings.push(self.finding(Kind::DhcpBrace, line, "}")),
        }
    }

    /// Closes the innermost block, whose `}` is missing.
    fn close_missing(&mut self) {
        if let Some(frame) = self.stack.pop() {
            let head = match &frame.block {
                Block::Host(host) => format!("host {}", host.name),
                Block::Subnet(prefix) => format!("subnet {prefix}"),
                Block::SharedNetwork => "shared-network".to_owned(),
                Block::Other(word) => word.clone(),
            };
            self.findings.push(self.finding(Kind::DhcpBrace, frame.line, &format!("{head} {{")));
            let line = frame.line;
            self.keep(frame, line);
        }
    }

    /// Keeps the host of a block that ends on this line. One without a name is none.
    fn keep(&mut self, frame: Frame, line: u32) {
        if frame.has_own_vlan {
            self.vlan = frame.outer_vlan;
        }
        match frame.block {
            Block::Host(host) if host.name.is_empty() => {
                self.findings.push(Finding::unreadable(self.source.at(host.line), "host {"));
            }
            Block::Host(host) => {
                let last_line = host.last_line.max(line);
                self.file.hosts.push(DhcpHost { last_line, ..host });
            }
            _ => {}
        }
    }

    /// A whole statement.
    fn run(&mut self, statement: &[Token], end: u32) {
        let Some(word) = keyword(statement) else { return };
        let line = statement.first().map_or(end, |token| token.line);
        match word.as_str() {
            "hardware" => self.hardware(statement, line),
            "fixed-address" | "fixed-address6" => self.fixed_address(statement, line),
            "option" if statement.get(1).is_some_and(|t| t.text().eq_ignore_ascii_case("host-name")) => {
                // `option host-name = EXPRESSION` names no machine.
                let name = statement.get(2).map(Token::text).filter(|name| !name.is_empty() && !name.starts_with('='));
                if let (Some(host), Some(name)) = (self.host(), name) {
                    host.host_name = Some(name);
                }
            }
            "include" => {
                let path = statement.get(1).map(Token::text).unwrap_or_default();
                let include = Include { path, subnet: self.subnet(), vlan: self.vlan.clone(), line };
                self.file.includes.push(include);
            }
            word if BLOCKS.contains(&word) => {
                self.findings.push(self.finding(Kind::DhcpBrace, line, &format!("{{ {}", text_of(statement))));
            }
            _ => {}
        }
    }

    fn hardware(&mut self, statement: &[Token], line: u32) {
        if !statement.get(1).is_some_and(|kind| kind.text().eq_ignore_ascii_case("ethernet")) {
            return; // token-ring, fddi and infiniband addresses are none of a PC's
        }
        let written: String = statement[2..].iter().map(Token::text).collect();
        let mac = mac(&written);
        if mac.is_none() {
            self.findings.push(self.finding(Kind::DhcpMac, line, &written));
        }
        match self.host() {
            Some(host) if host.mac.is_none() => host.mac = mac,
            // dhcpd takes one address, and from a host alone.
            _ => self.findings.push(Finding::unreadable(self.source.at(line), &text_of(statement))),
        }
    }

    fn fixed_address(&mut self, statement: &[Token], line: u32) {
        let written = text_of(&statement[1..]);
        let mut addresses = Vec::new();
        for item in written.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            match address(item) {
                Some(address) => addresses.push(address),
                None if item.contains(|c: char| c.is_alphabetic()) && !item.contains(':') => {
                    self.findings.push(self.finding(Kind::DhcpNamedAddress, line, item));
                }
                None => self.findings.push(Finding::unreadable(self.source.at(line), &text_of(statement))),
            }
        }
        match self.host() {
            Some(host) if host.addresses.is_empty() => host.addresses = addresses,
            // dhcpd takes one statement, and from a host alone.
            _ => self.findings.push(Finding::unreadable(self.source.at(line), &text_of(statement))),
        }
    }

    fn comment(&mut self, text: &str, line: u32, alone: bool) {
        let Some(tag) = vlan_tag(text, alone) else { return };
        let Some(tag) = tag else {
            self.findings.push(Finding::unreadable(self.source.at(line), text));
            return;
        };
        if alone && self.is_first_in_subnet() {
            self.name_subnet(tag);
        } else if alone {
            self.vlan = Some(tag);
        } else if let Some(include) = self.file.includes.last_mut().filter(|include| include.line == line) {
            include.vlan = Some(tag);
        } else if self.file.subnets.last().is_some_and(|subnet| subnet.line == line) {
            self.name_subnet(tag);
        }
    }

    /// Whether nothing stands between here and the beginning of the subnet that is open.
    fn is_first_in_subnet(&self) -> bool {
        let subnet = self.file.subnets.last().map(|subnet| subnet.line);
        let is_open = self.stack.last().is_some_and(|frame| matches!(frame.block, Block::Subnet(_)));
        let host = self.file.hosts.last().map(|host| host.line);
        is_open && host.is_none_or(|host| Some(host) < subnet)
    }

    /// Puts the last subnet into a VLAN, with the hosts inside, and none behind it.
    fn name_subnet(&mut self, tag: VlanTag) {
        let Some(subnet) = self.file.subnets.last_mut() else { return };
        subnet.vlan = Some(tag.clone());
        let outer = self.vlan.replace(tag);
        if let Some(frame) = self.stack.last_mut()
            && matches!(frame.block, Block::Subnet(_))
            && !std::mem::replace(&mut frame.has_own_vlan, true)
        {
            frame.outer_vlan = outer;
        }
    }

    /// The innermost host block that is open.
    fn host(&mut self) -> Option<&mut DhcpHost> {
        self.stack.iter_mut().rev().find_map(|frame| match &mut frame.block {
            Block::Host(host) => Some(host),
            _ => None,
        })
    }

    /// The innermost subnet block that is open.
    fn subnet(&self) -> Option<Prefix> {
        self.stack.iter().rev().find_map(|frame| match frame.block {
            Block::Subnet(prefix) => Some(prefix),
            _ => None,
        })
    }

    fn finding(&self, kind: Kind, line: u32, detail: &str) -> Finding {
        Finding::new(kind, self.source.at(line), excerpt(detail))
    }

    fn finish(mut self) -> Parsed<DhcpFile> {
        let statement = self.settled();
        if let Some(last) = statement.last() {
            // Not run: the end of the file may have cut its last word.
            self.findings.push(self.finding(Kind::DhcpSemicolon, last.line, &text_of(&statement)));
        }
        while !self.stack.is_empty() {
            self.close_missing();
        }
        self.file.hosts.sort_by_key(|host| host.line);
        self.findings.sort();
        Parsed { items: self.file, findings: self.findings }
    }
}

/// The first word of a statement, in lower case: keywords are read in any case.
fn keyword(statement: &[Token]) -> Option<String> {
    match &statement.first()?.lexeme {
        Lexeme::Word(word) => Some(word.to_ascii_lowercase()),
        _ => None,
    }
}

/// Whether a block may stand directly inside another; where it may not, the outer one's `}` is missing.
fn can_hold(outer: &Block, inner: &str) -> bool {
    match outer {
        Block::Host(_) => !BLOCKS.contains(&inner),
        Block::Subnet(_) => !matches!(inner, "subnet" | "subnet6" | "shared-network"),
        Block::SharedNetwork => inner != "shared-network",
        Block::Other(word) => !(word.starts_with("pool") && BLOCKS.contains(&inner) && inner != "host"),
    }
}

/// Where in a statement another one begins, because the `;` or `{` between them is missing.
fn missing_end(statement: &[Token]) -> Option<usize> {
    let first = keyword(statement)?;
    if EXPRESSIONS.contains(&first.as_str()) {
        return None;
    }
    for (index, pair) in statement.windows(2).enumerate() {
        let (Lexeme::Word(before) | Lexeme::Text(before)) = &pair[0].lexeme else { continue };
        if before.contains(['=', '(']) {
            return None; // an expression: `option x = concat(…, option y)`
        }
        let Lexeme::Word(word) = &pair[1].lexeme else { continue };
        let is_plain =
            PLAIN.contains(&first.as_str()) || (first == "option" && index >= 2) || (first == "host" && index >= 1);
        if (pair[1].first || is_plain) && KEYWORDS.contains(&word.to_ascii_lowercase().as_str()) {
            return Some(index + 1);
        }
    }
    None
}

/// What a comment says of a VLAN: `None` where it is about something else, `Some(None)` where its number is none.
///
/// A bare name counts only behind code (`include "…"; #vlan ICGM-DPT1-CMM`): alone on a line it is more likely prose.
#[expect(clippy::option_option, reason = "not a VLAN comment, and one that cannot be read, are two things")]
fn vlan_tag(text: &str, alone: bool) -> Option<Option<VlanTag>> {
    static TAG: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?i)^#+\s*vlan\s*[:=]?\s*(?:n?[°o]?\s*(\d+)\b)?\s*(?:\(\s*([^()]*?)\s*\)|([\w.-]*[A-Za-z][\w.-]*))?\s*$",
        )
        .expect("a constant pattern")
    });
    let found = TAG.captures(text.trim())?;
    let name = found.get(2).or(found.get(3).filter(|_| !alone || found.get(1).is_some()));
    let name = name.map(|name| name.as_str().to_owned()).filter(|name| !name.is_empty());
    let number = found.get(1).map(|number| number.as_str().parse::<Vlan>());
    match (number, name) {
        (Some(Err(_)), _) => Some(None),
        (None, None) => None,
        (number, name) => Some(Some(VlanTag { number: number.and_then(Result::ok), name })),
    }
}

fn text_of(statement: &[Token]) -> String {
    let mut text = String::new();
    for token in statement {
        if !text.is_empty() && !matches!(token.lexeme, Lexeme::Comma) {
            text.push(' ');
        }
        text.push_str(&token.text());
    }
    text
}

#[cfg(test)]
mod tests;
