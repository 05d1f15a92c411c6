//! The sentence of the first page: what a person would say who has looked at all sheets.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{Context, seats};
use crate::report::Scope;
use crate::texts::Texts;
use crate::trace::refusals::{Episode, episodes};

/// What the sentence is made from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Facts {
    /// Of the site: how full the licence was.
    limit: Option<Limit>,
    /// How many people were refused a token.
    waited: usize,
    /// How long they waited in the median, in seconds; `None` where none of them was served.
    median_s: Option<i64>,
    /// How many of them were never served.
    unserved: usize,
    /// Whether the period goes on.
    goes_on: bool,
    /// Whether a part of it is not known.
    is_unknown: bool,
}

/// How full the licence was.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Limit {
    /// The days with use.
    used: usize,
    /// Those on which all tokens were out, or somebody was refused one.
    saturated: usize,
    /// The hours of the day in which most of the time at the limit lies, if these are few.
    hours: Option<Range<usize>>,
    /// The most tokens out at once.
    peak: i64,
    /// How many there are.
    seats: Option<u32>,
}

/// The sentence; none where nothing was used, or no log vouches for anything.
pub(super) fn sentence(context: &Context<'_>) -> Option<String> {
    let input = &context.input;
    let (from, to) = input.period.bounds(input.timezone);
    if input.rows.is_empty() && input.refusals.is_empty() || !input.usage().is_vouched(from, to) {
        return None;
    }
    Some(said(context.texts, &facts(context)))
}

fn facts(context: &Context<'_>) -> Facts {
    let input = &context.input;
    let occasions = episodes(input.refusals);
    let people: BTreeSet<&str> = occasions.iter().map(|one| one.first.denial.who.login()).collect();
    let served = occasions.iter().filter(|one| one.waited_s().is_some());
    let served: BTreeSet<&str> = served.map(|one| one.first.denial.who.login()).collect();
    let mut waits: Vec<i64> = occasions.iter().filter_map(Episode::waited_s).collect();
    waits.sort_unstable();
    Facts {
        limit: (input.scope == Scope::Site).then(|| limit(context)),
        waited: people.len(),
        median_s: median(&waits),
        unserved: people.difference(&served).count(),
        goes_on: input.period.kind().is_some() && !input.period.is_whole(),
        is_unknown: context.unknown().is_some(),
    }
}

/// The middle one of times in their order; the mean of the two middle ones where their number is even.
fn median(times: &[i64]) -> Option<i64> {
    let upper = *times.get(times.len() / 2)?;
    let lower = *times.get(times.len().wrapping_sub(1) / 2)?;
    Some(lower + (upper - lower) / 2)
}

fn limit(context: &Context<'_>) -> Limit {
    let input = &context.input;
    let hours = seats::hours_of(context);
    let used: BTreeSet<_> = hours.iter().filter(|hour| hour.peak > 0).map(|hour| hour.date).collect();
    let is_full = |at_limit: Option<i64>, refused: u32| at_limit.unwrap_or(0) > 0 || refused > 0;
    let full = hours.iter().filter(|hour| is_full(hour.at_limit_s, hour.denied_true));
    let saturated: BTreeSet<_> = full.map(|hour| hour.date).collect();
    let mut by_hour = [0_i64; 24];
    for hour in &hours {
        if let Some(sum) = by_hour.get_mut(hour.hour as usize) {
            *sum += hour.at_limit_s.unwrap_or(0);
        }
    }
    Limit {
        used: used.union(&saturated).count(),
        saturated: saturated.len(),
        hours: busiest(&by_hour),
        peak: hours.iter().map(|hour| hour.peak).max().unwrap_or(0),
        seats: input.seats_at_last(),
    }
}

