//! `jeton.toml`: what a site tells jeton, checked whole before any work.

mod fault;
mod find;
mod load;
mod read;
mod template;
#[cfg(test)]
mod tests;

pub(crate) use fault::nearest;
pub use fault::{ConfigErrors, Fault, FaultPlace};
pub use find::{ORIGIN, TraceSettings, VARIABLE, own_zone};

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;

use crate::model::{Duplicates, Vlan, folded};
use crate::report::Template;
use crate::texts::Language;

/// The commented `jeton.toml` that `jeton init` writes.
pub const TEMPLATE: &str = include_str!("../../templates/jeton.toml");

/// How often `jeton collect` gives a sign of life where nothing else is said.
pub const DEFAULT_PULSE: Duration = Duration::from_secs(300);

/// A whole, checked configuration. Paths on this machine are absolute or relative to the working directory (those that
/// were relative to the file have its folder before them); paths on remote hosts are as written.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it was read from.
    pub file: PathBuf,
    /// `[site]`.
    pub site: Site,
    /// `[inputs]`.
    pub inputs: Inputs,
    /// `[origin]`: the licence server.
    pub origin: Origin,
    /// `[tftp]`: where the DHCP snooping files are.
    pub tftp: Tftp,
    /// `[ssh]`: defaults for every host.
    pub ssh: Ssh,
    /// `[[switches]]`, in the order of the file.
    pub switches: Vec<Switch>,
    /// `[[vlans]]`, in the order of the file.
    pub vlans: Vec<VlanEntry>,
    /// `[[departments]]`, in the order of the file.
    pub departments: Vec<Department>,
    /// `[output]`.
    pub output: Output,
    /// `[report]`.
    pub report: Report,
    /// `[limits]`: how much hosts may send.
    pub limits: Limits,
    /// `[alarm]`: from where on `jeton status` raises one.
    pub alarm: Alarm,
    /// `[privacy]`: how long names are kept, and who sees them.
    pub privacy: Privacy,
    /// `[page]`: where `jeton serve` listens, and who may see what.
    pub page: Page,
    /// `[collect]`, on the licence server.
    pub collect: Option<Collect>,
    /// `[remote] replay`: a folder that answers for the network.
    pub replay: Option<PathBuf>,
}

/// `[site]`.
#[derive(Debug, Clone)]
pub struct Site {
    /// The laboratory's name; its whole-site workbook is named after it.
    pub name: String,
    /// The zone whose midnights cut sessions.
    pub timezone: Tz,
    /// The language of reports and dates.
    pub language: Language,
}

/// `[inputs]`.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// Ordinateurs.ods.
    pub computers: PathBuf,
    /// The DHCP files, their patterns expanded: sorted, each once, at least one.
    pub dhcp: Vec<PathBuf>,
}

/// `[origin]`.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The licence server's name.
    pub host: String,
    /// Its address, never a candidate of attribution.
    pub address: IpAddr,
    /// The TCP port of the vendor daemon that clients talk to.
    pub port: u16,
    /// The logwatch there.
    pub logwatch: String,
    /// The FlexNet debug log there.
    pub debug_log: Option<String>,
    /// The command that prints `lmstat -a` there.
    pub lmstat: Option<String>,
    /// Where `Origin_history` is pushed to there.
    pub history: Option<String>,
    /// The licensed feature whose tokens make sessions; all where absent.
    pub feature: Option<String>,
    /// How many tokens the laboratory has.
    pub seats: Option<SeatCounts>,
    /// The licence file, here or there.
    pub licence_file: Option<String>,
    /// Which checkouts share a token, where no licence file says it.
    pub duplicates: Option<Duplicates>,
    /// Addresses that many machines share (a VPN gateway): attributed, but no machine.
    pub shared_addresses: Vec<IpAddr>,
    /// How it is logged into.
    pub login: Login,
}

