//! Deliveries, the apps that wait for them, and the replies that Greenline owes.

use std::mem::discriminant;
use std::sync::Arc;

use greenline_policy::consent::EventId;

use super::{All, Result};
use crate::error::LedgerError;
use crate::held::Held;
use crate::types::{
    BusinessIx, DueReply, Effect, Lane, Relay, RelayDone, RelayResult, ReplyClaim, ReplyEnd,
};

/// How long a delivery that was handed out is not handed out again.
const CLAIM_MS: i64 = 10 * 60 * 1_000;
/// How much longer than its body a delivery's hash is kept.
const HASHES_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// A delivery.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) seq: i64,
    pub(super) business: BusinessIx,
    pub(super) sha256: [u8; 32],
    pub(super) received_ms: i64,
    pub(super) lane: Lane,
    pub(super) headers: Vec<(Box<str>, Box<str>)>,
    /// `None` once its days are over.
    pub(super) body: Option<Arc<[u8]>>,
    pub(super) waiting: Vec<Waiting>,
}

/// An app that has not taken a delivery.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) app: Arc<str>,
    pub(super) due_ms: i64,
    pub(super) attempts: u32,
    pub(super) is_parked: bool,
    pub(super) claimed_until_ms: i64,
}

impl Waiting {
    /// One that waits since then.
    pub(super) fn of(app: Arc<str>, due_ms: i64) -> Self {
        Self {
            app,
            due_ms,
            attempts: 0,
            is_parked: false,
            claimed_until_ms: i64::MIN,
        }
    }
}

/// A reply that Greenline owes, or owed.
#[derive(Debug)]
pub(super) struct Reply {
    due: DueReply,
    is_due: bool,
    is_over: bool,
}

impl All {
    pub(super) fn relay_due(&mut self, now_ms: i64, lane: Lane, limit: usize) -> Vec<Relay> {
        let mut due: Vec<(i64, Relay, &mut Waiting)> = Vec::new();
        for inbox in self.inbox.iter_mut().filter(|inbox| inbox.lane == lane) {
            let Some(body) = &inbox.body else { continue };
            for waiting in &mut inbox.waiting {
                if waiting.is_parked || waiting.due_ms > now_ms || waiting.claimed_until_ms > now_ms
                {
                    continue;
                }
                let relay = Relay {
                    inbox_seq: inbox.seq,
                    app: waiting.app.clone(),
                    business: inbox.business,
                    body: body.clone(),
                    headers: inbox.headers.clone(),
                    lane,
                    attempts: waiting.attempts,
                    received_ms: inbox.received_ms,
                };
                due.push((waiting.due_ms, relay, waiting));
            }
        }
        due.sort_by_key(|(due_ms, relay, _)| (*due_ms, relay.inbox_seq));
        let due = due.into_iter().take(limit);
        let claim = |(_, relay, waiting): (_, Relay, &mut Waiting)| {
            waiting.claimed_until_ms = now_ms.saturating_add(CLAIM_MS);
            relay
        };
        due.map(claim).collect()
    }

    pub(super) fn relay_waits(&self, relay: &Relay) -> bool {
        let mut inbox = self.inbox.iter().filter(|one| one.seq == relay.inbox_seq);
        inbox.any(|one| one.waiting.iter().any(|waiting| waiting.app == relay.app))
    }

    pub(super) fn relay_done(&mut self, done: &[RelayDone]) {
        for one in done {
            let inbox = self.inbox.iter_mut().find(|i| i.seq == one.inbox_seq);
            let Some(inbox) = inbox else { continue };
            let at = inbox.waiting.iter().position(|w| w.app == one.app);
            let Some(at) = at else { continue };
            let waiting = &mut inbox.waiting[at];
            waiting.claimed_until_ms = i64::MIN;
            if !matches!(one.result, RelayResult::PutOff(_)) {
                waiting.attempts += 1;
            }
            match one.result {
                RelayResult::Delivered => drop(inbox.waiting.remove(at)),
                RelayResult::RetryAt(due_ms) | RelayResult::PutOff(due_ms) => {
                    waiting.due_ms = due_ms;
                }
                RelayResult::Parked => waiting.is_parked = true,
            }
        }
    }

    pub(super) fn relay_replay(
        &mut self,
        business: BusinessIx,
        app: Option<&str>,
        now_ms: i64,
    ) -> u64 {
        let mut replayed = 0;
        // Who gets no events is set going by name.
        let inbox = self
            .inbox
            .iter_mut()
            .filter(|i| i.business == business && (app.is_some() || !i.lane.is_of_notices()));
        for waiting in inbox.flat_map(|inbox| &mut inbox.waiting) {
            if waiting.is_parked && app.is_none_or(|app| app == &*waiting.app) {
                (waiting.is_parked, waiting.due_ms, waiting.attempts) = (false, now_ms, 0);
                replayed += 1;
            }
        }
        replayed
    }

