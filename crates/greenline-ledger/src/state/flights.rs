//! Sends under way, kept at the people they go to until they are over.

use std::collections::VecDeque;

use super::State;
use super::people::Slot;
use crate::flight::Watch;

/// Where flights are, oldest first, so that those that are over can be dropped a few at a time.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    queue: VecDeque<(Slot, Watch)>,
}

/// How many places are looked at for each one added: enough to keep up, never a long sweep.
const SWEEP_PER_ADDED: usize = 2;

impl State {
    /// Keeps a flight at a group. Not journalled: a flight whose batch fails is dropped and so over.
    pub(crate) fn take_off(&mut self, slot: Slot, watch: Watch) {
        for _ in 0..SWEEP_PER_ADDED {
            self.sweep_one();
        }
        self.groups[slot as usize].flights.push(watch.clone());
        self.flights.queue.push_back((slot, watch));
    }

    fn sweep_one(&mut self) {
        let Some((slot, watch)) = self.flights.queue.pop_front() else {
            return;
        };
        if !watch.is_over() {
            self.flights.queue.push_back((slot, watch));
            return;
        }
        // A batch that was taken back may have taken the group with it.
        if (slot as usize) < self.groups.len() {
            let slot = self.follow(slot);
            let flights = &mut self.groups[slot as usize].flights;
            flights.retain(|watch| !watch.is_over());
            if flights.is_empty() {
                flights.shrink_to_fit();
            }
        }
    }

    /// Watches on every send under way to these groups.
    pub(crate) fn flights_of(&self, slots: &[Slot], into: &mut Vec<Watch>) {
        for slot in slots {
            into.extend(
                self.group(*slot)
                    .flights
                    .iter()
                    .filter(|watch| !watch.is_over())
                    .cloned(),
            );
        }
    }
}
