//! Which conditions stand: each by the facts that make it, none by anything else.

use greenline_policy::alert::{
    About, Alert, Bounds, Facts, Kind, NEWS_MS, NumberFacts, PortfolioFacts, SILENT_SENDS_MIN,
    TemplateFacts, TokenFacts, Traffic, UNREAD_GRACE_MS, WARNED_MS, standing,
};
use greenline_policy::health::state::{
    AccountStatus, BanTold, Entity, EntityKind, Health, Origin, Review, Sending, Told,
};
use greenline_policy::health::{Cause, State};
use greenline_policy::number::{NumberStatus, RestrictionKind};
use greenline_policy::quality::Score;
use greenline_policy::reach::MessagingLimit;
use proptest::prelude::*;

/// 25 November 2026, 14:03:07.500 UTC.
const NOW_MS: i64 = 1_795_615_387_500;
const HOUR_MS: i64 = 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * HOUR_MS;

const BOUNDS: Bounds = Bounds {
    limit_near_percent: 80,
    restriction_ends_ms: DAY_MS,
    webhooks_silent_ms: HOUR_MS / 2,
    reads_failing_ms: HOUR_MS,
    token_expiring_ms: 14 * DAY_MS,
    token_expires_soon_ms: 3 * DAY_MS,
};

/// A number that was just read and has nothing in its way.
fn number() -> NumberFacts {
    NumberFacts {
        id: "301".into(),
        account: "201".into(),
        state: State::at(NOW_MS)
            .with(
                Told::Status(NumberStatus::Connected),
                Origin::Read,
                NOW_MS - 60_000,
            )
            .with(
                Told::Health(health(Sending::Available, &[])),
                Origin::Read,
                NOW_MS - 10 * DAY_MS,
            ),
        rating: Score::Green,
        read_ms: Some(NOW_MS - 60_000),
        is_read: true,
        traffic: Traffic::default(),
        stood_unread: false,
        stood_silent: false,
    }
}

fn health(overall: Sending, codes: &[u32]) -> Health {
    Health {
        overall,
        entities: vec![Entity {
            kind: EntityKind::Account,
            sending: overall,
            codes: codes.to_vec(),
        }],
    }
}

fn facts() -> Facts<'static> {
    Facts {
        now_ms: NOW_MS,
        business: "acme",
        looking_since_ms: NOW_MS - 10 * DAY_MS,
        numbers: vec![number()],
        portfolio: PortfolioFacts {
            limit: Some(MessagingLimit::People(2_000)),
            bound: Some(2_000),
            reached: 10,
            before: None,
        },
        templates: Vec::new(),
        token: TokenFacts::default(),
        unknown_words: Vec::new(),
        closed_avenues: Vec::new(),
    }
}

fn stands(facts: &Facts<'_>) -> Vec<(Kind, String)> {
    let pair = |alert: &Alert| (alert.kind, alert.subject.to_string());
    standing(facts, &BOUNDS).iter().map(pair).collect()
}

fn only(facts: &Facts<'_>, kind: Kind, subject: &str) {
    assert_eq!(stands(facts), [(kind, subject.to_owned())]);
}

/// Something that was told of the number a moment ago.
fn told(told: Told) -> Facts<'static> {
    told_by(told, Origin::Webhook)
}

fn told_by(told: Told, origin: Origin) -> Facts<'static> {
    let mut facts = facts();
    facts.numbers[0].state.tell(told, origin, NOW_MS - 1_000);
    facts
}

fn restricted(kind: RestrictionKind, named: &str, until_ms: Option<i64>) -> Told {
    Told::Restricted {
        kind,
        named: named.into(),
        until_ms,
    }
}

#[test]
fn nothing_stands_where_nothing_is_wrong() {
    assert_eq!(stands(&facts()), []);
}

#[test]
fn a_rating_that_fell_stands_until_it_is_better() {
    let rated = |score| {
        let mut facts = facts();
        facts.numbers[0].rating = score;
        facts
    };
    only(&rated(Score::Red), Kind::RatingLow, "301");
    only(&rated(Score::Yellow), Kind::RatingMedium, "301");
    assert_eq!(stands(&rated(Score::Unrated)), []);
}

