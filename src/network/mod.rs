//! What the network knows of an address.
//!
//! - [`inputs`]: the DHCP files with what they include, and Ordinateurs.ods, from this machine's disk;
//! - [`directory`]: both of them, by address, MAC and name;
//! - [`remote`]: the one trait through which hosts are talked to, and [`replay`], a folder that answers in their place;
//! - [`survey`]: what the tftp host and the switches say;
//! - [`resolve`]: from an address to a machine, a port and an outlet.

pub mod inputs;
pub mod remote;
pub mod replay;

pub use inputs::{InputError, read_sheet};
pub use remote::{Command, Fetched, Host, Remote, RemoteError};
pub use replay::Replay;
