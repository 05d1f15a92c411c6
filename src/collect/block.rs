//! The blocks of the logwatch: a date, the connections of that moment, lines of the log.
//!
//! Lines of the collector's own have the form of a log line, with the daemon `jeton`: `14:00:20 (jeton) collect: …`. They
//! stand where a block has no line of the log (a sign of life, the collector's begin and end), and tell readers that
//! from there on no line is missing and each stands beside its own connection ([`crate::parse::logwatch`]).

use std::io::{self, Write};

use chrono::{DateTime, Datelike, Timelike, Utc};
use chrono_tz::{OffsetName, Tz};

use super::sockets::Sockets;
use crate::config::DateLocale;

/// The date and the connections of one moment, as a block begins.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    /// The date line, with its end; empty where no snapshot was taken yet.
    date: String,
    /// The socket lines.
    rows: Vec<u8>,
    /// The time of day, as log lines begin: ` 9:05:07`.
    clock: String,
}

/// A line of the collector's own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Word {
    /// The collector was started; it gives a sign of life so often while tokens are out, in seconds.
    Begins(u64),
    /// The logwatch was rotated or emptied: this is the snapshot that the part before ended with.
    GoesOn,
    /// A sign of life, with the number of tokens that are out.
    Pulse(u32),
    /// The collector was stopped: nobody watches from here on.
    Ends,
}

impl Snapshot {
    /// The connections first, the clock at once after them: a snapshot never claims to be older than it is. Where they
    /// cannot be read, they are those of `last`: none is told to be new or gone that nobody saw.
    pub(super) fn take(&mut self, sockets: &mut Sockets, last: &Self, zone: Tz, locale: DateLocale) -> io::Result<()> {
        self.rows.clear();
        let read = sockets.append_to(&mut self.rows);
        if read.is_err() {
            self.rows.clone_from(&last.rows);
        }
        let now = Utc::now().with_timezone(&zone);
        self.date = date_line(&now, locale) + "\n";
        self.clock = format!("{:2}:{:02}:{:02}", now.hour(), now.minute(), now.second());
        read
    }

    pub(super) fn is_empty(&self) -> bool {
        self.date.is_empty()
    }

    /// Appends the date and the connections.
    pub(super) fn append_to(&self, block: &mut Vec<u8>) {
        block.extend_from_slice(self.date.as_bytes());
        block.extend_from_slice(&self.rows);
    }

    /// Appends a line of the collector's own, of the moment of this snapshot.
    pub(super) fn say(&self, word: Word, block: &mut Vec<u8>) {
        let clock = &self.clock;
        // Writing to memory does not fail.
        let _ = match word {
            Word::Begins(pulse_s) => writeln!(block, "{clock} (jeton) collect: begins, pulse {pulse_s} s"),
            Word::GoesOn => writeln!(block, "{clock} (jeton) collect: goes on"),
            Word::Pulse(n_out) => writeln!(block, "{clock} (jeton) collect: {n_out} out"),
            Word::Ends => writeln!(block, "{clock} (jeton) collect: ends"),
        };
    }
}

const DAYS: [[&str; 7]; 2] =
    [["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], ["lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."]];
const MONTHS: [[&str; 12]; 2] = [
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    ["janv.", "févr.", "mars", "avril", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."],
];

/// `Wed Dec  8 14:00:20 CET 2021`, or `mer. déc.  8 14:00:20 CET 2021`: what `date` prints.
fn date_line(now: &DateTime<Tz>, locale: DateLocale) -> String {
    let words = usize::from(locale == DateLocale::French);
    let day = DAYS[words][now.weekday().num_days_from_monday() as usize];
    let month = MONTHS[words][now.month0() as usize];
    // Half of the world's zones have no abbreviation but their difference, which chrono writes without its minutes.
    let abbreviation = now.offset().abbreviation().filter(|name| name.bytes().all(|byte| byte.is_ascii_uppercase()));
    let zone = abbreviation.map_or_else(|| now.format("%z").to_string(), str::to_owned);
    format!("{day} {month} {:2} {} {zone} {}", now.day(), now.format("%H:%M:%S"), now.year())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::datetime;
    use chrono::TimeZone;

    #[test]
    fn dates_are_those_of_date() {
        let at = chrono_tz::Europe::Paris.with_ymd_and_hms(2021, 12, 8, 14, 0, 20).unwrap();
        assert_eq!(date_line(&at, DateLocale::C), "Wed Dec  8 14:00:20 CET 2021");
        assert_eq!(date_line(&at, DateLocale::French), "mer. déc.  8 14:00:20 CET 2021");
    }

    #[test]
    fn every_zone_and_day_of_a_year_is_read_back_as_the_same_moment() {
        for zone in chrono_tz::TZ_VARIANTS {
            for hour in (0..366 * 24).step_by(37) {
                let at = Utc.with_ymd_and_hms(2021, 1, 1, 0, 0, 0).unwrap() + chrono::Duration::hours(hour);
                for locale in [DateLocale::C, DateLocale::French] {
                    let line = date_line(&at.with_timezone(&zone), locale);
                    let stamp = datetime::parse(&line).unwrap_or_else(|| panic!("{line}"));
                    assert_eq!(stamp.moment(zone, None), at, "{line} in {zone}");
                }
            }
        }
    }
}
