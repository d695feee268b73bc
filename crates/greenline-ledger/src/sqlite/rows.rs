//! From the store's columns to values, and back.

use greenline_policy::consent::{EventId, EventKind, Strength};
use greenline_policy::identity::Identifier;
use greenline_policy::scope::Scope;
use rusqlite::Row;
use smallvec::SmallVec;

use crate::codec::rows::{decode_evidence, decode_list, encode_list};
use crate::compose::{EventRow, IdentifierRow};
use crate::error::LedgerError;
use crate::types::{Actor, BusinessIx, Lane, NewEvent, PersonId, StoredEvent};

/// A person's id as an integer column.
pub(super) fn person_column(person: PersonId) -> i64 {
    // Invariant: ids have 63 bits.
    person.0 as i64
}

/// Reads [`person_column`].
pub(super) fn person(column: i64) -> PersonId {
    PersonId(column as u64)
}

/// A sequence number as an integer column.
pub(super) fn seq_column(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// Reads [`seq_column`].
pub(super) fn seq(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
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

/// A count as a column.
pub(super) fn count_column(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
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

/// Reads a row of `IDENTIFIERS_OF`.
pub(super) fn identifier_row(row: &Row<'_>) -> Result<(i64, IdentifierRow), LedgerError> {
    let read = IdentifierRow {
        canonical: identifier(row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?)?,
        known_ms: row.get(3)?,
        linked_at_ms: row.get(4)?,
        left_at_ms: row.get(5)?,
        gone_at_ms: row.get(6)?,
    };
    Ok((row.get(0)?, read))
}

/// Reads a row of `EVENTS_OF`.
pub(super) fn event_row(row: &Row<'_>) -> Result<EventRow, LedgerError> {
    let text = |at| row.get_ref(at)?.as_str().map_err(rusqlite::Error::from);
    Ok(EventRow {
        id: EventId(seq(row.get(0)?)),
        kind: kind(text(2)?)?,
        scope: scope(text(3)?)?,
        at_ms: row.get(4)?,
        strength: strength(text(5)?)?,
        in_thread: row.get(6)?,
        arrival_ms: row.get(8)?,
        identifier: first(&identifiers(text(7)?)?)?,
    })
}

/// Reads a whole event.
pub(super) fn stored_event(
    row: &Row<'_>,
    business: BusinessIx,
) -> Result<StoredEvent, LedgerError> {
    let text = |at| row.get_ref(at)?.as_str().map_err(rusqlite::Error::from);
    let person = identifiers(text(10)?)?;
    let dedup: Option<String> = row.get(13)?;
    Ok(StoredEvent {
        id: EventId(seq(row.get(0)?)),
        version: row.get(2)?,
        identifier: first(&person)?,
        event: NewEvent {
            business,
            person,
            kind: kind(text(3)?)?,
            scope: scope(text(4)?)?,
            at_ms: row.get(5)?,
            stated_ms: row.get(6)?,
            arrival_ms: row.get(7)?,
            strength: strength(text(8)?)?,
            in_thread: row.get(9)?,
            evidence: decode_evidence(text(11)?)?,
            actor: Actor(text(12)?.into()),
            dedup: dedup.map(Into::into),
        },
    })
}
