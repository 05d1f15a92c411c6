//! What a private key file says without its passphrase: whether it has one, and the public key.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::bytes::Fields;

/// A private key file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyFile {
    /// Whether it takes a passphrase to use it.
    pub(super) is_encrypted: bool,
    /// The public key, as an agent names it.
    pub(super) public: Option<Vec<u8>>,
}

impl KeyFile {
    /// Reads a key in any of the formats of OpenSSH and OpenSSL, with the public half beside it (`<path>.pub`) for those that
    /// do not hold it in the clear.
    pub(super) fn read(path: &Path) -> std::io::Result<Self> {
        let own = Self::parse(&String::from_utf8_lossy(&fs_err::read(path)?));
        let mut beside = path.as_os_str().to_owned();
        beside.push(".pub");
        let public = own.public.or_else(|| public_key(&fs_err::read_to_string(Path::new(&beside)).ok()?));
        Ok(Self { public, ..own })
    }

    fn parse(text: &str) -> Self {
        let is_encrypted = text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED");
        Self::parse_openssh(text).unwrap_or(Self { is_encrypted, public: None })
    }

    /// OpenSSH's own format (PROTOCOL.key): a magic, cipher, key derivation and its options, the number of keys, the first
    /// public one.
    fn parse_openssh(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once("-----BEGIN OPENSSH PRIVATE KEY-----")?;
        let (body, _) = rest.split_once("-----END")?;
        let bytes = BASE64.decode(body.split_whitespace().collect::<String>()).ok()?;
        let mut fields = Fields::new(bytes.strip_prefix(b"openssh-key-v1\0")?);
        let cipher = fields.next_field()?;
        let (_, _) = (fields.next_field()?, fields.next_field()?);
        fields.next_number()?;
        Some(Self { is_encrypted: cipher != b"none", public: fields.next_field().map(<[u8]>::to_vec) })
    }
}

/// The key of a line `ssh-ed25519 AAAA… comment`.
fn public_key(line: &str) -> Option<Vec<u8>> {
    BASE64.decode(line.split_whitespace().nth(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_seen_in_each_format() {
        for (text, is_encrypted) in [
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n", false),
            ("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMIIE\n", true),
            ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n", false),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIE\n-----END ENCRYPTED PRIVATE KEY-----\n", true),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\n???\n-----END OPENSSH PRIVATE KEY-----\n", false),
            ("", false),
        ] {
            assert_eq!(KeyFile::parse(text), KeyFile { is_encrypted, public: None }, "{text}");
        }
    }

    #[test]
    fn the_openssh_format_tells_the_public_key_through_the_passphrase() {
        let field = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
        for (cipher, is_encrypted) in [("none", false), ("aes256-ctr", true)] {
            let fields =
                [field(cipher.as_bytes()), field(b"bcrypt"), field(b"salt"), vec![0, 0, 0, 1], field(b"public")];
            let bytes = [b"openssh-key-v1\0".to_vec(), fields.concat()].concat();
            let body = BASE64.encode(bytes);
            let (first, second) = body.split_at(20);
            let text = format!(
                "-----BEGIN OPENSSH PRIVATE KEY-----\n{first}\r\n{second}\n-----END OPENSSH PRIVATE KEY-----\n"
            );
            assert_eq!(KeyFile::parse(&text), KeyFile { is_encrypted, public: Some(b"public".to_vec()) });
        }
    }
}
