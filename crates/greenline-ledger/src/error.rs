//! What can go wrong, named by what the caller can do about it.

use std::error::Error;
use std::sync::Arc;

/// The underlying failure, shared by everyone it hit.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why the ledger did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LedgerError {
    /// Nothing was recorded; the same request may succeed later.
    #[error("the ledger cannot write or read right now")]
    Unavailable(#[source] Cause),
    /// The request contradicts what is there; repeating it as it is will not help.
    #[error("the request contradicts what the ledger holds: {0}")]
    Conflict(&'static str),
    /// What the request names does not exist.
    #[error("not in the ledger: {0}")]
    NotFound(&'static str),
    /// What is stored cannot be read; an operator must look.
    #[error("the store holds something unreadable")]
    Corrupt(#[source] Cause),
    /// A mistake of this program.
    #[error("a defect in the ledger: {0}")]
    Bug(&'static str),
}

/// A failure that has no error below it.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Plain(pub &'static str);

/// An own reply, or a held message, that is not in the hand that would send it: another took it over, or it is over.
pub(crate) const NOT_IN_HAND: &str = "it is in another hand, or over";

impl LedgerError {
    /// The queue is full, or the store is closing.
    pub(crate) fn busy(why: &'static str) -> Self {
        Self::Unavailable(Arc::new(Plain(why)))
    }

    /// Something stored does not read.
    pub(crate) fn unreadable(what: &'static str) -> Self {
        Self::Corrupt(Arc::new(Plain(what)))
    }

    /// Whether trying again later makes sense.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
