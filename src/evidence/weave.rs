//! Two sequences into one.
//!
//! What both have is there once, in its order; what one side alone has stays between its neighbours. Where both have
//! units of their own between the same two neighbours, these go in the order of their times, each side's own order kept.

use super::align::{Pair, Rule, Side, align, align_cut_ones, whole_of};
use super::unit::Unit;

/// Two pieces of one log as one; `None` where nothing says that they are of one log.
pub(super) fn join<'a>(a: &Side<'_, 'a>, b: &Side<'_, 'a>, rule: Rule) -> Option<Vec<Unit<'a>>> {
    align(a, b, rule).map(|pairs| weave(a, b, &pairs))
}

/// Two sequences that have nothing in common, side by side.
pub(super) fn beside<'a>(a: &Side<'_, 'a>, b: &Side<'_, 'a>) -> Vec<Unit<'a>> {
    weave(a, b, &align_cut_ones(a, b))
}

/// Where a unit of the result stands on either side.
type Source = (Option<usize>, Option<usize>);

fn weave<'a>(a: &Side<'_, 'a>, b: &Side<'_, 'a>, pairs: &[Pair]) -> Vec<Unit<'a>> {
    let mut weaving = Weaving { a: a.units, b: b.units, woven: Vec::new(), last: (None, None) };
    weaving.woven.reserve(a.units.len() + b.units.len() - pairs.len());
    // The days of a log that has no dates count from its own first. What was cut off says nothing of that: it has the
    // time of what stands behind it, or that of half a clock.
    let apart = |pair: &Pair| {
        let (one, other) = (&a.units[pair.0], &b.units[pair.1]);
        (one.id == other.id && one.is_timed()).then(|| one.at.saturating_sub(other.at))
    };
    let mut shift = pairs.iter().find_map(apart).unwrap_or_default();
    let (mut i, mut j) = (0, 0);
    for pair in pairs {
        weaving.interleave(&mut i, pair.0, &mut j, pair.1, shift);
        let kept = [a.units[pair.0], b.units[pair.1]].into_iter().find(|unit| unit.is_kept);
        let unit = whole_of(a, b, *pair);
        let day = kept.and_then(|kept| kept.day).or(unit.day);
        weaving.push(Unit { day, is_kept: kept.is_some(), ..unit }, (Some(pair.0), Some(pair.1)));
        shift = apart(pair).unwrap_or(shift);
        (i, j) = (pair.0 + 1, pair.1 + 1);
    }
    weaving.interleave(&mut i, a.units.len(), &mut j, b.units.len(), shift);
    weaving.woven
}

struct Weaving<'u, 'a> {
    a: &'u [Unit<'a>],
    b: &'u [Unit<'a>],
    woven: Vec<Unit<'a>>,
    last: Source,
}

impl<'a> Weaving<'_, 'a> {
    fn push(&mut self, unit: Unit<'a>, source: Source) {
        let follows = self.goes_on(self.a, self.last.0, source.0) || self.goes_on(self.b, self.last.1, source.1);
        self.woven.push(Unit { follows, ..unit });
        self.last = source;
    }

    /// Whether a side has a unit directly behind the last one of the result.
    fn goes_on(&self, side: &[Unit<'a>], last: Option<usize>, next: Option<usize>) -> bool {
        let Some(next) = next else { return false };
        let is_next = if self.woven.is_empty() { next == 0 } else { last.is_some_and(|last| last + 1 == next) };
        is_next && side[next].follows
    }

    /// Takes the units of both sides up to an end, in the order of their times.
    fn interleave(&mut self, i: &mut usize, end_a: usize, j: &mut usize, end_b: usize, shift: i64) {
        while *i < end_a || *j < end_b {
            if *j >= end_b || *i < end_a && self.is_a_first((*i, end_a), (*j, end_b), shift) {
                self.push(self.a[*i], (Some(*i), None));
                *i += 1;
            } else {
                let unit = self.b[*j];
                self.push(Unit { at: unit.at.saturating_add(shift), ..unit }, (None, Some(*j)));
                *j += 1;
            }
        }
    }

    /// Which of two units comes first. At one time: the one that is known to follow what came last; then that of a side
    /// which ends with this time, as the other may be what comes next in the log; then by text.
    fn is_a_first(&self, (i, end_a): Pair, (j, end_b): Pair, shift: i64) -> bool {
        let (one, other) = (&self.a[i], &self.b[j]);
        let at = other.at.saturating_add(shift);
        if one.at != at {
            return one.at < at;
        }
        let goes_on = (self.goes_on(self.a, self.last.0, Some(i)), self.goes_on(self.b, self.last.1, Some(j)));
        if goes_on.0 != goes_on.1 {
            return goes_on.0;
        }
        let ends = (self.a[end_a - 1].at <= one.at, self.b[end_b - 1].at <= other.at);
        if ends.0 == ends.1 { one.text <= other.text } else { ends.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::unit::{Names, Timed, write};
    use super::*;

    /// A unit a line, `5a` of the time 5; `/` before what is not known to follow.
    fn woven(a: &str, b: &str) -> String {
        let mut names = Names::new();
        let [a, b] = [a, b].map(|texts| {
            let units = texts.split(' ').map(|text| {
                let (follows, text) = text.strip_prefix('/').map_or((true, text), |text| (false, text));
                let unit = Unit::new(text.as_bytes(), follows, &mut names);
                Unit { timed: Timed::Once, at: i64::from(text.as_bytes()[0]), ..unit }
            });
            units.collect::<Vec<_>>()
        });
        let both = [(&a, &b), (&b, &a)].map(|(a, b)| {
            let (a, b) = (Side::new(a), Side::new(b));
            let units = join(&a, &b, Rule::Blocks).unwrap_or_else(|| beside(&a, &b));
            let texts = units.iter().map(|unit| {
                let text = String::from_utf8_lossy(unit.text).into_owned();
                if unit.follows { text } else { format!("/{text}") }
            });
            texts.collect::<Vec<_>>().join(" ")
        });
        assert_eq!(both[0], both[1], "whichever came first");
        assert!(write(&a).len() > a.len());
        both[0].clone()
    }

    #[test]
    fn what_one_side_has_stays_between_its_neighbours() {
        for (a, b, expected) in [
            ("/1a 2a 3a", "/2a 3a 4a", "/1a 2a 3a 4a"),
            ("/1a 3a", "/1a 2a 3a", "/1a 2a 3a"),
            ("/1a 2a 5a", "/1a 3a 5a", "/1a 2a /3a 5a"),
            ("/1a /2a", "/1a 2a", "/1a 2a"),
            ("1a 2a", "/1a 2a", "1a 2a"),
        ] {
            assert_eq!(woven(a, b), expected, "{a} | {b}");
        }
    }

    #[test]
    fn what_has_nothing_in_common_goes_by_time() {
        for (a, b, expected) in [
            ("/1a 3a", "/2b 4b", "/1a /2b /3a /4b"),
            ("/1a 2a", "/3b 4b", "/1a 2a /3b 4b"),
            // At one time, what is known to follow stays together; then the side that ends there is the earlier one.
            ("/1a 2a 2c", "/2b 3b", "/1a 2a 2c /2b 3b"),
            ("/2x", "/2b 3b", "/2x /2b 3b"),
            ("/2x", "/2b", "/2b /2x"),
            // Each side's own order is the log's.
            ("/5a 1a", "/2b 6b", "/2b /5a 1a /6b"),
        ] {
            assert_eq!(woven(a, b), expected, "{a} | {b}");
        }
    }
}
