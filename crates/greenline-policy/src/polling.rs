//! When the platform is to be read next, and how often it may be: the plan of Greenline's own reads.
//!
//! A rating is announced by no webhook (QL-07), a restriction's end by none either (N1), and a refusal that looks like
//! a lock is explained only by a read (N6); so reads are the only way to learn of them. They cost calls of a budget that
//! the platform gives per app and account and that apps need too (SND-46): so they are made more often only where
//! something is wrong, less often where they fail, and never past a share of that budget.
//!
//! Whoever reads says what happened and asks when the next read is due; time and chance are arguments.

use std::collections::VecDeque;

use crate::health::state::{BanTold, Told};
use crate::health::{Cause, Holds, Kind as CauseKind, State};

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Between two reads of one thing at least, whatever is wrong.
pub const GAP_MS: i64 = SECOND_MS;
/// Between two reads of one thing that nobody asked for at least, where the usual pause is longer.
pub const PAUSE_MIN_MS: i64 = 30 * SECOND_MS;
/// How many times as often something is read that may get worse.
pub const UNEASY_TIMES: i64 = 5;
/// How many times as often something is read that a read may open.
pub const WRONG_TIMES: i64 = 10;
/// How long after an end the platform is asked whether it is over: its clock and ours differ.
pub const GRACE_MS: i64 = SECOND_MS;
/// The first pause after a read that failed, and the longest.
pub const BACKOFF_MIN_MS: i64 = 5 * SECOND_MS;
/// See [`BACKOFF_MIN_MS`].
pub const BACKOFF_MAX_MS: i64 = HOUR_MS;
/// Calls within an hour for one account that has a number which is registered: a fifth of what an app may make (SND-46).
pub const CALLS_PER_HOUR_MAX: usize = 1_000;
/// Calls within an hour for one account of whose numbers none is known to be registered: half of what an app may make
/// (SND-46).
pub const CALLS_PER_HOUR_UNREGISTERED_MAX: usize = 100;
/// One in so many calls is kept for what is to be read at once.
pub const KEPT_FOR_URGENT: usize = 5;
/// How long an account's reads rest when the platform says that it was called too often (4, 80007) and not for how long;
/// twice as long each time that it says so again, up to an hour, within which the budget is counted (SND-46).
pub const REST_MIN_MS: i64 = MINUTE_MS;
/// See [`REST_MIN_MS`].
pub const REST_MAX_MS: i64 = HOUR_MS;

/// What is read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A number's fields: rating, status, name, throughput, limit, `health_status`.
    Number,
    /// An account's fields: status, review, limit, `health_status`.
    Account,
    /// Which apps get an account's webhooks.
    Subscription,
    /// An account's templates.
    Templates,
    /// The business's token: when it ends, and of which app it is.
    Token,
}

impl Kind {
    /// The name used in APIs, logs and on the timeline.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Account => "account",
            Self::Subscription => "subscription",
            Self::Templates => "templates",
            Self::Token => "token",
        }
    }
}

/// How things stand with what is read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Concern {
    /// Nothing is wrong.
    #[default]
    Calm,
    /// It may get worse: the rating is poor, a warning was given, a restriction runs.
    Uneasy,
    /// Something is closed, or not known, that a read may open.
    Wrong,
}

/// What happened so far. All moments are Unix milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Past {
    /// When it was last read.
    pub read_ms: Option<i64>,
    /// When that was last tried.
    pub tried_ms: Option<i64>,
    /// How often it failed since.
    pub failures: u32,
    /// Since when somebody wants it read at once who has not been served.
    pub wanted_ms: Option<i64>,
}

impl Past {
    /// Somebody wants it read at once. Who wants it again before it was read puts nothing off.
    pub fn want(&mut self, now_ms: i64) {
        self.wanted_ms = self.wanted_ms.or(Some(now_ms));
    }

    /// It was asked for at a moment, and read or not.
    pub fn tried(&mut self, asked_ms: i64, is_read: bool) {
        self.tried_ms = self.tried_ms.max(Some(asked_ms));
        // What was wanted meanwhile is newer than the answer.
        self.wanted_ms = self.wanted_ms.filter(|wanted_ms| *wanted_ms > asked_ms);
        if is_read {
            self.read_ms = self.read_ms.max(Some(asked_ms));
            self.failures = 0;
        } else {
            self.failures = self.failures.saturating_add(1);
        }
    }

