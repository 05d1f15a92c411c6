//! Makes a laboratory that is not there: its logwatch, its debug log, its `lmstat`, and what really happened; or says how
//! well jeton finds that out, loss by loss.
//!
//! ```text
//! cargo run --release --example simulate -- --days 30 --bursts 0.3 --output /tmp/laboratory
//! cargo run --release --example simulate -- --score
//! ```

#[path = "../benches/simulator/mod.rs"]
mod simulator;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::NaiveDate;
use clap::Parser;

use simulator::score::Score;
use simulator::{DateStyle, Laboratory, study};

/// Makes a laboratory with a known truth, or scores jeton on several.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
struct Arguments {
    /// Everything that is drawn by lot depends on it alone.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The first day.
    #[arg(long, default_value = "2021-12-06")]
    start: NaiveDate,
    /// How many days.
    #[arg(long, default_value_t = 7)]
    days: u32,
    /// How many (login, host) pairs.
    #[arg(long, default_value_t = 25)]
    users: usize,
    /// How many times as often a user works as usual.
    #[arg(long, default_value_t = 1.0)]
    zeal: f64,
    /// How many tokens there are.
    #[arg(long, default_value_t = 20)]
    seats: usize,
    /// The share of token lines that come with another within the time of a block.
    #[arg(long, default_value_t = 0.0)]
    bursts: f64,
    /// The share of answers that are acknowledged before `ss` looks.
    #[arg(long, default_value_t = 0.0)]
    drained: f64,
    /// The share of lines of the logwatch that are cut short, mangled or missing.
    #[arg(long, default_value_t = 0.0)]
    garbled: f64,
    /// Connections without a token a day.
    #[arg(long, default_value_t = 0.0)]
    idle: f64,
    /// The share of connections that stay without their token.
    #[arg(long, default_value_t = 0.0)]
    lingering: f64,
    /// The share of tokens that are taken twice and given back once.
    #[arg(long, default_value_t = 0.0)]
    ghosts: f64,
    /// Restarts of the server a day.
    #[arg(long, default_value_t = 0.0)]
    restarts: f64,
    /// A restart begins the debug log anew.
    #[arg(long)]
    overwritten: bool,
    /// How `date` spells: french, french-new, french-long, english, english-12, iso.
    #[arg(long, default_value = "french", value_parser = style)]
    dates: DateStyle,
    /// Without the debug log.
    #[arg(long)]
    no_debug_log: bool,
    /// Without lmstat.
    #[arg(long)]
    no_lmstat: bool,
    /// The logwatch ends in the middle of a block.
    #[arg(long)]
    truncated: bool,
    /// The folder to write the laboratory to.
    #[arg(long, conflicts_with = "score")]
    output: Option<PathBuf>,
    /// Print how well jeton does, loss by loss.
    #[arg(long)]
    score: bool,
    /// How many laboratories a row of the score is of.
    #[arg(long, default_value_t = 10)]
    laboratories: u64,
    /// Name each mistake of the rows that begin with this.
    #[arg(long)]
    mistakes: Option<String>,
    /// Score the rows alone that have this in their name; with --output, write the first of them.
    #[arg(long)]
    row: Option<String>,
}

fn style(name: &str) -> Result<DateStyle, String> {
    DateStyle::named(name).ok_or_else(|| format!("expected a style of dates, found `{name}`"))
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut lab = laboratory(&arguments);
    if let (Some(_), Some(row)) = (&arguments.output, &arguments.row) {
        let row = rows(&lab).into_iter().find(|(name, _)| name.contains(row));
        lab = row.context("no row of the score has this in its name")?.1;
    }
    match &arguments.output {
        Some(folder) => write(&lab, folder),
        None => Ok(score(&lab, &arguments)?),
    }
}

fn laboratory(arguments: &Arguments) -> Laboratory {
    Laboratory {
        seed: arguments.seed,
        start: arguments.start,
        days: arguments.days,
        users: arguments.users,
        zeal: arguments.zeal,
        seats: arguments.seats,
        bursts: arguments.bursts,
        drained: arguments.drained,
        garbled: arguments.garbled,
        idle_per_day: arguments.idle,
        lingering: arguments.lingering,
        ghosts: arguments.ghosts,
        restarts_per_day: arguments.restarts,
        overwritten: arguments.overwritten,
        dates: arguments.dates,
        debug_log: !arguments.no_debug_log,
        lmstat: !arguments.no_lmstat,
        truncated: arguments.truncated,
        ..Laboratory::default()
    }
}

