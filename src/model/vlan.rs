use std::fmt;
use std::str::FromStr;

/// A VLAN number, 1 to 4094 (IEEE 802.1Q).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vlan(u16);

/// Why a text or a number is no VLAN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a VLAN number from 1 to 4094, found `{0}`")]
pub struct VlanError(String);

impl Vlan {
    /// The number, 1 to 4094.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl TryFrom<i64> for Vlan {
    type Error = VlanError;

    fn try_from(number: i64) -> Result<Self, VlanError> {
        match u16::try_from(number) {
            Ok(id @ 1..=4094) => Ok(Self(id)),
            _ => Err(VlanError(number.to_string())),
        }
    }
}

impl FromStr for Vlan {
    type Err = VlanError;

    fn from_str(text: &str) -> Result<Self, VlanError> {
        let number: i64 = text.trim().parse().map_err(|_| VlanError(text.trim().to_owned()))?;
        Self::try_from(number)
    }
}

impl fmt::Display for Vlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_to_four_digits_within_the_standard() {
        assert_eq!("513".parse::<Vlan>().unwrap().number(), 513);
        assert_eq!(" 1 ".parse::<Vlan>().unwrap().number(), 1);
        for text in ["0", "4095", "-1", "513a", "", "All"] {
            assert!(text.parse::<Vlan>().is_err(), "{text}");
        }
    }
}
