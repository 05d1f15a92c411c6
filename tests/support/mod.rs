//! One small builder for tests of the whole program: a laboratory in a folder of its own, jeton run in it, and what is
//! expected of the run.
//!
//! ```ignore
//! Lab::new().without(LMSTAT).jeton("nightly --no-push").exits(3).complains("gap: origin.labo.example");
//! ```

pub(crate) mod disk;
pub(crate) mod outcome;
pub(crate) mod workbook;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fs_err as fs;
use tempfile::TempDir;

/// The program that is tested.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_jeton");
/// Files of the laboratory, from its folder.
pub(crate) const LOGWATCH: &str = "replay/origin.labo.example/files/logwatch";
pub(crate) const DEBUG_LOG: &str = "replay/origin.labo.example/files/usr/local/flexlm/orglabdebug.log";
pub(crate) const LMSTAT: &str = "replay/origin.labo.example/commands/lmstat.txt";
pub(crate) const SNOOPING: &str = "replay/tftp.labo.example/files/var/lib/tftpboot/snoop";
pub(crate) const HISTORY: &str = "out/Origin_history";
pub(crate) const REPORTS: &str = "out/reports/2021-12";

/// A copy of `fixtures/` that goes when the test ends.
pub(crate) struct Lab {
    folder: TempDir,
}

impl Lab {
    /// The laboratory with a dead switch: a night exits with 3.
    pub(crate) fn new() -> Self {
        Self::complete().without("replay/Labo-B-1")
    }

    fn in_folder(folder: TempDir) -> Self {
        copy(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures")), folder.path());
        Self { folder }.without("out")
    }

    /// The laboratory with all its switches, in memory where the system has a folder for that.
    pub(crate) fn in_memory() -> Self {
        Self::in_folder(in_memory())
    }

    /// Another laboratory that is the same, in memory. What jeton only reads is shared until one of them puts another file
    /// in its place.
    pub(crate) fn like(&self) -> Self {
        let folder = in_memory();
        let (written, out) = (self.path("out"), folder.path().join("out"));
        for path in below(self.folder.path()).iter().filter(|path| path.is_file() && !path.starts_with(&written)) {
            let target = folder.path().join(path.strip_prefix(self.folder.path()).unwrap());
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            if fs::hard_link(path, &target).is_err() {
                fs::copy(path, &target).unwrap();
            }
        }
        copy(&written, &out);
        Self { folder }
    }

    /// The laboratory as it is, with all its switches: nothing is missing, and the rows are the same.
    pub(crate) fn complete() -> Self {
        Self::in_folder(tempfile::tempdir().unwrap())
    }

    /// Where a file is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file there, in the place of whatever was.
    pub(crate) fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let lab = self.without(name);
        fs::create_dir_all(lab.path(name).parent().unwrap()).unwrap();
        fs::OpenOptions::new().create(true).append(true).open(lab.path(name)).unwrap();
        lab.append(name, content)
    }

    /// Puts a folder there, in the place of whatever was.
    pub(crate) fn with_folder(self, name: &str) -> Self {
        let lab = self.without(name);
        fs::create_dir_all(lab.path(name)).unwrap();
        lab
    }

    /// Takes a file or a folder away, where it is there.
    pub(crate) fn without(self, name: &str) -> Self {
        let path = self.path(name);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else if path.exists() {
            fs::remove_file(path).unwrap();
        }
        self
    }

    /// Adds to the end of a file.
    pub(crate) fn append(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        use std::io::Write;
        let mut file = fs::OpenOptions::new().append(true).open(self.path(name)).unwrap();
        file.write_all(content.as_ref()).unwrap();
        self
    }

    /// Changes a file's text.
    pub(crate) fn edit<T: AsRef<[u8]>>(self, name: &str, change: impl FnOnce(&str) -> T) -> Self {
        let changed = change(&self.text(name));
        self.with(name, changed)
    }

    /// A file's text.
    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// What nights wrote for others, by its name in the output directory, with its bytes: not what they keep for themselves.
    pub(crate) fn published(&self) -> BTreeMap<String, Vec<u8>> {
        self.files("out").into_iter().filter(|(name, _)| !name.starts_with("evidence/")).collect()
    }

