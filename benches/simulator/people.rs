//! Who works there, and on what.

use std::net::Ipv4Addr;

use super::Laboratory;
use super::random::Random;

/// A login on a host, as the licence server names it, and where that host is.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    /// The login.
    pub(crate) login: String,
    /// The host.
    pub(crate) host: String,
    /// Where the host is now.
    pub(crate) address: Ipv4Addr,
    /// Where it can be; one place for a machine that stays.
    pub(crate) places: Vec<Ipv4Addr>,
    /// How many runs of the application on a working day.
    pub(crate) runs_per_day: f64,
}

const LOGINS: [&str; 24] = [
    "camille",
    "Camille Roux",
    "Éloïse Martin",
    "etudiant",
    "j.petit",
    "root",
    "Zoé",
    "b.l'hermite",
    "user",
    "Administrateur",
    "noor",
    "stagiaire 2",
    "l_garnier",
    "TP-chimie",
    "Ángel Ruiz",
    "marie-claude",
    "na",
    "A. Nguyen",
    "origin",
    "yann@lab.example",
    "kim",
    "Søren",
    "post doc",
    "m1-2021",
];

const HOSTS: [&str; 8] = ["DESKTOP-", "PC-", "LaboFixe", "CRISTAL-", "ZBOOK-", "MAC", "Port-", "KJHDF"];

/// The VPN gateway: many laptops, one address.
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 14, 14, 9);

/// Addresses that nobody has yet.
struct Addresses(u32);

impl Addresses {
    fn next(&mut self) -> Ipv4Addr {
        self.0 += 1;
        let first = u32::from(Ipv4Addr::new(10, 14, 16, 10));
        Ipv4Addr::from(first + self.0)
    }
}

/// The people of a laboratory.
pub(crate) fn pairs(lab: &Laboratory, random: &mut Random) -> Vec<Pair> {
    let mut addresses = Addresses(0);
    // A laptop's lease in the wireless network is another laptop's the day after.
    let wireless: Vec<Ipv4Addr> = (0..=lab.users / 8).map(|_| addresses.next()).collect();
    let mut pairs: Vec<Pair> = Vec::new();
    while pairs.len() < lab.users {
        let n = pairs.len();
        let login = login(n, random);
        let host = host(n, random);
        let desk = addresses.next();
        let kind = random.unit();
        let places = if kind < lab.movers {
            let mut places = vec![desk, *random.pick(&wireless), *random.pick(&wireless), GATEWAY];
            places.dedup();
            places
        } else if kind < lab.movers + lab.vpn {
            vec![GATEWAY]
        } else {
            vec![desk]
        };
        let shared = kind >= lab.movers + lab.vpn && random.chance(lab.shared);
        let of = |login: String, host: String, random: &mut Random| Pair {
            login,
            host,
            address: places[0],
            places: places.clone(),
            // A few work with it all day, most now and then.
            runs_per_day: (0.9 * random.normal() - 0.2).exp(),
        };
        pairs.push(of(login.clone(), host.clone(), random));
        if shared {
            for other in 0..random.between(1, 3) {
                // A machine of several logins, or one that was renamed or starts two systems.
                let renamed = random.chance(0.25);
                let (login, host) = if renamed {
                    (login.clone(), format!("{host}-{other}"))
                } else {
                    (self::login(pairs.len(), random), host.clone())
                };
                pairs.push(of(login, host, random));
            }
        } else if random.chance(0.1) {
            // The same login on a second machine.
            let mut second = of(login, self::host(pairs.len(), random), random);
            second.address = addresses.next();
            second.places = vec![second.address];
            pairs.push(second);
        }
    }
    pairs.truncate(lab.users);
    let mut names = std::collections::BTreeSet::new();
    pairs.retain(|pair| names.insert((pair.login.clone(), pair.host.clone())));
    pairs
}

fn login(n: usize, random: &mut Random) -> String {
    let stem = *random.pick(&LOGINS);
    // The same few logins are on many machines: the number is not on all of them.
    if random.chance(0.3) { stem.to_owned() } else { format!("{stem}{n}") }
}

fn host(n: usize, random: &mut Random) -> String {
    let domain = if random.chance(0.15) { ".univ.example" } else { "" };
    format!("{}{n}{domain}", random.pick(&HOSTS))
}
