//! The limit of different people: used up, freed, growing in both eras. Speeds, and the bound for each person.

use greenline_sim::config::Health;
use greenline_sim::{
    HealthState, Inbound, SAMPLE_NUMBER, SAMPLE_PORTFOLIO, Script, Sim, SimConfig, Unclear,
};

use super::{DAY, HOUR, MINUTE, NEW_ERA_MS, OLD_ERA_MS, person, read, round, send, with};
use crate::support::{SOON, start, template, text, with_receiver};

fn limited() -> Health {
    Health {
        limits: true,
        hidden: Some(round()),
        ..Health::scripted()
    }
}

async fn update(sim: &Sim, n: usize) -> Option<u32> {
    let update = template(&person(n), "order_update", &["1"]);
    send(sim, &update).await.code
}

async fn limit(sim: &Sim) -> String {
    let path = format!("/{SAMPLE_NUMBER}?fields=messaging_limit_tier");
    let number = read(sim, &path).await;
    number["messaging_limit_tier"].as_str().unwrap().to_owned()
}

fn set(sim: &Sim, tier: &str) {
    let script = Script::number(SAMPLE_NUMBER, HealthState::Limit).value(tier);
    sim.script(&script).unwrap();
}

#[tokio::test]
async fn so_many_different_people_within_24_hours_and_no_more() {
    for (start_ms, on_delivery) in [(NEW_ERA_MS, true), (NEW_ERA_MS, false), (OLD_ERA_MS, true)] {
        let health = Health {
            verified: false,
            ..limited()
        };
        let unclear = Unclear {
            limit_counts_on_delivery: on_delivery,
            ..Unclear::default()
        };
        let sim = start(with(start_ms, health, unclear)).await;
        set(&sim, "TIER_250");
        for n in 0..250 {
            assert_eq!(update(&sim, n).await, None, "{n}");
        }
        if on_delivery {
            sim.advance(MINUTE);
        }
        let old = start_ms == OLD_ERA_MS;
        assert_eq!(update(&sim, 900).await, Some(131_048));
        let path = format!("/{SAMPLE_NUMBER}?fields=status");
        let expected = if old { "RESTRICTED" } else { "CONNECTED" };
        assert_eq!(read(&sim, &path).await["status"], expected);
        if !old {
            // Whoever was reached takes no other place.
            assert_eq!(update(&sim, 3).await, None);
        }
        // Whoever wrote is answered, and a template in the window counts for nothing (QL-10).
        let who = person(901);
        sim.inbound(&Inbound::text(SAMPLE_NUMBER, &who, "Hi"))
            .unwrap();
        assert_eq!(send(&sim, &text(&who, "Hello")).await.code, None);
        assert_eq!(update(&sim, 901).await, None);
        sim.advance(DAY - 2 * MINUTE);
        assert_eq!(update(&sim, 902).await, Some(131_048));
        sim.advance(3 * MINUTE);
        assert_eq!(update(&sim, 902).await, None);
        assert_eq!(read(&sim, &path).await["status"], "CONNECTED");
    }
}

/// Since October 2025: half used and good quality raise it within hours, one step (QL-22).
#[tokio::test]
async fn a_portfolio_grows_when_half_is_used_and_quality_is_good() {
    for (rating, yellow_is_good, raised) in [
        (HealthState::RatedGreen, false, true),
        (HealthState::RatedYellow, true, true),
        (HealthState::RatedYellow, false, false),
        (HealthState::RatedRed, true, false),
    ] {
        let unclear = Unclear {
            yellow_is_good,
            ..Unclear::default()
        };
        let (sim, receiver) = with_receiver(with(NEW_ERA_MS, limited(), unclear)).await;
        sim.script(&Script::number(SAMPLE_NUMBER, rating)).unwrap();
        for n in 0..999 {
            assert_eq!(update(&sim, n).await, None);
        }
        sim.advance(6 * HOUR);
        assert_eq!(limit(&sim).await, "TIER_2K", "one is missing");
        assert_eq!(update(&sim, 999).await, None);
        sim.advance(7 * HOUR);
        let expected = if raised { "TIER_10K" } else { "TIER_2K" };
        assert_eq!(limit(&sim).await, expected);
        assert!(sim.settle(SOON).await);
        let told = receiver.values("business_capability_update");
        let alerts = receiver.values("account_alerts");
        assert_eq!(
            (told.len(), alerts.len()),
            if raised { (1, 0) } else { (0, 1) }
        );
        if raised {
            assert_eq!(told[0]["max_daily_conversations_per_business"], 10_000);
        } else {
            assert_eq!(
                alerts[0]["alert_info"]["alert_type"],
                "INCREASED_CAPABILITIES_ELIGIBILITY_DEFERRED"
            );
        }
    }
}

/// A new portfolio begins at 250 and gets 2,000 by verification (QL-21).
#[tokio::test]
async fn a_verified_portfolio_gets_2000() {
    let health = Health {
        verified: false,
        ..limited()
    };
    let unclear = Unclear {
        limit_told_as_tier: true,
        ..Unclear::default()
    };
    let (sim, receiver) = with_receiver(with(NEW_ERA_MS, health, unclear)).await;
    set(&sim, "TIER_250");
    sim.advance(2 * DAY);
    assert_eq!(limit(&sim).await, "TIER_250");
    let mut verified = Script::number(SAMPLE_NUMBER, HealthState::Verified);
    verified.number = None;
    verified.portfolio = Some(SAMPLE_PORTFOLIO.to_owned());
    sim.script(&verified).unwrap();
    sim.advance(6 * HOUR);
    assert_eq!(limit(&sim).await, "TIER_2K");
    assert!(sim.settle(SOON).await);
    let told = receiver.values("business_capability_update");
    let tiers: Vec<_> = told
        .iter()
        .map(|value| value["max_daily_conversations_per_business"].clone())
        .collect();
    assert_eq!(tiers, ["TIER_250", "TIER_2K"]);
}

