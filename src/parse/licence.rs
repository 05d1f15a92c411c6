//! A FlexNet licence file, and the options file that its `VENDOR` line may name.
//!
//! ```text
//! SERVER origin 00505a8b1c2d 27000
//! VENDOR orglab port=60213 options=orglab.opt
//! INCREMENT OriginPro orglab 9.95 31-dec-2022 20 BORROW=168 DUP_GROUP=UHD \
//!         ISSUED=12-jan-2021 VENDOR_STRING="a b" SIGN="…"
//! ```
//!
//! `FEATURE` or `INCREMENT`, the feature, its daemon, version, expiry (`permanent`, or `dd-mmm-yyyy`, of which the year 0 never
//! comes) and count (`uncounted`, or 0, where nobody counts), then `KEY=value` in any order; a `\` at the end continues a line.
//! Lines of one feature add up, those that are over or not yet valid aside. Of the options file, `RESERVE n feature …` and
//! `MAX_BORROW_HOURS feature n` are read.
//!
//! Source: FlexNet Publisher License Administration Guide, "Reading a License File", "Managing the Options File".

use chrono::NaiveDate;

use crate::finding::{Finding, Parsed};
use crate::model::{Duplicates, Terms};
use crate::source::Source;

/// What a licence file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LicenceFile {
    /// Its features, in the order of the file, each once. A text without any is no licence file.
    pub terms: Vec<Terms>,
    /// The options file that it names, as written.
    pub options: Option<String>,
}

/// One `FEATURE` or `INCREMENT` line.
struct Line {
    feature: String,
    expiry: Option<NaiveDate>,
    begin: Option<NaiveDate>,
    /// `None` where nobody counts.
    count: Option<u32>,
    duplicates: Option<Duplicates>,
    borrow_h: Option<u32>,
}

/// Reads a licence file as of a day: what was over by then, or not valid yet, does not count, unless there is nothing else.
pub fn parse(source: &Source, day: NaiveDate) -> Parsed<LicenceFile> {
    let (mut lines, mut findings, mut options) = (Vec::new(), Vec::new(), None);
    for (number, text) in joined(source) {
        let words = words(&text);
        match words.first().map(|word| word.to_ascii_uppercase()).as_deref() {
            Some("FEATURE" | "INCREMENT") => match line(&words) {
                Some(line) => lines.push(line),
                None => findings.push(Finding::unreadable(source.at(number), &text)),
            },
            Some("VENDOR" | "DAEMON") => {
                options = options.or_else(|| words.iter().find_map(|word| value(word, "OPTIONS")).map(str::to_owned));
            }
            _ => {}
        }
    }
    Parsed { items: LicenceFile { terms: added_up(&lines, day), options }, findings }
}

/// Takes in what an options file says of the features.
pub fn apply_options(terms: &mut [Terms], source: &Source) {
    for (_, text) in joined(source) {
        let words = words(&text);
        let word = |index: usize| words.get(index).map_or("", String::as_str);
        // `feature:VERSION=1.0` is of the feature too.
        let name = |index: usize| word(index).split(':').next().unwrap_or_default().to_owned();
        let named = |index| {
            let name = name(index);
            move |terms: &&mut Terms| terms.feature == name
        };
        match word(0).to_ascii_uppercase().as_str() {
            "RESERVE" => {
                if let (Ok(count), Some(terms)) = (word(1).parse::<u32>(), terms.iter_mut().find(named(2))) {
                    terms.reserved = terms.reserved.saturating_add(count);
                }
            }
            "MAX_BORROW_HOURS" => {
                if let (Some(terms), Ok(hours)) = (terms.iter_mut().find(named(1)), word(2).parse::<u32>()) {
                    terms.borrow_h = terms.borrow_h.map(|most| most.min(hours));
                }
            }
            _ => {}
        }
    }
}

