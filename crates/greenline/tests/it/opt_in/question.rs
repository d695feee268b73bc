//! The question in the thread: when it goes, and what its answers prove.

use serde_json::{Value, json};

use super::link::platform_person_writes;
use super::{DANA, claim, offer, person, questions, standing, start};
use crate::support::gateway::Gateway;
use crate::support::http::Answer;
use crate::support::settings::BUSINESS;
use crate::support::store::{Store, on_each_store};
use crate::support::{platform, webhook};

on_each_store! {
    it_goes_only_inside_a_window_and_its_yes_covers,
    an_answer_without_our_seal_is_an_ordinary_message,
    without_a_time_only_a_no_counts,
    nobody_who_said_no_is_asked,
}

async fn ask(gateway: &Gateway, who: &str, body: &Value) -> Answer {
    let path = format!("/v1/people/{who}/opt-in-question?business={BUSINESS}");
    gateway.admin(&path, body).await
}

fn press(who: &str, question: &Value, id: &Value, title: &Value) -> Value {
    let content = json!({
        "type": "interactive", "context": {"id": question["wamid"]},
        "interactive": {"type": "button_reply", "button_reply": {"id": id, "title": title}},
    });
    webhook::message(who, webhook::now_s(), &content)
}

fn button(question: &Value, at: usize) -> &Value {
    &question["interactive"]["action"]["buttons"][at]["reply"]
}

async fn it_goes_only_inside_a_window_and_its_yes_covers(store: Store) {
    let (home, sim) = (store.home(), platform::sample().await);
    let mut gateway = start(&home, &sim).await;
    assert_eq!(
        ask(&gateway, DANA, &json!({})).await.status,
        404,
        "nobody yet"
    );
    claim(&gateway, DANA, "marketing", "2026-02-01T00:00:00Z").await;
    let shut = ask(&gateway, DANA, &json!({})).await;
    assert_eq!(shut.status, 409, "no window: {shut:?}");
    let number = json!({ "number": crate::support::settings::NUMBER });
    let shut = ask(&gateway, DANA, &number).await;
    assert_eq!(shut.status, 409, "{shut:?}");
    assert!(
        shut.json()["detail"].to_string().contains("window.closed"),
        "{shut:?}"
    );

    platform_person_writes(&gateway, &sim, DANA, "hello").await;
    let owed = ask(&gateway, DANA, &json!({ "language": "es" })).await;
    assert_eq!(owed.status, 202, "{owed:?}");
    assert_eq!(owed.json()["scopes"], json!(["marketing"]));
    // Asked again before anything changed: nothing more goes.
    assert_eq!(
        ask(&gateway, DANA, &json!({ "language": "es" }))
            .await
            .status,
        202
    );
    let asked = questions(&sim, 1).await;
    assert_eq!(asked[0]["type"], "interactive");
    assert!(asked[0].get("template").is_none());
    let text = asked[0]["interactive"]["body"]["text"].as_str().unwrap();
    assert!(text.contains("Acme") && text.contains('¿'), "{text}");
    assert_eq!(
        standing(&gateway, DANA, "marketing").await,
        "claimed",
        "asking changes nothing"
    );

    let yes = button(&asked[0], 0);
    let body = press(DANA, &asked[0], &yes["id"], &yes["title"]);
    for _ in 0..2 {
        assert_eq!(gateway.webhook(&body).await.status, 200);
    }
    let shown = person(&gateway, DANA).await;
    assert_eq!(shown["head"]["marketing"]["standing"], "covered", "{shown}");
    assert_eq!(shown["head"]["marketing"]["strength"], "evidenced");
    let history = shown["history"].as_array().unwrap();
    assert_eq!(history.len(), 2, "{shown}");
    let evidence = &history[1]["evidence"];
    let wording = evidence["wording"].as_str().unwrap();
    assert!(
        wording.contains(text) && wording.ends_with(yes["title"].as_str().unwrap()),
        "{evidence}"
    );
    assert!(
        evidence
            .to_string()
            .contains(asked[0]["wamid"].as_str().unwrap()),
        "{evidence}"
    );
    assert_eq!(offer(&gateway, DANA).await.0, 200);
    assert_eq!(
        ask(&gateway, DANA, &json!({})).await.status,
        409,
        "nothing is left to ask"
    );
    assert_eq!(questions(&sim, 1).await.len(), 1);
    gateway.stop().await;
}

