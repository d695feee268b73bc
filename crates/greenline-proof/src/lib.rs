//! How a history is made provable: the log's tree, its leaves, its signed heads, and bundles that prove
//! what the log holds of one person to someone who trusts neither the store nor the program.
//!
//! The tree has the shape of RFC 6962, so a log can be checked with any tool that knows it. What is a
//! leaf, and what a bundle looks like, is ours: `docs/concepts/proof.md` describes both to the byte.
//!
//! This crate never does I/O, never waits, reads no clock and rolls no die: hashes, salts' seeds, keys
//! and times are handed in, so that a bundle is checked offline by the very code that made it. It knows
//! nothing of consent: it proves that fields are those that were sealed, not what they mean.

mod bundle;
mod hash;
mod head;
mod leaf;
mod plan;
mod tree;

pub use bundle::verify::{Problem, Proved, Report, Trust, verify_bundle};
pub use bundle::{
    BUNDLE_FORMAT, BadBundle, Bundle, BundleEntry, BundleField, Earlier, PublishedHead, read_heads,
};
pub use hash::{Hash, hex};
pub use head::{BadKey, Head, KeyId, PublicKey, SignedHead, SigningKey};
pub use leaf::{
    BadLeaf, Field, Opening, Salt, Salts, Seed, commit, leaf_bytes, leaf_hash, sealed_hash,
};
pub use plan::{BadPlan, PLAN_FORMAT, Plan, PlanCounts, PlanFile, PlanReason, SignedPlan};
pub use tree::{
    Frontier, Known, MissingNode, NodeAt, Nodes, Wanted, consistency_proof, inclusion_proof,
    is_consistent, is_included, kept_level, root_of,
};
