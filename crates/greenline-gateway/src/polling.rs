//! Reads the platform of our own accord, when the plan says so (`greenline_policy::polling`).
//!
//! Each node reads everything once when it starts, so that it knows that its token does, and at once what somebody wants
//! read: a refusal, or news of an account, on the node where it came in. Everything else is read by the node that has
//! the business's lease, the one that also seals its log, so that many nodes make no more calls than one.
//!
//! It keeps nothing on disk. What reads find is the ledger's; when something was read last is known again after one
//! round.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use greenline_ledger::types::BusinessIx;
use greenline_policy::health::holding;
use greenline_policy::number::NumberStatus;
use greenline_policy::polling::{
    Allowance, CALLS_PER_HOUR_MAX, CALLS_PER_HOUR_UNREGISTERED_MAX, Kind, Past, Present, Whose,
    concern, due_ms, next_end_ms, too_often,
};
use rustc_hash::{FxHashMap, FxHasher};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::alerts;
use crate::app::{App, Shared};
use crate::config::Upstream;
use crate::directory::{Directory, Number};
use crate::health;
use crate::learn::{self, Calls, Unread};
use crate::timeline::note;
use crate::token;

/// Reads under way at once.
const AT_ONCE: usize = 4;
/// How long a node keeps the others from reading for the same business.
const LEASE_MS: i64 = 30_000;
/// How often a node asks whether it has the lease.
const LEASE_LOOK_MS: i64 = 5_000;
/// How often what is known of a number is looked at for how it is to be read, when it was not read.
const KNOWN_EVERY_MS: i64 = 60_000;
/// Between two looks at what is due, at least and at most.
const TICK_MIN: Duration = Duration::from_millis(20);
/// See [`TICK_MIN`].
const TICK_MAX: Duration = Duration::from_secs(1);
/// Failures in a row before they are told: one may be the network's.
const FAILURES_TOLD: u32 = 3;
/// Codes that no trying again puts right: the token, or what it may do.
const DENIED: [std::ops::RangeInclusive<u32>; 3] = [10..=10, 190..=190, 200..=299];

/// Something that is read.
type Target = (Kind, Arc<str>);

/// What is known of it.
#[derive(Clone, Debug)]
struct Watched {
    business: BusinessIx,
    waba_id: Arc<str>,
    past: Past,
    present: Present,
    /// When what is known of it was looked at.
    looked_ms: Option<i64>,
    /// A number that is registered, or an account that has one.
    is_registered: bool,
    /// Calls that may be made for its account within an hour.
    most: usize,
}

/// The usual pauses between two reads of one thing.
#[derive(Clone, Copy, Debug)]
struct Usual {
    ms: i64,
    /// Of a token.
    token_ms: i64,
}

impl Usual {
    fn new(upstream: &Upstream) -> Self {
        let ms = |seconds: u64| {
            let seconds = i64::try_from(seconds.max(1)).unwrap_or(i64::MAX);
            seconds.saturating_mul(1_000)
        };
        Self {
            ms: ms(upstream.poll_interval_s),
            token_ms: ms(upstream.token_poll_interval_s),
        }
    }

    fn of(self, kind: Kind) -> i64 {
        match kind {
            Kind::Token => self.token_ms,
            Kind::Number | Kind::Account | Kind::Subscription | Kind::Templates => self.ms,
        }
    }
}

/// Reads, their plan and what they have cost.
#[derive(Debug, Default)]
pub struct Reads(Mutex<Plan>);

#[derive(Debug, Default)]
struct Plan {
    targets: BTreeMap<Target, Watched>,
    allowances: FxHashMap<Arc<str>, Allowance>,
    leases: FxHashMap<BusinessIx, (i64, Option<bool>)>,
}

/// How a read is known from the outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadState {
    /// When it was last read, Unix milliseconds.
    pub read_ms: Option<i64>,
    /// How often that failed since.
    pub failures: u32,
}

