//! What a number can still do: every status, ban, read, code and restriction, in combinations, and what must hold of
//! all of them.

mod twin;

use greenline_policy::health::state::{
    AccountStatus, BanTold, Entity, EntityKind, Fact, Health, Origin, Review, Sending, Told,
};
use greenline_policy::health::{Can, Cause, Matrix, Provided, State, What, capabilities};
use greenline_policy::number::{NumberStatus, RestrictionKind};
use greenline_policy::quality::Score;
use greenline_policy::reach::MessagingLimit;
use proptest::prelude::*;

/// 9 September 2026, noon.
const NOW: i64 = 1_788_955_200_000;
const HOUR: i64 = 60 * 60 * 1_000;
const DAY: i64 = 24 * HOUR;
const BIZ: &str = "RESTRICTED_BIZ_INITIATED_MESSAGING";
const CUSTOMER: &str = "RESTRICTED_CUSTOMER_INITIATED_MESSAGING";
/// Every word that the platform's documents have, an old spelling, and one that they do not have.
const WORDS: [&str; 12] = [
    BIZ,
    CUSTOMER,
    "RESTRICTED_ADD_PHONE_NUMBER_ACTION",
    "RESTRICTION_ON_ADD_PHONE_NUMBER_ACTION",
    "RESTRICTED_UTILITY_TEMPLATES",
    "RATE_LIMITED_UTILITY_TEMPLATE_MESSAGING",
    "RESTRICTED_DIRECT_SEND_UTILITY_TEMPLATES",
    "RESTRICTED_BUSINESS_INITIATED_CALLING",
    "RESTRICTED_USER_INITIATED_CALLING",
    "RESTRICTED_BIZ_INITIATED_AND_USER_INITIATED_CALLING",
    "RESTRICTED_USER_INITIATED_CALLING_CALL_BUTTON_HIDDEN",
    "RESTRICTED_BY_A_NEW_KIND_OF_RULE",
];

fn restricted(word: &str, until_ms: Option<i64>) -> Told {
    Told::Restricted {
        kind: RestrictionKind::parse(word),
        named: word.into(),
        until_ms,
    }
}

fn read(overall: Sending, entities: &[(EntityKind, Sending, &[u32])]) -> Told {
    let entity = |(kind, sending, codes): &(EntityKind, Sending, &[u32])| Entity {
        kind: *kind,
        sending: *sending,
        codes: codes.to_vec(),
    };
    Told::Health(Health {
        overall,
        entities: entities.iter().map(entity).collect(),
    })
}

fn available() -> Told {
    read(Sending::Available, &[])
}

fn blocked(codes: &[u32]) -> Told {
    let account = (EntityKind::Account, Sending::Blocked, codes);
    read(Sending::Blocked, &[account])
}

/// A number that was connected long ago.
fn connected() -> State {
    State::at(NOW).with(
        Told::Status(NumberStatus::Connected),
        Origin::Read,
        NOW - 100 * DAY,
    )
}

fn can(state: &State, at_ms: i64) -> [Can; 8] {
    let matrix = capabilities(state, at_ms);
    What::ALL.map(|what| matrix.cell(what).expect("every capability has a row").can)
}

fn one(matrix: &Matrix, what: What) -> (Can, Option<i64>, Cause) {
    let cell = matrix.cell(what).expect("every capability has a row");
    (cell.can, cell.until_ms, cell.cause)
}

/// As the twin sees it, and never a yes where something in force forbids it.
#[track_caller]
fn holds_true(state: &State, at_ms: i64) {
    let found = can(state, at_ms);
    for (what, found) in What::ALL.into_iter().zip(found) {
        let expected = twin::can(state, what, at_ms);
        assert_eq!(found, expected, "{what:?} at {at_ms}: {state:#?}");
    }
    for fact in &state.facts {
        let Told::Restricted {
            kind,
            named,
            until_ms,
        } = &fact.told
        else {
            continue;
        };
        let newer = state.facts.iter().any(|other| {
            let of_word = |told: &Told| matches!(told, Told::Restricted { named: other, .. } | Told::Lifted { named: other } if other == named);
            other != fact && other.at_ms >= fact.at_ms && of_word(&other.told)
        });
        let live = fact.at_ms <= at_ms.min(NOW) && until_ms.is_none_or(|until_ms| until_ms > at_ms);
        let reinstated = Told::Ban(BanTold::Reinstated);
        let ended = state.facts.iter().any(|fact| fact.told == reinstated) && until_ms.is_none();
        if newer || !live || ended {
            continue;
        }
        let forbids: &[What] = match kind {
            RestrictionKind::BusinessInitiated | RestrictionKind::Unknown => &What::ALL[..3],
            RestrictionKind::CustomerInitiated => &[What::Reply],
            RestrictionKind::UtilityTemplates => &[What::StartUtility],
            RestrictionKind::AddingNumbers => &[What::AddNumber],
            RestrictionKind::Calling => &[What::Call],
            RestrictionKind::ReceivingCalls => &[What::ReceiveCall],
            RestrictionKind::AllCalls => &[What::Call, What::ReceiveCall],
            _ => &[],
        };
        for what in forbids {
            assert_eq!(found[*what as usize], Can::No, "{what:?}: {state:#?}");
        }
    }
}

