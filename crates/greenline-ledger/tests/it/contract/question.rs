//! Questions: many at once, and as of what was known at a moment in the past.

use greenline_ledger::erasure::ErasureKey;
use greenline_ledger::question::{Previewed, QUESTIONS_MAX, Question, THEN_WEIGHS, Untold};
use greenline_ledger::types::{Ask, Effect, NewEvent};
use greenline_ledger::{Ledger, LedgerError};
use greenline_policy::consent::{EventKind, Head};
use greenline_policy::number::{Ban, RestrictionKind};
use greenline_policy::rule::Rule;

use crate::support::*;

const P1: &str = "15551230001";
const P2: &str = "15551230002";
const U1: &str = "US.aaa111";

/// What is always said of a moment gone by.
const ALWAYS: [Untold; 3] = [Untold::Unsettled, Untold::Pace, Untold::Settings];

fn now(ask: Ask) -> Question {
    Question {
        asked_ms: ask.now_ms,
        ask,
        known_then: false,
    }
}

async fn then(ledger: &Ledger, ask: Ask) -> Previewed {
    let question = Question {
        asked_ms: ask.now_ms,
        ask,
        known_then: true,
    };
    let mut answers = ledger.preview_all(vec![question]).await.unwrap();
    answers.pop().unwrap().unwrap()
}

/// What was said beside what always is.
fn untold(previewed: &Previewed) -> Vec<Untold> {
    let mut untold = previewed.untold.clone();
    for always in ALWAYS {
        assert!(untold.contains(&always), "{untold:?}");
    }
    untold.retain(|one| !ALWAYS.contains(one));
    untold
}

pub(crate) async fn many_questions_are_answered_as_each_alone(place: Place) {
    let ledger = place.open().await;
    cover(&ledger).await;
    ledger
        .learn(ACME, vec![wrote(&[P2], "m1", NOON)])
        .await
        .unwrap();
    let mut asks = Vec::new();
    for (to, name) in [
        (P1, "offer"),
        (P2, "offer"),
        (P1, "receipt"),
        (U1, "nobody"),
    ] {
        asks.push(template(to, name, NOON + SECOND));
        asks.push(text(to, NOON + SECOND));
    }
    let questions = asks.iter().cloned().map(now).collect();
    let answers = ledger.preview_all(questions).await.unwrap();
    assert_eq!(answers.len(), asks.len());
    for (ask, answer) in asks.into_iter().zip(answers) {
        let answer = answer.unwrap();
        assert_eq!(answer.untold, []);
        assert_eq!(answer.record, ledger.preview(ask).await.unwrap());
    }
    // Nothing of it is on record.
    let decisions = ledger.decisions(None, None, 10).await.unwrap();
    assert_eq!(decisions.len(), 0);
    assert!(ledger.person(ACME, &id(U1)).await.unwrap().is_none());
}

pub(crate) async fn a_piece_of_questions_has_a_size(place: Place) {
    let ledger = place.open().await;
    let many = |count| vec![now(text(P1, NOON)); count];
    let full = ledger.preview_all(many(QUESTIONS_MAX)).await.unwrap();
    assert_eq!(full.len(), QUESTIONS_MAX);
    let more = ledger.preview_all(many(QUESTIONS_MAX + 1)).await;
    assert!(matches!(more, Err(LedgerError::Conflict(_))), "{more:?}");
    let then = Question {
        ask: text(P1, NOON),
        known_then: true,
        asked_ms: NOON,
    };
    let heavy = vec![then; QUESTIONS_MAX / THEN_WEIGHS + 1];
    let more = ledger.preview_all(heavy).await;
    assert!(matches!(more, Err(LedgerError::Conflict(_))), "{more:?}");
}

/// What happens, a second apart, and what was known of everyone after each step: asked again at the end, it is
/// the same.
pub(crate) async fn what_arrived_later_does_not_count_then(place: Place) {
    let ledger = place.open().await;
    cover(&ledger).await;
    let at = |step: i64| NOON + step * 10 * SECOND;
    let backdated = NewEvent {
        at_ms: NOON + SECOND,
        stated_ms: NOON + SECOND,
        ..no(&[P1], "marketing", at(3))
    };
    enum Step {
        Says(Box<NewEvent>),
        Learns(Vec<Effect>),
    }
    let says = |event| Step::Says(Box::new(event));
    let steps = [
        says(no(&[U1], "utility", at(1))),
        says(yes(&[P2], "marketing", at(2))),
        // Said long before it was heard of.
        says(backdated),
        Step::Learns(vec![known(&[P1, U1], at(4))]),
        says(yes(&[P1], "utility", at(5))),
        says(event(&[P1], EventKind::NativeStopped, "marketing", at(6))),
        Step::Learns(vec![moved(P1, P2, at(7))]),
        says(no(&[P2], "all", at(8))),
        says(yes(&[P2], "marketing", at(9))),
        says(event(&[P2], EventKind::NativeResumed, "marketing", at(10))),
    ];
    let mut knew: Vec<(i64, &str, Head)> = Vec::new();
    for (n, step) in (1..).zip(steps) {
        match step {
            Step::Says(event) => drop(ledger.append(*event).await.unwrap()),
            Step::Learns(effects) => ledger.learn(ACME, effects).await.unwrap(),
        }
        for to in [P1, P2, U1] {
            let now_ms = at(n) + SECOND;
            let record = ledger.preview(template(to, "offer", now_ms)).await.unwrap();
            knew.push((now_ms, to, record.people[0].head.clone()));
        }
    }
    let ledger = place.reopen(ledger).await;
    for (now_ms, to, head) in knew {
        let previewed = then(&ledger, template(to, "offer", now_ms)).await;
        assert_eq!(previewed.record.people[0].head, head, "{to} at {now_ms}");
        assert_eq!(untold(&previewed), [], "{to} at {now_ms}");
    }
    // The same moment with what is known now: the stop came since.
    let first_ms = at(1) + SECOND;
    let previewed = then(&ledger, template(P1, "offer", first_ms)).await;
    assert!(allows(&previewed.record.decision));
    assert_eq!(
        first_rule(&offer(&ledger, P1, first_ms).await),
        Rule::OptedOut
    );
    assert_eq!(
        untold(&then(&ledger, template(P1, "offer", NOON - SECOND)).await),
        [Untold::Template]
    );
}

