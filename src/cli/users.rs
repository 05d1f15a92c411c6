//! `jeton users`: who used which address each day, and on what evidence.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::sync::Arc;

use super::arguments::{Common, UsersOptions};
use super::rows::{self, Cell, Format};
use super::traced::{Traced, traced};
use super::{Exit, Stop};
use crate::finding::{Place, excerpt};
use crate::pipeline::{Texts, Wanted, cited, texts_of};
use crate::trace::explain::{Argument, explain};
use crate::trace::{UserDay, Watch, days};

const COLUMNS: [&str; 9] = ["date", "login", "host", "ip", "evidence", "for", "against", "licence", "feature"];

pub(super) fn run(options: &UsersOptions, common: &Common) -> Result<Exit, Stop> {
    if options.explain && options.traces.printing.format() != Format::Table {
        let why = "error: `--explain` is for reading: it has no rows\nhint: leave out `--format`, or `--explain`";
        return Err(Stop::Usage(why.to_owned()));
    }
    let traced = traced(&options.traces, Wanted::Traces, common)?;
    let (zone, days) = (traced.settings.timezone, traced.days);
    let holds = traced.ledger.holds(days.first, days.last, zone).map_err(anyhow::Error::from)?;
    let mut users = days::addresses(&holds, zone);
    users.retain(|user| days.contains(user.date));
    if options.explain {
        match explain_all(&mut std::io::stdout().lock(), &traced, &users)? {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            printed => printed?,
        }
    } else {
        options.traces.printing.print(&COLUMNS, &rows::nothing_in(days), users.iter().map(row))?;
    }
    Ok(traced.exit)
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
        Cell::text(&day.feature.licence),
        Cell::text(&day.feature.name),
    ]
}

/// Each answer with the lines that speak for and against it, as they stand in the evidence.
fn explain_all(out: &mut impl Write, traced: &Traced, users: &[UserDay]) -> Result<std::io::Result<()>, Stop> {
    let mut explained: Vec<(&UserDay, Vec<Argument>)> = users.iter().map(|user| (user, Vec::new())).collect();
    let zone = traced.settings.timezone;
    traced.analyses(&mut |analysis, traces| {
        let empty = Watch::default();
        let watch = traces.watch.as_ref().unwrap_or(&empty);
        for (user, arguments) in &mut explained {
            arguments.extend(explain(watch, analysis, user, zone));
        }
    })?;
    let citations = explained.iter().flat_map(|(_, arguments)| arguments).flat_map(|argument| &argument.citations);
    let mut wanted: BTreeMap<Arc<str>, BTreeSet<u32>> = BTreeMap::new();
    for citation in citations {
        if let Place::Line { source, line, .. } = &citation.place {
            wanted.entry(Arc::clone(source)).or_default().insert(*line);
        }
    }
    let lines = texts_of(&traced.evidence, &wanted).map_err(anyhow::Error::from)?;
    let arguments = explained.iter().flat_map(|(_, arguments)| arguments);
    let places: Vec<Place> = arguments.flat_map(places_of).collect();
    let shown = cited(&traced.fetched.read, &traced.evidence, places.iter());
    Ok(print_all(out, &explained, &lines, &shown))
}

fn places_of(argument: &Argument) -> impl Iterator<Item = Place> {
    argument.citations.iter().map(|citation| citation.place.clone())
}

fn print_all(
    out: &mut impl Write,
    explained: &[(&UserDay, Vec<Argument>)],
    lines: &Texts,
    shown: &HashMap<Place, Place>,
) -> std::io::Result<()> {
    for (day, arguments) in explained {
        let ip = day.ip.map_or_else(|| "no address".to_owned(), |ip| ip.to_string());
        let UserDay { date, who, evidence, n_for, n_against, .. } = day;
        writeln!(out, "{date} {}: {ip}, {evidence}, {n_for} for, {n_against} against", excerpt(&who.to_string()))?;
        for argument in arguments {
            writeln!(out, "  {} {}", if argument.is_for { "for    " } else { "against" }, argument.says)?;
            for citation in &argument.citations {
                let text = match &citation.place {
                    Place::Line { source, line, .. } => lines.get(&(Arc::clone(source), *line)),
                    _ => None,
                };
                let text = text.map_or("", String::as_str);
                let place = shown.get(&citation.place).unwrap_or(&citation.place);
                writeln!(out, "    {place}: {text}  [{}]", citation.shows.join(", "))?;
            }
        }
    }
    Ok(())
}