fn write(lab: &Laboratory, folder: &Path) -> anyhow::Result<()> {
    fs_err::create_dir_all(folder)?;
    let file = |name: &str| Ok::<_, io::Error>(BufWriter::new(fs_err::File::create(folder.join(name))?));
    let recorded = lab.run(file("logwatch")?).context("the logwatch could not be written")?;
    if let Some(log) = &recorded.debug_log {
        file("debug.log")?.write_all(log)?;
    }
    if let Some(lmstat) = &recorded.lmstat {
        file("lmstat.txt")?.write_all(lmstat.as_bytes())?;
    }
    fs_err::create_dir_all(folder.join("truth"))?;
    let (sessions, users, denials) =
        (file("truth/sessions.tsv")?, file("truth/users.tsv")?, file("truth/denials.tsv")?);
    recorded.truth.write(lab, sessions, users, denials)?;
    Ok(())
}

/// The rows of the table: a name, and what is worse than usual.
fn rows(base: &Laboratory) -> Vec<(&'static str, Laboratory)> {
    let with = |change: &dyn Fn(&mut Laboratory)| {
        let mut lab = base.clone();
        change(&mut lab);
        lab
    };
    let all = |lab: &mut Laboratory| {
        (lab.bursts, lab.drained, lab.idle_per_day, lab.lingering) = (0.1, 0.5, 20.0, 0.05);
        (lab.ghosts, lab.restarts_per_day, lab.days_before) = (0.02, 0.3, 2);
    };
    vec![
        ("everything kept", base.clone()),
        ("one token line in ten in a burst", with(&|lab| lab.bursts = 0.1)),
        ("one in three in a burst", with(&|lab| lab.bursts = 0.33)),
        ("half the answers acknowledged at once", with(&|lab| lab.drained = 0.5)),
        ("nine tenths of them", with(&|lab| lab.drained = 0.9)),
        ("20 idle connections a day", with(&|lab| lab.idle_per_day = 20.0)),
        ("idle connections, answers acknowledged", with(&|lab| (lab.idle_per_day, lab.drained) = (20.0, 0.9))),
        ("one connection in ten outlives its token", with(&|lab| lab.lingering = 0.1)),
        ("ten times the load", base.clone().times(10)),
        ("ten times the load, bursts", with(&|lab| lab.bursts = 0.1).times(10)),
        ("a restart every second day", with(&|lab| lab.restarts_per_day = 0.5)),
        ("the same, debug log overwritten", with(&|lab| (lab.restarts_per_day, lab.overwritten) = (0.5, true))),
        ("network drops, ghosts", with(&|lab| lab.ghosts = 0.05)),
        ("a logwatch that begins in the middle", with(&|lab| lab.days_before = 3)),
        ("one line in 500 garbled", with(&|lab| lab.garbled = 0.002)),
        ("half of the debug log's lines lost", with(&|lab| lab.log_lost = 0.5)),
        ("the same, and one line in 500 garbled", with(&|lab| (lab.log_lost, lab.garbled) = (0.5, 0.002))),
        ("all of it", with(&all)),
        ("nobody watches for some hours a day", with(&|lab| lab.unwatched_per_day = 1.0)),
        ("orderly restarts", with(&|lab| (lab.restarts_per_day, lab.orderly) = (0.5, 1.0))),
        ("the vendor daemon dies alone", with(&|lab| lab.deaths_per_day = 0.5)),
        ("another vendor's daemon in the log", with(&|lab| lab.strangers_per_day = 3.0)),
        ("a queue", with(&|lab| (lab.seats, lab.queued) = (6, 0.7))),
        ("windows over one connection", with(&|lab| lab.reused = 0.5)),
        ("ports taken again within seconds", with(&|lab| lab.same_port = 0.5)),
        ("a second feature over the same connections", with(&|lab| lab.second_feature = 0.5)),
        ("windows of a person share a token", with(&|lab| (lab.seats, lab.sharing) = (8, true))),
        ("the list of lmstat is cut", with(&|lab| lab.cut_list = true)),
        ("no debug log", with(&|lab| lab.debug_log = false)),
        (
            "no debug log, nobody watches for some hours",
            with(&|lab| (lab.debug_log, lab.unwatched_per_day) = (false, 1.0)),
        ),
        (
            "no debug log, orderly restarts",
            with(&|lab| (lab.debug_log, lab.restarts_per_day, lab.orderly) = (false, 0.5, 1.0)),
        ),
        ("no debug log, the daemon dies", with(&|lab| (lab.debug_log, lab.deaths_per_day) = (false, 0.5))),
        ("no debug log, another vendor's", with(&|lab| (lab.debug_log, lab.strangers_per_day) = (false, 3.0))),
        ("no debug log, a queue", with(&|lab| (lab.debug_log, lab.seats, lab.queued) = (false, 6, 0.7))),
        ("no debug log, windows over one connection", with(&|lab| (lab.debug_log, lab.reused) = (false, 0.5))),
        ("no debug log, ports taken again", with(&|lab| (lab.debug_log, lab.same_port) = (false, 0.5))),
        ("no debug log, a second feature", with(&|lab| (lab.debug_log, lab.second_feature) = (false, 0.5))),
        (
            "no debug log, windows share a token",
            with(&|lab| (lab.debug_log, lab.seats, lab.sharing) = (false, 8, true)),
        ),
        ("no debug log, the list of lmstat is cut", with(&|lab| (lab.debug_log, lab.cut_list) = (false, true))),
        ("no debug log, one in ten in a burst", with(&|lab| (lab.debug_log, lab.bursts) = (false, 0.1))),
        ("no debug log, one in three in a burst", with(&|lab| (lab.debug_log, lab.bursts) = (false, 0.33))),
        ("no debug log, restarts", with(&|lab| (lab.debug_log, lab.restarts_per_day) = (false, 0.5))),
        ("no debug log, ghosts", with(&|lab| (lab.debug_log, lab.ghosts) = (false, 0.05))),
        (
            "no debug log, idle, outliving",
            with(&|lab| (lab.debug_log, lab.idle_per_day, lab.lingering) = (false, 20.0, 0.1)),
        ),
        ("no debug log, one line in 500 garbled", with(&|lab| (lab.debug_log, lab.garbled) = (false, 0.002))),
        ("no debug log, one line in 50 garbled", with(&|lab| (lab.debug_log, lab.garbled) = (false, 0.02))),
        ("no debug log, ten times the load", with(&|lab| lab.debug_log = false).times(10)),
        ("no debug log, no lmstat", with(&|lab| (lab.debug_log, lab.lmstat) = (false, false))),
        (
            "no debug log, no lmstat, all of it",
            with(&|lab| {
                all(lab);
                (lab.debug_log, lab.lmstat) = (false, false);
            }),
        ),
    ]
}

