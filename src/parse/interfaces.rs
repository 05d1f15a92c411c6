//! `show interfaces description` (Cisco IOS).