/// How a host is logged into, where not as `[ssh]` says.
#[derive(Debug, Clone, Default)]
pub struct Login {
    /// `user`.
    pub user: Option<String>,
    /// `key`: a private key file.
    pub key: Option<PathBuf>,
    /// `ssh_port`.
    pub port: Option<u16>,
}

/// `[origin] seats`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeatCounts {
    /// So many now. How many there were on earlier days, the nights of those days know.
    Now(u32),
    /// So many from each day on: the site says it for all days.
    Dated(Vec<(NaiveDate, u32)>),
}

/// `[tftp]`.
#[derive(Debug, Clone)]
pub struct Tftp {
    /// The tftp host's name.
    pub host: String,
    /// The folder there with one snooping file per switch, named like the switch with its first letter in lower case.
    pub snooping: String,
    /// How it is logged into.
    pub login: Login,
}

/// `[ssh]`: how hosts are reached where nothing else is said.
#[derive(Debug, Clone)]
pub struct Ssh {
    /// The login there; the local user's where absent.
    pub user: Option<String>,
    /// A private key file; the agent where absent.
    pub key: Option<PathBuf>,
    /// The file of known host keys.
    pub known_hosts: PathBuf,
    /// The TCP port.
    pub port: u16,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a command may take.
    pub command_timeout: Duration,
    /// How many switches are asked at a time.
    pub parallel: usize,
}

/// One of `[[switches]]`.
#[derive(Debug, Clone)]
pub struct Switch {
    /// Its name, as reports show it and as its snooping file is named: `Balard-1D-1`.
    pub name: String,
    /// Where it is reached: an address or a host name.
    pub address: String,
    /// Login, where not `[ssh]`'s.
    pub user: Option<String>,
    /// Key file, where not `[ssh]`'s.
    pub key: Option<PathBuf>,
    /// TCP port, where not `[ssh]`'s.
    pub port: Option<u16>,
    /// A local command that prints the password.
    pub password_command: Option<String>,
    /// Whether old algorithms are allowed.
    pub legacy: bool,
    /// How long a connection may take, where not `[ssh]`'s.
    pub connect_timeout: Option<Duration>,
    /// How long a command may take, where not `[ssh]`'s.
    pub command_timeout: Option<Duration>,
}

/// One of `[[vlans]]`.
#[derive(Debug, Clone)]
pub struct VlanEntry {
    /// The number.
    pub id: Vlan,
    /// The name, as Ordinateurs.ods and the DHCP files write it: `ICGM-DPT4-CMNME`.
    pub name: String,
    /// The department whose machines are in it.
    pub department: String,
}

/// One of `[[departments]]`: what is known of a department of `[[vlans]]` beside its name.
#[derive(Debug, Clone)]
pub struct Department {
    /// The name, as `[[vlans]]` has it.
    pub name: String,
    /// The name in full: `Chimie moléculaire`.
    pub full: Option<String>,
    /// Who heads it.
    pub head: Option<String>,
    /// Where the head reads mail.
    pub mail: Option<String>,
    /// The names that it had before.
    pub was: Vec<String>,
}

impl Config {
    /// What is known of a department.
    pub fn department(&self, name: &str) -> Option<&Department> {
        self.departments.iter().find(|department| department.name == name)
    }

    /// The names of the departments, each once, in the order of the alphabet.
    pub fn department_names(&self) -> BTreeSet<&str> {
        self.vlans.iter().map(|vlan| vlan.department.as_str()).collect()
    }

    /// The department that is called so today, in full, or before; case and accents do not count.
    pub fn department_called(&self, text: &str) -> Option<&str> {
        let wanted = folded(text.trim());
        let other =
            |department: &&Department| department.full.iter().chain(&department.was).any(|name| folded(name) == wanted);
        let own = self.department_names().into_iter().find(|name| folded(name) == wanted);
        own.or_else(|| self.departments.iter().find(other).map(|department| department.name.as_str()))
    }

