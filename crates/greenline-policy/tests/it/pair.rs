//! How fast one number writes to one person, against the log of instants that the rule is about, read from its
//! beginning each time.

use greenline_policy::decide::{Intent, NumberFacts, PersonFacts};
use greenline_policy::pair::{BURST_MAX, EVERY_MS, PAID_WITHIN_MS, Pair, REFUSED_MS_MAX, Went};
use proptest::prelude::*;

const NOW: i64 = 1_796_000_000_000;

fn went(at_ms: i64) -> Went {
    Went {
        at_ms,
        refused_ms: None,
    }
}

fn refused(at_ms: i64) -> Went {
    Went {
        at_ms,
        refused_ms: Some(at_ms),
    }
}

fn until(messages: &[Went], now_ms: i64) -> Option<i64> {
    Pair::after(messages.iter().copied()).until_ms(now_ms)
}

/// When the next message may go: each takes six seconds, one after the other, from when it went or the one before it is
/// paid for. With 45 of them unpaid of those that followed each other nothing goes until the last is.
fn slow(instants: &[i64], now_ms: i64) -> Option<i64> {
    let mut owed: Vec<i64> = Vec::new();
    for at in instants.iter().copied() {
        match owed.last() {
            Some(paid) if at < *paid => owed.push(paid + 6_000),
            _ => owed = vec![at + 6_000],
        }
    }
    let paid = *owed.last()?;
    (owed.len() >= 45 && now_ms < paid).then_some(paid)
}

#[test]
fn one_message_is_paid_for_by_six_seconds() {
    let one = [went(NOW)];
    // Within them another one borrows.
    assert_eq!(until(&one, NOW + EVERY_MS - 1), None);
    assert_eq!(until(&one, NOW + EVERY_MS), None);
    let borrowed = [went(NOW), went(NOW + EVERY_MS - 1)];
    for at in [EVERY_MS - 1, EVERY_MS, 2 * EVERY_MS - 1, 2 * EVERY_MS] {
        assert_eq!(until(&borrowed, NOW + at), None, "{at}");
    }
    // One every six seconds goes on for ever.
    let steady: Vec<Went> = (0..200).map(|n| went(NOW + n * EVERY_MS)).collect();
    for n in 0..200 {
        assert_eq!(until(&steady[..n], NOW + n as i64 * EVERY_MS), None, "{n}");
    }
}

#[test]
fn a_burst_has_45_and_is_paid_for_in_full() {
    let burst: Vec<Went> = (0..45).map(|n| went(NOW + n)).collect();
    assert_eq!(until(&burst[..44], NOW + 44), None);
    let paid = NOW + 45 * EVERY_MS;
    assert_eq!(paid, NOW + PAID_WITHIN_MS);
    assert_eq!(until(&burst, NOW + 45), Some(paid));
    assert_eq!(until(&burst, paid - 1), Some(paid));
    assert_eq!(until(&burst, paid), None);
    // Then another burst may begin.
    let mut again = burst;
    again.extend((0..44).map(|n| went(paid + n)));
    assert_eq!(until(&again, paid + 44), None);
    again.push(went(paid + 44));
    assert_eq!(until(&again, paid + 45), Some(paid + PAID_WITHIN_MS));
}

#[test]
fn a_bot_that_says_three_things_at_a_time_is_not_kept_from_answering() {
    let mut messages = Vec::new();
    for turn in 0..7 {
        for n in 0..3 {
            let at = NOW + turn * 10_000 + n;
            assert_eq!(until(&messages, at), None, "{turn}");
            messages.push(went(at));
        }
    }
}

#[test]
fn whoever_borrows_all_the_time_waits_in_the_end() {
    // One a second, each before the one before is paid for.
    let trickle: Vec<Went> = (0..45).map(|n| went(NOW + n * 1_000)).collect();
    assert_eq!(until(&trickle[..44], NOW + 44_000), None);
    let paid = NOW + PAID_WITHIN_MS;
    assert_eq!(until(&trickle, NOW + 45_000), Some(paid));
    assert_eq!(until(&trickle, paid), None);
    // What is paid for in time owes nothing.
    let pauses: Vec<Went> = (0..45)
        .map(|n| went(NOW + n / 2 * 12_000 + n % 2))
        .collect();
    assert_eq!(until(&pauses, NOW + 264_003), None);
}

#[test]
fn what_went_though_it_was_too_fast_makes_nothing_wait_longer() {
    let mut observed: Vec<Went> = (0..60).map(|n| went(NOW + n)).collect();
    let paid = NOW + PAID_WITHIN_MS;
    assert_eq!(until(&observed, NOW + 60), Some(paid));
    observed.push(went(paid - 1));
    assert_eq!(until(&observed, paid - 1), Some(paid));
    assert_eq!(until(&observed, paid), None);
}

