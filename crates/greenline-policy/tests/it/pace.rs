//! How much one person gets, against the same rules written the slow and obvious way.

use greenline_policy::consent::{EventId, Head, Standing, Strength};
use greenline_policy::decide::{
    Facts, Intent, NumberFacts, PersonFacts, Rules, TemplateFacts, Verdict, decide,
};
use greenline_policy::pace::{
    CAP_HOURS_MAX, COUNTED_MS, Cap, Caps, Kind, Limited, PLATFORM_WAIT_MAX_MS, PLATFORM_WAIT_MS,
    Pace,
};
use greenline_policy::rule::Rule;
use greenline_policy::scope::{Categories, Category, Scope};
use proptest::prelude::*;

const HOUR_MS: i64 = 3_600_000;
const NOW: i64 = 20_786 * 24 * HOUR_MS;

fn topic(name: &str) -> Scope {
    Scope::parse(name).unwrap()
}

/// A message that went: when, of which category, about which topic.
#[derive(Clone, Debug)]
struct Past {
    at_ms: i64,
    category: Category,
    topic: Option<Scope>,
}

fn kind(past: &Past) -> Kind<'_> {
    let by_topic = past.topic.as_ref().and_then(Scope::category);
    Kind {
        categories: Categories::of([past.category].into_iter().chain(by_topic)),
        topic: past.topic.as_ref(),
    }
}

fn past(at_ms: i64) -> Past {
    Past {
        at_ms,
        category: Category::Marketing,
        topic: None,
    }
}

fn until(caps: &[Cap], of: &Past, now_ms: i64, sent: &[Past]) -> Option<i64> {
    let sent = sent.iter().map(|past| (past.at_ms, kind(past)));
    Caps::of(caps.to_vec()).until_ms(kind(of), now_ms, &sent)
}

/// Whether a cap says anything about a message, in the words of the guide.
fn concerns(cap: &Cap, message: &Past) -> bool {
    let mut scopes = vec![Scope::Category(message.category)];
    if let Some(topic) = &message.topic {
        scopes.push(topic.clone());
        scopes.extend(topic.category().map(Scope::Category));
    }
    let codes = Scope::Category(Category::Authentication);
    match cap.scope {
        // Codes are not meant by "everything".
        Scope::All => scopes
            .iter()
            .any(|scope| *scope != codes && scope.category() != Some(Category::Authentication)),
        _ => scopes.contains(&cap.scope),
    }
}

/// May it go now? Counts what went, one by one.
fn may_go(caps: &[Cap], of: &Past, now_ms: i64, sent: &[Past]) -> bool {
    for cap in caps {
        let mut count = 0;
        for past in sent {
            if concerns(cap, past) && past.at_ms > now_ms - cap.per_ms {
                count += 1;
            }
        }
        if concerns(cap, of) && count >= cap.max {
            return false;
        }
    }
    true
}

fn cap(scope: &str, max: u16, per_ms: i64) -> Cap {
    Cap {
        scope: topic(scope),
        max,
        per_ms,
    }
}

#[test]
fn a_window_rolls_to_the_millisecond() {
    let caps = [cap("marketing", 2, 24 * HOUR_MS)];
    let sent = [past(NOW), past(NOW + 5)];
    let of = past(0);
    let end = NOW + 24 * HOUR_MS;
    assert_eq!(until(&caps, &of, NOW + 5, &sent[..1]), None);
    assert_eq!(until(&caps, &of, end - 1, &sent), Some(end));
    assert_eq!(until(&caps, &of, end, &sent), None);
    // Midnight frees nothing.
    let midnight = NOW + 24 * HOUR_MS;
    let evening = [past(midnight - 2), past(midnight - 1)];
    for at in [
        midnight - 1,
        midnight,
        midnight + 1,
        midnight + 12 * HOUR_MS,
    ] {
        let end = midnight - 2 + 24 * HOUR_MS;
        assert_eq!(until(&caps, &of, at, &evening), Some(end), "{at}");
    }
}

#[test]
fn more_than_the_cap_wait_for_all_that_are_too_many() {
    // Observed sends go whatever the answer is.
    let caps = [cap("marketing", 2, HOUR_MS)];
    let sent: Vec<Past> = [0, 1, 2, 3].map(|n| past(NOW + n)).into();
    assert_eq!(
        until(&caps, &past(0), NOW + 9, &sent),
        Some(NOW + 2 + HOUR_MS)
    );
}

