//! A webhook, without what concerns others.
//!
//! The platform puts what happened to several people into one delivery. Its lists stand three deep (entries, their
//! changes, and in each the messages, contacts and statuses), and what stands in the third is about one person each.

use greenline_ledger::held::Holding;
use serde_json::Value;

/// How deep the lists stand whose elements are about one person.
const LISTS: u8 = 3;

/// What a body says of a person; all of it, as text, where it is not in the platform's form. Where somebody went who
/// left their number is of no concern to who has it now: nothing at all where that cannot be cut out.
pub(super) fn cut(body: &[u8], of: &Holding) -> Value {
    let value = match serde_json::from_slice::<Value>(body) {
        Ok(mut value) => {
            keep(&mut value, of, LISTS);
            value
        }
        Err(_) => Value::String(String::from_utf8_lossy(body).into_owned()),
    };
    if of.is_named_elsewhere_in(value.to_string().as_bytes()) {
        return Value::Null;
    }
    value
}

fn keep(value: &mut Value, of: &Holding, lists: u8) {
    match value {
        Value::Array(items) if lists > 0 => {
            items.retain(|item| {
                let text = item.to_string();
                // The innermost are about one person each.
                let is_of_another = lists == 1 && of.is_named_elsewhere_in(text.as_bytes());
                of.is_named_in(text.as_bytes()) && !is_of_another
            });
            for item in items {
                keep(item, of, lists - 1);
            }
        }
        Value::Object(members) if lists > 0 => {
            for member in members.values_mut() {
                keep(member, of, lists);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use greenline_policy::identity::Identifier;
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_delivery_about_many_only_what_concerns_one_is_left() {
        let of = Holding::of_nobody(&Identifier::parse("15551230001").unwrap());
        let body = json!({"object": "whatsapp_business_account", "entry": [
            {"id": "w1", "changes": [{"field": "messages", "value": {
                "metadata": {"phone_number_id": "n1"},
                "contacts": [{"wa_id": "15551230001"}, {"wa_id": "15551230002"}],
                "messages": [
                    {"from": "15551230002", "text": {"body": "a secret of somebody else"}},
                    {"from": "15551230001", "order": {"product_items": [{"name": "shoes"}]}},
                ],
            }}]},
            {"id": "w1", "changes": [{"field": "messages", "value": {"statuses": [{"recipient_id": "15551230002"}]}}]},
        ]});
        let left = cut(body.to_string().as_bytes(), &of);
        let text = left.to_string();
        assert!(
            !text.contains("15551230002") && !text.contains("secret"),
            "{text}"
        );
        assert!(text.contains("shoes") && text.contains("n1"), "{text}");
        assert_eq!(left["entry"].as_array().unwrap().len(), 1);
        assert_eq!(cut(b"from 15551230001", &of), json!("from 15551230001"));
    }

    #[test]
    fn where_somebody_went_is_cut_out_for_who_has_their_number_now() {
        let mut of = Holding::of_nobody(&Identifier::parse("15551230001").unwrap());
        of.elsewhere = vec!["15551230002".into()];
        let body = json!({"entry": [{"changes": [{"value": {
            "contacts": [{"wa_id": "15551230001"}],
            "messages": [
                {"from": "15551230001", "text": {"body": "hello"}},
                {"from": "15551230001", "system": {"wa_id": "15551230002", "type": "user_changed_number"}},
            ],
        }}]}]});
        let text = cut(body.to_string().as_bytes(), &of).to_string();
        assert!(!text.contains("15551230002"), "{text}");
        assert!(
            text.contains("hello") && text.contains("15551230001"),
            "{text}"
        );
        for whole in [
            &b"15551230001 is 15551230002 now"[..],
            br#"{"from": "15551230001", "to": "15551230002"}"#,
        ] {
            assert_eq!(cut(whole, &of), Value::Null);
        }
    }
}
