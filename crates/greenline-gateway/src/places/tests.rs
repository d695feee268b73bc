//! Settings, and the clocks that they are looked at by.

use std::path::Path;

use super::*;
use crate::config::{check, parse};

fn business(settings: &str) -> config::Business {
    let text = format!("[[business]]\nid = \"acme\"\nname = \"Acme\"\n{settings}");
    let config = parse(&text, "test", Path::new("."), std::iter::empty()).unwrap();
    config.business.into_iter().next().unwrap()
}

fn places(settings: &str) -> Places {
    let mut wrong = Vec::new();
    let places = Places::read(&business(settings), &mut wrong);
    assert_eq!(wrong, Vec::<String>::new());
    places
}

fn place(places: &Places, to: &str, at: &str) -> Place {
    let at: Timestamp = at.parse().unwrap();
    let to = Identifier::parse(to).unwrap();
    places.of(&[to], at.as_millisecond())[0]
}

/// Until when marketing is quiet for someone, RFC 3339.
fn until(places: &Places, to: &str, at: &str) -> Option<String> {
    let marketing = Categories::of([Category::Marketing]);
    let now: Timestamp = at.parse().unwrap();
    let quiet = place(places, to, at).quiet;
    let end_ms = quiet.until_ms(marketing)?;
    quiet
        .holds(marketing, now.as_millisecond())
        .then(|| Timestamp::from_millisecond(end_ms).unwrap().to_string())
}

const NIGHT: &str = "[business.quiet_hours]\nstart = \"21:00\"\nend = \"08:00\"\n";

#[test]
fn every_zone_of_the_data_is_built_in() {
    for name in Zone::names() {
        assert!(zone(name).is_some(), "{name}");
    }
    assert_eq!(ZONES.len(), Zone::names().len());
}

#[test]
fn without_settings_only_the_country_is_told() {
    let none = Places::default();
    let found = place(&none, "12125550100", "2026-11-30T05:00:00Z");
    assert_eq!(
        found,
        Place {
            country: Country::US,
            ..Place::default()
        }
    );
}

#[test]
fn the_clock_is_the_persons() {
    let night = places(NIGHT);
    // São Paulo is three hours behind, Delhi five and a half ahead, New York five behind in winter, four in summer.
    for (to, quiet_at, end) in [
        (
            "5511987654321",
            "2026-11-30T00:00:00Z",
            "2026-11-30T11:00:00Z",
        ),
        (
            "919812345678",
            "2026-11-29T15:30:00Z",
            "2026-11-30T02:30:00Z",
        ),
        (
            "12125550100",
            "2026-11-30T02:00:00Z",
            "2026-11-30T13:00:00Z",
        ),
        (
            "12125550100",
            "2026-07-01T01:00:00Z",
            "2026-07-01T12:00:00Z",
        ),
    ] {
        assert_eq!(until(&night, to, quiet_at).as_deref(), Some(end), "{to}");
        let minute_before: Timestamp = quiet_at.parse().unwrap();
        let minute_before = minute_before - jiff::SignedDuration::from_mins(1);
        assert_eq!(until(&night, to, &minute_before.to_string()), None, "{to}");
        assert_eq!(until(&night, to, end), None, "{to}");
    }
}

#[test]
fn three_zones_in_one_country_are_quiet_from_the_first_to_the_last() {
    let night = places(NIGHT);
    // A mobile number of Indonesia: seven, eight or nine hours ahead.
    let mobile = "6281234567890";
    assert_eq!(until(&night, mobile, "2026-11-29T11:59:00Z"), None);
    let end = Some("2026-11-30T01:00:00Z".to_owned());
    for at in [
        "2026-11-29T12:00:00Z",
        "2026-11-29T23:30:00Z",
        "2026-11-30T00:59:00Z",
    ] {
        assert_eq!(until(&night, mobile, at), end, "{at}");
    }
    assert_eq!(until(&night, mobile, "2026-11-30T01:00:00Z"), None);
    // A line of Jakarta's has Jakarta's clock.
    let jakarta = until(&night, "622112345678", "2026-11-29T23:30:00Z");
    assert_eq!(jakarta.as_deref(), Some("2026-11-30T01:00:00Z"));
    assert_eq!(until(&night, "622112345678", "2026-11-29T12:30:00Z"), None);
}

#[test]
fn a_number_that_tells_no_country_goes_by_the_business_or_by_all_it_may_be() {
    let film = "15551230001";
    let own = places(&format!("{NIGHT}zone = \"Europe/Madrid\"\n"));
    // Madrid is an hour ahead.
    assert_eq!(until(&own, film, "2026-11-29T19:59:00Z"), None);
    let end = until(&own, film, "2026-11-29T20:00:00Z");
    assert_eq!(end.as_deref(), Some("2026-11-30T07:00:00Z"));
    // The zone is not that of numbers that do tell.
    assert_eq!(until(&own, "5511987654321", "2026-11-29T20:00:00Z"), None);
    let unsaid = places(NIGHT);
    // Evening in Guam, morning in New York, night in Honolulu.
    assert!(until(&unsaid, film, "2026-11-29T12:00:00Z").is_some());
    // Later than Newfoundland's morning and earlier than its evening, but night in Guam.
    assert!(until(&unsaid, film, "2026-11-29T15:00:00Z").is_some());
}

