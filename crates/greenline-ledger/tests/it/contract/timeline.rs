//! The timeline in the provable log: each entry is sealed once; what retention and an erasure take of it leaves every
//! head as it was.

use greenline_ledger::Ledger;
use greenline_ledger::erasure::ErasureKey;
use greenline_ledger::prune::PruneKind;
use greenline_ledger::seal::{RecordId, Recorded, SealKind, SealedLeaf};
use greenline_policy::consent::EventKind;
use greenline_proof::{Frontier, Opening, Salts, leaf_hash};

use super::seal::{assert_whole, made, seal};
use crate::support::*;

const P1: &str = "15551230001";
const DAY: i64 = 24 * 60 * 60 * SECOND;

/// Leaves of entries with what is stored of them, in the order of the log.
async fn entries(ledger: &Ledger) -> Vec<(SealedLeaf, Recorded)> {
    let mut leaves = ledger.log_leaves(ACME, 0, 10_000).await.unwrap();
    leaves.retain(|leaf| leaf.id.kind == SealKind::Timeline);
    let records = ledger.log_records(ACME, &leaves).await.unwrap();
    leaves.into_iter().zip(records).collect()
}

fn named(record: &Recorded, name: &str) -> Option<String> {
    let Recorded::Fields(fields) = record else {
        panic!("{record:?}");
    };
    let field = fields.iter().find(|field| *field.name == *name);
    field.map(|field| field.value.to_string())
}

