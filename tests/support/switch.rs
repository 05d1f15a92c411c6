//! A switch that is played: an SSH server with the manners of IOS, good and bad, on a loopback port.
//!
//! It shares no code with what is tested: russh is another implementation of the protocol.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use fs_err as fs;
use russh::keys::{Algorithm, PrivateKey};
use russh::server::{self, Auth, ChannelOpenHandle, Handle, Msg, Response, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, MethodKind, Preferred, cipher, kex, mac};

/// How a switch behaves.
#[derive(Clone)]
pub(crate) struct Manner {
    /// What it answers to which command; others are an invalid input.
    pub(crate) answers: BTreeMap<&'static str, String>,
    /// How it takes commands that are not typed.
    pub(crate) exec: Exec,
    /// What it says before its first prompt.
    pub(crate) banner: &'static str,
    /// Its prompt.
    pub(crate) prompt: &'static str,
    /// After how many rows it stops and asks, whatever it was told of the length of the terminal; never, where absent.
    pub(crate) page: Option<usize>,
    /// Whether it knows old algorithms only.
    pub(crate) is_old: bool,
    /// The password that it takes; a key of any kind, where absent.
    pub(crate) password: Option<&'static str>,
    /// Whether it asks for the password (keyboard-interactive), and takes none unasked.
    pub(crate) asks: bool,
    /// How many sessions it has at most; the others are closed at once.
    pub(crate) most_sessions: usize,
    /// For how long a line stays taken after its session.
    pub(crate) linger: Duration,
    /// How long it thinks before it answers.
    pub(crate) delay: Duration,
    /// What goes wrong.
    pub(crate) trouble: Trouble,
}

/// How a switch takes commands that are not typed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exec {
    /// One, then it closes the connection.
    Once,
    /// As many as there are.
    Always,
    /// None, and it serves only a connection's first channel.
    Refused,
    /// None: it says so and closes the connection.
    SaysNo,
    /// One, and it takes its leave so fast that libssh2 forgets the answer.
    TakesLeave,
}

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing.
    None,
    /// It takes the connection, and never says a word.
    Hangs,
    /// It says its name a byte at a time, without an end.
    DripsItsName,
    /// It answers a byte at a time.
    DripsItsAnswer,
    /// It is no SSH server.
    IsAWebServer,
    /// It closes the first so many connections at once.
    ClosesFirst(usize),
    /// It closes the connection in the middle of every answer.
    ClosesInTheMiddle,
    /// It answers what no switch would.
    AnswersGarbage,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            answers: BTreeMap::from([
                ("show interfaces description", interfaces()),
                ("show mac address-table", mac_table()),
                ("terminal length 0", String::new()),
            ]),
            exec: Exec::Once,
            banner: "",
            prompt: "Labo-A-1#",
            page: None,
            is_old: false,
            password: None,
            asks: false,
            most_sessions: 5,
            linger: Duration::ZERO,
            delay: Duration::ZERO,
            trouble: Trouble::None,
        }
    }
}

/// What `show interfaces description` answers: 48 ports.
pub(crate) fn interfaces() -> String {
    let rows = (1..=48).map(|port| format!("Gi1/0/{port:<23} up             up       RJLG{port:02}-01\r\n"));
    let rows: String = rows.collect();
    format!("Interface                      Status         Protocol Description\r\n{rows}")
}

/// What `show mac address-table` answers: a machine on each port, without a newline at the end.
pub(crate) fn mac_table() -> String {
    let rows = (1..=48).map(|port| format!("\r\n 511    024c.4200.{port:04x}    DYNAMIC     Gi1/0/{port}"));
    let rows: String = rows.collect();
    format!("Vlan    Mac Address       Type        Ports\r\n----    -----------       --------    -----{rows}")
}

