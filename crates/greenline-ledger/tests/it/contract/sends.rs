//! Sends: decided, recorded, settled.

use greenline_ledger::types::{DecisionId, Effect, Mode, Outcome};
use greenline_ledger::{Ledger, LedgerError};
use greenline_policy::country::{Country, Place as Here};
use greenline_policy::decide::{Verdict, decide};
use greenline_policy::quiet::Quiet;
use greenline_policy::rule::Rule;
use greenline_policy::scope::{Categories, Category};
use smallvec::smallvec;

use crate::support::*;

async fn covered(place: &Place) -> Ledger {
    let ledger = place.open().await;
    cover(&ledger).await;
    ledger
}

pub(crate) async fn a_covered_send_is_allowed_and_recorded(place: Place) {
    let ledger = covered(&place).await;
    let admitted = ledger
        .admit(template("15551230001", "offer", NOON + 1))
        .await
        .unwrap();
    assert!(allows(&admitted.decision), "{:?}", admitted.decision);
    assert!(admitted.flight.is_some());
    let record = ledger.decision(admitted.id).await.unwrap().unwrap();
    assert_eq!(record.decision, admitted.decision);
    assert_eq!(record.body_hash, [7; 16]);
    assert_eq!(&*record.business, "acme");
    assert_clean(&ledger).await;
}

/// What place and hour say is a fact like any other: looked at, kept with the decision, and enough to decide again.
pub(crate) async fn place_and_hour_are_facts_of_the_record(place: Place) {
    let ledger = covered(&place).await;
    let here = |code: &str, closed: &[Category], end_ms: i64| Here {
        country: Country::parse(code).unwrap(),
        closed: Categories::of(closed.iter().copied()),
        quiet: Quiet::from_ends_ms([end_ms, i64::MIN, i64::MAX, i64::MIN]),
    };
    let now_ms = NOON + 1;
    for (said, rule) in [
        (here("BR", &[], now_ms), None),
        (here("US", &[], now_ms), Some(Rule::CountryUsMarketing)),
        (
            here("BR", &[Category::Marketing], now_ms),
            Some(Rule::CountryClosed),
        ),
        (
            here("BR", &[Category::Utility], now_ms + 1),
            Some(Rule::QuietHours),
        ),
    ] {
        let mut ask = template("15551230001", "offer", now_ms);
        ask.places = smallvec![said];
        let previewed = ledger.preview(ask.clone()).await.unwrap();
        let admitted = ledger.admit(ask).await.unwrap();
        assert_eq!(previewed.decision, admitted.decision);
        let refused = (!allows(&admitted.decision)).then(|| first_rule(&admitted.decision));
        assert_eq!(refused, rule, "{said:?}");
        let record = ledger.decision(admitted.id).await.unwrap().unwrap();
        assert_eq!(record.people[0].place, said);
        assert_eq!(&*record.pack, "2026-11");
        assert!(record.is_of_its_time());
        assert_eq!(record.again(decide), admitted.decision);
    }
    // Where nobody said anything, nothing is known, also of a second addressee.
    let mut two = template("15551230001", "offer", now_ms + 2);
    two.to = ids(&["15551230001", "US.abc123"]);
    two.places = smallvec![here("BR", &[], now_ms)];
    let admitted = ledger.admit(two).await.unwrap();
    let record = ledger.decision(admitted.id).await.unwrap().unwrap();
    assert_eq!(record.people[1].place, Here::default());
    assert_clean(&ledger).await;
}

pub(crate) async fn a_send_without_cover_is_refused_and_recorded(place: Place) {
    let ledger = covered(&place).await;
    let admitted = ledger
        .admit(template("15551239999", "offer", NOON + 1))
        .await
        .unwrap();
    assert_eq!(first_rule(&admitted.decision), Rule::ConsentMissing);
    assert!(admitted.flight.is_none());
    assert!(ledger.decision(admitted.id).await.unwrap().is_some());
    // Refusing somebody makes nobody known.
    assert!(
        ledger
            .person(ACME, &id("15551239999"))
            .await
            .unwrap()
            .is_none()
    );
    // What one business knows is nothing to another.
    let mut ask = template("15551230001", "offer", NOON + 1);
    ask.business = BOND;
    assert!(!allows(&ledger.admit(ask).await.unwrap().decision));
    assert_clean(&ledger).await;
}

pub(crate) async fn both_addressees_must_be_allowed(place: Place) {
    let ledger = covered(&place).await;
    let mut ask = template("15551230001", "offer", NOON + 1);
    ask.to = ids(&["15551230001", "US.abc123"]);
    let admitted = ledger.admit(ask).await.unwrap();
    assert!(!allows(&admitted.decision));
    assert_eq!(
        ledger
            .decision(admitted.id)
            .await
            .unwrap()
            .unwrap()
            .people
            .len(),
        2
    );
    assert_clean(&ledger).await;
}

