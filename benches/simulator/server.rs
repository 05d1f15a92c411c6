//! The licence server and its clients, one event after the other.

mod clients;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::Ipv4Addr;

use chrono::{DateTime, Datelike, Days, Duration, NaiveDate, TimeZone};
use chrono_tz::Tz;

use super::people::Pair;
use super::random::Random;
use super::truth::{End, RawDenial, RawToken, Truth};
use super::watcher::{Step, Tag, Watcher, foreign_tail};
use super::{FEATURE, Laboratory, Recorded, dates, people};

/// A TCP connection to the server. Times are milliseconds since 1970; `i64::MAX` is never.
#[derive(Debug)]
pub(crate) struct Connection {
    tail: Box<[u8]>,
    ip: Ipv4Addr,
    opened: i64,
    closes: i64,
    /// Until when how many bytes are in flight.
    flight: (i64, u32),
    /// Since when the server closes on a client that does not answer.
    closing: i64,
    /// The last block before it was opened.
    before: Option<i64>,
    /// The first block that showed it.
    pub(crate) first_seen: Option<i64>,
    /// The last block that showed it.
    pub(crate) last_seen: Option<i64>,
    /// Whether a block showed it closing.
    pub(crate) closing_seen: bool,
    tokens: Vec<usize>,
}

impl Connection {
    /// Its line of `ss`.
    pub(crate) fn write(&mut self, now: i64, block: &mut Vec<u8>) {
        if now >= self.closing {
            self.closing_seen = true;
            block.extend_from_slice(b"FIN-WAIT-1 0      1      ");
        } else if now < self.flight.0 {
            block.extend_from_slice(if self.flight.1 == 432 {
                b"ESTAB      0      432    "
            } else {
                b"ESTAB      0      168    "
            });
        } else {
            block.extend_from_slice(b"ESTAB      0      0      ");
        }
        block.extend_from_slice(&self.tail);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Midnight,
    Begin { pair: usize, lasts: i64 },
    Request { connection: u32, pair: usize, lasts: i64, attempt: u8 },
    Return { token: usize },
    Expire { token: usize },
    Drop { token: usize, ends: i64 },
    Forget { token: usize },
    Idle,
    Stamp,
    Chatter,
    Touch,
    Stop,
    Die,
    Stranger,
    Start { whole: bool },
    Sleep,
    Wake,
    Serve,
    Second { connection: u32, pair: usize, lasts: i64 },
    SecondBack { connection: u32, pair: usize },
    Watch(Step),
}

/// The server, its clients, and the loop that watches it.
#[derive(Debug)]
pub(crate) struct Server<'a, W> {
    lab: &'a Laboratory,
    random: Random,
    now: i64,
    watched: (i64, i64),
    queue: BinaryHeap<Reverse<(i64, u64, Event)>>,
    n_scheduled: u64,
    pairs: Vec<Pair>,
    /// By a number drawn by lot, as `ss` has no order either.
    connections: BTreeMap<u32, Connection>,
    tokens: Vec<RawToken>,
    /// The connection of each token.
    connection_of: Vec<u32>,
    n_out: usize,
    denials: Vec<RawDenial>,
    debug_log: Vec<u8>,
    log_from: i64,
    last_line: (String, Tag),
    watcher: Watcher<W>,
    up: bool,
    is_watched: bool,
    /// Who waits for a token: connection, pair, and how long the run lasts.
    waiting: VecDeque<(u32, usize, i64)>,
    /// Whose token of the second feature is out, over which connection.
    second_out: BTreeSet<(u32, usize)>,
    /// The last connection of an address that was closed, and when.
    last_closed: BTreeMap<Ipv4Addr, (Box<[u8]>, i64)>,
}

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// A time of a civil day, in milliseconds since 1970. A time that the clock skips is the one an hour later.
pub(crate) fn civil(day: NaiveDate, seconds: i64, zone: Tz) -> i64 {
    let civil = day.and_time(chrono::NaiveTime::MIN) + Duration::seconds(seconds);
    let at = |civil: &chrono::NaiveDateTime| zone.from_local_datetime(civil).earliest();
    let moment: Option<DateTime<Tz>> = at(&civil).or_else(|| at(&(civil + Duration::hours(1))));
    moment.map_or(civil.and_utc().timestamp_millis(), |moment| moment.timestamp_millis())
}

