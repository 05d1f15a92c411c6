//! The DHCP snooping database (Cisco IOS).
