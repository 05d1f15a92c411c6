//! Nights that are killed, crossed, missed, or whose disk fails: the next one finds everything whole, and completes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::simulator::random::Random;
use crate::support::disk::{self, Fault};
use crate::support::outcome::Outcome;
use crate::support::{DEBUG_LOG, HISTORY, LOGWATCH, Lab, command, names_in, truth};

/// The last of the laboratory's three days, as its logs begin it.
const LAST_DAY: [(&str, &str); 2] =
    [(LOGWATCH, "ven. déc. 10 "), (DEBUG_LOG, " 0:59:58 (orglab) TIMESTAMP 12/10/2021")];

type Files = BTreeMap<String, Vec<u8>>;

/// The laboratory with nothing missing, in memory: what is tested is the order of the writes, not the speed of a disk.
fn lab(formats: &str) -> Lab {
    Lab::in_memory().edit("jeton.toml", |text| {
        let text = text.replace(r#"["ods", "xlsx"]"#, formats);
        text.lines().filter(|line| !line.starts_with("lmstat")).collect::<Vec<_>>().join("\n")
    })
}

/// The laboratory at its last night: with the nights before, or with none.
fn at_last_night(formats: &str, first: bool) -> Lab {
    let mut lab = lab(formats);
    if first {
        return lab;
    }
    let whole = LAST_DAY.map(|(log, _)| lab.text(log));
    for (log, begin) in LAST_DAY {
        lab = lab.edit(log, |text| text[..text.find(begin).unwrap()].to_owned());
    }
    lab.jeton("nightly --no-push").exits(0).says("days: 2021-12-08 to 2021-12-09\n");
    for ((log, _), text) in LAST_DAY.iter().zip(whole) {
        lab = lab.with(log, text);
    }
    lab
}

/// What an undisturbed night leaves, and how long it takes.
fn undisturbed(base: &Lab) -> (Outcome, Duration) {
    let lab = base.like();
    let begin = Instant::now();
    lab.jeton("nightly --no-push").exits(0);
    let took = begin.elapsed();
    (Outcome::of(&lab), took)
}

/// Every file has what it had before the night, or what an undisturbed one leaves; nothing is half there.
#[track_caller]
fn whole(lab: &Lab, before: &Files, after: &Files, what: &str) {
    for (name, bytes) in lab.files("out") {
        let is_whole = [before, after].iter().any(|files| files.get(&name) == Some(&bytes));
        // How much of each log is known is noted one log after the other.
        let is_at_work = name.contains(".tmp") || name.contains("jeton.db") || name.ends_with("/marks.json");
        assert!(is_whole || is_at_work, "{what}: {name}");
    }
}

/// What a search finds of everything.
fn sessions(lab: &Lab) -> String {
    lab.jeton("sessions --format csv").exits(0).out
}

/// What two nights leave is the same.
#[track_caller]
fn same(lab: &Lab, expected: &Outcome, what: &str) {
    if let Some(difference) = Outcome::of(lab).difference(expected) {
        panic!("{what}: {difference}");
    }
}

/// A night that is under way.
fn begin(lab: &Lab, options: &str) -> Child {
    let mut night = command(&lab.path(""));
    night.args(["nightly", "--no-push"]).args(options.split_whitespace());
    night.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Begins a night and kills it after a while; whether it was still under way.
fn is_killed(lab: &Lab, after: Duration) -> bool {
    let mut night = begin(lab, "");
    std::thread::sleep(after);
    night.kill().unwrap();
    night.wait().unwrap().signal() == Some(9)
}

#[test]
fn a_night_that_is_killed_at_any_moment_is_completed_by_the_next() {
    const MOMENTS: u64 = 60;
    for first in [true, false] {
        let base = at_last_night(r#"["ods"]"#, first);
        let before = sessions(&base);
        let (expected, usual) = undisturbed(&base);
        let after = sessions(&lab(r#"["ods"]"#));
        (0..MOMENTS).into_par_iter().for_each(|seed| {
            let mut random = Random::new(seed);
            let mut moment = (seed as f64 + random.unit()) / MOMENTS as f64;
            let mut lab = base.like();
            while !is_killed(&lab, usual.mul_f64(moment)) {
                moment /= 2.0;
                lab = base.like();
            }
            let what = format!("first {first}, seed {seed}, {moment}");
            // Whoever reads in between sees what was before, or what is after.
            let seen = sessions(&lab);
            assert!(seen == before || seen == after, "{what}: {seen}");
            if random.chance(0.3) {
                is_killed(&lab, usual.mul_f64(random.unit()));
            }
            lab.jeton("nightly --no-push").exits(0);
            same(&lab, &expected, &what);
            assert_eq!(sessions(&lab), after, "{what}");
        });
    }
}

#[test]
fn a_night_that_is_killed_at_any_write_is_completed_by_the_next() {
    for first in [true, false] {
        let base = at_last_night(r#"["csv"]"#, first);
        let (expected, _) = undisturbed(&base);
        let night = base.like();
        let calls = disk::calls(&night);
        let [before, after] = [&base, &night].map(|lab| lab.files("out"));
        assert!(calls > 50, "a night of {calls} calls changes more than that");
        (1..=calls).into_par_iter().for_each(|call| {
            let lab = base.like();
            let done = disk::night_with(&lab, Fault::Kill, call);
            let what = format!("first {first}, call {call} of {calls}");
            assert_eq!(done.status.signal(), Some(9), "{what}: {done:?}");
            whole(&lab, &before, &after, &what);
            lab.jeton("nightly --no-push").exits(0);
            same(&lab, &expected, &what);
        });
    }
}

#[test]
fn a_night_whose_writes_fail_says_so_and_is_completed_by_the_next() {
    let names = names_in(&truth());
    for (first, fault, step) in [(true, Fault::NoSpace, 3), (false, Fault::ReadOnly, 3), (false, Fault::Broken, 4)] {
        let base = at_last_night(r#"["csv"]"#, first);
        let (expected, _) = undisturbed(&base);
        let night = base.like();
        let calls = disk::calls(&night);
        let [before, after] = [&base, &night].map(|lab| lab.files("out"));
        (0..calls).into_par_iter().step_by(step).map(|call| call + 1).for_each(|call| {
            let lab = base.like();
            let done = disk::night_with(&lab, fault, call);
            let said = String::from_utf8_lossy(&done.stderr);
            let what = format!("first {first}, {fault:?} at call {call} of {calls}: {:?} {said}", done.status);
            match done.status.code() {
                // The disk failed where it does no harm: at most SQLite could not tidy up behind itself.
                Some(0) => assert_eq!(sessions(&lab), sessions(&night), "{what}"),
                Some(1) => assert!(said.contains("error: "), "{what}"),
                Some(3) => assert!(said.contains("gap: "), "{what}"),
                _ => panic!("{what}"),
            }
            whole(&lab, &before, &after, &what);
            let named = names.iter().find(|name| crate::support::has_word(&said, name));
            assert_eq!(named, None, "{what}");
            lab.jeton("nightly --no-push").exits(0);
            same(&lab, &expected, &what);
        });
    }
}

#[test]
fn a_disk_that_is_full_is_told_with_the_file_that_did_not_fit() {
    let base = at_last_night(r#"["csv"]"#, false);
    let before = base.files("out");
    let done = disk::night_with(&base, Fault::NoSpace, 1);
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(
        said.contains("error: the ledger `out/jeton.db` cannot be written: no space is left on its disk"),
        "{said}"
    );
    let after = base.files("out");
    let changed: Vec<_> = after.keys().filter(|name| before.get(*name) != after.get(*name)).collect();
    // What SQLite could not write stands beside it, for the next night to take away.
    assert!(
        changed.iter().all(|name| name.starts_with("jeton.db-")),
        "what was there is untouched: {changed:?} {said}"
    );
}

/// A night that no file may outgrow so many blocks of 512 bytes: the kernel's own refusal, in the middle of a write.
fn night_with_files_up_to(lab: &Lab, blocks: u32) -> Output {
    let mut shell = Command::new("sh");
    let line = format!("trap '' XFSZ; ulimit -f {blocks}; exec {} nightly --no-push", crate::support::PROGRAM);
    shell.current_dir(lab.path("")).args(["-c", &line]).env("HOME", "/nonexistent").env_remove("JETON_CONFIG");
    shell.output().unwrap()
}

#[test]
fn a_night_whose_files_may_not_grow_is_completed_by_the_next() {
    for first in [true, false] {
        let base = at_last_night(r#"["csv", "xlsx"]"#, first);
        let (expected, _) = undisturbed(&base);
        let codes: BTreeSet<Option<i32>> = [0, 1, 4, 8, 16, 64, 128, 1 << 20]
            .into_par_iter()
            .map(|blocks| {
                let lab = base.like();
                let done = night_with_files_up_to(&lab, blocks);
                let said = String::from_utf8_lossy(&done.stderr);
                let code = done.status.code();
                assert!(code == Some(0) || said.contains("error: ") || said.contains("gap: "), "{blocks}: {done:?}");
                lab.jeton("nightly --no-push").exits(0);
                same(&lab, &expected, &format!("{blocks} blocks"));
                code
            })
            .collect();
        assert!(codes.contains(&Some(0)) && codes.contains(&Some(1)) && codes.len() <= 3, "{codes:?}");
    }
}

/// jeton without the right of root to pass over permissions.
fn unprivileged(lab: &Lab, line: &str) -> Output {
    let is_root = fs_err::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let mut run = if is_root { Command::new("setpriv") } else { Command::new("env") };
    if is_root {
        let without = "-dac_override,-dac_read_search";
        run.args([format!("--bounding-set={without}"), format!("--inh-caps={without}")]);
    }
    run.arg(crate::support::PROGRAM).args(line.split_whitespace()).current_dir(lab.path(""));
    run.env("HOME", "/nonexistent").env_remove("JETON_CONFIG").output().unwrap()
}

#[test]
fn what_is_read_only_is_told_and_written_when_it_is_not_any_more() {
    let set = |lab: &Lab, name: &str, mode: u32| {
        fs_err::set_permissions(lab.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for (name, closed, open, code, said) in [
        ("out", 0o550, 0o750, 1, "/out` belongs to "),
        ("out/jeton.db", 0o440, 0o640, 1, "/out/jeton.db` belongs to "),
        ("out/reports/2021-12", 0o550, 0o750, 3, "gap: out/reports/2021-12/LABO-2021-12.csv: "),
    ] {
        let lab = at_last_night(r#"["csv"]"#, false);
        let (expected, _) = undisturbed(&lab);
        let [before, after] = [sessions(&lab), sessions(&self::lab(r#"["csv"]"#))];
        set(&lab, name, closed);
        let done = unprivileged(&lab, "nightly --no-push");
        let err = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.code() == Some(code) && err.contains(said), "{name}: {:?} {err}", done.status);
        let found = unprivileged(&lab, "sessions --format csv");
        let known = if code == 1 { &before } else { &after };
        assert_eq!(String::from_utf8_lossy(&found.stdout), *known, "{name}: a search needs to write nothing");
        set(&lab, name, open);
        lab.jeton("nightly --no-push").exits(0);
        same(&lab, &expected, name);
    }
}

#[test]
fn nights_at_once_are_as_good_as_one() {
    for first in [true, false] {
        let base = at_last_night(r#"["ods"]"#, first);
        let (expected, _) = undisturbed(&base);
        for round in 0..4 {
            let lab = base.like();
            // Of several last days the last night's would stand in the workbooks: that is what `--date` asks for.
            let options = ["", "--since 2021-12-08", "--since 2021-12-09", ""];
            let nights = options.map(|options| begin(&lab, options));
            assert!(sessions(&lab).lines().count() > 1);
            for night in nights {
                let done = night.wait_with_output().unwrap();
                assert_eq!(done.status.code(), Some(0), "{round}: {}", String::from_utf8_lossy(&done.stderr));
            }
            same(&lab, &expected, &format!("first {first}, round {round}"));
        }
    }
}

/// A week of a simulated laboratory: the logs as each evening leaves them, and a laboratory that can read them.
struct Week {
    lab: Lab,
    evenings: Vec<[String; 2]>,
}

impl Week {
    fn of(seed: u64) -> Self {
        use crate::simulator::{DateStyle, Laboratory, PORT, SERVER};
        let simulated =
            Laboratory { seed, users: 12, silent: 0.2, lingering: 0.1, dates: DateStyle::Iso, ..Laboratory::default() };
        let mut logwatch = Vec::new();
        let recorded = simulated.run(&mut logwatch).unwrap();
        let logwatch = String::from_utf8(logwatch).unwrap();
        let debug_log = String::from_utf8(recorded.debug_log.unwrap()).unwrap();
        let evenings = (1..=i64::from(simulated.days))
            .map(|days| {
                let after = (simulated.start + chrono::Duration::days(days)).to_string();
                [before_day(&logwatch, &after), days_of(&debug_log, days)]
            })
            .collect();
        let server = format!("address = \"{SERVER}\"");
        let lab = lab(r#"["csv", "ods"]"#).edit("jeton.toml", |text| {
            assert!(text.contains(&format!("port = {PORT}")));
            text.replace("address = \"10.20.0.20\"", &server)
        });
        Self { lab: lab.with("dhcpd-511.conf", dhcpd(&logwatch)), evenings }
    }

    /// What these nights leave, each of which sees the logs of its evening.
    fn after(&self, nights: &[usize]) -> (Lab, Outcome) {
        let mut lab = self.lab.like();
        for night in nights {
            let [logwatch, debug_log] = &self.evenings[night - 1];
            lab = lab.with(LOGWATCH, logwatch).with(DEBUG_LOG, debug_log);
            lab.jeton("nightly --no-push").exits(0);
        }
        let outcome = Outcome::of(&lab);
        (lab, outcome)
    }
}

/// The blocks before a day.
fn before_day(logwatch: &str, day: &str) -> String {
    let end = logwatch.match_indices(day).map(|(at, _)| at).find(|at| *at == 0 || logwatch[..*at].ends_with('\n'));
    logwatch[..end.unwrap_or(logwatch.len())].to_owned()
}

/// So many days of a debug log, which are told by the clocks of its lines alone.
fn days_of(debug_log: &str, days: i64) -> String {
    let (mut day, mut last) = (1, 0);
    let hour = |line: &str| line.trim_start().split(':').next().and_then(|hour| hour.parse::<i32>().ok());
    let kept = debug_log.split_inclusive('\n').take_while(|line| {
        if let Some(hour) = hour(line) {
            day += i64::from(last - hour > 12);
            last = hour;
        }
        day <= days
    });
    kept.collect()
}

/// A DHCP file of the clients of a logwatch.
fn dhcpd(logwatch: &str) -> String {
    let peers = logwatch.lines().filter_map(|line| line.split_whitespace().nth(4)?.strip_prefix("[::ffff:"));
    let peers: BTreeSet<&str> = peers.filter_map(|peer| peer.split(']').next()).collect();
    assert!(peers.len() > 5, "{peers:?}");
    let mut file = "#vlan: 511 (LABO-DPT1-CHIM)\n".to_owned();
    for (number, ip) in peers.iter().enumerate() {
        writeln!(file, "host PC-{number} {{ hardware ethernet 02:00:00:00:00:{number:02x}; fixed-address {ip}; }}")
            .unwrap();
    }
    file
}

#[test]
fn a_night_after_three_that_were_missed_leaves_what_every_night_would_have() {
    (1..=2).into_par_iter().for_each(|seed| {
        let week = Week::of(seed);
        let (lab, every) = week.after(&[1, 2, 3, 4, 5, 6, 7]);
        assert!(sessions(&lab).lines().count() > 30, "{}", sessions(&lab));
        for nights in [&[1, 2, 6, 7][..], &[1, 5, 7], &[7], &[1, 1, 2, 2, 3, 4, 5, 6, 7, 7]] {
            let (other, some) = week.after(nights);
            assert_eq!(some.difference(&every), None, "seed {seed}, nights {nights:?}");
            assert_eq!(sessions(&other), sessions(&lab));
        }
    });
}

#[test]
fn a_log_that_is_dated_in_the_future_is_named_and_makes_no_session_last_until_then() {
    const BLOCK: &str = "ven. déc. 10 17:35:00 CET 2099\nESTAB 0      432    [::ffff:10.20.0.20]:60213 \
                         [::ffff:10.20.11.11]:50901\n17:35:00 (orglab) OUT: \"OriginPro\" camille@LABO-PC-01  \n";
    let base = lab(r#"["csv"]"#);
    let behind = base.like().edit(LOGWATCH, |text| format!("{text}{BLOCK}"));
    let amid = base.like().edit(LOGWATCH, |text| text.replacen(LAST_DAY[0].1, &format!("{BLOCK}{}", LAST_DAY[0].1), 1));
    for lab in [behind, amid] {
        lab.jeton("nightly --no-push").exits(0).complains("warning: date in the future\n --> replay/origin");
        assert_eq!(sessions(&lab), sessions(&base));
        let months: BTreeSet<String> = lab.files("out/reports").keys().map(|name| name[..7].to_owned()).collect();
        assert_eq!(months, ["2021-12".to_owned()].into(), "no workbook of another month");
    }
    let all = base.like().edit(LOGWATCH, |text| text.replace(" 2021\n", " 2099\n"));
    let all = all.edit(DEBUG_LOG, |text| text.replace("/2021", "/2099"));
    let ran = all.jeton("nightly --no-push").exits(1).errors(1).complains("dated in the future: check the clock");
    ran.says_only("");
    assert!(all.files("out").is_empty(), "nothing is published");
}

#[test]
fn a_history_with_garbage_is_kept_named_and_completed() {
    let garbage =
        [&b"\xff\xfe\x00 no text {'ip':\n"[..], b"{'mac': '024c\n", b"| | | |\n", &vec![b'x'; 100_000], b"\n"].concat();
    let base = lab(r#"["csv"]"#);
    base.like().jeton("nightly --no-push").exits(0);
    let lab = base.like().with(HISTORY, &garbage);
    lab.jeton("nightly --no-push").exits(0).complains("warning: unreadable line").complains("out/Origin_history:1");
    let written = fs_err::read(lab.path(HISTORY)).unwrap();
    assert_eq!(String::from_utf8_lossy(&written).lines().filter(|line| line.contains("'state': ")).count(), 16);
    let long = written.split(|byte| *byte == b'\n').any(|line| line.len() == 100_000);
    assert!(long, "what others wrote stays");
    lab.jeton("nightly --no-push").exits(0);
    assert_eq!(fs_err::read(lab.path(HISTORY)).unwrap(), written, "each line once");
}

#[test]
fn a_history_that_is_dated_in_the_future_is_named_and_not_taken_in() {
    let line = |day: &str| {
        format!(
            "{{'origin_name': 'ancien@VIEUX-PC', 'ip': '10.20.11.77', 'connexion time': '30.0 min', 'date': '{day}'}}\n"
        )
    };
    let lab = lab(r#"["csv"]"#).with("old", line("2019-05-06") + &line("2099-05-06") + &line("2019-05-07"));
    let ran = lab.jeton("history import old").exits(0).says("read: 2\nnew: 2,").says("new in the ledger: 2\n");
    ran.complains("warning: date in the future\n --> old:2\n").names_none_of(&["ancien".to_owned()].into());
    assert!(!lab.text(HISTORY).contains("2099"));
    lab.with("late", line("2099-05-06")).jeton("history import late").exits(1).complains(" --> late:1\n").errors(1);
}
