//! The core against its twin, over generated histories and facts.

mod never;

use greenline_policy::avenue::OnlyNotifications;
use greenline_policy::consent::{
    Event, EventId, EventKind, Head, History, Side, Standing, Strength, fold,
};
use greenline_policy::country::{Country, Place};
use greenline_policy::decide::{
    Facts, Intent, NumberFacts, PersonFacts, Rules, TemplateFacts, TemplateStatus, Verdict,
    WINDOW_MS, decide,
};
use greenline_policy::health::Cause;
use greenline_policy::identity::Spelling;
use greenline_policy::lasting::YesLasts;
use greenline_policy::number::{Ban, NumberStatus, Restriction, RestrictionKind, SPAM_LIMIT_MS};
use greenline_policy::own::OwnRule;
use greenline_policy::pace::Pace;
use greenline_policy::quality::{QualityGuard, Rated, Score};
use greenline_policy::quiet::Quiet;
use greenline_policy::reach::{MessagingLimit, PortfolioFacts, REACH_MS};
use greenline_policy::scope::{Categories, Category, Scope};
use proptest::prelude::*;

use crate::spec::{Told, may_go, tell};

fn scopes() -> Vec<Scope> {
    let mut scopes = vec![Scope::All];
    scopes.extend(Category::ALL.map(Scope::Category));
    scopes.push(Scope::Topic(Category::Marketing, "offers".into()));
    scopes.push(Scope::Topic(Category::Utility, "orders".into()));
    scopes
}

fn any_event() -> impl Strategy<Value = Event> {
    let kinds = prop_oneof![
        4 => Just(EventKind::Granted),
        3 => Just(EventKind::Withdrawn),
        1 => Just(EventKind::Refused),
        1 => Just(EventKind::Reconfirmed),
        1 => Just(EventKind::Expired),
        1 => Just(EventKind::NativeStopped),
        1 => Just(EventKind::NativeResumed),
        1 => Just(EventKind::Erased),
    ];
    let strengths = prop_oneof![3 => Just(Strength::Evidenced), 1 => Just(Strength::Imported), 1 => Just(Strength::Vouched), 1 => Just(Strength::Claimed)];
    let spelling = prop_oneof![4 => Just(Spelling::Mobile), 1 => Just(Spelling::MaybeLandline)];
    (
        kinds,
        prop::sample::select(scopes()),
        0_i64..30,
        strengths,
        any::<bool>(),
        0_usize..3,
        spelling,
    )
        .prop_map(
            |(kind, scope, at, strength, in_thread, side, spelling)| Event {
                id: EventId(0),
                version: 0,
                scope: if matches!(kind, EventKind::NativeStopped | EventKind::NativeResumed) {
                    Scope::Category(Category::Marketing)
                } else {
                    scope
                },
                kind,
                at_ms: at,
                strength,
                in_thread,
                side,
                spelling,
            },
        )
}

fn any_side() -> impl Strategy<Value = Side> {
    let moment = prop::option::weighted(0.25, 0_i64..30);
    (
        prop::option::weighted(0.5, 0_i64..30),
        moment.clone(),
        moment,
    )
        .prop_map(|(linked, left_at_ms, carried_at_ms)| Side {
            linked_at_ms: linked.unwrap_or(i64::MIN),
            left_at_ms,
            carried_at_ms,
        })
}

fn number_in_order(events: &mut [Event]) {
    for (place, event) in events.iter_mut().enumerate() {
        let place = u32::try_from(place).unwrap();
        event.version = place;
        event.id = EventId(u64::from(place) + 1);
    }
}

pub(crate) fn any_history() -> impl Strategy<Value = History> {
    (
        prop::collection::vec(any_event(), 0..12),
        prop::collection::vec(any_side(), 2),
    )
        .prop_map(|(mut events, more)| {
            number_in_order(&mut events);
            let mut sides = vec![Side::FIRST];
            sides.extend(more);
            History { events, sides }
        })
}

/// The same, after some of its yeses were taken back by undoing an import.
fn undoing(mut history: History, which: &[bool]) -> History {
    let back = |event: &Event| Event {
        kind: EventKind::Expired,
        strength: Strength::Imported,
        in_thread: false,
        ..event.clone()
    };
    let undone: Vec<Event> = history
        .events
        .iter()
        .zip(which)
        .filter(|(event, back)| **back && event.kind == EventKind::Granted)
        .map(|(event, _)| back(event))
        .collect();
    history.events.extend(undone);
    number_in_order(&mut history.events);
    history
}

