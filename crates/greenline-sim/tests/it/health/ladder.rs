//! The general ladder, by what people do.

use greenline_sim::config::Health;
use greenline_sim::{Feedback, Hidden, SAMPLE_NUMBER, Sim, Step, Unclear};

use super::{DAY, HOUR, MINUTE, NEW_ERA_MS, person, rated, round, send, with};
use crate::support::{SOON, template, with_receiver};

fn enforced() -> Health {
    Health {
        enforcement: true,
        ratings: false,
        ..rated()
    }
}

/// Forty messages, a tenth of them reported. How many of them were taken.
async fn conduct(sim: &Sim, from: usize) -> usize {
    let mut taken = 0;
    for n in from..from + 40 {
        let offer = template(&person(n), "spring_offer", &[]);
        taken += usize::from(send(sim, &offer).await.code.is_none());
    }
    sim.advance(MINUTE);
    for n in from..from + 4 {
        sim.feel(SAMPLE_NUMBER, &person(n), Feedback::Report)
            .unwrap();
    }
    sim.advance(HOUR);
    taken
}

#[tokio::test]
async fn bad_conduct_leads_up_the_ladder_step_by_step() {
    let config = with(NEW_ERA_MS, enforced(), Unclear::default());
    let (sim, receiver) = with_receiver(config).await;
    // A warning stops nothing.
    assert_eq!(conduct(&sim, 0).await, 40);
    assert_eq!(sim.truth().accounts[0].step, 1);
    sim.advance(DAY);
    // The next is three days without templates.
    assert_eq!(conduct(&sim, 100).await, 40);
    assert_eq!(sim.truth().accounts[0].restrictions.len(), 2);
    let offer = template(&person(900), "spring_offer", &[]);
    assert_eq!(send(&sim, &offer).await.code, Some(368));
    sim.advance(3 * DAY);
    assert_eq!(send(&sim, &offer).await.code, None);
    sim.advance(DAY);
    // Then seven without any message.
    assert_eq!(conduct(&sim, 200).await, 40);
    assert_eq!(sim.truth().accounts[0].restrictions.len(), 3);
    sim.advance(9 * DAY);
    // Then a lock, and ten days later it is disabled.
    assert_eq!(conduct(&sim, 300).await, 40);
    assert!(sim.truth().accounts[0].locked);
    sim.advance(10 * DAY);
    assert!(sim.truth().accounts[0].disabled);
    assert!(sim.settle(SOON).await);
    let told: Vec<String> = receiver
        .values("account_update")
        .iter()
        .map(|value| {
            let restrictions = value["restriction_info"].as_array().map_or(0, Vec::len);
            let ban = value["ban_info"]["waba_ban_state"].as_str().unwrap_or("-");
            format!("{} {restrictions} {ban}", value["event"]).replace('"', "")
        })
        .collect();
    assert_eq!(
        told,
        [
            "ACCOUNT_VIOLATION 0 -",
            "ACCOUNT_RESTRICTION 2 -",
            "ACCOUNT_RESTRICTION 3 -",
            "DISABLED_UPDATE 0 SCHEDULE_FOR_DISABLE",
            "DISABLED_UPDATE 0 DISABLE",
        ]
    );
}

/// Whether a restriction of templates holds for one number alone: the world says (ENF-10).
#[tokio::test]
async fn a_restriction_may_hold_for_one_number_alone() {
    for one in [false, true] {
        let unclear = Unclear {
            restriction_of_one_number: one,
            ..Unclear::default()
        };
        let health = Health {
            hidden: Some(Hidden {
                ladder: vec![Step::Templates(3)],
                ..round()
            }),
            ..enforced()
        };
        let mut config = with(NEW_ERA_MS, health, unclear);
        let account = &mut config.businesses[0].accounts[0];
        let mut second = account.numbers[0].clone();
        second.id = "301500000000002".to_owned();
        second.display_number = "+1 555 010 0002".to_owned();
        account.numbers.push(second);
        let (sim, _receiver) = with_receiver(config).await;
        assert_eq!(conduct(&sim, 0).await, 40);
        let offer = template(&person(900), "spring_offer", &[]);
        assert_eq!(send(&sim, &offer).await.code, Some(368));
        let other = super::send_from(&sim, "301500000000002", &offer).await;
        assert_eq!(other.code, (!one).then_some(368));
    }
}
