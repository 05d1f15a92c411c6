//! A disk that fails, or a machine that dies, at any of the calls by which jeton changes a file: `disk.c`, put before the C
//! library by `LD_PRELOAD`. It needs no privilege, and no real disk is harmed.

use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use fs_err as fs;
use tempfile::TempDir;

use super::{Lab, command};

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process is killed, in the middle of a write where the call is one.
    Kill,
    /// The disk is full from then on.
    NoSpace,
    /// The disk is read-only from then on.
    ReadOnly,
    /// This one call fails.
    Broken,
}

impl Fault {
    const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::NoSpace => "ENOSPC",
            Self::ReadOnly => "EROFS",
            Self::Broken => "EIO",
        }
    }
}

/// The library, built once for all tests.
static LIBRARY: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/disk.c");
    let library = folder.path().join("disk.so");
    let built = Command::new("cc").args(["-O1", "-shared", "-fPIC", source, "-o"]).arg(library).output();
    let built = built.expect("`cc` is in Debian's package build-essential");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    folder
});

fn night(lab: &Lab) -> Command {
    let mut night = command(&lab.path(""));
    night.args(["nightly", "--no-push"]).env("LD_PRELOAD", LIBRARY.path().join("disk.so"));
    night
}

/// How many calls an undisturbed night makes.
pub(crate) fn calls(lab: &Lab) -> u32 {
    let count = lab.path("calls");
    let status = night(lab).env("DISK_COUNT", &count).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "{status}");
    fs::read_to_string(count).unwrap().trim().parse().unwrap()
}

/// A night to which this happens at a call, counted from 1.
pub(crate) fn night_with(lab: &Lab, fault: Fault, call: u32) -> Output {
    night(lab).env("DISK_FAULT", fault.name()).env("DISK_AT", call.to_string()).output().unwrap()
}
