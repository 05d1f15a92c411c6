//! Evidence into rows: one pure function, a calendar month (UTC) at a time.
//!
//! A month is derived from the evidence of its days and of the week behind it, from the carry of the month before, and from
//! the settings and names of its days. Each derived month says what it was derived from, as a hash: one whose inputs are as
//! they were is not derived again. So a night derives the month that has new lines, and goes on from there only as long as
//! what a month hands on is another thing than before; and a rebuild of everything comes out the same.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::ops::RangeInclusive;

use chrono::{DateTime, Days, Duration, FixedOffset, NaiveDate, Utc};
use xxhash_rust::xxh3::Xxh3;

use crate::config::TraceSettings;
use crate::evidence::{BREAK, Evidence, EvidenceError, Kind, answers};
use crate::finding::{Files, Finding, Kind as Found, Place};
use crate::ledger::{Changing, Chapter, Ledger, LedgerError, Month};
use crate::parse::datetime::start_of_day;
use crate::parse::logwatch::{Block, Reader};
use crate::parse::{flexnet, lmstat};
use crate::privacy::Veil;
use crate::source::Source;
use crate::trace::attribute::short_name;
use crate::trace::{self, Analysis, Carry, Naming, Span, Traces, Watcher};

/// What a month's rows depend on beside its inputs: raised whenever the derivation changes, so that all is derived anew.
const VERSION: u32 = 5;
/// How far behind its month a derivation looks: for how tokens that are out end, and for habits.
const LOOK: Duration = Duration::days(7);
/// What is dated later than the evidence's own newest moment by more than this is of a clock that was wrong.
const AHEAD: Duration = Duration::days(1);

/// Why evidence cannot become rows.
#[derive(Debug, thiserror::Error)]
pub enum DerivationError {
    /// Evidence could not be read.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The ledger could not be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The DHCP names of addresses, each with the day from which on it had it, in the order of the days.
pub type DhcpNames = HashMap<IpAddr, Vec<(NaiveDate, String)>>;

/// The evidence of one licence, and all that its rows depend on beside it.
#[derive(Debug)]
pub struct Derivation<'a> {
    evidence: &'a Evidence,
    settings: &'a TraceSettings,
    names: DhcpNames,
    /// The addresses that ever had a short name.
    addresses: HashMap<String, BTreeSet<IpAddr>>,
    /// The ports and the addresses that the licence server ever had: what it has today is nobody else's of long ago.
    ports: Vec<u16>,
    servers: Vec<IpAddr>,
    as_of: DateTime<Utc>,
    veil: Option<Veil>,
}

/// A month that is to be derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The month.
    pub month: Month,
    /// Whether evidence ends with it: what is out is finished, and nothing is handed on.
    pub is_last: bool,
}

impl<'a> Derivation<'a> {
    /// Of evidence that is known as of a moment.
    pub fn new(evidence: &'a Evidence, settings: &'a TraceSettings, names: DhcpNames, as_of: DateTime<Utc>) -> Self {
        let (ports, servers) = (vec![settings.port], settings.server.into_iter().collect());
        let mut addresses: HashMap<String, BTreeSet<IpAddr>> = HashMap::new();
        for (ip, names) in &names {
            for (_, name) in names {
                addresses.entry(short_name(name)).or_default().insert(*ip);
            }
        }
        Self { evidence, settings, names, addresses, ports, servers, as_of, veil: None }
    }

    /// The same, of a licence server that had other ports and addresses before.
    #[must_use]
    pub fn with_earlier(mut self, ports: Vec<u16>, servers: Vec<IpAddr>) -> Self {
        self.ports.extend(ports);
        self.servers.extend(servers);
        self.ports.sort_unstable();
        self.ports.dedup();
        self.servers.sort_unstable();
        self.servers.dedup();
        self
    }

    /// The same, of a laboratory that forgets: what is handed on from before the horizon bears pseudonyms.
    #[must_use]
    pub fn with_veil(self, veil: Option<Veil>) -> Self {
        Self { veil, ..self }
    }

