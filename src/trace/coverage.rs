//! The times that the logs vouch for: what a quiet hour is told from an unknown one by.
//!
//! A log vouches for the time between two of its lines where it can have lost nothing there: the copies join, the silence is
//! no longer than FlexNet's own lines (six hours and a quarter) or the collector's signs of life allow, and nothing else
//! speaks against it. Coverage shrinks by contrary evidence only.

use chrono::{DateTime, Duration, Utc};

use super::holds::Held;
use super::tokens::{List, Origin};
use super::watch::Moment;
use super::{Carry, Span, Traces};
use crate::parse::flexnet::MOST_SILENCE;

/// What one source says of a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch {
    /// The source.
    pub source: Origin,
    /// Its beginning.
    pub since: DateTime<Utc>,
    /// Its end, excluded.
    pub until: DateTime<Utc>,
    /// Why nothing is known of it; `None` where all is.
    pub hole: Option<Hole>,
}

/// Why a source says nothing of a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hole {
    /// No line for longer than the server is ever silent.
    Silent,
    /// The copies before and behind it do not join: lines can be missing.
    Cut,
    /// The collector was stopped.
    Stopped,
    /// Another log has lines that this one lacks.
    Contradicted,
}

impl Hole {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Silent, Self::Cut, Self::Stopped, Self::Contradicted];

    /// The stable name in the column `reason`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Cut => "cut",
            Self::Stopped => "stopped",
            Self::Contradicted => "contradicted",
        }
    }
}

/// How far a line of the debug log may be from the block that shows it.
const BESIDE: Duration = Duration::seconds(60);

/// What the logs vouch for in a stretch, source by source, in the order of time.
pub(super) fn coverage(traces: &Traces, carry: &Carry, list: &List, held: &Held, span: &Span) -> Vec<Stretch> {
    let mut stretches = of_logwatch(traces, list, held, span);
    stretches.extend(of_debug_log(carry, list, span));
    stretches
}

fn of_logwatch(traces: &Traces, list: &List, held: &Held, span: &Span) -> Vec<Stretch> {
    let moments = traces.watch.as_ref().map_or(&[][..], |watch| watch.moments.as_slice());
    // What another source knows of, and no block shows.
    let is_other = |origin: Origin| matches!(origin, Origin::DebugLog | Origin::Lmstat);
    let lines = list.events.iter().filter(|event| is_other(event.origin)).map(|event| event.at);
    let mut lines: Vec<DateTime<Utc>> = lines.collect();
    lines.sort_unstable();
    let pulse_s = traces.watch.as_ref().and_then(|watch| watch.pulse_s);
    let judge = |since: &Moment, until: DateTime<Utc>, follows: bool| {
        let first = lines.partition_point(|at| *at <= since.at + BESIDE);
        let is_contradicted = lines.get(first).is_some_and(|at| *at + BESIDE < until);
        let silence = until - since.at;
        let pulse = pulse_s.filter(|_| since.collecting).map(|seconds| Duration::seconds(i64::from(seconds) * 2));
        let most = match pulse {
            Some(pulse) if silence > pulse && held.is_any_out(since.at) => pulse,
            _ => MOST_SILENCE,
        };
        if !follows {
            Some(Hole::Cut)
        } else if since.collected && !since.collecting {
            Some(Hole::Stopped)
        } else if is_contradicted {
            Some(Hole::Contradicted)
        } else {
            (silence > most).then_some(Hole::Silent)
        }
    };
    let mut found = Joined::new(Origin::Logwatch, span);
    for pair in moments.windows(2) {
        found.add(pair[0].at, pair[1].at, judge(&pair[0], pair[1].at, pair[1].follows));
    }
    if let (Some(last), Some(as_of)) = (moments.last(), span.as_of) {
        found.add(last.at, as_of, judge(last, as_of, true));
    }
    found.stretches
}

fn of_debug_log(carry: &Carry, list: &List, span: &Span) -> Vec<Stretch> {
    let mut found = Joined::new(Origin::DebugLog, span);
    let mut last = carry.logged;
    for &(since, until) in &list.complete {
        if let Some(last) = last.filter(|last| *last < since) {
            let is_silent = since - last > MOST_SILENCE;
            found.add(last, since, Some(if is_silent { Hole::Silent } else { Hole::Cut }));
        }
        found.add(since, until, None);
        last = last.max(Some(until));
    }
    if let (Some(last), Some(as_of)) = (last, span.as_of) {
        found.add(last, as_of, (as_of - last > MOST_SILENCE).then_some(Hole::Silent));
    }
    found.stretches
}

/// Stretches of one source, those that touch and agree as one, cut to a span.
struct Joined<'a> {
    source: Origin,
    span: &'a Span,
    stretches: Vec<Stretch>,
}

impl<'a> Joined<'a> {
    const fn new(source: Origin, span: &'a Span) -> Self {
        Self { source, span, stretches: Vec::new() }
    }

    fn add(&mut self, since: DateTime<Utc>, until: DateTime<Utc>, hole: Option<Hole>) {
        let last = self.stretches.last().map_or(self.span.from, |last| last.until);
        let (since, until) = (since.max(self.span.from).max(last), until.min(self.span.until));
        if since >= until {
            return;
        }
        match self.stretches.last_mut() {
            Some(last) if last.until == since && last.hole == hole => last.until = until,
            _ => self.stretches.push(Stretch { source: self.source, since, until, hole }),
        }
    }
}
