//! The fine print of consent, row by row.

use greenline_policy::consent::{
    AHEAD_MAX_MS, Event, EventId, EventKind, Head, History, RAN_OUT_HERE, Side, Standing, Strength,
    TooFarAhead, act_time, fold,
};
use greenline_policy::evidence::{Evidence, Method, strength};
use greenline_policy::identity::Spelling;
use greenline_policy::scope::Scope;

/// A history written as `time kind scope [flags]` lines.
fn history(text: &str) -> History {
    let mut history = History {
        events: Vec::new(),
        sides: vec![Side::FIRST],
    };
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let at_ms = words
            .next()
            .and_then(|word| word.parse().ok())
            .expect("a time");
        let kind = EventKind::parse(words.next().expect("a kind")).expect("a known kind");
        let scope = Scope::parse(words.next().expect("a scope")).expect("a known scope");
        let mut event = Event {
            id: EventId(history.events.len() as u64 + 1),
            version: u32::try_from(history.events.len()).unwrap(),
            kind,
            scope,
            at_ms,
            strength: Strength::Evidenced,
            in_thread: false,
            side: 0,
            spelling: Spelling::Mobile,
        };
        for flag in words {
            match flag {
                "imported" => event.strength = Strength::Imported,
                "claimed" | "clock" => event.strength = Strength::Claimed,
                // Of an end: a yes to something wider had run out for this.
                "here" => event.strength = RAN_OUT_HERE,
                "thread" => event.in_thread = true,
                "landline" => event.spelling = Spelling::MaybeLandline,
                "side1" => event.side = 1,
                other => panic!("unknown flag {other}"),
            }
        }
        history.events.push(event);
    }
    history
}

fn word(head: &Head, scope: &str) -> &'static str {
    match head.standing(&Scope::parse(scope).unwrap()) {
        Standing::Unknown => "unknown",
        Standing::Refused { .. } => "refused",
        Standing::Covered { .. } => "covered",
        Standing::Claimed { .. } => "claimed",
        Standing::Unconfirmed { .. } => "unconfirmed",
        Standing::Expired { .. } => "expired",
    }
}

#[track_caller]
fn check_history(history: &History, expected: &[(&str, &str)]) {
    let head = fold(history, Spelling::Mobile);
    for (scope, standing) in expected {
        assert_eq!(word(&head, scope), *standing, "{scope} in {history:?}");
    }
}

#[track_caller]
fn check(text: &str, expected: &[(&str, &str)]) {
    check_history(&history(text), expected);
}

#[test]
fn a_yes_covers_what_lies_below_it() {
    check(
        "1 granted all",
        &[
            ("all", "covered"),
            ("marketing", "covered"),
            ("marketing.offers", "covered"),
        ],
    );
    check(
        "1 granted marketing",
        &[
            ("marketing.offers", "covered"),
            ("utility", "unknown"),
            ("all", "unknown"),
        ],
    );
    check(
        "1 granted marketing.offers",
        &[
            ("marketing.offers", "covered"),
            ("marketing", "unknown"),
            ("marketing.news", "unknown"),
        ],
    );
}

#[test]
fn a_no_closes_what_lies_below_it_and_only_a_yes_by_name_reopens() {
    check(
        "1 granted all\n2 withdrawn marketing",
        &[
            ("marketing", "refused"),
            ("marketing.offers", "refused"),
            ("utility", "covered"),
        ],
    );
    check(
        "1 withdrawn all\n2 granted marketing.offers",
        &[
            ("marketing.offers", "covered"),
            ("marketing", "refused"),
            ("utility", "refused"),
        ],
    );
    check(
        "1 granted marketing\n2 withdrawn marketing.offers\n3 granted marketing",
        &[
            ("marketing", "covered"),
            ("marketing.offers", "refused"),
            ("marketing.news", "covered"),
        ],
    );
    check(
        "1 withdrawn marketing\n2 withdrawn utility\n3 granted all",
        &[("marketing", "refused"), ("authentication", "covered")],
    );
    check(
        "1 withdrawn marketing.offers\n2 granted marketing.offers",
        &[("marketing.offers", "covered")],
    );
}

#[test]
fn at_the_same_instant_the_no_wins() {
    check(
        "1 withdrawn marketing\n1 granted marketing",
        &[("marketing", "refused")],
    );
    check(
        "1 granted marketing\n1 withdrawn marketing",
        &[("marketing", "refused")],
    );
}

#[test]
fn order_of_arrival_does_not_matter() {
    check(
        "5 granted marketing\n3 withdrawn marketing",
        &[("marketing", "covered")],
    );
    check(
        "5 withdrawn marketing\n3 granted marketing",
        &[("marketing", "refused")],
    );
}

