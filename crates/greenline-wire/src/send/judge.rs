//! What the members of a send mean together.

use std::borrow::Cow;

use super::fields::{CONTENT, Field, Fields};
use super::{Addressee, FreeFormKind, RecipientType, Send, SendKind};
use crate::ShapeError;

/// Turns members into a send, or says why they do not make one.
pub(super) fn judge(fields: Fields<'_>) -> Result<Send<'_>, ShapeError> {
    if fields
        .messaging_product
        .as_deref()
        .is_some_and(|product| product != "whatsapp")
    {
        return Err(ShapeError::new("`messaging_product` must be `whatsapp`"));
    }
    if fields
        .method
        .as_deref()
        .is_some_and(|method| !method.eq_ignore_ascii_case("post"))
    {
        return Err(ShapeError::new("`method` of a send must be `post`"));
    }
    let recipient_type = recipient_type(fields.recipient_type.as_deref())?;
    if let Some(to) = fields.to.as_deref() {
        check_addressee("to", to, recipient_type)?;
    }
    if let Some(recipient) = fields.recipient.as_deref() {
        if recipient_type == RecipientType::Group && fields.to.is_some() {
            return Err(ShapeError::new(
                "`recipient` cannot stand beside a group in `to`",
            ));
        }
        check_addressee("recipient", recipient, RecipientType::Individual)?;
    }
    let unaddressed = fields.to.is_none() && fields.recipient.is_none();
    let Judged { kind, rest } = match fields.status.as_deref() {
        Some("read") => mark_read(fields)?,
        Some(_) => return Err(ShapeError::new("`status` must be `read`")),
        None if unaddressed => {
            return Err(ShapeError::new("neither `to` nor `recipient` is given"));
        }
        None => content(fields)?,
    };
    Ok(Send {
        to: rest.to,
        recipient: rest.recipient,
        recipient_type,
        kind,
        biz_opaque_callback_data: rest.biz,
    })
}

/// The kind, and the members it did not take.
struct Judged<'a> {
    kind: SendKind<'a>,
    rest: Fields<'a>,
}

fn mark_read(mut fields: Fields<'_>) -> Result<Judged<'_>, ShapeError> {
    if fields.content != 0 || fields.kind.is_some() {
        return Err(ShapeError::new(
            "`status` cannot stand beside `type` or content",
        ));
    }
    let message_id = fields
        .message_id
        .take()
        .filter(|id| !id.is_empty())
        .ok_or_else(|| ShapeError::new("`message_id` is missing beside `status`"))?;
    Ok(Judged {
        kind: SendKind::MarkRead {
            message_id,
            typing: fields.typing,
        },
        rest: fields,
    })
}

fn content(mut fields: Fields<'_>) -> Result<Judged<'_>, ShapeError> {
    let field = content_field(&fields)?;
    let kind = match field {
        Field::Template => template(&mut fields)?,
        Field::Interactive => interactive(&fields)?,
        Field::Reaction => SendKind::Reaction,
        Field::Text => free(FreeFormKind::Text),
        Field::Image => free(FreeFormKind::Image),
        Field::Audio => free(FreeFormKind::Audio),
        Field::Video => free(FreeFormKind::Video),
        Field::Document => free(FreeFormKind::Document),
        Field::Sticker => free(FreeFormKind::Sticker),
        Field::Location => free(FreeFormKind::Location),
        Field::Contacts => free(FreeFormKind::Contacts),
        _ => return Err(ShapeError::new("`type` names no content")),
    };
    Ok(Judged { kind, rest: fields })
}

fn free<'a>(kind: FreeFormKind) -> SendKind<'a> {
    SendKind::FreeForm { kind }
}

/// Which content is meant: what `type` says and nothing beside it, or without
/// `type` the only content there is.
fn content_field(fields: &Fields<'_>) -> Result<Field, ShapeError> {
    let named = match fields.kind.as_deref() {
        None => None,
        Some(kind) => Some(
            CONTENT
                .iter()
                .find(|(_, name)| *name == kind)
                .map(|(field, _)| *field)
                .ok_or_else(|| unknown_type(kind))?,
        ),
    };
    let mut there = CONTENT
        .iter()
        .filter(|(field, _)| fields.content & field.bit() != 0);
    let (first, second) = (there.next(), there.next());
    match (named, first, second) {
        (_, Some((_, a)), Some((_, b))) => Err(ShapeError::new(format!(
            "`{a}` and `{b}` are both given; a message has one content"
        ))),
        (Some(named), Some((first, other)), None) if named != *first => Err(ShapeError::new(
            format!("`type` is `{}` but the content is `{other}`", named.name()),
        )),
        (Some(named), _, None) => Ok(named),
        (None, Some((field, _)), None) => Ok(*field),
        (None, None, _) => Err(ShapeError::new(
            "nothing to send: neither `type` nor any content such as `text` is given",
        )),
        (Some(_), None, Some(_)) => Err(ShapeError::new("`type` names no content")),
    }
}

fn unknown_type(kind: &str) -> ShapeError {
    let plain = |b: u8| b.is_ascii_lowercase() || b == b'_';
    if kind.len() <= 32 && kind.bytes().all(plain) && !kind.is_empty() {
        ShapeError::new(format!("`type` `{kind}` is not known"))
    } else {
        ShapeError::new("`type` is not known")
    }
}

fn template<'a>(fields: &mut Fields<'a>) -> Result<SendKind<'a>, ShapeError> {
    let template = fields
        .template
        .take()
        .ok_or_else(|| ShapeError::new("`template` is missing"))?;
    let given = |text: Option<Cow<'a, str>>, what: &'static str| {
        text.filter(|text| !text.is_empty())
            .ok_or_else(|| ShapeError::new(format!("`{what}` is missing")))
    };
    Ok(SendKind::Template {
        name: given(template.name, "template.name")?,
        language: given(template.language, "template.language.code")?,
    })
}

