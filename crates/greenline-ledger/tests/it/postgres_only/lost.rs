//! Verification finds what was changed behind the ledger's back, and housekeeping goes through more than a page.

use greenline_ledger::erasure::ErasureKey;
use greenline_ledger::{Ledger, LedgerError};
use greenline_policy::consent::EventKind;
use greenline_testdb::Database;

use super::node;
use crate::support::*;

const P1: &str = "15551230001";
const P2: &str = "15551230002";

async fn filled(database: &Database) -> Ledger {
    let ledger = node(&database.url()).await;
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    let mut first = yes(&[P1], "marketing", NOON);
    first.dedup = Some("form-1".into());
    ledger.append(first).await.unwrap();
    ledger.append(no(&[P1], "utility", NOON)).await.unwrap();
    ledger
        .ingest(delivery("a", vec![wrote(&[P1], "wamid.1", NOON)]))
        .await
        .unwrap();
    ledger.admit(template(P1, "offer", NOON + 1)).await.unwrap();
    assert_clean(&ledger).await;
    ledger
}

/// What verification says of a ledger that was tampered with.
async fn said(tampering: &str) -> Vec<String> {
    let database = ready_database();
    let ledger = filled(&database).await;
    database.sql(tampering);
    let found = ledger.verify().await.unwrap();
    ledger.close().await;
    let differences = found.differences.into_iter();
    differences
        .map(|found| format!("{}: {}", found.kind, found.what))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lost_or_misplaced_is_found() {
    for (tampering, expected) in [
        (
            "UPDATE identifiers SET person_id = person_id + 1",
            "events of a person without an identifier",
        ),
        (
            "UPDATE people SET last_seq = 0",
            "outcomes of a decision that is not there",
        ),
        (
            "DELETE FROM inbox",
            "2 relays of a delivery that is not there",
        ),
        (
            "UPDATE names SET value = '15550000000'",
            "1 names of an identifier that is not there",
        ),
        (
            "UPDATE taken_keys SET taken_by = taken_by + 1 WHERE kind = 1",
            "1 dedup keys of an event that is not there",
        ),
        (
            "UPDATE taken_keys SET key = 'form-2' WHERE kind = 1",
            "1 dedup keys of an event that is not there",
        ),
        (
            "UPDATE windows SET person_shard = (person_shard + 1) % 4096",
            "1 rows in the wrong shard",
        ),
    ] {
        let said = said(tampering).await;
        let is_found = said.iter().any(|said| said.contains(expected));
        assert!(is_found, "{tampering}: {said:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn housekeeping_goes_on_until_nothing_is_left() {
    let database = ready_database();
    let ledger = filled(&database).await;
    // More than two pages of deliveries that are old, of which one is still to be handed on; and strays and notes.
    database.sql(&format!(
        "INSERT INTO inbox SELECT i % 4096, i, 'acme', i::text, {NOON} - 1000 - i % 7, 1, '[]', '\\x00' FROM generate_series(1, 2500) i;
         INSERT INTO relays SELECT person_shard, seq, 'bot', business, 1, {NOON}, 0, 0 FROM inbox WHERE seq = 17;
         INSERT INTO messages (person_shard, message_id, status, status_rank, status_at_ms)
           SELECT i % 4096, 'stray.' || i, 'sent', 1, 1000 FROM generate_series(1, 1500) i;
         INSERT INTO batches SELECT i % 4096, i, 1000 FROM generate_series(1, 1500) i"
    ));
    assert_eq!(ledger.inbox_prune(NOON).await.unwrap(), 2_499);
    let left = database.sql(
        "SELECT seq FROM inbox WHERE seq < 10000 AND body IS NOT NULL;
         SELECT count(*) FROM messages WHERE message_id LIKE 'stray.%'; SELECT count(*) FROM batches WHERE written_ms = 1000",
    );
    assert_eq!(left, "17\n0\n0");
    ledger.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_cannot_be_ended_holds_up_no_other() {
    let database = ready_database();
    let ledger = filled(&database).await;
    ledger.use_erasure_keys(vec![ErasureKey {
        id: "0a1b2c3d".into(),
        secret: [5; 32],
    }]);
    ledger.append(no(&[P2], "marketing", NOON)).await.unwrap();
    // Two that were recorded by a node that died then; what was decided about the first does not read.
    for who in [P1, P2] {
        let erased = event(&[who], EventKind::Erased, "all", NOON + SECOND);
        ledger.append(erased).await.unwrap();
    }
    database.sql("UPDATE decisions SET record = '{'");
    let later = NOON + 3_600 * SECOND;
    let resumed = ledger.resume_erasures(ACME, later).await;
    assert!(
        matches!(resumed, Err(LedgerError::Corrupt(_))),
        "{resumed:?}"
    );
    let events = ledger.export(ACME, None, 100).await.unwrap();
    let named = |who| events.iter().any(|one| one.event.person.contains(&id(who)));
    assert!(named(P1) && !named(P2));
    ledger.close().await;
}
