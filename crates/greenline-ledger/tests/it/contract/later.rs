//! Held messages: kept with their decision, decided again, ended once.

use std::sync::Arc;

use greenline_ledger::erasure::ErasureKey;
use greenline_ledger::held::{Held, HeldAt, HeldKind};
use greenline_ledger::later::{
    Cancelled, DueMessage, GivenIds, HeldClaim, HeldEnd, HeldFilter, HeldMessage, HeldStage,
    HeldStep, Keep, KeptRequest,
};
use greenline_ledger::types::{Ask, DecisionId, Outcome};
use greenline_ledger::{Ledger, LedgerError};
use greenline_policy::consent::EventKind;
use greenline_policy::country::Place as Here;
use greenline_policy::decide::{Verdict, decide};
use greenline_policy::hold::{Hold, HoldGroup};
use greenline_policy::quiet::Quiet;
use smallvec::smallvec;

use crate::support::*;

const DANA: &str = "15551230001";
const BOUND: i64 = NOON + 72 * 60 * 60 * 1_000;
/// Quiet until then.
const MORNING: i64 = NOON + 10_000;

/// A marketing template at a quiet hour.
fn early(given: &str, now_ms: i64, quiet_until_ms: i64) -> Ask {
    let mut ask = template(DANA, "offer", now_ms);
    ask.places = smallvec![Here {
        quiet: Quiet::from_ends_ms([quiet_until_ms; 4]),
        ..Here::default()
    }];
    ask.rules.hold = Hold::of([HoldGroup::QuietHours], BOUND);
    ask.keep = Some(Arc::new(Keep {
        given_id: given.into(),
        request: KeptRequest {
            target: "/v23.0/n1/messages".into(),
            content_type: "application/json".into(),
            body: Arc::from(format!("body of {given}").into_bytes()),
        },
    }));
    ask
}

/// The same message, decided again.
fn again(of: &DueMessage, now_ms: i64, quiet_until_ms: i64) -> Ask {
    Ask {
        keep: None,
        release: Some(of.claim),
        body_hash: [9; 16],
        ..early("", now_ms, quiet_until_ms)
    }
}

async fn held(ledger: &Ledger, given: &str, now_ms: i64) -> DecisionId {
    let admitted = ledger.admit(early(given, now_ms, MORNING)).await.unwrap();
    assert_eq!(admitted.decision.verdict, Verdict::Hold);
    assert_eq!(admitted.decision.held_until_ms(), Some(MORNING));
    assert!(admitted.flight.is_none());
    admitted.id
}

async fn covered(place: &Place) -> Ledger {
    let ledger = place.open().await;
    cover(&ledger).await;
    ledger
}

async fn due(ledger: &Ledger, now_ms: i64) -> Vec<DueMessage> {
    ledger.held_due(now_ms, 10).await.unwrap()
}

fn given(due: &[DueMessage]) -> Vec<&str> {
    due.iter().map(|one| &*one.message.given_id).collect()
}

async fn shown(ledger: &Ledger, id: DecisionId) -> HeldMessage {
    ledger.held_message(ACME, id).await.unwrap().unwrap()
}

fn end(message: &HeldMessage) -> Option<HeldEnd> {
    message.end.map(|(end, _)| end)
}

async fn given_ids(ledger: &Ledger, ids: &[&str], to: &[&str]) -> GivenIds {
    let ids: Vec<Box<str>> = ids.iter().map(|id| (*id).into()).collect();
    ledger.given_ids(ACME, &ids, &self::ids(to)).await.unwrap()
}

