//! Notices, and the subscriptions they are for.

use greenline_policy::consent::{EventId, Head};
use greenline_policy::identity::Identifier;
use sha2::{Digest, Sha256};

use super::outbox::{Inbox, Waiting};
use super::{All, Result};
use crate::notice::{Cause, Changed, Notice, lane_of, names_of};
use crate::subscription::{REPLAY_STEP_MAX, Replay, Replayed, Subscription, WAITING_COUNTED_MAX};
use crate::types::{BusinessIx, Lane, NewEvent};

/// What people's heads were before something happened.
pub(super) struct Before {
    person: Vec<Identifier>,
    heads: Vec<Head>,
}

impl All {
    fn has_subscribers(&self, business: BusinessIx) -> bool {
        self.subscriptions
            .iter()
            .any(|one| one.business == business && one.takes.consents)
    }

    /// Tells of an event that was just recorded about a person.
    pub(super) fn tell_event(
        &mut self,
        event: &NewEvent,
        id: EventId,
        person: usize,
    ) -> Result<()> {
        if !self.has_subscribers(event.business) {
            return Ok(());
        }
        let head = self.head(person, event.person[0].canonical().1);
        let group = self.group(person);
        let people = group.iter().map(|one| self.people[*one].id).collect();
        let names = self.names_told(&event.person, &group);
        let changed = Changed::by(event, id, people, names, head);
        let now_ms = self.importing_ms.unwrap_or(event.arrival_ms);
        self.tell(event.business, lane_of(event), changed, now_ms)
    }

    fn names_told(&self, given: &[Identifier], group: &[usize]) -> Vec<Identifier> {
        let known = group.iter().flat_map(|one| &self.people[*one].names);
        let known = known.filter(|name| name.left_ms.is_none());
        names_of(given, known.map(|name| &name.id))
    }

    pub(super) fn heads_before(
        &self,
        business: BusinessIx,
        person: &[Identifier],
    ) -> Option<Before> {
        self.has_subscribers(business).then(|| Before {
            person: person.to_vec(),
            heads: self.heads_of(business, person),
        })
    }

    fn heads_of(&self, business: BusinessIx, person: &[Identifier]) -> Vec<Head> {
        let head = |identifier: &Identifier| {
            let (canonical, spelling) = identifier.canonical();
            self.find(business, &canonical)
                .map_or_else(Head::default, |person| self.head(person, spelling))
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
        let heads = self.heads_of(business, &before.person);
        let first = before.person.first().map(|first| first.canonical().0);
        let person = first.and_then(|first| self.find(business, &first));
        let (Some(head), Some(person), true) = (heads.first(), person, heads != before.heads)
        else {
            return Ok(());
        };
        let newest = self.history(person).events.iter().map(|one| one.id.0).max();
        let group = self.group(person);
        let people = group.iter().map(|one| self.people[*one].id).collect();
        let names = self.names_told(&before.person, &group);
        let told = (at_ms, head.clone());
        let changed = Changed::without_event(cause, newest.unwrap_or(0), people, names, told);
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
        let sha256: [u8; 32] = Sha256::digest(&body).into();
        let known = |inbox: &Inbox| inbox.business == business && inbox.sha256 == sha256;
        if self.inbox.iter().any(known) {
            return Ok(());
        }
        let takes =
            |one: &&Subscription| one.business == business && one.takes.has(lane == Lane::Bulk);
        let waiting = |one: &Subscription| Waiting::of(one.id.as_ref().into(), now_ms);
        let waiting = self
            .subscriptions
            .iter()
            .filter(takes)
            .map(waiting)
            .collect();
        let seq = self.next_signed(now_ms);
        self.inbox.push(Inbox {
            seq,
            business,
            sha256,
            received_ms: now_ms,
            lane,
            headers: Vec::new(),
            body: Some(body.into()),
            waiting,
        });
        Ok(())
    }

    pub(super) fn subscriptions(&self, business: BusinessIx) -> Vec<Subscription> {
        let of = |one: &&Subscription| one.business == business;
        let mut found: Vec<_> = self.subscriptions.iter().filter(of).cloned().collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found
    }

    pub(super) fn notices_waiting(&self, business: BusinessIx, id: &str) -> u64 {
        let told = self
            .inbox
            .iter()
            .filter(|inbox| inbox.business == business && inbox.lane.is_of_notices());
        let waiting = told.flat_map(|inbox| &inbox.waiting);
        let waiting = waiting.filter(|waiting| &*waiting.app == id).count() as u64;
        waiting.min(WAITING_COUNTED_MAX)
    }

    pub(super) fn put_subscription(&mut self, new: Subscription) -> bool {
        let same = |one: &Subscription| one.business == new.business && one.id == new.id;
        let at = self.subscriptions.iter().position(same);
        let written = Subscription {
            version: new.version + 1,
            ..new
        };
        match at {
            None if new.version == 0 => self.subscriptions.push(written),
            Some(at) if new.version > 0 && self.subscriptions[at].version == new.version => {
                self.subscriptions[at] = written;
            }
            _ => return false,
        }
        true
    }

    pub(super) fn remove_subscription(&mut self, business: BusinessIx, id: &str) -> bool {
        let before = self.subscriptions.len();
        self.subscriptions
            .retain(|one| one.business != business || &*one.id != id);
        self.subscriptions.len() < before
    }

    pub(super) fn replay_notices(&mut self, replay: &Replay) -> Replayed {
        let limit = replay.limit.min(REPLAY_STEP_MAX);
        let after = |inbox: &&mut Inbox| {
            inbox.business == replay.business
                && inbox.lane.is_of_notices()
                && inbox.body.is_some()
                && (inbox.received_ms, inbox.seq) > replay.after
        };
        let mut found: Vec<&mut Inbox> = self.inbox.iter_mut().filter(after).collect();
        found.sort_by_key(|inbox| (inbox.received_ms, inbox.seq));
        let mut done = Replayed::default();
        let mut last = None;
        let mut looked = 0;
        for inbox in found.into_iter().take(limit) {
            looked += 1;
            last = Some((inbox.received_ms, inbox.seq));
            if inbox.lane == Lane::Bulk && !replay.imports {
                continue;
            }
            let waits = |waiting: &Waiting| *waiting.app == *replay.subscription;
            if !inbox.waiting.iter().any(waits) {
                let app = replay.subscription.as_ref().into();
                inbox.waiting.push(Waiting::of(app, replay.now_ms));
                done.notices += 1;
            }
        }
        done.next = last.filter(|_| looked == limit);
        done
    }
}
