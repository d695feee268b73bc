//! What a receiver reads: one JSON object, in the words of the API and in pure ASCII.
//!
//! It is made from the notice each time and is the same each time, so every attempt carries the same bytes.

use greenline_ledger::notice::{Cause, Changed, Notice};
use greenline_ledger::types::{PersonId, Relay};
use greenline_policy::consent::EventKind;
use greenline_policy::identity::Identifier;
use greenline_wire::build::ascii;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::record::EventType;
use crate::admin::shape::{HeadShape, IdentifierShape, time};
use crate::directory::Business;
use crate::ids;

/// The header of a delivery that says what keeps a way out from being open.
pub(super) const MISSING: &str = "missing";

/// The header of a delivery that says what changed on the timeline.
pub(super) const NEWS: &str = "news";

/// Something to be sent.
pub(super) struct Payload {
    /// Names it, at every attempt.
    pub(super) id: String,
    pub(super) kind: EventType,
    pub(super) body: Vec<u8>,
}

#[derive(Serialize)]
struct Envelope<D> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: D,
}

#[derive(Serialize)]
struct ChangedShape<'a> {
    business: &'a str,
    person: PersonShape,
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    strength: Option<&'static str>,
    version: String,
    head: HeadShape,
}

#[derive(Serialize)]
struct PersonShape {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    former_refs: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wa_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    identifiers: Vec<IdentifierShape>,
}

#[derive(Serialize)]
struct AvenueShape<'a> {
    business: &'a str,
    avenue: &'a str,
    open: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'a str>,
}

#[derive(Serialize)]
struct AlertShape<'a> {
    business: &'a str,
    /// As in `GET /v1/alerts`; nothing where what was written down does not read.
    #[serde(flatten)]
    alert: Option<crate::admin::alerts::AlertShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

impl<'a> AlertShape<'a> {
    fn of(business: &'a str, key: &'a str, record: Option<crate::alerts::record::Record>) -> Self {
        Self {
            business,
            key: record.is_none().then_some(key),
            alert: record.map(|record| crate::admin::alerts::AlertShape::of(&record)),
        }
    }
}

/// What changed on the timeline, as it was written down.
#[derive(Serialize)]
struct NewsShape<'a> {
    business: &'a str,
    #[serde(flatten)]
    news: serde_json::Map<String, serde_json::Value>,
}

impl<'a> NewsShape<'a> {
    fn of(business: &'a str, relay: &Relay) -> Self {
        let mut headers = relay.headers.iter();
        let news = headers.find(|(name, _)| **name == *NEWS);
        let news = news.and_then(|(_, value)| serde_json::from_str(value).ok());
        Self {
            business,
            news: news.unwrap_or_default(),
        }
    }
}

#[derive(Serialize)]
struct PingShape<'a> {
    business: &'a str,
    subscription: &'a str,
}

fn reference(id: &PersonId) -> String {
    format!("per_{:016x}", id.0)
}

fn person(changed: &Changed) -> PersonShape {
    let mut refs = changed.people.iter().map(reference);
    let phone = |one: &&Identifier| matches!(one, Identifier::Phone(_));
    let mut names = changed.identifiers.iter();
    let wa_id = names.clone().find(phone).map(Identifier::reveal);
    let user_id = names.find(|one| !phone(one)).map(Identifier::reveal);
    PersonShape {
        reference: refs.next().unwrap_or_default(),
        former_refs: refs.collect(),
        wa_id,
        user_id,
        identifiers: changed.identifiers.iter().map(Into::into).collect(),
    }
}

/// The name of an event, from the notice alone.
pub(super) fn id(business: &str, body: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(business)
        .chain_update([0])
        .chain_update(body)
        .finalize()
        .into();
    let mut text = String::from("msg_");
    for byte in digest.iter().take(16) {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text
}

/// Of which type a notice is.
pub(super) fn kind(notice: &Notice) -> EventType {
    match notice {
        Notice::Consent(_) => EventType::ConsentChanged,
        Notice::Avenue { open: true, .. } => EventType::AvenueOpened,
        Notice::Avenue { open: false, .. } => EventType::AvenueClosed,
        Notice::Alert { open: true, .. } => EventType::AlertOpened,
        Notice::Alert { open: false, .. } => EventType::AlertClosed,
        Notice::Timeline { .. } => EventType::NumberChanged,
        Notice::Ping { .. } => EventType::Ping,
    }
}

/// What is sent for a delivery.
pub(super) fn payload(business: &Business, relay: &Relay, notice: &Notice) -> Payload {
    let of = business.config.id.as_str();
    let kind = kind(notice);
    let timestamp = time(relay.received_ms);
    let body = match notice {
        Notice::Consent(changed) => ascii(&Envelope {
            kind: kind.as_str(),
            timestamp,
            data: consent(business, changed, relay.received_ms),
        }),
        Notice::Avenue { avenue, open, .. } => ascii(&Envelope {
            kind: kind.as_str(),
            timestamp,
            data: AvenueShape {
                business: of,
                avenue,
                open: *open,
                missing: relay
                    .headers
                    .iter()
                    .find(|(name, _)| &**name == MISSING)
                    .map(|(_, value)| &**value),
            },
        }),
        Notice::Alert { key, .. } => ascii(&Envelope {
            kind: kind.as_str(),
            timestamp,
            data: AlertShape::of(of, key, crate::alerts::told_by(relay)),
        }),
        Notice::Timeline { .. } => ascii(&Envelope {
            kind: kind.as_str(),
            timestamp,
            data: NewsShape::of(of, relay),
        }),
        Notice::Ping { .. } => ascii(&Envelope {
            kind: kind.as_str(),
            timestamp,
            data: PingShape {
                business: of,
                subscription: &relay.app,
            },
        }),
    };
    Payload {
        id: id(of, &relay.body),
        kind,
        body,
    }
}

fn consent<'a>(business: &'a Business, changed: &'a Changed, at_ms: i64) -> ChangedShape<'a> {
    let is_yes = |kind| matches!(kind, EventKind::Granted | EventKind::Reconfirmed);
    let (event, strength) = match changed.cause {
        Cause::Event(kind) => (
            Some(ids::event(changed.event)),
            is_yes(kind).then(|| changed.strength.as_str()),
        ),
        Cause::Linked | Cause::Moved => (None, None),
    };
    ChangedShape {
        business: &business.config.id,
        person: person(changed),
        change: changed.cause.as_str(),
        scope: changed.scope.as_ref().map(ToString::to_string),
        at: time(changed.at_ms),
        event,
        method: &changed.method,
        strength,
        version: format!("{:016x}", changed.event.0),
        head: (&business.aged(&changed.head, at_ms)).into(),
    }
}