/// The lines without comments, those that are continued as one, each with the number that it begins at.
fn joined(source: &Source) -> Vec<(u32, String)> {
    let mut lines: Vec<(u32, String)> = Vec::new();
    let mut goes_on = false;
    for (number, text) in source.lines() {
        let text = text.trim();
        if !goes_on && (text.is_empty() || text.starts_with('#')) {
            continue;
        }
        let (text, more) = text.strip_suffix('\\').map_or((text, false), |text| (text, true));
        match lines.last_mut().filter(|_| goes_on) {
            Some((_, line)) => {
                line.push(' ');
                line.push_str(text);
            }
            None => lines.push((number, text.to_owned())),
        }
        goes_on = more;
    }
    lines
}

/// The words of a line; what is between quotes is part of one.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            c if c.is_whitespace() && !is_quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// `value` of `KEY=value`, the key in any case.
fn value<'a>(word: &'a str, key: &str) -> Option<&'a str> {
    let (name, value) = word.split_once('=')?;
    name.eq_ignore_ascii_case(key).then_some(value)
}

fn line(words: &[String]) -> Option<Line> {
    let [_, feature, _daemon, _version, expiry, count, rest @ ..] = words else { return None };
    let find = |key| rest.iter().find_map(|word| value(word, key));
    let is_borrow = |word: &&String| word.eq_ignore_ascii_case("BORROW");
    // Without a number, a week.
    let borrow_h = match find("BORROW") {
        Some(hours) => Some(hours.parse().unwrap_or(BORROW_HOURS)),
        None => rest.iter().find(is_borrow).map(|_| BORROW_HOURS),
    };
    let count: u32 = if count.eq_ignore_ascii_case("uncounted") { 0 } else { count.parse().ok()? };
    Some(Line {
        feature: feature.clone(),
        expiry: expiry_of(expiry)?,
        begin: find("START").and_then(date),
        count: (count > 0).then_some(count),
        duplicates: find("DUP_GROUP").and_then(|group| group.parse().ok()),
        borrow_h,
    })
}

/// How long a token may be borrowed where the licence names no number of hours.
const BORROW_HOURS: u32 = 168;

/// The last day, if there is one; `None` where the text is no expiry.
#[expect(clippy::option_option, reason = "a licence without an end is not one that cannot be read")]
fn expiry_of(text: &str) -> Option<Option<NaiveDate>> {
    let is_for_ever = text.to_ascii_lowercase().starts_with("permanent") || year(text) == Some(0);
    if is_for_ever { Some(None) } else { date(text).map(Some) }
}

fn year(text: &str) -> Option<i32> {
    text.rsplit('-').next()?.parse().ok()
}

/// `31-dec-2022`.
pub(super) fn date(text: &str) -> Option<NaiveDate> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let mut parts = text.split('-');
    let (day, month, year) = (parts.next()?.parse().ok()?, parts.next()?.to_ascii_lowercase(), parts.next()?);
    let month = (1..).zip(MONTHS).find(|(_, name)| *name == month)?.0;
    let year: i32 = year.parse().ok().filter(|year| *year > 0)?;
    let year = if (1..100).contains(&year) { year + 2000 } else { year };
    NaiveDate::from_ymd_opt(year, month, day).filter(|_| parts.next().is_none())
}

