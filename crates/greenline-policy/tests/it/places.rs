//! Countries and time zones by prefix, and the laws' data.

use greenline_policy::country::{Country, Whereabouts, Zone, problems, whereabouts};
use greenline_policy::identity::Identifier;
use greenline_policy::law::Law;
use greenline_policy::scope::Category;

fn id(text: &str) -> Identifier {
    Identifier::parse(text).unwrap()
}

fn country(text: &str) -> String {
    Country::of(&id(text)).as_str().to_owned()
}

fn zones(found: &Whereabouts) -> Vec<&'static str> {
    found.zones.iter().map(|zone| zone.name()).collect()
}

fn zones_of(text: &str) -> Vec<&'static str> {
    zones(&whereabouts(&id(text)))
}

#[test]
fn all_data_read() {
    assert_eq!(problems(), Vec::<&str>::new());
    assert_eq!(Law::problems().collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(Zone::names().len() > 250, "{}", Zone::names().len());
}

#[test]
fn a_number_has_the_country_of_its_longest_prefix() {
    for (number, code) in [
        ("34600123456", "ES"),
        ("447700900123", "GB"),
        ("441481960194", "GG"),
        ("441534960194", "JE"),
        ("441624960194", "IM"),
        ("79161234567", "RU"),
        ("77011234567", "KZ"),
        ("390612345678", "IT"),
        ("4791234567", "NO"),
        ("4779123456", "SJ"),
        ("61412345678", "AU"),
        ("971501234567", "AE"),
        ("919812345678", "IN"),
        ("5511987654321", "BR"),
        ("5215512345678", "MX"),
        ("525512345678", "MX"),
        ("38349123456", "XK"),
        ("262269612345", "YT"),
        ("262692123456", "RE"),
        // Satellite phones, freephone, and a code that nobody has.
        ("881612345678", ""),
        ("80012345678", ""),
        ("999123456789", ""),
    ] {
        assert_eq!(country(number), code, "{number}");
    }
}

#[test]
fn the_area_code_parts_the_countries_of_the_shared_plan() {
    for (code, area_codes) in [
        ("US", &[201, 212, 305, 415, 808, 907, 989][..]),
        ("CA", &[204, 236, 416, 514, 604, 709, 867, 902]),
        ("PR", &[787, 939]),
        ("DO", &[809, 829, 849]),
        ("JM", &[658, 876]),
        ("BS", &[242]),
        ("BB", &[246]),
        ("BM", &[441]),
        ("TT", &[868]),
        ("GU", &[671]),
        ("VI", &[340]),
        ("AS", &[684]),
        ("SX", &[721]),
        // Films, toll-free, personal numbers, and codes that nobody has.
        ("", &[555, 800, 888, 833, 500, 700, 900, 211, 999]),
    ] {
        for area in area_codes {
            assert_eq!(country(&format!("1{area}2345678")), code, "{area}");
        }
    }
    // A number of eleven digits with 1 is of the plan; a shorter one is of nobody.
    assert_eq!(country("12125550100"), "US");
}

#[test]
fn a_user_id_begins_with_its_country() {
    assert_eq!(country("US.abc123"), "US");
    assert_eq!(country("BR.ENT.abc123"), "BR");
    assert_eq!(country("ZZ.abc123"), "");
}

#[test]
fn where_a_number_may_be() {
    let told = whereabouts(&id("5511987654321"));
    assert_eq!(
        (told.is_told, zones(&told)),
        (true, vec!["America/Sao_Paulo"])
    );
    assert_eq!(told.countries, [Country::parse("BR").unwrap()]);
    assert_eq!(zones_of("12125550100"), ["America/New_York"]);
    assert_eq!(zones_of("18085550100"), ["Pacific/Honolulu"]);
    // An area on both sides of a border between zones has both.
    assert_eq!(
        zones_of("12195550100"),
        ["America/Chicago", "America/New_York"]
    );
    // Mobile numbers that are not given out by area may be anywhere in the country.
    let mobile = zones_of("6281234567890");
    assert_eq!(mobile.len(), 4, "{mobile:?}");
    assert!(zones_of("79161234567").contains(&"Asia/Kamchatka"));
    assert!(zones_of("61412345678").contains(&"Australia/Perth"));
    // A user id tells no area.
    assert!(zones_of("US.abc123").contains(&"Pacific/Honolulu"));
    // Both spellings of a number are one.
    assert_eq!(zones_of("5216461234567"), zones_of("526461234567"));
}

#[test]
fn a_number_that_tells_no_country_may_be_in_any_that_it_could_be_of() {
    let film = whereabouts(&id("15551230001"));
    assert!(!film.is_told);
    for code in ["US", "CA", "JM", "GU"] {
        assert!(
            film.countries.contains(&Country::parse(code).unwrap()),
            "{code}"
        );
    }
    assert!(!film.countries.contains(&Country::parse("GB").unwrap()));
    assert!(zones(&film).contains(&"America/St_Johns"));
    assert!(!zones(&film).contains(&"Europe/London"));
    let nobodys = whereabouts(&id("999123456789"));
    assert!(!nobodys.is_told && zones(&nobodys).contains(&"Europe/London"));
}

#[test]
fn laws_hold_what_the_notes_support() {
    let known: Vec<&str> = Law::all().iter().map(|law| law.country.as_str()).collect();
    assert_eq!(known, ["US", "IN", "AE"]);
    for law in Law::all() {
        // None is known first-hand, so none counts by itself.
        assert!(!law.is_on && law.why.ends_with('.'));
        assert!(law.quiet.categories.holds(Category::Marketing));
        assert!(!law.quiet.categories.holds(Category::Utility));
    }
}