/// What the fold says of a scope, as the story tells it.
fn folded(head: &Head, scope: &Scope) -> Told {
    match head.standing(scope) {
        Standing::Refused { .. } => Told::No,
        Standing::Covered { at_ms, .. } => Told::Yes { at_ms },
        _ => Told::Nothing,
    }
}

pub(crate) fn any_facts_number() -> impl Strategy<Value = NumberFacts> {
    let statuses = prop::sample::select(vec![
        NumberStatus::Connected,
        NumberStatus::Unknown,
        NumberStatus::Flagged,
        NumberStatus::Restricted,
        NumberStatus::RateLimited,
        NumberStatus::Banned,
        NumberStatus::Pending,
        NumberStatus::Disconnected,
        NumberStatus::Other,
    ]);
    let bans =
        prop_oneof![6 => Just(Ban::None), 1 => Just(Ban::Scheduled), 1 => Just(Ban::Disabled)];
    let kinds = prop::sample::select(RestrictionKind::ALL.to_vec());
    let restriction = (kinds, prop::option::of(NOW - 5..NOW + 5))
        .prop_map(|(kind, until_ms)| Restriction { kind, until_ms });
    (
        statuses,
        bans,
        prop::bool::weighted(0.1),
        (prop::collection::vec(restriction, 0..3), any::<bool>()),
        any_rating(),
        any_spam_limit(),
        any_evidence(),
    )
        .prop_map(
            |(status, ban, locked, (restrictions, watched), rating, spam_limited_ms, health)| {
                NumberFacts {
                    status,
                    ban,
                    locked,
                    restrictions,
                    rating,
                    spam_limited_ms,
                    watched,
                    health,
                }
            },
        )
}

/// What reads and refusals amounted to; mostly nothing.
fn any_evidence() -> impl Strategy<Value = Vec<Cause>> {
    let causes = prop::sample::select(vec![
        Cause::BanDisabled,
        Cause::Locked,
        Cause::LockSuspected,
        Cause::HealthBlocked,
        Cause::HealthUnclear,
        Cause::PolicyRefused,
        Cause::Payment,
        Cause::StatusUnclear,
    ]);
    prop_oneof![
        4 => Just(Vec::new()),
        1 => prop::collection::vec(causes, 1..3),
    ]
}

/// Around the end of the day that the platform's word on spam counts for.
fn any_spam_limit() -> impl Strategy<Value = Option<i64>> {
    prop::option::weighted(0.2, NOW - SPAM_LIMIT_MS - 1..NOW - SPAM_LIMIT_MS + 2)
}

fn any_own() -> impl Strategy<Value = OwnRule> {
    let country = prop::sample::select(vec!["US", "BR"]);
    let moment = || prop::option::weighted(0.3, NOW - 1..=NOW + 1);
    (
        prop::collection::vec(prop::sample::select(scopes()), 0..3),
        prop::collection::vec(country, 0..2),
        any::<bool>(),
        moment(),
        moment(),
    )
        .prop_map(
            |(scopes, countries, weak_consent, from_ms, until_ms)| OwnRule {
                name: "own".into(),
                text: "why".into(),
                scopes,
                countries: countries.into_iter().filter_map(Country::parse).collect(),
                weak_consent,
                from_ms,
                until_ms,
            },
        )
}

fn any_score() -> impl Strategy<Value = Score> {
    prop::sample::select(vec![
        Score::Red,
        Score::Yellow,
        Score::Green,
        Score::Unrated,
    ])
}

fn any_rating() -> impl Strategy<Value = Option<Rated>> {
    let read = (any_score(), NOW - 4..=NOW + 1);
    prop::option::weighted(
        0.8,
        read.prop_map(|(score, read_ms)| Rated { score, read_ms }),
    )
}

fn any_guard() -> impl Strategy<Value = QualityGuard> {
    let on = (any_score(), 0_i64..4);
    let on = on.prop_map(|(score, max_age_ms)| QualityGuard::at(score, max_age_ms));
    prop_oneof![2 => Just(QualityGuard::OFF), 1 => on]
}

