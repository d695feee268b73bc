//! Relays and own replies: handed out by claim, so that of many nodes one does each.
//!
//! A claim on a delivery holds while its node lives, and for a time at most; a claim on a reply holds for
//! ever, so that no reply goes out twice. Each verb may be tried again: it finds its own claim.

use std::sync::Arc;

use super::Store;
use super::connect::{Link, retrying};
use super::rows::{
    boxed, count_column, identifier, lane_column, person_column, seq, seq_column, shard_of_number,
};
use super::sql;
use super::trouble::Trouble;
use super::wants::KeyKind;
use crate::codec::rows::{decode_headers, decode_reply};
use crate::error::LedgerError;
use crate::ids::Ids;
use crate::request::Answer;
use crate::types::{BusinessIx, DecisionId, DueReply, Lane, Relay, RelayDone, RelayResult};
use greenline_policy::consent::EventId;

/// How long a delivery that was handed out is not handed out again.
const CLAIM_MS: i64 = 10 * 60 * 1_000;
/// How long hashes of emptied deliveries stay, so that a late redelivery is still known.
const HASHES_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// Deliveries removed in one go.
const ROUNDS_MAX: usize = 10_000;

fn claim() -> i64 {
    person_column(Ids::seeded().next())
}

async fn live(link: &mut Link) -> Result<Vec<i64>, Trouble> {
    let mut live = Vec::new();
    for row in link.rows(sql::LIVE_NODES, &[]).await? {
        if row.try_get(1)? {
            live.push(row.try_get(0)?);
        }
    }
    Ok(live)
}

impl Store {
    /// Deliveries due in a lane, oldest first.
    pub(crate) async fn relay_due(
        &self,
        now_ms: i64,
        lane: Lane,
        limit: usize,
    ) -> Result<Vec<Relay>, LedgerError> {
        let claim = claim();
        let lane_at = lane_column(lane);
        let found = retrying!(self.pool, link => {
            let lease = self.seat.hold(link).await?;
            let live = live(link).await?;
            let (mut shards, mut seqs, mut apps) = (Vec::new(), Vec::new(), Vec::new());
            let due = link
                .rows(sql::RELAYS_DUE, &[&lane_at, &now_ms, &count_column(limit), &live])
                .await?;
            for row in &due {
                shards.push(row.try_get::<_, i64>(0)?);
                seqs.push(row.try_get::<_, i64>(1)?);
                apps.push(row.try_get::<_, String>(2)?);
            }
            let until_ms = now_ms.saturating_add(CLAIM_MS);
            link.run(
                sql::CLAIM_RELAYS,
                &[&shards, &seqs, &apps, &live, &lease.token, &until_ms, &claim, &now_ms],
            )
            .await?;
            let rows = link.rows(sql::CLAIMED_RELAYS, &[&shards, &seqs, &apps, &claim]).await?;
            let mut relays = Vec::with_capacity(rows.len());
            for row in &rows {
                let Some(business) = self.business_of(row.try_get(2)?) else {
                    continue;
                };
                let body: Option<Vec<u8>> = row.try_get(3)?;
                let attempts: i64 = row.try_get(5)?;
                relays.push(Relay {
                    inbox_seq: row.try_get(0)?,
                    app: Arc::from(row.try_get::<_, &str>(1)?),
                    business,
                    body: body
                        .ok_or_else(|| LedgerError::unreadable("a delivery without its body"))?
                        .into(),
                    headers: decode_headers(row.try_get(4)?)?,
                    lane,
                    attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
                    received_ms: row.try_get(6)?,
                });
            }
            Ok(relays)
        })?;
        Ok(found)
    }

    /// Notes how relay attempts ended.
    pub(crate) async fn relay_done(&self, done: Vec<RelayDone>) -> Result<Answer, LedgerError> {
        self.check_open()?;
        let mut delivered = (Vec::new(), Vec::new(), Vec::new());
        let mut again = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for RelayDone {
            inbox_seq,
            app,
            result,
            ..
        } in &done
        {
            let (due_ms, parked) = match result {
                RelayResult::Delivered => {
                    delivered.0.push(shard_of_number(*inbox_seq));
                    delivered.1.push(*inbox_seq);
                    delivered.2.push(&**app);
                    continue;
                }
                RelayResult::RetryAt(due_ms) => (Some(*due_ms), 0_i64),
                RelayResult::Parked => (None, 1),
            };
            again.0.push(shard_of_number(*inbox_seq));
            again.1.push(*inbox_seq);
            again.2.push(&**app);
            again.3.push(due_ms);
            again.4.push(parked);
        }
        retrying!(self.pool, link => {
            if !delivered.0.is_empty() {
                link.run(sql::RELAYS_DELIVERED, &[&delivered.0, &delivered.1, &delivered.2])
                    .await?;
            }
            if !again.0.is_empty() {
                link.run(sql::RELAYS_AGAIN, &[&again.0, &again.1, &again.2, &again.3, &again.4])
                    .await?;
            }
            Ok(())
        })?;
        Ok(Answer::Done)
    }

