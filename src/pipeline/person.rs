//! All that is known of one person, to be handed over to them; and one person forgotten.

use std::collections::BTreeSet;
use std::net::IpAddr;

use anyhow::Context;
use chrono::{DateTime, NaiveDate, Utc};
use rayon::prelude::*;

use super::forget::{self, folders};
use super::publish::files_of;
use super::{HISTORY, Listener, Memory, Pushed, Rows, Step, memory, prepare_output, push_history};
use crate::config::{Config, TraceSettings};
use crate::evidence::{Evidence, Kind};
use crate::finding::{Finding, Gap};
use crate::history::{self, Entry};
use crate::ledger::{Forgot, Search};
use crate::model::{Hold, Identity, Machine, SessionRow};
use crate::network::Remote;
use crate::privacy::{Forgotten, Veil};
use crate::report::Scope;
use crate::report::scope::scope_of;
use crate::source::decode;
use crate::trace::refusals::{Refusal, refusals};

/// All that is known of one person.
#[derive(Debug, Default)]
pub struct Person {
    /// The login that was asked for.
    pub login: String,
    /// The pseudonym that stands in its place in older rows, where the key is there.
    pub pseudonym: Option<String>,
    /// The pieces of their sessions.
    pub sessions: Vec<SessionRow>,
    /// The tokens that they held.
    pub tokens: Vec<Hold>,
    /// The tokens that they were refused.
    pub refusals: Vec<Refusal>,
    /// From which machines, with the first and the last day.
    pub machines: Vec<Stay>,
    /// The workbooks that show them.
    pub workbooks: Vec<Shown>,
    /// What looked wrong and concerns them.
    pub findings: Vec<Finding>,
    /// The lines of imported histories that name them.
    pub imported: Vec<Entry>,
    /// The lines of the logs that name them: the file, and the line.
    pub lines: Vec<(String, String)>,
    /// The lines of `Origin_history` that name them.
    pub history: Vec<String>,
}

/// A machine that a person used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// Its address.
    pub ip: Option<IpAddr>,
    /// What the network knew of it.
    pub machine: Machine,
    /// The first day.
    pub first: NaiveDate,
    /// The last.
    pub last: NaiveDate,
}

/// What a workbook shows of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its file.
    pub file: String,
    /// Its period, as files are named after it.
    pub period: String,
    /// Hours of use, in seconds.
    pub use_s: i64,
    /// Sessions.
    pub sessions: usize,
}

impl Person {
    /// Whether nothing is known.
    pub fn is_nothing(&self) -> bool {
        self.sessions.is_empty()
            && self.tokens.is_empty()
            && self.refusals.is_empty()
            && self.imported.is_empty()
            && self.lines.is_empty()
            && self.history.is_empty()
    }
}

