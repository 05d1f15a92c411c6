//! `jeton check`: the configuration, the inputs, the output directory, then every host, step by step; what to mend.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::arguments::{CheckOptions, Common};
use super::rows::Cell;
use super::{Exit, Stop, complain, way_to_hosts};
use crate::config::{Config, ConfigErrors, TraceSettings};
use crate::derivation::wrong_site;
use crate::finding::{Files as LogFiles, Gap};
use crate::ledger::Ledger;
use crate::model::{Duplicates, Terms, folded};
use crate::network::{Directory, Files, Host, ProbeStep, Remote, RemoteError, UnknownKey, survey};
use crate::output::Lock;
use crate::parse::datetime::{end_of_day, start_of_day};
use crate::parse::flexnet::What;
use crate::parse::logwatch::{Block, Reader};
use crate::pipeline::{Memory, fetch_licence, fetch_lmstat, kept_where, seats};
use crate::privacy::{KEY, Veil};
use crate::rights::{self, Right};
use crate::status;
use crate::texts::Language;
use crate::trace::seats::peak;

const COLUMNS: [&str; 5] = ["step", "target", "ok", "detail", "remedy"];

/// One row: a step that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tried {
    step: &'static str,
    target: String,
    is_well: bool,
    detail: String,
    remedy: Option<String>,
}

impl Tried {
    fn well(step: &'static str, target: impl Display, detail: impl Display) -> Self {
        Self { step, target: target.to_string(), is_well: true, detail: detail.to_string(), remedy: None }
    }

    /// What stops no night, and is worth a look all the same.
    fn odd(step: &'static str, target: impl Display, detail: impl Display, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..Self::well(step, target, detail) }
    }

    fn ill(step: &'static str, target: impl Display, detail: impl Display, remedy: impl Into<String>) -> Self {
        let remedy = Some(remedy.into());
        Self { step, target: target.to_string(), is_well: false, detail: detail.to_string(), remedy }
    }

    /// How a step at a host ended, and how long it took; `remedy` is for a failure that brings none.
    fn at(step: &'static str, host: &Host, outcome: Result<String, RemoteError>, took: Duration, remedy: &str) -> Self {
        match outcome {
            Ok(detail) => Self::well(step, &host.name, format!("{detail} ({})", told(took))),
            Err(error) => {
                let detail = format!("{} ({})", error.cause, told(took));
                Self::ill(step, &host.name, detail, error.remedy.unwrap_or_else(|| remedy.to_owned()))
            }
        }
    }

    fn row(&self) -> Vec<Cell> {
        vec![
            self.step.into(),
            self.target.as_str().into(),
            self.is_well.into(),
            self.detail.as_str().into(),
            self.remedy.clone().into(),
        ]
    }
}

fn told(took: Duration) -> String {
    if took < Duration::from_secs(1) {
        format!("{} ms", took.as_millis())
    } else {
        format!("{:.1} s", took.as_secs_f64())
    }
}

pub(super) fn run(options: &CheckOptions, common: &Common) -> Result<Exit, Stop> {
    if options.privacy {
        let config = super::configured_to_read(common)?;
        let rows = kept_where(&config, chrono::Utc::now());
        let rows =
            rows.into_iter().map(|(what, place, detail)| vec![what.into(), Cell::text(&place), Cell::text(&detail)]);
        options.printing.print(&["what", "where", "detail"], "nothing is kept", rows)?;
        return Ok(Exit::Complete);
    }
    let (config, remote) = match way_to_hosts(common) {
        Ok(both) => both,
        Err(errors) => {
            complain(&errors.to_string());
            print(options, &faults(&errors))?;
            return Ok(Exit::Usage);
        }
    };
    let remote = super::recorded(remote.map_err(|error| Stop::Usage(super::messages::failure(&error)))?, common)?;
    let described = format!("{} switches, {} VLANs", config.switches.len(), config.vlans.len());
    let mut here = vec![Tried::well("configuration", config.file.display(), described)];
    here.extend(alike(&config));
    here.extend(inputs(&config, common));
    here.push(output(&config));
    here.extend(privacy(&config));
    here.extend(ledger(&config));
    let there = hosts(&config, remote.as_ref(), options.accept_new);
    let all_well = |tried: &[Tried]| tried.iter().all(|tried| tried.is_well);
    let exit = match (all_well(&here), all_well(&there)) {
        (true, true) => Exit::Complete,
        (true, false) => Exit::Gaps,
        (false, _) => Exit::Failed,
    };
    here.extend(there);
    print(options, &here)?;
    Ok(exit)
}