pub(crate) fn any_template() -> impl Strategy<Value = TemplateFacts> {
    let topics = prop::option::of(prop::sample::select(vec![
        Scope::Topic(Category::Marketing, "offers".into()),
        Scope::Topic(Category::Utility, "orders".into()),
    ]));
    let statuses = prop_oneof![
        5 => Just(TemplateStatus::Sendable),
        1 => Just(TemplateStatus::Paused),
        1 => Just(TemplateStatus::Disabled),
    ];
    (
        any::<bool>(),
        prop::sample::select(Category::ALL.to_vec()),
        topics,
        statuses,
        any::<bool>(),
        prop::option::of(any_score()),
        prop::option::weighted(0.3, prop::collection::vec(any_own(), 0..3)),
    )
        .prop_map(
            |(known, category, topic, status, is_ask, quality, own)| TemplateFacts {
                known,
                category,
                topic,
                status,
                is_ask,
                quality,
                own: own.map(Into::into),
            },
        )
}

/// 29 November 2026.
pub(crate) const NOW: i64 = 20_786 * WINDOW_MS;

/// Now, and the moments before, at and after which a rule begins.
pub(crate) fn any_moment() -> impl Strategy<Value = i64> {
    let begins = [
        1_707_177_600_000,
        1_731_888_000_000,
        1_743_465_600_000,
        1_759_795_200_000,
    ];
    let around = begins.into_iter().flat_map(|at| [at - 1, at, at + 1]);
    prop_oneof![3 => Just(NOW), 1 => prop::sample::select(around.collect::<Vec<i64>>())]
}

pub(crate) fn any_portfolio() -> impl Strategy<Value = PortfolioFacts> {
    let limit = prop_oneof![
        2 => Just(None),
        1 => Just(Some(MessagingLimit::Unlimited)),
        3 => (0_u32..6).prop_map(|people| Some(MessagingLimit::People(people))),
    ];
    (limit, 0_u32..6, prop::option::of(NOW - 3..NOW + 3)).prop_map(
        |(limit, reached, frees_at_ms)| PortfolioFacts {
            limit,
            reached,
            frees_at_ms,
        },
    )
}

pub(crate) fn any_place() -> impl Strategy<Value = Place> {
    let countries = prop::sample::select(vec!["US", "CA", "BR"]);
    let end = prop_oneof![3 => Just(i64::MIN), 2 => -3_i64..4, 1 => Just(i64::MAX)];
    let closed = prop_oneof![3 => Just(0_u8), 1 => 0_u8..16];
    (
        prop::option::of(countries),
        closed,
        prop::array::uniform4(end),
    )
        .prop_map(|(country, closed, ends)| Place {
            country: country.and_then(Country::parse).unwrap_or_default(),
            closed: Categories::from_bits(closed),
            quiet: Quiet::from_ends_ms(ends),
        })
}

