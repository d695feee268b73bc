//! One lane: takes what is due from the ledger, hands it to the apps' queues, runs the attempts.

use std::collections::BTreeSet;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use greenline_ledger::types::{BusinessIx, Lane, Relay, RelayDone, RelayResult};
use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::order::{self, Keys};
use super::pause;
use super::queue::{Item, Queue};
use super::target::{Attempt, Targets};
use crate::app::Shared;
use crate::events;

/// Deliveries taken from the ledger at once.
const BATCH: usize = 64;
/// Between looks at the ledger when nobody rings.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// For attempts under way once told to stop.
const DRAIN: Duration = Duration::from_secs(5);
/// How long a delivery that finds its app's queue full is put off.
const PUT_OFF_MS: i64 = 2_000;
/// Attempts before a delivery can be given up, however old it is: one that is replayed gets these anew.
const ATTEMPTS_MIN: u32 = 8;
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// What became of a delivery that was to be attempted.
enum Tried {
    /// It was.
    Attempted(Attempt),
    /// It was not: what it tells was taken back meanwhile.
    Gone,
    /// It was not: whether it is still to be told could not be read.
    Unsure,
}

struct Over {
    relay: Relay,
    keys: Keys,
    tried: Tried,
}

struct Carrier {
    app: Shared,
    lane: Lane,
    targets: Arc<Targets>,
    ends: mpsc::Sender<RelayDone>,
    queues: FxHashMap<(BusinessIx, Arc<str>), Queue>,
    attempts: JoinSet<Over>,
}

/// Carries one lane until told to stop.
pub(super) async fn run(
    app: Shared,
    lane: Lane,
    targets: Arc<Targets>,
    ends: mpsc::Sender<RelayDone>,
    mut stop: watch::Receiver<bool>,
) {
    let mut carrier = Carrier {
        app: app.clone(),
        lane,
        targets,
        ends,
        queues: FxHashMap::default(),
        attempts: JoinSet::new(),
    };
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Armed before each look at the ledger, so that no ring is missed between look and wait.
    let mut rung = Box::pin(app.relay_due.notified());
    rung.as_mut().enable();
    let mut more = false;
    while !*stop.borrow() {
        carrier.start().await;
        if more && carrier.has_room() {
            more = carrier.fetch().await;
            continue;
        }
        tokio::select! {
            Some(over) = carrier.attempts.join_next() => {
                if let Ok(over) = over {
                    carrier.over(over).await;
                }
            }
            () = &mut rung => {
                rung.set(app.relay_due.notified());
                rung.as_mut().enable();
                more = true;
            }
            _ = look.tick() => more = true,
            _ = stop.changed() => break,
        }
    }
    carrier.drain().await;
}

impl Carrier {
    /// Another batch never finds all queues full. What comes by the thousand is left in the ledger while one of them
    /// may have no room for it: each that is put off is written once more.
    fn has_room(&self) -> bool {
        let mut queues = self.queues.values();
        if self.lane == Lane::Bulk {
            return queues.all(|queue| queue.has_room_for(BATCH));
        }
        self.queues.is_empty() || queues.any(Queue::has_room)
    }

