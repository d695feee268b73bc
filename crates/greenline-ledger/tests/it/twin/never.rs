//! Law 5 in the stores: no merge, move, import, undo, replay, reorder or erasure turns a no into a yes.
//!
//! Generated histories with linked identifiers, numbers that move, imports, erasure and native stops. After each step
//! that is not a person's own proved yes, and not WhatsApp's own word, everybody who was refused is still refused.
//! That two are one, or that somebody moved, becomes known at the time of its step: a yes that is dated after the link
//! may lift a no, whenever we are told of the link (A3). The same check is shown two installations with a mistake, and
//! must see it.

use std::collections::BTreeSet;

use greenline_ledger::erasure::ErasureKey;
use greenline_policy::rule::Rule;
use greenline_policy::scope::Category;
use proptest::sample::select;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use super::*;

/// Templates that no generated news are about: the platform changes the category of others.
const OFFER: &str = "never_offer";
const RECEIPT: &str = "never_receipt";

/// What may happen.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "most are steps, and a history is short"
)]
enum Turn {
    Step(Step),
    /// Someone asks to be erased.
    Erase(&'static str),
    /// What was heard some steps ago is told again, in a delivery of its own.
    Again(usize),
}

/// What is wrong with an installation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Planted {
    Nothing,
    /// It takes a file's word for the person's.
    ImportsAreEvidence,
    /// It loses the key under which noes outlive an erasure.
    KeysAreLost,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let erase = select(NAMES.to_vec()).prop_map(Turn::Erase);
    let again = (1..8_usize).prop_map(Turn::Again);
    let spice = prop::collection::vec((prop_oneof![erase, again], 0..24_usize), 0..5);
    (history(), spice).prop_map(|(steps, spice)| {
        let mut turns: Vec<Turn> = steps.into_iter().map(Turn::Step).collect();
        for (turn, at) in spice {
            let at = at.min(turns.len());
            turns.insert(at, turn);
        }
        turns
    })
}

fn keys(byte: u8) -> Vec<ErasureKey> {
    vec![ErasureKey {
        id: format!("0000000{byte}").into(),
        secret: [byte; 32],
    }]
}

/// Whether an event may open something: the person's own proved yes, or WhatsApp's own word.
fn may_open(event: &NewEvent) -> bool {
    let is_own = event.kind == EventKind::Granted && event.strength == Strength::Evidenced;
    is_own || event.kind == EventKind::NativeResumed
}

/// What a step says of consent.
fn said_in(step: &Step) -> Vec<&NewEvent> {
    let effects = match step {
        Step::Append(event) => return vec![event],
        Step::Learn(effects) => effects,
        Step::Deliver(delivery) => &delivery.effects,
        _ => return Vec::new(),
    };
    let consents = effects.iter().filter_map(|effect| match effect {
        Effect::Consent(event) => Some(event),
        _ => None,
    });
    consents.collect()
}

/// The same, but what links people or moves them happens now, after everything that was said.
fn now_linked(mut step: Step, now_ms: i64) -> Step {
    let consent = |event: &mut NewEvent| {
        if may_open(event) {
            // Whoever agrees is known by one name: a yes that is a link itself is as old as the link, and which of two
            // people known since the same instant counts as the first one, an erasure may change.
            event.person.truncate(1);
        } else if event.person.len() > 1 {
            (event.at_ms, event.stated_ms, event.arrival_ms) = (now_ms, now_ms, now_ms);
        }
    };
    let effect = |effect: &mut Effect| match effect {
        Effect::Consent(event) => consent(event),
        Effect::Known { at_ms, .. }
        | Effect::Wrote { at_ms, .. }
        | Effect::CallPermission { at_ms, .. }
        | Effect::Moved { at_ms, .. } => *at_ms = now_ms,
        _ => {}
    };
    match &mut step {
        Step::Append(event) => consent(event),
        Step::Learn(effects) => effects.iter_mut().for_each(effect),
        Step::Deliver(delivery) => delivery.effects.iter_mut().for_each(effect),
        Step::Import(piece) => {
            piece.since_ms = now_ms;
            for row in &mut piece.rows {
                consent(&mut row.event);
                row.event.arrival_ms = now_ms;
            }
        }
        _ => {}
    }
    step
}