pub(crate) async fn a_held_message_is_kept_with_its_decision_and_sent_once(place: Place) {
    let ledger = covered(&place).await;
    let id = held(&ledger, "g1", NOON + 1).await;
    let record = ledger.decision(id).await.unwrap().unwrap();
    assert_eq!(record.decision.verdict, Verdict::Hold);
    assert_eq!(record.again(decide), record.decision);
    let message = shown(&ledger, id).await;
    assert_eq!(message.stage, HeldStage::Waiting);
    assert_eq!((message.due_ms, message.last_ms), (Some(MORNING), BOUND));
    assert_eq!((&*message.app, &*message.number), ("bot", "n1"));
    assert_eq!(message.template, ("offer".into(), "en".into()));
    assert_eq!(
        (message.to.clone(), message.held_ms),
        (self::id(DANA), NOON + 1)
    );
    assert_eq!(
        ledger.held_waiting(ACME).await.unwrap(),
        [("bot".into(), 1)]
    );

    // Not before its time, and in one hand at a time.
    assert!(due(&ledger, MORNING - 1).await.is_empty());
    let handed = due(&ledger, MORNING).await;
    assert_eq!(given(&handed), ["g1"]);
    let request = handed[0].request.clone().unwrap();
    assert_eq!(&*request.body, b"body of g1");
    assert_eq!(&*request.target, "/v23.0/n1/messages");
    assert!(due(&ledger, MORNING).await.is_empty());

    let let_go = ledger.admit(again(&handed[0], MORNING, 0)).await.unwrap();
    assert!(allows(&let_go.decision));
    assert_ne!(let_go.id, id);
    let message = shown(&ledger, id).await;
    assert_eq!(
        (message.stage, message.decision),
        (HeldStage::LetGo, let_go.id)
    );
    let on_its_way = given_ids(&ledger, &["theirs"], &[DANA]).await;
    assert!(on_its_way.in_the_air && on_its_way.pairs.is_empty());
    assert!(
        !given_ids(&ledger, &["theirs"], &["15559990000"])
            .await
            .in_the_air
    );
    drop(let_go.flight);
    let accepted = Outcome::Accepted {
        message_ids: smallvec!["theirs".into()],
    };
    ledger.settle(let_go.id, accepted);
    let sent = HeldStep::Sent(Some("theirs".into()));
    ledger
        .held_done(handed[0].claim, sent.clone(), MORNING + 5)
        .await
        .unwrap();
    let message = shown(&ledger, id).await;
    assert_eq!((message.stage, message.due_ms), (HeldStage::Over, None));
    assert_eq!(message.end, Some((HeldEnd::Sent, MORNING + 5)));
    assert_eq!(message.message_id.as_deref(), Some("theirs"));
    let found = given_ids(&ledger, &["other", "theirs"], &[DANA]).await;
    assert_eq!(found.pairs, [("theirs".into(), "g1".into())]);
    assert!(!found.in_the_air);

    // It is over: nothing sends it again.
    assert!(due(&ledger, BOUND).await.is_empty());
    assert!(ledger.held_waiting(ACME).await.unwrap().is_empty());
    let twice = ledger.admit(again(&handed[0], MORNING + 6, 0)).await;
    assert!(matches!(twice, Err(LedgerError::Conflict(_))), "{twice:?}");
    let twice = ledger.held_done(handed[0].claim, sent, MORNING + 6).await;
    assert!(matches!(twice, Err(LedgerError::NotFound(_))), "{twice:?}");
    assert_clean(&ledger).await;
}

