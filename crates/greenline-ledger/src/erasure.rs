//! Erasing a person: what goes, and the one thing that stays.
//!
//! A person's no outlives their data. Each identifier of someone erased is replaced by a *pseudonym*, a keyed
//! hash of it, under which the scopes and times of what they said stay without anything that tells who
//! said it. Whoever is not known by an identifier is looked for under its pseudonym too, so that a number
//! that comes back, by a send or in a file, meets its old no. Only yeses dated after the erasure count then.
//!
//! Pseudonyms have the form of a user id of the country `ZZ`, which no country has, so that they stand
//! wherever an identifier stands. Without the key nobody can try numbers until one fits; whoever retires a
//! key gives up every no that was kept under it. This module never logs and never prints a secret.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use greenline_policy::consent::{EventId, EventKind};
use greenline_policy::identity::{Identifier, Phone, Spelling};
use rustc_hash::FxHashMap;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::LedgerError;
use crate::flight::Watch;
use crate::seal::{record_people, with_people};
use crate::types::{Actor, BusinessIx, Evidence, NewEvent, TimelineEntry};

/// What every pseudonym begins with.
const PREFIX: &str = "ZZ.erased";
/// Ends the pseudonym of an event that was recorded under a doubtful spelling; no hash has this letter.
const DOUBTFUL: char = 'L';
/// Bytes of one block of the hash.
const BLOCK: usize = 64;
/// Fields of an event's leaf that go; only the method stays of the evidence.
const EVENT_FIELDS: [&str; 11] = [
    "person",
    "evidence.wording",
    "evidence.wording_version",
    "evidence.business_name",
    "evidence.source",
    "evidence.ip",
    "evidence.message_id",
    "evidence.file",
    "evidence.extra",
    "actor",
    "key",
];
/// Fields of a decision's leaf that go: whom it was about, and the hash of what was written to them, by which a
/// message that somebody guesses could be told to be the one. In leaves of earlier releases that hash stands among
/// the facts.
pub(crate) const DECISION_FIELDS: [&str; 2] = ["people", "facts"];
/// What stands for the hash of a body once it is gone.
const NO_HASH: &str = "\"00000000000000000000000000000000\"";

/// Who stands as the actor of an event whose person was erased, and as what a timeline entry was about.
pub(crate) const NOBODY: &str = "erased";
/// What stands as the body of a timeline entry that spoke of somebody who was erased.
pub(crate) const ENTRY_BODY_ERASED: &str = r#"{"erased":true}"#;

/// A key that identifiers are hashed with.
#[derive(Clone)]
pub struct ErasureKey {
    /// Eight hexadecimal digits that name it.
    pub id: Box<str>,
    /// The secret.
    pub secret: [u8; 32],
}

impl fmt::Debug for ErasureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErasureKey({})", self.id)
    }
}

/// The keys of a store, newest first; shared by all who look people up.
#[derive(Clone, Default, Debug)]
pub(crate) struct Keys(Arc<RwLock<Arc<[ErasureKey]>>>);

impl Keys {
    /// From now on these.
    pub(crate) fn set(&self, keys: Vec<ErasureKey>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys.into();
    }

    /// The keys as they are now.
    fn now(&self) -> Arc<[ErasureKey]> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Under what an identifier may have been kept, by every key.
    pub(crate) fn pseudonyms(&self, business: &str, canonical: &Identifier) -> Vec<Identifier> {
        if is_pseudonym(canonical) {
            return Vec::new();
        }
        let keys = self.now();
        let made = keys.iter().map(|key| pseudonym(key, business, canonical));
        made.flatten().collect()
    }

    /// What an identifier is to be replaced by; itself, when it is a pseudonym; nothing without a key.
    pub(crate) fn newest(&self, business: &str, canonical: &Identifier) -> Option<Identifier> {
        if is_pseudonym(canonical) {
            return Some(canonical.clone());
        }
        pseudonym(self.now().first()?, business, canonical)
    }
}

/// What the identifiers of one person are replaced by when they are erased.
///
/// One that came back after an earlier erasure belongs to them only since then: what was told of it and dated before
/// lifts nothing (A3, A14). It gets a pseudonym of its own, made with that moment, so that this stays so; it is never
/// looked up, since the first one still leads to the person.
#[derive(Debug)]
pub(crate) struct Replacements {
    keys: Keys,
    business: Box<str>,
    back: FxHashMap<Identifier, i64>,
}

