//! Whatever becomes of a log, each of its lines is taken once, in order.

use std::io::Write;

use proptest::prelude::*;

use super::*;

/// A log that somebody writes, and one that follows it.
struct Bench {
    folder: tempfile::TempDir,
    writer: fs::File,
    follower: Follower,
    batch: Batch,
    written: Vec<u8>,
    taken: Vec<u8>,
    n: usize,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder.path().join("log"));
        let mut batch = Batch::default();
        let follower = Follower::new(&folder.path().join("log"), &folder.path().join("watch"));
        let follower = follower.behind_logwatch(&mut batch, &mut Notices::silent()).unwrap();
        Self { folder, writer, follower, batch, written: Vec::new(), taken: Vec::new(), n: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&mut self, text: &[u8]) {
        self.writer.write_all(text).unwrap();
        self.written.extend_from_slice(text);
    }

    fn line(&mut self) {
        self.n += 1;
        let line = format!("{} (orglab) line {}\n", clock(self.n), "x".repeat(self.n * 7 % 90));
        self.write(line.as_bytes());
    }

    fn look(&mut self) {
        loop {
            self.batch.clear();
            let more = self.follower.look(&mut self.batch, &mut Notices::silent()).unwrap();
            self.taken.extend_from_slice(&self.batch.text);
            fs::write(self.path("watch"), &self.taken).unwrap();
            // As the collector does after each look.
            self.follower.places();
            if !more {
                return;
            }
        }
    }

    fn restart(&mut self) {
        let places = self.follower.places();
        self.follower =
            Follower::new(&self.path("log"), &self.path("watch")).at_places(&places, &mut Notices::silent());
    }

    /// The state is lost: the logwatch alone tells how far the log was read.
    fn restart_without_state(&mut self) {
        let follower = Follower::new(&self.path("log"), &self.path("watch"));
        self.follower = follower.behind_logwatch(&mut self.batch, &mut Notices::silent()).unwrap();
    }

    /// As an editor or a restore does: another file of the same content.
    fn replace_by_copy(&mut self) {
        fs::copy(self.path("log"), self.path("copy")).unwrap();
        fs::rename(self.path("copy"), self.path("log")).unwrap();
        self.reopen();
    }

    /// `tail -n 3 log >cut; mv cut log`, or into the same file.
    fn cut(&mut self, in_place: bool) {
        let whole = fs::read(self.path("log")).unwrap();
        let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
        let end = lines[lines.len().saturating_sub(3)..].concat();
        fs::write(self.path(if in_place { "log" } else { "cut" }), end).unwrap();
        if !in_place {
            fs::rename(self.path("cut"), self.path("log")).unwrap();
            self.reopen();
        }
    }

    /// The log is away while the collector starts, and grows there.
    fn restart_while_away(&mut self) {
        fs::create_dir_all(self.path("away")).unwrap();
        fs::rename(self.path("log"), self.path("away/x")).unwrap();
        self.restart();
        self.look();
        self.restart();
        self.line();
        fs::rename(self.path("away/x"), self.path("log")).unwrap();
    }

    /// As `logrotate` does without `copytruncate`; the writer moves to the new file, or not yet.
    fn rename(&mut self) {
        fs::rename(self.path("log"), self.path("log.1")).unwrap();
    }

    fn reopen(&mut self) {
        self.writer = writer(&self.path("log"));
    }

    fn copy_and_empty(&mut self) {
        // `logrotate` gives older parts other names first.
        let _ = fs::remove_file(self.path("log.1"));
        fs::copy(self.path("log"), self.path("log.1")).unwrap();
        self.writer.set_len(0).unwrap();
    }

    fn overwrite(&mut self) {
        fs::write(self.path("log"), "").unwrap();
    }
}

/// A clock for each line, as logs have them.
fn clock(n: usize) -> String {
    format!("{:2}:{:02}:{:02}", n / 3600, n / 60 % 60, n % 60)
}