fn print(options: &CheckOptions, tried: &[Tried]) -> Result<(), Stop> {
    options.printing.print(&COLUMNS, "nothing was tried", tried.iter().map(Tried::row))
}

/// A row for each fault of a configuration.
fn faults(errors: &ConfigErrors) -> Vec<Tried> {
    let row = |fault: &crate::config::Fault| {
        let place = fault.place.as_ref().map(|place| format!(":{}:{}", place.line, place.column));
        let target = format!("{}{}", errors.file(), place.unwrap_or_default());
        let remedy = fault.hint.clone().unwrap_or_else(|| "mend this line".to_owned());
        Tried::ill("configuration", target, &fault.message, remedy)
    };
    errors.faults().iter().map(row).collect()
}

fn inputs(config: &Config, common: &Common) -> Vec<Tried> {
    let targets = format!("{}, {} DHCP files", config.inputs.computers.display(), config.inputs.dhcp.len());
    match Directory::read(config) {
        Ok((directory, findings)) => {
            complain(&super::messages::findings(&findings, &[], common.voice()));
            let (n_hosts, n_computers) = (directory.hosts().len(), directory.computers().len());
            let detail = format!("{n_hosts} hosts, {n_computers} computers, {} findings", findings.len());
            let texts = Language::English.texts();
            let named = findings.iter().map(|finding| {
                let what = texts.what(finding.kind);
                let detail = if common.verbose { format!("{what}: {}", finding.detail) } else { what.to_owned() };
                Tried::odd("finding", &finding.place, detail, texts.remedy(finding.kind))
            });
            std::iter::once(Tried::well("inputs", targets, detail)).chain(named).collect()
        }
        Err(error) => {
            let detail = super::messages::failure(&anyhow::Error::from(error));
            let detail = detail.trim_start_matches("error: ");
            vec![Tried::ill("inputs", targets, detail, "mend the file, or name another one under `[inputs]`")]
        }
    }
}

/// Names in the configuration that are one but for case, accents or a letter: one of them is a slip.
fn alike(config: &Config) -> Vec<Tried> {
    let departments: Vec<&str> = config.department_names().into_iter().collect();
    let vlans: Vec<&str> = config.vlans.iter().map(|vlan| vlan.name.as_str()).collect();
    let pairs = |names: &[&str]| -> Vec<(String, String)> {
        let each = names.iter().enumerate();
        let two = each.flat_map(|(at, a)| names[at + 1..].iter().map(move |b| (*a, *b)));
        two.filter(|(a, b)| is_slip(a, b)).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
    };
    let row = |what: &str, (a, b): (String, String)| {
        let detail = format!("the {what}s `{a}` and `{b}` are almost one name");
        Tried::odd("configuration", config.file.display(), detail, "if they are one, write them in the same way")
    };
    let of_departments = pairs(&departments).into_iter().map(|two| row("department", two));
    of_departments.chain(pairs(&vlans).into_iter().map(|two| row("VLAN", two))).collect()
}

/// Whether two names differ by case, by accents, or by one letter. Numbers tell names apart: `DPT1` is not `DPT2`.
fn is_slip(a: &str, b: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let (folded_a, folded_b) = (folded(a), folded(b));
    let is_long = folded_a.chars().count().min(folded_b.chars().count()) >= 5;
    let is_near = is_long && strsim::damerau_levenshtein(&folded_a, &folded_b) == 1;
    digits(a) == digits(b) && (folded_a == folded_b || is_near)
}

/// How long names are kept; that a laboratory must decide it, where it has not; and whether the key is what it should be.
fn privacy(config: &Config) -> Vec<Tried> {
    let Some(named) = config.privacy.named else {
        let remedy = "decide how long names are kept: `[privacy] named = \"12 months\"`; docs/rgpd.md says more";
        return vec![Tried::odd("privacy", config.file.display(), "names are kept without limit", remedy)];
    };
    let sums = config.privacy.pseudonyms.map_or(String::new(), |age| format!(", pseudonyms for {age}"));
    let kept = Tried::well("privacy", config.file.display(), format!("names are kept for {named}{sums}"));
    let folder = &config.output.directory;
    let key = folder.join(KEY);
    let told = match Veil::open(folder) {
        Ok(Some(_)) => {
            let mode = fs_err::metadata(&key).map_or(0, |found| found.permissions().mode() & 0o777);
            if mode | 0o700 == 0o700 {
                Tried::well("key", key.display(), "there")
            } else {
                Tried::odd(
                    "key",
                    key.display(),
                    format!("others may read it ({mode:o})"),
                    format!("`chmod 600 {}`", key.display()),
                )
            }
        }
        Ok(None) if Memory::path(config).exists() && was_used(config) => Tried::odd(
            "key",
            key.display(),
            "it is gone, and older names bear pseudonyms of it",
            "nothing need be done: older names are forgotten for good; the next night makes a new key for those to come",
        ),
        Ok(None) => Tried::well("key", key.display(), "will be made by the first night"),
        Err(error) => Tried::ill("key", key.display(), error, "put it back from a backup, or delete it for good"),
    };
    vec![kept, told]
}

