//! The logwatch's lines and the debug log's, aligned: the debug log's are the events, the logwatch says in which moment each
//! was, and fills what the debug log lost.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Duration, Utc};

use super::gaps::Taken;
use super::{Event, EventKind, List, Origin};
use crate::finding::{Finding, Kind};
use crate::model::Identity;
use crate::parse::flexnet::{DebugLog, TokenKind, What};
use crate::parse::logwatch::Entry;
use crate::trace::watch::{MomentId, Watch};

/// A line by what it says and when: two of them are one, shown twice, unless connections tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Said<'a> {
    pub(super) at: DateTime<Utc>,
    pub(super) kind: Option<TokenKind>,
    pub(super) who: Option<&'a Identity>,
    /// The feature of a token; the daemon that stops.
    pub(super) feature: Option<&'a str>,
    pub(super) started: bool,
}

impl<'a> Said<'a> {
    pub(super) fn new(at: DateTime<Utc>, what: &'a What) -> Self {
        let (kind, who, feature) = match what {
            What::Token { kind, feature, who, .. } => (Some(*kind), Some(who), Some(&**feature)),
            What::Stopped(daemon) => (None, None, daemon.as_deref()),
            What::Started(_) => (None, None, None),
        };
        Self { at, kind, who, feature, started: matches!(what, What::Started(_)) }
    }

    /// What happened then, to whomever.
    pub(super) fn without_name(self) -> Self {
        Self { who: None, feature: None, ..self }
    }

    /// What it says, whenever it was.
    pub(super) fn without_time(self) -> Self {
        Self { at: DateTime::UNIX_EPOCH, ..self }
    }
}

/// The moments that showed one line, and what the debug log has of it.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) moments: Vec<MomentId>,
    /// Its event in the list, if it is in the debug log.
    pub(super) event: Option<usize>,
    /// Whether the debug log lost it.
    pub(super) fills_gap: bool,
}

/// One list of both logs. Where the debug log covers a time it has every line, each once: the logwatch then only says
/// in which moment. Elsewhere the logwatch's lines are all there is; so they are in the gaps of a debug log that was
/// overwritten or damaged.
///
/// The order is the logs' own, not the clock's: a clock that is set back does not turn events round.
pub(crate) fn merge(sources: &Sources<'_>, own: (DateTime<Utc>, DateTime<Utc>), findings: &mut Vec<Finding>) -> List {
    let Sources { watch, log, listed, most } = *sources;
    let mut list = List { most, ..List::default() };
    let log = log.filter(|log| !log.events.is_empty());
    list.log_files = log.map(|log| log.files.clone()).unwrap_or_default();
    let is_own = |at: DateTime<Utc>| own.0 <= at && at < own.1;
    let shift = log.map_or(Duration::zero(), |log| disagreement(watch, log));
    let times = log.map_or_else(Vec::new, |log| times(watch, log, shift));
    list.complete = log.map_or_else(Vec::new, |log| complete(log, &times, shift));
    let mut shown: HashMap<Said<'_>, Shown> = HashMap::new();
    let mut lines = Vec::new();
    let mut last = None;
    for (index, (moment, entry)) in watch.entries.iter().enumerate().filter(|(_, (_, entry))| entry.at >= own.0) {
        let said = Said::new(entry.at, &entry.what);
        let known = shown.entry(said).or_default();
        // A collected line is one of its own, as nothing is shown twice; but a collector that lost its place tells again
        // what was told before.
        let collected = watch.moment(*moment).collected;
        if collected && !known.moments.is_empty() && watch.moment(*moment).at - entry.at > TOLD_AGAIN {
            continue;
        }
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
    let (first_covered, last_covered) =
        (list.complete.first().map(|first| first.0), list.complete.last().map(|last| last.1));
    let before = |at: DateTime<Utc>| first_covered.is_none_or(|first| at < first);
    let after = |at: DateTime<Utc>| last_covered.is_some_and(|last| at > last);
    list.take_logwatch(watch, &lines, &before);
    if let Some(log) = log {
        if !shift.is_zero() {
            let place = watch.files.place(0);
            findings.push(Finding::new(Kind::ClocksDisagree, place, format!("{:+} s", shift.num_seconds())));
        }
        let covered = |at: DateTime<Utc>| !before(at) && !after(at);
        let taken = list.take_debug_log(watch, log, &times, &mut shown);
        let found = list.fill_gaps(watch, &lines, &covered, &mut shown, &taken);
        findings.extend(found.into_iter().filter(|(at, _)| is_own(*at)).map(|(_, finding)| finding));
        let is_sure = |at: DateTime<Utc>| list.is_covered(at) && is_own(at);
        in_the_logwatch_only(watch, &shown, is_sure, findings);
        list.take_logwatch(watch, &lines, &after);
        // The window reaches back a little further, for the stretches.
        list.forget_before(own.0);
    }
    for (at, origin, line, licences) in std::mem::take(&mut list.beyond).into_iter().filter(|(at, ..)| is_own(*at)) {
        let files = if origin == Origin::DebugLog { &list.log_files } else { &watch.files };
        let day = at.date_naive();
        findings.push(Finding::new(Kind::CountBeyond, files.place(line), format!("{licences} > {most}")).of(day));
    }
    for (index, at) in listed.iter().enumerate() {
        list.insert_listed(watch, *at + MINUTE, index);
    }
    list
}

/// What a list is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sources<'a> {
    /// The logwatch.
    pub watch: &'a Watch,
    /// The debug log.
    pub log: Option<&'a DebugLog>,
    /// The minutes in which `lmstat` answered, each by its beginning.
    pub listed: &'a [DateTime<Utc>],
    /// How many tokens at once a line is believed.
    pub most: u32,
}

