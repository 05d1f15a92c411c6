//! `jeton collect` beside a log that grows, breaks and comes back.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chrono::{NaiveDateTime, TimeDelta};
use fs_err as fs;

use crate::server::{Reading, Server, user_at};
use crate::support::{Lab, PROGRAM, command, rows_of};

/// A collector in a folder of its own, which ends with the test.
struct Collecting {
    folder: PathBuf,
    child: Child,
    port: u16,
    _lab: Option<tempfile::TempDir>,
}

impl Collecting {
    /// The words after `jeton collect`; the log is `log`, the logwatch `logwatch`.
    fn new(options: &str) -> Self {
        Self::prepared(options, |_| {})
    }

    fn prepared(options: &str, prepare: impl FnOnce(&Path)) -> Self {
        let lab = tempfile::tempdir().unwrap();
        prepare(lab.path());
        let command = collector(lab.path(), options);
        Self::of(lab, command)
    }

    fn of(lab: tempfile::TempDir, mut command: Command) -> Self {
        let (folder, child) = (lab.path().to_owned(), command.spawn().unwrap());
        Self { folder, child, port: 60213, _lab: Some(lab) }.wait_for_begin(1)
    }

    fn beside(folder: &Path, server: &Server) -> Self {
        let port = server.port();
        let child = collector(folder, &format!("--port {port}")).spawn().unwrap();
        Self { folder: folder.to_owned(), child, port, _lab: None }.wait_for_begin(1)
    }

