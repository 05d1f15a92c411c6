//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use super::days::Day;
use super::messages::Voice;
use super::rows::Printing;
use crate::config::{DateLocale, HistoryFormat, PeriodKind};
use crate::ledger::Grouping;
use crate::model::State;
use crate::report::rows::COLUMNS;

/// Who used the laboratory's OriginPro licence tokens, on which machine, from which wall outlet, and for how long.
#[derive(Debug, Parser)]
#[command(name = "jeton", version, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 complete; 1 failed, nothing published; 2 wrong usage or configuration; 3 complete with gaps.\n\
    Example: jeton --config /etc/jeton/jeton.toml nightly --date yesterday"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) command: Command,
}

impl Arguments {
    /// Whether a command line is one of `status`, whatever else is wrong with it: monitoring reads its exit codes otherwise.
    pub(super) fn asks_for_status(arguments: &[OsString]) -> bool {
        let command = Self::command();
        let mut names = arguments.iter().skip(1).filter_map(|argument| argument.to_str());
        names.find(|name| command.find_subcommand(name).is_some()) == Some("status")
    }
}

/// Where `--help` lists them.
const COMMON: &str = "Common options";

/// Options of every command, taken before and after its name.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// The configuration [default: $JETON_CONFIG, ./jeton.toml or /etc/jeton/jeton.toml]
    #[arg(long, global = true, value_name = "FILE", help_heading = COMMON)]
    pub(super) config: Option<PathBuf>,
    /// Read what hosts would answer from this folder: `DIR/<host>/files/…` and `DIR/<host>/commands/…`
    #[arg(long, global = true, value_name = "DIR", help_heading = COMMON)]
    pub(super) replay: Option<PathBuf>,
    /// Write what hosts answer into this folder, new or empty, to be read with --replay
    #[arg(long, global = true, value_name = "DIR", help_heading = COMMON, conflicts_with = "replay")]
    pub(super) record: Option<PathBuf>,
    /// Show the names and addresses that findings are about
    #[arg(short, long, global = true, help_heading = COMMON, conflicts_with = "quiet")]
    pub(super) verbose: bool,
    /// Say nothing of findings: errors and gaps alone
    #[arg(short, long, global = true, help_heading = COMMON)]
    pub(super) quiet: bool,
}