#[test]
fn imports_cover_and_never_reopen() {
    check("1 granted marketing imported", &[("marketing", "covered")]);
    check(
        "1 withdrawn marketing\n9 granted marketing imported",
        &[("marketing", "refused")],
    );
    check(
        "1 withdrawn marketing\n5 granted marketing\n9 granted marketing imported",
        &[("marketing", "covered")],
    );
}

#[test]
fn a_claimed_yes_covers_nothing_and_displaces_nothing() {
    check("1 granted marketing claimed", &[("marketing", "claimed")]);
    check(
        "1 granted marketing\n2 granted marketing claimed",
        &[("marketing", "covered")],
    );
    check(
        "1 withdrawn marketing\n2 granted marketing claimed",
        &[("marketing", "refused")],
    );
}

#[test]
fn expiry_is_the_absence_of_a_yes() {
    check(
        "1 granted marketing\n5 expired marketing",
        &[("marketing", "expired")],
    );
    check(
        "1 granted marketing\n3 reconfirmed marketing\n2 expired marketing",
        &[("marketing", "expired")],
    );
    check(
        "1 withdrawn marketing\n2 granted marketing\n3 expired marketing\n4 reconfirmed marketing",
        &[("marketing", "expired")],
    );
    check("1 reconfirmed marketing", &[("marketing", "unknown")]);
    check(
        "1 withdrawn marketing\n2 reconfirmed marketing",
        &[("marketing", "refused")],
    );
    check(
        "1 granted marketing\n5 expired marketing\n6 granted marketing",
        &[("marketing", "covered")],
    );
}

#[test]
fn a_renewal_moves_the_date_of_a_yes() {
    let head = fold(
        &history("1 granted marketing\n7 reconfirmed marketing"),
        Spelling::Mobile,
    );
    assert!(matches!(
        head.standing(&Scope::parse("marketing").unwrap()),
        Standing::Covered {
            at_ms: 7,
            event: EventId(1),
            ..
        }
    ));
}

#[test]
fn a_yes_to_everything_runs_out_for_each_kind_by_itself() {
    // By somebody's word.
    check(
        "1 granted all\n5 expired marketing\n7 reconfirmed all",
        &[
            ("marketing", "expired"),
            ("marketing.offers", "expired"),
            ("utility", "covered"),
            ("all", "covered"),
        ],
    );
    // By the clock: a later renewal of everything brings nothing back.
    check(
        "1 granted all\n5 expired marketing here\n7 reconfirmed all",
        &[
            ("marketing", "expired"),
            ("marketing.offers", "expired"),
            ("utility", "covered"),
            ("all", "covered"),
        ],
    );
    check(
        "1 granted marketing\n5 expired marketing.offers here\n7 reconfirmed marketing",
        &[
            ("marketing.offers", "expired"),
            ("marketing.news", "covered"),
        ],
    );
    // A renewal in time was none too late.
    check(
        "1 granted all\n4 reconfirmed all\n9 expired marketing here",
        &[("marketing", "expired"), ("utility", "covered")],
    );
    // The person's own newer yes, to it or to everything, opens it again.
    for newer in [
        "6 granted marketing",
        "6 granted all",
        "6 granted all\n7 reconfirmed all",
    ] {
        check(
            &format!("1 granted all\n5 expired marketing here\n{newer}"),
            &[("marketing", "covered")],
        );
    }
}

#[test]
fn the_clock_ends_one_yes_and_no_other() {
    // A yes to marketing by itself has its own time.
    let given_by_itself =
        "1 granted all\n3 granted marketing\n5 expired marketing here\n7 reconfirmed all";
    check(
        given_by_itself,
        &[("marketing", "covered"), ("utility", "covered")],
    );
    let head = fold(&history(given_by_itself), Spelling::Mobile);
    let covered_since = |scope: &str| match head.standing(&Scope::parse(scope).unwrap()) {
        Standing::Covered { at_ms, .. } => at_ms,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        covered_since("marketing"),
        3,
        "not renewed by the other one"
    );
    assert_eq!(covered_since("utility"), 7);
    check(
        "1 granted all\n3 granted marketing\n5 expired all clock\n7 reconfirmed all",
        &[
            ("all", "expired"),
            ("utility", "expired"),
            ("marketing", "covered"),
        ],
    );
    check(
        "1 granted all\n3 granted marketing\n5 expired marketing clock",
        &[("marketing", "covered"), ("utility", "covered")],
    );
    // What somebody says is over is over, whatever it rested on.
    check(
        "1 granted all\n3 granted marketing\n5 expired all",
        &[("marketing", "expired"), ("utility", "expired")],
    );
    check(
        "1 granted marketing landline\n1 granted marketing\n5 expired marketing clock landline",
        &[("marketing", "covered")],
    );
}

