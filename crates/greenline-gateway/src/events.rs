//! Events: telling subscribers what changed, signed after Standard Webhooks, at least once.
//!
//! The ledger writes what is to be told together with the change; the relay carries it in lanes of its own, under
//! the same leases and with the same order per person as webhooks. Here is what is particular to it: who
//! subscribes, what they are sent, how long it is tried, and when it is given up.
//!
//! Nothing here is on the way of a send. What is known of subscriptions is read when there is something to tell
//! and is a moment old at most; how deliveries go is written down in short intervals.

pub mod follow;
mod payload;
pub mod record;
pub mod secret;
pub(crate) mod settings;
pub(crate) mod subscriber;
pub(crate) mod ways;

use std::hash::Hasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use greenline_ledger::LedgerError;
use greenline_ledger::notice::Notice;
use greenline_ledger::subscription::Subscription;
use greenline_ledger::types::{BusinessIx, Delivery, Lane, Relay, RelayResult};
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use sha2::{Digest, Sha256};
use smallvec::SmallVec;
use tokio::sync::watch;

use crate::app::{App, Shared};
use crate::config;
use crate::directory::Business;
use record::{EventType, Made, Record, State, Tally, Wish};
use subscriber::Subscriber;

/// How long what is known of subscriptions is good enough to deliver by.
const FRESH: Duration = Duration::from_secs(2);
/// Between writings of how deliveries went.
const WRITE_EVERY: Duration = Duration::from_secs(2);
/// How often a subscription is read again that others wrote meanwhile.
const WRITE_TRIES_MAX: u32 = 8;
/// Attempts before an event can be given up, however old it is: one that is replayed gets these anew.
const ATTEMPTS_MIN: u32 = 8;
/// How long an event waits whose subscription could not be looked at.
const UNSURE_MS: i64 = 1_000;
/// How long one waits whose subscription does not read.
const UNREADABLE_MS: i64 = 60 * 1_000;
/// How long one waits that is put off and past all pauses.
const OLD_MS: i64 = 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

type Name = (BusinessIx, Arc<str>);

/// What is known of subscriptions, and what is yet to be written of them.
#[derive(Debug, Default)]
pub struct Events {
    known: Mutex<FxHashMap<BusinessIx, Known>>,
    tallies: Mutex<FxHashMap<Name, Tally>>,
    /// For which subscriptions this node parked something while they got nothing.
    parked: Mutex<FxHashSet<Name>>,
    /// The subscriptions of the operator's file are those of the ledger.
    synced: AtomicBool,
}

#[derive(Debug)]
struct Known {
    read_at: Instant,
    /// `None` for one that does not read.
    subscribers: FxHashMap<Arc<str>, Option<Arc<Subscriber>>>,
}

