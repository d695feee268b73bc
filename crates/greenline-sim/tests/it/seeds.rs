//! The same seed is the same world.

use greenline_sim::config::Behaviour;
use greenline_sim::{SAMPLE_NUMBER, SimConfig, Unclear};

use crate::support::{SOON, quick, send, start, template, with_receiver};

/// What became of forty sends: each message's id and statuses, in order.
async fn story(seed: u64) -> Vec<(String, Vec<String>)> {
    let config = SimConfig {
        seed,
        behaviour: Behaviour {
            delivered_share: 0.7,
            read_share: 0.5,
            reply_share: 0.5,
            ..Behaviour::default()
        },
        ..quick()
    };
    let (sim, receiver) = with_receiver(config).await;
    let mut ids = Vec::new();
    for person in 0..40 {
        let to = format!("155502{person:05}");
        ids.push(send(&sim, &template(&to, "spring_offer", &[])).await);
    }
    assert!(sim.settle(SOON).await);
    ids.iter()
        .map(|got| (got.wamid(), receiver.statuses(&got.wamid())))
        .collect()
}

#[tokio::test]
async fn a_seed_tells_the_same_story_twice() {
    let (first, second, other) = (story(7).await, story(7).await, story(8).await);
    let statuses = |story: &[(String, Vec<String>)]| -> Vec<Vec<String>> {
        story.iter().map(|(_, statuses)| statuses.clone()).collect()
    };
    assert_eq!(statuses(&first), statuses(&second));
    assert_ne!(statuses(&first), statuses(&other));
}

#[tokio::test]
async fn ids_follow_from_the_seed() {
    let mut ids = Vec::new();
    for seed in [7, 7, 8] {
        let config = SimConfig { seed, ..quick() };
        let sim = start(config).await;
        ids.push(
            send(&sim, &template("15550100123", "spring_offer", &[]))
                .await
                .wamid(),
        );
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
}

#[tokio::test]
async fn people_have_the_same_user_id_in_every_world() {
    let mut ids = Vec::new();
    for seed in [7, 8] {
        let sim = start(SimConfig { seed, ..quick() }).await;
        ids.push(sim.person(SAMPLE_NUMBER, "15550100123").unwrap().user_id);
    }
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn what_is_unclear_differs_between_seeds() {
    let worlds: Vec<Unclear> = (0..64).map(Unclear::drawn).collect();
    assert_eq!(worlds[5], Unclear::drawn(5));
    for open in [
        |world: &Unclear| world.reaction_opens_window,
        |world: &Unclear| world.locked_account_receives,
        |world: &Unclear| world.service_messages_charged,
        |world: &Unclear| world.unpaused_is_reinstated,
        |world: &Unclear| world.no_rating_is_unknown,
        |world: &Unclear| world.yellow_is_good,
        |world: &Unclear| world.limit_refused_at_once,
        |world: &Unclear| world.restriction_of_one_number,
        |world: &Unclear| world.restricted_account_calls,
    ] {
        let yes = worlds.iter().filter(|world| open(world)).count();
        assert!((16..=48).contains(&yes), "{yes} of 64");
    }
}

#[test]
fn a_config_reads_json_and_refuses_misspelt_keys() {
    let config: SimConfig =
        serde_json::from_str(r#"{"seed": 9, "behaviour": {"read_share": 0.5}}"#).unwrap();
    assert_eq!(config.seed, 9);
    assert!(serde_json::from_str::<SimConfig>(r#"{"sead": 9}"#).is_err());
    let sample = SimConfig::sample();
    let shown = format!("{sample:?}");
    assert!(!shown.contains("sim-app-secret") && !shown.contains("sim-access-token"));
}

/// Every point that is open is listed with the facts that leave it open, and falls both ways.
#[test]
fn every_unclear_point_is_listed_and_falls_both_ways() {
    let fields = serde_json::to_value(Unclear::default()).unwrap();
    let points = Unclear::default().points();
    assert_eq!(points.len(), fields.as_object().unwrap().len());
    for (index, point) in points.iter().enumerate() {
        assert!(!point.facts.is_empty(), "{}", point.name);
        assert_eq!(fields.get(point.name), Some(&point.value), "{}", point.name);
        let first = Unclear::drawn(0).points()[index].value.clone();
        let differs = (1..64).any(|seed| Unclear::drawn(seed).points()[index].value != first);
        assert!(differs, "{}", point.name);
    }
}

#[test]
fn what_is_left_out_of_a_world_is_as_the_documents_read() {
    let config: SimConfig =
        serde_json::from_str(r#"{"unclear": {"locked_account_receives": true}}"#).unwrap();
    let expected = Unclear {
        locked_account_receives: true,
        ..Unclear::default()
    };
    assert_eq!(config.unclear, Some(expected));
}
