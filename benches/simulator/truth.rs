//! What really happened, and how much of it the logs can tell.
//!
//! A token whose `OUT` and `IN` no log kept is not of the truth: nobody can know whose it was. Where one of the two was
//! lost, the other end may lie anywhere between the blocks around it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::net::Ipv4Addr;

use chrono::NaiveDate;

use super::{Laboratory, dates};

/// How a token ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Given back.
    Returned,
    /// Taken back by the server.
    Expired,
    /// The network dropped, and the client took another.
    Ghost,
    /// With the daemons.
    Restart,
}

/// All that is known of one token. Times are milliseconds since 1970.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is what one of the logs shows")]
pub(crate) struct RawToken {
    pub(crate) pair: usize,
    pub(crate) ip: Ipv4Addr,
    pub(crate) out: i64,
    pub(crate) out_shown: bool,
    pub(crate) back_shown: bool,
    pub(crate) end: Option<(i64, End)>,
    pub(crate) opened: i64,
    /// The last block before its connection was opened.
    pub(crate) before: Option<i64>,
    /// The first block that shows its connection.
    pub(crate) first_seen: Option<i64>,
    /// The last one.
    pub(crate) last_seen: Option<i64>,
    /// The first block that does not show it any more.
    pub(crate) gone: Option<i64>,
    /// The last block before its end.
    pub(crate) before_end: Option<i64>,
    /// Whether a block showed the server closing on a silent client.
    pub(crate) closing_seen: bool,
    /// Whether `lmstat` lists it at the end.
    pub(crate) listed: bool,
}

/// A refusal.
#[derive(Debug)]
pub(crate) struct RawDenial {
    pub(crate) pair: usize,
    pub(crate) at: i64,
    pub(crate) shown: bool,
}

/// A session, and within what bounds it can be known.
#[derive(Debug, Clone)]
pub(crate) struct TrueSession {
    pub(crate) pair: usize,
    pub(crate) ip: Ipv4Addr,
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// `closed`, `expired`, `presumed`, `open`.
    pub(crate) state: &'static str,
    pub(crate) start_within: (i64, i64),
    pub(crate) end_within: (i64, i64),
    /// Nothing shows that it has ended.
    pub(crate) may_be_open: bool,
}

/// The addresses of a pair on a day: those that must be found, those that may be named.
#[derive(Debug, Clone, Default)]
pub(crate) struct Addresses {
    pub(crate) must: BTreeSet<Ipv4Addr>,
    pub(crate) may: BTreeSet<Ipv4Addr>,
}

/// A refusal that a log shows.
#[derive(Debug, Clone)]
pub(crate) struct TrueDenial {
    pub(crate) pair: usize,
    pub(crate) at: i64,
    /// Whether it cost somebody time; `None` where that cannot be known, or is a matter of taste.
    pub(crate) real: Option<bool>,
}

/// How many tokens were out in an hour of the civil day, of which the logs can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TrueHour {
    pub(crate) date: NaiveDate,
    pub(crate) hour: u32,
    /// The most at once.
    pub(crate) peak: i64,
    /// For how many seconds all were out.
    pub(crate) at_limit_s: i64,
}

/// What really happened.
#[derive(Debug)]
pub(crate) struct Truth {
    /// Login and host of each pair.
    pub(crate) people: Vec<(String, String)>,
    /// In the order of their starts.
    pub(crate) sessions: Vec<TrueSession>,
    /// By day and pair.
    pub(crate) users: BTreeMap<(NaiveDate, usize), Addresses>,
    pub(crate) denials: Vec<TrueDenial>,
    /// The hours that are watched from their beginning to their end, and of which all is known.
    pub(crate) hours: Vec<TrueHour>,
    /// How many tokens there were, and how many of their lines the logwatch lost.
    pub(crate) n_tokens: usize,
    pub(crate) n_lost: usize,
}

/// A token as far as it can be known.
struct Known<'a> {
    raw: &'a RawToken,
    start_within: (i64, i64),
    end_within: (i64, i64),
    end: Option<i64>,
    state: &'static str,
    may_be_open: bool,
}

const MINUTE: i64 = 60_000;
const LONG: i64 = 400 * 24 * 60 * MINUTE;