    /// The departments whose name in full, or before, has this part.
    pub fn departments_like(&self, part: &str) -> Vec<String> {
        let part = folded(part.trim());
        let is_like = |department: &&Department| {
            department.full.iter().chain(&department.was).any(|name| folded(name).contains(&part))
        };
        self.departments.iter().filter(is_like).map(|department| department.name.clone()).collect()
    }
}

/// `[output]`.
#[derive(Debug, Clone)]
pub struct Output {
    /// History, ledger and `reports/`.
    pub directory: PathBuf,
    /// The format of `Origin_history`.
    pub history_format: HistoryFormat,
    /// The ledger's file name in the directory.
    pub ledger: String,
    /// An open session unseen for longer is presumed ended.
    pub stale_after: Duration,
}

/// The formats of `Origin_history`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HistoryFormat {
    /// A Python dictionary per line.
    Record,
    /// Columns parted by `|`.
    Line,
    /// A header line, then rows.
    Table,
}

/// `[report]`.
#[derive(Debug, Clone)]
pub struct Report {
    /// Which files are written.
    pub formats: Vec<ReportFormat>,
    /// How much time one workbook covers.
    pub period: PeriodKind,
    /// The hours in which people work, where the site says them.
    pub hours: Option<WorkingHours>,
    /// What a token costs in a year, in euros.
    pub token_price: Option<u32>,
    /// How CSV files are written.
    pub csv: CsvStyle,
    /// The description of the workbooks: the site's own, else the one that comes with jeton.
    pub template: Arc<Template>,
}

/// A kind of report file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReportFormat {
    /// OpenDocument spreadsheet.
    Ods,
    /// Office Open XML workbook.
    Xlsx,
    /// The rows of *Sessions* alone, RFC 4180.
    Csv,
}

/// The hours in which people work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkingHours {
    /// The hour at which they begin.
    pub from: u32,
    /// The hour at which they end.
    pub to: u32,
    /// On which days of the week, from Monday.
    pub weekdays: [bool; 7],
}

impl WorkingHours {
    /// Whether an hour of a civil day is one of them.
    pub fn contain(self, day: NaiveDate, hour: u32) -> bool {
        self.weekdays[day.weekday().num_days_from_monday() as usize] && (self.from..self.to).contains(&hour)
    }
}

/// How CSV files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CsvStyle {
    /// By RFC 4180, with moments by RFC 3339.
    #[default]
    Rfc4180,
    /// As an Excel in French opens it by a double click: `;` between fields, a byte order mark, civil times.
    Excel,
}

/// How much time one workbook covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeriodKind {
    /// A calendar day.
    Day,
    /// An ISO week, Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

impl PeriodKind {
    /// The name in `jeton.toml` and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

/// `[limits]`, in bytes: ten times what a large laboratory has.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of one file, unpacked.
    pub file: u64,
    /// Of all files of a host in one night.
    pub host: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file: 4096 << 20, host: 16_384 << 20 }
    }
}

/// `[alarm]`.
#[derive(Debug, Clone)]
pub struct Alarm {
    /// The age of the last night that is too old; twice that is worse.
    pub night: chrono::Duration,
    /// How long the watcher may have given no sign of life at a night.
    pub sign: chrono::Duration,
    /// From which part of the time with use on, in percent, a day with all tokens out is a saturated one.
    pub limit_pct: i64,
    /// How many days before the licence's end it is told.
    pub expiry_days: i64,
    /// How many bytes must be free on the disk of the output directory.
    pub disk: u64,
    /// The folder where each night writes the metrics for Prometheus's node_exporter.
    pub textfile: Option<PathBuf>,
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            night: chrono::Duration::hours(26),
            sign: chrono::Duration::hours(12),
            limit_pct: 25,
            expiry_days: 30,
            disk: 1024 << 20,
            textfile: None,
        }
    }
}

