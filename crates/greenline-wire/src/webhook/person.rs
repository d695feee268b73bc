//! People, their preferences, their calls and their old chats.

use std::borrow::Cow;

use super::ErrorItem;
use super::status::errors;
use crate::json::Json;
use crate::shy::shy_debug;

/// The number a change is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata<'a> {
    /// `phone_number_id`
    pub phone_number_id: Option<Cow<'a, str>>,
    /// `display_phone_number`
    pub display_phone_number: Option<Cow<'a, str>>,
}

/// A person, as a delivery names them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Contact<'a> {
    /// WhatsApp id; may be missing (SND-72).
    pub wa_id: Option<Cow<'a, str>>,
    /// Business-scoped user id.
    pub user_id: Option<Cow<'a, str>>,
    /// Parent user id.
    pub parent_user_id: Option<Cow<'a, str>>,
    /// Name in the profile.
    pub name: Option<Cow<'a, str>>,
    /// Username.
    pub username: Option<Cow<'a, str>>,
    /// `identity_key_hash`
    pub identity_key_hash: Option<Cow<'a, str>>,
}

/// The value of `user_preferences` (OPT-44).
#[derive(Clone, Default)]
pub struct UserPreferences<'a> {
    /// The number it was told through.
    pub metadata: Metadata<'a>,
    /// The people.
    pub contacts: Vec<Contact<'a>>,
    /// What they chose.
    pub preferences: Vec<Preference<'a>>,
}

/// One choice.
#[derive(Clone, PartialEq, Eq)]
pub struct Preference<'a> {
    /// WhatsApp id; may be missing.
    pub wa_id: Option<Cow<'a, str>>,
    /// Business-scoped user id.
    pub user_id: Option<Cow<'a, str>>,
    /// Parent user id.
    pub parent_user_id: Option<Cow<'a, str>>,
    /// `marketing_messages`
    pub category: Option<Cow<'a, str>>,
    /// What was chosen.
    pub value: PreferenceValue<'a>,
    /// A sentence about it.
    pub detail: Option<Cow<'a, str>>,
    /// The sign-up it came through (OPT-26).
    pub signup_id: Option<Cow<'a, str>>,
    /// When, in Unix seconds.
    pub timestamp_s: Option<i64>,
}

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreferenceValue<'a> {
    /// `stop`
    Stop,
    /// `resume`
    Resume,
    /// `signup` (OPT-26)
    Signup,
    /// Another text; empty where there was none.
    Other(Cow<'a, str>),
}

/// The value of `calls`.
#[derive(Clone, Default)]
pub struct Calls<'a> {
    /// The number.
    pub metadata: Metadata<'a>,
    /// The people.
    pub contacts: Vec<Contact<'a>>,
    /// Calls that began or ended.
    pub calls: Vec<CallEvent<'a>>,
    /// What became of calls by the business.
    pub statuses: Vec<CallStatus<'a>>,
    /// Errors.
    pub errors: Vec<ErrorItem<'a>>,
}

/// A call that began or ended.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CallEvent<'a> {
    /// The call's id.
    pub id: Cow<'a, str>,
    /// Who calls.
    pub from: Option<Cow<'a, str>>,
    /// Who calls, as a user id.
    pub from_user_id: Option<Cow<'a, str>>,
    /// Who is called.
    pub to: Option<Cow<'a, str>>,
    /// Who is called, as a user id.
    pub to_user_id: Option<Cow<'a, str>>,
    /// `connect`, `terminate`.
    pub event: Option<Cow<'a, str>>,
    /// Whether the person rang (`USER_INITIATED`); `None` where it is not said.
    pub by_person: Option<bool>,
    /// `COMPLETED`, `FAILED`, …
    pub status: Option<Cow<'a, str>>,
    /// When, in Unix seconds.
    pub timestamp_s: Option<i64>,
    /// How long it lasted.
    pub duration_s: Option<i64>,
}

/// What became of a call by the business.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CallStatus<'a> {
    /// The call's id.
    pub id: Cow<'a, str>,
    /// `RINGING`, `ACCEPTED`, `REJECTED`.
    pub status: Option<Cow<'a, str>>,
    /// The person's WhatsApp id.
    pub recipient_id: Option<Cow<'a, str>>,
    /// The person's user id.
    pub recipient_user_id: Option<Cow<'a, str>>,
    /// When, in Unix seconds.
    pub timestamp_s: Option<i64>,
}

