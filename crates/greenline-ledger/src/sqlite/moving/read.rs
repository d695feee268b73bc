//! Each table's rows, as they move.

use rusqlite::Row;
use serde_json::{Value, json};

use super::log::unsealed;
use super::{Source, Taken};
use crate::codec::decode_record;
use crate::codec::rows::{decode_reply, encode_list, reply_kind};
use crate::erasure::is_pseudonym;
use crate::error::LedgerError;
use crate::moving::rows::{
    Accounts, Cursor, Decisions, Events, Heads, Identifiers, Inbound, Inbox, Keys, Later, Links,
    Messages, Numbers, People, PersonLinks, Portfolios, Reach, Relays, Replies, Restrictions, Rows,
    Sends, Strays, Subscriptions, Templates, Timeline, Windows,
};
use crate::seal::SealKind;
use crate::sqlite::rows::{person, person_column};
use crate::state::limited::is_marketing;
use crate::state::marks::{BACK, mark_text};
use crate::types::{DecisionId, DecisionRecord, PersonId, PersonShard};

/// The rows of one kind within a page; begins them if there are none yet.
macro_rules! of {
    ($taken:expr, $kind:ident) => {{
        let at = $taken
            .iter()
            .position(|rows| matches!(rows, Rows::$kind(_)));
        let at = at.unwrap_or_else(|| {
            $taken.push($kind::default().into());
            $taken.len() - 1
        });
        match $taken.get_mut(at) {
            Some(Rows::$kind(rows)) => rows,
            _ => return Err(LedgerError::Bug("rows of another kind")),
        }
    }};
}
pub(super) use of;

pub(super) fn key(parts: impl IntoIterator<Item = Value>) -> Cursor {
    parts.into_iter().collect()
}

/// The key of a row that was taken apart.
pub(super) type Read = Result<Cursor, LedgerError>;

pub(super) fn people(source: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let id: i64 = row.get(1)?;
    let limited = (row.get(3)?, row.get(4)?, row.get(5)?);
    of!(taken, People).push((
        id,
        source.business(row.get(2)?)?,
        limited.0,
        limited.1,
        limited.2,
    ));
    Ok(key([json!(row.get::<_, i64>(0)?), json!(id)]))
}

pub(super) fn identifiers(source: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let (shard, id, business): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let (kind, value): (i64, String) = (row.get(3)?, row.get(4)?);
    of!(taken, Identifiers).push((
        id,
        source.business(business)?,
        kind,
        value.clone(),
        row.get(5)?,
        row.get(6)?,
        row.get(7)?,
        row.get(8)?,
    ));
    Ok(key([
        json!(shard),
        json!(id),
        json!(business),
        json!(kind),
        json!(value),
    ]))
}

pub(super) fn links(_: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let (id, kind, other): (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(4)?);
    let (at_ms, left_kind): (i64, i64) = (row.get(5)?, row.get(6)?);
    let left_value: String = row.get(7)?;
    let after = key([
        json!(row.get::<_, i64>(0)?),
        json!(id),
        json!(kind),
        json!(row.get::<_, i64>(3)?),
        json!(other),
        json!(at_ms),
        json!(left_kind),
        json!(left_value),
    ]);
    of!(taken, Links).push((id, kind, other, at_ms, left_kind, left_value));
    Ok(after)
}

pub(super) fn events(source: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let seq: i64 = row.get(0)?;
    of!(taken, Events).push((
        row.get(2)?,
        row.get(3)?,
        seq,
        source.business(row.get(1)?)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
        row.get(7)?,
        row.get(8)?,
        row.get(9)?,
        row.get(10)?,
        row.get(11)?,
        row.get(12)?,
        row.get(13)?,
        row.get(14)?,
    ));
    let shard = i64::from(person(row.get(2)?).shard().0);
    unsealed(source, taken, SealKind::Event, (row.get(1)?, shard, seq))?;
    Ok(key([json!(seq)]))
}

pub(super) fn keys(source: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let (business, text): (i64, String) = (row.get(0)?, row.get(1)?);
    let after = key([json!(business), json!(text)]);
    of!(taken, Keys).push((source.business(business)?, 1, text, row.get(2)?));
    Ok(after)
}

pub(super) fn heads(_: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let (id, spelling): (i64, i64) = (row.get(1)?, row.get(2)?);
    of!(taken, Heads).push((id, spelling, row.get(3)?));
    Ok(key([
        json!(row.get::<_, i64>(0)?),
        json!(id),
        json!(spelling),
    ]))
}

pub(super) fn windows(_: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let (id, number): (i64, String) = (row.get(1)?, row.get(2)?);
    let after = key([json!(row.get::<_, i64>(0)?), json!(id), json!(number)]);
    let times = (row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?);
    of!(taken, Windows).push((id, number, times.0, times.1, times.2, times.3));
    Ok(after)
}

