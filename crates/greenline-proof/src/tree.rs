//! The tree over a log's leaves: its root at any size, and the two proofs that RFC 6962 knows.
//!
//! A tree of `n` leaves splits at the largest power of two below `n`. So every left part is *full*: it has
//! a power of two of leaves, never changes again, and has an address, [`NodeAt`]. Whoever keeps the hashes
//! of full nodes can give any root and any proof of the past without reading the leaves. Nothing here
//! says where they are kept: [`Nodes`] is asked for them, one by one. [`Wanted`] is asked instead when
//! one must know beforehand which there are to be, so that they can be fetched at once and waited for.

mod frontier;
mod proof;

use std::collections::BTreeMap;
use std::convert::Infallible;

use crate::hash::Hash;

pub use frontier::Frontier;
pub use proof::{consistency_proof, inclusion_proof, is_consistent, is_included};

/// Levels from one kept level to the next: see [`kept_level`].
const KEPT_EVERY: u32 = 8;

/// The address of a full node: `2^level` leaves, from leaf `index * 2^level` on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeAt {
    /// How far above the leaves.
    pub level: u32,
    /// Which of its level, from the left.
    pub index: u64,
}

/// The nearest level at or below `level` whose nodes are worth keeping.
///
/// Keeping each node would double what a log costs. With the leaves and every eighth level kept, that is
/// one node in 256 leaves, any other node is folded from at most 128 of those.
#[must_use]
pub fn kept_level(level: u32) -> u32 {
    level / KEPT_EVERY * KEPT_EVERY
}

impl NodeAt {
    /// Whether it lies on a level that is worth keeping above the leaves.
    #[must_use]
    pub fn is_kept(self) -> bool {
        self.level > 0 && self.level.is_multiple_of(KEPT_EVERY)
    }

    /// The nodes of the nearest kept level that it is folded from: the first of them, and how many.
    #[must_use]
    pub fn kept(self) -> (Self, u64) {
        let level = kept_level(self.level);
        let count = 1_u64 << (self.level - level);
        let index = self.index.saturating_mul(count);
        (Self { level, index }, count)
    }
}

/// Gives the hashes of full nodes.
pub trait Nodes {
    /// Why one cannot be given.
    type Error;

    /// The hash of a full node. Level 0 is the leaves' own hashes.
    ///
    /// # Errors
    /// The keeper's.
    fn node(&mut self, at: NodeAt) -> Result<Hash, Self::Error>;
}

/// The leaves themselves, for small logs.
impl Nodes for &[Hash] {
    type Error = MissingNode;

    fn node(&mut self, at: NodeAt) -> Result<Hash, MissingNode> {
        let size = 1_u64.checked_shl(at.level).ok_or(MissingNode(at))?;
        let begin = at.index.checked_mul(size).ok_or(MissingNode(at))?;
        let end = begin.checked_add(size).ok_or(MissingNode(at))?;
        let place = |count| usize::try_from(count).unwrap_or(usize::MAX);
        let leaves = self.get(place(begin)..place(end)).ok_or(MissingNode(at))?;
        fold_full(leaves).ok_or(MissingNode(at))
    }
}

/// The hash over a power of two of neighbours; `None` for any other number.
pub(crate) fn fold_full(hashes: &[Hash]) -> Option<Hash> {
    if !hashes.len().is_power_of_two() {
        return None;
    }
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row
            .chunks_exact(2)
            .filter_map(|pair| match pair {
                [left, right] => Some(Hash::node(left, right)),
                _ => None,
            })
            .collect();
    }
    row.pop()
}

/// A node that was asked for and is not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the log's node {} of level {} is not there", .0.index, .0.level)]
pub struct MissingNode(pub NodeAt);

/// Nodes that have been fetched.
#[derive(Clone, Debug, Default)]
pub struct Known(BTreeMap<NodeAt, Hash>);

impl Known {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node, from the nodes that [`NodeAt::kept`] names.
    ///
    /// # Errors
    /// When these are not as many as it takes.
    pub fn add(&mut self, at: NodeAt, kept: &[Hash]) -> Result<(), MissingNode> {
        let (_, count) = at.kept();
        let is_whole = u64::try_from(kept.len()) == Ok(count);
        let folded = fold_full(kept).filter(|_| is_whole);
        self.0.insert(at, folded.ok_or(MissingNode(at))?);
        Ok(())
    }
}

impl Nodes for Known {
    type Error = MissingNode;

    fn node(&mut self, at: NodeAt) -> Result<Hash, MissingNode> {
        self.0.get(&at).copied().ok_or(MissingNode(at))
    }
}

/// Notes which nodes are asked for, and gives none of worth: what is computed with it is thrown away.
#[derive(Clone, Debug, Default)]
pub struct Wanted(Vec<NodeAt>);

impl Wanted {
    /// The nodes that `compute` asks for, each once.
    #[must_use]
    pub fn by<T>(compute: impl FnOnce(&mut Self) -> Result<T, Infallible>) -> Vec<NodeAt> {
        let mut wanted = Self::default();
        let Ok(_) = compute(&mut wanted);
        wanted.0.sort_unstable();
        wanted.0.dedup();
        wanted.0
    }
}

impl Nodes for Wanted {
    type Error = Infallible;

    fn node(&mut self, at: NodeAt) -> Result<Hash, Infallible> {
        self.0.push(at);
        Ok(Hash([0; 32]))
    }
}

/// A part of the tree: `count` leaves from `begin` on. Invariant: parts come from splitting, so a part of
/// a power of two of leaves is a full node.
#[derive(Clone, Copy)]
struct Part {
    begin: u64,
    count: u64,
}

impl Part {
    fn whole(size: u64) -> Self {
        Self {
            begin: 0,
            count: size,
        }
    }

    /// Both parts, and how many leaves the left has; `None` of a single leaf.
    fn split(self) -> Option<(Self, Self, u64)> {
        let left = split(self.count)?;
        let (begin, count) = (self.begin + left, self.count - left);
        Some((
            Self {
                begin: self.begin,
                count: left,
            },
            Self { begin, count },
            left,
        ))
    }

    /// The hash over it.
    fn hash<N: Nodes>(self, nodes: &mut N) -> Result<Hash, N::Error> {
        if self.count == 0 {
            return Ok(Hash::empty());
        }
        if self.count.is_power_of_two() {
            let level = self.count.trailing_zeros();
            return nodes.node(NodeAt {
                level,
                index: self.begin >> level,
            });
        }
        match self.split() {
            Some((left, right, _)) => Ok(Hash::node(&left.hash(nodes)?, &right.hash(nodes)?)),
            None => Ok(Hash::empty()),
        }
    }
}

/// The largest power of two below `count`; `None` when there is nothing to split.
fn split(count: u64) -> Option<u64> {
    let last = count.checked_sub(1)?;
    last.checked_ilog2().map(|log| 1 << log)
}

/// The root over the first `size` leaves.
///
/// # Errors
/// The keeper's.
pub fn root_of<N: Nodes>(size: u64, nodes: &mut N) -> Result<Hash, N::Error> {
    Part::whole(size).hash(nodes)
}
