//! Sends under way, here and on other nodes.
//!
//! A send of this node has its flight here, by person. One of another node shows in the database as a
//! send without outcome: whoever must wait for it waits until its outcome is there, or for as long as a
//! send may take to begin, counted from now on this node's own clock. As it was allowed before now, its
//! own deadline is over by then.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};
use tokio::time::Instant;

use super::connect::{Pool, retrying};
use super::rows::seq;
use super::sql;
use crate::flight::{Flight, Watch};
use crate::types::PersonId;

/// How long after it was allowed a send may begin to go out.
const DISPATCH_WITHIN: Duration = Duration::from_secs(2);
/// How often outcomes of other nodes' sends are looked for while somebody waits.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// Sends older than that by the database's clock are over, whoever made them: far more than the time
/// above and than two servers' clocks differ at a failover.
pub(super) const OVER_AFTER_MS: i64 = 60_000;
/// People kept before those without flights are looked for.
const SWEEP_AT: usize = 1_024;

/// The flights of this node.
#[derive(Debug, Default)]
pub(super) struct Flights {
    people: FxHashMap<PersonId, Vec<Watch>>,
    sweep_at: usize,
}

impl Flights {
    /// Keeps a flight.
    pub(super) fn take_off(&mut self, person: PersonId, watch: Watch) {
        let watches = self.people.entry(person).or_default();
        watches.retain(|watch| !watch.is_over());
        watches.push(watch);
        if self.people.len() > self.sweep_at.max(SWEEP_AT) {
            self.people.retain(|_, watches| {
                watches.retain(|watch| !watch.is_over());
                !watches.is_empty()
            });
            // Looked through again when it has doubled.
            self.sweep_at = self.people.len() * 2;
        }
    }

    /// Watches on the flights to a person.
    pub(super) fn of(&self, person: PersonId) -> impl Iterator<Item = Watch> {
        let watches = self.people.get(&person).into_iter().flatten();
        watches.filter(|watch| !watch.is_over()).cloned()
    }
}

/// A send of another node: its shard, its number.
type Remote = (i64, i64);

/// Sends of other nodes that somebody waits for.
#[derive(Debug, Default)]
pub(super) struct Remotes(Mutex<FxHashMap<Remote, Vec<Flight>>>);

impl Remotes {
    /// A watch on another node's send.
    pub(super) fn watch(
        self: &Arc<Self>,
        pool: &Arc<Pool>,
        runtime: &tokio::runtime::Handle,
        remote: Remote,
    ) -> Watch {
        let mut open = self.lock();
        let is_first = open.is_empty();
        // Counted anew for each who asks: it must be over for all of them.
        let flight = Flight::new((Instant::now() + DISPATCH_WITHIN).into_std());
        let watch = flight.watch();
        open.entry(remote).or_default().push(flight);
        if is_first {
            let (remotes, pool) = (Arc::clone(self), Arc::clone(pool));
            runtime.spawn(async move { remotes.look(&pool).await });
        }
        watch
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, FxHashMap<Remote, Vec<Flight>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for outcomes until there is nothing to look for.
    async fn look(&self, pool: &Pool) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = Instant::now().into_std();
            let (shards, seqs): (Vec<i64>, Vec<i64>) = {
                let mut open = self.lock();
                open.retain(|_, flights| {
                    flights.retain(|flight| flight.dispatch_by() > now);
                    !flights.is_empty()
                });
                if open.is_empty() {
                    return;
                }
                open.keys().copied().unzip()
            };
            let asked = retrying!(pool, link => link.rows(sql::OUTCOMES, &[&shards, &seqs]).await);
            let Ok(rows) = asked else { continue };
            let still: FxHashSet<u64> = rows
                .iter()
                .filter_map(|row| row.try_get(0).ok())
                .map(seq)
                .collect();
            let asked: FxHashSet<i64> = seqs.into_iter().collect();
            self.lock()
                .retain(|(_, number), _| still.contains(&seq(*number)) || !asked.contains(number));
        }
    }
}
