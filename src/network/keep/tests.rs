use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use flate2::write::GzEncoder;
use fs_err as fs;
use tempfile::TempDir;

use super::copy::index_of;
use super::*;
use crate::network::{FileStat, Remote, Replaced, Replay};

/// A licence server in a folder, and the copy of its log.
struct Server {
    folder: TempDir,
}

fn host() -> Host {
    let name = "origin".to_owned();
    Host { address: name.clone(), name, user: None, key: None, port: 22, password_command: None, legacy: false }
}

/// A line of the log that no other one is like.
fn line(n: u32) -> String {
    format!("line {n} {}\n", "x".repeat(40))
}

fn lines(range: std::ops::Range<u32>) -> String {
    range.map(line).collect()
}

impl Server {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("origin/files")).unwrap();
        Self { folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("origin/files").join(name)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.file(name), content.as_ref()).unwrap();
    }

    fn pack(&self, name: &str) {
        let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(&fs::read(self.file(name)).unwrap()).unwrap();
        self.put(&format!("{name}.gz"), packed.finish().unwrap());
        fs::remove_file(self.file(name)).unwrap();
    }

    fn rotate(&self, from: &str, to: &str) {
        fs::rename(self.file(from), self.file(to)).unwrap();
    }

    fn copy(&self) -> PathBuf {
        self.folder.path().join("copies/logwatch")
    }

    fn update(&self) -> Updated {
        self.fails().unwrap()
    }

    fn fails(&self) -> Result<Updated, RemoteError> {
        let replay = Replay::open(self.folder.path()).unwrap();
        update(replay.files(&host()).unwrap().as_mut(), &host(), "logwatch", &self.copy())
    }

    #[track_caller]
    fn holds(&self, expected: &str) {
        assert_eq!(fs::read_to_string(self.copy()).unwrap(), expected);
    }
}

#[test]
fn what_is_new_is_appended_and_nothing_twice() {
    let server = Server::new();
    for end in [1, 1, 2, 500, 501, 5000] {
        server.put("logwatch", lines(0..end));
        server.update();
        server.holds(&lines(0..end));
    }
    let mode = fs::metadata(server.copy()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

/// Counts the bytes that are read.
struct Counted<'a>(Box<dyn Files + 'a>, u64);

impl Files for Counted<'_> {
    fn stat(&mut self, path: &str) -> Result<Option<FileStat>, RemoteError> {
        self.0.stat(path)
    }
    fn list(&mut self, folder: &str) -> Result<BTreeMap<String, FileStat>, RemoteError> {
        self.0.list(folder)
    }
    fn read(&mut self, path: &str, from: u64, most: u64, out: &mut dyn Write) -> Result<u64, RemoteError> {
        let read = self.0.read(path, from, most, out)?;
        self.1 += read;
        Ok(read)
    }
    fn replace(&mut self, _: &str, _: &[u8], _: Option<FileStat>) -> Result<Replaced, RemoteError> {
        panic!("a log is only read")
    }
}

#[test]
fn of_a_log_that_only_grew_the_head_and_what_is_new_are_fetched() {
    let server = Server::new();
    server.put("logwatch", lines(0..100_000));
    server.update();
    server.put("logwatch", lines(0..100_010));
    let replay = Replay::open(server.folder.path()).unwrap();
    let mut counted = Counted(replay.files(&host()).unwrap(), 0);
    update(&mut counted, &host(), "logwatch", &server.copy()).unwrap();
    let new = lines(100_000..100_010).len() as u64;
    assert_eq!(counted.1, HEAD + SEAM + new);
    server.holds(&lines(0..100_010));
}

