//! What is held about a person, found a page at a time on a connection that reads.

use std::sync::Arc;

use greenline_policy::identity::Identifier;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::erase::{find, identifiers, reached, whole_person};
use super::later::held_message;
use super::rows::{lane_of, person_column, seq};
use super::verbs::{blocking, reading};
use super::{Store, read, sql};
use crate::codec::rows::decode_reply;
use crate::erasure::{mentions, prefix_of, spellings};
use crate::error::LedgerError;
use crate::held::{
    CallAnswer, FOUND_BYTES_MAX, FOUND_MAX, Held, HeldAt, HeldKind, HeldPage, Holding, LOOKED_MAX,
    elsewhere,
};
use crate::types::{BusinessIx, TimelineEntry};

type Result<T, E = LedgerError> = std::result::Result<T, E>;

fn text<'r>(row: &'r Row<'_>, at: usize) -> Result<&'r str> {
    Ok(row.get_ref(at)?.as_str().map_err(rusqlite::Error::from)?)
}

/// One record, as the row that was looked at has it.
fn held(
    connection: &Connection,
    business: BusinessIx,
    kind: HeldKind,
    row: &Row<'_>,
) -> Result<Option<Held>> {
    let number: i64 = row.get(0)?;
    Ok(Some(match kind {
        HeldKind::Decisions => {
            let Some(record) = read::decision_of(connection, seq(number))? else {
                return Ok(None);
            };
            Held::Decision(Box::new(record))
        }
        HeldKind::Deliveries => Held::Delivery {
            body: row.get(1)?,
            received_ms: row.get(2)?,
            lane: lane_of(row.get(3)?)?,
        },
        HeldKind::Replies => Held::Reply {
            number: row.get(2)?,
            reply: decode_reply(text(row, 3)?)?,
            at_ms: row.get(4)?,
            is_over: row.get::<_, i64>(5)? == 2,
            decision: row.get::<_, Option<i64>>(6)?.map(seq),
        },
        HeldKind::Messages => Held::Message {
            message: Box::new(held_message(row, business, 3)?),
            body: row.get(2)?,
        },
        HeldKind::Timeline => Held::Timeline(TimelineEntry {
            seq: number,
            subject: row.get(2)?,
            subject_id: row.get(3)?,
            origin: row.get(4)?,
            event: row.get(5)?,
            at_ms: row.get(6)?,
            body: row.get(7)?,
        }),
    }))
}

fn page(
    connection: &Connection,
    (ix, business): (BusinessIx, i64),
    texts: &[String],
    kind: HeldKind,
    after: i64,
) -> Result<HeldPage> {
    let sql = match kind {
        HeldKind::Decisions => sql::DECISIONS_FROM,
        HeldKind::Deliveries => sql::INBOX_FROM,
        HeldKind::Replies => sql::REPLIES_FROM,
        HeldKind::Messages => sql::HELD_FROM,
        HeldKind::Timeline => sql::TIMELINE_FROM,
    };
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![after, business])?;
    let (mut found, mut bytes, mut looked) = (HeldPage::default(), 0, 0);
    while let Some(row) = rows.next()? {
        let value = row.get_ref(1)?.as_bytes().map_err(rusqlite::Error::from)?;
        if mentions(value, texts) {
            bytes += value.len();
            found.records.extend(held(connection, ix, kind, row)?);
        }
        looked += 1;
        let full = found.records.len() >= FOUND_MAX || bytes >= FOUND_BYTES_MAX;
        if full || looked >= LOOKED_MAX {
            found.next = Some(HeldAt(row.get(0)?, 0));
            break;
        }
    }
    Ok(found)
}

impl Store {
    pub(crate) async fn is_erasure_key_used(self: &Arc<Self>, key: &str) -> Result<bool> {
        let from = prefix_of(key);
        // Behind every hexadecimal digit.
        let to = format!("{from}g");
        blocking(self, move |store| {
            store.readers.with(|connection| {
                let mut statement = connection.prepare_cached(sql::KEPT_BY_KEY)?;
                Ok(statement.exists(params![from, to])?)
            })
        })
        .await
    }

    /// An erasure is one transaction.
    #[expect(clippy::unused_async, reason = "other stores wait here")]
    pub(crate) async fn resume_erasures(self: &Arc<Self>, _: BusinessIx, _: i64) -> Result<u64> {
        Ok(0)
    }

    pub(crate) async fn holding(
        self: &Arc<Self>,
        business: BusinessIx,
        identifier: &Identifier,
    ) -> Result<Option<Holding>> {
        let canonical = identifier.canonical().0;
        let (name, keys) = (self.business_id(business)?.to_owned(), self.erasure.clone());
        reading(self, business, move |connection, row| {
            let Some(first) = find(connection, (row, &name), &keys, &canonical)? else {
                return Ok(None);
            };
            let people = reached(connection, first, sql::LINKED_BEFORE)?;
            let (mut names, mut calls) = (Vec::new(), Vec::new());
            let (mut links_revoked, mut links_revoked_ms) = (0, None);
            for one in &people {
                let key = params![one.shard().0, person_column(*one)];
                names.extend(identifiers(connection, *one)?);
                let mut asked = connection.prepare_cached(sql::CALLS_OF)?;
                for call in asked.query_map(key, |row| {
                    Ok(CallAnswer {
                        number: row.get(0)?,
                        at_ms: row.get(1)?,
                        until_ms: row.get(2)?,
                    })
                })? {
                    calls.push(call?);
                }
                let revoked: Option<(i64, i64)> = connection
                    .prepare_cached(sql::LINKS_REVOKED)?
                    .query_row(key, |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                if let Some((times, at_ms)) = revoked {
                    links_revoked = links_revoked.max(seq(times));
                    links_revoked_ms = links_revoked_ms.max(Some(at_ms));
                }
            }
            let mut left = Vec::new();
            for one in whole_person(connection, first)? {
                if !people.contains(&one) {
                    left.extend(identifiers(connection, one)?);
                }
            }
            let identifiers: Vec<Identifier> =
                names.into_iter().map(|name| name.canonical).collect();
            let mut texts: Vec<String> = identifiers.iter().flat_map(spellings).collect();
            texts.extend(spellings(&canonical));
            texts.sort();
            texts.dedup();
            let elsewhere = elsewhere(left.iter().map(|row| &row.canonical), &texts);
            Ok(Some(Holding {
                people,
                identifiers,
                calls,
                links_revoked,
                links_revoked_ms,
                texts,
                elsewhere,
            }))
        })
        .await
    }

    pub(crate) async fn held(
        self: &Arc<Self>,
        business: BusinessIx,
        of: &Holding,
        kind: HeldKind,
        after: HeldAt,
    ) -> Result<HeldPage> {
        let texts = of.texts.clone();
        reading(self, business, move |connection, row| {
            page(connection, (business, row), &texts, kind, after.0)
        })
        .await
    }
}
