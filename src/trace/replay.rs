//! What a period would have been like with another number of tokens: its demand played again.
//!
//! Demand is what was held, and what was refused. Whoever was refused comes when they first asked, and takes a token as soon as
//! one is free, for as long as they held it then; whoever never got one gives up as they did, and would have worked for as long
//! as they usually do. Whoever was never refused, and is in the replay, waits for as long as people waited in the median.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};

use chrono::{DateTime, Duration, Utc};

use super::refusals::{Episode, Refusal, episodes};
use super::seats::Seats;
use crate::model::{Feature, Hold, Identity};

/// One period with so many tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// How many tokens there are.
    pub tokens: u32,
    /// How long all of them are out, in seconds.
    pub at_limit_s: i64,
    /// The occasions on which somebody is refused one.
    pub episodes: usize,
    /// How many people that strikes.
    pub people: usize,
}

/// Where nobody ever waited, people are thought to try again for so long.
const PATIENCE: Duration = Duration::minutes(10);

/// Somebody who wants a token.
#[derive(Debug, Clone, Copy)]
struct Demand<'a> {
    at: DateTime<Utc>,
    login: &'a str,
    licences: u64,
    length: Duration,
    patience: Duration,
    /// Whether the token was out already when the period begins: nobody is refused it.
    is_given: bool,
}

/// The demand of a period.
#[derive(Debug)]
pub struct Replay<'a> {
    demands: Vec<Demand<'a>>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

impl<'a> Replay<'a> {
    /// Of what was held and refused between two moments. Checkouts that share a token are one demand.
    pub fn new(
        holds: &'a [Hold],
        refusals: &'a [Refusal],
        seats: &Seats,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Self {
        let occasions = episodes(refusals);
        // Of several occasions before one token, the last led to it; at the others they gave up.
        let mut first_asked: HashMap<(&Identity, DateTime<Utc>), DateTime<Utc>> = HashMap::new();
        for occasion in &occasions {
            if let Some(served) = occasion.last.served {
                first_asked.insert((&occasion.first.denial.who, served), occasion.first.denial.at);
            }
        }
        let led_to_a_token = |occasion: &&Episode<'_>| {
            let first = &occasion.first.denial;
            occasion.last.served.is_some_and(|served| first_asked.get(&(&first.who, served)) == Some(&first.at))
        };
        let asked_for = |occasion: &Episode<'_>| {
            let served = occasion.last.served.filter(|_| led_to_a_token(&occasion));
            served.unwrap_or(occasion.last.denial.at) - occasion.first.denial.at
        };
        let patience = median(occasions.iter().map(asked_for).collect()).unwrap_or(PATIENCE);
        let mut demands = Vec::new();
        let mut lengths: HashMap<&str, Vec<Duration>> = HashMap::new();
        for (hold, end) in tokens(holds, seats) {
            if hold.start >= to || end <= from && hold.start < from {
                continue;
            }
            let asked = first_asked.get(&(&hold.who, hold.start)).copied();
            let (at, length) = (asked.unwrap_or(hold.start).max(from), end - hold.start.max(from));
            lengths.entry(hold.who.login()).or_default().push(end - hold.start);
            let patience = asked.map_or(patience, |asked| (hold.start - asked).max(patience));
            demands.push(Demand {
                at,
                login: hold.who.login(),
                licences: hold.licences.into(),
                length,
                patience,
                is_given: hold.start < from,
            });
        }
        let usual = median(lengths.values().flatten().copied().collect()).unwrap_or(PATIENCE);
        for occasion in occasions.iter().filter(|occasion| !led_to_a_token(occasion)) {
            let denial = &occasion.first.denial;
            // A second window beside the first: what it costs is in the first.
            let own = lengths.get(denial.who.login()).cloned().and_then(median);
            demands.push(Demand {
                at: denial.at,
                login: denial.who.login(),
                licences: 1,
                length: own.unwrap_or(usual),
                patience: asked_for(occasion),
                is_given: false,
            });
        }
        demands.sort_by_key(|demand| (demand.at, Reverse(demand.is_given)));
        Self { demands, from, to }
    }

    /// The same period with so many tokens.
    pub fn with(&self, tokens: u32) -> Replayed {
        let most = u64::from(tokens);
        let mut run = Run { out: BinaryHeap::new(), taken: 0, most, since: self.from, to: self.to, at_limit_s: 0 };
        let mut waiting: VecDeque<Demand<'a>> = VecDeque::new();
        let (mut refused, mut people) = (0, BTreeSet::new());
        for demand in &self.demands {
            run.until(demand.at, &mut waiting);
            if demand.is_given || waiting.is_empty() && run.taken + demand.licences <= most {
                run.take(demand.at, demand);
            } else {
                refused += 1;
                people.insert(demand.login);
                waiting.push_back(*demand);
            }
        }
        run.until(self.to, &mut waiting);
        Replayed { tokens, at_limit_s: run.at_limit_s, episodes: refused, people: people.len() }
    }
}

