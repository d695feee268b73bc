//! What the gateway lets through and how it says no, on the wire.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::gateway::{Gateway, messages_path, template_message, text_message};
use crate::support::settings::{ACCOUNT, BOT_KEY, NUMBER};
use crate::support::store::{Store, on_each_store};
use crate::support::{http, platform, webhook};

on_each_store! {
    shapes_that_cannot_be_read_go_nowhere,
    no_header_turns_a_read_into_a_write_and_no_read_gives_a_token_away,
    no_body_turns_a_read_into_a_send,
    each_item_of_a_batch_is_judged,
    a_platform_that_is_gone_is_said_so_and_nothing_counts_as_sent,
    webhooks_with_a_wrong_signature_change_nothing,
    a_killed_gateway_remembers_what_it_acknowledged,
}

const DANA: &str = "15551230001";

async fn call(
    gateway: &Gateway,
    method: Method,
    target: &str,
    headers: &[(&str, &str)],
    body: String,
) -> http::Answer {
    let bearer = format!("Bearer {BOT_KEY}");
    let mut all = vec![("authorization", bearer.as_str())];
    all.extend_from_slice(headers);
    http::call(gateway.private, method, target, &all, body)
        .await
        .expect("an answer")
}

fn is_refused_as(answer: &http::Answer, code: u64, status: u16) {
    assert_eq!(
        (answer.code(), answer.status.as_u16()),
        (Some(code), status),
        "{}",
        answer.json()
    );
    let message = answer.json()["error"]["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(message.starts_with(&format!("(#{code}) ")), "{message}");
    assert_eq!(answer.header("retry-after"), "");
}

async fn shapes_that_cannot_be_read_go_nowhere(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let gateway = Gateway::start(&home, &sim.url(), |settings| settings).await;
    gateway.opt_in(DANA, "all").await;
    let json_type = [("content-type", "application/json")];
    let good = template_message(DANA, "spring_offer").to_string();
    let rows = [
        "{".to_owned(),
        "[]".to_owned(),
        String::new(),
        good.replacen("{", "{\"to\":\"15551230009\",", 1),
        text_message("not a number", "hi").to_string(),
        json!({"recipient_type": "group", "to": "g1", "type": "text", "text": {"body": "hi"}})
            .to_string(),
    ];
    for body in rows {
        is_refused_as(
            &call(&gateway, Method::POST, &messages_path(), &json_type, body).await,
            100,
            400,
        );
    }
    let long = text_message(DANA, &"x".repeat(10 * 1024 * 1024)).to_string();
    is_refused_as(
        &call(&gateway, Method::POST, &messages_path(), &json_type, long).await,
        100,
        413,
    );
    let elsewhere = messages_path().replace(NUMBER, "999");
    is_refused_as(
        &call(&gateway, Method::POST, &elsewhere, &json_type, good).await,
        100,
        400,
    );
    let stranger = http::post(gateway.private, &messages_path(), "no-such-key", &json!({})).await;
    is_refused_as(&stranger, 190, 401);
    assert!(sim.requests(0).iter().all(|request| !request.is_send()));
    sim.stop().await;
}

async fn no_header_turns_a_read_into_a_write_and_no_read_gives_a_token_away(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let gateway = Gateway::start(&home, &sim.url(), |settings| settings).await;
    let target = format!("/v23.0/{ACCOUNT}/subscribed_apps");
    let read = |headers: &'static [(&'static str, &'static str)]| {
        call(&gateway, Method::GET, &target, headers, String::new())
    };
    assert!(read(&[]).await.status.is_success());
    is_refused_as(&read(&[("x-http-method-override", "POST")]).await, 100, 400);
    is_refused_as(&read(&[("x-http-method", "DELETE")]).await, 100, 400);
    is_refused_as(&read(&[("x-method-override", "post")]).await, 100, 400);
    is_refused_as(
        &read(&[
            ("x-http-method-override", "GET"),
            ("x-http-method-override", "POST"),
        ])
        .await,
        100,
        400,
    );
    let token = format!("/v23.0/{ACCOUNT}?fields=id,access_token");
    is_refused_as(
        &call(&gateway, Method::GET, &token, &[], String::new()).await,
        100,
        400,
    );
    sim.stop().await;
}

/// A read may carry a body, and a body may name another method: that makes it a send like any other.
async fn no_body_turns_a_read_into_a_send(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let gateway = Gateway::start(&home, &sim.url(), |settings| settings).await;
    let mut json = template_message(DANA, "spring_offer");
    json["method"] = json!("post");
    let template = json!({"name": "spring_offer", "language": {"code": "en_US"}});
    let form = format!("method=post&to={DANA}&type=template&template={template}");
    let kinds = [
        ("application/json", json.to_string()),
        ("application/x-www-form-urlencoded", form),
    ];
    for edge in ["messages", "marketing_messages"] {
        let target = messages_path().replace("messages", edge);
        for (kind, body) in &kinds {
            let headers = [("content-type", *kind)];
            let answer = call(&gateway, Method::GET, &target, &headers, body.clone()).await;
            assert_eq!(answer.code(), Some(131_050), "{edge} as {kind}");
        }
    }
    let arrived = sim.requests(0);
    assert!(
        arrived
            .iter()
            .all(|request| !request.path.contains("messages")),
        "{arrived:?}"
    );
    sim.stop().await;
}

async fn each_item_of_a_batch_is_judged(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let gateway = Gateway::start(&home, &sim.url(), |settings| settings).await;
    gateway.opt_in(DANA, "marketing").await;
    let item = |to: &str| {
        let template = json!({"name": "spring_offer", "language": {"code": "en_US"}});
        let body = format!("messaging_product=whatsapp&to={to}&type=template&template={template}");
        json!({"method": "POST", "relative_url": format!("v23.0/{NUMBER}/messages"), "body": body})
    };
    let batch = json!({"batch": [item(DANA), item("15551230002")]}).to_string();
    let json_type = [("content-type", "application/json")];
    let answer = call(&gateway, Method::POST, "/", &json_type, batch).await;
    let codes: Vec<u64> = answer
        .json()
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|row| row["code"].as_u64())
        .collect();
    assert_eq!(codes, [200, 400], "{}", answer.json());
    assert_eq!(
        sim.requests(0)
            .iter()
            .filter(|request| request.is_send())
            .count(),
        1
    );
    sim.stop().await;
}

