//! What the collector says on standard error: what happened, once, and never what a line of the log says.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What a notice is about; the next one about the same thing is said when it differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Topic {
    /// Whether there is a log, and which.
    Log,
    /// Whether the logwatch can be written.
    Logwatch,
    /// Whether the connections can be read.
    Sockets,
    /// Whether the kernel tells of changes.
    Inotify,
    /// NUL bytes in the log.
    Nul,
    /// Lines that are too long.
    LongLine,
    /// Lines that are not UTF-8.
    Encoding,
}

/// Says each thing once, and again after an hour if it is still so.
pub(super) struct Notices {
    said: HashMap<Topic, (String, Instant)>,
    say: Box<dyn FnMut(&str)>,
}

const AGAIN: Duration = Duration::from_secs(3600);

impl Notices {
    pub(super) fn new(say: impl FnMut(&str) + 'static) -> Self {
        Self { said: HashMap::new(), say: Box::new(say) }
    }

    #[cfg(test)]
    pub(super) fn silent() -> Self {
        Self::new(|_| {})
    }

    pub(super) fn say(&mut self, topic: Topic, text: &str) {
        let known = self.said.get(&topic).is_some_and(|(last, at)| last == text && at.elapsed() < AGAIN);
        if !known {
            (self.say)(&format!("warning: {text}"));
            self.said.insert(topic, (text.to_owned(), Instant::now()));
        }
    }

    /// Says what is no trouble.
    pub(super) fn note(&mut self, text: &str) {
        (self.say)(&format!("note: {text}"));
    }

    /// Says that a trouble is over, if one was said.
    pub(super) fn over(&mut self, topic: Topic, text: &str) {
        if self.said.remove(&topic).is_some() {
            self.note(text);
        }
    }
}

impl std::fmt::Debug for Notices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notices").field("said", &self.said).finish_non_exhaustive()
    }
}
