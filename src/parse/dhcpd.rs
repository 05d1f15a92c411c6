//! dhcpd.conf (ISC DHCP server).
