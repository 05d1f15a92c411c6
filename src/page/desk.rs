//! The ledger as one reader sees it. Rows of other departments are not asked for, so that nothing made of them can show.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Days as Off, NaiveDate, Utc};
use chrono_tz::Tz;

use super::cache::{Cache, HoursKey};
use super::query::Query;
use crate::config::{Config, TraceSettings};
use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::ledger::{DayUse, Ledger, LedgerError, Order, Part, Search, Tally};
use crate::model::{Denial, Hold, Identity, Machine, SessionRow, folded};
use crate::pipeline::{Days, Memory, seats};
use crate::privacy::Veil;
use crate::report::scope::Audience;
use crate::texts::{Language, Texts};
use crate::trace::seats::{HourCounts, Known, SeatHour, Seats, counted_hours, known_hours};

/// Somebody, and where they were; nobody, where the search does not find them.
type Seen = Option<(Identity, Option<(IpAddr, Machine)>)>;
/// Days, each added up.
type DayTallies = Vec<(NaiveDate, Arc<Tally>)>;
/// The first and the last of some days, and these.
type Asked = ((NaiveDate, NaiveDate), Arc<DayTallies>);

/// What one request works with.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    pub(super) config: &'a Config,
    cache: &'a Cache,
    pub(super) audience: Audience,
    pub(super) texts: &'static Texts,
    pub(super) query: Query,
    /// The moment that the last night knew of.
    pub(super) latest: DateTime<Utc>,
    ledger: Ledger,
    /// The days that this request asked for last, added up.
    asked: RefCell<Option<Asked>>,
    /// What this reader sees names through.
    veil: Option<Veil>,
}

impl<'a> Desk<'a> {
    /// Opens the ledger for an audience; why it cannot be asked, where it cannot.
    pub(super) fn open(
        config: &'a Config,
        cache: &'a Cache,
        audience: Audience,
        language: Language,
        query: Option<&str>,
    ) -> Result<Self, String> {
        let texts = language.texts();
        let told = |error: LedgerError| error.to_string();
        let found = Ledger::open_to_read(&Memory::path(config)).map_err(told)?;
        let none = || texts.get("page.before_the_first_night").to_owned();
        let veil = Veil::open(&config.output.directory).ok().flatten();
        let ledger = found.ok_or_else(none)?.lean().showing(config.origin.feature.as_deref()).under(veil.clone());
        let latest = ledger.latest().map_err(told)?.ok_or_else(none)?;
        let sees_pseudonyms = config.privacy.heads_see_pseudonyms && audience != Audience::Everyone;
        let veil = veil.filter(|_| sees_pseudonyms);
        if sees_pseudonyms && veil.is_none() {
            return Err(texts.get("page.no_key").to_owned());
        }
        let asked = RefCell::default();
        Ok(Self { asked, config, cache, audience, texts, query: Query::of(query), latest, ledger, veil })
    }

    /// A word of the page.
    pub(super) fn said(&self, name: &str) -> String {
        self.texts.get(&format!("page.{name}")).to_owned()
    }

    /// The title of a column.
    pub(super) fn column(&self, name: &str) -> String {
        self.texts.find(&format!("column.{name}")).unwrap_or(name).to_owned()
    }

    /// The site's zone.
    pub(super) fn zone(&self) -> Tz {
        self.config.site.timezone
    }

    /// The day of the last night.
    pub(super) fn today(&self) -> NaiveDate {
        self.latest.with_timezone(&self.zone()).date_naive()
    }

    /// Whether everything may be seen.
    pub(super) fn sees_all(&self) -> bool {
        self.audience == Audience::Everyone
    }

    /// The days that are asked for; so many up to the last night's, where none are.
    pub(super) fn days(&self, usual: u64) -> Days {
        let last = self.query.day("until").unwrap_or_else(|| self.today());
        let usual = last.checked_sub_days(Off::new(usual - 1)).unwrap_or(last);
        let first = self.query.day("since").unwrap_or(usual);
        Days { first: first.min(last), last: last.max(first) }
    }

    /// The same for what has a figure for each day: of ten years at most.
    pub(super) fn drawn_days(&self, usual: u64) -> Days {
        const MOST: u64 = 3660;
        let days = self.days(usual);
        let first = days.last.checked_sub_days(Off::new(MOST)).unwrap_or(days.first);
        Days { first: days.first.max(first), ..days }
    }

    /// A search of some days, within what may be seen.
    pub(super) fn search(&self, days: Days) -> Search {
        Search { within: self.audience.departments(), ..Search::of_days(days.first, days.last) }
    }

    /// All rows of a search.
    pub(super) fn rows(&self, search: &Search) -> Result<Vec<SessionRow>, LedgerError> {
        let mut rows = Vec::new();
        self.each(search, &mut |row| rows.push(row))?;
        Ok(rows)
    }

