//! A folder that answers for the network.
//!
//! ```text
//! DIR/<host name>/files/<path>          what a remote file holds; a relative path is in the login's home
//! DIR/<host name>/commands/<name>.txt   what a command answers, as in show_interfaces_description.txt
//! ```
//!
//! A host with no folder is an unreachable host. Links inside the folder are followed: whoever writes a replay may keep a
//! large log elsewhere. Paths that jeton is given are not: none leads out of the folder.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use fs_err::PathExt;

use super::remote::{Command, Fetched, Host, Remote, RemoteError};

/// The answers of a recorded or simulated network.
#[derive(Debug, Clone)]
pub struct Replay {
    folder: PathBuf,
}

impl Replay {
    /// The replay in this folder, which must be there.
    pub fn open(folder: &Path) -> std::io::Result<Self> {
        if !folder.fs_err_metadata()?.is_dir() {
            let message = format!("expected a replay folder, found the file `{}`", folder.display());
            return Err(std::io::Error::new(std::io::ErrorKind::NotADirectory, message));
        }
        Ok(Self { folder: folder.to_owned() })
    }

    fn host(&self, host: &Host) -> Result<PathBuf, RemoteError> {
        let name = inside(&host.name).filter(|name| name.components().count() == 1);
        let folder = name.map(|name| self.folder.join(name)).filter(|folder| folder.is_dir());
        folder.ok_or_else(|| RemoteError::new(host, "connect", "unreachable (no folder in the replay)"))
    }

    fn path(&self, host: &Host, path: &str) -> Result<PathBuf, RemoteError> {
        let step = || format!("read {path}");
        let inner = inside(path).ok_or_else(|| RemoteError::new(host, step(), "the path leads out of the replay"))?;
        Ok(self.host(host)?.join("files").join(inner))
    }

    fn answer(&self, host: &Host, command: &Command) -> Result<Vec<u8>, RemoteError> {
        let failed = |cause: &str| RemoteError::new(host, command.line(), cause);
        let name = format!("{}.txt", command.name());
        let name =
            inside(&name).filter(|name| name.components().count() == 1).ok_or_else(|| failed("no such command"))?;
        let path = self.host(host)?.join("commands").join(name);
        fs_err::read(&path).map_err(|error| failed(&told(&path, &error)))
    }
}

impl Remote for Replay {
    fn fetch(&self, host: &Host, path: &str) -> Result<Fetched, RemoteError> {
        let local = self.path(host, path)?;
        let failed = |cause: String| RemoteError::new(host, format!("read {path}"), cause);
        let metadata = local.fs_err_metadata().map_err(|error| failed(told(&local, &error)))?;
        if !metadata.is_file() {
            return Err(failed("expected a file, found a directory".to_owned()));
        }
        Ok(Fetched::Kept(local))
    }

    fn fetch_folder(&self, host: &Host, path: &str) -> Result<BTreeMap<String, Vec<u8>>, RemoteError> {
        let local = self.path(host, path)?;
        read_folder(&local).map_err(|error| RemoteError::new(host, format!("read {path}"), told(&local, &error)))
    }

    fn run(&self, host: &Host, commands: &[Command]) -> Vec<Result<Vec<u8>, RemoteError>> {
        commands.iter().map(|command| self.answer(host, command)).collect()
    }

    fn push(&self, host: &Host, path: &str, content: &[u8]) -> Result<(), RemoteError> {
        let local = self.path(host, path)?;
        crate::output::write_file(&local, |out| out.write_all(content))
            .map_err(|error| RemoteError::new(host, format!("write {path}"), error))
    }
}

/// What a host would have said, and where in the replay that answer was looked for.
fn told(path: &Path, error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => format!("no such file: `{}`", path.display()),
        // The messages of `fs_err` name the path.
        _ => error.to_string(),
    }
}

fn read_folder(folder: &Path) -> std::io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in folder.fs_err_read_dir()? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.path().is_file() {
            files.insert(name, fs_err::read(entry.path())?);
        }
    }
    Ok(files)
}

