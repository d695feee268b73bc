//! Reading of webhook deliveries, losslessly enough to act on them.
//!
//! Every part is read on its own: a message that cannot be read becomes
//! [`InboundKind::Unreadable`] and takes no other with it; unknown fields are
//! ignored, unknown values kept as text, numbers and texts taken for one another
//! (WH-08). What a part means for consent or health is decided elsewhere.

use std::borrow::Cow;
use std::fmt;

use crate::ShapeError;
use crate::json::{Json, Tape};
use crate::shy::shy_debug;

mod account;
mod message;
mod person;
mod status;
mod template;

pub use account::*;
pub use message::*;
pub use person::*;
pub use status::*;
pub use template::*;

use account::{account_alert, account_update, capability, number_name, number_quality, security};
use message::{echoes, messages, standby};
use person::{calls, history, user_preferences};
use template::{
    components, correct_category, template_category, template_quality, template_status,
};

/// A delivery has at most this many bytes (WH-04).
pub const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;

/// One webhook call (WH-01).
#[derive(Clone, Debug)]
pub struct Delivery<'a> {
    /// `object`, normally `whatsapp_business_account`.
    pub object: Cow<'a, str>,
    /// Its entries.
    pub entries: Vec<Entry<'a>>,
    /// Entries and changes that could not be read at all; the raw body keeps them.
    pub unreadable: usize,
}

/// What concerns one account.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// The account's id; the portfolio's for `partner_solutions`.
    pub id: Cow<'a, str>,
    /// `time`, missing on message-type fields.
    pub time_s: Option<i64>,
    /// Its changes.
    pub changes: Vec<Change<'a>>,
}

/// One change.
#[derive(Clone)]
pub struct Change<'a> {
    /// `field`
    pub field: Cow<'a, str>,
    /// `value`, byte for byte.
    pub raw: Raw<'a>,
    /// `value`, understood.
    pub value: Value<'a>,
}

/// A part of a delivery, byte for byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// The JSON text.
    #[must_use]
    pub fn get(self) -> &'a str {
        self.0
    }

    fn of(json: &Json<'_, 'a>) -> Self {
        Self(json.raw())
    }
}

impl fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({} bytes)", self.0.len())
    }
}

