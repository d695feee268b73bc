//! Relays and own replies: handed out by claim, so that of many nodes one does each.
//!
//! A claim holds while its node lives, and for a time at most. A reply is sent by a decision that names its claim,
//! and that decision is recorded only while the claim stands, so a node that was taken for dead cannot send what
//! another has taken over; from then on the reply is nobody's to take. Each verb may be tried again: it finishes the
//! claim it began.

use std::sync::Arc;

use tokio_postgres::Row;

use super::Store;
use super::connect::{Link, retrying};
use super::in_hand::{Begun, CLAIM_MS, Work};
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
use crate::types::{
    BusinessIx, DueReply, Lane, Relay, RelayDone, RelayResult, ReplyClaim, ReplyEnd,
};
use greenline_policy::consent::EventId;

/// How long hashes of emptied deliveries stay, so that a late redelivery is still known.
const HASHES_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// Deliveries removed in one go.
const ROUNDS_MAX: usize = 10_000;

/// A name for a claim.
pub(super) fn claim() -> i64 {
    person_column(Ids::seeded().next())
}

/// Tokens of nodes that live.
pub(super) async fn live(link: &mut Link) -> Result<Vec<i64>, Trouble> {
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
        let work = Work::Relays(lane);
        let mut begun = self.in_hand.unfinished(work);
        let claimed = retrying!(self.pool, link => {
            let lease = self.seat.hold(link).await?;
            if !begun.stands(lease.token) {
                begun = Begun::new(claim(), lease.token);
                look_for_relays(link, &mut begun, now_ms, lane, limit).await?;
            }
            claim_relays(link, &begun, now_ms).await
        });
        let rows = match claimed {
            Ok(rows) => rows,
            Err(error) => {
                self.in_hand.leave(work, begun);
                return Err(error);
            }
        };
        let mut relays = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(relay) = self.relay(row, lane)? {
                self.in_hand
                    .take(&begun, relay.inbox_seq, Arc::clone(&relay.app));
                relays.push(relay);
            }
        }
        Ok(relays)
    }

    fn relay(&self, row: &Row, lane: Lane) -> Result<Option<Relay>, LedgerError> {
        let read = || -> Result<_, Trouble> {
            let Some(business) = self.business_of(row.try_get(2)?) else {
                return Ok(None);
            };
            let body: Option<Vec<u8>> = row.try_get(3)?;
            let attempts: i64 = row.try_get(5)?;
            Ok(Some(Relay {
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
            }))
        };
        read().map_err(Trouble::given_up)
    }

    /// Whether a delivery that was handed out is still this node's to hand on.
    pub(crate) fn has_in_hand(&self, relay: &Relay) -> bool {
        self.in_hand.has(&self.seat, relay.inbox_seq, &relay.app)
    }

    /// Whether a delivery still waits for its app.
    pub(crate) async fn relay_waits(&self, relay: &Relay) -> Result<bool, LedgerError> {
        let shard = shard_of_number(relay.inbox_seq);
        retrying!(self.pool, link => {
            let rows = link.rows(sql::RELAY_WAITS, &[&shard, &relay.inbox_seq, &&*relay.app]).await?;
            Ok(!rows.is_empty())
        })
    }

    /// Notes how relay attempts ended. What was not taken is put down only by whoever has it in hand: another
    /// node may have taken it over meanwhile.
    pub(crate) async fn relay_done(&self, done: Vec<RelayDone>) -> Result<Answer, LedgerError> {
        self.check_open()?;
        let mut delivered = (Vec::new(), Vec::new(), Vec::new());
        let mut again = (
            Vec::new(),
            Vec::new(),
            Vec::new(),
            Vec::new(),
            Vec::new(),
            Vec::new(),
            Vec::new(),
        );
        for RelayDone {
            inbox_seq,
            app,
            result,
            ..
        } in &done
        {
            let (due_ms, parked, attempts) = match result {
                RelayResult::Delivered => {
                    delivered.0.push(shard_of_number(*inbox_seq));
                    delivered.1.push(*inbox_seq);
                    delivered.2.push(&**app);
                    continue;
                }
                RelayResult::RetryAt(due_ms) => (Some(*due_ms), 0_i64, 1_i64),
                RelayResult::PutOff(due_ms) => (Some(*due_ms), 0, 0),
                RelayResult::Parked => (None, 1, 1),
            };
            let Some(claim) = self.in_hand.claim(*inbox_seq, app) else {
                continue;
            };
            again.0.push(shard_of_number(*inbox_seq));
            again.1.push(*inbox_seq);
            again.2.push(&**app);
            again.3.push(due_ms);
            again.4.push(parked);
            again.5.push(claim);
            again.6.push(attempts);
        }
        retrying!(self.pool, link => {
            if !delivered.0.is_empty() {
                link.run(sql::RELAYS_DELIVERED, &[&delivered.0, &delivered.1, &delivered.2])
                    .await?;
            }
            if !again.0.is_empty() {
                let (shards, seqs, apps, due, parked, claims, attempts) = &again;
                link.run(sql::RELAYS_AGAIN, &[shards, seqs, apps, due, parked, claims, attempts])
                    .await?;
            }
            Ok(())
        })?;
        for RelayDone { inbox_seq, app, .. } in &done {
            self.in_hand.put_down(*inbox_seq, app);
        }
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

    /// Empties deliveries whose days are over, and removes what has been of no use for long: a page at a time,
    /// so that it never holds much and can be broken off anywhere.
    pub(super) async fn inbox_prune(&self, before_ms: i64) -> Result<Answer, LedgerError> {
        self.drop_notices(before_ms).await?;
        let (mut emptied, mut after) = (0, (i64::MIN, i64::MIN));
        for _ in 0..ROUNDS_MAX {
            let (count, next) =
                retrying!(self.pool, link => empty_old(link, before_ms, after).await)?;
            emptied += count;
            match next {
                Some(next) => after = next,
                None => break,
            }
        }
        let old_ms = before_ms.saturating_sub(HASHES_MS);
        for _ in 0..ROUNDS_MAX {
            if retrying!(self.pool, link => remove_old(link, old_ms).await)? == 0 {
                break;
            }
        }
        for _ in 0..ROUNDS_MAX {
            if retrying!(self.pool, link => remove_batches(link).await)? == 0 {
                break;
            }
        }
        for _ in 0..ROUNDS_MAX {
            if retrying!(self.pool, link => remove_strays(link, before_ms).await)? == 0 {
                break;
            }
        }
        Ok(Answer::Emptied {
            bodies: emptied,
            more: false,
        })
    }

    /// Hands out own replies that nobody has in hand who lives.
    pub(super) async fn replies_due(&self, limit: usize) -> Result<Answer, LedgerError> {
        let mut begun = self.in_hand.unfinished(Work::Replies);
        let businesses: Vec<&str> = self.businesses.iter().map(|id| &**id).collect();
        let due = retrying!(self.pool, link => {
            let lease = self.seat.hold(link).await?;
            if !begun.stands(lease.token) {
                begun = Begun::new(claim(), lease.token);
                look_for_replies(link, &mut begun, limit, &businesses).await?;
            }
            if begun.seqs.is_empty() {
                return Ok(Vec::new());
            }
            let Begun { shards, seqs, claim, token, dead, .. } = &begun;
            link.run(sql::CLAIM_REPLIES, &[shards, seqs, dead, token, &CLAIM_MS, claim]).await?;
            let rows = link.rows(sql::CLAIMED_REPLIES, &[shards, seqs, claim]).await?;
            let mut due = Vec::with_capacity(rows.len());
            for row in &rows {
                let Some(business) = self.business_of(row.try_get(1)?) else {
                    continue;
                };
                let confirms: Option<i64> = row.try_get(5)?;
                due.push(DueReply {
                    claim: ReplyClaim { id: row.try_get(0)?, hand: *claim },
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
        });
        if due.is_err() {
            self.in_hand.leave(Work::Replies, begun);
        }
        Ok(Answer::Replies(due?))
    }

    /// Notes that an own reply is over, or still to be sent.
    pub(super) async fn reply_done(
        &self,
        claim: ReplyClaim,
        end: ReplyEnd,
    ) -> Result<Answer, LedgerError> {
        let ReplyClaim { id, hand } = claim;
        let shard = shard_of_number(id);
        let done = match end {
            ReplyEnd::Over(decision) => {
                let decision = decision.map(|id| seq_column(id.seq));
                retrying!(self.pool, link => link.run(sql::FINISH_REPLY, &[&shard, &id, &decision, &hand]).await)?
            }
            ReplyEnd::NotSent => {
                retrying!(self.pool, link => link.run(sql::REPLY_NOT_SENT, &[&shard, &id, &hand]).await)?
            }
        };
        match done {
            0 => Err(LedgerError::NotFound("the reply")),
            _ => Ok(Answer::Done),
        }
    }
}

/// What is due and nobody has in hand who lives.
async fn look_for_relays(
    link: &mut Link,
    begun: &mut Begun,
    now_ms: i64,
    lane: Lane,
    limit: usize,
) -> Result<(), Trouble> {
    let live_before = live(link).await?;
    let lane = lane_column(lane);
    let due = link
        .rows(
            sql::RELAYS_DUE,
            &[&lane, &now_ms, &count_column(limit), &live_before],
        )
        .await?;
    let mut holders: Vec<i64> = Vec::new();
    for row in &due {
        begun.shards.push(row.try_get(0)?);
        begun.seqs.push(row.try_get(1)?);
        begun.apps.push(row.try_get(2)?);
        holders.extend(row.try_get::<_, Option<i64>>(3)?);
    }
    begun.dead = dead(link, holders).await?;
    Ok(())
}

/// Replies that are due and nobody has in hand who lives.
async fn look_for_replies(
    link: &mut Link,
    begun: &mut Begun,
    limit: usize,
    businesses: &[&str],
) -> Result<(), Trouble> {
    let live_before = live(link).await?;
    let due = link
        .rows(
            sql::REPLIES_DUE,
            &[&count_column(limit), &businesses, &live_before],
        )
        .await?;
    let mut holders: Vec<i64> = Vec::new();
    for row in &due {
        begun.shards.push(row.try_get(0)?);
        begun.seqs.push(row.try_get(1)?);
        holders.extend(row.try_get::<_, Option<i64>>(2)?);
    }
    begun.dead = dead(link, holders).await?;
    Ok(())
}

/// Which of these do not live. Asked for after they were seen to hold something: a node that has just started was
/// not among the living before.
pub(super) async fn dead(link: &mut Link, mut holders: Vec<i64>) -> Result<Vec<i64>, Trouble> {
    if !holders.is_empty() {
        let live = live(link).await?;
        holders.retain(|holder| !live.contains(holder));
    }
    Ok(holders)
}

async fn claim_relays(link: &mut Link, begun: &Begun, now_ms: i64) -> Result<Vec<Row>, Trouble> {
    let Begun {
        claim,
        token,
        dead,
        shards,
        seqs,
        apps,
        ..
    } = begun;
    if seqs.is_empty() {
        return Ok(Vec::new());
    }
    let until_ms = now_ms.saturating_add(CLAIM_MS);
    link.run(
        sql::CLAIM_RELAYS,
        &[shards, seqs, apps, dead, token, &until_ms, claim, &now_ms],
    )
    .await?;
    link.rows(sql::CLAIMED_RELAYS, &[shards, seqs, apps, claim])
        .await
}

/// Empties a page of deliveries that nobody waits for: how many, and where the next page begins.
async fn empty_old(
    link: &mut Link,
    before_ms: i64,
    after: (i64, i64),
) -> Result<(u64, Option<(i64, i64)>), Trouble> {
    let rows = link
        .rows(sql::FULL_INBOX, &[&before_ms, &after.0, &after.1])
        .await?;
    let (mut shards, mut seqs, mut next) = (Vec::new(), Vec::new(), None);
    for row in &rows {
        shards.push(row.try_get::<_, i64>(0)?);
        seqs.push(row.try_get::<_, i64>(1)?);
        next = Some((row.try_get(2)?, row.try_get(1)?));
    }
    if shards.is_empty() {
        return Ok((0, None));
    }
    let emptied = link.run(sql::EMPTY_INBOX, &[&shards, &seqs]).await?;
    Ok((emptied, next))
}

/// Removes notes of batches that nobody asks for any more, a page at most.
async fn remove_batches(link: &mut Link) -> Result<u64, Trouble> {
    let (mut shards, mut ids) = (Vec::new(), Vec::new());
    for row in &link.rows(sql::OLD_BATCHES, &[]).await? {
        shards.push(row.try_get::<_, i64>(0)?);
        ids.push(row.try_get::<_, i64>(1)?);
    }
    if shards.is_empty() {
        return Ok(0);
    }
    link.run(sql::DELETE_BATCHES, &[&shards, &ids]).await
}

/// Removes statuses of messages that were never ours, a page at most.
async fn remove_strays(link: &mut Link, before_ms: i64) -> Result<u64, Trouble> {
    let (mut shards, mut ids) = (Vec::new(), Vec::new());
    for row in &link.rows(sql::OLD_STRAYS, &[&before_ms]).await? {
        shards.push(row.try_get::<_, i64>(0)?);
        ids.push(row.try_get::<_, String>(1)?);
    }
    if shards.is_empty() {
        return Ok(0);
    }
    link.run(sql::DELETE_STRAYS, &[&shards, &ids, &before_ms])
        .await
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
