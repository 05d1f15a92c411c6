//! The debug log of FlexNet's `lmgrd` and vendor daemons (version 11; `orglabdebug.log`), line by line.
//!
//! ```text
//!  9:05:07 (orglab) OUT: "OriginPro" c2mstud@c2mstud3-pc
//! 14:00:20 (orglab) DENIED: "OriginPro" Jean Dupont@PC-1  (Licensed number of users already reached. (-4,342:10054 ""))
//! 17:10:11 (orglab) TIMESTAMP 12/8/2021
//! ```
//!
//! A line is `clock (daemon) message`. The clock has no date: [`Dating`] gives it one. The daemon's name is anybody's.
//! Messages that neither move a token nor name a date are chatter (`(@orglab-SLOG@) …` can be 85 % of a log): they are
//! read for their clock, which the count of midnights needs, and for nothing else.
//!
//! Source: FlexNet Publisher License Administration Guide, "Debug Log File"; public logs of several vendors.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Duration, FixedOffset, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;

use super::datetime::{self, Stamp};
use super::logwatch::{BREAK, CUT};
use crate::finding::{Files, Finding, Parsed, Place};
use crate::model::Identity;
use crate::source::Source;

/// One line: when in the day, and what.
#[derive(Debug, Clone, PartialEq)]
pub struct Line<'a> {
    /// The clock as written.
    pub clock: Clock,
    /// Who wrote it: `lmgrd` or a vendor daemon such as `orglab`.
    pub daemon: &'a str,
    /// What it says.
    pub message: Message<'a>,
}

/// The clock at the beginning of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The time of day, as usual.
    Time(NaiveTime),
    /// Date and time, with `lmgrd -datestamp`.
    Dated(Stamp),
    /// Digits that are no time (`12:49:3a9` was seen): the line counts, its time is its neighbour's.
    Corrupt,
}

/// What a line says, as far as jeton cares.
#[derive(Debug, Clone, PartialEq)]
pub enum Message<'a> {
    /// Something happened to a token.
    Token(Token<'a>),
    /// The line names the date it was written on.
    Date(NaiveDate),
    /// The line names its date and time, and perhaps its zone.
    DateTime(Stamp),
    /// The daemons start: no token that was out before is out any more. The date, where the line names it.
    Started(Option<NaiveDate>),
    /// The daemons end, or this one does: every token with it.
    Stopped(Option<&'a str>),
    /// Anything else.
    Chatter,
    /// A token's word whose rest could not be read.
    Unreadable,
}

/// A line that moves, or fails to move, a token.
#[derive(Debug, Clone, PartialEq)]
pub struct Token<'a> {
    /// What happened.
    pub kind: TokenKind,
    /// The licensed feature.
    pub feature: &'a str,
    /// Login and host, `login@host`, parted at the last `@` by [`Identity`].
    pub who: &'a str,
    /// How many licences at once; 1 unless the line says more.
    pub licences: u32,
    /// Whether the server took the token from a client that had fallen silent (`(INACTIVE)`).
    pub inactive: bool,
}

/// What a line does to a token. The names are the log's words in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenKind {
    /// Taken.
    Out,
    /// Given back.
    In,
    /// Refused, as all are in use or the user may not.
    Denied,
    /// Refused, as there is no such feature.
    Unsupported,
    /// Waiting for one.
    Queued,
    /// Waits no longer.
    Dequeued,
    /// A newer version of the same token.
    Upgrade,
    /// Taken away by an administrator.
    Removing,
}

impl TokenKind {
    /// The stable name in the column `kind`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::In => "in",
            Self::Denied => "denied",
            Self::Unsupported => "unsupported",
            Self::Queued => "queued",
            Self::Dequeued => "dequeued",
            Self::Upgrade => "upgrade",
            Self::Removing => "removing",
        }
    }

    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "OUT" => Self::Out,
            "IN" => Self::In,
            "DENIED" => Self::Denied,
            "UNSUPPORTED" => Self::Unsupported,
            "QUEUED" => Self::Queued,
            "DEQUEUED" => Self::Dequeued,
            "UPGRADE" => Self::Upgrade,
            _ => return None,
        })
    }
}

impl Token<'_> {
    /// The two halves of the identity; `None` where a half is empty.
    pub fn identity(&self) -> Option<Identity> {
        self.who.parse().ok()
    }
}

/// Reads one line; `None` where it is not of the form `clock (daemon) message`.
pub fn parse_line(line: &str) -> Option<Line<'_>> {
    let line = line.trim_start();
    let open = line.find('(')?;
    let (clock, rest) = line.split_at(open);
    let clock = parse_clock(clock.trim_end())?;
    let (daemon, message) = rest[1..].split_once(')')?;
    let plain = !daemon.trim().is_empty() && !daemon.contains(['(', '"']);
    plain.then(|| Line { clock, daemon, message: parse_message(daemon, message.trim_start()) })
}