fn was_used(config: &Config) -> bool {
    let ledger = Ledger::open_to_read(&Memory::path(config)).ok().flatten();
    ledger.and_then(|ledger| ledger.first_named().ok()).flatten().is_some()
}

/// The ledger as the next night will find it: whose it is, its version and its room; whether another run is at work; and whether
/// more tokens were out lately than there are.
fn ledger(config: &Config) -> Vec<Tried> {
    let (folder, path) = (&config.output.directory, Memory::path(config));
    if !folder.is_dir() {
        return Vec::new();
    }
    let mut tried = Vec::new();
    match Lock::is_free(folder) {
        Ok(true) => tried.push(Tried::well("lock", folder.display(), "no other run is at work")),
        Ok(false) => {
            let remedy =
                "a night waits for it; if none should be running, `fuser` names the process that holds the folder";
            tried.push(Tried::odd("lock", folder.display(), "another run is at work", remedy));
        }
        Err(error) => tried.push(Tried::ill("lock", folder.display(), error, "run it as the user of the nights")),
    }
    if path.symlink_metadata().is_err() {
        tried.push(Tried::well("ledger", path.display(), "will be made by the first night"));
        return tried;
    }
    if let Some(why) = rights::denied(&path, Right::Write) {
        tried.push(Tried::ill("ledger", path.display(), "permission denied", why));
        return tried;
    }
    let size = fs_err::metadata(&path).map_or(0, |found| found.len());
    match Ledger::versions(&path) {
        Ok((version, newest)) => {
            let mut detail = vec![format!("version {version}"), megabytes(size)];
            detail.extend(rights::owner(&path));
            let room = status::free(folder);
            detail.extend(room.map(|free| format!("{} free", megabytes(free))));
            if version < newest {
                detail.push(format!("the next night brings it to version {newest}"));
            }
            let detail = detail.join(", ");
            tried.push(match room {
                Some(free) if free < size.max(ROOM) => {
                    let remedy = "make room: a night needs as much as the ledger is large";
                    Tried::ill("ledger", path.display(), detail, remedy)
                }
                _ => Tried::well("ledger", path.display(), detail),
            });
            tried.extend(seats_below_use(config));
        }
        Err(error) => {
            let remedy = "a night sets a damaged ledger aside and derives it anew; see the README, \"The memory\"";
            tried.push(Tried::ill("ledger", path.display(), error, remedy));
        }
    }
    tried
}

/// The least room that a night is sure to end in, in bytes.
const ROOM: u64 = 64 << 20;
/// How many days back more tokens out than there are would be worth a word.
const LATELY: u64 = 62;

fn megabytes(bytes: u64) -> String {
    if bytes < 10 << 20 { format!("{} kB", bytes.div_ceil(1024)) } else { format!("{} MB", bytes >> 20) }
}

/// That more tokens were out at once lately than the configuration says there are.
fn seats_below_use(config: &Config) -> Option<Tried> {
    let zone = config.site.timezone;
    let ledger = Ledger::open_to_read(&Memory::path(config)).ok()??.showing(config.origin.feature.as_deref());
    let last = ledger.latest().ok()??.with_timezone(&zone).date_naive();
    let first = last.checked_sub_days(chrono::Days::new(LATELY))?;
    let seats = seats(&TraceSettings::from(config), &ledger).ok()?;
    let (from, until) = (start_of_day(first, zone), end_of_day(last, zone));
    let most = peak(&ledger.holds(first, last, zone).ok()?, &seats, from, until);
    // What the configuration says now holds from the next night on.
    let count = seats.on(chrono::NaiveDate::MAX)?;
    (most > u64::from(count)).then(|| {
        let detail = format!("{most} tokens were out at once since {first}, {count} is said to be all");
        let remedy = "correct `[origin] seats`; or name the licence file, if several checkouts share a token";
        Tried::odd("seats", config.file.display(), detail, remedy)
    })
}