#[test]
fn the_last_cap_to_pass_counts() {
    let caps = [cap("marketing", 1, HOUR_MS), cap("all", 2, 3 * HOUR_MS)];
    let sent = [past(NOW), past(NOW + HOUR_MS)];
    assert_eq!(
        until(&caps, &past(0), NOW + HOUR_MS, &sent),
        Some(NOW + 3 * HOUR_MS)
    );
    assert_eq!(until(&caps, &past(0), NOW + HOUR_MS, &sent[..1]), None);
}

#[test]
fn codes_are_capped_only_where_they_are_named() {
    let code = Past {
        category: Category::Authentication,
        ..past(NOW)
    };
    let sent = [code.clone()];
    assert_eq!(until(&[cap("all", 1, HOUR_MS)], &code, NOW, &sent), None);
    assert_eq!(until(&[cap("all", 1, HOUR_MS)], &past(0), NOW, &sent), None);
    let named = [cap("authentication", 1, HOUR_MS)];
    assert_eq!(until(&named, &code, NOW, &sent), Some(NOW + HOUR_MS));
}

#[test]
fn a_topic_counts_for_itself_for_its_category_and_for_the_platforms() {
    let offer = Past {
        category: Category::Utility,
        topic: Some(topic("marketing.offers")),
        ..past(NOW)
    };
    let sent = [offer.clone()];
    for scope in ["marketing.offers", "marketing", "utility", "all"] {
        assert!(
            until(&[cap(scope, 1, 1)], &offer, NOW, &sent).is_some(),
            "{scope}"
        );
    }
    for scope in ["marketing.news", "calls", "authentication"] {
        assert!(
            until(&[cap(scope, 1, 1)], &offer, NOW, &sent).is_none(),
            "{scope}"
        );
    }
}

#[test]
fn the_longest_cap_looks_back_no_further_than_what_is_kept() {
    assert_eq!(COUNTED_MS, i64::from(CAP_HOURS_MAX) * HOUR_MS);
    assert_eq!(Caps::default().longest_ms(), None);
    let caps = Caps::of(vec![cap("all", 1, 5), cap("marketing", 1, 9)]);
    assert_eq!(caps.longest_ms(), Some(9));
}

#[test]
fn the_wait_after_the_platforms_bound_doubles_up_to_a_week() {
    let mut limited = None;
    let days: Vec<i64> = (0..6)
        .map(|_| {
            let now = Limited::again(limited, NOW);
            limited = Some(now);
            (now.until_ms() - NOW) / PLATFORM_WAIT_MS
        })
        .collect();
    assert_eq!(days, [1, 2, 4, 7, 7, 7]);
    assert_eq!(PLATFORM_WAIT_MAX_MS, 7 * PLATFORM_WAIT_MS);
    // News that comes late does not shorten the wait.
    let again = Limited::again(limited, NOW - 5);
    assert_eq!((again.at_ms, again.times), (NOW, 7));
    // After something was delivered it begins anew.
    let reset = Limited { times: 0, ..again };
    assert_eq!(reset.until_ms(), NOW + PLATFORM_WAIT_MS);
    assert_eq!(
        Limited::again(Some(reset), NOW + 9).until_ms(),
        NOW + 9 + PLATFORM_WAIT_MS
    );
    assert_eq!(
        Limited {
            at_ms: i64::MAX,
            times: u16::MAX
        }
        .until_ms(),
        i64::MAX
    );
}

fn any_message() -> impl Strategy<Value = Past> {
    let categories = prop::sample::select(Category::ALL.to_vec());
    let topics = ["marketing.offers", "utility.orders", "authentication.codes"].map(topic);
    let topics = prop::option::weighted(0.4, prop::sample::select(topics.to_vec()));
    (0_i64..24, categories, topics).prop_map(|(at, category, topic)| Past {
        at_ms: NOW + at,
        category,
        topic,
    })
}

