//! The whole program, from its command line to the files it leaves: see `tests/support/mod.rs` for how a test reads.

mod agent;
mod bad_input;
mod browser;
mod collect;
mod faults;
mod history;
mod inventory;
mod ledger;
mod licence;
mod memory;
mod network;
mod nightly;
mod office;
mod over_ssh;
mod page;
mod periods;
mod privacy;
mod rights;
mod rows;
mod search;
#[path = "../support/server.rs"]
mod server;
mod signals;
#[path = "../../benches/simulator/mod.rs"]
mod simulator;
#[allow(dead_code, reason = "shared with the tests of SSH itself")]
#[path = "../support/sshd.rs"]
mod sshd;
mod status;
#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code, reason = "shared with the tests of SSH itself")]
#[path = "../support/switch.rs"]
mod switch;
mod template;
mod tools;
mod units;
mod usage;
mod workbooks;
