//! `jeton users`: who used which address each day, and on what evidence.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use super::arguments::{Common, UsersOptions};
use super::rows::{self, Cell, Format};
use super::traced::{Analysed, analyse};
use super::{Exit, Stop};
use crate::finding::excerpt;
use crate::source::{decode, without_bom};
use crate::trace::explain::{Argument, File, explain};
use crate::trace::{UserDay, Watch};

const COLUMNS: [&str; 7] = ["date", "login", "host", "ip", "evidence", "for", "against"];

pub(super) fn run(options: &UsersOptions, common: &Common) -> Result<Exit, Stop> {
    if options.explain && options.traces.format != Format::Table {
        let why = "error: `--explain` is for reading: it has no rows\nhint: leave out `--format`, or `--explain`";
        return Err(Stop::Usage(why.to_owned()));
    }
    let analysed = analyse(&options.traces, common)?;
    let wanted = analysed.analysis.days.iter().filter(|day| analysed.days.contains(day.date));
    let mut out = std::io::stdout().lock();
    if options.explain {
        match explain_all(&mut out, &analysed, &wanted.collect::<Vec<_>>()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            printed => printed?,
        }
    } else {
        rows::print(&mut out, options.traces.format, &COLUMNS, wanted.map(row))?;
    }
    Ok(analysed.exit)
}

fn row(day: &UserDay) -> Vec<Cell> {
    vec![
        Cell::text(&day.date),
        day.who.login().into(),
        day.who.host().into(),
        day.ip.map(|ip| ip.to_string()).into(),
        day.evidence.name().into(),
        day.n_for.into(),
        day.n_against.into(),
    ]
}

/// Each answer with the lines that speak for and against it, as they stand in their files.
fn explain_all(out: &mut impl Write, analysed: &Analysed, days: &[&UserDay]) -> std::io::Result<()> {
    let empty = Watch::default();
    let watch = analysed.traces.watch.as_ref().unwrap_or(&empty);
    let explained: Vec<(&UserDay, Vec<Argument>)> =
        days.iter().map(|day| (*day, explain(watch, &analysed.analysis, day, &analysed.settings))).collect();
    let logwatch = watch.name.as_deref().unwrap_or_default();
    let debug_log = analysed.analysis.list.log_name.as_deref().unwrap_or_default();
    let lines_of = |file, name: &str| {
        let citations = explained.iter().flat_map(|(_, arguments)| arguments).flat_map(|argument| &argument.citations);
        read_lines(Path::new(name), &citations.filter(|c| c.file == file).map(|c| c.line).collect())
    };
    let (watched, logged) = (lines_of(File::Logwatch, logwatch)?, lines_of(File::DebugLog, debug_log)?);
    for (day, arguments) in &explained {
        let ip = day.ip.map_or_else(|| "no address".to_owned(), |ip| ip.to_string());
        let UserDay { date, who, evidence, n_for, n_against, .. } = day;
        writeln!(out, "{date} {}: {ip}, {evidence}, {n_for} for, {n_against} against", excerpt(&who.to_string()))?;
        for argument in arguments {
            writeln!(out, "  {} {}", if argument.is_for { "for    " } else { "against" }, argument.says)?;
            for citation in &argument.citations {
                let (name, lines) = match citation.file {
                    File::Logwatch => (logwatch, &watched),
                    File::DebugLog => (debug_log, &logged),
                };
                let text = lines.get(&citation.line).map_or("", String::as_str);
                writeln!(out, "    {name}:{}: {text}  [{}]", citation.line, citation.shows.join(", "))?;
            }
        }
    }
    Ok(())
}

/// Some lines of a file, as they stand there, on one line each.
fn read_lines(path: &Path, wanted: &BTreeSet<u32>) -> std::io::Result<HashMap<u32, String>> {
    let mut lines = HashMap::new();
    let Some(last) = wanted.last() else { return Ok(lines) };
    let mut input = BufReader::new(fs_err::File::open(path)?);
    let mut line = Vec::new();
    for number in 1..=*last {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if wanted.contains(&number) {
            let text = decode(without_bom(&line)).trim().to_owned();
            // Spaced as it is, but harmless on a terminal.
            lines.insert(number, text.chars().filter(|c| !c.is_control()).collect());
        }
    }
    Ok(lines)
}
