//! One module per input format. Each takes text and gives back what it read with findings for what it could not; none
//! does any I/O.

pub mod computers;
pub mod datetime;
pub mod dhcpd;
pub mod flexnet;
pub mod interfaces;
pub mod licence;
pub mod lmstat;
pub mod logwatch;
pub mod mac_table;
pub mod neighbours;
pub mod snooping;
