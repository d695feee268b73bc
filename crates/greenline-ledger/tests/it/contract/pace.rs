//! How much one person gets: counted from what went, on every store alike.

use greenline_ledger::Ledger;
use greenline_ledger::types::{Admitted, Ask, DecisionId, Effect, Mode, Outcome};
use greenline_policy::consent::EventKind;
use greenline_policy::decide::{Decision, Intent};
use greenline_policy::pace::PLATFORM_WAIT_MS;
use greenline_policy::rule::Rule;
use smallvec::smallvec;

use crate::support::*;

const P1: &str = "15551230001";
const P2: &str = "15551230002";
const HOUR: i64 = 3_600 * SECOND;

/// Everybody wants everything.
async fn willing(place: &Place) -> Ledger {
    let ledger = place.open().await;
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    for person in [P1, P2] {
        ledger.append(yes(&[person], "all", NOON)).await.unwrap();
    }
    ledger
}

/// An offer, of which each person gets two an hour at most.
fn offer_at(to: &str, now_ms: i64) -> Ask {
    Ask {
        caps: caps(&[("marketing", 2, HOUR)]),
        ..template(to, "offer", now_ms)
    }
}

async fn send(ledger: &Ledger, ask: Ask) -> Admitted {
    ledger.admit(ask).await.unwrap()
}

async fn sent(ledger: &Ledger, ask: Ask) -> DecisionId {
    let admitted = send(ledger, ask).await;
    assert!(allows(&admitted.decision), "{:?}", admitted.decision);
    admitted.id
}

async fn asked(ledger: &Ledger, ask: Ask) -> Decision {
    ledger.preview(ask).await.unwrap().decision
}

fn until(decision: &Decision, rule: Rule) -> Option<i64> {
    let found = decision.reasons.iter().find(|reason| reason.rule == rule);
    found.and_then(|reason| reason.until_ms)
}

async fn told(ledger: &Ledger) {
    ledger.learn(ACME, vec![]).await.unwrap();
}

fn status(message_id: &str, status: &str, at_ms: i64, code: Option<u32>) -> Vec<Effect> {
    vec![Effect::Status {
        message_id: message_id.into(),
        status: status.into(),
        at_ms,
        code,
    }]
}

fn accepted(message_id: &str) -> Outcome {
    Outcome::Accepted {
        message_ids: smallvec![message_id.into()],
    }
}

pub(crate) async fn a_cap_counts_what_went_and_rolls_to_the_millisecond(place: Place) {
    let mut ledger = willing(&place).await;
    sent(&ledger, offer_at(P1, NOON + 1)).await;
    // The clock of another node is behind.
    sent(&ledger, offer_at(P1, NOON)).await;
    for reopened in [false, true] {
        if reopened {
            ledger = place.reopen(ledger).await;
        }
        let refused = asked(&ledger, offer_at(P1, NOON + HOUR - 1)).await;
        assert_eq!(first_rule(&refused), Rule::FrequencyCap);
        assert_eq!(until(&refused, Rule::FrequencyCap), Some(NOON + HOUR));
        assert!(allows(&asked(&ledger, offer_at(P1, NOON + HOUR)).await));
        // Others have counts of their own, and so have other kinds.
        assert!(allows(&asked(&ledger, offer_at(P2, NOON + 2)).await));
        let receipt = Ask {
            caps: caps(&[("marketing", 2, HOUR)]),
            // What the process left under way may have gone out.
            body_hash: [8; 16],
            ..template(P1, "receipt", NOON + 2)
        };
        assert!(allows(&asked(&ledger, receipt).await));
    }
    let refused = send(&ledger, offer_at(P1, NOON + 2)).await;
    assert!(refused.flight.is_none());
    let record = ledger.decision(refused.id).await.unwrap().unwrap();
    assert_eq!(record.people[0].pace.capped_until_ms, Some(NOON + HOUR));
    assert_eq!(record.again(setup().decide), record.decision);
    // What was refused counts for nothing.
    sent(&ledger, offer_at(P1, NOON + HOUR)).await;
    let refused = asked(&ledger, offer_at(P1, NOON + HOUR)).await;
    assert_eq!(until(&refused, Rule::FrequencyCap), Some(NOON + HOUR + 1));
    assert_clean(&ledger).await;
}