impl Truth {
    /// Of a laboratory whose debug log begins at `log_from`.
    pub(crate) fn new(
        people: Vec<(String, String)>,
        tokens: &[RawToken],
        denials: &[RawDenial],
        log_from: i64,
        lab: &Laboratory,
    ) -> Self {
        let day = |ms| dates::local(ms, lab.zone).date_naive();
        let mut users: BTreeMap<(NaiveDate, usize), Addresses> = BTreeMap::new();
        let mut by_pair: BTreeMap<usize, Vec<Known<'_>>> = BTreeMap::new();
        let until = lab.span().1;
        let mut n_lost = 0;
        let from = lab.span().0;
        for raw in tokens {
            n_lost += usize::from(!raw.out_shown && raw.out >= from);
            n_lost += usize::from(!raw.back_shown && raw.end.is_some_and(|(at, _)| at >= from));
            if let Some(known) = known(raw, log_from, lab, until) {
                let mut date = day(known.start_within.0.max(raw.out - 24 * 60 * MINUTE));
                while date <= day(known.start_within.1) {
                    users.entry((date, raw.pair)).or_default().may.insert(raw.ip);
                    date = date.succ_opt().unwrap_or(NaiveDate::MAX);
                }
                if raw.out_shown {
                    users.entry((day(raw.out), raw.pair)).or_default().must.insert(raw.ip);
                }
                by_pair.entry(raw.pair).or_default().push(known);
            }
        }
        let mut sessions: Vec<TrueSession> = by_pair.values_mut().flat_map(|known| sessions(known, until)).collect();
        sessions.sort_by_key(|session| (session.start, session.pair));
        let denials = denials
            .iter()
            .filter(|denial| denial.shown || denial.at >= log_from)
            .map(|denial| TrueDenial { pair: denial.pair, at: denial.at, real: verdict(denial, tokens, log_from) })
            .collect();
        let hours = hours(tokens, log_from, lab);
        Self { people, sessions, users, denials, hours, n_tokens: tokens.len(), n_lost }
    }

    /// Writes `sessions.tsv`, `users.tsv` and `denials.tsv` into their files.
    pub(crate) fn write(
        &self,
        lab: &Laboratory,
        mut sessions: impl Write,
        mut users: impl Write,
        mut denials: impl Write,
    ) -> io::Result<()> {
        let at = |ms: i64| dates::local(ms, lab.zone).to_rfc3339();
        for s in &self.sessions {
            let (login, host) = &self.people[s.pair];
            let (start, end, ip, state) = (at(s.start), at(s.end), s.ip, s.state);
            let ((a, b), (c, d)) = (s.start_within, s.end_within);
            let (a, b, c, d) = (at(a), at(b), at(c), at(d));
            writeln!(sessions, "{login}\t{host}\t{start}\t{end}\t{ip}\t{state}\t{a}\t{b}\t{c}\t{d}")?;
        }
        for ((date, pair), Addresses { must, may }) in &self.users {
            let (login, host) = &self.people[*pair];
            let list = |all: &BTreeSet<Ipv4Addr>| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            writeln!(users, "{date}\t{login}\t{host}\t{}\t{}", list(must), list(may))?;
        }
        for denial in &self.denials {
            let (login, host) = &self.people[denial.pair];
            let real = denial.real.map_or("any", |real| if real { "true" } else { "false" });
            writeln!(denials, "{}\t{login}\t{host}\t{real}", at(denial.at))?;
        }
        Ok(())
    }
}

/// The hours of which all beginnings and ends of tokens are known to the second.
fn hours(tokens: &[RawToken], log_from: i64, lab: &Laboratory) -> Vec<TrueHour> {
    const HOUR: i64 = 3600;
    let second = |ms: i64| ms.div_euclid(1000);
    let (from, until) = (second(lab.span().0), second(lab.span().1));
    // Beginnings and ends, those first that give back; and stretches in which a token began or ended.
    let (mut steps, mut doubtful, mut held) = (Vec::new(), Vec::new(), Vec::new());
    for raw in tokens {
        let (out, end) = (second(raw.out), raw.end.map_or(until, |(at, _)| second(at)));
        match known(raw, log_from, lab, lab.span().1) {
            Some(known) => {
                let ends = raw.end.map(|_| known.end_within);
                doubtful.extend([Some(known.start_within), ends].into_iter().flatten().filter(|(a, b)| a != b));
                if known.may_be_open && raw.end.is_some() {
                    doubtful.push((raw.out, lab.span().1));
                }
            }
            None => doubtful.push((raw.out, end * 1000)),
        }
        held.push((if lab.sharing { raw.pair } else { held.len() }, out, end));
    }
    held.sort_unstable();
    // Tokens that are one: from the first of them that is out until the last.
    let mut together: Vec<(usize, i64, i64)> = Vec::new();
    for (whose, out, end) in held {
        match together.last_mut() {
            Some(last) if last.0 == whose && out <= last.2 => last.2 = last.2.max(end),
            _ => together.push((whose, out, end)),
        }
    }
    for (_, out, end) in together {
        // One that is taken and given back within a second was out.
        steps.extend([(out, 1_u8, 1), (end, if end > out { 0 } else { 2 }, -1)]);
    }
    steps.sort_unstable();
    let mut hours = Vec::new();
    let first = from.div_euclid(HOUR) * HOUR + HOUR;
    let (mut taken, mut next) = (0_i64, 0);
    let mut begin = first;
    while begin + HOUR <= until {
        let end = begin + HOUR;
        while steps.get(next).is_some_and(|step| step.0 < begin || (step.0 == begin && step.1 == 0)) {
            taken += steps[next].2;
            next += 1;
        }
        let (mut peak, mut at_limit_s, mut since) = (taken, 0, begin);
        let seats = i64::try_from(lab.seats).unwrap_or(i64::MAX);
        let is_full = |taken: i64| taken >= seats;
        while let Some((at, _, change)) = steps.get(next).filter(|step| step.0 < end) {
            at_limit_s += if is_full(taken) { at - since } else { 0 };
            since = *at;
            taken += change;
            peak = peak.max(taken);
            next += 1;
        }
        at_limit_s += if is_full(taken) { end - since } else { 0 };
        let is_known = doubtful.iter().all(|(a, b)| second(*b) < begin || second(*a) >= end);
        let civil = |at: i64| dates::local(at * 1000, lab.zone);
        let (date, hour) = (civil(begin).date_naive(), chrono::Timelike::hour(&civil(begin)));
        // The hour that autumn repeats is one row of two hours.
        let is_twice = [begin - HOUR, end].iter().any(|at| chrono::Timelike::hour(&civil(*at)) == hour);
        if is_known && !is_twice {
            hours.push(TrueHour { date, hour, peak, at_limit_s });
        }
        begin = end;
    }
    hours
}