pub(super) fn person_links(_: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let id: i64 = row.get(1)?;
    of!(taken, PersonLinks).push((id, row.get(2)?, row.get(3)?));
    Ok(key([json!(row.get::<_, i64>(0)?), json!(id)]))
}

pub(super) fn decisions(source: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let (seq, shard): (i64, i64) = (row.get(0)?, row.get(1)?);
    let (at_ms, verdict): (i64, i64) = (row.get(4)?, row.get(5)?);
    let first: Option<i64> = row.get(3)?;
    let record: String = row.get(6)?;
    if let (Some(first), true) = (first, verdict > 0) {
        sends(row, taken, (seq, shard, at_ms), first, &record)?;
    }
    let business = source.business(row.get(2)?)?;
    of!(taken, Decisions).push((shard, seq, business, first, at_ms, verdict, record));
    unsealed(source, taken, SealKind::Decision, (row.get(2)?, shard, seq))?;
    Ok(key([json!(seq)]))
}

/// What a send counts as, with each of its people with whom it began something.
fn marks(row: &Row<'_>, record: &DecisionRecord) -> Result<Vec<(PersonId, String)>, LedgerError> {
    let (outcome, status): (Option<String>, Option<String>) = (row.get(7)?, row.get(11)?);
    let did_not_reach = matches!(outcome.as_deref(), Some("rejected" | "not_sent"))
        || status.as_deref() == Some("failed");
    let Some(begun) = record.begun() else {
        return Ok(Vec::new());
    };
    let text = mark_text(is_marketing(record), &begun);
    let text = if did_not_reach {
        format!("{BACK}{text}")
    } else {
        text
    };
    let people = record.people.iter().zip(&begun.with);
    let people = people.filter(|(to, begins)| **begins && !is_pseudonym(&to.identifier));
    Ok(people
        .filter_map(|(to, _)| Some((to.person?, text.clone())))
        .collect())
}

/// What became of a decision that went on: a row for each addressee, and its message.
fn sends(
    row: &Row<'_>,
    taken: &mut Taken,
    (seq, shard, at_ms): (i64, i64, i64),
    first: i64,
    record: &str,
) -> Result<(), LedgerError> {
    let id = DecisionId {
        seq: u64::try_from(seq).unwrap_or(0),
        shard: PersonShard(u16::try_from(shard).map_err(|_| LedgerError::unreadable("a shard"))?),
    };
    let record = decode_record(id, "", at_ms, record)?;
    let mut people: Vec<i64> = record
        .people
        .iter()
        .filter_map(|person| person.person)
        .map(person_column)
        .collect();
    people.push(first);
    people.sort_unstable();
    people.dedup();
    let others: Vec<String> = people
        .iter()
        .filter(|other| **other != first)
        .map(i64::to_string)
        .collect();
    let others = match others.as_slice() {
        [] => None,
        some => Some(encode_list(some.iter().map(String::as_str))?),
    };
    let marks = marks(row, &record)?;
    let message_id: Option<String> = row.get(9)?;
    for person in people {
        of!(taken, Sends).push((
            seq,
            person,
            others.clone().filter(|_| person == first),
            at_ms,
            record.body_hash.to_vec(),
            row.get(7)?,
            row.get(8)?,
            message_id.clone(),
            row.get(10)?,
            marks
                .iter()
                .find(|(marked, _)| person_column(*marked) == person)
                .map(|(_, mark)| mark.clone()),
        ));
    }
    if let Some(message_id) = message_id {
        of!(taken, Messages).push((
            message_id,
            shard,
            seq,
            row.get(11)?,
            row.get(12)?,
            row.get(13)?,
        ));
    }
    Ok(())
}

pub(super) fn strays(_: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let message_id: String = row.get(0)?;
    let after = key([json!(message_id)]);
    of!(taken, Strays).push((message_id, row.get(1)?, row.get(2)?, row.get(3)?));
    Ok(after)
}

pub(super) fn numbers(source: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let (place, number): (i64, String) = (row.get(0)?, row.get(1)?);
    let business = source.business(place)?;
    if let Some(last_ms) = row.get(5)? {
        of!(taken, Inbound).push((business.clone(), number.clone(), last_ms));
    }
    let (at_ms, spam_ms): (Option<i64>, Option<i64>) = (row.get(4)?, row.get(7)?);
    let (health_ms, locked_ms): (Option<i64>, Option<i64>) = (row.get(9)?, row.get(11)?);
    let policy_ms: Option<i64> = row.get(12)?;
    let said_ms = at_ms.or(spam_ms).or(health_ms).or(locked_ms).or(policy_ms);
    if said_ms.is_some() {
        of!(taken, Numbers).push((
            business,
            number.clone(),
            row.get(2)?,
            row.get(3)?,
            at_ms.unwrap_or(0),
            row.get(6)?,
            spam_ms,
            row.get(8)?,
            health_ms,
            row.get(10)?,
            locked_ms,
            policy_ms,
        ));
    }
    Ok(key([json!(place), json!(number)]))
}

