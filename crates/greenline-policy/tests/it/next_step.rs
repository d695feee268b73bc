//! The one next step over all blockers together, case by case and over every pair.

use greenline_policy::decide::{Decision, Reason, Verdict};
use greenline_policy::next_step::{NextStep, next_step};
use greenline_policy::rule::{Rule, Severity};

const HOUR: i64 = 60 * 60 * 1_000;

fn reason(rule: Rule, until_ms: Option<i64>) -> Reason {
    Reason {
        rule,
        event: None,
        until_ms,
    }
}

fn refused(reasons: &[(Rule, Option<i64>)]) -> Option<NextStep> {
    next_step(&Decision {
        verdict: Verdict::Refuse,
        reasons: reasons
            .iter()
            .map(|(rule, until_ms)| reason(*rule, *until_ms))
            .collect(),
        own: Vec::new(),
    })
}

fn blockers() -> impl Iterator<Item = Rule> {
    Rule::ALL
        .iter()
        .copied()
        .filter(|rule| rule.card().severity != Severity::Note)
}

/// What blocks, what is to be done first, until when, and what is left.
struct Case {
    blocks: &'static [(Rule, Option<i64>)],
    first: Rule,
    until_ms: Option<i64>,
    then: &'static [Rule],
}

const fn case(
    blocks: &'static [(Rule, Option<i64>)],
    first: Rule,
    until_ms: Option<i64>,
    then: &'static [Rule],
) -> Case {
    Case {
        blocks,
        first,
        until_ms,
        then,
    }
}

const CASES: &[Case] = &[
    // A no comes before everything: nothing else is worth doing.
    case(
        &[
            (Rule::OptedOut, None),
            (Rule::AskOnlyWayOut, None),
            (Rule::TemplatePaused, None),
        ],
        Rule::OptedOut,
        None,
        &[Rule::AskOnlyWayOut, Rule::TemplatePaused],
    ),
    case(
        &[(Rule::NativeStop, None), (Rule::ConsentMissing, None)],
        Rule::NativeStop,
        None,
        &[Rule::ConsentMissing],
    ),
    case(
        &[(Rule::OptedOut, None), (Rule::NumberBanned, None)],
        Rule::OptedOut,
        None,
        &[Rule::NumberBanned],
    ),
    // One message of the person's ends the stop in the thread and opens the window.
    case(
        &[
            (Rule::ThreadStopped, None),
            (Rule::WindowClosed, None),
            (Rule::ConsentMissing, None),
        ],
        Rule::ThreadStopped,
        None,
        &[],
    ),
    // To somebody without an opt-in, outside the window: let them write.
    case(
        &[(Rule::WindowClosed, None), (Rule::ConsentMissing, None)],
        Rule::WindowClosed,
        None,
        &[],
    ),
    case(&[(Rule::WindowClosed, None)], Rule::WindowClosed, None, &[]),
    // A banned number first: no opt-in makes it send.
    case(
        &[(Rule::ConsentMissing, None), (Rule::NumberBanned, None)],
        Rule::NumberBanned,
        None,
        &[Rule::ConsentMissing],
    ),
    // Nobody is asked for an opt-in while there is no way out.
    case(
        &[
            (Rule::AskFirstContact, None),
            (Rule::ConsentMissing, None),
            (Rule::AskOnlyWayOut, None),
        ],
        Rule::AskOnlyWayOut,
        None,
        &[Rule::ConsentMissing, Rule::AskFirstContact],
    ),
    // One opt-in ends both.
    case(
        &[(Rule::AskFirstContact, None), (Rule::ConsentMissing, None)],
        Rule::ConsentMissing,
        None,
        &[],
    ),
    // Of two addressees, the cheaper act first.
    case(
        &[(Rule::ConsentMissing, None), (Rule::ConsentClaimed, None)],
        Rule::ConsentClaimed,
        None,
        &[],
    ),
    case(
        &[(Rule::ConsentExpired, None), (Rule::TemplateDisabled, None)],
        Rule::ConsentExpired,
        None,
        &[Rule::TemplateDisabled],
    ),
    case(
        &[(Rule::CallPermission, None), (Rule::ConsentMissing, None)],
        Rule::ConsentMissing,
        None,
        &[Rule::CallPermission],
    ),
    // An opt-in is asked for while a pause runs, not after it.
    case(
        &[
            (Rule::ConsentMissing, None),
            (Rule::NumberRestricted, Some(3 * HOUR)),
        ],
        Rule::ConsentMissing,
        None,
        &[Rule::NumberRestricted],
    ),
    // Where there is only waiting, it is until the last of them has passed.
    case(
        &[
            (Rule::NumberRestricted, Some(3 * HOUR)),
            (Rule::SendUnsettled, Some(HOUR)),
        ],
        Rule::NumberRestricted,
        Some(3 * HOUR),
        &[],
    ),
    case(
        &[
            (Rule::NumberRestricted, Some(HOUR)),
            (Rule::NumberRestricted, Some(2 * HOUR)),
        ],
        Rule::NumberRestricted,
        Some(2 * HOUR),
        &[],
    ),
    // One without a known end decides how long that is.
    case(
        &[
            (Rule::NumberRestricted, Some(3 * HOUR)),
            (Rule::TemplatePaused, None),
        ],
        Rule::TemplatePaused,
        None,
        &[],
    ),
    // A closed country is left alone, but a no of the person's own is named before it.
    case(
        &[(Rule::CountryClosed, None), (Rule::OptedOut, None)],
        Rule::OptedOut,
        None,
        &[Rule::CountryClosed],
    ),
    case(
        &[
            (Rule::CountryUsMarketing, None),
            (Rule::ConsentMissing, None),
            (Rule::QuietHours, Some(HOUR)),
        ],
        Rule::CountryUsMarketing,
        None,
        &[Rule::ConsentMissing, Rule::QuietHours],
    ),
    // Night and a pause pass together.
    case(
        &[
            (Rule::QuietHours, Some(8 * HOUR)),
            (Rule::NumberRestricted, Some(HOUR)),
        ],
        Rule::QuietHours,
        Some(8 * HOUR),
        &[],
    ),
    // The form of the message is changed when it may go, not before.
    case(
        &[(Rule::WindowClosed, None), (Rule::LimitReached, None)],
        Rule::LimitReached,
        None,
        &[Rule::WindowClosed],
    ),
];