fn added_up(lines: &[Line], day: NaiveDate) -> Vec<Terms> {
    let mut all: Vec<Terms> = Vec::new();
    for line in lines {
        if all.iter().any(|terms| terms.feature == line.feature) {
            continue;
        }
        let own = || lines.iter().filter(|other| other.feature == line.feature);
        let is_valid = |line: &&Line| {
            line.begin.is_none_or(|begin| begin <= day) && line.expiry.is_none_or(|expiry| day <= expiry)
        };
        let is_any_valid = own().any(|line| is_valid(&line));
        let valid = || own().filter(|line| !is_any_valid || is_valid(line));
        let is_counted = valid().all(|line| line.count.is_some());
        let count = valid().fold(0_u32, |sum, line| sum.saturating_add(line.count.unwrap_or(0)));
        all.push(Terms {
            feature: line.feature.clone(),
            count: is_counted.then_some(count),
            expiry: valid().filter_map(|line| line.expiry).min(),
            duplicates: valid().find_map(|line| line.duplicates).unwrap_or_default().to_string(),
            borrow_h: valid().filter_map(|line| line.borrow_h).max(),
            reserved: 0,
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Parsed<LicenceFile> {
        parse(&Source::from_bytes("lic", text.as_bytes()), "2022-06-01".parse().unwrap())
    }

    fn told(terms: &Terms) -> String {
        let Terms { feature, count, expiry, duplicates, borrow_h, reserved } = terms;
        format!("{feature} {count:?} {expiry:?} {duplicates} {borrow_h:?} {reserved}")
    }

    #[test]
    fn every_shape_of_a_line() {
        for (text, expected) in [
            (
                "INCREMENT f d 9.95 31-dec-2022 20 BORROW=168 DUP_GROUP=UHD SIGN=\"A B\"",
                "f Some(20) Some(2022-12-31) UH Some(168) 0",
            ),
            (
                "INCREMENT f d 9.95 \\\n   31-dec-2022 \\\n\t20 \\\n BORROW",
                "f Some(20) Some(2022-12-31) NONE Some(168) 0",
            ),
            ("FEATURE f d 1.0 permanent uncounted HOSTID=ANY", "f None None NONE None 0"),
            ("feature f d 1.0 1-jan-0 0 dup_group=site", "f None None SITE None 0"),
            ("INCREMENT f d 1.0 permanent 3 VENDOR_STRING=\"DUP_GROUP=U BORROW\"", "f Some(3) None NONE None 0"),
            // Those that are over, or begin later, do not count.
            (
                "INCREMENT f d 1 31-dec-2021 5\nINCREMENT f d 1 31-dec-2022 7 DUP_GROUP=U\nINCREMENT f d 1 permanent 9 START=1-jan-2023",
                "f Some(7) Some(2022-12-31) U None 0",
            ),
            ("INCREMENT f d 1 31-dec-2022 5\nINCREMENT f d 1 30-jun-2022 7", "f Some(12) Some(2022-06-30) NONE None 0"),
            // All are over: what was there is the best that is known.
            ("INCREMENT f d 1 31-dec-2021 5", "f Some(5) Some(2021-12-31) NONE None 0"),
        ] {
            let parsed = read(text);
            assert_eq!(parsed.items.terms.iter().map(told).collect::<Vec<_>>(), [expected], "{text}");
            assert_eq!(parsed.findings, [], "{text}");
        }
    }

    #[test]
    fn other_lines_are_read_over_and_broken_ones_named() {
        let text = "# INCREMENT x d 1 permanent 1\n\nSERVER s 1 27000\nUSE_SERVER\nPACKAGE p d 1 COMPONENTS=\"a b\"\nVENDOR d PORT=60213 OPTIONS=\"a b.opt\"\nINCREMENT f d 1 31-foo-2022 5\nINCREMENT f d\nINCREMENT g d 1 permanent many\nINCREMENT h d 1 permanent 2\n";
        let parsed = read(text);
        assert_eq!(parsed.items.options.as_deref(), Some("a b.opt"));
        assert_eq!(parsed.items.terms.iter().map(told).collect::<Vec<_>>(), ["h Some(2) None NONE None 0"]);
        let lines: Vec<_> = parsed.findings.iter().map(|finding| finding.place.to_string()).collect();
        assert_eq!(lines, ["lic:7", "lic:8", "lic:9"]);
    }

    #[test]
    fn options_reserve_and_shorten() {
        let mut terms = read("INCREMENT f d 1 permanent 9 BORROW\nINCREMENT g d 1 permanent 9\n").items.terms;
        let options = "RESERVE 2 f USER anna\nreserve 1 f:VERSION=1 GROUP x\nRESERVE 1 unknown USER a\nRESERVE x f USER a\nMAX_BORROW_HOURS f 24\nMAX_BORROW_HOURS g 24\n";
        apply_options(&mut terms, &Source::from_bytes("opt", options.as_bytes()));
        assert_eq!(
            terms.iter().map(told).collect::<Vec<_>>(),
            ["f Some(9) None NONE Some(24) 3", "g Some(9) None NONE None 0"]
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "(INCREMENT|FEATURE|VENDOR| |\\\\|\n|\"|=|-|[a-z0-9]){0,40}") {
            let mut parsed = read(&text).items;
            apply_options(&mut parsed.terms, &Source::from_bytes("opt", text.as_bytes()));
        }
    }
}