fn parse_clock(text: &str) -> Option<Clock> {
    if let Some(time) = datetime::clock_time(text) {
        return Some(Clock::Time(time));
    }
    if let Some(stamp) = datetime::parse(text) {
        return Some(Clock::Dated(stamp));
    }
    // Still a clock, were it not for a few bytes: one or two digits, a colon, and no space within.
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let clock_like = matches!(digits, 1 | 2) && text[digits..].starts_with(':') && !text.contains(char::is_whitespace);
    clock_like.then_some(Clock::Corrupt)
}

fn parse_message<'a>(daemon: &'a str, message: &'a str) -> Message<'a> {
    if let Some((word, rest)) = message.split_once(':')
        && let Some(kind) = TokenKind::of(word)
    {
        return parse_token(kind, rest).map_or(Message::Unreadable, Message::Token);
    }
    if let Some(rest) = message.strip_prefix("REMOVING ") {
        return parse_removing(rest).map_or(Message::Unreadable, Message::Token);
    }
    if let Some(date) = message.strip_prefix("TIMESTAMP ") {
        return datetime::american_date(date).map_or(Message::Unreadable, Message::Date);
    }
    parse_server_message(daemon, message)
}

/// `"OriginPro" login@host  (2 licenses)`: the feature, quoted or not, perhaps a remark in parentheses (of
/// `UNSUPPORTED`), the identity, and tails.
fn parse_token(kind: TokenKind, rest: &str) -> Option<Token<'_>> {
    let rest = rest.trim_start();
    let (feature, rest) = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => rest.split_once(' ')?,
    };
    let mut rest = rest.trim_start();
    if kind == TokenKind::Unsupported && rest.starts_with('(') {
        rest = rest.split_once(')')?.1.trim_start();
    }
    let (who, tail) = split_identity(rest)?;
    who.parse::<Identity>().ok()?;
    let licences = tail.split(['(', ')']).find_map(licences_of).unwrap_or(1);
    Some(Token { kind, feature, who, licences, inactive: tail.contains("(INACTIVE)") })
}

/// `login@host from feature  (reason)`; the feature may be quoted.
fn parse_removing(rest: &str) -> Option<Token<'_>> {
    let (who, rest) = rest.split_once(" from ")?;
    let feature = rest.trim_start().split([' ', '(']).next()?.trim_matches('"');
    let who = who.trim();
    (who.contains('@') && !feature.is_empty()).then_some(Token {
        kind: TokenKind::Removing,
        feature,
        who,
        licences: 1,
        inactive: false,
    })
}

fn licences_of(inner: &str) -> Option<u32> {
    let (count, word) = inner.trim().split_once(' ')?;
    matches!(word, "licenses" | "license" | "licences" | "licence").then(|| count.parse().ok())?
}

/// Parts `login@host` from what follows it. A login can hold spaces, `@`, and all that the log writes behind a host; a host
/// holds neither a space nor an `@`. So what follows is what the log writes there, and nothing else: somebody who logs in as
/// `camille@PC-1  ` or `camille@PC-1  (INACTIVE) ` is not camille.
fn split_identity(text: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let at = from + text[from..].find('@')?;
        let mut end = end_of_word(text, at);
        let mut tail = text[end..].trim_start();
        // A host that begins with a blank.
        if end == at + 1 && !is_tail(tail) {
            end = end_of_word(text, text.len() - tail.len());
            tail = text[end..].trim_start();
        }
        if is_tail(tail) || !tail.contains('@') {
            return Some((text[..end].trim_start(), tail));
        }
        from = end;
    }
}

/// Where the word ends that begins at a place.
fn end_of_word(text: &str, from: usize) -> usize {
    text[from..].find(char::is_whitespace).map_or(text.len(), |length| from + length)
}

/// Whether a text is what the log writes behind `login@host`: nothing, or groups in brackets such as `(2 licenses)`,
/// `[checkout data a@b]`, `(Licensed number of users already reached. (-4,342:10054 ""))`.
fn is_tail(text: &str) -> bool {
    let mut depth = 0_usize;
    for c in text.chars() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => return true,
            c if depth == 0 && !c.is_whitespace() => return false,
            _ => {}
        }
    }
    true
}

fn parse_server_message<'a>(daemon: &'a str, message: &'a str) -> Message<'a> {
    if let Some((product, rest)) = message.split_once(" started on ")
        && product.to_ascii_lowercase().starts_with("flex")
    {
        // `FlexNet Licensing (v11.16.5.1 build …) started on origin (linux) (12/8/2021)`. A daemon's `Server started on …
        // for:` is another thing: it comes with every reread of the licence file.
        let date = rest.trim_end().strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
        return Message::Started(date.and_then(|(_, date)| datetime::american_date(date)));
    }
    if let Some(stopped) = stopped(daemon, message) {
        return stopped;
    }
    ["Server's System Date and Time:", "-SLOG@) Time:", "Start-Date:"]
        .iter()
        .find_map(|marker| message.split_once(marker))
        .and_then(|(_, date)| dated(date))
        .map_or(Message::Chatter, Message::DateTime)
}

