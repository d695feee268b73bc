//! Work that must happen once: what was claimed and not heard of is finished, what was lost stays lost, and
//! people whom several nodes are busy with hold up nobody.

use std::time::Duration;

use greenline_ledger::types::{Effect, Lane, OwnReply, Relay, RelayDone, RelayResult, ReplyEnd};
use greenline_ledger::{Ledger, LedgerError};
use greenline_testdb::Proxy;

use super::node;
use crate::support::*;

const P1: &str = "15551230001";
/// Longest wait for anything here.
const LONG: Duration = Duration::from_secs(60);

async fn due(ledger: &Ledger) -> Result<Vec<Relay>, LedgerError> {
    ledger.relay_due(NOON, Lane::Inbound, 9).await
}

/// A stop word's reply, owed.
fn owed(message_id: &str) -> Vec<Effect> {
    vec![Effect::Reply {
        to: id(P1),
        number: "n1".into(),
        reply: OwnReply::StopConfirmed {
            language: "en".into(),
            reach: "bare".into(),
        },
        message_id: message_id.into(),
        at_ms: NOON,
    }]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_whose_answer_is_lost_is_finished() {
    let database = ready_database();
    let proxy = Proxy::to(database.server_address());
    let ledger = node(&database.url_through(&proxy)).await;
    for n in 0..5 {
        ledger
            .ingest(delivery(&format!("{{{n}}}"), owed(&format!("wamid.{n}"))))
            .await
            .unwrap();
        // Of two apps at once; a lease is renewed alone.
        proxy.lose_answer("UPDATE 2");
        let relays = due(&ledger).await.unwrap();
        assert_eq!((proxy.lost(), relays.len()), (n * 2 + 1, 2));
        assert!(relays.iter().all(|relay| ledger.has_in_hand(relay)));
        proxy.lose_answer("UPDATE 1");
        assert_eq!(ledger.replies_due(9).await.unwrap().len(), 1);
        assert!(proxy.wait_until_lost(n * 2 + 2, LONG));
        assert!(due(&ledger).await.unwrap().is_empty());
        assert!(ledger.replies_due(9).await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_was_given_up_is_finished_by_the_next_call() {
    let database = ready_database();
    let proxy = Proxy::to(database.server_address());
    let ledger = node(&database.url_through(&proxy)).await;
    ledger.ingest(delivery("{1}", vec![])).await.unwrap();
    // The claim is made, nobody is told, and then the database is away.
    let away = async {
        while proxy.lost() == 0 {
            tokio::task::yield_now().await;
        }
        proxy.refuse();
    };
    proxy.lose_answer("UPDATE 2");
    let (failed, ()) = tokio::join!(due(&ledger), away);
    proxy.accept();
    let relays = match failed {
        // It was quicker to try again than the line to go down.
        Ok(relays) => relays,
        Err(_) => {
            let again = async {
                loop {
                    if let Ok(relays) = due(&ledger).await {
                        return relays;
                    }
                }
            };
            tokio::time::timeout(LONG, again).await.unwrap()
        }
    };
    assert_eq!(relays.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_cut_off_has_nothing_in_hand_any_more() {
    let database = ready_database();
    let proxy = Proxy::to(database.server_address());
    let one = node(&database.url_through(&proxy)).await;
    let other = node(&database.url()).await;
    one.ingest(delivery("{1}", vec![])).await.unwrap();
    let here = due(&one).await.unwrap();
    assert!(here.iter().all(|relay| one.has_in_hand(relay)));
    assert!(due(&other).await.unwrap().is_empty());
    assert!(!other.has_in_hand(&here[0]));
    proxy.refuse();
    let taking_over = async {
        loop {
            let taken = due(&other).await.unwrap();
            if !taken.is_empty() {
                return taken;
            }
            // Never at the same time.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let there = tokio::time::timeout(LONG, taking_over).await.unwrap();
    assert_eq!(there, here);
    assert!(here.iter().all(|relay| !one.has_in_hand(relay)));
    proxy.accept();
    // Back again, it can neither go on with it nor put down what another has in hand.
    let done = here.iter().map(|relay| RelayDone {
        inbox_seq: relay.inbox_seq,
        app: relay.app.clone(),
        business: relay.business,
        result: RelayResult::RetryAt(NOON),
    });
    let done: Vec<RelayDone> = done.collect();
    let noting = async { while one.relay_done(done.clone()).await.is_err() {} };
    tokio::time::timeout(LONG, noting).await.unwrap();
    assert!(here.iter().all(|relay| !one.has_in_hand(relay)));
    assert!(there.iter().all(|relay| other.has_in_hand(relay)));
    assert!(due(&one).await.unwrap().is_empty());
    assert!(due(&other).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_of_a_node_that_was_cut_off_is_taken_over_and_sent_by_one() {
    let database = ready_database();
    let proxy = Proxy::to(database.server_address());
    let one = node(&database.url_through(&proxy)).await;
    let other = node(&database.url()).await;
    for (n, decided_first) in [(1, false), (2, true)] {
        let message = format!("wamid.{n}");
        let body = format!("{{{n}}}");
        let mut effects = vec![wrote(&[P1], &message, NOON)];
        effects.extend(owed(&message));
        one.ingest(delivery(&body, effects)).await.unwrap();
        let here = one.replies_due(9).await.unwrap();
        assert_eq!(here.len(), 1);
        assert!(other.replies_due(9).await.unwrap().is_empty());
        let confirm = |reply| {
            let mut ask = text(P1, NOON + n);
            ask.reply = Some(reply);
            ask
        };
        if decided_first {
            one.admit(confirm(here[0].claim)).await.unwrap();
        }
        proxy.refuse();
        let taking_over = async {
            for _ in 0..750 {
                let taken = other.replies_due(9).await.unwrap();
                if !taken.is_empty() {
                    return Some(taken[0].claim);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            None
        };
        let there = tokio::time::timeout(LONG, taking_over).await.unwrap();
        assert_eq!(
            there.map(|claim| claim.id),
            (!decided_first).then_some(here[0].claim.id)
        );
        proxy.accept();
        if let Some(there) = there {
            // Back again, the first node neither sends it nor says what became of it, before the other has and after.
            let refused = async {
                loop {
                    match one.admit(confirm(here[0].claim)).await {
                        Err(LedgerError::Unavailable(_)) => {}
                        answered => return answered,
                    }
                }
            };
            let refused = tokio::time::timeout(LONG, refused).await.unwrap();
            assert!(matches!(refused, Err(LedgerError::Conflict(_))));
            other.admit(confirm(there)).await.unwrap();
            let refused = one.admit(confirm(here[0].claim)).await;
            assert!(matches!(refused, Err(LedgerError::Conflict(_))));
            let over = ReplyEnd::Over(None);
            assert!(one.reply_done(here[0].claim, over).await.is_err());
            other.reply_done(there, over).await.unwrap();
        }
        assert!(one.replies_due(9).await.unwrap_or_default().is_empty());
    }
    let decided = other.decisions(None, None, 9).await.unwrap();
    assert_eq!(decided.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_whom_all_nodes_are_busy_with_are_not_refused() {
    let database = ready_database();
    let url = database.url();
    let (one, two, three) = tokio::join!(node(&url), node(&url), node(&url));
    one.learn(ACME, listed(NOON)).await.unwrap();
    let people: Vec<String> = (0..12).map(|n| format!("1555124{n:04}")).collect();
    for person in &people {
        one.append(yes(&[person], "marketing", NOON)).await.unwrap();
    }
    let mut sending = tokio::task::JoinSet::new();
    for ledger in [&one, &two, &three] {
        for person in &people {
            let (ledger, person) = (ledger.clone(), person.clone());
            sending.spawn(async move {
                for n in 0..8 {
                    let ask = template(&person, "offer", NOON + 1 + n);
                    assert!(allows(&ledger.admit(ask).await.unwrap().decision));
                }
            });
        }
    }
    tokio::time::timeout(LONG, sending.join_all())
        .await
        .unwrap();
    assert_clean(&one).await;
}
