//! What is said of what a number can still do: everything has its words and its sources, and the whole matrix is there
//! to be read.

use std::fmt::Write as _;

use greenline_guide::{Confidence, Guide};
use greenline_policy::health::state::{BanTold, Entity, EntityKind, Health, Origin, Sending, Told};
use greenline_policy::health::{Can, Cause, Kind, Provided, State, What, capabilities};
use greenline_policy::number::{NumberStatus, RestrictionKind};
use greenline_policy::pack::Day;
use greenline_policy::quality::Score;
use greenline_policy::reach::MessagingLimit;

const DAY: i64 = 24 * 60 * 60 * 1_000;

#[test]
fn every_cause_has_its_words_and_nothing_else_has() {
    let guide = Guide::this();
    for cause in Cause::ALL.iter().copied() {
        let card = guide.cause(cause);
        let card = card.unwrap_or_else(|| panic!("{}: not in capabilities.toml", cause.id()));
        for text in [&card.title, &card.say] {
            assert!(!text.is_empty(), "{}", cause.id());
        }
        assert!(card.say.ends_with('.'), "{}: a sentence", cause.id());
        assert_eq!(
            card.ends.is_empty(),
            cause.kind() == Kind::Fine && cause != Cause::NothingKnown,
            "{}: how it ends",
            cause.id()
        );
        assert_eq!(
            card.tell.is_some(),
            cause.kind() == Kind::LookAlike,
            "{}: how it is told apart",
            cause.id()
        );
        assert!(guide.article(&card.article).is_some(), "{}", cause.id());
    }
    assert_eq!(guide.causes().count(), Cause::ALL.len());
}

#[test]
fn every_cell_has_its_sources_and_no_other_is_worded() {
    let guide = Guide::this();
    for cause in Cause::ALL.iter().copied() {
        let card = guide.cause(cause).unwrap();
        for what in What::ALL {
            let name = format!("{}, {}", cause.id(), what.as_str());
            let said = card.about(what);
            assert_eq!(cause.says(what).is_some(), said.is_some(), "{name}");
            let Some(said) = said else { continue };
            assert!(!said.sources.is_empty(), "{name}");
            let facts: Vec<_> = said
                .sources
                .iter()
                .map(|id| {
                    guide
                        .fact(id)
                        .unwrap_or_else(|| panic!("{name}: fact `{id}`"))
                })
                .collect();
            let best = facts.iter().map(|fact| fact.confidence).max();
            assert!(
                best >= Some(said.confidence),
                "{name}: surer than its facts"
            );
            // N3.
            if said.confidence == Confidence::Low {
                assert_eq!(cause.says(what), Some(Can::Unknown), "{name}");
            }
        }
    }
}

