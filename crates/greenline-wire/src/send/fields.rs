//! The members of a send that are judged by, read in one pass.
//!
//! Each is taken as it stands; what they mean together is for
//! [`super::judge`]. Members that are not judged are skipped, but a name that
//! some readers would take for a judged one (other case, `template[name]`) is
//! an error, and so is a member given twice.

use std::borrow::Cow;

use serde::de::DeserializeSeed;

use super::seeds::{TopSeed, ValueSeed};
use crate::ShapeError;
use crate::strict::{check_nesting, disguised, json_error};

/// Content objects, as bits of [`Fields::content`].
pub(super) const CONTENT: [(Field, &str); 11] = [
    (Field::Text, "text"),
    (Field::Image, "image"),
    (Field::Audio, "audio"),
    (Field::Video, "video"),
    (Field::Document, "document"),
    (Field::Sticker, "sticker"),
    (Field::Location, "location"),
    (Field::Contacts, "contacts"),
    (Field::Interactive, "interactive"),
    (Field::Template, "template"),
    (Field::Reaction, "reaction"),
];

/// Members that are judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Field {
    Text,
    Image,
    Audio,
    Video,
    Document,
    Sticker,
    Location,
    Contacts,
    Interactive,
    Template,
    Reaction,
    To,
    Recipient,
    RecipientType,
    Type,
    Status,
    MessageId,
    TypingIndicator,
    BizOpaque,
    MessagingProduct,
    Method,
    Batch,
}

const SCALARS: [(Field, &str); 11] = [
    (Field::To, "to"),
    (Field::Recipient, "recipient"),
    (Field::RecipientType, "recipient_type"),
    (Field::Type, "type"),
    (Field::Status, "status"),
    (Field::MessageId, "message_id"),
    (Field::TypingIndicator, "typing_indicator"),
    (Field::BizOpaque, "biz_opaque_callback_data"),
    (Field::MessagingProduct, "messaging_product"),
    (Field::Method, "method"),
    (Field::Batch, "batch"),
];

impl Field {
    /// The judged member of this name.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "messaging_product" => Self::MessagingProduct,
            "to" => Self::To,
            "type" => Self::Type,
            "text" => Self::Text,
            "template" => Self::Template,
            "recipient_type" => Self::RecipientType,
            "recipient" => Self::Recipient,
            "interactive" => Self::Interactive,
            "image" => Self::Image,
            "audio" => Self::Audio,
            "video" => Self::Video,
            "document" => Self::Document,
            "sticker" => Self::Sticker,
            "location" => Self::Location,
            "contacts" => Self::Contacts,
            "reaction" => Self::Reaction,
            "status" => Self::Status,
            "message_id" => Self::MessageId,
            "typing_indicator" => Self::TypingIndicator,
            "biz_opaque_callback_data" => Self::BizOpaque,
            "method" => Self::Method,
            "batch" => Self::Batch,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        CONTENT
            .iter()
            .chain(&SCALARS)
            .find(|(field, _)| *field == self)
            .map_or("", |(_, name)| name)
    }

    pub(super) fn bit(self) -> u32 {
        1 << (self as u8)
    }
}

/// The judged members as they stand.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Fields<'a> {
    pub(super) to: Option<Cow<'a, str>>,
    pub(super) recipient: Option<Cow<'a, str>>,
    pub(super) recipient_type: Option<Cow<'a, str>>,
    pub(super) kind: Option<Cow<'a, str>>,
    pub(super) status: Option<Cow<'a, str>>,
    pub(super) message_id: Option<Cow<'a, str>>,
    pub(super) biz: Option<Cow<'a, str>>,
    pub(super) messaging_product: Option<Cow<'a, str>>,
    pub(super) method: Option<Cow<'a, str>>,
    pub(super) template: Option<Template<'a>>,
    pub(super) interactive: Option<Interactive<'a>>,
    /// Bits of the content objects that are there and not `null`.
    pub(super) content: u32,
    pub(super) typing: bool,
    seen: u32,
}

/// What is judged of a template.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Template<'a> {
    pub(super) name: Option<Cow<'a, str>>,
    pub(super) language: Option<Cow<'a, str>>,
}

/// What is judged of an interactive message.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Interactive<'a> {
    pub(super) kind: Option<Cow<'a, str>>,
    pub(super) action: Option<Cow<'a, str>>,
}

impl<'a> Fields<'a> {
    /// Reads a JSON object.
    pub(super) fn from_json(json: &'a [u8]) -> Result<Self, ShapeError> {
        check_nesting(json)?;
        // Text that is known to be UTF-8 is read without checking each string of it again.
        let read = match std::str::from_utf8(json) {
            Ok(text) => Self::read(&mut serde_json::Deserializer::from_str(text)),
            Err(_) => Self::read(&mut serde_json::Deserializer::from_slice(json)),
        };
        read.map_err(|error| json_error(&error))
    }