    /// Whether somebody wants it read who has not been served.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.wanted_ms.is_some()
    }
}

/// How it stands now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Present {
    /// How much is wrong.
    pub concern: Concern,
    /// The next moment at which something ends that only a read opens, or the last one that no read followed. Unix
    /// milliseconds.
    pub ends_ms: Option<i64>,
}

/// The share of a span that chance takes, from none to all of it.
fn share(span_ms: i64, chance: u16) -> i64 {
    // Invariant: both factors are far below what would overflow.
    span_ms.clamp(0, 24 * HOUR_MS) * i64::from(chance) / i64::from(u16::MAX)
}

/// The pause between two reads of something that stands so, given the usual one.
#[must_use]
pub fn pause_ms(usual_ms: i64, concern: Concern) -> i64 {
    let times = match concern {
        Concern::Calm => return usual_ms,
        Concern::Uneasy => UNEASY_TIMES,
        Concern::Wrong => WRONG_TIMES,
    };
    (usual_ms / times).max(PAUSE_MIN_MS.min(usual_ms))
}

/// How long to wait after so many failures in a row: twice as long after each, and by chance between half and all of
/// that, so that what failed together does not come back together.
#[must_use]
pub fn backoff_ms(failures: u32, chance: u16) -> i64 {
    let doubled = BACKOFF_MIN_MS.saturating_mul(1 << failures.saturating_sub(1).min(20));
    let whole = doubled.min(BACKOFF_MAX_MS);
    whole / 2 + share(whole - whole / 2, chance)
}

/// When something is to be read next, Unix milliseconds: at once what was never tried; after a pause that depends on how
/// things stand; at once, and once, what somebody wants read and what has just ended; after ever longer pauses what
/// fails, whoever wants it. `chance` spreads reads over a tenth of their pause.
#[must_use]
pub fn due_ms(usual_ms: i64, past: &Past, present: &Present, chance: u16) -> i64 {
    let Some(tried_ms) = past.tried_ms else {
        return i64::MIN;
    };
    if past.failures > 0 {
        return tried_ms.saturating_add(backoff_ms(past.failures, chance));
    }
    let pause = pause_ms(usual_ms, present.concern);
    let mut due_ms = tried_ms.saturating_add(pause - share(pause / 10, chance));
    if let Some(wanted_ms) = past.wanted_ms {
        due_ms = due_ms.min(wanted_ms);
    }
    let ended_ms = present
        .ends_ms
        .map(|end_ms| end_ms.saturating_add(GRACE_MS));
    if let Some(ended_ms) = ended_ms.filter(|ended_ms| *ended_ms > tried_ms) {
        due_ms = due_ms.min(ended_ms);
    }
    due_ms.max(tried_ms.saturating_add(GAP_MS))
}

/// How long an account's reads rest when the platform says for so many times in a row that it is called too often, given
/// what it asked for.
#[must_use]
pub fn rest_ms(times: u32, asked_ms: Option<i64>) -> i64 {
    let doubled = REST_MIN_MS.saturating_mul(1 << times.saturating_sub(1).min(20));
    let asked = asked_ms.unwrap_or(0).min(24 * HOUR_MS);
    doubled.min(REST_MAX_MS).max(asked)
}

/// Whether a code says that the platform is called too often, and by whom: the whole app, or one account (SND-46).
#[must_use]
pub fn too_often(code: u32) -> Option<Whose> {
    match code {
        4 => Some(Whose::App),
        80_007 => Some(Whose::Account),
        _ => None,
    }
}

/// Whose calls are too many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whose {
    /// Those of the app, for all its accounts.
    App,
    /// Those for one account.
    Account,
}

/// The calls made for one account within the last hour, and how many there may be.
#[derive(Clone, Debug, Default)]
pub struct Allowance {
    made_ms: VecDeque<i64>,
    rests_until_ms: Option<i64>,
    rested: u32,
}

