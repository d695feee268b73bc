//! What people write to the business.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use super::webhook::{About, Change, Contact, Metadata, WebhookError, some};

/// An inbound message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its id.
    pub id: &'a str,
    /// Unix seconds.
    pub timestamp_s: i64,
    /// What it holds.
    pub content: Content<'a>,
    /// The message it answers.
    pub context: Option<Context<'a>>,
    /// The ad or page the person came from.
    pub referral: Option<&'a Value>,
}

/// The message that is answered.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Context<'a> {
    /// Who wrote it: the business's number, digits only.
    pub from: &'a str,
    /// Its id.
    pub id: &'a str,
}

/// What a message holds.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// Words.
    Text {
        /// The words.
        body: &'a str,
    },
    /// A quick-reply button of a template.
    Button {
        /// What the business put behind the button.
        payload: &'a str,
        /// What stands on it.
        text: &'a str,
    },
    /// A button of a free-form message.
    ButtonReply {
        /// Its id.
        id: &'a str,
        /// What stands on it.
        title: &'a str,
    },
    /// A row of a list.
    ListReply {
        /// Its id.
        id: &'a str,
        /// What stands on it.
        title: &'a str,
        /// What stands below.
        description: Option<&'a str>,
    },
    /// A Flow's form.
    FlowReply {
        /// `flow`
        name: &'a str,
        /// What the thread shows.
        body: &'a str,
        /// The answers, as JSON in a text.
        response_json: &'a str,
    },
    /// Whether the business may call.
    CallPermission {
        /// `accept` or `reject`
        response: &'a str,
        /// Unix seconds; missing for a permanent one.
        expires_s: Option<i64>,
    },
    /// A picture, sound, film, document or sticker.
    Media {
        /// `image`, `audio`, `video`, `document` or `sticker`
        kind: &'a str,
        /// The media's id.
        id: &'a str,
        /// Its type.
        mime_type: &'a str,
        /// Its hash, as hex or base64.
        sha256: &'a str,
        /// Words below it.
        caption: Option<&'a str>,
        /// A document's name.
        filename: Option<&'a str>,
    },
    /// An emoji on a message; `None` takes it back.
    Reaction {
        /// The message it stands on.
        message_id: &'a str,
        /// The emoji.
        emoji: Option<&'a str>,
    },
    /// A message taken back.
    Revoke {
        /// The message that is gone.
        original_message_id: &'a str,
    },
    /// A message written anew.
    Edit {
        /// The message that changed.
        original_message_id: &'a str,
        /// The new words.
        body: &'a str,
    },
    /// Something that the platform cannot show.
    Unsupported {
        /// What it was.
        kind: &'a str,
    },
    /// Any other type (`location`, `contacts`, `order`), with what stands under its name.
    Other {
        /// The type.
        kind: &'a str,
        /// What stands under its name.
        value: &'a Value,
    },
}

impl Content<'_> {
    /// `type`
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Text { .. } => "text",
            Self::Button { .. } => "button",
            Self::ButtonReply { .. }
            | Self::ListReply { .. }
            | Self::FlowReply { .. }
            | Self::CallPermission { .. } => "interactive",
            Self::Reaction { .. } => "reaction",
            Self::Revoke { .. } => "revoke",
            Self::Edit { .. } => "edit",
            Self::Unsupported { .. } => "unsupported",
            Self::Media { kind, .. } | Self::Other { kind, .. } => kind,
        }
    }
}

/// A message from a person.
#[must_use]
pub fn message(metadata: Metadata<'_>, from: &Contact<'_>, message: &Message<'_>) -> Change {
    inbound("messages", metadata, from, message)
}

fn inbound(
    field: &'static str,
    metadata: Metadata<'_>,
    from: &Contact<'_>,
    message: &Message<'_>,
) -> Change {
    Change::new(
        field,
        &About {
            metadata,
            contact: Some(from),
            items: "messages",
            item: MessageJson { message, from },
        },
    )
}

struct MessageJson<'a> {
    message: &'a Message<'a>,
    from: &'a Contact<'a>,
}

impl Serialize for MessageJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = self.message;
        let mut map = serializer.serialize_map(None)?;
        some(&mut map, "from", self.from.wa_id)?;
        some(&mut map, "from_user_id", self.from.user_id)?;
        some(&mut map, "from_parent_user_id", self.from.parent_user_id)?;
        map.serialize_entry("id", message.id)?;
        map.serialize_entry("timestamp", &message.timestamp_s.to_string())?;
        map.serialize_entry("type", message.content.kind())?;
        push_content(&mut map, &message.content)?;
        some(&mut map, "context", message.context)?;
        some(&mut map, "referral", message.referral)?;
        map.end()
    }
}

