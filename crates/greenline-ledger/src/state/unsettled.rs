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

type Key = (PersonId, [u8; 16]);

/// Sends that one body to one person waits for: until when, and by which decision.
pub(crate) type Waits = SmallVec<[(i64, u64); 1]>;

/// Whom a send of unknown outcome went to, and with which body.
pub(crate) type Waiting = (SmallVec<[PersonId; 1]>, [u8; 16]);

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Unsettled {
    waits: FxHashMap<Key, Waits>,
    sends: FxHashMap<u64, Waiting>,
    queue: VecDeque<(i64, u64)>,
}

impl Unsettled {
    /// Until when this body to this person waits.
    pub(crate) fn until(&self, person: PersonId, hash: &[u8; 16]) -> Option<i64> {
        if self.waits.is_empty() {
            return None;
        }
        let waits = self.waits.get(&(person, *hash))?;
        waits.iter().map(|(until_ms, _)| *until_ms).max()
    }

    /// Puts back what was there.
    pub(crate) fn restore(&mut self, person: PersonId, hash: [u8; 16], before: Waits) {
        if before.is_empty() {
            self.waits.remove(&(person, hash));
        } else {
            self.waits.insert((person, hash), before);
        }
    }

    /// The send of this decision, if its outcome was unknown of late.
    pub(crate) fn send(&self, seq: u64) -> Option<&Waiting> {
        self.sends.get(&seq)
    }

    fn waits(&self, person: PersonId, hash: [u8; 16]) -> Waits {
        self.waits.get(&(person, hash)).cloned().unwrap_or_default()
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
                let mut waits = self.waits(person, hash);
                waits.retain(|(until_ms, _)| *until_ms > now_ms);
                self.restore(person, hash, waits);
            }
        }
    }
}

impl State {
    /// Makes the body of a send wait.
    pub(crate) fn unsettle(&mut self, seq: u64, (people, hash): Waiting, until_ms: i64) {
        for person in &people {
            self.change_waits(*person, hash, seq, Some(until_ms));
        }
        self.unsettled.queue.push_back((until_ms, seq));
        self.unsettled.sends.insert(seq, (people, hash));
    }

    /// Lets the body of a send go again, unless it waits for another send too.
    pub(crate) fn resettle(&mut self, seq: u64) {
        let Some((people, hash)) = self.unsettled.send(seq).cloned() else {
            return;
        };
        for person in people {
            self.change_waits(person, hash, seq, None);
        }
    }

    fn change_waits(&mut self, person: PersonId, hash: [u8; 16], seq: u64, until_ms: Option<i64>) {
        let before = self.unsettled.waits(person, hash);
        let mut after = before.clone();
        after.retain(|(_, by)| *by != seq);
        after.extend(until_ms.map(|until_ms| (until_ms, seq)));
        self.journal.note(Change::Unsettled(person, hash, before));
        self.unsettled.restore(person, hash, after);
    }
}
