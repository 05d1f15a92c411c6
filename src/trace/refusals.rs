//! Refusals as the people felt them: how long they waited, and whether they asked for a second token.

use chrono::{DateTime, Duration, Utc};

use crate::model::{Denial, Hold};

/// A refusal that cost somebody time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// What the log says.
    pub denial: &'a Denial,
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
pub fn refusals<'a>(denials: &'a [Denial], holds: &[Hold]) -> Vec<Refusal<'a>> {
    let mut refusals: Vec<Refusal<'a>> = Vec::new();
    let mut n_episodes = 0;
    for denial in denials.iter().filter(|denial| denial.real) {
        let of_pair = || holds.iter().filter(|hold| hold.who == denial.who && hold.feature == denial.feature);
        let is_holding = of_pair().any(|hold| hold.start <= denial.at && hold.end > denial.at);
        let served = of_pair().map(|hold| hold.start).filter(|start| *start >= denial.at).min();
        let served = served.filter(|start| *start - denial.at <= PATIENCE);
        let same = |other: &&Refusal<'_>| {
            let (a, b) = (other.denial, denial);
            // Whoever was served in between came back on another occasion.
            let is_one = (&a.who, &a.feature) == (&b.who, &b.feature) && b.at - a.at <= EPISODE;
            is_one && other.served.is_none_or(|served| served >= b.at)
        };
        let episode = refusals.iter().rev().find(same).map(|known| known.episode);
        let episode = episode.unwrap_or_else(|| {
            n_episodes += 1;
            n_episodes
        });
        refusals.push(Refusal { denial, served, is_holding, episode });
    }
    refusals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Feature, Identity, State};

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_638_950_400 + minute * 60, 0).unwrap()
    }

    fn denial(login: &str, minute: i64) -> Denial {
        Denial { at: at(minute), who: Identity::new(login, "PC-1"), feature: Feature::new("origin", "f"), real: true }
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
    }
}