#[test]
fn each_refusal_in_a_row_makes_the_wait_four_times_as_long() {
    let mut messages = Vec::new();
    let mut at = NOW;
    for seconds in [4, 16, 64, 256, 1_024, 4_096, 4_096] {
        messages.push(refused(at));
        let end = at + seconds * 1_000;
        assert_eq!(until(&messages, end - 1), Some(end), "{seconds}");
        assert_eq!(until(&messages, end), None);
        at = end;
    }
    assert_eq!(REFUSED_MS_MAX, 4_096_000);
    // The platform took one: the next wait is short again.
    messages.push(went(at));
    assert_eq!(until(&messages, at + 1), None);
    messages.push(refused(at + 2));
    assert_eq!(until(&messages, at + 3), Some(at + 4_002));
}

#[test]
fn messages_refused_together_are_one_refusal() {
    let mut messages: Vec<Went> = (0..5).map(|n| refused(NOW + n)).collect();
    assert_eq!(until(&messages, NOW + 5), Some(NOW + 4_004));
    // One that was told of later counts from then.
    messages.push(Went {
        at_ms: NOW + 5,
        refused_ms: Some(NOW + 900),
    });
    assert_eq!(until(&messages, NOW + 1_000), Some(NOW + 4_900));
    messages.push(refused(NOW + 4_900));
    assert_eq!(until(&messages, NOW + 4_901), Some(NOW + 4_900 + 16_000));
}

#[test]
fn a_refused_message_took_nothing() {
    let mut messages: Vec<Went> = (0..44).map(|n| went(NOW + n)).collect();
    messages.push(refused(NOW + 44));
    // Four seconds for the refusal; the burst has room for one more.
    assert_eq!(until(&messages, NOW + 45), Some(NOW + 4_044));
    assert_eq!(until(&messages, NOW + 4_044), None);
}

#[test]
fn a_call_is_no_message_and_everything_else_is_one() {
    use greenline_policy::consent::Head;
    use greenline_policy::decide::{Facts, Rules, decide};
    use greenline_policy::pace::Pace;
    use greenline_policy::rule::Rule;
    let head = Head::default();
    for (left, is_too_fast) in [(-1, false), (0, false), (1, true)] {
        let person = PersonFacts {
            wrote_at_ms: Some(NOW),
            pace: Pace {
                paired_until_ms: Some(NOW + left),
                ..Pace::default()
            },
            ..PersonFacts::of(&head)
        };
        let facts = Facts {
            people: &[person],
            template: None,
            number: &NumberFacts::default(),
            portfolio: Default::default(),
        };
        for intent in [
            Intent::Template,
            Intent::FreeForm,
            Intent::Confirmation,
            Intent::Call,
        ] {
            let decision = decide(intent, &facts, &Rules::default(), NOW);
            let reason = decision.reasons.iter().find(|r| r.rule == Rule::PacePair);
            let expected = (is_too_fast && intent != Intent::Call).then_some(Some(NOW + left));
            assert_eq!(reason.map(|reason| reason.until_ms), expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::twin::cases(), ..ProptestConfig::default() })]

    /// Somebody tries at the worst moments; what is let go is never too fast, and nothing that may go is kept back.
    #[test]
    fn no_timing_gets_more_through(
        pauses in prop::collection::vec(
            prop_oneof![
                6 => Just(0_i64),
                3 => 1_i64..4,
                2 => prop::sample::select(vec![
                    EVERY_MS - 1, EVERY_MS, EVERY_MS + 1, EVERY_MS / 2, 2 * EVERY_MS - 1, 2 * EVERY_MS,
                    PAID_WITHIN_MS - 1, PAID_WITHIN_MS,
                ]),
                1 => 0_i64..30_000,
            ],
            1..300,
        ),
        back in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut instants: Vec<i64> = Vec::new();
        let mut kept: Vec<Went> = Vec::new();
        let mut now = NOW;
        for (n, pause) in pauses.iter().enumerate() {
            now += pause;
            let pair = Pair::after(kept.iter().copied());
            prop_assert_eq!(pair.until_ms(now), slow(&instants, now));
            // Only what still matters is kept, from the oldest on.
            while kept.first().is_some_and(|first| !pair.looks_at(*first, now)) {
                kept.remove(0);
            }
            prop_assert!(kept.len() <= usize::from(BURST_MAX));
            prop_assert_eq!(Pair::after(kept.iter().copied()).until_ms(now), slow(&instants, now));
            if pair.until_ms(now).is_none() {
                instants.push(now);
                kept.push(went(now));
            }
            // Now and then one turns out not to have gone.
            for at in back.iter().filter(|at| at.index(pauses.len()) == n) {
                if !kept.is_empty() {
                    let gone = kept.remove(at.index(kept.len()));
                    let at = instants.iter().rposition(|at| *at == gone.at_ms).unwrap();
                    instants.remove(at);
                }
            }
        }
        // Of any six seconds none has more than 45, and any longer time no more than it pays for and one burst.
        for (n, first) in instants.iter().enumerate() {
            let within = instants[n..].iter().take_while(|at| *at - first < EVERY_MS).count();
            prop_assert!(within <= usize::from(BURST_MAX));
            let hour = instants[n..].iter().take_while(|at| *at - first < 3_600_000).count();
            prop_assert!(hour <= 601 + usize::from(BURST_MAX));
        }
    }
}
