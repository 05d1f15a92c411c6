//! The whole program, from its command line to the files it leaves: see `tests/support/mod.rs` for how a test reads.
//!
//! Tests that are ignored each name a defect that is known; `cargo test -- --ignored` shows them.

mod bad_input;
mod collect;
mod history;
mod inventory;
mod nightly;
mod rows;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;
mod tools;
mod usage;
mod workbooks;