#[test]
fn what_is_told_of_a_number_is_what_stands() {
    let far = Some(NOW_MS + 3 * DAY_MS);
    let status = |status| told_by(Told::Status(status), Origin::Read);
    let read = |sending, codes: &[u32]| told_by(Told::Health(health(sending, codes)), Origin::Read);
    let failed = |code| told_by(Told::Failed(code), Origin::Error);
    let one = |kind, named| told(restricted(kind, named, far));
    let cases = [
        (status(NumberStatus::Banned), Kind::NumberBanned, "301"),
        (
            status(NumberStatus::Disconnected),
            Kind::NumberOffline,
            "301",
        ),
        (status(NumberStatus::Restricted), Kind::LimitReached, "acme"),
        (
            status(NumberStatus::RateLimited),
            Kind::NumberThrottled,
            "301",
        ),
        (
            read(Sending::Blocked, &[141_008]),
            Kind::AccountLocked,
            "201",
        ),
        (
            read(Sending::Blocked, &[141_014]),
            Kind::AccountDisabled,
            "201",
        ),
        (read(Sending::Blocked, &[141_006]), Kind::Payment, "201"),
        (read(Sending::Blocked, &[999]), Kind::HealthBlocked, "301"),
        (read(Sending::Other, &[]), Kind::UnknownWord, "301"),
        (failed(131_031), Kind::AccountRefused, "201"),
        (failed(368), Kind::AccountRefused, "201"),
        (failed(131_048), Kind::SpamLimit, "301"),
        (
            told(Told::Ban(BanTold::Disabled)),
            Kind::AccountDisabled,
            "201",
        ),
        (
            told(Told::Ban(BanTold::Scheduled(far))),
            Kind::AccountScheduled,
            "201",
        ),
        (
            told(Told::Ban(BanTold::Unclear)),
            Kind::UnknownAccountWord,
            "201",
        ),
        (
            told(Told::Account(AccountStatus::Restricted)),
            Kind::AccountUnclear,
            "201",
        ),
        (
            told(Told::Review(Review::Rejected)),
            Kind::AccountUnclear,
            "201",
        ),
        (told(Told::AccountDeleted), Kind::AccountDisabled, "201"),
        (told(Told::Offboarded), Kind::NumberOffline, "301"),
        (told(Told::StoodBy), Kind::Standby, "301"),
        (told(Told::Subscribed(false)), Kind::NotSubscribed, "201"),
        (told(Told::Warned), Kind::Warned, "201"),
        (
            one(RestrictionKind::BusinessInitiated, "A"),
            Kind::RestrictionStarts,
            "201",
        ),
        (
            one(RestrictionKind::CustomerInitiated, "B"),
            Kind::RestrictionReplies,
            "201",
        ),
        (
            one(RestrictionKind::UtilityTemplates, "C"),
            Kind::RestrictionUtility,
            "201",
        ),
        (
            one(RestrictionKind::AllCalls, "D"),
            Kind::RestrictionCalls,
            "201",
        ),
        (
            one(RestrictionKind::AddingNumbers, "E"),
            Kind::RestrictionAdding,
            "201",
        ),
        (
            one(RestrictionKind::Unknown, "F"),
            Kind::RestrictionUnknown,
            "201",
        ),
    ];
    for (facts, kind, subject) in &cases {
        only(facts, *kind, subject);
    }
}