/// What a change says.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// `messages`
    Messages(Messages<'a>),
    /// `standby`: another app holds the thread; counts as inbound all the same.
    Standby(Messages<'a>),
    /// `message_echoes`, `smb_message_echoes`: sent by another app or by hand.
    Echo(Echoes<'a>),
    /// `user_preferences`
    UserPreferences(UserPreferences<'a>),
    /// `account_update`
    AccountUpdate(AccountUpdate<'a>),
    /// `account_alerts`
    AccountAlerts(AccountAlert<'a>),
    /// `account_review_update`
    AccountReview {
        /// `APPROVED`, `REJECTED`, `PENDING`, `DEFERRED`.
        decision: Cow<'a, str>,
    },
    /// `business_capability_update`
    BusinessCapability(BusinessCapability<'a>),
    /// `phone_number_quality_update`
    PhoneNumberQuality(PhoneNumberQuality<'a>),
    /// `phone_number_name_update`
    PhoneNumberName(PhoneNumberName<'a>),
    /// `security`
    Security(Security<'a>),
    /// `message_template_status_update`
    TemplateStatus(TemplateStatus<'a>),
    /// `message_template_quality_update`
    TemplateQuality(TemplateQuality<'a>),
    /// `template_category_update`
    TemplateCategory(TemplateCategory<'a>),
    /// `template_correct_category_detection`
    TemplateCorrectCategory(TemplateCorrectCategory<'a>),
    /// `message_template_components_update`
    TemplateComponents(TemplateComponents<'a>),
    /// `calls`
    Calls(Calls<'a>),
    /// `history`: old chats; never opens a window.
    History(History<'a>),
    /// A field that is kept as it is.
    Other,
    /// A field of the list whose value could not be read.
    Unreadable,
}

/// How urgent a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Holds something a person did.
    Inbound,
    /// Holds statuses, echoes or history, and nothing a person did.
    Status,
    /// Speaks of accounts, numbers and templates only.
    Account,
}

/// Reads a delivery. Fails only where the body is not a JSON object at all.
///
/// A body that is not UTF-8 is not JSON; the platform sends ASCII. Such a body can
/// be read again after `String::from_utf8_lossy`.
pub fn parse(body: &[u8]) -> Result<Delivery<'_>, ShapeError> {
    let tape = Tape::of(body).ok_or_else(|| ShapeError::new("the body is not valid JSON"))?;
    let object = tape
        .object()
        .ok_or_else(|| ShapeError::new("the body must be a JSON object"))?;
    let mut unreadable = 0;
    let mut entries = Vec::new();
    for item in object.elements("entry") {
        if item.is_object() {
            entries.push(entry(&item, &mut unreadable));
        } else {
            unreadable += 1;
        }
    }
    Ok(Delivery {
        object: object.text("object").unwrap_or_default(),
        entries,
        unreadable,
    })
}

fn entry<'a>(object: &Json<'_, 'a>, unreadable: &mut usize) -> Entry<'a> {
    let mut changes = Vec::new();
    for item in object.elements("changes") {
        match change(&item) {
            Some(change) => changes.push(change),
            None => *unreadable += 1,
        }
    }
    Entry {
        id: object.text("id").unwrap_or_default(),
        time_s: object.seconds("time"),
        changes,
    }
}

fn change<'a>(object: &Json<'_, 'a>) -> Option<Change<'a>> {
    let json = object.get("value")?;
    let field = object.text("field").unwrap_or_default();
    let mut value = of_object(&field, &json);
    if !json.is_object() && !matches!(value, Value::Other) {
        value = Value::Unreadable;
    }
    Some(Change {
        field,
        raw: Raw::of(&json),
        value,
    })
}

fn of_object<'a>(field: &str, object: &Json<'_, 'a>) -> Value<'a> {
    match field {
        "messages" => Value::Messages(messages(object)),
        "standby" => Value::Standby(standby(object)),
        "message_echoes" => Value::Echo(echoes(object, false)),
        "smb_message_echoes" => Value::Echo(echoes(object, true)),
        "user_preferences" => Value::UserPreferences(user_preferences(object)),
        "calls" => Value::Calls(calls(object)),
        "history" => Value::History(history(object)),
        "account_review_update" => Value::AccountReview {
            decision: object.text("decision").unwrap_or_default(),
        },
        "account_update" => Value::AccountUpdate(account_update(object)),
        "account_alerts" => Value::AccountAlerts(account_alert(object)),
        "business_capability_update" => Value::BusinessCapability(capability(object)),
        "phone_number_quality_update" => Value::PhoneNumberQuality(number_quality(object)),
        "phone_number_name_update" => Value::PhoneNumberName(number_name(object)),
        "security" => Value::Security(security(object)),
        "message_template_status_update" => Value::TemplateStatus(template_status(object)),
        "message_template_quality_update" => Value::TemplateQuality(template_quality(object)),
        "template_category_update" => Value::TemplateCategory(template_category(object)),
        "template_correct_category_detection" => {
            Value::TemplateCorrectCategory(correct_category(object))
        }
        "message_template_components_update" => Value::TemplateComponents(components(object)),
        _ => by_content(object, field.is_empty()),
    }
}

/// A value whose field is not known, or is missing. The platform's own sample of a
/// template's new score stands under a wrong field; its content is unmistakable.
fn by_content<'a>(object: &Json<'_, 'a>, nameless: bool) -> Value<'a> {
    if object.has("new_quality_score") && object.has("message_template_name") {
        return Value::TemplateQuality(template_quality(object));
    }
    if nameless && (object.has("messages") || object.has("statuses")) {
        return Value::Messages(messages(object));
    }
    if nameless && object.has("user_preferences") {
        return Value::UserPreferences(user_preferences(object));
    }
    Value::Other
}

/// Which lane a delivery belongs to: one that holds any inbound message is inbound.
#[must_use]
pub fn lane(delivery: &Delivery<'_>) -> Lane {
    let mut lane = Lane::Account;
    for change in delivery.entries.iter().flat_map(|entry| &entry.changes) {
        match &change.value {
            Value::Messages(value) | Value::Standby(value) => {
                if !value.messages.is_empty() {
                    return Lane::Inbound;
                }
                if !value.statuses.is_empty() || !value.user_actions.is_empty() {
                    lane = Lane::Status;
                }
            }
            Value::Calls(value) => {
                if !value.calls.is_empty() {
                    return Lane::Inbound;
                }
                lane = Lane::Status;
            }
            Value::Unreadable if matches!(&*change.field, "messages" | "standby" | "calls") => {
                return Lane::Inbound;
            }
            Value::Echo(_) | Value::History(_) => lane = Lane::Status,
            _ => {}
        }
    }
    lane
}

shy_debug!(Change { field, value });
