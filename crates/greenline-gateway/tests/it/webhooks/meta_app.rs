//! The callback of one app that serves several businesses.

use greenline_ledger::types::{BusinessIx, Lane, Relay};
use greenline_policy::consent::Standing;
use greenline_policy::identity::Identifier;
use greenline_policy::scope::{Category, Scope};
use http::StatusCode;
use serde_json::{Value, json};

use super::receive::Desk;
use super::{CONFIG, RECEIVED_MS, config_of, sample};

const PERSON: &str = "15550100123";
const CALLBACK: &str = "/webhooks/meta/app/provider";

const SETTINGS: &str = r#"
[[business.app]]
name = "globex-bot"
key = "globex-key"
relay_url = "http://127.0.0.1:9/globex"
relay_secret = "globex-relay"
[[business]]
id = "initech"
name = "Initech"
[[business.number]]
phone_number_id = "301500000000005"
waba_id = "201500000000005"
[[meta_app]]
id = "provider"
app_secret = "provider-secret"
verify_token = "provider-token"
businesses = ["acme", "globex"]
"#;

const ACME_APP: &str = r#"[[business.app]]
name = "acme-bot"
key = "acme-key"
relay_url = "http://127.0.0.1:9/acme"
relay_secret = "acme-relay"
[[business]]
id = "globex""#;

fn desk() -> Desk {
    let file = CONFIG.replacen("[[business]]\nid = \"globex\"", ACME_APP, 1);
    Desk::with_config(config_of(&format!("{file}{SETTINGS}")))
}

async fn post(desk: &Desk, body: impl Into<Vec<u8>>) -> StatusCode {
    desk.post_to(CALLBACK, "provider-secret", body).await
}

/// A sample as it would come for another account and number.
fn of(sample_name: &str, account: &str, number: &str) -> Value {
    let text = sample(sample_name)
        .replace("201500000000001", account)
        .replace("301500000000001", number);
    serde_json::from_str(&text).unwrap()
}

/// Several deliveries in one call.
fn together(deliveries: &[Value]) -> String {
    let entries: Vec<&Value> = deliveries
        .iter()
        .flat_map(|delivery| delivery["entry"].as_array().unwrap())
        .collect();
    json!({"object": "whatsapp_business_account", "entry": entries}).to_string()
}

async fn standing(desk: &Desk, business: u32) -> Option<Standing> {
    let person = Identifier::parse(PERSON).unwrap();
    let known = desk.app.ledger.person(BusinessIx(business), &person).await;
    let head = known.unwrap()?.head;
    Some(head.standing(&Scope::Category(Category::Marketing)))
}

fn is_no(standing: Option<Standing>) -> bool {
    matches!(standing, Some(Standing::Refused { .. }))
}

async fn relayed(desk: &Desk) -> Vec<Relay> {
    let mut all = Vec::new();
    for lane in [Lane::Inbound, Lane::Status, Lane::Account] {
        all.extend(
            desk.app
                .ledger
                .relay_due(RECEIVED_MS, lane, 500)
                .await
                .unwrap(),
        );
    }
    all
}

async fn quarantine(desk: &Desk) -> Vec<String> {
    let place = desk.app.directory.meta_app("provider").unwrap().quarantine;
    let notes = desk
        .app
        .ledger
        .timeline(place, None, None, 500)
        .await
        .unwrap();
    notes.iter().map(|note| note.event.to_string()).collect()
}

#[tokio::test]
async fn the_handshake_and_the_signature_are_the_apps_own() {
    let desk = desk();
    let path = format!("{CALLBACK}?hub.mode=subscribe&hub.challenge=77&hub.verify_token=");
    let (status, body) = desk.get(&format!("{path}provider-token")).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "77"));
    for wrong in [
        format!("{path}verify-me"),
        path.clone(),
        path.replace("/provider", "/nobody"),
    ] {
        assert_eq!(desk.get(&wrong).await.0, StatusCode::FORBIDDEN, "{wrong}");
    }
    let body = sample("messages.text_stop");
    for secret in ["app-secret", "other-secret", ""] {
        assert_eq!(
            desk.post_to(CALLBACK, secret, body.clone()).await,
            StatusCode::UNAUTHORIZED
        );
    }
    assert_eq!(
        desk.post_to("/webhooks/meta/app/nobody", "provider-secret", body.clone())
            .await,
        StatusCode::NOT_FOUND
    );
    // The app's secret opens no business's own callback.
    assert_eq!(
        desk.post_to("/webhooks/meta/acme", "provider-secret", body)
            .await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(standing(&desk, 0).await, None);
}

