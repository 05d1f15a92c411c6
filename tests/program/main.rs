//! The whole program, from its command line to the files it leaves: see `tests/support/mod.rs` for how a test reads.
//!
//! Tests that are ignored each name a defect that is known; `cargo test -- --ignored` shows them.

mod bad_input;
mod faults;
mod history;
mod inventory;
mod ledger;
mod nightly;
mod rows;
mod search;
#[path = "../../benches/simulator/mod.rs"]
mod simulator;
#[path = "../support/mod.rs"]
mod support;
mod tools;
mod units;
mod usage;
mod workbooks;