pub(crate) async fn ids_grow_even_when_the_clock_does_not_and_over_a_restart(place: Place) {
    let mut last = 0;
    for _ in 0..3 {
        let ledger = covered(&place).await;
        for now_ms in [NOON, NOON - 5_000, NOON] {
            let id = ledger
                .admit(template("15551230001", "offer", now_ms))
                .await
                .unwrap()
                .id;
            assert!(id.seq > last);
            last = id.seq;
        }
    }
}

pub(crate) async fn an_observed_send_goes_though_refused_and_a_stop_finds_it(place: Place) {
    let ledger = covered(&place).await;
    let mut ask = template("15551237777", "offer", NOON);
    ask.mode = Mode::Observe;
    let admitted = ledger.admit(ask).await.unwrap();
    assert_eq!(admitted.decision.verdict, Verdict::Refuse);
    assert!(admitted.flight.is_some());
    let appended = ledger
        .append(no(&["15551237777"], "marketing", NOON + 1))
        .await
        .unwrap();
    assert_eq!(appended.flights.len(), 1);
    assert!(!appended.flights[0].is_over());
    drop(admitted.flight);
    appended.flights[0].settled().await;
    assert!(appended.flights[0].is_over());
    assert_clean(&ledger).await;
}

pub(crate) async fn an_unknown_outcome_makes_the_same_body_wait_also_over_a_restart(place: Place) {
    let ledger = covered(&place).await;
    let ask = |now_ms| template("15551230001", "offer", now_ms);
    let admitted = ledger.admit(ask(NOON)).await.unwrap();
    ledger.settle(admitted.id, Outcome::Unknown);
    let again = ledger.admit(ask(NOON + SECOND)).await.unwrap();
    assert_eq!(first_rule(&again.decision), Rule::SendUnsettled);
    let mut other = ask(NOON + SECOND);
    other.body_hash = [8; 16];
    let other = ledger.admit(other).await.unwrap();
    assert!(allows(&other.decision));
    ledger.settle(other.id, Outcome::NotSent);
    let ledger = place.reopen(ledger).await;
    assert!(!allows(
        &ledger.admit(ask(NOON + 2 * SECOND)).await.unwrap().decision
    ));
    // Somebody found out after all.
    ledger.settle(admitted.id, Outcome::Rejected { code: 131_026 });
    let id = ledger.admit(ask(NOON + 3 * SECOND)).await.unwrap();
    assert!(allows(&id.decision));
    ledger.settle(id.id, Outcome::Unknown);
    // Time settles it too.
    assert!(allows(
        &ledger
            .admit(ask(NOON + 3 * SECOND + 15 * 60 * SECOND))
            .await
            .unwrap()
            .decision
    ));
    assert_clean(&ledger).await;
}

pub(crate) async fn a_status_may_come_before_the_answer_and_in_any_order(place: Place) {
    let ledger = covered(&place).await;
    let status = |id: &str, status: &str, at_ms| Effect::Status {
        message_id: id.into(),
        status: status.into(),
        at_ms,
        code: None,
    };
    let admitted = ledger
        .admit(template("15551230001", "offer", NOON))
        .await
        .unwrap();
    ledger
        .learn(
            ACME,
            vec![
                status("wamid.1", "delivered", NOON + 5),
                status("wamid.1", "sent", NOON + 5),
            ],
        )
        .await
        .unwrap();
    ledger.settle(
        admitted.id,
        Outcome::Accepted {
            message_ids: smallvec!["wamid.1".into(), "wamid.2".into()],
        },
    );
    ledger.learn(ACME, vec![]).await.unwrap();
    let read = |ledger: Ledger| async move { ledger.decision(admitted.id).await.unwrap().unwrap() };
    let record = read(ledger.clone()).await;
    assert_eq!(record.outcome.as_deref(), Some("accepted"));
    assert_eq!(record.status.as_deref(), Some("delivered"));
    assert_eq!(record.message_ids.len(), 2);
    ledger
        .learn(
            ACME,
            vec![
                status("wamid.1", "read", NOON + 9),
                status("wamid.1", "delivered", NOON + 6),
            ],
        )
        .await
        .unwrap();
    assert_eq!(read(ledger.clone()).await.status.as_deref(), Some("read"));
}

