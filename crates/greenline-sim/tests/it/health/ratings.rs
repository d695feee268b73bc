//! A number's rating falls and recovers, is flagged in its time, and leads to the spam limit.

use std::collections::BTreeMap;

use greenline_sim::config::{Crowd, Health};
use greenline_sim::{
    Cause, Feedback, HealthState, Hidden, QuietNumber, SAMPLE_NUMBER, Script, Sim, Transition,
    Unclear,
};

use super::{DAY, HOUR, MINUTE, NEW_ERA_MS, OLD_ERA_MS, person, rated, read, round, send, with};
use crate::support::{SOON, start, template, text, with_receiver};

/// So many people get an update from now on, and so many of them block.
async fn sent(sim: &Sim, people: std::ops::Range<usize>, blocks: usize) {
    for n in people.clone() {
        let update = template(&person(n), "order_update", &["1"]);
        assert_eq!(send(sim, &update).await.status, 200);
    }
    sim.advance(MINUTE);
    for n in people.take(blocks) {
        sim.feel(SAMPLE_NUMBER, &person(n), Feedback::Block)
            .unwrap();
    }
}

async fn rating(sim: &Sim) -> String {
    let number = read(sim, &format!("/{SAMPLE_NUMBER}?fields=quality_rating")).await;
    number["quality_rating"].as_str().unwrap().to_owned()
}

/// The changes of one thing, as `from>to`.
fn changes(timeline: &[Transition], object: &str, what: &str) -> Vec<String> {
    timeline
        .iter()
        .filter(|change| change.object == object && change.what == what)
        .map(|change| format!("{}>{}", change.from, change.to))
        .collect()
}

#[tokio::test]
async fn blocks_lower_the_rating_and_a_quiet_week_heals_it_and_no_webhook_says_so() {
    for (quiet, after) in [
        (QuietNumber::Green, "GREEN"),
        (QuietNumber::Keeps, "RED"),
        (QuietNumber::Unrated, "NA"),
    ] {
        let unclear = Unclear {
            quiet_number: quiet,
            ..Unclear::default()
        };
        let (sim, receiver) = with_receiver(with(NEW_ERA_MS, rated(), unclear)).await;
        sent(&sim, 0..19, 3).await;
        assert_eq!(rating(&sim).await, "GREEN", "too few to be judged");
        sent(&sim, 20..60, 1).await;
        // 4 of 59.
        assert_eq!(rating(&sim).await, "RED");
        let truth = sim.truth();
        let number = &truth.numbers[0];
        assert_eq!(number.mood.delivered, 59);
        assert_eq!(number.mood.causes, BTreeMap::from([(Cause::Script, 4)]));
        assert!(number.mood.bad_share > 0.06 && number.mood.bad_share < 0.07);
        sim.advance(8 * DAY);
        assert_eq!(rating(&sim).await, after);
        assert!(sim.settle(SOON).await);
        assert!(receiver.values("phone_number_quality_update").is_empty());
        assert!(receiver.values("account_update").is_empty());
    }
}

/// Newer messages weigh more (QL-02): without that, 3 of 100 would still be YELLOW.
#[tokio::test]
async fn newer_messages_weigh_more() {
    let sim = start(with(NEW_ERA_MS, rated(), Unclear::default())).await;
    sent(&sim, 0..40, 3).await;
    assert_eq!(rating(&sim).await, "RED");
    sim.advance(5 * DAY);
    // The spam limit that came meanwhile is not what this is about.
    sim.script(&Script::number(SAMPLE_NUMBER, HealthState::Connected))
        .unwrap();
    sent(&sim, 100..160, 0).await;
    sim.advance(HOUR);
    assert_eq!(rating(&sim).await, "GREEN");
    let timeline = sim.timeline(0);
    assert_eq!(
        changes(&timeline, "number", "rating"),
        ["GREEN>YELLOW", "YELLOW>RED", "RED>GREEN"]
    );
}

