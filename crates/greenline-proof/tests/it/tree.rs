//! The tree against a twin written straight from its definition, over all the leaves, each time anew.

use std::convert::Infallible;

use greenline_proof::{
    Frontier, Hash, Known, NodeAt, Nodes, Wanted, consistency_proof, inclusion_proof,
    is_consistent, is_included, root_of,
};
use proptest::prelude::*;

/// The largest power of two smaller than `n`, found by trying.
fn half(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

fn twin_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::empty(),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(half(leaves.len()));
            Hash::node(&twin_root(left), &twin_root(right))
        }
    }
}

fn twin_path(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = half(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, other) = if m < k {
        (twin_path(m, left), right)
    } else {
        (twin_path(m - k, right), left)
    };
    path.push(twin_root(other));
    path
}

fn twin_subproof(m: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if whole {
            Vec::new()
        } else {
            vec![twin_root(leaves)]
        };
    }
    let k = half(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, other) = if m <= k {
        (twin_subproof(m, left, whole), right)
    } else {
        (twin_subproof(m - k, right, false), left)
    };
    proof.push(twin_root(other));
    proof
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|at| Hash::leaf(&at.to_be_bytes())).collect()
}

fn size(leaves: &[Hash]) -> u64 {
    leaves.len() as u64
}

#[test]
fn roots_are_those_that_other_logs_of_this_shape_compute() {
    let data: [&[u8]; 8] = [
        b"",
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[
            0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d,
            0x6e, 0x6f,
        ],
    ];
    let leaves: Vec<Hash> = data.iter().map(|data| Hash::leaf(data)).collect();
    let root = |count: usize| {
        let root = root_of(count as u64, &mut leaves.as_slice());
        root.expect("all leaves are there").to_string()
    };
    assert_eq!(
        root(0),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(
        root(1),
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    );
    assert_eq!(
        root(8),
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    );
}

#[test]
fn every_small_log_agrees_with_the_twin_and_every_proof_holds_for_its_own_place_only() {
    for count in 0..=40 {
        let leaves = leaves(count);
        let (size, root) = (size(&leaves), twin_root(&leaves));
        let mut nodes = leaves.as_slice();
        assert_eq!(root_of(size, &mut nodes), Ok(root));
        for (index, leaf) in leaves.iter().enumerate() {
            let path = inclusion_proof(index as u64, size, &mut nodes).expect("leaves are there");
            assert_eq!(path, twin_path(index, &leaves));
            for other in 0..=size {
                let holds = is_included(*leaf, other, size, &path, root);
                assert_eq!(holds, other == index as u64, "{index} as {other} of {size}");
            }
        }
        for earlier in 1..=count {
            let proof =
                consistency_proof(earlier as u64, size, &mut nodes).expect("leaves are there");
            let old = twin_root(&leaves[..earlier]);
            assert_eq!(proof, twin_subproof(earlier, &leaves, true));
            assert!(is_consistent((earlier as u64, old), (size, root), &proof));
        }
    }
}

/// Keeps what a store would: leaves, and every eighth level.
#[derive(Default)]
struct Kept(std::collections::BTreeMap<NodeAt, Hash>);

impl Kept {
    fn fetch(&self, wanted: &[NodeAt]) -> Known {
        let mut known = Known::new();
        for at in wanted {
            let (first, count) = at.kept();
            let kept: Vec<Hash> = (0..count)
                .map(|offset| {
                    let index = first.index + offset;
                    self.0[&NodeAt {
                        level: first.level,
                        index,
                    }]
                })
                .collect();
            known.add(*at, &kept).expect("as many as it takes");
        }
        known
    }

    fn with<T>(
        &self,
        wanted: impl FnOnce(&mut Wanted) -> Result<T, Infallible>,
        compute: impl FnOnce(&mut Known) -> Result<T, greenline_proof::MissingNode>,
    ) -> T {
        compute(&mut self.fetch(&Wanted::by(wanted))).expect("what was wanted is known")
    }
}

fn grown(leaves: &[Hash]) -> (Frontier, Kept) {
    let (mut frontier, mut kept) = (Frontier::new(), Kept::default());
    for leaf in leaves {
        frontier.append(*leaf, |at, hash| {
            if at.level == 0 || at.is_kept() {
                kept.0.insert(at, hash);
            }
        });
    }
    (frontier, kept)
}

#[test]
fn a_log_is_taken_up_again_at_any_size_from_what_is_kept() {
    let leaves = leaves(700);
    let (whole, kept) = grown(&leaves);
    assert_eq!(whole.root(), twin_root(&leaves));
    for count in [0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 699, 700] {
        let size = count as u64;
        let mut frontier = kept.with(
            |nodes| Frontier::load(size, nodes),
            |nodes| Frontier::load(size, nodes),
        );
        assert_eq!(frontier.root(), twin_root(&leaves[..count]), "{count}");
        for leaf in &leaves[count..] {
            frontier.append(*leaf, |_, _| {});
        }
        assert_eq!(frontier, whole, "{count}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn proofs_from_what_is_kept_are_those_of_the_twin(
        count in 1_usize..1_200, at in 0_usize..1_200, earlier in 1_usize..1_200,
    ) {
        let leaves = leaves(count);
        let (at, earlier) = (at % count, earlier % count + 1);
        let (size, at, before) = (size(&leaves), at as u64, earlier as u64);
        let (frontier, kept) = grown(&leaves);
        prop_assert_eq!(frontier.root(), twin_root(&leaves));
        let path = kept.with(
            |nodes| inclusion_proof(at, size, nodes),
            |nodes| inclusion_proof(at, size, nodes),
        );
        prop_assert_eq!(path, twin_path(at as usize, &leaves));
        let proof = kept.with(
            |nodes| consistency_proof(before, size, nodes),
            |nodes| consistency_proof(before, size, nodes),
        );
        prop_assert_eq!(proof, twin_subproof(earlier, &leaves, true));
    }

    #[test]
    fn a_proof_with_anything_changed_does_not_hold(
        count in 2_usize..200, at in 0_usize..200, byte in 0_usize..32, bit in 0_u8..8, which in 0_usize..16, drop in any::<bool>(),
    ) {
        let leaves = leaves(count);
        let (size, root, at) = (size(&leaves), twin_root(&leaves), at % count);
        let mut path = twin_path(at, &leaves);
        let which = which % path.len();
        if drop {
            path.remove(which);
        } else {
            path[which].0[byte] ^= 1 << bit;
        }
        prop_assert!(!is_included(leaves[at], at as u64, size, &path, root));
        let earlier = at + 1;
        let mut proof = twin_subproof(earlier, &leaves, true);
        if !proof.is_empty() {
            let which = which % proof.len();
            if drop {
                proof.remove(which);
            } else {
                proof[which].0[byte] ^= 1 << bit;
            }
            let old = twin_root(&leaves[..earlier]);
            prop_assert!(!is_consistent((earlier as u64, old), (size, root), &proof));
        }
    }

    #[test]
    fn dropped_reordered_and_changed_leaves_give_another_root_and_are_not_consistent(
        count in 3_usize..120, a in 0_usize..120, b in 0_usize..120, what in 0_u8..3,
    ) {
        let before = leaves(count);
        let (a, b) = (a % count, b % count);
        let mut after = before.clone();
        match what {
            0 => { after.remove(a); after.push(Hash::leaf(b"more")); }
            1 => {
                prop_assume!(a != b);
                after.swap(a, b);
            }
            _ => after[a] = Hash::leaf(b"another"),
        }
        let kept_root = twin_root(&before);
        prop_assert_ne!(twin_root(&after), kept_root);
        // Whoever rewrote it makes the best proof that the rewritten log allows.
        after.push(Hash::leaf(b"last"));
        let proof = twin_subproof(count, &after, true);
        let now = (size(&after), twin_root(&after));
        prop_assert!(!is_consistent((count as u64, kept_root), now, &proof));
    }
}

#[test]
fn nothing_follows_from_nothing_and_nothing_from_more_than_there_is() {
    let leaves = leaves(3);
    let root = twin_root(&leaves);
    assert!(is_consistent((0, Hash::empty()), (3, root), &[]));
    assert!(!is_consistent((0, root), (3, root), &[]));
    assert!(!is_consistent((0, Hash::empty()), (3, root), &[root]));
    assert!(!is_consistent((4, root), (3, root), &[]));
    assert!(is_consistent((3, root), (3, root), &[]));
    assert!(!is_included(leaves[0], 3, 3, &[], root));
}

#[test]
fn a_hundred_million_leaves_need_no_more_than_their_right_edge() {
    /// Every node of a level has the same hash, as in a log of equal leaves.
    struct Equal;
    impl Nodes for Equal {
        type Error = Infallible;
        fn node(&mut self, at: NodeAt) -> Result<Hash, Infallible> {
            let leaf = Hash::leaf(b"equal");
            Ok((0..at.level).fold(leaf, |hash, _| Hash::node(&hash, &hash)))
        }
    }
    let (size, index) = (100_000_000, 73_000_001);
    let Ok(root) = root_of(size, &mut Equal);
    let Ok(path) = inclusion_proof(index, size, &mut Equal);
    assert!(is_included(Hash::leaf(b"equal"), index, size, &path, root));
    let wanted = Wanted::by(|nodes| inclusion_proof(index, size, nodes));
    assert!(wanted.len() < 64, "{} nodes", wanted.len());
    let read: u64 = wanted.iter().map(|at| at.kept().1).sum();
    assert!(read < 2_000, "{read} kept hashes");
}
