//! `lmstat -a` of FlexNet (version 11): who holds a token now, and since when.
//!
//! ```text
//! Flexible License Manager status on Tue 1/11/2022 11:26
//! Users of OriginPro:  (Total of 20 licenses issued;  Total of 5 licenses in use)
//!     camille ZBOOK-3 ZBOOK-3 (v9.4) (origin.srv-prive.icgm.fr/27000 196), start Tue 1/11 07:54
//!     Jean Dupont PC-1 PC-1 (v9.4) (origin.srv-prive.icgm.fr/27000 262), start Tue 1/11 7:40, 2 licenses
//! ```
//!
//! A line of use is `login host display (version) (server/port handle), start Www M/D H:MM` and tails. Login and display
//! can hold spaces and the display can be missing; host and display are most often one word, which tells login and host
//! apart. The year is the status line's, or the last before it whose weekday fits. Read over: banners, the servers'
//! state where it is `UP`, reservations, whoever waits in the queue, features that nobody counts.
//!
//! Source: FlexNet Publisher License Administration Guide, "lmstat".

use std::sync::Arc;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Weekday};

use super::{datetime, licence};
use crate::finding::{Finding, Kind, Parsed, Place};
use crate::model::Identity;
use crate::source::Source;

/// What one run of `lmstat -a` says, in the server's civil time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lmstat {
    /// When it was asked, to the minute; `None` where the status line is missing, and then nothing is listed.
    pub at: Option<NaiveDateTime>,
    /// The tokens that are out, in the order of the list.
    pub uses: Vec<Use>,
    /// The features that it listed the users of. What is held of any other is not known.
    pub features: Vec<Arc<str>>,
    /// How many licences of each of them there are.
    pub issued: Vec<(Arc<str>, u32)>,
    /// How many of them are in use, those that are reserved for somebody aside.
    pub in_use: Vec<(Arc<str>, u32)>,
    /// The last days of licences, where they have one.
    pub expiries: Vec<(Arc<str>, NaiveDate)>,
    /// The features of whose users some are missing: more are in use than it lists, or a line cannot be read.
    pub partial: Vec<Arc<str>>,
}

impl Lmstat {
    /// Whether it lists users of `feature`.
    pub fn covers(&self, feature: &str) -> bool {
        self.at.is_some() && self.features.iter().any(|known| **known == *feature)
    }

    /// How many licences are in use of each feature whose list is whole.
    pub fn in_use_of_whole(&self) -> Vec<(Arc<str>, u32)> {
        self.in_use.iter().filter(|(feature, _)| self.lists_all(feature)).cloned().collect()
    }

    /// Whether it lists all users of `feature`: a pair that is not on it holds none.
    pub fn lists_all(&self, feature: &str) -> bool {
        self.covers(feature) && !self.partial.iter().any(|partial| **partial == *feature)
    }
}

/// A token that is out.
#[derive(Debug, Clone, PartialEq)]
pub struct Use {
    /// The licensed feature.
    pub feature: Arc<str>,
    /// Who holds it.
    pub who: Identity,
    /// Since when, to the minute.
    pub since: NaiveDateTime,
    /// How many licences.
    pub licences: u32,
    /// For how many seconds it stays out when its holder is gone, where it does: seconds or minutes of one that lingers, days
    /// of one that is borrowed.
    pub linger_s: Option<u32>,
    /// The licence server, without its port.
    pub server: String,
    /// The number by which the server knows this token.
    pub handle: String,
    /// The line, from 1.
    pub line: u32,
}