/// How far a replay is.
struct Run {
    /// When which tokens come back.
    out: BinaryHeap<Reverse<(DateTime<Utc>, u64)>>,
    taken: u64,
    most: u64,
    since: DateTime<Utc>,
    to: DateTime<Utc>,
    at_limit_s: i64,
}

impl Run {
    fn take(&mut self, at: DateTime<Utc>, demand: &Demand<'_>) {
        self.pass(at);
        self.taken += demand.licences;
        self.out.push(Reverse((at + demand.length, demand.licences)));
    }

    /// Lets time pass with as many out as there are.
    fn pass(&mut self, at: DateTime<Utc>) {
        let (from, until) = (self.since.min(self.to), at.min(self.to));
        if self.taken >= self.most && until > from {
            self.at_limit_s += (until - from).num_seconds();
        }
        self.since = self.since.max(at);
    }

    /// Gives back what comes back until a moment, and hands it to those who still wait.
    fn until(&mut self, at: DateTime<Utc>, waiting: &mut VecDeque<Demand<'_>>) {
        while let Some(Reverse((end, licences))) = self.out.peek().copied()
            && end <= at
        {
            self.out.pop();
            self.pass(end);
            self.taken = self.taken.saturating_sub(licences);
            waiting.retain(|demand| demand.at + demand.patience >= end);
            while let Some(next) = waiting.front().copied()
                && self.taken + next.licences <= self.most
            {
                waiting.pop_front();
                self.take(end, &next);
            }
        }
        self.pass(at);
        waiting.retain(|demand| demand.at + demand.patience >= at);
    }
}

fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

