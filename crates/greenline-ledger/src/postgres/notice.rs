//! Notices, written by the transaction that makes the change, and the subscriptions they are for.
//!
//! Who subscribes is loaded with a batch, after everything in it was asked for: whoever subscribed before an
//! event was asked for is told of it, on whichever node.

use greenline_policy::consent::{EventId, Head};
use greenline_policy::identity::Identifier;
use sha2::{Digest, Sha256};

use super::Store;
use super::connect::retrying;
use super::hand::Hand;
use super::rows::{boxed, lane_column, shard_of_number};
use super::sql;
use super::trouble::Trouble;
use crate::error::LedgerError;
use crate::notice::{Cause, Changed, Notice, lane_of, names};
use crate::request::Answer;
use crate::state::people::Slot;
use crate::subscription::{
    REPLAY_STEP_MAX, Replay, Replayed, Subscription, Takes, WAITING_COUNTED_MAX,
};
use crate::types::{BusinessIx, Lane, NewEvent};

/// Pages dropped in one go at most.
const ROUNDS_MAX: usize = 10_000;

type Result<T, E = LedgerError> = std::result::Result<T, E>;

/// What people's heads were before something happened, where anybody is told of changes.
pub(super) struct Before {
    person: Vec<Identifier>,
    heads: Vec<Head>,
}

fn is_set(column: i64) -> bool {
    column != 0
}

/// A row's switches, from a column on.
pub(super) fn takes(row: &tokio_postgres::Row, at: usize) -> Result<Takes, Trouble> {
    Ok(Takes {
        active: is_set(row.try_get(at)?),
        consents: is_set(row.try_get(at + 1)?),
        imports: is_set(row.try_get(at + 2)?),
    })
}

impl Hand<'_> {
    fn has_subscribers(&self, business: BusinessIx) -> bool {
        let mut all = self.snapshot.subscribers.iter();
        all.any(|(of, ..)| *of == business)
    }

    /// Tells of an event that was just recorded and folded.
    pub(super) fn tell_event(
        &mut self,
        event: &NewEvent,
        id: EventId,
        first: &Identifier,
        slot: Slot,
    ) -> Result<()> {
        if !self.has_subscribers(event.business) {
            return Ok(());
        }
        let state = &self.snapshot.state;
        let head = state.head(slot, first.canonical().1).clone();
        let people = state.group(slot).members.to_vec();
        let names = self.names(&event.person, slot);
        let changed = Changed::by(event, id, people, names, head);
        let now_ms = self.importing_ms.unwrap_or(event.arrival_ms);
        self.tell(event.business, lane_of(event), changed, now_ms)
    }

    fn names(&self, given: &[Identifier], slot: Slot) -> Vec<Identifier> {
        let members = self.snapshot.state.group(slot).members.iter();
        let known = members.filter_map(|member| self.snapshot.people.get(member));
        names(given, known.flat_map(|known| &known.identifiers))
    }

    /// To be asked before identifiers may turn out to be of one person, or somebody moves.
    pub(super) fn heads_before(
        &self,
        business: BusinessIx,
        person: &[Identifier],
    ) -> Result<Option<Before>> {
        if !self.has_subscribers(business) {
            return Ok(None);
        }
        Ok(Some(Before {
            heads: self.heads_of(business, person)?,
            person: person.to_vec(),
        }))
    }

    fn heads_of(&self, business: BusinessIx, person: &[Identifier]) -> Result<Vec<Head>> {
        let state = &self.snapshot.state;
        let head = |identifier: &Identifier| {
            let (canonical, spelling) = identifier.canonical();
            let slot = state.find(business, &canonical)?;
            Ok(slot.map_or_else(Head::default, |slot| state.head(slot, spelling).clone()))
        };
        person.iter().map(head).collect()
    }

    /// Tells of it if it changed what holds for any of them.
    pub(super) fn tell_change(
        &mut self,
        business: BusinessIx,
        before: Option<Before>,
        cause: Cause,
        at_ms: i64,
    ) -> Result<()> {
        let Some(before) = before else { return Ok(()) };
        let heads = self.heads_of(business, &before.person)?;
        let (Some(head), true) = (heads.first(), heads != before.heads) else {
            return Ok(());
        };
        let first = before.person.first().map(|first| first.canonical().0);
        let slot = first.map(|first| self.snapshot.state.find(business, &first));
        let Some(slot) = slot.transpose()?.flatten() else {
            return Ok(());
        };
        let (_, history) = self.snapshot.history(slot)?;
        let newest = history.events.iter().map(|event| event.id.0).max();
        let changed = Changed::without_event(
            cause,
            newest.unwrap_or(0),
            self.snapshot.state.group(slot).members.to_vec(),
            self.names(&before.person, slot),
            (at_ms, head.clone()),
        );
        self.tell(business, Lane::Event, changed, at_ms)
    }

    fn tell(
        &mut self,
        business: BusinessIx,
        lane: Lane,
        changed: Changed,
        now_ms: i64,
    ) -> Result<()> {
        let body = Notice::Consent(Box::new(changed)).encode()?;
        let digest: [u8; 32] = Sha256::digest(&body).into();
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let seq = self.next_other();
        let (shard, name) = (shard_of_number(seq), self.business(business)?);
        let column = lane_column(lane);
        for (of, id, takes) in &self.snapshot.subscribers {
            if *of == business && takes.has(lane == Lane::Bulk) {
                let row = (shard, seq, id.clone(), name.clone(), column, now_ms);
                self.draft.relays.push(row);
            }
        }
        self.draft.inbox.push((
            shard,
            seq,
            name,
            digest.into(),
            now_ms,
            column,
            "[]".to_owned(),
            body,
        ));
        Ok(())
    }
}

