//! How fast one number writes to one person, from many nodes.

use greenline_ledger::types::Outcome;
use greenline_policy::pair::{BURST_MAX, EVERY_MS};
use greenline_policy::rule::Rule;

use super::node;
use crate::contract::pair::{paced, storm};
use crate::support::*;

const P1: &str = "15551230001";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_at_once_on_three_nodes_forward_one_burst() {
    let database = ready_database();
    let url = database.url();
    let (one, two, three) = tokio::join!(node(&url), node(&url), node(&url));
    one.learn(ACME, listed(NOON)).await.unwrap();
    one.append(yes(&[P1], "all", NOON)).await.unwrap();
    assert_eq!(
        storm(&[one, two, three], 1_000).await,
        usize::from(BURST_MAX)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_sent_or_gave_back_another_knows() {
    let database = ready_database();
    let (one, other) = (node(&database.url()).await, node(&database.url()).await);
    one.learn(ACME, listed(NOON)).await.unwrap();
    one.append(yes(&[P1], "all", NOON)).await.unwrap();
    let at = |at_ms: i64| paced(template(P1, "offer", at_ms));
    let first = one.admit(at(NOON)).await.unwrap();
    for n in 1..i64::from(BURST_MAX) {
        let node = if n % 2 == 0 { &one } else { &other };
        assert!(allows(&node.admit(at(NOON + n)).await.unwrap().decision));
    }
    for node in [&one, &other] {
        let refused = node
            .preview(at(NOON + EVERY_MS + 1))
            .await
            .unwrap()
            .decision;
        assert_eq!(first_rule(&refused), Rule::PacePair);
    }
    one.settle(first.id, Outcome::NotSent);
    one.learn(ACME, vec![]).await.unwrap();
    for node in [&one, &other] {
        let next = node
            .preview(at(NOON + EVERY_MS + 1))
            .await
            .unwrap()
            .decision;
        assert!(allows(&next), "{next:?}");
    }
}
