//! What is kept for later instead of refused, and until when.

use greenline_policy::consent::{EventId, Head, Standing, Strength, fold};
use greenline_policy::country::Place;
use greenline_policy::decide::{
    Decision, Facts, Intent, NumberFacts, PersonFacts, Rules, TemplateFacts, TemplateStatus,
    Verdict, WINDOW_MS, decide,
};
use greenline_policy::hold::{Hold, HoldGroup};
use greenline_policy::identity::Spelling;
use greenline_policy::number::{NumberStatus, Restriction, RestrictionKind, SPAM_LIMIT_MS};
use greenline_policy::quiet::Quiet;
use greenline_policy::rule::{Rule, Severity};
use greenline_policy::scope::Category;
use proptest::prelude::*;

use crate::spec::may_go;
use crate::twin::{
    NOW, any_facts_number, any_history, any_moment, any_place, any_template, at_moment, cases,
};

const BOUND: i64 = NOW + 72 * 60 * 60 * 1_000;

/// A marketing template at night to somebody who agreed, from an app that holds for quiet hours.
struct Case {
    head: Head,
    quiet_until_ms: i64,
    template: TemplateFacts,
    number: NumberFacts,
    hold: Hold,
    people: usize,
    intent: Intent,
}

impl Default for Case {
    fn default() -> Self {
        let covered = Standing::Covered {
            event: EventId(7),
            at_ms: 0,
            strength: Strength::Evidenced,
        };
        Self {
            head: Head {
                base: [covered; 5],
                ..Head::default()
            },
            quiet_until_ms: NOW + 1_000,
            template: TemplateFacts {
                known: true,
                ..TemplateFacts::UNKNOWN
            },
            number: NumberFacts::default(),
            hold: Hold::of([HoldGroup::QuietHours], BOUND),
            people: 1,
            intent: Intent::Template,
        }
    }
}

impl Case {
    fn decide(&self) -> Decision {
        let ends = Category::ALL.map(|_| self.quiet_until_ms);
        let person = PersonFacts {
            place: Place {
                quiet: Quiet::from_ends_ms(ends),
                ..Place::default()
            },
            ..crate::facts(&self.head)
        };
        let people = vec![person; self.people];
        let facts = Facts {
            people: &people,
            template: Some(&self.template),
            number: &self.number,
            portfolio: Default::default(),
        };
        let rules = Rules {
            hold: self.hold,
            ..Rules::default()
        };
        decide(self.intent, &facts, &rules, NOW)
    }

    #[track_caller]
    fn is(&self, verdict: Verdict, until_ms: Option<i64>) {
        let decision = self.decide();
        assert_eq!(decision.verdict, verdict, "{decision:?}");
        assert_eq!(decision.held_until_ms(), until_ms, "{decision:?}");
    }
}

#[test]
fn only_early_is_held_until_the_end() {
    Case::default().is(Verdict::Hold, Some(NOW + 1_000));
    let passed = Case {
        quiet_until_ms: NOW,
        ..Case::default()
    };
    passed.is(Verdict::Allow, None);
}

#[test]
fn what_nobody_asked_to_hold_is_refused() {
    for hold in [
        Hold::NONE,
        Hold::of([HoldGroup::Limit, HoldGroup::Pacing], BOUND),
    ] {
        let case = Case {
            hold,
            ..Case::default()
        };
        case.is(Verdict::Refuse, None);
    }
}

#[test]
fn the_bound_is_the_last_moment_that_is_waited_for() {
    for (end, verdict) in [
        (BOUND - 1, Verdict::Hold),
        (BOUND, Verdict::Hold),
        (BOUND + 1, Verdict::Refuse),
        (i64::MAX, Verdict::Refuse),
    ] {
        let case = Case {
            quiet_until_ms: end,
            ..Case::default()
        };
        case.is(verdict, (verdict == Verdict::Hold).then_some(end));
    }
}

#[test]
fn anything_else_in_the_way_refuses() {
    let no = Case {
        head: {
            let mut head = Case::default().head;
            head.base = [Standing::Refused {
                event: EventId(9),
                at_ms: 1,
            }; 5];
            head
        },
        ..Case::default()
    };
    no.is(Verdict::Refuse, None);
    let unknown = Case {
        head: Head::default(),
        ..Case::default()
    };
    unknown.is(Verdict::Refuse, None);
    let paused = Case {
        template: TemplateFacts {
            known: true,
            status: TemplateStatus::Paused,
            ..TemplateFacts::UNKNOWN
        },
        ..Case::default()
    };
    paused.is(Verdict::Refuse, None);
    // It passes at a known time, but nobody may ask to wait for it.
    let restricted = Case {
        number: NumberFacts {
            restrictions: vec![Restriction {
                kind: RestrictionKind::BusinessInitiated,
                until_ms: Some(NOW + 5),
            }],
            ..NumberFacts::default()
        },
        ..Case::default()
    };
    restricted.is(Verdict::Refuse, None);
    // Nobody knows when it passes.
    let endless = Case {
        number: NumberFacts {
            status: NumberStatus::Restricted,
            ..NumberFacts::default()
        },
        hold: Hold::of(HoldGroup::ALL, BOUND),
        ..Case::default()
    };
    endless.is(Verdict::Refuse, None);
}