#[test]
fn a_renewal_renews_what_it_was_known_to_be_about() {
    let since = |history: &History| match fold(history, Spelling::Mobile)
        .standing(&Scope::parse("marketing").unwrap())
    {
        Standing::Covered { at_ms, .. } => Some(at_ms),
        _ => None,
    };
    // Under another identifier, before and after the two were known to be one person.
    let mut linked = history("1 granted marketing\n5 reconfirmed marketing side1");
    linked.sides.push(Side {
        linked_at_ms: 6,
        ..Side::FIRST
    });
    assert_eq!(since(&linked), Some(1));
    linked.sides[1].linked_at_ms = 4;
    assert_eq!(since(&linked), Some(5));
    // In another spelling, which may be somebody else's line.
    assert_eq!(
        since(&history(
            "1 granted marketing\n5 reconfirmed marketing landline"
        )),
        Some(1)
    );
    // Writing from a new number confirms the yes and does not make it younger.
    let mut moved = history("1 granted marketing side1\n12 reconfirmed marketing thread");
    moved.sides.push(Side {
        linked_at_ms: 10,
        carried_at_ms: Some(10),
        ..Side::FIRST
    });
    assert_eq!(since(&moved), Some(1));
}

#[test]
fn of_an_erased_yes_nothing_stays() {
    let erased = |text: &str, left_ms: i64| {
        let mut history = history(text);
        history.sides[0].left_at_ms = Some(left_ms);
        history
    };
    for text in [
        "1 granted marketing\n5 erased all",
        "1 granted marketing claimed\n5 erased all",
        "1 granted marketing\n3 expired marketing\n5 erased all",
        "5 granted marketing imported\n5 erased all",
    ] {
        check_history(&erased(text, 5), &[("marketing", "unknown")]);
    }
    check_history(
        &erased(
            "1 granted marketing\n2 withdrawn utility\n5 erased all\n6 granted marketing",
            5,
        ),
        &[("marketing", "covered"), ("utility", "refused")],
    );
    // Whoever moved and was erased afterwards.
    let mut moved = history("1 granted marketing side1\n12 erased all\n14 reconfirmed marketing");
    moved.sides.push(Side {
        linked_at_ms: 10,
        carried_at_ms: Some(10),
        ..Side::FIRST
    });
    check_history(&moved, &[("marketing", "unknown")]);
}

#[test]
fn the_native_switch_is_a_fact_of_its_own() {
    let stopped = |text: &str| fold(&history(text), Spelling::Mobile).native_stop.is_some();
    assert!(stopped("1 native_stopped marketing"));
    assert!(!stopped(
        "1 native_stopped marketing\n2 native_resumed marketing"
    ));
    assert!(stopped(
        "2 native_stopped marketing\n1 native_resumed marketing"
    ));
    assert!(stopped(
        "1 native_stopped marketing\n1 native_resumed marketing"
    ));
    assert!(stopped("1 native_stopped marketing\n9 granted marketing"));
    check(
        "1 withdrawn marketing\n2 native_resumed marketing",
        &[("marketing", "refused")],
    );
}

#[test]
fn a_stop_in_the_thread_closes_free_form_and_a_form_does_not_open_it() {
    let closed = |text: &str| {
        fold(&history(text), Spelling::Mobile)
            .freeform_closed
            .map(|(_, at_ms)| at_ms)
    };
    assert_eq!(closed("3 withdrawn marketing thread"), Some(3));
    assert_eq!(closed("3 withdrawn all"), Some(3));
    assert_eq!(closed("3 withdrawn marketing"), None);
    assert_eq!(closed("3 native_stopped marketing"), None);
    assert_eq!(
        closed("3 withdrawn marketing thread\n4 granted all"),
        Some(3)
    );
}

#[test]
fn spellings_that_may_be_a_landline_share_noes_only() {
    let history = history(
        "1 granted marketing landline\n2 granted utility\n3 withdrawn authentication landline",
    );
    let head = |spelling| fold(&history, spelling);
    assert_eq!(word(&head(Spelling::Mobile), "marketing"), "unknown");
    assert_eq!(word(&head(Spelling::MaybeLandline), "marketing"), "covered");
    assert_eq!(word(&head(Spelling::MaybeLandline), "utility"), "unknown");
    assert_eq!(word(&head(Spelling::Mobile), "authentication"), "refused");
}

#[test]
fn linked_identifiers_lift_only_after_the_link() {
    let mut two = history("1 withdrawn marketing\n5 granted marketing side1");
    two.sides.push(Side {
        linked_at_ms: 3,
        ..Side::FIRST
    });
    check_history(&two, &[("marketing", "covered")]);
    two.sides[1].linked_at_ms = 5;
    check_history(&two, &[("marketing", "refused")]);
}

