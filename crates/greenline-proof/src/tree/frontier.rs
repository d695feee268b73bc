//! What appending needs of a log: the full nodes along its right edge, a few dozen at most.

use super::{NodeAt, Nodes};
use crate::hash::Hash;

/// A log's size and right edge.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Frontier {
    size: u64,
    /// Full nodes from left to right, each lower than the one before: the binary digits of the size.
    edge: Vec<(u32, Hash)>,
}

impl Frontier {
    /// Of a log without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Of a log of `size` leaves, from the nodes kept.
    ///
    /// # Errors
    /// The keeper's.
    pub fn load<N: Nodes>(size: u64, nodes: &mut N) -> Result<Self, N::Error> {
        let mut edge = Vec::new();
        let mut begin = 0_u64;
        for level in (0..u64::BITS).rev() {
            if size & (1 << level) == 0 {
                continue;
            }
            let index = begin >> level;
            edge.push((level, nodes.node(NodeAt { level, index })?));
            begin |= 1 << level;
        }
        Ok(Self { size, edge })
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf, and tells of each node that it completes, the leaf first.
    pub fn append(&mut self, leaf: Hash, mut completed: impl FnMut(NodeAt, Hash)) {
        let (mut level, mut hash) = (0, leaf);
        let mut index = self.size;
        completed(NodeAt { level, index }, hash);
        while let Some((_, left)) = self.edge.pop_if(|(other, _)| *other == level) {
            hash = Hash::node(&left, &hash);
            level += 1;
            index >>= 1;
            completed(NodeAt { level, index }, hash);
        }
        self.edge.push((level, hash));
        self.size += 1;
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut edge = self.edge.iter().rev().map(|(_, hash)| *hash);
        let Some(last) = edge.next() else {
            return Hash::empty();
        };
        edge.fold(last, |right, left| Hash::node(&left, &right))
    }
}
