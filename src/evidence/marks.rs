//! The two marks in a kept text, and lines on their way in.
//!
//! - A line that is [`BREAK`] alone: what comes next is not known to follow what stands before.
//! - [`CUT`] at the end of a line: its copy ended there, without a line end.
//!
//! Both are control characters that no log has any use for (ASCII's record and unit separators). Where a log has them all
//! the same in these places, it loses them. A byte order mark at its beginning and the `\r` of line ends go too; every
//! other byte is kept as it is.

/// A line of its own before what is not known to follow (RS).
pub const BREAK: u8 = 0x1e;
/// The end of a line that had no end in its copy (US).
pub const CUT: u8 = 0x1f;

/// The line before what is not known to follow.
pub(super) const BREAK_LINE: &[u8] = &[BREAK, b'\n'];
/// What stands in place of the line end where a copy ended without one.
pub(super) const CUT_END: &[u8] = &[CUT, b'\n'];

/// A raw line, without its `\n`, as it is kept.
pub(super) fn clean(line: &[u8]) -> &[u8] {
    let mut line = line.strip_suffix(b"\r").unwrap_or(line);
    while let Some(rest) = line.strip_suffix(&[CUT]) {
        line = rest;
    }
    if line == [BREAK] { &[] } else { line }
}

/// A whole copy as it is kept. What is not known to follow anything is its beginning; that is for the caller to say.
pub(super) fn clean_all(copy: &[u8]) -> Vec<u8> {
    let copy = crate::source::without_bom(copy);
    let mut text = Vec::with_capacity(copy.len() + CUT_END.len());
    for line in copy.split_inclusive(|byte| *byte == b'\n') {
        let ended = line.strip_suffix(b"\n");
        text.extend_from_slice(clean(ended.unwrap_or(line)));
        text.extend_from_slice(if ended.is_some() { b"\n" } else { CUT_END });
    }
    text
}

/// The lines of a kept text, each without its end and with whether its copy had that end.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = (&[u8], bool)> {
    text.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(&[CUT]).map_or((line, true), |line| (line, false))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_log_loses_on_the_way_in() {
        for (copy, kept) in [
            (&b"a\nb\n"[..], &b"a\nb\n"[..]),
            (b"\xef\xbb\xbfa\r\nb\r\n", b"a\nb\n"),
            (b"a\nb", b"a\nb\x1f\n"),
            (b"a\nb\r", b"a\nb\x1f\n"),
            (b"\xe9\n\n", b"\xe9\n\n"),
            (b"\x1e\n\x1e\r\n\x1ea\n", b"\n\n\x1ea\n"),
            (b"a\x1f\nb\x1f\x1f\r\nc\x1fd\n\x1e\x1f\n", b"a\nb\nc\x1fd\n\n"),
            (b"a\r\r\n", b"a\r\n"),
            (b"", b""),
        ] {
            assert_eq!(clean_all(copy), kept, "{copy:?}");
        }
    }

    #[test]
    fn lines_say_whether_they_ended() {
        assert_eq!(lines(b"a\n\x1e\nb\x1f\n").collect::<Vec<_>>(), [(&b"a"[..], true), (b"\x1e", true), (b"b", false)]);
    }

    proptest::proptest! {
        #[test]
        fn what_is_kept_has_no_marks_of_its_own(copy in proptest::collection::vec(proptest::sample::select(b"a\r\n\x1e\x1f".to_vec()), 0..40)) {
            let kept = clean_all(&copy);
            let mut all = lines(&kept).peekable();
            while let Some((line, ended)) = all.next() {
                proptest::prop_assert!(line != [BREAK] && (ended || all.peek().is_none()), "{kept:?}");
            }
            proptest::prop_assert!(kept.is_empty() || kept.ends_with(b"\n"));
        }
    }
}
