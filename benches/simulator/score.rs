//! An analysis against the truth.
//!
//! - users: the share of (day, login, host) whose addresses are right; those that are invented count against it;
//! - sessions: F1 of the sessions whose start, end and openness agree, to two seconds, or to what the blocks around a lost
//!   line allow;
//! - hours: by how much the hours of ended sessions are wrong in total;
//! - expired: F1 of the state `expired` among the sessions that agree;
//! - denials: F1 of the denials, to the second, with their verdicts;
//! - tokens: the share of the hours with any use whose peak and time at the limit are right.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::ops::AddAssign;

use chrono::NaiveDate;
use jeton::model::{Duplicates, Feature, Identity, State};
use jeton::trace::seats::{self, Known, Seats};
use jeton::trace::{Analysis, Session, days};

use super::truth::{Addresses, TrueSession, Truth};
use super::{FEATURE, Laboratory};

/// Counts that are shares when divided; of several laboratories when added.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Score {
    /// Of users: right, wanted, invented.
    pub(crate) users: (usize, usize, usize),
    /// Of sessions: right, true, reported.
    pub(crate) sessions: (usize, usize, usize),
    /// Of ended sessions: hours reported, true hours.
    pub(crate) hours: (f64, f64),
    /// How far each laboratory's hours were off, added without their signs.
    pub(crate) hours_off: f64,
    /// Of expired sessions: right, true, reported.
    pub(crate) expired: (usize, usize, usize),
    /// Of denials: right, true, reported.
    pub(crate) denials: (usize, usize, usize),
    /// Of the hours with tokens out of which all can be known: those whose peak and time at the limit are right, and all.
    pub(crate) tokens: (usize, usize),
    /// Token lines that the logwatch lost, and tokens.
    pub(crate) lost: (usize, usize),
    /// What is wrong, in words for whoever looks for the reason.
    pub(crate) mistakes: Vec<String>,
}

const TOLERANCE: i64 = 2000;
/// By so many seconds the time at the limit of an hour may differ: its ends are cut to whole seconds.
const SECONDS_OF_AN_HOUR: i64 = 2;

impl Score {
    /// The score of one analysis.
    pub(crate) fn of(analysis: &Analysis, truth: &Truth, lab: &Laboratory) -> Self {
        // What is known of another feature is no part of the truth.
        let is_its = |feature: &Feature| *feature.name == *FEATURE;
        let analysis = &Analysis {
            sessions: analysis.sessions.iter().filter(|session| is_its(&session.feature)).cloned().collect(),
            holds: analysis.holds.iter().filter(|hold| is_its(&hold.feature)).cloned().collect(),
            denials: analysis.denials.iter().filter(|denial| is_its(&denial.feature)).cloned().collect(),
            ..Analysis::default()
        };
        let mut score = Self { lost: (truth.n_lost, truth.n_tokens), ..Self::default() };
        let who: HashMap<(&str, &str), usize> =
            truth.people.iter().enumerate().map(|(pair, (login, host))| ((&**login, &**host), pair)).collect();
        let pair_of = |who_: &Identity| who.get(&(who_.login(), who_.host())).copied();
        score.users(&days::addresses(&analysis.holds, lab.zone), truth, &pair_of);
        score.sessions(analysis, truth, &pair_of);
        score.denials(analysis, truth, &pair_of);
        score.tokens(analysis, truth, lab);
        score
    }

    /// From 0 to 1.
    pub(crate) fn tokens_share(&self) -> f64 {
        if self.tokens.1 == 0 { 1.0 } else { self.tokens.0 as f64 / self.tokens.1 as f64 }
    }