/// The value of `history`, counted and not kept: old chats open no window.
#[derive(Clone, Debug, Default)]
pub struct History<'a> {
    /// The number.
    pub metadata: Metadata<'a>,
    /// Messages in it.
    pub messages: usize,
    /// Errors, such as history sharing being off.
    pub errors: Vec<ErrorItem<'a>>,
}

/// The number a change is about.
pub(super) fn metadata<'a>(value: &Json<'_, 'a>) -> Metadata<'a> {
    let Some(metadata) = value.object("metadata") else {
        return Metadata::default();
    };
    Metadata {
        phone_number_id: metadata.word("phone_number_id"),
        display_phone_number: metadata.word("display_phone_number"),
    }
}

/// The people a change names.
pub(super) fn contacts<'a>(value: &Json<'_, 'a>) -> Vec<Contact<'a>> {
    let contact = |contact: Json<'_, 'a>| {
        let profile = contact.object("profile");
        Contact {
            wa_id: contact.word("wa_id"),
            user_id: contact.word("user_id"),
            parent_user_id: contact.word("parent_user_id"),
            name: profile.and_then(|profile| profile.word("name")),
            username: profile.and_then(|profile| profile.word("username")),
            identity_key_hash: contact.word("identity_key_hash"),
        }
    };
    value.objects("contacts").map(contact).collect()
}

/// Reads the value of `user_preferences`.
pub(super) fn user_preferences<'a>(value: &Json<'_, 'a>) -> UserPreferences<'a> {
    let preference = |object: Json<'_, 'a>| {
        let choice = object.text("value").unwrap_or_default();
        Preference {
            wa_id: object.word("wa_id"),
            user_id: object.word("user_id"),
            parent_user_id: object.word("parent_user_id"),
            category: object.word("category"),
            value: match choice.trim() {
                "stop" => PreferenceValue::Stop,
                "resume" => PreferenceValue::Resume,
                "signup" => PreferenceValue::Signup,
                _ => PreferenceValue::Other(choice),
            },
            detail: object.word("detail"),
            signup_id: object.word("signup_id"),
            timestamp_s: object.seconds("timestamp"),
        }
    };
    UserPreferences {
        metadata: metadata(value),
        contacts: contacts(value),
        preferences: value.elements("user_preferences").map(preference).collect(),
    }
}

/// Reads the value of `calls`.
pub(super) fn calls<'a>(value: &Json<'_, 'a>) -> Calls<'a> {
    Calls {
        metadata: metadata(value),
        contacts: contacts(value),
        calls: value
            .elements("calls")
            .map(|call| call_event(&call))
            .collect(),
        statuses: value
            .elements("statuses")
            .map(|status| CallStatus {
                id: status.text("id").unwrap_or_default(),
                status: status.word("status"),
                recipient_id: status.word("recipient_id"),
                recipient_user_id: status.word("recipient_user_id"),
                timestamp_s: status.seconds("timestamp"),
            })
            .collect(),
        errors: errors(value),
    }
}

fn call_event<'a>(call: &Json<'_, 'a>) -> CallEvent<'a> {
    CallEvent {
        id: call.text("id").unwrap_or_default(),
        from: call.word("from"),
        from_user_id: call.word("from_user_id"),
        to: call.word("to"),
        to_user_id: call.word("to_user_id"),
        event: call.word("event"),
        by_person: match call.word("direction").as_deref() {
            Some("USER_INITIATED") => Some(true),
            Some("BUSINESS_INITIATED") => Some(false),
            _ => None,
        },
        status: call.word("status"),
        timestamp_s: call.seconds("timestamp"),
        duration_s: call.integer("duration"),
    }
}

/// Reads the value of `history`.
pub(super) fn history<'a>(value: &Json<'_, 'a>) -> History<'a> {
    let mut history = History {
        metadata: metadata(value),
        ..History::default()
    };
    for chunk in value.objects("history") {
        history.errors.append(&mut errors(&chunk));
        for thread in chunk.objects("threads") {
            history.messages += thread.elements("messages").count();
        }
    }
    history
}

shy_debug!(Contact {});

shy_debug!(Preference {
    category,
    value,
    timestamp_s
});

shy_debug!(UserPreferences { preferences });

shy_debug!(Calls {
    calls,
    statuses,
    errors
});

shy_debug!(CallEvent {
    id,
    event,
    by_person,
    status,
    timestamp_s
});

shy_debug!(CallStatus {
    id,
    status,
    timestamp_s
});