/// The manager of the vendor daemons: what ends with it, ends for all of them.
const MANAGER: &str = "lmgrd";

/// Whether a line says that daemons end, or did: all of them (`None`), or one.
///
/// The manager names the daemon that it shuts down, that exited, or that it starts again after its end; a server has those of
/// several vendors, and the end of one is none of the others'.
fn stopped<'a>(daemon: &'a str, message: &'a str) -> Option<Message<'a>> {
    let own = Some(daemon.trim()).filter(|daemon| !daemon.eq_ignore_ascii_case(MANAGER));
    let ends = ["EXITING DUE TO SIGNAL", "EXITING WITH CODE", "daemon shutdown requested"];
    if ends.iter().any(|words| message.starts_with(words)) {
        return Some(Message::Stopped(own));
    }
    if own.is_some() {
        return None;
    }
    let first_of = |text: &'a str| text.split([' ', ',']).find(|word| !word.is_empty());
    for begin in ["Shutting down ", "REStarted ", "Restarted "] {
        if let Some(rest) = message.strip_prefix(begin) {
            return first_of(rest).map(|daemon| Message::Stopped(Some(daemon)));
        }
    }
    let (before, _) = message.split_once(" exited with status ").or_else(|| message.split_once(" died "))?;
    // `Vendor daemon died with status 11`, `MASTER SERVER died due to signal 9`: whichever it was.
    Some(Message::Stopped(first_of(before).filter(|_| !before.contains(' '))))
}

/// `Wed Dec 08 2021 17:17:45 CET`, the zone perhaps in Windows' words (`W. Europe Standard Time`), which say no more than
/// the server's zone does, but for UTC's.
fn dated(text: &str) -> Option<Stamp> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (date, zone) = words.split_at(words.len().min(5));
    let date = date.join(" ");
    let zone = if zone == ["Coordinated", "Universal", "Time"] { "UTC".to_owned() } else { zone.join(" ") };
    datetime::parse(&format!("{date} {zone}")).or_else(|| datetime::parse(&date))
}

/// What happened, and when: the lines of a debug log that matter, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When, by the line's clock and the log's dates.
    pub at: DateTime<Utc>,
    /// The line, from 1.
    pub line: u32,
    /// What.
    pub what: What,
}

/// What an [`Event`] is.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// Something happened to a token.
    Token {
        /// What.
        kind: TokenKind,
        /// The licensed feature.
        feature: Arc<str>,
        /// Whose.
        who: Identity,
        /// How many licences at once.
        licences: u32,
        /// Taken back by the server from a silent client.
        inactive: bool,
        /// Which vendor's daemon says so.
        daemon: Arc<str>,
    },
    /// The daemons start. With the moment of the line before, a last sign of life of what ran until then.
    Started(Option<DateTime<Utc>>),
    /// The daemons end, or this one does.
    Stopped(Option<Arc<str>>),
}

/// A whole debug log.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DebugLog {
    /// The files, as findings cite them.
    pub files: Files,
    /// The events in the order of the log.
    pub events: Vec<Event>,
    /// The stretches of time of which every line is known, in their order.
    pub stretches: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    /// The moment of the last line of any kind: a sign that the server was alive.
    pub last: Option<DateTime<Utc>>,
    /// The difference to UTC of its clocks at the end of the moments that findings are of, where the last line that names the
    /// zone says another than the site's.
    pub offset: Option<FixedOffset>,
}

/// Reads the lines of some days, each day a text in which a line of [`BREAK`] alone says that lines
/// can be missing there. `own` are the moments that findings are of, the second excluded; `offset` is what the lines before
/// said of the zone, as [`DebugLog::offset`].
pub fn parse<'a>(
    days: impl IntoIterator<Item = (NaiveDate, &'a Source), IntoIter: Clone>,
    zone: Tz,
    own: (DateTime<Utc>, DateTime<Utc>),
    offset: Option<FixedOffset>,
) -> Parsed<DebugLog> {
    let days = days.into_iter();
    // What stands before the first line that names the zone is of that zone too.
    let offset = offset
        .or_else(|| days.clone().find_map(|(_, source)| first_zone(source)).and_then(|said| offset_of(said, zone)));
    let mut reading = Reading { zone, own, offset, ..Reading::default() };
    reading.log.offset = offset;
    let mut n_lines = 0;
    for (day, source) in days {
        reading.log.files.push(n_lines, source.name());
        let mut clock = DayClock { zone, day, moment: None, offset: reading.offset };
        for (number, text) in source.lines() {
            n_lines += 1;
            reading.line(source.at(number), n_lines, text, &mut clock);
        }
    }
    Parsed { items: reading.log, findings: reading.findings }
}

