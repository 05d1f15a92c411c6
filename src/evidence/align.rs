//! Which units of two sequences are the same.
//!
//! Two pieces of one log, each without a loss, lie over each other at one distance, wherever they were cut: that is tried
//! first, and is exact. Where lines were lost, or two programs wrote, what both have in common is found by a diff.
//!
//! Many lines of a debug log come again at the same second of other days (what `cron` does, it does daily). So little in
//! common proves nothing, and where both sides have their dates, a line is the same one on the same day first. Where one
//! has none, only somebody's token tells that two lines are one.

use std::cmp::Reverse;
use std::ops::Range;

use foldhash::{HashSet, HashSetExt};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::unit::{Timed, Unit};

/// What is needed to take two sequences for pieces of one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Blocks of a logwatch, which say their date: one that both have.
    Blocks,
    /// Lines of a debug log, which say their clock.
    Lines,
}

/// A sequence, with the line that stands behind it, where that is known (else empty).
#[derive(Debug, Clone, Copy)]
pub(super) struct Side<'u, 'a> {
    pub(super) units: &'u [Unit<'a>],
    pub(super) next: &'u [u8],
}

/// A unit of one side that is the same as one of the other, by their places.
pub(super) type Pair = (usize, usize);

/// What must be the same of two units: the text, and the time, where that is compared.
type Key = (u32, i64);

/// So many lines with a clock in a row are no chance.
const SURE: usize = 3;
/// So many bytes of a line are no chance: more than any date and clock alone. Not fitted.
const TELLING: usize = 12;
/// At more distances than that nobody looks: a log of one line, again and again.
const MOST_DISTANCES: usize = 512;

impl<'u, 'a> Side<'u, 'a> {
    pub(super) fn new(units: &'u [Unit<'a>]) -> Self {
        Self { units, next: &[] }
    }

    /// Whether a unit may lack its beginning. A date line without its weekday still reads as a date, and a line without
    /// the first digit of its clock as a line.
    fn may_lack_beginning(&self, at: usize) -> bool {
        !self.units[at].follows
    }

    fn may_lack_end(&self, at: usize) -> bool {
        self.units.get(at + 1).is_none_or(|next| !next.follows)
    }

    /// The text behind a unit.
    fn behind(&self, at: usize) -> &[u8] {
        match self.units.get(at + 1) {
            Some(next) if next.follows => next.text,
            Some(_) => &[],
            None => self.next,
        }
    }

    /// Whether a unit is what the end of a copy left of one of the other side.
    fn is_cut_from(&self, at: usize, other: &Self, of: usize) -> bool {
        let (unit, whole) = (&self.units[at], &other.units[of]);
        if unit.id == whole.id {
            return false;
        }
        let is_beginning = whole.text.starts_with(unit.text) && !other.runs_into_next(of, self, at);
        let is_end = whole.text.ends_with(unit.text) && whole.has_end() == unit.has_end();
        let is_within = || !unit.has_end() && memchr::memmem::find(whole.text, unit.text).is_some();
        let (no_beginning, no_end) = (self.may_lack_beginning(at), self.may_lack_end(at));
        is_end && no_beginning
            || no_end && (is_beginning || self.runs_into_next(at, other, of))
            || no_beginning && no_end && is_within()
    }

    /// Whether a unit and one of another side may be the same by what is known to stand directly before and behind both.
    fn goes_on_like(&self, at: usize, other: &Self, of: usize) -> bool {
        let is_same = |at: usize, of: usize| {
            let same = self.units[at].id == other.units[of].id;
            same || self.is_cut_from(at, other, of) || other.is_cut_from(of, self, at)
        };
        let follow = |at: usize, of: usize| {
            let units = self.units.get(at).zip(other.units.get(of));
            units.is_some_and(|(own, its)| own.follows && its.follows)
        };
        let before = at.checked_sub(1).zip(of.checked_sub(1)).filter(|_| follow(at, of));
        let behind = Some((at + 1, of + 1)).filter(|(at, of)| follow(*at, *of));
        before.into_iter().chain(behind).all(|(at, of)| is_same(at, of))
    }

    /// Whether a copy ended within the date line of the block behind, so that the part of it that is there is no date yet.
    fn runs_into_next(&self, at: usize, other: &Self, of: usize) -> bool {
        let (unit, whole) = (&self.units[at], &other.units[of]);
        let rest = unit.text.strip_prefix(whole.text).filter(|_| !unit.has_end());
        rest.is_some_and(|rest| !rest.is_empty() && other.behind(of).starts_with(rest))
    }
}

