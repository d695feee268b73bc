//! Bodies that may have gone out, so that the same one to the same person waits.
//!
//! A send whose outcome is unknown has no message id, so no status can name it: only time, or a later
//! word of whoever sent it, settles it.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::State;
use super::journal::Change;
use crate::types::PersonId;

/// How long a send of unknown outcome makes the same body wait.
pub(crate) const UNSETTLED_MS: i64 = 15 * 60 * 1_000;

type Key = (PersonId, [u8; 16]);

/// Whom a send of unknown outcome went to, and with which body.
pub(crate) type Waiting = (SmallVec<[PersonId; 1]>, [u8; 16]);

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Unsettled {
    until: FxHashMap<Key, i64>,
    sends: FxHashMap<u64, Waiting>,
    queue: VecDeque<(i64, u64)>,
}

impl Unsettled {
    /// Until when this body to this person waits.
    pub(crate) fn until(&self, person: PersonId, hash: &[u8; 16]) -> Option<i64> {
        if self.until.is_empty() {
            return None;
        }
        self.until.get(&(person, *hash)).copied()
    }

    /// Puts back what was there.
    pub(crate) fn restore(&mut self, person: PersonId, hash: [u8; 16], before: Option<i64>) {
        match before {
            Some(until_ms) => self.until.insert((person, hash), until_ms),
            None => self.until.remove(&(person, hash)),
        };
    }

    /// The send of this decision, if its outcome was unknown of late.
    pub(crate) fn send(&self, seq: u64) -> Option<&Waiting> {
        self.sends.get(&seq)
    }

    /// Drops what has passed.
    pub(crate) fn sweep(&mut self, now_ms: i64) {
        while let Some((until_ms, seq)) = self.queue.front().copied() {
            if until_ms > now_ms {
                break;
            }
            self.queue.pop_front();
            let Some((people, hash)) = self.sends.remove(&seq) else {
                continue;
            };
            for person in people {
                if self
                    .until
                    .get(&(person, hash))
                    .is_some_and(|until_ms| *until_ms <= now_ms)
                {
                    self.until.remove(&(person, hash));
                }
            }
        }
    }
}

impl State {
    /// Makes the body of a send wait.
    pub(crate) fn unsettle(&mut self, seq: u64, (people, hash): Waiting, until_ms: i64) {
        for person in &people {
            self.set_unsettled(*person, hash, Some(until_ms));
        }
        self.unsettled.queue.push_back((until_ms, seq));
        self.unsettled.sends.insert(seq, (people, hash));
    }

    /// Lets the body of a send go again.
    pub(crate) fn resettle(&mut self, seq: u64) {
        let Some((people, hash)) = self.unsettled.send(seq).cloned() else {
            return;
        };
        for person in people {
            self.set_unsettled(person, hash, None);
        }
    }

    fn set_unsettled(&mut self, person: PersonId, hash: [u8; 16], until_ms: Option<i64>) {
        let before = self.unsettled.until(person, &hash);
        self.journal.note(Change::Unsettled(person, hash, before));
        self.unsettled.restore(person, hash, until_ms);
    }
}
