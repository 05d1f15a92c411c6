//! How fast a logwatch on disk becomes sessions, and in how much memory. The goals are 150 MB/s, and 300 MB for a
//! gigabyte of a hundred users' year.
//!
//! `JETON_BENCH_MB` sets the size, 200 MB by default. The log is streamed to a file first, so that it does not count.

#[path = "simulator/mod.rs"]
mod simulator;

use std::io::{BufReader, BufWriter, Write};
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, Throughput};

use simulator::{Laboratory, bulk, study};

fn analyse(path: &std::path::Path, lab: &Laboratory) -> jeton::trace::Analysis {
    let file = fs_err::File::open(path).expect("the file was just written");
    study::stream(BufReader::with_capacity(1 << 20, file), lab).expect("a readable file")
}

fn main() {
    let lab = Laboratory { debug_log: false, lmstat: false, ..bulk::laboratory() };
    let n_megabytes = if bulk::is_test() { 1 } else { bulk::megabytes(200) };
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    let n_bytes = bulk::generate(&lab, n_megabytes, BufWriter::new(&mut file)).expect("room for the log");
    bulk::forget_most_memory();
    let began = Instant::now();
    let analysis = analyse(file.path(), &lab);
    let seconds = began.elapsed().as_secs_f64();
    let most = bulk::most_memory_kb().map_or_else(|| "unknown".to_owned(), |kb| format!("{} MB", kb / 1024));
    let _ = writeln!(
        std::io::stderr(),
        "{:.0} MB, {} sessions, {} tokens: {:.0} MB/s, most memory {most}",
        n_bytes as f64 / 1e6,
        analysis.sessions.len(),
        analysis.tokens.len(),
        n_bytes as f64 / 1e6 / seconds,
    );
    drop(analysis);
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group("analysis");
    group.throughput(Throughput::Bytes(n_bytes));
    let id = BenchmarkId::new("logwatch to sessions", format!("{n_megabytes} MB"));
    group.bench_with_input(id, file.path(), |bencher, path| bencher.iter(|| analyse(path, &lab)));
    group.finish();
    criterion.final_summary();
}
