//! Nodes beside each other: what one acknowledges, each of them knows.

use std::time::Duration;

use greenline_ledger::types::{Lane, Mode, Outcome};
use greenline_policy::rule::Rule;

use super::node;
use crate::support::*;

const P1: &str = "15551230001";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_on_one_node_is_seen_on_the_other() {
    let database = ready_database();
    let url = database.url();
    let (one, other) = tokio::join!(node(&url), node(&url));
    cover(&one).await;
    let goes = other.admit(template(P1, "offer", NOON + 1)).await.unwrap();
    assert!(allows(&goes.decision));
    one.append(no(&[P1], "marketing", NOON + 2)).await.unwrap();
    let refused = other.admit(template(P1, "offer", NOON + 3)).await.unwrap();
    assert_eq!(first_rule(&refused.decision), Rule::OptedOut);
    assert!(refused.id > goes.id);
    assert_clean(&one).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_waits_for_a_send_of_another_node_until_its_outcome_is_known() {
    let database = ready_database();
    let (one, other) = (node(&database.url()).await, node(&database.url()).await);
    cover(&one).await;
    let admitted = one.admit(template(P1, "offer", NOON + 1)).await.unwrap();
    let stopped = other
        .append(no(&[P1], "marketing", NOON + 2))
        .await
        .unwrap();
    assert_eq!(stopped.flights.len(), 1);
    assert!(!stopped.flights[0].is_over());
    one.settle(admitted.id, Outcome::NotSent);
    one.learn(ACME, vec![]).await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), stopped.flights[0].settled())
        .await
        .unwrap();
    // What has an outcome is not waited for again.
    let again = other
        .append(no(&[P1], "marketing", NOON + 3))
        .await
        .unwrap();
    assert!(again.flights.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_waits_for_a_send_of_another_node_no_longer_than_it_may_take_to_begin() {
    let database = ready_database();
    let (one, other) = (node(&database.url()).await, node(&database.url()).await);
    cover(&one).await;
    let mut ask = template(P1, "offer", NOON + 1);
    ask.mode = Mode::Observe;
    let admitted = one.admit(ask).await.unwrap();
    let stopped = other
        .append(no(&[P1], "marketing", NOON + 2))
        .await
        .unwrap();
    assert_eq!(stopped.flights.len(), 1);
    let began = std::time::Instant::now();
    tokio::time::timeout(Duration::from_secs(60), stopped.flights[0].settled())
        .await
        .unwrap();
    // The other node's deadline of two seconds began before.
    assert!(began.elapsed() + Duration::from_secs(1) > Duration::from_secs(2));
    drop(admitted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_left_without_an_outcome_may_have_gone_out() {
    let database = ready_database();
    let (one, other) = (node(&database.url()).await, node(&database.url()).await);
    cover(&one).await;
    let admitted = one.admit(template(P1, "offer", NOON + 1)).await.unwrap();
    assert!(allows(&admitted.decision));
    // While that node lives it knows what becomes of it.
    assert!(allows(&offer(&other, P1, NOON + 2).await));
    drop(one);
    assert_eq!(
        first_rule(&offer(&other, P1, NOON + 2).await),
        Rule::SendUnsettled
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_is_handed_out_to_one_node_until_that_node_ends() {
    let database = ready_database();
    let (one, other) = (node(&database.url()).await, node(&database.url()).await);
    one.ingest(delivery("{1}", vec![])).await.unwrap();
    let (here, there) = tokio::join!(
        one.relay_due(NOON, Lane::Inbound, 9),
        other.relay_due(NOON, Lane::Inbound, 9)
    );
    let (here, there) = (here.unwrap(), there.unwrap());
    assert_eq!(here.len() + there.len(), 2);
    one.close().await;
    let taken_over = other.relay_due(NOON, Lane::Inbound, 9).await.unwrap();
    assert_eq!(taken_over, here);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_bytes_at_two_nodes_are_taken_once() {
    let database = ready_database();
    let (one, other) = (node(&database.url()).await, node(&database.url()).await);
    for n in 0..20 {
        let body = format!("{{{n}}}");
        let (here, there) = tokio::join!(
            one.ingest(delivery(&body, vec![wrote(&[P1], &body, NOON)])),
            other.ingest(delivery(&body, vec![wrote(&[P1], &body, NOON)]))
        );
        assert_ne!(here.unwrap().duplicate, there.unwrap().duplicate);
    }
    assert_clean(&one).await;
}

/// Whoever decides about a person decides alone, on whatever node.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_sends_on_three_nodes_forward_what_the_cap_allows() {
    let database = ready_database();
    let url = database.url();
    let (one, two, three) = tokio::join!(node(&url), node(&url), node(&url));
    cover(&one).await;
    let nodes = [one, two, three];
    let sends = (0..1_000_u16).map(|n| {
        let mut ask = template(P1, "offer", NOON + i64::from(n % 7));
        ask.body_hash[..2].copy_from_slice(&n.to_be_bytes());
        ask.caps = caps(&[("marketing", 5, 3_600 * SECOND)]);
        let ledger = nodes[usize::from(n) % nodes.len()].clone();
        tokio::spawn(async move {
            // Others get in the way of one who is unlucky: that is said, and asked again.
            loop {
                match ledger.admit(ask.clone()).await {
                    Ok(admitted) => return allows(&admitted.decision),
                    Err(error) if error.is_passing() => {}
                    Err(error) => panic!("{error}"),
                }
            }
        })
    });
    let mut went = 0;
    for sent in futures_util::future::join_all(sends).await {
        went += usize::from(sent.unwrap());
    }
    assert_eq!(went, 5);
    assert_clean(&nodes[0]).await;
}
