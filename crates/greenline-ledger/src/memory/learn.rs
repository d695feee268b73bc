//! What events, deliveries and traffic change.

use greenline_policy::consent::EventId;
use greenline_policy::identity::Identifier;
use sha2::{Digest, Sha256};

use super::outbox::{Inbox, Waiting};
use super::people::{CallAnswer, Writing};
use super::sends::Status;
use super::{All, Result};
use crate::compose::reconfirmed;
use crate::flight::Watch;
use crate::notice::Cause;
use crate::request::{Answer, Request};
use crate::types::{
    Appended, BusinessIx, Delivery, Effect, Ingested, NewEvent, StoredEvent, TimelineEntry,
};

/// What a run of effects led to.
#[derive(Debug, Default)]
struct Led {
    flights: Vec<Watch>,
    replies_due: bool,
    /// Noes recorded, with the message that carried each.
    noes: Vec<(Box<str>, EventId)>,
}

impl All {
    /// Does what is asked; it can be done.
    pub(super) fn answer(&mut self, request: Request) -> Result<Answer> {
        Ok(match request {
            Request::Admit(ask) => Answer::Admitted(self.admit(&ask)?),
            Request::Preview(ask) => Answer::Previewed(Box::new(self.preview(&ask))),
            Request::PreviewAll(questions) => Answer::PreviewedAll(
                questions
                    .iter()
                    .map(|question| self.preview_question(question))
                    .collect(),
            ),
            Request::AdmitUnrecorded(ask, stopped) => {
                Answer::Unrecorded(self.admit_unrecorded(&ask, &stopped)?.map(Box::new))
            }
            Request::RecordSpilled(spilled) => {
                self.record_spilled(&spilled)?;
                Answer::Done
            }
            Request::Append(event) => Answer::Appended(Box::new(self.append(&event)?)),
            Request::AppendAll(events) => {
                Answer::AppendedAll(events.iter().map(|event| self.append(event)).collect())
            }
            Request::Import(piece) => Answer::Imported(self.import(&piece)?),
            Request::Ingest(delivery) => Answer::Ingested(self.ingest(&delivery)?),
            Request::Learn(business, effects) => {
                self.learn(business, &effects)?;
                Answer::Done
            }
            Request::RelayDone(done) => {
                self.relay_done(&done);
                Answer::Done
            }
            Request::RelayReplay(business, app, now_ms) => {
                Answer::Count(self.relay_replay(business, app.as_deref(), now_ms))
            }
            Request::InboxPrune(before_ms) => Answer::Emptied {
                bodies: self.inbox_prune(before_ms),
                more: false,
            },
            Request::Seal(seal) => Answer::Sealed(self.seal(*seal)),
            Request::ForgetSalts(business, id, names) => {
                Answer::Sealed(self.forget_salts(business, id, &names)?)
            }
            Request::Prune(prune) => Answer::Count(self.prune(&prune)),
            Request::Erase(erase) => Answer::Erased(Box::new(self.erase(&erase)?)),
            Request::RevokeLinks(business, identifier, at_ms) => {
                Answer::Count(self.revoke_links(business, &identifier, at_ms))
            }
            Request::PutSubscription(one) => Answer::Sealed(self.put_subscription(*one)),
            Request::RemoveSubscription(business, id) => {
                Answer::Sealed(self.remove_subscription(business, &id))
            }
            Request::ReplayNotices(replay) => Answer::Replayed(self.replay_notices(&replay)),
            Request::RepliesDue(limit) => Answer::Replies(self.replies_due(limit)),
            Request::ReplyDone(claim, end) => {
                self.reply_done(claim, end)?;
                Answer::Done
            }
            Request::Portfolio(business, now_ms) => {
                Answer::Portfolio(self.portfolio_view(business, now_ms)?)
            }
            Request::HeldDue(now_ms, limit) => Answer::HeldDue(self.held_due(now_ms, limit)),
            Request::HeldDone(claim, step, now_ms) => {
                self.held_done(claim, &step, now_ms)?;
                Answer::Done
            }
            Request::CancelHeld(business, id, now_ms) => {
                Answer::Cancelled(self.cancel_held(business, id, now_ms)?)
            }
        })
    }

    /// Appends an event, or finds that it was appended before.
    pub(super) fn append(&mut self, event: &NewEvent) -> Result<Appended> {
        self.check_key(event)?;
        let business = event.business;
        let key = event.dedup.as_ref();
        let earlier = key.and_then(|key| self.keyed(business, key));
        self.append_unless(event, earlier)
    }

    /// Appends an event, whatever its key.
    pub(super) fn append_anew(&mut self, event: &NewEvent) -> Result<Appended> {
        self.append_unless(event, None)
    }

    fn append_unless(&mut self, event: &NewEvent, earlier: Option<EventId>) -> Result<Appended> {
        let business = event.business;
        let (first, spelling) = event.person[0].canonical();
        let key = event.dedup.clone().map(|key| (business, key));
        let id = match earlier {
            Some(id) => id,
            None => {
                let person = self.meet(business, &event.person, event.arrival_ms);
                let id = self.next_event(event.arrival_ms);
                let events = &mut self.people[person].events;
                events.push(StoredEvent {
                    id,
                    version: u32::try_from(events.len() + 1).unwrap_or(u32::MAX),
                    identifier: event.person[0].clone(),
                    event: event.clone(),
                });
                self.keys.extend(key.map(|key| (key, id)));
                self.tell_event(event, id, person)?;
                id
            }
        };
        let person = self.find(business, &first);
        let flights = match person {
            Some(person) if event.kind.closes() => self.flights(person),
            _ => Vec::new(),
        };
        Ok(Appended {
            id,
            repeated: earlier.is_some(),
            head: person.map_or_else(Default::default, |person| self.head(person, spelling)),
            flights,
        })
    }