/// What was seen of the other side.
#[derive(Default)]
pub(crate) struct Seen {
    /// Connections, those that were closed at once too.
    pub(crate) connections: AtomicUsize,
    /// Attempts to log in, the question for the ways to do so included.
    pub(crate) logins: AtomicUsize,
    now: AtomicUsize,
    commands: Mutex<Vec<String>>,
}

impl Seen {
    /// The commands, in their order.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.commands.lock().unwrap().clone()
    }
}

/// A switch on a loopback port, until it is dropped.
pub(crate) struct Switch {
    pub(crate) port: u16,
    pub(crate) seen: Arc<Seen>,
    /// The line of known_hosts that is its.
    pub(crate) known: String,
    is_over: Arc<AtomicBool>,
}

impl Switch {
    /// Plugs a switch in.
    pub(crate) fn new(manner: Manner) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let key = kept_key("switch", if manner.is_old { "rsa" } else { "ed25519" });
        let public = fs::read_to_string(format!("{}.pub", key.display())).unwrap();
        let words: Vec<&str> = public.split_whitespace().collect();
        let known = format!("[127.0.0.1]:{port} {} {}\n", words[0], words[1]);
        let (seen, is_over) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
        let (server, over) = (Arc::clone(&seen), Arc::clone(&is_over));
        thread::spawn(move || serve(&listener, &manner, &key, &server, &over));
        Self { port, seen, known, is_over }
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes it up to see that.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// The file of a private key of this name and kind, made once and kept for all runs of the tests.
pub(crate) fn kept_key(name: &str, kind: &str) -> PathBuf {
    static MAKING: Mutex<()> = Mutex::new(());
    let _alone = MAKING.lock().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("{name}-{kind}"));
    if !path.exists() {
        fs::create_dir_all(folder).unwrap();
        let making = tempfile::tempdir_in(folder).unwrap();
        let made = making.path().join("key");
        make_key(&made, kind, "");
        // Another run may do the same: what is there last is a whole pair.
        fs::rename(made.with_extension("pub"), format!("{}.pub", path.display())).unwrap();
        fs::rename(made, &path).unwrap();
    }
    path
}

/// Makes a pair of keys; the public one is beside it, with `.pub`.
pub(crate) fn make_key(path: &Path, kind: &str, passphrase: &str) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", kind, "-N", passphrase, "-C", "", "-f"]).arg(path);
    if kind == "rsa" {
        command.args(["-b", "2048"]);
    }
    assert!(command.status().expect("ssh-keygen (openssh-client)").success());
}