fn any_cap() -> impl Strategy<Value = Cap> {
    let scopes = vec![
        "all",
        "marketing",
        "utility",
        "authentication",
        "calls",
        "marketing.offers",
    ];
    (prop::sample::select(scopes), 1_u16..5, 1_i64..16)
        .prop_map(|(scope, max, per_ms)| cap(scope, max, per_ms))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::twin::cases()))]

    /// Few moments, so that windows end exactly where others begin; unordered, as clocks of two nodes write them.
    #[test]
    fn caps_agree_with_the_twin(
        caps in prop::collection::vec(any_cap(), 0..4),
        sent in prop::collection::vec(any_message(), 0..12),
        of in any_message(),
        now in 0_i64..40,
    ) {
        let now_ms = NOW + now;
        let found = until(&caps, &of, now_ms, &sent);
        prop_assert_eq!(found.is_none(), may_go(&caps, &of, now_ms, &sent));
        if let Some(end_ms) = found {
            prop_assert!(end_ms > now_ms);
            // Exactly then, and not a millisecond before.
            prop_assert!(!may_go(&caps, &of, end_ms - 1, &sent));
            prop_assert!(may_go(&caps, &of, end_ms, &sent));
        }
    }

    /// Whoever obeys never has more in any window than the cap allows.
    #[test]
    fn no_window_ever_holds_more_than_its_cap(
        caps in prop::collection::vec(any_cap(), 1..3),
        tries in prop::collection::vec(any_message(), 0..40),
    ) {
        let mut tries = tries;
        tries.sort_by_key(|message| message.at_ms);
        let mut sent: Vec<Past> = Vec::new();
        for message in tries {
            if until(&caps, &message, message.at_ms, &sent).is_none() {
                sent.push(message);
            }
        }
        for cap in &caps {
            for from in 0..40 {
                let begin = NOW + from;
                let inside = sent.iter().filter(|message| {
                    concerns(cap, message) && (begin..begin + cap.per_ms).contains(&message.at_ms)
                });
                prop_assert!(inside.count() <= usize::from(cap.max));
            }
        }
    }

    /// From a plain list of earlier messages to the decision.
    #[test]
    fn decisions_follow_from_what_went(
        caps in prop::collection::vec(any_cap(), 0..4),
        sent in prop::collection::vec(any_message(), 0..12),
        of in any_message(),
        bounds in prop::collection::vec(0_i64..3, 0..4),
        now in 0_i64..40,
        wrote in any::<bool>(), replies in any::<bool>(),
    ) {
        let now_ms = NOW + now;
        let template = TemplateFacts {
            known: true, category: of.category, topic: of.topic.clone(), ..TemplateFacts::UNKNOWN
        };
        let covered = Standing::Covered { event: EventId(1), at_ms: 0, strength: Strength::Evidenced };
        let head = Head { base: [covered; 5], ..Head::default() };
        let mut limited = None;
        let mut at_ms = now_ms - 4 * PLATFORM_WAIT_MS;
        for days in &bounds {
            at_ms += days * PLATFORM_WAIT_MS;
            limited = Some(Limited::again(limited, at_ms));
        }
        let kind_of = Kind::of(Intent::Template, Some(&template)).unwrap();
        prop_assert_eq!(kind_of, kind(&of));
        let person = PersonFacts {
            wrote_at_ms: wrote.then_some(now_ms),
            pace: Pace {
                capped_until_ms: until(&caps, &of, now_ms, &sent),
                limited_until_ms: limited.map(Limited::until_ms),
                paired_until_ms: None,
            },
            ..PersonFacts::of(&head)
        };
        let facts = Facts {
            people: &[person], template: Some(&template), number: &NumberFacts::default(), portfolio: Default::default(),
        };
        let rules = Rules { window_templates_are_replies: replies, ..Rules::default() };
        let decision = decide(Intent::Template, &facts, &rules, now_ms);

        let answers = wrote && replies && of.category != Category::Marketing;
        let capped = !answers && !may_go(&caps, &of, now_ms, &sent);
        // Days to wait, by how often it happened.
        let days = [0, 1, 2, 4, 7][bounds.len()];
        let waits = !bounds.is_empty() && of.category == Category::Marketing && now_ms < at_ms + days * PLATFORM_WAIT_MS;
        let has = |rule| decision.reasons.iter().any(|reason| reason.rule == rule);
        prop_assert_eq!(has(Rule::FrequencyCap), capped);
        prop_assert_eq!(has(Rule::LimitPerUser), waits);
        prop_assert_eq!(decision.verdict == Verdict::Allow, !capped && !waits);
    }
}
