//! Law 5 at the fold: no merge, move, import, replay or reorder of events turns a no into a yes.
//!
//! Each check is shown the fold as it is, and then folds with a mistake planted into what they look at: it must hold
//! for the first and find out the others, or it would prove nothing.

use greenline_policy::consent::Head;
use proptest::test_runner::{TestCaseError, TestRunner};

use super::*;

/// The fold, or one with a mistake.
type Fold = fn(&History, Spelling) -> Head;

const SPELLINGS: [Spelling; 2] = [Spelling::Mobile, Spelling::MaybeLandline];

/// Runs a check over generated input; with the fold as it is from chance, with a mistake always alike.
fn holds<S: Strategy>(
    input: S,
    is_planted: bool,
    check: impl Fn(S::Value) -> Result<(), TestCaseError>,
) -> bool {
    let config = ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if is_planted {
        let config = ProptestConfig {
            max_shrink_iters: 0,
            cases: config.cases.max(20_000),
            ..config
        };
        let seed = proptest::test_runner::TestRng::deterministic_rng(Default::default());
        return TestRunner::new_with_rng(config, seed)
            .run(&input, check)
            .is_ok();
    }
    if let Err(failed) = TestRunner::new(config).run(&input, check) {
        panic!("{failed}");
    }
    true
}

fn is_refused(head: &Head, scope: &Scope) -> bool {
    matches!(head.standing(scope), Standing::Refused { .. })
}

/// Whatever was shut is still shut: each scope, WhatsApp's own switch, the thread.
fn still_shut(before: &Head, after: &Head) -> Result<(), TestCaseError> {
    for scope in scopes() {
        let opened = is_refused(before, &scope) && !is_refused(after, &scope);
        prop_assert!(
            !opened,
            "{} was refused: {:?}, now {:?}",
            scope,
            before,
            after
        );
    }
    let native = |head: &Head| head.native_stop.map(|(_, at_ms)| at_ms);
    prop_assert!(
        native(before) <= native(after),
        "the switch: {:?}, now {:?}",
        before,
        after
    );
    let thread = |head: &Head| head.freeform_closed.map(|(_, at_ms)| at_ms);
    prop_assert!(
        thread(before) <= thread(after),
        "the thread: {:?}, now {:?}",
        before,
        after
    );
    Ok(())
}

fn in_order(events: Vec<Event>, sides: Vec<Side>) -> History {
    let mut history = History { events, sides };
    number_in_order(&mut history.events);
    history
}

/// One event more, whatever it is and whenever it comes: only the person's own newer yes, proved and by name,
/// and only WhatsApp's own newer word, opens anything.
fn one_event_more(fold: Fold, is_planted: bool) -> bool {
    holds(
        (any_history(), any_event()),
        is_planted,
        |(history, more)| {
            let mut longer = history.clone();
            longer.events.push(more.clone());
            number_in_order(&mut longer.events);
            for spelling in SPELLINGS {
                let (before, after) = (fold(&history, spelling), fold(&longer, spelling));
                for scope in scopes() {
                    let Standing::Refused { at_ms, .. } = before.standing(&scope) else {
                        continue;
                    };
                    let may_open = more.kind == EventKind::Granted
                        && more.strength == Strength::Evidenced
                        && more.spelling == spelling
                        && more.at_ms > at_ms
                        && more.scope.covers(&scope);
                    let renews = more.kind == EventKind::Reconfirmed && brings_back(&longer, &more);
                    let opened = !is_refused(&after, &scope);
                    prop_assert!(
                        !opened || may_open || renews,
                        "{} by {:?}: {:?}",
                        scope,
                        more,
                        &history
                    );
                }
                if let (Some((_, at_ms)), None) = (before.native_stop, after.native_stop) {
                    let resumes = more.kind == EventKind::NativeResumed && more.at_ms > at_ms;
                    prop_assert!(resumes, "the switch by {:?}: {:?}", more, &history);
                }
                prop_assert!(
                    before.freeform_closed.map(|no| no.1) <= after.freeform_closed.map(|no| no.1)
                );
            }
            Ok(())
        },
    )
}