/// What the first line that names a date and time says of them.
fn first_zone(source: &Source) -> Option<Stamp> {
    // Nearly all lines need no more looking at.
    let text = source.text();
    memchr::memmem::find(text.as_bytes(), b"System Date and Time:")?;
    source.lines().find_map(|(_, text)| match parse_line(text)?.message {
        Message::DateTime(said) => Some(said),
        _ => None,
    })
}

/// The difference to UTC that a line's zone has, where the site's has another then.
fn offset_of(said: Stamp, site: Tz) -> Option<FixedOffset> {
    let moment = said.moment(site, None);
    let is_sites = said.zone == datetime::Zone::Unsaid || moment == datetime::civil_moment(said.civil, site, None);
    let seconds = (said.civil - moment.naive_utc()).num_seconds();
    FixedOffset::east_opt(i32::try_from(seconds).ok()?).filter(|_| !is_sites)
}

/// The moments of lines whose day is known.
struct DayClock {
    zone: Tz,
    day: NaiveDate,
    moment: Option<DateTime<Utc>>,
    /// That of the clocks, where it is not the zone's.
    offset: Option<FixedOffset>,
}

impl DayClock {
    fn next(&mut self, clock: Clock) -> DateTime<Utc> {
        let moment = match clock {
            Clock::Dated(stamp) => stamp.moment(self.zone, self.moment),
            Clock::Time(time) => match self.offset {
                Some(offset) => (self.day.and_time(time) - offset).and_utc(),
                None => datetime::civil_moment(self.day.and_time(time), self.zone, self.moment),
            },
            Clock::Corrupt => self.moment.unwrap_or_else(|| datetime::start_of_day(self.day, self.zone)),
        };
        self.moment = Some(moment);
        moment
    }
}

/// What is read of a debug log, line by line.
#[derive(Debug, Default)]
struct Reading {
    zone: Tz,
    own: (DateTime<Utc>, DateTime<Utc>),
    log: DebugLog,
    findings: Vec<Finding>,
    names: Interner,
    padding: Padding,
    /// Whether the line before is known to be the one before.
    is_whole: bool,
    /// The difference to UTC of the clocks, where it is not the zone's.
    offset: Option<FixedOffset>,
}

impl Reading {
    fn line(&mut self, place: Place, number: u32, text: &str, clock: &mut DayClock) {
        if text.as_bytes() == [BREAK] {
            self.is_whole = false;
            return;
        }
        let text = text.trim_end_matches(char::from(CUT));
        let Some(line) = parse_line(text) else {
            // Banners and wrapped messages have no clock of their own; only a line that wanted to be one is a loss.
            if looks_like_a_token(text) {
                self.find(place, text, clock.moment);
            }
            return;
        };
        let at = clock.next(line.clock);
        self.cover(at);
        let is_cut_off = self.padding.is_missing_in(text, &line.message);
        if line.clock == Clock::Corrupt || line.message == Message::Unreadable || is_cut_off {
            self.find(place, text, Some(at));
        }
        let before = self.log.last.replace(at);
        let what = match line.message {
            _ if is_cut_off => return,
            Message::Token(token) => {
                let Some(who) = token.identity() else { return };
                let Token { kind, feature, licences, inactive, .. } = token;
                let (feature, daemon) = (self.names.intern(feature), self.names.intern(line.daemon));
                What::Token { kind, feature, who, licences, inactive, daemon }
            }
            Message::Started(_) => What::Started(before),
            Message::Stopped(daemon) => What::Stopped(daemon.map(|daemon| self.names.intern(daemon))),
            Message::DateTime(stamp) => {
                self.offset = offset_of(stamp, self.zone);
                clock.offset = self.offset;
                if at < self.own.1 {
                    self.log.offset = self.offset;
                }
                return;
            }
            Message::Date(_) | Message::Chatter | Message::Unreadable => return,
        };
        self.log.events.push(Event { at, line: number, what });
    }

    /// A line more is known.
    fn cover(&mut self, at: DateTime<Utc>) {
        match self.log.stretches.last_mut() {
            Some((_, last)) if self.is_whole && at - *last <= MOST_SILENCE => *last = at.max(*last),
            _ => self.log.stretches.push((at, at)),
        }
        self.is_whole = true;
    }

    fn find(&mut self, place: Place, text: &str, at: Option<DateTime<Utc>>) {
        if at.is_none_or(|at| self.own.0 <= at && at < self.own.1) {
            let day = at.map(|at| at.with_timezone(&self.zone).date_naive());
            self.findings.push(Finding { day, ..Finding::unreadable(place, text) });
        }
    }
}

