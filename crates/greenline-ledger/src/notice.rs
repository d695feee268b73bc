//! Notices: what is told to whoever subscribed, of changes of consent, of ways out and of alerts.
//!
//! A notice is a delivery of a lane of its own. It is written by the transaction that makes the change, so there
//! is none without the other, and it is carried, tried again, claimed and pruned as any delivery is. It holds no
//! message and no evidence but the method. What is told of an erasure names nobody, so it is not erased with the
//! person; what was still to be told of them before is.
//!
//! The form here is the ledger's own. Whoever sends it says it in the words of the API.

use std::borrow::Cow;

use greenline_policy::consent::{EventId, EventKind, Head, Strength};
use greenline_policy::identity::Identifier;
use greenline_policy::scope::Scope;
use serde::{Deserialize, Serialize};

use crate::codec::{decode_head, encode_head};
use crate::compose::IdentifierRow;
use crate::erasure::is_pseudonym;
use crate::error::LedgerError;
use crate::import::is_kept_with_person;
use crate::types::{Lane, NewEvent, PersonId};

/// Identifiers told of one person at most.
const NAMES_MAX: usize = 16;
/// The method of what was imported.
const BY_IMPORT: &str = "import_attested";

/// Something to be told.
#[derive(Clone, PartialEq, Debug)]
pub enum Notice {
    /// What a person consents to changed, or may have.
    Consent(Box<Changed>),
    /// A way out closed, or is open again.
    Avenue {
        /// Its name.
        avenue: Box<str>,
        /// Whether it is open now.
        open: bool,
        /// The timeline entry that said the contrary; so every node tells the same.
        after: i64,
    },
    /// A condition that somebody should look at began to stand, or stands no more.
    Alert {
        /// Which, and of whom.
        key: Box<str>,
        /// Whether it stands now.
        open: bool,
        /// The timeline entry that said the contrary, 0 for none; so every node tells the same.
        after: i64,
    },
    /// Something of a number, an account, a template or the portfolio changed. What, stands in the delivery's headers.
    Timeline {
        /// Names the change, the same on every node: the timeline entry, or the one that it contradicts with what was
        /// read instead.
        name: Box<str>,
    },
    /// A test.
    Ping {
        /// The subscription that is tested; the others have nothing to do with it.
        subscription: Box<str>,
        /// Makes it one of its own.
        nonce: u64,
    },
}

/// Why a head changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// By a consent event.
    Event(EventKind),
    /// Identifiers turned out to be of one person.
    Linked,
    /// The person moved to another number or id.
    Moved,
}

impl Cause {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event(kind) => kind.as_str(),
            Self::Linked => "linked",
            Self::Moved => "moved",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "linked" => Some(Self::Linked),
            "moved" => Some(Self::Moved),
            kind => EventKind::parse(kind).map(Self::Event),
        }
    }
}

/// A change of consent.
#[derive(Clone, PartialEq, Debug)]
pub struct Changed {
    /// Everyone who is this person, smallest number first.
    pub people: Vec<PersonId>,
    /// What they are known by; nothing when they were erased.
    pub identifiers: Vec<Identifier>,
    /// Why.
    pub cause: Cause,
    /// The event, or the newest one before a link or a move.
    pub event: EventId,
    /// What the event is about.
    pub scope: Option<Scope>,
    /// When the person acted, Unix milliseconds.
    pub at_ms: i64,
    /// The method of the evidence.
    pub method: Box<str>,
    /// How well a yes is proved.
    pub strength: Strength,
    /// What holds since, as seen from the first identifier.
    pub head: Head,
}

impl Changed {
    /// Of an event that was just recorded, about a person known by the given identifiers too.
    pub(crate) fn by(
        event: &NewEvent,
        id: EventId,
        mut people: Vec<PersonId>,
        names: Vec<Identifier>,
        head: Head,
    ) -> Self {
        people.sort_unstable();
        Self {
            people,
            identifiers: if event.kind == EventKind::Erased {
                Vec::new()
            } else {
                names
            },
            cause: Cause::Event(event.kind),
            event: id,
            scope: Some(event.scope.clone()),
            at_ms: event.at_ms,
            method: event.evidence.method.clone(),
            strength: event.strength,
            head,
        }
    }

    /// Of people who turned out to be one, or moved.
    pub(crate) fn without_event(
        cause: Cause,
        newest: u64,
        mut people: Vec<PersonId>,
        names: Vec<Identifier>,
        (at_ms, head): (i64, Head),
    ) -> Self {
        people.sort_unstable();
        Self {
            people,
            identifiers: names,
            cause,
            event: EventId(newest),
            scope: None,
            at_ms,
            method: "".into(),
            strength: Strength::default(),
            head,
        }
    }
}

