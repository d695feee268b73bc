//! Delivery of webhooks: signed, retried with growing gaps, now and then doubled or
//! out of order (WH-03, WH-04).
//!
//! Each address has a queue and a task of its own, so that one that hangs keeps no
//! other waiting.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use greenline_wire::build::webhook::{Change, Entry, envelope};
use greenline_wire::signature;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::faults::Effect;
use crate::log::{Attempt, Delivery, DeliveryState, EventKind, Log};
use crate::pending::Busy;
use crate::platform::Platform;
use crate::rng::Rng;

mod client;

use client::Client;
pub use client::HookError;

/// Something to be told.
pub(crate) struct Event {
    pub(crate) account: String,
    /// Unix seconds, for the fields that have it.
    pub(crate) time_s: Option<i64>,
    pub(crate) change: Change,
    pub(crate) kind: EventKind,
    /// The message ids in it.
    pub(crate) ids: Vec<String>,
}

/// Where to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) secret: String,
}

/// The queues, and the record of what became of everything.
pub(crate) struct Hooks {
    queues: Mutex<HashMap<Target, mpsc::Sender<Waiting>>>,
    pub(crate) log: Log<Delivery>,
    client: Client,
}

struct Waiting {
    event: Event,
    /// Keeps the simulator from looking idle.
    _busy: Busy,
}

/// The longest queue that is set up.
const QUEUE_MAX: usize = 10_000_000;

impl Hooks {
    pub(crate) fn new(deliveries_max: usize) -> Self {
        Self {
            queues: Mutex::default(),
            log: Log::new(deliveries_max),
            client: Client::default(),
        }
    }

    /// Queues an event. One that finds the queue full is dropped, as it would be after a week.
    pub(crate) fn send(&self, sim: &Arc<Platform>, target: Target, event: Event) {
        let waiting = Waiting {
            event,
            _busy: sim.pending.begin(),
        };
        let queue = {
            let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            let queue = queues.entry(target.clone()).or_insert_with(|| {
                let capacity = sim.config.webhooks.queue_max.clamp(1, QUEUE_MAX);
                let (queue, events) = mpsc::channel(capacity);
                sim.spawn(run(Arc::clone(sim), target, events));
                queue
            });
            queue.clone()
        };
        if let Err(TrySendError::Full(_)) = queue.try_send(waiting) {
            tracing::warn!("a webhook queue is full, an event was dropped");
        }
    }

    /// The set-up call (WH-02): whether the address answers with the challenge.
    pub(crate) async fn handshake(
        &self,
        sim: &Platform,
        url: &str,
        verify_token: &str,
    ) -> Result<(), HookError> {
        let challenge = Rng::about(sim.config.seed, &["challenge", url]).next() >> 32;
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("hub.mode", "subscribe")
            .append_pair("hub.challenge", &challenge.to_string())
            .append_pair("hub.verify_token", verify_token)
            .finish();
        let joint = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{joint}{query}");
        let within = Duration::from_millis(sim.config.webhooks.timeout_ms);
        let answer = self.client.get(&url, within).await?;
        if answer.status != 200 || answer.body.trim_ascii() != challenge.to_string().as_bytes() {
            return Err(HookError::Challenge(answer.status));
        }
        Ok(())
    }
}

/// Takes events of one address from their queue, some at a time, and sends them off.
async fn run(sim: Arc<Platform>, target: Target, mut events: mpsc::Receiver<Waiting>) {
    let settings = &sim.config.webhooks;
    let calls = Arc::new(Semaphore::new(settings.calls_max.clamp(1, 10_000)));
    while let Some(first) = events.recv().await {
        let mut batch = vec![first];
        let batch_max = settings.batch_max.max(1);
        if batch_max > 1 {
            let wait = sim.clock.wait(settings.batch_wait_ms);
            let fill = async {
                while batch.len() < batch_max {
                    let missing = batch_max - batch.len();
                    if events.recv_many(&mut batch, missing).await == 0 {
                        break;
                    }
                }
            };
            let _ = tokio::time::timeout(wait, fill).await;
        }
        let Ok(permit) = Arc::clone(&calls).acquire_owned().await else {
            return;
        };
        let call = Outgoing::new(&sim, target.clone(), batch, None);
        sim.spawn(call.deliver(Arc::clone(&sim), Arc::clone(&calls), Some(permit)));
    }
}

/// One webhook call, until it is answered 200 or given up.
struct Outgoing {
    seq: u64,
    target: Target,
    body: Bytes,
    kinds: Vec<EventKind>,
    fields: Vec<String>,
    ids: Vec<String>,
    duplicate_of: Option<u64>,
    _busy: Vec<Busy>,
}

impl Outgoing {
    fn new(sim: &Platform, target: Target, batch: Vec<Waiting>, duplicate_of: Option<u64>) -> Self {
        let mut busy = Vec::with_capacity(batch.len());
        let mut events = Vec::with_capacity(batch.len());
        for waiting in batch {
            busy.push(waiting._busy);
            events.push(waiting.event);
        }
        let body = Bytes::from(body(&events));
        let mut call = Self {
            seq: 0,
            target,
            body,
            kinds: events.iter().map(|event| event.kind).collect(),
            fields: events
                .iter()
                .map(|event| event.change.field().to_owned())
                .collect(),
            ids: events.iter().flat_map(|event| event.ids.clone()).collect(),
            duplicate_of,
            _busy: busy,
        };
        call.seq = call.record(sim);
        call
    }

