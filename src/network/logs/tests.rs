use std::collections::BTreeMap;
use std::io::Write;

use flate2::write::GzEncoder;
use fs_err as fs;
use tempfile::TempDir;

use super::*;
use crate::evidence::{BREAK, Evidence, Kind};
use crate::network::{FileStat, Remote, Replaced, Replay};

/// A licence server in a folder, what is known of its log, and how far that was read.
struct Server {
    folder: TempDir,
    marks: Vec<Mark>,
    evidence: Evidence,
}

fn host() -> Host {
    let name = "origin".to_owned();
    Host {
        address: name.clone(),
        name,
        user: None,
        key: None,
        port: 22,
        password_command: None,
        legacy: false,
        connect_timeout: None,
        command_timeout: None,
    }
}

/// Blocks of a logwatch, a second apart, that no others are like.
fn lines(range: std::ops::Range<u32>) -> String {
    let block = |n: u32| {
        let (hours, minutes, seconds) = (n / 3600, n / 60 % 60, n % 60);
        format!("Wed Dec  8 {hours:02}:{minutes:02}:{seconds:02} CET 2021\nline {n} {}\n", "x".repeat(40))
    };
    range.map(block).collect()
}

impl Server {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("origin/files")).unwrap();
        Self { folder, marks: Vec::new(), evidence: Evidence::in_memory() }
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

    /// Fetches what is new, makes it evidence, and gives back how much text that was.
    fn update(&mut self) -> (News, usize) {
        self.fails().unwrap()
    }

    fn fails(&mut self) -> Result<(News, usize), RemoteError> {
        let replay = Replay::open(self.folder.path()).unwrap();
        let mut files = Counted(replay.files(&host()).unwrap(), u64::MAX);
        self.take(&mut files)
    }

    fn take(&mut self, files: &mut dyn Files) -> Result<(News, usize), RemoteError> {
        let mut news = fetch(files, &host(), "logwatch", &self.marks, self.folder.path())?;
        let mut n_bytes = 0;
        for mut copy in news.copies.drain(..) {
            let mut text = Vec::new();
            copy.text.read_to_end(&mut text).unwrap();
            n_bytes += text.len();
            self.evidence.add_logwatch("logwatch", text.as_slice()).unwrap();
        }
        self.marks.clone_from(&news.marks);
        Ok((news, n_bytes))
    }

    /// What is known, without the marks of what is not known to follow.
    fn held(&self) -> (String, usize) {
        let (mut held, mut n_breaks) = (String::new(), 0);
        for day in self.evidence.days(Kind::Logwatch).keys() {
            let text = String::from_utf8(self.evidence.text(Kind::Logwatch, *day).unwrap().unwrap()).unwrap();
            let (breaks, lines): (Vec<&str>, Vec<&str>) =
                text.split_inclusive('\n').partition(|line| line.trim_end().as_bytes() == [BREAK]);
            n_breaks += breaks.len();
            held.extend(lines);
        }
        // What a copy begins with is not known to follow anything.
        (held, n_breaks.saturating_sub(1))
    }

    #[track_caller]
    fn holds(&self, expected: &str) {
        let (held, n_breaks) = self.held();
        assert!(held == expected, "{} of {} bytes", held.len(), expected.len());
        assert_eq!(n_breaks, 0);
    }
}

/// Files that do not lie on this machine, of a host that breaks off after so many bytes.
struct Counted<'a>(Box<dyn Files + 'a>, u64);

impl Files for Counted<'_> {
    fn stat(&mut self, path: &str) -> Result<Option<FileStat>, RemoteError> {
        self.0.stat(path)
    }
    fn list(&mut self, folder: &str) -> Result<BTreeMap<String, FileStat>, RemoteError> {
        self.0.list(folder)
    }
    fn read(&mut self, path: &str, from: u64, most: u64, out: &mut dyn Write) -> Result<u64, RemoteError> {
        let read = self.0.read(path, from, most.min(self.1), out)?;
        self.1 -= read;
        if self.1 == 0 { Err(RemoteError::new(&host(), "read", "broken off")) } else { Ok(read) }
    }
    fn replace(&mut self, _: &str, _: &[u8], _: Option<FileStat>) -> Result<Replaced, RemoteError> {
        panic!("a log is only read")
    }
    fn try_replace(&mut self, _: &str) -> Result<(), RemoteError> {
        panic!("a log is only read")
    }
}

#[test]
fn what_is_new_is_read_and_nothing_twice() {
    let mut server = Server::new();
    for end in [1, 1, 2, 500, 501, 5000] {
        server.put("logwatch", lines(0..end));
        server.update();
        server.holds(&lines(0..end));
    }
    assert_eq!(server.update().1, 0, "nothing is new");
}

