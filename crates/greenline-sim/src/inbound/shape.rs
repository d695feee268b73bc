//! What a person may write, as operators and tests put it.

use std::fmt;

use greenline_wire::build::message::Content;
use serde::Deserialize;
use serde_json::Value;

use crate::log::masked;

/// A message from a person. Give one of the kinds.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Inbound {
    /// The business's number (its id).
    pub number: String,
    /// The person's number.
    pub from: String,
    /// The name on their profile, from now on.
    pub name: Option<String>,
    /// Their username, from now on.
    pub username: Option<String>,
    /// Whether they show only their username, from now on.
    pub hides_number: Option<bool>,
    /// The message that is answered; buttons answer the last one by themselves.
    pub context: Option<String>,
    /// The ad or page the person came from; `true` for a sample one.
    pub referral: Option<Value>,
    /// When it was written, in Unix seconds; now if missing.
    pub timestamp_s: Option<i64>,
    /// The message's id; a new one if missing.
    pub id: Option<String>,
    /// Words.
    pub text: Option<String>,
    /// A quick-reply button of a template.
    pub button: Option<Button>,
    /// A button of a free-form message.
    pub button_reply: Option<Row>,
    /// A row of a list.
    pub list_reply: Option<Row>,
    /// The answers in a Flow's form.
    pub flow_reply: Option<Value>,
    /// An emoji on a message, or none.
    pub reaction: Option<Reaction>,
    /// A picture, sound, film, document or sticker.
    pub media: Option<Media>,
    /// The id of a message that is taken back.
    pub revoke: Option<String>,
    /// A message written anew.
    pub edit: Option<Edit>,
    /// Something that the platform cannot show: what it was.
    pub unsupported: Option<String>,
    /// Whether the business may call.
    pub call_permission: Option<CallPermission>,
    /// Any other type.
    pub other: Option<Other>,
}

/// A quick-reply button.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Button {
    /// What stands on it.
    pub text: String,
    /// What the business put behind it; the text if missing.
    #[serde(default)]
    pub payload: Option<String>,
}

/// A button or a row.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// What stands on it.
    pub title: String,
    /// What stands below.
    #[serde(default)]
    pub description: Option<String>,
}

/// An emoji on a message.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reaction {
    /// The message it stands on.
    pub message_id: String,
    /// The emoji; none takes it back.
    #[serde(default)]
    pub emoji: Option<String>,
}

/// A picture, sound, film, document or sticker.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// `image`, `audio`, `video`, `document` or `sticker`
    pub kind: String,
    /// Words below it.
    #[serde(default)]
    pub caption: Option<String>,
    /// A document's name.
    #[serde(default)]
    pub filename: Option<String>,
}

/// A message written anew.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The message that changed.
    pub message_id: String,
    /// The new words.
    pub text: String,
}

/// Whether the business may call.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallPermission {
    /// Yes or no.
    pub accept: bool,
    /// Until when, in Unix seconds; for ever if missing.
    #[serde(default)]
    pub expires_s: Option<i64>,
}

/// Any other type: `location`, `contacts`, `order`.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Other {
    /// The type.
    pub kind: String,
    /// What stands under its name.
    pub value: Value,
}

impl Inbound {
    /// Words.
    #[must_use]
    pub fn text(number: &str, from: &str, body: &str) -> Self {
        Self {
            text: Some(body.to_owned()),
            ..Self::from(number, from)
        }
    }

    /// A quick-reply button of a template, with what stands on it as payload too.
    #[must_use]
    pub fn button(number: &str, from: &str, text: &str) -> Self {
        Self {
            button: Some(Button {
                text: text.to_owned(),
                payload: None,
            }),
            ..Self::from(number, from)
        }
    }

    /// A reaction.
    #[must_use]
    pub fn reaction(number: &str, from: &str, message_id: &str, emoji: &str) -> Self {
        Self {
            reaction: Some(Reaction {
                message_id: message_id.to_owned(),
                emoji: Some(emoji.to_owned()),
            }),
            ..Self::from(number, from)
        }
    }

    /// A message to be filled in.
    #[must_use]
    pub fn from(number: &str, from: &str) -> Self {
        Self {
            number: number.to_owned(),
            from: from.to_owned(),
            ..Self::default()
        }
    }

    /// The same, written at this time.
    #[must_use]
    pub fn at(mut self, timestamp_s: i64) -> Self {
        self.timestamp_s = Some(timestamp_s);
        self
    }

    /// The same, with this id.
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// The same, as an answer to this message.
    #[must_use]
    pub fn answering(mut self, id: &str) -> Self {
        self.context = Some(id.to_owned());
        self
    }

    /// Whether it is written, or pressed, or sent: not a mere mark on something older.
    pub(super) fn is_new(&self) -> bool {
        self.reaction.is_none() && self.revoke.is_none() && self.edit.is_none()
    }
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound")
            .field("number", &self.number)
            .field("from", &masked(&self.from))
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What the message holds; `None` if it holds nothing.
pub(super) fn content<'a>(
    inbound: &'a Inbound,
    media_id: &'a str,
    form: Option<&'a str>,
) -> Option<Content<'a>> {
    if let Some(body) = &inbound.text {
        return Some(Content::Text { body });
    }
    if let Some(button) = &inbound.button {
        return Some(Content::Button {
            payload: button.payload.as_deref().unwrap_or(&button.text),
            text: &button.text,
        });
    }
    if let Some(row) = &inbound.button_reply {
        return Some(Content::ButtonReply {
            id: &row.id,
            title: &row.title,
        });
    }
    if let Some(row) = &inbound.list_reply {
        return Some(Content::ListReply {
            id: &row.id,
            title: &row.title,
            description: row.description.as_deref(),
        });
    }
    if let Some(response_json) = form {
        return Some(Content::FlowReply {
            name: "flow",
            body: "Sent",
            response_json,
        });
    }
    if let Some(media) = &inbound.media {
        return Some(media_content(media, media_id));
    }
    rare_content(inbound)
}

fn rare_content(inbound: &Inbound) -> Option<Content<'_>> {
    if let Some(reaction) = &inbound.reaction {
        return Some(Content::Reaction {
            message_id: &reaction.message_id,
            emoji: reaction.emoji.as_deref(),
        });
    }
    if let Some(original_message_id) = &inbound.revoke {
        return Some(Content::Revoke {
            original_message_id,
        });
    }
    if let Some(edit) = &inbound.edit {
        return Some(Content::Edit {
            original_message_id: &edit.message_id,
            body: &edit.text,
        });
    }
    if let Some(kind) = &inbound.unsupported {
        return Some(Content::Unsupported { kind });
    }
    if let Some(permission) = &inbound.call_permission {
        return Some(Content::CallPermission {
            response: if permission.accept {
                "accept"
            } else {
                "reject"
            },
            expires_s: permission.expires_s,
        });
    }
    inbound.other.as_ref().map(|other| Content::Other {
        kind: &other.kind,
        value: &other.value,
    })
}

fn media_content<'a>(media: &'a Media, id: &'a str) -> Content<'a> {
    let mime_type = match media.kind.as_str() {
        "audio" => "audio/ogg; codecs=opus",
        "video" => "video/mp4",
        "document" => "application/pdf",
        "sticker" => "image/webp",
        _ => "image/jpeg",
    };
    Content::Media {
        kind: &media.kind,
        id,
        mime_type,
        sha256: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        caption: media.caption.as_deref(),
        filename: media.filename.as_deref(),
    }
}