impl Common {
    /// How much is said of findings.
    pub(super) const fn voice(&self) -> Voice {
        match (self.quiet, self.verbose) {
            (true, _) => Voice::Quiet,
            (false, true) => Voice::Verbose,
            (false, false) => Voice::Usual,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Do the whole night: read the logs, find who sat where, write Origin_history and the workbooks
    #[command(after_help = "Example: jeton nightly --since 2021-12-01 --date yesterday --no-push")]
    Nightly(NightlyOptions),
    /// Who used which address each day, and on what evidence
    #[command(
        after_help = "Example: jeton users --date yesterday --explain\n         jeton users --logwatch logwatch --format csv"
    )]
    Users(UsersOptions),
    /// The token events: taken, given back, refused
    #[command(after_help = "Example: jeton tokens --date yesterday\n         \
                      jeton tokens --debug-log orglabdebug.log --format csv\n         jeton tokens 3 --date yesterday")]
    Tokens(TokensOptions),
    /// How many tokens were out at once, hour by hour, and how long all were
    #[command(after_help = "Example: jeton seats --since 2021-12-01 --until yesterday --format csv")]
    Seats(TraceOptions),
    /// Who was refused a token, where they sat, and how long they waited
    #[command(after_help = "Example: jeton refusals --since 2021-12-01 --until yesterday --format csv")]
    Refusals(TraceOptions),
    /// Hours of use, token hours, sessions, users and machines, by day, month, department, user and so on
    #[command(after_help = "Example: jeton usage --since 2021-01-01 --by department\n         \
                      jeton usage --since 2021-12-01 --until yesterday --by day --format csv")]
    Usage(UsageOptions),
    /// The times that the logs vouch for, and those of which nothing is known
    #[command(after_help = "Example: jeton coverage --since 2021-12-01 --format csv")]
    Coverage(TraceOptions),
    /// Who holds a token now, since when, for how long; with --live, at which outlet
    #[command(after_help = "Example: jeton connected --format csv\n         jeton connected --live")]
    Connected(ConnectedOptions),
    /// What the network knows of an address: machine, VLAN, department, switch, port, outlet
    #[command(after_help = "Example: jeton resolve 10.14.18.145\n         \
                      jeton resolve 90:b1:1c:a3:35:75 BBBAACCC RJLG07-01 --format csv")]
    Resolve(ResolveOptions),
    /// Search the sessions: a row for each day that one touches
    ///
    /// All conditions must hold; case and accents do not matter.
    #[command(
        after_help = "Example: jeton sessions --since 2021-12-01 --machine iut --login na --state open\n         \
                      jeton sessions --info linux --sort duration_s --reverse -o linux.ods"
    )]
    Sessions(SessionsOptions),
    /// Write the workbooks of a period
    #[command(after_help = "Example: jeton report --period month --date 2021-12-01 --department DPT4\n         \
                      jeton report --since 2021-12-06 --until 2021-12-17")]
    Report(ReportOptions),
    /// Origin_history to standard output, and older ones into it
    #[command(
        after_help = "Example: jeton history import Origin_history.old\n         jeton history export --format line"
    )]
    History(HistoryOptions),
    /// The ledger: made anew from the evidence, compared with it, or copied
    #[command(after_help = "Example: jeton ledger verify\n         jeton ledger backup /backup/jeton-2021-12-08.db")]
    Ledger(LedgerOptions),
    /// All that is known of one person, to be handed over to them
    ///
    /// Sessions, tokens, refusals, machines, the workbooks that show them, and the lines of the logs; also of the time that is
    /// under pseudonyms. A line without names in privacy.log says that it was done.
    #[command(
        after_help = "Example: jeton person anna -o anna.ods\n         jeton person anna --host PC-3 > anna.json"
    )]
    Person(PersonOptions),
    /// Put a pseudonym in the place of one person, everywhere and for good
    ///
    /// In the ledger, the logs that are kept, Origin_history here and on the licence server, and the workbooks. What comes again
    /// from the server is replaced on its way in. Totals stay as they are.
    #[command(after_help = "Example: jeton forget anna\n         jeton forget anna --until 2021-12-31")]
    Forget(ForgetOptions),
    /// The DHCP files and Ordinateurs.ods side by side, with what is doubled, missing or said otherwise
    #[command(after_help = "Example: jeton inventory -o inventory.xlsx\n         jeton inventory --format csv")]
    Inventory(InventoryOptions),
    /// Whether all is well: the last night, the watcher, the licence server, the disk
    ///
    /// Answers from the memory and asks no host. Exit codes, as monitoring has them: 0 all is well; 1 somebody should look; 2
    /// something does not work; 3 nothing is known. `[alarm]` has the thresholds.
    #[command(after_help = "Example: jeton status\n         jeton status --nagios")]
    Status(StatusOptions),
    /// Show the page in a browser: who is there now, the search, graphs, cards and workbooks
    ///
    /// Reads the memory, and asks no host. Without `[page] user_header` it is for whoever starts it: it listens on this machine
    /// alone and prints an address with a secret of this run. With it, a proxy says who asks. Runs until Ctrl-C.
    #[cfg(feature = "page")]
    #[command(after_help = "Example: jeton serve --open")]
    Serve(ServeOptions),
    /// Try the configuration, the inputs and every host; say what to mend
    ///
    /// Exit codes: 0 all is well; 1 a night would fail; 2 the configuration is wrong; 3 a night would have gaps.
    #[command(after_help = "Example: jeton check\n         jeton check --accept-new")]
    Check(CheckOptions),
    /// On the licence server: write the logwatch, each line of the debug log with the connections of its moment
    ///
    /// Runs until SIGTERM or Ctrl-C; templates/jeton-collect.service runs it under systemd.
    #[command(after_help = "Example: jeton --config /etc/jeton/jeton.toml collect\n         \
                      jeton collect --debug-log /usr/local/flexlm/orglabdebug.log --logwatch logwatch --port 60213")]
    Collect(CollectOptions),
    /// Write a commented jeton.toml to begin with, or the description of the workbooks to change
    #[command(after_help = "Example: jeton init /etc/jeton/jeton.toml\n         \
                      jeton init --template /etc/jeton/report.toml")]
    Init(InitOptions),
}

#[derive(Debug, Args)]
pub(super) struct NightlyOptions {
    /// The last day to do, today at the latest: today, yesterday, monday, -1, 2021-12-08
    #[arg(long, default_value = "today", value_name = "DAY", allow_hyphen_values = true)]
    pub(super) date: Day,
    /// The first day to do [default: the first that is not done yet]
    #[arg(long, value_name = "DAY", allow_hyphen_values = true)]
    pub(super) since: Option<Day>,
    /// Do not copy Origin_history to the licence server
    #[arg(long)]
    pub(super) no_push: bool,
    /// Say what would be read, asked, written and sent, and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print the summary as a JSON object
    #[arg(long, conflicts_with = "dry_run")]
    pub(super) json: bool,
}

