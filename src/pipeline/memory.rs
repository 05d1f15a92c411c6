//! The memory of a site: its evidence, and the ledger that follows from it. Found, or begun; and mended where it is damaged.

use std::io::{ErrorKind, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{DateTime, Datelike, NaiveDate, Utc};

use super::fetch::newest;
use super::forget;
use super::marks::Marks;
use super::{Listener, Step};
use crate::config::{Config, ORIGIN, TraceSettings};
use crate::derivation::{Derivation, DerivationError, Updated, update};
use crate::evidence::{Damage, Evidence, Kind};
use crate::finding::Gap;
use crate::ledger::{Changing, Ledger, LedgerError, Month};
use crate::output;
use crate::privacy::{Forgotten, Veil};

/// What no log holds, beside the evidence: JSON, compressed.
const FACTS: &str = "facts.zst";
/// Where earlier versions kept copies of the logs in the output directory.
const COPIES: &str = "traces";
/// The folder of evidence in the output directory.
pub(super) const EVIDENCE: &str = "evidence";

/// The memory of a site, for writing.
#[derive(Debug)]
pub struct Memory {
    /// What was seen.
    pub evidence: Evidence,
    /// What follows from it.
    pub ledger: Ledger,
    path: PathBuf,
    is_new: bool,
    lost: Vec<Gap>,
}

impl Memory {
    /// Where the ledger of a configuration is.
    pub fn path(config: &Config) -> PathBuf {
        config.output.directory.join(&config.output.ledger)
    }

    /// Where the evidence of a configuration's licence is.
    pub fn evidence_path(config: &Config) -> PathBuf {
        config.output.directory.join(EVIDENCE).join(ORIGIN)
    }

    /// Opens the memory, or begins one; a damaged ledger is set aside.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let path = Self::path(config);
        let (veil, forgotten) = veils(config)?;
        if config.privacy.named.is_some() {
            forget::forget_set_aside(config)?;
        }
        let mut evidence = Evidence::open(&Self::evidence_path(config))?;
        if let Some(forgotten) = forgotten {
            evidence.replace_names(forgotten);
            // Where a run was killed in it, the rest is done now.
            evidence.replace_kept_names()?;
        }
        let is_there = path.symlink_metadata().is_ok();
        let mut lost = Vec::new();
        let ledger = match Ledger::open(&path) {
            Err(LedgerError::Damaged { reason, .. }) => {
                lost.push(set_aside(&path, &reason)?);
                Ledger::open(&path)?
            }
            opened => opened?,
        };
        let is_new = !is_there && evidence.is_empty();
        let mut ledger = ledger.showing(config.origin.feature.as_deref()).under(veil);
        ledger.check_site(&config.site.name, &config.origin.address.to_string())?;
        if ledger.is_empty()? {
            lost.extend(restore(&mut ledger, &Self::evidence_path(config))?);
        }
        let mut memory = Self { evidence, ledger, path, is_new, lost };
        memory.take_damage(config);
        memory.honour_horizon(config)?;
        memory.take_old(config)?;
        Ok(memory)
    }

    /// Makes ledger and evidence agree on what is forgotten: a run may have been killed between them, and either may have been put
    /// back from a backup.
    fn honour_horizon(&mut self, config: &Config) -> anyhow::Result<()> {
        let (of_ledger, of_evidence) = (self.ledger.first_named()?, self.evidence.first_kept());
        if let Some(first) = of_ledger.filter(|first| of_evidence < Some(*first)) {
            self.evidence.forget_before(first, Utc::now().date_naive())?;
        }
        if let Some(first) = of_evidence.filter(|first| of_ledger < Some(*first)) {
            // What the ledger knows of before stands on its own, as its evidence is gone.
            let zone = config.site.timezone;
            let month = Month::of(crate::parse::datetime::start_of_day(first, zone).date_naive()).previous();
            let veil = self.ledger.veil().cloned();
            let facts = fs_err::read(Self::evidence_path(config).join(FACTS))
                .and_then(|packed| zstd::decode_all(packed.as_slice()));
            let carry = facts.ok().and_then(|facts| Ledger::handed_on(&facts, first, zone)).unwrap_or_default();
            let mut change = self.ledger.change(ORIGIN)?;
            change.settle_before(first, month, &carry, zone)?;
            if let Some(veil) = veil {
                change.forget_names(&veil, first, zone)?;
                change.note_unscrubbed()?;
            }
            change.commit()?;
        }
        Ok(())
    }

    /// Takes away what was begun, where there was nothing before.
    pub fn undo(self, config: &Config) {
        let Self { path, is_new, ledger, .. } = self;
        drop(ledger);
        if is_new {
            // What cannot go now is nothing but a beginning.
            let _ = fs_err::remove_file(Ledger::seal_of(&path));
            let _ = fs_err::remove_file(path);
            let _ = fs_err::remove_dir_all(config.output.directory.join(EVIDENCE));
        }
    }

    /// What a damaged ledger and damaged evidence lost.
    pub fn lost(&mut self, config: &Config) -> Vec<Gap> {
        self.take_damage(config);
        std::mem::take(&mut self.lost)
    }

    /// Names damaged evidence. What its days held is looked for in all that the logs still hold.
    fn take_damage(&mut self, config: &Config) {
        let damaged = self.evidence.take_damage();
        if !damaged.is_empty() {
            Marks::forget(&Self::evidence_path(config));
        }
        self.lost.extend(damaged.into_iter().map(gap_of));
    }

    /// Reads a part of the evidence, another each day of a month, and sets aside what is damaged: what no night reads any
    /// more is noticed while other copies of it may still be at hand.
    pub fn verify_part(&mut self, today: NaiveDate) -> anyhow::Result<()> {
        self.evidence.verify_part(today.num_days_from_ce())?;
        Ok(())
    }

    /// Reads all evidence, and sets aside what is damaged.
    pub fn verify(&mut self, config: &Config) -> anyhow::Result<()> {
        let damaged = self.evidence.verify()?;
        if !damaged.is_empty() {
            Marks::forget(&Self::evidence_path(config));
        }
        self.lost.extend(damaged.into_iter().map(gap_of));
        Ok(())
    }

    /// Keeps what no log holds beside the evidence, for a ledger that is lost.
    pub fn keep_facts(&self) -> anyhow::Result<()> {
        let Some(folder) = self.evidence.folder() else { return Ok(()) };
        let path = folder.join(FACTS);
        let mut packed = zstd::Encoder::new(Vec::new(), 3)?;
        packed.include_checksum(true)?;
        packed.write_all(&self.ledger.facts()?)?;
        let packed = packed.finish()?;
        if fs_err::read(&path).ok().as_ref() != Some(&packed) {
            output::write_file(&path, |out| out.write_all(&packed))?;
        }
        Ok(())
    }

    /// Makes evidence of what earlier versions kept: whole copies of the logs, which go then, and the text of logwatches in
    /// the ledger.
    fn take_old(&mut self, config: &Config) -> anyhow::Result<()> {
        let logs = self.ledger.old_logs()?;
        let copies = config.output.directory.join(COPIES);
        if copies.is_dir() {
            let copy = |path: &str| fs_err::File::open(old_copy(&copies, &config.origin.host, path)).ok();
            if let Some(file) = copy(&config.origin.logwatch) {
                self.evidence.add_logwatch(&config.origin.logwatch, file)?;
            }
            if let Some(file) = config.origin.debug_log.as_deref().and_then(copy) {
                self.evidence.add_debug_log("debug log", file, config.site.timezone)?;
            }
            fs_err::remove_dir_all(copies)?;
        }
        for log in logs {
            self.evidence.add_logwatch("ledger", log.as_slice())?;
        }
        Ok(())
    }

    /// Does a night's work on the ledger; one that turns out to be damaged is set aside, and a new one made.
    pub fn learn<T>(&mut self, mut work: impl FnMut(&Evidence, &mut Ledger) -> anyhow::Result<T>) -> anyhow::Result<T> {
        match work(&self.evidence, &mut self.ledger) {
            Err(error) if is_damage(&error) => {
                let feature = self.ledger.shown_feature().map(str::to_owned);
                let veil = self.ledger.veil().cloned();
                self.ledger = Ledger::in_memory()?;
                self.lost.push(set_aside(&self.path, &format!("{error:#}"))?);
                self.ledger = Ledger::open(&self.path)?.showing(feature.as_deref()).under(veil);
                if let Some(folder) = self.evidence.folder() {
                    self.lost.extend(restore(&mut self.ledger, folder)?);
                }
                work(&self.evidence, &mut self.ledger)
            }
            done => done,
        }
    }
}