pub(crate) async fn what_did_not_reach_the_person_is_not_counted(place: Place) {
    let mut ledger = willing(&place).await;
    let mut at = NOON;
    let mut next = || {
        at += 1;
        at
    };
    for outcome in [
        Outcome::Rejected { code: 131_026 },
        Outcome::NotSent,
        Outcome::NotSent,
    ] {
        let id = sent(&ledger, offer_at(P1, next())).await;
        ledger.settle(id, outcome);
        told(&ledger).await;
    }
    let failed = sent(&ledger, offer_at(P1, next())).await;
    ledger.settle(failed, accepted("wamid.1"));
    told(&ledger).await;
    let stays = sent(&ledger, offer_at(P1, next())).await;
    ledger.settle(stays, Outcome::Unknown);
    told(&ledger).await;
    let mut other = offer_at(P1, next());
    other.body_hash = [9; 16];
    assert_eq!(
        first_rule(&asked(&ledger, other.clone()).await),
        Rule::FrequencyCap
    );
    let delivery = delivery(
        "failed",
        status("wamid.1", "failed", NOON + SECOND, Some(131_026)),
    );
    ledger.ingest(delivery.clone()).await.unwrap();
    // Told twice, it is given back once.
    ledger.ingest(delivery).await.unwrap();
    let again = status("wamid.1", "failed", NOON + 2 * SECOND, Some(131_026));
    ledger.learn(ACME, again).await.unwrap();
    for reopened in [false, true] {
        if reopened {
            ledger = place.reopen(ledger).await;
        }
        assert!(allows(&asked(&ledger, other.clone()).await));
    }
    sent(&ledger, other.clone()).await;
    // What may have gone out stays counted.
    other.body_hash = [10; 16];
    assert_eq!(first_rule(&asked(&ledger, other).await), Rule::FrequencyCap);
    assert_clean(&ledger).await;
}

pub(crate) async fn a_status_that_came_before_the_answer_counts_too(place: Place) {
    let ledger = willing(&place).await;
    let first = sent(&ledger, offer_at(P1, NOON + 1)).await;
    sent(&ledger, offer_at(P1, NOON + 2)).await;
    let failed = status("wamid.1", "failed", NOON + SECOND, Some(131_026));
    ledger.learn(ACME, failed).await.unwrap();
    assert_eq!(
        first_rule(&asked(&ledger, offer_at(P1, NOON + 3)).await),
        Rule::FrequencyCap
    );
    ledger.settle(first, accepted("wamid.1"));
    told(&ledger).await;
    assert!(allows(&asked(&ledger, offer_at(P1, NOON + 3)).await));
}

pub(crate) async fn people_who_are_one_are_counted_as_one_over_all_numbers(place: Place) {
    let mut ledger = willing(&place).await;
    sent(&ledger, offer_at(P1, NOON + 1)).await;
    let from_another = Ask {
        number: "n2".into(),
        ..offer_at(P2, NOON + 2)
    };
    sent(&ledger, from_another).await;
    assert!(allows(&asked(&ledger, offer_at(P1, NOON + 3)).await));
    let one = vec![known(&[P1, P2], NOON + SECOND)];
    ledger.learn(ACME, one).await.unwrap();
    for reopened in [false, true] {
        if reopened {
            ledger = place.reopen(ledger).await;
        }
        for who in [P1, P2] {
            let refused = asked(&ledger, offer_at(who, NOON + 2 * SECOND)).await;
            assert_eq!(
                until(&refused, Rule::FrequencyCap),
                Some(NOON + 1 + HOUR),
                "{who}"
            );
        }
    }
    // A message to both their names is one message.
    let later = NOON + HOUR + 2;
    let both = Ask {
        to: ids(&[P1, P2]),
        ..offer_at(P1, later)
    };
    let id = sent(&ledger, both).await;
    sent(&ledger, offer_at(P2, later)).await;
    assert_eq!(
        first_rule(&asked(&ledger, offer_at(P1, later)).await),
        Rule::FrequencyCap
    );
    ledger.settle(id, Outcome::NotSent);
    told(&ledger).await;
    assert!(allows(&asked(&ledger, offer_at(P1, later)).await));
}