#[test]
fn laws_count_where_they_are_turned_on_and_for_their_country_alone() {
    let dubai = "971501234567";
    let evening = "2026-11-29T14:00:00Z";
    assert_eq!(until(&Places::default(), dubai, evening), None);
    assert_eq!(until(&places(NIGHT), dubai, evening), None);
    let emirates = places("[business.quiet_hours]\nlaws = [\"AE\"]\n");
    assert_eq!(until(&emirates, dubai, "2026-11-29T13:59:00Z"), None);
    let end = until(&emirates, dubai, evening);
    assert_eq!(end.as_deref(), Some("2026-11-30T05:00:00Z"));
    assert_eq!(until(&emirates, dubai, "2026-11-30T05:00:00Z"), None);
    assert_eq!(until(&emirates, "919812345678", evening), None);
    // Own hours and the law's are one stretch: until the later end, over both.
    let both = places(&format!("{NIGHT}laws = [\"AE\"]\n"));
    assert_eq!(until(&both, dubai, evening), end);
    let late =
        places("[business.quiet_hours]\nstart = \"08:30\"\nend = \"11:00\"\nlaws = [\"AE\"]\n");
    let joined = until(&late, dubai, evening);
    assert_eq!(joined.as_deref(), Some("2026-11-30T07:00:00Z"));
    // A number that may be American is under America's law where that is on.
    let america = places("[business.quiet_hours]\nlaws = [\"US\"]\nzone = \"UTC\"\n");
    assert!(until(&america, "15551230001", "2026-11-29T22:00:00Z").is_some());
    assert_eq!(until(&america, "14165550100", "2026-11-30T04:00:00Z"), None);
}

#[test]
fn countries_are_closed_by_kind() {
    let closed = places("closed_countries = { RU = [\"marketing\", \"calls\"], CU = [\"all\"] }\n");
    let at = "2026-11-29T12:00:00Z";
    let kinds = |to: &str| place(&closed, to, at).closed;
    assert_eq!(
        kinds("79161234567"),
        Categories::of([Category::Marketing, Category::Calls])
    );
    assert_eq!(kinds("5351234567"), Categories::of(Category::ALL));
    assert_eq!(kinds("CU.abc123"), Categories::of(Category::ALL));
    assert_eq!(kinds("77011234567"), Categories::default());
}

#[test]
fn hours_that_leave_no_moment_in_a_wide_country_are_told_of() {
    let never = |settings: &str| {
        let found = places(settings).never_free();
        let codes: Vec<String> = found
            .iter()
            .map(|country| country.as_str().to_owned())
            .collect();
        codes.join(" ")
    };
    assert_eq!(never(""), "");
    let short = never("[business.quiet_hours]\nstart = \"22:00\"\nend = \"07:00\"\n");
    assert!(!short.contains("RU") && !short.contains("US"), "{short}");
    let long = never("[business.quiet_hours]\nstart = \"18:00\"\nend = \"09:00\"\n");
    assert!(long.contains("RU") && !long.contains("BR"), "{long}");
    let text = "[[business]]\nid = \"acme\"\nname = \"Acme\"\nquiet_hours = { start = \"18:00\", end = \"09:00\" }\n";
    let config = parse(text, "test", Path::new("."), std::iter::empty()).unwrap();
    let warned = |finding: &config::Finding| !finding.fatal && finding.text.contains("quiet_hours");
    assert!(check(&config).iter().any(warned));
}

#[test]
fn each_mistake_is_named() {
    for (settings, says) in [
        (
            "closed_countries = { Russia = [\"all\"] }",
            "closed_countries.Russia",
        ),
        (
            "closed_countries = { ZZ = [\"all\"] }",
            "two capital letters",
        ),
        ("closed_countries = { RU = [\"offers\"] }", "names `offers`"),
        ("closed_countries = { RU = [] }", "names no kind"),
        ("quiet_hours = { start = \"21:00\" }", "quiet_hours.end"),
        (
            "quiet_hours = { start = \"9 pm\", end = \"08:00\" }",
            "quiet_hours.start: `9 pm`",
        ),
        (
            "quiet_hours = { start = \"08:00\", end = \"08:00\" }",
            "another time",
        ),
        (
            "quiet_hours = { start = \"24:00\", end = \"08:00\" }",
            "before 24:00",
        ),
        ("quiet_hours = { days = [\"monday\"] }", "names `monday`"),
        ("quiet_hours = { days = [] }", "names no day"),
        (
            "quiet_hours = { categories = [\"offers\"] }",
            "names `offers`",
        ),
        (
            "quiet_hours = { start = \"21:00\", end = \"08:00\", categories = [] }",
            "names no kind",
        ),
        (
            "quiet_hours = { zone = \"Madrid\" }",
            "`Madrid` is not a time zone",
        ),
        (
            "quiet_hours = { laws = [\"BR\"] }",
            "what there is: US, IN, AE",
        ),
    ] {
        let text = format!("[[business]]\nid = \"acme\"\nname = \"Acme\"\n{settings}\n");
        let config = parse(&text, "test", Path::new("."), std::iter::empty()).unwrap();
        let fatal = check(&config).into_iter().filter(|finding| finding.fatal);
        let found: Vec<String> = fatal.map(|finding| finding.text).collect();
        let named = found
            .iter()
            .any(|text| text.contains(says) && text.contains("acme"));
        assert!(named, "{settings}: {found:?}");
    }
}
