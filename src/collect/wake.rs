//! What wakes the collector: the log (inotify), a signal, or nothing for a while. Where the kernel has no inotify left, or the
//! file system none at all, the log is looked at once a second.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fs_err as fs;
use notify::event::{EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::notice::{Notices, Topic};
use super::place::Identity;
use crate::output::folder_of;

/// Why the collector woke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    /// Something happened to the log.
    Log,
    /// Time passed.
    Time,
    /// It shall stop.
    Stop,
}

/// Watches the folders in which the log is, and listens to signals.
pub(super) struct Alarm {
    log: PathBuf,
    sender: SyncSender<Wake>,
    /// None where the kernel gave none.
    watcher: Option<RecommendedWatcher>,
    /// Whether changes may be missed.
    is_blind: bool,
    watched: Vec<(PathBuf, Identity)>,
    names: Arc<Mutex<Vec<OsString>>>,
    wakes: Receiver<Wake>,
}

impl Alarm {
    pub(super) fn new(log: &Path, notices: &mut Notices) -> io::Result<Self> {
        // One wake that waits stands for all that come before it is taken.
        let (sender, wakes) = sync_channel(1);
        let names = Arc::default();
        listen(sender.clone())?;
        let (log, watched) = (log.to_owned(), Vec::new());
        let mut alarm = Self { log, sender, watcher: None, is_blind: false, watched, names, wakes };
        alarm.refresh(notices);
        Ok(alarm)
    }

    /// How long the log may be left without a look.
    pub(super) fn patience(&self) -> Duration {
        if self.is_blind { EACH_SECOND } else { Duration::MAX }
    }

    /// Waits until something happens, at most so long.
    pub(super) fn wait(&self, at_most: Duration) -> Wake {
        match self.wakes.recv_timeout(at_most) {
            Ok(wake) => wake,
            Err(RecvTimeoutError::Timeout) => Wake::Time,
            // Both threads are gone: without them nobody hears a signal.
            Err(RecvTimeoutError::Disconnected) => Wake::Stop,
        }
    }

    /// Watches the folders that the log's name leads through now: that of the name, that of the file which a link leads to,
    /// and the ones above them, in which a folder that is replaced is seen. Those that are not there are left out.
    pub(super) fn refresh(&mut self, notices: &mut Notices) {
        match self.watch() {
            Ok(()) => {
                self.is_blind = false;
                notices.over(Topic::Inotify, "the kernel tells of changes again");
            }
            Err(why) => {
                self.is_blind = true;
                notices.say(Topic::Inotify, &format!("{why}: the log is looked at once a second"));
            }
        }
    }

    /// The same, or why changes may be missed.
    fn watch(&mut self) -> Result<(), String> {
        if self.watcher.is_none() {
            self.watched.clear();
            let watcher = watcher(self.sender.clone(), Arc::clone(&self.names));
            self.watcher = Some(watcher.map_err(|error| exhausted(&error, "instances"))?);
        }
        let Some(watcher) = &mut self.watcher else { return Ok(()) };
        let target = fs::canonicalize(&self.log).unwrap_or_else(|_| self.log.clone());
        let mut folders = Vec::new();
        for path in [&self.log, &target] {
            let there =
                path.ancestors().skip(1).map(|folder| if folder == Path::new("") { Path::new(".") } else { folder });
            folders.extend(there.filter(|folder| folder.is_dir()).take(2).map(Path::to_owned));
        }
        folders.sort();
        folders.dedup();
        let names = [&self.log, &target].iter().filter_map(|path| path.file_name()).map(OsString::from).collect();
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
        let now: Vec<(PathBuf, Identity)> = folders
            .into_iter()
            .filter_map(|folder| fs::metadata(&folder).ok().map(|found| (folder, Identity::of(&found))))
            .collect();
        if now == self.watched {
            return told_of(&self.log);
        }
        for (folder, _) in self.watched.iter().filter(|old| !now.contains(old)) {
            // It may be gone already.
            let _ = watcher.unwatch(folder);
        }
        let fresh = now.iter().filter(|new| !self.watched.contains(new));
        let failed: Vec<(PathBuf, notify::Error)> = fresh
            .filter_map(|(folder, _)| Some((folder.clone(), watcher.watch(folder, RecursiveMode::NonRecursive).err()?)))
            .collect();
        // One that could not be watched is tried again at the next refresh.
        self.watched = now.into_iter().filter(|(folder, _)| failed.iter().all(|(other, _)| other != folder)).collect();
        failed.first().map_or_else(|| told_of(&self.log), |(_, error)| Err(exhausted(error, "watches")))
    }

