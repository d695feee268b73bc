//! Damage to one part of a delivery stays in that part.

use greenline_wire::send::{self, Body};
use greenline_wire::webhook::{self, InboundKind, StatusKind, Value};
use greenline_wire::{answer, batch, calls, error};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::samples::samples;

/// JSON text of a value in which one object may hold a name twice.
enum Node {
    Leaf(Json),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    fn from(json: &Json) -> Self {
        match json {
            Json::Array(all) => Node::Array(all.iter().map(Node::from).collect()),
            Json::Object(all) => Node::Object(
                all.iter()
                    .map(|(name, value)| (name.clone(), Node::from(value)))
                    .collect(),
            ),
            leaf => Node::Leaf(leaf.clone()),
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Node::Leaf(json) => out.push_str(&json.to_string()),
            Node::Array(all) => {
                out.push('[');
                for (index, node) in all.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    node.write(out);
                }
                out.push(']');
            }
            Node::Object(all) => {
                out.push('{');
                for (index, (name, node)) in all.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(&Json::String(name.clone()).to_string());
                    out.push(':');
                    node.write(out);
                }
                out.push('}');
            }
        }
    }

    /// How many members of objects there are.
    fn members(&self) -> usize {
        match self {
            Node::Leaf(_) => 0,
            Node::Array(all) => all.iter().map(Node::members).sum(),
            Node::Object(all) => {
                all.len() + all.iter().map(|(_, node)| node.members()).sum::<usize>()
            }
        }
    }

    /// Damages the member at this position; returns what is left to count.
    fn damage(&mut self, position: usize, damage: &Damage) -> Option<usize> {
        let mut left = position;
        match self {
            Node::Leaf(_) => {}
            Node::Array(all) => {
                for node in all {
                    left = node.damage(left, damage)?;
                }
            }
            Node::Object(all) => {
                if left < all.len() {
                    damage.apply(all, left);
                    return None;
                }
                left -= all.len();
                for (_, node) in all {
                    left = node.damage(left, damage)?;
                }
            }
        }
        Some(left)
    }
}

/// What is done to one member of an object.
#[derive(Clone, Debug)]
enum Damage {
    Drop,
    Duplicate,
    DuplicateAs(Json),
    Rename(String),
    Replace(Json),
}

impl Damage {
    fn apply(&self, members: &mut Vec<(String, Node)>, index: usize) {
        match self {
            Damage::Drop => {
                members.remove(index);
            }
            Damage::Duplicate => {
                let mut text = String::new();
                members[index].1.write(&mut text);
                let copy = Node::from(&serde_json::from_str(&text).unwrap());
                let name = members[index].0.clone();
                members.push((name, copy));
            }
            Damage::DuplicateAs(json) => {
                let name = members[index].0.clone();
                members.insert(0, (name, Node::from(json)));
            }
            Damage::Rename(name) => members[index].0 = name.clone(),
            Damage::Replace(json) => members[index].1 = Node::from(json),
        }
    }
}

fn leaf() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        Just(json!(true)),
        Just(json!(-7)),
        Just(json!(1.5e300)),
        Just(json!(18_446_744_073_709_551_615u64)),
        Just(json!("")),
        Just(json!("text")),
        Just(json!([])),
        Just(json!([[], {}])),
        Just(json!({})),
        Just(json!({"type": 7, "body": {"body": []}})),
        any::<String>().prop_map(Json::String),
    ]
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        Just(Damage::Drop),
        Just(Damage::Duplicate),
        leaf().prop_map(Damage::DuplicateAs),
        "[a-z_]{0,12}".prop_map(Damage::Rename),
        leaf().prop_map(Damage::Replace),
    ]
}

fn damaged(json: &Json, position: usize, damage: &Damage) -> String {
    let mut node = Node::from(json);
    let members = node.members().max(1);
    node.damage(position % members, damage);
    let mut text = String::new();
    node.write(&mut text);
    text
}

/// Some message or status of a sample, with its array's name.
fn parts(array: &str) -> Vec<Json> {
    samples()
        .into_values()
        .filter_map(|body| {
            let json: Json = serde_json::from_slice(&body).unwrap();
            let value = &json["entry"][0]["changes"][0]["value"];
            value[array].get(0).cloned()
        })
        .filter(|part| part.get("id").is_some() && part.get("event").is_none())
        .collect()
}

/// A delivery whose middle element is this text.
fn around(array: &str, before: &Json, middle: &str, after: &Json) -> String {
    format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"2","changes":[{{"field":"messages","value":{{"messaging_product":"whatsapp","metadata":{{"phone_number_id":"3"}},"{array}":[{before},{middle},{after}]}}}}]}}]}}"#
    )
}

