//! Ordinateurs.ods, the DHCP authorisation table.
