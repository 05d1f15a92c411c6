//! Who jeton is to a host: a key, one that an agent holds, or a password that a command prints.

use std::path::Path;
use std::time::Duration;

use ssh2::{ErrorCode, KeyboardInteractivePrompt, Prompt, Session};

use super::failure::{Failure, code};
use super::key_file::KeyFile;
use super::password;
use crate::finding::excerpt;
use crate::network::Host;

/// Of the keys of an agent, servers look at few before they hang up.
const MOST_KEYS: usize = 5;

/// Logs in; how, in words.
pub(super) fn log_in(session: &Session, host: &Host, allowed: Duration) -> Result<String, Failure> {
    let user = host.user.clone().or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "jeton".to_owned());
    let methods = match session.auth_methods(&user) {
        Ok(methods) => methods.to_owned(),
        Err(_) if session.authenticated() => String::new(),
        Err(error) => return Err(error.into()),
    };
    if session.authenticated() {
        return Ok(format!("`{user}`, who is asked for nothing"));
    }
    let login = Login { session, user, methods };
    // Whoever names a password for a host means it: a key that is refused first may close the account there.
    if let Some(command) = &host.password_command {
        return login.by_password(command, allowed);
    }
    if !login.takes("publickey") {
        return Err(Failure::new(format!("the host takes no keys, but {}", excerpt(&login.methods)))
            .remedy("a switch can have a `password_command` in its [[switches]] entry"));
    }
    match &host.key {
        Some(path) => login.by_key(path),
        None => login.by_agent(None).and_then(|used| used.ok_or_else(|| login.refused("any key of the agent"))),
    }
}

struct Login<'a> {
    session: &'a Session,
    user: String,
    /// What the host takes, between commas.
    methods: String,
}

impl Login<'_> {
    fn takes(&self, method: &str) -> bool {
        self.methods.split(',').any(|taken| taken == method)
    }

    fn refused(&self, what: &str) -> Failure {
        Failure::new(format!("the host does not let `{}` in with {what}", self.user)).remedy(
            "put the public half of the key into ~/.ssh/authorized_keys of that login there, or mend `user` and `key`",
        )
    }

    fn by_key(&self, path: &Path) -> Result<String, Failure> {
        let shown = path.display();
        let file = KeyFile::read(path).map_err(|error| {
            Failure::new(format!("cannot read the key: {error}"))
                .remedy(format!("`ssh-keygen -t ed25519 -f '{shown}'` makes one; `key` in jeton.toml names it"))
        })?;
        if file.is_encrypted {
            let held = self.by_agent(Some(&file))?;
            return held.ok_or_else(|| {
                Failure::new(format!("the key `{shown}` has a passphrase, and no agent holds it")).remedy(format!(
                    "`ssh-add '{shown}'` gives it to the agent; cron has none: name a key without a passphrase there"
                ))
            });
        }
        match self.session.userauth_pubkey_file(&self.user, None, path, None) {
            Ok(()) => Ok(format!("`{}` by the key `{shown}`", self.user)),
            Err(error) if is_refusal(&error) => Err(self.refused(&format!("the key `{shown}`"))),
            Err(error) if error.code() == ErrorCode::Session(code::FILE) => {
                Err(Failure::new(format!("`{shown}` is no private key that can be used: {}", excerpt(error.message())))
                    .remedy("`key` in jeton.toml names the private half, not the public one"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Tries the keys of the agent; of a key file that it may hold, that one alone where it tells which. [`None`] where no key
    /// was let in.
    fn by_agent(&self, file: Option<&KeyFile>) -> Result<Option<String>, Failure> {
        let no_agent = |what: &str| match file {
            // Whoever asked for the key of a file says what is missing.
            Some(_) => Ok(None),
            None => Err(Failure::new(format!("no key: {what}"))
                .remedy("name a key file with `key` in jeton.toml, or start an agent (cron has none)")),
        };
        let Ok(mut agent) = self.session.agent() else { return no_agent("no agent") };
        if agent.connect().is_err() {
            return no_agent("`key` names none, and no agent answers");
        }
        if agent.list_identities().is_err() {
            return no_agent("the agent tells none");
        }
        let wanted = file.and_then(|file| file.public.as_deref());
        let all = agent.identities()?;
        if all.is_empty() {
            return no_agent("the agent holds none");
        }
        let tried = all.iter().filter(|key| wanted.is_none_or(|wanted| key.blob() == wanted)).take(MOST_KEYS);
        for key in tried {
            match agent.userauth(&self.user, key) {
                Ok(()) => return Ok(Some(format!("`{}` by a key of the agent", self.user))),
                Err(error) if is_refusal(&error) && wanted.is_some() => {
                    return Err(self.refused("that key of the agent"));
                }
                Err(error) if is_refusal(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    fn by_password(&self, command: &str, allowed: Duration) -> Result<String, Failure> {
        let password = password::printed_by(command, allowed)?;
        let done = if self.takes("password") {
            self.session.userauth_password(&self.user, password.text())
        } else if self.takes("keyboard-interactive") {
            let mut answers = Answers { user: &self.user, password: password.text() };
            self.session.userauth_keyboard_interactive(&self.user, &mut answers)
        } else {
            return Err(Failure::new(format!("the host takes no password, but {}", excerpt(&self.methods)))
                .remedy("name a key for it instead of `password_command`"));
        };
        match done {
            Ok(()) => Ok(format!("`{}` by password", self.user)),
            Err(error) if is_refusal(&error) => {
                Err(Failure::new(format!("the host does not let `{}` in with the password", self.user))
                    .remedy("mend `user`, or what `password_command` prints"))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn is_refusal(error: &ssh2::Error) -> bool {
    matches!(error.code(), ErrorCode::Session(code::AUTHENTICATION_FAILED | code::PUBLICKEY_UNVERIFIED))
}

/// The answers to what a host asks: the password where it is not shown, the user where it is.
struct Answers<'a> {
    user: &'a str,
    password: &'a str,
}

impl KeyboardInteractivePrompt for Answers<'_> {
    fn prompt(&mut self, _: &str, _: &str, prompts: &[Prompt<'_>]) -> Vec<String> {
        prompts.iter().map(|prompt| if prompt.echo { self.user } else { self.password }.to_owned()).collect()
    }
}
