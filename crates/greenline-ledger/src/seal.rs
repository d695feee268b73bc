//! The provable log of a business: which records are sealed, in what order, and what is needed to prove it.
//!
//! Every consent event, every decision and every timeline entry becomes a leaf, once, in the order in which it was sealed. Sealing
//! stands beside the write path: a record is written as ever and sealed later by whoever holds the lease;
//! [`NewSeal`] is taken only if the log still has the size it was made for, so that two sealers do no harm,
//! only double work. What a record's leaf holds is said in `seal/fields.rs`; what became of a send (outcome,
//! message ids, status) changes later and is in no leaf.
//!
//! Values stay where they are; beside each leaf stand the salts that open it, so that erasing a value and
//! its salt leaves the commitment, and every proof, as it was.

mod fields;
mod parts;

use greenline_proof::{Field, Hash, NodeAt, PublicKey, Salts, Seed, SignedHead};

use crate::error::LedgerError;
use crate::types::BusinessIx;

pub(crate) use fields::{decision_fields, entry_fields, event_fields};
pub(crate) use parts::{Cuts, Form, decision_parts, record_people, stored_parts, with_people};

/// Leaves in one seal at most.
pub const LEAVES_MAX: usize = 2_048;

/// What kind of record a leaf is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SealKind {
    /// A consent event.
    Event,
    /// A decision.
    Decision,
    /// A timeline entry.
    Timeline,
}

impl SealKind {
    /// Its name in leaves and bundles.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Decision => "decision",
            Self::Timeline => "timeline",
        }
    }

    /// Its number in stores.
    pub(crate) fn column(self) -> i64 {
        match self {
            Self::Event => 1,
            Self::Decision => 2,
            Self::Timeline => 3,
        }
    }

    /// Reads [`Self::column`].
    pub(crate) fn of_column(column: i64) -> Option<Self> {
        [Self::Event, Self::Decision, Self::Timeline]
            .into_iter()
            .find(|kind| kind.column() == column)
    }
}

/// Names a record within its business.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RecordId {
    /// What kind of record.
    pub kind: SealKind,
    /// Its number: an event's id, the `seq` of a decision or an entry.
    pub seq: u64,
}

/// A record as it is stored now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recorded {
    /// Its fields.
    Fields(Vec<Field>),
    /// It is not there.
    Gone,
    /// It does not read, or is not in the form in which it is written.
    Unreadable,
}

/// A record that is not sealed yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsealed {
    /// Which.
    pub id: RecordId,
    /// Its fields; none where it does not read.
    pub fields: Vec<Field>,
}

impl Unsealed {
    /// One that was read, or that cannot be: then it has no fields, and keeps none of the others from being sealed.
    pub(crate) fn of(
        id: RecordId,
        fields: Result<Vec<Field>, LedgerError>,
    ) -> Result<Self, LedgerError> {
        match fields {
            Err(LedgerError::Corrupt(_)) => Ok(Self {
                id,
                fields: Vec::new(),
            }),
            fields => fields.map(|fields| Self { id, fields }),
        }
    }

    /// Whether it cannot be read, and so not be sealed.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.fields.is_empty()
    }
}

/// A leaf as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedLeaf {
    /// Its place in the log.
    pub index: u64,
    /// The record it is of.
    pub id: RecordId,
    /// Its hash.
    pub hash: Hash,
    /// What opens it.
    pub salts: Salts,
}

/// A leaf to be appended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewLeaf {
    /// The record it is of.
    pub id: RecordId,
    /// Its hash.
    pub hash: Hash,
    /// What its salts come from.
    pub seed: Seed,
}

/// Leaves to be appended, with the head over them.
#[derive(Clone, Debug)]
pub struct NewSeal {
    /// The business.
    pub business: BusinessIx,
    /// The size of the log they are made for.
    pub size: u64,
    /// How many erasures the business had had before the records were read: one that came since may have changed
    /// what a leaf is made of.
    pub erasures: u64,
    /// Records among the others that do not read: they wait apart until they do.
    pub skipped: Vec<RecordId>,
    /// The leaves, [`LEAVES_MAX`] at most.
    pub leaves: Vec<NewLeaf>,
    /// Nodes they complete on levels that are kept above the leaves.
    pub nodes: Vec<(NodeAt, Hash)>,
    /// The head over all.
    pub head: StoredHead,
}

/// A head as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredHead {
    /// The head and its signature.
    pub signed: SignedHead,
    /// The key that made it.
    pub key: PublicKey,
}
