//! `Origin_history` to the licence server: the whole of it each time, so that a push that failed is made good by the next
//! one, with what others wrote there meanwhile.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use crate::config::Config;
use crate::finding::Gap;
use crate::history;
use crate::network::{Files, Host, Remote, RemoteError, Replaced};
use crate::output;
use crate::source::Source;

/// How often a push is tried.
const ATTEMPTS: u32 = 3;
/// How long before the second try; the third waits for twice as long.
const PAUSE: Duration = Duration::from_secs(1);

/// The copy of what the pushed history held when it was left.
pub(super) const LEFT: &str = ".Origin_history.pushed";

/// What became of a push.
#[derive(Debug, Default)]
pub struct Pushed {
    /// Where the history is now.
    pub to: Option<String>,
    /// Why it is not, where somebody must look after it.
    pub gap: Option<Gap>,
    /// Why it is not, where nobody must.
    pub note: Option<String>,
}

/// Pushes the local history to where `[origin] history` says; without that, nothing is done. What others wrote there since
/// the last push comes into the local one first.
///
/// What others wrote of days before the horizon loses its names on its way in.
pub fn push_history(config: &Config, remote: &dyn Remote, local: &Path, horizon: Option<&history::Horizon>) -> Pushed {
    let Some(path) = &config.origin.history else { return Pushed::default() };
    let host = Host::origin(config);
    let push = Push { config, remote, path, local, left: config.output.directory.join(LEFT), host, horizon };
    let mut pushed = Pushed::default();
    let tried = match push.with_retries() {
        Ok(tried) => tried,
        Err(error) => {
            pushed.gap = Some(Gap::new(local.display().to_string(), format!("{error:#}")));
            return pushed;
        }
    };
    match tried {
        Ok(Replaced::Yes) => pushed.to = Some(format!("{}:{path}", push.host.name)),
        Ok(Replaced::ReadOnly) => {
            pushed.note = Some("Origin_history was not pushed: the replay folder may not be written to".to_owned());
        }
        Ok(Replaced::ChangedMeanwhile) => {
            let reason = format!("push {path}: others wrote to it each time that it was to be replaced");
            pushed.gap = Some(Gap::new(&push.host.name, reason));
        }
        Err(error) => {
            let reason = format!("push {path}: {}; the next night pushes the whole", error.reason());
            pushed.gap = Some(Gap::new(&push.host.name, reason));
        }
    }
    pushed
}

struct Push<'a> {
    config: &'a Config,
    remote: &'a dyn Remote,
    host: Host,
    path: &'a str,
    /// The history here.
    local: &'a Path,
    /// A copy of what the remote history held when it was left.
    left: PathBuf,
    horizon: Option<&'a history::Horizon>,
}

impl Push<'_> {
    /// Tries again where another try can help: somebody wrote meanwhile, or the connection broke. A host that cannot be
    /// reached or refuses has been tried twice already, below.
    fn with_retries(&self) -> anyhow::Result<Result<Replaced, RemoteError>> {
        let mut attempt = 1;
        loop {
            let is_last = attempt == ATTEMPTS;
            match self.remote.files(&self.host) {
                Err(error) => return Ok(Err(error)),
                Ok(mut files) => match self.once(files.as_mut())? {
                    Ok(Replaced::ChangedMeanwhile) if !is_last => {}
                    Err(_) if !is_last && self.remote.is_live() => std::thread::sleep(PAUSE * attempt),
                    done => return Ok(done),
                },
            }
            attempt += 1;
        }
    }

    /// The outer failure is this machine's: the local history.
    fn once(&self, files: &mut dyn Files) -> anyhow::Result<Result<Replaced, RemoteError>> {
        let there = files.stat(self.path).and_then(|seen| {
            let bytes = seen.map(|_| files.bytes(self.path)).transpose()?;
            Ok((seen, bytes))
        });
        let (seen, shared) = match there {
            Ok(there) => there,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(shared) = &shared {
            self.adopt(shared)?;
        }
        let own = fs_err::read(self.local).context("the history cannot be pushed")?;
        let pushed =
            if shared.as_ref() == Some(&own) { Ok(Replaced::Yes) } else { files.replace(self.path, &own, seen) };
        if matches!(pushed, Ok(Replaced::Yes)) && fs_err::read(&self.left).ok().as_ref() != Some(&own) {
            // Without it the next push takes more of what is there for others', and loses nothing.
            let _ = output::write_file(&self.left, |out| out.write_all(&own));
        }
        Ok(pushed)
    }

    /// Takes what others wrote there into the local history.
    fn adopt(&self, shared: &[u8]) -> anyhow::Result<()> {
        let format = self.config.output.history_format;
        let text = |bytes: &[u8]| {
            let source = Source::from_bytes(self.path, bytes);
            match self.horizon {
                Some(horizon) => horizon.applied(self.path, source.text(), format).0,
                None => source.text().to_owned(),
            }
        };
        let own = text(&fs_err::read(self.local).context("the history cannot be pushed")?);
        let before = fs_err::read(&self.left).ok().map(|left| text(&left));
        let adopted = history::adopt(&own, &text(shared), before.as_deref(), format);
        if adopted != own {
            output::write_file(self.local, |out| out.write_all(adopted.as_bytes()))?;
        }
        Ok(())
    }
}