/// Where earlier versions kept the copy of a remote file: below its host, as it lies there.
fn old_copy(copies: &Path, host: &str, path: &str) -> PathBuf {
    let path = path.strip_prefix("~/").unwrap_or(path);
    let names = path.split('/').filter(|name| !matches!(*name, "" | "."));
    let mut copy = copies.join(host.replace('/', "_"));
    copy.extend(names.map(|name| if name == ".." { "__" } else { name }));
    copy
}

/// Takes in what the nights before knew that no log holds. Where it cannot be read, it stays as it is, and is told.
fn restore(ledger: &mut Ledger, folder: &Path) -> anyhow::Result<Option<Gap>> {
    let path = folder.join(FACTS);
    let facts = match fs_err::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.and_then(|packed| zstd::decode_all(packed.as_slice())),
    };
    let fault = match facts.map_err(anyhow::Error::from).map(|facts| ledger.restore(&facts)) {
        Ok(Ok(true)) => return Ok(None),
        Ok(Ok(false)) => "it is no facts of a version that this jeton reads".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(error) => format!("{error:#}"),
    };
    let aside = output::set_aside(&path)?;
    let reason = format!(
        "damaged ({fault}); it is kept as `{}`. What addresses were on earlier days, and imported histories, are not known any \
         more: import the histories again",
        aside.display()
    );
    Ok(Some(Gap::new(path.display().to_string(), reason)))
}