/// Each token with its end: checkouts that share one are the first of them, until the last ends.
fn tokens<'a>(holds: &'a [Hold], seats: &Seats) -> Vec<(&'a Hold, DateTime<Utc>)> {
    let mut alone = Vec::new();
    let mut groups: BTreeMap<(&Feature, (&str, &str)), Vec<&Hold>> = BTreeMap::new();
    for hold in holds {
        match seats.duplicates_on(hold.start.date_naive()).key(&hold.who) {
            Some(key) => groups.entry((&hold.feature, key)).or_default().push(hold),
            None => alone.push((hold, hold.end)),
        }
    }
    for mut group in groups.into_values() {
        group.sort_by_key(|hold| hold.start);
        let mut last: Option<(&Hold, DateTime<Utc>)> = None;
        for hold in group {
            match &mut last {
                Some((_, end)) if hold.start <= *end => *end = hold.end.max(*end),
                _ => alone.extend(last.replace((hold, hold.end))),
            }
        }
        alone.extend(last);
    }
    alone
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Denial, Machine, State};
    use crate::trace::refusals::refusals;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_638_950_400 + minute * 60, 0).unwrap()
    }

    fn hold(login: &str, from: i64, until: i64) -> Hold {
        Hold {
            who: Identity::new(login, "PC-1"),
            feature: Feature::new("origin", "f"),
            start: at(from),
            end: at(until),
            licences: 1,
            state: State::Closed,
            address: None,
        }
    }

    fn denial(login: &str, minute: i64) -> Denial {
        Denial {
            at: at(minute),
            who: Identity::new(login, "PC-1"),
            feature: Feature::new("origin", "f"),
            real: true,
            ip: None,
            machine: Machine::default(),
        }
    }

    #[test]
    fn more_tokens_refuse_fewer_and_fewer_refuse_more() {
        // Of two tokens, carl waits from 60 to 100 for anna's; dora asks twice, at 62 and 70, and gives up.
        let holds = [hold("anna", 0, 100), hold("bob", 10, 200), hold("carl", 100, 160)];
        let denials = [denial("carl", 60), denial("dora", 62), denial("dora", 70)];
        let refused = refusals(&denials, &holds);
        let replay = Replay::new(&holds, &refused, &Seats::default(), at(0), at(300));
        let told = |tokens| {
            let Replayed { at_limit_s, episodes, people, .. } = replay.with(tokens);
            (at_limit_s / 60, episodes, people)
        };
        // As it was: both refused, carl served at 100; all tokens out from 10 to 160.
        assert_eq!(told(2), (150, 2, 2));
        // One more: carl gets one at 60, dora is still refused at 62, and gives up at 70.
        assert_eq!(told(3), (40, 1, 1));
        // Two more: nobody is refused; carl until 120, dora for the usual hour and a half until 162.
        assert_eq!(told(4), (38, 0, 0));
        assert_eq!(told(5), (0, 0, 0));
        // One less: bob is refused at 10 and gives up before anna is gone; so are carl, who waits for her, and dora.
        assert_eq!(told(1), (160, 3, 3));
    }

    #[test]
    fn tokens_that_are_out_when_the_period_begins_are_refused_to_nobody() {
        let holds = [hold("anna", -100, 50), hold("bob", -90, 60), hold("carl", 70, 80)];
        let replay = Replay::new(&holds, &[], &Seats::default(), at(0), at(100));
        let one = replay.with(1);
        assert_eq!((one.at_limit_s / 60, one.episodes, one.people), (70, 0, 0));
    }

    #[test]
    fn windows_that_share_a_token_are_one_demand() {
        let holds = [hold("anna", 0, 50), hold("anna", 20, 90), hold("bob", 30, 40)];
        let seats = Seats::always(1).sharing(vec![(chrono::NaiveDate::MIN, "UH".parse().unwrap())]);
        let shared = Replay::new(&holds, &[], &seats, at(0), at(100)).with(2);
        assert_eq!((shared.at_limit_s / 60, shared.episodes), (10, 0));
        let alone = Replay::new(&holds, &[], &Seats::default(), at(0), at(100)).with(2);
        assert_eq!((alone.at_limit_s / 60, alone.episodes), (30, 1));
    }

    proptest::proptest! {
        #[test]
        fn whatever_was_held_a_replay_stays_within_its_bounds(
            stretches in proptest::collection::vec((0_i64..500, 1_i64..100, 0_u8..6), 0..40),
        ) {
            let name = |who: u8| format!("p{who}");
            let holds: Vec<Hold> =
                stretches.iter().map(|(start, length, who)| hold(&name(*who), *start, start + length)).collect();
            let replay = Replay::new(&holds, &[], &Seats::default(), at(0), at(600));
            let enough = replay.with(40);
            proptest::prop_assert_eq!(enough.episodes, 0);
            for tokens in 1..10 {
                let run = replay.with(tokens);
                proptest::prop_assert!(run.people <= run.episodes && run.episodes <= holds.len());
                proptest::prop_assert!((0..=600 * 60).contains(&run.at_limit_s));
            }
        }
    }
}
