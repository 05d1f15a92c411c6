//! The logwatch's lines and the debug log's, aligned: the debug log's are the events, the logwatch says in which moment each
//! was, and fills what the debug log lost.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};

use super::{Event, List, Origin};
use crate::finding::{Finding, Kind, Place};
use crate::model::Identity;
use crate::parse::flexnet::{DebugLog, TokenKind, What};
use crate::parse::logwatch::Entry;
use crate::trace::watch::{MomentId, Watch};

/// A line by what it says and when: two of them are one, shown twice, unless connections tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Said<'a> {
    at: DateTime<Utc>,
    kind: Option<TokenKind>,
    who: Option<&'a Identity>,
    feature: Option<&'a str>,
    started: bool,
}

impl<'a> Said<'a> {
    fn new(at: DateTime<Utc>, what: &'a What) -> Self {
        let (kind, who, feature) = match what {
            What::Token { kind, feature, who, .. } => (Some(*kind), Some(who), Some(&**feature)),
            What::Started(_) | What::Stopped => (None, None, None),
        };
        Self { at, kind, who, feature, started: matches!(what, What::Started(_)) }
    }

    /// What happened then, to whomever.
    fn without_name(self) -> Self {
        Self { who: None, feature: None, ..self }
    }

    /// What it says, whenever it was.
    fn without_time(self) -> Self {
        Self { at: DateTime::UNIX_EPOCH, ..self }
    }
}

/// The moments that showed one line, and what the debug log has of it.
#[derive(Debug, Default)]
struct Shown {
    moments: Vec<MomentId>,
    /// Its event in the list, if it is in the debug log.
    event: Option<usize>,
    /// Whether the debug log lost it.
    fills_gap: bool,
}

/// One list of both logs. Where the debug log covers a time it has every line, each once: the logwatch then only says
/// in which moment. Elsewhere the logwatch's lines are all there is; so they are in the gaps of a debug log that was
/// overwritten or damaged.
///
/// The order is the logs' own, not the clock's: a clock that is set back does not turn events round.
pub fn merge(watch: &Watch, log: Option<&DebugLog>, findings: &mut Vec<Finding>) -> List {
    let mut list = List::default();
    let log = log.filter(|log| !log.events.is_empty());
    list.log_name = log.map(|log| Arc::clone(&log.name));
    let shift = log.map_or(Duration::zero(), |log| disagreement(watch, log));
    let times = log.map_or_else(Vec::new, |log| times(watch, log, shift));
    list.complete = log.and_then(|log| Some((*times.first()?, (log.last? + shift).max(*times.last()?))));
    let mut shown: HashMap<Said<'_>, Shown> = HashMap::new();
    let mut lines = Vec::new();
    let mut last = None;
    for (index, (moment, entry)) in watch.entries.iter().enumerate() {
        let said = Said::new(entry.at, &entry.what);
        let known = shown.entry(said).or_default();
        // A collected line is always one of its own, as nothing is shown twice.
        let collected = watch.moment(*moment).collected;
        let repeated = !collected && !known.moments.is_empty();
        if repeated {
            list.bursts.insert(*moment);
        }
        if collected || last != Some(said) {
            known.moments.push(*moment);
        }
        last = Some(said);
        lines.push((index, repeated));
    }
    let (first_covered, last_covered) = list.complete.unzip();
    let before = |at: DateTime<Utc>| first_covered.is_none_or(|first| at < first);
    let after = |at: DateTime<Utc>| last_covered.is_some_and(|last| at > last);
    list.take_logwatch(watch, &lines, &before);
    if let Some(log) = log {
        if !shift.is_zero() {
            let place = Place::whole(watch.name.as_deref().unwrap_or_default());
            findings.push(Finding::new(Kind::ClocksDisagree, place, format!("{:+} s", shift.num_seconds())));
        }
        let covered = |at: DateTime<Utc>| !before(at) && !after(at);
        let taken = list.take_debug_log(watch, log, &times, &mut shown);
        let filled = list.fill_gaps(watch, &lines, &covered, &mut shown, &taken);
        findings.extend(list.gap_findings(watch, &filled));
        in_the_logwatch_only(watch, &shown, covered, findings);
        list.take_logwatch(watch, &lines, &after);
    }
    list
}

impl List {
    /// The logwatch's lines of the times that `wanted` names.
    fn take_logwatch(&mut self, watch: &Watch, lines: &[(usize, bool)], wanted: &dyn Fn(DateTime<Utc>) -> bool) {
        for &(index, repeated) in lines {
            let (moment, entry) = &watch.entries[index];
            if wanted(entry.at) {
                // A line first shown long after it was written belongs to the first snapshot after its own time.
                let late = watch.moment(*moment).at - entry.at > Duration::seconds(5);
                let own = watch.moment_at(entry.at).filter(|own| late && own < moment).unwrap_or(*moment);
                self.push(entry.at, Some(own), entry.line, Origin::Logwatch, &entry.what, repeated);
            }
        }
    }

