//! Commits that fail on purpose, so that tests can see what is left of a batch that did not hold; and runs of
//! message ids so short that tests can fill them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;

use crate::error::LedgerError;
use crate::state::messages::Sizes;

/// Counts commits and makes chosen ones fail. By default none does.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    plan: Option<Arc<Plan>>,
    /// How message ids are kept.
    pub(crate) sizes: Sizes,
}

#[derive(Debug, Default)]
struct Plan {
    commits: AtomicU64,
    fail_from: AtomicU64,
    fail_to: AtomicU64,
}

impl Faults {
    /// Faults that can be switched on.
    #[must_use]
    pub fn planned() -> Self {
        Self {
            plan: Some(Arc::default()),
            sizes: Sizes::default(),
        }
    }

    /// Keeps message ids in runs of so many, of which one commit writes so many at most.
    #[must_use]
    pub fn with_runs(mut self, run_ids: usize, slice_ids: usize) -> Self {
        self.sizes = Sizes { run_ids, slice_ids };
        self
    }

    /// Makes the `n`-th next commit fail (1 is the next) and `more` after it.
    pub fn fail(&self, n: u64, more: u64) {
        if let Some(plan) = &self.plan {
            let from = plan.commits.load(Ordering::SeqCst) + n;
            plan.fail_from.store(from, Ordering::SeqCst);
            plan.fail_to.store(from + more, Ordering::SeqCst);
        }
    }

    /// Commits tried so far.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.plan
            .as_ref()
            .map_or(0, |plan| plan.commits.load(Ordering::SeqCst))
    }

    pub(crate) fn watch(&self, connection: &mut Connection) -> Result<(), LedgerError> {
        let Some(plan) = self.plan.clone() else {
            return Ok(());
        };
        connection.commit_hook(Some(move || {
            let commit = plan.commits.fetch_add(1, Ordering::SeqCst) + 1;
            (plan.fail_from.load(Ordering::SeqCst)..=plan.fail_to.load(Ordering::SeqCst))
                .contains(&commit)
        }))?;
        Ok(())
    }
}
