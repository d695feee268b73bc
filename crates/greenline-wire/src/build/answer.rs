//! Answers to calls that reach people.

use serde::Serialize;

use super::ascii;

/// `message_status`: what the platform says of a send it took (SND-26).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageStatus {
    /// On its way.
    Accepted,
    /// Kept back until feedback on earlier ones is known; not sent yet (SND-24).
    HeldForQualityAssessment,
    /// The template is paused.
    Paused,
}

/// A send that was taken.
#[derive(Clone, Copy, Debug)]
pub struct Accepted<'a> {
    /// What the caller wrote in `to` or `recipient`.
    pub input: &'a str,
    /// The number, unless the person was addressed by user id alone.
    pub wa_id: Option<&'a str>,
    /// The business-scoped user id.
    pub user_id: Option<&'a str>,
    /// The message's id.
    pub message_id: &'a str,
    /// Given for templates.
    pub status: Option<MessageStatus>,
}

impl Accepted<'_> {
    /// The answer's body.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        ascii(&AcceptedJson {
            messaging_product: "whatsapp",
            contacts: [ContactJson {
                input: self.input,
                wa_id: self.wa_id,
                user_id: self.user_id,
            }],
            messages: [MessageJson {
                id: self.message_id,
                message_status: self.status,
            }],
        })
    }
}

/// `{"success":true}`: the answer to marking as read and to most changes.
#[must_use]
pub fn success() -> &'static [u8] {
    br#"{"success":true}"#
}

/// `{"id":"…"}`: the answer to an upload.
#[must_use]
pub fn id(id: &str) -> Vec<u8> {
    ascii(&Id { id })
}

/// The answer to the start of a call.
#[must_use]
pub fn call(call_id: &str) -> Vec<u8> {
    ascii(&CallJson {
        messaging_product: "whatsapp",
        calls: [Id { id: call_id }],
        success: true,
    })
}

#[derive(Serialize)]
struct AcceptedJson<'a> {
    messaging_product: &'static str,
    contacts: [ContactJson<'a>; 1],
    messages: [MessageJson<'a>; 1],
}

#[derive(Serialize)]
struct ContactJson<'a> {
    input: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    wa_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
}

#[derive(Serialize)]
struct MessageJson<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_status: Option<MessageStatus>,
}

#[derive(Serialize)]
struct Id<'a> {
    id: &'a str,
}

#[derive(Serialize)]
struct CallJson<'a> {
    messaging_product: &'static str,
    calls: [Id<'a>; 1],
    success: bool,
}
