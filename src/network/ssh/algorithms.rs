//! Which algorithms a host is offered: today's, and behind them the old ones where it is marked `legacy = true`.

use ssh2::{MethodType, Session};

use super::failure::Failure;

/// The kinds that are negotiated; both directions of a connection are offered the same.
const KINDS: [MethodType; 6] = [
    MethodType::Kex,
    MethodType::HostKey,
    MethodType::CryptCs,
    MethodType::CryptSc,
    MethodType::MacCs,
    MethodType::MacSc,
];

/// Sets what a session offers, before its handshake. Host keys of the types in `known` come first: a host that is known by
/// its RSA key offers another one else, and looks like an impostor.
pub(super) fn offer(session: &Session, legacy: bool, known: &[String]) -> Result<(), Failure> {
    let mut n_old = 0;
    for kind in KINDS {
        let supported = session.supported_algs(kind)?;
        let (old, today): (Vec<&str>, Vec<&str>) = supported.into_iter().partition(|name| is_old(name));
        n_old += old.len();
        let mut offered = today;
        if legacy {
            offered.extend(old);
        }
        if matches!(kind, MethodType::HostKey) {
            offered.sort_by_key(|name| !known.iter().any(|known| signs_for(name, known)));
        }
        session.method_pref(kind, &offered.join(","))?;
    }
    if legacy && n_old == 0 {
        let cause = "`legacy = true`, but this jeton was built without the old algorithms";
        return Err(
            Failure::new(cause).remedy("build it in its source folder, whose `.cargo/config.toml` asks for them")
        );
    }
    Ok(())
}

/// Whether an algorithm is for hosts marked as old alone: SHA-1 in any role, ciphers in CBC mode, and what is weaker.
fn is_old(name: &str) -> bool {
    const WORDS: [&str; 6] = ["arcfour", "hmac-md5", "hmac-ripemd160", "hmac-sha1", "ssh-dss", "none"];
    let is_cbc = name.ends_with("-cbc") || name.contains("-cbc@");
    let is_rsa_sha1 = name == "ssh-rsa" || name.starts_with("ssh-rsa-cert");
    is_cbc || is_rsa_sha1 || name.ends_with("-sha1") || WORDS.iter().any(|word| name.starts_with(word))
}

/// Whether a signature of this algorithm is made with a key of this type, as known_hosts names it.
fn signs_for(algorithm: &str, key_type: &str) -> bool {
    algorithm == key_type || (key_type == "ssh-rsa" && matches!(algorithm, "rsa-sha2-512" | "rsa-sha2-256"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supported(kind: MethodType) -> Vec<&'static str> {
        Session::new().unwrap().supported_algs(kind).unwrap()
    }

    #[test]
    fn the_library_was_built_with_what_old_switches_and_todays_servers_speak() {
        for (kind, old, today) in [
            (
                MethodType::Kex,
                ["diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1"].as_slice(),
                ["curve25519-sha256", "ecdh-sha2-nistp256", "diffie-hellman-group14-sha256"].as_slice(),
            ),
            (
                MethodType::HostKey,
                &["ssh-rsa"],
                &["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"],
            ),
            (
                MethodType::CryptCs,
                &["aes128-cbc", "aes256-cbc", "3des-cbc"],
                &["chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes256-ctr"],
            ),
            (MethodType::MacCs, &["hmac-sha1"], &["hmac-sha2-256", "hmac-sha2-512-etm@openssh.com"]),
        ] {
            let supported = supported(kind);
            for name in old {
                assert!(supported.contains(name) && is_old(name), "{name} of {supported:?}");
            }
            for name in today {
                assert!(supported.contains(name) && !is_old(name), "{name} of {supported:?}");
            }
        }
    }

    #[test]
    fn every_supported_algorithm_is_sorted_into_old_or_of_today_by_hand() {
        let mut today: Vec<_> = KINDS.into_iter().flat_map(supported).filter(|name| !is_old(name)).collect();
        today.sort_unstable();
        today.dedup();
        for name in &today {
            let is_weak =
                ["sha1", "md5", "cbc", "des", "rc4", "arcfour", "dss", "ripemd"].iter().any(|w| name.contains(w));
            assert!(!is_weak, "{name}");
        }
        assert!(today.len() > 12, "{today:?}");
    }

    #[test]
    fn a_key_type_of_known_hosts_names_its_signatures() {
        for (algorithm, key_type, signs) in [
            ("rsa-sha2-512", "ssh-rsa", true),
            ("ssh-rsa", "ssh-rsa", true),
            ("ssh-ed25519", "ssh-ed25519", true),
            ("ssh-ed25519", "ssh-rsa", false),
            ("rsa-sha2-256", "ssh-ed25519", false),
        ] {
            assert_eq!(signs_for(algorithm, key_type), signs, "{algorithm} {key_type}");
        }
    }
}