fn serve(listener: &TcpListener, manner: &Manner, key: &Path, seen: &Arc<Seen>, is_over: &AtomicBool) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let config = Arc::new(config(manner, key));
    for stream in listener.incoming() {
        if is_over.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let n_before = seen.connections.fetch_add(1, Ordering::SeqCst);
        let now = seen.now.load(Ordering::SeqCst);
        let is_closed = matches!(manner.trouble, Trouble::ClosesFirst(n) if n_before < n);
        if is_closed || now >= manner.most_sessions || misbehaves(&stream, manner.trouble) {
            continue;
        }
        seen.now.fetch_add(1, Ordering::SeqCst);
        let own = stream.try_clone().unwrap();
        stream.set_nonblocking(true).unwrap();
        let line = Line { manner: manner.clone(), seen: Arc::clone(seen), stream: Arc::new(own), ..Line::new() };
        let (config, seen, linger) = (Arc::clone(&config), Arc::clone(seen), manner.linger);
        runtime.spawn(async move {
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            if let Ok(session) = server::run_stream(config, stream, line).await {
                let _ = session.await;
            }
            tokio::time::sleep(linger).await;
            seen.now.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// Does what is no SSH at all; whether it did.
fn misbehaves(stream: &TcpStream, trouble: Trouble) -> bool {
    use std::io::Write;
    let mut stream = stream.try_clone().unwrap();
    match trouble {
        Trouble::Hangs => drop(thread::spawn(move || std::io::copy(&mut stream, &mut std::io::sink()))),
        Trouble::DripsItsName => drop(thread::spawn(move || {
            while stream.write_all(b"S").is_ok() {
                thread::sleep(Duration::from_millis(50));
            }
        })),
        Trouble::IsAWebServer => {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n<html>\r\n");
            let _ = stream.shutdown(Shutdown::Write);
            let _ = thread::spawn(move || std::io::copy(&mut stream, &mut std::io::sink())).join();
        }
        _ => return false,
    }
    true
}

fn config(manner: &Manner, key: &Path) -> server::Config {
    let old = || Preferred {
        kex: Cow::Borrowed(&[kex::DH_G1_SHA1]),
        key: Cow::Borrowed(&[Algorithm::Rsa { hash: None }]),
        cipher: Cow::Borrowed(&[cipher::AES_128_CBC, cipher::AES_256_CBC]),
        mac: Cow::Borrowed(&[mac::HMAC_SHA1]),
        ..Preferred::DEFAULT
    };
    let usual = server::Config::default();
    let keys: Vec<PrivateKey> = vec![russh::keys::load_secret_key(key, None).unwrap()];
    server::Config {
        server_id: russh::SshId::Standard("SSH-2.0-Cisco-1.25".into()),
        auth_rejection_time: Duration::ZERO,
        keys,
        preferred: if manner.is_old { old() } else { Preferred::DEFAULT },
        methods: if manner.asks { [MethodKind::KeyboardInteractive].as_slice().into() } else { usual.methods },
        nodelay: true,
        ..usual
    }
}

/// One connection.
struct Line {
    manner: Manner,
    seen: Arc<Seen>,
    stream: Arc<TcpStream>,
    n_channels: usize,
    typed: String,
    /// What is still to be shown of a paged answer.
    rest: Vec<String>,
}

impl Line {
    fn new() -> Self {
        let stream = TcpListener::bind(("127.0.0.1", 0)).and_then(|l| TcpStream::connect(l.local_addr()?)).unwrap();
        Self {
            manner: Manner::default(),
            seen: Arc::default(),
            stream: Arc::new(stream),
            n_channels: 0,
            typed: String::new(),
            rest: Vec::new(),
        }
    }

    fn answer_to(&self, line: &str) -> String {
        const INVALID: &str = "                ^\r\n% Invalid input detected at '^' marker.\r\n\r\n";
        if self.manner.trouble == Trouble::AnswersGarbage && line.starts_with("show") {
            return "\u{0}\u{1b}[2J<html>\u{7}\r\n".to_owned();
        }
        self.manner.answers.get(line).cloned().unwrap_or_else(|| INVALID.to_owned())
    }

    /// Shows rows up to the end of a page, then the prompt or the question whether to go on.
    fn show(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        let n = self.manner.page.unwrap_or(usize::MAX).min(self.rest.len());
        let rows: String = self.rest.drain(..n).collect();
        let end = if self.rest.is_empty() { self.manner.prompt } else { " --More-- " };
        session.data(channel, format!("{rows}{end}").into_bytes())
    }

    async fn type_line(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        let line = std::mem::take(&mut self.typed);
        session.data(channel, b"\r\n".to_vec())?;
        tokio::time::sleep(self.manner.delay).await;
        if !line.is_empty() {
            self.seen.commands.lock().unwrap().push(line.clone());
            let mut answer = self.answer_to(&line);
            if !answer.is_empty() && !answer.ends_with('\n') {
                answer.push_str("\r\n");
            }
            self.rest = answer.split_inclusive('\n').map(str::to_owned).collect();
            if self.manner.trouble == Trouble::ClosesInTheMiddle && line.starts_with("show") {
                let half = self.rest[..self.rest.len() / 2].concat();
                let (handle, stream) = (session.handle(), Arc::clone(&self.stream));
                tokio::spawn(async move { break_off(&handle, channel, half, &stream).await });
                return Ok(());
            }
        }
        self.show(channel, session)
    }
}

async fn break_off(handle: &Handle, channel: ChannelId, half: String, stream: &TcpStream) {
    let _ = handle.data(channel, half.into_bytes()).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let _ = stream.shutdown(Shutdown::Both);
}

impl server::Handler for Line {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<Auth, Self::Error> {
        self.seen.logins.fetch_add(1, Ordering::SeqCst);
        Ok(Auth::reject())
    }

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, Self::Error> {
        self.seen.logins.fetch_add(1, Ordering::SeqCst);
        Ok(if self.manner.password == Some(password) { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let Some(response) = response else {
            // As TACACS+ does behind IOS: who, where that is not clear, and the password.
            let prompts = vec![("Username: ".into(), true), ("Password: ".into(), false)].into();
            return Ok(Auth::Partial { name: "".into(), instructions: "Acces reserve".into(), prompts });
        };
        self.seen.logins.fetch_add(1, Ordering::SeqCst);
        let given: Vec<_> = response.collect();
        let wanted = [user, self.manner.password.unwrap_or_default()];
        Ok(if self.manner.asks && given == wanted { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        self.seen.logins.fetch_add(1, Ordering::SeqCst);
        Ok(if self.manner.password.is_none() { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.n_channels += 1;
        if self.n_channels == 1 || self.manner.exec == Exec::Always {
            reply.accept().await;
        }
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(russh::Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        line: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let line = String::from_utf8_lossy(line).into_owned();
        let answer = match self.manner.exec {
            Exec::Refused => return session.channel_failure(channel),
            Exec::SaysNo => format!("Line has invalid autocommand \"{line}\"\r\n"),
            Exec::Once | Exec::Always | Exec::TakesLeave => {
                self.seen.commands.lock().unwrap().push(line.clone());
                self.answer_to(&line)
            }
        };
        session.channel_success(channel)?;
        if self.manner.exec == Exec::TakesLeave {
            session.data(channel, answer.into_bytes())?;
            session.exit_status_request(channel, 0)?;
            session.eof(channel)?;
            session.close(channel)?;
            return session.disconnect(russh::Disconnect::ByApplication, "", "");
        }
        let (handle, manner, stream) = (session.handle(), self.manner.clone(), Arc::clone(&self.stream));
        tokio::spawn(async move {
            tokio::time::sleep(manner.delay).await;
            match manner.trouble {
                Trouble::ClosesInTheMiddle => {
                    return break_off(&handle, channel, answer[..answer.len() / 2].to_owned(), &stream).await;
                }
                Trouble::DripsItsAnswer => {
                    for byte in answer.into_bytes() {
                        if handle.data(channel, vec![byte]).await.is_err() {
                            return;
                        }
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
                _ => drop(handle.data(channel, answer.into_bytes()).await),
            }
            let _ = handle.exit_status_request(channel, 0).await;
            let _ = handle.eof(channel).await;
            let _ = handle.close(channel).await;
            if manner.exec != Exec::Always {
                // Long enough for the last bytes to be sent, as the end does not wait for them.
                tokio::time::sleep(Duration::from_millis(300)).await;
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
        Ok(())
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        session.channel_success(channel)?;
        session.data(channel, format!("{}{}", self.manner.banner, self.manner.prompt).into_bytes())
    }

    async fn data(&mut self, channel: ChannelId, data: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        for byte in data {
            match byte {
                b'\n' | b'\r' if self.rest.is_empty() => self.type_line(channel, session).await?,
                _ if !self.rest.is_empty() => {
                    // As IOS wipes its question away.
                    session.data(channel, [[8; 10], [b' '; 10], [8; 10]].concat())?;
                    self.show(channel, session)?;
                }
                byte => {
                    self.typed.push(char::from(*byte));
                    session.data(channel, vec![*byte])?;
                }
            }
        }
        Ok(())
    }
}