/// What a delivery finds at its destination.
pub(crate) enum Found {
    /// Someone who takes events.
    Ready(Arc<Subscriber>),
    /// Someone who does not, for now.
    Waits,
    /// Nobody.
    Nobody,
    /// Subscriptions could not be read.
    Unread,
    /// Someone whose record does not read.
    Unreadable,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Events {
    /// Reads a business's subscriptions again, unless that was done a moment ago.
    pub(crate) async fn refresh(&self, app: &App, business: BusinessIx) {
        let now = app.clock.instant();
        let is_fresh = lock(&self.known)
            .get(&business)
            .is_some_and(|known| now.duration_since(known.read_at) < FRESH);
        if !is_fresh {
            self.reread(app, business).await;
        }
    }

    /// Reads a business's subscriptions again; whether that could be done.
    pub(crate) async fn reread(&self, app: &App, business: BusinessIx) -> bool {
        let now = app.clock.instant();
        match app.ledger.subscriptions(business).await {
            Ok(all) => {
                self.learn(app, business, &all, now);
                true
            }
            Err(error) => {
                tracing::warn!(%error, "subscriptions could not be read");
                false
            }
        }
    }

    fn learn(&self, app: &App, business: BusinessIx, all: &[Subscription], read_at: Instant) {
        let mut known = lock(&self.known);
        // Lanes read side by side.
        if known
            .get(&business)
            .is_some_and(|known| known.read_at > read_at)
        {
            return;
        }
        let before = known.remove(&business).map(|known| known.subscribers);
        let before = before.unwrap_or_default();
        let mut subscribers = FxHashMap::default();
        for one in all {
            let id: Arc<str> = (&*one.id).into();
            let Ok(record) = Record::read(&one.body) else {
                tracing::error!(subscription.id = %id, "a subscription does not read; what is to be told there waits");
                subscribers.insert(id, None);
                continue;
            };
            let same = before.get(&id).and_then(Option::as_ref);
            let same = same.filter(|known| known.wish == record.wish);
            // One that said it is gone is believed until what is kept of it was written anew.
            let same = same.filter(|known| !known.is_gone() || known.version == one.version);
            let subscriber = match same {
                Some(same) => Arc::clone(same),
                None => Arc::new(Subscriber::new(app, (one.version, record.wish))),
            };
            subscribers.insert(id, Some(subscriber));
        }
        known.insert(
            business,
            Known {
                read_at,
                subscribers,
            },
        );
    }

    /// What is known must be read again before it is used.
    pub(crate) fn forget(&self, business: BusinessIx) {
        if let Some(known) = lock(&self.known).get_mut(&business)
            && let Some(past) = known.read_at.checked_sub(FRESH)
        {
            known.read_at = past;
        }
    }

    /// Who waits for a delivery.
    pub(crate) fn find(&self, business: BusinessIx, id: &Arc<str>) -> Found {
        let known = lock(&self.known);
        let Some(known) = known.get(&business) else {
            return Found::Unread;
        };
        match known.subscribers.get(id) {
            None => Found::Nobody,
            Some(None) => Found::Unreadable,
            Some(Some(one)) if one.wish.state != State::Active || one.is_gone() => Found::Waits,
            Some(Some(one)) => Found::Ready(Arc::clone(one)),
        }
    }

    /// It is on disk that something is parked. Someone may have set the subscription going just before.
    pub(crate) fn parked(&self, business: BusinessIx, id: &Arc<str>) {
        let known = lock(&self.known);
        let is_one = |known: &Known| known.subscribers.contains_key(id);
        if known.get(&business).is_some_and(is_one) {
            lock(&self.parked).insert((business, Arc::clone(id)));
        }
    }

    /// Notes something of a delivery, to be written down soon.
    fn note(&self, relay: &Relay, note: impl FnOnce(&mut Tally)) {
        let name = (relay.business, Arc::clone(&relay.app));
        note(lock(&self.tallies).entry(name).or_default());
    }
}

/// What an event is about: those that share one go one after the other.
pub(crate) fn keys(body: &[u8]) -> SmallVec<[u64; 4]> {
    let changed = match Notice::decode(body) {
        Ok(Notice::Consent(changed)) => changed,
        Ok(Notice::Alert { key, .. }) => {
            let mut hasher = FxHasher::default();
            hasher.write(key.as_bytes());
            return SmallVec::from_elem(hasher.finish(), 1);
        }
        _ => return SmallVec::new(),
    };
    let key = |id: &greenline_ledger::types::PersonId| {
        let mut hasher = FxHasher::default();
        hasher.write_u64(id.0);
        hasher.finish()
    };
    changed.people.iter().map(key).collect()
}

/// What becomes of an event that nobody takes now, by subscriptions that were read after it was.
pub(crate) fn without_receiver(app: &App, relay: &Relay, now_ms: i64) -> RelayResult {
    match app.events.find(relay.business, &relay.app) {
        Found::Nobody => RelayResult::Delivered,
        // Until someone sets it going, or the days of all that is kept are over.
        Found::Waits => RelayResult::Parked,
        Found::Unreadable => RelayResult::PutOff(now_ms.saturating_add(UNREADABLE_MS)),
        Found::Unread | Found::Ready(_) => unsure(now_ms),
    }
}

/// What becomes of an event while the store does not say whether it is to be told.
pub(crate) fn unsure(now_ms: i64) -> RelayResult {
    RelayResult::PutOff(now_ms.saturating_add(UNSURE_MS))
}

fn total_ms(app: &App) -> i64 {
    let all = app.config.events.retry_after_s.iter();
    let all = all.fold(0_u64, |sum, seconds| sum.saturating_add(*seconds));
    i64::try_from(all.saturating_mul(1_000)).unwrap_or(i64::MAX)
}

fn is_old(app: &App, relay: &Relay, now_ms: i64) -> bool {
    now_ms.saturating_sub(relay.received_ms) >= total_ms(app)
}

fn ms(seconds: &u64) -> i64 {
    i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX)
}

