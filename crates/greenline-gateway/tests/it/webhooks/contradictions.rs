//! Deliveries that contradict what the ledger holds: kept, told, and never a stop lost.

use greenline_ledger::types::{BusinessIx, Lane};
use greenline_policy::consent::Standing;
use http::StatusCode;
use serde_json::Value;

use super::receive::Desk;
use super::{RECEIVED_MS, sample, text};

const PERSON: &str = "15550100123";
const OTHER: &str = "15550100999";
const SECOND: i64 = 1_788_264_000;

const APP: &str = r#"
[[business.app]]
name = "bot"
key = "bot-key"
relay_url = "http://127.0.0.1:9/hook"
relay_secret = "relay-secret"
"#;

/// Somebody else's edit that carries the id of a message that was a stop already: an edit opens no
/// window, so that nobody is known by it.
fn edit_by_another(id: &str) -> String {
    let mut json: Value = serde_json::from_str(&sample("messages.edit")).unwrap();
    let value = json.pointer_mut("/entry/0/changes/0/value").unwrap();
    value["contacts"] = serde_json::json!([]);
    let message = &mut value["messages"][0];
    let members = message.as_object_mut().unwrap();
    members.retain(|name, _| !name.contains("user_id"));
    message["from"] = OTHER.into();
    message["id"] = id.into();
    let edited = message.pointer_mut("/edit/message/text/body").unwrap();
    *edited = "STOP".into();
    json.to_string()
}

#[tokio::test]
async fn a_stop_under_someone_elses_key_is_recorded_all_the_same() {
    let desk = Desk::with_apps(APP);
    assert_eq!(
        desk.post(text("wamid.1", SECOND, "STOP")).await,
        StatusCode::OK
    );
    let body = edit_by_another("wamid.1");
    for _ in 0..2 {
        assert_eq!(desk.post(body.clone()).await, StatusCode::OK);
    }
    for person in [PERSON, OTHER] {
        assert!(
            matches!(desk.standing(person).await, Some(Standing::Refused { .. })),
            "{person}"
        );
    }
    let due = desk
        .app
        .ledger
        .relay_due(RECEIVED_MS, Lane::Inbound, 10)
        .await;
    assert_eq!(due.unwrap().len(), 2);
    let notes = desk
        .app
        .ledger
        .timeline(BusinessIx(0), Some(("business", "acme")), None, 10)
        .await
        .unwrap();
    assert!(notes.iter().any(|note| &*note.event == "not_recorded"));
    let found = desk.app.ledger.verify().await.unwrap();
    assert!(found.differences.is_empty(), "{:?}", found.differences);
}
