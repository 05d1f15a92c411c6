//! What the network knows of an address.
//!
//! - [`inputs`]: the DHCP files with what they include, and Ordinateurs.ods, from this machine's disk;
//! - [`directory`]: both of them, by address, MAC and name;
//! - [`inventory`](mod@inventory): both of them side by side, and what they say otherwise;
//! - [`remote`]: the one trait through which hosts are talked to: [`ssh`]; [`replay`], a folder that answers in their place;
//!   [`record`], which writes such a folder;
//! - [`logs`]: what is new in a remote log and its rotated parts;
//! - [`survey`]: what the tftp host and the switches say;
//! - [`resolve`](mod@resolve): from an address to a machine, a port and an outlet;
//! - [`lookup`]: from whatever is known of a machine to the rest.

pub mod directory;
mod identify;
pub mod inputs;
pub mod inventory;
pub mod limited;
mod locate;
pub mod logs;
pub mod lookup;
pub mod record;
pub mod remote;
pub mod replay;
pub mod resolve;
mod spreadsheet;
pub mod ssh;
pub mod survey;

pub use directory::Directory;
pub use inputs::InputError;
pub use inventory::{Inventory, inventory};
pub use limited::Limited;
pub use lookup::{Answer, Lookup, Mistyped, Question, Remark, look_up};
pub use record::Recorder;
pub use remote::{Command, FileStat, Files, Host, ProbeStep, Probed, Remote, RemoteError, Replaced, UnknownKey};
pub use replay::Replay;
pub use resolve::{KnownBy, Resolution, resolve};
pub use spreadsheet::read_sheet;
pub use ssh::Ssh;
pub use survey::Progress;
