//! From a name to a session: resolved, connected, both sides agreed, the key checked, logged in; each within its time.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use ssh2::{ErrorCode, HashType, Session};

use super::failure::{Failure, code};
use super::known_hosts::{KnownHosts, Verdict, key_type, line_for, written};
use super::wire::{Wire, in_time};
use super::{Ssh, algorithms, login};
use crate::finding::excerpt;
use crate::network::{Host, UnknownKey};

/// How long a host may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// A connection to a host. Whoever logs in has checked its key.
pub(super) struct Connection {
    /// Gone before the wire that it talks through.
    session: Session,
    wire: Wire,
    /// When the host as a whole has had its time; a transfer ends by its speed instead.
    whole: Option<Instant>,
}

impl Connection {
    /// Does something with the host within its time: when that is up, the connection is cut under it.
    pub(super) fn step<T>(
        &self,
        name: &str,
        allowed: Duration,
        act: impl FnOnce(&Session) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.wire.limit(Some(self.until(allowed)));
        let done = act(&self.session);
        self.wire.limit(None);
        done.map_err(|failure| if self.wire.is_cut() { Failure::late(allowed) } else { failure }.at(name))
    }

    /// The end of a step that begins now.
    fn until(&self, allowed: Duration) -> Instant {
        let end = Instant::now() + allowed;
        self.whole.map_or(end, |whole| end.min(whole))
    }

    /// The time for the host as a whole no longer counts: what follows is measured by its speed.
    pub(super) fn unbound(mut self) -> Self {
        self.whole = None;
        self
    }

    /// What libssh2 talks through.
    pub(super) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Whether time was up, so that nothing more is to be had.
    pub(super) fn is_cut(&self) -> bool {
        self.wire.is_cut()
    }

    /// Gives whatever is dropped from now on a little time for it.
    pub(super) fn let_go(&self) {
        self.wire.limit(Some(Instant::now() + GOODBYE));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.let_go();
        if !self.wire.has_ended() && !self.wire.is_cut() {
            // A courtesy: the host frees the line at once.
            let _ = self.session.disconnect(None, "done", None);
        }
    }
}

/// Resolves, connects and agrees on algorithms.
pub(super) fn reach(ssh: &Ssh, host: &Host, known: &KnownHosts, whole: Instant) -> Result<Connection, Failure> {
    let allowed = ssh.connect_timeout(host);
    let until = whole.min(Instant::now() + allowed);
    let addresses = resolve(host, until, allowed).map_err(|failure| failure.at("resolve"))?;
    let stream = connect(&addresses, until, allowed).map_err(|failure| failure.at("connect"))?;
    // Commands are short, and each waits for its answer.
    let _ = stream.set_nodelay(true);
    let (wire, end) = Wire::new(stream).map_err(Failure::from)?;
    let mut session = Session::new()?;
    algorithms::offer(&session, host.legacy, &known.key_types(&host.address, host.port))
        .map_err(|failure| failure.at("handshake"))?;
    session.set_tcp_stream(end);
    let mut connection = Connection { session, wire, whole: Some(whole) };
    let mut handshaking = connection.session.clone();
    connection.step("handshake", allowed, |session| {
        handshaking.handshake().map_err(|error| not_agreed(host, session, error))
    })?;
    connection.session = handshaking;
    Ok(connection)
}

fn resolve(host: &Host, until: Instant, allowed: Duration) -> Result<Vec<SocketAddr>, Failure> {
    let name = (host.address.clone(), host.port);
    let found = in_time(until, move || name.to_socket_addrs().map(Iterator::collect::<Vec<_>>));
    match found {
        None => Err(Failure::late(allowed).remedy("the name servers of this machine do not answer")),
        Some(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
        Some(Ok(_)) => Err(Failure::new("the name has no address")),
        Some(Err(error)) => {
            let text = error.to_string();
            let reason = text.rsplit(": ").next().unwrap_or(&text);
            let failed = format!("`{}` does not resolve: {reason}", host.address);
            let is_passing = reason.contains("emporary");
            let failure = if is_passing { Failure::passing(failed) } else { Failure::new(failed) };
            Err(failure.remedy("mend its name in jeton.toml, or write its address in the place of the name"))
        }
    }
}

/// The first of the addresses that answers, each with its share of the time.
fn connect(addresses: &[SocketAddr], until: Instant, allowed: Duration) -> Result<TcpStream, Failure> {
    let mut failure = Failure::late(allowed);
    for (index, address) in addresses.iter().enumerate() {
        let left = until.saturating_duration_since(Instant::now());
        let n_left = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let share = (left / n_left).max(Duration::from_millis(1));
        match TcpStream::connect_timeout(address, share) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = not_connected(*address, &error, allowed),
        }
    }
    Err(failure)
}