/// When an event is tried again after an attempt that failed.
fn again_ms(app: &App, relay: &Relay, now_ms: i64) -> i64 {
    let pauses = &app.config.events.retry_after_s;
    let place = usize::try_from(relay.attempts).unwrap_or(usize::MAX);
    let pause = pauses.get(place).or(pauses.last()).map_or(60_000, ms);
    by_age(app, relay, now_ms, pause)
}

/// When an event is tried that is put off without an attempt.
pub(crate) fn put_off_ms(app: &App, relay: &Relay, now_ms: i64) -> i64 {
    by_age(app, relay, now_ms, OLD_MS)
}

/// By its age, since it may have been put off without an attempt; past all pauses, after one more.
fn by_age(app: &App, relay: &Relay, now_ms: i64, old_ms: i64) -> i64 {
    let mut due_ms = relay.received_ms;
    for pause in &app.config.events.retry_after_s {
        due_ms = due_ms.saturating_add(ms(pause));
        if due_ms > now_ms {
            return spread(relay, due_ms, now_ms);
        }
    }
    spread(relay, now_ms.saturating_add(old_ms), now_ms)
}

/// A tenth later at most, so that what failed together does not come back together.
fn spread(relay: &Relay, due_ms: i64, now_ms: i64) -> i64 {
    let pause = due_ms.saturating_sub(now_ms);
    let mixed = relay
        .inbox_seq
        .unsigned_abs()
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        >> 40;
    let share = i64::try_from(mixed % 1_000).unwrap_or(0);
    due_ms.saturating_add(pause / 10 * share / 1_000)
}

/// What becomes of an event after an attempt.
pub(crate) fn after(
    app: &App,
    relay: &Relay,
    ended: subscriber::Ended,
    now_ms: i64,
) -> RelayResult {
    if ended.taken {
        // Without an answer it was none of theirs.
        if ended.status != 0 {
            app.metrics.events_taken.add();
        }
        return RelayResult::Delivered;
    }
    app.metrics.event_failures.add();
    let attempts = relay.attempts.saturating_add(1);
    let given_up = attempts >= ATTEMPTS_MIN && is_old(app, relay, now_ms);
    tracing::warn!(
        subscription.id = %relay.app,
        delivery.id = relay.inbox_seq,
        status = ended.status,
        attempts,
        "{}",
        if given_up { "an event was given up; a replay finds it while it is kept" } else { "a subscriber did not take an event" }
    );
    if given_up {
        app.events.note(relay, |tally| tally.health.given_up += 1);
        return RelayResult::Delivered;
    }
    let again_ms = again_ms(app, relay, now_ms);
    RelayResult::RetryAt(again_ms.max(now_ms.saturating_add(ended.wait_ms)))
}

/// The subscriptions of a business that take a type now.
pub(crate) async fn active(
    app: &App,
    business: &Business,
    kind: EventType,
) -> Result<Vec<Arc<str>>, LedgerError> {
    let all = app.ledger.subscriptions(business.ix).await?;
    let takes = |one: &Subscription| {
        let record = Record::read(&one.body).ok()?;
        (one.takes.active && record.wish.takes(kind)).then(|| Arc::from(&*one.id))
    };
    Ok(all.iter().filter_map(takes).collect())
}