impl Replacements {
    /// For a person of these names, each with the moment since when it is linked.
    pub(crate) fn of(keys: &Keys, business: &str, names: &[(Identifier, Option<i64>)]) -> Self {
        let is_kept = |canonical: &Identifier| {
            let kept = keys.pseudonyms(business, canonical);
            kept.iter()
                .any(|kept| names.iter().any(|(name, _)| name == kept))
        };
        let back = names.iter().filter_map(|(name, linked_ms)| {
            let linked_ms = (*linked_ms)?;
            is_kept(name).then(|| (name.clone(), linked_ms))
        });
        Self {
            back: back.collect(),
            keys: keys.clone(),
            business: business.into(),
        }
    }

    /// What an identifier is replaced by; itself, when it is a pseudonym; nothing without a key.
    pub(crate) fn get(&self, canonical: &Identifier) -> Option<Identifier> {
        let Some(linked_ms) = self.back.get(canonical) else {
            return self.keys.newest(&self.business, canonical);
        };
        let name = format!("{}\u{0}{linked_ms}", canonical.reveal());
        named(self.keys.now().first()?, &self.business, &name)
    }
}

/// Whether an identifier is what stays of an erased one.
#[must_use]
pub fn is_pseudonym(identifier: &Identifier) -> bool {
    matches!(identifier, Identifier::User(user) if user.reveal().starts_with(PREFIX))
}

/// What every pseudonym made with a key begins with.
pub(crate) fn prefix_of(key: &str) -> String {
    format!("{PREFIX}{key}")
}

/// Whether an identifier is a pseudonym that only this key can find.
pub(crate) fn is_pseudonym_of(key: &str, identifier: &Identifier) -> bool {
    matches!(identifier, Identifier::User(user) if user.reveal().starts_with(&prefix_of(key)))
}

fn pseudonym(key: &ErasureKey, business: &str, canonical: &Identifier) -> Option<Identifier> {
    named(key, business, &canonical.reveal())
}

