//! Times as the platform writes them: seconds or milliseconds, numbers or text,
//! ISO 8601, and dates in English words (WH-08).
//!
//! Reading only: no clock, no zones but the offset a text itself names.

/// From here on a number of seconds would lie beyond the year 5000, so it counts milliseconds.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Unix seconds, from any of the forms the platform uses.
///
/// A date in words (`September 01, 2026`) and one without a time mean the start of that day in UTC.
#[must_use]
pub fn seconds(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return Some(from_number(number));
    }
    if let Some(number) = number_with_fraction(text) {
        return Some(from_number(number));
    }
    iso(text).or_else(|| words(text))
}

fn from_number(number: i64) -> i64 {
    if number.unsigned_abs() >= MILLISECONDS_FROM.unsigned_abs() {
        number / 1000
    } else {
        number
    }
}

fn number_with_fraction(text: &str) -> Option<i64> {
    let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E');
    if !text.bytes().all(plain) || text.matches('-').count() > 1 {
        return None;
    }
    crate::json::whole(text)
}

/// `2026-09-01`, `2026-09-01T10:00:00+0000`, `2026-09-01 10:00:00.5Z` and their kind.
fn iso(text: &str) -> Option<i64> {
    let (date, time) = match text.split_once(['T', 't', ' ']) {
        Some((date, time)) => (date, Some(time.trim())),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = digits(parts.next()?, 2)?;
    let day = digits(parts.next()?, 2)?;
    if parts.next().is_some() {
        return None;
    }
    let midnight = midnight(year, month, day)?;
    time.map_or(Some(midnight), |time| Some(midnight + second_of_day(time)?))
}

/// `10:00`, `10:00:00.5`, with an offset or `Z` or nothing behind it.
fn second_of_day(time: &str) -> Option<i64> {
    let end = time
        .find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.'))
        .unwrap_or(time.len());
    let (clock, zone) = time.split_at_checked(end)?;
    let clock = clock.split('.').next()?;
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = digits(parts.next()?, 2)?;
    let second = parts.next().map_or(Some(0), |text| digits(text, 2))?;
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(hour * 3600 + minute * 60 + second - offset(zone.trim())?)
}

fn offset(zone: &str) -> Option<i64> {
    if zone.is_empty() || zone.eq_ignore_ascii_case("z") || zone.eq_ignore_ascii_case("utc") {
        return Some(0);
    }
    let sign = match zone.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let plain: String = zone.chars().skip(1).filter(|c| *c != ':').collect();
    let (hours, minutes) = match plain.len() {
        2 => (plain.as_str(), "00"),
        4 => plain.split_at_checked(2)?,
        _ => return None,
    };
    Some(sign * (digits(hours, 2)? * 3600 + digits(minutes, 2)? * 60))
}

/// `September 01, 2026`, `1 September 2026`.
fn words(text: &str) -> Option<i64> {
    let (mut year, mut month, mut day) = (None, None, None);
    for word in text.split([' ', ',', '.']).filter(|word| !word.is_empty()) {
        if let Some(index) = month_of(word) {
            month = Some(index);
        } else if word.len() == 4 {
            year = digits(word, 4);
        } else {
            day = digits(word, word.len().min(2));
            day?;
        }
    }
    midnight(year?, month?, day?)
}

fn month_of(word: &str) -> Option<i64> {
    let word = word.to_ascii_lowercase();
    let index = MONTHS
        .iter()
        .position(|month| *month == word || (word.len() == 3 && month.starts_with(&word)))?;
    i64::try_from(index + 1).ok()
}

fn digits(text: &str, length: usize) -> Option<i64> {
    (text.len() == length && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// The start of a day of the Gregorian calendar, UTC.
fn midnight(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=days_in_month).contains(&day) || !(1970..=9999).contains(&year) {
        return None;
    }
    let before = year - 1;
    let leap_days = |year: i64| year / 4 - year / 100 + year / 400;
    let mut days = (year - 1970) * 365 + leap_days(before) - leap_days(1969);
    for earlier in 1..month {
        days += match earlier {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => 31,
        };
    }
    Some((days + day - 1) * 86_400)
}
