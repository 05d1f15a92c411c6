//! A recorder: whatever hosts answer goes on to who asked, and into a folder that [`super::Replay`] reads.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};

use super::remote::{Command, FileStat, Files, Host, Probed, Remote, RemoteError, Replaced, UnknownKey};
use super::replay::{NOW, inside};
use crate::output;

/// Any way to hosts, with all that they say written down.
///
/// A file is recorded whole, also where only its end is asked for. What fails is not recorded, so that it fails in the replay,
/// too; a host that is not reached gets no folder.
pub struct Recorder {
    inner: Box<dyn Remote>,
    folder: PathBuf,
}

impl Recorder {
    /// Records into a folder, which is made if it is not there, and must be empty: answers of two nights mixed are none's.
    pub fn new(inner: Box<dyn Remote>, folder: &Path) -> std::io::Result<Self> {
        output::create_folder(folder)?;
        output::close_folder(folder);
        if fs_err::read_dir(folder)?.next().is_some() {
            let message = format!("`{}` is not empty, and the answers of two runs would be mixed", folder.display());
            return Err(std::io::Error::new(std::io::ErrorKind::AlreadyExists, message));
        }
        Ok(Self { inner, folder: folder.to_owned() })
    }

    fn host(&self, host: &Host) -> std::io::Result<PathBuf> {
        let named = inside(&host.name).filter(|name| name.components().count() == 1);
        named.map(|name| self.folder.join(name)).ok_or_else(|| std::io::Error::other("its name is no folder's"))
    }

    fn file(&self, host: &Host, path: &str) -> std::io::Result<PathBuf> {
        let files = self.host(host)?.join("files");
        if matches!(path, "" | "~" | "~/") {
            return Ok(files);
        }
        inside(path)
            .map(|path| files.join(path))
            .ok_or_else(|| std::io::Error::other("the path leads out of the recording"))
    }

    fn write(&self, host: &Host, command: &Command, answer: &[u8]) -> std::io::Result<()> {
        let path = self.host(host)?.join("commands").join(format!("{}.txt", command.name()));
        output::write_file(&path, |out| out.write_all(answer))
    }
}

fn unrecorded(host: &Host, what: &str, error: impl std::fmt::Display) -> RemoteError {
    RemoteError::new(host, format!("record {what}"), error)
}

impl Remote for Recorder {
    fn files<'a>(&'a self, host: &Host) -> Result<Box<dyn Files + 'a>, RemoteError> {
        let inner = self.inner.files(host)?;
        let folder = self.host(host).and_then(|folder| output::create_folder(&folder));
        folder.map_err(|error| unrecorded(host, "the session", error))?;
        Ok(Box::new(RecorderFiles { recorder: self, inner, host: host.clone() }))
    }

    fn run(&self, host: &Host, commands: &[Command]) -> Vec<Result<Vec<u8>, RemoteError>> {
        let answers = self.inner.run(host, commands);
        let record = |(answer, command): (Result<Vec<u8>, RemoteError>, &Command)| {
            let answer = answer?;
            self.write(host, command, &answer).map_err(|error| unrecorded(host, command.line(), error))?;
            Ok(answer)
        };
        answers.into_iter().zip(commands).map(record).collect()
    }

    fn fetch_folder(&self, host: &Host, folder: &str) -> Result<BTreeMap<String, Vec<u8>>, RemoteError> {
        let files = self.inner.fetch_folder(host, folder)?;
        let write = || {
            let copy = self.file(host, folder)?;
            // A folder with nothing in it is not a missing one.
            output::create_folder(&copy)?;
            files.iter().try_for_each(|(name, bytes)| output::write_file(&copy.join(name), |out| out.write_all(bytes)))
        };
        write().map_err(|error| unrecorded(host, folder, error))?;
        Ok(files)
    }

    fn probe(&self, host: &Host, unknown_key: UnknownKey) -> Vec<Probed> {
        self.inner.probe(host, unknown_key)
    }

    fn is_live(&self) -> bool {
        self.inner.is_live()
    }

    fn recorded_now(&self) -> Option<DateTime<Utc>> {
        self.inner.recorded_now()
    }

    fn note_now(&self, now: DateTime<Utc>) -> std::io::Result<()> {
        let now = now.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        output::write_file(&self.folder.join(NOW), |out| writeln!(out, "{now}"))
    }
}

