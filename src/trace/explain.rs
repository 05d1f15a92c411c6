//! The lines that speak for and against an address, to be checked in the logs by eye.

use std::collections::BTreeSet;

use chrono_tz::Tz;

use super::Analysis;
use super::days::UserDay;
use super::holds::Holding;
use super::tokens::{EventKind, Origin};
use super::watch::{ConnectionId, MomentId, Watch};
use crate::finding::{Files, Place};

/// A line that says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// Its file there, and its number.
    pub place: Place,
    /// What it shows.
    pub shows: Vec<&'static str>,
}

/// What one token says of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// For the address, or against it.
    pub is_for: bool,
    /// In words: when the token was taken, and why it counts so.
    pub says: String,
    /// Where it can be seen.
    pub citations: Vec<Citation>,
}

/// What each token of a pair and day that was taken in the analysed stretch says of one answer, in the order of time.
pub fn explain(watch: &Watch, analysis: &Analysis, day: &UserDay, zone: Tz) -> Vec<Argument> {
    let pair = analysis.list.find_pair(&day.who);
    let mut holdings: Vec<(usize, &Holding)> = analysis
        .held
        .holdings
        .iter()
        .enumerate()
        .filter(|(_, holding)| Some(holding.pair) == pair && holding.feature == day.feature.name && !holding.carried)
        .filter(|(_, holding)| holding.start.with_timezone(&zone).date_naive() == day.date)
        .collect();
    holdings.sort_by_key(|(_, holding)| holding.start);
    holdings
        .into_iter()
        .map(|(id, holding)| {
            let address = analysis.held.addresses[id];
            let is_for = day.ip.is_some() && address.map(|(ip, _)| ip) == day.ip;
            let at = holding.start.with_timezone(&zone).format("%H:%M:%S");
            let from = match address {
                Some((ip, evidence)) => format!("from {ip} ({evidence})"),
                None => "from an address that nothing shows".to_owned(),
            };
            let how = match holding.origin {
                Origin::Inferred => "inferred from a connection, as no line tells of it",
                Origin::Lmstat => "listed by lmstat alone",
                Origin::Logwatch | Origin::DebugLog => "taken",
            };
            let mut cited = Cited { watch, log_files: &analysis.list.log_files, citations: Vec::new() };
            cited.beginning(analysis, holding);
            cited.end(analysis, holding);
            Argument { is_for, says: format!("{at} {how} {from}"), citations: cited.citations }
        })
        .collect()
}

/// Which of both logs a line is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum File {
    Logwatch,
    DebugLog,
}

struct Cited<'a> {
    watch: &'a Watch,
    log_files: &'a Files,
    citations: Vec<Citation>,
}

impl Cited<'_> {
    fn cite(&mut self, file: File, line: u32, shows: &'static str) {
        // What was carried into the stretch stands in no line of it.
        if line == 0 {
            return;
        }
        let place = match file {
            File::Logwatch => self.watch.files.place(line),
            File::DebugLog => self.log_files.place(line),
        };
        match self.citations.iter_mut().find(|known| known.place == place) {
            Some(known) => known.shows.push(shows),
            None => self.citations.push(Citation { place, shows: vec![shows] }),
        }
    }

    fn beginning(&mut self, analysis: &Analysis, holding: &Holding) {
        let out = holding.out.map(|out| &analysis.list.events[out]);
        if let Some(event) = out {
            let file = if event.origin == Origin::DebugLog { File::DebugLog } else { File::Logwatch };
            self.cite(file, event.line, "the token is taken");
        }
        let chosen = holding.choice.map(|choice| choice.connection);
        let moments: BTreeSet<MomentId> = out
            .and_then(|event| event.moment)
            .into_iter()
            .chain(chosen.map(|connection| self.watch.connection(connection).first))
            .collect();
        for moment in moments {
            self.cite(File::Logwatch, self.watch.moment(moment).line, "a block of that moment");
            self.newcomers(moment, chosen);
            self.carriers(moment, chosen);
        }
    }

    /// The connections that are new in a moment.
    fn newcomers(&mut self, moment: MomentId, chosen: Option<ConnectionId>) {
        for connection in self.watch.appeared(moment) {
            let life = self.watch.connection(connection);
            let shows = match (Some(connection) == chosen, life.initial) {
                (true, false) => "its connection, new in this block",
                (true, true) => "its connection, there when the log begins",
                (false, false) => "another connection that is new in this block",
                (false, true) => continue,
            };
            self.cite(File::Logwatch, life.first_line, shows);
        }
    }

    /// The connections with bytes in flight in a moment.
    fn carriers(&mut self, moment: MomentId, chosen: Option<ConnectionId>) {
        for signal in self.watch.signals(moment) {
            let shows = match (Some(signal.connection) == chosen, signal.fin_wait) {
                (true, false) => "its connection has bytes in flight",
                (true, true) => "the server closes on its silent client",
                (false, false) => "another connection has bytes in flight",
                (false, true) => continue,
            };
            self.cite(File::Logwatch, signal.line, shows);
        }
    }

    fn end(&mut self, analysis: &Analysis, holding: &Holding) {
        let back = holding.back.map(|back| &analysis.list.events[back]);
        if let Some(event) = back {
            debug_assert!(matches!(event.what, EventKind::Token { .. }));
            let file = if event.origin == Origin::DebugLog { File::DebugLog } else { File::Logwatch };
            self.cite(file, event.line, "the token is given back");
        }
        let Some(choice) = holding.choice else { return };
        if let Some(moment) = back.and_then(|event| event.moment) {
            for signal in self.watch.signals(moment).iter().filter(|signal| signal.connection == choice.connection) {
                let shows = if signal.fin_wait {
                    "the server closes on its silent client"
                } else {
                    "its connection is closing, with bytes in flight"
                };
                self.cite(File::Logwatch, signal.line, shows);
            }
        }
        match self.watch.connection(choice.connection).gone {
            Some(gone) => {
                self.cite(File::Logwatch, self.watch.moment(gone).line, "the first block without its connection");
            }
            None => {
                if let Some(last) = self.watch.final_moment() {
                    self.cite(
                        File::Logwatch,
                        self.watch.moment(last).line,
                        "its connection is still there in the last block",
                    );
                }
            }
        }
    }
}
