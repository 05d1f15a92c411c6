use super::{MacAddr, SwitchPort, Vlan};

/// What the network knows of the machine behind an address. Everything it does not know is `None`: an empty cell is
/// better than a wrong name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// The name in the DHCP files, else the one in Ordinateurs.ods.
    pub hostname: Option<String>,
    /// The MAC address.
    pub mac: Option<MacAddr>,
    /// The VLAN's number.
    pub vlan: Option<Vlan>,
    /// The department of the VLAN.
    pub department: Option<String>,
    /// The access switch, by its name in `jeton.toml`.
    pub switch: Option<String>,
    /// The switch's access port.
    pub port: Option<SwitchPort>,
    /// The wall outlet: what the port's description names.
    pub outlet: Option<String>,
    /// What Ordinateurs.ods says of the machine: user and comments.
    pub information: Option<String>,
}