/// A row for each cause and what it says: the matrix as it is reviewed.
#[test]
fn the_matrix() {
    let guide = Guide::this();
    let mut table = String::new();
    for cause in Cause::ALL.iter().copied() {
        let card = guide.cause(cause).unwrap();
        writeln!(
            table,
            "{} ({}): {}",
            cause.id(),
            cause.kind().as_str(),
            card.title
        )
        .unwrap();
        for what in What::ALL {
            let (Some(can), Some(said)) = (cause.says(what), card.about(what)) else {
                continue;
            };
            writeln!(
                table,
                "  {:<21} {:<8} {:<7} {}",
                what.as_str(),
                can.as_str(),
                said.confidence.as_str(),
                said.sources.join(", ")
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

fn at(year: i32, month: i32, day: i32) -> i64 {
    Day::new(year, month, day).start_ms() + DAY / 2
}

fn day_of(at_ms: i64) -> String {
    let day = (0..400)
        .flat_map(|month| (1..=31).map(move |day| (2020 + month / 12, month % 12 + 1, day)))
        .map(|(year, month, day)| Day::new(year, month, day))
        .find(|day| (day.start_ms()..day.start_ms() + DAY).contains(&at_ms));
    day.map_or_else(|| at_ms.to_string(), |day| day.to_string())
}

/// States of a support desk's questions, at dates on both sides of every change.
fn cases() -> Vec<(&'static str, State, Vec<i64>)> {
    let from = |as_of_ms: i64| {
        State::at(as_of_ms).with(
            Told::Status(NumberStatus::Connected),
            Origin::Read,
            at(2025, 1, 1),
        )
    };
    let restricted = |word: &str, until_ms: i64| Told::Restricted {
        kind: RestrictionKind::parse(word),
        named: word.into(),
        until_ms: Some(until_ms),
    };
    let blocked = |code: u32| {
        Told::Health(Health {
            overall: Sending::Blocked,
            entities: vec![Entity {
                kind: EntityKind::Account,
                sending: Sending::Blocked,
                codes: vec![code],
            }],
        })
    };
    let (biz, customer) = (
        "RESTRICTED_BIZ_INITIATED_MESSAGING",
        "RESTRICTED_CUSTOMER_INITIATED_MESSAGING",
    );
    let eras = vec![at(2025, 10, 5), at(2025, 10, 8), at(2026, 11, 29)];
    let now = at(2026, 11, 30);
    vec![
        (
            "Q9: rated low",
            from(now).with(Told::Rating(Score::Red), Origin::Read, at(2025, 10, 4)),
            eras.clone(),
        ),
        (
            "Q10: flagged",
            from(now).with(
                Told::Status(NumberStatus::Flagged),
                Origin::Webhook,
                at(2025, 10, 4),
            ),
            eras,
        ),
        (
            "Q5: the limit is used up",
            from(now)
                .with(
                    Told::Limit(MessagingLimit::People(1_000)),
                    Origin::Read,
                    at(2025, 10, 4),
                )
                .with(
                    Told::Reached {
                        people: 1_000,
                        frees_at_ms: None,
                    },
                    Origin::Count,
                    at(2025, 10, 4),
                ),
            vec![at(2025, 10, 5), at(2025, 10, 8)],
        ),
        (
            "Q8: a scheduled disable",
            from(at(2026, 11, 26)).with(
                Told::Ban(BanTold::Scheduled(Some(Day::new(2026, 11, 28).start_ms()))),
                Origin::Webhook,
                at(2026, 11, 25),
            ),
            vec![at(2026, 11, 27), at(2026, 11, 28), at(2026, 11, 30)],
        ),
        (
            "Q8: 3 days without templates, asked in advance",
            from(at(2026, 11, 26)).with(
                restricted(biz, at(2026, 11, 28)),
                Origin::Webhook,
                at(2026, 11, 25),
            ),
            vec![at(2026, 11, 27), at(2026, 11, 29)],
        ),
        (
            "Q8: the same, nothing read since its end",
            from(now).with(
                restricted(biz, at(2026, 11, 28)),
                Origin::Webhook,
                at(2026, 11, 25),
            ),
            vec![now],
        ),
        (
            "Q8: 7 days without any message, new numbers for 30",
            from(now)
                .with(
                    restricted(biz, at(2026, 12, 6)),
                    Origin::Webhook,
                    at(2026, 11, 29),
                )
                .with(
                    restricted(customer, at(2026, 12, 6)),
                    Origin::Webhook,
                    at(2026, 11, 29),
                )
                .with(
                    restricted("RESTRICTED_ADD_PHONE_NUMBER_ACTION", at(2026, 12, 29)),
                    Origin::Webhook,
                    at(2026, 11, 29),
                ),
            vec![now, at(2026, 12, 10)],
        ),
        (
            "Q8: answers restricted alone",
            from(now).with(
                restricted(customer, at(2026, 12, 6)),
                Origin::Webhook,
                at(2026, 11, 29),
            ),
            vec![now],
        ),
        (
            "Q8: a lock",
            from(now).with(blocked(141_008), Origin::Read, at(2026, 11, 29)),
            vec![now],
        ),
        (
            "Q8: 131031, nothing read since",
            from(now).with(Told::Failed(131_031), Origin::Error, at(2026, 11, 29)),
            vec![now],
        ),
        (
            "Q8: disabled",
            from(now).with(
                Told::Ban(BanTold::Disabled),
                Origin::Webhook,
                at(2026, 11, 29),
            ),
            vec![now],
        ),
        (
            "Q8: a payment problem",
            from(now).with(blocked(141_006), Origin::Read, at(2026, 9, 29)),
            vec![at(2026, 9, 30), at(2026, 10, 1)],
        ),
        (
            "Q8: the phone app was disconnected",
            from(now).with(Told::Offboarded, Origin::Webhook, at(2026, 11, 29)),
            vec![now],
        ),
        (
            "Q8: another app has the chat",
            from(now).with(Told::StoodBy, Origin::Webhook, at(2026, 11, 29)),
            vec![now],
        ),
        ("nothing known", State::at(now), vec![now]),
    ]
}

#[test]
fn what_a_support_desk_asks_at_dates_before_and_after() {
    let guide = Guide::this();
    let mut told = String::new();
    for (name, state, dates) in cases() {
        for at_ms in dates {
            let advance = if at_ms > state.as_of_ms {
                ", in advance"
            } else {
                ""
            };
            writeln!(told, "{name}, on {}{advance}", day_of(at_ms)).unwrap();
            let matrix = capabilities(&state, at_ms);
            for cell in &matrix.cells {
                let said = guide
                    .cause(cell.cause)
                    .and_then(|card| card.about(cell.what))
                    .unwrap();
                let until = cell.until_ms.map(day_of);
                let until = until.map_or_else(String::new, |day| format!(" until {day}"));
                let provided = match cell.provided {
                    Some(Provided::AvailableAfter(after_ms)) => {
                        format!(" read after {}", day_of(after_ms))
                    }
                    None => String::new(),
                };
                writeln!(
                    told,
                    "  {:<21} {}{until}{provided}, {}: {} ({})",
                    cell.what.as_str(),
                    cell.can.as_str(),
                    said.confidence.as_str(),
                    cell.cause.id(),
                    said.sources.join(", ")
                )
                .unwrap();
            }
        }
    }
    insta::assert_snapshot!(told);
}

/// Law 10.
#[test]
fn no_sentence_recommends_a_way_round() {
    for card in Guide::this().causes() {
        let texts = [
            &card.say,
            &card.ends,
            card.unknown.as_ref().unwrap_or(&card.say),
        ];
        for text in texts.map(|text| text.to_lowercase()) {
            for evasion in [
                "another number to",
                "relabel",
                "as utility",
                "new portfolio",
            ] {
                assert!(!text.contains(evasion), "{}: {text}", card.id);
            }
        }
    }
}
