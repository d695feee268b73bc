//! Sends on their way out, so that a stop can wait for them.
//!
//! A stop is acknowledged only once each send allowed before it has landed upstream, has failed, or is
//! past its dispatch deadline. The writer takes a [`Flight`] in the same step that allows a send and
//! hands out [`Watch`]es in the step that records a stop, so the two cannot miss each other.

use std::sync::Arc;
use std::time::Instant;

use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

#[derive(Debug)]
struct State {
    over: AtomicBool,
    notify: Notify,
    dispatch_by: Instant,
}

/// Held by whoever sends; dropping it says that the send is over, one way or another.
#[derive(Debug)]
pub struct Flight(Arc<State>);

/// Lets a stop wait for a flight's end.
#[derive(Clone, Debug)]
pub struct Watch(Arc<State>);

impl Flight {
    /// A flight that may begin to go out until `dispatch_by`.
    #[must_use]
    pub fn new(dispatch_by: Instant) -> Self {
        Self(Arc::new(State {
            over: AtomicBool::new(false),
            notify: Notify::new(),
            dispatch_by,
        }))
    }

    /// A watch on this flight.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch(Arc::clone(&self.0))
    }

    /// After this instant the send may not begin to be written.
    #[must_use]
    pub fn dispatch_by(&self) -> Instant {
        self.0.dispatch_by
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Release);
        self.0.notify.notify_waiters();
    }
}

impl Watch {
    /// Whether the flight is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.over.load(Ordering::Acquire)
    }

    /// Waits until the flight is over or its dispatch deadline has passed.
    pub async fn settled(&self) {
        let over = self.0.notify.notified();
        tokio::pin!(over);
        over.as_mut().enable();
        if self.is_over() {
            return;
        }
        let _ = tokio::time::timeout_at(self.0.dispatch_by.into(), over).await;
    }
}