/// Sends a test to one subscription; the event's name.
pub(crate) async fn ping(
    app: &App,
    business: &Business,
    id: &str,
    nonce: u64,
) -> Result<String, LedgerError> {
    let body = Notice::Ping {
        subscription: id.into(),
        nonce,
    }
    .encode()?;
    let name = payload::id(&business.config.id, &body);
    app.ledger
        .ingest(Delivery {
            business: business.ix,
            received_ms: app.clock.now_ms(),
            body: body.into(),
            headers: Vec::new(),
            lane: Lane::Event,
            relay_to: vec![id.into()],
            effects: Vec::new(),
        })
        .await?;
    app.relay_due.notify_waiters();
    Ok(name)
}

/// The name of a subscription of the operator's file.
#[must_use]
pub fn id_of(business: &str, name: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(format!("{business}\u{0}{name}")).into();
    let hex: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sub_{hex}")
}

/// Makes the subscriptions of the operator's file those of the ledger.
///
/// # Errors
/// The ledger's.
pub async fn sync(app: &App) -> Result<(), LedgerError> {
    for business in app.directory.businesses() {
        for own in &business.config.subscription {
            keep_in_step(app, business, own).await?;
        }
        for one in &app.ledger.subscriptions(business.ix).await? {
            let is_own =
                Record::read(&one.body).is_ok_and(|record| record.wish.made == Made::Config);
            let mut own = business.config.subscription.iter();
            if is_own && !own.any(|own| id_of(&business.config.id, &own.name) == *one.id) {
                app.ledger.remove_subscription(business.ix, &one.id).await?;
            }
        }
        app.events.forget(business.ix);
    }
    app.events.synced.store(true, Ordering::Relaxed);
    Ok(())
}

/// Others may write how deliveries went meanwhile: then it is read again.
async fn keep_in_step(
    app: &App,
    business: &Business,
    own: &config::Subscription,
) -> Result<(), LedgerError> {
    let id = id_of(&business.config.id, &own.name);
    for _ in 0..WRITE_TRIES_MAX {
        let kept = app.ledger.subscriptions(business.ix).await?;
        let known = kept.iter().find(|one| *one.id == id);
        let version = known.map_or(0, |known| known.version);
        let record = known.and_then(|known| Record::read(&known.body).ok());
        let Some(record) = configured(own, record, app.clock.now_ms()) else {
            return Ok(());
        };
        if put(app, business.ix, &id, version, &record).await? {
            return Ok(());
        }
    }
    Err(LedgerError::Conflict(
        "others kept changing the subscription",
    ))
}

/// What is to be kept of a subscription of the operator's file; `None` when it is kept already.
fn configured(own: &config::Subscription, kept: Option<Record>, now_ms: i64) -> Option<Record> {
    let wish = Wish {
        url: own.url.clone(),
        types: own.types.clone(),
        imports: own.imports,
        made: Made::Config,
        name: own.name.clone(),
        state: State::Active,
        secrets: Vec::new(),
    };
    let Some(mut kept) = kept else {
        return Some(Record {
            wish,
            description: own.name.clone(),
            made_ms: now_ms,
            made_by: "configuration".to_owned(),
            why: None,
            health: Default::default(),
            recent: Vec::new(),
        });
    };
    // At another address it starts anew; otherwise a pause stays.
    if kept.wish.url == wish.url {
        let state = kept.wish.state;
        let wish = Wish { state, ..wish };
        return (wish != kept.wish).then(|| {
            kept.wish = wish;
            kept
        });
    }
    kept.wish = wish;
    kept.set(State::Active, "", now_ms);
    Some(kept)
}

