//! The whole program, from its command line to the files it leaves: see `tests/support/mod.rs` for how a test reads.
//!
//! Tests that are ignored each name a defect that is known; `cargo test -- --ignored` shows them.

mod agent;
mod bad_input;
mod history;
mod inventory;
mod network;
mod nightly;
mod over_ssh;
mod rows;
mod signals;
#[allow(dead_code, reason = "shared with the tests of SSH itself")]
#[path = "../support/sshd.rs"]
mod sshd;
#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code, reason = "shared with the tests of SSH itself")]
#[path = "../support/switch.rs"]
mod switch;
mod tools;
mod usage;
mod workbooks;