/// All that is known of a login; with a host, of what it did there.
pub fn person(config: &Config, rows: &Rows, login: &str, host: Option<&str>) -> anyhow::Result<Person> {
    let (ledger, zone) = (&rows.ledger, config.site.timezone);
    let veil = ledger.veil();
    let pseudonym = veil.map(|veil| veil.login(login));
    let hosts: Option<BTreeSet<String>> =
        host.map(|host| std::iter::once(host.to_owned()).chain(veil.map(|veil| veil.host(host))).collect());
    let is_theirs = |who: &Identity| {
        (who.login() == login || Some(who.login()) == pseudonym.as_deref())
            && hosts.as_ref().is_none_or(|hosts| hosts.contains(who.host()))
    };
    let (first, last) = (NaiveDate::MIN, NaiveDate::MAX);
    let mut person = Person { login: login.to_owned(), pseudonym: pseudonym.clone(), ..Person::default() };
    for name in std::iter::once(login.to_owned()).chain(pseudonym.clone()) {
        let search = Search { login: Some(name), ..Search::of_days(first, last) };
        ledger.search(&search, zone, &mut |row| {
            if is_theirs(&row.who) {
                person.sessions.push(row);
            }
            true
        })?;
    }
    person.sessions.sort_by_key(|row| row.start);
    person.sessions.dedup();
    let holds = ledger.holds(first, last, zone)?;
    person.refusals = refusals(&ledger.denials(first, last, zone)?, &holds);
    person.refusals.retain(|refusal| is_theirs(&refusal.denial.who));
    person.tokens = holds;
    person.tokens.retain(|hold| is_theirs(&hold.who));
    person.machines = machines(&person.sessions);
    person.workbooks = workbooks(config, &person.sessions);
    let names = |finding: &Finding| finding.who.as_ref().is_some_and(is_theirs);
    person.findings = ledger.findings(first, last)?.into_iter().filter(names).collect();
    let told = ledger.told(first, last, true, zone)?;
    person.imported = told.into_iter().filter(|entry| entry.who.as_ref().is_some_and(is_theirs)).collect();
    let is_named =
        |line: &str| names_login(line, login) || pseudonym.as_deref().is_some_and(|name| names_login(line, name));
    let is_there =
        |line: &str| hosts.as_ref().is_none_or(|hosts| hosts.iter().any(|host| line.contains(host.as_str())));
    person.lines = lines(&rows.evidence, &|line| is_named(line) && is_there(line))?;
    if let Ok(text) = fs_err::read(config.output.directory.join(HISTORY)) {
        let text = decode(&text);
        person.history = text.lines().filter(|line| is_named(line) && is_there(line)).map(str::to_owned).collect();
    }
    Ok(person)
}

/// Whether a line names a login: not as a part of a longer word.
fn names_login(line: &str, login: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || ['.', '_', '-', '~'].contains(&c);
    !login.is_empty()
        && line.match_indices(login).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let behind = line[at + login.len()..].chars().next();
            // `login@host` in the logs and in the history, `login host` in an answer of lmstat.
            !before.is_some_and(is_word) && matches!(behind, Some('@' | ' ' | '\t'))
        })
}

fn machines(rows: &[SessionRow]) -> Vec<Stay> {
    let mut stays: Vec<Stay> = Vec::new();
    for row in rows.iter().filter(|row| row.ip.is_some()) {
        match stays.iter_mut().find(|stay| stay.ip == row.ip && stay.machine == row.machine) {
            Some(stay) => stay.last = stay.last.max(row.date),
            None => stays.push(Stay { ip: row.ip, machine: row.machine.clone(), first: row.date, last: row.date }),
        }
    }
    stays
}

/// The workbooks that are there of periods in which somebody has rows: the site's, and those of the departments.
fn workbooks(config: &Config, rows: &[SessionRow]) -> Vec<Shown> {
    let mut shown = Vec::new();
    for (folder, period) in folders(config) {
        let own: Vec<&SessionRow> =
            rows.iter().filter(|row| (period.first()..=period.last()).contains(&row.date)).collect();
        let scopes: BTreeSet<Scope<'_>> = own.iter().map(|row| scope_of(&row.machine)).chain([Scope::Site]).collect();
        for scope in scopes.into_iter().filter(|_| !own.is_empty()) {
            let is_its = |row: &&&SessionRow| scope == Scope::Site || scope_of(&row.machine) == scope;
            let of_scope: Vec<&&SessionRow> = own.iter().filter(is_its).collect();
            let sessions: BTreeSet<_> = of_scope.iter().map(|row| (row.who.host(), row.initial_start)).collect();
            let use_s = of_scope.iter().map(|row| row.use_s()).sum();
            for file in files_of(config, scope, period) {
                if folder.join(&file).is_file() {
                    let (file, sessions) = (folder.join(file).display().to_string(), sessions.len());
                    shown.push(Shown { file, period: period.part(), use_s, sessions });
                }
            }
        }
    }
    shown
}