/// Until October 2025: flagged, watched for seven days, one step down or back (QL-16).
#[tokio::test]
async fn a_low_number_was_flagged_and_lost_a_step_unless_it_got_better() {
    for (better, events, limit) in [
        (false, vec!["FLAGGED", "DOWNGRADE"], "TIER_1K"),
        (true, vec!["FLAGGED", "UNFLAGGED"], "TIER_10K"),
    ] {
        let mut health = rated();
        health.hidden = Some(Hidden {
            spam_after_h: 1_000,
            ..round()
        });
        let (sim, receiver) = with_receiver(with(
            OLD_ERA_MS,
            health,
            Unclear {
                quiet_number: QuietNumber::Keeps,
                ..Unclear::default()
            },
        ))
        .await;
        let number = |state| Script::number(SAMPLE_NUMBER, state);
        sim.script(&number(HealthState::Limit).value("TIER_10K"))
            .unwrap();
        sent(&sim, 0..40, 4).await;
        let status = format!(
            "/{SAMPLE_NUMBER}?fields=status,messaging_limit_tier,whatsapp_business_manager_messaging_limit"
        );
        let shown = read(&sim, &status).await;
        assert_eq!(shown["status"], "FLAGGED");
        assert_eq!(shown["messaging_limit_tier"], "TIER_10K");
        assert!(
            shown
                .get("whatsapp_business_manager_messaging_limit")
                .is_none()
        );
        if better {
            sim.advance(3 * DAY);
            sent(&sim, 100..400, 0).await;
        }
        sim.advance(8 * DAY);
        let shown = read(&sim, &status).await;
        assert_eq!(shown["status"], "CONNECTED");
        assert_eq!(shown["messaging_limit_tier"], limit);
        assert!(sim.settle(SOON).await);
        let told: Vec<_> = receiver
            .values("phone_number_quality_update")
            .iter()
            .map(|value| value["event"].clone())
            .collect();
        assert_eq!(told, events);
    }
}

/// 7 October 2025: an open watch lapses, the portfolio gets the highest limit of its numbers (QL-17, QL-20).
#[tokio::test]
async fn on_7_october_2025_the_watch_lapses_and_the_portfolio_gets_the_highest_limit() {
    let start_ms = OLD_ERA_MS + 33 * 86_400_000;
    for (own, lifted, shared) in [
        ("TIER_10K", false, "TIER_10K"),
        ("TIER_1K", false, "TIER_1K"),
        ("TIER_1K", true, "TIER_2K"),
    ] {
        let unclear = Unclear {
            limit_1k_became_2k: lifted,
            quiet_number: QuietNumber::Keeps,
            ..Unclear::default()
        };
        let (sim, receiver) = with_receiver(with(start_ms, rated(), unclear)).await;
        let limit = Script::number(SAMPLE_NUMBER, HealthState::Limit).value(own);
        sim.script(&limit).unwrap();
        sent(&sim, 0..40, 4).await;
        sim.advance(10 * DAY);
        let shown = read(
            &sim,
            &format!("/{SAMPLE_NUMBER}?fields=status,messaging_limit_tier,whatsapp_business_manager_messaging_limit"),
        )
        .await;
        assert_eq!(shown["status"], "CONNECTED");
        assert_eq!(shown["messaging_limit_tier"], shared);
        assert_eq!(shown["whatsapp_business_manager_messaging_limit"], shared);
        assert!(sim.settle(SOON).await);
        let told = receiver.values("phone_number_quality_update");
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0]["event"], "FLAGGED");
    }
}

/// Long RED leads to the spam limit, which lets some templates through; it ends with the RED (QL-09).
#[tokio::test]
async fn long_low_quality_leads_to_the_spam_limit() {
    let sim = start(with(NEW_ERA_MS, rated(), Unclear::default())).await;
    sent(&sim, 0..40, 4).await;
    sim.advance(50 * HOUR);
    assert!(sim.truth().numbers[0].spam_limited);
    let mut codes = Vec::new();
    for n in 200..207 {
        let update = template(&person(n), "order_update", &["1"]);
        codes.push(send(&sim, &update).await.code);
    }
    let over = Some(131_048);
    assert_eq!(codes, [None, None, None, None, None, over, over]);
    sim.advance(8 * DAY);
    assert!(!sim.truth().numbers[0].spam_limited);
    let update = template(&person(300), "order_update", &["1"]);
    assert_eq!(send(&sim, &update).await.code, None);
}