/// Ends of a restriction: none, two that are to come, and one that has passed.
const ENDS: [Option<i64>; 4] = [None, Some(NOW + DAY), Some(NOW + 7 * DAY), Some(NOW - DAY)];
/// Now, between the ends that are to come, after both, and while what has ended was in force.
const MOMENTS: [i64; 4] = [NOW, NOW + 3 * DAY, NOW + 8 * DAY, NOW - 2 * DAY];

#[test]
fn every_pair_of_restrictions_with_every_pair_of_ends() {
    for status in [NumberStatus::Connected, NumberStatus::Restricted] {
        for (at, first) in WORDS.into_iter().enumerate() {
            for second in &WORDS[at..] {
                for ends in ENDS.map(|end| ENDS.map(|other| (end, other))).concat() {
                    let state = State::at(NOW)
                        .with(Told::Status(status), Origin::Read, NOW - 9 * DAY)
                        .with(restricted(first, ends.0), Origin::Webhook, NOW - 4 * DAY)
                        .with(restricted(second, ends.1), Origin::Webhook, NOW - 3 * DAY);
                    for at_ms in MOMENTS {
                        holds_true(&state, at_ms);
                    }
                }
            }
        }
    }
}

#[test]
fn every_status_with_every_ban_read_and_code() {
    let bans = [
        None,
        Some(BanTold::Disabled),
        Some(BanTold::Unclear),
        Some(BanTold::Scheduled(None)),
        Some(BanTold::Scheduled(Some(NOW - DAY / 2))),
        Some(BanTold::Scheduled(Some(NOW + 5 * DAY))),
        Some(BanTold::Reinstated),
    ];
    let reads = [
        None,
        Some(available()),
        Some(blocked(&[])),
        Some(blocked(&[141_008])),
        Some(blocked(&[141_014])),
        Some(blocked(&[141_006])),
        Some(blocked(&[199_999])),
        Some(read(Sending::Limited, &[])),
        Some(read(Sending::Other, &[])),
        Some(read(
            Sending::Blocked,
            &[(EntityKind::Template, Sending::Blocked, &[141_002])],
        )),
    ];
    let codes = [
        None,
        Some(131_031),
        Some(368),
        Some(131_048),
        Some(131_064),
        Some(131_042),
    ];
    for status in NumberStatus::ALL.into_iter().map(Some).chain([None]) {
        for ban in &bans {
            for read in &reads {
                for code in codes {
                    let mut state = State::at(NOW);
                    if let Some(status) = status {
                        state.tell(Told::Status(status), Origin::Read, NOW - 9 * DAY);
                    }
                    if let Some(ban) = ban {
                        state.tell(Told::Ban(*ban), Origin::Webhook, NOW - 8 * DAY);
                    }
                    if let Some(code) = code {
                        state.tell(Told::Failed(code), Origin::Error, NOW - 2 * HOUR);
                    }
                    if let Some(read) = read {
                        state.tell(read.clone(), Origin::Read, NOW - HOUR);
                    }
                    for at_ms in [NOW, NOW + 10 * DAY, NOW + 30 * DAY] {
                        holds_true(&state, at_ms);
                    }
                }
            }
        }
    }
}