    /// What is known at a moment of a month, by what was known before the month.
    pub fn carry_at(&self, at: DateTime<Utc>, month: Month, before: &Carry) -> Result<Carry, EvidenceError> {
        let span = Span { until: at, ..month.span() };
        let (traces, _) = self.traces(&span, before)?;
        Ok(self.analysed(&traces, before, &span).carry)
    }

    /// The months that have evidence, in their order. Behind a whole month without any, nothing is known of what was out before.
    pub fn steps(&self) -> Vec<Step> {
        let mut months = BTreeSet::new();
        for kind in Kind::ALL {
            for day in self.evidence.days(kind).keys() {
                // A zone's midnight is not that of UTC.
                for near in [day.pred_opt(), Some(*day), day.succ_opt()].into_iter().flatten() {
                    months.insert(Month::of(near));
                }
            }
        }
        let newest = Month::of((self.as_of + AHEAD).date_naive());
        // What is forgotten is no month any more, whatever a zone's midnight touches of it.
        let edge = self.evidence.first_kept().map(|first| start_of_day(first, self.settings.timezone));
        let is_kept = |month: &Month| edge.is_none_or(|edge| month.span().until > edge);
        let months: Vec<Month> = months.into_iter().filter(|month| *month <= newest && is_kept(month)).collect();
        let is_followed = |at: usize| months.get(at + 1).is_some_and(|next| *next == months[at].next());
        (0..months.len()).map(|at| Step { month: months[at], is_last: !is_followed(at) }).collect()
    }

    /// What is derived of a month.
    pub fn derive(&self, step: Step, carry: &Carry) -> Result<Analysis, EvidenceError> {
        let span = self.span(step);
        let (traces, mut findings) = self.traces(&span, carry)?;
        let mut analysis = self.analysed(&traces, carry, &span);
        findings.append(&mut analysis.findings);
        Ok(Analysis { findings, ..analysis })
    }

    fn analysed(&self, traces: &Traces, carry: &Carry, span: &Span) -> Analysis {
        let name = |ip: IpAddr, at: DateTime<Utc>| self.name_at(ip, at);
        let address = |host: &str, at: DateTime<Utc>| {
            let is_its = |ip: &&IpAddr| self.name_at(**ip, at).is_some_and(|name| short_name(&name) == host);
            let mut found = self.addresses.get(host).into_iter().flatten().filter(is_its);
            found.next().copied().filter(|_| found.next().is_none())
        };
        trace::analyse(
            traces,
            carry,
            span,
            self.settings,
            Naming { name: &name, address: &address, veil: self.veil.as_ref() },
        )
    }

    /// The stretch of time of a month.
    pub fn span(&self, step: Step) -> Span {
        let span = step.month.span();
        Span { as_of: step.is_last.then_some(self.as_of.min(span.until + LOOK).max(span.from)), ..span }
    }

    /// The traces of a stretch and of a week more, and what could not be read in them.
    pub fn traces(&self, span: &Span, carry: &Carry) -> Result<(Traces, Vec<Finding>), EvidenceError> {
        let mut findings = Vec::new();
        let watch = self.watch(span, carry, &mut findings)?;
        let debug_log = self.debug_log(span, carry, &mut findings)?;
        let lmstat = self.lmstat(span, &mut findings)?;
        Ok((Traces { watch, debug_log, lmstat }, findings))
    }

    fn window(span: &Span) -> RangeInclusive<NaiveDate> {
        let day = |at: DateTime<Utc>| at.date_naive();
        let (first, last) = (day(span.from) - Days::new(1), day(span.until + LOOK) + Days::new(1));
        first..=last
    }

    /// The files of a kind in a stretch, one behind the other.
    fn files(&self, kind: Kind, days: &RangeInclusive<NaiveDate>) -> Files {
        let (mut files, mut n_lines) = (Files::default(), 0);
        for (day, info) in self.evidence.days(kind).range(days.clone()) {
            files.push(n_lines, &self.evidence.name_of_file(kind, *day));
            n_lines += info.lines;
        }
        files
    }

