//! Timeline entries beside nodes of a release that seals none, and what is slipped in.

use super::node;
use crate::contract::seal::{assert_whole, seal};
use crate::support::*;

/// An entry as a release writes it that seals none, so many numbers after the newest.
fn of_before(after: i64) -> String {
    format!(
        "INSERT INTO timeline (person_shard, seq, business, subject, subject_id, origin, event, at_ms, body)
         SELECT person_shard, seq + {after}, business, subject, subject_id, origin, event, at_ms, body
         FROM timeline ORDER BY seq DESC LIMIT 1"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_are_sealed_once_no_node_lives_that_cannot_read_their_leaves() {
    let database = ready_database();
    let ledger = node(&database.url()).await;
    ledger
        .learn(ACME, vec![noted("n1", "{}", NOON)])
        .await
        .unwrap();
    // A node of before, which has just taken a number, and what it writes.
    database.sql(
        "INSERT INTO nodes (node, token, lease_until_ms)
         VALUES (1000, 7, CAST(extract(epoch FROM now()) * 1000 AS BIGINT) + 3600000)",
    );
    database.sql(&of_before(256));
    ledger
        .append(yes(&["15551230001"], "marketing", NOON))
        .await
        .unwrap();
    assert_eq!(seal(&ledger, ACME).await.len(), 1, "the event alone");
    assert_eq!(ledger.log_unlogged(ACME).await.unwrap(), 0);
    // A number that a newer node had before tells nothing of the one that has it now.
    database.sql("UPDATE nodes SET timeline_token = 6 WHERE node = 1000");
    assert!(ledger.unsealed(ACME, 10).await.unwrap().is_empty());
    database.sql("UPDATE nodes SET lease_until_ms = 0 WHERE node = 1000");
    assert_eq!(seal(&ledger, ACME).await.len(), 2);
    assert_whole(&ledger, ACME).await;

    // From here on a word of nobody's is slipped in where it stands before what is sealed.
    database.sql(&of_before(-1));
    assert!(ledger.unsealed(ACME, 10).await.unwrap().is_empty());
    assert_eq!(ledger.log_unlogged(ACME).await.unwrap(), 1);
    // It keeps nothing from being sealed, and is not hidden by a mark that says that it was.
    ledger
        .learn(ACME, vec![noted("n1", "{}", NOON + 1)])
        .await
        .unwrap();
    assert_eq!(seal(&ledger, ACME).await.len(), 1);
    database.sql("UPDATE timeline SET sealed = 1 WHERE sealed IS NULL");
    assert_eq!(ledger.log_unlogged(ACME).await.unwrap(), 1);
    ledger.close().await;
}
