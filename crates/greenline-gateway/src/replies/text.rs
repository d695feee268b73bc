//! The texts of own replies, and their bodies for `/messages`.

use bytes::Bytes;
use greenline_ledger::types::{DueReply, OwnReply};
use greenline_policy::identity::Identifier;
use greenline_policy::stop::{self, StopReach};
use greenline_wire::ascii;

use crate::config;

/// Stands for the business's name in a text.
const BUSINESS: &str = "{business}";
/// Payloads of the question's buttons, as the recogniser knows them.
const YES: &str = "greenline.stop.yes";
/// See [`YES`].
const NO: &str = "greenline.stop.no";
/// Longest title of a button, in characters.
const TITLE_CHARS_MAX: usize = 20;

/// The text that confirms a stop; the business's own where it gave one.
#[must_use]
pub fn confirmation(business: &config::Business, language: &str, reach: &str) -> String {
    let texts = stop::texts(language);
    let (kind, reach) = match reach {
        "all" => ("stop_all", StopReach::All),
        "marketing" => ("stop_marketing", StopReach::Marketing),
        _ => ("stop_bare", StopReach::Bare),
    };
    fill(
        business,
        own(business, kind, language).unwrap_or(texts.confirmation(reach)),
    )
}

/// The body to send; `None` for a reply that has no text.
#[must_use]
pub fn body(business: &config::Business, reply: &DueReply) -> Option<Bytes> {
    let mut json =
        String::from("{\"messaging_product\":\"whatsapp\",\"recipient_type\":\"individual\"");
    let mut member = |before: &str, text: &str| {
        json.push_str(before);
        ascii::push(&mut json, text);
    };
    match &reply.to {
        Identifier::Phone(phone) => member(",\"to\":", &phone.reveal()),
        Identifier::User(user) => member(",\"recipient\":", user.reveal()),
    }
    if !reply.message_id.is_empty() {
        member(",\"context\":{\"message_id\":", &reply.message_id);
        json.push('}');
    }
    match &reply.reply {
        OwnReply::StopConfirmed { language, reach } => {
            text(&mut json, &confirmation(business, language, reach));
        }
        OwnReply::StartConfirmed { language } => text(
            &mut json,
            &fill(business, own(business, "start", language)?),
        ),
        OwnReply::StopQuestion { language } => question(&mut json, business, language),
        // Its buttons are signed, see `opt_in::question`.
        OwnReply::OptInQuestion { .. } => return None,
    }
    json.push('}');
    Some(json.into())
}

fn text(json: &mut String, text: &str) {
    json.push_str(",\"type\":\"text\",\"text\":{\"body\":");
    ascii::push(json, text);
    json.push('}');
}

fn question(json: &mut String, business: &config::Business, language: &str) {
    let texts = stop::texts(language);
    let said = |kind, default| fill(business, own(business, kind, language).unwrap_or(default));
    json.push_str(
        ",\"type\":\"interactive\",\"interactive\":{\"type\":\"button\",\"body\":{\"text\":",
    );
    ascii::push(json, &said("stop_question", texts.question));
    json.push_str("},\"action\":{\"buttons\":[");
    for (place, (id, kind, default)) in [
        (YES, "stop_question_yes", texts.yes_button),
        (NO, "stop_question_no", texts.no_button),
    ]
    .into_iter()
    .enumerate()
    {
        json.push_str(if place == 0 { "" } else { "," });
        json.push_str("{\"type\":\"reply\",\"reply\":{\"id\":");
        ascii::push(json, id);
        json.push_str(",\"title\":");
        let title: String = said(kind, default).chars().take(TITLE_CHARS_MAX).collect();
        ascii::push(json, &title);
        json.push_str("}}");
    }
    json.push_str("]}}");
}

/// The business's own wording, in the language or in the one it is a variant of.
fn own<'b>(business: &'b config::Business, kind: &str, language: &str) -> Option<&'b str> {
    let texts = business.texts.get(kind)?;
    let base = language.split(['-', '_']).next().unwrap_or(language);
    texts
        .get(language)
        .or_else(|| texts.get(base))
        .map(String::as_str)
}

fn fill(business: &config::Business, text: &str) -> String {
    text.replace(BUSINESS, &business.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenline_ledger::types::BusinessIx;
    use greenline_ledger::types::ReplyClaim;
    use greenline_policy::stop::{Meaning, Settings};

    fn business(extra: &str) -> config::Business {
        let file = format!("[[business]]\nid = \"acme\"\nname = \"Acmé \\\"Shop\\\"\"\n{extra}");
        config::parse(&file, "test", std::path::Path::new("."), std::iter::empty())
            .unwrap()
            .business
            .remove(0)
    }

    fn due(to: &str, reply: OwnReply) -> DueReply {
        DueReply {
            claim: ReplyClaim { id: 1, hand: 0 },
            business: BusinessIx(0),
            to: Identifier::parse(to).unwrap(),
            number: "301500000000001".into(),
            reply,
            confirms: None,
            message_id: "wamid.1".into(),
            at_ms: 0,
        }
    }

    fn json(business: &config::Business, reply: &DueReply) -> serde_json::Value {
        let body = body(business, reply).unwrap();
        assert!(body.is_ascii());
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn a_confirmation_answers_the_message_by_name() {
        let reply = OwnReply::StopConfirmed {
            language: "en".into(),
            reach: "marketing".into(),
        };
        let json = json(&business(""), &due("15550100123", reply));
        assert_eq!(json["to"], "15550100123");
        assert_eq!(json["context"]["message_id"], "wamid.1");
        assert_eq!(json["type"], "text");
        let text = json["text"]["body"].as_str().unwrap();
        assert!(
            text.contains("Acmé \"Shop\"") && text.contains("offers"),
            "{text}"
        );
    }

    #[test]
    fn a_person_without_a_number_is_addressed_by_id() {
        let reply = OwnReply::StopConfirmed {
            language: "xx".into(),
            reach: "bare".into(),
        };
        let json = json(&business(""), &due("US.80012345678901234567", reply));
        assert_eq!(json["recipient"], "US.80012345678901234567");
        assert!(json.get("to").is_none());
    }

    #[test]
    fn the_question_has_two_buttons_that_the_recogniser_knows() {
        let json = json(
            &business(""),
            &due(
                "15550100123",
                OwnReply::StopQuestion {
                    language: "en".into(),
                },
            ),
        );
        let buttons = json["interactive"]["action"]["buttons"].as_array().unwrap();
        let meanings: Vec<_> = buttons
            .iter()
            .map(|button| {
                let reply = &button["reply"];
                let (id, title) = (reply["id"].as_str(), reply["title"].as_str());
                stop::recognise_button(id, title, &Settings::default())
                    .unwrap()
                    .meaning
            })
            .collect();
        assert_eq!(meanings, [Meaning::Stop(StopReach::Bare), Meaning::Keep]);
    }

    #[test]
    fn own_wording_is_used_in_its_language_only() {
        let business = business("[business.texts]\nstop_bare.en = \"Bye from {business}.\"\n");
        assert_eq!(
            confirmation(&business, "en-GB", "bare"),
            "Bye from Acmé \"Shop\"."
        );
        assert_ne!(
            confirmation(&business, "es", "bare"),
            "Bye from Acmé \"Shop\"."
        );
        assert!(
            body(
                &business,
                &due(
                    "15550100123",
                    OwnReply::StartConfirmed {
                        language: "en".into()
                    }
                )
            )
            .is_none()
        );
    }
}