    /// The same call once more.
    fn again(&self, sim: &Platform) -> Self {
        let mut copy = Self {
            seq: 0,
            target: self.target.clone(),
            body: self.body.clone(),
            kinds: self.kinds.clone(),
            fields: self.fields.clone(),
            ids: self.ids.clone(),
            duplicate_of: Some(self.seq),
            _busy: vec![sim.pending.begin()],
        };
        copy.seq = copy.record(sim);
        copy
    }

    fn record(&self, sim: &Platform) -> u64 {
        sim.hooks.log.push(|seq| Delivery {
            seq,
            url: self.target.url.clone(),
            fields: self.fields.clone(),
            kinds: self.kinds.clone(),
            ids: self.ids.clone(),
            duplicate_of: self.duplicate_of,
            attempts: Vec::new(),
            state: DeliveryState::Pending,
            body: sim.config.log.bodies.then(|| self.body.clone()),
        })
    }

    /// Delivers a copy; boxed, because the delivery of one call may start another's.
    fn boxed(
        self,
        sim: Arc<Platform>,
        calls: Arc<Semaphore>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.deliver(sim, calls, None))
    }

    async fn deliver(
        self,
        sim: Arc<Platform>,
        calls: Arc<Semaphore>,
        mut permit: Option<OwnedSemaphorePermit>,
    ) {
        let settings = &sim.config.webhooks;
        let mut rng = Rng::about(sim.config.seed, &["delivery", &self.seq.to_string()]);
        let effect = match self.duplicate_of {
            None => sim.faults.strike_webhook(&self.fields, &self.kinds),
            Some(_) => None,
        }
        .unwrap_or_default();
        if effect.lose {
            sim.hooks
                .log
                .update(self.seq, |entry| entry.state = DeliveryState::Lost);
            return;
        }
        if self.duplicate_of.is_none() {
            let doubled = u32::from(rng.chance(settings.duplicate_share));
            for _ in 0..effect.duplicate + doubled {
                let copy = self.again(&sim);
                sim.spawn(copy.boxed(Arc::clone(&sim), Arc::clone(&calls)));
            }
        }
        let disorder_ms = if rng.chance(settings.disorder_share) {
            settings.disorder_ms
        } else {
            0
        };
        let delay_ms = effect.delay_ms + disorder_ms;
        if delay_ms > 0 {
            permit = None;
            tokio::time::sleep(sim.clock.wait(delay_ms)).await;
        }
        self.try_until_taken(&sim, &calls, permit, &effect).await;
    }

    async fn try_until_taken(
        &self,
        sim: &Platform,
        calls: &Arc<Semaphore>,
        mut permit: Option<OwnedSemaphorePermit>,
        effect: &Effect,
    ) {
        let settings = &sim.config.webhooks;
        let mut gap_ms = settings.retry_first_ms.max(1);
        let mut waited_ms = 0_u64;
        loop {
            let held = match permit.take() {
                Some(permit) => Some(permit),
                None => Arc::clone(calls).acquire_owned().await.ok(),
            };
            if self.try_once(sim, effect).await {
                return;
            }
            drop(held);
            if waited_ms >= settings.retry_for_ms {
                sim.hooks
                    .log
                    .update(self.seq, |entry| entry.state = DeliveryState::Lost);
                return;
            }
            tokio::time::sleep(sim.clock.wait(gap_ms)).await;
            waited_ms = waited_ms.saturating_add(gap_ms);
            gap_ms = (gap_ms * 2).min(settings.retry_gap_max_ms.max(1));
        }
    }

    /// One attempt; whether it was answered 200.
    async fn try_once(&self, sim: &Platform, effect: &Effect) -> bool {
        let signature = if effect.bad_signature {
            signature::sign(b"not the secret", &self.body)
        } else {
            signature::sign(self.target.secret.as_bytes(), &self.body)
        };
        let (started_ns, started_ms) = (sim.clock.ns(), sim.clock.now_ms());
        let within = Duration::from_millis(sim.config.webhooks.timeout_ms);
        let posted = sim
            .hooks
            .client
            .post(
                &self.target.url,
                &signature,
                self.body.clone(),
                within,
                &sim.clock,
            )
            .await;
        let taken = posted.as_ref().is_ok_and(|posted| posted.status == 200);
        // What people did counts from the moment it was acknowledged: whatever is not there
        // by now comes later.
        if taken && self.kinds.iter().any(|kind| concerns_consent(*kind)) {
            sim.lines.sweep(&sim.clock);
        }
        sim.hooks.log.update(self.seq, |entry| {
            entry.attempts.push(Attempt {
                started_ns,
                started_ms,
                answered_ns: posted.as_ref().ok().map(|posted| posted.answered_ns),
                status: posted.as_ref().ok().map(|posted| posted.status),
                error: posted.as_ref().err().map(ToString::to_string),
            });
            if taken {
                entry.state = DeliveryState::Acknowledged;
            }
        });
        taken
    }
}

fn concerns_consent(kind: EventKind) -> bool {
    matches!(kind, EventKind::Inbound | EventKind::Preference)
}

/// One envelope; neighbours of the same account and time share an entry.
fn body(events: &[Event]) -> Vec<u8> {
    let groups: Vec<(&Event, Vec<Change>)> = events
        .chunk_by(|a, b| a.account == b.account && a.time_s == b.time_s)
        .filter_map(|group| {
            let changes = group.iter().map(|event| event.change.clone()).collect();
            Some((group.first()?, changes))
        })
        .collect();
    envelope(groups.iter().map(|(event, changes)| Entry {
        id: &event.account,
        time_s: event.time_s,
        changes,
    }))
}
