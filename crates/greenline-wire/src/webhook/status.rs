//! What became of messages, and errors.

use std::borrow::Cow;

use super::Raw;
use crate::json::Json;
use crate::shy::shy_debug;

/// What became of one message.
#[derive(Clone)]
pub struct Status<'a> {
    /// The message's id; empty where it could not be read.
    pub id: Cow<'a, str>,
    /// What became of it.
    pub status: StatusKind<'a>,
    /// When, in Unix seconds.
    pub timestamp_s: Option<i64>,
    /// The person's WhatsApp id, or the group's id.
    pub recipient_id: Option<Cow<'a, str>>,
    /// The person's user id.
    pub recipient_user_id: Option<Cow<'a, str>>,
    /// The person's parent user id.
    pub recipient_parent_user_id: Option<Cow<'a, str>>,
    /// `group` for a message to a group.
    pub recipient_type: Option<Cow<'a, str>>,
    /// The member of the group.
    pub participant: Option<Cow<'a, str>>,
    /// Why it failed (WH-34).
    pub errors: Vec<ErrorItem<'a>>,
    /// The price (WH-32).
    pub pricing: Option<Pricing<'a>>,
    /// The conversation, left out by new versions (WH-33).
    pub conversation: Option<Conversation<'a>>,
    /// `biz_opaque_callback_data` (WH-36).
    pub biz_opaque_callback_data: Option<Cow<'a, str>>,
    /// The status, byte for byte.
    pub raw: Raw<'a>,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusKind<'a> {
    /// `sent`
    Sent,
    /// `delivered`
    Delivered,
    /// `read`
    Read,
    /// `played`
    Played,
    /// `failed`
    Failed,
    /// Another text.
    Other(Cow<'a, str>),
    /// Could not be read.
    Unreadable,
}

/// The price of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pricing<'a> {
    /// `billable`
    pub billable: Option<bool>,
    /// `PMP` or `CBP`.
    pub model: Option<Cow<'a, str>>,
    /// `regular`, `free_customer_service`, `free_entry_point`.
    pub kind: Option<Cow<'a, str>>,
    /// `marketing`, `utility`, …
    pub category: Option<Cow<'a, str>>,
}

/// The conversation of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conversation<'a> {
    /// Its id.
    pub id: Option<Cow<'a, str>>,
    /// When it ends, in Unix seconds.
    pub expiration_s: Option<i64>,
    /// `origin.type`
    pub origin: Option<Cow<'a, str>>,
}

/// An error inside a delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorItem<'a> {
    /// The code; `None` where it could not be read.
    pub code: Option<i64>,
    /// The title; not for logic (WH-34).
    pub title: Option<Cow<'a, str>>,
    /// `message`
    pub message: Option<Cow<'a, str>>,
    /// `error_data.details`
    pub details: Option<Cow<'a, str>>,
}

/// A click (SND-66).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserAction<'a> {
    /// `marketing_messages_link_click`
    pub kind: Option<Cow<'a, str>>,
    /// When, in Unix seconds.
    pub timestamp_s: Option<i64>,
    /// `cta`, `body`.
    pub click_component: Option<Cow<'a, str>>,
    /// `click_id`
    pub click_id: Option<Cow<'a, str>>,
    /// `tracking_token`
    pub tracking_token: Option<Cow<'a, str>>,
}

/// Reads `statuses[]`.
pub(super) fn statuses<'a>(value: &Json<'_, 'a>) -> Vec<Status<'a>> {
    value
        .elements("statuses")
        .map(|object| status(&object))
        .collect()
}

fn status<'a>(object: &Json<'_, 'a>) -> Status<'a> {
    Status {
        id: object.text("id").unwrap_or_default(),
        status: object
            .word("status")
            .map_or(StatusKind::Unreadable, status_kind),
        timestamp_s: object.seconds("timestamp"),
        recipient_id: object.word("recipient_id"),
        recipient_user_id: object.word("recipient_user_id"),
        recipient_parent_user_id: object
            .word("parent_recipient_user_id")
            .or_else(|| object.word("recipient_parent_user_id")),
        recipient_type: object.word("recipient_type"),
        participant: object
            .word("recipient_participant_id")
            .or_else(|| object.word("participant_recipient_id")),
        errors: errors(object),
        pricing: object.object("pricing").map(|pricing| Pricing {
            billable: pricing.truth("billable"),
            model: pricing.word("pricing_model"),
            kind: pricing.word("type"),
            category: pricing.word("category"),
        }),
        conversation: object
            .object("conversation")
            .map(|conversation| Conversation {
                id: conversation.word("id"),
                expiration_s: conversation.seconds("expiration_timestamp"),
                origin: conversation
                    .object("origin")
                    .and_then(|origin| origin.word("type")),
            }),
        biz_opaque_callback_data: object.text("biz_opaque_callback_data"),
        raw: Raw::of(object),
    }
}

fn status_kind(text: Cow<'_, str>) -> StatusKind<'_> {
    match &*text {
        "sent" => StatusKind::Sent,
        "delivered" => StatusKind::Delivered,
        "read" => StatusKind::Read,
        "played" => StatusKind::Played,
        "failed" => StatusKind::Failed,
        _ => StatusKind::Other(text),
    }
}

/// Reads `errors[]`; an element that is no object still counts as an error.
pub(super) fn errors<'a>(value: &Json<'_, 'a>) -> Vec<ErrorItem<'a>> {
    let item = |object: Json<'_, 'a>| ErrorItem {
        code: object.integer("code"),
        title: object.word("title"),
        message: object.word("message"),
        details: object
            .object("error_data")
            .and_then(|data| data.word("details")),
    };
    value.elements("errors").map(item).collect()
}

/// Reads `user_actions[]`.
pub(super) fn user_actions<'a>(value: &Json<'_, 'a>) -> Vec<UserAction<'a>> {
    let action = |object: Json<'_, 'a>| {
        let data = object
            .object("marketing_messages_link_click_data")
            .unwrap_or(object);
        UserAction {
            kind: object.word("action_type"),
            timestamp_s: object.seconds("timestamp"),
            click_component: data.word("click_component"),
            click_id: data.word("click_id"),
            tracking_token: data.word("tracking_token"),
        }
    };
    value.objects("user_actions").map(action).collect()
}

shy_debug!(Status {
    id,
    status,
    timestamp_s,
    errors
});
