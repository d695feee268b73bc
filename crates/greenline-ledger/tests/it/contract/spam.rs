//! The platform's word that it limits a number for spam (131048; N7 of the rules on health).

use greenline_ledger::Ledger;
use greenline_ledger::types::{Ask, Effect};
use greenline_policy::number::SPAM_LIMIT_MS;
use greenline_policy::rule::Rule;

use super::pair::willing;
use crate::support::*;

const P1: &str = "15551230001";

fn said(limits: bool, at_ms: i64) -> Effect {
    Effect::Spam {
        number: "n1".into(),
        limits,
        at_ms,
    }
}

fn read(at_ms: i64) -> Effect {
    Effect::Number {
        number: "n1".into(),
        status: Some("CONNECTED".into()),
        rating: None,
        at_ms,
    }
}

async fn learn(ledger: &Ledger, effect: Effect) {
    ledger.learn(ACME, vec![effect]).await.unwrap();
}

/// What stands in the way of an offer, or is noted about it, because of spam, and until when.
async fn offer(ledger: &Ledger, now_ms: i64) -> Option<(Rule, Option<i64>)> {
    of(ledger, template(P1, "offer", now_ms)).await
}

async fn of(ledger: &Ledger, ask: Ask) -> Option<(Rule, Option<i64>)> {
    let decision = ledger.preview(ask).await.unwrap().decision;
    let mut reasons = decision.reasons.iter();
    let spam = [Rule::LimitSpam, Rule::LimitSpamUnknown];
    let found = reasons.find(|reason| spam.contains(&reason.rule));
    let refuses = found.is_some_and(|reason| reason.rule == Rule::LimitSpam);
    assert_eq!(allows(&decision), !refuses, "{decision:?}");
    found.map(|reason| (reason.rule, reason.until_ms))
}

pub(crate) async fn a_number_starts_nothing_for_a_day_after_the_last_word(place: Place) {
    let mut ledger = willing(&place).await;
    assert_eq!(offer(&ledger, NOON).await, None);
    learn(&ledger, said(true, NOON + 9)).await;
    // An earlier one that comes late changes nothing.
    learn(&ledger, said(true, NOON)).await;
    let end = NOON + 9 + SPAM_LIMIT_MS;
    for reopened in [false, true] {
        if reopened {
            ledger = place.reopen(ledger).await;
        }
        for at in [NOON + 9, end - 1] {
            let limited = Some((Rule::LimitSpam, Some(end)));
            assert_eq!(offer(&ledger, at).await, limited);
        }
        assert_eq!(
            offer(&ledger, end).await,
            Some((Rule::LimitSpamUnknown, None))
        );
        // Answers go, and so does whatever another number starts.
        assert_eq!(of(&ledger, text(P1, NOON + 10)).await, None);
        let mut other = template(P1, "offer", NOON + 10);
        other.number = "n2".into();
        assert_eq!(of(&ledger, other).await, None);
    }
    let refused = ledger
        .admit(template(P1, "offer", NOON + 10))
        .await
        .unwrap();
    let record = ledger.decision(refused.id).await.unwrap().unwrap();
    assert_eq!(record.number_facts.spam_limited_ms, Some(NOON + 9));
    assert_eq!(record.again(setup().decide), record.decision);
    let numbers = ledger.numbers(ACME).await.unwrap();
    let one = numbers.iter().find(|one| *one.number == *"n1").unwrap();
    assert_eq!((one.at_ms, one.status.as_deref()), (None, None));
    assert_clean(&ledger).await;
}

pub(crate) async fn a_read_or_a_success_after_the_day_settles_it(place: Place) {
    let ledger = willing(&place).await;
    learn(&ledger, said(true, NOON)).await;
    let end = NOON + SPAM_LIMIT_MS;
    // Within the day neither does.
    learn(&ledger, read(end - 1)).await;
    learn(&ledger, said(false, end - 1)).await;
    assert_eq!(
        offer(&ledger, end - 1).await,
        Some((Rule::LimitSpam, Some(end)))
    );
    let unknown = Some((Rule::LimitSpamUnknown, None));
    assert_eq!(offer(&ledger, end).await, unknown);
    learn(&ledger, read(end)).await;
    assert_eq!(offer(&ledger, end).await, None);
    // Another one closes it again, and what the platform takes after it opens it.
    learn(&ledger, said(true, end + 5)).await;
    let end = end + 5 + SPAM_LIMIT_MS;
    assert_eq!(
        offer(&ledger, end - 1).await,
        Some((Rule::LimitSpam, Some(end)))
    );
    assert_eq!(offer(&ledger, end).await, unknown);
    learn(&ledger, said(false, end)).await;
    assert_eq!(offer(&ledger, end).await, None);
    assert_clean(&ledger).await;
}

pub(crate) async fn as_of_a_moment_before_it_was_said_it_is_not_known(place: Place) {
    use greenline_ledger::question::{Question, Untold};
    let ledger = willing(&place).await;
    learn(&ledger, said(true, NOON + SECOND)).await;
    for (at_ms, known) in [(NOON + 1, false), (NOON + SECOND, true)] {
        let question = Question {
            ask: template(P1, "offer", at_ms),
            known_then: true,
            asked_ms: NOON + SECOND,
        };
        let told = ledger.preview_all(vec![question]).await.unwrap();
        let told = told.into_iter().next().unwrap().unwrap();
        let facts = told.record.number_facts;
        assert_eq!(facts.spam_limited_ms.is_some(), known);
        assert_eq!(told.untold.contains(&Untold::SpamLimit), !known);
    }
}

pub(crate) async fn a_limit_that_is_over_makes_no_number_known(place: Place) {
    let ledger = place.open().await;
    learn(&ledger, said(false, NOON)).await;
    assert_eq!(ledger.numbers(ACME).await.unwrap(), []);
    learn(&ledger, said(true, NOON)).await;
    assert_eq!(ledger.numbers(ACME).await.unwrap().len(), 1);
    assert_clean(&ledger).await;
}
