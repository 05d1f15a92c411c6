//! The page with ten years of a hundred people: how long each view takes while 20 readers ask as fast as they are answered and
//! nights go on, and how much memory that takes. The goals are 100 ms for 95 of 100 answers and 40 MB beyond SQLite's cache.
//!
//! `JETON_BENCH_YEARS` sets the years. Twenty readers who never read what they are shown are more than any laboratory has: the
//! second table is of twenty who look at each answer for a second.

#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

mod decade;
#[path = "simulator/mod.rs"]
mod simulator;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fs_err as fs;
use jeton::config::{Config, TraceSettings};
use jeton::pipeline::Memory as Paths;

use decade::{Memory, last_working_day, log_of, machines, months};
use simulator::SERVER;
use simulator::bulk::is_test;

const READERS: usize = 20;

/// What each reader asks for, in turn; `LAST` is the last day of the ledger and `YEAR` a year before it.
const VIEWS: [&str; 19] = [
    "/now",
    "/sessions",
    "/sessions?login=personne042&since=2012-01-01",
    "/sessions?outlet=rj3-042&since=2012-01-01",
    "/sessions?info=linux&since=2012-01-01&sort=duration_s&reverse=1&page=40",
    "/sessions?department=dpt2&since=YEAR",
    "/graphs/day",
    "/graphs/hours",
    "/graphs/hours?by=machine&since=YEAR&until=LAST",
    "/graphs/hours?by=user&since=YEAR&until=LAST&from=8&to=19",
    "/graphs/year",
    "/graphs/seats",
    "/graphs/seats?since=YEAR&until=LAST",
    "/graphs/week?since=YEAR&until=LAST",
    "/graphs/lengths?since=YEAR&until=LAST",
    "/users/personne042",
    "/outlets/RJ0-042",
    "/workbooks",
    "/anomalies",
];

/// The page, until this is dropped.
struct Page {
    child: Child,
    host: String,
    token: String,
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Page {
    fn of(config: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_jeton"))
            .args(["--config".as_ref(), config, "serve".as_ref()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program");
        let mut said = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut said).expect("an address");
        let (host, token) = said.trim().trim_start_matches("http://").split_once("/?token=").expect("an address");
        Self { child, host: host.to_owned(), token: token.to_owned() }
    }

    /// A line of `/proc/PID/status`, in MB.
    fn memory_mb(&self, line: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let found = status.lines().find_map(|found| found.strip_prefix(line)).unwrap_or_default();
        found.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or_default() / 1024.0
    }

    fn reader(&self) -> Reader {
        let stream = TcpStream::connect(&self.host).expect("the page listens");
        stream.set_nodelay(true).expect("a socket");
        let head = format!("Host: {}\r\nCookie: jeton={}\r\n\r\n", self.host, self.token);
        Reader { stream: BufReader::new(stream), head }
    }
}

/// A reader with a connection of their own.
struct Reader {
    stream: BufReader<TcpStream>,
    head: String,
}

impl Reader {
    /// How long an answer takes to the last byte, and how many bytes it has.
    fn ask(&mut self, path: &str) -> (Duration, usize) {
        let began = Instant::now();
        write!(self.stream.get_mut(), "GET {path} HTTP/1.1\r\n{}", self.head).expect("the page listens");
        let (mut length, mut line) = (0, String::new());
        let mut status = String::new();
        loop {
            line.clear();
            self.stream.read_line(&mut line).expect("an answer");
            if status.is_empty() {
                status.clone_from(&line);
            }
            let lower = line.trim_end().to_lowercase();
            if let Some(found) = lower.strip_prefix("content-length: ") {
                length = found.parse().expect("a number");
            }
            if lower.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("an answer");
        assert!(status.contains(" 200 "), "{path}: {status}");
        (began.elapsed(), length)
    }
}

/// The times of every view, and how long its answer is.
type Times = BTreeMap<String, (Vec<Duration>, usize)>;

/// What readers measure who ask for all views this many times, and think in between.
fn read(page: &Page, views: &[String], rounds: usize, pause: Duration) -> Times {
    thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|n| {
                scope.spawn(move || {
                    let (mut reader, mut times) = (page.reader(), Times::new());
                    thread::sleep(pause * u32::try_from(n).unwrap_or_default() / 20);
                    for at in 0..views.len() * rounds {
                        // Each begins elsewhere.
                        let view = &views[(at + n) % views.len()];
                        let (took, length) = reader.ask(view);
                        let of_view = times.entry(view.clone()).or_default();
                        of_view.0.push(took);
                        of_view.1 = length;
                        thread::sleep(pause);
                    }
                    times
                })
            })
            .collect();
        let mut all = Times::new();
        for reader in readers {
            for (view, (times, length)) in reader.join().expect("a reader") {
                let of_view = all.entry(view).or_default();
                of_view.0.extend(times);
                of_view.1 = length;
            }
        }
        all
    })
}

