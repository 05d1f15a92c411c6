//! How fast a hundred thousand pieces become a workbook, and in how much memory, each way in a process of its own:
//! jeton's writers, bare loops over the crates that they use, and Python's libraries on the same rows.
//!
//! The goals: XLSX and ODS within 1.3 times their bare loop, XLSX three times as fast as XlsxWriter and in under 60 MB, ODS
//! thirty times as fast as odfpy. `benches/report/run` brings the Python libraries; without them their part is left out.
//! `JETON_BENCH_ROWS` sets the number of rows, `JETON_BENCH_ODFPY_ROWS` those for odfpy, which takes minutes for all.

#[path = "report/bare.rs"]
mod bare;
#[path = "report/pieces.rs"]
mod pieces;
#[path = "simulator/mod.rs"]
mod simulator;

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use jeton::report::{ods, sheets, xlsx};
use jeton::trace::seats::Seats;
use simulator::bulk;

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/report-benchmark/bin/python");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/report/python.py");
/// The argument before what a process of its own is to do.
const ONE: &str = "--one";

/// What a process says of its work.
#[derive(Debug, Clone, Copy)]
struct Measured {
    seconds: f64,
    /// The most memory of the process in kilobytes; for ours, beyond the rows that it had before.
    kilobytes: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == ONE) {
        one(&arguments[at + 1], number(&arguments[at + 2]), Path::new(&arguments[at + 3]));
        return;
    }
    let usual = if bulk::is_test() { 1_000 } else { 100_000 };
    let count = variable("JETON_BENCH_ROWS", usual);
    let few = variable("JETON_BENCH_ODFPY_ROWS", usual / 10);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ours = |what: &str, count: usize| {
        let program = std::env::current_exe().expect("a program that runs");
        let out = folder.path().join(what);
        best(Command::new(program).arg(ONE).arg(what).arg(count.to_string()).arg(&out), what, count, &out)
    };
    let bare_xlsx = ours("bare.xlsx", count);
    let xlsx = ours("jeton.xlsx", count);
    let bare_ods = ours("bare.ods", count);
    let ods = ours("jeton.ods", count);
    say(&format!("XLSX: {:.2} times its bare loop (goal 1.3)", xlsx.seconds / bare_xlsx.seconds));
    say(&format!("XLSX: {} MB beyond the rows themselves (goal 60)", xlsx.kilobytes / 1024));
    say(&format!("ODS: {:.2} times its bare loop (goal 1.3)", ods.seconds / bare_ods.seconds));
    if !Path::new(PYTHON).exists() {
        say("benches/report/run compares with Python's libraries");
        return;
    }
    let python = |library: &str, count: usize| {
        let rows = folder.path().join(format!("{count}.csv"));
        pieces::write_csv(count, &rows);
        let out = folder.path().join(library);
        best(Command::new(PYTHON).arg(SCRIPT).arg(library).arg(&rows).arg(&out), library, count, &out)
    };
    let theirs = ["xlsxwriter", "xlsxwriter-constant"].map(|library| python(library, count).seconds);
    say(&format!("XLSX: {:.1} times as fast as XlsxWriter (goal 3)", theirs[0].min(theirs[1]) / xlsx.seconds));
    let ods = ours("jeton.ods", few);
    say(&format!("ODS: {:.0} times as fast as odfpy (goal 30)", python("odfpy", few).seconds / ods.seconds));
}

/// Does one thing, and prints its seconds and kilobytes.
fn one(what: &str, count: usize, out: &Path) {
    let rows = pieces::pieces(count);
    bulk::forget_most_memory();
    let before = bulk::most_memory_kb().unwrap_or(0);
    let began = Instant::now();
    let file = BufWriter::new(fs_err::File::create(out).expect("a file"));
    match what {
        "bare.xlsx" => bare::xlsx(&rows, file),
        "bare.ods" => bare::ods(&rows, file),
        _ => {
            // The bare loops write the pieces alone.
            let (template, seats) = (pieces::sessions_alone(), Seats::always(20));
            let book = sheets(&pieces::input(&rows, &seats, &template));
            if what == "jeton.xlsx" {
                xlsx::write(&book, file).expect("room for the file");
            } else {
                ods::write(&book, file).expect("room for the file");
            }
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let memory = bulk::most_memory_kb().unwrap_or(0).saturating_sub(before);
    let _ = writeln!(std::io::stdout(), "{seconds:.3} {memory}");
}

/// The faster of two runs.
fn best(command: &mut Command, what: &str, count: usize, out: &Path) -> Measured {
    let runs = [(); 2].map(|()| {
        let done = command.output().expect("a program that runs");
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        let (seconds, kilobytes) = text.trim().split_once(' ').unwrap_or_else(|| {
            panic!("{what}: {}", String::from_utf8_lossy(&done.stderr));
        });
        Measured { seconds: seconds.parse().expect("seconds"), kilobytes: kilobytes.parse().expect("kilobytes") }
    });
    let fast = if runs[0].seconds <= runs[1].seconds { runs[0] } else { runs[1] };
    let size = fs_err::metadata(out).map_or(0, |file| file.len());
    say(&format!(
        "{what}, {count} rows: {:.2} s, {} MB of memory, a file of {:.1} MB",
        fast.seconds,
        fast.kilobytes / 1024,
        size as f64 / 1e6
    ));
    fast
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn variable(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().map_or(usual, |text| number(&text))
}

fn number(text: &str) -> usize {
    text.parse().expect("a number of rows")
}
