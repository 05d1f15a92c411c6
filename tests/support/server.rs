//! A licence server in small: a debug log that grows, is overwritten and rotated, and for each token a real connection
//! to a listener on a loopback port, from a client with an address of its own.
//!
//! Shared by `tests/program/collect.rs` and `examples/collect_load.rs`.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs_err as fs;
use socket2::{Domain, Socket, Type};

/// How many clients there are; each has one user.
const CLIENTS: u8 = 60;

/// The server, and the truth of what it wrote.
pub(crate) struct Server {
    listener: TcpListener,
    path: PathBuf,
    log: fs::File,
    out: VecDeque<Held>,
    /// How many tokens are out at once.
    depth: usize,
    /// All lines, in order.
    pub(crate) lines: Vec<String>,
    /// The client's end of the connection of each `OUT`, in order, with the number of its line.
    pub(crate) ends: Vec<(usize, SocketAddr)>,
}

struct Held {
    user: u8,
    line: usize,
    client: TcpStream,
    server: TcpStream,
}

impl Server {
    pub(crate) fn new(log: &Path, depth: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let file = appending(log);
        let (out, lines, ends) = (VecDeque::new(), Vec::new(), Vec::new());
        Self { listener, path: log.to_owned(), log: file, out, depth, lines, ends }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// Writes the next line: tokens are taken until enough are out, then the oldest is given back and another taken, with
    /// chatter in between. `is_seen` says whether the watcher has a line: nobody gives a token back within a millisecond of
    /// having taken it, however busy this machine is.
    pub(crate) fn step(&mut self, is_seen: &mut dyn FnMut(usize) -> bool) {
        let n = self.lines.len();
        if n.is_multiple_of(10) {
            self.write(&format!("(@orglab-SLOG@) chatter {n}"));
        } else if self.out.len() < self.depth {
            self.take(n);
        } else if let Some(held) = self.out.pop_front() {
            let deadline = Instant::now() + Duration::from_secs(60);
            while !is_seen(held.line) {
                assert!(Instant::now() < deadline, "line {} is not in the logwatch after a minute", held.line);
                std::thread::sleep(Duration::from_millis(2));
            }
            self.give_back(held);
        }
    }

    fn take(&mut self, n: usize) {
        // Drawn without a pattern that a reader could use: neighbours in time are no neighbours in number.
        let user = u8::try_from((n * 7919 + n / 60) % usize::from(CLIENTS)).unwrap();
        let client = connect(address_of(user), self.listener.local_addr().unwrap());
        let (server, from) = self.listener.accept().unwrap();
        self.out.push_back(Held { user, line: n, client, server });
        self.ends.push((n, from));
        self.write(&format!("(orglab) OUT: \"OriginPro\" user{user:02}@pc{user:02}  "));
    }

    fn give_back(&mut self, held: Held) {
        let user = held.user;
        self.write(&format!("(orglab) IN: \"OriginPro\" user{user:02}@pc{user:02}  "));
        drop((held.server, held.client));
    }

    fn write(&mut self, message: &str) {
        let clock = chrono::Utc::now().with_timezone(&chrono_tz::Europe::Paris).format("%k:%M:%S");
        let line = format!("{clock} {message}");
        self.log.write_all(format!("{line}\n").as_bytes()).unwrap();
        self.lines.push(line);
    }

    /// FlexNet ends and starts: every connection is closed, and the log is overwritten. `caught_up` waits, as the seconds of
    /// a real restart do.
    pub(crate) fn restart(&mut self, caught_up: &mut dyn FnMut(usize)) {
        self.write("(orglab) EXITING DUE TO SIGNAL 15");
        caught_up(self.lines.len());
        self.out.clear();
        fs::File::create(&self.path).unwrap();
        self.write("(lmgrd) FlexNet Licensing (v11.16.5.1 build 255181 x64_lsb) started on labo (linux) (12/8/2021)");
    }

    /// The log is renamed; FlexNet writes on to it, and then to a new one.
    pub(crate) fn rotate(&mut self, is_seen: &mut dyn FnMut(usize) -> bool) {
        let mut old = self.path.clone().into_os_string();
        old.push(".1");
        fs::rename(&self.path, old).unwrap();
        for _ in 0..20 {
            self.step(is_seen);
        }
        self.log = appending(&self.path);
    }

    /// The `jeton.toml` that `collect` and `users` need of this server: its clock is that of Paris.
    pub(crate) fn write_config(&self, path: &Path) {
        let port = self.port();
        let text = format!(
            "[site]\nname = \"LABO\"\ntimezone = \"Europe/Paris\"\n\
             [origin]\nhost = \"labo\"\naddress = \"127.0.0.1\"\nport = {port}\nlogwatch = \"logwatch\"\n\
             [collect]\ndebug_log = \"log\"\nlogwatch = \"logwatch\"\nport = {port}\n"
        );
        fs::write(path, text).unwrap();
    }
}

/// The user at an address, as the log names it.
pub(crate) fn user_at(ip: &str) -> String {
    let last: u8 = ip.rsplit('.').next().unwrap().parse().unwrap();
    format!("user{:02}", last - 10)
}

fn address_of(user: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 7, 10 + user], 0))
}

