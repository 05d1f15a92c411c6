use std::fmt;
use std::str::FromStr;

/// An interface of a Cisco switch, by its kind and its number: `Gi1/0/36`, `Te1/1/1`, `Po1`, `Vl513`.
///
/// Long and short names are one interface (`GigabitEthernet1/0/36` is `Gi1/0/36`).
///
/// ```
/// # use jeton::model::SwitchPort;
/// let port: SwitchPort = "GigabitEthernet1/0/36".parse().unwrap();
/// assert_eq!(port.to_string(), "Gi1/0/36");
/// assert_eq!(port.socket(), "1/0/36");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SwitchPort {
    kind: &'static str,
    number: Vec<u16>,
}

/// Why a text is no interface name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an interface such as `Gi1/0/36`, found `{0}`")]
pub struct PortError(String);

/// Interface kinds: the short name that `show mac address-table` prints, the long one, and other spellings of IOS,
/// IOS XE and NX-OS (Cisco IOS Interface and Hardware Component Command Reference).
const KINDS: &[(&str, &str, &[&str])] = &[
    ("Gi", "GigabitEthernet", &["Gig", "GigE", "G"]),
    ("Fa", "FastEthernet", &["Fas", "F"]),
    ("Te", "TenGigabitEthernet", &["Ten", "TenGigE", "T"]),
    ("Tw", "TwoGigabitEthernet", &["Two"]),
    ("Fi", "FiveGigabitEthernet", &["Fiv"]),
    ("Twe", "TwentyFiveGigE", &["TwentyFiveGigabitEthernet"]),
    ("Fo", "FortyGigabitEthernet", &["For"]),
    ("Hu", "HundredGigE", &["HundredGigabitEthernet"]),
    ("Ap", "AppGigabitEthernet", &[]),
    ("Eth", "Ethernet", &["Et", "E"]),
    ("Po", "Port-channel", &["PortChannel"]),
    ("Vl", "Vlan", &[]),
    ("Lo", "Loopback", &[]),
    ("Tu", "Tunnel", &[]),
    ("mgmt", "Management", &["Ma"]),
];

impl SwitchPort {
    /// Whether several links or machines are behind it by its kind alone: a port channel, a VLAN, a tunnel, a loopback.
    ///
    /// A physical port can still be an uplink; the number of addresses on it tells.
    pub fn is_aggregate(&self) -> bool {
        matches!(self.kind, "Po" | "Vl" | "Lo" | "Tu")
    }

    /// The `port` column: the number alone for a gigabit port (`1/0/36`, the seeds' "Gigabit Ethernet socket"), with its
    /// kind for every other (`Te1/0/1`), as a switch may number both alike.
    pub fn socket(&self) -> String {
        if self.kind == "Gi" { self.number_text() } else { self.to_string() }
    }

    fn number_text(&self) -> String {
        self.number.iter().map(u16::to_string).collect::<Vec<_>>().join("/")
    }
}

impl FromStr for SwitchPort {
    type Err = PortError;

    fn from_str(text: &str) -> Result<Self, PortError> {
        let bad = || PortError(text.trim().to_owned());
        let name = text.trim();
        let digits = name.find(|c: char| c.is_ascii_digit()).ok_or_else(bad)?;
        let (kind, number) = name.split_at(digits);
        let kind = kind.trim_end();
        let &(kind, ..) = KINDS
            .iter()
            .find(|(short, long, others)| {
                [short, long].into_iter().chain(*others).any(|known| known.eq_ignore_ascii_case(kind))
            })
            .ok_or_else(bad)?;
        let number = number.split(['/', '.']).map(str::parse).collect::<Result<Vec<u16>, _>>().map_err(|_| bad())?;
        Ok(Self { kind, number })
    }
}

impl fmt::Display for SwitchPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind, self.number_text())
    }
}

impl Ord for SwitchPort {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // By number within a kind, so that Gi1/0/9 stands before Gi1/0/10.
        (self.kind, &self.number).cmp(&(other.kind, &other.number))
    }
}

impl PartialOrd for SwitchPort {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_short_names_are_one_interface() {
        for (text, short, socket) in [
            ("Gi1/0/36", "Gi1/0/36", "1/0/36"),
            ("GigabitEthernet1/0/36", "Gi1/0/36", "1/0/36"),
            ("gigabitethernet 1/0/36", "Gi1/0/36", "1/0/36"),
            ("Gi1/1", "Gi1/1", "1/1"),
            ("Te1/0/1", "Te1/0/1", "Te1/0/1"),
            ("Port-channel1", "Po1", "Po1"),
            ("Po1", "Po1", "Po1"),
            ("Vlan513", "Vl513", "Vl513"),
            ("Fa0/24", "Fa0/24", "Fa0/24"),
            ("Eth1/12", "Eth1/12", "Eth1/12"),
        ] {
            let port: SwitchPort = text.parse().unwrap();
            assert_eq!((port.to_string().as_str(), port.socket().as_str()), (short, socket), "{text}");
        }
    }

    #[test]
    fn words_are_not_interfaces() {
        for text in ["", "CPU", "Switch", "1/0/36", "Gi", "Gi1/x", "Gi1//2", "Gi99999/1", "Interface"] {
            assert!(text.parse::<SwitchPort>().is_err(), "{text}");
        }
    }

    #[test]
    fn ports_are_in_the_order_of_their_numbers() {
        let [nine, ten]: [SwitchPort; 2] = ["Gi1/0/9", "Gi1/0/10"].map(|p| p.parse().unwrap());
        assert!(nine < ten);
    }
}
