//! A laboratory that is not there: clients that take and give back tokens over TCP, the licence server that logs it, and
//! the loop that watches the log. It says what it wrote, and what really happened.
//!
//! It is a model of machines, not of jeton: written from what is known of FlexNet, of `ss` and of the loop, and blind to
//! how jeton reads them. The truth says of a line that the loop lost only what the blocks around it can tell.
//!
//! - [`people`]: who works there, on what machines, at what addresses;
//! - [`server`]: tokens, connections, the debug log, restarts; its clients in a module of their own;
//! - [`watcher`]: the loop that writes the logwatch;
//! - [`truth`]: what really happened, and how much of that can be known;
//! - [`score`]: an analysis against the truth;
//! - [`study`]: jeton's analysis of what a laboratory wrote.
//! - [`bulk`]: logwatches by the megabyte, for benchmarks.

#![allow(dead_code, reason = "each of the programs that share this module uses another part of it")]
#![expect(clippy::cast_possible_truncation, reason = "what is drawn by lot has small bounds")]

pub(crate) mod bulk;
pub(crate) mod dates;
pub(crate) mod people;
pub(crate) mod random;
pub(crate) mod score;
pub(crate) mod server;
pub(crate) mod study;
pub(crate) mod truth;
pub(crate) mod watcher;

use std::io::{self, Write};
use std::net::Ipv4Addr;

use chrono::NaiveDate;
use chrono_tz::Tz;

pub(crate) use dates::DateStyle;
pub(crate) use truth::Truth;

/// A laboratory by its habits. Shares are probabilities, from 0 to 1.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a knob of its own")]
pub(crate) struct Laboratory {
    /// Everything that is drawn by lot depends on it alone.
    pub(crate) seed: u64,
    /// The server's clock.
    pub(crate) zone: Tz,
    /// The first day that is watched.
    pub(crate) start: NaiveDate,
    /// How many days are watched.
    pub(crate) days: u32,
    /// How many days passed before the watch began: tokens and connections are there already.
    pub(crate) days_before: u32,
    /// How many (login, host) pairs.
    pub(crate) users: usize,
    /// How many runs of the application a user has, 1 for a usual laboratory.
    pub(crate) zeal: f64,
    /// How many tokens there are.
    pub(crate) seats: usize,
    /// How many token lines come with another line within the time that the loop takes.
    pub(crate) bursts: f64,
    /// How many answers the client has acknowledged before the loop looks.
    pub(crate) drained: f64,
    /// How many lines of the logwatch are cut short, mangled or missing.
    pub(crate) garbled: f64,
    /// Connections without a token that open in a day.
    pub(crate) idle_per_day: f64,
    /// How many connections stay, without their token, for hours or days.
    pub(crate) lingering: f64,
    /// How many clients fall silent rather than give back their token.
    pub(crate) silent: f64,
    /// How many tokens are taken a second time after the network dropped, and given back once.
    pub(crate) ghosts: f64,
    /// Restarts of the server in a day.
    pub(crate) restarts_per_day: f64,
    /// How many of the restarts are orderly: every token that is out is given back, `(SHUTDOWN)`.
    pub(crate) orderly: f64,
    /// How often in a day the vendor daemon dies alone, and is started again by its manager.
    pub(crate) deaths_per_day: f64,
    /// How often in a day another vendor's daemon of the same manager stops, dies or is started again, and says so in the same log.
    pub(crate) strangers_per_day: f64,
    /// How often in a day nobody watches for hours.
    pub(crate) unwatched_per_day: f64,
    /// How many applications wait in the queue where no token is free, rather than be refused.
    pub(crate) queued: f64,
    /// How many further windows ask over a connection that their application has already.
    pub(crate) reused: f64,
    /// How many connections come from the port of the last one of their machine, seconds after it was closed.
    pub(crate) same_port: f64,
    /// How many applications take a token of another feature as well, over the same connection.
    pub(crate) second_feature: f64,
    /// Whether all windows of a pair share one token (`DUP_GROUP=UH`).
    pub(crate) sharing: bool,
    /// Whether a restart begins the debug log anew.
    pub(crate) overwritten: bool,
    /// How many machines are shared by several logins.
    pub(crate) shared: f64,
    /// How many machines are behind the VPN gateway.
    pub(crate) vpn: f64,
    /// How many machines change their address.
    pub(crate) movers: f64,
    /// How `date` spells.
    pub(crate) dates: DateStyle,
    /// Whether the debug log is at hand.
    pub(crate) debug_log: bool,
    /// How many lines the debug log lost, of those that the logwatch shows.
    pub(crate) log_lost: f64,
    /// Whether `lmstat` is asked at the end.
    pub(crate) lmstat: bool,
    /// Whether its list ends in the middle.
    pub(crate) cut_list: bool,
    /// Whether the logwatch ends in the middle of its last block.
    pub(crate) truncated: bool,
}

impl Default for Laboratory {
    fn default() -> Self {
        Self {
            seed: 1,
            zone: chrono_tz::Europe::Paris,
            start: NaiveDate::from_ymd_opt(2021, 12, 6).expect("a Monday"),
            days: 7,
            days_before: 0,
            users: 25,
            zeal: 1.0,
            seats: 20,
            bursts: 0.0,
            drained: 0.0,
            garbled: 0.0,
            idle_per_day: 0.0,
            lingering: 0.0,
            silent: 0.1,
            ghosts: 0.0,
            restarts_per_day: 0.0,
            orderly: 0.0,
            deaths_per_day: 0.0,
            strangers_per_day: 0.0,
            unwatched_per_day: 0.0,
            queued: 0.0,
            reused: 0.0,
            same_port: 0.0,
            second_feature: 0.0,
            sharing: false,
            overwritten: false,
            shared: 0.15,
            vpn: 0.08,
            movers: 0.1,
            dates: DateStyle::French,
            debug_log: true,
            log_lost: 0.0,
            lmstat: true,
            cut_list: false,
            truncated: false,
        }
    }
}

/// The feature whose tokens are counted.
pub(crate) const FEATURE: &str = "OriginPro";
/// Another one of the same daemon.
pub(crate) const SECOND_FEATURE: &str = "OriginViewer";
/// The licence server's port for the application.
pub(crate) const PORT: u16 = 60213;
/// The licence server's address.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 14, 14, 20);

/// What a laboratory leaves behind besides its logwatch.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// The debug log, where it is at hand.
    pub(crate) debug_log: Option<Vec<u8>>,
    /// What `lmstat -a` says at the end, where it is asked.
    pub(crate) lmstat: Option<String>,
    /// What really happened.
    pub(crate) truth: Truth,
}

impl Laboratory {
    /// Lives through the days and writes the logwatch, block by block; its size does not matter to memory.
    pub(crate) fn run<W: Write>(&self, logwatch: W) -> io::Result<Recorded> {
        server::Server::new(self, logwatch).run()
    }

    /// The same laboratory with many times as many people and seats.
    pub(crate) fn times(mut self, load: usize) -> Self {
        self.users *= load;
        self.seats *= load;
        self
    }

    /// When the watch begins and ends, in milliseconds since 1970.
    pub(crate) fn span(&self) -> (i64, i64) {
        let first = server::civil(self.start, 0, self.zone);
        let after = self.start + chrono::Duration::days(i64::from(self.days));
        // Late in the last evening, as a night's copy is taken.
        (first, server::civil(after, -90, self.zone))
    }
}
