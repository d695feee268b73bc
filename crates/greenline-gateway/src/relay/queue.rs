//! One app's deliveries in one lane: what waits, what is under way, and whether the app answers at all.

use std::collections::VecDeque;

use greenline_ledger::types::Relay;
use rustc_hash::FxHashSet;

use super::order::Keys;

/// Deliveries of one app and lane in memory at most.
const WAITING_MAX: usize = 256;
/// Bytes of them at most.
const WAITING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Attempts that failed in a row before the app counts as down.
const FAILURES_DOWN: u32 = 5;
/// The longest an app counts as down before it is tried again.
const DOWN_MS_MAX: i64 = 60_000;

/// A delivery and what it is about.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) relay: Relay,
    pub(super) keys: Keys,
}

/// How an attempt ended, for the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// The app answered, whatever it answered.
    Answered,
    /// The app could not be reached, or is overloaded.
    Unreachable,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Item>,
    bytes: usize,
    under_way: usize,
    busy: FxHashSet<u64>,
    failures: u32,
    down_until_ms: i64,
}

impl Queue {
    /// Whether there is room for one more.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING_MAX && self.bytes < WAITING_BYTES_MAX
    }

    /// Whether there is room for so many.
    pub(super) fn has_room_for(&self, more: usize) -> bool {
        self.waiting.len() + more <= WAITING_MAX && self.has_room()
    }

    /// Takes out what waits: nobody takes it any more.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Item> + '_ {
        self.bytes = 0;
        self.waiting.drain(..)
    }

    /// Whether the app counts as down.
    pub(super) fn is_down(&self, now_ms: i64) -> bool {
        self.failures >= FAILURES_DOWN && now_ms < self.down_until_ms
    }

    /// Puts a delivery at the end.
    pub(super) fn push(&mut self, item: Item) {
        self.bytes += item.relay.body.len();
        self.waiting.push_back(item);
    }

    /// The first delivery that may go now: with room under way, and with none before it, waiting or under
    /// way, about the same. An app that was down is tried with one.
    pub(super) fn next(&mut self, under_way_max: usize) -> Option<Item> {
        let max = if self.failures >= FAILURES_DOWN {
            1
        } else {
            under_way_max.max(1)
        };
        if self.under_way >= max {
            return None;
        }
        let mut passed: FxHashSet<u64> = FxHashSet::default();
        let at = self.waiting.iter().position(|item| {
            let free = !item
                .keys
                .iter()
                .any(|key| self.busy.contains(key) || passed.contains(key));
            if !free {
                passed.extend(item.keys.iter().copied());
            }
            free
        })?;
        let item = self.waiting.remove(at)?;
        self.bytes -= item.relay.body.len();
        self.busy.extend(item.keys.iter().copied());
        self.under_way += 1;
        Some(item)
    }

    /// Notes that what was to be attempted is not: it is no longer ours to hand on.
    pub(super) fn forget(&mut self, keys: &Keys) {
        self.under_way = self.under_way.saturating_sub(1);
        for key in keys {
            self.busy.remove(key);
        }
    }

    /// Notes that an attempt is over. Returns what must not wait here, as the app is down now.
    pub(super) fn over(
        &mut self,
        keys: &Keys,
        end: End,
        now_ms: i64,
        pause_first_ms: i64,
    ) -> Vec<Item> {
        self.forget(keys);
        if end == End::Answered {
            self.failures = 0;
            return Vec::new();
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures < FAILURES_DOWN {
            return Vec::new();
        }
        let doubled = pause_first_ms.max(1) << (self.failures - FAILURES_DOWN).min(16);
        self.down_until_ms = now_ms.saturating_add(doubled.min(DOWN_MS_MAX));
        self.take().collect()
    }

    /// When the app is tried again.
    pub(super) fn down_until_ms(&self) -> i64 {
        self.down_until_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenline_ledger::types::{BusinessIx, Lane};

    fn item(seq: i64, keys: &[u64]) -> Item {
        let relay = Relay {
            inbox_seq: seq,
            app: "bot".into(),
            business: BusinessIx(0),
            body: [0_u8; 10].as_slice().into(),
            headers: Vec::new(),
            lane: Lane::Inbound,
            attempts: 0,
            received_ms: 0,
        };
        Item {
            relay,
            keys: keys.iter().copied().collect(),
        }
    }

    fn next(queue: &mut Queue) -> Option<i64> {
        queue.next(16).map(|item| item.relay.inbox_seq)
    }

    #[test]
    fn one_persons_deliveries_go_one_after_the_other_and_others_pass() {
        let mut queue = Queue::default();
        for (seq, keys) in [(1, &[7][..]), (2, &[7, 8]), (3, &[8]), (4, &[9]), (5, &[])] {
            queue.push(item(seq, keys));
        }
        assert_eq!(
            [
                next(&mut queue),
                next(&mut queue),
                next(&mut queue),
                next(&mut queue)
            ],
            [Some(1), Some(4), Some(5), None]
        );
        queue.over(&item(1, &[7]).keys, End::Answered, 0, 1_000);
        assert_eq!([next(&mut queue), next(&mut queue)], [Some(2), None]);
        queue.over(&item(2, &[7, 8]).keys, End::Answered, 0, 1_000);
        assert_eq!(next(&mut queue), Some(3));
    }

    #[test]
    fn only_so_many_are_under_way() {
        let mut queue = Queue::default();
        (0..5).for_each(|seq| queue.push(item(seq, &[])));
        assert!(queue.next(2).is_some() && queue.next(2).is_some() && queue.next(2).is_none());
    }

    #[test]
    fn an_app_that_does_not_answer_is_left_alone_and_then_tried_with_one() {
        let mut queue = Queue::default();
        (0..10).for_each(|seq| queue.push(item(seq, &[])));
        let mut put_off = Vec::new();
        for _ in 0..FAILURES_DOWN {
            assert!(put_off.is_empty());
            let item = queue.next(16).unwrap();
            put_off = queue.over(&item.keys, End::Unreachable, 0, 1_000);
        }
        assert_eq!(put_off.len(), 5);
        assert!(queue.is_down(999) && !queue.is_down(1_000));
        (0..3).for_each(|seq| queue.push(item(seq, &[])));
        let probe = queue.next(16).unwrap();
        assert!(queue.next(16).is_none());
        assert!(
            queue
                .over(&probe.keys, End::Answered, 1_000, 1_000)
                .is_empty()
        );
        assert!(queue.next(16).is_some() && queue.next(16).is_some());
    }

    #[test]
    fn memory_is_bounded() {
        let mut queue = Queue::default();
        let mut taken = 0;
        while queue.has_room_for(64) {
            queue.push(item(taken, &[]));
            taken += 1;
        }
        assert_eq!(taken, 193);
        while queue.has_room() {
            queue.push(item(taken, &[]));
            taken += 1;
        }
        assert_eq!(taken, 256);
    }
}
