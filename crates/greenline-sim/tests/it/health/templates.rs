//! Templates: scored, paused for 3 hours, for 6, disabled; paced while new.

use greenline_sim::config::Health;
use greenline_sim::{Feedback, HealthState, SAMPLE_ACCOUNT, SAMPLE_NUMBER, Script, Sim, Unclear};
use http::Method;
use serde_json::{Value, json};

use super::{DAY, HOUR, MINUTE, NEW_ERA_MS, person, rated, round, send, with};
use crate::support::{SOON, TOKEN, template, with_receiver};

/// The sample account's `spring_offer`.
const OFFER: u64 = 901_500_000_000_002;

#[tokio::test]
async fn a_bad_template_is_paused_for_3_hours_then_6_then_disabled() {
    let config = with(NEW_ERA_MS, rated(), Unclear::default());
    let (sim, receiver) = with_receiver(config).await;
    sim.script(&Script::template(OFFER, HealthState::TemplateRed))
        .unwrap();
    let offer = template(&person(1), "spring_offer", &[]);
    for hours in [3, 6] {
        sim.script(&Script::template(OFFER, HealthState::TemplatePaused))
            .unwrap();
        assert_eq!(send(&sim, &offer).await.code, Some(132_015));
        let health = super::read(&sim, &format!("/{OFFER}?fields=health_status")).await;
        assert_eq!(health["health_status"]["can_send_message"], "BLOCKED");
        sim.advance(hours * HOUR - MINUTE);
        assert_eq!(send(&sim, &offer).await.code, Some(132_015));
        sim.advance(MINUTE);
        assert_eq!(send(&sim, &offer).await.code, None);
    }
    sim.script(&Script::template(OFFER, HealthState::TemplatePaused))
        .unwrap();
    assert_eq!(send(&sim, &offer).await.code, Some(132_016));
    sim.advance(DAY);
    assert_eq!(send(&sim, &offer).await.code, Some(132_016));
    assert!(sim.settle(SOON).await);
    let told: Vec<String> = receiver
        .values("message_template_status_update")
        .iter()
        .map(|value| {
            format!("{} {}", value["event"], value["other_info"]["title"]).replace('"', "")
        })
        .collect();
    assert_eq!(
        told,
        [
            "PAUSED FIRST_PAUSE",
            "APPROVED UNPAUSE",
            "PAUSED SECOND_PAUSE",
            "APPROVED UNPAUSE",
            "DISABLED DISABLED",
        ]
    );
    assert_eq!(receiver.values("message_template_quality_update").len(), 1);
}

/// The same by what people do: the score falls, is announced, and the pause follows; after it all is forgiven.
#[tokio::test]
async fn what_people_do_pauses_a_template() {
    let health = Health {
        people_react: true,
        ..rated()
    };
    let config = with(NEW_ERA_MS, health, Unclear::default());
    let (sim, receiver) = with_receiver(config).await;
    for n in 0..60 {
        sim.set_agreed(&person(n), false);
        let offer = template(&person(n), "stay_in_touch", &[]);
        send(&sim, &offer).await;
    }
    sim.advance(DAY);
    assert!(sim.settle(SOON).await);
    let scores = receiver.values("message_template_quality_update");
    assert_eq!(scores.last().unwrap()["new_quality_score"], "RED");
    let statuses = receiver.values("message_template_status_update");
    assert_eq!(statuses[0]["event"], "PAUSED");
    assert_eq!(statuses[1]["event"], "APPROVED");
    assert_eq!(statuses.len(), 2, "nothing new was sent after the pause");
}

async fn new_template(sim: &Sim) -> String {
    let path = format!("/{SAMPLE_ACCOUNT}/message_templates");
    let body = json!({
        "name": "winter_offer", "language": "en_US", "category": "MARKETING",
        "components": [{"type": "BODY", "text": "Winter is here"}],
    });
    let made = sim
        .call(Method::POST, &path, TOKEN, body.to_string())
        .await
        .unwrap();
    assert!(sim.settle(SOON).await, "reviewed");
    let made: Value = serde_json::from_slice(&made.body).unwrap();
    made["id"].as_str().unwrap().to_owned()
}

