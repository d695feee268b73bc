//! May we send this from a number, and with a template, that people take badly?

use greenline_sim::{NumberChange, TemplateChange};

use super::acts::{DAY, MINUTE, writes, yes};
use super::desk::{Answer, Desk, OFFER, ORDER, Row, text};
use crate::support::http;
use crate::support::settings::{ACCOUNT, BOT_KEY, NUMBER, Settings};

/// The sample account's `spring_offer`.
const OFFER_ID: u64 = 901_500_000_000_002;

/// No marketing from a number that is rated low.
pub(super) fn guarded(settings: Settings) -> Settings {
    let stop_at = ["business", "0", "quality_guard", "stop_marketing_at"];
    settings.with(&stop_at, "low")
}

impl Desk {
    /// The platform's rating of the number and of the offer, read by an app through the gateway.
    async fn rated(&self, number: &str, offer: &str) {
        let number_change = NumberChange {
            quality_rating: Some(number.to_owned()),
            ..NumberChange::default()
        };
        self.sim
            .change_number(NUMBER, &number_change)
            .expect("a number");
        let template_change = TemplateChange {
            quality: Some(offer.to_owned()),
            ..TemplateChange::default()
        };
        self.sim
            .change_template(OFFER_ID, &template_change)
            .expect("a template");
        for target in [
            format!(
                "/v23.0/{ACCOUNT}/message_templates?fields=name,language,category,quality_score"
            ),
            format!("/v23.0/{NUMBER}?fields=quality_rating"),
        ] {
            let answer = http::get(self.place.private, &target, BOT_KEY).await;
            assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
        }
    }
}

/// Asks at each rating.
pub(super) async fn walk(desk: &Desk) {
    let opted_in = || {
        [
            yes("marketing", DAY),
            yes("utility", DAY),
            writes("Hello", MINUTE),
        ]
    };
    desk.rated("YELLOW", "GREEN").await;
    let medium = Row::new(
        "The number is rated medium: may the offer go?",
        opted_in(),
        [Answer::yes(OFFER, ["consent.covered"])],
    );
    desk.ask(0, &medium).await;
    desk.rated("RED", "GREEN").await;
    let low = Row::new(
        "The number is rated low, and the business stops marketing then: what may go?",
        opted_in(),
        [
            Answer::no(OFFER, ["guard.quality", "consent.covered"]),
            Answer::yes(ORDER, ["consent.covered"]),
            Answer::yes(text("Here you are."), ["window.open"]),
        ],
    );
    desk.ask(1, &low).await;
    desk.rated("NA", "RED").await;
    let unrated = Row::new(
        "The number has no rating, and the template is rated low: may the offer go?",
        opted_in(),
        [
            Answer::yes(
                OFFER,
                [
                    "consent.covered",
                    "guard.quality_unknown",
                    "template.low_quality",
                    "template.pacing",
                ],
            ),
            Answer::yes(ORDER, ["consent.covered"]),
        ],
    );
    desk.ask(2, &unrated).await;
    desk.nothing_else_arrived();
}
