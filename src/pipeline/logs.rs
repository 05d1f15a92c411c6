//! Where the licence server's logs are on this machine: the files of a replay, else copies that are kept in the output
//! directory and brought up to date.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::finding::{Finding, Gap};
use crate::network::{Files, Host, Note, Remote, RemoteError, keep};
use crate::output::{self, Lock};

/// The folder of the copies in the output directory.
pub(super) const COPIES: &str = "traces";

/// A log of the licence server on this machine.
#[derive(Debug)]
pub(super) struct Log {
    /// Where it is.
    pub(super) path: PathBuf,
    /// What findings cite.
    pub(super) name: String,
    /// Rotated parts that were passed over.
    pub(super) findings: Vec<Finding>,
    /// Rotated parts that could not be had; the log itself, where this is an older copy.
    pub(super) gaps: Vec<Gap>,
    /// Whether it is as the host has it now.
    pub(super) is_current: bool,
    /// Where it is in a folder that goes.
    _temporary: Option<tempfile::TempDir>,
}

/// A log of the licence server with all its rotated parts. Where the host cannot be asked, an older copy is better than
/// none; the gap says so.
pub(super) fn fetch(config: &Config, remote: &dyn Remote, host: &Host, path: &str) -> Result<Log, RemoteError> {
    let log = if remote.is_live() { kept(config, remote, host, path) } else { replayed(remote, host, path) }?;
    remote
        .note(&Note::Log { host, path, local: &log.path })
        .map_err(|error| RemoteError::new(host, format!("record {path}"), error))?;
    Ok(log)
}

fn kept(config: &Config, remote: &dyn Remote, host: &Host, path: &str) -> Result<Log, RemoteError> {
    let failed = |error: std::io::Error| RemoteError::new(host, format!("keep a copy of {path}"), error);
    let folder = config.output.directory.join(COPIES);
    let usual = keep::copy_in(&folder, host, path);
    let (copy, temporary) = if is_writable(&folder) {
        (usual.clone(), None)
    } else {
        let folder = tempfile::tempdir().map_err(failed)?;
        (seeded(&usual, folder.path()).map_err(failed)?, Some(folder))
    };
    // Another run may be at it, with nothing to wait for but its end.
    let parent = copy.parent().unwrap_or(&folder);
    let lock = output::create_folder(parent).and_then(|()| Lock::take(parent, || ())).map_err(failed)?;
    let updated = remote.files(host).and_then(|mut files| keep::update(files.as_mut(), host, path, &copy));
    drop(lock);
    let (updated, is_current) = match updated {
        Ok(updated) => (updated, true),
        Err(error) if copy.is_file() => {
            let gap = Gap::new(&host.name, format!("{} (the copy of last time was read)", error.reason()));
            (keep::Updated { gaps: vec![gap], ..keep::Updated::default() }, false)
        }
        Err(error) => return Err(error),
    };
    let keep::Updated { findings, gaps } = updated;
    let name = usual.display().to_string();
    Ok(Log { path: copy, name, findings, gaps, is_current, _temporary: temporary })
}

/// Whether copies can be kept in a folder: whoever only looks at sessions may not write where the night does.
fn is_writable(folder: &Path) -> bool {
    output::create_folder(folder).is_ok() && tempfile::tempfile_in(folder).is_ok()
}

/// The copy as it is, in another folder, to be brought up to date there.
fn seeded(usual: &Path, folder: &Path) -> std::io::Result<PathBuf> {
    let copy = folder.join(usual.file_name().unwrap_or_default());
    if usual.is_file() {
        keep::duplicate(usual, &copy)?;
    }
    Ok(copy)
}

/// The file of a replay itself; with rotated parts beside it, all of them in one.
fn replayed(remote: &dyn Remote, host: &Host, path: &str) -> Result<Log, RemoteError> {
    let mut files = remote.files(host)?;
    let local = files.local(path);
    if let Some(local) = &local
        && !has_rotated_parts(files.as_mut(), path)
    {
        files.read(path, 0, 0, &mut std::io::sink())?;
        let name = local.display().to_string();
        let (findings, gaps) = (Vec::new(), Vec::new());
        return Ok(Log { path: local.clone(), name, findings, gaps, is_current: true, _temporary: None });
    }
    let failed = |error: std::io::Error| RemoteError::new(host, format!("keep a copy of {path}"), error);
    let folder = tempfile::tempdir().map_err(failed)?;
    let copy = folder.path().join("log");
    let keep::Updated { findings, gaps } = keep::update(files.as_mut(), host, path, &copy)?;
    let name = local.map_or_else(|| format!("{}:{path}", host.name), |local| local.display().to_string());
    Ok(Log { path: copy, name, findings, gaps, is_current: true, _temporary: Some(folder) })
}

fn has_rotated_parts(files: &mut dyn Files, path: &str) -> bool {
    let (folder, name) = keep::folder_and_name(path);
    files.list(folder).is_ok_and(|listed| listed.keys().any(|other| keep::is_rotated(name, other)))
}
