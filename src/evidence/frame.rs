//! A kept text as bytes of a file: a header in a skippable frame of zstd's, then the text in a frame with a checksum.
//!
//! `zstdcat` passes over the first and prints the second. The header alone says whether a text is the one at hand, so that
//! a folder of years is known by a few hundred bytes of each file.
//!
//! Source: RFC 8878, "Zstandard Compression", 3.1.2 for skippable frames.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::DayInfo;

/// The format that this jeton writes, and the newest that it reads.
const FORMAT: u32 = 1;
/// The first bytes of a skippable frame; the next four are its length.
const MAGIC: [u8; 4] = 0x184D_2A50_u32.to_le_bytes();
/// How many bytes of a file are sure to hold its header.
pub(super) const MOST_OF_HEADER: u64 = 1024;
/// What is good enough and costs little.
const LEVEL: i32 = 3;

/// Why a file is not what was written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("it has no header of jeton's")]
    NoHeader,
    #[error("a newer jeton wrote it (format {0}; this one reads up to {FORMAT})")]
    Newer(u32),
    #[error("it cannot be unpacked: {0}")]
    Packed(io::Error),
    #[error("its text is not the one that its header tells of")]
    OtherText,
}

#[derive(Serialize, Deserialize)]
struct Header {
    jeton: u32,
    hash: String,
    lines: u32,
    bytes: u64,
}

/// What every format's header says.
#[derive(Deserialize)]
struct Format {
    jeton: u32,
}

/// What a header says of a text.
pub(super) fn info_of(text: &[u8]) -> DayInfo {
    let lines = u32::try_from(memchr::memchr_iter(b'\n', text).count()).unwrap_or(u32::MAX);
    DayInfo { hash: xxh3_128(text), lines, bytes: text.len() as u64 }
}

/// A text as a file has it.
pub(super) fn pack(text: &[u8], info: &DayInfo) -> io::Result<Vec<u8>> {
    let header = Header { jeton: FORMAT, hash: format!("{:032x}", info.hash), lines: info.lines, bytes: info.bytes };
    let header = serde_json::to_vec(&header)?;
    let length = u32::try_from(header.len()).map_err(io::Error::other)?;
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    compressor.include_checksum(true)?;
    let packed = compressor.compress(text)?;
    Ok([MAGIC.as_slice(), &length.to_le_bytes(), &header, &packed].concat())
}

/// What the first bytes of a file say of its text, and where the text begins.
pub(super) fn read_header(bytes: &[u8]) -> Result<(DayInfo, usize), Fault> {
    let rest = bytes.strip_prefix(&MAGIC).ok_or(Fault::NoHeader)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(Fault::NoHeader)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Fault::NoHeader)?;
    let json = rest.get(..length).ok_or(Fault::NoHeader)?;
    let format: Format = serde_json::from_slice(json).map_err(|_| Fault::NoHeader)?;
    if format.jeton > FORMAT {
        return Err(Fault::Newer(format.jeton));
    }
    let header: Header = serde_json::from_slice(json).map_err(|_| Fault::NoHeader)?;
    let hash = u128::from_str_radix(&header.hash, 16).map_err(|_| Fault::NoHeader)?;
    Ok((DayInfo { hash, lines: header.lines, bytes: header.bytes }, MAGIC.len() + 4 + length))
}

/// The text of a file, if it is the one that was written.
pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    // No more room than that is made on a header's word alone.
    const MOST_AT_ONCE: u64 = 64 << 20;
    let (info, start) = read_header(bytes)?;
    let room = usize::try_from(info.bytes.min(MOST_AT_ONCE)).unwrap_or_default();
    let mut text = Vec::with_capacity(room);
    let decoder = zstd::stream::read::Decoder::with_buffer(&bytes[start..]).map_err(Fault::Packed)?;
    // One byte more than there should be: only whoever reads to the end has the checksum compared.
    decoder.take(info.bytes.saturating_add(1)).read_to_end(&mut text).map_err(Fault::Packed)?;
    if info_of(&text) == info { Ok(text) } else { Err(Fault::OtherText) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        pack(text, &info_of(text)).unwrap()
    }

    #[test]
    fn a_text_comes_back_and_its_header_tells_of_it() {
        for text in [&b""[..], b"a\nb\n", &b"ESTAB 0 0\n".repeat(10_000)] {
            let bytes = packed(text);
            assert_eq!(unpack(&bytes).unwrap(), text);
            let head = &bytes[..bytes.len().min(usize::try_from(MOST_OF_HEADER).unwrap())];
            let (info, _) = read_header(head).unwrap();
            assert_eq!(info, info_of(text));
            assert_eq!(zstd::stream::decode_all(&bytes[..]).unwrap(), text, "zstdcat reads it");
        }
        assert!(packed(&b"ESTAB 0 0\n".repeat(10_000)).len() < 400);
    }

    #[test]
    fn no_damage_goes_unseen() {
        let bytes = packed(b"14:00:20 (orglab) OUT: \"OriginPro\" a@b\n");
        for at in 0..bytes.len() {
            assert!(unpack(&bytes[..at]).is_err(), "cut at {at}");
            let mut other = bytes.clone();
            other[at] ^= 1;
            // A bit of the header's braces may not matter; the text always does.
            if let Ok(text) = unpack(&other) {
                assert_eq!(text, unpack(&bytes).unwrap(), "bit at {at}");
            }
        }
        let swapped = [&bytes[..read_header(&bytes).unwrap().1], &zstd::encode_all(&b"x\n"[..], 3).unwrap()].concat();
        assert!(matches!(unpack(&swapped), Err(Fault::OtherText)));
    }

    #[test]
    fn a_newer_format_is_named() {
        let json = br#"{"jeton":2,"what":[]}"#;
        let bytes = [&MAGIC[..], &u32::try_from(json.len()).unwrap().to_le_bytes(), json].concat();
        assert_eq!(
            read_header(&bytes).unwrap_err().to_string(),
            "a newer jeton wrote it (format 2; this one reads up to 1)"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80), length: u32) {
            let _ = unpack(&bytes);
            let _ = unpack(&[&MAGIC[..], &length.to_le_bytes(), &bytes].concat());
        }
    }
}