#[test]
fn a_restriction_begins_is_about_to_end_and_ends() {
    let until_ms = NOW_MS + 3 * DAY_MS;
    let mut facts = told(restricted(
        RestrictionKind::BusinessInitiated,
        "RESTRICTED_BIZ_INITIATED_MESSAGING",
        Some(until_ms),
    ));
    let mut at = |now_ms: i64, read: Option<i64>| {
        let number = &mut facts.numbers[0];
        number.read_ms = Some(now_ms);
        number.state.as_of_ms = now_ms;
        if let Some(at_ms) = read {
            let available = Told::Health(health(Sending::Available, &[]));
            number.state.tell(available, Origin::Read, at_ms);
        }
        facts.now_ms = now_ms;
        standing(&facts, &BOUNDS)
    };
    let kinds = |alerts: &[Alert]| alerts.iter().map(|alert| alert.kind).collect::<Vec<_>>();
    let begun = at(NOW_MS, None);
    assert_eq!(kinds(&begun), [Kind::RestrictionStarts]);
    assert_eq!(begun[0].until_ms, Some(until_ms));
    assert_eq!(begun[0].cause, Some(Cause::StartsRestricted));
    let ending = at(until_ms - DAY_MS, None);
    assert_eq!(
        kinds(&ending),
        [Kind::RestrictionStarts, Kind::RestrictionEnding]
    );
    // Somebody may read the number first.
    assert_eq!(kinds(&at(until_ms, None)), []);
    let unread = at(until_ms + UNREAD_GRACE_MS, None);
    assert_eq!(kinds(&unread), [Kind::RestrictionUnread]);
    let read_ms = until_ms + UNREAD_GRACE_MS + 1;
    assert_eq!(kinds(&at(read_ms + 1, Some(read_ms))), []);
}

#[test]
fn what_numbers_of_an_account_say_of_it_is_one() {
    let mut facts = told(Told::Ban(BanTold::Disabled));
    let mut other = facts.numbers[0].clone();
    other.id = "302".into();
    facts.numbers.push(other);
    only(&facts, Kind::AccountDisabled, "201");
    facts.numbers[1].account = "202".into();
    let two = [
        (Kind::AccountDisabled, "201".to_owned()),
        (Kind::AccountDisabled, "202".to_owned()),
    ];
    assert_eq!(stands(&facts), two);
}

#[test]
fn a_limit_is_near_used_up_raised_or_lowered() {
    let with = |reached, before| {
        let mut facts = facts();
        facts.portfolio.reached = reached;
        facts.portfolio.before = before;
        facts
    };
    assert_eq!(stands(&with(1_599, None)), []);
    only(&with(1_600, None), Kind::LimitNear, "acme");
    let near = standing(&with(1_600, None), &BOUNDS);
    assert_eq!(near[0].count, Some((1_600, 2_000)));
    // Used up is no longer near.
    assert_eq!(stands(&with(2_000, None)), []);
    let was = |people, at_ms| Some((MessagingLimit::People(people), at_ms));
    only(&with(10, was(250, NOW_MS)), Kind::LimitRaised, "acme");
    only(&with(10, was(10_000, NOW_MS)), Kind::LimitLowered, "acme");
    only(
        &with(10, Some((MessagingLimit::Unlimited, NOW_MS))),
        Kind::LimitLowered,
        "acme",
    );
    assert_eq!(stands(&with(10, was(250, NOW_MS - NEWS_MS))), []);
    let mut unknown = with(1_000_000, None);
    unknown.portfolio.bound = None;
    assert_eq!(stands(&unknown), []);
}

#[test]
fn a_template_is_paused_disabled_or_of_another_category() {
    let with = |status: Option<&str>, category_ms| {
        let mut facts = facts();
        facts.templates.push(TemplateFacts {
            id: "201/offer/en".into(),
            status: status.map(Into::into),
            category_ms,
        });
        facts
    };
    only(
        &with(Some("PAUSED"), None),
        Kind::TemplatePaused,
        "201/offer/en",
    );
    only(
        &with(Some("DISABLED"), None),
        Kind::TemplateDisabled,
        "201/offer/en",
    );
    assert_eq!(stands(&with(Some("APPROVED"), None)), []);
    only(
        &with(None, Some(NOW_MS)),
        Kind::TemplateCategory,
        "201/offer/en",
    );
    assert_eq!(stands(&with(None, Some(NOW_MS - NEWS_MS))), []);
}