async fn a_platform_that_is_gone_is_said_so_and_nothing_counts_as_sent(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let gateway = Gateway::start(&home, &sim.url(), |settings| settings).await;
    gateway.opt_in(DANA, "marketing").await;
    assert!(
        gateway
            .send_template(DANA, "spring_offer")
            .await
            .status
            .is_success()
    );
    sim.stop().await;
    is_refused_as(
        &gateway.send_template(DANA, "spring_offer").await,
        131_016,
        503,
    );
}

async fn webhooks_with_a_wrong_signature_change_nothing(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let gateway = Gateway::start(&home, &sim.url(), |settings| settings).await;
    gateway.opt_in(DANA, "marketing").await;
    let stop: Value = webhook::text(DANA, "STOP");
    let forged = webhook::post(gateway.public, "acme", "not-the-secret", &stop).await;
    assert_eq!(forged.status.as_u16(), 401);
    assert!(
        gateway
            .send_template(DANA, "spring_offer")
            .await
            .status
            .is_success()
    );
    assert!(gateway.webhook(&stop).await.status.is_success());
    is_refused_as(
        &gateway.send_template(DANA, "spring_offer").await,
        131_050,
        400,
    );
    sim.stop().await;
}

async fn a_killed_gateway_remembers_what_it_acknowledged(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let mut gateway = Gateway::start(&home, &sim.url(), |settings| settings).await;
    gateway.opt_in(DANA, "marketing").await;
    assert!(
        gateway
            .send_template(DANA, "spring_offer")
            .await
            .status
            .is_success()
    );
    assert!(
        gateway
            .webhook(&webhook::text(DANA, "STOP"))
            .await
            .status
            .is_success()
    );
    gateway.kill().await;
    gateway.run_again().await;
    is_refused_as(
        &gateway.send_template(DANA, "spring_offer").await,
        131_050,
        400,
    );
    sim.stop().await;
}
