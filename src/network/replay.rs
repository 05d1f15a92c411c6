//! A folder that answers for the network.
//!
//! ```text
//! DIR/<host name>/files/<path>          what a remote file holds; a relative path is in the login's home
//! DIR/<host name>/commands/<name>.txt   what a command answers, as in show_interfaces_description.txt
//! DIR/now.txt                           the moment of a recorded night
//! ```
//!
//! A host with no folder is an unreachable host. Links inside the folder are followed: whoever writes a replay may keep a
//! large log elsewhere. Paths that jeton is given are not: none leads out of the folder.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use fs_err::PathExt;

use super::remote::{Command, FileStat, Files, Host, ProbeStep, Probed, Remote, RemoteError, Replaced, UnknownKey};

/// The file of a recorded replay that holds the moment of the night, in RFC 3339. Without it, that is the newest moment that
/// the traces name.
pub(super) const NOW: &str = "now.txt";

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
        if matches!(path, "" | "~" | "~/") {
            return Ok(self.host(host)?.join("files"));
        }
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
    fn files<'a>(&'a self, host: &Host) -> Result<Box<dyn Files + 'a>, RemoteError> {
        self.host(host)?;
        Ok(Box::new(ReplayFiles { replay: self, host: host.clone() }))
    }

    fn run(&self, host: &Host, commands: &[Command]) -> Vec<Result<Vec<u8>, RemoteError>> {
        commands.iter().map(|command| self.answer(host, command)).collect()
    }

    fn probe(&self, host: &Host, _: UnknownKey) -> Vec<Probed> {
        let outcome = self.host(host).map(|folder| format!("answers from `{}`", folder.display()));
        vec![Probed { step: ProbeStep::Reach, outcome, took: Duration::ZERO }]
    }

    fn is_live(&self) -> bool {
        false
    }

    fn recorded_now(&self) -> Option<DateTime<Utc>> {
        fs_err::read_to_string(self.folder.join(NOW)).ok()?.trim().parse().ok()
    }
}

/// The files of one host.
struct ReplayFiles<'a> {
    replay: &'a Replay,
    host: Host,
}

impl ReplayFiles<'_> {
    /// Where a file is in the replay, and its failure in this step.
    fn find(&self, verb: &str, path: &str) -> Result<(PathBuf, impl Fn(String) -> RemoteError + use<>), RemoteError> {
        let (host, step) = (self.host.clone(), format!("{verb} {path}").trim_end().to_owned());
        let local = self.replay.path(&host, path)?;
        Ok((local, move |cause| RemoteError::new(&host, step.clone(), cause)))
    }
}

impl Files for ReplayFiles<'_> {
    fn stat(&mut self, path: &str) -> Result<Option<FileStat>, RemoteError> {
        let (local, failed) = self.find("read", path)?;
        match local.fs_err_metadata() {
            Ok(found) if found.is_file() => Ok(Some(stat_of(&found))),
            Ok(_) => Err(failed("expected a file, found a directory".to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(told(&local, &error))),
        }
    }

    fn list(&mut self, folder: &str) -> Result<BTreeMap<String, FileStat>, RemoteError> {
        let (local, failed) = self.find("read", folder)?;
        read_folder(&local).map_err(|error| failed(told(&local, &error)))
    }

    fn read(&mut self, path: &str, from: u64, most: u64, out: &mut dyn Write) -> Result<u64, RemoteError> {
        let (local, failed) = self.find("read", path)?;
        let copied = fs_err::File::open(&local).and_then(|mut file| {
            if file.metadata()?.is_dir() {
                return Err(std::io::Error::other("expected a file, found a directory"));
            }
            file.seek(SeekFrom::Start(from))?;
            std::io::copy(&mut file.take(most), out)
        });
        copied.map_err(|error| failed(told(&local, &error)))
    }

    fn replace(&mut self, path: &str, content: &[u8], seen: Option<FileStat>) -> Result<Replaced, RemoteError> {
        if self.stat(path)? != seen {
            return Ok(Replaced::ChangedMeanwhile);
        }
        let (local, failed) = self.find("write", path)?;
        match crate::output::write_file(&local, |out| out.write_all(content)) {
            Ok(()) => Ok(Replaced::Yes),
            Err(error) if matches!(error.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied) => {
                Ok(Replaced::ReadOnly)
            }
            Err(error) => Err(failed(error.to_string())),
        }
    }

    fn try_replace(&mut self, path: &str) -> Result<(), RemoteError> {
        // What is recorded may be closed to writing: a night leaves it as it is then.
        self.find("write", path).map(|_| ())
    }

    fn local(&mut self, path: &str) -> Option<PathBuf> {
        self.replay.path(&self.host, path).ok().filter(|local| local.is_file())
    }
}

fn stat_of(found: &std::fs::Metadata) -> FileStat {
    FileStat { size: found.len(), modified: found.mtime() }
}

/// What a host would have said, and where in the replay that answer was looked for.
fn told(path: &Path, error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => format!("no such file: `{}`", path.display()),
        // The messages of `fs_err` name the path.
        _ => error.to_string(),
    }
}

