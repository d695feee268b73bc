//! Reading of a send request, in every shape that clients use.
//!
//! Strict on purpose: whatever the platform might read differently than we do
//! (a field given twice, a body that disagrees with the query string, a text
//! message that also carries a template) is refused as unreadable. Fields that
//! play no part in a decision are skipped without being looked at. This module
//! does not say whether a send may go.

use std::borrow::Cow;
use std::fmt;

use crate::ShapeError;
use crate::form;
use crate::shy::Masked;

mod fields;
mod judge;
mod seeds;

use fields::Fields;
use judge::judge;

pub(crate) use judge::check_addressee;

/// A request to `/messages` or `/marketing_messages`, as far as it is judged by.
#[derive(Clone, PartialEq, Eq)]
pub struct Send<'a> {
    /// `to` as sent, or `None` where it is missing (a mark-as-read needs none).
    pub to: Option<Cow<'a, str>>,
    /// `recipient` as sent: a business-scoped user id (SND-70).
    pub recipient: Option<Cow<'a, str>>,
    /// What `to` names.
    pub recipient_type: RecipientType,
    /// What is to be sent.
    pub kind: SendKind<'a>,
    /// `biz_opaque_callback_data`, which comes back in statuses (WH-36).
    pub biz_opaque_callback_data: Option<Cow<'a, str>>,
}

/// Who is addressed.
#[derive(Clone, PartialEq, Eq)]
pub enum Addressee<'a> {
    /// A phone number as sent, with whatever formatting.
    Phone(Cow<'a, str>),
    /// A business-scoped user id, `CC.…` or `CC.ENT.…` (SND-70).
    UserId(Cow<'a, str>),
    /// A group.
    Group(Cow<'a, str>),
}

/// What `to` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RecipientType {
    /// One person.
    #[default]
    Individual,
    /// A group; it holds people we may not know.
    Group,
}

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendKind<'a> {
    /// Anything that is not a template: only inside an open window (SND-02).
    FreeForm {
        /// Which kind of content.
        kind: FreeFormKind,
    },
    /// A template.
    Template {
        /// Its name.
        name: Cow<'a, str>,
        /// Its language code, such as `en_US`.
        language: Cow<'a, str>,
    },
    /// Marks an inbound message as read; shows nothing new but, with `typing`, a typing sign.
    MarkRead {
        /// The inbound message.
        message_id: Cow<'a, str>,
        /// Whether a typing sign is shown.
        typing: bool,
    },
    /// An interactive message that asks for permission to call.
    CallPermissionRequest,
    /// A reaction to an earlier message.
    Reaction,
}

/// Content of a message that is not a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeFormKind {
    /// `text`
    Text,
    /// `image`
    Image,
    /// `audio`
    Audio,
    /// `video`
    Video,
    /// `document`
    Document,
    /// `sticker`
    Sticker,
    /// `location`
    Location,
    /// `contacts`
    Contacts,
    /// `interactive`, other than a call permission request
    Interactive,
}

/// A request body whose content type is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// `application/json`
    Json(&'a [u8]),
    /// `application/x-www-form-urlencoded`
    Form(&'a [u8]),
    /// No body at all.
    Empty,
}

impl<'a> Send<'a> {
    /// Everyone this send addresses: none, one, or both `to` and `recipient`.
    pub fn addressees(&self) -> impl Iterator<Item = Addressee<'_>> {
        let to = self.to.as_deref().map(|to| match self.recipient_type {
            RecipientType::Group => Addressee::Group(Cow::Borrowed(to)),
            RecipientType::Individual => Addressee::of(to),
        });
        let recipient = self.recipient.as_deref().map(Addressee::of);
        to.into_iter().chain(recipient)
    }

    /// The same, owning its text.
    #[must_use]
    pub fn into_owned(self) -> Send<'static> {
        let own = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        Send {
            to: self.to.map(own),
            recipient: self.recipient.map(own),
            recipient_type: self.recipient_type,
            kind: match self.kind {
                SendKind::FreeForm { kind } => SendKind::FreeForm { kind },
                SendKind::Template { name, language } => SendKind::Template {
                    name: own(name),
                    language: own(language),
                },
                SendKind::MarkRead { message_id, typing } => SendKind::MarkRead {
                    message_id: own(message_id),
                    typing,
                },
                SendKind::CallPermissionRequest => SendKind::CallPermissionRequest,
                SendKind::Reaction => SendKind::Reaction,
            },
            biz_opaque_callback_data: self.biz_opaque_callback_data.map(own),
        }
    }
}

impl<'a> Addressee<'a> {
    /// Tells a user id from a phone number by its form (SND-70).
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        if is_user_id(text) {
            Self::UserId(Cow::Borrowed(text))
        } else {
            Self::Phone(Cow::Borrowed(text))
        }
    }
}

/// Whether a text has the form of a business-scoped user id, `CC.…` or `CC.ENT.…` (SND-70).
#[must_use]
pub fn is_user_id(text: &str) -> bool {
    let Some((country, rest)) = text.split_once('.') else {
        return false;
    };
    let id = rest.strip_prefix("ENT.").unwrap_or(rest);
    country.len() == 2
        && country.bytes().all(|b| b.is_ascii_alphabetic())
        && (1..=128).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Bodies of sends are at most this long.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Reads a JSON body.
pub fn parse_json(body: &[u8]) -> Result<Send<'_>, ShapeError> {
    check_size(body)?;
    judge(Fields::from_json(body)?)
}

/// Reads a form-encoded body, in which objects are JSON texts (`template={"name":…}`).
pub fn parse_form(body: &[u8]) -> Result<Send<'static>, ShapeError> {
    check_size(body)?;
    judge(Fields::from_pairs(form::pairs(body)?)?.into_owned())
}

/// Reads a body together with the query string (without `?`), whose parameters
/// the platform accepts as well. A field we judge by must not differ between the two.
pub fn parse_query<'a>(query: &str, body: Body<'a>) -> Result<Send<'a>, ShapeError> {
    let from_body = match body {
        Body::Json(json) => {
            check_size(json)?;
            Fields::from_json(json)?
        }
        Body::Form(form) => {
            check_size(form)?;
            Fields::from_pairs(form::pairs(form)?)?
        }
        Body::Empty => Fields::default(),
    };
    if query.is_empty() {
        return judge(from_body);
    }
    let from_query = Fields::from_pairs(form::pairs(query.as_bytes())?)?.into_owned();
    judge(from_body.join(from_query)?)
}

fn check_size(body: &[u8]) -> Result<(), ShapeError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(ShapeError::new(format!(
            "the body is longer than {BODY_BYTES_MAX} bytes"
        )));
    }
    Ok(())
}

impl fmt::Debug for Send<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Send")
            .field("to", &self.to.as_deref().map(Masked))
            .field("recipient", &self.recipient.as_deref().map(Masked))
            .field("recipient_type", &self.recipient_type)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, length) = match self {
            Body::Json(bytes) => ("Json", bytes.len()),
            Body::Form(bytes) => ("Form", bytes.len()),
            Body::Empty => ("Empty", 0),
        };
        write!(f, "{kind}({length} bytes)")
    }
}

impl fmt::Debug for Addressee<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, text) = match self {
            Addressee::Phone(text) => ("Phone", text),
            Addressee::UserId(text) => ("UserId", text),
            Addressee::Group(text) => ("Group", text),
        };
        f.debug_tuple(kind).field(&Masked(text)).finish()
    }
}