/// FlexNet writes a `TIMESTAMP` line at least so often, by its default of six hours: a longer silence is a hole.
pub const MOST_SILENCE: Duration = Duration::minutes(6 * 60 + 15);

/// FlexNet writes two spaces behind each token. Where a file has kept them, a line that ends with a name without them was
/// cut off within it, and half a name is another machine's.
#[derive(Debug, Default)]
pub struct Padding {
    n_there: u32,
    n_missing: u32,
}

impl Padding {
    /// How many must have it for each that has not.
    const USUAL: u32 = 20;

    /// Whether a line, which is the next of its file, was cut off.
    pub fn is_missing_in(&mut self, text: &str, message: &Message<'_>) -> bool {
        let Message::Token(token) = message else { return false };
        if text.ends_with("  ") {
            self.n_there = self.n_there.saturating_add(1);
        } else if text.ends_with(token.who) {
            self.n_missing = self.n_missing.saturating_add(1);
            return self.n_there / Self::USUAL >= self.n_missing;
        }
        false
    }
}

/// Whether a line without a readable beginning still speaks of a token.
pub fn looks_like_a_token(text: &str) -> bool {
    [" OUT: ", " IN: ", " DENIED: "].iter().any(|word| text.contains(word)) && text.contains('@')
}

/// One `Arc` per distinct text: a log names a handful of features a hundred thousand times.
#[derive(Debug, Default)]
pub struct Interner(HashSet<Arc<str>>);

impl Interner {
    /// The one copy of `text`.
    pub fn intern(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}

/// Gives the lines of one log their dates.
///
/// Dates come from the lines that name one; in between, a clock that falls back by more than twelve hours is a new day,
/// a smaller step back is the same day (or the repeated hour of an autumn night).
#[derive(Debug, Clone)]
pub struct Dating {
    zone: Tz,
    day: NaiveDate,
    clock: Option<NaiveTime>,
    moment: Option<DateTime<Utc>>,
}

/// The day on which a log begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstDay {
    /// The first date that a line names, less the midnights before that line.
    Known(NaiveDate),
    /// No line names a date; so many midnights passed.
    Unnamed {
        /// How many.
        midnights: i64,
    },
}

impl Dating {
    /// Begins with a line of `first_day`, in the server's time zone.
    pub fn new(zone: Tz, first_day: NaiveDate) -> Self {
        Self { zone, day: first_day, clock: None, moment: None }
    }

    /// The day that a log begins on; reading ends at the first line that names a date.
    pub fn first_day<'a>(lines: impl Iterator<Item = Line<'a>>) -> FirstDay {
        let mut last: Option<NaiveTime> = None;
        let mut midnights = 0;
        for line in lines {
            if let Clock::Time(time) = line.clock {
                midnights += i64::from(last.is_some_and(|last| is_new_day(last, time)));
                last = Some(time);
            }
            if let Some(day) = line.day() {
                return FirstDay::Known(day - Duration::days(midnights));
            }
        }
        FirstDay::Unnamed { midnights }
    }

    /// The moment of the next line.
    pub fn next(&mut self, line: &Line<'_>) -> DateTime<Utc> {
        let moment = match line.clock {
            Clock::Dated(stamp) => {
                (self.day, self.clock) = (stamp.civil.date(), Some(stamp.civil.time()));
                stamp.moment(self.zone, self.moment)
            }
            Clock::Time(time) => {
                let passed = self.clock.is_some_and(|last| is_new_day(last, time));
                let counted = if passed { self.day.succ_opt().unwrap_or(self.day) } else { self.day };
                self.day = line.day().unwrap_or(counted);
                self.clock = Some(time);
                datetime::civil_moment(self.day.and_time(time), self.zone, self.moment)
            }
            Clock::Corrupt => match self.moment {
                Some(moment) => moment,
                None => datetime::start_of_day(self.day, self.zone),
            },
        };
        self.moment = Some(moment);
        moment
    }
}

impl Line<'_> {
    /// The date that the line names for itself, in its clock or in its message.
    ///
    /// A date with a time counts only where the time is the line's own: `Start-Date:` is told again days later.
    pub fn day(&self) -> Option<NaiveDate> {
        let clock = match self.clock {
            Clock::Dated(stamp) => return Some(stamp.civil.date()),
            Clock::Time(clock) => clock,
            Clock::Corrupt => return None,
        };
        match self.message {
            Message::Date(day) | Message::Started(Some(day)) => Some(day),
            Message::DateTime(Stamp { civil: said, .. }) => [-1, 0, 1].into_iter().find_map(|days| {
                let day = said.date() + Duration::days(days);
                ((day.and_time(clock) - said).abs() <= Duration::minutes(2)).then_some(day)
            }),
            _ => None,
        }
    }
}

