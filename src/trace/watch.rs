//! Blocks of the logwatch into moments and connections with their lives.
//!
//! A gigabyte of logwatch says the same of most connections in every block. Kept is only what changes: when each
//! connection was first and last seen, and in which moments it had bytes in flight.

#![expect(clippy::cast_possible_truncation, reason = "indices are u32 to halve the memory: no log has 2^32 blocks")]

use std::net::IpAddr;
use std::ops::Range;

use chrono::{DateTime, Duration, Utc};
use foldhash::HashMap;
use serde::{Deserialize, Serialize};

use super::Carry;
use crate::finding::Files;
use crate::parse::logwatch::{Block, Entry, Peer, Socket};

/// A line's block comes so soon, where somebody watches.
pub(super) const WATCHED: Duration = Duration::seconds(60);

/// An index into [`Watch::moments`].
pub type MomentId = u32;
/// An index into [`Watch::connections`].
pub type ConnectionId = u32;

/// What a logwatch showed.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// The files, as findings cite them.
    pub files: Files,
    /// The blocks, in the order of the file.
    pub moments: Vec<Moment>,
    /// The connections, in the order in which they appeared.
    pub connections: Vec<Connection>,
    /// The bytes in flight, in the order of the moments.
    pub signals: Vec<Signal>,
    /// The connections that were gone, in the order of the moments; one that came back is `None` in its own `gone`.
    pub gone: Vec<ConnectionId>,
    /// The log lines that matter, with the moment of their block.
    pub entries: Vec<(MomentId, Entry)>,
    /// How often the collector gives a sign of life, in seconds, as it said last.
    pub pulse_s: Option<u32>,
    /// The last moment that any block names, cut-off ones too.
    pub last: Option<DateTime<Utc>>,
}

/// A block that is a snapshot of all connections.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Its date.
    pub at: DateTime<Utc>,
    /// The line of its date, from 1.
    pub line: u32,
    /// Whether `jeton collect` wrote it: no line of its time is missing, and each token's connection is in it.
    pub collected: bool,
    /// Whether the stretch since the moment before it was watched, as far as the log itself can say.
    pub follows: bool,
    /// Whether `jeton collect` goes on watching behind it.
    pub collecting: bool,
    appeared: Range<u32>,
    gone: Range<u32>,
    signals: Range<u32>,
}

/// The life of one TCP connection.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The client's end.
    pub peer: Peer,
    /// The moment that first showed it.
    pub first: MomentId,
    /// Its line there.
    pub first_line: u32,
    /// The moment that last showed it.
    pub last: MomentId,
    /// The first moment that did not show it any more.
    pub gone: Option<MomentId>,
    /// Whether a line can have been lost with its beginning: it was there when the watch began, or a carried one came in a
    /// burst.
    pub initial: bool,
    /// When it was first seen: the date of its first moment, or before the watch.
    pub since: DateTime<Utc>,
    /// When it was last seen, and first seen no more, of one that was gone before the watch.
    pub ended: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// Bytes that a client had not acknowledged in one moment.
#[derive(Debug, Clone, Copy)]
pub struct Signal {
    /// Whose.
    pub connection: ConnectionId,
    /// The moment.
    pub moment: MomentId,
    /// How many.
    pub bytes: u32,
    /// Whether the server was closing on a silent client.
    pub fin_wait: bool,
    /// The socket's line.
    pub line: u32,
}

impl Watch {
    /// The date of the last block.
    pub fn last_moment(&self) -> Option<DateTime<Utc>> {
        self.last
    }

    /// A moment by its index.
    pub fn moment(&self, id: MomentId) -> &Moment {
        &self.moments[id as usize]
    }

    /// A connection by its index.
    pub fn connection(&self, id: ConnectionId) -> &Connection {
        &self.connections[id as usize]
    }

    /// The connections that a moment was the first to show.
    pub fn appeared(&self, id: MomentId) -> Range<ConnectionId> {
        self.moment(id).appeared.clone()
    }

    /// The connections that a moment was the first not to show.
    pub fn gone(&self, id: MomentId) -> impl Iterator<Item = ConnectionId> {
        let range = self.moment(id).gone.clone();
        let gone = &self.gone[range.start as usize..range.end as usize];
        gone.iter().copied().filter(move |&connection| self.connection(connection).gone == Some(id))
    }

    /// The bytes in flight in a moment.
    pub fn signals(&self, id: MomentId) -> &[Signal] {
        let range = &self.moment(id).signals;
        &self.signals[range.start as usize..range.end as usize]
    }

    /// Whether somebody watched at that time.
    pub fn covers(&self, at: DateTime<Utc>) -> bool {
        self.moments.first().is_some_and(|first| first.at <= at) && self.last.is_some_and(|last| at <= last)
    }