/// `[page]`. Without `user_header`, whoever started it sees all, and nobody else anything.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Where the page is; a free port on the loopback, where absent.
    pub listen: Option<Listen>,
    /// The header in which a proxy says who asks.
    pub user_header: Option<String>,
    /// The users, by name, as which the proxy runs: those alone may use the Unix socket.
    pub proxy_users: Vec<String>,
    /// A file with the secret that the proxy sends with each request.
    pub secret_file: Option<PathBuf>,
    /// Who sees everything.
    pub admins: Vec<String>,
    /// Who sees some departments.
    pub readers: Vec<PageReader>,
    /// Where Prometheus reads metrics.
    pub metrics: Option<SocketAddr>,
}

/// One of `[[page.readers]]`.
#[derive(Debug, Clone)]
pub struct PageReader {
    /// The user, as the proxy names them.
    pub user: String,
    /// The departments, as `[[vlans]]` has them.
    pub departments: Vec<String>,
}

/// `[page] listen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A Unix socket.
    Unix(PathBuf),
    /// A port of the loopback.
    Loopback(SocketAddr),
}

/// `[privacy]`. By default everything is kept, and everybody sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Privacy {
    /// From which age on sessions bear pseudonyms; never, where absent.
    pub named: Option<Age>,
    /// From which age on nothing but sums is kept; never, where absent.
    pub pseudonyms: Option<Age>,
    /// Whether the workbooks of departments show pseudonyms in the place of names.
    pub heads_see_pseudonyms: bool,
    /// What becomes of workbooks that hold older names.
    pub workbooks: OldWorkbooks,
    /// Whether switches are asked at which port, hence at which outlet, a machine is.
    pub without_outlets: bool,
}

impl Privacy {
    /// The first day whose sessions still bear names, as of a day.
    pub fn first_named(&self, today: NaiveDate) -> Option<NaiveDate> {
        self.named.map(|age| age.before(today))
    }

    /// The first day of which more than sums is kept, as of a day.
    pub fn first_kept(&self, today: NaiveDate) -> Option<NaiveDate> {
        self.pseudonyms.map(|age| age.before(today))
    }
}

/// An age in calendar units: `12 months`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// So many days.
    Days(u32),
    /// So many calendar months.
    Months(u32),
}

impl Age {
    /// The day that was so long ago.
    pub fn before(self, day: NaiveDate) -> NaiveDate {
        let then = match self {
            Self::Days(days) => day.checked_sub_days(chrono::Days::new(days.into())),
            Self::Months(months) => day.checked_sub_months(chrono::Months::new(months)),
        };
        then.unwrap_or(NaiveDate::MIN)
    }
}

impl std::fmt::Display for Age {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (count, unit) = match self {
            Self::Days(days) => (days, "day"),
            Self::Months(months) => (months, "month"),
        };
        write!(f, "{count} {unit}{}", if *count == 1 { "" } else { "s" })
    }
}

/// What becomes of the workbooks of periods whose names are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OldWorkbooks {
    /// They are written again, with pseudonyms.
    #[default]
    Rewrite,
    /// They are deleted.
    Delete,
}

/// `[collect]`, for `jeton collect` on the licence server.
#[derive(Debug, Clone)]
pub struct Collect {
    /// The FlexNet debug log to follow.
    pub debug_log: PathBuf,
    /// The logwatch to write.
    pub logwatch: PathBuf,
    /// The vendor daemon's TCP port.
    pub port: u16,
    /// How often a heartbeat block is written while tokens are out.
    pub pulse: Duration,
    /// The language of date lines.
    pub locale: DateLocale,
}

/// How `jeton collect` writes dates: the locales of `date`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DateLocale {
    /// `Wed Dec  8 14:00:20 CET 2021`.
    #[default]
    C,
    /// `mer. déc.  8 14:00:20 CET 2021`.
    French,
}

/// What `jeton collect` takes from a configuration: `[collect]`, and the zone of `[site]`. Nothing else need be there.
#[derive(Debug, Clone)]
pub struct CollectFile {
    /// `[collect]`, where it is there.
    pub collect: Option<Collect>,
    /// `[site] timezone`, where it is there.
    pub timezone: Option<Tz>,
}
