//! Decisions that were committed of late, as they were written, so that they can be sealed without being read
//! from the store again.
//!
//! Whoever seals asks here first. What is not here any more, or never was because another process wrote it, is
//! read from the store: this is a shortcut and nothing rests on it. An erasure empties it before it commits, so
//! that nothing is sealed from here that the store no longer holds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use super::pending::Row;
use super::rows::seq;
use crate::error::LedgerError;
use crate::seal::{Cuts, RecordId, SealKind, Unsealed, decision_parts};
use crate::types::{DecisionId, PersonShard};

/// Bytes of records kept at most, the room of what went included; what is older is read from the store.
const RECENT_BYTES_MAX: usize = 32 << 20;

/// The decisions of one commit.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Records, one after the other.
    pub(super) records: Vec<u8>,
    /// Each with where its record can be cut, and where it ends.
    pub(super) rows: Vec<(Row, Cuts, usize)>,
}

impl Batch {
    /// Forgets all but the room it takes.
    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.rows.clear();
    }

    fn last(&self) -> i64 {
        self.rows.last().map_or(i64::MIN, |(row, ..)| row.seq)
    }

    fn bytes(&self) -> usize {
        self.records.capacity() + self.rows.capacity() * size_of::<(Row, Cuts, usize)>()
    }
}

#[derive(Debug)]
struct Kept {
    batches: VecDeque<Arc<Batch>>,
    /// Empty, to be filled again: new room would have to be found and cleared for each commit.
    spare: Vec<Batch>,
    /// Of both.
    bytes: usize,
    /// Every decision after this number is here, but for those that came late.
    after: i64,
    /// By business: up to where decisions are sealed.
    marks: FxHashMap<i64, i64>,
}

/// What is kept.
#[derive(Debug)]
pub(super) struct Recent(Mutex<Kept>);

impl Recent {
    /// Nothing of what was written so far, up to this number.
    pub(super) fn after(last: i64) -> Self {
        Self(Mutex::new(Kept {
            batches: VecDeque::new(),
            spare: Vec::new(),
            bytes: 0,
            after: last,
            marks: FxHashMap::default(),
        }))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what a commit wrote, and gives room for the next.
    pub(super) fn push(&self, batch: Batch) -> Batch {
        if batch.rows.is_empty() {
            return batch;
        }
        let (records, rows) = (batch.records.len(), batch.rows.len());
        let mut kept = self.kept();
        kept.bytes += batch.bytes();
        kept.batches.push_back(Arc::new(batch));
        let room = kept.spare.pop();
        kept.bytes -= room.as_ref().map_or(0, Batch::bytes);
        while kept.bytes > RECENT_BYTES_MAX {
            if let Some(spare) = kept.spare.pop() {
                kept.bytes -= spare.bytes();
            } else if let Some(oldest) = kept.batches.pop_front() {
                kept.bytes -= oldest.bytes();
                kept.after = kept.after.max(oldest.last());
            } else {
                break;
            }
        }
        drop(kept);
        room.unwrap_or_else(|| Batch {
            records: Vec::with_capacity(records),
            rows: Vec::with_capacity(rows),
        })
    }

    /// Gives nothing any more until [`Self::start_over`].
    pub(super) fn close(&self) {
        let mut kept = self.kept();
        kept.batches.clear();
        kept.spare.clear();
        kept.bytes = 0;
        kept.after = i64::MAX;
    }

    /// Begins anew after this number.
    pub(super) fn start_over(&self, last: i64) {
        self.kept().after = last;
    }

    /// The commits that may hold some after a mark. The writer waits here to add to them, so they are read elsewhere.
    fn batches_after(&self, business: i64, mark: i64) -> Option<Vec<Arc<Batch>>> {
        let mut kept = self.kept();
        kept.forget_sealed(business, mark);
        if mark < kept.after {
            return None;
        }
        let batches = kept.batches.iter();
        Some(
            batches
                .filter(|batch| batch.last() > mark)
                .cloned()
                .collect(),
        )
    }

    /// Decisions of a business after its mark, oldest first; `None` when not all of them are here.
    pub(super) fn unsealed(
        &self,
        (business, id): (i64, &str),
        mark: i64,
        limit: usize,
    ) -> Option<Result<Vec<Unsealed>, LedgerError>> {
        let mut found = Vec::new();
        for batch in self.batches_after(business, mark)? {
            let mut from = 0;
            for (row, cuts, end) in &batch.rows {
                let record = batch.records.get(from..*end);
                from = *end;
                if row.business != business || row.seq <= mark {
                    continue;
                }
                if found.len() >= limit {
                    return Some(Ok(found));
                }
                match sealable(row, cuts, id, record) {
                    Ok(unsealed) => found.push(unsealed),
                    Err(error) => return Some(Err(error)),
                }
            }
        }
        Some(Ok(found))
    }
}

impl Kept {
    fn forget_sealed(&mut self, business: i64, mark: i64) {
        self.marks.insert(business, mark);
        let marks = &self.marks;
        let is_sealed = |batch: &Batch| {
            batch.rows.iter().all(|(row, ..)| {
                marks
                    .get(&row.business)
                    .is_some_and(|mark| row.seq <= *mark)
            })
        };
        while let Some(oldest) = self.batches.pop_front_if(|batch| is_sealed(batch)) {
            let bytes = oldest.bytes();
            match Arc::try_unwrap(oldest) {
                Ok(mut batch) => {
                    batch.clear();
                    self.spare.push(batch);
                }
                // Still being read; its room goes with its reader.
                Err(_) => self.bytes -= bytes,
            }
        }
    }
}

fn sealable(
    row: &Row,
    cuts: &Cuts,
    business: &str,
    record: Option<&[u8]>,
) -> Result<Unsealed, LedgerError> {
    let text = record.map(std::str::from_utf8);
    let Some(Ok(text)) = text else {
        return Err(LedgerError::Bug("a record that is not text"));
    };
    let id = DecisionId {
        shard: PersonShard(row.shard),
        seq: seq(row.seq),
    };
    Ok(Unsealed {
        id: RecordId {
            kind: SealKind::Decision,
            seq: id.seq,
        },
        fields: decision_parts(id, business, row.at_ms, text, cuts)?,
    })
}