/// A span of days on the command line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub(super) struct SpanOptions {
    /// This day alone: today, yesterday, monday, -7 (a week ago), 2021-12-08; or a month, 2021-12
    #[arg(long, value_name = "DAY", allow_hyphen_values = true, conflicts_with_all = ["since", "until"])]
    pub(super) date: Option<Day>,
    /// The first day, included
    #[arg(long, value_name = "DAY", allow_hyphen_values = true)]
    pub(super) since: Option<Day>,
    /// The last day, included
    #[arg(long, value_name = "DAY", allow_hyphen_values = true)]
    pub(super) until: Option<Day>,
}

#[derive(Debug, Clone, Args)]
pub(super) struct TraceOptions {
    #[command(flatten)]
    pub(super) span: SpanOptions,
    /// Read this logwatch and nothing else: no host, no inputs; may be given with --debug-log
    #[arg(long, value_name = "FILE")]
    pub(super) logwatch: Option<PathBuf>,
    /// Read this FlexNet debug log and nothing else; may be given with --logwatch
    #[arg(long, value_name = "FILE")]
    pub(super) debug_log: Option<PathBuf>,
    #[command(flatten)]
    pub(super) printing: Printing,
}

#[derive(Debug, Args)]
pub(super) struct UsageOptions {
    #[command(flatten)]
    pub(super) traces: TraceOptions,
    /// What a row is
    #[arg(long, value_enum, default_value_t = Grouping::Day)]
    pub(super) by: Grouping,
}

#[derive(Debug, Args)]
pub(super) struct UsersOptions {
    #[command(flatten)]
    pub(super) traces: TraceOptions,
    /// Cite the lines for and against each answer, to be checked in the logs by eye
    #[arg(long)]
    pub(super) explain: bool,
}

#[derive(Debug, Args)]
pub(super) struct TokensOptions {
    /// Print what Treat_tokens.sh printed: 1 the INs, 2 the OUTs, 3 and 4 their login@host, 5 and 6 their Unix seconds; of
    /// today, where no other day is named
    pub(super) mode: Option<Mode>,
    #[command(flatten)]
    pub(super) traces: TraceOptions,
}

/// A mode of Treat_tokens.sh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mode {
    /// The INs; else the OUTs.
    pub(super) returns: bool,
    pub(super) shows: Shown,
}

/// What a mode prints of each token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// `8:30:00 - IN: login@host`.
    Line,
    /// `login@host`.
    Who,
    /// Unix seconds.
    Seconds,
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (returns, shows) = match text {
            "1" => (true, Shown::Line),
            "2" => (false, Shown::Line),
            "3" => (true, Shown::Who),
            "4" => (false, Shown::Who),
            "5" => (true, Shown::Seconds),
            "6" => (false, Shown::Seconds),
            _ => return Err(format!("expected a mode from 1 to 6, found `{text}`")),
        };
        Ok(Self { returns, shows })
    }
}

#[derive(Debug, Args)]
pub(super) struct ConnectedOptions {
    /// Ask for the connections of this moment too, and find each user's machine, switch and outlet
    #[arg(long)]
    pub(super) live: bool,
    #[command(flatten)]
    pub(super) printing: Printing,
}

#[derive(Debug, Args)]
pub(super) struct ResolveOptions {
    /// An address; or a MAC address, a host name or an outlet: who is there?
    #[arg(required = true, value_name = "IP")]
    pub(super) questions: Vec<String>,
    #[command(flatten)]
    pub(super) printing: Printing,
}

#[derive(Debug, Args)]
pub(super) struct SessionsOptions {
    #[command(flatten)]
    pub(super) conditions: Conditions,
    #[command(flatten)]
    pub(super) span: SpanOptions,
    /// The column that rows are sorted by, by its name in the CSV: `--sort duration_s` (a workbook keeps the order of time)
    #[arg(long, value_name = "COLUMN", default_value = "start", value_parser = COLUMNS, hide_possible_values = true)]
    pub(super) sort: String,
    /// The greatest or newest first
    #[arg(long)]
    pub(super) reverse: bool,
    /// Write a file instead, by the end of its name: FILE.csv, FILE.json, FILE.ods or FILE.xlsx
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) printing: Printing,
}

