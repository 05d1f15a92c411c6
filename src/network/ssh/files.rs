//! The files of a host, by SFTP.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ssh2::{ErrorCode, OpenFlags, OpenType, Sftp};

use super::connection::Connection;
use super::exec::{Exec, exec};
use super::failure::{Failure, Outlook};
use super::{Attempts, Ssh};
use crate::network::{FileStat, Files, Host, RemoteError, Replaced};

/// A transfer that is slower is cut, in bytes a second.
const SLOWEST: u64 = 16 << 10;
/// The permissions of a new file.
const NEW_MODE: u32 = 0o640;
/// How a file is called while it is uploaded.
const UPLOAD: &str = ".jeton.tmp";

/// An open session for the files of a host.
pub(super) struct SshFiles<'a> {
    ssh: &'a Ssh,
    host: Host,
    attempts: Attempts,
    line: Option<Line>,
}

struct Line {
    /// Gone before its connection.
    sftp: Sftp,
    connection: Connection,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.connection.let_go();
    }
}

impl<'a> SshFiles<'a> {
    /// Connects.
    pub(super) fn open(ssh: &'a Ssh, host: &Host) -> Result<Self, RemoteError> {
        let mut files = Self { ssh, host: host.clone(), attempts: ssh.attempts(host, 1), line: None };
        files.attempt("sftp", |_| Ok(()))?;
        Ok(files)
    }

    /// The plain files of a folder, each up to `most` bytes. Those that went meanwhile, or are closed to the login, are left
    /// out; where none can be read, the first one's failure is told.
    pub(super) fn folder(&mut self, folder: &str, most: u64) -> Result<BTreeMap<String, Vec<u8>>, RemoteError> {
        let names = self.list(folder)?;
        let mut files = BTreeMap::new();
        let mut failed = None;
        for name in names.into_keys() {
            let path = format!("{}/{name}", folder.trim_end_matches('/'));
            let mut bytes = Vec::new();
            match self.read(&path, 0, most, &mut bytes) {
                Ok(_) => drop(files.insert(name, bytes)),
                Err(error) if self.line.is_none() => return Err(error),
                Err(error) => drop(failed.get_or_insert(error)),
            }
        }
        match failed {
            Some(error) if files.is_empty() => Err(error),
            _ => Ok(files),
        }
    }

    /// Does something with the host's files; after a second connection, where that can help.
    fn attempt<T>(&mut self, step: &str, mut act: impl FnMut(&Line) -> Result<T, Failure>) -> Result<T, RemoteError> {
        loop {
            let failure = match self.open_line().and_then(&mut act) {
                Ok(done) => return Ok(done),
                Err(failure) => failure.at(step),
            };
            if failure.outlook() == Outlook::Alone {
                return Err(failure.of(&self.host));
            }
            self.line = None;
            self.attempts.again(failure).map_err(|failure| failure.of(&self.host))?;
        }
    }

    fn open_line(&mut self) -> Result<&Line, Failure> {
        if let Some(line) = self.line.take() {
            return Ok(self.line.insert(line));
        }
        // From here on the speed counts, as files can be of any size.
        let connection = self.ssh.connect(&self.host, self.attempts.ends)?.unbound();
        let sftp = connection.step("sftp", self.allowed(), |session| {
            session.sftp().map_err(|error| match Failure::from(error) {
                lost if lost.outlook() == Outlook::Again => lost,
                failure => failure.remedy("its SSH server must offer SFTP (`Subsystem sftp`)"),
            })
        })?;
        Ok(self.line.insert(Line { sftp, connection }))
    }

    fn allowed(&self) -> Duration {
        self.ssh.command_timeout(&self.host)
    }

    /// How much a host must bring within the time of a step.
    fn slice(&self) -> usize {
        usize::try_from((SLOWEST * self.allowed().as_secs()).clamp(SLOWEST, 1 << 20)).unwrap_or(1 << 20)
    }
}