/// The last word of the first line, some of whose tests are spelled out.
#[test]
fn the_table_of_what_a_bot_can_still_do() {
    use Can::{No, Unknown, Yes};
    let cases: [(&str, State, [Can; 5]); 15] = [
        ("nothing known", State::at(NOW), [Unknown; 5]),
        ("connected", connected(), [Yes; 5]),
        (
            "warning",
            connected().with(Told::Warned, Origin::Webhook, NOW - DAY),
            [Yes; 5],
        ),
        (
            "1 or 3 days",
            connected().with(restricted(BIZ, Some(NOW + DAY)), Origin::Webhook, NOW),
            [No, No, No, Yes, Yes],
        ),
        (
            "5, 7 or 30 days",
            connected()
                .with(restricted(BIZ, Some(NOW + DAY)), Origin::Webhook, NOW)
                .with(restricted(CUSTOMER, Some(NOW + DAY)), Origin::Webhook, NOW),
            [No, No, No, No, Yes],
        ),
        (
            "answers alone",
            connected().with(restricted(CUSTOMER, Some(NOW + DAY)), Origin::Webhook, NOW),
            [Unknown, Unknown, Unknown, No, Yes],
        ),
        (
            "lock",
            connected().with(blocked(&[141_008]), Origin::Read, NOW),
            [No, No, No, No, Unknown],
        ),
        (
            "ban",
            connected().with(Told::Ban(BanTold::Disabled), Origin::Webhook, NOW),
            [No; 5],
        ),
        (
            "131031",
            connected().with(Told::Failed(131_031), Origin::Error, NOW),
            [No, No, No, No, Unknown],
        ),
        (
            "368",
            connected().with(Told::Failed(368), Origin::Error, NOW),
            [No, No, No, Unknown, Yes],
        ),
        (
            "131048",
            connected().with(Told::Failed(131_048), Origin::Error, NOW),
            [No, No, No, Yes, Yes],
        ),
        (
            "utility goes as marketing",
            connected().with(
                restricted("RESTRICTED_UTILITY_TEMPLATES", Some(NOW + DAY)),
                Origin::Webhook,
                NOW,
            ),
            [Yes, No, Yes, Yes, Yes],
        ),
        (
            "payment, answers still free",
            connected().with(blocked(&[141_006]), Origin::Read, NOW),
            [No, No, No, Yes, Yes],
        ),
        (
            "rated low",
            connected().with(Told::Rating(Score::Red), Origin::Read, NOW),
            [Yes; 5],
        ),
        (
            "review rejected",
            connected().with(Told::Review(Review::Rejected), Origin::Read, NOW),
            [Unknown; 5],
        ),
    ];
    for (name, state, expected) in cases {
        assert_eq!(can(&state, NOW)[..5], expected, "{name}");
        holds_true(&state, NOW);
    }
}

#[test]
fn an_end_that_passed_opens_only_with_a_newer_read() {
    let end = NOW - DAY;
    let state = connected().with(restricted(BIZ, Some(end)), Origin::Webhook, NOW - 4 * DAY);
    let matrix = capabilities(&state, NOW);
    let cell = matrix.cell(What::StartMarketing).unwrap();
    assert_eq!(
        (cell.can, cell.cause),
        (Can::Unknown, Cause::RestrictionEnded)
    );
    assert_eq!(cell.provided, Some(Provided::AvailableAfter(end)));
    assert_eq!(can(&state, NOW)[3..5], [Can::Yes; 2]);
    for (read, at_ms, expected) in [
        (available(), end, Can::Unknown),
        (available(), end + 1, Can::Yes),
        (blocked(&[]), end + 1, Can::No),
        (read(Sending::Limited, &[]), end + 1, Can::Unknown),
        // What is said of the account counts, not what is said of the number's name.
        (
            read(
                Sending::Limited,
                &[
                    (EntityKind::Number, Sending::Limited, &[]),
                    (EntityKind::Account, Sending::Available, &[]),
                ],
            ),
            end + 1,
            Can::Yes,
        ),
    ] {
        let state = state.clone().with(read.clone(), Origin::Read, at_ms);
        assert_eq!(can(&state, NOW)[0], expected, "{read:?} at {at_ms}");
    }
    // Opened once, it stays open: a later problem of another kind answers for itself.
    let later = state.with(available(), Origin::Read, end + 1).with(
        blocked(&[141_006]),
        Origin::Read,
        end + 2,
    );
    let matrix = capabilities(&later, NOW);
    assert_eq!(one(&matrix, What::StartMarketing).2, Cause::Payment);
    assert_eq!(one(&matrix, What::Reply).0, Can::Yes);
}

#[test]
fn asked_in_advance_a_restriction_ends_on_a_condition() {
    let end = NOW + DAY;
    let state = connected().with(restricted(BIZ, Some(end)), Origin::Webhook, NOW);
    let before = capabilities(&state, end - 1);
    assert_eq!(
        one(&before, What::StartUtility),
        (Can::No, Some(end), Cause::StartsRestricted)
    );
    let after = capabilities(&state, end);
    let cell = after.cell(What::StartUtility).unwrap();
    assert_eq!((cell.can, cell.cause), (Can::Yes, Cause::RestrictionEnds));
    assert_eq!(cell.provided, Some(Provided::AvailableAfter(end)));
}