/// Reads what `lmstat -a` printed.
pub fn parse(source: &Source) -> Parsed<Lmstat> {
    let mut lmstat = Lmstat::default();
    let mut findings = Vec::new();
    let mut feature: Option<Arc<str>> = None;
    let mut in_use: Vec<(Arc<str>, u32, u32)> = Vec::new();
    for (number, line) in source.lines() {
        let text = line.trim();
        if let Some((_, status)) = text.split_once("status on ") {
            lmstat.at = lmstat.at.or_else(|| status_time(status));
        } else if says_trouble(text) {
            findings.push(Finding::new(Kind::LicenceServerTrouble, source.at(number), crate::finding::excerpt(text)));
        } else if let Some((name, state)) = text.strip_prefix("Users of ").and_then(|rest| rest.split_once(':')) {
            let name: Arc<str> = name.trim().into();
            if !state.contains("Uncounted") {
                lmstat.features.push(Arc::clone(&name));
                lmstat.issued.extend(total(state, "issued").map(|count| (Arc::clone(&name), count)));
                in_use.extend(total(state, "in use").map(|count| (Arc::clone(&name), number, count)));
            }
            feature = Some(name);
        } else if let (Some(feature), Some(expiry)) = (&feature, expiry_of(text)) {
            lmstat.expiries.push((Arc::clone(feature), expiry));
        } else if let (Some(feature), Some(count)) = (&feature, reserved(text)) {
            for (_, _, in_use) in in_use.iter_mut().filter(|(name, ..)| name == feature) {
                *in_use = in_use.saturating_sub(count);
            }
        } else if let (Some(feature), Some(at)) = (&feature, lmstat.at)
            && text.contains('/')
            && text.contains(", start ")
        {
            if let Some(found) = parse_use(text, at.date()) {
                lmstat.uses.push(Use { feature: Arc::clone(feature), line: number, ..found });
            } else {
                lmstat.partial.push(Arc::clone(feature));
                findings.push(Finding::unreadable(source.at(number), text));
            }
        }
    }
    lmstat.in_use = in_use.iter().map(|(feature, _, count)| (Arc::clone(feature), *count)).collect();
    for (feature, number, in_use) in in_use {
        let own = lmstat.uses.iter().filter(|one| one.feature == feature);
        let listed = own.fold(0_u32, |sum, one| sum.saturating_add(one.licences));
        if listed < in_use && !lmstat.partial.contains(&feature) {
            let detail = format!("{feature}: {listed} / {in_use}");
            findings.push(Finding::new(Kind::LicenceServerTrouble, source.at(number), detail));
            lmstat.partial.push(feature);
        }
    }
    if lmstat.at.is_none() && findings.is_empty() {
        let place = Place::Whole(Arc::clone(source.name()));
        findings.push(Finding::new(Kind::LicenceServerTrouble, place, crate::finding::excerpt(source.text())));
    }
    Parsed { items: lmstat, findings }
}

/// `20` of `(Total of 20 licenses issued;  Total of 5 licenses in use)`.
fn total(state: &str, of: &str) -> Option<u32> {
    let mut words = state.split("Total of ").skip(1).map(|part| part.split_whitespace());
    words.find_map(|mut words| {
        let (count, _licences, rest) = (words.next()?, words.next()?, words.collect::<Vec<_>>().join(" "));
        rest.starts_with(of).then(|| count.parse().ok())?
    })
}

/// `31-dec-2022` of `"OriginPro" v9.4, vendor: orglab, expiry: 31-dec-2022`; none of one that never ends.
fn expiry_of(text: &str) -> Option<NaiveDate> {
    let (_, expiry) = text.split_once("expiry:")?;
    licence::date(expiry.trim().split([' ', ',', '(']).next()?)
}

/// `2` of `2 RESERVATIONs for GROUP X (server/27000)`.
fn reserved(text: &str) -> Option<u32> {
    let (count, rest) = text.split_once(' ')?;
    rest.trim_start().starts_with("RESERVATION").then(|| count.parse().ok())?
}

/// `1800` of `(linger: 600 / 1800)`.
fn linger(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("linger:")?;
    let (times, _) = rest.split_once(')')?;
    times.split('/').filter_map(|time| time.trim().parse().ok()).max()
}

/// Words with which `lmstat` says that its list is not whole.
fn says_trouble(text: &str) -> bool {
    const TROUBLE: [&str; 8] = [
        "Cannot get users of",
        "Cannot connect to",
        "Error getting status",
        "license server DOWN",
        "License server machine is down",
        "Invalid host",
        "The desired vendor daemon is down",
        ": (Error",
    ];
    TROUBLE.iter().any(|words| text.contains(words)) || text.ends_with(": DOWN") || text.contains(" is down")
}