pub(crate) async fn what_people_wrote_later_opens_no_window_then(place: Place) {
    let ledger = place.open().await;
    let writes = |message, at_ms| ledger.learn(ACME, vec![wrote(&[P1], message, at_ms)]);
    writes("m1", NOON).await.unwrap();
    let told = then(&ledger, text(P1, NOON + SECOND)).await;
    assert!(allows(&told.record.decision));
    assert_eq!(untold(&told), []);
    writes("m2", NOON + 10 * SECOND).await.unwrap();
    let told = then(&ledger, text(P1, NOON + 10 * SECOND)).await;
    assert!(allows(&told.record.decision));
    assert_eq!(untold(&told), []);
    // It was open then too, but that is not kept: no answer may rest on a guess that lets something go.
    let told = then(&ledger, text(P1, NOON + SECOND)).await;
    assert_eq!(first_rule(&told.record.decision), Rule::WindowClosed);
    assert_eq!(untold(&told), [Untold::Window]);
    // With what is known now it is open.
    let answer = ledger.preview(text(P1, NOON + SECOND)).await.unwrap();
    assert!(allows(&answer.decision));
}

pub(crate) async fn what_the_platform_said_later_is_told_apart(place: Place) {
    let ledger = place.open().await;
    cover(&ledger).await;
    let restricted = |named: &str, at_ms| Effect::Restricted {
        waba_id: "w1".into(),
        restrictions: vec![(RestrictionKind::BusinessInitiated, named.into(), None)],
        at_ms,
    };
    let status = |status: &str, at_ms| Effect::Number {
        number: "n1".into(),
        status: Some(status.into()),
        rating: None,
        at_ms,
    };
    let asked = |ledger: &Ledger, at_ms| {
        let (ledger, ask) = (ledger.clone(), template(P1, "offer", at_ms));
        async move { then(&ledger, ask).await }
    };
    ledger
        .learn(ACME, vec![status("CONNECTED", NOON)])
        .await
        .unwrap();
    assert_eq!(untold(&asked(&ledger, NOON + SECOND).await), []);
    ledger
        .learn(
            ACME,
            vec![
                restricted("RESTRICTED_BIZ_INITIATED_MESSAGING", NOON + 10 * SECOND),
                Effect::Banned {
                    waba_id: "w1".into(),
                    ban: Ban::Disabled,
                    at_ms: NOON + 10 * SECOND,
                },
            ],
        )
        .await
        .unwrap();
    let told = asked(&ledger, NOON + 11 * SECOND).await;
    assert_eq!(first_rule(&told.record.decision), Rule::NumberBanned);
    assert_eq!(untold(&told), []);
    let told = asked(&ledger, NOON + SECOND).await;
    assert!(
        allows(&told.record.decision),
        "what came later counts: {told:?}"
    );
    assert_eq!(untold(&told), [Untold::Restrictions]);

    ledger
        .learn(ACME, vec![status("CONNECTED", NOON + 20 * SECOND)])
        .await
        .unwrap();
    ledger
        .learn(ACME, listed(NOON + 20 * SECOND))
        .await
        .unwrap();
    let told = asked(&ledger, NOON + SECOND).await;
    assert_eq!(
        untold(&told),
        [Untold::Template, Untold::NumberStatus, Untold::Restrictions]
    );
    // A rating that was read since says nothing of then.
    let rating = Effect::Number {
        number: "n1".into(),
        status: None,
        rating: Some("RED".into()),
        at_ms: NOON + 20 * SECOND,
    };
    ledger.learn(ACME, vec![rating]).await.unwrap();
    let told = asked(&ledger, NOON + SECOND).await;
    assert_eq!(told.record.number_facts.rating, None);
    assert!(untold(&told).contains(&Untold::NumberRating), "{told:?}");
    let told = asked(&ledger, NOON + 20 * SECOND).await;
    assert!(told.record.number_facts.rating.is_some(), "{told:?}");
}

pub(crate) async fn what_an_erasure_took_cannot_be_told(place: Place) {
    let ledger = place.open().await;
    ledger.use_erasure_keys(vec![ErasureKey {
        id: "00000001".into(),
        secret: [1; 32],
    }]);
    cover(&ledger).await;
    ledger
        .append(no(&[P1], "utility", NOON + SECOND))
        .await
        .unwrap();
    let erased = event(&[P1], EventKind::Erased, "all", NOON + 10 * SECOND);
    ledger.erase(erased).await.unwrap();
    let told = then(&ledger, template(P1, "offer", NOON + 2 * SECOND)).await;
    assert_eq!(untold(&told), [Untold::Erased]);
    assert!(
        !allows(&told.record.decision),
        "a yes that was erased: {told:?}"
    );
    assert_eq!(first_rule(&told.record.decision), Rule::ConsentMissing);
    // The no was kept, and it was there then.
    let told = then(&ledger, template(P1, "receipt", NOON + 2 * SECOND)).await;
    assert_eq!(first_rule(&told.record.decision), Rule::OptedOut);
    let told = then(&ledger, template(P1, "receipt", NOON + 11 * SECOND)).await;
    assert_eq!(untold(&told), []);
}
