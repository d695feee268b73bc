//! How fast one number writes to one person: counted from what went of late, on every store alike.

use greenline_ledger::Ledger;
use greenline_ledger::types::{Admitted, Ask, DecisionId, Effect, Mode, Outcome};
use greenline_policy::consent::EventKind;
use greenline_policy::decide::{Decision, Intent};
use greenline_policy::pair::{BURST_MAX, EVERY_MS, PAID_WITHIN_MS};
use greenline_policy::rule::Rule;
use smallvec::smallvec;

use crate::support::*;

const P1: &str = "15551230001";
const P2: &str = "15551230002";

/// Everybody wants everything, and has written.
pub(crate) async fn willing(place: &Place) -> Ledger {
    let ledger = place.open().await;
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    for person in [P1, P2] {
        ledger.append(yes(&[person], "all", NOON)).await.unwrap();
        let window = wrote(&[person], &format!("wamid.in.{person}"), NOON);
        ledger.learn(ACME, vec![window]).await.unwrap();
    }
    ledger
}

/// A message like no other, of a business that keeps to the pace.
pub(crate) fn paced(ask: Ask) -> Ask {
    let mut body_hash = [2; 16];
    body_hash[..8].copy_from_slice(&ask.now_ms.to_be_bytes());
    body_hash[8] = ask.number.as_bytes().last().copied().unwrap_or_default();
    Ask {
        paced: true,
        body_hash,
        ..ask
    }
}

fn reply_at(to: &str, now_ms: i64) -> Ask {
    paced(text(to, now_ms))
}

fn offer_at(to: &str, now_ms: i64) -> Ask {
    paced(template(to, "offer", now_ms))
}

async fn send(ledger: &Ledger, ask: Ask) -> Admitted {
    ledger.admit(ask).await.unwrap()
}

async fn sent(ledger: &Ledger, ask: Ask) -> DecisionId {
    let admitted = send(ledger, ask).await;
    assert!(allows(&admitted.decision), "{:?}", admitted.decision);
    admitted.id
}

/// As many as may be owed; the last of them.
async fn burst(ledger: &Ledger, at_ms: i64) -> DecisionId {
    for n in 1..i64::from(BURST_MAX) {
        sent(ledger, reply_at(P1, at_ms + n - 1)).await;
    }
    sent(ledger, reply_at(P1, at_ms + i64::from(BURST_MAX))).await
}

async fn asked(ledger: &Ledger, ask: Ask) -> Decision {
    ledger.preview(ask).await.unwrap().decision
}

/// Until when a message waits for the pair; `None` where it may go.
fn until(decision: &Decision) -> Option<i64> {
    let mut reasons = decision.reasons.iter();
    let reason = reasons.find(|reason| reason.rule == Rule::PacePair);
    assert_eq!(reason.is_none(), allows(decision), "{decision:?}");
    reason.and_then(|reason| reason.until_ms)
}

async fn told(ledger: &Ledger) {
    ledger.learn(ACME, vec![]).await.unwrap();
}

async fn settled(ledger: &Ledger, id: DecisionId, outcome: Outcome) {
    ledger.settle(id, outcome);
    told(ledger).await;
}

pub(crate) async fn a_burst_has_45_and_then_waits_until_it_is_paid(place: Place) {
    let mut ledger = willing(&place).await;
    // Templates and answers alike.
    for n in 0..i64::from(BURST_MAX) {
        let ask = if n % 2 == 0 {
            offer_at(P1, NOON + n)
        } else {
            reply_at(P1, NOON + n)
        };
        sent(&ledger, ask).await;
    }
    let paid = NOON + PAID_WITHIN_MS;
    for reopened in [false, true] {
        if reopened {
            ledger = place.reopen(ledger).await;
        }
        for ask in [offer_at(P1, NOON + 45), reply_at(P1, paid - 1)] {
            assert_eq!(until(&asked(&ledger, ask).await), Some(paid));
        }
        assert_eq!(until(&asked(&ledger, reply_at(P1, paid)).await), None);
        // Somebody else, another number, a business that leaves it to the platform.
        let mut elsewhere = offer_at(P1, NOON + 46);
        elsewhere.number = "n2".into();
        let mut unpaced = offer_at(P1, NOON + 46);
        unpaced.paced = false;
        for ask in [reply_at(P2, NOON + 46), elsewhere, unpaced] {
            assert_eq!(until(&asked(&ledger, ask).await), None);
        }
        let mut call = reply_at(P1, NOON + 46);
        call.intent = Intent::Call;
        let call = asked(&ledger, call).await;
        assert!(call.reasons.iter().all(|r| r.rule != Rule::PacePair));
    }
    let refused = send(&ledger, offer_at(P1, NOON + 47)).await;
    assert!(refused.flight.is_none());
    let record = ledger.decision(refused.id).await.unwrap().unwrap();
    assert_eq!(record.people[0].pace.paired_until_ms, Some(paid));
    assert_eq!(record.again(setup().decide), record.decision);
    // What was refused takes nothing.
    sent(&ledger, reply_at(P1, paid)).await;
    assert_eq!(until(&asked(&ledger, reply_at(P1, paid + 1)).await), None);
    assert_clean(&ledger).await;
}