    /// Takes what is due; whether there may be more.
    async fn fetch(&mut self) -> bool {
        let now_ms = self.app.clock.now_ms();
        let due = match self.app.ledger.relay_due(now_ms, self.lane, BATCH).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "deliveries that are due could not be read");
                return false;
            }
        };
        let full = due.len() == BATCH;
        if self.lane.is_of_notices() {
            let businesses: BTreeSet<BusinessIx> = due.iter().map(|relay| relay.business).collect();
            for business in businesses {
                self.app.events.refresh(&self.app, business).await;
            }
        }
        let mut reread = FxHashMap::default();
        for relay in due {
            self.enqueue(relay, now_ms, &mut reread).await;
        }
        full
    }

    fn has_receiver(&self, relay: &Relay) -> bool {
        self.targets
            .get(&self.app, self.lane, relay.business, &relay.app)
            .is_some()
    }

    /// Whether someone takes a notice, by subscriptions that were read after the notice was: somebody may have
    /// subscribed, or been set going, a moment before. `reread` says of which businesses that was done, and whether
    /// it could be.
    async fn is_taken(&self, relay: &Relay, reread: &mut FxHashMap<BusinessIx, bool>) -> bool {
        if self.has_receiver(relay) {
            return true;
        }
        if let Entry::Vacant(place) = reread.entry(relay.business) {
            place.insert(self.app.events.reread(&self.app, relay.business).await);
        }
        self.has_receiver(relay)
    }

    async fn enqueue(
        &mut self,
        relay: Relay,
        now_ms: i64,
        reread: &mut FxHashMap<BusinessIx, bool>,
    ) {
        let is_taken = if self.lane.is_of_notices() {
            self.is_taken(&relay, reread).await
        } else {
            self.has_receiver(&relay)
        };
        if !is_taken {
            let result = if reread.get(&relay.business) == Some(&false) {
                events::unsure(now_ms)
            } else if self.lane.is_of_notices() {
                events::without_receiver(&self.app, &relay, now_ms)
            } else {
                // The app, or its address, is gone from the configuration: kept until it is replayed.
                RelayResult::Parked
            };
            self.note(&relay, result).await;
            return;
        }
        let queue = self
            .queues
            .entry((relay.business, Arc::clone(&relay.app)))
            .or_default();
        if queue.is_down(now_ms) {
            let result = self.while_down(&relay, now_ms);
            self.note(&relay, result).await;
        } else if queue.has_room() {
            queue.push(Item {
                keys: if self.lane.is_of_notices() {
                    events::keys(&relay.body)
                } else {
                    order::keys(&relay.body)
                },
                relay,
            });
        } else {
            let result = self.put_off(now_ms.saturating_add(PUT_OFF_MS));
            self.note(&relay, result).await;
        }
    }

    /// What becomes of a delivery whose app is down.
    fn while_down(&self, relay: &Relay, now_ms: i64) -> RelayResult {
        let down_until_ms = self
            .queues
            .get(&(relay.business, Arc::clone(&relay.app)))
            .map_or(0, Queue::down_until_ms);
        let again_ms = if self.lane.is_of_notices() {
            events::put_off_ms(&self.app, relay, now_ms)
        } else {
            self.again_ms(relay, now_ms)
        };
        self.put_off(again_ms.max(down_until_ms))
    }

    /// A notice is given up after attempts, so one that was not attempted counts as none.
    fn put_off(&self, due_ms: i64) -> RelayResult {
        if self.lane.is_of_notices() {
            RelayResult::PutOff(due_ms)
        } else {
            RelayResult::RetryAt(due_ms)
        }
    }

    /// Starts every attempt that may start. What waits for someone who takes nothing any more is looked at anew.
    async fn start(&mut self) {
        let mut left = Vec::new();
        for ((business, name), queue) in &mut self.queues {
            let receiver = self.targets.get(&self.app, self.lane, *business, name);
            let Some(receiver) = receiver.map(Arc::new) else {
                left.extend(queue.take());
                continue;
            };
            let under_way_max = receiver.under_way_max(&self.app, self.lane);
            let mut allowance = receiver.allowance(&self.app, self.lane);
            while allowance > 0 {
                let Some(Item { relay, keys }) = queue.next(under_way_max) else {
                    break;
                };
                if !self.app.ledger.has_in_hand(&relay) {
                    queue.forget(&keys);
                    continue;
                }
                allowance -= 1;
                receiver.started(self.lane);
                let (receiver, app) = (Arc::clone(&receiver), Arc::clone(&self.app));
                let is_notice = self.lane.is_of_notices();
                self.attempts.spawn(async move {
                    // A notice about someone who was erased meanwhile is told no more.
                    let waits = !is_notice || match app.ledger.relay_waits(&relay).await {
                        Ok(waits) => waits,
                        Err(error) => {
                            tracing::warn!(%error, "whether an event is still to be told could not be read");
                            return Over { relay, keys, tried: Tried::Unsure };
                        }
                    };
                    let tried = if waits {
                        Tried::Attempted(receiver.attempt(&app, &relay).await)
                    } else {
                        Tried::Gone
                    };
                    Over { relay, keys, tried }
                });
            }
        }
        let result = self.put_off(self.app.clock.now_ms());
        for item in left {
            self.note(&item.relay, result).await;
        }
    }

    async fn over(&mut self, over: Over) {
        let Over { relay, keys, tried } = over;
        let now_ms = self.app.clock.now_ms();
        let first_ms = i64::try_from(self.app.config.relay.backoff_first_ms).unwrap_or(i64::MAX);
        let queue = self
            .queues
            .entry((relay.business, Arc::clone(&relay.app)))
            .or_default();
        let put_off = match &tried {
            Tried::Attempted(attempt) => queue.over(&keys, attempt.end, now_ms, first_ms),
            Tried::Gone | Tried::Unsure => {
                queue.forget(&keys);
                Vec::new()
            }
        };
        let result = self.after(&relay, &tried, now_ms);
        self.note(&relay, result).await;
        for item in put_off {
            let result = self.while_down(&item.relay, now_ms);
            self.note(&item.relay, result).await;
        }
    }

    fn after(&self, relay: &Relay, tried: &Tried, now_ms: i64) -> RelayResult {
        match tried {
            Tried::Attempted(attempt) => self.result(relay, *attempt, now_ms),
            Tried::Gone => RelayResult::Delivered,
            Tried::Unsure => events::unsure(now_ms),
        }
    }

    fn result(&self, relay: &Relay, attempt: Attempt, now_ms: i64) -> RelayResult {
        if self.lane.is_of_notices() {
            return events::after(&self.app, relay, attempt.ended(), now_ms);
        }
        if attempt.taken {
            self.app.metrics.relayed.add();
            return RelayResult::Delivered;
        }
        self.app.metrics.relay_failures.add();
        let hours = i64::try_from(self.app.config.relay.retry_hours).unwrap_or(i64::MAX);
        let is_old = now_ms.saturating_sub(relay.received_ms) >= hours.saturating_mul(HOUR_MS);
        let given_up = is_old && relay.attempts.saturating_add(1) >= ATTEMPTS_MIN;
        tracing::warn!(
            app.name = %relay.app,
            delivery.id = relay.inbox_seq,
            status = attempt.status,
            attempts = relay.attempts.saturating_add(1),
            "{}",
            if given_up { "a delivery was given up and is kept for replay" } else { "an app did not take a delivery" }
        );
        if given_up {
            RelayResult::Parked
        } else {
            RelayResult::RetryAt(self.again_ms(relay, now_ms))
        }
    }

    fn again_ms(&self, relay: &Relay, now_ms: i64) -> i64 {
        let attempts = relay.attempts.saturating_add(1);
        now_ms.saturating_add(pause::after(
            &self.app.config.relay,
            attempts,
            relay.inbox_seq,
        ))
    }

    async fn note(&self, relay: &Relay, result: RelayResult) {
        let done = RelayDone {
            inbox_seq: relay.inbox_seq,
            app: Arc::clone(&relay.app),
            business: relay.business,
            result,
        };
        // Nobody listens only when the process is ending: then it is due again.
        let _ = self.ends.send(done).await;
    }

    /// Lets attempts under way end. What waits is left: it is due again after the start.
    async fn drain(mut self) {
        self.queues.clear();
        let mut attempts = std::mem::take(&mut self.attempts);
        let ending = async {
            while let Some(over) = attempts.join_next().await {
                let Ok(Over { relay, tried, .. }) = over else {
                    continue;
                };
                let result = self.after(&relay, &tried, self.app.clock.now_ms());
                self.note(&relay, result).await;
            }
        };
        let _ = tokio::time::timeout(DRAIN, ending).await;
    }
}