impl<'a, W: Write> Server<'a, W> {
    pub(crate) fn new(lab: &'a Laboratory, logwatch: W) -> Self {
        let mut random = Random::new(lab.seed);
        let pairs = people::pairs(lab, &mut random);
        let watched = lab.span();
        let first_day = lab.start - Days::new(u64::from(lab.days_before));
        let now = civil(first_day, 0, lab.zone);
        let mut server = Self {
            lab,
            random,
            now,
            watched,
            queue: BinaryHeap::new(),
            n_scheduled: 0,
            pairs,
            connections: BTreeMap::new(),
            tokens: Vec::new(),
            connection_of: Vec::new(),
            n_out: 0,
            denials: Vec::new(),
            debug_log: Vec::new(),
            log_from: now,
            last_line: (String::new(), Tag::Chatter),
            watcher: Watcher::new(logwatch, lab),
            up: true,
            is_watched: true,
            waiting: VecDeque::new(),
            second_out: BTreeSet::new(),
            last_closed: BTreeMap::new(),
        };
        server.schedule(0, Event::Midnight);
        server.schedule(0, Event::Stamp);
        server.schedule(51 * MINUTE + 7 * SECOND, Event::Chatter);
        for _ in 0..2 {
            let ip = server.random.pick(&server.pairs).address;
            server.connect(ip, foreign_tail(ip));
        }
        server
    }

    /// Lives to the end.
    pub(crate) fn run(mut self) -> io::Result<Recorded> {
        while let Some(Reverse((at, _, event))) = self.queue.pop() {
            if at >= self.watched.1 {
                break;
            }
            self.now = at;
            self.handle(event)?;
        }
        self.now = self.watched.1;
        let lmstat = self.lab.lmstat.then(|| self.lmstat());
        for connection in self.connections.values() {
            note_seen(&mut self.tokens, connection, None);
        }
        if let Some(tag) = self.watcher.finish(self.lab.truncated)? {
            note_shown(&mut self.tokens, &mut self.denials, tag);
        }
        let people = self.pairs.iter().map(|pair| (pair.login.clone(), pair.host.clone())).collect();
        let log_from = if self.lab.debug_log { self.log_from } else { i64::MAX };
        let truth = Truth::new(people, &self.tokens, &self.denials, log_from, self.lab);
        Ok(Recorded { debug_log: self.lab.debug_log.then_some(self.debug_log), lmstat, truth })
    }

    fn schedule(&mut self, delay: i64, event: Event) {
        self.n_scheduled += 1;
        self.queue.push(Reverse((self.now + delay.max(0), self.n_scheduled, event)));
    }

