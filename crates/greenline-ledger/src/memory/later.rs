//! Held messages: one list, in the order in which they came.

use greenline_policy::decide::Decision;
use greenline_policy::identity::Identifier;

use super::{All, Result};
use crate::error::{LedgerError, NOT_IN_HAND};
use crate::held::Held;
use crate::later::{
    Cancelled, DueMessage, GivenIds, HeldClaim, HeldEnd, HeldFilter, HeldMessage, HeldStage,
    HeldStep, KeptRequest, Redecided, Stepped,
};
use crate::types::{Ask, BusinessIx, DecisionId, PersonId};

/// A held message.
#[derive(Debug)]
pub(super) struct Later {
    message: HeldMessage,
    person: PersonId,
    request: Option<KeptRequest>,
    is_in_hand: bool,
}

impl All {
    /// Keeps a message that was just held.
    pub(super) fn keep(&mut self, ask: &Ask, id: DecisionId, decision: &Decision) -> Result<()> {
        let (Some(keep), Some(to)) = (&ask.keep, ask.to.first()) else {
            return Err(LedgerError::Bug("a message was held and not given"));
        };
        let canonical = to.canonical().0;
        let person = self.find(ask.business, &canonical);
        let person = person.map(|person| self.people[person].id);
        let template = ask.template.as_ref();
        self.later.push(Later {
            message: HeldMessage {
                id,
                business: ask.business,
                app: (&*ask.app).into(),
                number: (&*ask.number).into(),
                to: canonical,
                template: template.map_or_else(Default::default, |asked| {
                    (asked.name.clone(), asked.language.clone())
                }),
                given_id: keep.given_id.clone(),
                held_ms: ask.now_ms,
                due_ms: decision.held_until_ms(),
                stage: HeldStage::Waiting,
                decision: id,
                message_id: None,
                code: None,
                end: None,
                last_ms: ask.rules.hold.parts().1,
            },
            person: person.ok_or(LedgerError::Bug("a message to nobody was held"))?,
            request: Some(keep.request.clone()),
            is_in_hand: false,
        });
        Ok(())
    }

    fn later_of(&self, id: DecisionId) -> Option<&Later> {
        self.later.iter().find(|one| one.message.id.seq == id.seq)
    }

    /// Whether a decision may be made about a held message.
    pub(super) fn check_release(&self, claim: HeldClaim) -> Result<()> {
        let is_open = |one: &Later| {
            one.is_in_hand && matches!(one.message.stage, HeldStage::Waiting | HeldStage::LetGo)
        };
        match self.later_of(claim.id) {
            Some(one) if is_open(one) => Ok(()),
            _ => Err(LedgerError::Conflict(NOT_IN_HAND)),
        }
    }

    /// Notes what a new decision makes of a held message.
    pub(super) fn redecided(
        &mut self,
        claim: HeldClaim,
        id: DecisionId,
        decision: &Decision,
        now_ms: i64,
    ) {
        let Some(one) = self
            .later
            .iter_mut()
            .find(|one| one.message.id.seq == claim.id.seq)
        else {
            return;
        };
        let Redecided { stage, due_ms, end } = Redecided::of(decision, now_ms);
        (one.message.stage, one.message.due_ms) = (stage, due_ms);
        one.message.decision = id;
        one.message.end = end.map(|end| (end, now_ms));
        one.is_in_hand = stage == HeldStage::LetGo;
        if stage == HeldStage::ToTell {
            one.request = None;
        }
    }

    pub(super) fn held_due(&mut self, now_ms: i64, limit: usize) -> Vec<DueMessage> {
        let mut due: Vec<usize> = Vec::new();
        for (at, one) in self.later.iter().enumerate() {
            let is_due =
                !one.is_in_hand && one.message.due_ms.is_some_and(|due_ms| due_ms <= now_ms);
            let is_before = |earlier: &Later| {
                earlier.message.to == one.message.to
                    && earlier.message.business == one.message.business
                    && earlier.message.number == one.message.number
                    && earlier.message.id.seq < one.message.id.seq
                    && matches!(earlier.message.stage, HeldStage::Waiting | HeldStage::LetGo)
            };
            let waits = one.message.stage == HeldStage::Waiting && self.later.iter().any(is_before);
            if is_due && !waits {
                due.push(at);
            }
        }
        due.sort_by_key(|at| {
            let message = &self.later[*at].message;
            (message.due_ms, message.id.seq)
        });
        due.truncate(limit);
        let hand_out = |at: usize| {
            let one = &mut self.later[at];
            one.is_in_hand = true;
            DueMessage {
                claim: HeldClaim {
                    id: one.message.id,
                    hand: 0,
                },
                message: one.message.clone(),
                request: one.request.clone(),
            }
        };
        due.into_iter().map(hand_out).collect()
    }