/// The text of a pair: the whole one, where the other is cut from it.
pub(super) fn whole_of<'a>(a: &Side<'_, 'a>, b: &Side<'_, 'a>, (i, j): Pair) -> Unit<'a> {
    if a.is_cut_from(i, b, j) { b.units[j] } else { a.units[i] }
}

/// The pairs of two pieces of one log, in order; `None` where nothing says that they are.
pub(super) fn align(a: &Side<'_, '_>, b: &Side<'_, '_>, rule: Rule) -> Option<Vec<Pair>> {
    at_one_distance(a, b).or_else(|| {
        let pairs = in_common(a, b, rule)?;
        Some(with_cut_ones(a, b, pairs))
    })
}

/// The pairs of sequences that have nothing whole in common.
pub(super) fn align_cut_ones(a: &Side<'_, '_>, b: &Side<'_, '_>) -> Vec<Pair> {
    with_cut_ones(a, b, Vec::new())
}

/// One distance at which everything agrees where the two lie over each other: the one at which most does.
fn at_one_distance(a: &Side<'_, '_>, b: &Side<'_, '_>) -> Option<Vec<Pair>> {
    let mut starts: Vec<Pair> = Vec::new();
    for j in landmarks(b.units) {
        starts.extend(places(a.units, b.units[j].id).map(|i| (i - i.min(j), j - i.min(j))));
    }
    for i in landmarks(a.units) {
        starts.extend(places(b.units, a.units[i].id).map(|j| (i - i.min(j), j - i.min(j))));
    }
    starts.sort_unstable();
    starts.dedup();
    let overlap = |(i, j): Pair| (i..a.units.len()).zip(j..b.units.len());
    let best = starts.into_iter().filter_map(|start| {
        let (n_same, apart) = agreement(a, b, start)?;
        Some((n_same, overlap(start).len(), Reverse(apart), start))
    });
    best.max().map(|(.., start)| overlap(start).collect())
}

