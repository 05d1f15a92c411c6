use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Who holds a token: `login@host` as the licence server's log writes it.
///
/// The login may hold spaces, dots, accents and even `@`, or be empty: the two halves part at the *last* `@` that anything
/// stands behind.
///
/// ```
/// # use jeton::model::Identity;
/// let who: Identity = "Éloïse Martin@LaboFixe".parse().unwrap();
/// assert_eq!((who.login(), who.host()), ("Éloïse Martin", "LaboFixe"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "(String, String)", into = "(String, String)")]
pub struct Identity {
    login: Arc<str>,
    host: Arc<str>,
}

/// Why a text is no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `login@host`, found `{0}`")]
pub struct IdentityError(String);

impl Identity {
    /// The identity of these two halves.
    pub fn new(login: &str, host: &str) -> Self {
        Self { login: login.into(), host: host.into() }
    }

    /// The half before the last `@`.
    pub fn login(&self) -> &str {
        &self.login
    }

    /// The half behind the last `@`.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl From<(String, String)> for Identity {
    fn from((login, host): (String, String)) -> Self {
        Self::new(&login, &host)
    }
}

impl From<Identity> for (String, String) {
    fn from(who: Identity) -> Self {
        (who.login().to_owned(), who.host().to_owned())
    }
}

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        // A host may end in `@`.
        let at = text.trim_end_matches('@').rfind('@');
        match at.map(|at| (&text[..at], &text[at + 1..])) {
            Some((login, host)) if !host.is_empty() => Ok(Self::new(login, host)),
            _ => Err(IdentityError(text.to_owned())),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.login, self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_at_sign_parts_login_and_host() {
        for (text, login, host) in [
            ("c2mstud@c2mstud3-pc", "c2mstud", "c2mstud3-pc"),
            ("Jean Dupont@PC-1", "Jean Dupont", "PC-1"),
            ("anna@lab.fr@PC-2", "anna@lab.fr", "PC-2"),
            ("@PC-3", "", "PC-3"),
            ("anna@ PC-4", "anna", " PC-4"),
            ("anna@PC-5@", "anna", "PC-5@"),
        ] {
            assert_eq!(text.parse::<Identity>(), Ok(Identity::new(login, host)));
        }
        for text in ["", "nobody", "@", "login@", "@@"] {
            assert!(text.parse::<Identity>().is_err(), "{text}");
        }
    }
}
