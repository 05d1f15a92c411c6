//! The key of the pseudonyms: 32 random bytes in a file of their own.

use fs_err::os::unix::fs::OpenOptionsExt;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;
use fs_err as fs;

use super::Veil;

/// The name of its file in the output directory.
pub const KEY: &str = "jeton.key";
/// Nobody but its owner reads it.
const MODE: u32 = 0o600;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The cause names the file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A file is there, and holds no key.
    #[error(
        "`{}` holds no key: expected 64 hexadecimal digits; put the key back from a backup, or delete the file: names \
         that were forgotten then stay so for good, and a new key is made", .0.display()
    )]
    NoKey(PathBuf),
}

impl Veil {
    /// With the key of an output directory; `None` where there is none.
    pub fn open(folder: &Path) -> Result<Option<Self>, KeyError> {
        let path = folder.join(KEY);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::InvalidData => return Err(KeyError::NoKey(path)),
            read => read?,
        };
        let bytes = HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).unwrap_or_default();
        <[u8; 32]>::try_from(bytes).map(|key| Some(Self::new(key))).map_err(|_| KeyError::NoKey(path))
    }

    /// With the key of an output directory, made where there is none; and whether it was.
    pub fn open_or_make(folder: &Path) -> Result<(Self, bool), KeyError> {
        if let Some(veil) = Self::open(folder)? {
            return Ok((veil, false));
        }
        let key = random::<32>()?;
        // Beside its place and renamed, closed to others from its first byte on.
        let unfinished = folder.join(format!(".{KEY}.tmp"));
        let _ = fs::remove_file(&unfinished);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(MODE).open(&unfinished)?;
        writeln!(file, "{}", HEXLOWER_PERMISSIVE.encode(&key))?;
        file.sync_all()?;
        fs::rename(&unfinished, folder.join(KEY))?;
        fs::File::open(folder)?.sync_all()?;
        Ok((Self::new(key), true))
    }
}

/// Random bytes of the kernel, for what nobody may guess.
pub(crate) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut rest = bytes.as_mut_slice();
    while !rest.is_empty() {
        let n = rustix::rand::getrandom(&mut *rest, rustix::rand::GetRandomFlags::empty())?;
        rest = &mut rest[n..];
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Veil::open(folder.path()).unwrap(), None);
        let (veil, is_new) = Veil::open_or_make(folder.path()).unwrap();
        assert!(is_new);
        let mode = fs::metadata(folder.path().join(KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(Veil::open_or_make(folder.path()).unwrap(), (veil.clone(), false));
        fs::remove_file(folder.path().join(KEY)).unwrap();
        assert_ne!(Veil::open_or_make(folder.path()).unwrap().0, veil, "no two keys are alike");
    }

    #[test]
    fn a_file_without_a_key_is_no_reason_to_make_another() {
        let folder = tempfile::tempdir().unwrap();
        for text in [&b""[..], b"0123", b"no key", &[0xff; 64]] {
            fs::write(folder.path().join(KEY), text).unwrap();
            assert!(matches!(Veil::open_or_make(folder.path()), Err(KeyError::NoKey(_))), "{text:?}");
        }
    }
}
