//! What is still to happen, in order: by its time, and at one time in the order it was put down.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use greenline_wire::build::status::StatusKind;
use tokio::sync::Notify;

use super::script::Script;
use super::tally::{Cause, Feedback};
use crate::behaviour::Sent;
use crate::pending::Busy;

/// Something that happens at its time.
#[derive(Clone)]
pub(crate) enum Deed {
    /// A status is told.
    Status(Arc<Sent>, StatusKind),
    /// A message arrives at the person.
    Deliver(Arc<Sent>),
    /// A message that arrived then is read.
    Read(Arc<Sent>, i64),
    /// A person answers.
    Answer(Arc<Sent>, String),
    /// A person shows what they think.
    Feel(Felt),
    /// Everything is looked at once an hour.
    Tick,
    /// The rules of 7 October 2025 come into force.
    Era,
    /// A pause of a template ends: its n-th.
    Unpause(u64, u32),
    /// What was held back of a template is released or dropped.
    Decide(u64),
    /// A portfolio's batch is released or dropped.
    DecideBatch(String),
    /// The review of a portfolio ends, if it ends now.
    ReviewEnds(String, i64),
    /// A template gets the category that was announced.
    Recategorise(u64),
    /// The limit of a portfolio rises.
    Raise(String),
    /// The limit of a number rises.
    RaiseNumber(String),
    /// A number that reached its limit may have room again.
    LimitFrees(String),
    /// Seven days of being flagged are over, if they end now.
    WatchEnds(String, i64),
    /// A restriction of this type ends, if it ends in this second.
    RestrictionEnds(String, &'static str, i64),
    /// The spam limit that a script set ends, if it ends now.
    SpamEnds(String, i64),
    /// A measure against utility templates ends, if it ends now.
    UtilityEnds(String, &'static str, i64),
    /// An account is disabled, if it is still scheduled for now.
    Disable(String, i64),
    /// A number's status goes back, if it is still the one that was set.
    NumberBack(String, String, String),
    /// A number's rating is free again, if it is still held until now.
    Unpin(String, i64),
    /// A lock or a payment problem ends by script.
    AccountBack(String, super::script::HealthState),
    /// A script's turn has come.
    Script(Box<Script>),
}

/// What a person thinks of a message, and why.
#[derive(Clone, Debug)]
pub(crate) struct Felt {
    pub(crate) number: String,
    pub(crate) wa_id: String,
    pub(crate) template: Option<u64>,
    pub(crate) kind: Feedback,
    pub(crate) cause: Cause,
}

/// The agenda.
#[derive(Default)]
pub(crate) struct Agenda {
    inner: Mutex<Inner>,
    /// Told when something new is put down.
    pub(crate) changed: Notify,
}

#[derive(Default)]
struct Inner {
    due: BTreeMap<(i64, u64), Entry>,
    next: u64,
}

struct Entry {
    deed: Deed,
    /// Keeps the simulator from looking idle until a status has been told.
    busy: Option<Busy>,
}

impl Agenda {
    pub(crate) fn put(&self, at_ms: i64, deed: Deed) {
        self.put_busy(at_ms, deed, None);
    }

    pub(crate) fn put_busy(&self, at_ms: i64, deed: Deed, busy: Option<Busy>) {
        {
            let mut inner = self.inner();
            let key = (at_ms, inner.next);
            inner.next += 1;
            inner.due.insert(key, Entry { deed, busy });
        }
        self.changed.notify_one();
    }

    /// The next thing that is due by then, with its time.
    pub(crate) fn pop_due(&self, by_ms: i64) -> Option<(i64, Deed, Option<Busy>)> {
        let mut inner = self.inner();
        let first = inner.due.first_entry()?;
        if first.key().0 > by_ms {
            return None;
        }
        let ((at_ms, _), entry) = first.remove_entry();
        Some((at_ms, entry.deed, entry.busy))
    }

    pub(crate) fn next_ms(&self) -> Option<i64> {
        self.inner().due.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn count(&self) -> usize {
        self.inner().due.len()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