/// Whether a clock that showed `last` and now shows `next` has passed midnight: it fell back by more than twelve hours
/// (no conflict over 331 midnights of public logs).
pub fn is_new_day(last: NaiveTime, next: NaiveTime) -> bool {
    last - next > Duration::hours(12)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Evidence, Kind};
    use chrono_tz::Europe::Paris;

    fn token(line: &str) -> Option<(&'static str, &str, &str, u32)> {
        match parse_line(line)?.message {
            Message::Token(token) => Some((token.kind.name(), token.feature, token.who, token.licences)),
            _ => None,
        }
    }

    #[test]
    fn every_kind_of_token_line() {
        for (line, expected) in [
            (
                r#" 9:05:07 (orglab) OUT: "OriginPro" c2mstud@c2mstud3-pc  "#,
                ("out", "OriginPro", "c2mstud@c2mstud3-pc", 1),
            ),
            (
                r#"14:00:20 (orglab) OUT: "OriginPro" Jean Dupont@PC-1.univ.example  "#,
                ("out", "OriginPro", "Jean Dupont@PC-1.univ.example", 1),
            ),
            (
                r#"14:00:20 (orglab) IN: "OriginPro" Éloïse Martin@LaboFixe  "#,
                ("in", "OriginPro", "Éloïse Martin@LaboFixe", 1),
            ),
            (
                r#"14:00:20 (adskflex) OUT: "87224ACD_2024_0F" u1@h1  (2 licenses) "#,
                ("out", "87224ACD_2024_0F", "u1@h1", 2),
            ),
            (r#"14:00:20 (MLM) IN: "MATLAB" u1@h1  (INACTIVE)"#, ("in", "MATLAB", "u1@h1", 1)),
            (r#"14:00:20 (MLM) IN: "MATLAB" u1@h1  (SHUTDOWN)"#, ("in", "MATLAB", "u1@h1", 1)),
            (r#"14:00:20 (MLM) OUT: "MATLAB" u1@h1  [checkout data a@b]"#, ("out", "MATLAB", "u1@h1", 1)),
            ("14:00:20 (MLM) OUT: MATLAB u1@h1", ("out", "MATLAB", "u1@h1", 1)),
            // Whoever calls themselves so is nobody else.
            (r#"14:00:20 (d) OUT: "f" @PC-1  (2 licenses)"#, ("out", "f", "@PC-1", 2)),
            (r#"14:00:20 (d) OUT: "f" camille@ PC-1  (2 licenses)"#, ("out", "f", "camille@ PC-1", 2)),
            (r#"14:00:20 (d) OUT: "f" camille@PC-1@  "#, ("out", "f", "camille@PC-1@", 1)),
            (
                r#"14:00:20 (d) OUT: "f" camille@LABO-PC-01  @EVIL-PC  "#,
                ("out", "f", "camille@LABO-PC-01  @EVIL-PC", 1),
            ),
            (
                r#"14:00:20 (d) OUT: "f" camille@LABO-PC-01  (3 licenses)@EVIL-PC  "#,
                ("out", "f", "camille@LABO-PC-01  (3 licenses)@EVIL-PC", 1),
            ),
            (
                r#"14:00:20 (d) OUT: "f" camille@LABO-PC-01  (INACTIVE) x@EVIL-PC  (2 licenses)"#,
                ("out", "f", "camille@LABO-PC-01  (INACTIVE) x@EVIL-PC", 2),
            ),
            (
                r#"14:00:20 (d) IN: "f" camille@LABO-PC-01  [x]@EVIL-PC  "#,
                ("in", "f", "camille@LABO-PC-01  [x]@EVIL-PC", 1),
            ),
            (
                r#"14:00:20 (d) IN: "f" camille@PC  14:00:20 (d) IN: "f" camille@PC  @EVIL-PC  "#,
                ("in", "f", r#"camille@PC  14:00:20 (d) IN: "f" camille@PC  @EVIL-PC"#, 1),
            ),
            (
                r#"14:00:20 (d) DENIED: "f" u@h  (Licensed number of users already reached. (-4,342:10054 ""))"#,
                ("denied", "f", "u@h", 1),
            ),
            (r#"14:00:20 (d) DENIED: "f" u@h (User not in INCLUDE list)"#, ("denied", "f", "u@h", 1)),
            (
                r#"14:00:20 (d) UNSUPPORTED: "f" (PORT_AT_HOST_PLUS   ) u@h  (No such feature exists. (-5,346))"#,
                ("unsupported", "f", "u@h", 1),
            ),
            (
                r#"14:00:20 (d) UNSUPPORTED: "f" u@h  (No such feature exists. (-5,346))"#,
                ("unsupported", "f", "u@h", 1),
            ),
            (r#"14:00:20 (d) QUEUED: "f" u@h  "#, ("queued", "f", "u@h", 1)),
            (r#"14:00:20 (d) DEQUEUED: "f" u@h  "#, ("dequeued", "f", "u@h", 1)),
            (r#"14:00:20 (d) UPGRADE: "f" u@h  "#, ("upgrade", "f", "u@h", 1)),
            ("14:00:20 (d) REMOVING u@h from f  (reason)", ("removing", "f", "u@h", 1)),
            (r#"14:00:20 (d) OUT: "f" anna@lab.fr@PC-2  "#, ("out", "f", "anna@lab.fr@PC-2", 1)),
            (r#"14:00:20 (d) OUT: "f" a@b c@PC-2  (2 licenses)"#, ("out", "f", "a@b c@PC-2", 2)),
            (r#"14:00:20 (d) OUT: "f" =1+1@PC-2  "#, ("out", "f", "=1+1@PC-2", 1)),
            (r#"14:00:20 (d) OUT: "feature with spaces" u@h  "#, ("out", "feature with spaces", "u@h", 1)),
        ] {
            assert_eq!(token(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_a_token_is_unreadable_or_no_line() {
        for line in [
            r#"14:00:20 (d) OUT: "f" nobody"#,
            r#"14:00:20 (d) OUT: "f"#,
            "14:00:20 (d) OUT:",
            r#"14:00:20 (d) IN: "f" @"#,
            "14:00:20 (d) TIMESTAMP 31/31/2021",
        ] {
            assert_eq!(parse_line(line).map(|l| l.message), Some(Message::Unreadable), "{line}");
        }
        for line in [
            "",
            "14:00:20",
            "OUT: \"f\" u@h",
            "(d) OUT: \"f\" u@h",
            "14:00:20 () OUT: \"f\" u@h",
            "14:00:20 (d OUT: \"f\" u@h",
        ] {
            assert_eq!(parse_line(line), None, "{line}");
        }
        assert_eq!(parse_line("12:49:3a9 (d) x").map(|l| l.clock), Some(Clock::Corrupt));
    }

    #[test]
    fn dates_starts_and_stops() {
        let day = NaiveDate::from_ymd_opt(2021, 12, 8).unwrap();
        for line in [
            "17:17:45 (orglab) TIMESTAMP 12/8/2021",
            "17:17:45 (lmgrd) FlexNet Licensing (v11.16.5.1 build 269) started on origin (linux) (12/8/2021)",
            "17:17:45 (orglab) (@orglab-SLOG@) Time: Wed Dec 08 2021 17:17:45 CET",
            "17:17:45 (orglab) Server's System Date and Time: Wed Dec 08 2021 17:17:45 CET",
            "17:17:45 (d) (@d-SLOG@) Start-Date: Wed Dec 08 2021 17:17:45 W. Europe Standard Time",
            "2021-12-08T17:17:45Z (d) anything",
        ] {
            assert_eq!(parse_line(line).and_then(|l| l.day()), Some(day), "{line}");
        }
        let told_again = "11:02:03 (d) (@d-SLOG@) Start-Date: Wed Dec 08 2021 17:17:45 CET";
        assert_eq!(parse_line(told_again).and_then(|l| l.day()), None);
        for (line, daemon) in [
            ("1:00:00 (lmgrd) EXITING DUE TO SIGNAL 15 Exit reason 1", None),
            ("1:00:00 (lmgrd) daemon shutdown requested - shutting down", None),
            ("1:00:00 (lmgrd) Vendor daemon died with status 11", None),
            ("1:00:00 (lmgrd) MASTER SERVER died due to signal 9", None),
            ("1:00:00 (lmgrd) Shutting down orglab pid=12 due to signal 15", Some("orglab")),
            ("1:00:00 (lmgrd) orglab exited with status 58 (Killed)", Some("orglab")),
            ("1:00:00 (lmgrd) REStarted orglab (internet tcp_port 60213 pid 12)", Some("orglab")),
            ("1:00:00 (orglab) daemon shutdown requested - shutting down", Some("orglab")),
            ("1:00:00 (orglab) EXITING WITH CODE 44", Some("orglab")),
        ] {
            assert_eq!(parse_line(line).map(|l| l.message), Some(Message::Stopped(daemon)), "{line}");
        }
        for line in [
            "1:00:00 (orglab) Server started on origin for: OriginPro",
            "1:00:00 (lmgrd) Started orglab (internet tcp_port 60213 pid 12)",
            "1:00:00 (lmgrd) lmgrd re-reading license file",
            "1:00:00 (d) EXTERNAL FILTERS are OFF",
        ] {
            assert_eq!(parse_line(line).map(|l| l.message), Some(Message::Chatter), "{line}");
        }
    }

    /// A log by the days that evidence gives it.
    fn read(log: &str) -> Parsed<DebugLog> {
        let mut evidence = Evidence::in_memory();
        evidence.add_debug_log("debug.log", log.as_bytes(), Paris).unwrap();
        let days = evidence.days(Kind::DebugLog).keys().map(|day| {
            let text = evidence.text(Kind::DebugLog, *day).unwrap().unwrap();
            (*day, Source::from_bytes(&evidence.name_of_file(Kind::DebugLog, *day), &text))
        });
        let days: Vec<_> = days.collect();
        let own = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
        parse(days.iter().map(|(day, text)| (*day, text)), Paris, own, None)
    }

    fn moments(log: &str) -> Vec<String> {
        read(log).items.events.iter().map(|e| e.at.with_timezone(&Paris).to_rfc3339()).collect()
    }

    #[test]
    fn midnights_are_counted_between_the_anchors_and_before_the_first() {
        let log = "23:50:00 (d) OUT: \"f\" a@h\r\n 0:10:00 (d) IN: \"f\" a@h\n 6:00:00 (d) TIMESTAMP 12/8/2021\n\
                   23:59:59 (d) OUT: \"f\" a@h\n 0:00:01 (d) IN: \"f\" a@h\n";
        assert_eq!(
            moments(log),
            [
                "2021-12-07T23:50:00+01:00",
                "2021-12-08T00:10:00+01:00",
                "2021-12-08T23:59:59+01:00",
                "2021-12-09T00:00:01+01:00"
            ]
        );
    }

    #[test]
    fn a_small_step_back_is_the_same_day_and_the_autumn_hour_comes_twice() {
        let log = " 1:00:00 (d) TIMESTAMP 10/31/2021\n 2:50:00 (d) OUT: \"f\" a@h\n 2:10:00 (d) IN: \"f\" a@h\n\
                   12:00:05 (d) OUT: \"f\" a@h\n12:00:04 (d) IN: \"f\" a@h\n";
        assert_eq!(
            moments(log),
            [
                "2021-10-31T02:50:00+02:00",
                "2021-10-31T02:10:00+01:00",
                "2021-10-31T12:00:05+01:00",
                "2021-10-31T12:00:04+01:00"
            ]
        );
    }

    #[test]
    fn a_stretch_ends_where_lines_can_be_missing_or_the_server_was_silent_for_too_long() {
        let log = "06:00:00 (d) TIMESTAMP 12/8/2021\n09:00:00 (d) a\n\u{1e}\n10:00:00 (d) b\n16:00:00 (d) c\n23:00:00 (d) d\n";
        let day = NaiveDate::from_ymd_opt(2021, 12, 8).unwrap();
        let source = Source::from_bytes("debug.log", log.as_bytes());
        let parsed = parse([(day, &source)], Paris, (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC), None);
        let clock = |at: DateTime<Utc>| at.with_timezone(&Paris).format("%H").to_string();
        let stretches: Vec<_> = parsed.items.stretches.iter().map(|(a, b)| clock(*a) + "-" + &clock(*b)).collect();
        assert_eq!(stretches, ["06-09", "10-16", "23-23"]);
    }

    #[test]
    fn findings_are_of_the_moments_that_are_asked_for_and_name_their_day() {
        let texts = ["9:00:00 (d) OUT: \"f\" nobody\n", "9:00:00 (d) IN: \"f\" nobody\n"];
        let sources = texts.map(|text| Source::from_bytes("debug.log", text.as_bytes()));
        let days: Vec<_> = (8..).map(|day| NaiveDate::from_ymd_opt(2021, 12, day).unwrap()).zip(&sources).collect();
        let own = ("2021-12-09T00:00:00Z".parse().unwrap(), DateTime::<Utc>::MAX_UTC);
        let found = parse(days, Paris, own, None).findings;
        assert_eq!(found.iter().map(|finding| finding.day.unwrap().to_string()).collect::<Vec<_>>(), ["2021-12-09"]);
    }
    #[test]
    fn a_corrupt_clock_takes_its_neighbours_time_and_is_a_finding() {
        let log = "12:00:00 (d) TIMESTAMP 12/8/2021\n12:49:00 (d) OUT: \"f\" a@h\n12:49:3a9 (d) IN: \"f\" a@h\n";
        assert_eq!(moments(log), ["2021-12-08T12:49:00+01:00", "2021-12-08T12:49:00+01:00"]);
        let findings = read(log).findings;
        // By the text that is kept, which begins with a mark: nothing is known of what was before.
        assert_eq!(findings.iter().map(|f| f.place.to_string()).collect::<Vec<_>>(), ["debug_log 2021-12-08:4"]);
    }

    proptest::proptest! {
        #[test]
        fn no_line_panics(line in ".{0,80}", bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = parse_line(&line);
            let _ = parse_line(&format!("14:00:20 (d) OUT: {line}"));
            let _ = parse_line(&format!("14:00:20 (d) {line}"));
            let (day, source) = (NaiveDate::from_ymd_opt(2022, 1, 1).unwrap(), Source::from_bytes("x", &bytes));
            let _ = parse([(day, &source)], Paris, (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC), None);
        }
    }
}