    fn read<R: serde_json::de::Read<'a>>(
        reader: &mut serde_json::Deserializer<R>,
    ) -> Result<Self, serde_json::Error> {
        let mut fields = Fields::default();
        TopSeed(&mut fields).deserialize(&mut *reader)?;
        reader.end()?;
        Ok(fields)
    }

    /// Reads parameters of a form or query; objects among them are JSON texts.
    pub(super) fn from_pairs(
        pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<Self, ShapeError> {
        let mut fields = Fields::default();
        for (name, value) in pairs {
            let Some(field) = judged(&name)? else {
                continue;
            };
            fields.mark(field)?;
            fields.take_text(field, value)?;
        }
        Ok(fields)
    }

    pub(super) fn mark(&mut self, field: Field) -> Result<(), ShapeError> {
        if self.seen & field.bit() != 0 {
            return Err(ShapeError::new(format!(
                "`{}` is given twice",
                field.name()
            )));
        }
        self.seen |= field.bit();
        Ok(())
    }

    pub(super) fn slot(&mut self, field: Field) -> Option<&mut Option<Cow<'a, str>>> {
        Some(match field {
            Field::To => &mut self.to,
            Field::Recipient => &mut self.recipient,
            Field::RecipientType => &mut self.recipient_type,
            Field::Type => &mut self.kind,
            Field::Status => &mut self.status,
            Field::MessageId => &mut self.message_id,
            Field::BizOpaque => &mut self.biz,
            Field::MessagingProduct => &mut self.messaging_product,
            Field::Method => &mut self.method,
            _ => return None,
        })
    }

    fn take_text(&mut self, field: Field, value: Cow<'a, str>) -> Result<(), ShapeError> {
        if let Some(slot) = self.slot(field) {
            *slot = Some(value);
            return Ok(());
        }
        let json = value.trim();
        if json.is_empty() {
            return Err(ShapeError::new(format!("`{}` is empty", field.name())));
        }
        if json == "null" {
            return Ok(());
        }
        match field {
            Field::Template | Field::Interactive => {
                check_nesting(json.as_bytes())?;
                let mut inner = Fields::default();
                let mut reader = serde_json::Deserializer::from_str(json);
                ValueSeed(&mut inner, field)
                    .deserialize(&mut reader)
                    .and_then(|()| reader.end())
                    .map_err(|error| json_error(&error))?;
                self.template = inner
                    .template
                    .map(Template::into_owned)
                    .or(self.template.take());
                self.interactive = inner
                    .interactive
                    .map(Interactive::into_owned)
                    .or(self.interactive.take());
                self.content |= inner.content;
            }
            Field::TypingIndicator => self.typing = true,
            Field::Batch => return Err(batch_elsewhere()),
            content => self.content |= content.bit(),
        }
        Ok(())
    }

    /// Joins parameters of the query with those of the body; they must agree.
    pub(super) fn join(mut self, other: Self) -> Result<Self, ShapeError> {
        fn one<T: PartialEq>(
            name: &str,
            a: &mut Option<T>,
            b: Option<T>,
        ) -> Result<(), ShapeError> {
            match (a.as_ref(), b) {
                (Some(a), Some(b)) if *a != b => Err(ShapeError::new(format!(
                    "`{name}` differs between the query string and the body"
                ))),
                (Some(_), _) | (None, None) => Ok(()),
                (None, b) => {
                    *a = b;
                    Ok(())
                }
            }
        }
        one("to", &mut self.to, other.to)?;
        one("recipient", &mut self.recipient, other.recipient)?;
        one(
            "recipient_type",
            &mut self.recipient_type,
            other.recipient_type,
        )?;
        one("type", &mut self.kind, other.kind)?;
        one("status", &mut self.status, other.status)?;
        one("message_id", &mut self.message_id, other.message_id)?;
        one("biz_opaque_callback_data", &mut self.biz, other.biz)?;
        one(
            "messaging_product",
            &mut self.messaging_product,
            other.messaging_product,
        )?;
        one("method", &mut self.method, other.method)?;
        one("template", &mut self.template, other.template)?;
        one("interactive", &mut self.interactive, other.interactive)?;
        self.content |= other.content;
        self.typing |= other.typing;
        self.seen |= other.seen;
        Ok(self)
    }

    /// The same, owning its text.
    pub(super) fn into_owned(self) -> Fields<'static> {
        Fields {
            to: own(self.to),
            recipient: own(self.recipient),
            recipient_type: own(self.recipient_type),
            kind: own(self.kind),
            status: own(self.status),
            message_id: own(self.message_id),
            biz: own(self.biz),
            messaging_product: own(self.messaging_product),
            method: own(self.method),
            template: self.template.map(Template::into_owned),
            interactive: self.interactive.map(Interactive::into_owned),
            content: self.content,
            typing: self.typing,
            seen: self.seen,
        }
    }
}

impl Template<'_> {
    fn into_owned<'b>(self) -> Template<'b> {
        Template {
            name: own(self.name),
            language: own(self.language),
        }
    }
}

impl Interactive<'_> {
    fn into_owned<'b>(self) -> Interactive<'b> {
        Interactive {
            kind: own(self.kind),
            action: own(self.action),
        }
    }
}

fn own<'b>(text: Option<Cow<'_, str>>) -> Option<Cow<'b, str>> {
    text.map(|text| Cow::Owned(text.into_owned()))
}

/// The judged member of a name; an error where a name only looks like one.
pub(super) fn judged(name: &str) -> Result<Option<Field>, ShapeError> {
    if let Some(field) = Field::of(name) {
        return Ok(Some(field));
    }
    let names = CONTENT.iter().chain(&SCALARS).map(|(_, name)| *name);
    match disguised(name, names) {
        Some(judged) => Err(ShapeError::new(format!(
            "a parameter could be taken for `{judged}`; write exactly `{judged}`"
        ))),
        None => Ok(None),
    }
}

pub(super) fn batch_elsewhere() -> ShapeError {
    ShapeError::new("`batch` belongs in a `POST /`, not in a send")
}