#[test]
fn only_a_template_to_one_person_that_asks_nothing_is_held() {
    let two = Case {
        people: 2,
        ..Case::default()
    };
    two.is(Verdict::Refuse, None);
    let ask = Case {
        template: TemplateFacts {
            known: true,
            is_ask: true,
            ..TemplateFacts::UNKNOWN
        },
        ..Case::default()
    };
    ask.is(Verdict::Refuse, None);
    let call = Case {
        intent: Intent::Call,
        ..Case::default()
    };
    call.is(Verdict::Refuse, None);
}

#[test]
fn what_can_be_waited_for_passes_by_itself() {
    for rule in Rule::ALL {
        let card = rule.card();
        assert!(
            card.hold.is_none() || card.severity == Severity::Passing,
            "{}",
            card.id
        );
    }
    assert_eq!(Rule::QuietHours.card().hold, Some(HoldGroup::QuietHours));
    for group in HoldGroup::ALL {
        assert_eq!(HoldGroup::parse(group.as_str()), Some(group));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// Held is what would go but for the night or a limit that ends by itself, and all of it ends in time.
    #[test]
    fn held_is_what_would_go_but_for_the_hour_and_limits(
        (history, wrote, place) in (any_history(), prop::option::of(-2 * WINDOW_MS..=0), any_place()),
        now in any_moment(),
        intent in prop::sample::select(vec![Intent::FreeForm, Intent::Template, Intent::Template, Intent::Call]),
        template in any_template(),
        number in any_facts_number(),
        bound in -3_i64..4,
        groups in prop::sample::subsequence(HoldGroup::ALL.to_vec(), 0..=3),
    ) {
        let mut history = history;
        for event in &mut history.events {
            event.at_ms += now - WINDOW_MS / 2;
        }
        let head = fold(&history, Spelling::Mobile);
        let place = at_moment(place, now);
        let wrote_at_ms = wrote.map(|ago| now + ago);
        let person = |place| PersonFacts { wrote_at_ms, place, ..crate::facts(&head) };
        let (here, by_day) = ([person(place)], [person(Place { quiet: Quiet::NONE, ..place })]);
        let facts = Facts { people: &here, template: Some(&template), number: &number, portfolio: Default::default() };
        // Two limits of a number end by themselves as the night does (N7, N9); whoever waits for limits waits for them.
        let mut bare = NumberFacts { spam_limited_ms: None, ..number.clone() };
        bare.restrictions.retain(|one| one.kind != RestrictionKind::UtilityLimit);
        let with_utility = NumberFacts { restrictions: number.restrictions.clone(), ..bare.clone() };
        let with_spam = NumberFacts { spam_limited_ms: number.spam_limited_ms, ..bare.clone() };
        let waited = |group| groups.contains(&group);
        let patient = Facts {
            people: if waited(HoldGroup::QuietHours) { &by_day } else { &here },
            number: if waited(HoldGroup::Limit) { &bare } else { &number },
            ..facts
        };
        let rules = Rules { hold: Hold::of(groups.iter().copied(), now + bound), ..Rules::default() };
        let decision = decide(intent, &facts, &rules, now);
        let mut kinds = vec![template.category];
        kinds.extend(template.topic.as_ref().and_then(|topic| topic.category()));
        let mut ends = Vec::new();
        for (kind, end) in Category::ALL.into_iter().zip(place.quiet.ends_ms()) {
            if kinds.contains(&kind) {
                ends.push(end);
            }
        }
        let hour_end = ends.into_iter().max().unwrap_or(i64::MIN);
        let utility = number.restrictions.iter().filter(|one| one.kind == RestrictionKind::UtilityLimit);
        let utility_end = utility.filter_map(|one| one.until_ms).max().unwrap_or(i64::MIN);
        let spam_end = number.spam_limited_ms.map_or(i64::MIN, |said_ms| said_ms + SPAM_LIMIT_MS);
        let alone = [
            (Facts { people: &here, number: &bare, ..facts }, hour_end),
            (Facts { people: &by_day, number: &with_utility, ..facts }, utility_end),
            (Facts { people: &by_day, number: &with_spam, ..facts }, spam_end),
        ];
        let in_the_way = alone.into_iter().filter(|(facts, _)| !may_go(intent, facts, &rules, now));
        let latest = in_the_way.map(|(_, end)| end).max().unwrap_or(i64::MIN);
        let waits = intent == Intent::Template && !template.is_ask
            && !may_go(intent, &facts, &rules, now) && may_go(intent, &patient, &rules, now) && latest <= now + bound;
        prop_assert_eq!(decision.verdict == Verdict::Hold, waits, "{:?}", &decision);
        prop_assert_eq!(decision.held_until_ms(), waits.then_some(latest));
        // Nothing else changes, and what is held never goes.
        let plain = decide(intent, &facts, &Rules::default(), now);
        prop_assert_eq!(plain.verdict == Verdict::Allow, decision.verdict == Verdict::Allow);
        prop_assert_eq!(plain.reasons, decision.reasons);
    }
}
