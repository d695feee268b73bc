//! Reads and small writes of the Graph API, and batches.

use greenline_sim::config::Business;
use greenline_sim::{SAMPLE_ACCOUNT, SAMPLE_NUMBER, SAMPLE_PORTFOLIO};
use http::Method;
use serde_json::{Value, json};

use crate::support::{DANA, TOKEN, call, get, post, quick, start, template};

#[tokio::test]
async fn a_number_shows_the_fields_that_are_asked_for() {
    let sim = start(quick()).await;
    let usual = get(&sim, &format!("/{SAMPLE_NUMBER}")).await;
    assert_eq!(usual.headers["facebook-api-version"], "v23.0");
    let usual = usual.json();
    assert_eq!(usual["display_phone_number"], "+1 555 010 0001");
    assert!(usual.get("status").is_none());
    let path = format!(
        "/v22.0/{SAMPLE_NUMBER}?fields=status,quality_rating,health_status%7Bcan_send_message%7D,no_such_field"
    );
    assert_eq!(
        get(&sim, &path).await.json(),
        json!({
            "id": SAMPLE_NUMBER,
            "status": "CONNECTED",
            "quality_rating": "GREEN",
            "health_status": {"can_send_message": "AVAILABLE"},
        })
    );
    let numbers = get(&sim, &format!("/{SAMPLE_ACCOUNT}/phone_numbers")).await;
    assert_eq!(numbers.json()["data"][0]["id"], SAMPLE_NUMBER);
}

#[tokio::test]
async fn accounts_portfolios_and_tokens_can_be_read() {
    let sim = start(quick()).await;
    let account = get(&sim, &format!("/{SAMPLE_ACCOUNT}")).await.json();
    assert_eq!(account["name"], "Acme");
    let owned = format!("/{SAMPLE_PORTFOLIO}/owned_whatsapp_business_accounts?fields=id,status");
    assert_eq!(
        get(&sim, &owned).await.json()["data"],
        json!([{"id": SAMPLE_ACCOUNT, "status": "ACTIVE"}])
    );
    assert!(get(&sim, "/me").await.json()["id"].is_string());
    let token = get(&sim, &format!("/debug_token?input_token={TOKEN}")).await;
    let token = &token.json()["data"];
    assert_eq!(token["is_valid"], true);
    assert_eq!(
        token["granular_scopes"][0]["target_ids"],
        json!([SAMPLE_ACCOUNT])
    );
    let unknown = get(&sim, "/debug_token?input_token=guessed").await;
    assert_eq!(unknown.json()["data"]["is_valid"], false);
}

#[tokio::test]
async fn profile_and_registration_can_be_changed() {
    let sim = start(quick()).await;
    let path = format!("/{SAMPLE_NUMBER}/whatsapp_business_profile");
    let body = json!({"messaging_product": "whatsapp", "about": "We sell things"});
    assert_eq!(
        post(&sim, &path, &body).await.json(),
        json!({"success": true})
    );
    let profile = get(&sim, &format!("{path}?fields=about")).await.json();
    assert_eq!(profile["data"][0]["about"], "We sell things");
    let status = format!("/{SAMPLE_NUMBER}?fields=status");
    post(&sim, &format!("/{SAMPLE_NUMBER}/deregister"), &json!({})).await;
    assert_eq!(get(&sim, &status).await.json()["status"], "DISCONNECTED");
    let without_pin = post(&sim, &format!("/{SAMPLE_NUMBER}/register"), &json!({})).await;
    assert_eq!(without_pin.error_code(), 100);
    let pin = json!({"messaging_product": "whatsapp", "pin": "123456"});
    post(&sim, &format!("/{SAMPLE_NUMBER}/register"), &pin).await;
    assert_eq!(get(&sim, &status).await.json()["status"], "CONNECTED");
}

#[tokio::test]
async fn unknown_paths_and_objects_are_refused_as_the_platform_refuses_them() {
    let sim = start(quick()).await;
    let got = get(&sim, &format!("/{SAMPLE_NUMBER}/poems")).await;
    assert_eq!(got.error_code(), 2500);
    let got = get(&sim, "/v23.0/123").await;
    assert_eq!(got.error_code(), 100);
    assert_eq!(got.json()["error"]["type"], "GraphMethodException");
    assert_eq!(got.json()["error"]["error_subcode"], 33);
}

