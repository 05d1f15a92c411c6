//! Kept texts of days in a row, read as one.

use std::io::{self, BufRead, Read};
use std::ops::RangeInclusive;

use chrono::NaiveDate;

use super::Kind;
use super::store::{Slot, Store};

/// The texts of days one after the other, marks included; one day at a time is in memory.
#[derive(Debug)]
pub struct Reading<'e> {
    store: &'e Store,
    kind: Kind,
    /// The days to come, the last one first.
    days: Vec<NaiveDate>,
    day: Option<NaiveDate>,
    text: Vec<u8>,
    read: usize,
}

impl<'e> Reading<'e> {
    pub(super) fn new(store: &'e Store, kind: Kind, days: RangeInclusive<NaiveDate>) -> Self {
        // The range of a map panics where its start is behind its end.
        let known = (!days.is_empty()).then(|| store.days(kind).range(days).map(|(day, _)| *day).rev().collect());
        Self { store, kind, days: known.unwrap_or_default(), day: None, text: Vec::new(), read: 0 }
    }

    /// The day of the text that was read last; `None` before the first. It is another one once [`BufRead::fill_buf`] has
    /// gone on to the next text.
    pub fn day(&self) -> Option<NaiveDate> {
        self.day
    }
}

impl BufRead for Reading<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.read >= self.text.len() {
            let Some(day) = self.days.pop() else { return Ok(&[]) };
            self.text = self.store.get(self.kind, Slot::Day(day))?.unwrap_or_default();
            (self.day, self.read) = (Some(day), 0);
        }
        Ok(&self.text[self.read..])
    }

    fn consume(&mut self, amount: usize) {
        self.read = self.text.len().min(self.read.saturating_add(amount));
    }
}

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(buffer.len());
        buffer[..n].copy_from_slice(&available[..n]);
        self.consume(n);
        Ok(n)
    }
}
