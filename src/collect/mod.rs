//! `jeton collect`: on the licence server, the debug log into a logwatch that loses no line.
//!
//! At each wake-up, in this order:
//!
//! 1. `follow`: the complete lines that the log gained, whatever became of its file;
//! 2. `sockets`: the connections of the port, at once after them, so that a token's line stands beside its connection;
//! 3. `block`: date, connections, lines;
//! 4. `state`: what the block changes, before it is written, so that a kill at any moment costs nothing;
//! 5. `logwatch`: the block, whole or not at all.
//!
//! `wake` says when: inotify, signals, and every few seconds, for what inotify does not see and for systemd's watchdog.
//! No decision depends on the wall clock, which may jump: it is only what date lines show.

mod batch;
mod block;
mod follow;
mod logwatch;
mod notice;
mod place;
mod sockets;
mod state;
mod wake;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono_tz::Tz;
use sd_notify::NotifyState;

use crate::config::DateLocale;
use batch::Batch;
use block::{Snapshot, Word};
use follow::Follower;
use logwatch::Logwatch;
use notice::{Notices, Topic};
use sockets::Sockets;
use state::{Entry, Left, Standing, State};
use wake::{Alarm, Wake};

/// What a collector is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The FlexNet debug log to follow.
    pub debug_log: PathBuf,
    /// The logwatch to append to; its state is beside it, under its name with `.state`.
    pub logwatch: PathBuf,
    /// The vendor daemon's TCP port.
    pub port: u16,
    /// How often a block is written while tokens are out and nothing else happens.
    pub pulse: Duration,
    /// The zone of the server's clock.
    pub zone: Tz,
    /// The language of date lines.
    pub locale: DateLocale,
}

/// How often the log is looked at without any event: what inotify does not see (a network file system, a folder that was
/// replaced in a third one) waits no longer.
const LOOK: Duration = Duration::from_secs(10);
/// How soon a block that could not be written is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Collects until SIGTERM or SIGINT; `say` is told what happens to the files. An error is one of the start: what fails
/// later is said, waited for, and tried again.
pub fn run(settings: &Settings, say: impl FnMut(&str) + 'static) -> io::Result<()> {
    let mut notices = Notices::new(say);
    // Watched first, read then: nothing can be written between the two unseen.
    let mut alarm = Alarm::new(&settings.debug_log, &mut notices)?;
    let mut collector = Collector::begin(settings, &mut notices)?;
    let mut watchdog = Watchdog::new();
    tell_systemd(NotifyState::Ready);
    let mut pause = Duration::ZERO;
    loop {
        let wake = alarm.wait(pause);
        watchdog.feed();
        if wake == Wake::Time || !alarm.is_fresh() {
            alarm.refresh(&mut notices);
        }
        if wake == Wake::Stop {
            tell_systemd(NotifyState::Stopping);
            return collector.end(&mut notices);
        }
        pause = collector.step(&mut notices).min(watchdog.period()).min(alarm.patience());
    }
}

/// A block that is not in the logwatch yet.
#[derive(Debug)]
struct Block {
    text: Vec<u8>,
    before: Standing,
    after: Standing,
}

#[derive(Debug)]
struct Collector {
    settings: Settings,
    follower: Follower,
    sockets: Sockets,
    logwatch: Logwatch,
    state: State,
    batch: Batch,
    /// The moment of this block, and that of the last one.
    now: Snapshot,
    last: Snapshot,
    standing: Standing,
    /// What the disk had no room for, and when it was tried last.
    waiting: Option<(Block, Instant)>,
    written: Instant,
}

impl Collector {
    /// Takes up the work where the last run left it, and writes a first block: the connections from which what comes later
    /// differs.
    fn begin(settings: &Settings, notices: &mut Notices) -> io::Result<Self> {
        let (state, left) = State::open(&settings.logwatch)?;
        let mut batch = Batch::default();
        let follower = Follower::new(&settings.debug_log, &settings.logwatch);
        let follower = match left {
            Left::Entry(entry) => {
                let Entry { end, block, before, after, .. } = *entry;
                let standing = if logwatch::was_written(&settings.logwatch, end, block)? { after } else { before };
                batch.n_out = standing.n_out;
                follower.at_places(&standing.places, notices)
            }
            Left::Nothing => follower.behind_logwatch(&mut batch, notices)?,
            Left::Unusable => {
                let state = state::path_of(&settings.logwatch);
                let what = "empty, damaged or of another version: the place in the log is looked for by what the logwatch holds";
                notices.note(&format!("`{}` is {what}", state.display()));
                follower.behind_logwatch(&mut batch, notices)?
            }
        };
        let mut collector = Self {
            settings: settings.clone(),
            follower,
            sockets: Sockets::new(settings.port),
            logwatch: Logwatch::new(&settings.logwatch),
            state,
            standing: Standing::default(),
            batch,
            now: Snapshot::default(),
            last: Snapshot::default(),
            waiting: None,
            written: Instant::now(),
        };
        collector.standing = collector.stand();
        collector.look_at_sockets()?;
        let block = collector.block_of(Word::Begins(settings.pulse.as_secs()));
        match collector.write(&block) {
            Err(error) if is_full(&error) => collector.keep(block, &error, notices),
            written => written?,
        }
        Ok(collector)
    }

