//! Whom a portfolio reaches, as far as the file and its commits show.

use greenline_ledger::Ledger;
use greenline_ledger::types::{Ask, Effect};
use greenline_policy::reach::{MessagingLimit, REACH_MS};
use greenline_policy::rule::Rule;

use super::File;
use crate::contract::reach::{crowd, one_of, use_up};
use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_at_once_use_a_limit_of_a_thousand_up_exactly() {
    use_up(&Place::of(Store::Sqlite), 10_000, 1_000).await;
}

fn to(n: usize, now_ms: i64) -> Ask {
    template(&one_of(n), "offer", now_ms)
}

async fn limited(ledger: &Ledger, people: u32) {
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    let limit = Effect::Limit {
        limit: MessagingLimit::People(people),
        origin: "graph".into(),
        at_ms: NOON,
    };
    ledger.learn(ACME, vec![limit]).await.unwrap();
    crowd(ledger, 50).await;
}

#[tokio::test]
async fn a_commit_that_fails_takes_no_place() {
    let place = File::new();
    let ledger = place.open();
    limited(&ledger, 1).await;
    place.faults.fail(1, 0);
    assert!(ledger.admit(to(0, NOON + 1)).await.is_err());
    assert_eq!(ledger.portfolio(ACME, NOON + 2).await.unwrap().reached, 0);
    assert!(allows(
        &ledger.admit(to(1, NOON + 3)).await.unwrap().decision
    ));
    let refused = ledger.admit(to(2, NOON + 4)).await.unwrap();
    assert_eq!(first_rule(&refused.decision), Rule::LimitPortfolio);
}

#[tokio::test]
async fn the_log_lets_go_of_what_no_longer_counts() {
    let place = File::new();
    let ledger = place.open();
    limited(&ledger, 3).await;
    for n in 0..400 {
        let now_ms = NOON + i64::from(n) * REACH_MS / 2;
        let sent = ledger.admit(to(n as usize % 50, now_ms)).await.unwrap();
        assert!(allows(&sent.decision), "{n}");
    }
    let count = "SELECT count(*) FROM reach_log";
    let rows: i64 = place.raw().query_row(count, [], |row| row.get(0)).unwrap();
    assert!(rows < 40, "{rows}");
    let last_ms = NOON + 399 * REACH_MS / 2;
    assert_eq!(ledger.portfolio(ACME, last_ms).await.unwrap().reached, 2);
    drop(ledger);
    let ledger = place.open();
    assert_eq!(ledger.portfolio(ACME, last_ms).await.unwrap().reached, 2);
}
