//! jeton tells a research laboratory who used its OriginPro licence tokens, on which machine, from which wall outlet,
//! and for how long.
//!
//! The modules in the order in which a night passes through them:
//!
//! - [`config`]: `jeton.toml`, checked whole before any work;
//! - [`source`] and [`finding`]: named text, and what is said of a line that cannot be read;
//! - [`parse`]: one module per input format, pure;
//! - [`model`]: the words of the field as types;
//! - [`trace`]: who used which address when, and on what evidence: attribution, sessions, the split at midnight; pure;
//! - [`network`]: what the network knows of an address, through one small trait for the remote hosts;
//! - [`report`]: rows into sheets, sheets into ODS, XLSX and CSV;
//! - [`history`]: the file `Origin_history`;
//! - [`pipeline`]: the night, told from top to bottom;
//! - [`cli`]: arguments in, rows and exit codes out.

pub mod cli;
pub mod config;
pub mod finding;
pub mod history;
pub mod model;
pub mod network;
pub mod output;
pub mod parse;
pub mod pipeline;
pub mod report;
pub mod source;
pub mod texts;
pub mod trace;
