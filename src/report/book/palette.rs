//! The colours of a workbook, which a site can change.

use std::fmt;
use std::str::FromStr;

/// A colour, written as `#0072B2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Colour(u32);

/// Why a text is no colour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a colour like `#0072B2`, found `{0}`")]
pub struct ColourError(String);

impl Colour {
    /// White.
    pub const WHITE: Self = Self(0xFF_FFFF);

    /// A colour as `0xRRGGBB`.
    pub const fn new(rgb: u32) -> Self {
        Self(rgb & 0xFF_FFFF)
    }

    /// As `0xRRGGBB`.
    pub const fn rgb(self) -> u32 {
        self.0
    }

    /// Red, green and blue.
    pub const fn parts(self) -> [u8; 3] {
        let [_, red, green, blue] = self.0.to_be_bytes();
        [red, green, blue]
    }

    /// This colour over white, from 0 (white) to 1 (itself).
    #[must_use]
    pub fn tint(self, share: f64) -> Self {
        let mixed = self.parts().map(|part| 255.0 - (255.0 - f64::from(part)) * share.clamp(0.0, 1.0));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 255")]
        let [red, green, blue] = mixed.map(|part| part.round() as u8);
        Self(u32::from_be_bytes([0, red, green, blue]))
    }
}

impl FromStr for Colour {
    type Err = ColourError;

    fn from_str(text: &str) -> Result<Self, ColourError> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let rgb = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        rgb.map(Self).ok_or_else(|| ColourError(text.to_owned()))
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:06X}", self.0)
    }
}

/// The colours of a workbook. All others are made of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    /// Titles, headers, links, the first series of charts, the dark end of colour scales.
    pub accent: Colour,
    /// What is missing.
    pub alert: Colour,
    /// What is well.
    pub good: Colour,
    /// The second series of charts.
    pub second: Colour,
    /// The third series of charts.
    pub third: Colour,
    /// The limit in charts.
    pub limit: Colour,
}

/// Okabe and Ito's blue, vermilion, green, orange and sky blue, which the colour-blind can tell apart; where they are the
/// colour of letters, dark enough to be read on white (WCAG 2, 4.5 to 1).
impl Default for Palette {
    fn default() -> Self {
        Self {
            accent: Colour::new(0x00_72B2),
            alert: Colour::new(0xB3_4700),
            good: Colour::new(0x00_7A5A),
            second: Colour::new(0xE6_9F00),
            third: Colour::new(0x56_B4E9),
            limit: Colour::new(0xD5_5E00),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_six_hexadecimal_digits() {
        assert_eq!("#0072b2".parse(), Ok(Palette::default().accent));
        assert_eq!(Palette::default().accent.to_string(), "#0072B2");
        for wrong in ["", "0072B2", "#0072B", "#0072B2F", "#+072B2", "blue", "#00é2B"] {
            let error = wrong.parse::<Colour>().unwrap_err();
            assert_eq!(error.to_string(), format!("expected a colour like `#0072B2`, found `{wrong}`"));
        }
    }

    #[test]
    fn a_tint_goes_from_white_to_the_colour() {
        let accent = Palette::default().accent;
        assert_eq!(accent.tint(0.0), Colour::WHITE);
        assert_eq!(accent.tint(1.0), accent);
        assert_eq!(accent.tint(0.5).to_string(), "#80B9D9");
    }
}
