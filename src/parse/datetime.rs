//! Dates as `date` prints them, in the C, English, French, German, Spanish and Italian locales, and as FlexNet prints them.
//!
//! All of these are one moment:
//!
//! ```text
//! mer. déc.  8 14:00:20 CET 2021              fr_FR, coreutils before 8.31
//! mer. 08 déc. 2021 14:00:20 CET              fr_FR since
//! mercredi 8 décembre 2021, 14:00:20 (UTC+0100)
//! Wed Dec  8 14:00:20 CET 2021                C, en_US before
//! Wed Dec  8 02:00:20 PM CET 2021             en_US, 12-hour clock
//! Wed 08 Dec 2021 02:00:20 PM CET             en_US since
//! Mi 8. Dez 14:00:20 CET 2021                 de_DE
//! mié 08 dic 2021 14:00:20 CET                es_ES
//! mer 8 dic 2021, 14:00:20, CET               it_IT
//! 2021-12-08T14:00:20+01:00                   date -Is, ISO 8601, RFC 3339
//! Wed, 08 Dec 2021 14:00:20 +0100             date -R, RFC 5322
//! ```
//!
//! A date line is read as words whose kind tells their meaning, in any order: that covers these and whatever order the
//! next locale has. Every word must be of a known kind, and day, month, year and time must be there, each once.

use chrono::{
    DateTime, Datelike, Days, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone,
    Timelike, Utc,
};
use chrono_tz::{OffsetName, Tz};

/// A civil date and time, and what was said of its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Date and time as written.
    pub civil: NaiveDateTime,
    /// The zone as written.
    pub zone: Zone,
}

/// The zone of a [`Stamp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// Nothing was said: the site's.
    Unsaid,
    /// A difference to UTC: `+0100`, `Z`.
    Offset(FixedOffset),
    /// An abbreviation such as `CET`, of at most [`Abbreviation::MOST`] letters.
    Named(Abbreviation),
}

/// A zone's abbreviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abbreviation {
    letters: [u8; Self::MOST],
    length: u8,
}

impl Abbreviation {
    /// POSIX promises no more than six; `TZNAME_MAX` of glibc is larger, but no zone in use has more.
    pub const MOST: usize = 6;

    fn new(text: &str) -> Option<Self> {
        let letters = text.as_bytes();
        let length = u8::try_from(letters.len()).ok()?;
        let fits = (2..=Self::MOST).contains(&letters.len()) && letters.iter().all(u8::is_ascii_uppercase);
        fits.then(|| {
            let mut copy = [0; Self::MOST];
            copy[..letters.len()].copy_from_slice(letters);
            Self { letters: copy, length }
        })
    }

