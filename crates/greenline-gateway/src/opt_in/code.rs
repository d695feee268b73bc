//! The short code that a prefilled text carries, by which it is known when it arrives.
//!
//! A code is a digest of everything that was shown: business, form, language, wording, text and scopes. So it
//! needs no store, is the same on every node, and changes with the wording: a code proves what the person saw.
//! It is no secret, since whoever sends it signs up only themselves. A check character keeps a word that merely
//! looks like a code, or a code typed wrongly, from being taken for one.

use sha2::{Digest, Sha256};

/// Before every code: makes it findable in a text.
const PREFIX: [char; 2] = ['G', 'L'];
/// Letters and digits that are not taken for each other.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters after the prefix, the last of them the check.
const CHARS: usize = 9;
/// Codes of one text that are looked at.
pub(super) const CODES_MAX: usize = 8;

/// A code as it is written in texts, such as `GL-7K3M9Q2XC`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Code(Box<str>);

impl Code {
    /// The code of what is shown, part by part.
    pub(super) fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"greenline opt-in");
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut values: Vec<u8> = digest
            .iter()
            .take(CHARS - 1)
            .map(|byte| byte & 31)
            .collect();
        values.push(check(&values));
        Self::written(&values)
    }

    fn written(values: &[u8]) -> Self {
        let letters = values
            .iter()
            .filter_map(|value| ALPHABET.get(usize::from(*value)))
            .map(|letter| char::from(*letter));
        let mut text: String = PREFIX.into_iter().chain(['-']).collect();
        text.extend(letters);
        Self(text.into())
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads one code that is all of a text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let found = find(text.trim());
        match found.as_slice() {
            [one] if one.rest_is_empty(text.trim()) => Some(one.code.clone()),
            _ => None,
        }
    }
}

/// Each place counts differently, so that two letters swapped are found.
fn check(values: &[u8]) -> u8 {
    let weighed = values.iter().zip(1_u32..);
    let sum: u32 = weighed
        .map(|(value, at)| u32::from(*value) * (2 * at + 1))
        .sum();
    u8::try_from(sum % 32).unwrap_or_default()
}

/// A code in a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Found {
    pub(super) code: Code,
    /// Where, in bytes.
    pub(super) at: std::ops::Range<usize>,
}

impl Found {
    fn rest_is_empty(&self, text: &str) -> bool {
        self.at == (0..text.len())
    }
}

fn value(letter: char) -> Option<u8> {
    let letter = match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let at = ALPHABET
        .iter()
        .position(|known| char::from(*known) == letter)?;
    u8::try_from(at).ok()
}

/// Every code in a text, in order; however its letters are cased, and with or without its hyphen.
pub(super) fn find(text: &str) -> Vec<Found> {
    let letters: Vec<(usize, char)> = text.char_indices().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < letters.len() && found.len() < CODES_MAX {
        let begins = at == 0
            || letters
                .get(at - 1)
                .is_none_or(|(_, before)| !before.is_alphanumeric());
        match begins.then(|| read(&letters, at)).flatten() {
            Some((values, end)) => {
                let from = letters.get(at).map_or(text.len(), |(from, _)| *from);
                let to = letters.get(end).map_or(text.len(), |(to, _)| *to);
                found.push(Found {
                    code: Code::written(&values),
                    at: from..to,
                });
                at = end;
            }
            None => at += 1,
        }
    }
    found
}

/// The values of a code that begins there, and where it ends.
fn read(letters: &[(usize, char)], mut at: usize) -> Option<(Vec<u8>, usize)> {
    for expected in PREFIX {
        let (_, letter) = letters.get(at)?;
        if letter.to_ascii_uppercase() != expected {
            return None;
        }
        at += 1;
    }
    if matches!(
        letters.get(at)?.1,
        '-' | '\u{2010}'..='\u{2015}' | '\u{a0}' | ' '
    ) {
        at += 1;
    }
    let mut values = Vec::with_capacity(CHARS);
    for _ in 0..CHARS {
        values.push(value(letters.get(at)?.1)?);
        at += 1;
    }
    if letters
        .get(at)
        .is_some_and(|(_, after)| after.is_alphanumeric())
    {
        return None;
    }
    let (last, before) = values.split_last()?;
    (*last == check(before)).then_some((values, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> Code {
        Code::of(&["acme", "offers", "en", "Yes, send me offers"])
    }

    #[test]
    fn a_code_is_found_however_it_is_written() {
        let code = code();
        let bare = code.as_str().trim_start_matches("GL-").to_owned();
        for text in [
            code.as_str().to_owned(),
            code.as_str().to_lowercase(),
            format!("GL{bare}"),
            format!("GL {bare}"),
            format!("GL\u{2011}{bare}"),
            code.as_str().replace('0', "O").replace('1', "l"),
        ] {
            assert_eq!(Code::parse(&text).as_ref(), Some(&code), "{text}");
            let inside = format!("Yes, please! ({text})");
            let found = find(&inside);
            assert_eq!(found.len(), 1, "{inside}");
            assert_eq!(&inside[found[0].at.clone()], text);
        }
    }

    #[test]
    fn one_wrong_letter_or_two_swapped_make_it_none() {
        let code = code();
        let letters: Vec<char> = code.as_str().chars().collect();
        for at in 3..letters.len() {
            for other in ALPHABET.iter().map(|letter| char::from(*letter)) {
                let mut wrong = letters.clone();
                wrong[at] = other;
                let wrong: String = wrong.into_iter().collect();
                // The weights are odd, so each single change is seen.
                assert_eq!(
                    Code::parse(&wrong).is_some(),
                    wrong == code.as_str(),
                    "{wrong}"
                );
            }
        }
        for text in [
            "",
            "GL",
            "GL-",
            "glad to",
            "GLOBAL12345",
            "XGL-7K3M9Q2XC",
            "GL-7K3M9Q2X",
        ] {
            assert!(find(text).is_empty(), "{text}");
        }
        assert!(find(&format!("{}9", code.as_str())).is_empty());
    }

    #[test]
    fn everything_shown_is_in_it() {
        assert_ne!(Code::of(&["a", "bc"]), Code::of(&["ab", "c"]));
        assert_ne!(Code::of(&["a", "b"]), Code::of(&["a", "c"]));
    }

    #[test]
    fn a_flood_of_codes_is_cut() {
        let many = format!("{} ", code().as_str()).repeat(100);
        assert_eq!(find(&many).len(), CODES_MAX);
    }
}