    fn handle(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Midnight => self.plan_day(),
            Event::Begin { pair, lasts } => self.begin(pair, lasts),
            Event::Request { connection, pair, lasts, attempt } => self.request(connection, pair, lasts, attempt),
            Event::Return { token } => self.give_back(token),
            Event::Expire { token } => self.expire(token),
            Event::Drop { token, ends } => self.drop_network(token, ends),
            Event::Forget { token } => self.end(token, End::Ghost),
            Event::Idle => self.open_idle(),
            Event::Stamp => {
                let date = dates::american(self.now, self.lab.zone);
                self.say("orglab", &format!("TIMESTAMP {date}"), Tag::Chatter);
                self.schedule(6 * HOUR, Event::Stamp);
            }
            Event::Chatter => {
                self.say("orglab", "(@orglab-SLOG@) ===============================================", Tag::Chatter);
                self.say("orglab", "(@orglab-SLOG@) === Network Info ===", Tag::Chatter);
                self.schedule(4 * HOUR, Event::Chatter);
            }
            Event::Touch => self.changed(),
            Event::Stop => self.stop(),
            Event::Die => self.die(),
            Event::Stranger => self.stranger(),
            Event::Start { whole } => self.start(whole),
            Event::Sleep => {
                self.is_watched = false;
                let hours = self.random.between(HOUR, 12 * HOUR);
                self.schedule(hours, Event::Wake);
            }
            Event::Wake => self.is_watched = true,
            Event::Serve => self.serve(),
            Event::Second { connection, pair, lasts } => self.second(connection, pair, lasts),
            Event::SecondBack { connection, pair } => self.second_back(connection, pair),
            Event::Watch(step) => self.watch(step)?,
        }
        Ok(())
    }

    /// All that begins on a day, by lot.
    fn plan_day(&mut self) {
        let today = dates::local(self.now + HOUR, self.lab.zone).date_naive();
        let tomorrow = civil(today + Days::new(1), 0, self.lab.zone);
        self.schedule(tomorrow - self.now, Event::Midnight);
        let busy = match today.weekday().num_days_from_monday() {
            5 => 0.2,
            6 => 0.12,
            _ => 1.0,
        };
        for pair in 0..self.pairs.len() {
            let mean = self.pairs[pair].runs_per_day * self.lab.zeal * busy;
            for _ in 0..self.random.poisson(mean.min(60.0)) {
                let at = civil(today, self.time_of_day(), self.lab.zone) + self.random.between(0, 999);
                let lasts = self.length_of_run();
                self.schedule(at - self.now, Event::Begin { pair, lasts });
            }
        }
        let spread = |server: &mut Self, mean: f64, event: Event| {
            for _ in 0..server.random.poisson(mean) {
                let at = server.random.between(0, 24 * HOUR);
                server.schedule(at, event);
            }
        };
        spread(self, self.lab.idle_per_day, Event::Idle);
        spread(self, self.lab.restarts_per_day, Event::Stop);
        // What never happens takes no lot, so that laboratories without it are drawn as before.
        let rare = [
            (self.lab.deaths_per_day, Event::Die),
            (self.lab.strangers_per_day, Event::Stranger),
            (self.lab.unwatched_per_day, Event::Sleep),
        ];
        for (mean, event) in rare.into_iter().filter(|(mean, _)| *mean > 0.0) {
            spread(self, mean, event);
        }
        spread(self, 1.0, Event::Touch);
        if self.random.chance(0.3) {
            let soon = self.random.between(0, 20 * MINUTE);
            self.schedule(soon, Event::Touch);
        }
    }

    /// A lot that is drawn only where it can fall either way.
    fn by_lot(&mut self, share: f64) -> bool {
        share > 0.0 && self.random.chance(share)
    }

    /// Seconds since midnight: mornings and afternoons, and now and then the night.
    fn time_of_day(&mut self) -> i64 {
        let hours = match self.random.unit() {
            u if u < 0.08 => self.random.unit() * 24.0,
            u if u < 0.52 => 10.0 + 1.3 * self.random.normal(),
            _ => 15.0 + 1.7 * self.random.normal(),
        };
        (hours.clamp(0.0, 23.99) * 3600.0) as i64
    }

    /// Milliseconds: half an hour mostly, overnight and for days sometimes.
    fn length_of_run(&mut self) -> i64 {
        let hours = match self.random.unit() {
            u if u < 0.01 => 24.0 + self.random.unit() * 72.0,
            u if u < 0.05 => 8.0 + self.random.unit() * 12.0,
            _ => (0.6 * (1.2 * self.random.normal()).exp()).min(10.0),
        };
        ((hours * HOUR as f64) as i64).max(4 * SECOND)
    }

    fn end(&mut self, token: usize, end: End) {
        let (now, looked) = (self.now, self.watcher.looked);
        let token = &mut self.tokens[token];
        if token.end.is_none() {
            (token.end, token.before_end) = (Some((now, end)), looked);
            let pair = token.pair;
            self.n_out -= usize::from(!self.is_shared(pair));
            if !self.waiting.is_empty() {
                self.schedule(1, Event::Serve);
            }
        }
    }

    fn close(&mut self, connection: u32, delay: i64, silent: bool) {
        let now = self.now;
        if let Some(life) = self.connections.get_mut(&connection) {
            life.closes = now + delay;
            if silent {
                life.closing = now;
            }
            self.last_closed.insert(life.ip, (life.tail.clone(), life.closes));
        }
    }

    /// The daemons end, with or without a word.
    fn stop(&mut self) {
        if !self.up {
            return;
        }
        if self.random.chance(0.7) {
            self.say("lmgrd", "Shutting down orglab pid=4711 due to signal 15", Tag::Chatter);
            self.now += 1;
            self.say("orglab", "daemon shutdown requested - shutting down", Tag::Chatter);
            self.now += 1;
            self.say("lmgrd", "EXITING DUE TO SIGNAL 15", Tag::Chatter);
        }
        let is_orderly = self.by_lot(self.lab.orderly);
        self.all_end(is_orderly);
        let later = self.random.between(3 * SECOND, 90 * SECOND);
        self.schedule(later, Event::Start { whole: true });
    }

    /// The vendor daemon dies alone; its manager says so, and starts it again.
    fn die(&mut self) {
        if !self.up {
            return;
        }
        self.all_end(false);
        let text = ["orglab exited with status 58 (Killed)", "Vendor daemon died with status 11"];
        let text = *self.random.pick(&text);
        self.say("lmgrd", text, Tag::Chatter);
        let later = self.random.between(SECOND, 30 * SECOND);
        self.schedule(later, Event::Start { whole: false });
    }

    /// Another vendor's daemon stops and is started again; nothing of ours changes.
    fn stranger(&mut self) {
        match self.random.index(3) {
            0 => {
                self.say("lmgrd", "Shutting down otherd pid=4712 due to signal 15", Tag::Chatter);
                self.now += 1;
                self.say("otherd", "daemon shutdown requested - shutting down", Tag::Chatter);
                self.now += 1;
                self.say("otherd", "IN: \"SOLVER\" nobody@ELSEWHERE  (SHUTDOWN)", Tag::Chatter);
            }
            1 => self.say("otherd", "EXITING DUE TO SIGNAL 15 Exit reason 4", Tag::Chatter),
            _ => self.say("lmgrd", "otherd exited with status 28 (Communications error)", Tag::Chatter),
        }
        self.now += 1;
        self.say("lmgrd", "REStarted otherd (internet tcp_port 60300 pid 4713)", Tag::Chatter);
        self.now += 1;
        self.say("otherd", "Server started on origin for:\tSOLVER", Tag::Chatter);
    }

    /// No token is out any more, and no connection is left.
    fn all_end(&mut self, is_orderly: bool) {
        self.up = false;
        self.waiting.clear();
        self.second_out.clear();
        for token in 0..self.tokens.len() {
            if self.tokens[token].end.is_some() {
                continue;
            }
            self.end(token, if is_orderly { End::Returned } else { End::Restart });
            if is_orderly {
                let who = self.who(self.tokens[token].pair);
                self.say("orglab", &format!("IN: \"{FEATURE}\" {who}  (SHUTDOWN)"), Tag::In(token));
                self.now += self.random.between(0, 2);
            }
            let pair = self.tokens[token].pair;
            // Who is still working takes a new token as soon as the application notices.
            if self.random.chance(0.5) {
                let later = self.random.between(2 * MINUTE, 15 * MINUTE);
                let lasts = self.length_of_run();
                self.schedule(later, Event::Begin { pair, lasts });
            }
        }
        let now = self.now;
        self.connections.values_mut().for_each(|life| life.closes = now);
    }

    fn start(&mut self, whole: bool) {
        self.up = true;
        if !whole {
            self.say("lmgrd", "REStarted orglab (internet tcp_port 60213 pid 4714)", Tag::Chatter);
            self.now += 2;
            self.say("orglab", "Server started on origin for:\tOriginPro", Tag::Chatter);
            return;
        }
        if self.lab.overwritten {
            self.debug_log.clear();
            self.log_from = self.now;
        }
        let date = dates::american(self.now, self.lab.zone);
        let banner = format!("FlexNet Licensing (v11.16.5.1 build 269489 x64_lsb) started on origin (linux) ({date})");
        self.say("lmgrd", &banner, Tag::Chatter);
        for text in [
            "lmgrd tcp-port 27000",
            "(@lmgrd-SLOG@) ===============================================",
            "Starting vendor daemons ...",
        ] {
            self.now += self.random.between(0, 2);
            self.say("lmgrd", text, Tag::Chatter);
        }
        self.now += 2;
        self.say("orglab", "Server started on origin for:\tOriginPro", Tag::Chatter);
    }

    fn who(&self, pair: usize) -> String {
        format!("{}@{}", self.pairs[pair].login, self.pairs[pair].host)
    }

    /// Writes a line of the debug log.
    fn say(&mut self, daemon: &str, message: &str, tag: Tag) {
        let line = &mut self.last_line;
        line.0.clear();
        let _ = writeln!(line.0, "{} ({daemon}) {message}", dates::clock(self.now, self.lab.zone));
        line.1 = tag;
        if self.lab.debug_log {
            self.debug_log.extend_from_slice(self.last_line.0.as_bytes());
        }
        self.changed();
    }

    fn changed(&mut self) {
        if self.now >= self.watched.0
            && self.is_watched
            && !self.last_line.0.is_empty()
            && let Some((delay, step)) = self.watcher.changed(&mut self.random)
        {
            self.schedule(delay, Event::Watch(step));
        }
    }

    fn watch(&mut self, step: Step) -> io::Result<()> {
        let next = match step {
            Step::Date => Some(self.watcher.date(self.now, &mut self.random)),
            Step::Look => {
                let (now, date, tokens) = (self.now, self.watcher.block_date(), &mut self.tokens);
                self.connections.retain(|_, life| {
                    if life.closes <= now {
                        note_seen(tokens, life, Some(date));
                    }
                    life.closes > now
                });
                Some(self.watcher.look(now, self.connections.values_mut(), &mut self.random))
            }
            Step::Tail => {
                let (line, tag) = &self.last_line;
                let (before, next) = self.watcher.tail(line, *tag, &mut self.random)?;
                if let Some(tag) = before {
                    note_shown(&mut self.tokens, &mut self.denials, tag);
                }
                Some(next)
            }
            Step::Done => self.watcher.done(),
        };
        if let Some((delay, step)) = next {
            self.schedule(delay, Event::Watch(step));
        }
        Ok(())
    }

    /// Whether a token is out that a further window of a pair would share.
    fn is_shared(&self, pair: usize) -> bool {
        self.lab.sharing && self.tokens.iter().any(|token| token.pair == pair && token.end.is_none())
    }

    fn lmstat(&mut self) -> String {
        let at = dates::local(self.now, self.lab.zone);
        let mut text = format!(
            "lmutil - Copyright (c) 1989-2018 Flexera. All Rights Reserved.\n\
             Flexible License Manager status on {} {} {}\n\n\
             Users of {FEATURE}:  (Total of {} licenses issued;  Total of {} licenses in use)\n\n  \
             \"{FEATURE}\" v9.4, vendor: orglab, expiry: 31-dec-2022\n  floating license\n\n",
            at.format("%a"),
            dates::american(self.now, self.lab.zone),
            at.format("%-H:%M"),
            self.lab.seats,
            self.n_out
        );
        let n_listed = self.tokens.iter().filter(|token| token.end.is_none()).count();
        let n_listed = if self.lab.cut_list { n_listed / 2 } else { n_listed };
        let listed = self.tokens.iter_mut().enumerate().filter(|(_, token)| token.end.is_none());
        for (handle, token) in listed.take(n_listed) {
            token.listed = true;
            let Pair { login, host, .. } = &self.pairs[token.pair];
            let since = dates::local(token.out, self.lab.zone);
            let since = since.format("%a %-m/%-d %-H:%M");
            let _ = writeln!(
                text,
                "    {login} {host} {host} (v9.4) (origin.labo.example/27000 {}), start {since}",
                100 + handle
            );
        }
        text
    }
}

/// What the blocks showed of a token's connection, which is gone as of a block, or there to the end.
fn note_seen(tokens: &mut [RawToken], life: &Connection, gone: Option<i64>) {
    for &token in &life.tokens {
        let token = &mut tokens[token];
        (token.first_seen, token.last_seen, token.gone) = (life.first_seen, life.last_seen, gone);
        token.closing_seen = life.closing_seen;
    }
}

/// A line is in the logwatch.
fn note_shown(tokens: &mut [RawToken], denials: &mut [RawDenial], tag: Tag) {
    match tag {
        Tag::Out(token) => tokens[token].out_shown = true,
        Tag::In(token) => tokens[token].back_shown = true,
        Tag::Denied(denial) => denials[denial].shown = true,
        Tag::Chatter => {}
    }
}
