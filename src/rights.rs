//! Why somebody may not read or write something on this machine: whose it is, and the command that mends it.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::Access;

/// What somebody wants to do with a file or a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// To read it.
    Read,
    /// To write to it, or into it.
    Write,
}

/// Why a path cannot be read or written, and what to do: `/srv/out` belongs to root (group root, mode 0750), and this is jeton:
/// …. `None` where rights are not the reason.
pub(crate) fn denied(path: &Path, right: Right) -> Option<String> {
    let blocking = blocking(path, right)?;
    let found = std::fs::metadata(&blocking).ok()?;
    let (owner, group, me) = (user(found.uid()), group(found.gid()), user(uzers::get_effective_uid()));
    let shown = blocking.display();
    let told =
        format!("`{shown}` belongs to {owner} (group {group}, mode {:04o}), and this is {me}", found.mode() & 0o7777);
    Some(format!("{told}: {}", remedy(&found, &blocking, right, &me)))
}

/// That a folder belongs to another user than root, where this is root: what root writes there, its owner cannot write again.
pub(crate) fn of_another(folder: &Path) -> Option<String> {
    let found = std::fs::metadata(folder).ok()?;
    (uzers::get_effective_uid() == 0 && found.uid() != 0).then(|| {
        let owner = user(found.uid());
        format!(
            "`{}` belongs to {owner}, who could not write what root leaves there: run it as {owner}, `sudo -u {owner} jeton …`",
            folder.display()
        )
    })
}

/// The owner and the mode of a file, for people: `jeton:jeton 0640`.
pub(crate) fn owner(path: &Path) -> Option<String> {
    let found = std::fs::metadata(path).ok()?;
    Some(format!("{}:{} {:04o}", user(found.uid()), group(found.gid()), found.mode() & 0o7777))
}

/// The first of the folders above a path that may not be passed, or the path itself.
fn blocking(path: &Path, right: Right) -> Option<PathBuf> {
    let whole = std::path::absolute(path).ok()?;
    let above: Vec<&Path> = whole.ancestors().skip(1).collect();
    let closed =
        above.into_iter().rev().find(|folder| folder.is_dir() && rustix::fs::access(*folder, Access::EXEC_OK).is_err());
    if let Some(closed) = closed {
        return Some(closed.to_owned());
    }
    let access = match right {
        Right::Read => Access::READ_OK,
        Right::Write => Access::READ_OK | Access::WRITE_OK,
    };
    let is_denied = |error: rustix::io::Errno| error == rustix::io::Errno::ACCESS;
    rustix::fs::access(&whole, access).is_err_and(is_denied).then_some(whole)
}

fn remedy(found: &Metadata, path: &Path, right: Right, me: &str) -> String {
    let (owner, group_name) = (user(found.uid()), group(found.gid()));
    // A folder is passed by `x`.
    let needed = if found.is_dir() { 0o010 } else { 0o040 };
    if found.uid() == uzers::get_effective_uid() {
        let letter = match (right, found.is_dir()) {
            (Right::Write, _) => "rw",
            (Right::Read, true) => "rx",
            (Right::Read, false) => "r",
        };
        format!("give its owner the right: `chmod u+{letter} {}`", path.display())
    } else if found.uid() == 0 {
        format!("if it should be {me}'s, give it back: `sudo chown -R {me}: {}`", path.display())
    } else if found.permissions().mode() & needed != 0 && found.gid() != 0 && right == Right::Read {
        format!(
            "run it as {owner} (`sudo -u {owner} jeton …`), or join the group (`sudo usermod -aG {group_name} {me}`, then log in again)"
        )
    } else {
        format!("run it as {owner}: `sudo -u {owner} jeton …`")
    }
}

fn user(uid: u32) -> String {
    uzers::get_user_by_uid(uid).map_or_else(|| format!("#{uid}"), |user| user.name().to_string_lossy().into_owned())
}

fn group(gid: u32) -> String {
    uzers::get_group_by_gid(gid).map_or_else(|| format!("#{gid}"), |group| group.name().to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_read_is_not_denied() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs_err::File::create(&file).unwrap();
        assert_eq!(denied(&file, Right::Write), None);
        assert_eq!(denied(&folder.path().join("nothing"), Right::Read), None, "not there is another reason");
        let text = owner(&file).unwrap();
        assert!(text.contains(&user(uzers::get_effective_uid())), "{text}");
    }
}
