//! What events, deliveries and traffic change.

use greenline_policy::consent::{EventId, Standing};
use greenline_policy::identity::{Identifier, Spelling};
use rusqlite::{OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::people::history;
use super::rows::{lane_column, person_column, seq_column};
use super::sql;
use super::write::Hand;
use crate::codec::restriction_column;
use crate::codec::rows::{encode_headers, encode_reply, reply_kind};
use crate::compose::{confirmable, reconfirmed};
use crate::error::LedgerError;
use crate::flight::Watch;
use crate::import::is_kept_with_person;
use crate::notice::Cause;
use crate::state::journal::Change;
use crate::state::people::Slot;
use crate::state::platform::{HealthRow, PlatformChange, newer, restrict};
use crate::state::reach::KnownLimit;
use crate::types::{Appended, BusinessIx, Delivery, Effect, Ingested, NewEvent, OwnReply};

/// What a run of effects led to.
#[derive(Debug, Default)]
pub(crate) struct Led {
    /// Sends to wait for.
    pub(crate) flights: Vec<Watch>,
    /// Own replies became due.
    pub(crate) replies_due: bool,
    /// When the delivery came that they are of.
    received_ms: Option<i64>,
    /// Noes recorded, with the message that carried each.
    noes: Vec<(Box<str>, EventId)>,
}

impl Hand<'_> {
    /// Appends an event, or finds that it was appended before.
    pub(crate) fn append(&mut self, event: &NewEvent) -> Result<Appended, LedgerError> {
        let Some(first) = event.person.first() else {
            return Err(LedgerError::Bug("an event of nobody"));
        };
        let repeated = match &event.dedup {
            Some(key) if is_kept_with_person(key) => {
                self.repeated_with(event, first, key)?.map(|(id, _)| id)
            }
            Some(key) => self.repeated(event.business, key)?,
            None => None,
        };
        self.append_unless(event, first, repeated)
    }

    /// Appends an event, whatever its key.
    pub(crate) fn append_anew(&mut self, event: &NewEvent) -> Result<Appended, LedgerError> {
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
        let spelling = spelling(first);
        let slot = match repeated {
            Some(_) => self.state.find(event.business, &first.canonical().0)?,
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
        let mut flights = Vec::new();
        if event.kind.closes() {
            self.flights_from(slot, &mut flights);
        }
        Ok(Appended {
            id,
            repeated: repeated.is_some(),
            head: self.state.head(slot, spelling).clone(),
            flights,
        })
    }

    fn insert_event(
        &mut self,
        event: &NewEvent,
        first: &Identifier,
        slot: Slot,
    ) -> Result<EventId, LedgerError> {
        let person = self.person_of(event.business, &first.canonical().0, slot)?;
        let row = self.state.business(event.business)?.row;
        let key = params![person.shard().0, person_column(person)];
        let version: i64 = self
            .connection
            .prepare_cached(sql::NEXT_VERSION)?
            .query_row(key, |row| row.get(0))?;
        let id = self.write_event(event, person, version)?;
        if let Some(key) = &event.dedup
            && !is_kept_with_person(key)
        {
            self.connection
                .prepare_cached(sql::INSERT_DEDUP)?
                .execute(params![row, &**key, seq_column(id.0)])?;
        }
        self.refold_from(&[slot])?;
        self.tell_event(event, id, first, slot)?;
        Ok(id)
    }

    /// Takes a delivery.
    pub(crate) fn ingest(&mut self, delivery: &Delivery) -> Result<Ingested, LedgerError> {
        let row = self.state.business(delivery.business)?.row;
        let hash = Sha256::digest(&delivery.body);
        let lane = lane_column(delivery.lane);
        let headers = encode_headers(&delivery.headers)?;
        let inserted = self
            .connection
            .prepare_cached(sql::INSERT_INBOX)?
            .execute(params![
                row,
                hash.as_slice(),
                delivery.received_ms,
                lane,
                headers,
                &*delivery.body
            ])?;
        if inserted == 0 {
            let mut flights = Vec::new();
            self.flights_again(delivery, &mut flights)?;
            return Ok(Ingested {
                duplicate: true,
                flights,
                replies_due: false,
            });
        }
        let seq = self.connection.last_insert_rowid();
        for app in &delivery.relay_to {
            let columns = params![seq, &**app, row, lane, delivery.received_ms];
            self.connection
                .prepare_cached(sql::INSERT_RELAY)?
                .execute(columns)?;
        }
        let mut led = Led {
            received_ms: Some(delivery.received_ms),
            ..Led::default()
        };
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
        &self,
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
                if let Some(slot) = self.state.find(business, &identifier.canonical().0)? {
                    self.flights_from(slot, flights);
                }
            }
        }
        Ok(())
    }

    /// Applies effects in order.
    pub(crate) fn learn(
        &mut self,
        business: BusinessIx,
        effects: &[Effect],
        led: &mut Led,
    ) -> Result<(), LedgerError> {
        for effect in effects {
            self.apply(business, effect, led)?;
        }
        Ok(())
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
                if let Some(slot) = self.state.find(business, &from.canonical().0)? {
                    self.flights_from(slot, &mut led.flights);
                }
            }
            Effect::Status {
                message_id,
                status,
                at_ms,
                code,
            } => self.status(business, message_id, status, (*at_ms, *code))?,
            Effect::Timeline {
                subject,
                subject_id,
                origin,
                event,
                at_ms,
                body,
            } => {
                let row = self.state.business(business)?.row;
                let columns = params![
                    row,
                    *subject,
                    &**subject_id,
                    &**origin,
                    &**event,
                    at_ms,
                    &**body,
                    led.received_ms.unwrap_or(*at_ms)
                ];
                self.connection
                    .prepare_cached(sql::INSERT_TIMELINE)?
                    .execute(columns)?;
            }
            Effect::Reply {
                to,
                number,
                reply,
                message_id,
                at_ms,
            } => {
                let confirms = led
                    .noes
                    .iter()
                    .filter(|(carrier, _)| carrier == message_id)
                    .map(|(_, id)| *id)
                    .max();
                led.replies_due |=
                    self.reply(business, to, number, reply, confirms, message_id, *at_ms)?;
            }
            Effect::Limit {
                limit,
                origin,
                at_ms,
            } => {
                let new = KnownLimit {
                    limit: *limit,
                    origin: origin.clone(),
                    at_ms: *at_ms,
                };
                self.learn_limit(business, new)?;
            }
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

    fn wrote(
        &mut self,
        business: BusinessIx,
        person: &[Identifier],
        number: &str,
        at_ms: i64,
        free_until_ms: Option<i64>,
    ) -> Result<(), LedgerError> {
        let (slot, id) = self.writer_of(business, person, at_ms)?;
        let columns = params![
            id.shard().0,
            person_column(id),
            number,
            at_ms,
            free_until_ms
        ];
        self.connection
            .prepare_cached(sql::PUT_WINDOW)?
            .execute(columns)?;
        let row = self.state.business(business)?.row;
        self.connection
            .prepare_cached(sql::PUT_LAST_INBOUND)?
            .execute(params![row, number, at_ms])?;
        let place = self.state.business_mut(business)?.platform.place(number);
        let window = self.state.group_mut(slot).window_mut(place);
        window.wrote_at_ms = window.wrote_at_ms.max(Some(at_ms));
        Ok(())
    }

    fn writer_of(
        &mut self,
        business: BusinessIx,
        person: &[Identifier],
        at_ms: i64,
    ) -> Result<(Slot, crate::types::PersonId), LedgerError> {
        let Some(first) = person.first() else {
            return Err(LedgerError::Bug("something written by nobody"));
        };
        let slot = self.link(business, person, at_ms)?;
        Ok((slot, self.person_of(business, &first.canonical().0, slot)?))
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
        let Some(slot) = self.state.find(business, &canonical)? else {
            return Ok(());
        };
        let head = self.state.head(slot, spelling);
        let mut standings = head
            .base
            .iter()
            .chain(head.topics.iter().map(|(_, standing)| standing));
        if !standings.any(|standing| matches!(standing, Standing::Unconfirmed { .. })) {
            return Ok(());
        }
        let (_, history) = history(self.connection, self.state, slot)?;
        for scope in confirmable(&history, self.state.head(slot, spelling), at_ms) {
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
        let place = self.state.business_mut(business)?.platform.place(number);
        let window = self.state.group_mut(slot).window_mut(place);
        window.allow_calls(at_ms, until_ms);
        let columns = params![
            id.shard().0,
            person_column(id),
            number,
            window.call_at_ms,
            window.call_until_ms
        ];
        self.connection
            .prepare_cached(sql::PUT_CALL_PERMISSION)?
            .execute(columns)?;
        Ok(())
    }

    fn status(
        &mut self,
        business: BusinessIx,
        message_id: &str,
        status: &str,
        (at_ms, code): (i64, Option<u32>),
    ) -> Result<(), LedgerError> {
        if let Some((seq, before, before_ms)) = self.find_message(message_id)? {
            self.status_reaches(business, seq, status, at_ms)?;
            if is_later((at_ms, status), before_ms.zip(before.as_deref())) {
                self.connection
                    .prepare_cached(sql::SET_SEND_STATUS)?
                    .execute(params![seq, status, at_ms, code])?;
                self.status_counts(seq, status, (at_ms, code))?;
            }
            return Ok(());
        }
        self.stray_reaches(business, message_id, status, at_ms)?;
        let mut statement = self.connection.prepare_cached(sql::FIND_STRAY)?;
        let before: Option<(i64, String)> = statement
            .query_row([message_id], |row| Ok((row.get(1)?, row.get(0)?)))
            .optional()?;
        if is_later(
            (at_ms, status),
            before
                .as_ref()
                .map(|(at_ms, status)| (*at_ms, status.as_str())),
        ) {
            self.connection
                .prepare_cached(sql::PUT_STRAY)?
                .execute(params![message_id, status, at_ms, code])?;
        }
        if self.state.strays.insert(message_id.into()) {
            self.state
                .journal
                .note(Change::StrayAdded(message_id.into()));
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the members of one effect")]
    fn reply(
        &mut self,
        business: BusinessIx,
        to: &Identifier,
        number: &str,
        reply: &OwnReply,
        confirms: Option<EventId>,
        message_id: &str,
        at_ms: i64,
    ) -> Result<bool, LedgerError> {
        let row = self.state.business(business)?.row;
        let confirms = confirms.map(|id| seq_column(id.0));
        let columns = params![
            row,
            to.reveal(),
            number,
            reply_kind(reply),
            encode_reply(reply)?,
            confirms,
            message_id,
            at_ms
        ];
        Ok(self
            .connection
            .prepare_cached(sql::INSERT_REPLY)?
            .execute(columns)?
            > 0)
    }

    fn platform(&mut self, business: BusinessIx, effect: &Effect) -> Result<(), LedgerError> {
        let row = self.state.business(business)?.row;
        let platform = &mut self.state.business_mut(business)?.platform;
        let change: PlatformChange = match effect {
            Effect::Template {
                waba_id,
                name,
                language,
                template_id,
                category,
                status,
                is_ask,
                quality,
                at_ms,
            } => {
                let mut known = platform
                    .template(waba_id, name, language)
                    .cloned()
                    .unwrap_or_default();
                let is_newer = *at_ms >= known.at_ms;
                newer(&mut known.template_id, template_id.as_ref(), is_newer);
                newer(&mut known.category, category.as_ref(), is_newer);
                newer(&mut known.status, status.as_ref(), is_newer);
                newer(&mut known.is_ask, is_ask.as_ref(), is_newer);
                newer(&mut known.quality, quality.as_ref(), is_newer);
                known.at_ms = known.at_ms.max(*at_ms);
                self.connection
                    .prepare_cached(sql::PUT_TEMPLATE)?
                    .execute(params![
                        row,
                        &**waba_id,
                        &**name,
                        &**language,
                        known.template_id.as_deref(),
                        known
                            .category
                            .map(greenline_policy::scope::Category::as_str),
                        known.status.as_deref(),
                        known.is_ask,
                        known.quality.as_deref(),
                        known.at_ms
                    ])?;
                platform.set_template(waba_id, name, language, known)
            }
            Effect::Number {
                number,
                status,
                rating,
                at_ms,
            } => {
                let mut known = platform.number(number).cloned().unwrap_or_default();
                let is_newer = known.at_ms.is_none_or(|known_ms| *at_ms >= known_ms);
                newer(&mut known.status, status.as_ref(), is_newer);
                newer(&mut known.rating, rating.as_ref(), is_newer);
                let read_ms = rating.as_ref().map(|_| *at_ms);
                newer(&mut known.rating_at_ms, read_ms.as_ref(), is_newer);
                known.at_ms = known.at_ms.max(Some(*at_ms));
                let columns = params![
                    row,
                    &**number,
                    known.status.as_deref(),
                    known.rating.as_deref(),
                    known.rating_at_ms,
                    known.at_ms
                ];
                self.connection
                    .prepare_cached(sql::PUT_NUMBER)?
                    .execute(columns)?;
                platform.set_number(number, known)
            }
            Effect::Spam {
                number,
                limits,
                at_ms,
            } => {
                let before = platform.number(number);
                // A limit that is over makes nothing known of a number of which nothing was.
                if before.is_none() && !*limits {
                    return Ok(());
                }
                let mut known = before.cloned().unwrap_or_default();
                known.spam(*limits, *at_ms);
                self.connection
                    .prepare_cached(sql::PUT_SPAM)?
                    .execute(params![row, &**number, known.spam_ms])?;
                platform.set_number(number, known)
            }
            Effect::Health {
                number,
                news,
                at_ms,
            } => {
                let mut known = platform.number(number).cloned().unwrap_or_default();
                known.health.hear(HealthRow::of(news, *at_ms));
                let health = &known.health;
                self.connection
                    .prepare_cached(sql::PUT_HEALTH)?
                    .execute(params![
                        row,
                        &**number,
                        health.read.as_deref(),
                        health.read_ms,
                        health.available_ms,
                        health.locked_ms,
                        health.policy_ms
                    ])?;
                platform.set_number(number, known)
            }
            Effect::Restricted {
                waba_id,
                restrictions,
                at_ms,
            } => {
                let mut known = platform.account(waba_id).cloned().unwrap_or_default();
                restrict(&mut known, restrictions, *at_ms);
                for known in &known.restrictions {
                    let kind = restriction_column(known.kind);
                    let columns = params![
                        row,
                        &**waba_id,
                        &*known.named,
                        kind,
                        known.until_ms,
                        known.at_ms
                    ];
                    self.connection
                        .prepare_cached(sql::PUT_RESTRICTION)?
                        .execute(columns)?;
                }
                platform.set_account(waba_id, known)
            }
            Effect::Banned {
                waba_id,
                ban,
                at_ms,
            } => {
                let mut known = platform.account(waba_id).cloned().unwrap_or_default();
                if known.ban_at_ms.is_none_or(|known_ms| *at_ms >= known_ms) {
                    (known.ban, known.ban_at_ms) = (*ban, Some(*at_ms));
                }
                let columns = params![row, &**waba_id, known.ban.as_str(), known.ban_at_ms];
                self.connection
                    .prepare_cached(sql::PUT_ACCOUNT)?
                    .execute(columns)?;
                platform.set_account(waba_id, known)
            }
            _ => return Ok(()),
        };
        self.state.journal.note(Change::Platform(business, change));
        Ok(())
    }
}

fn spelling(identifier: &Identifier) -> Spelling {
    identifier.canonical().1
}

/// Statuses come in any order: the later one stands, of two at the same time the further one.
pub(crate) fn is_later(new: (i64, &str), old: Option<(i64, &str)>) -> bool {
    let rank = |status: &str| match status {
        "sent" => 1,
        "delivered" => 2,
        "read" => 3,
        "played" => 4,
        "failed" => 5,
        _ => 0,
    };
    old.is_none_or(|old| (new.0, rank(new.1)) > (old.0, rank(old.1)))
}
