//! What is asked, and what is too close to an address to be asked as anything else.

use std::net::IpAddr;

use crate::finding::excerpt;
use crate::model::MacAddr;
use crate::network::Directory;

/// What is asked of the network: a text, and what it can be by its spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub(super) text: String,
    pub(super) address: Option<IpAddr>,
    pub(super) mac: Option<MacAddr>,
}

/// Why a text is no question: it is spelt like an address or a MAC, but is none, and no machine has it as its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mistyped {
    /// Digits and dots.
    #[error("expected an address such as `10.14.18.145`, found `{0}`")]
    Address(String),
    /// Groups of hexadecimal digits, or nearly.
    #[error("expected a MAC address such as `90b1.1ca3.3575`, found `{0}`")]
    Mac(String),
    /// Nothing at all.
    #[error("expected an address, a MAC address, a host name or an outlet, found nothing")]
    Empty,
}

impl Question {
    /// The question that a text asks. What is mistyped is told before any host is asked.
    ///
    /// ```
    /// # use jeton::network::{Directory, Question};
    /// let directory = Directory::default();
    /// assert!(Question::new("90-b1-1c-a3-35-75", &directory).is_ok());
    /// assert!(Question::new("90-b1-1c-a3-35-7g", &directory).is_err());
    /// ```
    pub fn new(text: &str, directory: &Directory) -> Result<Self, Mistyped> {
        let text = text.trim().to_owned();
        let address = text.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        let mac = text.parse().ok();
        let is_name = || !directory.hosts_named(&text).is_empty() || !directory.computers_named(&text).is_empty();
        if text.is_empty() {
            Err(Mistyped::Empty)
        } else if address.is_none() && mac.is_none() && looks_like_address(&text) && !is_name() {
            Err(Mistyped::Address(excerpt(&text)))
        } else if address.is_none() && mac.is_none() && looks_like_mac(&text) && !is_name() {
            Err(Mistyped::Mac(excerpt(&text)))
        } else {
            Ok(Self { text, address, mac })
        }
    }

    /// What was asked, as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Digits and dots, as in `10.14.18.300` and `10.14.18`, or an address of IPv6 with its two colons.
fn looks_like_address(text: &str) -> bool {
    text.contains("::") || (text.contains('.') && text.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

/// As many groups as a MAC address has, or nearly, of digits that are hexadecimal, or nearly.
fn looks_like_mac(text: &str) -> bool {
    let digits = text.chars().filter(|c| c.is_alphanumeric()).count();
    let strange = text.chars().filter(|c| c.is_alphanumeric() && !c.is_ascii_hexdigit()).count();
    let groups = |separator: char, count: std::ops::RangeInclusive<usize>, size: std::ops::RangeInclusive<usize>| {
        let groups: Vec<usize> = text.split(separator).map(|group| group.trim().chars().count()).collect();
        let is_plain = text.chars().all(|c| c.is_alphanumeric() || c == separator || c == ' ');
        is_plain && count.contains(&groups.len()) && groups.iter().all(|group| size.contains(group))
    };
    let is_shaped = groups(':', 4..=8, 0..=3)
        || groups('-', 5..=7, 0..=3)
        || groups('.', 3..=3, 3..=5)
        || groups(' ', 1..=1, 11..=13);
    // Without separators, a name of twelve letters must not be taken for one.
    let most_strange = if digits == text.chars().count() { 1 } else { 2 };
    is_shaped && strange <= most_strange && digits > 2 * strange
}
