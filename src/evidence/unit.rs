//! What copies are made of, and put together by: a block of the logwatch, a line of the debug log.

use std::borrow::Cow;

use chrono::NaiveDate;
use foldhash::{HashMap, HashMapExt};

use super::marks::{BREAK_LINE, CUT_END};

/// A block or a line, in its place in a sequence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit<'a> {
    /// Its text, with the `\n` at its end, unless its copy ended within.
    pub(super) text: &'a [u8],
    /// The number of its text: the same for the same text, by [`Names`].
    pub(super) id: u32,
    /// Whether some copy had it directly behind the one before; of the first: behind what stands before the sequence.
    pub(super) follows: bool,
    /// Whether it says when it was written. Nothing else can tell that two copies are of one log.
    pub(super) timed: Timed,
    /// When that was, as far as the order beside others needs it: halves of a second of any calendar.
    pub(super) at: i64,
    /// The day that it is kept under, or would be.
    pub(super) day: Option<NaiveDate>,
    /// Whether it is kept already.
    pub(super) is_kept: bool,
}

/// What a unit says of when it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timed {
    /// Nothing.
    No,
    /// A clock that other days may have with the same text: what a server does by itself, it does at the same second of
    /// every day.
    Daily,
    /// A moment that no other day is likely to have: a block with its date, a line of somebody's token.
    Once,
}

impl<'a> Unit<'a> {
    pub(super) fn new(text: &'a [u8], follows: bool, names: &mut Names<'a>) -> Self {
        let id = names.id(text);
        Self { text, id, follows, timed: Timed::No, at: 0, day: None, is_kept: false }
    }

    pub(super) fn is_timed(&self) -> bool {
        self.timed != Timed::No
    }

    /// Whether its copy had its line end.
    pub(super) fn has_end(&self) -> bool {
        self.text.ends_with(b"\n")
    }

    /// Its first line, without its end.
    pub(super) fn first_line(&self) -> Cow<'a, str> {
        let end = memchr::memchr(b'\n', self.text).unwrap_or(self.text.len());
        crate::source::decode(&self.text[..end])
    }

    /// Appends what is kept of it.
    pub(super) fn write(&self, text: &mut Vec<u8>) {
        text.extend_from_slice(self.text);
        if !self.has_end() {
            text.extend_from_slice(CUT_END);
        }
    }
}

/// A sequence as it is kept.
pub(super) fn write(units: &[Unit<'_>]) -> Vec<u8> {
    let mut text = Vec::new();
    for unit in units {
        if !unit.follows {
            text.extend_from_slice(BREAK_LINE);
        }
        unit.write(&mut text);
    }
    text
}

/// The parts of a sequence within which everything follows.
pub(super) fn segments<'u, 'a>(units: &'u [Unit<'a>]) -> impl Iterator<Item = &'u [Unit<'a>]> {
    units.chunk_by(|_, next| next.follows)
}

/// Whether a piece without any time stands in a sequence as it is. Nothing else can tell that it is of it; and each night
/// that adds the same copy would keep it once more.
pub(super) fn is_timeless_part(piece: &[Unit<'_>], whole: &[Unit<'_>]) -> bool {
    let is_same = |unit: &Unit<'_>, own: &Unit<'_>| {
        let days = unit.day.zip(own.day);
        unit.id == own.id && days.is_none_or(|(one, other)| one == other)
    };
    let is_there = |part: &[Unit<'_>]| part.iter().zip(piece).all(|(unit, own)| is_same(unit, own));
    !piece.iter().any(Unit::is_timed) && !piece.is_empty() && whole.windows(piece.len()).any(is_there)
}

/// Numbers of texts. A text without its line end is another than the one with it, as the `\n` is part of the text.
#[derive(Debug, Default)]
pub(super) struct Names<'a>(HashMap<&'a [u8], u32>);

impl<'a> Names<'a> {
    pub(super) fn new() -> Self {
        Self(HashMap::new())
    }

    fn id(&mut self, text: &'a [u8]) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        *self.0.entry(text).or_insert(next)
    }
}
