//! The provable log: every record is sealed once, in an order that stays, and what is erased stays proved.

use greenline_ledger::Ledger;
use greenline_ledger::seal::{
    LEAVES_MAX, NewLeaf, NewSeal, RecordId, Recorded, SealKind, StoredHead, Unsealed,
};
use greenline_ledger::types::BusinessIx;
use greenline_proof::{
    Frontier, Hash, Head, Salts, Seed, SigningKey, Wanted, consistency_proof, inclusion_proof,
    is_consistent, is_included, leaf_hash, root_of,
};

use crate::support::*;

const P1: &str = "15551230001";
const P2: &str = "15551230002";

fn key() -> SigningKey {
    SigningKey::from_seed(&[3; 32]).unwrap()
}

fn hash(record: &Unsealed, seed: Seed) -> Hash {
    let commitments = Salts::Seed(seed).commitments(&record.fields).unwrap();
    leaf_hash(record.id.kind.as_str(), &commitments)
}

/// What a sealer does with these records, on a log of this size.
pub(crate) async fn made(ledger: &Ledger, business: BusinessIx, records: &[Unsealed]) -> NewSeal {
    let newest = ledger.log_head(business, None).await.unwrap();
    let size = newest.map_or(0, |head| head.signed.head.size);
    let wanted = Wanted::by(|nodes| Frontier::load(size, nodes));
    let mut known = ledger.log_nodes(business, wanted).await.unwrap();
    let mut frontier = Frontier::load(size, &mut known).unwrap();
    let (mut leaves, mut nodes) = (Vec::new(), Vec::new());
    for (at, record) in records.iter().enumerate() {
        let seed = Seed([at as u8; 16]);
        let hash = hash(record, seed);
        frontier.append(hash, |at, hash| {
            if at.is_kept() {
                nodes.push((at, hash));
            }
        });
        let id = record.id;
        leaves.push(NewLeaf { id, hash, seed });
    }
    let head = Head {
        business: ["acme", "bond"][business.0 as usize].into(),
        size: frontier.size(),
        root: frontier.root(),
        at_ms: NOON,
    };
    NewSeal {
        business,
        size,
        erasures: ledger.log_erasures(business).await.unwrap(),
        skipped: Vec::new(),
        leaves,
        nodes,
        head: StoredHead {
            signed: key().sign(head),
            key: key().public(),
        },
    }
}

/// Seals everything; says what.
pub(crate) async fn seal(ledger: &Ledger, business: BusinessIx) -> Vec<RecordId> {
    let mut sealed = Vec::new();
    loop {
        let records = ledger.unsealed(business, LEAVES_MAX).await.unwrap();
        if records.is_empty() {
            return sealed;
        }
        let seal = made(ledger, business, &records).await;
        assert!(ledger.seal(seal).await.unwrap());
        sealed.extend(records.iter().map(|record| record.id));
    }
}

/// Holds the whole log against the store: every leaf, every root, every record.
pub(crate) async fn assert_whole(ledger: &Ledger, business: BusinessIx) {
    let heads = ledger.log_heads(business, 0, 1_000).await.unwrap();
    let leaves = ledger.log_leaves(business, 0, 10_000).await.unwrap();
    let records = ledger.log_records(business, &leaves).await.unwrap();
    let mut frontier = Frontier::new();
    let mut heads = heads.iter();
    let mut next = heads.next();
    for ((at, leaf), record) in (0..).zip(&leaves).zip(&records) {
        assert_eq!(leaf.index, at);
        let Recorded::Fields(fields) = record else {
            panic!("{:?}: {record:?}", leaf.id);
        };
        let commitments = leaf.salts.commitments(fields).unwrap();
        assert_eq!(leaf_hash(leaf.id.kind.as_str(), &commitments), leaf.hash);
        let place = ledger.log_place(business, leaf.id).await.unwrap();
        assert_eq!(place.as_ref(), Some(leaf));
        frontier.append(leaf.hash, |_, _| {});
        if let Some(head) = next.filter(|head| head.signed.head.size == frontier.size()) {
            assert_eq!(head.signed.head.root, frontier.root());
            assert!(head.signed.is_signed_by(&key().public()));
            let size = Some(head.signed.head.size);
            assert_eq!(
                ledger.log_head(business, size).await.unwrap().as_ref(),
                Some(head)
            );
            next = heads.next();
        }
    }
    assert!(next.is_none(), "a head without its leaves");
    assert_eq!(ledger.log_unlogged(business).await.unwrap(), 0);
}

fn kinds(ids: &[RecordId]) -> (usize, usize) {
    let events = ids.iter().filter(|id| id.kind == SealKind::Event).count();
    (events, ids.len() - events)
}

