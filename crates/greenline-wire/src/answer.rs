//! Reading of upstream answers as they pass: what a send was given, and what
//! reads teach about templates, numbers and media.
//!
//! Lenient: a part that cannot be read is missing, the others stay.

use std::borrow::Cow;

use crate::json::{Json, Tape};
use crate::shy::shy_debug;

mod paging;

pub use paging::rewrite_paging;

/// The answer to an accepted send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendAnswer<'a> {
    /// The messages that were made.
    pub messages: Vec<SentMessage<'a>>,
    /// Who they go to.
    pub contacts: Vec<SentContact<'a>>,
    /// `success`, for a mark-as-read.
    pub success: Option<bool>,
}

/// The ids of the messages that a send made, by an answer of the usual shape read straight through, else by
/// [`read_send`].
#[must_use]
pub fn message_ids<C: FromIterator<Box<str>>>(body: &[u8]) -> C {
    if let Some(id) = usual_id(body) {
        return std::iter::once(id.into()).collect();
    }
    read_send(body)
        .into_iter()
        .flat_map(|answer| answer.messages)
        .map(|message| message.id.into())
        .collect()
}

/// The one message id of an answer that is, byte for byte, what the platform writes for one person
/// (SND-26). `None` for anything else.
fn usual_id(body: &[u8]) -> Option<&str> {
    fn plain<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
        let end = from
            .iter()
            .position(|byte| matches!(byte, 0..=0x1f | b'"' | b'\\' | 0x80..))?;
        let (text, rest) = from.split_at_checked(end)?;
        *from = rest.strip_prefix(b"\"")?;
        Some(text)
    }
    let mut rest =
        body.strip_prefix(br#"{"messaging_product":"whatsapp","contacts":[{"input":""#)?;
    plain(&mut rest)?;
    let mut rest = rest.strip_prefix(br#","wa_id":""#)?;
    plain(&mut rest)?;
    if let Some(user) = rest.strip_prefix(br#","user_id":""#) {
        rest = user;
        plain(&mut rest)?;
    }
    let mut rest = rest.strip_prefix(br#"}],"messages":[{"id":""#)?;
    let id = plain(&mut rest)?;
    if let Some(status) = rest.strip_prefix(br#","message_status":""#) {
        rest = status;
        plain(&mut rest)?;
    }
    (rest == b"}]}" && !id.is_empty()).then(|| str::from_utf8(id).ok())?
}

/// A message that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentMessage<'a> {
    /// The message id.
    pub id: Cow<'a, str>,
    /// `message_status` (SND-26).
    pub status: Option<MessageStatus<'a>>,
}

/// `message_status` of an accepted send (SND-26).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageStatus<'a> {
    /// `accepted`
    Accepted,
    /// `held_for_quality_assessment`
    Held,
    /// `paused`
    Paused,
    /// Any other text.
    Other(Cow<'a, str>),
}

/// Who an accepted send goes to.
#[derive(Clone, PartialEq, Eq)]
pub struct SentContact<'a> {
    /// What was sent as `to` or `recipient`.
    pub input: Option<Cow<'a, str>>,
    /// The person's WhatsApp id.
    pub wa_id: Option<Cow<'a, str>>,
    /// The person's business-scoped user id.
    pub user_id: Option<Cow<'a, str>>,
}

/// One template of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template<'a> {
    /// Its id.
    pub id: Option<Cow<'a, str>>,
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its language code.
    pub language: Option<Cow<'a, str>>,
    /// `APPROVED`, `PAUSED`, …
    pub status: Option<Cow<'a, str>>,
    /// `MARKETING`, `UTILITY`, `AUTHENTICATION` (SND-01).
    pub category: Option<Cow<'a, str>>,
    /// `correct_category`: what it is about to become.
    pub correct_category: Option<Cow<'a, str>>,
    /// `quality_score.score` (SND-20).
    pub quality: Option<Cow<'a, str>>,
    /// Text of its header.
    pub header: Option<Cow<'a, str>>,
    /// Text of its body.
    pub body: Option<Cow<'a, str>>,
    /// Text of its footer.
    pub footer: Option<Cow<'a, str>>,
    /// Its buttons.
    pub buttons: Vec<TemplateButton<'a>>,
}