/// What a person is called in a notice: as the cause named them, then what else they are known by and have not
/// left.
pub(crate) fn names<'r>(
    given: &[Identifier],
    known: impl Iterator<Item = &'r IdentifierRow>,
) -> Vec<Identifier> {
    let left = |row: &&IdentifierRow| row.left_at_ms.is_none();
    names_of(given, known.filter(left).map(|row| &row.canonical))
}

/// As [`names`], of those that were not left.
pub(crate) fn names_of<'r>(
    given: &[Identifier],
    known: impl Iterator<Item = &'r Identifier>,
) -> Vec<Identifier> {
    let mut names: Vec<Identifier> = Vec::new();
    let mut others: Vec<Identifier> = known.cloned().collect();
    others.sort_unstable();
    for name in given.iter().cloned().chain(others) {
        let canonical = name.canonical().0;
        let is_told = names.iter().any(|told| told.canonical().0 == canonical);
        if !is_told && !is_pseudonym(&name) && names.len() < NAMES_MAX {
            names.push(name);
        }
    }
    names
}

/// Which lane a notice of an event goes in: what comes by the thousand must not hold up what people do now.
pub(crate) fn lane_of(event: &NewEvent) -> Lane {
    let is_row = event.dedup.as_deref().is_some_and(is_kept_with_person);
    let attested = event.strength == Strength::Imported || &*event.evidence.method == BY_IMPORT;
    if is_row || attested {
        Lane::Bulk
    } else {
        Lane::Event
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Code<'a> {
    Consent {
        people: Vec<u64>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        names: Vec<String>,
        #[serde(borrow)]
        cause: Cow<'a, str>,
        event: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<String>,
        at: i64,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        method: String,
        strength: Cow<'a, str>,
        head: String,
    },
    Avenue {
        avenue: String,
        open: bool,
        after: i64,
    },
    Alert {
        key: String,
        open: bool,
        after: i64,
    },
    Timeline {
        name: String,
    },
    Ping {
        #[serde(default, skip_serializing_if = "String::is_empty")]
        to: String,
        nonce: u64,
    },
}

impl Notice {
    /// As it is stored.
    ///
    /// # Errors
    /// `Bug` when it cannot be written down.
    pub fn encode(&self) -> Result<Vec<u8>, LedgerError> {
        let code = match self {
            Self::Consent(changed) => Code::Consent {
                people: changed.people.iter().map(|id| id.0).collect(),
                names: changed.identifiers.iter().map(Identifier::reveal).collect(),
                cause: changed.cause.as_str().into(),
                event: changed.event.0,
                scope: changed.scope.as_ref().map(ToString::to_string),
                at: changed.at_ms,
                method: changed.method.to_string(),
                strength: changed.strength.as_str().into(),
                head: encode_head(&changed.head)?,
            },
            Self::Avenue {
                avenue,
                open,
                after,
            } => Code::Avenue {
                avenue: avenue.to_string(),
                open: *open,
                after: *after,
            },
            Self::Alert { key, open, after } => Code::Alert {
                key: key.to_string(),
                open: *open,
                after: *after,
            },
            Self::Timeline { name } => Code::Timeline {
                name: name.to_string(),
            },
            Self::Ping {
                subscription,
                nonce,
            } => Code::Ping {
                to: subscription.to_string(),
                nonce: *nonce,
            },
        };
        serde_json::to_vec(&code).map_err(|_| LedgerError::Bug("a notice that does not serialise"))
    }

    /// Reads [`Self::encode`].
    ///
    /// # Errors
    /// `Corrupt` when it does not read.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        let unread = || LedgerError::unreadable("a notice");
        Ok(match serde_json::from_slice(bytes).map_err(|_| unread())? {
            Code::Consent {
                people,
                names,
                cause,
                event,
                scope,
                at,
                method,
                strength,
                head,
            } => {
                let names = names.iter().map(|name| Identifier::parse(name));
                let scope = scope.map(|scope| Scope::parse(&scope).ok_or_else(unread));
                Self::Consent(Box::new(Changed {
                    people: people.into_iter().map(PersonId).collect(),
                    identifiers: names.collect::<Option<_>>().ok_or_else(unread)?,
                    cause: Cause::parse(&cause).ok_or_else(unread)?,
                    event: EventId(event),
                    scope: scope.transpose()?,
                    at_ms: at,
                    method: method.into(),
                    strength: Strength::parse(&strength).ok_or_else(unread)?,
                    head: decode_head(&head)?,
                }))
            }
            Code::Avenue {
                avenue,
                open,
                after,
            } => Self::Avenue {
                avenue: avenue.into(),
                open,
                after,
            },
            Code::Alert { key, open, after } => Self::Alert {
                key: key.into(),
                open,
                after,
            },
            Code::Timeline { name } => Self::Timeline { name: name.into() },
            Code::Ping { to, nonce } => Self::Ping {
                subscription: to.into(),
                nonce,
            },
        })
    }
}
