//! What wakes the collector: the log (inotify), a signal, or nothing for a while.

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
    watcher: RecommendedWatcher,
    watched: Vec<(PathBuf, Identity)>,
    names: Arc<Mutex<Vec<OsString>>>,
    wakes: Receiver<Wake>,
}

impl Alarm {
    pub(super) fn new(log: &Path) -> io::Result<Self> {
        // One wake that waits stands for all that come before it is taken.
        let (sender, wakes) = sync_channel(1);
        let names = Arc::default();
        listen(sender.clone())?;
        let watcher = watcher(sender, Arc::clone(&names)).map_err(io::Error::other)?;
        let mut alarm = Self { log: log.to_owned(), watcher, watched: Vec::new(), names, wakes };
        alarm.refresh();
        Ok(alarm)
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
    pub(super) fn refresh(&mut self) {
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
            return;
        }
        for (folder, _) in self.watched.iter().filter(|old| !now.contains(old)) {
            // It may be gone already.
            let _ = self.watcher.unwatch(folder);
        }
        let fresh = now.iter().filter(|new| !self.watched.contains(new));
        let failed: Vec<PathBuf> = fresh
            .filter(|(folder, _)| self.watcher.watch(folder, RecursiveMode::NonRecursive).is_err())
            .map(|(folder, _)| folder.clone())
            .collect();
        // One that could not be watched is tried again at the next refresh.
        self.watched = now.into_iter().filter(|(folder, _)| !failed.contains(folder)).collect();
    }

    /// Whether the log's folder is the one that is watched.
    pub(super) fn is_fresh(&self) -> bool {
        let folder = folder_of(&self.log);
        let now = fs::metadata(folder).ok().map(|found| Identity::of(&found));
        self.watched.iter().any(|(path, identity)| path == folder && Some(*identity) == now)
    }
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