#[test]
fn of_a_log_that_only_grew_little_more_than_what_is_new_is_read() {
    let mut server = Server::new();
    server.put("logwatch", lines(0..40_000));
    server.update();
    server.put("logwatch", lines(0..40_010));
    let replay = Replay::open(server.folder.path()).unwrap();
    let mut counted = Counted(replay.files(&host()).unwrap(), u64::MAX);
    server.take(&mut counted).unwrap();
    let new = lines(40_000..40_010).len() as u64;
    assert_eq!(u64::MAX - counted.1, HEAD + SEAM + OVERLAP + new);
    server.holds(&lines(0..40_010));
}

#[test]
fn what_came_before_the_connection_broke_is_kept_and_the_next_fetch_goes_on_from_there() {
    let mut server = Server::new();
    let whole = lines(0..40_000);
    server.put("logwatch", &whole);
    let replay = Replay::open(server.folder.path()).unwrap();
    let half = whole.len() as u64 / 2;
    let (news, _) = server.take(&mut Counted(replay.files(&host()).unwrap(), half)).unwrap();
    assert_eq!(news.broken.unwrap().cause, "broken off");
    let held = server.held().0.len();
    assert!(held > whole.len() / 2 - 100_000 && held <= whole.len() / 2, "{held}");
    let (_, n_bytes) = server.update();
    server.holds(&whole);
    assert!(n_bytes < whole.len() * 2 / 3, "{n_bytes}");
}

#[test]
fn what_was_rotated_away_before_it_was_fetched_is_found_in_the_rotated_part() {
    for (rotated, pack) in [("logwatch.1", false), ("logwatch.1", true), ("logwatch-20211208", false)] {
        let mut server = Server::new();
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
    let mut server = Server::new();
    for (name, range) in
        [("logwatch.10", 1000..1900), ("logwatch.2", 2000..2900), ("logwatch.1", 3000..3900), ("logwatch", 4000..4010)]
    {
        server.put(name, lines(range));
    }
    server.pack("logwatch.2");
    server.pack("logwatch.10");
    server.put("logwatch.old", lines(0..5000));
    let expected: String = [(1000..1900), (2000..2900), (3000..3900), (4000..4010)].map(lines).concat();
    server.update();
    server.holds(&expected);
    assert_eq!(server.update().1, 0, "nothing is new");
}

#[test]
fn what_was_rotated_out_or_overwritten_stays() {
    let mut server = Server::new();
    server.put("logwatch", lines(0..100));
    server.update();
    // Overwritten, as a debug log is at each start: what stood there last is not known.
    server.put("logwatch", lines(1000..1001));
    server.update();
    server.put("logwatch", lines(2000..2001));
    server.update();
    assert_eq!(server.held(), (lines(0..100) + &lines(1000..1001) + &lines(2000..2001), 2));
    // Emptied, and then gone.
    server.put("logwatch", "");
    server.update();
    fs::remove_file(server.file("logwatch")).unwrap();
    assert!(server.fails().err().unwrap().to_string().contains("read logwatch: no such file"));
}

#[test]
fn a_part_that_could_not_be_had_is_a_gap_and_is_put_in_its_place_later() {
    let mut server = Server::new();
    server.put("logwatch.2", lines(0..900));
    server.put("logwatch.1.gz", b"\x1f\x8bno gzip at all, of a few bytes");
    server.put("logwatch", lines(2000..2100));
    let (updated, _) = server.update();
    assert!(updated.gaps[0].reason.contains("read logwatch.1.gz: cannot unpack it"), "{:?}", updated.gaps);
    assert_eq!(server.held(), (lines(0..900) + &lines(2000..2100), 1), "what is between is not known");
    server.put("logwatch.1", lines(1000..1900));
    fs::remove_file(server.file("logwatch.1.gz")).unwrap();
    assert!(server.update().0.gaps.is_empty());
    server.holds(&(lines(0..900) + &lines(1000..1900) + &lines(2000..2100)));
}

#[test]
fn a_part_in_a_foreign_format_is_named_and_costs_nothing() {
    let mut server = Server::new();
    server.put("logwatch.1.xz", "?");
    server.put("logwatch", lines(0..3));
    let (updated, _) = server.update();
    assert_eq!(updated.findings[0].place.to_string(), "origin:logwatch.1.xz");
    assert!(updated.gaps.is_empty());
}

#[test]
fn copies_that_lie_about_are_not_read_twice() {
    let mut server = Server::new();
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
    /// A daemon starts, and what was there is lost.
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
        let mut server = Server::new();
        server.put("logwatch", "");
        let mut n_lines = 0;
        let is_overwritten = events.iter().any(|event| matches!(event, Event::IsFetchedAndOverwritten));
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
                Event::IsFetched => assert!(server.update().0.gaps.is_empty()),
                Event::IsFetchedAndOverwritten => {
                    server.update();
                    server.put("logwatch", "");
                }
            }
        }
        server.update();
        let (held, n_breaks) = server.held();
        proptest::prop_assert_eq!(held, lines(0..n_lines));
        proptest::prop_assert!(n_breaks == 0 || is_overwritten, "{} breaks", n_breaks);
    }
}