/// The shortest run of hours in which four fifths of the time lie, if it is no longer than a working day.
fn busiest(by_hour: &[i64; 24]) -> Option<Range<usize>> {
    const MOST_HOURS: usize = 9;
    let total: i64 = by_hour.iter().sum();
    let holds_most = |run: &Range<usize>| by_hour[run.clone()].iter().sum::<i64>() * 5 >= total * 4;
    let runs = (1..=MOST_HOURS).flat_map(|length| (0..=24 - length).map(move |first| first..first + length));
    runs.filter(|_| total > 0).find(holds_most)
}

fn said(texts: &Texts, facts: &Facts) -> String {
    let number = |count: usize| count.to_string();
    let first = facts.limit.as_ref().map(|limit| {
        let peak = limit.peak.to_string();
        let seats = limit.seats.map(|seats| seats.to_string()).unwrap_or_default();
        match (limit.saturated, limit.seats) {
            (0, known) => {
                let path = match (known, limit.peak) {
                    (None, 1) => "sentence.peak_of_one",
                    (None, _) => "sentence.peak",
                    (Some(_), 1) => "sentence.never_saturated_one",
                    (Some(_), _) => "sentence.never_saturated",
                };
                texts.fill(path, &[("peak", &peak), ("seats", &seats)])
            }
            (count, _) => {
                let path = if count == 1 { "sentence.saturated_day" } else { "sentence.saturated_days" };
                let said = texts.fill(path, &[("count", &number(count)), ("used", &number(limit.used))]);
                match &limit.hours {
                    Some(hours) => texts.fill(
                        "sentence.mostly",
                        &[("said", &said), ("from", &number(hours.start)), ("to", &number(hours.end))],
                    ),
                    None => said,
                }
            }
        }
    });
    let second = match (facts.waited, facts.median_s) {
        (0, _) => texts.get("sentence.nobody").to_owned(),
        (1, None) => texts.get("sentence.unserved_alone").to_owned(),
        (count, None) => texts.fill("sentence.all_unserved", &[("count", &number(count))]),
        (count, Some(median)) => {
            let path = if count == 1 { "sentence.waited_alone" } else { "sentence.waited" };
            let said = texts.fill(path, &[("count", &number(count)), ("median", &wait(texts, median))]);
            match facts.unserved {
                0 => said,
                1 => texts.fill("sentence.and_one_unserved", &[("said", &said)]),
                more => texts.fill("sentence.and_unserved", &[("said", &said), ("count", &number(more))]),
            }
        }
    };
    let both = match first {
        Some(first) => texts.fill("sentence.both", &[("first", &first), ("second", &second)]),
        None => second,
    };
    let mut said = if facts.goes_on { texts.fill("sentence.so_far", &[("said", &both)]) } else { both };
    if facts.is_unknown {
        said = texts.fill("sentence.as_far_as_known", &[("said", &said)]);
    }
    let mut letters = said.chars();
    let capital = letters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{capital}{}.", letters.as_str())
}

