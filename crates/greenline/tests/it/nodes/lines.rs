//! Connections to nodes that may die: opened again when needed, and a call that got no answer says so.

use std::time::Duration;

use serde_json::Value;

use super::fleet::{Address, NODES};
use crate::support::http::{Answer, Connection};
use crate::support::settings::{ADMIN_KEY, APP_SECRET, BUSINESS};
use crate::support::webhook;

/// Tries of anything that must be done in the end.
pub(super) const TRIES_MAX: usize = 600;
/// Between them, while a node is away.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// How a call ended that has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Missed {
    /// There was nobody to ask.
    NotAsked,
    /// What was asked may have been done.
    Unanswered,
}

/// A caller's connections to each node.
#[derive(Debug)]
pub(super) struct Lines {
    addresses: [Address; NODES],
    public: [Option<Connection>; NODES],
    private: [Option<Connection>; NODES],
}

impl Lines {
    pub(super) fn to(addresses: [Address; NODES]) -> Self {
        Self {
            addresses,
            public: [const { None }; NODES],
            private: [const { None }; NODES],
        }
    }

    /// Posts JSON to a node's private listener.
    pub(super) async fn post(
        &mut self,
        node: usize,
        target: &str,
        key: &str,
        body: &Value,
    ) -> Result<Answer, Missed> {
        let kept = &mut self.private[node];
        if kept.is_none() {
            let opened = Connection::open(self.addresses[node].private).await;
            *kept = Some(opened.map_err(|_| Missed::NotAsked)?);
        }
        let connection = kept.as_mut().expect("it was just opened");
        let answer = connection.post(target, key, body).await;
        answer.map_err(|_| {
            *kept = None;
            Missed::Unanswered
        })
    }

    /// Records a consent event at one node after the other, until one says that it is done.
    pub(super) async fn record(&mut self, first: usize, event: &Value) {
        for tried in 0..TRIES_MAX {
            let node = (first + tried) % NODES;
            let answer = self.post(node, "/v1/consents", ADMIN_KEY, event).await;
            if is_done(answer, 201) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("it was never recorded");
    }

    /// Posts a webhook to one node after the other, the same bytes, until one acknowledges it: as the platform does.
    pub(super) async fn tell(&mut self, first: usize, body: &Value) {
        self.tell_bytes(first, &body.to_string()).await;
    }

    /// As [`Self::tell`].
    pub(super) async fn tell_bytes(&mut self, first: usize, body: &str) {
        for tried in 0..TRIES_MAX {
            if is_done(self.webhook((first + tried) % NODES, body).await, 200) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("it was never acknowledged");
    }

    /// Posts a signed webhook to a node's public listener.
    pub(super) async fn webhook(&mut self, node: usize, body: &str) -> Result<Answer, Missed> {
        let kept = &mut self.public[node];
        if kept.is_none() {
            let opened = Connection::open(self.addresses[node].public).await;
            *kept = Some(opened.map_err(|_| Missed::NotAsked)?);
        }
        let connection = kept.as_mut().expect("it was just opened");
        let answer = webhook::post_over(connection, BUSINESS, APP_SECRET, body).await;
        answer.map_err(|_| {
            *kept = None;
            Missed::Unanswered
        })
    }
}

/// Whether it was done; if not, there was no answer, or the store is down.
fn is_done(answer: Result<Answer, Missed>, done: u16) -> bool {
    answer.is_ok_and(|answer| {
        let status = answer.status.as_u16();
        assert!(status == done || status == 503, "{answer:?}");
        status == done
    })
}