    fn wait_for_begin(self, n: usize) -> Self {
        self.until("it begins", |this| this.text("logwatch").matches("collect: begins").count() >= n);
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(name)).unwrap_or_default()).into_owned()
    }

    fn append(&self, name: &str, text: impl AsRef<[u8]>) {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap();
        file.write_all(text.as_ref()).unwrap();
    }

    /// The lines of the log that a part of the logwatch has.
    fn lines(&self, name: &str) -> Vec<String> {
        let mut reading = Reading::new(&self.path(name));
        reading.read();
        reading.lines
    }

    #[track_caller]
    fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !holds(self) {
            let (said, logwatch) = (self.text("err"), self.text("logwatch"));
            assert!(
                Instant::now() < deadline,
                "{what}: not after a minute\n--- stderr\n{said}\n--- logwatch\n{logwatch}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[track_caller]
    fn until_lines(&self, expected: &[&str]) {
        self.until(&format!("lines {expected:?}"), |this| this.lines("logwatch").len() >= expected.len());
        assert_eq!(self.lines("logwatch"), expected);
    }

    #[track_caller]
    fn until_said(&self, text: &str) {
        self.until(text, |this| this.text("err").contains(text));
    }

    /// `kill -9`.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn again(&mut self) {
        let n = self.text("logwatch").matches("collect: begins").count();
        self.child = collector(&self.folder, &format!("--port {}", self.port)).spawn().unwrap();
        self.until("it begins again", |this| this.text("logwatch").matches("collect: begins").count() > n);
    }

    /// `systemctl stop`.
    fn stop(&mut self) -> Option<i32> {
        // The shell's own `kill`: not every machine has another.
        Command::new("sh").args(["-c", &format!("kill -TERM {}", self.child.id())]).status().unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command of a collector of `log`, if the options name no other; what it says goes into `err`.
fn collector(folder: &Path, options: &str) -> Command {
    let mut command = command(folder);
    command.args("collect --logwatch logwatch".split(' ')).env("TZ", "Europe/Paris").stderr(said(folder));
    for (option, value) in [("--debug-log", "log"), ("--port", "60213")] {
        if !options.contains(option) {
            command.args([option, value]);
        }
    }
    command.args(options.split_whitespace());
    command
}

fn said(folder: &Path) -> Stdio {
    fs::OpenOptions::new().create(true).append(true).open(folder.join("err")).unwrap().into_parts().0.into()
}

/// Lines at a rate, through two restarts of FlexNet, a rotation, and a collector that is killed: each line once, in order,
/// each `OUT` beside its connection, and each token at its address.
#[test]
fn each_line_comes_once_with_its_connection_and_each_token_goes_to_its_address() {
    const LINES: usize = 3000;
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::new(&folder.path().join("log"), 30);
    let mut collecting = Collecting::beside(folder.path(), &server);
    let mut reading = Reading::new(&folder.path().join("logwatch"));
    let (start, mut known) = (Instant::now(), 0);
    for n in 0..LINES {
        match n {
            600 | 2400 => server.restart(&mut |n| collecting.until("it caught up", |_| reading.has(n - 1))),
            1200 => server.rotate(&mut |line| reading.has(line)),
            // The tokens that are given back while nobody watches were seen; what is written next may be half-way.
            1800 => {
                known = server.lines.len() - 20;
                collecting.until("it has the tokens", |_| reading.has(known));
                collecting.kill();
            }
            1840 => {
                collecting.again();
                reading = Reading::new(&folder.path().join("logwatch"));
            }
            1801..1840 => server.step(&mut |line| line <= known),
            _ => server.step(&mut |line| reading.has(line)),
        }
        // 2,000 a second, where this machine can.
        std::thread::sleep((start + Duration::from_micros(500) * u32::try_from(n).unwrap()) - Instant::now());
    }
    collecting.until("it caught up", |_| reading.has(server.lines.len() - 1));
    assert_eq!(collecting.stop(), Some(0));
    assert_eq!(reading.lines, server.lines);
    assert_eq!(reading.outs_without_connection(&server), Vec::<usize>::new());

    server.write_config(&folder.path().join("jeton.toml"));
    let users = command(folder.path()).args("users --logwatch logwatch --format csv".split(' ')).output().unwrap();
    let rows = rows_of(&String::from_utf8(users.stdout).unwrap());
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for row in &rows {
        assert_eq!((row["login"].as_str(), row["against"].as_str()), (user_at(&row["ip"]).as_str(), "0"), "{row:?}");
        *found.entry(row["ip"].clone()).or_default() += row["for"].parse::<usize>().unwrap();
    }
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for (_, end) in &server.ends {
        *taken.entry(end.ip().to_string()).or_default() += 1;
    }
    assert_eq!(found, taken);
}

#[test]
fn a_block_is_a_date_connections_and_all_new_lines() {
    let mut collecting = Collecting::new("--locale fr");
    assert!(collecting.text("err").contains("warning: `log` is not there: waiting for it"));
    collecting.append("log", "14:00:20 (orglab) OUT: \"OriginPro\" a@b  \n14:00:20 (orglab) x\n14:00:2");
    collecting.until("both lines", |this| this.text("logwatch").contains("(orglab) x\n"));
    let text = collecting.text("logwatch");
    assert!(text.ends_with("\n14:00:20 (orglab) OUT: \"OriginPro\" a@b  \n14:00:20 (orglab) x\n"), "{text}");
    let french = ["lun. ", "mar. ", "mer. ", "jeu. ", "ven. ", "sam. ", "dim. "];
    assert!(french.iter().any(|day| text.starts_with(day)), "{text}");
    collecting.append("log", "1 (orglab) IN: \"OriginPro\" a@b  \n");
    collecting.until("the line whose end was late", |this| this.text("logwatch").contains("14:00:21 (orglab) IN"));
    assert_eq!(collecting.stop(), Some(0));
    assert!(collecting.text("logwatch").ends_with(" (jeton) collect: ends\n"));
}

#[test]
fn what_is_no_log_is_said_and_waited_for() {
    for (make, said) in
        [("mkdir log", "is a directory"), ("mkfifo log", "is a pipe or a device"), ("true", "is not there")]
    {
        let mut collecting = Collecting::prepared("", |folder| {
            assert!(Command::new("sh").args(["-c", make]).current_dir(folder).status().unwrap().success());
        });
        collecting.until_said(said);
        Command::new("sh").args(["-c", "rm -rf log"]).current_dir(&collecting.folder).status().unwrap();
        collecting.append("log", "one\n");
        collecting.until_lines(&["one"]);
        assert_eq!(collecting.stop(), Some(0));
    }
}

#[test]
fn bad_bytes_are_said_and_cost_no_line() {
    let collecting = Collecting::new("");
    collecting.append("log", b"14:00:20 (orglab) IN: \"x\" Andr\xe9@pc\n");
    collecting.append("log", b"nul\0nul\n");
    collecting.append("log", "long ".repeat(200_000) + "\nlast\n");
    collecting.until("the last line", |this| this.text("logwatch").ends_with("last\n"));
    for said in ["not UTF-8", "NUL bytes", "more than 64 KiB"] {
        collecting.until_said(said);
    }
    let bytes = fs::read(collecting.path("logwatch")).unwrap();
    assert!(bytes.windows(9).any(|window| window == b"Andr\xe9@pc\n"), "Latin-1 is kept as it is");
    assert!(collecting.text("logwatch").contains("nulnul\n"));
    assert!(bytes.len() > 1_000_000, "the line is whole");
    assert!(!collecting.text("err").contains("Andr"), "nobody is named");
}

#[test]
fn a_folder_may_be_replaced() {
    let collecting =
        Collecting::prepared("--debug-log flexlm/log", |folder| fs::create_dir(folder.join("flexlm")).unwrap());
    collecting.append("flexlm/log", "one\n");
    collecting.until_lines(&["one"]);
    fs::rename(collecting.path("flexlm"), collecting.path("old")).unwrap();
    fs::create_dir(collecting.path("flexlm")).unwrap();
    collecting.append("old/log", "two\n");
    collecting.append("flexlm/log", "three\n");
    collecting.until_lines(&["one", "two", "three"]);
}

#[test]
fn a_stop_and_a_kill_lose_nothing_and_repeat_nothing() {
    let mut collecting = Collecting::new("");
    collecting.append("log", "one\n");
    collecting.until_lines(&["one"]);
    collecting.kill();
    collecting.append("log", "two\nthr");
    collecting.again();
    collecting.until_lines(&["one", "two"]);
    assert_eq!(collecting.stop(), Some(0));
    // Rotated while nobody watched.
    collecting.append("log", "ee\nfour\n");
    fs::rename(collecting.path("log"), collecting.path("log.1")).unwrap();
    collecting.append("log", "five\n");
    collecting.again();
    collecting.until_lines(&["one", "two", "three", "four", "five"]);
}

#[test]
fn its_own_logwatch_may_be_rotated() {
    let collecting = Collecting::new("");
    collecting.append("log", "one\n");
    collecting.until_lines(&["one"]);
    fs::rename(collecting.path("logwatch"), collecting.path("logwatch.1")).unwrap();
    collecting.append("log", "two\n");
    collecting.until_lines(&["two"]);
    assert!(
        collecting.text("logwatch").contains("(jeton) collect: goes on\n"),
        "readers of this part alone know who wrote it"
    );
    // `copytruncate`.
    fs::copy(collecting.path("logwatch"), collecting.path("logwatch.1")).unwrap();
    fs::OpenOptions::new().write(true).truncate(true).open(collecting.path("logwatch")).unwrap();
    collecting.append("log", "three\n");
    collecting.until_lines(&["three"]);
    assert_eq!(collecting.text("logwatch").matches("collect: goes on").count(), 1);
}

/// A limit on the size of files is what a full disk is to a test without root: the write fails half-way.
#[test]
fn a_full_disk_is_said_waited_for_and_costs_no_line() {
    let lab = tempfile::tempdir().unwrap();
    let line = format!(
        "trap '' XFSZ; ulimit -S -f 24; exec {PROGRAM} collect --debug-log log --logwatch logwatch --port 60213"
    );
    let mut command = Command::new("sh");
    command.args(["-c", &line]).current_dir(lab.path()).stderr(said(lab.path()));
    let mut collecting = Collecting::of(lab, command);
    let lines: Vec<String> = (0..200).map(|n| format!("{n} {}", "x".repeat(100))).collect();
    for line in &lines[..150] {
        collecting.append("log", format!("{line}\n"));
    }
    collecting.until_said("waiting; the lines stay in the log until then");
    let text = collecting.text("logwatch");
    assert!(text.is_empty() || text.ends_with('\n'), "no half a block");
    for line in &lines[150..] {
        collecting.append("log", format!("{line}\n"));
    }
    let pid = collecting.child.id().to_string();
    assert!(Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status().unwrap().success());
    collecting.until_said("the logwatch can be written again");
    collecting.until_lines(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(collecting.stop(), Some(0));
}

#[test]
fn a_sign_of_life_comes_while_tokens_are_out_and_only_then() {
    let collecting = Collecting::new("--pulse 1");
    collecting.append("log", "14:00:20 (orglab) OUT: \"OriginPro\" a@b  \n");
    collecting
        .until("two signs of life", |this| this.text("logwatch").matches("(jeton) collect: 1 out\n").count() >= 2);
    collecting.append("log", "14:00:21 (orglab) IN: \"OriginPro\" a@b  \n");
    collecting.until("the IN", |this| this.text("logwatch").contains(" IN: "));
    let text = collecting.text("logwatch");
    assert!(!text[text.find(" IN: ").unwrap()..].contains("collect: "), "{text}");
}

/// Only what date lines show is the wall clock's: a line comes at once and a sign of life after its second, whether the
/// clock goes back by hours or ahead by days. (libfaketime(1) gives the collector another clock.)
#[test]
fn a_clock_that_jumps_costs_no_line_and_delays_no_sign_of_life() {
    let ran = Command::new("faketime").args(["-m", "-f", "+0", "printenv", "LD_PRELOAD"]).output().unwrap();
    let library = String::from_utf8(ran.stdout).unwrap();
    let lab = tempfile::tempdir().unwrap();
    let clock = lab.path().join("clock");
    fs::write(&clock, "+0").unwrap();
    let mut command = collector(lab.path(), "--pulse 1");
    command.env("LD_PRELOAD", library.trim()).env("FAKETIME_TIMESTAMP_FILE", &clock);
    command.envs(["FAKETIME_NO_CACHE", "FAKETIME_DONT_FAKE_MONOTONIC", "NO_FAKE_STAT"].map(|name| (name, "1")));
    let mut collecting = Collecting::of(lab, command);
    let mut lines = vec!["14:00:20 (orglab) OUT: \"OriginPro\" a@b  ".to_owned()];
    for hours in [0, -3, 48, 47, -24 * 400, 0] {
        let jumped = collecting.path("jumped");
        fs::write(&jumped, format!("{hours:+}h")).unwrap();
        fs::rename(jumped, &clock).unwrap();
        let line = format!("{}\n", lines.last().unwrap());
        collecting.append("log", &line);
        collecting.until_lines(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let until_line = collecting.text("logwatch").find(&line).unwrap();
        let sign = "(jeton) collect: 1 out\n";
        collecting.until("a sign of life", |this| this.text("logwatch")[until_line..].contains(sign));
        let text = collecting.text("logwatch");
        let (before, after) = text.split_at(until_line);
        let date = |line: &str| NaiveDateTime::parse_from_str(line, "%a %b %e %T %Z %Y").ok();
        let dates: Vec<_> =
            before.lines().filter_map(date).next_back().into_iter().chain(after.lines().filter_map(date)).collect();
        assert!(dates.len() >= 2, "{hours}: {text}");
        let now = (chrono::Utc::now() + TimeDelta::hours(hours)).with_timezone(&chrono_tz::Europe::Paris);
        for date in dates {
            let apart = (now.naive_local() - date).abs();
            assert!(apart < TimeDelta::minutes(30), "{hours}: {date} beside {now}");
        }
        lines.push(format!("14:00:20 (orglab) something else {hours}"));
    }
    assert_eq!(collecting.stop(), Some(0));
}

#[test]
fn two_collectors_never_write_one_logwatch() {
    let collecting = Collecting::new("");
    let second = collector(&collecting.folder, "").status().unwrap();
    assert_eq!(second.code(), Some(1));
    collecting.until_said("error: another `jeton collect` writes `logwatch`");
}

#[test]
fn what_is_missing_is_told_before_any_work() {
    let lab = Lab::new().with_folder("empty");
    let ran = lab.jeton_in("empty", "collect --debug-log log --port 60213").exits(2).errors(1);
    ran.complains("no configuration").complains("--debug-log FILE --logwatch FILE --port PORT");
    lab.jeton_in("empty", "collect --debug-log log --logwatch ./log --port 60213").exits(2).errors(1);
    lab.jeton("collect").exits(2).errors(1).complains("missing section `[collect]`");
    assert!(lab.files("empty").is_empty());
}

/// A line as daemons write them.
fn line(word: &str) -> String {
    format!("9:00:00 (orglab) {word}\n")
}

impl Collecting {
    #[track_caller]
    fn until_words(&self, words: &[&str]) {
        let lines: Vec<String> = words.iter().map(|word| line(word).trim_end().to_owned()).collect();
        self.until_lines(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn a_log_that_is_away_for_a_restart_is_read_on() {
    let mut this = Collecting::new("");
    this.append("log", format!("{}{}", line("one"), line("two")));
    this.until_words(&["one", "two"]);
    this.kill();
    fs::create_dir(this.path("elsewhere")).unwrap();
    fs::rename(this.path("log"), this.path("elsewhere/x")).unwrap();
    this.again();
    this.until_said("is not there: waiting for it");
    // Twice: the place is not forgotten with the first block.
    this.kill();
    this.again();
    fs::rename(this.path("elsewhere/x"), this.path("log")).unwrap();
    this.append("log", line("three"));
    this.until_words(&["one", "two", "three"]);
}

#[test]
fn a_log_that_is_replaced_by_its_copy_or_cut_is_read_on() {
    let this = Collecting::new("");
    this.append("log", ["one", "two", "three", "four"].map(line).concat());
    this.until_words(&["one", "two", "three", "four"]);
    fs::copy(this.path("log"), this.path("copy")).unwrap();
    fs::rename(this.path("copy"), this.path("log")).unwrap();
    this.until_said("another file that holds the same");
    this.append("log", line("five"));
    this.until_words(&["one", "two", "three", "four", "five"]);
    fs::write(this.path("cut"), ["four", "five"].map(line).concat()).unwrap();
    fs::rename(this.path("cut"), this.path("log")).unwrap();
    this.until_said("read on behind the last line that the logwatch holds");
    this.append("log", line("six"));
    this.until_words(&["one", "two", "three", "four", "five", "six"]);
}

#[test]
fn without_its_state_it_goes_on_behind_what_the_logwatch_holds() {
    let mut this = Collecting::new("");
    this.append("log", ["one", "two", "three"].map(line).concat());
    this.until_words(&["one", "two", "three"]);
    let mut expected = vec!["one", "two", "three"];
    let state = |text: Option<&[u8]>, this: &Collecting| match text {
        Some(text) => fs::write(this.path("logwatch.state"), text).unwrap(),
        None => fs::remove_file(this.path("logwatch.state")).unwrap(),
    };
    let newer = b"00000000 {\"version\":9}";
    let cases: [(Option<&[u8]>, &str); 4] =
        [(Some(b""), "four"), (Some(&[0; 8192]), "five"), (Some(newer), "six"), (None, "seven")];
    for (text, next) in cases {
        this.kill();
        state(text, &this);
        this.append("log", line(next));
        this.again();
        expected.push(next);
        this.until_words(&expected);
    }
    assert_eq!(this.text("err").matches("is empty, damaged or of another version").count(), 3);
    assert_eq!(this.text("err").matches("read on behind the last line that the logwatch holds").count(), 4);
}

#[test]
fn without_inotify_it_looks_once_a_second_and_names_the_limit() {
    for what in ["instances", "watches"] {
        let lab = tempfile::tempdir().unwrap();
        let inner = collector(lab.path(), "");
        let mut command = Command::new("unshare");
        let limit = format!("echo 0 >/proc/sys/user/max_inotify_{what}; exec \"$@\"");
        command.args(["--user", "--map-root-user", "sh", "-c", &limit, "sh"]);
        command.arg(inner.get_program()).args(inner.get_args()).current_dir(lab.path());
        command.env("TZ", "Europe/Paris").stderr(said(lab.path()));
        let this = Collecting::of(lab, command);
        this.until_said(&format!("no inotify {what} are left (fs.inotify.max_user_{what} is "));
        this.until_said("the log is looked at once a second");
        this.append("log", line("one"));
        this.until_words(&["one"]);
    }
}