pub(crate) async fn what_is_decided_again_waits_goes_or_ends(place: Place) {
    let ledger = covered(&place).await;
    let id = held(&ledger, "g1", NOON + 1).await;
    // Held again: a new time, out of hand.
    let handed = due(&ledger, MORNING).await;
    let once_more = ledger
        .admit(again(&handed[0], MORNING, MORNING + 50))
        .await
        .unwrap();
    assert_eq!(once_more.decision.verdict, Verdict::Hold);
    let message = shown(&ledger, id).await;
    assert_eq!(
        (message.stage, message.due_ms),
        (HeldStage::Waiting, Some(MORNING + 50))
    );
    assert_eq!(message.decision, once_more.id);
    assert!(due(&ledger, MORNING + 49).await.is_empty());
    // A claim that is over is worth nothing.
    let stale = ledger.admit(again(&handed[0], MORNING + 49, 0)).await;
    assert!(matches!(stale, Err(LedgerError::Conflict(_))), "{stale:?}");

    // It did not go out: the same once more.
    let handed = due(&ledger, MORNING + 50).await;
    let let_go = ledger
        .admit(again(&handed[0], MORNING + 50, 0))
        .await
        .unwrap();
    ledger.settle(let_go.id, Outcome::NotSent);
    drop(let_go.flight);
    let back = HeldStep::Again(MORNING + 60);
    ledger
        .held_done(handed[0].claim, back, MORNING + 51)
        .await
        .unwrap();
    assert_eq!(shown(&ledger, id).await.stage, HeldStage::Waiting);

    // A stop that came meanwhile: it does not go, and its app is to be told.
    ledger
        .append(no(&[DANA], "marketing", MORNING + 55))
        .await
        .unwrap();
    let handed = due(&ledger, MORNING + 60).await;
    assert_eq!(given(&handed), ["g1"]);
    let refused = ledger
        .admit(again(&handed[0], MORNING + 60, 0))
        .await
        .unwrap();
    assert_eq!(refused.decision.verdict, Verdict::Refuse);
    assert!(refused.flight.is_none());
    let message = shown(&ledger, id).await;
    assert_eq!(
        (message.stage, end(&message)),
        (HeldStage::ToTell, Some(HeldEnd::Failed))
    );
    let handed = due(&ledger, MORNING + 60).await;
    assert_eq!(given(&handed), ["g1"]);
    assert!(handed[0].request.is_none());
    let later = HeldStep::TellAgain(MORNING + 70);
    ledger
        .held_done(handed[0].claim, later, MORNING + 61)
        .await
        .unwrap();
    assert!(due(&ledger, MORNING + 69).await.is_empty());
    let handed = due(&ledger, MORNING + 70).await;
    ledger
        .held_done(handed[0].claim, HeldStep::Told, MORNING + 71)
        .await
        .unwrap();
    let message = shown(&ledger, id).await;
    assert_eq!(message.stage, HeldStage::Over);
    assert_eq!(message.end, Some((HeldEnd::Failed, MORNING + 60)));
    assert_clean(&ledger).await;
}

pub(crate) async fn of_one_person_and_number_the_earlier_is_over_before_the_later(place: Place) {
    let ledger = covered(&place).await;
    let first = held(&ledger, "g1", NOON + 1).await;
    held(&ledger, "g2", NOON + 2).await;
    let mut elsewhere = early("other number", NOON + 3, MORNING);
    elsewhere.number = "n2".into();
    ledger.admit(elsewhere).await.unwrap();
    let handed = due(&ledger, MORNING).await;
    assert_eq!(given(&handed), ["g1", "other number"]);
    // Held again until later than the second is due: that one waits all the same.
    ledger
        .admit(again(&handed[0], MORNING, MORNING + 50))
        .await
        .unwrap();
    assert!(due(&ledger, MORNING + 49).await.is_empty());
    let handed = due(&ledger, MORNING + 50).await;
    assert_eq!(given(&handed), ["g1"]);
    let let_go = ledger
        .admit(again(&handed[0], MORNING + 50, 0))
        .await
        .unwrap();
    assert!(
        due(&ledger, MORNING + 60).await.is_empty(),
        "it is on its way"
    );
    drop(let_go.flight);
    ledger.settle(let_go.id, Outcome::Unknown);
    ledger
        .held_done(handed[0].claim, HeldStep::Unknown, MORNING + 60)
        .await
        .unwrap();
    assert_eq!(end(&shown(&ledger, first).await), Some(HeldEnd::Unknown));
    assert_eq!(given(&due(&ledger, MORNING + 60).await), ["g2"]);
    assert_clean(&ledger).await;
}