    /// Makes parked deliveries due again.
    pub(super) async fn relay_replay(
        &self,
        business: BusinessIx,
        app: Option<&str>,
        now_ms: i64,
    ) -> Result<Answer, LedgerError> {
        let business = self.business(business)?;
        let replayed = retrying!(self.pool, link => link.run(sql::RELAY_REPLAY, &[&business, &app, &now_ms]).await)?;
        Ok(Answer::Count(replayed))
    }

    /// Empties deliveries whose days are over.
    pub(super) async fn inbox_prune(&self, before_ms: i64) -> Result<Answer, LedgerError> {
        let emptied =
            retrying!(self.pool, link => link.run(sql::EMPTY_INBOX, &[&before_ms]).await)?;
        let old_ms = before_ms.saturating_sub(HASHES_MS);
        for _ in 0..ROUNDS_MAX {
            let removed = retrying!(self.pool, link => remove_old(link, old_ms).await)?;
            if removed == 0 {
                break;
            }
        }
        retrying!(self.pool, link => {
            link.run(sql::PRUNE_BATCHES, &[]).await?;
            link.run(sql::PRUNE_STRAYS, &[&before_ms]).await
        })?;
        Ok(Answer::Count(emptied))
    }

    /// Hands out own replies, marked as attempted before.
    pub(super) async fn replies_due(&self, limit: usize) -> Result<Answer, LedgerError> {
        let claim = claim();
        let businesses: Vec<&str> = self.businesses.iter().map(|id| &**id).collect();
        let due = retrying!(self.pool, link => {
            let (mut shards, mut ids) = (Vec::new(), Vec::new());
            for row in link.rows(sql::REPLIES_DUE, &[&count_column(limit), &businesses]).await? {
                shards.push(row.try_get::<_, i64>(0)?);
                ids.push(row.try_get::<_, i64>(1)?);
            }
            link.run(sql::CLAIM_REPLIES, &[&shards, &ids, &claim]).await?;
            let rows = link.rows(sql::CLAIMED_REPLIES, &[&shards, &ids, &claim]).await?;
            let mut due = Vec::with_capacity(rows.len());
            for row in &rows {
                let Some(business) = self.business_of(row.try_get(1)?) else {
                    continue;
                };
                let confirms: Option<i64> = row.try_get(5)?;
                due.push(DueReply {
                    id: row.try_get(0)?,
                    business,
                    to: identifier(row.try_get(2)?)?,
                    number: boxed(row, 3)?,
                    reply: decode_reply(row.try_get(4)?)?,
                    confirms: confirms.map(|id| EventId(seq(id))),
                    message_id: boxed(row, 6)?,
                    at_ms: row.try_get(7)?,
                });
            }
            Ok(due)
        })?;
        Ok(Answer::Replies(due))
    }

    /// Notes that an own reply is over.
    pub(super) async fn reply_done(
        &self,
        id: i64,
        decision: Option<DecisionId>,
    ) -> Result<Answer, LedgerError> {
        let decision = decision.map(|id| seq_column(id.seq));
        let done = retrying!(self.pool, link => link.run(sql::FINISH_REPLY, &[&shard_of_number(id), &id, &decision]).await)?;
        match done {
            0 => Err(LedgerError::NotFound("the reply")),
            _ => Ok(Answer::Done),
        }
    }
}

/// Removes emptied deliveries and their hashes, a thousand at most; the hash first, so that one that is left
/// behind by a failure is found again by its delivery.
async fn remove_old(link: &mut Link, old_ms: i64) -> Result<usize, Trouble> {
    let rows = link.rows(sql::OLD_INBOX, &[&old_ms]).await?;
    let (mut shards, mut seqs) = (Vec::new(), Vec::new());
    let (mut key_shards, mut businesses, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        let (business, key): (String, String) = (row.try_get(2)?, row.try_get(3)?);
        shards.push(row.try_get::<_, i64>(0)?);
        seqs.push(row.try_get::<_, i64>(1)?);
        key_shards.push(super::load::shard_of_key(
            &business,
            KeyKind::Delivery,
            &key,
        ));
        businesses.push(business);
        keys.push(key);
    }
    link.run(sql::DELETE_KEYS, &[&key_shards, &businesses, &keys])
        .await?;
    link.run(sql::DELETE_INBOX, &[&shards, &seqs]).await?;
    Ok(rows.len())
}
