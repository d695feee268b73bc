//! Packs: which rules were in force when, and when what is known of them is stale.

use greenline_policy::consent::{EventId, Head, Standing, Strength};
use greenline_policy::country::{Country, Place};
use greenline_policy::decide::{
    Facts, Intent, NumberFacts, PersonFacts, Rules, TemplateFacts, Verdict, decide,
};
use greenline_policy::law::Law;
use greenline_policy::pack::{Day, Pack, STALE_DAYS};
use greenline_policy::reach::PortfolioFacts;
use greenline_policy::rule::Rule;

const DAY_MS: i64 = 86_400_000;

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

#[test]
fn days_are_those_of_the_calendar() {
    for (text, days) in [
        ("1970-01-01", 0),
        ("1969-12-31", -1),
        ("2000-02-29", 11_016),
        ("2000-03-01", 11_017),
        ("2024-02-29", 19_782),
        ("2025-04-01", 20_179),
        ("2100-03-01", 47_541),
    ] {
        assert_eq!(day(text).start_ms(), days * DAY_MS, "{text}");
        assert_eq!(day(text).to_string(), text);
    }
    for text in [
        "2025-02-29",
        "2025-13-01",
        "2025-00-10",
        "2025-4-1",
        "",
        "2025-04",
        "x",
    ] {
        assert_eq!(Day::parse(text), None, "{text}");
    }
}

#[test]
fn a_moment_has_the_pack_that_began_last() {
    let at = |text: &str, ms: i64| Pack::at(day(text).start_ms() + ms).version;
    for pack in Pack::ALL {
        let since = pack.since.to_string();
        assert_eq!(pack.version, &since[..7], "a pack is named by its month");
        assert_eq!(at(&since, 0), pack.version);
        assert_ne!(
            at(&since, -1),
            if since == "2022-02-01" {
                ""
            } else {
                pack.version
            }
        );
        assert!(!pack.changed.is_empty() && pack.changed.ends_with('.'));
    }
    assert!(Pack::ALL.is_sorted_by(|one, next| one.since < next.since));
    assert_eq!(at("2025-04-01", -1), "2024-11");
    assert_eq!(at("2025-04-01", 0), "2025-04");
    assert_eq!(Pack::at(i64::MIN), &Pack::ALL[0]);
    assert_eq!(Pack::at(i64::MAX), Pack::ALL.last().unwrap());
}

#[test]
fn every_day_on_a_card_and_in_a_law_begins_a_pack() {
    let begins = |day: Day| Pack::ALL.iter().any(|pack| pack.since == day);
    for rule in Rule::ALL {
        let card = rule.card();
        for dated in card.since.iter().chain(&card.until) {
            assert!(
                begins(dated.day),
                "{}: no pack begins on {}",
                card.id,
                dated.day
            );
            assert!(card.sources.contains(&dated.fact), "{}", card.id);
        }
        if let (Some(since), Some(until)) = (card.since, card.until) {
            assert!(since.day < until.day, "{}", card.id);
        }
    }
    for law in Law::all() {
        assert!(
            law.quiet.since.is_none_or(begins),
            "{}",
            law.country.as_str()
        );
    }
}

#[test]
fn sources_go_stale_after_ninety_days() {
    for pack in Pack::ALL {
        let limit_ms = pack.checked.start_ms() + STALE_DAYS * DAY_MS;
        assert!(!pack.is_stale(limit_ms));
        assert_eq!(pack.warning(limit_ms), None);
        assert!(pack.is_stale(limit_ms + 1));
        let warning = pack.warning(limit_ms + 1).unwrap();
        assert!(warning.contains(pack.version) && warning.contains(&pack.checked.to_string()));
    }
}

/// A marketing template to someone who opted in; with WhatsApp's own stop, or in the United States.
fn answer(native_stop: bool, country: &str, at_ms: i64) -> (Verdict, Vec<Rule>) {
    let covered = Standing::Covered {
        event: EventId(1),
        at_ms: 0,
        strength: Strength::Evidenced,
    };
    let head = Head {
        base: [covered; 5],
        native_stop: native_stop.then_some((EventId(2), 0)),
        ..Head::default()
    };
    let person = PersonFacts {
        head: &head,
        wrote_at_ms: None,
        call_permission_until_ms: None,
        unsettled_until_ms: None,
        place: Place {
            country: Country::parse(country).unwrap(),
            ..Place::default()
        },
        reached_at_ms: None,
        pace: Default::default(),
    };
    let template = TemplateFacts {
        known: true,
        ..TemplateFacts::UNKNOWN
    };
    let facts = Facts {
        people: &[person],
        template: Some(&template),
        number: &NumberFacts::default(),
        portfolio: PortfolioFacts::default(),
    };
    let decision = decide(Intent::Template, &facts, &Rules::default(), at_ms);
    let rules = decision.reasons.iter().map(|reason| reason.rule);
    (decision.verdict, rules.collect())
}

#[test]
fn an_answer_as_of_march_2023_is_by_the_rules_of_march_2023() {
    let (then, today) = (day("2023-03-01").start_ms(), day("2026-11-29").start_ms());
    let allowed = (Verdict::Allow, vec![Rule::Covered]);
    assert_eq!(answer(false, "US", then), allowed);
    assert_eq!(answer(true, "BR", then), allowed);
    assert_eq!(answer(false, "BR", today), allowed);
    let refused = |rule| (Verdict::Refuse, vec![rule, Rule::Covered]);
    assert_eq!(
        answer(false, "US", today),
        refused(Rule::CountryUsMarketing)
    );
    assert_eq!(answer(true, "BR", today), refused(Rule::NativeStop));
    assert_ne!(Pack::at(then), Pack::at(today));
}

#[test]
fn a_rule_begins_with_its_day() {
    for (native_stop, country, since, rule) in [
        (false, "US", "2025-04-01", Rule::CountryUsMarketing),
        (true, "BR", "2024-11-18", Rule::NativeStop),
    ] {
        let begins_ms = day(since).start_ms();
        assert_eq!(rule.card().since.unwrap().day, day(since));
        for before_ms in [begins_ms - 60_000, begins_ms - 1] {
            assert_eq!(answer(native_stop, country, before_ms).0, Verdict::Allow);
        }
        for from_ms in [begins_ms, begins_ms + 60_000] {
            assert_eq!(answer(native_stop, country, from_ms).1[0], rule);
        }
    }
}
