//! Whether a number can send: reads of `health_status`, refusals that look like a lock, and ends of restrictions (N1, N6, N8
//! of the rules on health).

use greenline_ledger::Ledger;
use greenline_ledger::question::{Question, Untold};
use greenline_ledger::types::{Effect, HealthNews};
use greenline_policy::health::Cause;
use greenline_policy::health::state::{Entity, EntityKind, Health, Sending};
use greenline_policy::number::RestrictionKind;
use greenline_policy::rule::{Rule, Severity};

use super::pair::willing;
use crate::support::*;

const P1: &str = "15551230001";

fn read(sending: Sending, codes: &[u32]) -> HealthNews {
    let account = Entity {
        kind: EntityKind::Account,
        sending,
        codes: codes.to_vec(),
    };
    HealthNews::Read(Health {
        overall: sending,
        entities: vec![account],
    })
}

async fn learn(ledger: &Ledger, news: HealthNews, at_ms: i64) {
    let effect = Effect::Health {
        number: "n1".into(),
        news,
        at_ms,
    };
    ledger.learn(ACME, vec![effect]).await.unwrap();
}

/// What refuses an offer and an answer.
async fn refused(ledger: &Ledger, now_ms: i64) -> [Option<Rule>; 2] {
    let mut found = [None; 2];
    let asks = [template(P1, "offer", now_ms), text(P1, now_ms)];
    for (ask, found) in asks.into_iter().zip(&mut found) {
        let decision = ledger.preview(ask).await.unwrap().decision;
        let first = decision.first().map(|reason| reason.rule);
        *found = first.filter(|rule| rule.card().severity != Severity::Note);
    }
    found
}

pub(crate) async fn a_refusal_like_a_lock_closes_a_number_until_it_was_read(place: Place) {
    let mut ledger = willing(&place).await;
    assert_eq!(refused(&ledger, NOON + 1).await, [None; 2]);
    learn(&ledger, HealthNews::Locked, NOON + 9).await;
    // One that comes late, and a read from before it, change nothing.
    learn(&ledger, HealthNews::Locked, NOON + 2).await;
    learn(&ledger, read(Sending::Available, &[]), NOON + 9).await;
    for reopened in [false, true] {
        if reopened {
            ledger = place.reopen(ledger).await;
        }
        assert_eq!(
            refused(&ledger, NOON + 10).await,
            [Some(Rule::AccountUnclear); 2]
        );
    }
    let mut other = template(P1, "offer", NOON + 10);
    other.number = "n2".into();
    assert!(allows(&ledger.preview(other).await.unwrap().decision));
    let known = ledger.number_known(ACME, "n1", "w1").await.unwrap();
    assert_eq!(known.locked_ms, Some(NOON + 9));
    assert_eq!(known.available_ms, Some(NOON + 9));
    // What was decided on it comes out the same again.
    let decided = ledger
        .admit(template(P1, "offer", NOON + 11))
        .await
        .unwrap();
    let record = ledger.decision(decided.id).await.unwrap().unwrap();
    assert_eq!(record.number_facts.health, [Cause::LockSuspected]);
    assert_eq!(record.again(setup().decide), record.decision);
    let locked = read(Sending::Blocked, &[141_008]);
    learn(&ledger, locked, NOON + 20).await;
    assert_eq!(
        refused(&ledger, NOON + 21).await,
        [Some(Rule::AccountLocked); 2]
    );
    learn(&ledger, read(Sending::Available, &[]), NOON + 30).await;
    assert_eq!(refused(&ledger, NOON + 31).await, [None; 2]);
    // For policy answers are tried.
    learn(&ledger, HealthNews::Policy, NOON + 40).await;
    assert_eq!(
        refused(&ledger, NOON + 41).await,
        [Some(Rule::NumberUnread), None]
    );
    assert_clean(&ledger).await;
}

pub(crate) async fn an_end_opens_only_what_was_read_after_it(place: Place) {
    let mut ledger = willing(&place).await;
    let end = NOON + 100;
    let restricted = |until_ms, at_ms| Effect::Restricted {
        waba_id: "w1".into(),
        restrictions: vec![(
            RestrictionKind::BusinessInitiated,
            "RESTRICTED_BIZ_INITIATED_MESSAGING".into(),
            Some(until_ms),
        )],
        at_ms,
    };
    ledger
        .learn(ACME, vec![restricted(end, NOON)])
        .await
        .unwrap();
    let closed = [Some(Rule::NumberRestricted), None];
    assert_eq!(refused(&ledger, end - 1).await, closed);
    let unread = [Some(Rule::NumberUnread), None];
    assert_eq!(refused(&ledger, end).await, unread);
    // A read from before the end opens nothing, one after it does.
    learn(&ledger, read(Sending::Available, &[]), end).await;
    ledger = place.reopen(ledger).await;
    assert_eq!(refused(&ledger, end + 1).await, unread);
    learn(&ledger, read(Sending::Available, &[]), end + 1).await;
    assert_eq!(refused(&ledger, end + 2).await, [None; 2]);
    // As of a moment before that read it was not known.
    let question = Question {
        ask: template(P1, "offer", end),
        known_then: true,
    };
    let told = ledger.preview_all(vec![question]).await.unwrap();
    let told = told.into_iter().next().unwrap().unwrap();
    assert_eq!(
        told.record.decision.first().map(|reason| reason.rule),
        Some(Rule::NumberUnread)
    );
    assert!(told.untold.contains(&Untold::NumberHealth));
    // Taken back by the platform itself: nothing needs to be read.
    let back = NOON + 300;
    let again = vec![restricted(NOON + 900, back - 1), restricted(back, back)];
    ledger.learn(ACME, again).await.unwrap();
    assert_eq!(refused(&ledger, back + 1).await, [None; 2]);
    assert_clean(&ledger).await;
}
