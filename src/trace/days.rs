//! The addresses of each pair and day.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chrono::NaiveDate;
use chrono_tz::Tz;

use crate::model::{Evidence, Feature, Hold, Identity};

/// One row of `users`: an address that a pair took tokens from on a day, or none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserDay {
    /// The day of the `OUT`s.
    pub date: NaiveDate,
    /// Who.
    pub who: Identity,
    /// The licensed feature.
    pub feature: Feature,
    /// The address; `None` only where the pair has no address that day.
    pub ip: Option<IpAddr>,
    /// The strongest evidence of any of the tokens.
    pub evidence: Evidence,
    /// How many of the day's tokens went to this address.
    pub n_for: u32,
    /// How many went to another, or to none that is known.
    pub n_against: u32,
}

/// The rows of all days, in the order of day, pair, feature and address, from the tokens that were taken on them.
pub fn addresses(holds: &[Hold], zone: Tz) -> Vec<UserDay> {
    let mut days: BTreeMap<_, Vec<Option<(IpAddr, Evidence)>>> = BTreeMap::new();
    for hold in holds {
        let date = hold.start.with_timezone(&zone).date_naive();
        days.entry((date, &hold.who, &hold.feature)).or_default().push(hold.address);
    }
    days.into_iter().flat_map(|((date, who, feature), tokens)| rows(date, (who, feature), &tokens)).collect()
}

fn rows(date: NaiveDate, (who, feature): (&Identity, &Feature), tokens: &[Option<(IpAddr, Evidence)>]) -> Vec<UserDay> {
    let n_tokens: u32 = tokens.iter().map(|_| 1).sum();
    let mut by_ip: BTreeMap<IpAddr, (u32, Evidence)> = BTreeMap::new();
    for (ip, evidence) in tokens.iter().flatten() {
        let known = by_ip.entry(*ip).or_default();
        *known = (known.0 + 1, known.1.max(*evidence));
    }
    let row = |ip, evidence, n_for| {
        let (who, feature) = (who.clone(), feature.clone());
        UserDay { date, who, feature, ip, evidence, n_for, n_against: n_tokens - n_for }
    };
    if by_ip.is_empty() {
        return vec![row(None, Evidence::Unknown, 0)];
    }
    by_ip.into_iter().map(|(ip, (n_for, evidence))| row(Some(ip), evidence, n_for)).collect()
}
