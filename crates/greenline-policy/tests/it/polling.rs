//! The plan of reads: against a twin that looks at every second, and what must hold of every plan.

use greenline_policy::polling::{
    Allowance, BACKOFF_MAX_MS, BACKOFF_MIN_MS, CALLS_PER_HOUR_MAX, Concern, GAP_MS, GRACE_MS,
    KEPT_FOR_URGENT, Past, Present, REST_MAX_MS, REST_MIN_MS, Whose, backoff_ms, due_ms, pause_ms,
    rest_ms, too_often,
};
use proptest::prelude::*;

const NOW: i64 = 1_796_000_000_000;
const SECOND: i64 = 1_000;
const USUAL: i64 = 300 * SECOND;
const HOUR: i64 = 3_600 * SECOND;

fn any_concern() -> impl Strategy<Value = Concern> {
    prop::sample::select(vec![Concern::Calm, Concern::Uneasy, Concern::Wrong])
}

fn any_past() -> impl Strategy<Value = Past> {
    let moment = || prop::option::weighted(0.8, -400_i64..=0);
    (moment(), 0_i64..200, 0_u32..4, moment()).prop_map(|(tried, before, failures, wanted)| Past {
        tried_ms: tried.map(|tried| NOW + tried * SECOND),
        read_ms: tried.map(|tried| NOW + (tried - if failures > 0 { before } else { 0 }) * SECOND),
        failures: if tried.is_some() { failures } else { 0 },
        wanted_ms: wanted.map(|wanted| NOW + wanted * SECOND),
    })
}

fn any_present() -> impl Strategy<Value = Present> {
    (any_concern(), prop::option::of(-500_i64..500)).prop_map(|(concern, ends)| Present {
        concern,
        ends_ms: ends.map(|ends| NOW + ends * SECOND),
    })
}

/// Whether a read is due at a moment, each reason a sentence of its own.
fn is_due(past: &Past, present: &Present, at_ms: i64) -> bool {
    let Some(tried) = past.tried_ms else {
        return true;
    };
    let waited = at_ms - tried;
    if past.failures > 0 {
        let mut pause = BACKOFF_MIN_MS;
        for _ in 1..past.failures {
            pause = (pause * 2).min(BACKOFF_MAX_MS);
        }
        return waited >= pause;
    }
    if waited < GAP_MS {
        return false;
    }
    let somebody_waits = past.wanted_ms.is_some_and(|wanted| wanted <= at_ms);
    let something_ended = present
        .ends_ms
        .is_some_and(|end| end + GRACE_MS > tried && end + GRACE_MS <= at_ms);
    let pause = match present.concern {
        Concern::Calm => USUAL,
        Concern::Uneasy => USUAL / 5,
        Concern::Wrong => 30 * SECOND,
    };
    somebody_waits || something_ended || waited >= pause
}

proptest! {
    /// Without the spread of chance it is the first second at which the twin finds a reason.
    #[test]
    fn a_read_is_due_when_there_is_a_reason((past, present) in (any_past(), any_present())) {
        // All of chance is no spread for failures, none of it for the rest.
        let chance = if past.failures > 0 { u16::MAX } else { 0 };
        let due = due_ms(USUAL, &past, &present, chance);
        let Some(tried) = past.tried_ms else {
            prop_assert!(due <= NOW);
            return Ok(());
        };
        let first = (0..).map(|second| tried + second * SECOND).find(|at| is_due(&past, &present, *at));
        prop_assert_eq!(Some(due), first);
    }

    /// Worse is never read later, and no chance, want or end makes a read follow another at once.
    #[test]
    fn worse_is_read_no_later(
        past in any_past(),
        ends_ms in prop::option::of(NOW - 500_000..NOW + 500_000),
        chance in any::<u16>(),
        usual in 1_i64..7_200,
    ) {
        let due = |concern| due_ms(usual * SECOND, &past, &Present { concern, ends_ms }, chance);
        let (calm, uneasy, wrong) = (due(Concern::Calm), due(Concern::Uneasy), due(Concern::Wrong));
        prop_assert!(wrong <= uneasy && uneasy <= calm);
        if let Some(tried) = past.tried_ms {
            prop_assert!(wrong >= tried + GAP_MS);
            if past.failures > 0 {
                prop_assert!(wrong >= tried + BACKOFF_MIN_MS / 2);
                prop_assert!(wrong <= tried + BACKOFF_MAX_MS);
            }
        }
        let mut eager = past;
        eager.want(NOW);
        let wanted = due_ms(usual * SECOND, &eager, &Present { concern: Concern::Calm, ends_ms }, chance);
        prop_assert!(wanted <= calm);
        if past.failures == 0 && past.tried_ms.is_some_and(|tried| tried < NOW) {
            prop_assert!(wanted <= NOW + GAP_MS);
        }
    }

    /// However often it is asked for: within no hour are there more calls than the bound, and some are left for what is
    /// urgent.
    #[test]
    fn an_hour_never_has_more_calls_than_it_may(
        steps in prop::collection::vec((0_i64..40, any::<bool>()), 1..400),
        most in 5_usize..60,
    ) {
        let mut allowance = Allowance::default();
        let mut made: Vec<(i64, bool)> = Vec::new();
        let mut now = NOW;
        for (pause, urgent) in steps {
            now += pause * SECOND;
            let free = allowance.free_ms(most, urgent, now);
            prop_assert!(free >= now);
            let within = made.iter().filter(|(at, _)| *at > now - HOUR).count();
            let room = if urgent { most } else { most - most / KEPT_FOR_URGENT };
            prop_assert_eq!(free == now, within < room);
            if free == now {
                allowance.made(now);
                made.push((now, urgent));
            }
        }
    }
}

