//! The load of a bad day on a licence server, through `jeton collect` and through the shell loop that it replaces.
//!
//! ```sh
//! cargo build --release && cargo run --release --example collect_load -- 20000 5000
//! ```
//!
//! Writes lines at a rate to a debug log, with a real connection for each token, through two restarts of FlexNet, a
//! rotation and a collector that is killed and started again; then counts what the logwatch has of it, and how many
//! tokens `jeton users` gives to the right address. The loop (where `inotifywait` and `ss` are there) gets the same lines
//! at the same rate, without restarts, rotation and kill.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fs_err as fs;

#[path = "../tests/support/server.rs"]
mod server;

use server::{Reading, Server, user_at};

/// Tokens that are out at once.
const DEPTH: usize = 40;

/// The loop as the laboratory ran it; the port stands for 60213.
const LOOP: &str = "inotifywait -q -m -e modify log | while read -r filename event; do \
                    date >> logwatch; ss -n -t | grep PORT >> logwatch; tail -n 1 log >> logwatch; done";

fn main() {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<usize>().expect("LINES RATE"));
    let (lines, rate) = (numbers.next().unwrap_or(20_000), numbers.next().unwrap_or(5_000));
    Load::new(lines, rate).through_collector();
    if Command::new("inotifywait").arg("--help").output().is_ok() {
        Load::new(lines, rate).through_loop();
    } else {
        say("no inotifywait (Debian: inotify-tools): the loop is left out");
    }
}

struct Load {
    lines: usize,
    rate: usize,
    folder: tempfile::TempDir,
    server: Server,
    reading: Reading,
}

impl Load {
    fn new(lines: usize, rate: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the logs");
        let server = Server::new(&folder.path().join("log"), DEPTH);
        server.write_config(&folder.path().join("jeton.toml"));
        let reading = Reading::new(&folder.path().join("logwatch"));
        Self { lines, rate, folder, server, reading }
    }

    fn through_collector(mut self) {
        let fifth = self.lines / 5;
        let mut child = self.start_collector(1);
        let start = Instant::now();
        // The last line that was seen before the kill.
        let (mut down, mut known) = (false, 0);
        for n in 0..self.lines {
            let Self { server, reading, .. } = &mut self;
            if n == fifth || n == 4 * fifth {
                server.restart(&mut |n| wait(|| reading.has(n - 1)));
            } else if n == 2 * fifth {
                server.rotate(&mut |line| reading.has(line));
            } else if n == 3 * fifth {
                known = server.lines.len() - DEPTH / 2;
                wait(|| reading.has(known));
                child.kill().and_then(|()| child.wait()).expect("a collector to kill");
                down = true;
            } else if n == 3 * fifth + DEPTH {
                child = self.start_collector(2);
                self.reading = Reading::new(&self.folder.path().join("logwatch"));
                down = false;
            } else {
                server.step(&mut |line| (down && line <= known) || reading.has(line));
            }
            pause(start, n, self.rate);
        }
        let took = start.elapsed();
        wait(|| self.reading.has(self.server.lines.len() - 1));
        let cpu = cpu_ms(&child);
        end(&mut child);
        self.report("jeton collect", took);
        say(&format!("  {cpu} ms of processor since it was killed and started again, for the last two fifths"));
    }

    fn through_loop(mut self) {
        let line = LOOP.replace("PORT", &self.server.port().to_string());
        let mut child = Command::new("setsid")
            .args(["sh", "-c", &line])
            .current_dir(self.folder.path())
            .envs([("LC_ALL", "C"), ("TZ", "Europe/Paris")])
            .spawn()
            .expect("a shell");
        std::thread::sleep(Duration::from_secs(1));
        let start = Instant::now();
        // A token is held for as long as through the collector; the loop is not waited for, as most lines never come.
        for n in 0..self.lines {
            self.server.step(&mut |_| true);
            pause(start, n, self.rate);
        }
        let took = start.elapsed();
        std::thread::sleep(Duration::from_secs(2));
        // The whole pipeline is a process group of its own.
        let _ = Command::new("sh").args(["-c", &format!("kill -TERM -{}", child.id())]).status();
        let _ = child.wait();
        self.reading.read();
        self.report("the shell loop", took);
    }

    /// Starts a collector, and waits for its first block, the n-th of its kind.
    fn start_collector(&self, n: usize) -> Child {
        let mut command = Command::new(program());
        command.args(["--config", "jeton.toml", "collect"]);
        let child = command.current_dir(self.folder.path()).stderr(Stdio::null()).spawn().expect("jeton, built");
        let path = self.folder.path().join("logwatch");
        wait(|| fs::read_to_string(&path).is_ok_and(|text| text.matches("collect: begins").count() >= n));
        child
    }

    fn report(&mut self, name: &str, took: Duration) {
        let Self { server, reading, .. } = self;
        let mut shown: HashMap<&str, i64> = HashMap::new();
        for line in &reading.lines {
            *shown.entry(line).or_default() += 1;
        }
        let mut n_lost = 0;
        for line in &server.lines {
            let left = shown.entry(line).or_default();
            n_lost += usize::from(*left <= 0);
            *left -= 1;
        }
        let n_again: i64 = shown.values().filter(|left| **left > 0).sum();
        let in_order = if reading.lines == server.lines { ", all in order" } else { "" };
        let (n, rate) = (server.lines.len(), server.lines.len() as f64 / took.as_secs_f64());
        say(&format!("{name}: {n} lines at {rate:.0} a second, {} blocks", reading.n_blocks));
        say(&format!("  {n_lost} lost, {n_again} shown again{in_order}"));
        let n_alone = reading.outs_without_connection(server).len();
        say(&format!("  {} OUTs shown, {n_alone} of them without their connection", reading.outs.len()));
        let (n_right, n_wrong) = self.attributed();
        say(&format!(
            "  of {} tokens, users gives {n_right} to the right address, {n_wrong} to a wrong one",
            self.server.ends.len()
        ));
    }

    /// Of the tokens, how many `jeton users` gives to the right address, and to a wrong one.
    fn attributed(&self) -> (usize, usize) {
        let users = Command::new(program())
            .args(["--config", "jeton.toml", "users", "--logwatch", "logwatch", "--format", "csv"])
            .current_dir(self.folder.path())
            .output()
            .expect("jeton users");
        let (mut right, mut wrong) = (0, 0);
        for row in csv::Reader::from_reader(users.stdout.as_slice()).records().flatten() {
            let n: usize = row[5].parse().unwrap_or_default();
            if row[3].is_empty() {
                continue;
            }
            if user_at(&row[3]) == row[1] { right += n } else { wrong += n }
        }
        (right, wrong)
    }
}

fn pause(start: Instant, n: usize, rate: usize) {
    let due = start + Duration::from_secs_f64(n as f64 / rate as f64);
    std::thread::sleep(due.saturating_duration_since(Instant::now()));
}

fn wait(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "the collector is a minute late");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// User and system time of a process, in milliseconds (proc(5): clock ticks are hundredths of a second).
fn cpu_ms(child: &Child) -> u64 {
    let stat = fs::read_to_string(PathBuf::from(format!("/proc/{}/stat", child.id()))).unwrap_or_default();
    let words: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    words.iter().skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum::<u64>() * 10
}

fn end(child: &mut Child) {
    let _ = Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status();
    let _ = child.wait();
}

/// The program beside the example.
fn program() -> PathBuf {
    let example = std::env::current_exe().unwrap_or_default();
    example.ancestors().nth(2).unwrap_or(Path::new(".")).join("jeton")
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
