//! `show mac address-table` (Cisco IOS).