/// `Tue 1/11/2022 11:26`.
fn status_time(text: &str) -> Option<NaiveDateTime> {
    let mut words = text.split_whitespace();
    let _weekday = words.next()?;
    let date = datetime::american_date(words.next()?)?;
    Some(date.and_time(minute(words.next()?)?))
}

/// `7:40`, to the minute.
fn minute(text: &str) -> Option<NaiveTime> {
    datetime::clock_time(&format!("{}:00", text.trim()))
}

/// A line of use; its feature and line are the caller's to fill in.
fn parse_use(text: &str, today: NaiveDate) -> Option<Use> {
    let (left, right) = text.rsplit_once(", start ")?;
    let (left, server) = left.trim_end().strip_suffix(')')?.rsplit_once('(')?;
    let (address, handle) = server.trim().rsplit_once(' ')?;
    let server = address.rsplit_once('/').map_or(address, |(server, _)| server);
    let words = match left.trim_end().strip_suffix(')').and_then(|left| left.rsplit_once('(')) {
        Some((words, _version)) => words,
        None => left,
    };
    let mut right = right.splitn(2, ',');
    let start = right.next()?;
    let since = start_time(start, today)?;
    let tails = right.next().unwrap_or_default();
    let licences = tails.split(',').find_map(|tail| {
        let (count, word) = tail.trim().split_once(' ')?;
        word.starts_with("licen").then(|| count.parse().ok())?
    });
    Some(Use {
        feature: "".into(),
        who: split_identity(words)?,
        since,
        licences: licences.unwrap_or(1),
        linger_s: linger(tails).or_else(|| linger(start)),
        server: server.to_owned(),
        handle: handle.to_owned(),
        line: 0,
    })
}

/// `login host display` by words: the host is the word that the display repeats (in any case, as it is, or one of them with
/// `:0` or a domain behind it); with no such word, the one before last, or the last of two.
fn split_identity(text: &str) -> Option<Identity> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let last = |agree: &dyn Fn(&str, &str) -> bool| {
        (1..words.len().saturating_sub(1)).rev().find(|&i| agree(words[i], words[i + 1]))
    };
    let repeated = last(&|host, display| host.eq_ignore_ascii_case(display))
        .or_else(|| last(&|host, display| continues(display, host) || continues(host, display)));
    let host = match (repeated, words.len()) {
        (Some(host), _) => host,
        (None, 2) => 1,
        (None, n) if n >= 3 => n - 2,
        _ => return None,
    };
    // The login keeps its own spaces, which may be several at once.
    let behind = words[host..]
        .iter()
        .try_fold(text, |rest, _| rest.trim_end().rsplit_once(char::is_whitespace).map(|(rest, _)| rest))?;
    Some(Identity::new(behind.trim(), words[host]))
}

/// Whether a name goes on behind another with a screen's number (`PC-1:0.0`) or a domain (`PC-1.univ.example`). Any other
/// beginning in common is chance: `Anne` goes on with no `Anne-PC`.
fn continues(long: &str, short: &str) -> bool {
    let (head, rest) = long.split_at_checked(short.len()).unwrap_or_default();
    !short.is_empty() && head.eq_ignore_ascii_case(short) && rest.starts_with([':', '.'])
}

