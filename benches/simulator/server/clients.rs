//! What the clients do: take tokens and give them back, fall silent, lose the network, come without a word.

use std::io::Write;
use std::net::Ipv4Addr;

use super::{Connection, Event, HOUR, MINUTE, SECOND, Server};
use crate::simulator::people::GATEWAY;
use crate::simulator::truth::{End, RawDenial, RawToken};
use crate::simulator::watcher::{Tag, socket_tail};
use crate::simulator::{FEATURE, SECOND_FEATURE};

impl<W: Write> Server<'_, W> {
    /// The application starts: a connection, then a request; perhaps further windows with tokens of their own.
    pub(super) fn begin(&mut self, pair: usize, lasts: i64) {
        if !self.up {
            return;
        }
        self.move_about(pair);
        self.open_and_request(pair, lasts);
        let ends = self.now + lasts;
        while self.random.chance(0.25) {
            let together = self.random.chance(self.lab.bursts);
            let later = if together { self.random.between(0, 30) } else { (self.random.unit() * lasts as f64) as i64 };
            // Windows are often closed one after the other, or all at once with the application.
            let left = if self.random.chance(0.3) {
                let apart = if self.random.chance(self.lab.bursts) {
                    self.random.between(0, 20)
                } else {
                    self.random.between(300, 5 * SECOND)
                };
                ends - self.now - later + apart
            } else {
                self.length_of_run()
            };
            // Further windows are further runs that do not move the machine.
            let lasts = left.max(2 * SECOND);
            self.schedule(later, Event::Begin { pair, lasts });
            if self.random.chance(0.5) {
                break;
            }
        }
    }

    fn move_about(&mut self, pair: usize) {
        let busy = self.connections.values().any(|c| {
            c.ip == self.pairs[pair].address && c.tokens.last().is_some_and(|&token| self.tokens[token].pair == pair)
        });
        if self.pairs[pair].places.len() > 1 && !busy && self.random.chance(0.4) {
            self.pairs[pair].address = *self.random.pick(&self.pairs[pair].places);
        }
    }

    fn open_and_request(&mut self, pair: usize, lasts: i64) {
        // A further window of an application that is connected.
        let own = |life: &Connection| {
            life.closes == i64::MAX && life.tokens.last().is_some_and(|&token| self.tokens[token].pair == pair)
        };
        let known = self.connections.iter().find(|(_, life)| own(life)).map(|(id, _)| *id);
        if let Some(connection) = known.filter(|_| self.by_lot(self.lab.reused)) {
            let soon = self.random.between(2, 120);
            self.schedule(soon, Event::Request { connection, pair, lasts, attempt: 0 });
            return;
        }
        let connection = self.open(self.pairs[pair].address);
        let soon = self.random.between(2, 120);
        self.schedule(soon, Event::Request { connection, pair, lasts, attempt: 0 });
    }

    fn open(&mut self, ip: Ipv4Addr) -> u32 {
        if let Some((tail, closed)) = self.last_closed.get(&ip).cloned()
            && closed < self.now
            && self.by_lot(self.lab.same_port)
            && !self.connections.values().any(|life| life.tail == tail && life.closes > self.now)
        {
            return self.connect(ip, tail);
        }
        let port = loop {
            let port = 49152 + self.random.index(16384) as u16;
            // Only many clients behind one address make it likely that a port is taken.
            if ip != GATEWAY || !self.connections.values().any(|c| c.tail == socket_tail(ip, port)) {
                break port;
            }
        };
        self.connect(ip, socket_tail(ip, port))
    }

    pub(super) fn connect(&mut self, ip: Ipv4Addr, tail: Box<[u8]>) -> u32 {
        let id = loop {
            let id = self.random.next() as u32;
            if !self.connections.contains_key(&id) {
                break id;
            }
        };
        let connection = Connection {
            tail,
            ip,
            opened: self.now,
            closes: i64::MAX,
            flight: (0, 0),
            closing: i64::MAX,
            before: self.watcher.looked,
            first_seen: None,
            last_seen: None,
            closing_seen: false,
            tokens: Vec::new(),
        };
        self.connections.insert(id, connection);
        id
    }

    pub(super) fn request(&mut self, connection: u32, pair: usize, lasts: i64, attempt: u8) {
        if !self.up || !self.connections.contains_key(&connection) {
            return;
        }
        let who = self.who(pair);
        let again = |attempt| Event::Request { connection, pair, lasts, attempt };
        if attempt == 0 && self.random.chance(0.2) {
            let text =
                format!("UNSUPPORTED: \"ORIGIN_SRV\" (PORT_AT_HOST_PLUS   ) {who}  (No such feature exists. (-5,346))");
            self.say("orglab", &text, Tag::Chatter);
            let quick = self.random.chance(self.lab.bursts);
            let later = if quick { self.random.between(2, 15) } else { self.random.between(100, 900) };
            self.schedule(later, again(1));
            return;
        }
        let full = self.n_out >= self.lab.seats && !self.is_shared(pair);
        if full && self.by_lot(self.lab.queued) {
            self.say("orglab", &format!("QUEUED: \"{FEATURE}\" {who}  "), Tag::Chatter);
            self.waiting.push_back((connection, pair, lasts));
            return;
        }
        if full || (attempt < 2 && self.random.chance(0.012)) {
            self.deny(pair, &who);
            if !full {
                let later = self.random.between(60, 1400);
                self.schedule(later, again(2));
                return;
            }
            let later = self.random.between(40, 600);
            self.close(connection, later, false);
            if self.random.chance(0.6) {
                let later = self.random.between(5 * SECOND, 10 * MINUTE);
                self.schedule(later, Event::Begin { pair, lasts });
            }
            return;
        }
        self.grant(connection, pair, lasts, &who);
    }

    /// Who waits for longest gets the token that is free.
    pub(super) fn serve(&mut self) {
        while self.up && self.n_out < self.lab.seats {
            let Some((connection, pair, lasts)) = self.waiting.pop_front() else { return };
            if self.connections.contains_key(&connection) {
                let who = self.who(pair);
                self.grant(connection, pair, lasts, &who);
            }
        }
    }

    fn deny(&mut self, pair: usize, who: &str) {
        let text =
            format!("DENIED: \"{FEATURE}\" {who}  (Licensed number of users already reached. (-4,342:10054 \"\"))");
        self.denials.push(RawDenial { pair, at: self.now, shown: false });
        self.say("orglab", &text, Tag::Denied(self.denials.len() - 1));
    }

    fn grant(&mut self, connection: u32, pair: usize, lasts: i64, who: &str) {
        let token = self.tokens.len();
        let n_more = usize::from(!self.is_shared(pair));
        let life = &self.connections[&connection];
        self.tokens.push(RawToken {
            pair,
            ip: life.ip,
            out: self.now,
            out_shown: false,
            back_shown: false,
            end: None,
            opened: life.opened,
            before: life.before,
            first_seen: None,
            last_seen: None,
            gone: None,
            before_end: None,
            closing_seen: false,
            listed: false,
        });
        self.connection_of.push(connection);
        self.n_out += n_more;
        self.answer(connection, true);
        if let Some(life) = self.connections.get_mut(&connection) {
            life.tokens.push(token);
        }
        self.say("orglab", &format!("OUT: \"{FEATURE}\" {who}  "), Tag::Out(token));
        self.burst();
        if self.random.chance(self.lab.ghosts) {
            let at = (lasts as f64 * (0.1 + 0.8 * self.random.unit())) as i64;
            self.schedule(at, Event::Drop { token, ends: self.now + lasts });
        } else if self.random.chance(self.lab.silent) {
            // It takes the server a while to notice.
            let noticed = lasts + self.random.between(5 * MINUTE, 2 * HOUR);
            self.schedule(noticed, Event::Expire { token });
        } else {
            self.schedule(lasts, Event::Return { token });
        }
        if self.by_lot(self.lab.second_feature) {
            let later = self.random.between(200, 5 * SECOND);
            self.schedule(later, Event::Second { connection, pair, lasts });
        }
        // A line of somebody's before the IN is as likely as one after it.
        if self.random.chance(self.lab.bursts / 2.0) {
            let before = lasts - self.random.between(1, 20);
            self.schedule(before, Event::Touch);
        }
    }

    /// A token of the second feature, over the connection that is there.
    pub(super) fn second(&mut self, connection: u32, pair: usize, lasts: i64) {
        let is_there = self.connections.get(&connection).is_some_and(|life| life.closes > self.now);
        if !self.up || !is_there || !self.second_out.insert((connection, pair)) {
            return;
        }
        self.answer(connection, true);
        let who = self.who(pair);
        self.say("orglab", &format!("OUT: \"{SECOND_FEATURE}\" {who}  "), Tag::Chatter);
        let back = (lasts as f64 * self.random.unit()) as i64;
        self.schedule(back.max(SECOND), Event::SecondBack { connection, pair });
    }

    pub(super) fn second_back(&mut self, connection: u32, pair: usize) {
        // Those of before a restart went with it.
        if !self.second_out.remove(&(connection, pair)) {
            return;
        }
        if self.connections.get(&connection).is_some_and(|life| life.closes > self.now) {
            self.answer(connection, false);
        }
        let who = self.who(pair);
        self.say("orglab", &format!("IN: \"{SECOND_FEATURE}\" {who}  "), Tag::Chatter);
    }

    /// The bytes of an answer are in flight until the client acknowledges them: at once, or after the delay that TCP
    /// allows it, hoping to send something itself.
    fn answer(&mut self, connection: u32, checkout: bool) {
        let bytes = if checkout && self.random.chance(0.9) { 432 } else { 168 };
        let delay =
            if self.random.chance(self.lab.drained) { self.random.between(0, 3) } else { self.random.between(40, 200) };
        if let Some(life) = self.connections.get_mut(&connection) {
            life.flight = (self.now + delay, bytes);
        }
    }

    /// Another line within the time of a block, by lot.
    fn burst(&mut self) {
        if self.random.chance(self.lab.bursts) {
            let who = self.random.index(self.pairs.len());
            let text = format!(
                "UNSUPPORTED: \"ORIGIN_SRV\" (PORT_AT_HOST_PLUS   ) {}  (No such feature exists. (-5,346))",
                self.who(who)
            );
            self.now += self.random.between(1, 15);
            self.say("orglab", &text, Tag::Chatter);
        }
    }

    pub(super) fn give_back(&mut self, token: usize) {
        if self.tokens[token].end.is_some() {
            return;
        }
        let connection = self.connection_of[token];
        self.end(token, End::Returned);
        let who = self.who(self.tokens[token].pair);
        if self.is_in_use(connection) {
            self.answer(connection, false);
        } else if self.random.chance(self.lab.lingering) {
            self.answer(connection, false);
            let hours = if self.random.chance(0.3) { 72 } else { 6 };
            let stays = self.random.between(10 * MINUTE, hours * HOUR);
            self.close(connection, stays, false);
        } else if self.random.chance(0.8) {
            self.close(connection, 0, false);
        } else {
            self.answer(connection, false);
            let soon = self.random.between(60, 3 * SECOND);
            self.close(connection, soon, false);
        }
        self.say("orglab", &format!("IN: \"{FEATURE}\" {who}  "), Tag::In(token));
        self.burst();
    }

    /// Whether a token is out over a connection.
    fn is_in_use(&self, connection: u32) -> bool {
        let tokens = self.connections.get(&connection).map_or(&[][..], |life| life.tokens.as_slice());
        tokens.iter().any(|&token| self.tokens[token].end.is_none())
    }

    pub(super) fn expire(&mut self, token: usize) {
        if self.tokens[token].end.is_some() {
            return;
        }
        let connection = self.connection_of[token];
        let others = self.connections.get(&connection).map_or(0, |life| life.tokens.len());
        if others > 1 && self.is_in_use(connection) {
            // The application is alive: it has another window.
            return self.give_back(token);
        }
        // The server takes back all that a silent client has.
        self.second_back(connection, self.tokens[token].pair);
        self.end(token, End::Expired);
        let gives_up = self.random.between(MINUTE, 15 * MINUTE);
        self.close(self.connection_of[token], gives_up, true);
        let who = self.who(self.tokens[token].pair);
        self.say("orglab", &format!("IN: \"{FEATURE}\" {who}  "), Tag::In(token));
        self.burst();
    }

    /// The client's network drops; it comes back over a new connection, perhaps from another address.
    pub(super) fn drop_network(&mut self, token: usize, ends: i64) {
        if self.tokens[token].end.is_some() {
            return;
        }
        self.second_out.remove(&(self.connection_of[token], self.tokens[token].pair));
        // The server sees it at once, or holds on to a dead connection for a while. Either way no IN is written.
        if self.random.chance(0.6) {
            self.close(self.connection_of[token], 0, false);
            self.end(token, End::Ghost);
        } else {
            let dead = self.random.between(MINUTE, 2 * HOUR);
            self.close(self.connection_of[token], dead, false);
            self.schedule(dead, Event::Forget { token });
        }
        let pair = self.tokens[token].pair;
        if self.random.chance(0.5) {
            self.pairs[pair].address = *self.random.pick(&self.pairs[pair].places);
        }
        let lasts = (ends - self.now).max(20 * SECOND);
        // Longer than the seam that joins two sessions.
        let back = self.random.between(4 * SECOND, MINUTE);
        self.schedule(back, Event::Begin { pair, lasts });
    }

    /// A connection without a token: a client that crashed, one that asks and takes nothing.
    pub(super) fn open_idle(&mut self) {
        if !self.up {
            return;
        }
        let ip = if self.random.chance(0.7) {
            self.random.pick(&self.pairs).address
        } else {
            Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 14, 30, 1)) + self.random.index(60) as u32)
        };
        let connection = self.open(ip);
        let stays = match self.random.unit() {
            u if u < 0.6 => self.random.between(SECOND, 30 * MINUTE),
            u if u < 0.9 => self.random.between(30 * MINUTE, 8 * HOUR),
            _ => self.random.between(8 * HOUR, 96 * HOUR),
        };
        self.close(connection, stays, false);
    }
}
