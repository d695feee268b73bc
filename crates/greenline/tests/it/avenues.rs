//! May a notification be the only way out? The live send, the admin API and the commands answer alike.

use serde_json::json;
use toml::Value;

use crate::support::command::run_with;
use crate::support::gateway::{Gateway, template_message};
use crate::support::place::Place;
use crate::support::platform;
use crate::support::settings::{BUSINESS, NUMBER, Settings};
use crate::support::store::{Store, on_each_store};

on_each_store! {
    an_ask_is_refused_everywhere_until_a_way_out_is_open,
    the_audit_says_what_is_missing_and_probes_prove,
}

const PERSON: &str = "15550100123";
const TEMPLATE: &str = "spring_offer";

/// The sample's offer, marked as an ask.
fn asking(settings: Settings) -> Settings {
    let template = [("name", Value::from(TEMPLATE)), ("ask", Value::from(true))];
    let template: toml::Table = template
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    settings.with(
        &["business", "0", "template"],
        Value::Array(vec![template.into()]),
    )
}

async fn an_ask_is_refused_everywhere_until_a_way_out_is_open(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let gateway = Gateway::start(&home, &sim.url(), asking).await;
    gateway.opt_in(PERSON, "marketing").await;

    let refused = gateway.send_template(PERSON, TEMPLATE).await;
    assert_eq!(refused.code(), Some(131_050), "{refused:?}");
    assert!(
        refused
            .header("greenline-reasons")
            .starts_with("ask.only_way_out"),
        "{refused:?}"
    );
    assert!(refused.header("retry-after").is_empty(), "{refused:?}");
    let record = format!("/v1/decisions/{}", refused.header("greenline-decision"));
    let record = gateway.admin_get(&record).await.json();
    assert_eq!(record["replay"]["same"], true, "{record}");
    let config = gateway.config();
    let check = [
        "check",
        "--business",
        BUSINESS,
        "--number",
        NUMBER,
        "--to",
        PERSON,
        "--template",
        TEMPLATE,
    ];
    let said = run_with(&config, &check).await.ended(1);
    assert!(said.stdout.contains("ask.only_way_out"), "{said:?}");
    let message = template_message(PERSON, TEMPLATE);
    let preview = json!({ "business": BUSINESS, "number": NUMBER, "message": message });
    let decided = gateway.admin("/v1/decisions", &preview).await.json();
    assert_eq!(decided["decision"], "refuse", "{decided}");
    assert_eq!(
        decided["reasons"][0]["rule"], "ask.only_way_out",
        "{decided}"
    );
    let said = run_with(&config, &["avenues"]).await.ended(1);
    assert!(said.stdout.contains("every ask is refused"), "{said:?}");

    // Somebody writes to the number: people can.
    let heard = gateway.person_writes("15550100777", "Hello").await;
    assert_eq!(heard.status.as_u16(), 200, "{heard:?}");
    let decided = gateway.admin("/v1/decisions", &preview).await.json();
    assert_eq!(decided["decision"], "allow", "{decided}");
    run_with(&config, &check).await.ended(0);
    run_with(&config, &["avenues"]).await.ended(0);
    let sent = gateway.send_template(PERSON, TEMPLATE).await;
    assert_eq!(sent.status.as_u16(), 200, "{sent:?}");
}

async fn the_audit_says_what_is_missing_and_probes_prove(store: Store) {
    let place = Place::with(store, |settings| {
        let avenues = ["business", "0", "avenues"];
        let published = [&avenues[..], &["preference_page_published_at"]].concat();
        settings
            .with(&published, "https://acme.example/messages")
            .with(&["listen", "public_url"], "https://wa.acme.example")
    });
    let said = place.run(&["avenues"]).await.ended(1);
    assert!(said.stdout.contains("avenues.staff"), "{said:?}");
    assert!(said.stdout.contains("--probe"), "{said:?}");
    let audits = place
        .run(&["avenues", "--probe", "--json"])
        .await
        .ended(0)
        .json();
    let audit = &audits["audits"][0];
    assert_eq!(audit["business"], BUSINESS, "{audit}");
    assert_eq!(audit["notifications_only"], false, "{audit}");
    // What was proved stays proved.
    let said = place
        .run(&["avenues", "--business", BUSINESS])
        .await
        .ended(0);
    assert!(said.stdout.contains("by probe"), "{said:?}");
    place
        .run(&["avenues", "--business", "nobody"])
        .await
        .ended(1);
}