/// Lets go what waited while a subscription got nothing; how many.
///
/// # Errors
/// The ledger's.
pub(crate) async fn resume(app: &App, business: BusinessIx, id: &str) -> Result<u64, LedgerError> {
    app.events.forget(business);
    let now_ms = app.clock.now_ms();
    let waited = app.ledger.relay_replay(business, Some(id), now_ms).await?;
    app.relay_due.notify_waiters();
    Ok(waited)
}

/// Writes a subscription that still has its version.
pub(crate) async fn put(
    app: &App,
    business: BusinessIx,
    id: &str,
    version: i64,
    record: &Record,
) -> Result<bool, LedgerError> {
    app.ledger
        .put_subscription(Subscription {
            business,
            id: id.into(),
            version,
            takes: record.wish.switches(),
            body: record.text().into(),
        })
        .await
}

/// Changes a subscription as it is kept now; `None` when there is none. A change that says `false` is not made.
pub(crate) async fn change(
    app: &App,
    business: BusinessIx,
    id: &str,
    mut change: impl FnMut(&mut Record) -> bool,
) -> Result<Option<Record>, LedgerError> {
    for _ in 0..WRITE_TRIES_MAX {
        let all = app.ledger.subscriptions(business).await?;
        let Some(one) = all.into_iter().find(|one| *one.id == *id) else {
            return Ok(None);
        };
        let mut record = Record::read(&one.body)
            .map_err(|_| LedgerError::Conflict("the subscription does not read"))?;
        if !change(&mut record) || put(app, business, id, one.version, &record).await? {
            app.events.forget(business);
            return Ok(Some(record));
        }
    }
    Err(LedgerError::Conflict(
        "others kept changing the subscription",
    ))
}

/// Writes down how deliveries go, until told to stop.
pub async fn run(app: Shared, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        tokio::select! {
            () = tokio::time::sleep(WRITE_EVERY) => {}
            _ = stop.changed() => break,
        }
        if !app.events.synced.load(Ordering::Relaxed)
            && let Err(error) = sync(&app).await
        {
            tracing::warn!(%error, "subscriptions of the configuration wait for the store");
        }
        write(&app).await;
        let_go(&app).await;
    }
    write(&app).await;
}

/// Lets go what this node parked for subscriptions that get events again. Somebody may have set one going, and let
/// go what waited, between this node's look at it and its writing down that something is parked.
async fn let_go(app: &App) {
    let parked = std::mem::take(&mut *lock(&app.events.parked));
    for (business, id) in parked {
        app.events.refresh(app, business).await;
        let is_over = match app.events.find(business, &id) {
            Found::Nobody => true,
            Found::Ready(_) => resume(app, business, &id).await.is_ok(),
            Found::Waits | Found::Unread | Found::Unreadable => false,
        };
        if !is_over {
            lock(&app.events.parked).insert((business, id));
        }
    }
}

async fn write(app: &App) {
    let tallies = std::mem::take(&mut *lock(&app.events.tallies));
    let days = i64::try_from(app.config.events.pause_after_days).unwrap_or(i64::MAX);
    let patience_ms = days.saturating_mul(DAY_MS);
    for ((business, id), tally) in tallies {
        let mut stopped = None;
        let changed = change(app, business, &id, |record| {
            let before = record.wish.state;
            record.add(&tally, patience_ms, app.clock.now_ms());
            stopped = (record.wish.state != before).then_some(record.wish.state);
            true
        });
        match changed.await {
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, subscription.id = %id, "how events were taken could not be written down yet");
                let mut kept = lock(&app.events.tallies);
                // What came since is newer.
                let newer = kept.remove(&(business, Arc::clone(&id)));
                let mut tally = tally;
                if let Some(newer) = newer {
                    tally.join(newer);
                }
                kept.insert((business, Arc::clone(&id)), tally);
                continue;
            }
        }
        if let Some(state) = stopped {
            tracing::error!(
                business.id = %app.directory.business(business).config.id,
                subscription.id = %id,
                state = state.as_str(),
                "a subscription gets no more events until someone sets it going"
            );
        }
    }
}