#[test]
fn of_several_ends_the_latest_answers() {
    let ends = [NOW + DAY, NOW + 30 * DAY];
    for (biz, unknown) in [(ends[0], ends[1]), (ends[1], ends[0])] {
        let state = connected()
            .with(restricted(BIZ, Some(biz)), Origin::Webhook, NOW - 1)
            .with(restricted(WORDS[11], Some(unknown)), Origin::Webhook, NOW);
        let (can, until_ms, _) = one(&capabilities(&state, NOW), What::StartMarketing);
        assert_eq!((can, until_ms), (Can::No, Some(ends[1])));
        let matrix = capabilities(&state, NOW + 2 * DAY);
        let (can, until_ms, _) = one(&matrix, What::StartMarketing);
        assert_eq!((can, until_ms), (Can::No, Some(ends[1])));
    }
    let endless = connected()
        .with(restricted(BIZ, None), Origin::Webhook, NOW - 1)
        .with(restricted(WORDS[11], Some(ends[0])), Origin::Webhook, NOW);
    let (can, until_ms, cause) = one(&capabilities(&endless, NOW), What::StartMarketing);
    assert_eq!(
        (can, until_ms, cause),
        (Can::No, None, Cause::StartsRestricted)
    );
}

/// N5: by the platform's own time and not by arrival; what is not named keeps its end.
#[test]
fn the_newest_news_of_a_word_counts_whenever_it_arrives() {
    let older = Fact {
        told: restricted(BIZ, Some(NOW + 30 * DAY)),
        origin: Origin::Webhook,
        at_ms: NOW - 2,
    };
    let newer = Fact {
        told: restricted(BIZ, Some(NOW + DAY)),
        origin: Origin::Webhook,
        at_ms: NOW - 1,
    };
    let other = Fact {
        told: restricted(WORDS[2], Some(NOW + 30 * DAY)),
        origin: Origin::Webhook,
        at_ms: NOW,
    };
    for facts in [
        [older.clone(), newer.clone(), other.clone()],
        [other, newer, older],
    ] {
        let mut state = connected();
        state.facts.extend(facts);
        let matrix = capabilities(&state, NOW);
        let (can, until_ms, _) = one(&matrix, What::StartMarketing);
        assert_eq!((can, until_ms), (Can::No, Some(NOW + DAY)));
        let (can, until_ms, _) = one(&matrix, What::AddNumber);
        assert_eq!((can, until_ms), (Can::No, Some(NOW + 30 * DAY)));
    }
    // Of one moment the stricter.
    let tied = connected()
        .with(restricted(BIZ, Some(NOW + DAY)), Origin::Webhook, NOW)
        .with(restricted(BIZ, Some(NOW + 3 * DAY)), Origin::Webhook, NOW)
        .with(Told::Lifted { named: BIZ.into() }, Origin::Webhook, NOW);
    let (_, until_ms, _) = one(&capabilities(&tied, NOW), What::StartMarketing);
    assert_eq!(until_ms, Some(NOW + 3 * DAY));
}

#[test]
fn what_the_platform_takes_back_needs_no_read() {
    let word = "RATE_LIMITED_UTILITY_TEMPLATE_MESSAGING";
    let limited = connected()
        .with(restricted(word, None), Origin::Webhook, NOW - 10 * DAY)
        .with(Told::Failed(131_064), Origin::Error, NOW - HOUR);
    let matrix = capabilities(&limited, NOW);
    let until = Some(NOW - HOUR + DAY);
    assert_eq!(
        one(&matrix, What::StartUtility),
        (Can::No, until, Cause::UtilityLimit)
    );
    let later = capabilities(&limited, NOW + 2 * DAY);
    assert_eq!(one(&later, What::StartUtility).0, Can::Unknown);
    assert_eq!(one(&later, What::StartMarketing).0, Can::Yes);
    let over = limited.with(Told::Lifted { named: word.into() }, Origin::Webhook, NOW);
    assert_eq!(can(&over, NOW)[..5], [Can::Yes; 5]);
}

/// N7.
#[test]
fn a_spam_limit_closes_a_day_and_then_nobody_knows() {
    let seen = NOW - 30 * HOUR;
    let state = connected().with(Told::Failed(131_048), Origin::Error, seen);
    let matrix = capabilities(&state, seen + DAY - 1);
    let closed = (Can::No, Some(seen + DAY), Cause::SpamLimit);
    assert_eq!(one(&matrix, What::StartMarketing), closed);
    assert_eq!(
        can(&state, seen + DAY)[..4],
        [Can::Unknown, Can::Unknown, Can::Unknown, Can::Yes]
    );
    // In advance too: that the day will have passed proves nothing.
    let fresh = connected().with(Told::Failed(131_048), Origin::Error, NOW);
    assert_eq!(can(&fresh, NOW + 2 * DAY)[0], Can::Unknown);
    for (told, at_ms, expected) in [
        (available(), seen + DAY, Can::Unknown),
        (available(), seen + DAY + 1, Can::Yes),
        (Told::Delivered, seen + DAY + 1, Can::Yes),
        (
            Told::Status(NumberStatus::Connected),
            seen + DAY + 1,
            Can::Yes,
        ),
        (Told::Delivered, seen + HOUR, Can::Unknown),
    ] {
        let state = state.clone().with(told, Origin::Read, at_ms);
        assert_eq!(can(&state, NOW)[0], expected);
    }
}