pub(crate) async fn one_message_in_six_seconds_goes_on_for_ever(place: Place) {
    let ledger = willing(&place).await;
    for n in 0..50 {
        sent(&ledger, reply_at(P1, NOON + n * EVERY_MS)).await;
    }
    // Faster by a little, it borrows, until 45 are owed.
    let began = NOON + 50 * EVERY_MS;
    let faster = EVERY_MS - 10;
    for n in 0..45 {
        sent(&ledger, reply_at(P1, began + n * faster)).await;
    }
    let paid = began + PAID_WITHIN_MS;
    for at in [began + 45 * faster, paid - 1] {
        let waits = asked(&ledger, reply_at(P1, at)).await;
        assert_eq!(until(&waits), Some(paid), "{at}");
    }
    assert_eq!(until(&asked(&ledger, reply_at(P1, paid)).await), None);
}

pub(crate) async fn what_was_rejected_or_not_sent_takes_nothing(place: Place) {
    let mut ledger = willing(&place).await;
    for (round, outcome) in (0..).zip([Outcome::Rejected { code: 131_026 }, Outcome::NotSent]) {
        let at = NOON + round * 2 * PAID_WITHIN_MS;
        let id = burst(&ledger, at).await;
        let later = || reply_at(P1, at + EVERY_MS);
        let waits = until(&asked(&ledger, later()).await);
        assert_eq!(waits, Some(at + PAID_WITHIN_MS));
        settled(&ledger, id, outcome).await;
        for reopened in [false, true] {
            if reopened {
                ledger = place.reopen(ledger).await;
            }
            assert_eq!(until(&asked(&ledger, later()).await), None);
        }
    }
    // What the platform took and failed to deliver took its place.
    let at = NOON + 9 * PAID_WITHIN_MS;
    let id = burst(&ledger, at).await;
    let message_ids = smallvec!["wamid.1".into()];
    settled(&ledger, id, Outcome::Accepted { message_ids }).await;
    let failed = Effect::Status {
        message_id: "wamid.1".into(),
        status: "failed".into(),
        at_ms: at + SECOND,
        code: Some(131_026),
    };
    ledger.learn(ACME, vec![failed]).await.unwrap();
    let waits = asked(&ledger, reply_at(P1, at + EVERY_MS)).await;
    assert_eq!(until(&waits), Some(at + PAID_WITHIN_MS));
    assert_clean(&ledger).await;
}

pub(crate) async fn the_platforms_131056_makes_the_pair_wait_longer_each_time(place: Place) {
    let mut ledger = willing(&place).await;
    let mut at = NOON;
    for seconds in [4, 16, 64] {
        let id = sent(&ledger, reply_at(P1, at)).await;
        settled(&ledger, id, Outcome::Rejected { code: 131_056 }).await;
        let end = at + seconds * SECOND;
        for reopened in [false, true] {
            if reopened {
                ledger = place.reopen(ledger).await;
            }
            let waits = asked(&ledger, offer_at(P1, end - 1)).await;
            assert_eq!(until(&waits), Some(end), "{seconds}");
            assert_eq!(until(&asked(&ledger, reply_at(P1, end)).await), None);
            assert_eq!(until(&asked(&ledger, reply_at(P2, at + 1)).await), None);
        }
        at = end;
    }
    // The platform takes one: it begins anew, this time told by a status, and from when it was told.
    let id = sent(&ledger, reply_at(P1, at)).await;
    let message_ids = smallvec!["wamid.1".into()];
    settled(&ledger, id, Outcome::Accepted { message_ids }).await;
    at += EVERY_MS;
    let id = sent(&ledger, reply_at(P1, at)).await;
    let message_ids = smallvec!["wamid.2".into()];
    settled(&ledger, id, Outcome::Accepted { message_ids }).await;
    let failed = Effect::Status {
        message_id: "wamid.2".into(),
        status: "failed".into(),
        at_ms: at + SECOND,
        code: Some(131_056),
    };
    for _ in 0..2 {
        ledger.learn(ACME, vec![failed.clone()]).await.unwrap();
        let waits = asked(&ledger, reply_at(P1, at + 2 * SECOND)).await;
        assert_eq!(until(&waits), Some(at + 5 * SECOND));
    }
    assert_clean(&ledger).await;
}

