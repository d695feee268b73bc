//! The provable log: leaves as they were appended, looked through from the start each time. Records are not kept as
//! text here, so decisions are sealed field by field.

use greenline_proof::{Known, NodeAt, Nodes as _};

use super::{All, Result};
use crate::error::LedgerError;
use crate::seal::{
    NewSeal, RecordId, Recorded, SealKind, SealedLeaf, StoredHead, Unsealed, decision_fields,
    entry_fields, event_fields,
};
use crate::types::BusinessIx;

/// The log of a business.
#[derive(Debug, Default)]
pub(super) struct Log {
    leaves: Vec<SealedLeaf>,
    heads: Vec<StoredHead>,
}

impl All {
    /// Every record of a business: events, timeline entries, decisions.
    fn records(&self, business: BusinessIx) -> Vec<RecordId> {
        let events = self.events_of(business).into_iter().map(|stored| RecordId {
            kind: SealKind::Event,
            seq: stored.id.0,
        });
        let entries = self.timeline.iter().filter(|(of, _)| *of == business);
        let entries = entries.map(|(_, entry)| RecordId {
            kind: SealKind::Timeline,
            seq: u64::try_from(entry.seq).unwrap_or(0),
        });
        let sends = self.sends.iter().filter(|send| send.business == business);
        let mut decisions: Vec<RecordId> = sends
            .map(|send| RecordId {
                kind: SealKind::Decision,
                seq: send.record.id.seq,
            })
            .collect();
        decisions.sort();
        events.chain(entries).chain(decisions).collect()
    }

    fn log(&self, business: BusinessIx) -> Option<&Log> {
        self.logs.get(&business)
    }

    pub(super) fn leaves_mut(&mut self, business: BusinessIx) -> &mut [SealedLeaf] {
        let log = self.logs.get_mut(&business);
        log.map_or(&mut [], |log| &mut log.leaves)
    }

    fn leaves(&self, business: BusinessIx) -> &[SealedLeaf] {
        self.log(business).map_or(&[], |log| &log.leaves)
    }

    pub(super) fn unsealed(&self, business: BusinessIx, limit: usize) -> Result<Vec<Unsealed>> {
        let is_sealed = |id: &RecordId| self.log_place(business, *id).is_some();
        let mut found = Vec::new();
        for id in self.records(business) {
            if found.len() < limit
                && !is_sealed(&id)
                && let Recorded::Fields(fields) = self.stored(business, id)?
            {
                found.push(Unsealed { id, fields });
            }
        }
        Ok(found)
    }

    pub(super) fn stored(&self, business: BusinessIx, id: RecordId) -> Result<Recorded> {
        let fields = match id.kind {
            SealKind::Event => self
                .events_of(business)
                .into_iter()
                .find(|stored| stored.id.0 == id.seq)
                .map(|stored| event_fields(self.business(business)?, stored)),
            SealKind::Decision => self
                .sends
                .iter()
                .find(|send| send.business == business && send.record.id.seq == id.seq)
                .map(|send| decision_fields(&send.record)),
            SealKind::Timeline => self
                .timeline
                .iter()
                .find(|(of, entry)| *of == business && u64::try_from(entry.seq) == Ok(id.seq))
                .map(|(_, entry)| Ok(entry_fields(self.business(business)?, entry))),
        };
        Ok(fields.transpose()?.map_or(Recorded::Gone, Recorded::Fields))
    }

    pub(super) fn log_head(&self, business: BusinessIx, size: Option<u64>) -> Option<StoredHead> {
        let heads = &self.log(business)?.heads;
        match size {
            None => heads.last().cloned(),
            Some(size) => {
                let found = heads.iter().find(|head| head.signed.head.size == size);
                found.cloned()
            }
        }
    }

    pub(super) fn log_heads(
        &self,
        business: BusinessIx,
        after: u64,
        limit: usize,
    ) -> Vec<StoredHead> {
        let heads = self.log(business).map_or(&[][..], |log| &log.heads);
        let later = heads.iter().filter(|head| head.signed.head.size > after);
        later.take(limit).cloned().collect()
    }

    pub(super) fn log_leaves(
        &self,
        business: BusinessIx,
        from: u64,
        limit: usize,
    ) -> Vec<SealedLeaf> {
        let leaves = self.leaves(business).iter();
        let later = leaves.filter(|leaf| leaf.index >= from);
        later.take(limit).cloned().collect()
    }

    pub(super) fn log_nodes(&self, business: BusinessIx, wanted: &[NodeAt]) -> Result<Known> {
        let leaves: Vec<_> = self.leaves(business).iter().map(|leaf| leaf.hash).collect();
        let missing = |_| LedgerError::unreadable("a node of the log");
        let mut known = Known::new();
        for at in wanted {
            let (first, count) = at.kept();
            let kept = (first.index..first.index + count).map(|index| {
                let level = first.level;
                leaves.as_slice().node(NodeAt { level, index })
            });
            let kept: Vec<_> = kept.collect::<Result<_, _>>().map_err(missing)?;
            known.add(*at, &kept).map_err(missing)?;
        }
        Ok(known)
    }

    pub(super) fn log_place(&self, business: BusinessIx, id: RecordId) -> Option<SealedLeaf> {
        let mut leaves = self.leaves(business).iter();
        leaves.find(|leaf| leaf.id == id).cloned()
    }

    pub(super) fn seal(&mut self, seal: NewSeal) -> bool {
        if self.erasures.get(&seal.business).copied().unwrap_or(0) != seal.erasures {
            return false;
        }
        let log = self.logs.entry(seal.business).or_default();
        let is_sealed = |id| log.leaves.iter().any(|leaf| leaf.id == id);
        if log.leaves.len() as u64 != seal.size || seal.leaves.iter().any(|leaf| is_sealed(leaf.id))
        {
            return false;
        }
        for (index, leaf) in (seal.size..).zip(seal.leaves) {
            log.leaves.push(SealedLeaf {
                index,
                id: leaf.id,
                hash: leaf.hash,
                salts: greenline_proof::Salts::Seed(leaf.seed),
            });
        }
        log.heads.push(seal.head);
        true
    }

    pub(super) fn forget_salts(
        &mut self,
        business: BusinessIx,
        id: RecordId,
        names: &[Box<str>],
    ) -> Result<bool> {
        let Recorded::Fields(fields) = self.stored(business, id)? else {
            return Err(LedgerError::unreadable("a record that is to be erased"));
        };
        let leaves = self.logs.get_mut(&business).map(|log| &mut log.leaves);
        let leaf = leaves.and_then(|leaves| leaves.iter_mut().find(|leaf| leaf.id == id));
        let Some(leaf) = leaf else { return Ok(false) };
        let left = leaf
            .salts
            .without(&fields, |name| names.iter().any(|gone| **gone == *name));
        leaf.salts = left.map_err(|_| LedgerError::unreadable("the salts of a record"))?;
        Ok(true)
    }
}