/// A line of a collected block that is older than the block by more than this, and was told before, is told again.
const TOLD_AGAIN: Duration = Duration::minutes(1);
/// `lmstat` says the minute: what it lists may be of any second of it.
const MINUTE: Duration = Duration::minutes(1);

impl List {
    fn forget_before(&mut self, from: DateTime<Utc>) {
        self.events.retain(|event| event.at >= from);
    }

    /// Puts an answer of `lmstat` behind all that was before it.
    fn insert_listed(&mut self, watch: &Watch, at: DateTime<Utc>, index: usize) {
        let place = self.events.iter().rposition(|event| event.at <= at).map_or(0, |last| last + 1);
        let moment = watch.moment_at(at);
        let listed = Event { at, moment, line: 0, origin: Origin::Lmstat, what: EventKind::Listed(index) };
        self.events.insert(place, listed);
    }

    /// The logwatch's lines of the times that `wanted` names.
    fn take_logwatch(&mut self, watch: &Watch, lines: &[(usize, bool)], wanted: &dyn Fn(DateTime<Utc>) -> bool) {
        for &(index, repeated) in lines {
            let (moment, entry) = &watch.entries[index];
            if wanted(entry.at) {
                // A line first shown long after it was written belongs to the first snapshot after its own time.
                let late = watch.moment(*moment).at - entry.at > FRESH;
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
}

/// How far a line's clock is from its block's date when it was written then.
const FRESH: Duration = Duration::seconds(5);

/// Whether a block shows a line that was written then. The date of an older one can be a day off.
pub(super) fn is_fresh(watch: &Watch, moment: MomentId, entry: &Entry) -> bool {
    (watch.moment(moment).at - entry.at).abs() <= FRESH
}

/// Lines that the logwatch shows, of a time that the debug log covers, and which it neither has nor lost.
fn in_the_logwatch_only(
    watch: &Watch,
    shown: &HashMap<Said<'_>, Shown>,
    covered: impl Fn(DateTime<Utc>) -> bool,
    findings: &mut Vec<Finding>,
) {
    let alone = shown.iter().filter(|(said, shown)| shown.event.is_none() && !shown.fills_gap && covered(said.at));
    findings.extend(alone.map(|(said, shown)| {
        let line = shown.moments.first().map_or(0, |&moment| watch.moment(moment).line);
        let what = said.kind.map_or("start/stop", TokenKind::name);
        let who = said.who.map(ToString::to_string).unwrap_or_default();
        Finding::new(Kind::LogsDisagree, watch.files.place(line), format!("{what} {who}").trim_end().to_owned())
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

/// The stretches of the debug log at the times that its events were moved to.
fn complete(log: &DebugLog, times: &[DateTime<Utc>], shift: Duration) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let moved: Vec<(DateTime<Utc>, Duration)> =
        log.events.iter().zip(times).map(|(event, at)| (event.at, *at - event.at)).collect();
    let mut complete = Vec::new();
    for &(first, last) in &log.stretches {
        let within = moved.iter().filter(|(at, _)| first <= *at && *at <= last).collect::<Vec<_>>();
        let mut from = first;
        for run in within.chunk_by(|a, b| a.1 == b.1) {
            let is_last = within.last().is_some_and(|end| std::ptr::eq(*end, run[run.len() - 1]));
            let (start, end) =
                if from == first { (first, run[run.len() - 1].0) } else { (run[0].0, run[run.len() - 1].0) };
            let end = if is_last { last } else { end };
            complete.push((start + run[0].1, end + run[0].1));
            from = end;
        }
        if within.is_empty() {
            complete.push((first + shift, last + shift));
        }
    }
    complete.sort_unstable();
    complete
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
