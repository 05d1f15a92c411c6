//! Names that are forgotten: what takes their place, and from which day on.
//!
//! A pseudonym is the beginning of an HMAC (RFC 2104, with SHA-256) of what it stands for, so that one person is the same
//! one in all rows, and nobody tells who it is without the key. The key is in a file of its own, `jeton.key`; whoever
//! deletes it makes the step final. Each kind of name has pseudonyms of its own: those of a login and a host of the same
//! letters differ.
//!
//! What a pseudonym looks like: `~k3v9ah2mqd` for a login, a host, a machine's name or an outlet; an address of
//! `2001:db8::/32`, which no machine has (RFC 3849); a MAC address that is administered locally. Switch, port and what
//! Ordinateurs.ods says of a machine are left out.

mod forgotten;
mod key;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::history::Entry;
use crate::model::{Denial, Hold, Identity, LastUse, MacAddr, Machine, SessionRow};
use crate::trace::refusals::Refusal;

pub use forgotten::Forgotten;
#[cfg(feature = "page")]
pub(crate) use key::random;
pub use key::{KEY, KeyError};

/// What stands before the letters of a pseudonym.
const MARK: char = '~';
/// How many letters there are: 50 bits, so that two of a million people are alike in one of two thousand laboratories.
const LETTERS: usize = 10;
/// The first 32 bits of an address that is a pseudonym.
const PREFIX: [u16; 2] = [0x2001, 0xdb8];

/// What turns names into pseudonyms. Two with one key give the same.
#[derive(Clone, PartialEq, Eq)]
pub struct Veil {
    key: Arc<[u8; 32]>,
}

impl std::fmt::Debug for Veil {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Veil")
    }
}

/// Whether a login, a host, a machine's name or an outlet is a pseudonym.
pub fn is_pseudonym(text: &str) -> bool {
    let letters = text.strip_prefix(MARK).filter(|letters| letters.len() == LETTERS);
    letters.is_some_and(|letters| letters.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')))
}

/// Whether an address is a pseudonym.
pub const fn is_pseudonymous_address(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V6(ip) => ip.segments()[0] == PREFIX[0] && ip.segments()[1] == PREFIX[1],
        IpAddr::V4(_) => false,
    }
}

