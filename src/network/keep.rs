//! Copies of remote logs on this machine: of a log that only grew, only what is new is fetched; of one that was rotated or
//! overwritten, nothing is lost.
//!
//! A copy is one file, to which the lives of the log are put one after the other: what `logwatch` held until it was rotated
//! away, then what the next `logwatch` holds. Where each life lies is in an index beside the copy. Every time,
//!
//! - the parts that `logrotate` left beside the log are looked at (`rotated`), from the newest to the oldest;
//! - a remote file is known for a life in the copy by its head, and by its bytes just before the end of what both have:
//!   a hash of the head would say the same with less certainty, as the copy is at hand;
//! - what it has beyond that is appended, and a file that is no life in the copy becomes one, in the order of rotation.
//!
//! So no line is read twice, and a rest that was rotated away before it was fetched is found in the rotated part. What was
//! appended is a beginning of what the remote file holds, whenever the connection breaks: the next time goes on from there.

mod copy;
mod plan;
mod rotated;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use super::remote::{Files, Host, RemoteError};
use crate::finding::{Finding, Gap};

use copy::Copy;
pub use copy::duplicate;
use plan::Plan;
pub use rotated::is_rotated;
use rotated::remote_logs;

/// How many bytes at its beginning tell a log from others: its first line names a moment already.
const HEAD: u64 = 16 * 1024;
/// How many bytes before the end of what two files have in common are compared.
const SEAM: u64 = 4 * 1024;

/// What an update has to say.
#[derive(Debug, Default)]
pub struct Updated {
    /// What could not be read, and is of no use any more or was kept before.
    pub findings: Vec<Finding>,
    /// Rotated parts that could not be had.
    pub gaps: Vec<Gap>,
}

/// Where the copy of a remote file is kept in a folder: below its host, as it lies there.
pub fn copy_in(folder: &Path, host: &Host, path: &str) -> PathBuf {
    let path = path.strip_prefix("~/").unwrap_or(path);
    let names = path.split('/').filter(|name| !matches!(*name, "" | "."));
    let mut copy = folder.join(host.name.replace('/', "_"));
    copy.extend(names.map(|name| if name == ".." { "__" } else { name }));
    copy
}

/// The folder of a remote path, empty where it is the login's home, and the name in it.
pub fn folder_and_name(path: &str) -> (&str, &str) {
    match path.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((folder, name)) => (folder, name),
        None => ("", path),
    }
}

/// Brings the copy of a remote log up to date. A failure leaves the copy with what it has, which is readable.
pub fn update(files: &mut dyn Files, host: &Host, path: &str, copy: &Path) -> Result<Updated, RemoteError> {
    let failed = |error: io::Error| RemoteError::new(host, format!("keep a copy of {path}"), error);
    let mut updated = Updated::default();
    let logs = remote_logs(files, host, path, &mut updated)?;
    let modified = logs.first().map(|log| log.modified);
    let mut copy = Copy::open(copy).map_err(failed)?;
    let plan = Plan::new(&copy, files, host, logs, &mut updated)?;
    let written = copy.carry_out(plan, files, &failed);
    // What came before a connection broke is a gain, and the index must know it.
    copy.save(modified.filter(|_| written.is_ok())).map_err(failed)?;
    written.map(|()| updated)
}
