//! jeton tells a research laboratory who used its OriginPro licence tokens, on which machine, from which wall outlet,
//! and for how long.
//!
//! The modules in the order in which a night passes through them:
//!
//! - [`config`]: `jeton.toml`, checked whole before any work;
//! - [`source`] and [`finding`]: named text, and what is said of a line that cannot be read;
//! - [`parse`]: one module per input format, pure;
//! - [`model`]: the words of the field as types;
//! - [`evidence`]: the text of all logs that were ever fetched, each line once, a file per day and kind;
//! - [`derivation`]: evidence into rows, a month at a time, by [`trace`];
//! - [`trace`]: who used which address when, and on what evidence: attribution, sessions, the split at midnight; pure;
//! - [`network`]: what the network knows of an address, through one small trait for the remote hosts;
//! - [`report`]: rows into sheets, sheets into ODS, XLSX and CSV;
//! - [`history`]: the file `Origin_history`;
//! - [`ledger`]: what follows from the evidence, in SQLite;
//! - [`privacy`]: pseudonyms, and who is forgotten;
//! - [`pipeline`]: the night, told from top to bottom;
//! - [`collect`]: on the licence server, the debug log into a logwatch that loses no line;
//! - `page`: the same in a browser, read-only (feature `page`);
//! - [`cli`]: arguments in, rows and exit codes out.
//!
//! # As a library
//!
//! Who used what, from a logwatch alone. Nothing but [`pipeline`], [`collect`] and [`cli`] reads a clock: the moment of the run is given.
//!
//! ```
//! use jeton::config::TraceSettings;
//! use jeton::derivation::{Derivation, DhcpNames, derive_all};
//! use jeton::evidence::Evidence;
//!
//! const LOGWATCH: &str = "\
//! mer. déc.  8 14:00:20 CET 2021
//! ESTAB 0      432    [::ffff:10.14.14.20]:60213 [::ffff:10.14.18.116]:55450
//! 14:00:20 (orglab) OUT: \"OriginPro\" Éloïse Martin@LaboFixe
//! mer. déc.  8 15:40:53 CET 2021
//! 15:40:53 (orglab) IN: \"OriginPro\" Éloïse Martin@LaboFixe
//! ";
//!
//! let settings = TraceSettings { timezone: chrono_tz::Europe::Paris, ..TraceSettings::default() };
//! let mut evidence = Evidence::in_memory();
//! evidence.add_logwatch("logwatch", LOGWATCH.as_bytes())?;
//! let as_of = "2021-12-08T20:00:00Z".parse()?;
//! let analysis = derive_all(&Derivation::new(&evidence, &settings, DhcpNames::default(), as_of))?;
//! assert!(analysis.findings.is_empty(), "every line could be read");
//!
//! let mut told = Vec::new();
//! for session in &analysis.sessions {
//!     let ip = session.ip.map_or_else(|| "nowhere".to_owned(), |ip| ip.to_string());
//!     let minutes = (session.end - session.start).num_minutes();
//!     told.push(format!("{} at {ip}: {minutes} min, {}, {}", session.who, session.state, session.evidence));
//! }
//! println!("{}", told.join("\n"));
//! assert_eq!(told, ["Éloïse Martin@LaboFixe at 10.14.18.116: 100 min, closed, carrying"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What the network knows of an address: [`network::resolve()`], [`network::look_up`]; the whole night: [`pipeline::nightly`].
//! `examples/get_user_info_from_ip.rs` does with them what the script of that name did.

pub mod cli;
pub mod collect;
pub mod config;
pub mod derivation;
pub mod evidence;
pub mod finding;
pub mod history;
pub mod ledger;
pub mod model;
pub mod network;
pub mod output;
#[cfg(feature = "page")]
pub mod page;
pub mod parse;
pub mod pipeline;
pub mod privacy;
pub mod report;
mod rights;
pub mod source;
pub mod status;
pub mod texts;
pub mod trace;