impl Reads {
    fn hold(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When this node last read something; `None` for what it never read.
    #[must_use]
    pub fn state(&self, kind: Kind, id: &str) -> Option<ReadState> {
        let plan = self.hold();
        let watched = plan.targets.get(&(kind, Arc::from(id)))?;
        Some(ReadState {
            read_ms: watched.past.read_ms,
            failures: watched.past.failures,
        })
    }
}

/// Chance that is the same for the same attempt, so that nothing moves while it is waited for.
fn chance(target: &Target, past: &Past) -> u16 {
    let mut hasher = FxHasher::default();
    target.hash(&mut hasher);
    past.tried_ms.hash(&mut hasher);
    // The low bits of this hash are the weaker ones.
    (hasher.finish() >> 40) as u16
}

impl Plan {
    /// Everything that there is to read, by the configuration.
    fn fill(&mut self, directory: &Directory) {
        if !self.targets.is_empty() {
            return;
        }
        let can_read = |business: BusinessIx| directory.business(business).authorization.is_some();
        let watched = |business, waba_id: &Arc<str>| Watched {
            business,
            waba_id: Arc::clone(waba_id),
            past: Past::default(),
            present: Present::default(),
            looked_ms: None,
            is_registered: false,
            most: CALLS_PER_HOUR_UNREGISTERED_MAX,
        };
        for number in directory
            .numbers()
            .filter(|number| can_read(number.business))
        {
            let waba_id: Arc<str> = Arc::from(&*number.waba_id);
            let target = (Kind::Number, Arc::clone(&number.id));
            self.targets
                .insert(target, watched(number.business, &waba_id));
        }
        for (waba_id, business) in directory
            .accounts()
            .filter(|(_, business)| can_read(*business))
        {
            let waba_id: Arc<str> = waba_id.into();
            for kind in [Kind::Account, Kind::Subscription, Kind::Templates] {
                let target = (kind, Arc::clone(&waba_id));
                self.targets.insert(target, watched(business, &waba_id));
            }
        }
        for business in directory.businesses().filter(|one| can_read(one.ix)) {
            let id = business.config.id.as_str();
            // It is no account's: what it costs is counted by itself.
            let counted: Arc<str> = format!("token/{id}").into();
            let target = (Kind::Token, Arc::from(id));
            self.targets.insert(target, watched(business.ix, &counted));
        }
    }

    fn hear(&mut self, wanted: health::Wanted, now_ms: i64) {
        let numbers = wanted.numbers.into_iter().map(|id| (Kind::Number, id));
        let accounts = wanted.accounts.into_iter().map(|id| (Kind::Account, id));
        for target in numbers.chain(accounts) {
            if let Some(watched) = self.targets.get_mut(&target) {
                watched.past.want(now_ms);
                watched.looked_ms = None;
            }
        }
        for ((kind, _), watched) in &mut self.targets {
            if *kind == Kind::Token && wanted.tokens.contains(&watched.business) {
                watched.past.want(now_ms);
            }
        }
    }

    /// Lets accounts stand as the worst of their numbers, and everything of them be read as often as they bear.
    fn sum_up(&mut self) {
        let mut worst: FxHashMap<Arc<str>, (Present, bool)> = FxHashMap::default();
        for ((kind, _), watched) in &self.targets {
            if *kind == Kind::Number {
                let of_account = worst.entry(Arc::clone(&watched.waba_id));
                let (known, has_registered) = of_account.or_default();
                known.concern = known.concern.max(watched.present.concern);
                *has_registered |= watched.is_registered;
            }
        }
        for ((kind, _), watched) in &mut self.targets {
            let known = worst.get(&watched.waba_id).copied();
            let (present, has_registered) = known.unwrap_or_default();
            if *kind == Kind::Account {
                (watched.present, watched.is_registered) = (present, has_registered);
            }
            watched.most = if has_registered {
                CALLS_PER_HOUR_MAX
            } else {
                CALLS_PER_HOUR_UNREGISTERED_MAX
            };
        }
    }

    /// When something is to be read, by the plan and by what its account may still be asked.
    fn next(&self, target: &Target, watched: &Watched, usual: Usual, now_ms: i64) -> i64 {
        let chance = chance(target, &watched.past);
        let due = due_ms(usual.of(target.0), &watched.past, &watched.present, chance);
        if due > now_ms {
            return due;
        }
        let is_urgent = watched.past.is_wanted();
        let allowance = self.allowances.get(&watched.waba_id);
        allowance.map_or(due, |allowance| {
            allowance.free_ms(watched.most, is_urgent, now_ms).max(due)
        })
    }

