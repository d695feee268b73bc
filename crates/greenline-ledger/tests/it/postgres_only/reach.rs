//! Whom a portfolio reaches, counted by many nodes.

use greenline_ledger::Ledger;
use greenline_ledger::types::{Effect, Outcome};
use greenline_policy::reach::{MessagingLimit, REACH_MS};
use greenline_policy::rule::Rule;

use super::node;
use crate::contract::reach::{crowd, one_of, storm, use_up};
use crate::support::*;

const SENDS: usize = 10_000;
const LIMIT: u32 = 1_000;

async fn limited(ledger: &Ledger, limit: u32, people: usize) {
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    let limit = Effect::Limit {
        limit: MessagingLimit::People(limit),
        origin: "graph".into(),
        at_ms: NOON,
    };
    ledger.learn(ACME, vec![limit]).await.unwrap();
    crowd(ledger, people).await;
}

async fn reached(ledger: &Ledger) -> u64 {
    ledger.portfolio(ACME, NOON + 2).await.unwrap().reached
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_at_once_use_a_limit_of_a_thousand_up_exactly() {
    use_up(&Place::of(Store::Postgres), SENDS, LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_at_once_on_three_nodes_never_exceed_a_limit_of_a_thousand() {
    let database = ready_database();
    let url = database.url();
    let (one, two, three) = tokio::join!(node(&url), node(&url), node(&url));
    limited(&one, LIMIT, SENDS).await;
    let nodes = [one, two, three];
    let allowed = storm(&nodes, SENDS).await;
    assert_eq!(allowed, LIMIT as usize);
    for node in &nodes {
        assert_eq!(reached(node).await, u64::from(LIMIT));
    }
    let sends = database.sql("SELECT count(DISTINCT person_id) FROM sends");
    assert_eq!(sends.trim(), LIMIT.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_gives_back_another_may_use_and_what_a_dead_one_sent_counts() {
    let database = ready_database();
    let (one, other) = (node(&database.url()).await, node(&database.url()).await);
    limited(&one, 1, 3).await;
    let to = |n: usize, now_ms: i64| template(&one_of(n), "offer", now_ms);
    let sent = one.admit(to(0, NOON)).await.unwrap();
    assert!(allows(&sent.decision));
    let refused = other.admit(to(1, NOON + 1)).await.unwrap();
    assert_eq!(first_rule(&refused.decision), Rule::LimitPortfolio);
    assert_eq!(refused.decision.reasons[0].until_ms, Some(NOON + REACH_MS));
    one.settle(sent.id, Outcome::NotSent);
    one.learn(ACME, vec![]).await.unwrap();
    let sent = other.admit(to(1, NOON + 2)).await.unwrap();
    assert!(allows(&sent.decision));
    // Nobody says what became of it: it may have gone.
    drop(other);
    assert_eq!(reached(&one).await, 1);
    let third = node(&database.url()).await;
    for node in [&one, &third] {
        let refused = node.admit(to(2, NOON + 3)).await.unwrap();
        assert_eq!(first_rule(&refused.decision), Rule::LimitPortfolio);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_at_another_node_gives_the_place_back_whoever_comes_first() {
    let database = ready_database();
    let (one, other) = (node(&database.url()).await, node(&database.url()).await);
    limited(&one, 1, 9).await;
    for n in 0..6 {
        let sent = one
            .admit(template(&one_of(n), "offer", NOON + n as i64))
            .await
            .unwrap();
        assert!(allows(&sent.decision), "{n}: {:?}", sent.decision);
        let message = format!("wamid.{n}");
        let failed = Effect::Status {
            message_id: message.as_str().into(),
            status: "failed".into(),
            at_ms: NOON + SECOND,
            code: Some(131_026),
        };
        let message_ids = smallvec::smallvec![message.as_str().into()];
        let accepted = Outcome::Accepted { message_ids };
        if n % 2 == 0 {
            other.learn(ACME, vec![failed]).await.unwrap();
            one.settle(sent.id, accepted);
            one.learn(ACME, vec![]).await.unwrap();
        } else {
            one.settle(sent.id, accepted);
            let (told, learned) =
                tokio::join!(other.learn(ACME, vec![failed]), one.learn(ACME, vec![]));
            told.unwrap();
            learned.unwrap();
        }
        assert_eq!(reached(&other).await, 0, "{n}");
    }
}
