//! Statuses of what the business sent or called.

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::webhook::{About, Change, Contact, Metadata, WebhookError, some};

/// How far a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusKind {
    /// Left for the person.
    Sent,
    /// On the person's phone.
    Delivered,
    /// Seen by the person.
    Read,
    /// A voice message was played.
    Played,
    /// Did not arrive and will not.
    Failed,
}

/// What a message costs (WH-32).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Pricing<'a> {
    /// Whether it is charged.
    pub billable: bool,
    /// `PMP` per message, `CBP` per conversation.
    pub pricing_model: &'a str,
    /// `regular`, `free_customer_service` or `free_entry_point`
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// The category in lower case.
    pub category: &'a str,
}

/// A status.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    /// The message's id.
    pub id: &'a str,
    /// How far it came.
    pub kind: StatusKind,
    /// Unix seconds.
    pub timestamp_s: i64,
    /// What the send carried in `biz_opaque_callback_data` (WH-36).
    pub callback_data: Option<&'a str>,
    /// What it costs.
    pub pricing: Option<Pricing<'a>>,
    /// Why it failed.
    pub error: Option<WebhookError<'a>>,
}

/// A status of a message. The contact is left out on failures (WH-34), its ids are not.
#[must_use]
pub fn message_status(metadata: Metadata<'_>, to: &Contact<'_>, status: &Status<'_>) -> Change {
    let contact = (status.kind != StatusKind::Failed).then_some(to);
    Change::new(
        "messages",
        &About {
            metadata,
            contact,
            items: "statuses",
            item: StatusJson { status, to },
        },
    )
}

struct StatusJson<'a> {
    status: &'a Status<'a>,
    to: &'a Contact<'a>,
}

impl Serialize for StatusJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let status = self.status;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", status.id)?;
        map.serialize_entry("status", &status.kind)?;
        map.serialize_entry("timestamp", &status.timestamp_s.to_string())?;
        some(&mut map, "recipient_id", self.to.wa_id)?;
        some(&mut map, "recipient_user_id", self.to.user_id)?;
        some(&mut map, "parent_recipient_user_id", self.to.parent_user_id)?;
        some(&mut map, "biz_opaque_callback_data", status.callback_data)?;
        some(&mut map, "pricing", status.pricing)?;
        some(&mut map, "errors", status.error.map(|error| [error]))?;
        map.end()
    }
}

/// How far a call came: `RINGING`, `ACCEPTED` or `REJECTED`.
#[must_use]
pub fn call_status(
    metadata: Metadata<'_>,
    to: &Contact<'_>,
    call_id: &str,
    status: &str,
    timestamp_s: i64,
) -> Change {
    Change::new(
        "calls",
        &About {
            metadata,
            contact: Some(to),
            items: "statuses",
            item: CallStatus {
                id: call_id,
                timestamp: timestamp_s.to_string(),
                kind: "call",
                status,
                recipient_id: to.wa_id,
            },
        },
    )
}

#[derive(Serialize)]
struct CallStatus<'a> {
    id: &'a str,
    timestamp: String,
    #[serde(rename = "type")]
    kind: &'static str,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_id: Option<&'a str>,
}

/// An error of the number or account, tied to no message.
#[must_use]
pub fn errors(metadata: Metadata<'_>, error: WebhookError<'_>) -> Change {
    Change::new(
        "messages",
        &About {
            metadata,
            contact: None,
            items: "errors",
            item: error,
        },
    )
}
