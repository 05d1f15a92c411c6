//! Undated lines of a debug log, dated beside the blocks of the logwatch, which show some of them and have dates.

use chrono::NaiveDate;
use chrono_tz::Tz;
use foldhash::{HashMap, HashSet};

use super::lines::{Base, give_days, lines};
use super::marks;
use super::store::{Slot, Store};
use super::unit::Names;
use super::{Added, EvidenceError, Kind, debug_log};
use crate::parse::flexnet::{self, Message};
use crate::source;

/// So many of the newest days of the logwatch are looked at.
const MOST_DAYS: usize = 62;
/// So many different lines must agree.
const SURE: usize = 2;

/// Dates what can be dated so.
pub(super) fn date(store: &mut Store, zone: Tz) -> Result<Added, EvidenceError> {
    if store.info(Kind::DebugLog, Slot::Undated).is_none() {
        return Ok(Added::default());
    }
    let mut shown: HashMap<String, Vec<NaiveDate>> = HashMap::default();
    for day in store.days(Kind::Logwatch).keys().rev().take(MOST_DAYS) {
        let text = store.get(Kind::Logwatch, Slot::Day(*day))?.unwrap_or_default();
        let texts: HashSet<_> = marks::lines(&text).filter_map(|(line, _)| token_line(&source::decode(line))).collect();
        for text in texts {
            shown.entry(text).or_default().push(*day);
        }
    }
    debug_log::date_undated(store, zone, &|texts| first_day(texts, zone, &shown))
}

/// A line that moves a token, without the spaces around it; connections of a logwatch are told by their first letters.
fn token_line(line: &str) -> Option<String> {
    if line.starts_with(|first: char| first.is_ascii_uppercase()) {
        return None;
    }
    let parsed = flexnet::parse_line(line)?;
    matches!(parsed.message, Message::Token(_)).then(|| line.trim().to_owned())
}

/// The day of the first line by which most lines are of a day whose blocks show them. Blocks show a line late or not at
/// all: of days that fit as well, the first is meant.
fn first_day(texts: &[&str], zone: Tz, shown: &HashMap<String, Vec<NaiveDate>>) -> Option<NaiveDate> {
    let text: String = texts.iter().flat_map(|text| [text, "\n"]).collect();
    let mut units = lines(text.as_bytes(), &mut Names::new());
    let any = NaiveDate::default();
    give_days(&mut units, zone, Base::Known(any));
    let mut agreeing: HashMap<NaiveDate, HashSet<String>> = HashMap::default();
    for (unit, text) in units.iter().zip(texts) {
        let Some((day, line)) = unit.day.zip(token_line(text)) else { continue };
        for shown_on in shown.get(&line).into_iter().flatten() {
            agreeing.entry(*shown_on - (day - any)).or_default().insert(line.clone());
        }
    }
    let best = agreeing.into_iter().max_by_key(|(day, lines)| (lines.len(), std::cmp::Reverse(*day)));
    best.filter(|(_, lines)| lines.len() >= SURE).map(|(day, _)| day)
}
