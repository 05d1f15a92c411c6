//! Days that were added up for one request, kept for those that follow.
//!
//! What is kept is kept under the day's stamp, which is another one as soon as a night changes the day: nothing here is ever
//! out of date, and nothing needs to be thrown away but for room.

use std::sync::Arc;

use chrono::NaiveDate;
use quick_cache::Weighter;
use quick_cache::sync::Cache as Kept;

use crate::ledger::Tally;
use crate::report::scope::Audience;
use crate::trace::seats::{HourCounts, Seats};

/// How many uses are kept: some forty years of a hundred people. A use takes less than a hundred bytes.
const USES: u64 = 1_000_000;
/// How many hours are kept: some ten years, for a few audiences.
const HOURS: u64 = 200_000;

/// What is kept.
#[derive(Debug)]
pub(super) struct Cache {
    /// What was used on days.
    pub(super) tallies: Kept<(NaiveDate, i64), Arc<Tally>, Weight>,
    /// What tokens were out on days.
    pub(super) hours: Kept<HoursKey, Arc<HourCounts>, Weight>,
}

/// What the counts of a day depend on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct HoursKey {
    pub(super) day: NaiveDate,
    pub(super) stamp: i64,
    pub(super) audience: Arc<Audience>,
    pub(super) seats: Arc<Seats>,
}

impl Default for Cache {
    fn default() -> Self {
        const DAYS: usize = 4000;
        Self { tallies: Kept::with_weighter(DAYS, USES, Weight), hours: Kept::with_weighter(DAYS, HOURS, Weight) }
    }
}

/// How much room something takes; an empty day takes some as well.
#[derive(Debug, Clone)]
pub(super) struct Weight;

impl<K> Weighter<K, Arc<Tally>> for Weight {
    fn weight(&self, _: &K, tally: &Arc<Tally>) -> u64 {
        tally.len() as u64 + 1
    }
}

impl<K> Weighter<K, Arc<HourCounts>> for Weight {
    fn weight(&self, _: &K, hours: &Arc<HourCounts>) -> u64 {
        hours.len() as u64 + 1
    }
}
