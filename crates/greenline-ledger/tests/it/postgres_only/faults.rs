//! Connections that break, a database that is away: nothing is done twice, nothing is said that does not
//! hold, and all goes on by itself.

use std::time::Duration;

use greenline_ledger::{Ledger, LedgerError};
use greenline_testdb::Proxy;

use super::node;
use crate::support::*;

const P1: &str = "15551230001";

async fn until_it_answers(ledger: &Ledger) {
    let answers = async {
        while ledger.learn(ACME, vec![]).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), answers)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_looked_up_and_not_done_twice() {
    let database = ready_database();
    let proxy = Proxy::to(database.server_address());
    let ledger = node(&database.url_through(&proxy)).await;
    cover(&ledger).await;
    for n in 0..5_usize {
        proxy.lose_answer("COMMIT");
        let appended = ledger
            .append(yes(&[P1], "utility", NOON + 1))
            .await
            .unwrap();
        assert!(!appended.repeated);
        assert_eq!(proxy.lost(), n * 2 + 1);
        proxy.lose_answer("COMMIT");
        let admitted = ledger.admit(template(P1, "offer", NOON + 2)).await.unwrap();
        assert!(ledger.decision(admitted.id).await.unwrap().is_some());
        assert_eq!(ledger.export(ACME, None, 100).await.unwrap().len(), n + 2);
        assert_eq!(
            ledger.decisions(None, None, 100).await.unwrap().len(),
            n + 1
        );
    }
    assert_clean(&ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_may_be_cut_at_any_moment() {
    let database = ready_database();
    let proxy = Proxy::to(database.server_address());
    let ledger = node(&database.url_through(&proxy)).await;
    cover(&ledger).await;
    let mut known = 1;
    for n in 0..40 {
        let append = ledger.append(yes(&[P1], "utility", NOON + n));
        let (appended, ()) = tokio::join!(append, async {
            for _ in 0..n * 20 {
                tokio::task::yield_now().await;
            }
            proxy.cut();
        });
        known += usize::from(appended.is_ok());
    }
    until_it_answers(&ledger).await;
    // What was acknowledged is there; of what was not, each at most once.
    let events = ledger.export(ACME, None, 100).await.unwrap();
    assert!(
        events.len() >= known && events.len() <= 41,
        "{known} {}",
        events.len()
    );
    assert_clean(&ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_said_to_be_and_comes_back() {
    let database = ready_database();
    let proxy = Proxy::to(database.server_address());
    let ledger = node(&database.url_through(&proxy)).await;
    cover(&ledger).await;
    let before = ledger.admit(template(P1, "offer", NOON + 1)).await.unwrap();
    proxy.refuse();
    proxy.cut();
    let answer = ledger.admit(template(P1, "offer", NOON + 2)).await;
    assert!(
        matches!(answer, Err(LedgerError::Unavailable(_))),
        "{answer:?}"
    );
    let answer = ledger.person(ACME, &id(P1)).await;
    assert!(matches!(answer, Err(LedgerError::Unavailable(_))));
    // An outcome that could not be written is kept.
    ledger.settle(before.id, greenline_ledger::types::Outcome::NotSent);
    proxy.accept();
    until_it_answers(&ledger).await;
    let record = ledger.decision(before.id).await.unwrap().unwrap();
    assert_eq!(record.outcome.as_deref(), Some("not_sent"));
    assert!(allows(
        &ledger
            .admit(template(P1, "offer", NOON + 3))
            .await
            .unwrap()
            .decision
    ));
    assert_clean(&ledger).await;
}
