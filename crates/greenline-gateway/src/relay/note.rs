//! Noting how attempts ended, many in one write.

use std::time::Duration;

use greenline_ledger::types::{RelayDone, RelayResult};
use tokio::sync::mpsc;

use crate::app::Shared;

/// Ends noted in one write at most.
const BATCH: usize = 256;
/// Between tries while the ledger does not write.
const PAUSE: Duration = Duration::from_secs(1);
/// Tries once nothing more can come: the process is about to end, and what is not noted is handed over
/// once more by the next one.
const LAST_TRIES_MAX: u32 = 3;

/// Notes ends until nobody can send any more.
pub(super) async fn run(app: Shared, mut ended: mpsc::Receiver<RelayDone>) {
    let mut batch = Vec::with_capacity(BATCH);
    while ended.recv_many(&mut batch, BATCH).await > 0 {
        let mut tries = 0;
        loop {
            match app.ledger.relay_done(batch.clone()).await {
                Ok(()) => {
                    let parked = batch
                        .iter()
                        .filter(|done| done.result == RelayResult::Parked);
                    for done in parked {
                        app.events.parked(done.business, &done.app);
                    }
                    break;
                }
                Err(error) if error.is_passing() && tries < LAST_TRIES_MAX => {
                    tracing::warn!(%error, "the ends of relays could not be noted yet");
                    if ended.is_closed() && ended.is_empty() {
                        tries += 1;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => {
                    tracing::error!(%error, "the ends of relays could not be noted; they will be handed over again");
                    break;
                }
            }
        }
        batch.clear();
    }
}