/// Derives what has other evidence than the ledger knows of. What version 1 knew of tokens that were out when evidence begins
/// is given.
pub(super) fn derive(
    evidence: &Evidence,
    ledger: &mut Changing<'_>,
    settings: &TraceSettings,
    as_of: DateTime<Utc>,
    listener: Listener<'_>,
) -> anyhow::Result<Updated> {
    let is_given = ledger.chapters()?.values().any(|chapter| chapter.is_given);
    if let Some(edge) = first(evidence, settings)
        && let Some(carry) = ledger.old_carry(edge)?
    {
        // A ledger that was made anew from facts knows better what is handed on.
        if !is_given {
            let month = Month::of(edge.date_naive()).previous();
            ledger.give(month, &carry, edge, settings.timezone)?;
        }
        ledger.forget_old()?;
    }
    let ports = known(ledger.dated_values("port")?);
    let servers = known(ledger.dated_values("address")?);
    let derivation = Derivation::new(evidence, settings, ledger.dhcp_names()?, as_of)
        .with_earlier(ports, servers)
        .with_veil(ledger.veil().cloned());
    Ok(update(&derivation, ledger, &|month| listener(Step::Deriving(month.first())))?)
}

/// The derivation of a ledger's evidence, as of a moment.
pub fn derivation<'a>(
    evidence: &'a Evidence,
    ledger: &Ledger,
    settings: &'a TraceSettings,
    as_of: DateTime<Utc>,
) -> anyhow::Result<Derivation<'a>> {
    let [ports, servers] = ["port", "address"].map(|name| ledger.dated(ORIGIN, name));
    let derivation = Derivation::new(evidence, settings, ledger.dhcp_names()?, as_of);
    Ok(derivation.with_earlier(known(ports?), known(servers?)).with_veil(ledger.veil().cloned()))
}