/// `12 min`, `1 h 05`, or that it was less than a minute.
pub(super) fn wait(texts: &Texts, seconds: i64) -> String {
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => texts.get("sentence.moment").to_owned(),
        (0, minutes) => texts.fill("sentence.minutes", &[("minutes", &minutes.to_string())]),
        (hours, minutes) => {
            texts.fill("sentence.hours", &[("hours", &hours.to_string()), ("minutes", &format!("{minutes:02}"))])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;

    fn site(saturated: usize, hours: Option<Range<usize>>, seats: Option<u32>) -> Facts {
        Facts { limit: Some(Limit { used: 10, saturated, hours, peak: 7, seats }), ..Facts::default() }
    }

    #[test]
    fn every_variant_reads_as_a_person_would_write_it() {
        let waited = |waited, median_s, unserved, facts: Facts| Facts { waited, median_s, unserved, ..facts };
        let cases = [
            (
                waited(18, Some(720), 0, site(9, Some(9..16), Some(20))),
                "Saturé 9 jours sur 10, surtout de 9 h à 16 h ; 18 personnes ont attendu, 12 min en médiane.",
                "At the limit on 9 of 10 days, mostly from 9 to 16 o'clock; 18 people waited, 12 min in the median.",
            ),
            (
                waited(1, Some(3900), 0, site(1, None, Some(20))),
                "Saturé 1 jour sur 10 ; 1 personne a attendu 1 h 05.",
                "At the limit on 1 of 10 days; 1 person waited 1 h 05.",
            ),
            (
                waited(5, Some(30), 2, site(2, Some(14..15), None)),
                "Saturé 2 jours sur 10, surtout de 14 h à 15 h ; 5 personnes ont attendu, moins d’une minute en médiane, dont 2 sans être servies.",
                "At the limit on 2 of 10 days, mostly from 14 to 15 o'clock; 5 people waited, less than a minute in the median, 2 of them without being served.",
            ),
            (
                site(0, None, Some(20)),
                "Jamais saturé, 7 jetons au plus à la fois sur 20 ; personne n’a attendu de jeton.",
                "Never at the limit, 7 tokens of 20 at most at once; nobody waited for a token.",
            ),
            (
                site(0, None, None),
                "7 jetons au plus à la fois ; personne n’a attendu de jeton.",
                "7 tokens at most at once; nobody waited for a token.",
            ),
            (
                Facts { goes_on: true, is_unknown: true, ..site(0, None, None) },
                "Jusqu’ici, 7 jetons au plus à la fois ; personne n’a attendu de jeton, parmi ce qui a été relevé.",
                "So far, 7 tokens at most at once; nobody waited for a token, as far as is known.",
            ),
            (
                Facts { limit: Some(Limit { peak: 1, seats: Some(20), ..Limit::default() }), ..Facts::default() },
                "Jamais saturé, 1 jeton au plus à la fois sur 20 ; personne n’a attendu de jeton.",
                "Never at the limit, 1 token of 20 at most at once; nobody waited for a token.",
            ),
            (
                Facts { limit: Some(Limit { peak: 1, ..Limit::default() }), ..Facts::default() },
                "1 jeton au plus à la fois ; personne n’a attendu de jeton.",
                "1 token at most at once; nobody waited for a token.",
            ),
            (Facts::default(), "Personne n’a attendu de jeton.", "Nobody waited for a token."),
            (
                waited(3, Some(720), 1, Facts::default()),
                "3 personnes ont attendu, 12 min en médiane, dont 1 sans être servie.",
                "3 people waited, 12 min in the median, 1 of them without being served.",
            ),
            (
                waited(1, None, 1, Facts::default()),
                "1 personne a demandé un jeton sans l’obtenir.",
                "1 person asked for a token and got none.",
            ),
            (
                waited(4, None, 4, Facts::default()),
                "4 personnes ont demandé un jeton sans l’obtenir.",
                "4 people asked for a token and got none.",
            ),
        ];
        for (facts, french, english) in cases {
            let plain = |text: String| text.replace(['\u{a0}', '\u{202f}'], " ");
            assert_eq!(plain(said(Language::French.texts(), &facts)), french);
            assert_eq!(plain(said(Language::English.texts(), &facts)), english);
        }
    }

    #[test]
    fn the_busiest_hours_are_the_fewest_that_hold_most_of_the_time() {
        let day = |busy: &[(usize, i64)]| {
            let mut hours = [0; 24];
            for (hour, seconds) in busy {
                hours[*hour] = *seconds;
            }
            busiest(&hours)
        };
        assert_eq!([median(&[]), median(&[7]), median(&[1, 4])], [None, Some(7), Some(2)]);
        assert_eq!(day(&[]), None);
        assert_eq!(day(&[(9, 100)]), Some(9..10));
        assert_eq!(day(&[(9, 100), (10, 100), (11, 40)]), Some(9..11));
        assert_eq!(day(&[(8, 10), (9, 100), (10, 100), (23, 10)]), Some(9..11));
        assert_eq!(day(&[(0, 100), (12, 100), (23, 100)]), None, "all over the day");
    }
}