const CALL_PERMISSION: &str = "call_permission_request";

fn interactive<'a>(fields: &Fields<'a>) -> Result<SendKind<'a>, ShapeError> {
    let interactive = fields
        .interactive
        .as_ref()
        .ok_or_else(|| ShapeError::new("`interactive` is missing"))?;
    match interactive.kind.as_deref() {
        None | Some("") => Err(ShapeError::new("`interactive.type` is missing")),
        Some(CALL_PERMISSION) => Ok(SendKind::CallPermissionRequest),
        Some(_) if interactive.action.as_deref() == Some(CALL_PERMISSION) => Err(ShapeError::new(
            "`interactive.action` asks for a call permission but `interactive.type` does not",
        )),
        Some(_) => Ok(free(FreeFormKind::Interactive)),
    }
}

fn recipient_type(text: Option<&str>) -> Result<RecipientType, ShapeError> {
    match text {
        None | Some("individual") => Ok(RecipientType::Individual),
        Some("group") => Ok(RecipientType::Group),
        Some(_) => Err(ShapeError::new(
            "`recipient_type` must be `individual` or `group`",
        )),
    }
}

/// Phone numbers are at most this long, formatting included.
const PHONE_BYTES_MAX: usize = 40;
/// Group ids are at most this long.
const GROUP_BYTES_MAX: usize = 128;

/// Whether an addressee can be read at all; which person it is, is found later.
pub(crate) fn check_addressee(
    name: &'static str,
    text: &str,
    kind: RecipientType,
) -> Result<(), ShapeError> {
    if text.is_empty() {
        return Err(ShapeError::new(format!("`{name}` is empty")));
    }
    if kind == RecipientType::Group {
        let plain = text.bytes().all(|b| b.is_ascii_graphic());
        return if plain && text.len() <= GROUP_BYTES_MAX {
            Ok(())
        } else {
            Err(ShapeError::new(format!("`{name}` is not a group id")))
        };
    }
    let readable = match Addressee::of(text) {
        Addressee::UserId(_) | Addressee::Group(_) => true,
        Addressee::Phone(phone) => is_phone(&phone),
    };
    if readable {
        Ok(())
    } else {
        Err(ShapeError::new(format!(
            "`{name}` is neither a phone number nor a user id"
        )))
    }
}

/// Digits with the usual formatting around them.
fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let formatting = |b: u8| matches!(b, b' ' | b'-' | b'(' | b')' | b'.' | b'/');
    let trimmed = text.trim_start_matches([' ', '(']);
    let rest = trimmed.strip_prefix('+').unwrap_or(trimmed);
    text.len() <= PHONE_BYTES_MAX
        && (5..=20).contains(&digits)
        && rest.bytes().all(|b| b.is_ascii_digit() || formatting(b))
}
