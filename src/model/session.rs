use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{Identity, Machine};

/// How sure the end of a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Ended by the `IN` of its last token.
    Closed,
    /// Ended by the server giving up on a silent client: the end is an upper bound.
    Expired,
    /// No `IN` was seen, but it cannot be alive any more: the end is its last sign of life.
    Presumed,
    /// Lent to a machine that need not be connected, for days: its holder is not known to use it. The end is that of the
    /// token's `IN`, else the last time that it was listed.
    Borrowed,
    /// Alive at the last look: the end is that look, and moves on at each run.
    Open,
}

impl State {
    /// All states, as the design lists them.
    pub const ALL: [Self; 5] = [Self::Closed, Self::Expired, Self::Presumed, Self::Open, Self::Borrowed];

    /// The stable name in CSV, JSON, the history and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Expired => "expired",
            Self::Presumed => "presumed",
            Self::Open => "open",
            Self::Borrowed => "borrowed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What ties an address to a token, weakest first, so that the greater one is the stronger one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Nothing does: there is no address.
    #[default]
    Unknown,
    /// The DHCP name of the address equals the host that the log names.
    Hostname,
    /// The address most often left over across the pair's tokens.
    Majority,
    /// The only connection that was gone with an `IN`.
    Vanished,
    /// The only connection that was new with an `OUT`.
    Appeared,
    /// The only connection with bytes in flight at the token's moment.
    Carrying,
}

impl Evidence {
    /// All kinds, strongest first, as the design lists them.
    pub const ALL: [Self; 6] =
        [Self::Carrying, Self::Appeared, Self::Vanished, Self::Majority, Self::Hostname, Self::Unknown];

    /// The stable name in CSV and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Carrying => "carrying",
            Self::Appeared => "appeared",
            Self::Vanished => "vanished",
            Self::Majority => "majority",
            Self::Hostname => "hostname",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a token lets its holder use: a feature of a licence, `OriginPro` of `origin`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Feature {
    /// The licence, as `jeton.toml` names it.
    pub licence: Arc<str>,
    /// The feature, as the licence server names it; empty in imported rows, which do not say it.
    pub name: Arc<str>,
}

impl Feature {
    /// A feature of a licence.
    pub fn new(licence: &str, name: &str) -> Self {
        Self { licence: licence.into(), name: name.into() }
    }
}

/// One row of `sessions`: the piece of a session inside one day of the site's time zone, and the machine it was on.
///
/// (licence, feature, initial start, start, host, login) is unique. The pieces of a session add up to it exactly: `duration_s` counts to
/// midnight where `end` shows 23:59:59.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRow {
    /// The calendar day of the piece.
    pub date: NaiveDate,
    /// Who held the tokens.
    pub who: Identity,
    /// The licensed feature.
    pub feature: Feature,
    /// The start of the piece.
    pub start: DateTime<Tz>,
    /// The last second shown: 23:59:59 for a piece cut at midnight.
    pub end: DateTime<Tz>,
    /// The length of the piece in seconds, to midnight for a piece that is cut there.
    pub duration_s: i64,
    /// The state of the whole session.
    pub state: State,
    /// The start of the whole session.
    pub initial_start: DateTime<Tz>,
    /// The address that was used, where the traces tell.
    pub ip: Option<IpAddr>,
    /// What ties the address to the session.
    pub evidence: Evidence,
    /// What the network knows of the address.
    pub machine: Machine,
}

impl SessionRow {
    /// How much of it is use, in seconds: nothing of a token that was borrowed, which nobody is known to have used.
    pub fn use_s(&self) -> i64 {
        if self.state == State::Borrowed { 0 } else { self.duration_s }
    }
}

/// One token in one pair's hands, from its `OUT` to its end: what token hours and peaks are counted from. In the order of
/// their beginnings, then of all else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hold {
    /// When it was taken.
    pub start: DateTime<Utc>,
    /// When it was given back, or the last sign of life.
    pub end: DateTime<Utc>,
    /// Who held it.
    pub who: Identity,
    /// The licensed feature.
    pub feature: Feature,
    /// How many seats it takes; 1 unless the log says more.
    pub licences: u32,
    /// What the end is.
    pub state: State,
    /// The address that it was taken from, where one is known, and what ties it to the token.
    pub address: Option<(IpAddr, Evidence)>,
}

/// A token that the server refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// When.
    pub at: DateTime<Utc>,
    /// Whose request.
    pub who: Identity,
    /// The feature asked for.
    pub feature: Feature,
    /// Whether it cost somebody time: false where the same pair got its token within a second or two.
    pub real: bool,
    /// Where the pair sits, as its sessions tell; no log says it of the refusal itself.
    pub ip: Option<IpAddr>,
    /// What the network knows of that address on the day.
    pub machine: Machine,
}
/// A person and a machine that no session is of any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastUse {
    /// Who it was, and on which machine.
    pub who: Identity,
    /// What the network knew of the machine then.
    pub machine: Machine,
    /// When the last piece of their sessions began.
    pub last: DateTime<Utc>,
}
