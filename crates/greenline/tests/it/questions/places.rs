//! May we write there, and at this hour? Countries that are closed, and quiet hours.

use toml::Table;

use super::acts::{DAY, MINUTE, Name, writes, yes};
use super::desk::{Answer, OFFER, ORDER, Row, text};
use crate::support::settings::Settings;
use crate::support::webhook;

pub(super) const US: Name = Name::Spelled("12125550101");
const CANADA: Name = Name::Spelled("14165550102");
const PUERTO_RICO: Name = Name::Spelled("17875550103");
const FRANCE: Name = Name::Spelled("33612345678");
const INDIA: Name = Name::Spelled("919812345678");

const COVERED: [&str; 1] = ["consent.covered"];

/// France is closed to marketing.
pub(super) fn closed(settings: Settings) -> Settings {
    let closed: Table = "FR = [\"marketing\"]".parse().expect("countries");
    settings.with(&["business", "0", "closed_countries"], closed)
}

pub(super) fn rows_about_countries() -> Vec<Row> {
    let opted_in = |who: Name| {
        [
            yes("marketing", DAY).by(who),
            yes("utility", DAY).by(who),
            writes("Hello", 10 * MINUTE).by(who),
        ]
    };
    vec![
        Row::new(
            "They opted in and wrote, and have a number of the United States: what may go?",
            opted_in(US),
            [
                Answer::no(OFFER, ["country.us_marketing", "consent.covered"]).of(US),
                Answer::yes(ORDER, COVERED).of(US),
                Answer::yes(text("Hi"), ["window.open"]).of(US),
            ],
        ),
        Row::new(
            "A number of Canada begins with 1 too: may the offer go?",
            opted_in(CANADA),
            [Answer::yes(OFFER, COVERED).of(CANADA)],
        ),
        Row::new(
            "And one of Puerto Rico?",
            opted_in(PUERTO_RICO),
            [Answer::yes(OFFER, COVERED).of(PUERTO_RICO)],
        ),
        Row::new(
            "The business closed France to marketing: what may go there?",
            opted_in(FRANCE),
            [
                Answer::no(OFFER, ["country.closed", "consent.covered"]).of(FRANCE),
                Answer::yes(ORDER, COVERED).of(FRANCE),
                Answer::yes(text("Salut"), ["window.open"]).of(FRANCE),
            ],
        ),
    ]
}

/// At that minute it has been quiet for two hours, and is for two more, by the clock of UTC.
pub(super) fn quiet(settings: Settings, minutes: i64) -> Settings {
    let clock = |minutes: i64| {
        let of_day = minutes.rem_euclid(24 * 60);
        format!("{:02}:{:02}", of_day / 60, of_day % 60)
    };
    let (start, end) = (clock(minutes - 120), clock(minutes + 120));
    let hours: Table = format!("start = \"{start}\"\nend = \"{end}\"\nzone = \"UTC\"")
        .parse()
        .expect("hours");
    settings.with(&["business", "0", "quiet_hours"], hours)
}

/// When that ends.
pub(super) fn quiet_end(started_minutes: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second((started_minutes + 120) * 60).expect("a time")
}

/// Minutes since 1970.
pub(super) fn now_minutes() -> i64 {
    i64::try_from(webhook::now_s()).expect("a time") / 60
}

pub(super) fn rows_at_night(until: jiff::Timestamp) -> Vec<Row> {
    vec![
        Row::new(
            "It is quiet where they are: what may go?",
            [yes("marketing", DAY), yes("utility", DAY)],
            [
                Answer::no(OFFER, ["quiet_hours", "consent.covered"]).until(until),
                Answer::yes(ORDER, COVERED),
            ],
        ),
        Row::new(
            "They wrote ten minutes ago: may we answer, and send the offer along?",
            [yes("marketing", DAY), writes("Hello", 10 * MINUTE)],
            [
                Answer::yes(text("Good evening!"), ["window.open"]),
                Answer::no(OFFER, ["quiet_hours", "consent.covered"]).until(until),
            ],
        ),
        Row::new(
            "It is another time of day in India: may the offer go there?",
            [yes("marketing", DAY).by(INDIA)],
            [Answer::yes(OFFER, COVERED).of(INDIA)],
        ),
        Row::new(
            "They never opted in: what answers, and is an end promised?",
            [],
            [Answer::no(OFFER, ["consent.missing", "quiet_hours"])],
        ),
    ]
}
