//! Whom a portfolio reaches, as far as the file and its commits show.

use greenline_ledger::Ledger;
use greenline_ledger::types::{Ask, Effect, Outcome};
use greenline_policy::reach::{MessagingLimit, REACH_MS};
use greenline_policy::rule::Rule;
use smallvec::smallvec;

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

#[tokio::test]
async fn a_message_that_arrives_after_days_takes_a_place_again() {
    let place = File::new();
    let ledger = place.open();
    limited(&ledger, 1).await;
    let sent = ledger.admit(to(0, NOON)).await.unwrap();
    let message_ids = smallvec!["wamid.late".into()];
    ledger.settle(sent.id, Outcome::Accepted { message_ids });
    // Much happens meanwhile, and the first send is forgotten.
    let later = NOON + 5 * REACH_MS;
    for n in 1..9 {
        let now_ms = NOON + n * REACH_MS / 2;
        ledger.admit(to(n as usize, now_ms)).await.unwrap();
    }
    let arrives = Effect::Status {
        message_id: "wamid.late".into(),
        status: "delivered".into(),
        at_ms: later,
        code: None,
    };
    ledger.learn(ACME, vec![arrives]).await.unwrap();
    let mut ledger = ledger;
    for _ in 0..2 {
        let refused = ledger.preview(to(20, later + 1)).await.unwrap();
        assert_eq!(first_rule(&refused.decision), Rule::LimitPortfolio);
        assert_eq!(refused.decision.reasons[0].until_ms, Some(later + REACH_MS));
        assert!(allows(
            &ledger.preview(to(0, later + 1)).await.unwrap().decision
        ));
        drop(ledger);
        ledger = place.open();
    }
}