    /// Whether a line that was written then was seen: a block followed at once.
    pub fn saw(&self, at: DateTime<Utc>) -> bool {
        let next = self.moments.partition_point(|moment| moment.at < at);
        self.moments.get(next).is_some_and(|moment| moment.at - at <= WATCHED)
    }

    /// Whether a connection ends in a moment while it is still there: the server begins to close it on a silent client, or
    /// it is not new and has bytes in flight.
    pub fn is_closing(&self, connection: ConnectionId, moment: MomentId) -> bool {
        let of = |moment: MomentId| self.signals(moment).iter().find(move |signal| signal.connection == connection);
        let was_closing = || moment.checked_sub(1).and_then(of).is_some_and(|before| before.fin_wait);
        of(moment).is_some_and(|signal| {
            if signal.fin_wait { !was_closing() } else { self.connection(connection).first != moment }
        })
    }

    /// The first moment at or after a time.
    pub fn moment_at(&self, at: DateTime<Utc>) -> Option<MomentId> {
        let index = self.moments.partition_point(|moment| moment.at < at);
        (index < self.moments.len()).then_some(index as MomentId)
    }

    /// The last snapshot.
    pub fn final_moment(&self) -> Option<MomentId> {
        self.moments.len().checked_sub(1).map(|last| last as MomentId)
    }

    /// When a connection was last seen.
    pub fn last_seen(&self, id: ConnectionId) -> DateTime<Utc> {
        let life = self.connection(id);
        life.ended.map_or_else(|| self.moment(life.last).at, |(last, _)| last)
    }

    /// When a connection was first seen no more.
    pub fn gone_at(&self, id: ConnectionId) -> Option<DateTime<Utc>> {
        let life = self.connection(id);
        life.ended.map(|(_, gone)| gone).or_else(|| Some(self.moment(life.gone?).at))
    }

    /// The connections that were there at a moment, in their order.
    pub fn alive(&self, id: MomentId) -> impl Iterator<Item = ConnectionId> {
        let is_there = move |life: &Connection| life.first <= id && life.gone.is_none_or(|gone| gone > id);
        (0..).zip(&self.connections).filter(move |(_, life)| is_there(life)).map(|(connection, _)| connection)
    }

    /// The address of a connection's client.
    pub fn ip(&self, id: ConnectionId) -> IpAddr {
        self.connection(id).peer.ip
    }
}

/// Builds a [`Watch`] from blocks, one after the other.
#[derive(Debug)]
pub struct Watcher {
    watch: Watch,
    servers: Vec<IpAddr>,
    known: HashMap<Peer, ConnectionId>,
    alive: Vec<ConnectionId>,
    /// A block without a log line, until the next says what became of the rest of it.
    pending: Option<Block>,
    /// Whether nothing can be lost between the last moment and what comes now.
    is_whole: bool,
}

/// A connection that was known before the watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CarriedConnection {
    /// The client's end.
    pub peer: Peer,
    /// When it was first seen.
    pub since: DateTime<Utc>,
    /// Whether a line can have been lost with its beginning.
    pub initial: bool,
    /// When it was last seen, and first seen no more, where it is gone.
    pub ended: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// A connection that is back after less than this was never away: a line was garbled, or a block cut. No client gets
/// the same port again that soon, as the server's side of it is still waiting (TIME-WAIT, 60 s on Linux).
const FLICKER: Duration = Duration::seconds(60);

/// Nor was one that is back within so many blocks, however far apart they are, unless a token is taken by it: a client has
/// some 16,000 ports to take one of.
const FLICKER_BLOCKS: MomentId = 3;

/// How far apart the dates of two writers of one log are at the most.
const AT_ONCE: Duration = Duration::seconds(2);

impl Watcher {
    /// Watches a logwatch that lies in these files; `servers` are the licence server's own addresses.
    pub fn new(files: Files, servers: Vec<IpAddr>) -> Self {
        let watch = Watch { files, ..Watch::default() };
        Self { watch, servers, known: HashMap::default(), alive: Vec::new(), pending: None, is_whole: true }
    }

    /// Goes on with what was known at an earlier moment: the connections that were there, and those that were gone and still
    /// matter. They are the first moment of the watch, and the connections in their order.
    pub fn resume(&mut self, carry: &Carry) {
        let Some((at, collecting)) = carry.watched else { return };
        self.watch.pulse_s = carry.pulse_s;
        let end = carry.connections.len() as u32;
        for (id, one) in (0..end).zip(&carry.connections) {
            let CarriedConnection { peer, since, initial, ended } = *one;
            let gone = ended.map(|_| 0);
            self.watch.connections.push(Connection {
                peer,
                first: 0,
                first_line: 0,
                last: 0,
                gone,
                initial,
                since,
                ended,
            });
            if ended.is_none() {
                self.known.insert(peer, id);
                self.alive.push(id);
            }
        }
        let moment = Moment {
            at,
            line: 0,
            collected: collecting,
            collecting,
            follows: true,
            appeared: end..end,
            gone: 0..0,
            signals: 0..0,
        };
        self.watch.moments.push(moment);
    }

