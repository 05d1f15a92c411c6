//! The ledger of a site: found, or begun; and mended where it is damaged.

use std::path::PathBuf;

use anyhow::Context;

use crate::config::Config;
use crate::finding::Gap;
use crate::ledger::{Ledger, LedgerError, Night};

/// The ledger of a site, whether it is there or not.
#[derive(Debug)]
pub struct Memory {
    path: PathBuf,
    ledger: Option<Ledger>,
    nothing: Option<Ledger>,
    lost: Vec<Gap>,
}

impl Memory {
    /// Where the ledger of a configuration is.
    pub fn path(config: &Config) -> PathBuf {
        config.output.directory.join(&config.output.ledger)
    }

    /// Looks for the ledger, and opens it for writing; a damaged one is set aside. Nothing is begun yet.
    pub fn find(config: &Config) -> anyhow::Result<Self> {
        let path = Self::path(config);
        let mut memory = Self { path, ledger: None, nothing: None, lost: Vec::new() };
        if memory.path.symlink_metadata().is_ok() {
            memory.ledger = match Ledger::open(&memory.path) {
                Err(LedgerError::Damaged { reason, .. }) => {
                    memory.set_aside(&reason)?;
                    None
                }
                opened => Some(opened?),
            };
        }
        Ok(memory)
    }

    /// What earlier nights saw; nothing, where there were none.
    pub fn past(&mut self) -> Result<&Ledger, LedgerError> {
        match &self.ledger {
            Some(ledger) => Ok(ledger),
            None => Ok(self.nothing.insert(Ledger::in_memory()?)),
        }
    }

    /// What was lost with a damaged one.
    pub fn lost(&self) -> &[Gap] {
        &self.lost
    }

    /// Whether there is one, sound or not.
    pub fn is_there(&self) -> bool {
        self.ledger.is_some() || !self.lost.is_empty()
    }

    /// The ledger, begun where there is none.
    pub fn open(&mut self) -> anyhow::Result<Ledger> {
        match self.ledger.take() {
            Some(ledger) => Ok(ledger),
            None => Ok(Ledger::open(&self.path)?),
        }
    }

    /// Records a night; a ledger that turns out to be damaged is set aside, and a new one begun. With what was lost.
    pub fn record(&mut self, night: &Night<'_>) -> anyhow::Result<(Ledger, Vec<Gap>)> {
        let mut ledger = self.open()?;
        match ledger.record(night) {
            Err(LedgerError::Damaged { reason, .. }) => {
                drop(ledger);
                self.set_aside(&reason)?;
                ledger = self.open()?;
                ledger.record(night)?;
            }
            recorded => recorded?,
        }
        Ok((ledger, std::mem::take(&mut self.lost)))
    }

    fn set_aside(&mut self, reason: &str) -> anyhow::Result<()> {
        let aside = Ledger::set_aside(&self.path)
            .with_context(|| format!("the ledger `{}` is damaged, and cannot be set aside", self.path.display()))?;
        let reason = format!(
            "damaged ({reason}); it is kept as `{}`, and a new one was made from the logs at hand; what is older is in the \
             history: `jeton history import` takes that in",
            aside.display()
        );
        self.lost.push(Gap::new(self.path.display().to_string(), reason));
        Ok(())
    }
}