    /// Whether the log's folder is the one that is watched.
    pub(super) fn is_fresh(&self) -> bool {
        let folder = folder_of(&self.log);
        let now = fs::metadata(folder).ok().map(|found| Identity::of(&found));
        self.watched.iter().any(|(path, identity)| path == folder && Some(*identity) == now)
    }
}

/// How often the log is looked at where nobody tells of changes.
const EACH_SECOND: Duration = Duration::from_secs(1);

/// Why the kernel does not tell, with the limit that ran out and how to raise it (inotify(7)).
fn exhausted(error: &notify::Error, what: &str) -> String {
    let limit = format!("fs.inotify.max_user_{what}");
    let now = fs::read_to_string(format!("/proc/sys/fs/inotify/max_user_{what}")).unwrap_or_default();
    let is_limit = match &error.kind {
        notify::ErrorKind::MaxFilesWatch => true,
        notify::ErrorKind::Io(error) => [EMFILE, ENOSPC].contains(&error.raw_os_error()),
        _ => false,
    };
    if !is_limit {
        return format!("changes of files cannot be watched ({error})");
    }
    let twice = now.trim().parse::<u64>().map_or_else(|_| "N".to_owned(), |now| (now * 2).to_string());
    format!("no inotify {what} are left ({limit} is {}; raise it: `sysctl {limit}={twice}`)", now.trim())
}

const EMFILE: Option<i32> = Some(24);
const ENOSPC: Option<i32> = Some(28);

/// Whether the log's file system tells of changes: those of a network know only what this machine changes.
fn told_of(log: &Path) -> Result<(), String> {
    // statfs(2): NFS, SMB (three), FUSE, 9P, CEPH, AFS.
    const REMOTE: [u32; 8] =
        [0x6969, 0x517B, 0xFF53_4D42, 0xFE53_4D42, 0x6573_5546, 0x0102_1997, 0x00C3_6400, 0x5346_414F];
    let is_remote =
        rustix::fs::statfs(log).is_ok_and(|found| REMOTE.iter().any(|kind| i64::from(*kind) == found.f_type));
    if is_remote { Err("the log is on a file system that does not tell of changes".to_owned()) } else { Ok(()) }
}

impl std::fmt::Debug for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alarm").field("log", &self.log).field("watched", &self.watched).finish_non_exhaustive()
    }
}

fn watcher(sender: SyncSender<Wake>, names: Arc<Mutex<Vec<OsString>>>) -> notify::Result<RecommendedWatcher> {
    notify::recommended_watcher(move |event: notify::Result<Event>| {
        let matters = match &event {
            // Who opens or closes a file does not matter.
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
            // What is written to other files, the logwatch among them, does not matter either.
            Ok(event) if matches!(event.kind, EventKind::Modify(ModifyKind::Data(_))) => {
                let names = names.lock().unwrap_or_else(PoisonError::into_inner);
                event
                    .paths
                    .iter()
                    .filter_map(|path| path.file_name())
                    .any(|name| names.iter().any(|own| name.as_encoded_bytes().starts_with(own.as_encoded_bytes())))
            }
            // Files that come, go and change their names; events that the kernel had no room for.
            _ => true,
        };
        if matters {
            // A wake that waits already stands for this one.
            let _ = sender.try_send(Wake::Log);
        }
    })
}

/// SIGTERM and SIGINT stop; SIGHUP, by which daemons are told of a rotation, looks again.
fn listen(sender: SyncSender<Wake>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            let wake = if signal == SIGHUP { Wake::Log } else { Wake::Stop };
            if sender.send(wake).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}