pub(crate) async fn every_record_is_sealed_once_and_stays(place: Place) {
    let ledger = place.open().await;
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    ledger.append(no(&[P2], "all", NOON)).await.unwrap();
    ledger.admit(template(P1, "offer", NOON + 1)).await.unwrap();
    ledger.admit(template(P2, "offer", NOON + 2)).await.unwrap();
    assert_eq!(kinds(&seal(&ledger, ACME).await), (2, 2));
    assert!(ledger.unsealed(ACME, 10).await.unwrap().is_empty());
    assert_whole(&ledger, ACME).await;
    let ledger = place.reopen(ledger).await;
    assert!(ledger.unsealed(ACME, 10).await.unwrap().is_empty());
    ledger
        .append(yes(&[P2], "marketing", NOON + 9))
        .await
        .unwrap();
    ledger
        .admit(template(P2, "offer", NOON + 10))
        .await
        .unwrap();
    assert_eq!(kinds(&seal(&ledger, ACME).await), (1, 1));
    assert_whole(&ledger, ACME).await;
    assert_clean(&ledger).await;
}

/// What was written of late may be remembered; what is sealed must not depend on it.
pub(crate) async fn what_is_to_be_sealed_is_the_same_after_a_restart(place: Place) {
    let ledger = place.open().await;
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    for at in 1..4 {
        ledger
            .admit(template(P1, "offer", NOON + at))
            .await
            .unwrap();
    }
    seal(&ledger, ACME).await;
    for at in 4..40 {
        let to = [P1, P2][at as usize % 2];
        ledger
            .admit(template(to, "offer", NOON + at))
            .await
            .unwrap();
    }
    let before = ledger.unsealed(ACME, 100).await.unwrap();
    assert_eq!(before.len(), 36);
    assert_eq!(ledger.unsealed(ACME, 7).await.unwrap(), before[..7]);
    let ledger = place.reopen(ledger).await;
    assert_eq!(ledger.unsealed(ACME, 100).await.unwrap(), before);
    assert_eq!(ledger.unsealed(ACME, 7).await.unwrap(), before[..7]);
    ledger
        .admit(template(P1, "offer", NOON + 50))
        .await
        .unwrap();
    assert_eq!(seal(&ledger, ACME).await.len(), 37);
    assert_whole(&ledger, ACME).await;
}

pub(crate) async fn each_business_has_a_log_of_its_own(place: Place) {
    let ledger = place.open().await;
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    let mut other = yes(&[P1], "marketing", NOON);
    other.business = BOND;
    ledger.append(other).await.unwrap();
    assert_eq!(seal(&ledger, ACME).await.len(), 1);
    assert!(ledger.log_head(BOND, None).await.unwrap().is_none());
    assert_eq!(seal(&ledger, BOND).await.len(), 1);
    for business in [ACME, BOND] {
        assert_whole(&ledger, business).await;
    }
}

pub(crate) async fn a_seal_for_another_size_is_not_taken(place: Place) {
    let ledger = place.open().await;
    for at in 0..3 {
        ledger
            .append(yes(&[P1], "marketing", NOON + at))
            .await
            .unwrap();
    }
    let records = ledger.unsealed(ACME, 10).await.unwrap();
    let (first, second) = (
        made(&ledger, ACME, &records[..2]).await,
        made(&ledger, ACME, &records[..1]).await,
    );
    assert!(ledger.seal(first.clone()).await.unwrap());
    assert!(!ledger.seal(second).await.unwrap());
    assert!(!ledger.seal(first).await.unwrap());
    assert_eq!(seal(&ledger, ACME).await.len(), 1);
    assert_whole(&ledger, ACME).await;
}

pub(crate) async fn sealers_at_once_lose_nothing_and_seal_nothing_twice(place: Place) {
    let ledger = place.open().await;
    for at in 0..40 {
        ledger
            .append(yes(&[P1], "marketing", NOON + at))
            .await
            .unwrap();
    }
    let sealer = |ledger: Ledger| async move {
        for _ in 0..100 {
            // Read in the wrong order: records that another sealed meanwhile must not be taken again.
            let records = ledger.unsealed(ACME, 3).await.unwrap();
            if records.is_empty() {
                return;
            }
            let seal = made(&ledger, ACME, &records).await;
            ledger.seal(seal).await.unwrap();
        }
    };
    let tasks: Vec<_> = (0..3)
        .map(|_| tokio::spawn(sealer(ledger.clone())))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    seal(&ledger, ACME).await;
    let leaves = ledger.log_leaves(ACME, 0, 1_000).await.unwrap();
    assert_eq!(leaves.len(), 40);
    assert_whole(&ledger, ACME).await;
}

