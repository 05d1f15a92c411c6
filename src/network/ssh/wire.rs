//! The wire between libssh2 and a host: a socket that is cut when time is up.
//!
//! libssh2 has a timeout for each call, and a host that sends a byte a second never meets it; so a thread counts the time
//! and cuts the socket under whatever call is at work.
//!
//! It also reads everything that a socket holds before it gives any of it out, and an end of the connection behind the last
//! bytes makes it forget them: IOS closes right after its answer. So libssh2 is given one end of a pair of sockets, bytes
//! are carried between the other end and the host, and while an answer is being read the end of the connection is held
//! back until it is asked for.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

/// A connection to a host. When it is dropped, it is closed.
#[derive(Debug)]
pub(super) struct Wire {
    limits: Sender<Option<Instant>>,
    ends: Arc<Ends>,
}

#[derive(Debug)]
struct Ends {
    state: Mutex<State>,
    changed: Condvar,
    host: TcpStream,
    inner: UnixStream,
}

#[derive(Debug, Default)]
struct State {
    /// The host sends nothing more, and all that it sent is on its way.
    ended: bool,
    /// The end is to be held back.
    held: bool,
    /// Time was up.
    cut: bool,
}

impl Wire {
    /// A wire to a connected host, and the end of it that is libssh2's.
    pub(super) fn new(host: TcpStream) -> std::io::Result<(Self, UnixStream)> {
        let (outer, inner) = UnixStream::pair()?;
        let ends = Arc::new(Ends { state: Mutex::default(), changed: Condvar::new(), host, inner });
        let (limits, set) = channel();
        let watched = Arc::clone(&ends);
        spawn("ssh-deadline", move || watch(&watched, &set))?;
        let (mut from, mut to) = (ends.host.try_clone()?, ends.inner.try_clone()?);
        let carried = Arc::clone(&ends);
        spawn("ssh-down", move || {
            // Either side may go at any time: then there is nothing more to carry.
            let _ = std::io::copy(&mut from, &mut to);
            carried.end();
        })?;
        let (mut from, mut to) = (ends.inner.try_clone()?, ends.host.try_clone()?);
        spawn("ssh-up", move || carry_up(&mut from, &mut to))?;
        Ok((Self { limits, ends }, outer))
    }

    /// Cuts the connection at this moment, in the place of any other; never without one.
    pub(super) fn limit(&self, until: Option<Instant>) {
        // Without its thread it is cut already.
        let _ = self.limits.send(until);
    }

    /// Whether time was up.
    pub(super) fn is_cut(&self) -> bool {
        self.ends.lock().cut
    }

    /// Whether the host sends nothing more; all that it sent can be read without waiting.
    pub(super) fn has_ended(&self) -> bool {
        self.ends.lock().ended
    }

    /// Holds back the end of the connection from libssh2, or no longer.
    pub(super) fn hold_end(&self, held: bool) {
        self.ends.lock().held = held;
        self.ends.changed.notify_all();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.hold_end(false);
        // Lets both carriers go; whatever was closed already is none the worse.
        let _ = self.ends.inner.shutdown(Shutdown::Both);
        let _ = self.ends.host.shutdown(Shutdown::Both);
    }
}

impl Ends {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The host sends nothing more: says so to libssh2, but not while that is held back.
    fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        while state.held && !state.cut {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        let _ = self.inner.shutdown(Shutdown::Write);
    }

    fn cut(&self) {
        self.lock().cut = true;
        self.changed.notify_all();
        let _ = self.host.shutdown(Shutdown::Both);
        let _ = self.inner.shutdown(Shutdown::Both);
    }
}

/// Cuts the connection when the last limit that was set is over.
fn watch(ends: &Ends, limits: &std::sync::mpsc::Receiver<Option<Instant>>) {
    let mut until: Option<Instant> = None;
    loop {
        let set = match until {
            None => limits.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(until) => limits.recv_timeout(until.saturating_duration_since(Instant::now())),
        };
        match set {
            Ok(set) => until = set,
            Err(RecvTimeoutError::Timeout) => return ends.cut(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Carries to the host. What can no longer be sent is dropped: an error here would hide from libssh2 what can still be read.
fn carry_up(from: &mut UnixStream, to: &mut TcpStream) {
    let mut bytes = [0; 1 << 14];
    let mut is_open = true;
    while let Ok(n) = from.read(&mut bytes)
        && n > 0
    {
        is_open = is_open && to.write_all(&bytes[..n]).is_ok();
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// What `work` gives, or [`None`] where it is not done in time: then it goes on without anybody to hear of it. For what
/// cannot be interrupted: the resolver, an agent.
pub(super) fn in_time<T: Send + 'static>(until: Instant, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, result) = channel();
    spawn("ssh-work", move || {
        let _ = done.send(work());
    })
    .ok()?;
    result.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;

    /// A host's end of a wire, the wire, and libssh2's end.
    fn wire() -> (TcpStream, Wire, UnixStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (wire, end) = Wire::new(near).unwrap();
        (listener.accept().unwrap().0, wire, end)
    }

    #[test]
    fn bytes_are_carried_both_ways_and_the_end_behind_them() {
        let (mut host, _wire, mut end) = wire();
        end.write_all(b"question").unwrap();
        let mut question = [0; 8];
        host.read_exact(&mut question).unwrap();
        host.write_all(b"answer").unwrap();
        drop(host);
        let mut answer = Vec::new();
        end.read_to_end(&mut answer).unwrap();
        assert_eq!((question, answer.as_slice()), (*b"question", b"answer".as_slice()));
    }

    #[test]
    fn an_end_that_is_held_back_is_known_but_not_seen() {
        let (mut host, wire, mut end) = wire();
        wire.hold_end(true);
        host.write_all(b"answer").unwrap();
        drop(host);
        while !wire.has_ended() {
            thread::yield_now();
        }
        let mut answer = [0; 10];
        assert_eq!(end.read(&mut answer).unwrap(), 6);
        end.set_nonblocking(true).unwrap();
        assert_eq!(end.read(&mut answer).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        // What is typed into the void is no error.
        end.write_all(b"more").unwrap();
        wire.hold_end(false);
        end.set_nonblocking(false).unwrap();
        assert_eq!(end.read(&mut answer).unwrap(), 0);
    }

    #[test]
    fn whoever_waits_is_freed_when_time_is_up_or_the_wire_goes() {
        let (_host, wire, mut end) = wire();
        wire.limit(Some(Instant::now() + Duration::from_secs(600)));
        assert!(!wire.is_cut());
        wire.hold_end(true);
        wire.limit(Some(Instant::now()));
        assert_eq!(end.read(&mut [0]).unwrap(), 0);
        assert!(wire.is_cut());
        let (_host, wire, mut end) = self::wire();
        drop(wire);
        assert_eq!(end.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn what_cannot_be_interrupted_is_left_behind() {
        let (_never, wait) = channel::<()>();
        assert_eq!(in_time(Instant::now(), move || wait.recv().is_ok()), None);
        assert_eq!(in_time(Instant::now() + Duration::from_secs(600), || 7), Some(7));
    }
}