/// N6.
#[test]
fn what_a_refusal_meant_is_read() {
    for code in [131_031, 368] {
        let state = connected().with(Told::Failed(code), Origin::Error, NOW - HOUR);
        for (told, expected) in [
            (available(), [Can::Yes, Can::Yes, Can::Yes]),
            (blocked(&[141_008]), [Can::No, Can::No, Can::Unknown]),
            (blocked(&[141_014]), [Can::No, Can::No, Can::No]),
        ] {
            let read = state.clone().with(told.clone(), Origin::Read, NOW);
            let [start, _, _, reply, receive, ..] = can(&read, NOW);
            assert_eq!([start, reply, receive], expected, "{code}, {told:?}");
        }
        let stale = state.with(available(), Origin::Read, NOW - HOUR);
        assert_eq!(
            can(&stale, NOW)[0],
            Can::No,
            "a read of the same moment is stale"
        );
    }
    // N6 names what a read can make of it, and LIMITED is not among that: not even where something else that is known
    // limits the account, since the read does not say that it limits nothing more.
    let policy = connected()
        .with(Told::Failed(368), Origin::Error, NOW - 2 * DAY)
        .with(
            restricted(BIZ, Some(NOW - DAY)),
            Origin::Webhook,
            NOW - 2 * DAY,
        )
        .with(restricted(WORDS[2], None), Origin::Webhook, NOW - 2 * DAY);
    let limited = policy.with(read(Sending::Limited, &[]), Origin::Read, NOW - HOUR);
    let matrix = capabilities(&limited, NOW);
    assert_eq!(one(&matrix, What::Reply).0, Can::Unknown);
    assert_eq!(one(&matrix, What::StartUtility).2, Cause::PolicyRefused);
    let available = limited.with(available(), Origin::Read, NOW);
    assert_eq!(can(&available, NOW)[..4], [Can::Yes; 4]);
}

/// N8 and ENF-31: until the last day of September 2026 answers were free.
#[test]
fn what_a_payment_problem_closes_depends_on_the_day() {
    let october = greenline_policy::pack::Day::new(2026, 10, 1).start_ms();
    let state = connected().with(blocked(&[141_006]), Origin::Read, NOW);
    assert_eq!(
        can(&state, october - 1)[..4],
        [Can::No, Can::No, Can::No, Can::Yes]
    );
    assert_eq!(
        can(&state, october)[..4],
        [Can::No, Can::No, Can::No, Can::Unknown]
    );
}

/// N14: the day of a text date has no hour.
#[test]
fn a_scheduled_disable_closes_with_its_day() {
    let day = NOW - NOW.rem_euclid(DAY) + 5 * DAY;
    let told = Told::Ban(BanTold::Scheduled(Some(day)));
    let state = connected().with(told, Origin::Webhook, NOW);
    let matrix = capabilities(&state, day - 1);
    assert_eq!(
        one(&matrix, What::StartMarketing),
        (Can::Yes, Some(day), Cause::BanScheduled)
    );
    assert_eq!(
        one(&capabilities(&state, day), What::StartMarketing).0,
        Can::Unknown
    );
    let later = State {
        as_of_ms: day + 3 * DAY,
        ..state
    };
    for (at_ms, expected) in [(day + HOUR, Can::Unknown), (day + DAY + 1, Can::Yes)] {
        let read = later.clone().with(available(), Origin::Read, at_ms);
        assert_eq!(can(&read, day + 2 * DAY)[0], expected);
    }
    let back = later.with(Told::Ban(BanTold::Reinstated), Origin::Webhook, day + HOUR);
    assert_eq!(can(&back, day + 2 * DAY)[0], Can::Yes);
}

/// N12 and Q10: the watch ended with 6 October 2025, and with it what it threatened.
#[test]
fn flagged_sends_and_answers_in_both_eras() {
    let since = greenline_policy::pack::Day::new(2025, 10, 7).start_ms();
    let state = State::at(NOW).with(
        Told::Status(NumberStatus::Flagged),
        Origin::Read,
        since - 3 * DAY,
    );
    for (at_ms, cause) in [(since - 1, Cause::Flagged), (since, Cause::FlaggedGone)] {
        let matrix = capabilities(&state, at_ms);
        for what in &What::ALL[..5] {
            assert_eq!(one(&matrix, *what), (Can::Yes, None, cause));
        }
    }
}