/// Whether a night could write; nothing is left behind.
fn output(config: &Config) -> Tried {
    let folder = &config.output.directory;
    if let Some(why) = rights::of_another(folder) {
        return Tried::ill("output", folder.display(), "it belongs to another user than root", why);
    }
    if folder.exists()
        && let Some(why) = rights::denied(folder, Right::Write)
    {
        return Tried::ill("output", folder.display(), "permission denied", why);
    }
    // A night makes the folders that are not there.
    let there = folder.ancestors().find(|folder| folder.as_os_str().is_empty() || folder.exists());
    let there = there.filter(|there| !there.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    match tempfile::tempfile_in(there) {
        Ok(_) if folder.is_dir() => Tried::well("output", folder.display(), "can be written to"),
        Ok(_) => Tried::well("output", folder.display(), "will be made by the first night"),
        Err(error) => Tried::ill(
            "output",
            folder.display(),
            format!("cannot write in `{}`: {error}", there.display()),
            "give the user that runs jeton the right to write there, or name another `[output] directory`",
        ),
    }
}

/// What a host is for.
enum Role {
    Origin,
    Tftp,
    Switch(String),
}

/// Every host at once, `[ssh] parallel` at a time, in the order of the configuration.
fn hosts(config: &Config, remote: &dyn Remote, accept_new: bool) -> Vec<Tried> {
    let unknown_key = if accept_new { UnknownKey::Accept } else { UnknownKey::Refuse };
    let mut all = vec![(Role::Origin, Host::origin(config)), (Role::Tftp, Host::tftp(config))];
    all.extend(config.switches.iter().map(|one| (Role::Switch(one.name.clone()), Host::switch(config, one))));
    let line = super::progress::Line::new();
    line.show(crate::pipeline::Step::Doing("asking every host"));
    let check = |(role, host): &(Role, Host)| {
        let mut tried = probe(remote, host, unknown_key);
        if tried.iter().all(|tried| tried.is_well) {
            tried.extend(match role {
                Role::Origin => origin(config, remote, host),
                Role::Tftp => vec![tftp(config, remote, host)],
                Role::Switch(name) => vec![switch(config, remote, host, name)],
            });
        }
        tried
    };
    // Hosts are waited for: a pool of its own.
    match rayon::ThreadPoolBuilder::new().num_threads(config.ssh.parallel.clamp(1, all.len())).build() {
        Ok(pool) => pool.install(|| all.par_iter().flat_map(check).collect()),
        Err(_) => all.iter().flat_map(check).collect(),
    }
}

fn probe(remote: &dyn Remote, host: &Host, unknown_key: UnknownKey) -> Vec<Tried> {
    let login = host.user.as_deref().map(|user| format!("{user}@")).unwrap_or_default();
    let by_hand = if remote.is_live() {
        format!("try it by hand: `ssh -p {} {login}{}`", host.port, host.address)
    } else {
        "record another replay while the host answers (`--record`)".to_owned()
    };
    let row = |probed: crate::network::Probed| {
        let step = match probed.step {
            ProbeStep::Reach => "reach",
            ProbeStep::HostKey => "host_key",
            ProbeStep::Login => "login",
        };
        Tried::at(step, host, probed.outcome, probed.took, &by_hand)
    };
    remote.probe(host, unknown_key).into_iter().map(row).collect()
}

/// The files of the licence server in one session, then `lmstat`.
fn origin(config: &Config, remote: &dyn Remote, host: &Host) -> Vec<Tried> {
    let origin = &config.origin;
    let mut tried = Vec::new();
    let began = Instant::now();
    match remote.files(host) {
        Ok(mut files) => {
            let logs = [("logwatch", Some(&origin.logwatch)), ("debug_log", origin.debug_log.as_ref())];
            for (step, path) in logs.into_iter().filter_map(|(step, path)| Some((step, path?))) {
                let began = Instant::now();
                let found = files.read(path, 0, 1, &mut std::io::sink()).and_then(|_| files.stat(path));
                let outcome = found.and_then(|found| match found {
                    Some(found) => Ok(format!("{path}: {} bytes", found.size)),
                    None => Err(RemoteError::new(host, format!("read {path}"), format!("{path}: no such file"))),
                });
                let remedy = format!("`[origin] {step}` names it; a relative path is in the login's home");
                let is_there = outcome.is_ok();
                tried.push(Tried::at(step, host, outcome, began.elapsed(), &remedy));
                if is_there && step == "logwatch" {
                    tried.push(content(config, files.as_mut(), host, remote.is_live()));
                }
            }
            if let Some(path) = &origin.history {
                let began = Instant::now();
                let found = files.stat(path).map(|found| match found {
                    Some(found) => format!("{path}: {} bytes", found.size),
                    None => format!("{path}: not there yet"),
                });
                let outcome =
                    found.and_then(|found| files.try_replace(path).map(|()| format!("{found}; can be written")));
                let remedy = "`[origin] history` names it; the login must be allowed to make files in its folder";
                tried.push(Tried::at("history", host, outcome, began.elapsed(), remedy));
            }
        }
        Err(error) => {
            let remedy = "the login needs SFTP there";
            tried.push(Tried::at("logwatch", host, Err(error), began.elapsed(), remedy));
        }
    }
    if let Some(path) = &origin.licence_file {
        tried.push(licence(config, remote, host, path));
    }
    if let Some(line) = &origin.lmstat {
        let began = Instant::now();
        let heard = fetch_lmstat(config, remote, line);
        let uses = heard.lmstat.as_ref().map(|lmstat| lmstat.uses.len());
        let outcome = first_gap(host, &heard.gaps).map(|()| format!("tokens out: {}", uses.unwrap_or_default()));
        tried.push(Tried::at("lmstat", host, outcome, began.elapsed(), "`[origin] lmstat` is the command"));
        let listed = heard.lmstat.iter().flat_map(|lmstat| &lmstat.features).map(ToString::to_string);
        tried.extend(feature(config, "lmstat", &host.name, &listed.collect()));
    }
    tried
}

/// That a source names features, and none is the configuration's: a night would find nobody.
fn feature(config: &Config, step: &'static str, target: &str, named: &BTreeSet<String>) -> Option<Tried> {
    let wanted = config.origin.feature.as_ref()?;
    (!named.is_empty() && !named.contains(wanted)).then(|| {
        let names: Vec<String> = named.iter().map(|name| format!("`{name}`")).collect();
        let detail = format!("it names no feature `{wanted}`, but {}", names.join(", "));
        Tried::ill(step, target, detail, "write `[origin] feature` as the licence server does")
    })
}

/// What the licence file says of the feature.
fn licence(config: &Config, remote: &dyn Remote, host: &Host, path: &str) -> Tried {
    let began = Instant::now();
    let step = "licence_file";
    let remedy = "`[origin] licence_file` names it, here or on the licence server";
    let today = chrono::Utc::now().with_timezone(&config.site.timezone).date_naive();
    let terms = match fetch_licence(config, remote, path) {
        Ok(file) => file.terms(today).items,
        Err(error) => return Tried::at(step, host, Err(error), began.elapsed(), remedy),
    };
    if terms.is_empty() {
        return Tried::ill(step, path, "no line of it begins with INCREMENT or FEATURE", remedy);
    }
    let feature = config.origin.feature.as_deref();
    let own = terms.iter().filter(|terms| feature.is_none_or(|feature| terms.feature == feature));
    let told = |terms: &Terms| {
        let mut told = vec![match terms.count {
            Some(count) => format!("{count} tokens of {}", terms.feature),
            None => format!("{}, which nobody counts", terms.feature),
        }];
        told.extend(terms.expiry.map(|expiry| format!("until {expiry}")));
        if terms.duplicates != Duplicates::Never.to_string() {
            told.push(format!("shared by {}", terms.duplicates));
        }
        told.extend(terms.borrow_h.map(|hours| format!("borrowed for {hours} h at most")));
        if terms.reserved > 0 {
            told.push(format!("{} reserved", terms.reserved));
        }
        told.join(", ")
    };
    let lines: Vec<String> = own.map(told).collect();
    if lines.is_empty() {
        let names: Vec<&str> = terms.iter().map(|terms| terms.feature.as_str()).collect();
        let detail = format!("it has no feature `{}`; it has {}", feature.unwrap_or_default(), names.join(", "));
        return Tried::ill(step, path, detail, "write `[origin] feature` as the licence file does");
    }
    Tried::well(step, path, lines.join("; "))
}

/// The features that the lines of a block name.
fn features_of(block: &Block) -> impl Iterator<Item = String> + '_ {
    block.entries.iter().filter_map(|entry| match &entry.what {
        What::Token { feature, .. } => Some(feature.to_string()),
        _ => None,
    })
}

