//! Handing deliveries on to the business's apps, byte for byte, until each has them (law 4).
//!
//! The ledger holds what is owed; this module only carries. Each lane has its own task, and within it each
//! app its own queue, so that statuses never delay what people write and one app's trouble is not
//! another's. Deliveries about the same person, message or account go one after the other, all else side
//! by side. What is not taken is tried again with growing pauses, and kept for replay after days.

mod lane;
mod note;
mod order;
mod pause;
mod queue;
mod target;

use std::sync::Arc;
use std::time::Duration;

use greenline_ledger::types::Lane;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::app::Shared;
use target::Targets;

/// Ends of attempts that may wait to be noted.
const ENDS_MAX: usize = 1024;
/// Between clearings of the inbox.
const PRUNE_EVERY: Duration = Duration::from_secs(60 * 60);
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Carries what is due, until told to stop. What was under way then and not taken is due again.
pub async fn run(app: Shared, stop: watch::Receiver<bool>) {
    let targets = Arc::new(Targets::new(&app));
    let (ends, ended) = mpsc::channel(ENDS_MAX);
    let noting = tokio::spawn(note::run(app.clone(), ended));
    let mut tasks = JoinSet::new();
    for lane in Lane::ALL {
        tasks.spawn(lane::run(
            app.clone(),
            lane,
            Arc::clone(&targets),
            ends.clone(),
            stop.clone(),
        ));
    }
    tasks.spawn(prune(app, stop));
    drop(ends);
    while tasks.join_next().await.is_some() {}
    let _ = noting.await;
}

/// Drops bodies whose days are over and that no app waits for.
async fn prune(app: Shared, mut stop: watch::Receiver<bool>) {
    let keep_ms = i64::from(app.config.retention.bodies_days).saturating_mul(DAY_MS);
    while !*stop.borrow() {
        if let Err(error) = app
            .ledger
            .inbox_prune(app.clock.now_ms().saturating_sub(keep_ms))
            .await
        {
            tracing::warn!(%error, "the inbox could not be cleared");
        }
        tokio::select! {
            () = tokio::time::sleep(PRUNE_EVERY) => {}
            _ = stop.changed() => return,
        }
    }
}