fn read_folder(folder: &Path) -> std::io::Result<BTreeMap<String, FileStat>> {
    let mut files = BTreeMap::new();
    for entry in folder.fs_err_read_dir()? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // A link that leads nowhere is no file.
        if let Ok(found) = fs_err::metadata(entry.path())
            && found.is_file()
            && !name.starts_with('.')
        {
            files.insert(name, stat_of(&found));
        }
    }
    Ok(files)
}

/// A remote path as one below a folder: `/var/lib/x` and `~/x` lose their beginning; one with `..` is none.
pub(super) fn inside(path: &str) -> Option<PathBuf> {
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
        Host {
            name,
            address,
            user: None,
            key: None,
            port: 22,
            password_command: None,
            legacy: false,
            connect_timeout: None,
            command_timeout: None,
        }
    }

    #[test]
    fn files_folders_and_commands_answer() {
        let (_folder, replay) = replay();
        let origin = host("origin");
        let mut files = replay.files(&origin).unwrap();
        for (path, content) in [("logwatch", "home"), ("~/logwatch", "home"), ("/usr/local/debug.log", "debug")] {
            assert_eq!(files.bytes(path).unwrap(), content.as_bytes(), "{path}");
            assert_eq!(files.stat(path).unwrap().unwrap().size, content.len() as u64, "{path}");
        }
        for home in ["", "~/"] {
            assert_eq!(files.list(home).unwrap().into_keys().collect::<Vec<_>>(), ["logwatch"], "{home}");
        }
        assert_eq!(files.stat("none").unwrap(), None);
        let snooping = replay.fetch_folder(&origin, "/snoop").unwrap();
        assert_eq!(snooping, BTreeMap::from([("balard-1D-1".to_owned(), b"leases".to_vec())]));
        let commands = [Command::show("show mac address-table"), Command::lmstat("/opt/lmutil lmstat -a")];
        let answers: Vec<_> = replay.run(&origin, &commands).into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, [b"macs".to_vec(), b"users".to_vec()]);
    }

    #[test]
    fn a_part_of_a_file_is_read_and_past_the_end_there_is_nothing() {
        let (_folder, replay) = replay();
        let mut files = replay.files(&host("origin")).unwrap();
        for (from, most, part) in [(0, 2, "ho"), (1, 2, "om"), (3, 9, "e"), (4, 9, ""), (99, 9, "")] {
            let mut bytes = Vec::new();
            assert_eq!(files.read("logwatch", from, most, &mut bytes).unwrap(), part.len() as u64);
            assert_eq!(bytes, part.as_bytes(), "{from}, {most}");
        }
    }

    #[test]
    fn a_host_without_a_folder_is_unreachable_and_an_error_names_host_step_and_cause() {
        let (_folder, replay) = replay();
        let error = replay.files(&host("Balard-1G-1")).err().unwrap();
        assert_eq!(error.to_string(), "Balard-1G-1: connect: unreachable (no folder in the replay)");
        let error = replay.run(&host("origin"), &[Command::show("show version")]).remove(0).unwrap_err();
        assert!(error.to_string().starts_with("origin: show version: "), "{error}");
        let error = replay.files(&host("origin")).unwrap().bytes("none").unwrap_err().to_string();
        assert!(error.starts_with("origin: read none: no such file: `"), "{error}");
        assert!(error.ends_with("replay/origin/files/none`"), "{error}");
    }

    #[test]
    fn no_path_leads_out_of_the_folder() {
        let (_folder, replay) = replay();
        let mut files = replay.files(&host("origin")).unwrap();
        for path in ["../../../secret", "/../../../secret", "usr/../../../../secret", "..", "", "/"] {
            assert!(files.bytes(path).is_err(), "{path}");
            assert!(files.replace(path, b"x", None).is_err(), "{path}");
        }
        for name in ["../replay/origin", "..", "", "origin/files"] {
            assert!(replay.files(&host(name)).is_err(), "{name}");
        }
        assert!(replay.run(&host("origin"), &[Command::show("../files/logwatch")])[0].is_err());
    }

    #[test]
    fn what_is_pushed_can_be_fetched_and_what_others_wrote_meanwhile_is_not_lost() {
        let (_folder, replay) = replay();
        let mut files = replay.files(&host("origin")).unwrap();
        assert_eq!(files.replace("Origin_history", b"line\n", None).unwrap(), Replaced::Yes);
        assert_eq!(files.bytes("Origin_history").unwrap(), b"line\n");
        assert_eq!(files.replace("Origin_history", b"other\n", None).unwrap(), Replaced::ChangedMeanwhile);
        let seen = files.stat("Origin_history").unwrap();
        assert_eq!(files.replace("Origin_history", b"longer\n", seen).unwrap(), Replaced::Yes);
        assert_eq!(files.replace("Origin_history", b"last\n", seen).unwrap(), Replaced::ChangedMeanwhile);
        assert_eq!(files.bytes("Origin_history").unwrap(), b"longer\n");
    }
}