/// How much of the end of a logwatch is looked at.
const END: u64 = 256 * 1024;
/// A watcher that is silent for longer may be dead: FlexNet writes a line every six hours at least.
const OLD: chrono::Duration = chrono::Duration::hours(24);

/// What a logwatch holds at its end: whether it is this server's, and of today.
fn content(config: &Config, files: &mut dyn Files, host: &Host, is_live: bool) -> Tried {
    let origin = &config.origin;
    let began = Instant::now();
    let mut end = Vec::new();
    let read = files.stat(&origin.logwatch).and_then(|found| {
        let from = found.map_or(0, |found| found.size.saturating_sub(END));
        files.read(&origin.logwatch, from, END, &mut end)
    });
    let newest = read.map(|_| {
        let mut reader =
            Reader::of_evidence(end.as_slice(), LogFiles::one("logwatch"), config.site.timezone, &[origin.port]);
        let (mut block, mut newest, mut features) = (Block::default(), None, BTreeSet::new());
        while reader.read(&mut block).is_ok_and(|is_there| is_there) {
            newest = newest.max(Some(block.at));
            features.extend(features_of(&block));
        }
        (newest, wrong_site(reader.local_ends(), &[origin.port], &[origin.address]), features)
    });
    let step = "logwatch_content";
    let texts = Language::English.texts();
    let (newest, wrong, features) = match newest {
        Ok(found) => found,
        Err(error) => return Tried::at(step, host, Err(error), began.elapsed(), "the login must be able to read it"),
    };
    let Some(newest) = newest else {
        let remedy = "jeton collect, or the loop, writes it on the licence server: check that it runs";
        let detail = if end.is_empty() { "it is empty" } else { "no line of it is a date" };
        return Tried::ill(step, &host.name, detail, remedy);
    };
    let shown = newest.with_timezone(&config.site.timezone).format("%Y-%m-%d %H:%M:%S");
    let age = chrono::Utc::now() - newest;
    if let Some((kind, detail)) = wrong {
        return Tried::ill(step, &host.name, format!("{}: {detail}", texts.what(kind)), texts.remedy(kind));
    }
    if let Some(tried) = feature(config, step, &host.name, &features) {
        return tried;
    }
    if is_live && age > OLD {
        // Nothing fails by it: the days since are unknown.
        let detail = format!("its newest line is of {shown}, {} days ago", age.num_days());
        let remedy = Some("check that jeton collect, or the loop, runs on the licence server".to_owned());
        return Tried { remedy, ..Tried::well(step, &host.name, detail) };
    }
    Tried::well(step, &host.name, format!("its newest line is of {shown}"))
}