impl Store {
    pub(crate) async fn subscriptions(&self, business: BusinessIx) -> Result<Vec<Subscription>> {
        let id = self.business(business)?;
        retrying!(self.pool, link => {
            let rows = link.rows(sql::SUBSCRIPTIONS, &[&id]).await?;
            let read = |row: &tokio_postgres::Row| Ok(Subscription {
                business,
                id: boxed(row, 0)?,
                version: row.try_get(1)?,
                takes: takes(row, 2)?,
                body: boxed(row, 5)?,
            });
            rows.iter().map(read).collect::<Result<Vec<_>, Trouble>>()
        })
    }

    pub(crate) async fn notices_waiting(&self, business: BusinessIx, id: &str) -> Result<u64> {
        let business = self.business(business)?;
        // One after the other: asked of both at once, the database looks at everything that waits for the business.
        retrying!(self.pool, link => {
            let mut count = 0;
            for parked in [0_i64, 1] {
                let rows = link.rows(sql::WAITING_NOTICES, &[&business, &id, &parked]).await?;
                count += rows.len() as u64;
            }
            Ok::<_, Trouble>(count.min(WAITING_COUNTED_MAX))
        })
    }

    pub(super) async fn put_subscription(&self, one: &Subscription) -> Result<Answer> {
        let business = self.business(one.business)?;
        let of = |set: bool| i64::from(set);
        let (active, consents, imports) = (
            of(one.takes.active),
            of(one.takes.consents),
            of(one.takes.imports),
        );
        let statement = if one.version == 0 {
            sql::INSERT_SUBSCRIPTION
        } else {
            sql::UPDATE_SUBSCRIPTION
        };
        let written = retrying!(self.pool, link => {
            link.run(
                statement,
                &[&business, &&*one.id, &one.version, &active, &consents, &imports, &&*one.body],
            )
            .await
        })?;
        Ok(Answer::Sealed(written > 0))
    }

    pub(super) async fn remove_subscription(
        &self,
        business: BusinessIx,
        id: &str,
    ) -> Result<Answer> {
        let business = self.business(business)?;
        let removed = retrying!(self.pool, link => link.run(sql::DELETE_SUBSCRIPTION, &[&business, &id]).await)?;
        Ok(Answer::Sealed(removed > 0))
    }

    /// Drops what waits for too long for subscriptions that get nothing, a page at a time.
    pub(super) async fn drop_notices(&self, before_ms: i64) -> Result<()> {
        for business in self.businesses.iter() {
            for _ in 0..ROUNDS_MAX {
                let dropped = retrying!(self.pool, link => {
                    let (mut shards, mut seqs, mut apps) = (Vec::new(), Vec::new(), Vec::new());
                    for row in &link.rows(sql::OLD_NOTICES, &[business, &before_ms]).await? {
                        shards.push(row.try_get::<_, i64>(0)?);
                        seqs.push(row.try_get::<_, i64>(1)?);
                        apps.push(row.try_get::<_, String>(2)?);
                    }
                    if shards.is_empty() {
                        return Ok(0);
                    }
                    link.run(sql::RELAYS_DELIVERED, &[&shards, &seqs, &apps]).await
                })?;
                if dropped == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Makes notices due once more.
    pub(super) async fn replay_notices(&self, replay: &Replay) -> Result<Answer> {
        let business = self.business(replay.business)?;
        let limit = replay.limit.min(REPLAY_STEP_MAX);
        let bulk = lane_column(Lane::Bulk);
        let done = retrying!(self.pool, link => {
            let after = replay.after;
            let rows = link
                .rows(sql::NOTICES_AFTER, &[&business, &after.0, &after.1])
                .await?;
            let (mut shards, mut seqs, mut lanes, mut last) = (Vec::new(), Vec::new(), Vec::new(), None);
            for row in rows.iter().take(limit) {
                last = Some((row.try_get::<_, i64>(3)?, row.try_get::<_, i64>(1)?));
                let lane: i64 = row.try_get(2)?;
                if lane == bulk && !replay.imports {
                    continue;
                }
                shards.push(row.try_get::<_, i64>(0)?);
                seqs.push(row.try_get::<_, i64>(1)?);
                lanes.push(lane);
            }
            let mut done = Replayed {
                notices: 0,
                next: last.filter(|_| rows.len() >= limit),
            };
            if !seqs.is_empty() {
                let apps = vec![&*replay.subscription; seqs.len()];
                let businesses = vec![business; seqs.len()];
                let due = vec![replay.now_ms; seqs.len()];
                done.notices = link
                    .run(sql::INSERT_RELAYS, &[&shards, &seqs, &apps, &businesses, &lanes, &due])
                    .await?;
            }
            Ok(done)
        })?;
        Ok(Answer::Replayed(done))
    }
}