/// A remote path as one below a folder: `/var/lib/x` and `~/x` lose their beginning; one with `..` is none.
fn inside(path: &str) -> Option<PathBuf> {
    let path = path.strip_prefix("~/").unwrap_or(path);
    let mut inner = PathBuf::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => inner.push(name),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    (!inner.as_os_str().is_empty()).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay() -> (tempfile::TempDir, Replay) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("replay/origin/files/logwatch", "home"),
            ("replay/origin/files/usr/local/debug.log", "debug"),
            ("replay/origin/files/snoop/balard-1D-1", "leases"),
            ("replay/origin/files/snoop/.hidden", "no"),
            ("replay/origin/files/snoop/old/balard-2D-1", "no"),
            ("replay/origin/commands/show_mac_address-table.txt", "macs"),
            ("replay/origin/commands/lmstat.txt", "users"),
            ("secret", "secret"),
        ] {
            crate::output::write_file(&folder.path().join(path), |out| out.write_all(text.as_bytes())).unwrap();
        }
        let replay = Replay::open(&folder.path().join("replay")).unwrap();
        (folder, replay)
    }

    fn host(name: &str) -> Host {
        let (name, address) = (name.to_owned(), "192.0.2.1".to_owned());
        Host { name, address, user: None, key: None, port: 22, password_command: None, legacy: false }
    }

    #[test]
    fn files_folders_and_commands_answer() {
        let (_folder, replay) = replay();
        let origin = host("origin");
        for (path, content) in [("logwatch", "home"), ("~/logwatch", "home"), ("/usr/local/debug.log", "debug")] {
            let fetched = replay.fetch(&origin, path).unwrap();
            assert_eq!(fs_err::read_to_string(fetched.path()).unwrap(), content, "{path}");
        }
        let snooping = replay.fetch_folder(&origin, "/snoop").unwrap();
        assert_eq!(snooping, BTreeMap::from([("balard-1D-1".to_owned(), b"leases".to_vec())]));
        let commands = [Command::show("show mac address-table"), Command::lmstat("/opt/lmutil lmstat -a")];
        let answers: Vec<_> = replay.run(&origin, &commands).into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, [b"macs".to_vec(), b"users".to_vec()]);
    }

    #[test]
    fn a_host_without_a_folder_is_unreachable_and_an_error_names_host_step_and_cause() {
        let (_folder, replay) = replay();
        let error = replay.fetch(&host("Balard-1G-1"), "x").unwrap_err();
        assert_eq!(error.to_string(), "Balard-1G-1: connect: unreachable (no folder in the replay)");
        let error = replay.run(&host("origin"), &[Command::show("show version")]).remove(0).unwrap_err();
        assert!(error.to_string().starts_with("origin: show version: "), "{error}");
        let error = replay.fetch(&host("origin"), "none").unwrap_err().to_string();
        assert!(error.starts_with("origin: read none: no such file: `"), "{error}");
        assert!(error.ends_with("replay/origin/files/none`"), "{error}");
    }

    #[test]
    fn no_path_leads_out_of_the_folder() {
        let (_folder, replay) = replay();
        for path in ["../../../secret", "/../../../secret", "usr/../../../../secret", "..", "", "/"] {
            assert!(replay.fetch(&host("origin"), path).is_err(), "{path}");
            assert!(replay.push(&host("origin"), path, b"x").is_err(), "{path}");
        }
        for name in ["../replay/origin", "..", "", "origin/files"] {
            assert!(replay.fetch(&host(name), "logwatch").is_err(), "{name}");
        }
        assert!(replay.run(&host("origin"), &[Command::show("../files/logwatch")])[0].is_err());
    }

    #[test]
    fn what_is_pushed_can_be_fetched() {
        let (_folder, replay) = replay();
        replay.push(&host("origin"), "Origin_history", b"line\n").unwrap();
        let fetched = replay.fetch(&host("origin"), "Origin_history").unwrap();
        assert_eq!(fs_err::read(fetched.path()).unwrap(), b"line\n");
        assert!(replay.push(&host("gone"), "Origin_history", b"line\n").is_err());
    }
}
