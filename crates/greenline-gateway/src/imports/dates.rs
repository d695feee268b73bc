//! Times as lists have them, made into RFC 3339.
//!
//! A time without its offset is taken as UTC. A day without a time began and ended somewhere on earth: it counts from
//! its first start anywhere for a yes and to its last end anywhere for a no, the stricter reading of each. A date with
//! slashes is read only when its order is said.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

use super::options::Dates;

/// Seconds since 1970 have so many digits for as long as this matters; milliseconds have three more.
const SECONDS_DIGITS: usize = 10;
/// Where a day begins first.
const EARLIEST: Offset = Offset::constant(14);
/// Where it ends last.
const LATEST: Offset = Offset::constant(-12);

/// Reads a time; `None` when it is none that can be told.
#[must_use]
pub(crate) fn read(text: &str, order: Option<Dates>, is_no: bool) -> Option<String> {
    let text = text.trim();
    if text.parse::<Timestamp>().is_ok() {
        // Exports write every time to the millisecond; what had none is known to the second only.
        let known = text.replacen(".000Z", "Z", 1);
        return Some(known);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: i64 = text.parse().ok()?;
        return match text.len() {
            SECONDS_DIGITS => Timestamp::from_second(number).ok().map(|at| at.to_string()),
            13 => Timestamp::from_millisecond(number)
                .ok()
                .map(|at| format!("{at:.3}")),
            _ => None,
        };
    }
    let (day, rest) = match text.split_once([' ', 'T']) {
        Some((day, rest)) => (day, rest.trim()),
        None => (text, ""),
    };
    let date = date(day, order)?;
    let (time, offset) = match (rest.is_empty(), is_no) {
        (true, true) => (Time::constant(23, 59, 59, 0), LATEST),
        (true, false) => (Time::midnight(), EARLIEST),
        (false, _) => (rest.parse::<Time>().ok()?, Offset::UTC),
    };
    let at = DateTime::from_parts(date, time);
    let at = at.to_zoned(TimeZone::fixed(offset)).ok()?.timestamp();
    Some(at.to_string())
}

fn date(text: &str, order: Option<Dates>) -> Option<Date> {
    if let Ok(date) = text.parse::<Date>() {
        return Some(date);
    }
    let (mark, order) = if text.contains('.') {
        // Written that way, the day comes first.
        ('.', Dates::Dmy)
    } else {
        ('/', order?)
    };
    let parts: Vec<i16> = text
        .split(mark)
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let [one, two, year] = parts.as_slice() else {
        return None;
    };
    let (day, month) = match order {
        Dates::Dmy => (*one, *two),
        Dates::Mdy => (*two, *one),
    };
    if *year < 1_000 {
        return None;
    }
    Date::new(*year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, order: Option<Dates>, is_no: bool, expect: Option<&str>) {
        assert_eq!(read(text, order, is_no).as_deref(), expect, "{text}");
    }

    #[test]
    fn times_are_read_as_lists_write_them() {
        let at = Some("2026-03-04T00:00:00Z");
        let begins = Some("2026-03-03T10:00:00Z");
        check(
            "2026-03-04T05:06:07+02:00",
            None,
            false,
            Some("2026-03-04T05:06:07+02:00"),
        );
        check(
            "2026-03-04T05:06:07.000Z",
            None,
            false,
            Some("2026-03-04T05:06:07Z"),
        );
        check(
            "2026-03-04 05:06:07",
            None,
            false,
            Some("2026-03-04T05:06:07Z"),
        );
        check(
            "2026-03-04 05:06",
            None,
            false,
            Some("2026-03-04T05:06:00Z"),
        );
        check("2026-03-04", None, false, begins);
        check("2026-03-04", None, true, Some("2026-03-05T11:59:59Z"));
        check("04.03.2026", None, false, begins);
        check("04/03/2026", Some(Dates::Dmy), false, begins);
        check("3/4/2026", Some(Dates::Mdy), false, begins);
        check(
            "3/4/2026 05:06",
            Some(Dates::Mdy),
            false,
            Some("2026-03-04T05:06:00Z"),
        );
        check("1772582400", None, false, at);
        check(
            "1772582400123",
            None,
            false,
            Some("2026-03-04T00:00:00.123Z"),
        );
    }

    #[test]
    fn what_could_mean_two_things_is_not_read() {
        for text in ["03/04/2026", "last week", "", "2026", "3/4/26"] {
            check(text, None, false, None);
        }
        check("13/13/2026", Some(Dates::Dmy), false, None);
    }
}
