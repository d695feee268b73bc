//! Reading of messages, each on its own.
//!
//! A message whose type cannot be trusted is read by its content, so that a stop
//! is not lost with the name of its type.

use std::borrow::Cow;

use super::{Echo, Echoes, Inbound, InboundKind, MediaKind, Messages, Referral, System};
use crate::json::Json;
use crate::webhook::person::{contacts, metadata};
use crate::webhook::status::{errors, statuses, user_actions};
use crate::webhook::{Metadata, Raw};

/// Reads the value of `messages`.
pub(in crate::webhook) fn messages<'a>(value: &Json<'_, 'a>) -> Messages<'a> {
    Messages {
        metadata: metadata(value),
        contacts: contacts(value),
        messages: value
            .elements("messages")
            .map(|message| inbound(&message))
            .collect(),
        statuses: statuses(value),
        errors: errors(value),
        user_actions: user_actions(value),
        echoes: value
            .elements("message_echoes")
            .map(|message| echo(&message))
            .collect(),
    }
}

/// Reads the value of `standby`, whose parts lie one level deeper; some may lie outside.
pub(in crate::webhook) fn standby<'a>(value: &Json<'_, 'a>) -> Messages<'a> {
    let mut all = messages(value);
    for inner in value.objects("standby") {
        let mut inner = messages(&inner);
        all.contacts.append(&mut inner.contacts);
        all.messages.append(&mut inner.messages);
        all.statuses.append(&mut inner.statuses);
        all.errors.append(&mut inner.errors);
        all.user_actions.append(&mut inner.user_actions);
        all.echoes.append(&mut inner.echoes);
        if all.metadata == Metadata::default() {
            all.metadata = inner.metadata;
        }
    }
    all
}

/// Reads the value of `message_echoes` and `smb_message_echoes`.
pub(in crate::webhook) fn echoes<'a>(value: &Json<'_, 'a>, phone_app: bool) -> Echoes<'a> {
    Echoes {
        phone_app,
        metadata: metadata(value),
        contacts: contacts(value),
        echoes: value
            .elements("message_echoes")
            .map(|message| echo(&message))
            .collect(),
    }
}

fn echo<'a>(object: &Json<'_, 'a>) -> Echo<'a> {
    Echo {
        from: object.word("from"),
        to: object.word("to"),
        to_user_id: object.word("to_user_id"),
        to_parent_user_id: object.word("to_parent_user_id"),
        id: object.text("id").unwrap_or_default(),
        timestamp_s: object.seconds("timestamp"),
        kind: kind(object),
    }
}

fn inbound<'a>(object: &Json<'_, 'a>) -> Inbound<'a> {
    let context = object.object("context");
    let flag = |name| context.and_then(|context| context.truth(name)) == Some(true);
    Inbound {
        from: object.word("from"),
        from_user_id: object.word("from_user_id"),
        from_parent_user_id: object.word("from_parent_user_id"),
        group_id: object.word("group_id"),
        id: object.text("id").unwrap_or_default(),
        timestamp_s: object.seconds("timestamp"),
        kind: kind(object),
        context_id: context.and_then(|context| context.word("id")),
        forwarded: flag("forwarded") || flag("frequently_forwarded"),
        referral: object.object("referral").map(|referral| Referral {
            source_type: referral.word("source_type"),
            source_id: referral.word("source_id"),
            source_url: referral.word("source_url"),
            ctwa_clid: referral.word("ctwa_clid"),
        }),
        raw: Raw::of(object),
    }
}

/// Types whose content is looked for where `type` is missing, unknown or does not
/// hold what it promises; the most telling first.
const BY_CONTENT: [&str; 14] = [
    "text",
    "button",
    "interactive",
    "image",
    "audio",
    "video",
    "document",
    "sticker",
    "location",
    "contacts",
    "order",
    "reaction",
    "system",
    "edit",
];

/// What a message is: what its type says, else what its content shows.
fn kind<'a>(message: &Json<'_, 'a>) -> InboundKind<'a> {
    let named = message.word("type");
    let by_type = named.as_deref().and_then(|name| of_type(message, name));
    let by_content = || {
        BY_CONTENT
            .into_iter()
            .filter(|name| message.has(name))
            .find_map(|name| of_type(message, name))
    };
    by_type.or_else(by_content).unwrap_or_else(|| match named {
        Some(kind) if !BY_CONTENT.contains(&&*kind) => InboundKind::Unknown { kind },
        _ => InboundKind::Unreadable,
    })
}

