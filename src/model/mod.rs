//! The words of the field as types: no I/O, one canonical spelling each.

mod identity;
mod licence;
mod mac;
mod machine;
mod port;
mod session;
mod vlan;

pub use identity::{Identity, IdentityError};
pub use licence::{Duplicates, Terms};
pub use mac::{MacAddr, MacError};
pub use machine::Machine;
pub use port::{PortError, SwitchPort};
pub use session::{Denial, Evidence, Feature, Hold, LastUse, SessionRow, State};
pub use vlan::{Vlan, VlanError};

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A text for comparing: lower case, accents taken off, runs of white space as one space, none at the ends.
///
/// Headers of `Ordinateurs.ods` and all searches compare this way.
///
/// ```
/// assert_eq!(jeton::model::folded("  Sous-Réseau "), "sous-reseau");
/// ```
pub fn folded(text: &str) -> String {
    let plain: String = text.nfkd().filter(|c| !is_combining_mark(*c)).collect::<String>().to_lowercase();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}