#[test]
fn what_lies_beside_numbers_stands_too() {
    let mut refused = facts();
    refused.token.refused = true;
    only(&refused, Kind::TokenRefused, "acme");
    let mut invalid = facts();
    invalid.token.invalid = true;
    only(&invalid, Kind::TokenRefused, "acme");
    let mut closed = facts();
    closed.closed_avenues.push("reply_word");
    only(&closed, Kind::AvenueClosed, "reply_word");
    let word = |about, subject: &str, at_ms| {
        let mut facts = facts();
        facts.unknown_words.push((about, subject.into(), at_ms));
        facts
    };
    only(
        &word(About::Business, "acme", NOW_MS),
        Kind::UnknownLimit,
        "acme",
    );
    only(
        &word(About::Number, "301", NOW_MS),
        Kind::UnknownWord,
        "301",
    );
    only(
        &word(About::Account, "201", NOW_MS),
        Kind::UnknownAccountWord,
        "201",
    );
    assert_eq!(stands(&word(About::Number, "301", NOW_MS - NEWS_MS)), []);
}

#[test]
fn a_token_that_ends_is_told_of_in_steps_until_there_is_another() {
    let ends_in = |left_ms: i64| {
        let mut facts = facts();
        facts.token.ends_ms = Some(NOW_MS + left_ms);
        let found = standing(&facts, &BOUNDS);
        for alert in &found {
            assert_eq!(
                (&*alert.subject, alert.until_ms),
                ("acme", facts.token.ends_ms)
            );
        }
        found.iter().map(|alert| alert.kind).collect::<Vec<_>>()
    };
    let (first, second, over) = (
        Kind::TokenExpiring,
        Kind::TokenExpiresSoon,
        Kind::TokenExpired,
    );
    assert_eq!(ends_in(14 * DAY_MS + 1), []);
    assert_eq!(ends_in(14 * DAY_MS), [first]);
    assert_eq!(ends_in(3 * DAY_MS + 1), [first]);
    assert_eq!(ends_in(3 * DAY_MS), [second, first]);
    assert_eq!(ends_in(1), [second, first]);
    assert_eq!(ends_in(0), [over, second, first]);
    assert_eq!(ends_in(-30 * DAY_MS), [over, second, first]);
    // One that does not end, and one of which nothing is known.
    assert_eq!(stands(&facts()), []);
}

#[test]
fn silence_means_something_only_after_enough_was_sent_and_somebody_listened() {
    let sent_ms = NOW_MS - HOUR_MS;
    let with = |traffic: Traffic, since_ms, stood| {
        let mut facts = facts();
        facts.numbers[0].traffic = traffic;
        facts.numbers[0].stood_silent = stood;
        facts.looking_since_ms = since_ms;
        stands(&facts)
    };
    let silent = Traffic {
        unheard: SILENT_SENDS_MIN,
        first_unheard_ms: Some(sent_ms),
        heard: false,
        last_inbound_ms: Some(sent_ms - 1),
    };
    let long = NOW_MS - DAY_MS;
    let stands = vec![(Kind::WebhooksSilent, "301".to_owned())];
    assert_eq!(with(silent, long, false), stands);
    let few = Traffic {
        unheard: SILENT_SENDS_MIN - 1,
        ..silent
    };
    assert_eq!(with(few, long, false), []);
    let heard = Traffic {
        heard: true,
        ..silent
    };
    assert_eq!(with(heard, long, false), []);
    let wrote = Traffic {
        last_inbound_ms: Some(sent_ms),
        ..silent
    };
    assert_eq!(with(wrote, long, false), []);
    // Right after a start, what did not come while nobody was there says nothing; what stood goes on.
    assert_eq!(with(silent, NOW_MS - 1_000, false), []);
    assert_eq!(with(silent, NOW_MS - 1_000, true), stands);
}

