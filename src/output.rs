//! Files that people rely on: written beside their place, synced, renamed into it, and closed to strangers.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::PathExt;

/// Files with people in them: their owner writes, their group reads.
pub(crate) const FILE_MODE: u32 = 0o640;
/// Folders likewise.
const FOLDER_MODE: u32 = 0o750;
/// The end of every unfinished file's name.
const UNFINISHED: &str = ".tmp";

/// Creates a folder with those above it, 0750 each that was not there.
pub fn create_folder(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)
        .map_err(|error| std::io::Error::new(error.kind(), format!("cannot create `{}`: {error}", folder.display())))
}

/// The folder of a file: the working directory for a bare name.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// Closes a folder that was there before to strangers: 0750 at most. Another's stays as it is, and so does one that is open
/// to all by intent (sticky, as `/tmp`).
pub fn close_folder(folder: &Path) {
    const STICKY: u32 = 0o1000;
    const STRANGERS: u32 = 0o777 & !FOLDER_MODE;
    let Ok(found) = fs::metadata(folder) else { return };
    let mode = found.permissions().mode() & 0o7777;
    if found.is_dir() && mode & STICKY == 0 && mode & STRANGERS != 0 {
        let _ = fs::set_permissions(folder, std::fs::Permissions::from_mode(mode & !STRANGERS));
    }
}

/// Closes a folder with all folders below it; links are not followed.
pub fn close_folders(folder: &Path) {
    close_folder(folder);
    let Ok(entries) = folder.fs_err_read_dir() else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            close_folders(&entry.path());
        }
    }
}

/// Writes a whole file, mode 0640, with what `fill` writes: beside its place under a name that ends in `.tmp`, synced, then
/// renamed. Whatever fails, what was there before is untouched.
pub fn write_file(path: &Path, fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> std::io::Result<()> {
    let named = |error: std::io::Error| {
        std::io::Error::new(error.kind(), format!("cannot write `{}`: {error}", path.display()))
    };
    let folder = folder_of(path);
    create_folder(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut file = tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(UNFINISHED)
        .permissions(std::fs::Permissions::from_mode(FILE_MODE))
        .tempfile_in(folder)
        .map_err(named)?;
    let mut buffer = std::io::BufWriter::new(file.as_file_mut());
    fill(&mut buffer).map_err(named)?;
    buffer.into_inner().map_err(|error| named(error.into_error()))?.sync_all().map_err(named)?;
    file.persist(path).map_err(|error| named(error.error))?;
    // The rename itself must survive a power cut.
    fs::File::open(folder)?.sync_all()
}

/// The first free name for a file that cannot be read any more: it ends in `.damaged`, `.damaged-2`, …
pub fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut number = 1_u32;
    let mut aside = path.with_file_name(format!("{name}.damaged"));
    while aside.symlink_metadata().is_ok() {
        number += 1;
        aside = path.with_file_name(format!("{name}.damaged-{number}"));
    }
    aside
}

/// The files of a folder that were set aside because they could not be read.
pub fn set_aside_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = folder.fs_err_read_dir() else { return Vec::new() };
    let is_aside = |name: &str| {
        let end = name.rsplit_once(".damaged").map(|(_, end)| end);
        // What SQLite keeps beside a ledger was set aside with it.
        let end = end.map(|end| end.trim_end_matches("-journal").trim_end_matches("-wal").trim_end_matches("-shm"));
        end.is_some_and(|end| end.is_empty() || end.strip_prefix('-').is_some_and(|n| n.parse::<u32>().is_ok()))
    };
    let entries = entries.flatten().filter(|entry| is_aside(&entry.file_name().to_string_lossy()));
    entries.map(|entry| entry.path()).collect()
}

/// Renames a file that cannot be read any more to the first free name; where it is now.
pub fn set_aside(path: &Path) -> std::io::Result<PathBuf> {
    let aside = aside(path);
    fs::rename(path, &aside)?;
    Ok(aside)
}

/// The right to write into a folder, until it is dropped. The kernel drops it with a killed process.
#[derive(Debug)]
pub struct Lock {
    _folder: fs::File,
}

impl Lock {
    /// Waits until no other run writes into a folder; `waiting` is called where one does. The folder itself is locked
    /// (`flock`), so that no lock file stays behind.
    pub fn take(folder: &Path, waiting: impl FnOnce()) -> std::io::Result<Self> {
        let handle = fs::File::open(folder)?;
        if let Err(std::fs::TryLockError::WouldBlock) = handle.file().try_lock() {
            waiting();
        }
        handle.file().lock()?;
        Ok(Self { _folder: handle })
    }
}

impl Lock {
    /// Whether nobody writes into a folder now; where that can be found out.
    pub fn is_free(folder: &Path) -> std::io::Result<bool> {
        let handle = fs::File::open(folder)?;
        match handle.file().try_lock() {
            Ok(()) => Ok(true),
            Err(std::fs::TryLockError::WouldBlock) => Ok(false),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Takes away what an interrupted run left in a folder; what cannot be taken away stays.
pub fn remove_leftovers(folder: &Path) {
    let Ok(entries) = folder.fs_err_read_dir() else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().ends_with(UNFINISHED) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_private_and_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reports/2021-12/x.csv");
        write_file(&path, |out| out.write_all(b"rows")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"rows");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, FILE_MODE);
        assert_eq!(fs::metadata(folder.path().join("reports")).unwrap().permissions().mode() & 0o027, 0);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write_file(&path, |out| out.write_all(b"old")).unwrap();
        write_file(&path, |_| Err(std::io::Error::other("full"))).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn folders_that_were_open_are_closed_and_no_other_is_touched() {
        let outer = tempfile::tempdir().unwrap();
        let mode_of = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        for (before, after) in [(0o777, 0o750), (0o755, 0o750), (0o2775, 0o2750), (0o700, 0o700), (0o1777, 0o1777)] {
            let inner = outer.path().join("reports/2021-12");
            create_folder(&inner).unwrap();
            fs::set_permissions(&inner, std::fs::Permissions::from_mode(before)).unwrap();
            close_folders(&outer.path().join("reports"));
            assert_eq!(mode_of(&inner), after, "{before:o}");
        }
        let stranger = outer.path().join("stranger");
        create_folder(&stranger).unwrap();
        fs::set_permissions(&stranger, std::fs::Permissions::from_mode(0o755)).unwrap();
        fs::os::unix::fs::symlink(&stranger, outer.path().join("reports/link")).unwrap();
        close_folders(&outer.path().join("reports"));
        assert_eq!(mode_of(&stranger), 0o755, "a link leads out");
        close_folders(&outer.path().join("none"));
    }

    #[test]
    fn what_was_set_aside_is_found_with_all_that_belongs_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let asides = ["jeton.db.damaged", "jeton.db.damaged-2", "jeton.db.damaged-2-wal", "jeton.db.damaged-shm"];
        for name in asides.into_iter().chain(["jeton.db", "jeton.db-wal", "damaged", "x.damaged-y"]) {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let mut found: Vec<_> = set_aside_in(folder.path());
        found.sort();
        let mut expected = asides.map(|name| folder.path().join(name));
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn leftovers_of_an_interrupted_run_go() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".x.abc.tmp"), "half").unwrap();
        fs::write(folder.path().join("x"), "whole").unwrap();
        remove_leftovers(folder.path());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