    fn watch(
        &self,
        span: &Span,
        carry: &Carry,
        findings: &mut Vec<Finding>,
    ) -> Result<Option<trace::Watch>, EvidenceError> {
        let days = Self::window(span);
        let files = self.files(Kind::Logwatch, &days);
        let mut watcher = Watcher::new(files.clone(), self.servers.clone());
        watcher.resume(carry);
        if files == Files::default() {
            return Ok(carry.watched.map(|_| watcher.finish()));
        }
        let collecting = carry.watched.is_some_and(|(_, collecting)| collecting);
        let input = self.evidence.read(Kind::Logwatch, days);
        let mut reader = Reader::of_evidence(input, files, self.settings.timezone, &self.ports)
            .until(self.as_of + AHEAD)
            .within(span.from, span.until, collecting);
        let mut last = None;
        let mut block = Block::default();
        let until = span.until + LOOK;
        while reader.read(&mut block).map_err(EvidenceError::Io)? {
            if span.from <= block.at && block.at < until {
                watcher.see(&block);
                last = Some(block.at.with_timezone(&self.settings.timezone).date_naive());
            }
        }
        findings.extend(reader.take_findings());
        if let Some(day) = last {
            let wrong = wrong_site(reader.local_ends(), &self.ports, &self.servers);
            findings.extend(wrong.map(|(kind, detail)| Finding::new(kind, Place::whole("logwatch"), detail).of(day)));
        }
        Ok(Some(watcher.finish()))
    }

    fn debug_log(
        &self,
        span: &Span,
        carry: &Carry,
        findings: &mut Vec<Finding>,
    ) -> Result<Option<flexnet::DebugLog>, EvidenceError> {
        let days = Self::window(span);
        let mut texts = Vec::new();
        for day in self.evidence.days(Kind::DebugLog).range(days).map(|(day, _)| *day) {
            if let Some(text) = self.evidence.text(Kind::DebugLog, day)? {
                texts.push((day, Source::from_bytes(&self.evidence.name_of_file(Kind::DebugLog, day), &text)));
            }
        }
        if texts.is_empty() {
            return Ok(None);
        }
        let days = texts.iter().map(|(day, text)| (*day, text));
        let offset = carry.log_offset_s.and_then(FixedOffset::east_opt);
        let parsed = flexnet::parse(days, self.settings.timezone, (span.from, span.until), offset);
        findings.extend(parsed.findings);
        let mut log = parsed.items;
        self.reach_edge(&texts, &mut log);
        let latest = (self.as_of + AHEAD).min(span.until + LOOK);
        if let Some(late) = log.events.iter().find(|event| event.at > self.as_of + AHEAD) {
            let at = late.at.with_timezone(&self.settings.timezone).naive_local().to_string();
            findings.push(Finding::new(Found::DateInFuture, log.files.place(late.line), at));
        }
        log.events.retain(|event| event.at <= latest);
        log.stretches.retain(|stretch| stretch.0 <= latest);
        log.last = log.last.map(|last| last.min(latest));
        Ok(Some(log))
    }

    /// Lets a debug log begin where what is older is forgotten, if no line between there and its first one is missing.
    fn reach_edge(&self, texts: &[(NaiveDate, Source)], log: &mut flexnet::DebugLog) {
        let first = texts.first().filter(|(day, _)| Some(*day) == self.evidence.first_kept());
        let Some((day, _)) = first.filter(|(_, text)| !text.text().as_bytes().starts_with(&[BREAK])) else { return };
        let edge = start_of_day(*day, self.settings.timezone);
        if let Some((since, _)) = log.stretches.first_mut()
            && *since - edge <= flexnet::MOST_SILENCE
        {
            *since = edge.min(*since);
        }
    }