pub(crate) async fn observed_sends_are_counted_whatever_was_decided(place: Place) {
    let ledger = willing(&place).await;
    for at in 1..=3 {
        let observed = Ask {
            mode: Mode::Observe,
            ..offer_at(P1, NOON + at)
        };
        assert!(send(&ledger, observed).await.flight.is_some());
    }
    let refused = asked(&ledger, offer_at(P1, NOON + 4)).await;
    assert_eq!(until(&refused, Rule::FrequencyCap), Some(NOON + 2 + HOUR));
}

pub(crate) async fn what_answers_is_neither_counted_nor_bound(place: Place) {
    let ledger = willing(&place).await;
    let window = vec![wrote(&[P1], "wamid.in", NOON)];
    ledger.learn(ACME, window).await.unwrap();
    let bound = caps(&[("all", 1, HOUR)]);
    let answer = Ask {
        caps: bound.clone(),
        ..text(P1, NOON + 1)
    };
    sent(&ledger, answer.clone()).await;
    let mut receipt = Ask {
        caps: bound.clone(),
        ..template(P1, "receipt", NOON + 2)
    };
    receipt.rules.window_templates_are_replies = true;
    sent(&ledger, receipt.clone()).await;
    let offer = Ask {
        caps: bound,
        ..template(P1, "offer", NOON + 3)
    };
    sent(&ledger, offer.clone()).await;
    assert_eq!(first_rule(&asked(&ledger, offer).await), Rule::FrequencyCap);
    for goes in [answer, receipt.clone()] {
        assert!(allows(&asked(&ledger, goes).await));
    }
    receipt.rules.window_templates_are_replies = false;
    assert_eq!(
        first_rule(&asked(&ledger, receipt).await),
        Rule::FrequencyCap
    );
}

pub(crate) async fn an_erasure_takes_along_what_was_counted(place: Place) {
    let mut ledger = willing(&place).await;
    let key = greenline_ledger::erasure::ErasureKey {
        id: "00000001".into(),
        secret: [5; 32],
    };
    ledger.use_erasure_keys(vec![key.clone()]);
    let limited = sent(&ledger, offer_at(P1, NOON + 1)).await;
    ledger.settle(limited, Outcome::Rejected { code: 131_049 });
    for at in 2..=3 {
        // Observed: the platform has said that it holds marketing back.
        let observed = Ask {
            mode: Mode::Observe,
            ..offer_at(P1, NOON + at)
        };
        send(&ledger, observed).await;
    }
    let refused = asked(&ledger, offer_at(P1, NOON + 4)).await;
    assert!(until(&refused, Rule::FrequencyCap).is_some());
    assert!(until(&refused, Rule::LimitPerUser).is_some());
    let erased = event(&[P1], EventKind::Erased, "all", NOON + SECOND);
    ledger.erase(erased).await.unwrap();
    for reopened in [false, true] {
        if reopened {
            ledger = place.reopen(ledger).await;
            ledger.use_erasure_keys(vec![key.clone()]);
        }
        let refused = asked(&ledger, offer_at(P1, NOON + 2 * SECOND)).await;
        assert_eq!(until(&refused, Rule::FrequencyCap), None);
        assert_eq!(until(&refused, Rule::LimitPerUser), None);
    }
    assert_clean(&ledger).await;
}