/// A new marketing template is paced: the first go, the rest waits for what people say (SND-24).
#[tokio::test]
async fn a_new_template_is_paced() {
    for bad in [false, true] {
        let health = Health {
            pacing: true,
            ..rated()
        };
        let config = with(NEW_ERA_MS, health, Unclear::default());
        let (sim, receiver) = with_receiver(config).await;
        let id = new_template(&sim).await;
        let mut sent = Vec::new();
        for n in 0..15 {
            let offer = template(&person(n), "winter_offer", &[]);
            let answer = send(&sim, &offer).await;
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            let expected = if n < 10 {
                "accepted"
            } else {
                "held_for_quality_assessment"
            };
            assert_eq!(body["messages"][0]["message_status"], expected, "{n}");
            sent.push(answer.id.unwrap());
        }
        sim.advance(MINUTE);
        assert!(sim.settle(SOON).await);
        assert_eq!(receiver.statuses(&sent[9]), ["sent", "delivered"]);
        assert!(receiver.statuses(&sent[10]).is_empty());
        assert_eq!(sim.truth().templates[0].held, 5);
        if bad {
            for n in 0..2 {
                sim.feel_about(
                    SAMPLE_NUMBER,
                    &person(n),
                    id.parse().unwrap(),
                    Feedback::Report,
                )
                .unwrap();
            }
        }
        sim.advance(HOUR);
        assert!(sim.settle(SOON).await);
        let expected: &[&str] = if bad {
            &["failed"]
        } else {
            &["sent", "delivered"]
        };
        assert_eq!(receiver.statuses(&sent[14]), expected);
        let next = send(&sim, &template(&person(50), "winter_offer", &[])).await;
        if !bad {
            assert_eq!(next.code, None);
            continue;
        }
        assert_eq!(receiver.failure(&sent[14]), Some(132_015));
        assert_eq!(next.code, Some(132_015));
        // Only the business ends a pause by pacing (SND-23).
        sim.advance(2 * DAY);
        let next = send(&sim, &template(&person(51), "winter_offer", &[])).await;
        assert_eq!(next.code, Some(132_015));
        let unpause = format!("/{id}/unpause");
        sim.call(Method::POST, &unpause, TOKEN, "{}").await.unwrap();
        let next = send(&sim, &template(&person(51), "winter_offer", &[])).await;
        assert_eq!(next.code, None);
    }
}

/// A burst of a portfolio goes in batches, login codes too; bad reactions drop the rest, and nothing goes during the
/// review that follows (SND-25).
#[tokio::test]
async fn a_burst_of_a_portfolio_goes_in_batches() {
    for bad in [false, true] {
        let health = Health {
            portfolio_pacing: true,
            ..rated()
        };
        let config = with(NEW_ERA_MS, health, Unclear::default());
        let (sim, receiver) = with_receiver(config).await;
        let mut sent = Vec::new();
        for n in 0..103 {
            let code = template(&person(n), "login_code", &["12345"]);
            let answer = send(&sim, &code).await;
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            let expected = if n < 100 {
                "accepted"
            } else {
                "held_for_quality_assessment"
            };
            assert_eq!(body["messages"][0]["message_status"], expected, "{n}");
            sent.push(answer.id.unwrap());
        }
        sim.advance(MINUTE);
        if bad {
            for n in 0..5 {
                sim.feel(SAMPLE_NUMBER, &person(n), Feedback::Report)
                    .unwrap();
            }
        }
        sim.advance(HOUR);
        assert!(sim.settle(SOON).await);
        let next = send(&sim, &template(&person(500), "spring_offer", &[])).await;
        if !bad {
            assert_eq!(receiver.statuses(&sent[102]), ["sent", "delivered"]);
            assert_eq!(next.code, None);
            continue;
        }
        assert_eq!(receiver.failure(&sent[102]), Some(132_015));
        assert_eq!(next.code, Some(132_015));
        sim.advance(DAY);
        let next = send(&sim, &template(&person(500), "spring_offer", &[])).await;
        assert_eq!(next.code, None);
        let review: Vec<_> = sim
            .timeline(0)
            .into_iter()
            .filter(|change| change.what == "review")
            .map(|change| change.to)
            .collect();
        assert_eq!(review, ["yes", "no"]);
    }
}

