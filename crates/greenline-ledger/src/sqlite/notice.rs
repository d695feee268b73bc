//! Notices, written by the transaction that makes the change, and the subscriptions they are for.

use std::sync::Arc;

use greenline_policy::consent::{EventId, Head};
use greenline_policy::identity::Identifier;
use rusqlite::params;
use sha2::{Digest, Sha256};

use super::people::history;
use super::rows::{count_column, identifier_row, lane_column, person_column};
use super::verbs::reading;
use super::write::Hand;
use super::{Store, sql};
use crate::error::LedgerError;
use crate::notice::{Cause, Changed, Notice, lane_of, names};
use crate::state::people::Slot;
use crate::subscription::{REPLAY_STEP_MAX, Replay, Replayed, Subscription, Takes};
use crate::types::{BusinessIx, Lane, NewEvent};

type Result<T, E = LedgerError> = std::result::Result<T, E>;

/// What people's heads were before something happened, where anybody is told of changes.
pub(super) struct Before {
    person: Vec<Identifier>,
    heads: Vec<Head>,
}

impl Store {
    pub(crate) async fn subscriptions(
        self: &Arc<Self>,
        business: BusinessIx,
    ) -> Result<Vec<Subscription>> {
        reading(self, business, move |connection, row| {
            let mut statement = connection.prepare_cached(sql::SUBSCRIPTIONS)?;
            let found = statement.query_map([row], |row| {
                Ok(Subscription {
                    business,
                    id: row.get(0)?,
                    version: row.get(1)?,
                    takes: Takes {
                        active: row.get(2)?,
                        consents: row.get(3)?,
                        imports: row.get(4)?,
                    },
                    body: row.get(5)?,
                })
            })?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }

    pub(crate) async fn notices_waiting(
        self: &Arc<Self>,
        business: BusinessIx,
        id: &str,
    ) -> Result<u64> {
        let id: Box<str> = id.into();
        reading(self, business, move |connection, row| {
            let mut statement = connection.prepare_cached(sql::WAITING_NOTICES)?;
            let mut found = statement.query(params![row, &*id])?;
            let mut count = 0;
            while found.next()?.is_some() {
                count += 1;
            }
            Ok(count)
        })
        .await
    }
}

impl Hand<'_> {
    /// Tells of an event that was just recorded and folded.
    pub(super) fn tell_event(
        &mut self,
        event: &NewEvent,
        id: EventId,
        first: &Identifier,
        slot: Slot,
    ) -> Result<()> {
        if self.state.business(event.business)?.takers.is_empty() {
            return Ok(());
        }
        let head = self.state.head(slot, first.canonical().1).clone();
        let people = self.state.group(slot).members.to_vec();
        let names = self.names(&event.person, slot)?;
        let changed = Changed::by(event, id, people, names, head);
        let now_ms = self.importing_ms.unwrap_or(event.arrival_ms);
        self.tell(event.business, lane_of(event), changed, now_ms)
    }

    fn names(&self, given: &[Identifier], slot: Slot) -> Result<Vec<Identifier>> {
        let mut known = Vec::new();
        for member in &self.state.group(slot).members {
            let mut statement = self.connection.prepare_cached(sql::IDENTIFIERS_OF)?;
            let mut rows = statement.query(params![member.shard().0, person_column(*member)])?;
            while let Some(row) = rows.next()? {
                known.push(identifier_row(row)?.1);
            }
        }
        Ok(names(given, known.iter()))
    }

    /// To be asked before identifiers may turn out to be of one person, or somebody moves.
    pub(super) fn heads_before(
        &self,
        business: BusinessIx,
        person: &[Identifier],
    ) -> Result<Option<Before>> {
        if self.state.business(business)?.takers.is_empty() {
            return Ok(None);
        }
        Ok(Some(Before {
            heads: self.heads_of(business, person)?,
            person: person.to_vec(),
        }))
    }

    fn heads_of(&self, business: BusinessIx, person: &[Identifier]) -> Result<Vec<Head>> {
        let head = |identifier: &Identifier| {
            let (canonical, spelling) = identifier.canonical();
            let slot = self.state.find(business, &canonical)?;
            Ok(slot.map_or_else(Head::default, |slot| {
                self.state.head(slot, spelling).clone()
            }))
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
        let slot = first.map(|first| self.state.find(business, &first));
        let Some(slot) = slot.transpose()?.flatten() else {
            return Ok(());
        };
        let (_, history) = history(self.connection, self.state, slot)?;
        let newest = history.events.iter().map(|event| event.id.0).max();
        let changed = Changed::without_event(
            cause,
            newest.unwrap_or(0),
            self.state.group(slot).members.to_vec(),
            self.names(&before.person, slot)?,
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
        let of = self.state.business(business)?;
        let row = of.row;
        let body = Notice::Consent(Box::new(changed)).encode()?;
        let hash = Sha256::digest(&body);
        let inserted = self
            .connection
            .prepare_cached(sql::INSERT_INBOX)?
            .execute(params![
                row,
                hash.as_slice(),
                now_ms,
                lane_column(lane),
                "[]",
                body
            ])?;
        if inserted == 0 {
            return Ok(());
        }
        let seq = self.connection.last_insert_rowid();
        for (id, takes) in &of.takers {
            if takes.has(lane == Lane::Bulk) {
                self.connection
                    .prepare_cached(sql::INSERT_RELAY)?
                    .execute(params![seq, id, row, lane_column(lane), now_ms])?;
            }
        }
        self.written += body.len();
        Ok(())
    }

    /// Writes a subscription that still has its version.
    pub(super) fn put_subscription(&mut self, one: &Subscription) -> Result<bool> {
        let row = self.state.business(one.business)?.row;
        let Takes {
            active,
            consents,
            imports,
        } = one.takes;
        let columns = params![
            row,
            &*one.id,
            one.version,
            active,
            consents,
            imports,
            &*one.body
        ];
        let statement = if one.version == 0 {
            sql::INSERT_SUBSCRIPTION
        } else {
            sql::UPDATE_SUBSCRIPTION
        };
        let written = self
            .connection
            .prepare_cached(statement)?
            .execute(columns)?;
        if written > 0 {
            self.state
                .set_taker(one.business, &one.id, Some(one.takes))?;
        }
        Ok(written > 0)
    }

    /// Takes a subscription away.
    pub(super) fn remove_subscription(&mut self, business: BusinessIx, id: &str) -> Result<bool> {
        let row = self.state.business(business)?.row;
        let removed = self
            .connection
            .prepare_cached(sql::DELETE_SUBSCRIPTION)?
            .execute(params![row, id])?;
        if removed > 0 {
            self.state.set_taker(business, id, None)?;
        }
        Ok(removed > 0)
    }

    /// Drops what waits for too long for subscriptions that get nothing; whether some of it may be left.
    pub(super) fn drop_notices(&mut self, before_ms: i64, limit: i64) -> Result<bool> {
        let mut more = false;
        for business in &self.state.businesses {
            let dropped = self
                .connection
                .prepare_cached(sql::DROP_NOTICES)?
                .execute(params![business.row, before_ms, limit])?;
            more |= count_column(dropped) >= limit;
        }
        Ok(more)
    }

    /// Makes notices due once more.
    pub(super) fn replay_notices(&mut self, replay: &Replay) -> Result<Replayed> {
        let row = self.state.business(replay.business)?.row;
        let limit = replay.limit.min(REPLAY_STEP_MAX);
        let mut found: Vec<(i64, i64, i64)> = Vec::new();
        {
            let mut statement = self.connection.prepare_cached(sql::NOTICES_AFTER)?;
            let columns = params![row, replay.after.0, replay.after.1, count_column(limit)];
            let rows =
                statement.query_map(columns, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            for one in rows {
                found.push(one?);
            }
        }
        let mut done = Replayed::default();
        let bulk = lane_column(Lane::Bulk);
        let wanted = found
            .iter()
            .filter(|(.., lane)| replay.imports || *lane != bulk);
        for (_, seq, lane) in wanted {
            let columns = params![seq, &*replay.subscription, row, lane, replay.now_ms];
            let inserted = self
                .connection
                .prepare_cached(sql::INSERT_RELAY)?
                .execute(columns)?;
            done.notices += inserted as u64;
        }
        if found.len() == limit {
            done.next = found
                .last()
                .map(|(received_ms, seq, _)| (*received_ms, *seq));
        }
        Ok(done)
    }
}