pub(crate) async fn what_goes_unbound_is_counted_up_to_what_may_go(place: Place) {
    let mut ledger = willing(&place).await;
    for n in 0..60 {
        let observed = Ask {
            mode: Mode::Observe,
            ..reply_at(P1, NOON + n)
        };
        let admitted = send(&ledger, observed).await;
        assert!(admitted.flight.is_some());
        let is_too_fast = n >= i64::from(BURST_MAX);
        assert_eq!(until(&admitted.decision).is_some(), is_too_fast, "{n}");
    }
    for reopened in [false, true] {
        if reopened {
            ledger = place.reopen(ledger).await;
        }
        let waits = asked(&ledger, reply_at(P1, NOON + 60)).await;
        assert_eq!(until(&waits), Some(NOON + PAID_WITHIN_MS));
    }
}

pub(crate) async fn all_names_of_a_person_are_one_pair(place: Place) {
    let mut ledger = willing(&place).await;
    let other = "US.1001";
    ledger.append(yes(&[other], "all", NOON)).await.unwrap();
    for n in 0..45 {
        let name = if n % 2 == 0 { P1 } else { other };
        sent(&ledger, offer_at(name, NOON + n)).await;
    }
    for name in [P1, other] {
        let may = asked(&ledger, offer_at(name, NOON + EVERY_MS)).await;
        assert_eq!(until(&may), None, "{name}");
    }
    // They turn out to be one.
    let linked = known(&[P1, other], NOON + 100);
    ledger.learn(ACME, vec![linked]).await.unwrap();
    for reopened in [false, true] {
        if reopened {
            ledger = place.reopen(ledger).await;
        }
        for name in [P1, other] {
            let waits = asked(&ledger, offer_at(name, NOON + EVERY_MS)).await;
            assert_eq!(until(&waits), Some(NOON + PAID_WITHIN_MS), "{name}");
        }
    }
    // A message to both names is one message.
    let at = NOON + PAID_WITHIN_MS;
    for n in 0..45 {
        let mut both = offer_at(P1, at + n);
        both.to = ids(&[P1, other]);
        sent(&ledger, both).await;
    }
    let waits = asked(&ledger, offer_at(other, at + EVERY_MS)).await;
    assert_eq!(until(&waits), Some(at + PAID_WITHIN_MS));
    assert_clean(&ledger).await;
}

pub(crate) async fn an_erasure_takes_the_pace_along(place: Place) {
    let mut ledger = willing(&place).await;
    let key = greenline_ledger::erasure::ErasureKey {
        id: "00000001".into(),
        secret: [5; 32],
    };
    ledger.use_erasure_keys(vec![key.clone()]);
    let id = sent(&ledger, offer_at(P1, NOON + 1)).await;
    settled(&ledger, id, Outcome::Rejected { code: 131_056 }).await;
    let erased = event(&[P1], EventKind::Erased, "all", NOON + 2);
    ledger.erase(erased).await.unwrap();
    for reopened in [false, true] {
        if reopened {
            ledger = place.reopen(ledger).await;
            ledger.use_erasure_keys(vec![key.clone()]);
        }
        let decision = asked(&ledger, offer_at(P1, NOON + 3)).await;
        let mut reasons = decision.reasons.iter();
        assert!(reasons.all(|r| r.rule != Rule::PacePair), "{decision:?}");
    }
}

pub(crate) async fn a_thousand_at_once_to_one_person_forward_one_burst(place: Place) {
    let ledger = willing(&place).await;
    assert_eq!(storm(&[ledger], 1_000).await, usize::from(BURST_MAX));
}

/// Sends so many at once to one person, over all nodes in turn; how many went.
pub(crate) async fn storm(nodes: &[Ledger], sends: u16) -> usize {
    let sends = (0..sends).map(|n| {
        let mut ask = offer_at(P1, NOON + i64::from(n % 6));
        ask.body_hash[14..].copy_from_slice(&n.to_be_bytes());
        let ledger = nodes[usize::from(n) % nodes.len()].clone();
        tokio::spawn(async move {
            loop {
                if let Ok(admitted) = ledger.admit(ask.clone()).await {
                    return admitted;
                }
                // Others were in the way: it did not go, and is tried again.
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
    });
    let mut went = 0;
    for admitted in futures_util::future::join_all(sends).await {
        let admitted = admitted.unwrap();
        assert_eq!(
            until(&admitted.decision).is_none(),
            admitted.flight.is_some()
        );
        went += usize::from(allows(&admitted.decision));
    }
    went
}
