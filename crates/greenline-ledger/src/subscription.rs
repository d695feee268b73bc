//! Who is told of what: subscriptions, as far as a store must know them.
//!
//! A store looks at three switches when something happens. Everything else, such as the address, is a text that
//! it keeps and never reads.

use crate::error::LedgerError;
use crate::request::{Answer, Request};
use crate::types::BusinessIx;
use crate::{Backend, Ledger, Result, on};

/// Subscriptions of one business at most.
pub const SUBSCRIPTIONS_MAX: usize = 32;
/// Notices that wait for one subscription are counted up to here.
pub const WAITING_COUNTED_MAX: u64 = 1_000;
/// Notices that one step of a replay makes due at most.
pub const REPLAY_STEP_MAX: usize = 1_000;

/// What a subscription takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Takes {
    /// Anything at all: what happens while it is not is to be had by a replay.
    pub active: bool,
    /// Changes of consent.
    pub consents: bool,
    /// Those that were imported too.
    pub imports: bool,
}

impl Takes {
    /// Whether it takes a change of consent.
    pub(crate) fn has(self, is_import: bool) -> bool {
        self.active && self.consents && (self.imports || !is_import)
    }
}

/// A subscription.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscription {
    /// Whose.
    pub business: BusinessIx,
    /// Names it; deliveries wait for it under this name.
    pub id: Box<str>,
    /// How often it was written, 0 for one that is not.
    pub version: i64,
    /// What it takes.
    pub takes: Takes,
    /// Everything else.
    pub body: Box<str>,
}

/// A step of a replay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replay {
    /// Whose.
    pub business: BusinessIx,
    /// Which subscription waits for them again.
    pub subscription: Box<str>,
    /// Consents that were imported too.
    pub imports: bool,
    /// After this moment and delivery.
    pub after: (i64, i64),
    /// How many at most, and no more than [`REPLAY_STEP_MAX`].
    pub limit: usize,
    /// When they are due.
    pub now_ms: i64,
}

/// What a step of a replay did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Replayed {
    /// Notices that are due again.
    pub notices: u64,
    /// Where the next step begins; `None` after the last.
    pub next: Option<(i64, i64)>,
}

impl Ledger {
    /// The subscriptions of a business, by id.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn subscriptions(&self, business: BusinessIx) -> Result<Vec<Subscription>> {
        on!(self, store => store.subscriptions(business).await)
    }

    /// Writes a subscription, if it still has the version given; `false`, and nothing written, when it has not.
    /// What happens afterwards, on whichever node, is told to it.
    ///
    /// # Errors
    /// `Unavailable` when it could not be written.
    pub async fn put_subscription(&self, subscription: Subscription) -> Result<bool> {
        match self
            .ask(Request::PutSubscription(Box::new(subscription)))
            .await?
        {
            Answer::Sealed(done) => Ok(done),
            _ => Err(LedgerError::Bug("an answer to another request")),
        }
    }

    /// Takes a subscription away; what waits for it is dropped as it comes due, or when its days are over. `false`
    /// when there is none.
    ///
    /// # Errors
    /// `Unavailable` when it could not be written.
    pub async fn remove_subscription(&self, business: BusinessIx, id: &str) -> Result<bool> {
        match self
            .ask(Request::RemoveSubscription(business, id.into()))
            .await?
        {
            Answer::Sealed(done) => Ok(done),
            _ => Err(LedgerError::Bug("an answer to another request")),
        }
    }

    /// How many notices wait for a subscription, those that are kept while it gets none too;
    /// [`WAITING_COUNTED_MAX`] stands for that many or more.
    ///
    /// # Errors
    /// `Unavailable` when the store does not read.
    pub async fn notices_waiting(&self, business: BusinessIx, id: &str) -> Result<u64> {
        on!(self, store => store.notices_waiting(business, id).await)
    }

    /// Makes notices due once more, as far as they are kept, oldest first.
    ///
    /// # Errors
    /// `Unavailable` when it could not be written.
    pub async fn replay_notices(&self, replay: Replay) -> Result<Replayed> {
        match self.ask(Request::ReplayNotices(Box::new(replay))).await? {
            Answer::Replayed(replayed) => Ok(replayed),
            _ => Err(LedgerError::Bug("an answer to another request")),
        }
    }
}