fn push_content<M: SerializeMap>(map: &mut M, content: &Content<'_>) -> Result<(), M::Error> {
    match *content {
        Content::Text { body } => map.serialize_entry("text", &Text { body }),
        Content::Button { payload, text } => {
            map.serialize_entry("button", &Button { payload, text })
        }
        Content::ButtonReply { .. }
        | Content::ListReply { .. }
        | Content::FlowReply { .. }
        | Content::CallPermission { .. } => push_interactive(map, content),
        Content::Media {
            kind,
            id,
            mime_type,
            sha256,
            caption,
            filename,
        } => map.serialize_entry(
            kind,
            &Media {
                caption,
                filename,
                mime_type,
                sha256,
                id,
            },
        ),
        Content::Reaction { message_id, emoji } => {
            map.serialize_entry("reaction", &Reaction { message_id, emoji })
        }
        Content::Revoke {
            original_message_id,
        } => map.serialize_entry(
            "revoke",
            &Revoke {
                original_message_id,
            },
        ),
        Content::Edit {
            original_message_id,
            body,
        } => map.serialize_entry(
            "edit",
            &Edit {
                original_message_id,
                message: Edited {
                    context: EditedContext { id: "M0" },
                    kind: "text",
                    text: Text { body },
                },
            },
        ),
        Content::Unsupported { kind } => {
            map.serialize_entry("unsupported", &Unsupported { kind })?;
            map.serialize_entry("errors", &[UNSUPPORTED])
        }
        Content::Other { kind, value } => map.serialize_entry(kind, value),
    }
}

fn push_interactive<M: SerializeMap>(map: &mut M, content: &Content<'_>) -> Result<(), M::Error> {
    match *content {
        Content::ButtonReply { id, title } => {
            let button_reply = Row {
                id,
                title,
                description: None,
            };
            map.serialize_entry(
                "interactive",
                &Interactive {
                    button_reply: Some(button_reply),
                    ..Interactive::of("button_reply")
                },
            )
        }
        Content::ListReply {
            id,
            title,
            description,
        } => {
            let list_reply = Row {
                id,
                title,
                description,
            };
            map.serialize_entry(
                "interactive",
                &Interactive {
                    list_reply: Some(list_reply),
                    ..Interactive::of("list_reply")
                },
            )
        }
        Content::FlowReply {
            name,
            body,
            response_json,
        } => {
            let nfm_reply = FlowReply {
                name,
                body,
                response_json,
            };
            map.serialize_entry(
                "interactive",
                &Interactive {
                    nfm_reply: Some(nfm_reply),
                    ..Interactive::of("nfm_reply")
                },
            )
        }
        Content::CallPermission {
            response,
            expires_s,
        } => {
            let call_permission_reply = CallPermission {
                response,
                expiration_timestamp: expires_s,
                is_permanent: expires_s.is_none().then_some(true),
                response_source: "user_action",
            };
            map.serialize_entry(
                "interactive",
                &Interactive {
                    call_permission_reply: Some(call_permission_reply),
                    ..Interactive::of("call_permission_reply")
                },
            )
        }
        _ => Ok(()),
    }
}

const UNSUPPORTED: WebhookError<'static> = WebhookError {
    code: 131_051,
    title: "Message type unknown",
    details: "Message type is currently not supported.",
    link: false,
};

#[derive(Serialize)]
struct Text<'a> {
    body: &'a str,
}

#[derive(Serialize)]
struct Button<'a> {
    payload: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct Interactive<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    button_reply: Option<Row<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    list_reply: Option<Row<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nfm_reply: Option<FlowReply<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_permission_reply: Option<CallPermission<'a>>,
}

impl Interactive<'_> {
    fn of(kind: &'static str) -> Self {
        Self {
            kind,
            button_reply: None,
            list_reply: None,
            nfm_reply: None,
            call_permission_reply: None,
        }
    }
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

#[derive(Serialize)]
struct FlowReply<'a> {
    name: &'a str,
    body: &'a str,
    response_json: &'a str,
}

#[derive(Serialize)]
struct CallPermission<'a> {
    response: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_permanent: Option<bool>,
    response_source: &'static str,
}

#[derive(Serialize)]
struct Media<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    caption: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
    mime_type: &'a str,
    sha256: &'a str,
    id: &'a str,
}

#[derive(Serialize)]
struct Reaction<'a> {
    message_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    emoji: Option<&'a str>,
}

#[derive(Serialize)]
struct Revoke<'a> {
    original_message_id: &'a str,
}

#[derive(Serialize)]
struct Edit<'a> {
    original_message_id: &'a str,
    message: Edited<'a>,
}

#[derive(Serialize)]
struct Edited<'a> {
    context: EditedContext,
    #[serde(rename = "type")]
    kind: &'static str,
    text: Text<'a>,
}

#[derive(Serialize)]
struct EditedContext {
    id: &'static str,
}

#[derive(Serialize)]
struct Unsupported<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
}
