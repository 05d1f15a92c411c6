//! Logwatches by the megabyte, for benchmarks.

use std::io::{self, Write};

use super::Laboratory;

/// A hundred users with all the troubles of the field, in moderation.
pub(crate) fn laboratory() -> Laboratory {
    Laboratory {
        users: 100,
        seats: 80,
        days: 366,
        bursts: 0.02,
        drained: 0.3,
        idle_per_day: 10.0,
        lingering: 0.05,
        ghosts: 0.01,
        debug_log: false,
        lmstat: false,
        ..Laboratory::default()
    }
}

/// Writes as many megabytes as are asked for, at least, of as many years as it takes. Gives the bytes.
pub(crate) fn generate(lab: &Laboratory, megabytes: u64, logwatch: impl Write) -> io::Result<u64> {
    let wanted = megabytes * 1_000_000;
    let mut limited = Limited { inner: logwatch, left: wanted };
    match (Laboratory { days: 20 * 366, ..lab.clone() }).run(&mut limited) {
        // The file ends in the middle of a block, as real ones do.
        Err(error) if error.kind() == io::ErrorKind::WriteZero => {}
        other => drop(other?),
    }
    limited.inner.flush()?;
    Ok(wanted - limited.left)
}

/// Refuses what is beyond its size.
struct Limited<W> {
    inner: W,
    left: u64,
}

impl<W: Write> Write for Limited<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        let written = self.inner.write(&bytes[..room])?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Whether the benchmark is only to be tried once.
pub(crate) fn is_test() -> bool {
    std::env::args().any(|argument| argument == "--test") || !std::env::args().any(|argument| argument == "--bench")
}

/// The size that `JETON_BENCH_MB` names, or else this.
pub(crate) fn megabytes(usual: u64) -> u64 {
    std::env::var("JETON_BENCH_MB").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Has Linux count [`most_memory_kb`] anew, where it lets us: what the simulator needed is not the analysis's.
pub(crate) fn forget_most_memory() {
    let _ = fs_err::write("/proc/self/clear_refs", "5");
}

/// The most memory that this process ever had, in kilobytes (`VmHWM` of Linux).
pub(crate) fn most_memory_kb() -> Option<u64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
