//! May we send this, where the business has rules of its own?

use toml::Table;

use super::acts::{DAY, MINUTE, Name, in_bulk, writes, yes};
use super::desk::{Answer, CODE, OFFER, ORDER, Row, TOPIC, text};
use crate::support::settings::Settings;

const SPAIN: Name = Name::Spelled("34600111222");

/// No offers to Spain until the year 2100, no order updates on the word of a list, no codes by an app of another name.
pub(super) fn ruled(settings: Settings) -> Settings {
    let rules: Table = r#"
        rule = [
            { name = "no_spain", text = "Our shop there is closed.", scopes = ["marketing"], countries = ["ES"], until = "2100-01-01" },
            { name = "seen_only", text = "Lists are not enough.", scopes = ["utility"], weak_consent = true },
            { name = "topic", text = "No winter sale.", templates = ["winter_offer"] },
            { name = "over", text = "That was long ago.", until = "2020-01-01" },
        ]
    "#
    .parse()
    .expect("rules");
    rules.into_iter().fold(settings, |settings, (_, rules)| {
        settings.with(&["business", "0", "rule"], rules)
    })
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new(
            "They are in Spain, where we send no offers: what may go?",
            [
                yes("marketing", DAY).by(SPAIN),
                yes("authentication", DAY).by(SPAIN),
                writes("Hola", MINUTE).by(SPAIN),
            ],
            [
                Answer::no(OFFER, ["business.rule", "consent.covered"]).of(SPAIN),
                Answer::yes(CODE, ["consent.covered"]).of(SPAIN),
                Answer::yes(text("Buenos dias"), ["window.open"]).of(SPAIN),
            ],
        ),
        Row::new(
            "They are elsewhere: may the offer go, and one that we send to nobody?",
            [yes("marketing", DAY)],
            [
                Answer::yes(OFFER, ["consent.covered"]),
                Answer::no(TOPIC, ["business.rule", "consent.covered"]),
            ],
        ),
        Row::new(
            "Their opt-in to order updates came with a list, which we do not go by: may one go?",
            [in_bulk("utility", DAY)],
            [Answer::no(
                ORDER,
                ["business.rule", "consent.covered_by_import"],
            )],
        ),
        Row::new(
            "They opted in themselves: may an order update go?",
            [yes("utility", DAY)],
            [Answer::yes(ORDER, ["consent.covered"])],
        ),
        Row::new(
            "They are in Spain and never opted in: what answers?",
            [],
            [Answer::no(OFFER, ["consent.missing", "business.rule"])
                .of(Name::Spelled("34600111333"))],
        ),
    ]
}

/// The rule about Spain has ended.
pub(super) fn later() -> Answer {
    Answer::yes(OFFER, ["consent.covered"]).of(SPAIN)
}