/// A button of a template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateButton<'a> {
    /// `QUICK_REPLY`, `URL`, …
    pub kind: Option<Cow<'a, str>>,
    /// What it says.
    pub text: Option<Cow<'a, str>>,
}

/// A page of templates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates<'a> {
    /// The rows that could be read.
    pub rows: Vec<Template<'a>>,
    /// How many rows could not.
    pub unreadable: usize,
    /// `paging.cursors.after`, where there is a next page.
    pub after: Option<Cow<'a, str>>,
}

/// Fields of a phone number, as far as the read asked for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumberFields<'a> {
    /// The phone number id.
    pub id: Option<Cow<'a, str>>,
    /// `display_phone_number`
    pub display_phone_number: Option<Cow<'a, str>>,
    /// `verified_name`
    pub verified_name: Option<Cow<'a, str>>,
    /// `status`: `CONNECTED`, `BANNED`, …
    pub status: Option<Cow<'a, str>>,
    /// `quality_rating`: `GREEN`, `YELLOW`, `RED`, `NA`, `UNKNOWN` (QL-01).
    pub quality_rating: Option<Cow<'a, str>>,
    /// `throughput.level`
    pub throughput: Option<Cow<'a, str>>,
    /// `whatsapp_business_manager_messaging_limit`, else `messaging_limit_tier` (QL-11).
    pub messaging_limit: Option<Cow<'a, str>>,
    /// `name_status`
    pub name_status: Option<Cow<'a, str>>,
    /// `code_verification_status`
    pub code_verification_status: Option<Cow<'a, str>>,
    /// `account_mode`
    pub account_mode: Option<Cow<'a, str>>,
    /// `health_status` (QL-40).
    pub health: Option<Health<'a>>,
}

/// Fields of an account, as far as the read asked for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountFields<'a> {
    /// The account's id.
    pub id: Option<Cow<'a, str>>,
    /// `status`
    pub status: Option<Cow<'a, str>>,
    /// `account_review_status`
    pub review_status: Option<Cow<'a, str>>,
    /// `whatsapp_business_manager_messaging_limit` (QL-11).
    pub messaging_limit: Option<Cow<'a, str>>,
    /// `health_status` (QL-40).
    pub health: Option<Health<'a>>,
}

/// `health_status` (QL-40 to QL-43).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health<'a> {
    /// `can_send_message`: `AVAILABLE`, `LIMITED`, `BLOCKED`.
    pub can_send: Option<Cow<'a, str>>,
    /// One row per entity.
    pub entities: Vec<HealthEntity<'a>>,
}

/// One entity of a `health_status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthEntity<'a> {
    /// `PHONE_NUMBER`, `MESSAGE_TEMPLATE`, `WABA`, `BUSINESS`, `APP`.
    pub kind: Option<Cow<'a, str>>,
    /// Its id.
    pub id: Option<Cow<'a, str>>,
    /// `can_send_message`
    pub can_send: Option<Cow<'a, str>>,
    /// `can_receive_call_sip`
    pub can_receive_call_sip: Option<Cow<'a, str>>,
    /// `errors[]`
    pub errors: Vec<HealthError<'a>>,
    /// `additional_info[]`
    pub additional_info: Vec<Cow<'a, str>>,
}

/// One error of a health entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthError<'a> {
    /// `error_code`
    pub code: Option<i64>,
    /// `error_description`
    pub description: Option<Cow<'a, str>>,
    /// `possible_solution`
    pub solution: Option<Cow<'a, str>>,
}

