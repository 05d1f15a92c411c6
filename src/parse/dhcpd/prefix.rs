//! Addresses and networks as dhcpd writes them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::tokens::Token;
use crate::model::MacAddr;

/// A network: its first address and how many leading bits its addresses share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    network: IpAddr,
    length: u8,
}

impl Prefix {
    /// The network of this address; `None` where the length is more than the address has bits (32 or 128).
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        let network = match address {
            IpAddr::V4(address) if length <= 32 => Ipv4Addr::from(u32::from(address) & mask32(length)).into(),
            IpAddr::V6(address) if length <= 128 => Ipv6Addr::from(u128::from(address) & mask128(length)).into(),
            _ => return None,
        };
        Some(Self { network, length })
    }

    /// Whether the address is in the network.
    pub fn contains(self, address: IpAddr) -> bool {
        self.network.is_ipv4() == address.is_ipv4() && Self::new(address, self.length) == Some(self)
    }

    /// Whether its addresses are of version 4.
    pub const fn is_ipv4(self) -> bool {
        self.network.is_ipv4()
    }

    /// How many leading bits its addresses share.
    pub const fn length(self) -> u8 {
        self.length
    }
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.network, self.length)
    }
}

fn mask32(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

fn mask128(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

/// `subnet A netmask M` or `subnet6 A/LENGTH`.
pub(super) fn prefix(head: &[Token]) -> Option<Prefix> {
    let words: Vec<String> = head.iter().map(Token::text).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, network, netmask, mask] if netmask.eq_ignore_ascii_case("netmask") => {
            let IpAddr::V4(mask) = address(mask)? else { return None };
            let length = u32::from(mask).leading_ones();
            (length + u32::from(mask).trailing_zeros() == 32).then_some(())?;
            Prefix::new(address(network)?, u8::try_from(length).ok()?)
        }
        [_, network] => {
            let (network, length) = network.split_once('/')?;
            Prefix::new(address(network)?, length.parse().ok()?)
        }
        _ => None,
    }
}

/// A MAC address as dhcpd reads it: six hexadecimal numbers between colons, with zeros before them and spaces around. It
/// takes more or fewer numbers too, of which no PC has a card; and no other spelling that [`MacAddr`] knows.
pub(super) fn mac(text: &str) -> Option<MacAddr> {
    let octet = |group: &str| {
        let is_hexadecimal = !group.is_empty() && group.bytes().all(|b| b.is_ascii_hexdigit());
        is_hexadecimal.then(|| match group.trim_start_matches('0') {
            "" => Some(0),
            digits => u8::from_str_radix(digits, 16).ok(),
        })?
    };
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let octets = compact.split(':').map(octet).collect::<Option<Vec<u8>>>()?;
    <[u8; 6]>::try_from(octets).ok().map(MacAddr::new)
}

/// An address as dhcpd reads it: `010 . 014.018.001` has decimal octets with spaces around, which Rust's own parser refuses.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let octets = text.split('.').map(|octet| octet.parse().ok()).collect::<Option<Vec<u8>>>()?;
    <[u8; 4]>::try_from(octets).ok().map(IpAddr::from)
}