pub(crate) async fn the_platforms_bound_holds_marketing_back_longer_each_time(place: Place) {
    let mut ledger = willing(&place).await;
    let id = sent(&ledger, template(P1, "offer", NOON)).await;
    ledger.settle(id, Outcome::Rejected { code: 131_049 });
    told(&ledger).await;
    let held = |decision: &Decision| until(decision, Rule::LimitPerUser);
    let mut end = NOON + PLATFORM_WAIT_MS;
    for reopened in [false, true] {
        if reopened {
            ledger = place.reopen(ledger).await;
        }
        let refused = asked(&ledger, template(P1, "offer", end - 1)).await;
        assert_eq!(first_rule(&refused), Rule::LimitPerUser);
        assert_eq!(held(&refused), Some(end));
        assert!(allows(&asked(&ledger, template(P1, "offer", end)).await));
        assert!(allows(
            &asked(&ledger, template(P1, "receipt", NOON + 1)).await
        ));
        assert!(allows(
            &asked(&ledger, template(P2, "offer", NOON + 1)).await
        ));
    }
    // Again, told by a status this time: twice as long, from when it was told.
    let id = sent(&ledger, template(P1, "offer", end)).await;
    ledger.settle(id, accepted("wamid.1"));
    told(&ledger).await;
    let at_ms = end + 5 * SECOND;
    let failed = status("wamid.1", "failed", at_ms, Some(131_049));
    ledger.learn(ACME, failed.clone()).await.unwrap();
    ledger.learn(ACME, failed).await.unwrap();
    end = at_ms + 2 * PLATFORM_WAIT_MS;
    let refused = asked(&ledger, template(P1, "offer", end - 1)).await;
    assert_eq!(held(&refused), Some(end));
    // Their consent is as it was.
    assert!(until(&refused, Rule::OptedOut).is_none());
    assert_eq!(refused.reasons.len(), 2, "{refused:?}");
    // Other codes hold nothing back, and other kinds of message tell nothing of marketing.
    for (name, code) in [("offer", 131_026), ("receipt", 131_049)] {
        let id = sent(&ledger, template(P2, name, end)).await;
        ledger.settle(id, Outcome::Rejected { code });
        told(&ledger).await;
        assert!(allows(
            &asked(&ledger, template(P2, "offer", end + 1)).await
        ));
    }
    // One that is delivered begins it anew.
    let id = sent(&ledger, template(P1, "offer", end)).await;
    ledger.settle(id, accepted("wamid.2"));
    told(&ledger).await;
    let delivered = status("wamid.2", "delivered", end + SECOND, None);
    ledger.learn(ACME, delivered).await.unwrap();
    let id = sent(&ledger, template(P1, "offer", end + SECOND)).await;
    ledger.settle(id, Outcome::Rejected { code: 131_049 });
    told(&ledger).await;
    let refused = asked(&ledger, template(P1, "offer", end + 2 * SECOND)).await;
    assert_eq!(held(&refused), Some(end + SECOND + PLATFORM_WAIT_MS));
    assert_clean(&ledger).await;
}

pub(crate) async fn a_thousand_sends_at_once_to_one_person_forward_what_the_cap_allows(
    place: Place,
) {
    let ledger = willing(&place).await;
    let sends = (0..1_000_u16).map(|n| {
        let mut body_hash = [1; 16];
        body_hash[..2].copy_from_slice(&n.to_be_bytes());
        let ask = Ask {
            body_hash,
            caps: caps(&[("marketing", 5, HOUR)]),
            ..template(P1, "offer", NOON + i64::from(n))
        };
        let ledger = ledger.clone();
        tokio::spawn(async move { ledger.admit(ask).await })
    });
    let mut went = 0;
    for admitted in futures_util::future::join_all(sends).await {
        let admitted = admitted.unwrap().unwrap();
        assert_eq!(allows(&admitted.decision), admitted.flight.is_some());
        went += usize::from(allows(&admitted.decision));
    }
    assert_eq!(went, 5);
    // Calls and other kinds are asked about by the same ledger and not bound.
    let mut call = text(P1, NOON + 1);
    call.intent = Intent::Call;
    let asked = asked(&ledger, call).await;
    assert_eq!(until(&asked, Rule::FrequencyCap), None);
}
