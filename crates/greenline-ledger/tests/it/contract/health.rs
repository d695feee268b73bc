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

/// Asked in advance, a restriction ends on a condition (N1): one by one, many at once and for lists.
pub(crate) async fn asked_in_advance_an_end_counts(place: Place) {
    let ledger = willing(&place).await;
    let (asked_ms, end) = (NOON + 10, NOON + 100);
    let restricted = Effect::Restricted {
        waba_id: "w1".into(),
        restrictions: vec![(
            RestrictionKind::BusinessInitiated,
            "RESTRICTED_BIZ_INITIATED_MESSAGING".into(),
            Some(end),
        )],
        at_ms: NOON,
    };
    ledger.learn(ACME, vec![restricted]).await.unwrap();
    for (asked_ms, at_ms, rule, ended_ms) in [
        (asked_ms, end - 1, Some(Rule::NumberRestricted), None),
        (asked_ms, end, None, Some(end)),
        (asked_ms, end + 1, None, Some(end)),
        (end - 1, end, None, Some(end)),
        // Nobody asks in advance about what is over by now.
        (end, end, Some(Rule::NumberUnread), None),
        (end, end + 1, Some(Rule::NumberUnread), None),
    ] {
        let ask = template(P1, "offer", at_ms);
        let question = Question {
            ask: ask.clone(),
            known_then: false,
            asked_ms,
        };
        let told = ledger.preview_all(vec![question]).await.unwrap();
        let told = told.into_iter().next().unwrap().unwrap();
        let decision = told.record.decision;
        let first = decision.first().map(|reason| reason.rule);
        let first = first.filter(|rule| rule.card().severity != Severity::Note);
        let what = format!("asked at {asked_ms} about {at_ms}");
        assert_eq!((first, told.ended_ms), (rule, ended_ms), "{what}");
        let mut views = Vec::new();
        views.extend(ledger.view(asked_ms).unwrap());
        views.extend(ledger.crowd(&ask, asked_ms).unwrap().map(|(view, _)| view));
        if let Some(mut view) = ledger.view_of_nobody(&ask, asked_ms).await.unwrap() {
            view.turn_to(ledger.piece(&ask, &ask.to).await.unwrap());
            views.push(view);
        }
        // A crowd's view knows only those who are not described.
        for mut view in views {
            let seen = view.judge(&ask).unwrap();
            let rules = |decision: &greenline_policy::decide::Decision| {
                let reasons = decision.reasons.iter().map(|reason| reason.rule);
                let mut reasons: Vec<_> = reasons.collect();
                reasons.retain(|rule| rule.id().starts_with("number."));
                reasons
            };
            assert_eq!(rules(&seen), rules(&decision), "{what}");
            assert_eq!(view.ended_ms(), ended_ms, "{what}");
        }
    }
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
        asked_ms: end + 2,
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

/// What holds an account and is no restriction of the platform's naming (N9, N14): the day of an announced disabling, a
/// status or a review that does not say what it stops, an account that is gone.
pub(crate) async fn what_holds_an_account_lasts_until_something_says_that_it_is_over(place: Place) {
    const DAY: i64 = 24 * 60 * 60 * 1_000;
    let mut ledger = willing(&place).await;
    let hold = |kind: RestrictionKind, until_ms, at_ms| Effect::Restricted {
        waba_id: "w1".into(),
        restrictions: vec![(kind, kind.own_word().unwrap().into(), until_ms)],
        at_ms,
    };
    let unread = [Some(Rule::NumberUnread), None];
    let mut now = NOON;
    for kind in [
        RestrictionKind::AccountRestricted,
        RestrictionKind::AccountPending,
        RestrictionKind::ReviewRejected,
        RestrictionKind::BanUnclear,
    ] {
        ledger
            .learn(ACME, vec![hold(kind, None, now)])
            .await
            .unwrap();
        assert_eq!(refused(&ledger, now + 1).await, unread, "{kind:?}");
        // Older news changes nothing; what was read since opens.
        ledger
            .learn(ACME, vec![hold(kind, Some(now - 5), now - 5)])
            .await
            .unwrap();
        assert_eq!(refused(&ledger, now + 2).await, unread, "{kind:?}");
        learn(&ledger, read(Sending::Available, &[]), now + 3).await;
        assert_eq!(refused(&ledger, now + 4).await, [None; 2], "{kind:?}");
        now += 10;
    }
    // Utility templates alone, for as long as it was said.
    let limited = hold(RestrictionKind::UtilityLimit, Some(now + 9), now);
    ledger.learn(ACME, vec![limited]).await.unwrap();
    assert_eq!(refused(&ledger, now + 1).await, [None; 2]);
    // What is gone stays gone, until it is said that it was not.
    for (kind, rule) in [
        (RestrictionKind::AccountDeleted, Rule::NumberBanned),
        (RestrictionKind::Offboarded, Rule::NumberOffline),
    ] {
        ledger
            .learn(ACME, vec![hold(kind, None, now)])
            .await
            .unwrap();
        learn(&ledger, read(Sending::Available, &[]), now + 1).await;
        assert_eq!(refused(&ledger, now + 2).await, [Some(rule); 2]);
        ledger
            .learn(ACME, vec![hold(kind, Some(now + 3), now + 3)])
            .await
            .unwrap();
        assert_eq!(refused(&ledger, now + 4).await, [None; 2]);
        now += 10;
    }
    let day = now + 50;
    let scheduled = hold(RestrictionKind::BanScheduled, Some(day), now);
    ledger.learn(ACME, vec![scheduled]).await.unwrap();
    for reopened in [false, true] {
        if reopened {
            ledger = place.reopen(ledger).await;
        }
        assert_eq!(refused(&ledger, day - 1).await, [None; 2]);
        assert_eq!(refused(&ledger, day).await, unread);
    }
    // At what hour of the day is not said: a read on the day itself opens nothing.
    learn(&ledger, read(Sending::Available, &[]), day + 1).await;
    assert_eq!(refused(&ledger, day + 2).await, unread);
    learn(&ledger, read(Sending::Available, &[]), day + DAY + 1).await;
    // By then the window is closed, which is no matter of the account.
    assert_eq!(refused(&ledger, day + DAY + 2).await[0], None);
    assert_clean(&ledger).await;
}
