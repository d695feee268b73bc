//! What is kept, and what finds it again.
//!
//! A kept no is found by a key, so a node must have every key as soon as any node erases with it: the file is
//! read again in short intervals, not only when this node is asked to erase.

use std::time::Duration;

use tokio::sync::watch;

use crate::admin::erase;
use crate::app::Shared;

/// How long a new key may stay unknown to a node.
const EVERY: Duration = Duration::from_secs(5);

/// Keeps the ledger's keys those of the file, until told to stop.
pub async fn run(app: Shared, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.changed() => return,
        }
        if let Err(error) = erase::ready(&app) {
            let error: &dyn std::error::Error = &error;
            tracing::error!(
                error,
                "the keys cannot be read; those known before are used"
            );
        }
    }
}
