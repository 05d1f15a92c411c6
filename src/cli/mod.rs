//! Arguments in, rows and exit codes out.

mod arguments;
mod check;
mod collect;
mod connected;
mod coverage;
mod days;
mod export;
mod forget;
mod gathered;
mod history;
mod init;
mod interrupt;
mod inventory;
mod ledger;
mod messages;
mod nightly;
mod pager;
mod person;
mod progress;
mod refusals;
mod report;
mod resolve;
pub mod rows;
mod seats;
#[cfg(feature = "page")]
mod serve;
mod sessions;
mod status;
mod table;
mod tokens;
mod traced;
mod usage;
mod users;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

#[cfg(feature = "page")]
pub(crate) use sessions::found_file;

use clap::Parser;

use crate::config::{Config, ConfigErrors};
use crate::ledger::LedgerError;
use crate::network::{Recorder, Remote};
use crate::status::Level;
use arguments::{Arguments, Command, Common};
use days::WrongDays;

/// How a run ended; cron acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything that could be known is (0).
    Complete,
    /// Nothing was published (1).
    Failed,
    /// Wrong usage or configuration (2).
    Usage,
    /// Published, but a source, a workbook or a push is missing (3).
    Gaps,
    /// What `jeton status` found: 0 to 3, as monitoring has them.
    Status(Level),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Complete => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Gaps => 3,
            Exit::Status(level) => level as u8,
        })
    }
}

/// Why a command ended early.
enum Stop {
    /// The command line or the configuration; the text is ready to be shown.
    Usage(String),
    /// Anything else, by its chain of causes.
    Failure(anyhow::Error),
}

impl From<ConfigErrors> for Stop {
    fn from(errors: ConfigErrors) -> Self {
        Self::Usage(errors.to_string())
    }
}

impl From<anyhow::Error> for Stop {
    /// A failure; but for what is wrong with the question or the configuration, which comes to light in the midst of the work.
    fn from(error: anyhow::Error) -> Self {
        if let Some(wrong @ (LedgerError::UnknownFeature { .. } | LedgerError::AnotherSite { .. })) =
            error.downcast_ref()
        {
            return Self::Usage(format!("error: {wrong}"));
        }
        error.downcast().map_or_else(Self::Failure, |wrong: WrongDays| wrong.into())
    }
}

impl From<WrongDays> for Stop {
    fn from(wrong: WrongDays) -> Self {
        Self::Usage(format!("error: {wrong}"))
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Failure(error.into())
    }
}

/// Runs the command line; everything it has to say is said when it returns.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let arguments = match Arguments::try_parse_from(&arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let exit = match (error.use_stderr(), Arguments::asks_for_status(&arguments)) {
                (false, _) => Exit::Complete,
                (true, true) => Exit::Status(Level::Unknown),
                (true, false) => Exit::Usage,
            };
            // Nobody is left to be told that a closed terminal cannot be written to.
            let _ = error.print();
            return exit;
        }
    };
    match arguments.command {
        // The collector writes what is there before it ends.
        Command::Collect(_) => {}
        // A page is ended in no other way, and has nothing left to do.
        #[cfg(feature = "page")]
        Command::Serve(_) => interrupt::listen(None),
        _ => interrupt::listen(Some("interrupted: what was published before stands, and the next run does the rest")),
    }
    match dispatch(arguments.command, &arguments.common) {
        Ok(exit) => exit,
        Err(Stop::Usage(text)) => {
            complain(&text);
            Exit::Usage
        }
        Err(Stop::Failure(error)) => {
            complain(&messages::failure(&error));
            Exit::Failed
        }
    }
}

fn dispatch(command: Command, common: &Common) -> Result<Exit, Stop> {
    match command {
        Command::Nightly(options) => nightly::run(&options, common),
        Command::Users(options) => users::run(&options, common),
        Command::Tokens(options) => tokens::run(&options, common),
        Command::Seats(options) => seats::run(&options, common),
        Command::Refusals(options) => refusals::run(&options, common),
        Command::Usage(options) => usage::run(&options, common),
        Command::Coverage(options) => coverage::run(&options, common),
        Command::Connected(options) => connected::run(&options, common),
        Command::Resolve(options) => resolve::run(&options, common),
        Command::Sessions(options) => sessions::run(&options, common),
        #[cfg(feature = "page")]
        Command::Serve(options) => serve::run(&options, common),
        Command::Status(options) => Ok(status::run(&options, common)),
        Command::Report(options) => report::run(&options, common),
        Command::History(options) => history::run(&options, common),
        Command::Ledger(options) => ledger::run(&options, common),
        Command::Person(options) => person::run(&options, common),
        Command::Forget(options) => forget::run(&options, common),
        Command::Inventory(options) => inventory::run(&options, common),
        Command::Check(options) => check::run(&options, common),
        Command::Collect(options) => collect::run(&options, common),
        Command::Init(options) => init::run(&options, common),
    }
}

/// The configuration that the options name, for commands that ask no host.
fn configured_alone(common: &Common) -> Result<Config, Stop> {
    Ok(Config::load(&Config::find(common.config.as_deref())?)?)
}

/// The configuration that the options name, for commands that ask hosts only where nothing is known yet.
fn configured_to_read(common: &Common) -> Result<Config, ConfigErrors> {
    let mut config = Config::load(&Config::find(common.config.as_deref())?)?;
    if let Some(folder) = &common.replay {
        config.replay_from(folder)?;
    }
    Ok(config)
}

/// The configuration that the options name, with the way to its hosts.
fn configured(common: &Common) -> Result<(Config, Box<dyn Remote>), Stop> {
    let (config, remote) = way_to_hosts(common)?;
    let remote = remote.map_err(|error| Stop::Usage(messages::failure(&error)))?;
    Ok((config, recorded(remote, common)?))
}

/// The configuration, and the way to its hosts as it says, or as `--replay` does.
fn way_to_hosts(common: &Common) -> Result<(Config, anyhow::Result<Box<dyn Remote>>), ConfigErrors> {
    let config = configured_to_read(common)?;
    let remote = crate::pipeline::remote(&config);
    Ok((config, remote))
}

/// The same way to the hosts, recorded where the options say so.
fn recorded(remote: Box<dyn Remote>, common: &Common) -> Result<Box<dyn Remote>, Stop> {
    let Some(folder) = &common.record else { return Ok(remote) };
    match Recorder::new(remote, folder) {
        Ok(recorder) => Ok(Box::new(recorder)),
        Err(error) => Err(Stop::Usage(format!("error: `--record`: {error}\nhint: name a new folder"))),
    }
}

/// Writes to standard output; a reader that stopped reading is no error.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}

/// Writes to standard error; nobody is left to be told where that is closed.
fn complain(text: &str) {
    let text = text.trim_end();
    if !text.is_empty() {
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}