    fn lmstat(&self, span: &Span, findings: &mut Vec<Finding>) -> Result<Vec<lmstat::Lmstat>, EvidenceError> {
        let mut found = Vec::new();
        let zone = self.settings.timezone;
        for day in self.evidence.days(Kind::Lmstat).range(Self::window(span)).map(|(day, _)| *day) {
            let name = self.evidence.name_of_file(Kind::Lmstat, day);
            let text = self.evidence.text(Kind::Lmstat, day)?.unwrap_or_default();
            for text in answers(&text) {
                let parsed = lmstat::parse(&Source::from_bytes(&name, text));
                let at = parsed.items.at.map(|at| crate::parse::datetime::civil_moment(at, zone, None));
                if at.is_some_and(|at| span.contains(at)) {
                    let day = at.map(|at| at.with_timezone(&zone).date_naive());
                    findings.extend(parsed.findings.into_iter().map(|finding| Finding { day, ..finding }));
                }
                if at.is_some_and(|at| span.from <= at && at < span.until + LOOK) {
                    found.push(parsed.items);
                }
            }
        }
        Ok(found)
    }

    /// The DHCP name of an address at a moment: the last that it was given by then, else the first that is known.
    fn name_at(&self, ip: IpAddr, at: DateTime<Utc>) -> Option<String> {
        let names = self.names.get(&ip)?;
        let day = at.with_timezone(&self.settings.timezone).date_naive();
        let by_then = names.partition_point(|(since, _)| *since <= day);
        let (_, name) = names.get(by_then.saturating_sub(1))?;
        Some(name.clone()).filter(|name| !name.is_empty())
    }

    /// A hash of all that a month is derived from. `handed_on` is that of the carry.
    fn inputs(&self, step: Step, handed_on: &str) -> String {
        let mut hash = Xxh3::new();
        let settings = self.settings;
        let TraceSettings { timezone, stale_after, licence, .. } = settings;
        let Self { ports, servers, .. } = self;
        let most = settings.most_seats();
        hash.update(
            format!("{VERSION} {timezone} {servers:?} {ports:?} {stale_after:?} {licence} {most:?} {handed_on}")
                .as_bytes(),
        );
        let span = self.span(step);
        if let Some(as_of) = span.as_of {
            hash.update(format!(" as of {as_of}").as_bytes());
        }
        for kind in Kind::ALL {
            hash.update(kind.name().as_bytes());
            for (day, info) in self.evidence.days(kind).range(Self::window(&span)) {
                hash.update(format!(" {day} {:x}", info.hash).as_bytes());
            }
        }
        hash.update(&self.names_by(span.until).to_le_bytes());
        format!("{:x}", hash.digest128())
    }

    /// A hash of the names that tokens of before a moment can be told by.
    fn names_by(&self, until: DateTime<Utc>) -> u128 {
        let last = until.with_timezone(&self.settings.timezone).date_naive();
        let mut all: Vec<(IpAddr, &NaiveDate, &str)> = Vec::new();
        for (ip, names) in &self.names {
            let known = names.iter().enumerate().filter(|(at, (since, _))| *at == 0 || *since <= last);
            all.extend(known.map(|(_, (since, name))| (*ip, since, name.as_str())));
        }
        all.sort_unstable();
        let mut hash = Xxh3::new();
        for (at, (ip, since, name)) in all.iter().enumerate() {
            // The first name of an address is that of all days before, too: when it was first met matters to none.
            let is_first = at == 0 || all[at - 1].0 != *ip;
            let since = if is_first { NaiveDate::MIN } else { **since };
            hash.update(format!("{ip} {since} {name}\n").as_bytes());
        }
        hash.digest128()
    }
}

