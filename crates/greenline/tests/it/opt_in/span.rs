//! How long a yes lasts, and its renewal (A17).

use serde_json::{Value, json};
use toml::Table;

use super::{DANA, OFFERS, offer, person, standing};
use crate::support::gateway::Gateway;
use crate::support::http::Answer;
use crate::support::platform;
use crate::support::settings::BUSINESS;
use crate::support::store::{Site, Store, on_each_store};

on_each_store! {
    a_yes_runs_out_and_only_a_timely_renewal_keeps_it,
    a_topic_has_its_own_length,
}

/// So many days before now, RFC 3339.
fn days_ago(days: i64) -> String {
    let ms = i64::try_from(crate::support::webhook::now_s()).unwrap() * 1_000 - days * 86_400_000;
    jiff::Timestamp::from_millisecond(ms).unwrap().to_string()
}

async fn start(site: &(impl Site + ?Sized), upstream: &str) -> Gateway {
    Gateway::start(site, upstream, |settings| {
        let lasts: Table = "marketing = 100\n\"marketing.offers\" = 10"
            .parse()
            .unwrap();
        let template: Table = format!("name = \"{OFFERS}\"\ntopic = \"marketing.offers\"")
            .parse()
            .unwrap();
        settings
            .with(
                &["business", "0", "topics"],
                vec!["marketing.offers", "marketing.news"],
            )
            .with(&["business", "0", "yes_lasts_days"], lasts)
            .with(
                &["business", "0", "template"],
                vec![toml::Value::Table(template)],
            )
    })
    .await
}

async fn say(gateway: &Gateway, event: &str, scope: &str, at: &str) -> Answer {
    let body = json!({
        "business": BUSINESS, "person": {"wa_id": DANA}, "scope": scope, "event": event, "occurred_at": at,
        "evidence": {"method": "website_form", "wording": "Yes", "business_name": "Acme"},
    });
    let answer = gateway.admin("/v1/consents", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer
}

/// What an offer to Dana would be decided, as of so many days ago.
async fn decided(gateway: &Gateway, days: i64) -> Value {
    let message = crate::support::gateway::template_message(DANA, OFFERS);
    let body = json!({ "business": BUSINESS, "number": crate::support::settings::NUMBER, "message": message, "at": days_ago(days) });
    gateway.admin("/v1/decisions", &body).await.json()
}

async fn a_yes_runs_out_and_only_a_timely_renewal_keeps_it(store: Store) {
    let sim = platform::sample().await;
    let home = store.home();
    let mut gateway = start(&home, &sim.url()).await;
    say(&gateway, "granted", "marketing.offers", &days_ago(25)).await;
    assert_eq!(
        standing(&gateway, DANA, "marketing.offers").await,
        "expired"
    );
    assert_eq!(offer(&gateway, DANA).await, (400, Some(131_050)));
    // As of then it covered: the time is given to the decision.
    assert_eq!(decided(&gateway, 20).await["decision"], "allow");
    let later = decided(&gateway, 14).await;
    assert_eq!(later["decision"], "refuse", "{later}");
    assert_eq!(later["reasons"][0]["rule"], "consent.expired", "{later}");

    // A renewal in time counts from its own day, however late it is told.
    let renewed = say(&gateway, "reconfirmed", "marketing.offers", &days_ago(16))
        .await
        .json();
    assert!(
        !renewed["notes"].to_string().contains("run out"),
        "{renewed}"
    );
    assert_eq!(decided(&gateway, 7).await["decision"], "allow");
    assert_eq!(decided(&gateway, 5).await["decision"], "refuse");

    // One after the end brings nothing back, and the end is put on record.
    let late = say(&gateway, "reconfirmed", "marketing.offers", &days_ago(1))
        .await
        .json();
    assert!(late["notes"].to_string().contains("run out"), "{late}");
    let shown = person(&gateway, DANA).await;
    assert_eq!(
        shown["head"]["marketing.offers"]["standing"], "expired",
        "{shown}"
    );
    assert!(
        shown["history"].to_string().contains("\"expired\""),
        "{shown}"
    );
    assert_eq!(offer(&gateway, DANA).await, (400, Some(131_050)));
    // It is no no: a new yes is enough.
    say(&gateway, "granted", "marketing.offers", &days_ago(0)).await;
    assert_eq!(offer(&gateway, DANA).await.0, 200);
    gateway.stop().await;
}

async fn a_topic_has_its_own_length(store: Store) {
    let sim = platform::sample().await;
    let home = store.home();
    let mut gateway = start(&home, &sim.url()).await;
    say(&gateway, "granted", "marketing", &days_ago(50)).await;
    let shown = person(&gateway, DANA).await;
    assert_eq!(shown["head"]["marketing"]["standing"], "covered", "{shown}");
    assert_eq!(
        shown["head"]["marketing.offers"]["standing"], "expired",
        "{shown}"
    );
    assert_eq!(offer(&gateway, DANA).await, (400, Some(131_050)));
    // Renewing the wider yes comes too late for the topic, and counts for the rest.
    let late = say(&gateway, "reconfirmed", "marketing", &days_ago(2))
        .await
        .json();
    let notes = late["notes"].to_string();
    assert!(
        notes.contains("had run out for `marketing.offers`"),
        "{late}"
    );
    assert_eq!(offer(&gateway, DANA).await, (400, Some(131_050)));
    let shown = person(&gateway, DANA).await;
    assert_eq!(shown["head"]["marketing"]["standing"], "covered", "{shown}");
    assert_eq!(
        shown["head"]["marketing.offers"]["standing"], "expired",
        "{shown}"
    );
    say(&gateway, "granted", "marketing", &days_ago(1)).await;
    assert_eq!(offer(&gateway, DANA).await.0, 200, "a new yes, and of now");
    gateway.stop().await;
}
