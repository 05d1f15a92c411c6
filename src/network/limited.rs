//! Limits for what hosts send: a log without end fills no disk.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::remote::{Command, FileStat, Files, Host, Probed, Remote, RemoteError, Replaced, UnknownKey, Within};
use crate::config::Limits;

/// A [`Remote`] whose hosts send no more than so much: of one file, and all together.
pub struct Limited {
    inner: Box<dyn Remote>,
    limits: Limits,
    /// What each host sent.
    sent: Mutex<HashMap<String, u64>>,
}

impl Limited {
    /// Any other with limits.
    pub fn new(inner: Box<dyn Remote>, limits: Limits) -> Self {
        Self { inner, limits, sent: Mutex::default() }
    }
}

impl Remote for Limited {
    fn files<'a>(&'a self, host: &Host) -> Result<Box<dyn Files + 'a>, RemoteError> {
        let inner = self.inner.files(host)?;
        Ok(Box::new(LimitedFiles { inner, host: host.clone(), remote: self }))
    }

    fn run(&self, host: &Host, commands: &[Command]) -> Vec<Result<Vec<u8>, RemoteError>> {
        self.inner.run(host, commands)
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

    fn note_now(&self, now: DateTime<Utc>) -> io::Result<()> {
        self.inner.note_now(now)
    }
}

/// The files of one host.
struct LimitedFiles<'a> {
    inner: Box<dyn Files + 'a>,
    host: Host,
    remote: &'a Limited,
}

impl LimitedFiles<'_> {
    /// What the host has sent, with so many bytes more.
    fn sent(&self, more: u64) -> u64 {
        let mut all = self.remote.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = all.entry(self.host.name.clone()).or_default();
        *sent += more;
        *sent
    }
}

impl Files for LimitedFiles<'_> {
    fn stat(&mut self, path: &str) -> Result<Option<FileStat>, RemoteError> {
        self.inner.stat(path)
    }

    fn list(&mut self, folder: &str) -> Result<std::collections::BTreeMap<String, FileStat>, RemoteError> {
        self.inner.list(folder)
    }

    fn read(&mut self, path: &str, from: u64, most: u64, out: &mut dyn Write) -> Result<u64, RemoteError> {
        let Limits { file, host } = self.remote.limits;
        let of_host = host.saturating_sub(self.sent(0));
        let mut within = Within::new(out, file.min(of_host));
        let read = self.inner.read(path, from, most, &mut within);
        self.sent(within.n);
        if !within.is_over {
            return read;
        }
        let (what, limit) = if of_host < file { ("host_mb", host) } else { ("file_mb", file) };
        let why = format!("there is more of it than `[limits] {what}` = {}", limit >> 20);
        let error = RemoteError::new(&self.host, format!("read {path}"), why);
        Err(error.remedy(format!("see what writes it; if it is right, raise `{what}` in jeton.toml")))
    }

    fn replace(&mut self, path: &str, content: &[u8], seen: Option<FileStat>) -> Result<Replaced, RemoteError> {
        self.inner.replace(path, content, seen)
    }

    fn try_replace(&mut self, path: &str) -> Result<(), RemoteError> {
        self.inner.try_replace(path)
    }

    fn local(&mut self, path: &str) -> Option<PathBuf> {
        self.inner.local(path)
    }

    fn most(&self) -> u64 {
        self.remote.limits.file
    }
}