/// What turns names into pseudonyms, where the configuration or the memory wants any; and who is forgotten.
fn veils(config: &Config) -> anyhow::Result<(Option<Veil>, Option<Forgotten>)> {
    let folder = &config.output.directory;
    let evidence = Memory::evidence_path(config);
    let is_wanted = config.privacy.named.is_some() || config.privacy.heads_see_pseudonyms;
    let veil = if is_wanted { Some(Veil::open_or_make(folder)?.0) } else { Veil::open(folder)? };
    let forgotten = match &veil {
        Some(veil) if Forgotten::is_any(&evidence) => Some(Forgotten::open(&evidence, veil.clone())?),
        _ => None,
    };
    Ok((veil, forgotten))
}

/// The values of a setting on all days, as far as they can be read.
fn known<T: std::str::FromStr>(values: Vec<(NaiveDate, String)>) -> Vec<T> {
    values.into_iter().filter_map(|(_, value)| value.parse().ok()).collect()
}

/// What came out of deriving everything anew.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rederived {
    /// How many months were derived.
    pub n_months: usize,
    /// The days whose rows came out otherwise.
    pub days: Vec<NaiveDate>,
}

/// Derives everything anew; what comes out is kept, or only compared with what is there.
pub fn rederive(
    evidence: &Evidence,
    ledger: &mut Ledger,
    settings: &TraceSettings,
    as_of: DateTime<Utc>,
    keep: bool,
    listener: Listener<'_>,
) -> anyhow::Result<Rederived> {
    ledger.check_whole()?;
    let mut change = ledger.change(&settings.licence)?;
    change.doubt()?;
    let months = derive(evidence, &mut change, settings, as_of, listener)?.months;
    change.add_up(settings.timezone)?;
    let days = change.changed_days().iter().copied().collect();
    if keep {
        change.commit()?;
    }
    Ok(Rederived { n_months: months.len(), days })
}

/// A ledger in memory, of evidence that is in nobody's output directory.
/// `names` are the DHCP names of addresses.
pub fn derived<'n>(
    evidence: &Evidence,
    settings: &TraceSettings,
    as_of: DateTime<Utc>,
    names: impl Iterator<Item = (IpAddr, &'n str)>,
) -> anyhow::Result<Ledger> {
    let mut ledger = Ledger::in_memory()?;
    let mut change = ledger.change(&settings.licence)?;
    change.note_names(as_of.with_timezone(&settings.timezone).date_naive(), names)?;
    derive(evidence, &mut change, settings, as_of, &|_| ())?;
    change.latest(as_of)?;
    change.commit()?;
    Ok(ledger.showing(settings.feature.as_deref()))
}

/// The first moment that evidence is of: of its first day, as far as the days' own midnight in the log's zone.
fn first(evidence: &Evidence, settings: &TraceSettings) -> Option<DateTime<Utc>> {
    let days = [Kind::Logwatch, Kind::DebugLog].into_iter().filter_map(|kind| evidence.days(kind).keys().next());
    let first = days.min()?;
    let begin = crate::parse::datetime::start_of_day(*first, settings.timezone);
    newest(evidence, settings).map(|newest| begin.min(newest))
}

fn is_damage(error: &anyhow::Error) -> bool {
    let of_ledger = |error: &LedgerError| matches!(error, LedgerError::Damaged { .. });
    error.downcast_ref::<LedgerError>().is_some_and(of_ledger)
        || matches!(error.downcast_ref(), Some(DerivationError::Ledger(error)) if of_ledger(error))
}

fn gap_of(damage: Damage) -> Gap {
    Gap::new(damage.file, damage.reason)
}

fn set_aside(path: &Path, reason: &str) -> anyhow::Result<Gap> {
    let aside = Ledger::set_aside(path)
        .with_context(|| format!("the ledger `{}` is damaged, and cannot be set aside", path.display()))?;
    let reason =
        format!("damaged ({reason}); it is kept as `{}`, and a new one was made from the evidence", aside.display());
    Ok(Gap::new(path.display().to_string(), reason))
}