fn tftp(config: &Config, remote: &dyn Remote, host: &Host) -> Tried {
    let began = Instant::now();
    let heard = survey::leases(config, remote);
    let outcome = first_gap(host, &heard.gaps).and_then(|()| {
        let n_leases: usize = heard.items.values().map(Vec::len).sum();
        if n_leases == 0 {
            return Err(RemoteError::new(host, "snooping", format!("{}: no leases", config.tftp.snooping)));
        }
        Ok(format!("{}: {n_leases} leases", config.tftp.snooping))
    });
    Tried::at(
        "snooping",
        host,
        outcome,
        began.elapsed(),
        "`[tftp] snooping` names the folder; each switch writes a file there",
    )
}

fn switch(config: &Config, remote: &dyn Remote, host: &Host, name: &str) -> Tried {
    let began = Instant::now();
    let heard = survey::ask_switches(config, remote, &[name.to_owned()].into(), &|_| ());
    let answer = heard.items.get(name);
    let outcome = first_gap(host, &heard.gaps).map(|()| {
        let n_ports = answer.and_then(|answer| answer.interfaces.as_ref()).map_or(0, Vec::len);
        let n_macs = answer.and_then(|answer| answer.macs.as_ref()).map_or(0, Vec::len);
        format!("{n_ports} interfaces, {n_macs} addresses")
    });
    let remedy = "the login must be allowed `show interfaces description` and `show mac address-table`";
    Tried::at("command", host, outcome, began.elapsed(), remedy)
}

/// A gap as the failure that it was.
fn first_gap(host: &Host, gaps: &[Gap]) -> Result<(), RemoteError> {
    gaps.first().map_or(Ok(()), |gap| Err(RemoteError::new(host, "ask", &gap.reason)))
}
