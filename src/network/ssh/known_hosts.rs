//! `known_hosts` of OpenSSH 9 (sshd(8), "`SSH_KNOWN_HOSTS` FILE FORMAT"): which keys a host may show.
//!
//! ```text
//! balard-1d-1,10.14.0.49 ssh-rsa AAAAB3Nz… comment
//! [tftp.labo.example]:2222 ssh-ed25519 AAAAC3Nz…
//! *.labo.example,!old.labo.example ecdsa-sha2-nistp256 AAAAE2Vj…
//! |1|salt|HMAC-SHA1 of the name| ssh-ed25519 AAAAC3Nz…
//! @revoked * ssh-rsa AAAAB3Nz…
//! ```
//!
//! A line that cannot be read is passed over, as OpenSSH does: it makes no host known, and takes no other line with it.
//! Authorities (`@cert-authority`) are passed over too, as libssh2 knows no host certificates.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::bytes::Fields;

/// The lines of a file, those that could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KnownHosts {
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    number: usize,
    is_revoked: bool,
    names: String,
    key: Vec<u8>,
}

/// What known_hosts says of a key that a host shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the host's.
    Known,
    /// Nothing is known of the host.
    Unknown,
    /// The host has another key, in this line.
    Changed(usize),
    /// The key is revoked, in this line.
    Revoked(usize),
}

impl KnownHosts {
    /// Reads the text of a file.
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().enumerate().filter_map(|(index, line)| Line::parse(index + 1, line)).collect();
        Self { lines }
    }

    /// The types of the keys that a host is known by: `ssh-ed25519`.
    pub(super) fn key_types(&self, host: &str, port: u16) -> Vec<String> {
        let mut types: Vec<String> =
            self.keys_of(host, port).into_iter().filter_map(|line| key_type(&line.key)).collect();
        types.sort();
        types.dedup();
        types
    }

    /// What is known of a key that a host shows.
    pub(super) fn verdict(&self, host: &str, port: u16, key: &[u8]) -> Verdict {
        let is_one_of = |line: &&Line| name_of(host, port).is_in(&line.names) || name_of(host, 22).is_in(&line.names);
        let revoked = self.lines.iter().filter(|line| line.is_revoked && line.key == key).find(is_one_of);
        if let Some(line) = revoked {
            return Verdict::Revoked(line.number);
        }
        let lines = self.keys_of(host, port);
        match lines.first() {
            None => Verdict::Unknown,
            Some(_) if lines.iter().any(|line| line.key == key) => Verdict::Known,
            Some(first) => Verdict::Changed(first.number),
        }
    }

    /// The keys of a host: those of `[host]:port`; where there are none, those of the host at any port, as OpenSSH does.
    fn keys_of(&self, host: &str, port: u16) -> Vec<&Line> {
        let of = |name: &Name| -> Vec<&Line> {
            self.lines.iter().filter(|line| !line.is_revoked && name.is_in(&line.names)).collect()
        };
        let lines = of(&name_of(host, port));
        if lines.is_empty() { of(&name_of(host, 22)) } else { lines }
    }
}

impl Line {
    fn parse(number: usize, line: &str) -> Option<Self> {
        let mut words = line.split_whitespace().peekable();
        let marker = words.next_if(|word| word.starts_with('@'));
        let names = words.next().filter(|names| !names.starts_with('#'))?;
        let (named_type, key) = (words.next()?, BASE64.decode(words.next()?).ok()?);
        let is_revoked = match marker {
            None => false,
            Some("@revoked") => true,
            Some(_) => return None,
        };
        // The type is said twice; where the two differ, the line is damaged.
        (key_type(&key)? == named_type).then(|| Self { number, is_revoked, names: names.to_owned(), key })
    }
}

/// The type of a public key, as it begins every one.
pub(super) fn key_type(key: &[u8]) -> Option<String> {
    let name = Fields::new(key).next_field()?;
    String::from_utf8(name.to_vec()).ok().filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic()))
}

/// A line that makes a key known.
pub(super) fn line_for(host: &str, port: u16, key: &[u8]) -> String {
    format!("{} {} {}\n", name_of(host, port).0, key_type(key).unwrap_or_default(), BASE64.encode(key))
}

/// A host as known_hosts writes it: `name`, `[name]:2222`.
pub(super) fn written(host: &str, port: u16) -> String {
    name_of(host, port).0
}

struct Name(String);

fn name_of(host: &str, port: u16) -> Name {
    let host = host.to_lowercase();
    Name(if port == 22 { host } else { format!("[{host}]:{port}") })
}

impl Name {
    /// Whether a line's list of names means this host.
    fn is_in(&self, names: &str) -> bool {
        if let Some(hashed) = names.strip_prefix("|1|") {
            return self.has_hash(hashed).unwrap_or(false);
        }
        let mut is_meant = false;
        for pattern in names.split(',') {
            match pattern.strip_prefix('!') {
                Some(except) if matches(&except.to_lowercase(), &self.0) => return false,
                None if matches(&pattern.to_lowercase(), &self.0) => is_meant = true,
                _ => {}
            }
        }
        is_meant
    }

    fn has_hash(&self, hashed: &str) -> Option<bool> {
        let (salt, hash) = hashed.split_once('|')?;
        let mut mac = Hmac::<Sha1>::new_from_slice(&BASE64.decode(salt).ok()?).ok()?;
        mac.update(self.0.as_bytes());
        Some(mac.verify_slice(&BASE64.decode(hash).ok()?).is_ok())
    }
}

