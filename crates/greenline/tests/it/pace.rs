//! How much one person gets, from the outside: caps that a business sets, and the platform's own bound.

use serde_json::{Value, json};
use toml::{Table, Value as Setting};

use crate::support::command::run_with;
use crate::support::gateway::{Gateway, template_message};
use crate::support::http::Answer;
use crate::support::settings::{NUMBER, Settings};
use crate::support::store::{Store, on_each_store};
use crate::support::{platform, soon, webhook};

on_each_store! {
    a_cap_refuses_until_its_window_has_room_and_a_failed_message_makes_room,
    the_platforms_131049_is_answered_here_the_next_time,
}

const DANA: &str = "15551230001";

/// Two of marketing a week.
fn capped(settings: Settings) -> Settings {
    let mut cap = Table::new();
    cap.insert("scope".to_owned(), Setting::from("marketing"));
    cap.insert("max".to_owned(), Setting::from(2));
    cap.insert("per_hours".to_owned(), Setting::from(168));
    settings.with(
        &["business", "0", "frequency_cap"],
        vec![Setting::from(cap)],
    )
}

fn refused(answer: &Answer, rule: &str) -> Value {
    assert_eq!(answer.status.as_u16(), 400, "{}", answer.json());
    assert!(
        answer.header("greenline-reasons").starts_with(rule),
        "{rule}"
    );
    assert_eq!(answer.header("retry-after"), "");
    let error = answer.json()["error"].clone();
    assert_eq!(error["code"], 131_049, "{error}");
    let details = error["error_data"]["details"].as_str().unwrap_or_default();
    assert!(details.contains(" Until 20"), "{details}");
    error
}

fn message_id(answer: &Answer) -> String {
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
    let id = answer.json()["messages"][0]["id"].clone();
    id.as_str().expect("an id").to_owned()
}

/// What would be decided about an offer now, or with something else assumed.
async fn would(gateway: &Gateway, to: &str, more: Value) -> Value {
    let mut question = json!({
        "business": "acme", "number": NUMBER, "message": template_message(to, "spring_offer"),
    });
    if let (Some(question), Value::Object(more)) = (question.as_object_mut(), more) {
        question.extend(more);
    }
    let answer = gateway.admin("/v1/decisions", &question).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
    answer.json()
}

/// A message of another kind.
fn order() -> Value {
    json!({ "message": template_message(DANA, "order_update") })
}

async fn a_cap_refuses_until_its_window_has_room_and_a_failed_message_makes_room(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let mut gateway = Gateway::start(&home, &sim.url(), capped).await;
    gateway.opt_in(DANA, "marketing").await;
    gateway.opt_in(DANA, "utility").await;
    let first = message_id(&gateway.send_template(DANA, "spring_offer").await);
    message_id(&gateway.send_template(DANA, "spring_offer").await);
    let error = refused(
        &gateway.send_template(DANA, "spring_offer").await,
        "frequency.cap",
    );
    let said = error["message"].as_str().unwrap_or_default();
    assert!(
        said.starts_with("(#131049) The business's own cap"),
        "{said}"
    );
    // Other kinds go, and so it stays when the program is started again.
    assert_eq!(would(&gateway, DANA, order()).await["decision"], "allow");
    gateway.stop().await;
    gateway.run_again().await;
    refused(
        &gateway.send_template(DANA, "spring_offer").await,
        "frequency.cap",
    );

    let asked = would(&gateway, DANA, json!({})).await;
    assert_eq!(asked["reasons"][0]["rule"], "frequency.cap", "{asked}");
    let until = asked["reasons"][0]["until"]
        .as_str()
        .expect("an end")
        .to_owned();
    let then = would(&gateway, DANA, json!({ "at": until })).await;
    assert_eq!(then["decision"], "allow", "{then}");
    let assumed = would(
        &gateway,
        DANA,
        json!({ "assume": { "capped_until": "none" } }),
    )
    .await;
    assert_eq!(assumed["decision"], "allow", "{assumed}");

    let mut failed = webhook::status(DANA, &first, "failed");
    failed["entry"][0]["changes"][0]["value"]["statuses"][0]["errors"] =
        json!([{ "code": 131_026, "title": "Message undeliverable" }]);
    assert_eq!(gateway.webhook(&failed).await.status.as_u16(), 200);
    message_id(&gateway.send_template(DANA, "spring_offer").await);
    refused(
        &gateway.send_template(DANA, "spring_offer").await,
        "frequency.cap",
    );
    run_with(&gateway.config(), &["verify"]).await.ended(0);
}

async fn the_platforms_131049_is_answered_here_the_next_time(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let gateway = Gateway::start(&home, &sim.url(), |settings| settings).await;
    for scope in ["marketing", "utility"] {
        gateway.opt_in(DANA, scope).await;
    }
    let id = message_id(&gateway.send_template(DANA, "spring_offer").await);
    let mut failed = webhook::status(DANA, &id, "failed");
    failed["entry"][0]["changes"][0]["value"]["statuses"][0]["errors"] = json!([{ "code": 131_049, "title": "Not delivered to maintain healthy ecosystem engagement" }]);
    assert_eq!(gateway.webhook(&failed).await.status.as_u16(), 200);
    // What became of the message may be written a moment after the app knows.
    let held = async {
        while would(&gateway, DANA, json!({})).await["decision"] == "allow" {
            tokio::task::yield_now().await;
        }
    };
    soon("the platform's word counts", held).await;
    let before = sim.mark();
    let error = refused(
        &gateway.send_template(DANA, "spring_offer").await,
        "limit.per_user",
    );
    let details = error["error_data"]["details"].as_str().unwrap_or_default();
    assert!(details.contains("do not try again before"), "{details}");
    let seen = sim.requests(before);
    assert!(
        !seen.iter().any(|request| request.is_send()),
        "the platform saw it"
    );
    assert_eq!(would(&gateway, DANA, order()).await["decision"], "allow");
    // It is no opt-out.
    let person = gateway
        .admin_get(&format!("/v1/people/{DANA}?business=acme"))
        .await
        .json();
    assert!(person["head"].to_string().contains("covered"), "{person}");
    let assumed = would(
        &gateway,
        DANA,
        json!({ "assume": { "limited_until": "none" } }),
    )
    .await;
    assert_eq!(assumed["decision"], "allow", "{assumed}");
}