fn print(title: &str, times: Times) {
    println!("\n{title}\n{:70} {:>9} {:>9} {:>9} {:>8}", "view", "p50 ms", "p95 ms", "most ms", "KB");
    for (view, (mut times, length)) in times {
        times.sort_unstable();
        let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
        println!("{view:70} {:9.1} {:9.1} {:9.1} {:8.0}", at(50), at(95), at(100), length as f64 / 1e3);
    }
}

fn main() {
    let years = std::env::var("JETON_BENCH_YEARS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_u32);
    let n_months = if is_test() { 2 } else { years * 12 };
    let folder = tempfile::tempdir().expect("a folder");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let config = folder.path().join("jeton.toml");
    for name in ["Ordinateurs.ods", "dhcpd-511.conf", "dhcpd-512.conf"] {
        fs::copy(fixtures.join(name), folder.path().join(name)).expect("a file");
    }
    fs::create_dir(folder.path().join("replay")).expect("a folder");
    // The laboratory of the fixtures, with the server of the benchmarks and seats for a hundred people.
    let text = fs::read_to_string(fixtures.join("jeton.toml")).expect("a file");
    let text = text.replace("\"10.20.0.20\"", &format!("\"{SERVER}\"")).replace("seats = 3\n", "seats = 60\n");
    fs::write(&config, text).expect("a file");
    let loaded = Config::load(&config).unwrap_or_else(|errors| panic!("{errors}"));
    let settings = TraceSettings::from(&loaded);
    let ledger = Paths::path(&loaded);
    let evidence = Paths::evidence_path(&loaded);
    fs::create_dir_all(&evidence).expect("a folder");
    let mut memory = Memory::open(&evidence, ledger.parent().expect("a folder"), settings);
    let machines = machines();
    let mut last = None;
    for (first, end) in months(n_months) {
        memory.add(log_of(first, end).as_bytes());
        last = Some((first, last_working_day(end)));
    }
    memory.derive(&machines);
    let (first, last) = last.expect("a month");
    let tonight = log_of(first, last);

    let year = last - chrono::Months::new(12);
    let views = VIEWS.map(|view| view.replace("LAST", &last.to_string()).replace("YEAR", &year.to_string()));
    let page = Page::of(&config);
    let at_rest = page.memory_mb("VmRSS:");
    let mut alone = Times::new();
    let mut reader = page.reader();
    for _ in 0..if is_test() { 1 } else { 10 } {
        for view in &views {
            let (took, length) = reader.ask(view);
            let of_view = alone.entry(view.clone()).or_default();
            of_view.0.push(took);
            of_view.1 = length;
        }
    }
    let one = page.memory_mb("VmHWM:");
    print("One reader, no night:", alone);
    let is_over = AtomicBool::new(false);
    let mut nights = 0;
    thread::scope(|scope| {
        let night = scope.spawn(|| {
            let mut nights = 0;
            while !is_over.load(Ordering::Relaxed) {
                memory.add(tonight.as_bytes());
                memory.derive(&machines);
                nights += 1;
            }
            nights
        });
        if !is_test() {
            print(
                "Twenty readers who look at each answer for a second, nights one after the other:",
                read(&page, &views, 3, Duration::from_secs(1)),
            );
        }
        print(
            "Twenty readers who ask at once again, nights one after the other:",
            read(&page, &views, if is_test() { 1 } else { 5 }, Duration::ZERO),
        );
        is_over.store(true, Ordering::Relaxed);
        nights = night.join().expect("a night");
    });
    println!(
        "\n{nights} nights meanwhile. Memory of the page: {at_rest:.0} MB at rest, {one:.0} MB with one reader, {:.0} MB at most",
        page.memory_mb("VmHWM:")
    );
}
