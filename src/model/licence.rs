use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::Identity;

/// Which checkouts of a feature share one token (`DUP_GROUP` of the licence file).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Duplicates {
    /// None: each takes a token of its own.
    #[default]
    Never,
    /// All of them.
    Site,
    /// Those that agree in these.
    By {
        /// The login.
        user: bool,
        /// The host.
        host: bool,
    },
}

impl Duplicates {
    /// What two checkouts must agree in to share a token; `None` where they never do.
    pub fn key(self, who: &Identity) -> Option<(&str, &str)> {
        match self {
            Self::Never => None,
            Self::Site => Some(("", "")),
            Self::By { user, host } => Some((if user { who.login() } else { "" }, if host { who.host() } else { "" })),
        }
    }
}

impl FromStr for Duplicates {
    type Err = ();

    /// `NONE`, `SITE`, or letters of U(ser), H(ost), D(isplay) and V(endor). The logs know no display, which is most often
    /// the host's own, and nothing of the vendor's: without a letter that they know, D is H, and V alone is `NONE`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.trim().to_ascii_uppercase();
        match text.as_str() {
            "NONE" => Ok(Self::Never),
            "SITE" => Ok(Self::Site),
            "" => Err(()),
            letters if letters.chars().all(|letter| "UHDV".contains(letter)) => {
                let has = |letter| letters.contains(letter);
                let host = has('H') || has('D') && !has('U');
                Ok(if has('U') || host { Self::By { user: has('U'), host } } else { Self::Never })
            }
            _ => Err(()),
        }
    }
}

impl fmt::Display for Duplicates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Never | Self::By { user: false, host: false } => "NONE",
            Self::Site => "SITE",
            Self::By { user: true, host: true } => "UH",
            Self::By { user: true, host: false } => "U",
            Self::By { user: false, host: true } => "H",
        })
    }
}

/// What a licence file says of one feature.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Terms {
    /// The feature.
    pub feature: String,
    /// How many tokens there are; `None` where nobody counts them.
    pub count: Option<u32>,
    /// The last day of the licence; `None` where it has none.
    pub expiry: Option<NaiveDate>,
    /// `DUP_GROUP`, as [`Duplicates`] reads it.
    pub duplicates: String,
    /// For how many hours a token may be borrowed at most; `None` where it may not.
    pub borrow_h: Option<u32>,
    /// How many tokens the options file reserves for some people or machines.
    pub reserved: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_the_logs_do_not_know_are_read_as_the_nearest_that_they_do() {
        for (text, expected) in [
            ("NONE", "NONE"),
            ("site", "SITE"),
            ("UHD", "UH"),
            ("U", "U"),
            ("H", "H"),
            ("D", "H"),
            ("UD", "U"),
            ("V", "NONE"),
            ("uh", "UH"),
        ] {
            assert_eq!(text.parse::<Duplicates>().map(|read| read.to_string()), Ok(expected.to_owned()), "{text}");
        }
        for text in ["", "X", "UHX", "U H"] {
            assert_eq!(text.parse::<Duplicates>(), Err(()), "{text}");
        }
    }

    #[test]
    fn a_group_is_named_by_what_its_letters_say() {
        let who = Identity::new("anna", "PC-1");
        let key = |text: &str| text.parse::<Duplicates>().unwrap().key(&who).map(|(a, b)| format!("{a}@{b}"));
        assert_eq!(key("NONE"), None);
        assert_eq!(key("SITE").as_deref(), Some("@"));
        assert_eq!(key("U").as_deref(), Some("anna@"));
        assert_eq!(key("H").as_deref(), Some("@PC-1"));
        assert_eq!(key("UH").as_deref(), Some("anna@PC-1"));
    }
}