    /// Everything that is due: first what somebody wants, then the longest overdue. Who gets webhooks is read only once
    /// the token was asked about: that says which app is ours.
    fn due(&self, usual: Usual, now_ms: i64) -> Vec<Target> {
        let mut due = Vec::new();
        let tokens = self
            .targets
            .iter()
            .filter(|((kind, _), token)| *kind == Kind::Token && token.past.tried_ms.is_none());
        let unasked: BTreeSet<BusinessIx> = tokens.map(|(_, token)| token.business).collect();
        for (target, watched) in &self.targets {
            let next_ms = self.next(target, watched, usual, now_ms);
            let is_early = target.0 == Kind::Subscription && unasked.contains(&watched.business);
            if next_ms <= now_ms && !is_early {
                due.push((!watched.past.is_wanted(), next_ms, target.clone()));
            }
        }
        due.sort();
        due.into_iter().map(|(_, _, target)| target).collect()
    }
}

/// Whether this node reads for a business. Not known, it does not.
pub(crate) async fn has_lease(app: &App, business: BusinessIx) -> bool {
    lease(app, business).await == Some(true)
}

/// The same; `None` where it is not known.
pub(crate) async fn lease(app: &App, business: BusinessIx) -> Option<bool> {
    let now_ms = app.clock.now_ms();
    let known = app.reads.hold().leases.get(&business).copied();
    if let Some((looked_ms, held)) = known
        && (0..LEASE_LOOK_MS).contains(&(now_ms - looked_ms))
    {
        return held;
    }
    let held = match app.ledger.log_lease(business, LEASE_MS).await {
        Ok(held) => Some(held),
        Err(error) => {
            tracing::debug!(%error, "whether this node reads for a business is not known");
            None
        }
    };
    app.reads.hold().leases.insert(business, (now_ms, held));
    held
}

/// Looks at all numbers that were not looked at for long: how much is wrong, and when something ends next. All at once, so
/// that many numbers cost the store few statements.
async fn look_at_numbers(app: &App) {
    let now_ms = app.clock.now_ms();
    let is_old = |looked_ms: Option<i64>| {
        looked_ms.is_none_or(|looked_ms| !(0..KNOWN_EVERY_MS).contains(&(now_ms - looked_ms)))
    };
    let old: Vec<(Target, i64, Arc<Number>)> = {
        let plan = app.reads.hold();
        let numbers = plan.targets.iter();
        let old = numbers
            .filter(|((kind, _), watched)| *kind == Kind::Number && is_old(watched.looked_ms));
        let known = old.filter_map(|(target, watched)| {
            let number = app.directory.number(&target.1)?;
            let after_ms = watched.past.read_ms.unwrap_or(now_ms);
            Some((target.clone(), after_ms, Arc::clone(number)))
        });
        known.collect()
    };
    if old.is_empty() {
        return;
    }
    let numbers = old.iter().map(|(_, _, number)| &**number);
    let states = match health::known_states(app, numbers).await {
        Ok(states) => states,
        Err(error) => {
            tracing::debug!(%error, "how numbers stand is not known");
            return;
        }
    };
    let mut plan = app.reads.hold();
    for ((target, after_ms, _), (state, status)) in old.iter().zip(&states) {
        let Some(watched) = plan.targets.get_mut(target) else {
            continue;
        };
        watched.present = Present {
            concern: concern(&holding(state, now_ms)),
            ends_ms: next_end_ms(state, *after_ms),
        };
        watched.is_registered = matches!(
            status,
            NumberStatus::Connected | NumberStatus::Flagged | NumberStatus::Restricted
        );
        watched.looked_ms = Some(now_ms);
    }
    plan.sum_up();
}

/// Reads one thing.
async fn read(app: &App, business: BusinessIx, target: &Target) -> (usize, Result<(), Unread>) {
    let mut calls = Calls::default();
    let (kind, id) = target;
    let read = match kind {
        Kind::Number => learn::number(app, business, id, &mut calls).await,
        Kind::Account => learn::account(app, business, id, &mut calls).await,
        Kind::Subscription => learn::subscription(app, business, id, &mut calls).await,
        Kind::Templates => learn::templates(app, business, id, &mut calls).await,
        Kind::Token => token::read(app, business, &mut calls).await,
    };
    (calls.0, read)
}

/// What of a read is to be remembered.
async fn ended(
    app: &App,
    target: &Target,
    (asked_ms, calls): (i64, usize),
    read: &Result<(), Unread>,
) {
    let (kind, id) = target;
    let (business, failures, told) = {
        let mut plan = app.reads.hold();
        let Some(watched) = plan.targets.get_mut(target) else {
            return;
        };
        // Of before this process nothing is known.
        let had_failed = watched.past.failures > 0 || watched.past.read_ms.is_none();
        watched.past.tried(asked_ms, read.is_ok());
        watched.looked_ms = None;
        let failures = watched.past.failures;
        let (business, waba_id) = (watched.business, Arc::clone(&watched.waba_id));
        let accounts: Vec<Arc<str>> = match read
            .as_ref()
            .err()
            .and_then(|unread| too_often(unread.code?))
        {
            Some(Whose::App) => {
                let of_app = plan
                    .targets
                    .values()
                    .filter(|other| other.business == business);
                of_app.map(|other| Arc::clone(&other.waba_id)).collect()
            }
            Some(Whose::Account) => vec![Arc::clone(&waba_id)],
            None => Vec::new(),
        };
        let now_ms = app.clock.now_ms();
        let allowance = plan.allowances.entry(waba_id).or_default();
        // The first one was counted when it was let go.
        for _ in 1..calls {
            allowance.made(asked_ms);
        }
        match read {
            Ok(()) => allowance.answered(asked_ms),
            Err(unread) => {
                for account in accounts {
                    let allowance = plan.allowances.entry(account).or_default();
                    allowance.rest(unread.wait_ms, now_ms);
                }
            }
        }
        match read {
            Ok(()) => (business, failures, had_failed.then_some(None)),
            Err(unread) => {
                let denied = |code: u32| DENIED.iter().any(|codes| codes.contains(&code));
                let is_told = failures >= FAILURES_TOLD || unread.code.is_some_and(denied);
                let told = is_told.then_some(Some(unread.code));
                (business, failures, told)
            }
        }
    };
    if let Err(unread) = read {
        tracing::warn!(read.kind = kind.as_str(), read.id = %id, why = %unread.why, "the platform could not be read");
    }
    let refused = match read {
        Ok(()) => Some(false),
        Err(unread) => unread
            .is_answer
            .then_some(unread.code == Some(health::TOKEN)),
    };
    if let Some(refused) = refused {
        alerts::token::answered(app, business, refused).await;
    }
    // What else could be wrong with it is asked once for each thing that begins to fail.
    let is_first = refused == Some(true) && failures == 1 && *kind != Kind::Token;
    if is_first {
        app.looks.want_token(business);
    }
    // Whether the token can be asked about is told by what is known of it.
    if let Some(failing) = told.filter(|_| *kind != Kind::Token) {
        let subject = if *kind == Kind::Number {
            "number"
        } else {
            "account"
        };
        let noted = note::reads(app, business, (subject, id), kind.as_str(), failing).await;
        if let Err(error) = noted {
            tracing::warn!(read.id = %id, %error, "how reads go could not be put on the timeline");
        }
    }
}

/// Reads everything that is due by the clock, and says when something is due next, Unix milliseconds.
pub async fn round(app: &Shared) -> i64 {
    let usual = Usual::new(&app.config.upstream);
    let now_ms = app.clock.now_ms();
    {
        let mut plan = app.reads.hold();
        plan.fill(&app.directory);
        plan.hear(app.looks.take(), now_ms);
    }
    look_at_numbers(app).await;
    let due = app.reads.hold().due(usual, now_ms);
    // Of what another node reads.
    let mut left: BTreeSet<Target> = BTreeSet::new();
    let mut under_way = JoinSet::new();
    for target in due {
        let Some(watched) = app.reads.hold().targets.get(&target).cloned() else {
            continue;
        };
        // Others made calls of the same account since.
        let next_ms = app.reads.hold().next(&target, &watched, usual, now_ms);
        if next_ms > now_ms {
            continue;
        }
        let is_own = watched.past.tried_ms.is_none() || watched.past.is_wanted();
        if !is_own && !has_lease(app, watched.business).await {
            left.insert(target);
            continue;
        }
        while under_way.len() >= AT_ONCE {
            under_way.join_next().await;
        }
        let waba_id = Arc::clone(&watched.waba_id);
        app.reads
            .hold()
            .allowances
            .entry(waba_id)
            .or_default()
            .made(now_ms);
        let app = Arc::clone(app);
        under_way.spawn(async move {
            let asked_ms = app.clock.now_ms();
            let (calls, read) = read(&app, watched.business, &target).await;
            ended(&app, &target, (asked_ms, calls), &read).await;
        });
    }
    while under_way.join_next().await.is_some() {}
    look_at_numbers(app).await;
    let now_ms = app.clock.now_ms();
    let plan = app.reads.hold();
    let rest = plan
        .targets
        .iter()
        .filter(|(target, _)| !left.contains(*target));
    let next = rest.map(|(target, watched)| plan.next(target, watched, usual, now_ms));
    let look_ms = now_ms.saturating_add(LEASE_LOOK_MS);
    let looks = (!left.is_empty()).then_some(look_ms);
    next.chain(looks).min().unwrap_or(i64::MAX)
}

/// Reads when the plan says so, until told to stop.
pub async fn run(app: Shared, mut stop: watch::Receiver<bool>) {
    loop {
        let next_ms = tokio::select! {
            next_ms = round(&app) => next_ms,
            _ = stop.changed() => return,
        };
        let wait_ms = next_ms.saturating_sub(app.clock.now_ms()).max(0);
        let wait = Duration::from_millis(wait_ms.unsigned_abs());
        tokio::select! {
            () = tokio::time::sleep(wait.clamp(TICK_MIN, TICK_MAX)) => {}
            () = app.looks.wanted() => {}
            _ = stop.changed() => return,
        }
    }
}
