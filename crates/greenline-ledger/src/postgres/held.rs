//! What is held about a person: by the person where records name them, else by how they may be written.

use greenline_policy::identity::Identifier;
use tokio_postgres::Row;

use super::Store;
use super::connect::{Link, retrying};
use super::erase::members;
use super::later::held_message;
use super::read::records;
use super::rows::{boxed, count_column, lane_of, person_column, seq, shard};
use super::sql;
use super::trouble::Trouble;
use crate::codec::rows::decode_reply;
use crate::erasure::{mentions, spellings};
use crate::error::LedgerError;
use crate::held::{
    CallAnswer, FOUND_BYTES_MAX, FOUND_MAX, Held, HeldAt, HeldKind, HeldPage, Holding, elsewhere,
};
use crate::types::{BusinessIx, TimelineEntry};

type Result<T, E = Trouble> = std::result::Result<T, E>;

/// Whose.
struct Of<'h> {
    business: &'h str,
    shards: Vec<i64>,
    people: Vec<i64>,
    texts: &'h [String],
    patterns: Vec<String>,
}

impl Of<'_> {
    async fn decisions(&self, link: &mut Link, after: i64) -> Result<HeldPage> {
        let limit = count_column(FOUND_MAX);
        let mut numbers: Vec<i64> = Vec::new();
        for sql in [sql::HELD_DECISIONS, sql::HELD_SENDS] {
            let rows = link
                .rows(sql, &[&self.shards, &self.people, &after, &limit])
                .await?;
            for row in &rows {
                numbers.push(row.try_get(0)?);
            }
        }
        let rows = link
            .rows(
                sql::HELD_BY_NOBODY,
                &[&self.business, &after, &self.patterns, &limit],
            )
            .await?;
        for row in &rows {
            numbers.push(row.try_get(0)?);
        }
        numbers.sort_unstable();
        numbers.dedup();
        let next = (numbers.len() >= FOUND_MAX).then(|| {
            numbers.truncate(FOUND_MAX);
            HeldAt(numbers.last().copied().unwrap_or(i64::MAX), 0)
        });
        let rows = link
            .rows(sql::HELD_RECORDS, &[&self.business, &numbers])
            .await?;
        let mut found = records(link, &rows).await?;
        found.retain(|record| {
            record.people.iter().any(|one| {
                one.person
                    .is_some_and(|id| self.people.contains(&person_column(id)))
                    || self.texts.contains(&one.identifier.reveal())
            })
        });
        let records = found.into_iter().map(Box::new).map(Held::Decision);
        Ok(HeldPage {
            records: records.collect(),
            next,
        })
    }

    async fn deliveries(&self, link: &mut Link, after: HeldAt) -> Result<HeldPage> {
        let rows = link
            .rows(
                sql::HELD_INBOX,
                &[&self.business, &self.patterns, &after.0, &after.1],
            )
            .await?;
        let (mut page, mut bytes) = (HeldPage::default(), 0);
        for row in &rows {
            let at: (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            page.next = Some(HeldAt(at.0, at.1));
            if row.try_get::<_, Option<bool>>(2)? != Some(true) {
                continue;
            }
            for row in &link.rows(sql::HELD_BODY, &[&at.0, &at.1]).await? {
                let body: Option<Vec<u8>> = row.try_get(2)?;
                let Some(body) = body.filter(|body| mentions(body, self.texts)) else {
                    continue;
                };
                bytes += body.len();
                page.records.push(Held::Delivery {
                    received_ms: row.try_get(0)?,
                    lane: lane_of(row.try_get(1)?)?,
                    body,
                });
            }
            if page.records.len() >= FOUND_MAX || bytes >= FOUND_BYTES_MAX {
                break;
            }
        }
        Ok(page)
    }

    async fn replies(&self, link: &mut Link, after: i64) -> Result<HeldPage> {
        let limit = count_column(FOUND_MAX);
        let columns: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&self.business, &self.texts, &after, &limit];
        let rows = link.rows(sql::HELD_REPLIES, &columns).await?;
        page(&rows, |row| {
            Ok(Held::Reply {
                number: boxed(row, 1)?,
                reply: decode_reply(row.try_get(2)?)?,
                at_ms: row.try_get(3)?,
                is_over: row.try_get::<_, i64>(4)? == 2,
                decision: row.try_get::<_, Option<i64>>(5)?.map(seq),
            })
        })
    }

    async fn messages(&self, link: &mut Link, ix: BusinessIx, after: i64) -> Result<HeldPage> {
        let limit = count_column(FOUND_MAX);
        let columns: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&self.shards, &self.people, &after, &limit];
        let rows = link.rows(sql::HELD_LATER, &columns).await?;
        page(&rows, |row| {
            Ok(Held::Message {
                body: row.try_get(1)?,
                message: Box::new(held_message(row, ix, 2)?),
            })
        })
    }

    async fn timeline(&self, link: &mut Link, after: i64) -> Result<HeldPage> {
        let limit = count_column(FOUND_MAX);
        let columns: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&self.business, &after, &self.texts, &self.patterns, &limit];
        let rows = link.rows(sql::HELD_TIMELINE, &columns).await?;
        let mut page = page(&rows, |row| {
            Ok(Held::Timeline(TimelineEntry {
                seq: row.try_get(0)?,
                subject: boxed(row, 1)?,
                subject_id: boxed(row, 2)?,
                origin: boxed(row, 3)?,
                event: boxed(row, 4)?,
                at_ms: row.try_get(5)?,
                body: boxed(row, 6)?,
            }))
        })?;
        // A text may stand there as a part of a longer number.
        page.records.retain(|held| match held {
            Held::Timeline(entry) => speaks_of(&entry.subject_id, &entry.body, self.texts),
            _ => false,
        });
        Ok(page)
    }
}