/// What is searched for.
#[derive(Debug, Args)]
pub(super) struct Conditions {
    /// Any part of the machine's name, in the log or in the DHCP files: `--machine iut`
    #[arg(long, value_name = "TEXT")]
    pub(super) machine: Option<String>,
    /// Any part of the login: `--login na` finds anna and nathalie
    #[arg(long, value_name = "TEXT")]
    pub(super) login: Option<String>,
    /// Any part of the department: `--department dpt4`
    #[arg(long, value_name = "TEXT")]
    pub(super) department: Option<String>,
    /// Any part of the IP address: `--ip 10.14.18.`
    #[arg(long, value_name = "TEXT")]
    pub(super) ip: Option<String>,
    /// Any part of the wall outlet: `--outlet rjlg07`
    #[arg(long, value_name = "TEXT")]
    pub(super) outlet: Option<String>,
    /// Any part of what Ordinateurs.ods says of the machine, its user and comments: `--info linux`
    #[arg(long, value_name = "TEXT")]
    pub(super) info: Option<String>,
    /// Only sessions in this state: `--state open` lists who is there now
    #[arg(long, value_enum)]
    pub(super) state: Option<StateName>,
}

/// `--state`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum StateName {
    /// The token was given back
    Closed,
    /// The server gave up on a silent client
    Expired,
    /// Nobody saw the token given back, but it cannot be out any more
    Presumed,
    /// The token was out at the last look
    Open,
    /// The token is lent to a machine that need not be connected
    Borrowed,
}

impl From<StateName> for State {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Closed => Self::Closed,
            StateName::Expired => Self::Expired,
            StateName::Presumed => Self::Presumed,
            StateName::Open => Self::Open,
            StateName::Borrowed => Self::Borrowed,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct ReportOptions {
    /// How much time a workbook covers [default: the configuration's]
    #[arg(long, value_enum)]
    pub(super) period: Option<PeriodName>,
    /// A day of the period: today, yesterday, monday, -30, 2021-12-08; or a month, 2021-12
    #[arg(long, default_value = "today", value_name = "DAY", allow_hyphen_values = true)]
    pub(super) date: Day,
    /// The first of any days, in the place of a period
    #[arg(long, value_name = "DAY", allow_hyphen_values = true, conflicts_with_all = ["period", "date"])]
    pub(super) since: Option<Day>,
    /// The last of them [default: today]
    #[arg(long, value_name = "DAY", allow_hyphen_values = true, requires = "since")]
    pub(super) until: Option<Day>,
    /// This department's workbook alone
    #[arg(long, value_name = "NAME")]
    pub(super) department: Option<String>,
}

/// `--period`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum PeriodName {
    /// A calendar day
    Day,
    /// An ISO week, Monday to Sunday
    Week,
    /// A calendar month
    Month,
    /// A calendar year
    Year,
}