/// What is derived of some days, month by month, with the traces that it is derived from: what rows do not keep.
pub fn analyses(
    derivation: &Derivation<'_>,
    ledger: &Ledger,
    days: RangeInclusive<NaiveDate>,
    take: &mut dyn FnMut(&Analysis, &Traces),
) -> Result<(), DerivationError> {
    let chapters = ledger.chapters(&derivation.settings.licence)?;
    let mut before: Option<Step> = None;
    for step in derivation.steps() {
        let (first, last) = (step.month.first(), step.month.next().first());
        let is_wanted = days.start() <= &last && days.end() >= &(first - Days::new(1));
        if is_wanted {
            let known = before.filter(|before| !before.is_last).map(|before| before.month);
            let given = chapters.iter().find(|(_, chapter)| chapter.is_given).map(|(month, _)| *month);
            let carry = match known.or(given.filter(|given| before.is_none() && *given < step.month)) {
                Some(month) if chapters.contains_key(&month) => ledger.carry(&derivation.settings.licence, month)?,
                _ => Carry::default(),
            };
            let span = derivation.span(step);
            let (traces, _) = derivation.traces(&span, &carry)?;
            take(&derivation.analysed(&traces, &carry, &span), &traces);
        }
        before = Some(step);
    }
    Ok(())
}

/// What in the configuration no connection of a logwatch has: the port, or the server's own address; beside it, what they have.
pub fn wrong_site(ends: &BTreeSet<(IpAddr, u16)>, ports: &[u16], servers: &[IpAddr]) -> Option<(Found, String)> {
    let told = |known: Vec<String>, found: BTreeSet<String>| {
        format!("{} ≠ {}", known.join(", "), found.into_iter().take(5).collect::<Vec<_>>().join(", "))
    };
    let ours: Vec<_> = ends.iter().filter(|(_, port)| ports.contains(port)).collect();
    if ends.is_empty() || ports.is_empty() {
        return None;
    }
    if ours.is_empty() {
        let found = ends.iter().map(|(_, port)| port.to_string()).collect();
        return Some((Found::WrongPort, told(ports.iter().map(u16::to_string).collect(), found)));
    }
    let servers: Vec<IpAddr> = servers.iter().map(IpAddr::to_canonical).collect();
    if servers.is_empty() || ours.iter().any(|(ip, _)| servers.contains(&ip.to_canonical())) {
        return None;
    }
    let found = ours.iter().map(|(ip, _)| ip.to_canonical().to_string()).collect();
    Some((Found::WrongAddress, told(servers.iter().map(IpAddr::to_string).collect(), found)))
}

/// A hash of what a month hands on.
fn hash_of(carry: &Carry) -> String {
    let mut hash = Xxh3::new();
    // A struct of plain values is always JSON.
    hash.update(&serde_json::to_vec(carry).unwrap_or_default());
    format!("{:x}", hash.digest128())
}

/// What an update did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Updated {
    /// The months that were derived anew.
    pub months: Vec<Month>,
}

/// Derives what has other inputs than the ledger knows of, and puts it there. Evidence of days to come is named, and waits.
pub fn update(
    derivation: &Derivation<'_>,
    ledger: &mut Changing<'_>,
    tell: &dyn Fn(Month),
) -> Result<Updated, DerivationError> {
    let zone = derivation.settings.timezone;
    let chapters = ledger.chapters()?;
    let mut updated = Updated::default();
    let mut left: BTreeSet<Month> =
        chapters.iter().filter(|(_, chapter)| !chapter.is_given).map(|(month, _)| *month).collect();
    let given = chapters.iter().find(|(_, chapter)| chapter.is_given);
    let mut before = None;
    let mut carry: Option<Carry> = None;
    for (index, step) in derivation.steps().into_iter().enumerate() {
        left.remove(&step.month);
        if let Some((month, chapter)) = given.filter(|(month, _)| index == 0 && **month < step.month) {
            before = Some((Some(*month), chapter.hands_on.clone()));
        }
        let (from, handed_on) = before.take().unwrap_or_else(|| (None, hash_of(&Carry::default())));
        let inputs = derivation.inputs(step, &handed_on);
        let known = chapters.get(&step.month).filter(|chapter| !chapter.is_given && chapter.inputs == inputs);
        let hands_on = if let Some(known) = known {
            carry = None;
            known.hands_on.clone()
        } else {
            tell(step.month);
            let own = match (carry.take(), from) {
                (Some(carry), _) => carry,
                (None, Some(month)) => ledger.carry(month)?,
                (None, None) => Carry::default(),
            };
            let mut analysis = derivation.derive(step, &own)?;
            let handed = if step.is_last { Carry::default() } else { std::mem::take(&mut analysis.carry) };
            // What was out is finished where evidence ends, whatever came before.
            let hands_on = hash_of(&handed);
            let chapter = Chapter { inputs, hands_on: hands_on.clone(), is_given: false };
            ledger.put(step.month, &chapter, &handed, &analysis, zone)?;
            updated.months.push(step.month);
            carry = Some(handed);
            hands_on
        };
        before = Some((Some(step.month), hands_on));
    }
    for month in left {
        ledger.forget(month, zone)?;
        updated.months.push(month);
    }
    Ok(updated)
}

