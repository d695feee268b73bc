//! Erasure: what is left of a person is their no, and nothing that tells whose it is.

use greenline_ledger::LedgerError;
use greenline_ledger::erasure::{Erased, ErasureKey};
use greenline_ledger::types::{Effect, NewEvent, Outcome};
use greenline_ledger::{Ledger, erasure};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::rule::Rule;

use super::seal::{assert_whole, seal};
use crate::support::*;

const P1: &str = "15551230001";
const P2: &str = "15551230002";
const U1: &str = "US.aaa111";

fn keyed(ledger: Ledger) -> Ledger {
    let key = |id: &str, byte| ErasureKey {
        id: id.into(),
        secret: [byte; 32],
    };
    ledger.use_erasure_keys(vec![key("00000002", 2), key("00000001", 1)]);
    ledger
}

async fn erase(ledger: &Ledger, person: &str, at_ms: i64) -> Erased {
    let event = event(&[person], EventKind::Erased, "all", at_ms);
    let erased = ledger.erase(event).await.unwrap();
    for flight in erased.flights.clone() {
        flight.settled().await;
    }
    erased
}

fn imported(person: &[&str], what: &str, at_ms: i64) -> NewEvent {
    NewEvent {
        strength: Strength::Imported,
        ..yes(person, what, at_ms)
    }
}

async fn is_gone(ledger: &Ledger, texts: &[&str]) {
    let decisions = ledger.decisions(None, None, 1_000).await.unwrap();
    let events = ledger.export(ACME, None, 1_000).await.unwrap();
    for text in texts {
        let text = id(text);
        for decision in &decisions {
            assert!(decision.people.iter().all(|one| one.identifier != text));
            let erased = |one: &greenline_ledger::types::RecordedPerson| {
                erasure::is_pseudonym(&one.identifier)
            };
            assert!(!decision.people.iter().any(erased) || decision.message_ids.is_empty());
        }
        for stored in &events {
            assert!(!stored.event.person.contains(&text));
            assert!(stored.identifier != text);
        }
    }
}

pub(crate) async fn an_erased_person_leaves_their_no_and_nothing_else(place: Place) {
    let ledger = keyed(place.open().await);
    cover(&ledger).await;
    ledger
        .learn(ACME, vec![known(&[P1, U1], NOON)])
        .await
        .unwrap();
    let stop = NewEvent {
        dedup: Some("wamid.1".into()),
        ..no(&[U1], "marketing", NOON + 3 * SECOND)
    };
    let sent = ledger
        .admit(template(P1, "offer", NOON + SECOND))
        .await
        .unwrap();
    assert!(allows(&sent.decision));
    ledger.settle(
        sent.id,
        Outcome::Accepted {
            message_ids: ["wamid.A".into()].into_iter().collect(),
        },
    );
    drop(sent);
    ledger.append(stop.clone()).await.unwrap();
    let body = format!("{{\"from\":\"{P1}\"}}");
    let ours = delivery(&body, vec![wrote(&[P1], "m1", NOON + 2 * SECOND)]);
    ledger
        .ingest(greenline_ledger::types::Delivery {
            relay_to: vec![],
            ..ours
        })
        .await
        .unwrap();
    ledger
        .ingest(delivery(&format!("[\"{P1}\",\"{P2}\"]"), vec![]))
        .await
        .unwrap();
    // One of the timeline's entries is about them, one about a longer number that begins with theirs.
    let told = |by: &str| Effect::Timeline {
        subject: "account",
        subject_id: "w1".into(),
        origin: "test".into(),
        event: "complaint".into(),
        at_ms: NOON,
        body: format!("{{\"by\":\"{by}\"}}").into(),
    };
    let told = vec![told(P1), told("155512300010")];
    ledger
        .ingest(delivery("{\"from\":\"155512300010\"}", told))
        .await
        .unwrap();
    seal(&ledger, ACME).await;
    let erased = erase(&ledger, P1, NOON + 10 * SECOND).await;
    assert_eq!(
        (erased.identifiers, erased.events, erased.decisions),
        (2, 3, 1)
    );
    assert_eq!((erased.deliveries, erased.waiting), (1, 1));
    let timeline = ledger.timeline(ACME, None, None, 10).await.unwrap();
    let left: Vec<&str> = timeline.iter().map(|entry| &*entry.body).collect();
    assert_eq!(left, ["{\"by\":\"155512300010\"}", "{\"erased\":true}"]);
    is_gone(&ledger, &[P1, U1]).await;
    assert_clean(&ledger).await;
    assert_whole(&ledger, ACME).await;
    let ledger = keyed(place.reopen(ledger).await);
    for who in [P1, U1] {
        let decision = offer(&ledger, who, NOON + 20 * SECOND).await;
        assert_eq!(first_rule(&decision), Rule::OptedOut, "{who}");
        let left = ledger.person(ACME, &id(who)).await.unwrap().unwrap();
        assert!(left.windows.is_empty());
        assert!(
            left.history
                .iter()
                .all(|stored| stored.event.kind == EventKind::Erased
                    || stored.event.evidence.wording.is_empty())
        );
    }
    seal(&ledger, ACME).await;
    assert_whole(&ledger, ACME).await;
}

