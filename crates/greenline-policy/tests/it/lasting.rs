//! How long a yes lasts, and what it has come to by then (A17).

use greenline_policy::consent::{
    Event, EventId, EventKind, Head, History, Side, Standing, Strength, fold,
};
use greenline_policy::identity::Spelling;
use greenline_policy::lasting::YesLasts;
use greenline_policy::scope::{Category, Scope};

const DAY_MS: i64 = 86_400_000;

fn history(events: &[(EventKind, &str, i64)]) -> History {
    let event = |(at, (kind, scope, day)): (usize, &(EventKind, &str, i64))| Event {
        id: EventId(at as u64 + 1),
        version: at as u32,
        kind: *kind,
        scope: Scope::parse(scope).unwrap(),
        at_ms: day * DAY_MS,
        strength: Strength::Evidenced,
        in_thread: false,
        side: 0,
        spelling: Spelling::Mobile,
    };
    History {
        events: events.iter().enumerate().map(event).collect(),
        sides: vec![Side::FIRST],
    }
}

fn head(events: &[(EventKind, &str, i64)]) -> Head {
    fold(&history(events), Spelling::Mobile)
}

/// Marketing for ten days, everything else for ever.
fn ten_days() -> YesLasts {
    YesLasts::FOR_EVER.with(Category::Marketing, 10)
}

fn is_covered(head: &Head, scope: &str, day: i64) -> bool {
    let scope = Scope::parse(scope).unwrap();
    let aged = ten_days().aged_head(head, day * DAY_MS).standing(&scope);
    let one = ten_days().aged(head.standing(&scope), &scope, day * DAY_MS);
    assert_eq!(aged, one, "{scope}");
    matches!(one, Standing::Covered { .. })
}

#[test]
fn a_yes_runs_out_to_the_day_and_for_its_kind_only() {
    let head = head(&[(EventKind::Granted, "all", 1)]);
    assert!(is_covered(&head, "marketing", 10));
    assert!(!is_covered(&head, "marketing", 11));
    assert!(is_covered(&head, "utility", 9_999));
    assert!(is_covered(&head, "all", 9_999));
    assert_eq!(ten_days().end_ms(&Scope::All, 0), None);
    assert!(ten_days().covers_anything(&head, 9_999 * DAY_MS));
    let all = YesLasts::from_days([10, 20, 5, 7]);
    assert_eq!(all.end_ms(&Scope::All, 0), Some(20 * DAY_MS));
    assert!(!all.covers_anything(&head, 21 * DAY_MS));
}

#[test]
fn what_has_run_out_is_no_no() {
    let head = head(&[(EventKind::Granted, "marketing", 1)]);
    let scope = Scope::Category(Category::Marketing);
    assert_eq!(
        ten_days().aged(head.standing(&scope), &scope, 100 * DAY_MS),
        Standing::Expired { event: EventId(1) }
    );
    let refused = self::head(&[
        (EventKind::Granted, "marketing", 1),
        (EventKind::Refused, "marketing", 2),
    ]);
    assert!(matches!(
        ten_days().aged(refused.standing(&scope), &scope, 100 * DAY_MS),
        Standing::Refused { .. }
    ));
}

#[test]
fn a_renewal_counts_from_its_own_day_even_of_an_older_yes() {
    let renewed = head(&[
        (EventKind::Granted, "marketing", 1),
        (EventKind::Reconfirmed, "marketing", 9),
    ]);
    assert!(is_covered(&renewed, "marketing", 18));
    assert!(!is_covered(&renewed, "marketing", 19));
    // A yes to everything is renewed after a yes to marketing was given: the longer one counts.
    let both = head(&[
        (EventKind::Granted, "all", 1),
        (EventKind::Granted, "marketing", 2),
        (EventKind::Reconfirmed, "all", 9),
    ]);
    assert!(is_covered(&both, "marketing", 18));
}

#[test]
fn a_renewal_after_the_end_that_is_on_record_renews_nothing() {
    let late = head(&[
        (EventKind::Granted, "marketing", 1),
        (EventKind::Expired, "marketing", 11),
        (EventKind::Reconfirmed, "marketing", 12),
    ]);
    assert!(!is_covered(&late, "marketing", 12));
}
