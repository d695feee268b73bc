//! Where new people get their numbers from.

use std::hash::{BuildHasher, RandomState};

use crate::types::PersonId;

/// A source of person ids: evenly spread, so that shards fill evenly. They need not be secret.
#[derive(Debug)]
pub(crate) struct Ids(u64);

impl Ids {
    /// A source seeded by the process's own hash keys, which the system chose at random.
    pub(crate) fn seeded() -> Self {
        Self(RandomState::new().hash_one("people"))
    }

    /// The next id: 63 bits, never zero. (SplitMix64.)
    pub(crate) fn next(&mut self) -> PersonId {
        loop {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let id = (mixed ^ (mixed >> 31)) >> 1;
            if id != 0 {
                return PersonId(id);
            }
        }
    }
}
