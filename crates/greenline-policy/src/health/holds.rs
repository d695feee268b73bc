//! Which causes hold at a date, by what was told up to then.
//!
//! Of facts of one kind the newest counts, by the platform's own time and not by arrival; of two of one moment the
//! stricter. What lies after the date is left out, and what was not told by then is not known (N2).

use crate::number::{NumberStatus, Restriction, RestrictionKind};
use crate::pack::Day;
use crate::reach::MessagingLimit;

use super::state::{
    AccountStatus, BanTold, EntityKind, Fact, Health, Review, Sending, State, Told,
};
use super::{Can, Cause, Provided, Seen, What, Whats};

/// Since then a limit is the portfolio's, and the watch over a flagged number is gone (QL-17).
const PORTFOLIO_LIMITS_SINCE: Day = Day::new(2025, 10, 7);
/// Since then answers cost something (N8).
const REPLIES_COST_SINCE: Day = Day::new(2026, 10, 1);
/// A day, and how long error 131048 or 131064 closes starts.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

const REFUSED_LOCKED: u32 = 131_031;
const REFUSED_POLICY: u32 = 368;
const REFUSED_SPAM: u32 = 131_048;
const REFUSED_UTILITY: u32 = 131_064;
const REFUSED_PAYMENT: u32 = 131_042;
const HEALTH_PAYMENT: u32 = 141_006;
const HEALTH_LOCKED: u32 = 141_008;
const HEALTH_BANNED: u32 = 141_014;
/// The word that a utility rate limit is told and taken back by.
const UTILITY_RATE: &str = "RATE_LIMITED_UTILITY_TEMPLATE_MESSAGING";

/// A cause that holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holds {
    /// Which.
    pub cause: Cause,
    /// What of its row applies.
    pub over: Whats,
    /// Until when, Unix milliseconds; `None` where no end is known.
    pub until_ms: Option<i64>,
    /// What it is conditional on, or what would end it.
    pub provided: Option<Provided>,
    /// What it was read from.
    pub seen: Option<Seen>,
}

impl Holds {
    pub(super) fn of(cause: Cause, seen: Option<Seen>) -> Self {
        Self {
            cause,
            over: Whats::ALL,
            until_ms: None,
            provided: None,
            seen,
        }
    }

    pub(super) fn until(self, until_ms: Option<i64>) -> Self {
        Self { until_ms, ..self }
    }

    pub(super) fn over(self, over: Whats) -> Self {
        Self { over, ..self }
    }

    fn after_read(self, after_ms: i64) -> Self {
        let provided = Some(Provided::AvailableAfter(after_ms));
        Self { provided, ..self }
    }

    /// What it says of a capability.
    #[must_use]
    pub fn says(&self, what: What) -> Option<Can> {
        self.cause.says(what).filter(|_| self.over.holds(what))
    }
}

/// What had been told by the date.
struct Known<'a> {
    at_ms: i64,
    as_of_ms: i64,
    facts: Vec<&'a Fact>,
}

/// Every cause that holds at a date, in no order.
#[must_use]
pub fn holding(state: &State, at_ms: i64) -> Vec<Holds> {
    let told_until = at_ms.min(state.as_of_ms);
    let facts = state.facts.iter();
    let known = Known {
        at_ms,
        as_of_ms: state.as_of_ms,
        facts: facts.filter(|fact| fact.at_ms <= told_until).collect(),
    };
    let mut found = Vec::new();
    known.status(&mut found);
    known.restrictions(&mut found);
    known.ban(&mut found);
    known.account(&mut found);
    known.health(&mut found);
    known.refusals(&mut found);
    known.limit(&mut found);
    known.silence(&mut found);
    known.notes(&mut found);
    found
}