/// The same place with the ends of quiet, which were told from now, at their moment.
pub(crate) fn at_moment(mut place: Place, now_ms: i64) -> Place {
    let ends = place.quiet.ends_ms().map(|end| match end {
        i64::MIN | i64::MAX => end,
        end => now_ms + end,
    });
    place.quiet = Quiet::from_ends_ms(ends);
    place
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn fold_agrees_with_the_story(history in any_history(), landline in any::<bool>()) {
        let spelling = if landline { Spelling::MaybeLandline } else { Spelling::Mobile };
        let head = fold(&history, spelling);
        for scope in scopes() {
            prop_assert_eq!(folded(&head, &scope), tell(&history, &scope, spelling), "{}: {:?}", scope, &history);
        }
    }

    #[test]
    fn arrival_order_changes_nothing(history in any_history(), seed in any::<u64>()) {
        let mut shuffled = history.clone();
        let length = shuffled.events.len();
        for place in 1..length {
            let other = usize::try_from(seed.rotate_left(u32::try_from(place).unwrap()) % (place as u64 + 1)).unwrap();
            shuffled.events.swap(place, other);
        }
        prop_assert_eq!(fold(&history, Spelling::Mobile), fold(&shuffled, Spelling::Mobile));
    }

    /// A17: whatever is renewed, and whenever, nothing covers that did not cover before. What a move left unconfirmed is
    /// another matter: a renewal may confirm it.
    #[test]
    fn no_renewal_makes_or_brings_back_a_yes(history in any_history(), renewal in any_event()) {
        let before = fold(&history, Spelling::Mobile);
        let mut more = history;
        more.events.push(Event { kind: EventKind::Reconfirmed, ..renewal });
        number_in_order(&mut more.events);
        let after = fold(&more, Spelling::Mobile);
        for scope in scopes() {
            if matches!(before.standing(&scope), Standing::Unknown | Standing::Claimed { .. } | Standing::Expired { .. }) {
                prop_assert!(!matches!(after.standing(&scope), Standing::Covered { .. }), "{}: {:?}", scope, &more);
            }
        }
    }

    /// A17, law 6: an end on record, of whatever mark, makes nothing cover that did not, and no yes younger.
    #[test]
    fn an_end_only_makes_things_stricter(history in any_history(), end in any_event()) {
        let before = fold(&history, Spelling::Mobile);
        let mut more = history;
        more.events.push(Event { kind: EventKind::Expired, ..end.clone() });
        number_in_order(&mut more.events);
        let after = fold(&more, Spelling::Mobile);
        // Undoing an import gives back what stood before it.
        if end.strength == Strength::Imported {
            return Ok(());
        }
        for scope in scopes() {
            let was = match before.standing(&scope) { Standing::Covered { at_ms, .. } => Some(at_ms), _ => None };
            if let Standing::Covered { at_ms, .. } = after.standing(&scope) {
                prop_assert!(was >= Some(at_ms), "{}: {:?}", scope, &more);
            }
            if matches!(before.standing(&scope), Standing::Refused { .. }) {
                prop_assert_eq!(before.standing(&scope), after.standing(&scope));
            }
        }
    }

    #[test]
    fn an_older_yes_never_lifts_a_newer_no(history in any_history(), scope in prop::sample::select(scopes())) {
        let before = fold(&history, Spelling::Mobile);
        let mut more = history;
        let oldest = Event {
            id: EventId(99), version: 99, kind: EventKind::Granted, scope, at_ms: -1, strength: Strength::Evidenced,
            in_thread: false, side: 0, spelling: Spelling::Mobile,
        };
        more.events.push(oldest);
        let after = fold(&more, Spelling::Mobile);
        for scope in scopes() {
            if matches!(before.standing(&scope), Standing::Refused { .. }) {
                prop_assert!(matches!(after.standing(&scope), Standing::Refused { .. }), "{}", scope);
            }
        }
    }

    #[test]
    fn imports_vouching_and_claims_never_reopen(
        history in any_history(), scope in prop::sample::select(scopes()),
        strength in prop::sample::select(vec![Strength::Claimed, Strength::Imported, Strength::Vouched]),
    ) {
        let before = fold(&history, Spelling::Mobile);
        let mut more = history;
        more.events.push(Event {
            id: EventId(99), version: 99, kind: EventKind::Granted, scope, at_ms: 1_000,
            strength,
            in_thread: false, side: 0, spelling: Spelling::Mobile,
        });
        let after = fold(&more, Spelling::Mobile);
        prop_assert_eq!(before.native_stop, after.native_stop);
        for scope in scopes() {
            if matches!(before.standing(&scope), Standing::Refused { .. }) {
                prop_assert_eq!(before.standing(&scope), after.standing(&scope));
            }
        }
    }

    #[test]
    fn undoing_an_import_never_reopens_and_leaves_what_stood_before(
        history in any_history(), which in prop::collection::vec(any::<bool>(), 12),
    ) {
        let is_by_file = |event: &Event| matches!(event.strength, Strength::Imported | Strength::Claimed);
        let undone = undoing(history.clone(), &which);
        let (before, after) = (fold(&history, Spelling::Mobile), fold(&undone, Spelling::Mobile));
        prop_assert_eq!(before.native_stop, after.native_stop);
        prop_assert_eq!(before.freeform_closed, after.freeform_closed);
        // As if what was taken back had never come.
        let mut without = history.clone();
        let back: Vec<bool> = history.events.iter().zip(&which).map(|(event, back)| {
            // One marker takes back every imported yes of that scope, moment and identifier.
            event.kind == EventKind::Granted && is_by_file(event) && history.events.iter().zip(&which).any(|(other, chosen)| {
                *chosen && other.kind == EventKind::Granted
                    && (&other.scope, other.at_ms, other.side, other.spelling) == (&event.scope, event.at_ms, event.side, event.spelling)
            }) || (event.kind == EventKind::Granted && is_by_file(event) && *back)
        }).collect();
        let renewals_stay = history.events.iter().all(|event| event.kind != EventKind::Reconfirmed || !is_by_file(event));
        let mut at = 0;
        without.events.retain(|_| { at += 1; !back[at - 1] });
        for scope in scopes() {
            if matches!(before.standing(&scope), Standing::Refused { .. }) {
                prop_assert!(matches!(after.standing(&scope), Standing::Refused { .. }), "{}", scope);
            }
            if renewals_stay {
                prop_assert_eq!(after.standing(&scope), fold(&without, Spelling::Mobile).standing(&scope));
            }
        }
    }

    #[test]
    fn the_twin_agrees_about_undone_imports(history in any_history(), which in prop::collection::vec(any::<bool>(), 12)) {
        let history = undoing(history, &which);
        let head = fold(&history, Spelling::Mobile);
        for scope in scopes() {
            prop_assert_eq!(folded(&head, &scope), tell(&history, &scope, Spelling::Mobile), "{}", scope);
        }
    }

    #[test]
    fn a_link_only_makes_things_stricter(history in any_history(), linked_at in 0_i64..30) {
        let mut apart = history;
        apart.sides = vec![Side::FIRST; 3];
        let mut linked = apart.clone();
        linked.sides[1].linked_at_ms = linked_at;
        for scope in scopes() {
            if matches!(fold(&apart, Spelling::Mobile).standing(&scope), Standing::Refused { .. }) {
                let standing = fold(&linked, Spelling::Mobile).standing(&scope);
                prop_assert!(matches!(standing, Standing::Refused { .. }), "{}", scope);
            }
        }
    }

    #[test]
    fn decide_agrees_with_the_twin(
        histories in prop::collection::vec((any_history(), prop::option::of(-2 * WINDOW_MS..=0), any_place()), 1..3),
        now in any_moment(),
        intent in prop::sample::select(vec![Intent::FreeForm, Intent::Template, Intent::Call, Intent::Confirmation]),
        template in prop::option::weighted(0.9, any_template()),
        number in any_facts_number(),
        call_until in prop::option::of(-5_i64..5),
        unsettled in prop::option::weighted(0.1, -5_i64..5),
        (replies, quality_guard) in (any::<bool>(), any_guard()),
        shut in prop_oneof![2 => Just(0_u8), 1 => 0_u8..16],
        old_days in 0_i64..4,
        paced in prop::array::uniform3(prop::option::weighted(0.2, -2_i64..3)),
        days in prop::array::uniform4(prop_oneof![2 => Just(0_u16), 1 => 1_u16..4]),
        portfolio in any_portfolio(),
        portfolio_limit in prop::option::weighted(0.3, 0_u32..6),
        reached_ago in prop::option::of(prop_oneof![Just(0), Just(REACH_MS - 1), Just(REACH_MS), Just(REACH_MS + 1)]),
    ) {
        let later = now - NOW;
        let heads: Vec<_> = histories.iter().map(|(history, wrote, place)| {
            // Some stops fall inside the window, before or after what was written.
            let mut history = history.clone();
            for event in &mut history.events {
                event.at_ms += now - WINDOW_MS / 2 - old_days * WINDOW_MS;
            }
            (fold(&history, Spelling::Mobile), wrote.map(|ago| now + ago), at_moment(*place, now))
        }).collect();
        let people: Vec<_> = heads.iter().map(|(head, wrote_at_ms, place)| PersonFacts {
            head, wrote_at_ms: *wrote_at_ms,
            call_permission_until_ms: call_until.map(|left| now + left),
            unsettled_until_ms: unsettled.map(|left| now + left),
            place: *place,
            reached_at_ms: reached_ago.map(|ago| now - ago),
            pace: Pace {
                capped_until_ms: paced[0].map(|left| now + left),
                limited_until_ms: paced[1].map(|left| now + left),
                paired_until_ms: paced[2].map(|left| now + left),
            },
        }).collect();
        let mut number = number;
        for restriction in &mut number.restrictions {
            restriction.until_ms = restriction.until_ms.map(|until_ms| until_ms + later);
        }
        if let Some(rating) = &mut number.rating {
            rating.read_ms += later;
        }
        number.spam_limited_ms = number.spam_limited_ms.map(|said_ms| said_ms + later);
        let facts = Facts { people: &people, template: template.as_ref(), number: &number, portfolio };
        let only_notifications = OnlyNotifications::from_bits(shut);
        let yes_lasts = YesLasts::from_days(days);
        let rules = Rules { window_templates_are_replies: replies, only_notifications, yes_lasts, portfolio_limit, quality_guard, ..Rules::default() };
        let decision = decide(intent, &facts, &rules, now);
        prop_assert_eq!(decision.verdict == Verdict::Allow, may_go(intent, &facts, &rules, now), "{:?}", &decision);
        prop_assert_eq!(&decision, &decide(intent, &facts, &rules, now));
    }
}

/// Cases per property; a sweep sets `PROPTEST_CASES` higher.
pub(crate) fn cases() -> u32 {
    ProptestConfig::default().cases.max(2_000)
}