/// A yes that was newer than a no, and unconfirmed since its user id was left for another one of the same person,
/// counts again once the person confirms it: the no had been lifted before that move.
fn brings_back(history: &History, renewal: &Event) -> bool {
    history.events.iter().any(|yes| {
        let side = history.sides.get(yes.side).copied().unwrap_or(Side::FIRST);
        yes.kind == EventKind::Granted
            && yes.strength == Strength::Evidenced
            && yes.scope == renewal.scope
            && side
                .carried_at_ms
                .is_some_and(|moved_ms| yes.at_ms <= moved_ms && moved_ms < renewal.at_ms)
    })
}

/// All that was ever heard comes once more.
fn a_replay(fold: Fold, is_planted: bool) -> bool {
    let input = (any_history(), prop::collection::vec(any::<bool>(), 12));
    holds(input, is_planted, |(history, which)| {
        let again = history.events.iter().zip(which).filter(|(_, again)| *again);
        let again: Vec<Event> = again.map(|(event, _)| event.clone()).collect();
        let longer = in_order(
            [history.events.clone(), again].concat(),
            history.sides.clone(),
        );
        for spelling in SPELLINGS {
            still_shut(&fold(&history, spelling), &fold(&longer, spelling))?;
        }
        Ok(())
    })
}

/// The same events arrive in another order.
fn a_reorder(fold: Fold, is_planted: bool) -> bool {
    let shuffled = any_history().prop_flat_map(|history| {
        let events = Just(history.events.clone()).prop_shuffle();
        (Just(history), events)
    });
    holds(shuffled, is_planted, |(history, events)| {
        let other = in_order(events, history.sides.clone());
        for spelling in SPELLINGS {
            let (one, another) = (fold(&history, spelling), fold(&other, spelling));
            still_shut(&one, &another)?;
            still_shut(&another, &one)?;
        }
        Ok(())
    })
}

/// Two people turn out to be one: whatever either had said no to before that stays shut, for each of them first.
fn a_merge(fold: Fold, is_planted: bool) -> bool {
    let input = (any_history(), any_history(), 0_i64..30);
    holds(input, is_planted, |(mut one, mut other, linked_ms)| {
        for history in [&mut one, &mut other] {
            history.events.retain(|event| event.at_ms <= linked_ms);
        }
        for (first, second) in [(&one, &other), (&other, &one)] {
            let mut sides = first.sides.clone();
            sides.extend(second.sides.iter().map(|side| Side {
                linked_at_ms: side.linked_at_ms.max(linked_ms),
                ..*side
            }));
            let moved = second.events.iter().map(|event| Event {
                side: event.side + first.sides.len(),
                ..event.clone()
            });
            let merged = in_order(first.events.iter().cloned().chain(moved).collect(), sides);
            let mut renewals = merged.events.iter();
            if renewals
                .any(|event| event.kind == EventKind::Reconfirmed && brings_back(&merged, event))
            {
                continue;
            }
            for spelling in SPELLINGS {
                for apart in [first, second] {
                    still_shut(&fold(apart, spelling), &fold(&merged, spelling))?;
                }
            }
        }
        Ok(())
    })
}

/// A number moves: its noes come along, and whoever had the new number before opens none of them. Only what is said
/// from the new number after the move does.
fn a_move(fold: Fold, is_planted: bool) -> bool {
    let input = (
        any_history(),
        prop::collection::vec(any_event(), 0..6),
        0_i64..30,
    );
    holds(input, is_planted, |(mut old, mut own, moved_ms)| {
        old.events.retain(|event| event.at_ms <= moved_ms);
        own.retain(|event| event.at_ms <= moved_ms);
        for event in &mut own {
            event.side = 0;
        }
        let mut sides = vec![Side::FIRST];
        sides.extend(old.sides.iter().map(|side| {
            Side {
                linked_at_ms: side.linked_at_ms.max(moved_ms),
                carried_at_ms: Some(
                    side.carried_at_ms
                        .map_or(moved_ms, |gone_ms| gone_ms.min(moved_ms)),
                ),
                ..*side
            }
        }));
        let carried = old.events.iter().map(|event| Event {
            side: event.side + 1,
            ..event.clone()
        });
        let new = in_order(carried.chain(own).collect(), sides);
        let mut left = old.clone();
        for side in &mut left.sides {
            side.left_at_ms = Some(
                side.left_at_ms
                    .map_or(moved_ms, |left_ms| left_ms.max(moved_ms)),
            );
        }
        for spelling in SPELLINGS {
            let before = fold(&old, spelling);
            still_shut(&before, &fold(&new, spelling))?;
            // And the number that was left keeps every no.
            still_shut(&before, &fold(&left, spelling))?;
        }
        Ok(())
    })
}