/// Units by which a distance is found: the first ones that are whole for sure, or as good as it gets.
fn landmarks(units: &[Unit<'_>]) -> impl Iterator<Item = usize> {
    let timed = |at: &usize| units[*at].is_timed();
    let first = Some(0).filter(|_| !units.is_empty()).filter(timed);
    first.into_iter().chain((1..units.len()).find(timed))
}

fn places(units: &[Unit<'_>], id: u32) -> impl Iterator<Item = usize> {
    (0..units.len()).filter(move |at| units[*at].id == id).take(MOST_DISTANCES)
}

/// How many units with a time are the same from a start of both sides on, and how far apart their times are; `None` where
/// something differs, or too little is there to tell.
fn agreement(a: &Side<'_, '_>, b: &Side<'_, '_>, start: Pair) -> Option<(usize, i64)> {
    let (mut n_same, mut apart, mut has_once) = (0, i64::MAX, false);
    for (i, j) in (start.0..a.units.len()).zip(start.1..b.units.len()) {
        let (one, other) = (&a.units[i], &b.units[j]);
        if one.id == other.id {
            if one.is_timed() {
                n_same += 1;
                has_once |= one.timed == Timed::Once;
                apart = apart.min((one.at - other.at).abs());
            }
        } else if !a.is_cut_from(i, b, j) && !b.is_cut_from(j, a, i) {
            return None;
        }
    }
    let is_whole =
        |units: &[Unit<'_>], start: usize, other: &[Unit<'_>], at: usize| start == 0 && at + units.len() <= other.len();
    let is_within = is_whole(a.units, start.0, b.units, start.1) || is_whole(b.units, start.1, a.units, start.0);
    let is_enough = match (are_dated(a.units, b.units), has_once) {
        (true, _) if apart == 0 => n_same > 0,
        (true, true) => n_same >= SURE,
        // All of a piece may be in several places of a log; it is there once more wherever it is put.
        (false, has_once) => n_same > 0 && (has_once || is_within),
        (true, false) => false,
    };
    is_enough.then_some((n_same, apart))
}

fn are_dated(a: &[Unit<'_>], b: &[Unit<'_>]) -> bool {
    let is_dated = |units: &[Unit<'_>]| units.iter().all(|unit| unit.day.is_some());
    is_dated(a) && is_dated(b)
}

/// What both have in common, by a diff, if it is enough.
fn in_common(a: &Side<'_, '_>, b: &Side<'_, '_>, rule: Rule) -> Option<Vec<Pair>> {
    let (all_a, all_b) = (0..a.units.len(), 0..b.units.len());
    if rule == Rule::Blocks {
        let pairs = diff(a.units, b.units, all_a, all_b, |unit| unit.is_timed().then_some((unit.id, 0)));
        return (!pairs.is_empty()).then_some(pairs);
    }
    let pairs = if are_dated(a.units, b.units) {
        dated_lines(a.units, b.units)
    } else {
        diff(a.units, b.units, all_a, all_b, |unit| unit.is_timed().then_some((unit.id, 0)))
    };
    let pairs = extended(a.units, b.units, &pairs);
    is_enough(a.units, b.units, &pairs).then_some(pairs)
}

/// The lines in common of two sequences with days: first those of one moment, then, between them, those that a copy's own
/// dates got wrong, and those without a clock.
fn dated_lines(a: &[Unit<'_>], b: &[Unit<'_>]) -> Vec<Pair> {
    let mut pairs = diff(a, b, 0..a.len(), 0..b.len(), |unit| unit.is_timed().then_some((unit.id, unit.at)));
    if pairs.is_empty() {
        return pairs;
    }
    pairs = extended(a, b, &pairs);
    for with_clock in [true, false] {
        let key = |unit: &Unit<'_>| {
            let at = if with_clock { 0 } else { unit.at };
            (unit.is_timed() == with_clock).then_some((unit.id, at))
        };
        let found: Vec<Pair> = gaps(a, b, &pairs).flat_map(|(in_a, in_b)| diff(a, b, in_a, in_b, key)).collect();
        pairs.extend(found);
        pairs.sort_unstable();
    }
    // Lines without a clock have the time of the line before them. Where that was lost to one side, they are the same if all
    // that have none between the same two lines of both sides are alike.
    let mut found: Vec<Pair> = Vec::new();
    for (in_a, in_b) in gaps(a, b, &pairs).skip(1).take(pairs.len().saturating_sub(1)) {
        let clockless = |units: &[Unit<'_>], range: Range<usize>| -> Vec<usize> {
            range.filter(|at| !units[*at].is_timed()).collect()
        };
        let (own_a, own_b) = (clockless(a, in_a), clockless(b, in_b));
        if own_a.len() == own_b.len() && own_a.iter().zip(&own_b).all(|(i, j)| a[*i].id == b[*j].id) {
            found.extend(own_a.into_iter().zip(own_b));
        }
    }
    pairs.extend(found);
    pairs.sort_unstable();
    pairs
}

/// Whether lines in common are no chance: some in a row, and more than there are beside them that should be in common too.
fn is_enough(a: &[Unit<'_>], b: &[Unit<'_>], pairs: &[Pair]) -> bool {
    let runs = pairs.chunk_by(|one, next| next.0 == one.0 + 1 && next.1 == one.1 + 1);
    let longest = runs.map(|run| run.iter().filter(|pair| a[pair.0].is_timed()).count()).max();
    let is_sure = |pair: &Pair| a[pair.0].timed == Timed::Once || are_dated(a, b) && a[pair.0].at == b[pair.1].at;
    let n_missing: usize = gaps(a, b, pairs).map(|(in_a, in_b)| in_a.len().min(in_b.len())).sum();
    longest.is_some_and(|longest| longest >= SURE) && pairs.len() >= n_missing && pairs.iter().any(is_sure)
}

/// The same units of both ranges, as a diff sees them: those of the same key; one without a key is passed over. Only those
/// that occur in both are looked at, so that long lists of which little is common cost little.
fn diff(
    a: &[Unit<'_>],
    b: &[Unit<'_>],
    in_a: Range<usize>,
    in_b: Range<usize>,
    key: impl Fn(&Unit<'_>) -> Option<Key>,
) -> Vec<Pair> {
    let keyed = |units: &[Unit<'_>], range: Range<usize>| -> Vec<(usize, Key)> {
        range.filter_map(|at| Some((at, key(&units[at])?))).collect()
    };
    let shared_with = |own: Vec<(usize, Key)>, other: &[(usize, Key)]| -> (Vec<usize>, Vec<Key>) {
        let mut keys = HashSet::with_capacity(other.len());
        keys.extend(other.iter().map(|entry| entry.1));
        own.into_iter().filter(|entry| keys.contains(&entry.1)).unzip()
    };
    let (own_a, own_b) = (keyed(a, in_a), keyed(b, in_b));
    let (at_b, keys_b) = shared_with(own_b, &own_a);
    let shared_b: Vec<(usize, Key)> = at_b.iter().copied().zip(keys_b.iter().copied()).collect();
    let (at_a, keys_a) = shared_with(own_a, &shared_b);
    let mut pairs = Vec::new();
    for op in capture_diff_slices(Algorithm::Patience, &keys_a, &keys_b) {
        if let DiffOp::Equal { old_index, new_index, len } = op {
            pairs.extend((0..len).map(|n| (at_a[old_index + n], at_b[new_index + n])));
        }
    }
    pairs
}

/// The ranges of both sides before, between and behind pairs.
fn gaps<'p>(
    a: &[Unit<'_>],
    b: &[Unit<'_>],
    pairs: &'p [Pair],
) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + use<'p> {
    let starts = std::iter::once((0, 0)).chain(pairs.iter().map(|pair| (pair.0 + 1, pair.1 + 1)));
    let ends = pairs.iter().copied().chain([(a.len(), b.len())]);
    starts.zip(ends).map(|(start, end)| (start.0..end.0, start.1..end.1))
}

/// The pairs with those that go on in the same way before and behind each: lines without a clock, mostly.
fn extended(a: &[Unit<'_>], b: &[Unit<'_>], pairs: &[Pair]) -> Vec<Pair> {
    let mut all = Vec::with_capacity(pairs.len());
    let is_same = |(i, j): &Pair| a[*i].id == b[*j].id;
    for (n, (in_a, in_b)) in gaps(a, b, pairs).enumerate() {
        let own = n.checked_sub(1).map(|before| pairs[before]);
        all.extend(own);
        let behind = in_a.clone().zip(in_b.clone()).take_while(|pair| own.is_some() && is_same(pair));
        all.extend(behind);
        let free = all.last().map_or((0, 0), |last| (last.0 + 1, last.1 + 1));
        let before = (free.0..in_a.end).rev().zip((free.1..in_b.end).rev());
        let n_before = before.take_while(|pair| n < pairs.len() && is_same(pair)).count();
        all.extend((in_a.end - n_before..in_a.end).zip(in_b.end - n_before..in_b.end));
    }
    all
}

/// The pairs with those of a unit that was cut off and the whole one, each between the same neighbours.
fn with_cut_ones(a: &Side<'_, '_>, b: &Side<'_, '_>, pairs: Vec<Pair>) -> Vec<Pair> {
    let mut found: Vec<Pair> = Vec::new();
    for (n, (in_a, in_b)) in gaps(a.units, b.units, &pairs).enumerate() {
        if in_a.is_empty() || in_b.is_empty() {
            continue;
        }
        let bounds = (n > 0, n < pairs.len());
        let mut own = cut_from(a, &in_a, b, &in_b, bounds);
        own.extend(cut_from(b, &in_b, a, &in_a, bounds).into_iter().map(|(j, i)| (i, j)));
        own.sort_unstable();
        let mut next = (0, 0);
        // One that would cross another stays as it is.
        own.retain(|(i, j)| {
            let is_free = *i >= next.0 && *j >= next.1;
            next = if is_free { (i + 1, j + 1) } else { next };
            is_free
        });
        found.append(&mut own);
    }
    found.extend(pairs);
    found.sort_unstable();
    found
}

/// Each unit of a range that was cut off, with the whole one in a range of the other side. `bounds`: whether a pair stands
/// before both ranges, and behind them.
fn cut_from(
    one: &Side<'_, '_>,
    range: &Range<usize>,
    other: &Side<'_, '_>,
    wholes: &Range<usize>,
    bounds: (bool, bool),
) -> Vec<Pair> {
    // The last bytes of a line are those of many lines: they are this one's beside what both sides have.
    let is_sure = |at: usize, of: usize| {
        let is_beside = bounds.0 && at == range.start && of == wholes.start
            || bounds.1 && at + 1 == range.end && of + 1 == wholes.end;
        is_beside || one.units[at].text.iter().filter(|byte| !byte.is_ascii_whitespace()).count() >= TELLING
    };
    // What begins with a text stands next behind it in the order of texts; what ends with it, in that of texts read
    // backwards.
    let text = |of: usize| other.units[of].text;
    let mut by_text: Vec<usize> = wholes.clone().collect();
    by_text.sort_by_key(|of| text(*of));
    let mut by_end: Vec<usize> = Vec::new();
    if range.clone().any(|at| one.may_lack_beginning(at)) {
        by_end.clone_from(&by_text);
        by_end.sort_by(|a, b| text(*a).iter().rev().cmp(text(*b).iter().rev()));
    }
    let whole_of = |at: usize| {
        let unit = &one.units[at];
        let from = by_text.partition_point(|of| text(*of) < unit.text);
        let begun = by_text[from..].iter().take_while(|of| text(**of).starts_with(unit.text));
        let from = by_end.partition_point(|of| text(*of).iter().rev().lt(unit.text.iter().rev()));
        let ended = by_end[from..].iter().take_while(|of| text(**of).ends_with(unit.text));
        let next = wholes.clone().filter(|_| !unit.has_end());
        let is_whole =
            |of: &usize| is_sure(at, *of) && one.is_cut_from(at, other, *of) && one.goes_on_like(at, other, *of);
        begun.chain(ended).copied().chain(next).find(is_whole)
    };
    range.clone().filter_map(|at| Some((at, whole_of(at)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::unit::Names;
    use super::*;

    /// Units by letters: upper case has a time, `M` and `N` of what comes every day, lower case has none, and what stands behind a `/` is not known to follow.
    fn units<'a>(letters: &'a str, names: &mut Names<'a>) -> Vec<Unit<'a>> {
        let mut follows = false;
        let mut units = Vec::new();
        for (at, letter) in letters.char_indices() {
            if letter != '/' {
                let unit = Unit::new(&letters.as_bytes()[at..=at], follows, names);
                let timed = match letter {
                    'a'..='z' => Timed::No,
                    'M' | 'N' => Timed::Daily,
                    _ => Timed::Once,
                };
                units.push(Unit { timed, at: i64::from(letters.as_bytes()[at]), ..unit });
            }
            follows = letter != '/';
        }
        units
    }

    fn pairs(a: &str, b: &str, rule: Rule) -> Option<Vec<Pair>> {
        let mut names = Names::new();
        let (a, b) = (units(a, &mut names), units(b, &mut names));
        align(&Side::new(&a), &Side::new(&b), rule)
    }

    #[test]
    fn pieces_lie_over_each_other_at_one_distance() {
        for (a, b, expected) in [
            ("ABCD", "CDE", &[(2, 0), (3, 1)][..]),
            ("CDE", "ABCD", &[(0, 2), (1, 3)]),
            ("ABCD", "BC", &[(1, 0), (2, 1)]),
            ("BC", "ABCD", &[(0, 1), (1, 2)]),
            ("AxxB", "xBC", &[(2, 0), (3, 1)]),
            // Of two distances the one at which more is the same.
            ("ABAB", "ABABC", &[(0, 0), (1, 1), (2, 2), (3, 3)]),
            ("XABAB", "ABAB", &[(1, 0), (2, 1), (3, 2), (4, 3)]),
        ] {
            assert_eq!(pairs(a, b, Rule::Blocks).as_deref(), Some(expected), "{a} {b}");
        }
        assert_eq!(pairs("ABC", "DEF", Rule::Blocks), None);
        assert_eq!(pairs("abc", "abc", Rule::Blocks), None, "nothing has a time");
    }

    #[test]
    fn where_something_was_lost_a_diff_finds_what_is_common() {
        assert_eq!(pairs("ABCE", "ACDE", Rule::Blocks), Some(vec![(0, 0), (2, 1), (3, 3)]));
        assert_eq!(pairs("ABCDEF", "ABCDF", Rule::Lines), Some(vec![(0, 0), (1, 1), (2, 2), (3, 3), (5, 4)]));
        // What has no clock goes with its neighbours.
        assert_eq!(pairs("ABxCyD", "ABxCD", Rule::Lines), Some(vec![(0, 0), (1, 1), (2, 2), (3, 3), (5, 4)]));
    }

    #[test]
    fn little_in_common_is_chance_among_lines() {
        assert_eq!(pairs("ABXCD", "EFXGH", Rule::Lines), None, "one line");
        assert!(pairs("ABXCD", "EFXGH", Rule::Blocks).is_some(), "a block has its date");
        assert_eq!(pairs("ABCDXYZEFGH", "IJKLXYZMNOP", Rule::Lines), None, "three among many others");
        assert!(pairs("ABXYZ", "XYZCD", Rule::Lines).is_some(), "the end of one, and the beginning of the other");
        assert_eq!(pairs("ABMNM", "MNMCD", Rule::Lines), None, "what comes every day");
        assert_eq!(pairs("ABMNMCD", "EFMNMGH", Rule::Lines), None, "what comes every day, in the middle");
        assert!(pairs("ABXCD", "X", Rule::Lines).is_some(), "the whole of one");
    }
}