    pub(super) fn inbox_prune(&mut self, before_ms: i64) -> u64 {
        let mut emptied = 0;
        for inbox in &mut self.inbox {
            if inbox.lane.is_of_notices() {
                let is_kept = |one: &Waiting| !one.is_parked || one.due_ms >= before_ms;
                inbox.waiting.retain(is_kept);
            }
            let is_over = inbox.received_ms < before_ms && inbox.waiting.is_empty();
            if is_over && inbox.body.take().is_some() {
                inbox.headers.clear();
                emptied += 1;
            }
        }
        let hashes_before_ms = before_ms.saturating_sub(HASHES_MS);
        self.inbox
            .retain(|inbox| inbox.body.is_some() || inbox.received_ms >= hashes_before_ms);
        self.prune_strays(before_ms);
        emptied
    }

    pub(super) fn replies_to(&self, business: BusinessIx, texts: &[String]) -> Vec<Held> {
        let replies = self.replies.iter().filter(|reply| {
            reply.due.business == business && texts.contains(&reply.due.to.reveal())
        });
        let held = |reply: &Reply| Held::Reply {
            number: reply.due.number.clone(),
            reply: reply.due.reply.clone(),
            at_ms: reply.due.at_ms,
            is_over: reply.is_over,
            decision: None,
        };
        replies.map(held).collect()
    }

    /// Replies that are over and from before then.
    pub(super) fn old_replies(&self, business: BusinessIx, before_ms: i64) -> Vec<i64> {
        let replies = self.replies.iter().filter(|reply| {
            reply.due.business == business && reply.is_over && reply.due.at_ms < before_ms
        });
        replies.map(|reply| reply.due.claim.id).collect()
    }

    pub(super) fn forget_old_replies(&mut self, is_gone: impl Fn(i64) -> bool) -> u64 {
        let before = self.replies.len();
        self.replies
            .retain(|reply| !(reply.is_over && is_gone(reply.due.claim.id)));
        (before - self.replies.len()) as u64
    }

    /// Replies to these are owed no more, and never were.
    pub(super) fn forget_replies(&mut self, business: BusinessIx, texts: &[String]) {
        self.replies.retain(|reply| {
            reply.due.business != business || !texts.contains(&reply.due.to.reveal())
        });
    }

    /// Owes a reply, once per message and kind; whether it is new.
    pub(super) fn owe(
        &mut self,
        business: BusinessIx,
        effect: &Effect,
        confirms: Option<EventId>,
    ) -> bool {
        let Effect::Reply {
            to,
            number,
            reply,
            message_id,
            at_ms,
        } = effect
        else {
            return false;
        };
        let same = |owed: &Reply| {
            owed.due.business == business
                && owed.due.message_id == *message_id
                && discriminant(&owed.due.reply) == discriminant(reply)
        };
        if self.replies.iter().any(same) {
            return false;
        }
        let due = DueReply {
            claim: ReplyClaim {
                id: self.next_signed(*at_ms),
                hand: 0,
            },
            business,
            to: to.clone(),
            number: number.clone(),
            reply: reply.clone(),
            confirms,
            message_id: message_id.clone(),
            at_ms: *at_ms,
        };
        self.replies.push(Reply {
            due,
            is_due: true,
            is_over: false,
        });
        true
    }

    pub(super) fn replies_due(&mut self, limit: usize) -> Vec<DueReply> {
        let due = self.replies.iter_mut().filter(|reply| reply.is_due);
        let hand_out = |reply: &mut Reply| {
            reply.is_due = false;
            reply.due.clone()
        };
        due.take(limit).map(hand_out).collect()
    }

    /// Whether a reply is in somebody's hand.
    pub(super) fn is_in_hand(&self, claim: ReplyClaim) -> bool {
        let mut replies = self.replies.iter();
        replies.any(|reply| reply.due.claim == claim && !reply.is_due && !reply.is_over)
    }

    pub(super) fn reply_done(&mut self, claim: ReplyClaim, end: ReplyEnd) -> Result<()> {
        let mut replies = self.replies.iter_mut();
        let reply = replies.find(|reply| reply.due.claim.id == claim.id);
        let reply = reply.ok_or(LedgerError::NotFound("the reply"))?;
        match end {
            ReplyEnd::Over(_) => (reply.is_due, reply.is_over) = (false, true),
            ReplyEnd::NotSent if reply.is_due || reply.is_over => {
                return Err(LedgerError::NotFound("the reply"));
            }
            ReplyEnd::NotSent => {}
        }
        Ok(())
    }
}