#[test]
fn nothing_is_read_before_it_was_wanted_and_once_for_each_want() {
    let mut past = Past::default();
    past.tried(NOW, true);
    let calm = Present::default();
    assert_eq!(due_ms(USUAL, &past, &calm, 0), NOW + USUAL);
    past.want(NOW + 7 * SECOND);
    assert!(past.is_wanted());
    assert_eq!(due_ms(USUAL, &past, &calm, 0), NOW + 7 * SECOND);
    past.tried(NOW + 7 * SECOND, true);
    assert!(!past.is_wanted());
    assert_eq!(due_ms(USUAL, &past, &calm, 0), NOW + 7 * SECOND + USUAL);
    // Wanted twice, it is due when it was wanted first; wanted while it is read, once more.
    past.want(NOW + 20 * SECOND);
    past.want(NOW + 30 * SECOND);
    assert_eq!(due_ms(USUAL, &past, &calm, 0), NOW + 20 * SECOND);
    past.tried(NOW + 19 * SECOND, true);
    assert!(past.is_wanted());
}

#[test]
fn an_end_is_looked_at_once() {
    let mut past = Past::default();
    past.tried(NOW, true);
    let present = Present {
        concern: Concern::Calm,
        ends_ms: Some(NOW + 20 * SECOND),
    };
    let due = due_ms(USUAL, &past, &present, 0);
    assert_eq!(due, NOW + 20 * SECOND + GRACE_MS);
    past.tried(due, true);
    assert_eq!(due_ms(USUAL, &past, &present, 0), due + USUAL);
}

#[test]
fn failures_are_followed_by_ever_longer_pauses_that_chance_spreads() {
    let pauses: Vec<i64> = (1..15)
        .map(|failures| backoff_ms(failures, u16::MAX))
        .collect();
    assert_eq!(pauses.first(), Some(&BACKOFF_MIN_MS));
    assert_eq!(pauses.last(), Some(&BACKOFF_MAX_MS));
    assert!(pauses.is_sorted());
    assert_eq!(backoff_ms(3, 0) * 2, backoff_ms(3, u16::MAX));
    assert_eq!(backoff_ms(u32::MAX, u16::MAX), BACKOFF_MAX_MS);
    let mut past = Past::default();
    past.tried(NOW, true);
    past.tried(NOW + USUAL, false);
    past.want(NOW + USUAL + SECOND);
    let due = due_ms(USUAL, &past, &Present::default(), u16::MAX);
    assert_eq!(due, NOW + USUAL + BACKOFF_MIN_MS);
    past.tried(due, true);
    assert_eq!(past.failures, 0);
}

#[test]
fn a_short_usual_pause_is_never_made_longer() {
    for concern in [Concern::Calm, Concern::Uneasy, Concern::Wrong] {
        assert_eq!(pause_ms(SECOND, concern), SECOND);
    }
}

#[test]
fn an_account_rests_as_long_as_the_platform_asks_and_longer_each_time() {
    assert_eq!(too_often(4), Some(Whose::App));
    assert_eq!(too_often(80_007), Some(Whose::Account));
    assert_eq!(too_often(131_031), None);
    assert_eq!(rest_ms(1, None), REST_MIN_MS);
    assert_eq!(rest_ms(2, Some(1)), 2 * REST_MIN_MS);
    assert_eq!(rest_ms(1, Some(2 * HOUR)), 2 * HOUR);
    assert_eq!(rest_ms(u32::MAX, None), REST_MAX_MS);
    let mut allowance = Allowance::default();
    let free = |allowance: &Allowance, at| allowance.free_ms(CALLS_PER_HOUR_MAX, true, at);
    allowance.rest(None, NOW);
    allowance.rest(None, NOW + SECOND);
    let end = NOW + REST_MIN_MS;
    assert_eq!(free(&allowance, NOW + SECOND), end);
    // An answer to what was asked before changes nothing.
    allowance.answered(NOW - SECOND);
    assert_eq!(free(&allowance, NOW + SECOND), end);
    allowance.rest(None, end);
    assert_eq!(free(&allowance, end), end + 2 * REST_MIN_MS);
    let over = end + 2 * REST_MIN_MS;
    allowance.answered(over);
    allowance.rest(None, over + SECOND);
    assert_eq!(free(&allowance, over + SECOND), over + SECOND + REST_MIN_MS);
}