    /// Gives the rows of a search one by one: those of years would fill the memory.
    pub(super) fn each(&self, search: &Search, take: &mut dyn FnMut(SessionRow)) -> Result<(), LedgerError> {
        let Some(veil) = &self.veil else {
            return self.ledger.search(search, self.zone(), &mut |row| {
                take(row);
                true
            });
        };
        self.ledger.search(&without_names(search), self.zone(), &mut |row| {
            let row = veil.row(&row);
            if is_row_found(search, &row) {
                take(row);
            }
            true
        })
    }

    /// Days in their order, each added up.
    fn tallies(&self, first: NaiveDate, last: NaiveDate) -> Result<Arc<DayTallies>, LedgerError> {
        if let Some((days, tallies)) = &*self.asked.borrow()
            && *days == (first, last)
        {
            return Ok(Arc::clone(tallies));
        }
        let mut tallies = Vec::new();
        for (day, stamp) in self.ledger.stamps(first, last)? {
            let make = || self.ledger.tally(day, self.zone()).map(Arc::new);
            tallies.push((day, self.cache.tallies.get_or_insert_with(&(day, stamp), make)?));
        }
        let tallies = Arc::new(tallies);
        *self.asked.borrow_mut() = Some(((first, last), Arc::clone(&tallies)));
        Ok(tallies)
    }

    /// Adds up the days of which nobody has asked anything yet.
    pub(super) fn read_ahead(&self) -> Result<(), LedgerError> {
        self.tallies(NaiveDate::MIN, NaiveDate::MAX).map(drop)
    }