/// `Tue 1/11 7:40`: the last such day not after tomorrow of `today` (clocks differ) whose weekday is the one named.
fn start_time(text: &str, today: NaiveDate) -> Option<NaiveDateTime> {
    let mut words = text.split_whitespace();
    // Of a language that nobody here speaks, it says nothing.
    let weekday: Option<Weekday> = words.next()?.parse().ok();
    let (month, day) = words.next()?.split_once('/')?;
    let (month, day) = (month.parse().ok()?, day.parse().ok()?);
    let time = minute(words.next()?)?;
    let latest = today.succ_opt()?;
    let of_year = |year| NaiveDate::from_ymd_opt(year, month, day).filter(|date| *date <= latest);
    // A weekday comes back to a date within 11 years (12 where a leap day is skipped in 1900 or 2100).
    let mut years = (0..12).filter_map(|back| of_year(today.year() - back));
    let fitting = years.clone().find(|date| weekday.is_some_and(|weekday| date.weekday() == weekday));
    fitting.or_else(|| years.next()).map(|date| date.and_time(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(body: &str) -> Vec<String> {
        let text = format!(
            "Flexible License Manager status on Tue 1/11/2022 11:26\nUsers of OriginPro:  (Total of 20 licenses issued;  Total of 5 licenses in use)\n{body}"
        );
        let parsed = parse(&Source::from_bytes("lmstat", text.as_bytes()));
        parsed
            .items
            .uses
            .iter()
            .map(|u| format!("{}|{}|{}|{}|{}|{}", u.who.login(), u.who.host(), u.since, u.licences, u.server, u.handle))
            .collect()
    }

    #[test]
    fn every_shape_of_a_line() {
        for (line, expected) in [
            (
                "    camille ZBOOK-3 ZBOOK-3 (v9.4) (origin.srv/27000 196), start Tue 1/11 07:54",
                "camille|ZBOOK-3|2022-01-11 07:54:00|1|origin.srv|196",
            ),
            (
                "    Jean Dupont PC-1 PC-1 (v9.4) (origin.srv/27000 262), start Tue 1/11 7:40, 2 licenses",
                "Jean Dupont|PC-1|2022-01-11 07:40:00|2|origin.srv|262",
            ),
            (
                "    Jean  Dupont PC-1 PC-1 (v9.4) (s/27000 262), start Tue 1/11 7:40",
                "Jean  Dupont|PC-1|2022-01-11 07:40:00|1|s|262",
            ),
            ("    anna PC-1 (v9.4) (s/27000 262), start Tue 1/11 7:40", "anna|PC-1|2022-01-11 07:40:00|1|s|262"),
            (
                "    anna PC-1 /dev/tty (v9.4) (s/27000 262), start Tue 1/11 7:40",
                "anna|PC-1|2022-01-11 07:40:00|1|s|262",
            ),
            (
                "    Anna Maria PC-1 PC-1:0.0 (v9.4) (s/27000 262), start Tue 1/11 7:40",
                "Anna Maria|PC-1|2022-01-11 07:40:00|1|s|262",
            ),
            (
                "    anna PC-1 PC-1 (v9.4) (s/27000 262), start Tue 1/11 7:40, 1 license (linger: 600 / 1800)",
                "anna|PC-1|2022-01-11 07:40:00|1|s|262",
            ),
            (
                "    anna PC-1 PC-1 (v9.4) (s/27000 262), start Tue 1/11 7:40, PID: 4711",
                "anna|PC-1|2022-01-11 07:40:00|1|s|262",
            ),
            ("    anna PC-1 PC-1 (v9.4) (s/27000 262), start Fri 12/31 7:40", "anna|PC-1|2021-12-31 07:40:00|1|s|262"),
            ("    anna PC-1 PC-1 (v9.4) (s/27000 262), start Sat 2/29 7:40", "anna|PC-1|2020-02-29 07:40:00|1|s|262"),
        ] {
            assert_eq!(uses(line), [expected], "{line}");
        }
    }

    #[test]
    fn login_and_host_part_where_the_display_repeats_the_host() {
        for (words, login, host) in [
            ("Anne Anne-PC Anne-PC", "Anne", "Anne-PC"),
            ("Marie A Anne PC-1 console", "Marie A Anne", "PC-1"),
            ("Jo Jordan PC-1 /dev/tty", "Jo Jordan", "PC-1"),
            ("anna ZBOOK-3 zbook-3", "anna", "ZBOOK-3"),
            ("anna PC-1.univ.example PC-1", "anna", "PC-1.univ.example"),
            ("Anna Maria pc-1 PC-1.univ.example", "Anna Maria", "pc-1"),
            ("anna PC-1 PC-1 console", "anna", "PC-1"),
            ("PC-1 PC-1 PC-1", "PC-1", "PC-1"),
            ("anna@lab.fr PC-1 PC-1", "anna@lab.fr", "PC-1"),
            ("Éloïse Éloïse-PC éloïse-pc", "Éloïse", "Éloïse-PC"),
        ] {
            let who = split_identity(words).unwrap();
            assert_eq!((who.login(), who.host()), (login, host), "{words}");
        }
        assert_eq!(split_identity("anna"), None);
    }

    #[test]
    fn queues_reservations_and_uncounted_features_are_no_use() {
        for line in [
            "    anna PC-1 PC-1 (v9.4) (s/27000 262) queued for 1 license",
            "    2 RESERVATIONs for GROUP X (s/27000)",
            "Users of Viewer:  (Uncounted, node-locked)",
            "  \"OriginPro\" v9.4, vendor: orglab, expiry: 31-dec-2022",
            "  floating license",
        ] {
            assert_eq!(uses(line), [""; 0], "{line}");
        }
    }

    #[test]
    fn trouble_is_a_finding_and_no_empty_list() {
        for text in [
            "Error getting status: Cannot connect to license server system. (-15,570:115)",
            "lmutil: command not found",
            "Flexible License Manager status on Tue 1/11/2022 11:26\norglab: The desired vendor daemon is down. (-97,121)",
            "Flexible License Manager status on Tue 1/11/2022 11:26\nUsers of OriginPro: Cannot get users of OriginPro: No such feature",
            "Flexible License Manager status on Tue 1/11/2022 11:26\nUsers of X: (Error: 2 licenses, unsupported by licensed server)",
        ] {
            let parsed = parse(&Source::from_bytes("lmstat", text.as_bytes()));
            assert_eq!(parsed.findings.len(), 1, "{text}: {:?}", parsed.findings);
            assert!(!parsed.items.covers("X"), "{text}");
        }
    }

    #[test]
    fn a_list_that_lacks_somebody_says_so() {
        let whole = "    u h h (v1) (s/1 2), start Tue 1/11 7:40\n    v i i (v1) (s/1 3), start Tue 1/11 7:41\n";
        let list = |in_use: u32, lines: &str| {
            let text = format!(
                "Flexible License Manager status on Tue 1/11/2022 11:26\nUsers of A:  (Total of 9 licenses issued;  Total of {in_use} licenses in use)\n{lines}"
            );
            let parsed = parse(&Source::from_bytes("lmstat", text.as_bytes()));
            let kinds: Vec<_> = parsed.findings.iter().map(|finding| finding.kind.name()).collect();
            (parsed.items.lists_all("A"), parsed.items.uses.len(), kinds)
        };
        assert_eq!(list(2, whole), (true, 2, vec![]));
        assert_eq!(list(1, whole), (true, 2, vec![]), "a display that is counted once");
        assert_eq!(list(3, whole), (false, 2, vec!["licence-server-trouble"]));
        assert_eq!(list(2, &whole[..whole.len() - 20]), (false, 1, vec!["licence-server-trouble"]));
        assert_eq!(list(2, &whole.replace("v i i", "i")), (false, 1, vec!["unreadable-line"]));
        // A weekday of another language, where the date says it all.
        assert_eq!(list(2, &whole.replace("Tue", "mar.")), (true, 2, vec![]));
    }

    #[test]
    fn two_features_are_kept_apart() {
        let text = "Flexible License Manager status on Tue 1/11/2022 11:26\nUsers of A:  (Total of 2 licenses issued;  Total of 0 licenses in use)\nUsers of B:  (Total of 2 licenses issued;  Total of 1 license in use)\n    u h h (v1) (s/1 2), start Tue 1/11 7:40\n";
        let lmstat = parse(&Source::from_bytes("lmstat", text.as_bytes())).items;
        assert!(lmstat.covers("A") && lmstat.covers("B") && !lmstat.covers("C"));
        assert_eq!(lmstat.uses.iter().map(|u| &*u.feature).collect::<Vec<_>>(), ["B"]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(line in ".{0,60}", tail in ".{0,30}") {
            let _ = uses(&format!("{line} (v1) (s/1 2), start {tail}"));
            let _ = uses(&line);
        }
    }
}