fn named(key: &ErasureKey, business: &str, name: &str) -> Option<Identifier> {
    let text = format!("{business}\u{0}{name}");
    let hash = keyed_hash(&key.secret, text.as_bytes());
    let mut name = String::with_capacity(PREFIX.len() + 72);
    name.push_str(PREFIX);
    name.push_str(&key.id);
    for byte in hash {
        for nibble in [byte >> 4, byte & 15] {
            name.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    Identifier::parse(&name)
}

/// Under what an event stays that was recorded under `given`: what was said in a spelling that may be a landline's is
/// not said by whoever has the mobile number, after an erasure either.
pub(crate) fn of_event(kept: Identifier, given: &Identifier) -> Identifier {
    if given.canonical().1 == Spelling::Mobile {
        return kept;
    }
    let mut name = kept.reveal();
    name.push(DOUBTFUL);
    Identifier::parse(&name).unwrap_or(kept)
}

/// The identifier under which all spellings of an event's meet, and the spelling that it was recorded under.
pub(crate) fn spelled(identifier: &Identifier) -> (Identifier, Spelling) {
    if let Identifier::User(user) = identifier
        && is_pseudonym(identifier)
        && let Some(kept) = user.reveal().strip_suffix(DOUBTFUL)
        && let Some(kept) = Identifier::parse(kept)
    {
        return (kept, Spelling::MaybeLandline);
    }
    identifier.canonical()
}

/// HMAC with SHA-256, after RFC 2104.
fn keyed_hash(secret: &[u8; 32], text: &[u8]) -> [u8; 32] {
    let (mut inner, mut outer) = ([0x36_u8; BLOCK], [0x5c_u8; BLOCK]);
    for ((inner, outer), byte) in inner.iter_mut().zip(&mut outer).zip(secret) {
        *inner ^= byte;
        *outer ^= byte;
    }
    let first = Sha256::new().chain_update(inner).chain_update(text);
    let second = Sha256::new().chain_update(outer);
    second.chain_update(first.finalize()).finalize().into()
}

/// What stays of an event's evidence and of its actor, and the fields of its leaf that go. An erasure itself
/// is no act of the person: who did it and why is kept.
pub(crate) fn left_of(event: &NewEvent) -> (Evidence, Actor, &'static [&'static str]) {
    if event.kind == EventKind::Erased {
        return (
            event.evidence.clone(),
            event.actor.clone(),
            &["person", "key"],
        );
    }
    let evidence = Evidence {
        method: event.evidence.method.clone(),
        ..Evidence::default()
    };
    (evidence, Actor(NOBODY.into()), &EVENT_FIELDS)
}

/// What is asked of a store.
#[derive(Clone, Debug)]
pub(crate) struct Erase {
    /// Whose person.
    pub(crate) business: BusinessIx,
    /// Any of their identifiers.
    pub(crate) identifier: Identifier,
    /// What is recorded of it; yeses up to then count no more.
    pub(crate) event: NewEvent,
    /// What was found of theirs before the store was asked to change anything.
    pub(crate) found: Found,
}

/// What a look through a store found of a person, up to where it looked.
#[derive(Clone, Default, Debug)]
pub(crate) struct Found {
    /// The texts that were looked for.
    pub(crate) texts: Vec<String>,
    /// Rows found, and up to which number everything was looked at: decisions, deliveries, replies, timeline.
    pub(crate) rows: [(Vec<i64>, i64); 4],
}

/// What an erasure did.
#[derive(Clone, Default, Debug)]
pub struct Erased {
    /// The event that stays.
    pub event: EventId,
    /// Sends allowed earlier; wait for them before answering.
    pub flights: Vec<Watch>,
    /// Entries of the ledger that turned out to be this person.
    pub people: u64,
    /// Identifiers replaced by a keyed hash.
    pub identifiers: u64,
    /// Consent events whose evidence went.
    pub events: u64,
    /// Decisions that no longer say about whom they were.
    pub decisions: u64,
    /// Deliveries whose bytes went.
    pub deliveries: u64,
    /// Deliveries that an app still waits for: their bytes go as soon as it has them.
    pub waiting: u64,
}

/// Every way in which an identifier may be written in a delivery or a record.
pub(crate) fn spellings(canonical: &Identifier) -> Vec<String> {
    let Identifier::Phone(phone) = canonical else {
        return vec![canonical.reveal()];
    };
    let digits = phone.digits();
    let others = [
        Some(digits),
        // Mexico with its 1, Brazil without the ninth digit, Argentina without the 9.
        (digits / 10_000_000_000 == 52).then(|| 521 * 10_000_000_000 + digits % 10_000_000_000),
        (digits / 100_000_000_000 == 55)
            .then(|| digits / 1_000_000_000 * 100_000_000 + digits % 100_000_000),
        (digits / 10_000_000_000 == 549).then(|| 54 * 10_000_000_000 + digits % 10_000_000_000),
    ];
    let same = others.into_iter().flatten().filter(|other| {
        Phone::from_digits(*other).is_some_and(|other| other.canonical().0 == *phone)
    });
    same.map(|digits| digits.to_string()).collect()
}

/// Whether any of the texts stands in the bytes by itself: not as a part of a longer number or word.
pub(crate) fn mentions(bytes: &[u8], texts: &[String]) -> bool {
    let apart = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    texts.iter().any(|text| {
        let text = text.as_bytes();
        !text.is_empty()
            && bytes.windows(text.len()).enumerate().any(|(at, window)| {
                window == text
                    && apart(at.checked_sub(1).and_then(|at| bytes.get(at)))
                    && apart(bytes.get(at + text.len()))
            })
    })
}

/// What stays of a timeline entry that speaks of somebody: what it was about and its body, with the fields of its leaf
/// that go. That something was noted stays, with its time; what was, does not.
pub(crate) fn left_of_entry(
    entry: &TimelineEntry,
    texts: &[String],
) -> Option<(Box<str>, &'static str, &'static [&'static str])> {
    if mentions(entry.subject_id.as_bytes(), texts) {
        return Some((NOBODY.into(), ENTRY_BODY_ERASED, &["subject_id", "body"]));
    }
    let is_spoken_of = mentions(entry.body.as_bytes(), texts);
    is_spoken_of.then(|| (entry.subject_id.clone(), ENTRY_BODY_ERASED, &["body"][..]))
}

/// A decision's record without the people that `replace` names a pseudonym for, and without the hash of what was
/// written to them; `None` when it has none of them. What was known of them stays, so that the decision can be
/// judged again.
pub(crate) fn without_people(
    record: &str,
    replace: impl Fn(Option<u64>, &Identifier) -> Option<Identifier>,
) -> Result<Option<String>, LedgerError> {
    let unreadable = || LedgerError::unreadable("a decision that is to be erased");
    let people = record_people(record)?;
    let mut people: Vec<Value> = serde_json::from_str(people).map_err(|_| unreadable())?;
    let mut changed = false;
    for entry in &mut people {
        let person = entry.get("person").and_then(Value::as_u64);
        let code = entry.get_mut("identifier").ok_or_else(unreadable)?;
        let identifier = match (code.as_u64(), code.as_str()) {
            (Some(digits), _) => Phone::from_digits(digits).map(Identifier::Phone),
            (None, Some(text)) => Identifier::parse(text),
            (None, None) => None,
        };
        let identifier = identifier.ok_or_else(unreadable)?;
        if is_pseudonym(&identifier) {
            continue;
        }
        if let Some(kept) = replace(person, &identifier.canonical().0) {
            *code = Value::String(kept.reveal());
            changed = true;
        }
    }
    let left = || with_people(record, &Value::from(people).to_string(), NO_HASH);
    changed.then(left).transpose()
}
