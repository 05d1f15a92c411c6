//! How fast a logwatch is read into blocks: one core, no analysis. The goal is 200 MB/s.
//!
//! `JETON_BENCH_MB` sets the size, 100 MB by default.

#[path = "simulator/mod.rs"]
mod simulator;

use criterion::{BenchmarkId, Criterion, Throughput};
use jeton::parse::logwatch::{Block, Reader};

use simulator::{Laboratory, PORT, bulk};

/// How many blocks, connections and token lines there are.
fn read(logwatch: &[u8], lab: &Laboratory) -> (u64, u64, u64) {
    let mut reader = Reader::new(logwatch, "logwatch", lab.zone, Some(PORT)).expect("the simulator writes text");
    let mut block = Block::default();
    let (mut n_blocks, mut n_entries) = (0, 0);
    while reader.read(&mut block).expect("memory can be read") {
        n_blocks += 1;
        n_entries += block.entries.len() as u64;
    }
    (n_blocks, reader.n_sockets(), n_entries)
}

fn main() {
    let lab = bulk::laboratory();
    // `cargo test --benches` runs each benchmark once, to see that it still works.
    let n_megabytes = if bulk::is_test() { 1 } else { bulk::megabytes(100) };
    let mut logwatch = Vec::new();
    bulk::generate(&lab, n_megabytes, &mut logwatch).expect("memory takes every byte");
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group("reading");
    group.throughput(Throughput::Bytes(logwatch.len() as u64));
    group.bench_with_input(BenchmarkId::new("blocks", format!("{n_megabytes} MB")), &logwatch, |bencher, logwatch| {
        bencher.iter(|| read(logwatch, &lab));
    });
    group.finish();
    criterion.final_summary();
}