pub(crate) async fn outcomes_are_written_without_anybody_asking(place: Place) {
    let ledger = covered(&place).await;
    let admitted = ledger
        .admit(template("15551230001", "offer", NOON))
        .await
        .unwrap();
    ledger.settle(admitted.id, Outcome::NotSent);
    let read = || async { ledger.decision(admitted.id).await.unwrap().unwrap().outcome };
    tokio::time::timeout(std::time::Duration::from_secs(10), async {
        while read().await.is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert_eq!(read().await.as_deref(), Some("not_sent"));
}

pub(crate) async fn decisions_are_listed_newest_first_by_page(place: Place) {
    let ledger = covered(&place).await;
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(
            ledger
                .admit(template("15551230001", "offer", NOON + n))
                .await
                .unwrap()
                .id,
        );
    }
    made.reverse();
    let list = |before: Option<DecisionId>| {
        let ledger = ledger.clone();
        async move {
            let page = ledger.decisions(Some(ACME), before, 2).await.unwrap();
            page.into_iter().map(|record| record.id).collect::<Vec<_>>()
        }
    };
    assert_eq!(list(None).await, made[..2]);
    assert_eq!(list(Some(made[1])).await, made[2..4]);
    assert_eq!(ledger.decisions(None, None, 100).await.unwrap().len(), 5);
    assert!(
        ledger
            .decisions(Some(BOND), None, 100)
            .await
            .unwrap()
            .is_empty()
    );
    let counts = ledger.counts(ACME, NOON + 10).await.unwrap();
    assert_eq!((counts.allowed, counts.refused, counts.people), (5, 0, 1));
}

pub(crate) async fn a_closed_ledger_says_so(place: Place) {
    let ledger = covered(&place).await;
    ledger.close().await;
    let answer = ledger.admit(text("15551230001", NOON)).await;
    assert!(matches!(answer, Err(LedgerError::Unavailable(_))));
}

pub(crate) async fn many_at_once_are_all_answered(place: Place) {
    let ledger = covered(&place).await;
    let asks: Vec<_> = (0..500)
        .map(|n| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                ledger
                    .admit(template("15551230001", "offer", NOON + n))
                    .await
                    .unwrap()
                    .id
                    .seq
            })
        })
        .collect();
    let mut seqs = std::collections::BTreeSet::new();
    for ask in asks {
        assert!(seqs.insert(ask.await.unwrap()));
    }
    assert_clean(&ledger).await;
}

pub(crate) async fn a_decision_past_the_store_is_recorded_later_and_once(place: Place) {
    let ledger = covered(&place).await;
    let ask = template("15551230001", "offer", NOON + 1);
    if place.is_shared() {
        // What one node remembers is no ground to send on.
        let past = ledger.admit_unrecorded(ask, vec![]).await;
        assert!(matches!(past, Err(LedgerError::Unavailable(_))));
        return;
    }
    let stopped = ledger.admit_unrecorded(ask.clone(), vec![id("15551230001")]);
    assert!(stopped.await.unwrap().is_none());
    let stranger = template("15551239999", "offer", NOON + 1);
    let stranger = ledger.admit_unrecorded(stranger, vec![]);
    assert!(stranger.await.unwrap().is_none());

    let past = ledger.admit_unrecorded(ask, vec![]).await.unwrap().unwrap();
    assert!(allows(&past.admitted.decision));
    assert!(ledger.decision(past.spilled.id).await.unwrap().is_none());
    let stop = no(&["15551230001"], "marketing", NOON + 2);
    assert_eq!(ledger.append(stop).await.unwrap().flights.len(), 1);

    for _ in 0..2 {
        let spilled = vec![past.spilled.clone()];
        ledger.record_spilled(spilled).await.unwrap();
    }
    let record = ledger.decision(past.spilled.id).await.unwrap().unwrap();
    assert_eq!(record.decision, past.admitted.decision);
    assert_eq!(record.at_ms, NOON + 1);
    assert_eq!(ledger.decisions(None, None, 9).await.unwrap().len(), 1);
    ledger.settle(past.spilled.id, Outcome::NotSent);
    ledger.learn(ACME, vec![]).await.unwrap();
    let record = ledger.decision(past.spilled.id).await.unwrap().unwrap();
    assert_eq!(record.outcome.as_deref(), Some("not_sent"));
    assert_clean(&ledger).await;
}

pub(crate) async fn what_may_have_gone_out_waits_until_the_last_of_it_is_known(place: Place) {
    let ledger = covered(&place).await;
    let ask = |now_ms| template("15551230001", "offer", now_ms);
    let first = ledger.admit(ask(NOON)).await.unwrap();
    let second = ledger.admit(ask(NOON + 1)).await.unwrap();
    ledger.settle(first.id, Outcome::Unknown);
    ledger.settle(second.id, Outcome::Unknown);
    ledger.settle(first.id, Outcome::NotSent);
    let waits = ledger.admit(ask(NOON + SECOND)).await.unwrap();
    assert_eq!(first_rule(&waits.decision), Rule::SendUnsettled);
    ledger.settle(second.id, Outcome::NotSent);
    let goes = ledger.admit(ask(NOON + 2 * SECOND)).await.unwrap();
    assert!(allows(&goes.decision));
}