/// The files of one host, each read from there once.
struct RecorderFiles<'a> {
    recorder: &'a Recorder,
    inner: Box<dyn Files + 'a>,
    host: Host,
}

impl RecorderFiles<'_> {
    /// Where a file is in the recording, with all that it holds now, or held when it was asked for first.
    fn recorded(&mut self, path: &str, now: bool) -> Result<PathBuf, RemoteError> {
        let unrecorded = |error: std::io::Error| unrecorded(&self.host, path, error);
        let copy = self.recorder.file(&self.host, path).map_err(unrecorded)?;
        if now || !copy.is_file() {
            let mut broken = None;
            let written = output::write_file(&copy, |out| {
                let read = self.inner.read(path, 0, u64::MAX, out);
                read.map(drop).map_err(|error| std::io::Error::other(broken.insert(error).reason()))
            });
            broken.map_or(Ok(()), Err)?;
            written.map_err(unrecorded)?;
        }
        Ok(copy)
    }
}

impl Files for RecorderFiles<'_> {
    fn stat(&mut self, path: &str) -> Result<Option<FileStat>, RemoteError> {
        self.inner.stat(path)
    }

    fn list(&mut self, folder: &str) -> Result<BTreeMap<String, FileStat>, RemoteError> {
        self.inner.list(folder)
    }

    fn read(&mut self, path: &str, from: u64, most: u64, out: &mut dyn Write) -> Result<u64, RemoteError> {
        let copied = fs_err::File::open(self.recorded(path, most == u64::MAX)?).and_then(|mut copy| {
            copy.seek(SeekFrom::Start(from))?;
            std::io::copy(&mut copy.take(most), out)
        });
        copied.map_err(|error| RemoteError::new(&self.host, format!("read {path}"), error))
    }

    fn replace(&mut self, path: &str, content: &[u8], seen: Option<FileStat>) -> Result<Replaced, RemoteError> {
        self.inner.replace(path, content, seen)
    }

    fn try_replace(&mut self, path: &str) -> Result<(), RemoteError> {
        self.inner.try_replace(path)
    }

    fn local(&mut self, path: &str) -> Option<PathBuf> {
        self.recorded(path, false).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Replay;

    #[test]
    fn what_is_asked_is_recorded_and_answers_again() {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("a/tftp/files/var/snoop/one", "1"),
            ("a/tftp/files/var/snoop/two", "2"),
            ("a/tftp/files/var/unasked", "x"),
            ("a/switch/commands/show_x.txt", "macs"),
        ] {
            output::write_file(&folder.path().join(path), |out| out.write_all(text.as_bytes())).unwrap();
        }
        let host = |name: &str| Host {
            name: name.to_owned(),
            address: "192.0.2.1".to_owned(),
            user: None,
            key: None,
            port: 22,
            password_command: None,
            legacy: false,
            connect_timeout: None,
            command_timeout: None,
        };
        let ask = |remote: &dyn Remote| {
            let files = remote.fetch_folder(&host("tftp"), "/var/snoop");
            let commands = [Command::show("show x"), Command::show("show y")];
            let answers: Vec<_> = remote.run(&host("switch"), &commands).into_iter().map(Result::ok).collect();
            (files, answers, remote.files(&host("gone")).map(drop))
        };
        let recording = folder.path().join("b");
        let first = {
            let recorder =
                Recorder::new(Box::new(Replay::open(&folder.path().join("a")).unwrap()), &recording).unwrap();
            let first = ask(&recorder);
            recorder.note_now("2021-12-10T16:30:00.25Z".parse().unwrap()).unwrap();
            first
        };
        let replay = Replay::open(&recording).unwrap();
        assert_eq!(ask(&replay), first);
        assert_eq!(first.0.unwrap().len(), 2);
        assert_eq!(replay.recorded_now(), Some("2021-12-10T16:30:00.25Z".parse().unwrap()));
        assert!(!recording.join("tftp/files/var/unasked").exists() && !recording.join("gone").exists());
        assert!(Recorder::new(Box::new(replay), &recording).is_err(), "a folder that is not empty");
    }
}