/// The same news in another delivery, without the keys that would have it told once.
fn again(step: &Step, count: usize) -> Option<Step> {
    let fresh = |event: &NewEvent| NewEvent {
        dedup: None,
        ..event.clone()
    };
    let effects = match step {
        Step::Append(event) => return Some(Step::Append(fresh(event))),
        Step::Learn(effects) => effects,
        Step::Deliver(delivery) => &delivery.effects,
        _ => return None,
    };
    let effects = effects.iter().map(|effect| match effect {
        Effect::Consent(event) => Effect::Consent(fresh(event)),
        other => other.clone(),
    });
    // Replies are owed once; what they answer is not what is looked at here.
    let effects = effects.filter(|effect| !matches!(effect, Effect::Reply { .. }));
    let told = delivery(&format!("{{\"again\":{count}}}"), effects.collect());
    Some(Step::Deliver(told))
}

impl Side {
    /// Who is refused what because of a no, live or kept over an erasure.
    async fn shut(&self, now_ms: i64) -> BTreeSet<(&'static str, &'static str, Rule)> {
        let mut shut = BTreeSet::new();
        for to in NAMES {
            for name in [OFFER, RECEIPT] {
                let record = self
                    .ledger
                    .preview(ask(&ids(&[to]), name, now_ms))
                    .await
                    .unwrap();
                let noes = record.decision.reasons.iter().map(|reason| reason.rule);
                let noes = noes.filter(|rule| matches!(rule, Rule::OptedOut | Rule::NativeStop));
                shut.extend(noes.map(|rule| (to, name, rule)));
            }
        }
        shut
    }

    /// Erases, if there is anybody to erase.
    async fn erase(&mut self, who: &str, now_ms: i64) {
        // Nothing is under way to a person who is erased.
        self.flights.clear();
        let erased = self
            .ledger
            .erase(event(&[who], EventKind::Erased, "all", now_ms))
            .await;
        match erased {
            Ok(_) | Err(LedgerError::NotFound(_)) => {}
            Err(error) => panic!("an erasure: {error}"),
        }
    }
}

async fn live_never(
    place: &Place,
    turns: Vec<Turn>,
    planted: Planted,
) -> Result<(), TestCaseError> {
    let mut side = Side::of(place.open().await);
    side.ledger.use_erasure_keys(keys(1));
    let listed = [(OFFER, Category::Marketing), (RECEIPT, Category::Utility)];
    let listed = listed.map(|(name, category)| approved("w1", name, category, NOON));
    side.ledger.learn(ACME, listed.to_vec()).await.unwrap();
    let mut before = BTreeSet::new();
    let mut has_erased = false;
    let mut past: Vec<Step> = Vec::new();
    for (count, turn) in turns.into_iter().enumerate() {
        let now_ms = moment(count);
        let what = format!("{turn:?}");
        let mut opens = false;
        match turn {
            Turn::Erase(who) => {
                side.erase(who, now_ms).await;
                has_erased = true;
                if planted == Planted::KeysAreLost {
                    side.ledger.use_erasure_keys(keys(2));
                }
            }
            Turn::Again(back) => {
                let old = past.len().checked_sub(back).and_then(|at| past.get(at));
                if let Some(step) = old.and_then(|step| again(step, count)) {
                    // What was the person's own word once is still theirs, and still as old: it lifts
                    // only what it would have lifted then.
                    let step = now_linked(step, now_ms);
                    opens = said_in(&step).into_iter().any(may_open);
                    side.act(step, now_ms).await;
                }
            }
            // What was erased is nobody's any more, and cannot be taken back.
            Turn::Step(Step::Undo(_)) if has_erased => {}
            Turn::Step(Step::Import(piece)) if planted == Planted::ImportsAreEvidence => {
                for row in piece.rows {
                    let told = NewEvent {
                        strength: Strength::Evidenced,
                        ..row.event
                    };
                    let _ = side.ledger.append(told).await;
                }
            }
            Turn::Step(step) => {
                let step = now_linked(step, now_ms);
                opens = said_in(&step).into_iter().any(may_open);
                past.push(step.clone());
                side.act(step, now_ms).await;
            }
        }
        let after = side.shut(now_ms).await;
        if !opens {
            let opened: Vec<_> = before.difference(&after).collect();
            prop_assert!(
                opened.is_empty(),
                "step {}, {}: {:?} was shut",
                count,
                what,
                opened
            );
        }
        before = after;
    }
    Ok(())
}

fn never(store: Store, cases: u32, planted: Planted) -> Result<(), TestError<Vec<Turn>>> {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: if planted == Planted::Nothing { 200 } else { 0 },
        ..ProptestConfig::default()
    };
    let mut runner = if planted == Planted::Nothing {
        TestRunner::new(config)
    } else {
        let seed = TestRng::deterministic_rng(RngAlgorithm::default());
        TestRunner::new_with_rng(config, seed)
    };
    runner.run(&turns(), |turns| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(live_never(&Place::of(store), turns, planted))
    })
}