impl From<PeriodName> for PeriodKind {
    fn from(name: PeriodName) -> Self {
        match name {
            PeriodName::Day => Self::Day,
            PeriodName::Week => Self::Week,
            PeriodName::Month => Self::Month,
            PeriodName::Year => Self::Year,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct HistoryOptions {
    #[command(subcommand)]
    pub(super) command: HistoryCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum HistoryCommand {
    /// Print a history: a line per day, login, host and address
    #[command(after_help = "Example: jeton history export --since 2021-12-01 --until yesterday --format table")]
    Export(ExportOptions),
    /// Put the lines of older histories into Origin_history, in any of its formats and those before them, each once
    #[command(after_help = "Example: jeton history import Origin_history.2019 Origin_history.2020")]
    Import(ImportOptions),
}

#[derive(Debug, Args)]
pub(super) struct ExportOptions {
    #[command(flatten)]
    pub(super) span: SpanOptions,
    /// How lines are written [default: the configuration's]
    #[arg(long, value_enum)]
    pub(super) format: Option<HistoryFormatName>,
}

/// `history export --format`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum HistoryFormatName {
    /// Python dictionaries
    Record,
    /// Fields between bars
    Line,
    /// A header, and rows below it
    Table,
}

impl From<HistoryFormatName> for HistoryFormat {
    fn from(name: HistoryFormatName) -> Self {
        match name {
            HistoryFormatName::Record => Self::Record,
            HistoryFormatName::Line => Self::Line,
            HistoryFormatName::Table => Self::Table,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct ImportOptions {
    /// The histories to read
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct LedgerOptions {
    #[command(subcommand)]
    pub(super) command: LedgerCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum LedgerCommand {
    /// Derive all rows anew from the evidence
    #[command(after_help = "Example: jeton ledger rebuild")]
    Rebuild,
    /// Read all evidence and compare the rows with what it gives; exit code 1 where anything is damaged or differs
    #[command(after_help = "Example: jeton ledger verify")]
    Verify,
    /// Copy the ledger into a new file, while nights and searches go on
    #[command(after_help = "Example: jeton ledger backup /backup/jeton-2021-12-08.db")]
    Backup(BackupOptions),
}

#[derive(Debug, Args)]
pub(super) struct BackupOptions {
    /// The new file
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct PersonOptions {
    /// The login, exactly as the logs have it
    pub(super) login: String,
    /// Only what was done on this machine, by its name in the logs
    #[arg(long, value_name = "HOST")]
    pub(super) host: Option<String>,
    /// Write a file, by the end of its name: FILE.ods or FILE.json [default: JSON to standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ForgetOptions {
    /// The login, exactly as the logs have it
    pub(super) login: String,
    /// The last day that is meant [default: today]
    #[arg(long, value_name = "DAY", allow_hyphen_values = true)]
    pub(super) until: Option<Day>,
}

#[derive(Debug, Args)]
pub(super) struct InventoryOptions {
    /// Write a workbook instead, by the end of its name: FILE.ods or FILE.xlsx
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) printing: Printing,
}

#[derive(Debug, Args)]
pub(super) struct StatusOptions {
    /// Print a line with performance data for Nagios, Icinga or Centreon
    #[arg(long, group = "form")]
    pub(super) nagios: bool,
    /// Print metrics for Prometheus
    #[arg(long, group = "form")]
    pub(super) prometheus: bool,
    /// Print a JSON object
    #[arg(long, group = "form")]
    pub(super) json: bool,
    /// Write the metrics into jeton.prom in this folder, for Prometheus's node_exporter
    #[arg(long, value_name = "DIR")]
    pub(super) textfile: Option<PathBuf>,
}

#[cfg(feature = "page")]
#[derive(Debug, Args)]
pub(super) struct ServeOptions {
    /// Open the address in the browser ($BROWSER, else xdg-open)
    #[arg(long)]
    pub(super) open: bool,
}

#[derive(Debug, Args)]
pub(super) struct CheckOptions {
    /// Add the keys of hosts that known_hosts does not name, after whose fingerprints you have asked. A key that changed is
    /// refused all the same
    #[arg(long)]
    pub(super) accept_new: bool,
    /// Say instead what is kept of people, for how long, and where; no host is asked
    #[arg(long, conflicts_with = "accept_new")]
    pub(super) privacy: bool,
    #[command(flatten)]
    pub(super) printing: Printing,
}

#[derive(Debug, Args)]
pub(super) struct CollectOptions {
    /// The FlexNet debug log to follow [default: the configuration's, as for all of these]
    #[arg(long, value_name = "FILE")]
    pub(super) debug_log: Option<PathBuf>,
    /// The logwatch to append to; its state is beside it, in FILE.state
    #[arg(long, value_name = "FILE")]
    pub(super) logwatch: Option<PathBuf>,
    /// The vendor daemon's TCP port
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) port: Option<u16>,
    /// Give a sign of life this often while tokens are out, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub(super) pulse: Option<u64>,
    /// The locale of date lines: C or fr
    #[arg(long, value_enum, value_name = "LOCALE", hide_possible_values = true)]
    pub(super) locale: Option<LocaleName>,
}

/// `--locale`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum LocaleName {
    /// Wed Dec  8 14:00:20 CET 2021
    #[value(name = "C", alias = "c")]
    C,
    /// mer. déc.  8 14:00:20 CET 2021
    #[value(name = "fr")]
    French,
}

impl From<LocaleName> for DateLocale {
    fn from(name: LocaleName) -> Self {
        match name {
            LocaleName::C => Self::C,
            LocaleName::French => Self::French,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct InitOptions {
    /// Where to write it [default: jeton.toml; report.toml with --template]
    #[arg(value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// Write the description of the workbooks instead: which sheets, columns, colours and charts
    #[arg(long)]
    pub(super) template: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn common_options_are_taken_before_and_after_the_command() {
        for line in ["jeton --config a.toml -v nightly", "jeton nightly --config a.toml -v"] {
            let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
            assert_eq!((arguments.common.config, arguments.common.verbose), (Some("a.toml".into()), true), "{line}");
        }
    }
}