#[test]
fn a_number_that_nobody_could_read_stands_only_where_somebody_reads() {
    let with = |read_ms, is_read, since_ms, stood| {
        let mut facts = facts();
        facts.numbers[0].read_ms = read_ms;
        facts.numbers[0].is_read = is_read;
        facts.numbers[0].stood_unread = stood;
        facts.looking_since_ms = since_ms;
        stands(&facts)
    };
    let long = NOW_MS - DAY_MS;
    let stands = vec![(Kind::ReadsFailing, "301".to_owned())];
    assert_eq!(with(Some(NOW_MS - HOUR_MS), true, long, false), stands);
    assert_eq!(with(None, true, long, false), stands);
    assert_eq!(with(Some(NOW_MS - HOUR_MS + 1), true, long, false), []);
    assert_eq!(with(None, false, long, false), []);
    assert_eq!(with(None, true, NOW_MS - 1_000, false), []);
    assert_eq!(with(None, true, NOW_MS - 1_000, true), stands);
}

#[test]
fn a_warning_is_told_of_for_a_week() {
    let mut facts = told(Told::Warned);
    only(&facts, Kind::Warned, "201");
    facts.now_ms = NOW_MS - 1_000 + WARNED_MS;
    facts.numbers[0].read_ms = Some(facts.now_ms);
    assert_eq!(stands(&facts), []);
}

#[test]
fn every_condition_has_one_name_and_is_found_by_it() {
    for kind in Kind::ALL {
        assert_eq!(Kind::parse(kind.id()), Some(*kind));
    }
    // Whatever stops something on the platform's side is told, but for what is only on its way to being set up.
    let quiet = [
        Cause::SpamLimitOver,
        Cause::AccountPending,
        Cause::NumbersFull,
    ];
    for cause in Cause::ALL {
        let blocks = cause.kind() == greenline_policy::health::Kind::Block;
        assert!(
            !blocks || Kind::of(*cause).is_some() || quiet.contains(cause),
            "{cause:?}"
        );
    }
}

fn any_told() -> impl Strategy<Value = (Told, i64)> {
    let status = prop_oneof![
        Just(NumberStatus::Connected),
        Just(NumberStatus::Banned),
        Just(NumberStatus::Restricted),
        Just(NumberStatus::Other)
    ];
    let told = prop_oneof![
        status.prop_map(Told::Status),
        Just(Told::Ban(BanTold::Disabled)),
        Just(Told::Ban(BanTold::Reinstated)),
        Just(Told::Warned),
        Just(Told::StoodBy),
        Just(Told::Wrote),
        (0..20 * DAY_MS).prop_map(|end| restricted(
            RestrictionKind::BusinessInitiated,
            "A",
            Some(NOW_MS - 10 * DAY_MS + end)
        )),
    ];
    (told, (NOW_MS - 10 * DAY_MS)..NOW_MS)
}

proptest! {
    /// In whatever order and however often it was told, and by whichever number of an account: each condition stands
    /// once for whom it is about.
    #[test]
    fn the_same_facts_in_any_order_make_the_same_conditions(
        all in proptest::collection::vec(any_told(), 0..12),
    ) {
        let with = |told: &mut dyn Iterator<Item = &(Told, i64)>| {
            let mut facts = facts();
            for (told, at_ms) in told {
                facts.numbers[0].state.tell(told.clone(), Origin::Webhook, *at_ms);
            }
            facts
        };
        let once = standing(&with(&mut all.iter()), &BOUNDS);
        let again = standing(&with(&mut all.iter().rev().chain(&all)), &BOUNDS);
        prop_assert_eq!(&once, &again);
        let mut both = with(&mut all.iter());
        let mut twin = both.numbers[0].clone();
        twin.id = "301".into();
        twin.state.facts.reverse();
        both.numbers.push(twin);
        let both = standing(&both, &BOUNDS);
        prop_assert_eq!(&once, &both);
        let keys: Vec<_> = once.iter().map(|alert| (alert.kind, &alert.subject)).collect();
        let mut unique = keys.clone();
        unique.dedup();
        prop_assert_eq!(keys, unique);
    }
}
