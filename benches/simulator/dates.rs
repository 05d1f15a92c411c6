//! What `date` prints, by locale; what FlexNet prints.

use chrono::{DateTime, Datelike, TimeZone, Timelike, Utc};
use chrono_tz::{OffsetName, Tz};

/// How the licence server's `date` spells a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateStyle {
    /// `mer. déc.  8 14:00:20 CET 2021`
    French,
    /// `mer. 08 déc. 2021 14:00:20 CET`
    FrenchNew,
    /// `mercredi 8 décembre 2021, 14:00:20 (UTC+0100)`
    FrenchLong,
    /// `Wed Dec  8 14:00:20 CET 2021`
    English,
    /// `Wed Dec  8 02:00:20 PM CET 2021`
    English12,
    /// `2021-12-08T14:00:20+01:00`
    Iso,
}

impl DateStyle {
    /// Every style.
    pub(crate) const ALL: [Self; 6] =
        [Self::French, Self::FrenchNew, Self::FrenchLong, Self::English, Self::English12, Self::Iso];

    /// The style of this name on the command line.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "french" => Self::French,
            "french-new" => Self::FrenchNew,
            "french-long" => Self::FrenchLong,
            "english" => Self::English,
            "english-12" => Self::English12,
            "iso" => Self::Iso,
            _ => return None,
        })
    }

    /// A moment, given in milliseconds since 1970.
    pub(crate) fn format(self, ms: i64, zone: Tz) -> String {
        let at = local(ms, zone);
        let (weekday, month) = (at.weekday().num_days_from_monday() as usize, at.month0() as usize);
        let (day, year, time) = (at.day(), at.year(), at.format("%H:%M:%S"));
        let zone_name = at.offset().abbreviation().unwrap_or("UTC").to_owned();
        match self {
            Self::French => format!("{} {} {day:2} {time} {zone_name} {year}", JOUR[weekday], MOIS[month]),
            Self::FrenchNew => format!("{} {day:02} {} {year} {time} {zone_name}", JOUR[weekday], MOIS[month]),
            Self::FrenchLong => {
                format!("{} {day} {} {year}, {time} (UTC{})", JOURS[weekday], MOIS_ENTIERS[month], at.format("%z"))
            }
            Self::English => format!("{} {day:2} {time} {zone_name} {year}", at.format("%a %b")),
            Self::English12 => {
                format!("{} {day:2} {} {zone_name} {year}", at.format("%a %b"), at.format("%I:%M:%S %p"))
            }
            Self::Iso => at.format("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        }
    }
}

const JOUR: [&str; 7] = ["lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."];
const JOURS: [&str; 7] = ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"];
const MOIS: [&str; 12] =
    ["janv.", "févr.", "mars", "avril", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."];
const MOIS_ENTIERS: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];

/// A moment in milliseconds since 1970 on the zone's clocks.
pub(crate) fn local(ms: i64, zone: Tz) -> DateTime<Tz> {
    utc(ms).with_timezone(&zone)
}

/// A moment in milliseconds since 1970, to the second, as clocks show it.
pub(crate) fn utc(ms: i64) -> DateTime<Utc> {
    Utc.timestamp_opt(ms.div_euclid(1000), 0).single().unwrap_or_default()
}

/// The clock at the beginning of a debug-log line: ` 9:05:07`.
pub(crate) fn clock(ms: i64, zone: Tz) -> String {
    let at = local(ms, zone);
    format!("{:2}:{:02}:{:02}", at.hour(), at.minute(), at.second())
}

/// FlexNet's date: `12/8/2021`.
pub(crate) fn american(ms: i64, zone: Tz) -> String {
    let at = local(ms, zone);
    format!("{}/{}/{}", at.month(), at.day(), at.year())
}