    /// Does all that is to do now, and says how long nothing will be.
    fn step(&mut self, notices: &mut Notices) -> Duration {
        match self.try_step(notices) {
            Ok(pause) => pause,
            Err(error) => {
                notices.say(Topic::Log, &format!("{error}: trying again"));
                RETRY
            }
        }
    }

    fn try_step(&mut self, notices: &mut Notices) -> io::Result<Duration> {
        if let Some((block, tried)) = self.waiting.take() {
            let rest = RETRY.saturating_sub(tried.elapsed());
            if !rest.is_zero() {
                self.waiting = Some((block, tried));
                return Ok(rest);
            }
            if !self.write_or_keep(block, notices) {
                return Ok(RETRY);
            }
        }
        self.batch.clear();
        let looked = self.follower.look(&mut self.batch, notices);
        let has_lines = !self.batch.text.is_empty();
        if has_lines || self.pulse_is_due() {
            if let Err(error) = self.look_at_sockets() {
                // The lines are worth more than nothing without them.
                notices.say(Topic::Sockets, &format!("{error}: blocks have the connections of the last one"));
            }
            let block = if has_lines { self.block_of_lines() } else { self.block_of(Word::Pulse(self.batch.n_out)) };
            if !self.write_or_keep(block, notices) {
                return Ok(RETRY);
            }
        }
        Ok(if looked? { Duration::ZERO } else { self.pause() })
    }

    /// Writes what is there to the end, and that nobody watches from now on.
    fn end(&mut self, notices: &mut Notices) -> io::Result<()> {
        while self.step(notices).is_zero() {}
        if self.waiting.is_none() {
            self.look_at_sockets()?;
            let block = self.block_of(Word::Ends);
            self.write(&block)?;
        }
        self.logwatch.sync()
    }

    fn pulse_is_due(&self) -> bool {
        self.batch.n_out > 0 && self.written.elapsed() >= self.settings.pulse
    }

    fn pause(&self) -> Duration {
        if self.batch.n_out == 0 { LOOK } else { LOOK.min(self.settings.pulse.saturating_sub(self.written.elapsed())) }
    }

    fn look_at_sockets(&mut self) -> io::Result<()> {
        self.now.take(&mut self.sockets, &self.last, self.settings.zone, self.settings.locale)
    }

    fn stand(&mut self) -> Standing {
        Standing { places: self.follower.places(), n_out: self.batch.n_out }
    }

    fn block_of_lines(&mut self) -> Block {
        let after = self.stand();
        let before = std::mem::replace(&mut self.standing, after.clone());
        let mut text = Vec::new();
        self.now.append_to(&mut text);
        text.extend_from_slice(&self.batch.text);
        Block { text, before, after }
    }

    fn block_of(&self, word: Word) -> Block {
        let mut text = Vec::new();
        self.now.append_to(&mut text);
        self.now.say(word, &mut text);
        Block { text, before: self.standing.clone(), after: self.standing.clone() }
    }

    /// Writes a block; keeps it where the disk is full, or the logwatch cannot be written for another reason.
    fn write_or_keep(&mut self, block: Block, notices: &mut Notices) -> bool {
        match self.write(&block) {
            Ok(()) => {
                notices.over(Topic::Logwatch, "the logwatch can be written again: nothing is lost");
                true
            }
            Err(error) => {
                self.keep(block, &error, notices);
                false
            }
        }
    }

    fn keep(&mut self, block: Block, why: &io::Error, notices: &mut Notices) {
        notices.say(Topic::Logwatch, &format!("{why}: waiting; the lines stay in the log until then"));
        self.waiting = Some((block, Instant::now()));
    }

    fn write(&mut self, block: &Block) -> io::Result<()> {
        let end = self.logwatch.end()?;
        let mut text = Vec::new();
        if end.length == 0 && !self.last.is_empty() {
            // A new file begins with what the one before it ended with, so that what is new in its first block shows.
            self.last.append_to(&mut text);
            self.last.say(Word::GoesOn, &mut text);
        }
        text.extend_from_slice(&block.text);
        let (before, after) = (block.before.clone(), block.after.clone());
        self.state.write(Entry { sequence: 0, end, block: text.len() as u64, before, after })?;
        self.logwatch.append(end, &text)?;
        std::mem::swap(&mut self.last, &mut self.now);
        self.written = Instant::now();
        Ok(())
    }
}

/// What passes without anybody touching jeton; at the start, all else is a fault of its set-up.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// systemd's watchdog, where there is one.
#[derive(Debug)]
struct Watchdog {
    period: Option<Duration>,
    fed: Instant,
}

impl Watchdog {
    fn new() -> Self {
        Self { period: sd_notify::watchdog_enabled().map(|after| after / 3), fed: Instant::now() }
    }

    fn period(&self) -> Duration {
        self.period.unwrap_or(LOOK)
    }

    fn feed(&mut self) {
        if self.period.is_some_and(|period| self.fed.elapsed() >= period / 2) {
            tell_systemd(NotifyState::Watchdog);
            self.fed = Instant::now();
        }
    }
}

/// Without systemd nobody listens, and that is no fault.
fn tell_systemd(word: NotifyState<'_>) {
    let _ = sd_notify::notify(&[word]);
}