    fn ingest(&mut self, delivery: &Delivery) -> Result<Ingested> {
        let business = delivery.business;
        let sha256: [u8; 32] = Sha256::digest(&delivery.body).into();
        let known = |inbox: &Inbox| inbox.business == business && inbox.sha256 == sha256;
        if self.inbox.iter().any(known) {
            return Ok(Ingested {
                duplicate: true,
                flights: self.flights_again(delivery),
                replies_due: false,
            });
        }
        self.check_effects(business, &delivery.effects)?;
        let mut relay_to = delivery.relay_to.clone();
        relay_to.sort();
        relay_to.dedup();
        let waiting = |app| Waiting::of(app, delivery.received_ms);
        let seq = self.next_signed(delivery.received_ms);
        self.inbox.push(Inbox {
            seq,
            business,
            sha256,
            received_ms: delivery.received_ms,
            lane: delivery.lane,
            headers: delivery.headers.clone(),
            body: Some(delivery.body.clone()),
            waiting: relay_to.into_iter().map(waiting).collect(),
        });
        let led = self.learn(business, &delivery.effects)?;
        Ok(Ingested {
            duplicate: false,
            flights: led.flights,
            replies_due: led.replies_due,
        })
    }

    /// The first answer to these bytes may never have been given.
    fn flights_again(&self, delivery: &Delivery) -> Vec<Watch> {
        let mut flights = Vec::new();
        for effect in &delivery.effects {
            let (business, closed): (_, &[Identifier]) = match effect {
                Effect::Consent(event) if event.kind.closes() => (event.business, &event.person),
                Effect::Moved { from, .. } => (delivery.business, std::slice::from_ref(from)),
                _ => continue,
            };
            for id in closed {
                if let Some(person) = self.find(business, &id.canonical().0) {
                    flights.extend(self.flights(person));
                }
            }
        }
        flights
    }

    fn learn(&mut self, business: BusinessIx, effects: &[Effect]) -> Result<Led> {
        self.check_effects(business, effects)?;
        let mut led = Led::default();
        for effect in effects {
            self.apply(business, effect, &mut led)?;
        }
        Ok(led)
    }

    fn apply(&mut self, business: BusinessIx, effect: &Effect, led: &mut Led) -> Result<()> {
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
                let before = self.heads_before(business, person);
                self.meet(business, person, *at_ms);
                self.tell_change(business, before, Cause::Linked, *at_ms)?;
            }
            Effect::Wrote {
                person,
                number,
                at_ms,
                message_id,
                free_until_ms,
            } => {
                let before = self.heads_before(business, person);
                let writer = self.meet(business, person, *at_ms);
                self.tell_change(business, before, Cause::Linked, *at_ms)?;
                self.people[writer].writings.push(Writing {
                    number: number.clone(),
                    at_ms: *at_ms,
                    free_until_ms: *free_until_ms,
                });
                let spelling = person[0].canonical().1;
                for scope in self.confirmed_by(writer, spelling, *at_ms) {
                    self.append(&reconfirmed(business, person, scope, *at_ms, message_id))?;
                }
            }
            Effect::CallPermission {
                person,
                number,
                at_ms,
                until_ms,
            } => {
                let before = self.heads_before(business, person);
                let called = self.meet(business, person, *at_ms);
                self.tell_change(business, before, Cause::Linked, *at_ms)?;
                self.people[called].answers.push(CallAnswer {
                    number: number.clone(),
                    at_ms: *at_ms,
                    until_ms: *until_ms,
                });
            }
            Effect::Moved { from, to, at_ms } => {
                let earlier =
                    [from, to].map(|one| self.heads_before(business, std::slice::from_ref(one)));
                self.moved(business, from, to, *at_ms);
                for before in earlier {
                    self.tell_change(business, before, Cause::Moved, *at_ms)?;
                }
                if let Some(person) = self.find(business, &from.canonical().0) {
                    led.flights.extend(self.flights(person));
                }
            }
            Effect::Status {
                message_id,
                status,
                at_ms,
                code,
            } => self.status(Status {
                message_id: message_id.clone(),
                status: status.clone(),
                at_ms: *at_ms,
                code: *code,
            }),
            Effect::Reply { message_id, .. } => {
                let carried = led.noes.iter().filter(|(carrier, _)| carrier == message_id);
                let confirms = carried.map(|(_, id)| *id).max();
                led.replies_due |= self.owe(business, effect, confirms);
            }
            Effect::Timeline { .. } => self.note(business, effect),
            Effect::Template { .. }
            | Effect::Number { .. }
            | Effect::Spam { .. }
            | Effect::Health { .. }
            | Effect::Restricted { .. }
            | Effect::Limit { .. }
            | Effect::Banned { .. } => self.news.push((business, effect.clone())),
        }
        Ok(())
    }

    fn note(&mut self, business: BusinessIx, effect: &Effect) {
        let Effect::Timeline {
            subject,
            subject_id,
            origin,
            event,
            at_ms,
            body,
        } = effect
        else {
            return;
        };
        let entry = TimelineEntry {
            seq: self.next_signed(*at_ms),
            subject: (*subject).into(),
            subject_id: subject_id.clone(),
            origin: origin.clone(),
            event: event.clone(),
            at_ms: *at_ms,
            body: body.clone(),
        };
        self.timeline.push((business, entry));
    }
}
