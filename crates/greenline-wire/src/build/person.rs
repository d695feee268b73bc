//! What the platform tells about people: their own switch, and changes of number and id.

use serde::Serialize;

use super::webhook::{About, Change, Contact, Metadata};

/// What a person chose in WhatsApp's own settings (OPT-40, OPT-44).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference<'a> {
    /// No more marketing from this business.
    Stop,
    /// Marketing again.
    Resume,
    /// Joined through a sign-up link (OPT-26).
    Signup {
        /// The link's id.
        signup_id: &'a str,
    },
}

impl Preference<'_> {
    fn value(&self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Resume => "resume",
            Self::Signup { .. } => "signup",
        }
    }

    fn detail(&self) -> &'static str {
        match self {
            Self::Stop => "User requested to stop marketing messages",
            Self::Resume => "User requested to resume marketing messages",
            Self::Signup { .. } => "User signed up via signup link",
        }
    }
}

/// A person's choice.
#[must_use]
pub fn preference(
    metadata: Metadata<'_>,
    person: &Contact<'_>,
    preference: Preference<'_>,
    timestamp_s: i64,
) -> Change {
    Change::new(
        "user_preferences",
        &About {
            metadata,
            contact: Some(person),
            items: "user_preferences",
            item: PreferenceJson {
                wa_id: person.wa_id,
                user_id: person.user_id,
                parent_user_id: person.parent_user_id,
                detail: preference.detail(),
                category: "marketing_messages",
                value: preference.value(),
                signup_id: match preference {
                    Preference::Signup { signup_id } => Some(signup_id),
                    _ => None,
                },
                timestamp: timestamp_s,
            },
        },
    )
}

#[derive(Serialize)]
struct PreferenceJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    wa_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_user_id: Option<&'a str>,
    detail: &'static str,
    category: &'static str,
    value: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    signup_id: Option<&'a str>,
    timestamp: i64,
}

/// A `system` message about a person who is now known by something else (OPT-50).
#[derive(Clone, Copy, Debug)]
pub struct Changed<'a> {
    /// The message's id.
    pub id: &'a str,
    /// Unix seconds.
    pub timestamp_s: i64,
    /// The person as they were.
    pub before: Contact<'a>,
    /// The person as they are.
    pub after: Contact<'a>,
}

/// The person has another number, and with it other ids. Comes without `contacts`.
#[must_use]
pub fn number_changed(metadata: Metadata<'_>, changed: &Changed<'_>) -> Change {
    let (before, after) = (&changed.before, &changed.after);
    let system = System {
        body: body(changed, before.wa_id, after.wa_id),
        wa_id: after.wa_id,
        user_id: after.user_id,
        previous_user_id: before.user_id,
        parent_user_id: after.parent_user_id,
        previous_parent_user_id: before.parent_user_id,
        kind: "user_changed_number",
    };
    system_message(metadata, None, changed, before.wa_id, None, None, system)
}

/// The person has other ids but the same number. Comes without `contacts`.
#[must_use]
pub fn user_id_changed(metadata: Metadata<'_>, changed: &Changed<'_>) -> Change {
    let (before, after) = (&changed.before, &changed.after);
    let system = System {
        body: body(changed, before.user_id, after.user_id),
        wa_id: None,
        user_id: after.user_id,
        previous_user_id: before.user_id,
        parent_user_id: after.parent_user_id,
        previous_parent_user_id: before.parent_user_id,
        kind: "user_changed_user_id",
    };
    system_message(metadata, None, changed, None, before.user_id, None, system)
}

/// The keys behind a number changed: a new phone, or another person (OPT-51).
#[must_use]
pub fn identity_changed(
    metadata: Metadata<'_>,
    person: &Contact<'_>,
    id: &str,
    hash: &str,
    timestamp_s: i64,
) -> Change {
    let changed = Changed {
        id,
        timestamp_s,
        before: *person,
        after: *person,
    };
    let system = System {
        body: "User identity changed".to_owned(),
        wa_id: None,
        user_id: None,
        previous_user_id: None,
        parent_user_id: None,
        previous_parent_user_id: None,
        kind: "customer_identity_changed",
    };
    let identity = Identity {
        acknowledged: false,
        created_timestamp: timestamp_s.to_string(),
        hash,
    };
    system_message(
        metadata,
        Some(person),
        &changed,
        person.wa_id,
        None,
        Some(identity),
        system,
    )
}

fn body(changed: &Changed<'_>, from: Option<&str>, to: Option<&str>) -> String {
    format!(
        "User {} changed from {} to {}",
        changed.before.name.unwrap_or_default(),
        from.unwrap_or_default(),
        to.unwrap_or_default()
    )
}

fn system_message(
    metadata: Metadata<'_>,
    contact: Option<&Contact<'_>>,
    changed: &Changed<'_>,
    from: Option<&str>,
    from_user_id: Option<&str>,
    identity: Option<Identity<'_>>,
    system: System<'_>,
) -> Change {
    Change::new(
        "messages",
        &About {
            metadata,
            contact,
            items: "messages",
            item: SystemMessage {
                from,
                from_user_id,
                id: changed.id,
                timestamp: changed.timestamp_s.to_string(),
                kind: "system",
                identity,
                system,
            },
        },
    )
}

#[derive(Serialize)]
struct SystemMessage<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_user_id: Option<&'a str>,
    id: &'a str,
    timestamp: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<Identity<'a>>,
    system: System<'a>,
}

#[derive(Serialize)]
struct Identity<'a> {
    acknowledged: bool,
    created_timestamp: String,
    hash: &'a str,
}

#[derive(Serialize)]
struct System<'a> {
    body: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    wa_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_parent_user_id: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'static str,
}