#[tokio::test]
async fn a_batch_answers_each_call() {
    let sim = start(quick()).await;
    let send = form_urlencoded::Serializer::new(String::new())
        .append_pair("messaging_product", "whatsapp")
        .append_pair("to", DANA)
        .append_pair("type", "template")
        .append_pair(
            "template",
            &template(DANA, "spring_offer", &[])["template"].to_string(),
        )
        .finish();
    let calls = json!([
        {"method": "POST", "relative_url": format!("v23.0/{SAMPLE_NUMBER}/messages"), "body": send},
        {"method": "GET", "relative_url": format!("{SAMPLE_NUMBER}?fields=status")},
        {"method": "GET", "relative_url": "123"},
    ]);
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("access_token", TOKEN)
        .append_pair("batch", &calls.to_string())
        .finish();
    let kind = "application/x-www-form-urlencoded";
    let got = call(&sim, Method::POST, "/v23.0/", kind, None, form)
        .await
        .unwrap();
    let answers = got.json();
    let codes: Vec<&Value> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|a| &a["code"])
        .collect();
    assert_eq!(codes, [200, 200, 400]);
    let first: Value = serde_json::from_str(answers[0]["body"].as_str().unwrap()).unwrap();
    assert!(first["messages"][0]["id"].is_string());
    let requests = sim.requests(0);
    let outer = requests.iter().find(|r| r.batch.is_none()).unwrap();
    let sends: Vec<_> = requests.iter().filter(|r| r.is_send()).collect();
    assert_eq!(sends.len(), 1);
    assert_eq!(sends[0].batch, Some(outer.seq));
    assert_eq!(sends[0].to.as_deref(), Some(DANA));
}

#[tokio::test]
async fn the_method_may_be_overridden() {
    let sim = start(quick()).await;
    let path = format!("/{SAMPLE_ACCOUNT}/subscribed_apps?method=delete");
    assert_eq!(
        post(&sim, &path, &json!({})).await.json(),
        json!({"success": true})
    );
    let listed = get(&sim, &format!("/{SAMPLE_ACCOUNT}/subscribed_apps")).await;
    assert_eq!(listed.json(), json!({"data": []}));
}

#[tokio::test]
async fn the_log_tells_what_arrived_and_what_was_answered() {
    let sim = start(quick()).await;
    let got = crate::support::send(&sim, &template(DANA, "spring_offer", &[])).await;
    let seen = sim
        .wait_request(crate::support::SOON, |request| request.status.is_some())
        .await
        .unwrap();
    assert_eq!(seen.wamid, Some(got.wamid()));
    assert_eq!(seen.number.as_deref(), Some(SAMPLE_NUMBER));
    assert!(seen.head_ns <= seen.body_ns && seen.body_ns <= sim.elapsed_ns());
    assert_eq!(seen.body_sha256.len(), 64);
    assert!(!format!("{seen:?}").contains(DANA));
    let over_http = get(&sim, "/_sim/log").await.json();
    assert_eq!(over_http["requests"][0]["type"], "template");
    assert_eq!(
        get(&sim, "/_sim/log?since=1").await.json()["requests"],
        json!([])
    );
    sim.clear_log();
    assert!(sim.requests(0).is_empty());
    crate::support::send(&sim, &template(DANA, "spring_offer", &[])).await;
    assert_eq!(sim.requests(1).len(), 1);
    let state = get(&sim, "/_sim/state").await.json();
    assert_eq!(state["numbers"][0]["id"], SAMPLE_NUMBER);
}

#[tokio::test]
async fn quiet_answers_without_looking() {
    let mut config = quick();
    config.quiet = true;
    let sim = start(config).await;
    let got = crate::support::send(&sim, &json!({"to": DANA, "anything": [1, 2, 3]})).await;
    assert!(got.wamid().starts_with("wamid."));
    assert!(sim.requests(0).is_empty());
    assert!(get(&sim, &format!("/{SAMPLE_NUMBER}")).await.json()["id"].is_string());
}

#[tokio::test]
async fn stopping_ends_connections_and_lets_go_of_the_port() {
    let sim = start(quick()).await;
    let addr = sim.addr();
    get(&sim, "/me").await;
    sim.stop().await;
    tokio::net::TcpListener::bind(addr).await.unwrap();
}

#[tokio::test]
async fn businesses_do_not_see_each_other() {
    let mut config = quick();
    let mut other = Business::sample();
    other.portfolio_id = "401500000000002".to_owned();
    other.access_tokens = vec!["other-token".to_owned()];
    other.app_id = "601500000000002".to_owned();
    other.accounts[0].id = "201500000000002".to_owned();
    other.accounts[0].numbers[0].id = "301500000000002".to_owned();
    other.accounts[0].templates.clear();
    config.businesses.push(other);
    let sim = start(config).await;
    for id in ["301500000000002", "201500000000002", "401500000000002"] {
        let path = format!("/{id}");
        assert_eq!(get(&sim, &path).await.error_code(), 100, "{id}");
        let own = call(&sim, Method::GET, &path, "", Some("other-token"), "").await;
        assert_eq!(own.unwrap().json()["id"], id);
    }
    let here = sim.person(SAMPLE_NUMBER, DANA).unwrap();
    let there = sim.person("301500000000002", DANA).unwrap();
    assert_ne!(here.user_id, there.user_id);
}
