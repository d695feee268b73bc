//! Commits that do not hold: nobody is told yes, nothing is left, and the next one works.

use greenline_ledger::subscription::{Subscription, Takes};
use greenline_ledger::types::{Effect, Lane, Outcome};
use greenline_ledger::{Ledger, LedgerError};

use super::File;
use crate::support::*;

const P1: &str = "15551230001";
const P2: &str = "15551230002";
const U1: &str = "US.aaa111";
const U2: &str = "US.bbb222";

/// Everything that changes people, templates and windows, one request each.
fn steps() -> Vec<Vec<Effect>> {
    vec![
        listed(NOON),
        vec![Effect::Consent(yes(&[P1], "marketing", NOON))],
        vec![Effect::Consent(no(&[U1], "utility", NOON))],
        vec![known(&[P1, U1], NOON + 1)],
        vec![wrote(&[P1, U1], "wamid.1", NOON + 2)],
        vec![moved(P1, P2, NOON + 3)],
        vec![wrote(&[P2], "wamid.2", NOON + 4)],
        vec![known(&[P2, U2], NOON + 5)],
        vec![wrote(&[P1, U2], "wamid.3", NOON + 6)],
        vec![
            Effect::Consent(yes(&[P2], "utility", NOON + 7)),
            Effect::Consent(no(&[P1], "marketing", NOON + 8)),
        ],
    ]
}

/// What everybody would be told now.
async fn answers(ledger: &Ledger) -> Vec<String> {
    let mut answers = Vec::new();
    for who in [P1, P2, U1, U2] {
        for name in ["offer", "receipt"] {
            let record = ledger
                .preview(template(who, name, NOON + 100))
                .await
                .unwrap();
            let people: Vec<_> = record
                .people
                .iter()
                .map(|p| (p.head.clone(), p.wrote_at_ms))
                .collect();
            answers.push(format!(
                "{who} {name} {:?} {:?} {people:?}",
                record.decision, record.template_facts
            ));
        }
        answers.push(format!(
            "{:?}",
            ledger
                .preview(text(who, NOON + 100))
                .await
                .unwrap()
                .decision
        ));
    }
    answers
}

#[tokio::test]
async fn whichever_commit_fails_memory_is_what_the_store_is() {
    for failing in 0..steps().len() {
        let place = File::new();
        let ledger = place.open();
        for (n, step) in steps().into_iter().enumerate() {
            if n == failing {
                let before = answers(&ledger).await;
                place.faults.fail(1, 0);
                let answer = ledger.learn(ACME, step.clone()).await;
                assert!(
                    matches!(answer, Err(LedgerError::Unavailable(_))),
                    "{answer:?}"
                );
                assert_eq!(
                    answers(&ledger).await,
                    before,
                    "step {n} left something behind"
                );
            }
            ledger.learn(ACME, step).await.unwrap();
        }
        assert_clean(&ledger).await;
        let live = answers(&ledger).await;
        drop(ledger);
        assert_eq!(
            answers(&place.open()).await,
            live,
            "opened again after step {failing} had failed"
        );
    }
}

#[tokio::test]
async fn a_subscription_whose_commit_failed_is_told_nothing() {
    let place = File::new();
    let ledger = place.open();
    let mut one = Subscription {
        business: ACME,
        id: "sub_a".into(),
        version: 0,
        takes: Takes {
            active: true,
            consents: true,
            imports: true,
        },
        body: "{}".into(),
    };
    let due = async |ledger: &Ledger| {
        let due = ledger.relay_due(NOON + SECOND, Lane::Event, 10).await;
        due.unwrap().len()
    };
    place.faults.fail(1, 0);
    let put = ledger.put_subscription(one.clone()).await;
    assert!(matches!(put, Err(LedgerError::Unavailable(_))), "{put:?}");
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    assert_eq!(due(&ledger).await, 0);
    assert!(ledger.put_subscription(one.clone()).await.unwrap());
    (one.version, one.takes.consents) = (1, false);
    place.faults.fail(1, 0);
    let changed = ledger.put_subscription(one).await;
    assert!(matches!(changed, Err(LedgerError::Unavailable(_))));
    place.faults.fail(1, 0);
    let removed = ledger.remove_subscription(ACME, "sub_a").await;
    assert!(matches!(removed, Err(LedgerError::Unavailable(_))));
    ledger.append(no(&[P1], "marketing", NOON)).await.unwrap();
    assert_eq!(due(&ledger).await, 1);
}

#[tokio::test]
async fn a_failed_batch_is_unavailable_to_all_and_serves_again_by_itself() {
    let place = File::new();
    let ledger = place.open();
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    place.faults.fail(1, 2);
    for _ in 0..3 {
        let answer = ledger.admit(template(P1, "offer", NOON + 1)).await;
        assert!(matches!(answer, Err(LedgerError::Unavailable(_))));
    }
    let admitted = ledger.admit(template(P1, "offer", NOON + 1)).await.unwrap();
    assert!(allows(&admitted.decision));
    assert_eq!(ledger.decisions(None, None, 10).await.unwrap().len(), 1);
    assert_clean(&ledger).await;
}

#[tokio::test]
async fn an_outcome_survives_commits_that_fail() {
    let place = File::new();
    let ledger = place.open();
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    let admitted = ledger.admit(template(P1, "offer", NOON + 1)).await.unwrap();
    place.faults.fail(1, 2);
    ledger.settle(admitted.id, Outcome::NotSent);
    while ledger.learn(ACME, vec![]).await.is_err() {}
    assert_eq!(
        ledger
            .decision(admitted.id)
            .await
            .unwrap()
            .unwrap()
            .outcome
            .as_deref(),
        Some("not_sent")
    );
}

#[tokio::test]
async fn a_store_locked_by_something_else_is_unavailable_until_it_is_not() {
    let place = File::new();
    let ledger = place.open();
    let raw = place.raw();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = ledger.append(yes(&[P1], "marketing", NOON)).await;
    assert!(
        matches!(answer, Err(LedgerError::Unavailable(_))),
        "{answer:?}"
    );
    raw.execute_batch("ROLLBACK").unwrap();
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    assert_eq!(ledger.export(ACME, None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_closed_store_is_free_though_somebody_still_reads_it() {
    let place = File::new();
    let reads = place.open();
    let second = Ledger::open_sqlite_with(&place.path, setup(), &place.faults);
    assert!(matches!(second, Err(LedgerError::Unavailable(_))));
    reads.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    reads.close().await;
    let writes = place.open();
    writes.append(yes(&[P2], "marketing", NOON)).await.unwrap();
    assert_eq!(reads.export(ACME, None, 10).await.unwrap().len(), 2);
}