    /// Takes the next block.
    pub fn see(&mut self, block: &Block) {
        self.watch.last = self.watch.last.max(Some(block.at));
        self.watch.pulse_s = block.pulse_s.or(self.watch.pulse_s);
        // A block without a log line lost that line, or another writer's date came in between: then its connections
        // belong to the block that follows at once. With the last of a copy nothing follows, as it was cut off: its
        // connections may not be all, and nothing can be said to be gone.
        self.is_whole &= block.follows;
        let mut more = Vec::new();
        if let Some(pending) = self.pending.take().filter(|_| block.follows) {
            if (block.at - pending.at).abs() <= AT_ONCE {
                more = pending.sockets;
            } else {
                self.take(&pending, &[]);
            }
        }
        if block.n_log_lines > 0 {
            self.take(block, &more);
        } else {
            more.extend_from_slice(&block.sockets);
            self.pending = Some(Block { sockets: more, ..block.clone() });
        }
    }

    /// Takes a snapshot; `more` are connections of it that stand elsewhere.
    fn take(&mut self, block: &Block, more: &[Socket]) {
        let id = self.watch.moments.len() as MomentId;
        let (appeared, signals, gone) = (self.n_connections(), self.n_signals(), self.watch.gone.len() as u32);
        for socket in more.iter().chain(&block.sockets) {
            if !self.servers.contains(&socket.peer.ip) {
                self.see_socket(socket, id, block);
            }
        }
        let watch = &mut self.watch;
        self.alive.retain(|&connection| {
            let life = &mut watch.connections[connection as usize];
            if life.last == id {
                return true;
            }
            life.gone = Some(id);
            watch.gone.push(connection);
            false
        });
        watch.entries.extend(block.entries.iter().map(|entry| (id, entry.clone())));
        let moment = Moment {
            at: block.at,
            line: block.line,
            collected: block.collected,
            collecting: block.collecting,
            follows: block.follows && self.is_whole,
            appeared: appeared..watch.connections.len() as u32,
            gone: gone..watch.gone.len() as u32,
            signals: signals..watch.signals.len() as u32,
        };
        watch.moments.push(moment);
        self.is_whole = true;
        // A port is used again after hours: what is long gone need not be known.
        if self.known.len() > 4 * (self.alive.len() + 1024) {
            let connections = &self.watch.connections;
            self.known.retain(|_, id| connections[*id as usize].gone.is_none());
        }
    }

    /// All that was seen.
    pub fn finish(self) -> Watch {
        self.watch
    }

    fn n_connections(&self) -> u32 {
        self.watch.connections.len() as u32
    }

    fn n_signals(&self) -> u32 {
        self.watch.signals.len() as u32
    }

    fn see_socket(&mut self, socket: &Socket, id: MomentId, block: &Block) {
        let connection = match self.known.get(&socket.peer).copied() {
            Some(known) if self.still_the_same(known, socket, id, block) => known,
            _ => self.begin(socket, id, block),
        };
        self.watch.connections[connection as usize].last = id;
        if socket.send_q > 0 {
            self.watch.signals.push(Signal {
                connection,
                moment: id,
                bytes: socket.send_q,
                fin_wait: socket.fin_wait_1,
                line: socket.line,
            });
        }
    }

    fn still_the_same(&mut self, known: ConnectionId, socket: &Socket, id: MomentId, block: &Block) -> bool {
        let Some(gone) = self.watch.connection(known).gone else { return true };
        let (n_blocks, gone) = (id - gone, self.watch.moment(gone));
        let carries = socket.send_q > 0 && !socket.fin_wait_1;
        let is_soon = block.at - gone.at <= FLICKER || n_blocks <= FLICKER_BLOCKS && !carries;
        // A collected block is whole: what it does not show is gone.
        if gone.collected || !is_soon {
            return false;
        }
        self.watch.connections[known as usize].gone = None;
        self.alive.push(known);
        true
    }

    fn begin(&mut self, socket: &Socket, id: MomentId, block: &Block) -> ConnectionId {
        let connection = self.n_connections();
        self.watch.connections.push(Connection {
            peer: socket.peer,
            first: id,
            first_line: socket.line,
            last: id,
            gone: None,
            initial: id == 0,
            since: block.at,
            ended: None,
        });
        self.known.insert(socket.peer, connection);
        self.alive.push(connection);
        connection
    }
}
