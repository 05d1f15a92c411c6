//! What the debug log lost, taken from the logwatch: FlexNet overwrites its log at each start, and lines are damaged.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Duration, Utc};

use super::align::{Said, Shown, is_fresh};
use super::{Event, List, Origin};
use crate::finding::{Finding, Kind};
use crate::model::Identity;
use crate::parse::flexnet::TokenKind;
use crate::parse::logwatch::Entry;
use crate::trace::watch::{MomentId, Watch};

impl List {
    /// The logwatch's lines of a time that the debug log covers and in which it has lost them: one that was written as its
    /// block was, that is not another one of the debug log with a damaged clock, and that names somebody who is named elsewhere
    /// too, as a damaged name is not; or that stands among several of those. Gives a finding for each gap.
    pub(super) fn fill_gaps<'a>(
        &mut self,
        watch: &'a Watch,
        lines: &[(usize, bool)],
        covered: &dyn Fn(DateTime<Utc>) -> bool,
        shown: &mut HashMap<Said<'a>, Shown>,
        taken: &Taken<'a>,
    ) -> Vec<(DateTime<Utc>, Finding)> {
        let own = lines.iter().filter(|(_, repeated)| !repeated).map(|(index, _)| &watch.entries[*index]);
        let fresh: Vec<_> = own
            .filter(|(moment, entry)| is_fresh(watch, *moment, entry) && covered(entry.at))
            .map(|(moment, entry)| (*moment, entry, Said::new(entry.at, &entry.what)))
            .collect();
        let is_alone = |said: &Said<'_>| shown.get(said).is_some_and(|shown| shown.event.is_none());
        let mut named: HashMap<&Identity, HashSet<Option<TokenKind>>> = HashMap::new();
        for (_, _, said) in fresh.iter().filter(|(_, _, said)| is_alone(said)) {
            if let Some(who) = said.who {
                named.entry(who).or_default().insert(said.kind);
            }
        }
        let is_known =
            |who: &Identity| taken.people.contains(who) || named.get(who).is_some_and(|kinds| kinds.len() > 1);
        let mut lost = Vec::new();
        let (mut next, mut place) = (self.events.len(), self.events.len());
        for (moment, entry, said) in fresh.iter().rev() {
            // Where the debug log has a hole, its lines are all that is known.
            let is_missing = !self.is_covered(entry.at);
            if let Some(event) = shown.get(said).and_then(|shown| shown.event) {
                next = event;
            } else if is_missing || !taken.may_have(said) {
                // Whatever the clocks say, the logwatch's lines keep their order.
                place = next.min(place);
                let is_later = |at: usize| self.events[at].at > entry.at && !taken.shown.contains(&at);
                place = (taken.first..place).rev().take_while(|&at| is_later(at)).last().unwrap_or(place);
                let filled = Filled { place, moment: *moment, entry };
                lost.push((filled, *said, is_missing || said.who.is_none_or(is_known)));
            }
        }
        // Where several known ones are lost at once, others are too.
        let mut n_known: HashMap<usize, u32> = HashMap::new();
        lost.iter().filter(|one| one.2).for_each(|one| *n_known.entry(one.0.place).or_default() += 1);
        lost.retain(|(filled, _, is_known)| *is_known || n_known.get(&filled.place).is_some_and(|n| *n >= MANY));
        for (_, said, _) in &lost {
            shown.entry(*said).or_default().fills_gap = true;
        }
        let filled: Vec<_> = lost.into_iter().map(|(filled, ..)| filled).collect();
        self.insert(&filled, taken.first);
        self.gap_findings(watch, &filled)
    }

    /// Puts lines of the logwatch before the events at their places, the last of them first.
    fn insert(&mut self, filled: &[Filled<'_>], first: usize) {
        let end = self.complete.last().map(|(_, end)| *end);
        let mut rest = std::mem::take(&mut self.events);
        let mut tail = Vec::new();
        for &Filled { place, moment, entry } in filled {
            let before = place.checked_sub(1).filter(|&at| at >= first).map_or(entry.at, |at| rest[at].at);
            let after = rest.get(place).or(tail.last()).map(|event: &Event| event.at).or(end).unwrap_or(entry.at);
            self.gaps.push((before.min(entry.at), after.max(entry.at)));
            tail.extend(rest.drain(place..).rev());
            self.push(entry.at, Some(moment), entry.line, Origin::Logwatch, &entry.what, false);
            tail.append(&mut self.events);
        }
        rest.extend(tail.into_iter().rev());
        self.events = rest;
        self.gaps.sort_unstable();
        self.gaps.dedup_by(|later, earlier| {
            let touches = later.0 <= earlier.1;
            earlier.1 = if touches { earlier.1.max(later.1) } else { earlier.1 };
            touches
        });
    }

    /// One for each gap, at the first line that fills it.
    fn gap_findings(&self, watch: &Watch, filled: &[Filled<'_>]) -> Vec<(DateTime<Utc>, Finding)> {
        let mut by_gap: BTreeMap<usize, (u32, usize, DateTime<Utc>)> = BTreeMap::new();
        for Filled { entry, .. } in filled.iter().filter(|filled| self.is_covered(filled.entry.at)) {
            let gap = self.gaps.partition_point(|gap| gap.0 <= entry.at);
            let (line, n, at) = by_gap.entry(gap).or_insert((entry.line, 0, entry.at));
            (*line, *n, *at) = (entry.line.min(*line), *n + 1, entry.at.min(*at));
        }
        let found = |(line, n, at): &(u32, usize, DateTime<Utc>)| {
            (*at, Finding::new(Kind::LogGap, watch.files.place(*line), format!("× {n}")))
        };
        by_gap.values().map(found).collect()
    }
}

/// A line of the logwatch that the debug log lost, and the event before which it was.
#[derive(Debug, Clone, Copy)]
struct Filled<'a> {
    place: usize,
    moment: MomentId,
    entry: &'a Entry,
}

/// How many known people's lines in a row make a gap in which a line of somebody who is not named elsewhere is believed.
const MANY: u32 = 3;
/// How far a damaged clock can be from what it was, for what is more than that apart to be two lines.
const NEAR: Duration = Duration::minutes(10);

/// What the debug log gave.
#[derive(Debug, Default)]
pub(super) struct Taken<'a> {
    /// The first of its events in the list.
    pub(super) first: usize,
    /// Those of its events that the logwatch shows.
    pub(super) shown: HashSet<usize>,
    /// When those were that it does not.
    pub(super) unseen: HashMap<Said<'a>, Vec<DateTime<Utc>>>,
    /// What happened in those, and when.
    pub(super) unnamed: HashSet<Said<'a>>,
    /// Everybody whom it names.
    pub(super) people: HashSet<&'a Identity>,
}

impl Taken<'_> {
    /// Whether the debug log has a line that the logwatch does not show and that may be this one: with another clock, or with
    /// another name.
    fn may_have(&self, said: &Said<'_>) -> bool {
        let times = self.unseen.get(&said.without_time());
        let is_near = |at: &DateTime<Utc>| (*at - said.at).abs() <= NEAR;
        times.is_some_and(|times| times.iter().any(is_near)) || self.unnamed.contains(&said.without_name())
    }
}