/// Whether a name fits a pattern of `*` and `?`.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last `*` stands, and how much of the name it has taken: on a mismatch it takes one more.
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => (p, n) = (p + 1, n + 1),
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                (p, n) = (at + 1, taken + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIJgWvlBgZ8aPFTFsJ8kqZsjiW7qDRMoo0i1+K3DCjHHK";
    const OTHER: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    /// A public key of type ssh-rsa; nobody looks inside.
    const RSA: &str = "AAAAB3NzaC1yc2EAAAADAQABAAAACQDAAAAAAAAAAQ==";

    fn key(text: &str) -> Vec<u8> {
        BASE64.decode(text).unwrap()
    }

    fn hashed(name: &str) -> String {
        let salt = [7; 20];
        let mut mac = Hmac::<Sha1>::new_from_slice(&salt).unwrap();
        mac.update(name.as_bytes());
        format!("|1|{}|{}", BASE64.encode(salt), BASE64.encode(mac.finalize().into_bytes()))
    }

    #[test]
    fn a_host_is_known_by_each_way_of_writing_it() {
        use Verdict::{Changed, Known, Revoked, Unknown};
        let own = format!("ssh-ed25519 {KEY}");
        let other = format!("ssh-ed25519 {OTHER}");
        for (text, host, port, expected) in [
            (format!("a.example {own}"), "a.example", 22, Known),
            (format!("A.Example {own}"), "a.EXAMPLE", 22, Known),
            (format!("b,a,c {own} a comment"), "a", 22, Known),
            (format!("a {own}\r\nb {other}\r\n"), "a", 22, Known),
            (format!("\t a \t{own}"), "a", 22, Known),
            (format!("[a]:2222 {own}"), "a", 2222, Known),
            (format!("[a]:2222 {own}"), "a", 22, Unknown),
            (format!("[a]:2222 {own}"), "a", 2223, Unknown),
            (format!("a {own}"), "a", 2222, Known),
            (format!("a {own}\n[a]:2222 {other}"), "a", 2222, Changed(2)),
            (format!("2001:db8::1 {own}"), "2001:db8::1", 22, Known),
            (format!("*.example {own}"), "a.example", 22, Known),
            (format!("*.example,!a.example {own}"), "a.example", 22, Unknown),
            (format!("10.14.0.? {own}"), "10.14.0.49", 22, Unknown),
            (format!("10.14.0.?? {own}"), "10.14.0.49", 22, Known),
            (format!("{} {own}", hashed("a.example")), "a.example", 22, Known),
            (format!("{} {own}", hashed("[a.example]:2222")), "A.example", 2222, Known),
            (format!("{} {own}", hashed("b.example")), "a.example", 22, Unknown),
            (format!("|1|garbage {own}"), "a", 22, Unknown),
            (format!("a {other}"), "a", 22, Changed(1)),
            (format!("a {other}\na {own}"), "a", 22, Known),
            (format!("a ssh-rsa {RSA}\na {own}"), "a", 22, Known),
            (format!("# a\n\na ssh-rsa {RSA}"), "a", 22, Changed(3)),
            (format!("@revoked * {own}\na {own}"), "a", 22, Revoked(1)),
            (format!("a {own}\n@revoked a {own}"), "a", 2222, Revoked(2)),
            (format!("@revoked b {own}\na {own}"), "a", 22, Known),
            (format!("@revoked a {other}"), "a", 22, Unknown),
            (format!("@cert-authority * {own}"), "a", 22, Unknown),
            (format!("a ssh-ed25519 ???\n\u{fffd}\u{0}\na\na {own}"), "a", 22, Known),
            (format!("a ssh-rsa {KEY}"), "a", 22, Unknown),
            (format!("#a {own}"), "a", 22, Unknown),
            (String::new(), "a", 22, Unknown),
        ] {
            assert_eq!(KnownHosts::parse(&text).verdict(host, port, &key(KEY)), expected, "{text}");
        }
    }

    #[test]
    fn the_types_of_its_keys_are_told_once_each() {
        let text = format!("a ssh-rsa {RSA}\na ssh-ed25519 {KEY}\na ssh-ed25519 {OTHER}\n@revoked b ssh-ed25519 {KEY}");
        let known = KnownHosts::parse(&text);
        assert_eq!(known.key_types("a", 22), ["ssh-ed25519", "ssh-rsa"]);
        assert_eq!(known.key_types("b", 22), [""; 0]);
    }

    #[test]
    fn a_line_that_was_added_makes_the_host_known_at_its_port_alone() {
        let line = line_for("Switch.Example", 2222, &key(KEY));
        assert_eq!(line, format!("[switch.example]:2222 ssh-ed25519 {KEY}\n"));
        assert_eq!(KnownHosts::parse(&line).verdict("switch.example", 2222, &key(KEY)), Verdict::Known);
        assert_eq!(KnownHosts::parse(&line).verdict("switch.example", 22, &key(KEY)), Verdict::Unknown);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_a_host_known_or_panics(text in "(?s).{0,200}", names in "[@!*?,|\\[\\]:a-c1= ]{0,20}") {
            proptest::prop_assert_ne!(KnownHosts::parse(&text).verdict("a", 22, &key(KEY)), Verdict::Known);
            KnownHosts::parse(&format!("{names} ssh-ed25519 {KEY}")).verdict("a", 22, &key(KEY));
        }
    }
}