async fn an_answer_without_our_seal_is_an_ordinary_message(store: Store) {
    let (home, sim) = (store.home(), platform::sample().await);
    let mut gateway = start(&home, &sim).await;
    let lee = "15551230002";
    for who in [DANA, lee] {
        claim(&gateway, who, "marketing", "2026-02-01T00:00:00Z").await;
    }
    platform_person_writes(&gateway, &sim, DANA, "hello").await;
    assert_eq!(ask(&gateway, DANA, &json!({})).await.status, 202);
    let asked = questions(&sim, 1).await;
    let yes = button(&asked[0], 0);
    let id = yes["id"].as_str().unwrap();
    let wider = id.replace(":marketing:", ":all:");
    let (head, seal) = id.rsplit_once(':').unwrap();
    let spoilt = format!("{head}:{}", seal.chars().rev().collect::<String>());
    for (who, id, title) in [
        (lee, json!(id), yes["title"].clone()),
        (DANA, json!(wider), yes["title"].clone()),
        (DANA, json!(spoilt), yes["title"].clone()),
        (
            DANA,
            json!("greenline.opt_in.yes:en:marketing:"),
            yes["title"].clone(),
        ),
        (DANA, json!("greenline.opt_in."), yes["title"].clone()),
        (DANA, json!(id), json!("Win a prize")),
    ] {
        let answer = gateway.webhook(&press(who, &asked[0], &id, &title)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            standing(&gateway, who, "marketing").await,
            "claimed",
            "{who} {id} {title}"
        );
    }
    assert_eq!(standing(&gateway, DANA, "utility").await, "unknown");
    gateway.stop().await;
}

async fn without_a_time_only_a_no_counts(store: Store) {
    let (home, sim) = (store.home(), platform::sample().await);
    let mut gateway = start(&home, &sim).await;
    claim(&gateway, DANA, "marketing", "2026-02-01T00:00:00Z").await;
    platform_person_writes(&gateway, &sim, DANA, "hello").await;
    assert_eq!(ask(&gateway, DANA, &json!({})).await.status, 202);
    let asked = questions(&sim, 1).await;
    for (at, expected) in [(0, "claimed"), (1, "refused")] {
        let pressed = button(&asked[0], at);
        let mut body = press(DANA, &asked[0], &pressed["id"], &pressed["title"]);
        body["entry"][0]["changes"][0]["value"]["messages"][0]["timestamp"] = json!("soon");
        assert_eq!(gateway.webhook(&body).await.status, 200);
        assert_eq!(standing(&gateway, DANA, "marketing").await, expected);
    }
    gateway.stop().await;
}

async fn nobody_who_said_no_is_asked(store: Store) {
    let (home, sim) = (store.home(), platform::sample().await);
    let mut gateway = start(&home, &sim).await;
    platform_person_writes(&gateway, &sim, DANA, "hello").await;
    gateway.opt_out(DANA, "marketing").await;
    claim(&gateway, DANA, "marketing", "2026-02-01T00:00:00Z").await;
    for body in [json!({}), json!({"scopes": ["marketing"]})] {
        let answer = ask(&gateway, DANA, &body).await;
        assert_eq!(answer.status, 409, "{answer:?}");
    }
    assert_eq!(
        ask(&gateway, DANA, &json!({"scopes": ["marketing.none"]}))
            .await
            .status,
        422
    );
    // Nothing is on record of utility: that may be asked about by name. After a stop in the thread, it may not.
    assert_eq!(
        ask(&gateway, DANA, &json!({"scopes": ["utility"]}))
            .await
            .status,
        202
    );
    questions(&sim, 1).await;
    let now_s = webhook::now_s();
    gateway
        .webhook(&webhook::text_at(DANA, "stop offers", now_s))
        .await;
    let silent = ask(&gateway, DANA, &json!({"scopes": ["authentication"]})).await;
    assert_eq!(silent.status, 409, "{silent:?}");
    gateway.stop().await;
}