/// So many cases of the usual 256; a sweep sets `PROPTEST_CASES` higher.
#[track_caller]
fn holds(store: Store, share: u32) {
    let cases = (ProptestConfig::default().cases * share / 256).max(share.min(6));
    if let Err(failed) = never(store, cases, Planted::Nothing) {
        panic!("{failed}");
    }
}

#[test]
fn no_machine_opens_a_no_in_memory() {
    holds(Store::Memory, 256);
}

#[test]
fn no_machine_opens_a_no_on_sqlite() {
    holds(Store::Sqlite, 48);
}

#[test]
fn no_machine_opens_a_no_on_postgres() {
    // Fewer: each history has a database of its own.
    holds(Store::Postgres, 6);
}

#[test]
fn a_file_that_is_taken_for_evidence_is_seen() {
    let seen = never(Store::Memory, 2_000, Planted::ImportsAreEvidence);
    assert!(matches!(seen, Err(TestError::Fail(..))), "{seen:?}");
}

#[test]
fn a_key_of_erasures_that_is_lost_is_seen() {
    let seen = never(Store::Memory, 2_000, Planted::KeysAreLost);
    assert!(matches!(seen, Err(TestError::Fail(..))), "{seen:?}");
}

/// What is told after an erasure and dated before it counts for nothing, and lifts nothing when the person is erased
/// once more either.
async fn an_old_yes_between_two_erasures(store: Store) -> Vec<Rule> {
    const WHO: &str = "15551230001";
    let place = Place::of(store);
    let ledger = place.open().await;
    ledger.use_erasure_keys(keys(1));
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    ledger.append(no(&[WHO], "marketing", NOON)).await.unwrap();
    let erase = async |at_ms| {
        let erased = ledger.erase(event(&[WHO], EventKind::Erased, "all", at_ms));
        erased.await.unwrap();
    };
    let first = async |at_ms| offer(&ledger, WHO, at_ms).await.reasons[0].rule;
    erase(NOON + 10 * SECOND).await;
    let old = NewEvent {
        arrival_ms: NOON + 20 * SECOND,
        ..yes(&[WHO], "marketing", NOON + 5 * SECOND)
    };
    ledger.append(old).await.unwrap();
    let mut rules = vec![first(NOON + 25 * SECOND).await];
    erase(NOON + 30 * SECOND).await;
    rules.push(first(NOON + 35 * SECOND).await);
    assert_clean(&ledger).await;
    rules
}

#[tokio::test]
async fn a_second_erasure_keeps_a_no_that_an_old_yes_came_after() {
    for store in [Store::Memory, Store::Sqlite, Store::Postgres] {
        let rules = an_old_yes_between_two_erasures(store).await;
        assert_eq!(rules, [Rule::OptedOut, Rule::OptedOut], "{store:?}");
    }
}

/// A yes in a spelling that may be a landline's lifts no no of whoever has the mobile number, before an erasure or after.
async fn a_yes_in_the_other_spelling(store: Store) -> Vec<Rule> {
    const MOBILE: &str = "5491155551234";
    const MAY_BE_LANDLINE: &str = "541155551234";
    let place = Place::of(store);
    let mut ledger = place.open().await;
    ledger.use_erasure_keys(keys(1));
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    ledger.append(no(&[MOBILE], "all", NOON)).await.unwrap();
    let granted = yes(&[MAY_BE_LANDLINE], "all", NOON + SECOND);
    ledger.append(granted).await.unwrap();
    let first = async |ledger: &Ledger, at_ms| offer(ledger, MOBILE, at_ms).await.reasons[0].rule;
    let mut rules = vec![first(&ledger, NOON + 2 * SECOND).await];
    let erased = ledger.erase(event(
        &[MOBILE],
        EventKind::Erased,
        "all",
        NOON + 3 * SECOND,
    ));
    erased.await.unwrap();
    rules.push(first(&ledger, NOON + 4 * SECOND).await);
    assert_clean(&ledger).await;
    ledger = place.reopen(ledger).await;
    ledger.use_erasure_keys(keys(1));
    rules.push(first(&ledger, NOON + 5 * SECOND).await);
    rules
}

#[tokio::test]
async fn an_erasure_lets_no_yes_in_the_other_spelling_lift_a_no() {
    for store in [Store::Memory, Store::Sqlite, Store::Postgres] {
        let rules = a_yes_in_the_other_spelling(store).await;
        assert_eq!(rules, [Rule::OptedOut; 3], "{store:?}");
    }
}