pub(super) fn accounts(source: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let (place, waba_id): (i64, String) = (row.get(0)?, row.get(1)?);
    let after = key([json!(place), json!(waba_id)]);
    of!(taken, Accounts).push((source.business(place)?, waba_id, row.get(2)?, row.get(3)?));
    Ok(after)
}

pub(super) fn restrictions(source: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let (place, waba_id, named): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let after = key([json!(place), json!(waba_id), json!(named)]);
    let business = source.business(place)?;
    of!(taken, Restrictions).push((
        business,
        waba_id,
        named,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
    ));
    Ok(after)
}

pub(super) fn templates(source: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let (place, waba_id): (i64, String) = (row.get(0)?, row.get(1)?);
    let (name, language): (String, String) = (row.get(2)?, row.get(3)?);
    let after = key([json!(place), json!(waba_id), json!(name), json!(language)]);
    of!(taken, Templates).push((
        source.business(place)?,
        waba_id,
        name,
        language,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
        row.get(7)?,
        row.get(8)?,
        row.get(9)?,
    ));
    Ok(after)
}

pub(super) fn subscriptions(source: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let (place, id): (i64, String) = (row.get(0)?, row.get(1)?);
    let after = key([json!(place), json!(id)]);
    of!(taken, Subscriptions).push((
        source.business(place)?,
        id,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
    ));
    Ok(after)
}

pub(super) fn timeline(source: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let seq: i64 = row.get(0)?;
    let place: i64 = row.get(1)?;
    of!(taken, Timeline).push((
        seq,
        source.business(place)?,
        i64::from(source.sealed.entry(place, seq)),
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
        row.get(7)?,
    ));
    Ok(key([json!(seq)]))
}

pub(super) fn inbox(source: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let seq: i64 = row.get(0)?;
    let business = source.business(row.get(1)?)?;
    let sha256: String = row.get(2)?;
    of!(taken, Keys).push((business.clone(), 2, sha256.clone(), seq));
    of!(taken, Inbox).push((
        seq,
        business,
        sha256,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
    ));
    Ok(key([json!(seq)]))
}

pub(super) fn relays(source: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let (seq, app): (i64, String) = (row.get(0)?, row.get(1)?);
    let after = key([json!(seq), json!(app)]);
    let business = source.business(row.get(2)?)?;
    of!(taken, Relays).push((
        seq,
        app,
        business,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
    ));
    Ok(after)
}

pub(super) fn replies(source: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let id: i64 = row.get(0)?;
    let business = source.business(row.get(1)?)?;
    let (reply, message_id): (String, String) = (row.get(5)?, row.get(7)?);
    let kind = reply_kind(&decode_reply(&reply)?);
    of!(taken, Keys).push((business.clone(), 3, format!("{kind}:{message_id}"), id));
    of!(taken, Replies).push((
        id,
        business,
        row.get(2)?,
        row.get(3)?,
        reply,
        row.get(6)?,
        message_id,
        row.get(8)?,
        row.get(9)?,
        row.get(10)?,
    ));
    Ok(key([json!(id)]))
}

pub(super) fn held_messages(source: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let seq: i64 = row.get(0)?;
    let business = source.business(row.get(1)?)?;
    of!(taken, Later).push((
        row.get(2)?,
        seq,
        business,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
        row.get(7)?,
        row.get(8)?,
        row.get(9)?,
        row.get(10)?,
        row.get(11)?,
        row.get(12)?,
        row.get(13)?,
        row.get(14)?,
        row.get(15)?,
        row.get(16)?,
        row.get(17)?,
        row.get(18)?,
        row.get(19)?,
        row.get(20)?,
        row.get(21)?,
        row.get(22)?,
    ));
    Ok(key([json!(seq)]))
}

pub(super) fn limits(_: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let portfolio: String = row.get(0)?;
    let after = key([json!(portfolio)]);
    of!(taken, Portfolios).push((portfolio, row.get(1)?, row.get(2)?, row.get(3)?));
    Ok(after)
}

pub(super) fn reach(_: &Source, row: &Row<'_>, taken: &mut Taken) -> Read {
    let number: i64 = row.get(0)?;
    of!(taken, Reach).push((row.get(1)?, number, row.get(2)?, row.get(3)?));
    Ok(key([json!(number)]))
}