/// A script's rating holds until its end, whatever people do.
#[tokio::test]
async fn a_rating_by_script_holds_until_its_end() {
    let sim = start(with(NEW_ERA_MS, rated(), Unclear::default())).await;
    let until_ms = NEW_ERA_MS + 86_400_000;
    let red = Script::number(SAMPLE_NUMBER, HealthState::RatedRed).until(until_ms);
    sim.script(&red).unwrap();
    sent(&sim, 0..60, 0).await;
    sim.advance(20 * HOUR);
    assert_eq!(rating(&sim).await, "RED");
    sim.advance(5 * HOUR);
    assert_eq!(rating(&sim).await, "GREEN");
}

/// People by themselves: who never agreed takes it badly, and the truth says why.
#[tokio::test]
async fn people_who_never_agreed_lower_the_rating_and_the_truth_says_why() {
    let mut shares = Vec::new();
    for agreed_share in [1.0, 0.1] {
        let health = Health {
            people_react: true,
            people: Crowd {
                agreed_share,
                ..Crowd::default()
            },
            hidden: Some(round()),
            ..rated()
        };
        let sim = start(with(NEW_ERA_MS, health, Unclear::default())).await;
        for n in 0..300 {
            let offer = template(&person(n), "stay_in_touch", &[]);
            assert_eq!(send(&sim, &offer).await.status, 200);
        }
        sim.advance(DAY);
        let truth = sim.truth();
        let mood = &truth.numbers[0].mood;
        assert_eq!(mood.delivered, 300);
        shares.push(mood.bad_share);
        let unasked = mood.causes.get(&Cause::NoConsent).copied().unwrap_or(0);
        let all: u32 = mood.causes.values().sum();
        if agreed_share < 0.5 {
            assert_eq!(truth.numbers[0].rating, "RED");
            assert!(unasked * 10 > all * 8, "{:?}", mood.causes);
        } else {
            assert_eq!(unasked, 0);
        }
        let feelings = sim.feelings(0);
        assert_eq!(feelings.len(), usize::try_from(all).unwrap());
        assert!(
            feelings
                .iter()
                .all(|feeling| feeling.template == Some(901_500_000_000_004))
        );
        // Whoever blocked gets nothing any more, and nobody says so (OPT-33).
        let blocked = (0..300)
            .map(person)
            .find(|who| !sim.person(SAMPLE_NUMBER, who).unwrap().blocks.is_empty());
        if let Some(who) = blocked {
            let before = sim.truth().numbers[0].mood.delivered;
            assert_eq!(
                send(&sim, &template(&who, "order_update", &["1"]))
                    .await
                    .code,
                None
            );
            sim.advance(MINUTE);
            assert_eq!(sim.truth().numbers[0].mood.delivered, before);
        }
    }
    assert!(shares[1] > 4.0 * shares[0], "{shares:?}");
}

/// Too much of it is a reason of its own.
#[tokio::test]
async fn people_who_get_too_much_say_so() {
    let health = Health {
        people_react: true,
        people: Crowd {
            agreed_share: 1.0,
            ..Crowd::default()
        },
        ..rated()
    };
    let sim = start(with(NEW_ERA_MS, health, Unclear::default())).await;
    for _day in 0..6 {
        for n in 0..40 {
            for _ in 0..3 {
                let offer = template(&person(n), "stay_in_touch", &[]);
                send(&sim, &offer).await;
            }
        }
        sim.advance(DAY);
    }
    let truth = sim.truth();
    let causes = &truth.numbers[0].mood.causes;
    let often = causes.get(&Cause::TooOften).copied().unwrap_or(0);
    let all: u32 = causes.values().sum();
    assert!(often * 2 > all && often > 10, "{causes:?}");
    // An answer in a window annoys hardly anybody.
    sim.inbound(&greenline_sim::Inbound::text(
        SAMPLE_NUMBER,
        &person(900),
        "Hi",
    ))
    .unwrap();
    assert_eq!(send(&sim, &text(&person(900), "Hello")).await.status, 200);
}