impl<'a> Known<'a> {
    /// The newest of a kind; of two of one moment the one that orders first, which is the stricter.
    fn newest<T: Ord>(&self, pick: impl Fn(&'a Told) -> Option<T>) -> Option<(T, Seen)> {
        let mut newest: Option<(T, Seen)> = None;
        for fact in &self.facts {
            let Some(told) = pick(&fact.told) else {
                continue;
            };
            let seen = Seen {
                at_ms: fact.at_ms,
                origin: fact.origin,
            };
            let is_newer = newest.as_ref().is_none_or(|(old, old_seen)| {
                (seen.at_ms, old, old_seen.origin) > (old_seen.at_ms, &told, seen.origin)
            });
            if is_newer {
                newest = Some((told, seen));
            }
        }
        newest
    }

    /// Whether something was told after a moment.
    fn since(&self, after_ms: i64, is_it: impl Fn(&Told) -> bool) -> bool {
        let mut facts = self.facts.iter();
        facts.any(|fact| fact.at_ms > after_ms && is_it(&fact.told))
    }

    /// Whether `health_status` was read after a moment and called the account AVAILABLE.
    fn available_since(&self, after_ms: i64) -> bool {
        self.since(
            after_ms,
            |told| matches!(told, Told::Health(health) if health.account() == Sending::Available),
        )
    }

    fn reinstated_since(&self, after_ms: i64) -> bool {
        self.since(after_ms, |told| {
            matches!(told, Told::Ban(BanTold::Reinstated))
        })
    }

    fn health_read(&self) -> Option<(&'a Health, Seen)> {
        self.newest(|told| match told {
            Told::Health(health) => Some(health),
            _ => None,
        })
    }

    fn status(&self, found: &mut Vec<Holds>) {
        let status = self.newest(|told| match told {
            Told::Status(status) => Some((strictness(*status), *status)),
            _ => None,
        });
        let health = self.health_read();
        let available = health.filter(|(read, _)| read.overall == Sending::Available);
        let seen = status.map(|(_, seen)| seen);
        let fallback = |without: Cause| match available {
            Some((_, read)) => Holds::of(Cause::HealthAvailable, Some(read)),
            None => Holds::of(without, seen),
        };
        let said = status.and_then(|((_, status), _)| status_cause(status, self.at_ms));
        found.push(match said {
            None => fallback(Cause::NothingKnown),
            Some(Cause::StatusUnclear) => fallback(Cause::StatusUnclear),
            Some(cause) => Holds::of(cause, seen),
        });
    }

    /// Each word of the platform has an end of its own; the newest news of a word counts, and what does not name it
    /// changes nothing (N5).
    fn restrictions(&self, found: &mut Vec<Holds>) {
        let mut words: Vec<&str> = self
            .facts
            .iter()
            .filter_map(|fact| match &fact.told {
                Told::Restricted { named, .. } => Some(&**named),
                _ => None,
            })
            .collect();
        words.sort_unstable();
        words.dedup();
        let newest = words.into_iter().filter_map(|word| self.restriction(word));
        let newest: Vec<(RestrictionKind, Option<i64>, Seen)> = newest.collect();
        let is_live = |until_ms: Option<i64>| until_ms.is_none_or(|until_ms| until_ms > self.at_ms);
        let closes_starts = newest
            .iter()
            .any(|(kind, until_ms, _)| is_starts(*kind) && is_live(*until_ms));
        for (kind, until_ms, seen) in newest {
            let Some(cause) = restricted(kind, closes_starts) else {
                continue;
            };
            match until_ms.filter(|_| !is_live(until_ms)) {
                None => found.push(Holds::of(cause, Some(seen)).until(until_ms)),
                Some(end_ms) if end_ms > self.as_of_ms => found.push(
                    Holds::of(Cause::RestrictionEnds, Some(seen))
                        .over(closed(kind))
                        .after_read(end_ms),
                ),
                Some(end_ms) if self.available_since(end_ms) => {}
                Some(end_ms) => found.push(
                    Holds::of(Cause::RestrictionEnded, Some(seen))
                        .over(closed(kind))
                        .after_read(end_ms),
                ),
            }
        }
    }

    /// What was last told of a word, unless it was taken back.
    fn restriction(&self, word: &str) -> Option<(RestrictionKind, Option<i64>, Seen)> {
        // Of one moment: no end before a later before an earlier one, and that before a lift.
        type News = (u8, std::cmp::Reverse<Option<i64>>, Option<RestrictionKind>);
        let news = self.newest(|told| -> Option<News> {
            match told {
                Told::Restricted {
                    kind,
                    named,
                    until_ms,
                } if **named == *word => {
                    let rank = u8::from(until_ms.is_some());
                    Some((rank, std::cmp::Reverse(*until_ms), Some(*kind)))
                }
                Told::Lifted { named } if **named == *word => {
                    Some((2, std::cmp::Reverse(None), None))
                }
                _ => None,
            }
        });
        let ((_, std::cmp::Reverse(until_ms), kind), seen) = news?;
        let is_over = until_ms.is_none() && self.reinstated_since(seen.at_ms);
        kind.filter(|_| !is_over).map(|kind| (kind, until_ms, seen))
    }

    fn ban(&self, found: &mut Vec<Holds>) {
        let ban = self.newest(|told| match told {
            Told::Ban(ban) => Some(*ban),
            _ => None,
        });
        let Some((ban, seen)) = ban else {
            return;
        };
        let holds = |cause| Holds::of(cause, Some(seen));
        match ban {
            BanTold::Reinstated => {}
            BanTold::Disabled => found.push(holds(Cause::BanDisabled)),
            BanTold::Unclear if self.available_since(seen.at_ms) => {}
            BanTold::Unclear => found.push(holds(Cause::BanUnclear).after_read(seen.at_ms)),
            BanTold::Scheduled(None) => found.push(holds(Cause::BanDue)),
            BanTold::Scheduled(Some(day_ms)) if self.at_ms < day_ms => {
                found.push(holds(Cause::BanScheduled).until(Some(day_ms)));
            }
            BanTold::Scheduled(Some(day_ms)) => {
                let over_ms = day_ms.saturating_add(DAY_MS);
                if !self.available_since(over_ms) {
                    found.push(holds(Cause::BanDue).after_read(over_ms));
                }
            }
        }
    }

    fn account(&self, found: &mut Vec<Holds>) {
        let deleted = self.newest(|told| (*told == Told::AccountDeleted).then_some(()));
        if let Some(((), seen)) = deleted {
            found.push(Holds::of(Cause::AccountDeleted, Some(seen)));
        }
        let status = self.newest(|told| match told {
            Told::Account(status) => Some(*status),
            _ => None,
        });
        let review = self.newest(|told| match told {
            Told::Review(review) => Some(*review),
            _ => None,
        });
        let status = status.and_then(|(status, seen)| {
            let cause = match status {
                AccountStatus::Disabled => Cause::AccountDisabled,
                AccountStatus::Restricted => Cause::AccountRestricted,
                AccountStatus::Pending => Cause::AccountPending,
                AccountStatus::Active => return None,
            };
            Some((cause, seen))
        });
        let review = review.and_then(|(review, seen)| {
            let cause = match review {
                Review::Rejected => Cause::ReviewRejected,
                Review::Restricted => Cause::AccountRestricted,
                Review::Fine => return None,
            };
            Some((cause, seen))
        });
        for (cause, seen) in status.into_iter().chain(review) {
            let is_read = cause != Cause::AccountDisabled && self.available_since(seen.at_ms);
            if !is_read && !self.reinstated_since(seen.at_ms) {
                found.push(Holds::of(cause, Some(seen)).after_read(seen.at_ms));
            }
        }
    }

    fn health(&self, found: &mut Vec<Holds>) {
        let Some((health, seen)) = self.health_read() else {
            return;
        };
        let holds = |cause| Holds::of(cause, Some(seen));
        let blocked = health.entities.iter();
        let mut blocked = blocked
            .filter(|entity| entity.sending == Sending::Blocked)
            .peekable();
        match health.overall {
            Sending::Blocked if blocked.peek().is_none() => {
                found.push(holds(Cause::HealthBlocked));
            }
            Sending::Blocked | Sending::Available => {}
            Sending::Limited => found.push(holds(Cause::HealthLimited)),
            Sending::Other => found.push(holds(Cause::HealthUnclear)),
        }
        // A template that cannot be sent says nothing of the number.
        for entity in blocked.filter(|entity| entity.kind != EntityKind::Template) {
            let is_over = self.reinstated_since(seen.at_ms);
            let mut is_explained = false;
            for code in &entity.codes {
                is_explained = true;
                match *code {
                    HEALTH_BANNED | HEALTH_LOCKED if is_over => {}
                    HEALTH_BANNED => found.push(holds(Cause::BanDisabled)),
                    HEALTH_LOCKED => found.push(holds(Cause::Locked)),
                    REFUSED_POLICY => found.push(holds(Cause::PolicyRefused)),
                    HEALTH_PAYMENT => found.push(holds(payment(self.at_ms))),
                    _ => found.push(holds(Cause::HealthBlocked)),
                }
            }
            if !is_explained {
                found.push(holds(Cause::HealthBlocked));
            }
        }
    }

    /// Codes that sends came back with are evidence until something newer says more (N6, N7, N9).
    fn refusals(&self, found: &mut Vec<Holds>) {
        let failed = |code: u32| {
            let seen = self.newest(|told| (*told == Told::Failed(code)).then_some(()));
            seen.map(|((), seen)| seen)
        };
        for (code, cause) in [
            (REFUSED_LOCKED, Cause::LockSuspected),
            (REFUSED_POLICY, Cause::PolicyRefused),
            (REFUSED_PAYMENT, payment(self.at_ms)),
        ] {
            let open = failed(code).filter(|seen| !self.available_since(seen.at_ms));
            let lifts = code != REFUSED_PAYMENT;
            if let Some(seen) = open.filter(|seen| !lifts || !self.reinstated_since(seen.at_ms)) {
                found.push(Holds::of(cause, Some(seen)).after_read(seen.at_ms));
            }
        }
        if let Some(seen) = failed(REFUSED_SPAM) {
            let over_ms = seen.at_ms.saturating_add(DAY_MS);
            let connected = Told::Status(NumberStatus::Connected);
            let is_proof = |told: &Told| *told == Told::Delivered || *told == connected;
            let proved = || self.since(over_ms, is_proof);
            if self.at_ms < over_ms {
                found.push(Holds::of(Cause::SpamLimit, Some(seen)).until(Some(over_ms)));
            } else if !self.available_since(over_ms) && !proved() {
                found.push(Holds::of(Cause::SpamLimitOver, Some(seen)).after_read(over_ms));
            }
        }
        let lifted = |seen: &Seen| {
            let is_it =
                |told: &Told| matches!(told, Told::Lifted { named } if **named == *UTILITY_RATE);
            self.since(seen.at_ms, is_it)
        };
        if let Some(seen) = failed(REFUSED_UTILITY).filter(|seen| !lifted(seen)) {
            let over_ms = seen.at_ms.saturating_add(DAY_MS);
            found.push(if self.at_ms < over_ms {
                Holds::of(Cause::UtilityLimit, Some(seen)).until(Some(over_ms))
            } else {
                Holds::of(Cause::UtilityRate, Some(seen))
            });
        }
    }

    /// By our own count; until October 2025 a limit was the number's, and there is no count of that.
    fn limit(&self, found: &mut Vec<Holds>) {
        let numbers = self.newest(|told| match told {
            Told::Numbers { held, most } => Some((*most, std::cmp::Reverse(*held))),
            _ => None,
        });
        found.push(match numbers {
            Some(((most, held), seen)) if held.0 >= most => {
                Holds::of(Cause::NumbersFull, Some(seen))
            }
            Some((_, seen)) => Holds::of(Cause::NumbersFree, Some(seen)),
            None => Holds::of(Cause::NumbersUntold, None),
        });
        let limit = self.newest(|told| match told {
            Told::Limit(MessagingLimit::People(people)) => Some(*people),
            Told::Limit(MessagingLimit::Unlimited) => Some(u32::MAX),
            _ => None,
        });
        let reached = self.newest(|told| match told {
            Told::Reached {
                people,
                frees_at_ms,
            } => Some((std::cmp::Reverse(*people), *frees_at_ms)),
            _ => None,
        });
        let (Some((limit, _)), Some(((reached, frees_at_ms), seen))) = (limit, reached) else {
            return;
        };
        let is_full = limit < u32::MAX && reached.0 >= limit;
        let is_open = frees_at_ms.is_some_and(|frees_at_ms| frees_at_ms <= self.at_ms);
        if is_full && !is_open && self.at_ms >= PORTFOLIO_LIMITS_SINCE.start_ms() {
            found.push(Holds::of(Cause::LimitUsedUp, Some(seen)).until(frees_at_ms));
        }
    }

    /// Silence that is no enforcement; only where facts say so.
    fn silence(&self, found: &mut Vec<Holds>) {
        let thread = self.newest(|told| match told {
            Told::StoodBy => Some(false),
            Told::Wrote => Some(true),
            _ => None,
        });
        if let Some((false, seen)) = thread {
            found.push(Holds::of(Cause::StoodBy, Some(seen)));
        }
        let subscribed = self.newest(|told| match told {
            Told::Subscribed(subscribed) => Some(*subscribed),
            _ => None,
        });
        if let Some((false, seen)) = subscribed {
            found.push(Holds::of(Cause::NotSubscribed, Some(seen)));
        }
        let shared = self.newest(|told| match told {
            Told::Offboarded => Some(false),
            Told::Reconnected => Some(true),
            _ => None,
        });
        let is_connected = |told: &Told| *told == Told::Status(NumberStatus::Connected);
        if let Some((false, seen)) = shared
            && !self.since(seen.at_ms, is_connected)
        {
            found.push(Holds::of(Cause::Offboarded, Some(seen)));
        }
    }

    fn notes(&self, found: &mut Vec<Holds>) {
        found.push(Holds::of(Cause::CallsUntold, None));
        let warned = self.newest(|told| (*told == Told::Warned).then_some(()));
        if let Some(((), seen)) = warned.filter(|((), seen)| !self.reinstated_since(seen.at_ms)) {
            found.push(Holds::of(Cause::Warned, Some(seen)));
        }
        let rating = self.newest(|told| match told {
            Told::Rating(score) => Some(*score),
            _ => None,
        });
        if let Some((_, seen)) = rating.filter(|(score, _)| score.is_poor()) {
            let is_old = self.at_ms < PORTFOLIO_LIMITS_SINCE.start_ms();
            let cause = if is_old {
                Cause::RatingPoorNumber
            } else {
                Cause::RatingPoor
            };
            found.push(Holds::of(cause, Some(seen)));
        }
        let name = self.newest(|told| match told {
            Told::NameApproved(approved) => Some(*approved),
            _ => None,
        });
        if let Some((false, seen)) = name {
            found.push(Holds::of(Cause::NameUnapproved, Some(seen)));
        }
    }
}

/// What a payment problem amounts to, which depends on the day.
pub(super) fn payment(at_ms: i64) -> Cause {
    if at_ms < REPLIES_COST_SINCE.start_ms() {
        Cause::Payment
    } else {
        Cause::PaymentReplies
    }
}

/// What a status amounts to.
pub(super) fn status_cause(status: NumberStatus, at_ms: i64) -> Option<Cause> {
    let is_old = at_ms < PORTFOLIO_LIMITS_SINCE.start_ms();
    Some(match status {
        NumberStatus::Unknown => return None,
        NumberStatus::Other => Cause::StatusUnclear,
        NumberStatus::Connected => Cause::Connected,
        NumberStatus::Flagged if is_old => Cause::Flagged,
        NumberStatus::Flagged => Cause::FlaggedGone,
        NumberStatus::Restricted => Cause::LimitReached,
        NumberStatus::RateLimited => Cause::RateLimited,
        NumberStatus::Banned => Cause::NumberBanned,
        NumberStatus::Pending => Cause::Pending,
        NumberStatus::Unverified => Cause::Unverified,
        NumberStatus::Disconnected => Cause::Disconnected,
        NumberStatus::Migrated => Cause::Migrated,
        NumberStatus::Deleted => Cause::NumberDeleted,
    })
}

/// How much a status closes; of two of one moment the stricter counts.
fn strictness(status: NumberStatus) -> u8 {
    match status {
        NumberStatus::Banned
        | NumberStatus::Deleted
        | NumberStatus::Migrated
        | NumberStatus::Disconnected
        | NumberStatus::Pending
        | NumberStatus::Unverified => 0,
        NumberStatus::Restricted => 1,
        NumberStatus::RateLimited | NumberStatus::Other | NumberStatus::Unknown => 2,
        NumberStatus::Flagged => 3,
        NumberStatus::Connected => 4,
    }
}

fn is_starts(kind: RestrictionKind) -> bool {
    kind == RestrictionKind::BusinessInitiated
}

/// What a restriction in force amounts to.
pub(super) fn restricted(kind: RestrictionKind, closes_starts: bool) -> Option<Cause> {
    Some(match kind {
        RestrictionKind::BusinessInitiated => Cause::StartsRestricted,
        RestrictionKind::CustomerInitiated if closes_starts => Cause::RepliesRestricted,
        RestrictionKind::CustomerInitiated => Cause::RepliesAlone,
        RestrictionKind::UtilityTemplates => Cause::UtilityTemplates,
        RestrictionKind::Calling => Cause::CallsRestricted,
        RestrictionKind::ReceivingCalls => Cause::ReceivingCallsRestricted,
        RestrictionKind::AllCalls => Cause::AllCallsRestricted,
        RestrictionKind::CallButton => Cause::CallButtonHidden,
        RestrictionKind::AddingNumbers => Cause::AddingRestricted,
        RestrictionKind::UtilityRate => Cause::UtilityRate,
        RestrictionKind::DirectUtility => Cause::DirectUtility,
        // These are no restrictions: `account_held` says what each amounts to.
        RestrictionKind::UtilityLimit
        | RestrictionKind::BanScheduled
        | RestrictionKind::BanUnclear
        | RestrictionKind::AccountDisabled
        | RestrictionKind::AccountRestricted
        | RestrictionKind::AccountPending
        | RestrictionKind::AccountDeleted
        | RestrictionKind::ReviewRejected
        | RestrictionKind::ReviewRestricted
        | RestrictionKind::Offboarded
        | RestrictionKind::Other => return None,
        RestrictionKind::Unknown => Cause::RestrictionUnknown,
    })
}

/// What an account is held by that is no restriction of the platform's naming, as sends are told of it: what it amounts
/// to at a moment, and until when. The same as [`Known::refusals`], [`Known::ban`], [`Known::account`] and
/// [`Known::silence`] find from what was told; what a read has opened since is not told to sends.
pub(super) fn account_held(held: Restriction, now_ms: i64) -> Option<(Cause, Option<i64>)> {
    let ahead = held.until_ms.filter(|until_ms| now_ms < *until_ms);
    let cause = match held.kind {
        RestrictionKind::UtilityLimit if ahead.is_some() => {
            return Some((Cause::UtilityLimit, ahead));
        }
        RestrictionKind::UtilityLimit => Cause::UtilityRate,
        RestrictionKind::BanScheduled if ahead.is_some() => {
            return Some((Cause::BanScheduled, ahead));
        }
        RestrictionKind::BanScheduled => Cause::BanDue,
        RestrictionKind::BanUnclear => Cause::BanUnclear,
        RestrictionKind::AccountDisabled => Cause::AccountDisabled,
        RestrictionKind::AccountRestricted | RestrictionKind::ReviewRestricted => {
            Cause::AccountRestricted
        }
        RestrictionKind::AccountPending => Cause::AccountPending,
        RestrictionKind::AccountDeleted => Cause::AccountDeleted,
        RestrictionKind::ReviewRejected => Cause::ReviewRejected,
        RestrictionKind::Offboarded => Cause::Offboarded,
        _ => return None,
    };
    Some((cause, None))
}

/// What a restriction closed, and a read has to open again.
pub(super) fn closed(kind: RestrictionKind) -> Whats {
    let cause = restricted(kind, true);
    let closes = |what: &What| {
        let said = cause.and_then(|cause| cause.says(*what));
        said.is_some_and(|said| said != Can::Yes)
    };
    Whats::of(What::ALL.into_iter().filter(closes))
}