pub(crate) async fn proofs_come_from_what_is_kept_of_a_long_log(place: Place) {
    let ledger = place.open().await;
    let events: Vec<_> = (0..600)
        .map(|at| yes(&[&format!("1555{at:07}")], "marketing", NOON + at))
        .collect();
    ledger.append_all(events).await.unwrap();
    for _ in 0..2 {
        let records = ledger.unsealed(ACME, 299).await.unwrap();
        let seal = made(&ledger, ACME, &records).await;
        assert!(ledger.seal(seal).await.unwrap());
    }
    seal(&ledger, ACME).await;
    assert_whole(&ledger, ACME).await;
    let head = ledger
        .log_head(ACME, None)
        .await
        .unwrap()
        .unwrap()
        .signed
        .head;
    assert_eq!(head.size, 600);
    for index in [0, 255, 256, 300, 511, 512, 599] {
        let wanted = Wanted::by(|nodes| inclusion_proof(index, 600, nodes));
        let mut known = ledger.log_nodes(ACME, wanted).await.unwrap();
        let proof = inclusion_proof(index, 600, &mut known).unwrap();
        let leaf = ledger.log_leaves(ACME, index, 1).await.unwrap().remove(0);
        assert!(
            is_included(leaf.hash, index, 600, &proof, head.root),
            "{index}"
        );
    }
    let before = ledger
        .log_head(ACME, Some(299))
        .await
        .unwrap()
        .unwrap()
        .signed
        .head;
    let wanted = Wanted::by(|nodes| {
        consistency_proof(299, 600, nodes)?;
        root_of(299, nodes)
    });
    let mut known = ledger.log_nodes(ACME, wanted).await.unwrap();
    let proof = consistency_proof(299, 600, &mut known).unwrap();
    assert_eq!(root_of(299, &mut known).unwrap(), before.root);
    assert!(is_consistent((299, before.root), (600, head.root), &proof));
}

pub(crate) async fn forgotten_salts_leave_the_leaf_as_it_was(place: Place) {
    let ledger = place.open().await;
    for at in 0..3 {
        ledger
            .append(yes(&[P1], "marketing", NOON + at))
            .await
            .unwrap();
    }
    let unsealed = ledger.unsealed(ACME, 10).await.unwrap().remove(1).id;
    assert!(
        !ledger
            .forget_salts(ACME, unsealed, &["person"])
            .await
            .unwrap()
    );
    seal(&ledger, ACME).await;
    let before = ledger.log_place(ACME, unsealed).await.unwrap().unwrap();
    let Recorded::Fields(mut fields) = ledger
        .log_records(ACME, std::slice::from_ref(&before))
        .await
        .unwrap()
        .remove(0)
    else {
        panic!("it is there");
    };
    let done = ledger.forget_salts(ACME, unsealed, &["person", "evidence.method"]);
    assert!(done.await.unwrap());
    let after = ledger.log_place(ACME, unsealed).await.unwrap().unwrap();
    assert_eq!((after.index, after.hash), (before.index, before.hash));
    fields.retain(|field| !["person", "evidence.method"].contains(&&*field.name));
    let commitments = after.salts.commitments(&fields).unwrap();
    assert_eq!(leaf_hash("event", &commitments), before.hash);
    // Its neighbours are as they were.
    let leaves = ledger.log_leaves(ACME, 0, 10).await.unwrap();
    let seeds = leaves
        .iter()
        .filter(|leaf| matches!(leaf.salts, Salts::Seed(_)));
    assert_eq!(seeds.count(), 2);
}

pub(crate) async fn a_decision_that_comes_late_is_sealed_too(place: Place) {
    if place.is_shared() {
        return;
    }
    let ledger = place.open().await;
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    ledger
        .learn(ACME, vec![wrote(&[P1], "wamid.1", NOON)])
        .await
        .unwrap();
    let late = |at| ledger.admit_unrecorded(text(P1, at), Vec::new());
    let first = late(NOON + 1).await.unwrap().unwrap().spilled;
    ledger.admit(text(P1, NOON + 2)).await.unwrap();
    assert_eq!(seal(&ledger, ACME).await.len(), 1);
    let second = late(NOON + 9).await.unwrap().unwrap().spilled;
    ledger.record_spilled(vec![first, second]).await.unwrap();
    assert_eq!(seal(&ledger, ACME).await.len(), 2);
    ledger.admit(text(P1, NOON + 8)).await.unwrap();
    ledger.admit(text(P1, NOON + 20)).await.unwrap();
    assert_eq!(seal(&ledger, ACME).await.len(), 2);
    assert_whole(&ledger, ACME).await;
}