/// Misuse of the utility category: warned, limited (131064), turned into marketing, let off (ENF-20).
#[tokio::test]
async fn misuse_of_utility_leads_up_its_ladder() {
    let health = Health {
        enforcement: true,
        misused: vec!["order_update".to_owned(), "hello_world".to_owned()],
        hidden: Some(round()),
        ..Health::scripted()
    };
    let config = with(NEW_ERA_MS, health, Unclear::default());
    let (sim, receiver) = with_receiver(config).await;
    let name = |name: &str| match name {
        "order_update" => ("order_update", vec!["1"]),
        name => (
            if name == "hello_world" {
                "hello_world"
            } else {
                "spring_offer"
            },
            vec![],
        ),
    };
    let mut n = 0;
    let mut batch = async |which: &str, count: usize| {
        let (template_name, parameters) = name(which);
        let mut codes = Vec::new();
        for _ in 0..count {
            n += 1;
            let update = template(&person(n), template_name, &parameters);
            codes.push(send(&sim, &update).await.code);
        }
        sim.advance(MINUTE);
        codes
    };
    batch("order_update", 5).await;
    assert_eq!(sim.truth().accounts[0].utility_step, 1);
    // The wrong template is marketing after 24 hours of notice.
    sim.advance(DAY + HOUR);
    let category = |sim: &Sim| {
        let changes = sim.timeline(0);
        let last = changes.iter().rfind(|change| change.what == "category");
        last.map(|change| (change.id.clone(), change.to.clone()))
    };
    let marketing = "MARKETING".to_owned();
    assert_eq!(
        category(&sim),
        Some(("901500000000001".to_owned(), marketing.clone()))
    );
    // Once warned, the next is moved at once, and utility is rate limited.
    batch("hello_world", 5).await;
    assert_eq!(
        category(&sim),
        Some(("901500000000007".to_owned(), marketing))
    );
    assert_eq!(sim.truth().accounts[0].utility_step, 2);
    assert!(sim.settle(SOON).await);
    let told: Vec<_> = receiver
        .values("account_update")
        .iter()
        .map(|value| value["violation_info"]["violation_type"].clone())
        .collect();
    assert_eq!(
        told,
        [
            "UTILITY_TEMPLATE_ABUSE",
            "UTILITY_TEMPLATE_ABUSE_RATE_LIMIT"
        ]
    );
    sim.advance(8 * DAY);
    assert!(sim.settle(SOON).await);
    let last = receiver.values("account_update").pop().unwrap();
    assert_eq!(
        last["violation_info"]["violation_type"],
        "UTILITY_TEMPLATE_ABUSE_RATE_LIMIT_RECOVERY"
    );
}

#[tokio::test]
async fn a_rate_limited_account_sends_so_many_utility_templates_a_day() {
    let config = with(NEW_ERA_MS, rated(), Unclear::default());
    let (sim, _receiver) = with_receiver(config).await;
    sim.script(&Script::number(
        SAMPLE_NUMBER,
        HealthState::UtilityRateLimited,
    ))
    .unwrap();
    for n in 0..7 {
        let update = template(&person(n), "order_update", &["1"]);
        assert_eq!(send(&sim, &update).await.code, None);
    }
    let update = template(&person(8), "order_update", &["1"]);
    assert_eq!(send(&sim, &update).await.code, Some(131_064));
    let offer = template(&person(8), "spring_offer", &[]);
    assert_eq!(send(&sim, &offer).await.code, None);
    sim.advance(DAY);
    assert_eq!(send(&sim, &update).await.code, None);
}

/// While utility is restricted its templates go as marketing, and come back afterwards or not.
#[tokio::test]
async fn restricted_utility_goes_as_marketing() {
    for returns in [false, true] {
        let unclear = Unclear {
            utility_returns: returns,
            ..Unclear::default()
        };
        let (sim, receiver) = with_receiver(with(NEW_ERA_MS, rated(), unclear)).await;
        let path = "/901500000000001?fields=category";
        sim.script(&Script::number(
            SAMPLE_NUMBER,
            HealthState::UtilityRestricted,
        ))
        .unwrap();
        assert_eq!(super::read(&sim, path).await["category"], "MARKETING");
        sim.native_stop(SAMPLE_NUMBER, &person(1)).unwrap();
        let update = template(&person(1), "order_update", &["1"]);
        let id = send(&sim, &update).await.id.unwrap();
        let create = json!({"name": "new_update", "language": "en_US", "category": "UTILITY", "components": []});
        let create_path = format!("/{SAMPLE_ACCOUNT}/message_templates");
        let made = sim
            .call(Method::POST, &create_path, TOKEN, create.to_string())
            .await
            .unwrap();
        assert_eq!(made.status, 400);
        sim.advance(8 * DAY);
        assert!(sim.settle(SOON).await);
        assert_eq!(receiver.failure(&id), Some(131_050));
        let expected = if returns { "UTILITY" } else { "MARKETING" };
        assert_eq!(super::read(&sim, path).await["category"], expected);
        let last = receiver.values("account_update").pop().unwrap();
        assert_eq!(
            last["violation_info"]["violation_type"],
            "UTILITY_TEMPLATE_ABUSE_UNBAN"
        );
    }
}