#[tokio::test]
async fn what_is_all_of_one_business_reaches_it_byte_for_byte() {
    for (account, number, business, app) in [
        ("201500000000001", "301500000000001", 0, "acme-bot"),
        ("201500000000009", "301500000000009", 1, "globex-bot"),
    ] {
        let desk = desk();
        let body = format!("{} ", of("messages.text_stop", account, number));
        assert_eq!(post(&desk, body.clone()).await, StatusCode::OK);
        assert_eq!(post(&desk, body.clone()).await, StatusCode::OK);
        assert!(is_no(standing(&desk, business).await));
        assert_eq!(standing(&desk, 1 - business).await, None);
        let relayed = relayed(&desk).await;
        assert_eq!(relayed.len(), 1);
        assert_eq!(
            (&*relayed[0].app, &*relayed[0].body),
            (app, body.as_bytes())
        );
        assert_eq!(quarantine(&desk).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn each_business_sees_its_own_part_of_a_mixed_delivery() {
    let desk = desk();
    let mut acme = of("messages.text_stop", "201500000000001", "301500000000001");
    acme["entry"][0]["changes"][0]["value"]["messages"][0]["text"]["note"] = "acme only".into();
    let mut globex = of("messages.text_stop", "201500000000009", "301500000000009");
    globex["entry"][0]["changes"][0]["value"]["messages"][0]["text"]["body"] = "hello".into();
    let body = together(&[acme.clone(), globex.clone()]);
    assert_eq!(post(&desk, body.clone()).await, StatusCode::OK);
    assert_eq!(post(&desk, body).await, StatusCode::OK);
    assert!(is_no(standing(&desk, 0).await));
    assert_eq!(standing(&desk, 1).await, Some(Standing::Unknown));
    let relayed = relayed(&desk).await;
    assert_eq!(relayed.len(), 2);
    for relay in relayed {
        let part: Value = serde_json::from_slice(&relay.body).unwrap();
        let whole = if &*relay.app == "acme-bot" {
            &acme
        } else {
            &globex
        };
        assert_eq!(&part, whole);
    }
}

#[tokio::test]
async fn what_belongs_to_no_served_business_is_kept_and_changes_nothing() {
    let desk = desk();
    let foreign = [
        // A business that the app does not serve, an account of nobody, another's number in an account.
        of("messages.text_stop", "201500000000005", "301500000000005"),
        of("messages.text_stop", "201500000000777", "301500000000777"),
        of("messages.text_stop", "201500000000001", "301500000000009"),
    ];
    let own = of("account_alerts", "201500000000009", "301500000000009");
    let mut all = foreign.to_vec();
    all.push(own.clone());
    assert_eq!(post(&desk, together(&all)).await, StatusCode::OK);
    for business in 0..3 {
        assert_eq!(standing(&desk, business).await, None, "{business}");
    }
    assert_eq!(quarantine(&desk).await, ["quarantined"; 3]);
    assert_eq!(desk.app.metrics.webhooks_quarantined.get(), 3);
    let relayed = relayed(&desk).await;
    assert_eq!(relayed.len(), 1);
    assert_eq!(&*relayed[0].app, "globex-bot");
    let part: Value = serde_json::from_slice(&relayed[0].body).unwrap();
    assert_eq!(part, own);
}

#[tokio::test]
async fn signed_junk_is_kept_and_given_to_nobody() {
    let desk = desk();
    for junk in [&b"not json"[..], b"[1]", b"\xff\xfe", br#"{"entry":[7]}"#] {
        assert_eq!(post(&desk, junk).await, StatusCode::OK, "{junk:?}");
    }
    assert_eq!(quarantine(&desk).await, ["unreadable"; 4]);
    assert!(relayed(&desk).await.is_empty());
}

#[tokio::test]
async fn every_sample_is_taken_as_at_a_business_own_callback() {
    let desk = desk();
    for (name, body) in super::samples() {
        assert_eq!(post(&desk, body.clone()).await, StatusCode::OK, "{name}");
        let relayed = relayed(&desk).await;
        assert_eq!(relayed.len(), 1, "{name}");
        assert_eq!(&*relayed[0].body, &body[..], "{name}");
        assert_eq!(desk.post(body).await, StatusCode::OK, "{name}");
    }
    assert_eq!(quarantine(&desk).await, Vec::<String>::new());
    let found = desk.app.ledger.verify().await.unwrap();
    assert!(found.differences.is_empty());
}

#[tokio::test]
async fn with_the_store_closed_the_platform_is_told_to_try_again() {
    let desk = desk();
    desk.app.ledger.close().await;
    let body = of("messages.text_stop", "201500000000009", "301500000000009");
    assert_eq!(
        post(&desk, body.to_string()).await,
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[test]
fn what_the_configuration_gets_wrong_is_said() {
    for (wrong, said) in [
        ("id = \"a b\"\nbusinesses = [\"acme\"]", "letters, digits"),
        (
            "id = \"p\"\nbusinesses = [\"acmee\"]",
            "which is not configured",
        ),
        ("id = \"p\"\n", "serves no businesses"),
        ("id = \"p\"\nbusinesses = [\"acme\"]", "no app_secret"),
    ] {
        let config = config_of(&format!("{CONFIG}\n[[meta_app]]\n{wrong}\n"));
        let findings = greenline_gateway::config::check(&config);
        assert!(
            findings.iter().any(|finding| finding.text.contains(said)),
            "{wrong}: {findings:?}"
        );
    }
}