/// The lines of the evidence that are meant, each with its file.
fn lines(evidence: &Evidence, is_meant: &(dyn Fn(&str) -> bool + Sync)) -> anyhow::Result<Vec<(String, String)>> {
    let days: Vec<(Kind, NaiveDate)> =
        Kind::ALL.into_iter().flat_map(|kind| evidence.days(kind).keys().map(move |day| (kind, *day))).collect();
    let of_day = |(kind, day): &(Kind, NaiveDate)| -> anyhow::Result<Vec<(String, String)>> {
        let text = evidence.text(*kind, *day)?.unwrap_or_default();
        let text = decode(&text);
        let name = evidence.name_of_file(*kind, *day);
        Ok(text.lines().filter(|line| is_meant(line)).map(|line| (name.clone(), line.to_owned())).collect())
    };
    let found: Vec<Vec<(String, String)>> = days.par_iter().map(of_day).collect::<anyhow::Result<_>>()?;
    Ok(found.concat())
}

/// Adds to the journal that something was handed over, without the name.
pub fn note_handed_over(config: &Config, person: &Person) -> anyhow::Result<()> {
    let rows = person.sessions.len();
    Ok(forget::note(
        config,
        Utc::now(),
        &format!("person: all that is known of one person was handed over: rows {rows}"),
    )?)
}

/// What became of forgetting somebody.
#[derive(Debug, Default)]
pub struct PersonForgotten {
    /// Of the ledger.
    pub forgot: Forgot,
    /// The last day that was meant.
    pub last: NaiveDate,
    /// The workbooks that were written again.
    pub files: Vec<std::path::PathBuf>,
    /// What could not be done, and is to be done again.
    pub gaps: Vec<Gap>,
    /// What became of the history on the licence server.
    pub pushed: Pushed,
}

/// Puts a pseudonym in the place of a person, everywhere and up to a day, and has what comes again replaced on its way in.
///
/// Killed anywhere, the next night does the rest; run again, it changes nothing more.
pub fn forget_person(
    config: &Config,
    remote: anyhow::Result<Box<dyn Remote>>,
    login: &str,
    until: Option<NaiveDate>,
    listener: Listener<'_>,
) -> anyhow::Result<PersonForgotten> {
    let _lock = prepare_output(config, listener)?;
    let (veil, _) = Veil::open_or_make(&config.output.directory)?;
    let mut memory = Memory::open(config)?;
    memory.ledger = memory.ledger.under(Some(veil.clone()));
    let (zone, now) = (config.site.timezone, Utc::now());
    let latest = memory.ledger.latest()?.unwrap_or(now);
    let last = until.unwrap_or_else(|| now.max(latest).with_timezone(&zone).date_naive());
    listener(Step::Doing("replacing the name in the evidence"));
    let folder = Memory::evidence_path(config);
    let mut forgotten = Forgotten::open(&folder, veil.clone())?;
    forgotten.add(&folder, login, last)?;
    memory.evidence.replace_names(forgotten);
    memory.evidence.replace_kept_names()?;
    listener(Step::Doing("replacing the name in the ledger"));
    let settings = TraceSettings::from(config);
    let as_of = memory.evidence.as_of().unwrap_or(latest);
    let evidence = &memory.evidence;
    let mut change = memory.ledger.change(&settings.licence)?;
    let mut forgot = change.forget_person(&veil, login, last, zone)?;
    memory::derive(evidence, &mut change, &settings, as_of, listener)?;
    forgot += change.forget_person(&veil, login, last, zone)?;
    change.note_unscrubbed()?;
    change.commit()?;
    memory.keep_facts()?;
    forget::scrub(&memory.ledger)?;
    forget::forget_set_aside(config)?;
    let n_files = forget::forget_files_that_name(config, login)?;
    listener(Step::Doing("writing Origin_history and the workbooks"));
    let format = config.output.history_format;
    let rows = memory.ledger.seen_rows(NaiveDate::MIN, NaiveDate::MAX, zone)?;
    let horizon = forget::of_history(config, &memory.ledger, &memory.evidence, &history::lines(&rows, format))?;
    let horizon = horizon.map(|horizon| history::Horizon { login: Some(login.to_owned()), ..horizon });
    let mut done = PersonForgotten { forgot, last, ..PersonForgotten::default() };
    if let Some(horizon) = &horizon {
        forget::history(config, horizon).context("the history could not be written")?;
        let path = config.output.directory.join(HISTORY);
        match remote {
            Ok(remote) if path.is_file() => {
                done.pushed = push_history(config, remote.as_ref(), &path, Some(horizon));
                done.gaps.extend(done.pushed.gap.clone());
            }
            Ok(_) => {}
            Err(error) => done.gaps.push(Gap::new(&config.origin.host, format!("{error:#}"))),
        }
    }
    match forget::workbooks(config, &memory.ledger, now, Some(last)) {
        Ok(published) => {
            done.files = published.files;
            done.gaps.extend(published.failures);
        }
        Err(error) => done.gaps.push(forget::gap(config, &error)),
    }
    let what = format!("forget: one person, up to {last}: {}; files {n_files}", forget::told(&done.forgot));
    forget::note(config, now, &what)?;
    Ok(done)
}

