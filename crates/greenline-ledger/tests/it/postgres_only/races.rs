//! Sends racing stops over three nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use greenline_ledger::types::Outcome;

use super::node;
use crate::support::*;

/// Races in one test.
const RACES: u32 = 30;
/// As the gateway's.
const DISPATCH_WITHIN: Duration = Duration::from_secs(2);

/// Two nodes send to a person as fast as they can, "writing" each message until its flight is over; a third
/// one records a stop. Once the stop is acknowledged nothing may be written any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_after_an_acknowledged_stop() {
    let database = ready_database();
    let url = database.url();
    let (one, two, three) = tokio::join!(node(&url), node(&url), node(&url));
    one.learn(ACME, listed(NOON)).await.unwrap();
    let written = Arc::new(AtomicU32::new(0));
    for race in 0..RACES {
        let to = format!("1555123{race:04}");
        one.append(yes(&[&to], "marketing", NOON)).await.unwrap();
        let acknowledged = Arc::new(AtomicBool::new(false));
        let before = written.load(Ordering::SeqCst);
        let mut senders = Vec::new();
        for ledger in [&one, &two] {
            let (ledger, to) = (ledger.clone(), to.clone());
            let (acknowledged, written) = (Arc::clone(&acknowledged), Arc::clone(&written));
            senders.push(tokio::spawn(async move {
                loop {
                    let mut ask = template(&to, "offer", NOON + 1);
                    ask.dispatch_by = Instant::now() + DISPATCH_WITHIN;
                    let admitted = ledger.admit(ask).await.unwrap();
                    let Some(flight) = admitted.flight else {
                        return;
                    };
                    // The way to the wire takes its time.
                    tokio::time::sleep(Duration::from_millis(3)).await;
                    // As the gateway does: nothing is begun past the deadline. The clock is looked at last.
                    let is_late = acknowledged.load(Ordering::SeqCst);
                    if Instant::now() >= flight.dispatch_by() {
                        continue;
                    }
                    assert!(!is_late, "a send after an acknowledged stop");
                    written.fetch_add(1, Ordering::SeqCst);
                    ledger.settle(admitted.id, Outcome::NotSent);
                    drop(flight);
                }
            }));
        }
        // At any moment of a send: after some have been written, and somewhere within the next.
        let enough = before + race % 4;
        let begun = async {
            while written.load(Ordering::SeqCst) < enough {
                tokio::task::yield_now().await;
            }
            for _ in 0..race * 7 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), begun)
            .await
            .unwrap();
        let stopped = three
            .append(no(&[&to], "marketing", NOON + 2))
            .await
            .unwrap();
        for flight in &stopped.flights {
            flight.settled().await;
        }
        acknowledged.store(true, Ordering::SeqCst);
        for sender in senders {
            sender.await.unwrap();
        }
    }
    assert_clean(&one).await;
}