/// All months one after the other, as one analysis: for whoever keeps no ledger. Its list and its tokens in detail are those
/// of the last month.
pub fn derive_all(derivation: &Derivation<'_>) -> Result<Analysis, EvidenceError> {
    let mut all = Analysis::default();
    let mut carry = Carry::default();
    for step in derivation.steps() {
        let mut analysis = derivation.derive(step, &carry)?;
        carry = if step.is_last { Carry::default() } else { std::mem::take(&mut analysis.carry) };
        all.tokens.append(&mut analysis.tokens);
        all.holds.append(&mut analysis.holds);
        all.denials.append(&mut analysis.denials);
        all.sessions.append(&mut analysis.sessions);
        all.coverage.append(&mut analysis.coverage);
        all.in_use.append(&mut analysis.in_use);
        all.findings.append(&mut analysis.findings);
        (all.list, all.held) = (analysis.list, analysis.held);
    }
    all.tokens.sort_by_key(|token| token.at);
    all.holds.sort();
    all.sessions.sort_by(|a, b| (a.start, &a.who, &a.feature).cmp(&(b.start, &b.who, &b.feature)));
    Ok(all)
}

/// Names the evidence of days that have not come as of a moment.
pub fn of_days_to_come(evidence: &Evidence, as_of: DateTime<Utc>) -> Vec<Finding> {
    let last = (as_of + AHEAD + Duration::days(1)).date_naive();
    let days = Kind::ALL.into_iter().flat_map(|kind| evidence.days(kind).keys().map(move |day| (kind, *day)));
    let late = days.filter(|(_, day)| *day > last);
    late.map(|(kind, day)| {
        // The first line is a mark.
        let place = Files::one(&evidence.name_of_file(kind, day)).place(2);
        Finding::new(Found::DateInFuture, place, day.to_string())
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_or_an_address_that_no_connection_has_is_told_with_what_they_have() {
        let end = |ip: &str, port| (ip.parse::<IpAddr>().unwrap(), port);
        let server = ["10.0.0.1".parse().unwrap()];
        let told = |ends: &[(IpAddr, u16)], ports: &[u16], servers: &[IpAddr]| {
            wrong_site(&ends.iter().copied().collect(), ports, servers)
        };
        let own = [end("::ffff:10.0.0.1", 60213), end("10.0.0.1", 27000)];
        assert_eq!(told(&own, &[60213], &server), None);
        assert_eq!(told(&own, &[60213, 60214], &server), None, "it had another before");
        assert_eq!(told(&[], &[60213], &server), None, "nobody was connected");
        assert_eq!(told(&own, &[60214], &server), Some((Found::WrongPort, "60214 ≠ 27000, 60213".to_owned())));
        let other = [end("10.0.0.2", 60213)];
        assert_eq!(told(&other, &[60213], &server), Some((Found::WrongAddress, "10.0.0.1 ≠ 10.0.0.2".to_owned())));
        assert_eq!(told(&other, &[60213], &[]), None, "its address is not known");
    }
}
