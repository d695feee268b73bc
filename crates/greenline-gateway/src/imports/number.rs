//! Phone numbers as lists have them.
//!
//! What is written with its country is taken as everywhere else. What is not is read by the numbering plan of
//! the country that whoever imports names, and only if the plan has such a number: a guess could be somebody
//! else. No message repeats the number.

use greenline_policy::identity::Phone;
use phonenumber::Mode;

/// A country whose numbers are written without it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Country(phonenumber::country::Id);

impl Country {
    /// Reads two letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
        let id = is_code.then(|| text.to_ascii_uppercase().parse().ok())??;
        Some(Self(id))
    }
}

/// What programs put around numbers.
const BEFORE: [&str; 3] = ["tel:", "whatsapp:", "'"];
const AFTER: [&str; 2] = ["@c.us", "@s.whatsapp.net"];

/// Reads a number; what is wrong otherwise.
///
/// # Errors
/// In words, without the number.
pub fn read(text: &str, country: Option<Country>) -> Result<Phone, &'static str> {
    let mut text = text.trim();
    for mark in BEFORE {
        text = text.strip_prefix(mark).unwrap_or(text).trim_start();
    }
    for mark in AFTER {
        text = text.strip_suffix(mark).unwrap_or(text);
    }
    // A number that a program took for a quantity.
    if let Some(digits) = text.strip_suffix(".0")
        && digits.bytes().all(|byte| byte.is_ascii_digit())
    {
        text = digits;
    }
    let letters = text.chars().any(char::is_alphabetic);
    if letters && text.bytes().all(|byte| b"0123456789.,eE+-".contains(&byte)) {
        return Err(
            "a spreadsheet wrote the number in scientific form and its last digits are lost; format the column as text",
        );
    }
    if letters {
        return Err("not a phone number");
    }
    let is_international =
        text.starts_with(['+', '\u{ff0b}']) || (text.starts_with("00") && country.is_none());
    if is_international {
        return international(text);
    }
    match country {
        None => Phone::parse(text).ok_or(
            "not a phone number with its country code; name the country of such numbers with `country`",
        ),
        Some(country) => national(text, country),
    }
}

fn international(text: &str) -> Result<Phone, &'static str> {
    // `+49 (0) 171` has a digit too many.
    let plain = (!text.contains("(0)"))
        .then(|| Phone::parse(text))
        .flatten();
    plain
        .or_else(|| valid(None, text))
        .ok_or("not a phone number with its country code")
}

fn national(text: &str, Country(country): Country) -> Result<Phone, &'static str> {
    valid(Some(country), text)
        // With its country code, but without a plus.
        .or_else(|| valid(None, &format!("+{}", text.trim_start_matches('+'))))
        .ok_or("no number of the country that was named, nor one with its country code")
}

fn valid(country: Option<phonenumber::country::Id>, text: &str) -> Option<Phone> {
    let number = phonenumber::parse(country, text).ok()?;
    if number.extension().is_some() || !number.is_valid() {
        return None;
    }
    Phone::parse(&number.format().mode(Mode::E164).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(country: &str, text: &str, expect: Option<u64>) {
        let read = read(text, Country::parse(country));
        assert_eq!(read.ok().map(Phone::digits), expect, "{text} in {country}");
    }

    #[test]
    fn numbers_are_read_as_lists_write_them() {
        check("", "+1 (555) 123-0001", Some(15_551_230_001));
        check("", "15551230001", Some(15_551_230_001));
        check("", "15551230001.0", Some(15_551_230_001));
        check("", "'+15551230001", Some(15_551_230_001));
        check("", "whatsapp:+15551230001", Some(15_551_230_001));
        check("", "15551230001@c.us", Some(15_551_230_001));
        check("", "+49 (0) 171 1234567", Some(491_711_234_567));
        check("", "0049 171 1234567", Some(491_711_234_567));
        check("DE", "0171 / 123 45-67", Some(491_711_234_567));
        check("DE", "0049 171 1234567", Some(491_711_234_567));
        check("DE", "+15551230001", Some(15_551_230_001));
        check("BR", "(11) 98765-4321", Some(5_511_987_654_321));
        check("BR", "5511987654321", Some(5_511_987_654_321));
        check("IN", "98765 43210", Some(919_876_543_210));
        check("IT", "347 1234567", Some(393_471_234_567));
        check("US", "4915112345678", Some(4_915_112_345_678));
    }

    #[test]
    fn what_could_be_somebody_else_is_not_read() {
        check("", "0171 1234567", None);
        check("", "1.5551E+10", None);
        check("", "call me", None);
        check("US", "123", None);
        check("US", "650-253-0000 ext 5", None);
        check("MX", "044 55 1234 5678", None);
        check("", "", None);
    }
}