impl Veil {
    /// With a key.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key: Arc::new(key) }
    }

    fn hash(&self, kind: &str, text: &str) -> [u8; 32] {
        // A key of any length will do (RFC 2104, 3).
        let mut hash =
            Hmac::<Sha256>::new_from_slice(self.key.as_slice()).unwrap_or_else(|_| Hmac::new(&[0; 64].into()));
        hash.update(kind.as_bytes());
        hash.update(&[0]);
        hash.update(text.as_bytes());
        hash.finalize().into_bytes().into()
    }

    fn text(&self, kind: &str, text: &str) -> String {
        if is_pseudonym(text) {
            return text.to_owned();
        }
        let letters = BASE32_NOPAD.encode(&self.hash(kind, text)).to_lowercase();
        format!("{MARK}{}", &letters[..LETTERS])
    }

    /// The pseudonym of a login.
    pub fn login(&self, login: &str) -> String {
        self.text("login", login)
    }

    /// The pseudonym of the name of a machine in the log.
    pub fn host(&self, host: &str) -> String {
        self.text("host", host)
    }

    /// The pseudonym of who it is, and on which machine.
    pub fn who(&self, who: &Identity) -> Identity {
        Identity::new(&self.login(who.login()), &self.host(who.host()))
    }

    /// The pseudonym of an address.
    pub fn ip(&self, ip: IpAddr) -> IpAddr {
        let ip = ip.to_canonical();
        if is_pseudonymous_address(ip) {
            return ip;
        }
        let hash = self.hash("address", &ip.to_string());
        let word = |at: usize| u16::from_be_bytes([hash[at * 2], hash[at * 2 + 1]]);
        let [a, b] = PREFIX;
        Ipv6Addr::new(a, b, word(0), word(1), word(2), word(3), word(4), word(5)).into()
    }

    fn mac(&self, mac: MacAddr) -> MacAddr {
        let hash = self.hash("mac", &mac.to_string());
        // Administered locally, and of one machine (IEEE 802, 8.2.2).
        MacAddr::new([hash[0] & 0xfc | 0x02, hash[1], hash[2], hash[3], hash[4], hash[5]])
    }

    /// What is left of a machine: its department and VLAN, and pseudonyms of what tells it from others.
    pub fn machine(&self, machine: &Machine) -> Machine {
        let Machine { hostname, mac, vlan, department, outlet, .. } = machine;
        Machine {
            hostname: hostname.as_ref().map(|name| self.text("machine", name)),
            mac: mac.map(|mac| self.mac(mac)),
            vlan: *vlan,
            department: department.clone(),
            outlet: outlet.as_ref().map(|outlet| self.text("outlet", outlet)),
            ..Machine::default()
        }
    }

    /// Who was at which place, under pseudonyms; who is under one already stays as they are.
    pub fn sight(&self, who: &Identity, place: Option<&(IpAddr, Machine)>) -> (Identity, Option<(IpAddr, Machine)>) {
        if is_pseudonym(who.login()) {
            return (who.clone(), place.cloned());
        }
        (self.who(who), place.map(|(ip, machine)| (self.ip(*ip), self.machine(machine))))
    }

    /// A row under pseudonyms; one that is under them already stays as it is.
    pub fn row(&self, row: &SessionRow) -> SessionRow {
        if is_pseudonym(row.who.login()) {
            return row.clone();
        }
        let (who, ip, machine) = (self.who(&row.who), row.ip.map(|ip| self.ip(ip)), self.machine(&row.machine));
        SessionRow { who, ip, machine, ..row.clone() }
    }

    /// A token under pseudonyms.
    pub fn hold(&self, hold: &Hold) -> Hold {
        let address = hold.address.map(|(ip, evidence)| (self.ip(ip), evidence));
        Hold { who: self.who(&hold.who), address, ..hold.clone() }
    }

    /// A refusal under pseudonyms.
    pub fn denial(&self, denial: &Denial) -> Denial {
        if is_pseudonym(denial.who.login()) {
            return denial.clone();
        }
        let (who, ip) = (self.who(&denial.who), denial.ip.map(|ip| self.ip(ip)));
        Denial { who, ip, machine: self.machine(&denial.machine), ..denial.clone() }
    }

    /// The same with what became of it.
    pub fn refusal(&self, refusal: &Refusal) -> Refusal {
        Refusal { denial: self.denial(&refusal.denial), ..refusal.clone() }
    }

    /// A last use under pseudonyms.
    pub fn last_use(&self, last: &LastUse) -> LastUse {
        if is_pseudonym(last.who.login()) {
            return last.clone();
        }
        LastUse { who: self.who(&last.who), machine: self.machine(&last.machine), last: last.last }
    }

    /// A line of a history under pseudonyms. What nobody knows the meaning of is left out.
    pub fn entry(&self, entry: &Entry) -> Entry {
        let is_veiled = entry.who.as_ref().is_some_and(|who| is_pseudonym(who.login()));
        if is_veiled || entry.ip.is_some_and(is_pseudonymous_address) {
            return entry.clone();
        }
        let machine = Machine {
            hostname: entry.hostname.clone(),
            mac: entry.mac,
            vlan: entry.vlan,
            department: entry.department.clone(),
            outlet: entry.outlet.clone(),
            ..Machine::default()
        };
        let use_of = |stamp: &Option<crate::history::Stamp>| stamp.clone();
        Entry {
            who: entry.who.as_ref().map(|who| {
                if who.host().is_empty() { Identity::new(&self.login(who.login()), "") } else { self.who(who) }
            }),
            minutes: entry.minutes,
            date: entry.date,
            start: use_of(&entry.start),
            end: use_of(&entry.end),
            state: entry.state,
            ..Entry::of_machine(entry.ip.map(|ip| self.ip(ip)), &self.machine(&machine))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::sample;

    fn veil() -> Veil {
        Veil::new([7; 32])
    }

    #[test]
    fn a_name_has_one_pseudonym_per_key_and_kind() {
        let (one, other) = (veil(), Veil::new([8; 32]));
        assert_eq!(one.login("camille"), veil().login("camille"));
        assert_ne!(one.login("camille"), other.login("camille"));
        assert_ne!(one.login("camille"), one.host("camille"));
        assert_ne!(one.login("camille"), one.login("Camille"), "two logins are two people");
        let ip: IpAddr = "10.20.11.5".parse().unwrap();
        assert_ne!(one.ip(ip), other.ip(ip));
        assert_eq!(
            one.ip("::ffff:10.20.11.5".parse().unwrap()),
            one.ip(ip),
            "one machine, whichever way it is written"
        );
    }

    #[test]
    fn a_row_keeps_its_times_and_its_department_and_nothing_that_says_who_or_where() {
        for row in sample::rows() {
            let veiled = veil().row(&row);
            let kept = (veiled.start, veiled.end, veiled.duration_s, veiled.state, veiled.machine.vlan);
            assert_eq!(kept, (row.start, row.end, row.duration_s, row.state, row.machine.vlan));
            assert_eq!(veiled.machine.department, row.machine.department);
            assert_eq!(
                (veiled.machine.switch.as_ref(), veiled.machine.port.as_ref(), veiled.machine.information.as_ref()),
                (None, None, None)
            );
            assert_eq!(veiled.machine.outlet.is_some(), row.machine.outlet.is_some(), "known or not stays to be seen");
            let text = format!("{veiled:?}");
            let told = [
                Some(row.who.login()),
                Some(row.who.host()),
                row.machine.outlet.as_deref(),
                row.machine.hostname.as_deref(),
            ];
            for name in told.into_iter().flatten().filter(|name| name.len() > 3) {
                assert!(!text.contains(name), "{name} in {text}");
            }
            assert_eq!(veil().row(&veiled), veiled, "once is enough");
        }
    }

    proptest! {
        #[test]
        fn a_pseudonym_is_known_as_one_and_stays(text in "\\PC*") {
            let login = veil().login(&text);
            prop_assert!(is_pseudonym(&login));
            prop_assert_eq!(veil().login(&login), login);
        }

        #[test]
        fn an_address_is_known_as_one_and_stays(ip: [u8; 4]) {
            let veiled = veil().ip(ip.into());
            prop_assert!(is_pseudonymous_address(veiled) && !is_pseudonymous_address(ip.into()));
            prop_assert_eq!(veil().ip(veiled), veiled);
        }
    }
}