    pub(super) fn held_done(
        &mut self,
        claim: HeldClaim,
        step: &HeldStep,
        now_ms: i64,
    ) -> Result<()> {
        let mut later = self.later.iter_mut();
        let one = later.find(|one| {
            one.message.id.seq == claim.id.seq
                && one.is_in_hand
                && one.message.stage != HeldStage::Over
        });
        let one = one.ok_or(LedgerError::NotFound("the held message"))?;
        let Stepped {
            stage,
            due_ms,
            message_id,
            code,
            end,
        } = Stepped::of(step, now_ms);
        let message = &mut one.message;
        (message.stage, message.due_ms) = (stage, due_ms);
        message.message_id = message_id.or(message.message_id.take());
        message.code = code.or(message.code);
        message.end = message.end.or(end.map(|end| (end, now_ms)));
        one.is_in_hand = false;
        if stage != HeldStage::Waiting {
            one.request = None;
        }
        Ok(())
    }

    pub(super) fn cancel_held(
        &mut self,
        business: BusinessIx,
        id: DecisionId,
        now_ms: i64,
    ) -> Result<Cancelled> {
        let mut later = self.later.iter_mut();
        let one = later
            .find(|one| one.message.id.seq == id.seq && one.message.business == business)
            .ok_or(LedgerError::NotFound("the held message"))?;
        let message = &mut one.message;
        if message.stage == HeldStage::Waiting {
            (message.stage, message.due_ms) = (HeldStage::ToTell, Some(now_ms));
            message.end = Some((HeldEnd::Cancelled, now_ms));
            (one.is_in_hand, one.request) = (false, None);
            return Ok(Cancelled::Now);
        }
        match message.end {
            Some((HeldEnd::Cancelled, _)) => Ok(Cancelled::Before),
            _ => Ok(Cancelled::TooLate),
        }
    }

    pub(super) fn held_message(&self, business: BusinessIx, id: DecisionId) -> Option<HeldMessage> {
        let one = self.later_of(id)?;
        (one.message.business == business).then(|| one.message.clone())
    }

    pub(super) fn held_messages(
        &self,
        business: BusinessIx,
        filter: &HeldFilter,
        after: Option<DecisionId>,
        limit: usize,
    ) -> Vec<HeldMessage> {
        let mut found: Vec<&HeldMessage> = self
            .later
            .iter()
            .map(|one| &one.message)
            .filter(|message| message.business == business)
            .filter(|message| after.is_none_or(|after| message.id.seq > after.seq))
            .filter(|message| {
                filter
                    .number
                    .as_ref()
                    .is_none_or(|number| *number == message.number)
            })
            .filter(|message| filter.to.is_empty() || filter.to.contains(&message.to))
            .collect();
        found.sort_by_key(|message| message.id.seq);
        found.into_iter().take(limit).cloned().collect()
    }

    pub(super) fn held_waiting(&self, business: BusinessIx) -> Vec<(Box<str>, u64)> {
        let mut waiting: std::collections::BTreeMap<Box<str>, u64> = Default::default();
        for one in &self.later {
            let waits = matches!(one.message.stage, HeldStage::Waiting | HeldStage::LetGo);
            if one.message.business == business && waits {
                *waiting.entry(one.message.app.clone()).or_default() += 1;
            }
        }
        waiting.into_iter().collect()
    }

    pub(super) fn given_ids(
        &self,
        business: BusinessIx,
        message_ids: &[Box<str>],
        people: &[Identifier],
    ) -> GivenIds {
        let messages = || {
            let messages = self.later.iter().map(|one| &one.message);
            messages.filter(|message| message.business == business)
        };
        let mut given = GivenIds::default();
        for id in message_ids {
            let mut found =
                messages().filter(|message| message.message_id.as_deref() == Some(&**id));
            if let Some(message) = found.next() {
                given.pairs.push((id.clone(), message.given_id.clone()));
            }
        }
        given.in_the_air = messages()
            .any(|message| message.stage == HeldStage::LetGo && people.contains(&message.to));
        given
    }

    /// Messages held for these people are gone.
    pub(super) fn forget_held(&mut self, people: &[PersonId]) {
        self.later.retain(|one| !people.contains(&one.person));
    }

    /// Messages that are over go with the last decision about them.
    pub(super) fn prune_held(&mut self, is_gone: impl Fn(u64) -> bool) {
        self.later.retain(|one| {
            one.message.stage != HeldStage::Over || !is_gone(one.message.decision.seq)
        });
    }

    /// What is held for later for one of these, written so.
    pub(super) fn held_later(&self, business: BusinessIx, texts: &[String]) -> Vec<Held> {
        let theirs = self.later.iter().filter(|one| {
            one.message.business == business && texts.contains(&one.message.to.reveal())
        });
        let held = |one: &Later| Held::Message {
            message: Box::new(one.message.clone()),
            body: one.request.as_ref().map(|request| request.body.to_vec()),
        };
        theirs.map(held).collect()
    }
}