fn score(base: &Laboratory, arguments: &Arguments) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "| laboratory | token lines lost | users | sessions | hours | expired | denials | tokens |")?;
    writeln!(out, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")?;
    let wanted = |name: &str| arguments.row.as_ref().is_none_or(|row| name.contains(row));
    for (name, lab) in rows(base).into_iter().filter(|(name, _)| wanted(name)) {
        let mut sum = Score::default();
        for seed in 0..arguments.laboratories {
            let lab = Laboratory { seed: base.seed + seed, ..lab.clone() };
            let (_, recorded, analysis) = study::study(&lab)?;
            let mut score = Score::of(&analysis, &recorded.truth, &lab);
            score.mistakes.iter_mut().for_each(|mistake| mistake.insert_str(0, &format!("seed {} ", lab.seed)));
            sum += score;
        }
        let percent = |share: f64| format!("{:.2} %", 100.0 * share);
        writeln!(
            out,
            "| {name} | {} | {} | {} | {} | {} | {} | {} |",
            percent(sum.lost.0 as f64 / (2 * sum.lost.1).max(1) as f64),
            percent(sum.users_share()),
            percent(sum.sessions_f1()),
            percent(sum.hours_error()),
            percent(sum.expired_f1()),
            percent(sum.denials_f1()),
            percent(sum.tokens_share()),
        )?;
        if arguments.mistakes.as_deref().is_some_and(|begin| name.starts_with(begin)) {
            for mistake in &sum.mistakes {
                writeln!(out, "    {mistake}")?;
            }
        }
    }
    Ok(())
}