impl Allowance {
    /// When the next call may be made, `now_ms` if it may be at once; one that is not urgent leaves some for those that
    /// are.
    #[must_use]
    pub fn free_ms(&self, most: usize, is_urgent: bool, now_ms: i64) -> i64 {
        let kept = if is_urgent { 0 } else { most / KEPT_FOR_URGENT };
        let most = most.saturating_sub(kept).max(1);
        // The call that has to be an hour old before there is room again.
        let within = self.made_ms.len().checked_sub(most);
        let oldest = within.and_then(|at| self.made_ms.get(at));
        let room_ms = oldest.map_or(now_ms, |made_ms| made_ms.saturating_add(HOUR_MS));
        room_ms
            .max(self.rests_until_ms.unwrap_or(now_ms))
            .max(now_ms)
    }

    /// A call was made.
    pub fn made(&mut self, now_ms: i64) {
        let gone_ms = now_ms.saturating_sub(HOUR_MS);
        while self
            .made_ms
            .front()
            .is_some_and(|made_ms| *made_ms <= gone_ms)
            || self.made_ms.len() >= CALLS_PER_HOUR_MAX
        {
            self.made_ms.pop_front();
        }
        self.made_ms.push_back(now_ms);
    }

    /// The platform says that it was called too often, and perhaps for how long it is not to be.
    pub fn rest(&mut self, asked_ms: Option<i64>, now_ms: i64) {
        // What was under way when it said so says the same again.
        if self
            .rests_until_ms
            .is_some_and(|until_ms| now_ms < until_ms)
        {
            return;
        }
        self.rested = self.rested.saturating_add(1);
        let rest_ms = rest_ms(self.rested, asked_ms);
        self.rests_until_ms = Some(now_ms.saturating_add(rest_ms));
    }

    /// The platform answered a call made at a moment.
    pub fn answered(&mut self, asked_ms: i64) {
        if self
            .rests_until_ms
            .is_none_or(|until_ms| until_ms <= asked_ms)
        {
            (self.rests_until_ms, self.rested) = (None, 0);
        }
    }
}

/// How much is wrong with a number that this holds of: whether a read may open something.
#[must_use]
pub fn concern(holds: &[Holds]) -> Concern {
    let each = holds.iter().map(|holds| match holds.cause {
        // Of these nobody knows, or they last until a read says otherwise.
        Cause::RestrictionEnded
        | Cause::LockSuspected
        | Cause::PolicyRefused
        | Cause::Locked
        | Cause::HealthBlocked
        | Cause::HealthUnclear
        | Cause::BanUnclear
        | Cause::BanDue
        | Cause::AccountRestricted
        | Cause::AccountPending
        | Cause::ReviewRejected
        | Cause::StatusUnclear
        | Cause::RateLimited
        | Cause::LimitReached
        | Cause::SpamLimitOver
        | Cause::Payment
        | Cause::PaymentReplies
        | Cause::Pending
        | Cause::Disconnected
        | Cause::Offboarded
        | Cause::NotSubscribed => Concern::Wrong,
        // Nothing opens these soon.
        Cause::NumberDeleted
        | Cause::Migrated
        | Cause::AccountDeleted
        | Cause::CallButtonHidden => Concern::Calm,
        cause => match cause.kind() {
            CauseKind::Block | CauseKind::Warning => Concern::Uneasy,
            CauseKind::LookAlike | CauseKind::Note | CauseKind::Fine => Concern::Calm,
        },
    });
    // What our own counts say no read changes.
    let told = holds.iter().zip(each);
    let told =
        told.filter(|(holds, _)| !matches!(holds.cause, Cause::LimitUsedUp | Cause::NumbersFull));
    told.map(|(_, concern)| concern).max().unwrap_or_default()
}

/// The first end after a moment that only a read opens: of a restriction (N1), of the day of an announced disabling
/// (N14), of the hours that a refusal counts for (N7). Unix milliseconds.
#[must_use]
pub fn next_end_ms(state: &State, after_ms: i64) -> Option<i64> {
    const DAY_MS: i64 = 24 * HOUR_MS;
    const SPAM: u32 = 131_048;
    let ends = state.facts.iter().filter_map(|fact| match &fact.told {
        Told::Restricted { until_ms, .. } => *until_ms,
        Told::Ban(BanTold::Scheduled(day_ms)) => day_ms.map(|day_ms| day_ms + DAY_MS),
        Told::Failed(SPAM) => Some(fact.at_ms.saturating_add(DAY_MS)),
        _ => None,
    });
    ends.filter(|end_ms| end_ms.saturating_add(GRACE_MS) > after_ms)
        .min()
}