fn not_connected(address: SocketAddr, error: &std::io::Error, allowed: Duration) -> Failure {
    use std::io::ErrorKind::{ConnectionRefused, ConnectionReset, TimedOut};
    match error.kind() {
        TimedOut => Failure::new(format!("no answer from {address} after {} s", allowed.as_secs_f32()))
            .remedy("is it on, and is this its address? a firewall may be in between"),
        ConnectionRefused => {
            Failure::passing(format!("{address} refused the connection")).remedy("is SSH on there, at this port?")
        }
        ConnectionReset => Failure::passing(format!("{address} closed the connection")),
        _ => Failure::new(format!("{address}: {error}")),
    }
}

fn not_agreed(host: &Host, session: &Session, error: ssh2::Error) -> Failure {
    let banner = session.banner_bytes().filter(|banner| banner.starts_with(b"SSH-"));
    let peer = banner.map(|banner| excerpt(&String::from_utf8_lossy(banner)));
    let peer = peer.map_or_else(|| "the host".to_owned(), |banner| format!("`{banner}`"));
    match error.code() {
        // Without a common algorithm nothing was exchanged yet.
        ErrorCode::Session(code::KEX_FAILURE | code::KEY_EXCHANGE_FAILURE)
            if ["agree", "exchange encryption keys"].iter().any(|word| error.message().contains(word)) =>
        {
            let failure = Failure::new(format!("no algorithm in common with {peer}"));
            if host.legacy {
                failure.remedy("update the host's SSH server")
            } else {
                failure.remedy("an old switch needs `legacy = true` in its [[switches]] entry")
            }
        }
        _ if banner.is_none() => Failure::passing("the host closed the connection, or speaks no SSH")
            .remedy("is this the port of its SSH, and is one of its lines free?"),
        _ => Failure::from(error),
    }
}

/// Checks the key that the host showed, and adds it to `known_hosts` where it is unknown and that is wanted. What was found,
/// in words: its type and its fingerprint.
pub(super) fn check_key(
    ssh: &Ssh,
    host: &Host,
    known: &KnownHosts,
    connection: &Connection,
    unknown: UnknownKey,
) -> Result<String, Failure> {
    let session = &connection.session;
    let (key, _) = session.host_key().ok_or_else(|| Failure::new("the host showed no key"))?;
    let hash = session.host_key_hash(HashType::Sha256).unwrap_or_default();
    let shown = format!("{} SHA256:{}", key_type(key).unwrap_or_default(), BASE64.encode(hash));
    let file = ssh.settings.known_hosts.display();
    let name = written(&host.address, host.port);
    match (known.verdict(&host.address, host.port, key), unknown) {
        (Verdict::Known, _) => Ok(shown),
        (Verdict::Unknown, UnknownKey::Accept) => {
            let line = line_for(&host.address, host.port, key);
            ssh.accept(&line).map_err(|error| Failure::new(format!("cannot add the key: {error}")))?;
            Ok(format!("{shown} (accepted)"))
        }
        (Verdict::Unknown, UnknownKey::Refuse) => Err(Failure::new(format!("the key is not known: {shown}"))
            .remedy("compare it with the host's, then accept it with `jeton check --accept-new`")),
        (Verdict::Changed(line), _) => {
            let found = format!("the key is not the known one: {shown}, another in {file}:{line}");
            Err(Failure::new(found).remedy(format!(
                "find out why; only if it was changed on purpose: `ssh-keygen -R '{name}' -f '{file}'`, then \
                 `jeton check --accept-new`"
            )))
        }
        (Verdict::Revoked(line), _) => {
            let found = format!("the key is revoked: {shown}, in {file}:{line}");
            Err(Failure::new(found).remedy("give the host a new key"))
        }
    }
    .map_err(|failure| failure.at("host key"))
}

/// Logs in; how, in words. An agent or a password command that hangs is left behind.
pub(super) fn log_in(ssh: &Ssh, host: &Host, connection: &Connection) -> Result<String, Failure> {
    let allowed = ssh.command_timeout(host);
    connection.step("login", allowed, |session| {
        let until = connection.until(allowed) + Duration::from_millis(500);
        let (session, host) = (session.clone(), host.clone());
        in_time(until, move || login::log_in(&session, &host, allowed)).unwrap_or_else(|| Err(Failure::late(allowed)))
    })
}
