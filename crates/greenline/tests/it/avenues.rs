//! May a notification be the only way out? The live send, the admin API and the commands answer alike.

use std::time::Duration;

use axum::body::Body;
use greenline_gateway::app::Shared;
use greenline_gateway::clock::Clock;
use greenline_gateway::{config, router, serve};
use greenline_testdb::Proxy;
use http::{Request, header};
use serde_json::json;
use toml::Value;
use tower::ServiceExt as _;

use crate::support::command::run_with;
use crate::support::gateway::{Gateway, template_message, text_message};
use crate::support::place::{NOWHERE, Place};
use crate::support::settings::{ADMIN_KEY, BUSINESS, NUMBER, Settings};
use crate::support::store::{Store, on_each_store};
use crate::support::{platform, ports};

on_each_store! {
    an_ask_is_refused_everywhere_until_a_way_out_is_open,
    the_audit_says_what_is_missing_and_probes_prove,
}

const PERSON: &str = "15550100123";
const TEMPLATE: &str = "spring_offer";
/// How long a slow database takes for each answer; the proofs take several, longer than a send would wait for them.
const SLOW: Duration = Duration::from_millis(150);

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

/// A database that takes its time is waited for: a command has only just begun, and knows nothing of ways out from
/// before. It calls the API within its own process, and so does this test, whose line is slow from then on.
/// On SQLite nothing lies between a command and its file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_database_is_waited_for_to_say_which_ways_out_are_proved() {
    let home = Store::Postgres.home();
    let [public, private] = ports::free();
    let proxy = Proxy::to(home.database().server_address());
    let page = ["business", "0", "avenues", "preference_page_published_at"];
    let file = asking(Settings::new(home.path(), NOWHERE, public, private))
        .with(&["store", "url"], home.database().url_through(&proxy))
        .with(&page, "https://acme.example/messages")
        .with(&["listen", "public_url"], "https://wa.acme.example")
        .write(home.path());
    run_with(&file, &["avenues", "--probe"]).await.ended(0);

    let text = std::fs::read_to_string(&file).expect("a configuration");
    let config = config::parse(&text, "test", home.path(), std::iter::empty());
    let config = config.expect("a configuration");
    let ledger = serve::open_ledger(&config).await.expect("a ledger");
    let app = serve::build(config, ledger, Clock::system()).expect("an app");
    // Without a template nobody asks for ways out; but the writer has its connection from then on.
    let ready = decided(&app, &text_message(PERSON, "Hello")).await;
    assert_eq!(ready["decision"], "refuse", "{ready}");
    proxy.slow(SLOW);
    let decision = decided(&app, &template_message(PERSON, TEMPLATE)).await;
    assert_eq!(decision["decision"], "allow", "{decision}");
    app.ledger.close().await;
}

/// As the API decides within this process, about somebody who wants marketing.
async fn decided(app: &Shared, message: &serde_json::Value) -> serde_json::Value {
    let body = json!({
        "business": BUSINESS, "number": NUMBER, "message": message,
        "assume": { "consent": { "marketing": "covered" } }
    });
    let request = Request::post("/v1/decisions")
        .header(header::AUTHORIZATION, format!("Bearer {ADMIN_KEY}"))
        .body(Body::from(body.to_string()))
        .expect("a request");
    let answer = router::private(app.clone()).oneshot(request).await;
    let answer = answer.expect("an answer").into_body();
    let answer = axum::body::to_bytes(answer, 1 << 20).await.expect("a body");
    serde_json::from_slice(&answer).expect("JSON")
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
