//! Where requests wait while the last commit runs; what has gathered is the next batch.
//!
//! The queue is bounded for everything that asks to be let in. Outcomes of sends are not refused: each
//! belongs to a send that was let in before, so they are bounded by it, and losing one would make a
//! send look as if nobody knew what became of it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::LedgerError;
use crate::request::{Job, Request};
use crate::types::{DecisionId, Outcome};

/// How long outcomes wait for a batch to ride on.
const SETTLE_LINGER: Duration = Duration::from_millis(50);

/// What the writer takes at once.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Requests, in order.
    pub(crate) jobs: Vec<Job>,
    /// Outcomes, in order.
    pub(crate) settles: Vec<(DecisionId, Outcome)>,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: Vec<Job>,
    settles: Vec<(DecisionId, Outcome)>,
    writer_sleeps: bool,
    flush: bool,
    closing: bool,
    closed: bool,
}

/// The queue.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    rung: Condvar,
    sends_max: usize,
    all_max: usize,
    batch_max: usize,
}

impl Queue {
    /// A queue for so many sends. Stops and deliveries find room a little longer than sends do.
    pub(crate) fn new(queue_max: usize, batch_max: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            rung: Condvar::new(),
            sends_max: queue_max.max(1),
            all_max: queue_max
                .max(1)
                .saturating_add(queue_max / 4)
                .saturating_add(64),
            batch_max: batch_max.max(1),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request, or refuses it at once.
    pub(crate) fn push(&self, job: Job) -> Result<(), LedgerError> {
        let room = if matches!(
            job.request,
            Request::Admit(_) | Request::Preview(_) | Request::PreviewAll(_)
        ) {
            self.sends_max
        } else {
            self.all_max
        };
        let mut waiting = self.lock();
        if waiting.closing || waiting.closed {
            return Err(LedgerError::busy("the ledger is closing"));
        }
        if waiting.jobs.len() >= room {
            return Err(LedgerError::busy("too many requests are waiting"));
        }
        waiting.jobs.push(job);
        self.ring(waiting);
        Ok(())
    }

    /// Adds an outcome.
    pub(crate) fn settle(&self, id: DecisionId, outcome: Outcome) {
        let mut waiting = self.lock();
        if waiting.closed {
            tracing::warn!(
                decision.seq = id.seq,
                "an outcome came after the ledger closed; it counts as unknown"
            );
            return;
        }
        let first = waiting.settles.is_empty();
        waiting.settles.push((id, outcome));
        // Later ones find the writer lingering already; only a request may cut that short.
        if first {
            self.ring(waiting);
        }
    }

    fn ring(&self, mut waiting: MutexGuard<'_, Waiting>) {
        let sleeps = std::mem::take(&mut waiting.writer_sleeps);
        drop(waiting);
        if sleeps {
            self.rung.notify_one();
        }
    }

    /// Puts outcomes back in front, after a batch that failed.
    pub(crate) fn put_back(&self, mut settles: Vec<(DecisionId, Outcome)>) {
        let mut waiting = self.lock();
        if waiting.closing {
            tracing::warn!(
                settles = settles.len(),
                "outcomes could not be written before closing; they count as unknown"
            );
            return;
        }
        settles.append(&mut waiting.settles);
        waiting.settles = settles;
    }

    /// Stops taking requests; what is queued is still written.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closing = true;
        self.ring(waiting);
    }

    /// Whether requests are no longer taken.
    pub(crate) fn is_closing(&self) -> bool {
        let waiting = self.lock();
        waiting.closing || waiting.closed
    }

    /// Says that the writer is gone: nobody will answer any more.
    pub(crate) fn abandon(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        let orphans = std::mem::take(&mut waiting.jobs);
        drop(waiting);
        drop(orphans);
    }

    /// Takes the next batch into `batch`, which is empty; waits for one. Answers `false` at the end.
    pub(crate) fn take(&self, batch: &mut Batch) -> bool {
        let mut waiting = self.lock();
        loop {
            if !waiting.jobs.is_empty() || (waiting.flush && !waiting.settles.is_empty()) {
                break;
            }
            if waiting.closing {
                if waiting.settles.is_empty() {
                    return false;
                }
                break;
            }
            waiting.writer_sleeps = true;
            if waiting.settles.is_empty() {
                waiting = self
                    .rung
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner);
            } else {
                let (guard, timeout) = self
                    .rung
                    .wait_timeout_while(waiting, SETTLE_LINGER, |w| w.jobs.is_empty() && !w.closing)
                    .unwrap_or_else(PoisonError::into_inner);
                waiting = guard;
                waiting.flush = timeout.timed_out();
            }
        }
        waiting.flush = false;
        waiting.writer_sleeps = false;
        std::mem::swap(&mut waiting.settles, &mut batch.settles);
        if waiting.jobs.len() <= self.batch_max {
            std::mem::swap(&mut waiting.jobs, &mut batch.jobs);
        } else {
            batch.jobs.extend(waiting.jobs.drain(..self.batch_max));
        }
        true
    }
}