/// What the platform says of a token (`debug_token`, TOK-01). It never repeats the token itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenFields<'a> {
    /// `app_id`: the app that the token is of.
    pub app_id: Option<Cow<'a, str>>,
    /// `type`: `SYSTEM_USER`, `USER`, …
    pub kind: Option<Cow<'a, str>>,
    /// `expires_at`, Unix seconds; 0 for a token that does not end (TOK-02).
    pub expires_s: Option<i64>,
    /// `data_access_expires_at`, Unix seconds; 0 for never.
    pub data_access_expires_s: Option<i64>,
    /// `is_valid`
    pub is_valid: Option<bool>,
}

/// A media file, as uploaded or looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// Where its bytes can be read, for a look-up.
    pub url: Option<Cow<'a, str>>,
}

/// Reads the answer to a send; `None` where it is not one.
#[must_use]
pub fn read_send(body: &[u8]) -> Option<SendAnswer<'_>> {
    let tape = Tape::of(body)?;
    let object = tape.object()?;
    let answer = SendAnswer {
        messages: object
            .objects("messages")
            .filter_map(|m| sent_message(&m))
            .collect(),
        contacts: object
            .objects("contacts")
            .map(|contact| SentContact {
                input: contact.word("input"),
                wa_id: contact.word("wa_id"),
                user_id: contact.word("user_id"),
            })
            .collect(),
        success: object.truth("success"),
    };
    (!answer.messages.is_empty() || answer.success.is_some()).then_some(answer)
}

fn sent_message<'a>(message: &Json<'_, 'a>) -> Option<SentMessage<'a>> {
    Some(SentMessage {
        id: message.word("id")?,
        status: message.word("message_status").map(|status| match &*status {
            "accepted" => MessageStatus::Accepted,
            "held_for_quality_assessment" => MessageStatus::Held,
            "paused" => MessageStatus::Paused,
            _ => MessageStatus::Other(status),
        }),
    })
}

/// Reads a list of templates, or one template.
#[must_use]
pub fn read_templates(body: &[u8]) -> Option<Templates<'_>> {
    let tape = Tape::of(body)?;
    let object = tape.object()?;
    if !object.has("data") {
        let row = template(&object)?;
        return Some(Templates {
            rows: vec![row],
            ..Templates::default()
        });
    }
    let rows: Vec<_> = object
        .elements("data")
        .filter_map(|row| template(&row))
        .collect();
    Some(Templates {
        unreadable: object.elements("data").count() - rows.len(),
        rows,
        after: next_page(&object),
    })
}

/// The cursor of the next page, where there is one.
fn next_page<'a>(object: &Json<'_, 'a>) -> Option<Cow<'a, str>> {
    let paging = object.object("paging")?;
    paging.word("next")?;
    paging.object("cursors")?.word("after")
}

fn template<'a>(object: &Json<'_, 'a>) -> Option<Template<'a>> {
    let quality = object
        .object("quality_score")
        .and_then(|score| score.word("score"))
        .or_else(|| object.word("quality_score"));
    let mut template = Template {
        id: object.word("id"),
        name: object.word("name")?,
        language: object.word("language"),
        status: object.word("status"),
        category: object.word("category"),
        correct_category: object.word("correct_category"),
        quality,
        ..Template::default()
    };
    for component in object.objects("components") {
        let text = component.text("text");
        match component.word("type").unwrap_or_default() {
            kind if kind.eq_ignore_ascii_case("header") => template.header = text,
            kind if kind.eq_ignore_ascii_case("body") => template.body = text,
            kind if kind.eq_ignore_ascii_case("footer") => template.footer = text,
            kind if kind.eq_ignore_ascii_case("buttons") => {
                template.buttons = component
                    .objects("buttons")
                    .map(|button| TemplateButton {
                        kind: button.word("type"),
                        text: button.word("text"),
                    })
                    .collect();
            }
            _ => {}
        }
    }
    Some(template)
}

/// Reads the fields of one number.
#[must_use]
pub fn read_number(body: &[u8]) -> Option<NumberFields<'_>> {
    let tape = Tape::of(body)?;
    let object = tape.object()?;
    (!object.has("error") && !object.has("data")).then(|| number(&object))
}