    /// Every file below a folder by its name from there, with its bytes.
    pub(crate) fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let root = self.path(folder);
        let named = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let all = below(&root);
        all.iter().filter(|path| path.is_file()).map(|path| (named(path), fs::read(path).unwrap())).collect()
    }

    /// The permissions of all files, and of all folders, from a folder on.
    pub(crate) fn modes(&self, folder: &str) -> [BTreeSet<String>; 2] {
        let mut modes = [BTreeSet::new(), BTreeSet::new()];
        let root = self.path(folder);
        for path in below(&root).iter().chain([&root]) {
            let mode = fs::metadata(path).unwrap().permissions().mode() & 0o7777;
            modes[usize::from(path.is_dir())].insert(format!("{mode:o}"));
        }
        modes
    }

    /// The files of a night, as they are written: `DPT1-2021-12.ods`, …
    pub(crate) fn workbooks(&self) -> Vec<PathBuf> {
        self.files(REPORTS).into_keys().map(|name| self.path(REPORTS).join(name)).collect()
    }

    /// Runs jeton in the laboratory's folder with the words of a command line.
    pub(crate) fn jeton(&self, line: &str) -> Ran {
        self.jeton_in("", line)
    }

    /// Runs jeton in a folder of the laboratory; nothing of the tester's environment is seen.
    pub(crate) fn jeton_in(&self, folder: &str, line: &str) -> Ran {
        let done = command(&self.path(folder)).args(line.split_whitespace()).output().unwrap();
        Ran {
            line: line.to_owned(),
            code: done.status.code(),
            out: String::from_utf8(done.stdout).unwrap(),
            err: String::from_utf8(done.stderr).unwrap(),
        }
    }
}

fn in_memory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// jeton in a folder, without the tester's configuration and home.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder).env_remove("JETON_CONFIG").env("HOME", "/nonexistent").stdin(Stdio::null());
    command
}

/// A run that is over; each expectation that is not met shows all of it.
pub(crate) struct Ran {
    line: String,
    code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    #[track_caller]
    fn check(self, holds: bool, expected: &str) -> Self {
        let Self { line, code, out, err } = &self;
        assert!(holds, "`jeton {line}`: expected {expected}\ncode {code:?}\n--- stdout\n{out}\n--- stderr\n{err}");
        self
    }

    /// Expects an exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        let holds = self.code == Some(code);
        self.check(holds, &format!("the exit code {code}"))
    }

    /// Expects a text on standard output.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        let holds = self.out.contains(text);
        self.check(holds, &format!("on stdout: {text}"))
    }

    /// Expects this, and nothing else, on standard output.
    #[track_caller]
    pub(crate) fn says_only(self, text: &str) -> Self {
        let holds = self.out == text;
        self.check(holds, &format!("on stdout exactly: {text}"))
    }

    /// Expects a text on standard error.
    #[track_caller]
    pub(crate) fn complains(self, text: &str) -> Self {
        let holds = self.err.contains(text);
        self.check(holds, &format!("on stderr: {text}"))
    }

    /// Expects a text not to be on standard error.
    #[track_caller]
    pub(crate) fn complains_not(self, text: &str) -> Self {
        let holds = !self.err.contains(text);
        self.check(holds, &format!("not on stderr: {text}"))
    }

    /// Expects so many `error:` on standard error.
    #[track_caller]
    pub(crate) fn errors(self, n: usize) -> Self {
        let found = self.err.lines().filter(|line| line.starts_with("error: ")).count();
        self.check(found == n, &format!("{n} errors, found {found}"))
    }

    /// Expects none of these names on standard error.
    #[track_caller]
    pub(crate) fn names_none_of(self, names: &BTreeSet<String>) -> Self {
        let found: Vec<&String> = names.iter().filter(|name| has_word(&self.err, name)).collect();
        let expected = format!("nobody named on stderr, found {found:?}");
        let holds = found.is_empty();
        self.check(holds, &expected)
    }
}

/// A row by the names of its columns.
pub(crate) type Row = BTreeMap<String, String>;

/// The truth of the fixtures: a row per piece, under the names of the columns.
pub(crate) fn truth() -> Vec<Row> {
    rows_of(include_str!("../../fixtures/expected/sessions.csv"))
}

/// The rows of a CSV under the names of its columns.
pub(crate) fn rows_of(csv: &str) -> Vec<Row> {
    csv::Reader::from_reader(csv.as_bytes()).deserialize().map(|row| row.unwrap()).collect()
}

/// The names, addresses and machines in rows: what nobody but the entitled may see.
pub(crate) fn names_in<'a>(rows: impl IntoIterator<Item = &'a Row>) -> BTreeSet<String> {
    const PERSONAL: [&str; 5] = ["login", "host", "ip", "mac", "hostname"];
    let cells = rows.into_iter().flat_map(|row| PERSONAL.map(|column| row[column].trim_start_matches('\'').to_owned()));
    cells.filter(|cell| !cell.is_empty()).collect()
}

/// Whether a text holds a name that is not a part of a longer word: `lea` is not in `lease`.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let behind = text[at + word.len()..].chars().next();
        ![before, behind].into_iter().flatten().any(char::is_alphanumeric)
    })
}

/// Everything below a folder, in order.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(below(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    for path in below(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        if path.is_file() {
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(&path, target).unwrap();
        }
    }
}