    fn tokens(&mut self, analysis: &Analysis, truth: &Truth, lab: &Laboratory) {
        let mut seats = Seats::always(u32::try_from(lab.seats).unwrap_or(u32::MAX));
        if lab.sharing {
            seats = seats.sharing(vec![(NaiveDate::MIN, Duplicates::By { user: true, host: true })]);
        }
        let found = seats::hours(&analysis.holds, &[], &seats, &Known::default(), lab.zone);
        let found: BTreeMap<(NaiveDate, u32), (i64, i64)> = found
            .iter()
            .map(|hour| ((hour.date, hour.hour), (hour.peak, hour.at_limit_s.unwrap_or_default())))
            .collect();
        for wanted in &truth.hours {
            let (peak, at_limit_s) = found.get(&(wanted.date, wanted.hour)).copied().unwrap_or_default();
            if wanted.peak == 0 && peak == 0 {
                continue;
            }
            let is_right = peak == wanted.peak && (at_limit_s - wanted.at_limit_s).abs() <= SECONDS_OF_AN_HOUR;
            self.tokens.0 += usize::from(is_right);
            self.tokens.1 += 1;
            if !is_right {
                self.mistakes.push(format!("tokens {wanted:?}: got {peak}, {at_limit_s} s"));
            }
        }
    }

    /// From 0 to 1.
    pub(crate) fn users_share(&self) -> f64 {
        let (right, wanted, invented) = self.users;
        if wanted + invented == 0 { 1.0 } else { right as f64 / (wanted + invented) as f64 }
    }

    /// From 0 to 1.
    pub(crate) fn sessions_f1(&self) -> f64 {
        f1(self.sessions)
    }

    /// From 0 to 1.
    pub(crate) fn expired_f1(&self) -> f64 {
        f1(self.expired)
    }

    /// From 0 to 1.
    pub(crate) fn denials_f1(&self) -> f64 {
        f1(self.denials)
    }

    /// How far the hours of a laboratory are off, as a share of its true hours.
    pub(crate) fn hours_error(&self) -> f64 {
        self.hours_off / self.hours.1.max(1e-9)
    }

    fn users(&mut self, days: &[days::UserDay], truth: &Truth, pair_of: &dyn Fn(&Identity) -> Option<usize>) {
        let mut got: BTreeMap<(NaiveDate, Option<usize>), BTreeSet<IpAddr>> = BTreeMap::new();
        for row in days {
            got.entry((row.date, pair_of(&row.who))).or_default().extend(row.ip);
        }
        let none = BTreeSet::new();
        for (&(date, pair), Addresses { must, may }) in &truth.users {
            let named = got.remove(&(date, Some(pair))).unwrap_or_default();
            let allowed = named.iter().all(|ip| matches!(ip, IpAddr::V4(ip) if may.contains(ip)));
            let right = allowed && must.iter().all(|ip| named.contains(&IpAddr::V4(*ip)));
            self.users.0 += usize::from(right && !must.is_empty());
            self.users.1 += usize::from(!must.is_empty());
            self.users.2 += usize::from(must.is_empty() && !allowed);
            let unsaid = must.is_empty() && allowed;
            if !(right || unsaid) {
                let (login, host) = &truth.people[pair];
                self.mistakes.push(format!("user {date} {login}@{host}: must {must:?} may {may:?} got {named:?}"));
            }
        }
        // A day without an address is no claim.
        for ((date, pair), named) in got.into_iter().filter(|(_, named)| *named != none) {
            self.users.2 += 1;
            let who = pair.map(|pair| &truth.people[pair]);
            self.mistakes.push(format!("user {date} {who:?}: invented {named:?}"));
        }
    }

