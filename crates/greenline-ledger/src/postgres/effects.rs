//! What events, deliveries and traffic change, within a batch.

use greenline_policy::consent::{EventId, Standing};
use greenline_policy::identity::Identifier;
use greenline_policy::reach::MessagingLimit;
use smallvec::SmallVec;

use super::draft::{News, StatusRow};
use super::hand::Hand;
use super::load::shard_of_key;
use super::rows::{
    identifiers_column, lane_column, person_column, seq, seq_column, shard, shard_of_number,
    shard_of_text,
};
use super::wants::{KeyKind, delivery_key, reply_key};
use crate::codec::rows::{encode_evidence, encode_headers, encode_reply};
use crate::codec::{limit_number, restriction_column};
use crate::compose::{EventRow, confirmable, reconfirmed};
use crate::error::LedgerError;
use crate::flight::Watch;
use crate::import::is_kept_with_person;
use crate::notice::Cause;
use crate::state::messages::hash;
use crate::state::people::Slot;
use crate::state::platform::HealthRow;
use crate::types::{
    Appended, BusinessIx, Delivery, Effect, Ingested, NewEvent, OwnReply, PersonId,
};

/// What a run of effects led to.
#[derive(Debug, Default)]
pub(super) struct Led {
    /// Sends to wait for.
    flights: Vec<Watch>,
    /// Own replies became due.
    replies_due: bool,
    /// Noes recorded, with the message that carried each.
    noes: Vec<(Box<str>, EventId)>,
}

