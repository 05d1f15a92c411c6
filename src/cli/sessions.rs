//! `jeton sessions`: search, all conditions together.

use super::arguments::{Common, SessionsOptions};
use super::gathered::{Known, gather};
use super::rows::{self, Cell};
use super::{Exit, Stop};
use crate::model::{SessionRow, State, folded};
use crate::report::rows::{COLUMNS, cells};
use crate::texts::Texts;

pub(super) fn run(options: &SessionsOptions, common: &Common) -> Result<Exit, Stop> {
    let Known { config, gathered, exit } = gather(options.span, common)?;
    let conditions = Conditions::new(options);
    let texts = config.site.language.texts();
    let wanted = gathered.rows.iter().filter(|row| conditions.hold_for(row)).map(|row| row_of(row, texts));
    rows::print(&mut std::io::stdout().lock(), options.format, &COLUMNS, wanted)?;
    Ok(exit)
}

/// What a row must have, case and accents folded.
struct Conditions {
    machine: Option<String>,
    login: Option<String>,
    department: Option<String>,
    ip: Option<String>,
    state: Option<State>,
}

impl Conditions {
    fn new(options: &SessionsOptions) -> Self {
        let folded = |text: &Option<String>| text.as_deref().map(folded);
        Self {
            machine: folded(&options.machine),
            login: folded(&options.login),
            department: folded(&options.department),
            ip: folded(&options.ip),
            state: options.state.map(State::from),
        }
    }

    fn hold_for(&self, row: &SessionRow) -> bool {
        let has = |wanted: &Option<String>, texts: &[Option<&str>]| {
            wanted.as_deref().is_none_or(|wanted| texts.iter().flatten().any(|text| folded(text).contains(wanted)))
        };
        has(&self.machine, &[Some(row.who.host()), row.machine.hostname.as_deref()])
            && has(&self.login, &[Some(row.who.login())])
            && has(&self.department, &[row.machine.department.as_deref()])
            && has(&self.ip, &[row.ip.map(|ip| ip.to_string()).as_deref()])
            && self.state.is_none_or(|state| row.state == state)
    }
}

/// The stable cells; counts are numbers in JSON.
fn row_of(row: &SessionRow, texts: &Texts) -> Vec<Cell> {
    COLUMNS
        .iter()
        .zip(cells(row, texts))
        .map(|(column, text)| match (*column, text.parse::<i64>()) {
            ("duration_s" | "vlan", Ok(number)) => Cell::Integer(number),
            _ if text.is_empty() => Cell::Empty,
            _ => Cell::Text(text),
        })
        .collect()
}