/// What `jeton check --privacy` says: what is kept, how long, and where, for the register.
pub fn kept_where(config: &Config, now: DateTime<Utc>) -> Vec<(&'static str, String, String)> {
    let privacy = &config.privacy;
    let today = now.with_timezone(&config.site.timezone).date_naive();
    let age = |age: Option<crate::config::Age>| age.map_or("without limit".to_owned(), |age| age.to_string());
    let since = |first: Option<NaiveDate>| first.map(|first| format!(" (since {first})")).unwrap_or_default();
    let folder = |name: &str| config.output.directory.join(name).display().to_string();
    let names = format!("{}{}", age(privacy.named), since(privacy.first_named(today)));
    let rows = format!("{}{}", age(privacy.pseudonyms), since(privacy.first_kept(today)));
    let heads = if privacy.heads_see_pseudonyms { "pseudonyms" } else { "names" };
    let old = match privacy.workbooks {
        crate::config::OldWorkbooks::Rewrite => "written again with pseudonyms",
        crate::config::OldWorkbooks::Delete => "deleted",
    };
    let mut all = vec![
        ("names", folder(&config.output.ledger), format!("login, machine, addresses, outlet: kept {names}")),
        (
            "pseudonyms",
            folder(&config.output.ledger),
            format!("sessions, refusals: {rows}; behind that, sums by day, department and hour"),
        ),
        (
            "logs",
            Memory::evidence_path(config).display().to_string(),
            format!("the text of the licence server's logs: {names}"),
        ),
        ("history", folder(HISTORY), format!("a line per day, login and address: {names}")),
        (
            "workbooks",
            folder(crate::report::FOLDER),
            format!("departments see {heads}; of older periods they are {old}"),
        ),
        (
            "key",
            folder(crate::privacy::KEY),
            "turns names into pseudonyms; whoever deletes it makes the step final".to_owned(),
        ),
        ("journal", folder(forget::JOURNAL), "when something was forgotten or handed over; without names".to_owned()),
    ];
    if let Some(path) = &config.origin.history {
        all.push(("history", format!("{}:{path}", config.origin.host), format!("the same as here: {names}")));
    }
    let logs = std::iter::once(&config.origin.logwatch).chain(&config.origin.debug_log);
    for log in logs {
        all.push((
            "beyond",
            format!("{}:{log}", config.origin.host),
            "the licence server's own log: its logrotate decides".to_owned(),
        ));
    }
    let sources = [config.inputs.computers.display().to_string()];
    for source in sources {
        all.push(("beyond", source, "who uses which machine, as the laboratory keeps it".to_owned()));
    }
    if let Some(replay) = &config.replay {
        all.push(("beyond", replay.display().to_string(), "a recorded night, with the logs as they were".to_owned()));
    }
    all.push((
        "beyond",
        "elsewhere".to_owned(),
        "folders of --record, files of -o and backups that lie outside the output directory".to_owned(),
    ));
    if privacy.without_outlets {
        all.push(("outlets", "switches".to_owned(), "are not asked for".to_owned()));
    }
    all
}