impl Hand<'_> {
    /// Appends an event, or finds that it was appended before.
    pub(super) fn append(&mut self, event: &NewEvent) -> Result<Appended, LedgerError> {
        let Some(first) = event.person.first() else {
            return Err(LedgerError::Bug("an event of nobody"));
        };
        let key = event.dedup.as_ref();
        let repeated = key.and_then(|key| self.repeated(event.business, key));
        self.append_unless(event, first, repeated)
    }

    /// Appends an event, whatever its key.
    pub(super) fn append_anew(&mut self, event: &NewEvent) -> Result<Appended, LedgerError> {
        let Some(first) = event.person.first() else {
            return Err(LedgerError::Bug("an event of nobody"));
        };
        self.append_unless(event, first, None)
    }

    fn append_unless(
        &mut self,
        event: &NewEvent,
        first: &Identifier,
        repeated: Option<EventId>,
    ) -> Result<Appended, LedgerError> {
        let (canonical, spelling) = first.canonical();
        let slot = match repeated {
            Some(_) => self.snapshot.state.find(event.business, &canonical)?,
            None => Some(self.link(event.business, &event.person, event.arrival_ms)?),
        };
        let Some(slot) = slot else {
            // The key was used for someone else's event.
            return Err(LedgerError::Conflict(
                "the key was used before, for another person",
            ));
        };
        let id = match repeated {
            Some(id) => id,
            None => self.insert_event(event, first, slot)?,
        };
        // Also where nothing is written: a send must not have slipped in since the people were loaded.
        self.touch(slot);
        let mut flights = Vec::new();
        if event.kind.closes() || event.kind == greenline_policy::consent::EventKind::Erased {
            self.flights_from(slot, &mut flights);
        }
        Ok(Appended {
            id,
            repeated: repeated.is_some(),
            head: self.snapshot.state.head(slot, spelling).clone(),
            flights,
        })
    }

    fn insert_event(
        &mut self,
        event: &NewEvent,
        first: &Identifier,
        slot: Slot,
    ) -> Result<EventId, LedgerError> {
        let person = self.person_of(event.business, &first.canonical().0)?;
        let business = self.business(event.business)?;
        let last = self.last_event(slot);
        let id = EventId(
            self.counters
                .events
                .next(self.counters.node, event.arrival_ms, last),
        );
        let known = self
            .snapshot
            .people
            .get_mut(&person)
            .ok_or(LedgerError::Bug("a person who was not loaded"))?;
        known.events.push(EventRow {
            id,
            kind: event.kind,
            scope: event.scope.clone(),
            at_ms: event.at_ms,
            strength: event.strength,
            in_thread: event.in_thread,
            arrival_ms: event.arrival_ms,
            identifier: first.clone(),
        });
        let version = i64::try_from(known.events.len()).unwrap_or(i64::MAX);
        self.draft.events.push((
            shard(person),
            person_column(person),
            version,
            seq_column(id.0),
            business,
            event.kind.as_str(),
            event.scope.to_string(),
            event.at_ms,
            event.stated_ms,
            event.arrival_ms,
            event.strength.as_str(),
            event.in_thread,
            identifiers_column(&event.person)?,
            encode_evidence(&event.evidence)?,
            event.actor.0.clone(),
            event.dedup.clone(),
        ));
        if let Some(key) = &event.dedup {
            let arrivals = &mut self.snapshot.arrivals;
            arrivals.insert(seq_column(id.0), event.arrival_ms);
            self.take_key(
                event.business,
                KeyKind::Event,
                key.clone(),
                seq_column(id.0),
            )?;
        }
        self.refold_from(&[slot])?;
        self.tell_event(event, id, first, slot)?;
        Ok(id)
    }

    /// The newest event that bears on a group or that it bears on.
    fn last_event(&self, slot: Slot) -> u64 {
        let people = self.snapshot.component(slot);
        let known = people
            .iter()
            .filter_map(|person| self.snapshot.people.get(person));
        let events = known.flat_map(|known| &known.events);
        events.map(|event| event.id.0).max().unwrap_or(0)
    }

    fn take_key(
        &mut self,
        business: BusinessIx,
        kind: KeyKind,
        key: Box<str>,
        taken_by: i64,
    ) -> Result<(), LedgerError> {
        if kind != KeyKind::Event || !is_kept_with_person(&key) {
            let name = self.business(business)?;
            self.draft.keys.push((
                shard_of_key(&name, kind, &key),
                name,
                kind.column(),
                key.clone(),
                taken_by,
            ));
        }
        self.snapshot.keys.insert((business, kind, key), taken_by);
        Ok(())
    }

    /// A number for what belongs to nobody.
    pub(super) fn next_other(&mut self) -> i64 {
        let moment_ms = self.snapshot.now_ms;
        seq_column(self.counters.others.next(self.counters.node, moment_ms, 0))
    }

    /// Takes a delivery.
    pub(super) fn ingest(&mut self, delivery: &Delivery) -> Result<Ingested, LedgerError> {
        let business = self.business(delivery.business)?;
        let sha256 = delivery_key(delivery);
        let key = (delivery.business, KeyKind::Delivery, sha256.clone());
        if self.snapshot.keys.contains_key(&key) {
            let mut flights = Vec::new();
            self.flights_again(delivery, &mut flights)?;
            return Ok(Ingested {
                duplicate: true,
                flights,
                replies_due: false,
            });
        }
        let seq = self.next_other();
        let lane = lane_column(delivery.lane);
        let seq_shard = shard_of_number(seq);
        self.take_key(delivery.business, KeyKind::Delivery, sha256.clone(), seq)?;
        self.draft.inbox.push((
            seq_shard,
            seq,
            business.clone(),
            sha256,
            delivery.received_ms,
            lane,
            encode_headers(&delivery.headers)?,
            delivery.body.to_vec(),
        ));
        for app in &delivery.relay_to {
            self.draft.relays.push((
                seq_shard,
                seq,
                (&**app).into(),
                business.clone(),
                lane,
                delivery.received_ms,
            ));
        }
        let mut led = Led::default();
        self.learn(delivery.business, &delivery.effects, &mut led)?;
        Ok(Ingested {
            duplicate: false,
            flights: led.flights,
            replies_due: led.replies_due,
        })
    }

    /// The first answer to these bytes may never have been given: whoever sends them again must wait
    /// for the same sends.
    fn flights_again(
        &mut self,
        delivery: &Delivery,
        flights: &mut Vec<Watch>,
    ) -> Result<(), LedgerError> {
        for effect in &delivery.effects {
            let (business, identifiers): (BusinessIx, &[Identifier]) = match effect {
                Effect::Consent(event) if event.kind.closes() => (event.business, &event.person),
                Effect::Moved { from, .. } => (delivery.business, std::slice::from_ref(from)),
                _ => continue,
            };
            for identifier in identifiers {
                if let Some(slot) = self
                    .snapshot
                    .state
                    .find(business, &identifier.canonical().0)?
                {
                    self.touch(slot);
                    self.flights_from(slot, flights);
                }
            }
        }
        Ok(())
    }

    /// Applies effects in order.
    pub(super) fn learn(
        &mut self,
        business: BusinessIx,
        effects: &[Effect],
        led: &mut Led,
    ) -> Result<(), LedgerError> {
        self.business(business)?;
        effects
            .iter()
            .try_for_each(|effect| self.apply(business, effect, led))
    }

    fn apply(
        &mut self,
        business: BusinessIx,
        effect: &Effect,
        led: &mut Led,
    ) -> Result<(), LedgerError> {
        match effect {
            Effect::Consent(event) => {
                let appended = self.append(event)?;
                if event.kind.is_no() {
                    led.noes
                        .push((event.evidence.message_id.clone(), appended.id));
                }
                led.flights.extend(appended.flights);
            }
            Effect::Known { person, at_ms } => {
                let before = self.heads_before(business, person)?;
                self.link(business, person, *at_ms)?;
                self.tell_change(business, before, Cause::Linked, *at_ms)?;
            }
            Effect::Wrote {
                person,
                number,
                at_ms,
                message_id,
                free_until_ms,
            } => {
                let before = self.heads_before(business, person)?;
                self.wrote(business, person, number, *at_ms, *free_until_ms)?;
                self.tell_change(business, before, Cause::Linked, *at_ms)?;
                self.confirm(business, person, *at_ms, message_id)?;
            }
            Effect::CallPermission {
                person,
                number,
                at_ms,
                until_ms,
            } => {
                let before = self.heads_before(business, person)?;
                self.call_permission(business, person, number, *at_ms, *until_ms)?;
                self.tell_change(business, before, Cause::Linked, *at_ms)?;
            }
            Effect::Moved { from, to, at_ms } => {
                let earlier = [
                    self.heads_before(business, std::slice::from_ref(from))?,
                    self.heads_before(business, std::slice::from_ref(to))?,
                ];
                self.moved(business, from, to, *at_ms)?;
                for before in earlier {
                    self.tell_change(business, before, Cause::Moved, *at_ms)?;
                }
                // What stood against the old number stands against the new one from here on.
                if let Some(slot) = self.snapshot.state.find(business, &from.canonical().0)? {
                    self.touch(slot);
                    self.flights_from(slot, &mut led.flights);
                }
            }
            Effect::Status {
                message_id,
                status,
                at_ms,
                code,
            } => {
                self.status_reaches(business, message_id, status, *at_ms)?;
                self.status(message_id, status, *at_ms, *code);
            }
            Effect::Timeline {
                subject,
                subject_id,
                origin,
                event,
                at_ms,
                body,
            } => {
                let name = self.business(business)?;
                let seq = self.next_other();
                self.draft.timeline.push((
                    shard_of_text(subject_id),
                    seq,
                    name,
                    subject,
                    subject_id.clone(),
                    origin.clone(),
                    event.clone(),
                    *at_ms,
                    body.clone(),
                ));
            }
            Effect::Reply {
                reply, message_id, ..
            } => {
                let carried = led.noes.iter().filter(|(carrier, _)| carrier == message_id);
                let confirms = carried.map(|(_, id)| *id).max();
                led.replies_due |= self.reply(business, effect, reply, message_id, confirms)?;
            }
            Effect::Limit {
                limit,
                origin,
                at_ms,
            } => self.limit(business, (*limit, origin, *at_ms))?,
            Effect::Template { .. }
            | Effect::Number { .. }
            | Effect::Spam { .. }
            | Effect::Health { .. }
            | Effect::Restricted { .. }
            | Effect::Banned { .. } => {
                self.platform(business, effect)?;
            }
        }
        Ok(())
    }

    /// What a status says of who counts.
    fn status_reaches(
        &mut self,
        business: BusinessIx,
        message_id: &str,
        status: &str,
        at_ms: i64,
    ) -> Result<(), LedgerError> {
        let known = self.snapshot.messages.get(message_id);
        let state = &mut self.snapshot.state;
        match known.and_then(|known| known.decision) {
            Some((_, number)) => {
                let is_known = state.reach_status(seq(number), status, at_ms);
                if let Some(record) = self.snapshot.forgotten.get(&number)
                    && !is_known
                    && status == "delivered"
                {
                    // Those it reaches only now count again.
                    state.reached_late(business, seq(number), record)?;
                    state.reach_status(seq(number), status, at_ms);
                }
                Ok(())
            }
            // Its answer may be on its way: whoever writes that down names the message, and the two meet in the log.
            None => state.reach_stray(business, hash(message_id), status, at_ms),
        }
    }

    fn limit(
        &mut self,
        business: BusinessIx,
        (limit, origin, at_ms): (MessagingLimit, &str, i64),
    ) -> Result<(), LedgerError> {
        let portfolio = self.snapshot.state.portfolio(business)?.key.clone();
        self.draft.news.push(News::Limit {
            shard: shard_of_text(&portfolio),
            portfolio,
            people: limit_number(limit),
            origin: origin.into(),
            at_ms,
        });
        Ok(())
    }

    fn writer_of(
        &mut self,
        business: BusinessIx,
        person: &[Identifier],
        at_ms: i64,
    ) -> Result<(Slot, PersonId), LedgerError> {
        let Some(first) = person.first() else {
            return Err(LedgerError::Bug("something written by nobody"));
        };
        let slot = self.link(business, person, at_ms)?;
        Ok((slot, self.person_of(business, &first.canonical().0)?))
    }

    fn wrote(
        &mut self,
        business: BusinessIx,
        person: &[Identifier],
        number: &str,
        at_ms: i64,
        free_until_ms: Option<i64>,
    ) -> Result<(), LedgerError> {
        let (slot, id) = self.writer_of(business, person, at_ms)?;
        if let Some(known) = self.snapshot.people.get_mut(&id) {
            let row = known.windows.entry(number.into()).or_default();
            row.wrote_at_ms = row.wrote_at_ms.max(Some(at_ms));
            row.free_until_ms = row.free_until_ms.max(free_until_ms);
            self.draft.windows.insert((id, number.into()), *row);
        }
        let name = self.business(business)?;
        let last = self
            .draft
            .inbound
            .entry((shard(id), name, number.into()))
            .or_insert(at_ms);
        *last = (*last).max(at_ms);
        let place = self
            .snapshot
            .state
            .business_mut(business)?
            .platform
            .place(number);
        let window = self.snapshot.state.group_mut(slot).window_mut(place);
        window.wrote_at_ms = window.wrote_at_ms.max(Some(at_ms));
        Ok(())
    }

    /// Yeses carried over from an old number are confirmed by the person's writing from the new one.
    fn confirm(
        &mut self,
        business: BusinessIx,
        person: &[Identifier],
        at_ms: i64,
        message_id: &str,
    ) -> Result<(), LedgerError> {
        let Some(first) = person.first() else {
            return Ok(());
        };
        let (canonical, spelling) = first.canonical();
        let Some(slot) = self.snapshot.state.find(business, &canonical)? else {
            return Ok(());
        };
        let head = self.snapshot.state.head(slot, spelling);
        let mut standings = head
            .base
            .iter()
            .chain(head.topics.iter().map(|(_, standing)| standing));
        if !standings.any(|standing| matches!(standing, Standing::Unconfirmed { .. })) {
            return Ok(());
        }
        let (_, history) = self.snapshot.history(slot)?;
        for scope in confirmable(&history, self.snapshot.state.head(slot, spelling), at_ms) {
            self.append(&reconfirmed(business, person, scope, at_ms, message_id))?;
        }
        Ok(())
    }

    fn call_permission(
        &mut self,
        business: BusinessIx,
        person: &[Identifier],
        number: &str,
        at_ms: i64,
        until_ms: Option<i64>,
    ) -> Result<(), LedgerError> {
        let (slot, id) = self.writer_of(business, person, at_ms)?;
        let place = self
            .snapshot
            .state
            .business_mut(business)?
            .platform
            .place(number);
        let window = self.snapshot.state.group_mut(slot).window_mut(place);
        window.allow_calls(at_ms, until_ms);
        let window = *window;
        if let Some(known) = self.snapshot.people.get_mut(&id) {
            let row = known.windows.entry(number.into()).or_default();
            (row.call_at_ms, row.call_until_ms) = (Some(window.call_at_ms), window.call_until_ms);
            self.draft.windows.insert((id, number.into()), *row);
        }
        Ok(())
    }

    fn status(&mut self, message_id: &str, status: &str, at_ms: i64, code: Option<u32>) {
        let order = (at_ms, rank(status));
        let drafted = self.draft.statuses.get(message_id);
        let drafted = drafted.map(|known| (known.at_ms, known.rank));
        if let Some(known) = self.snapshot.messages.get(message_id)
            && let Some(decision) = known.decision
            && known
                .latest
                .max(drafted)
                .is_none_or(|latest| order > latest)
        {
            self.draft.told.status(decision, status, (at_ms, code));
        }
        let new = StatusRow {
            status: status.into(),
            rank: rank(status),
            at_ms,
            code: code.map(i64::from),
        };
        match self.draft.statuses.get_mut(message_id) {
            Some(old) if (new.at_ms, new.rank) > (old.at_ms, old.rank) => *old = new,
            Some(_) => {}
            None => {
                self.draft.statuses.insert(message_id.into(), new);
            }
        }
    }

    fn reply(
        &mut self,
        business: BusinessIx,
        effect: &Effect,
        reply: &OwnReply,
        message_id: &str,
        confirms: Option<EventId>,
    ) -> Result<bool, LedgerError> {
        let Effect::Reply {
            to, number, at_ms, ..
        } = effect
        else {
            return Ok(false);
        };
        let name = self.business(business)?;
        let key = reply_key(reply, message_id);
        if self
            .snapshot
            .keys
            .contains_key(&(business, KeyKind::Reply, key.clone()))
        {
            return Ok(false);
        }
        let id = self.next_other();
        self.take_key(business, KeyKind::Reply, key, id)?;
        self.draft.replies.push((
            shard_of_number(id),
            id,
            name,
            to.reveal(),
            number.clone(),
            encode_reply(reply)?,
            confirms.map(|id| seq_column(id.0)),
            message_id.into(),
            *at_ms,
        ));
        Ok(true)
    }

    /// What the platform said goes to the database as it came and is merged there: newer news wins, older
    /// news only fills in what was never said.
    fn platform(&mut self, business: BusinessIx, effect: &Effect) -> Result<(), LedgerError> {
        let name = self.business(business)?;
        let news: SmallVec<[News; 1]> = match effect {
            Effect::Template {
                waba_id,
                name: template,
                language,
                template_id,
                category,
                status,
                is_ask,
                quality,
                at_ms,
            } => SmallVec::from_iter([News::Template {
                business: name,
                of: [waba_id.clone(), template.clone(), language.clone()],
                template_id: template_id.clone(),
                category: category.map(greenline_policy::scope::Category::as_str),
                status: status.clone(),
                is_ask: *is_ask,
                quality: quality.clone(),
                at_ms: *at_ms,
            }]),
            Effect::Number {
                number,
                status,
                rating,
                at_ms,
            } => SmallVec::from_iter([News::Number {
                business: name,
                number: number.clone(),
                status: status.clone(),
                rating: rating.clone(),
                rating_at_ms: rating.as_ref().map(|_| *at_ms),
                at_ms: *at_ms,
            }]),
            Effect::Spam {
                number,
                limits,
                at_ms,
            } => {
                // A delivery may name many messages that failed for one reason.
                for news in &mut self.draft.news {
                    if let News::Spam {
                        business,
                        number: known,
                        limits: true,
                        at_ms: known_ms,
                    } = news
                        && *limits
                        && *business == name
                        && known == number
                    {
                        *known_ms = (*known_ms).max(*at_ms);
                        return Ok(());
                    }
                }
                SmallVec::from_iter([News::Spam {
                    business: name,
                    number: number.clone(),
                    limits: *limits,
                    at_ms: *at_ms,
                }])
            }
            Effect::Health {
                number,
                news,
                at_ms,
            } => {
                let heard = HealthRow::of(news, *at_ms);
                // A delivery may name many messages that failed for one reason.
                for news in &mut self.draft.news {
                    if let News::Health {
                        business,
                        number: known,
                        health,
                    } = news
                        && *business == name
                        && known == number
                    {
                        health.hear(heard);
                        return Ok(());
                    }
                }
                SmallVec::from_iter([News::Health {
                    business: name,
                    number: number.clone(),
                    health: heard,
                }])
            }
            Effect::Restricted {
                waba_id,
                restrictions,
                at_ms,
            } => restrictions
                .iter()
                .map(|(kind, named, until_ms)| News::Restriction {
                    business: name.clone(),
                    waba_id: waba_id.clone(),
                    named: named.clone(),
                    kind: restriction_column(*kind),
                    until_ms: *until_ms,
                    at_ms: *at_ms,
                })
                .collect(),
            Effect::Banned {
                waba_id,
                ban,
                at_ms,
            } => SmallVec::from_iter([News::Account {
                business: name,
                waba_id: waba_id.clone(),
                ban: ban.as_str(),
                at_ms: *at_ms,
            }]),
            _ => SmallVec::new(),
        };
        self.draft.news.extend(news);
        Ok(())
    }
}

/// How far along a status is.
pub(super) fn rank(status: &str) -> i64 {
    match status {
        "sent" => 1,
        "delivered" => 2,
        "read" => 3,
        "played" => 4,
        "failed" => 5,
        _ => 0,
    }
}