#[test]
fn a_move_carries_noes_and_leaves_yeses_unconfirmed() {
    let carried = Side {
        linked_at_ms: 10,
        carried_at_ms: Some(10),
        ..Side::FIRST
    };
    let mut new = history("1 granted marketing side1\n2 withdrawn utility side1");
    new.sides.push(carried);
    check_history(
        &new,
        &[("marketing", "unconfirmed"), ("utility", "refused")],
    );
    let mut confirmed = history("1 granted marketing side1\n12 reconfirmed marketing");
    confirmed.sides.push(carried);
    check_history(&confirmed, &[("marketing", "covered")]);
    let mut stranger = history("12 granted marketing side1\n13 withdrawn utility side1");
    stranger.sides.push(carried);
    check_history(
        &stranger,
        &[("marketing", "unknown"), ("utility", "refused")],
    );
    let mut old = history("1 granted marketing\n2 withdrawn utility");
    old.sides[0].left_at_ms = Some(10);
    check_history(
        &old,
        &[("marketing", "unconfirmed"), ("utility", "refused")],
    );
}

#[test]
fn times_are_taken_on_the_strict_side() {
    use EventKind::{Granted, NativeStopped, Withdrawn};
    let rows = [
        (Granted, 5_000, true, 9_000, Ok(5_000)),
        (Withdrawn, 5_000, true, 9_000, Ok(5_999)),
        (NativeStopped, 5_000, true, 9_000, Ok(5_999)),
        (Granted, 5_250, false, 9_000, Ok(5_250)),
        (Granted, 10_000, false, 9_000, Ok(9_000)),
        (Withdrawn, 99_000_000, false, 9_000, Ok(9_000)),
        (Granted, 9_000 + AHEAD_MAX_MS, false, 9_000, Ok(9_000)),
        (
            Granted,
            9_001 + AHEAD_MAX_MS,
            false,
            9_000,
            Err(TooFarAhead),
        ),
    ];
    for (kind, stated, whole, arrival, expected) in rows {
        assert_eq!(
            act_time(kind, stated, whole, arrival),
            expected,
            "{kind:?} {stated}"
        );
    }
}

#[test]
fn evidence_decides_how_strong_a_yes_is() {
    let full = Evidence {
        method: Some(Method::WebsiteForm),
        wording: "Yes, send me offers",
        wording_version: "",
        business_name: "acme  GmbH",
    };
    let names = ["Acme GmbH", "Old Acme"];
    assert_eq!(strength(&full, &names, false), Strength::Evidenced);
    assert_eq!(strength(&full, &names, true), Strength::Imported);
    assert_eq!(
        strength(
            &Evidence {
                method: Some(Method::ImportAttested),
                ..full
            },
            &names,
            false
        ),
        Strength::Imported
    );
    assert_eq!(
        strength(
            &Evidence {
                business_name: "OLD acme",
                ..full
            },
            &names,
            false
        ),
        Strength::Evidenced
    );
    assert_eq!(
        strength(
            &Evidence {
                wording: "",
                wording_version: "v3",
                ..full
            },
            &names,
            false
        ),
        Strength::Evidenced
    );
    for lacking in [
        Evidence {
            method: None,
            ..full
        },
        Evidence {
            wording: " ",
            ..full
        },
        Evidence {
            business_name: "",
            ..full
        },
        Evidence {
            business_name: "Someone Else",
            ..full
        },
    ] {
        assert_eq!(
            strength(&lacking, &names, false),
            Strength::Claimed,
            "{lacking:?}"
        );
    }
}

#[test]
fn an_undone_import_leaves_what_stood_before() {
    // The second yes came by file and is taken back: the first one covers again.
    check(
        "1 granted marketing\n5 granted marketing imported\n5 expired marketing imported",
        &[("marketing", "covered")],
    );
    check(
        "5 granted marketing imported\n5 expired marketing imported",
        &[("marketing", "unknown")],
    );
    check(
        "5 granted marketing claimed\n5 expired marketing imported",
        &[("marketing", "unknown")],
    );
    // What the person gave, a no, and a yes of another moment or scope stay.
    check(
        "5 granted marketing\n5 expired marketing imported",
        &[("marketing", "covered")],
    );
    check(
        "4 granted marketing imported\n5 expired marketing imported",
        &[("marketing", "covered")],
    );
    check(
        "5 granted all imported\n5 expired marketing imported",
        &[("marketing", "covered")],
    );
    check(
        "5 withdrawn marketing\n5 expired marketing imported",
        &[("marketing", "refused")],
    );
    // The same file again, after it was undone.
    check(
        "5 granted marketing imported\n5 expired marketing imported\n5 granted marketing imported",
        &[("marketing", "covered")],
    );
}
