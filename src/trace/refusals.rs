//! Refusals as the people felt them: how long they waited, and whether they asked for a second token.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Duration, Utc};

use crate::model::{Denial, Feature, Hold, Identity};

/// A refusal that cost somebody time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What the log says.
    pub denial: Denial,
    /// When the pair got its token after all, on the same occasion.
    pub served: Option<DateTime<Utc>>,
    /// Whether the pair held a token of the feature at that moment: this was for a second window.
    pub is_holding: bool,
    /// The number of the occasion, from 1: refusals of one pair that follow each other within minutes are one.
    pub episode: usize,
}

/// How far apart refusals of one occasion are at the most: people try again, then do something else.
const EPISODE: Duration = Duration::minutes(15);
/// How long after the last refusal of an occasion a token still answers it.
const PATIENCE: Duration = Duration::hours(4);

/// The refusals that cost time, in the order of time, each with what became of it.
pub fn refusals(denials: &[Denial], holds: &[Hold]) -> Vec<Refusal> {
    let mut of_pair: HashMap<(&Identity, &Feature), Vec<&Hold>> = HashMap::new();
    for hold in holds {
        of_pair.entry((&hold.who, &hold.feature)).or_default().push(hold);
    }
    for holds in of_pair.values_mut() {
        holds.sort_by_key(|hold| hold.start);
    }
    let mut refusals: Vec<Refusal> = Vec::new();
    // The last refusal of each pair.
    let mut last: HashMap<(&Identity, &Feature), usize> = HashMap::new();
    let mut n_episodes = 0;
    for denial in denials.iter().filter(|denial| denial.real) {
        let owner = (&denial.who, &denial.feature);
        let holds = of_pair.get(&owner).map_or(&[][..], Vec::as_slice);
        let next = holds.partition_point(|hold| hold.start < denial.at);
        let taken_by_then = holds.partition_point(|hold| hold.start <= denial.at);
        let is_holding = holds[..taken_by_then].iter().any(|hold| hold.end > denial.at);
        let served = holds.get(next).map(|hold| hold.start).filter(|start| *start - denial.at <= PATIENCE);
        let is_same = |other: &&Refusal| {
            // Whoever was served in between came back on another occasion.
            denial.at - other.denial.at <= EPISODE && other.served.is_none_or(|served| served >= denial.at)
        };
        let known = last.get(&owner).and_then(|index| refusals.get(*index)).filter(is_same);
        let episode = known.map_or(n_episodes + 1, |known| known.episode);
        n_episodes = n_episodes.max(episode);
        last.insert(owner, refusals.len());
        refusals.push(Refusal { denial: denial.clone(), served, is_holding, episode });
    }
    refusals
}

/// The refusals of one pair that follow each other within minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Episode<'a> {
    /// The first of them.
    pub first: &'a Refusal,
    /// The last.
    pub last: &'a Refusal,
    /// How many there are.
    pub attempts: usize,
}

impl Episode<'_> {
    /// How long the pair waited for its token, in seconds, from the first refusal on; `None` where it never got one.
    pub fn waited_s(&self) -> Option<i64> {
        self.last.served.map(|served| (served - self.first.denial.at).num_seconds())
    }
}

/// Refusals by their episodes, in the order of their beginnings.
pub fn episodes(refusals: &[Refusal]) -> Vec<Episode<'_>> {
    let mut known: BTreeMap<usize, Episode<'_>> = BTreeMap::new();
    for refusal in refusals {
        let new = Episode { first: refusal, last: refusal, attempts: 0 };
        let episode = known.entry(refusal.episode).or_insert(new);
        episode.last = refusal;
        episode.attempts += 1;
    }
    let mut episodes: Vec<Episode<'_>> = known.into_values().collect();
    episodes.sort_by_key(|episode| episode.first.denial.at);
    episodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Machine, State};

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_638_950_400 + minute * 60, 0).unwrap()
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

    #[test]
    fn what_people_waited_for() {
        let denials = [
            denial("anna", 0),
            denial("anna", 5),
            denial("bob", 6),
            denial("anna", 60),
            Denial { real: false, ..denial("bob", 61) },
            denial("carl", 70),
        ];
        let holds = [hold("anna", 12, 20), hold("carl", 30, 90), hold("carl", 400, 410)];
        let told: Vec<_> = refusals(&denials, &holds)
            .iter()
            .map(|one| {
                let waited = one.served.map(|served| (served - one.denial.at).num_minutes());
                (one.denial.who.login().to_owned(), waited, one.is_holding, one.episode)
            })
            .collect();
        let expected = [
            ("anna", Some(12), false, 1),
            ("anna", Some(7), false, 1),
            ("bob", None, false, 2),
            ("anna", None, false, 3),
            ("carl", None, true, 4),
        ];
        assert_eq!(told, expected.map(|(who, waited, holding, episode)| (who.to_owned(), waited, holding, episode)));
        let all = refusals(&denials, &holds);
        let together: Vec<_> = episodes(&all)
            .iter()
            .map(|one| (one.first.denial.who.login().to_owned(), one.attempts, one.waited_s().map(|s| s / 60)))
            .collect();
        let expected = [("anna", 2, Some(12)), ("bob", 1, None), ("anna", 1, None), ("carl", 1, None)];
        assert_eq!(together, expected.map(|(who, attempts, waited)| (who.to_owned(), attempts, waited)));
    }
}