/// Until October 2025: half used and not low raise the number's own limit after a day (QL-16).
#[tokio::test]
async fn a_number_grew_when_half_was_used() {
    for (rating, raised) in [
        (HealthState::RatedYellow, true),
        (HealthState::RatedRed, false),
    ] {
        let config = with(OLD_ERA_MS, limited(), Unclear::default());
        let (sim, receiver) = with_receiver(config).await;
        set(&sim, "TIER_250");
        sim.script(&Script::number(SAMPLE_NUMBER, rating)).unwrap();
        for n in 0..125 {
            assert_eq!(update(&sim, n).await, None);
        }
        sim.advance(23 * HOUR);
        assert_eq!(limit(&sim).await, "TIER_250");
        sim.advance(4 * HOUR);
        let expected = if raised { "TIER_1K" } else { "TIER_250" };
        assert_eq!(limit(&sim).await, expected);
        assert!(sim.settle(SOON).await);
        let told = receiver.values("phone_number_quality_update");
        let upgrade = told.iter().find(|value| value["event"] == "UPGRADE");
        assert_eq!(upgrade.is_some(), raised);
        if let Some(upgrade) = upgrade {
            assert_eq!(upgrade["old_limit"], "TIER_250");
            assert_eq!(upgrade["current_limit"], "TIER_1K");
        }
    }
}

/// One message to one person every six seconds, 45 at once, then the debt is repaid (SND-45).
#[tokio::test]
async fn a_burst_to_one_person_ends_with_131056() {
    for (repaid_first, at_once) in [(true, true), (false, false)] {
        let health = Health {
            speeds: true,
            ..Health::scripted()
        };
        let unclear = Unclear {
            pair_burst_is_repaid_first: repaid_first,
            pair_limit_refused_at_once: at_once,
            ..Unclear::default()
        };
        let (sim, receiver) = with_receiver(with(NEW_ERA_MS, health, unclear)).await;
        for _ in 0..45 {
            assert_eq!(update(&sim, 1).await, None);
        }
        let over = template(&person(1), "order_update", &["1"]);
        let over = send(&sim, &over).await;
        assert_eq!(over.code, at_once.then_some(131_056));
        assert_eq!(update(&sim, 2).await, None, "others go on");
        sim.advance(MINUTE);
        assert!(sim.settle(SOON).await);
        if let Some(id) = over.id {
            assert_eq!(receiver.failure(&id), Some(131_056));
        }
        let refused = update(&sim, 1).await;
        assert_eq!(refused, repaid_first.then_some(131_056));
        sim.advance(4 * MINUTE);
        assert_eq!(update(&sim, 1).await, None);
    }
}

#[tokio::test]
async fn a_number_sends_80_a_second() {
    let health = Health {
        speeds: true,
        ..Health::scripted()
    };
    let sim = start(with(NEW_ERA_MS, health, Unclear::default())).await;
    for n in 0..80 {
        assert_eq!(update(&sim, n).await, None);
    }
    assert_eq!(update(&sim, 80).await, Some(130_429));
    sim.advance(std::time::Duration::from_secs(1));
    assert_eq!(update(&sim, 80).await, None);
}

/// A person gets only so much marketing a day; not where the bound is not in force (SND-30, SND-33).
#[tokio::test]
async fn marketing_to_one_person_is_bounded() {
    let health = Health {
        per_person: true,
        ..Health::scripted()
    };
    let config = with(NEW_ERA_MS, health, Unclear::default());
    let (sim, receiver) = with_receiver(config).await;
    let german = "4915550100".to_owned();
    let mut failures = Vec::new();
    for who in [person(1), german] {
        let mut failed = 0;
        for _ in 0..8 {
            let offer = template(&who, "spring_offer", &[]);
            let id = send(&sim, &offer).await.id.unwrap();
            sim.advance(MINUTE);
            assert!(sim.settle(SOON).await);
            failed += usize::from(receiver.failure(&id) == Some(131_049));
        }
        failures.push(failed);
        assert_eq!(
            send(&sim, &template(&who, "order_update", &["1"]))
                .await
                .code,
            None
        );
    }
    assert!((3..=7).contains(&failures[0]), "{failures:?}");
    assert_eq!(failures[1], 0);
}

/// Whoever has no WhatsApp is not reached (SND-48), and takes no place under the limit.
#[tokio::test]
async fn whoever_has_no_whatsapp_fails_and_gives_the_place_back() {
    let mut health = Health {
        people_react: true,
        verified: false,
        ..limited()
    };
    health.people.unreachable_share = 1.0;
    let config = SimConfig {
        unclear: Some(Unclear {
            limit_counts_on_delivery: false,
            ..Unclear::default()
        }),
        ..with(NEW_ERA_MS, health, Unclear::default())
    };
    let (sim, receiver) = with_receiver(config).await;
    let answer = send(&sim, &template(&person(1), "order_update", &["1"])).await;
    sim.advance(MINUTE);
    assert!(sim.settle(SOON).await);
    assert_eq!(receiver.failure(&answer.id.unwrap()), Some(131_026));
    assert_eq!(sim.truth().portfolios[0].reached_in_a_day, 0);
}
