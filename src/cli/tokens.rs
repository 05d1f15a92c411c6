//! `jeton tokens`: the token events of every feature.

use chrono::SecondsFormat;
use chrono_tz::Tz;

use super::arguments::{Common, TraceOptions};
use super::rows::{self, Cell};
use super::traced::analyse;
use super::{Exit, Stop};
use crate::trace::Token;

const COLUMNS: [&str; 8] = ["at", "kind", "feature", "login", "host", "licences", "source", "verdict"];

pub(super) fn run(options: &TraceOptions, common: &Common) -> Result<Exit, Stop> {
    let analysed = analyse(options, common)?;
    let zone = analysed.settings.timezone;
    let of_days = |token: &&Token| analysed.days.contains(token.at.with_timezone(&zone).date_naive());
    let wanted = analysed.analysis.tokens.iter().filter(of_days).map(|token| row(token, zone));
    rows::print(&mut std::io::stdout().lock(), options.format, &COLUMNS, wanted)?;
    Ok(analysed.exit)
}

fn row(token: &Token, zone: Tz) -> Vec<Cell> {
    vec![
        token.at.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Secs, false).into(),
        token.kind.name().into(),
        Cell::text(&token.feature),
        token.who.login().into(),
        token.who.host().into(),
        token.licences.into(),
        token.origin.name().into(),
        token.verdict.into(),
    ]
}
