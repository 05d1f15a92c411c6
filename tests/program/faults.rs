//! Nights that are killed, crossed, missed, or whose disk fails: the next one finds everything whole, and completes it.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::simulator::random::Random;
use crate::support::disk::{self, Fault};
use crate::support::outcome::Outcome;
use crate::support::{DEBUG_LOG, HISTORY, LOGWATCH, Lab, command, names_in, truth};

/// The last of the laboratory's three days, as its logs begin it.
const LAST_DAY: [(&str, &str); 2] =
    [(LOGWATCH, "ven. déc. 10 "), (DEBUG_LOG, " 0:59:58 (orglab) TIMESTAMP 12/10/2021")];

/// The laboratory with nothing missing, in memory: what is tested is the order of the writes, not the speed of a disk.
fn lab(formats: &str) -> Lab {
    Lab::in_memory().edit("jeton.toml", |text| {
        let text = text.replace(r#"["ods", "xlsx"]"#, formats);
        let lines = text.lines().filter(|line| !line.starts_with("lmstat"));
        lines.map(|line| format!("{line}\n")).collect::<String>()
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

/// What two nights leave is the same.
#[track_caller]
fn same(lab: &Lab, expected: &Outcome, what: &str) {
    if let Some(difference) = Outcome::of(lab).difference(expected) {
        panic!("{what}: {difference}");
    }
}

/// Begins a night and kills it after a while; whether it was still under way.
fn is_killed(lab: &Lab, after: Duration) -> bool {
    let mut night = command(&lab.path(""));
    let mut night = night.args(["nightly", "--no-push"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(after);
    night.kill().unwrap();
    night.wait().unwrap().signal() == Some(9)
}

#[test]
fn a_night_that_is_killed_at_any_moment_is_completed_by_the_next() {
    const MOMENTS: u64 = 100;
    for first in [true, false] {
        let base = at_last_night(r#"["ods"]"#, first);
        let before = base.jeton("sessions --format csv").exits(0).out;
        let (expected, usual) = undisturbed(&base);
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
            let seen = lab.jeton("sessions --format csv").exits(0).out;
            assert!(seen == before || seen == expected.sessions, "{what}: {seen}");
            if random.chance(0.3) {
                is_killed(&lab, usual.mul_f64(random.unit()));
            }
            lab.jeton("nightly --no-push").exits(0);
            same(&lab, &expected, &what);
        });
    }
}

#[test]
fn a_night_that_is_killed_at_any_write_is_completed_by_the_next() {
    for first in [true, false] {
        let base = at_last_night(r#"["csv"]"#, first);
        let (expected, _) = undisturbed(&base);
        let calls = disk::calls(&base.like());
        assert!(calls > 50, "a night of {calls} calls changes more than that");
        (1..=calls).into_par_iter().for_each(|call| {
            let lab = base.like();
            let done = disk::night_with(&lab, Fault::Kill, call);
            let what = format!("first {first}, call {call} of {calls}");
            assert_eq!(done.status.signal(), Some(9), "{what}: {done:?}");
            lab.jeton("nightly --no-push").exits(0);
            same(&lab, &expected, &what);
        });
    }
}

#[test]
fn a_night_whose_writes_fail_says_so_and_is_completed_by_the_next() {
    let names = names_in(&truth());
    for (first, fault) in [
        (true, Fault::NoSpace),
        (false, Fault::NoSpace),
        (true, Fault::ReadOnly),
        (false, Fault::ReadOnly),
        (false, Fault::Broken),
    ] {
        let base = at_last_night(r#"["csv"]"#, first);
        let (expected, _) = undisturbed(&base);
        let calls = disk::calls(&base.like());
        (1..=calls).into_par_iter().for_each(|call| {
            let lab = base.like();
            let done = disk::night_with(&lab, fault, call);
            let said = String::from_utf8_lossy(&done.stderr);
            let what = format!("first {first}, {fault:?} at call {call} of {calls}: {:?} {said}", done.status);
            match done.status.code() {
                // The disk failed where it does no harm.
                Some(0) => same(&lab, &expected, &what),
                Some(1) => assert!(said.contains("error: "), "{what}"),
                Some(3) => assert!(said.contains("gap: "), "{what}"),
                _ => panic!("{what}"),
            }
            let named = names.iter().find(|name| crate::support::has_word(&said, name));
            assert_eq!(named, None, "{what}");
            lab.jeton("nightly --no-push").exits(0);
            same(&lab, &expected, &what);
        });
    }
}