    /// Gives what was used on the days of a search, by day, person and place.
    pub(super) fn uses(&self, search: &Search, take: &mut dyn FnMut(&DayUse<'_>)) -> Result<(), LedgerError> {
        let tallies = self.tallies(search.first, search.last)?;
        let Some(veil) = &self.veil else { return self.ledger.uses(search, &tallies, self.zone(), take) };
        let mut seen: HashMap<_, Seen> = HashMap::new();
        self.ledger.uses(&without_names(search), &tallies, self.zone(), &mut |used| {
            let seen = seen.entry(used.key()).or_insert_with(|| {
                let (who, place) = veil.sight(used.who, used.place);
                is_found(search, &who, place.as_ref()).then_some((who, place))
            });
            if let Some((who, place)) = seen {
                take(&used.seen_as(who, place.as_ref()));
            }
        })
    }

    /// The hours of some days with tokens out or refusals, as far as they may be seen, and those of which something is not known.
    pub(super) fn hours(&self, days: Days, seats: &Seats, known: &Known) -> Result<Vec<SeatHour>, LedgerError> {
        let (audience, of_key) = (Arc::new(self.audience.clone()), Arc::new(seats.clone()));
        let mut counts = HourCounts::new();
        for (day, stamp) in self.ledger.stamps(days.first, days.last)? {
            let key = HoursKey { day, stamp, audience: Arc::clone(&audience), seats: Arc::clone(&of_key) };
            let make = || {
                let one = Days { first: day, last: day };
                let mut hours = counted_hours(&self.holds(one)?, &self.denials(one)?, seats, self.zone());
                hours.retain(|(date, _), _| *date == day);
                Ok::<_, LedgerError>(Arc::new(hours))
            };
            let hours = self.cache.hours.get_or_insert_with(&key, make)?;
            counts.extend(hours.iter().map(|(hour, count)| (*hour, *count)));
        }
        let mut hours = known_hours(counts, seats, known, self.zone());
        hours.retain(|hour| days.contains(hour.date));
        Ok(hours)
    }

    /// A part of the rows of a search, and how many there are.
    pub(super) fn part(&self, search: &Search, part: Part) -> Result<(Vec<SessionRow>, usize), LedgerError> {
        if self.veil.is_none() {
            return self.ledger.part(search, part, &self.tallies(search.first, search.last)?, self.zone());
        }
        // Names that are not shown are not searched, and rows are in no order that tells them.
        let mut rows = self.rows(search)?;
        rows.sort_by_cached_key(|row| (sort_key(part.order, row), row.start));
        if part.is_reversed {
            rows.reverse();
        }
        let total = rows.len();
        Ok((rows.into_iter().skip(part.from).take(part.most).collect(), total))
    }

    /// The first day whose rows bear names, where older ones are forgotten.
    pub(super) fn first_named(&self) -> Result<Option<NaiveDate>, LedgerError> {
        self.ledger.first_named()
    }

    /// The tokens of some days that may be seen.
    pub(super) fn holds(&self, days: Days) -> Result<Vec<Hold>, LedgerError> {
        let holds = self.ledger.holds(days.first, days.last, self.zone())?;
        if self.sees_all() {
            return Ok(holds);
        }
        // Whose a token is, the rows of all say: those of where it was taken.
        let taken = holds.iter().map(|hold| hold.start.with_timezone(&self.zone()).date_naive()).min();
        let first = taken.map_or(days.first, |day| day.min(days.first));
        let rows = self.ledger.rows(first, days.last, self.zone())?;
        Ok(self.audience.holds(holds, &rows))
    }

    /// The tokens that are out at the moment that the last night knew of; for those alone who see everything.
    pub(super) fn holds_now(&self, days: Days) -> Result<Vec<Hold>, LedgerError> {
        self.ledger.holds_out(days.first, days.last, self.zone())
    }

    /// The refusals of some days that may be seen.
    pub(super) fn denials(&self, days: Days) -> Result<Vec<Denial>, LedgerError> {
        let denials = self.audience.denials(self.ledger.denials(days.first, days.last, self.zone())?);
        Ok(match &self.veil {
            Some(veil) => denials.iter().map(|denial| veil.denial(denial)).collect(),
            None => denials,
        })
    }

    /// The times of some days that logs vouch for.
    pub(super) fn known(&self, days: Days) -> Result<Known, LedgerError> {
        self.ledger.known(days.first, days.last, self.zone())
    }

    /// How many tokens there are, day by day.
    pub(super) fn seats(&self) -> Result<Seats, LedgerError> {
        seats(&TraceSettings::from(self.config), &self.ledger)
    }

    /// What looked wrong on some days, as far as it may be seen.
    fn findings(&self, days: Days) -> Result<Vec<Finding>, LedgerError> {
        let findings = self.ledger.findings(days.first, days.last)?;
        if self.veil.is_some() {
            return Ok(Vec::new());
        }
        Ok(self.audience.findings(&findings, &self.rows(&self.search(days))?))
    }

    /// The worst of them, at most so many, and how many there are.
    pub(super) fn worst_findings(&self, days: Days, most: usize) -> Result<(Vec<Finding>, usize), LedgerError> {
        if self.sees_all() {
            return self.ledger.worst_findings(days.first, days.last, most);
        }
        let mut findings = self.findings(days)?;
        findings.sort_by_key(|finding| (Reverse(finding.kind.severity()), finding.day));
        let total = findings.len();
        findings.truncate(most);
        Ok((findings, total))
    }

    /// The sources that the last night could not have.
    pub(super) fn gaps(&self) -> Result<Vec<crate::finding::Gap>, LedgerError> {
        self.ledger.gaps()
    }

    /// The ledger, the evidence and the settings, for the evidence of a row; for those alone who see everything.
    pub(super) fn evidence(&self) -> anyhow::Result<(Evidence, &Ledger)> {
        Ok((Evidence::open_to_read(&Memory::evidence_path(self.config))?, &self.ledger))
    }
}

/// A search without the conditions on names.
fn without_names(search: &Search) -> Search {
    Search { machine: None, login: None, ip: None, outlet: None, information: None, ..search.clone() }
}

/// Whether a row under pseudonyms meets the conditions on names.
fn is_row_found(search: &Search, row: &SessionRow) -> bool {
    let place = row.ip.map(|ip| (ip, row.machine.clone()));
    is_found(search, &row.who, place.as_ref())
}

/// Whether somebody under a pseudonym, at a place, meets the conditions on names.
fn is_found(search: &Search, who: &Identity, place: Option<&(IpAddr, Machine)>) -> bool {
    let is_met = |text: Option<&str>, part: &Option<String>| {
        part.as_ref().is_none_or(|part| match text {
            Some(text) if search.is_exact => text == part,
            Some(text) => folded(text).contains(&folded(part)),
            None => false,
        })
    };
    let ip = place.map(|(ip, _)| ip.to_string());
    let of_machine = |text: fn(&Machine) -> Option<&str>| place.and_then(|(_, machine)| text(machine));
    let hostname = of_machine(|machine| machine.hostname.as_deref());
    is_met(Some(who.login()), &search.login)
        && (is_met(Some(who.host()), &search.machine) || is_met(hostname, &search.machine))
        && is_met(ip.as_deref(), &search.ip)
        && is_met(of_machine(|machine| machine.outlet.as_deref()), &search.outlet)
        && is_met(of_machine(|machine| machine.information.as_deref()), &search.information)
}

fn sort_key(order: Order, row: &SessionRow) -> String {
    let time = |seconds: i64| format!("{seconds:020}");
    let text = |text: &Option<String>| folded(text.as_deref().unwrap_or_default());
    match order {
        Order::Start => time(row.start.timestamp()),
        Order::End => time(row.end.timestamp()),
        Order::Duration => time(row.duration_s),
        Order::Login => row.who.login().to_owned(),
        Order::Host => row.who.host().to_owned(),
        Order::State => row.state.name().to_owned(),
        Order::Ip => row.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        Order::Department => text(&row.machine.department),
        Order::Hostname => text(&row.machine.hostname),
        Order::Outlet => text(&row.machine.outlet),
    }
}