    /// The letters.
    pub fn as_str(&self) -> &str {
        // Only ASCII letters are ever stored.
        std::str::from_utf8(&self.letters[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl Stamp {
    /// The moment itself. `site` decides where the text does not name a zone, or names one that `site` has just then
    /// (`CET` and `CEST` tell the two 02:30 of an October night apart); where even that leaves two moments, the first
    /// that is not before `after` is meant, as logs run forward.
    pub fn moment(&self, site: Tz, after: Option<DateTime<Utc>>) -> DateTime<Utc> {
        let fixed = |offset: FixedOffset| self.civil.checked_sub_offset(offset).unwrap_or(self.civil).and_utc();
        match self.zone {
            Zone::Offset(offset) => fixed(offset),
            Zone::Unsaid => civil_moment(self.civil, site, after),
            Zone::Named(name) => {
                let candidates = site.from_local_datetime(&self.civil);
                let named = [candidates.earliest(), candidates.latest()]
                    .into_iter()
                    .flatten()
                    .find(|moment| moment.offset().abbreviation() == Some(name.as_str()));
                match (named, fixed_offset(name.as_str())) {
                    (Some(moment), _) => moment.to_utc(),
                    (None, Some(offset)) => fixed(offset),
                    (None, None) => civil_moment(self.civil, site, after),
                }
            }
        }
    }
}

/// A civil time of a zone as a moment. In the autumn's repeated hour the first moment that is not before `after` is
/// meant (a few seconds before it do not count: writers are not that exact); a time in the spring's gap is read with the offset before the gap, as a clock that was not yet set forward.
pub fn civil_moment(civil: NaiveDateTime, zone: Tz, after: Option<DateTime<Utc>>) -> DateTime<Utc> {
    match zone.from_local_datetime(&civil) {
        MappedLocalTime::Single(moment) => moment.to_utc(),
        MappedLocalTime::Ambiguous(first, second) => {
            let passed = after.is_some_and(|after| first.to_utc() + chrono::Duration::seconds(30) < after);
            if passed { second.to_utc() } else { first.to_utc() }
        }
        MappedLocalTime::None => {
            // Civil times lie up to 14 hours from those of UTC: a day earlier is before the gap in every zone.
            let day_before = civil.checked_sub_days(Days::new(1)).unwrap_or(civil);
            let before = zone.offset_from_utc_datetime(&day_before).fix();
            civil.checked_sub_offset(before).unwrap_or(civil).and_utc()
        }
    }
}

/// The moment at which a civil day begins: its first instant, even where midnight is skipped or comes twice. A day that
/// a zone left out (Samoa's 30 December 2011) begins where the next one does.
pub fn start_of_day(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    match zone.from_local_datetime(&midnight) {
        MappedLocalTime::Single(moment) => moment.to_utc(),
        // Where clocks go back at midnight (Santiago, in April), the first moment that is called 0:00 is the end of the
        // old day's first 23:59, and the zone calls it 23:00.
        MappedLocalTime::Ambiguous(first, second) => {
            let first = first.to_utc();
            if first.with_timezone(&zone).date_naive() < day { second.to_utc() } else { first }
        }
        // The clock jumps over midnight: the day begins at the end of the jump, which is where the offset before it
        // would have put midnight.
        MappedLocalTime::None => civil_moment(midnight, zone, None),
    }
}

/// The moment at which a civil day ends: the start of the next.
pub fn end_of_day(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    day.checked_add_days(Days::new(1)).map_or(DateTime::<Utc>::MAX_UTC, |next| start_of_day(next, zone))
}

/// The offsets of abbreviations that servers print though the site's zone does not have them. Those that mean different
/// zones on different continents (`CST`, `IST`) are read as what a European laboratory would see.
fn fixed_offset(name: &str) -> Option<FixedOffset> {
    let hours = match name {
        "UTC" | "GMT" | "UCT" | "WET" => 0,
        "CET" | "MET" | "MEZ" | "BST" | "WEST" => 1,
        "CEST" | "MEST" | "MESZ" | "EET" | "SAST" => 2,
        "EEST" | "MSK" => 3,
        "JST" | "KST" => 9,
        "EDT" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        _ => return None,
    };
    FixedOffset::east_opt(hours * 3600)
}

/// Reads a whole date line; `None` where it is not one.
pub fn parse(line: &str) -> Option<Stamp> {
    let mut parts = Parts::default();
    for word in line.split([' ', '\t', '\u{a0}', '\u{202f}']).filter(|word| !word.is_empty()) {
        parts.take(word.strip_suffix(',').filter(|word| !word.is_empty()).unwrap_or(word))?;
    }
    parts.stamp()
}

/// Reads a date that was written onto the end of a line which lacks its own end: where the date begins, and the date.
pub fn parse_end(line: &str) -> Option<(usize, Stamp)> {
    // No date is longer.
    const LONGEST: usize = 64;
    // Most lines of a log need no more looking at: `date` ends its line at once, and FlexNet with two spaces.
    if line.ends_with(' ') || line.bytes().rev().take(LONGEST).filter(|byte| *byte == b':').count() < 2 {
        return None;
    }
    // The first that reads is the whole of it: its later words alone can be a date as well.
    let skipped = line.chars().count().saturating_sub(LONGEST).max(1);
    let mut starts = line.char_indices().skip(skipped).filter(|(_, first)| !first.is_whitespace());
    starts.find_map(|(start, _)| parse(&line[start..]).map(|stamp| (start, stamp)))
}

/// What the words of a line have said so far.
#[derive(Default)]
struct Parts {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    time: Option<NaiveTime>,
    afternoon: Option<bool>,
    zone: Option<Zone>,
    weekday: bool,
    /// `mar.` is mardi or mars (or March): mardi where another word names the month.
    mar: bool,
}

/// Stores a value where there was none; a second one makes the line something else.
fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.is_none().then(|| *slot = Some(value))
}

impl Parts {
    fn take(&mut self, word: &str) -> Option<()> {
        let first = *word.as_bytes().first()?;
        if first.is_ascii_digit() {
            return self.take_number(word);
        }
        if let Some(inner) = word.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            let offset = inner.strip_prefix("UTC").unwrap_or(inner);
            return if offset.is_empty() {
                self.take(inner)
            } else {
                once(&mut self.zone, Zone::Offset(offset_of(offset)?))
            };
        }
        if first == b'+' || first == b'-' {
            return once(&mut self.zone, Zone::Offset(offset_of(word)?));
        }
        self.take_name(word)
    }

    fn take_number(&mut self, word: &str) -> Option<()> {
        let bytes = word.as_bytes();
        if bytes.len() >= 10 && bytes[4] == b'-' && bytes[7] == b'-' {
            let date: NaiveDate = word.get(..10)?.parse().ok()?;
            once(&mut self.year, date.year())?;
            once(&mut self.month, date.month())?;
            once(&mut self.day, date.day())?;
            return match word.get(10..)?.strip_prefix(['T', 't']) {
                Some(time) => self.take_time(time),
                None => (bytes.len() == 10).then_some(()),
            };
        }
        if word.contains(':') {
            return self.take_time(word);
        }
        let word = word.strip_suffix('.').unwrap_or(word);
        match word.len() {
            4 => once(&mut self.year, word.parse().ok()?),
            1 | 2 => once(&mut self.day, word.parse().ok()?),
            // `1er`, as French writes the first; `8.`, as German writes the eighth, `1º`, as Spanish does the first.
            _ => once(&mut self.day, (word == "1er" || word == "1º").then_some(1)?),
        }
    }

    /// `14:00:20`, `2:00:20`, `14:00:20,123456+01:00`, `13:00:20Z`.
    fn take_time(&mut self, word: &str) -> Option<()> {
        let end = word.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(word.len());
        let (clock, mut rest) = word.split_at(end);
        if let Some(fraction) = rest.strip_prefix(['.', ',']) {
            rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        }
        once(&mut self.time, clock_time(clock)?)?;
        if rest.is_empty() { Some(()) } else { once(&mut self.zone, Zone::Offset(offset_of(rest)?)) }
    }

    fn take_name(&mut self, word: &str) -> Option<()> {
        match word {
            "AM" | "am" => return once(&mut self.afternoon, false),
            "PM" | "pm" => return once(&mut self.afternoon, true),
            _ => {}
        }
        let name = Name::of(word)?;
        match name {
            Name::Mar if !self.mar => self.mar = true,
            Name::Mar => return once(&mut self.month, 3),
            Name::Month(month) => return once(&mut self.month, month),
            Name::Weekday if !self.weekday => self.weekday = true,
            Name::Weekday => return None,
            Name::Zone(zone) => return once(&mut self.zone, Zone::Named(zone)),
            Name::Filler => {}
        }
        Some(())
    }

    fn stamp(self) -> Option<Stamp> {
        let month = self.month.or(self.mar.then_some(3))?;
        let date = date_of(self.year?, month, self.day?)?;
        let mut time = self.time?;
        if let Some(afternoon) = self.afternoon {
            let hour = time.hour();
            let hour = match (hour, afternoon) {
                (12, false) => 0,
                (1..=11, true) => hour + 12,
                (0..=12, _) => hour,
                _ => return None,
            };
            time = time.with_hour(hour)?;
        }
        Some(Stamp { civil: date.and_time(time), zone: self.zone.unwrap_or(Zone::Unsaid) })
    }
}

/// `H:MM:SS` or `HH:MM:SS`; a leap second is shown as the second before it.
pub fn clock_time(text: &str) -> Option<NaiveTime> {
    let number = |digits: &str| -> Option<u32> {
        let digits = digits.as_bytes();
        let plain = matches!(digits.len(), 1 | 2) && digits.iter().all(u8::is_ascii_digit);
        plain.then(|| digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0')))
    };
    let (hour, rest) = text.split_once(':')?;
    let (minute, second) = rest.split_once(':')?;
    if minute.len() != 2 || second.len() != 2 {
        return None;
    }
    let second = match number(second)? {
        60 => 59,
        second => second,
    };
    NaiveTime::from_hms_opt(number(hour)?, number(minute)?, second)
}

/// `+0100`, `+01:00`, `+01`, `Z`.
fn offset_of(text: &str) -> Option<FixedOffset> {
    if matches!(text, "Z" | "z") {
        return FixedOffset::east_opt(0);
    }
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let hours: i32 = digits[..2].parse().ok()?;
    let minutes: i32 = digits.get(2..).filter(|m| !m.is_empty()).map_or(Some(0), |m| m.parse().ok())?;
    FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60))
}

/// `12/8/2021`, month before day, as FlexNet prints dates whatever the locale.
pub fn american_date(text: &str) -> Option<NaiveDate> {
    let mut parts = text.trim().split('/');
    let month = parts.next()?.parse().ok()?;
    let day = parts.next()?.parse().ok()?;
    let year = parts.next()?.parse().ok()?;
    if parts.next().is_some() { None } else { date_of(year, month, day) }
}

/// A date of the time in which there are licence servers: an earlier year was cut short.
fn date_of(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    // FLEXlm is of 1988.
    (year >= 1988).then(|| NaiveDate::from_ymd_opt(year, month, day))?
}

enum Name {
    Weekday,
    Month(u32),
    Mar,
    Zone(Abbreviation),
    /// `8 de diciembre de 2021`.
    Filler,
}

impl Name {
    fn of(word: &str) -> Option<Self> {
        // The longest names have ten letters (septiembre, donnerstag); accents fold to the letters that are left without
        // them.
        let mut letters = [0_u8; 12];
        let mut length = 0;
        for c in word.strip_suffix('.').unwrap_or(word).chars() {
            let plain = match c {
                'é' | 'É' | 'è' => b'e',
                'û' | 'Û' | 'ù' => b'u',
                'á' | 'Á' | 'ä' | 'Ä' => b'a',
                'ì' => b'i',
                _ => u8::try_from(c).ok().filter(u8::is_ascii_alphabetic)?.to_ascii_lowercase(),
            };
            *letters.get_mut(length)? = plain;
            length += 1;
        }
        let name = match &letters[..length] {
            // March, or Tuesday in the Romance languages.
            b"mar" => Self::Mar,
            b"de" => Self::Filler,
            b"lun" | b"lundi" | b"lunes" | b"lunedi" | b"mon" | b"monday" | b"mo" | b"montag" | b"mardi"
            | b"martes" | b"martedi" | b"tue" | b"tuesday" | b"di" | b"dienstag" | b"mer" | b"mercredi" | b"mie"
            | b"miercoles" | b"mercoledi" | b"wed" | b"wednesday" | b"mi" | b"mittwoch" | b"jeu" | b"jeudi"
            | b"jue" | b"jueves" | b"gio" | b"giovedi" | b"thu" | b"thursday" | b"do" | b"donnerstag" | b"ven"
            | b"vendredi" | b"vie" | b"viernes" | b"venerdi" | b"fri" | b"friday" | b"fr" | b"freitag" | b"sam"
            | b"samedi" | b"sab" | b"sabado" | b"sabato" | b"sat" | b"saturday" | b"sa" | b"samstag" | b"sonnabend"
            | b"dim" | b"dimanche" | b"dom" | b"domingo" | b"domenica" | b"sun" | b"sunday" | b"so" | b"sonntag" => {
                Self::Weekday
            }
            b"jan" | b"janv" | b"janvier" | b"january" | b"januar" | b"ene" | b"enero" | b"gen" | b"gennaio" => {
                Self::Month(1)
            }
            b"fev" | b"fevr" | b"fevrier" | b"feb" | b"february" | b"februar" | b"febrero" | b"febbraio" => {
                Self::Month(2)
            }
            b"mars" | b"march" | b"marz" | b"marzo" => Self::Month(3),
            b"avr" | b"avril" | b"apr" | b"april" | b"abr" | b"abril" | b"aprile" => Self::Month(4),
            b"mai" | b"may" | b"mayo" | b"mag" | b"maggio" => Self::Month(5),
            b"juin" | b"jun" | b"june" | b"juni" | b"junio" | b"giu" | b"giugno" => Self::Month(6),
            b"juil" | b"juillet" | b"jul" | b"july" | b"juli" | b"julio" | b"lug" | b"luglio" => Self::Month(7),
            b"aou" | b"aout" | b"aug" | b"august" | b"ago" | b"agosto" => Self::Month(8),
            b"sep" | b"sept" | b"septembre" | b"september" | b"septiembre" | b"set" | b"settembre" => Self::Month(9),
            b"oct" | b"octobre" | b"october" | b"okt" | b"oktober" | b"octubre" | b"ott" | b"ottobre" => {
                Self::Month(10)
            }
            b"nov" | b"novembre" | b"november" | b"noviembre" => Self::Month(11),
            b"dec" | b"decembre" | b"december" | b"dez" | b"dezember" | b"dic" | b"diciembre" | b"dicembre" => {
                Self::Month(12)
            }
            _ => Self::Zone(Abbreviation::new(word)?),
        };
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Europe::Paris;

    fn moment(line: &str) -> Option<String> {
        parse(line).map(|stamp| stamp.moment(Paris, None).to_rfc3339())
    }

    #[test]
    fn a_date_at_the_end_of_an_unfinished_line() {
        for (line, rest) in [
            (
                "14:00:20 (orglab) OUT: \"f\" a@DESKTOP-7mer. déc.  8 14:00:20 CET 2021",
                "14:00:20 (orglab) OUT: \"f\" a@DESKTOP-7",
            ),
            ("14:00:2Wed Dec  8 14:00:20 CET 2021", "14:00:2"),
            ("a@h  Wed 08 Dec 2021 02:00:20 PM CET", "a@h  "),
            ("W?d Dec  8 14:00:20 CET 2021", "W?d "),
            ("ESTAB 0 0 1.2.3.4:602132021-12-08T14:00:20+01:00", "ESTAB 0 0 1.2.3.4:60213"),
            ("émercredi 8 décembre 2021, 14:00:20 (UTC+0100)", "é"),
        ] {
            let (start, stamp) = parse_end(line).unwrap();
            assert_eq!((&line[..start], stamp.civil.to_string().as_str()), (rest, "2021-12-08 14:00:20"), "{line}");
        }
        for line in ["", "é", "a@h  ", "Wed Dec  8 14:00:20 CET 2021 x", "14:00:20 (d) x"] {
            assert_eq!(parse_end(line), None, "{line}");
        }
    }

    #[test]
    fn every_spelling_is_the_same_moment() {
        for line in [
            "mer. déc.  8 14:00:20 CET 2021",
            "mer. dec. 8 14:00:20 CET 2021",
            "mer. 08 déc. 2021 14:00:20 CET",
            "mercredi 8 décembre 2021, 14:00:20 (UTC+0100)",
            "mercredi 8 décembre 2021 14:00:20 (UTC+01:00)",
            "Wed Dec  8 14:00:20 CET 2021",
            "Wed Dec  8 02:00:20 PM CET 2021",
            "Wed Dec  8 2:00:20 PM CET 2021",
            "Wed 08 Dec 2021 02:00:20 PM CET",
            "Wed  8 Dec 14:00:20 CET 2021",
            "Wed Dec  8 14:00:20 +0100 2021",
            "Wed Dec  8 13:00:20 UTC 2021",
            "Wed Dec  8 08:00:20 EST 2021",
            "2021-12-08T14:00:20+01:00",
            "2021-12-08T13:00:20Z",
            "2021-12-08 14:00:20+01:00",
            "2021-12-08T14:00:20,123456+01:00",
            "2021-12-08 14:00:20",
            "Wed Dec 08 2021 14:00:20 CET",
            "Wed, 08 Dec 2021 14:00:20 +0100",
            "Mi 8. Dez 14:00:20 CET 2021",
            "Mi 08 Dez 2021 14:00:20 MEZ",
            "Mittwoch, 8. Dezember 2021, 14:00:20 CET",
            "mié dic  8 14:00:20 CET 2021",
            "mié 08 dic 2021 14:00:20 CET",
            "miércoles, 8 de diciembre de 2021, 14:00:20 CET",
            "mer  8 dic 2021, 14:00:20, CET",
            "mercoledì 8 dicembre 2021 14:00:20 CET",
            "  mer. déc.  8 14:00:20 CET 2021  ",
        ] {
            assert_eq!(moment(line).as_deref(), Some("2021-12-08T13:00:20+00:00"), "{line}");
        }
    }

    #[test]
    fn every_month_reads_in_every_language_with_and_without_accents() {
        let french = "janv. févr. mars avril mai juin juil. août sept. oct. nov. déc.";
        let bare = "janv fevr mars avr mai juin juil aout sept oct nov dec";
        let english = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
        let german = "Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez";
        let long = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember";
        let spanish = "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre";
        let italian = "gen feb mar apr mag giu lug ago set ott nov dic";
        for names in [french, bare, english, german, long, spanish, italian] {
            for (number, name) in (1..).zip(names.split(' ')) {
                let stamp = parse(&format!("lun. {name} 5 12:00:00 CET 2021")).map(|s| s.civil.date());
                assert_eq!(stamp, NaiveDate::from_ymd_opt(2021, number, 5), "{name}");
            }
        }
    }

    #[test]
    fn mar_is_a_weekday_where_another_word_names_the_month() {
        for (line, month, day) in [
            ("mar. mars  8 10:00:00 CET 2022", 3, 8),
            ("mar. 08 mars 2022 10:00:00 CET", 3, 8),
            ("mar. déc. 14 10:00:00 CET 2021", 12, 14),
            ("Tue Mar  8 10:00:00 CET 2022", 3, 8),
            ("mar. mar. 8 10:00:00 CET 2022", 3, 8),
        ] {
            let date = parse(line).unwrap().civil.date();
            assert_eq!((date.month(), date.day()), (month, day), "{line}");
        }
    }

    #[test]
    fn noon_and_midnight_of_the_12_hour_clock() {
        for (line, hour) in [("12:30:00 AM", 0), ("12:30:00 PM", 12), ("01:30:00 AM", 1), ("11:30:00 PM", 23)] {
            let stamp = parse(&format!("Wed Dec  8 {line} CET 2021")).unwrap();
            assert_eq!(stamp.civil.hour(), hour, "{line}");
        }
        assert_eq!(parse("Wed Dec  8 14:30:00 PM CET 2021"), None);
    }

    #[test]
    fn the_zone_tells_the_two_half_past_two_of_an_october_night_apart() {
        assert_eq!(moment("Sun Oct 31 02:30:00 CEST 2021").as_deref(), Some("2021-10-31T00:30:00+00:00"));
        assert_eq!(moment("Sun Oct 31 02:30:00 CET 2021").as_deref(), Some("2021-10-31T01:30:00+00:00"));
        let unsaid = parse("2021-10-31 02:30:00").unwrap();
        let first = unsaid.moment(Paris, None);
        assert_eq!(first.to_rfc3339(), "2021-10-31T00:30:00+00:00");
        let later = first + chrono::Duration::minutes(20);
        assert_eq!(unsaid.moment(Paris, Some(later)).to_rfc3339(), "2021-10-31T01:30:00+00:00");
    }

    #[test]
    fn a_time_that_the_spring_skips_is_still_a_moment() {
        assert_eq!(moment("2022-03-27 02:30:00").as_deref(), Some("2022-03-27T01:30:00+00:00"));
    }

    #[test]
    fn a_day_ends_where_the_next_begins_in_every_zone_of_the_world() {
        for zone in chrono_tz::TZ_VARIANTS {
            for first in ["1999-01-01", "2011-01-01", "2021-01-01"] {
                for day in first.parse::<NaiveDate>().unwrap().iter_days().take(730) {
                    let end = end_of_day(day, zone);
                    let on = |moment: DateTime<Utc>| moment.with_timezone(&zone).date_naive();
                    assert!(on(end) > day, "{zone} {day}: {end} is no end");
                    assert!(on(end - chrono::Duration::seconds(1)) <= day, "{zone} {day}: {end} is too late");
                }
            }
        }
    }

    #[test]
    fn days_have_23_24_and_25_hours() {
        for (day, hours) in [("2022-03-27", 23), ("2022-06-01", 24), ("2021-10-31", 25)] {
            let day: NaiveDate = day.parse().unwrap();
            assert_eq!((end_of_day(day, Paris) - start_of_day(day, Paris)).num_hours(), hours, "{day}");
        }
    }

    #[test]
    fn other_lines_are_not_dates() {
        for line in [
            "()",
            "Wed Dec 8 14:30:00 2021 ()",
            "",
            "14:00:20 (orglab) OUT: \"OriginPro\" a@b",
            "ESTAB 0 0 [::ffff:10.14.14.20]:60213 [::ffff:10.14.18.116]:55450",
            "mer. déc. 8 14:00:20 CET",
            "mer. déc. 8 14:00:20 CET 1021",
            "mer. déc. 32 14:00:20 CET 2021",
            "mer. fevri 8 14:00:20 CET 2021",
            "mer. déc. 8 8 14:00:20 CET 2021",
            "mer. déc. 8 14:00:20 CET 2021 x",
            "mer. déc. 8 24:00:20 CET 2021",
            "2021-12-08T14:00",
            "2021-13-08T14:00:20Z",
            "Wed Feb 29 10:00:00 CET 2023",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
        assert!(parse("Thu Feb 29 10:00:00 CET 2024").is_some());
    }

    #[test]
    fn clocks_and_american_dates() {
        assert_eq!(clock_time("9:05:07"), NaiveTime::from_hms_opt(9, 5, 7));
        assert_eq!(clock_time("23:59:60"), NaiveTime::from_hms_opt(23, 59, 59));
        for bad in ["12:49:3a9", "12:49", "1:2:3", "24:00:00", "12:60:00", "12:00:61", "é:00:00", "+1:00:00"] {
            assert_eq!(clock_time(bad), None, "{bad}");
        }
        assert_eq!(american_date("12/8/2021"), NaiveDate::from_ymd_opt(2021, 12, 8));
        for text in ["13/8/2021", "12/8/202", "12/8/20", "12/8", "12/8/2021/1"] {
            assert_eq!(american_date(text), None, "{text}");
        }
    }
}
