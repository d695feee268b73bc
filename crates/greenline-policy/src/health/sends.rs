//! What one send asks: the few facts that a decision looks at, told by the same causes and rows as the matrix.
//!
//! A decision is made for every send, so nothing is gathered here: what reads of `health_status` and refusals amount to
//! was worked out when they came in ([`evidence`]), and what is left is a walk over a status, a ban, a few restrictions
//! and, in almost every number, nothing else.

use crate::decide::NumberFacts;
use crate::number::{Ban, Restriction, RestrictionKind};
use crate::rule::Rule;

use super::holds::{Holds, account_held, closed, holding, payment, restricted, status_cause};
use super::{Can, Cause, State, What};

/// What reads of `health_status` and refusals amount to, gravest first: what decisions keep of them until the next one
/// comes in.
#[must_use]
pub fn evidence(state: &State) -> Vec<Cause> {
    let mut causes: Vec<Cause> = holding(state, state.as_of_ms)
        .into_iter()
        .map(|holds| match holds.cause {
            // Which of the two it is depends on the day of the send.
            Cause::PaymentReplies => Cause::Payment,
            cause => cause,
        })
        .filter(|cause| is_evidence(*cause))
        .collect();
    causes.sort_unstable();
    causes.dedup();
    causes
}

fn is_evidence(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::BanDisabled
            | Cause::Locked
            | Cause::LockSuspected
            | Cause::HealthBlocked
            | Cause::HealthUnclear
            | Cause::PolicyRefused
            | Cause::Payment
            | Cause::StatusUnclear
    )
}

/// Everything in a number's way at a moment, with its end; the limits that are counted apart are not among it.
pub fn in_the_way(number: &NumberFacts, now_ms: i64, mut each: impl FnMut(&Holds)) {
    let mut of = |cause| each(&Holds::of(cause, None));
    // Whether a read of `health_status` says more than a word that is not known stands in the evidence.
    let status = status_cause(number.status, now_ms);
    if let Some(cause) = status.filter(|cause| *cause != Cause::StatusUnclear) {
        of(cause);
    }
    if number.ban == Ban::Disabled {
        of(Cause::BanDisabled);
    }
    if number.locked {
        of(Cause::Locked);
    }
    for cause in &number.health {
        match cause {
            Cause::Payment => of(payment(now_ms)),
            cause => of(*cause),
        }
    }
    if number.restrictions.is_empty() {
        return;
    }
    let is_live = |until_ms: Option<i64>| until_ms.is_none_or(|until_ms| until_ms > now_ms);
    let mut restrictions = number.restrictions.iter();
    // Records of earlier releases take an answer's restriction by itself.
    let closes_starts = !number.watched
        || restrictions
            .any(|one| one.kind == RestrictionKind::BusinessInitiated && is_live(one.until_ms));
    for restriction in &number.restrictions {
        if let Some((cause, until_ms)) = account_held(*restriction, now_ms) {
            each(&Holds::of(cause, None).until(until_ms));
            continue;
        }
        let Some(cause) = restricted(restriction.kind, closes_starts) else {
            continue;
        };
        if is_live(restriction.until_ms) {
            each(&Holds::of(cause, None).until(restriction.until_ms));
        } else if number.watched && cause != Cause::UtilityRate {
            each(&Holds::of(Cause::RestrictionEnded, None).over(closed(restriction.kind)));
        }
    }
}

/// What a number's restrictions come to when a later date is asked about in advance: those that end until then are over,
/// on the condition that something read after their end says so (N1). The last of those ends, if there are any.
pub fn in_advance(number: &mut NumberFacts, known_ms: i64, at_ms: i64) -> Option<i64> {
    let ends = |one: &Restriction| {
        // The end of a day of grace opens nothing, nor does that of the hours after a 131064 on any condition.
        let is_restriction = one.kind.own_word().is_none();
        let until_ms = one.until_ms.filter(|_| is_restriction);
        until_ms.filter(|end_ms| (known_ms + 1..=at_ms).contains(end_ms))
    };
    let last = number.restrictions.iter().filter_map(ends).max();
    number.restrictions.retain(|one| ends(one).is_none());
    last
}

impl Cause {
    /// The rule that refuses what it is in the way of; `None` where the platform is left to answer for itself.
    #[must_use]
    pub fn refuses(self, asked: Asked, can: Can) -> Option<Rule> {
        let unread = matches!(self, Self::RestrictionEnded | Self::RepliesAlone);
        let rule = match self {
            Self::BanDisabled
            | Self::AccountDisabled
            | Self::AccountDeleted
            | Self::NumberBanned => Rule::NumberBanned,
            Self::NumberDeleted
            | Self::Migrated
            | Self::Offboarded
            | Self::Disconnected
            | Self::Pending
            | Self::Unverified => Rule::NumberOffline,
            Self::Locked => Rule::AccountLocked,
            Self::LockSuspected | Self::HealthBlocked => Rule::AccountUnclear,
            Self::PaymentReplies | Self::Payment => Rule::AccountPayment,
            Self::LimitReached | Self::RateLimited => Rule::LimitReached,
            Self::PolicyRefused
            | Self::HealthUnclear
            | Self::BanDue
            | Self::BanUnclear
            | Self::AccountRestricted
            | Self::AccountPending
            | Self::ReviewRejected
            | Self::StatusUnclear => Rule::NumberUnread,
            Self::UtilityTemplates => Rule::UtilityRestricted,
            Self::UtilityLimit => Rule::LimitUtility,
            _ if can == Can::Unknown && unread => Rule::NumberUnread,
            Self::RepliesRestricted
            | Self::RepliesAlone
            | Self::StartsRestricted
            | Self::RestrictionUnknown
            | Self::AllCallsRestricted
            | Self::CallsRestricted => Rule::NumberRestricted,
            _ => return None,
        };
        // Where nobody knows, nothing is started, and answers are tried (N3).
        let refuses = can == Can::No || can == Can::Unknown && asked.begins();
        refuses.then_some(rule)
    }

    /// Whether it closes templates even where they answer.
    fn closes_templates(self) -> bool {
        matches!(
            self,
            Self::StartsRestricted | Self::PolicyRefused | Self::Payment | Self::PaymentReplies
        )
    }
}

/// What a send is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// It begins something.
    Start(What),
    /// It answers.
    Reply,
    /// A template that answers.
    ReplyByTemplate,
    /// A call.
    Call,
}

impl Asked {
    fn begins(self) -> bool {
        matches!(self, Self::Start(_) | Self::Call)
    }

    /// What a cause says of it.
    #[must_use]
    pub fn of(self, holds: &Holds) -> Option<Can> {
        match self {
            Self::Start(what) => holds.says(what),
            Self::Reply => holds.says(What::Reply),
            Self::Call => holds.says(What::Call),
            Self::ReplyByTemplate if holds.cause.closes_templates() => Some(Can::No),
            Self::ReplyByTemplate => holds.says(What::Reply),
        }
    }
}
