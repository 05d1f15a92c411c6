//! Where those sit that hold a token now: what the traces know of their sessions, checked against the connections of this
//! moment.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use chrono::{DateTime, Utc};

use super::attribute::short_name;
use crate::model::{Evidence, Identity, SessionRow};

/// A pair that holds a token, as `lmstat` lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// Who.
    pub who: Identity,
    /// Since when, to the minute.
    pub since: DateTime<Utc>,
}

/// The address of each holder, with the evidence for it; no address is better than a doubtful one.
///
/// By the pair's session that holds the token, where a connection from its address is there now (`connected`; `None` where
/// nobody could say). Of the addresses that are nobody's then, by the DHCP name that equals the host; and where one pair and
/// one address are left, they belong together.
pub fn addresses(
    holders: &[Holder],
    rows: &[SessionRow],
    connected: Option<&BTreeSet<IpAddr>>,
    name_of: &dyn Fn(IpAddr) -> Option<String>,
) -> BTreeMap<Identity, (IpAddr, Evidence)> {
    let mut known: BTreeMap<Identity, (IpAddr, Evidence)> = BTreeMap::new();
    for holder in holders {
        // A session that ended before the token was taken is another one.
        let held = rows.iter().filter(|row| row.who == holder.who && row.end >= holder.since);
        let latest = held.max_by_key(|row| row.start);
        if let Some((ip, evidence)) = latest.and_then(|row| Some((row.ip?, row.evidence)))
            && connected.is_none_or(|connected| connected.contains(&ip.to_canonical()))
        {
            known.insert(holder.who.clone(), (ip, evidence));
        }
    }
    let Some(connected) = connected else { return known };
    let taken: BTreeSet<IpAddr> = known.values().map(|(ip, _)| ip.to_canonical()).collect();
    let mut free: BTreeSet<IpAddr> = connected.difference(&taken).copied().collect();
    let mut left: BTreeSet<&Identity> =
        holders.iter().map(|holder| &holder.who).filter(|who| !known.contains_key(*who)).collect();
    let names: Vec<(IpAddr, String)> = free.iter().filter_map(|&ip| Some((ip, short_name(&name_of(ip)?)))).collect();
    for who in left.clone() {
        let host = short_name(who.host());
        let mut named = names.iter().filter(|(_, name)| *name == host);
        if let (Some((ip, _)), None) = (named.next(), named.next()) {
            known.insert(who.clone(), (*ip, Evidence::Hostname));
            left.remove(who);
            free.remove(ip);
        }
    }
    if let (Some(who), 1, Some(ip), 1) = (left.first(), left.len(), free.first(), free.len()) {
        known.insert((*who).clone(), (*ip, Evidence::Majority));
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Feature, Machine, State};
    use chrono_tz::Europe::Paris;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_638_950_400 + minute * 60, 0).unwrap()
    }

    fn session(who: &str, minutes: (i64, i64), ip: Option<&str>) -> SessionRow {
        let (start, end) = (at(minutes.0).with_timezone(&Paris), at(minutes.1).with_timezone(&Paris));
        SessionRow {
            date: start.date_naive(),
            who: who.parse().unwrap(),
            feature: Feature::new("origin", "OriginPro"),
            start,
            end,
            duration_s: (end - start).num_seconds(),
            state: State::Open,
            initial_start: start,
            ip: ip.map(|ip| ip.parse().unwrap()),
            evidence: Evidence::Carrying,
            machine: Machine::default(),
        }
    }

    #[test]
    fn an_address_is_believed_where_it_is_connected() {
        const ANNA: &str = "anna@PC-1";
        let known = session(ANNA, (0, 90), Some("10.0.0.1"));
        let over = session(ANNA, (0, 20), Some("10.0.0.1"));
        let blind = session(ANNA, (0, 90), None);
        for (name, sessions, connected, expected) in [
            ("connected", vec![&known], Some("10.0.0.1 10.0.0.7"), Some("10.0.0.1 carrying")),
            ("nobody could say", vec![&known], None, Some("10.0.0.1 carrying")),
            ("gone from there, by elimination", vec![&known], Some("10.0.0.7"), Some("10.0.0.7 majority")),
            ("gone from there, and two are left", vec![&known], Some("10.0.0.7 10.0.0.8"), None),
            ("a session that was over", vec![&over], Some("10.0.0.1 10.0.0.7"), None),
            ("by its name", vec![&blind], Some("10.0.0.7 10.0.0.9"), Some("10.0.0.9 hostname")),
            ("no traces", vec![], Some("10.0.0.7"), Some("10.0.0.7 majority")),
            ("nothing at all", vec![], None, None),
        ] {
            let holders = [Holder { who: ANNA.parse().unwrap(), since: at(30) }];
            let sessions: Vec<SessionRow> = sessions.into_iter().cloned().collect();
            let connected: Option<BTreeSet<IpAddr>> =
                connected.map(|all| all.split(' ').map(|ip| ip.parse().unwrap()).collect());
            let name_of = |ip: IpAddr| (ip.to_string() == "10.0.0.9").then(|| "pc-1.lab.example".to_owned());
            let found = addresses(&holders, &sessions, connected.as_ref(), &name_of);
            let found = found.values().next().map(|(ip, evidence)| format!("{ip} {}", evidence.name()));
            assert_eq!(found.as_deref(), expected, "{name}");
        }
    }
}