/// Whether an entry of the timeline speaks of somebody.
fn speaks_of(subject_id: &str, body: &str, texts: &[String]) -> bool {
    let about = [subject_id, body];
    about.iter().any(|text| mentions(text.as_bytes(), texts))
}

/// A page of rows that begin with their number.
fn page(rows: &[Row], read: impl Fn(&Row) -> Result<Held>) -> Result<HeldPage> {
    let last = rows.last().map(|row| row.try_get(0)).transpose()?;
    let next = last.filter(|_| rows.len() >= FOUND_MAX);
    Ok(HeldPage {
        records: rows.iter().map(read).collect::<Result<_>>()?,
        next: next.map(|last| HeldAt(last, 0)),
    })
}

impl Store {
    pub(crate) async fn holding(
        &self,
        business: BusinessIx,
        identifier: &Identifier,
    ) -> Result<Option<Holding>, LedgerError> {
        self.business(business)?;
        let canonical = identifier.canonical().0;
        retrying!(self.pool, link => {
            let whole = match self.everyone(link, business, &canonical).await {
                Err(Trouble::Final(LedgerError::NotFound(_))) => return Ok(None),
                whole => whole?,
            };
            let (snapshot, whole) = whole;
            let Some(slot) = snapshot.state.find(business, &canonical)? else {
                return Ok(None);
            };
            let members = members(&snapshot.state, &snapshot.state.person_until_here(slot));
            let (mut identifiers, mut calls) = (Vec::new(), Vec::new());
            let (mut shards, mut ids) = (Vec::new(), Vec::new());
            for member in &members {
                shards.push(shard(*member));
                ids.push(person_column(*member));
                let Some(known) = snapshot.people.get(member) else { continue };
                identifiers.extend(known.identifiers.iter().map(|row| row.canonical.clone()));
                calls.extend(known.windows.iter().filter_map(|(number, row)| {
                    Some(CallAnswer {
                        number: number.clone(),
                        at_ms: row.call_at_ms?,
                        until_ms: row.call_until_ms,
                    })
                }));
            }
            calls.sort_by(|a, b| (&a.number, a.at_ms).cmp(&(&b.number, b.at_ms)));
            let (mut links_revoked, mut links_revoked_ms) = (0, None);
            for row in &link.rows(sql::LINKS_REVOKED, &[&shards, &ids]).await? {
                links_revoked = links_revoked.max(seq(row.try_get(0)?));
                links_revoked_ms = links_revoked_ms.max(Some(row.try_get::<_, i64>(1)?));
            }
            let mut texts: Vec<String> = identifiers.iter().flat_map(spellings).collect();
            texts.extend(spellings(&canonical));
            texts.sort();
            texts.dedup();
            let left = whole.difference(&members).filter_map(|one| snapshot.people.get(one));
            let left = left.flat_map(|known| &known.identifiers).map(|row| &row.canonical);
            let elsewhere = elsewhere(left, &texts);
            Ok(Some(Holding {
                people: members.into_iter().collect(),
                identifiers,
                calls,
                links_revoked,
                links_revoked_ms,
                texts,
                elsewhere,
            }))
        })
    }

    pub(crate) async fn held(
        &self,
        business: BusinessIx,
        of: &Holding,
        kind: HeldKind,
        after: HeldAt,
    ) -> Result<HeldPage, LedgerError> {
        let people = of.people.iter();
        let of = Of {
            business: self.business(business)?,
            shards: people.clone().map(|id| shard(*id)).collect(),
            people: people.map(|id| person_column(*id)).collect(),
            texts: &of.texts,
            patterns: of.texts.iter().map(|text| format!("%{text}%")).collect(),
        };
        retrying!(self.pool, link => match kind {
            HeldKind::Decisions => of.decisions(link, after.0).await,
            HeldKind::Deliveries => of.deliveries(link, after).await,
            HeldKind::Replies => of.replies(link, after.0).await,
            HeldKind::Messages => of.messages(link, business, after.0).await,
            HeldKind::Timeline => of.timeline(link, after.0).await,
        })
    }
}
