//! Letting go of what has been kept long enough.
//!
//! Consent events, their proof and what an erasure keeps are never pruned. Of everything else a batch at a time
//! goes, so small that no send waits for it: what may go is looked for beside the write path, and one short
//! transaction deletes it. A decision or timeline entry goes only once it is sealed; its leaf keeps the hash and says that the
//! record was pruned, so that every head and every proof over the log stays as it was.

use crate::error::LedgerError;
use crate::request::{Answer, Request};
use crate::types::BusinessIx;
use crate::{Backend, Ledger, expect_answer, on};

/// Rows that one batch deletes at most.
pub const BATCH_MAX: usize = 256;
/// Nothing younger than that is pruned, whatever is asked.
pub const AGE_MIN_MS: i64 = 24 * 60 * 60 * 1_000;

/// What can be pruned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PruneKind {
    /// Decisions that are sealed, with what became of their sends.
    Decisions,
    /// What leads from a message's id to its decision, once the decisions are gone; of all businesses at once.
    Messages,
    /// Own replies that are over.
    Replies,
    /// Timeline entries that are sealed.
    Timeline,
}

impl PruneKind {
    /// Every kind, in the order in which to prune.
    pub const ALL: [Self; 4] = [
        Self::Decisions,
        Self::Messages,
        Self::Replies,
        Self::Timeline,
    ];

    /// Its name in the log, in metrics and in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decisions => "decisions",
            Self::Messages => "messages",
            Self::Replies => "replies",
            Self::Timeline => "timeline",
        }
    }
}

/// What a writer is asked to delete.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Prune {
    /// Whose.
    pub(crate) business: BusinessIx,
    /// What.
    pub(crate) kind: PruneKind,
    /// Shard and number of rows that were found to be old enough; [`BATCH_MAX`] at most.
    pub(crate) rows: Vec<(i64, i64)>,
    /// Now, for the leaves.
    pub(crate) at_ms: i64,
}

impl Ledger {
    /// Deletes what is older than `before_ms`, [`BATCH_MAX`] rows at most; says how many. To be asked again until
    /// there are none; asked by several nodes at once it does no harm.
    ///
    /// # Errors
    /// `Unavailable` when it could not be written; what was deleted before is.
    pub async fn prune(
        &self,
        business: BusinessIx,
        kind: PruneKind,
        before_ms: i64,
        at_ms: i64,
    ) -> Result<u64, LedgerError> {
        let before_ms = before_ms.min(at_ms.saturating_sub(AGE_MIN_MS));
        let rows = match on!(self, store => store.prunable(business, kind, before_ms).await)? {
            rows if rows.is_empty() => return Ok(0),
            rows => rows,
        };
        let prune = Prune {
            business,
            kind,
            rows,
            at_ms,
        };
        let answer = self.ask(Request::Prune(Box::new(prune))).await?;
        expect_answer!(answer, Answer::Count(rows) => rows)
    }
}

/// The first number that is not before a moment.
pub(crate) fn first_number(at_ms: i64) -> i64 {
    at_ms.max(0).saturating_mul(1 << 20)
}
