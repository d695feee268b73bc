//! From the store's columns to values, and back.

use greenline_policy::consent::{EventId, EventKind, Strength};
use greenline_policy::identity::Identifier;
use greenline_policy::scope::{Category, Scope};
use sha2::{Digest, Sha256};
use smallvec::SmallVec;
use tokio_postgres::Row;

use super::trouble::Trouble;
use crate::codec::rows::{decode_evidence, decode_list, encode_list};
use crate::compose::{EventRow, IdentifierRow};
use crate::error::LedgerError;
use crate::types::{Actor, BusinessIx, Lane, NewEvent, PersonId, StoredEvent};

/// A person's id as a column.
pub(super) fn person_column(person: PersonId) -> i64 {
    // Invariant: ids have 63 bits.
    person.0 as i64
}

/// Reads [`person_column`].
pub(super) fn person(column: i64) -> PersonId {
    PersonId(column as u64)
}

/// A person's shard as a column.
pub(super) fn shard(person: PersonId) -> i64 {
    i64::from(person.shard().0)
}

/// The shard of something that is found by a text.
pub(crate) fn shard_of_text(text: &str) -> i64 {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let [a, b, ..] = digest;
    i64::from(u16::from_be_bytes([a, b]) >> 4)
}

/// The shard of something that is found by its own number.
pub(super) fn shard_of_number(number: i64) -> i64 {
    let mixed = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 52) as i64
}

/// A sequence number as a column.
pub(super) fn seq_column(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// Reads [`seq_column`].
pub(super) fn seq(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

/// A count as a column.
pub(super) fn count_column(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// An identifier's kind and value.
pub(super) fn identifier_columns(canonical: &Identifier) -> (i64, String) {
    match canonical {
        Identifier::Phone(_) => (1, canonical.reveal()),
        Identifier::User(_) => (2, canonical.reveal()),
    }
}

/// Reads an identifier.
pub(super) fn identifier(text: &str) -> Result<Identifier, LedgerError> {
    Identifier::parse(text).ok_or_else(|| LedgerError::unreadable("an identifier"))
}

/// Identifiers as given, in one column.
pub(super) fn identifiers_column(identifiers: &[Identifier]) -> Result<String, LedgerError> {
    let texts: SmallVec<[String; 2]> = identifiers.iter().map(Identifier::reveal).collect();
    encode_list(texts.iter().map(String::as_str))
}

fn identifiers(text: &str) -> Result<SmallVec<[Identifier; 1]>, LedgerError> {
    decode_list(text)?
        .iter()
        .map(|text| identifier(text))
        .collect()
}

fn first(identifiers: &[Identifier]) -> Result<Identifier, LedgerError> {
    identifiers
        .first()
        .cloned()
        .ok_or_else(|| LedgerError::unreadable("an event of nobody"))
}

/// A lane as a column.
pub(super) fn lane_column(lane: Lane) -> i64 {
    match lane {
        Lane::Inbound => 1,
        Lane::Status => 2,
        Lane::Account => 3,
        Lane::Event => 4,
        Lane::Bulk => 5,
    }
}

/// The lane that a column says.
pub(super) fn lane_of(column: i64) -> Result<Lane, LedgerError> {
    let is = |lane: &Lane| lane_column(*lane) == column;
    let found = Lane::ALL.into_iter().find(is);
    found.ok_or_else(|| LedgerError::unreadable("the lane of a delivery"))
}

fn kind(text: &str) -> Result<EventKind, LedgerError> {
    EventKind::parse(text).ok_or_else(|| LedgerError::unreadable("the kind of an event"))
}

fn scope(text: &str) -> Result<Scope, LedgerError> {
    Scope::parse(text).ok_or_else(|| LedgerError::unreadable("the scope of an event"))
}

fn strength(text: &str) -> Result<Strength, LedgerError> {
    Strength::parse(text).ok_or_else(|| LedgerError::unreadable("the strength of an event"))
}

/// Reads a category column.
pub(super) fn category(text: Option<&str>) -> Result<Option<Category>, LedgerError> {
    text.map(|text| {
        Category::parse(text).ok_or_else(|| LedgerError::unreadable("a template's category"))
    })
    .transpose()
}

/// Reads a row that begins with a person, then value and times of an identifier.
pub(super) fn identifier_row(row: &Row) -> Result<(PersonId, IdentifierRow), Trouble> {
    let read = IdentifierRow {
        canonical: identifier(row.try_get(1)?)?,
        known_ms: row.try_get(2)?,
        linked_at_ms: row.try_get(3)?,
        left_at_ms: row.try_get(4)?,
        gone_at_ms: row.try_get(5)?,
    };
    Ok((person(row.try_get(0)?), read))
}

/// Reads a row that begins with a person, then what the fold needs of an event.
pub(super) fn event_row(row: &Row) -> Result<(PersonId, EventRow), Trouble> {
    let read = EventRow {
        id: EventId(seq(row.try_get(1)?)),
        kind: kind(row.try_get(2)?)?,
        scope: scope(row.try_get(3)?)?,
        at_ms: row.try_get(4)?,
        strength: strength(row.try_get(5)?)?,
        in_thread: row.try_get(6)?,
        arrival_ms: row.try_get(9)?,
        identifier: first(&identifiers(row.try_get(7)?)?)?,
    };
    Ok((person(row.try_get(0)?), read))
}

/// Reads a whole event.
pub(super) fn stored_event(row: &Row, business: BusinessIx) -> Result<StoredEvent, Trouble> {
    let person = identifiers(row.try_get(9)?)?;
    let version: i64 = row.try_get(1)?;
    let dedup: Option<String> = row.try_get(12)?;
    Ok(StoredEvent {
        id: EventId(seq(row.try_get(0)?)),
        version: u32::try_from(version).unwrap_or(u32::MAX),
        identifier: first(&person)?,
        event: NewEvent {
            business,
            person,
            kind: kind(row.try_get(2)?)?,
            scope: scope(row.try_get(3)?)?,
            at_ms: row.try_get(4)?,
            stated_ms: row.try_get(5)?,
            arrival_ms: row.try_get(6)?,
            strength: strength(row.try_get(7)?)?,
            in_thread: row.try_get(8)?,
            evidence: decode_evidence(row.try_get(10)?)?,
            actor: Actor(row.try_get::<_, &str>(11)?.into()),
            dedup: dedup.map(Into::into),
        },
    })
}

/// A text column of a string of its own.
pub(super) fn boxed(row: &Row, at: usize) -> Result<Box<str>, Trouble> {
    Ok(row.try_get::<_, &str>(at)?.into())
}

/// As [`boxed`], where there may be none.
pub(super) fn maybe_boxed(row: &Row, at: usize) -> Result<Option<Box<str>>, Trouble> {
    Ok(row.try_get::<_, Option<&str>>(at)?.map(Into::into))
}