fn known<'a>(raw: &'a RawToken, log_from: i64, lab: &Laboratory, until: i64) -> Option<Known<'a>> {
    let lmstat = lab.lmstat;
    let known_out = raw.out_shown || raw.out >= log_from;
    let listed = lmstat && raw.end.is_none() && raw.listed;
    let given_back = |end| matches!(end, End::Returned | End::Expired);
    let known_back = raw.end.filter(|&(at, end)| given_back(end) && (raw.back_shown || at >= log_from));
    if !(known_out || listed || known_back.is_some()) {
        return None;
    }
    let latest = raw.first_seen.or(raw.end.map(|(at, _)| at)).unwrap_or(until).max(raw.out);
    let start_within = match (known_out, listed) {
        (true, _) => (raw.out, raw.out),
        (false, true) => (raw.before.unwrap_or(raw.out - LONG).min(raw.out - MINUTE), latest),
        (false, false) => (raw.before.unwrap_or(raw.out - LONG).min(raw.out), latest),
    };
    let (end_within, state, may_be_open) = match (raw.end, known_back) {
        (None, _) => ((raw.out, until), "open", true),
        (_, Some((at, end))) => {
            ((at, at), if end == End::Expired && raw.closing_seen { "expired" } else { "closed" }, false)
        }
        (Some((at, _)), None) => {
            let earliest = [raw.last_seen, raw.before_end].into_iter().flatten().min().unwrap_or(raw.out);
            let latest = raw.gone.unwrap_or(until).max(at);
            ((earliest.clamp(raw.out.min(at), at), latest), "presumed", raw.gone.is_none() && (!lmstat || lab.cut_list))
        }
    };
    Some(Known { raw, start_within, end_within, end: raw.end.map(|(at, _)| at), state, may_be_open })
}

/// The tokens of one pair, in the order of their `OUT`s, into sessions.
fn sessions(tokens: &mut [Known<'_>], until: i64) -> Vec<TrueSession> {
    let second = |ms: i64| ms.div_euclid(1000);
    tokens.sort_by_key(|token| token.raw.out);
    let mut sessions: Vec<TrueSession> = Vec::new();
    for token in tokens {
        let end = token.end.unwrap_or(until);
        match sessions.last_mut() {
            Some(last) if last.state == "open" || second(token.raw.out) <= second(last.end) + 1 => {
                let (a, b) = (last.start_within, token.start_within);
                last.start_within = (a.0.min(b.0), a.1.min(b.1));
                let (a, b) = (last.end_within, token.end_within);
                last.end_within = (a.0.max(b.0), a.1.max(b.1));
                last.may_be_open |= token.may_be_open;
                if token.state == "open" || (last.state != "open" && end >= last.end) {
                    last.state = token.state;
                }
                last.end = last.end.max(end);
            }
            _ => sessions.push(TrueSession {
                pair: token.raw.pair,
                ip: token.raw.ip,
                start: token.raw.out,
                end,
                state: token.state,
                start_within: token.start_within,
                end_within: token.end_within,
                may_be_open: token.may_be_open,
            }),
        }
    }
    sessions
}

fn verdict(denial: &RawDenial, tokens: &[RawToken], log_from: i64) -> Option<bool> {
    let second = |ms: i64| ms.div_euclid(1000);
    let from = tokens.partition_point(|token| token.out <= denial.at);
    let soon = tokens[from..]
        .iter()
        .take_while(|token| second(token.out) - second(denial.at) <= 3)
        .find(|token| token.pair == denial.pair);
    match soon {
        None => Some(true),
        Some(token) if token.out >= log_from || token.out_shown => {
            (second(token.out) - second(denial.at) <= 2).then_some(false)
        }
        Some(_) => None,
    }
}
