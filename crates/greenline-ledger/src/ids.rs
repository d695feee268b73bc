//! Where new people get their numbers from.

use std::hash::{BuildHasher, RandomState};

use crate::types::PersonId;

/// A source of person ids: evenly spread, so that shards fill evenly. They need not be secret.
#[derive(Debug)]
pub(crate) struct Ids {
    state: u64,
    /// What is left of a run: the next id and the last one.
    run: Option<(u64, u64)>,
}

/// Ids in a run; a power of two well below the size of a shard.
const RUN_IDS: u64 = 1 << 10;

impl Ids {
    /// A source seeded by the process's own hash keys, which the system chose at random.
    pub(crate) fn seeded() -> Self {
        Self {
            state: RandomState::new().hash_one("people"),
            run: None,
        }
    }

    /// The next id of the run, until it ends. Those who come together in numbers get neighbouring ids, so that
    /// their rows lie together.
    pub(crate) fn next_in_run(&mut self) -> Option<PersonId> {
        let (next, last) = self.run?;
        self.run = (next < last).then_some((next + 1, last));
        Some(PersonId(next))
    }

    /// Begins another run, somewhere; its first and last id. All are of one shard.
    pub(crate) fn new_run(&mut self) -> (PersonId, PersonId) {
        let first = (self.next().0 & !(RUN_IDS - 1)).max(RUN_IDS);
        let last = first + RUN_IDS - 1;
        self.run = Some((first, last));
        (PersonId(first), PersonId(last))
    }

    /// Ends the run.
    pub(crate) fn drop_run(&mut self) {
        self.run = None;
    }

    /// The next id: 63 bits, never zero. (SplitMix64.)
    pub(crate) fn next(&mut self) -> PersonId {
        loop {
            self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let id = (mixed ^ (mixed >> 31)) >> 1;
            if id != 0 {
                return PersonId(id);
            }
        }
    }
}
