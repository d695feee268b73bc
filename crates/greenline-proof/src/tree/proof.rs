//! That a leaf stands in a log, and that a log only grew: made and checked by the same splitting.
//!
//! Checking follows the definition backwards instead of the bit tricks of the RFC: the proof is used up
//! from its end while the tree is split from its top, so it is plain that each hash has one place.

use super::{Nodes, Part, split};
use crate::hash::Hash;

/// That leaf `index` stands in the log's first `size` leaves: the siblings on its way up, lowest first.
/// Empty when there is no such leaf.
///
/// # Errors
/// The keeper's.
pub fn inclusion_proof<N: Nodes>(
    index: u64,
    size: u64,
    nodes: &mut N,
) -> Result<Vec<Hash>, N::Error> {
    let mut proof = Vec::new();
    let mut part = Part::whole(size);
    if index >= size {
        return Ok(proof);
    }
    while let Some((left, right, _)) = part.split() {
        let (own, other) = if index < right.begin {
            (left, right)
        } else {
            (right, left)
        };
        proof.push(other.hash(nodes)?);
        part = own;
    }
    proof.reverse();
    Ok(proof)
}

/// Whether `proof` shows that `leaf` is number `index` of the `size` leaves under `root`.
#[must_use]
pub fn is_included(leaf: Hash, index: u64, size: u64, proof: &[Hash], root: Hash) -> bool {
    index < size && climb(leaf, index, size, proof) == Some(root)
}

/// The root above a leaf; `None` when the proof is not just as long as it must be.
fn climb(leaf: Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    let Some(left) = split(size) else {
        return proof.is_empty().then_some(leaf);
    };
    let (other, rest) = proof.split_last()?;
    if index < left {
        Some(Hash::node(&climb(leaf, index, left, rest)?, other))
    } else {
        let own = climb(leaf, index - left, size - left, rest)?;
        Some(Hash::node(other, &own))
    }
}

/// That the log of `size` leaves begins with the log of `earlier` leaves.
/// Empty when there is nothing to prove: of nothing, of all, or of more than there is.
///
/// # Errors
/// The keeper's.
pub fn consistency_proof<N: Nodes>(
    earlier: u64,
    size: u64,
    nodes: &mut N,
) -> Result<Vec<Hash>, N::Error> {
    let mut proof = Vec::new();
    if earlier == 0 || earlier >= size {
        return Ok(proof);
    }
    let (mut part, mut of_it) = (Part::whole(size), earlier);
    // Whether the part begins where the log begins; the verifier knows the earlier root then.
    let mut is_first = true;
    while of_it < part.count {
        let Some((left, right, at)) = part.split() else {
            break;
        };
        if of_it <= at {
            proof.push(right.hash(nodes)?);
            part = left;
        } else {
            proof.push(left.hash(nodes)?);
            (part, of_it, is_first) = (right, of_it - at, false);
        }
    }
    if !is_first {
        proof.push(part.hash(nodes)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Whether `proof` shows that the log of `size` leaves under `root` begins with the log of `earlier`
/// leaves under `earlier_root`.
#[must_use]
pub fn is_consistent(
    (earlier, earlier_root): (u64, Hash),
    (size, root): (u64, Hash),
    proof: &[Hash],
) -> bool {
    if earlier > size {
        return false;
    }
    if earlier == 0 {
        return proof.is_empty() && earlier_root == Hash::empty();
    }
    roots(earlier, size, Some(earlier_root), proof) == Some((earlier_root, root))
}

/// Both roots that follow from a proof; `known` is the earlier one while the part begins the log.
fn roots(earlier: u64, size: u64, known: Option<Hash>, proof: &[Hash]) -> Option<(Hash, Hash)> {
    if earlier == size {
        let both = match (known, proof) {
            (Some(root), []) => root,
            (None, [root]) => *root,
            _ => return None,
        };
        return Some((both, both));
    }
    let left = split(size)?;
    let (other, rest) = proof.split_last()?;
    if earlier <= left {
        let (before, after) = roots(earlier, left, known, rest)?;
        Some((before, Hash::node(&after, other)))
    } else {
        let (before, after) = roots(earlier - left, size - left, None, rest)?;
        Some((Hash::node(other, &before), Hash::node(other, &after)))
    }
}