pub(crate) async fn entries_are_sealed_with_all_else_and_stay(place: Place) {
    let ledger = place.open().await;
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    let first = vec![
        noted("n1", r#"{"after":"RED"}"#, NOON + 7),
        noted("n2", "{}", NOON),
    ];
    ledger.learn(ACME, first).await.unwrap();
    ledger
        .learn(BOND, vec![noted("n1", "{}", NOON)])
        .await
        .unwrap();
    let before = ledger.unsealed(ACME, 10).await.unwrap();
    assert_eq!(before.len(), 3);
    let ledger = place.reopen(ledger).await;
    assert_eq!(ledger.unsealed(ACME, 10).await.unwrap(), before);
    assert_eq!(ledger.unsealed(ACME, 2).await.unwrap(), before[..2]);
    let sealed = seal(&ledger, ACME).await;
    assert_eq!(sealed.len(), 3);
    assert!(ledger.unsealed(ACME, 10).await.unwrap().is_empty());
    assert_whole(&ledger, ACME).await;
    assert_eq!(ledger.unsealed(BOND, 10).await.unwrap().len(), 1);
    // What a leaf holds of one.
    let (leaf, record) = entries(&ledger).await.remove(0);
    let timeline = ledger.timeline(ACME, None, None, 10).await.unwrap();
    let entry = timeline
        .iter()
        .find(|entry| entry.seq.cast_unsigned() == leaf.id.seq)
        .unwrap();
    assert_eq!(&*entry.subject_id, "n1");
    for (name, value) in [
        ("id", &*entry.seq.to_string()),
        ("business", "acme"),
        ("subject", "number"),
        ("subject_id", "n1"),
        ("origin", "read"),
        ("event", "rating"),
        ("at_ms", &*(NOON + 7).to_string()),
        ("body", r#"{"after":"RED"}"#),
    ] {
        assert_eq!(named(&record, name).as_deref(), Some(value), "{name}");
    }
    // More comes; a seal of what is sealed already is not taken.
    let more = vec![noted("n1", r#"{"after":"GREEN"}"#, NOON + 9)];
    ledger.learn(ACME, more).await.unwrap();
    let twice = made(&ledger, ACME, &before[..2]).await;
    assert!(!ledger.seal(twice).await.unwrap());
    let ledger = place.reopen(ledger).await;
    assert_eq!(seal(&ledger, ACME).await.len(), 1);
    assert_whole(&ledger, ACME).await;
    assert_clean(&ledger).await;
}

pub(crate) async fn old_entries_go_once_they_are_sealed_and_every_head_stays(place: Place) {
    let ledger = place.open().await;
    let old = (0..40).map(|at| noted("n1", "{}", NOON + at)).collect();
    ledger.learn(ACME, old).await.unwrap();
    let timeline = ledger.timeline(ACME, None, None, 1).await.unwrap();
    // Where many write, entries are numbered by the database's own clock.
    let came_ms = timeline[0].received_ms().unwrap().max(NOON) + SECOND;
    let young = vec![noted("n1", "{}", came_ms + 900 * DAY)];
    ledger.learn(ACME, young).await.unwrap();
    let prune = async |ledger: &Ledger| {
        let mut gone = 0;
        loop {
            let at = came_ms + 2 * DAY;
            let batch = ledger.prune(ACME, PruneKind::Timeline, came_ms, at);
            match batch.await.unwrap() {
                0 => return gone,
                batch => gone += batch,
            }
        }
    };
    assert_eq!(prune(&ledger).await, 0, "nothing is sealed");
    seal(&ledger, ACME).await;
    let head = ledger.log_head(ACME, None).await.unwrap().unwrap();
    assert_eq!(prune(&ledger).await, 40);
    let ledger = place.reopen(ledger).await;
    let mut frontier = Frontier::new();
    for (leaf, record) in entries(&ledger).await {
        match (&record, &leaf.salts) {
            (Recorded::Gone, Salts::Pruned(at_ms)) => assert_eq!(*at_ms, came_ms + 2 * DAY),
            (Recorded::Fields(fields), salts) => {
                let commitments = salts.commitments(fields).unwrap();
                assert_eq!(leaf_hash("timeline", &commitments), leaf.hash);
                assert_eq!(frontier.size(), 40);
            }
            other => panic!("{:?}: {other:?}", leaf.id),
        }
        frontier.append(leaf.hash, |_, _| {});
        let place = ledger.log_place(ACME, leaf.id).await.unwrap();
        assert_eq!(place, Some(leaf));
    }
    assert_eq!(frontier.root(), head.signed.head.root);
    assert_eq!(ledger.log_unlogged(ACME).await.unwrap(), 0);
    assert!(ledger.unsealed(ACME, 10).await.unwrap().is_empty());
    assert_eq!(prune(&ledger).await, 0);
    // It goes on, also for what is numbered like those that went.
    ledger
        .learn(ACME, vec![noted("n2", "{}", NOON)])
        .await
        .unwrap();
    assert_eq!(seal(&ledger, ACME).await.len(), 1);
    assert_eq!(ledger.log_unlogged(ACME).await.unwrap(), 0);
    assert_clean(&ledger).await;
}

pub(crate) async fn an_entry_that_speaks_of_somebody_is_erased_and_stays_proved(place: Place) {
    let ledger = place.open().await;
    ledger.use_erasure_keys(vec![ErasureKey {
        id: "0a1b2c3d".into(),
        secret: [5; 32],
    }]);
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    let spoken_of = format!("{{\"by\":\"{P1}\"}}");
    let about = vec![
        noted("n1", &spoken_of, NOON),
        noted(P1, "{}", NOON + 1),
        noted("n1", r#"{"by":"155512300019"}"#, NOON + 2),
    ];
    ledger.learn(ACME, about).await.unwrap();
    seal(&ledger, ACME).await;
    let before = entries(&ledger).await;
    // One that is not sealed yet is emptied before it is.
    let late = vec![noted("n3", &spoken_of, NOON + 3)];
    ledger.learn(ACME, late).await.unwrap();
    let gone = event(&[P1], EventKind::Erased, "all", NOON + SECOND);
    ledger.erase(gone).await.unwrap();
    let said: Vec<_> = ledger
        .timeline(ACME, None, None, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|entry| (entry.subject_id.to_string(), entry.body.to_string()))
        .collect();
    let empty = r#"{"erased":true}"#;
    let expected = [
        ("n3", empty),
        ("n1", r#"{"by":"155512300019"}"#),
        ("erased", empty),
        ("n1", empty),
    ];
    let expected = expected.map(|(id, body)| (id.to_owned(), body.to_owned()));
    assert_eq!(said, expected);
    let after = entries(&ledger).await;
    for ((was, _), (is, _)) in before.iter().zip(&after) {
        assert_eq!((was.index, was.id, was.hash), (is.index, is.id, is.hash));
    }
    let erased = |(leaf, _): &(SealedLeaf, Recorded)| match &leaf.salts {
        Salts::Each(each) => {
            let gone = each
                .iter()
                .filter(|(_, opening)| matches!(opening, Opening::Erased(_)));
            gone.map(|(name, _)| name.to_string()).collect()
        }
        _ => Vec::new(),
    };
    let erased: Vec<Vec<String>> = after.iter().map(erased).collect();
    let nothing: [&str; 0] = [];
    assert_eq!(erased[0], ["body"]);
    assert_eq!(erased[1], ["subject_id", "body"]);
    assert_eq!(erased[2], nothing);
    assert_whole(&ledger, ACME).await;
    seal(&ledger, ACME).await;
    let last = entries(&ledger).await.pop().unwrap();
    let id = RecordId {
        kind: SealKind::Timeline,
        seq: last.0.id.seq,
    };
    assert_eq!(last.0.id, id);
    assert_eq!(named(&last.1, "body"), None);
    let ledger = place.reopen(ledger).await;
    assert_whole(&ledger, ACME).await;
    assert_clean(&ledger).await;
}
