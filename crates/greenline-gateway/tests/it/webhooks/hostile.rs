//! Deliveries that are broken, foreign or made to confuse.

use greenline_ledger::types::Effect;
use serde_json::{Value, json};

use super::{read, sample, samples, show};

fn parsed(name: &str) -> Value {
    serde_json::from_str(&sample(name)).unwrap()
}

fn is_note(effect: &Effect) -> bool {
    matches!(effect, Effect::Timeline { .. })
}

#[test]
fn an_account_that_is_not_ours_changes_nothing() {
    for (name, body) in samples() {
        let body = String::from_utf8(body)
            .unwrap()
            .replace("\"201500000000001\",", "\"201500000000777\",");
        let learned = read(&body);
        if body.contains("\"id\":\"201500000000777\"")
            || body.contains("\"id\": \"201500000000777\"")
        {
            assert!(learned.is_foreign(), "{name}");
            assert!(learned.effects.iter().all(is_note), "{name}");
            assert!(
                learned
                    .effects
                    .iter()
                    .any(|effect| show(effect).contains("quarantined")),
                "{name}"
            );
        }
    }
}

#[test]
fn another_businesss_number_in_our_account_changes_nothing() {
    let body = sample("messages.text_stop").replace("301500000000001", "301500000000009");
    let learned = read(&body);
    assert!(learned.is_foreign() && learned.effects.iter().all(is_note));
}

#[test]
fn a_number_nobody_configured_belongs_to_its_account() {
    let body = sample("messages.text_stop").replace("301500000000001", "301500000000555");
    let learned = read(&body);
    assert_eq!((learned.stops, learned.quarantined), (1, 0));
}

#[test]
fn a_foreign_part_takes_no_other_along() {
    let mut json = parsed("messages.text_stop");
    let mut foreign = parsed("user_preferences.signup")["entry"][0].clone();
    foreign["id"] = "201500000000777".into();
    json["entry"].as_array_mut().unwrap().insert(0, foreign);
    let learned = read(&json.to_string());
    assert_eq!((learned.stops, learned.quarantined, learned.own), (1, 1, 1));
    assert!(!learned.is_foreign());
    assert!(
        !learned
            .effects
            .iter()
            .any(|effect| show(effect).starts_with("granted"))
    );
}

#[test]
fn an_unreadable_part_takes_no_other_along() {
    let junk = [
        json!(null),
        json!(7),
        json!("x"),
        json!([]),
        json!({}),
        json!([[[]]]),
        json!({"messages": 3}),
    ];
    for part in &junk {
        for place in [
            "/entry",
            "/entry/0/changes",
            "/entry/0/changes/0/value/messages",
            "/entry/0/changes/0/value/contacts",
        ] {
            let mut json = parsed("messages.text_stop");
            json.pointer_mut(place)
                .unwrap()
                .as_array_mut()
                .unwrap()
                .insert(0, part.clone());
            assert_eq!(read(&json.to_string()).stops, 1, "{part} at {place}");
        }
    }
}

#[test]
fn a_stop_without_time_or_id_counts_at_arrival() {
    for member in ["timestamp", "id"] {
        let mut json = parsed("messages.text_stop");
        json.pointer_mut("/entry/0/changes/0/value/messages/0")
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(member);
        let learned = read(&json.to_string());
        assert_eq!(learned.stops, 1, "{member}");
        let again = read(&json.to_string());
        assert_eq!(learned.effects, again.effects);
    }
}

#[test]
fn a_message_without_a_time_opens_no_window() {
    let mut json = parsed("messages.text_username_only");
    json.pointer_mut("/entry/0/changes/0/value/messages/0")
        .unwrap()
        .as_object_mut()
        .unwrap()
        .remove("timestamp");
    assert!(
        !read(&json.to_string())
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Wrote { .. }))
    );
}

#[test]
fn a_message_that_names_nobody_is_the_one_contacts() {
    let mut json = parsed("messages.text_stop");
    let message = json
        .pointer_mut("/entry/0/changes/0/value/messages/0")
        .unwrap()
        .as_object_mut()
        .unwrap();
    for member in ["from", "from_user_id", "from_parent_user_id"] {
        message.remove(member);
    }
    assert_eq!(read(&json.to_string()).stops, 1);
}

#[test]
fn every_value_can_be_replaced_by_junk_without_harm() {
    for (name, body) in samples() {
        let whole: Value = serde_json::from_slice(&body).unwrap();
        let mut places = Vec::new();
        collect(&whole, "", &mut places);
        for place in places {
            for junk in [
                json!(null),
                json!(-1),
                json!("\u{0}💥"),
                json!([]),
                json!({"a": []}),
                json!(i64::MAX),
            ] {
                let mut broken = whole.clone();
                *broken.pointer_mut(&place).unwrap() = junk;
                // Only a body that is no object at all is refused by the reader.
                if broken.is_object() {
                    let _ = (read(&broken.to_string()), &name);
                }
            }
        }
    }
}

fn collect(value: &Value, place: &str, places: &mut Vec<String>) {
    places.push(place.to_owned());
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect(member, &format!("{place}/{name}"), places);
            }
        }
        Value::Array(parts) => {
            for (at, part) in parts.iter().enumerate() {
                collect(part, &format!("{place}/{at}"), places);
            }
        }
        _ => {}
    }
}

#[test]
fn filters_take_whole_deliveries_by_their_own_fields() {
    let learned = read(&sample("account_alerts"));
    let wants = |field: &str| learned.passes(&[field.to_owned()]);
    assert!(learned.passes(&[]) && wants("account_alerts") && !wants("messages"));
    let broken = read(r#"{"object":"whatsapp_business_account","entry":[3]}"#);
    assert!(broken.passes(&["messages".to_owned()]));
}