#[test]
fn what_was_rotated_away_before_it_was_fetched_is_found_in_the_rotated_part() {
    for (rotated, pack) in [("logwatch.1", false), ("logwatch.1", true), ("logwatch-20211208", false)] {
        let server = Server::new();
        server.put("logwatch", lines(0..1000));
        server.update();
        server.put("logwatch", lines(0..1500));
        server.rotate("logwatch", rotated);
        if pack {
            server.pack(rotated);
        }
        server.put("logwatch", lines(2000..2100));
        server.update();
        server.holds(&(lines(0..1500) + &lines(2000..2100)));
        server.put("logwatch", lines(2000..2200));
        server.update();
        server.holds(&(lines(0..1500) + &lines(2000..2200)));
    }
}

#[test]
fn at_the_first_fetch_all_rotated_parts_come_in_their_order() {
    let server = Server::new();
    for (name, range) in [
        ("logwatch-20211130", 0..900),
        ("logwatch.10", 1000..1900),
        ("logwatch.2", 2000..2900),
        ("logwatch.1", 3000..3900),
        ("logwatch", 4000..4010),
    ] {
        server.put(name, lines(range));
    }
    server.pack("logwatch.2");
    server.pack("logwatch.10");
    server.put("logwatch.old", lines(0..5000));
    let expected: String = [(0..900), (1000..1900), (2000..2900), (3000..3900), (4000..4010)].map(lines).concat();
    // A date beside counts is of a rotation that was set up anew; where it belongs, nobody can say.
    server.update();
    let held = fs::read_to_string(server.copy()).unwrap();
    let sorted = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(sorted(&held), sorted(&expected));
    assert_eq!(held.len(), expected.len());
    assert!(held.contains(&[(1000..1900), (2000..2900), (3000..3900)].map(lines).concat()));
    assert!(held.ends_with(&lines(4000..4010)));
    server.update();
    server.holds(&held);
}

#[test]
fn what_was_rotated_out_or_overwritten_stays() {
    let server = Server::new();
    server.put("logwatch", lines(0..100));
    server.update();
    // Overwritten, as a debug log is at each start; in the middle of a line.
    server.put("logwatch", "line 1000 half");
    server.update();
    server.put("logwatch", lines(2000..2001));
    server.update();
    server.holds(&(lines(0..100) + "line 1000 half\n" + &line(2000)));
    // Emptied, and then gone.
    server.put("logwatch", "");
    server.update();
    fs::remove_file(server.file("logwatch")).unwrap();
    assert!(server.fails().unwrap_err().to_string().contains("read logwatch: no such file"));
    server.holds(&(lines(0..100) + "line 1000 half\n" + &line(2000)));
}

#[test]
fn a_part_that_could_not_be_had_is_a_gap_and_is_put_in_its_place_later() {
    let server = Server::new();
    server.put("logwatch.2", lines(0..900));
    server.put("logwatch.1.gz", b"\x1f\x8bno gzip at all, of a few bytes");
    server.put("logwatch", lines(2000..2100));
    let updated = server.update();
    assert!(updated.gaps[0].reason.contains("read logwatch.1.gz: cannot unpack it"), "{:?}", updated.gaps);
    server.holds(&(lines(0..900) + &lines(2000..2100)));
    server.put("logwatch.1", lines(1000..1900));
    fs::remove_file(server.file("logwatch.1.gz")).unwrap();
    assert!(server.update().gaps.is_empty());
    server.holds(&(lines(0..900) + &lines(1000..1900) + &lines(2000..2100)));
}

#[test]
fn a_part_in_a_foreign_format_is_named_and_costs_nothing() {
    let server = Server::new();
    server.put("logwatch.1.xz", "?");
    server.put("logwatch", lines(0..3));
    let updated = server.update();
    assert_eq!(updated.findings[0].place.to_string(), "origin:logwatch.1.xz");
    assert!(updated.gaps.is_empty());
}

#[test]
fn copies_that_lie_about_are_not_read_twice() {
    let server = Server::new();
    server.put("logwatch", lines(0..1000));
    server.put("logwatch-20211208", lines(0..500));
    server.put("logwatch.1", lines(0..1000));
    server.update();
    server.holds(&lines(0..1000));
    server.put("logwatch.2", lines(0..1000));
    server.pack("logwatch.2");
    server.update();
    server.holds(&lines(0..1000));
}

