//! Which remote file is which life of a log, and what a copy will consist of.

use super::copy::{Copy, Life};
use super::rotated::RemoteLog;
use super::{HEAD, SEAM, Updated};
use crate::finding::Gap;
use crate::network::remote::{Files, Host, RemoteError};

/// What a copy will consist of.
pub(super) struct Plan {
    pub(super) segments: Vec<Segment>,
    /// The log itself, then its rotated parts from the newest to the oldest.
    pub(super) logs: Vec<RemoteLog>,
}

/// A life of the log: what the copy has of it, and the remote file that has it from its beginning, or more of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub(super) life: Option<Life>,
    pub(super) more: Option<usize>,
}

impl Plan {
    /// Finds for each remote file the life that it is.
    pub(super) fn new(
        copy: &Copy,
        files: &mut dyn Files,
        host: &Host,
        logs: Vec<RemoteLog>,
        updated: &mut Updated,
    ) -> Result<Self, RemoteError> {
        let segments = copy.lives.iter().map(|life| Segment { life: Some(*life), more: None }).collect();
        let mut plan = Self { segments, logs };
        // Where an older file would be put: before the one that was placed last.
        let mut newer = plan.segments.len();
        for index in 0..plan.logs.len() {
            match plan.place(copy, files, index) {
                Ok(Some(place)) => newer = place,
                Ok(None) if plan.logs[index].size == 0 => {}
                Ok(None) => plan.segments.insert(newer, Segment { life: None, more: Some(index) }),
                // A rotated part is one of many; the log itself is what was asked for.
                Err(error) if plan.logs[index].is_rotated => updated.gaps.push(Gap::new(&host.name, error.reason())),
                Err(error) => return Err(error),
            }
        }
        Ok(plan)
    }

    /// The life that a remote file is, from the newest on; where the file has more of it, that is noted.
    fn place(&mut self, copy: &Copy, files: &mut dyn Files, index: usize) -> Result<Option<usize>, RemoteError> {
        for place in (0..self.segments.len()).rev() {
            let segment = self.segments[place];
            let known = match (segment.more, segment.life) {
                (Some(more), _) => self.logs[more].size,
                (None, Some(life)) => life.length,
                (None, None) => continue,
            };
            let log = &self.logs[index];
            // A packed file that is as long as the life tells its end only when it is fetched whole.
            let common = known.min(log.size);
            let ends = if log.is_packed() && log.size == known { 0..0 } else { common.saturating_sub(SEAM)..common };
            let mut same = common > 0;
            for range in [0..common.min(HEAD), ends] {
                same = same && {
                    let (from, most) = (range.start, range.end - range.start);
                    let there = self.logs[index].bytes(files, from, most)?;
                    let here = match (segment.more, segment.life) {
                        (None, Some(life)) => {
                            copy.bytes(life, from, most).map_err(|error| self.logs[index].error(error))?
                        }
                        (Some(more), _) => self.logs[more].bytes(files, from, most)?,
                        (None, None) => Vec::new(),
                    };
                    there == here
                };
            }
            if same {
                if self.logs[index].size > known {
                    self.segments[place].more = Some(index);
                }
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Whether every life stays where it is, and only the last one grows.
    pub(super) fn only_appends(&self, lives: &[Life]) -> bool {
        let is_as_before = |(index, life): (usize, &Life)| {
            self.segments.get(index).is_some_and(|segment| {
                segment.life == Some(*life) && (segment.more.is_none() || index + 1 == lives.len())
            })
        };
        lives.iter().enumerate().all(is_as_before)
    }
}
