//! The envelope that every webhook comes in (WH-01), and the parts that the
//! fields about messages have in common.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::ascii;

/// One change: a field and what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    field: Cow<'static, str>,
    value: Vec<u8>,
}

impl Change {
    /// A change of any field, with any value.
    #[must_use]
    pub fn new(field: impl Into<Cow<'static, str>>, value: &impl Serialize) -> Self {
        Self {
            field: field.into(),
            value: ascii(value),
        }
    }

    /// The field.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The value, as JSON in pure ASCII.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }
}

/// The changes of one account.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The account, or for `partner_solutions` the portfolio.
    pub id: &'a str,
    /// Unix seconds; absent on fields about messages (WH-01).
    pub time_s: Option<i64>,
    /// What happened.
    pub changes: &'a [Change],
}

/// The body of a webhook.
#[must_use]
pub fn envelope<'a>(entries: impl IntoIterator<Item = Entry<'a>>) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(br#"{"object":"whatsapp_business_account","entry":["#);
    for (index, entry) in entries.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(br#"{"id":"#);
        out.extend_from_slice(&ascii(&entry.id));
        if let Some(time_s) = entry.time_s {
            out.extend_from_slice(br#","time":"#);
            out.extend_from_slice(&ascii(&time_s));
        }
        out.extend_from_slice(br#","changes":["#);
        push_changes(&mut out, entry.changes);
        out.extend_from_slice(b"]}");
    }
    out.extend_from_slice(b"]}");
    out
}

fn push_changes(out: &mut Vec<u8>, changes: &[Change]) {
    for (index, change) in changes.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(br#"{"field":"#);
        out.extend_from_slice(&ascii(&change.field));
        out.extend_from_slice(br#","value":"#);
        out.extend_from_slice(&change.value);
        out.push(b'}');
    }
}

/// The business's number that a message came to or went from.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Metadata<'a> {
    /// Digits only.
    pub display_phone_number: &'a str,
    /// Its id.
    pub phone_number_id: &'a str,
}

/// The person on the other side, as `contacts[]` shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contact<'a> {
    /// The name on their profile.
    pub name: Option<&'a str>,
    /// Their username.
    pub username: Option<&'a str>,
    /// Their number; missing for people who show only a username (SND-72).
    pub wa_id: Option<&'a str>,
    /// The business-scoped user id.
    pub user_id: Option<&'a str>,
    /// The parent's user id.
    pub parent_user_id: Option<&'a str>,
}

impl Serialize for Contact<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.name.is_some() || self.username.is_some() {
            map.serialize_entry("profile", &Profile(self))?;
        }
        some(&mut map, "wa_id", self.wa_id)?;
        some(&mut map, "user_id", self.user_id)?;
        some(&mut map, "parent_user_id", self.parent_user_id)?;
        map.end()
    }
}

struct Profile<'a>(&'a Contact<'a>);

impl Serialize for Profile<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        some(&mut map, "name", self.0.name)?;
        some(&mut map, "username", self.0.username)?;
        map.end()
    }
}

/// Writes a member, if there is one.
pub(super) fn some<M: SerializeMap, V: Serialize>(
    map: &mut M,
    name: &'static str,
    value: Option<V>,
) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(name, &value),
        None => Ok(()),
    }
}

/// The value of a field about messages: product, number, contacts, and one item of one kind.
pub(super) struct About<'a, T> {
    pub(super) metadata: Metadata<'a>,
    pub(super) contact: Option<&'a Contact<'a>>,
    pub(super) items: &'static str,
    pub(super) item: T,
}

impl<T: Serialize> Serialize for About<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("messaging_product", "whatsapp")?;
        map.serialize_entry("metadata", &self.metadata)?;
        some(&mut map, "contacts", self.contact.map(|contact| [contact]))?;
        map.serialize_entry(self.items, &[&self.item])?;
        map.end()
    }
}

/// An error inside a webhook.
#[derive(Clone, Copy, Debug)]
pub struct WebhookError<'a> {
    /// The code.
    pub code: u32,
    /// The title, which `message` repeats.
    pub title: &'a str,
    /// `error_data.details`
    pub details: &'a str,
    /// Whether the link to the list of codes is given.
    pub link: bool,
}

const ERROR_LIST: &str =
    "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/";

impl Serialize for WebhookError<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &self.code)?;
        map.serialize_entry("title", self.title)?;
        map.serialize_entry("message", self.title)?;
        map.serialize_entry(
            "error_data",
            &Details {
                details: self.details,
            },
        )?;
        some(&mut map, "href", self.link.then_some(ERROR_LIST))?;
        map.end()
    }
}

#[derive(Serialize)]
struct Details<'a> {
    details: &'a str,
}
