//! This node among the others: a number of its own below its ids, leased, and a token that says
//! whether it lives.
//!
//! The lease is counted by the database's clock where others look, and by this node's own monotonic
//! clock, from before it asked, where this node looks: so it never believes in a lease that others
//! could take for over. Nothing that a stop relies on rests on it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::connect::Link;
use super::sql;
use super::trouble::Trouble;
use crate::error::LedgerError;
use crate::ids::Ids;

/// Nodes at most.
const NODES: u64 = 256;
/// How long a node that says nothing counts as living.
const LEASE: Duration = Duration::from_secs(7);
/// How often a node says that it lives.
pub(super) const RENEW_EVERY: Duration = Duration::from_secs(2);
/// Numbers tried before giving up: more than there are.
const TRIES_MAX: u64 = NODES;

fn lease_ms() -> i64 {
    i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX)
}

/// A node's lease on its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    /// Below this node's ids.
    pub(super) node: u64,
    /// This node and no other, ever.
    pub(super) token: i64,
    until: Instant,
}

impl Lease {
    /// Whether this node may still use it.
    pub(super) fn holds(&self) -> bool {
        Instant::now() < self.until
    }

    /// Takes a free number.
    pub(super) async fn take(link: &mut Link, ids: &mut Ids) -> Result<Self, Trouble> {
        let token = i64::try_from(ids.next().0).unwrap_or(i64::MAX);
        let first = ids.next().0;
        for offset in 0..TRIES_MAX {
            let node = first.wrapping_add(offset) % NODES;
            let until = Instant::now() + LEASE;
            let column = i64::try_from(node).unwrap_or(0);
            if link
                .run(sql::LEASE_NODE, &[&column, &token, &lease_ms()])
                .await?
                > 0
            {
                return Ok(Self { node, token, until });
            }
        }
        Err(Trouble::Final(LedgerError::busy(
            "as many nodes run as can",
        )))
    }

    /// Says that this node lives; `None` when it had been taken for dead.
    pub(super) async fn renew(self, link: &mut Link) -> Result<Option<Self>, Trouble> {
        let until = Instant::now() + LEASE;
        let node = i64::try_from(self.node).unwrap_or(0);
        let renewed = link
            .run(sql::RENEW_NODE, &[&node, &self.token, &lease_ms()])
            .await?;
        Ok((renewed > 0).then_some(Self { until, ..self }))
    }

    /// Gives the number back.
    pub(super) async fn release(self, link: &mut Link) -> Result<(), Trouble> {
        let node = i64::try_from(self.node).unwrap_or(0);
        link.run(sql::RELEASE_NODE, &[&node, &self.token]).await?;
        Ok(())
    }
}

/// Numbers of one kind, made by this node: the moment, a count, the node.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counter(u64);

impl Counter {
    /// The next number: not before the moment, above every one of this kind made here and above
    /// `last`.
    pub(super) fn next(&mut self, node: u64, moment_ms: i64, last: u64) -> u64 {
        let floor = u64::try_from(moment_ms).unwrap_or(0) << 12;
        self.0 = floor.max(self.0 + 1).max((last >> 8) + 1);
        (self.0 << 8) | node
    }
}

/// This node's place among the others, kept for as long as it runs.
#[derive(Debug)]
pub(super) struct Seat {
    held: tokio::sync::Mutex<(Option<Lease>, Ids)>,
    /// The same lease, for whoever must not wait.
    known: Mutex<Option<Lease>>,
}

impl Seat {
    /// No place yet.
    pub(super) fn new() -> Self {
        Self {
            held: tokio::sync::Mutex::new((None, Ids::seeded())),
            known: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Option<Lease>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this node is the one of that token, and may count as living.
    pub(super) fn is_held_by(&self, token: i64) -> bool {
        self.known()
            .is_some_and(|lease| lease.token == token && lease.holds())
    }

    /// The lease, which holds; taken anew if it was lost.
    pub(super) async fn hold(&self, link: &mut Link) -> Result<Lease, Trouble> {
        let mut held = self.held.lock().await;
        match held.0 {
            Some(lease) if lease.holds() => Ok(lease),
            _ => self.seated(&mut held, link).await,
        }
    }

    /// Says that this node lives.
    pub(super) async fn renew(&self, link: &mut Link) -> Result<Lease, Trouble> {
        self.seated(&mut *self.held.lock().await, link).await
    }

    async fn seated(
        &self,
        (held, ids): &mut (Option<Lease>, Ids),
        link: &mut Link,
    ) -> Result<Lease, Trouble> {
        let renewed = match held {
            Some(lease) => lease.renew(link).await?,
            None => None,
        };
        let lease = match renewed {
            Some(lease) => lease,
            None => Lease::take(link, ids).await?,
        };
        *held = Some(lease);
        *self.known() = *held;
        Ok(lease)
    }

    /// Gives the place up.
    pub(super) async fn leave(&self, link: &mut Link) -> Result<(), Trouble> {
        let left = self.held.lock().await.0.take();
        *self.known() = None;
        match left {
            Some(lease) => lease.release(link).await,
            None => Ok(()),
        }
    }
}