pub(crate) async fn a_cancelled_message_is_never_sent(place: Place) {
    let ledger = covered(&place).await;
    let id = held(&ledger, "g1", NOON + 1).await;
    let handed = due(&ledger, MORNING).await;
    // Even one that is in hand, as long as no decision let it go.
    let cancelled = ledger.cancel_held(ACME, id, MORNING + 1).await.unwrap();
    assert_eq!(cancelled, Cancelled::Now);
    let sent = ledger.admit(again(&handed[0], MORNING + 2, 0)).await;
    assert!(matches!(sent, Err(LedgerError::Conflict(_))), "{sent:?}");
    let cancelled = ledger.cancel_held(ACME, id, MORNING + 3).await.unwrap();
    assert_eq!(cancelled, Cancelled::Before);
    let message = shown(&ledger, id).await;
    assert_eq!(
        (message.stage, end(&message)),
        (HeldStage::ToTell, Some(HeldEnd::Cancelled))
    );
    let handed = due(&ledger, MORNING + 3).await;
    ledger
        .held_done(handed[0].claim, HeldStep::Told, MORNING + 4)
        .await
        .unwrap();
    assert_eq!(end(&shown(&ledger, id).await), Some(HeldEnd::Cancelled));
    let cancelled = ledger.cancel_held(ACME, id, MORNING + 5).await.unwrap();
    assert_eq!(cancelled, Cancelled::Before);

    let id = held(&ledger, "g2", NOON + 1).await;
    let handed = due(&ledger, MORNING).await;
    ledger.admit(again(&handed[0], MORNING, 0)).await.unwrap();
    let cancelled = ledger.cancel_held(ACME, id, MORNING + 1).await.unwrap();
    assert_eq!(cancelled, Cancelled::TooLate);
    ledger
        .held_done(handed[0].claim, HeldStep::Failed(131_026), MORNING + 2)
        .await
        .unwrap();
    let message = shown(&ledger, id).await;
    assert_eq!(
        (message.stage, message.code),
        (HeldStage::ToTell, Some(131_026))
    );
    let cancelled = ledger.cancel_held(ACME, id, MORNING + 3).await.unwrap();
    assert_eq!(cancelled, Cancelled::TooLate);
    let nobody = DecisionId { seq: 5, ..id };
    let missing = ledger.cancel_held(ACME, nobody, MORNING).await;
    assert!(
        matches!(missing, Err(LedgerError::NotFound(_))),
        "{missing:?}"
    );
    assert_clean(&ledger).await;
}

pub(crate) async fn held_messages_are_listed_by_number_and_person(place: Place) {
    let ledger = covered(&place).await;
    let mut all = Vec::new();
    for n in 0..3 {
        all.push(held(&ledger, &format!("g{n}"), NOON + 1 + n).await);
    }
    let mut elsewhere = early("other number", NOON + 5, MORNING);
    elsewhere.number = "n2".into();
    all.push(ledger.admit(elsewhere).await.unwrap().id);
    let list = async |filter: HeldFilter, after: Option<DecisionId>, limit| {
        let found = ledger.held_messages(ACME, &filter, after, limit).await;
        let found = found.unwrap().into_iter().map(|one| one.id);
        found.collect::<Vec<_>>()
    };
    let any = HeldFilter::default;
    assert_eq!(list(any(), None, 10).await, all);
    assert_eq!(list(any(), None, 2).await, all[..2]);
    assert_eq!(list(any(), Some(all[1]), 2).await, all[2..]);
    let number = HeldFilter {
        number: Some("n2".into()),
        ..any()
    };
    assert_eq!(list(number, None, 10).await, all[3..]);
    let person = |to: &str| HeldFilter {
        to: ids(&[to, "US.other"]).into_vec(),
        ..any()
    };
    assert_eq!(list(person(DANA), None, 10).await, all);
    assert!(list(person("15559990000"), None, 10).await.is_empty());
    let other = ledger.held_message(BOND, all[0]).await.unwrap();
    assert!(other.is_none(), "another business sees it");
}

