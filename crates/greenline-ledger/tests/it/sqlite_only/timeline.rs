//! Timeline entries that do not read wait apart; what is slipped in below those that are sealed is counted.

use greenline_ledger::Ledger;

use super::File;
use crate::contract::seal::{assert_whole, made, seal};
use crate::support::*;

async fn filled(place: &File) -> Ledger {
    let ledger = place.open();
    let entries = (0..4).map(|at| noted("n1", "{}", NOON + at)).collect();
    ledger.learn(ACME, entries).await.unwrap();
    ledger
}

#[tokio::test]
async fn an_entry_that_does_not_read_waits_until_it_does() {
    let place = File::new();
    let ledger = filled(&place).await;
    let second = "(SELECT seq FROM timeline ORDER BY seq LIMIT 1 OFFSET 1)";
    let change = |body: &str| {
        let sql = format!("UPDATE timeline SET body = {body} WHERE seq = {second}");
        assert_eq!(place.raw().execute(&sql, []).unwrap(), 1);
    };
    change("x'ff'");
    let found = ledger.unsealed(ACME, 10).await.unwrap();
    let (bad, good): (Vec<_>, Vec<_>) = found.into_iter().partition(|one| one.is_unreadable());
    assert_eq!((bad.len(), good.len()), (1, 3));
    let mut new = made(&ledger, ACME, &good).await;
    new.skipped = bad.iter().map(|one| one.id).collect();
    assert!(ledger.seal(new).await.unwrap());
    assert_eq!(ledger.log_unlogged(ACME).await.unwrap(), 0);
    assert_eq!(ledger.unsealed(ACME, 10).await.unwrap(), bad);
    change("'{}'");
    assert_eq!(seal(&ledger, ACME).await, [bad[0].id]);
    assert_whole(&ledger, ACME).await;
}

#[tokio::test]
async fn an_entry_below_those_that_are_sealed_was_slipped_in() {
    let place = File::new();
    let ledger = filled(&place).await;
    seal(&ledger, ACME).await;
    let slipped = "INSERT INTO timeline SELECT seq - 1, business_id, subject, subject_id, origin, event, at_ms, body
         FROM timeline ORDER BY seq LIMIT 1";
    assert_eq!(place.raw().execute(slipped, []).unwrap(), 1);
    assert_eq!(ledger.log_unlogged(ACME).await.unwrap(), 1);
    assert!(ledger.unsealed(ACME, 10).await.unwrap().is_empty());
    // What comes later is sealed as ever.
    ledger
        .learn(ACME, vec![noted("n1", "{}", NOON + 9)])
        .await
        .unwrap();
    assert_eq!(seal(&ledger, ACME).await.len(), 1);
    assert_eq!(ledger.log_unlogged(ACME).await.unwrap(), 1);
}
