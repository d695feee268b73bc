//! From what a caller sent to a consent event, or to the member at fault.
//!
//! Two readers, on purpose. Only what could open something is read strictly: an unknown member, method
//! or topic, a time that is none, all are refused by name. A no is never refused for its form: if person
//! and scope can be read it is taken, and what could not be read is said in the answer.

mod body;
mod lenient;
mod strict;

use greenline_ledger::types::{Actor, Evidence, NewEvent};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::evidence::{self, Method};
use greenline_policy::identity::Identifier;
use greenline_policy::scope::Scope;
use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use crate::admin::problem::{Kind, Problem};
use crate::directory::Business;

pub(crate) use body::ConsentsBody;

/// Longest text of one member of evidence. A longer one is refused for a yes and cut for a no.
pub(crate) const EVIDENCE_TEXT_BYTES_MAX: usize = 16 * 1024;

/// Events that this door takes.
const TAKEN: [EventKind; 6] = [
    EventKind::Granted,
    EventKind::Refused,
    EventKind::Withdrawn,
    EventKind::Reconfirmed,
    EventKind::Expired,
    EventKind::NativeStopped,
];

/// How and by whom events come in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Intake<'a> {
    /// Who records.
    pub(crate) actor: &'a str,
    /// Arrival, Unix milliseconds.
    pub(crate) now_ms: i64,
    /// An import route: grants never reopen a no.
    pub(crate) by_file: bool,
    /// Repeats with the same key and content are recorded once.
    pub(crate) key: Option<&'a str>,
}

/// An event ready to be appended, with what the answer must say.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    /// The event.
    pub(crate) event: NewEvent,
    /// The caller said when it happened, in a form that could be read.
    pub(crate) dated: bool,
    /// It counts at its arrival, not at the time given.
    pub(crate) taken_at_arrival: bool,
    /// What was left out or changed.
    pub(crate) notes: Vec<String>,
}

/// Which event is meant, read before anything else: it decides how strictly the rest is read.
pub(crate) fn kind(row: &Map<String, Value>) -> Result<EventKind, Problem> {
    let names = || TAKEN.map(EventKind::as_str);
    let text = match row.get("event") {
        Some(Value::String(text)) => text,
        None => return Err(Problem::invalid("event", "missing").allowed(names())),
        Some(_) => return Err(Problem::invalid("event", "not a text").allowed(names())),
    };
    let folded = text.trim().to_lowercase();
    match EventKind::parse(&folded) {
        Some(EventKind::NativeResumed) => Err(Problem::new(
            Kind::NotSupported,
            "a native resume is WhatsApp's own word and comes by webhook only",
        )
        .at("event")
        .allowed(names())),
        Some(EventKind::Erased) => Err(Problem::new(
            Kind::NotSupported,
            "erasure is not supported here",
        )
        .at("event")
        .allowed(names())),
        Some(kind) if folded == *text || !is_strict(kind) => Ok(kind),
        _ => Err(Problem::invalid("event", format!("`{text}` is not an event")).allowed(names())),
    }
}

/// Only what could open something is read strictly.
fn is_strict(kind: EventKind) -> bool {
    matches!(kind, EventKind::Granted | EventKind::Reconfirmed)
}

/// Reads one event for a business.
pub(crate) fn read(
    row: Map<String, Value>,
    kind: EventKind,
    business: &Business,
    intake: &Intake<'_>,
) -> Result<Ready, Problem> {
    if is_strict(kind) {
        strict::read(row, kind, business, intake)
    } else {
        lenient::read(&row, kind, business, intake)
    }
}

/// When the caller says it happened.
#[derive(Clone, Copy)]
struct Stated {
    at_ms: i64,
    whole_seconds: bool,
}

fn stated(text: &str) -> Option<Stated> {
    let at: Timestamp = text.trim().parse().ok()?;
    // A time with a fraction is known finer than to the second.
    Some(Stated {
        at_ms: at.as_millisecond(),
        whole_seconds: !text.contains(['.', ',']),
    })
}

fn extra_json(extra: Map<String, Value>) -> Box<str> {
    if extra.is_empty() {
        Box::default()
    } else {
        Value::Object(extra).to_string().into()
    }
}

fn texts(evidence: &Evidence) -> [(&'static str, &str); 9] {
    [
        ("method", &evidence.method),
        ("wording", &evidence.wording),
        ("wording_version", &evidence.wording_version),
        ("business_name", &evidence.business_name),
        ("source", &evidence.source),
        ("ip", &evidence.ip),
        ("message_id", &evidence.message_id),
        ("file", &evidence.file),
        ("other members", &evidence.extra_json),
    ]
}

fn strength(evidence: &Evidence, business: &Business, by_file: bool) -> Strength {
    let names: Vec<&str> = business.names.iter().map(String::as_str).collect();
    evidence::strength(
        &evidence::Evidence {
            method: Method::parse(&evidence.method),
            wording: &evidence.wording,
            wording_version: &evidence.wording_version,
            business_name: &evidence.business_name,
        },
        &names,
        by_file,
    )
}

/// Everything read, before it becomes an event.
struct Draft {
    person: SmallVec<[Identifier; 1]>,
    scope: Scope,
    stated: Option<Stated>,
    at_ms: i64,
    strength: Strength,
    evidence: Evidence,
    notes: Vec<String>,
}

impl Draft {
    fn ready(self, kind: EventKind, business: &Business, intake: &Intake<'_>) -> Ready {
        let stated_ms = self.stated.map_or(intake.now_ms, |stated| stated.at_ms);
        // A stop said in the thread closes the thread, whoever writes it down.
        let in_thread =
            kind.is_no() && self.evidence.method.as_ref() == Method::WhatsappThread.as_str();
        let mut event = NewEvent {
            business: business.ix,
            person: self.person,
            kind,
            scope: self.scope,
            at_ms: self.at_ms,
            stated_ms,
            arrival_ms: intake.now_ms,
            strength: self.strength,
            in_thread,
            evidence: self.evidence,
            actor: Actor(intake.actor.into()),
            dedup: None,
        };
        event.dedup = intake.key.map(|key| dedup(key, &event, self.stated));
        Ready {
            event,
            dated: self.stated.is_some(),
            taken_at_arrival: stated_ms > intake.now_ms,
            notes: self.notes,
        }
    }
}

/// The key together with the content: a key used again for something else must not swallow a no.
fn dedup(key: &str, event: &NewEvent, stated: Option<Stated>) -> Box<str> {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    add(key);
    add(event.kind.as_str());
    add(&event.scope.to_string());
    add(&stated.map_or_else(String::new, |stated| stated.at_ms.to_string()));
    for identifier in &event.person {
        add(&identifier.reveal());
    }
    for (name, text) in texts(&event.evidence) {
        add(name);
        add(text);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut text = String::with_capacity(4 + 32);
    text.push_str("api:");
    for byte in &digest[..16] {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
    }
    text.into()
}