#[test]
fn the_portfolios_limit_counts_since_it_is_the_portfolios() {
    let since = greenline_policy::pack::Day::new(2025, 10, 7).start_ms();
    let full = |at_ms: i64| {
        State::at(NOW)
            .with(
                Told::Status(NumberStatus::Connected),
                Origin::Read,
                at_ms - DAY,
            )
            .with(
                Told::Limit(MessagingLimit::People(250)),
                Origin::Read,
                at_ms - DAY,
            )
            .with(
                Told::Reached {
                    people: 250,
                    frees_at_ms: Some(at_ms + HOUR),
                },
                Origin::Count,
                at_ms,
            )
    };
    let matrix = capabilities(&full(NOW), NOW);
    assert_eq!(
        one(&matrix, What::StartMarketing),
        (Can::No, Some(NOW + HOUR), Cause::LimitUsedUp)
    );
    assert_eq!(one(&matrix, What::Reply).0, Can::Yes);
    assert_eq!(can(&full(NOW), NOW + HOUR)[0], Can::Yes);
    assert_eq!(can(&full(since - HOUR), since - HOUR)[0], Can::Yes);
    let unlimited = full(NOW).with(Told::Limit(MessagingLimit::Unlimited), Origin::Read, NOW);
    assert_eq!(can(&unlimited, NOW)[0], Can::Yes);
}

/// N2: what was told later was not known.
#[test]
fn the_past_is_told_by_what_was_known() {
    let state = connected().with(restricted(BIZ, None), Origin::Webhook, NOW - DAY);
    assert_eq!(can(&state, NOW - 200 * DAY)[..5], [Can::Unknown; 5]);
    assert_eq!(can(&state, NOW - 2 * DAY)[..5], [Can::Yes; 5]);
    assert_eq!(can(&state, NOW)[0], Can::No);
}

#[test]
fn silence_is_named_only_where_facts_say_so() {
    let receive = |state: &State| {
        let matrix = capabilities(state, NOW);
        let (can, _, cause) = one(&matrix, What::Receive);
        (can, cause)
    };
    let stood_by = connected().with(Told::StoodBy, Origin::Webhook, NOW - HOUR);
    assert_eq!(receive(&stood_by), (Can::Unknown, Cause::StoodBy));
    let written = stood_by.with(Told::Wrote, Origin::Webhook, NOW);
    assert_eq!(receive(&written), (Can::Yes, Cause::Connected));
    let lost = connected().with(Told::Subscribed(false), Origin::Read, NOW);
    assert_eq!(receive(&lost), (Can::No, Cause::NotSubscribed));
    assert_eq!(can(&lost, NOW)[..4], [Can::Yes; 4]);
    let left = connected().with(Told::Offboarded, Origin::Webhook, NOW - HOUR);
    assert_eq!(receive(&left), (Can::No, Cause::Offboarded));
    for back in [Told::Reconnected, Told::Status(NumberStatus::Connected)] {
        let state = left.clone().with(back, Origin::Webhook, NOW);
        assert_eq!(receive(&state), (Can::Yes, Cause::Connected));
    }
    let moved = connected().with(Told::Status(NumberStatus::Migrated), Origin::Read, NOW);
    assert_eq!(receive(&moved), (Can::No, Cause::Migrated));
}

/// N10.
#[test]
fn calls_and_new_numbers_are_not_known_until_told() {
    let calls = |state: &State| {
        let [.., call, receive_call, add] = can(state, NOW);
        [call, receive_call, add]
    };
    assert_eq!(calls(&connected()), [Can::Unknown; 3]);
    let told = |held, most| connected().with(Told::Numbers { held, most }, Origin::Webhook, NOW);
    assert_eq!(calls(&told(2, 20))[2], Can::Yes);
    assert_eq!(calls(&told(20, 20))[2], Can::No);
    let locked = told(2, 20).with(blocked(&[141_008]), Origin::Read, NOW);
    assert_eq!(calls(&locked), [Can::No, Can::Unknown, Can::No]);
    let disabled = told(2, 20).with(Told::Account(AccountStatus::Disabled), Origin::Read, NOW);
    assert_eq!(calls(&disabled), [Can::No; 3]);
}

