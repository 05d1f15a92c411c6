//! The addresses of each pair and day.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::holds::{Address, Held};
use super::tokens::List;
use crate::model::{Evidence, Identity};

/// One row of `users`: an address that a pair took tokens from on a day, or none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserDay {
    /// The day of the `OUT`s.
    pub date: NaiveDate,
    /// Who.
    pub who: Identity,
    /// The address; `None` only where the pair has no address that day.
    pub ip: Option<IpAddr>,
    /// The strongest evidence of any of the tokens.
    pub evidence: Evidence,
    /// How many of the day's tokens went to this address.
    pub n_for: u32,
    /// How many went to another, or to none that is known.
    pub n_against: u32,
}

/// The rows of all days, in the order of day, pair and address.
pub fn addresses(list: &List, held: &Held, zone: Tz, wanted: &dyn Fn(&str) -> bool) -> Vec<UserDay> {
    let mut days: BTreeMap<(NaiveDate, &Identity), Vec<Option<Address>>> = BTreeMap::new();
    for (holding, address) in held.holdings.iter().zip(&held.addresses) {
        if wanted(&holding.feature) {
            let date = holding.start.with_timezone(&zone).date_naive();
            days.entry((date, &list.pairs[holding.pair as usize])).or_default().push(*address);
        }
    }
    days.into_iter().flat_map(|((date, who), tokens)| rows(date, who, &tokens)).collect()
}

fn rows(date: NaiveDate, who: &Identity, tokens: &[Option<Address>]) -> Vec<UserDay> {
    let n_tokens: u32 = tokens.iter().map(|_| 1).sum();
    let mut by_ip: BTreeMap<IpAddr, (u32, Evidence)> = BTreeMap::new();
    for (ip, evidence) in tokens.iter().flatten() {
        let known = by_ip.entry(*ip).or_default();
        *known = (known.0 + 1, known.1.max(*evidence));
    }
    let row =
        |ip, evidence, n_for| UserDay { date, who: who.clone(), ip, evidence, n_for, n_against: n_tokens - n_for };
    if by_ip.is_empty() {
        return vec![row(None, Evidence::Unknown, 0)];
    }
    by_ip.into_iter().map(|(ip, (n_for, evidence))| row(Some(ip), evidence, n_for)).collect()
}
