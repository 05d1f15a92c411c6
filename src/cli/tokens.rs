//! `jeton tokens`: the token events of every feature; with a mode, what Treat_tokens.sh printed of them.

use chrono::SecondsFormat;
use chrono_tz::Tz;

use super::arguments::{Common, Mode, Shown, SpanOptions, TokensOptions, TraceOptions};
use super::days::Day;
use super::rows::{self, Cell, Format};
use super::traced::traced;
use super::{Exit, Stop};
use crate::parse::flexnet::TokenKind;
use crate::pipeline::Wanted;
use crate::trace::Token;

const COLUMNS: [&str; 10] =
    ["at", "kind", "feature", "login", "host", "licences", "source", "verdict", "licence", "feature"];

pub(super) fn run(options: &TokensOptions, common: &Common) -> Result<Exit, Stop> {
    if options.mode.is_some() && options.traces.printing.format() != Format::Table {
        let why = "error: a mode prints lines as Treat_tokens.sh did: it has no rows\nhint: leave out `--format`, or the mode";
        return Err(Stop::Usage(why.to_owned()));
    }
    let traced = traced(&days_of(options), Wanted::Traces, common)?;
    let zone = traced.settings.timezone;
    let of_days = |token: &&Token| traced.days.contains(token.at.with_timezone(&zone).date_naive());
    let mut tokens: Vec<Token> = Vec::new();
    traced.analyses(&mut |analysis, _| tokens.extend(analysis.tokens.iter().filter(of_days).cloned()))?;
    tokens.sort_by_key(|token| token.at);
    let licence = &*traced.settings.licence;
    let wanted = tokens.iter();
    if let Some(mode) = options.mode {
        rows::print_lines(&mut std::io::stdout().lock(), wanted.filter_map(|token| line(token, mode, zone)))?;
    } else {
        let rows = wanted.map(|token| row(token, licence, zone));
        options.traces.printing.print(&COLUMNS, &rows::nothing_in(traced.days), rows)?;
    }
    Ok(traced.exit)
}

/// The options with the day of a mode that names none: the script had a day's log before it, the current one's.
fn days_of(options: &TokensOptions) -> TraceOptions {
    let traces = options.traces.clone();
    let is_any = traces.span == SpanOptions::default();
    let today = SpanOptions { date: Some(Day::Today), ..SpanOptions::default() };
    TraceOptions { span: if is_any && options.mode.is_some() { today } else { traces.span }, ..traces }
}

fn row(token: &Token, licence: &str, zone: Tz) -> Vec<Cell> {
    vec![
        token.at.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Secs, false).into(),
        token.kind.name().into(),
        Cell::text(&token.feature),
        token.who.login().into(),
        token.who.host().into(),
        token.licences.into(),
        token.origin.name().into(),
        token.verdict.into(),
        licence.into(),
        Cell::text(&token.feature),
    ]
}

/// What a mode prints of a token; nothing of one that is not of its kind.
fn line(token: &Token, mode: Mode, zone: Tz) -> Option<String> {
    let (kind, word) = if mode.returns { (TokenKind::In, "IN") } else { (TokenKind::Out, "OUT") };
    let who = &token.who;
    (token.kind == kind).then(|| match mode.shows {
        // The hour as the script cut it from the log: without a zero before it.
        Shown::Line => format!("{} - {word}: {who}", token.at.with_timezone(&zone).format("%-H:%M:%S")),
        Shown::Who => who.to_string(),
        Shown::Seconds => token.at.timestamp().to_string(),
    })
}
