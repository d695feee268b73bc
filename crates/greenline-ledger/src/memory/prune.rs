//! Letting go of what is old, list by list.

use greenline_proof::Salts;

use super::All;
use crate::prune::{BATCH_MAX, Prune, PruneKind, first_number};
use crate::seal::{RecordId, SealKind};
use crate::types::BusinessIx;

impl All {
    pub(super) fn prunable(
        &self,
        business: BusinessIx,
        kind: PruneKind,
        before_ms: i64,
    ) -> Vec<(i64, i64)> {
        let number = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
        let mut rows: Vec<i64> = match kind {
            PruneKind::Decisions => {
                let sends = self.sends.iter().filter(|send| send.business == business);
                sends
                    .map(|send| send.record.id.seq)
                    .filter(|seq| number(*seq) < first_number(before_ms))
                    .filter(|seq| {
                        let kind = SealKind::Decision;
                        let id = RecordId { kind, seq: *seq };
                        self.log_place(business, id).is_some()
                    })
                    .map(number)
                    .collect()
            }
            // Statuses are found by the send itself.
            PruneKind::Messages => Vec::new(),
            PruneKind::Replies => self.old_replies(business, before_ms),
            PruneKind::Timeline => {
                let entries = self.timeline.iter().filter(|(of, _)| *of == business);
                entries
                    // How a way out or an alert stands is what its newest entry says.
                    .filter(|(_, entry)| {
                        entry.at_ms < before_ms
                            && entry.seq < first_number(before_ms)
                            && !matches!(&*entry.subject, "avenue" | "alert")
                    })
                    .filter(|(_, entry)| {
                        let kind = SealKind::Timeline;
                        let seq = u64::try_from(entry.seq).unwrap_or(0);
                        self.log_place(business, RecordId { kind, seq }).is_some()
                    })
                    .map(|(_, entry)| entry.seq)
                    .collect()
            }
        };
        rows.sort_unstable();
        rows.truncate(BATCH_MAX);
        rows.into_iter().map(|number| (0, number)).collect()
    }

    pub(super) fn prune(&mut self, prune: &Prune) -> u64 {
        let is_gone = |number: i64| prune.rows.iter().any(|(_, gone)| *gone == number);
        match prune.kind {
            PruneKind::Decisions => {
                let before = self.sends.len();
                let signed = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
                self.sends.retain(|send| {
                    send.business != prune.business || !is_gone(signed(send.record.id.seq))
                });
                self.prune_held(|seq| is_gone(signed(seq)));
                self.let_go(prune.business, prune.at_ms, |id| {
                    id.kind == SealKind::Decision && is_gone(signed(id.seq))
                });
                (before - self.sends.len()) as u64
            }
            PruneKind::Messages => 0,
            PruneKind::Replies => self.forget_old_replies(is_gone),
            PruneKind::Timeline => {
                let before = self.timeline.len();
                self.timeline.retain(|(_, entry)| !is_gone(entry.seq));
                self.let_go(prune.business, prune.at_ms, |id| {
                    id.kind == SealKind::Timeline
                        && is_gone(i64::try_from(id.seq).unwrap_or(i64::MAX))
                });
                (before - self.timeline.len()) as u64
            }
        }
    }

    fn let_go(&mut self, business: BusinessIx, at_ms: i64, is_gone: impl Fn(RecordId) -> bool) {
        for leaf in self.leaves_mut(business) {
            if is_gone(leaf.id) {
                leaf.salts = Salts::Pruned(at_ms);
            }
        }
    }
}