/// Every yes is taken as the person's own, whoever brought it.
fn by_anybody(history: &History, spelling: Spelling) -> Head {
    let mut history = history.clone();
    for event in &mut history.events {
        event.strength = Strength::Evidenced;
    }
    fold(&history, spelling)
}

/// What arrives last counts, whenever it was said.
fn by_arrival(history: &History, spelling: Spelling) -> Head {
    let mut history = history.clone();
    for event in &mut history.events {
        event.at_ms = i64::from(event.version);
    }
    fold(&history, spelling)
}

/// A link counts as if it had always been known.
fn linked_for_ever(history: &History, spelling: Spelling) -> Head {
    let mut history = history.clone();
    for side in &mut history.sides {
        side.linked_at_ms = i64::MIN;
    }
    fold(&history, spelling)
}

/// Only yeses move along.
fn noes_stay_behind(history: &History, spelling: Spelling) -> Head {
    let mut history = history.clone();
    let sides = history.sides.clone();
    let moved = |event: &Event| {
        sides
            .get(event.side)
            .is_some_and(|side| side.carried_at_ms.is_some())
    };
    history
        .events
        .retain(|event| !event.kind.is_no() || !moved(event));
    fold(&history, spelling)
}

/// A renewal is taken for a new yes.
fn renewed_is_granted(history: &History, spelling: Spelling) -> Head {
    let mut history = history.clone();
    for event in &mut history.events {
        if event.kind == EventKind::Reconfirmed {
            event.kind = EventKind::Granted;
        }
    }
    fold(&history, spelling)
}

/// Both spellings of a doubtful number count as one, for a yes too.
fn spelled_alike(history: &History, spelling: Spelling) -> Head {
    let mut history = history.clone();
    for event in &mut history.events {
        event.spelling = spelling;
    }
    fold(&history, spelling)
}

#[test]
fn no_single_event_opens_a_no_but_the_persons_own_newer_yes() {
    assert!(one_event_more(fold, false));
    for planted in [by_anybody, by_arrival, renewed_is_granted, spelled_alike] as [Fold; 4] {
        assert!(!one_event_more(planted, true));
    }
}

#[test]
fn no_replay_opens_a_no() {
    assert!(a_replay(fold, false));
    assert!(!a_replay(by_arrival, true));
}

#[test]
fn no_order_of_arrival_opens_a_no() {
    assert!(a_reorder(fold, false));
    assert!(!a_reorder(by_arrival, true));
}

#[test]
fn no_merge_opens_a_no() {
    assert!(a_merge(fold, false));
    for planted in [linked_for_ever, by_arrival] as [Fold; 2] {
        assert!(!a_merge(planted, true));
    }
}

#[test]
fn no_move_opens_a_no() {
    assert!(a_move(fold, false));
    for planted in [noes_stay_behind, linked_for_ever] as [Fold; 2] {
        assert!(!a_move(planted, true));
    }
}

/// What [`brings_back`] allows, by example: the yes was newer than the no and lifted it; that its user id was left for
/// another one shut it again, and the person's own act opens it.
#[test]
fn a_renewal_brings_back_only_what_a_newer_yes_had_opened() {
    let told = |kind, at_ms, side| Event {
        id: EventId(0),
        version: 0,
        kind,
        scope: Scope::Category(Category::Marketing),
        at_ms,
        strength: Strength::Evidenced,
        in_thread: false,
        side,
        spelling: Spelling::Mobile,
    };
    let sides = vec![
        Side::FIRST,
        Side {
            linked_at_ms: 2,
            left_at_ms: None,
            carried_at_ms: Some(10),
        },
    ];
    let refused = |events: &[Event]| {
        let history = in_order(events.to_vec(), sides.clone());
        is_refused(
            &fold(&history, Spelling::Mobile),
            &Scope::Category(Category::Marketing),
        )
    };
    let no = told(EventKind::Withdrawn, 3, 0);
    let newer = told(EventKind::Granted, 5, 1);
    let older = told(EventKind::Granted, 3, 1);
    let renewal = told(EventKind::Reconfirmed, 12, 0);
    assert!(refused(&[no.clone(), newer.clone()]));
    assert!(!refused(&[no.clone(), newer, renewal.clone()]));
    assert!(refused(&[no.clone(), older, renewal.clone()]));
    assert!(refused(&[no, renewal]));
}
