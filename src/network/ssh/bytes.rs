//! The fields of keys: each begins with its length in four bytes (RFC 4251, section 5).

/// The fields of a byte string, one after the other.
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next field; [`None`] where there is none, or less of it than it says.
    pub(super) fn next_field(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.next_number()?).ok()?;
        let (field, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(field)
    }

    /// The next number of four bytes.
    pub(super) fn next_number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }
}