/// Reads a list of numbers (`data[]`).
#[must_use]
pub fn read_numbers(body: &[u8]) -> Vec<NumberFields<'_>> {
    let tape = Tape::of(body);
    let object = tape.as_ref().and_then(Tape::object);
    object.map_or_else(Vec::new, |object| {
        object.objects("data").map(|row| number(&row)).collect()
    })
}

fn number<'a>(object: &Json<'_, 'a>) -> NumberFields<'a> {
    NumberFields {
        id: object.word("id"),
        display_phone_number: object.word("display_phone_number"),
        verified_name: object.word("verified_name"),
        status: object.word("status"),
        quality_rating: object.word("quality_rating"),
        throughput: object
            .object("throughput")
            .and_then(|throughput| throughput.word("level"))
            .or_else(|| object.word("throughput")),
        messaging_limit: messaging_limit(object).or_else(|| object.word("messaging_limit_tier")),
        name_status: object.word("name_status"),
        code_verification_status: object.word("code_verification_status"),
        account_mode: object.word("account_mode"),
        health: health(object),
    }
}

fn messaging_limit<'a>(object: &Json<'_, 'a>) -> Option<Cow<'a, str>> {
    object.word("whatsapp_business_manager_messaging_limit")
}

/// Reads the fields of an account.
#[must_use]
pub fn read_account(body: &[u8]) -> Option<AccountFields<'_>> {
    let tape = Tape::of(body)?;
    let object = tape.object()?;
    (!object.has("error") && !object.has("data")).then(|| AccountFields {
        id: object.word("id"),
        status: object.word("status"),
        review_status: object.word("account_review_status"),
        messaging_limit: messaging_limit(&object),
        health: health(&object),
    })
}

fn health<'a>(object: &Json<'_, 'a>) -> Option<Health<'a>> {
    let health = object.object("health_status")?;
    let entities = health.objects("entities").map(|entity| HealthEntity {
        kind: entity.word("entity_type"),
        id: entity.word("id"),
        can_send: entity.word("can_send_message"),
        can_receive_call_sip: entity.word("can_receive_call_sip"),
        errors: entity
            .objects("errors")
            .map(|error| HealthError {
                code: error.integer("error_code"),
                description: error.word("error_description"),
                solution: error.word("possible_solution"),
            })
            .collect(),
        additional_info: entity
            .elements("additional_info")
            .filter_map(|line| line.as_text())
            .collect(),
    });
    Some(Health {
        can_send: health.word("can_send_message"),
        entities: entities.collect(),
    })
}

/// Reads which apps get an account's webhooks (`subscribed_apps`): the id of each, where it has one; `None` for what is
/// no such list (TOK-05).
#[must_use]
pub fn read_subscribed(body: &[u8]) -> Option<Vec<Option<Cow<'_, str>>>> {
    let tape = Tape::of(body)?;
    let object = tape.object()?;
    let is_list = object.has("data") && !object.has("error");
    is_list.then(|| object.elements("data").map(|row| app_id(&row)).collect())
}

fn app_id<'a>(row: &Json<'_, 'a>) -> Option<Cow<'a, str>> {
    row.object("whatsapp_business_api_data")?.word("id")
}

/// Reads what the platform says of a token; `None` for what is no such answer.
#[must_use]
pub fn read_token(body: &[u8]) -> Option<TokenFields<'_>> {
    let tape = Tape::of(body)?;
    let object = tape.object()?;
    if object.has("error") {
        return None;
    }
    let data = object.object("data")?;
    Some(TokenFields {
        app_id: data.word("app_id"),
        kind: data.word("type"),
        expires_s: data.integer("expires_at"),
        data_access_expires_s: data.integer("data_access_expires_at"),
        is_valid: data.truth("is_valid"),
    })
}

/// Reads the answer to an upload or a look-up of media.
#[must_use]
pub fn read_media(body: &[u8]) -> Option<Media<'_>> {
    let tape = Tape::of(body)?;
    let object = tape.object()?;
    Some(Media {
        id: object.word("id")?,
        url: object.word("url"),
    })
}

shy_debug!(SentContact {});