/// Facts of every kind, each of a moment of its own.
fn any_fact() -> impl Strategy<Value = Told> {
    let moment = || prop::option::weighted(0.9, NOW - 6 * DAY..NOW + 6 * DAY);
    let word = || prop::sample::select(WORDS.to_vec());
    let ban = prop_oneof![
        Just(BanTold::Disabled),
        Just(BanTold::Unclear),
        moment().prop_map(BanTold::Scheduled),
        Just(BanTold::Reinstated),
    ];
    let sending = || {
        prop::sample::select(vec![
            Sending::Blocked,
            Sending::Other,
            Sending::Limited,
            Sending::Available,
        ])
    };
    let kind = prop::sample::select(vec![
        EntityKind::Number,
        EntityKind::Account,
        EntityKind::Template,
        EntityKind::Business,
    ]);
    let codes = prop::collection::vec(
        prop::sample::select(vec![141_006, 141_008, 141_014, 141_010, 368, 1]),
        0..2,
    );
    let entity = (kind, sending(), codes).prop_map(|(kind, sending, codes)| Entity {
        kind,
        sending,
        codes,
    });
    let health = (sending(), prop::collection::vec(entity, 0..3))
        .prop_map(|(overall, entities)| Told::Health(Health { overall, entities }));
    let code = prop::sample::select(vec![131_031, 368, 131_048, 131_064, 131_042, 131_026]);
    prop_oneof![
        3 => prop::sample::select(NumberStatus::ALL.to_vec()).prop_map(Told::Status),
        6 => (word(), moment()).prop_map(|(word, until)| restricted(word, until)),
        1 => word().prop_map(|named| Told::Lifted { named: named.into() }),
        3 => health,
        2 => ban.prop_map(Told::Ban),
        2 => code.prop_map(Told::Failed),
        1 => prop::sample::select(vec![
            Told::Delivered,
            Told::Warned,
            Told::Offboarded,
            Told::Reconnected,
            Told::StoodBy,
            Told::Wrote,
            Told::Subscribed(true),
            Told::Subscribed(false),
            Told::AccountDeleted,
            Told::Account(AccountStatus::Active),
            Told::Account(AccountStatus::Restricted),
            Told::Account(AccountStatus::Disabled),
            Told::Account(AccountStatus::Pending),
            Told::Review(Review::Rejected),
            Told::Review(Review::Restricted),
            Told::Review(Review::Fine),
            Told::Rating(Score::Red),
            Told::NameApproved(false),
            Told::Limit(MessagingLimit::People(250)),
            Told::Limit(MessagingLimit::People(2_000)),
            Told::Reached { people: 250, frees_at_ms: Some(NOW + HOUR) },
            Told::Numbers { held: 2, most: 2 },
        ]),
    ]
}

fn any_state() -> impl Strategy<Value = State> {
    let fact = (any_fact(), 0..12 * DAY / HOUR);
    prop::collection::vec(fact, 0..9).prop_map(|facts| {
        let mut state = State::at(NOW);
        for (place, (told, hours)) in facts.into_iter().enumerate() {
            let place = i64::try_from(place).expect("few facts");
            state.tell(told, Origin::Webhook, NOW - hours * HOUR - place);
        }
        state
    })
}

/// Something bad of a kind that nothing was told of yet.
fn any_trouble() -> impl Strategy<Value = Told> {
    prop_oneof![
        prop::sample::select(WORDS.to_vec()).prop_map(|word| restricted(word, None)),
        prop::sample::select(vec![131_031, 368, 131_048, 131_064, 131_042]).prop_map(Told::Failed),
        Just(Told::Ban(BanTold::Disabled)),
        Just(Told::Ban(BanTold::Unclear)),
        Just(Told::Account(AccountStatus::Restricted)),
        Just(Told::Review(Review::Rejected)),
        Just(Told::AccountDeleted),
        Just(Told::Offboarded),
        Just(Told::StoodBy),
        Just(Told::Subscribed(false)),
        Just(blocked(&[])),
        Just(blocked(&[141_008])),
    ]
}