/// In memory nothing outlives the process, and there is nothing to find again.
pub(crate) async fn what_was_let_go_when_the_process_ended_is_not_sent_again(place: Place) {
    if matches!(place, Place::Memory(_)) {
        return;
    }
    let ledger = covered(&place).await;
    let mut ids = Vec::new();
    for (n, outcome) in [
        None,
        Some(Outcome::Accepted {
            message_ids: smallvec!["theirs".into()],
        }),
        Some(Outcome::NotSent),
        Some(Outcome::Rejected { code: 131_026 }),
    ]
    .into_iter()
    .enumerate()
    {
        let number = format!("n{n}");
        let mut ask = early(&format!("g{n}"), NOON + 1, MORNING);
        ask.number = number.as_str().into();
        ids.push(ledger.admit(ask).await.unwrap().id);
        let handed = due(&ledger, MORNING).await;
        assert_eq!(handed.len(), 1);
        let mut ask = again(&handed[0], MORNING, 0);
        ask.number = number.as_str().into();
        let let_go = ledger.admit(ask).await.unwrap();
        assert!(allows(&let_go.decision), "{:?}", let_go.decision);
        if let Some(outcome) = outcome {
            ledger.settle(let_go.id, outcome);
        }
    }
    // One that was only in hand is due again.
    let mut ask = early("in hand", NOON + 1, MORNING);
    ask.number = "n9".into();
    let in_hand = ledger.admit(ask).await.unwrap().id;
    assert_eq!(given(&due(&ledger, MORNING).await), ["in hand"]);
    let ledger = place.reopen(ledger).await;
    let mut found = Vec::new();
    for _ in 0..3 {
        found.extend(due(&ledger, MORNING + 10_000).await);
    }
    let mut found = given(&found);
    found.sort_unstable();
    assert_eq!(found, ["g2", "g3", "in hand"]);
    let stages = async |id| {
        let message = shown(&ledger, id).await;
        (message.stage, end(&message))
    };
    assert_eq!(
        stages(ids[0]).await,
        (HeldStage::Over, Some(HeldEnd::Unknown))
    );
    assert_eq!(stages(ids[1]).await, (HeldStage::Over, Some(HeldEnd::Sent)));
    assert_eq!(stages(ids[2]).await, (HeldStage::Waiting, None));
    assert_eq!(
        stages(ids[3]).await,
        (HeldStage::ToTell, Some(HeldEnd::Failed))
    );
    assert_eq!(stages(in_hand).await, (HeldStage::Waiting, None));
    let told = given_ids(&ledger, &["theirs"], &[]).await;
    assert_eq!(told.pairs, [("theirs".into(), "g1".into())]);
    assert_clean(&ledger).await;
}

pub(crate) async fn an_erasure_takes_held_messages_along(place: Place) {
    let ledger = covered(&place).await;
    ledger.use_erasure_keys(vec![ErasureKey {
        id: "00000001".into(),
        secret: [7; 32],
    }]);
    let id = held(&ledger, "g1", NOON + 1).await;
    let holding = ledger
        .holding(ACME, &self::id(DANA))
        .await
        .unwrap()
        .unwrap();
    let page = ledger
        .held(ACME, &holding, HeldKind::Messages, HeldAt::START)
        .await
        .unwrap();
    let [Held::Message { message, body }] = page.records.as_slice() else {
        panic!("{page:?}");
    };
    assert_eq!(message.id, id);
    assert_eq!(body.as_deref(), Some(&b"body of g1"[..]));
    let handed = due(&ledger, MORNING).await;
    ledger
        .erase(event(&[DANA], EventKind::Erased, "all", MORNING + 1))
        .await
        .unwrap();
    assert!(ledger.held_message(ACME, id).await.unwrap().is_none());
    let page = ledger
        .held(ACME, &holding, HeldKind::Messages, HeldAt::START)
        .await
        .unwrap();
    assert!(page.records.is_empty(), "{page:?}");
    let sent = ledger.admit(again(&handed[0], MORNING + 2, 0)).await;
    assert!(matches!(sent, Err(LedgerError::Conflict(_))), "{sent:?}");
    let done = ledger
        .held_done(handed[0].claim, HeldStep::Unknown, MORNING + 2)
        .await;
    assert!(matches!(done, Err(LedgerError::NotFound(_))), "{done:?}");
    assert!(due(&ledger, BOUND).await.is_empty());
}

pub(crate) async fn what_may_be_held_must_be_given(place: Place) {
    let ledger = covered(&place).await;
    let mut ask = early("g1", NOON + 1, MORNING);
    ask.keep = None;
    let refused = ledger.admit(ask).await;
    assert!(matches!(refused, Err(LedgerError::Bug(_))), "{refused:?}");
    let of_nobody = HeldClaim {
        id: DecisionId {
            seq: 77,
            ..held(&ledger, "g2", NOON + 1).await
        },
        hand: 3,
    };
    let mut ask = early("g1", NOON + 2, 0);
    (ask.keep, ask.release) = (None, Some(of_nobody));
    let refused = ledger.admit(ask).await;
    assert!(
        matches!(refused, Err(LedgerError::Conflict(_))),
        "{refused:?}"
    );
}
