//! Sends, as far as the file, its commits and the queue before them show.

use greenline_ledger::types::{Effect, Outcome};
use greenline_ledger::{Ledger, LedgerError, Setup};
use greenline_policy::decide::{Decision, Facts, Intent, Rules, Verdict};
use greenline_policy::rule::Rule;
use smallvec::smallvec;

use super::File;
use crate::support::*;

const P1: &str = "15551230001";

async fn covered(place: &File) -> Ledger {
    let ledger = place.open();
    cover(&ledger).await;
    ledger
}

fn count(place: &File, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    place.raw().query_row(&sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_decision_is_on_disk_when_it_is_acknowledged() {
    let place = File::new();
    let ledger = covered(&place).await;
    ledger.admit(template(P1, "offer", NOON)).await.unwrap();
    assert_eq!(count(&place, "decisions"), 1);
}

#[tokio::test]
async fn a_status_that_finds_its_message_is_no_stray_any_more() {
    let place = File::new();
    let ledger = covered(&place).await;
    let admitted = ledger.admit(template(P1, "offer", NOON)).await.unwrap();
    let sent = Effect::Status {
        message_id: "wamid.1".into(),
        status: "sent".into(),
        at_ms: NOON,
        code: None,
    };
    ledger.learn(ACME, vec![sent]).await.unwrap();
    assert_eq!(count(&place, "stray_statuses"), 1);
    let message_ids = smallvec!["wamid.1".into()];
    ledger.settle(admitted.id, Outcome::Accepted { message_ids });
    ledger.learn(ACME, vec![]).await.unwrap();
    assert_eq!(count(&place, "stray_statuses"), 0);
}

#[tokio::test]
async fn an_import_is_one_commit() {
    let place = File::new();
    let ledger = place.open();
    let rows = (0..50).map(|n| yes(&[&format!("1555123{n:04}")], "marketing", NOON + n));
    let before = place.faults.commits();
    ledger.append_all(rows.collect()).await.unwrap();
    assert_eq!(place.faults.commits(), before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_take_few_commits() {
    let place = File::new();
    let ledger = covered(&place).await;
    let before = place.faults.commits();
    let asks: Vec<_> = (0..500)
        .map(|n| {
            let ledger = ledger.clone();
            tokio::spawn(async move { ledger.admit(template(P1, "offer", NOON + n)).await })
        })
        .collect();
    for ask in asks {
        ask.await.unwrap().unwrap();
    }
    assert!(place.faults.commits() - before < 500);
}

/// Commits hold decisions of several businesses, and of some the record comes later: each business finds its own.
#[tokio::test]
async fn decisions_of_each_business_are_found_in_order() {
    let place = File::new();
    let ledger = covered(&place).await;
    let ask = |business, n| {
        let mut ask = template(P1, "offer", NOON + n);
        ask.business = business;
        ask
    };
    let made = futures_util::future::join_all((0..40).map(|n| {
        let (ledger, first, other, past) =
            (ledger.clone(), ask(ACME, n), ask(BOND, n), ask(ACME, n));
        async move {
            let (first, other, past) = tokio::join!(
                ledger.admit(first),
                ledger.admit(other),
                ledger.admit_unrecorded(past, vec![]),
            );
            let past = past.unwrap().unwrap().spilled;
            ((first.unwrap().id, past.id), other.unwrap().id, past)
        }
    }))
    .await;
    let late: Vec<_> = made.iter().map(|(_, _, past)| past.clone()).collect();
    for some in late.rchunks(7) {
        ledger.record_spilled(some.to_vec()).await.unwrap();
    }
    let mut wanted: [Vec<_>; 2] = [
        made.iter().flat_map(|(ids, ..)| [ids.0, ids.1]).collect(),
        made.iter().map(|(_, id, _)| *id).collect(),
    ];
    for (business, wanted) in [ACME, BOND].into_iter().zip(&mut wanted) {
        wanted.sort_by_key(|id| std::cmp::Reverse(id.seq));
        let mut found = Vec::new();
        loop {
            let page = ledger.decisions(Some(business), found.last().copied(), 7);
            let page = page.await.unwrap();
            if page.is_empty() {
                break;
            }
            found.extend(page.iter().map(|record| record.id));
        }
        assert_eq!(found, *wanted);
        // A day later, less and less of it is of the last day.
        for n in [0, 1, 20, 39, 40] {
            let counts = ledger.counts(business, NOON + 24 * 60 * 60 * 1_000 + n);
            let counts = counts.await.unwrap();
            let left = wanted.iter().filter(|id| id.seq >> 20 >= (NOON + n) as u64);
            assert_eq!(counts.allowed + counts.refused, left.count() as u64);
        }
    }
    assert_clean(&ledger).await;
}

#[tokio::test]
async fn a_send_without_an_outcome_counts_as_unknown_after_a_restart() {
    let place = File::new();
    let ledger = covered(&place).await;
    drop(ledger.admit(template(P1, "offer", NOON)).await.unwrap());
    drop(ledger);
    let ledger = place.open();
    let again = ledger
        .admit(template(P1, "offer", NOON + SECOND))
        .await
        .unwrap();
    assert_eq!(first_rule(&again.decision), Rule::SendUnsettled);
}

#[tokio::test]
#[expect(
    clippy::await_holding_lock,
    reason = "the lock holds the writer back, not this test"
)]
async fn a_full_queue_answers_at_once() {
    fn slow(_: Intent, _: &Facts<'_>, _: &Rules, _: i64) -> Decision {
        // Holds the writer until the test lets it go.
        drop(
            GATE.lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        Decision {
            verdict: Verdict::Refuse,
            reasons: vec![],
            own: Vec::new(),
        }
    }
    static GATE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let place = File::new();
    let ledger = Ledger::open_sqlite(
        &place.path,
        Setup {
            decide: slow,
            queue_max: 2,
            ..setup()
        },
    )
    .unwrap();
    let gate = GATE.lock().unwrap();
    let mut asks: Vec<_> = (0..64)
        .map(|_| {
            let ledger = ledger.clone();
            tokio::spawn(async move { ledger.admit(text(P1, NOON)).await })
        })
        .collect();
    // At most two wait and at most two are with the writer: all others are answered while it stands.
    while asks.iter().filter(|ask| ask.is_finished()).count() < 60 {
        tokio::task::yield_now().await;
    }
    drop(gate);
    let mut done = 0;
    for ask in asks.drain(..) {
        match ask.await.unwrap() {
            Ok(_) => done += 1,
            Err(error) => assert!(matches!(error, LedgerError::Unavailable(_)), "{error}"),
        }
    }
    assert!((2..=4).contains(&done), "{done}");
}

#[tokio::test]
async fn a_store_is_written_by_one_at_a_time_and_read_by_others() {
    let place = File::new();
    let ledger = covered(&place).await;
    assert!(matches!(
        Ledger::open_sqlite(&place.path, setup()),
        Err(LedgerError::Unavailable(_))
    ));
    let reader = Ledger::open_reader(&place.path, setup()).unwrap();
    assert!(reader.person(ACME, &id(P1)).await.unwrap().is_some());
    assert!(matches!(
        reader.admit(text(P1, NOON)).await,
        Err(LedgerError::Conflict(_))
    ));
    assert_clean(&reader).await;
    drop(ledger);
    drop(place.open());
}