    /// The debug log's events with their times, each with the moment that shows it.
    fn take_debug_log<'a>(
        &mut self,
        watch: &Watch,
        log: &'a DebugLog,
        times: &[DateTime<Utc>],
        shown: &mut HashMap<Said<'a>, Shown>,
    ) -> Taken<'a> {
        let first = self.events.len();
        let mut taken = Taken { first, ..Taken::default() };
        // From the last line to the first, as a line that was never shown was there at the latest when the next one was.
        let mut next: Option<MomentId> = None;
        let mut moments = vec![None; log.events.len()];
        for (((index, event), &at), moment) in log.events.iter().enumerate().zip(times).zip(&mut moments).rev() {
            let said = Said::new(at, &event.what);
            let own = shown.get_mut(&said).and_then(|shown| {
                shown.event = Some(first + index);
                shown.moments.pop()
            });
            taken.people.extend(said.who);
            if own.is_some() {
                taken.shown.insert(first + index);
            } else {
                taken.unseen.entry(said.without_time()).or_default().push(at);
                taken.unnamed.insert(said.without_name());
            }
            let by_time = watch.moment_at(at);
            *moment = own.or_else(|| by_time.into_iter().chain(next).min());
            next = moment.or(next);
        }
        for ((event, &at), moment) in log.events.iter().zip(times).zip(moments) {
            self.push(at, moment, event.line, Origin::DebugLog, &event.what, false);
        }
        taken
    }

    /// The logwatch's lines of a time that the debug log covers and in which it has lost them: one that was written as its
    /// block was, that is not another one of the debug log with a damaged clock, and that names somebody who is named elsewhere
    /// too, as a damaged name is not; or that stands among several of those.
    fn fill_gaps<'a>(
        &mut self,
        watch: &'a Watch,
        lines: &[(usize, bool)],
        covered: &dyn Fn(DateTime<Utc>) -> bool,
        shown: &mut HashMap<Said<'a>, Shown>,
        taken: &Taken<'a>,
    ) -> Vec<Filled<'a>> {
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
            if let Some(event) = shown.get(said).and_then(|shown| shown.event) {
                next = event;
            } else if !taken.may_have(said) {
                // Whatever the clocks say, the logwatch's lines keep their order.
                place = next.min(place);
                let is_later = |at: usize| self.events[at].at > entry.at && !taken.shown.contains(&at);
                place = (taken.first..place).rev().take_while(|&at| is_later(at)).last().unwrap_or(place);
                let filled = Filled { place, moment: *moment, entry };
                lost.push((filled, *said, said.who.is_none_or(is_known)));
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
        filled
    }

    /// Puts lines of the logwatch before the events at their places, the last of them first.
    fn insert(&mut self, filled: &[Filled<'_>], first: usize) {
        let end = self.complete.map(|(_, end)| end);
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
    fn gap_findings(&self, watch: &Watch, filled: &[Filled<'_>]) -> Vec<Finding> {
        let Some(name) = &watch.name else { return Vec::new() };
        let mut by_gap: BTreeMap<usize, (u32, usize)> = BTreeMap::new();
        for Filled { entry, .. } in filled {
            let gap = self.gaps.partition_point(|gap| gap.0 <= entry.at);
            let (line, n) = by_gap.entry(gap).or_insert((entry.line, 0));
            (*line, *n) = (entry.line.min(*line), *n + 1);
        }
        by_gap
            .values()
            .map(|(line, n)| Finding::new(Kind::LogGap, Place::line(name, *line), format!("× {n}")))
            .collect()
    }
}

/// A line of the logwatch that the debug log lost, and the event before which it was.
#[derive(Debug, Clone, Copy)]
struct Filled<'a> {
    place: usize,
    moment: MomentId,
    entry: &'a Entry,
}

/// How far a line's clock is from its block's date when it was written then.
const FRESH: Duration = Duration::seconds(5);

/// Whether a block shows a line that was written then. The date of an older one can be a day off.
fn is_fresh(watch: &Watch, moment: MomentId, entry: &Entry) -> bool {
    (watch.moment(moment).at - entry.at).abs() <= FRESH
}

/// How many known people's lines in a row make a gap in which a line of somebody who is not named elsewhere is believed.
const MANY: u32 = 3;
/// How far a damaged clock can be from what it was, for what is more than that apart to be two lines.
const NEAR: Duration = Duration::minutes(10);

/// What the debug log gave.
#[derive(Debug, Default)]
struct Taken<'a> {
    /// The first of its events in the list.
    first: usize,
    /// Those of its events that the logwatch shows.
    shown: HashSet<usize>,
    /// When those were that it does not.
    unseen: HashMap<Said<'a>, Vec<DateTime<Utc>>>,
    /// What happened in those, and when.
    unnamed: HashSet<Said<'a>>,
    /// Everybody whom it names.
    people: HashSet<&'a Identity>,
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

/// Lines that the logwatch shows, of a time that the debug log covers, and which it neither has nor lost.
fn in_the_logwatch_only(
    watch: &Watch,
    shown: &HashMap<Said<'_>, Shown>,
    covered: impl Fn(DateTime<Utc>) -> bool,
    findings: &mut Vec<Finding>,
) {
    let Some(name) = &watch.name else { return };
    let alone = shown.iter().filter(|(said, shown)| shown.event.is_none() && !shown.fills_gap && covered(said.at));
    findings.extend(alone.map(|(said, shown)| {
        let line = shown.moments.first().map_or(0, |&moment| watch.moment(moment).line);
        let what = said.kind.map_or("start/stop", TokenKind::name);
        let who = said.who.map(ToString::to_string).unwrap_or_default();
        Finding::new(Kind::LogsDisagree, Place::line(name, line), format!("{what} {who}").trim_end().to_owned())
    }));
    findings.sort();
}

/// When each event of the debug log was: by its own dates, moved by what the clocks differ, and by days or an hour more
/// where the logwatch shows a run of its lines then. Behind a gap that holds a midnight nothing names the new date before the
/// next `TIMESTAMP`, six hours later; and a server in another zone can have another summer time.
fn times(watch: &Watch, log: &DebugLog, shift: Duration) -> Vec<DateTime<Utc>> {
    const DAYS: i64 = 7;
    const RUN: usize = 3;
    let fresh = watch.entries.iter().filter(|(moment, entry)| is_fresh(watch, *moment, entry));
    let fresh: HashSet<Said<'_>> = fresh.map(|(_, entry)| Said::new(entry.at, &entry.what)).collect();
    let hours = (0..=DAYS).flat_map(|days| [24 * days, -24 * days]).flat_map(|hours| [hours, hours + 1, hours - 1]);
    let differences: Vec<_> = hours.map(Duration::hours).collect();
    let mut times: Vec<_> = log.events.iter().map(|event| event.at + shift).collect();
    let difference_of = |index: usize| {
        let said = Said::new(times[index], &log.events[index].what);
        let is_shown = |difference: &&Duration| fresh.contains(&Said { at: said.at + **difference, ..said });
        said.who.and_then(|_| differences.iter().find(is_shown))
    };
    let told: Vec<_> = (0..times.len()).filter_map(|index| Some((index, *difference_of(index)?))).collect();
    for run in told.chunk_by(|a, b| a.1 == b.1) {
        let (Some(&(first, difference)), Some(&(mut last, _))) = (run.first(), run.last()) else { continue };
        if difference.is_zero() || run.len() < RUN {
            continue;
        }
        if told.last() == run.last() {
            last = times.len() - 1;
        }
        times[first..=last].iter_mut().for_each(|at| *at += difference);
    }
    times
}

/// By how much the debug log's dates must be moved to be the logwatch's: zero where most lines agree as they are, else
/// the difference that most lines have. A log without dates, or of a server in another zone, is set right by it.
fn disagreement(watch: &Watch, log: &DebugLog) -> Duration {
    let mut times: HashMap<(TokenKind, &Identity), Vec<DateTime<Utc>>> = HashMap::new();
    for event in &log.events {
        if let What::Token { kind, who, .. } = &event.what {
            times.entry((*kind, who)).or_default().push(event.at);
        }
    }
    let mut votes: HashMap<i64, u32> = HashMap::new();
    let (mut n_agree, mut n_lines) = (0_u32, 0_u32);
    for (_, entry) in &watch.entries {
        let What::Token { kind, who, .. } = &entry.what else { continue };
        let Some(times) = times.get(&(*kind, who)) else { continue };
        n_lines += 1;
        n_agree += u32::from(times.contains(&entry.at));
        // A handful of candidates a line: the right one is voted for by all lines, the others by few.
        for time in times.iter().take(64) {
            *votes.entry((entry.at - *time).num_seconds()).or_default() += 1;
        }
        if n_lines >= 500 {
            break;
        }
    }
    let best = votes.into_iter().max_by_key(|(seconds, n)| (*n, -seconds.abs()));
    match best {
        Some((seconds, n)) if n_agree * 2 < n_lines && n * 2 > n_lines && n >= 3 => Duration::seconds(seconds),
        _ => Duration::zero(),
    }
}
