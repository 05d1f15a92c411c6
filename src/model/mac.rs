use std::fmt;
use std::str::FromStr;

/// A 48-bit MAC address.
///
/// Reads every spelling seen in the field (`90:B1:1C:A3:35:75`, `90-b1-1c-a3-35-75`, `90b1.1ca3.3575`, `90b11ca33575`,
/// `0:b:1c:3:35:75`, stray spaces) and prints one, Cisco's: `90b1.1ca3.3575`.
///
/// ```
/// # use jeton::model::MacAddr;
/// assert_eq!(" 90:B1:1C:A3:35:75".parse::<MacAddr>().unwrap().to_string(), "90b1.1ca3.3575");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr([u8; 6]);

/// Why a text is no MAC address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a MAC address such as `90b1.1ca3.3575`, found `{0}`")]
pub struct MacError(String);

impl MacAddr {
    /// The address with these six octets, first octet first on the wire.
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// The six octets, first octet first on the wire.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl FromStr for MacAddr {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let bad = || MacError(text.trim().to_owned());
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let groups: Vec<&str> = compact.split([':', '-', '.']).collect();
        // Six groups of one or two digits, three of four, or one of twelve: each group is padded on the left, as dhcpd
        // reads `a:b:c:d:e:f`, and nothing else is an address.
        let width = match groups.len() {
            6 => 2,
            3 => 4,
            1 if compact.len() == 12 => 12,
            _ => return Err(bad()),
        };
        let mut octets = [0; 6];
        for (group, octets) in groups.iter().zip(octets.chunks_mut(width / 2)) {
            let well_formed = group.len() <= width && group.bytes().all(|b| b.is_ascii_hexdigit());
            if !well_formed || group.is_empty() || (width == 4 && group.len() != 4) {
                return Err(bad());
            }
            let value = u64::from_str_radix(group, 16).map_err(|_| bad())?;
            let bytes = value.to_be_bytes();
            octets.copy_from_slice(&bytes[8 - width / 2..]);
        }
        Ok(Self(octets))
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}{b:02x}.{c:02x}{d:02x}.{e:02x}{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_field_prints_one_way() {
        for text in [
            "90:B1:1C:A3:35:75",
            "90-b1-1c-a3-35-75",
            "90b1.1ca3.3575",
            "90b11ca33575",
            " 90:b1:1c:a3:35:75 ",
            "90: b1:1c:a3:35:75",
            "90B1.1CA3.3575",
        ] {
            assert_eq!(text.parse::<MacAddr>().map(|m| m.to_string()), Ok("90b1.1ca3.3575".to_owned()), "{text}");
        }
        assert_eq!("a:b:c:d:e:f".parse::<MacAddr>().unwrap().to_string(), "0a0b.0c0d.0e0f");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "90:b1:1c:a3:35",
            "90:b1:1c:a3:35:75:00",
            "9xb1.1ca3.3575",
            "90b1.1ca3.357",
            "123456",
            "90:b1::a3:35:75",
            "é0:b1:1c:a3:35:75",
        ] {
            assert!(text.parse::<MacAddr>().is_err(), "{text}");
        }
    }
}
