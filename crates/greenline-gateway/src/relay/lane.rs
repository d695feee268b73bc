//! One lane: takes what is due from the ledger, hands it to the apps' queues, runs the attempts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use greenline_ledger::types::{BusinessIx, Lane, Relay, RelayDone, RelayResult};
use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::order::{self, Keys};
use super::pause;
use super::queue::{End, Item, Queue};
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

struct Over {
    relay: Relay,
    keys: Keys,
    attempt: Attempt,
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
        carrier.start();
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
    /// Another batch never finds all queues full.
    fn has_room(&self) -> bool {
        self.queues.is_empty() || self.queues.values().any(Queue::has_room)
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
        for relay in due {
            self.enqueue(relay, now_ms).await;
        }
        full
    }

    async fn enqueue(&mut self, relay: Relay, now_ms: i64) {
        let receiver = self
            .targets
            .get(&self.app, self.lane, relay.business, &relay.app);
        if receiver.is_none() {
            let result = if self.lane.is_of_notices() {
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
            let again_ms = self.again_ms(&relay, now_ms).max(self.down_until(&relay));
            self.note(&relay, RelayResult::RetryAt(again_ms)).await;
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
            self.note(
                &relay,
                RelayResult::RetryAt(now_ms.saturating_add(PUT_OFF_MS)),
            )
            .await;
        }
    }

    fn down_until(&self, relay: &Relay) -> i64 {
        self.queues
            .get(&(relay.business, Arc::clone(&relay.app)))
            .map_or(0, Queue::down_until_ms)
    }

    /// Starts every attempt that may start.
    fn start(&mut self) {
        for ((business, name), queue) in &mut self.queues {
            let receiver = self.targets.get(&self.app, self.lane, *business, name);
            let Some(receiver) = receiver.map(Arc::new) else {
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
                self.attempts.spawn(async move {
                    let attempt = receiver.attempt(&app, &relay).await;
                    Over {
                        relay,
                        keys,
                        attempt,
                    }
                });
            }
        }
    }

    async fn over(&mut self, over: Over) {
        let Over {
            relay,
            keys,
            attempt,
        } = over;
        let now_ms = self.app.clock.now_ms();
        let first_ms = i64::try_from(self.app.config.relay.backoff_first_ms).unwrap_or(i64::MAX);
        let queue = self
            .queues
            .entry((relay.business, Arc::clone(&relay.app)))
            .or_default();
        let put_off = queue.over(&keys, attempt.end, now_ms, first_ms);
        let result = self.result(&relay, attempt, now_ms);
        self.note(&relay, result).await;
        for item in put_off {
            let again_ms = self
                .again_ms(&item.relay, now_ms)
                .max(self.down_until(&item.relay));
            self.note(&item.relay, RelayResult::RetryAt(again_ms)).await;
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
        if self.lane.is_of_notices() {
            return events::again_ms(&self.app, relay, now_ms);
        }
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
                let Ok(Over { relay, attempt, .. }) = over else {
                    continue;
                };
                let result = self.result(
                    &relay,
                    Attempt {
                        end: End::Answered,
                        ..attempt
                    },
                    self.app.clock.now_ms(),
                );
                self.note(&relay, result).await;
            }
        };
        let _ = tokio::time::timeout(DRAIN, ending).await;
    }
}