#[test]
fn an_interrupted_update_goes_on_where_it_was() {
    let server = Server::new();
    server.put("logwatch", lines(0..500));
    server.update();
    // The power went before the index was written.
    let mut copy = fs::OpenOptions::new().append(true).open(server.copy()).unwrap();
    copy.write_all(b"\0\0\0 lost in a power cut").unwrap();
    server.put("logwatch", lines(0..700));
    server.update();
    server.holds(&lines(0..700));
    // Without an index the copy is one life.
    fs::remove_file(index_of(&server.copy())).unwrap();
    server.put("logwatch", lines(0..800));
    server.update();
    server.holds(&lines(0..800));
}

#[test]
fn a_path_cannot_leave_the_folder_of_the_copies() {
    for (path, copy) in [
        ("logwatch", "out/origin/logwatch"),
        ("~/logwatch", "out/origin/logwatch"),
        ("/usr/local/x.log", "out/origin/usr/local/x.log"),
        ("../../x.log", "out/origin/__/__/x.log"),
    ] {
        assert_eq!(copy_in(Path::new("out"), &host(), path), Path::new(copy), "{path}");
    }
}

/// What can happen to a log between two nights.
#[derive(Debug, Clone, Copy)]
enum Event {
    Grows(u32),
    /// `logrotate`: the log becomes `.1`, and a new one begins; the part before may be packed.
    Rotates {
        packs: bool,
    },
    /// `logrotate` with `copytruncate`.
    IsCopiedAndEmptied,
    IsFetched,
    /// A daemon starts; that what was there is lost is nobody's fault but its own.
    IsFetchedAndOverwritten,
}

fn event() -> impl proptest::strategy::Strategy<Value = Event> {
    use proptest::prelude::*;
    prop_oneof![
        4 => (1..700_u32).prop_map(Event::Grows),
        1 => any::<bool>().prop_map(|packs| Event::Rotates { packs }),
        1 => Just(Event::IsCopiedAndEmptied),
        2 => Just(Event::IsFetched),
        1 => Just(Event::IsFetchedAndOverwritten),
    ]
}

/// Makes place for a new `.1`.
fn shift(server: &Server) {
    for n in (1..40).rev() {
        for end in ["", ".gz"] {
            let from = format!("logwatch.{n}{end}");
            if server.file(&from).exists() {
                server.rotate(&from, &format!("logwatch.{}{end}", n + 1));
            }
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_happens_every_line_is_there_once_and_in_order(
        events in proptest::collection::vec(event(), 1..24)
    ) {
        let server = Server::new();
        server.put("logwatch", "");
        let mut n_lines = 0;
        for event in events {
            match event {
                Event::Grows(n) => {
                    let mut log = fs::OpenOptions::new().append(true).open(server.file("logwatch")).unwrap();
                    log.write_all(lines(n_lines..n_lines + n).as_bytes()).unwrap();
                    n_lines += n;
                }
                Event::Rotates { packs } => {
                    shift(&server);
                    server.rotate("logwatch", "logwatch.1");
                    if packs {
                        server.pack("logwatch.1");
                    }
                    server.put("logwatch", "");
                }
                Event::IsCopiedAndEmptied => {
                    shift(&server);
                    fs::copy(server.file("logwatch"), server.file("logwatch.1")).unwrap();
                    server.put("logwatch", "");
                }
                Event::IsFetched => assert!(server.update().gaps.is_empty()),
                Event::IsFetchedAndOverwritten => {
                    server.update();
                    server.put("logwatch", "");
                }
            }
        }
        server.update();
        let held = fs::read_to_string(server.copy()).unwrap_or_default();
        proptest::prop_assert_eq!(held, lines(0..n_lines));
    }
}