impl Files for SshFiles<'_> {
    fn stat(&mut self, path: &str) -> Result<Option<FileStat>, RemoteError> {
        let (step, allowed) = (format!("read {path}"), self.allowed());
        self.attempt(&step, |line| line.connection.step(&step, allowed, |_| stat(&line.sftp, &remote(path))))
    }

    fn list(&mut self, folder: &str) -> Result<BTreeMap<String, FileStat>, RemoteError> {
        let (step, allowed) = (format!("read {folder}").trim_end().to_owned(), self.allowed());
        self.attempt(&step, |line| line.connection.step(&step, allowed, |_| list(&line.sftp, &remote(folder))))
    }

    fn read(&mut self, path: &str, from: u64, most: u64, out: &mut dyn Write) -> Result<u64, RemoteError> {
        let (step, allowed, slice) = (format!("read {path}"), self.allowed(), self.slice());
        let mut n_read = 0;
        self.attempt(&step, |line| {
            let mut file = line.connection.step(&step, allowed, |_| {
                let path = remote(path);
                plain(&line.sftp.stat(&path)?)?;
                let mut file = line.sftp.open(&path)?;
                file.seek(SeekFrom::Start(from + n_read)).map_err(Failure::from)?;
                Ok(file)
            })?;
            let mut bytes = vec![0; slice];
            while n_read < most {
                let wanted = usize::try_from(most - n_read).map_or(slice, |left| left.min(slice));
                let n = line.connection.step(&step, allowed, |session| {
                    fill(&mut file, &mut bytes[..wanted]).map_err(|error| Failure::of_stream(session, &error))
                })?;
                out.write_all(&bytes[..n]).map_err(|error| Failure::alone(format!("cannot keep it here: {error}")))?;
                n_read += n as u64;
                if n < wanted {
                    break;
                }
            }
            line.connection.step(&step, allowed, |_| {
                // What is not closed cleanly was read all the same.
                drop(file);
                Ok(())
            })?;
            Ok(n_read)
        })
    }

    fn replace(&mut self, path: &str, content: &[u8], seen: Option<FileStat>) -> Result<Replaced, RemoteError> {
        let (step, allowed, slice) = (format!("write {path}"), self.allowed(), self.slice());
        self.attempt(&step, |line| {
            let upload = line.connection.step(&step, allowed, |_| Ok(Upload::begin(&line.sftp, &remote(path))))?;
            let done = upload.finish(line, &step, allowed, content.chunks(slice), seen);
            if !matches!(done, Ok(Replaced::Yes)) && !line.connection.is_cut() {
                // The next upload takes away what this cannot.
                let _ = line.connection.step(&step, allowed, |_| Ok(line.sftp.unlink(&upload.beside)?));
            }
            done
        })
    }

    fn try_replace(&mut self, path: &str) -> Result<(), RemoteError> {
        let (step, allowed) = (format!("write {path}"), self.allowed());
        self.attempt(&step, |line| {
            line.connection.step(&step, allowed, |_| {
                let upload = Upload::begin(&line.sftp, &remote(path));
                let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
                let mode = i32::try_from(NEW_MODE).unwrap_or_default();
                drop(line.sftp.open_mode(&upload.beside, flags, mode, OpenType::File)?);
                Ok(line.sftp.unlink(&upload.beside)?)
            })
        })
    }
}

/// A file on its way into its place.
struct Upload {
    /// The place, behind all links.
    place: PathBuf,
    beside: PathBuf,
}

impl Upload {
    /// Finds the place, and takes away what an upload that was cut off a day ago left beside it.
    fn begin(sftp: &Sftp, path: &Path) -> Self {
        const DAY_S: i64 = 86_400;
        let place = sftp.realpath(path).unwrap_or_else(|_| path.to_owned());
        let name = place.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let now = chrono::Utc::now().timestamp();
        // A folder that cannot be listed can perhaps be written to.
        for (left, found) in list_all(sftp, folder).unwrap_or_default() {
            let is_upload = left.starts_with(&format!("{name}.")) && left.ends_with(UPLOAD);
            if is_upload && found.mtime.is_some_and(|at| now - i64::try_from(at).unwrap_or(now) > DAY_S) {
                let _ = sftp.unlink(&folder.join(left));
            }
        }
        let beside = folder.join(format!("{name}.{:08x}{UPLOAD}", fastrand::u32(..)));
        Self { place, beside }
    }