fn writer(path: &Path) -> fs::File {
    fs::OpenOptions::new().create(true).append(true).open(path).unwrap()
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Line,
    Half,
    Look,
    Restart,
    Rename,
    RenameLate,
    CopyAndEmpty,
    Overwrite,
    Away,
    Replace,
    Cut { in_place: bool },
    LoseState,
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn each_line_is_taken_once_and_in_order(steps in prop::collection::vec(
        prop_oneof![
            6 => Just(Step::Line), 2 => Just(Step::Half), 4 => Just(Step::Look), 1 => Just(Step::Restart),
            1 => Just(Step::Rename), 1 => Just(Step::RenameLate), 1 => Just(Step::CopyAndEmpty), 1 => Just(Step::Overwrite),
            1 => Just(Step::Away), 1 => Just(Step::Replace), 1 => any::<bool>().prop_map(|in_place| Step::Cut { in_place }),
            1 => Just(Step::LoseState),
        ],
        1..60,
    )) {
        let mut bench = Bench::new();
        for step in steps {
            match step {
                Step::Line => bench.line(),
                Step::Half => {
                    // Numbered: a log that begins as the copy of another did would be taken for it.
                    bench.n += 1;
                    let clock = clock(bench.n);
                    bench.write(format!("{clock} (orglab) ha").as_bytes());
                    bench.look();
                    bench.write(b"lf\n");
                }
                Step::Look => bench.look(),
                Step::Restart => bench.restart(),
                // One rotation between two looks: of more, only the last could be found.
                Step::Rename => {
                    bench.rename();
                    bench.reopen();
                    bench.line();
                    bench.look();
                }
                Step::RenameLate => {
                    bench.rename();
                    bench.line();
                    bench.look();
                    bench.line();
                    bench.reopen();
                    bench.line();
                    bench.look();
                }
                // A copy is known by what was read of the log: of one that nothing was read of, there is nothing to know it by.
                Step::CopyAndEmpty => {
                    bench.line();
                    bench.look();
                    bench.line();
                    bench.copy_and_empty();
                    bench.look();
                }
                // Nothing was read of it: there is nothing to know it by.
                Step::Away => {
                    bench.line();
                    bench.look();
                    bench.restart_while_away();
                    bench.look();
                }
                Step::Replace => {
                    bench.line();
                    bench.look();
                    bench.replace_by_copy();
                    bench.line();
                    bench.look();
                }
                // What nobody read of a log before it is cut is lost to all.
                Step::Cut { in_place } => {
                    bench.line();
                    bench.look();
                    bench.cut(in_place);
                    bench.line();
                    bench.look();
                }
                Step::LoseState => {
                    bench.line();
                    bench.look();
                    bench.line();
                    bench.restart_without_state();
                    bench.look();
                }
                // What nobody read of a log before it is overwritten is lost to all.
                Step::Overwrite => {
                    bench.look();
                    bench.overwrite();
                    bench.line();
                    bench.look();
                }
            }
        }
        bench.look();
        prop_assert_eq!(String::from_utf8_lossy(&bench.taken), String::from_utf8_lossy(&bench.written));
    }
}

#[test]
fn a_log_that_was_rotated_while_nobody_followed_is_read_to_its_end_first() {
    for by_copy in [false, true] {
        let mut bench = Bench::new();
        bench.line();
        bench.look();
        let places = bench.follower.places();
        bench.line();
        if by_copy {
            bench.copy_and_empty();
        } else {
            bench.rename();
            bench.reopen();
        }
        bench.line();
        bench.follower =
            Follower::new(&bench.path("log"), &bench.path("watch")).at_places(&places, &mut Notices::silent());
        bench.look();
        assert_eq!(bench.taken, bench.written, "by copy: {by_copy}");
    }
}

#[test]
fn a_log_that_was_emptied_under_its_writer_goes_on_behind_a_hole() {
    let mut bench = Bench::new();
    // Without O_APPEND the writer goes on at its old place, and what was before is NULs.
    bench.writer = fs::OpenOptions::new().write(true).open(bench.path("log")).unwrap();
    for _ in 0..3000 {
        bench.line();
    }
    bench.look();
    bench.writer.set_len(0).unwrap();
    bench.line();
    bench.look();
    bench.line();
    bench.look();
    assert_eq!(bench.taken, bench.written);
}

#[test]
fn a_line_of_megabytes_is_written_in_pieces_and_costs_none_of_its_neighbours() {
    for length in [70_000, 1_000_000, 5_000_000] {
        let mut bench = Bench::new();
        bench.line();
        bench.write(&b"y".repeat(length));
        bench.look();
        bench.write(b"\n");
        bench.line();
        bench.look();
        let taken = String::from_utf8_lossy(&bench.taken);
        assert_eq!(taken.matches('y').count(), length);
        let lines: Vec<&str> = taken.lines().filter(|line| !line.starts_with('y')).collect();
        let written = String::from_utf8_lossy(&bench.written);
        assert_eq!(lines, written.lines().filter(|line| !line.starts_with('y')).collect::<Vec<_>>());
        assert_eq!(taken.lines().count() == 3, length < LONGEST, "{length}");
    }
}

#[test]
fn what_was_there_before_the_first_run_is_counted_and_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let text = "14:00:20 (orglab) OUT: \"OriginPro\" a@b\n14:00:21 (orglab) OUT: \"OriginPro\" a@c\n14:00:2";
    fs::write(&path, text).unwrap();
    let mut batch = Batch::default();
    let follower = Follower::new(&path, &path.with_file_name("logwatch"));
    let mut follower = follower.behind_logwatch(&mut batch, &mut Notices::silent()).unwrap();
    assert_eq!((batch.n_out, batch.text.is_empty()), (2, true));
    writer(&path).write_all(b"2 (orglab) IN: \"OriginPro\" a@b\n").unwrap();
    follower.look(&mut batch, &mut Notices::silent()).unwrap();
    assert_eq!(batch.n_out, 1);
    assert_eq!(batch.text, b"14:00:22 (orglab) IN: \"OriginPro\" a@b\n", "the line that was half there is whole");
}
