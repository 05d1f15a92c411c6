//! jeton's SSH against peers that are none of its own: Debian's OpenSSH server, and switches played by russh.
//!
//! `tests/run` installs OpenSSH's server and client.

mod client;
mod servers;
#[path = "../support/sshd.rs"]
mod sshd;
#[path = "../support/switch.rs"]
mod switch;
mod switches;
mod trust;
