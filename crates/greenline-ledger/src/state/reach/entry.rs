//! What changes who counts, and how a store logs it.

use greenline_policy::reach::counts_until_ms;

use super::counted::KEPT_MS;
use crate::error::LedgerError;
use crate::types::PersonId;

/// What changes who counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    /// A message went out to somebody whom it counts for.
    Sent {
        seq: u64,
        person: PersonId,
        at_ms: i64,
    },
    /// The platform refused it, or it certainly did not go.
    Refused { seq: u64 },
    /// After all it may have gone.
    Gone { seq: u64 },
    /// It reached the person.
    Delivered { seq: u64, at_ms: i64 },
    /// It did not.
    Failed { seq: u64 },
    /// Two people are one.
    Joined { into: PersonId, from: PersonId },
    /// It goes by this message id.
    Named { seq: u64, hash: i64 },
    /// A message whose send is not known yet reached the person.
    StrayDelivered { hash: i64, at_ms: i64 },
    /// A message whose send is not known yet did not.
    StrayFailed { hash: i64, at_ms: i64 },
}

/// Bytes of a logged entry.
const ENTRY_BYTES: usize = 25;

impl Entry {
    fn parts(self) -> (u8, [i64; 3]) {
        let signed = |number: u64| number as i64;
        match self {
            Self::Sent { seq, person, at_ms } => (1, [signed(seq), signed(person.0), at_ms]),
            Self::Refused { seq } => (2, [signed(seq), 0, 0]),
            Self::Gone { seq } => (3, [signed(seq), 0, 0]),
            Self::Delivered { seq, at_ms } => (4, [signed(seq), 0, at_ms]),
            Self::Failed { seq } => (5, [signed(seq), 0, 0]),
            Self::Joined { into, from } => (6, [signed(into.0), signed(from.0), 0]),
            Self::Named { seq, hash } => (7, [signed(seq), hash, 0]),
            Self::StrayDelivered { hash, at_ms } => (8, [hash, 0, at_ms]),
            Self::StrayFailed { hash, at_ms } => (9, [hash, 0, at_ms]),
        }
    }

    fn of(kind: u8, [a, b, at_ms]: [i64; 3]) -> Option<Self> {
        let (seq, person) = (a as u64, PersonId(b as u64));
        Some(match kind {
            1 => Self::Sent { seq, person, at_ms },
            2 => Self::Refused { seq },
            3 => Self::Gone { seq },
            4 => Self::Delivered { seq, at_ms },
            5 => Self::Failed { seq },
            6 => Self::Joined {
                into: PersonId(seq),
                from: person,
            },
            7 => Self::Named { seq, hash: b },
            8 => Self::StrayDelivered { hash: a, at_ms },
            9 => Self::StrayFailed { hash: a, at_ms },
            _ => return None,
        })
    }
}

/// Entries as they are logged, one after the other.
pub(crate) fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY_BYTES);
    for entry in entries {
        let (kind, numbers) = entry.parts();
        bytes.push(kind);
        for number in numbers {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
    bytes
}

/// Reads [`encode`].
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Entry>, LedgerError> {
    let unreadable = || LedgerError::unreadable("the log of who was reached");
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, i64::from_le_bytes);
    let entry = |bytes: &[u8]| {
        let (kind, numbers) = bytes.split_first()?;
        let mut parts = numbers.chunks_exact(8).map(number);
        Entry::of(*kind, [parts.next()?, parts.next()?, parts.next()?])
    };
    if !bytes.len().is_multiple_of(ENTRY_BYTES) {
        return Err(unreadable());
    }
    let entries = bytes.chunks_exact(ENTRY_BYTES).map(entry);
    entries.collect::<Option<_>>().ok_or_else(unreadable)
}

/// The latest moment that entries tell of; a log may drop them once that is long past.
pub(crate) fn latest_ms(entries: &[Entry], now_ms: i64) -> i64 {
    let moments = entries.iter().map(|entry| match entry {
        Entry::Sent { at_ms, .. }
        | Entry::Delivered { at_ms, .. }
        | Entry::StrayDelivered { at_ms, .. }
        | Entry::StrayFailed { at_ms, .. } => *at_ms,
        _ => now_ms,
    });
    moments.max().unwrap_or(now_ms)
}

/// Until when entries are of use that tell of moments up to then.
pub(crate) fn useful_until_ms(latest_ms: i64) -> i64 {
    counts_until_ms(latest_ms).saturating_add(KEPT_MS)
}
