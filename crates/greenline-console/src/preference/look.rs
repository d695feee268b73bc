//! A business's colour, made fit to be read.
//!
//! The colour that a business gives is kept where it reaches the contrast that text needs (4.5 to 1, WCAG
//! 2.2 AA), on near-white for those who like it light and on near-black for those who like it dark; where it does
//! not, it is made darker or lighter until it does, keeping its hue.

/// The least contrast of text.
const CONTRAST_MIN: f64 = 4.5;
/// What lies under it at worst where it is light; cards are white.
pub const LIGHT: Colour = Colour(0xf4, 0xf6, 0xf4);
/// What lies under it at worst where it is dark: a card.
const DARK: Colour = Colour(0x1b, 0x20, 0x1d);
/// Greenline's own.
const OWN: Colour = Colour(0x0b, 0x6b, 0x3a);
/// Steps from a colour to white or black.
const STEPS: u32 = 64;

/// Red, green, blue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Colour(pub u8, pub u8, pub u8);

impl Colour {
    /// Reads `#rrggbb` or `#rgb`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().strip_prefix('#')?;
        let number = u32::from_str_radix(digits, 16).ok()?;
        let byte = |shift: u32| u8::try_from(number >> shift & 0xff).ok();
        let nibble = |shift: u32| u8::try_from((number >> shift & 0xf) * 17).ok();
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        match digits.len() {
            6 => Some(Self(byte(16)?, byte(8)?, byte(0)?)),
            3 => Some(Self(nibble(8)?, nibble(4)?, nibble(0)?)),
            _ => None,
        }
    }

    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.04045 {
                share / 12.92
            } else {
                ((share + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    /// The contrast of two colours, 1 to 21.
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    fn towards(self, other: Self, step: u32) -> Self {
        let mix = |from: u8, to: u8| {
            let (from, to) = (u32::from(from), u32::from(to));
            u8::try_from((from * (STEPS - step) + to * step) / STEPS).unwrap_or(u8::MAX)
        };
        Self(
            mix(self.0, other.0),
            mix(self.1, other.1),
            mix(self.2, other.2),
        )
    }

    /// The nearest colour on the way to `end` that can be read on `ground`.
    fn readable(self, ground: Self, end: Self) -> Self {
        (0..=STEPS)
            .map(|step| self.towards(end, step))
            .find(|colour| colour.contrast(ground) >= CONTRAST_MIN)
            .unwrap_or(end)
    }
}

impl std::fmt::Display for Colour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// The colours of a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Look {
    /// Where it is light.
    pub light: Colour,
    /// Where it is dark.
    pub dark: Colour,
}

impl Default for Look {
    fn default() -> Self {
        Self::new(OWN)
    }
}

impl Look {
    /// The look of a business with that colour.
    #[must_use]
    pub fn new(accent: Colour) -> Self {
        Self {
            light: accent.readable(LIGHT, Colour(0, 0, 0)),
            dark: accent.readable(DARK, Colour(255, 255, 255)),
        }
    }

    /// The style sheet, whole.
    #[must_use]
    pub fn css(&self) -> String {
        include_str!("../../templates/preference.css")
            .replace("$light", &self.light.to_string())
            .replace("$dark", &self.dark.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_colour_becomes_one_that_can_be_read() {
        for text in [
            "#ffffff", "#000000", "#ffeb3b", "#0b6b3a", "#e91e63", "#00f", "#25d366", "#1b201d",
        ] {
            let look = Look::new(Colour::parse(text).unwrap());
            assert!(look.light.contrast(LIGHT) >= CONTRAST_MIN, "{text}");
            assert!(look.dark.contrast(DARK) >= CONTRAST_MIN, "{text}");
        }
        assert_eq!(Look::default().light, OWN, "a readable one is kept");
    }

    #[test]
    fn what_is_no_colour_is_none() {
        for text in [
            "", "red", "#12", "#12345", "#1234567", "#ggg", "#+12345", "0b6b3a",
        ] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
    }
}
