//! Which send a message id belongs to, for what is too new to stand in a sorted run of the store.
//!
//! Message ids come in no order, so an index over them would cost every send a page of its own. Instead
//! ids are logged as they come and gathered here; once there are enough for a *run*, they are written in
//! order, a slice with each commit, and the log of that run goes. A look-up asks here first, then the
//! runs, newest first.

use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

use super::State;
use super::journal::Change;

/// How many ids are kept where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Ids in one run.
    pub(crate) run_ids: usize,
    /// Ids of a closed run that one commit writes at most.
    pub(crate) slice_ids: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            run_ids: 64 << 10,
            slice_ids: 1 << 10,
        }
    }
}

/// Runs that a look-up reads at most; statuses of older messages are kept by their id alone.
pub(crate) const RUNS_READ_MAX: i64 = 1 << 10;

/// What stands for a message id in runs: the first eight bytes of its SHA-256.
pub(crate) fn hash(message_id: &str) -> i64 {
    let digest: [u8; 32] = Sha256::digest(message_id.as_bytes()).into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// A run that is being written.
#[derive(Debug)]
pub(crate) struct Closing {
    /// Its number.
    pub(crate) run: i64,
    /// Hashes and decisions, in order.
    pub(crate) ids: Vec<(i64, i64)>,
    /// How many are written.
    pub(crate) written: usize,
}

/// The ids that no run holds yet.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    /// How long runs are.
    pub(crate) sizes: Sizes,
    /// The number of the run that is gathered.
    pub(crate) run: i64,
    /// What it holds so far: hash to decision.
    pub(crate) open: FxHashMap<i64, i64>,
    /// The run before, while it is being written.
    pub(crate) closing: Option<Closing>,
    /// What this batch added, in order; logged by its commit.
    pub(crate) added: Vec<(i64, i64)>,
    written_before: usize,
}

impl Messages {
    /// No ids, gathered as this run.
    pub(crate) fn of_run(run: i64) -> Self {
        Self {
            run,
            ..Self::default()
        }
    }

    /// The decision that a hash was last seen with.
    pub(crate) fn get(&self, hash: i64) -> Option<i64> {
        self.open.get(&hash).copied().or_else(|| {
            let closing = self.closing.as_ref()?;
            let at = closing
                .ids
                .binary_search_by_key(&hash, |(hash, _)| *hash)
                .ok()?;
            closing.ids.get(at).map(|(_, seq)| *seq)
        })
    }

    /// Takes over what the log held. A run whose writing was broken off is gathered anew, with what came
    /// after it.
    pub(crate) fn load(&mut self, run: i64, ids: impl Iterator<Item = (i64, i64)>) {
        self.run = self.run.max(run);
        self.open.extend(ids);
    }

    /// Whether a run is complete and none is being written.
    pub(crate) fn is_full(&self) -> bool {
        self.open.len() >= self.sizes.run_ids && self.closing.is_none()
    }

    /// Begins to write the run that was gathered.
    pub(crate) fn close(&mut self) {
        let mut ids: Vec<_> = std::mem::take(&mut self.open).into_iter().collect();
        if !ids.is_empty() {
            ids.sort_unstable();
            self.closing = Some(Closing {
                run: self.run,
                ids,
                written: 0,
            });
        }
        self.run += 1;
        self.written_before = 0;
    }

    pub(super) fn begin(&mut self) {
        self.added.clear();
        self.written_before = self.closing.as_ref().map_or(0, |closing| closing.written);
    }

    pub(super) fn undo(&mut self) {
        if let Some(closing) = &mut self.closing {
            closing.written = self.written_before;
        }
    }

    pub(super) fn restore(&mut self, hash: i64, before: Option<i64>) {
        match before {
            Some(seq) => self.open.insert(hash, seq),
            None => self.open.remove(&hash),
        };
    }
}

impl State {
    /// Notes the decision that a message came of.
    pub(crate) fn note_message(&mut self, hash: i64, seq: i64) {
        let before = self.messages.open.insert(hash, seq);
        self.messages.added.push((hash, seq));
        self.journal.note(Change::Message(hash, before));
    }
}
