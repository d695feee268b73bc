//! Who a message goes to: phone numbers and business-scoped user ids.
//!
//! One person can be written in several ways. Some spellings are certainly the
//! same subscriber (Mexico with and without the `1`), some only probably
//! (Argentina without the `9` may be a landline). Certain spellings share one
//! [`Phone::canonical`] form and one [`Spelling`]; doubtful ones share the
//! canonical form, so that every "no" joins, but differ in [`Spelling`], so that a
//! "yes" never crosses over.
//!
//! This module does not look anything up and never prints a full number: that
//! takes [`Phone::reveal`].

use std::fmt;

/// Fewest digits of an international number, country code included.
const PHONE_DIGITS_MIN: u32 = 7;
/// Most digits of an international number (E.164).
const PHONE_DIGITS_MAX: u32 = 15;
/// Longest business-scoped user id: country code, dot, optional `ENT.`, 128 characters (SND-70).
pub const USER_ID_BYTES_MAX: usize = 2 + 1 + 4 + 128;

/// An international phone number, digits only, country code first. Prints masked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(u64);

/// Which of two doubtful spellings of one canonical number was used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Spelling {
    /// The mobile spelling, or a number without doubt.
    #[default]
    Mobile,
    /// The spelling that may belong to a landline: joins for every no, never for a yes.
    MaybeLandline,
}

impl Phone {
    /// Reads digits with the usual decoration: `+`, `00`, spaces, dots, dashes, brackets, slashes.
    ///
    /// Returns `None` for anything else, so that a typo never becomes another person.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (text, plus) = match text
            .strip_prefix('+')
            .or_else(|| text.strip_prefix('\u{ff0b}'))
        {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let mut value: u64 = 0;
        let mut count: u32 = 0;
        let mut leading_zeros: u32 = 0;
        for character in text.chars() {
            let digit = match character {
                '0'..='9' => u64::from(u32::from(character) - u32::from('0')),
                ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' | '\u{2010}' | '\u{2011}'
                | '\u{202f}' => continue,
                _ => return None,
            };
            if count == 0 && digit == 0 {
                leading_zeros += 1;
                continue;
            }
            count += 1;
            if count > PHONE_DIGITS_MAX {
                return None;
            }
            value = value * 10 + digit;
        }
        let zeros_fit = leading_zeros == 0 || (leading_zeros == 2 && !plus);
        (zeros_fit && count >= PHONE_DIGITS_MIN).then_some(Self(value))
    }

    /// A number from its digits, when their count is that of a phone number.
    #[must_use]
    pub fn from_digits(digits: u64) -> Option<Self> {
        let count = digits.checked_ilog10()? + 1;
        (PHONE_DIGITS_MIN..=PHONE_DIGITS_MAX)
            .contains(&count)
            .then_some(Self(digits))
    }

    /// The digits as one integer; what stores and hash tables keep.
    #[must_use]
    pub fn digits(self) -> u64 {
        self.0
    }

    /// The full number in clear. Only for the platform, the ledger and the person's own page.
    #[must_use]
    pub fn reveal(self) -> String {
        self.0.to_string()
    }

    /// The form under which all spellings of one subscriber meet, and the spelling this was.
    ///
    /// Mexico: `52 1` and `52` are one. Brazil: the ninth digit is put in; without it and with a
    /// subscriber number starting 2 to 5 it may be a landline. Argentina: the `9` is put in;
    /// without it, it may be a landline.
    #[must_use]
    pub fn canonical(self) -> (Self, Spelling) {
        let digits = self.0;
        // Mexico, 52 1 + ten digits.
        if digits / 10_000_000_000 == 521 {
            return (
                Self(52 * 10_000_000_000 + digits % 10_000_000_000),
                Spelling::Mobile,
            );
        }
        // Brazil, 55 + two digits of area + eight digits.
        if digits / 10_000_000_000 == 55 {
            let area = digits / 100_000_000;
            let subscriber = digits % 100_000_000;
            let mobile = Self(area * 1_000_000_000 + 900_000_000 + subscriber);
            return match subscriber / 10_000_000 {
                6..=9 => (mobile, Spelling::Mobile),
                2..=5 => (mobile, Spelling::MaybeLandline),
                _ => (self, Spelling::Mobile),
            };
        }
        // Argentina, 54 + ten digits.
        if digits / 10_000_000_000 == 54 {
            return (
                Self(549 * 10_000_000_000 + digits % 10_000_000_000),
                Spelling::MaybeLandline,
            );
        }
        (self, Spelling::Mobile)
    }
}

/// Shows the first three digits and the last two: `+155•••01`.
impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.0.ilog10() + 1;
        let head = self.0 / 10_u64.pow(length - 3);
        write!(f, "+{head}•••{:02}", self.0 % 100)
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Phone({self})")
    }
}

/// A business-scoped user id, `CC.…` or its parent form `CC.ENT.…` (SND-70). Prints masked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Box<str>);

impl UserId {
    /// Reads an id: two capital letters, a dot, optionally `ENT.`, then 1 to 128 letters or digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (country, rest) = text.split_once('.')?;
        let rest = rest.strip_prefix("ENT.").unwrap_or(rest);
        let country_fits = country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase());
        let rest_fits =
            (1..=128).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_alphanumeric());
        (country_fits && rest_fits).then(|| Self(text.into()))
    }

    /// The full id in clear.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let country: String = self.0.chars().take(2).collect();
        let tail_at = self.0.char_indices().rev().nth(1).map_or(0, |(at, _)| at);
        write!(
            f,
            "{country}.•••{}",
            self.0.get(tail_at..).unwrap_or_default()
        )
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserId({self})")
    }
}

/// One way to know a person.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Identifier {
    /// A WhatsApp phone number, `wa_id` on the wire.
    Phone(Phone),
    /// A business-scoped user id.
    User(UserId),
}

impl Identifier {
    /// Reads either kind: a user id when it has that form, else a phone number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        UserId::parse(text)
            .map(Self::User)
            .or_else(|| Phone::parse(text).map(Self::Phone))
    }

    /// The identifier under which all spellings meet, and the spelling this was.
    #[must_use]
    pub fn canonical(&self) -> (Self, Spelling) {
        match self {
            Self::Phone(phone) => {
                let (phone, spelling) = phone.canonical();
                (Self::Phone(phone), spelling)
            }
            Self::User(id) => (Self::User(id.clone()), Spelling::Mobile),
        }
    }

    /// The full identifier in clear.
    #[must_use]
    pub fn reveal(&self) -> String {
        match self {
            Self::Phone(phone) => phone.reveal(),
            Self::User(id) => id.reveal().to_owned(),
        }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phone(phone) => phone.fmt(f),
            Self::User(id) => id.fmt(f),
        }
    }
}