fn only_messages<'d, 'a>(delivery: &'d webhook::Delivery<'a>) -> &'d webhook::Messages<'a> {
    match &delivery.entries[0].changes[0].value {
        Value::Messages(value) => value,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_damaged_message_leaves_the_others(
        which in any::<prop::sample::Index>(),
        position in any::<usize>(),
        damages in prop::collection::vec(damage(), 1..4),
    ) {
        let all = parts("messages");
        let mut text = which.get(all.as_slice()).to_string();
        for damage in &damages {
            // A name given twice is gone after reading the text back; the last damage keeps it.
            if let Ok(json) = serde_json::from_str(&text) {
                text = damaged(&json, position, damage);
            }
        }
        let before = json!({"from":"15550100901","id":"wamid.B","timestamp":"1","type":"text","text":{"body":"STOP"}});
        let after = json!({"from_user_id":"US.9","id":"wamid.Z","timestamp":"2","type":"button","button":{"text":"Stop","payload":"OUT"}});
        let body = around("messages", &before, &text, &after);
        let delivery = webhook::parse(body.as_bytes()).unwrap();
        let value = only_messages(&delivery);
        prop_assert_eq!(value.messages.len(), 3);
        prop_assert_eq!(&*value.messages[0].id, "wamid.B");
        prop_assert!(matches!(&value.messages[0].kind, InboundKind::Text(text) if text == "STOP"));
        prop_assert_eq!(&*value.messages[2].id, "wamid.Z");
        let is_button = matches!(&value.messages[2].kind, InboundKind::Button { .. });
        prop_assert!(is_button);
        prop_assert_eq!(webhook::lane(&delivery), webhook::Lane::Inbound);
    }

    #[test]
    fn a_damaged_status_leaves_the_others(
        which in any::<prop::sample::Index>(),
        position in any::<usize>(),
        damage in damage(),
    ) {
        let all = parts("statuses");
        let text = damaged(which.get(all.as_slice()), position, &damage);
        let other = json!({"id":"wamid.S","status":"failed","timestamp":"1","recipient_id":"15550100901","errors":[{"code":131050}]});
        let body = around("statuses", &other, &text, &other);
        let delivery = webhook::parse(body.as_bytes()).unwrap();
        let value = only_messages(&delivery);
        prop_assert_eq!(value.statuses.len(), 3);
        for status in [&value.statuses[0], &value.statuses[2]] {
            prop_assert_eq!(&status.status, &StatusKind::Failed);
            prop_assert_eq!(status.errors[0].code, Some(131_050));
        }
    }

    /// A damaged change or entry leaves its neighbours; other arrays of its value as well.
    #[test]
    fn a_damaged_sample_leaves_its_neighbours(
        which in any::<prop::sample::Index>(),
        position in any::<usize>(),
        damage in damage(),
    ) {
        let all: Vec<_> = samples().into_values().collect();
        let body: &Vec<u8> = which.get(all.as_slice());
        let sample: Json = serde_json::from_slice(body).unwrap();
        let entry = damaged(&sample["entry"][0], position, &damage);
        let stop = r#"{"id":"9","changes":[{"field":"user_preferences","value":{"user_preferences":[{"wa_id":"15550100901","value":"stop"}]}}]}"#;
        let body = format!(r#"{{"object":"x","entry":[{stop},{entry},{stop}]}}"#);
        let delivery = webhook::parse(body.as_bytes()).unwrap();
        let stops = delivery.entries.iter().filter(|entry| entry.id == "9");
        prop_assert_eq!(stops.count(), 2);
        let _ = webhook::lane(&delivery);
        let _ = format!("{delivery:?}");
    }

    /// A value whose `messages` came twice holds the messages of both.
    #[test]
    fn damage_beside_the_messages_loses_none(position in 0usize..8, damage in damage()) {
        let value = json!({
            "messaging_product": "whatsapp", "metadata": {"phone_number_id": "3", "display_phone_number": "1"},
            "contacts": [{"wa_id": "15550100901"}], "errors": [{"code": 1}], "statuses": [],
        });
        let text = damaged(&value, position, &damage);
        let value = format!(r#"{},"messages":[{{"id":"wamid.B","type":"text","text":{{"body":"STOP"}}}}]}}"#, text.strip_suffix('}').unwrap());
        // An object emptied by the damage must not leave a comma in front.
        let value = value.replacen("{,", "{", 1);
        let body = format!(r#"{{"entry":[{{"changes":[{{"field":"messages","value":{value}}}]}}]}}"#);
        let delivery = webhook::parse(body.as_bytes()).unwrap();
        let read = only_messages(&delivery);
        prop_assert!(read.messages.iter().any(|m| m.id == "wamid.B"));
    }

    /// What a strict reader takes for JSON is read here too, name by name.
    #[test]
    fn all_json_is_read(value in json_value()) {
        let body = json!({"object": "x", "entry": [{"id": value, "changes": [{"field": "new", "value": value}]}]});
        for text in [body.to_string(), serde_json::to_string_pretty(&body).unwrap()] {
            let delivery = webhook::parse(text.as_bytes()).unwrap();
            prop_assert_eq!(delivery.entries.len(), 1);
            if !value.is_null() {
                let raw = delivery.entries[0].changes[0].raw.get();
                prop_assert_eq!(&serde_json::from_str::<Json>(raw).unwrap(), &value);
            }
            if let Json::String(id) = &value {
                prop_assert_eq!(&*delivery.entries[0].id, id);
            }
        }
    }

    /// Nothing that is read ever panics, whatever it is.
    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        all_readers(&body);
    }

    #[test]
    fn no_json_like_text_panics(body in r#"[\[\]{}":,a-z0-9\\. -]{0,120}"#) {
        all_readers(body.as_bytes());
    }

    #[test]
    fn no_damaged_send_panics(position in any::<usize>(), damage in damage()) {
        for send in sends() {
            let text = damaged(&send, position, &damage);
            all_readers(text.as_bytes());
        }
    }

    /// A body that still holds a template is never read as something freer.
    #[test]
    fn damage_never_hides_a_template(position in any::<usize>(), damage in damage()) {
        let send = &sends()[1];
        let text = damaged(send, position, &damage);
        if let Ok(read) = send::parse_json(text.as_bytes())
            && matches!(read.kind, send::SendKind::FreeForm { .. })
        {
            prop_assert!(!text.contains(r#""template":{"#), "{text}");
        }
    }
}

fn json_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(|number| json!(number)),
        any::<i32>().prop_map(|number| json!(f64::from(number) / 8.0)),
        any::<String>().prop_map(Json::String),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn nesting_costs_no_stack() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep = format!("{}1{}", open.repeat(300_000), close.repeat(300_000));
        let message =
            format!(r#"{{"id":"wamid.A","type":"text","text":{{"body":"STOP"}},"new":{deep}}}"#);
        let body = around("messages", &json!({"id": "wamid.B"}), &message, &json!({}));
        let delivery = webhook::parse(body.as_bytes()).unwrap();
        let value = only_messages(&delivery);
        assert!(matches!(&value.messages[1].kind, InboundKind::Text(text) if text == "STOP"));
    }
    let unclosed = r#"{"entry":"#.repeat(300_000);
    assert!(webhook::parse(unclosed.as_bytes()).is_err());
}

fn sends() -> [Json; 4] {
    [
        json!({"messaging_product":"whatsapp","recipient_type":"individual","to":"15550100123","type":"text","text":{"body":"x"}}),
        json!({"messaging_product":"whatsapp","to":"15550100123","type":"template","template":{"name":"a","language":{"code":"en"}}}),
        json!({"to":"15550100123","type":"interactive","interactive":{"type":"button","action":{"buttons":[{"type":"reply"}]}}}),
        json!({"batch":[{"method":"POST","relative_url":"1/messages","body":"to=1","headers":[{"name":"a","value":"b"}]}],"action":"connect"}),
    ]
}

fn all_readers(body: &[u8]) {
    let _ = webhook::parse(body).map(|delivery| {
        let _ = format!("{delivery:?}");
        webhook::lane(&delivery)
    });
    let text = String::from_utf8_lossy(body);
    for shape in [Body::Json(body), Body::Form(body), Body::Empty] {
        let _ = send::parse_query(&text, shape);
        let _ = send::parse_query("", shape);
        let _ = calls::parse_query("", shape);
        let _ = batch::parse("", shape);
        let _ = greenline_wire::path::methods(&http::Method::GET, &text, Some(&text), shape);
    }
    let _ = greenline_wire::path::classify(&text);
    let _ = greenline_wire::path::ids(&text);
    let _ = error::read(body);
    let _ = answer::read_send(body);
    let _ = answer::read_templates(body);
    let _ = answer::read_number(body);
    let _ = answer::read_numbers(body);
    let _ = answer::read_account(body);
    let _ = answer::read_media(body);
    let _ = answer::rewrite_paging(body, "https://a.example", "https://b.example");
    let _ = greenline_wire::signature::verify(b"x", &text, body);
}