    fn finish<'b>(
        &self,
        line: &Line,
        step: &str,
        allowed: Duration,
        slices: impl Iterator<Item = &'b [u8]>,
        seen: Option<FileStat>,
    ) -> Result<Replaced, Failure> {
        let sftp = &line.sftp;
        let mut file = line.connection.step(step, allowed, |_| {
            let old = sftp.stat(&self.place).ok();
            let mode = old.as_ref().and_then(|old| old.perm).map_or(NEW_MODE, |mode| mode & 0o7777);
            let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
            let mode_of_file = i32::try_from(mode).unwrap_or_default();
            let mut file = sftp.open_mode(&self.beside, flags, mode_of_file, OpenType::File)?;
            // A mask may have taken rights away, or the file is another's: best is as it was.
            let attributes =
                |uid, gid| ssh2::FileStat { size: None, uid, gid, perm: Some(mode), atime: None, mtime: None };
            let owned = old.is_some_and(|old| file.setstat(attributes(old.uid, old.gid)).is_ok());
            if !owned {
                file.setstat(attributes(None, None))?;
            }
            Ok(file)
        })?;
        for slice in slices {
            line.connection.step(step, allowed, |session| {
                file.write_all(slice).map_err(|error| Failure::of_stream(session, &error))
            })?;
        }
        line.connection.step(step, allowed, |_| {
            // Not every server can: then it is as safe as its disk.
            let _ = file.fsync();
            Ok(file.close()?)
        })?;
        let is_seen = line.connection.step(step, allowed, |_| Ok(stat(sftp, &self.place)? == seen))?;
        if !is_seen {
            return Ok(Replaced::ChangedMeanwhile);
        }
        self.put_in_place(line, allowed).map(|()| Replaced::Yes)
    }

    /// SFTP renames over nothing that is there; `mv` does, in one step.
    fn put_in_place(&self, line: &Line, allowed: Duration) -> Result<(), Failure> {
        let command = format!("mv -f -- {} {} && echo moved", quoted(&self.beside), quoted(&self.place));
        match exec(&line.connection, &command, allowed)? {
            Exec::Answered(said) if said.trim_ascii_end().ends_with(b"moved") => Ok(()),
            Exec::Answered(_) => Err(Failure::alone("`mv` into place did not succeed")),
            Exec::NoChannel(failure) | Exec::Refused(failure) => {
                Err(failure.remedy("the login must be allowed to run `mv` there, to put the file in place in one step"))
            }
        }
    }
}

/// A path as SFTP takes it: from the login's home, which is where a session begins.
fn remote(path: &str) -> PathBuf {
    let inner = path.strip_prefix("~/").unwrap_or(path);
    PathBuf::from(if matches!(inner, "" | "~") { "." } else { inner })
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', "'\\''"))
}

fn is_nothing(error: &ssh2::Error) -> bool {
    // SSH_FX_NO_SUCH_FILE, SSH_FX_NO_SUCH_PATH
    matches!(error.code(), ErrorCode::SFTP(2 | 10))
}

fn stat(sftp: &Sftp, path: &Path) -> Result<Option<FileStat>, Failure> {
    match sftp.stat(path) {
        Ok(found) => plain(&found).map(|()| Some(stat_of(&found))),
        Err(error) if is_nothing(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What is no plain file is not opened: a pipe waits for ever.
fn plain(found: &ssh2::FileStat) -> Result<(), Failure> {
    if found.is_dir() {
        return Err(Failure::alone("expected a file, found a directory"));
    }
    let is_other = found.perm.is_some() && !found.is_file();
    if is_other { Err(Failure::alone("expected a file, found a pipe or a device")) } else { Ok(()) }
}

fn stat_of(found: &ssh2::FileStat) -> FileStat {
    let modified = found.mtime.and_then(|at| i64::try_from(at).ok()).unwrap_or_default();
    FileStat { size: found.size.unwrap_or_default(), modified }
}

/// What is in a folder, links unfollowed. Names that are no text cannot be asked for.
fn list_all(sftp: &Sftp, folder: &Path) -> Result<Vec<(String, ssh2::FileStat)>, ssh2::Error> {
    let named = |(path, found): (PathBuf, ssh2::FileStat)| Some((path.file_name()?.to_str()?.to_owned(), found));
    Ok(sftp.readdir(folder)?.into_iter().filter_map(named).collect())
}

fn list(sftp: &Sftp, folder: &Path) -> Result<BTreeMap<String, FileStat>, Failure> {
    let mut files = BTreeMap::new();
    for (name, found) in list_all(sftp, folder)? {
        if name.starts_with('.') || found.is_dir() {
            continue;
        }
        // A link that leads nowhere is no file.
        let found = if found.is_file() { Some(found) } else { sftp.stat(&folder.join(&name)).ok() };
        if let Some(found) = found.filter(ssh2::FileStat::is_file) {
            files.insert(name, stat_of(&found));
        }
    }
    Ok(files)
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut ssh2::File, bytes: &mut [u8]) -> std::io::Result<usize> {
    let mut n = 0;
    while n < bytes.len() {
        match file.read(&mut bytes[n..])? {
            0 => break,
            more => n += more,
        }
    }
    Ok(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_at_home_and_are_quoted_for_the_shell() {
        for (path, expected) in [
            ("", "."),
            ("~", "."),
            ("~/", "."),
            ("~/logwatch", "logwatch"),
            ("logwatch", "logwatch"),
            ("/usr/log", "/usr/log"),
        ] {
            assert_eq!(remote(path), Path::new(expected), "{path}");
        }
        assert_eq!(quoted(Path::new("a b;$(c)")), "'a b;$(c)'");
        assert_eq!(quoted(Path::new("it's")), "'it'\\''s'");
    }
}