    fn sessions(&mut self, analysis: &Analysis, truth: &Truth, pair_of: &dyn Fn(&Identity) -> Option<usize>) {
        let mut reported: HashMap<Option<usize>, Vec<(&Session, bool)>> = HashMap::new();
        for session in &analysis.sessions {
            reported.entry(pair_of(&session.who)).or_default().push((session, false));
            if session.state != State::Open {
                self.hours.0 += (session.end - session.start).num_seconds() as f64 / 3600.0;
            }
        }
        self.sessions = (0, truth.sessions.len(), analysis.sessions.len());
        self.expired.2 = analysis.sessions.iter().filter(|session| session.state == State::Expired).count();
        for wanted in &truth.sessions {
            if wanted.state != "open" {
                let seconds = wanted.end.div_euclid(1000) - wanted.start.div_euclid(1000);
                self.hours.1 += seconds as f64 / 3600.0;
            }
            self.expired.1 += usize::from(wanted.state == "expired");
            let candidates = reported.entry(Some(wanted.pair)).or_default();
            match candidates.iter_mut().find(|(session, used)| !used && agrees(session, wanted)) {
                Some((session, used)) => {
                    *used = true;
                    self.sessions.0 += 1;
                    let both = wanted.state == "expired" && session.state == State::Expired;
                    self.expired.0 += usize::from(both);
                    if !both && (wanted.state == "expired" || session.state == State::Expired) {
                        self.mistakes.push(format!("state {} got {:?}", words(wanted, truth), session.state));
                    }
                }
                None => self.mistakes.push(format!("missed {}", words(wanted, truth))),
            }
        }
        self.hours_off = (self.hours.0 - self.hours.1).abs();
        for (session, _) in reported.values().flatten().filter(|(_, used)| !used) {
            let Session { who, start, end, state, ip, .. } = session;
            self.mistakes.push(format!("invented {who} {start:?} .. {end:?} {state} {ip:?}"));
        }
    }

    fn denials(&mut self, analysis: &Analysis, truth: &Truth, pair_of: &dyn Fn(&Identity) -> Option<usize>) {
        let mut reported: Vec<(Option<usize>, i64, bool, bool)> =
            analysis.denials.iter().map(|d| (pair_of(&d.who), d.at.timestamp(), d.real, false)).collect();
        self.denials = (0, truth.denials.len(), reported.len());
        for wanted in &truth.denials {
            let found = reported.iter_mut().find(|(pair, at, real, used)| {
                let same = *pair == Some(wanted.pair) && *at == wanted.at.div_euclid(1000);
                !used && same && wanted.real.is_none_or(|wanted| wanted == *real)
            });
            match found {
                Some(found) => {
                    found.3 = true;
                    self.denials.0 += 1;
                }
                None => self.mistakes.push(format!("denial {:?} {wanted:?}", truth.people[wanted.pair])),
            }
        }
    }
}

fn f1((right, wanted, reported): (usize, usize, usize)) -> f64 {
    if wanted + reported == 0 { 1.0 } else { 2.0 * right as f64 / (wanted + reported) as f64 }
}

fn agrees(session: &Session, wanted: &TrueSession) -> bool {
    let within = |at: i64, (low, high): (i64, i64)| at >= low - TOLERANCE && at <= high + TOLERANCE;
    let open = session.state == State::Open;
    let start = within(session.start.timestamp_millis(), wanted.start_within);
    let end = within(session.end.timestamp_millis(), wanted.end_within);
    start && if open { wanted.may_be_open } else { wanted.state != "open" && end }
}

fn words(wanted: &TrueSession, truth: &Truth) -> String {
    let at = |ms: i64| super::dates::utc(ms).format("%m-%d %T").to_string();
    let (login, host) = &truth.people[wanted.pair];
    let ((a, b), (c, d)) = (wanted.start_within, wanted.end_within);
    format!(
        "{login}@{host} {} .. {} {} start {} – {} end {} – {} at {}",
        at(wanted.start),
        at(wanted.end),
        wanted.state,
        at(a),
        at(b),
        at(c),
        at(d),
        wanted.ip
    )
}

impl AddAssign for Score {
    fn add_assign(&mut self, other: Self) {
        let add = |a: &mut (usize, usize, usize), b: (usize, usize, usize)| *a = (a.0 + b.0, a.1 + b.1, a.2 + b.2);
        add(&mut self.users, other.users);
        add(&mut self.sessions, other.sessions);
        add(&mut self.expired, other.expired);
        add(&mut self.denials, other.denials);
        self.hours = (self.hours.0 + other.hours.0, self.hours.1 + other.hours.1);
        self.hours_off += other.hours_off;
        self.tokens = (self.tokens.0 + other.tokens.0, self.tokens.1 + other.tokens.1);
        self.lost = (self.lost.0 + other.lost.0, self.lost.1 + other.lost.1);
        self.mistakes.extend(other.mistakes);
    }
}