fn same_kind(one: &Told, other: &Told) -> bool {
    let word = |told: &Told| match told {
        Told::Restricted { named, .. } | Told::Lifted { named } => Some(named.clone()),
        _ => None,
    };
    match (one, other) {
        (Told::Failed(one), Told::Failed(other)) => one == other,
        (Told::Offboarded, Told::Reconnected) | (Told::StoodBy, Told::Wrote) => true,
        // A read that is newer than a refusal explains it, whatever else it brings.
        (Told::Health(_), Told::Health(_)) => true,
        _ if word(one).is_some() => word(one) == word(other),
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

fn any_moment() -> impl Strategy<Value = i64> {
    prop_oneof![Just(NOW), NOW - 12 * DAY..NOW + 12 * DAY]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn agrees_with_the_twin(state in any_state(), at_ms in any_moment()) {
        holds_true(&state, at_ms);
    }

    #[test]
    fn the_order_of_arrival_changes_nothing(state in any_state(), at_ms in any_moment(), by in 0..9usize) {
        let mut other = state.clone();
        if !other.facts.is_empty() {
            let by = by % other.facts.len();
            other.facts.rotate_left(by);
        }
        prop_assert_eq!(capabilities(&state, at_ms), capabilities(&other, at_ms));
        other.facts.reverse();
        prop_assert_eq!(capabilities(&state, at_ms), capabilities(&other, at_ms));
    }

    #[test]
    fn more_trouble_never_opens_more(state in any_state(), trouble in any_trouble(), at_ms in any_moment(), ago in 0..12 * DAY) {
        prop_assume!(!state.facts.iter().any(|fact| same_kind(&trouble, &fact.told)));
        let worse = state.clone().with(trouble, Origin::Webhook, NOW - ago);
        for (before, after) in can(&state, at_ms).into_iter().zip(can(&worse, at_ms)) {
            prop_assert!(after <= before, "{:#?}", worse);
        }
    }

    #[test]
    fn a_stale_read_opens_nothing(state in any_state(), at_ms in any_moment()) {
        // Older than anything that was told, and than any end.
        let state = state.with(Told::Status(NumberStatus::Connected), Origin::Read, NOW - 30 * DAY);
        let stale = state.clone().with(available(), Origin::Read, NOW - 40 * DAY);
        let is_unclear = |told: &Told| matches!(told, Told::Status(NumberStatus::Other | NumberStatus::Unknown));
        prop_assume!(!state.facts.iter().any(|fact| is_unclear(&fact.told)));
        prop_assert_eq!(can(&state, at_ms), can(&stale, at_ms));
    }

    #[test]
    fn what_is_told_later_was_not_known(state in any_state(), at_ms in NOW - 12 * DAY..NOW) {
        let mut then = state.clone();
        then.facts.retain(|fact| fact.at_ms <= at_ms);
        prop_assert_eq!(capabilities(&state, at_ms), capabilities(&then, at_ms));
    }

    #[test]
    fn an_answer_holds_until_its_end(state in any_state(), part in 0..1_000i64) {
        let matrix = capabilities(&state, NOW);
        for cell in matrix.cells.iter().filter(|cell| cell.can == Can::No) {
            let Some(until_ms) = cell.until_ms else { continue };
            prop_assert!(until_ms > NOW);
            let between = NOW + (until_ms - 1 - NOW) * part / 1_000;
            let later = capabilities(&state, between);
            prop_assert_eq!(later.cell(cell.what).unwrap().can, Can::No, "{:?}", cell);
            let after = capabilities(&state, until_ms);
            let after = after.cell(cell.what).unwrap();
            prop_assert!(after.can != Can::No, "{:?}, then {:?}", cell, after);
        }
    }
}

/// What an account is held by beside restrictions is judged by sends as by the matrix, at every date.
#[test]
fn what_holds_an_account_is_the_same_to_sends_and_to_the_matrix() {
    use greenline_policy::decide::NumberFacts;
    use greenline_policy::health::in_the_way;
    use greenline_policy::number::Restriction;

    let told_ms = NOW - 2 * DAY;
    let day = Some(NOW + DAY);
    let cases = [
        (
            RestrictionKind::UtilityLimit,
            Some(told_ms + DAY),
            Told::Failed(131_064),
        ),
        (
            RestrictionKind::BanScheduled,
            day,
            Told::Ban(BanTold::Scheduled(day)),
        ),
        (
            RestrictionKind::BanScheduled,
            None,
            Told::Ban(BanTold::Scheduled(None)),
        ),
        (
            RestrictionKind::BanUnclear,
            None,
            Told::Ban(BanTold::Unclear),
        ),
        (
            RestrictionKind::AccountDisabled,
            None,
            Told::Account(AccountStatus::Disabled),
        ),
        (
            RestrictionKind::AccountRestricted,
            None,
            Told::Account(AccountStatus::Restricted),
        ),
        (
            RestrictionKind::AccountPending,
            None,
            Told::Account(AccountStatus::Pending),
        ),
        (RestrictionKind::AccountDeleted, None, Told::AccountDeleted),
        (
            RestrictionKind::ReviewRejected,
            None,
            Told::Review(Review::Rejected),
        ),
        (
            RestrictionKind::ReviewRestricted,
            None,
            Told::Review(Review::Restricted),
        ),
        (RestrictionKind::Offboarded, None, Told::Offboarded),
    ];
    for (kind, until_ms, told) in cases {
        let word = kind.own_word().expect("a word of ours");
        assert_eq!(RestrictionKind::parse(word), kind);
        let state = connected().with(told, Origin::Webhook, told_ms);
        let number = NumberFacts {
            status: NumberStatus::Connected,
            restrictions: vec![Restriction { kind, until_ms }],
            watched: true,
            ..NumberFacts::default()
        };
        let moments = [
            told_ms + 1,
            told_ms + DAY - 1,
            told_ms + DAY,
            NOW,
            NOW + DAY,
            NOW + 3 * DAY,
        ];
        for at_ms in moments {
            let found = can(&state, at_ms);
            for what in &What::ALL[..4] {
                let mut sends = Can::Yes;
                in_the_way(&number, at_ms, |holds| {
                    sends = sends.min(holds.says(*what).unwrap_or(Can::Yes));
                });
                assert_eq!(sends, found[*what as usize], "{kind:?} {what:?} at {at_ms}");
            }
        }
    }
}
