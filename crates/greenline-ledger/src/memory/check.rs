//! What cannot be done is found before anything is changed, so that nothing has to be taken back.

use std::collections::HashSet;

use greenline_policy::identity::Identifier;

use super::{All, Result};
use crate::error::{LedgerError, NOT_IN_HAND};
use crate::request::Request;
use crate::types::{BusinessIx, Effect, NewEvent};

const OTHER_PERSON: LedgerError =
    LedgerError::Conflict("the key was used before, for another person");

/// What effects taken in order would have made known so far.
#[derive(Default)]
struct Ahead<'e> {
    known: HashSet<(BusinessIx, Identifier)>,
    keys: HashSet<(BusinessIx, &'e str)>,
}

impl<'e> Ahead<'e> {
    fn meet(&mut self, business: BusinessIx, person: &[Identifier]) {
        let canonical = person.iter().map(|id| (business, id.canonical().0));
        self.known.extend(canonical);
    }

    fn event(&mut self, event: &'e NewEvent) {
        self.meet(event.business, &event.person);
        if let Some(key) = &event.dedup {
            self.keys.insert((event.business, key));
        }
    }
}

fn somebody(person: &[Identifier]) -> Result<()> {
    match person {
        [] => Err(LedgerError::Bug("something done by nobody")),
        _ => Ok(()),
    }
}

impl All {
    /// Whether a request names what there is. Effects are looked at by [`Self::check_effects`], an event's
    /// key by [`Self::check_key`].
    pub(super) fn check(&self, request: &Request) -> Result<()> {
        let event = |event: &NewEvent| {
            self.business(event.business)?;
            somebody(&event.person)
        };
        match request {
            Request::Admit(ask) => {
                self.business(ask.business)?;
                if ask.reply.is_some_and(|reply| !self.is_in_hand(reply)) {
                    return Err(LedgerError::Conflict(NOT_IN_HAND));
                }
                if let Some(claim) = ask.release {
                    self.check_release(claim)?;
                }
                somebody(&ask.to)
            }
            Request::Preview(ask) | Request::AdmitUnrecorded(ask, _) => {
                self.business(ask.business)?;
                somebody(&ask.to)
            }
            Request::PreviewAll(questions) => questions.iter().try_for_each(|question| {
                self.business(question.ask.business)?;
                somebody(&question.ask.to)
            }),
            Request::Append(one) => event(one),
            Request::AppendAll(events) => events.iter().try_for_each(event),
            Request::Import(piece) => {
                self.business(piece.business)?;
                let rows = piece.rows.iter().map(|row| &row.event);
                rows.chain(&piece.before).try_for_each(event)
            }
            Request::Ingest(delivery) => self.business(delivery.business).map(|_| ()),
            Request::Learn(business, _)
            | Request::RelayReplay(business, ..)
            | Request::RevokeLinks(business, ..)
            | Request::ForgetSalts(business, ..) => self.business(*business).map(|_| ()),
            Request::Erase(erase) => event(&erase.event),
            Request::Prune(prune) => self.business(prune.business).map(|_| ()),
            Request::PutSubscription(one) => self.business(one.business).map(|_| ()),
            Request::RemoveSubscription(business, _) => self.business(*business).map(|_| ()),
            Request::ReplayNotices(replay) => self.business(replay.business).map(|_| ()),
            Request::Seal(seal) => self.business(seal.business).map(|_| ()),
            Request::CancelHeld(business, ..) => self.business(*business).map(|_| ()),
            _ => Ok(()),
        }
    }

    /// Whether an event's key was used for someone else.
    pub(super) fn check_key(&self, event: &NewEvent) -> Result<()> {
        self.key_after(event, &Ahead::default())
    }

    fn key_after(&self, event: &NewEvent, ahead: &Ahead<'_>) -> Result<()> {
        let (Some(key), Some(first)) = (&event.dedup, event.person.first()) else {
            return Ok(());
        };
        let business = event.business;
        let is_used = self.keys.contains_key(&(business, key.clone()))
            || ahead.keys.contains(&(business, key));
        let name = (business, first.canonical().0);
        if is_used && !self.known.contains_key(&name) && !ahead.known.contains(&name) {
            return Err(OTHER_PERSON);
        }
        Ok(())
    }

    /// Whether all of these can be done, one after the other.
    pub(super) fn check_effects(&self, business: BusinessIx, effects: &[Effect]) -> Result<()> {
        let mut ahead = Ahead::default();
        for effect in effects {
            match effect {
                Effect::Consent(event) => {
                    self.business(event.business)?;
                    somebody(&event.person)?;
                    self.key_after(event, &ahead)?;
                    ahead.event(event);
                }
                Effect::Known { person, .. }
                | Effect::Wrote { person, .. }
                | Effect::CallPermission { person, .. } => {
                    somebody(person)?;
                    ahead.meet(business, person);
                }
                Effect::Moved { from, to, .. } => {
                    ahead.meet(business, std::slice::from_ref(from));
                    ahead.meet(business, std::slice::from_ref(to));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