#[test]
fn the_step_that_must_come_first_is_named() {
    for case in CASES {
        let step = refused(case.blocks).expect("a step");
        let expected = (case.first, case.until_ms, case.then);
        let said = (step.rule, step.until_ms, step.then.as_slice());
        assert_eq!(said, expected, "{:?}", case.blocks);
    }
}

#[test]
fn nothing_is_to_be_done_when_it_may_go() {
    let allowed = Decision {
        verdict: Verdict::Allow,
        reasons: vec![reason(Rule::Covered, None)],
        own: Vec::new(),
    };
    assert_eq!(next_step(&allowed), None);
}

#[test]
fn notes_are_no_blockers() {
    let step = refused(&[(Rule::TemplateUnknown, None), (Rule::ConsentMissing, None)]);
    let step = step.expect("a step");
    assert_eq!((step.rule, step.then), (Rule::ConsentMissing, Vec::new()));
}

/// Any two blockers, in either order, with and without an end.
#[test]
fn every_pair_has_one_step_whatever_the_order() {
    for one in blockers() {
        for other in blockers() {
            for until_ms in [None, Some(HOUR)] {
                let there = refused(&[(one, until_ms), (other, None)]).expect("a step");
                let back = refused(&[(other, None), (one, until_ms)]).expect("a step");
                assert_eq!(there, back, "{} and {}", one.id(), other.id());
                assert!([one, other].contains(&there.rule), "{there:?}");
                assert!(!there.then.contains(&there.rule), "{there:?}");
                assert!(!there.text.is_empty(), "{there:?}");
                let is_wait = there.rule.card().severity == Severity::Passing;
                assert!(is_wait || there.until_ms.is_none(), "{there:?}");
            }
        }
    }
}

/// While a no stands, no step is about anything but leaving the person alone.
#[test]
fn a_no_is_never_worked_around() {
    for no in [Rule::OptedOut, Rule::NativeStop] {
        for other in blockers() {
            let step = refused(&[(no, None), (other, None)]).expect("a step");
            let leaves_alone = step.rule == no
                || matches!(step.rule, Rule::OptedOut | Rule::NativeStop)
                || step.rule.card().severity == Severity::Permanent && step.rule < no;
            assert!(leaves_alone, "{} and {}: {step:?}", no.id(), other.id());
        }
    }
}

/// Law 10: no remedy tells to get round a refusal.
#[test]
fn no_step_suggests_another_category_or_number() {
    let ways_round = [
        "another number",
        "other number",
        "different number",
        "another category",
        "other category",
        "different category",
        "as utility",
        "as a utility",
        "as marketing",
        "relabel",
    ];
    for one in blockers() {
        for other in blockers() {
            let step = refused(&[(one, None), (other, None)]).expect("a step");
            let text = step.text.to_lowercase();
            for way in ways_round {
                assert!(!text.contains(way), "{}: {}", step.rule.id(), step.text);
            }
            // The person's own new number is no way round.
            let theirs = step.rule == Rule::ConsentUnconfirmed;
            assert!(theirs || !text.contains("new number"), "{}", step.text);
        }
    }
}