fn appending(path: &Path) -> fs::File {
    fs::OpenOptions::new().create(true).append(true).open(path).unwrap()
}

/// A connection from an address of its own. It ends without TIME-WAIT: thousands of those would fill the kernel's table.
fn connect(from: SocketAddr, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&from.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    socket.into()
}

/// A logwatch while it grows: how many lines of the log it has, and whether each `OUT` has its connection.
pub(crate) struct Reading {
    path: PathBuf,
    offset: u64,
    rest: Vec<u8>,
    /// The peers of the block that is being read.
    peers: Vec<String>,
    /// The lines of the log, in order, without the collector's own.
    pub(crate) lines: Vec<String>,
    /// The `OUT`s with the peers of their block.
    pub(crate) outs: Vec<(usize, Vec<String>)>,
    pub(crate) n_blocks: usize,
}

impl Reading {
    pub(crate) fn new(path: &Path) -> Self {
        let (rest, peers, lines, outs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { path: path.to_owned(), offset: 0, rest, peers, lines, outs, n_blocks: 0 }
    }

    /// Reads what was added; says whether this line is there.
    pub(crate) fn has(&mut self, line: usize) -> bool {
        if self.lines.len() <= line {
            self.read();
        }
        self.lines.len() > line
    }

    pub(crate) fn read(&mut self) {
        use std::io::{Read, Seek, SeekFrom};
        let Ok(mut file) = fs::File::open(&self.path) else { return };
        file.seek(SeekFrom::Start(self.offset)).unwrap();
        let n = file.read_to_end(&mut self.rest).unwrap();
        self.offset += n as u64;
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return };
        let tail = self.rest.split_off(end + 1);
        let text = String::from_utf8(std::mem::replace(&mut self.rest, tail)).unwrap();
        for line in text.lines() {
            self.take(line);
        }
    }

    fn take(&mut self, line: &str) {
        let is_date = ["Mon ", "Tue ", "Wed ", "Thu ", "Fri ", "Sat ", "Sun "].iter().any(|day| line.starts_with(day));
        if is_date {
            self.peers.clear();
            self.n_blocks += 1;
        } else if line.starts_with("ESTAB") || line.starts_with("CLOSE-WAIT") || line.starts_with("FIN-WAIT") {
            self.peers.push(line.split_whitespace().nth(4).unwrap().to_owned());
        } else if !line.contains("(jeton)") {
            if line.contains(" OUT: ") {
                self.outs.push((self.lines.len(), self.peers.clone()));
            }
            self.lines.push(line.to_owned());
        }
    }

    /// The `OUT`s whose block does not show their connection, with the number of their line.
    pub(crate) fn outs_without_connection(&self, server: &Server) -> Vec<usize> {
        let ends: BTreeMap<usize, String> = server.ends.iter().map(|(n, end)| (*n, end.to_string())).collect();
        let alone = self.outs.iter().filter(|(n, peers)| !ends.get(n).is_some_and(|end| peers.contains(end)));
        alone.map(|(n, _)| *n).collect()
    }
}