/// A message read as one of a type; `None` where the type is not known or its
/// content cannot be read.
fn of_type<'a>(message: &Json<'_, 'a>, kind: &str) -> Option<InboundKind<'a>> {
    let part = message.object(kind);
    Some(match kind {
        "text" => InboundKind::Text(text_body(message)?),
        "button" => button(message)?,
        "interactive" => interactive(&part?)?,
        "image" => media(MediaKind::Image, &part?),
        "audio" | "voice" => media(MediaKind::Audio, &part?),
        "video" => media(MediaKind::Video, &part?),
        "document" => media(MediaKind::Document, &part?),
        "sticker" => media(MediaKind::Sticker, &part?),
        "location" => InboundKind::Location,
        "contacts" => InboundKind::Contacts,
        "order" => InboundKind::Order {
            text: part?.word("text"),
        },
        "reaction" => {
            let part = part?;
            InboundKind::Reaction {
                message_id: part.word("message_id"),
                emoji: part.word("emoji"),
            }
        }
        "system" => InboundKind::System(system(&part?, message)),
        "edit" => edit(&part?, message),
        "revoke" => InboundKind::Revoke {
            original_message_id: part.and_then(|part| part.word("original_message_id")),
        },
        "unsupported" | "unknown" => InboundKind::Unsupported {
            what: part.and_then(|part| part.word("type")),
        },
        _ => return None,
    })
}

fn edit<'a>(part: &Json<'_, 'a>, message: &Json<'_, 'a>) -> InboundKind<'a> {
    InboundKind::Edit {
        original_message_id: part.word("original_message_id"),
        text: part
            .object("message")
            .and_then(|message| new_text(&message))
            .or_else(|| text_body(message)),
    }
}

/// `text.body`, or a text in the object's place.
fn text_body<'a>(message: &Json<'_, 'a>) -> Option<Cow<'a, str>> {
    message
        .object("text")
        .and_then(|text| text.text("body"))
        .or_else(|| message.text("text"))
}

fn button<'a>(message: &Json<'_, 'a>) -> Option<InboundKind<'a>> {
    let Some(button) = message.object("button") else {
        return Some(InboundKind::Button {
            payload: None,
            text: Some(message.text("button")?),
        });
    };
    let (payload, text) = (button.text("payload"), button.text("text"));
    (payload.is_some() || text.is_some()).then_some(InboundKind::Button { payload, text })
}

fn interactive<'a>(part: &Json<'_, 'a>) -> Option<InboundKind<'a>> {
    const REPLIES: [&str; 4] = [
        "button_reply",
        "list_reply",
        "nfm_reply",
        "call_permission_reply",
    ];
    let named = part.word("type");
    let kind = match named.as_deref() {
        Some(kind) => kind,
        None => REPLIES.into_iter().find(|name| part.has(name))?,
    };
    let reply = part.object(kind);
    Some(match kind {
        "button_reply" => {
            let reply = reply?;
            InboundKind::ButtonReply {
                id: reply.text("id"),
                title: reply.text("title"),
            }
        }
        "list_reply" => {
            let reply = reply?;
            InboundKind::ListReply {
                id: reply.text("id"),
                title: reply.text("title"),
                description: reply.text("description"),
            }
        }
        "nfm_reply" => nfm_reply(&reply?),
        "call_permission_reply" => {
            let reply = reply?;
            InboundKind::CallPermissionReply {
                response: reply.word("response"),
                expiration_s: reply.seconds("expiration_timestamp"),
                permanent: reply.truth("is_permanent") == Some(true),
                source: reply.word("response_source"),
            }
        }
        _ => InboundKind::Interactive {
            kind: named.unwrap_or_default(),
        },
    })
}

fn nfm_reply<'a>(reply: &Json<'_, 'a>) -> InboundKind<'a> {
    InboundKind::NfmReply {
        name: reply.word("name"),
        body: reply.text("body"),
        // A text that holds JSON; an object in its place is kept as it stands.
        response_json: reply.text("response_json").or_else(|| {
            let raw = reply.get("response_json")?;
            Some(Cow::Borrowed(raw.raw()))
        }),
    }
}

fn media<'a>(kind: MediaKind, part: &Json<'_, 'a>) -> InboundKind<'a> {
    InboundKind::Media {
        kind,
        caption: part.word("caption"),
        id: part.word("id"),
    }
}

fn system<'a>(part: &Json<'_, 'a>, message: &Json<'_, 'a>) -> System<'a> {
    System {
        kind: part.text("type").unwrap_or_default(),
        body: part.text("body"),
        wa_id: part.word("wa_id").or_else(|| part.word("new_wa_id")),
        user_id: part.word("user_id"),
        parent_user_id: part.word("parent_user_id"),
        previous_user_id: part.word("previous_user_id"),
        previous_parent_user_id: part.word("previous_parent_user_id"),
        identity_hash: message
            .object("identity")
            .and_then(|identity| identity.word("hash"))
            .or_else(|| part.word("identity")),
    }
}

/// The text or caption of a changed message.
fn new_text<'a>(message: &Json<'_, 'a>) -> Option<Cow<'a, str>> {
    text_body(message).or_else(|| {
        let kind = message.text("type")?;
        message.object(&kind)?.word("caption")
    })
}