pub(crate) async fn nothing_brings_back_what_was_said_before(place: Place) {
    let ledger = keyed(place.open().await);
    cover(&ledger).await;
    ledger
        .append(no(&[P1], "marketing", NOON + SECOND))
        .await
        .unwrap();
    ledger.append(yes(&[P2], "marketing", NOON)).await.unwrap();
    for who in [P1, P2] {
        erase(&ledger, who, NOON + 10 * SECOND).await;
    }
    let refused = async |ledger: &Ledger, who: &str| {
        let decision = offer(ledger, who, NOON + 90 * SECOND).await;
        assert!(!allows(&decision), "{who}");
        first_rule(&decision)
    };
    let rule = refused(&ledger, P2).await;
    assert_eq!(rule, Rule::ConsentMissing, "without a no there is no cover");
    for (who, rule) in [(P1, Rule::OptedOut), (P2, Rule::ConsentMissing)] {
        for again in [
            yes(&[who], "marketing", NOON),
            imported(&[who], "marketing", NOON + 5 * SECOND),
            yes(&[who], "marketing", NOON + 9 * SECOND),
        ] {
            let late = NewEvent {
                arrival_ms: NOON + 20 * SECOND,
                ..again
            };
            ledger.append(late).await.unwrap();
        }
        assert_eq!(refused(&ledger, who).await, rule, "{who}");
    }
    ledger
        .append(imported(&[P1], "marketing", NOON + 30 * SECOND))
        .await
        .unwrap();
    assert_eq!(
        refused(&ledger, P1).await,
        Rule::OptedOut,
        "a file never reopens a no"
    );
    let ledger = keyed(place.reopen(ledger).await);
    for who in [P1, P2] {
        ledger
            .append(yes(&[who], "marketing", NOON + 40 * SECOND))
            .await
            .unwrap();
        assert!(
            allows(&offer(&ledger, who, NOON + 90 * SECOND).await),
            "{who}"
        );
    }
    assert_clean(&ledger).await;
    // Whoever came back may go again.
    erase(&ledger, P1, NOON + 100 * SECOND).await;
    is_gone(&ledger, &[P1]).await;
    assert!(!allows(&offer(&ledger, P1, NOON + 110 * SECOND).await));
    assert_clean(&ledger).await;
}

pub(crate) async fn a_kept_no_meets_every_spelling_and_every_number_moved_to(place: Place) {
    let ledger = keyed(place.open().await);
    cover(&ledger).await;
    ledger
        .append(no(&["5215512345678"], "marketing", NOON))
        .await
        .unwrap();
    ledger
        .append(no(&["551187654321"], "all", NOON))
        .await
        .unwrap();
    let stopped = event(&[P1], EventKind::NativeStopped, "marketing", NOON + 1);
    ledger.append(stopped).await.unwrap();
    ledger
        .learn(ACME, vec![moved(P1, P2, NOON + 2)])
        .await
        .unwrap();
    for who in ["525512345678", "5511987654321", P2] {
        erase(&ledger, who, NOON + 10 * SECOND).await;
    }
    is_gone(
        &ledger,
        &["5215512345678", "525512345678", "551187654321", P1, P2],
    )
    .await;
    let spellings = [
        "5215512345678",
        "525512345678",
        "551187654321",
        "5511987654321",
    ];
    for who in spellings {
        let decision = offer(&ledger, who, NOON + 20 * SECOND).await;
        assert_eq!(first_rule(&decision), Rule::OptedOut, "{who}");
    }
    for who in [P1, P2] {
        let decision = offer(&ledger, who, NOON + 20 * SECOND).await;
        assert_eq!(first_rule(&decision), Rule::NativeStop, "{who}");
    }
    assert_clean(&ledger).await;
}

pub(crate) async fn an_erasure_needs_a_person_and_a_key(place: Place) {
    let ledger = place.open().await;
    cover(&ledger).await;
    let asked = |who: &str| event(&[who], EventKind::Erased, "all", NOON + SECOND);
    let refused = ledger.erase(asked(P1)).await;
    assert!(
        matches!(refused, Err(LedgerError::NotFound(_))),
        "{refused:?}"
    );
    assert!(
        allows(&offer(&ledger, P1, NOON + 2 * SECOND).await),
        "nothing was done"
    );
    let ledger = keyed(ledger);
    let refused = ledger.erase(asked(P2)).await;
    assert!(
        matches!(refused, Err(LedgerError::NotFound(_))),
        "{refused:?}"
    );
    erase(&ledger, P1, NOON + SECOND).await;
}
